/* SPDX-License-Identifier: MIT */
#include "model/ops.h"

#include <math.h>
#include <string.h>

#include "model/dtypes.h"
#include "model/generator.h"
#include "model/internal.h"
#include "model/loops.h"

/* Tensors whose elements count up or are drawn. */

/* ---- arange -------------------------------------------------------------------------- */

static double
element_count(DdpNumber start, DdpNumber end, DdpNumber step)
{
    if (start.kind != DDP_NUMBER_FLOAT && end.kind != DDP_NUMBER_FLOAT &&
        step.kind != DDP_NUMBER_FLOAT) {
        /* In 128 bits: the difference of two int64 need not fit into one. */
        __extension__ typedef __int128 Wide;
        Wide distance = (Wide)end.i - start.i;
        Wide sign = step.i > 0 ? 1 : -1;

        return (double)((distance + step.i - sign) / step.i);
    }
    return ceil((end.f - start.f) / step.f);
}

static bool
check_range(DdpNumber start, DdpNumber end, DdpNumber step, GError **error)
{
    const char *problem = NULL;

    if (!isfinite(start.f) || !isfinite(end.f))
        problem = "unsupported range: start and end must be finite";
    else if (!(step.f > 0.0 || step.f < 0.0))
        problem = "step must be nonzero";
    else if ((step.f > 0.0 && start.f > end.f) || (step.f < 0.0 && start.f < end.f))
        problem = "upper bound and lower bound inconsistent with step sign";
    if (problem == NULL)
        return true;
    g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE, problem);
    return false;
}

DdpTensor *
ddp_arange(DdpModelContext *context, DdpDtype dtype, DdpNumber start, DdpNumber end, DdpNumber step,
           GError **error)
{
    if (!check_range(start, end, step, error))
        return NULL;

    double count = element_count(start, end, step);

    if (!(count < 0x1p53)) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "arange of %g elements was asked for", count);
        return NULL;
    }

    int64_t shape[1] = {(int64_t)count};
    DdpTensor *out = ddp_tensor_new_uninitialized(context, dtype, 1, shape, error);
    bool exact = start.kind != DDP_NUMBER_FLOAT && step.kind != DDP_NUMBER_FLOAT;

    for (size_t i = 0; out != NULL && i < out->numel; i++) {
        if (exact)
            ddp_tensor_set_i64(out, i, (int64_t)((uint64_t)start.i + (uint64_t)step.i * i));
        else
            ddp_tensor_set_f64(out, i, start.f + step.f * (double)i);
    }
    return out;
}

/* ---- drawn --------------------------------------------------------------------------- */

static DdpGenerator *
generator_of(DdpModelContext *context, DdpGenerator *generator)
{
    return generator != NULL ? generator : ddp_model_context_generator(context);
}

static bool
check_float(const char *verb, DdpDtype dtype, GError **error)
{
    if (ddp_dtype_is_float(dtype))
        return true;
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE, "\"%s\" not implemented for '%s'",
                verb, ddp_dtype_scalar_name(dtype));
    return false;
}

/* Drawn in float32 and rounded, as torch 2.x does; what is rounded up to @high becomes @low. */
static bool
uniform_half(DdpTensor *target, DdpGenerator *generator, float low, float high, GError **error)
{
    DdpDtype dtype = dtype_of(target);
    uint16_t *halves = (uint16_t *)(void *)target->data;
    uint16_t ends[2];
    DdpTensor *wide = ddp_tensor_new_like(target, DDP_DTYPE_F32, error);

    if (wide == NULL)
        return false;
    ddp_generator_uniform_f32(generator, (float *)(void *)wide->data, target->numel, low, high);
    ddp_convert(target->numel, halves, dtype, wide->data, DDP_DTYPE_F32);
    ddp_convert(2, ends, dtype, (const float[]){low, high}, DDP_DTYPE_F32);
    for (size_t i = 0; i < target->numel; i++) {
        if (halves[i] == ends[1])
            halves[i] = ends[0];
    }
    ddp_tensor_unref(wide);
    return true;
}

