/* SPDX-License-Identifier: MIT */
#include "model/ops_pool.h"

#include <math.h>

#include "model/broadcast.h"
#include "model/internal.h"
#include "model/kernels.h"
#include "model/ops.h"

#define SIZE_LIMIT ((int64_t)1 << 31) /* of strides and their kind, and of a plane */

DdpPoolSpec
ddp_pool_spec_default(int64_t kernel_h, int64_t kernel_w)
{
    return (DdpPoolSpec){
        .kernel = {kernel_h, kernel_w},
        .stride = {kernel_h, kernel_w},
        .dilation = {1, 1},
        .count_include_pad = true,
    };
}

/* ---- sizes --------------------------------------------------------------------------- */

typedef struct {
    size_t planes;
    int64_t in[2]; /* height and width */
    int64_t out[2];
    DdpShape shape; /* of the output */
} PoolSize;

static bool fail(GError **error, DdpTensorError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

static bool
fail(GError **error, DdpTensorError code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    g_autofree char *text = g_strdup_vprintf(format, arguments);

    va_end(arguments);
    g_set_error_literal(error, DDP_TENSOR_ERROR, (int)code, text);
    return false;
}

static bool
check_input(const char *verb, const DdpTensor *x, GError **error)
{
    g_autofree char *found = ddp_shape_to_string(x->ndim, x->shape);
    bool empty = x->ndim != 3 && x->ndim != 4;

    for (int i = x->ndim == 4 ? 1 : 0; !empty && i < x->ndim; i++)
        empty = x->shape[i] == 0;
    if (empty)
        return fail(error, DDP_TENSOR_ERROR_SHAPE,
                    "%s: non-empty 3D or 4D (batch mode) tensor expected for input, found %s", verb,
                    found);
    if (!ddp_dtype_is_float(dtype_of(x)))
        return fail(error, DDP_TENSOR_ERROR_DTYPE, "%s of torch.%s is not implemented", verb,
                    ddp_dtype_name(dtype_of(x)));
    if (x->shape[x->ndim - 2] >= SIZE_LIMIT / x->shape[x->ndim - 1])
        return fail(error, DDP_TENSOR_ERROR_SHAPE,
                    "%s: a plane has fewer than 2^31 elements, found %s", verb, found);
    return true;
}

static bool
check_spec(const DdpPoolSpec *spec, GError **error)
{
    for (int i = 0; i < 2; i++) {
        int64_t kernel = spec->kernel[i], dilation = spec->dilation[i];

        if (kernel <= 0 || kernel >= SIZE_LIMIT)
            return fail(error, DDP_TENSOR_ERROR_SHAPE,
                        "kernel size should be greater than zero and below 2^31, but got "
                        "%" G_GINT64_FORMAT,
                        kernel);
        if (spec->stride[i] <= 0 || spec->stride[i] >= SIZE_LIMIT)
            return fail(error, DDP_TENSOR_ERROR_SHAPE,
                        "stride should be greater than zero and below 2^31, but got "
                        "%" G_GINT64_FORMAT,
                        spec->stride[i]);
        if (dilation <= 0 || dilation >= SIZE_LIMIT)
            return fail(error, DDP_TENSOR_ERROR_SHAPE,
                        "dilation should be greater than zero and below 2^31, but got "
                        "%" G_GINT64_FORMAT,
                        dilation);
        if (spec->padding[i] < 0 || spec->padding[i] > ((kernel - 1) * dilation + 1) / 2)
            return fail(error, DDP_TENSOR_ERROR_SHAPE,
                        "pad should be non-negative and at most half of effective kernel size, but "
                        "got pad=%" G_GINT64_FORMAT ", kernel_size=%" G_GINT64_FORMAT
                        " and dilation=%" G_GINT64_FORMAT,
                        spec->padding[i], kernel, dilation);
    }
    return true;
}

/* How many windows there are along one dimension; with @ceil_mode none begins behind the input. */
static int64_t
window_count(int64_t in, const DdpPoolSpec *spec, int i)
{
    int64_t stride = spec->stride[i];
    int64_t span = spec->dilation[i] * (spec->kernel[i] - 1) + 1;
    int64_t slack = in + 2 * spec->padding[i] - span + (spec->ceil_mode ? stride - 1 : 0);
    int64_t count = slack < 0 ? 0 : slack / stride + 1;

    if (spec->ceil_mode && (count - 1) * stride >= in + spec->padding[i])
        count--;
    return count;
}

static bool
make_size(const DdpTensor *x, const int64_t *out, PoolSize *size, GError **error)
{
    *size = (PoolSize){.planes = 1, .shape = ddp_shape_of(x)};
    for (int i = 0; i < 2; i++) {
        size->in[i] = x->shape[x->ndim - 2 + i];
        size->out[i] = out[i];
        size->shape.shape[x->ndim - 2 + i] = out[i];
    }
    for (int i = 0; i + 2 < x->ndim; i++)
        size->planes *= (size_t)x->shape[i];

    size_t numel;

    return ddp_shape_numel(dtype_of(x), size->shape.ndim, size->shape.shape, &numel, error);
}

static bool
plan_pool(const DdpTensor *x, const DdpPoolSpec *spec, PoolSize *size, GError **error)
{
    const int64_t *in = x->shape + x->ndim - 2;
    int64_t channels = x->shape[x->ndim - 3];
    const int64_t out[2] = {window_count(in[0], spec, 0), window_count(in[1], spec, 1)};

    if (out[0] < 1 || out[1] < 1)
        return fail(error, DDP_TENSOR_ERROR_SHAPE,
                    "Given input size: (%" G_GINT64_FORMAT "x%" G_GINT64_FORMAT "x%" G_GINT64_FORMAT
                    "). Calculated output size: (%" G_GINT64_FORMAT "x%" G_GINT64_FORMAT
                    "x%" G_GINT64_FORMAT "). Output size is too small",
                    channels, in[0], in[1], channels, out[0], out[1]);
    return make_size(x, out, size, error);
}

/* Calls @pool on the float32 form of a half, and rounds the result. */
typedef DdpTensor *(*PoolFunc)(DdpTensor *x, const void *how, GError **error);

static DdpTensor *
pool_as_float(PoolFunc pool, DdpTensor *x, const void *how, GError **error)
{
    if (!dtype_is_half(dtype_of(x)))
        return pool(x, how, error);

    DdpTensor *wide = ddp_to(x, DDP_DTYPE_F32, error);
    DdpTensor *pooled = wide != NULL ? pool(wide, how, error) : NULL;
    DdpTensor *out = pooled != NULL ? ddp_to(pooled, dtype_of(x), error) : NULL;

    clear_tensor(&pooled);
    clear_tensor(&wide);
    return out;
}

/* ---- maxima -------------------------------------------------------------------------- */

/* The windows of which place @k of the kernel stands inside of the input: from @first to @end. */
static void
windows_inside(const DdpPoolSpec *spec, const PoolSize *size, int i, int64_t k, int64_t *first,
               int64_t *end)
{
    int64_t stride = spec->stride[i];
    int64_t beside = spec->padding[i] - k * spec->dilation[i]; /* so far in front of the input */
    int64_t behind = beside + size->in[i];

    *first = MIN(beside > 0 ? (beside + stride - 1) / stride : 0, size->out[i]);
    *end = MAX(*first, MIN(behind > 0 ? (behind + stride - 1) / stride : 0, size->out[i]));
}

/* The input's row or column under place @k of window @index. */
static int64_t
place_under(const DdpPoolSpec *spec, int i, int64_t index, int64_t k)
{
    return index * spec->stride[i] - spec->padding[i] + k * spec->dilation[i];
}

/*
 * A row of windows takes the places of the kernel in turn, for all windows that have one there.
 * @places: where in its plane each maximum stands; -1 for a window without elements.
 */
#define MAX_PLANE(type, bits)                                                                      \
    static void max_row_##type(const PoolSize *size, const DdpPoolSpec *spec, const type *in,      \
                               int64_t y, type *out, int32_t *places)                              \
    {                                                                                              \
        const DdpConvKernels *kernels = ddp_kernels()->conv;                                       \
                                                                                                   \
        for (int64_t k = 0; k < spec->kernel[1]; k++) {                                            \
            int64_t first, end;                                                                    \
                                                                                                   \
            windows_inside(spec, size, 1, k, &first, &end);                                        \
            if (first < end) {                                                                     \
                int64_t place = y * size->in[1] + place_under(spec, 1, first, k);                  \
                                                                                                   \
                kernels->greatest_##bits((size_t)(end - first), in + place,                        \
                                         (size_t)spec->stride[1], (int32_t)place, out + first,     \
                                         places + first);                                          \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void max_plane_##type(const PoolSize *size, const DdpPoolSpec *spec, const type *in,    \
                                 type *out, int32_t *places)                                       \
    {                                                                                              \
        for (int64_t i = 0; i < size->out[0] * size->out[1]; i++) {                                \
            out[i] = -(type)INFINITY;                                                              \
            places[i] = -1;                                                                        \
        }                                                                                          \
        for (int64_t i = 0; i < size->out[0]; i++) {                                               \
            for (int64_t k = 0; k < spec->kernel[0]; k++) {                                        \
                int64_t y = place_under(spec, 0, i, k);                                            \
                                                                                                   \
                if (y >= 0 && y < size->in[0])                                                     \
                    max_row_##type(size, spec, in, y, out, places);                                \
            }                                                                                      \
            out += size->out[1];                                                                   \
            places += size->out[1];                                                                \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void max_grad_##type(size_t count, const type *grad, const int32_t *places, type *in)   \
    {                                                                                              \
        for (size_t i = 0; i < count; i++) {                                                       \
            if (places[i] >= 0)                                                                    \
                in[places[i]] += grad[i];                                                          \
        }                                                                                          \
    }

MAX_PLANE(float, f32)
MAX_PLANE(double, f64)

/* slot 0: the shape of the input; saved[0]: the places */
static bool
max_pool_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *in = ddp_tensor_new(grad->context, dtype_of(grad), node->input_ndim[0],
                                   node->input_shape[0], error);

    if (in == NULL)
        return false;

    const int32_t *places = (const int32_t *)(const void *)node->saved[0]->data;
    size_t in_size = (size_t)(in->shape[in->ndim - 2] * in->shape[in->ndim - 1]);
    size_t out_size = (size_t)(grad->shape[grad->ndim - 2] * grad->shape[grad->ndim - 1]);
    const void *from = grad->data;
    void *to = in->data;

    for (size_t plane = 0; plane < grad->numel / out_size; plane++) {
        size_t first = plane * out_size;

        if (grad->dtype == DDP_DTYPE_F32)
            max_grad_float(out_size, (const float *)from + first, places + first,
                           (float *)to + plane * in_size);
        else
            max_grad_double(out_size, (const double *)from + first, places + first,
                            (double *)to + plane * in_size);
    }
    count_flops(grad->context, DDP_FLOPS_SCATTER_ADD * grad->numel);
    inputs[0] = in;
    return true;
}

static const DdpGradOp max_pool_op = {"MaxPool2DWithIndicesBackward", max_pool_backward};

static DdpTensor *
max_pool_wide(DdpTensor *x, const void *how, GError **error)
{
    const DdpPoolSpec *spec = how;
    PoolSize size;

    if (!plan_pool(x, spec, &size, error))
        return NULL;

    DdpTensor *places = ddp_tensor_new_uninitialized(x->context, DDP_DTYPE_I32, size.shape.ndim,
                                                     size.shape.shape, error);
    DdpTensor *out = places != NULL
                         ? ddp_tensor_new_uninitialized(x->context, dtype_of(x), size.shape.ndim,
                                                        size.shape.shape, error)
                         : NULL;

    if (out != NULL) {
        size_t in_size = (size_t)(size.in[0] * size.in[1]);
        size_t out_size = (size_t)(size.out[0] * size.out[1]);
        int32_t *to_places = (int32_t *)(void *)places->data;
        const void *from = x->data;
        void *to = out->data;

        for (size_t plane = 0; plane < size.planes; plane++) {
            size_t first = plane * out_size;

            if (x->dtype == DDP_DTYPE_F32)
                max_plane_float(&size, spec, (const float *)from + plane * in_size,
                                (float *)to + first, to_places + first);
            else
                max_plane_double(&size, spec, (const double *)from + plane * in_size,
                                 (double *)to + first, to_places + first);
        }
        count_flops(x->context, DDP_FLOPS_REDUCE * out->numel * (uint64_t)spec->kernel[0] *
                                    (uint64_t)spec->kernel[1]);
    }
    if (out != NULL && wants_grad(x)) {
        DdpNode *node = ddp_node_new(out, &max_pool_op, 1, 1);

        ddp_node_edge(node, 0, x);
        ddp_node_remember_shape(node, 0, x);
        ddp_node_save(node, 0, places);
    }
    clear_tensor(&places);
    return out;
}

DdpTensor *
ddp_max_pool2d(DdpTensor *x, const DdpPoolSpec *spec, GError **error)
{
    if (!check_input("max_pool2d", x, error) || !check_spec(spec, error))
        return NULL;
    return pool_as_float(max_pool_wide, x, spec, error);
}

/* ---- means --------------------------------------------------------------------------- */

/* One window along one dimension. */
typedef struct {
    int64_t first;
    int64_t end;
    int64_t counted; /* its size as the mean counts it */
} Window;

/* All windows: those of rows, then those of columns. */
typedef struct {
    PoolSize size;
    Window *windows;
    int64_t divisor; /* 0: a window's own */
    bool apart;      /* divide by height and width one after the other, as adaptive pooling does */
} MeanPlan;

static Window
mean_window(const DdpPoolSpec *spec, int i, int64_t in, int64_t index)
{
    int64_t start = index * spec->stride[i] - spec->padding[i];
    int64_t end = MIN(start + spec->kernel[i], in + spec->padding[i]);
    Window window = {.first = MAX(start, 0), .end = MIN(end, in)};

    window.counted = spec->count_include_pad ? end - start : window.end - window.first;
    return window;
}

static Window
adaptive_window(int64_t in, int64_t out, int64_t index)
{
    /* index · in is below out · in, which make_size() has found to fit; in is below 2^31. */
    Window window = {.first = index * in / out, .end = ((index + 1) * in + out - 1) / out};

    window.counted = window.end - window.first;
    return window;
}

/* @spec: NULL for adaptive pooling to size's own output. */
static void
plan_windows(MeanPlan *plan, const DdpPoolSpec *spec)
{
    const PoolSize *size = &plan->size;

    plan->windows = g_new(Window, (size_t)(size->out[0] + size->out[1]));
    plan->divisor = spec != NULL ? spec->divisor_override : 0;
    plan->apart = spec == NULL;
    for (int i = 0; i < 2; i++) {
        for (int64_t k = 0; k < size->out[i]; k++)
            plan->windows[i * size->out[0] + k] =
                spec != NULL ? mean_window(spec, i, size->in[i], k)
                             : adaptive_window(size->in[i], size->out[i], k);
    }
}

/* Elements that the windows of one plane read. */
static uint64_t
elements_read(const MeanPlan *plan)
{
    uint64_t sums[2] = {0, 0};

    for (int i = 0; i < 2; i++) {
        for (int64_t k = 0; k < plan->size.out[i]; k++) {
            const Window *window = &plan->windows[i * plan->size.out[0] + k];

            sums[i] += (uint64_t)MAX(window->end - window->first, 0);
        }
    }
    return sums[0] * sums[1];
}

static uint64_t
mean_flops(const MeanPlan *plan)
{
    uint64_t outputs = (uint64_t)(plan->size.out[0] * plan->size.out[1]);

    return plan->size.planes * (DDP_FLOPS_REDUCE * elements_read(plan) + DDP_FLOPS_MEAN * outputs);
}

#define MEAN_PLANE(type)                                                                           \
    static type divided_##type(const MeanPlan *plan, type sum, const Window *y, const Window *x)   \
    {                                                                                              \
        if (plan->divisor != 0)                                                                    \
            return sum / (type)plan->divisor;                                                      \
        if (plan->apart)                                                                           \
            return sum / (type)y->counted / (type)x->counted;                                      \
        return sum / (type)(y->counted * x->counted);                                              \
    }                                                                                              \
                                                                                                   \
    static void mean_plane_##type(const MeanPlan *plan, const type *in, type *out)                 \
    {                                                                                              \
        const Window *rows = plan->windows;                                                        \
        const Window *columns = plan->windows + plan->size.out[0];                                 \
                                                                                                   \
        for (int64_t i = 0; i < plan->size.out[0]; i++) {                                          \
            for (int64_t j = 0; j < plan->size.out[1]; j++) {                                      \
                type sum = 0;                                                                      \
                                                                                                   \
                for (int64_t y = rows[i].first; y < rows[i].end; y++) {                            \
                    for (int64_t x = columns[j].first; x < columns[j].end; x++)                    \
                        sum += in[y * plan->size.in[1] + x];                                       \
                }                                                                                  \
                *out++ = divided_##type(plan, sum, &rows[i], &columns[j]);                         \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void mean_grad_##type(const MeanPlan *plan, const type *grad, type *in)                 \
    {                                                                                              \
        const Window *rows = plan->windows;                                                        \
        const Window *columns = plan->windows + plan->size.out[0];                                 \
                                                                                                   \
        for (int64_t i = 0; i < plan->size.out[0]; i++) {                                          \
            for (int64_t j = 0; j < plan->size.out[1]; j++) {                                      \
                type part = divided_##type(plan, *grad++, &rows[i], &columns[j]);                  \
                                                                                                   \
                for (int64_t y = rows[i].first; y < rows[i].end; y++) {                            \
                    for (int64_t x = columns[j].first; x < columns[j].end; x++)                    \
                        in[y * plan->size.in[1] + x] += part;                                      \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

MEAN_PLANE(float)
MEAN_PLANE(double)

/*
 * slot 0: the shape of the input. Slot 1: the shape of the output for adaptive pooling, else
 * kernel, stride and padding one by one; ints[0]: adaptive; ints[1], [2]: divisor,
 * count_include_pad
 */
static void
remember_mean(DdpNode *node, const DdpPoolSpec *spec, const DdpTensor *out)
{
    node->ints[0] = spec == NULL;
    if (spec == NULL) {
        ddp_node_remember_shape(node, 1, out);
        return;
    }
    node->ints[1] = spec->divisor_override;
    node->ints[2] = spec->count_include_pad;
    for (int i = 0; i < 2; i++) {
        node->input_shape[1][i] = spec->kernel[i];
        node->input_shape[1][2 + i] = spec->stride[i];
        node->input_shape[1][4 + i] = spec->padding[i];
    }
}

static DdpPoolSpec
recall_mean(const DdpNode *node)
{
    const int64_t *pairs = node->input_shape[1];

    return (DdpPoolSpec){
        .kernel = {pairs[0], pairs[1]},
        .stride = {pairs[2], pairs[3]},
        .padding = {pairs[4], pairs[5]},
        .dilation = {1, 1},
        .divisor_override = node->ints[1],
        .count_include_pad = node->ints[2] != 0,
    };
}

static bool
mean_pool_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    bool adaptive = node->ints[0] != 0;
    DdpPoolSpec spec = recall_mean(node);
    MeanPlan plan;
    DdpTensor *in = ddp_tensor_new(grad->context, dtype_of(grad), node->input_ndim[0],
                                   node->input_shape[0], error);

    if (in == NULL || !make_size(in, grad->shape + grad->ndim - 2, &plan.size, error)) {
        clear_tensor(&in);
        return false;
    }
    inputs[0] = in;
    if (grad->numel == 0)
        return true;
    plan_windows(&plan, adaptive ? NULL : &spec);

    size_t in_size = (size_t)(plan.size.in[0] * plan.size.in[1]);
    size_t out_size = (size_t)(plan.size.out[0] * plan.size.out[1]);
    const void *from = grad->data;
    void *to = in->data;

    for (size_t plane = 0; plane < plan.size.planes; plane++) {
        if (grad->dtype == DDP_DTYPE_F32)
            mean_grad_float(&plan, (const float *)from + plane * out_size,
                            (float *)to + plane * in_size);
        else
            mean_grad_double(&plan, (const double *)from + plane * out_size,
                             (double *)to + plane * in_size);
    }
    count_flops(grad->context, mean_flops(&plan));
    g_free(plan.windows);
    return true;
}

static const DdpGradOp avg_pool_op = {"AvgPool2DBackward", mean_pool_backward};
static const DdpGradOp adaptive_op = {"AdaptiveAvgPool2DBackward", mean_pool_backward};

static void
mean_planes(DdpTensor *x, const DdpPoolSpec *spec, MeanPlan *plan, DdpTensor *out)
{
    const PoolSize *size = &plan->size;
    size_t in_size = (size_t)(size->in[0] * size->in[1]);
    size_t out_size = (size_t)(size->out[0] * size->out[1]);
    const void *from = x->data;
    void *to = out->data;

    plan_windows(plan, spec);
    for (size_t plane = 0; plane < size->planes; plane++) {
        if (x->dtype == DDP_DTYPE_F32)
            mean_plane_float(plan, (const float *)from + plane * in_size,
                             (float *)to + plane * out_size);
        else
            mean_plane_double(plan, (const double *)from + plane * in_size,
                              (double *)to + plane * out_size);
    }
    count_flops(x->context, mean_flops(plan));
    g_free(plan->windows);
}

/* @spec: NULL for adaptive pooling; the size of @plan is made. */
static DdpTensor *
mean_pool(DdpTensor *x, const DdpPoolSpec *spec, MeanPlan *plan, GError **error)
{
    DdpTensor *out = ddp_tensor_new_uninitialized(x->context, dtype_of(x), plan->size.shape.ndim,
                                                  plan->size.shape.shape, error);

    if (out == NULL)
        return NULL;
    if (out->numel > 0)
        mean_planes(x, spec, plan, out);
    if (wants_grad(x)) {
        DdpNode *node = ddp_node_new(out, spec != NULL ? &avg_pool_op : &adaptive_op, 1, 0);

        ddp_node_edge(node, 0, x);
        ddp_node_remember_shape(node, 0, x);
        remember_mean(node, spec, out);
    }
    return out;
}

static DdpTensor *
avg_pool_wide(DdpTensor *x, const void *how, GError **error)
{
    const DdpPoolSpec *spec = how;
    MeanPlan plan;

    return plan_pool(x, spec, &plan.size, error) ? mean_pool(x, spec, &plan, error) : NULL;
}

DdpTensor *
ddp_avg_pool2d(DdpTensor *x, const DdpPoolSpec *spec, GError **error)
{
    DdpPoolSpec own = *spec;

    own.dilation[0] = own.dilation[1] = 1;
    if (!check_input("avg_pool2d", x, error) || !check_spec(&own, error))
        return NULL;
    return pool_as_float(avg_pool_wide, x, &own, error);
}

/* @how: the two sizes of the output. */
static DdpTensor *
adaptive_wide(DdpTensor *x, const void *how, GError **error)
{
    MeanPlan plan;

    return make_size(x, how, &plan.size, error) ? mean_pool(x, NULL, &plan, error) : NULL;
}

DdpTensor *
ddp_adaptive_avg_pool2d(DdpTensor *x, int64_t out_h, int64_t out_w, GError **error)
{
    if (!check_input("adaptive_avg_pool2d", x, error))
        return NULL;

    const int64_t out[2] = {
        out_h == -1 ? x->shape[x->ndim - 2] : out_h,
        out_w == -1 ? x->shape[x->ndim - 1] : out_w,
    };

    for (int i = 0; i < 2; i++) {
        if (out[i] < 0 || out[i] >= SIZE_LIMIT) {
            fail(error, DDP_TENSOR_ERROR_SHAPE,
                 "adaptive_avg_pool2d: elements of output_size must be greater than or equal to 0 "
                 "and below 2^31, but received %" G_GINT64_FORMAT,
                 out[i]);
            return NULL;
        }
    }
    return pool_as_float(adaptive_wide, x, out, error);
}
