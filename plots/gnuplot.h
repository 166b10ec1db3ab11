/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Text into gnuplot scripts, and running them.
 *
 * Titles and names come from scenarios, and are data. So they stand in double quotes with every
 * character that could mean something to gnuplot written as its number, and every terminal and
 * label is `noenhanced`, so that braces, _ and ^ are only characters.
 */

/**
 * ddp_gnuplot_quote:
 * @characters_max: longer text ends in "…"
 *
 * A string expression for a script: one line, valid UTF-8, nothing that XML forbids (SVG is XML).
 *
 * Returns: (transfer full): with its quotes
 */
char *ddp_gnuplot_quote(const char *text, int characters_max);

/**
 * ddp_gnuplot_run:
 * @folder: working folder
 * @script: file name in it
 *
 * Runs gnuplot without a shell and without the user's settings.
 *
 * Returns: false with DDP_PLOT_ERROR_NO_GNUPLOT or DDP_PLOT_ERROR_GNUPLOT, the latter with the
 *   first line of what it said
 */
bool ddp_gnuplot_run(const char *folder, const char *script, GError **error);

G_END_DECLS
