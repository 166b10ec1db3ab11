/* SPDX-License-Identifier: MIT */
#include "sim/script/state.h"
#include "tests/testutil.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "sim/loggers/event_accumulator.h"

/*
 * Lua code as a scenario writes it, in a state without a world: its clock stands at the start.
 * What it wrote is read back with the accumulator, whose own tests hold it to TensorBoard.
 */

#define START 1700000000.0
#define FIRST_FILE "events.out.tfevents.1700000000.node0.100.0"
#define SECOND_FILE "events.out.tfevents.1700000000.node0.100.1"

static char *folder;
static DdpLimits limits;
static DdpPlay *play;
static lua_State *L;
static char *failure; /* of the last run(), or NULL */

static lua_State *
state_new(int rank)
{
    g_autoptr(GError) error = NULL;
    const DdpScriptSpec spec = {
        .rank = rank, .world_size = 4, .nproc_per_node = 4, .pid = 100 + rank};
    lua_State *state = ddp_script_state_new(play, &spec, &error);

    ck_assert_no_error(error);
    return state;
}

static void
open_play(void)
{
    play = ddp_play_new(&limits, 0, folder);
    ck_assert(ddp_play_prepare(play, DDP_RANKS_TAKE_TURNS, 4, NULL));
    L = state_new(0);
}

static void
close_play(void)
{
    ddp_script_state_free(L);
    ck_assert_int_eq(atomic_load(&play->counts->memory), 0);
    ddp_play_free(play);
}

static void
set_up(void)
{
    folder = ddp_test_tmp_dir();
    limits = ddp_limits_default();
    open_play();
}

static void
tear_down(void)
{
    close_play();
    g_clear_pointer(&failure, g_free);
    ddp_test_remove_tree(folder);
    g_clear_pointer(&folder, g_free);
}

/* With other limits than the default ones. */
static void
reopen_play(void)
{
    close_play();
    open_play();
}

static void
run_in(lua_State *state, const char *code)
{
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&failure, g_free);
    if (!ddp_script_load(state, "test.lua", code, strlen(code), &error) ||
        !ddp_script_call(state, 0, 0, &error))
        failure = g_strdup(error->message);
}

static void
run(const char *code)
{
    run_in(L, code);
    ck_assert_msg(failure == NULL, "%s", failure);
}

static void
check_fails(const char *code, const char *message)
{
    run_in(L, code);
    ck_assert_msg(failure != NULL, "no error from: %s", code);
    ck_assert_str_eq(failure, message);
}

/* The scalars of a tag, "step:value step:value ". */
static char *
scalars(const char *dir, const char *tag)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, dir, NULL);
    g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(path);
    GString *text = g_string_new(NULL);

    ddp_event_accumulator_reload(read, &error);
    ck_assert_no_error(error);
    ck_assert_uint_eq(ddp_event_problems_count(ddp_event_accumulator_problems(read)), 0);

    const DdpEventSeries *series = ddp_event_accumulator_find(read, DDP_EVENT_SCALARS, tag);

    for (guint i = 0; series != NULL && i < series->entries->len; i++) {
        const DdpEventEntry *entry = &g_array_index(series->entries, DdpEventEntry, i);

        ck_assert_double_eq(entry->wall_time, START);
        g_string_append_printf(text, "%" G_GINT64_FORMAT ":%g ", entry->step, entry->value);
    }
    return g_string_free(text, FALSE);
}

static void
check_scalars(const char *dir, const char *tag, const char *expected)
{
    g_autofree char *got = scalars(dir, tag);

    ck_assert_str_eq(got, expected);
}

static void
check_file(const char *dir, const char *name, bool is_there)
{
    g_autofree char *path = g_build_filename(folder, dir, name, NULL);

    ck_assert_msg(g_file_test(path, G_FILE_TEST_EXISTS) == is_there, "%s is %s", path,
                  is_there ? "not there" : "there");
}

/* ---- files ---- */

START_TEST(test_making_a_writer_makes_its_file)
{
    run("w = SummaryWriter('logs/a')\n"
        "assert(w.log_dir == 'logs/a' and w:get_logdir() == 'logs/a')");
    check_file("logs/a", FIRST_FILE, true);
}
END_TEST

