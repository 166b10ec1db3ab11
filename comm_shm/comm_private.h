/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>

#include "comm_shm/comm.h"
#include "comm_shm/cores.h"
#include "comm_shm/lock.h"

/*
 * What the files of comm_shm share: the meeting of a group's members in one collective, and a
 * function per collective that does the work once all are there.
 *
 * A member's n-th call on a group belongs to the group's n-th meeting. Members may run ahead of
 * each other (a work is waited for later), so several meetings can be open at a time.
 *
 * Everything here lies in the communicator's heap. Where ranks run at the same time it is guarded
 * by the communicator's lock, but for what is marked atomic.
 */

typedef struct DdpMeet DdpMeet;

/* One member's part in a meeting. Lives in the rank's place of a blocking call, or in a DdpWork. */
typedef struct {
    DdpCall *call; /* borrowed; its own in a DdpWork */
    DdpGroup *group;
    DdpMeet *meet; /* NULL once it is over, and for a send or receive */
    uint64_t seq;
    uint64_t fingerprint;
    uint64_t place;    /* ddp_call_place() */
    int64_t came_ns;   /* the rank's clock when it made the call */
    int64_t over_ns;   /* once done: when the collective was over */
    int64_t since_ns;  /* when the rank began to wait */
    int last;          /* once done: the rank that came last */
    _Atomic bool done; /* the collective is complete, or failed */
    bool waits;        /* its rank sleeps until it is */
    bool in_lane;      /* its rank waits in the fast lane, not in a meeting */
    bool is_pending;   /* a send or receive that stands in a mailbox */
    bool mismatched;   /* its partner's dtype or shape differs */
    int against_rank;
    const DdpCall *against;  /* (nullable): of that partner, @against_rank */
    char *failed;            /* (nullable): why this call fails though the world goes on */
    _Atomic(DdpMeet *) help; /* a meeting whose work is being shared out */
} DdpPost;

/* Field by field: compilers clear a struct of this size with a slow string instruction. */
static inline void
ddp_post_init(DdpPost *post, DdpCall *call, int64_t came_ns)
{
    post->call = call;
    post->group = NULL;
    post->meet = NULL;
    post->seq = 0;
    post->fingerprint = 0;
    post->place = 0;
    post->came_ns = came_ns;
    post->over_ns = 0;
    post->since_ns = came_ns;
    post->last = -1;
    atomic_store_explicit(&post->done, false, memory_order_relaxed);
    post->waits = post->in_lane = post->is_pending = post->mismatched = false;
    post->against = NULL;
    post->failed = NULL;
    atomic_store_explicit(&post->help, NULL, memory_order_relaxed);
}

/* How many shares of one member's own work are taken; beyond any number while none are offered. */
typedef struct {
    _Alignas(64) _Atomic size_t count;
} DdpTaken;

struct DdpMeet {
    DdpGroup *group;
    uint64_t seq;
    int arrived;
    DdpCallDifference difference;
    bool late;      /* the last to come came after the timeout */
    bool is_mixed;  /* the members came from different places */
    DdpPost *like;  /* the first to come, whom others may join by ddp_turn_call(); NULL: nobody */
    bool unlike;    /* not all of the others did */
    DdpMeet *next;  /* the group's next open meeting, or the next free one */
    int *order;     /* the members that have come, in that order; behind the posts */
    void **buffers; /* scratch of those who do the work, by member; behind the posts */
    int64_t first_ns, last_ns; /* the earliest and the latest clock that came */
    int last;                  /* who brought the latest; the lowest rank of equals */
    size_t units; /* of work; how many of them are a member's own; how many make a share */
    size_t block;
    size_t share;
    DdpTaken *taken; /* of each member's own; behind the posts, none where ranks take turns */
    _Atomic size_t finished;
    DdpPost *posts[]; /* by member; NULL while it has not come */
};

/* A member's place in the fast lane, read by all others: see lane.c. */
typedef struct DdpLane DdpLane;

