/* SPDX-License-Identifier: MIT */
#pragma once

#include <math.h>

/*
 * A number as the unevaluated sum of two doubles, high + low with |low| at most half an ulp of
 * high: 106 bits of mantissa. The elementary functions compute in it where the last bit of
 * the result is decided, so that what they return is nearly always the correctly rounded value.
 */
typedef struct {
    double high;
    double low;
} Twofold;

/* Exact if |a| >= |b| or a is 0. */
static inline Twofold
twofold_fast_sum(double a, double b)
{
    double high = a + b;

    return (Twofold){high, (a - high) + b};
}

/* Exact for all finite a and b whose sum is finite. */
static inline Twofold
twofold_sum(double a, double b)
{
    double high = a + b;
    double b_share = high - a;

    return (Twofold){high, (a - (high - b_share)) + (b - b_share)};
}

static inline Twofold
twofold_product(double a, double b)
{
    double high = a * b;

    return (Twofold){high, fma(a, b, -high)};
}

/* Relative error about 2^-104. */
static inline Twofold
twofold_multiply(Twofold a, Twofold b)
{
    Twofold p = twofold_product(a.high, b.high);

    p.low += a.high * b.low + a.low * b.high;
    return twofold_fast_sum(p.high, p.low);
}

static inline Twofold
twofold_divide(Twofold a, Twofold b)
{
    double high = a.high / b.high;
    double rest = fma(-high, b.high, a.high) + (a.low - high * b.low);

    return twofold_fast_sum(high, rest / b.high);
}

/* |a| >= |b|, or a is 0. */
static inline Twofold
twofold_add(Twofold a, Twofold b)
{
    Twofold sum = twofold_fast_sum(a.high, b.high);

    sum.low += a.low + b.low;
    return twofold_fast_sum(sum.high, sum.low);
}
