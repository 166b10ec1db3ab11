/* SPDX-License-Identifier: MIT */
#include <json-glib/json-glib.h>
#include <string.h>

#include "tests/cli/spawn.h"
#include "tests/sim/world/chrome_rules.h"
#include "tests/testutil.h"

/*
 * A run played again by its token, checked by playing it twice, and shown as a picture of time:
 * what the command promises of schedules and traces.
 */

/* Says who runs when; ranks meet twice. */
#define SCENARIO(expect)                                                                           \
    "return { world = { size = 3 }, variants = { { name = 'v', main = function() "                 \
    "print('a') dist.barrier() print('b') end" expect " } } }"

/* By the description of tokens in sim/world/schedule.h, for a world of three. */
#define START_201 "replay:aAwAIBLoN1s8"   /* choice 1: place 2, choice 2: place 1 */
#define TOO_FAR "replay:aAwAECBpXuAs"     /* choice 2: place 2, where two can go on */
#define TOO_MANY "replay:aAwAIBAcFpqzRZQ" /* choice 11: place 1 */

static char *folder;

static void
setup(void)
{
    folder = ddp_test_tmp_dir();
    write_file(folder, "v.lua", SCENARIO(""));
}

static void
teardown(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
}

static void
expect_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no '%s' in\n%s", part, text);
}

static char *
read_file(const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    ck_assert_no_error(error);
    return text;
}

/* The value of @key, or NULL, in the report of v.lua. */
static char *
report_text(const char *key)
{
    g_autofree char *text = read_file("out/v/v/report.json");
    g_autoptr(JsonNode) report = json_from_string(text, NULL);

    return g_strdup(
        json_object_get_string_member_with_default(json_node_get_object(report), key, NULL));
}

START_TEST(test_a_token_decides_who_runs)
{
    g_auto(Spawned) it =
        spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", "--schedule", START_201, NULL});
    g_autofree char *schedule = report_text("schedule");
    g_autofree char *replay = report_text("replay");

    ck_assert_int_eq(it.status, 0);
    expect_has(it.out, "  rank 2 | a\n  rank 0 | a\n  rank 1 | a\n");
    ck_assert_str_eq(schedule, START_201);
    ck_assert_str_eq(replay, START_201);
}
END_TEST

/* The token may lie in a file, with or without the word in front; a plain schedule too. */
START_TEST(test_a_file_may_hold_the_token)
{
    static const char *const texts[] = {START_201 "\n", "  aAwAIBLoN1s8\n\n", "order:2,0"};

    write_file(folder, "token", texts[_i]);
    g_auto(Spawned) it = spawn(
        folder, NULL, 0, (const char *[]){"run", "v.lua", "--schedule", "replay:@token", NULL});

    ck_assert_int_eq(it.status, 0);
    expect_has(it.out, "  rank 2 | a\n  rank 0 | a\n  rank 1 | a\n");
}
END_TEST

static const struct {
    const char *schedule, *more, *message;
} wrong[] = {
    {TOO_FAR, "--no-audit",
     "ddpsim: v.lua: choice 2 of the replay takes place 2 of the queue, but only 2 ranks could go "
     "on there (places 0 to 1); the scenario, its parameters or ddpsim have changed since it was "
     "recorded\n"},
    {START_201, "--world-size=4",
     "ddpsim: v.lua: the replay was recorded in a world of 3 ranks, but this world has 4; play it "
     "with world size 3\n"},
    {START_201, "--engine=threads",
     "ddpsim: v.lua: engine is 'threads', but only fibers can play a schedule again; leave out the "
     "engine or the replay\n"},
    {"replay:aAwAIBLoN1s9", "--no-audit",
     "ddpsim: v.lua: schedule 'replay:aAwAIBLoN1s9': the token is damaged; "},
    {"replay:@nowhere", "--no-audit", "ddpsim: --schedule: Failed to open file"},
    {"replay:@empty", "--no-audit",
     "ddpsim: --schedule: empty is empty, expected the token of a replay\n"},
};

START_TEST(test_a_replay_that_does_not_fit_says_where_and_why)
{
    write_file(folder, "empty", "\n");
    g_auto(Spawned) it = spawn(
        folder, NULL, 0,
        (const char *[]){"run", "v.lua", "--schedule", wrong[_i].schedule, wrong[_i].more, NULL});

    ck_assert_int_eq(it.status, 2);
    expect_has(it.err, wrong[_i].message);
}
END_TEST

START_TEST(test_a_replay_with_choices_left_over_says_so)
{
    g_auto(Spawned) it =
        spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", "--schedule", TOO_MANY, NULL});

    ck_assert_int_eq(it.status, 2);
    expect_has(it.err, "ddpsim: v.lua: choice 11 of the replay takes place 1 of the queue, but the "
                       "run came to its end after ");
}
END_TEST

