/* SPDX-License-Identifier: MIT */
#include "sim/audit/report.h"
#include "sim/cli/determinism.h"
#include "tests/testutil.h"

#include <glib/gstdio.h>
#include <string.h>

/*
 * Two runs that are made up: two records, and two folders with the files of a run. Each test
 * changes one thing in the second and reads what is said of it.
 */

static char *folders[2];
static DdpRunRecord *records[2];

static void
write_text(int run, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folders[run], name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);

    ck_assert_int_eq(g_mkdir_with_parents(parent, 0777), 0);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static void
setup(void)
{
    static const uint32_t choices[] = {0, 2, 1, 0};

    for (int run = 0; run < 2; run++) {
        folders[run] = ddp_test_tmp_dir();
        write_text(run, "report.json", "{\n  \"format\": 1,\n  \"outcome\": \"completed\"\n}\n");
        write_text(run, "trace.jsonl", "{\"t\":0}\n{\"t\":1}\n{\"t\":2}\n");
        write_text(run, "trace.chrome.json", "{}\n");
        write_text(run, "logs/a/events", "abc");
        write_text(run, "logs/b.csv", "step,loss\n0,1\n");
        records[run] = ddp_run_record_new();
        records[run]->engine = g_strdup("fibers");
        records[run]->outcome = g_strdup("completed");
        records[run]->choices = g_array_new(FALSE, FALSE, sizeof *choices);
        g_array_append_vals(records[run]->choices, choices, G_N_ELEMENTS(choices));
    }
}

static void
teardown(void)
{
    for (int run = 0; run < 2; run++) {
        ddp_test_remove_tree(folders[run]);
        g_free(folders[run]);
        ddp_run_record_free(records[run]);
    }
}

static void
expect(bool same, const char *told)
{
    g_auto(DdpDeterminism) found = {0};
    g_autoptr(GError) error = NULL;

    ddp_determinism_compare(records[0], folders[0], records[1], folders[1], &found, &error);
    ck_assert_no_error(error);
    ck_assert_str_eq(found.told, told);
    ck_assert(found.same == same);
}

START_TEST(test_equal_runs_are_counted)
{
    expect(true, "deterministic: 4 choices, 3 trace lines, 4 files equal");
}
END_TEST

START_TEST(test_a_choice_that_differs_is_named_with_what_came_of_it)
{
    g_array_index(records[1]->choices, uint32_t, 2) = 3;
    write_text(1, "trace.jsonl", "{\"t\":0}\n{\"t\":7}\n{\"t\":2}\n");
    expect(false, "not deterministic\n"
                  "choice 3: the first run took place 1, the second took place 3\n"
                  "trace line 2, first run: {\"t\":1}\n"
                  "trace line 2, second run: {\"t\":7}");
}
END_TEST

START_TEST(test_a_choice_more_or_less_is_named)
{
    g_array_set_size(records[1]->choices, 3);
    expect(false, "not deterministic\n"
                  "choice 4: the first run took place 0, the second made none");
}
END_TEST

START_TEST(test_a_trace_line_that_differs_is_shown_from_both_runs)
{
    write_text(1, "trace.jsonl", "{\"t\":0}\n{\"t\":1}\n");
    expect(false, "not deterministic\n"
                  "trace line 3, first run: {\"t\":2}\n"
                  "trace line 3, second run: (there is none)");
}
END_TEST

START_TEST(test_a_report_line_that_differs_is_shown_from_both_runs)
{
    write_text(1, "report.json", "{\n  \"format\": 1,\n  \"outcome\": \"deadlock\"\n}\n");
    expect(false, "not deterministic\n"
                  "report.json line 3, first run:   \"outcome\": \"completed\"\n"
                  "report.json line 3, second run:   \"outcome\": \"deadlock\"");
}
END_TEST

START_TEST(test_a_file_that_differs_is_named)
{
    write_text(1, "logs/b.csv", "step,loss\n0,2\n");
    expect(false, "not deterministic\n"
                  "file logs/b.csv: byte 13 differs (of 14 in the first run, 14 in the second)");
}
END_TEST

START_TEST(test_a_file_that_only_one_run_wrote_is_named)
{
    write_text(_i, "logs/a/more", "");
    expect(false, _i == 0 ? "not deterministic\nfile logs/a/more: only the first run wrote it"
                          : "not deterministic\nfile logs/a/more: only the second run wrote it");
}
END_TEST

/* On threads the order is nobody's choice: what differs there is none of our business. */
START_TEST(test_without_choices_digest_and_verdict_decide)
{
    for (int run = 0; run < 2; run++) {
        g_clear_pointer(&records[run]->choices, g_array_unref);
        g_free(records[run]->engine);
        records[run]->engine = g_strdup("threads");
    }
    write_text(1, "trace.jsonl", "");
    expect(true, "deterministic: digest and verdict are equal; with threads nobody chooses the "
                 "order, so trace and files are not compared");
    g_free(records[1]->outcome);
    records[1]->outcome = g_strdup("deadlock");
    expect(false,
           "not deterministic\noutcome, first run: completed\noutcome, second run: deadlock");
}
END_TEST

START_TEST(test_a_value_that_differs_shows_in_the_digest)
{
    const DdpLogEntry entry = {.step = 1, .value = 0.5, .rank = 0};

    g_clear_pointer(&records[0]->choices, g_array_unref);
    ddp_run_record_log(records[1], "csv", "b.csv", "loss", &entry);

    g_autofree char *first = ddp_report_digest(records[0]);
    g_autofree char *second = ddp_report_digest(records[1]);
    g_autofree char *told = g_strdup_printf(
        "not deterministic\ndigest, first run: %s\ndigest, second run: %s", first, second);

    expect(false, told);
}
END_TEST

START_TEST(test_a_file_that_is_not_there_is_an_error)
{
    g_autofree char *path = g_build_filename(folders[1], "trace.jsonl", NULL);
    g_auto(DdpDeterminism) found = {0};
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(g_unlink(path), 0);
    ck_assert(
        !ddp_determinism_compare(records[0], folders[0], records[1], folders[1], &found, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "trace.jsonl: No such file or directory"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("determinism");
    TCase *compare = tcase_create("compare");

    tcase_add_checked_fixture(compare, setup, teardown);
    tcase_add_test(compare, test_equal_runs_are_counted);
    tcase_add_test(compare, test_a_choice_that_differs_is_named_with_what_came_of_it);
    tcase_add_test(compare, test_a_choice_more_or_less_is_named);
    tcase_add_test(compare, test_a_trace_line_that_differs_is_shown_from_both_runs);
    tcase_add_test(compare, test_a_report_line_that_differs_is_shown_from_both_runs);
    tcase_add_test(compare, test_a_file_that_differs_is_named);
    tcase_add_loop_test(compare, test_a_file_that_only_one_run_wrote_is_named, 0, 2);
    tcase_add_test(compare, test_without_choices_digest_and_verdict_decide);
    tcase_add_test(compare, test_a_value_that_differs_shows_in_the_digest);
    tcase_add_test(compare, test_a_file_that_is_not_there_is_an_error);
    suite_add_tcase(suite, compare);
    return ddp_test_main(suite);
}
