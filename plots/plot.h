/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * The pictures of a run, drawn by gnuplot from its reports.
 *
 * audit.svg and audit.png show, per key, what each variant logged and what is true over the whole
 * data set. Beside them lie audit.gnuplot and audit.dat, which draw them again:
 * `cd plots && gnuplot audit.gnuplot`. All four are put in place only when the drawing has
 * worked; a failure leaves what was there before.
 */

#define DDP_PLOT_ERROR ddp_plot_error_quark()
GQuark ddp_plot_error_quark(void);

typedef enum {
    DDP_PLOT_ERROR_NO_GNUPLOT, /* it is not installed; everything else works without it */
    DDP_PLOT_ERROR_GNUPLOT,    /* it failed */
    DDP_PLOT_ERROR_REPORT,     /* no report, or not one that we can read */
    DDP_PLOT_ERROR_WRITE,      /* a file could not be written */
} DdpPlotError;

/**
 * ddp_plot_run:
 * @scenario_folder: DIR/SCENARIO, with VARIANT/report.json for each variant
 * @drawn: (out): false if no report holds an audit: there is nothing to draw, which is no error
 *
 * Draws into @scenario_folder/plots/.
 */
bool ddp_plot_run(const char *scenario_folder, bool *drawn, GError **error);

G_END_DECLS
