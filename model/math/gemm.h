/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The matrix product, with the same bits on every CPU.
 *
 * Each output element is one chain of fused multiply-adds over k in rising order, starting
 * from 0 (or, when accumulating, from the value that stands in C):
 *
 *     acc = start;  for (l = 0; l < k; l++)  acc = fmaf(A[i][l], B[l][j], acc);
 *
 * A vector register holds different output elements, never parts of one sum, so the width
 * changes the speed and not the bits. Scalar, AVX2 and AVX-512 paths are tested for equality.
 * Where the chain gives NaN, every path gives NaN; its sign and payload are not promised, so a
 * digest has to treat all NaN alike.
 */

typedef enum {
    DDP_MATH_PATH_SCALAR,
    DDP_MATH_PATH_AVX2,   /* AVX2 + FMA */
    DDP_MATH_PATH_AVX512, /* AVX-512 F */
} DdpMathPath;

/*
 * The widest path that this CPU has, unless DDPSIM_MATH=scalar|avx2|avx512 asks for less. If the
 * CPU does not have the path asked for, the next narrower one that it has; a word that names no
 * path asks for nothing. The environment is read at first use.
 */
DdpMathPath ddp_math_path(void);
bool ddp_math_path_available(DdpMathPath path);
const char *ddp_math_path_name(DdpMathPath path);
/* For tests and benchmarks: use this path, which must be available, in the whole process. */
void ddp_math_path_force(DdpMathPath path);

/**
 * ddp_gemm_f32: C[m][n] = op(A)[m][k] · op(B)[k][n], or C += … with @accumulate
 * @trans_a: A is stored [k][m]
 * @trans_b: B is stored [n][k]
 * @lda, @ldb, @ldc: row strides of the stored matrices, in elements
 *
 * Row-major. C must not overlap A or B. k = 0 gives zeros (or leaves C as it is).
 * Thread-safe; keeps 34 KiB of scratch per thread, and needs less than 2 KiB of stack.
 */
void ddp_gemm_f32(bool trans_a, bool trans_b, size_t m, size_t n, size_t k, const float *a,
                  size_t lda, const float *b, size_t ldb, float *c, size_t ldc, bool accumulate);

/* The same for f64; speed is no aim, equal bits are. */
void ddp_gemm_f64(bool trans_a, bool trans_b, size_t m, size_t n, size_t k, const double *a,
                  size_t lda, const double *b, size_t ldb, double *c, size_t ldc, bool accumulate);
