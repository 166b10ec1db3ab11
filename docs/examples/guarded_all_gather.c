/* SPDX-License-Identifier: MIT */
/*
 * The pitfall: a collective behind a rank-0 guard. The others never come, a real job would hang
 * until its timeout. Here the world ends at once, and the verdict names the line.
 */
#include <ddpsim.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE 4

static bool
rank_main(DdpRank *rank, void *user_data, GError **error)
{
    float loss = 10.0f * (float)ddp_rank_index(rank);
    float all[SIZE];

    (void)user_data;
    if (ddp_rank_index(rank) == 0) {
        if (!ddp_all_gather(rank, all, &loss, 1, DDP_DTYPE_F32, error)) /* ranks 1..3 never come */
            return false;
        printf("mean loss %g\n", (double)(all[0] + all[1] + all[2] + all[3]) / SIZE);
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
    if (argc > 1 && !ddp_engine_from_name(argv[1], &spec.engine)) {
        fprintf(stderr, "usage: guarded_all_gather [fibers|threads|processes]\n");
        return EXIT_FAILURE;
    }
    world = ddp_world_new(&spec, &error);
    if (world == NULL) {
        fprintf(stderr, "guarded_all_gather: %s\n", error->message);
        return EXIT_FAILURE;
    }
    ddp_world_run(world, rank_main, NULL);
    verdict = ddp_world_verdict_text(world);
    fputs(verdict, stdout);

    /* The same as data. */
    g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(world, spec.backend);

    if (diagnosis == NULL)
        return EXIT_FAILURE;

    const DdpRankVerdict *first = ddp_world_rank_verdict(world, 0);
    g_autofree char *blamed = ddp_ranks_text(diagnosis->blamed);
    g_autofree char *missing = ddp_ranks_text(diagnosis->missing);

    printf("class %s, line %d; blamed: %s; missing: %s\n", diagnosis->cls, first->call.site.line,
           blamed, missing);
    return EXIT_SUCCESS;
}
