/* SPDX-License-Identifier: MIT */
#include <glib/gstdio.h>

#include "sim/cli/cli.h"

void
ddp_cli_remove_tree(const char *path)
{
    g_autoptr(GDir) dir =
        g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        ddp_cli_remove_tree(child);
    }
    (void)g_remove(path); /* it may not be there at all */
}
