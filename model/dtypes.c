/* SPDX-License-Identifier: MIT */
#include "model/dtypes.h"

#include <string.h>

#include "model/internal.h"
#include "model/kernels.h"

/* ---- promotion ----------------------------------------------------------------------- */

DdpDtype
ddp_dtype_promote(DdpDtype a, DdpDtype b)
{
    if (a == b)
        return a;
    if (dtype_is_half(a) && dtype_is_half(b))
        return DDP_DTYPE_F32;
    /* The enum lists the dtypes so that the wider one comes first. */
    return MIN(a, b);
}

DdpResultType
ddp_result_type_none(void)
{
    return (DdpResultType){.with_dims = -1, .without_dims = -1, .number = -1};
}

static int
promote_with_none(int a, int b)
{
    if (a < 0)
        return b;
    if (b < 0)
        return a;
    return (int)ddp_dtype_promote((DdpDtype)a, (DdpDtype)b);
}

void
ddp_result_type_add_tensor(DdpResultType *type, const DdpTensor *tensor)
{
    int *slot = tensor->ndim > 0 ? &type->with_dims : &type->without_dims;

    *slot = promote_with_none(*slot, tensor->dtype);
}

void
ddp_result_type_add_number(DdpResultType *type, DdpNumber number)
{
    static const DdpDtype dtypes[] = {
        [DDP_NUMBER_BOOL] = DDP_DTYPE_BOOL,
        [DDP_NUMBER_INT] = DDP_DTYPE_I64,
        [DDP_NUMBER_FLOAT] = DDP_DTYPE_F32,
    };

    type->number = promote_with_none(type->number, (int)dtypes[number.kind]);
}

/* The lower rank decides only when its kind is higher. */
static int
combine(int higher, int lower)
{
    if (higher < 0)
        return lower;
    if (lower < 0 || ddp_dtype_is_float((DdpDtype)higher))
        return higher;
    if (higher == DDP_DTYPE_BOOL || ddp_dtype_is_float((DdpDtype)lower))
        return promote_with_none(higher, lower);
    return higher;
}

DdpDtype
ddp_result_type_get(const DdpResultType *type)
{
    int result = combine(type->with_dims, combine(type->without_dims, type->number));

    g_assert(result >= 0);
    return (DdpDtype)result;
}

bool
ddp_dtype_can_cast(DdpDtype from, DdpDtype to)
{
    if (ddp_dtype_is_float(from))
        return ddp_dtype_is_float(to);
    return from == DDP_DTYPE_BOOL || to != DDP_DTYPE_BOOL;
}

/* ---- conversion ---------------------------------------------------------------------- */

static inline int64_t
int64_of_double(double x)
{
    return x > -0x1p63 && x < 0x1p63 ? (int64_t)x : INT64_MIN;
}

static inline int32_t
int32_of_double(double x)
{
    return x > -0x1p31 - 1.0 && x < 0x1p31 ? (int32_t)x : INT32_MIN;
}

/* (uint64_t) first: conversion of an unsigned number to a narrower signed one wraps. */
#define TO_DOUBLE(x) ((double)(x))
#define TO_FLOAT(x) ((float)(x))
#define INT_TO_I64(x) ((int64_t)(x))
#define INT_TO_I32(x) ((int32_t)(uint32_t)(uint64_t)(x))
#define INT_TO_U8(x) ((uint8_t)(uint64_t)(x))
#define FLOAT_TO_I64(x) int64_of_double((double)(x))
#define FLOAT_TO_I32(x) int32_of_double((double)(x))
#define FLOAT_TO_U8(x) INT_TO_U8(int64_of_double((double)(x)))
#define TO_BOOL(x) ((uint8_t)((x) != 0))

#define CONVERT(type, expression)                                                                  \
    do {                                                                                           \
        type *to_elements = out;                                                                   \
        for (size_t i = 0; i < count; i++)                                                         \
            to_elements[i] = expression(from_elements[i]);                                         \
    } while (0)

