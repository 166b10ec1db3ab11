/* SPDX-License-Identifier: MIT */
#pragma once

#include "comm_shm/comm.h"

G_BEGIN_DECLS

/*
 * The collectives for C programs, by torch's names; what is written comes before what is read.
 *
 * Each verb is a macro that notes the line that calls it, and comes twice:
 *
 *   ddp_all_reduce(rank, data, count, dtype, op, &error)
 *   ddp_all_reduce_with(rank, data, count, dtype, op, &(DdpCallOptions){.name = "loss"}, &error)
 *
 * (Of a call that goes over several lines gcc notes the first, clang the last.)
 *
 * The first is of all ranks and blocks. The second takes what torch has as keyword arguments: a
 * group, a name, async_op, a tag.
 *
 * Buffers: @count is elements of @dtype, never bytes, and has torch's meaning, one rank's piece:
 *
 *   verb                data or in           out, on whom
 *   ------------------  -------------------  ------------------------------------------
 *   all_reduce          [count]              in place, all
 *   reduce              [count]              in place, dst; the others keep what they had
 *   broadcast           [count]              in place, all
 *   all_gather          [count]              [size, count], all
 *   gather              [count]              [size, count], dst; NULL on the others
 *   scatter             [size, count], src   [count], all; in is NULL on the others
 *   reduce_scatter      [size, count]        [count], all
 *   all_to_all          [size, count]        [size, count], all: piece j of i is piece i of j
 *   all_to_all_single   [sum of in_splits]   [sum of out_splits], all
 *   send, isend         [count]
 *   recv, irecv                              [count] in data
 *
 * `size` and the pieces are those of the group, its members in rising order of rank. Roots and
 * peers (dst, src) are ranks of the world, also on a group. Buffers belong to the caller; a
 * blocking verb is done with them when it returns, one that was begun when its work was waited for.
 * Memory of ddp_rank_alloc() is worked on in place by every engine; on processes any other is
 * copied over.
 *
 * Errors: false, NULL for a work or a group, with @error set; no buffer holds a result then.
 * DDP_COMM_ERROR_BAD_CALL: this call is wrong whatever the others do, and the message says what was
 * expected. DDP_COMM_ERROR_ENDED: the world was ended, since this call or another can never be
 * completed; the function of the rank returns false with that error, and ddp_world_outcome() and
 * ddp_diagnosis_new() say what happened. A rank may not go on after it.
 *
 * Thread rules: @rank is that of the calling function; see sim/world/world.h.
 */

typedef struct DdpRank DdpRank;

/* What torch has as keyword arguments. Zeroed is the default, as is NULL for all of it. */
typedef struct {
    DdpGroup *group; /* NULL: all ranks */
    /* (nullable): the variable or metric that travels, "val_loss"; need not outlive the call. Names
     * are for people, and by them two calls in crossed order are told apart. */
    const char *name;
    /*
     * (out) (transfer full) (nullable): begins the call and returns at once; the result is there
     * after ddp_work_wait(). Free with ddp_work_free(). NULL on failure. Not for objects,
     * new_group, monitored_barrier, and those that are begun anyway (isend, irecv).
     */
    DdpWork **async_op;
    int tag;     /* of send, recv, isend and irecv; NCCL ignores it */
    int *sender; /* (out) (nullable): of recv: who sent it */
    /* Where the function was called that makes the call, DDP_HERE of a helper's macro; line 0: not
     * known. Verdicts show it below the line of the call, and tell calls apart by both. */
    DdpSite via;
    /* monitored_barrier: names all ranks that are missing, not only the first. */
    bool wait_all_ranks;
} DdpCallOptions;

#define DDP_ANY_SOURCE (-1) /* of recv and irecv: whoever sends first */

#define ddp_all_reduce(rank, data, count, dtype, op, error)                                        \
    ddp_all_reduce_with(rank, data, count, dtype, op, NULL, error)
#define ddp_all_reduce_with(rank, data, count, dtype, op, options, error)                          \
    ddp_rank_all_reduce((rank), DDP_HERE, (options), (data), (count), (dtype), (op), (error))

#define ddp_reduce(rank, data, count, dtype, op, dst, error)                                       \
    ddp_reduce_with(rank, data, count, dtype, op, dst, NULL, error)
#define ddp_reduce_with(rank, data, count, dtype, op, dst, options, error)                         \
    ddp_rank_reduce((rank), DDP_HERE, (options), (data), (count), (dtype), (op), (dst), (error))

#define ddp_broadcast(rank, data, count, dtype, src, error)                                        \
    ddp_broadcast_with(rank, data, count, dtype, src, NULL, error)
#define ddp_broadcast_with(rank, data, count, dtype, src, options, error)                          \
    ddp_rank_broadcast((rank), DDP_HERE, (options), (data), (count), (dtype), (src), (error))

#define ddp_all_gather(rank, out, in, count, dtype, error)                                         \
    ddp_all_gather_with(rank, out, in, count, dtype, NULL, error)
