/* SPDX-License-Identifier: MIT */
#include "model/kernels.h"

#include <string.h>

/*
 * Sums in the order that model/ops.h promises.
 *
 * A lane of a block is an element of a vector, so the order is written down in the type and no
 * compiler may change it; where the CPU has no vector that wide, the compiler splits it up.
 */

#define LANES 16u
#define RUN_BLOCK 2048u
#define ROW_BLOCK 64u
#define COLUMN_CHUNK 64u

/* Of @count blocks the first so many are added apart: the largest power of two below @count. */
static size_t
blocks_left(size_t count)
{
    return (size_t)1 << (63u - (unsigned)__builtin_clzll((unsigned long long)(count - 1)));
}

#define SUMS(type)                                                                                 \
    typedef type type##_lanes __attribute__((vector_size(LANES * sizeof(type))));                  \
                                                                                                   \
    static type sum_block_##type(size_t count, const type *x)                                      \
    {                                                                                              \
        type##_lanes sums = {0};                                                                   \
        type lane[LANES];                                                                          \
        size_t i = 0;                                                                              \
                                                                                                   \
        for (; i + LANES <= count; i += LANES) {                                                   \
            type##_lanes next;                                                                     \
                                                                                                   \
            memcpy(&next, x + i, sizeof next);                                                     \
            sums += next;                                                                          \
        }                                                                                          \
        memcpy(lane, &sums, sizeof lane);                                                          \
        for (size_t l = 0; i + l < count; l++)                                                     \
            lane[l] += x[i + l];                                                                   \
        for (size_t half = LANES / 2; half > 0; half /= 2) {                                       \
            for (size_t l = 0; l < half; l++)                                                      \
                lane[l] += lane[l + half];                                                         \
        }                                                                                          \
        return lane[0];                                                                            \
    }                                                                                              \
                                                                                                   \
    static type sum_##type(size_t count, const type *x)                                            \
    {                                                                                              \
        if (count <= RUN_BLOCK)                                                                    \
            return sum_block_##type(count, x);                                                     \
                                                                                                   \
        size_t left = blocks_left((count + RUN_BLOCK - 1) / RUN_BLOCK) * RUN_BLOCK;                \
                                                                                                   \
        return sum_##type(left, x) + sum_##type(count - left, x + left);                           \
    }                                                                                              \
                                                                                                   \
    static void sum_chunk_##type(size_t rows, size_t stride, size_t width, const type *x,          \
                                 type *out)                                                        \
    {                                                                                              \
        if (rows <= ROW_BLOCK) {                                                                   \
            for (size_t j = 0; j < width; j++)                                                     \
                out[j] = 0;                                                                        \
            for (size_t i = 0; i < rows; i++) {                                                    \
                const type *row = x + i * stride;                                                  \
                                                                                                   \
                DDP_INDEPENDENT                                                                    \
                for (size_t j = 0; j < width; j++)                                                 \
                    out[j] += row[j];                                                              \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
                                                                                                   \
        size_t left = blocks_left((rows + ROW_BLOCK - 1) / ROW_BLOCK) * ROW_BLOCK;                 \
        type rest[COLUMN_CHUNK];                                                                   \
                                                                                                   \
        sum_chunk_##type(left, stride, width, x, out);                                             \
        sum_chunk_##type(rows - left, stride, width, x + left * stride, rest);                     \
        for (size_t j = 0; j < width; j++)                                                         \
            out[j] += rest[j];                                                                     \
    }                                                                                              \
                                                                                                   \
    static void sum_rows_##type(size_t rows, size_t columns, const type *x, type *out)             \
    {                                                                                              \
        for (size_t j = 0; j < columns; j += COLUMN_CHUNK)                                         \
            sum_chunk_##type(rows, columns, MIN(COLUMN_CHUNK, columns - j), x + j, out + j);       \
    }

SUMS(float)
SUMS(double)

const DdpReduceKernels DDP_KERNEL_NAME(reduce) = {
    .sum_f32 = sum_float,
    .sum_f64 = sum_double,
    .sum_rows_f32 = sum_rows_float,
    .sum_rows_f64 = sum_rows_double,
};
