/* SPDX-License-Identifier: MIT */
/*
 * Four ranks add up their numbers.
 *
 *   cc hello_world.c $(pkg-config --cflags --libs ddpsim) -o hello_world
 *   ./hello_world [fibers|threads|processes]
 */
#include <ddpsim.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE 4

static bool
rank_main(DdpRank *rank, void *user_data, GError **error)
{
    int64_t *sums = user_data;
    int64_t sum = ddp_rank_index(rank);

    if (!ddp_all_reduce(rank, &sum, 1, DDP_DTYPE_I64, DDP_REDUCE_SUM, error))
        return false;
    sums[ddp_rank_index(rank)] = sum;
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
        fprintf(stderr, "usage: hello_world [fibers|threads|processes]\n");
        return EXIT_FAILURE;
    }
    world = ddp_world_new(&spec, &error);
    if (world == NULL) {
        fprintf(stderr, "hello_world: %s\n", error->message);
        return EXIT_FAILURE;
    }

    /* Every rank reaches the world's memory, also one that is a process of its own. */
    int64_t *sums = ddp_world_alloc(world, SIZE * sizeof *sums);
    DdpOutcome outcome = ddp_world_run(world, rank_main, sums);

    printf("outcome: %s\n", ddp_outcome_name(outcome));
    for (int rank = 0; rank < SIZE; rank++)
        printf("rank %d of %d: 0 + 1 + 2 + 3 = %" PRId64 "\n", rank, SIZE, sums[rank]);
    ddp_world_release(world, sums);
    return outcome == DDP_OUTCOME_COMPLETED ? EXIT_SUCCESS : EXIT_FAILURE;
}
