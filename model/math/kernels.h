/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Inside model/math: what each instruction set brings, and the choice between them.
 *
 * A kernel file is compiled with the flags of its instruction set and must therefore export
 * nothing but its table: a function that the linker could share with other files might be the
 * copy that the CPU cannot run.
 */

/*
 * A panel is a strip of C at most cols_max wide, and one stretch of k:
 *
 *     C[i][j] = chain over l of fmaf(a[i * a_row + l * a_step], b[l * b_step + j], ...)
 *
 * Both a stored [m][k] and a stored [k][m] have this form.
 */
typedef struct {
    size_t rows;
    size_t cols;
    size_t depth;
    const float *a;
    size_t a_row;
    size_t a_step;
    const float *b;
    size_t b_step;
    bool b_is_packed; /* rows of b are whole vectors, 0 behind the last column */
    float *packed;    /* room for cols_max * depth floats, aligned for vectors */
    float *c;
    size_t c_row;
    bool accumulate; /* go on from what stands in c, else start from 0 */
} DdpGemmPanel;

typedef struct {
    size_t lanes;     /* floats in a vector */
    size_t cols_max;  /* of a panel; a multiple of lanes */
    size_t depth_max; /* of a panel, such that b stays in the first-level cache */
    void (*panel)(const DdpGemmPanel *panel);
    /* packed[l * lanes' multiple + j] = b[j * b_row + l], with 0 for the lanes behind @cols. */
    void (*transpose)(float *packed, const float *b, size_t b_row, size_t cols, size_t depth);
} DdpGemmKernel;

/* The elementary functions over arrays, and those of one number that use hardware FMA. */
typedef struct {
    void (*exp)(float *out, const float *in, size_t count);
    void (*log)(float *out, const float *in, size_t count);
    void (*tanh)(float *out, const float *in, size_t count);
    void (*sigmoid)(float *out, const float *in, size_t count);
} DdpArrayKernel;

typedef struct {
    float (*expf)(float x);
    float (*logf)(float x);
    float (*log1pf)(float x);
    float (*tanhf)(float x);
    float (*sigmoidf)(float x);
    float (*erff)(float x);
    double (*exp)(double x);
    double (*log)(double x);
    double (*log1p)(double x);
    double (*tanh)(double x);
    double (*sin)(double x);
    double (*cos)(double x);
    double (*pow)(double x, double y);
} DdpNumberKernel;

typedef void DdpGemmF64Func(bool trans_a, bool trans_b, size_t m, size_t n, size_t k,
                            const double *a, size_t lda, const double *b, size_t ldb, double *c,
                            size_t ldc, bool accumulate);

/* Plain C: fmaf may be a call into libm, which rounds as the instruction does. */
extern const DdpGemmKernel ddp_gemm_scalar;
extern const DdpArrayKernel ddp_array_scalar;
extern const DdpNumberKernel ddp_number_scalar;
DdpGemmF64Func ddp_gemm_f64_scalar;

#ifdef DDP_MATH_X86
/* The same sources, compiled for a CPU that has the instruction. */
extern const DdpGemmKernel ddp_gemm_fma;
extern const DdpArrayKernel ddp_array_fma;
extern const DdpNumberKernel ddp_number_fma;
DdpGemmF64Func ddp_gemm_f64_fma;

extern const DdpGemmKernel ddp_gemm_avx2;
extern const DdpArrayKernel ddp_array_avx2;
extern const DdpGemmKernel ddp_gemm_avx512;
extern const DdpArrayKernel ddp_array_avx512;
#endif

/* The tables of the path in use. */
const DdpGemmKernel *ddp_math_gemm(void);
const DdpArrayKernel *ddp_math_array(void);
/* These do not depend on the path, only on whether the CPU has FMA. */
const DdpNumberKernel *ddp_math_number(void);
DdpGemmF64Func *ddp_math_gemm_f64(void);
