/* SPDX-License-Identifier: MIT */
#include "model/ops.h"

#include <math.h>
#include <string.h>

#include "model/broadcast.h"
#include "model/class_loss.h"
#include "model/dtypes.h"
#include "model/internal.h"
#include "model/kernels.h"
#include "model/math/elementary.h"

/*
 * Softmax and the losses. They work on rows, [rows, classes]; another dimension is brought to
 * the end first. Halves go through float32, by recorded conversions.
 */

typedef struct {
    size_t rows;
    size_t classes;
} Rows;

static Rows
rows_of(const DdpTensor *x)
{
    Rows r = {.rows = 1, .classes = x->ndim > 0 ? (size_t)x->shape[x->ndim - 1] : 1};

    for (int i = 0; i + 1 < x->ndim; i++)
        r.rows *= (size_t)x->shape[i];
    return r;
}

/* ---- rows of float32 and float64 ----------------------------------------------------- */

static void
exp_n_double(double *out, const double *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = ddp_exp(x[i]);
}

/*
 * For each row: exp(x - max) into @out, its sum into @sums and the greatest element into
 * @maxima. A NaN in a row makes its sum NaN.
 */
#define ROWS(type, exp_n, sum_kernel)                                                              \
    static void exp_rows_##type(Rows r, const type *x, type *out, type *maxima, type *sums)        \
    {                                                                                              \
        for (size_t i = 0; i < r.rows; i++) {                                                      \
            const type *row = x + i * r.classes;                                                   \
            type max = r.classes > 0 ? row[0] : 0;                                                 \
                                                                                                   \
            for (size_t j = 1; j < r.classes; j++)                                                 \
                max = row[j] > max ? row[j] : max;                                                 \
            for (size_t j = 0; j < r.classes; j++)                                                 \
                out[i * r.classes + j] = row[j] - max;                                             \
            maxima[i] = max;                                                                       \
        }                                                                                          \
        exp_n(out, out, r.rows *r.classes);                                                        \
        for (size_t i = 0; i < r.rows; i++)                                                        \
            sums[i] = ddp_kernels()->reduce->sum_kernel(r.classes, out + i * r.classes);           \
    }                                                                                              \
                                                                                                   \
    static void softmax_rows_##type(Rows r, type *exps, const type *sums)                          \
    {                                                                                              \
        for (size_t i = 0; i < r.rows; i++) {                                                      \
            for (size_t j = 0; j < r.classes; j++)                                                 \
                exps[i * r.classes + j] /= sums[i];                                                \
        }                                                                                          \
    }

ROWS(float, ddp_expf_n, sum_f32)
ROWS(double, exp_n_double, sum_f64)

/* What exp_rows() gives, in tensors. */
typedef struct {
    DdpTensor *exps;
    DdpTensor *maxima;
    DdpTensor *sums;
} RowExps;

static void
row_exps_clear(RowExps *e)
{
    clear_tensor(&e->exps);
    clear_tensor(&e->maxima);
    clear_tensor(&e->sums);
}

static bool
row_exps_make(DdpTensor *x, Rows r, RowExps *e, GError **error)
{
    int64_t rows = (int64_t)r.rows;
    DdpDtype dtype = dtype_of(x);

    *e = (RowExps){.exps = NULL};
    e->exps = ddp_tensor_new_like(x, dtype, error);
    if (e->exps != NULL)
        e->maxima = ddp_tensor_new_uninitialized(x->context, dtype, 1, &rows, error);
    if (e->maxima != NULL)
        e->sums = ddp_tensor_new_uninitialized(x->context, dtype, 1, &rows, error);
    if (e->sums == NULL) {
        row_exps_clear(e);
        return false;
    }

    const void *in = x->data;
    void *exps = e->exps->data;
    void *maxima = e->maxima->data;
    void *sums = e->sums->data;

    if (dtype == DDP_DTYPE_F32)
        exp_rows_float(r, in, exps, maxima, sums);
    else
        exp_rows_double(r, in, exps, maxima, sums);
    count_flops(x->context, DDP_FLOPS_ROW_EXPS * x->numel);
    return true;
}

