/* SPDX-License-Identifier: MIT */
#include "model/math/kernels.h"

#include <math.h>
#include <string.h>

/*
 * The matrix product in plain C. On x86 this file is compiled twice: once for every CPU, where
 * fmaf may be a slow but correct call into libm, and once with DDP_SCALAR_FMA for a CPU that
 * has the instruction.
 */

#ifdef DDP_SCALAR_FMA
#define GEMM_KERNEL ddp_gemm_fma
#define GEMM_F64 ddp_gemm_f64_fma
#else
#define GEMM_KERNEL ddp_gemm_scalar
#define GEMM_F64 ddp_gemm_f64_scalar
#endif

#define TILE_ROWS ((size_t)4)
#define TILE_COLS ((size_t)8)

/* At most TILE_ROWS x TILE_COLS elements of C; the size is a constant in the usual call. */
static inline __attribute__((always_inline)) void
run_tile(const DdpGemmPanel *panel, const float *a, const float *b, float *c, size_t rows,
         size_t cols)
{
    float sum[TILE_ROWS][TILE_COLS] = {{0}};

    if (panel->accumulate) {
        for (size_t i = 0; i < rows; i++)
            memcpy(sum[i], c + i * panel->c_row, cols * sizeof(float));
    }
    for (size_t l = 0; l < panel->depth; l++) {
        for (size_t i = 0; i < rows; i++) {
            float left = a[i * panel->a_row];

            for (size_t j = 0; j < cols; j++)
                sum[i][j] = fmaf(left, b[j], sum[i][j]);
        }
        a += panel->a_step;
        b += panel->b_step;
    }
    for (size_t i = 0; i < rows; i++)
        memcpy(c + i * panel->c_row, sum[i], cols * sizeof(float));
}

static void
run_panel(const DdpGemmPanel *panel)
{
    for (size_t i = 0; i < panel->rows; i += TILE_ROWS) {
        size_t rows = panel->rows - i < TILE_ROWS ? panel->rows - i : TILE_ROWS;

        for (size_t j = 0; j < panel->cols; j += TILE_COLS) {
            size_t cols = panel->cols - j < TILE_COLS ? panel->cols - j : TILE_COLS;
            const float *a = panel->a + i * panel->a_row;
            float *c = panel->c + i * panel->c_row + j;

            if (rows == TILE_ROWS && cols == TILE_COLS)
                run_tile(panel, a, panel->b + j, c, TILE_ROWS, TILE_COLS);
            else
                run_tile(panel, a, panel->b + j, c, rows, cols);
        }
    }
}

static void
transpose(float *packed, const float *b, size_t b_row, size_t cols, size_t depth)
{
    for (size_t l = 0; l < depth; l++) {
        for (size_t j = 0; j < cols; j++)
            packed[l * cols + j] = b[j * b_row + l];
    }
}

const DdpGemmKernel GEMM_KERNEL = {
    .lanes = 1,
    .cols_max = 4 * TILE_COLS,
    .depth_max = 128,
    .panel = run_panel,
    .transpose = transpose,
};

/*
 * f64: a strip of one row of C at a time. The strip stands still while k runs, so that each
 * element has its own chain and the compiler may put neighbours into one vector.
 */
#define F64_COLS 16

static inline __attribute__((always_inline)) void
run_strip(size_t cols, size_t k, const double *a, size_t a_step, const double *b, size_t b_step,
          size_t b_col, double *c, bool accumulate)
{
    double sum[F64_COLS] = {0};

    if (accumulate)
        memcpy(sum, c, cols * sizeof(double));
    for (size_t l = 0; l < k; l++) {
        for (size_t j = 0; j < cols; j++)
            sum[j] = fma(a[l * a_step], b[l * b_step + j * b_col], sum[j]);
    }
    memcpy(c, sum, cols * sizeof(double));
}

void
GEMM_F64(bool trans_a, bool trans_b, size_t m, size_t n, size_t k, const double *a, size_t lda,
         const double *b, size_t ldb, double *c, size_t ldc, bool accumulate)
{
    const size_t a_row = trans_a ? 1 : lda;
    const size_t a_step = trans_a ? lda : 1;
    const size_t b_step = trans_b ? 1 : ldb;
    const size_t b_col = trans_b ? ldb : 1;

    for (size_t j = 0; j < n; j += F64_COLS) {
        size_t cols = n - j < F64_COLS ? n - j : F64_COLS;

        for (size_t i = 0; i < m; i++) {
            if (cols == F64_COLS && b_col == 1)
                run_strip(F64_COLS, k, a + i * a_row, a_step, b + j, b_step, 1, c + i * ldc + j,
                          accumulate);
            else
                run_strip(cols, k, a + i * a_row, a_step, b + j * b_col, b_step, b_col,
                          c + i * ldc + j, accumulate);
        }
    }
}
