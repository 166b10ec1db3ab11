/* SPDX-License-Identifier: MIT */
#include "sim/audit/run_record.h"
#include "tests/testutil.h"

#include <math.h>

START_TEST(test_a_new_record_is_empty_and_expects_nothing)
{
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    ck_assert_int_eq(record->expected_met, -1);
    ck_assert_ptr_null(record->outcome);
    ck_assert_ptr_null(record->diagnosis);
    ck_assert_uint_eq(record->logs->len + record->audit->len + record->findings->len, 0);
}
END_TEST

START_TEST(test_a_series_is_logger_path_and_tag)
{
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();
    DdpLogSeries *series = ddp_run_record_series(record, "csv", "ab", "c");

    ck_assert_ptr_eq(ddp_run_record_series(record, "csv", "ab", "c"), series);
    ck_assert_ptr_ne(ddp_run_record_series(record, "csv", "a", "bc"), series);
    ck_assert_ptr_ne(ddp_run_record_series(record, "csva", "b", "c"), series);
    ck_assert_ptr_ne(ddp_run_record_series(record, "text", "ab", "c"), series);
    ck_assert_uint_eq(record->logs->len, 4);
    ck_assert_ptr_eq(g_ptr_array_index(record->logs, 0), series);
}
END_TEST

START_TEST(test_entries_are_copied_and_keep_their_order)
{
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();
    char site[] = "a.lua:1";

    for (int i = 0; i < 100; i++) {
        DdpLogEntry entry = {i, i / 2.0, i % 4, site};

        ddp_run_record_log(record, "csv", "m.csv", i % 3 == 0 ? "x" : "y", &entry);
    }
    site[0] = 'b';

    const DdpLogSeries *x = g_ptr_array_index(record->logs, 0);

    ck_assert_uint_eq(x->entries->len, 34);
    for (guint i = 0; i < x->entries->len; i++) {
        const DdpLogEntry *entry = g_ptr_array_index(x->entries, i);

        ck_assert_int_eq(entry->step, 3 * i);
        ck_assert_str_eq(entry->site, "a.lua:1");
    }
}
END_TEST

START_TEST(test_an_error_needs_a_truth_and_knows_nan)
{
    const double nan = (double)NAN, inf = (double)INFINITY;
    const struct {
        double logged, truth;
        bool has_truth;
        double error;
    } rows[] = {
        {1.5, 1.0, true, 0.5},  {1.5, 1.0, false, (double)NAN}, {nan, nan, true, 0.0},
        {inf, inf, true, 0.0},  {inf, -inf, true, inf},         {nan, 1.0, true, (double)NAN},
        {1.0, inf, true, -inf},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        DdpAuditRow row = {
            .logged = rows[i].logged, .truth = rows[i].truth, .has_truth = rows[i].has_truth};
        double error = ddp_audit_row_error(&row);

        ck_assert_msg(isnan(error) ? isnan(rows[i].error) : error == rows[i].error,
                      "row %zu: expected %g, found %g", i, rows[i].error, error);
    }
}
END_TEST

START_TEST(test_a_second_diagnosis_replaces_the_first)
{
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    ddp_run_record_set_diagnosis(record, "missing_rank")->summary = g_strdup("old");
    ck_assert_ptr_null(ddp_run_record_set_diagnosis(record, "order")->summary);
    ck_assert_str_eq(record->diagnosis->cls, "order");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("run_record");
    TCase *record = tcase_create("record");

    tcase_add_test(record, test_a_new_record_is_empty_and_expects_nothing);
    tcase_add_test(record, test_a_series_is_logger_path_and_tag);
    tcase_add_test(record, test_entries_are_copied_and_keep_their_order);
    tcase_add_test(record, test_an_error_needs_a_truth_and_knows_nan);
    tcase_add_test(record, test_a_second_diagnosis_replaces_the_first);
    suite_add_tcase(suite, record);
    return ddp_test_main(suite);
}
