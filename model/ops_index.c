/* SPDX-License-Identifier: MIT */
#include "model/ops.h"

#include <string.h>

#include "model/broadcast.h"
#include "model/dtypes.h"
#include "model/internal.h"
#include "model/loops.h"

/*
 * Parts of tensors, and tensors put together. A tensor is looked at as [outer, size, inner]
 * around the dimension in question; the bytes of an inner run move together.
 */

typedef struct {
    size_t outer;
    size_t size;
    size_t inner;
} Around;

static Around
around(const int64_t *shape, int ndim, int dim)
{
    Around a = {.outer = 1, .size = (size_t)shape[dim], .inner = 1};

    for (int i = 0; i < ndim; i++) {
        if (i < dim)
            a.outer *= (size_t)shape[i];
        else if (i > dim)
            a.inner *= (size_t)shape[i];
    }
    return a;
}

/* ---- ranges -------------------------------------------------------------------------- */

/* slot 0: the shape of the input; ints: dimension, start, length */
static bool
narrow_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *out = ddp_tensor_new(grad->context, dtype_of(grad), node->input_ndim[0],
                                    node->input_shape[0], error);

    if (out == NULL)
        return false;

    Around a = around(out->shape, out->ndim, (int)node->ints[0]);
    size_t run = a.inner * ddp_dtype_bytes(dtype_of(grad));
    size_t length = (size_t)node->ints[2];

    for (size_t o = 0; o < a.outer; o++)
        memcpy(out->data + (o * a.size + (size_t)node->ints[1]) * run,
               grad->data + o * length * run, length * run);
    inputs[0] = out;
    return true;
}

static const DdpGradOp narrow_op = {"SliceBackward", narrow_backward};
static const DdpGradOp select_op = {"SelectBackward", narrow_backward};

/* The range is inside of @x. @shape: of the result, where select has dropped the dimension. */
static DdpTensor *
part(DdpTensor *x, int dim, size_t start, size_t length, const DdpShape *shape, const DdpGradOp *op,
     GError **error)
{
    Around a = around(x->shape, x->ndim, dim);
    size_t run = a.inner * ddp_dtype_bytes(dtype_of(x));
    DdpTensor *out;

    if (dim == 0) {
        out = ddp_tensor_alias(x, start * run, shape->ndim, shape->shape);
    } else {
        out =
            ddp_tensor_new_uninitialized(x->context, dtype_of(x), shape->ndim, shape->shape, error);
        if (out == NULL)
            return NULL;
        for (size_t o = 0; o < a.outer; o++)
            memcpy(out->data + o * length * run, x->data + (o * a.size + start) * run,
                   length * run);
    }
    if (wants_grad(x)) {
        DdpNode *node = ddp_node_new(out, op, 1, 0);

        ddp_node_edge(node, 0, x);
        ddp_node_remember_shape(node, 0, x);
        node->ints[0] = dim;
        node->ints[1] = (int64_t)start;
        node->ints[2] = (int64_t)length;
    }
    return out;
}

DdpTensor *
ddp_select(DdpTensor *x, int dim, int64_t index, GError **error)
{
    DdpShape shape = {.ndim = 0};

    if (x->ndim == 0) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                            "invalid index of a 0-dim tensor. Use `tensor.item()` to convert a "
                            "0-dim tensor to a number");
        return NULL;
    }
    if (!ddp_dim_wrap(dim, x->ndim, &dim, error))
        return NULL;

    int64_t size = x->shape[dim];

    if (index < -size || index >= size) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                    "index %" G_GINT64_FORMAT " is out of bounds for dimension %d with size "
                    "%" G_GINT64_FORMAT,
                    index, dim, size);
        return NULL;
    }
    for (int i = 0; i < x->ndim; i++) {
        if (i != dim)
            shape.shape[shape.ndim++] = x->shape[i];
    }
    return part(x, dim, (size_t)(index < 0 ? index + size : index), 1, &shape, &select_op, error);
}