struct DdpGroup {
    DdpComm *comm; /* borrowed */
    char *name;
    int size;
    int *ranks;         /* by member, rising; NULL for the world, whose members are its ranks */
    uint64_t *next_seq; /* by member: the number of its next call */
    DdpMeet *open;      /* in rising order of seq */
    DdpMeet *free_meets;
    int left;                     /* members that make no further calls */
    DdpLane *lanes;               /* by member; NULL where ranks take turns */
    DdpGroup *side;               /* (nullable): see ddp_group_side() */
    struct DdpCrossing *crossing; /* (nullable): see pairing.c */
    uint64_t call_count[DDP_CALL_KIND_COUNT];
    uint64_t call_bytes[DDP_CALL_KIND_COUNT];
};

#define DDP_CALL_NAME_MAX 128 /* bytes of a name that crosses an address space */

/*
 * NONE ──may go on──> OPEN ──its function returns──> WHOLE
 *   └──may not──> CUT <──enough, an error, a call without a result that could be made up──┘
 */
typedef enum {
    DDP_FORESIGHT_NONE,
    DDP_FORESIGHT_OPEN,
    DDP_FORESIGHT_WHOLE,
    DDP_FORESIGHT_CUT,
} DdpForesight;

/* What a rank has to itself in the heap. */
typedef struct {
    _Alignas(64) _Atomic uint32_t awake; /* the futex it sleeps on */
    bool left;
    DdpPost *waits; /* what it sleeps in, or NULL */
    DdpPost post;   /* of its blocking call */
    DdpCall call;   /* and the call, where others could not reach the caller's */
    void *staged;   /* its input or output, likewise */
    size_t staged_bytes;
    const char *text_keys[4]; /* file names of this rank's process, and where the heap has them */
    const char *text_values[4];
    int text_next;
    int64_t clock_ns;
    DdpDelay delay;        /* of meetings; under the lock */
    DdpDelay lane_delay;   /* of the fast lane; by the rank itself */
    DdpForeseen *foreseen; /* (nullable): see foresee.c */
    int foreseen_count;
    DdpForesight foresight;
    DdpCaller caller; /* of the call, as the name below */
    char name[DDP_CALL_NAME_MAX];
} DdpPlace;

struct DdpComm {
    int size;
    DdpBackend backend;
    DdpDebug debug;
    bool parallel;
    DdpHeap *heap;  /* borrowed */
    DdpParkOps ops; /* of ranks that take turns; others: ddp_comm_ops() */
    void *engine;   /* likewise, borrowed */
    DdpLock lock;   /* of ranks that run at the same time */
    DdpPatience patience;
    DdpCores cores; /* of ranks that run at the same time */
    int64_t timeout_ns;
    DdpGroup *world;
    DdpGroup **groups; /* owned; the world first */
    int group_count, group_room;
    struct DdpMailboxes *boxes; /* owned */
    DdpPairing *pairings;
    guint pairing_count;
    DdpPlace *places; /* by rank */
    int asleep;       /* ranks that lie down in a wait */
    int left_count;
    DdpWork *abandoned;    /* dropped by their callers while others still need them */
    struct DdpText *texts; /* file names that processes have brought here */
    bool hopeless_told;
    int foresees; /* calls of each rank that are noted once the world has ended; 0: none */
    _Atomic bool is_ended;
    char *ended;      /* why the world was ended */
    char broken[160]; /* the same, when the heap cannot be asked any more */
};

/* ---- members and ranks, where a call to find them out would cost as much as the answer ---- */

/* Of a rank that is a member. */
static inline int
ddp_member_of(const DdpGroup *group, int rank)
{
    return group->ranks == NULL ? rank : ddp_group_member(group, rank);
}

static inline int
ddp_rank_of(const DdpGroup *group, int member)
{
    return group->ranks == NULL ? member : group->ranks[member];
}

/* ---- the lock ---- */

static inline bool
ddp_comm_lock(DdpComm *comm, int rank)
{
    return !comm->parallel || ddp_lock_take(&comm->lock, DDP_LOCK_RANK(rank));
}

