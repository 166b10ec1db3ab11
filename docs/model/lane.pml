/* SPDX-License-Identifier: MIT */
/*
 * comm_shm/lane.c beside the meeting: N ranks, CALLS calls each on one group, every program of
 * them.
 *
 * Each call is drawn: through the lane, or straight to the meeting (its data is long), or, with
 * BEGINS, begun and waited for after the rank's next call; of one of VARIANTS kinds: 0; 1, the
 * same signature called from another line, which only the lane minds; 2, another signature. With
 * EARLY a rank may also leave before any call.
 *
 * Held: of each call number all members say DONE or all say OTHER; no entry is written while
 * somebody may read what stood in it, or read while it is written; the verdict is never said
 * while a call to which all have come alike can complete, and is said whenever nothing can go on;
 * every rank ends.
 *
 * A critical section is one step, but for the one in which a rank looks at the lane: everything
 * else in them is guarded by the lock, or read by one sleeper only (README.md says why that is
 * enough). The futex is in meeting.pml and lock.pml; here to sleep is to wait for `awake`.
 */

#ifndef N
#define N 2
#endif
#ifndef CALLS
#define CALLS 3
#endif
#ifndef VARIANTS
#define VARIANTS 1
#endif

#define ALL ((1 << N) - 1)
#define NONE 15

/* ---- the lane: by member and parity of the call ---- */

byte turn[N * 2], variant_at[N * 2];
byte gone_to[N];
byte sleepers;

/* ---- the meeting, by call; and the members' posts, by member and call ---- */

byte arrived[CALLS], first_variant[CALLS];
bool differs[CALLS];
bool done[N * CALLS];

/* ---- the communicator ---- */

bool locked;
bool awake[N] = true, lies_in_lane[N];
byte lies_at[N] = NONE; /* in which call, or NONE */
byte asleep, left_count;
bool ended;

/* ---- ghosts: only the assertions read them ---- */

bool writing[N * 2];
byte reading[N] = NONE; /* the call whose entries the member may read */
byte said[CALLS];       /* of all who have said something */
#define DONE 1
#define OTHER 2
byte came[CALLS];       /* who has come, to the lane or to the meeting */
bool came_as[CALLS], unlike[CALLS];
byte over_for[CALLS];

#define at(m) ((m) * 2 + (seq & 1))
#define post(r, s) ((r) * CALLS + (s))
#define signature(v) ((v) == 2)

inline note_came()
{
    if
    :: came[seq] == 0 -> came_as[seq] = signature(variant)
    :: else -> unlike[seq] = unlike[seq] || came_as[seq] != signature(variant)
    fi;
    came[seq] = came[seq] | (1 << me)
}

inline note_said(what)
{
    assert(said[seq] == 0 || said[seq] == what);
    said[seq] = what
}

/* A call that nobody has anything to do with any more is forgotten: fewer states. */
inline note_over()
{
    over_for[seq]++;
    if
    :: over_for[seq] == N ->
        k = 0;
        do
        :: k == N -> break
        :: else -> done[post(k, seq)] = false; k++
        od;
        k = 0;
        over_for[seq] = 0; arrived[seq] = 0; first_variant[seq] = 0; differs[seq] = false;
        said[seq] = 0; came[seq] = 0; came_as[seq] = 0; unlike[seq] = false
    :: else
    fi
}

/* ---- with the lock held ---- */

inline wake(r)
{
    lies_at[r] = NONE; lies_in_lane[r] = false; asleep--; awake[r] = true
}

inline wake_lane()
{
#ifdef FAULT_NO_WAKE
    skip
#else
    k = 0;
    do
    :: k == N -> break
    :: k < N && sleepers > 0 && lies_in_lane[k] -> wake(k); k++
    :: else -> k++
    od;
    k = 0
#endif
}

inline look_if_stuck()
{
    if
    :: asleep > 0 && asleep + left_count >= N && !ended ->
        ended = true;
        k = 0;
        do
        :: k == N -> break
        :: k < N && lies_at[k] != NONE ->
            assert(came[lies_at[k]] != ALL || unlike[lies_at[k]]);
            wake(k); k++
        :: else -> k++
        od;
        k = 0
    :: else
    fi
}

inline fall_asleep(in_lane)
{
    awake[me] = false; lies_at[me] = seq; lies_in_lane[me] = in_lane; asleep++;
    look_if_stuck()
}

inline meet_come()
{
    gone_to[me] = seq + 1;
    wake_lane();
    note_came();
    if
    :: arrived[seq] == 0 -> first_variant[seq] = variant
    :: else ->
        differs[seq] = differs[seq] || signature(first_variant[seq]) != signature(variant)
    fi;
    arrived[seq]++;
    if
    :: arrived[seq] == N && !differs[seq] ->
        k = 0;
        do
        :: k == N -> break
        :: else ->
            done[post(k, seq)] = true;
            if
            :: lies_at[k] == seq && !lies_in_lane[k] -> wake(k)
            :: else
            fi;
            k++
        od;
        k = 0
    :: else
    fi
}

/* ---- lane.c ---- */

#define WAIT 0
#define EVERYBODY 1
#define ELSEWHERE 2

#define there(m) (turn[at(m)] == seq + 1)
#define alike(m) (variant_at[at(m)] == variant)
#define waits_for(m) (!there(m) && gone_to[m] <= seq)
#define agrees(m) (there(m) -> alike(m) : gone_to[m] <= seq)
#if N == 2
#define would_wait ((waits_for(0) || waits_for(1)) && agrees(0) && agrees(1))
#elif N == 3
#define would_wait ((waits_for(0) || waits_for(1) || waits_for(2)) && \
                    agrees(0) && agrees(1) && agrees(2))