DdpTensor *
ddp_narrow(DdpTensor *x, int dim, int64_t start, int64_t length, GError **error)
{
    DdpShape shape = ddp_shape_of(x);

    if (x->ndim == 0) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                            "narrow() cannot be applied to a 0-dim tensor.");
        return NULL;
    }
    if (!ddp_dim_wrap(dim, x->ndim, &dim, error))
        return NULL;

    int64_t size = x->shape[dim];
    int64_t first = start < 0 && start >= -size ? start + size : start;

    if (first < 0 || first > size) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                    "start out of range (expected to be in range of [%" G_GINT64_FORMAT
                    ", %" G_GINT64_FORMAT "], but got %" G_GINT64_FORMAT ")",
                    -size, size, start);
        return NULL;
    }
    if (length < 0 || length > size - first) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                    "start (%" G_GINT64_FORMAT ") + length (%" G_GINT64_FORMAT
                    ") exceeds dimension size (%" G_GINT64_FORMAT ").",
                    first, length, size);
        return NULL;
    }
    shape.shape[dim] = length;
    return part(x, dim, (size_t)first, (size_t)length, &shape, &narrow_op, error);
}

/* ---- by index ------------------------------------------------------------------------ */

static bool
check_index_dtype(const char *verb, const DdpTensor *index, GError **error)
{
    if (index->dtype == DDP_DTYPE_I64)
        return true;
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                "%s(): Expected dtype int64 for index, found %s", verb,
                ddp_dtype_name(dtype_of(index)));
    return false;
}

static bool
check_indices(const DdpTensor *index, int dim, int64_t size, GError **error)
{
    const int64_t *values = (const int64_t *)(const void *)index->data;

    for (size_t i = 0; i < index->numel; i++) {
        if (values[i] < 0 || values[i] >= size) {
            g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                        "index %" G_GINT64_FORMAT " is out of bounds for dimension %d with size "
                        "%" G_GINT64_FORMAT,
                        values[i], dim, size);
            return false;
        }
    }
    return true;
}

/* out[i] += x[i], over a run of elements of a float dtype. */
static void
add_run(DdpDtype dtype, size_t count, void *out, const void *x)
{
    if (!dtype_is_half(dtype)) {
        ddp_float_loop(DDP_LOOP_ADD, dtype)(count, out, out, 1, x, 1);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        float sum, more;
        uint16_t *place = (uint16_t *)out + i;

        ddp_convert(1, &sum, DDP_DTYPE_F32, place, dtype);
        ddp_convert(1, &more, DDP_DTYPE_F32, (const uint16_t *)x + i, dtype);
        sum += more;
        ddp_convert(1, place, dtype, &sum, DDP_DTYPE_F32);
    }
}

/* slot 0: the shape of the input; ints[0]: the dimension; saved[0]: the index */
static bool
index_select_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    const DdpTensor *index = node->saved[0];
    const int64_t *places = (const int64_t *)(const void *)index->data;
    DdpTensor *out = ddp_tensor_new(grad->context, dtype_of(grad), node->input_ndim[0],
                                    node->input_shape[0], error);

    if (out == NULL)
        return false;

    Around a = around(out->shape, out->ndim, (int)node->ints[0]);
    size_t run = a.inner * ddp_dtype_bytes(dtype_of(grad));

    for (size_t o = 0; o < a.outer; o++) {
        for (size_t i = 0; i < index->numel; i++)
            add_run(dtype_of(grad), a.inner, out->data + (o * a.size + (size_t)places[i]) * run,
                    grad->data + (o * index->numel + i) * run);
    }
    count_flops(grad->context, DDP_FLOPS_SCATTER_ADD * grad->numel);
    inputs[0] = out;
    return true;
}

static const DdpGradOp index_select_op = {"IndexSelectBackward", index_select_backward};

static void
record_index(DdpTensor *out, const DdpGradOp *op, DdpTensor *x, int dim, DdpTensor *index)
{
    DdpNode *node = ddp_node_new(out, op, 1, 1);

    ddp_node_edge(node, 0, x);
    ddp_node_remember_shape(node, 0, x);
    ddp_node_save(node, 0, index);
    node->ints[0] = dim;
}

