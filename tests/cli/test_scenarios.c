/* SPDX-License-Identifier: MIT */
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <string.h>

#include "tests/cli/spawn.h"
#include "tests/testutil.h"

/*
 * The scenarios that come with it, as the command plays them: they keep their word, the same run
 * gives the same bytes, and the schedule changes nothing that must not depend on it.
 */

static char *folder;

static void
setup(void)
{
    folder = ddp_test_tmp_dir();
}

static void
teardown(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
}

static const char *const scenarios[] = {
    "fabric_logging_strategies", "guarded_all_gather", "guarded_log",
    "lightning_ddp_logging",     "train_script",       "validation_one_over_world_size"};

/* Plays a scenario; the reports of its variants, one JSON object each. @option: (nullable) */
static GPtrArray *
play(const char *scenario, const char *option, const char *value)
{
    const char *arguments[8] = {"run", scenario, "--small", "--json"};

    if (option != NULL) {
        arguments[4] = option;
        arguments[5] = value;
    }

    g_auto(Spawned) it = spawn(folder, NULL, 0, arguments);
    g_auto(GStrv) lines = g_strsplit(it.out, "\n", -1);
    GPtrArray *reports = g_ptr_array_new_with_free_func((GDestroyNotify)json_node_unref);

    for (int i = 0; lines[i] != NULL && *lines[i] != '\0'; i++) {
        g_autoptr(GError) error = NULL;
        JsonNode *node = json_from_string(lines[i], &error);

        ck_assert_no_error(error);
        g_ptr_array_add(reports, node);
    }
    ck_assert_msg(reports->len > 0, "no reports:\n%s", it.err);
    return reports;
}

static JsonObject *
report_of(const GPtrArray *reports, guint index)
{
    return json_node_get_object(reports->pdata[index]);
}

START_TEST(test_every_scenario_keeps_its_word)
{
    g_auto(Spawned) it = spawn(folder, NULL, 0, (const char *[]){"test", scenarios[_i], NULL});

    ck_assert_msg(it.status == 0, "%s%s", it.out, it.err);
}
END_TEST

START_TEST(test_the_same_run_gives_the_same_bytes)
{
    g_autofree char *first = g_build_filename(folder, "a", NULL);
    g_autofree char *second = g_build_filename(folder, "b", NULL);
    const char *outs[] = {first, second};
    g_autofree char *diff = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    for (int i = 0; i < 2; i++) {
        g_auto(Spawned) it =
            spawn(folder, NULL, 0,
                  (const char *[]){"run", scenarios[_i], "--small", "--out", outs[i], NULL});
        (void)it.status;
    }
    g_spawn_sync(folder, (char *[]){"diff", "-r", first, second, NULL}, NULL, G_SPAWN_SEARCH_PATH,
                 NULL, NULL, &diff, NULL, &status, &error);
    ck_assert_no_error(error);
    ck_assert_msg(status == 0, "%s", diff);
}
END_TEST

START_TEST(test_schedule_and_engine_do_not_change_the_digest)
{
    static const char *const ways[][2] = {
        {"--schedule", "round_robin"},   {"--schedule", "random:1"}, {"--schedule", "random:2"},
        {"--schedule", "order:3,1,2,0"}, {"--engine", "threads"},    {"--engine", "processes"}};
    bool has_two_ranks = strcmp(scenarios[_i], "lightning_ddp_logging") == 0;
    g_autoptr(GPtrArray) first = NULL;

    if (strcmp(scenarios[_i], "fabric_logging_strategies") == 0)
        return; /* there the order of the entries is the lesson: see below */
    first = play(scenarios[_i], NULL, NULL);
    for (size_t w = 0; w < G_N_ELEMENTS(ways); w++) {
        /* Under the thread sanitizer the rest has nothing for it to see. */
        if (g_getenv("DDPSIM_TEST_ONLY_THREADS") != NULL && strcmp(ways[w][1], "threads") != 0)
            continue;

        bool is_order = g_str_has_prefix(ways[w][1], "order:");
        g_autoptr(GPtrArray) other =
            play(scenarios[_i], ways[w][0], is_order && has_two_ranks ? "order:1,0" : ways[w][1]);

        ck_assert_uint_eq(other->len, first->len);
        for (guint i = 0; i < first->len; i++) {
            const char *variant = json_object_get_string_member(report_of(first, i), "variant");
            const char *expected = json_object_get_string_member(report_of(first, i), "digest");
            const char *found = json_object_get_string_member(report_of(other, i), "digest");

            ck_assert_uint_eq(strlen(expected), 64);
            ck_assert_msg(strcmp(expected, found) == 0, "%s/%s under %s: digest %s, was %s",
                          scenarios[_i], variant, ways[w][1], found, expected);
        }
    }
}
END_TEST

