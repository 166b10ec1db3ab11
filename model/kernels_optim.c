/* SPDX-License-Identifier: MIT */
#include "model/kernels.h"

#include <math.h>

/*
 * Optimiser steps in one pass over the parameters.
 *
 * torch takes several passes, each with one rounding per element: multiplication, or `a +
 * alpha·b` as a fused multiply-add. The same roundings stand here in one loop. Options that
 * are constant for a call are arguments known at compile time, so that the loop has no
 * branches.
 */

#define SGD(type, fused)                                                                           \
    typedef struct {                                                                               \
        type minus_lr, momentum, undamped, weight_decay;                                           \
    } type##_sgd;                                                                                  \
                                                                                                   \
    static inline __attribute__((always_inline)) void sgd_loop_##type(                             \
        size_t count, type *parameter, const type *gradient, type *buffer, type##_sgd c,           \
        bool decay, bool momentum, bool first, bool nesterov)                                      \
    {                                                                                              \
        DDP_INDEPENDENT                                                                            \
        for (size_t i = 0; i < count; i++) {                                                       \
            type p = parameter[i];                                                                 \
            type g = gradient[i];                                                                  \
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

const DdpOptimKernels DDP_KERNEL_NAME(optim) = {
    .sgd_f32 = sgd_float,
    .sgd_f64 = sgd_double,
};