static void
row_exps_to_softmax(RowExps *e, Rows r)
{
    void *exps = e->exps->data;
    const void *sums = e->sums->data;

    if (e->exps->dtype == DDP_DTYPE_F32)
        softmax_rows_float(r, exps, sums);
    else
        softmax_rows_double(r, exps, sums);
    count_flops(e->exps->context, DDP_FLOPS_SOFTMAX * e->exps->numel);
}

/* ---- softmax ------------------------------------------------------------------------- */

#define SOFTMAX_GRADS(type, sum_kernel)                                                            \
    /* y · (g - Σ g·y) */                                                                       \
    static void softmax_grad_##type(Rows r, const type *y, const type *g, type *out)               \
    {                                                                                              \
        for (size_t i = 0; i < r.rows * r.classes; i++)                                            \
            out[i] = g[i] * y[i];                                                                  \
        for (size_t i = 0; i < r.rows; i++) {                                                      \
            type *row = out + i * r.classes;                                                       \
            type sum = ddp_kernels()->reduce->sum_kernel(r.classes, row);                          \
                                                                                                   \
            for (size_t j = 0; j < r.classes; j++)                                                 \
                row[j] = y[i * r.classes + j] * (g[i * r.classes + j] - sum);                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* g - p · Σ g, where @out holds p = exp(y) */                                               \
    static void log_softmax_grad_##type(Rows r, const type *g, type *out)                          \
    {                                                                                              \
        for (size_t i = 0; i < r.rows; i++) {                                                      \
            type sum = ddp_kernels()->reduce->sum_kernel(r.classes, g + i * r.classes);            \
                                                                                                   \
            for (size_t j = i * r.classes; j < (i + 1) * r.classes; j++)                           \
                out[j] = g[j] - out[j] * sum;                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void log_softmax_rows_##type(Rows r, const type *x, const type *maxima,                 \
                                        const type *log_sums, type *out)                           \
    {                                                                                              \
        for (size_t i = 0; i < r.rows; i++) {                                                      \
            for (size_t j = i * r.classes; j < (i + 1) * r.classes; j++)                           \
                out[j] = (x[j] - maxima[i]) - log_sums[i];                                         \
        }                                                                                          \
    }

SOFTMAX_GRADS(float, sum_f32)
SOFTMAX_GRADS(double, sum_f64)

/* saved[0]: the output */
static bool
softmax_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    const void *y = node->saved[0]->data;
    const void *g = grad->data;
    Rows r = rows_of(grad);

    inputs[0] = ddp_tensor_new_like(grad, dtype_of(grad), error);
    if (inputs[0] == NULL)
        return false;

    void *out = inputs[0]->data;

    if (grad->dtype == DDP_DTYPE_F32)
        softmax_grad_float(r, y, g, out);
    else
        softmax_grad_double(r, y, g, out);
    count_flops(grad->context, DDP_FLOPS_GRAD_SOFTMAX * grad->numel);
    return true;
}

static bool
log_softmax_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    const void *g = grad->data;
    Rows r = rows_of(grad);

    inputs[0] = ddp_unary(DDP_UNARY_EXP, node->saved[0], error);
    if (inputs[0] == NULL)
        return false;

    void *out = inputs[0]->data;

    if (grad->dtype == DDP_DTYPE_F32)
        log_softmax_grad_float(r, g, out);
    else
        log_softmax_grad_double(r, g, out);
    count_flops(grad->context, DDP_FLOPS_GRAD_LOG_SOFTMAX * grad->numel);
    return true;
}

static const DdpGradOp softmax_op = {"SoftmaxBackward", softmax_backward};
static const DdpGradOp log_softmax_op = {"LogSoftmaxBackward", log_softmax_backward};

static void
record_output(DdpTensor *out, const DdpGradOp *op, DdpTensor *x)
{
    if (!wants_grad(x))
        return;

    DdpNode *node = ddp_node_new(out, op, 1, 1);

    ddp_node_edge(node, 0, x);
    ddp_node_save_output(node, 0, out);
}

static DdpTensor *
softmax_last(DdpTensor *x, GError **error)
{
    Rows r = rows_of(x);
    RowExps e;

    if (!row_exps_make(x, r, &e, error))
        return NULL;
    row_exps_to_softmax(&e, r);

    DdpTensor *out = ddp_tensor_ref(e.exps);

    row_exps_clear(&e);
    record_output(out, &softmax_op, x);
    return out;
}

static DdpTensor *
log_softmax_last(DdpTensor *x, GError **error)
{
    Rows r = rows_of(x);
    RowExps e;

    if (!row_exps_make(x, r, &e, error))
        return NULL;

    bool grad_enabled = ddp_model_context_set_grad_enabled(x->context, false);
    DdpTensor *logs = ddp_unary(DDP_UNARY_LOG, e.sums, error);
    DdpTensor *out = NULL;

    ddp_model_context_set_grad_enabled(x->context, grad_enabled);
    if (logs != NULL) {
        const void *in = x->data;
        const void *maxima = e.maxima->data;
        const void *log_sums = logs->data;
        void *result = e.exps->data;

        if (x->dtype == DDP_DTYPE_F32)
            log_softmax_rows_float(r, in, maxima, log_sums, result);
        else
            log_softmax_rows_double(r, in, maxima, log_sums, result);
        count_flops(x->context, DDP_FLOPS_LOG_SOFTMAX * x->numel);
        out = ddp_tensor_ref(e.exps);
        record_output(out, &log_softmax_op, x);
    }
    clear_tensor(&logs);
    row_exps_clear(&e);
    return out;
}

static bool
check_float(const char *verb, const DdpTensor *x, GError **error)
{
    if (ddp_dtype_is_float(dtype_of(x)))
        return true;
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                "%s is not implemented for torch.%s", verb, ddp_dtype_name(dtype_of(x)));
    return false;
}

