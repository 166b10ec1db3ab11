/* SPDX-License-Identifier: MIT */
#include "model/ops.h"

#include <string.h>

#include "model/broadcast.h"
#include "model/internal.h"

/* Operations that change shapes. All but the transposes share the memory of their input. */

/* slot 0: the shape of the input */
static bool
view_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = ddp_tensor_share(grad, 0, node->input_ndim[0], node->input_shape[0], error);
    return inputs[0] != NULL;
}

static const DdpGradOp view_op = {"ViewBackward", view_backward};

/* @shape has as many elements as @x. */
static DdpTensor *
view(DdpTensor *x, int ndim, const int64_t *shape)
{
    DdpTensor *out = ddp_tensor_alias(x, 0, ndim, shape);

    if (wants_grad(x)) {
        DdpNode *node = ddp_node_new(out, &view_op, 1, 0);

        ddp_node_edge(node, 0, x);
        ddp_node_remember_shape(node, 0, x);
    }
    return out;
}

static bool
fail_reshape(GError **error, int ndim, const int64_t *shape, const DdpTensor *x)
{
    g_autofree char *text = ddp_shape_to_string(ndim, shape);

    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                "shape '%s' is invalid for input of size %" G_GSIZE_FORMAT, text, x->numel);
    return false;
}

/* Fills in a size of -1. */
static bool
infer_shape(const DdpTensor *x, DdpShape *shape, GError **error)
{
    DdpShape asked = *shape;
    int unknown = -1;
    size_t known = 1;
    size_t numel;

    for (int i = 0; i < shape->ndim; i++) {
        if (shape->shape[i] == -1 && unknown >= 0) {
            g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                                "only one dimension can be inferred");
            return false;
        }
        if (shape->shape[i] == -1) {
            unknown = i;
            shape->shape[i] = 1;
        }
    }
    if (!ddp_shape_numel(dtype_of(x), shape->ndim, shape->shape, &known, error))
        return false;
    if (unknown >= 0) {
        if (known == 0 || x->numel % known != 0)
            return fail_reshape(error, asked.ndim, asked.shape, x);
        shape->shape[unknown] = (int64_t)(x->numel / known);
    }
    if (!ddp_shape_numel(dtype_of(x), shape->ndim, shape->shape, &numel, error))
        return false;
    return numel == x->numel || fail_reshape(error, asked.ndim, asked.shape, x);
}

DdpTensor *
ddp_reshape(DdpTensor *x, int ndim, const int64_t *shape, GError **error)
{
    DdpShape wanted = {.ndim = ndim};

    if (ndim < 0 || ndim > DDP_TENSOR_DIMS_MAX) {
        size_t unused;

        ddp_shape_numel(dtype_of(x), ndim, shape, &unused, error);
        return NULL;
    }
    for (int i = 0; i < ndim; i++)
        wanted.shape[i] = shape[i];
    if (!infer_shape(x, &wanted, error))
        return NULL;
    return view(x, ndim, wanted.shape);
}

DdpTensor *
ddp_flatten(DdpTensor *x, int start_dim, int end_dim, GError **error)
{
    int first, last;
    DdpShape shape = {.ndim = 0};

    if (!ddp_dim_wrap(start_dim, x->ndim, &first, error) ||
        !ddp_dim_wrap(end_dim, x->ndim, &last, error))
        return NULL;
    if (first > last) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                            "flatten() has invalid args: start_dim cannot come after end_dim");
        return NULL;
    }
    if (x->ndim == 0)
        return view(x, 1, (const int64_t[]){1});
    for (int i = 0; i < x->ndim; i++) {
        if (i > first && i <= last)
            shape.shape[shape.ndim - 1] *= x->shape[i];
        else
            shape.shape[shape.ndim++] = x->shape[i];
    }
    return view(x, shape.ndim, shape.shape);
}

