/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_histogram.h"

#include <math.h>
#include <stdbool.h>

#include "sim/loggers/event.pb-c.h"
#include "sim/loggers/event_writer.h"

#define LIMIT_LEAST 1e-12
#define LIMIT_GREATEST 1e20
#define LIMIT_GROWTH 1.1

/* Of doubles, rising: the edges of all bins. */
static GArray *
tensorflow_edges(void)
{
    g_autoptr(GArray) above = g_array_new(FALSE, FALSE, sizeof(double));
    GArray *edges = g_array_new(FALSE, TRUE, sizeof(double));

    for (double limit = LIMIT_LEAST; limit < LIMIT_GREATEST; limit *= LIMIT_GROWTH)
        g_array_append_val(above, limit);
    g_array_set_size(edges, 2 * above->len + 1); /* the middle one stays 0 */
    for (guint i = 0; i < above->len; i++) {
        double limit = g_array_index(above, double, i);

        g_array_index(edges, double, above->len + 1 + i) = limit;
        g_array_index(edges, double, above->len - 1 - i) = -limit;
    }
    return edges;
}

static GArray *
even_edges(double min, double max, size_t bins)
{
    GArray *edges = g_array_sized_new(FALSE, FALSE, sizeof(double), (guint)bins + 1);

    if (!(min < max)) {
        min -= 0.5;
        max += 0.5;
    }

    double width = (max - min) / (double)bins;

    for (size_t i = 0; i <= bins; i++) {
        double edge = i < bins ? (double)i * width + min : max;

        g_array_append_val(edges, edge);
    }
    return edges;
}

/* The bin that holds @value; the last one holds its right edge too. -1: outside of all. */
static gint64
bin_of(const GArray *edges, double value)
{
    const double *limits = (const double *)(const void *)edges->data;
    guint low = 0, high = edges->len; /* the first edge above lies in between */

    if (value < limits[0] || value > limits[edges->len - 1])
        return -1;
    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (limits[middle] <= value)
            low = middle + 1;
        else
            high = middle;
    }
    return MIN((gint64)low - 1, (gint64)edges->len - 2);
}

static bool
sum_up(Ddp__Tb__Histogram *histogram, const double *values, size_t count, GError **error)
{
    histogram->min = HUGE_VAL;
    histogram->max = -HUGE_VAL;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            g_set_error(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE,
                        "a histogram of %zu values: value %zu is %g, expected finite numbers",
                        count, i + 1, values[i]);
            return false;
        }
        histogram->min = MIN(histogram->min, values[i]);
        histogram->max = MAX(histogram->max, values[i]);
        histogram->sum += values[i];
        histogram->sum_squares += values[i] * values[i];
    }
    histogram->num = (double)count;
    return true;
}

uint8_t *
ddp_event_histogram_pack(const double *values, size_t count, size_t bins, size_t *size,
                         GError **error)
{
    Ddp__Tb__Histogram histogram = DDP__TB__HISTOGRAM__INIT;

    g_return_val_if_fail(values != NULL && size != NULL, NULL);

    if (count == 0) {
        g_set_error(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE,
                    "a histogram of no values, expected at least one");
        return NULL;
    }
    if (!sum_up(&histogram, values, count, error))
        return NULL;

    g_autoptr(GArray) edges =
        bins == 0 ? tensorflow_edges() : even_edges(histogram.min, histogram.max, bins);
    g_autofree double *counts = g_new0(double, edges->len);
    guint first = edges->len, last = 0;

    for (size_t i = 0; i < count; i++) {
        gint64 bin = bin_of(edges, values[i]);

        if (bin < 0)
            continue;
        counts[bin + 1] += 1; /* behind the empty one that may stand in front of all */
        first = MIN(first, (guint)bin);
        last = MAX(last, (guint)bin);
    }
    if (first > last) {
        g_set_error(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE,
                    "a histogram whose values all lie beyond %g, where TensorBoard has no bins",
                    LIMIT_GREATEST);
        return NULL;
    }
    counts[first] = 0;
    histogram.n_bucket = histogram.n_bucket_limit = last - first + 2;
    histogram.bucket = counts + first;
    histogram.bucket_limit = &g_array_index(edges, double, first);
    *size = ddp__tb__histogram__get_packed_size(&histogram);

    uint8_t *packed = g_malloc(*size + 1);

    ddp__tb__histogram__pack(&histogram, packed);
    return packed;
}
