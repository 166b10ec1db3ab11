/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * How many floating point operations each operation counts: the one table behind
 * ddp_model_context_flops(), by which virtual time is charged.
 *
 * A product of [m, k] by [k, n] counts 2·m·n·k, as torch.utils.flop_counter has it. All else
 * counts for each element one for each sum, difference, product, quotient, comparison or function
 * (exp, log, sqrt, tanh, pow, …) that the definition of the operation applies to it; a fused
 * multiply-add is two. Integers and halves count as float32 does. What only moves, converts, fills
 * or draws elements counts nothing.
 *
 * An operation that is made of others counts what they count: sqrt's derivative, g / (y + y), is an
 * addition and a division; mean squared error is a difference, a product, a sum and a quotient.
 */
enum {
    /* for each element of the result */
    DDP_FLOPS_BINARY = 1,
    DDP_FLOPS_UNARY = 1,
    DDP_FLOPS_ADD_SCALED = 2, /* x + alpha·y */
    DDP_FLOPS_SELECT = 1,     /* the mask of a derivative */
    DDP_FLOPS_BIAS = 1,       /* of a linear layer */

    /* for each element that is read */
    DDP_FLOPS_REDUCE = 1, /* sum, max, argmax, …, and a gradient summed to the bias's shape */
    DDP_FLOPS_SCATTER_ADD = 1, /* derivatives of gather and index_select */

    /* for each result of a mean: the division */
    DDP_FLOPS_MEAN = 1,

    /* derivatives, for each element */
    DDP_FLOPS_GRAD_PRODUCT = 1, /* g·y, g / x, relu's 0 or g */
    DDP_FLOPS_GRAD_ABS = 2,     /* g·sign(x) */
    DDP_FLOPS_GRAD_TANH = 3,    /* g·(1 - y·y) */
    DDP_FLOPS_GRAD_SIGMOID = 3, /* g·(y·(1 - y)) */

    /* softmax and its kind, for each element */
    DDP_FLOPS_ROW_EXPS = 4,         /* max, x - max, exp, and their sum */
    DDP_FLOPS_SOFTMAX = 1,          /* the quotient */
    DDP_FLOPS_LOG_SOFTMAX = 2,      /* (x - max) - log sum; the log is one more a row */
    DDP_FLOPS_GRAD_SOFTMAX = 4,     /* g·y, their sum, g - sum, ·y */
    DDP_FLOPS_GRAD_LOG_SOFTMAX = 3, /* Σ g, p·sum, g - …; exp(y) is one more */
    DDP_FLOPS_GRAD_NLL = 1,         /* p·weight */

    /* cross-entropy, for each row */
    DDP_FLOPS_NLL_ROW = 3,      /* log sum - (x[target] - max) */
    DDP_FLOPS_GRAD_NLL_ROW = 2, /* the weight's quotient, and - weight at the target */

    /* optimisers, for each element */
    DDP_FLOPS_SGD = 2,          /* p - lr·g */
    DDP_FLOPS_SGD_MOMENTUM = 3, /* momentum·b + (1 - dampening)·g; at the first step nothing */
    DDP_FLOPS_SGD_NESTEROV = 2, /* g + momentum·b */
    DDP_FLOPS_WEIGHT_DECAY = 2, /* g + decay·p */
};

static inline uint64_t
ddp_flops_product(size_t m, size_t n, size_t k)
{
    return 2 * (uint64_t)m * n * k;
}
