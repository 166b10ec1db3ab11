/* SPDX-License-Identifier: MIT */
#include "base/dtype.h"

#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
    bool is_float;
} dtypes[DDP_DTYPE_COUNT] = {
    [DDP_DTYPE_F64] = {"float64", 8, true}, [DDP_DTYPE_F32] = {"float32", 4, true},
    [DDP_DTYPE_F16] = {"float16", 2, true}, [DDP_DTYPE_BF16] = {"bfloat16", 2, true},
    [DDP_DTYPE_I64] = {"int64", 8, false},  [DDP_DTYPE_I32] = {"int32", 4, false},
    [DDP_DTYPE_U8] = {"uint8", 1, false},   [DDP_DTYPE_BOOL] = {"bool", 1, false},
};

size_t
ddp_dtype_bytes(DdpDtype dtype)
{
    return dtypes[dtype].bytes;
}

const char *
ddp_dtype_name(DdpDtype dtype)
{
    return dtypes[dtype].name;
}

bool
ddp_dtype_from_name(const char *name, DdpDtype *dtype)
{
    for (int i = 0; i < DDP_DTYPE_COUNT; i++) {
        if (strcmp(dtypes[i].name, name) == 0) {
            *dtype = (DdpDtype)i;
            return true;
        }
    }
    return false;
}

bool
ddp_dtype_is_float(DdpDtype dtype)
{
    return dtypes[dtype].is_float;
}

static uint32_t
bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float
float_of(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t
ddp_f16_from_f32(float value)
{
    uint32_t bits = bits_of(value);
    uint16_t sign = (uint16_t)((bits >> 16) & 0x8000u);
    uint32_t magnitude = bits & 0x7fffffffu;

    if (magnitude > 0x7f800000u) /* NaN: quiet, the top bits of its payload kept */
        return (uint16_t)(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));
    if (magnitude >= 0x477ff000u) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) {
        /* Subnormal: adding one half makes the FPU align and round the mantissa for us. */
        uint32_t aligned = bits_of(float_of(magnitude) + 0.5f);

        return (uint16_t)(sign | (aligned - 0x3f000000u));
    }

    uint32_t odd = (magnitude >> 13) & 1u;
    uint32_t rounded = magnitude - 0x38000000u + 0xfffu + odd;

    return (uint16_t)(sign | (rounded >> 13));
}

float
ddp_f16_to_f32(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000u) << 16;
    uint32_t magnitude = bits & 0x7fffu;

    if (magnitude >= 0x7c00u)
        return float_of(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
    if (magnitude < 0x400u) {
        /* Subnormal: its value is an integer times 2^-24, exactly representable in float. */
        float value = (float)magnitude * 0x1p-24f;

        return sign != 0 ? -value : value;
    }
    return float_of(sign | ((magnitude << 13) + 0x38000000u));
}

uint16_t
ddp_bf16_from_f32(float value)
{
    uint32_t bits = bits_of(value);

    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((bits >> 16) | 0x40u);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float
ddp_bf16_to_f32(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}
