/* SPDX-License-Identifier: MIT */
#include "model/ops_norm.h"

#include <math.h>
#include <string.h>

#include "model/kernels.h"
#include "model/norm_private.h"

/* A tensor seen as [outer, channels, inner]; for layer normalisation as [rows, 1, columns]. */
typedef struct {
    size_t outer;
    size_t channels;
    size_t inner;
    size_t count; /* values of a channel */
} Planes;

static Planes
planes_of(const DdpTensor *x)
{
    Planes p = {.outer = (size_t)x->shape[0], .channels = (size_t)x->shape[1], .inner = 1};

    for (int i = 2; i < x->ndim; i++)
        p.inner *= (size_t)x->shape[i];
    p.count = p.outer * p.inner;
    return p;
}

/* What the caller must bring for `scratch` below: partial sums of each run. */
static size_t
scratch_count(Planes p)
{
    return p.inner == 1 ? 0 : p.outer * p.channels;
}

/* ---- arithmetic of float32 and float64 ----------------------------------------------- */

/*
 * `runs` keep a sum for each run of neighbours, which are then added along the outer dimension;
 * rows of single values need no such step. @scratch has scratch_count() elements, twice that for
 * products.
 */
#define ARITHMETIC(type, kernels_of, sum_run, sum_rows)                                             \
    static void channel_sums_##type(Planes p, const type *x, type *scratch, type *out)              \
    {                                                                                               \
        const DdpReduceKernels *reduce = ddp_kernels()->reduce;                                     \
                                                                                                    \
        if (p.inner == 1) {                                                                         \
            reduce->sum_rows(p.outer, p.channels, x, out);                                          \
            return;                                                                                 \
        }                                                                                           \
        for (size_t i = 0; i < p.outer * p.channels; i++)                                           \
            scratch[i] = reduce->sum_run(p.inner, x + i * p.inner);                                 \
        reduce->sum_rows(p.outer, p.channels, scratch, out);                                        \
    }                                                                                               \
                                                                                                    \
    static void channel_squares_##type(Planes p, const type *x, const type *mean, type *scratch,    \
                                       type *out)                                                   \
    {                                                                                               \
        const DdpKernels *kernels = ddp_kernels();                                                  \
                                                                                                    \
        if (p.inner == 1) {                                                                         \
            kernels->norm->kernels_of.squares_rows(p.outer, p.channels, x, mean, out);              \
            return;                                                                                 \
        }                                                                                           \
        for (size_t i = 0; i < p.outer * p.channels; i++)                                           \
            scratch[i] =                                                                            \
                kernels->norm->kernels_of.squares(p.inner, x + i * p.inner, mean[i % p.channels]);  \
        kernels->reduce->sum_rows(p.outer, p.channels, scratch, out);                               \
    }                                                                                               \
                                                                                                    \
    static void channel_products_##type(Planes p, const type *dy, const type *x, const type *mean,  \
                                        type *scratch, type *sum, type *product)                    \
    {                                                                                               \
        const DdpKernels *kernels = ddp_kernels();                                                  \
        size_t runs = p.outer * p.channels;                                                         \
                                                                                                    \
        if (p.inner == 1) {                                                                         \
            kernels->norm->kernels_of.products_rows(p.outer, p.channels, dy, x, mean, sum,          \
                                                    product);                                       \
            return;                                                                                 \
        }                                                                                           \
        for (size_t i = 0; i < runs; i++)                                                           \
            kernels->norm->kernels_of.products(p.inner, dy + i * p.inner, x + i * p.inner,          \
                                               mean[i % p.channels], &scratch[i],                   \
                                               &scratch[runs + i]);                                 \
        kernels->reduce->sum_rows(p.outer, p.channels, scratch, sum);                               \
        kernels->reduce->sum_rows(p.outer, p.channels, scratch + runs, product);                    \
    }                                                                                               \
                                                                                                    \
    static void channel_apply_##type(Planes p, type *out, const type *x, const type *mean,          \
                                     const type *scale, const type *shift)                          \
    {                                                                                               \
        const DdpNormKernels *norm = ddp_kernels()->norm;                                           \
                                                                                                    \
        if (p.inner == 1) {                                                                         \
            norm->kernels_of.apply_rows(p.outer, p.channels, out, x, mean, scale, shift);           \
            return;                                                                                 \
        }                                                                                           \
        for (size_t i = 0; i < p.outer * p.channels; i++) {                                         \
            size_t c = i % p.channels;                                                              \
                                                                                                    \
            norm->kernels_of.apply(p.inner, out + i * p.inner, x + i * p.inner, mean[c], scale[c],  \
                                   shift[c]);                                                       \
        }                                                                                           \
    }                                                                                               \
                                                                                                    \
    static void channel_grad_##type(Planes p, type *out, const type *dy, const type *x,             \
                                    const type *mean, const type *base, const type *slope,          \
                                    const type *scale)                                              \
    {                                                                                               \
        const DdpNormKernels *norm = ddp_kernels()->norm;                                           \
                                                                                                    \
        if (p.inner == 1) {                                                                         \
            norm->kernels_of.grad_rows(p.outer, p.channels, out, dy, x, mean, base, slope, scale);  \
            return;                                                                                 \
        }                                                                                           \
        for (size_t i = 0; i < p.outer * p.channels; i++) {                                         \
            size_t c = i % p.channels;                                                              \
                                                                                                    \
            norm->kernels_of.grad(p.inner, out + i * p.inner, dy + i * p.inner, x + i * p.inner,    \
                                  mean[c], base[c], slope[c], scale[c]);                            \
        }                                                                                           \
    }                                                                                               \
                                                                                                    \
    /* The batch's own mean and Σ (x - mean)². */                                                 \
    static void batch_moments_##type(Planes p, const type *x, type *scratch, type *mean,            \
                                     type *squares)                                                 \
    {                                                                                               \
        channel_sums_##type(p, x, scratch, mean);                                                   \
        for (size_t c = 0; c < p.channels; c++)                                                     \
            mean[c] /= (type)p.count;                                                               \
        channel_squares_##type(p, x, mean, scratch, squares);                                       \
    }                                                                                               \
                                                                                                    \
    static void invert_##type(size_t channels, const type *squares, double count, double eps,       \
                              type *invstd)                                                         \
    {                                                                                               \
        for (size_t c = 0; c < channels; c++)                                                       \
            invstd[c] = (type)(1.0 / sqrt((double)squares[c] / count + eps));                       \
    }                                                                                               \
                                                                                                    \
    /*                                                                                              \
     * In rank order, a rank at a time: what n values so far and n_j more have together. In         \
     * double, so that what is lost is only what was rounded for the journey. @total gets the       \
     * number of all values.                                                                        \
     */                                                                                             \
    static void combine_##type(size_t channels, int ranks, const type *all, double eps,             \
                               type *mean, type *squares, double *total)                            \
    {                                                                                               \
        size_t width = 2 * channels + 1;                                                            \
                                                                                                    \
        *total = 0.0;                                                                               \
        for (int r = 0; r < ranks; r++)                                                             \
            *total += (double)all[(size_t)r * width + 2 * channels];                                \
        for (size_t c = 0; c < channels; c++) {                                                     \
            double n = 0.0, average = 0.0, m2 = 0.0;                                                \
                                                                                                    \
            for (int r = 0; r < ranks; r++) {                                                       \
                const type *stats = all + (size_t)r * width;                                        \
                double count = (double)stats[2 * channels];                                         \
                double m = (double)stats[c];                                                        \
                double invstd = (double)stats[channels + c];                                        \
                                                                                                    \
                if (!(count >= 1.0))                                                                \
                    continue;                                                                       \
                m2 += (1.0 / (invstd * invstd) - eps) * count +                                     \
                      (average - m) * (average - m) * n * count / (n + count);                      \
                average = (n * average + count * m) / (n + count);                                  \
                n += count;                                                                         \
            }                                                                                       \
            mean[c] = (type)average;                                                                \
            squares[c] = (type)m2;                                                                  \
        }                                                                                           \
    }                                                                                               \
                                                                                                    \
    /* running <- (1 - momentum)·running + momentum·now, of mean and unbiased variance */         \
    static void update_running_##type(size_t channels, const DdpBatchNormSpec *spec,                \
                                      const type *mean, const type *squares, double count)          \
    {                                                                                               \
        double keep = 1.0 - spec->momentum;                                                         \
                                                                                                    \
        for (size_t c = 0; c < channels && spec->running_mean != NULL; c++)                         \
            ddp_tensor_set_f64(spec->running_mean, c,                                               \
                               keep *ddp_tensor_item_f64(spec->running_mean, c) +                   \
                                   spec->momentum * (double)mean[c]);                               \
        for (size_t c = 0; c < channels && spec->running_var != NULL; c++)                          \
            ddp_tensor_set_f64(spec->running_var, c,                                                \
                               keep *ddp_tensor_item_f64(spec->running_var, c) +                    \
                                   spec->momentum * ((double)squares[c] / (count - 1.0)));          \
    }                                                                                               \
                                                                                                    \
    /* What one rank tells the others. */                                                           \
    static void pack_stats_##type(Planes p, const type *mean, const type *invstd, type *own)        \
    {                                                                                               \
        memset(own, 0, (2 * p.channels + 1) * sizeof own[0]);                                       \
        if (p.count == 0)                                                                           \
            return;                                                                                 \
        memcpy(own, mean, p.channels * sizeof own[0]);                                              \
        memcpy(own + p.channels, invstd, p.channels * sizeof own[0]);                               \
        own[2 * p.channels] = (type)p.count;                                                        \
    }                                                                                               \
                                                                                                    \
    static void running_stats_##type(size_t channels, const DdpBatchNormSpec *spec, type *mean,     \
                                     type *invstd)                                                  \
    {                                                                                               \
        for (size_t c = 0; c < channels; c++) {                                                     \
            mean[c] = (type)ddp_tensor_item_f64(spec->running_mean, c);                             \
            invstd[c] = (type)(1.0 / sqrt(ddp_tensor_item_f64(spec->running_var, c) + spec->eps));  \
        }                                                                                           \
    }                                                                                               \
                                                                                                    \
    /* @scale and @shift: room for a value per channel */                                           \
    static void normalise_##type(Planes p, type *out, const type *x, const type *mean,              \
                                 const type *invstd, const type *weight, const type *bias,          \
                                 type *scale, type *shift)                                          \
    {                                                                                               \
        for (size_t c = 0; c < p.channels; c++) {                                                   \
            scale[c] = weight != NULL ? invstd[c] * weight[c] : invstd[c];                          \
            shift[c] = bias != NULL ? bias[c] : 0;                                                  \
        }                                                                                           \
        channel_apply_##type(p, out, x, mean, scale, shift);                                        \
    }                                                                                               \
                                                                                                    \
    /* @sums: Σ dy and Σ dy·(x - mean) over all ranks; NULL: mean and invstd did not depend on x \
     */                                                                                             \
    static void input_grad_##type(Planes p, type *out, const type *dy, const type *x,               \
                                  const type *mean, const type *invstd, const type *weight,         \
                                  const type *sums, type total, type *room)                         \
    {                                                                                               \
        type *scale = room, *base = room + p.channels, *slope = room + 2 * p.channels;              \
                                                                                                    \
        for (size_t c = 0; c < p.channels; c++) {                                                   \
            scale[c] = weight != NULL ? invstd[c] * weight[c] : invstd[c];                          \
            base[c] = sums != NULL ? sums[c] / total : 0;                                           \
            slope[c] = sums != NULL ? sums[p.channels + c] / total * invstd[c] * invstd[c] : 0;     \
        }                                                                                           \
        if (sums != NULL)                                                                           \
            channel_grad_##type(p, out, dy, x, mean, base, slope, scale);                           \
        else                                                                                        \
            channel_apply_##type(p, out, dy, base, scale, slope);                                   \
    }

