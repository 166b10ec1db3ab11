/* SPDX-License-Identifier: MIT */
#include "model/math/elementary.h"

#include "model/math/kernels.h"

float
ddp_expf(float x)
{
    return ddp_math_number()->expf(x);
}

float
ddp_logf(float x)
{
    return ddp_math_number()->logf(x);
}

float
ddp_log1pf(float x)
{
    return ddp_math_number()->log1pf(x);
}

float
ddp_tanhf(float x)
{
    return ddp_math_number()->tanhf(x);
}

float
ddp_sigmoidf(float x)
{
    return ddp_math_number()->sigmoidf(x);
}

float
ddp_erff(float x)
{
    return ddp_math_number()->erff(x);
}

double
ddp_exp(double x)
{
    return ddp_math_number()->exp(x);
}

double
ddp_log(double x)
{
    return ddp_math_number()->log(x);
}

double
ddp_log1p(double x)
{
    return ddp_math_number()->log1p(x);
}

double
ddp_tanh(double x)
{
    return ddp_math_number()->tanh(x);
}

double
ddp_sin(double x)
{
    return ddp_math_number()->sin(x);
}

double
ddp_cos(double x)
{
    return ddp_math_number()->cos(x);
}

double
ddp_pow(double x, double y)
{
    return ddp_math_number()->pow(x, y);
}

void
ddp_expf_n(float *out, const float *in, size_t count)
{
    ddp_math_array()->exp(out, in, count);
}

void
ddp_logf_n(float *out, const float *in, size_t count)
{
    ddp_math_array()->log(out, in, count);
}

void
ddp_tanhf_n(float *out, const float *in, size_t count)
{
    ddp_math_array()->tanh(out, in, count);
}

void
ddp_sigmoidf_n(float *out, const float *in, size_t count)
{
    ddp_math_array()->sigmoid(out, in, count);
}
