/* SPDX-License-Identifier: MIT */
#include "plots/audit_picture.h"
#include "plots/reports.h"
#include "tests/testutil.h"

#include <math.h>
#include <string.h>

/*
 * What is drawn is what stands in the data file, so the data file is compared; of the script the
 * plot commands.
 */

static GPtrArray *reports;
static GString *script, *data;

static void
report_free(void *pointer)
{
    DdpPlotReport *report = pointer;

    for (guint i = 0; i < report->rows->len; i++) {
        DdpPlotRow *row = g_ptr_array_index(report->rows, i);

        g_free(row->key);
        g_free(row);
    }
    g_ptr_array_unref(report->rows);
    g_free(report->scenario);
    g_free(report->variant);
    g_free(report);
}

static void
setup(void)
{
    reports = g_ptr_array_new_with_free_func(report_free);
    script = g_string_new(NULL);
    data = g_string_new(NULL);
}

static void
teardown(void)
{
    g_ptr_array_unref(reports);
    g_string_free(script, TRUE);
    g_string_free(data, TRUE);
}

static DdpPlotReport *
add_report(const char *variant)
{
    DdpPlotReport *report = g_new0(DdpPlotReport, 1);

    report->scenario = g_strdup("s");
    report->variant = g_strdup(variant);
    report->world_size = 4;
    report->rows = g_ptr_array_new();
    g_ptr_array_add(reports, report);
    return report;
}

static void
add_row(DdpPlotReport *report, const char *key, int64_t epoch, int rank, double logged,
        double truth)
{
    DdpPlotRow *row = g_new0(DdpPlotRow, 1);

    *row = (DdpPlotRow){.key = g_strdup(key),
                        .epoch = epoch,
                        .step = 100 * epoch,
                        .rank = rank,
                        .logged = logged,
                        .truth = truth,
                        .samples = 25,
                        .of = 100};
    g_ptr_array_add(report->rows, row);
}

static int
count(const char *part)
{
    int found = 0;

    for (const char *at = script->str; (at = strstr(at, part)) != NULL; at++)
        found++;
    return found;
}

START_TEST(test_a_curve_per_rank_and_one_truth_that_all_agree_on)
{
    DdpPlotReport *one = add_report("one"), *all = add_report("all");

    for (int64_t epoch = 0; epoch < 2; epoch++) {
        add_row(one, "loss", epoch, 0, 0.5 - 0.1 * (double)epoch, 0.6);
        for (int rank = 0; rank < 2; rank++)
            add_row(all, "loss", epoch, rank, 0.5 + rank, 0.6);
    }

    ck_assert(ddp_audit_picture(reports, script, data));
    ck_assert_str_eq(data->str, "# true \"all\" \"loss\"\n"
                                "0 0.6\n"
                                "1 0.6\n"
                                "\n\n"
                                "# logged \"one\" \"loss\"\n"
                                "0 0.5\n"
                                "1 0.4\n"
                                "\n\n"
                                "# logged \"all\" \"loss\"\n"
                                "0 0.5\n"
                                "1 0.5\n"
                                "\n"
                                "0 1.5\n"
                                "1 1.5\n");
    ck_assert_int_eq(count("notitle"), 4); /* truth, one, lines of all, marks of all */
    ck_assert_ptr_nonnull(strstr(script->str, "\"one: rank 0 logs, from 1/4 of the samples\""));
    ck_assert_ptr_nonnull(
        strstr(script->str, "\"all: each of ranks 0-1 logs, from 1/4 of the samples\""));
}
END_TEST

START_TEST(test_variants_that_train_differently_have_truths_of_their_own)
{
    DdpPlotReport *one = add_report("one"), *other = add_report("other");

    add_row(one, "loss", 0, 0, 0.5, 0.6);
    add_row(other, "loss", 0, 0, 0.5, 0.7);
    ck_assert(ddp_audit_picture(reports, script, data));
    ck_assert_ptr_nonnull(strstr(data->str, "# true \"one\" \"loss\"\n0 0.6\n"));
    ck_assert_ptr_nonnull(strstr(data->str, "# true \"other\" \"loss\"\n0 0.7\n"));
    ck_assert_ptr_nonnull(strstr(script->str, "true, in the colour of each variant"));
}
END_TEST

