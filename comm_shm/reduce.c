/* SPDX-License-Identifier: MIT */
/*
 * All reductions are one loop: take a block of rank 0, fold the block of each further rank into
 * it, store it to everyone. A block stays in the first-level cache while it is folded.
 */
#include "comm_shm/reduce.h"

#include <math.h>
#include <string.h>

#define BLOCK_BYTES 4096

typedef void (*FoldFunc)(void *restrict acc, const void *restrict in, size_t count);

#define DEFINE_FOLD(name, type, expression)                                                        \
    static void name(void *restrict acc_, const void *restrict in_, size_t count)                  \
    {                                                                                              \
        type *restrict acc = acc_;                                                                 \
        const type *restrict in = in_;                                                             \
                                                                                                   \
        for (size_t i = 0; i < count; i++) {                                                       \
            type a = acc[i], b = in[i];                                                            \
                                                                                                   \
            acc[i] = (type)(expression);                                                           \
        }                                                                                          \
    }

/* Both orders of the comparison fail for NaN, and a + b carries it on. */
#define FLOAT_MIN(a, b) ((a) < (b) ? (a) : (b) <= (a) ? (b) : (a) + (b))
#define FLOAT_MAX(a, b) ((a) > (b) ? (a) : (b) >= (a) ? (b) : (a) + (b))

