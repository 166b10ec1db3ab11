/* SPDX-License-Identifier: MIT */
#include "sim/script/state.h"
#include "tests/testutil.h"

#include <lauxlib.h>
#include <string.h>

#include "sim/script/at_exit.h"

/*
 * The tables loggers, logging and wandb in a state without a world. Files and texts are held to
 * what Lightning's loggers, PyYAML and Python's logging wrote:
 * tests/reference/lightning_loggers.lua has them by name, and the code of a test sees them as
 * `recorded`.
 */

static char *folder;
static DdpLimits limits;
static DdpPlay *play;
static lua_State *L;
static char *failure; /* of the last run(), or NULL */

static void
run_named(const char *name, const char *code)
{
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&failure, g_free);
    if (!ddp_script_load(L, name, code, strlen(code), &error) || !ddp_script_call(L, 0, 0, &error))
        failure = g_strdup(error->message);
}

static void
run(const char *code)
{
    run_named("test.lua", code);
    ck_assert_msg(failure == NULL, "%s", failure);
}

static void
check_fails(const char *code, const char *message)
{
    run_named("test.lua", code);
    ck_assert_msg(failure != NULL, "no error from: %s", code);
    ck_assert_str_eq(failure, message);
}

static void
set_up(void)
{
    g_autofree char *recorded = ddp_test_reference_read("lightning_loggers.lua");
    g_autofree char *code = g_strdup_printf("recorded = (function()\n%s\nend)()", recorded);
    g_autoptr(GError) error = NULL;
    const DdpScriptSpec spec = {.world_size = 1, .nproc_per_node = 1, .pid = 100};

    folder = ddp_test_tmp_dir();
    limits = ddp_limits_default();
    play = ddp_play_new(&limits, 0, folder);
    ck_assert(ddp_play_prepare(play, DDP_RANKS_TAKE_TURNS, 1, NULL));
    L = ddp_script_state_new(play, &spec, &error);
    ck_assert_no_error(error);
    run_named("recorded.lua", code);
    ck_assert_msg(failure == NULL, "%s", failure);
}

static void
tear_down(void)
{
    ddp_script_state_free(L);
    ck_assert_int_eq(atomic_load(&play->counts->memory), 0);
    ddp_play_free(play);
    g_clear_pointer(&failure, g_free);
    ddp_test_remove_tree(folder);
    g_clear_pointer(&folder, g_free);
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

static void
check_file(const char *name, const char *expected)
{
    g_autofree char *text = read_file(name);

    ck_assert_str_eq(text, expected);
}

static void
check_recorded(const char *name, const char *key)
{
    g_autofree char *text = read_file(name);

    lua_getglobal(L, "recorded");
    lua_getfield(L, -1, key);
    ck_assert_str_eq(text, lua_tostring(L, -1));
    lua_pop(L, 2);
}

/* What was printed so far, a line each, without the rank. */
static char *
printed(void)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < play->record->printed->len; i++)
        g_string_append_printf(text, "%s\n", strchr(play->record->printed->pdata[i], '\t') + 1);
    return g_string_free(text, FALSE);
}

static void
check_printed(const char *expected)
{
    g_autofree char *text = printed();

    ck_assert_str_eq(text, expected);
}

static void
finish_texts(void)
{
    g_autoptr(GError) error = NULL;

    ck_assert(ddp_text_files_finish(play->text_files, folder, play->record, &error));
    ck_assert_no_error(error);
}

/* ---- CSV and TensorBoard ---- */

#define F32 "local function f32(x) return torch.tensor(x):item() end\n"

START_TEST(test_metrics_csv_is_lightnings_to_the_byte)
{
    run(F32 "local nan, inf = 0 / 0, math.huge\n"
            "local log = loggers.CSVLogger('.', { name = 'wide' })\n"
            "log:log_metrics({ loss = f32(0.1) }, 0)\n"
            "log:log_metrics({ loss = f32(0.25), acc = 0.5 }, 1)\n"
            "log:save()\n"
            "log:log_metrics({ val_loss = f32(1e-7), epoch = 0 }, 1)\n"
            "log:log_metrics({ loss = f32(3.4e38) }, 2)\n"
            "log:save()\n"
            "log:log_metrics({ loss = nan, acc = inf, n = 3 }, 7)\n"
            "log:save()\n"
            "log:log_metrics({ loss = -0.0, acc = -inf, ['odd, name'] = 1e16 }, 8)\n"
            "log:finalize('success')");
    check_recorded("wide/version_0/metrics.csv", "csv_wide");
}
END_TEST

