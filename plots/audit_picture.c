/* SPDX-License-Identifier: MIT */
#include "plots/audit_picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plots/audit_panels.h"
#include "plots/gnuplot.h"

#define PANELS_MAX 6 /* keys beyond these are left out, and the picture says so */
#define CURVES_MAX 8 /* so many ranks get a curve each; more become a band */
#define LABEL_MAX 90 /* characters of a legend entry or a title */
#define KEY_MAX 40   /* characters of the name of a key on an axis */
#define MARKS_MAX 25 /* marks along a curve */

/* Sizes in pixels of the SVG. */
#define PANEL_WIDTH 560
#define PANEL_HEIGHT 360
#define TITLE_HEIGHT 64
#define LEGEND_LINE 22
#define LEGEND_MARGIN 26

/* Okabe and Ito's colours, which colour-blind readers tell apart. */
static const char *const colors[] = {"#D55E00", "#0072B2", "#009E73",
                                     "#CC79A7", "#E69F00", "#56B4E9"};
/* The truth is a broad grey line: a curve that follows it is seen on top of it. */
#define TRUTH_COLOR "#a8a8a8"
/* Circle, square, triangle, diamond, triangle upside down, pentagon: filled. */
static const int shapes[] = {7, 5, 9, 13, 11, 15};

/* ---- the data file ---- */

static void
append_comment(GString *data, const char *what, const char *name, const char *key)
{
    /* Quoted text has no line end, so the comment cannot be left. */
    g_autofree char *safe_name = ddp_gnuplot_quote(name, LABEL_MAX);
    g_autofree char *safe_key = ddp_gnuplot_quote(key, LABEL_MAX);

    g_string_append_printf(data, "# %s %s %s\n", what, safe_name, safe_key);
}

static void
append_numbers(GString *data, const double *numbers, size_t count)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    for (size_t i = 0; i < count; i++) {
        g_ascii_formatd(text, sizeof(text), "%.10g", numbers[i]);
        g_string_append_printf(data, "%s%s", i > 0 ? " " : "", text);
    }
    g_string_append_c(data, '\n');
}

/* Columns x, value. A blank line parts the curves of two ranks. */
static void
append_curves(GString *data, const DdpPlotSeries *series)
{
    for (guint i = 0; i < series->logged->len; i++) {
        DdpPlotPoint point = g_array_index(series->logged, DdpPlotPoint, i);

        if (i > 0 && g_array_index(series->logged, DdpPlotPoint, i - 1).rank != point.rank)
            g_string_append_c(data, '\n');
        append_numbers(data, (double[]){point.x, point.y}, 2);
    }
}

static int
compare_by_x(const void *a, const void *b)
{
    const DdpPlotPoint *one = a, *other = b;

    return (one->x > other->x) - (one->x < other->x);
}

/* Columns x, least, greatest value of all ranks. */
static void
append_band(GString *data, const DdpPlotSeries *series)
{
    g_autoptr(GArray) points = g_array_copy(series->logged);

    g_array_sort(points, compare_by_x);
    for (guint first = 0, end; first < points->len; first = end) {
        DdpPlotPoint at = g_array_index(points, DdpPlotPoint, first);
        double least = at.y, greatest = at.y;

        for (end = first; end < points->len && g_array_index(points, DdpPlotPoint, end).x == at.x;
             end++) {
            least = MIN(least, g_array_index(points, DdpPlotPoint, end).y);
            greatest = MAX(greatest, g_array_index(points, DdpPlotPoint, end).y);
        }
        append_numbers(data, (double[]){at.x, least, greatest}, 3);
    }
}

static void
append_truth(GString *data, const DdpPlotSeries *series)
{
    for (guint i = 0; i < series->truth->len; i++) {
        DdpPlotPoint point = g_array_index(series->truth, DdpPlotPoint, i);

        append_numbers(data, (double[]){point.x, point.y}, 2);
    }
}

/* ---- the script ---- */

typedef struct {
    GString *script, *data;
    int blocks; /* written to data so far; gnuplot calls a block's number its index */
} Writer;

static int
begin_block(Writer *writer, const char *what, const char *name, const char *key)
{
    if (writer->blocks > 0)
        g_string_append(writer->data, "\n\n");
    append_comment(writer->data, what, name, key);
    return writer->blocks++;
}

