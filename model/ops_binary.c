/* SPDX-License-Identifier: MIT */
#include "model/ops.h"

#include <math.h>

#include "model/broadcast.h"
#include "model/dtypes.h"
#include "model/internal.h"
#include "model/loops.h"

/*
 * Elementwise operations of two operands: what their result is, the loop over both, and the
 * derivatives.
 */

/* What has been decided about an operation before anything is computed. */
typedef struct {
    DdpModelContext *context;
    DdpShape shape;
    DdpDtype compute; /* what the loop reads: never a half */
    DdpDtype result;
} Plan;

/* An operand as the loop reads it. */
typedef struct {
    const void *data;
    DdpShape shape;
    DdpTensor *owned; /* a conversion, or NULL */
    union {
        double f64;
        int64_t i64;
    } number;
} Side;

static bool
is_comparison(DdpBinaryOp op)
{
    return op >= DDP_BINARY_EQ;
}

static bool
fail_dtype(GError **error, const char *message)
{
    g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE, message);
    return false;
}

/* What does not exist when both sides are bool. */
static bool
check_dtype(DdpBinaryOp op, DdpDtype dtype, GError **error)
{
    if (dtype != DDP_DTYPE_BOOL)
        return true;
    if (op == DDP_BINARY_POW)
        return fail_dtype(error, "\"pow\" not implemented for 'Bool'");
    if (op == DDP_BINARY_FLOOR_DIV)
        return fail_dtype(error, "\"floor_divide\" not implemented for 'Bool'");
    if (op == DDP_BINARY_REMAINDER)
        return fail_dtype(error, "\"remainder\" not implemented for 'Bool'");
    return true;
}

static bool
is_bool(const DdpOperand *operand)
{
    if (operand->tensor != NULL)
        return operand->tensor->dtype == DDP_DTYPE_BOOL;
    return operand->number.kind == DDP_NUMBER_BOOL;
}

static bool
check_subtraction(const DdpOperand *a, const DdpOperand *b, GError **error)
{
    if (is_bool(a) && is_bool(b))
        return fail_dtype(error,
                          "Subtraction, the `-` operator, with two bool tensors is not supported. "
                          "Use the `^` or `logical_xor()` operator instead.");
    if (is_bool(a) || is_bool(b))
        return fail_dtype(error,
                          "Subtraction, the `-` operator, with a bool tensor is not supported. If "
                          "you are trying to invert a mask, use the `~` or `logical_not()` "
                          "operator instead.");
    return true;
}

static DdpShape
operand_shape(const DdpOperand *operand)
{
    return operand->tensor != NULL ? ddp_shape_of(operand->tensor) : (DdpShape){.ndim = 0};
}

static void
result_type_add(DdpResultType *type, const DdpOperand *operand)
{
    if (operand->tensor != NULL)
        ddp_result_type_add_tensor(type, operand->tensor);
    else
        ddp_result_type_add_number(type, operand->number);
}

static bool
plan_make(DdpBinaryOp op, const DdpOperand *a, const DdpOperand *b, Plan *plan, GError **error)
{
    DdpResultType type = ddp_result_type_none();
    DdpShape a_shape = operand_shape(a);
    DdpShape b_shape = operand_shape(b);

    g_assert(a->tensor != NULL || b->tensor != NULL);
    plan->context = a->tensor != NULL ? a->tensor->context : b->tensor->context;

    result_type_add(&type, a);
    result_type_add(&type, b);

    DdpDtype common = ddp_result_type_get(&type);

    if (!check_dtype(op, common, error) ||
        (op == DDP_BINARY_SUB && !check_subtraction(a, b, error)))
        return false;
    if (op == DDP_BINARY_DIV && !ddp_dtype_is_float(common))
        common = DDP_DTYPE_F32;
    plan->compute = dtype_is_half(common) ? DDP_DTYPE_F32 : common;
    plan->result = is_comparison(op) ? DDP_DTYPE_BOOL : common;
    return ddp_shape_broadcast(&a_shape, &b_shape, &plan->shape, error);
}

static bool
side_open(Side *side, const DdpOperand *operand, const Plan *plan, GError **error)
{
    side->shape = operand_shape(operand);
    side->owned = NULL;
    if (operand->tensor == NULL) {
        ddp_number_store(operand->number, plan->compute, &side->number);
        side->data = &side->number;
        return true;
    }
    if (dtype_of(operand->tensor) == plan->compute) {
        side->data = operand->tensor->data;
        return true;
    }
    side->owned = ddp_tensor_new_like(operand->tensor, plan->compute, error);
    if (side->owned == NULL)
        return false;
    ddp_convert(operand->tensor->numel, side->owned->data, plan->compute, operand->tensor->data,
                dtype_of(operand->tensor));
    side->data = side->owned->data;
    return true;
}

