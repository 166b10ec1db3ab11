/* SPDX-License-Identifier: MIT */
#include "model/kernels.h"

#include <string.h>

/*
 * Images as matrices and back. A row of the matrix belongs to one place of the kernel and holds
 * what that place sees at a run of output positions, zeros where it stands beside the image.
 *
 * Only copies and single additions, in an order that the loops fix: nothing for a vector to change.
 */

/* The output columns for which place @k of the kernel sees the image: [first, end). */
static void
seen_columns(const DdpConvPlane *p, size_t k, size_t *first, size_t *end)
{
    size_t at = k * p->dilation_w; /* place in the padded row of the kernel's place at column 0 */
    size_t low = at < p->pad_w ? (p->pad_w - at + p->stride_w - 1) / p->stride_w : 0;
    size_t behind = p->pad_w + p->in_w; /* the first padded place behind the image */
    size_t high = at < behind ? (behind - at + p->stride_w - 1) / p->stride_w : 0;

    *first = MIN(low, p->out_w);
    *end = MAX(*first, MIN(high, p->out_w));
}

/* A place of the kernel: what it sees at output row i is the plane's row i·stride_h + y - pad_h. */
typedef struct {
    size_t y;
    size_t x; /* of column 0, in the padded row */
    size_t first_column, end_column;
} Place;

static Place
place_of(const DdpConvPlane *p, size_t k)
{
    Place place = {
        .y = k / p->kernel_w * p->dilation_h,
        .x = k % p->kernel_w * p->dilation_w,
    };

    seen_columns(p, k % p->kernel_w, &place.first_column, &place.end_column);
    return place;
}

/*
 * With steps of one and rows as wide as the plane's, a place sees the plane shifted: one long run
 * for all rows, in which only what has come from the end of a neighbouring row is wrong.
 */
typedef struct {
    size_t first, end; /* output positions for which there is an element at that shift */
    ptrdiff_t shift;
} Shifted;

static bool
is_shifted(const DdpConvPlane *p, size_t first, size_t count)
{
    return p->stride_h == 1 && p->stride_w == 1 && p->out_w == p->in_w && first == 0 &&
           count == p->out_h * p->out_w;
}

static Shifted
shifted(const DdpConvPlane *p, const Place *place)
{
    size_t low = place->y < p->pad_h ? MIN(p->pad_h - place->y, p->out_h) : 0;
    size_t behind = p->pad_h + p->in_h;
    size_t high = place->y < behind ? MIN(behind - place->y, p->out_h) : 0;
    ptrdiff_t rows = (ptrdiff_t)place->y - (ptrdiff_t)p->pad_h;
    ptrdiff_t shift = rows * (ptrdiff_t)p->in_w + (ptrdiff_t)place->x - (ptrdiff_t)p->pad_w;
    ptrdiff_t first = (ptrdiff_t)(low * p->out_w);
    ptrdiff_t end = (ptrdiff_t)(MAX(low, high) * p->out_w);
    ptrdiff_t size = (ptrdiff_t)(p->in_h * p->in_w);

    first = MAX(first, -shift);
    end = MIN(end, size - shift);
    return (Shifted){(size_t)first, (size_t)MAX(first, end), shift};
}

