/* SPDX-License-Identifier: MIT */

/* What stands in the folder is looked at after each way in which writing a file can end. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "model/checkpoint/whole_file.h"
#include "tests/testutil.h"

static char *folder;
static char *path;

static void
set_up(void)
{
    folder = ddp_test_tmp_dir();
    path = g_build_filename(folder, "it", NULL);
}

static void
tear_down(void)
{
    ddp_test_remove_tree(folder);
    g_free(path);
    g_free(folder);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* (transfer full): the names in the folder, hidden ones too, sorted, each with a line's end. */
static char *
names_in_folder(void)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    GString *text = g_string_new(NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++)
        g_string_append_printf(text, "%s\n", (char *)g_ptr_array_index(names, i));
    return g_string_free(text, FALSE);
}

static void
assert_folder(const char *names, const char *content)
{
    g_autofree char *found = names_in_folder();
    g_autofree char *text = NULL;

    ck_assert_str_eq(found, names);
    if (content == NULL)
        return;
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    ck_assert_str_eq(text, content);
}

START_TEST(test_a_commit_gives_the_name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpWholeFile) file = ddp_whole_file_new(path, &error);

    ck_assert_no_error(error);
    ck_assert(ddp_whole_file_write(file, "abc", 3, &error));
    ck_assert(ddp_whole_file_write(file, "", 0, &error));
    ck_assert(ddp_whole_file_write(file, "def", 3, &error));
    assert_folder(".it.partial-0\n", NULL);
    ck_assert(ddp_whole_file_commit(file, &error));
    ck_assert_no_error(error);
    assert_folder("it\n", "abcdef");
}
END_TEST

START_TEST(test_without_a_commit_nothing_changed)
{
    ck_assert(g_file_set_contents(path, "old", -1, NULL));

    DdpWholeFile *file = ddp_whole_file_new(path, NULL);

    ck_assert(ddp_whole_file_write(file, "new", 3, NULL));
    assert_folder(".it.partial-0\nit\n", "old");
    ddp_whole_file_free(file);
    assert_folder("it\n", "old");
}
END_TEST

START_TEST(test_two_writers_do_not_meet)
{
    g_autoptr(DdpWholeFile) one = ddp_whole_file_new(path, NULL);
    g_autoptr(DdpWholeFile) two = ddp_whole_file_new(path, NULL);

    ck_assert(ddp_whole_file_write(one, "one", 3, NULL));
    ck_assert(ddp_whole_file_write(two, "two", 3, NULL));
    ck_assert(ddp_whole_file_commit(two, NULL));
    assert_folder(".it.partial-0\nit\n", "two");
    ck_assert(ddp_whole_file_commit(one, NULL));
    assert_folder("it\n", "one");
}
END_TEST

/* The disk is full: stood in for by a limit on the size of files, which fails the same write. */
START_TEST(test_a_write_that_fails_leaves_the_old_file)
{
    g_autoptr(GError) error = NULL;
    struct rlimit limit = {4096, RLIM_INFINITY};
    char block[3000];

    memset(block, 'x', sizeof block);
    ck_assert(g_file_set_contents(path, "old", -1, NULL));
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);

    DdpWholeFile *file = ddp_whole_file_new(path, &error);

    ck_assert(ddp_whole_file_write(file, block, sizeof block, &error));
    ck_assert(!ddp_whole_file_write(file, block, sizeof block, &error));
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    ck_assert_int_eq((int)error->domain, (int)G_FILE_ERROR);
    ck_assert_str_eq(error->message, "cannot write the file: File too large");
    ddp_whole_file_free(file);
    assert_folder("it\n", "old");
}
END_TEST

START_TEST(test_a_folder_that_is_missing_is_said)
{
    g_autofree char *nowhere = g_build_filename(folder, "no", "where", NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_whole_file_new(nowhere, &error));
    ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT));
    ck_assert_str_eq(error->message, "cannot make the file: No such file or directory");
}
END_TEST

START_TEST(test_a_folder_of_that_name_stays)
{
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(g_mkdir(path, 0777), 0);
    ck_assert_ptr_null(ddp_whole_file_new(path, &error));
    ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ISDIR));
    assert_folder("it\n", NULL);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("whole_file");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, test_a_commit_gives_the_name);
    tcase_add_test(all, test_without_a_commit_nothing_changed);
    tcase_add_test(all, test_two_writers_do_not_meet);
    tcase_add_test(all, test_a_write_that_fails_leaves_the_old_file);
    tcase_add_test(all, test_a_folder_that_is_missing_is_said);
    tcase_add_test(all, test_a_folder_of_that_name_stays);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
