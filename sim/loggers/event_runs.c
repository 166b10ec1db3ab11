/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_runs.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/loggers/event_accumulator.h"

/* A folder being walked, and those above it. */
typedef struct Level {
    const struct Level *above;
    dev_t device;
    ino_t inode;
} Level;

typedef struct {
    GPtrArray *runs;
    DdpEventProblems *problems;
} Walk;

void
ddp_event_run_free(DdpEventRun *run)
{
    if (run == NULL)
        return;
    g_free(run->name);
    g_free(run->path);
    g_free(run);
}

static void
add_run(Walk *walk, const char *path, const char *name)
{
    DdpEventRun *run = g_new0(DdpEventRun, 1);

    run->name = g_strdup(name);
    run->path = g_strdup(path);
    g_ptr_array_add(walk->runs, run);
}

static bool
is_above(const Level *level, const struct stat *info)
{
    for (; level != NULL; level = level->above) {
        if (level->device == info->st_dev && level->inode == info->st_ino)
            return true;
    }
    return false;
}

static void
report_folder(Walk *walk, const char *path, GError *error)
{
    ddp_event_problems_add(walk->problems, &(DdpEventProblem){.kind = DDP_EVENT_PROBLEM_UNREADABLE,
                                                              .path = (char *)path,
                                                              .what = error->message});
}

/* @name is the path from the top, "" for the top itself. False only if the folder is not listed. */
static bool
walk_folder(Walk *walk, const char *path, const char *name, const Level *here, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    bool has_events = false;
    const char *entry;

    if (dir == NULL)
        return false;

    while ((entry = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, entry, NULL);
        struct stat info;

        if (stat(child, &info) != 0) /* gone meanwhile, or a link to nowhere */
            continue;
        if (S_ISREG(info.st_mode) && ddp_event_file_name_fits(entry))
            has_events = true;
        if (!S_ISDIR(info.st_mode) || is_above(here, &info))
            continue;

        g_autofree char *child_name =
            *name != '\0' ? g_build_filename(name, entry, NULL) : g_strdup(entry);
        Level below = {.above = here, .device = info.st_dev, .inode = info.st_ino};
        g_autoptr(GError) child_error = NULL;

        if (!walk_folder(walk, child, child_name, &below, &child_error))
            report_folder(walk, child, child_error);
    }

    if (has_events)
        add_run(walk, path, *name != '\0' ? name : ".");
    return true;
}

static int
compare_runs(const void *left, const void *right)
{
    const DdpEventRun *const *a = left;
    const DdpEventRun *const *b = right;

    return strcmp((*a)->name, (*b)->name);
}

GPtrArray *
ddp_event_runs_find(const char *path, DdpEventProblems *problems, GError **error)
{
    struct stat info;

    g_return_val_if_fail(path != NULL && problems != NULL, NULL);
    g_return_val_if_fail(error == NULL || *error == NULL, NULL);

    if (stat(path, &info) != 0) {
        int code = errno;

        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(code), "%s: %s", path,
                    g_strerror(code));
        return NULL;
    }

    g_autoptr(GPtrArray) runs = g_ptr_array_new_with_free_func((GDestroyNotify)ddp_event_run_free);
    Walk walk = {.runs = runs, .problems = problems};
    Level top = {.device = info.st_dev, .inode = info.st_ino};

    if (!S_ISDIR(info.st_mode))
        add_run(&walk, path, ".");
    else if (!walk_folder(&walk, path, "", &top, error))
        return NULL;

    g_ptr_array_sort(runs, compare_runs);
    return g_steal_pointer(&runs);
}