ARITHMETIC(float, f32, sum_f32, sum_rows_f32)
ARITHMETIC(double, f64, sum_f64, sum_rows_f64)

/* ---- shared with layer normalisation ------------------------------------------------- */

bool
ddp_norm_check_parameter(const char *verb, const char *name, const DdpTensor *parameter,
                         const DdpTensor *x, GError **error)
{
    if (parameter == NULL || parameter->dtype == x->dtype ||
        (dtype_is_half(dtype_of(x)) && parameter->dtype == DDP_DTYPE_F32))
        return true;
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                "%s: the %s is torch.%s, expected torch.%s as the input is", verb, name,
                ddp_dtype_name(dtype_of(parameter)), ddp_dtype_name(dtype_of(x)));
    return false;
}

bool
ddp_norm_check_float(const char *verb, const DdpTensor *x, GError **error)
{
    if (ddp_dtype_is_float(dtype_of(x)))
        return true;
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                "%s is not implemented for torch.%s", verb, ddp_dtype_name(dtype_of(x)));
    return false;
}

bool
ddp_norm_widen(DdpTensor *x, DdpTensor **wide, GError **error)
{
    *wide = x == NULL                    ? NULL
            : dtype_is_half(dtype_of(x)) ? ddp_to(x, DDP_DTYPE_F32, error)
                                         : ddp_tensor_ref(x);
    return x == NULL || *wide != NULL;
}

