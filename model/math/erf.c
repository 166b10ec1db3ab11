/* SPDX-License-Identifier: MIT */
#include "model/math/elementary.h"

#include <float.h>
#include <math.h>

_Static_assert(FLT_EVAL_METHOD == 0, "double arithmetic must round to double");

#define TWO_OVER_SQRT_PI 0x1.20dd750429b6dp+0
#define INVERSE_SQRT_PI 0x1.20dd750429b6dp-1
#define FRACTION_FROM 1.25
#define FRACTION_DEPTH 150

/* exp(-x²), with the part of the square that was rounded off, which exp would magnify. */
static double
exp_of_square(double x)
{
    double square = x * x;

    return ddp_exp(-square) * (1.0 - fma(x, x, -square));
}

/* 2/√π · x · exp(-x²) · Σ (2x²)^n / (1·3·…·(2n+1)): all terms are positive, so nothing cancels. */
static double
erf_by_series(double x)
{
    double term = 1.0;
    double sum = 1.0;

    for (double odd = 3.0; term > sum * 0x1p-56; odd += 2.0) {
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    return TWO_OVER_SQRT_PI * x * sum * exp_of_square(x);
}

/* exp(-x²) / √π · 1/(x + ½/(x + 1/(x + 1½/(x + …)))), converged from FRACTION_FROM on. */
static double
erfc_by_fraction(double x)
{
    double below = x;

    for (int k = FRACTION_DEPTH; k > 0; k--)
        below = x + 0.5 * k / below;
    return INVERSE_SQRT_PI * exp_of_square(x) / below;
}

double
ddp_erf(double x)
{
    if (isnan(x))
        return (double)NAN;
    if (fabs(x) >= 6.0)
        return copysign(1.0, x);
    if (fabs(x) < FRACTION_FROM)
        return erf_by_series(x);
    return copysign(1.0 - erfc_by_fraction(fabs(x)), x);
}
