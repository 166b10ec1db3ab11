/* SPDX-License-Identifier: MIT */
#include "model/data/data_file.h"

#include "base/installed.h"
#include "model/data/dataset.h"

/* meson gives the folders, separated by ":". */
#ifndef DDP_DATA_DIRS
#define DDP_DATA_DIRS "/usr/local/share/ddpsim/data:/usr/share/ddpsim/data"
#endif

#define FASHION_MNIST_FOLDER "/usr/share/datasets/fashion-mnist"

char *
ddp_data_file_find(const char *name, GError **error)
{
    const char *asked_for = g_getenv("DDPSIM_DATA");
    g_autofree char *installed = ddp_installed_folder("data");
    g_autofree char *list = g_strjoin(":", asked_for != NULL ? asked_for : "",
                                      installed != NULL ? installed : "", DDP_DATA_DIRS, NULL);
    g_auto(GStrv) folders = g_strsplit(list, ":", -1);
    g_autoptr(GString) tried = g_string_new(NULL);

    for (char **folder = folders; *folder != NULL; folder++) {
        if (**folder == '\0')
            continue;

        g_autofree char *path = g_build_filename(*folder, name, NULL);

        if (g_file_test(path, G_FILE_TEST_EXISTS))
            return g_steal_pointer(&path);
        g_string_append_printf(tried, "%s%s", tried->len > 0 ? ", " : "", *folder);
    }
    g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_MISSING,
                "data file %s is in none of the folders %s; it comes with ddpsim in its folder "
                "data: set DDPSIM_DATA to that folder",
                name, tried->str);
    return NULL;
}

char *
ddp_data_file_fashion_mnist_folder(void)
{
    const char *asked_for = g_getenv("DDPSIM_FASHION_MNIST");

    return g_strdup(asked_for != NULL && *asked_for != '\0' ? asked_for : FASHION_MNIST_FOLDER);
}

void
ddp_data_file_add_advice(GError **error, const char *advice)
{
    if (error == NULL || *error == NULL)
        return;

    char *message = g_strconcat((*error)->message, "; ", advice, NULL);

    g_free((*error)->message);
    (*error)->message = message;
}