bool
ddp_uniform_(DdpTensor *target, DdpGenerator *generator, double low, double high, GError **error)
{
    void *data = target->data;

    if (!check_float("uniform_", dtype_of(target), error) ||
        !ddp_tensor_check_writable(target, error))
        return false;
    if (!(low <= high)) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                    "uniform_ expects to return a [from, to) range, but found from=%g > to=%g", low,
                    high);
        return false;
    }
    generator = generator_of(target->context, generator);
    if (target->dtype == DDP_DTYPE_F32)
        ddp_generator_uniform_f32(generator, data, target->numel, (float)low, (float)high);
    else if (target->dtype == DDP_DTYPE_F64)
        ddp_generator_uniform_f64(generator, data, target->numel, low, high);
    else if (!uniform_half(target, generator, (float)low, (float)high, error))
        return false;
    ddp_tensor_mark_written(target);
    return true;
}

/*
 * Drawn in float32 and rounded. Unlike float32 itself, whole blocks of 16 come first and the
 * tail's block then is the only other draw.
 */
static bool
normal_half(DdpTensor *target, DdpGenerator *generator, float mean, float std, GError **error)
{
    DdpTensor *wide = ddp_tensor_new_like(target, DDP_DTYPE_F32, error);
    size_t count = target->numel;

    if (wide == NULL)
        return false;

    float *values = (float *)(void *)wide->data;
    size_t whole = count < 16 ? count : count - count % 16;

    ddp_generator_normal_f32(generator, values, whole, mean, std);
    if (whole < count)
        ddp_generator_normal_f32(generator, values + count - 16, 16, mean, std);
    ddp_convert(count, target->data, dtype_of(target), values, DDP_DTYPE_F32);
    ddp_tensor_unref(wide);
    return true;
}

bool
ddp_normal_(DdpTensor *target, DdpGenerator *generator, double mean, double std, GError **error)
{
    void *data = target->data;

    if (!check_float("normal_", dtype_of(target), error) ||
        !ddp_tensor_check_writable(target, error))
        return false;
    if (!(std >= 0.0)) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                    "normal expects std >= 0.0, but found std %g", std);
        return false;
    }
    generator = generator_of(target->context, generator);
    if (target->dtype == DDP_DTYPE_F32)
        ddp_generator_normal_f32(generator, data, target->numel, (float)mean, (float)std);
    else if (target->dtype == DDP_DTYPE_F64)
        ddp_generator_normal_f64(generator, data, target->numel, mean, std);
    else if (!normal_half(target, generator, (float)mean, (float)std, error))
        return false;
    ddp_tensor_mark_written(target);
    return true;
}

DdpTensor *
ddp_rand(DdpModelContext *context, DdpGenerator *generator, DdpDtype dtype, int ndim,
         const int64_t *shape, GError **error)
{
    DdpTensor *out = ddp_tensor_new_uninitialized(context, dtype, ndim, shape, error);

    if (out != NULL && !ddp_uniform_(out, generator, 0.0, 1.0, error))
        clear_tensor(&out);
    return out;
}

DdpTensor *
ddp_randn(DdpModelContext *context, DdpGenerator *generator, DdpDtype dtype, int ndim,
          const int64_t *shape, GError **error)
{
    DdpTensor *out = ddp_tensor_new_uninitialized(context, dtype, ndim, shape, error);

    if (out != NULL && !ddp_normal_(out, generator, 0.0, 1.0, error))
        clear_tensor(&out);
    return out;
}

DdpTensor *
ddp_randint(DdpModelContext *context, DdpGenerator *generator, DdpDtype dtype, int64_t low,
            int64_t high, int ndim, const int64_t *shape, GError **error)
{
    if (low >= high) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                    "random_ expects 'from' to be less than 'to', but got from=%" G_GINT64_FORMAT
                    " >= to=%" G_GINT64_FORMAT,
                    low, high);
        return NULL;
    }

    DdpTensor *drawn = ddp_tensor_new_uninitialized(context, DDP_DTYPE_I64, ndim, shape, error);

    if (drawn == NULL)
        return NULL;
    ddp_generator_randint(generator_of(context, generator), (int64_t *)(void *)drawn->data,
                          drawn->numel, low, high);

    DdpTensor *out = ddp_to(drawn, dtype, error);

    ddp_tensor_unref(drawn);
    return out;
}