START_TEST(test_csv_prefix_and_rows_without_a_step_are_as_recorded)
{
    run("local log = loggers.CSVLogger('.', { name = 'prefixed', prefix = 'p' })\n"
        "log:log_metrics({ loss = 1.5, b = 2 })\n"
        "log:log_metrics{ loss = 2.5 }\n"
        "log:save()\n"
        "log:log_metrics{ loss = 3.5 }\n"
        "log:save()");
    check_recorded("prefixed/version_0/metrics.csv", "csv_prefix");
}
END_TEST

START_TEST(test_csv_is_flushed_every_so_many_steps)
{
    g_autofree char *path = g_build_filename(folder, "often/version_0/metrics.csv", NULL);

    run("log = loggers.CSVLogger('.', { name = 'often', flush_logs_every_n_steps = 2 })\n"
        "log:log_metrics({ x = 1.0 }, 0)");
    ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
    run("assert(recorded.csv_before_flush == 'False')\n"
        "log:log_metrics({ x = 2.0 }, 1)");
    check_recorded("often/version_0/metrics.csv", "csv_after_flush");
}
END_TEST

START_TEST(test_versions_are_counted_from_the_folders_that_are_there)
{
    static const char *const there[] = {"v/version_3", "v/version_x", "v/other"};

    for (size_t i = 0; i < G_N_ELEMENTS(there); i++) {
        g_autofree char *path = g_build_filename(folder, there[i], NULL);

        ck_assert_int_eq(g_mkdir_with_parents(path, 0777), 0);
    }
    run("local CSV, TB = loggers.CSVLogger, loggers.TensorBoardLogger\n"
        "local got = {\n"
        "  CSV('.', { name = 'v' }).log_dir, CSV('.', { name = 'empty' }).log_dir,\n"
        "  CSV('.', { name = '' }).log_dir, CSV('.', { name = 'v', version = 'mine' }).log_dir,\n"
        "  CSV('.', { name = 'v', version = 2 }).log_dir, TB('.', { name = 'v' }).log_dir,\n"
        "  TB('.', { name = 'v', sub_dir = 'sub' }).log_dir, TB('.', { name = false }).log_dir,\n"
        "}\n"
        "for i = 1, #got do got[i] = got[i]:gsub('^%./', '') end\n"
        "local text = table.concat(got, '\\n')\n"
        "assert(text == recorded.log_dirs, text)");
}
END_TEST

#define HPARAMS                                                                                    \
    "local params = { lr = 1e-3, tiny = 1e-20, batch_size = 32, name = 'mlp', flag = true,\n"      \
    "  yes = 'yes', number = '12', colon = 'a: b', empty = '', quote = \"it's\",\n"                \
    "  list = { 1, 2.5, 'x' }, nested = { b = 1, a = { c = 'd' } }, no_items = {},\n"              \
    "  space = 'two words', big = 1e16, hash = 'a #b', dash = '- a', date = '2024-01-02',\n"       \
    "  inf = math.huge, minus = -3 }\n"

START_TEST(test_hparams_yaml_is_lightnings_to_the_byte)
{
    run(HPARAMS "local log = loggers.CSVLogger('.', { name = 'hparams' })\n"
                "log:log_hyperparams(params)\n"
                "log:save()\n"
                "log = loggers.TensorBoardLogger('.', { name = 'hparams_tb' })\n"
                "log:log_hyperparams(params)\n"
                "log:save()\n"
                "log = loggers.TensorBoardLogger('.', { name = 'none_tb' })\n"
                "log:log_metrics({ loss = 0.5 }, 3)\n"
                "log:save()");
    check_recorded("hparams/version_0/hparams.yaml", "hparams_csv");
    check_recorded("hparams_tb/version_0/hparams.yaml", "hparams_tb");
    check_recorded("none_tb/version_0/hparams.yaml", "hparams_none");
}
END_TEST

