/* SPDX-License-Identifier: MIT */
#include "model/math/kernels.h"

#include <immintrin.h>

/* The matrix product in 16 lanes. 32 registers: a tile of 6 x 64, 9 x 48, 14 x 32 or 14 x 16. */

typedef __m512 Vector;
typedef __mmask16 Lanes;

#define LANES ((size_t)16)
#define VECS_MAX 4
#define EACH_TILE(DO)                                                                              \
    TILES_UP_TO_14(DO, 1) TILES_UP_TO_14(DO, 2) TILES_UP_TO_9(DO, 3) TILES_UP_TO_6(DO, 4)

static const unsigned rows_max[] = {0, 14, 14, 9, 6};

#define v_zero() _mm512_setzero_ps()
#define v_load(p) _mm512_loadu_ps(p)
#define v_store(p, v) _mm512_storeu_ps(p, v)
#define v_splat(x) _mm512_set1_ps(x)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_load_lanes(p, lanes) _mm512_maskz_loadu_ps(lanes, p)
#define v_store_lanes(p, lanes, v) _mm512_mask_storeu_ps(p, lanes, v)

static Lanes
lanes_first(unsigned count)
{
    return (Lanes)((1U << count) - 1);
}

#include "model/math/gemm_tile.h"

/*
 * Four numbers of each of the rows first, first + 4, first + 8 and first + 12, a row per
 * quarter of the vector; rows from @filled on are 0.
 */
static inline Vector
load_quarters(const float *b, size_t b_row, size_t first, size_t filled)
{
    Vector v = v_zero();

    if (first < filled)
        v = _mm512_insertf32x4(v, _mm_loadu_ps(b + first * b_row), 0);
    if (first + 4 < filled)
        v = _mm512_insertf32x4(v, _mm_loadu_ps(b + (first + 4) * b_row), 1);
    if (first + 8 < filled)
        v = _mm512_insertf32x4(v, _mm_loadu_ps(b + (first + 8) * b_row), 2);
    if (first + 12 < filled)
        v = _mm512_insertf32x4(v, _mm_loadu_ps(b + (first + 12) * b_row), 3);
    return v;
}

/* Sixteen rows of b by four columns become four rows of the packed panel. */
static inline void
transpose_16x4(float *packed, size_t packed_row, const float *b, size_t b_row, size_t filled)
{
    Vector r0 = load_quarters(b, b_row, 0, filled);
    Vector r1 = load_quarters(b, b_row, 1, filled);
    Vector r2 = load_quarters(b, b_row, 2, filled);
    Vector r3 = load_quarters(b, b_row, 3, filled);
    Vector low01 = _mm512_unpacklo_ps(r0, r1);
    Vector high01 = _mm512_unpackhi_ps(r0, r1);
    Vector low23 = _mm512_unpacklo_ps(r2, r3);
    Vector high23 = _mm512_unpackhi_ps(r2, r3);

    v_store(packed, _mm512_shuffle_ps(low01, low23, 0x44));
    v_store(packed + packed_row, _mm512_shuffle_ps(low01, low23, 0xee));
    v_store(packed + 2 * packed_row, _mm512_shuffle_ps(high01, high23, 0x44));
    v_store(packed + 3 * packed_row, _mm512_shuffle_ps(high01, high23, 0xee));
}

static void
transpose(float *packed, const float *b, size_t b_row, size_t cols, size_t depth)
{
    const size_t packed_row = (cols + LANES - 1) / LANES * LANES;

    for (size_t j = 0; j < cols; j += LANES) {
        size_t filled = cols - j < LANES ? cols - j : LANES;
        const float *from = b + j * b_row;
        size_t l = 0;

        if (filled == LANES) {
            for (; l + 4 <= depth; l += 4)
                transpose_16x4(packed + l * packed_row + j, packed_row, from + l, b_row, LANES);
        } else {
            for (; l + 4 <= depth; l += 4)
                transpose_16x4(packed + l * packed_row + j, packed_row, from + l, b_row, filled);
        }
        for (; l < depth; l++) {
            for (size_t lane = 0; lane < LANES; lane++)
                packed[l * packed_row + j + lane] = lane < filled ? from[lane * b_row + l] : 0;
        }
    }
}

const DdpGemmKernel ddp_gemm_avx512 = {
    .lanes = LANES,
    .cols_max = VECS_MAX * LANES,
    .depth_max = 128,
    .panel = run_panel,
    .transpose = transpose,
};
