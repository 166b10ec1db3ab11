/* SPDX-License-Identifier: MIT */
#include "model/math/gemm.h"

#include "model/math/kernels.h"

#include <glib.h>
#include <string.h>

/*
 * The matrix product around its kernels: cut the work into panels that fit the caches.
 *
 *   for each block of rows of A             small enough for the second-level cache
 *     for each stretch of k                 in rising order: C carries the sums across
 *       for each panel of columns of B      small enough for the first-level cache
 *         kernel                            tiles of C in registers
 *
 * A sum that is stored to C and loaded again has lost nothing, so the cuts never show in the
 * bits. A transposed B is copied panel by panel, because the lanes of a vector are neighbours
 * in a row of B. A is read where it lies, in either storage order: copying it was measured and
 * did not pay.
 */

#define PANEL_FLOATS_MAX 8192 /* cols_max * depth_max of every kernel */
#define BLOCK_FLOATS 65536    /* of A */
#define NARROW_ROWS 8         /* half a vector: C of fewer columns is computed as its transpose */
#define NARROW_COLS 64
#define NARROW_DEPTH_MIN 32 /* below it turning C costs more than the empty lanes */
#define ALIGNMENT 64

/* One per thread, made at its first product. */
typedef struct {
    float panel[PANEL_FLOATS_MAX];
    float narrow[NARROW_ROWS * NARROW_COLS];
} Scratch;

static GPrivate scratch_of_thread = G_PRIVATE_INIT(g_aligned_free);

static Scratch *
get_scratch(void)
{
    Scratch *scratch = g_private_get(&scratch_of_thread);

    if (scratch == NULL) {
        scratch = g_aligned_alloc(1, sizeof *scratch, ALIGNMENT);
        g_private_set(&scratch_of_thread, scratch);
    }
    return scratch;
}

/* The operands, with the two storage orders of A folded into two strides. */
typedef struct {
    size_t m;
    size_t n;
    size_t k;
    const float *a;
    size_t a_row;
    size_t a_step;
    const float *b;
    size_t ldb;
    bool trans_b;
    float *c;
    size_t ldc;
    bool accumulate;
} Product;

static size_t
min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Whole panels as long as possible, but no last one of a single vector beside a full one. */
static size_t
panel_cols(const DdpGemmKernel *kernel, size_t left)
{
    if (left > kernel->cols_max && left <= kernel->cols_max + kernel->lanes)
        return kernel->cols_max - kernel->lanes;
    return min_size(left, kernel->cols_max);
}

/* One block of A times all columns of B. */
static void
run_block(const DdpGemmKernel *kernel, Scratch *scratch, const Product *p, size_t row, size_t rows,
          size_t from, size_t depth)
{
    DdpGemmPanel panel = {
        .rows = rows,
        .depth = depth,
        .a = p->a + row * p->a_row + from * p->a_step,
        .a_row = p->a_row,
        .a_step = p->a_step,
        .b_step = p->ldb,
        .packed = scratch->panel,
        .c_row = p->ldc,
        .accumulate = p->accumulate || from > 0,
    };

    for (size_t j = 0; j < p->n; j += panel.cols) {
        panel.cols = panel_cols(kernel, p->n - j);
        panel.c = p->c + row * p->ldc + j;
        if (p->trans_b) {
            kernel->transpose(scratch->panel, p->b + j * p->ldb + from, p->ldb, panel.cols, depth);
            panel.b = scratch->panel;
            panel.b_step = (panel.cols + kernel->lanes - 1) / kernel->lanes * kernel->lanes;
            panel.b_is_packed = true;
        } else {
            panel.b = p->b + from * p->ldb + j;
        }
        kernel->panel(&panel);
    }
}

static void
run_product(const DdpGemmKernel *kernel, const Product *p)
{
    Scratch *scratch = get_scratch();
    const size_t rows_max = BLOCK_FLOATS / kernel->depth_max;
    size_t depth_max = p->k;

    /* Equal stretches rather than full ones and a short rest. */
    if (p->k > kernel->depth_max) {
        size_t stretches = (p->k + kernel->depth_max - 1) / kernel->depth_max;

        depth_max = (p->k + stretches - 1) / stretches;
    }
    for (size_t row = 0; row < p->m; row += rows_max) {
        size_t rows = min_size(p->m - row, rows_max);

        for (size_t from = 0; from < p->k; from += depth_max)
            run_block(kernel, scratch, p, row, rows, from, min_size(p->k - from, depth_max));
    }
}

/*
 * A C narrower than a vector would leave lanes empty, so we compute its transpose: C' = B'A'.
 * The factors of a multiply-add may change places without changing its bits.
 */
static void
run_narrow(const DdpGemmKernel *kernel, const Product *p)
{
    float *turned = get_scratch()->narrow;
    Product t = {
        .m = p->n,
        .k = p->k,
        .a = p->b,
        .a_row = p->trans_b ? p->ldb : 1,
        .a_step = p->trans_b ? 1 : p->ldb,
        .ldb = p->a_step == 1 ? p->a_row : p->a_step,
        .trans_b = p->a_step == 1,
        .c = turned,
        .ldc = NARROW_COLS,
        .accumulate = p->accumulate,
    };

    for (size_t row = 0; row < p->m; row += NARROW_COLS) {
        float *c = p->c + row * p->ldc;

        t.n = min_size(p->m - row, NARROW_COLS);
        t.b = p->a + row * p->a_row;
        for (size_t i = 0; p->accumulate && i < t.n; i++) {
            for (size_t j = 0; j < p->n; j++)
                turned[j * NARROW_COLS + i] = c[i * p->ldc + j];
        }
        run_product(kernel, &t);
        for (size_t i = 0; i < t.n; i++) {
            for (size_t j = 0; j < p->n; j++)
                c[i * p->ldc + j] = turned[j * NARROW_COLS + i];
        }
    }
}

static void
fill_zero(float *c, size_t rows, size_t cols, size_t c_row)
{
    for (size_t i = 0; i < rows; i++)
        memset(c + i * c_row, 0, cols * sizeof *c);
}

void
ddp_gemm_f32(bool trans_a, bool trans_b, size_t m, size_t n, size_t k, const float *a, size_t lda,
             const float *b, size_t ldb, float *c, size_t ldc, bool accumulate)
{
    if (m == 0 || n == 0)
        return;
    if (k == 0) {
        if (!accumulate)
            fill_zero(c, m, n, ldc);
        return;
    }

    Product product = {
        .m = m,
        .n = n,
        .k = k,
        .a = a,
        .a_row = trans_a ? 1 : lda,
        .a_step = trans_a ? lda : 1,
        .b = b,
        .ldb = ldb,
        .trans_b = trans_b,
        .c = c,
        .ldc = ldc,
        .accumulate = accumulate,
    };

    const DdpGemmKernel *kernel = ddp_math_gemm();

    if (2 * n <= kernel->lanes && m >= kernel->lanes && k >= NARROW_DEPTH_MIN)
        run_narrow(kernel, &product);
    else
        run_product(kernel, &product);
}

void
ddp_gemm_f64(bool trans_a, bool trans_b, size_t m, size_t n, size_t k, const double *a, size_t lda,
             const double *b, size_t ldb, double *c, size_t ldc, bool accumulate)
{
    ddp_math_gemm_f64()(trans_a, trans_b, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
}
