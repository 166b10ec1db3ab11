/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * Optimisers: they change parameters by their gradients.
 *
 * An optimiser holds groups of parameters, each with its own options, as torch's param_groups.
 * A parameter without a gradient is left alone and gets no state. The arithmetic is torch's
 * single-tensor code on the CPU, one rounding where torch rounds once, in one pass over the
 * elements. For SGD the bits are torch's. Where torch takes a square root of a vector it calls
 * MKL, whose last bit is sometimes wrong (about one element in 170); ours is IEEE's, so Adam,
 * RMSprop and Adagrad have torch's bits in all elements but those.
 *
 * What the kinds have in common is said here once: ddp_optimizer_new(), then groups whose spec is
 * a struct of the kind (DdpSgdSpec, …), then steps. ddp_optimizer_info() lists the options of a
 * kind, for faces that read them by name.
 */

typedef struct DdpOptimizer DdpOptimizer;

typedef enum {
    DDP_OPTIMIZER_SGD,
    DDP_OPTIMIZER_ADAM,
    DDP_OPTIMIZER_ADAMW,
    DDP_OPTIMIZER_RMSPROP,
    DDP_OPTIMIZER_ADAGRAD,
} DdpOptimizerKind;

#define DDP_OPTIMIZER_COUNT 5

typedef struct {
    double lr;
    double momentum;
    double dampening;
    double weight_decay;
    bool nesterov;
    bool maximize;
} DdpSgdSpec;

/* AdamW as well: there weight_decay shrinks the parameter instead of joining the gradient. */
typedef struct {
    double lr;
    double beta1;
    double beta2;
    double eps;
    double weight_decay;
    bool amsgrad;
    bool maximize;
    bool decoupled_weight_decay;
} DdpAdamSpec;

typedef struct {
    double lr;
    double alpha;
    double eps;
    double weight_decay;
    double momentum;
    bool centered;
    bool maximize;
} DdpRmspropSpec;

typedef struct {
    double lr;
    double lr_decay;
    double weight_decay;
    double initial_accumulator_value;
    double eps;
    bool maximize;
} DdpAdagradSpec;

/* torch's defaults. */
DdpSgdSpec ddp_sgd_spec_default(void);
DdpAdamSpec ddp_adam_spec_default(void);
DdpAdamSpec ddp_adamw_spec_default(void);
DdpRmspropSpec ddp_rmsprop_spec_default(void);
DdpAdagradSpec ddp_adagrad_spec_default(void);

/* ---- what a kind is ------------------------------------------------------------------ */

typedef enum {
    DDP_OPTION_NUMBER,  /* a double in the spec */
    DDP_OPTION_BOOLEAN, /* a bool in the spec */
    DDP_OPTION_PAIR,    /* two doubles in the spec, one behind the other: betas */
    DDP_OPTION_FIXED,   /* known to torch, and without effect on a number: foreach, fused, … */
} DdpOptionKind;

typedef struct {
    const char *name;
    DdpOptionKind kind;
    size_t offset;       /* in the spec */
    const char *initial; /* what torch prints for its default: "0.001", "False", "None" */
} DdpOptimizerOption;

typedef struct {
    const char *name; /* "AdamW" */
    size_t spec_size;
    const DdpOptimizerOption *options; /* in the order of torch's defaults; ends with name NULL */
    const char *const *state_names;    /* of tensors that a parameter may have; NULL-terminated */
} DdpOptimizerInfo;

const DdpOptimizerInfo *ddp_optimizer_info(DdpOptimizerKind kind);

/* Fills in @spec, a struct of the kind. */
void ddp_optimizer_spec_default(DdpOptimizerKind kind, void *spec);

/* ---- making -------------------------------------------------------------------------- */

/* (transfer full): without parameters as yet. */
DdpOptimizer *ddp_optimizer_new(DdpModelContext *context, DdpOptimizerKind kind);
void ddp_optimizer_free(DdpOptimizer *optimizer);