/* A scenario is somebody else's: it may hold a token, but not have files read. */
START_TEST(test_a_scenario_cannot_name_a_file)
{
    write_file(folder, "token", START_201);
    write_file(folder, "w.lua",
               "return { world = { size = 3, schedule = 'replay:@token' }, variants = { { name = "
               "'v', main = function() end } } }");
    g_auto(Spawned) it = spawn(folder, NULL, 0, (const char *[]){"run", "w.lua", NULL});

    ck_assert_int_eq(it.status, 2);
    expect_has(it.err, "schedule 'replay:@token': the token is damaged");
}
END_TEST

/* The command that a failed run prints, played as it stands, gives the same trace. */
START_TEST(test_the_printed_command_plays_the_run_again)
{
    write_file(
        folder, "a b.lua",
        "return { params = { n = 'q' }, world = { size = 3 }, variants = { { name = \"it's\", "
        "main = function(p) dist.barrier() if dist.get_rank() > 0 then dist.barrier() end "
        "print(p.n) end } } }");
    g_auto(Spawned) first = spawn(folder, NULL, 0,
                                  (const char *[]){"run", "a b.lua", "--world-size", "5", "--set",
                                                   "n=p q", "--schedule", "random:77", NULL});
    const char *at = strstr(first.out, "  replay: ddpsim run ");
    g_autofree char *command = NULL;
    g_auto(GStrv) argv = NULL;

    ck_assert_int_eq(first.status, 1);
    ck_assert_msg(at != NULL, "no replay in\n%s", first.out);
    command = g_strndup(at + strlen("  replay: ddpsim "), strcspn(at, "\n") - 17);
    ck_assert_str_eq(command, "run 'a b.lua' --variant 'it'\\''s' --world-size 5 --set 'n=p q' "
                              "--schedule random:77");
    ck_assert(g_shell_parse_argv(command, NULL, &argv, NULL));

    g_autofree char *trace = read_file("out/a_b/it_s/trace.jsonl");
    g_auto(Spawned) second = spawn(folder, NULL, 0, (const char *const *)argv);
    g_autofree char *again = read_file("out/a_b/it_s/trace.jsonl");

    ck_assert_str_eq(again, trace);
    ck_assert_int_eq(second.status, 1);
}
END_TEST

START_TEST(test_a_run_that_is_as_it_should_be_prints_no_replay)
{
    g_auto(Spawned) it = spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", NULL});

    ck_assert_int_eq(it.status, 0);
    ck_assert_ptr_null(strstr(it.out, "replay:"));
}
END_TEST

/* Without a schedule that chose there is nothing to hand back. */
START_TEST(test_threads_have_no_replay)
{
    write_file(folder, "v.lua", SCENARIO(", expect = { outcome = 'deadlock' }"));
    g_auto(Spawned) it =
        spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", "--engine", "threads", NULL});
    g_autofree char *replay = report_text("replay");

    ck_assert_int_eq(it.status, 1);
    ck_assert_ptr_null(strstr(it.out, "replay:"));
    ck_assert_ptr_null(replay);
}
END_TEST

START_TEST(test_a_failed_test_says_how_to_see_it_again)
{
    write_file(folder, "v.lua", SCENARIO(", expect = { outcome = 'deadlock' }"));
    g_auto(Spawned) it =
        spawn(folder, NULL, 0, (const char *[]){"test", "v.lua", "--schedule", "random:3", NULL});

    ck_assert_int_eq(it.status, 1);
    expect_has(it.out, "replay: ddpsim run v.lua --variant v --small --schedule random:3\n");
}
END_TEST

/* ---- twice ---- */

START_TEST(test_a_run_is_compared_with_itself)
{
    g_auto(Spawned) it = spawn(
        folder, NULL, 0,
        (const char *[]){"run", "v.lua", "--check-determinism", "--schedule", "random:1", NULL});
    g_autofree char *trace = read_file("out/v/v/trace.jsonl");
    g_auto(GStrv) lines = g_strsplit(trace, "\n", -1);
    g_autofree char *counted =
        g_strdup_printf(" choices, %u trace lines, 2 files equal\n", g_strv_length(lines) - 1);
    g_autofree char *aside = g_build_filename(folder, "out", "v", ".v.first", NULL);

    ck_assert_int_eq(it.status, 0);
    expect_has(it.out, "\ndeterministic: ");
    expect_has(it.out, counted);
    ck_assert_ptr_null(strstr(it.out, "deterministic: 0 choices"));
    ck_assert(!g_file_test(aside, G_FILE_TEST_EXISTS));
    /* It spoke once. */
    ck_assert_ptr_null(strstr(strstr(it.out, "rank 0 | a") + 1, "rank 0 | a"));
}
END_TEST

START_TEST(test_json_stays_alone_when_a_run_is_compared)
{
    g_auto(Spawned) it = spawn(
        folder, NULL, 0, (const char *[]){"run", "v.lua", "--check-determinism", "--json", NULL});

    ck_assert_int_eq(it.status, 0);
    ck_assert(g_str_has_prefix(it.out, "{\"format\":"));
    ck_assert_ptr_eq(strchr(it.out, '\n'), it.out + strlen(it.out) - 1);
    expect_has(it.err, "deterministic: 0 choices, ");
}
END_TEST

