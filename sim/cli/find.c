/* SPDX-License-Identifier: MIT */
/* Where scenarios lie. */
#include <stdbool.h>
#include <string.h>

#include "base/installed.h"
#include "sim/cli/cli.h"
#include "sim/script/error.h"

GPtrArray *
ddp_cli_scenario_folders(void)
{
    GPtrArray *folders = g_ptr_array_new_with_free_func(g_free);
    const char *chosen = g_getenv("DDPSIM_SCENARIOS");
    g_auto(GStrv) parts = g_strsplit(chosen != NULL ? chosen : DDP_SCENARIO_DIRS, ":", -1);
    char *installed = chosen == NULL ? ddp_installed_folder("scenarios") : NULL;

    if (installed != NULL)
        g_ptr_array_add(folders, installed);
    for (int i = 0; parts[i] != NULL; i++) {
        if (*parts[i] != '\0')
            g_ptr_array_add(folders, g_strdup(parts[i]));
    }
    return folders;
}

char *
ddp_cli_find_scenario(const char *name, GError **error)
{
    g_autoptr(GPtrArray) folders = ddp_cli_scenario_folders();
    g_autofree char *file =
        g_str_has_suffix(name, ".lua") ? g_strdup(name) : g_strconcat(name, ".lua", NULL);

    if (g_file_test(name, G_FILE_TEST_EXISTS))
        return g_strdup(name);
    for (guint i = 0; i < folders->len && strchr(name, '/') == NULL; i++) {
        g_autofree char *path = g_build_filename(folders->pdata[i], file, NULL);

        if (g_file_test(path, G_FILE_TEST_EXISTS))
            return g_steal_pointer(&path);
    }
    g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_NOT_FOUND,
                "there is no file '%s', and no scenario of that name comes with ddpsim; "
                "'ddpsim list' shows those that do",
                name);
    return NULL;
}

static gint
compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
collect(const char *path, GPtrArray *files, int depth, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    const char *name;

    if (dir == NULL)
        return false;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        if (g_file_test(child, G_FILE_TEST_IS_DIR)) {
            if (*name != '.' && depth < 16 && !collect(child, files, depth + 1, error))
                return false;
        } else if (g_str_has_suffix(name, ".lua")) {
            g_ptr_array_add(files, g_steal_pointer(&child));
        }
    }
    return true;
}

GPtrArray *
ddp_cli_scenarios_below(const char *path, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);

    if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
        char *file = ddp_cli_find_scenario(path, error);

        if (file == NULL)
            return NULL;
        g_ptr_array_add(files, file);
    } else if (!collect(path, files, 0, error)) {
        return NULL;
    }
    g_ptr_array_sort(files, compare_paths);
    return g_steal_pointer(&files);
}

DdpScenario *
ddp_cli_load(const char *path, const DdpLimits *limits, GError **error)
{
    g_autoptr(GPtrArray) folders = ddp_cli_scenario_folders();
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *here = g_get_current_dir();
    const char *shown = NULL;

    for (guint i = 0; i < folders->len && shown == NULL; i++) {
        if (strcmp(folder, folders->pdata[i]) == 0 && !g_str_has_prefix(folder, here))
            shown = name;
    }
    return ddp_scenario_load(path, shown, limits, error);
}
