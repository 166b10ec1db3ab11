/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * The element types of tensors and of the buffers that travel between ranks.
 *
 * Names are torch's ("float32", "bfloat16", ...). Half precision numbers are stored as the
 * 16 bits that hardware stores; conversions round to nearest, ties to even, as x86 F16C,
 * AVX-512 BF16 and CUDA do.
 */

typedef enum {
    DDP_DTYPE_F64,
    DDP_DTYPE_F32,
    DDP_DTYPE_F16,
    DDP_DTYPE_BF16,
    DDP_DTYPE_I64,
    DDP_DTYPE_I32,
    DDP_DTYPE_U8,
    DDP_DTYPE_BOOL, /* one byte, 0 or 1 */
} DdpDtype;

#define DDP_DTYPE_COUNT 8

/* Bytes of one element. */
size_t ddp_dtype_bytes(DdpDtype dtype);

/* torch's name without the module: "float32", "int64", ... Never NULL. */
const char *ddp_dtype_name(DdpDtype dtype);

/* Finds a dtype by its name; false if there is none. */
bool ddp_dtype_from_name(const char *name, DdpDtype *dtype);

/* True for f64, f32, f16 and bf16. */
bool ddp_dtype_is_float(DdpDtype dtype);

/* IEEE binary16 and bfloat16, round to nearest even; NaN stays NaN, overflow becomes infinity. */
uint16_t ddp_f16_from_f32(float value);
float ddp_f16_to_f32(uint16_t bits);
uint16_t ddp_bf16_from_f32(float value);
float ddp_bf16_to_f32(uint16_t bits);

G_END_DECLS
