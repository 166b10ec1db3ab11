/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * What classification metrics are made of: counts of labels and curves over scores, as TorchMetrics
 * defines them (functional/classification). Tensors of any dtype are read; sums run in the order of
 * samples, and curves in that of scores, with samples of one score together: so results do not
 * depend on which sample stood first.
 */

/**
 * ddp_metric_confusion:
 * @predicted: labels, as many as @target has
 * @ignored: (nullable): samples of this true label are left out
 * @strict: a label outside 0 … @classes - 1 is an error; else such samples are left out
 *
 * Returns: (transfer full): int64 [@classes, @classes]; rows are true labels
 */
DdpTensor *ddp_metric_confusion(DdpTensor *predicted, DdpTensor *target, int64_t classes,
                                const int64_t *ignored, bool strict, GError **error);

/* Of the sorted scores of @scores against `target == @positive`. */
typedef struct {
    double value;
    size_t positives, negatives;
} DdpCurveValue;

/**
 * ddp_metric_auroc:
 * @max_fpr: the area up to this false positive rate, after McClish; 1 for all of it
 *
 * The area under the ROC curve by the trapezoid rule; equal scores are one point of it.
 */
bool ddp_metric_auroc(DdpTensor *scores, DdpTensor *target, int64_t positive, double max_fpr,
                      DdpCurveValue *value, GError **error);

/* Average precision: precision summed over the steps of recall. 0 without positives. */
bool ddp_metric_average_precision(DdpTensor *scores, DdpTensor *target, int64_t positive,
                                  DdpCurveValue *value, GError **error);

G_END_DECLS