START_TEST(test_a_table_value_makes_a_run_for_each_name)
{
    run("local log = loggers.TensorBoardLogger('.', { name = 'tb' })\n"
        "log:log_metrics({ ['a/b'] = { x = 1.0, y = 2.0 } }, 3)\n"
        "for name, value in pairs{ x = 1.0, y = 2.0 } do\n"
        "  local acc = EventAccumulator('tb/version_0/a_b_' .. name)\n"
        "  acc:Reload()\n"
        "  local events = acc:Scalars('a/b')\n"
        "  assert(#events == 1 and events[1].value == value and events[1].step == 3)\n"
        "end");
}
END_TEST

START_TEST(test_the_trainer_names_what_a_logger_is)
{
    check_fails(
        "Trainer{ logger = logging.getLogger('x') }",
        "test.lua:1: TypeError: Trainer: option 'logger' is a logger of the table `logging`, which "
        "writes lines of text and has no log_metrics(); expected true, false, or one of the table "
        "`loggers` (loggers.TensorBoardLogger(\"logs\"), loggers.CSVLogger(\"logs\"), "
        "loggers.WandbLogger{ project = \"mine\" }) or a list of such");
}
END_TEST

/* ---- logging ---- */

START_TEST(test_arguments_are_put_in_as_python_does)
{
    run("local lines = {}\n"
        "local Keep = logging.Handler:extend('Keep')\n"
        "function Keep:emit(record) lines[#lines + 1] = record:getMessage() end\n"
        "local log = logging.getLogger('n')\n"
        "log:addHandler(Keep()); log.propagate = false\n"
        "for _, case in ipairs{\n"
        "  {'%s and %s', 'a', 1}, {'%d%%', 50}, {'%5.2f|', 3.14159}, {'%-6s|%6s|', 'ab', 'cd'},\n"
        "  {'%05d %+d', 42, 7}, {'%x %X %o %#x', 255, 255, 8, 255}, {'%e %g', 12345.678, 0.0001},\n"
        "  {'%r', \"it's\"}, {'%s', 0.1}, {'%s', 1e16}, {'%.3s|', 'abcdef'}, {'%d', 3.9},\n"
        "  {'%10.3e|', 0.00012345}, {'%*d|', 5, 42}, {'%s', true}, {'no arguments: 100%'},\n"
        "  {'%i', -3}, {'%c', 'x'}, {'%f', math.huge}, {'%.0f', 2.5} } do\n"
        "  log:error(table.unpack(case))\n"
        "end\n"
        "local text = table.concat(lines, '\\n')\n"
        "assert(text == recorded.percent, text)");
}
END_TEST

START_TEST(test_formatters_write_what_python_writes)
{
    run("local lines = {}\n"
        "local Keep = logging.Handler:extend('Keep')\n"
        "function Keep:emit(record) lines[#lines + 1] = self:format(record) end\n"
        "local log, keep = logging.getLogger('a.b'), Keep()\n"
        "log:setLevel('DEBUG'); log:addHandler(keep); log.propagate = false\n"
        "for _, fmt in ipairs{ '%(levelname)s - %(message)s',\n"
        "  '%(levelname)s:%(name)s:%(message)s',\n"
        "  '%(name)-10s|%(levelname)8s|%(levelno)03d|%(message)s',\n"
        "  '%(message)s [%(processName)s %(threadName)s]' } do\n"
        "  keep:setFormatter(logging.Formatter(fmt))\n"
        "  for _, level in ipairs{ 10, 20, 30, 40, 50, 25 } do\n"
        "    log:log(level, 'text %d', level)\n"
        "  end\n"
        "end\n"
        "local text = table.concat(lines, '\\n')\n"
        "assert(text == recorded.formats, text)");
}
END_TEST

