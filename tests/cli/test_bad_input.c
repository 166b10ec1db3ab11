/* SPDX-License-Identifier: MIT */
#include <glib/gstdio.h>
#include <string.h>

#include "tests/cli/spawn.h"
#include "tests/testutil.h"

/*
 * What people and hostile files do wrong. Each case holds the whole of standard error against a
 * pattern: one line, with the place, and the right exit status; and no report is left behind
 * where the run could not be played.
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

/* A scenario of one variant "v" whose main holds @body. */
static char *
scenario_with(const char *body)
{
    return g_strdup_printf(
        "return { title = \"t\", world = { size = 2 }, limits = { steps = 5e7 }, "
        "variants = {\n"
        "  { name = \"v\", main = function()\n%s\n  end } } }\n",
        body);
}

static void
expect_text(const char *found, const char *pattern, const char *what)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_DOTALL, 0, &error);

    ck_assert_no_error(error);
    ck_assert_msg(g_regex_match(regex, found, 0, NULL), "%s is\n%s\nexpected to match\n%s", what,
                  found, pattern);
}

static void
expect_one_line(const char *text)
{
    const char *end = strchr(text, '\n');

    ck_assert_msg(end != NULL && end[1] == '\0', "expected one line, found:\n%s", text);
}

/* ---- wrong use: told on standard error, status 2, nothing written ---- */

static const struct {
    const char *arguments[8];
    const char *pattern;
} usages[] = {
    {{"rnu"}, "^ddpsim: there is no command 'rnu', did you mean 'run'\\?\n$"},
    {{"run"}, "^ddpsim: run: which scenario\\?"},
    {{"run", "no_such"}, "^ddpsim: there is no file 'no_such'.*ddpsim list"},
    {{"run", "guarded_all_gather", "--variant", "fixd"},
     "guarded_all_gather.lua: there is no variant 'fixd', did you mean 'fixed'\\?\n$"},
    {{"run", "guarded_all_gather", "--world-size", "0"},
     "^ddpsim: --world-size is '0', expected a whole number from 1 to 65536\n$"},
    {{"run", "guarded_all_gather", "--world-size", "1000000"},
     "^ddpsim: --world-size is '1000000', expected a whole number from 1 to 65536\n$"},
    {{"run", "guarded_all_gather", "--world-size", "four"}, "^ddpsim: --world-size is 'four'"},
    {{"run", "guarded_all_gather", "--world-size", "4x"}, "^ddpsim: --world-size is '4x'"},
    {{"run", "guarded_all_gather", "--world-size=-4"}, "^ddpsim: --world-size is '-4'"},
    {{"run", "guarded_all_gather", "--seed", "1.5"}, "^ddpsim: --seed is '1.5'"},
    {{"run", "guarded_all_gather", "--nodes", "3"},
     "a world of 4 ranks does not divide over 3 nodes; choose a multiple\n$"},
    {{"run", "guarded_all_gather", "--backend", "mpi"},
     "backend is 'mpi', expected nccl or gloo\n$"},
    {{"run", "guarded_all_gather", "--bakend", "gloo"},
     "^ddpsim: unknown option '--bakend', did you mean '--backend'\\?\n$"},
    {{"run", "guarded_all_gather", "--engine", "gpu"},
     "--engine is 'gpu', expected fibers, threads or processes\n$"},
    {{"run", "guarded_all_gather", "--engine=processes", "--world-size=257"},
     "a world of 257 processes is above the limit ranks=256; raise it with --limit ranks=257\n$"},
    {{"run", "guarded_all_gather", "--schedule", "fair"}, "schedule 'fair' is unknown"},
    {{"run", "guarded_all_gather", "--limit", "memry=1G"},
     "no limit is called 'memry', did you mean 'memory'\\?"},
    {{"run", "guarded_all_gather", "--limit", "memory=lots"},
     "--limit memory=lots: expected a number"},
    {{"run", "validation_one_over_world_size", "--set", "epoch=1"},
     "--set epoch=1: the scenario has no parameter 'epoch', did you mean 'epochs'\\?"},
    {{"run", "validation_one_over_world_size", "--set", "epochs=many"}, "'many' is not a number"},
    {{"events", "/nonexistent"}, "/nonexistent"},
    {{"plot"}, "^ddpsim: plot: expected one folder"},
    {{"test", "/nonexistent"}, "^ddpsim: there is no file '/nonexistent'"},
};

