/* SPDX-License-Identifier: MIT */
#include "base/installed.h"

char *
ddp_installed_folder(const char *name)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *bin = program != NULL ? g_path_get_dirname(program) : NULL;
    g_autofree char *folder = NULL;

    if (bin == NULL)
        return NULL;
    folder = g_build_filename(bin, DDP_SHARE_FROM_BIN, name, NULL);
    if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
        return NULL;
    return g_canonicalize_filename(folder, NULL);
}
