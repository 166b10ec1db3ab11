/* SPDX-License-Identifier: MIT */
#include "sim/world/diagnosis.h"
#include "sim/world/verbs.h"
#include "tests/testutil.h"

#include <string.h>

/*
 * Small wrong programs, each with the class, the blamed ranks and both source lines that its
 * diagnosis must hold. Lines are noted by the program itself where it makes the call.
 */

static _Atomic int lines[2]; /* of the two sides of a program; several ranks may note one */

#define NOTE(side) (lines[side] = __LINE__ + 1)

static float value;

static bool
sum(DdpRank *rank, DdpSite site, DdpDtype dtype, size_t count, DdpReduceOp op, GError **error)
{
    static double buffer[8];

    return ddp_rank_all_reduce(rank, site, NULL, buffer, count, dtype, op, error);
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

/* ---- what only the history, or the calls that would come next, can tell ---- */

/* Rank 2 makes the same two calls the other way round; nobody gets past the first. */
static bool
crossed(DdpRank *rank, void *user_data, GError **error)
{
    float own = 1;

    (void)user_data;
    if (ddp_rank_index(rank) == 2) {
        NOTE(1);
        return ddp_broadcast(rank, &own, 1, DDP_DTYPE_F32, 0, error) && ddp_barrier(rank, error);
    }
    NOTE(0);
    return ddp_barrier(rank, error) && ddp_broadcast(rank, &own, 1, DDP_DTYPE_F32, 0, error);
}

/* Rank 2 makes one call more, which looks the same at first. */
static bool
one_more(DdpRank *rank, void *user_data, GError **error)
{
    float own = 1;

    (void)user_data;
    if (ddp_rank_index(rank) == 2) {
        NOTE(1);
        if (!ddp_broadcast(rank, &own, 1, DDP_DTYPE_F32, 0, error))
            return false;
    }
    NOTE(0);
    return ddp_barrier(rank, error) && ddp_broadcast(rank, &own, 1, DDP_DTYPE_F32, 0, error);
}

/* Rank 3 leaves the first of two equal calls out; all but it wait in the second. */
static bool
first_of_two(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) != 3) {
        NOTE(0);
        if (!ddp_barrier(rank, error))
            return false;
    }
    NOTE(1);
    return ddp_barrier(rank, error);
}

/* The same behind a loop with one turn less on rank 3. */
static bool
uneven_then_same(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    for (int i = 0; i < (ddp_rank_index(rank) == 3 ? 2 : 3); i++) {
        NOTE(0);
        if (!ddp_barrier(rank, error))
            return false;
    }
    NOTE(1);
    return ddp_barrier(rank, error);
}

/* Each side goes round a loop of its own. */
static bool
two_loops(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 1) {
        for (int i = 0; i < 2; i++) {
            NOTE(1);
            if (!ddp_barrier(rank, error))
                return false;
        }
        return true;
    }
    for (int i = 0; i < 5; i++) {
        NOTE(0);
        if (!ddp_barrier(rank, error))
            return false;
    }
    return true;
}

/* On one line where it is called, so that compilers agree on which that is. */
static bool
sum_with(DdpRank *rank, DdpSite site, DdpCallOptions options, GError **error)
{
    static float own; /* a work that was begun has it for longer */

    return ddp_rank_all_reduce(rank, site, &options, &own, 1, DDP_DTYPE_F32, DDP_REDUCE_SUM, error);
}

/* Ranks 0, 1 form a group; rank 0 enters it before the world, rank 1 behind it. */
static bool
circle(DdpRank *rank, void *user_data, GError **error)
{
    static const int members[] = {0, 1};
    DdpGroup *pair;

    (void)user_data;
    pair = ddp_new_group(rank, members, 2, error);
    if (pair == NULL)
        return false;
    if (ddp_rank_index(rank) == 0) {
        NOTE(0);
        if (!sum_with(rank, DDP_HERE, (DdpCallOptions){.group = pair}, error))
            return false;
    }
    NOTE(1);
    return ddp_barrier(rank, error) &&
           (ddp_rank_index(rank) != 1 ||
            sum_with(rank, DDP_HERE, (DdpCallOptions){.group = pair}, error));
}