static bool
is_band(const DdpPlotSeries *series)
{
    return series->rank_count > CURVES_MAX;
}

static const char *
color_of(const DdpPlotSeries *series)
{
    return colors[(size_t)series->index % G_N_ELEMENTS(colors)];
}

static int
shape_of(const DdpPlotSeries *series)
{
    return shapes[(size_t)series->index % G_N_ELEMENTS(shapes)];
}

/* Later variants have smaller marks, so that where values are equal all marks are seen. */
static const char *
size_of(const DdpPlotSeries *series)
{
    static const char *const sizes[] = {"1.7", "1.3", "1.0", "0.7"};

    return sizes[MIN((size_t)series->index, G_N_ELEMENTS(sizes) - 1)];
}

/* After the palette's end the curves are dashed. */
static int
dash_of(const DdpPlotSeries *series)
{
    return 1 + series->index / (int)G_N_ELEMENTS(colors);
}

static void append_clause(Writer *writer, bool *first, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
append_clause(Writer *writer, bool *first, const char *format, ...)
{
    va_list args;

    g_string_append(writer->script, *first ? "  plot " : ", \\\n       ");
    *first = false;
    va_start(args, format);
    g_string_append_vprintf(writer->script, format, args);
    va_end(args);
}

static void
append_truth_clauses(Writer *writer, const DdpPlotPanel *panel, bool *first)
{
    for (guint i = 0; i < panel->series->len; i++) {
        const DdpPlotSeries *series = g_ptr_array_index(panel->series, i);

        if (series->truth->len == 0 || (i > 0 && panel->one_truth))
            continue;

        int block = begin_block(writer, "true", panel->one_truth ? "all" : series->report->variant,
                                panel->key);

        append_truth(writer->data, series);
        append_clause(writer, first,
                      "'audit.dat' index %d using 1:2 with lines lw %s dt %s lc rgb '%s' notitle",
                      block, panel->one_truth ? "7" : "2", panel->one_truth ? "1" : "'-'",
                      panel->one_truth ? TRUTH_COLOR : color_of(series));
    }
}

static void
append_band_clauses(Writer *writer, const DdpPlotPanel *panel, const DdpPlotSeries *series,
                    bool *first)
{
    int block =
        begin_block(writer, "logged, least and greatest", series->report->variant, panel->key);

    append_band(writer->data, series);
    append_clause(
        writer, first,
        "'audit.dat' index %d using 1:2:3 with filledcurves fs transparent solid 0.3 lc rgb "
        "'%s' notitle",
        block, color_of(series));
}

/*
 * Thin curves of many ranks lie under the others, and their marks on top: so a rank's curve does
 * not hide that of a variant that logs the same values, nor its marks theirs.
 */
static void
append_logged_clauses(Writer *writer, const DdpPlotPanel *panel, bool *first)
{
    int every = (int)(1 + panel->x_count / MARKS_MAX);
    g_autofree int *blocks = g_new(int, panel->series->len);

    for (guint i = 0; i < panel->series->len; i++) {
        const DdpPlotSeries *series = g_ptr_array_index(panel->series, i);

        blocks[i] = -1;
        if (series->logged->len == 0)
            continue;
        if (is_band(series)) {
            append_band_clauses(writer, panel, series, first);
            continue;
        }
        blocks[i] = begin_block(writer, "logged", series->report->variant, panel->key);
        append_curves(writer->data, series);
        if (series->rank_count > 1)
            append_clause(
                writer, first,
                "'audit.dat' index %d using 1:2 with lines lw 0.8 dt %d lc rgb '%s' notitle",
                blocks[i], dash_of(series), color_of(series));
    }
    for (guint i = 0; i < panel->series->len; i++) {
        const DdpPlotSeries *series = g_ptr_array_index(panel->series, i);

        if (blocks[i] < 0)
            continue;
        if (series->rank_count > 1)
            append_clause(writer, first,
                          "'audit.dat' index %d every %d using 1:2 with points pt %d ps %s lc rgb "
                          "'%s' notitle",
                          blocks[i], every, shape_of(series), size_of(series), color_of(series));
        else
            append_clause(
                writer, first,
                "'audit.dat' index %d using 1:2 with linespoints lw 1.8 dt %d pt %d ps %s "
                "pointinterval %d lc rgb '%s' notitle",
                blocks[i], dash_of(series), shape_of(series), size_of(series), every,
                color_of(series));
    }
}

static void
append_panel(Writer *writer, const DdpPlotPanel *panel)
{
    g_autofree char *label = g_strconcat(panel->key, ", as logged", NULL);
    g_autofree char *quoted = ddp_gnuplot_quote(label, KEY_MAX);
    double margin = MAX(0.35 * panel->x_gap, 0.04 * (panel->x_max - panel->x_min));
    bool first = true;
    char low[G_ASCII_DTOSTR_BUF_SIZE], high[G_ASCII_DTOSTR_BUF_SIZE];

    g_ascii_formatd(low, sizeof(low), "%.10g", panel->x_min - margin);
    g_ascii_formatd(high, sizeof(high), "%.10g", panel->x_max + margin);
    g_string_append_printf(writer->script, "  set ylabel %s noenhanced font ',13'\n", quoted);
    g_string_append_printf(writer->script, "  set xlabel '%s' font ',13'\n",
                           panel->by_step ? "step" : "epoch");
    g_string_append_printf(writer->script, "  set xrange [%s:%s]\n", low, high);
    g_string_append_printf(writer->script, "  set xtics %s\n",
                           panel->x_gap == 1.0 && panel->x_max - panel->x_min <= 20.0 ? "1"
                                                                                      : "autofreq");
    append_truth_clauses(writer, panel, &first);
    append_logged_clauses(writer, panel, &first);
    g_string_append_c(writer->script, '\n');
}

/* ---- words ---- */

/* "1/4 of the samples" */
static char *
share_text(int64_t samples, int64_t of)
{
    if (samples < 0 || of <= 0)
        return g_strdup("of an unknown share of the samples");
    if (samples >= of)
        return g_strdup("all samples");
    if (samples > 0 && of % samples == 0)
        return g_strdup_printf("1/%" G_GINT64_FORMAT " of the samples", of / samples);

    double parts = samples > 0 ? (double)of / (double)samples : 0.0;

    if (parts > 0.0 && fabs(parts - round(parts)) < 0.01 * parts)
        return g_strdup_printf("about 1/%.0f of the samples", round(parts));
    return g_strdup_printf("%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " samples", samples, of);
}

/* "rank 0", "ranks 0-3", "3 ranks" */
static char *
ranks_text(const DdpPlotSeries *series)
{
    const GArray *points = series->logged;
    int first = g_array_index(points, DdpPlotPoint, 0).rank;
    int last = g_array_index(points, DdpPlotPoint, points->len - 1).rank;

    if (series->rank_count == 1)
        return g_strdup_printf("rank %d", first);
    if (last - first + 1 == series->rank_count)
        return g_strdup_printf("each of ranks %d-%d", first, last);
    return g_strdup_printf("each of %d ranks", series->rank_count);
}

/* "reduced, the fix of rank_zero_only: rank 0 logs a value of all samples" */
static char *
legend_text(const DdpPlotSeries *series, const char *key)
{
    const DdpPlotReport *report = series->report;
    const DdpPlotRow *last = NULL;
    GString *text = g_string_new(report->variant);

    if (report->fixes != NULL)
        g_string_append_printf(text, " (fixes %s)", report->fixes);
    for (guint i = 0; i < report->rows->len; i++) {
        const DdpPlotRow *row = g_ptr_array_index(report->rows, i);

        if (strcmp(row->key, key) == 0)
            last = row;
    }
    if (last != NULL && series->logged->len > 0) {
        g_autofree char *ranks = ranks_text(series);
        g_autofree char *share = share_text(last->samples, last->of);

        g_string_append_printf(text, ": %s logs, from %s", ranks, share);
        if (is_band(series))
            g_string_append(text, " (least to greatest)");
    }
    return g_string_free(text, FALSE);
}

static char *
title_text(const GPtrArray *reports)
{
    const DdpPlotReport *first = g_ptr_array_index(reports, 0);
    const char *title =
        first->title != NULL && *first->title != '\0' ? first->title : first->scenario;

    return ddp_gnuplot_quote(title, LABEL_MAX);
}

static char *
subtitle_text(const GPtrArray *reports, guint left_out)
{
    const DdpPlotReport *first = g_ptr_array_index(reports, 0);
    GString *text = g_string_new(NULL);
    bool one_size = true;
    char *quoted;

    for (guint i = 1; i < reports->len; i++)
        one_size = one_size && ((DdpPlotReport *)g_ptr_array_index(reports, i))->world_size ==
                                   first->world_size;
    g_string_append_printf(text, "%s: logged against true", first->scenario);
    if (one_size && first->world_size > 0)
        g_string_append_printf(text, ", %d rank%s", first->world_size,
                               first->world_size == 1 ? "" : "s");
    if (left_out > 0)
        g_string_append_printf(text, " (%u more keys in the reports)", left_out);
    quoted = ddp_gnuplot_quote(text->str, LABEL_MAX);
    g_string_free(text, TRUE);
    return quoted;
}

/* ---- the page ---- */

typedef struct {
    int columns, rows;
    int legend_lines;
    int width, height; /* pixels */
} Page;

static Page
page_for(const GPtrArray *panels, int legend_lines)
{
    Page page = {.columns = panels->len > 1 ? 2 : 1, .legend_lines = legend_lines};

    page.rows = ((int)panels->len + page.columns - 1) / page.columns;
    page.width = page.columns == 1 ? 760 : PANEL_WIDTH * page.columns;
    page.height =
        TITLE_HEIGHT + PANEL_HEIGHT * page.rows + LEGEND_LINE * legend_lines + LEGEND_MARGIN;
    return page;
}

/* Pixels from the left or the bottom, as gnuplot's share of the page. */
static void
append_screen(GString *script, const char *what, int pixels, int whole)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    g_ascii_formatd(text, sizeof(text), "%.5f", (double)pixels / whole);
    g_string_append_printf(script, "  set %s at screen %s\n", what, text);
}

static void
append_margins(GString *script, const Page *page, int index)
{
    int width = page->width / page->columns;
    int left = index % page->columns * width;
    int top = page->height - TITLE_HEIGHT - index / page->columns * PANEL_HEIGHT;

    append_screen(script, "lmargin", left + 84, page->width);
    append_screen(script, "rmargin", left + width - 24, page->width);
    append_screen(script, "tmargin", top - 12, page->height);
    append_screen(script, "bmargin", top - PANEL_HEIGHT + 56, page->height);
}

static void
append_head(GString *script, const Page *page)
{
    g_string_append_printf(
        script,
        "# Logged against true. Drawn by ddpsim from report.json; again: gnuplot audit.gnuplot\n"
        "set encoding utf8\n"
        "png = strstrt(GPVAL_TERMINALS, 'pngcairo') > 0 ? 'pngcairo' : 'png'\n"
        "do for [format in 'svg png'] {\n"
        "  if (format eq 'svg') {\n"
        "    set terminal svg noenhanced size %d,%d font 'sans,12' background rgb 'white'\n"
        "  } else {\n"
        "    if (png eq 'pngcairo') {\n"
        "      set terminal pngcairo noenhanced size %d,%d font 'sans,12' fontscale 2 linewidth 2 "
        "pointscale 2\n"
        "    } else {\n"
        "      set terminal png noenhanced size %d,%d\n"
        "    }\n"
        "  }\n"
        "  set output 'audit.'.format\n",
        page->width, page->height, 2 * page->width, 2 * page->height, page->width, page->height);
}

static void
append_title(GString *script, const GPtrArray *reports, const Page *page, guint left_out)
{
    g_autofree char *title = title_text(reports);
    g_autofree char *subtitle = subtitle_text(reports, left_out);
    char high[G_ASCII_DTOSTR_BUF_SIZE], low[G_ASCII_DTOSTR_BUF_SIZE];

    g_ascii_formatd(high, sizeof(high), "%.5f", (double)(page->height - 22) / page->height);
    g_ascii_formatd(low, sizeof(low), "%.5f", (double)(page->height - 46) / page->height);
    g_string_append_printf(script,
                           "  set multiplot\n"
                           "  set label 1 %s at screen 0.5,%s center noenhanced font ',16'\n"
                           "  set label 2 %s at screen 0.5,%s center noenhanced font ',11' "
                           "textcolor rgb '#555555'\n"
                           "  set grid ytics lc rgb '#d8d8d8' lw 1 dt 1\n"
                           "  set border 3 lc rgb '#555555'\n"
                           "  set tics nomirror out scale 0.6\n"
                           "  set format x '%%g'\n"
                           "  set format y '%%g'\n"
                           "  set offsets 0, 0, graph 0.07, graph 0.07\n",
                           title, high, subtitle, low);
}

/* A page-wide plot of nothing, for its key. */
static void
append_legend(Writer *writer, const DdpPlotPanel *panel, const Page *page)
{
    GString *script = writer->script;
    char top[G_ASCII_DTOSTR_BUF_SIZE];
    bool first = true;
    bool any_truth = false;

    g_ascii_formatd(top, sizeof(top), "%.5f",
                    (double)(LEGEND_LINE * page->legend_lines + LEGEND_MARGIN / 2) / page->height);
    g_string_append_printf(script,
                           "  unset border\n  unset tics\n  unset xlabel\n  unset ylabel\n"
                           "  unset grid\n  unset offsets\n"
                           "  set lmargin at screen 0\n  set rmargin at screen 1\n"
                           "  set bmargin at screen 0\n  set tmargin at screen %s\n"
                           "  set xrange [0:1]\n  set yrange [0:1]\n"
                           "  set key at screen 0.06,%s left top Left reverse vertical samplen 3 "
                           "spacing 1.25 noenhanced font ',12'\n",
                           top, top);

    for (guint i = 0; i < panel->series->len; i++)
        any_truth =
            any_truth || ((DdpPlotSeries *)g_ptr_array_index(panel->series, i))->truth->len > 0;
    if (any_truth)
        append_clause(writer, &first,
                      "NaN with lines lw %s dt %s lc rgb '" TRUTH_COLOR "' title '%s'",
                      panel->one_truth ? "7" : "2", panel->one_truth ? "1" : "'-'",
                      panel->one_truth
                          ? "true: what one process with the whole data set logs"
                          : "true, in the colour of each variant: what one process with the whole "
                            "data set logs");
    for (guint i = 0; i < panel->series->len; i++) {
        const DdpPlotSeries *series = g_ptr_array_index(panel->series, i);
        g_autofree char *text = legend_text(series, panel->key);
        g_autofree char *quoted = ddp_gnuplot_quote(text, LABEL_MAX);

        if (is_band(series))
            append_clause(writer, &first,
                          "NaN with filledcurves fs transparent solid 0.3 lc rgb '%s' title %s",
                          color_of(series), quoted);
        else
            append_clause(writer, &first,
                          "NaN with linespoints lw 1.8 dt %d pt %d ps 1.3 lc rgb '%s' title %s",
                          dash_of(series), shape_of(series), color_of(series), quoted);
    }
    g_string_append_c(script, '\n');
}

bool
ddp_audit_picture(const GPtrArray *reports, GString *script, GString *data)
{
    g_return_val_if_fail(reports != NULL && script != NULL && data != NULL, false);

    guint left_out;
    g_autoptr(GPtrArray) panels = ddp_plot_panels_new(reports, PANELS_MAX, &left_out);

    if (panels->len == 0)
        return false;

    Page page = page_for(panels, (int)reports->len + 1);
    Writer writer = {.script = script, .data = data};

    append_head(script, &page);
    append_title(script, reports, &page, left_out);
    for (guint i = 0; i < panels->len; i++) {
        append_margins(script, &page, (int)i);
        g_string_append(script, "  unset key\n");
        append_panel(&writer, g_ptr_array_index(panels, i));
        /* Labels of the page are drawn once. */
        if (i == 0)
            g_string_append(script, "  unset label 1\n  unset label 2\n");
    }
    append_legend(&writer, g_ptr_array_index(panels, 0), &page);
    /* What the first format has set is not to reach the second. */
    g_string_append(script, "  unset multiplot\n  unset output\n  reset\n}\n");
    return true;
}
