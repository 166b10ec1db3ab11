/* SPDX-License-Identifier: MIT */
/*
 * A rank of a world that nobody forked: started once for each rank by test_join.c and join.sh, it
 * finds the others by its environment. Prints one line, what came of it.
 *
 *   join_program sum       all_reduce of the ranks; exit 0 if all is well
 *   join_program early     rank 1 leaves before the last barrier
 *   join_program for_ever  all_reduce until an error ends it; prints "ready" first
 *   join_program rude      rank 1 ends without leaving
 *   join_program fails     rank 1 fails
 *   join_program many      all kinds of calls, many times
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/world/diagnosis.h"
#include "sim/world/join.h"
#include "sim/world/verbs.h"

static bool
sum(DdpRank *rank, GError **error)
{
    int64_t value = ddp_rank_index(rank);

    if (!ddp_all_reduce(rank, &value, 1, DDP_DTYPE_I64, DDP_REDUCE_SUM, error))
        return false;
    printf("sum %" PRId64 "\n", value);
    return true;
}

static bool
early(DdpRank *rank, GError **error)
{
    return ddp_barrier(rank, error) && (ddp_rank_index(rank) == 1 || ddp_barrier(rank, error));
}

static bool
for_ever(DdpRank *rank, GError **error)
{
    float data[512] = {0};

    printf("ready\n");
    (void)fflush(stdout);
    for (uint64_t step = 0;; step++) {
        if (!ddp_all_reduce(rank, data, step % 2 == 0 ? 2 : 512, DDP_DTYPE_F32, DDP_REDUCE_SUM,
                            error))
            return false;
    }
}

static bool
rude(DdpRank *rank, GError **error)
{
    if (!ddp_barrier(rank, error))
        return false;
    if (ddp_rank_index(rank) == 1)
        _exit(0);
    return ddp_barrier(rank, error);
}

static bool
fails(DdpRank *rank, GError **error)
{
    if (!ddp_barrier(rank, error))
        return false;
    if (ddp_rank_index(rank) == 1) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "no such file");
        return false;
    }
    return ddp_barrier(rank, error);
}

/* Small and large, in the rank's own memory and in the world's, objects, works and a group. */
static bool
many(DdpRank *rank, GError **error)
{
    int r = ddp_rank_index(rank), p = ddp_world_size(ddp_rank_world(rank)), pair[] = {0, p - 1};
    size_t count = 100000;
    double *large = ddp_rank_alloc(rank, count * sizeof *large);
    DdpGroup *group = ddp_new_group(rank, pair, 2, error);
    bool ok = group != NULL;

    for (int step = 0; ok && step < 200; step++) {
        int32_t small = r + step, gathered[64] = {0};
        DdpWork *work = NULL;
        DdpCallOptions begun = {.async_op = &work}, of_pair = {.group = group, .name = "pair"};
        float of_two = 1;

        for (size_t i = 0; step % 50 == 0 && i < count; i++)
            large[i] = (double)r + (double)i;
        ok = ddp_all_reduce_with(rank, &small, 1, DDP_DTYPE_I32, DDP_REDUCE_SUM, &begun, error) &&
             ddp_all_gather(rank, gathered, &r, 1, DDP_DTYPE_I32, error) &&
             (step % 50 != 0 ||
              ddp_all_reduce(rank, large, count, DDP_DTYPE_F64, DDP_REDUCE_SUM, error)) &&
             ((r != 0 && r != p - 1) || ddp_all_reduce_with(rank, &of_two, 1, DDP_DTYPE_F32,
                                                            DDP_REDUCE_SUM, &of_pair, error)) &&
             ddp_work_wait(work, NULL, error);
        ddp_work_free(work);
        if (!ok)
            break;
        if (small != p * (p - 1) / 2 + p * step || gathered[p - 1] != p - 1 ||
            (of_two != 2 && (r == 0 || r == p - 1)) ||
            (step % 50 == 0 && large[7] != p * (p - 1) / 2.0 + 7.0 * p)) {
            g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "wrong result in step %d",
                        step);
            ok = false;
        }
    }
    ddp_rank_free(rank, large);
    if (ok)
        printf("many well\n");
    return ok;
}

static const struct {
    const char *name;
    bool (*func)(DdpRank *rank, GError **error);
} programs[] = {{"sum", sum},   {"early", early}, {"for_ever", for_ever},
                {"rude", rude}, {"fails", fails}, {"many", many}};

/* What this process knows of the end of the world. */
static void
say_verdict(DdpRank *rank, DdpOutcome outcome, const GError *error)
{
    g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(ddp_rank_world(rank), DDP_BACKEND_NCCL);

    printf("%s; error: %s; %s: %s\n", ddp_outcome_name(outcome),
           error != NULL ? error->message : "none", diagnosis != NULL ? diagnosis->cls : "well",
           diagnosis != NULL ? diagnosis->root_cause : "");
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    DdpRank *rank;

    if (argc != 2)
        return 2;
    rank = ddp_world_join(&error);
    if (rank == NULL) {
        printf("%s\n", error->message);
        return 3;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(programs); i++) {
        if (strcmp(programs[i].name, argv[1]) == 0)
            (void)programs[i].func(rank, &error);
    }

    DdpOutcome outcome = ddp_world_leave(rank, error);

    if (outcome != DDP_OUTCOME_COMPLETED)
        say_verdict(rank, outcome, error);
    ddp_world_part(rank);
    return outcome == DDP_OUTCOME_COMPLETED ? EXIT_SUCCESS : EXIT_FAILURE;
}
