/* SPDX-License-Identifier: MIT */
#include "model/math/kernels.h"

#include <immintrin.h>
#include <stdint.h>

/* The elementary functions in 8 lanes. */

typedef __m256 Float;
typedef uint32_t Uint __attribute__((vector_size(32)));
typedef __m256 Mask;

#define LANES ((size_t)8)
#define splat(x) _mm256_set1_ps(x)
#define splat_bits(u) ((Uint)_mm256_set1_epi32((int)(u)))
#define load(p) _mm256_loadu_ps(p)
#define store(p, v) _mm256_storeu_ps(p, v)
#define fma3(a, b, c) _mm256_fmadd_ps(a, b, c)
#define bits(v) ((Uint)(v))
#define number(u) ((Float)(u))
#define less(a, b) _mm256_cmp_ps(a, b, _CMP_LT_OQ)
#define is_nan(a) _mm256_cmp_ps(a, a, _CMP_UNORD_Q)
#define either(a, b) _mm256_or_ps(a, b)
#define choose(mask, yes, no) _mm256_blendv_ps(no, yes, mask)

#include "model/math/elementary_f32.h"

const DdpArrayKernel ddp_array_avx2 = ARRAY_KERNEL;