START_TEST(test_records_reach_the_handlers_that_python_gives_them_to)
{
    run("local heard = {}\n"
        "local Collect = logging.Handler:extend('Collect')\n"
        "function Collect:init(label, level)\n"
        "  logging.Handler.init(self, level); self.label = label\n"
        "end\n"
        "function Collect:emit(record)\n"
        "  heard[#heard + 1] = self.label .. '<' .. record.name .. ':' .. record:getMessage()\n"
        "end\n"
        "local low, top = logging.getLogger('top.middle.low'), logging.getLogger('top')\n"
        "local middle = logging.getLogger('top.middle')\n"
        "logging.getLogger():addHandler(Collect('root'))\n"
        "top:addHandler(Collect('T'))\n"
        "low:addHandler(Collect('L', logging.ERROR))\n"
        "low:info('unheard'); low:warning('one'); low:error('two')\n"
        "top:setLevel('DEBUG'); low:debug('three')\n"
        "middle.propagate = false; low:error('four'); middle.propagate = true\n"
        "middle:setLevel(logging.CRITICAL); low:error('five')\n"
        "logging.disable(logging.WARNING); top:warning('six'); top:error('seven')\n"
        "logging.disable(logging.NOTSET)\n"
        "heard[#heard + 1] = low:getEffectiveLevel() .. ' ' .. low.parent.name .. ' ' ..\n"
        "  (top:isEnabledFor(10) and 'True' or 'False')\n"
        "heard[#heard + 1] = logging.getLevelName(30) .. ' ' .. logging.getLevelName(35) .. ' ' "
        "..\n"
        "  logging.getLevelName('INFO')\n"
        "local text = table.concat(heard, '\\n')\n"
        "assert(text == recorded.heard, text)");
}
END_TEST

START_TEST(test_without_handlers_warnings_are_printed_bare)
{
    run("local log = logging.getLogger('n')\n"
        "log:info('unheard'); log:warning('heard %s', 1)\n"
        "assert(not log:hasHandlers())");
    check_printed("heard 1\n");
}
END_TEST

START_TEST(test_a_record_knows_time_and_line)
{
    run("logging.basicConfig{ level = 'INFO',\n"
        "  format = '%(asctime)s %(filename)s:%(lineno)d %(module)s %(message)s' }\n"
        "local function f() logging.info('x') end\n"
        "f()");
    check_printed("2023-11-14 22:13:20,000 test.lua:3 test x\n");
}
END_TEST

START_TEST(test_wrong_arguments_are_told_and_end_nothing)
{
    run("logging.getLogger('n'):error('bad %d', 'no')\n"
        "logging.getLogger('n'):error('too many', 1)");
    check_printed("--- Logging error ---\n"
                  "TypeError: %d format: a real number is required, not str\n"
                  "Message: 'bad %d'\n"
                  "Arguments: ('no',)\n"
                  "--- Logging error ---\n"
                  "TypeError: not all arguments converted during string formatting\n"
                  "Message: 'too many'\n"
                  "Arguments: (1,)\n");
}
END_TEST

START_TEST(test_a_file_handler_writes_each_record)
{
    run("local handler = logging.FileHandler('run/log.txt')\n"
        "handler:setFormatter(logging.Formatter('%(levelname)s %(message)s'))\n"
        "local log = logging.getLogger('n'); log:addHandler(handler)\n"
        "log:warning('one'); log:error('two')");
    finish_texts();
    check_file("run/log.txt", "WARNING one\nERROR two\n");
}
END_TEST

/* ---- open_log ---- */

START_TEST(test_text_is_written_when_the_buffer_is_full_or_the_rank_ends)
{
    run("log = logging.open_log('a.txt', { buffering = 8 })\n"
        "log:write('12345'); log:write('678')");
    finish_texts();
    check_file("a.txt", "12345\n67");
}
END_TEST

START_TEST(test_what_is_left_in_a_buffer_is_written_at_exit)
{
    run("log = logging.open_log('a.txt')\nlog:write('12345')");
    ck_assert(ddp_script_run_at_exit(L, false, NULL));
    finish_texts();
    check_file("a.txt", "12345\n");
}
END_TEST

START_TEST(test_a_closed_log_takes_no_more)
{
    run("log = logging.open_log('a.txt', { mode = 'w' })\nlog:write('x'); log:close(); "
        "log:close()");
    check_fails("log:write('y')",
                "test.lua:1: ValueError: write to the log a.txt, which is closed");
    check_fails("logging.open_log('b.txt', { mode = 'r' })",
                "test.lua:1: open_log: mode is 'r', expected 'a' (append) or 'w' (overwrite)");
    finish_texts();
    check_file("a.txt", "x\n");
}
END_TEST

/* One write of a rank, in microseconds of virtual time. */
static void
add_write(int rank, int64_t time, int64_t offset, const char *bytes)
{
    const DdpTextWrite write = {.path = "f",
                                .site = "f:1",
                                .bytes = bytes,
                                .time_ns = time,
                                .offset = offset,
                                .rank = rank};

    ddp_text_files_add(play->text_files, &write);
}

