/* SPDX-License-Identifier: MIT */
#include "sim/audit/findings.h"
#include "sim/audit/report.h"
#include "sim/script/error.h"
#include "sim/script/expect.h"
#include "sim/script/state.h"
#include "tests/sim/audit/sample_record.h"
#include "tests/testutil.h"

#include <glib/gstdio.h>
#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <string.h>

/*
 * Each row of a table is an expectation as a scenario would write it, and what it gives for one of
 * the sample runs: nothing, the failures (a line each), or "broken: " and the error.
 */

/* What the state of a rank does with limits around it. */
bool
ddp_script_call(lua_State *L, int arguments, int results, GError **error)
{
    if (lua_pcall(L, arguments, results, 0) == LUA_OK)
        return true;
    if (lua_type(L, -1) == LUA_TSTRING)
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_FAILED, "%s", lua_tostring(L, -1));
    else
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_FAILED, "an error of type %s",
                    luaL_typename(L, -1));
    lua_pop(L, 1);
    return false;
}

/* Line 14 is @guard and line 16 @stop, as in sample_deadlock(). */
static const char source[] = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n"
                             "  local all = dist.all_gather(loss) -- @guard\n15\n"
                             "dist.barrier() --\t@stop \r\n";

static lua_State *L;
static DdpMarks *marks;
static char *folder; /* the logs folder of the run */

static void
setup(void)
{
    g_autoptr(GError) error = NULL;

    L = luaL_newstate();
    luaL_openlibs(L);
    marks = ddp_marks_read(source, &error);
    ck_assert_no_error(error);
    folder = ddp_test_tmp_dir();
}

static void
teardown(void)
{
    lua_close(L);
    ddp_marks_free(marks);
    ddp_test_remove_tree(folder);
    g_free(folder);
}

/* (transfer full): the failures of @expectation, a Lua expression. */
static char *
hold(const DdpRunRecord *record, const char *expectation)
{
    g_autofree char *chunk = g_strdup_printf("return %s", expectation);
    g_autoptr(JsonNode) report = ddp_report_build(record);
    g_autoptr(GPtrArray) failures = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    int top = lua_gettop(L);

    ck_assert_msg(luaL_loadbuffer(L, chunk, strlen(chunk), "=scenario.lua") == LUA_OK, "%s: %s",
                  expectation, lua_tostring(L, -1));
    ck_assert_int_eq(lua_pcall(L, 0, 1, 0), LUA_OK);

    bool understood = ddp_expect_check(L, -1, report, marks, folder, failures, &error);

    ck_assert_int_eq(lua_gettop(L), top + 1);
    lua_settop(L, top);
    ck_assert(understood == (error == NULL));
    if (!understood) {
        ck_assert(error->domain == DDP_SCRIPT_ERROR && error->code == DDP_SCRIPT_ERROR_BAD_VALUE);
        return g_strconcat("broken: ", error->message, NULL);
    }
    g_ptr_array_add(failures, NULL);
    return g_strjoinv("\n", (char **)failures->pdata);
}

typedef struct {
    const char *expectation, *result;
} Row;

static void
hold_all(const DdpRunRecord *record, const Row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        g_autofree char *result = hold(record, rows[i].expectation);

        ck_assert_msg(strcmp(result, rows[i].result) == 0, "%s\n  expected: %s\n  found:    %s",
                      rows[i].expectation, rows[i].result, result);
    }
}