static size_t
side_count(const Side *side)
{
    return ddp_shape_count(&side->shape);
}

static bool
check_integers(DdpBinaryOp op, const Plan *plan, const DdpOperand *b, const Side *side,
               GError **error)
{
    if (ddp_dtype_is_float(plan->compute))
        return true;
    if ((op == DDP_BINARY_FLOOR_DIV || op == DDP_BINARY_REMAINDER) &&
        ddp_shape_count(&plan->shape) > 0 &&
        ddp_divisors_have_zero(plan->compute, side_count(side), side->data)) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED, "ZeroDivisionError");
        return false;
    }
    /* A tensor of negative exponents gives 0, 1 or -1, as in torch. */
    if (op == DDP_BINARY_POW && b->tensor == NULL && b->number.i < 0)
        return fail_dtype(error, "Integers to negative integer powers are not allowed.");
    return true;
}

/* Runs @loop over both sides into @out, whose elements are of the plan's result dtype. */
static void
run_loop(DdpBinaryLoop loop, const Plan *plan, void *out, size_t out_bytes, const Side *a,
         const Side *b)
{
    size_t count = ddp_shape_count(&plan->shape);
    size_t a_count = side_count(a);
    size_t b_count = side_count(b);

    if ((a_count == count || a_count == 1) && (b_count == count || b_count == 1)) {
        loop(count, out, a->data, a_count == 1 ? 0 : 1, b->data, b_count == 1 ? 0 : 1);
        return;
    }

    size_t bytes = ddp_dtype_bytes(plan->compute);

    ddp_broadcast_walk(loop, &plan->shape, out, out_bytes,
                       (DdpBroadcastSide){a->data, bytes, &a->shape},
                       (DdpBroadcastSide){b->data, bytes, &b->shape});
}

/* x^0.5, x^2 and their like are exact or nearly so by other means, which torch takes as well. */
static bool
run_simple_power(const Plan *plan, const DdpOperand *exponent, void *out, const Side *x)
{
    size_t count = ddp_shape_count(&plan->shape);

    if (exponent->tensor != NULL || !ddp_dtype_is_float(plan->compute))
        return false;
    if (exponent->number.f == 2.0 || exponent->number.f == 3.0) {
        DdpBinaryLoop mul = ddp_float_loop(DDP_LOOP_MUL, plan->compute);

        mul(count, out, x->data, 1, x->data, 1);
        if (exponent->number.f == 3.0)
            mul(count, out, out, 1, x->data, 1);
        return true;
    }
    if (exponent->number.f == 0.5) {
        ddp_unary_loop(DDP_UNARY_SQRT, plan->compute)(count, out, x->data);
        return true;
    }
    if (exponent->number.f == 1.0) {
        ddp_convert(count, out, plan->compute, x->data, plan->compute);
        return true;
    }
    return false;
}

/* Computes into @out, a buffer of the plan's shape and result dtype; it may be a side's memory. */
static bool
run_plan(DdpBinaryOp op, const Plan *plan, DdpTensor *out, const DdpOperand *a, const DdpOperand *b,
         GError **error)
{
    Side a_side = {.owned = NULL};
    Side b_side = {.owned = NULL};
    bool ok = side_open(&a_side, a, plan, error) && side_open(&b_side, b, plan, error) &&
              check_integers(op, plan, b, &b_side, error);

    if (ok) {
        bool half = dtype_is_half(plan->result);
        DdpTensor *wide = half ? ddp_tensor_new_like(out, DDP_DTYPE_F32, error) : NULL;
        DdpTensor *target = half ? wide : out;

        ok = target != NULL;
        if (ok && !(op == DDP_BINARY_POW && side_count(&a_side) == out->numel &&
                    run_simple_power(plan, b, target->data, &a_side)))
            run_loop(ddp_binary_loop(op, plan->compute), plan, target->data,
                     ddp_dtype_bytes(dtype_of(target)), &a_side, &b_side);
        if (wide != NULL) {
            ddp_convert(out->numel, out->data, plan->result, wide->data, DDP_DTYPE_F32);
            ddp_tensor_unref(wide);
        }
        count_flops(plan->context, DDP_FLOPS_BINARY * out->numel);
    }
    clear_tensor(&a_side.owned);
    clear_tensor(&b_side.owned);
    return ok;
}