#define DEFINE_FLOAT_FOLDS(suffix, type)                                                           \
    DEFINE_FOLD(sum_##suffix, type, a + b)                                                         \
    DEFINE_FOLD(product_##suffix, type, a *b)                                                      \
    DEFINE_FOLD(min_##suffix, type, FLOAT_MIN(a, b))                                               \
    DEFINE_FOLD(max_##suffix, type, FLOAT_MAX(a, b))

/* Unsigned arithmetic wraps by definition; signed would be undefined. */
#define DEFINE_INTEGER_FOLDS(suffix, type, unsigned_type)                                          \
    DEFINE_FOLD(sum_##suffix, type, (unsigned_type)a + (unsigned_type)b)                           \
    DEFINE_FOLD(product_##suffix, type, (unsigned_type)((unsigned_type)a * (unsigned_type)b))      \
    DEFINE_FOLD(min_##suffix, type, a < b ? a : b)                                                 \
    DEFINE_FOLD(max_##suffix, type, a > b ? a : b)                                                 \
    DEFINE_FOLD(band_##suffix, type, a &b)                                                         \
    DEFINE_FOLD(bor_##suffix, type, a | b)                                                         \
    DEFINE_FOLD(bxor_##suffix, type, a ^ b)

#define DEFINE_HALF_FOLDS(suffix, to, from)                                                        \
    DEFINE_FOLD(sum_##suffix, uint16_t, from(to(a) + to(b)))                                       \
    DEFINE_FOLD(product_##suffix, uint16_t, from(to(a) * to(b)))                                   \
    DEFINE_FOLD(min_##suffix, uint16_t, from(FLOAT_MIN(to(a), to(b))))                             \
    DEFINE_FOLD(max_##suffix, uint16_t, from(FLOAT_MAX(to(a), to(b))))

DEFINE_FLOAT_FOLDS(f64, double)
DEFINE_FLOAT_FOLDS(f32, float)
DEFINE_HALF_FOLDS(f16, ddp_f16_to_f32, ddp_f16_from_f32)
DEFINE_HALF_FOLDS(bf16, ddp_bf16_to_f32, ddp_bf16_from_f32)
DEFINE_INTEGER_FOLDS(i64, int64_t, uint64_t)
DEFINE_INTEGER_FOLDS(i32, int32_t, uint32_t)
DEFINE_INTEGER_FOLDS(u8, uint8_t, uint32_t)
DEFINE_FOLD(or_bool, uint8_t, (a | b) != 0)
DEFINE_FOLD(and_bool, uint8_t, a != 0 && b != 0)
DEFINE_FOLD(xor_bool, uint8_t, (a != 0) != (b != 0))

#define FLOAT_ROW(suffix)                                                                          \
    {                                                                                              \
        [DDP_REDUCE_SUM] = sum_##suffix, [DDP_REDUCE_AVG] = sum_##suffix,                          \
        [DDP_REDUCE_PRODUCT] = product_##suffix, [DDP_REDUCE_MIN] = min_##suffix,                  \
        [DDP_REDUCE_MAX] = max_##suffix                                                            \
    }

#define INTEGER_ROW(suffix)                                                                        \
    {                                                                                              \
        [DDP_REDUCE_SUM] = sum_##suffix, [DDP_REDUCE_AVG] = sum_##suffix,                          \
        [DDP_REDUCE_PRODUCT] = product_##suffix, [DDP_REDUCE_MIN] = min_##suffix,                  \
        [DDP_REDUCE_MAX] = max_##suffix, [DDP_REDUCE_BAND] = band_##suffix,                        \
        [DDP_REDUCE_BOR] = bor_##suffix, [DDP_REDUCE_BXOR] = bxor_##suffix                         \
    }

static const FoldFunc folds[DDP_DTYPE_COUNT][DDP_REDUCE_OP_COUNT] = {
    [DDP_DTYPE_F64] = FLOAT_ROW(f64),
    [DDP_DTYPE_F32] = FLOAT_ROW(f32),
    [DDP_DTYPE_F16] = FLOAT_ROW(f16),
    [DDP_DTYPE_BF16] = FLOAT_ROW(bf16),
    [DDP_DTYPE_I64] = INTEGER_ROW(i64),
    [DDP_DTYPE_I32] = INTEGER_ROW(i32),
    [DDP_DTYPE_U8] = INTEGER_ROW(u8),
    [DDP_DTYPE_BOOL] = {[DDP_REDUCE_SUM] = or_bool,
                        [DDP_REDUCE_PRODUCT] = and_bool,
                        [DDP_REDUCE_MIN] = and_bool,
                        [DDP_REDUCE_MAX] = or_bool,
                        [DDP_REDUCE_BAND] = and_bool,
                        [DDP_REDUCE_BOR] = or_bool,
                        [DDP_REDUCE_BXOR] = xor_bool},
};

#define DIVIDE(type, divisor)                                                                      \
    for (size_t i = 0; i < count; i++)                                                             \
        ((type *)acc)[i] = (type)(((type *)acc)[i] / (type)(divisor));

static void
divide(DdpDtype dtype, void *acc, size_t count, int size)
{
    switch (dtype) {
    case DDP_DTYPE_F64:
        DIVIDE(double, size)
        return;
    case DDP_DTYPE_F32:
        DIVIDE(float, size)
        return;
    case DDP_DTYPE_F16:
        for (size_t i = 0; i < count; i++) {
            uint16_t *bits = (uint16_t *)acc + i;

            *bits = ddp_f16_from_f32(ddp_f16_to_f32(*bits) / (float)size);
        }
        return;
    case DDP_DTYPE_BF16:
        for (size_t i = 0; i < count; i++) {
            uint16_t *bits = (uint16_t *)acc + i;

            *bits = ddp_bf16_from_f32(ddp_bf16_to_f32(*bits) / (float)size);
        }
        return;
    case DDP_DTYPE_I64:
        DIVIDE(int64_t, size)
        return;
    case DDP_DTYPE_I32:
        DIVIDE(int32_t, size)
        return;
    case DDP_DTYPE_U8:
        /* A world of more than 255 ranks does not fit the dtype: divide in int. */
        for (size_t i = 0; i < count; i++)
            ((uint8_t *)acc)[i] = (uint8_t)(((uint8_t *)acc)[i] / size);
        return;
    case DDP_DTYPE_BOOL:
        break;
    }
    g_assert_not_reached();
}

/* Folds one block, which fits into @acc, in rank order. */
static void
fold_block(DdpReduceOp op, DdpDtype dtype, void *const *buffers, int size, size_t offset,
           size_t count, void *acc)
{
    FoldFunc fold = folds[dtype][op];

    g_assert(size > 0 && fold != NULL);
    memcpy(acc, (const char *)buffers[0] + offset, count * ddp_dtype_bytes(dtype));
    for (int rank = 1; rank < size; rank++)
        fold(acc, (const char *)buffers[rank] + offset, count);
    if (op == DDP_REDUCE_AVG)
        divide(dtype, acc, count, size);
}

void
ddp_reduce_in_place(DdpReduceOp op, DdpDtype dtype, void *const *buffers, int size, size_t first,
                    size_t count)
{
    _Alignas(64) char acc[BLOCK_BYTES];
    size_t element_bytes = ddp_dtype_bytes(dtype);
    size_t block = BLOCK_BYTES / element_bytes;

    for (size_t done = 0; done < count; done += block) {
        size_t now = MIN(block, count - done);
        size_t offset = (first + done) * element_bytes;

        fold_block(op, dtype, buffers, size, offset, now, acc);
        for (int rank = 0; rank < size; rank++)
            memcpy((char *)buffers[rank] + offset, acc, now * element_bytes);
    }
}

void
ddp_reduce_to(DdpReduceOp op, DdpDtype dtype, void *const *buffers, int size, size_t first,
              size_t count, void *out)
{
    _Alignas(64) char acc[BLOCK_BYTES];
    size_t element_bytes = ddp_dtype_bytes(dtype);
    size_t block = BLOCK_BYTES / element_bytes;

    for (size_t done = 0; done < count; done += block) {
        size_t now = MIN(block, count - done);

        fold_block(op, dtype, buffers, size, (first + done) * element_bytes, now, acc);
        memcpy((char *)out + done * element_bytes, acc, now * element_bytes);
    }
}