DdpTensor *
ddp_index_select(DdpTensor *x, int dim, DdpTensor *index, GError **error)
{
    DdpShape shape = ddp_shape_of(x);

    if (index->ndim != 1 || x->ndim == 0) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                            "index_select(): Index is supposed to be a vector, and the tensor to "
                            "have dimensions");
        return NULL;
    }
    if (!check_index_dtype("index_select", index, error) ||
        !ddp_dim_wrap(dim, x->ndim, &dim, error) ||
        !check_indices(index, dim, x->shape[dim], error))
        return NULL;

    shape.shape[dim] = index->shape[0];

    DdpTensor *out =
        ddp_tensor_new_uninitialized(x->context, dtype_of(x), shape.ndim, shape.shape, error);

    if (out == NULL)
        return NULL;

    const int64_t *places = (const int64_t *)(const void *)index->data;
    Around a = around(x->shape, x->ndim, dim);
    size_t run = a.inner * ddp_dtype_bytes(dtype_of(x));
    char *target = out->data;

    for (size_t o = 0; o < a.outer; o++) {
        for (size_t i = 0; i < index->numel; i++, target += run)
            memcpy(target, x->data + (o * a.size + (size_t)places[i]) * run, run);
    }
    if (wants_grad(x))
        record_index(out, &index_select_op, x, dim, index);
    return out;
}

/* For each element of @index, in order: the element of the input of shape @shape it stands for. */
static size_t
gather_place(const DdpTensor *index, size_t i, const int64_t *shape, int dim)
{
    const int64_t *values = (const int64_t *)(const void *)index->data;
    size_t place = 0;
    size_t step = 1;
    size_t rest = i;

    for (int d = index->ndim - 1; d >= 0; d--) {
        size_t at = rest % (size_t)index->shape[d];

        rest /= (size_t)index->shape[d];
        place += (d == dim ? (size_t)values[i] : at) * step;
        step *= (size_t)shape[d];
    }
    return place;
}

static bool
gather_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *out = ddp_tensor_new(grad->context, dtype_of(grad), node->input_ndim[0],
                                    node->input_shape[0], error);
    size_t bytes = ddp_dtype_bytes(dtype_of(grad));

    if (out == NULL)
        return false;
    for (size_t i = 0; i < grad->numel; i++) {
        size_t place = gather_place(node->saved[0], i, out->shape, (int)node->ints[0]);

        add_run(dtype_of(grad), 1, out->data + place * bytes, grad->data + i * bytes);
    }
    count_flops(grad->context, DDP_FLOPS_SCATTER_ADD * grad->numel);
    inputs[0] = out;
    return true;
}

static const DdpGradOp gather_op = {"GatherBackward", gather_backward};

DdpTensor *
ddp_gather(DdpTensor *x, int dim, DdpTensor *index, GError **error)
{
    bool fits = index->ndim == x->ndim;

    if (!check_index_dtype("gather", index, error) || !ddp_dim_wrap(dim, x->ndim, &dim, error))
        return NULL;
    for (int d = 0; fits && d < x->ndim; d++)
        fits = d == dim || index->shape[d] <= x->shape[d];
    if (!fits) {
        g_autofree char *found = ddp_shape_to_string(index->ndim, index->shape);
        g_autofree char *expected = ddp_shape_to_string(x->ndim, x->shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "Size does not match at dimension: expected index %s to be no larger than "
                    "self %s apart from dimension %d",
                    found, expected, dim);
        return NULL;
    }
    if (!check_indices(index, dim, x->ndim > 0 ? x->shape[dim] : 1, error))
        return NULL;

    DdpTensor *out = ddp_tensor_new_like(index, dtype_of(x), error);
    size_t bytes = ddp_dtype_bytes(dtype_of(x));

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < index->numel; i++)
        memcpy(out->data + i * bytes, x->data + gather_place(index, i, x->shape, dim) * bytes,
               bytes);
    if (wants_grad(x))
        record_index(out, &gather_op, x, dim, index);
    return out;
}

/* ---- together ------------------------------------------------------------------------ */

/* How a joint runs: along @dim of @shape, which is the shape of the whole. */
typedef struct {
    DdpShape shape;
    int dim;
    bool stacked; /* each input has the shape of the whole without @dim, and size 1 there */
    DdpDtype dtype;
} Joint;

