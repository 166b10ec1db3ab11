/* SPDX-License-Identifier: MIT */
#pragma once

#include "comm_shm/call.h"
#include "comm_shm/heap.h"
#include "comm_shm/park.h"

G_BEGIN_DECLS

/*
 * A communicator: the groups of a world and who waits in which collective.
 *
 * A call declares itself in its group, and sleeps until all members have come. The last to come
 * checks that all signatures agree, does the work for everyone and wakes them. All data is
 * reduced in rank order, so the result does not depend on who came when.
 *
 * A rank that leaves (returns, fails, exits) declares that too: the moment a member has left, a
 * collective of its groups that others wait in, or enter later, is known to be hopeless.
 *
 * Each rank has a virtual clock. A collective is over, for every member, at the latest clock with
 * which a member came plus what it costs; so the clocks are the same on every engine.
 *
 * Thread rules: ranks that share a thread need no lock and take none. Ranks that run at the same
 * time, as threads or as processes over a shared heap, may call at the same time, each for itself;
 * what a group or a work is, is read without a lock; the questions about waits, pairings and
 * messages are for when nobody runs any more, and for `stuck`.
 */

typedef struct DdpComm DdpComm;
typedef struct DdpGroup DdpGroup;

#define DDP_COMM_ERROR ddp_comm_error_quark()
GQuark ddp_comm_error_quark(void);

typedef enum {
    DDP_COMM_ERROR_FAILED,
    DDP_COMM_ERROR_BAD_CALL, /* this call alone is wrong: root, op, dtype, count */
    DDP_COMM_ERROR_ENDED,    /* the world was ended; the message says why */
} DdpCommError;

typedef enum {
    DDP_BACKEND_NCCL,
    DDP_BACKEND_GLOO,
} DdpBackend;

const char *ddp_backend_name(DdpBackend backend);
bool ddp_backend_from_name(const char *name, DdpBackend *backend);
/* torch's default timeout: 10 minutes for NCCL (torch.distributed.constants), 30 for gloo. */
int64_t ddp_backend_timeout_ns(DdpBackend backend);

/* What becomes of members that meet with calls that differ. */
typedef enum {
    DDP_DEBUG_VERDICT, /* nobody goes on, and the verdict falls */
    DDP_DEBUG_DETAIL,  /* the calls fail on every member, as under TORCH_DISTRIBUTED_DEBUG=DETAIL */
    DDP_DEBUG_OFF,     /* as the backend would: they hang, or are paired in silence */
} DdpDebug;

const char *ddp_debug_name(DdpDebug debug);
bool ddp_debug_from_name(const char *name, DdpDebug *debug);

/* Whether @backend, which checks nothing, would complete a collective of two calls that differ. */
bool ddp_backend_pairs(DdpBackend backend, const DdpCall *a, const DdpCall *b);

typedef struct {
    int size;
    DdpBackend backend;
    DdpDebug debug;
    DdpHeap *heap;      /* borrowed: where all of it lies */
    bool parallel;      /* ranks run at the same time */
    DdpParkOps ops;     /* NULL where not wanted */
    void *engine;       /* borrowed; handed to every function of @ops */
    int64_t timeout_ns; /* in virtual time: how long a member may be behind; 0: for ever */
} DdpCommSpec;

DdpComm *ddp_comm_new(const DdpCommSpec *spec);
void ddp_comm_free(DdpComm *comm);

/* A process that found @comm in a shared heap: its own functions for its own ranks. */
void ddp_comm_adopt(DdpComm *comm, const DdpParkOps *ops, void *engine);
/* And is done with it, but does not free it, since others go on. */
void ddp_comm_forget(DdpComm *comm);

/*
 * (transfer none): @text as every rank can read it, until the communicator is freed: itself where
 * ranks share an address space. For names of files, of which there are few.
 */
const char *ddp_comm_text(DdpComm *comm, int rank, const char *text);

/* The virtual clock of a rank, in nanoseconds from the start of the world. */
int64_t ddp_comm_clock(const DdpComm *comm, int rank);
void ddp_comm_set_clock(DdpComm *comm, int rank, int64_t now_ns);

