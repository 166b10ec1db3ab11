/* SPDX-License-Identifier: MIT */
#include "model/optim_power.h"

#include <math.h>

#include "model/math/elementary.h"

/* ---- arithmetic of two doubles: about 100 bits --------------------------------------- */

static DdpTwofold
normalized(double high, double low)
{
    double sum = high + low;

    return (DdpTwofold){sum, low - (sum - high)};
}

static DdpTwofold
multiplied(DdpTwofold a, DdpTwofold b)
{
    double high = a.high * b.high;
    double low = fma(a.high, b.high, -high);

    return normalized(high, fma(a.high, b.low, fma(a.low, b.high, low)));
}

static DdpTwofold
added(DdpTwofold a, DdpTwofold b)
{
    double high = a.high + b.high;
    double part = high - a.high;
    double low = (a.high - (high - part)) + (b.high - part);

    return normalized(high, low + (a.low + b.low));
}

static DdpTwofold
divided(DdpTwofold a, double b)
{
    double high = a.high / b;
    double rest = fma(-high, b, a.high) + a.low;

    return normalized(high, rest / b);
}

/* ---- powers -------------------------------------------------------------------------- */

static DdpTwofold
raised(DdpTwofold x, uint64_t n)
{
    DdpTwofold result = {1.0, 0.0};

    for (; n > 0; n >>= 1) {
        if ((n & 1) != 0)
            result = multiplied(result, x);
        if (n > 1)
            x = multiplied(x, x);
    }
    return result;
}

double
ddp_power(DdpPower *power, double x, uint64_t n)
{
    uint64_t index = n / DDP_POWER_STRIDE;

    if (!power->filled || power->x != x) {
        power->x = x;
        power->small[0] = (DdpTwofold){1.0, 0.0};
        for (int i = 1; i < DDP_POWER_STRIDE; i++)
            power->small[i] = multiplied(power->small[i - 1], (DdpTwofold){x, 0.0});
        power->large = (DdpTwofold){1.0, 0.0};
        power->large_index = 0;
        power->filled = true;
    }
    if (power->large_index != index) {
        DdpTwofold stride = multiplied(power->small[DDP_POWER_STRIDE - 1], (DdpTwofold){x, 0.0});

        power->large = raised(stride, index);
        power->large_index = index;
    }
    return multiplied(power->large, power->small[n % DDP_POWER_STRIDE]).high;
}

double
ddp_power_of(double x, int64_t n)
{
    uint64_t magnitude = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    DdpTwofold result = raised((DdpTwofold){x, 0.0}, magnitude);

    if (!isfinite(result.high) || fabs(result.high) < 0x1p-900)
        return ddp_pow(x, (double)n); /* the low halves are not there any more */
    if (n >= 0)
        return result.high;

    double high = 1.0 / result.high;
    double rest = fma(-high, result.high, 1.0) - high * result.low;

    return high + rest / result.high;
}

/* ---- cosine -------------------------------------------------------------------------- */

/* π / 2 as three doubles, each with the bits behind the one before. */
#define HALF_PI_1 0x1.921fb54442d18p+0
#define HALF_PI_2 0x1.1a62633145c07p-54
#define HALF_PI_3 -0x1.f1976b7ed8fbcp-110

/* x less @n quarter turns, in ±π/4. */
static DdpTwofold
reduced(double x, double n)
{
    double product = n * HALF_PI_1;
    DdpTwofold first = {product, fma(n, HALF_PI_1, -product)};
    double second = n * HALF_PI_2;
    DdpTwofold rest = {second, fma(n, HALF_PI_2, -second) + n * HALF_PI_3};
    DdpTwofold minus_first = {-first.high, -first.low};
    DdpTwofold minus_rest = {-rest.high, -rest.low};

    return added(added((DdpTwofold){x, 0.0}, minus_first), minus_rest);
}

/* Taylor's series: 1 - r²/2! + r⁴/4! …, or r - r³/3! + r⁵/5! …, the smallest terms first. */
static DdpTwofold
series(DdpTwofold r, bool sine)
{
    DdpTwofold square = multiplied(r, r);
    DdpTwofold minus = {-square.high, -square.low};
    DdpTwofold sum = {1.0, 0.0};
    int first = sine ? 1 : 0;

    /* sum = 1 - r²/(k(k+1))·(1 - …), from the innermost bracket outwards. */
    for (int k = first + 25; k > first; k -= 2) {
        DdpTwofold term = divided(multiplied(minus, sum), (double)(k * (k + 1)));

        sum = added((DdpTwofold){1.0, 0.0}, term);
    }
    return sine ? multiplied(r, sum) : sum;
}

double
ddp_cosine(double x)
{
    if (!(fabs(x) <= 1e6))
        return ddp_cos(x);

    double turns = nearbyint(x * 0x1.45f306dc9c883p-1); /* 2 / π */
    int64_t quarter = (int64_t)turns & 3;
    double value = series(reduced(x, turns), (quarter & 1) != 0).high;

    return quarter == 1 || quarter == 2 ? -value : value;
}
