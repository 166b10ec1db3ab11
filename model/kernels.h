/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/dtype.h"
#include "model/ops_activation.h"

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

/*
 * Optimiser steps over a run of elements, in torch's order of roundings. A buffer may be NULL
 * where its comment says so, and then the option behind it is off.
 */
typedef struct {
    double lr;
    double momentum;
    double dampening;
    double weight_decay;
    bool nesterov;
    bool maximize;
    bool first; /* the momentum buffer is empty: it becomes the gradient */
} DdpSgdStep;

typedef struct {
    double step_size;       /* lr / (1 - beta1^t) */
    double correction_root; /* sqrt(1 - beta2^t) */
    double beta1;
    double beta2;
    double eps;
    double weight_decay; /* what the gradient gains of the parameter; 0 with @shrink */
    double shrink;       /* what the parameter is multiplied by first: 1 - lr · weight_decay, or 1 */
    bool maximize;
} DdpAdamStep;

typedef struct {
    double lr;
    double alpha;
    double eps;
    double weight_decay;
    double momentum;
    bool maximize;
} DdpRmspropStep;

typedef struct {
    double lr; /* as it has decayed by now */
    double eps;
    double weight_decay;
    bool maximize;
} DdpAdagradStep;

typedef struct {
    /* @buffer is NULL without momentum. */
    void (*sgd_f32)(size_t count, float *parameter, const float *gradient, float *buffer,
                    const DdpSgdStep *step);
    void (*sgd_f64)(size_t count, double *parameter, const double *gradient, double *buffer,
                    const DdpSgdStep *step);
    /* @square_max is NULL without amsgrad. */
    void (*adam_f32)(size_t count, float *parameter, const float *gradient, float *mean,
                     float *square, float *square_max, const DdpAdamStep *step);
    void (*adam_f64)(size_t count, double *parameter, const double *gradient, double *mean,
                     double *square, double *square_max, const DdpAdamStep *step);
    /* @mean is NULL unless centered, @buffer without momentum. */
    void (*rmsprop_f32)(size_t count, float *parameter, const float *gradient, float *square,
                        float *mean, float *buffer, const DdpRmspropStep *step);
    void (*rmsprop_f64)(size_t count, double *parameter, const double *gradient, double *square,
                        double *mean, double *buffer, const DdpRmspropStep *step);
    void (*adagrad_f32)(size_t count, float *parameter, const float *gradient, float *sum,
                        const DdpAdagradStep *step);
    void (*adagrad_f64)(size_t count, double *parameter, const double *gradient, double *sum,
                        const DdpAdagradStep *step);
    /* Σ x², in 16 lanes of double that take the elements in turn and are then added in turn. */
    double (*squares_f32)(size_t count, const float *x);
    double (*squares_f64)(size_t count, const double *x);
    /* x[i] *= inverse; true if all were finite. */
    bool (*unscale_f32)(size_t count, float *x, float inverse);
    bool (*unscale_f64)(size_t count, double *x, double inverse);
} DdpOptimKernels;

/* Conversions; no overlap. */
typedef struct {
    void (*f16_from_f32)(size_t count, uint16_t *out, const float *in);
    void (*f16_to_f32)(size_t count, float *out, const uint16_t *in);
    void (*bf16_from_f32)(size_t count, uint16_t *out, const float *in);
    void (*bf16_to_f32)(size_t count, float *out, const uint16_t *in);
} DdpHalfKernels;

/* How a kernel slides over one plane of an image; sizes in elements. */
typedef struct {
    size_t in_h, in_w;
    size_t out_h, out_w;
    size_t kernel_h, kernel_w;
    size_t stride_h, stride_w;
    size_t pad_h, pad_w; /* above and on the left */
    size_t dilation_h, dilation_w;
} DdpConvPlane;

