/* SPDX-License-Identifier: MIT */

/*
 * exp, log, tanh and sigmoid in f32, for one number or for a vector of them. Included by one
 * file per instruction set, which defines before:
 *
 *   Float, Uint      float and uint32_t, or vectors of as many lanes
 *   LANES            how many
 *   splat(x)         x in every lane;  splat_bits(u): the same for uint32_t
 *   load(p), store(p, v)
 *   fma3(a, b, c)    a * b + c, rounded once
 *   bits(v), number(u)               the same bits as the other type
 *   Mask                             a yes or no per lane
 *   less(a, b), is_nan(a), either(mask, mask), choose(mask, yes, no)
 *
 * The text below is the only one: scalar and vectors run the same IEEE operations in the same
 * order, and there is no branch, so every lane has the bits that the number alone would have.
 * NaN comes out as the one positive quiet NaN, because the CPUs differ in which NaN they make.
 *
 * The greatest errors, found by trying every float: exp 0.78 ulp, log 0.84, tanh 0.93,
 * sigmoid 1.48.
 */

#include "model/math/kernels.h"

#include <float.h>
#include <stdint.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "float arithmetic must round to float");

#define NAN_BITS 0x7fc00000U
#define INFINITY_BITS 0x7f800000U
#define SIGN_BIT 0x80000000U
#define ONE_BITS 0x3f800000U
#define EXPONENT_SHIFT 23
#define MANTISSA_MASK 0x007fffffU

/* Adding it moves the integer nearest to a small float into the low bits of the sum. */
#define ROUNDER 0x1.8p23f
#define ROUNDER_BITS 0x4b400000U

#define LOG2_E 0x1.715476p+0f
#define LN2_HI 0x1.62e430p-1f
#define LN2_LO (-0x1.05c610p-29f)

static inline Float
quiet_nan_if(Mask mask, Float otherwise)
{
    return choose(mask, number(splat_bits(NAN_BITS)), otherwise);
}

/* 2^n for -126 <= n <= 127, given n + 127. */
static inline Float
power_of_two(Uint biased)
{
    return number(biased << EXPONENT_SHIFT);
}

/* A value and what was rounded off it. */
typedef struct {
    Float high;
    Float low;
} FloatPair;

/* Exact where |a| >= |b| or a is 0. */
static inline FloatPair
fast_sum(Float a, Float b)
{
    Float high = a + b;

    return (FloatPair){high, (a - high) + b};
}

static inline FloatPair
exact_sum(Float a, Float b)
{
    Float high = a + b;
    Float b_share = high - a;

    return (FloatPair){high, (a - (high - b_share)) + (b - b_share)};
}

/* x = n ln 2 + r with |r| <= ln 2 / 2; the first product is exact under fma. */
static inline FloatPair
reduce_exponent_f32(Float x, Uint *n_rounded)
{
    Float rounded = fma3(x, splat(LOG2_E), splat(ROUNDER));
    Float n = rounded - splat(ROUNDER);

    *n_rounded = bits(rounded) - splat_bits(ROUNDER_BITS);
    return fast_sum(fma3(-n, splat(LN2_HI), x), -n * splat(LN2_LO));
}

/*
 * e^r - 1 - r, from the Taylor series, which is short enough on this range: the first term
 * left out is below 2^-27 of e^r.
 */
static inline Float
exp_tail_f32(FloatPair r)
{
    Float q = splat(1.0f / 5040);

    q = fma3(q, r.high, splat(1.0f / 720));
    q = fma3(q, r.high, splat(1.0f / 120));
    q = fma3(q, r.high, splat(1.0f / 24));
    q = fma3(q, r.high, splat(1.0f / 6));
    q = fma3(q, r.high, splat(0.5f));
    return fma3(r.high * r.high, q, r.low);
}

/* Wants x between -104 and 89, where the result is already 0 and infinity; a NaN gives NaN. */
static inline Float
exp_in_range(Float x)
{
    Uint n;
    FloatPair r = reduce_exponent_f32(x, &n);
    FloatPair sum = fast_sum(splat(1.0f), r.high);
    Float reduced = sum.high + (sum.low + exp_tail_f32(r));
    /* Two factors, because 2^n alone may be no normal number; only the last product rounds. */
    Uint shifted = n + splat_bits(512);
    Uint half = shifted >> 1;

    return reduced * power_of_two(half - splat_bits(256 - 127)) *
           power_of_two(shifted - half - splat_bits(256 - 127));
}

static inline Float
exp_f32(Float x)
{
    Float top = splat(89.0f);
    Float bottom = splat(-104.0f);
    Float clamped = choose(less(top, x), top, x);

    clamped = choose(less(clamped, bottom), bottom, clamped);
    return quiet_nan_if(is_nan(x), exp_in_range(clamped));
}

/*
 * x = 2^e m with m between sqrt(1/2) and sqrt(2). With f = m - 1 and s = f / (2 + f),
 * log m = 2 atanh(s) = f - f^2/2 + s (f^2/2 + R(s^2)): the largest term, f, is exact.
 */
