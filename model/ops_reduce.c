/* SPDX-License-Identifier: MIT */
#include "model/ops.h"

#include <math.h>
#include <string.h>

#include "model/dtypes.h"
#include "model/internal.h"
#include "model/kernels.h"

/*
 * Reductions. A tensor is looked at as [outer, count, inner], where `count` runs along the
 * dimension that goes away; a reduction of everything has outer = inner = 1.
 */

typedef struct {
    size_t outer;
    size_t count;
    size_t inner;
    int dim;  /* -1: all */
    int ndim; /* of the result */
    int64_t shape[DDP_TENSOR_DIMS_MAX];
} Layout;

static bool
layout_make(const DdpTensor *x, int dim, bool keepdim, Layout *layout, GError **error)
{
    *layout = (Layout){.outer = 1, .count = x->numel, .inner = 1, .dim = -1};
    if (dim == DDP_DIM_ALL || x->ndim == 0) {
        if (dim != DDP_DIM_ALL && !ddp_dim_wrap(dim, x->ndim, &dim, error))
            return false;
        for (int i = 0; keepdim && i < x->ndim; i++)
            layout->shape[layout->ndim++] = 1;
        return true;
    }
    if (!ddp_dim_wrap(dim, x->ndim, &layout->dim, error))
        return false;

    layout->count = (size_t)x->shape[layout->dim];
    for (int i = 0; i < x->ndim; i++) {
        if (i < layout->dim)
            layout->outer *= (size_t)x->shape[i];
        else if (i > layout->dim)
            layout->inner *= (size_t)x->shape[i];
        if (i != layout->dim)
            layout->shape[layout->ndim++] = x->shape[i];
        else if (keepdim)
            layout->shape[layout->ndim++] = 1;
    }
    return true;
}

/* ---- sum and mean -------------------------------------------------------------------- */

static void
sum_f32(const Layout *l, const float *x, float *out)
{
    const DdpReduceKernels *kernels = ddp_kernels()->reduce;

    for (size_t o = 0; o < l->outer; o++) {
        if (l->inner == 1)
            out[o] = kernels->sum_f32(l->count, x + o * l->count);
        else
            kernels->sum_rows_f32(l->count, l->inner, x + o * l->count * l->inner,
                                  out + o * l->inner);
    }
}

static void
sum_f64(const Layout *l, const double *x, double *out)
{
    const DdpReduceKernels *kernels = ddp_kernels()->reduce;

    for (size_t o = 0; o < l->outer; o++) {
        if (l->inner == 1)
            out[o] = kernels->sum_f64(l->count, x + o * l->count);
        else
            kernels->sum_rows_f64(l->count, l->inner, x + o * l->count * l->inner,
                                  out + o * l->inner);
    }
}

static void
sum_i64(const Layout *l, const int64_t *x, int64_t *out)
{
    memset(out, 0, l->outer * l->inner * sizeof out[0]);
    for (size_t o = 0; o < l->outer; o++) {
        for (size_t k = 0; k < l->count; k++) {
            for (size_t j = 0; j < l->inner; j++) {
                int64_t *sum = &out[o * l->inner + j];

                *sum = (int64_t)((uint64_t)*sum + (uint64_t)x[(o * l->count + k) * l->inner + j]);
            }
        }
    }
}

/* @out has the dtype that the sum is computed in; so has @x. */
static void
sum_into(const Layout *layout, const DdpTensor *x, DdpTensor *out)
{
    const void *data = x->data;
    void *result = out->data;

    g_assert(x->dtype == out->dtype);
    if (x->dtype == DDP_DTYPE_F32)
        sum_f32(layout, data, result);
    else if (x->dtype == DDP_DTYPE_F64)
        sum_f64(layout, data, result);
    else
        sum_i64(layout, data, result);
}

static void
divide_by(DdpTensor *x, size_t count)
{
    double divisor = (double)count;

    for (size_t i = 0; i < x->numel; i++) {
        if (x->dtype == DDP_DTYPE_F32)
            ((float *)(void *)x->data)[i] /= (float)divisor;
        else
            ((double *)(void *)x->data)[i] /= divisor;
    }
}

/* A new reference to @x, or its elements in another dtype; outside of the graph. */
static DdpTensor *
converted(DdpTensor *x, DdpDtype dtype, GError **error)
{
    if (dtype_of(x) == dtype)
        return ddp_tensor_ref(x);

    DdpTensor *out = ddp_tensor_new_like(x, dtype, error);

    if (out != NULL)
        ddp_convert(x->numel, out->data, dtype, x->data, dtype_of(x));
    return out;
}