typedef DdpTensor *(*RowFunc)(DdpTensor *x, GError **error);

/* Calls @func with @dim of @x brought to the end, and takes its result back. */
static DdpTensor *
along(RowFunc func, const char *verb, DdpTensor *x, int dim, GError **error)
{
    if (!check_float(verb, x, error) || !ddp_dim_wrap(dim, x->ndim, &dim, error))
        return NULL;

    bool half = dtype_is_half(dtype_of(x));
    bool last = x->ndim < 2 || dim == x->ndim - 1;
    DdpTensor *wide = half ? ddp_to(x, DDP_DTYPE_F32, error) : ddp_tensor_ref(x);
    DdpTensor *turned = NULL;
    DdpTensor *result = NULL;
    DdpTensor *back = NULL;
    DdpTensor *out = NULL;

    if (wide != NULL)
        turned = last ? ddp_tensor_ref(wide) : ddp_transpose(wide, dim, -1, error);
    if (turned != NULL)
        result = func(turned, error);
    if (result != NULL)
        back = last ? ddp_tensor_ref(result) : ddp_transpose(result, dim, -1, error);
    if (back != NULL)
        out = ddp_to(back, dtype_of(x), error);
    clear_tensor(&wide);
    clear_tensor(&turned);
    clear_tensor(&result);
    clear_tensor(&back);
    return out;
}

DdpTensor *
ddp_softmax(DdpTensor *x, int dim, GError **error)
{
    DDP_AUTOCAST_WIDE(x, ddp_softmax(wide, dim, error));
    return along(softmax_last, "softmax", x, dim, error);
}

DdpTensor *
ddp_log_softmax(DdpTensor *x, int dim, GError **error)
{
    DDP_AUTOCAST_WIDE(x, ddp_log_softmax(wide, dim, error));
    return along(log_softmax_last, "log_softmax", x, dim, error);
}

/* ---- cross-entropy ------------------------------------------------------------------- */

DdpCrossEntropySpec
ddp_cross_entropy_spec_default(void)
{
    return (DdpCrossEntropySpec){.reduction = DDP_REDUCTION_MEAN, .ignore_index = -100};
}

