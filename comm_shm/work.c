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
    void *snapshot; /* what `in`, of a receive `out`, held when the call was made */
    size_t in_bytes;
    size_t out_bytes;
    bool waited_for;
    DdpWork *next; /* of those that were dropped */
    DdpCaller caller;
    char name[DDP_CALL_NAME_MAX];
};

static void
release(DdpWork *work)
{
    DdpHeap *heap = work->comm->heap;

    if (!ddp_call_is_in_place(work->call.kind))
        ddp_heap_release(heap, work->call.out);
    ddp_heap_release(heap, work->call.in);
    ddp_heap_release(heap, work->snapshot);
    ddp_heap_release(heap, (void *)work->call.in_splits);
    ddp_heap_release(heap, (void *)work->call.out_splits);
    ddp_heap_release(heap, work->post.failed);
    ddp_heap_release(heap, work);
}

void
ddp_works_free(DdpComm *comm)
{
    while (comm->abandoned != NULL) {
        DdpWork *next = comm->abandoned->next;

        release(comm->abandoned);
        comm->abandoned = next;
    }
}

/* (transfer full): a copy where all ranks can reach it; NULL of nothing. */
static void *
copy(DdpHeap *heap, const void *data, size_t bytes)
{
    return data != NULL && bytes > 0 ? memcpy(ddp_heap_alloc(heap, bytes), data, bytes) : NULL;
}

static DdpWork *
work_new(DdpComm *comm, int rank, const DdpGroup *group, const DdpCall *call)
{
    DdpHeap *heap = comm->heap;
    DdpWork *work = ddp_heap_alloc0(heap, sizeof *work);
    size_t splits_bytes = (size_t)group->size * sizeof(size_t);

    work->comm = comm;
    work->rank = rank;
    work->call = *call;
    ddp_stage_words(comm, rank, &work->call, work->name, &work->caller);
    work->user_in = call->in;
    work->user_out = call->out;
    work->in_bytes = ddp_call_in_bytes(group, rank, call);
    work->out_bytes = ddp_call_out_bytes(group, rank, call);
    work->call.in = copy(heap, call->in, work->in_bytes);
    work->snapshot = call->kind == DDP_CALL_RECV ? copy(heap, call->out, work->out_bytes)
                                                 : copy(heap, call->in, work->in_bytes);
    work->call.out =
        ddp_call_is_in_place(call->kind) ? work->call.in : ddp_heap_alloc(heap, work->out_bytes);
    work->call.in_splits = copy(heap, call->in_splits, splits_bytes);
    work->call.out_splits = copy(heap, call->out_splits, splits_bytes);
    work->post.call = &work->call;
    return work;
}

/* The world has ended: a work that is done and has done nothing, if the rank may go on at all. */
static DdpWork *
begin_foreseen(DdpComm *comm, int rank, DdpGroup *group, const DdpCall *call, GError **error)
{
    DdpCall made_up = *call;
    DdpWork *work;

    if (!ddp_foresee_call(comm, rank, group, &made_up)) {
        ddp_comm_ended_error(comm, error);
        return NULL;
    }
    work = work_new(comm, rank, group, call);
    if (work->call.out != work->call.in && work->out_bytes > 0)
        memcpy(work->call.out, call->out, work->out_bytes);
    work->post.group = group;
    atomic_store_explicit(&work->post.done, true, memory_order_relaxed);
    return work;
}

DdpWork *
ddp_comm_begin(DdpComm *comm, int rank, DdpGroup *group, const DdpCall *call, GError **error)
{
    DdpWork *work;
    DdpMeet *meet;

    g_return_val_if_fail(rank >= 0 && rank < comm->size && !comm->places[rank].left, NULL);
    g_return_val_if_fail(call->kind != DDP_CALL_ALL_GATHER_OBJECT &&
                             call->kind != DDP_CALL_BROADCAST_OBJECT &&
                             call->kind != DDP_CALL_NEW_GROUP && !call->open,
                         NULL);

    if (atomic_load_explicit(&comm->is_ended, memory_order_acquire))
        return begin_foreseen(comm, rank, group, call, error);
    if (!ddp_comm_check_call(comm, group, rank, call, error))
        return NULL;
    work = work_new(comm, rank, group, call);
    if (!ddp_comm_lock(comm, rank)) {
        release(work);
        ddp_comm_broken_error(comm, error);
        return NULL;
    }
    ddp_comm_take_part(comm, rank, group, &work->post);
    ddp_comm_unlock(comm);
    /* The last to come sees to it that the work is done: nobody else need be awake. */
    while ((meet = atomic_load_explicit(&work->post.help, memory_order_acquire)) != NULL &&
           ddp_meet_help(meet, rank))
        continue;
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
    if (touched != NULL && work->call.kind == DDP_CALL_RECV && work->out_bytes > 0)
        *touched = memcmp(work->user_out, work->snapshot, work->out_bytes) != 0;
    else if (touched != NULL && work->in_bytes > 0)
        *touched = memcmp(work->user_in, work->snapshot, work->in_bytes) != 0;
    if (ddp_call_is_in_place(work->call.kind)) {
        if (work->in_bytes > 0)
            memcpy(work->user_in, work->call.in, work->in_bytes);
    } else if (work->out_bytes > 0) {
        memcpy(work->user_out, work->call.out, work->out_bytes);
    }
    return true;
}

bool
ddp_work_is_completed(const DdpWork *work)
{
    return atomic_load_explicit(&work->post.done, memory_order_acquire);
}

const DdpCall *
ddp_work_call(const DdpWork *work)
{
    return &work->call;
}

const DdpGroup *
ddp_work_group(const DdpWork *work)
{
    return work->post.group;
}

uint64_t
ddp_work_seq(const DdpWork *work)
{
    return work->post.seq;
}

int
ddp_work_last(const DdpWork *work)
{
    return work->post.last;
}

void
ddp_work_free(DdpWork *work)
{
    DdpComm *comm;

    if (work == NULL)
        return;
    comm = work->comm;
    if (!ddp_comm_lock(comm, work->rank))
        return; /* nobody may touch anything any more; the heap goes as a whole */
    if (work->post.meet != NULL ||
        (work->post.is_pending && !atomic_load_explicit(&work->post.done, memory_order_relaxed))) {
        work->next = comm->abandoned;
        comm->abandoned = work;
        work = NULL;
    }
    ddp_comm_unlock(comm);
    if (work != NULL)
        release(work);
}
