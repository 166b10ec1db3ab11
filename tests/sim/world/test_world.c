/* SPDX-License-Identifier: MIT */
#include "sim/world/verbs.h"
#include "sim/world/world.h"
#include "tests/testutil.h"

#include <glib/gstdio.h>
#include <string.h>

/* The life of ranks: who runs when, what time it is, how a world ends. */

static GString *seen;

static void
setup(void)
{
    seen = g_string_new(NULL);
}

static void
teardown(void)
{
    g_string_free(seen, TRUE);
}

static DdpWorld *
make(int size, const char *schedule)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GError) error = NULL;
    DdpWorld *world;

    spec.size = size;
    spec.schedule = schedule;
    world = ddp_world_new(&spec, &error);
    ck_assert_no_error(error);
    return world;
}

static bool
write_down(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    g_string_append_printf(seen, "a%d ", ddp_rank_index(rank));
    if (!ddp_barrier(rank, error))
        return false;
    g_string_append_printf(seen, "b%d ", ddp_rank_index(rank));
    return true;
}

START_TEST(test_ranks_run_in_the_order_of_the_schedule)
{
    g_autoptr(DdpWorld) world = make(3, "order:1,2,0");

    ck_assert_int_eq(ddp_world_run(world, write_down, NULL), DDP_OUTCOME_COMPLETED);
    /* They leave the barrier in the order in which they came. */
    ck_assert_str_eq(seen->str, "a1 a2 a0 b1 b2 b0 ");
}
END_TEST

static bool
write_pid(DdpRank *rank, void *user_data, GError **error)
{
    int *pids = user_data;

    (void)error;
    pids[ddp_rank_index(rank)] = ddp_rank_pid(rank);
    return true;
}

START_TEST(test_process_ids_rise_in_the_order_of_starting)
{
    g_autoptr(DdpWorld) world = make(3, "order:2,0,1");
    int pids[3];

    ddp_world_run(world, write_pid, pids);
    ck_assert_int_lt(pids[2], pids[0]);
    ck_assert_int_lt(pids[0], pids[1]);
}
END_TEST

static bool
sleepers(DdpRank *rank, void *user_data, GError **error)
{
    int r = ddp_rank_index(rank);

    (void)user_data;
    /* 30, 20, 10 s; then all meet. */
    if (!ddp_rank_sleep_ns(rank, (int64_t)(3 - r) * 10000000000, error))
        return false;
    g_string_append_printf(seen, "%d@%d ", r, (int)(ddp_rank_now_ns(rank) / 1000000000));
    return ddp_barrier(rank, error);
}

START_TEST(test_time_jumps_to_the_next_sleeper)
{
    g_autoptr(DdpWorld) world = make(3, NULL);

    ck_assert_int_eq(ddp_world_run(world, sleepers, NULL), DDP_OUTCOME_COMPLETED);
    ck_assert_str_eq(seen->str, "2@10 1@20 0@30 ");
    ck_assert_int_eq(ddp_world_now_ns(world), 30000000000);
}
END_TEST

static bool
sleep_alike(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (!ddp_rank_sleep_ns(rank, 5, error))
        return false;
    g_string_append_printf(seen, "%d ", ddp_rank_index(rank));
    return true;
}

START_TEST(test_equal_sleepers_wake_in_the_order_they_lay_down)
{
    g_autoptr(DdpWorld) world = make(4, "order:3,1");

    ddp_world_run(world, sleep_alike, NULL);
    ck_assert_str_eq(seen->str, "3 1 0 2 ");
}
END_TEST

static bool
fail_on_one(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 1) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "boom");
        return false;
    }
    return true;
}

START_TEST(test_a_failed_rank_makes_the_outcome_error)
{
    g_autoptr(DdpWorld) world = make(3, NULL);

    ck_assert_int_eq(ddp_world_run(world, fail_on_one, NULL), DDP_OUTCOME_ERROR);
    ck_assert_int_eq(ddp_world_rank_verdict(world, 1)->state, DDP_RANK_FAILED);
    ck_assert_str_eq(ddp_world_rank_verdict(world, 1)->error, "boom");
    ck_assert_int_eq(ddp_world_rank_verdict(world, 2)->state, DDP_RANK_FINISHED);
}
END_TEST