START_TEST(test_outcome)
{
    static const Row rows[] = {
        {"{}", ""},
        {"{ outcome = 'deadlock' }", ""},
        {"{ outcome = 'completed' }", "outcome: expected completed, found deadlock"},
        {"{ outcome = 'dedlock' }",
         "broken: expect.outcome is 'dedlock', expected one of: completed, "
         "deadlock, mismatch, error, timeout"},
        {"{ outcome = 1 }", "broken: expect.outcome is a number, expected a string"},
        {"{ outcome = {} }", "broken: expect.outcome is a list, expected a string"},
        {"{ digest = 'abc' }", "digest: expected abc, found "
                               "0721813d478baf26ebd76dc8a1f6c6888fdf3c53ea6d06f62f6ee31bdfc0c4d4"},
        {"{ virtual_time = 1.2e-5 }", ""},
        {"{ virtual_time = 1.3e-5 }", "virtual_time: expected 1.3e-05, found 1.2e-05"},
        {"{ virtual_time = { 1.3e-5, 2e-6 } }", ""},
        {"{ virtual_time = { value = 1.3e-5, tolerance = 2e-6 } }", ""},
        {"{ virtual_time = { 1, 0.5 } }", "virtual_time: expected 1 (within 0.5), found 1.2e-05"},
        {"{ virtual_time = { 1 } }",
         "broken: expect.virtual_time has 1 numbers, expected a value and a tolerance"},
        {"{ virtual_time = { 1, -2 } }",
         "broken: expect.virtual_time has a tolerance that is not positive"},
        {"{ virtual_time = { value = 1 } }", "broken: expect.virtual_time.tolerance is missing"},
        {"{ virtual_time = 'soon' }",
         "broken: expect.virtual_time is a string, expected a number or { value, tolerance }"},
    };
    g_autoptr(DdpRunRecord) record = sample_deadlock();

    hold_all(record, rows, G_N_ELEMENTS(rows));
}
END_TEST

START_TEST(test_unknown_keys_are_told_with_the_nearest_known_one)
{
    static const Row rows[] = {
        {"{ outcme = 'deadlock' }", "broken: expect.outcme is unknown, did you mean 'outcome'?"},
        {"{ zzzzzzzz = 1 }",
         "broken: expect.zzzzzzzz is unknown, expected one of: outcome, diagnosis, findings, logs, "
         "audit, files, printed, virtual_time, digest"},
        {"{ diagnosis = { clas = 'x' } }",
         "broken: expect.diagnosis.clas is unknown, did you mean 'class'?"},
        {"{ logs = { { path = 'a', vales = {} } } }",
         "broken: expect.logs[1].vales is unknown, did you mean 'values'?"},
        {"{ audit = { { key = 'a' }, { key = 'b', tolerence = 1 } } }",
         "broken: expect.audit[2].tolerence is unknown, did you mean 'tolerance'?"},
        {"{ virtual_time = { value = 1, tolerance = 1, unit = 's' } }",
         "broken: expect.virtual_time.unit is unknown, expected one of: value, tolerance"},
        {"{ 'deadlock' }",
         "broken: expect is a list, expected a table with names of: outcome, "
         "diagnosis, findings, logs, audit, files, printed, virtual_time, digest"},
        {"'deadlock'", "broken: expect is a string, expected a table or a function of the report"},
    };
    g_autoptr(DdpRunRecord) record = sample_deadlock();

    /* The audit row in question must be reached. */
    for (int i = 0; i < 2; i++) {
        DdpAuditRow *row = ddp_run_record_add_audit(record);

        row->key = g_strdup(i == 0 ? "a" : "b");
    }
    hold_all(record, rows, G_N_ELEMENTS(rows));
}
END_TEST