/* ---- batch normalisation: backward --------------------------------------------------- */

/*
 * saved[0]: x; saved[1]: mean and invstd, [2C]; saved[2]: the weight, if there is one.
 * ints[0]: whether mean and invstd come from the batch; floats[0]: how many values that was, over
 * all ranks; pointer: the DdpNormSync, or NULL.
 */
typedef struct {
    DdpTensor *x;
    DdpTensor *stats;
    DdpTensor *weight; /* (nullable) */
    DdpTensor *sums;   /* owned: Σ dy and Σ dy·(x - mean), [2C] */
    DdpTensor *room;   /* owned: for three values per channel, or for partial sums */
    Planes planes;
} Backward;

static void
backward_clear(Backward *b)
{
    clear_tensor(&b->sums);
    clear_tensor(&b->room);
}

static bool
backward_open(Backward *b, const DdpNode *node, GError **error)
{
    *b = (Backward){.x = node->saved[0], .stats = node->saved[1], .weight = node->saved[2]};
    b->planes = planes_of(b->x);
    b->sums = vector_new(b->x, 2 * b->planes.channels, error);
    if (b->sums != NULL)
        b->room =
            vector_new(b->x, MAX(3 * b->planes.channels, 2 * scratch_count(b->planes)), error);
    return b->room != NULL;
}

