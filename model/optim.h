/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * Optimisers: they change parameters by their gradients.
 *
 * An optimiser holds groups of parameters, each with its own options, as torch's param_groups.
 * A parameter without a gradient is left alone and gets no state. The arithmetic is torch's
 * single-tensor code on the CPU, one rounding per fused multiply-add: for float32 the bits are
 * torch's.
 */

typedef struct DdpOptimizer DdpOptimizer;

typedef struct {
    double lr;
    double momentum;
    double dampening;
    double weight_decay;
    bool nesterov;
} DdpSgdSpec;

DdpSgdSpec ddp_sgd_spec_default(void); /* lr 1e-3, all else 0 */

/* (transfer full): an SGD without parameters as yet. */
DdpOptimizer *ddp_sgd_new(DdpModelContext *context);

/*
 * Adds a group; keeps a reference to each of the leaves in @parameters. Options that SGD cannot
 * work with, and parameters that it has already, are an error.
 */
bool ddp_sgd_add_group(DdpOptimizer *optimizer, const DdpSgdSpec *spec,
                       DdpTensor *const *parameters, size_t count, GError **error);

/* Borrowed; may be written between steps (a schedule changes lr). */
DdpSgdSpec *ddp_sgd_group_spec(DdpOptimizer *optimizer, size_t group);

void ddp_optimizer_free(DdpOptimizer *optimizer);

bool ddp_optimizer_step(DdpOptimizer *optimizer, GError **error);
/* Gradients become none, as torch's default does. */
void ddp_optimizer_zero_grad(DdpOptimizer *optimizer);

size_t ddp_optimizer_group_count(const DdpOptimizer *optimizer);
size_t ddp_optimizer_parameter_count(const DdpOptimizer *optimizer);       /* of all groups */
DdpTensor *ddp_optimizer_parameter(DdpOptimizer *optimizer, size_t index); /* borrowed */

/* The names of the state tensors that a parameter may have: "momentum_buffer"; NULL-terminated. */
const char *const *ddp_optimizer_state_names(const DdpOptimizer *optimizer);
/* Borrowed; NULL when parameter @index has no such state yet. */
DdpTensor *ddp_optimizer_state(DdpOptimizer *optimizer, size_t index, const char *name);
/* @value (nullable, transfer none) takes its place; its shape and dtype must fit. */
bool ddp_optimizer_set_state(DdpOptimizer *optimizer, size_t index, const char *name,
                             DdpTensor *value, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpOptimizer, ddp_optimizer_free)

G_END_DECLS
