/* SPDX-License-Identifier: MIT */
#include "sim/audit/report.h"
#include "sim/script/scenario.h"
#include "tests/testutil.h"

#include <math.h>
#include <string.h>

/*
 * What self:log leaves behind for the audit, in worlds of several sizes and on every engine: a row
 * for each value of an evaluation, at the line that logged it, beside the value of one process with
 * the whole data set. Also the names under which its collectives are called.
 *
 * The data set is 0, 1, ..., n - 1 and what is logged is its mean, so truths are known: rank r of W
 * has every W-th number from r on.
 */

#define SAMPLES 28

static const char *const lesson =
    "local Net = LightningModule:extend('Net')\n"
    "function Net:init() self.layer = nn.Linear(1, 1) end\n"
    "function Net:training_step(batch) return self.layer(batch[1]):mean() end\n"
    "function Net:validation_step(batch)\n"
    "  local mean = batch[1]:mean()\n"
    "  self:log('local', mean)\n"                        /* line 6 */
    "  self:log('synced', mean, { sync_dist = true })\n" /* line 7 */
    "  if dist.get_rank() == 0 then\n"
    "    self:log('first', mean, { rank_zero_only = true })\n" /* line 9 */
    "  end\n"
    "end\n"
    "function Net:on_validation_epoch_end()\n"
    "  self:log('count', dist.get_world_size(), { reduce_fx = 'max' })\n" /* line 13 */
    "end\n"
    "function Net:configure_optimizers() return optim.SGD(self:parameters(), { lr = 0.0 }) end\n"
    "local Logger = {}\n"
    "function Logger:log_metrics() end\n"
    "function Logger:log_hyperparams() end\n"
    "function Logger:save() end\n"
    "function Logger:finalize() end\n"
    "local function main()\n"
    "  local x = torch.arange(28):reshape(28, 1):to(torch.float32)\n"
    "  local loader = data.DataLoader(data.TensorDataset(x), { batch_size = 3 })\n"
    "  local trainer = Trainer{ max_epochs = 2, logger = LOGGER, enable_progress_bar = false,\n"
    "    strategy = 'ddp', devices = dist.get_world_size(), enable_checkpointing = false,\n"
    "    enable_model_summary = false, num_sanity_val_steps = 0 }\n"
    "  trainer:fit(Net(), loader, loader)\n"
    "  local seen = trainer.callback_metrics\n"
    "  print(string.format('%.9g %.9g %g', seen['local']:item(), seen.synced:item(),\n"
    "                      seen.count:item()))\n"
    "end\n"
    "return { world = { size = SIZE }, variants = { { name = 'v', main = main } } }\n";

static char *folder;
static GString *printed[16]; /* by rank */

static void
set_up(void)
{
    folder = ddp_test_tmp_dir();
    for (size_t i = 0; i < G_N_ELEMENTS(printed); i++)
        printed[i] = g_string_new(NULL);
}

static void
tear_down(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
    for (size_t i = 0; i < G_N_ELEMENTS(printed); i++)
        g_string_free(printed[i], TRUE);
}

static void
hear(const char *line, int rank, void *user_data)
{
    (void)user_data;
    if (strstr(line, "Warning") == NULL && strstr(line, "stopped") == NULL)
        g_string_assign(printed[rank], line);
}

static DdpRunRecord *
play(int size, const char *engine, const char *logger)
{
    g_autofree char *path = g_build_filename(folder, "lesson.lua", NULL);
    g_autoptr(GString) text = g_string_new(lesson);
    g_autofree char *digits = g_strdup_printf("%d", size);
    g_autoptr(GError) error = NULL;
    DdpRunSpec spec = ddp_run_spec_default();

    g_string_replace(text, "LOGGER", logger, 0);
    g_string_replace(text, "SIZE", digits, 0);
    ck_assert(g_file_set_contents(path, text->str, -1, NULL));
    spec.out = folder;
    spec.engine = engine;
    spec.audit = true;
    spec.print = hear;

    g_autoptr(DdpScenario) scenario = ddp_scenario_load(path, "lesson.lua", &spec.limits, &error);

    ck_assert_no_error(error);

    DdpRunRecord *record = ddp_scenario_run(scenario, 0, &spec, &error);

    ck_assert_no_error(error);
    for (int rank = 0; rank < size; rank++) {
        const DdpRankRecord *end = record->ranks->pdata[rank];

        ck_assert_msg(end->error == NULL, "rank %d: %s", rank, end->error);
    }
    return record;
}

/* The mean of a rank's share, in which the sampler repeats samples from the front. */
static double
share_mean(int size, int rank)
{
    int each = (SAMPLES + size - 1) / size;
    double sum = 0;

    for (int i = 0; i < each; i++)
        sum += (rank + i * size) % SAMPLES;
    return sum / each;
}

static double
mean_of_shares(int size)
{
    double sum = 0;

    for (int rank = 0; rank < size; rank++)
        sum += share_mean(size, rank);
    return sum / size;
}

