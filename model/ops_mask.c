/* SPDX-License-Identifier: MIT */
#include "model/ops_mask.h"

#include <string.h>

#include "model/broadcast.h"
#include "model/dtypes.h"
#include "model/internal.h"

/* ---- by a condition ------------------------------------------------------------------ */

/* out[i] = mask[i] ? a[i] : b[i], with a step of 0 or 1 for each side. */
static void
choose(size_t count, size_t bytes, void *out, const uint8_t *mask, const void *a, size_t a_step,
       const void *b, size_t b_step)
{
#define CHOOSE(type)                                                                               \
    do {                                                                                           \
        type *to = out;                                                                            \
        const type *from_a = a;                                                                    \
        const type *from_b = b;                                                                    \
                                                                                                   \
        for (size_t i = 0; i < count; i++)                                                         \
            to[i] = mask[i] != 0 ? from_a[i * a_step] : from_b[i * b_step];                        \
    } while (0)

    switch (bytes) {
    case 1:
        CHOOSE(uint8_t);
        break;
    case 2:
        CHOOSE(uint16_t);
        break;
    case 4:
        CHOOSE(uint32_t);
        break;
    case 8:
        CHOOSE(uint64_t);
        break;
    default:
        g_assert_not_reached();
    }
#undef CHOOSE
}

static const uint64_t zero; /* in any dtype */

/* @x where @mask is @wanted, zeros elsewhere; both of one shape. */
static DdpTensor *
kept(DdpTensor *x, const DdpTensor *mask, bool wanted, GError **error)
{
    DdpTensor *out = ddp_tensor_new_like(x, dtype_of(x), error);

    if (out == NULL)
        return NULL;

    const uint8_t *flags = (const uint8_t *)mask->data;
    size_t bytes = ddp_dtype_bytes(dtype_of(x));

    if (wanted)
        choose(x->numel, bytes, out->data, flags, x->data, 1, &zero, 0);
    else
        choose(x->numel, bytes, out->data, flags, &zero, 0, x->data, 1);
    count_flops(x->context, DDP_FLOPS_SELECT * x->numel);
    return out;
}

/* A constant in @shape outside of the graph. */
static DdpTensor *
expanded_mask(const char *verb, DdpTensor *mask, const DdpShape *shape, GError **error)
{
    if (mask->dtype != DDP_DTYPE_BOOL) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "%s expected the condition to be a boolean tensor, but got a tensor with dtype "
                    "%s",
                    verb, ddp_dtype_scalar_name(dtype_of(mask)));
        return NULL;
    }
    return ddp_expand(mask, shape->ndim, shape->shape, error);
}

/* saved[0]: the condition, in the shape of the output; edges: a, b */
static bool
where_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    for (int i = 0; i < 2; i++) {
        if (!node_wants(node, i))
            continue;
        inputs[i] = kept(grad, node->saved[0], i == 0, error);
        if (inputs[i] == NULL)
            return false;
    }
    return true;
}

static const DdpGradOp where_op = {"WhereBackward", where_backward};

/* One side in the common dtype and shape, as part of the graph. */
static DdpTensor *
side_of(const DdpOperand *side, DdpModelContext *context, DdpDtype dtype, const DdpShape *shape,
        GError **error)
{
    if (side->tensor == NULL)
        return ddp_full(context, dtype, shape->ndim, shape->shape, side->number, error);

    DdpTensor *cast = ddp_to(side->tensor, dtype, error);
    DdpTensor *out = cast != NULL ? ddp_expand(cast, shape->ndim, shape->shape, error) : NULL;

    clear_tensor(&cast);
    return out;
}

static bool
common_of(const DdpTensor *condition, const DdpOperand *sides[2], DdpShape *shape, DdpDtype *dtype,
          GError **error)
{
    DdpResultType type = ddp_result_type_none();

    *shape = ddp_shape_of(condition);
    for (int i = 0; i < 2; i++) {
        if (sides[i]->tensor == NULL) {
            ddp_result_type_add_number(&type, sides[i]->number);
            continue;
        }

        DdpShape own = ddp_shape_of(sides[i]->tensor);
        DdpShape before = *shape;

        ddp_result_type_add_tensor(&type, sides[i]->tensor);
        if (!ddp_shape_broadcast(&before, &own, shape, error))
            return false;
    }
    *dtype = ddp_result_type_get(&type);
    return true;
}

