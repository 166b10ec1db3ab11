/* SPDX-License-Identifier: MIT */
#include "model/ops_norm.h"

#include <math.h>
#include <string.h>

#include "model/kernels.h"
#include "model/norm_private.h"

/* Layer normalisation: x is seen as rows, each with its own mean and variance. */

#define LAYER_NORM(type, kernels_of, sum_run, sum_rows)                                            \
    /* @stats: mean and invstd of each row, [rows] and [rows] */                                   \
    static void layer_forward_##type(size_t rows, size_t columns, const type *x,                   \
                                     const type *weight, const type *bias, double eps,             \
                                     type *stats, type *out)                                       \
    {                                                                                              \
        const DdpKernels *kernels = ddp_kernels();                                                 \
                                                                                                   \
        for (size_t i = 0; i < rows; i++) {                                                        \
            const type *row = x + i * columns;                                                     \
            type mean = kernels->reduce->sum_run(columns, row) / (type)columns;                    \
            type squares = kernels->norm->kernels_of.squares(columns, row, mean);                  \
            type invstd = (type)(1.0 / sqrt((double)squares / (double)columns + eps));             \
                                                                                                   \
            stats[i] = mean;                                                                       \
            stats[rows + i] = invstd;                                                              \
            if (weight != NULL)                                                                    \
                kernels->norm->kernels_of.affine(columns, out + i * columns, row, mean, invstd,    \
                                                 weight, bias);                                    \
            else                                                                                   \
                kernels->norm->kernels_of.apply(columns, out + i * columns, row, mean, invstd, 0); \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void layer_input_grad_##type(size_t rows, size_t columns, const type *dy,               \
                                        const type *x, const type *weight, const type *stats,      \
                                        type *out)                                                 \
    {                                                                                              \
        const DdpKernels *kernels = ddp_kernels();                                                 \
                                                                                                   \
        for (size_t i = 0; i < rows; i++) {                                                        \
            const type *row = x + i * columns, *g = dy + i * columns;                              \
            type *result = out + i * columns;                                                      \
            type invstd = stats[rows + i];                                                         \
            type sum, product;                                                                     \
                                                                                                   \
            for (size_t j = 0; weight != NULL && j < columns; j++)                                 \
                result[j] = g[j] * weight[j];                                                      \
            if (weight != NULL)                                                                    \
                g = result;                                                                        \
            kernels->norm->kernels_of.products(columns, g, row, stats[i], &sum, &product);         \
            kernels->norm->kernels_of.grad(columns, result, g, row, stats[i], sum / (type)columns, \
                                           product / (type)columns * invstd * invstd, invstd);     \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* @room: as large as x */                                                                     \
    static void layer_weight_grad_##type(size_t rows, size_t columns, const type *dy,              \
                                         const type *x, const type *stats, type *room, type *out)  \
    {                                                                                              \
        const DdpKernels *kernels = ddp_kernels();                                                 \
                                                                                                   \
        for (size_t i = 0; i < rows; i++)                                                          \
            kernels->norm->kernels_of.affine(columns, room + i * columns, x + i * columns,         \
                                             stats[i], stats[rows + i], dy + i * columns, NULL);   \
        kernels->reduce->sum_rows(rows, columns, room, out);                                       \
    }

LAYER_NORM(float, f32, sum_f32, sum_rows_f32)
LAYER_NORM(double, f64, sum_f64, sum_rows_f64)

/* Slot 0 remembers the normalised shape; ints[0]: columns. Saved: x, stats, weight (or none). */
static bool
layer_parameter_grads(const DdpNode *node, const DdpTensor *grad, DdpTensor **inputs,
                      GError **error)
{
    DdpTensor *x = node->saved[0];
    const DdpTensor *stats = node->saved[1];
    size_t columns = (size_t)node->ints[0];
    size_t rows = stats->numel / 2;

    for (int i = 1; i <= 2; i++) {
        if (!node_wants(node, i))
            continue;
        inputs[i] = ddp_tensor_new_uninitialized(x->context, dtype_of(x), node->input_ndim[0],
                                                 node->input_shape[0], error);
        if (inputs[i] == NULL)
            return false;
    }
    if (node_wants(node, 1)) {
        DdpTensor *room = ddp_tensor_new_like(x, dtype_of(x), error);

        if (room == NULL)
            return false;
        if (x->dtype == DDP_DTYPE_F32)
            layer_weight_grad_float(rows, columns, as_f32(grad), as_f32(x), as_f32(stats),
                                    to_f32(room), to_f32(inputs[1]));
        else
            layer_weight_grad_double(rows, columns, as_f64(grad), as_f64(x), as_f64(stats),
                                     to_f64(room), to_f64(inputs[1]));
        ddp_tensor_unref(room);
    }
    if (node_wants(node, 2) && x->dtype == DDP_DTYPE_F32)
        ddp_kernels()->reduce->sum_rows_f32(rows, columns, as_f32(grad), to_f32(inputs[2]));
    else if (node_wants(node, 2))
        ddp_kernels()->reduce->sum_rows_f64(rows, columns, as_f64(grad), to_f64(inputs[2]));
    count_flops(x->context, DDP_FLOPS_NORM_SUMS * x->numel);
    return true;
}

static bool
layer_norm_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *x = node->saved[0];
    const DdpTensor *stats = node->saved[1];
    const DdpTensor *weight = node->saved[2];
    size_t columns = (size_t)node->ints[0];
    size_t rows = stats->numel / 2;

    if ((node_wants(node, 1) || node_wants(node, 2)) &&
        !layer_parameter_grads(node, grad, inputs, error))
        return false;
    if (!node_wants(node, 0))
        return true;
    inputs[0] = ddp_tensor_new_like(x, dtype_of(x), error);
    if (inputs[0] == NULL)
        return false;
    if (x->dtype == DDP_DTYPE_F32)
        layer_input_grad_float(rows, columns, as_f32(grad), as_f32(x), as_f32(weight),
                               as_f32(stats), to_f32(inputs[0]));
    else
        layer_input_grad_double(rows, columns, as_f64(grad), as_f64(x), as_f64(weight),
                                as_f64(stats), to_f64(inputs[0]));
    count_flops(x->context, (DDP_FLOPS_NORM_SUMS + DDP_FLOPS_GRAD_NORM +
                             (weight != NULL ? DDP_FLOPS_GRAD_PRODUCT : 0)) *
                                x->numel);
    return true;
}

static const DdpGradOp layer_norm_op = {"NativeLayerNormBackward", layer_norm_backward};

static bool
shape_is(const DdpTensor *tensor, int ndim, const int64_t *shape)
{
    bool is = tensor->ndim == ndim;

    for (int i = 0; is && i < ndim; i++)
        is = tensor->shape[i] == shape[i];
    return is;
}

static bool
check_layer_norm(const DdpTensor *x, int ndim, const int64_t *shape, const DdpTensor *weight,
                 const DdpTensor *bias, GError **error)
{
    const DdpTensor *parameters[] = {weight, bias};
    static const char *const names[] = {"weight", "bias"};
    bool fits = ndim >= 1 && ndim <= x->ndim;

    if (!ddp_norm_check_float("layer_norm", x, error))
        return false;
    for (int i = 0; fits && i < ndim; i++)
        fits = shape[i] == x->shape[x->ndim - ndim + i];
    if (!fits) {
        g_autofree char *wanted = ddp_shape_to_string(ndim, shape);
        g_autofree char *found = ddp_shape_to_string(x->ndim, x->shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "layer_norm: normalized_shape is %s, which must be the last sizes of the "
                    "input, found an input of size %s",
                    wanted, found);
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (parameters[i] == NULL)
            continue;
        if (!shape_is(parameters[i], ndim, shape)) {
            g_autofree char *wanted = ddp_shape_to_string(ndim, shape);
            g_autofree char *found = ddp_shape_to_string(parameters[i]->ndim, parameters[i]->shape);

            g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                        "layer_norm: expected the %s to have the shape %s of normalized_shape, "
                        "found %s",
                        names[i], wanted, found);
            return false;
        }
        if (!ddp_norm_check_parameter("layer_norm", names[i], parameters[i], x, error))
            return false;
    }
    return true;
}