/* ---- derivatives --------------------------------------------------------------------- */

/*
 * Nodes have two edges, of a and b, and remember both shapes. ints[0], ints[1]: their dtypes;
 * ints[2]: bit 0 or 1 when that side is a number, which is floats[0]. saved[0], saved[1]: a and
 * b, where the derivative needs them.
 */

/* Takes @grad over: fits it to the shape and dtype of side @i of the node. */
static bool
give(DdpNode *node, int i, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    if (grad == NULL)
        return false;

    DdpTensor *fitted = ddp_grad_to_shape(grad, node->input_ndim[i], node->input_shape[i], error);

    ddp_tensor_unref(grad);
    if (fitted == NULL)
        return false;
    inputs[i] = ddp_to(fitted, (DdpDtype)node->ints[i], error);
    ddp_tensor_unref(fitted);
    return inputs[i] != NULL;
}

/* What side @i was: the saved tensor, or the number. */
static DdpOperand
saved_side(const DdpNode *node, int i)
{
    if ((node->ints[2] & (1 << i)) != 0)
        return ddp_operand_float(node->floats[0]);
    return ddp_operand_tensor(node->saved[i]);
}

static DdpTensor *
binary_take(DdpBinaryOp op, DdpTensor *a, DdpOperand b, GError **error)
{
    if (a == NULL)
        return NULL;

    DdpTensor *result = ddp_binary(op, ddp_operand_tensor(a), b, error);

    ddp_tensor_unref(a);
    return result;
}

static bool
add_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    return (!node_wants(node, 0) || give(node, 0, ddp_tensor_ref(grad), inputs, error)) &&
           (!node_wants(node, 1) || give(node, 1, ddp_tensor_ref(grad), inputs, error));
}

static bool
sub_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    return (!node_wants(node, 0) || give(node, 0, ddp_tensor_ref(grad), inputs, error)) &&
           (!node_wants(node, 1) ||
            give(node, 1, ddp_unary(DDP_UNARY_NEG, grad, error), inputs, error));
}

static bool
mul_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    for (int i = 0; i < 2; i++) {
        DdpOperand other = saved_side(node, 1 - i);

        if (node_wants(node, i) &&
            !give(node, i, ddp_binary(DDP_BINARY_MUL, ddp_operand_tensor(grad), other, error),
                  inputs, error))
            return false;
    }
    return true;
}

static bool
div_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpOperand a = saved_side(node, 0);
    DdpOperand b = saved_side(node, 1);

    if (node_wants(node, 0) &&
        !give(node, 0, ddp_binary(DDP_BINARY_DIV, ddp_operand_tensor(grad), b, error), inputs,
              error))
        return false;
    if (node_wants(node, 1)) {
        /* -grad · ((a / b) / b) */
        DdpTensor *slope =
            binary_take(DDP_BINARY_DIV, ddp_binary(DDP_BINARY_DIV, a, b, error), b, error);
        DdpTensor *part = binary_take(DDP_BINARY_MUL, slope, ddp_operand_tensor(grad), error);

        part = binary_take(DDP_BINARY_MUL, part, ddp_operand_float(-1.0), error);
        if (!give(node, 1, part, inputs, error))
            return false;
    }
    return true;
}

/* @values, but 0 where @a and @b compare as @op says. Takes @values over. */
static DdpTensor *
zero_where(DdpTensor *values, DdpBinaryOp op, DdpOperand a, DdpOperand b, GError **error)
{
    if (values == NULL)
        return NULL;

    DdpTensor *mask = ddp_binary(op, a, b, error);
    DdpTensor *wide = mask != NULL ? ddp_expand(mask, values->ndim, values->shape, error) : NULL;
    DdpTensor *result = wide != NULL ? ddp_clone(values, error) : NULL;

    /* By selection, since 0 · NaN would not be 0. */
    for (size_t i = 0; result != NULL && i < wide->numel; i++) {
        if (wide->data[i] != 0)
            ddp_tensor_set_f64(result, i, 0.0);
    }
    count_flops(values->context, DDP_FLOPS_SELECT * values->numel);
    clear_tensor(&wide);
    clear_tensor(&mask);
    ddp_tensor_unref(values);
    return result;
}

