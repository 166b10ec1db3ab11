/* SPDX-License-Identifier: MIT */
#include "model/optim_gradients.h"

#include <math.h>

#include "model/dtypes.h"
#include "model/internal.h"
#include "model/kernels.h"
#include "model/math/elementary.h"
#include "model/ops.h"

/* ---- elements as doubles, by chunks -------------------------------------------------- */

#define CHUNK 256

typedef struct {
    const DdpTensor *tensor;
    size_t done;
    size_t count; /* of what stands in values */
    double values[CHUNK];
} Reader;

static bool
read_next(Reader *reader)
{
    const DdpTensor *x = reader->tensor;

    if (reader->done == x->numel)
        return false;
    reader->count = MIN((size_t)CHUNK, x->numel - reader->done);
    ddp_convert(reader->count, reader->values, DDP_DTYPE_F64,
                x->data + reader->done * ddp_dtype_bytes(dtype_of(x)), dtype_of(x));
    reader->done += reader->count;
    return true;
}

/* ---- norms --------------------------------------------------------------------------- */

static double
squares(const DdpTensor *x)
{
    const DdpOptimKernels *kernels = ddp_kernels()->optim;
    const void *elements = x->data;

    if (x->dtype == DDP_DTYPE_F32)
        return kernels->squares_f32(x->numel, elements);
    if (x->dtype == DDP_DTYPE_F64)
        return kernels->squares_f64(x->numel, elements);

    Reader reader = {.tensor = x};
    double sum = 0.0;

    while (read_next(&reader))
        sum += kernels->squares_f64(reader.count, reader.values);
    return sum;
}

/* The larger (@sign 1) or smaller (-1) of two; NaN wins. */
static double
extreme(double a, double b, double sign)
{
    if (isnan(a) || isnan(b))
        return a + b;
    return sign * a > sign * b ? a : b;
}

/* One element's part in a norm that is a sum. */
static double
power_of(double x, double norm_type)
{
    if (norm_type == 0.0)
        return x != 0.0 ? 1.0 : 0.0;
    if (norm_type == 1.0)
        return fabs(x);
    return ddp_pow(fabs(x), norm_type);
}

static double
norm_of(const DdpTensor *x, double norm_type)
{
    if (norm_type == 2.0)
        return sqrt(squares(x));

    Reader reader = {.tensor = x};
    double sign = norm_type > 0.0 ? 1.0 : -1.0;
    double result = isinf(norm_type) && sign < 0.0 && x->numel > 0 ? (double)INFINITY : 0.0;

    while (read_next(&reader)) {
        for (size_t i = 0; i < reader.count; i++)
            result = isinf(norm_type) ? extreme(result, fabs(reader.values[i]), sign)
                                      : result + power_of(reader.values[i], norm_type);
    }
    if (isinf(norm_type) || norm_type == 0.0 || norm_type == 1.0)
        return result;
    return ddp_pow(result, 1.0 / norm_type);
}

DdpTensor *
ddp_gradients_total_norm(DdpModelContext *context, DdpTensor *const *gradients, size_t count,
                         double norm_type, GError **error)
{
    DdpDtype dtype = count > 0 ? dtype_of(gradients[0]) : DDP_DTYPE_F32;
    int64_t size = (int64_t)count;

    for (size_t i = 1; i < count; i++)
        dtype = ddp_dtype_promote(dtype, dtype_of(gradients[i]));
    if (count == 0)
        return ddp_tensor_new(context, dtype, 0, NULL, error);

    /* The norm of each is rounded to the dtype before they are put together, as in torch. */
    g_autoptr(DdpTensor) norms = ddp_tensor_new(context, dtype, 1, &size, error);
    DdpTensor *total = norms != NULL ? ddp_tensor_new(context, dtype, 0, NULL, error) : NULL;

    if (total == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        ddp_tensor_set_f64(norms, i, norm_of(gradients[i], norm_type));
        count_flops(context, DDP_FLOPS_NORM * gradients[i]->numel);
    }
    ddp_tensor_set_f64(total, 0, norm_of(norms, norm_type));
    return total;
}

/* ---- clipping ------------------------------------------------------------------------ */

bool
ddp_gradients_clip_norm_(DdpTensor *const *gradients, size_t count, double max_norm,
                         DdpTensor *total, GError **error)
{
    bool grad_enabled = ddp_model_context_set_grad_enabled(total->context, false);
    DdpOperand one = ddp_operand_float(1.0);
    /* A number by a tensor is the tensor's reciprocal times the number, in torch. */
    g_autoptr(DdpTensor) shifted =
        ddp_binary(DDP_BINARY_ADD, ddp_operand_tensor(total), ddp_operand_float(1e-6), error);
    g_autoptr(DdpTensor) coefficient =
        shifted != NULL ? ddp_binary(DDP_BINARY_DIV, one, ddp_operand_tensor(shifted), error)
                        : NULL;
    bool ok = coefficient != NULL &&
              ddp_binary_(DDP_BINARY_MUL, coefficient, ddp_operand_float(max_norm), error) &&
              ddp_binary_(DDP_BINARY_MINIMUM, coefficient, one, error);

    for (size_t i = 0; ok && i < count; i++)
        ok = ddp_binary_(DDP_BINARY_MUL, gradients[i], ddp_operand_tensor(coefficient), error);
    ddp_model_context_set_grad_enabled(total->context, grad_enabled);
    return ok;
}

void
ddp_gradients_clip_value_(DdpTensor *const *gradients, size_t count, double limit)
{
    for (size_t i = 0; i < count; i++) {
        DdpTensor *gradient = gradients[i];

        for (size_t j = 0; j < gradient->numel; j++) {
            double x = ddp_tensor_item_f64(gradient, j);

            /* As torch: first not below, then not above. */
            if (x < -limit)
                ddp_tensor_set_f64(gradient, j, -limit);
            if (ddp_tensor_item_f64(gradient, j) > limit)
                ddp_tensor_set_f64(gradient, j, limit);
        }
        ddp_tensor_mark_written(gradient);
    }
}

/* ---- scales -------------------------------------------------------------------------- */

/* True if all elements were finite. */
static bool
unscale_half(DdpTensor *x, float inverse)
{
    bool finite = true;

    for (size_t i = 0; i < x->numel; i++) {
        float value = (float)ddp_tensor_item_f64(x, i);

        finite = finite && isfinite(value);
        ddp_tensor_set_f64(x, i, (double)(inverse == 1.0f ? value : value * inverse));
    }
    return finite;
}

bool
ddp_gradients_unscale_(DdpTensor *const *gradients, size_t count, float inverse, bool *found,
                       GError **error)
{
    const DdpOptimKernels *kernels = ddp_kernels()->optim;

    for (size_t i = 0; i < count; i++) {
        if (dtype_of(gradients[i]) == DDP_DTYPE_F16) {
            g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                                "Attempting to unscale FP16 gradients.");
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        DdpTensor *x = gradients[i];
        void *elements = x->data;
        bool finite;

        if (x->dtype == DDP_DTYPE_F32)
            finite = kernels->unscale_f32(x->numel, elements, inverse);
        else if (x->dtype == DDP_DTYPE_F64)
            finite = kernels->unscale_f64(x->numel, elements, (double)inverse);
        else
            finite = unscale_half(x, inverse);
        *found = *found || !finite;
        count_flops(x->context, DDP_FLOPS_BINARY * x->numel);
        ddp_tensor_mark_written(x);
    }
    return true;
}