START_TEST(test_what_no_json_can_hold_is_told_with_its_place)
{
    static const Row rows[] = {
        {"{ outcome = print }",
         "broken: expect.outcome is a function, expected a number, a string, a "
         "boolean or a table"},
        {"{ logs = { { path = 'a', values = { 1, coroutine.create(print) } } } }",
         "broken: expect.logs[1].values[2] is a thread, expected a number, a string, a boolean or "
         "a "
         "table"},
        {"{ logs = { 1, 2, x = 3 } }", "broken: expect.logs mixes names and other keys (a number), "
                                       "expected a list or names only"},
        {"{ files = { [{}] = 1 } }", "broken: expect.files mixes names and other keys (a table), "
                                     "expected a list or names only"},
        {"(function() local t = {}; t.audit = t; return t end)()",
         "broken: expect.audit.audit.audit.audit.audit.audit.audit.audit.audit.audit.audit.audit."
         "audit.audit.audit.audit is too large or holds itself"},
        {"{ files = { ['\\xff'] = 1 } }", "broken: expect.files has a name that is not UTF-8"},
        /* Metamethods are the scenario's code, and are not run. */
        {"setmetatable({ outcome = 'deadlock' }, { __index = error, __pairs = error, __len = error "
         "})",
         ""},
    };
    g_autoptr(DdpRunRecord) record = sample_deadlock();

    hold_all(record, rows, G_N_ELEMENTS(rows));
}
END_TEST

START_TEST(test_diagnosis)
{
    static const Row rows[] = {
        {"{ diagnosis = { class = 'missing_rank', blamed = { 0 }, ranks = { 3, 1, 0, 2 }, "
         "lines = { '@guard', 16 } } }",
         ""},
        {"{ diagnosis = {} }", ""},
        {"{ logs = {}, audit = {} }", ""},
        {"{ diagnosis = { lines = { '@stop' } } }", ""},
        {"{ diagnosis = { class = 'order' } }",
         "diagnosis.class: expected order, found missing_rank"},
        {"{ diagnosis = { blamed = { 1, 2 } } }", "diagnosis.blamed: expected 1, 2, found 0"},
        {"{ diagnosis = { blamed = {} } }", "diagnosis.blamed: expected none, found 0"},
        {"{ diagnosis = { ranks = { 1, 2, 3 } } }",
         "diagnosis.ranks: expected 1, 2, 3, found 0, 1, 2, 3"},
        {"{ diagnosis = { lines = { 17, '@guard' } } }",
         "diagnosis.lines: expected line 17, found 14, 16"},
        {"{ diagnosis = { lines = { '@gaurd' } } }",
         "broken: expect.diagnosis.lines[1] is '@gaurd', expected a line number or the name of a "
         "mark: "
         "a line of the scenario that ends in -- @gaurd"},
        {"{ diagnosis = { lines = { 'guard' } } }",
         "broken: expect.diagnosis.lines[1] is 'guard', expected a line number or the name of a "
         "mark: "
         "a line of the scenario that ends in -- @guard"},
        {"{ diagnosis = { blamed = { 'zero' } } }",
         "broken: expect.diagnosis.blamed[1] is a string, expected a list of ranks"},
        {"{ diagnosis = { blamed = { 0.5 } } }",
         "broken: expect.diagnosis.blamed[1] is a number, expected a list of ranks"},
        {"{ diagnosis = { blamed = 0 } }",
         "broken: expect.diagnosis.blamed is a number, expected a list of ranks"},
        {"{ diagnosis = 'missing_rank' }", "broken: expect.diagnosis is a string, expected a table "
                                           "with names of: class, blamed, ranks, "
                                           "lines"},
        {"{ diagnosis = false }",
         "diagnosis: expected none, found missing_rank: only rank 0 calls all_gather at "
         "scenarios/guarded_all_gather.lua:14; ranks 1-3 went past it to barrier at "
         "scenarios/guarded_all_gather.lua:16"},
        {"{ outcome = 'completed', diagnosis = { class = 'order', blamed = { 1 } } }",
         "outcome: expected completed, found deadlock\n"
         "diagnosis.class: expected order, found missing_rank\n"
         "diagnosis.blamed: expected 1, found 0"},
    };
    g_autoptr(DdpRunRecord) record = sample_deadlock();

    hold_all(record, rows, G_N_ELEMENTS(rows));
}
END_TEST

