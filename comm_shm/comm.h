/* SPDX-License-Identifier: MIT */
#pragma once

#include "comm_shm/call.h"
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
 * Thread rules: with the fibers engine all ranks share a thread and nothing here locks.
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

/**
 * ddp_comm_new:
 * @ops: copied
 * @engine: borrowed; handed to every function of @ops
 */
DdpComm *ddp_comm_new(int size, DdpBackend backend, const DdpParkOps *ops, void *engine);
void ddp_comm_free(DdpComm *comm);

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
/* A work that is freed before it was waited for still takes part; its result is dropped. */
void ddp_work_free(DdpWork *work);

/* @rank makes no further calls. */
void ddp_comm_leave(DdpComm *comm, int rank);

/**
 * ddp_comm_end:
 * @message: why; every call that waits, and every later one, fails with it
 *
 * Wakes all that wait. Only the first call counts.
 */
void ddp_comm_end(DdpComm *comm, const char *message);

/* What a rank waits in. */
typedef struct {
    const DdpCall *call; /* borrowed, valid while the rank sleeps */
    const DdpGroup *group;
    uint64_t seq;
    int64_t since_ns;
    DdpCallDifference difference; /* among the members that met there */
} DdpWait;

/* False if the rank waits for nothing. */
bool ddp_comm_wait_of(const DdpComm *comm, int rank, DdpWait *wait);

/*
 * Calls with equal signatures met, but the callers gave different names to what travels: two
 * collectives in crossed order, which real hardware pairs in silence.
 */
typedef struct {
    DdpCallKind kind;
    const char *group;
    uint64_t seq; /* of the first time */
    uint64_t times;
    char *names[2];   /* "val_loss", "val_acc" */
    DdpSite sites[2]; /* where each of the two was called */
    GArray *ranks[2]; /* of int, rising: who called which; the larger side first */
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