#else
#define would_wait ((waits_for(0) || waits_for(1) || waits_for(2) || waits_for(3)) && \
                    agrees(0) && agrees(1) && agrees(2) && agrees(3))
#endif

/* Entry j is read; it says what we say, or `found` is ELSEWHERE. */
inline read_entry()
{
    assert(!writing[at(j)]);
    if
    :: alike(j)
    :: else -> found = ELSEWHERE
    fi
}

/* Three loads in three steps: an entry's turn, where its member has gone to, the turn again. */
inline look()
{
    j = (me == 0 -> 1 : 0); /* its own entry agrees */
    found = EVERYBODY;
    do
    :: j >= N || found == ELSEWHERE -> break
    :: else ->
        atomic {
            if
            :: there(j) -> read_entry(); looked = true
            :: else
            fi
        }
        if
        :: !looked ->
            atomic {
                if
                :: gone_to[j] > seq ->
#ifdef FAULT_ONE_LOOK
                    found = ELSEWHERE
#else
                    skip /* since then it may have come, and completed, and gone on */
#endif
                :: else -> found = WAIT; looked = true /* others may still differ */
                fi
            }
            if
            :: !looked && found != ELSEWHERE ->
                atomic {
                    if
                    :: there(j) -> read_entry()
                    :: else -> found = ELSEWHERE
                    fi
                }
            :: else
            fi
        :: else
        fi;
        atomic {
            looked = false;
            j++;
            if
            :: j == me -> j++
            :: else
            fi
        }
    od;
    j = 0
}

inline lane_lie_down()
{
#ifdef FAULT_COUNT_LATE
    atomic { !locked -> locked = true };
    look();
    sleepers++;
#else
    atomic { !locked -> locked = true; sleepers++ };
#ifdef FAULT_NO_SECOND_LOOK
    found = WAIT;
#else
    look();
#endif
#endif
    atomic {
        if
        :: found != WAIT || ended -> awake[me] = true
        :: else -> fall_asleep(true)
        fi;
        locked = false; found = 0
    };
    atomic { awake[me] -> sleepers-- }
}

inline publish()
{
    atomic {
        k = 0;
        do
        :: k == N -> break
        :: else -> /* nobody is left who may read what stands there */
            assert(k == me || reading[k] == NONE || reading[k] == seq ||
                   (reading[k] & 1) != (seq & 1));
            k++
        od;
        k = 0;
        writing[at(me)] = true; variant_at[at(me)] = variant;
#ifdef FAULT_TURN_FIRST
        turn[at(me)] = seq + 1
#endif
    };
    atomic {
        writing[at(me)] = false; reading[me] = seq; turn[at(me)] = seq + 1;
        note_came()
    }
}

inline lane_call()
{
    publish();
    do
    :: look();
        if
        :: found == EVERYBODY ->
            atomic {
                k = 0;
                do
                :: k == N -> break
                :: else -> assert(!writing[at(k)] && there(k)); k++
                od;
                k = 0;
                reading[me] = NONE; clear = seq + 1; found = 0;
                note_said(DONE)
            };
            if
            :: sleepers > 0 -> atomic { !locked -> wake_lane() }
            :: else
            fi;
            atomic { note_over(); break }
        :: found == ELSEWHERE ->
            atomic { reading[me] = NONE; found = 0; note_said(OTHER); is_long = true; break }
        :: found == WAIT ->
            found = 0;
            /* A look that finds the same again changes nothing: it is left out. */
            if
            :: ended -> break
            :: !would_wait
            :: !ended -> lane_lie_down()
            fi
        fi
    od
}

/* ---- wait.c ---- */

inline wait_for()
{
    do
    :: atomic {
            done[post(me, seq)] -> clear = (clear > seq + 1 -> clear : seq + 1);
            note_over(); break
        }
    :: ended -> break
    :: atomic { /* patience has ended */
            !locked && !done[post(me, seq)] && !ended -> fall_asleep(false)
        };
        awake[me]
    od
}

proctype rank(byte me)
{
    byte seq, next, clear, variant, found, j, k, pending = NONE;
    bool looked, is_long, is_begun;

    do
    :: next == CALLS || ended -> break
#ifdef EARLY
    :: next < CALLS -> break /* it leaves */
#endif
    :: atomic {
            next < CALLS && !ended ->
            seq = next; next++;
            if
            :: is_long = false
            :: is_long = true
#ifdef BEGINS
            :: pending == NONE && next < CALLS -> is_long = true; is_begun = true
#endif
            fi;
            if
            :: variant = 0
#if VARIANTS > 1
            :: variant = 1
#endif
#if VARIANTS > 2
            :: variant = 2
#endif
            fi
        };
        if
#ifdef FAULT_NOT_CLEAR
        :: !is_long -> lane_call()
#else
        :: !is_long && clear == seq -> lane_call()
#endif
        :: else -> atomic { is_long = true; note_said(OTHER) }
        fi;
        if
        :: is_long ->
            atomic { !locked -> meet_come() };
            if
            :: is_begun
            :: else -> wait_for()
            fi
        :: else
        fi;
        if
        :: is_begun -> pending = seq; is_begun = false
        :: !is_begun && pending != NONE -> seq = pending; pending = NONE; wait_for()
        :: else
        fi;
        atomic { seq = 0; variant = 0; is_long = false }
    od;
    atomic { !locked -> left_count++; look_if_stuck() }
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