#define CONVERT_FROM(name, type, to_i64, to_i32, to_u8)                                            \
    static void convert_from_##name(size_t count, void *out, DdpDtype to, const void *in)          \
    {                                                                                              \
        const type *from_elements = in;                                                            \
                                                                                                   \
        switch (to) {                                                                              \
        case DDP_DTYPE_F64:                                                                        \
            CONVERT(double, TO_DOUBLE);                                                            \
            return;                                                                                \
        case DDP_DTYPE_F32:                                                                        \
            CONVERT(float, TO_FLOAT);                                                              \
            return;                                                                                \
        case DDP_DTYPE_I64:                                                                        \
            CONVERT(int64_t, to_i64);                                                              \
            return;                                                                                \
        case DDP_DTYPE_I32:                                                                        \
            CONVERT(int32_t, to_i32);                                                              \
            return;                                                                                \
        case DDP_DTYPE_U8:                                                                         \
            CONVERT(uint8_t, to_u8);                                                               \
            return;                                                                                \
        case DDP_DTYPE_BOOL:                                                                       \
            CONVERT(uint8_t, TO_BOOL);                                                             \
            return;                                                                                \
        case DDP_DTYPE_F16:                                                                        \
        case DDP_DTYPE_BF16:                                                                       \
            break; /* through float32, by the caller */                                            \
        }                                                                                          \
        g_assert_not_reached();                                                                    \
    }

CONVERT_FROM(f64, double, FLOAT_TO_I64, FLOAT_TO_I32, FLOAT_TO_U8)
CONVERT_FROM(f32, float, FLOAT_TO_I64, FLOAT_TO_I32, FLOAT_TO_U8)
CONVERT_FROM(i64, int64_t, INT_TO_I64, INT_TO_I32, INT_TO_U8)
CONVERT_FROM(i32, int32_t, INT_TO_I64, INT_TO_I32, INT_TO_U8)
CONVERT_FROM(u8, uint8_t, INT_TO_I64, INT_TO_I32, INT_TO_U8)

static void
convert_wide(size_t count, void *out, DdpDtype to, const void *in, DdpDtype from)
{
    switch (from) {
    case DDP_DTYPE_F64:
        convert_from_f64(count, out, to, in);
        return;
    case DDP_DTYPE_F32:
        convert_from_f32(count, out, to, in);
        return;
    case DDP_DTYPE_I64:
        convert_from_i64(count, out, to, in);
        return;
    case DDP_DTYPE_I32:
        convert_from_i32(count, out, to, in);
        return;
    case DDP_DTYPE_U8:
    case DDP_DTYPE_BOOL:
        convert_from_u8(count, out, to, in);
        return;
    case DDP_DTYPE_F16:
    case DDP_DTYPE_BF16:
        break;
    }
    g_assert_not_reached();
}

static void
halves_to_floats(size_t count, float *out, const uint16_t *in, DdpDtype from)
{
    const DdpHalfKernels *kernels = ddp_kernels()->half;

    if (from == DDP_DTYPE_F16)
        kernels->f16_to_f32(count, out, in);
    else
        kernels->bf16_to_f32(count, out, in);
}

static void
floats_to_halves(size_t count, uint16_t *out, const float *in, DdpDtype to)
{
    const DdpHalfKernels *kernels = ddp_kernels()->half;

    if (to == DDP_DTYPE_F16)
        kernels->f16_from_f32(count, out, in);
    else
        kernels->bf16_from_f32(count, out, in);
}

void
ddp_convert(size_t count, void *out, DdpDtype to, const void *in, DdpDtype from)
{
    if (count == 0)
        return;
    if (to == from) {
        if (out != in)
            memcpy(out, in, count * ddp_dtype_bytes(to));
        return;
    }
    if (!dtype_is_half(to) && !dtype_is_half(from)) {
        convert_wide(count, out, to, in, from);
        return;
    }
    if (from == DDP_DTYPE_F32) {
        floats_to_halves(count, out, in, to);
        return;
    }
    if (to == DDP_DTYPE_F32) {
        halves_to_floats(count, out, in, from);
        return;
    }

    float chunk[256];
    const char *source = in;
    char *target = out;

    for (size_t done = 0; done < count; done += G_N_ELEMENTS(chunk)) {
        size_t n = MIN(G_N_ELEMENTS(chunk), count - done);
        const void *part = source + done * ddp_dtype_bytes(from);
        void *result = target + done * ddp_dtype_bytes(to);

        if (dtype_is_half(from))
            halves_to_floats(n, chunk, part, from);
        else
            convert_wide(n, chunk, DDP_DTYPE_F32, part, from);
        if (dtype_is_half(to))
            floats_to_halves(n, result, chunk, to);
        else
            convert_wide(n, result, to, chunk, DDP_DTYPE_F32);
    }
}

void
ddp_number_store(DdpNumber number, DdpDtype dtype, void *out)
{
    if (number.kind == DDP_NUMBER_FLOAT)
        ddp_convert(1, out, dtype, &number.f, DDP_DTYPE_F64);
    else
        ddp_convert(1, out, dtype, &number.i, DDP_DTYPE_I64);
}
