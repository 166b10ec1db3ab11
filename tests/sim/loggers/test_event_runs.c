/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_runs.h"
#include "tests/testutil.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "tests/sim/loggers/event_files.h"

static void
make_run(const char *name)
{
    g_autofree char *folder = g_build_filename(event_files_folder(), name, NULL);
    g_autofree char *file = g_build_filename(folder, "events.out.tfevents.1.h.1.0", NULL);

    ck_assert_int_eq(g_mkdir_with_parents(folder, 0777), 0);
    event_file_write(file, (const uint8_t *)"", 0);
}

static void
check_runs(const char *expected)
{
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) runs = ddp_event_runs_find(event_files_folder(), problems, &error);
    g_autoptr(GString) names = g_string_new(NULL);

    ck_assert_no_error(error);
    for (guint i = 0; i < runs->len; i++) {
        const DdpEventRun *run = g_ptr_array_index(runs, i);

        g_string_append_printf(names, "%s ", run->name);
        ck_assert(g_file_test(run->path, G_FILE_TEST_IS_DIR));
    }
    ck_assert_str_eq(names->str, expected);
    ck_assert_uint_eq(ddp_event_problems_count(problems), 0);
}

START_TEST(test_every_folder_with_an_event_file_is_a_run)
{
    g_autofree char *empty = g_build_filename(event_files_folder(), "empty", NULL);

    check_runs("");
    make_run("b/deep/er");
    make_run("a");
    ck_assert_int_eq(g_mkdir(empty, 0777), 0);
    check_runs("a b/deep/er ");
    make_run(".");
    check_runs(". a b/deep/er ");
}
END_TEST

START_TEST(test_linked_folders_are_runs_and_circles_end)
{
    g_autofree char *link = g_build_filename(event_files_folder(), "link", NULL);
    g_autofree char *circle = g_build_filename(event_files_folder(), "a", "circle", NULL);
    g_autofree char *nowhere = g_build_filename(event_files_folder(), "nowhere", NULL);

    make_run("a");
    ck_assert_int_eq(symlink("a", link), 0);
    ck_assert_int_eq(symlink("..", circle), 0);
    ck_assert_int_eq(symlink("/nonexistent", nowhere), 0);
    check_runs("a link ");
}
END_TEST

START_TEST(test_a_file_is_a_run_and_nothing_is_an_error)
{
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *file = g_build_filename(event_files_folder(), "x", NULL);

    event_file_write(file, (const uint8_t *)"", 0);

    g_autoptr(GPtrArray) runs = ddp_event_runs_find(file, problems, &error);

    ck_assert_uint_eq(runs->len, 1);
    ck_assert_str_eq(((DdpEventRun *)g_ptr_array_index(runs, 0))->name, ".");
    ck_assert_ptr_null(ddp_event_runs_find("/nonexistent", problems, &error));
    ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("event_runs");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, NULL, event_files_tear_down);
    tcase_add_test(all, test_every_folder_with_an_event_file_is_a_run);
    tcase_add_test(all, test_linked_folders_are_runs_and_circles_end);
    tcase_add_test(all, test_a_file_is_a_run_and_nothing_is_an_error);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
