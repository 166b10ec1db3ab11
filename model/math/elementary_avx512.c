/* SPDX-License-Identifier: MIT */
#include "model/math/kernels.h"

#include <immintrin.h>
#include <stdint.h>

/* The elementary functions in 16 lanes. */

typedef __m512 Float;
typedef uint32_t Uint __attribute__((vector_size(64)));
typedef __mmask16 Mask;

#define LANES ((size_t)16)
#define splat(x) _mm512_set1_ps(x)
#define splat_bits(u) ((Uint)_mm512_set1_epi32((int)(u)))
#define load(p) _mm512_loadu_ps(p)
#define store(p, v) _mm512_storeu_ps(p, v)
#define fma3(a, b, c) _mm512_fmadd_ps(a, b, c)
#define bits(v) ((Uint)(v))
#define number(u) ((Float)(u))
#define less(a, b) _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ)
#define is_nan(a) _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q)
#define either(a, b) ((Mask)((a) | (b)))
#define choose(mask, yes, no) _mm512_mask_blend_ps(mask, no, yes)

#include "model/math/elementary_f32.h"

const DdpArrayKernel ddp_array_avx512 = ARRAY_KERNEL;
