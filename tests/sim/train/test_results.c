/* SPDX-License-Identifier: MIT */
#include "sim/train/metric_dict.h"
#include "tests/testutil.h"

#include <math.h>
#include <string.h>

#include "sim/train/hook_rules.h"

/*
 * One rank's collection. The other ranks are a list of the numbers that they will bring to each
 * all_reduce, in turn; what the collection asks of them is written down. Expected values are worked
 * out by hand in float32.
 */

static GString *asked; /* the collectives, "name; name; " */
static GArray *others; /* of double: what each all_reduce finds, one a call and other rank */
static int world_size;
static GString *warned;

static int
size_of_group(void *user_data, const DdpResultFacts *facts)
{
    (void)user_data;
    (void)facts;
    return world_size;
}

static bool
meet_barrier(void *user_data, const DdpResultFacts *facts, const char *purpose, GError **error)
{
    (void)user_data;
    (void)facts;
    (void)error;
    g_string_append_printf(asked, "%s; ", purpose);
    return true;
}

static double
combine(DdpResultOp op, double a, double b)
{
    switch (op) {
    case DDP_RESULT_OP_SUM:
    case DDP_RESULT_OP_AVG:
        return a + b;
    case DDP_RESULT_OP_MIN:
        return MIN(a, b);
    case DDP_RESULT_OP_MAX:
        return MAX(a, b);
    }
    return (double)NAN;
}

static bool
meet_all_reduce(void *user_data, const DdpResultFacts *facts, const char *purpose, DdpResultOp op,
                DdpDtype dtype, void *number, GError **error)
{
    double value;

    (void)user_data;
    (void)facts;
    (void)error;
    g_string_append_printf(asked, "%s; ", purpose);
    value = dtype == DDP_DTYPE_F32   ? (double)*(float *)number
            : dtype == DDP_DTYPE_F64 ? *(double *)number
                                     : (double)*(int64_t *)number;
    for (int rank = 1; rank < world_size; rank++) {
        ck_assert_uint_gt(others->len, 0);
        value = combine(op, value, g_array_index(others, double, 0));
        g_array_remove_index(others, 0);
    }
    if (op == DDP_RESULT_OP_AVG)
        value /= world_size;
    if (dtype == DDP_DTYPE_F32)
        *(float *)number = (float)value;
    else if (dtype == DDP_DTYPE_F64)
        *(double *)number = value;
    else
        *(int64_t *)number = (int64_t)value;
    return true;
}

static void
warn_unsynced(void *user_data, const DdpResultFacts *facts)
{
    (void)user_data;
    g_string_append_printf(warned, "%s ", facts->name);
}

static bool
compute_metric(void *user_data, const DdpResultFacts *facts, int64_t metric, DdpResultValue *value,
               GError **error)
{
    (void)user_data;
    (void)error;
    g_string_append_printf(asked, "compute %s; ", facts->name);
    *value = (DdpResultValue){DDP_DTYPE_F32, (double)metric * 10};
    return true;
}

static bool
reset_metric(void *user_data, const DdpResultFacts *facts, int64_t metric, GError **error)
{
    (void)user_data;
    (void)metric;
    (void)error;
    g_string_append_printf(asked, "reset %s; ", facts->name);
    return true;
}

static DdpResults *
new_results(bool training, bool has_avg)
{
    const DdpResultOps ops = {
        has_avg,       size_of_group,  meet_barrier, meet_all_reduce,
        warn_unsynced, compute_metric, reset_metric, NULL,
    };

    return ddp_results_new(training, &ops);
}

static DdpResults *results; /* of an evaluation, over Gloo */

static void
set_up(void)
{
    asked = g_string_new(NULL);
    warned = g_string_new(NULL);
    others = g_array_new(FALSE, FALSE, sizeof(double));
    world_size = 1;
    results = new_results(false, false);
}

static void
tear_down(void)
{
    ddp_results_free(results);
    g_array_unref(others);
    g_string_free(warned, TRUE);
    g_string_free(asked, TRUE);
}

static void
others_bring(int count, const double *values)
{
    g_array_append_vals(others, values, (guint)count);
}