/* Rank 0 waits for rank 1, which has gone; rank 2 is let on to its next collective. */
static bool
leave_early(DdpRank *rank, void *user_data, GError **error)
{
    bool *released = user_data;

    if (ddp_rank_index(rank) == 1)
        return true;
    if (ddp_rank_index(rank) == 2 && !ddp_rank_sleep_ns(rank, 7, error))
        return false;

    bool ok = ddp_barrier(rank, error);

    ck_assert(!ok);
    ck_assert(g_error_matches(*error, DDP_COMM_ERROR, DDP_COMM_ERROR_ENDED));
    released[ddp_rank_index(rank)] = true;
    return ok;
}

START_TEST(test_a_rank_that_has_gone_ends_the_world)
{
    g_autoptr(DdpWorld) world = make(3, NULL);
    bool released[3] = {false};

    ck_assert_int_eq(ddp_world_run(world, leave_early, released), DDP_OUTCOME_DEADLOCK);
    ck_assert(released[0] && released[2]);
    for (int rank = 0; rank < 3; rank += 2) {
        const DdpRankVerdict *verdict = ddp_world_rank_verdict(world, rank);

        ck_assert_int_eq(verdict->state, DDP_RANK_BLOCKED);
        ck_assert_int_eq(verdict->call.kind, DDP_CALL_BARRIER);
        ck_assert(g_str_has_suffix(verdict->call.site.file, "test_world.c"));
        ck_assert_int_eq(verdict->since_ns, rank == 0 ? 0 : 7);
    }
    ck_assert_int_eq(ddp_world_rank_verdict(world, 1)->state, DDP_RANK_FINISHED);
}
END_TEST

/* Rank 0 leaves, rank 1 waits for it; rank 2 asks before and after. */
static bool
ask_if_hopeless(DdpRank *rank, void *user_data, GError **error)
{
    bool *answers = user_data;
    const DdpWorld *world = ddp_rank_world(rank);

    if (ddp_rank_index(rank) == 0)
        return true;
    if (ddp_rank_index(rank) == 1)
        return ddp_rank_sleep_ns(rank, 5, error) && ddp_barrier(rank, error);
    answers[0] = ddp_world_is_hopeless(world);
    if (!ddp_rank_sleep_ns(rank, 9, error))
        return false;
    answers[1] = ddp_world_is_hopeless(world);
    return true;
}

START_TEST(test_a_rank_that_still_runs_can_ask_if_it_is_in_vain)
{
    g_autoptr(DdpWorld) world = make(3, NULL);
    bool answers[2] = {true, false};

    ddp_world_run(world, ask_if_hopeless, answers);
    ck_assert(!answers[0]);
    ck_assert(answers[1]);
}
END_TEST

static const struct {
    int size, nodes, per_node;
    const char *message;
} wrong_specs[] = {
    {0, 1, 0, "world size is 0, expected at least 1"},
    {4, 0, 0, "nodes is 0, expected 1 to 65536"},
    {5, 2, 0, "a world of 5 ranks does not divide over 2 nodes; choose a multiple"},
    {5, 2, 2, "2 nodes × 2 ranks a node make 4 ranks, but the world size is 5"},
};

START_TEST(test_a_wrong_spec_says_what_was_expected)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GError) error = NULL;

    spec.size = wrong_specs[_i].size;
    spec.nodes = wrong_specs[_i].nodes;
    spec.nproc_per_node = wrong_specs[_i].per_node;
    ck_assert_ptr_null(ddp_world_new(&spec, &error));
    ck_assert_str_eq(error->message, wrong_specs[_i].message);
}
END_TEST

static bool
where_am_i(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    (void)error;
    g_string_append_printf(seen, "%d=%d.%d ", ddp_rank_index(rank), ddp_rank_node(rank),
                           ddp_rank_local(rank));
    return true;
}

START_TEST(test_ranks_fill_the_nodes_in_turn)
{
    DdpWorldSpec spec = ddp_world_spec_default();

    spec.size = 4;
    spec.nodes = 2;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ddp_world_run(world, where_am_i, NULL);
    ck_assert_str_eq(seen->str, "0=0.0 1=0.1 2=1.0 3=1.1 ");
}
END_TEST

/* Ten thousand ranks, and a stack that is really used. ThreadSanitizer knows 8,128 fibers at most.
 */
