/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * Mixed precision: while autocast is on, products (linear, matmul, convolutions) take their
 * float32 inputs in a 16-bit type and give 16-bit results, each result really rounded, and what
 * would lose too much (softmax, losses, norms, sums, exp, log, pow) takes 16-bit inputs in
 * float32. The lists are those of torch's autocast for CUDA. Casts stand in the graph, so that a
 * float32 parameter gets a float32 gradient. float64 is left alone.
 *
 * As in torch, the cast of a leaf that wants a gradient is kept until the outermost region ends:
 * a weight that is used twice is cast once, and its two gradients meet in 16 bits.
 */

typedef struct {
    bool enabled;
    DdpDtype dtype;     /* DDP_DTYPE_F16 or DDP_DTYPE_BF16 */
    bool cache_enabled; /* keep the casts of leaves */
} DdpAutocast;

DdpAutocast ddp_autocast_get(const DdpModelContext *context);

/* Begins a region, and returns the mode around it for ddp_autocast_leave(). */
DdpAutocast ddp_autocast_enter(DdpModelContext *context, DdpAutocast mode);
/* Ends the region that was begun last. */
void ddp_autocast_leave(DdpModelContext *context, DdpAutocast around);

/**
 * ddp_autocast_input:
 * @x: (nullable): an input of a product
 *
 * Every operation of the 16-bit list passes its floating inputs through here.
 *
 * Returns: (transfer full): @x itself outside of autocast, else in 16 bits; NULL for NULL, or with
 *   @error set
 */
DdpTensor *ddp_autocast_input(DdpModelContext *context, DdpTensor *x, GError **error);

/* Whether an operation of the float32 list must widen @x first. */
bool ddp_autocast_widens(const DdpTensor *x);

/* As the first thing of such an operation: returns what @call makes of `wide`, a float32 @x. */
#define DDP_AUTOCAST_WIDE(x, call)                                                                 \
    do {                                                                                           \
        if (ddp_autocast_widens(x)) {                                                              \
            g_autoptr(DdpTensor) wide = ddp_to(x, DDP_DTYPE_F32, error);                           \
                                                                                                   \
            return wide != NULL ? (call) : NULL;                                                   \
        }                                                                                          \
    } while (0)

/* ---- true 16 bits -------------------------------------------------------------------- */

/**
 * ddp_tensor_convert_:
 *
 * The elements of @tensor, a leaf, and of its gradient become @dtype, in memory of their own;
 * whoever holds the tensor sees it. What module:half() and module:to(dtype) do to parameters.
 */
bool ddp_tensor_convert_(DdpTensor *tensor, DdpDtype dtype, GError **error);

G_END_DECLS