/* Empty 1-D tensors take no part, whatever the others look like. */
static bool
is_nothing(const DdpTensor *tensor)
{
    return tensor->ndim == 1 && tensor->numel == 0;
}

static size_t
joint_size(const Joint *joint, const DdpTensor *input)
{
    if (joint->stacked)
        return 1;
    return is_nothing(input) && joint->shape.ndim != 1 ? 0 : (size_t)input->shape[joint->dim];
}

/*
 * saved[0]: int64 [count, 2], the size along the dimension and the dtype of each input;
 * ints[0]: the dimension; ints[1]: whether stacked.
 */
static bool
joint_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    const int64_t *facts = (const int64_t *)(const void *)node->saved[0]->data;
    int dim = (int)node->ints[0];
    Around a = around(grad->shape, grad->ndim, dim);
    size_t run = a.inner * ddp_dtype_bytes(dtype_of(grad));
    size_t start = 0;

    for (int e = 0; e < node->edge_count; e++) {
        size_t size = (size_t)facts[2 * e];

        if (node_wants(node, e)) {
            DdpShape shape = {.ndim = 0};

            for (int i = 0; i < grad->ndim; i++) {
                if (i != dim)
                    shape.shape[shape.ndim++] = grad->shape[i];
                else if (node->ints[1] == 0)
                    shape.shape[shape.ndim++] = (int64_t)size;
            }

            DdpTensor *own = ddp_tensor_new_uninitialized(grad->context, dtype_of(grad), shape.ndim,
                                                          shape.shape, error);

            if (own == NULL)
                return false;
            for (size_t o = 0; o < a.outer; o++)
                memcpy(own->data + o * size * run, grad->data + (o * a.size + start) * run,
                       size * run);
            inputs[e] = ddp_to(own, (DdpDtype)facts[2 * e + 1], error);
            ddp_tensor_unref(own);
            if (inputs[e] == NULL)
                return false;
        }
        start += size;
    }
    return true;
}

static const DdpGradOp cat_op = {"CatBackward", joint_backward};
static const DdpGradOp stack_op = {"StackBackward", joint_backward};

static bool
joint_record(DdpTensor *out, const Joint *joint, DdpTensor *const *tensors, size_t count,
             GError **error)
{
    int64_t shape[2] = {(int64_t)count, 2};
    DdpTensor *facts = ddp_tensor_new(out->context, DDP_DTYPE_I64, 2, shape, error);

    if (facts == NULL)
        return false;

    DdpNode *node = ddp_node_new(out, joint->stacked ? &stack_op : &cat_op, (int)count, 1);

    for (size_t i = 0; i < count; i++) {
        ddp_tensor_set_i64(facts, 2 * i, (int64_t)joint_size(joint, tensors[i]));
        ddp_tensor_set_i64(facts, 2 * i + 1, tensors[i]->dtype);
        if (!is_nothing(tensors[i]))
            ddp_node_edge(node, (int)i, tensors[i]);
    }
    ddp_node_save(node, 0, facts);
    ddp_tensor_unref(facts);
    node->ints[0] = joint->dim;
    node->ints[1] = joint->stacked;
    return true;
}

static DdpTensor *
join(const Joint *joint, DdpTensor *const *tensors, size_t count, GError **error)
{
    DdpModelContext *context = tensors[0]->context;
    DdpTensor *out = ddp_tensor_new_uninitialized(context, joint->dtype, joint->shape.ndim,
                                                  joint->shape.shape, error);
    bool wants = false;

    if (out == NULL)
        return NULL;

    Around a = around(joint->shape.shape, joint->shape.ndim, joint->dim);
    size_t bytes = ddp_dtype_bytes(joint->dtype);
    size_t start = 0;

    for (size_t t = 0; t < count; t++) {
        DdpTensor *input = tensors[t];
        size_t run = joint_size(joint, input) * a.inner;
        size_t input_bytes = ddp_dtype_bytes(dtype_of(input));

        for (size_t o = 0; o < a.outer; o++)
            ddp_convert(run, out->data + (o * a.size * a.inner + start) * bytes, joint->dtype,
                        input->data + o * run * input_bytes, dtype_of(input));
        start += run;
        wants = wants || wants_grad(input);
    }
    if (wants && ddp_dtype_is_float(joint->dtype) &&
        !joint_record(out, joint, tensors, count, error)) {
        ddp_tensor_unref(out);
        return NULL;
    }
    return out;
}