START_TEST(test_writes_stand_in_the_order_of_time_then_rank)
{
    add_write(1, 20, -1, "1 at 20\n");
    add_write(1, 10, -1, "1 at 10\n");
    add_write(0, 10, -1, "0 at 10\n");
    add_write(0, 30, -1, "0 at 30\n");
    finish_texts();
    check_file("f", "0 at 10\n1 at 10\n1 at 20\n0 at 30\n");
    ck_assert_uint_eq(play->record->findings->len, 0);
}
END_TEST

START_TEST(test_a_line_with_anothers_bytes_inside_is_torn)
{
    const DdpFinding *finding;

    add_write(0, 1, -1, "one\ntw");
    add_write(1, 2, -1, "ONE\n");
    add_write(0, 3, -1, "o\nthree\nfo");
    add_write(1, 4, -1, "TWO\n");
    add_write(0, 5, -1, "ur\n"); /* torn as well, but told already */
    finish_texts();
    check_file("f", "one\ntwONE\no\nthree\nfoTWO\nur\n");
    ck_assert_uint_eq(play->record->findings->len, 1);
    finding = play->record->findings->pdata[0];
    ck_assert_str_eq(finding->kind, "torn_line");
    ck_assert_str_eq(
        finding->message,
        "f: the line \"two\" of rank 0 is torn: rank 1 wrote \"ONE\" in the middle; each "
        "rank has a buffer of its own, so flush whole lines, write from one rank or to "
        "one file a rank");
    ck_assert_int_eq(g_array_index(finding->blamed, int, 0), 0);
    ck_assert_str_eq(finding->sites->pdata[0], "f:1");
}
END_TEST

/* Each has its own place in the file: the later one lies above the earlier, byte for byte. */
START_TEST(test_ranks_in_mode_w_overwrite_each_other)
{
    add_write(0, 1, 0, "");
    add_write(1, 2, 0, "");
    add_write(0, 3, 0, "longer line\n");
    add_write(1, 4, 0, "short\n");
    add_write(0, 5, 12, "next\n");
    finish_texts();
    check_file("f", "short\n line\nnext\n");
    ck_assert_uint_eq(play->record->findings->len, 0);
}
END_TEST

START_TEST(test_a_late_open_in_mode_w_empties_the_file)
{
    g_autofree char *path = g_build_filename(folder, "f", NULL), *text = NULL;
    gsize length;

    add_write(0, 1, 0, "abc\n");
    add_write(1, 2, 0, "");
    add_write(0, 3, 4, "d\n");
    finish_texts();
    ck_assert(g_file_get_contents(path, &text, &length, NULL));
    ck_assert_uint_eq(length, 6);
    ck_assert_mem_eq(text, "\0\0\0\0d\n", 6);
}
END_TEST

/* ---- wandb ---- */

#define RUN_FOLDER "wandb/offline-run-20231114_221320-abcd1234/"

START_TEST(test_a_run_leaves_its_files)
{
    run("local run = wandb.init{ project = 'p', id = 'abcd1234', config = { lr = 0.5, n = { a = 1 "
        "} } }\n"
        "assert(wandb.run == run and run.dir == '" RUN_FOLDER "files')\n"
        "run:log{ loss = 2.0, a = { b = 1 } }\n"
        "run:log{ loss = 1.0 }\n"
        "run.summary.best = 1\n"
        "wandb.finish()\n"
        "assert(wandb.run == nil)");
    check_file(RUN_FOLDER "files/config.yaml", "lr:\n  value: 0.5\nn:\n  value:\n    a: 1\n");
    check_file(RUN_FOLDER "files/wandb-summary.json",
               "{\"a\": {\"b\": 1}, \"loss\": 1.0, \"_step\": 1, \"_runtime\": 0.0, "
               "\"_timestamp\": 1700000000.0, \"best\": 1, \"_wandb\": {\"runtime\": 0}}");
    g_free(read_file(RUN_FOLDER "run-abcd1234.wandb"));
    g_free(read_file(RUN_FOLDER "logs/debug.log"));
}
END_TEST