static inline void
ddp_comm_unlock(DdpComm *comm)
{
    if (comm->parallel)
        ddp_lock_release(&comm->lock);
}

/* ---- group.c ---- */

/* (transfer full): @ranks is rising, or NULL for the world. */
DdpGroup *ddp_group_new(DdpComm *comm, const char *name, const int *ranks, int size);
void ddp_group_free(DdpGroup *group);
/* (transfer none): a new group that the communicator owns. */
DdpGroup *ddp_comm_add_group(DdpComm *comm, const int *ranks, int size);
/*
 * (transfer none): the same members under the same name, with calls of their own. monitored_barrier
 * meets there: it is made of messages, and so stands outside of the sequence of collectives.
 */
DdpGroup *ddp_group_side(DdpGroup *group);

/* ---- check.c ---- */

/* torch raises here before it communicates: the others wait in vain, if they come. */
bool ddp_comm_check_call(const DdpComm *comm, const DdpGroup *group, int rank, const DdpCall *call,
                         GError **error);
/* Bytes that @call reads from `in`. */
size_t ddp_call_in_bytes(const DdpGroup *group, int rank, const DdpCall *call);
/* Bytes that a completed @call has written to `out`; those that work in place not counted. */
size_t ddp_call_out_bytes(const DdpGroup *group, int rank, const DdpCall *call);
/* all_reduce, broadcast and reduce write their result to `in`. */
bool ddp_call_is_in_place(DdpCallKind kind);

/* ---- meet.c ---- */

/* Takes part in the group's collective number @seq, and completes it if that makes it full. */
void ddp_meet_come(DdpGroup *group, int rank, DdpPost *post, uint64_t seq);
/* All have come: completes the meeting, or notes what differs. */
void ddp_meet_conclude(DdpGroup *group, DdpMeet *meet);

/* One more has come; true if that were all. */
static inline bool
ddp_meet_arrive(DdpGroup *group, DdpMeet *meet, int member, DdpPost *post)
{
    post->group = group;
    post->seq = meet->seq;
    post->meet = meet;
    meet->posts[member] = post;
    if (meet->arrived == 0) {
        meet->first_ns = meet->last_ns = post->came_ns;
        meet->last = member;
    } else {
        meet->first_ns = MIN(meet->first_ns, post->came_ns);
        if (post->came_ns > meet->last_ns ||
            (post->came_ns == meet->last_ns && member < meet->last)) {
            meet->last_ns = post->came_ns;
            meet->last = member;
        }
    }
    meet->order[meet->arrived++] = member;
    return meet->arrived == group->size;
}

/* Some member that has left will never come to @meet. */
bool ddp_meet_is_missed(const DdpGroup *group, const DdpMeet *meet);
/* The meeting is over: its place is free for another. */
void ddp_meet_close(DdpGroup *group, DdpMeet *meet);
/* Does a share of a meeting's work, if there is one left; the last one completes the meeting. */
bool ddp_meet_help(DdpMeet *meet, int rank);
/* The post is over: its rank may go on. */
void ddp_post_finish(DdpComm *comm, int rank, DdpPost *post);

/* ---- adopt.c ---- */

const DdpParkOps *ddp_comm_adopted_ops(const DdpComm *comm, void **engine);

/* The functions of this process. */
static inline const DdpParkOps *
ddp_comm_ops(const DdpComm *comm, void **engine)
{
    if (comm->parallel)
        return ddp_comm_adopted_ops(comm, engine);
    *engine = comm->engine;
    return &comm->ops;
}

/* ---- comm.c ---- */

