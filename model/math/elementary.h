/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * exp, log, tanh and their kin from fixed code: the system's libm may change its last bits
 * with its version or the CPU, and our digests stand in other people's CI.
 *
 * Every function is built from IEEE additions, multiplications, divisions and explicit fused
 * multiply-adds, so all CPUs and all vector widths agree, NaN included: it is always the one
 * positive quiet NaN. The environment must round to nearest and keep subnormals, as it does
 * unless somebody changed it.
 *
 * Errors, over all floats: expf 0.78 ulp, logf 0.84, tanhf 0.93, sigmoidf 1.48, log1pf and erff
 * 0.51. f64 functions 0.6 ulp, 0.8 where exp or pow end in a subnormal. Special cases are those of
 * C: overflow gives infinity, log(0) is -infinity, log of a negative number NaN; ddp_expf goes
 * through the subnormals to 0 at about -104.
 */

float ddp_expf(float x);
float ddp_logf(float x);
float ddp_log1pf(float x);
float ddp_tanhf(float x);
float ddp_sigmoidf(float x); /* 1 / (1 + exp(-x)), without overflow */
float ddp_erff(float x);
double ddp_exp(double x);
double ddp_log(double x);
double ddp_log1p(double x);
double ddp_tanh(double x);
double ddp_erf(double x); /* within 8 · 2^-53 of itself; slow */
double ddp_sin(double x); /* every finite x, however large */
double ddp_cos(double x);
double ddp_pow(double x, double y);

/* out[i] = f(in[i]); @out may be @in. Vectorised, with the bits of the scalar function. */
void ddp_expf_n(float *out, const float *in, size_t count);
void ddp_logf_n(float *out, const float *in, size_t count);
void ddp_tanhf_n(float *out, const float *in, size_t count);
void ddp_sigmoidf_n(float *out, const float *in, size_t count);
