/* SPDX-License-Identifier: MIT */
/*
 * Work that is shared out (ddp_meet_help() of comm_shm/meet.c): N ranks, CALLS calls each on one
 * group, blocking or begun, each with one share or two or too small to be shared, in meetings
 * whose places are used again. With ENDS the world is ended from outside at any moment.
 *
 * Held: each share is done once; a meeting is finished once, when all its shares are done;
 * whoever works on a share finds its meeting and all its posts as they were; nobody sleeps for
 * ever; every rank ends.
 */

#ifndef N
#define N 2
#endif
#ifndef CALLS
#define CALLS 3
#endif

#define NONE 15
#define NOTHING_TO_TAKE 100
/* One, two, one: so that a late helper's number may fit again. */
#define shares_of(s) (1 + ((s) & 1))

/* The places of meetings; a free one is marked so, the last one freed is used first. */
byte seq_at[CALLS] = NONE;
byte arrived[CALLS], units[CALLS], finished[CALLS];
byte taken[CALLS * N] = NOTHING_TO_TAKE; /* of each member's own shares */
bool present[CALLS * N];

/* Share i is member i mod N's own: how many member m has of all. */
#define own_shares(total, m) (((total) + N - 1 - (m)) / N)
byte freed[CALLS], freed_count, made;

#define post(r, s) ((r) * CALLS + (s))
bool done[N * CALLS];
byte help[N * CALLS] = NONE;

bool locked;
bool awake[N] = true;
byte lies_in[N] = NONE;
byte asleep, left_count;
bool ended;

/* ghosts */
byte times_done[CALLS * 2];
bool finished_once[CALLS];
bool returned[N * CALLS]; /* the data may be gone */

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
    d_step {
        if
        :: lies_in[r] != NONE -> lies_in[r] = NONE; asleep--; awake[r] = true
        :: else
        fi
    }
}

inline end_world()
{
    ended = true;
    d_step {
        k = 0;
        do
        :: k == N -> break
        :: k < N && lies_in[k] != NONE -> lies_in[k] = NONE; asleep--; awake[k] = true; k++
        :: else -> k++
        od;
        k = 0
    }
}

inline look_if_stuck()
{
    if
    :: asleep > 0 && asleep + left_count >= N && !ended ->
        assert(false) /* all come here, and so nothing hangs */
    :: else
    fi
}

inline close(pl)
{
    d_step {
        seq_at[pl] = NONE; arrived[pl] = 0;
        k = 0;
        do
        :: k == N -> break
        :: else ->
            present[pl * N + k] = false;
#ifndef FAULT_STAYS_OPEN
            taken[pl * N + k] = NOTHING_TO_TAKE;
#endif
            k++
        od;
        k = 0;
        freed[freed_count] = pl; freed_count++
    }
}

inline finish(pl)
{
    d_step {
        s = seq_at[pl];
        assert(s != NONE && !finished_once[s]);
        finished_once[s] = true
    }
    j = 0;
    do
    :: j == N -> break
    :: else ->
        atomic { assert(present[pl * N + j]); help[post(j, s)] = NONE; done[post(j, s)] = true }
        if
        :: lies_in[j] == s -> wake(j)
        :: else
        fi;
        j++
    od;
    atomic { j = 0; s = 0 }
    close(pl)
}

inline share_out(pl)
{
#ifndef FAULT_OFFERED_EARLY
    units[pl] = shares_of(seq);
    finished[pl] = 0;
#endif
    j = 0;
    do
    :: j == N -> break
    :: else -> taken[pl * N + j] = 0; j++
    od;
    j = 0;
    do
    :: j == N -> break
    :: else ->
        help[post(j, seq)] = pl;
        j++
    od;
#ifdef FAULT_OFFERED_EARLY
    units[pl] = shares_of(seq);
    finished[pl] = 0;
#endif
    j = 0;
    if
    :: true /* worth waking those who sleep */ ->
        do
        :: j == N -> break
        :: j < N && lies_in[j] == seq -> wake(j); j++
        :: j < N && lies_in[j] != seq -> j++
        od;
        j = 0
    :: true
    fi
}

inline find_place()
{
    d_step {
        j = 0;
        do
        :: j == CALLS || seq_at[j] == seq -> break
        :: else -> j++
        od;
        if
        :: j < CALLS
        :: j == CALLS && freed_count > 0 -> freed_count--; j = freed[freed_count]
        :: j == CALLS && freed_count == 0 -> j = made; made++
        fi;
        place = j; j = 0;
        seq_at[place] = seq
    }
}

inline come()
{
    lock();
    find_place();
    d_step { present[place * N + me] = true; arrived[place]++ }
    if
    :: arrived[place] < N
    :: arrived[place] == N -> share_out(place)
    :: arrived[place] == N ->
        d_step { times_done[seq * 2] = 1; times_done[seq * 2 + 1] = shares_of(seq) - 1 }
        finish(place)
    fi;
    place = NONE;
    unlock()
}

/* ---- ddp_meet_help() ---- */

