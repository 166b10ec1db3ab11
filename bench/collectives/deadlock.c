/* SPDX-License-Identifier: MIT */
/*
 * Ours for the deadlock: all ranks but one wait in an all-reduce, one in a barrier, and the verdict
 * with both call sites is printed. `deadlock ENGINE RANKS`.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/world/diagnosis.h"
#include "sim/world/verbs.h"

#define STATUS_NOT_THERE 77

static bool
live(DdpRank *rank, void *user_data, GError **error)
{
    float loss = 1.0f;
    int size = *(const int *)user_data;

    if (ddp_rank_index(rank) == size - 1)
        return ddp_barrier(rank, error);
    return ddp_all_reduce(rank, &loss, 1, DDP_DTYPE_F32, DDP_REDUCE_SUM, error);
}

int
main(int argc, char **argv)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GError) error = NULL;

    if (argc != 3 || !ddp_engine_from_name(argv[1], &spec.engine) || atoi(argv[2]) < 2) {
        fprintf(stderr, "usage: deadlock fibers|threads|processes RANKS\n");
        return 2;
    }
    spec.size = atoi(argv[2]);

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, &error);

    if (world == NULL) {
        printf("%s\n", error->message);
        return STATUS_NOT_THERE;
    }
    ddp_world_run(world, live, &spec.size);

    g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(world, spec.backend);

    if (diagnosis == NULL) {
        fprintf(stderr, "deadlock: no diagnosis, but %s\n",
                ddp_outcome_name(ddp_world_outcome(world)));
        return 1;
    }
    printf("%s\n", diagnosis->summary);
    return 0;
}
