/* SPDX-License-Identifier: MIT */
#include "model/ops.h"

#include <string.h>

#include "model/broadcast.h"
#include "model/dtypes.h"
#include "model/internal.h"
#include "model/loops.h"

/* Elementwise operations of one operand, and those that only move elements: to, clone, fill. */

/* ---- loops over same-shaped floats --------------------------------------------------- */

/* Where a derivative may be computed: in @grad itself when nobody else holds it. */
static DdpTensor *
grad_buffer(DdpTensor *grad, GError **error)
{
    if (grad->refs == 1 && grad->storage->refs == 1)
        return ddp_tensor_ref(grad);
    return ddp_tensor_new_like(grad, dtype_of(grad), error);
}

static DdpTensor *
as_f32(DdpTensor *x, GError **error)
{
    DdpTensor *wide = ddp_tensor_new_like(x, DDP_DTYPE_F32, error);

    if (wide != NULL)
        ddp_convert(x->numel, wide->data, DDP_DTYPE_F32, x->data, dtype_of(x));
    return wide;
}

static uint64_t
grad_flops(DdpBinaryLoopKind kind)
{
    return kind == DDP_LOOP_TANH_GRAD      ? DDP_FLOPS_GRAD_TANH
           : kind == DDP_LOOP_SIGMOID_GRAD ? DDP_FLOPS_GRAD_SIGMOID
                                           : DDP_FLOPS_GRAD_PRODUCT;
}

/* grad op other, elementwise, in the dtype of both. */
static DdpTensor *
grad_loop(DdpBinaryLoopKind kind, DdpTensor *grad, DdpTensor *other, GError **error)
{
    DdpTensor *out = grad_buffer(grad, error);

    if (out == NULL)
        return NULL;
    count_flops(grad->context, grad_flops(kind) * grad->numel);
    if (!dtype_is_half(dtype_of(grad))) {
        ddp_float_loop(kind, dtype_of(grad))(grad->numel, out->data, grad->data, 1, other->data, 1);
        return out;
    }

    DdpTensor *a = as_f32(grad, error);
    DdpTensor *b = a != NULL ? as_f32(other, error) : NULL;

    if (b != NULL) {
        ddp_float_loop(kind, DDP_DTYPE_F32)(grad->numel, a->data, a->data, 1, b->data, 1);
        ddp_convert(grad->numel, out->data, dtype_of(grad), a->data, DDP_DTYPE_F32);
    } else {
        clear_tensor(&out);
    }
    clear_tensor(&a);
    clear_tensor(&b);
    return out;
}

/* ---- derivatives: saved[0] is the input or the output, as the table below says ------- */

static bool
neg_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    (void)node;
    inputs[0] = ddp_unary(DDP_UNARY_NEG, grad, error);
    return inputs[0] != NULL;
}

static bool
abs_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    const DdpTensor *x = node->saved[0];

    inputs[0] = ddp_clone(grad, error);
    if (inputs[0] == NULL)
        return false;
    for (size_t i = 0; i < x->numel; i++) {
        double value = ddp_tensor_item_f64(x, i);
        double sign = value > 0.0 ? 1.0 : value < 0.0 ? -1.0 : 0.0;

        ddp_tensor_set_f64(inputs[0], i, ddp_tensor_item_f64(grad, i) * sign);
    }
    count_flops(x->context, DDP_FLOPS_GRAD_ABS * x->numel);
    return true;
}

static bool
relu_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = grad_loop(DDP_LOOP_RELU_GRAD, grad, node->saved[0], error);
    return inputs[0] != NULL;
}

static bool
tanh_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = grad_loop(DDP_LOOP_TANH_GRAD, grad, node->saved[0], error);
    return inputs[0] != NULL;
}

static bool
sigmoid_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = grad_loop(DDP_LOOP_SIGMOID_GRAD, grad, node->saved[0], error);
    return inputs[0] != NULL;
}