static void
backward_sums(const Backward *b, const DdpTensor *grad)
{
    size_t channels = b->planes.channels;

    if (b->x->dtype == DDP_DTYPE_F32)
        channel_products_float(b->planes, as_f32(grad), as_f32(b->x), as_f32(b->stats),
                               to_f32(b->room), to_f32(b->sums), to_f32(b->sums) + channels);
    else
        channel_products_double(b->planes, as_f64(grad), as_f64(b->x), as_f64(b->stats),
                                to_f64(b->room), to_f64(b->sums), to_f64(b->sums) + channels);
    count_flops(b->x->context, DDP_FLOPS_NORM_SUMS * b->x->numel);
}

/* dbias is Σ dy, dweight is Σ dy·(x - mean)·invstd: of this rank's samples alone. */
static bool
parameter_grads(const Backward *b, const DdpNode *node, DdpTensor **inputs, GError **error)
{
    size_t channels = b->planes.channels;
    size_t bytes = channels * ddp_dtype_bytes(dtype_of(b->x));

    for (int i = 1; i <= 2; i++) {
        if (!node_wants(node, i))
            continue;
        inputs[i] = vector_new(b->x, channels, error);
        if (inputs[i] == NULL)
            return false;
        if (i == 2)
            memcpy(inputs[i]->data, b->sums->data, bytes);
        for (size_t c = 0; i == 1 && c < channels; c++) {
            if (b->x->dtype == DDP_DTYPE_F32)
                to_f32(inputs[i])[c] =
                    as_f32(b->sums)[channels + c] * as_f32(b->stats)[channels + c];
            else
                to_f64(inputs[i])[c] =
                    as_f64(b->sums)[channels + c] * as_f64(b->stats)[channels + c];
        }
    }
    return true;
}

static void
input_grad(const Backward *b, const DdpNode *node, const DdpTensor *grad, DdpTensor *out)
{
    size_t channels = b->planes.channels;
    bool of_batch = node->ints[0] != 0;

    if (b->x->dtype == DDP_DTYPE_F32)
        input_grad_float(b->planes, to_f32(out), as_f32(grad), as_f32(b->x), as_f32(b->stats),
                         as_f32(b->stats) + channels, as_f32(b->weight),
                         of_batch ? as_f32(b->sums) : NULL, (float)node->floats[0],
                         to_f32(b->room));
    else
        input_grad_double(b->planes, to_f64(out), as_f64(grad), as_f64(b->x), as_f64(b->stats),
                          as_f64(b->stats) + channels, as_f64(b->weight),
                          of_batch ? as_f64(b->sums) : NULL, node->floats[0], to_f64(b->room));
    count_flops(b->x->context,
                (of_batch ? DDP_FLOPS_GRAD_NORM : DDP_FLOPS_GRAD_NORM_FIX) * b->x->numel);
}