static const DdpResultMeta on_epoch = {
    .logger = true, .on_epoch = true, .add_dataloader_idx = true};

static DdpResultEntry *
entry_of(const char *name, const DdpResultMeta *meta)
{
    g_autoptr(GError) error = NULL;
    DdpResultEntry *entry =
        ddp_results_log(results, NULL, "validation_step", name, meta, true, "a.lua:7", &error);

    ck_assert_no_error(error);
    return entry;
}

static void
observe(DdpResultEntry *entry, double value, int64_t weight)
{
    const DdpResultValue number = {DDP_DTYPE_F32, (double)(float)value};
    g_autoptr(GError) error = NULL;

    ck_assert(ddp_result_entry_observe(results, entry, number, ddp_number_int(weight), &error));
    ck_assert_no_error(error);
}

static double
value_of(DdpResultEntry *entry, DdpResultPhase phase)
{
    g_autoptr(GError) error = NULL;
    DdpResultValue value;
    bool has;

    ck_assert(ddp_result_entry_value(results, entry, phase, &value, &has, &error));
    ck_assert(has);
    return value.value;
}

START_TEST(test_a_mean_is_weighted_in_float32)
{
    DdpResultEntry *entry = entry_of("loss", &on_epoch);
    const float values[] = {0.1f, 2.7f, 1e-3f, 1e6f};
    const int64_t weights[] = {4, 3, 32, 1};
    float sum = 0.0f;

    for (int i = 0; i < 4; i++) {
        observe(entry, (double)values[i], weights[i]);
        sum += values[i] * (float)weights[i];
    }
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), (double)(sum / 40.0f));
    ck_assert_str_eq(asked->str, "");
}
END_TEST

START_TEST(test_a_float64_makes_the_sum_one)
{
    DdpResultEntry *entry = entry_of("loss", &on_epoch);
    const DdpResultValue third = {DDP_DTYPE_F64, 1.0 / 3.0};
    g_autoptr(GError) error = NULL;

    observe(entry, 0.1, 1);
    ck_assert(ddp_result_entry_observe(results, entry, third, ddp_number_int(2), &error));
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), ((double)0.1f + 2.0 / 3.0) / 3.0);
}
END_TEST

/* Means 1 over 3 samples and 2 over 4: 11 / 7 is right, and 5.5 / 3 is what comes out. */
START_TEST(test_a_synced_mean_loses_the_fraction_of_its_weight)
{
    DdpResultMeta meta = on_epoch;

    meta.sync_dist = true;
    world_size = 2;
    others_bring(2, (const double[]){8, 4});

    DdpResultEntry *entry = entry_of("loss", &meta);

    observe(entry, 1, 3);
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), (double)(5.5f / 3.0f));
    ck_assert_str_eq(asked->str,
                     "log loss: barrier; log loss: reduce at epoch end; "
                     "log loss: barrier; log loss: reduce of batch sizes at epoch end; ");
}
END_TEST

START_TEST(test_nccl_averages_by_itself_to_the_same)
{
    DdpResultMeta meta = on_epoch;

    ddp_results_free(results);
    results = new_results(false, true);
    meta.sync_dist = true;
    world_size = 2;
    others_bring(2, (const double[]){8, 4});

    DdpResultEntry *entry = entry_of("loss", &meta);

    observe(entry, 1, 3);
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), (double)(5.5f / 3.0f));
}
END_TEST

START_TEST(test_a_weight_that_is_no_whole_number_keeps_its_fraction)
{
    DdpResultMeta meta = on_epoch;
    const DdpResultValue one = {DDP_DTYPE_F32, 1};
    g_autoptr(GError) error = NULL;

    meta.sync_dist = true;
    world_size = 2;
    others_bring(2, (const double[]){8, 4});

    DdpResultEntry *entry = entry_of("loss", &meta);

    ck_assert(ddp_result_entry_observe(results, entry, one, ddp_number_float(3.0), &error));
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), (double)(5.5f / 3.5f));
}
END_TEST

