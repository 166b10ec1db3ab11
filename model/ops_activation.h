/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * Functions of one number that stand between layers, and the two that losses are made of.
 *
 * They are for floats only. Halves compute in float32 and round each result. Every element is
 * computed by itself, of IEEE operations and of model/math/elementary.h, so the bits are the same
 * whatever the CPU and however many elements there are.
 */

typedef enum {
    DDP_ACTIVATION_GELU,        /* x · Φ(x), Φ by erf */
    DDP_ACTIVATION_GELU_TANH,   /* the same with Φ by tanh */
    DDP_ACTIVATION_SILU,        /* x · sigmoid(x) */
    DDP_ACTIVATION_LEAKY_RELU,  /* x, or @a · x where x is not positive */
    DDP_ACTIVATION_ELU,         /* x, or @a · (exp(x) - 1) where x is not positive */
    DDP_ACTIVATION_SOFTPLUS,    /* log(1 + exp(@a · x)) / @a, and x where @a · x exceeds @b */
    DDP_ACTIVATION_LOG_SIGMOID, /* -log(1 + exp(-x)) */
    DDP_ACTIVATION_SMOOTH_L1,   /* x² / 2@a where |x| < @a, else |x| - @a / 2 */
    DDP_ACTIVATION_HUBER,       /* x² / 2 where |x| <= @a, else @a · (|x| - @a / 2) */
} DdpActivation;

#define DDP_ACTIVATION_COUNT 9

/**
 * ddp_activation:
 * @a: what the table above says; else ignored
 * @b: likewise
 *
 * Differentiable. Where the function has a kink its derivative is torch's.
 *
 * Returns: (transfer full): a tensor of the shape and dtype of @x; NULL with @error set
 */
DdpTensor *ddp_activation(DdpActivation kind, DdpTensor *x, double a, double b, GError **error);

G_END_DECLS
