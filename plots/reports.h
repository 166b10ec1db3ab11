/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * The reports of one scenario as plots need them: plain data, read from
 * SCENARIO/VARIANT/report.json. A report of another format or version is an error, and so is one
 * that does not keep the contract; unknown keys are no matter.
 */

/* A logged value beside the true one. What JSON could not hold, or was not there, is NAN. */
typedef struct {
    char *key;
    int64_t epoch; /* -1: none */
    int64_t step;
    int rank;
    double logged;
    double truth;
    int64_t samples, of; /* -1: unknown */
} DdpPlotRow;

typedef struct {
    char *scenario;
    char *title; /* (nullable) */
    char *variant;
    char *fixes; /* (nullable) */
    int variant_index;
    int world_size;
    char *backend;   /* (nullable) */
    GPtrArray *rows; /* of DdpPlotRow, in the order of the report */
} DdpPlotReport;

/**
 * ddp_plot_reports_read:
 * @scenario_folder: holds a folder per variant, each with its report.json; others are passed over
 *
 * Returns: (transfer full) (element-type DdpPlotReport): in the order of the variants in the
 *   scenario; NULL with a DDP_PLOT_ERROR if there is none, or one cannot be read
 */
GPtrArray *ddp_plot_reports_read(const char *scenario_folder, GError **error);

G_END_DECLS
