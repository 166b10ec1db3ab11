/* SPDX-License-Identifier: MIT */
/*
 * A rank that dies in the middle of training. As a process it is killed, as the kernel does when
 * memory runs out; on the other engines, where that would kill all, it fails. Either way the others
 * are told at once who is gone, and in which collective they waited for it.
 */
#include <ddpsim.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE 4

static bool
rank_main(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    for (int step = 0; step < 10; step++) {
        float loss = (float)step;

        if (ddp_rank_index(rank) == 2 && step == 5) {
            if (ddp_world_engine(ddp_rank_world(rank)) == DDP_ENGINE_PROCESSES)
                (void)raise(SIGKILL);
            g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "out of memory in step %d",
                        step);
            return false;
        }
        if (!ddp_all_reduce(rank, &loss, 1, DDP_DTYPE_F32, DDP_REDUCE_AVG, error))
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
    g_autofree char *verdict = NULL;

    spec.size = SIZE;
    spec.engine = DDP_ENGINE_PROCESSES;
    if (argc > 1 && !ddp_engine_from_name(argv[1], &spec.engine)) {
        fprintf(stderr, "usage: dying_rank [fibers|threads|processes]\n");
        return EXIT_FAILURE;
    }
    world = ddp_world_new(&spec, &error);
    if (world == NULL) {
        fprintf(stderr, "dying_rank: %s\n", error->message);
        return EXIT_FAILURE;
    }
    ddp_world_run(world, rank_main, NULL);
    verdict = ddp_world_verdict_text(world);
    fputs(verdict, stdout);
    return ddp_world_outcome(world) == DDP_OUTCOME_ERROR ? EXIT_SUCCESS : EXIT_FAILURE;
}