START_TEST(test_engines_without_a_schedule_compare_the_verdict)
{
    static const char *const engines[] = {"threads", "processes"};
    g_auto(Spawned) it = spawn(
        folder, NULL, 0,
        (const char *[]){"run", "v.lua", "--check-determinism", "--engine", engines[_i], NULL});
    g_autofree char *said = g_strdup_printf(
        "deterministic: digest and verdict are equal; with %s nobody chooses the order",
        engines[_i]);

    ck_assert_int_eq(it.status, 0);
    expect_has(it.out, said);
}
END_TEST

START_TEST(test_tests_compare_as_well)
{
    g_auto(Spawned) it =
        spawn(folder, NULL, 0,
              (const char *[]){"test", "v.lua", "guarded_log", "--check-determinism", NULL});

    ck_assert_msg(it.status == 0, "%s%s", it.out, it.err);
}
END_TEST

/* ---- the picture of time ---- */

/* Whatever comes with ddpsim, on whatever engine: a viewer loads it. */
START_TEST(test_every_scenario_leaves_a_trace_that_viewers_load)
{
    static const char *const scenarios[] = {"guarded_all_gather", "guarded_log",
                                            "validation_one_over_world_size"};
    static const char *const engines[] = {"fibers", "threads", "processes"};

    for (size_t i = 0; i < G_N_ELEMENTS(scenarios); i++) {
        g_auto(Spawned) it = spawn(folder, NULL, 0,
                                   (const char *[]){"run", scenarios[i], "--small", "--nodes", "2",
                                                    "--engine", engines[_i], NULL});
        g_autofree char *path = g_build_filename(folder, "out", scenarios[i], NULL);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        int seen = 0;

        for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
            g_autofree char *file =
                g_build_filename("out", scenarios[i], name, "trace.chrome.json", NULL);
            g_autofree char *json = read_file(file);
            g_autoptr(JsonNode) document = chrome_rules_check(json);

            ck_assert_ptr_nonnull(document);

            expect_has(json, "\"name\":\"node 1\"");
            expect_has(json, "\"lines_passed_over\":\"0\"");
            seen++;
        }
        ck_assert_msg(seen > 0, "%s", it.err);
    }
}
END_TEST

/* Rank 1 sleeps: the others point at it from where they began to wait. */
START_TEST(test_a_straggler_is_pointed_at)
{
    write_file(folder, "v.lua",
               "return { world = { size = 3 }, variants = { { name = 'v', main = function() "
               "if dist.get_rank() == 1 then sim.sleep(2) end dist.barrier() end } } }");
    g_auto(Spawned) it = spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", NULL});
    g_autofree char *json = read_file("out/v/v/trace.chrome.json");
    g_autoptr(JsonNode) document = chrome_rules_check(json);
    g_autofree char *events = chrome_rules_tell(document);
    static const char *const parts[] = {"X rank 0 ", "s rank 0 ", "f rank 1 ", "s rank 2 ",
                                        "X rank 1 "};

    ck_assert_int_eq(it.status, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        expect_has(events, parts[i]);
    ck_assert_ptr_null(strstr(events, "s rank 1 "));
    expect_has(events, " sleep\n");
    expect_has(json, "\"last\":\"rank 1\"");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("replay");
    TCase *replay = tcase_create("replay");
    TCase *twice = tcase_create("twice");
    TCase *picture = tcase_create("picture");

    tcase_add_checked_fixture(replay, setup, teardown);
    tcase_add_test(replay, test_a_token_decides_who_runs);
    tcase_add_loop_test(replay, test_a_file_may_hold_the_token, 0, 3);
    tcase_add_loop_test(replay, test_a_replay_that_does_not_fit_says_where_and_why, 0,
                        G_N_ELEMENTS(wrong));
    tcase_add_test(replay, test_a_replay_with_choices_left_over_says_so);
    tcase_add_test(replay, test_a_scenario_cannot_name_a_file);
    tcase_add_test(replay, test_the_printed_command_plays_the_run_again);
    tcase_add_test(replay, test_a_run_that_is_as_it_should_be_prints_no_replay);
    tcase_add_test(replay, test_threads_have_no_replay);
    tcase_add_test(replay, test_a_failed_test_says_how_to_see_it_again);
    suite_add_tcase(suite, replay);

    tcase_add_checked_fixture(twice, setup, teardown);
    tcase_add_test(twice, test_a_run_is_compared_with_itself);
    tcase_add_test(twice, test_json_stays_alone_when_a_run_is_compared);
    tcase_add_loop_test(twice, test_engines_without_a_schedule_compare_the_verdict, 0, 2);
    tcase_add_test(twice, test_tests_compare_as_well);
    suite_add_tcase(suite, twice);

    tcase_add_checked_fixture(picture, setup, teardown);
    tcase_add_loop_test(picture, test_every_scenario_leaves_a_trace_that_viewers_load, 0, 3);
    tcase_add_test(picture, test_a_straggler_is_pointed_at);
    suite_add_tcase(suite, picture);
    return ddp_test_main(suite);
}