/* N is reduced in place: what is logged afterwards is added to the mean over the ranks. */
START_TEST(test_the_weight_stays_reduced)
{
    DdpResultMeta meta = on_epoch;

    meta.sync_dist = true;
    world_size = 2;
    others_bring(2, (const double[]){8, 6});

    DdpResultEntry *entry = entry_of("loss", &meta);

    observe(entry, 1, 2);
    value_of(entry, DDP_RESULT_EPOCH); /* N = (2 + 6) / 2 = 4 */
    observe(entry, 1, 1);              /* S = 3, N = 5 */
    others_bring(2, (const double[]){9, 7});
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), (double)(6.0f / 6.0f));
}
END_TEST

START_TEST(test_a_value_is_computed_once_until_the_next_is_logged)
{
    DdpResultMeta meta = on_epoch;

    meta.sync_dist = true;
    meta.reduce = DDP_RESULT_SUM;
    world_size = 2;
    others_bring(1, (const double[]){5});

    DdpResultEntry *entry = entry_of("n", &meta);

    observe(entry, 1, 1);
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), 6.0);
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), 6.0);
    ck_assert_str_eq(asked->str, "log n: barrier; log n: reduce at epoch end; ");

    others_bring(1, (const double[]){7});
    observe(entry, 2, 1);
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), 10.0);
}
END_TEST

START_TEST(test_extremes_run_from_infinity_and_a_nan_wins)
{
    DdpResultMeta smallest = on_epoch, largest = on_epoch;

    smallest.reduce = DDP_RESULT_MIN;
    largest.reduce = DDP_RESULT_MAX;

    DdpResultEntry *low = entry_of("low", &smallest);
    DdpResultEntry *high = entry_of("high", &largest);

    for (int i = 0; i < 3; i++) {
        observe(low, -5.0 + i, 9);
        observe(high, -5.0 + i, 9);
    }
    ck_assert_double_eq(value_of(low, DDP_RESULT_EPOCH), -5.0);
    ck_assert_double_eq(value_of(high, DDP_RESULT_EPOCH), -3.0);
    observe(high, (double)NAN, 1);
    observe(high, 7, 1);
    ck_assert(isnan(value_of(high, DDP_RESULT_EPOCH)));
}
END_TEST

/* A step's value is the plain mean over ranks, whatever their batches weigh; and it is reduced in
 * every call. */
START_TEST(test_a_step_value_is_reduced_at_once_and_unweighted)
{
    DdpResultMeta meta = {.logger = true, .on_step = true, .sync_dist = true};

    world_size = 3;
    others_bring(2, (const double[]){4, 7});

    DdpResultEntry *entry = entry_of("loss", &meta);

    observe(entry, 1, 100);
    ck_assert_double_eq(value_of(entry, DDP_RESULT_STEP), 4.0);
    ck_assert_str_eq(asked->str, "log loss: barrier; log loss: reduce on step; ");
}
END_TEST

START_TEST(test_rank_zero_only_reduces_nothing)
{
    DdpResultMeta meta = on_epoch;

    meta.sync_dist = meta.rank_zero_only = true;
    world_size = 4;

    DdpResultEntry *entry = entry_of("loss", &meta);

    observe(entry, 3, 2);
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), 3.0);
    ck_assert_str_eq(asked->str, "");
    ck_assert_str_eq(warned->str, "");
}
END_TEST

START_TEST(test_an_unsynced_epoch_value_is_told)
{
    DdpResultMeta step_only = {.on_step = true};

    observe(entry_of("step", &step_only), 1, 1);
    value_of(entry_of("step", &step_only), DDP_RESULT_STEP);
    ck_assert_str_eq(warned->str, "");

    observe(entry_of("epoch", &on_epoch), 1, 1);
    value_of(entry_of("epoch", &on_epoch), DDP_RESULT_EPOCH);
    ck_assert_str_eq(warned->str, "epoch ");
}
END_TEST

