/* SPDX-License-Identifier: MIT */
#include "model/optim.h"

#include <math.h>
#include <string.h>

#include "model/internal.h"
#include "model/optim_private.h"

struct DdpOptimizer {
    const DdpOptimizerOps *ops;
    DdpOptimizerKind kind;
    DdpModelContext *context; /* borrowed */
    GArray *slots;            /* of DdpOptimizerSlot, group after group */
    GArray *groups;           /* of DdpOptimizerGroup, which own what they point to */
    bool has_stepped;
};

static const DdpOptimizerOps *
ops_of(DdpOptimizerKind kind)
{
    switch (kind) {
    case DDP_OPTIMIZER_SGD:
        return &ddp_sgd_ops;
    case DDP_OPTIMIZER_ADAM:
        return &ddp_adam_ops;
    case DDP_OPTIMIZER_ADAMW:
        return &ddp_adamw_ops;
    case DDP_OPTIMIZER_RMSPROP:
        return &ddp_rmsprop_ops;
    case DDP_OPTIMIZER_ADAGRAD:
        return &ddp_adagrad_ops;
    }
    g_assert_not_reached();
}

const DdpOptimizerInfo *
ddp_optimizer_info(DdpOptimizerKind kind)
{
    return &ops_of(kind)->info;
}

void
ddp_optimizer_spec_default(DdpOptimizerKind kind, void *spec)
{
    ops_of(kind)->fill_default(spec);
}

DdpOptimizer *
ddp_optimizer_new(DdpModelContext *context, DdpOptimizerKind kind)
{
    DdpOptimizer *optimizer = g_new0(DdpOptimizer, 1);

    optimizer->ops = ops_of(kind);
    optimizer->kind = kind;
    optimizer->context = context;
    optimizer->slots = g_array_new(FALSE, TRUE, sizeof(DdpOptimizerSlot));
    optimizer->groups = g_array_new(FALSE, TRUE, sizeof(DdpOptimizerGroup));
    return optimizer;
}

DdpOptimizerKind
ddp_optimizer_kind(const DdpOptimizer *optimizer)
{
    return optimizer->kind;
}

static DdpOptimizerSlot *
slot_at(const DdpOptimizer *optimizer, size_t index)
{
    return &g_array_index(optimizer->slots, DdpOptimizerSlot, index);
}

static DdpOptimizerGroup *
group_at(const DdpOptimizer *optimizer, size_t index)
{
    return &g_array_index(optimizer->groups, DdpOptimizerGroup, index);
}

static void
clear_slot(DdpOptimizerSlot *slot)
{
    clear_tensor(&slot->parameter);
    for (int state = 0; state < DDP_OPTIMIZER_STATES_MAX; state++)
        clear_tensor(&slot->state[state]);
}

/* Takes off the slots behind the first @count. */
static void
drop_slots(DdpOptimizer *optimizer, size_t count)
{
    for (size_t i = count; i < optimizer->slots->len; i++)
        clear_slot(slot_at(optimizer, i));
    g_array_set_size(optimizer->slots, (guint)count);
}

void
ddp_optimizer_free(DdpOptimizer *optimizer)
{
    if (optimizer == NULL)
        return;
    drop_slots(optimizer, 0);
    for (size_t i = 0; i < optimizer->groups->len; i++) {
        g_free(group_at(optimizer, i)->spec);
        g_free(group_at(optimizer, i)->cache);
    }
    g_array_unref(optimizer->slots);
    g_array_unref(optimizer->groups);
    g_free(optimizer);
}

/* ---- groups -------------------------------------------------------------------------- */

bool
ddp_option_check(bool good, const char *what, double value, GError **error)
{
    if (!good)
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED, "Invalid %s: %g", what,
                    value);
    return good;
}

static bool
check_leaves(DdpTensor *const *parameters, size_t count, const char **problem)
{
    if (count == 0)
        *problem = "optimizer got an empty parameter list";
    for (size_t i = 0; i < count && *problem == NULL; i++) {
        if (!ddp_tensor_is_leaf(parameters[i]))
            *problem = "can't optimize a non-leaf Tensor";
        else if (!ddp_dtype_is_float(ddp_tensor_dtype(parameters[i])))
            *problem = "can't optimize a Tensor of integers";
    }
    return *problem == NULL;
}

/* Each parameter once: by a set, because a model may have thousands. */
static bool
check_once(const DdpOptimizer *optimizer, DdpTensor *const *parameters, size_t count,
           const char **problem)
{
    g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);

    for (size_t i = 0; i < count && *problem == NULL; i++) {
        if (!g_hash_table_add(known, parameters[i]))
            *problem = "optimizer contains a parameter group with duplicate parameters";
    }
    for (size_t i = 0; i < optimizer->slots->len && *problem == NULL; i++) {
        if (g_hash_table_contains(known, slot_at(optimizer, i)->parameter))
            *problem = "some parameters appear in more than one parameter group";
    }
    return *problem == NULL;
}

