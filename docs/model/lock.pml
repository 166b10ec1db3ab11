/* SPDX-License-Identifier: MIT */
/*
 * comm_shm/lock.c under kill -9: N ranks in processes of their own and the one who supervises
 * them.
 *
 * Each rank allocates (the heap's lock), comes to one collective (the communicator's lock, with
 * an allocation inside), waits for it and leaves. A killer ends up to KILLS of them between any
 * two steps. The supervisor hears of every process that is gone.
 *
 * With ABANDONED the supervisor is in rank 0's process, as in a world that guests have joined,
 * and when that is killed each of the others ends the world for itself (ddp_comm_abandon()).
 *
 * Held: at most one process is inside a lock, none where a dead one has been, and every process
 * that was not killed comes to its end, the supervisor included.
 */

#ifndef N
#define N 2
#endif
#ifndef KILLS
#define KILLS 1
#endif

#define SUPERVISOR N
#define NOBODY 255

/* The two locks. The word is the holder's number plus 1, and SLEEPERS. */
#define COMM 0
#define HEAP 1
#define SLEEPERS 16
#define holder(l) ((word[l] & 15) - 1) /* 255, a byte's -1, where nobody has it */

byte word[2];
bool broken[2];
byte inside[2] = NOBODY; /* ghost: who may touch what the lock guards, dead or alive */

/* The futexes: what each process sleeps on. */
#define ON_WORD(l) (1 + (l))
#define ON_AWAKE 3
byte parked[N + 1];

/* The communicator. */
bool awake[N], waits[N], done[N], has_left[N], life_ended[N];
byte asleep, left_count, arrived;
bool ended, stayed_away;
bool entered_dead; /* ghost: a rank has died inside the communicator */

/* The processes. */
bool killed[N], gone[N], reaped[N], disarmed[N];
byte kills;

/* ---- the futex ---- */

/* While it waits for a lock, the supervisor looks every few milliseconds who has died meanwhile. */
#define unwatched(r) (gone[r] && !reaped[r] && !disarmed[r])
#if N > 2
#define unwatched_dead (unwatched(0) || unwatched(1) || unwatched(2))
#else
#define unwatched_dead (unwatched(0) || unwatched(1))
#endif

inline disarm(r)
{
    disarmed[r] = true;
    recover_lock(HEAP, r);
    break_lock(COMM, r)
}

inline disarm_all()
{
    j = 0;
    do
    :: j == N -> break
    :: j < N && unwatched(j) -> disarm(j); j++
    :: j < N && !unwatched(j) -> j++
    od;
    j = 0
}

inline futex_wait(word_now, value, where)
{
    atomic {
        if
        :: word_now == value -> parked[me] = where
        :: else
        fi
    }
    if
    :: parked[me] == 0
#ifndef FAULT_NO_WATCH
    :: me == SUPERVISOR && (word_now != value || unwatched_dead) ->
        parked[me] = 0; /* the time is over */
        disarm_all()
#endif
    fi
}

inline futex_wake(l)
{
    d_step {
        i = 0;
        do
        :: i > N -> break
        :: else -> parked[i] = (parked[i] == ON_WORD(l) -> 0 : parked[i]); i++
        od;
        i = 0
    }
}

/* ---- lock.c ---- */

inline release_word(l)
{
    d_step { old = word[l]; word[l] = 0 }
    if
    :: old >= SLEEPERS -> futex_wake(l)
    :: else
    fi;
    old = 0
}

inline release(l)
{
    inside[l] = NOBODY;
    release_word(l)
}

