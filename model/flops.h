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

    /* functions between layers, for each element; the derivatives with the product by g */
    DDP_FLOPS_GELU = 5,             /* x/√2, erf, 1 + …, x/2, their product */
    DDP_FLOPS_GRAD_GELU = 11,       /* Φ: 4; x·φ: x², ·½, exp, ·x, /√2π; their sum; ·g */
    DDP_FLOPS_GELU_TANH = 9,        /* the argument: 5; tanh, 1 + …, x/2, their product */
    DDP_FLOPS_GRAD_GELU_TANH = 18,  /* Φ: 8; x·φ: 8, its argument's slope among them; sum; ·g */
    DDP_FLOPS_SILU = 2,             /* sigmoid, and the product */
    DDP_FLOPS_GRAD_SILU = 6,        /* g·s·(1 + x·(1 - s)) */
    DDP_FLOPS_LEAKY_RELU = 2,       /* a comparison, a product */
    DDP_FLOPS_GRAD_LEAKY_RELU = 2,  /* likewise */
    DDP_FLOPS_ELU = 4,              /* a comparison, exp, - 1, ·a */
    DDP_FLOPS_GRAD_ELU = 4,         /* a comparison, exp, ·a, ·g */
    DDP_FLOPS_SOFTPLUS = 5,         /* x·a, a comparison, exp, log1p, / a */
    DDP_FLOPS_GRAD_SOFTPLUS = 4,    /* x·a, a comparison, sigmoid, ·g */
    DDP_FLOPS_LOG_SIGMOID = 3,      /* exp, log1p, - */
    DDP_FLOPS_GRAD_LOG_SIGMOID = 2, /* sigmoid, ·g */
    DDP_FLOPS_SMOOTH_L1 = 5,        /* |x|, a comparison, x², ·½, / a */
    DDP_FLOPS_GRAD_SMOOTH_L1 = 4,   /* |x|, a comparison, / a, ·g */

    /* normalisation, for each element */
    DDP_FLOPS_NORM_STATS = 4,    /* Σ x; x - mean, its square, their sum */
    DDP_FLOPS_NORM_SCALE = 2,    /* (x - mean)·invstd */
    DDP_FLOPS_NORM_AFFINE = 2,   /* ·weight + bias */
    DDP_FLOPS_NORM_SUMS = 4,     /* Σ g; x - mean, ·g, their sum */
    DDP_FLOPS_GRAD_NORM = 5,     /* ((g - a) - (x - mean)·b)·c */
    DDP_FLOPS_GRAD_NORM_FIX = 1, /* g·c, where mean and invstd are given */

    /* losses of two numbers, for each element; the derivatives with the products by g and 1/n */
    DDP_FLOPS_BCE = 7,             /* y·log x + (1 - y)·log(1 - x) */
    DDP_FLOPS_GRAD_BCE = 6,        /* (x - y) / ((1 - x)·x) */
    DDP_FLOPS_BCE_LOGITS = 6,      /* (1 - y)·x - log sigmoid x */
    DDP_FLOPS_GRAD_BCE_LOGITS = 4, /* sigmoid x - y */
    DDP_FLOPS_BCE_WEIGHT = 1,      /* ·weight, in either direction */
    DDP_FLOPS_BCE_POS_WEIGHT = 4,  /* ·((pos_weight - 1)·y + 1), likewise */

    /* classes with weights or smoothed labels */
    DDP_FLOPS_NLL_WEIGHT = 1,      /* for each row: ·weight; and in its derivative */
    DDP_FLOPS_NLL_SMOOTH = 2,      /* for each element: ·weight, their sum */
    DDP_FLOPS_GRAD_NLL_SMOOTH = 2, /* for each element: ·weight, ·g */

    /* optimisers, for each element */
    DDP_FLOPS_SGD = 2,          /* p - lr·g */
    DDP_FLOPS_SGD_MOMENTUM = 3, /* momentum·b + (1 - dampening)·g; at the first step nothing */
    DDP_FLOPS_SGD_NESTEROV = 2, /* g + momentum·b */
    DDP_FLOPS_WEIGHT_DECAY = 2, /* g + decay·p */
    DDP_FLOPS_ADAM = 13,        /* both averages, 3 and 4; sqrt, /, + eps, lr·m, /, p - … */
    DDP_FLOPS_ADAM_AMSGRAD = 1, /* the maximum */
    DDP_FLOPS_ADAMW_DECAY = 1,  /* p·(1 - lr·decay) */
    DDP_FLOPS_RMSPROP = 9,      /* the average, 4; sqrt, + eps, lr·g, /, p - … */
    DDP_FLOPS_RMSPROP_CENTERED = 5, /* the gradient's average, 3; v - m·m */
    DDP_FLOPS_RMSPROP_MOMENTUM = 2, /* momentum·b + … */
    DDP_FLOPS_NORM = 2,             /* of gradients: Σ x·x */
    DDP_FLOPS_ADAGRAD = 7,          /* s + g·g; sqrt, + eps, lr·g, /, p - … */
};

static inline uint64_t
ddp_flops_product(size_t m, size_t n, size_t k)
{
    return 2 * (uint64_t)m * n * k;
}
