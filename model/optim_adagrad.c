/* SPDX-License-Identifier: MIT */
#include "model/optim.h"

#include <math.h>
#include <stddef.h>

#include "model/internal.h"
#include "model/kernels.h"
#include "model/optim_private.h"

/*
 * Adagrad, as torch.optim has it (t from 1):
 *
 *   g += weight_decay · p
 *   s += g · g, from initial_accumulator_value on
 *   p -= lr / (1 + (t - 1) · lr_decay) · g / (sqrt(s) + eps)
 *
 * Its state is there from the beginning, also of parameters that never get a gradient.
 */

enum { STATE_STEP, STATE_SUM };

DdpAdagradSpec
ddp_adagrad_spec_default(void)
{
    return (DdpAdagradSpec){.lr = 1e-2, .eps = 1e-10};
}

static void
fill_default(void *spec)
{
    *(DdpAdagradSpec *)spec = ddp_adagrad_spec_default();
}

static bool
check(const void *memory, GError **error)
{
    const DdpAdagradSpec *spec = memory;

    return ddp_option_check(spec->lr >= 0.0, "learning rate", spec->lr, error) &&
           ddp_option_check(spec->lr_decay >= 0.0, "lr_decay value", spec->lr_decay, error) &&
           ddp_option_check(spec->weight_decay >= 0.0, "weight_decay value", spec->weight_decay,
                            error) &&
           ddp_option_check(spec->initial_accumulator_value >= 0.0,
                            "initial_accumulator_value value", spec->initial_accumulator_value,
                            error) &&
           ddp_option_check(spec->eps >= 0.0, "epsilon value", spec->eps, error);
}

static unsigned
wants(const void *spec)
{
    (void)spec;
    return 1u << STATE_STEP | 1u << STATE_SUM;
}

static double
initial(const void *spec, int state)
{
    (void)state;
    return ((const DdpAdagradSpec *)spec)->initial_accumulator_value;
}

static void
step_half(DdpTensor *parameter, DdpTensor *sum, const DdpAdagradStep *s)
{
    DdpDtype dtype = dtype_of(parameter);
    float weight_decay = rounded_half((float)s->weight_decay, dtype);

    for (size_t i = 0; i < parameter->numel; i++) {
        float p = load_half(parameter->data, i, dtype);
        float g = load_half(parameter->grad->data, i, dtype);
        float total;

        g = s->maximize ? -g : g;
        if (s->weight_decay != 0.0)
            g = rounded_half(fmaf(weight_decay, p, g), dtype);
        total = rounded_half(fmaf(g, g, load_half(sum->data, i, dtype)), dtype);
        store_half(sum->data, i, total, dtype);
        total = rounded_half(rounded_half(sqrtf(total), dtype) + (float)s->eps, dtype);
        store_half(parameter->data, i, p + (float)-s->lr * g / total, dtype);
    }
}

static void
step_one(DdpOptimizerSlot *slot, const DdpOptimizerGroup *group, unsigned fresh)
{
    const DdpAdagradSpec *spec = group->spec;
    DdpTensor *parameter = slot->parameter;
    DdpTensor *sum = slot->state[STATE_SUM];
    const DdpOptimKernels *kernels = ddp_kernels()->optim;
    double t = ddp_optimizer_count_step(slot->state[STATE_STEP]);
    DdpAdagradStep step = {
        .lr = spec->lr / (1.0 + (t - 1.0) * spec->lr_decay),
        .eps = spec->eps,
        .weight_decay = spec->weight_decay,
        .maximize = spec->maximize,
    };
    uint64_t flops = DDP_FLOPS_ADAGRAD;
    void *p = parameter->data;
    const void *g = parameter->grad->data;
    void *s = sum->data;

    (void)fresh;
    if (parameter->dtype == DDP_DTYPE_F32)
        kernels->adagrad_f32(parameter->numel, p, g, s, &step);
    else if (parameter->dtype == DDP_DTYPE_F64)
        kernels->adagrad_f64(parameter->numel, p, g, s, &step);
    else
        step_half(parameter, sum, &step);
    if (spec->weight_decay != 0.0)
        flops += DDP_FLOPS_WEIGHT_DECAY;
    count_flops(parameter->context, flops * parameter->numel);
}

#define AT(field) offsetof(DdpAdagradSpec, field)

static const DdpOptimizerOption options[] = {
    {"lr", DDP_OPTION_NUMBER, AT(lr), "0.01"},
    {"lr_decay", DDP_OPTION_NUMBER, AT(lr_decay), "0"},
    {"eps", DDP_OPTION_NUMBER, AT(eps), "1e-10"},
    {"weight_decay", DDP_OPTION_NUMBER, AT(weight_decay), "0"},
    {"initial_accumulator_value", DDP_OPTION_NUMBER, AT(initial_accumulator_value), "0"},
    {"foreach", DDP_OPTION_FIXED, 0, "None"},
    {"maximize", DDP_OPTION_BOOLEAN, AT(maximize), "False"},
    {"differentiable", DDP_OPTION_FIXED, 0, "False"},
    {"fused", DDP_OPTION_FIXED, 0, "None"},
    {NULL, DDP_OPTION_FIXED, 0, NULL},
};

static const char *const state_names[] = {DDP_STATE_STEP, "sum", NULL};

const DdpOptimizerOps ddp_adagrad_ops = {
    .info = {"Adagrad", sizeof(DdpAdagradSpec), options, state_names},
    .fill_default = fill_default,
    .check = check,
    .wants = wants,
    .initial = initial,
    .eager = true,
    .step = step_one,
};
