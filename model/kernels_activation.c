/* SPDX-License-Identifier: MIT */
#include "model/kernels.h"

#include <math.h>
#include <string.h>

#include "model/math/elementary.h"

/*
 * Each activation is one loop for the value and one for the slope, over a chunk of elements. The
 * elementary function in it runs over the chunk first, by model/math, which is vectorised for
 * floats; what is left is plain arithmetic that the compiler vectorises.
 */

#define SQRT_HALF 0.70710678118654752440
#define INVERSE_SQRT_2_PI 0.39894228040143267794
#define SQRT_2_OVER_PI 0.79788456080286535588
#define GELU_CUBE 0.044715

/* ---- elementary functions over a chunk ----------------------------------------------- */

static double
sigmoid_double(double x)
{
    double e = ddp_exp(-fabs(x));

    return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

#define ONE_BY_ONE(name, type, expression)                                                         \
    static void name(type *out, const type *in, size_t count)                                      \
    {                                                                                              \
        for (size_t i = 0; i < count; i++)                                                         \
            out[i] = (expression);                                                                 \
    }

ONE_BY_ONE(erf_n_float, float, ddp_erff(in[i]))
ONE_BY_ONE(exp_n_double, double, ddp_exp(in[i]))
ONE_BY_ONE(tanh_n_double, double, ddp_tanh(in[i]))
ONE_BY_ONE(sigmoid_n_double, double, sigmoid_double(in[i]))
ONE_BY_ONE(log1p_n_double, double, ddp_log1p(in[i]))
ONE_BY_ONE(erf_n_double, double, ddp_erf(in[i]))

/*
 * log(1 + x) for x from 0 to 1, as log(u) · x / (u - 1) with u = 1 + x rounded: what the rounding
 * does to the logarithm it does to the quotient as well.
 */
static void
log1p_n_float(float *restrict out, const float *restrict in, size_t count)
{
    float sums[DDP_ACTIVATION_CHUNK];

    DDP_INDEPENDENT
    for (size_t i = 0; i < count; i++)
        sums[i] = out[i] = 1.0f + in[i];
    ddp_logf_n(out, out, count);
    DDP_INDEPENDENT
    for (size_t i = 0; i < count; i++)
        out[i] = sums[i] == 1.0f ? in[i] : out[i] * (in[i] / (sums[i] - 1.0f));
}

/* ---- values and slopes --------------------------------------------------------------- */

#define VALUE(name, type, body)                                                                    \
    static void name##_##type(size_t count, type *restrict out, const type *restrict in, type a,   \
                              type b)                                                              \
    {                                                                                              \
        type t[DDP_ACTIVATION_CHUNK];                                                              \
                                                                                                   \
        (void)t;                                                                                   \
        (void)a;                                                                                   \
        (void)b;                                                                                   \
        body                                                                                       \
    }

/* For each element: x is the argument, and what is assigned to y the result. */
#define EACH(type, statement)                                                                      \
    DDP_INDEPENDENT                                                                                \
    for (size_t i = 0; i < count; i++) {                                                           \
        type x = in[i], y;                                                                         \
                                                                                                   \
        (void)x;                                                                                   \
        statement;                                                                                 \
        out[i] = y;                                                                                \
    }

/* t[i] = function(expression of x), by way of out */
#define FIRST(type, function, expression)                                                          \
    DDP_INDEPENDENT                                                                                \
    for (size_t i = 0; i < count; i++) {                                                           \
        type x = in[i];                                                                            \
        out[i] = (expression);                                                                     \
    }                                                                                              \
    function(t, out, count);

/*
 * exp(x) - 1 for x below 0 is 2·tanh(x/2) / (1 - tanh(x/2)), in which nothing cancels. Softplus is
 * max(z, 0) + log1p(exp(-|z|)) with z = a·x, which cannot overflow.
 */
