/* SPDX-License-Identifier: MIT */

/*
 * The elementary functions of one double, and those of one float that have no vector form.
 *
 * The last steps run in pairs of doubles, so the errors stay within 0.6 ulp (measured against
 * 113-bit arithmetic; 0.8 where a result is subnormal): nearly every result is the correctly
 * rounded one. Floats are computed in double and rounded once. Included after elementary_f32.h,
 * with Float being one float.
 */

#include "model/math/angle.h"
#include "model/math/double_double.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "double arithmetic must round to double");

#define LOG2_E_F64 0x1.71547652b82fep+0
#define LN2_42 0x1.62e42fefa3800p-1    /* the first 42 bits: times an exponent it is exact */
#define LN2_REST 0x1.ef35793c76730p-45 /* what they leave */
#define ROUNDER_F64 0x1.8p52
#define SQRT_HALF_BITS 0x3fe6a09e667f3bcdU
#define ONE_BITS_F64 0x3ff0000000000000U
#define MANTISSA_MASK_F64 0x000fffffffffffffU

static uint64_t
bits_f64(double x)
{
    uint64_t u;

    memcpy(&u, &x, sizeof u);
    return u;
}

static double
number_f64(uint64_t u)
{
    double x;

    memcpy(&x, &u, sizeof x);
    return x;
}

/* 2^n for -1022 <= n <= 1023. */
static double
power_of_two_f64(int n)
{
    return number_f64((uint64_t)(n + 1023) << 52);
}

/* The positive quiet NaN on every CPU, whichever NaN came in. */
static double
quiet_nan(void)
{
    return number_f64(0x7ff8000000000000U);
}

/* x = n ln 2 + r for |x| below 2^20 or so. */
static Twofold
reduce_exponent(double x, double x_low, int *n_rounded)
{
    double n = fma(x, LOG2_E_F64, ROUNDER_F64) - ROUNDER_F64;
    double first = fma(-n, LN2_42, x);

    *n_rounded = (int)n;
    return twofold_fast_sum(first, fma(-n, LN2_REST, x_low));
}

/*
 * e^r - 1 - r - r^2/2 for |r| <= ln 2 / 2, by its Taylor series; the first term left out is
 * below 2^-60 of r^2.
 */
static double
exp_tail(double r)
{
    double q = 1.0 / 87178291200; /* 14! */

    q = fma(q, r, 1.0 / 6227020800);
    q = fma(q, r, 1.0 / 479001600);
    q = fma(q, r, 1.0 / 39916800);
    q = fma(q, r, 1.0 / 3628800);
    q = fma(q, r, 1.0 / 362880);
    q = fma(q, r, 1.0 / 40320);
    q = fma(q, r, 1.0 / 5040);
    q = fma(q, r, 1.0 / 720);
    q = fma(q, r, 1.0 / 120);
    q = fma(q, r, 1.0 / 24);
    q = fma(q, r, 1.0 / 6);
    return q * r * r * r;
}

/* e^r - 1 of a reduced argument. */
static Twofold
expm1_reduced(Twofold r)
{
    Twofold square = twofold_product(0.5 * r.high, r.high);
    Twofold sum = twofold_fast_sum(r.high, square.high);

    /* e^(high + low) = e^high (1 + low): here only the low bits of the sum are concerned. */
    sum.low += square.low + exp_tail(r.high) + r.low * (1 + r.high + square.high);
    return twofold_fast_sum(sum.high, sum.low);
}

/* e^(x + x_low), where x is finite and x_low is at most some ulp of x. */
static double
exp_of_pair(double x, double x_low)
{
    int n;
    Twofold value;

    if (x > 710)
        return HUGE_VAL;
    if (x < -746)
        return 0;
    value = expm1_reduced(reduce_exponent(x, x_low, &n));
    value = twofold_add((Twofold){1, 0}, value);
    /* Two factors, because 2^n alone may be no normal number. */
    return value.high * power_of_two_f64(n / 2) * power_of_two_f64(n - n / 2);
}

