/* SPDX-License-Identifier: MIT */
#include "model/metrics.h"

#include <stdlib.h>

static bool
check_equal_lengths(const DdpTensor *a, const DdpTensor *b, GError **error)
{
    if (ddp_tensor_numel(a) == ddp_tensor_numel(b))
        return true;
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                "there are %zu predictions and %zu targets, expected as many of both",
                ddp_tensor_numel(a), ddp_tensor_numel(b));
    return false;
}

/* ---- counts ---- */

static bool
check_label(const char *what, int64_t label, int64_t classes, GError **error)
{
    if (label >= 0 && label < classes)
        return true;
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                "%s hold the label %" G_GINT64_FORMAT ", expected 0 to %" G_GINT64_FORMAT, what,
                label, classes - 1);
    return false;
}

static bool
count_labels(int64_t *counts, const DdpTensor *predicted, const DdpTensor *target, int64_t classes,
             const int64_t *ignored, bool strict, GError **error)
{
    size_t numel = ddp_tensor_numel(target);

    for (size_t i = 0; i < numel; i++) {
        int64_t label = ddp_tensor_item_i64(target, i), found = ddp_tensor_item_i64(predicted, i);

        if (ignored != NULL && label == *ignored)
            continue;
        if (strict && (!check_label("targets", label, classes, error) ||
                       !check_label("predictions", found, classes, error)))
            return false;
        if (label >= 0 && label < classes && found >= 0 && found < classes)
            counts[label * classes + found]++;
    }
    return true;
}

DdpTensor *
ddp_metric_confusion(DdpTensor *predicted, DdpTensor *target, int64_t classes,
                     const int64_t *ignored, bool strict, GError **error)
{
    const int64_t shape[] = {classes, classes};
    DdpTensor *counts;

    g_return_val_if_fail(classes > 0, NULL);
    if (!check_equal_lengths(predicted, target, error))
        return NULL;
    counts = ddp_tensor_new(ddp_tensor_context(target), DDP_DTYPE_I64, 2, shape, error);
    if (counts == NULL)
        return NULL;
    if (count_labels(ddp_tensor_data(counts), predicted, target, classes, ignored, strict, error))
        return counts;
    ddp_tensor_unref(counts);
    return NULL;
}

/* ---- curves ---- */

typedef struct {
    double score;
    bool is_positive;
} Sample;

static int
compare_samples(const void *a, const void *b)
{
    double x = ((const Sample *)a)->score, y = ((const Sample *)b)->score;

    return (x < y) - (x > y); /* the highest first */
}

/* How many samples above each distinct score are positive, and how many are not. */
typedef struct {
    size_t count;
    size_t *positives, *negatives; /* of the first points; owned */
} Curve;

static void
curve_clear(Curve *curve)
{
    g_free(curve->positives);
    g_free(curve->negatives);
}

static bool
curve_make(Curve *curve, const DdpTensor *scores, const DdpTensor *target, int64_t positive,
           GError **error)
{
    size_t numel = ddp_tensor_numel(target), positives = 0, negatives = 0;

    if (!check_equal_lengths(scores, target, error))
        return false;

    g_autofree Sample *samples = g_new(Sample, numel + 1);

    for (size_t i = 0; i < numel; i++)
        samples[i] =
            (Sample){ddp_tensor_item_f64(scores, i), ddp_tensor_item_i64(target, i) == positive};
    qsort(samples, numel, sizeof *samples, compare_samples);
    curve->count = 0;
    curve->positives = g_new(size_t, numel + 1);
    curve->negatives = g_new(size_t, numel + 1);
    for (size_t i = 0; i < numel; i++) {
        positives += samples[i].is_positive;
        negatives += !samples[i].is_positive;
        if (i + 1 < numel && samples[i + 1].score == samples[i].score)
            continue;
        curve->positives[curve->count] = positives;
        curve->negatives[curve->count++] = negatives;
    }
    return true;
}

static void
note_totals(const Curve *curve, DdpCurveValue *value)
{
    value->positives = curve->count > 0 ? curve->positives[curve->count - 1] : 0;
    value->negatives = curve->count > 0 ? curve->negatives[curve->count - 1] : 0;
}

/* Without samples of a kind that rate is 0 everywhere. */
static double
rate(size_t part, size_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0.0;
}

/* The area below the curve from x = 0 to @end. */
static double
area_to(const Curve *curve, const DdpCurveValue *totals, double end)
{
    double area = 0.0, last_x = 0.0, last_y = 0.0;

    for (size_t i = 0; i < curve->count && last_x < end; i++) {
        double x = rate(curve->negatives[i], totals->negatives);
        double y = rate(curve->positives[i], totals->positives);

        if (x > end) {
            y = last_y + (y - last_y) * (end - last_x) / (x - last_x);
            x = end;
        }
        area += (x - last_x) * (y + last_y) / 2.0;
        last_x = x;
        last_y = y;
    }
    return area;
}

bool
ddp_metric_auroc(DdpTensor *scores, DdpTensor *target, int64_t positive, double max_fpr,
                 DdpCurveValue *value, GError **error)
{
    Curve curve;

    if (!curve_make(&curve, scores, target, positive, error))
        return false;
    note_totals(&curve, value);
    value->value = area_to(&curve, value, max_fpr);
    if (max_fpr < 1.0 && value->positives > 0 && value->negatives > 0) {
        double least = max_fpr * max_fpr / 2.0;

        value->value = 0.5 * (1.0 + (value->value - least) / (max_fpr - least));
    }
    curve_clear(&curve);
    return true;
}

bool
ddp_metric_average_precision(DdpTensor *scores, DdpTensor *target, int64_t positive,
                             DdpCurveValue *value, GError **error)
{
    Curve curve;
    double last = 0.0;

    if (!curve_make(&curve, scores, target, positive, error))
        return false;
    note_totals(&curve, value);
    value->value = 0.0;
    for (size_t i = 0; i < curve.count; i++) {
        double recall = rate(curve.positives[i], value->positives);
        double precision = rate(curve.positives[i], curve.positives[i] + curve.negatives[i]);

        value->value += (recall - last) * precision;
        last = recall;
    }
    curve_clear(&curve);
    return true;
}
