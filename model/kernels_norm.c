/* SPDX-License-Identifier: MIT */
#include "model/kernels.h"

#include <string.h>

/*
 * Sums and elementwise loops of the normalisations. Sums have the order that model/ops.h promises
 * for a run of neighbours and for rows; kernels_reduce.c says how that is kept.
 *
 * The elementwise loops come in two forms: over a run that has one mean and one scale, and over
 * rows whose columns have each their own.
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

#define FOLD_LANES(lane)                                                                           \
    for (size_t half = LANES / 2; half > 0; half /= 2) {                                           \
        for (size_t l = 0; l < half; l++)                                                          \
            (lane)[l] += (lane)[l + half];                                                         \
    }

/* ---- sums over a run ----------------------------------------------------------------- */

#define RUN_SUMS(type)                                                                             \
    typedef type type##_lanes __attribute__((vector_size(LANES * sizeof(type))));                  \
                                                                                                   \
    static type squares_block_##type(size_t count, const type *x, type mean)                       \
    {                                                                                              \
        type##_lanes means = mean - (type##_lanes){0};                                             \
        type##_lanes sums = {0};                                                                   \
        type lane[LANES];                                                                          \
        size_t i = 0;                                                                              \
                                                                                                   \
        for (; i + LANES <= count; i += LANES) {                                                   \
            type##_lanes next;                                                                     \
                                                                                                   \
            memcpy(&next, x + i, sizeof next);                                                     \
            next -= means;                                                                         \
            sums += next * next;                                                                   \
        }                                                                                          \
        memcpy(lane, &sums, sizeof lane);                                                          \
        for (size_t l = 0; i + l < count; l++) {                                                   \
            type centred = x[i + l] - mean;                                                        \
                                                                                                   \
            lane[l] += centred * centred;                                                          \
        }                                                                                          \
        FOLD_LANES(lane)                                                                           \
        return lane[0];                                                                            \
    }                                                                                              \
                                                                                                   \
    static type squares_##type(size_t count, const type *x, type mean)                             \
    {                                                                                              \
        if (count <= RUN_BLOCK)                                                                    \
            return squares_block_##type(count, x, mean);                                           \
                                                                                                   \
        size_t left = blocks_left((count + RUN_BLOCK - 1) / RUN_BLOCK) * RUN_BLOCK;                \
                                                                                                   \
        return squares_##type(left, x, mean) + squares_##type(count - left, x + left, mean);       \
    }                                                                                              \
                                                                                                   \
    static void products_block_##type(size_t count, const type *dy, const type *x, type mean,      \
                                      type *sum, type *product)                                    \
    {                                                                                              \
        type##_lanes means = mean - (type##_lanes){0};                                             \
        type##_lanes sums = {0}, products = {0};                                                   \
        type lane[LANES], product_lane[LANES];                                                     \
        size_t i = 0;                                                                              \
                                                                                                   \
        for (; i + LANES <= count; i += LANES) {                                                   \
            type##_lanes next, next_x;                                                             \
                                                                                                   \
            memcpy(&next, dy + i, sizeof next);                                                    \
            memcpy(&next_x, x + i, sizeof next_x);                                                 \
            sums += next;                                                                          \
            products += next * (next_x - means);                                                   \
        }                                                                                          \
        memcpy(lane, &sums, sizeof lane);                                                          \
        memcpy(product_lane, &products, sizeof product_lane);                                      \
        for (size_t l = 0; i + l < count; l++) {                                                   \
            lane[l] += dy[i + l];                                                                  \
            product_lane[l] += dy[i + l] * (x[i + l] - mean);                                      \
        }                                                                                          \
        FOLD_LANES(lane)                                                                           \
        FOLD_LANES(product_lane)                                                                   \
        *sum = lane[0];                                                                            \
        *product = product_lane[0];                                                                \
    }                                                                                              \
                                                                                                   \
    static void products_##type(size_t count, const type *dy, const type *x, type mean, type *sum, \
                                type *product)                                                     \
    {                                                                                              \
        if (count <= RUN_BLOCK) {                                                                  \
            products_block_##type(count, dy, x, mean, sum, product);                               \
            return;                                                                                \
        }                                                                                          \
                                                                                                   \
        size_t left = blocks_left((count + RUN_BLOCK - 1) / RUN_BLOCK) * RUN_BLOCK;                \
        type rest, rest_product;                                                                   \
                                                                                                   \
        products_##type(left, dy, x, mean, sum, product);                                          \
        products_##type(count - left, dy + left, x + left, mean, &rest, &rest_product);            \
        *sum += rest;                                                                              \
        *product += rest_product;                                                                  \
    }

