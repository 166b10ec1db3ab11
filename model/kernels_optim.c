/* SPDX-License-Identifier: MIT */
#include "model/kernels.h"

#include <math.h>

/*
 * Optimiser steps in one pass over the parameters.
 *
 * torch takes several passes, each with one rounding per element: a multiplication, `a +
 * alpha·b` as a fused multiply-add, `a + (alpha·b)·c` as a product and a fused one. The same
 * roundings stand here in one loop. Options that are constant for a call are arguments known at
 * compile time, so that the loop has no branches.
 */

/* Where torch's lerp changes from start + w·(end - start) to end - (1 - w)·(end - start). */
#define LERP_FROM_END 0.5

/* NaN wins, as in torch.maximum. */
#define LARGER(x, y) ((x) > (y) ? (x) : (y) > (x) ? (y) : (x) == (y) ? (x) : (x) + (y))

#define ALWAYS_INLINE static inline __attribute__((always_inline)) void

/* ---- SGD ----------------------------------------------------------------------------- */

#define SGD(type, fused)                                                                           \
    typedef struct {                                                                               \
        type sign, minus_lr, momentum, undamped, weight_decay;                                     \
    } type##_sgd;                                                                                  \
                                                                                                   \
    ALWAYS_INLINE sgd_loop_##type(size_t count, type *parameter, const type *gradient,             \
                                  type *buffer, type##_sgd c, bool decay, bool momentum,           \
                                  bool first, bool nesterov)                                       \
    {                                                                                              \
        DDP_INDEPENDENT                                                                            \
        for (size_t i = 0; i < count; i++) {                                                       \
            type p = parameter[i];                                                                 \
            type g = c.sign * gradient[i];                                                         \
                                                                                                   \
            if (decay)                                                                             \
                g = fused(c.weight_decay, p, g);                                                   \
            if (momentum) {                                                                        \
                type b = first ? g : fused(c.undamped, g, buffer[i] * c.momentum);                 \
                                                                                                   \
                buffer[i] = b;                                                                     \
                g = nesterov ? fused(c.momentum, b, g) : b;                                        \
            }                                                                                      \
            parameter[i] = fused(c.minus_lr, g, p);                                                \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void sgd_##type(size_t count, type *parameter, const type *gradient, type *buffer,      \
                           const DdpSgdStep *s)                                                    \
    {                                                                                              \
        type##_sgd c = {                                                                           \
            .sign = s->maximize ? -1 : 1,                                                          \
            .minus_lr = (type)-s->lr,                                                              \
            .momentum = (type)s->momentum,                                                         \
            .undamped = (type)(1.0 - s->dampening),                                                \
            .weight_decay = (type)s->weight_decay,                                                 \
        };                                                                                         \
        bool decay = s->weight_decay != 0.0;                                                       \
                                                                                                   \
        if (buffer == NULL && !decay)                                                              \
            sgd_loop_##type(count, parameter, gradient, NULL, c, false, false, false, false);      \
        else if (buffer == NULL)                                                                   \
            sgd_loop_##type(count, parameter, gradient, NULL, c, true, false, false, false);       \
        else if (s->first)                                                                         \
            sgd_loop_##type(count, parameter, gradient, buffer, c, decay, true, true,              \
                            s->nesterov);                                                          \
        else if (s->nesterov)                                                                      \
            sgd_loop_##type(count, parameter, gradient, buffer, c, decay, true, false, true);      \
        else if (decay)                                                                            \
            sgd_loop_##type(count, parameter, gradient, buffer, c, true, true, false, false);      \
        else                                                                                       \
            sgd_loop_##type(count, parameter, gradient, buffer, c, false, true, false, false);     \
    }

SGD(float, fmaf)
SGD(double, fma)

/* ---- Adam and AdamW ------------------------------------------------------------------ */