static bool
batch_norm_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    const DdpNormSync *sync = node->pointer;
    bool of_batch = node->ints[0] != 0;
    Backward b;
    bool ok = backward_open(&b, node, error);
    DdpTensor *wide = ok ? ddp_to(grad, dtype_of(b.x), error) : NULL; /* of a half */

    ok = wide != NULL;
    if (ok && node_wants(node, 0)) {
        inputs[0] = ddp_tensor_new_like(b.x, dtype_of(b.x), error);
        ok = inputs[0] != NULL;
    }
    if (ok && (of_batch || node_wants(node, 1) || node_wants(node, 2)))
        backward_sums(&b, wide);
    ok = ok && parameter_grads(&b, node, inputs, error);
    if (ok && node_wants(node, 0) && sync != NULL)
        ok = sync->sum_grads(sync->user_data, b.sums, error);
    if (ok && node_wants(node, 0))
        input_grad(&b, node, wide, inputs[0]);
    clear_tensor(&wide);
    backward_clear(&b);
    return ok;
}

static const DdpGradOp batch_norm_op = {"NativeBatchNormBackward", batch_norm_backward};
static const DdpGradOp sync_batch_norm_op = {"SyncBatchNormBackward", batch_norm_backward};

/* ---- batch normalisation: forward ---------------------------------------------------- */

DdpBatchNormSpec
ddp_batch_norm_spec_default(void)
{
    return (DdpBatchNormSpec){.momentum = 0.1, .eps = 1e-5};
}

static bool
check_channels(const char *name, const DdpTensor *tensor, int64_t channels, GError **error)
{
    if (tensor == NULL || (tensor->ndim == 1 && tensor->shape[0] == channels))
        return true;

    g_autofree char *shape = ddp_shape_to_string(tensor->ndim, tensor->shape);

    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                "batch_norm: %s should contain %" G_GINT64_FORMAT
                " elements, one for each channel of the input, found shape %s",
                name, channels, shape);
    return false;
}

static bool
check_running(const char *name, const DdpTensor *running, GError **error)
{
    if (running == NULL || ddp_dtype_is_float(dtype_of(running)))
        return true;
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                "batch_norm: the %s is torch.%s, expected a floating dtype", name,
                ddp_dtype_name(dtype_of(running)));
    return false;
}

static bool
check_batch_norm(const DdpTensor *x, const DdpBatchNormSpec *spec, GError **error)
{
    if (!ddp_norm_check_float("batch_norm", x, error))
        return false;
    if (x->ndim < 2) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "expected at least 2D input (got %dD input)", x->ndim);
        return false;
    }
    if (!spec->training && (spec->running_mean == NULL || spec->running_var == NULL)) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                            "Expected running_mean and running_var to be defined when "
                            "training=False");
        return false;
    }
    return check_channels("running_mean", spec->running_mean, x->shape[1], error) &&
           check_channels("running_var", spec->running_var, x->shape[1], error) &&
           check_channels("weight", spec->weight, x->shape[1], error) &&
           check_channels("bias", spec->bias, x->shape[1], error) &&
           check_running("running_mean", spec->running_mean, error) &&
           check_running("running_var", spec->running_var, error) &&
           ddp_norm_check_parameter("batch_norm", "weight", spec->weight, x, error) &&
           ddp_norm_check_parameter("batch_norm", "bias", spec->bias, x, error);
}

static bool
check_batch_size(const DdpTensor *x, Planes p, GError **error)
{
    if (p.count != 1)
        return true;

    g_autofree char *shape = ddp_shape_to_string(x->ndim, x->shape);

    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                "Expected more than 1 value per channel when training, got input size "
                "torch.Size(%s)",
                shape);
    return false;
}

/* What forward needs; all of it is made before anything is computed. */
typedef struct {
    Planes planes;
    DdpTensor *out;
    DdpTensor *result; /* the same, or its elements as halves */
    DdpTensor *stats;  /* [2C]: mean, invstd */
    DdpTensor *room;   /* partial sums; squares, scale and shift of each channel */
    DdpTensor *own;    /* with a sync: see DdpNormSync */
    DdpTensor *all;
} Forward;