static DdpTensor *
new_state(DdpOptimizer *optimizer, const DdpOptimizerSlot *slot, int state, GError **error)
{
    const DdpOptimizerOps *ops = optimizer->ops;
    const void *spec = group_at(optimizer, slot->group)->spec;
    bool is_step = strcmp(ops->info.state_names[state], DDP_STATE_STEP) == 0;
    double initial = ops->initial != NULL && !is_step ? ops->initial(spec, state) : 0.0;
    DdpTensor *parameter = slot->parameter;
    DdpTensor *made = is_step ? ddp_tensor_new(optimizer->context, DDP_DTYPE_F32, 0, NULL, error)
                              : ddp_tensor_new(optimizer->context, dtype_of(parameter),
                                               parameter->ndim, parameter->shape, error);

    for (size_t i = 0; made != NULL && initial != 0.0 && i < made->numel; i++)
        ddp_tensor_set_f64(made, i, initial);
    return made;
}

/* Makes the states of @slot that are missing; @fresh says which. */
static bool
make_states(DdpOptimizer *optimizer, DdpOptimizerSlot *slot, unsigned *fresh, GError **error)
{
    unsigned wanted = optimizer->ops->wants(group_at(optimizer, slot->group)->spec);

    *fresh = 0;
    for (int state = 0; wanted >> state != 0; state++) {
        if ((wanted >> state & 1) == 0 || slot->state[state] != NULL)
            continue;
        slot->state[state] = new_state(optimizer, slot, state, error);
        if (slot->state[state] == NULL)
            return false;
        *fresh |= 1u << state;
    }
    return true;
}

static bool
make_eager_states(DdpOptimizer *optimizer, size_t first, GError **error)
{
    unsigned fresh;

    for (size_t i = first; optimizer->ops->eager && i < optimizer->slots->len; i++) {
        if (!make_states(optimizer, slot_at(optimizer, i), &fresh, error))
            return false;
    }
    return true;
}

bool
ddp_optimizer_add_group(DdpOptimizer *optimizer, const void *spec, DdpTensor *const *parameters,
                        size_t count, GError **error)
{
    const DdpOptimizerOps *ops = optimizer->ops;
    const char *problem = NULL;
    size_t first = optimizer->slots->len;

    if (!ops->check(spec, error))
        return false;
    if (!check_leaves(parameters, count, &problem) ||
        !check_once(optimizer, parameters, count, &problem)) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED, problem);
        return false;
    }

    DdpOptimizerGroup group = {
        .spec = g_memdup2(spec, ops->info.spec_size),
        .cache = g_malloc0(ops->cache_size),
    };

    g_array_append_val(optimizer->groups, group);
    for (size_t i = 0; i < count; i++) {
        DdpOptimizerSlot slot = {
            .parameter = ddp_tensor_ref(parameters[i]),
            .group = optimizer->groups->len - 1,
        };

        g_array_append_val(optimizer->slots, slot);
    }
    if (make_eager_states(optimizer, first, error))
        return true;
    drop_slots(optimizer, first);
    g_array_set_size(optimizer->groups, optimizer->groups->len - 1);
    g_free(group.spec);
    g_free(group.cache);
    return false;
}

void *
ddp_optimizer_group_spec(DdpOptimizer *optimizer, size_t group)
{
    g_return_val_if_fail(group < optimizer->groups->len, NULL);

    return group_at(optimizer, group)->spec;
}

/* ---- steps --------------------------------------------------------------------------- */

double
ddp_optimizer_count_step(DdpTensor *step)
{
    float *count = (float *)(void *)step->data;

    *count += 1.0f;
    ddp_tensor_mark_written(step);
    return (double)*count;
}

float
ddp_lerp_f32(float start, float end, float weight)
{
    float way = end - start;

    return weight < 0.5f ? fmaf(weight, way, start) : fmaf(weight - 1.0f, way, end);
}

static bool
is_ready(const DdpOptimizerSlot *slot, unsigned wanted)
{
    for (int state = 0; wanted >> state != 0; state++) {
        if ((wanted >> state & 1) != 0 && slot->state[state] == NULL)
            return false;
    }
    return true;
}

static void
forget_states(DdpOptimizer *optimizer, const unsigned *fresh, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (int state = 0; state < DDP_OPTIMIZER_STATES_MAX; state++) {
            if ((fresh[i] >> state & 1) != 0)
                clear_tensor(&slot_at(optimizer, i)->state[state]);
        }
    }
}