/* Rank 1 never enters the group of the pair at all. */
static bool
no_circle(DdpRank *rank, void *user_data, GError **error)
{
    static const int members[] = {0, 1};
    DdpGroup *pair;

    (void)user_data;
    pair = ddp_new_group(rank, members, 2, error);
    if (pair == NULL)
        return false;
    if (ddp_rank_index(rank) == 0) {
        NOTE(0);
        if (!sum_with(rank, DDP_HERE, (DdpCallOptions){.group = pair}, error))
            return false;
    }
    return ddp_barrier(rank, error);
}

/* Rank 0 begins an all_reduce, which meets a barrier, and waits elsewhere for all time. */
static bool
begun(DdpRank *rank, void *user_data, GError **error)
{
    DdpWork *work = NULL;
    bool ok;

    (void)user_data;
    if (ddp_rank_index(rank) != 0) {
        NOTE(0);
        return ddp_barrier(rank, error);
    }
    NOTE(1);
    ok = sum_with(rank, DDP_HERE, (DdpCallOptions){.async_op = &work}, error) &&
         ddp_barrier(rank, error);
    ddp_work_free(work);
    return ok;
}

static bool
ring_of_sends(DdpRank *rank, void *user_data, GError **error)
{
    int next = (ddp_rank_index(rank) + 1) % 4;

    (void)user_data;
    NOTE(0);
    return ddp_send(rank, &value, 1, DDP_DTYPE_F32, next, error);
}

static bool
message_dtype(DdpRank *rank, void *user_data, GError **error)
{
    int32_t whole = 0;

    (void)user_data;
    if (ddp_rank_index(rank) == 0) {
        NOTE(0);
        return ddp_send(rank, &value, 1, DDP_DTYPE_F32, 1, error);
    }
    if (ddp_rank_index(rank) == 1) {
        NOTE(1);
        return ddp_recv(rank, &whole, 1, DDP_DTYPE_I32, 0, error);
    }
    return true;
}

static bool
send_to_nobody(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) != 3)
        return true;
    NOTE(0);
    return ddp_send(rank, &value, 1, DDP_DTYPE_F32, 0, error);
}

/* Nobody waits for it. */
static bool
fails_at_the_end(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (!ddp_barrier(rank, error))
        return false;
    if (ddp_rank_index(rank) != 1)
        return true;
    g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "disk full");
    return false;
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
    {"crossed", crossed, DDP_OUTCOME_DEADLOCK, "order", "rank 2", 2},
    {"one more", one_more, DDP_OUTCOME_DEADLOCK, "kind", "rank 2", 2},
    {"first of two", first_of_two, DDP_OUTCOME_DEADLOCK, "missing_rank", "rank 3", 2},
    {"uneven, same", uneven_then_same, DDP_OUTCOME_DEADLOCK, "uneven_iterations", "rank 3", 2},
    {"two loops", two_loops, DDP_OUTCOME_DEADLOCK, "uneven_iterations", "rank 1", 2},
    {"circle", circle, DDP_OUTCOME_DEADLOCK, "order", "", 2},
    {"no circle", no_circle, DDP_OUTCOME_DEADLOCK, "missing_rank", "", 1},
    {"begun", begun, DDP_OUTCOME_DEADLOCK, "kind", "rank 0", 2},
    {"ring of sends", ring_of_sends, DDP_OUTCOME_DEADLOCK, "p2p", "", 1},
    {"message, dtype", message_dtype, DDP_OUTCOME_MISMATCH, "p2p", "", 2},
    {"send to nobody", send_to_nobody, DDP_OUTCOME_DEADLOCK, "p2p", "", 1},
    {"fails at the end", fails_at_the_end, DDP_OUTCOME_ERROR, "died", "rank 1", 0},
};

/* These programs do nothing but call: whoever waits may go on. */
static bool
may_go_on(DdpRank *rank, void *user_data)
{
    (void)rank;
    (void)user_data;
    return true;
}