static double
exp_f64(double x)
{
    if (isnan(x))
        return quiet_nan();
    if (isinf(x))
        return x > 0 ? x : 0;
    return exp_of_pair(x, 0);
}

/*
 * log (1 + f) for 1 + f between sqrt(1/2) and sqrt(2): with s = f / (2 + f) and z = s^2 it is
 * 2 atanh(s) = 2s + 2s (z/3 + z^2/5 + z^3/7 + ...). The first term left out is below 2^-70.
 */
static Twofold
log1p_reduced(Twofold f)
{
    static const Twofold third = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
    Twofold s = twofold_divide(f, twofold_add((Twofold){2, 0}, f));
    Twofold z = twofold_multiply(s, s);
    Twofold series;
    double q = 1.0 / 25;

    q = fma(q, z.high, 1.0 / 23);
    q = fma(q, z.high, 1.0 / 21);
    q = fma(q, z.high, 1.0 / 19);
    q = fma(q, z.high, 1.0 / 17);
    q = fma(q, z.high, 1.0 / 15);
    q = fma(q, z.high, 1.0 / 13);
    q = fma(q, z.high, 1.0 / 11);
    q = fma(q, z.high, 1.0 / 9);
    q = fma(q, z.high, 1.0 / 7);
    q = fma(q, z.high, 1.0 / 5);
    series = twofold_add(third, twofold_multiply(z, (Twofold){q, 0}));
    series = twofold_multiply(twofold_multiply(s, z), series);
    series = twofold_add(s, series);
    return (Twofold){2 * series.high, 2 * series.low};
}

/* e ln 2 + value, |value| below 0.35. */
static Twofold
add_exponent(int e, Twofold value)
{
    if (e == 0)
        return value;
    return twofold_add(twofold_fast_sum(e * LN2_42, e * LN2_REST), value);
}

/* log of a positive finite x. */
static Twofold
log_of_positive(double x)
{
    int e = 0;
    uint64_t moved;
    double m;

    if (x < DBL_MIN) {
        x *= 0x1p54;
        e = -54;
    }
    moved = bits_f64(x) + (ONE_BITS_F64 - SQRT_HALF_BITS);
    e += (int)(moved >> 52) - 1023;
    m = number_f64((moved & MANTISSA_MASK_F64) + SQRT_HALF_BITS);
    return add_exponent(e, log1p_reduced((Twofold){m - 1, 0}));
}

static double
log_f64(double x)
{
    if (isnan(x) || x < 0)
        return quiet_nan();
    if (x == 0)
        return -HUGE_VAL;
    if (isinf(x))
        return x;
    return log_of_positive(x).high;
}

static double
log1p_f64(double x)
{
    Twofold sum;
    int e;
    double scale;

    if (isnan(x) || x < -1)
        return quiet_nan();
    if (x == -1)
        return -HUGE_VAL;
    if (isinf(x) || fabs(x) < 0x1p-54) /* -0 stays -0 */
        return x;
    if (fabs(x) < 0.25)
        return log1p_reduced((Twofold){x, 0}).high;

    /* 1 + x as a pair, brought between sqrt(1/2) and sqrt(2). */
    sum = twofold_sum(1, x);
    e = (int)((bits_f64(sum.high) + (ONE_BITS_F64 - SQRT_HALF_BITS)) >> 52) - 1023;
    if (e > 1000) /* the 1 is long lost */
        return log_of_positive(x).high;
    scale = power_of_two_f64(-e);
    return add_exponent(e, log1p_reduced(twofold_sum(sum.high * scale - 1, sum.low * scale))).high;
}