static bool
exp_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = grad_loop(DDP_LOOP_MUL, grad, node->saved[0], error);
    return inputs[0] != NULL;
}

static bool
log_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = grad_loop(DDP_LOOP_DIV, grad, node->saved[0], error);
    return inputs[0] != NULL;
}

static bool
sqrt_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *twice = ddp_add(node->saved[0], node->saved[0], error);

    if (twice == NULL)
        return false;
    inputs[0] = grad_loop(DDP_LOOP_DIV, grad, twice, error);
    ddp_tensor_unref(twice);
    return inputs[0] != NULL;
}

typedef enum {
    SAVE_NOTHING,
    SAVE_INPUT,
    SAVE_OUTPUT,
} SaveKind;

static const struct {
    DdpGradOp op;
    SaveKind save;
    const char *name; /* in messages */
} unaries[DDP_UNARY_COUNT] = {
    [DDP_UNARY_NEG] = {{"NegBackward", neg_backward}, SAVE_NOTHING, "neg"},
    [DDP_UNARY_ABS] = {{"AbsBackward", abs_backward}, SAVE_INPUT, "abs"},
    [DDP_UNARY_RELU] = {{"ReluBackward", relu_backward}, SAVE_OUTPUT, "relu"},
    [DDP_UNARY_SQRT] = {{"SqrtBackward", sqrt_backward}, SAVE_OUTPUT, "sqrt"},
    [DDP_UNARY_EXP] = {{"ExpBackward", exp_backward}, SAVE_OUTPUT, "exp"},
    [DDP_UNARY_LOG] = {{"LogBackward", log_backward}, SAVE_INPUT, "log"},
    [DDP_UNARY_TANH] = {{"TanhBackward", tanh_backward}, SAVE_OUTPUT, "tanh"},
    [DDP_UNARY_SIGMOID] = {{"SigmoidBackward", sigmoid_backward}, SAVE_OUTPUT, "sigmoid"},
};

/* ---- the operations ------------------------------------------------------------------ */

static DdpTensor *
unary_compute(DdpUnaryOp op, DdpTensor *x, DdpDtype dtype, GError **error)
{
    DdpDtype compute = dtype_is_half(dtype) ? DDP_DTYPE_F32 : dtype;
    DdpUnaryLoop loop = ddp_unary_loop(op, compute);
    DdpTensor *out = ddp_tensor_new_like(x, compute, error);

    if (loop == NULL) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "\"%s\" is not implemented for torch.%s", unaries[op].name,
                    ddp_dtype_name(dtype_of(x)));
        clear_tensor(&out);
        return NULL;
    }
    if (out == NULL)
        return NULL;

    if (dtype_of(x) == compute) {
        loop(x->numel, out->data, x->data);
    } else {
        ddp_convert(x->numel, out->data, compute, x->data, dtype_of(x));
        loop(x->numel, out->data, out->data);
    }
    count_flops(x->context, DDP_FLOPS_UNARY * x->numel);
    if (compute == dtype)
        return out;

    DdpTensor *narrow = ddp_tensor_new_like(x, dtype, error);

    if (narrow != NULL)
        ddp_convert(x->numel, narrow->data, dtype, out->data, compute);
    ddp_tensor_unref(out);
    return narrow;
}

DdpTensor *
ddp_unary(DdpUnaryOp op, DdpTensor *x, GError **error)
{
    if (op == DDP_UNARY_EXP || op == DDP_UNARY_LOG)
        DDP_AUTOCAST_WIDE(x, ddp_unary(op, wide, error));

    DdpDtype dtype = dtype_of(x);

    if (op >= DDP_UNARY_SQRT && !ddp_dtype_is_float(dtype))
        dtype = DDP_DTYPE_F32;

    DdpTensor *out = unary_compute(op, x, dtype, error);

    if (out != NULL && wants_grad(x)) {
        SaveKind save = unaries[op].save;
        DdpNode *node = ddp_node_new(out, &unaries[op].op, 1, save == SAVE_NOTHING ? 0 : 1);

        ddp_node_edge(node, 0, x);
        if (save == SAVE_INPUT)
            ddp_node_save(node, 0, x);
        else if (save == SAVE_OUTPUT)
            ddp_node_save_output(node, 0, out);
    }
    return out;
}