static void
check_row(const DdpRunRecord *record, const char *key, int64_t epoch, double logged, double truth,
          const char *site)
{
    for (guint i = 0; i < record->audit->len; i++) {
        const DdpAuditRow *row = record->audit->pdata[i];

        if (strcmp(row->key, key) != 0 || row->epoch != epoch)
            continue;
        ck_assert_int_eq(row->rank, 0);
        ck_assert_double_eq_tol(row->logged, logged, 1e-5);
        ck_assert(row->has_truth);
        ck_assert_double_eq_tol(row->truth, truth, 1e-5);
        ck_assert_str_eq(row->site, site);
        return;
    }
    ck_abort_msg("no audit row of %s in epoch %d", key, (int)epoch);
}

static const int sizes[] = {1, 2, 3, 4, 7};

START_TEST(test_each_value_of_an_evaluation_stands_beside_the_truth)
{
    int size = sizes[_i];
    g_autoptr(DdpRunRecord) record = play(size, "fibers", "false");
    double truth = (SAMPLES - 1) / 2.0;

    for (int epoch = 0; epoch < 2; epoch++) {
        check_row(record, "local", epoch, share_mean(size, 0), truth, "lesson.lua:6");
        check_row(record, "synced", epoch, mean_of_shares(size), truth, "lesson.lua:7");
        check_row(record, "first", epoch, share_mean(size, 0), truth, "lesson.lua:9");
        check_row(record, "count", epoch, size, 1, "lesson.lua:13");
    }
    ck_assert_int_eq((int)record->audit->len, 8);
}
END_TEST

/* The oracle's pass shows nowhere in the Trainer's own dictionaries. */
START_TEST(test_each_rank_keeps_its_own_values)
{
    int size = sizes[_i];
    g_autoptr(DdpRunRecord) record = play(size, "fibers", "false");

    ck_assert_str_eq(record->outcome, "completed");
    for (int rank = 0; rank < size; rank++) {
        g_auto(GStrv) numbers = g_strsplit(printed[rank]->str, " ", 3);

        ck_assert_int_eq(g_strv_length(numbers), 3);
        ck_assert_double_eq_tol(g_ascii_strtod(numbers[0], NULL), share_mean(size, rank), 1e-5);
        ck_assert_double_eq_tol(g_ascii_strtod(numbers[1], NULL), mean_of_shares(size), 1e-5);
        ck_assert_double_eq(g_ascii_strtod(numbers[2], NULL), size);
    }
}
END_TEST

/* A logger that tells the run nothing does not hide an evaluation from the audit. */
START_TEST(test_a_logger_of_ones_own_changes_nothing)
{
    g_autoptr(DdpRunRecord) record = play(2, "fibers", "Logger");

    ck_assert_int_eq((int)record->audit->len, 8);
    check_row(record, "local", 1, share_mean(2, 0), (SAMPLES - 1) / 2.0, "lesson.lua:6");
}
END_TEST

START_TEST(test_engines_agree)
{
    int size = sizes[_i];
    g_autoptr(DdpRunRecord) first = play(size, "fibers", "false");
    g_autofree char *expected = ddp_report_digest(first);
    static const char *const others[] = {"threads", "processes"};

    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autoptr(DdpRunRecord) record = play(size, others[i], "false");
        g_autofree char *digest = ddp_report_digest(record);

        ck_assert_msg(strcmp(digest, expected) == 0, "%s differs at %d ranks", others[i], size);
    }
}
END_TEST

/* How often each collective of self:log was called, from the run's trace. */
START_TEST(test_every_hidden_collective_says_what_it_is_for)
{
    static const char *const purposes[] = {
        "log synced: barrier",
        "log synced: reduce at epoch end",
        "log synced: reduce of batch sizes at epoch end",
    };
    g_autoptr(DdpRunRecord) record = play(2, "fibers", "false");
    g_autofree char *path = g_build_filename(folder, "lesson", "v", "trace.jsonl", NULL);
    g_autofree char *trace = NULL;

    ck_assert_str_eq(record->outcome, "completed");
    ck_assert(g_file_get_contents(path, &trace, NULL, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(purposes); i++)
        ck_assert_msg(strstr(trace, purposes[i]) != NULL, "not in the trace: %s", purposes[i]);
    ck_assert_ptr_null(strstr(trace, "log local: "));
    ck_assert_ptr_null(strstr(trace, "log first: "));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log_audit");
    TCase *tcase = tcase_create("audit");
    int count = (int)G_N_ELEMENTS(sizes);

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, test_each_value_of_an_evaluation_stands_beside_the_truth, 0, count);
    tcase_add_loop_test(tcase, test_each_rank_keeps_its_own_values, 0, count);
    tcase_add_test(tcase, test_a_logger_of_ones_own_changes_nothing);
    tcase_add_loop_test(tcase, test_engines_agree, 0, count);
    tcase_add_test(tcase, test_every_hidden_collective_says_what_it_is_for);
    suite_add_tcase(suite, tcase);
    return ddp_test_main(suite);
}