START_TEST(test_lines_count_only_in_the_scenario_s_own_file)
{
    g_autoptr(DdpRunRecord) record = sample_deadlock();
    DdpRankRecord *rank = g_ptr_array_index(record->ranks, 0);

    g_free(rank->site);
    rank->site = g_strdup("helpers/other.lua:14");

    g_autofree char *result = hold(record, "{ diagnosis = { lines = { '@guard' } } }");

    ck_assert_str_eq(result, "diagnosis.lines: expected line 14 (@guard), found 16");
}
END_TEST

START_TEST(test_no_diagnosis)
{
    static const Row rows[] = {
        {"{ diagnosis = false }", ""},
        {"{ diagnosis = { class = 'order' } }", "diagnosis: expected order, found none"},
        {"{ diagnosis = { lines = { '@nowhere' } } }",
         "broken: expect.diagnosis.lines[1] is '@nowhere', expected a line number or the name of a "
         "mark: a line of the scenario that ends in -- @nowhere"},
        {"{ diagnosis = true }", "broken: expect.diagnosis is true, expected false or a table with "
                                 "class, blamed, ranks or lines"},
    };
    g_autoptr(DdpRunRecord) record = sample_validation(SAMPLE_REDUCED);

    hold_all(record, rows, G_N_ELEMENTS(rows));
}
END_TEST

/* The logs of the Fabric experiment, in the order in which its writers came. */
static DdpRunRecord *
fabric(void)
{
    static const int order[] = {0, 2, 1, 3};
    DdpRunRecord *record = ddp_run_record_new();

    record->outcome = g_strdup("completed");
    for (int i = 0; i < 4; i++) {
        DdpLogEntry own = {0, 10.0 * order[i], order[i], NULL};
        DdpLogEntry mean = {0, 15.0, order[i], NULL};
        DdpLogEntry odd = {i, i == 3 ? (double)NAN : (double)(0.1f * (float)i), 0, NULL};

        ddp_run_record_log(record, "tensorboard", "no_reduce", "data", &own);
        ddp_run_record_log(record, "tensorboard", "reduce", "data", &mean);
        ddp_run_record_log(record, "csv", "odd", "loss", &odd);
    }
    ddp_findings_from_logs(record);
    g_ptr_array_add(record->printed, g_strdup("0\tStrategy: no_reduce"));
    g_ptr_array_add(record->printed, g_strdup("0\tNumber of log entries: 4"));
    g_ptr_array_add(record->printed, g_strdup("0\t[0.0, 20.0, 10.0, 30.0]"));
    return record;
}

