/* SPDX-License-Identifier: MIT */
#include "model/optim.h"

#include <math.h>

#include "model/dtypes.h"
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

typedef struct {
    DdpOptimizer base;
    GArray *specs; /* of DdpSgdSpec, one per group */
} Sgd;

DdpSgdSpec
ddp_sgd_spec_default(void)
{
    return (DdpSgdSpec){.lr = 1e-3};
}

static float
rounded(float value, DdpDtype dtype)
{
    return dtype == DDP_DTYPE_F16 ? ddp_f16_to_f32(ddp_f16_from_f32(value))
                                  : ddp_bf16_to_f32(ddp_bf16_from_f32(value));
}

/*
 * A half has every intermediate result rounded to its own type, as torch's passes leave it, and
 * so is the factor of each addition there.
 */
static void
step_half(DdpTensor *parameter, const DdpTensor *gradient, DdpTensor *buffer,
          const DdpSgdStep *step)
{
    DdpDtype dtype = dtype_of(parameter);
    float momentum = (float)step->momentum;
    float momentum_rounded = rounded(momentum, dtype);
    float undamped = rounded((float)(1.0 - step->dampening), dtype);
    float weight_decay = rounded((float)step->weight_decay, dtype);
    float minus_lr = rounded((float)-step->lr, dtype);

    for (size_t i = 0; i < parameter->numel; i++) {
        float p, g;

        ddp_convert(1, &p, DDP_DTYPE_F32, parameter->data + 2 * i, dtype);
        ddp_convert(1, &g, DDP_DTYPE_F32, gradient->data + 2 * i, dtype);
        if (step->weight_decay != 0.0)
            g = rounded(fmaf(weight_decay, p, g), dtype);
        if (buffer != NULL) {
            float b;

            ddp_convert(1, &b, DDP_DTYPE_F32, buffer->data + 2 * i, dtype);
            b = step->first ? g : rounded(fmaf(undamped, g, rounded(b * momentum, dtype)), dtype);
            ddp_convert(1, buffer->data + 2 * i, dtype, &b, DDP_DTYPE_F32);
            g = step->nesterov ? rounded(fmaf(momentum_rounded, b, g), dtype) : b;
        }
        p = fmaf(minus_lr, g, p);
        ddp_convert(1, parameter->data + 2 * i, dtype, &p, DDP_DTYPE_F32);
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
step_one(DdpTensor *parameter, const DdpTensor *gradient, DdpTensor *buffer, const DdpSgdStep *step)
{
    const DdpOptimKernels *kernels = ddp_kernels()->optim;
    void *p = parameter->data;
    const void *g = gradient->data;
    void *b = buffer != NULL ? buffer->data : NULL;

    if (parameter->dtype == DDP_DTYPE_F32)
        kernels->sgd_f32(parameter->numel, p, g, b, step);
    else if (parameter->dtype == DDP_DTYPE_F64)
        kernels->sgd_f64(parameter->numel, p, g, b, step);
    else
        step_half(parameter, gradient, buffer, step);
    count_flops(parameter->context, step_flops(buffer != NULL, step) * parameter->numel);
    ddp_tensor_mark_written(parameter);
}

static bool
sgd_step(DdpOptimizer *optimizer, GError **error)
{
    Sgd *sgd = (Sgd *)optimizer;

    for (size_t i = 0; i < ddp_optimizer_parameter_count(optimizer); i++) {
        DdpOptimizerSlot *slot = ddp_optimizer_slot(optimizer, i);
        const DdpSgdSpec *spec = &g_array_index(sgd->specs, DdpSgdSpec, slot->group);
        DdpTensor *gradient = slot->parameter->grad;
        DdpSgdStep step = {
            .lr = spec->lr,
            .momentum = spec->momentum,
            .dampening = spec->dampening,
            .weight_decay = spec->weight_decay,
            .nesterov = spec->nesterov,
        };

        if (gradient == NULL)
            continue;
        if (spec->momentum != 0.0 && slot->state[0] == NULL) {
            step.first = true;
            slot->state[0] = ddp_tensor_new_like(slot->parameter, dtype_of(slot->parameter), error);
            if (slot->state[0] == NULL)
                return false;
        }
        step_one(slot->parameter, gradient, spec->momentum != 0.0 ? slot->state[0] : NULL, &step);
    }
    return true;
}

static void
sgd_free(DdpOptimizer *optimizer)
{
    Sgd *sgd = (Sgd *)optimizer;

    g_array_unref(sgd->specs);
    g_free(sgd);
}

static const char *const state_names[] = {"momentum_buffer", NULL};

static const DdpOptimizerOps sgd_ops = {
    .step = sgd_step,
    .free = sgd_free,
    .state_names = state_names,
};

DdpOptimizer *
ddp_sgd_new(DdpModelContext *context)
{
    Sgd *sgd = g_new0(Sgd, 1);

    ddp_optimizer_init(&sgd->base, &sgd_ops, context);
    sgd->specs = g_array_new(FALSE, FALSE, sizeof(DdpSgdSpec));
    return &sgd->base;
}

static bool
check_spec(const DdpSgdSpec *spec, GError **error)
{
    const char *problem = NULL;
    double value = 0.0;

    if (!(spec->lr >= 0.0)) {
        problem = "Invalid learning rate";
        value = spec->lr;
    } else if (!(spec->momentum >= 0.0)) {
        problem = "Invalid momentum value";
        value = spec->momentum;
    } else if (!(spec->weight_decay >= 0.0)) {
        problem = "Invalid weight_decay value";
        value = spec->weight_decay;
    }
    if (problem != NULL) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED, "%s: %g", problem, value);
        return false;
    }
    if (spec->nesterov && (spec->momentum <= 0.0 || spec->dampening != 0.0)) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                            "Nesterov momentum requires a momentum and zero dampening");
        return false;
    }
    return true;
}

bool
ddp_sgd_add_group(DdpOptimizer *optimizer, const DdpSgdSpec *spec, DdpTensor *const *parameters,
                  size_t count, GError **error)
{
    Sgd *sgd = (Sgd *)optimizer;

    g_return_val_if_fail(optimizer->ops == &sgd_ops, false);

    if (!check_spec(spec, error) || !ddp_optimizer_add(optimizer, parameters, count, error))
        return false;
    g_array_append_val(sgd->specs, *spec);
    return true;
}

DdpSgdSpec *
ddp_sgd_group_spec(DdpOptimizer *optimizer, size_t group)
{
    Sgd *sgd = (Sgd *)optimizer;

    g_return_val_if_fail(optimizer->ops == &sgd_ops && group < sgd->specs->len, NULL);

    return &g_array_index(sgd->specs, DdpSgdSpec, group);
}