#define ADAM(type, fused, root)                                                                    \
    typedef struct {                                                                               \
        type sign, minus_step, correction_root, mean_weight, beta2, square_weight, eps;            \
        type weight_decay, shrink;                                                                 \
    } type##_adam;                                                                                 \
                                                                                                   \
    ALWAYS_INLINE adam_loop_##type(size_t count, type *parameter, const type *gradient,            \
                                   type *mean, type *square, type *square_max, type##_adam c,      \
                                   bool decay, bool from_end, bool amsgrad)                        \
    {                                                                                              \
        DDP_INDEPENDENT                                                                            \
        for (size_t i = 0; i < count; i++) {                                                       \
            type p = parameter[i] * c.shrink;                                                      \
            type g = c.sign * gradient[i];                                                         \
                                                                                                   \
            if (decay)                                                                             \
                g = fused(c.weight_decay, p, g);                                                   \
                                                                                                   \
            type way = g - mean[i];                                                                \
            type m = fused(c.mean_weight, way, from_end ? g : mean[i]);                            \
            type v = fused(c.square_weight * g, g, square[i] * c.beta2);                           \
            type largest = v;                                                                      \
                                                                                                   \
            mean[i] = m;                                                                           \
            square[i] = v;                                                                         \
            if (amsgrad) {                                                                         \
                largest = LARGER(square_max[i], v);                                                \
                square_max[i] = largest;                                                           \
            }                                                                                      \
            parameter[i] = p + c.minus_step * m / (root(largest) / c.correction_root + c.eps);     \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void adam_##type(size_t count, type *parameter, const type *gradient, type *mean,       \
                            type *square, type *square_max, const DdpAdamStep *s)                  \
    {                                                                                              \
        type##_adam c = {                                                                          \
            .sign = s->maximize ? -1 : 1,                                                          \
            .minus_step = (type)-s->step_size,                                                     \
            .correction_root = (type)s->correction_root,                                           \
            .mean_weight = (type)(1.0 - s->beta1),                                                 \
            .beta2 = (type)s->beta2,                                                               \
            .square_weight = (type)(1.0 - s->beta2),                                               \
            .eps = (type)s->eps,                                                                   \
            .weight_decay = (type)s->weight_decay,                                                 \
            .shrink = (type)s->shrink,                                                             \
        };                                                                                         \
        bool decay = s->weight_decay != 0.0;                                                       \
                                                                                                   \
        if (c.mean_weight >= (type)LERP_FROM_END) {                                                \
            c.mean_weight -= 1;                                                                    \
            if (square_max != NULL)                                                                \
                adam_loop_##type(count, parameter, gradient, mean, square, square_max, c, decay,   \
                                 true, true);                                                      \
            else                                                                                   \
                adam_loop_##type(count, parameter, gradient, mean, square, NULL, c, decay, true,   \
                                 false);                                                           \
        } else if (square_max != NULL) {                                                           \
            adam_loop_##type(count, parameter, gradient, mean, square, square_max, c, decay,       \
                             false, true);                                                         \
        } else if (decay) {                                                                        \
            adam_loop_##type(count, parameter, gradient, mean, square, NULL, c, true, false,       \
                             false);                                                               \
        } else {                                                                                   \
            adam_loop_##type(count, parameter, gradient, mean, square, NULL, c, false, false,      \
                             false);                                                               \
        }                                                                                          \
    }

ADAM(float, fmaf, sqrtf)
ADAM(double, fma, sqrt)

/* ---- RMSprop ------------------------------------------------------------------------- */

#define RMSPROP(type, fused, root)                                                                 \
    typedef struct {                                                                               \
        type sign, minus_lr, alpha, square_weight, mean_weight, eps, weight_decay, momentum;       \
    } type##_rmsprop;                                                                              \
                                                                                                   \
    ALWAYS_INLINE rmsprop_loop_##type(size_t count, type *parameter, const type *gradient,         \
                                      type *square, type *mean, type *buffer, type##_rmsprop c,    \
                                      bool decay, bool centered, bool from_end, bool momentum)     \
    {                                                                                              \
        DDP_INDEPENDENT                                                                            \
        for (size_t i = 0; i < count; i++) {                                                       \
            type p = parameter[i];                                                                 \
            type g = c.sign * gradient[i];                                                         \
                                                                                                   \
            if (decay)                                                                             \
                g = fused(c.weight_decay, p, g);                                                   \
                                                                                                   \
            type v = fused(c.square_weight * g, g, square[i] * c.alpha);                           \
            type spread = v;                                                                       \
                                                                                                   \
            square[i] = v;                                                                         \
            if (centered) {                                                                        \
                type way = g - mean[i];                                                            \
                type m = fused(c.mean_weight, way, from_end ? g : mean[i]);                        \
                                                                                                   \
                mean[i] = m;                                                                       \
                spread = fused(-m, m, v);                                                          \
            }                                                                                      \
                                                                                                   \
            type average = root(spread) + c.eps;                                                   \
                                                                                                   \
            if (momentum) {                                                                        \
                type b = buffer[i] * c.momentum + g / average;                                     \
                                                                                                   \
                buffer[i] = b;                                                                     \
                parameter[i] = fused(c.minus_lr, b, p);                                            \
            } else {                                                                               \
                parameter[i] = p + c.minus_lr * g / average;                                       \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void rmsprop_##type(size_t count, type *parameter, const type *gradient, type *square,  \
                               type *mean, type *buffer, const DdpRmspropStep *s)                  \
    {                                                                                              \
        type##_rmsprop c = {                                                                       \
            .sign = s->maximize ? -1 : 1,                                                          \
            .minus_lr = (type)-s->lr,                                                              \
            .alpha = (type)s->alpha,                                                               \
            .square_weight = (type)(1.0 - s->alpha),                                               \
            .mean_weight = (type)(1.0 - s->alpha),                                                 \
            .eps = (type)s->eps,                                                                   \
            .weight_decay = (type)s->weight_decay,                                                 \
            .momentum = (type)s->momentum,                                                         \
        };                                                                                         \
        bool decay = s->weight_decay != 0.0;                                                       \
        bool from_end = c.mean_weight >= (type)LERP_FROM_END;                                      \
                                                                                                   \
        if (from_end)                                                                              \
            c.mean_weight -= 1;                                                                    \
        if (mean != NULL && buffer != NULL)                                                        \
            rmsprop_loop_##type(count, parameter, gradient, square, mean, buffer, c, decay, true,  \
                                from_end, true);                                                   \
        else if (mean != NULL)                                                                     \
            rmsprop_loop_##type(count, parameter, gradient, square, mean, NULL, c, decay, true,    \
                                from_end, false);                                                  \
        else if (buffer != NULL)                                                                   \
            rmsprop_loop_##type(count, parameter, gradient, square, NULL, buffer, c, decay, false, \
                                false, true);                                                      \
        else                                                                                       \
            rmsprop_loop_##type(count, parameter, gradient, square, NULL, NULL, c, decay, false,   \
                                false, false);                                                     \
    }