static void
forward_clear(Forward *f)
{
    clear_tensor(&f->out);
    clear_tensor(&f->result);
    clear_tensor(&f->stats);
    clear_tensor(&f->room);
    clear_tensor(&f->own);
    clear_tensor(&f->all);
}

static bool
forward_open(Forward *f, DdpTensor *x, DdpDtype result, const DdpBatchNormSpec *spec,
             GError **error)
{
    Planes p = planes_of(x);

    *f = (Forward){.planes = p};
    f->out = ddp_tensor_new_like(x, dtype_of(x), error);
    if (f->out != NULL)
        f->result =
            result == dtype_of(x) ? ddp_tensor_ref(f->out) : ddp_tensor_new_like(x, result, error);
    if (f->result != NULL)
        f->stats = vector_new(x, 2 * p.channels, error);
    if (f->stats != NULL)
        f->room = vector_new(x, 3 * p.channels + scratch_count(p), error);
    if (f->room == NULL)
        return false;
    if (spec->sync == NULL)
        return true;

    int64_t shape[] = {spec->sync->size, (int64_t)(2 * p.channels + 1)};

    f->own = vector_new(x, 2 * p.channels + 1, error);
    if (f->own != NULL)
        f->all = ddp_tensor_new_uninitialized(x->context, dtype_of(x), 2, shape, error);
    return f->all != NULL;
}

/* Mean and invstd of the batch, or of the batches of all ranks; @total: how many values. */
static bool
forward_stats(const Forward *f, const DdpTensor *x, const DdpBatchNormSpec *spec, double *total,
              GError **error)
{
    const DdpNormSync *sync = spec->sync;
    size_t channels = f->planes.channels;
    bool is_float = x->dtype == DDP_DTYPE_F32;
    bool ok = true;

    *total = (double)f->planes.count;
    if (f->planes.count > 0 && is_float) {
        batch_moments_float(f->planes, as_f32(x), to_f32(f->room) + 3 * channels, to_f32(f->stats),
                            to_f32(f->room));
        invert_float(channels, as_f32(f->room), *total, spec->eps, to_f32(f->stats) + channels);
    } else if (f->planes.count > 0) {
        batch_moments_double(f->planes, as_f64(x), to_f64(f->room) + 3 * channels, to_f64(f->stats),
                             to_f64(f->room));
        invert_double(channels, as_f64(f->room), *total, spec->eps, to_f64(f->stats) + channels);
    } else {
        memset(f->stats->data, 0, ddp_tensor_bytes(f->stats));
    }
    count_flops(x->context, DDP_FLOPS_NORM_STATS * x->numel);
    if (sync == NULL)
        return true;

    if (is_float)
        pack_stats_float(f->planes, as_f32(f->stats), as_f32(f->stats) + channels, to_f32(f->own));
    else
        pack_stats_double(f->planes, as_f64(f->stats), as_f64(f->stats) + channels, to_f64(f->own));
    ok = sync->gather_stats(sync->user_data, f->own, f->all, error);
    if (ok && is_float) {
        combine_float(channels, sync->size, as_f32(f->all), spec->eps, to_f32(f->stats),
                      to_f32(f->room), total);
        invert_float(channels, as_f32(f->room), *total, spec->eps, to_f32(f->stats) + channels);
    } else if (ok) {
        combine_double(channels, sync->size, as_f64(f->all), spec->eps, to_f64(f->stats),
                       to_f64(f->room), total);
        invert_double(channels, as_f64(f->room), *total, spec->eps, to_f64(f->stats) + channels);
    }
    return ok;
}

static void
forward_update_running(const Forward *f, const DdpBatchNormSpec *spec, double total)
{
    if (f->stats->dtype == DDP_DTYPE_F32)
        update_running_float(f->planes.channels, spec, as_f32(f->stats), as_f32(f->room), total);
    else
        update_running_double(f->planes.channels, spec, as_f64(f->stats), as_f64(f->room), total);
    if (spec->running_mean != NULL)
        ddp_tensor_mark_written(spec->running_mean);
    if (spec->running_var != NULL)
        ddp_tensor_mark_written(spec->running_var);
}

