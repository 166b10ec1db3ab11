/* SPDX-License-Identifier: MIT */
#include "plots/audit_panels.h"

#include <math.h>
#include <string.h>

static void
series_free(DdpPlotSeries *series)
{
    g_array_unref(series->logged);
    g_array_unref(series->truth);
    g_free(series);
}

static void
panel_free(DdpPlotPanel *panel)
{
    g_ptr_array_unref(panel->series);
    g_free(panel);
}

static int
compare_points(const void *a, const void *b)
{
    const DdpPlotPoint *one = a, *other = b;

    if (one->rank != other->rank)
        return one->rank < other->rank ? -1 : 1;
    return (one->x > other->x) - (one->x < other->x);
}

static int
count_ranks(const GArray *by_rank)
{
    int count = 0;

    for (guint i = 0; i < by_rank->len; i++)
        if (i == 0 || g_array_index(by_rank, DdpPlotPoint, i).rank !=
                          g_array_index(by_rank, DdpPlotPoint, i - 1).rank)
            count++;
    return count;
}

/* The same x twice is one truth. */
static void
keep_one_each(GArray *truth)
{
    guint kept = 0;

    for (guint i = 0; i < truth->len; i++) {
        DdpPlotPoint point = g_array_index(truth, DdpPlotPoint, i);

        if (kept == 0 || g_array_index(truth, DdpPlotPoint, kept - 1).x != point.x)
            g_array_index(truth, DdpPlotPoint, kept++) = point;
    }
    g_array_set_size(truth, kept);
}

static DdpPlotSeries *
series_new(const DdpPlotReport *report, int index, const char *key, bool by_step)
{
    DdpPlotSeries *series = g_new0(DdpPlotSeries, 1);

    series->report = report;
    series->index = index;
    series->logged = g_array_new(FALSE, FALSE, sizeof(DdpPlotPoint));
    series->truth = g_array_new(FALSE, FALSE, sizeof(DdpPlotPoint));
    for (guint i = 0; i < report->rows->len; i++) {
        const DdpPlotRow *row = g_ptr_array_index(report->rows, i);
        double x = by_step ? (double)row->step : (double)row->epoch;
        DdpPlotPoint logged = {x, row->logged, row->rank}, truth = {x, row->truth, 0};

        if (strcmp(row->key, key) != 0)
            continue;
        if (isfinite(logged.y))
            g_array_append_val(series->logged, logged);
        if (isfinite(truth.y))
            g_array_append_val(series->truth, truth);
    }
    /* Sorting is stable: several values of a rank at one x keep their order. */
    g_array_sort(series->logged, compare_points);
    g_array_sort(series->truth, compare_points);
    keep_one_each(series->truth);
    series->rank_count = count_ranks(series->logged);
    return series;
}

static bool
has_no_epoch(const GPtrArray *reports, const char *key)
{
    for (guint i = 0; i < reports->len; i++) {
        const DdpPlotReport *report = g_ptr_array_index(reports, i);

        for (guint j = 0; j < report->rows->len; j++) {
            const DdpPlotRow *row = g_ptr_array_index(report->rows, j);

            if (strcmp(row->key, key) == 0 && row->epoch >= 0)
                return false;
        }
    }
    return true;
}

static bool
agree(const GArray *one, const GArray *other)
{
    if (one->len != other->len)
        return false;
    for (guint i = 0; i < one->len; i++) {
        DdpPlotPoint a = g_array_index(one, DdpPlotPoint, i),
                     b = g_array_index(other, DdpPlotPoint, i);

        if (a.x != b.x || a.y != b.y)
            return false;
    }
    return true;
}

static int
compare_double(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;

    return (one > other) - (one < other);
}

static void
measure_x(DdpPlotPanel *panel)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(double));

    for (guint i = 0; i < panel->series->len; i++) {
        const DdpPlotSeries *series = g_ptr_array_index(panel->series, i);
        const GArray *points[] = {series->logged, series->truth};

        for (size_t j = 0; j < G_N_ELEMENTS(points); j++)
            for (guint k = 0; k < points[j]->len; k++)
                g_array_append_val(all, g_array_index(points[j], DdpPlotPoint, k).x);
    }
    g_array_sort(all, compare_double);
    panel->x_min = g_array_index(all, double, 0);
    panel->x_max = g_array_index(all, double, all->len - 1);
    panel->x_gap = 0.0;
    panel->x_count = 1;
    for (guint i = 1; i < all->len; i++) {
        double gap = g_array_index(all, double, i) - g_array_index(all, double, i - 1);

        if (gap <= 0.0)
            continue;
        panel->x_count++;
        panel->x_gap = panel->x_gap == 0.0 ? gap : MIN(panel->x_gap, gap);
    }
    if (panel->x_gap == 0.0)
        panel->x_gap = 1.0;
}

/* NULL if nothing under @key is a number. */
static DdpPlotPanel *
panel_new(const GPtrArray *reports, const char *key)
{
    DdpPlotPanel *panel = g_new0(DdpPlotPanel, 1);

    panel->key = key;
    panel->series = g_ptr_array_new_with_free_func((GDestroyNotify)series_free);
    panel->by_step = has_no_epoch(reports, key);
    panel->one_truth = true;
    for (guint i = 0; i < reports->len; i++) {
        DdpPlotSeries *series =
            series_new(g_ptr_array_index(reports, i), (int)i, key, panel->by_step);

        if (series->logged->len + series->truth->len == 0)
            series_free(series);
        else
            g_ptr_array_add(panel->series, series);
    }
    if (panel->series->len == 0) {
        panel_free(panel);
        return NULL;
    }

    for (guint i = 1; i < panel->series->len; i++)
        panel->one_truth = panel->one_truth &&
                           agree(((DdpPlotSeries *)g_ptr_array_index(panel->series, 0))->truth,
                                 ((DdpPlotSeries *)g_ptr_array_index(panel->series, i))->truth);
    measure_x(panel);
    return panel;
}

GPtrArray *
ddp_plot_panels_new(const GPtrArray *reports, guint panels_max, guint *left_out)
{
    GPtrArray *panels = g_ptr_array_new_with_free_func((GDestroyNotify)panel_free);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    *left_out = 0;
    for (guint i = 0; i < reports->len; i++) {
        const DdpPlotReport *report = g_ptr_array_index(reports, i);

        for (guint j = 0; j < report->rows->len; j++) {
            DdpPlotRow *row = g_ptr_array_index(report->rows, j);
            DdpPlotPanel *panel;

            if (!g_hash_table_add(seen, row->key))
                continue;
            panel = panel_new(reports, row->key);
            if (panel == NULL)
                continue;
            if (panels->len < panels_max) {
                g_ptr_array_add(panels, panel);
            } else {
                panel_free(panel);
                ++*left_out;
            }
        }
    }
    return panels;
}
