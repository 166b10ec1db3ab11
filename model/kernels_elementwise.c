/* SPDX-License-Identifier: MIT */
#include "model/kernels.h"

#include <math.h>

/* Elementwise loops of one IEEE operation or a few, which vectorise as they stand. */

#define BINARY(name, type, expression)                                                             \
    static void name(size_t count, void *out_memory, const void *a_memory, size_t a_step,          \
                     const void *b_memory, size_t b_step)                                          \
    {                                                                                              \
        type *out = out_memory;                                                                    \
        const type *a = a_memory;                                                                  \
        const type *b = b_memory;                                                                  \
                                                                                                   \
        if (a_step != 0 && b_step != 0) {                                                          \
            DDP_INDEPENDENT                                                                        \
            for (size_t i = 0; i < count; i++) {                                                   \
                type x = a[i], y = b[i];                                                           \
                out[i] = (expression);                                                             \
            }                                                                                      \
        } else if (a_step != 0) {                                                                  \
            type y = b[0];                                                                         \
            DDP_INDEPENDENT                                                                        \
            for (size_t i = 0; i < count; i++) {                                                   \
                type x = a[i];                                                                     \
                out[i] = (expression);                                                             \
            }                                                                                      \
        } else if (count > 0) {                                                                    \
            type x = a[0];                                                                         \
            DDP_INDEPENDENT                                                                        \
            for (size_t i = 0; i < count; i++) {                                                   \
                type y = b[i * b_step];                                                            \
                out[i] = (expression);                                                             \
            }                                                                                      \
        }                                                                                          \
    }

#define UNARY(name, type, expression)                                                              \
    static void name(size_t count, void *out_memory, const void *x_memory)                         \
    {                                                                                              \
        type *out = out_memory;                                                                    \
        const type *in = x_memory;                                                                 \
                                                                                                   \
        DDP_INDEPENDENT                                                                            \
        for (size_t i = 0; i < count; i++) {                                                       \
            type x = in[i];                                                                        \
            out[i] = (expression);                                                                 \
        }                                                                                          \
    }

/* NaN wins: where both comparisons fail, x + y is NaN, or one of two equal numbers is wanted. */
#define LARGER (x > y ? x : y > x ? y : x == y ? x : x + y)
#define SMALLER (x < y ? x : y < x ? y : x == y ? x : x + y)

#define LOOPS(type, one, absolute, root)                                                           \
    BINARY(add_##type, type, x + y)                                                                \
    BINARY(sub_##type, type, x - y)                                                                \
    BINARY(mul_##type, type, x *y)                                                                 \
    BINARY(div_##type, type, x / y)                                                                \
    BINARY(maximum_##type, type, LARGER)                                                           \
    BINARY(minimum_##type, type, SMALLER)                                                          \
    BINARY(relu_grad_##type, type, y > 0 ? x : 0)                                                  \
    BINARY(tanh_grad_##type, type, x *(one - y * y))                                               \
    BINARY(sigmoid_grad_##type, type, x *(one - y) * y)                                            \
    UNARY(neg_##type, type, -x)                                                                    \
    UNARY(abs_##type, type, absolute(x))                                                           \
    UNARY(relu_##type, type, x <= 0 ? 0 : x) /* NaN stays NaN */                                   \
    UNARY(sqrt_##type, type, root(x))

LOOPS(float, 1.0f, fabsf, sqrtf)
LOOPS(double, 1.0, fabs, sqrt)

static void
axpy_float(size_t count, float *out, float alpha, const float *x, const float *y)
{
    DDP_INDEPENDENT
    for (size_t i = 0; i < count; i++)
        out[i] = fmaf(alpha, x[i], y[i]);
}

static void
axpy_double(size_t count, double *out, double alpha, const double *x, const double *y)
{
    DDP_INDEPENDENT
    for (size_t i = 0; i < count; i++)
        out[i] = fma(alpha, x[i], y[i]);
}

#define BINARY_TABLE(type)                                                                         \
    {                                                                                              \
        [DDP_LOOP_ADD] = add_##type, [DDP_LOOP_SUB] = sub_##type, [DDP_LOOP_MUL] = mul_##type,     \
        [DDP_LOOP_DIV] = div_##type, [DDP_LOOP_MAXIMUM] = maximum_##type,                          \
        [DDP_LOOP_MINIMUM] = minimum_##type, [DDP_LOOP_RELU_GRAD] = relu_grad_##type,              \
        [DDP_LOOP_TANH_GRAD] = tanh_grad_##type, [DDP_LOOP_SIGMOID_GRAD] = sigmoid_grad_##type,    \
    }

#define UNARY_TABLE(type)                                                                          \
    {                                                                                              \
        [DDP_LOOP_NEG] = neg_##type, [DDP_LOOP_ABS] = abs_##type, [DDP_LOOP_RELU] = relu_##type,   \
        [DDP_LOOP_SQRT] = sqrt_##type,                                                             \
    }

const DdpElementwiseKernels DDP_KERNEL_NAME(elementwise) = {
    .binary_f32 = BINARY_TABLE(float),
    .binary_f64 = BINARY_TABLE(double),
    .unary_f32 = UNARY_TABLE(float),
    .unary_f64 = UNARY_TABLE(double),
    .axpy_f32 = axpy_float,
    .axpy_f64 = axpy_double,
};
