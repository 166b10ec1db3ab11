/* SPDX-License-Identifier: MIT */
/*
 * The meeting of comm_shm/meet.c with the waiting of wait.c: N ranks, CALLS calls each on groups
 * of which the last rank is in the first only, every program of them.
 *
 * A rank draws for each call the group, the signature (with VARIANTS 2 they may differ), and
 * whether it blocks or is begun; works are waited for at once, after the next call, or never. It
 * may leave at any time. Critical sections are written out to single stores, with the futex and
 * its lost races.
 *
 * Held: the verdict is never said while a call can complete, and is said whenever nothing can go
 * on; nobody sleeps for ever; a post is not touched by others once its rank has seen it done;
 * every rank ends.
 */

#ifndef N
#define N 2
#endif
#ifndef CALLS
#define CALLS 2
#endif
#ifndef GROUPS
#define GROUPS 1
#endif
#ifndef VARIANTS
#define VARIANTS 1
#endif

#define NONE 15

/* A rank's posts: number 0 in its place, for blocking calls; number 1 of a work that was begun. */
#define post(r, p) ((r) * 2 + (p))
bool done[N * 2], waits[N * 2];
bool owned[N * 2]; /* ghost: others may touch it */

/* The meetings, by group and number. */
#define MEETS (GROUPS * CALLS)
byte arrived[MEETS];  /* how many */
byte who[MEETS];      /* and who */
byte post_of[MEETS * N];
bool variant_of[MEETS], differs[MEETS];

/* The first group is all ranks; the second all but the last. */
#define size_of(g) (N - (g))

/* The communicator. */
bool locked;
bool awake[N] = true, parked[N];
byte lies_in[N] = NONE; /* which of its posts the rank sleeps in */
byte lies_meet[N];
byte asleep, left_count;
bool ended;

inline lock()
{
    atomic { !locked -> locked = true }
}

inline unlock()
{
    locked = false
}

/* ---- with the lock held ---- */

inline wake(r)
{
    if
    :: lies_in[r] != NONE ->
        d_step {
            waits[post(r, lies_in[r])] = false; lies_in[r] = NONE; lies_meet[r] = 0; asleep--
        }
        awake[r] = true;
        parked[r] = false
    :: else
    fi
}

inline look_if_stuck()
{
    if
    :: asleep > 0 && asleep + left_count >= N && !ended ->
        d_step {
            k = 0;
            do
            :: k == N -> break
            :: else ->
                assert(lies_in[k] == NONE ||
                       (!done[post(k, lies_in[k])] &&
                        (arrived[lies_meet[k]] < size_of(lies_meet[k] / CALLS) ||
                         differs[lies_meet[k]])));
                k++
            od;
            k = 0
        }
        ended = true;
        do
        :: k == N -> break
        :: else -> wake(k); k++
        od;
        k = 0
    :: else
    fi
}

/* ddp_post_finish() for each, in the order of ranks. */
inline finish()
{
    k = 0;
    do
    :: k == N -> break
    :: k < N && (who[meet] & (1 << k)) ->
        p = post_of[meet * N + k];
#ifdef FAULT_ASKS_LATE
        done[post(k, p)] = true;
        assert(owned[post(k, p)]);
        if
        :: waits[post(k, p)] -> wake(k)
        :: else
        fi;
#else
        waited = waits[post(k, p)];
        assert(owned[post(k, p)]);
        done[post(k, p)] = true;
#ifndef FAULT_NO_WAKE
        if
        :: waited -> wake(k)
        :: else
        fi;
#endif
#endif
        k++
    :: k < N && !(who[meet] & (1 << k)) -> k++
    od;
    atomic { k = 0; p = 0; waited = false }
}

inline come(number)
{
    atomic {
        done[post(me, number)] = false; waits[post(me, number)] = false;
        owned[post(me, number)] = true
    }
    lock();
    atomic {
        meet = group * CALLS + next[group];
        next[group]++;
        if
        :: arrived[meet] == 0 -> variant_of[meet] = variant
        :: else -> differs[meet] = differs[meet] || variant_of[meet] != variant
        fi;
        post_of[meet * N + me] = number;
        who[meet] = who[meet] | (1 << me);
        arrived[meet]++
    }
    if
    :: arrived[meet] == size_of(group) && !differs[meet] -> finish()
    :: else
    fi;
    unlock()
}

/* ---- wait.c ---- */

inline wait_for(number)
{
    do
    :: done[post(me, number)] -> owned[post(me, number)] = false; break
    :: ended -> break
    :: !done[post(me, number)] && !ended -> /* patience has ended */
        lock();
        if
#ifdef FAULT_NO_SECOND_LOOK
        :: false
#else
        :: done[post(me, number)] || ended -> unlock()
#endif
        :: else ->
            awake[me] = false;
            d_step {
                waits[post(me, number)] = true;
                lies_in[me] = number; lies_meet[me] = meet; asleep++
            }
            look_if_stuck();
            unlock();
            do
            :: awake[me] -> break
            :: else ->
#ifdef FAULT_PARKS_BLINDLY
                parked[me] = true;
#else
                atomic {
                    if
                    :: !awake[me] -> parked[me] = true
                    :: else
                    fi
                }
#endif
                !parked[me]
            od
        fi
    od
}

proctype rank(byte me)
{
    byte next[GROUPS], calls, group, meet, k, p, pending = NONE;
    bool variant, waited, begun;

    do
    :: calls == CALLS || ended -> break
    :: calls < CALLS -> break /* it leaves */
    :: atomic {
            calls < CALLS && !ended -> calls++;
            if
            :: group = 0
#if GROUPS > 1
            :: me < N - 1 -> group = 1
#endif
            fi;
            if
            :: variant = false
#if VARIANTS > 1
            :: variant = true
#endif
            fi;
            if
            :: begun = false
            :: pending == NONE -> begun = true
            fi
        }
        if
        :: begun -> come(1); pending = meet
        :: else -> come(0); wait_for(0)
        fi;
        if
        :: pending != NONE && !ended -> meet = pending; pending = NONE; wait_for(1)
        :: true
        fi;
        atomic { group = 0; meet = 0; variant = false; begun = false }
    od;
    lock();
    left_count++;
    look_if_stuck();
    unlock()
}

init {
    atomic {
        run rank(0); run rank(1);
#if N > 2
        run rank(2);
#endif
#if N > 3
        run rank(3)
#endif
    }
}
