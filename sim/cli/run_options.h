/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "sim/script/scenario.h"

G_BEGIN_DECLS

/* The options that say how a scenario is played; `run` and `test` share them. */

typedef struct {
    gchar **variants;
    gchar *world_size;
    gchar *nodes;
    gchar *engine;
    gchar *backend;
    gchar *debug;
    gchar *seed;
    gchar *schedule;
    gchar *schedule_read; /* with the token of the file that it names */
    gchar *topology;
    gchar **sets;
    gchar **limits;
    gchar *out;
    gboolean no_audit;
    gboolean no_trace;
    gboolean check_determinism;
} DdpRunOptions;

void ddp_run_options_clear(DdpRunOptions *options);

#define DDP_RUN_OPTION_COUNT 15

/* Writes DDP_RUN_OPTION_COUNT entries that fill @options to @entries. */
void ddp_run_options_entries(DdpRunOptions *options, GOptionEntry *entries);

/* Checks what was given and puts it into @spec, which borrows from @options. */
bool ddp_run_options_apply(DdpRunOptions *options, DdpRunSpec *spec, GError **error);

G_END_DECLS