START_TEST(test_an_entry_is_in_the_file_when_the_verb_returns)
{
    run("w = SummaryWriter('a'); w:add_scalar('loss', 0.5, 3)");
    check_scalars("a", "loss", "3:0.5 ");
    run("w:add_scalar('loss', 0.25, 4)");
    check_scalars("a", "loss", "3:0.5 4:0.25 ");
}
END_TEST

START_TEST(test_writers_of_a_rank_are_counted)
{
    run("a = SummaryWriter('x'); b = SummaryWriter('x')");
    check_file("x", FIRST_FILE, true);
    check_file("x", SECOND_FILE, true);
}
END_TEST

/* As in torch, which then begins a new file. */
START_TEST(test_adding_after_close_begins_a_new_file)
{
    run("w = SummaryWriter('a'); w:add_scalar('loss', 1, 1); w:close(); w:close(); w:flush()");
    check_file("a", SECOND_FILE, false);
    run("w:add_scalar('loss', 2, 2)");
    check_file("a", SECOND_FILE, true);
    check_scalars("a", "loss", "1:1 2:2 ");
}
END_TEST

START_TEST(test_a_closed_scope_closes_the_writer)
{
    run("do local w <close> = SummaryWriter('a'); w:add_scalar('loss', 1, 1) end");
    check_scalars("a", "loss", "1:1 ");
}
END_TEST

START_TEST(test_default_folder_is_named_as_torch_does)
{
    run("w = SummaryWriter()\n"
        "assert(w.log_dir == 'runs/Nov14_22-13-20_node0', w.log_dir)\n"
        "v = SummaryWriter(nil, { comment = '_lr1' })\n"
        "assert(v.log_dir == 'runs/Nov14_22-13-20_node0_lr1', v.log_dir)");
}
END_TEST

START_TEST(test_options_reach_the_file)
{
    run("w = SummaryWriter('a', { filename_suffix = '.v2', max_queue = 1, flush_secs = 1 })\n"
        "w:add_scalar('loss', 1, 1); w:add_scalar('loss', 7, 7)\n"
        "v = SummaryWriter('a', { purge_step = 5 }); v:add_scalar('loss', 5, 5)");
    check_file("a", FIRST_FILE ".v2", true);
    check_scalars("a", "loss", "1:1 5:5 ");
}
END_TEST

/* ---- values ---- */

START_TEST(test_numbers_truth_values_and_missing_steps_are_taken)
{
    run("w = SummaryWriter('a')\n"
        "w:add_scalar('n', 2, 1); w:add_scalar('n', 2.5, 2.0); w:add_scalar('n', true)\n"
        "w:add_scalar('n', 1 << 62, -1)");
    check_scalars("a", "n", "1:2 2:2.5 0:1 -1:4.61169e+18 ");
}
END_TEST

START_TEST(test_a_tensor_of_one_element_is_a_value)
{
    run("w = SummaryWriter('a')\n"
        "w:add_scalar('t', tensor{ 1.5 }, 0); w:add_scalar('t', tensor{ 1.0, 3.0 }:mean(), 1)");
    check_scalars("a", "t", "0:1.5 1:2 ");
    check_fails("w:add_scalar('t', tensor{ 1, 3 }, 2)",
                "test.lua:1: add_scalar: value is a tensor of 2 elements, expected a number or one "
                "element");
}
END_TEST