#define CROSS_ENTROPY(type, log)                                                                   \
    /* -log softmax of the target: log Σ exp(x - max) - (x[target] - max) */                      \
    static void nll_rows_##type(Rows r, const type *x, const type *maxima, const type *sums,       \
                                const int64_t *target, int64_t ignore, type *losses)               \
    {                                                                                              \
        for (size_t i = 0; i < r.rows; i++) {                                                      \
            if (target[i] == ignore)                                                               \
                losses[i] = 0;                                                                     \
            else                                                                                   \
                losses[i] = log(sums[i]) - (x[i * r.classes + (size_t)target[i]] - maxima[i]);     \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* (softmax - one at the target) · weight of the row */                                       \
    static void nll_grad_##type(Rows r, const type *softmax, const int64_t *target,                \
                                int64_t ignore, const type *grad, bool per_row, type divisor,      \
                                type *out)                                                         \
    {                                                                                              \
        for (size_t i = 0; i < r.rows; i++) {                                                      \
            type weight = grad[per_row ? i : 0] / divisor;                                         \
            const type *p = softmax + i * r.classes;                                               \
            type *row = out + i * r.classes;                                                       \
                                                                                                   \
            if (target[i] == ignore)                                                               \
                weight = 0;                                                                        \
            for (size_t j = 0; j < r.classes; j++)                                                 \
                row[j] = p[j] * weight;                                                            \
            if (target[i] != ignore)                                                               \
                row[target[i]] -= weight;                                                          \
        }                                                                                          \
    }

CROSS_ENTROPY(float, ddp_logf)
CROSS_ENTROPY(double, ddp_log)

/*
 * saved[0]: softmax; saved[1]: target; ints[0]: the reduction; ints[1]: the ignored class;
 * ints[2]: how many samples count.
 */
static bool
cross_entropy_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *softmax = node->saved[0];
    const int64_t *target = (const int64_t *)(const void *)node->saved[1]->data;
    const void *p = softmax->data;
    const void *g = grad->data;
    bool per_row = node->ints[0] == DDP_REDUCTION_NONE;
    double divisor = node->ints[0] == DDP_REDUCTION_MEAN ? (double)node->ints[2] : 1.0;
    Rows r = rows_of(softmax);

    inputs[0] = ddp_tensor_new_like(softmax, dtype_of(softmax), error);
    if (inputs[0] == NULL)
        return false;

    void *out = inputs[0]->data;

    if (softmax->dtype == DDP_DTYPE_F32)
        nll_grad_float(r, p, target, node->ints[1], g, per_row, (float)divisor, out);
    else
        nll_grad_double(r, p, target, node->ints[1], g, per_row, divisor, out);
    count_flops(grad->context,
                DDP_FLOPS_GRAD_NLL * softmax->numel + DDP_FLOPS_GRAD_NLL_ROW * r.rows);
    return true;
}

static const DdpGradOp cross_entropy_op = {"NllLossBackward", cross_entropy_backward};

static bool
check_targets(const DdpTensor *logits, const DdpTensor *target, int64_t ignore, GError **error)
{
    const int64_t *values = (const int64_t *)(const void *)target->data;
    int64_t classes = logits->shape[logits->ndim - 1];

    for (size_t i = 0; i < target->numel; i++) {
        if (values[i] != ignore && (values[i] < 0 || values[i] >= classes)) {
            g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                        "Target %" G_GINT64_FORMAT " is out of bounds.", values[i]);
            return false;
        }
    }
    return true;
}

static bool
check_cross_entropy(const DdpTensor *logits, const DdpTensor *target, GError **error)
{
    if (!check_float("cross_entropy", logits, error))
        return false;
    if (target->dtype != DDP_DTYPE_I64) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "cross_entropy needs class indices of torch.int64 as target, found torch.%s",
                    ddp_dtype_name(dtype_of(target)));
        return false;
    }
    if (logits->ndim < 1 || logits->ndim > 2 || target->ndim != logits->ndim - 1) {
        g_autofree char *found = ddp_shape_to_string(logits->ndim, logits->shape);
        g_autofree char *found_target = ddp_shape_to_string(target->ndim, target->shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "cross_entropy needs logits [N, C] with targets [N], or [C] with a "
                    "0-dimensional target, found %s and %s",
                    found, found_target);
        return false;
    }
    if (logits->ndim == 2 && logits->shape[0] != target->shape[0]) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "Expected input batch_size (%" G_GINT64_FORMAT
                    ") to match target batch_size (%" G_GINT64_FORMAT ").",
                    logits->shape[0], target->shape[0]);
        return false;
    }
    return true;
}