/* Whatever instructions the processor has: the numbers are the same, bit for bit. */
START_TEST(test_the_vector_width_does_not_change_the_digest)
{
    static const char *const paths[] = {"DDPSIM_MATH=scalar", "DDPSIM_MATH=avx2",
                                        "DDPSIM_MATH=avx512"};
    g_autofree char *first = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_auto(Spawned) it =
            spawn(folder, (const char *[]){paths[i], NULL}, 0,
                  (const char *[]){"run", "validation_one_over_world_size", "--small", "--variant",
                                   "reduced", "--json", NULL});
        const char *digest = strstr(it.out, "\"digest\":\"");

        ck_assert_int_eq(it.status, 0);
        ck_assert_ptr_nonnull(digest);
        if (first == NULL)
            first = g_strndup(digest, 80);
        else
            ck_assert_msg(strncmp(first, digest, strlen(first)) == 0, "%s: %.80s, was %s", paths[i],
                          digest, first);
    }
}
END_TEST

/* ---- seed 000, to the letter ---- */

/* What the run printed about a strategy: "4 [0.0, 20.0, 10.0, 30.0]". */
static char *
strategy(const char *text, const char *name)
{
    g_autofree char *pattern = g_strdup_printf(
        "Strategy: %s\n[^\n]*Number of log entries: (\\d+)\n[^\n]*(\\[[^\n]*\\])\n", name);
    g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    ck_assert_msg(g_regex_match(regex, text, 0, &match), "no %s in\n%s", name, text);

    g_autofree char *count = g_match_info_fetch(match, 1);
    g_autofree char *values = g_match_info_fetch(match, 2);

    return g_strdup_printf("%s %s", count, values);
}

static void
expect_strategies(const char *schedule, const char *no_reduce)
{
    const char *arguments[] = {"run", "fabric_logging_strategies",
                               schedule != NULL ? "--schedule" : NULL, schedule, NULL};
    g_auto(Spawned) it = spawn(folder, NULL, 0, arguments);
    g_autofree char *first = strategy(it.out, "no_reduce");
    g_autofree char *second = strategy(it.out, "reduce");
    g_autofree char *third = strategy(it.out, "reduce_rank_zero");

    ck_assert_int_eq(it.status, 0);
    if (no_reduce != NULL)
        ck_assert_str_eq(first, no_reduce);
    else
        ck_assert(g_str_has_prefix(first, "4 ["));
    ck_assert_str_eq(second, "4 [15.0, 15.0, 15.0, 15.0]");
    ck_assert_str_eq(third, "1 [15.0]");
}

START_TEST(test_the_pinned_order_is_the_seeds)
{
    expect_strategies(NULL, "4 [0.0, 20.0, 10.0, 30.0]");
}
END_TEST

START_TEST(test_another_schedule_shows_another_order)
{
    expect_strategies("round_robin", "4 [0.0, 10.0, 20.0, 30.0]");
    expect_strategies("order:3,2,1,0", "4 [30.0, 20.0, 10.0, 0.0]");
}
END_TEST

START_TEST(test_the_counts_never_change)
{
    for (int seed = 0; seed < 5; seed++) {
        g_autofree char *schedule = g_strdup_printf("random:%d", seed);

        expect_strategies(schedule, NULL);
    }
}
END_TEST