DdpTensor *
ddp_where(DdpTensor *condition, DdpOperand a, DdpOperand b, GError **error)
{
    const DdpOperand *sides[2] = {&a, &b};
    DdpShape shape;
    DdpDtype dtype;

    if (!common_of(condition, sides, &shape, &dtype, error))
        return NULL;

    DdpModelContext *context = condition->context;
    DdpTensor *mask = expanded_mask("where", condition, &shape, error);
    DdpTensor *left = mask != NULL ? side_of(&a, context, dtype, &shape, error) : NULL;
    DdpTensor *right = left != NULL ? side_of(&b, context, dtype, &shape, error) : NULL;
    DdpTensor *out =
        right != NULL ? ddp_tensor_new_uninitialized(context, dtype, shape.ndim, shape.shape, error)
                      : NULL;

    if (out != NULL) {
        choose(out->numel, ddp_dtype_bytes(dtype), out->data, (const uint8_t *)mask->data,
               left->data, 1, right->data, 1);
        count_flops(context, DDP_FLOPS_SELECT * out->numel);
        if (wants_grad(left) || wants_grad(right)) {
            DdpNode *node = ddp_node_new(out, &where_op, 2, 1);

            ddp_node_edge(node, 0, left);
            ddp_node_edge(node, 1, right);
            ddp_node_save(node, 0, mask);
        }
    }
    clear_tensor(&right);
    clear_tensor(&left);
    clear_tensor(&mask);
    return out;
}

/* saved[0]: the mask, in the shape of the output */
static bool
masked_fill_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = kept(grad, node->saved[0], false, error);
    return inputs[0] != NULL;
}

static const DdpGradOp masked_fill_op = {"MaskedFillBackward", masked_fill_backward};

DdpTensor *
ddp_masked_fill(DdpTensor *x, DdpTensor *mask, DdpNumber value, GError **error)
{
    DdpShape own = ddp_shape_of(x);
    DdpShape asked = ddp_shape_of(mask);
    DdpShape shape;
    uint64_t element = 0;

    if (!ddp_shape_broadcast(&own, &asked, &shape, error))
        return NULL;
    ddp_number_store(value, dtype_of(x), &element);

    DdpTensor *flags = expanded_mask("masked_fill", mask, &shape, error);
    DdpTensor *whole = flags != NULL ? ddp_expand(x, shape.ndim, shape.shape, error) : NULL;
    DdpTensor *out = whole != NULL ? ddp_tensor_new_like(whole, dtype_of(x), error) : NULL;

    if (out != NULL) {
        choose(out->numel, ddp_dtype_bytes(dtype_of(x)), out->data, (const uint8_t *)flags->data,
               &element, 0, whole->data, 1);
        count_flops(x->context, DDP_FLOPS_SELECT * out->numel);
        if (wants_grad(whole)) {
            DdpNode *node = ddp_node_new(out, &masked_fill_op, 1, 1);

            ddp_node_edge(node, 0, whole);
            ddp_node_save(node, 0, flags);
        }
    }
    clear_tensor(&whole);
    clear_tensor(&flags);
    return out;
}

/* ---- triangles ----------------------------------------------------------------------- */

static DdpTensor *triangle(DdpTensor *x, int64_t diagonal, bool lower, GError **error);

/* ints[0]: the diagonal */
static bool
tril_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = triangle(grad, node->ints[0], true, error);
    return inputs[0] != NULL;
}

static bool
triu_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = triangle(grad, node->ints[0], false, error);
    return inputs[0] != NULL;
}

static const DdpGradOp tril_op = {"TrilBackward", tril_backward};
static const DdpGradOp triu_op = {"TriuBackward", triu_backward};

/* One matrix: each row keeps a stretch of its elements. */
static void
copy_triangle(char *out, const char *x, int64_t rows, int64_t columns, size_t bytes,
              int64_t diagonal, bool lower)
{
    for (int64_t i = 0; i < rows; i++) {
        /* The first column above the diagonal (lower), or the first one on it. */
        int64_t edge = CLAMP(i + diagonal + (lower ? 1 : 0), 0, columns);
        size_t first = (size_t)(lower ? 0 : edge);
        size_t end = (size_t)(lower ? edge : columns);
        size_t row = (size_t)(i * columns);

        memset(out + row * bytes, 0, (size_t)columns * bytes);
        memcpy(out + (row + first) * bytes, x + (row + first) * bytes, (end - first) * bytes);
    }
}

