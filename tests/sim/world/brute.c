/* SPDX-License-Identifier: MIT */
#include "tests/sim/world/brute.h"

#include <math.h>
#include <string.h>

uint64_t
ddp_brute_hash(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) + b * UINT64_C(0xbf58476d1ce4e5b9) +
                 c * UINT64_C(0x94d049bb133111eb);

    for (int i = 0; i < 2; i++) {
        x ^= x >> 29;
        x *= UINT64_C(0xbf58476d1ce4e5b9);
    }
    return x ^ x >> 32;
}

/* 2^@power, of a normal double. */
static double
power_of_two(int power)
{
    uint64_t bits = (uint64_t)(power + 1023) << 52;
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* @value is 1.x * 2^this, if it is a normal double. */
static int
power_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return (int)(bits >> 52 & 0x7ff) - 1023;
}

/* ---- small floats: @mantissa bits behind the point, @exponent bits ---- */

static uint16_t
small_from_real(double value, int mantissa, int exponent)
{
    int bias = (1 << (exponent - 1)) - 1;
    uint32_t sign = signbit(value) ? 1u << (mantissa + exponent) : 0;
    uint32_t infinity = ((1u << exponent) - 1) << mantissa;
    double size = fabs(value);

    if (size == 0)
        return (uint16_t)sign;

    int place = MAX(power_of(size), 1 - bias);
    uint32_t steps = (uint32_t)nearbyint(size * power_of_two(mantissa - place));
    /* The leading one of a normal number is not stored; a carry runs into the exponent by itself.
     */
    uint32_t bits = steps + ((uint32_t)(place + bias - 1) << mantissa);

    return (uint16_t)(sign | MIN(bits, infinity));
}

static double
small_to_real(uint16_t bits, int mantissa, int exponent)
{
    int bias = (1 << (exponent - 1)) - 1;
    int place = (bits >> mantissa) & ((1 << exponent) - 1);
    double steps = bits & ((1 << mantissa) - 1);
    double sign = bits >> (mantissa + exponent) ? -1 : 1;

    if (place == 0)
        return sign * steps * power_of_two(1 - bias - mantissa);
    return sign * (steps + (1 << mantissa)) * power_of_two(place - bias - mantissa);
}

static int
mantissa_bits(DdpDtype dtype)
{
    return dtype == DDP_DTYPE_F16 ? 10 : 7;
}

static int
exponent_bits(DdpDtype dtype)
{
    return dtype == DDP_DTYPE_F16 ? 5 : 8;
}

/* ---- rounding to what the dtype can hold ---- */

/*
 * One rounding, also where the code under test rounds twice (to float, then to half): a double
 * that is exact to more than twice the bits makes no difference in a sum, product or quotient.
 */
static double
round_real(DdpDtype dtype, double value)
{
    if (dtype == DDP_DTYPE_F64)
        return value;
    if (dtype == DDP_DTYPE_F32)
        return (double)(float)value;
    return small_to_real(small_from_real(value, mantissa_bits(dtype), exponent_bits(dtype)),
                         mantissa_bits(dtype), exponent_bits(dtype));
}

static int64_t
wrap_integer(DdpDtype dtype, uint64_t value)
{
    switch (dtype) {
    case DDP_DTYPE_I32:
        return (int32_t)(uint32_t)value;
    case DDP_DTYPE_U8:
        return (int64_t)(value & 0xff);
    case DDP_DTYPE_BOOL:
        return value != 0;
    default:
        return (int64_t)value;
    }
}

DdpBrute
ddp_brute_draw(DdpDtype dtype, uint64_t seed, int rank, size_t i)
{
    uint64_t bits = ddp_brute_hash(seed, (uint64_t)rank, i);

    if (!ddp_dtype_is_float(dtype)) {
        if (dtype == DDP_DTYPE_BOOL)
            return (DdpBrute){0, (int64_t)(bits >> 7 & 1)};
        return (DdpBrute){0, wrap_integer(dtype, bits >> 5)};
    }

    double size = 0.5 + 1.5 * (double)(bits >> 11) * 0x1p-53;

    return (DdpBrute){round_real(dtype, bits & 1 ? -size : size), 0};
}

static DdpBrute
fold_real(DdpReduceOp op, DdpDtype dtype, double a, double b)
{
    switch (op) {
    case DDP_REDUCE_SUM:
    case DDP_REDUCE_AVG:
        return (DdpBrute){round_real(dtype, a + b), 0};
    case DDP_REDUCE_PRODUCT:
        return (DdpBrute){round_real(dtype, a * b), 0};
    case DDP_REDUCE_MIN:
        return (DdpBrute){fmin(a, b), 0};
    case DDP_REDUCE_MAX:
        return (DdpBrute){fmax(a, b), 0};
    case DDP_REDUCE_BAND:
    case DDP_REDUCE_BOR:
    case DDP_REDUCE_BXOR:
        break;
    }
    g_assert_not_reached();
}

static uint64_t
fold_integer(DdpReduceOp op, DdpDtype dtype, int64_t a, int64_t b)
{
    uint64_t x = (uint64_t)a, y = (uint64_t)b;

    switch (op) {
    case DDP_REDUCE_SUM:
    case DDP_REDUCE_AVG:
        return dtype == DDP_DTYPE_BOOL ? x | y : x + y;
    case DDP_REDUCE_PRODUCT:
        return x * y;
    case DDP_REDUCE_MIN:
        return (uint64_t)MIN(a, b);
    case DDP_REDUCE_MAX:
        return (uint64_t)MAX(a, b);
    case DDP_REDUCE_BAND:
        return x & y;
    case DDP_REDUCE_BOR:
        return x | y;
    case DDP_REDUCE_BXOR:
        return x ^ y;
    }
    g_assert_not_reached();
}

DdpBrute
ddp_brute_fold(DdpReduceOp op, DdpDtype dtype, DdpBrute a, DdpBrute b)
{
    if (ddp_dtype_is_float(dtype))
        return fold_real(op, dtype, a.real, b.real);
    return (DdpBrute){0, wrap_integer(dtype, fold_integer(op, dtype, a.integer, b.integer))};
}

DdpBrute
ddp_brute_finish(DdpReduceOp op, DdpDtype dtype, DdpBrute sum, int size)
{
    if (op != DDP_REDUCE_AVG)
        return sum;
    if (ddp_dtype_is_float(dtype))
        return (DdpBrute){round_real(dtype, sum.real / size), 0};
    return (DdpBrute){0, sum.integer / size};
}

void
ddp_brute_store(DdpDtype dtype, void *buffer, size_t i, DdpBrute value)
{
    switch (dtype) {
    case DDP_DTYPE_F64:
        ((double *)buffer)[i] = value.real;
        return;
    case DDP_DTYPE_F32:
        ((float *)buffer)[i] = (float)value.real;
        return;
    case DDP_DTYPE_F16:
    case DDP_DTYPE_BF16:
        ((uint16_t *)buffer)[i] =
            small_from_real(value.real, mantissa_bits(dtype), exponent_bits(dtype));
        return;
    case DDP_DTYPE_I64:
        ((int64_t *)buffer)[i] = value.integer;
        return;
    case DDP_DTYPE_I32:
        ((int32_t *)buffer)[i] = (int32_t)value.integer;
        return;
    case DDP_DTYPE_U8:
    case DDP_DTYPE_BOOL:
        ((uint8_t *)buffer)[i] = (uint8_t)value.integer;
        return;
    }
}
