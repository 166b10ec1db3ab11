/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * exp, log, tanh and their kin from fixed code: the system's libm may change its last bits
 * with its version or the CPU, and our digests stand in other people's CI.
 *
 * Every function is built from IEEE additions, multiplications, divisions, square roots and
 * explicit fused multiply-adds, so all CPUs and all vector widths agree. Errors are within
 * 1 ulp or so of the true value for f32 (2 ulp at the most), stated per function in the source.
 * NaN in, NaN out; overflow gives infinity; exp of less than about -104 gives 0 (f32, with
 * subnormals in between).
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
double ddp_sin(double x); /* |x| up to 2^20; Cody-Waite reduction */
double ddp_cos(double x);
double ddp_pow(double x, double y);

/* out[i] = f(in[i]); @out may be @in. Vectorised, with the bits of the scalar function. */
void ddp_expf_n(float *out, const float *in, size_t count);
void ddp_logf_n(float *out, const float *in, size_t count);
void ddp_tanhf_n(float *out, const float *in, size_t count);
void ddp_sigmoidf_n(float *out, const float *in, size_t count);
