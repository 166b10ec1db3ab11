/* SPDX-License-Identifier: MIT */
#include "comm_shm/comm_private.h"
#include "comm_shm/p2p.h"

#include <string.h>

G_DEFINE_QUARK(ddp_comm_error_quark, ddp_comm_error)

const char *
ddp_backend_name(DdpBackend backend)
{
    return backend == DDP_BACKEND_NCCL ? "nccl" : "gloo";
}

bool
ddp_backend_from_name(const char *name, DdpBackend *backend)
{
    if (strcmp(name, "nccl") == 0)
        *backend = DDP_BACKEND_NCCL;
    else if (strcmp(name, "gloo") == 0)
        *backend = DDP_BACKEND_GLOO;
    else
        return false;
    return true;
}

static bool
is_p2p(DdpCallKind kind)
{
    return kind == DDP_CALL_SEND || kind == DDP_CALL_RECV;
}

/* ---- the communicator ---- */

DdpComm *
ddp_comm_new(int size, DdpBackend backend, const DdpParkOps *ops, void *engine)
{
    g_return_val_if_fail(size > 0, NULL);

    DdpComm *comm = g_new0(DdpComm, 1);

    comm->size = size;
    comm->backend = backend;
    comm->ops = *ops;
    comm->engine = engine;
    comm->groups = g_ptr_array_new_with_free_func(ddp_group_free);
    comm->abandoned = g_ptr_array_new_with_free_func(ddp_work_release);
    comm->pairings = g_ptr_array_new_with_free_func(ddp_pairing_free);
    comm->waits = g_new0(DdpPost *, size);
    comm->left = g_new0(bool, size);
    comm->boxes = ddp_mailboxes_new(size, backend);
    g_ptr_array_add(comm->groups, ddp_group_new(comm, "world", NULL, size));
    return comm;
}

void
ddp_comm_free(DdpComm *comm)
{
    if (comm == NULL)
        return;
    g_ptr_array_unref(comm->groups);
    ddp_mailboxes_free(comm->boxes);
    g_ptr_array_unref(comm->abandoned);
    g_ptr_array_unref(comm->pairings);
    g_free(comm->waits);
    g_free(comm->left);
    g_free(comm->ended);
    g_free(comm);
}

DdpGroup *
ddp_comm_world_group(DdpComm *comm)
{
    return comm->groups->pdata[0];
}

int
ddp_comm_group_count(const DdpComm *comm)
{
    return (int)comm->groups->len;
}

DdpGroup *
ddp_comm_group(DdpComm *comm, int index)
{
    g_return_val_if_fail(index >= 0 && index < (int)comm->groups->len, NULL);

    return comm->groups->pdata[index];
}

/* ---- taking part ---- */

bool
ddp_comm_ended_error(const DdpComm *comm, GError **error)
{
    g_set_error_literal(error, DDP_COMM_ERROR, DDP_COMM_ERROR_ENDED, comm->ended);
    return false;
}

static void
tell_hopeless(DdpComm *comm, int rank)
{
    comm->hopeless_told = true;
    comm->ops.hopeless(comm->engine, rank);
}

/* A send or receive: completes at once, or stands in a mailbox. */
static void
post_message(DdpComm *comm, int rank, DdpPost *post)
{
    int partner;

    post->group = ddp_comm_world_group(comm);
    switch (ddp_mailboxes_post(comm->boxes, rank, post, &partner)) {
    case DDP_P2P_DONE:
        break;
    case DDP_P2P_MISMATCH:
        post->mismatched = true;
        post->is_pending = true;
        break;
    case DDP_P2P_PENDING:
        post->is_pending = true;
        break;
    }
    if (post->call->kind == DDP_CALL_SEND) {
        post->group->call_count[DDP_CALL_SEND]++;
        post->group->call_bytes[DDP_CALL_SEND] += ddp_call_in_bytes(post->group, rank, post->call);
    }
    if (partner >= 0 && comm->waits[partner] != NULL && comm->waits[partner]->done)
        comm->ops.wake(comm->engine, partner);
}

void
ddp_comm_take_part(DdpComm *comm, int rank, DdpGroup *group, DdpPost *post)
{
    if (is_p2p(post->call->kind))
        post_message(comm, rank, post);
    else
        ddp_meet_come(group, rank, post);
}

/* A partner that can still come: the peer, or anybody where the source is open. */
static bool
has_partner(const DdpComm *comm, int rank, const DdpCall *call)
{
    if (call->root >= 0)
        return !comm->left[call->root];
    for (int other = 0; other < comm->size; other++) {
        if (other != rank && !comm->left[other])
            return true;
    }
    return false;
}

