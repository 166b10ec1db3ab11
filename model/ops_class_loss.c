/* SPDX-License-Identifier: MIT */
#include "model/class_loss.h"

#include <string.h>

#include "model/dtypes.h"
#include "model/internal.h"
#include "model/losses.h"

/*
 * Losses over classes. Log-probabilities are seen as [outer, classes, inner] with a target for each
 * [outer, inner], a row:
 *
 *     loss of a row = -(1 - smoothing) · w[target] · l[target] - smoothing / classes · Σ w[c] ·
 * l[c]
 *
 * the sum in the order of the classes. A mean divides by Σ w[target], which is added in row order
 * in double. Rows of the ignored class are left out of everything.
 */

typedef struct {
    size_t outer;
    size_t classes;
    size_t inner;
} ClassRows;

static int
class_dim(const DdpTensor *x)
{
    return x->ndim > 1 ? 1 : 0;
}

static ClassRows
class_rows(int ndim, const int64_t *shape)
{
    ClassRows r = {.outer = ndim > 1 ? (size_t)shape[0] : 1, .inner = 1};

    r.classes = (size_t)shape[ndim > 1 ? 1 : 0];
    for (int i = 2; i < ndim; i++)
        r.inner *= (size_t)shape[i];
    return r;
}

static const int64_t *
classes_of(const DdpTensor *target)
{
    return (const int64_t *)(const void *)target->data;
}

/* ---- arithmetic ---------------------------------------------------------------------- */

typedef struct {
    ClassRows rows;
    int64_t ignore;
    double smoothing;
} ClassLoss;

#define CLASS_LOSS(type)                                                                           \
    static double total_weight_##type(const ClassLoss *l, const int64_t *target,                   \
                                      const type *weight)                                          \
    {                                                                                              \
        double total = 0.0;                                                                        \
                                                                                                   \
        for (size_t i = 0; i < l->rows.outer * l->rows.inner; i++) {                               \
            if (target[i] != l->ignore)                                                            \
                total += weight != NULL ? (double)weight[target[i]] : 1.0;                         \
        }                                                                                          \
        return total;                                                                              \
    }                                                                                              \
                                                                                                   \
    static void class_values_##type(const ClassLoss *l, const type *x, const int64_t *target,      \
                                    const type *weight, type *out)                                 \
    {                                                                                              \
        size_t classes = l->rows.classes, inner = l->rows.inner;                                   \
        type straight = (type)(1.0 - l->smoothing);                                                \
        type smooth = (type)(l->smoothing / (double)classes);                                      \
                                                                                                   \
        for (size_t i = 0; i < l->rows.outer * inner; i++) {                                       \
            const type *row = x + i / inner * classes * inner + i % inner;                         \
            type sum = 0;                                                                          \
                                                                                                   \
            out[i] = 0;                                                                            \
            if (target[i] == l->ignore)                                                            \
                continue;                                                                          \
                                                                                                   \
            size_t t = (size_t)target[i];                                                          \
                                                                                                   \
            out[i] = -(weight != NULL ? weight[t] * row[t * inner] : row[t * inner]);              \
            if (l->smoothing == 0.0)                                                               \
                continue;                                                                          \
            for (size_t c = 0; c < classes; c++)                                                   \
                sum += weight != NULL ? weight[c] * row[c * inner] : row[c * inner];               \
            out[i] = straight * out[i] - smooth * sum;                                             \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* @grad: one for each row, or one for all */                                                  \
    static void class_grad_##type(const ClassLoss *l, const int64_t *target, const type *weight,   \
                                  const type *grad, bool per_row, double divisor, type *out)       \
    {                                                                                              \
        size_t classes = l->rows.classes, inner = l->rows.inner;                                   \
        type straight = (type)(1.0 - l->smoothing);                                                \
        type smooth = (type)(l->smoothing / (double)classes);                                      \
                                                                                                   \
        memset(out, 0, l->rows.outer *classes *inner * sizeof out[0]);                             \
        for (size_t i = 0; i < l->rows.outer * inner; i++) {                                       \
            type g = grad[per_row ? i : 0] / (type)divisor;                                        \
            type *row = out + i / inner * classes * inner + i % inner;                             \
                                                                                                   \
            if (target[i] == l->ignore)                                                            \
                continue;                                                                          \
                                                                                                   \
            size_t t = (size_t)target[i];                                                          \
                                                                                                   \
            for (size_t c = 0; l->smoothing != 0.0 && c < classes; c++)                            \
                row[c * inner] = -(smooth * (weight != NULL ? weight[c] * g : g));                 \
            row[t * inner] -= straight * (weight != NULL ? weight[t] * g : g);                     \
        }                                                                                          \
    }

CLASS_LOSS(float)
CLASS_LOSS(double)

static void
count_smoothing(DdpModelContext *context, const ClassLoss *l, bool weighted, uint64_t smoothing)
{
    size_t rows = l->rows.outer * l->rows.inner;

    count_flops(context, (weighted ? DDP_FLOPS_NLL_WEIGHT * rows : 0) +
                             (l->smoothing != 0.0 ? smoothing * rows * l->rows.classes : 0));
}

/* ---- class indices ------------------------------------------------------------------- */

/*
 * saved[0]: target; saved[1]: the weight or nothing; ints[0]: the reduction; ints[1]: the ignored
 * class; floats[0]: the smoothing; floats[1]: what a mean is divided by. Slot 0: shape of x.
 */
static bool
class_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    const int64_t *target = classes_of(node->saved[0]);
    const DdpTensor *weight = node->saved[1];
    const void *w = weight != NULL ? weight->data : NULL;
    const void *g = grad->data;
    bool per_row = node->ints[0] == DDP_REDUCTION_NONE;
    ClassLoss l = {class_rows(node->input_ndim[0], node->input_shape[0]), node->ints[1],
                   node->floats[0]};

    inputs[0] = ddp_tensor_new_uninitialized(grad->context, dtype_of(grad), node->input_ndim[0],
                                             node->input_shape[0], error);
    if (inputs[0] == NULL)
        return false;

    void *out = inputs[0]->data;

    if (grad->dtype == DDP_DTYPE_F32)
        class_grad_float(&l, target, w, g, per_row, node->floats[1], out);
    else
        class_grad_double(&l, target, w, g, per_row, node->floats[1], out);
    count_flops(grad->context, DDP_FLOPS_GRAD_NLL_ROW * l.rows.outer * l.rows.inner);
    count_smoothing(grad->context, &l, weight != NULL, DDP_FLOPS_GRAD_NLL_SMOOTH);
    return true;
}