#define FUNCTIONS(type, fabs_, exp_n, tanh_n, sigmoid_n, erf_n, log1p_n)                           \
    VALUE(gelu, type,                                                                              \
          FIRST(type, erf_n, x *(type)SQRT_HALF) EACH(type, y = x * (type)0.5 * (1 + t[i])))       \
    VALUE(gelu_slope, type, type density[DDP_ACTIVATION_CHUNK];                                    \
          FIRST(type, exp_n, x * x * (type)-0.5) memcpy(density, t, count * sizeof t[0]);          \
          FIRST(type, erf_n, x * (type)SQRT_HALF)                                                  \
              EACH(type, y = (type)0.5 * (1 + t[i]) + x * density[i] * (type)INVERSE_SQRT_2_PI))   \
                                                                                                   \
    VALUE(gelu_tanh, type,                                                                         \
          FIRST(type, tanh_n, (type)SQRT_2_OVER_PI *(x + (type)GELU_CUBE * x * x * x))             \
              EACH(type, y = (type)0.5 * x * (1 + t[i])))                                          \
    VALUE(gelu_tanh_slope, type,                                                                   \
          FIRST(type, tanh_n, (type)SQRT_2_OVER_PI *(x + (type)GELU_CUBE * x * x * x))             \
              EACH(type, y = (type)0.5 * (1 + t[i]) +                                              \
                             (type)0.5 * x * (1 - t[i] * t[i]) *                                   \
                                 ((type)SQRT_2_OVER_PI * (1 + 3 * (type)GELU_CUBE * x * x))))      \
                                                                                                   \
    VALUE(silu, type, FIRST(type, sigmoid_n, x) EACH(type, y = x * t[i]))                          \
    VALUE(silu_slope, type, FIRST(type, sigmoid_n, x) EACH(type, y = t[i] * (1 + x * (1 - t[i])))) \
                                                                                                   \
    VALUE(leaky_relu, type, EACH(type, y = x > 0 ? x : x * a))                                     \
    VALUE(leaky_relu_slope, type, EACH(type, y = x > 0 ? 1 : a))                                   \
                                                                                                   \
    VALUE(elu, type,                                                                               \
          FIRST(type, tanh_n, (x > 0 ? 0 : x) * (type)0.5)                                         \
              EACH(type, y = (x > 0 ? x : 0) + 2 * t[i] / (1 - t[i]) * a))                         \
    VALUE(elu_slope, type, FIRST(type, exp_n, x > 0 ? 0 : x) EACH(type, y = x > 0 ? 1 : t[i] * a)) \
                                                                                                   \
    VALUE(softplus, type, FIRST(type, exp_n, -fabs_(x *a)) log1p_n(out, t, count);                 \
          EACH(type, y = x * a > b ? x : ((x * a < 0 ? 0 : x * a) + out[i]) / a))                  \
    VALUE(softplus_slope, type, FIRST(type, sigmoid_n, x *a) EACH(type, y = x * a > b ? 1 : t[i])) \
                                                                                                   \
    VALUE(log_sigmoid, type, FIRST(type, exp_n, -fabs_(x)) log1p_n(out, t, count);                 \
          EACH(type, y = (x < 0 ? x : 0) - out[i]))                                                \
    VALUE(log_sigmoid_slope, type, FIRST(type, sigmoid_n, -x) EACH(type, y = t[i]))                \
                                                                                                   \
    VALUE(smooth_l1, type,                                                                         \
          EACH(type, y = fabs_(x) < a ? (type)0.5 * x * x / a : fabs_(x) - (type)0.5 * a))         \
    VALUE(smooth_l1_slope, type, EACH(type, y = fabs_(x) < a ? x / a : (type)((x > 0) - (x < 0)))) \
                                                                                                   \
    VALUE(huber, type,                                                                             \
          EACH(type, y = fabs_(x) <= a ? (type)0.5 * x * x : a * (fabs_(x) - (type)0.5 * a)))      \
    VALUE(huber_slope, type, EACH(type, y = fabs_(x) <= a ? x : x > 0 ? a : -a))

FUNCTIONS(float, fabsf, ddp_expf_n, ddp_tanhf_n, ddp_sigmoidf_n, erf_n_float, log1p_n_float)
FUNCTIONS(double, fabs, exp_n_double, tanh_n_double, sigmoid_n_double, erf_n_double, log1p_n_double)

#define ROW(name, type)                                                                            \
    {                                                                                              \
        name##_##type, name##_slope_##type                                                         \
    }

#define TABLE(type)                                                                                \
    {                                                                                              \
        [DDP_ACTIVATION_GELU] = ROW(gelu, type),                                                   \
        [DDP_ACTIVATION_GELU_TANH] = ROW(gelu_tanh, type),                                         \
        [DDP_ACTIVATION_SILU] = ROW(silu, type),                                                   \
        [DDP_ACTIVATION_LEAKY_RELU] = ROW(leaky_relu, type),                                       \
        [DDP_ACTIVATION_ELU] = ROW(elu, type), [DDP_ACTIVATION_SOFTPLUS] = ROW(softplus, type),    \
        [DDP_ACTIVATION_LOG_SIGMOID] = ROW(log_sigmoid, type),                                     \
        [DDP_ACTIVATION_SMOOTH_L1] = ROW(smooth_l1, type),                                         \
        [DDP_ACTIVATION_HUBER] = ROW(huber, type),                                                 \
    }

const DdpActivationKernels DDP_KERNEL_NAME(activation) = {
    .f32 = TABLE(float),
    .f64 = TABLE(double),
};
