/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "sim/loggers/event_problem.h"

G_BEGIN_DECLS

/*
 * Finds the runs below a log folder: every folder that holds an event file is one, as in
 * TensorBoard, named by its path from the top.
 */

typedef struct {
    char *name; /* "train/fold0"; "." for the top itself, or for a path that is a file */
    char *path; /* of the folder, or of the file */
} DdpEventRun;

void ddp_event_run_free(DdpEventRun *run);

/**
 * ddp_event_runs_find:
 * @path: a log folder, or a single event file
 * @problems: (transfer none): gets folders below @path that could not be listed
 *
 * Links to folders are followed, because people gather runs by linking them together; one that
 * leads back to a folder above it is passed over.
 *
 * Returns: (nullable) (transfer full) (element-type DdpEventRun): sorted by name, perhaps
 *   empty; NULL if @path is not there or cannot be listed
 */
GPtrArray *ddp_event_runs_find(const char *path, DdpEventProblems *problems, GError **error);

G_END_DECLS
