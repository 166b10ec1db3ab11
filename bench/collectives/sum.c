/* SPDX-License-Identifier: MIT */
/*
 * Chunks of a few KiB, so that what was read last is still in the first cache when the sum is
 * written over it; up to four ranks are added in one pass, which keeps the running sum in
 * registers. The widest vectors that the processor has.
 */
#include "bench/collectives/sum.h"

#include <stdbool.h>
#include <string.h>

#define CHUNK 1024

#define INLINE static inline __attribute__((always_inline))

/* @fresh: what @sum held does not count. */
INLINE void
add_four(float *restrict sum, const float *const *in, size_t at, size_t count, bool fresh)
{
    const float *restrict a = in[0] + at, *restrict b = in[1] + at;
    const float *restrict c = in[2] + at, *restrict d = in[3] + at;

    if (fresh) {
        for (size_t i = 0; i < count; i++)
            sum[i] = a[i] + b[i] + c[i] + d[i];
    } else {
        for (size_t i = 0; i < count; i++)
            sum[i] = sum[i] + a[i] + b[i] + c[i] + d[i];
    }
}

INLINE void
add_two(float *restrict sum, const float *const *in, size_t at, size_t count)
{
    const float *restrict a = in[0] + at, *restrict b = in[1] + at;

    for (size_t i = 0; i < count; i++)
        sum[i] = a[i] + b[i];
}

INLINE void
add_one(float *restrict sum, const float *restrict in, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += in[i];
}

INLINE void
sum_chunk(float *restrict sum, const float *const *in, int in_count, size_t at, size_t count)
{
    int next;

    if (in_count >= 4) {
        add_four(sum, in, at, count, true);
        next = 4;
    } else if (in_count >= 2) {
        add_two(sum, in, at, count);
        next = 2;
    } else {
        memcpy(sum, in[0] + at, count * sizeof *sum);
        next = 1;
    }
    for (; next + 4 <= in_count; next += 4)
        add_four(sum, in + next, at, count, false);
    for (; next < in_count; next++)
        add_one(sum, in[next] + at, count);
}

INLINE void
sum_all(float *const *out, int out_count, const float *const *in, int in_count, size_t first,
        size_t count)
{
    float sum[CHUNK] __attribute__((aligned(64)));

    for (size_t done = 0; done < count; done += CHUNK) {
        size_t at = first + done, length = count - done < CHUNK ? count - done : CHUNK;

        sum_chunk(sum, in, in_count, at, length);
        for (int rank = 0; rank < out_count; rank++)
            memcpy(out[rank] + at, sum, length * sizeof *sum);
    }
}

#ifdef __x86_64__

__attribute__((target("avx512f"))) static void
sum_avx512(float *const *out, int out_count, const float *const *in, int in_count, size_t first,
           size_t count)
{
    sum_all(out, out_count, in, in_count, first, count);
}

__attribute__((target("avx2"))) static void
sum_avx2(float *const *out, int out_count, const float *const *in, int in_count, size_t first,
         size_t count)
{
    sum_all(out, out_count, in, in_count, first, count);
}

#endif

void
sum_ranks(float *const *out, int out_count, const float *const *in, int in_count, size_t first,
          size_t count)
{
    /* A handful of numbers: no pass over a buffer, no vectors. */
    if (count < 8) {
        for (size_t i = first; i < first + count; i++) {
            float sum = in[0][i];

            for (int rank = 1; rank < in_count; rank++)
                sum += in[rank][i];
            for (int rank = 0; rank < out_count; rank++)
                out[rank][i] = sum;
        }
        return;
    }
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f")) {
        sum_avx512(out, out_count, in, in_count, first, count);
        return;
    }
    if (__builtin_cpu_supports("avx2")) {
        sum_avx2(out, out_count, in, in_count, first, count);
        return;
    }
#endif
    sum_all(out, out_count, in, in_count, first, count);
}