typedef struct {
    /*
     * One row for each place of the kernel, in order, @row_step apart: what it sees at the output
     * positions from @first on, @count of them, with 0 beside the plane.
     */
    void (*unfold_f32)(const DdpConvPlane *p, const float *plane, size_t first, size_t count,
                       float *rows, size_t row_step);
    void (*unfold_f64)(const DdpConvPlane *p, const double *plane, size_t first, size_t count,
                       double *rows, size_t row_step);
    /* The other way: adds what the rows hold to where it was seen, in turn. Spoils the rows. */
    void (*fold_f32)(const DdpConvPlane *p, float *plane, size_t first, size_t count, float *rows,
                     size_t row_step);
    void (*fold_f64)(const DdpConvPlane *p, double *plane, size_t first, size_t count, double *rows,
                     size_t row_step);
    /*
     * One element more for each of @count windows side by side: x[j·step], which stands at @place +
     * j·step, becomes greatest[j] where it is greater, is NaN, or is the first (places[j] is -1).
     */
    void (*greatest_f32)(size_t count, const float *x, size_t step, int32_t place, float *greatest,
                         int32_t *places);
    void (*greatest_f64)(size_t count, const double *x, size_t step, int32_t place,
                         double *greatest, int32_t *places);
} DdpConvKernels;

/*
 * Normalisation. Sums run in the order that model/ops.h states. `_rows` works on [rows, columns]
 * with a mean and so on for each column; without it a run of elements has one of each. @out may be
 * @x, or @dy.
 */
#define DDP_NORM_KERNELS(type)                                                                     \
    struct {                                                                                       \
        /* Σ (x - mean)² */                                                                        \
        type (*squares)(size_t count, const type *x, type mean);                                   \
        void (*squares_rows)(size_t rows, size_t columns, const type *x, const type *mean,         \
                             type *out);                                                           \
        /* Σ dy and Σ dy·(x - mean) */                                                             \
        void (*products)(size_t count, const type *dy, const type *x, type mean, type *sum,        \
                         type *product);                                                           \
        void (*products_rows)(size_t rows, size_t columns, const type *dy, const type *x,          \
                              const type *mean, type *sum, type *product);                         \
        /* (x - mean)·scale + shift */                                                             \
        void (*apply)(size_t count, type *out, const type *x, type mean, type scale, type shift);  \
        void (*apply_rows)(size_t rows, size_t columns, type *out, const type *x,                  \
                           const type *mean, const type *scale, const type *shift);                \
        /* ((dy - base) - (x - mean)·slope)·scale */                                               \
        void (*grad)(size_t count, type *out, const type *dy, const type *x, type mean,            \
                     type base, type slope, type scale);                                           \
        void (*grad_rows)(size_t rows, size_t columns, type *out, const type *dy, const type *x,   \
                          const type *mean, const type *base, const type *slope,                   \
                          const type *scale);                                                      \
        /* (x - mean)·scale·weight[i] + bias[i]; @bias may be NULL */                              \
        void (*affine)(size_t count, type *out, const type *x, type mean, type scale,              \
                       const type *weight, const type *bias);                                      \
    }

typedef struct {
    DDP_NORM_KERNELS(float) f32;
    DDP_NORM_KERNELS(double) f64;
} DdpNormKernels;

#define DDP_ACTIVATION_CHUNK 256u /* elements that a loop takes at most */

/* Values and slopes of the functions of model/ops_activation.h; @out may not be @in. */
typedef struct {
    struct {
        void (*value)(size_t count, float *restrict out, const float *restrict in, float a,
                      float b);
        void (*slope)(size_t count, float *restrict out, const float *restrict in, float a,
                      float b);
    } f32[DDP_ACTIVATION_COUNT];
    struct {
        void (*value)(size_t count, double *restrict out, const double *restrict in, double a,
                      double b);
        void (*slope)(size_t count, double *restrict out, const double *restrict in, double a,
                      double b);
    } f64[DDP_ACTIVATION_COUNT];
} DdpActivationKernels;

typedef struct {
    const DdpElementwiseKernels *elementwise;
    const DdpReduceKernels *reduce;
    const DdpRandomKernels *random;
    const DdpOptimKernels *optim;
    const DdpHalfKernels *half;
    const DdpNormKernels *norm;
    const DdpActivationKernels *activation;
    const DdpConvKernels *conv;
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
    extern const DdpOptimKernels ddp_optim_kernels_##path;                                         \
    extern const DdpHalfKernels ddp_half_kernels_##path;                                           \
    extern const DdpActivationKernels ddp_activation_kernels_##path;                               \
    extern const DdpNormKernels ddp_norm_kernels_##path;                                           \
    extern const DdpConvKernels ddp_conv_kernels_##path;

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