/* tanh |x| = t / (t + 2) with t = e^(2|x|) - 1. */
static double
tanh_f64(double x)
{
    int n;
    Twofold t;

    if (isnan(x))
        return quiet_nan();
    if (x == 0)
        return x;
    if (fabs(x) > 20)
        return copysign(1, x);

    t = expm1_reduced(reduce_exponent(2 * fabs(x), 0, &n));
    if (n > 0) {
        double scale = power_of_two_f64(n);
        /* Below n = 54 the integer is exact; above, the result is 1 anyway. */
        Twofold sum = twofold_sum(scale - 1, scale * t.high);

        sum.low += scale * t.low;
        t = twofold_fast_sum(sum.high, sum.low);
    }
    Twofold below = n > 0 ? twofold_sum(2, t.high) : twofold_fast_sum(2, t.high);

    below.low += t.low;
    return copysign(twofold_divide(t, below).high, x);
}

/* sin and cos for |r| <= pi/4: Taylor series, the first term left out is below 2^-58. */
static double
sin_reduced(Twofold r)
{
    static const Twofold sixth = {-0x1.5555555555555p-3, -0x1.5555555555555p-57};
    Twofold z = twofold_product(r.high, r.high);
    Twofold series;
    Twofold sum;
    double q = 1.0 / 355687428096000; /* 17! */

    q = fma(q, z.high, -1.0 / 1307674368000);
    q = fma(q, z.high, 1.0 / 6227020800);
    q = fma(q, z.high, -1.0 / 39916800);
    q = fma(q, z.high, 1.0 / 362880);
    q = fma(q, z.high, -1.0 / 5040);
    q = fma(q, z.high, 1.0 / 120);
    series = twofold_add(sixth, (Twofold){q * z.high, 0});
    series = twofold_multiply(twofold_multiply(z, series), (Twofold){r.high, 0});
    sum = twofold_fast_sum(r.high, series.high);
    return sum.high + (sum.low + (series.low + r.low * (1 - 0.5 * z.high)));
}

static double
cos_reduced(Twofold r)
{
    Twofold half_square = twofold_product(0.5 * r.high, r.high);
    Twofold value = twofold_fast_sum(1, -half_square.high);
    double z = r.high * r.high;
    double q = 1.0 / 6402373705728000; /* 18! */

    q = fma(-q, z, 1.0 / 20922789888000);
    q = fma(q, z, -1.0 / 87178291200);
    q = fma(q, z, 1.0 / 479001600);
    q = fma(q, z, -1.0 / 3628800);
    q = fma(q, z, 1.0 / 40320);
    q = fma(q, z, -1.0 / 720);
    q = fma(q, z, 1.0 / 24);
    return value.high + (fma(q * z, z, value.low - half_square.low) - r.high * r.low);
}

/* sin of x plus @quarters quarter turns. */
static double
sin_turned(double x, unsigned quarters)
{
    unsigned quarter;
    Twofold r;
    double value;

    if (isnan(x) || isinf(x))
        return quiet_nan();
    r = fabs(x) <= ANGLE_SMALL ? reduce_small_angle(x, &quarter) : reduce_large_angle(x, &quarter);
    quarter += quarters;
    value = (quarter & 1U) != 0 ? cos_reduced(r) : sin_reduced(r);
    return (quarter & 2U) != 0 ? -value : value;
}

static double
sin_f64(double x)
{
    return x == 0 ? x : sin_turned(x, 0); /* -0 stays -0 */
}

static double
cos_f64(double x)
{
    return sin_turned(x, 1);
}

typedef enum { NOT_INTEGER, EVEN, ODD } Parity;

static Parity
parity(double y)
{
    if (fabs(y) >= 0x1p53)
        return EVEN;
    if (y != (double)(int64_t)y)
        return NOT_INTEGER;
    return ((int64_t)y & 1) != 0 ? ODD : EVEN;
}

/* x is 0 or infinite, y is neither 0 nor NaN. */
static double
pow_of_extreme(double x, double y)
{
    bool is_large = (x != 0) == (y > 0);
    double value = is_large ? HUGE_VAL : 0;

    return signbit(x) && !isinf(y) && parity(y) == ODD ? -value : value;
}