START_TEST(test_wrong_use_is_one_line_and_status_2)
{
    g_auto(Spawned) it = spawn(folder, NULL, 0, usages[_i].arguments);
    g_autofree char *out = g_build_filename(folder, "out", NULL);

    expect_text(it.err, usages[_i].pattern, "standard error");
    expect_one_line(it.err);
    ck_assert_int_eq(it.status, 2);
    ck_assert(!g_file_test(out, G_FILE_TEST_EXISTS));
}
END_TEST

/* ---- files that are no scenario ---- */

static const struct {
    const char *text;
    const char *pattern;
} files[] = {
    {"return {\n  title = \n}\n", "bad.lua:3: unexpected symbol near '}'\n$"},
    {"\033Lua\x54", "bad.lua: attempt to load a binary chunk \\(mode is 't'\\)\n$"},
    {"return 5", "bad.lua: the file returns a number, expected the scenario's table\n$"},
    {"return {}", "bad.lua: variants is a nil, expected a list"},
    {"return { variants = {} }", "bad.lua: there are 0 variants, expected 1 to 256\n$"},
    {"return { variants = { { main = print } } }", "bad.lua: variants\\[1\\] has no name\n$"},
    {"return { variants = { { name = 'a' } } }",
     "bad.lua: variant 'a': main is a nil, expected a function\n$"},
    {"return { variants = { { name = 'a', main = print }, { name = 'a', main = print } } }",
     "bad.lua: two variants are called 'a'\n$"},
    {"return { variants = { { name = 'a', fixes = 'b', main = print } } }",
     "bad.lua: variant 'a' fixes 'b', but there is no such variant\n$"},
    {"return { worlds = {}, variants = { { name = 'a', main = print } } }",
     "bad.lua: scenario: unknown field 'worlds', did you mean 'world'\\?\n$"},
    {"return { world = { size = 0 }, variants = { { name = 'a', main = print } } }",
     "bad.lua: world.size is 0, expected a whole number from 1 to 65536\n$"},
    {"return { world = { size = 1000000 }, variants = { { name = 'a', main = print } } }",
     "bad.lua: world.size is 1000000, expected a whole number from 1 to 65536\n$"},
    {"return { world = { size = 'four' }, variants = { { name = 'a', main = print } } }",
     "bad.lua: world.size is a string, expected a whole number\n$"},
    {"return { limits = { memory = 1e15 }, variants = { { name = 'a', main = print } } }",
     "bad.lua: limits.memory is 1000000000000000, above the 268435456 in force; a scenario may "
     "only lower"},
    {"error('at load')", "bad.lua:1: at load\n$"},
    {"while true do end", "bad.lua:1: rank 0 has run 50000000 Lua instructions"},
    {"local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
     "bad.lua:1: rank 0 is out of memory: 256 MiB of Lua a rank"},
    {"local function f() return f() + 1 end f()", "bad.lua:1: stack overflow"},
    {"return setmetatable({}, { __index = function() error('trap') end })",
     "bad.lua: variants is a nil"},
};

START_TEST(test_a_broken_file_is_one_line_and_status_2)
{
    write_file(folder, "bad.lua", files[_i].text);
    g_auto(Spawned) it = spawn(
        folder, NULL, 0, (const char *[]){"run", "bad.lua", "--limit", "steps=50000000", NULL});
    g_autofree char *out = g_build_filename(folder, "out", NULL);

    expect_text(it.err, files[_i].pattern, "standard error");
    expect_one_line(it.err);
    ck_assert_int_eq(it.status, 2);
    ck_assert(!g_file_test(out, G_FILE_TEST_EXISTS));
}
END_TEST

/* ---- code that does wrong while it runs: data in the report, status 1 ---- */