#define ddp_all_gather_with(rank, out, in, count, dtype, options, error)                           \
    ddp_rank_all_gather((rank), DDP_HERE, (options), (out), (in), (count), (dtype), (error))

#define ddp_gather(rank, out, in, count, dtype, dst, error)                                        \
    ddp_gather_with(rank, out, in, count, dtype, dst, NULL, error)
#define ddp_gather_with(rank, out, in, count, dtype, dst, options, error)                          \
    ddp_rank_gather((rank), DDP_HERE, (options), (out), (in), (count), (dtype), (dst), (error))

#define ddp_scatter(rank, out, in, count, dtype, src, error)                                       \
    ddp_scatter_with(rank, out, in, count, dtype, src, NULL, error)
#define ddp_scatter_with(rank, out, in, count, dtype, src, options, error)                         \
    ddp_rank_scatter((rank), DDP_HERE, (options), (out), (in), (count), (dtype), (src), (error))

#define ddp_reduce_scatter(rank, out, in, count, dtype, op, error)                                 \
    ddp_reduce_scatter_with(rank, out, in, count, dtype, op, NULL, error)
#define ddp_reduce_scatter_with(rank, out, in, count, dtype, op, options, error)                   \
    ddp_rank_reduce_scatter((rank), DDP_HERE, (options), (out), (in), (count), (dtype), (op),      \
                            (error))

#define ddp_all_to_all(rank, out, in, count, dtype, error)                                         \
    ddp_all_to_all_with(rank, out, in, count, dtype, NULL, error)
#define ddp_all_to_all_with(rank, out, in, count, dtype, options, error)                           \
    ddp_rank_all_to_all((rank), DDP_HERE, (options), (out), (in), (count), (dtype), (error))

/*
 * @out_splits, @in_splits: how many elements come from, and go to, each member; the pieces lie side
 * by side. What i sends to j must be what j expects of i.
 */
#define ddp_all_to_all_single(rank, out, in, out_splits, in_splits, dtype, error)                  \
    ddp_all_to_all_single_with(rank, out, in, out_splits, in_splits, dtype, NULL, error)
#define ddp_all_to_all_single_with(rank, out, in, out_splits, in_splits, dtype, options, error)    \
    ddp_rank_all_to_all_single((rank), DDP_HERE, (options), (out), (in), (out_splits),             \
                               (in_splits), (dtype), (error))

/*
 * Objects are bytes, of another length on each rank if need be. @out: (out) (transfer full): all
 * members' objects side by side; @counts: (out) (transfer full): the bytes of each. g_free() both.
 */
#define ddp_all_gather_object(rank, out, counts, object, bytes, error)                             \
    ddp_all_gather_object_with(rank, out, counts, object, bytes, NULL, error)
#define ddp_all_gather_object_with(rank, out, counts, object, bytes, options, error)               \
    ddp_rank_all_gather_object((rank), DDP_HERE, (options), (out), (counts), (object), (bytes),    \
                               (error))

/*
 * @object, @bytes: what the src sends; those of the others are not read. @out, @out_bytes: (out)
 * (transfer full): the src's, on every rank; g_free() it.
 */
#define ddp_broadcast_object(rank, out, out_bytes, object, bytes, src, error)                      \
    ddp_broadcast_object_with(rank, out, out_bytes, object, bytes, src, NULL, error)
#define ddp_broadcast_object_with(rank, out, out_bytes, object, bytes, src, options, error)        \
    ddp_rank_broadcast_object((rank), DDP_HERE, (options), (out), (out_bytes), (object), (bytes),  \
                              (src), (error))

#define ddp_barrier(rank, error) ddp_barrier_with(rank, NULL, error)
#define ddp_barrier_with(rank, options, error)                                                     \
    ddp_rank_barrier((rank), DDP_HERE, (options), (error))

/* Fails, with the ranks that are missing in the message, when @timeout_ns of virtual time have
 * passed; the world goes on. */
#define ddp_monitored_barrier(rank, timeout_ns, error)                                             \
    ddp_monitored_barrier_with(rank, timeout_ns, NULL, error)
#define ddp_monitored_barrier_with(rank, timeout_ns, options, error)                               \
    ddp_rank_monitored_barrier((rank), DDP_HERE, (options), (timeout_ns), (error))

/* ---- point to point ---- */

#define ddp_send(rank, data, count, dtype, dst, error)                                             \
    ddp_send_with(rank, data, count, dtype, dst, NULL, error)
#define ddp_send_with(rank, data, count, dtype, dst, options, error)                               \
    ddp_rank_send((rank), DDP_HERE, (options), (data), (count), (dtype), (dst), (error))

#define ddp_recv(rank, data, count, dtype, src, error)                                             \
    ddp_recv_with(rank, data, count, dtype, src, NULL, error)
#define ddp_recv_with(rank, data, count, dtype, src, options, error)                               \
    ddp_rank_recv((rank), DDP_HERE, (options), (data), (count), (dtype), (src), (error))