/* What a rank has waited in collectives, and what others have waited because it was the last. */
typedef struct {
    int64_t waited_ns;
    int64_t cost_ns;
    uint64_t last; /* how many collectives it was the last to come to, others waiting */
} DdpDelay;

DdpDelay ddp_comm_delay(const DdpComm *comm, int rank);

/* Of the rank's last completed blocking call: since when it waited, and for which rank last. */
void ddp_comm_last_wait(const DdpComm *comm, int rank, int64_t *since_ns, int *last);

/* (transfer none): the group of all ranks. */
DdpGroup *ddp_comm_world_group(DdpComm *comm);

/* All groups, the world first, then in the order in which they were made. */
int ddp_comm_group_count(const DdpComm *comm);
DdpGroup *ddp_comm_group(DdpComm *comm, int index);

const char *ddp_group_name(const DdpGroup *group);
int ddp_group_size(const DdpGroup *group);
/* The rank in the world of a member. */
int ddp_group_rank(const DdpGroup *group, int member);
/* The member that is rank @rank of the world; -1 if it is none. */
int ddp_group_member(const DdpGroup *group, int rank);
/* The number that @rank's next call on the group will have. */
uint64_t ddp_group_next_seq(const DdpGroup *group, int rank);
/* Completed calls of a kind, and the payload of one rank's input summed over calls and ranks. */
uint64_t ddp_group_call_count(const DdpGroup *group, DdpCallKind kind);
uint64_t ddp_group_call_bytes(const DdpGroup *group, DdpCallKind kind);

/**
 * ddp_comm_call:
 * @rank: the calling rank, a member of @group
 * @call: (inout): what it calls; the object kinds hand back @out and @counts, new_group the group
 *
 * Blocks until all members have come. all_gather writes [size, *shape] to @out, as gather does at
 * the root; all_reduce, broadcast and reduce work in place on @in; scatter reads [size, *shape]
 * from the root's @in, reduce_scatter and all_to_all read it from everyone's.
 *
 * Returns: false with @error set if this call is wrong by itself, or if the world was ended
 *   while it waited or before
 */
bool ddp_comm_call(DdpComm *comm, int rank, DdpGroup *group, DdpCall *call, GError **error);

/* A collective that was begun and is not waited for yet. */
typedef struct DdpWork DdpWork;

/**
 * ddp_comm_begin:
 * @call: copied, with what @in holds now; its buffers are borrowed until the work is waited for
 *
 * async_op=True: the result stands in the caller's buffers after ddp_work_wait() and not before.
 * Object kinds, new_group and open calls cannot be begun.
 *
 * Returns: (transfer full): free with ddp_work_free(); NULL with @error set
 */
DdpWork *ddp_comm_begin(DdpComm *comm, int rank, DdpGroup *group, const DdpCall *call,
                        GError **error);

/**
 * ddp_work_wait:
 * @touched: (out) (nullable): whether the buffer of the input was written since the call
 *
 * May be called again; only the first call hands over the result.
 */
bool ddp_work_wait(DdpWork *work, bool *touched, GError **error);
bool ddp_work_is_completed(const DdpWork *work);
const DdpCall *ddp_work_call(const DdpWork *work);
const DdpGroup *ddp_work_group(const DdpWork *work);
uint64_t ddp_work_seq(const DdpWork *work);
/* Of a complete work: the rank that came last to it. */
int ddp_work_last(const DdpWork *work);
/* A work that is freed before it was waited for still takes part; its result is dropped. */
void ddp_work_free(DdpWork *work);

/* @rank makes no further calls. */
void ddp_comm_leave(DdpComm *comm, int rank);

/* Whether @rank, which no longer runs, has left in good order. */
bool ddp_comm_has_left(const DdpComm *comm, int rank);

/*
 * A process that was a rank is gone, in whatever order: it holds no lock any more. Takes none, so
 * that it may be called while waiting for one (ddp_lock_set_watch()).
 */
void ddp_comm_disarm(DdpComm *comm, int rank);

/**
 * ddp_comm_died:
 *
 * A process that was a rank is gone without having left; called by whoever supervises.
 *
 * Returns: false if it held the lock: then what that guarded may be half written, and all that is
 *   left is to see where the ranks stand and to end the world with ddp_comm_end()
 */
