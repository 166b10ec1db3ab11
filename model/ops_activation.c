/* SPDX-License-Identifier: MIT */
#include "model/ops_activation.h"

#include "model/dtypes.h"
#include "model/internal.h"
#include "model/kernels.h"
#include "model/ops.h"

/* The functions themselves are in kernels_activation.c. */

static bool activation_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error);

static const struct {
    DdpGradOp op;
    const char *name;    /* in messages */
    uint64_t flops;      /* for each element, by the function's definition */
    uint64_t grad_flops; /* likewise, with the product by the gradient */
} activations[DDP_ACTIVATION_COUNT] = {
    [DDP_ACTIVATION_GELU] = {{"GeluBackward", activation_backward},
                             "gelu",
                             DDP_FLOPS_GELU,
                             DDP_FLOPS_GRAD_GELU},
    [DDP_ACTIVATION_GELU_TANH] = {{"GeluBackward", activation_backward},
                                  "gelu",
                                  DDP_FLOPS_GELU_TANH,
                                  DDP_FLOPS_GRAD_GELU_TANH},
    [DDP_ACTIVATION_SILU] = {{"SiluBackward", activation_backward},
                             "silu",
                             DDP_FLOPS_SILU,
                             DDP_FLOPS_GRAD_SILU},
    [DDP_ACTIVATION_LEAKY_RELU] = {{"LeakyReluBackward", activation_backward},
                                   "leaky_relu",
                                   DDP_FLOPS_LEAKY_RELU,
                                   DDP_FLOPS_GRAD_LEAKY_RELU},
    [DDP_ACTIVATION_ELU] = {{"EluBackward", activation_backward},
                            "elu",
                            DDP_FLOPS_ELU,
                            DDP_FLOPS_GRAD_ELU},
    [DDP_ACTIVATION_SOFTPLUS] = {{"SoftplusBackward", activation_backward},
                                 "softplus",
                                 DDP_FLOPS_SOFTPLUS,
                                 DDP_FLOPS_GRAD_SOFTPLUS},
    [DDP_ACTIVATION_LOG_SIGMOID] = {{"LogSigmoidBackward", activation_backward},
                                    "logsigmoid",
                                    DDP_FLOPS_LOG_SIGMOID,
                                    DDP_FLOPS_GRAD_LOG_SIGMOID},
    [DDP_ACTIVATION_SMOOTH_L1] = {{"SmoothL1LossBackward", activation_backward},
                                  "smooth_l1_loss",
                                  DDP_FLOPS_SMOOTH_L1,
                                  DDP_FLOPS_GRAD_SMOOTH_L1},
    [DDP_ACTIVATION_HUBER] = {{"HuberLossBackward", activation_backward},
                              "huber_loss",
                              DDP_FLOPS_SMOOTH_L1,
                              DDP_FLOPS_GRAD_SMOOTH_L1},
};

/* ---- the operation ------------------------------------------------------------------- */

/* saved[0]: x; ints[0]: which function; floats[0], floats[1]: a, b */
static bool
activation_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    const DdpTensor *x = node->saved[0];
    const DdpActivationKernels *kernels = ddp_kernels()->activation;
    DdpActivation kind = (DdpActivation)node->ints[0];
    bool alone = grad->refs == 1 && grad->storage->refs == 1;
    DdpTensor *out =
        alone ? ddp_tensor_ref(grad) : ddp_tensor_new_like(grad, dtype_of(grad), error);

    if (out == NULL)
        return false;
    if (grad->dtype == DDP_DTYPE_F32) {
        const float *in = (const float *)(const void *)x->data;
        const float *g = (const float *)(const void *)grad->data;
        float *result = (float *)(void *)out->data;
        float slopes[DDP_ACTIVATION_CHUNK];

        for (size_t first = 0; first < x->numel; first += DDP_ACTIVATION_CHUNK) {
            size_t count = MIN(DDP_ACTIVATION_CHUNK, x->numel - first);

            kernels->f32[kind].slope(count, slopes, in + first, (float)node->floats[0],
                                     (float)node->floats[1]);
            for (size_t i = 0; i < count; i++)
                result[first + i] = g[first + i] * slopes[i];
        }
    } else {
        const double *in = (const double *)(const void *)x->data;
        const double *g = (const double *)(const void *)grad->data;
        double *result = (double *)(void *)out->data;
        double slopes[DDP_ACTIVATION_CHUNK];

        for (size_t first = 0; first < x->numel; first += DDP_ACTIVATION_CHUNK) {
            size_t count = MIN(DDP_ACTIVATION_CHUNK, x->numel - first);

            kernels->f64[kind].slope(count, slopes, in + first, node->floats[0], node->floats[1]);
            for (size_t i = 0; i < count; i++)
                result[first + i] = g[first + i] * slopes[i];
        }
    }
    count_flops(grad->context, activations[kind].grad_flops * grad->numel);
    inputs[0] = out;
    return true;
}

/* Of float32 and float64. */
static DdpTensor *
activation_wide(DdpActivation kind, DdpTensor *x, double a, double b, GError **error)
{
    const DdpActivationKernels *kernels = ddp_kernels()->activation;
    DdpTensor *out = ddp_tensor_new_like(x, dtype_of(x), error);

    if (out == NULL)
        return NULL;
    for (size_t first = 0; first < x->numel; first += DDP_ACTIVATION_CHUNK) {
        size_t count = MIN(DDP_ACTIVATION_CHUNK, x->numel - first);

        if (x->dtype == DDP_DTYPE_F32)
            kernels->f32[kind].value(count, (float *)(void *)out->data + first,
                                     (const float *)(const void *)x->data + first, (float)a,
                                     (float)b);
        else
            kernels->f64[kind].value(count, (double *)(void *)out->data + first,
                                     (const double *)(const void *)x->data + first, a, b);
    }
    count_flops(x->context, activations[kind].flops * x->numel);
    if (wants_grad(x)) {
        DdpNode *node = ddp_node_new(out, &activations[kind].op, 1, 1);

        ddp_node_edge(node, 0, x);
        ddp_node_save(node, 0, x);
        node->ints[0] = (int64_t)kind;
        node->floats[0] = a;
        node->floats[1] = b;
    }
    return out;
}

DdpTensor *
ddp_activation(DdpActivation kind, DdpTensor *x, double a, double b, GError **error)
{
    DdpDtype dtype = dtype_of(x);

    if (kind == DDP_ACTIVATION_SOFTPLUS)
        DDP_AUTOCAST_WIDE(x, ddp_activation(kind, wide, a, b, error));

    if (!ddp_dtype_is_float(dtype)) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "\"%s\" is not implemented for torch.%s", activations[kind].name,
                    ddp_dtype_name(dtype));
        return NULL;
    }
    if (!dtype_is_half(dtype))
        return activation_wide(kind, x, a, b, error);

    DdpTensor *wide = ddp_to(x, DDP_DTYPE_F32, error);
    DdpTensor *value = wide != NULL ? activation_wide(kind, wide, a, b, error) : NULL;
    DdpTensor *out = value != NULL ? ddp_to(value, dtype, error) : NULL;

    clear_tensor(&value);
    clear_tensor(&wide);
    return out;
}