static bool
pow_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpOperand base = saved_side(node, 0);
    DdpOperand exponent = saved_side(node, 1);
    DdpOperand zero = ddp_operand_float(0.0);

    if (node_wants(node, 0)) {
        /* grad · (exponent · base^(exponent - 1)), and 0 where the exponent is */
        DdpTensor *part;

        if (exponent.tensor == NULL) {
            part =
                ddp_binary(DDP_BINARY_POW, base, ddp_operand_float(exponent.number.f - 1.0), error);
        } else {
            DdpTensor *less = ddp_binary(DDP_BINARY_SUB, exponent, ddp_operand_float(1.0), error);

            part = less != NULL ? ddp_binary(DDP_BINARY_POW, base, ddp_operand_tensor(less), error)
                                : NULL;
            clear_tensor(&less);
        }
        part = binary_take(DDP_BINARY_MUL, part, exponent, error);
        part = binary_take(DDP_BINARY_MUL, part, ddp_operand_tensor(grad), error);
        if (exponent.tensor != NULL)
            part = zero_where(part, DDP_BINARY_EQ, exponent, zero, error);
        else if (exponent.number.f == 0.0 && part != NULL)
            part = binary_take(DDP_BINARY_MUL, part, zero, error);
        if (!give(node, 0, part, inputs, error))
            return false;
    }
    if (node_wants(node, 1)) {
        /* grad · base^exponent · log(base), and 0 where the base is 0 */
        DdpTensor *power = ddp_binary(DDP_BINARY_POW, base, exponent, error);
        DdpTensor *part = binary_take(DDP_BINARY_MUL, power, ddp_operand_tensor(grad), error);
        DdpTensor *logarithm = NULL;

        if (base.tensor != NULL) {
            logarithm = ddp_unary(DDP_UNARY_LOG, base.tensor, error);
        } else if (part != NULL) {
            DdpTensor *number =
                ddp_tensor_new_number(grad->context, dtype_of(grad), base.number, error);

            logarithm = number != NULL ? ddp_unary(DDP_UNARY_LOG, number, error) : NULL;
            clear_tensor(&number);
        }
        if (logarithm == NULL)
            clear_tensor(&part);
        else
            part = binary_take(DDP_BINARY_MUL, part, ddp_operand_tensor(logarithm), error);
        clear_tensor(&logarithm);
        if (base.tensor != NULL)
            part = zero_where(part, DDP_BINARY_EQ, base, zero, error);
        if (!give(node, 1, part, inputs, error))
            return false;
    }
    return true;
}

/* Each element's gradient goes to the side that won, half to each when they are equal. */
static bool
extremum_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, bool maximum, GError **error)
{
    DdpOperand a = saved_side(node, 0);
    DdpOperand b = saved_side(node, 1);

    for (int i = 0; i < 2; i++) {
        if (!node_wants(node, i))
            continue;

        /* share = 1, or a half where both are equal, times whether this side did not lose */
        DdpBinaryOp lost = (i == 0) == maximum ? DDP_BINARY_LT : DDP_BINARY_GT;
        DdpTensor *equal = ddp_binary(DDP_BINARY_EQ, a, b, error);
        DdpTensor *share = binary_take(DDP_BINARY_MUL, equal, ddp_operand_float(-0.5), error);

        share = binary_take(DDP_BINARY_ADD, share, ddp_operand_float(1.0), error);

        DdpTensor *part = binary_take(DDP_BINARY_MUL, share, ddp_operand_tensor(grad), error);

        if (!give(node, i, zero_where(part, lost, a, b, error), inputs, error))
            return false;
    }
    return true;
}

static bool
maximum_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    return extremum_backward(node, grad, inputs, true, error);
}

static bool
minimum_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    return extremum_backward(node, grad, inputs, false, error);
}

static bool
remainder_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    if (node_wants(node, 0) && !give(node, 0, ddp_tensor_ref(grad), inputs, error))
        return false;
    if (node_wants(node, 1)) {
        DdpTensor *part =
            ddp_binary(DDP_BINARY_FLOOR_DIV, saved_side(node, 0), saved_side(node, 1), error);

        part = binary_take(DDP_BINARY_MUL, part, ddp_operand_tensor(grad), error);
        part = binary_take(DDP_BINARY_MUL, part, ddp_operand_float(-1.0), error);
        if (!give(node, 1, part, inputs, error))
            return false;
    }
    return true;
}

typedef enum {
    SAVE_NOTHING,
    SAVE_OTHER, /* the derivative by one side needs the other one */
    SAVE_BOTH,
} SaveKind;