bool ddp_comm_died(DdpComm *comm, int rank);

/**
 * ddp_comm_end:
 * @message: why; every call that waits, and every later one, fails with it
 *
 * Wakes all that wait. Only the first call counts.
 */
void ddp_comm_end(DdpComm *comm, const char *message);
/*
 * The supervisor is gone, perhaps in the middle of something. Ends the world with @message; called
 * by each of the processes that are left.
 */
void ddp_comm_abandon(DdpComm *comm, const char *message);
/* True, with @error set, once the world was ended. */
bool ddp_comm_has_ended(const DdpComm *comm, GError **error);

/*
 * Nothing can go on, but a monitored_barrier has a timeout: lets the earliest pass.
 *
 * Returns: false if there is none
 */
bool ddp_comm_relieve(DdpComm *comm);

/* What a rank would have called next, had the collective that it waited in been completed. */
typedef struct {
    DdpCallKind kind;
    uint64_t signature; /* ddp_call_signature() */
    const DdpGroup *group;
    DdpSite site, via;
} DdpForeseen;

/**
 * ddp_comm_foresee:
 * @calls: how many of each rank, at most
 *
 * Before the world is ended: each rank that waits, and that DdpParkOps::foresee lets go on, is
 * handed a result that means nothing, and what it calls from then on is noted and has no effect.
 * Then it is ended.
 */
void ddp_comm_foresee(DdpComm *comm, int calls);
/* @to_the_end: (out): the rank would have come to its end after these */
const DdpForeseen *ddp_comm_foreseen(const DdpComm *comm, int rank, int *count, bool *to_the_end);
/* Whether @rank goes on as if: nothing that it does may be noted. */
bool ddp_comm_is_foreseeing(const DdpComm *comm, int rank);
/* The function of @rank has returned, @well or with an error. Before ddp_comm_leave(). */
void ddp_comm_foresight_ends(DdpComm *comm, int rank, bool well);

/* What a rank waits in. */
typedef struct {
    const DdpCall *call; /* borrowed, valid while the rank sleeps */
    const DdpGroup *group;
    uint64_t seq;
    int64_t since_ns;
    DdpCallDifference difference; /* among the members that met there */
    bool late;                    /* all came and agree, but the last of them after the timeout */
    int last;                     /* then: the rank that came last */
    const DdpCall *against;       /* (nullable): a message whose dtype or shape differs ... */
    int against_rank;             /* ... and whose it is */
} DdpWait;

/* False if the rank waits for nothing. */
bool ddp_comm_wait_of(const DdpComm *comm, int rank, DdpWait *wait);
/* False if the rank has not taken part in a full collective whose members' calls differ. */
bool ddp_comm_met(const DdpComm *comm, int rank, DdpWait *wait);

/*
 * Calls met and were paired, but they do not belong together, and nobody is told: two calls of one
 * signature in crossed order, or, where the debug level is off, calls that the backend does not
 * tell apart.
 */
typedef struct {
    DdpCallKind kind;
    DdpCallDifference difference; /* DDP_CALL_SAME: crossed order */
    const char *group;
    uint64_t seq; /* of the first time */
    uint64_t times;
    char *names[2];      /* (nullable): "val_loss", "val_acc" */
    char *variables[2];  /* (nullable): of the scenario's language */
    char *signatures[2]; /* as ddp_call_describe() says it */
    DdpSite sites[2];    /* where each of the two was called ... */
    DdpSite vias[2];     /* ... and from where; line 0 if that is not known or nowhere */
    int *ranks[2];       /* rising: who called which; the larger side first */
    int rank_count[2];
} DdpPairing;

guint ddp_comm_pairing_count(const DdpComm *comm);
const DdpPairing *ddp_comm_pairing(const DdpComm *comm, guint index);

/* Messages that were sent (buffered, as gloo does) and never received. */
size_t ddp_comm_unreceived(const DdpComm *comm);
/* @call: (out) (transfer none): the send; its buffers are gone. */
void ddp_comm_unreceived_at(const DdpComm *comm, size_t index, int *src, int *dst,
                            const DdpCall **call);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpComm, ddp_comm_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpWork, ddp_work_free)

G_END_DECLS