START_TEST(test_names_fork_and_carry_the_loader)
{
    DdpResultMeta both = on_epoch;

    both.on_step = true;
    ddp_results_set_dataloader(results, 2);

    DdpResultEntry *entry = entry_of("acc", &both);

    ck_assert_str_eq(ddp_result_entry_name(entry), "acc/dataloader_idx_2");
    ck_assert_str_eq(ddp_result_entry_forked_name(entry, DDP_RESULT_STEP),
                     "acc_step/dataloader_idx_2");
    ck_assert_str_eq(ddp_result_entry_forked_name(entry, DDP_RESULT_EPOCH),
                     "acc_epoch/dataloader_idx_2");

    DdpResultEntry *plain = entry_of("loss", &on_epoch);

    ck_assert_str_eq(ddp_result_entry_forked_name(plain, DDP_RESULT_EPOCH),
                     "loss/dataloader_idx_2");
}
END_TEST

START_TEST(test_each_loader_has_its_entry_and_only_the_current_is_valid)
{
    ddp_results_set_dataloader(results, 0);

    DdpResultEntry *first = entry_of("loss", &on_epoch);

    ddp_results_set_dataloader(results, 1);

    DdpResultEntry *second = entry_of("loss", &on_epoch);

    ck_assert_ptr_ne(first, second);
    ck_assert(!ddp_result_entry_is_valid(results, first));
    ck_assert(ddp_result_entry_is_valid(results, second));
}
END_TEST

START_TEST(test_other_settings_are_refused_by_name)
{
    static const struct {
        DdpResultMeta meta;
        const char *named;
    } cases[] = {
        {{.prog_bar = true, .logger = true, .on_epoch = true, .add_dataloader_idx = true},
         "prog_bar"},
        {{.on_epoch = true, .add_dataloader_idx = true}, "logger"},
        {{.logger = true, .on_step = true, .on_epoch = true, .add_dataloader_idx = true},
         "on_step"},
        {{.logger = true, .on_epoch = true, .reduce = DDP_RESULT_MAX, .add_dataloader_idx = true},
         "reduce_fx"},
        {{.logger = true, .on_epoch = true, .sync_dist = true, .add_dataloader_idx = true},
         "sync_dist"},
        {{.logger = true, .on_epoch = true, .rank_zero_only = true, .add_dataloader_idx = true},
         "rank_zero_only"},
    };

    entry_of("loss", &on_epoch);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *expected = g_strdup_printf(
            "MisconfigurationException: self:log of 'loss' was called twice in 'validation_step' "
            "with different arguments (%s); the first time at a.lua:7",
            cases[i].named);

        ck_assert_ptr_null(ddp_results_log(results, NULL, "validation_step", "loss", &cases[i].meta,
                                           true, NULL, &error));
        ck_assert_str_eq(error->message, expected);
    }
}
END_TEST

START_TEST(test_nothing_on_step_and_nothing_on_epoch_is_refused)
{
    const DdpResultMeta neither = {.logger = true};
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(
        ddp_results_log(results, NULL, "training_step", "x", &neither, true, NULL, &error));
    ck_assert(g_error_matches(error, DDP_LOG_ERROR, DDP_LOG_ERROR_MISCONFIGURATION));
}
END_TEST

START_TEST(test_a_reset_hook_starts_anew_and_is_left_out_until_then)
{
    DdpResultEntry *entry = entry_of("loss", &on_epoch);
    g_autoptr(GError) error = NULL;

    observe(entry, 5, 2);
    ck_assert(ddp_results_reset(results, DDP_RESET_TENSORS, "test_step", &error));
    ck_assert(ddp_result_entry_is_valid(results, entry));
    ck_assert(ddp_results_reset(results, DDP_RESET_METRICS, NULL, &error));
    ck_assert(ddp_result_entry_is_valid(results, entry));
    ck_assert(ddp_results_reset(results, DDP_RESET_TENSORS, "validation_step", &error));
    ck_assert(!ddp_result_entry_is_valid(results, entry));

    observe(entry, 1, 1);
    ck_assert(ddp_result_entry_is_valid(results, entry));
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), 1.0);
}
END_TEST