static const struct {
    const char *body;
    const char *outcome;
    const char *error; /* of rank 0 */
} bodies[] = {
    {"os.execute('true')", "error", "v.lua:3: attempt to index a nil value \\(global 'os'\\)"},
    {"io.open('/etc/passwd')", "error", "v.lua:3: attempt to index a nil value \\(global 'io'\\)"},
    {"require('os')", "error", "v.lua:3: attempt to call a nil value \\(global 'require'\\)"},
    {"debug.sethook()", "error", "v.lua:3: attempt to index a nil value \\(global 'debug'\\)"},
    {"string.dump(print)", "error", "v.lua:3: attempt to call a nil value \\(field 'dump'\\)"},
    {"assert(load('\\27Lua'))", "error", "attempt to load a binary chunk"},
    {"load('return 1', 'c', 'b')", "error", "v.lua:3: load: mode is 'b'"},
    {"SummaryWriter('../escape')", "error", "v.lua:3: the file name \"../escape\" leads upwards"},
    {"SummaryWriter('/tmp/escape')", "error", "v.lua:3: the file name \"/tmp/escape\" is absolute"},
    {"SummaryWriter('a/../../escape')", "error", "leads upwards"},
    {"SummaryWriter('a\\0b')", "error", "v.lua:3: .*"},
    {"SummaryWriter('a\\nb')", "error", "holds a control character"},
    {"while true do end", "timeout", "v.lua:3: rank 0 has run 50000000 Lua instructions"},
    {"while true do pcall(function() while true do end end) end", "timeout",
     "rank 0 has run 50000000"},
    {"while true do coroutine.wrap(function() while true do end end)() end", "timeout",
     "rank 0 has run 50000000"},
    {"local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end", "error",
     "v.lua:3: rank 0 is out of memory"},
    {"torch.zeros(2.7e8)", "error", "v.lua:3: .*the limit of one tensor is 1073741824"},
    {"torch.zeros(1e12)", "error", "v.lua:3: .*"},
    {"local function f() return f() + 1 end f()", "error", "v.lua:3: stack overflow"},
    {"local t <close> = setmetatable({}, { __close = function() while true do end end }) "
     "while true do end",
     "timeout", "rank 0 has run 50000000"},
    {"(('a'):rep(50)):find(('a*'):rep(40) .. 'b')", "timeout", "rank 0 has run 50000000"},
    {"setmetatable({}, { __gc = function() while true do end end })", "error", "finalizers"},
    {"dist.all_reduce(tensor{1.0}, { opp = 'sum' })", "error",
     "v.lua:3: dist.all_reduce: unknown option 'opp', did you mean 'op'\\?"},
    {"dist.all_reduce(5)", "error", "v.lua:3: bad argument #1 to 'all_reduce'"},
    {"dist.broadcast(tensor{1.0}, 2)", "error",
     "v.lua:3: dist.broadcast: src is 2, expected a rank from 0 to 1"},
    {"dist.broadcast(tensor{1.0}, -1)", "error", "src is -1, expected a rank from 0 to 1"},
    {"dist.broadcast(tensor{1.0}, 'x')", "error", "src is x, expected a rank"},
    {"nil_value()", "error", "v.lua:3: attempt to call a nil value \\(global 'nil_value'\\)"},
    {"data.FashionMNIST{ trian = true }", "error",
     "unknown option 'trian', did you mean 'train'\\?"},
    {"error({})", "error", "v.lua:3: an error object that is a table"},
    {"error('two\\nlines')", "error", "v.lua:3: two lines"},
};