/* The files themselves, read by the command as TensorBoard would read them. */
START_TEST(test_events_reads_what_was_written)
{
    g_auto(Spawned) run =
        spawn(folder, NULL, 0, (const char *[]){"run", "fabric_logging_strategies", NULL});
    g_auto(Spawned) it =
        spawn(folder, NULL, 0,
              (const char *[]){"events", "out/fabric_logging_strategies/three_strategies/logs",
                               "--json", NULL});
    g_auto(GStrv) lines = g_strsplit(g_strstrip(it.out), "\n", -1);
    static const struct {
        const char *run;
        int count;
    } expected[] = {{"no_reduce", 4}, {"reduce", 4}, {"reduce_rank_zero", 1}};

    ck_assert_int_eq(run.status, 0);
    ck_assert_int_eq(it.status, 0);
    ck_assert_uint_eq(g_strv_length(lines), 3);
    for (int i = 0; i < 3; i++) {
        g_autofree char *name = g_strdup_printf("\"run\":\"%s\"", expected[i].run);
        int steps = 0;

        ck_assert_msg(strstr(lines[i], name) != NULL, "no %s in %s", name, lines[i]);
        for (const char *at = lines[i]; (at = strstr(at, "\"value\":")) != NULL; at++)
            steps++;
        ck_assert_int_eq(steps, expected[i].count);
    }
}
END_TEST

/* ---- the validation lesson ---- */

static JsonArray *
audit_of(const GPtrArray *reports, guint index)
{
    return json_object_get_array_member(report_of(reports, index), "audit");
}

/* share = 1/world_size, whatever the size, odd ones too. */
START_TEST(test_rank_0_sees_its_share_of_the_samples)
{
    static const int sizes[] = {1, 2, 3, 4, 7};
    int size = sizes[_i];
    g_autofree char *text = g_strdup_printf("%d", size);
    g_autoptr(GPtrArray) reports = play("validation_one_over_world_size", "--world-size", text);
    JsonArray *rank_zero = audit_of(reports, 0), *every = audit_of(reports, 1),
              *reduced = audit_of(reports, 2);

    ck_assert_uint_eq(json_array_get_length(rank_zero), 4); /* 2 epochs × 2 keys */
    ck_assert_uint_eq(json_array_get_length(every), 4 * (guint)size);
    ck_assert_uint_eq(json_array_get_length(reduced), 4);
    for (guint i = 0; i < 4; i++) {
        JsonObject *row = json_array_get_object_element(rank_zero, i);
        JsonObject *right = json_array_get_object_element(reduced, i);
        int64_t share = (800 + size - 1) / size; /* padded up */

        ck_assert_int_eq(json_object_get_int_member(row, "of"), 800);
        ck_assert_int_eq(json_object_get_int_member(row, "samples"), share);
        ck_assert_int_eq(json_object_get_int_member(right, "samples"), 800);
        if (800 % size == 0)
            ck_assert_double_eq_tol(json_object_get_double_member(right, "error"), 0, 1e-6);
        /* One truth for all variants: the weights are the same, bit for bit. */
        ck_assert_double_eq(json_object_get_double_member(row, "true"),
                            json_object_get_double_member(right, "true"));
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("scenarios");
    TCase *all = tcase_create("all");
    TCase *fabric = tcase_create("fabric");
    TCase *validation = tcase_create("validation");

    tcase_set_timeout(all, 900);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_loop_test(all, test_every_scenario_keeps_its_word, 0, G_N_ELEMENTS(scenarios));
    tcase_add_loop_test(all, test_the_same_run_gives_the_same_bytes, 0, G_N_ELEMENTS(scenarios));
    tcase_add_loop_test(all, test_schedule_and_engine_do_not_change_the_digest, 0,
                        G_N_ELEMENTS(scenarios));
    suite_add_tcase(suite, all);
    tcase_add_test(all, test_the_vector_width_does_not_change_the_digest);
    tcase_add_checked_fixture(fabric, setup, teardown);
    tcase_add_test(fabric, test_the_pinned_order_is_the_seeds);
    tcase_add_test(fabric, test_another_schedule_shows_another_order);
    tcase_add_test(fabric, test_the_counts_never_change);
    tcase_add_test(fabric, test_events_reads_what_was_written);
    suite_add_tcase(suite, fabric);
    tcase_set_timeout(validation, 300);
    tcase_add_checked_fixture(validation, setup, teardown);
    tcase_add_loop_test(validation, test_rank_0_sees_its_share_of_the_samples, 0, 5);
    suite_add_tcase(suite, validation);
    return ddp_test_main(suite);
}
