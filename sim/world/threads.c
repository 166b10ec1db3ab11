/* SPDX-License-Identifier: MIT */
/*
 * The threads engine: a pthread for each rank. They wait for each other in comm_shm; the last one
 * to lie down when nothing can go on says the verdict.
 */
#include <pthread.h>
#include <string.h>

#include "sim/world/world_private.h"

#define STACK_BYTES_MIN (256 << 10)

static void
hopeless(void *engine, int rank)
{
    (void)rank;
    ((DdpWorld *)engine)->hopeless = true;
}

static char *
stuck(void *engine)
{
    return ddp_world_say_verdict(engine);
}

const DdpParkOps ddp_parallel_ops = {.hopeless = hopeless,
                                     .stuck = stuck,
                                     .mismatched = ddp_world_note_mismatch,
                                     .foresee = ddp_world_may_foresee,
                                     .cost_ns = ddp_world_cost_ns};

static void *
thread_main(void *rank)
{
    ddp_rank_live(rank);
    return NULL;
}

/* A rank that could not be started failed: the others are told by that. */
static void
give_up(DdpRank *rank, int number)
{
    g_autofree char *text =
        g_strdup_printf("its thread could not be started: %s", g_strerror(number));

    rank->failure = ddp_heap_strdup(rank->world->heap, text);
    rank->life = DDP_LIFE_ENDED;
    ddp_comm_leave(rank->world->comm, rank->index);
}

void
ddp_threads_run(DdpWorld *world)
{
    const int *order = ddp_schedule_start_order(world->schedule);
    g_autofree pthread_t *threads = g_new0(pthread_t, world->spec.size);
    g_autofree bool *started = g_new0(bool, world->spec.size);
    pthread_attr_t attributes;
    int number = pthread_attr_init(&attributes);

    if (number == 0)
        number =
            pthread_attr_setstacksize(&attributes, MAX(world->spec.stack_bytes, STACK_BYTES_MIN));
    for (int i = 0; i < world->spec.size; i++) {
        DdpRank *rank = &world->ranks[order[i]];

        if (number == 0)
            number = pthread_create(&threads[rank->index], &attributes, thread_main, rank);
        started[rank->index] = number == 0;
        if (number != 0)
            give_up(rank, number);
    }
    for (int rank = 0; rank < world->spec.size; rank++) {
        if (started[rank])
            pthread_join(threads[rank], NULL);
    }
    pthread_attr_destroy(&attributes);
}