RUN_SUMS(float)
RUN_SUMS(double)

/* ---- sums over rows ------------------------------------------------------------------ */

#define ROW_SUMS(type)                                                                             \
    static void squares_chunk_##type(size_t rows, size_t stride, size_t width, const type *x,      \
                                     const type *mean, type *out)                                  \
    {                                                                                              \
        if (rows <= ROW_BLOCK) {                                                                   \
            for (size_t j = 0; j < width; j++)                                                     \
                out[j] = 0;                                                                        \
            for (size_t i = 0; i < rows; i++) {                                                    \
                const type *row = x + i * stride;                                                  \
                                                                                                   \
                DDP_INDEPENDENT                                                                    \
                for (size_t j = 0; j < width; j++) {                                               \
                    type centred = row[j] - mean[j];                                               \
                    out[j] += centred * centred;                                                   \
                }                                                                                  \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
                                                                                                   \
        size_t left = blocks_left((rows + ROW_BLOCK - 1) / ROW_BLOCK) * ROW_BLOCK;                 \
        type rest[COLUMN_CHUNK];                                                                   \
                                                                                                   \
        squares_chunk_##type(left, stride, width, x, mean, out);                                   \
        squares_chunk_##type(rows - left, stride, width, x + left * stride, mean, rest);           \
        for (size_t j = 0; j < width; j++)                                                         \
            out[j] += rest[j];                                                                     \
    }                                                                                              \
                                                                                                   \
    static void squares_rows_##type(size_t rows, size_t columns, const type *x, const type *mean,  \
                                    type *out)                                                     \
    {                                                                                              \
        for (size_t j = 0; j < columns; j += COLUMN_CHUNK) {                                       \
            size_t width = columns - j < COLUMN_CHUNK ? columns - j : COLUMN_CHUNK;                \
                                                                                                   \
            squares_chunk_##type(rows, columns, width, x + j, mean + j, out + j);                  \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void products_chunk_##type(size_t rows, size_t stride, size_t width, const type *dy,    \
                                      const type *x, const type *mean, type *sum, type *product)   \
    {                                                                                              \
        if (rows <= ROW_BLOCK) {                                                                   \
            for (size_t j = 0; j < width; j++)                                                     \
                sum[j] = product[j] = 0;                                                           \
            for (size_t i = 0; i < rows; i++) {                                                    \
                const type *row = dy + i * stride;                                                 \
                const type *x_row = x + i * stride;                                                \
                                                                                                   \
                DDP_INDEPENDENT                                                                    \
                for (size_t j = 0; j < width; j++) {                                               \
                    sum[j] += row[j];                                                              \
                    product[j] += row[j] * (x_row[j] - mean[j]);                                   \
                }                                                                                  \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
                                                                                                   \
        size_t left = blocks_left((rows + ROW_BLOCK - 1) / ROW_BLOCK) * ROW_BLOCK;                 \
        size_t skipped = left * stride;                                                            \
        type rest[COLUMN_CHUNK], rest_product[COLUMN_CHUNK];                                       \
                                                                                                   \
        products_chunk_##type(left, stride, width, dy, x, mean, sum, product);                     \
        products_chunk_##type(rows - left, stride, width, dy + skipped, x + skipped, mean, rest,   \
                              rest_product);                                                       \
        for (size_t j = 0; j < width; j++) {                                                       \
            sum[j] += rest[j];                                                                     \
            product[j] += rest_product[j];                                                         \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void products_rows_##type(size_t rows, size_t columns, const type *dy, const type *x,   \
                                     const type *mean, type *sum, type *product)                   \
    {                                                                                              \
        for (size_t j = 0; j < columns; j += COLUMN_CHUNK) {                                       \
            size_t width = columns - j < COLUMN_CHUNK ? columns - j : COLUMN_CHUNK;                \
                                                                                                   \
            products_chunk_##type(rows, columns, width, dy + j, x + j, mean + j, sum + j,          \
                                  product + j);                                                    \
        }                                                                                          \
    }

ROW_SUMS(float)
ROW_SUMS(double)

/* ---- elementwise --------------------------------------------------------------------- */

#define ELEMENTWISE(type)                                                                          \
    static void apply_##type(size_t count, type *out, const type *x, type mean, type scale,        \
                             type shift)                                                           \
    {                                                                                              \
        DDP_INDEPENDENT                                                                            \
        for (size_t i = 0; i < count; i++)                                                         \
            out[i] = (x[i] - mean) * scale + shift;                                                \
    }                                                                                              \
                                                                                                   \
    static void apply_rows_##type(size_t rows, size_t columns, type *out, const type *x,           \
                                  const type *mean, const type *scale, const type *shift)          \
    {                                                                                              \
        for (size_t i = 0; i < rows * columns; i += columns) {                                     \
            DDP_INDEPENDENT                                                                        \
            for (size_t j = 0; j < columns; j++)                                                   \
                out[i + j] = (x[i + j] - mean[j]) * scale[j] + shift[j];                           \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void grad_##type(size_t count, type *out, const type *dy, const type *x, type mean,     \
                            type base, type slope, type scale)                                     \
    {                                                                                              \
        DDP_INDEPENDENT                                                                            \
        for (size_t i = 0; i < count; i++)                                                         \
            out[i] = ((dy[i] - base) - (x[i] - mean) * slope) * scale;                             \
    }                                                                                              \
                                                                                                   \
    static void grad_rows_##type(size_t rows, size_t columns, type *out, const type *dy,           \
                                 const type *x, const type *mean, const type *base,                \
                                 const type *slope, const type *scale)                             \
    {                                                                                              \
        for (size_t i = 0; i < rows * columns; i += columns) {                                     \
            DDP_INDEPENDENT                                                                        \
            for (size_t j = 0; j < columns; j++)                                                   \
                out[i + j] = ((dy[i + j] - base[j]) - (x[i + j] - mean[j]) * slope[j]) * scale[j]; \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void affine_##type(size_t count, type *out, const type *x, type mean, type scale,       \
                              const type *weight, const type *bias)                                \
    {                                                                                              \
        if (bias != NULL) {                                                                        \
            DDP_INDEPENDENT                                                                        \
            for (size_t i = 0; i < count; i++)                                                     \
                out[i] = (x[i] - mean) * scale * weight[i] + bias[i];                              \
        } else {                                                                                   \
            DDP_INDEPENDENT                                                                        \
            for (size_t i = 0; i < count; i++)                                                     \
                out[i] = (x[i] - mean) * scale * weight[i];                                        \
        }                                                                                          \
    }

ELEMENTWISE(float)
ELEMENTWISE(double)

#define TABLE(type)                                                                                \
    {                                                                                              \
        .squares = squares_##type, .products = products_##type,                                    \
        .squares_rows = squares_rows_##type, .products_rows = products_rows_##type,                \
        .apply = apply_##type, .apply_rows = apply_rows_##type, .grad = grad_##type,               \
        .grad_rows = grad_rows_##type, .affine = affine_##type,                                    \
    }

const DdpNormKernels DDP_KERNEL_NAME(norm) = {
    .f32 = TABLE(float),
    .f64 = TABLE(double),
};