/* Nothing that may still happen can complete @post. */
static bool
is_hopeless(const DdpComm *comm, int rank, const DdpPost *post)
{
    if (is_p2p(post->call->kind))
        return post->mismatched || !has_partner(comm, rank, post->call);
    return post->meet->difference != DDP_CALL_SAME || ddp_meet_is_missed(post->group, post->meet);
}

/* A post whose world has ended is taken out, so that nobody looks at it again. */
static void
withdraw(DdpPost *post, int rank)
{
    DdpMeet *meet = post->meet;

    if (post->is_pending) {
        ddp_mailboxes_withdraw(post->group->comm->boxes, rank, post);
        post->is_pending = false;
    }
    if (meet == NULL)
        return;
    meet->posts[ddp_group_member(post->group, rank)] = NULL;
    meet->arrived--;
    post->meet = NULL;
    if (meet->arrived == 0)
        ddp_meet_close(post->group, meet);
}

bool
ddp_comm_wait_for(DdpComm *comm, int rank, DdpPost *post, GError **error)
{
    if (post->done)
        return true;
    if (comm->ended != NULL) {
        withdraw(post, rank);
        return ddp_comm_ended_error(comm, error);
    }
    post->since_ns = comm->ops.now_ns(comm->engine);
    post->waits = true;
    comm->waits[rank] = post;
    if (!comm->hopeless_told && is_hopeless(comm, rank, post))
        tell_hopeless(comm, rank);
    while (!post->done && comm->ended == NULL)
        comm->ops.park(comm->engine, rank);
    comm->waits[rank] = NULL;
    post->waits = false;
    if (post->done)
        return true;
    withdraw(post, rank);
    return ddp_comm_ended_error(comm, error);
}

bool
ddp_comm_call(DdpComm *comm, int rank, DdpGroup *group, DdpCall *call, GError **error)
{
    DdpPost post = {.call = call};

    g_return_val_if_fail(rank >= 0 && rank < comm->size, false);
    g_return_val_if_fail(!comm->left[rank], false);

    if (comm->ended != NULL)
        return ddp_comm_ended_error(comm, error);
    if (!ddp_comm_check_call(comm, group, rank, call, error))
        return false;
    ddp_comm_take_part(comm, rank, group, &post);
    if (post.done && !is_p2p(call->kind))
        comm->ops.yield(comm->engine, rank);
    return ddp_comm_wait_for(comm, rank, &post, error);
}

/* ---- leaving and ending ---- */

void
ddp_comm_leave(DdpComm *comm, int rank)
{
    bool missed = false;

    g_return_if_fail(rank >= 0 && rank < comm->size && !comm->left[rank]);

    comm->left[rank] = true;
    for (guint i = 0; i < comm->groups->len; i++) {
        DdpGroup *group = comm->groups->pdata[i];
        int member = ddp_group_member(group, rank);

        if (member < 0)
            continue;
        group->left++;
        for (const DdpMeet *meet = group->open; meet != NULL && !missed; meet = meet->next) {
            if (meet->posts[member] != NULL)
                continue;
            for (int other = 0; other < group->size && !missed; other++)
                missed = meet->posts[other] != NULL && meet->posts[other]->waits;
        }
    }
    for (int other = 0; other < comm->size && !missed && !comm->hopeless_told; other++) {
        const DdpPost *post = comm->waits[other];

        missed = post != NULL && !post->done && is_p2p(post->call->kind) &&
                 is_hopeless(comm, other, post);
    }
    if (missed && comm->ended == NULL && !comm->hopeless_told)
        tell_hopeless(comm, rank);
}

void
ddp_comm_end(DdpComm *comm, const char *message)
{
    if (comm->ended != NULL)
        return;
    comm->ended = g_strdup(message);
    for (int rank = 0; rank < comm->size; rank++) {
        if (comm->waits[rank] != NULL)
            comm->ops.wake(comm->engine, rank);
    }
}

bool
ddp_comm_wait_of(const DdpComm *comm, int rank, DdpWait *wait)
{
    const DdpPost *post = comm->waits[rank];

    if (post == NULL)
        return false;
    *wait = (DdpWait){post->call, post->group, post->seq, post->since_ns,
                      post->mismatched     ? DDP_CALL_DIFFERS_SHAPE
                      : post->meet != NULL ? post->meet->difference
                                           : DDP_CALL_SAME};
    return true;
}

size_t
ddp_comm_unreceived(const DdpComm *comm)
{
    return ddp_mailboxes_unreceived(comm->boxes);
}

void
ddp_comm_unreceived_at(const DdpComm *comm, size_t index, int *src, int *dst, const DdpCall **call)
{
    ddp_mailboxes_unreceived_at(comm->boxes, index, src, dst, call);
}