static inline Float
log_f32(Float x)
{
    Mask tiny = less(x, splat(FLT_MIN));
    Float scaled = choose(tiny, x * splat(0x1p23f), x);
    Uint moved = bits(scaled) + splat_bits(ONE_BITS - 0x3f3504f3U); /* sqrt(1/2) to 1 */
    Float m = number((moved & splat_bits(MANTISSA_MASK)) + splat_bits(0x3f3504f3U));
    /* An integer below 2^23 under the exponent of 2^23 is that number plus 2^23. */
    Float e = number((moved >> EXPONENT_SHIFT) | splat_bits(0x4b000000U)) -
              choose(tiny, splat(0x1p23f + 127 + 23), splat(0x1p23f + 127));
    Float f = m - splat(1.0f);
    Float s = f / (splat(2.0f) + f);
    Float z = s * s;
    Float r = splat(2.0f / 11);
    Float half_square = splat(0.5f) * f * f;
    Float value;

    r = fma3(r, z, splat(2.0f / 9));
    r = fma3(r, z, splat(2.0f / 7));
    r = fma3(r, z, splat(2.0f / 5));
    r = fma3(r, z, splat(2.0f / 3));
    r = r * z;
    value = half_square - fma3(s, half_square + r, e * splat(LN2_LO));
    value = fma3(e, splat(LN2_HI), f - value);

    /* What is no positive finite number. */
    value = choose(less(splat(FLT_MAX), x), x, value);
    value =
        choose(less(x, number(splat_bits(1))), number(splat_bits(INFINITY_BITS | SIGN_BIT)), value);
    return quiet_nan_if(either(is_nan(x), less(x, splat(0.0f))), value);
}

/* tanh |x| = t / (t + 2) with t = e^(2|x|) - 1, which is good near 0 as well. */
static inline Float
tanh_f32(Float x)
{
    Uint sign = bits(x) & splat_bits(SIGN_BIT);
    Float size = number(bits(x) ^ sign);
    Float top = splat(10.0f); /* tanh is 1 from 9.02 on */
    Float clamped = choose(less(top, size), top, size);
    Uint n;
    FloatPair r = reduce_exponent_f32(clamped + clamped, &n);
    FloatPair reduced = fast_sum(r.high, exp_tail_f32(r));
    Float scale = power_of_two(n + splat_bits(127));
    FloatPair t = fast_sum(scale - splat(1.0f), scale * reduced.high);
    FloatPair below = exact_sum(t.high, splat(2.0f));
    Float inverse = splat(1.0f) / below.high;
    Float quotient = t.high * inverse;
    Float rest = fma3(-quotient, below.high, t.high);

    t.low = fma3(scale, reduced.low, t.low);
    rest = rest + fma3(-quotient, below.low + t.low, t.low);
    quotient = fma3(rest, inverse, quotient);
    return quiet_nan_if(is_nan(x), number(bits(quotient) | sign));
}

/* With e = exp(-|x|), which cannot overflow: 1 / (1 + e), or e / (1 + e) for negative x. */
static inline Float
sigmoid_f32(Float x)
{
    Float size = number(bits(x) & splat_bits(~SIGN_BIT));
    Float bottom = splat(-104.0f);
    Float e = exp_in_range(choose(less(-size, bottom), bottom, -size));
    Float numerator = choose(less(x, splat(0.0f)), e, splat(1.0f));
    FloatPair below = fast_sum(splat(1.0f), e);
    Float inverse = splat(1.0f) / below.high;
    Float rest = inverse * fma3(-inverse, below.low, fma3(-inverse, below.high, splat(1.0f)));

    return quiet_nan_if(is_nan(x), fma3(numerator, inverse, numerator * rest));
}

/* The same over an array; the last few numbers go through a vector of their own. */
#define OVER_ARRAY(name, function)                                                                 \
    static void name(float *out, const float *in, size_t count)                                    \
    {                                                                                              \
        size_t i = 0;                                                                              \
                                                                                                   \
        for (; i + LANES <= count; i += LANES)                                                     \
            store(out + i, function(load(in + i)));                                                \
        if (i < count) {                                                                           \
            float rest[LANES] = {0};                                                               \
                                                                                                   \
            memcpy(rest, in + i, (count - i) * sizeof *rest);                                      \
            store(rest, function(load(rest)));                                                     \
            memcpy(out + i, rest, (count - i) * sizeof *rest);                                     \
        }                                                                                          \
    }

OVER_ARRAY(exp_array, exp_f32)
OVER_ARRAY(log_array, log_f32)
OVER_ARRAY(tanh_array, tanh_f32)
OVER_ARRAY(sigmoid_array, sigmoid_f32)

#define ARRAY_KERNEL                                                                               \
    {                                                                                              \
        .exp = exp_array, .log = log_array, .tanh = tanh_array, .sigmoid = sigmoid_array           \
    }