/* ints[0]: the dtype of the input */
static bool
to_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = ddp_to(grad, (DdpDtype)node->ints[0], error);
    return inputs[0] != NULL;
}

static bool
clone_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    (void)node;
    (void)error;
    inputs[0] = ddp_tensor_ref(grad);
    return true;
}

static const DdpGradOp to_op = {"ToCopyBackward", to_backward};
static const DdpGradOp clone_op = {"CloneBackward", clone_backward};

static DdpTensor *
copied(DdpTensor *x, DdpDtype dtype, const DdpGradOp *op, GError **error)
{
    DdpTensor *out = ddp_tensor_new_like(x, dtype, error);

    if (out == NULL)
        return NULL;
    ddp_convert(x->numel, out->data, dtype, x->data, dtype_of(x));
    if (wants_grad(x) && ddp_dtype_is_float(dtype)) {
        DdpNode *node = ddp_node_new(out, op, 1, 0);

        ddp_node_edge(node, 0, x);
        node->ints[0] = x->dtype;
    }
    return out;
}

DdpTensor *
ddp_to(DdpTensor *x, DdpDtype dtype, GError **error)
{
    if (dtype_of(x) == dtype)
        return ddp_tensor_ref(x);
    return copied(x, dtype, &to_op, error);
}

DdpTensor *
ddp_clone(DdpTensor *x, GError **error)
{
    return copied(x, dtype_of(x), &clone_op, error);
}

/* ---- writing over elements ----------------------------------------------------------- */

static void
copy_step(size_t count, void *out, const void *x, size_t x_step, size_t bytes)
{
    char *target = out;

    if (x_step != 0) {
        memmove(target, x, count * bytes);
        return;
    }
    for (size_t i = 0; i < count; i++)
        memcpy(target + i * bytes, x, bytes);
}

/* As loops over two operands, of which the second is not looked at. */
#define COPY_LOOP(bytes)                                                                           \
    static void copy_##bytes(size_t count, void *out, const void *a, size_t a_step, const void *b, \
                             size_t b_step)                                                        \
    {                                                                                              \
        (void)b;                                                                                   \
        (void)b_step;                                                                              \
        copy_step(count, out, a, a_step, bytes);                                                   \
    }

COPY_LOOP(1)
COPY_LOOP(2)
COPY_LOOP(4)
COPY_LOOP(8)

static DdpBinaryLoop
copy_loop(size_t bytes)
{
    return bytes == 1 ? copy_1 : bytes == 2 ? copy_2 : bytes == 4 ? copy_4 : copy_8;
}

/* @x, whose shape fits, repeated into @out of the same dtype. */
static void
broadcast_into(DdpTensor *out, const DdpTensor *x)
{
    size_t bytes = ddp_dtype_bytes(dtype_of(out));
    DdpShape shape = ddp_shape_of(out);
    DdpShape x_shape = ddp_shape_of(x);
    DdpBroadcastSide side = {x->data, bytes, &x_shape};

    ddp_broadcast_walk(copy_loop(bytes), &shape, out->data, bytes, side, side);
}

static bool
expand_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = ddp_grad_to_shape(grad, node->input_ndim[0], node->input_shape[0], error);
    return inputs[0] != NULL;
}

static const DdpGradOp expand_op = {"ExpandBackward", expand_backward};

