/* SPDX-License-Identifier: MIT */
#include "model/optim.h"

#include <math.h>
#include <stddef.h>

#include "model/internal.h"
#include "model/kernels.h"
#include "model/optim_private.h"

/*
 * RMSprop, as torch.optim has it:
 *
 *   g += weight_decay · p
 *   v  = alpha · v + (1 - alpha) · g · g
 *   a  = sqrt(v) + eps; centered: a = sqrt(v - m²) + eps with m = lerp(m, g, 1 - alpha)
 *   p -= lr · g / a; with momentum: b = momentum · b + g / a and p -= lr · b
 */

enum { STATE_STEP, STATE_SQUARE, STATE_BUFFER, STATE_MEAN };

DdpRmspropSpec
ddp_rmsprop_spec_default(void)
{
    return (DdpRmspropSpec){.lr = 1e-2, .alpha = 0.99, .eps = 1e-8};
}

static void
fill_default(void *spec)
{
    *(DdpRmspropSpec *)spec = ddp_rmsprop_spec_default();
}

static bool
check(const void *memory, GError **error)
{
    const DdpRmspropSpec *spec = memory;

    return ddp_option_check(spec->lr >= 0.0, "learning rate", spec->lr, error) &&
           ddp_option_check(spec->eps >= 0.0, "epsilon value", spec->eps, error) &&
           ddp_option_check(spec->momentum >= 0.0, "momentum value", spec->momentum, error) &&
           ddp_option_check(spec->weight_decay >= 0.0, "weight_decay value", spec->weight_decay,
                            error) &&
           ddp_option_check(spec->alpha >= 0.0, "alpha value", spec->alpha, error);
}

static unsigned
wants(const void *memory)
{
    const DdpRmspropSpec *spec = memory;
    unsigned wanted = 1u << STATE_STEP | 1u << STATE_SQUARE;

    if (spec->momentum > 0.0)
        wanted |= 1u << STATE_BUFFER;
    if (spec->centered)
        wanted |= 1u << STATE_MEAN;
    return wanted;
}

static void
step_half(DdpOptimizerSlot *slot, DdpTensor *mean, DdpTensor *buffer, const DdpRmspropStep *s)
{
    DdpTensor *parameter = slot->parameter;
    DdpDtype dtype = dtype_of(parameter);
    float weight = (float)(1.0 - s->alpha);
    float weight_decay = rounded_half((float)s->weight_decay, dtype);
    float minus_lr = rounded_half((float)-s->lr, dtype);

    for (size_t i = 0; i < parameter->numel; i++) {
        float p = load_half(parameter->data, i, dtype);
        float g = load_half(parameter->grad->data, i, dtype);
        float v = load_half(slot->state[STATE_SQUARE]->data, i, dtype);

        g = s->maximize ? -g : g;
        if (s->weight_decay != 0.0)
            g = rounded_half(fmaf(weight_decay, p, g), dtype);
        v = rounded_half(v * (float)s->alpha, dtype);
        v = rounded_half(fmaf(weight * g, g, v), dtype);
        store_half(slot->state[STATE_SQUARE]->data, i, v, dtype);
        if (mean != NULL) {
            float m = rounded_half(ddp_lerp_f32(load_half(mean->data, i, dtype), g, weight), dtype);

            store_half(mean->data, i, m, dtype);
            v = rounded_half(fmaf(-m, m, v), dtype);
        }
        v = rounded_half(rounded_half(sqrtf(v), dtype) + (float)s->eps, dtype);
        if (buffer != NULL) {
            float b = rounded_half(load_half(buffer->data, i, dtype) * (float)s->momentum, dtype);

            b = rounded_half(b + g / v, dtype);
            store_half(buffer->data, i, b, dtype);
            p = fmaf(minus_lr, b, p);
        } else {
            p = p + (float)-s->lr * g / v;
        }
        store_half(parameter->data, i, p, dtype);
    }
}

static uint64_t
step_flops(const DdpRmspropSpec *spec)
{
    uint64_t flops = DDP_FLOPS_RMSPROP;

    if (spec->weight_decay != 0.0)
        flops += DDP_FLOPS_WEIGHT_DECAY;
    if (spec->centered)
        flops += DDP_FLOPS_RMSPROP_CENTERED;
    if (spec->momentum > 0.0)
        flops += DDP_FLOPS_RMSPROP_MOMENTUM;
    return flops;
}

static void
step_one(DdpOptimizerSlot *slot, const DdpOptimizerGroup *group, unsigned fresh)
{
    const DdpRmspropSpec *spec = group->spec;
    DdpTensor *parameter = slot->parameter;
    DdpTensor *mean_tensor = spec->centered ? slot->state[STATE_MEAN] : NULL;
    DdpTensor *buffer_tensor = spec->momentum > 0.0 ? slot->state[STATE_BUFFER] : NULL;
    const DdpOptimKernels *kernels = ddp_kernels()->optim;
    DdpRmspropStep step = {
        .lr = spec->lr,
        .alpha = spec->alpha,
        .eps = spec->eps,
        .weight_decay = spec->weight_decay,
        .momentum = spec->momentum,
        .maximize = spec->maximize,
    };
    void *p = parameter->data;
    const void *g = parameter->grad->data;
    void *square = slot->state[STATE_SQUARE]->data;
    void *mean = mean_tensor != NULL ? mean_tensor->data : NULL;
    void *buffer = buffer_tensor != NULL ? buffer_tensor->data : NULL;

    (void)fresh;
    ddp_optimizer_count_step(slot->state[STATE_STEP]);
    if (parameter->dtype == DDP_DTYPE_F32)
        kernels->rmsprop_f32(parameter->numel, p, g, square, mean, buffer, &step);
    else if (parameter->dtype == DDP_DTYPE_F64)
        kernels->rmsprop_f64(parameter->numel, p, g, square, mean, buffer, &step);
    else
        step_half(slot, mean_tensor, buffer_tensor, &step);
    count_flops(parameter->context, step_flops(spec) * parameter->numel);
}

#define AT(field) offsetof(DdpRmspropSpec, field)

static const DdpOptimizerOption options[] = {
    {"lr", DDP_OPTION_NUMBER, AT(lr), "0.01"},
    {"momentum", DDP_OPTION_NUMBER, AT(momentum), "0"},
    {"alpha", DDP_OPTION_NUMBER, AT(alpha), "0.99"},
    {"eps", DDP_OPTION_NUMBER, AT(eps), "1e-08"},
    {"centered", DDP_OPTION_BOOLEAN, AT(centered), "False"},
    {"weight_decay", DDP_OPTION_NUMBER, AT(weight_decay), "0"},
    {"capturable", DDP_OPTION_FIXED, 0, "False"},
    {"foreach", DDP_OPTION_FIXED, 0, "None"},
    {"maximize", DDP_OPTION_BOOLEAN, AT(maximize), "False"},
    {"differentiable", DDP_OPTION_FIXED, 0, "False"},
    {NULL, DDP_OPTION_FIXED, 0, NULL},
};

static const char *const state_names[] = {DDP_STATE_STEP, "square_avg", "momentum_buffer",
                                          "grad_avg", NULL};

const DdpOptimizerOps ddp_rmsprop_ops = {
    .info = {"RMSprop", sizeof(DdpRmspropSpec), options, state_names},
    .fill_default = fill_default,
    .check = check,
    .wants = wants,
    .step = step_one,
};
