/* SPDX-License-Identifier: MIT */
/* What is wrong with a call whoever else comes, and how many bytes it concerns. */
#include "comm_shm/comm_private.h"

static bool bad_call(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool
bad_call(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (error != NULL) {
        g_autofree char *message = g_strdup_vprintf(format, arguments);

        g_set_error_literal(error, DDP_COMM_ERROR, DDP_COMM_ERROR_BAD_CALL, message);
    }
    va_end(arguments);
    return false;
}

static bool
check_root(const DdpComm *comm, const DdpGroup *group, const DdpCall *call, GError **error)
{
    const char *what =
        call->kind == DDP_CALL_REDUCE || call->kind == DDP_CALL_GATHER ? "dst" : "src";

    if (call->root < 0 || call->root >= comm->size)
        return bad_call(error, "%s: %s is %d, expected a rank from 0 to %d",
                        ddp_call_kind_name(call->kind), what, call->root, comm->size - 1);
    if (ddp_group_member(group, call->root) < 0)
        return bad_call(error,
                        "%s: %s is %d, which is no member of group %s; roots are ranks of the "
                        "world",
                        ddp_call_kind_name(call->kind), what, call->root, group->name);
    return true;
}

static bool
check_peer(const DdpComm *comm, int rank, const DdpCall *call, GError **error)
{
    const char *what = call->kind == DDP_CALL_SEND ? "dst" : "src";

    if (call->kind == DDP_CALL_RECV && call->root == -1)
        return true;
    if (call->root < 0 || call->root >= comm->size)
        return bad_call(error, "%s: %s is %d, expected a rank from 0 to %d",
                        ddp_call_kind_name(call->kind), what, call->root, comm->size - 1);
    if (call->root == rank)
        return bad_call(error, "%s: %s is %d, this rank itself; a rank cannot send to itself",
                        ddp_call_kind_name(call->kind), what, rank);
    return true;
}

static bool
check_reduction(const DdpComm *comm, const DdpCall *call, GError **error)
{
    const char *kind = ddp_call_kind_name(call->kind);

    if (!ddp_reduce_op_supports(call->op, call->dtype))
        return bad_call(error, "%s: %s is not defined for %s", kind, ddp_reduce_op_name(call->op),
                        ddp_dtype_name(call->dtype));
    if (comm->backend == DDP_BACKEND_GLOO && call->op == DDP_REDUCE_AVG)
        return bad_call(error,
                        "%s: Cannot use ReduceOp.AVG with Gloo; use SUM and divide by the world "
                        "size",
                        kind);
    if (comm->backend == DDP_BACKEND_NCCL && call->op >= DDP_REDUCE_BAND)
        return bad_call(error, "%s: Cannot use ReduceOp.%s with NCCL; the gloo backend has it",
                        kind,
                        call->op == DDP_REDUCE_BAND  ? "BAND"
                        : call->op == DDP_REDUCE_BOR ? "BOR"
                                                     : "BXOR");
    return true;
}

/* torch raises here before it communicates: the others wait in vain, if they come. */
bool
ddp_comm_check_call(const DdpComm *comm, const DdpGroup *group, int rank, const DdpCall *call,
                    GError **error)
{
    if (group->ranks != NULL && ddp_group_member(group, rank) < 0)
        return bad_call(error, "%s: rank %d is no member of group %s",
                        ddp_call_kind_name(call->kind), rank, group->name);
    switch (call->kind) {
    case DDP_CALL_BROADCAST:
    case DDP_CALL_BROADCAST_OBJECT:
    case DDP_CALL_GATHER:
    case DDP_CALL_SCATTER:
        return check_root(comm, group, call, error);
    case DDP_CALL_REDUCE:
        return check_root(comm, group, call, error) && check_reduction(comm, call, error);
    case DDP_CALL_ALL_REDUCE:
    case DDP_CALL_REDUCE_SCATTER:
        return check_reduction(comm, call, error);
    case DDP_CALL_ALL_GATHER:
    case DDP_CALL_ALL_GATHER_OBJECT:
    case DDP_CALL_ALL_TO_ALL:
    case DDP_CALL_BARRIER:
    case DDP_CALL_NEW_GROUP:
        return true;
    case DDP_CALL_MONITORED_BARRIER:
        return comm->backend == DDP_BACKEND_GLOO ||
               bad_call(error, "monitored_barrier: only the gloo backend has it, this one is %s",
                        ddp_backend_name(comm->backend));
    case DDP_CALL_SEND:
    case DDP_CALL_RECV:
        return check_peer(comm, rank, call, error);
    }
    g_assert_not_reached();
}

/* ---- sizes ---- */

static size_t
sum_of(const size_t *splits, int size)
{
    size_t sum = 0;

    for (int i = 0; i < size; i++)
        sum += splits[i];
    return sum;
}

size_t
ddp_call_in_bytes(const DdpGroup *group, int rank, const DdpCall *call)
{
    size_t piece = call->count * ddp_dtype_bytes(call->dtype);

    switch (call->kind) {
    case DDP_CALL_ALL_REDUCE:
    case DDP_CALL_ALL_GATHER:
    case DDP_CALL_BROADCAST:
    case DDP_CALL_REDUCE:
    case DDP_CALL_GATHER:
    case DDP_CALL_SEND:
        return piece;
    case DDP_CALL_SCATTER:
        return call->root == rank ? piece * (size_t)group->size : 0;
    case DDP_CALL_REDUCE_SCATTER:
        return piece * (size_t)group->size;
    case DDP_CALL_ALL_TO_ALL:
        return call->in_splits != NULL
                   ? sum_of(call->in_splits, group->size) * ddp_dtype_bytes(call->dtype)
                   : piece * (size_t)group->size;
    case DDP_CALL_ALL_GATHER_OBJECT:
    case DDP_CALL_BROADCAST_OBJECT:
        return call->count;
    case DDP_CALL_BARRIER:
    case DDP_CALL_MONITORED_BARRIER:
    case DDP_CALL_NEW_GROUP:
    case DDP_CALL_RECV:
        return 0;
    }
    g_assert_not_reached();
}

bool
ddp_call_is_in_place(DdpCallKind kind)
{
    return kind == DDP_CALL_ALL_REDUCE || kind == DDP_CALL_BROADCAST || kind == DDP_CALL_REDUCE;
}

size_t
ddp_call_out_bytes(const DdpGroup *group, int rank, const DdpCall *call)
{
    size_t piece = call->count * ddp_dtype_bytes(call->dtype);

    switch (call->kind) {
    case DDP_CALL_ALL_GATHER:
        return piece * (size_t)group->size;
    case DDP_CALL_GATHER:
        return call->root == rank ? piece * (size_t)group->size : 0;
    case DDP_CALL_SCATTER:
    case DDP_CALL_REDUCE_SCATTER:
    case DDP_CALL_RECV:
        return piece;
    case DDP_CALL_ALL_TO_ALL:
        return call->out_splits != NULL
                   ? sum_of(call->out_splits, group->size) * ddp_dtype_bytes(call->dtype)
                   : piece * (size_t)group->size;
    case DDP_CALL_ALL_REDUCE:
    case DDP_CALL_BROADCAST:
    case DDP_CALL_REDUCE:
    case DDP_CALL_ALL_GATHER_OBJECT:
    case DDP_CALL_BROADCAST_OBJECT:
    case DDP_CALL_BARRIER:
    case DDP_CALL_MONITORED_BARRIER:
    case DDP_CALL_NEW_GROUP:
    case DDP_CALL_SEND:
        return 0;
    }
    g_assert_not_reached();
}