START_TEST(test_wrong_arguments_are_named_with_their_line)
{
    run("w = SummaryWriter('a')");
    check_fails("\nw:add_scalar('t', 'x', 1)",
                "test.lua:2: add_scalar: value is a string, expected a number or a tensor of one "
                "element");
    check_fails("w:add_scalar(1, 1, 1)",
                "test.lua:1: add_scalar: tag is a number, expected a string");
    check_fails("w:add_scalar('t', 1, 1.5)",
                "test.lua:1: add_scalar: step is 1.5, expected a whole number");
    check_fails("w:add_scalar('t', 1, 'x')",
                "test.lua:1: add_scalar: step is a string, expected a whole number");
    check_fails("w:add_scalar('\\xff', 1, 1)",
                "test.lua:1: add_scalar: tag is not valid UTF-8 without zero bytes, and "
                "TensorBoard would stop reading there");
    check_fails("w:add_scalar('a\\0b', 1, 1)",
                "test.lua:1: add_scalar: tag is not valid UTF-8 without zero bytes, and "
                "TensorBoard would stop reading there");
    check_fails("w:add_scaler('t', 1, 1)",
                "test.lua:1: SummaryWriter has no 'add_scaler', did you mean 'add_scalar'?");
    check_fails("w:add_image('t', 1, 1)",
                "test.lua:1: SummaryWriter has no 'add_image'; it has add_scalar, add_scalars, "
                "add_histogram, add_text, add_hparams, flush, close, log_dir");
    check_fails("SummaryWriter('a', { purge_steps = 1 })",
                "test.lua:1: SummaryWriter: unknown option 'purge_steps', did you mean "
                "'purge_step'?");
    check_fails("SummaryWriter('a', { filename_suffix = '/x' })",
                "test.lua:1: SummaryWriter: filename_suffix holds a slash or a control character, "
                "expected a part of a file name");
}
END_TEST

START_TEST(test_texts_are_written)
{
    g_autofree char *path = g_build_filename(folder, "a", NULL);
    g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(path);

    run("w = SummaryWriter('a'); w:add_text('note', 'hello', 7)");
    ck_assert(ddp_event_accumulator_reload(read, NULL));

    const DdpEventSeries *series =
        ddp_event_accumulator_find(read, DDP_EVENT_TENSORS, "note/text_summary");
    const DdpEventEntry *entry = &g_array_index(series->entries, DdpEventEntry, 0);

    ck_assert_str_eq(series->plugin, "text");
    ck_assert_str_eq(entry->text, "hello");
    ck_assert_int_eq(entry->step, 7);
}
END_TEST

START_TEST(test_hparams_make_a_run_of_their_own)
{
    run("w = SummaryWriter('a')\n"
        "w:add_hparams({ lr = 0.1, opt = 'sgd', deep = true }, { loss = 0.5, acc = 1 })\n"
        "w:add_hparams({ lr = 0.2 }, { loss = 0.25 }, { run_name = 'second' })");
    check_scalars("a/1700000000.0", "loss", "0:0.5 ");
    check_scalars("a/1700000000.0", "acc", "0:1 ");
    check_scalars("a/second", "loss", "0:0.25 ");
    check_file("a/1700000000.0", SECOND_FILE, true);
    check_fails("w:add_hparams({ 1 }, {})", "test.lua:1: add_hparams: a key of the "
                                            "hyper-parameters is a number, expected a name");
    check_fails("w:add_hparams({}, { x = {} })",
                "test.lua:1: add_hparams: x is a table, expected a number or a tensor of one "
                "element");
    check_fails("w:add_hparams(1)",
                "test.lua:1: add_hparams: argument 1 is a number, expected a table");
}
END_TEST

/* A Lua table has no order: the files must be the same whatever its history was. */
START_TEST(test_hparams_are_written_in_the_order_of_their_names)
{
    g_autofree char *one = NULL;
    g_autofree char *two = NULL;
    g_autofree char *one_path = g_build_filename(folder, "a/one", SECOND_FILE, NULL);
    g_autofree char *two_path = g_build_filename(folder, "a/two", SECOND_FILE, NULL);
    gsize one_size = 0;
    gsize two_size = 0;

    run("w = SummaryWriter('a')\n"
        "local t = {}; for i = 1, 50 do t['k' .. i] = i end\n"
        "w:add_hparams(t, {}, { run_name = 'one' })");
    ck_assert(g_file_get_contents(one_path, &one, &one_size, NULL));
    reopen_play();
    run("w = SummaryWriter('a')\n"
        "local t = {}; for i = 50, 1, -1 do t['k' .. i] = i; t['x' .. i] = 1 end\n"
        "for i = 1, 50 do t['x' .. i] = nil end\n"
        "w:add_hparams(t, {}, { run_name = 'two' })");
    ck_assert(g_file_get_contents(two_path, &two, &two_size, NULL));
    ck_assert_uint_eq(one_size, two_size);
    ck_assert_mem_eq(one, two, one_size);
}
END_TEST