/* The first step of some parameter: @fresh gets an entry for each slot. */
static bool
make_all_states(DdpOptimizer *optimizer, unsigned *fresh, GError **error)
{
    for (size_t i = 0; i < optimizer->slots->len; i++) {
        DdpOptimizerSlot *slot = slot_at(optimizer, i);

        if (slot->parameter->grad == NULL || make_states(optimizer, slot, &fresh[i], error))
            continue;
        forget_states(optimizer, fresh, i + 1);
        return false;
    }
    return true;
}

static bool
lacks_state(DdpOptimizer *optimizer)
{
    size_t group = SIZE_MAX;
    unsigned wanted = 0;

    for (size_t i = 0; i < optimizer->slots->len; i++) {
        const DdpOptimizerSlot *slot = slot_at(optimizer, i);

        if (slot->group != group) {
            group = slot->group;
            wanted = optimizer->ops->wants(group_at(optimizer, group)->spec);
        }
        if (slot->parameter->grad != NULL && !is_ready(slot, wanted))
            return true;
    }
    return false;
}

bool
ddp_optimizer_step(DdpOptimizer *optimizer, GError **error)
{
    g_autofree unsigned *fresh = NULL;

    if (lacks_state(optimizer)) {
        fresh = g_new0(unsigned, optimizer->slots->len);
        if (!make_all_states(optimizer, fresh, error))
            return false;
    }
    for (size_t i = 0; i < optimizer->slots->len; i++) {
        DdpOptimizerSlot *slot = slot_at(optimizer, i);

        if (slot->parameter->grad == NULL)
            continue;
        optimizer->ops->step(slot, group_at(optimizer, slot->group), fresh != NULL ? fresh[i] : 0);
        ddp_tensor_mark_written(slot->parameter);
    }
    optimizer->has_stepped = true;
    return true;
}

bool
ddp_optimizer_has_stepped(const DdpOptimizer *optimizer)
{
    return optimizer->has_stepped;
}

void
ddp_optimizer_zero_grad(DdpOptimizer *optimizer)
{
    for (size_t i = 0; i < optimizer->slots->len; i++)
        clear_tensor(&slot_at(optimizer, i)->parameter->grad);
}

void
ddp_optimizer_zero_grad_in_place(DdpOptimizer *optimizer)
{
    for (size_t i = 0; i < optimizer->slots->len; i++) {
        DdpTensor *gradient = slot_at(optimizer, i)->parameter->grad;

        if (gradient == NULL)
            continue;
        memset(gradient->data, 0, ddp_tensor_bytes(gradient));
        ddp_tensor_mark_written(gradient);
    }
}

/* ---- what it holds ------------------------------------------------------------------- */

size_t
ddp_optimizer_group_count(const DdpOptimizer *optimizer)
{
    return optimizer->groups->len;
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

    return slot_at(optimizer, index)->parameter;
}

const char *const *
ddp_optimizer_state_names(const DdpOptimizer *optimizer)
{
    return optimizer->ops->info.state_names;
}

static int
state_index(const DdpOptimizer *optimizer, const char *name)
{
    const char *const *names = optimizer->ops->info.state_names;

    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

DdpTensor *
ddp_optimizer_state(DdpOptimizer *optimizer, size_t index, const char *name)
{
    int state = state_index(optimizer, name);

    g_return_val_if_fail(index < optimizer->slots->len && state >= 0, NULL);

    return slot_at(optimizer, index)->state[state];
}

bool
ddp_optimizer_check_state(const DdpOptimizer *optimizer, size_t index, const char *name,
                          const DdpTensor *value, GError **error)
{
    g_return_val_if_fail(index < optimizer->slots->len, false);

    const DdpOptimizerSlot *slot = slot_at(optimizer, index);
    bool is_step = strcmp(name, DDP_STATE_STEP) == 0;
    DdpDtype dtype = is_step ? DDP_DTYPE_F32 : dtype_of(slot->parameter);
    bool fits =
        is_step ? value->numel == 1 : ddp_tensor_same_shape(value, slot->parameter) != false;

    if (fits && dtype_of(value) == dtype)
        return true;

    g_autofree char *found = ddp_shape_to_string(value->ndim, value->shape);
    g_autofree char *expected =
        is_step ? g_strdup("[]")
                : ddp_shape_to_string(slot->parameter->ndim, slot->parameter->shape);

    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                "state '%s' of parameter %" G_GSIZE_FORMAT
                " is torch.%s of shape %s, expected torch.%s of shape %s",
                name, index, ddp_dtype_name(dtype_of(value)), found, ddp_dtype_name(dtype),
                expected);
    return false;
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

    DdpOptimizerSlot *slot = slot_at(optimizer, index);

    if (value != NULL && !ddp_optimizer_check_state(optimizer, index, name, value, error))
        return false;

    DdpTensor *old = slot->state[state];

    slot->state[state] = value != NULL ? ddp_tensor_ref(value) : NULL;
    clear_tensor(&old);
    return true;
}
