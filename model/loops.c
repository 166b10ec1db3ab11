/* SPDX-License-Identifier: MIT */
#include "model/loops.h"

#include <math.h>

#include "model/internal.h"
#include "model/math/elementary.h"

#define LOOP(name, type, result, expression)                                                       \
    static void name(size_t count, void *out_memory, const void *a_memory, size_t a_step,          \
                     const void *b_memory, size_t b_step)                                          \
    {                                                                                              \
        result *out = out_memory;                                                                  \
        const type *a = a_memory;                                                                  \
        const type *b = b_memory;                                                                  \
                                                                                                   \
        for (size_t i = 0; i < count; i++) {                                                       \
            type x = a[i * a_step], y = b[i * b_step];                                             \
            out[i] = (result)(expression);                                                         \
        }                                                                                          \
    }

/* ---- comparisons --------------------------------------------------------------------- */

#define COMPARISONS(type)                                                                          \
    LOOP(eq_##type, type, uint8_t, x == y)                                                         \
    LOOP(ne_##type, type, uint8_t, x != y)                                                         \
    LOOP(lt_##type, type, uint8_t, x < y)                                                          \
    LOOP(le_##type, type, uint8_t, x <= y)                                                         \
    LOOP(gt_##type, type, uint8_t, x > y)                                                          \
    LOOP(ge_##type, type, uint8_t, x >= y)

COMPARISONS(double)
COMPARISONS(float)
COMPARISONS(int64_t)
COMPARISONS(int32_t)
COMPARISONS(uint8_t)

/* ---- integers: exact, and they wrap -------------------------------------------------- */

static inline int64_t
floor_div_int(int64_t x, int64_t y)
{
    if (y == -1) /* INT64_MIN / -1 would trap */
        return (int64_t)(0 - (uint64_t)x);

    int64_t quotient = x / y;

    return quotient - (x % y != 0 && (x < 0) != (y < 0));
}

static inline int64_t
remainder_int(int64_t x, int64_t y)
{
    if (y == -1)
        return 0;

    int64_t rest = x % y;

    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

/* A negative power is truncated: 0, unless the base is 1 or -1. */
static inline int64_t
power_int(int64_t x, int64_t y)
{
    uint64_t result = 1;

    if (y < 0)
        return x == 1 ? 1 : x != -1 ? 0 : y % 2 == 0 ? 1 : -1;
    for (uint64_t base = (uint64_t)x; y > 0; y >>= 1, base *= base) {
        if ((y & 1) != 0)
            result *= base;
    }
    return (int64_t)result;
}

#define INTEGERS(type)                                                                             \
    LOOP(add_##type, type, type, (uint64_t)x + (uint64_t)y)                                        \
    LOOP(sub_##type, type, type, (uint64_t)x - (uint64_t)y)                                        \
    LOOP(mul_##type, type, type, (uint64_t)x *(uint64_t)y)                                         \
    LOOP(pow_##type, type, type, (uint64_t)power_int((int64_t)x, (int64_t)y))                      \
    LOOP(floor_div_##type, type, type, (uint64_t)floor_div_int((int64_t)x, (int64_t)y))            \
    LOOP(remainder_##type, type, type, (uint64_t)remainder_int((int64_t)x, (int64_t)y))            \
    LOOP(maximum_##type, type, type, x > y ? x : y)                                                \
    LOOP(minimum_##type, type, type, x < y ? x : y)

INTEGERS(int64_t)
INTEGERS(int32_t)
INTEGERS(uint8_t)

LOOP(or_bool, uint8_t, uint8_t, x | y)
LOOP(and_bool, uint8_t, uint8_t, x &y)

/* ---- floats, as far as model/kernels.h has them not ---------------------------------- */

static inline double
floor_div_float(double x, double y)
{
    if (y == 0.0)
        return x / y;

    double rest = fmod(x, y);
    double quotient = (x - rest) / y;

    if (rest != 0.0 && (y < 0.0) != (rest < 0.0))
        quotient -= 1.0;
    if (quotient == 0.0)
        return copysign(0.0, x / y);

    double floored = floor(quotient);

    return quotient - floored > 0.5 ? floored + 1.0 : floored;
}

static inline double
remainder_float(double x, double y)
{
    double rest = fmod(x, y);

    return rest != 0.0 && (rest < 0.0) != (y < 0.0) ? rest + y : rest;
}

LOOP(pow_double, double, double, ddp_pow(x, y))
LOOP(floor_div_double, double, double, floor_div_float(x, y))
LOOP(remainder_double, double, double, remainder_float(x, y))
LOOP(pow_float, float, float, ddp_pow((double)x, (double)y))
LOOP(floor_div_float_, float, float, floor_div_float((double)x, (double)y))
LOOP(remainder_float_, float, float, remainder_float((double)x, (double)y))

#define COMPARISON_ROW(type)                                                                       \
    [DDP_BINARY_EQ] = eq_##type, [DDP_BINARY_NE] = ne_##type, [DDP_BINARY_LT] = lt_##type,         \
    [DDP_BINARY_LE] = le_##type, [DDP_BINARY_GT] = gt_##type, [DDP_BINARY_GE] = ge_##type

#define INTEGER_ROW(type)                                                                          \
    [DDP_BINARY_ADD] = add_##type, [DDP_BINARY_SUB] = sub_##type, [DDP_BINARY_MUL] = mul_##type,   \
    [DDP_BINARY_POW] = pow_##type, [DDP_BINARY_FLOOR_DIV] = floor_div_##type,                      \
    [DDP_BINARY_REMAINDER] = remainder_##type, [DDP_BINARY_MAXIMUM] = maximum_##type,              \
    [DDP_BINARY_MINIMUM] = minimum_##type, COMPARISON_ROW(type)

static const DdpBinaryLoop binary_loops[DDP_DTYPE_COUNT][DDP_BINARY_COUNT] = {
    [DDP_DTYPE_F64] = {[DDP_BINARY_POW] = pow_double,
                       [DDP_BINARY_FLOOR_DIV] = floor_div_double,
                       [DDP_BINARY_REMAINDER] = remainder_double,
                       COMPARISON_ROW(double)},
    [DDP_DTYPE_F32] = {[DDP_BINARY_POW] = pow_float,
                       [DDP_BINARY_FLOOR_DIV] = floor_div_float_,
                       [DDP_BINARY_REMAINDER] = remainder_float_,
                       COMPARISON_ROW(float)},
    [DDP_DTYPE_I64] = {INTEGER_ROW(int64_t)},
    [DDP_DTYPE_I32] = {INTEGER_ROW(int32_t)},
    [DDP_DTYPE_U8] = {INTEGER_ROW(uint8_t)},
    [DDP_DTYPE_BOOL] = {[DDP_BINARY_ADD] = or_bool,
                        [DDP_BINARY_MUL] = and_bool,
                        [DDP_BINARY_MAXIMUM] = or_bool,
                        [DDP_BINARY_MINIMUM] = and_bool,
                        COMPARISON_ROW(uint8_t)},
};

DdpBinaryLoop
ddp_float_loop(DdpBinaryLoopKind kind, DdpDtype dtype)
{
    const DdpElementwiseKernels *kernels = ddp_kernels()->elementwise;

    g_assert(dtype == DDP_DTYPE_F32 || dtype == DDP_DTYPE_F64);
    return dtype == DDP_DTYPE_F32 ? kernels->binary_f32[kind] : kernels->binary_f64[kind];
}

DdpBinaryLoop
ddp_binary_loop(DdpBinaryOp op, DdpDtype dtype)
{
    static const int8_t kinds[DDP_BINARY_COUNT] = {
        [DDP_BINARY_ADD] = DDP_LOOP_ADD,
        [DDP_BINARY_SUB] = DDP_LOOP_SUB,
        [DDP_BINARY_MUL] = DDP_LOOP_MUL,
        [DDP_BINARY_DIV] = DDP_LOOP_DIV,
        [DDP_BINARY_POW] = -1,
        [DDP_BINARY_FLOOR_DIV] = -1,
        [DDP_BINARY_REMAINDER] = -1,
        [DDP_BINARY_MAXIMUM] = DDP_LOOP_MAXIMUM,
        [DDP_BINARY_MINIMUM] = DDP_LOOP_MINIMUM,
        [DDP_BINARY_EQ] = -1,
        [DDP_BINARY_NE] = -1,
        [DDP_BINARY_LT] = -1,
        [DDP_BINARY_LE] = -1,
        [DDP_BINARY_GT] = -1,
        [DDP_BINARY_GE] = -1,
    };

    g_assert(!dtype_is_half(dtype));
    if (ddp_dtype_is_float(dtype) && kinds[op] >= 0)
        return ddp_float_loop((DdpBinaryLoopKind)kinds[op], dtype);
    return binary_loops[dtype][op];
}

#define HAS_ZERO(type)                                                                             \
    do {                                                                                           \
        const type *values = elements;                                                             \
        for (size_t i = 0; i < count; i++) {                                                       \
            if (values[i] == 0)                                                                    \
                return true;                                                                       \
        }                                                                                          \
    } while (0)

bool
ddp_divisors_have_zero(DdpDtype dtype, size_t count, const void *elements)
{
    if (dtype == DDP_DTYPE_I64)
        HAS_ZERO(int64_t);
    else if (dtype == DDP_DTYPE_I32)
        HAS_ZERO(int32_t);
    else if (dtype == DDP_DTYPE_U8)
        HAS_ZERO(uint8_t);
    return false;
}

/* ---- of one operand ------------------------------------------------------------------ */

#define UNARY(name, type, expression)                                                              \
    static void name(size_t count, void *out_memory, const void *x_memory)                         \
    {                                                                                              \
        type *out = out_memory;                                                                    \
        const type *in = x_memory;                                                                 \
                                                                                                   \
        for (size_t i = 0; i < count; i++) {                                                       \
            type x = in[i];                                                                        \
            out[i] = (type)(expression);                                                           \
        }                                                                                          \
    }

#define INTEGER_UNARIES(type)                                                                      \
    UNARY(neg_##type, type, 0 - (uint64_t)x)                                                       \
    UNARY(abs_##type, type, x < 0 ? 0 - (uint64_t)x : (uint64_t)x)                                 \
    UNARY(relu_##type, type, x < 0 ? 0 : x)

INTEGER_UNARIES(int64_t)
INTEGER_UNARIES(int32_t)

UNARY(neg_uint8_t, uint8_t, 0 - (uint64_t)x)
UNARY(same_uint8_t, uint8_t, x)

/* 1 / (1 + exp(-x)) for either sign without overflow. */
static inline double
sigmoid(double x)
{
    if (x >= 0.0)
        return 1.0 / (1.0 + ddp_exp(-x));

    double e = ddp_exp(x);

    return e / (1.0 + e);
}

UNARY(exp_double, double, ddp_exp(x))
UNARY(log_double, double, ddp_log(x))
UNARY(tanh_double, double, ddp_tanh(x))
UNARY(sigmoid_double, double, sigmoid(x))

static void
exp_float(size_t count, void *out, const void *x)
{
    ddp_expf_n(out, x, count);
}

static void
log_float(size_t count, void *out, const void *x)
{
    ddp_logf_n(out, x, count);
}

static void
tanh_float(size_t count, void *out, const void *x)
{
    ddp_tanhf_n(out, x, count);
}

static void
sigmoid_float(size_t count, void *out, const void *x)
{
    ddp_sigmoidf_n(out, x, count);
}

static const DdpUnaryLoop unary_loops[DDP_DTYPE_COUNT][DDP_UNARY_COUNT] = {
    [DDP_DTYPE_F64] = {[DDP_UNARY_EXP] = exp_double,
                       [DDP_UNARY_LOG] = log_double,
                       [DDP_UNARY_TANH] = tanh_double,
                       [DDP_UNARY_SIGMOID] = sigmoid_double},
    [DDP_DTYPE_F32] = {[DDP_UNARY_EXP] = exp_float,
                       [DDP_UNARY_LOG] = log_float,
                       [DDP_UNARY_TANH] = tanh_float,
                       [DDP_UNARY_SIGMOID] = sigmoid_float},
    [DDP_DTYPE_I64] = {[DDP_UNARY_NEG] = neg_int64_t,
                       [DDP_UNARY_ABS] = abs_int64_t,
                       [DDP_UNARY_RELU] = relu_int64_t},
    [DDP_DTYPE_I32] = {[DDP_UNARY_NEG] = neg_int32_t,
                       [DDP_UNARY_ABS] = abs_int32_t,
                       [DDP_UNARY_RELU] = relu_int32_t},
    [DDP_DTYPE_U8] = {[DDP_UNARY_NEG] = neg_uint8_t,
                      [DDP_UNARY_ABS] = same_uint8_t,
                      [DDP_UNARY_RELU] = same_uint8_t},
};

DdpUnaryLoop
ddp_unary_loop(DdpUnaryOp op, DdpDtype dtype)
{
    g_assert(!dtype_is_half(dtype));

    if (ddp_dtype_is_float(dtype) && op <= DDP_UNARY_SQRT) {
        static const DdpUnaryLoopKind kinds[] = {
            [DDP_UNARY_NEG] = DDP_LOOP_NEG,
            [DDP_UNARY_ABS] = DDP_LOOP_ABS,
            [DDP_UNARY_RELU] = DDP_LOOP_RELU,
            [DDP_UNARY_SQRT] = DDP_LOOP_SQRT,
        };
        const DdpElementwiseKernels *kernels = ddp_kernels()->elementwise;

        return dtype == DDP_DTYPE_F32 ? kernels->unary_f32[kinds[op]]
                                      : kernels->unary_f64[kinds[op]];
    }
    return unary_loops[dtype][op];
}