static void
forward_normalise(const Forward *f, const DdpTensor *x, const DdpBatchNormSpec *spec)
{
    size_t channels = f->planes.channels;

    if (x->dtype == DDP_DTYPE_F32)
        normalise_float(f->planes, to_f32(f->out), as_f32(x), as_f32(f->stats),
                        as_f32(f->stats) + channels, as_f32(spec->weight), as_f32(spec->bias),
                        to_f32(f->room) + channels, to_f32(f->room) + 2 * channels);
    else
        normalise_double(f->planes, to_f64(f->out), as_f64(x), as_f64(f->stats),
                         as_f64(f->stats) + channels, as_f64(spec->weight), as_f64(spec->bias),
                         to_f64(f->room) + channels, to_f64(f->room) + 2 * channels);
    count_flops(x->context, (spec->weight != NULL ? DDP_FLOPS_NORM_SCALE + DDP_FLOPS_NORM_AFFINE
                                                  : DDP_FLOPS_NORM_SCALE) *
                                x->numel);
    if (f->result != f->out)
        ddp_convert(x->numel, f->result->data, dtype_of(f->result), f->out->data, dtype_of(x));
}

static void
batch_norm_record(const Forward *f, DdpTensor *x, const DdpBatchNormSpec *spec, double total)
{
    bool wants = wants_grad(x) || (spec->weight != NULL && wants_grad(spec->weight)) ||
                 (spec->bias != NULL && wants_grad(spec->bias));

    if (!wants)
        return;

    const DdpGradOp *op = spec->sync != NULL ? &sync_batch_norm_op : &batch_norm_op;
    DdpNode *node = ddp_node_new(f->result, op, 3, 3);

    ddp_node_edge(node, 0, x);
    ddp_node_save(node, 0, x);
    ddp_node_save(node, 1, f->stats);
    if (spec->weight != NULL) {
        ddp_node_edge(node, 1, spec->weight);
        ddp_node_save(node, 2, spec->weight);
    }
    if (spec->bias != NULL)
        ddp_node_edge(node, 2, spec->bias);
    node->ints[0] = spec->training;
    node->floats[0] = total;
    node->pointer = spec->sync;
}

/* @x is float32 or float64, and so are weight and bias; the result is of dtype @result. */
static DdpTensor *
batch_norm_wide(DdpTensor *x, DdpDtype result, const DdpBatchNormSpec *spec, GError **error)
{
    Forward f;
    double total = 0.0;
    DdpTensor *out = NULL;
    bool ok = forward_open(&f, x, result, spec, error);

    if (ok && spec->training) {
        ok = forward_stats(&f, x, spec, &total, error);
    } else if (ok && x->dtype == DDP_DTYPE_F32) {
        running_stats_float(f.planes.channels, spec, to_f32(f.stats),
                            to_f32(f.stats) + f.planes.channels);
    } else if (ok) {
        running_stats_double(f.planes.channels, spec, to_f64(f.stats),
                             to_f64(f.stats) + f.planes.channels);
    }
    if (ok && spec->training && (spec->sync != NULL || f.planes.count > 0))
        forward_update_running(&f, spec, total);
    if (ok) {
        forward_normalise(&f, x, spec);
        batch_norm_record(&f, x, spec, total);
        out = ddp_tensor_ref(f.result);
    }
    forward_clear(&f);
    return out;
}

DdpTensor *
ddp_batch_norm(DdpTensor *x, const DdpBatchNormSpec *spec, GError **error)
{
    if (!check_batch_norm(x, spec, error))
        return NULL;

    DdpBatchNormSpec own = *spec;

    if (!own.training || (own.sync != NULL && own.sync->size < 2))
        own.sync = NULL;
    if (own.training && own.sync == NULL && !check_batch_size(x, planes_of(x), error))
        return NULL;
    if (!dtype_is_half(dtype_of(x)))
        return batch_norm_wide(x, dtype_of(x), &own, error);

    DdpTensor *wide = NULL, *weight = NULL, *bias = NULL;
    DdpTensor *out = NULL;

    if (ddp_norm_widen(x, &wide, error) && ddp_norm_widen(spec->weight, &weight, error) &&
        ddp_norm_widen(spec->bias, &bias, error)) {
        own.weight = weight;
        own.bias = bias;
        out = batch_norm_wide(wide, dtype_of(x), &own, error);
    }
    clear_tensor(&bias);
    clear_tensor(&weight);
    clear_tensor(&wide);
    return out;
}
