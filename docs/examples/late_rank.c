/* SPDX-License-Identifier: MIT */
/*
 * A straggler in virtual time: rank 2 needs 100 ms for each step, the others 60 ms, and all wait
 * for it in every all_reduce. The clocks say what it costs whom, and are the same on every engine;
 * on fibers no real time passes.
 */
#include <ddpsim.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE 4
#define STEPS 3
#define MS INT64_C(1000000)

static bool
rank_main(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    for (int step = 0; step < STEPS; step++) {
        float gradient = 1.0f;

        if (!ddp_rank_sleep_ns(rank, ddp_rank_index(rank) == 2 ? 100 * MS : 60 * MS, error))
            return false;
        if (!ddp_all_reduce(rank, &gradient, 1, DDP_DTYPE_F32, DDP_REDUCE_AVG, error))
            return false;
    }
    return true;
}

int
main(int argc, char **argv)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpWorld) world = NULL;

    spec.size = SIZE;
    if (argc > 1 && !ddp_engine_from_name(argv[1], &spec.engine)) {
        fprintf(stderr, "usage: late_rank [fibers|threads|processes]\n");
        return EXIT_FAILURE;
    }
    world = ddp_world_new(&spec, &error);
    if (world == NULL) {
        fprintf(stderr, "late_rank: %s\n", error->message);
        return EXIT_FAILURE;
    }
    if (ddp_world_run(world, rank_main, NULL) != DDP_OUTCOME_COMPLETED)
        return EXIT_FAILURE;
    printf("%d steps took %.0f ms\n", STEPS, (double)ddp_world_now_ns(world) / MS);
    for (int rank = 0; rank < SIZE; rank++) {
        DdpDelay delay = ddp_comm_delay(ddp_world_comm(world), rank);

        printf("rank %d: waited %.0f ms, was last %d times, cost the others %.0f ms\n", rank,
               (double)delay.waited_ns / MS, (int)delay.last, (double)delay.cost_ns / MS);
    }
    return EXIT_SUCCESS;
}