static DdpTensor *
triangle(DdpTensor *x, int64_t diagonal, bool lower, GError **error)
{
    if (x->ndim < 2) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "%s: input tensor must have at least 2 dimensions", lower ? "tril" : "triu");
        return NULL;
    }

    int64_t rows = x->shape[x->ndim - 2];
    int64_t columns = x->shape[x->ndim - 1];
    size_t bytes = ddp_dtype_bytes(dtype_of(x));
    size_t matrix = (size_t)rows * (size_t)columns;
    DdpTensor *out = ddp_tensor_new_like(x, dtype_of(x), error);

    if (out == NULL)
        return NULL;
    diagonal = CLAMP(diagonal, -rows, columns);
    for (size_t i = 0; i < x->numel; i += matrix)
        copy_triangle(out->data + i * bytes, x->data + i * bytes, rows, columns, bytes, diagonal,
                      lower);
    if (wants_grad(x)) {
        DdpNode *node = ddp_node_new(out, lower ? &tril_op : &triu_op, 1, 0);

        ddp_node_edge(node, 0, x);
        node->ints[0] = diagonal;
    }
    return out;
}

DdpTensor *
ddp_tril(DdpTensor *x, int64_t diagonal, GError **error)
{
    return triangle(x, diagonal, true, error);
}

DdpTensor *
ddp_triu(DdpTensor *x, int64_t diagonal, GError **error)
{
    return triangle(x, diagonal, false, error);
}

/* ---- permutations of dimensions ------------------------------------------------------ */

/* Copies @x so that dimension i of @out is dimension dims[i] of it. Neither is empty. */
static void
copy_permuted(const DdpTensor *x, const int *dims, DdpTensor *out)
{
    size_t steps[DDP_TENSOR_DIMS_MAX]; /* in bytes of x, by dimension of out */
    int64_t at[DDP_TENSOR_DIMS_MAX] = {0};
    size_t run = ddp_dtype_bytes(dtype_of(x));
    int ndim = x->ndim;
    const char *from = x->data;

    for (int i = 0; i < ndim; i++) {
        steps[i] = ddp_dtype_bytes(dtype_of(x));
        for (int d = dims[i] + 1; d < ndim; d++)
            steps[i] *= (size_t)x->shape[d];
    }
    /* Dimensions at the end that stay where they are move together. */
    while (ndim > 0 && dims[ndim - 1] == ndim - 1)
        run *= (size_t)x->shape[--ndim];
    for (char *to = out->data; to < out->data + x->numel * ddp_dtype_bytes(dtype_of(x));
         to += run) {
        memcpy(to, from, run);
        for (int i = ndim - 1; i >= 0; i--) {
            from += steps[i];
            if (++at[i] < out->shape[i])
                break;
            from -= steps[i] * (size_t)out->shape[i];
            at[i] = 0;
        }
    }
}

/* slot 0: the dimensions that lead back */
static bool
permute_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    int dims[DDP_TENSOR_DIMS_MAX];

    for (int i = 0; i < grad->ndim; i++)
        dims[i] = (int)node->input_shape[0][i];
    inputs[0] = ddp_permute(grad, grad->ndim, dims, error);
    return inputs[0] != NULL;
}

static const DdpGradOp permute_op = {"PermuteBackward", permute_backward};

static bool
check_permutation(const DdpTensor *x, int ndim, const int *dims, int *wrapped, GError **error)
{
    bool seen[DDP_TENSOR_DIMS_MAX] = {false};

    if (ndim != x->ndim) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "permute: number of dimensions in the tensor input does not match the length "
                    "of the desired ordering of dimensions i.e. input.dim() = %d is not equal to "
                    "len(dims) = %d",
                    x->ndim, ndim);
        return false;
    }
    for (int i = 0; i < ndim; i++) {
        if (!ddp_dim_wrap(dims[i], ndim, &wrapped[i], error))
            return false;
        if (seen[wrapped[i]]) {
            g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                                "permute(): duplicate dims are not allowed.");
            return false;
        }
        seen[wrapped[i]] = true;
    }
    return true;
}

DdpTensor *
ddp_permute(DdpTensor *x, int ndim, const int *dims, GError **error)
{
    int wrapped[DDP_TENSOR_DIMS_MAX];
    DdpShape shape = {.ndim = ndim};

    if (!check_permutation(x, ndim, dims, wrapped, error))
        return NULL;
    for (int i = 0; i < ndim; i++)
        shape.shape[i] = x->shape[wrapped[i]];

    DdpTensor *out =
        ddp_tensor_new_uninitialized(x->context, dtype_of(x), shape.ndim, shape.shape, error);

    if (out == NULL)
        return NULL;
    if (x->numel > 0)
        copy_permuted(x, wrapped, out);
    if (wants_grad(x)) {
        DdpNode *node = ddp_node_new(out, &permute_op, 1, 0);

        ddp_node_edge(node, 0, x);
        for (int i = 0; i < ndim; i++)
            node->input_shape[0][wrapped[i]] = i;
    }
    return out;
}