static int64_t
count_targets(const DdpTensor *target, int64_t ignore)
{
    const int64_t *values = (const int64_t *)(const void *)target->data;
    int64_t count = 0;

    for (size_t i = 0; i < target->numel; i++)
        count += values[i] != ignore;
    return count;
}

/* One loss per row, or their sum, or their mean over @counted rows. */
static DdpTensor *
reduce_losses(DdpTensor *losses, DdpReduction reduction, int64_t counted, GError **error)
{
    if (reduction == DDP_REDUCTION_NONE)
        return ddp_tensor_ref(losses);

    DdpTensor *sum = ddp_sum(losses, error);

    if (sum == NULL || reduction == DDP_REDUCTION_SUM)
        return sum;

    DdpTensor *mean = ddp_binary(DDP_BINARY_DIV, ddp_operand_tensor(sum),
                                 ddp_operand_float((double)counted), error);

    ddp_tensor_unref(sum);
    return mean;
}

/* Of float32 or float64 logits; what it computes on the way is no part of the graph. */
static DdpTensor *
cross_entropy_wide(DdpTensor *logits, DdpTensor *target, const DdpCrossEntropySpec *spec,
                   GError **error)
{
    Rows r = rows_of(logits);
    RowExps e;

    if (!row_exps_make(logits, r, &e, error))
        return NULL;

    DdpTensor *losses = ddp_tensor_new_uninitialized(logits->context, dtype_of(logits),
                                                     target->ndim, target->shape, error);
    DdpTensor *out = NULL;
    int64_t counted = count_targets(target, spec->ignore_index);

    if (losses != NULL) {
        const void *x = logits->data;
        const void *maxima = e.maxima->data;
        const void *sums = e.sums->data;
        const int64_t *classes = (const int64_t *)(const void *)target->data;
        void *result = losses->data;

        if (logits->dtype == DDP_DTYPE_F32)
            nll_rows_float(r, x, maxima, sums, classes, spec->ignore_index, result);
        else
            nll_rows_double(r, x, maxima, sums, classes, spec->ignore_index, result);
        count_flops(logits->context, DDP_FLOPS_NLL_ROW * r.rows);
        out = reduce_losses(losses, spec->reduction, counted, error);
    }
    if (out != NULL && wants_grad(logits)) {
        DdpNode *node = ddp_node_new(out, &cross_entropy_op, 1, 2);

        row_exps_to_softmax(&e, r);
        ddp_node_edge(node, 0, logits);
        ddp_node_save(node, 0, e.exps);
        ddp_node_save(node, 1, target);
        node->ints[0] = spec->reduction;
        node->ints[1] = spec->ignore_index;
        node->ints[2] = counted;
    }
    clear_tensor(&losses);
    row_exps_clear(&e);
    return out;
}

DdpTensor *
ddp_cross_entropy(DdpTensor *logits, DdpTensor *target, const DdpCrossEntropySpec *spec,
                  GError **error)
{
    DdpCrossEntropySpec fallback = ddp_cross_entropy_spec_default();

    if (spec == NULL)
        spec = &fallback;
    DDP_AUTOCAST_WIDE(logits, ddp_cross_entropy(wide, target, spec, error));
    DDP_AUTOCAST_WIDE(target, ddp_cross_entropy(logits, wide, spec, error));
    if (ddp_cross_entropy_is_general(logits, target, spec))
        return ddp_cross_entropy_general(logits, target, spec, error);
    if (!check_cross_entropy(logits, target, error) ||
        !check_targets(logits, target, spec->ignore_index, error))
        return NULL;
    if (!dtype_is_half(dtype_of(logits)))
        return cross_entropy_wide(logits, target, spec, error);

    DdpTensor *wide = ddp_to(logits, DDP_DTYPE_F32, error);
    DdpTensor *loss = wide != NULL ? cross_entropy_wide(wide, target, spec, error) : NULL;
    DdpTensor *out = loss != NULL ? ddp_to(loss, dtype_of(logits), error) : NULL;

    clear_tensor(&loss);
    clear_tensor(&wide);
    return out;
}