START_TEST(test_logs)
{
    static const Row rows[] = {
        {"{ logs = { { path = 'no_reduce', tag = 'data', values = { 0, 20, 10, 30 }, count = 4 } } "
         "}",
         ""},
        {"{ logs = { { tag = 'data', values = { 15, 15, 15, 15 } }, { path = 'no_reduce' } } }",
         ""},
        {"{ logs = { { path = 'no_reduce', values = { 0, 10, 20, 30 } } } }",
         "logs[1] ('no_reduce'): expected the values 0, 10, 20, 30, found 0, 20, 10, 30"},
        {"{ logs = { { path = 'no_reduce', values = { 30, 20, 10, 0 }, any_order = true } } }", ""},
        {"{ logs = { { path = 'no_reduce', values = { 30, 20, 20, 0 }, any_order = true } } }",
         "logs[1] ('no_reduce'): expected the values 30, 20, 20, 0 in any order, found 0, 20, 10, "
         "30"},
        {"{ logs = { { path = 'no_reduce', ranks = { 0, 2, 1, 3 }, steps = { 0, 0, 0, 0 } } } }",
         ""},
        {"{ logs = { { path = 'no_reduce', ranks = { 0, 1, 2, 3 } } } }",
         "logs[1] ('no_reduce'): expected the ranks 0, 1, 2, 3, found 0, 2, 1, 3"},
        {"{ logs = { { path = 'no_reduce', count = 1 } } }",
         "logs[1] ('no_reduce'): expected 1 entries, found 4"},
        {"{ logs = { { path = 'no_reduce', values = { 0, 20 } } } }",
         "logs[1] ('no_reduce'): expected the values 0, 20, found 0, 20, 10, 30"},
        {"{ logs = { { path = 'no_reduce', values = { 0, 20, 10, 30.5 }, tolerance = 0.5 } } }",
         ""},
        {"{ logs = { { path = 'no_reduce', values = { 0, 20, 10, 30.5 }, tolerance = 0.4 } } }",
         "logs[1] ('no_reduce'): expected the values 0, 20, 10, 30.5, found 0, 20, 10, 30"},
        /* 0.1 as float32, and a NAN. */
        {"{ logs = { { path = 'odd', values = { 0, 0.1, 0.2, 0/0 } } } }", ""},
        {"{ logs = { { path = 'odd', values = { 0, 0.1000001, 0.2, 0/0 } } } }",
         "logs[1] ('odd'): expected the values 0, 0.1000001, 0.2, nan, found 0, "
         "0.10000000149, 0.20000000298, nan"},
        {"{ logs = { { path = 'no_reduce', logger = 'csv' } } }",
         "logs[1]: expected 'no_reduce' of csv, found tag 'data' in 'no_reduce', tag 'data' in "
         "'reduce', tag 'loss' in 'odd'"},
        {"{ logs = {} }", "logs: expected none, found tag 'data' in 'no_reduce', tag 'data' in "
                          "'reduce', tag 'loss' in 'odd'"},
        {"{ audit = {} }", ""},
        {"{ logs = { { values = { 1 } } } }",
         "broken: expect.logs[1] names no series, expected a path, a tag or both"},
        {"{ logs = { path = 'no_reduce' } }",
         "broken: expect.logs is a table of names, expected a list of tables such as { path = "
         "\"logs\", values = { 15 } }"},
        {"{ logs = { { path = 'no_reduce', values = 15 } } }",
         "broken: expect.logs[1].values is a number, expected a list of numbers"},
        {"{ logs = { { path = 'no_reduce', any_order = 1 } } }",
         "broken: expect.logs[1].any_order is a number, expected a boolean"},
    };
    g_autoptr(DdpRunRecord) record = fabric();

    hold_all(record, rows, G_N_ELEMENTS(rows));
}
END_TEST

START_TEST(test_findings)
{
    static const Row rows[] = {
        {"{ findings = { 'duplicate_writer' } }", ""},
        {"{ findings = {} }", "findings: expected no duplicate_writer, found: no_reduce "
                              "(tensorboard): ranks 0-3 all write "
                              "tag data, 4 entries where one writer makes 1. Log from one rank, or "
                              "give each rank a place "
                              "of its own."},
        {"{ findings = { 'duplicate_writer', 'partial_coverage' } }",
         "findings: expected partial_coverage, found none of that kind"},
        {"{ findings = 'duplicate_writer' }",
         "broken: expect.findings is a string, expected a list of "
         "kinds such as \"partial_coverage\""},
    };
    g_autoptr(DdpRunRecord) record = fabric();

    hold_all(record, rows, G_N_ELEMENTS(rows));
}
END_TEST

START_TEST(test_printed)
{
    static const Row rows[] = {
        {"{ printed = { 'no_reduce', 'entries: 4', '[0.0, 20.0' } }", ""},
        {"{ printed = {} }", ""},
        {"{ printed = { 'reduce_rank_zero' } }",
         "printed: expected a line with 'reduce_rank_zero', found none in 3"},
        {"{ printed = { 'entries', 'Strategy' } }",
         "printed: expected a line with 'Strategy' after 'entries', found none"},
        {"{ printed = { 'Strategy', 'Strategy' } }",
         "printed: expected a line with 'Strategy' after 'Strategy', found none"},
        {"{ printed = { 4 } }",
         "broken: expect.printed[1] is a number, expected a list of lines or parts of lines"},
    };
    g_autoptr(DdpRunRecord) record = fabric();

    hold_all(record, rows, G_N_ELEMENTS(rows));
}
END_TEST

