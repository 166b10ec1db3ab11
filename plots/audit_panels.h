/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "plots/reports.h"

G_BEGIN_DECLS

/*
 * What a picture of an audit has to show: a panel per key, in it a series per variant. Only
 * finite numbers; what was null in the report is no point.
 */

typedef struct {
    double x, y;
    int rank;
} DdpPlotPoint;

/* What one variant logged under one key, and what is true there. */
typedef struct {
    const DdpPlotReport *report;
    int index;      /* of the variant: colour, shape, place */
    GArray *logged; /* of DdpPlotPoint, by rank, then x */
    GArray *truth;  /* of DdpPlotPoint, by x, once each */
    int rank_count;
} DdpPlotSeries;

typedef struct {
    const char *key;
    GPtrArray *series; /* of DdpPlotSeries, those with a point */
    bool by_step;      /* no row has an epoch */
    bool one_truth;    /* all variants agree on what is true */
    double x_min, x_max, x_gap;
    guint x_count;
} DdpPlotPanel;

/**
 * ddp_plot_panels_new:
 * @reports: (element-type DdpPlotReport): outlive the panels
 * @left_out: (out): how many more keys there are than @panels_max
 *
 * Returns: (transfer full) (element-type DdpPlotPanel): in the order in which keys first appear;
 *   a key without a number has none
 */
GPtrArray *ddp_plot_panels_new(const GPtrArray *reports, guint panels_max, guint *left_out);

G_END_DECLS