/* The hook that is asked for is "validation_step", and the entry stands under that of a loader. */
START_TEST(test_a_hook_reset_misses_the_entries_of_several_loaders)
{
    g_autoptr(GError) error = NULL;

    ddp_results_set_dataloader(results, 0);

    DdpResultEntry *entry = entry_of("loss", &on_epoch);

    observe(entry, 5, 2);
    ck_assert(ddp_results_reset(results, DDP_RESET_TENSORS, "validation_step", &error));
    ck_assert(ddp_result_entry_is_valid(results, entry));
}
END_TEST

START_TEST(test_a_metric_is_computed_and_reset_by_itself)
{
    g_autoptr(GError) error = NULL;
    DdpResultMeta meta = on_epoch;

    meta.on_step = true;

    DdpResultEntry *entry =
        ddp_results_log(results, NULL, "validation_step", "f1", &meta, false, NULL, &error);
    const DdpResultValue forward = {DDP_DTYPE_F32, 0.5};
    DdpResultValue value;
    bool has;

    ddp_result_entry_observe_metric(entry, 4, NULL);
    ck_assert(ddp_result_entry_value(results, entry, DDP_RESULT_STEP, &value, &has, &error));
    ck_assert_msg(!has, "update() alone gives no step value");
    ddp_result_entry_observe_metric(entry, 4, &forward);
    ck_assert_double_eq(value_of(entry, DDP_RESULT_STEP), 0.5);
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), 40.0);
    ck_assert_double_eq(value_of(entry, DDP_RESULT_EPOCH), 40.0);
    ck_assert(ddp_results_reset(results, DDP_RESET_METRICS, NULL, &error));
    ck_assert_str_eq(asked->str, "compute f1; reset f1; ");
    ck_assert_str_eq(warned->str, "");
}
END_TEST

START_TEST(test_reduce_fx_is_read_as_lightning_reads_it)
{
    static const struct {
        const char *name;
        DdpResultReduce reduce;
    } known[] = {
        {"mean", DDP_RESULT_MEAN}, {"AVG", DDP_RESULT_MEAN}, {"Sum", DDP_RESULT_SUM},
        {"min", DDP_RESULT_MIN},   {"MAX", DDP_RESULT_MAX},
    };
    g_autoptr(GError) error = NULL;
    DdpResultReduce reduce;

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        ck_assert(ddp_result_reduce_from_name(known[i].name, &reduce, NULL));
        ck_assert_int_eq(reduce, known[i].reduce);
    }
    ck_assert(!ddp_result_reduce_from_name("median", &reduce, &error));
    ck_assert(g_str_has_prefix(error->message, "MisconfigurationException: "));
}
END_TEST

/* ---- the dictionaries ---- */

/* "name=value name=value " (transfer full) */
static char *
text_of(const DdpMetricDict *dict)
{
    GString *text = g_string_new(NULL);

    for (int i = 0; i < ddp_metric_dict_count(dict); i++) {
        const DdpMetric *metric = ddp_metric_dict_get(dict, i);

        g_string_append_printf(text, "%s=%g ", metric->name, metric->value.value);
    }
    return g_string_free(text, FALSE);
}

static void
shows(bool training, DdpResultPhase phase, const char *callback, const char *logged,
      const char *bar)
{
    DdpMetricDict *dicts[3];
    DdpResultMeta both = on_epoch, bar_only = on_epoch;
    g_autoptr(GError) error = NULL;

    ddp_results_free(results);
    results = new_results(training, false);
    for (int i = 0; i < 3; i++)
        dicts[i] = ddp_metric_dict_new();
    both.on_step = true;
    bar_only.logger = false;
    bar_only.prog_bar = true;
    observe(entry_of("both", &both), 2, 1);
    observe(entry_of("both", &both), 4, 1);
    observe(entry_of("bar", &bar_only), 8, 1);

    const DdpMetricDicts into = {dicts[0], dicts[1], dicts[2]};
    const char *const expected[] = {callback, logged, bar};

    ck_assert(ddp_metric_dicts_update(&into, results, phase, &error));
    for (int i = 0; i < 3; i++) {
        g_autofree char *got = text_of(dicts[i]);

        ck_assert_str_eq(got, expected[i]);
        ddp_metric_dict_free(dicts[i]);
    }
}