static void
make_file(const char *path)
{
    g_autofree char *file = g_build_filename(folder, path, NULL);
    g_autofree char *parent = g_path_get_dirname(file);

    ck_assert_int_eq(g_mkdir_with_parents(parent, 0755), 0);
    ck_assert(g_file_set_contents(file, "x", 1, NULL));
}

START_TEST(test_files)
{
    static const Row rows[] = {
        {"{ files = { ['no_reduce'] = 2, ['deep/er'] = 1, ['deep'] = 0, ['nowhere'] = 0 } }", ""},
        {"{ files = { ['no_reduce'] = 4 , deep = 1 } }",
         "files: expected 1 in 'deep', found 0\n"
         "files: expected 4 in 'no_reduce', found 2"},
        {"{ files = {} }", ""},
        {"{ files = { ['../x'] = 1 } }",
         "broken: expect.files: '../x' leads out of the logs folder"},
        {"{ files = { ['/etc'] = 1 } }",
         "broken: expect.files: '/etc' leads out of the logs folder"},
        {"{ files = { no_reduce = 'four' } }",
         "broken: expect.files.no_reduce is a string, expected a number"},
        {"{ files = 4 }",
         "broken: expect.files is a number, expected a table such as { [\"no_reduce\"] = 4 }"},
    };
    g_autoptr(DdpRunRecord) record = fabric();

    make_file("no_reduce/a");
    make_file("no_reduce/b");
    make_file("deep/er/c");
    hold_all(record, rows, G_N_ELEMENTS(rows));

    g_clear_pointer(&folder, g_free);

    g_autofree char *without = hold(record, "{ files = { a = 1 } }");

    ck_assert_str_eq(without, "broken: expect.files cannot be checked: this run wrote no files");
    folder = ddp_test_tmp_dir();
}
END_TEST

START_TEST(test_audit)
{
    static const Row rows[] = {
        {"{ audit = { { key = 'val_loss', share = 1/4, min_abs_error = 0.01, rows = 3 } } }", ""},
        {"{ audit = { { key = 'val_loss', error = 0, tolerance = 1e-6 } } }",
         "audit[1] (val_loss, epoch 0, rank 0): expected error 0 (within 1e-06), found -0.013825; "
         "and "
         "2 more rows differ"},
        {"{ audit = { { key = 'val_loss', epoch = 2, rank = 0, logged = 0.3987, truth = 0.419475 } "
         "} }",
         ""},
        {"{ audit = { { key = 'val_loss', epoch = 2, logged = 0.3988 } } }",
         "audit[1] (val_loss, epoch 2, rank 0): expected logged 0.3988, found 0.3987"},
        {"{ audit = { { key = 'val_loss', share = 1 } } }",
         "audit[1] (val_loss, epoch 0, rank 0): expected the share 1, found 2500 of 10000 samples; "
         "and "
         "2 more rows differ"},
        {"{ audit = { { key = 'val_loss', max_abs_error = 0.02 } } }",
         "audit[1] (val_loss, epoch 2, rank 0): expected an error of at most 0.02, found "
         "-0.020775"},
        {"{ audit = { { key = 'val_loss', min_abs_error = 0.02 } } }",
         "audit[1] (val_loss, epoch 0, rank 0): expected an error of at least 0.02, found "
         "-0.013825; "
         "and 1 more rows differ"},
        {"{ audit = { { key = 'val_loss', samples = 2500, duplicates = 0 } } }", ""},
        {"{ audit = { { key = 'val_f1' } } }",
         "audit[1] (val_f1): expected a logged value, found none"},
        {"{ audit = { { key = 'val_loss', rank = 1 } } }",
         "audit[1] (val_loss): expected a logged value, found none"},
        {"{ audit = { { key = 'val_loss', rank = 1, rows = 0 } } }", ""},
        {"{ audit = { { key = 'val_loss', rows = 12 } } }",
         "audit[1] (val_loss): expected 12 rows, found 3"},
        {"{ audit = {} }", "audit: expected none, found 6 rows, the first of 'val_loss'"},
        {"{ audit = { { share = 1 } } }", "broken: expect.audit[1].key is missing"},
        {"{ audit = { { key = 1 } } }",
         "broken: expect.audit[1].key is a number, expected a string"},
    };
    g_autoptr(DdpRunRecord) record = sample_validation(SAMPLE_RANK_ZERO);

    hold_all(record, rows, G_N_ELEMENTS(rows));
}
END_TEST

