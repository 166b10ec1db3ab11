/* SPDX-License-Identifier: MIT */
#include "sim/world/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "sim/world/world_private.h"

#define COUNT_SMALL ((size_t)1 << 29) /* its square times the bytes of an element fits */

/* ---- what is wrong with arguments before anybody looks at the call ---- */

static bool bad_call(GError **error, DdpCallKind kind, const char *format, ...) G_GNUC_PRINTF(3, 4);

static bool
bad_call(GError **error, DdpCallKind kind, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list arguments;

    va_start(arguments, format);
    message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, DDP_COMM_ERROR, DDP_COMM_ERROR_BAD_CALL, "%s: %s", ddp_call_kind_name(kind),
                message);
    return false;
}

static DdpGroup *
group_of(DdpRank *rank, const DdpCallOptions *options)
{
    if (options != NULL && options->group != NULL)
        return options->group;
    return rank->world->all;
}

static bool
check_large_count(DdpCallKind kind, size_t count, size_t pieces, DdpDtype dtype, GError **error)
{
    if ((unsigned)dtype >= DDP_DTYPE_COUNT)
        return bad_call(error, kind, "dtype is %d, expected one of DdpDtype", (int)dtype);
    if (count > PTRDIFF_MAX / ddp_dtype_bytes(dtype) / pieces)
        return bad_call(error, kind,
                        "%zu elements of %s for each of %zu ranks are more than memory can hold",
                        count, ddp_dtype_name(dtype), pieces);
    return true;
}

/*
 * @pieces times @count elements must be something that memory can hold. This is on the way of every
 * call: numbers that cannot come near the limit are let through without a division.
 */
static inline bool
check_count(DdpCallKind kind, size_t count, size_t pieces, DdpDtype dtype, GError **error)
{
    if (G_LIKELY(count < COUNT_SMALL && pieces < COUNT_SMALL && (unsigned)dtype < DDP_DTYPE_COUNT))
        return true;
    return check_large_count(kind, count, pieces, dtype, error);
}

static inline bool
check_op(DdpCallKind kind, DdpReduceOp op, GError **error)
{
    if ((unsigned)op >= DDP_REDUCE_OP_COUNT)
        return bad_call(error, kind, "op is %d, expected one of DdpReduceOp", (int)op);
    return true;
}

static inline bool
check_pointer(DdpCallKind kind, const char *what, const void *pointer, size_t count, GError **error)
{
    if (pointer == NULL && count > 0)
        return bad_call(error, kind, "%s is NULL, expected memory for %zu elements a rank", what,
                        count);
    return true;
}

/* ---- a call ---- */

/* One rank's piece is a row of @count elements. */
static void
data_call(DdpCall *call, DdpCallKind kind, DdpSite site, size_t count, DdpDtype dtype,
          const void *in, void *out)
{
    ddp_call_init(call, kind, site);
    call->dtype = dtype;
    call->count = count;
    call->ndim = 1;
    call->shape[0] = (int64_t)count;
    call->in = (void *)in; /* written to only by those that work in place: @out as well */
    call->out = out;
}

/* @caller: where the words live while the call does. */
static void
take_options(DdpCall *call, const DdpCallOptions *options, DdpCaller *caller)
{
    call->name = options->name;
    call->tag = options->tag;
    if (options->via.line > 0) {
        *caller = (DdpCaller){.via = options->via};
        call->caller = caller;
    }
}

static DdpWork *
begin(DdpRank *rank, const DdpCallOptions *options, DdpCall *call, GError **error)
{
    DdpCaller caller;

    if (options != NULL)
        take_options(call, options, &caller);
    return ddp_rank_begin(rank, group_of(rank, options), call, error);
}

/* Blocks, or begins the call where the options say so. */
static inline bool
play(DdpRank *rank, const DdpCallOptions *options, DdpCall *call, GError **error)
{
    DdpCaller caller;

    if (options == NULL)
        return ddp_rank_group_call(rank, rank->world->all, call, error);
    if (options->async_op != NULL) {
        *options->async_op = begin(rank, options, call, error);
        return *options->async_op != NULL;
    }
    take_options(call, options, &caller);
    return ddp_rank_group_call(rank, group_of(rank, options), call, error);
}

/* As play(), of the kinds that only block. */
static bool
play_blocking(DdpRank *rank, const DdpCallOptions *options, DdpCall *call, GError **error)
{
    if (options != NULL && options->async_op != NULL) {
        *options->async_op = NULL;
        return bad_call(error, call->kind, "it cannot be begun with async_op; leave that NULL");
    }
    return play(rank, options, call, error);
}