/* Spinning is waiting for a change; at any time patience may end, from then on it sleeps. */
inline take(l)
{
#ifdef IMPATIENT
    slow = SLEEPERS;
#else
    slow = 0;
#endif
    do
    :: broken[l] -> ok = false; break
    :: !broken[l] ->
        atomic {
            if
            :: word[l] == 0 -> word[l] = me + 1 + slow; old = 0
            :: else -> old = word[l]
            fi
        }
        if
        :: old == 0 ->
#ifndef FAULT_ENTER_BROKEN
            if
            :: broken[l] -> release_word(l); ok = false
            :: !broken[l] ->
#endif
                atomic {
                    assert(inside[l] == NOBODY && (l == HEAP || !entered_dead));
                    inside[l] = me; ok = true
                }
#ifndef FAULT_ENTER_BROKEN
            fi;
#endif
            break
        :: old != 0 && slow == 0 && (word[l] == 0 || broken[l]) -> old = 0
        :: old != 0 ->
            slow = SLEEPERS;
            if
            :: old >= SLEEPERS -> futex_wait(word[l], old, ON_WORD(l))
            :: old < SLEEPERS ->
                atomic {
                    if
                    :: word[l] == old ->
#ifndef FAULT_NO_SLEEPERS_BIT
                        word[l] = old + SLEEPERS;
#endif
                        old = word[l]
                    :: else -> old = 0
                    fi
                }
                if
                :: old != 0 -> futex_wait(word[l], old, ON_WORD(l))
                :: else
                fi
            fi;
            old = 0
        fi
    od;
    slow = 0; old = 0
}

/* Of a dead holder. */
inline recover_lock(l, r)
{
    if
    :: holder(l) == r ->
        inside[l] = NOBODY; /* what it guarded is whole, or nobody enters any more */
        word[l] = 0
#ifdef FAULT_NO_STIR
        ;
        futex_wake(l)
#endif
    :: holder(l) != r
    fi
#ifndef FAULT_NO_STIR
    /* It may have let go and died before it could wake those who sleep. */
    ;
    futex_wake(l)
#endif
}

inline break_lock(l, r)
{
    if
    :: holder(l) == r -> broken[l] = true; entered_dead = true
    :: else
    fi;
    recover_lock(l, r)
}

/* ---- wait.c, meet.c, comm.c: with the lock held ---- */

inline wake(r)
{
    d_step { waits[r] = false; asleep--; awake[r] = true }
    d_step { parked[r] = (parked[r] == ON_AWAKE -> 0 : parked[r]) }
}

inline wake_all_who(condition)
{
    k = 0;
    do
    :: k == N -> break
    :: k < N && condition -> wake(k); k++
    :: k < N && !condition -> k++
    od;
    k = 0
}

inline look_if_stuck()
{
    if
    :: asleep > 0 && asleep + left_count >= N && !ended ->
        assert(kills > 0 || stayed_away); /* or all come, and nothing hangs */
        ended = true;
        wake_all_who(waits[k])
    :: else
    fi
}

inline leave_locked(r)
{
    d_step { has_left[r] = true; left_count++ }
    look_if_stuck()
}

inline break_up()
{
    ended = true;
    k = 0;
    do
    :: k == N -> break
    :: else ->
        awake[k] = true;
        d_step { parked[k] = (parked[k] == ON_AWAKE -> 0 : parked[k]) }
        k++
    od;
    k = 0
}

/* ---- a rank ---- */

inline allocate()
{
#ifdef NO_HEAP
    skip
#else
    take(HEAP);
    if
    :: ok -> release(HEAP)
    :: else
    fi
#endif
}

inline sleep_until_awake()
{
    do
#ifdef FAULT_ASLEEP_WHEN_ENDED
    :: awake[me] -> break
    :: !awake[me] -> futex_wait(awake[me], false, ON_AWAKE)
#else
    /* Who ended the world without the lock may have woken it before it lay down. */
    :: awake[me] || ended -> break
    :: !(awake[me] || ended) -> futex_wait(awake[me], false, ON_AWAKE)
#endif
    od
}

inline come()
{
    take(COMM);
    if
    :: !ok -> ended /* broken_error() */
    :: ok ->
        allocate();
        ok = true;
        arrived++;
        if
        :: arrived == N ->
            k = 0;
            do
            :: k == N -> break
            :: else ->
                done[k] = true;
                if
                :: waits[k] -> wake(k)
                :: else
                fi;
                k++
            od;
            k = 0
        :: else
        fi;
        release(COMM)
    fi
}