#define CONV_LOOPS(type)                                                                           \
    /* Zeros in the columns that do not see the plane. */                                          \
    static void clear_columns_##type(const DdpConvPlane *p, const Place *place, type *rows)        \
    {                                                                                              \
        for (size_t j = 0; j < place->first_column; j++) {                                         \
            for (size_t i = 0; i < p->out_h; i++)                                                  \
                rows[i * p->out_w + j] = 0;                                                        \
        }                                                                                          \
        for (size_t j = place->end_column; j < p->out_w; j++) {                                    \
            for (size_t i = 0; i < p->out_h; i++)                                                  \
                rows[i * p->out_w + j] = 0;                                                        \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void unfold_shifted_##type(const DdpConvPlane *p, const Place *place,                   \
                                      const type *plane, type *row)                                \
    {                                                                                              \
        Shifted s = shifted(p, place);                                                             \
        size_t count = p->out_h * p->out_w;                                                        \
                                                                                                   \
        if (s.first >= s.end) {                                                                    \
            memset(row, 0, count * sizeof *row);                                                   \
            return;                                                                                \
        }                                                                                          \
        memset(row, 0, s.first * sizeof *row);                                                     \
        memcpy(row + s.first, plane + ((ptrdiff_t)s.first + s.shift),                              \
               (s.end - s.first) * sizeof *row);                                                   \
        memset(row + s.end, 0, (count - s.end) * sizeof *row);                                     \
        clear_columns_##type(p, place, row);                                                       \
    }                                                                                              \
                                                                                                   \
    static void fold_shifted_##type(const DdpConvPlane *p, const Place *place, type *plane,        \
                                    type *row)                                                     \
    {                                                                                              \
        Shifted s = shifted(p, place);                                                             \
                                                                                                   \
        if (s.first >= s.end)                                                                      \
            return;                                                                                \
        clear_columns_##type(p, place, row);                                                       \
                                                                                                   \
        type *restrict target = plane + ((ptrdiff_t)s.first + s.shift);                            \
        const type *restrict source = row + s.first;                                               \
        size_t count = s.end - s.first;                                                            \
                                                                                                   \
        for (size_t i = 0; i < count; i++)                                                         \
            target[i] += source[i];                                                                \
    }                                                                                              \
                                                                                                   \
    static inline void copy_run_##type(size_t count, type *restrict out, const type *restrict in,  \
                                       size_t step)                                                \
    {                                                                                              \
        if (step == 1) {                                                                           \
            for (size_t i = 0; i < count; i++)                                                     \
                out[i] = in[i];                                                                    \
        } else if (step == 2) {                                                                    \
            for (size_t i = 0; i < count; i++)                                                     \
                out[i] = in[i * 2];                                                                \
        } else {                                                                                   \
            for (size_t i = 0; i < count; i++)                                                     \
                out[i] = in[i * step];                                                             \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static inline void add_run_##type(size_t count, type *restrict out, size_t step,               \
                                      const type *restrict in)                                     \
    {                                                                                              \
        if (step == 1) {                                                                           \
            for (size_t i = 0; i < count; i++)                                                     \
                out[i] += in[i];                                                                   \
        } else if (step == 2) {                                                                    \
            for (size_t i = 0; i < count; i++)                                                     \
                out[i * 2] += in[i];                                                               \
        } else {                                                                                   \
            for (size_t i = 0; i < count; i++)                                                     \
                out[i * step] += in[i];                                                            \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void unfold_place_##type(const DdpConvPlane *p, const Place *place, const type *plane,  \
                                    size_t first, size_t count, type *out)                         \
    {                                                                                              \
        size_t column = first % p->out_w;                                                          \
        size_t y = first / p->out_w * p->stride_h + place->y;                                      \
                                                                                                   \
        for (size_t left = count; left > 0; y += p->stride_h, column = 0) {                        \
            size_t end = MIN(p->out_w, column + left);                                             \
            bool beside = y < p->pad_h || y - p->pad_h >= p->in_h;                                 \
            size_t from = beside ? end : MIN(MAX(place->first_column, column), end);               \
            size_t to = MAX(from, MIN(place->end_column, end));                                    \
                                                                                                   \
            for (size_t i = column; i < from; i++)                                                 \
                *out++ = 0;                                                                        \
            if (to > from)                                                                         \
                copy_run_##type(to - from, out,                                                    \
                                plane + (y - p->pad_h) * p->in_w +                                 \
                                    (place->x + from * p->stride_w - p->pad_w),                    \
                                p->stride_w);                                                      \
            out += to - from;                                                                      \
            for (size_t i = to; i < end; i++)                                                      \
                *out++ = 0;                                                                        \
            left -= end - column;                                                                  \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void fold_place_##type(const DdpConvPlane *p, const Place *place, type *plane,          \
                                  size_t first, size_t count, const type *in)                      \
    {                                                                                              \
        size_t column = first % p->out_w;                                                          \
        size_t y = first / p->out_w * p->stride_h + place->y;                                      \
                                                                                                   \
        for (size_t left = count; left > 0; y += p->stride_h, column = 0) {                        \
            size_t end = MIN(p->out_w, column + left);                                             \
            bool beside = y < p->pad_h || y - p->pad_h >= p->in_h;                                 \
            size_t from = MIN(MAX(place->first_column, column), end);                              \
            size_t to = MAX(from, MIN(place->end_column, end));                                    \
                                                                                                   \
            if (!beside && to > from)                                                              \
                add_run_##type(to - from,                                                          \
                               plane + (y - p->pad_h) * p->in_w +                                  \
                                   (place->x + from * p->stride_w - p->pad_w),                     \
                               p->stride_w, in + (from - column));                                 \
            in += end - column;                                                                    \
            left -= end - column;                                                                  \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void unfold_##type(const DdpConvPlane *p, const type *plane, size_t first,              \
                              size_t count, type *rows, size_t row_step)                           \
    {                                                                                              \
        bool is_plain = is_shifted(p, first, count);                                               \
                                                                                                   \
        for (size_t k = 0; k < p->kernel_h * p->kernel_w; k++, rows += row_step) {                 \
            Place place = place_of(p, k);                                                          \
                                                                                                   \
            if (is_plain)                                                                          \
                unfold_shifted_##type(p, &place, plane, rows);                                     \
            else                                                                                   \
                unfold_place_##type(p, &place, plane, first, count, rows);                         \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void fold_##type(const DdpConvPlane *p, type *plane, size_t first, size_t count,        \
                            type *rows, size_t row_step)                                           \
    {                                                                                              \
        bool is_plain = is_shifted(p, first, count);                                               \
                                                                                                   \
        for (size_t k = 0; k < p->kernel_h * p->kernel_w; k++, rows += row_step) {                 \
            Place place = place_of(p, k);                                                          \
                                                                                                   \
            if (is_plain)                                                                          \
                fold_shifted_##type(p, &place, plane, rows);                                       \
            else                                                                                   \
                fold_place_##type(p, &place, plane, first, count, rows);                           \
        }                                                                                          \
    }

CONV_LOOPS(float)
CONV_LOOPS(double)

/* The step is a constant in the usual calls. No branches: what is greatest cannot be foreseen. */
#define GREATEST(type)                                                                             \
    static inline __attribute__((always_inline)) void greatest_by_##type(                          \
        size_t count, const type *restrict x, size_t step, int32_t place, type *restrict greatest, \
        int32_t *restrict places)                                                                  \
    {                                                                                              \
        for (size_t j = 0; j < count; j++) {                                                       \
            type value = x[j * step];                                                              \
            int32_t at = place + (int32_t)j * (int32_t)step;                                       \
            bool takes = (value > greatest[j]) | (value != value) | (places[j] < 0);               \
                                                                                                   \
            greatest[j] = takes ? value : greatest[j];                                             \
            places[j] = takes ? at : places[j];                                                    \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void greatest_##type(size_t count, const type *x, size_t step, int32_t place,           \
                                type *greatest, int32_t *places)                                   \
    {                                                                                              \
        if (step == 2)                                                                             \
            greatest_by_##type(count, x, 2, place, greatest, places);                              \
        else if (step == 1)                                                                        \
            greatest_by_##type(count, x, 1, place, greatest, places);                              \
        else                                                                                       \
            greatest_by_##type(count, x, step, place, greatest, places);                           \
    }

GREATEST(float)
GREATEST(double)

const DdpConvKernels DDP_KERNEL_NAME(conv) = {
    .unfold_f32 = unfold_float,
    .unfold_f64 = unfold_double,
    .fold_f32 = fold_float,
    .fold_f64 = fold_double,
    .greatest_f32 = greatest_float,
    .greatest_f64 = greatest_double,
};