START_TEST(test_audit_without_a_truth_and_with_an_uneven_share)
{
    static const Row rows[] = {
        {"{ audit = { { key = 'val_f1', share = 1/4 } } }", ""}, /* 450 of 1797 */
        {"{ audit = { { key = 'val_f1', share = 1/3 } } }",
         "audit[1] (val_f1, epoch -1, rank 0): expected the share 0.333333333333, found 450 of "
         "1797 samples"},
        {"{ audit = { { key = 'val_f1', error = 0 } } }",
         "audit[1] (val_f1, epoch -1, rank 0): expected error 0, found none (no true value)"},
        {"{ audit = { { key = 'val_f1', max_abs_error = 1 } } }",
         "audit[1] (val_f1, epoch -1, rank 0): expected an error of at most 1, found none (no true "
         "value)"},
        {"{ audit = { { key = 'val_f1', epoch = -1, step = 300, duplicates = 3 } } }", ""},
    };
    g_autoptr(DdpRunRecord) record = sample_with_everything();

    hold_all(record, rows, G_N_ELEMENTS(rows));
}
END_TEST

/* ---- functions ---- */

START_TEST(test_a_function_sees_the_report_as_a_table)
{
    static const Row rows[] = {
        {"function(report) return report.outcome == 'deadlock' and report.world.size == 4 end", ""},
        {"function(report) return report.fixes == nil and report.ranks[1].error == nil end", ""},
        {"function(report) return math.type(report.virtual_time) == 'float' and "
         "math.type(report.ranks[2].rank) == 'integer' and report.expected.met == true end",
         ""},
        {"function(report) return #report.diagnosis.ranks[1].waiting_for == 3 end", ""},
        {"function() return false, 'not as I like it' end", "expect: not as I like it"},
        {"function() return false end", "expect: the function returned false and no reason"},
        {"function() end",
         "expect: the function returned nothing, expected true, or false and why"},
        {"function(report) return report.diagnosis.klass.x end",
         "expect: scenario.lua:1: attempt to index a nil value (field 'klass')"},
        {"function() error({}) end", "expect: an error of type table"},
        {"function() error('with a level', 0) end", "expect: with a level"},
    };
    g_autoptr(DdpRunRecord) record = sample_deadlock();

    hold_all(record, rows, G_N_ELEMENTS(rows));
}
END_TEST

/* A state that runs out of memory somewhere, at every place once. */
typedef struct {
    size_t used, limit;
} Budget;

static void *
allocate(void *user_data, void *block, size_t old_size, size_t new_size)
{
    Budget *budget = user_data;

    if (block == NULL)
        old_size = 0;
    if (new_size > old_size && budget->used + (new_size - old_size) > budget->limit)
        return NULL;
    budget->used += new_size - old_size;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, new_size);
}