inline wait_for_it()
{
    do
    :: done[me] || ended -> break
    :: !(done[me] || ended) -> /* patience has ended */
        take(COMM);
        if
        :: !ok ->
            awake[me] = false;
            if
            :: done[me] || ended
            :: else -> sleep_until_awake()
            fi
        :: ok && (done[me] || ended) -> release(COMM)
        :: ok && !(done[me] || ended) ->
            awake[me] = false;
            d_step { waits[me] = true; asleep++ }
            look_if_stuck();
            release(COMM);
            sleep_until_awake()
        fi
    :: done[me] || ended -> break
    od
}

inline leave()
{
#ifdef FAULT_TRUST_LIFE
    life_ended[me] = true;
#endif
    take(COMM);
    if
    :: ok -> leave_locked(me); release(COMM)
    :: else
    fi
}

proctype rank(byte me)
{
    byte i, j, k, old, slow;
    bool ok;

    {
        allocate();
        if
        :: come(); wait_for_it()
#ifndef ALL_COME
        :: stayed_away = true
#endif
        fi;
        leave()
    } unless {
        killed[me] -> parked[me] = 0
    }
    gone[me] = true
}

#ifndef ABANDONED
/* ---- who supervises ---- */

inline died(r)
{
    disarm(r);
    take(COMM);
    if
    :: !ok
    :: ok ->
        if
        :: waits[r] -> d_step { waits[r] = false; asleep-- }
        :: else
        fi;
        if
        :: !has_left[r] -> leave_locked(r)
        :: else
        fi;
        release(COMM);
        ok = true
    fi
}

inline bury(r)
{
    was_over = ended;
#ifndef FAULT_TELL_FIRST
    disarm(r);
#endif
    allocate(); /* the text that says how the rank ended */
    died(r);
    if
#ifdef FAULT_TOLD_IS_DONE
    :: !ok && !was_over -> break_up()
    :: ok || was_over
#else
    :: !ok -> break_up()
    :: ok
#endif
    fi
}

inline note_end(r)
{
    if
#ifdef FAULT_TRUST_LIFE
    :: life_ended[r]
    :: !life_ended[r] -> bury(r)
#else
    :: has_left[r] && holder(COMM) != r -> disarm(r)
    :: !(has_left[r] && holder(COMM) != r) -> bury(r)
#endif
    fi
}

active proctype supervisor()
{
    byte me = SUPERVISOR, i, j, k, old, slow, r, count;
    bool ok, was_over;

    atomic {
        run rank(0); run rank(1);
#if N > 2
        run rank(2);
#endif
    }
    do
    :: count == N -> break
    :: count < N ->
        atomic {
            if
            :: gone[0] && !reaped[0] -> r = 0
            :: gone[1] && !reaped[1] -> r = 1
#if N > 2
            :: gone[2] && !reaped[2] -> r = 2
#endif
            fi;
            reaped[r] = true; count++
        }
        note_end(r);
        d_step { r = 0; was_over = false; ok = false }
    od
}

#else
/* ---- a world of guests: rank 0 is its host, and each other process mourns for itself ---- */

proctype guest_listens()
{
    byte i, k;

    gone[0];
    if
    :: killed[0] ->
        recover_lock(HEAP, 0);
        break_lock(COMM, 0);
        broken[COMM] = true;
        futex_wake(COMM);
        break_up()
    :: else
    fi
}

init {
    atomic {
        run rank(0); run rank(1);
#if N > 2
        run rank(2); run guest_listens();
#endif
        run guest_listens()
    }
}
#endif

active proctype killer()
{
    do
    :: kills == KILLS -> break
    :: true -> break
    :: atomic { kills < KILLS && !killed[0] && !gone[0] -> killed[0] = true; kills++ }
#if !defined(ONE_VICTIM) && !defined(ABANDONED)
    :: atomic { kills < KILLS && !killed[1] && !gone[1] -> killed[1] = true; kills++ }
#if N > 2
    :: atomic { kills < KILLS && !killed[2] && !gone[2] -> killed[2] = true; kills++ }
#endif
#endif
    od
}
