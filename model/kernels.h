/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/dtype.h"

G_BEGIN_DECLS

/*
 * The inner loops that cost time, for float32 and float64. Used by model/ only.
 *
 * The files kernels_*.c are compiled once for each path of model/math/gemm.h (scalar, AVX2,
 * AVX-512), and ddp_kernels() gives the set for the path in use. The paths differ in speed and
 * never in bits: no loop leaves the order of its sums or the fusing of its products to the
 * compiler.
 */

/* out[i] = f(a[i·a_step], b[i·b_step]) with steps 0 or 1; @out may be @a or @b. */
typedef void (*DdpBinaryLoop)(size_t count, void *out, const void *a, size_t a_step, const void *b,
                              size_t b_step);
typedef void (*DdpUnaryLoop)(size_t count, void *out, const void *x);

typedef enum {
    DDP_LOOP_ADD,
    DDP_LOOP_SUB,
    DDP_LOOP_MUL,
    DDP_LOOP_DIV,
    DDP_LOOP_MAXIMUM,
    DDP_LOOP_MINIMUM,
    DDP_LOOP_RELU_GRAD,    /* b > 0 ? a : 0 */
    DDP_LOOP_TANH_GRAD,    /* a · (1 - b²) */
    DDP_LOOP_SIGMOID_GRAD, /* a · (1 - b) · b */
} DdpBinaryLoopKind;

#define DDP_BINARY_LOOP_COUNT 9

typedef enum {
    DDP_LOOP_NEG,
    DDP_LOOP_ABS,
    DDP_LOOP_RELU,
    DDP_LOOP_SQRT,
} DdpUnaryLoopKind;

#define DDP_UNARY_LOOP_COUNT 4

typedef struct {
    DdpBinaryLoop binary_f32[DDP_BINARY_LOOP_COUNT];
    DdpBinaryLoop binary_f64[DDP_BINARY_LOOP_COUNT];
    DdpUnaryLoop unary_f32[DDP_UNARY_LOOP_COUNT];
    DdpUnaryLoop unary_f64[DDP_UNARY_LOOP_COUNT];
    /* out[i] = fma(alpha, x[i], y[i]); @out may be @y. */
    void (*axpy_f32)(size_t count, float *out, float alpha, const float *x, const float *y);
    void (*axpy_f64)(size_t count, double *out, double alpha, const double *x, const double *y);
} DdpElementwiseKernels;

typedef struct {
    /* A run of neighbours, in the order that model/ops.h states. */
    float (*sum_f32)(size_t count, const float *x);
    double (*sum_f64)(size_t count, const double *x);
    /* out[j] = sum over i of x[i·columns + j]. */
    void (*sum_rows_f32)(size_t rows, size_t columns, const float *x, float *out);
    void (*sum_rows_f64)(size_t rows, size_t columns, const double *x, double *out);
} DdpReduceKernels;

typedef struct {
    /* out[i] = fma((draws[i] & 0xffffff)·2^-24, high - low, low), and low where that is high */
    void (*uniform_f32)(size_t count, float *out, const uint32_t *draws, float low, float high);
    /* Turns a block of 16 uniform numbers in [0, 1) into normal ones, in place. */
    void (*normal_block_f32)(float *block, float mean, float std);
} DdpRandomKernels;

/* One SGD step over a run of elements; torch's order of roundings. */
typedef struct {
    double lr;
    double momentum;
    double dampening;
    double weight_decay;
    bool nesterov;
    bool first; /* the momentum buffer is empty: it becomes the gradient */
} DdpSgdStep;

typedef struct {
    /* @buffer is NULL without momentum. */
    void (*sgd_f32)(size_t count, float *parameter, const float *gradient, float *buffer,
                    const DdpSgdStep *step);
    void (*sgd_f64)(size_t count, double *parameter, const double *gradient, double *buffer,
                    const DdpSgdStep *step);
} DdpOptimKernels;

typedef struct {
    const DdpElementwiseKernels *elementwise;
    const DdpReduceKernels *reduce;
    const DdpRandomKernels *random;
    const DdpOptimKernels *optim;
} DdpKernels;

const DdpKernels *ddp_kernels(void);

/* How the files of kernels name what they define, for the path that they are compiled for. */
#define DDP_KERNEL_NAME_2(name, path) ddp_##name##_kernels_##path
#define DDP_KERNEL_NAME_1(name, path) DDP_KERNEL_NAME_2(name, path)
#define DDP_KERNEL_NAME(name) DDP_KERNEL_NAME_1(name, DDP_KERNEL_PATH)

#define DDP_KERNEL_DECLARE(path)                                                                   \
    extern const DdpElementwiseKernels ddp_elementwise_kernels_##path;                             \
    extern const DdpReduceKernels ddp_reduce_kernels_##path;                                       \
    extern const DdpRandomKernels ddp_random_kernels_##path;                                       \
    extern const DdpOptimKernels ddp_optim_kernels_##path;

DDP_KERNEL_DECLARE(scalar)
DDP_KERNEL_DECLARE(avx2)
DDP_KERNEL_DECLARE(avx512)

/* In front of a loop whose iterations touch only their own elements, in place or not. */
#if defined(__clang__)
#define DDP_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define DDP_INDEPENDENT _Pragma("GCC ivdep")
#endif

G_END_DECLS