/* Of float32 and float64; a bias comes with a weight only. */
static DdpTensor *
layer_norm_wide(DdpTensor *x, int ndim, const int64_t *shape, DdpTensor *weight, DdpTensor *bias,
                double eps, GError **error)
{
    size_t columns = 1;

    for (int i = 0; i < ndim; i++)
        columns *= (size_t)shape[i];

    size_t rows = columns > 0 ? x->numel / columns : 0;
    DdpTensor *out = ddp_tensor_new_like(x, dtype_of(x), error);
    DdpTensor *stats = out != NULL ? vector_new(x, 2 * rows, error) : NULL;

    if (stats == NULL) {
        clear_tensor(&out);
        return NULL;
    }
    if (x->dtype == DDP_DTYPE_F32)
        layer_forward_float(rows, columns, as_f32(x), as_f32(weight), as_f32(bias), eps,
                            to_f32(stats), to_f32(out));
    else
        layer_forward_double(rows, columns, as_f64(x), as_f64(weight), as_f64(bias), eps,
                             to_f64(stats), to_f64(out));
    count_flops(x->context, (DDP_FLOPS_NORM_STATS + DDP_FLOPS_NORM_SCALE +
                             (weight != NULL ? DDP_FLOPS_NORM_AFFINE : 0)) *
                                x->numel);
    if (wants_grad(x) || (weight != NULL && wants_grad(weight)) ||
        (bias != NULL && wants_grad(bias))) {
        DdpNode *node = ddp_node_new(out, &layer_norm_op, 3, 3);

        ddp_node_edge(node, 0, x);
        ddp_node_save(node, 0, x);
        ddp_node_save(node, 1, stats);
        if (weight != NULL) {
            ddp_node_edge(node, 1, weight);
            ddp_node_save(node, 2, weight);
        }
        if (bias != NULL)
            ddp_node_edge(node, 2, bias);
        node->input_ndim[0] = ndim;
        memcpy(node->input_shape[0], shape, (size_t)ndim * sizeof shape[0]);
        node->ints[0] = (int64_t)columns;
    }
    ddp_tensor_unref(stats);
    return out;
}

