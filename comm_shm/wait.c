/* SPDX-License-Identifier: MIT */
/*
 * Waiting of ranks that run at the same time: look, give way, and at last lie down.
 *
 *   awake ──patience ends──> lies down (declares what it waits in) ──woken──> awake
 *
 * A rank lies down with the lock held, and who completes its collective wakes it with the lock
 * held; so the number of those who lie is exact. When all ranks lie or have left, and none of their
 * collectives is complete, nothing can ever happen again: that is the deadlock, and the rank that
 * lay down last says so. No clock is asked.
 */
#include "comm_shm/comm_private.h"

static bool
is_over(const DdpComm *comm, const DdpPost *post)
{
    return atomic_load_explicit(&post->done, memory_order_acquire) || atomic_load(&comm->is_ended);
}

void
ddp_comm_look_if_stuck(DdpComm *comm)
{
    void *engine;
    const DdpParkOps *ops = ddp_comm_ops(comm, &engine);

    if (comm->asleep == 0 || comm->asleep + comm->left_count < comm->size ||
        atomic_load_explicit(&comm->is_ended, memory_order_relaxed) || ddp_comm_relieve(comm))
        return;

    g_autofree char *message =
        ops->stuck != NULL ? ops->stuck(engine) : g_strdup("the world was ended: deadlock");

    ddp_comm_end_locked(comm, message);
}

void
ddp_comm_lie_down(DdpComm *comm, int rank, DdpPost *post)
{
    DdpPlace *place = &comm->places[rank];

    /* In one order with is_ended: whoever ends the world sees it, or its end is seen. */
    atomic_store(&place->awake, 0);
    post->since_ns = place->clock_ns;
    post->waits = true;
    place->waits = post;
    comm->asleep++;
    if (!comm->hopeless_told && ddp_post_is_hopeless(comm, rank, post))
        ddp_comm_tell_hopeless(comm, rank);
    ddp_comm_look_if_stuck(comm);
}

void
ddp_comm_sleep(const DdpComm *comm, DdpPlace *place)
{
    /* Who ends the world without the lock may have woken this rank before it lay down. */
    while (atomic_load(&place->awake) == 0 && !atomic_load(&comm->is_ended))
        ddp_futex_wait(&place->awake, 0);
}

/* False if there is nothing to wait for any more. */
static bool
lie_down(DdpComm *comm, int rank, DdpPost *post)
{
    DdpPlace *place = &comm->places[rank];

    if (!ddp_comm_lock(comm, rank)) {
        /* Whoever held the lock is dead; the supervisor ends the world, and then wakes everyone. */
        atomic_store(&place->awake, 0);
        return !is_over(comm, post);
    }
    if (is_over(comm, post)) {
        ddp_comm_unlock(comm);
        return false;
    }
    ddp_comm_lie_down(comm, rank, post);
    ddp_comm_unlock(comm);
    return true;
}

void
ddp_wait_parallel(DdpComm *comm, int rank, DdpPost *post)
{
    DdpPlace *place = &comm->places[rank];

    for (uint32_t turn = 0; !is_over(comm, post);) {
        DdpMeet *meet = atomic_load_explicit(&post->help, memory_order_acquire);

        if (meet != NULL && ddp_meet_help(meet, rank)) {
            turn = 0;
            continue;
        }
        if (ddp_patience_relax(&comm->patience, turn++))
            continue;
        if (lie_down(comm, rank, post))
            ddp_comm_sleep(comm, place);
        turn = 0;
    }
}