static const struct {
    DdpGradOp op;
    SaveKind save;
} gradients[DDP_BINARY_COUNT] = {
    [DDP_BINARY_ADD] = {{"AddBackward", add_backward}, SAVE_NOTHING},
    [DDP_BINARY_SUB] = {{"SubBackward", sub_backward}, SAVE_NOTHING},
    [DDP_BINARY_MUL] = {{"MulBackward", mul_backward}, SAVE_OTHER},
    [DDP_BINARY_DIV] = {{"DivBackward", div_backward}, SAVE_BOTH},
    [DDP_BINARY_POW] = {{"PowBackward", pow_backward}, SAVE_BOTH},
    [DDP_BINARY_REMAINDER] = {{"RemainderBackward", remainder_backward}, SAVE_BOTH},
    [DDP_BINARY_MAXIMUM] = {{"MaximumBackward", maximum_backward}, SAVE_BOTH},
    [DDP_BINARY_MINIMUM] = {{"MinimumBackward", minimum_backward}, SAVE_BOTH},
};

static bool
operand_wants_grad(const DdpOperand *operand)
{
    return operand->tensor != NULL && wants_grad(operand->tensor);
}

static void
record(DdpBinaryOp op, DdpTensor *out, const DdpOperand *a, const DdpOperand *b)
{
    const DdpOperand *sides[2] = {a, b};
    SaveKind save = gradients[op].save;
    DdpNode *node = ddp_node_new(out, &gradients[op].op, 2, save == SAVE_NOTHING ? 0 : 2);

    node->ints[2] = 0;
    for (int i = 0; i < 2; i++) {
        DdpTensor *tensor = sides[i]->tensor;

        if (tensor == NULL) {
            node->ints[2] = 1 << i;
            node->floats[0] = sides[i]->number.f;
            continue;
        }
        node->ints[i] = tensor->dtype;
        ddp_node_remember_shape(node, i, tensor);
        ddp_node_edge(node, i, tensor);
        if (save == SAVE_BOTH || (save == SAVE_OTHER && operand_wants_grad(sides[1 - i])))
            ddp_node_save(node, i, tensor);
    }
}

/* ---- the operations ------------------------------------------------------------------ */

DdpTensor *
ddp_binary(DdpBinaryOp op, DdpOperand a, DdpOperand b, GError **error)
{
    if (op == DDP_BINARY_POW && a.tensor != NULL)
        DDP_AUTOCAST_WIDE(a.tensor, ddp_binary(op, ddp_operand_tensor(wide), b, error));
    if (op == DDP_BINARY_POW && b.tensor != NULL)
        DDP_AUTOCAST_WIDE(b.tensor, ddp_binary(op, a, ddp_operand_tensor(wide), error));

    Plan plan;
    bool wants = !is_comparison(op) && (operand_wants_grad(&a) || operand_wants_grad(&b));

    if (!plan_make(op, &a, &b, &plan, error))
        return NULL;
    if (wants && gradients[op].op.backward == NULL) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD,
                            "the derivative for 'floor_divide' is not implemented.");
        return NULL;
    }

    DdpTensor *out = ddp_tensor_new_uninitialized(plan.context, plan.result, plan.shape.ndim,
                                                  plan.shape.shape, error);

    if (out == NULL)
        return NULL;
    if (!run_plan(op, &plan, out, &a, &b, error)) {
        ddp_tensor_unref(out);
        return NULL;
    }
    if (wants)
        record(op, out, &a, &b);
    return out;
}

DdpTensor *
ddp_add(DdpTensor *a, DdpTensor *b, GError **error)
{
    return ddp_binary(DDP_BINARY_ADD, ddp_operand_tensor(a), ddp_operand_tensor(b), error);
}

DdpTensor *
ddp_sub(DdpTensor *a, DdpTensor *b, GError **error)
{
    return ddp_binary(DDP_BINARY_SUB, ddp_operand_tensor(a), ddp_operand_tensor(b), error);
}

DdpTensor *
ddp_mul(DdpTensor *a, DdpTensor *b, GError **error)
{
    return ddp_binary(DDP_BINARY_MUL, ddp_operand_tensor(a), ddp_operand_tensor(b), error);
}

DdpTensor *
ddp_div(DdpTensor *a, DdpTensor *b, GError **error)
{
    return ddp_binary(DDP_BINARY_DIV, ddp_operand_tensor(a), ddp_operand_tensor(b), error);
}