/* Whether @x can be repeated to @shape, whose entries of -1 are filled in. */
static bool
expand_shape(const DdpTensor *x, DdpShape *shape, GError **error)
{
    bool fits = shape->ndim >= x->ndim;

    for (int i = 0; fits && i < shape->ndim; i++) {
        int own = i - (shape->ndim - x->ndim);

        if (shape->shape[i] == -1 && own >= 0)
            shape->shape[i] = x->shape[own];
        fits = shape->shape[i] >= 0 &&
               (own < 0 || x->shape[own] == 1 || x->shape[own] == shape->shape[i]);
    }
    if (fits)
        return true;

    g_autofree char *found = ddp_shape_to_string(x->ndim, x->shape);
    g_autofree char *wanted = ddp_shape_to_string(shape->ndim, shape->shape);

    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                "a tensor of shape %s cannot be expanded to %s: only sizes of 1 can be repeated",
                found, wanted);
    return false;
}

DdpTensor *
ddp_expand(DdpTensor *x, int ndim, const int64_t *shape, GError **error)
{
    DdpShape wanted = {.ndim = CLAMP(ndim, 0, DDP_TENSOR_DIMS_MAX)};

    for (int i = 0; i < wanted.ndim; i++)
        wanted.shape[i] = shape[i];
    if (!expand_shape(x, &wanted, error))
        return NULL;

    DdpShape own = ddp_shape_of(x);

    if (ddp_shape_equal(&own, &wanted))
        return ddp_tensor_ref(x);

    DdpTensor *out =
        ddp_tensor_new_uninitialized(x->context, dtype_of(x), wanted.ndim, wanted.shape, error);

    if (out == NULL)
        return NULL;
    broadcast_into(out, x);
    if (wants_grad(x)) {
        DdpNode *node = ddp_node_new(out, &expand_op, 1, 0);

        ddp_node_edge(node, 0, x);
        ddp_node_remember_shape(node, 0, x);
    }
    return out;
}

bool
ddp_fill_(DdpTensor *target, DdpNumber value, GError **error)
{
    if (!ddp_tensor_check_writable(target, error))
        return false;
    if (wants_grad(target)) {
        DdpTensor *filled =
            ddp_full(target->context, dtype_of(target), target->ndim, target->shape, value, error);
        bool ok = filled != NULL && ddp_tensor_adopt(target, filled, NULL, error);

        clear_tensor(&filled);
        return ok;
    }

    char element[8];
    size_t bytes = ddp_dtype_bytes(dtype_of(target));

    ddp_number_store(value, dtype_of(target), element);
    copy_step(target->numel, target->data, element, 0, bytes);
    ddp_tensor_mark_written(target);
    return true;
}

bool
ddp_copy_(DdpTensor *target, DdpTensor *source, GError **error)
{
    if (!ddp_tensor_check_writable(target, error))
        return false;

    DdpTensor *converted = ddp_to(source, dtype_of(target), error);
    DdpTensor *fitted =
        converted != NULL ? ddp_expand(converted, target->ndim, target->shape, error) : NULL;
    bool ok = fitted != NULL;

    if (ok && (wants_grad(target) || wants_grad(fitted))) {
        /* A clone, because the target must not become a leaf when the source is one. */
        DdpTensor *copy = ddp_clone(fitted, error);

        ok = copy != NULL && ddp_tensor_adopt(target, copy, NULL, error);
        clear_tensor(&copy);
    } else if (ok) {
        memmove(target->data, fitted->data, ddp_tensor_bytes(target));
        ddp_tensor_mark_written(target);
    }
    clear_tensor(&fitted);
    clear_tensor(&converted);
    return ok;
}

/* ---- filled tensors ------------------------------------------------------------------ */

DdpTensor *
ddp_full(DdpModelContext *context, DdpDtype dtype, int ndim, const int64_t *shape, DdpNumber value,
         GError **error)
{
    DdpTensor *out = ddp_tensor_new_uninitialized(context, dtype, ndim, shape, error);

    if (out != NULL) {
        char element[8];

        ddp_number_store(value, dtype, element);
        copy_step(out->numel, out->data, element, 0, ddp_dtype_bytes(dtype));
    }
    return out;
}