/* (transfer full): both of what people read first. */
static char *
said(const DdpDiagnosis *diagnosis)
{
    return g_strdup_printf("%s\n%s", diagnosis->summary, diagnosis->root_cause);
}

static const char *const schedules[] = {"round_robin", "random:1", "random:2", "order:3,2,1,0"};

START_TEST(test_class_blame_and_both_lines)
{
    for (size_t s = 0; s < G_N_ELEMENTS(schedules); s++) {
        DdpWorldSpec spec = ddp_world_spec_default();

        spec.size = 4;
        spec.schedule = schedules[s];
        spec.foresee = may_go_on;

        g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

        ck_assert_msg(ddp_world_run(world, programs[_i].func, NULL) == programs[_i].outcome,
                      "%s, %s: outcome %s", programs[_i].name, schedules[s],
                      ddp_outcome_name(ddp_world_outcome(world)));

        g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(world, DDP_BACKEND_NCCL);
        g_autofree char *blamed =
            diagnosis->blamed->len > 0 ? ddp_ranks_text(diagnosis->blamed) : g_strdup("");

        g_autofree char *text = said(diagnosis);

        ck_assert_str_eq(diagnosis->cls, programs[_i].cls);
        ck_assert_msg(strcmp(blamed, programs[_i].blamed) == 0, "%s: blamed are %s, not %s\n%s",
                      programs[_i].name, blamed, programs[_i].blamed, text);
        for (int side = 0; side < programs[_i].sides; side++) {
            g_autofree char *line = g_strdup_printf("test_diagnosis.c:%d", lines[side]);

            ck_assert_msg(strstr(text, line) != NULL, "%s: no %s in \"%s\"", programs[_i].name,
                          line, text);
        }
    }
}
END_TEST

/* Without leave to look ahead, a crossing at the first call is what it looks like. */
START_TEST(test_nobody_goes_on_unasked)
{
    DdpWorldSpec spec = ddp_world_spec_default();

    spec.size = 4;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ddp_world_run(world, crossed, NULL);

    g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(world, DDP_BACKEND_NCCL);

    ck_assert_str_eq(diagnosis->cls, "kind");
}
END_TEST

/* Who waits for whom, rank by rank, over several groups. */
START_TEST(test_a_circle_is_told_link_by_link)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    const GArray *waits;

    spec.size = 4;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ddp_world_run(world, circle, NULL);

    g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(world, DDP_BACKEND_NCCL);
    g_autofree char *chain = g_strdup_printf(
        "rank 0 waits in all_reduce of {0,1} at %s:%d for rank 1, which waits in barrier at %s:%d "
        "for rank 0",
        __FILE__, lines[0], __FILE__, lines[1]);

    ck_assert_msg(strstr(diagnosis->root_cause, chain) != NULL, "no '%s' in '%s'", chain,
                  diagnosis->root_cause);
    waits = ddp_diagnosis_waiting_for(diagnosis, 0);
    ck_assert_uint_eq(waits->len, 1);
    ck_assert_int_eq(g_array_index(waits, int, 0), 1);
    waits = ddp_diagnosis_waiting_for(diagnosis, 3);
    ck_assert_uint_eq(waits->len, 1);
    ck_assert_int_eq(g_array_index(waits, int, 0), 0);
}
END_TEST

/* The last to come is the one that cannot be waited for: all agree, but too late. */
static bool
straggler(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 2 && !ddp_rank_sleep_ns(rank, INT64_C(900000000000), error))
        return false;
    NOTE(0);
    return ddp_barrier(rank, error);
}

START_TEST(test_a_straggler_is_named_with_its_delay)
{
    DdpWorldSpec spec = ddp_world_spec_default();

    spec.size = 4;
    spec.timeout_ns = INT64_C(600000000000);

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ck_assert_int_eq(ddp_world_run(world, straggler, NULL), DDP_OUTCOME_TIMEOUT);

    g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(world, DDP_BACKEND_NCCL);
    g_autofree char *blamed = ddp_ranks_text(diagnosis->blamed);

    ck_assert_str_eq(diagnosis->cls, "late");
    ck_assert_str_eq(blamed, "rank 2");
    ck_assert_ptr_nonnull(strstr(diagnosis->summary, " 900 s after rank 0"));
    ck_assert_ptr_nonnull(strstr(diagnosis->summary, "the timeout is 600 s"));
}
END_TEST