#ifdef __SANITIZE_THREAD__
#define MANY 4000
#else
#define MANY 10000
#endif

static bool
sum_ranks(DdpRank *rank, void *user_data, GError **error)
{
    volatile char deep[16384];
    float one = 1.0f;

    (void)user_data;
    deep[0] = 1;
    for (int i = 0; i < 3; i++) {
        float value = one;

        if (!ddp_all_reduce(rank, &value, 1, DDP_DTYPE_F32, DDP_REDUCE_SUM, error))
            return false;
        ck_assert_float_eq(value, (float)MANY);
    }
    return deep[0] == 1;
}

START_TEST(test_ten_thousand_ranks_meet)
{
    g_autoptr(DdpWorld) world = make(MANY, "random:3");

    ck_assert_int_eq(ddp_world_run(world, sum_ranks, NULL), DDP_OUTCOME_COMPLETED);
}
END_TEST

/* The trace of a seed is one sequence of bytes. */
static char *
trace_of(const char *schedule)
{
    g_autofree char *dir = ddp_test_tmp_dir();
    g_autofree char *path = g_build_filename(dir, "trace.jsonl", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpTrace) trace = ddp_trace_new(path, &error);
    DdpWorldSpec spec = ddp_world_spec_default();
    char *text = NULL;

    ck_assert_no_error(error);
    spec.size = 3;
    spec.schedule = schedule;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, &error);

    ck_assert_no_error(error);
    ddp_world_set_trace(world, trace);
    ddp_world_run(world, sleepers, NULL);
    ck_assert(ddp_trace_close(trace, &error));
    ck_assert(g_file_get_contents(path, &text, NULL, &error));
    ddp_test_remove_tree(dir);
    return text;
}

START_TEST(test_a_seed_gives_one_trace)
{
    g_autofree char *a = trace_of("random:4");
    g_autofree char *b = trace_of("random:4");

    ck_assert_str_eq(a, b);
    ck_assert_ptr_nonnull(strstr(a, "{\"t\":10000000000,\"rank\":2,\"event\":\"enter\",\"call\":"
                                    "\"barrier\",\"group\":\"world\",\"seq\":0,\"signature\":"
                                    "\"barrier()\",\"site\":"));
}
END_TEST

START_TEST(test_a_trace_that_cannot_be_written_is_an_error)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpTrace) full = ddp_trace_new("/dev/full", NULL);

    ck_assert_ptr_null(ddp_trace_new("/nonexistent/trace.jsonl", &error));
    ck_assert_str_eq(error->message,
                     "cannot write the trace /nonexistent/trace.jsonl: No such file or directory");
    g_clear_error(&error);

    ck_assert_ptr_nonnull(full);
    ddp_trace_event(full, 0, 0, "start", NULL);
    ck_assert(!ddp_trace_close(full, &error));
    ck_assert_str_eq(error->message, "cannot write the trace /dev/full: No space left on device");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("world");
    TCase *life = tcase_create("life");
    TCase *size = tcase_create("size");

    tcase_add_checked_fixture(life, setup, teardown);
    tcase_add_test(life, test_ranks_run_in_the_order_of_the_schedule);
    tcase_add_test(life, test_process_ids_rise_in_the_order_of_starting);
    tcase_add_test(life, test_time_jumps_to_the_next_sleeper);
    tcase_add_test(life, test_equal_sleepers_wake_in_the_order_they_lay_down);
    tcase_add_test(life, test_a_failed_rank_makes_the_outcome_error);
    tcase_add_test(life, test_a_rank_that_has_gone_ends_the_world);
    tcase_add_test(life, test_a_rank_that_still_runs_can_ask_if_it_is_in_vain);
    tcase_add_test(life, test_ranks_fill_the_nodes_in_turn);
    tcase_add_test(life, test_a_seed_gives_one_trace);
    tcase_add_test(life, test_a_trace_that_cannot_be_written_is_an_error);
    tcase_add_loop_test(life, test_a_wrong_spec_says_what_was_expected, 0,
                        G_N_ELEMENTS(wrong_specs));
    suite_add_tcase(suite, life);
    tcase_add_checked_fixture(size, setup, teardown);
    tcase_add_test(size, test_ten_thousand_ranks_meet);
    suite_add_tcase(suite, size);
    return ddp_test_main(suite);
}