START_TEST(test_running_out_of_memory_anywhere_is_a_failure_and_no_crash)
{
    static const char chunk[] = "return function(report) return #report.audit == 12 end";
    g_autoptr(DdpRunRecord) record = sample_validation(SAMPLE_EVERY_RANK);
    g_autoptr(JsonNode) report = ddp_report_build(record);
    bool passed = false;

    for (size_t extra = 0; !passed && extra < 1000000; extra += 997) {
        Budget budget = {0, SIZE_MAX};
        lua_State *state = lua_newstate(allocate, &budget);
        g_autoptr(GPtrArray) failures = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GError) error = NULL;

        ck_assert_int_eq(luaL_loadstring(state, chunk), LUA_OK);
        ck_assert_int_eq(lua_pcall(state, 0, 1, 0), LUA_OK);
        budget.limit = budget.used + extra;
        ck_assert(ddp_expect_check(state, -1, report, marks, folder, failures, &error));
        ck_assert_no_error(error);
        ck_assert_uint_le(failures->len, 1);
        passed =
            failures->len == 1 && strcmp(g_ptr_array_index(failures, 0),
                                         "expect: the function returned false and no reason") == 0;
        budget.limit = SIZE_MAX;
        lua_close(state);
    }
    ck_assert(passed); /* 24 rows, so the answer is false once there is memory enough */
}
END_TEST

/* ---- marks ---- */

START_TEST(test_marks_are_the_names_of_lines)
{
    static const struct {
        const char *text, *name;
        int line;
    } rows[] = {
        {"a\nb -- @here\nc", "here", 2},
        {"--@here", "here", 1},
        {"-- @a-b_c9  ", "a-b_c9", 1},
        {"x --- @here\r\n", "here", 1},
        {"-- @here and more", "here", 0},
        {"-- see @here", "here", 0},
        {"- @here", "here", 0},
        {"@here", "here", 0},
        {"-- @", "", 0},
        {"", "here", 0},
        {"local s = 1 -- @first\nlocal t = 2 -- @second", "second", 2},
        {"local s = 1 -- @first\nlocal t = 2 -- @second", "third", 0},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DdpMarks) read = ddp_marks_read(rows[i].text, &error);

        ck_assert_no_error(error);
        ck_assert_msg(ddp_marks_line(read, rows[i].name) == rows[i].line,
                      "%s: expected %d, found %d", rows[i].text, rows[i].line,
                      ddp_marks_line(read, rows[i].name));
    }
}
END_TEST

START_TEST(test_a_name_for_two_lines_is_an_error)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_marks_read("a -- @x\nb\nc -- @x\n", &error));
    ck_assert_str_eq(error->message, "line 3: the mark @x stands at line 1 already");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("expect");
    TCase *tables = tcase_create("tables");
    TCase *functions = tcase_create("functions");
    TCase *names = tcase_create("marks");

    tcase_add_checked_fixture(tables, setup, teardown);
    tcase_add_test(tables, test_outcome);
    tcase_add_test(tables, test_unknown_keys_are_told_with_the_nearest_known_one);
    tcase_add_test(tables, test_what_no_json_can_hold_is_told_with_its_place);
    tcase_add_test(tables, test_diagnosis);
    tcase_add_test(tables, test_lines_count_only_in_the_scenario_s_own_file);
    tcase_add_test(tables, test_no_diagnosis);
    tcase_add_test(tables, test_logs);
    tcase_add_test(tables, test_findings);
    tcase_add_test(tables, test_printed);
    tcase_add_test(tables, test_files);
    tcase_add_test(tables, test_audit);
    tcase_add_test(tables, test_audit_without_a_truth_and_with_an_uneven_share);
    suite_add_tcase(suite, tables);

    tcase_add_checked_fixture(functions, setup, teardown);
    tcase_add_test(functions, test_a_function_sees_the_report_as_a_table);
    tcase_add_test(functions, test_running_out_of_memory_anywhere_is_a_failure_and_no_crash);
    suite_add_tcase(suite, functions);

    tcase_add_test(names, test_marks_are_the_names_of_lines);
    tcase_add_test(names, test_a_name_for_two_lines_is_an_error);
    suite_add_tcase(suite, names);
    return ddp_test_main(suite);
}
