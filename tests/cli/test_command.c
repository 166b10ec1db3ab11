/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/cli/spawn.h"
#include "tests/testutil.h"

/* The command as a person meets it: help, exit statuses, what goes to which stream. */

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

static void
expect_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no '%s' in\n%s", part, text);
}

static const char *const helps[][3] = {{"--help"},           {"run", "--help"},
                                       {"test", "--help"},   {"list", "--help"},
                                       {"events", "--help"}, {"plot", "--help"}};

START_TEST(test_help_is_everywhere)
{
    g_auto(Spawned) it = spawn(folder, NULL, 0, helps[_i]);

    ck_assert_int_eq(it.status, 0);
    ck_assert_str_eq(it.err, "");
    expect_has(it.out, "Usage: ddpsim");
}
END_TEST

START_TEST(test_without_a_command_help_goes_to_standard_error)
{
    g_auto(Spawned) it = spawn(folder, NULL, 0, (const char *[]){NULL});

    ck_assert_int_eq(it.status, 2);
    ck_assert_str_eq(it.out, "");
    expect_has(it.err, "Usage: ddpsim COMMAND");
}
END_TEST

START_TEST(test_list_names_the_scenarios)
{
    g_auto(Spawned) it = spawn(folder, NULL, 0, (const char *[]){"list", NULL});

    ck_assert_int_eq(it.status, 0);
    expect_has(it.out, "fabric_logging_strategies");
    expect_has(it.out, "guarded_all_gather");
    expect_has(it.out, "guarded_log");
    expect_has(it.out, "validation_one_over_world_size");
}
END_TEST

/* The verdict for people: what and where first, each side with its line, the fix last. */
START_TEST(test_the_verdict_reads_from_what_to_fix)
{
    g_auto(Spawned) it =
        spawn(folder, NULL, 0,
              (const char *[]){"run", "guarded_all_gather", "--variant", "guarded", NULL});
    const char *order[] = {"DEADLOCK: rank 0 is stuck in all_gather at ",
                           "guarded_all_gather.lua:1",
                           "  rank 0     waits in all_gather(float32[1]) at ",
                           "ranks 1-3  finished",
                           "  why       only rank 0 called all_gather",
                           "  for real  with NCCL the job would hang",
                           "4 GPUs × 10 min = 0.67",
                           "  fix       call all_gather on every rank"};
    const char *at = it.out;

    ck_assert_int_eq(it.status, 0); /* the deadlock was expected */
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        const char *found = strstr(at, order[i]);

        ck_assert_msg(found != NULL, "no '%s' (in this order) in\n%s", order[i], it.out);
        at = found;
    }
}
END_TEST

/* A hidden collective is shown with the line that called it. */
START_TEST(test_the_verdict_shows_the_callers)
{
    g_auto(Spawned) it =
        spawn(folder, NULL, 0,
              (const char *[]){"run", "guarded_log", "--variant", "guard_around_sync", NULL});

    ck_assert_int_eq(it.status, 0);
    expect_has(it.out, "called from ");
}
END_TEST

static const struct {
    const char *expect;
    int status;
} statuses[] = {
    {"", 0}, {"error('x')", 1}, {"", 1}, /* with an expectation that is not met */
};

START_TEST(test_the_exit_status_says_what_happened)
{
    g_autofree char *text =
        g_strdup_printf("return { world = { size = 1 }, variants = { { name = 'v', main = "
                        "function() %s end%s } } }",
                        statuses[_i].expect, _i == 2 ? ", expect = { outcome = 'deadlock' }" : "");
    write_file(folder, "v.lua", text);
    g_auto(Spawned) run = spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", NULL});
    g_auto(Spawned) test = spawn(folder, NULL, 0, (const char *[]){"test", "v.lua", NULL});

    ck_assert_int_eq(run.status, statuses[_i].status);
    ck_assert_int_eq(test.status, statuses[_i].status);
    if (_i == 2)
        expect_has(test.out, "outcome: expected deadlock, found completed");
}
END_TEST

START_TEST(test_json_is_alone_on_standard_output)
{
    write_file(folder, "v.lua",
               "return { world = { size = 2 }, variants = { { name = 'v', "
               "main = function() print('hello', dist.get_rank()) end } } }");
    g_auto(Spawned) it = spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", "--json", NULL});

    ck_assert_int_eq(it.status, 0);
    ck_assert(g_str_has_prefix(it.out, "{\"format\":\"ddpsim-report\""));
    ck_assert_ptr_eq(strchr(it.out, '\n'), it.out + strlen(it.out) - 1);
    ck_assert_str_eq(it.err, "rank 0 | hello  0\nrank 1 | hello  1\n");
}
END_TEST