/* (transfer full): a work; wait for it with ddp_work_wait(), free it with ddp_work_free(). */
#define ddp_isend(rank, data, count, dtype, dst, error)                                            \
    ddp_isend_with(rank, data, count, dtype, dst, NULL, error)
#define ddp_isend_with(rank, data, count, dtype, dst, options, error)                              \
    ddp_rank_isend((rank), DDP_HERE, (options), (data), (count), (dtype), (dst), (error))

/* (transfer full): likewise; once waited for, ddp_work_call(work)->root is who sent it. */
#define ddp_irecv(rank, data, count, dtype, src, error)                                            \
    ddp_irecv_with(rank, data, count, dtype, src, NULL, error)
#define ddp_irecv_with(rank, data, count, dtype, src, options, error)                              \
    ddp_rank_irecv((rank), DDP_HERE, (options), (data), (count), (dtype), (src), (error))

/* torch's P2POp: one message of a batch. */
typedef struct {
    DdpCallKind kind; /* DDP_CALL_SEND or DDP_CALL_RECV */
    void *data;       /* a send only reads it */
    size_t count;
    DdpDtype dtype;
    int peer; /* dst or src; DDP_ANY_SOURCE for a receive */
    int tag;
    const char *name; /* (nullable) */
} DdpP2pOp;

/*
 * Begins @count messages, in this order. @works: (out caller-allocates) (transfer full): @count
 * works, each to be waited for and freed; all NULL on failure.
 */
#define ddp_batch_isend_irecv(rank, ops, count, works, error)                                      \
    ddp_rank_batch_isend_irecv((rank), DDP_HERE, (ops), (count), (works), (error))

/* ---- groups ---- */

/*
 * A collective of the world: every rank calls it, members or not, with the same @ranks (@count of
 * them, in any order). (transfer none): owned by the world. On a rank that is no member,
 * ddp_group_member() says so, and each call on the group is a DDP_COMM_ERROR_BAD_CALL.
 */
#define ddp_new_group(rank, ranks, count, error)                                                   \
    ddp_rank_new_group((rank), DDP_HERE, (ranks), (count), (error))

/*
 * The functions behind the macros, for wrappers that pass on the site of their caller. @options is
 * NULL for the defaults.
 */
bool ddp_rank_all_reduce(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *data,
                         size_t count, DdpDtype dtype, DdpReduceOp op, GError **error);
bool ddp_rank_reduce(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *data,
                     size_t count, DdpDtype dtype, DdpReduceOp op, int dst, GError **error);
bool ddp_rank_broadcast(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *data,
                        size_t count, DdpDtype dtype, int src, GError **error);
bool ddp_rank_all_gather(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *out,
                         const void *in, size_t count, DdpDtype dtype, GError **error);
bool ddp_rank_gather(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *out,
                     const void *in, size_t count, DdpDtype dtype, int dst, GError **error);
bool ddp_rank_scatter(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *out,
                      const void *in, size_t count, DdpDtype dtype, int src, GError **error);
bool ddp_rank_reduce_scatter(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *out,
                             const void *in, size_t count, DdpDtype dtype, DdpReduceOp op,
                             GError **error);
bool ddp_rank_all_to_all(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *out,
                         const void *in, size_t count, DdpDtype dtype, GError **error);
bool ddp_rank_all_to_all_single(DdpRank *rank, DdpSite site, const DdpCallOptions *options,
                                void *out, const void *in, const size_t *out_splits,
                                const size_t *in_splits, DdpDtype dtype, GError **error);
bool ddp_rank_all_gather_object(DdpRank *rank, DdpSite site, const DdpCallOptions *options,
                                void **out, size_t **counts, const void *object, size_t bytes,
                                GError **error);
bool ddp_rank_broadcast_object(DdpRank *rank, DdpSite site, const DdpCallOptions *options,
                               void **out, size_t *out_bytes, const void *object, size_t bytes,
                               int src, GError **error);
bool ddp_rank_barrier(DdpRank *rank, DdpSite site, const DdpCallOptions *options, GError **error);
bool ddp_rank_monitored_barrier(DdpRank *rank, DdpSite site, const DdpCallOptions *options,
                                int64_t timeout_ns, GError **error);
bool ddp_rank_send(DdpRank *rank, DdpSite site, const DdpCallOptions *options, const void *data,
                   size_t count, DdpDtype dtype, int dst, GError **error);
bool ddp_rank_recv(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *data,
                   size_t count, DdpDtype dtype, int src, GError **error);
DdpWork *ddp_rank_isend(DdpRank *rank, DdpSite site, const DdpCallOptions *options,
                        const void *data, size_t count, DdpDtype dtype, int dst, GError **error);
DdpWork *ddp_rank_irecv(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *data,
                        size_t count, DdpDtype dtype, int src, GError **error);
bool ddp_rank_batch_isend_irecv(DdpRank *rank, DdpSite site, const DdpP2pOp *ops, size_t count,
                                DdpWork **works, GError **error);
DdpGroup *ddp_rank_new_group(DdpRank *rank, DdpSite site, const int *ranks, size_t count,
                             GError **error);

G_END_DECLS