DdpTensor *
ddp_unsqueeze(DdpTensor *x, int dim, GError **error)
{
    int place;
    DdpShape shape = {.ndim = 0};

    /* One more place than there are dimensions: behind the last. */
    if (!ddp_dim_wrap(dim, x->ndim + 1, &place, error))
        return NULL;
    if (x->ndim == DDP_TENSOR_DIMS_MAX) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "a tensor has at most %d dimensions", DDP_TENSOR_DIMS_MAX);
        return NULL;
    }
    for (int i = 0; i <= x->ndim; i++) {
        if (i == place)
            shape.shape[shape.ndim++] = 1;
        if (i < x->ndim)
            shape.shape[shape.ndim++] = x->shape[i];
    }
    return view(x, shape.ndim, shape.shape);
}

DdpTensor *
ddp_squeeze(DdpTensor *x, int dim, GError **error)
{
    int only = -1;
    DdpShape shape = {.ndim = 0};

    if (dim != DDP_DIM_ALL && !ddp_dim_wrap(dim, x->ndim, &only, error))
        return NULL;
    for (int i = 0; i < x->ndim; i++) {
        if (x->shape[i] != 1 || (only >= 0 && i != only))
            shape.shape[shape.ndim++] = x->shape[i];
    }
    return view(x, shape.ndim, shape.shape);
}

/* ---- transposes ---------------------------------------------------------------------- */

/* x as [outer, rows, middle, columns, inner] into out as [outer, columns, middle, rows, inner]. */
static void
transpose_into(const DdpTensor *x, int low, int high, DdpTensor *out)
{
    size_t outer = 1, middle = 1, inner = ddp_dtype_bytes(dtype_of(x));
    size_t rows = (size_t)x->shape[low], columns = (size_t)x->shape[high];
    char *target = out->data;

    for (int i = 0; i < x->ndim; i++) {
        if (i < low)
            outer *= (size_t)x->shape[i];
        else if (i > low && i < high)
            middle *= (size_t)x->shape[i];
        else if (i > high)
            inner *= (size_t)x->shape[i];
    }
    for (size_t o = 0; o < outer; o++) {
        for (size_t c = 0; c < columns; c++) {
            for (size_t m = 0; m < middle; m++) {
                for (size_t r = 0; r < rows; r++) {
                    size_t from = ((o * rows + r) * middle + m) * columns + c;

                    memcpy(target, x->data + from * inner, inner);
                    target += inner;
                }
            }
        }
    }
}

/* ints[0], ints[1]: the dimensions */
static bool
transpose_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = ddp_transpose(grad, (int)node->ints[0], (int)node->ints[1], error);
    return inputs[0] != NULL;
}

static const DdpGradOp transpose_op = {"TransposeBackward", transpose_backward};

DdpTensor *
ddp_transpose(DdpTensor *x, int dim0, int dim1, GError **error)
{
    int a, b;

    if (!ddp_dim_wrap(dim0, x->ndim, &a, error) || !ddp_dim_wrap(dim1, x->ndim, &b, error))
        return NULL;
    if (a == b)
        return view(x, x->ndim, x->shape);

    DdpShape shape = ddp_shape_of(x);

    shape.shape[a] = x->shape[b];
    shape.shape[b] = x->shape[a];

    DdpTensor *out =
        ddp_tensor_new_uninitialized(x->context, dtype_of(x), shape.ndim, shape.shape, error);

    if (out == NULL)
        return NULL;
    if (x->numel > 0)
        transpose_into(x, MIN(a, b), MAX(a, b), out);
    if (wants_grad(x)) {
        DdpNode *node = ddp_node_new(out, &transpose_op, 1, 0);

        ddp_node_edge(node, 0, x);
        node->ints[0] = a;
        node->ints[1] = b;
    }
    return out;
}

DdpTensor *
ddp_t(DdpTensor *x, GError **error)
{
    if (x->ndim > 2) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "t() expects a tensor with <= 2 dimensions, but self is %dD", x->ndim);
        return NULL;
    }
    if (x->ndim < 2)
        return view(x, x->ndim, x->shape);
    return ddp_transpose(x, 0, 1, error);
}