static const DdpGradOp class_op = {"NllLossBackward", class_backward};

/* One loss a row as it is, their sum, or that divided; outside of the graph. */
static DdpTensor *
reduced(DdpTensor *losses, DdpReduction reduction, double divisor, GError **error)
{
    if (reduction == DDP_REDUCTION_NONE)
        return ddp_tensor_ref(losses);

    DdpTensor *sum = ddp_sum(losses, error);

    if (sum == NULL || reduction == DDP_REDUCTION_SUM)
        return sum;

    DdpTensor *mean =
        ddp_binary(DDP_BINARY_DIV, ddp_operand_tensor(sum), ddp_operand_float(divisor), error);

    ddp_tensor_unref(sum);
    return mean;
}

/* Of float32 or float64 log-probabilities, with a weight of the same. */
static DdpTensor *
class_loss(DdpTensor *x, DdpTensor *target, const DdpCrossEntropySpec *spec, GError **error)
{
    ClassLoss l = {class_rows(x->ndim, x->shape), spec->ignore_index, spec->label_smoothing};
    const int64_t *classes = classes_of(target);
    const void *in = x->data;
    const void *w = spec->weight != NULL ? spec->weight->data : NULL;
    bool is_float = x->dtype == DDP_DTYPE_F32;
    double divisor = 1.0;
    DdpTensor *losses =
        ddp_tensor_new_uninitialized(x->context, dtype_of(x), target->ndim, target->shape, error);

    if (losses == NULL)
        return NULL;
    if (is_float)
        class_values_float(&l, in, classes, w, (float *)(void *)losses->data);
    else
        class_values_double(&l, in, classes, w, (double *)(void *)losses->data);
    if (spec->reduction == DDP_REDUCTION_MEAN)
        divisor =
            is_float ? total_weight_float(&l, classes, w) : total_weight_double(&l, classes, w);
    count_smoothing(x->context, &l, w != NULL, DDP_FLOPS_NLL_SMOOTH);

    DdpTensor *out = reduced(losses, spec->reduction, divisor, error);

    ddp_tensor_unref(losses);
    if (out != NULL && wants_grad(x)) {
        DdpNode *node = ddp_node_new(out, &class_op, 1, 2);

        ddp_node_edge(node, 0, x);
        ddp_node_save(node, 0, target);
        if (spec->weight != NULL)
            ddp_node_save(node, 1, spec->weight);
        ddp_node_remember_shape(node, 0, x);
        node->ints[0] = spec->reduction;
        node->ints[1] = spec->ignore_index;
        node->floats[0] = spec->label_smoothing;
        node->floats[1] = divisor;
    }
    return out;
}

/* ---- targets that are probabilities -------------------------------------------------- */

