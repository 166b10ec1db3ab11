/* SPDX-License-Identifier: MIT */
#include "model/optim.h"

#include <math.h>
#include <stddef.h>

#include "model/internal.h"
#include "model/kernels.h"
#include "model/optim_private.h"

/*
 * Stochastic gradient descent, as torch.optim.SGD:
 *
 *   g += weight_decay · p
 *   b  = g at first, then momentum · b + (1 - dampening) · g
 *   d  = g + momentum · b with nesterov, b with momentum, else g
 *   p -= lr · d
 */

enum { STATE_BUFFER };

DdpSgdSpec
ddp_sgd_spec_default(void)
{
    return (DdpSgdSpec){.lr = 1e-3};
}

static void
fill_default(void *spec)
{
    *(DdpSgdSpec *)spec = ddp_sgd_spec_default();
}

static bool
check(const void *memory, GError **error)
{
    const DdpSgdSpec *spec = memory;

    if (!ddp_option_check(spec->lr >= 0.0, "learning rate", spec->lr, error) ||
        !ddp_option_check(spec->momentum >= 0.0, "momentum value", spec->momentum, error) ||
        !ddp_option_check(spec->weight_decay >= 0.0, "weight_decay value", spec->weight_decay,
                          error))
        return false;
    if (spec->nesterov && (spec->momentum <= 0.0 || spec->dampening != 0.0)) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                            "Nesterov momentum requires a momentum and zero dampening");
        return false;
    }
    return true;
}

static unsigned
wants(const void *spec)
{
    return ((const DdpSgdSpec *)spec)->momentum != 0.0 ? 1u << STATE_BUFFER : 0;
}

/* The factor of an addition is rounded to the half's type as well; that of a product is not. */
static void
step_half(DdpTensor *parameter, const DdpTensor *gradient, DdpTensor *buffer,
          const DdpSgdStep *step)
{
    DdpDtype dtype = dtype_of(parameter);
    float sign = step->maximize ? -1.0f : 1.0f;
    float momentum = (float)step->momentum;
    float momentum_rounded = rounded_half(momentum, dtype);
    float undamped = rounded_half((float)(1.0 - step->dampening), dtype);
    float weight_decay = rounded_half((float)step->weight_decay, dtype);
    float minus_lr = rounded_half((float)-step->lr, dtype);

    for (size_t i = 0; i < parameter->numel; i++) {
        float p = load_half(parameter->data, i, dtype);
        float g = sign * load_half(gradient->data, i, dtype);

        if (step->weight_decay != 0.0)
            g = rounded_half(fmaf(weight_decay, p, g), dtype);
        if (buffer != NULL) {
            float b = load_half(buffer->data, i, dtype);

            b = step->first ? g : fmaf(undamped, g, rounded_half(b * momentum, dtype));
            b = rounded_half(b, dtype);
            store_half(buffer->data, i, b, dtype);
            g = step->nesterov ? rounded_half(fmaf(momentum_rounded, b, g), dtype) : b;
        }
        store_half(parameter->data, i, fmaf(minus_lr, g, p), dtype);
    }
}

/* For each element. */
static uint64_t
step_flops(bool has_momentum, const DdpSgdStep *step)
{
    uint64_t flops = DDP_FLOPS_SGD;

    if (step->weight_decay != 0.0)
        flops += DDP_FLOPS_WEIGHT_DECAY;
    if (has_momentum && !step->first)
        flops += DDP_FLOPS_SGD_MOMENTUM;
    if (has_momentum && step->nesterov)
        flops += DDP_FLOPS_SGD_NESTEROV;
    return flops;
}

static void
step_one(DdpOptimizerSlot *slot, const DdpOptimizerGroup *group, unsigned fresh)
{
    const DdpSgdSpec *spec = group->spec;
    DdpTensor *parameter = slot->parameter;
    DdpTensor *buffer = spec->momentum != 0.0 ? slot->state[STATE_BUFFER] : NULL;
    DdpSgdStep step = {
        .lr = spec->lr,
        .momentum = spec->momentum,
        .dampening = spec->dampening,
        .weight_decay = spec->weight_decay,
        .nesterov = spec->nesterov,
        .maximize = spec->maximize,
        .first = (fresh & 1u << STATE_BUFFER) != 0,
    };
    const DdpOptimKernels *kernels = ddp_kernels()->optim;
    void *p = parameter->data;
    const void *g = parameter->grad->data;
    void *b = buffer != NULL ? buffer->data : NULL;

    if (parameter->dtype == DDP_DTYPE_F32)
        kernels->sgd_f32(parameter->numel, p, g, b, &step);
    else if (parameter->dtype == DDP_DTYPE_F64)
        kernels->sgd_f64(parameter->numel, p, g, b, &step);
    else
        step_half(parameter, parameter->grad, buffer, &step);
    count_flops(parameter->context, step_flops(buffer != NULL, &step) * parameter->numel);
}

#define AT(field) offsetof(DdpSgdSpec, field)

static const DdpOptimizerOption options[] = {
    {"lr", DDP_OPTION_NUMBER, AT(lr), "0.001"},
    {"momentum", DDP_OPTION_NUMBER, AT(momentum), "0"},
    {"dampening", DDP_OPTION_NUMBER, AT(dampening), "0"},
    {"weight_decay", DDP_OPTION_NUMBER, AT(weight_decay), "0"},
    {"nesterov", DDP_OPTION_BOOLEAN, AT(nesterov), "False"},
    {"maximize", DDP_OPTION_BOOLEAN, AT(maximize), "False"},
    {"foreach", DDP_OPTION_FIXED, 0, "None"},
    {"differentiable", DDP_OPTION_FIXED, 0, "False"},
    {"fused", DDP_OPTION_FIXED, 0, "None"},
    {NULL, DDP_OPTION_FIXED, 0, NULL},
};

static const char *const state_names[] = {"momentum_buffer", NULL};

const DdpOptimizerOps ddp_sgd_ops = {
    .info = {"SGD", sizeof(DdpSgdSpec), options, state_names},
    .fill_default = fill_default,
    .check = check,
    .wants = wants,
    .step = step_one,
};
