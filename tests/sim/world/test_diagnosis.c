/* SPDX-License-Identifier: MIT */
#include "sim/world/diagnosis.h"
#include "tests/testutil.h"

#include <string.h>

/*
 * Small wrong programs, each with the class, the blamed ranks and both source lines that its
 * diagnosis must hold. Lines are noted by the program itself where it makes the call.
 */

static int lines[2]; /* of the two sides of a program */

#define NOTE(side) (lines[side] = __LINE__ + 1)

static float value;

static bool
sum(DdpRank *rank, DdpSite site, DdpDtype dtype, size_t count, DdpReduceOp op, GError **error)
{
    static double buffer[8];

    return ddp_rank_all_reduce(rank, site, buffer, count, dtype, op, error);
}

/* The guard around a gather: rank 0 alone calls. */
static bool
guarded(DdpRank *rank, void *user_data, GError **error)
{
    float all[8];

    (void)user_data;
    if (ddp_rank_index(rank) == 0) {
        NOTE(0);
        return ddp_all_gather(rank, all, &value, 1, DDP_DTYPE_F32, error);
    }
    return true;
}

/* Rank 3 returns before the barrier. */
static bool
early(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 3)
        return true;
    NOTE(0);
    return ddp_barrier(rank, error);
}

/* Ranks 0, 1 gather; 2, 3 leave. */
static bool
halves(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) >= 2)
        return true;
    NOTE(0);
    return ddp_barrier(rank, error);
}

/* Rank 2 takes another collective. */
static bool
other_kind(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 2) {
        NOTE(1);
        return ddp_broadcast(rank, &value, 1, DDP_DTYPE_F32, 0, error);
    }
    NOTE(0);
    return ddp_barrier(rank, error);
}

static bool
other_kind_halves(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) % 2 == 1) {
        NOTE(1);
        return ddp_broadcast(rank, &value, 1, DDP_DTYPE_F32, 0, error);
    }
    NOTE(0);
    return ddp_barrier(rank, error);
}

static bool
other_dtype(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 1) {
        NOTE(1);
        return sum(rank, DDP_HERE, DDP_DTYPE_I32, 1, DDP_REDUCE_SUM, error);
    }
    NOTE(0);
    return sum(rank, DDP_HERE, DDP_DTYPE_F32, 1, DDP_REDUCE_SUM, error);
}

static bool
other_shape(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 0) {
        NOTE(1);
        return sum(rank, DDP_HERE, DDP_DTYPE_F32, 6, DDP_REDUCE_SUM, error);
    }
    NOTE(0);
    return sum(rank, DDP_HERE, DDP_DTYPE_F32, 4, DDP_REDUCE_SUM, error);
}

/* Passes in silence in torch, also under DETAIL. */
static bool
other_op(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 0) {
        NOTE(1);
        return sum(rank, DDP_HERE, DDP_DTYPE_F32, 1, DDP_REDUCE_MAX, error);
    }
    NOTE(0);
    return sum(rank, DDP_HERE, DDP_DTYPE_F32, 1, DDP_REDUCE_SUM, error);
}

static bool
other_root(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 1) {
        NOTE(1);
        return ddp_broadcast(rank, &value, 1, DDP_DTYPE_F32, 1, error);
    }
    NOTE(0);
    return ddp_broadcast(rank, &value, 1, DDP_DTYPE_F32, 0, error);
}

static bool
fails(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 1) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "no such file");
        return false;
    }
    NOTE(0);
    return ddp_barrier(rank, error);
}

/* Rank 2 has one batch more; then everybody leaves. */
static bool
uneven(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    for (int i = 0; i < (ddp_rank_index(rank) == 2 ? 4 : 3); i++) {
        NOTE(0);
        if (!ddp_all_reduce(rank, &value, 1, DDP_DTYPE_F32, DDP_REDUCE_SUM, error))
            return false;
    }
    return true;
}

/* Rank 1 has one batch less, and goes on to the barrier behind the loop. */
static bool
uneven_then_barrier(DdpRank *rank, void *user_data, GError **error)
{
    float own = 1;

    (void)user_data;
    for (int i = 0; i < (ddp_rank_index(rank) == 1 ? 2 : 3); i++) {
        NOTE(0);
        if (!ddp_all_reduce(rank, &own, 1, DDP_DTYPE_F32, DDP_REDUCE_SUM, error))
            return false;
    }
    NOTE(1);
    return ddp_barrier(rank, error);
}