/* Sums, and divides by @divisor unless it is 0; in float32 for halves, int64 for integers. */
static DdpTensor *
sum_compute(DdpTensor *x, const Layout *layout, bool mean, GError **error)
{
    DdpDtype dtype = dtype_of(x);
    DdpDtype compute = dtype_is_half(dtype)        ? DDP_DTYPE_F32
                       : ddp_dtype_is_float(dtype) ? dtype
                                                   : DDP_DTYPE_I64;
    DdpTensor *wide = converted(x, compute, error);
    DdpTensor *sum = wide != NULL ? ddp_tensor_new_uninitialized(x->context, compute, layout->ndim,
                                                                 layout->shape, error)
                                  : NULL;
    DdpTensor *result = NULL;

    if (sum != NULL) {
        sum_into(layout, wide, sum);
        if (mean)
            divide_by(sum, layout->count);
        count_flops(x->context,
                    DDP_FLOPS_REDUCE * x->numel + (mean ? DDP_FLOPS_MEAN * sum->numel : 0));
        result = converted(sum, dtype_is_half(dtype) ? dtype : compute, error);
    }
    clear_tensor(&sum);
    clear_tensor(&wide);
    return result;
}

/*
 * Nodes of reductions: slot 0 remembers the shape of the input; ints[0]: the dimension, -1 for
 * all; ints[1]: the count that was reduced.
 */

/* @reduced, of a result, in the shape that it would have had with keepdim. */
static DdpTensor *
with_dim(DdpTensor *reduced, const DdpNode *node, GError **error)
{
    int64_t shape[DDP_TENSOR_DIMS_MAX];
    int ndim = node->input_ndim[0];

    for (int i = 0; i < ndim; i++)
        shape[i] = node->ints[0] < 0 || i == node->ints[0] ? 1 : node->input_shape[0][i];
    return ddp_tensor_share(reduced, 0, ndim, shape, error);
}

static bool
sum_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *kept = with_dim(grad, node, error);

    if (kept == NULL)
        return false;
    inputs[0] = ddp_expand(kept, node->input_ndim[0], node->input_shape[0], error);
    ddp_tensor_unref(kept);
    return inputs[0] != NULL;
}

static bool
mean_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *share = ddp_binary(DDP_BINARY_DIV, ddp_operand_tensor(grad),
                                  ddp_operand_float((double)node->ints[1]), error);

    if (share == NULL)
        return false;

    bool ok = sum_backward(node, share, inputs, error);

    ddp_tensor_unref(share);
    return ok;
}

static const DdpGradOp sum_op = {"SumBackward", sum_backward};
static const DdpGradOp mean_op = {"MeanBackward", mean_backward};

static void
record(DdpTensor *out, DdpTensor *x, const Layout *layout, const DdpGradOp *op, int saved_count)
{
    DdpNode *node = ddp_node_new(out, op, 1, saved_count);

    ddp_node_edge(node, 0, x);
    ddp_node_remember_shape(node, 0, x);
    node->ints[0] = layout->dim;
    node->ints[1] = (int64_t)layout->count;
}

static DdpTensor *
reduce_sum(DdpFold op, DdpTensor *x, const Layout *layout, GError **error)
{
    bool mean = op == DDP_FOLD_MEAN;

    if (mean && !ddp_dtype_is_float(dtype_of(x))) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "mean(): could not infer output dtype. Input dtype must be either a floating "
                    "point or complex dtype. Got: %s",
                    ddp_dtype_scalar_name(dtype_of(x)));
        return NULL;
    }

    DdpTensor *out = sum_compute(x, layout, mean, error);

    if (out != NULL && wants_grad(x))
        record(out, x, layout, mean ? &mean_op : &sum_op, 0);
    return out;
}

/* ---- extrema ------------------------------------------------------------------------- */

/* The first of the greatest (or smallest) of @count elements, @stride apart; NaN is beyond all. */
#define BEST(name, type)                                                                           \
    static size_t best_##name(size_t count, const void *elements, size_t stride, bool greatest)    \
    {                                                                                              \
        const type *x = elements;                                                                  \
        size_t best = 0;                                                                           \
                                                                                                   \
        for (size_t i = 0; i < count; i++) {                                                       \
            type value = x[i * stride];                                                            \
            type champion = x[best * stride];                                                      \
                                                                                                   \
            if (value != value)                                                                    \
                return i;                                                                          \
            if (greatest ? value > champion : value < champion)                                    \
                best = i;                                                                          \
        }                                                                                          \
        return best;                                                                               \
    }

BEST(f64, double)
BEST(f32, float)
BEST(i64, int64_t)
BEST(i32, int32_t)
BEST(u8, uint8_t)