/* ---- in place ---- */

bool
ddp_rank_all_reduce(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *data,
                    size_t count, DdpDtype dtype, DdpReduceOp op, GError **error)
{
    const DdpCallKind kind = DDP_CALL_ALL_REDUCE;
    DdpCall call;

    data_call(&call, kind, site, count, dtype, data, data);
    call.op = op;
    return check_count(kind, count, 1, dtype, error) && check_op(kind, op, error) &&
           check_pointer(kind, "data", data, count, error) && play(rank, options, &call, error);
}

bool
ddp_rank_reduce(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *data,
                size_t count, DdpDtype dtype, DdpReduceOp op, int dst, GError **error)
{
    const DdpCallKind kind = DDP_CALL_REDUCE;
    DdpCall call;

    data_call(&call, kind, site, count, dtype, data, data);
    call.op = op;
    call.root = dst;
    return check_count(kind, count, 1, dtype, error) && check_op(kind, op, error) &&
           check_pointer(kind, "data", data, count, error) && play(rank, options, &call, error);
}

bool
ddp_rank_broadcast(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *data,
                   size_t count, DdpDtype dtype, int src, GError **error)
{
    const DdpCallKind kind = DDP_CALL_BROADCAST;
    DdpCall call;

    data_call(&call, kind, site, count, dtype, data, data);
    call.root = src;
    return check_count(kind, count, 1, dtype, error) &&
           check_pointer(kind, "data", data, count, error) && play(rank, options, &call, error);
}

/* ---- pieces ---- */

/* Those that bring or get a piece from each member. */
static bool
play_pieces(DdpRank *rank, const DdpCallOptions *options, DdpCall *call, bool needs_in,
            bool needs_out, GError **error)
{
    size_t size = (size_t)ddp_group_size(group_of(rank, options));

    return check_count(call->kind, call->count, size, call->dtype, error) &&
           check_op(call->kind, call->op, error) &&
           check_pointer(call->kind, "in", call->in, needs_in ? call->count : 0, error) &&
           check_pointer(call->kind, "out", call->out, needs_out ? call->count : 0, error) &&
           play(rank, options, call, error);
}

bool
ddp_rank_all_gather(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *out,
                    const void *in, size_t count, DdpDtype dtype, GError **error)
{
    DdpCall call;

    data_call(&call, DDP_CALL_ALL_GATHER, site, count, dtype, in, out);
    return play_pieces(rank, options, &call, true, true, error);
}

bool
ddp_rank_gather(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *out,
                const void *in, size_t count, DdpDtype dtype, int dst, GError **error)
{
    DdpCall call;

    data_call(&call, DDP_CALL_GATHER, site, count, dtype, in, out);
    call.root = dst;
    return play_pieces(rank, options, &call, true, dst == ddp_rank_index(rank), error);
}

bool
ddp_rank_scatter(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *out,
                 const void *in, size_t count, DdpDtype dtype, int src, GError **error)
{
    DdpCall call;

    data_call(&call, DDP_CALL_SCATTER, site, count, dtype, in, out);
    call.root = src;
    return play_pieces(rank, options, &call, src == ddp_rank_index(rank), true, error);
}

bool
ddp_rank_reduce_scatter(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *out,
                        const void *in, size_t count, DdpDtype dtype, DdpReduceOp op,
                        GError **error)
{
    DdpCall call;

    data_call(&call, DDP_CALL_REDUCE_SCATTER, site, count, dtype, in, out);
    call.op = op;
    return play_pieces(rank, options, &call, true, true, error);
}

bool
ddp_rank_all_to_all(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *out,
                    const void *in, size_t count, DdpDtype dtype, GError **error)
{
    DdpCall call;

    data_call(&call, DDP_CALL_ALL_TO_ALL, site, count, dtype, in, out);
    return play_pieces(rank, options, &call, true, true, error);
}

/* The elements of all pieces together. */
static bool
sum_splits(const char *what, const size_t *splits, int size, DdpDtype dtype, size_t *sum,
           GError **error)
{
    const DdpCallKind kind = DDP_CALL_ALL_TO_ALL;

    *sum = 0;
    if (splits == NULL)
        return bad_call(error, kind, "%s is NULL, expected %d numbers, one for each member", what,
                        size);
    for (int i = 0; i < size; i++) {
        if (splits[i] > SIZE_MAX - *sum)
            return bad_call(error, kind, "the numbers of %s add up to more than memory can hold",
                            what);
        *sum += splits[i];
    }
    return check_count(kind, *sum, 1, dtype, error);
}