/* @a op @b, and @a is given up. */
static DdpTensor *
then(DdpBinaryOp op, DdpTensor *a, DdpOperand b, GError **error)
{
    if (a == NULL)
        return NULL;

    DdpTensor *out = ddp_binary(op, ddp_operand_tensor(a), b, error);

    ddp_tensor_unref(a);
    return out;
}

/* The weight in a shape that is broadcast along the classes of @x. */
static DdpTensor *
weight_along_classes(DdpTensor *weight, const DdpTensor *x, GError **error)
{
    int64_t shape[DDP_TENSOR_DIMS_MAX];

    for (int i = 0; i < x->ndim; i++)
        shape[i] = i == class_dim(x) ? weight->shape[0] : 1;
    return ddp_reshape(weight, x->ndim, shape, error);
}

/* -Σ l · target · weight, by operations that each know their derivative. */
static DdpTensor *
probability_loss(DdpTensor *x, DdpTensor *target, const DdpCrossEntropySpec *spec, GError **error)
{
    double classes = (double)x->shape[class_dim(x)];
    double s = spec->label_smoothing;
    DdpTensor *part = ddp_tensor_ref(target);

    if (s != 0.0) {
        part = then(DDP_BINARY_MUL, part, ddp_operand_float(1.0 - s), error);
        part = then(DDP_BINARY_ADD, part, ddp_operand_float(s / classes), error);
    }
    part = then(DDP_BINARY_MUL, part, ddp_operand_tensor(x), error);
    if (part != NULL && spec->weight != NULL) {
        DdpTensor *weight = weight_along_classes(spec->weight, x, error);

        if (weight != NULL)
            part = then(DDP_BINARY_MUL, part, ddp_operand_tensor(weight), error);
        else
            clear_tensor(&part);
        clear_tensor(&weight);
    }
    if (part == NULL)
        return NULL;

    bool none = spec->reduction == DDP_REDUCTION_NONE;
    DdpTensor *sum =
        ddp_reduce(DDP_FOLD_SUM, part, none ? class_dim(x) : DDP_DIM_ALL, false, error);
    double divisor = spec->reduction == DDP_REDUCTION_MEAN ? -(double)x->numel / classes : -1.0;

    ddp_tensor_unref(part);
    return then(DDP_BINARY_DIV, sum, ddp_operand_float(divisor), error);
}

/* ---- checks -------------------------------------------------------------------------- */

static bool
refuse_shape(const char *verb, const DdpTensor *x, const DdpTensor *target, GError **error)
{
    g_autofree char *found = ddp_shape_to_string(x->ndim, x->shape);
    g_autofree char *found_target = ddp_shape_to_string(target->ndim, target->shape);

    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                "%s needs an input [C], [N, C] or [N, C, d1, ...] with class indices of the same "
                "shape without C, found %s and %s",
                verb, found, found_target);
    return false;
}

static bool
check_indices(const char *verb, const DdpTensor *x, const DdpTensor *target, int64_t ignore,
              GError **error)
{
    if (target->dtype != DDP_DTYPE_I64) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "%s needs class indices of torch.int64 as target, found torch.%s", verb,
                    ddp_dtype_name(dtype_of(target)));
        return false;
    }
    if (x->ndim < 1 || target->ndim != x->ndim - 1)
        return refuse_shape(verb, x, target, error);
    if (x->ndim > 1 && x->shape[0] != target->shape[0]) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "Expected input batch_size (%" G_GINT64_FORMAT
                    ") to match target batch_size (%" G_GINT64_FORMAT ").",
                    x->shape[0], target->shape[0]);
        return false;
    }
    for (int i = 2; i < x->ndim; i++) {
        if (x->shape[i] != target->shape[i - 1])
            return refuse_shape(verb, x, target, error);
    }

    int64_t classes = x->shape[class_dim(x)];

    for (size_t i = 0; i < target->numel; i++) {
        int64_t class = classes_of(target)[i];

        if (class != ignore && (class < 0 || class >= classes)) {
            g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                        "Target %" G_GINT64_FORMAT " is out of bounds.", class);
            return false;
        }
    }
    return true;
}

static bool
check_probabilities(const DdpTensor *x, const DdpTensor *target, const DdpCrossEntropySpec *spec,
                    GError **error)
{
    if (!ddp_tensor_same_shape(x, target)) {
        g_autofree char *found = ddp_shape_to_string(x->ndim, x->shape);
        g_autofree char *found_target = ddp_shape_to_string(target->ndim, target->shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "cross_entropy: a target of probabilities must have the shape of the input, "
                    "%s, found %s (class indices are torch.int64)",
                    found, found_target);
        return false;
    }
    if (spec->ignore_index >= 0) {
        g_set_error(
            error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
            "ignore_index is not supported for floating point target, found %" G_GINT64_FORMAT,
            spec->ignore_index);
        return false;
    }
    return true;
}

