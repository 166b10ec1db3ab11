/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/dtypes.h"
#include "model/optim.h"

G_BEGIN_DECLS

/*
 * What the optimisers of model/ have in common, and what each brings: a check of its options, the
 * state that a parameter needs, and the step of one parameter.
 */

#define DDP_OPTIMIZER_STATES_MAX 4
#define DDP_STATE_STEP "step"

typedef struct {
    DdpTensor *parameter;                       /* owned */
    DdpTensor *state[DDP_OPTIMIZER_STATES_MAX]; /* owned; as state_names lists them */
    size_t group;
} DdpOptimizerSlot;

/* What comes before a step, for a group. */
typedef struct {
    void *spec;  /* borrowed; a struct of the kind */
    void *cache; /* borrowed; cache_size bytes, zeros at first: what a kind computes only once */
} DdpOptimizerGroup;

typedef struct {
    DdpOptimizerInfo info;
    size_t cache_size;
    void (*fill_default)(void *spec);
    bool (*check)(const void *spec, GError **error);
    /* The states that a parameter of this group has, as bits by place in state_names. */
    unsigned (*wants)(const void *spec);
    /* What each element of a new state is. */
    double (*initial)(const void *spec, int state);
    bool eager; /* states come with the group and not with the first gradient */
    /* The parameter has a gradient and all states; @fresh: those that were made just now. */
    void (*step)(DdpOptimizerSlot *slot, const DdpOptimizerGroup *group, unsigned fresh);
} DdpOptimizerOps;

extern const DdpOptimizerOps ddp_sgd_ops;
extern const DdpOptimizerOps ddp_adam_ops;
extern const DdpOptimizerOps ddp_adamw_ops;
extern const DdpOptimizerOps ddp_rmsprop_ops;
extern const DdpOptimizerOps ddp_adagrad_ops;

/* One of the checks of options: false with "Invalid @what: @value" unless @good. */
bool ddp_option_check(bool good, const char *what, double value, GError **error);

/* Counts a step in the 0-dimensional float32 tensor @step, and returns its number. */
double ddp_optimizer_count_step(DdpTensor *step);

/* ---- halves -------------------------------------------------------------------------- */

/* As torch's passes leave it: every intermediate result of a half is rounded to its own type. */
static inline float
rounded_half(float value, DdpDtype dtype)
{
    return dtype == DDP_DTYPE_F16 ? ddp_f16_to_f32(ddp_f16_from_f32(value))
                                  : ddp_bf16_to_f32(ddp_bf16_from_f32(value));
}

static inline float
load_half(const void *elements, size_t index, DdpDtype dtype)
{
    const uint16_t *halves = elements;

    return dtype == DDP_DTYPE_F16 ? ddp_f16_to_f32(halves[index]) : ddp_bf16_to_f32(halves[index]);
}

static inline void
store_half(void *elements, size_t index, float value, DdpDtype dtype)
{
    uint16_t *halves = elements;

    halves[index] = dtype == DDP_DTYPE_F16 ? ddp_f16_from_f32(value) : ddp_bf16_from_f32(value);
}

/* torch.lerp with a number as weight, before rounding. */
float ddp_lerp_f32(float start, float end, float weight);

G_END_DECLS