START_TEST(test_a_step_of_training_shows_in_callback_metrics)
{
    shows(true, DDP_RESULT_STEP, "both=4 both_step=4 ", "both_step=4 ", "");
}
END_TEST

START_TEST(test_a_step_of_an_evaluation_does_not)
{
    shows(false, DDP_RESULT_STEP, "", "both_step=4 ", "");
}
END_TEST

START_TEST(test_an_epoch_shows_under_both_names)
{
    const char *callback = "both=3 both_epoch=3 bar=8 ";

    shows(true, DDP_RESULT_EPOCH, callback, "both_epoch=3 ", "bar=8 ");
    shows(false, DDP_RESULT_EPOCH, callback, "both_epoch=3 ", "bar=8 ");
}
END_TEST

START_TEST(test_a_name_keeps_its_place_and_takes_the_last_value)
{
    g_autoptr(DdpMetricDict) dict = ddp_metric_dict_new();

    for (int i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("k%d", i % 3);

        ddp_metric_dict_set(dict, name, (DdpResultValue){DDP_DTYPE_F32, i}, "a.lua:1");
    }

    g_autofree char *text = text_of(dict);

    ck_assert_str_eq(text, "k0=99 k1=97 k2=98 ");
    ck_assert_uint_eq(ddp_metric_dict_changed_at(dict, 1), 98);
    ck_assert_str_eq(ddp_metric_dict_site(dict, "k2"), "a.lua:1");
    ck_assert_ptr_null(ddp_metric_dict_site(dict, "k3"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("results");
    TCase *values = tcase_create("values");
    TCase *entries = tcase_create("entries");
    TCase *dicts = tcase_create("dictionaries");

    tcase_add_checked_fixture(values, set_up, tear_down);
    tcase_add_test(values, test_a_mean_is_weighted_in_float32);
    tcase_add_test(values, test_a_float64_makes_the_sum_one);
    tcase_add_test(values, test_a_synced_mean_loses_the_fraction_of_its_weight);
    tcase_add_test(values, test_nccl_averages_by_itself_to_the_same);
    tcase_add_test(values, test_a_weight_that_is_no_whole_number_keeps_its_fraction);
    tcase_add_test(values, test_the_weight_stays_reduced);
    tcase_add_test(values, test_a_value_is_computed_once_until_the_next_is_logged);
    tcase_add_test(values, test_extremes_run_from_infinity_and_a_nan_wins);
    tcase_add_test(values, test_a_step_value_is_reduced_at_once_and_unweighted);
    tcase_add_test(values, test_rank_zero_only_reduces_nothing);
    tcase_add_test(values, test_an_unsynced_epoch_value_is_told);
    suite_add_tcase(suite, values);

    tcase_add_checked_fixture(entries, set_up, tear_down);
    tcase_add_test(entries, test_names_fork_and_carry_the_loader);
    tcase_add_test(entries, test_each_loader_has_its_entry_and_only_the_current_is_valid);
    tcase_add_test(entries, test_other_settings_are_refused_by_name);
    tcase_add_test(entries, test_nothing_on_step_and_nothing_on_epoch_is_refused);
    tcase_add_test(entries, test_a_reset_hook_starts_anew_and_is_left_out_until_then);
    tcase_add_test(entries, test_a_hook_reset_misses_the_entries_of_several_loaders);
    tcase_add_test(entries, test_a_metric_is_computed_and_reset_by_itself);
    tcase_add_test(entries, test_reduce_fx_is_read_as_lightning_reads_it);
    suite_add_tcase(suite, entries);

    tcase_add_checked_fixture(dicts, set_up, tear_down);
    tcase_add_test(dicts, test_a_step_of_training_shows_in_callback_metrics);
    tcase_add_test(dicts, test_a_step_of_an_evaluation_does_not);
    tcase_add_test(dicts, test_an_epoch_shows_under_both_names);
    tcase_add_test(dicts, test_a_name_keeps_its_place_and_takes_the_last_value);
    suite_add_tcase(suite, dicts);
    return ddp_test_main(suite);
}