/* The rows of a tag as the report knows them: "step:value ". */
static void
check_rows(const char *tag, const char *expected)
{
    g_autoptr(GString) got = g_string_new(NULL);

    for (guint i = 0; i < play->record->logs->len; i++) {
        const DdpLogSeries *series = play->record->logs->pdata[i];

        if (strcmp(series->tag, tag) != 0)
            continue;
        for (guint j = 0; j < series->entries->len; j++) {
            const DdpLogEntry *entry = series->entries->pdata[j];

            g_string_append_printf(got, "%d:%g ", (int)entry->step, entry->value);
        }
    }
    ck_assert_str_eq(got->str, expected);
}

START_TEST(test_steps_rise_by_the_rules)
{
    run("local run = wandb.init{ project = 'p', id = 'abcd1234' }\n"
        "run:log{ x = 1 }\n"                       /* row 0 */
        "run:log({ x = 2 }, { commit = false })\n" /* row 1, which waits */
        "run:log{ x = 3 }\n"                       /* row 1 */
        "run:log({ x = 4 }, { step = 7 })\n"       /* row 7, which waits */
        "run:log({ x = 5 }, { step = 7 })\n"       /* merged */
        "run:log({ x = 6 }, { step = 3 })\n"       /* dropped */
        "run:log({ x = 7 }, { step = 7, commit = true })\n"
        "assert(run.step == 8)\n"
        "run:log({ x = 8 }, { step = 7 })"); /* dropped: 7 is written */
    check_rows("x", "0:1 1:2 1:3 7:4 7:5 7:7 ");
    check_printed(
        "wandb: WARNING Tried to log to step 3, which is less than the current step 7. Steps must "
        "not decrease, so this data is ignored. An axis of one's own is set up with "
        "define_metric.\n"
        "wandb: WARNING Tried to log to step 7, which is less than the current step 8. Steps must "
        "not decrease, so this data is ignored. An axis of one's own is set up with "
        "define_metric.\n");
}
END_TEST

START_TEST(test_a_summary_is_what_define_metric_says)
{
    run("local run = wandb.init{ project = 'p' }\n"
        "run:define_metric('loss', { summary = 'min,max,mean,first,last' })\n"
        "run:define_metric('val*', { summary = 'none' })\n"
        "for _, x in ipairs{ 3.0, 1.0, 2.0 } do run:log{ loss = x, val_a = x, other = x } end\n"
        "local s = run.summary.loss\n"
        "assert(s.min == 1 and s.max == 3 and s.mean == 2 and s.first == 3 and s.last == 2)\n"
        "assert(run.summary.val_a == nil and run.summary.other == 2)");
}
END_TEST

START_TEST(test_config_is_changed_only_when_that_is_meant)
{
    run("local run = wandb.init{ project = 'p', config = { lr = 0.5 } }\n"
        "run.config.extra = 1\n"
        "assert(wandb.config.lr == 0.5 and wandb.config.extra == 1)\n"
        "run.config:update({ lr = 0.25 }, { allow_val_change = true })\n"
        "assert(run.config.lr == 0.25)");
    check_fails("wandb.config.lr = 1.0",
                "test.lua:1: ConfigError: config has lr = 0.25, and it would become 1.0; say that "
                "this is meant with run.config:update({ ... }, { allow_val_change = true })");
}
END_TEST

START_TEST(test_a_second_init_returns_the_live_run)
{
    run("local run = wandb.init{ project = 'p' }\n"
        "assert(wandb.init{ project = 'q' } == run)\n"
        "local other = wandb.init{ project = 'q', reinit = 'finish_previous' }\n"
        "assert(other ~= run and other.id ~= run.id and #other.id == 8 and run._finished)");
    ck_assert_uint_eq(play->record->printed->len, 1);
}
END_TEST

START_TEST(test_what_needs_a_server_or_a_run_is_refused)
{
    check_fails(
        "wandb.init{ mode = 'online' }",
        "test.lua:1: wandb.init: mode is \"online\", but ddpsim never talks to a server: use "
        "mode = \"offline\" and `wandb sync` on the folder it writes, or mode = \"disabled\"");
    check_fails("wandb.log{ x = 1 }",
                "test.lua:1: wandb.Error: You must call wandb.init() before wandb.log()");
    run("env.WANDB_PROJECT = 'from env'\n"
        "local run = wandb.init{ mode = 'disabled' }; run:log{ x = 1 }; run:finish()\n"
        "assert(run.project == 'from env')");
    check_rows("x", "");
}
END_TEST

