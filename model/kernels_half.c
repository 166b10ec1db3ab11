/* SPDX-License-Identifier: MIT */
#include "model/kernels.h"

#include <stdint.h>
#include <string.h>

/*
 * float32 to 16 bits and back, as base/dtype.h has it for one element, without branches so that
 * the loops vectorise: every case is computed and the right one chosen.
 */

static inline uint32_t
bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float
float_of(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Without a branch that would keep the arithmetic behind @yes out of a vector. */
static inline uint32_t
chosen(bool which, uint32_t yes, uint32_t no)
{
    uint32_t mask = 0u - (uint32_t)which;

    return (yes & mask) | (no & ~mask);
}

static void
f16_from_f32(size_t count, uint16_t *out, const float *in)
{
    DDP_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_of(in[i]);
        uint32_t sign = bits >> 16 & 0x8000u;
        uint32_t magnitude = bits & 0x7fffffffu;
        uint32_t normal = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
        /* Adding one half makes the FPU align and round the mantissa. */
        uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u;
        uint32_t nan = 0x7e00u | (magnitude >> 13 & 0x1ffu);
        uint32_t result = chosen(magnitude < 0x38800000u, subnormal, normal);

        result = chosen(magnitude >= 0x477ff000u, 0x7c00u, result); /* 65520 and above */
        result = chosen(magnitude > 0x7f800000u, nan, result);
        out[i] = (uint16_t)(sign | result);
    }
}

static void
f16_to_f32(size_t count, float *out, const uint16_t *in)
{
    DDP_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        uint32_t sign = (uint32_t)(in[i] & 0x8000u) << 16;
        uint32_t magnitude = in[i] & 0x7fffu;
        uint32_t subnormal = bits_of((float)(int32_t)magnitude * 0x1p-24f);
        uint32_t infinite = 0x7f800000u | (magnitude & 0x3ffu) << 13; /* or NaN */
        uint32_t result = (magnitude << 13) + 0x38000000u;

        result = chosen(magnitude < 0x400u, subnormal, result);
        result = chosen(magnitude >= 0x7c00u, infinite, result);
        out[i] = float_of(sign | result);
    }
}

static void
bf16_from_f32(size_t count, uint16_t *out, const float *in)
{
    DDP_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_of(in[i]);
        uint32_t nan = bits >> 16 | 0x40u;
        uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;

        out[i] = (uint16_t)chosen((bits & 0x7fffffffu) > 0x7f800000u, nan, rounded);
    }
}

static void
bf16_to_f32(size_t count, float *out, const uint16_t *in)
{
    DDP_INDEPENDENT
    for (size_t i = 0; i < count; i++)
        out[i] = float_of((uint32_t)in[i] << 16);
}

const DdpHalfKernels DDP_KERNEL_NAME(half) = {
    .f16_from_f32 = f16_from_f32,
    .f16_to_f32 = f16_to_f32,
    .bf16_from_f32 = bf16_from_f32,
    .bf16_to_f32 = bf16_to_f32,
};