RMSPROP(float, fmaf, sqrtf)
RMSPROP(double, fma, sqrt)

/* ---- Adagrad ------------------------------------------------------------------------- */

#define ADAGRAD(type, fused, root)                                                                 \
    ALWAYS_INLINE adagrad_loop_##type(size_t count, type *parameter, const type *gradient,         \
                                      type *sum, type sign, type minus_lr, type eps,               \
                                      type weight_decay, bool decay)                               \
    {                                                                                              \
        DDP_INDEPENDENT                                                                            \
        for (size_t i = 0; i < count; i++) {                                                       \
            type p = parameter[i];                                                                 \
            type g = sign * gradient[i];                                                           \
                                                                                                   \
            if (decay)                                                                             \
                g = fused(weight_decay, p, g);                                                     \
                                                                                                   \
            type s = fused(g, g, sum[i]);                                                          \
                                                                                                   \
            sum[i] = s;                                                                            \
            parameter[i] = p + minus_lr * g / (root(s) + eps);                                     \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void adagrad_##type(size_t count, type *parameter, const type *gradient, type *sum,     \
                               const DdpAdagradStep *s)                                            \
    {                                                                                              \
        type sign = s->maximize ? -1 : 1;                                                          \
        type minus_lr = (type)-s->lr;                                                              \
        type eps = (type)s->eps;                                                                   \
        type weight_decay = (type)s->weight_decay;                                                 \
                                                                                                   \
        if (s->weight_decay != 0.0)                                                                \
            adagrad_loop_##type(count, parameter, gradient, sum, sign, minus_lr, eps,              \
                                weight_decay, true);                                               \
        else                                                                                       \
            adagrad_loop_##type(count, parameter, gradient, sum, sign, minus_lr, eps,              \
                                weight_decay, false);                                              \
    }

ADAGRAD(float, fmaf, sqrtf)
ADAGRAD(double, fma, sqrt)

/* ---- gradients ----------------------------------------------------------------------- */

#define LANES 16

/* What infinity and NaN give that no finite number gives: x - x is not 0. */
#define GRADIENTS(type)                                                                            \
    static double squares_##type(size_t count, const type *x)                                      \
    {                                                                                              \
        double lanes[LANES] = {0};                                                                 \
        double sum = 0.0;                                                                          \
        size_t whole = count - count % LANES;                                                      \
                                                                                                   \
        for (size_t i = 0; i < whole; i += LANES) {                                                \
            for (size_t l = 0; l < LANES; l++) {                                                   \
                double value = (double)x[i + l];                                                   \
                lanes[l] = fma(value, value, lanes[l]);                                            \
            }                                                                                      \
        }                                                                                          \
        for (size_t i = whole; i < count; i++)                                                     \
            lanes[i - whole] = fma((double)x[i], (double)x[i], lanes[i - whole]);                  \
        for (size_t l = 0; l < LANES; l++)                                                         \
            sum += lanes[l];                                                                       \
        return sum;                                                                                \
    }                                                                                              \
                                                                                                   \
    static bool unscale_##type(size_t count, type *x, type inverse)                                \
    {                                                                                              \
        int infinite = 0;                                                                          \
                                                                                                   \
        for (size_t i = 0; i < count; i++) {                                                       \
            type value = x[i];                                                                     \
                                                                                                   \
            infinite |= value - value != 0;                                                        \
            x[i] = value * inverse;                                                                \
        }                                                                                          \
        return infinite == 0;                                                                      \
    }

GRADIENTS(float)
GRADIENTS(double)

const DdpOptimKernels DDP_KERNEL_NAME(optim) = {
    .sgd_f32 = sgd_float,
    .sgd_f64 = sgd_double,
    .adam_f32 = adam_float,
    .adam_f64 = adam_double,
    .rmsprop_f32 = rmsprop_float,
    .rmsprop_f64 = rmsprop_double,
    .adagrad_f32 = adagrad_float,
    .adagrad_f64 = adagrad_double,
    .squares_f32 = squares_float,
    .squares_f64 = squares_double,
    .unscale_f32 = unscale_float,
    .unscale_f64 = unscale_double,
};
