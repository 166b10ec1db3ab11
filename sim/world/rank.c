/* SPDX-License-Identifier: MIT */
/* A rank as its own function sees it: who it is, what time it is, how it ends. */
#include <sched.h>
#include <string.h>
#include <time.h>

#include "sim/world/world_private.h"

#define SLEEP_NS_MAX INT64_C(1000000000)
#define POLL_NS 10000

void
ddp_rank_live(DdpRank *rank)
{
    DdpWorld *world = rank->world;
    GError *error = NULL;

    if (world->trace != NULL)
        ddp_trace_event(world->trace, ddp_rank_now_ns(rank), rank->index, "start", NULL);

    bool ok = world->func(rank, world->user_data, &error);

    g_assert(ok == (error == NULL));
    ddp_rank_end(rank, error);
}

void
ddp_rank_end(DdpRank *rank, GError *error)
{
    DdpWorld *world = rank->world;
    bool ok = error == NULL;

    if (ddp_comm_is_foreseeing(world->comm, rank->index)) {
        /* It has not really come so far: it was ended where it waited. */
        ddp_comm_foresight_ends(world->comm, rank->index, ok);
        g_clear_error(&error);
        ok = !ddp_comm_has_ended(world->comm, &error);
    }
    if (world->trace != NULL)
        ddp_trace_event(world->trace, ddp_rank_now_ns(rank), rank->index, ok ? "finish" : "fail",
                        ok ? NULL : error->message);
    if (!ok)
        rank->failure = ddp_heap_strdup(world->heap, error->message);
    g_clear_error(&error);
    rank->life = DDP_LIFE_ENDED;
    ddp_comm_leave(world->comm, rank->index);
}

void
ddp_rank_bury(DdpRank *rank, const char *text)
{
    DdpWorld *world = rank->world;
    bool was_over = ddp_comm_has_ended(world->comm, NULL);

    if (text != NULL)
        rank->failure = ddp_heap_strdup(world->heap, text);
    rank->life = DDP_LIFE_ENDED;
    if (world->trace != NULL)
        ddp_trace_event(world->trace, ddp_rank_now_ns(rank), rank->index,
                        text != NULL ? "fail" : "finish", text);
    if (ddp_comm_died(world->comm, rank->index))
        return;
    /*
     * It held the lock: nobody can find out any more who waits for whom. Also where the world was
     * over, it may have been this rank that was to wake the others.
     */
    g_autofree char *message =
        was_over ? g_strdup("the world was ended") : ddp_world_say_verdict(world);

    ddp_comm_end(world->comm, message);
}

DdpWorld *
ddp_rank_world(const DdpRank *rank)
{
    return rank->world;
}

int
ddp_rank_index(const DdpRank *rank)
{
    return rank->index;
}

int
ddp_rank_node(const DdpRank *rank)
{
    return rank->index / rank->world->spec.nproc_per_node;
}

int
ddp_rank_local(const DdpRank *rank)
{
    return rank->index % rank->world->spec.nproc_per_node;
}

int
ddp_rank_pid(const DdpRank *rank)
{
    return rank->pid;
}

void
ddp_rank_set_data(DdpRank *rank, void *data)
{
    rank->data = data;
}

void *
ddp_rank_data(const DdpRank *rank)
{
    return rank->data;
}

void
ddp_rank_set_endless(DdpRank *rank)
{
    rank->endless = true;
}

void
ddp_rank_set_cut_short(DdpRank *rank)
{
    rank->cut_short = true;
}

void *
ddp_rank_alloc(DdpRank *rank, size_t bytes)
{
    return ddp_heap_alloc(rank->world->heap, bytes);
}

void
ddp_rank_free(DdpRank *rank, void *memory)
{
    ddp_heap_release(rank->world->heap, memory);
}

/* ---- time ---- */

int64_t
ddp_rank_now_ns(const DdpRank *rank)
{
    return ddp_comm_clock(rank->world->comm, rank->index);
}

static void
advance(DdpRank *rank, int64_t duration_ns)
{
    int64_t now_ns = ddp_rank_now_ns(rank);

    ddp_comm_set_clock(rank->world->comm, rank->index,
                       duration_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + duration_ns);
}

bool
ddp_rank_sleep_ns(DdpRank *rank, int64_t duration_ns, GError **error)
{
    DdpWorld *world = rank->world;

    g_return_val_if_fail(duration_ns >= 0, false);
    if (ddp_comm_is_foreseeing(world->comm, rank->index))
        return true;
    if (ddp_comm_has_ended(world->comm, error))
        return false;
    if (world->trace != NULL)
        ddp_trace_event(world->trace, ddp_rank_now_ns(rank), rank->index, "sleep", NULL);
    advance(rank, duration_ns);
    if (world->spec.engine == DDP_ENGINE_FIBERS) {
        ddp_fibers_sleep(rank);
    } else {
        int64_t real_ns = MIN(duration_ns, SLEEP_NS_MAX);

        /* Cut short by a signal it is only a shorter sleep. */
        (void)nanosleep(&(struct timespec){real_ns / SLEEP_NS_MAX, real_ns % SLEEP_NS_MAX}, NULL);
    }
    if (world->trace != NULL)
        ddp_trace_event(world->trace, ddp_rank_now_ns(rank), rank->index, "wake", NULL);
    return true;
}

void
ddp_rank_compute(DdpRank *rank, double flops)
{
    DdpWorld *world = rank->world;
    double before = rank->flops;
    int64_t took_ns;

    /* The difference of two sums, so that what is less than a nanosecond is not lost. */
    rank->flops += flops;
    took_ns = ddp_topology_compute_ns(&world->spec.topology, rank->flops) -
              ddp_topology_compute_ns(&world->spec.topology, before);
    if (took_ns == 0)
        return;
    if (world->trace != NULL)
        ddp_trace_span(world->trace, ddp_rank_now_ns(rank), rank->index, "compute", took_ns, NULL);
    advance(rank, took_ns);
}

void
ddp_rank_log(DdpRank *rank, size_t bytes)
{
    int64_t took_ns = ddp_topology_log_ns(&rank->world->spec.topology, bytes);

    if (took_ns > 0)
        advance(rank, took_ns);
}

void
ddp_rank_poll(DdpRank *rank)
{
    advance(rank, POLL_NS);
    if (rank->world->spec.engine == DDP_ENGINE_FIBERS)
        ddp_fibers_sleep(rank);
    else
        (void)sched_yield();
}

void
ddp_rank_yield(DdpRank *rank)
{
    if (rank->world->spec.engine == DDP_ENGINE_FIBERS)
        ddp_fibers_yield(rank);
    else
        (void)sched_yield();
}