DdpTensor *
ddp_layer_norm(DdpTensor *x, int ndim, const int64_t *shape, DdpTensor *weight, DdpTensor *bias,
               double eps, GError **error)
{
    DDP_AUTOCAST_WIDE(x, ddp_layer_norm(wide, ndim, shape, weight, bias, eps, error));
    if (!check_layer_norm(x, ndim, shape, weight, bias, error))
        return NULL;

    DdpTensor *wide = NULL, *wide_weight = NULL, *wide_bias = NULL;
    DdpTensor *value = NULL;
    DdpTensor *out = NULL;

    if (ddp_norm_widen(x, &wide, error) && ddp_norm_widen(weight, &wide_weight, error) &&
        ddp_norm_widen(bias, &wide_bias, error))
        value = layer_norm_wide(wide, ndim, shape, wide_weight, weight != NULL ? wide_bias : NULL,
                                eps, error);
    if (value != NULL && wide_bias != NULL && wide_weight == NULL) {
        /* A bias alone is added by an operation of its own. */
        DdpTensor *shifted = ddp_add(value, wide_bias, error);

        ddp_tensor_unref(value);
        value = shifted;
    }
    if (value != NULL)
        out = ddp_to(value, dtype_of(x), error);
    clear_tensor(&value);
    clear_tensor(&wide_bias);
    clear_tensor(&wide_weight);
    clear_tensor(&wide);
    return out;
}