static bool
check_in_place(const DdpTensor *target, const Plan *plan, GError **error)
{
    DdpShape own = ddp_shape_of(target);

    if (!ddp_shape_equal(&own, &plan->shape)) {
        g_autofree char *found = ddp_shape_to_string(plan->shape.ndim, plan->shape.shape);
        g_autofree char *expected = ddp_shape_to_string(own.ndim, own.shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "output with shape %s doesn't match the broadcast shape %s", expected, found);
        return false;
    }
    if (!ddp_dtype_can_cast(plan->result, dtype_of(target))) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "result type %s can't be cast to the desired output type %s",
                    ddp_dtype_scalar_name(plan->result), ddp_dtype_scalar_name(dtype_of(target)));
        return false;
    }
    return true;
}

/* Recorded: the new value is computed aside and takes the target's place in the graph. */
static bool
binary_recorded(DdpBinaryOp op, DdpTensor *target, DdpOperand b, GError **error)
{
    DdpTensor *former = ddp_tensor_former(target);
    DdpTensor *result = ddp_binary(op, ddp_operand_tensor(former), b, error);
    DdpTensor *fitted = result != NULL ? ddp_to(result, dtype_of(target), error) : NULL;
    bool ok = fitted != NULL && ddp_tensor_adopt(target, fitted, former, error);

    clear_tensor(&fitted);
    clear_tensor(&result);
    ddp_tensor_unref(former);
    return ok;
}

/* Whether a loop that writes @target would overtake itself reading @other. */
static bool
overlaps(const DdpTensor *target, const DdpTensor *other)
{
    return other != NULL && other->storage == target->storage &&
           !(other->data == target->data && ddp_tensor_same_shape(other, target));
}

bool
ddp_binary_(DdpBinaryOp op, DdpTensor *target, DdpOperand b, GError **error)
{
    DdpOperand a = ddp_operand_tensor(target);
    Plan plan;

    if (!plan_make(op, &a, &b, &plan, error) || !check_in_place(target, &plan, error) ||
        !ddp_tensor_check_writable(target, error))
        return false;
    if (operand_wants_grad(&a) || operand_wants_grad(&b))
        return binary_recorded(op, target, b, error);

    DdpTensor *apart = NULL;
    bool ok;

    /* Some powers take several passes, so they cannot be written over their base either. */
    if (plan.result != dtype_of(target) || overlaps(target, b.tensor) || op == DDP_BINARY_POW) {
        apart = ddp_binary(op, a, b, error);
        ok = apart != NULL;
        if (ok)
            ddp_convert(target->numel, target->data, dtype_of(target), apart->data, plan.result);
        clear_tensor(&apart);
    } else {
        ok = run_plan(op, &plan, target, &a, &b, error);
    }
    if (ok)
        ddp_tensor_mark_written(target);
    return ok;
}

/* target = fma(alpha, b, target), for two tensors of one shape and one of float32, float64. */
static void
axpy(DdpTensor *target, const DdpTensor *b, double alpha)
{
    const DdpElementwiseKernels *kernels = ddp_kernels()->elementwise;
    void *out = target->data;
    const void *x = b->data;

    if (target->dtype == DDP_DTYPE_F32)
        kernels->axpy_f32(target->numel, out, (float)alpha, x, out);
    else
        kernels->axpy_f64(target->numel, out, alpha, x, out);
    count_flops(target->context, DDP_FLOPS_ADD_SCALED * target->numel);
    ddp_tensor_mark_written(target);
}

bool
ddp_add_scaled_(DdpTensor *target, DdpTensor *b, DdpNumber alpha, GError **error)
{
    bool plain = target->dtype == b->dtype && ddp_tensor_same_shape(target, b) &&
                 (target->dtype == DDP_DTYPE_F32 || target->dtype == DDP_DTYPE_F64);

    if (!ddp_tensor_check_writable(target, error))
        return false;
    if (plain && !wants_grad(target) && !wants_grad(b) && !overlaps(target, b)) {
        axpy(target, b, alpha.f);
        return true;
    }
    if (alpha.kind == DDP_NUMBER_FLOAT && !ddp_dtype_is_float(dtype_of(target)) &&
        !ddp_dtype_is_float(dtype_of(b)))
        return fail_dtype(error, "For integral input tensors, argument alpha must not be a "
                                 "floating point number.");

    DdpTensor *scaled =
        ddp_binary(DDP_BINARY_MUL, ddp_operand_tensor(b), ddp_operand_number(alpha), error);

    if (scaled == NULL)
        return false;

    bool ok = ddp_binary_(DDP_BINARY_ADD, target, ddp_operand_tensor(scaled), error);

    ddp_tensor_unref(scaled);
    return ok;
}