/* A world of many ranks is told in the same few words. */
START_TEST(test_a_thousand_ranks_take_one_line)
{
    DdpWorldSpec spec = ddp_world_spec_default();

    spec.size = 1024;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ddp_world_run(world, early, NULL);

    g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(world, DDP_BACKEND_NCCL);

    ck_assert_ptr_nonnull(strstr(diagnosis->summary, "ranks 0-2, 4-1023 are stuck in barrier"));
    ck_assert_uint_lt(strlen(diagnosis->summary), 200);
}
END_TEST

/* ---- crossed in silence ---- */

static float loss[1], acc[1];

static bool
log_loss(DdpRank *rank, GError **error)
{
    NOTE(0);
    return ddp_all_reduce(rank, loss, 1, DDP_DTYPE_F32, DDP_REDUCE_SUM, error);
}

static bool
log_acc(DdpRank *rank, GError **error)
{
    NOTE(1);
    return ddp_all_reduce(rank, acc, 1, DDP_DTYPE_F32, DDP_REDUCE_SUM, error);
}

static bool
swapped(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    for (int turn = 0; turn < 3; turn++) {
        bool ok = ddp_rank_index(rank) == 3 ? log_acc(rank, error) && log_loss(rank, error)
                                            : log_loss(rank, error) && log_acc(rank, error);

        if (!ok)
            return false;
    }
    return true;
}

START_TEST(test_lines_in_crossed_order_are_a_swap_on_every_engine)
{
    DdpWorldSpec spec = ddp_world_spec_default();

    spec.size = 4;
    spec.engine = (DdpEngine)_i;
#ifdef __SANITIZE_THREAD__
    if (spec.engine == DDP_ENGINE_PROCESSES)
        return;
#endif

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ck_assert_int_eq(ddp_world_run(world, swapped, NULL), DDP_OUTCOME_COMPLETED);

    DdpComm *comm = ddp_world_comm(world);

    ck_assert_uint_eq(ddp_comm_pairing_count(comm), 1);

    const DdpPairing *pairing = ddp_comm_pairing(comm, 0);

    ck_assert_int_eq(pairing->difference, DDP_CALL_SAME);
    ck_assert_uint_eq(pairing->times, 3);
    ck_assert_int_eq(pairing->rank_count[0], 3);
    ck_assert_int_eq(pairing->rank_count[1], 1);
    ck_assert_int_eq(pairing->ranks[1][0], 3);
    if (spec.engine != DDP_ENGINE_PROCESSES) { /* or the lines are noted elsewhere */
        ck_assert_int_eq(pairing->sites[0].line, lines[0]);
        ck_assert_int_eq(pairing->sites[1].line, lines[1]);
    }
}
END_TEST

/* ---- the right twin of all of the above ---- */

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
    tcase_add_test(programs_case, test_nobody_goes_on_unasked);
    tcase_add_test(programs_case, test_a_circle_is_told_link_by_link);
    tcase_add_test(programs_case, test_a_straggler_is_named_with_its_delay);
    tcase_add_test(programs_case, test_a_thousand_ranks_take_one_line);
    tcase_add_loop_test(programs_case, test_lines_in_crossed_order_are_a_swap_on_every_engine, 0,
                        DDP_ENGINE_PROCESSES + 1);
    tcase_add_test(programs_case, test_a_right_program_has_no_diagnosis);
    suite_add_tcase(suite, programs_case);
    tcase_add_test(words, test_what_the_real_job_would_have_cost);
    tcase_add_test(words, test_ranks_are_told_in_runs);
    suite_add_tcase(suite, words);
    return ddp_test_main(suite);
}
