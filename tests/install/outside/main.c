/* SPDX-License-Identifier: MIT */
/* A project that knows nothing of ours but <ddpsim.h>: each rank on a thread, and who is missing.
 */
#include <ddpsim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
rank_main(DdpRank *rank, void *user_data, GError **error)
{
    DdpWork *work = NULL;
    DdpCallOptions options = {.name = "val_loss", .async_op = &work};
    float loss = 10.0f * (float)ddp_rank_index(rank);
    bool ok;

    if (!ddp_all_reduce_with(rank, &loss, 1, DDP_DTYPE_F32, DDP_REDUCE_AVG, &options, error))
        return false;
    ok = ddp_work_wait(work, NULL, error);
    ddp_work_free(work);
    if (!ok)
        return false;
    ((float *)user_data)[ddp_rank_index(rank)] = loss;
    return ddp_rank_index(rank) == 3 || ddp_barrier(rank, error); /* rank 3 does not come */
}

int
main(void)
{
    int failures = 0;

    for (int engine = DDP_ENGINE_FIBERS; engine <= DDP_ENGINE_PROCESSES; engine++) {
        DdpWorldSpec spec = ddp_world_spec_default();
        g_autoptr(GError) error = NULL;
        g_autoptr(DdpWorld) world = NULL;
        g_autoptr(DdpDiagnosis) diagnosis = NULL;
        g_autofree char *blamed = NULL;

        spec.size = 4;
        spec.engine = (DdpEngine)engine;
        world = ddp_world_new(&spec, &error);
        if (world == NULL) {
            fprintf(stderr, "outside: %s\n", error->message);
            return EXIT_FAILURE;
        }

        float *losses = ddp_world_alloc(world, 4 * sizeof *losses);
        DdpOutcome outcome = ddp_world_run(world, rank_main, losses);

        diagnosis = ddp_diagnosis_new(world, spec.backend);
        blamed = diagnosis != NULL ? ddp_ranks_text(diagnosis->blamed) : g_strdup("nobody");
        printf("%s: loss %g, %s, %s is missing\n", ddp_engine_name(spec.engine), (double)losses[3],
               ddp_outcome_name(outcome), blamed);
        failures +=
            losses[3] != 15.0f || outcome != DDP_OUTCOME_DEADLOCK || strcmp(blamed, "rank 3") != 0;
        ddp_world_release(world, losses);
    }
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