/* Counts the call, and takes part in it. */
void ddp_comm_take_part(DdpComm *comm, int rank, DdpGroup *group, DdpPost *post);
/* Sleeps until @post is done; false when the world is ended first. */
bool ddp_comm_wait_for(DdpComm *comm, int rank, DdpPost *post, GError **error);
bool ddp_comm_ended_error(const DdpComm *comm, GError **error);
/* The same where the lock is broken: waits until the supervisor has said why. */
bool ddp_comm_broken_error(DdpComm *comm, GError **error);
bool ddp_post_is_hopeless(const DdpComm *comm, int rank, const DdpPost *post);
void ddp_comm_tell_hopeless(DdpComm *comm, int rank);
/* @rank, which sleeps, goes on. */
void ddp_comm_wake(DdpComm *comm, int rank);
/* With the lock held. */
void ddp_comm_end_locked(DdpComm *comm, const char *message);

/* ---- turns.c: ranks that take turns ---- */

/**
 * ddp_turn_call:
 * @ok: (out): as of ddp_comm_call()
 *
 * A whole call that is in every word like the one that opened its meeting: that was looked at
 * then, and nothing is looked at again.
 *
 * Returns: false, and nothing is done, for any other call
 */
bool ddp_turn_call(DdpComm *comm, int rank, DdpGroup *group, DdpCall *call, bool *ok,
                   GError **error);
/* Waits for the post in the rank's place, or, if that has completed it for all, gives way. */
bool ddp_turn_wait(DdpComm *comm, int rank, GError **error);
/* Sleeps until @post is done or the world is ended. */
void ddp_turn_park(DdpComm *comm, int rank, DdpPost *post);

/* ---- wait.c: ranks that run at the same time ---- */

void ddp_wait_parallel(DdpComm *comm, int rank, DdpPost *post);
/* Declares that the rank sleeps in @post, and looks what follows. With the lock held. */
void ddp_comm_lie_down(DdpComm *comm, int rank, DdpPost *post);
/* Without the lock: sleeps until somebody wakes the rank, or the world is ended. */
void ddp_comm_sleep(const DdpComm *comm, DdpPlace *place);
/* If every rank waits or has left, says so. With the lock held. */
void ddp_comm_look_if_stuck(DdpComm *comm);

/* ---- stage.c: ranks in processes of their own ---- */

/*
 * @call as all ranks can reach it: itself, or a copy in the rank's place. Data that lies elsewhere
 * is copied to where they can.
 */
/* The words of @call for people, as all ranks can reach them: in @name and @caller. */
void ddp_stage_words(DdpComm *comm, int rank, DdpCall *call, char *name, DdpCaller *caller);
DdpCall *ddp_stage_call(DdpComm *comm, int rank, const DdpGroup *group, DdpCall *call);
/* The call is over: brings results home. */
void ddp_unstage_call(DdpComm *comm, int rank, const DdpGroup *group, DdpCall *staged,
                      DdpCall *call);
void ddp_texts_free(DdpComm *comm);

/* ---- lane.c: ranks that run at the same time ---- */

DdpLane *ddp_lanes_new(DdpHeap *heap, int size);

typedef enum {
    DDP_LANE_DONE,  /* the collective is complete */
    DDP_LANE_OTHER, /* it must be done in a meeting */
    DDP_LANE_ENDED, /* the world was ended */
} DdpLaneResult;

/* Whether a blocking call may go through the fast lane, as far as this rank can tell. */
bool ddp_lane_is_open(const DdpGroup *group, int member, const DdpCall *call);
/* @seq: (out): the number of the call, under which it goes to the meeting if need be. */
DdpLaneResult ddp_lane_call(DdpGroup *group, int rank, DdpCall *call, uint64_t *seq);
/* The member has seen its call number @seq complete. */
void ddp_lane_note_clear(DdpGroup *group, int member, uint64_t seq);
/* Some member that has left will never come to call number @seq. */
bool ddp_lane_is_missed(const DdpGroup *group, uint64_t seq);
/* @member goes to the meeting number @seq instead: those who wait for it in the lane must follow.
 */
void ddp_lane_leave(DdpGroup *group, int member, uint64_t seq);
/* Those who lie in the group's lane wake up and look again. With the lock held. */
void ddp_lane_look_again(DdpGroup *group);
uint64_t ddp_lane_count(const DdpGroup *group, DdpCallKind kind);
uint64_t ddp_lane_bytes(const DdpGroup *group, DdpCallKind kind);