/* ---- the run ---- */

START_TEST(test_entries_are_noted_with_rank_and_line)
{
    run("w = SummaryWriter('a')\n\nw:add_scalar('loss', 0.5, 3)\n"
        "w:add_hparams({ lr = 1 }, { acc = 0.75 }, { run_name = 'r' })");
    ck_assert_uint_eq(play->record->logs->len, 2);

    const DdpLogSeries *loss = play->record->logs->pdata[0];
    const DdpLogSeries *acc = play->record->logs->pdata[1];
    const DdpLogEntry *entry = loss->entries->pdata[0];

    ck_assert_str_eq(loss->logger, "tensorboard");
    ck_assert_str_eq(loss->path, "a");
    ck_assert_str_eq(loss->tag, "loss");
    ck_assert_int_eq(entry->step, 3);
    ck_assert_double_eq(entry->value, 0.5);
    ck_assert_int_eq(entry->rank, 0);
    ck_assert_str_eq(entry->site, "test.lua:3");
    ck_assert_str_eq(acc->path, "a/r");
}
END_TEST

START_TEST(test_an_oracle_pass_writes_nothing)
{
    g_autofree char *path = g_build_filename(folder, "a", FIRST_FILE, NULL);
    GStatBuf before;
    GStatBuf after;

    run("w = SummaryWriter('a')");
    ck_assert_int_eq(g_stat(path, &before), 0);
    play->audit = ddp_audit_new(4);
    ddp_script_rank(L)->oracle = true;
    run("w:add_scalar('loss', 1, 1); w:add_text('t', 'x'); w:add_hparams({}, { a = 1 })\n"
        "v = SummaryWriter('b'); v:add_scalar('loss', 1, 1); v:flush(); v:close()\n"
        "assert(v.log_dir == 'b')");
    ddp_script_rank(L)->oracle = false;
    ck_assert_int_eq(g_stat(path, &after), 0);
    ck_assert_int_eq(before.st_size, after.st_size);
    check_file("b", ".", false);
    ck_assert_uint_eq(play->record->logs->len, 0);
    run("v:add_scalar('loss', 2, 2)"); /* the world's own pass: the file is made now */
    check_scalars("b", "loss", "2:2 ");
}
END_TEST

/* ---- bad input ---- */

START_TEST(test_names_that_lead_out_are_refused)
{
    const char *names[] = {"'../x'", "'/tmp/x'", "'a/../../x'", "'a\\0b'", "'a\\nb'", "'a\\xff'"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *code = g_strdup_printf("SummaryWriter(%s)", names[i]);

        run_in(L, code);
        ck_assert_msg(failure != NULL, "%s was accepted", names[i]);
        ck_assert(g_str_has_prefix(failure, "test.lua:1: "));
    }
    run("w = SummaryWriter('a')");
    run_in(L, "w:add_hparams({}, {}, { run_name = '../../x' })");
    ck_assert_ptr_nonnull(strstr(failure, "'..'"));
}
END_TEST

START_TEST(test_a_full_disk_is_an_error_of_the_line_that_logs)
{
    g_autofree char *path = g_build_filename(folder, "a", FIRST_FILE, NULL);
    g_autofree char *expected =
        g_strdup_printf("test.lua:2: %s: cannot be written: No space left on device", path);

    run("w = SummaryWriter('a')");
    ck_assert_int_eq(g_remove(path), 0);
    ck_assert_int_eq(symlink("/dev/full", path), 0);
    check_fails("\nw:add_scalar('loss', 1, 1)", expected);
    run("local ok, why = pcall(w.add_scalar, w, 'loss', 2, 2)\n"
        "assert(not ok and why:find('No space left', 1, true), why)");
}
END_TEST

START_TEST(test_a_folder_that_cannot_be_made_is_named)
{
    g_autofree char *path = g_build_filename(folder, "file", NULL);

    ck_assert(g_file_set_contents(path, "x", 1, NULL));
    run_in(L, "SummaryWriter('file/below')");
    ck_assert(g_str_has_prefix(failure, "test.lua:1: "));
    ck_assert_ptr_nonnull(strstr(failure, path));
}
END_TEST