START_TEST(test_artifacts_of_equal_content_share_a_version)
{
    run("local run = wandb.init{ project = 'p' }\n"
        "local function log(value)\n"
        "  torch.save({ value }, 'm.pt')\n"
        "  local a = wandb.Artifact('model', { type = 'model' })\n"
        "  a:add_file('m.pt')\n"
        "  return run:log_artifact(a).version\n"
        "end\n"
        "assert(log(1) == 'v0' and log(2) == 'v1' and log(1) == 'v0')");
}
END_TEST

START_TEST(test_the_end_of_a_rank_finishes_its_run)
{
    run("run = wandb.init{ project = 'p', id = 'abcd1234' }\n"
        "run:log({ x = 1 }, { commit = false })");
    ck_assert(ddp_script_run_at_exit(L, true, NULL));
    check_file(RUN_FOLDER "logs/debug.log",
               "init: run abcd1234 of project p, offline\nfinish: exit code 1 after 0.000 s\n");
    run("assert(wandb.run == nil and run.summary.x == 1)");
}
END_TEST

START_TEST(test_wandb_logger_adds_the_trainers_step)
{
    run("local log = loggers.WandbLogger{ project = 'p', id = 'abcd1234', prefix = 'a' }\n"
        "log:log_hyperparams{ lr = 0.5 }\n"
        "log:log_metrics({ loss = 2.0 }, 49)\n"
        "log:log_metrics({ loss = 1.0 }, 99)\n"
        "assert(log.name == 'p' and log.version == 'abcd1234' and log.save_dir == '.')\n"
        "assert(log.experiment.config.lr == 0.5)\n"
        "assert(wandb.summary['trainer/global_step'] == 99)");
    check_rows("a-loss", "0:2 1:1 ");
    check_rows("trainer/global_step", "");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("loggers");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, test_metrics_csv_is_lightnings_to_the_byte);
    tcase_add_test(all, test_csv_prefix_and_rows_without_a_step_are_as_recorded);
    tcase_add_test(all, test_csv_is_flushed_every_so_many_steps);
    tcase_add_test(all, test_versions_are_counted_from_the_folders_that_are_there);
    tcase_add_test(all, test_hparams_yaml_is_lightnings_to_the_byte);
    tcase_add_test(all, test_a_table_value_makes_a_run_for_each_name);
    tcase_add_test(all, test_the_trainer_names_what_a_logger_is);
    tcase_add_test(all, test_arguments_are_put_in_as_python_does);
    tcase_add_test(all, test_formatters_write_what_python_writes);
    tcase_add_test(all, test_records_reach_the_handlers_that_python_gives_them_to);
    tcase_add_test(all, test_without_handlers_warnings_are_printed_bare);
    tcase_add_test(all, test_a_record_knows_time_and_line);
    tcase_add_test(all, test_wrong_arguments_are_told_and_end_nothing);
    tcase_add_test(all, test_a_file_handler_writes_each_record);
    tcase_add_test(all, test_text_is_written_when_the_buffer_is_full_or_the_rank_ends);
    tcase_add_test(all, test_what_is_left_in_a_buffer_is_written_at_exit);
    tcase_add_test(all, test_a_closed_log_takes_no_more);
    tcase_add_test(all, test_writes_stand_in_the_order_of_time_then_rank);
    tcase_add_test(all, test_a_line_with_anothers_bytes_inside_is_torn);
    tcase_add_test(all, test_ranks_in_mode_w_overwrite_each_other);
    tcase_add_test(all, test_a_late_open_in_mode_w_empties_the_file);
    tcase_add_test(all, test_a_run_leaves_its_files);
    tcase_add_test(all, test_steps_rise_by_the_rules);
    tcase_add_test(all, test_a_summary_is_what_define_metric_says);
    tcase_add_test(all, test_config_is_changed_only_when_that_is_meant);
    tcase_add_test(all, test_a_second_init_returns_the_live_run);
    tcase_add_test(all, test_what_needs_a_server_or_a_run_is_refused);
    tcase_add_test(all, test_artifacts_of_equal_content_share_a_version);
    tcase_add_test(all, test_the_end_of_a_rank_finishes_its_run);
    tcase_add_test(all, test_wandb_logger_adds_the_trainers_step);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