bool
ddp_rank_all_to_all_single(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *out,
                           const void *in, const size_t *out_splits, const size_t *in_splits,
                           DdpDtype dtype, GError **error)
{
    const DdpCallKind kind = DDP_CALL_ALL_TO_ALL;
    int size = ddp_group_size(group_of(rank, options));
    size_t sent, received;
    DdpCall call;

    if (!sum_splits("in_splits", in_splits, size, dtype, &sent, error) ||
        !sum_splits("out_splits", out_splits, size, dtype, &received, error) ||
        !check_pointer(kind, "in", in, sent, error) ||
        !check_pointer(kind, "out", out, received, error))
        return false;

    data_call(&call, kind, site, sent, dtype, in, out);
    call.in_splits = in_splits;
    call.out_splits = out_splits;
    return play(rank, options, &call, error);
}

/* ---- objects ---- */

bool
ddp_rank_all_gather_object(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void **out,
                           size_t **counts, const void *object, size_t bytes, GError **error)
{
    DdpCall call;

    ddp_call_init(&call, DDP_CALL_ALL_GATHER_OBJECT, site);
    call.count = bytes;
    call.in = (void *)object; /* only read */
    *out = NULL;
    *counts = NULL;
    if (!check_pointer(call.kind, "object", object, bytes, error) ||
        !play_blocking(rank, options, &call, error))
        return false;
    *out = call.out;
    *counts = call.counts;
    return true;
}

bool
ddp_rank_broadcast_object(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void **out,
                          size_t *out_bytes, const void *object, size_t bytes, int src,
                          GError **error)
{
    DdpCall call;

    ddp_call_init(&call, DDP_CALL_BROADCAST_OBJECT, site);
    *out = NULL;
    *out_bytes = 0;
    call.root = src;
    if (src == ddp_rank_index(rank)) {
        call.count = bytes;
        call.in = (void *)object; /* only read */
    }
    if (!check_pointer(call.kind, "object", call.in, call.count, error) ||
        !play_blocking(rank, options, &call, error))
        return false;
    *out = call.out;
    *out_bytes = call.counts[0];
    g_free(call.counts);
    return true;
}

/* ---- meeting without data ---- */

bool
ddp_rank_barrier(DdpRank *rank, DdpSite site, const DdpCallOptions *options, GError **error)
{
    DdpCall call;

    ddp_call_init(&call, DDP_CALL_BARRIER, site);
    return play(rank, options, &call, error);
}

bool
ddp_rank_monitored_barrier(DdpRank *rank, DdpSite site, const DdpCallOptions *options,
                           int64_t timeout_ns, GError **error)
{
    DdpCall call;

    ddp_call_init(&call, DDP_CALL_MONITORED_BARRIER, site);
    if (timeout_ns < 0)
        return bad_call(error, call.kind, "timeout_ns is %" G_GINT64_FORMAT ", expected at least 0",
                        timeout_ns);
    call.timeout_ns = timeout_ns;
    call.wait_all_ranks = options != NULL && options->wait_all_ranks;
    return play_blocking(rank, options, &call, error);
}

/* ---- point to point ---- */

static bool
check_message(DdpCallKind kind, const void *data, size_t count, DdpDtype dtype, GError **error)
{
    return check_count(kind, count, 1, dtype, error) &&
           check_pointer(kind, "data", data, count, error);
}

static void
message(DdpCall *call, DdpCallKind kind, DdpSite site, const void *data, size_t count,
        DdpDtype dtype, int peer)
{
    bool sends = kind == DDP_CALL_SEND;

    data_call(call, kind, site, count, dtype, sends ? data : NULL, sends ? NULL : (void *)data);
    call->root = peer;
}

bool
ddp_rank_send(DdpRank *rank, DdpSite site, const DdpCallOptions *options, const void *data,
              size_t count, DdpDtype dtype, int dst, GError **error)
{
    DdpCall call;

    message(&call, DDP_CALL_SEND, site, data, count, dtype, dst);
    return check_message(call.kind, data, count, dtype, error) &&
           play_blocking(rank, options, &call, error);
}

