/* SPDX-License-Identifier: MIT */
/*
 * Ranks that take turns on one thread: nobody can come in between, so the way of a call that all
 * members make alike from one line, as in a training loop, is short. It lies in this one file to be
 * one function when it is compiled.
 */
#include "comm_shm/comm_private.h"

/* In every word: what others may hold against it, and the place it was made from. */
static inline bool
is_alike(const DdpCall *a, const DdpCall *b)
{
#ifdef DDP_UNCHECKED
    return a->kind == b->kind;
#endif
    if (a->kind != b->kind || a->dtype != b->dtype || a->op != b->op || a->root != b->root ||
        a->count != b->count || a->ndim != b->ndim || a->site.line != b->site.line ||
        a->site.file != b->site.file || a->name != b->name || b->caller != NULL || b->open ||
        b->in_splits != NULL || b->out_splits != NULL)
        return false;
    for (int i = 0; i < a->ndim; i++) {
        if (a->shape[i] != b->shape[i])
            return false;
    }
    return true;
}

/* False where a look tells it: all members are about, and some of them have not come yet. */
static inline bool
may_be_hopeless(const DdpPost *post)
{
    return post->meet == NULL || post->group->left > 0 || post->meet->arrived == post->group->size;
}

static inline bool
is_over(const DdpComm *comm, const DdpPost *post)
{
    return atomic_load_explicit(&post->done, memory_order_relaxed) ||
           atomic_load_explicit(&comm->is_ended, memory_order_relaxed);
}

static inline void
park_until_over(DdpComm *comm, int rank, DdpPlace *place, DdpPost *post)
{
    post->since_ns = place->clock_ns;
    post->waits = true;
    place->waits = post;
    if (may_be_hopeless(post) && !comm->hopeless_told && ddp_post_is_hopeless(comm, rank, post))
        ddp_comm_tell_hopeless(comm, rank);
    while (!is_over(comm, post))
        comm->ops.park(comm->engine, rank);
    place->waits = NULL;
    post->waits = false;
}

void
ddp_turn_park(DdpComm *comm, int rank, DdpPost *post)
{
    park_until_over(comm, rank, &comm->places[rank], post);
}

static inline bool
wait_in_turn(DdpComm *comm, int rank, DdpPlace *place, GError **error)
{
    DdpPost *post = &place->post;

    if (!atomic_load_explicit(&post->done, memory_order_relaxed)) {
        park_until_over(comm, rank, place, post);
    } else if (comm->ops.yield != NULL) {
        /* Ranks leave a collective in the order in which they came. */
        comm->ops.yield(comm->engine, rank);
    }
    if (G_UNLIKELY(post->failed != NULL ||
                   !atomic_load_explicit(&post->done, memory_order_relaxed)))
        return ddp_comm_wait_for(comm, rank, post, error);
    place->clock_ns = MAX(place->clock_ns, post->over_ns);
    return true;
}

bool
ddp_turn_wait(DdpComm *comm, int rank, GError **error)
{
    return wait_in_turn(comm, rank, &comm->places[rank], error);
}

bool
ddp_turn_call(DdpComm *comm, int rank, DdpGroup *group, DdpCall *call, bool *ok, GError **error)
{
    DdpMeet *meet = group->open;
    DdpPlace *place = &comm->places[rank];
    int member = ddp_member_of(group, rank);

    /* First of all: when the world has ended, the call that opened the meeting may be gone. */
    if (atomic_load_explicit(&comm->is_ended, memory_order_relaxed) || meet == NULL ||
        meet->like == NULL || member < 0 || meet->seq != group->next_seq[member] ||
        !is_alike(meet->like->call, call))
        return false;
    group->next_seq[member]++;
    ddp_post_init(&place->post, call, place->clock_ns);
    place->post.fingerprint = meet->like->fingerprint;
    place->post.place = meet->like->place;
    if (ddp_meet_arrive(group, meet, member, &place->post))
        ddp_meet_conclude(group, meet);
    *ok = wait_in_turn(comm, rank, place, error);
    return true;
}