/* ---- pairing.c ---- */

/* Looks whether the members of a full meeting, who came from different places, belong together. */
void ddp_pairing_check(DdpGroup *group, const DdpMeet *meet);
void ddp_pairings_free(DdpComm *comm);
void ddp_crossing_free(DdpHeap *heap, struct DdpCrossing *crossing);

/*
 * A word for what tells calls apart for people but not for the backend. Without the file: its text
 * is too long to look at each time, and lies elsewhere in each process.
 */
static inline uint64_t
ddp_call_place(const DdpCall *call)
{
#ifdef DDP_UNCHECKED
    return call->kind;
#endif
    uint64_t place = (uint64_t)(uint32_t)call->site.line;

    if (call->name != NULL)
        place ^= (uint64_t)g_str_hash(call->name) << 32;
    if (call->caller != NULL)
        place = (place ^ (uint64_t)(uint32_t)call->caller->via.line << 12 ^
                 (uint64_t)g_str_hash(call->caller->variable)) *
                UINT64_C(0x9fb21c651e98df25);
    return place;
}

/* Whether the members of a full meeting give different names to what travels. */
bool ddp_pairing_names_differ(const DdpGroup *group, const DdpMeet *meet);
/* Members whose calls differ are paired all the same. */
void ddp_pairing_note(DdpGroup *group, const DdpMeet *meet);

/* ---- mismatch.c ---- */

typedef enum {
    DDP_SETTLED_NOT,    /* nobody goes on */
    DDP_SETTLED_FAILED, /* all members have been told, and the meeting is closed */
    DDP_SETTLED_PAIRED, /* to be completed as the first member's call says */
    DDP_SETTLED_DONE,   /* the work is done; to be finished */
} DdpSettled;

/* What becomes of a full meeting whose members' calls differ. */
DdpSettled ddp_mismatch_settle(DdpGroup *group, DdpMeet *meet);

/* ---- foresee.c ---- */

/* The world has ended while @call waited: true if the rank may go on as if it were complete. */
bool ddp_foresee_wait(DdpComm *comm, int rank, const DdpGroup *group, DdpCall *call);
/* The world has ended; true if the rank goes on as if @call, which is noted, were complete. */
bool ddp_foresee_call(DdpComm *comm, int rank, const DdpGroup *group, DdpCall *call);

/* ---- work.c ---- */

void ddp_works_free(DdpComm *comm);

/* ---- one function per collective ---- */

/* The call of @member in a full meeting. */
static inline DdpCall *
ddp_meet_call(const DdpMeet *meet, int member)
{
    return meet->posts[member]->call;
}

/*
 * All members' calls agree. Each does the part [first, first + count) of the work, in elements of a
 * piece; different parts may be done at the same time.
 */
void ddp_all_reduce_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count);
void ddp_all_gather_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count);
void ddp_broadcast_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count);
void ddp_reduce_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count);
void ddp_gather_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count);
void ddp_scatter_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count);
void ddp_reduce_scatter_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count);
void ddp_all_to_all_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count);

/* What one of them must do before the work begins. */
void ddp_collect_inputs(DdpGroup *group,
                        DdpMeet *meet); /* the members' `in`, for those that fold */
void ddp_scatter_prepare(DdpGroup *group, DdpMeet *meet);

/* These are done as a whole. */
void ddp_all_gather_object_complete(DdpGroup *group, DdpMeet *meet);
void ddp_broadcast_object_complete(DdpGroup *group, DdpMeet *meet);
void ddp_uneven_all_to_all_complete(DdpGroup *group, DdpMeet *meet);
void ddp_new_group_complete(DdpGroup *group, DdpMeet *meet);

/* Whether the pieces of an uneven all_to_all fit: what i sends to j is what j expects of i. */
bool ddp_all_to_all_fits(const DdpGroup *group, const DdpMeet *meet);