DdpOptimizerKind ddp_optimizer_kind(const DdpOptimizer *optimizer);

/**
 * ddp_optimizer_add_group:
 * @spec: a struct of the kind; copied
 *
 * Adds a group; keeps a reference to each of the leaves in @parameters. Options that cannot
 * work, and parameters that it has already, are an error in torch's words.
 */
bool ddp_optimizer_add_group(DdpOptimizer *optimizer, const void *spec,
                             DdpTensor *const *parameters, size_t count, GError **error);

/* Borrowed, a struct of the kind; may be written between steps (a schedule changes lr). */
void *ddp_optimizer_group_spec(DdpOptimizer *optimizer, size_t group);

/* The same with types. */
static inline DdpOptimizer *
ddp_sgd_new(DdpModelContext *context)
{
    return ddp_optimizer_new(context, DDP_OPTIMIZER_SGD);
}

static inline bool
ddp_sgd_add_group(DdpOptimizer *optimizer, const DdpSgdSpec *spec, DdpTensor *const *parameters,
                  size_t count, GError **error)
{
    return ddp_optimizer_add_group(optimizer, spec, parameters, count, error);
}

static inline DdpSgdSpec *
ddp_sgd_group_spec(DdpOptimizer *optimizer, size_t group)
{
    return (DdpSgdSpec *)ddp_optimizer_group_spec(optimizer, group);
}

static inline DdpOptimizer *
ddp_adam_new(DdpModelContext *context)
{
    return ddp_optimizer_new(context, DDP_OPTIMIZER_ADAM);
}

static inline DdpOptimizer *
ddp_adamw_new(DdpModelContext *context)
{
    return ddp_optimizer_new(context, DDP_OPTIMIZER_ADAMW);
}

/* Of both. */
static inline bool
ddp_adam_add_group(DdpOptimizer *optimizer, const DdpAdamSpec *spec, DdpTensor *const *parameters,
                   size_t count, GError **error)
{
    return ddp_optimizer_add_group(optimizer, spec, parameters, count, error);
}

/* ---- steps --------------------------------------------------------------------------- */

/*
 * State that a parameter needs is made before the first element changes: a step that fails for
 * want of memory has done nothing.
 */
bool ddp_optimizer_step(DdpOptimizer *optimizer, GError **error);

/* Gradients become none, as torch's default does. */
void ddp_optimizer_zero_grad(DdpOptimizer *optimizer);
/* Gradients that are there become zeros (set_to_none = False). */
void ddp_optimizer_zero_grad_in_place(DdpOptimizer *optimizer);

/* Whether a step was ever made; torch's schedules ask. */
bool ddp_optimizer_has_stepped(const DdpOptimizer *optimizer);

/* ---- what it holds ------------------------------------------------------------------- */

size_t ddp_optimizer_group_count(const DdpOptimizer *optimizer);
size_t ddp_optimizer_parameter_count(const DdpOptimizer *optimizer);       /* of all groups */
DdpTensor *ddp_optimizer_parameter(DdpOptimizer *optimizer, size_t index); /* borrowed */

/*
 * The names of the state tensors that a parameter may have, NULL-terminated: "momentum_buffer",
 * "exp_avg". "step", where there is one, is a 0-dimensional float32 as in torch.
 */
const char *const *ddp_optimizer_state_names(const DdpOptimizer *optimizer);
/* Borrowed; NULL when parameter @index has no such state yet. */
DdpTensor *ddp_optimizer_state(DdpOptimizer *optimizer, size_t index, const char *name);
/* Whether @value could take its place: its shape and dtype must fit. */
bool ddp_optimizer_check_state(const DdpOptimizer *optimizer, size_t index, const char *name,
                               const DdpTensor *value, GError **error);
/* @value (nullable, transfer none) takes its place; it must fit. */
bool ddp_optimizer_set_state(DdpOptimizer *optimizer, size_t index, const char *name,
                             DdpTensor *value, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpOptimizer, ddp_optimizer_free)

G_END_DECLS