/* As C and Python define it, Python's errors being infinities and NaN here. */
static double
pow_f64(double x, double y)
{
    Twofold l;
    Twofold product;
    double value;

    if (y == 0 || x == 1)
        return 1;
    if (isnan(x) || isnan(y))
        return quiet_nan();
    if (x == 0 || isinf(x))
        return pow_of_extreme(x, y);
    if (isinf(y)) {
        if (x == -1)
            return 1;
        return (fabs(x) > 1) == (y > 0) ? HUGE_VAL : 0;
    }
    if (x < 0 && parity(y) == NOT_INTEGER)
        return quiet_nan();

    l = log_of_positive(fabs(x));
    product = twofold_product(y, l.high);
    if (fabs(product.high) > 800) /* also where the product has overflowed */
        value = product.high > 0 ? HUGE_VAL : 0;
    else
        value = exp_of_pair(product.high, product.low + y * l.low);
    return x < 0 && parity(y) == ODD ? -value : value;
}

static float
float_of(double value)
{
    return isnan(value) ? number((uint32_t)NAN_BITS) : (float)value;
}

static float
log1p_f32(float x)
{
    return float_of(log1p_f64((double)x));
}

/* The Taylor series of erf; below 1 the first term left out is below 2^-37. */
static double
erf_near_zero(double x)
{
    static const double c[] = {
        0x1.20dd750429b6dp+0,   -0x1.812746b0379e7p-2,  0x1.ce2f21a042be2p-4,
        -0x1.b82ce31288b51p-6,  0x1.565bcd0e6a53fp-8,   -0x1.c02db40040b86p-11,
        0x1.f9a326f9b89b7p-14,  -0x1.f4d25c3e0c2ebp-17, 0x1.b9e6c9dc651a3p-20,
        -0x1.5f742ec43e71ap-23, 0x1.fcc5720624c1cp-27,  -0x1.51d7181c5d36dp-30,
        0x1.9e6ad5e55a730p-34,
    };
    double z = x * x;
    double q = 0;

    for (int i = (int)(sizeof c / sizeof *c) - 1; i >= 0; i--)
        q = fma(q, z, c[i]);
    return q * x;
}

/*
 * For 1 <= x <= 4: 1 - exp(-x^2) g(t) t with t = 1 / (1 + x/2), where the polynomial g was
 * fitted at Chebyshev nodes to exp(x^2) erfc(x) / t; its error is below 2^-36.
 */
static double
erf_far(double x)
{
    static const double g[] = {
        0x1.20cb70aa617edp-2,  0x1.224921557297fp-2,  0x1.e028253399508p-3,
        0x1.ec0ed672f60e8p-3,  -0x1.016cda1e12351p-3, 0x1.c3102dc17ad84p-2,
        -0x1.4c55c4a20aa47p-1, 0x1.7f679b4484037p-2,  -0x1.492e9be17c07fp-4,
    };
    double t = 1 / (1 + 0.5 * x);
    double q = 0;

    for (int i = (int)(sizeof g / sizeof *g) - 1; i >= 0; i--)
        q = fma(q, t, g[i]);
    return 1 - exp_f64(-x * x) * q * t;
}

static float
erf_f32(float x)
{
    double size = fabs((double)x);

    if (isnan(size))
        return number((uint32_t)NAN_BITS);
    if (size < 1)
        return (float)erf_near_zero((double)x);
    return (float)copysign(size < 4 ? erf_far(size) : 1, (double)x);
}

#define NUMBER_KERNEL                                                                              \
    {                                                                                              \
        .expf = exp_f32, .logf = log_f32, .log1pf = log1p_f32, .tanhf = tanh_f32,                  \
        .sigmoidf = sigmoid_f32, .erff = erf_f32, .exp = exp_f64, .log = log_f64,                  \
        .log1p = log1p_f64, .tanh = tanh_f64, .sin = sin_f64, .cos = cos_f64, .pow = pow_f64       \
    }
