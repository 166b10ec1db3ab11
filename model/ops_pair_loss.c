/* SPDX-License-Identifier: MIT */
#include "model/losses.h"

#include "model/broadcast.h"
#include "model/dtypes.h"
#include "model/internal.h"
#include "model/kernels.h"
#include "model/math/elementary.h"
#include "model/ops_activation.h"

/* ---- of the difference alone --------------------------------------------------------- */

static DdpTensor *
reduced(DdpTensor *losses, DdpReduction reduction, GError **error)
{
    switch (reduction) {
    case DDP_REDUCTION_NONE:
        return ddp_tensor_ref(losses);
    case DDP_REDUCTION_SUM:
        return ddp_sum(losses, error);
    case DDP_REDUCTION_MEAN:
        return ddp_mean(losses, error);
    }
    g_assert_not_reached();
}

/* Takes @losses (nullable). */
static DdpTensor *
reduced_of(DdpTensor *losses, DdpReduction reduction, GError **error)
{
    if (losses == NULL)
        return NULL;

    DdpTensor *out = reduced(losses, reduction, error);

    ddp_tensor_unref(losses);
    return out;
}

DdpTensor *
ddp_l1_loss(DdpTensor *input, DdpTensor *target, DdpReduction reduction, GError **error)
{
    DDP_AUTOCAST_WIDE(input, ddp_l1_loss(wide, target, reduction, error));
    DDP_AUTOCAST_WIDE(target, ddp_l1_loss(input, wide, reduction, error));

    DdpTensor *difference = ddp_sub(input, target, error);

    if (difference == NULL)
        return NULL;

    DdpTensor *losses = ddp_unary(DDP_UNARY_ABS, difference, error);

    ddp_tensor_unref(difference);
    return reduced_of(losses, reduction, error);
}

static DdpTensor *
difference_loss(DdpActivation kind, DdpTensor *input, DdpTensor *target, double a,
                DdpReduction reduction, GError **error)
{
    DdpTensor *difference = ddp_sub(input, target, error);

    if (difference == NULL)
        return NULL;

    DdpTensor *losses = ddp_activation(kind, difference, a, 0.0, error);

    ddp_tensor_unref(difference);
    return reduced_of(losses, reduction, error);
}

DdpTensor *
ddp_smooth_l1_loss(DdpTensor *input, DdpTensor *target, double beta, DdpReduction reduction,
                   GError **error)
{
    DDP_AUTOCAST_WIDE(input, ddp_smooth_l1_loss(wide, target, beta, reduction, error));
    DDP_AUTOCAST_WIDE(target, ddp_smooth_l1_loss(input, wide, beta, reduction, error));
    if (!(beta >= 0.0)) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                    "smooth_l1_loss does not support negative values for beta, found %g", beta);
        return NULL;
    }
    if (beta == 0.0)
        return ddp_l1_loss(input, target, reduction, error);
    return difference_loss(DDP_ACTIVATION_SMOOTH_L1, input, target, beta, reduction, error);
}

DdpTensor *
ddp_huber_loss(DdpTensor *input, DdpTensor *target, double delta, DdpReduction reduction,
               GError **error)
{
    DDP_AUTOCAST_WIDE(input, ddp_huber_loss(wide, target, delta, reduction, error));
    DDP_AUTOCAST_WIDE(target, ddp_huber_loss(input, wide, delta, reduction, error));
    if (!(delta > 0.0)) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                    "huber_loss does not support non-positive values for delta, found %g", delta);
        return NULL;
    }
    return difference_loss(DDP_ACTIVATION_HUBER, input, target, delta, reduction, error);
}

/* ---- binary cross-entropy: arithmetic ------------------------------------------------ */

/* What the loops below read; @w and @p (of the positive term) may be NULL. */
#define OPERANDS(type)                                                                             \
    typedef struct {                                                                               \
        const type *x, *y, *w, *p;                                                                 \
    } Operands_##type;

OPERANDS(float)
OPERANDS(double)