bool
ddp_rank_recv(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *data, size_t count,
              DdpDtype dtype, int src, GError **error)
{
    DdpCall call;

    message(&call, DDP_CALL_RECV, site, data, count, dtype, src);
    if (!check_message(call.kind, data, count, dtype, error) ||
        !play_blocking(rank, options, &call, error))
        return false;
    if (options != NULL && options->sender != NULL)
        *options->sender = call.root;
    return true;
}

static DdpWork *
begin_message(DdpRank *rank, const DdpCallOptions *options, DdpCall *call, const void *data,
              GError **error)
{
    if (!check_message(call->kind, data, call->count, call->dtype, error))
        return NULL;
    return begin(rank, options, call, error);
}

DdpWork *
ddp_rank_isend(DdpRank *rank, DdpSite site, const DdpCallOptions *options, const void *data,
               size_t count, DdpDtype dtype, int dst, GError **error)
{
    DdpCall call;

    message(&call, DDP_CALL_SEND, site, data, count, dtype, dst);
    return begin_message(rank, options, &call, data, error);
}

DdpWork *
ddp_rank_irecv(DdpRank *rank, DdpSite site, const DdpCallOptions *options, void *data, size_t count,
               DdpDtype dtype, int src, GError **error)
{
    DdpCall call;

    message(&call, DDP_CALL_RECV, site, data, count, dtype, src);
    return begin_message(rank, options, &call, data, error);
}

static bool
check_batch(const DdpP2pOp *ops, size_t count, GError **error)
{
    for (size_t i = 0; i < count; i++) {
        if (ops[i].kind != DDP_CALL_SEND && ops[i].kind != DDP_CALL_RECV) {
            g_set_error(error, DDP_COMM_ERROR, DDP_COMM_ERROR_BAD_CALL,
                        "batch_isend_irecv: the kind of operation %zu is %d, expected "
                        "DDP_CALL_SEND or DDP_CALL_RECV",
                        i, (int)ops[i].kind);
            return false;
        }
        if (!check_message(ops[i].kind, ops[i].data, ops[i].count, ops[i].dtype, error))
            return false;
    }
    return true;
}

bool
ddp_rank_batch_isend_irecv(DdpRank *rank, DdpSite site, const DdpP2pOp *ops, size_t count,
                           DdpWork **works, GError **error)
{
    for (size_t i = 0; i < count; i++)
        works[i] = NULL;
    if (!check_batch(ops, count, error))
        return false;
    for (size_t i = 0; i < count; i++) {
        DdpCallOptions options = {.name = ops[i].name, .tag = ops[i].tag};
        DdpCall call;

        message(&call, ops[i].kind, site, ops[i].data, ops[i].count, ops[i].dtype, ops[i].peer);
        works[i] = begin(rank, &options, &call, error);
        if (works[i] != NULL)
            continue;
        while (i-- > 0)
            g_clear_pointer(&works[i], ddp_work_free);
        return false;
    }
    return true;
}

/* ---- groups ---- */

static int
compare_ints(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;

    return (left > right) - (left < right);
}

/* @ranks: rising. */
static bool
check_ranks(const int *ranks, size_t count, int size, GError **error)
{
    const DdpCallKind kind = DDP_CALL_NEW_GROUP;

    for (size_t i = 0; i < count; i++) {
        if (ranks[i] < 0 || ranks[i] >= size)
            return bad_call(error, kind, "rank %d is in the list, expected ranks from 0 to %d",
                            ranks[i], size - 1);
        if (i > 0 && ranks[i] == ranks[i - 1])
            return bad_call(error, kind, "rank %d stands in the list twice", ranks[i]);
    }
    return true;
}

DdpGroup *
ddp_rank_new_group(DdpRank *rank, DdpSite site, const int *ranks, size_t count, GError **error)
{
    DdpCall call;
    int size = ddp_world_size(ddp_rank_world(rank));
    g_autofree int *sorted = NULL;

    ddp_call_init(&call, DDP_CALL_NEW_GROUP, site);
    if (ranks == NULL || count == 0 || count > (size_t)size) {
        bad_call(error, call.kind, "a list of %zu ranks, expected 1 to %d of them",
                 ranks == NULL ? 0 : count, size);
        return NULL;
    }
    sorted = g_new(int, count);
    memcpy(sorted, ranks, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_ints);
    if (!check_ranks(sorted, count, size, error))
        return NULL;
    call.in = sorted;
    call.count = count;
    return ddp_rank_call(rank, &call, error) ? call.out : NULL;
}