START_TEST(test_wrong_code_is_an_error_in_the_report)
{
    g_autofree char *text = scenario_with(bodies[_i].body);
    write_file(folder, "v.lua", text);
    g_auto(Spawned) it = spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", "--json", NULL});
    g_autofree char *outcome = g_strdup_printf("\"outcome\":\"%s\"", bodies[_i].outcome);
    g_autofree char *report = g_build_filename(folder, "out", "v", "v", "report.json", NULL);

    ck_assert_msg(it.status == 1, "status %d\n%s%s", it.status, it.out, it.err);
    ck_assert_msg(strstr(it.out, outcome) != NULL, "expected %s in\n%s", outcome, it.out);

    /* In JSON a quote is escaped; the patterns are written for the text itself. */
    g_autofree char *plain = g_strcompress(it.out);

    expect_text(plain, bodies[_i].error, "the report");
    ck_assert(g_file_test(report, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(test_tensors_count_against_the_worlds_memory)
{
    write_file(
        folder, "v.lua",
        "return { limits = { world_memory = 2^25 }, variants = { { name = 'v', main = function()\n"
        "local t = {} while true do t[#t + 1] = torch.zeros(1000, 1000) end end } } }");
    g_auto(Spawned) it = spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", NULL});

    ck_assert_int_eq(it.status, 1);
    expect_text(
        it.out,
        "v.lua:2:\\s+there\\s+is\\s+no\\s+memory\\s+left\\s+for\\s+a\\s+tensor\\s+of\\s+4000000",
        "the output");
}
END_TEST

/* ---- the outside world ---- */

START_TEST(test_an_unwritable_folder_is_told)
{
    g_autofree char *text = scenario_with("");
    write_file(folder, "v.lua", text);
    g_auto(Spawned) it =
        spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", "--out", "/proc/nowhere", NULL});

    expect_text(it.err, "^ddpsim: cannot make the folder /proc/nowhere/v/v/logs: .*--out\n$",
                "standard error");
    ck_assert_int_eq(it.status, 2);
}
END_TEST

/* Every file may hold 20,000 bytes: the log overflows, the small report does not. */
START_TEST(test_a_full_disk_under_a_log_is_an_error_with_the_file)
{
    g_autofree char *text = scenario_with(
        "local w = SummaryWriter('run') for i = 1, 200 do w:add_text('x', ('y'):rep(1000), i) end "
        "w:close()");
    write_file(folder, "w.lua", text);
    g_auto(Spawned) full = spawn(folder, NULL, 20000, (const char *[]){"run", "w.lua", NULL});

    ck_assert_int_lt(full.status, 256);
    ck_assert_int_ne(full.status, 0);
    g_autofree char *all = g_strconcat(full.out, full.err, NULL);

    expect_text(all, "events.out.tfevents.*File too large", "the output");
}
END_TEST

/* The report itself does not fit: nothing that looks whole is left. */
START_TEST(test_a_report_that_cannot_be_written_is_not_there)
{
    g_autofree char *text = scenario_with("print(('y'):rep(30000))");
    write_file(folder, "v.lua", text);
    g_autofree char *report = g_build_filename(folder, "out", "v", "v", "report.json", NULL);
    g_auto(Spawned) it = spawn(folder, NULL, 400, (const char *[]){"run", "v.lua", NULL});

    ck_assert_int_eq(it.status, 2);
    expect_one_line(it.err);
    expect_text(it.err, "^ddpsim: cannot write .*File too large", "standard error");
    ck_assert(!g_file_test(report, G_FILE_TEST_EXISTS));
}
END_TEST

/* A report of an earlier run is not taken for this one's. */
START_TEST(test_an_old_report_is_gone_when_a_run_fails)
{
    g_autofree char *text = scenario_with("");
    write_file(folder, "v.lua", text);
    g_autofree char *report = g_build_filename(folder, "out", "v", "v", "report.json", NULL);
    g_auto(Spawned) good = spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", NULL});

    ck_assert_int_eq(good.status, 0);
    ck_assert(g_file_test(report, G_FILE_TEST_EXISTS));

    g_auto(Spawned) bad = spawn(folder, NULL, 100, (const char *[]){"run", "v.lua", NULL});

    ck_assert_int_eq(bad.status, 2);
    ck_assert(!g_file_test(report, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(test_a_truncated_data_set_names_its_package)
{
    static const char *const names[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"};
    g_autofree char *text =
        scenario_with("local set = data.FashionMNIST{ train = true } print(#set)");
    write_file(folder, "v.lua", text);
    g_autofree char *variable = g_strconcat("DDPSIM_FASHION_MNIST=", folder, NULL);

    for (int i = 0; i < 2; i++) {
        g_autofree char *from =
            g_build_filename("/usr/share/datasets/fashion-mnist", names[i], NULL);
        g_autofree char *to = g_build_filename(folder, names[i], NULL);
        g_autofree char *bytes = NULL;
        gsize length;

        ck_assert(g_file_get_contents(from, &bytes, &length, NULL));
        ck_assert(g_file_set_contents(to, bytes, (gssize)(i == 0 ? length / 2 : length), NULL));
    }

    g_auto(Spawned) it =
        spawn(folder, (const char *[]){variable, NULL}, 0, (const char *[]){"run", "v.lua", NULL});

    ck_assert_int_eq(it.status, 1);
    expect_text(it.out, "v.lua:3:.*train-images-idx3-ubyte.gz.*dataset-fashion-mnist",
                "the output");
}
END_TEST

START_TEST(test_a_missing_data_set_names_its_package)
{
    g_autofree char *text = scenario_with("data.FashionMNIST{ train = true }");
    write_file(folder, "v.lua", text);
    g_autofree char *variable = g_strconcat("DDPSIM_FASHION_MNIST=", folder, NULL);
    g_auto(Spawned) it =
        spawn(folder, (const char *[]){variable, NULL}, 0, (const char *[]){"run", "v.lua", NULL});

    ck_assert_int_eq(it.status, 1);
    expect_text(it.out, "v.lua:3:.*dataset-fashion-mnist", "the output");
}
END_TEST

/* Titles, names and lines cannot move the cursor or change colours. */
START_TEST(test_text_of_a_scenario_is_only_text)
{
    write_file(
        folder, "v.lua",
        "return { title = 'a\\27[31mb', lesson = 'c\\rd', variants = { { name = 'n\\27]0;x\\7',\n"
        "  main = function() print('p\\27[2J') error('e\\27[2J') end } } }");
    g_auto(Spawned) it = spawn(folder, NULL, 0, (const char *[]){"run", "v.lua", NULL});

    ck_assert_int_eq(it.status, 1);
    ck_assert_ptr_null(strchr(it.out, '\033'));
    ck_assert_ptr_null(strchr(it.out, '\a'));
    ck_assert_ptr_null(strchr(it.out, '\r'));
    ck_assert_ptr_null(strchr(it.err, '\033'));
    expect_text(it.out, "p\\\\x1b\\[2J", "the output");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("bad_input");
    TCase *use = tcase_create("use");
    TCase *file = tcase_create("file");
    TCase *code = tcase_create("code");
    TCase *world = tcase_create("world");

    tcase_add_checked_fixture(use, setup, teardown);
    tcase_add_loop_test(use, test_wrong_use_is_one_line_and_status_2, 0, G_N_ELEMENTS(usages));
    suite_add_tcase(suite, use);
    tcase_add_checked_fixture(file, setup, teardown);
    tcase_add_loop_test(file, test_a_broken_file_is_one_line_and_status_2, 0, G_N_ELEMENTS(files));
    suite_add_tcase(suite, file);
    tcase_add_checked_fixture(code, setup, teardown);
    tcase_add_loop_test(code, test_wrong_code_is_an_error_in_the_report, 0, G_N_ELEMENTS(bodies));
    tcase_add_test(code, test_tensors_count_against_the_worlds_memory);
    suite_add_tcase(suite, code);
    tcase_add_checked_fixture(world, setup, teardown);
    tcase_add_test(world, test_an_unwritable_folder_is_told);
    tcase_add_test(world, test_a_full_disk_under_a_log_is_an_error_with_the_file);
    tcase_add_test(world, test_a_report_that_cannot_be_written_is_not_there);
    tcase_add_test(world, test_an_old_report_is_gone_when_a_run_fails);
    tcase_add_test(world, test_a_truncated_data_set_names_its_package);
    tcase_add_test(world, test_a_missing_data_set_names_its_package);
    tcase_add_test(world, test_text_of_a_scenario_is_only_text);
    suite_add_tcase(suite, world);
    return ddp_test_main(suite);
}