/* Loops over one chunk. The slope of log sigmoid x is sigmoid(-x). */
#define BCE(type, kernels_of, log_, log1p_)                                                        \
    static inline type cut_##type(type logarithm)                                                  \
    {                                                                                              \
        return logarithm < -100 ? -100 : logarithm;                                                \
    }                                                                                              \
                                                                                                   \
    static void bce_values_##type(size_t n, Operands_##type in, type *out)                         \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            type x = in.x[i], y = in.y[i];                                                         \
            type loss = (y - 1) * cut_##type(log1p_(-x)) - y * cut_##type(log_(x));                \
                                                                                                   \
            out[i] = in.w != NULL ? loss * in.w[i] : loss;                                         \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void bce_slopes_##type(size_t n, Operands_##type in, type *out)                         \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            type x = in.x[i];                                                                      \
            type below = (1 - x) * x;                                                              \
            type slope = (x - in.y[i]) / (below < (type)1e-12 ? (type)1e-12 : below);              \
                                                                                                   \
            out[i] = in.w != NULL ? slope * in.w[i] : slope;                                       \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void bce_target_slopes_##type(size_t n, Operands_##type in, type *out)                  \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            type slope = cut_##type(log1p_(-in.x[i])) - cut_##type(log_(in.x[i]));                 \
                                                                                                   \
            out[i] = in.w != NULL ? slope * in.w[i] : slope;                                       \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void logit_values_##type(size_t n, Operands_##type in, type *out)                       \
    {                                                                                              \
        ddp_kernels()->activation->kernels_of[DDP_ACTIVATION_LOG_SIGMOID].value(n, out, in.x, 0,   \
                                                                                0);                \
        for (size_t i = 0; i < n; i++) {                                                           \
            type x = in.x[i], y = in.y[i];                                                         \
            type log_sigmoid = out[i];                                                             \
                                                                                                   \
            if (in.p != NULL)                                                                      \
                log_sigmoid *= (in.p[i] - 1) * y + 1;                                              \
                                                                                                   \
            type loss = (1 - y) * x - log_sigmoid;                                                 \
                                                                                                   \
            out[i] = in.w != NULL ? loss * in.w[i] : loss;                                         \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* (1 - y) - p·sigmoid(-x), which without p is sigmoid(x) - y */                              \
    static void logit_slopes_##type(size_t n, Operands_##type in, type *out)                       \
    {                                                                                              \
        ddp_kernels()->activation->kernels_of[DDP_ACTIVATION_LOG_SIGMOID].slope(n, out, in.x, 0,   \
                                                                                0);                \
        for (size_t i = 0; i < n; i++) {                                                           \
            type y = in.y[i];                                                                      \
            type factor = in.p != NULL ? (in.p[i] - 1) * y + 1 : 1;                                \
            type slope = (1 - y) - factor * out[i];                                                \
                                                                                                   \
            out[i] = in.w != NULL ? slope * in.w[i] : slope;                                       \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void logit_target_slopes_##type(size_t n, Operands_##type in, type *out)                \
    {                                                                                              \
        ddp_kernels()->activation->kernels_of[DDP_ACTIVATION_LOG_SIGMOID].value(n, out, in.x, 0,   \
                                                                                0);                \
        for (size_t i = 0; i < n; i++) {                                                           \
            type slope = -in.x[i];                                                                 \
                                                                                                   \
            if (in.p != NULL)                                                                      \
                slope -= (in.p[i] - 1) * out[i];                                                   \
            out[i] = in.w != NULL ? slope * in.w[i] : slope;                                       \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    typedef void (*Loop_##type)(size_t n, Operands_##type in, type * out);                         \
                                                                                                   \
    static void over_chunks_##type(Loop_##type loop, size_t count, Operands_##type in, type *out)  \
    {                                                                                              \
        for (size_t first = 0; first < count; first += DDP_ACTIVATION_CHUNK) {                     \
            Operands_##type part = {in.x + first, in.y + first,                                    \
                                    in.w != NULL ? in.w + first : NULL,                            \
                                    in.p != NULL ? in.p + first : NULL};                           \
                                                                                                   \
            loop(MIN(DDP_ACTIVATION_CHUNK, count - first), part, out + first);                     \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* slope · grad / divisor, where there is one gradient for all or one for each */             \
    static void scale_##type(size_t count, type *slopes, const type *grad, bool each,              \
                             double divisor)                                                       \
    {                                                                                              \
        type share = each ? 0 : grad[0] / (type)divisor;                                           \
                                                                                                   \
        for (size_t i = 0; i < count; i++)                                                         \
            slopes[i] *= each ? grad[i] : share;                                                   \
    }

BCE(float, f32, ddp_logf, ddp_log1pf)
BCE(double, f64, ddp_log, ddp_log1p)

typedef enum {
    LOOP_VALUES,
    LOOP_SLOPES,
    LOOP_TARGET_SLOPES,
} LoopKind;

typedef struct {
    DdpGradOp op;
    Loop_float f32[3];
    Loop_double f64[3];
    uint64_t flops;
    uint64_t grad_flops;
} PairLoss;

static bool pair_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error);

static const PairLoss bce = {
    {"BinaryCrossEntropyBackward", pair_backward},
    {bce_values_float, bce_slopes_float, bce_target_slopes_float},
    {bce_values_double, bce_slopes_double, bce_target_slopes_double},
    DDP_FLOPS_BCE,
    DDP_FLOPS_GRAD_BCE,
};

static const PairLoss bce_with_logits = {
    {"BinaryCrossEntropyWithLogitsBackward", pair_backward},
    {logit_values_float, logit_slopes_float, logit_target_slopes_float},
    {logit_values_double, logit_slopes_double, logit_target_slopes_double},
    DDP_FLOPS_BCE_LOGITS,
    DDP_FLOPS_GRAD_BCE_LOGITS,
};

/* ---- binary cross-entropy: the operation --------------------------------------------- */

/* x, y, the weight and the weight of the positive term, the last two being NULL if not given. */
enum {
    PART_X,
    PART_Y,
    PART_WEIGHT,
    PART_POS_WEIGHT,
    PART_COUNT,
};

static void
run_loop(const PairLoss *loss, LoopKind kind, DdpTensor *const *parts, DdpTensor *out)
{
    const void *data[PART_COUNT];
    void *result = out->data;

    for (int i = 0; i < PART_COUNT; i++)
        data[i] = parts[i] != NULL ? parts[i]->data : NULL;
    if (out->dtype == DDP_DTYPE_F32)
        over_chunks_float(loss->f32[kind], out->numel,
                          (Operands_float){data[0], data[1], data[2], data[3]}, result);
    else
        over_chunks_double(loss->f64[kind], out->numel,
                           (Operands_double){data[0], data[1], data[2], data[3]}, result);

    uint64_t flops = (kind == LOOP_VALUES ? loss->flops : loss->grad_flops) +
                     (data[2] != NULL ? DDP_FLOPS_BCE_WEIGHT : 0) +
                     (data[3] != NULL ? DDP_FLOPS_BCE_POS_WEIGHT : 0);

    count_flops(out->context, flops * out->numel);
}

/* saved: the parts; ints[0]: the reduction; pointer: the PairLoss */
static bool
pair_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    const PairLoss *loss = node->pointer;
    DdpTensor *parts[PART_COUNT] = {NULL};
    bool each = node->ints[0] == DDP_REDUCTION_NONE;

    for (int i = 0; i < node->saved_count; i++)
        parts[i] = node->saved[i];

    DdpTensor *x = parts[PART_X];
    double divisor = node->ints[0] == DDP_REDUCTION_MEAN ? (double)x->numel : 1.0;

    for (int i = 0; i < 2; i++) {
        if (!node_wants(node, i))
            continue;
        inputs[i] = ddp_tensor_new_like(x, dtype_of(x), error);
        if (inputs[i] == NULL)
            return false;
        run_loop(loss, i == 0 ? LOOP_SLOPES : LOOP_TARGET_SLOPES, parts, inputs[i]);

        void *slopes = inputs[i]->data;
        const void *g = grad->data;

        if (x->dtype == DDP_DTYPE_F32)
            scale_float(x->numel, slopes, g, each, divisor);
        else
            scale_double(x->numel, slopes, g, each, divisor);
        count_flops(x->context, DDP_FLOPS_GRAD_PRODUCT * x->numel);
    }
    return true;
}

/* All parts are of one shape and one dtype, float32 or float64. */
static DdpTensor *
pair_loss(const PairLoss *loss, DdpTensor *const *parts, DdpReduction reduction, GError **error)
{
    DdpTensor *x = parts[PART_X];
    DdpTensor *losses = ddp_tensor_new_like(x, dtype_of(x), error);

    if (losses == NULL)
        return NULL;
    run_loop(loss, LOOP_VALUES, parts, losses);

    DdpTensor *out = reduced_of(losses, reduction, error);

    if (out != NULL && (wants_grad(x) || wants_grad(parts[PART_Y]))) {
        int saved = parts[PART_POS_WEIGHT] != NULL ? 4 : parts[PART_WEIGHT] != NULL ? 3 : 2;
        DdpNode *node = ddp_node_new(out, &loss->op, 2, saved);

        ddp_node_edge(node, 0, x);
        ddp_node_edge(node, 1, parts[PART_Y]);
        for (int i = 0; i < saved; i++) {
            if (parts[i] != NULL)
                ddp_node_save(node, i, parts[i]);
        }
        node->ints[0] = reduction;
        node->pointer = loss;
    }
    return out;
}

static bool
check_part(const char *verb, const char *name, const DdpTensor *part, const DdpTensor *x,
           GError **error)
{
    if (part == NULL || part->dtype == x->dtype)
        return true;
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                "%s: the %s is torch.%s, expected torch.%s as the input is", verb, name,
                ddp_dtype_name(dtype_of(part)), ddp_dtype_name(dtype_of(x)));
    return false;
}

static bool
check_parts(const char *verb, DdpTensor *const *parts, GError **error)
{
    const DdpTensor *x = parts[PART_X];
    const DdpTensor *y = parts[PART_Y];

    if (!ddp_dtype_is_float(dtype_of(x))) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "%s is not implemented for torch.%s", verb, ddp_dtype_name(dtype_of(x)));
        return false;
    }
    if (!ddp_tensor_same_shape(x, y)) {
        g_autofree char *found = ddp_shape_to_string(x->ndim, x->shape);
        g_autofree char *found_target = ddp_shape_to_string(y->ndim, y->shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "Target size (torch.Size(%s)) must be the same as input size (torch.Size(%s))",
                    found_target, found);
        return false;
    }
    return check_part(verb, "target", y, x, error) &&
           check_part(verb, "weight", parts[PART_WEIGHT], x, error) &&
           check_part(verb, "pos_weight", parts[PART_POS_WEIGHT], x, error);
}

/* (transfer full): @part in the shape of @x, and as float32 if it is a half. */
static DdpTensor *
fitted(DdpTensor *part, DdpTensor *x, GError **error)
{
    DdpTensor *wide =
        dtype_is_half(dtype_of(part)) ? ddp_to(part, DDP_DTYPE_F32, error) : ddp_tensor_ref(part);
    DdpTensor *out = wide != NULL ? ddp_expand(wide, x->ndim, x->shape, error) : NULL;

    clear_tensor(&wide);
    return out;
}

static DdpTensor *
pair_loss_of(const PairLoss *loss, DdpTensor *const *given, DdpReduction reduction, GError **error)
{
    DdpTensor *parts[PART_COUNT] = {NULL};
    DdpTensor *x = given[PART_X];
    DdpTensor *value = NULL;
    DdpTensor *out = NULL;
    bool ok = true;

    for (int i = 0; ok && i < PART_COUNT; i++) {
        if (given[i] == NULL)
            continue;
        parts[i] = fitted(given[i], x, error);
        ok = parts[i] != NULL;
    }
    if (ok)
        value = pair_loss(loss, parts, reduction, error);
    if (value != NULL)
        out = ddp_to(value, dtype_of(x), error);
    clear_tensor(&value);
    for (int i = 0; i < PART_COUNT; i++)
        clear_tensor(&parts[i]);
    return out;
}

static bool
check_probabilities(const DdpTensor *x, GError **error)
{
    for (size_t i = 0; i < x->numel; i++) {
        double value = ddp_tensor_item_f64(x, i);

        if (!(value >= 0.0 && value <= 1.0)) {
            g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                        "binary_cross_entropy: all elements of input should be between 0 and 1, "
                        "found %g (for logits there is binary_cross_entropy_with_logits)",
                        value);
            return false;
        }
    }
    return true;
}

DdpTensor *
ddp_binary_cross_entropy(DdpTensor *input, DdpTensor *target, DdpTensor *weight,
                         DdpReduction reduction, GError **error)
{
    DdpTensor *parts[PART_COUNT] = {input, target, weight, NULL};

    if (input->context->autocast.enabled) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                            "binary_cross_entropy is unsafe under autocast: probabilities lose too "
                            "much in 16 bits; give binary_cross_entropy_with_logits what sigmoid "
                            "would get");
        return NULL;
    }
    if (!check_parts("binary_cross_entropy", parts, error) || !check_probabilities(input, error))
        return NULL;
    return pair_loss_of(&bce, parts, reduction, error);
}

DdpTensor *
ddp_binary_cross_entropy_with_logits(DdpTensor *input, DdpTensor *target, DdpTensor *weight,
                                     DdpTensor *pos_weight, DdpReduction reduction, GError **error)
{
    DdpTensor *parts[PART_COUNT] = {input, target, weight, pos_weight};

    DDP_AUTOCAST_WIDE(input, ddp_binary_cross_entropy_with_logits(wide, target, weight, pos_weight,
                                                                  reduction, error));
    DDP_AUTOCAST_WIDE(target, ddp_binary_cross_entropy_with_logits(input, wide, weight, pos_weight,
                                                                   reduction, error));
    if (!check_parts("binary_cross_entropy_with_logits", parts, error))
        return NULL;
    return pair_loss_of(&bce_with_logits, parts, reduction, error);
}