/* ---- mean squared error -------------------------------------------------------------- */

/* saved[0], saved[1]: input, target; ints[0]: the reduction. (2/n · (a - b)) · grad */
static bool
mse_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *a = node->saved[0];
    DdpTensor *b = node->saved[1];
    double norm = node->ints[0] == DDP_REDUCTION_MEAN ? 2.0 / (double)a->numel : 2.0;
    DdpTensor *slope = ddp_sub(a, b, error);
    bool ok = slope != NULL && ddp_binary_(DDP_BINARY_MUL, slope, ddp_operand_float(norm), error) &&
              ddp_binary_(DDP_BINARY_MUL, slope, ddp_operand_tensor(grad), error);

    if (ok && node_wants(node, 1)) {
        inputs[1] = ddp_unary(DDP_UNARY_NEG, slope, error);
        ok = inputs[1] != NULL;
    }
    if (ok && node_wants(node, 0))
        inputs[0] = ddp_tensor_ref(slope);
    clear_tensor(&slope);
    return ok;
}

static const DdpGradOp mse_op = {"MseLossBackward", mse_backward};

/* Brought to one shape and dtype first, as torch does (with a warning there). */
static DdpTensor *
mse_broadcast(DdpTensor *input, DdpTensor *target, DdpReduction reduction, GError **error)
{
    DdpShape input_shape = ddp_shape_of(input);
    DdpShape target_shape = ddp_shape_of(target);
    DdpShape common;

    if (!ddp_shape_broadcast(&input_shape, &target_shape, &common, error))
        return NULL;

    DdpTensor *a = ddp_expand(input, common.ndim, common.shape, error);
    DdpTensor *b = a != NULL ? ddp_expand(target, common.ndim, common.shape, error) : NULL;
    DdpTensor *difference = b != NULL ? ddp_sub(a, b, error) : NULL;
    DdpTensor *square = difference != NULL ? ddp_mul(difference, difference, error) : NULL;
    DdpTensor *out = NULL;

    if (square != NULL)
        out = reduction == DDP_REDUCTION_NONE  ? ddp_tensor_ref(square)
              : reduction == DDP_REDUCTION_SUM ? ddp_sum(square, error)
                                               : ddp_mean(square, error);
    clear_tensor(&square);
    clear_tensor(&difference);
    clear_tensor(&b);
    clear_tensor(&a);
    return out;
}

DdpTensor *
ddp_mse_loss(DdpTensor *input, DdpTensor *target, DdpReduction reduction, GError **error)
{
    DDP_AUTOCAST_WIDE(input, ddp_mse_loss(wide, target, reduction, error));
    DDP_AUTOCAST_WIDE(target, ddp_mse_loss(input, wide, reduction, error));
    if (!ddp_tensor_same_shape(input, target) || input->dtype != target->dtype)
        return mse_broadcast(input, target, reduction, error);
    if (!check_float("mse_loss", input, error))
        return NULL;

    bool wants = wants_grad(input) || wants_grad(target);
    bool grad_enabled = ddp_model_context_set_grad_enabled(input->context, false);
    DdpTensor *square = ddp_sub(input, target, error);
    DdpTensor *out = NULL;

    if (square != NULL && ddp_binary_(DDP_BINARY_MUL, square, ddp_operand_tensor(square), error))
        out = reduce_losses(square, reduction, (int64_t)square->numel, error);
    ddp_model_context_set_grad_enabled(input->context, grad_enabled);
    clear_tensor(&square);
    if (out != NULL && wants) {
        DdpNode *node = ddp_node_new(out, &mse_op, 2, 2);

        ddp_node_edge(node, 0, input);
        ddp_node_edge(node, 1, target);
        ddp_node_save(node, 0, input);
        ddp_node_save(node, 1, target);
        node->ints[0] = reduction;
    }
    return out;
}
