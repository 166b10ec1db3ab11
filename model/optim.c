/* SPDX-License-Identifier: MIT */
#include "model/optim.h"

#include <string.h>

#include "model/internal.h"
#include "model/optim_private.h"

void
ddp_optimizer_init(DdpOptimizer *optimizer, const DdpOptimizerOps *ops, DdpModelContext *context)
{
    optimizer->ops = ops;
    optimizer->context = context;
    optimizer->slots = g_array_new(FALSE, TRUE, sizeof(DdpOptimizerSlot));
    optimizer->group_count = 0;
}

void
ddp_optimizer_free(DdpOptimizer *optimizer)
{
    if (optimizer == NULL)
        return;
    for (size_t i = 0; i < optimizer->slots->len; i++) {
        DdpOptimizerSlot *slot = ddp_optimizer_slot(optimizer, i);

        clear_tensor(&slot->parameter);
        for (int s = 0; s < DDP_OPTIMIZER_STATES_MAX; s++)
            clear_tensor(&slot->state[s]);
    }
    g_array_unref(optimizer->slots);
    optimizer->ops->free(optimizer);
}

DdpOptimizerSlot *
ddp_optimizer_slot(DdpOptimizer *optimizer, size_t index)
{
    return &g_array_index(optimizer->slots, DdpOptimizerSlot, index);
}

static bool
is_known(DdpOptimizer *optimizer, const DdpTensor *parameter)
{
    for (size_t i = 0; i < optimizer->slots->len; i++) {
        if (ddp_optimizer_slot(optimizer, i)->parameter == parameter)
            return true;
    }
    return false;
}

static bool
check_parameters(DdpOptimizer *optimizer, DdpTensor *const *parameters, size_t count,
                 GError **error)
{
    const char *problem = NULL;

    if (count == 0)
        problem = "optimizer got an empty parameter list";
    for (size_t i = 0; i < count && problem == NULL; i++) {
        if (!ddp_tensor_is_leaf(parameters[i]))
            problem = "can't optimize a non-leaf Tensor";
        else if (!ddp_dtype_is_float(ddp_tensor_dtype(parameters[i])))
            problem = "can't optimize a Tensor of integers";
        else if (is_known(optimizer, parameters[i]))
            problem = "some parameters appear in more than one parameter group";
        for (size_t j = 0; j < i && problem == NULL; j++) {
            if (parameters[j] == parameters[i])
                problem = "optimizer contains a parameter group with duplicate parameters";
        }
    }
    if (problem == NULL)
        return true;
    g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED, problem);
    return false;
}

bool
ddp_optimizer_add(DdpOptimizer *optimizer, DdpTensor *const *parameters, size_t count,
                  GError **error)
{
    if (!check_parameters(optimizer, parameters, count, error))
        return false;
    for (size_t i = 0; i < count; i++) {
        DdpOptimizerSlot slot = {
            .parameter = ddp_tensor_ref(parameters[i]),
            .group = optimizer->group_count,
        };

        g_array_append_val(optimizer->slots, slot);
    }
    optimizer->group_count++;
    return true;
}

bool
ddp_optimizer_step(DdpOptimizer *optimizer, GError **error)
{
    return optimizer->ops->step(optimizer, error);
}

void
ddp_optimizer_zero_grad(DdpOptimizer *optimizer)
{
    for (size_t i = 0; i < optimizer->slots->len; i++)
        clear_tensor(&ddp_optimizer_slot(optimizer, i)->parameter->grad);
}

size_t
ddp_optimizer_group_count(const DdpOptimizer *optimizer)
{
    return optimizer->group_count;
}

size_t
ddp_optimizer_parameter_count(const DdpOptimizer *optimizer)
{
    return optimizer->slots->len;
}

DdpTensor *
ddp_optimizer_parameter(DdpOptimizer *optimizer, size_t index)
{
    g_return_val_if_fail(index < optimizer->slots->len, NULL);

    return ddp_optimizer_slot(optimizer, index)->parameter;
}

const char *const *
ddp_optimizer_state_names(const DdpOptimizer *optimizer)
{
    return optimizer->ops->state_names;
}

static int
state_index(const DdpOptimizer *optimizer, const char *name)
{
    for (int i = 0; optimizer->ops->state_names[i] != NULL; i++) {
        if (strcmp(optimizer->ops->state_names[i], name) == 0)
            return i;
    }
    return -1;
}

DdpTensor *
ddp_optimizer_state(DdpOptimizer *optimizer, size_t index, const char *name)
{
    int state = state_index(optimizer, name);

    g_return_val_if_fail(index < optimizer->slots->len && state >= 0, NULL);

    return ddp_optimizer_slot(optimizer, index)->state[state];
}

bool
ddp_optimizer_set_state(DdpOptimizer *optimizer, size_t index, const char *name, DdpTensor *value,
                        GError **error)
{
    int state = state_index(optimizer, name);

    g_return_val_if_fail(index < optimizer->slots->len, false);

    if (state < 0) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                    "this optimizer has no state '%s'", name);
        return false;
    }

    DdpOptimizerSlot *slot = ddp_optimizer_slot(optimizer, index);

    if (value != NULL && (!ddp_tensor_same_shape(value, slot->parameter) ||
                          value->dtype != slot->parameter->dtype)) {
        g_autofree char *found = ddp_shape_to_string(value->ndim, value->shape);
        g_autofree char *expected =
            ddp_shape_to_string(slot->parameter->ndim, slot->parameter->shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "state '%s' of parameter %" G_GSIZE_FORMAT " is torch.%s of shape %s, expected "
                    "torch.%s of shape %s",
                    name, index, ddp_dtype_name(dtype_of(value)), found,
                    ddp_dtype_name(dtype_of(slot->parameter)), expected);
        return false;
    }

    DdpTensor *old = slot->state[state];

    slot->state[state] = value != NULL ? ddp_tensor_ref(value) : NULL;
    clear_tensor(&old);
    return true;
}
