/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "sim/audit/json_out.h"
#include "sim/cli/terminal.h"
#include "sim/loggers/event_accumulator.h"
#include "sim/loggers/event_runs.h"

G_BEGIN_DECLS

/*
 * One run of event files, for people and as JSON. Tags, texts and paths are somebody's data: a
 * terminal gets them escaped.
 */

typedef struct {
    const char *tag; /* (nullable): only this tag ... */
    GRegex *pattern; /* (nullable): ... or those that it matches from end to end */
    bool all;        /* every entry, however many */
} DdpEventView;

/* True if @series is to be shown. */
bool ddp_event_view_shows(const DdpEventView *view, const DdpEventSeries *series);

/**
 * ddp_event_tables_append:
 *
 * Appends the files, a table of the tags, and the entries of each tag that has values: all of them
 * up to DDP_EVENT_TABLES_ROWS, else as many from both ends and how many lie between.
 */
#define DDP_EVENT_TABLES_ROWS 20
void ddp_event_tables_append(const DdpEventRun *run, const DdpEventAccumulator *read,
                             const DdpEventView *view, const DdpTerminal *terminal, GString *out);

/* The same as one JSON object, with every entry and the problems. */
void ddp_event_tables_tell(const DdpEventRun *run, const DdpEventAccumulator *read,
                           const DdpEventView *view, DdpJsonOut *out);

/* (transfer full): seconds since 1970 as "2023-11-14T22:13:20.250Z". */
char *ddp_event_time_text(double wall_time);

/* (transfer full): the fewest digits that give the number back, as float if it is one. */
char *ddp_event_value_text(double value);

G_END_DECLS
