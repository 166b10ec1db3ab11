/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/loggers/event_problem.h"

G_BEGIN_DECLS

/*
 * Everything that one run logged, as EventAccumulator of TensorBoard 2.21 gathers it.
 *
 * A run is a folder, whose files with "tfevents" in their name are read in the order of their
 * names and one after the other, or a single file. Several writers in one folder therefore give
 * concatenated series. As there, a reload goes on where the last one stopped and never returns
 * to an earlier file; each SessionLog START drops the entries at its step and above (in a file
 * older than version 2: an event that goes back in steps does, for its tags), but not those of
 * tensors. Beyond what it does:
 *
 *   - nothing is thinned out: every entry is kept (of histograms, images and audio only when
 *     they came, not what they hold);
 *   - a damaged record is reported and the rest of the file is read;
 *   - a tensor that holds one number or a text is decoded. Tags of the plugin "scalars" stay among
 *     the tensors, where EventAccumulator lists them.
 */

typedef enum {
    DDP_EVENT_SCALARS,
    DDP_EVENT_TENSORS,
    DDP_EVENT_HISTOGRAMS,
    DDP_EVENT_IMAGES,
    DDP_EVENT_AUDIO,
} DdpEventKind;

#define DDP_EVENT_KIND_COUNT 5

/* As EventAccumulator's Tags() names it: "scalars", "tensors", ... */
const char *ddp_event_kind_name(DdpEventKind kind);

typedef struct {
    double wall_time;
    int64_t step;
    double value; /* scalars, and tensors of one float or double; NaN for anything else */
    char *text;   /* tensors that hold one string, as valid UTF-8; NULL for anything else */
} DdpEventEntry;

typedef struct {
    DdpEventKind kind;
    char *tag;       /* valid UTF-8: other bytes are written as \xNN */
    char *plugin;    /* of the first metadata that came with the tag; NULL for none */
    bool is_numeric; /* the entries' values mean something */
    GArray *entries; /* of DdpEventEntry, in the order read */
} DdpEventSeries;

typedef struct DdpEventAccumulator DdpEventAccumulator;

/* Reads nothing yet. */
DdpEventAccumulator *ddp_event_accumulator_new(const char *path);
void ddp_event_accumulator_free(DdpEventAccumulator *accumulator);

/**
 * ddp_event_accumulator_reload:
 *
 * Reads what has come since the last call. Damage is no failure, see
 * ddp_event_accumulator_problems(); neither is a folder without event files.
 *
 * Returns: false if the path is not there or cannot be listed
 */
bool ddp_event_accumulator_reload(DdpEventAccumulator *accumulator, GError **error);

/* In the order in which the tags were first seen. */
size_t ddp_event_accumulator_count(const DdpEventAccumulator *accumulator);
const DdpEventSeries *ddp_event_accumulator_get(const DdpEventAccumulator *accumulator,
                                                size_t index);

/* Returns: (nullable) (transfer none): the series, NULL if nothing was logged under @tag */
const DdpEventSeries *ddp_event_accumulator_find(const DdpEventAccumulator *accumulator,
                                                 DdpEventKind kind, const char *tag);

/* About how much memory the entries take, for who must bound it. */
size_t ddp_event_accumulator_bytes(const DdpEventAccumulator *accumulator);

/* Paths of the files read so far, of char *. */
const GPtrArray *ddp_event_accumulator_files(const DdpEventAccumulator *accumulator);
const DdpEventProblems *ddp_event_accumulator_problems(const DdpEventAccumulator *accumulator);

/* True for a file name that TensorBoard takes for an event file. */
bool ddp_event_file_name_fits(const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpEventAccumulator, ddp_event_accumulator_free)

G_END_DECLS