inline all_present(pl)
{
    d_step {
        assert(seq_at[pl] == mine);
        k = 0;
        do
        :: k == N -> break
        :: else ->
            assert(present[pl * N + k]);
#ifdef DATA_MUST_STAY
            assert(!returned[post(k, mine)]);
#endif
            k++
        od;
        k = 0
    }
}

/* One look at the shares of member j; what it finds there is number, or NOTHING_TO_TAKE. */
inline take(pl)
{
    number = taken[pl * N + j];
    if
    :: number >= NOTHING_TO_TAKE
    :: number < NOTHING_TO_TAKE ->
        if
        :: number >= own_shares(units[pl], j) -> number = NOTHING_TO_TAKE
        :: number < own_shares(units[pl], j) ->
#ifdef FAULT_TAKES_APART
            atomic { taken[pl * N + j] = number + 1; mine = seq_at[pl] }
#else
            atomic { number = taken[pl * N + j]; taken[pl * N + j]++; mine = seq_at[pl] }
            if
            :: number >= own_shares(units[pl], j) -> number = NOTHING_TO_TAKE
            :: else
            fi
#endif
        fi
    fi
}

inline meet_help(pl)
{
    helped = false;
    number = NOTHING_TO_TAKE;
    i = 0;
    do
    :: i == N || number < NOTHING_TO_TAKE -> break
    :: i < N && number >= NOTHING_TO_TAKE ->
        j = (me + i) % N;
        take(pl);
        i++
    od;
    if
    :: number >= NOTHING_TO_TAKE
    :: number < NOTHING_TO_TAKE ->
        number = number * N + j;
        all_present(pl);
        d_step {
            times_done[mine * 2 + number]++;
            assert(times_done[mine * 2 + number] == 1)
        }
        all_present(pl); /* the work is done in between */
#ifdef FAULT_COUNTS_APART
        number = finished[pl] + 1;
        finished[pl] = number;
#else
        atomic { finished[pl]++; number = finished[pl] }
#endif
        j = 0;
        if
        :: number == units[pl] ->
            lock();
            d_step {
                assert(times_done[mine * 2] == 1);
                assert(shares_of(mine) == 1 || times_done[mine * 2 + 1] == 1)
            }
            finish(pl);
            unlock()
        :: else
        fi;
        helped = true
    fi;
    atomic { number = 0; mine = NONE; i = 0; j = 0 }
}

inline withdraw()
{
    lock();
    d_step {
        j = 0;
        do
        :: j == CALLS || seq_at[j] == seq -> break
        :: else -> j++
        od;
        place = j; j = 0
    }
    if
#ifdef FAULT_ALWAYS_WITHDRAWS
    :: place < CALLS ->
#else
    :: place < CALLS && arrived[place] < N ->
#endif
        d_step { present[place * N + me] = false; arrived[place]-- }
        if
        :: arrived[place] == 0 -> close(place)
        :: else
        fi
    :: else
    fi;
    place = NONE;
    unlock()
}

inline wait_for()
{
    do
    :: done[post(me, seq)] -> break
    :: ended ->
        if
        :: done[post(me, seq)]
        :: else -> withdraw(); returned[post(me, seq)] = true
        fi;
        break
    :: !done[post(me, seq)] && !ended ->
        place = help[post(me, seq)];
        if
        :: place != NONE -> meet_help(place)
        :: place == NONE
        fi;
        place = NONE;
        if
        :: helped -> helped = false
        :: !helped ->
            if
            /* To look again changes nothing until something has changed. */
            :: done[post(me, seq)] || ended
            :: lock();
                if
                :: done[post(me, seq)] || ended -> unlock()
                :: else ->
                    d_step { awake[me] = false; lies_in[me] = seq; asleep++ }
                    look_if_stuck();
                    unlock();
                    awake[me]
                fi
            fi
        fi
    od
}

proctype rank(byte me)
{
    byte seq, next, place = NONE, number, mine = NONE, i, j, k, s, pending = NONE;
    bool helped, begun;

    do
    :: next == CALLS || ended -> break
    :: next < CALLS && !ended ->
        atomic {
            seq = next; next++;
            if
            :: begun = false
            :: pending == NONE && next < CALLS -> begun = true
            fi
        }
        come();
        if
        :: begun ->
            pending = seq; begun = false;
            /* ddp_comm_begin(): the last to come sees to it that the work is done. */
            do
            :: place = help[post(me, seq)];
                if
                :: place == NONE -> break
                :: place != NONE ->
                    meet_help(place);
                    place = NONE;
                    if
                    :: helped -> helped = false
                    :: !helped -> break
                    fi
                fi
            od
        :: else ->
            wait_for();
            if
            :: pending != NONE -> seq = pending; pending = NONE; wait_for()
            :: else
            fi
        fi;
        seq = 0
    od;
    lock();
    left_count++;
    look_if_stuck();
    unlock()
}

#ifdef ENDS
active proctype end_it()
{
    byte k;

    lock();
    end_world();
    unlock()
}
#endif

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
