/* SPDX-License-Identifier: MIT */
#include "model/optim.h"

#include <math.h>
#include <stddef.h>

#include "model/internal.h"
#include "model/kernels.h"
#include "model/optim_power.h"
#include "model/optim_private.h"

/*
 * Adam and AdamW, as torch.optim has them (t from 1):
 *
 *   g += weight_decay · p                 Adam
 *   p *= 1 - lr · weight_decay            AdamW
 *   m  = lerp(m, g, 1 - beta1)
 *   v  = beta2 · v + (1 - beta2) · g · g
 *   p -= (lr / (1 - beta1^t)) · m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 *
 * With amsgrad the largest v so far takes the place of v in the last line. What depends on t
 * alone is computed once for all parameters of a group that have made as many steps.
 */

enum { STATE_STEP, STATE_MEAN, STATE_SQUARE, STATE_SQUARE_MAX };

typedef struct {
    DdpPower power1;
    DdpPower power2;
    double t, beta1, beta2; /* what the corrections are for; t is 0 at first */
    double correction1;     /* 1 - beta1^t */
    double correction_root; /* sqrt(1 - beta2^t) */
} Cache;

DdpAdamSpec
ddp_adam_spec_default(void)
{
    return (DdpAdamSpec){.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
}

DdpAdamSpec
ddp_adamw_spec_default(void)
{
    DdpAdamSpec spec = ddp_adam_spec_default();

    spec.weight_decay = 1e-2;
    spec.decoupled_weight_decay = true;
    return spec;
}

static void
fill_default_adam(void *spec)
{
    *(DdpAdamSpec *)spec = ddp_adam_spec_default();
}

static void
fill_default_adamw(void *spec)
{
    *(DdpAdamSpec *)spec = ddp_adamw_spec_default();
}

static bool
is_beta(double beta)
{
    return beta >= 0.0 && beta < 1.0;
}

static bool
check(const void *memory, GError **error)
{
    const DdpAdamSpec *spec = memory;

    return ddp_option_check(spec->lr >= 0.0, "learning rate", spec->lr, error) &&
           ddp_option_check(spec->eps >= 0.0, "epsilon value", spec->eps, error) &&
           ddp_option_check(is_beta(spec->beta1), "beta parameter at index 0", spec->beta1,
                            error) &&
           ddp_option_check(is_beta(spec->beta2), "beta parameter at index 1", spec->beta2,
                            error) &&
           ddp_option_check(spec->weight_decay >= 0.0, "weight_decay value", spec->weight_decay,
                            error);
}

static unsigned
wants(const void *spec)
{
    unsigned always = 1u << STATE_STEP | 1u << STATE_MEAN | 1u << STATE_SQUARE;

    return ((const DdpAdamSpec *)spec)->amsgrad ? always | 1u << STATE_SQUARE_MAX : always;
}

/* The corrections of step @t. */
static void
correct(Cache *cache, const DdpAdamSpec *spec, double t)
{
    if (cache->t == t && cache->beta1 == spec->beta1 && cache->beta2 == spec->beta2)
        return;
    cache->t = t;
    cache->beta1 = spec->beta1;
    cache->beta2 = spec->beta2;
    cache->correction1 = 1.0 - ddp_power(&cache->power1, spec->beta1, (uint64_t)t);
    cache->correction_root = sqrt(1.0 - ddp_power(&cache->power2, spec->beta2, (uint64_t)t));
}

static void
step_half(DdpOptimizerSlot *slot, DdpTensor *square_max, const DdpAdamStep *s)
{
    DdpTensor *parameter = slot->parameter;
    DdpDtype dtype = dtype_of(parameter);
    float mean_weight = (float)(1.0 - s->beta1);
    float square_weight = (float)(1.0 - s->beta2);
    float weight_decay = rounded_half((float)s->weight_decay, dtype);

    for (size_t i = 0; i < parameter->numel; i++) {
        float p = load_half(parameter->data, i, dtype);
        float g = load_half(parameter->grad->data, i, dtype);
        float m = load_half(slot->state[STATE_MEAN]->data, i, dtype);
        float v = load_half(slot->state[STATE_SQUARE]->data, i, dtype);

        g = s->maximize ? -g : g;
        p = rounded_half(p * (float)s->shrink, dtype);
        if (s->weight_decay != 0.0)
            g = rounded_half(fmaf(weight_decay, p, g), dtype);
        m = rounded_half(ddp_lerp_f32(m, g, mean_weight), dtype);
        v = rounded_half(v * (float)s->beta2, dtype);
        v = rounded_half(fmaf(square_weight * g, g, v), dtype);
        store_half(slot->state[STATE_MEAN]->data, i, m, dtype);
        store_half(slot->state[STATE_SQUARE]->data, i, v, dtype);
        if (square_max != NULL) {
            float before = load_half(square_max->data, i, dtype);

            v = v >= before || isnan(v) ? v : before;
            store_half(square_max->data, i, v, dtype);
        }
        v = rounded_half(sqrtf(v), dtype);
        v = rounded_half(v / (float)s->correction_root, dtype);
        v = rounded_half(v + (float)s->eps, dtype);
        store_half(parameter->data, i, p + (float)-s->step_size * m / v, dtype);
    }
}

static uint64_t
step_flops(const DdpAdamSpec *spec)
{
    uint64_t flops = DDP_FLOPS_ADAM;

    if (spec->amsgrad)
        flops += DDP_FLOPS_ADAM_AMSGRAD;
    if (spec->weight_decay != 0.0)
        flops += spec->decoupled_weight_decay ? DDP_FLOPS_ADAMW_DECAY : DDP_FLOPS_WEIGHT_DECAY;
    return flops;
}

static void
step_one(DdpOptimizerSlot *slot, const DdpOptimizerGroup *group, unsigned fresh)
{
    const DdpAdamSpec *spec = group->spec;
    Cache *cache = group->cache;
    bool decoupled = spec->decoupled_weight_decay && spec->weight_decay != 0.0;
    DdpTensor *parameter = slot->parameter;
    DdpTensor *square_max = spec->amsgrad ? slot->state[STATE_SQUARE_MAX] : NULL;
    const DdpOptimKernels *kernels = ddp_kernels()->optim;
    void *p = parameter->data;
    const void *g = parameter->grad->data;
    void *mean = slot->state[STATE_MEAN]->data;
    void *square = slot->state[STATE_SQUARE]->data;
    void *largest = square_max != NULL ? square_max->data : NULL;

    (void)fresh;
    correct(cache, spec, ddp_optimizer_count_step(slot->state[STATE_STEP]));

    DdpAdamStep step = {
        .step_size = spec->lr / cache->correction1,
        .correction_root = cache->correction_root,
        .beta1 = spec->beta1,
        .beta2 = spec->beta2,
        .eps = spec->eps,
        .weight_decay = spec->decoupled_weight_decay ? 0.0 : spec->weight_decay,
        .shrink = decoupled ? 1.0 - spec->lr * spec->weight_decay : 1.0,
        .maximize = spec->maximize,
    };

    if (parameter->dtype == DDP_DTYPE_F32)
        kernels->adam_f32(parameter->numel, p, g, mean, square, largest, &step);
    else if (parameter->dtype == DDP_DTYPE_F64)
        kernels->adam_f64(parameter->numel, p, g, mean, square, largest, &step);
    else
        step_half(slot, square_max, &step);
    count_flops(parameter->context, step_flops(spec) * parameter->numel);
}

#define AT(field) offsetof(DdpAdamSpec, field)

#define OPTIONS(decay, decoupled)                                                                  \
    {                                                                                              \
        {"lr", DDP_OPTION_NUMBER, AT(lr), "0.001"},                                                \
            {"betas", DDP_OPTION_PAIR, AT(beta1), "(0.9, 0.999)"},                                 \
            {"eps", DDP_OPTION_NUMBER, AT(eps), "1e-08"},                                          \
            {"weight_decay", DDP_OPTION_NUMBER, AT(weight_decay), decay},                          \
            {"amsgrad", DDP_OPTION_BOOLEAN, AT(amsgrad), "False"},                                 \
            {"maximize", DDP_OPTION_BOOLEAN, AT(maximize), "False"},                               \
            {"foreach", DDP_OPTION_FIXED, 0, "None"},                                              \
            {"capturable", DDP_OPTION_FIXED, 0, "False"},                                          \
            {"differentiable", DDP_OPTION_FIXED, 0, "False"},                                      \
            {"fused", DDP_OPTION_FIXED, 0, "None"},                                                \
            {"decoupled_weight_decay", DDP_OPTION_BOOLEAN, AT(decoupled_weight_decay), decoupled}, \
            {NULL, DDP_OPTION_FIXED, 0, NULL},                                                     \
    }

static const DdpOptimizerOption adam_options[] = OPTIONS("0", "False");
static const DdpOptimizerOption adamw_options[] = OPTIONS("0.01", "True");

static const char *const state_names[] = {DDP_STATE_STEP, "exp_avg", "exp_avg_sq", "max_exp_avg_sq",
                                          NULL};

const DdpOptimizerOps ddp_adam_ops = {
    .info = {"Adam", sizeof(DdpAdamSpec), adam_options, state_names},
    .cache_size = sizeof(Cache),
    .fill_default = fill_default_adam,
    .check = check,
    .wants = wants,
    .step = step_one,
};

const DdpOptimizerOps ddp_adamw_ops = {
    .info = {"AdamW", sizeof(DdpAdamSpec), adamw_options, state_names},
    .cache_size = sizeof(Cache),
    .fill_default = fill_default_adamw,
    .check = check,
    .wants = wants,
    .step = step_one,
};