static bool
check_spec(const char *verb, const DdpTensor *x, const DdpCrossEntropySpec *spec, GError **error)
{
    if (!ddp_dtype_is_float(dtype_of(x))) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "%s is not implemented for torch.%s", verb, ddp_dtype_name(dtype_of(x)));
        return false;
    }
    if (!(spec->label_smoothing >= 0.0 && spec->label_smoothing <= 1.0)) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                    "label_smoothing must be between 0.0 and 1.0. Got: %g", spec->label_smoothing);
        return false;
    }
    if (spec->weight == NULL)
        return true;
    if (spec->weight->dtype != x->dtype) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "%s: the weight is torch.%s, expected torch.%s as the input is", verb,
                    ddp_dtype_name(dtype_of(spec->weight)), ddp_dtype_name(dtype_of(x)));
        return false;
    }
    if (x->ndim < 1 || spec->weight->ndim != 1 ||
        spec->weight->shape[0] != x->shape[class_dim(x)]) {
        g_autofree char *found = ddp_shape_to_string(spec->weight->ndim, spec->weight->shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "weight tensor should be defined either for all %" G_GINT64_FORMAT
                    " classes or no classes but got weight tensor of shape: %s",
                    x->ndim < 1 ? 0 : x->shape[class_dim(x)], found);
        return false;
    }
    return true;
}

/* ---- the operations ------------------------------------------------------------------ */

/* Of checked operands; halves by way of float32. */
static DdpTensor *
from_logits(DdpTensor *x, DdpTensor *target, const DdpCrossEntropySpec *spec, GError **error)
{
    DdpTensor *logs = ddp_log_softmax(x, class_dim(x), error);
    DdpTensor *out = NULL;

    if (logs == NULL)
        return NULL;
    out = ddp_target_is_probabilities(x, target) ? probability_loss(logs, target, spec, error)
                                                 : class_loss(logs, target, spec, error);
    ddp_tensor_unref(logs);
    return out;
}

typedef DdpTensor *(*LossFunc)(DdpTensor *x, DdpTensor *target, const DdpCrossEntropySpec *spec,
                               GError **error);

static DdpTensor *
by_float32(LossFunc loss, DdpTensor *x, DdpTensor *target, const DdpCrossEntropySpec *spec,
           GError **error)
{
    if (!dtype_is_half(dtype_of(x)))
        return loss(x, target, spec, error);

    DdpCrossEntropySpec wide_spec = *spec;
    DdpTensor *wide = ddp_to(x, DDP_DTYPE_F32, error);
    DdpTensor *weight =
        wide != NULL && spec->weight != NULL ? ddp_to(spec->weight, DDP_DTYPE_F32, error) : NULL;
    DdpTensor *value = NULL;
    DdpTensor *out = NULL;

    wide_spec.weight = weight;
    if (wide != NULL && (weight != NULL || spec->weight == NULL))
        value = loss(wide, target, &wide_spec, error);
    if (value != NULL)
        out = ddp_to(value, dtype_of(x), error);
    clear_tensor(&value);
    clear_tensor(&weight);
    clear_tensor(&wide);
    return out;
}

DdpTensor *
ddp_cross_entropy_general(DdpTensor *logits, DdpTensor *target, const DdpCrossEntropySpec *spec,
                          GError **error)
{
    bool ok = check_spec("cross_entropy", logits, spec, error);

    if (ok && ddp_target_is_probabilities(logits, target))
        ok = check_probabilities(logits, target, spec, error);
    else if (ok)
        ok = check_indices("cross_entropy", logits, target, spec->ignore_index, error);
    return ok ? by_float32(from_logits, logits, target, spec, error) : NULL;
}

DdpTensor *
ddp_nll_loss(DdpTensor *log_probabilities, DdpTensor *target, const DdpCrossEntropySpec *spec,
             GError **error)
{
    DdpCrossEntropySpec fallback = ddp_cross_entropy_spec_default();

    if (spec == NULL)
        spec = &fallback;
    DDP_AUTOCAST_WIDE(log_probabilities, ddp_nll_loss(wide, target, spec, error));
    g_return_val_if_fail(spec->label_smoothing == 0.0, NULL);
    if (!check_spec("nll_loss", log_probabilities, spec, error) ||
        !check_indices("nll_loss", log_probabilities, target, spec->ignore_index, error))
        return NULL;
    return by_float32(class_loss, log_probabilities, target, spec, error);
}