START_TEST(test_no_colour_and_no_progress_into_a_pipe)
{
    g_auto(Spawned) it = spawn(folder, (const char *[]){"TERM=xterm", "NO_COLOR", NULL}, 0,
                               (const char *[]){"run", "guarded_all_gather", NULL});

    ck_assert_ptr_null(strchr(it.out, '\033'));
    ck_assert_str_eq(it.err, "");
}
END_TEST

START_TEST(test_parameters_and_limits_reach_the_scenario)
{
    write_file(
        folder, "v.lua",
        "return { params = { n = 1, name = 'a', on = true }, small = { n = 2 }, variants = { { "
        "name = 'v', main = function(p) print(p.n + 1, p.name, not p.on) end } } }");
    g_auto(Spawned) plain =
        spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", "--world-size", "1", NULL});
    g_auto(Spawned) small = spawn(
        folder, NULL, 0, (const char *[]){"run", "v.lua", "--world-size", "1", "--small", NULL});
    g_auto(Spawned) set =
        spawn(folder, NULL, 0,
              (const char *[]){"run", "v.lua", "--world-size", "1", "--set", "n=9", "--set",
                               "name=b c", "--set", "on=false", NULL});
    g_auto(Spawned) limited =
        spawn(folder, NULL, 0,
              (const char *[]){"run", "v.lua", "--limit", "steps=1", "--limit", "ranks=2", NULL});

    expect_has(plain.out, "2  a  false");
    expect_has(small.out, "3  a  false");
    expect_has(set.out, "10  b c  true");
    ck_assert_int_eq(limited.status, 2);
    expect_has(limited.err, "above the limit ranks=2; raise it with --limit ranks=4");
}
END_TEST

START_TEST(test_tap_and_junit_say_the_same)
{
    write_file(
        folder, "v.lua",
        "return { world = { size = 1 }, variants = { { name = 'good', main = function() end },"
        "{ name = 'b<d', main = function() error('x & y') end } } }");
    g_auto(Spawned) it = spawn(
        folder, NULL, 0, (const char *[]){"test", "v.lua", "--tap", "--junit", "j.xml", NULL});
    g_autofree char *junit = g_build_filename(folder, "j.xml", NULL);
    g_autofree char *xml = NULL;

    ck_assert_int_eq(it.status, 1);
    expect_has(it.out, "ok 1 - v.lua/good\nnot ok 2 - v.lua/b<d\n# ");
    expect_has(it.out, "1..2\n");
    ck_assert(g_file_get_contents(junit, &xml, NULL, NULL));
    expect_has(xml, "<testsuite name=\"ddpsim\" tests=\"2\" failures=\"1\">");
    expect_has(xml, "name=\"b&lt;d\"");
}
END_TEST

/* A thousand Lua ranks are an ordinary world. */
START_TEST(test_a_thousand_ranks)
{
    write_file(folder, "v.lua",
               "return { world = { size = 1000 }, variants = { { name = 'v', main = function() "
               "local t = dist.all_reduce(tensor(1.0)) assert(t:item() == 1000) end } } }");
    g_auto(Spawned) it = spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", NULL});

    ck_assert_msg(it.status == 0, "%s%s", it.out, it.err);
}
END_TEST

/* The picture is a by-product: without gnuplot it is missed in words and the run stands. */
START_TEST(test_without_gnuplot_the_rest_works)
{
    g_auto(Spawned) it =
        spawn(folder, (const char *[]){"PATH=/nonexistent", NULL}, 0,
              (const char *[]){"run", "validation_one_over_world_size", "--small", "--plot", NULL});

    ck_assert_int_eq(it.status, 0);
    expect_has(it.err, "ddpsim: no picture: ");
    expect_has(it.err, "gnuplot");
    expect_has(it.out, "reports  out/validation_one_over_world_size/VARIANT/report.json");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("command");
    TCase *command = tcase_create("command");

    tcase_add_checked_fixture(command, setup, teardown);
    tcase_add_loop_test(command, test_help_is_everywhere, 0, G_N_ELEMENTS(helps));
    tcase_add_test(command, test_without_a_command_help_goes_to_standard_error);
    tcase_add_test(command, test_list_names_the_scenarios);
    tcase_add_test(command, test_the_verdict_reads_from_what_to_fix);
    tcase_add_test(command, test_the_verdict_shows_the_callers);
    tcase_add_loop_test(command, test_the_exit_status_says_what_happened, 0,
                        G_N_ELEMENTS(statuses));
    tcase_add_test(command, test_json_is_alone_on_standard_output);
    tcase_add_test(command, test_no_colour_and_no_progress_into_a_pipe);
    tcase_add_test(command, test_parameters_and_limits_reach_the_scenario);
    tcase_add_test(command, test_tap_and_junit_say_the_same);
    tcase_add_test(command, test_a_thousand_ranks);
    tcase_add_test(command, test_without_gnuplot_the_rest_works);
    suite_add_tcase(suite, command);
    return ddp_test_main(suite);
}
