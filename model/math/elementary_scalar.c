/* SPDX-License-Identifier: MIT */
#include "model/math/kernels.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/*
 * The elementary functions of one number. On x86 this file is compiled twice, as gemm_scalar.c
 * is: without the instruction for a fused multiply-add, and with DDP_SCALAR_FMA.
 */

#ifdef DDP_SCALAR_FMA
#define ARRAY_TABLE ddp_array_fma
#define NUMBER_TABLE ddp_number_fma
#else
#define ARRAY_TABLE ddp_array_scalar
#define NUMBER_TABLE ddp_number_scalar
#endif

typedef float Float;
typedef uint32_t Uint;
typedef bool Mask;

#define LANES 1
#define splat(x) (x)
#define splat_bits(u) ((Uint)(u))
#define load(p) (*(p))
#define store(p, v) (*(p) = (v))
#define fma3(a, b, c) fmaf(a, b, c)
#define less(a, b) ((a) < (b))
#define is_nan(a) isnan(a)
#define either(a, b) ((a) || (b))
#define choose(mask, yes, no) ((mask) ? (yes) : (no))

static inline Uint
bits(Float v)
{
    Uint u;

    memcpy(&u, &v, sizeof u);
    return u;
}

static inline Float
number(Uint u)
{
    Float v;

    memcpy(&v, &u, sizeof v);
    return v;
}

#include "model/math/elementary_f32.h"

#include "model/math/elementary_f64.h"

const DdpArrayKernel ARRAY_TABLE = ARRAY_KERNEL;
const DdpNumberKernel NUMBER_TABLE = NUMBER_KERNEL;
