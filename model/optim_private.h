/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/optim.h"

G_BEGIN_DECLS

/* What the optimisers of model/ have in common: groups of parameters, and tensors of state. */

#define DDP_OPTIMIZER_STATES_MAX 3

typedef struct {
    DdpTensor *parameter;                       /* owned */
    DdpTensor *state[DDP_OPTIMIZER_STATES_MAX]; /* owned; as state_names lists them */
    size_t group;
} DdpOptimizerSlot;

typedef struct {
    bool (*step)(DdpOptimizer *optimizer, GError **error);
    void (*free)(DdpOptimizer *optimizer); /* what init and add did not make */
    const char *const *state_names;        /* NULL-terminated */
} DdpOptimizerOps;

struct DdpOptimizer {
    const DdpOptimizerOps *ops;
    DdpModelContext *context; /* borrowed */
    GArray *slots;            /* of DdpOptimizerSlot */
    size_t group_count;
};

void ddp_optimizer_init(DdpOptimizer *optimizer, const DdpOptimizerOps *ops,
                        DdpModelContext *context);

/* Adds a group, after looking at its parameters as torch does. */
bool ddp_optimizer_add(DdpOptimizer *optimizer, DdpTensor *const *parameters, size_t count,
                       GError **error);

DdpOptimizerSlot *ddp_optimizer_slot(DdpOptimizer *optimizer, size_t index);

G_END_DECLS
