/* SPDX-License-Identifier: MIT */
#include "plots/plot.h"
#include "plots/reports.h"
#include "sim/audit/report.h"
#include "tests/sim/audit/sample_record.h"
#include "tests/testutil.h"

#include <glib/gstdio.h>
#include <string.h>

static char *folder; /* of the scenario */

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
write_report(DdpRunRecord *record, const char *variant_folder)
{
    g_autofree char *path = g_build_filename(folder, variant_folder, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(g_mkdir_with_parents(path, 0755), 0);
    ck_assert(ddp_report_write(record, path, &error));
    ddp_run_record_free(record);
}

static void
write_lesson(void)
{
    write_report(sample_validation(SAMPLE_REDUCED), "a_reduced");
    write_report(sample_validation(SAMPLE_EVERY_RANK), "b_every");
    write_report(sample_validation(SAMPLE_RANK_ZERO), "c_zero");
}

static void
write_text(const char *variant_folder, const char *text)
{
    g_autofree char *parent = g_build_filename(folder, variant_folder, NULL);
    g_autofree char *path = g_build_filename(parent, "report.json", NULL);

    ck_assert_int_eq(g_mkdir_with_parents(parent, 0755), 0);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static char *
read_plot(const char *name)
{
    g_autofree char *path = g_build_filename(folder, "plots", name, NULL);
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in the plots folder, hidden ones too, sorted and joined. */
static char *
list_plots(void)
{
    g_autofree char *path = g_build_filename(folder, "plots", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

START_TEST(test_reports_come_in_the_order_of_the_scenario)
{
    g_autoptr(GError) error = NULL;
    GString *order = g_string_new(NULL);

    g_autofree char *other = g_build_filename(folder, "plots", NULL);

    write_lesson();
    ck_assert_int_eq(g_mkdir_with_parents(other, 0755), 0); /* a folder without a report */

    g_autoptr(GPtrArray) reports = ddp_plot_reports_read(folder, &error);

    ck_assert_no_error(error);
    for (guint i = 0; i < reports->len; i++) {
        const DdpPlotReport *report = g_ptr_array_index(reports, i);

        g_string_append_printf(order, "%s(%u) ", report->variant, report->rows->len);
    }
    ck_assert_str_eq(order->str, "rank_zero_only(6) every_rank(24) reduced(6) ");
    g_string_free(order, TRUE);
}
END_TEST

START_TEST(test_a_report_that_is_none_is_one_clear_error)
{
    static const struct {
        const char *text, *complaint;
    } rows[] = {
        {"", "not a report: no JSON object"},
        {"[]", "not a report: no JSON object"},
        {"{}", "not a report: its format is not ddpsim-report"},
        {"{\"format\": 1}", "not a report: its format is not ddpsim-report"},
        {"{\"format\": \"ddpsim-report\", \"version\": 2}", "a report of version 2, expected 1"},
        {"{\"format\": \"ddpsim-report\", \"version\": 1}", "names no scenario or no variant"},
        {"{\"format\": \"ddpsim-report\", \"version\": 1, \"scenario\": \"s\", \"variant\": \"v\", "
         "\"audit\": 5, \"world\": {}}",
         "has no audit or no world"},
        {"{\"format\": \"ddpsim-report\", \"version\": 1, \"scenario\": \"s\", \"variant\": \"v\", "
         "\"audit\": [5], \"world\": {}}",
         "a row of the audit has no key"},
        {"{\"format\": \"ddpsim-report\", \"version\"", ":1:"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_build_filename(folder, "v", "report.json", NULL);
        bool drawn = true;

        write_text("v", rows[i].text);
        ck_assert(!ddp_plot_run(folder, &drawn, &error));
        ck_assert(g_error_matches(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_REPORT));
        ck_assert_msg(g_str_has_prefix(error->message, path) &&
                          strstr(error->message, rows[i].complaint) != NULL,
                      "row %zu: %s", i, error->message);
        ck_assert(!drawn);
    }
}
END_TEST

START_TEST(test_a_folder_without_reports_is_an_error)
{
    g_autoptr(GError) error = NULL, missing_error = NULL;
    g_autofree char *missing = g_build_filename(folder, "missing", NULL);
    bool drawn;

    ck_assert(!ddp_plot_run(folder, &drawn, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "no VARIANT/report.json in "));
    ck_assert(!ddp_plot_run(missing, &drawn, &missing_error));
    ck_assert(g_str_has_suffix(missing_error->message, "missing: No such file or directory"));
}
END_TEST

START_TEST(test_a_run_without_an_audit_has_no_picture)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *plots = g_build_filename(folder, "plots", NULL);
    bool drawn = true;

    write_report(sample_deadlock(), "guarded");
    ck_assert(ddp_plot_run(folder, &drawn, &error));
    ck_assert(!drawn);
    ck_assert(!g_file_test(plots, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(test_without_gnuplot_nothing_is_left_behind)
{
    g_autoptr(GError) error = NULL;
    bool drawn = true;

    write_lesson();
    g_setenv("PATH", "/nonexistent", TRUE);
    ck_assert(!ddp_plot_run(folder, &drawn, &error));
    ck_assert(g_error_matches(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_NO_GNUPLOT));
    ck_assert(!drawn);

    g_autofree char *names = list_plots();

    ck_assert_str_eq(names, "");
}
END_TEST

START_TEST(test_a_place_that_cannot_be_written_is_an_error)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *plots = g_build_filename(folder, "plots", NULL);
    bool drawn;

    write_lesson();
    ck_assert(g_file_set_contents(plots, "a file", -1, NULL));
    ck_assert(!ddp_plot_run(folder, &drawn, &error));
    ck_assert(g_error_matches(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_WRITE));
    ck_assert_ptr_nonnull(strstr(error->message, plots));
}
END_TEST

/* ---- with the real gnuplot, where there is one ---- */

static void
collect_text(GMarkupParseContext *context, const char *text, gsize length, void *all,
             GError **error)
{
    (void)context;
    (void)error;
    g_string_append_len(all, text, (gssize)length);
    g_string_append_c(all, '\n');
}

/* (transfer full): what a reader of the SVG sees as text; fails if it is not well-formed XML. */
static char *
text_of_svg(const char *svg)
{
    const GMarkupParser parser = {.text = collect_text};
    GString *all = g_string_new(NULL);
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, all, NULL);
    g_autoptr(GError) error = NULL;

    g_markup_parse_context_parse(context, svg, -1, &error);
    ck_assert_no_error(error);
    g_markup_parse_context_end_parse(context, &error);
    ck_assert_no_error(error);
    g_markup_parse_context_free(context);
    return g_string_free(all, FALSE);
}

static bool
has_gnuplot(void)
{
    g_autofree char *path = g_find_program_in_path("gnuplot");

    return path != NULL;
}

START_TEST(test_the_lesson_is_drawn_twice_the_same)
{
    g_autofree char *first = NULL, *second = NULL;
    bool drawn = false;

    if (!has_gnuplot())
        return;
    write_lesson();
    for (int i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;

        ck_assert(ddp_plot_run(folder, &drawn, &error));
        ck_assert_no_error(error);
        ck_assert(drawn);
        *(i == 0 ? &first : &second) = read_plot("audit.svg");
    }

    g_autofree char *names = list_plots();
    g_autofree char *png = read_plot("audit.png");
    g_autofree char *text = text_of_svg(first);

    ck_assert_str_eq(names, "audit.dat audit.gnuplot audit.png audit.svg");
    ck_assert_str_eq(first, second);
    ck_assert_int_eq(memcmp(png, "\x89PNG\r\n", 6), 0);
    ck_assert_ptr_nonnull(strstr(text, "Validation loss of one rank is not the validation loss"));
    ck_assert_ptr_nonnull(strstr(text, "val_loss, as logged"));
    ck_assert_ptr_nonnull(strstr(text, "rank_zero_only: rank 0 logs, from 1/4 of the samples"));
    ck_assert_ptr_nonnull(
        strstr(text, "reduced (fixes rank_zero_only): rank 0 logs, from all samples"));
}
END_TEST

START_TEST(test_hostile_words_are_drawn_as_words)
{
    static const char hostile[] =
        "it's '5' \\7 \"q\" `touch pwned` $(touch pwned) @m {/Bold x} <svg> &amp;";
    DdpRunRecord *record = sample_validation(SAMPLE_RANK_ZERO);
    g_autoptr(GError) error = NULL;
    bool drawn;

    if (!has_gnuplot())
        return;
    g_free(record->title);
    g_free(record->variant);
    record->title = g_strdup(hostile);
    for (guint i = 0; i < record->audit->len; i++) {
        DdpAuditRow *row = g_ptr_array_index(record->audit, i);

        g_free(row->key);
        row->key = g_strdup("k'1 `touch pwned`");
    }
    record->variant = g_strdup("v'; !touch pwned #1\n\xff");
    write_report(record, "v");
    ck_assert(ddp_plot_run(folder, &drawn, &error));
    ck_assert_no_error(error);

    g_autofree char *svg = read_plot("audit.svg");
    g_autofree char *names = list_plots();
    g_autofree char *text = text_of_svg(svg);

    ck_assert_str_eq(names, "audit.dat audit.gnuplot audit.png audit.svg");
    ck_assert_ptr_nonnull(strstr(text, hostile));
    ck_assert_ptr_nonnull(strstr(text, "k'1 `touch pwned`, as logged"));
    ck_assert_ptr_nonnull(strstr(text, "v'; !touch pwned #1 \uFFFD: rank 0 logs"));
    ck_assert(!g_file_test("pwned", G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(test_one_epoch_and_equal_values_can_be_drawn)
{
    DdpRunRecord *record = sample_validation(SAMPLE_REDUCED);
    g_autoptr(GError) error = NULL;
    bool drawn = false;

    if (!has_gnuplot())
        return;
    g_ptr_array_set_size(record->audit, 1);
    write_report(record, "v");
    ck_assert(ddp_plot_run(folder, &drawn, &error));
    ck_assert_no_error(error);
    ck_assert(drawn);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("plot");
    TCase *files = tcase_create("files");
    TCase *drawing = tcase_create("drawing");

    tcase_add_checked_fixture(files, setup, teardown);
    tcase_add_test(files, test_reports_come_in_the_order_of_the_scenario);
    tcase_add_test(files, test_a_report_that_is_none_is_one_clear_error);
    tcase_add_test(files, test_a_folder_without_reports_is_an_error);
    tcase_add_test(files, test_a_run_without_an_audit_has_no_picture);
    tcase_add_test(files, test_without_gnuplot_nothing_is_left_behind);
    tcase_add_test(files, test_a_place_that_cannot_be_written_is_an_error);
    suite_add_tcase(suite, files);

    tcase_add_checked_fixture(drawing, setup, teardown);
    tcase_add_test(drawing, test_the_lesson_is_drawn_twice_the_same);
    tcase_add_test(drawing, test_hostile_words_are_drawn_as_words);
    tcase_add_test(drawing, test_one_epoch_and_equal_values_can_be_drawn);
    suite_add_tcase(suite, drawing);
    return ddp_test_main(suite);
}
