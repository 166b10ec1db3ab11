/* SPDX-License-Identifier: MIT */
#include "tests/testutil.h"

#include <glib/gstdio.h>
#include <stdlib.h>

int
ddp_test_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

char *
ddp_test_reference_path(const char *name)
{
    const char *folder = g_getenv("DDPSIM_REFERENCE");

    return g_build_filename(folder != NULL ? folder : "tests/reference", name, NULL);
}

char *
ddp_test_reference_read(const char *name)
{
    g_autofree char *path = ddp_test_reference_path(name);
    g_autoptr(GError) error = NULL;
    char *contents = NULL;

    g_file_get_contents(path, &contents, NULL, &error);
    ck_assert_no_error(error);
    return contents;
}

char *
ddp_test_tmp_dir(void)
{
    g_autoptr(GError) error = NULL;
    char *path = g_dir_make_tmp("ddpsim-test-XXXXXX", &error);

    ck_assert_no_error(error);
    return path;
}

void
ddp_test_remove_tree(const char *path)
{
    if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK) && g_file_test(path, G_FILE_TEST_IS_DIR)) {
        GDir *dir = g_dir_open(path, 0, NULL);
        const char *name;

        while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
            g_autofree char *child = g_build_filename(path, name, NULL);

            ddp_test_remove_tree(child);
        }
        if (dir != NULL)
            g_dir_close(dir);
    }
    g_remove(path);
}
