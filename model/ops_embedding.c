/* SPDX-License-Identifier: MIT */
#include "model/ops_embedding.h"

#include <string.h>

#include "model/broadcast.h"
#include "model/dtypes.h"
#include "model/internal.h"
#include "model/loops.h"
#include "model/ops.h"

DdpEmbeddingSpec
ddp_embedding_spec_default(void)
{
    return (DdpEmbeddingSpec){.padding_idx = -1};
}

static int64_t
index_at(const DdpTensor *index, size_t i)
{
    if (index->dtype == DDP_DTYPE_I64)
        return ((const int64_t *)(const void *)index->data)[i];
    return ((const int32_t *)(const void *)index->data)[i];
}

/* ---- the derivative ------------------------------------------------------------------ */

/* target += row, in the float dtype of both. */
static void
add_row(DdpDtype dtype, size_t width, char *target, const char *row)
{
    ddp_float_loop(DDP_LOOP_ADD, dtype)(width, target, target, 1, row, 1);
}

/* For each row of the table how often it was looked up; owned by the caller. */
static int64_t *
count_rows(const DdpTensor *index, size_t rows)
{
    int64_t *counts = g_new0(int64_t, MAX(rows, 1));

    for (size_t i = 0; i < index->numel; i++)
        counts[index_at(index, i)]++;
    return counts;
}

static void
divide_row(DdpDtype dtype, size_t width, void *row, int64_t count)
{
    float by_float = (float)count;
    double by_double = (double)count;
    const void *by = dtype == DDP_DTYPE_F32 ? (const void *)&by_float : (const void *)&by_double;

    ddp_float_loop(DDP_LOOP_DIV, dtype)(width, row, row, 1, by, 0);
}

/* @grad and @out of float32 or float64. */
static void
add_rows(const DdpNode *node, const DdpTensor *index, DdpTensor *grad, DdpTensor *out)
{
    size_t width = (size_t)out->shape[1];
    size_t bytes = width * ddp_dtype_bytes(dtype_of(out));
    int64_t padding = node->ints[0];
    int64_t *counts = node->ints[1] != 0 ? count_rows(index, (size_t)out->shape[0]) : NULL;

    for (size_t i = 0; i < index->numel; i++) {
        int64_t row = index_at(index, i);

        if (row != padding)
            add_row(dtype_of(out), width, out->data + (size_t)row * bytes, grad->data + i * bytes);
    }
    for (int64_t row = 0; counts != NULL && row < out->shape[0]; row++) {
        if (counts[row] > 1)
            divide_row(dtype_of(out), width, out->data + (size_t)row * bytes, counts[row]);
    }
    g_free(counts);
    count_flops(grad->context, DDP_FLOPS_SCATTER_ADD * grad->numel);
}

/* slot 0: the shape of the table; ints: padding_idx, scale_grad_by_freq; saved[0]: the index */
static bool
embedding_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *wide =
        ddp_to(grad, dtype_is_half(dtype_of(grad)) ? DDP_DTYPE_F32 : dtype_of(grad), error);
    DdpTensor *sums = wide != NULL
                          ? ddp_tensor_new(grad->context, dtype_of(wide), node->input_ndim[0],
                                           node->input_shape[0], error)
                          : NULL;

    if (sums != NULL) {
        add_rows(node, node->saved[0], wide, sums);
        inputs[0] = ddp_to(sums, dtype_of(grad), error);
    }
    clear_tensor(&sums);
    clear_tensor(&wide);
    return inputs[0] != NULL;
}

static const DdpGradOp embedding_op = {"EmbeddingBackward", embedding_backward};

/* ---- the operation ------------------------------------------------------------------- */

static bool
check_embedding(const DdpTensor *weight, const DdpTensor *index, GError **error)
{
    if (weight->ndim != 2) {
        g_autofree char *found = ddp_shape_to_string(weight->ndim, weight->shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "embedding: 'weight' must be 2-D, found %s", found);
        return false;
    }
    if (index->ndim >= DDP_TENSOR_DIMS_MAX) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "a tensor has at most %d dimensions", DDP_TENSOR_DIMS_MAX);
        return false;
    }
    if (index->dtype != DDP_DTYPE_I64 && index->dtype != DDP_DTYPE_I32) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "Expected tensor for argument #1 'indices' to have one of the following scalar "
                    "types: Long, Int; but got torch.%sTensor instead (while checking arguments "
                    "for embedding)",
                    ddp_dtype_scalar_name(dtype_of(index)));
        return false;
    }
    for (size_t i = 0; i < index->numel; i++) {
        int64_t row = index_at(index, i);

        if (row < 0 || row >= weight->shape[0]) {
            g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                        "index out of range in self: embedding was asked for row %" G_GINT64_FORMAT
                        " of a table of %" G_GINT64_FORMAT,
                        row, weight->shape[0]);
            return false;
        }
    }
    return true;
}

DdpTensor *
ddp_embedding(DdpTensor *weight, DdpTensor *index, const DdpEmbeddingSpec *spec, GError **error)
{
    DdpEmbeddingSpec own = spec != NULL ? *spec : ddp_embedding_spec_default();
    DdpShape shape = ddp_shape_of(index);

    if (!check_embedding(weight, index, error))
        return NULL;
    shape.shape[shape.ndim++] = weight->shape[1];

    DdpTensor *out = ddp_tensor_new_uninitialized(weight->context, dtype_of(weight), shape.ndim,
                                                  shape.shape, error);

    if (out == NULL)
        return NULL;

    size_t bytes = (size_t)weight->shape[1] * ddp_dtype_bytes(dtype_of(weight));

    for (size_t i = 0; i < index->numel; i++)
        memcpy(out->data + i * bytes, weight->data + (size_t)index_at(index, i) * bytes, bytes);
    if (wants_grad(weight)) {
        DdpNode *node = ddp_node_new(out, &embedding_op, 1, 1);

        ddp_node_edge(node, 0, weight);
        ddp_node_remember_shape(node, 0, weight);
        ddp_node_save(node, 0, index);
        node->ints[0] = own.padding_idx;
        node->ints[1] = own.scale_grad_by_freq;
    }
    return out;
}

bool
ddp_embedding_reset(DdpTensor *weight, int64_t padding_idx, DdpGenerator *generator, GError **error)
{
    g_return_val_if_fail(weight->ndim == 2, false);
    g_return_val_if_fail(padding_idx >= -1 && padding_idx < weight->shape[0], false);

    size_t bytes = (size_t)weight->shape[1] * ddp_dtype_bytes(dtype_of(weight));
    bool grad_enabled = ddp_model_context_set_grad_enabled(weight->context, false);
    bool ok = ddp_normal_(weight, generator, 0.0, 1.0, error);

    ddp_model_context_set_grad_enabled(weight->context, grad_enabled);
    if (ok && padding_idx >= 0 && bytes > 0) {
        memset(weight->data + (size_t)padding_idx * bytes, 0, bytes);
        ddp_tensor_mark_written(weight);
    }
    return ok;
}