static size_t
best_of(const DdpTensor *x, size_t first, size_t count, size_t stride, bool greatest)
{
    const void *elements = x->data + first * ddp_dtype_bytes(dtype_of(x));

    switch (dtype_of(x)) {
    case DDP_DTYPE_F64:
        return best_f64(count, elements, stride, greatest);
    case DDP_DTYPE_F32:
        return best_f32(count, elements, stride, greatest);
    case DDP_DTYPE_I64:
        return best_i64(count, elements, stride, greatest);
    case DDP_DTYPE_I32:
        return best_i32(count, elements, stride, greatest);
    case DDP_DTYPE_U8:
    case DDP_DTYPE_BOOL:
        return best_u8(count, elements, stride, greatest);
    case DDP_DTYPE_F16:
    case DDP_DTYPE_BF16:
        break; /* widened before */
    }
    g_assert_not_reached();
}

static bool
check_not_empty(const char *verb, const Layout *layout, GError **error)
{
    if (layout->count > 0)
        return true;
    if (layout->dim < 0)
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "%s(): Expected reduction dim to be specified for input.numel() == 0. Specify "
                    "the reduction dim with the 'dim' argument.",
                    verb);
    else
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                    "%s(): Expected reduction dim %d to have non-zero size.", verb, layout->dim);
    return false;
}

static bool
check_not_bool(const char *verb, const DdpTensor *x, GError **error)
{
    if (x->dtype != DDP_DTYPE_BOOL)
        return true;
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                "%s(): does not support bool input", verb);
    return false;
}

static DdpTensor *
best_indices(DdpTensor *x, const Layout *l, bool greatest, GError **error)
{
    DdpTensor *wide =
        dtype_is_half(dtype_of(x)) ? converted(x, DDP_DTYPE_F32, error) : ddp_tensor_ref(x);
    DdpTensor *out = wide != NULL ? ddp_tensor_new_uninitialized(x->context, DDP_DTYPE_I64, l->ndim,
                                                                 l->shape, error)
                                  : NULL;

    if (out != NULL) {
        int64_t *indices = (int64_t *)(void *)out->data;

        for (size_t o = 0; o < l->outer; o++) {
            for (size_t j = 0; j < l->inner; j++)
                indices[o * l->inner + j] = (int64_t)best_of(wide, o * l->count * l->inner + j,
                                                             l->count, l->inner, greatest);
        }
        count_flops(x->context, DDP_FLOPS_REDUCE * x->numel);
    }
    clear_tensor(&wide);
    return out;
}

/* out[i] = the element of @x that @indices names */
static DdpTensor *
take_indices(DdpTensor *x, const Layout *l, const DdpTensor *indices, GError **error)
{
    size_t bytes = ddp_dtype_bytes(dtype_of(x));
    const int64_t *index = (const int64_t *)(const void *)indices->data;
    DdpTensor *out =
        ddp_tensor_new_uninitialized(x->context, dtype_of(x), l->ndim, l->shape, error);

    if (out == NULL)
        return NULL;
    for (size_t o = 0; o < l->outer; o++) {
        for (size_t j = 0; j < l->inner; j++) {
            size_t i = o * l->inner + j;
            size_t from = (o * l->count + (size_t)index[i]) * l->inner + j;

            memcpy(out->data + i * bytes, x->data + from * bytes, bytes);
        }
    }
    return out;
}

/* saved[0]: x, saved[1]: the extremum. All elements equal to it share the gradient. */
static bool
extremum_all_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *x = node->saved[0];
    DdpTensor *best = node->saved[1];
    DdpTensor *mask =
        ddp_binary(DDP_BINARY_EQ, ddp_operand_tensor(x), ddp_operand_tensor(best), error);
    DdpTensor *count = mask != NULL ? ddp_sum(mask, error) : NULL;
    DdpTensor *kept = ddp_tensor_share(grad, 0, 0, NULL, error);
    DdpTensor *share = count != NULL && kept != NULL ? ddp_div(kept, count, error) : NULL;

    if (share != NULL)
        inputs[0] = ddp_mul(share, mask, error);
    clear_tensor(&share);
    clear_tensor(&kept);
    clear_tensor(&count);
    clear_tensor(&mask);
    return inputs[0] != NULL;
}