START_TEST(test_many_ranks_are_a_band)
{
    DdpPlotReport *report = add_report("all");

    for (int rank = 0; rank < 9; rank++)
        for (int64_t epoch = 0; epoch < 2; epoch++)
            add_row(report, "loss", epoch, rank, (double)(rank + epoch), (double)NAN);
    ck_assert(ddp_audit_picture(reports, script, data));
    ck_assert_str_eq(data->str, "# logged, least and greatest \"all\" \"loss\"\n"
                                "0 0 8\n"
                                "1 1 9\n");
    ck_assert_ptr_null(strstr(script->str, "true:")); /* there is none */
}
END_TEST

START_TEST(test_what_is_no_number_is_not_drawn)
{
    DdpPlotReport *report = add_report("v");

    add_row(report, "nothing", 0, 0, (double)NAN, (double)INFINITY);
    ck_assert(!ddp_audit_picture(reports, script, data));
    add_row(report, "loss", 0, 0, 1.0, 2.0);
    add_row(report, "loss", 1, 0, (double)NAN, 2.0);
    add_row(report, "loss", 2, 0, -(double)INFINITY, (double)NAN);
    ck_assert(ddp_audit_picture(reports, script, data));
    ck_assert_str_eq(data->str,
                     "# true \"all\" \"loss\"\n0 2\n1 2\n\n\n# logged \"v\" \"loss\"\n0 1\n");
}
END_TEST

START_TEST(test_without_epochs_the_axis_shows_steps)
{
    DdpPlotReport *report = add_report("v");

    for (int i = 1; i <= 2; i++) {
        add_row(report, "loss", -1, 0, 1.0, 2.0);
        ((DdpPlotRow *)g_ptr_array_index(report->rows, i - 1))->step = 100 * i;
    }
    ck_assert(ddp_audit_picture(reports, script, data));
    ck_assert_ptr_nonnull(strstr(script->str, "set xlabel 'step'"));
    ck_assert_ptr_nonnull(strstr(script->str, "set xrange [65:235]"));
    ck_assert_ptr_nonnull(strstr(data->str, "100 1\n200 1\n"));
}
END_TEST

START_TEST(test_a_panel_per_key_and_no_more_than_fit)
{
    DdpPlotReport *report = add_report("v");

    for (int key = 0; key < 8; key++) {
        g_autofree char *name = g_strdup_printf("k%d", key);

        add_row(report, name, 0, 0, 1.0, 2.0);
    }
    ck_assert(ddp_audit_picture(reports, script, data));
    ck_assert_int_eq(count("\n  set ylabel"), 6);
    ck_assert_ptr_nonnull(
        strstr(script->str, "\"s: logged against true, 4 ranks (2 more keys in the reports)\""));
}
END_TEST

START_TEST(test_no_name_gets_out_of_its_comment_or_its_quotes)
{
    static const char hostile[] = "x'\n!touch pwned\n\\\n'";
    DdpPlotReport *report = add_report(hostile);

    add_row(report, hostile, 0, 0, 1.0, 2.0);
    ck_assert(ddp_audit_picture(reports, script, data));

    const GString *const texts[] = {script, data};

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_auto(GStrv) lines = g_strsplit(texts[i]->str, "\n", -1);

        for (char **line = lines; *line != NULL; line++)
            ck_assert_msg(!g_str_has_prefix(g_strstrip(*line), "!"), "%s", *line);
    }
    ck_assert_ptr_nonnull(
        strstr(script->str, "\"x\\047 \\041touch pwned \\134 \\047: rank 0 logs"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("audit_picture");
    TCase *picture = tcase_create("picture");

    tcase_add_checked_fixture(picture, setup, teardown);
    tcase_add_test(picture, test_a_curve_per_rank_and_one_truth_that_all_agree_on);
    tcase_add_test(picture, test_variants_that_train_differently_have_truths_of_their_own);
    tcase_add_test(picture, test_many_ranks_are_a_band);
    tcase_add_test(picture, test_what_is_no_number_is_not_drawn);
    tcase_add_test(picture, test_without_epochs_the_axis_shows_steps);
    tcase_add_test(picture, test_a_panel_per_key_and_no_more_than_fit);
    tcase_add_test(picture, test_no_name_gets_out_of_its_comment_or_its_quotes);
    suite_add_tcase(suite, picture);
    return ddp_test_main(suite);
}