static const struct {
    const char *name;
    DdpRankFunc func;
    DdpOutcome outcome;
    const char *cls;
    const char *blamed; /* as ddp_ranks_text() says it; "" when nobody is */
    int sides;
} programs[] = {
    {"guarded", guarded, DDP_OUTCOME_DEADLOCK, "missing_rank", "rank 0", 1},
    {"early", early, DDP_OUTCOME_DEADLOCK, "missing_rank", "rank 3", 1},
    {"halves", halves, DDP_OUTCOME_DEADLOCK, "missing_rank", "", 1},
    {"kind", other_kind, DDP_OUTCOME_DEADLOCK, "kind", "rank 2", 2},
    {"kind, even", other_kind_halves, DDP_OUTCOME_DEADLOCK, "kind", "", 2},
    {"dtype", other_dtype, DDP_OUTCOME_MISMATCH, "dtype", "rank 1", 2},
    {"shape", other_shape, DDP_OUTCOME_MISMATCH, "shape", "rank 0", 2},
    {"op", other_op, DDP_OUTCOME_MISMATCH, "op", "rank 0", 2},
    {"root", other_root, DDP_OUTCOME_MISMATCH, "root", "rank 1", 2},
    {"uneven", uneven, DDP_OUTCOME_DEADLOCK, "uneven_iterations", "rank 2", 1},
    {"uneven, barrier", uneven_then_barrier, DDP_OUTCOME_DEADLOCK, "uneven_iterations", "rank 1",
     2},
    {"died", fails, DDP_OUTCOME_ERROR, "died", "rank 1", 1},
};

static const char *const schedules[] = {"round_robin", "random:1", "random:2", "order:3,2,1,0"};

START_TEST(test_class_blame_and_both_lines)
{
    for (size_t s = 0; s < G_N_ELEMENTS(schedules); s++) {
        DdpWorldSpec spec = ddp_world_spec_default();

        spec.size = 4;
        spec.schedule = schedules[s];

        g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

        ck_assert_msg(ddp_world_run(world, programs[_i].func, NULL) == programs[_i].outcome,
                      "%s, %s: outcome %s", programs[_i].name, schedules[s],
                      ddp_outcome_name(ddp_world_outcome(world)));

        g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(world, DDP_BACKEND_NCCL);
        g_autofree char *blamed =
            diagnosis->blamed->len > 0 ? ddp_ranks_text(diagnosis->blamed) : g_strdup("");

        ck_assert_str_eq(diagnosis->cls, programs[_i].cls);
        ck_assert_str_eq(blamed, programs[_i].blamed);
        for (int side = 0; side < programs[_i].sides; side++) {
            g_autofree char *line = g_strdup_printf("test_diagnosis.c:%d", lines[side]);

            ck_assert_msg(strstr(diagnosis->summary, line) != NULL, "%s: no %s in \"%s\"",
                          programs[_i].name, line, diagnosis->summary);
        }
    }
}
END_TEST

/* The right twin of all of the above. */
static bool
right(DdpRank *rank, void *user_data, GError **error)
{
    float all[8];

    (void)user_data;
    return ddp_all_gather(rank, all, &value, 1, DDP_DTYPE_F32, error) &&
           ddp_broadcast(rank, &value, 1, DDP_DTYPE_F32, 3, error) && ddp_barrier(rank, error);
}

START_TEST(test_a_right_program_has_no_diagnosis)
{
    DdpWorldSpec spec = ddp_world_spec_default();

    spec.size = 4;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ck_assert_int_eq(ddp_world_run(world, right, NULL), DDP_OUTCOME_COMPLETED);
    ck_assert_ptr_null(ddp_diagnosis_new(world, DDP_BACKEND_NCCL));
}
END_TEST

START_TEST(test_what_the_real_job_would_have_cost)
{
    DdpWorldSpec spec = ddp_world_spec_default();

    spec.size = 4;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ddp_world_run(world, guarded, NULL);

    g_autoptr(DdpDiagnosis) nccl = ddp_diagnosis_new(world, DDP_BACKEND_NCCL);
    g_autoptr(DdpDiagnosis) gloo = ddp_diagnosis_new(world, DDP_BACKEND_GLOO);

    ck_assert_ptr_nonnull(strstr(nccl->real_job, "4 GPUs × 10 min = 0.67 GPU-hours"));
    ck_assert_ptr_nonnull(strstr(gloo->real_job, "4 processes × 30 min = 2.00 hours"));
}
END_TEST

START_TEST(test_ranks_are_told_in_runs)
{
    static const int some[] = {0, 1, 2, 5, 7, 8};
    g_autoptr(GArray) ranks = g_array_new(FALSE, FALSE, sizeof(int));
    g_autofree char *text = NULL;

    g_array_append_vals(ranks, some, G_N_ELEMENTS(some));
    text = ddp_ranks_text(ranks);
    ck_assert_str_eq(text, "ranks 0-2, 5, 7, 8");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("diagnosis");
    TCase *programs_case = tcase_create("programs");
    TCase *words = tcase_create("words");

    tcase_add_loop_test(programs_case, test_class_blame_and_both_lines, 0, G_N_ELEMENTS(programs));
    tcase_add_test(programs_case, test_a_right_program_has_no_diagnosis);
    suite_add_tcase(suite, programs_case);
    tcase_add_test(words, test_what_the_real_job_would_have_cost);
    tcase_add_test(words, test_ranks_are_told_in_runs);
    suite_add_tcase(suite, words);
    return ddp_test_main(suite);
}