static DdpDtype
joint_dtype(DdpTensor *const *tensors, size_t count)
{
    DdpResultType type = ddp_result_type_none();

    for (size_t i = 0; i < count; i++)
        ddp_result_type_add_tensor(&type, tensors[i]);
    return ddp_result_type_get(&type);
}

static bool
check_count(size_t count, const char *message, GError **error)
{
    if (count > 0 && count <= INT32_MAX)
        return true;
    g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED, message);
    return false;
}

DdpTensor *
ddp_stack(DdpTensor *const *tensors, size_t count, int dim, GError **error)
{
    if (!check_count(count, "stack expects a non-empty TensorList", error))
        return NULL;

    const DdpTensor *first = tensors[0];
    Joint joint = {.stacked = true};

    if (first->ndim == DDP_TENSOR_DIMS_MAX) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "a tensor has at most %d dimensions", DDP_TENSOR_DIMS_MAX);
        return NULL;
    }
    if (!ddp_dim_wrap(dim, first->ndim + 1, &joint.dim, error))
        return NULL;
    for (size_t i = 1; i < count; i++) {
        if (!ddp_tensor_same_shape(first, tensors[i])) {
            g_autofree char *expected = ddp_shape_to_string(first->ndim, first->shape);
            g_autofree char *found = ddp_shape_to_string(tensors[i]->ndim, tensors[i]->shape);

            g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                        "stack expects each tensor to be equal size, but got %s at entry 0 and %s "
                        "at entry %" G_GSIZE_FORMAT,
                        expected, found, i);
            return NULL;
        }
    }
    for (int i = 0; i <= first->ndim; i++) {
        if (i == joint.dim)
            joint.shape.shape[joint.shape.ndim++] = (int64_t)count;
        if (i < first->ndim)
            joint.shape.shape[joint.shape.ndim++] = first->shape[i];
    }
    joint.dtype = joint_dtype(tensors, count);
    return join(&joint, tensors, count, error);
}

static bool
check_cat(const DdpTensor *first, const DdpTensor *next, size_t place, int dim, GError **error)
{
    if (next->ndim != first->ndim) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "Tensors must have same number of dimensions: got %d and %d", first->ndim,
                    next->ndim);
        return false;
    }
    for (int i = 0; i < first->ndim; i++) {
        if (i != dim && first->shape[i] != next->shape[i]) {
            g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                        "Sizes of tensors must match except in dimension %d. Expected size "
                        "%" G_GINT64_FORMAT " but got size %" G_GINT64_FORMAT
                        " for tensor number %" G_GSIZE_FORMAT " in the list.",
                        dim, first->shape[i], next->shape[i], place);
            return false;
        }
    }
    return true;
}

DdpTensor *
ddp_cat(DdpTensor *const *tensors, size_t count, int dim, GError **error)
{
    Joint joint = {.stacked = false};
    const DdpTensor *first = NULL;

    if (!check_count(count, "expected a non-empty list of Tensors", error))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (tensors[i]->ndim == 0) {
            g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                        "zero-dimensional tensor (at position %" G_GSIZE_FORMAT
                        ") cannot be concatenated",
                        i);
            return NULL;
        }
        if (first == NULL && !is_nothing(tensors[i]))
            first = tensors[i];
    }
    if (first == NULL)
        first = tensors[0];
    if (!ddp_dim_wrap(dim, first->ndim, &joint.dim, error))
        return NULL;

    joint.shape = ddp_shape_of(first);
    joint.shape.shape[joint.dim] = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_nothing(tensors[i]) && !check_cat(first, tensors[i], i, joint.dim, error))
            return NULL;
        if (__builtin_add_overflow(joint.shape.shape[joint.dim],
                                   (int64_t)joint_size(&joint, tensors[i]),
                                   &joint.shape.shape[joint.dim])) {
            g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                                "the sizes of what is to be concatenated overflow");
            return NULL;
        }
    }
    joint.dtype = joint_dtype(tensors, count);
    return join(&joint, tensors, count, error);
}