DdpTensor *
ddp_randperm(DdpModelContext *context, DdpGenerator *generator, int64_t count, GError **error)
{
    if (count < 0 || count > INT32_MAX) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "randperm of %" G_GINT64_FORMAT " was asked for, expected 0 to %d", count,
                    INT32_MAX);
        return NULL;
    }

    DdpTensor *out = ddp_tensor_new_uninitialized(context, DDP_DTYPE_I64, 1, &count, error);

    if (out != NULL)
        ddp_generator_randperm(generator_of(context, generator), (int64_t *)(void *)out->data,
                               out->numel);
    return out;
}

/* ---- dropout ------------------------------------------------------------------------- */

/* saved[0]: the mask */
static bool
dropout_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    inputs[0] = ddp_mul(grad, node->saved[0], error);
    return inputs[0] != NULL;
}

static const DdpGradOp dropout_op = {"MulBackward", dropout_backward};

/* Keeps an element where a uniform number in [0, 1) is below @keep: torch's bernoulli_(keep). */
static bool
draw_kept(DdpGenerator *generator, double keep)
{
    uint64_t bits = ddp_generator_draw64(generator) & (((uint64_t)1 << 53) - 1);

    return (double)bits * 0x1p-53 < keep;
}

/* Masks of 0 and 1 / keep, in the dtype of @mask: each rounded as torch's division rounds it. */
static void
draw_mask(DdpTensor *mask, DdpGenerator *generator, double keep)
{
    DdpDtype dtype = dtype_of(mask);
    size_t bytes = ddp_dtype_bytes(dtype);
    double scale = dtype == DDP_DTYPE_F64 ? 1.0 / keep : (double)(1.0f / (float)keep);
    char elements[2][8];

    ddp_number_store(ddp_number_float(0.0), dtype, elements[0]);
    ddp_number_store(ddp_number_float(scale), dtype, elements[1]);
    for (size_t i = 0; i < mask->numel; i++)
        memcpy(mask->data + i * bytes, elements[draw_kept(generator, keep)], bytes);
}

static bool
check_dropout(const DdpTensor *x, double p, GError **error)
{
    if (!(p >= 0.0 && p <= 1.0)) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                    "dropout probability has to be between 0 and 1, but got %g", p);
        return false;
    }
    return check_float("dropout", dtype_of(x), error);
}

/* A product of two halves is exact in double, so it is rounded once, as by way of float32. */
static void
apply_mask(DdpTensor *out, const DdpTensor *x, const DdpTensor *mask)
{
    if (!dtype_is_half(dtype_of(x))) {
        ddp_float_loop(DDP_LOOP_MUL, dtype_of(x))(x->numel, out->data, x->data, 1, mask->data, 1);
        return;
    }
    for (size_t i = 0; i < x->numel; i++)
        ddp_tensor_set_f64(out, i, ddp_tensor_item_f64(x, i) * ddp_tensor_item_f64(mask, i));
}

/* By a mask that is drawn, or all zeros where nothing is kept. Draws when nothing can fail any
 * more, so that it may be tried again. */
static DdpTensor *
masked(DdpTensor *x, DdpGenerator *generator, double keep, GError **error)
{
    DdpTensor *mask = ddp_tensor_new_like(x, dtype_of(x), error);
    DdpTensor *out = mask != NULL ? ddp_tensor_new_like(x, dtype_of(x), error) : NULL;

    if (out == NULL) {
        clear_tensor(&mask);
        return NULL;
    }
    if (keep > 0.0)
        draw_mask(mask, generator, keep);
    else
        memset(mask->data, 0, ddp_tensor_bytes(mask));
    apply_mask(out, x, mask);
    count_flops(x->context, DDP_FLOPS_BINARY * x->numel);
    if (wants_grad(x)) {
        DdpNode *node = ddp_node_new(out, &dropout_op, 1, 1);

        ddp_node_edge(node, 0, x);
        ddp_node_save(node, 0, mask);
    }
    clear_tensor(&mask);
    return out;
}

DdpTensor *
ddp_dropout(DdpTensor *x, double p, bool training, DdpGenerator *generator, GError **error)
{
    if (!check_dropout(x, p, error))
        return NULL;
    if (!training || p == 0.0 || x->numel == 0)
        return ddp_tensor_ref(x);
    return masked(x, generator_of(x->context, generator), 1.0 - p, error);
}
