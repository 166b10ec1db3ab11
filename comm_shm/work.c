/* SPDX-License-Identifier: MIT */
/* Collectives that were begun and are waited for later. */
#include "comm_shm/comm_private.h"

#include <string.h>

struct DdpWork {
    DdpComm *comm; /* borrowed */
    int rank;
    DdpCall call; /* with our own buffers */
    DdpPost post;
    void *user_in; /* borrowed; the caller's buffers */
    void *user_out;
    void *snapshot; /* what `in` held when the call was made */
    size_t in_bytes;
    size_t out_bytes;
    bool waited_for;
};

static bool
is_in_place(DdpCallKind kind)
{
    return kind == DDP_CALL_ALL_REDUCE || kind == DDP_CALL_BROADCAST || kind == DDP_CALL_REDUCE;
}

void
ddp_work_release(void *work_)
{
    DdpWork *work = work_;

    if (!is_in_place(work->call.kind))
        g_free(work->call.out);
    g_free(work->call.in);
    g_free(work->snapshot);
    g_free((void *)work->call.in_splits);
    g_free((void *)work->call.out_splits);
    g_free(work);
}

DdpWork *
ddp_comm_begin(DdpComm *comm, int rank, DdpGroup *group, const DdpCall *call, GError **error)
{
    g_return_val_if_fail(rank >= 0 && rank < comm->size && !comm->left[rank], NULL);
    g_return_val_if_fail(call->kind != DDP_CALL_ALL_GATHER_OBJECT &&
                             call->kind != DDP_CALL_BROADCAST_OBJECT &&
                             call->kind != DDP_CALL_NEW_GROUP && !call->open,
                         NULL);

    if (comm->ended != NULL) {
        ddp_comm_ended_error(comm, error);
        return NULL;
    }
    if (!ddp_comm_check_call(comm, group, rank, call, error))
        return NULL;

    DdpWork *work = g_new0(DdpWork, 1);
    gsize splits_bytes = (gsize)group->size * sizeof(size_t);

    work->comm = comm;
    work->rank = rank;
    work->call = *call;
    work->user_in = call->in;
    work->user_out = call->out;
    work->in_bytes = ddp_call_in_bytes(group, rank, call);
    work->out_bytes = ddp_call_out_bytes(group, rank, call);
    work->call.in = g_memdup2(call->in, work->in_bytes);
    work->snapshot = g_memdup2(call->in, work->in_bytes);
    work->call.out = is_in_place(call->kind) ? work->call.in : g_malloc(work->out_bytes + 1);
    work->call.in_splits = g_memdup2(call->in_splits, call->in_splits != NULL ? splits_bytes : 0);
    work->call.out_splits =
        g_memdup2(call->out_splits, call->out_splits != NULL ? splits_bytes : 0);
    work->post.call = &work->call;
    ddp_comm_take_part(comm, rank, group, &work->post);
    return work;
}

bool
ddp_work_wait(DdpWork *work, bool *touched, GError **error)
{
    if (touched != NULL)
        *touched = false;
    if (!ddp_comm_wait_for(work->comm, work->rank, &work->post, error))
        return false;
    if (work->waited_for)
        return true;
    work->waited_for = true;
    if (touched != NULL && work->in_bytes > 0)
        *touched = memcmp(work->user_in, work->snapshot, work->in_bytes) != 0;
    if (is_in_place(work->call.kind) && work->in_bytes > 0)
        memcpy(work->user_in, work->call.in, work->in_bytes);
    else if (work->out_bytes > 0)
        memcpy(work->user_out, work->call.out, work->out_bytes);
    return true;
}

bool
ddp_work_is_completed(const DdpWork *work)
{
    return work->post.done;
}

const DdpCall *
ddp_work_call(const DdpWork *work)
{
    return &work->call;
}

void
ddp_work_free(DdpWork *work)
{
    if (work == NULL)
        return;
    if (work->post.meet != NULL || (work->post.is_pending && !work->post.done))
        g_ptr_array_add(work->comm->abandoned, work);
    else
        ddp_work_release(work);
}
