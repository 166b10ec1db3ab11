/* SPDX-License-Identifier: MIT */
#include "model/kernels.h"

#include <math.h>
#include <string.h>

/*
 * Transformations of random bits, with the roundings of torch's AVX2 code: every product-sum
 * that is fused there is an fma here. log, sine and cosine are the single precision
 * polynomials of Moshier's Cephes library, which that code uses; model/math has better ones,
 * but other bits.
 */

#define NORMAL_BLOCK 16

static void
uniform_f32(size_t count, float *out, const uint32_t *draws, float low, float high)
{
    float range = high - low;

    DDP_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        float x = (float)(int32_t)(draws[i] & 0xffffffu) * 0x1p-24f;
        float value = fmaf(x, range, low);

        out[i] = value == high ? low : value;
    }
}

/* For 2^-126 <= x; x is 1 - u with u a multiple of 2^-24 below 1. */
static inline float
cephes_log(float x)
{
    int32_t bits;

    memcpy(&bits, &x, sizeof bits);

    float exponent = (float)((bits >> 23) - 127) + 1.0f;
    int32_t mantissa_bits = (bits & 0x7fffff) | 0x3f000000; /* in [0.5, 1) */
    float mantissa;

    memcpy(&mantissa, &mantissa_bits, sizeof mantissa);

    bool small = mantissa < 0.707106781186547524f;
    float doubled = small ? mantissa : 0.0f;

    mantissa -= 1.0f;
    exponent -= small ? 1.0f : 0.0f;
    mantissa += doubled;

    float square = mantissa * mantissa;
    float y = 7.0376836292e-2f;

    y = fmaf(y, mantissa, -1.1514610310e-1f);
    y = fmaf(y, mantissa, 1.1676998740e-1f);
    y = fmaf(y, mantissa, -1.2420140846e-1f);
    y = fmaf(y, mantissa, 1.4249322787e-1f);
    y = fmaf(y, mantissa, -1.6668057665e-1f);
    y = fmaf(y, mantissa, 2.0000714765e-1f);
    y = fmaf(y, mantissa, -2.4999993993e-1f);
    y = fmaf(y, mantissa, 3.3333331174e-1f);
    y *= mantissa;
    y = fmaf(y, square, exponent * -2.12194440e-4f);
    y = fmaf(-square, 0.5f, y);
    return fmaf(exponent, 0.693359375f, mantissa + y);
}

/* For x >= 0. */
static inline void
cephes_sincos(float x, float *sine, float *cosine)
{
    int32_t octant = ((int32_t)(x * 1.27323954473516f) + 1) & ~1;
    float y = (float)octant;
    float sine_sign = (octant & 4) != 0 ? -1.0f : 1.0f;
    float cosine_sign = (~(octant - 2) & 4) != 0 ? -1.0f : 1.0f;
    bool straight = (octant & 2) == 0;

    x = fmaf(y, -0.78515625f, x);
    x = fmaf(y, -2.4187564849853515625e-4f, x);
    x = fmaf(y, -3.77489497744594108e-8f, x);

    float square = x * x;
    float c = 2.443315711809948e-5f;

    c = fmaf(c, square, -1.388731625493765e-3f);
    c = fmaf(c, square, 4.166664568298827e-2f);
    c = c * square;
    c = fmaf(c, square, -(square * 0.5f));
    c = c + 1.0f;

    float s = -1.9515295891e-4f;

    s = fmaf(s, square, 8.3321608736e-3f);
    s = fmaf(s, square, -1.6666654611e-1f);
    s = s * square;
    s = fmaf(s, x, x);

    *sine = (straight ? s : c) * sine_sign;
    *cosine = (straight ? c : s) * cosine_sign;
}

static void
normal_block_f32(float *block, float mean, float std)
{
    DDP_INDEPENDENT
    for (int i = 0; i < NORMAL_BLOCK / 2; i++) {
        float radius = sqrtf(-2.0f * cephes_log(1.0f - block[i]));
        float sine, cosine;

        cephes_sincos(6.283185307179586f * block[i + NORMAL_BLOCK / 2], &sine, &cosine);
        block[i] = fmaf(radius * cosine, std, mean);
        block[i + NORMAL_BLOCK / 2] = fmaf(radius * sine, std, mean);
    }
}

const DdpRandomKernels DDP_KERNEL_NAME(random) = {
    .uniform_f32 = uniform_f32,
    .normal_block_f32 = normal_block_f32,
};