/* saved[0]: where the extremum stands along the dimension; the gradient goes there. */
static bool
extremum_dim_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    const int64_t *index = (const int64_t *)(const void *)node->saved[0]->data;
    size_t bytes = ddp_dtype_bytes(dtype_of(grad));
    size_t inner = 1;

    inputs[0] = ddp_tensor_new(grad->context, dtype_of(grad), node->input_ndim[0],
                               node->input_shape[0], error);
    if (inputs[0] == NULL)
        return false;
    for (int i = (int)node->ints[0] + 1; i < node->input_ndim[0]; i++)
        inner *= (size_t)node->input_shape[0][i];
    for (size_t i = 0; i < grad->numel; i++) {
        size_t to = (i / inner * (size_t)node->ints[1] + (size_t)index[i]) * inner + i % inner;

        memcpy(inputs[0]->data + to * bytes, grad->data + i * bytes, bytes);
    }
    return true;
}

static const DdpGradOp extremum_all_op = {"MaxBackward", extremum_all_backward};
static const DdpGradOp extremum_dim_op = {"MaxBackward", extremum_dim_backward};

static void
record_extremum(DdpTensor *values, DdpTensor *indices, DdpTensor *x, const Layout *layout)
{
    if (layout->dim < 0) {
        record(values, x, layout, &extremum_all_op, 2);
        ddp_node_save(values->node, 0, x);
        ddp_node_save_output(values->node, 1, values);
    } else {
        record(values, x, layout, &extremum_dim_op, 1);
        ddp_node_save(values->node, 0, indices);
    }
}

static bool
reduce_extremum(bool greatest, DdpTensor *x, const Layout *layout, DdpTensor **values,
                DdpTensor **indices, GError **error)
{
    if (!check_not_empty(greatest ? "max" : "min", layout, error))
        return false;

    *indices = best_indices(x, layout, greatest, error);
    *values = *indices != NULL ? take_indices(x, layout, *indices, error) : NULL;
    if (*values == NULL) {
        clear_tensor(indices);
        return false;
    }
    if (wants_grad(x))
        record_extremum(*values, *indices, x, layout);
    return true;
}

/* ---- the operations ------------------------------------------------------------------ */

DdpTensor *
ddp_reduce(DdpFold op, DdpTensor *x, int dim, bool keepdim, GError **error)
{
    if (op == DDP_FOLD_SUM)
        DDP_AUTOCAST_WIDE(x, ddp_reduce(op, wide, dim, keepdim, error));

    Layout layout;
    DdpTensor *values = NULL;
    DdpTensor *indices = NULL;

    if (!layout_make(x, dim, keepdim, &layout, error))
        return NULL;

    switch (op) {
    case DDP_FOLD_SUM:
    case DDP_FOLD_MEAN:
        return reduce_sum(op, x, &layout, error);
    case DDP_FOLD_MAX:
    case DDP_FOLD_MIN:
        reduce_extremum(op == DDP_FOLD_MAX, x, &layout, &values, &indices, error);
        clear_tensor(&indices);
        return values;
    case DDP_FOLD_ARGMAX:
    case DDP_FOLD_ARGMIN: {
        const char *verb = op == DDP_FOLD_ARGMAX ? "argmax" : "argmin";

        if (!check_not_bool(verb, x, error) || !check_not_empty(verb, &layout, error))
            return NULL;
        return best_indices(x, &layout, op == DDP_FOLD_ARGMAX, error);
    }
    }
    g_assert_not_reached();
}

bool
ddp_reduce_with_indices(DdpFold op, DdpTensor *x, int dim, bool keepdim, DdpTensor **values,
                        DdpTensor **indices, GError **error)
{
    Layout layout;

    g_return_val_if_fail(op == DDP_FOLD_MAX || op == DDP_FOLD_MIN, false);
    g_return_val_if_fail(dim != DDP_DIM_ALL, false);

    return layout_make(x, dim, keepdim, &layout, error) &&
           reduce_extremum(op == DDP_FOLD_MAX, x, &layout, values, indices, error);
}

/* ---- gradients of broadcasting ------------------------------------------------------- */

DdpTensor *
ddp_grad_to_shape(DdpTensor *grad, int ndim, const int64_t *shape, GError **error)
{
    DdpTensor *sum = ddp_tensor_ref(grad);

    for (int i = 0; i < grad->ndim && sum != NULL; i++) {
        int own = i - (grad->ndim - ndim);

        if (own >= 0 && shape[own] == grad->shape[i])
            continue;

        DdpTensor *less = ddp_reduce(DDP_FOLD_SUM, sum, i, true, error);

        ddp_tensor_unref(sum);
        sum = less;
    }
    if (sum == NULL || sum->ndim == ndim)
        return sum;

    DdpTensor *fitted = ddp_tensor_share(sum, 0, ndim, shape, error);

    ddp_tensor_unref(sum);
    return fitted;
}
