/* SPDX-License-Identifier: MIT */
#include "model/math/kernels.h"

#include <immintrin.h>

/* The matrix product in 8 lanes. 16 registers: a tile of 4 x 24, 6 x 16 or 12 x 8. */

typedef __m256 Vector;
typedef __m256i Lanes;

#define LANES ((size_t)8)
#define VECS_MAX 3
#define EACH_TILE(DO) TILES_UP_TO_12(DO, 1) TILES_UP_TO_6(DO, 2) TILES_UP_TO_4(DO, 3)

static const unsigned rows_max[] = {0, 12, 6, 4};

#define v_zero() _mm256_setzero_ps()
#define v_load(p) _mm256_loadu_ps(p)
#define v_store(p, v) _mm256_storeu_ps(p, v)
#define v_splat(x) _mm256_set1_ps(x)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_load_lanes(p, lanes) _mm256_maskload_ps(p, lanes)
#define v_store_lanes(p, lanes, v) _mm256_maskstore_ps(p, lanes, v)

static Lanes
lanes_first(unsigned count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

#include "model/math/gemm_tile.h"

/* Four numbers of row @low in the lower half, of row @high in the upper. */
static inline Vector
load_halves(const float *low, const float *high)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
}

/* Eight rows of b by four columns become four rows of the packed panel. */
static inline void
transpose_8x4(float *packed, size_t packed_row, const float *b, size_t b_row)
{
    Vector r04 = load_halves(b, b + 4 * b_row);
    Vector r15 = load_halves(b + b_row, b + 5 * b_row);
    Vector r26 = load_halves(b + 2 * b_row, b + 6 * b_row);
    Vector r37 = load_halves(b + 3 * b_row, b + 7 * b_row);
    Vector low01 = _mm256_unpacklo_ps(r04, r15);
    Vector high01 = _mm256_unpackhi_ps(r04, r15);
    Vector low23 = _mm256_unpacklo_ps(r26, r37);
    Vector high23 = _mm256_unpackhi_ps(r26, r37);

    v_store(packed, _mm256_shuffle_ps(low01, low23, 0x44));
    v_store(packed + packed_row, _mm256_shuffle_ps(low01, low23, 0xee));
    v_store(packed + 2 * packed_row, _mm256_shuffle_ps(high01, high23, 0x44));
    v_store(packed + 3 * packed_row, _mm256_shuffle_ps(high01, high23, 0xee));
}

static void
transpose(float *packed, const float *b, size_t b_row, size_t cols, size_t depth)
{
    const size_t packed_row = (cols + LANES - 1) / LANES * LANES;

    for (size_t j = 0; j < packed_row; j += LANES) {
        size_t filled = cols - j < LANES ? cols - j : LANES;
        size_t l = 0;

        if (filled == LANES) {
            for (; l + 4 <= depth; l += 4)
                transpose_8x4(packed + l * packed_row + j, packed_row, b + j * b_row + l, b_row);
        }
        for (; l < depth; l++) {
            for (size_t lane = 0; lane < LANES; lane++)
                packed[l * packed_row + j + lane] = lane < filled ? b[(j + lane) * b_row + l] : 0;
        }
    }
}

const DdpGemmKernel ddp_gemm_avx2 = {
    .lanes = LANES,
    .cols_max = VECS_MAX * LANES,
    .depth_max = 256,
    .panel = run_panel,
    .transpose = transpose,
};