START_TEST(test_limits_of_files_output_and_entries_hold)
{
    limits.files = 2;
    reopen_play();
    run_in(L, "SummaryWriter('a'); SummaryWriter('a'); SummaryWriter('a')");
    ck_assert_ptr_nonnull(strstr(failure, "files=2"));

    limits = ddp_limits_default();
    limits.output = 1000;
    reopen_play();
    run_in(L, "w = SummaryWriter('b'); for i = 1, 100 do w:add_scalar('loss', i, i) end");
    ck_assert_ptr_nonnull(strstr(failure, "output=1000"));

    g_autofree char *path = g_build_filename(folder, "b", FIRST_FILE, NULL);
    g_autofree char *contents = NULL;
    gsize size = 0;

    ck_assert(g_file_get_contents(path, &contents, &size, NULL));
    ck_assert_uint_gt(size, 900);
    ck_assert_uint_le(size, 1000);

    limits = ddp_limits_default();
    limits.entries = 3;
    reopen_play();
    run_in(L, "w = SummaryWriter('c'); for i = 1, 9 do w:add_scalar('loss', i, i) end");
    ck_assert_ptr_nonnull(strstr(failure, "entries=3"));
}
END_TEST

/* ---- several ranks ---- */

/* The blog's experiment, the ranks one after the other: four files each, and one. */
START_TEST(test_each_rank_writes_a_file_of_its_own)
{
    static const char code[] = "local none, all = SummaryWriter('none'), SummaryWriter('all')\n"
                               "local zero = SummaryWriter('zero')\n"
                               "local rank = env.RANK\n"
                               "none:add_scalar('data', 10 * rank, 0)\n"
                               "all:add_scalar('data', 15, 0)\n"
                               "if rank == 0 then zero:add_scalar('data', 15, rank) end";
    const int order[] = {0, 2, 1, 3};

    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        lua_State *state = state_new(order[i]);

        ddp_script_rank(state)->pid = 100 + (int)i; /* in the order in which they came */
        run_in(state, code);
        ck_assert_msg(failure == NULL, "%s", failure);
        ddp_script_state_free(state);
    }
    check_scalars("none", "data", "0:0 0:20 0:10 0:30 ");
    check_scalars("all", "data", "0:15 0:15 0:15 0:15 ");
    check_scalars("zero", "data", "0:15 ");
    run("for name, count in pairs{ none = 4, all = 4, zero = 1 } do\n"
        "  local acc = EventAccumulator(name)\n"
        "  acc:Reload()\n"
        "  assert(#acc:Scalars('data') == count)\n"
        "end");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("summary_writer");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, test_making_a_writer_makes_its_file);
    tcase_add_test(all, test_an_entry_is_in_the_file_when_the_verb_returns);
    tcase_add_test(all, test_writers_of_a_rank_are_counted);
    tcase_add_test(all, test_adding_after_close_begins_a_new_file);
    tcase_add_test(all, test_a_closed_scope_closes_the_writer);
    tcase_add_test(all, test_default_folder_is_named_as_torch_does);
    tcase_add_test(all, test_options_reach_the_file);
    tcase_add_test(all, test_numbers_truth_values_and_missing_steps_are_taken);
    tcase_add_test(all, test_a_tensor_of_one_element_is_a_value);
    tcase_add_test(all, test_wrong_arguments_are_named_with_their_line);
    tcase_add_test(all, test_texts_are_written);
    tcase_add_test(all, test_hparams_make_a_run_of_their_own);
    tcase_add_test(all, test_hparams_are_written_in_the_order_of_their_names);
    tcase_add_test(all, test_entries_are_noted_with_rank_and_line);
    tcase_add_test(all, test_an_oracle_pass_writes_nothing);
    tcase_add_test(all, test_names_that_lead_out_are_refused);
    tcase_add_test(all, test_a_full_disk_is_an_error_of_the_line_that_logs);
    tcase_add_test(all, test_a_folder_that_cannot_be_made_is_named);
    tcase_add_test(all, test_limits_of_files_output_and_entries_hold);
    tcase_add_test(all, test_each_rank_writes_a_file_of_its_own);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
