/* SPDX-License-Identifier: MIT */
#include "model/ops_conv.h"

#include <string.h>

#include "model/autocast.h"
#include "model/broadcast.h"
#include "model/internal.h"
#include "model/kernels.h"
#include "model/math/gemm.h"
#include "model/ops.h"

/*
 * For one block of positions and one group, with the weight as [group_out, depth] and what the
 * kernel sees ("columns") as [depth, count]:
 *
 *   out      = bias + weight · columns
 *   d weight = d out · columnsᵀ
 *   d x      = fold(weightᵀ · d out)
 *
 * Columns are made again in backward rather than kept: they are kernel-size times the image. A
 * 1x1 kernel sees the image as it is, and needs none.
 */

#define BLOCK_ELEMENTS ((size_t)1 << 18) /* of columns */
#define BLOCK_POSITIONS_MIN ((size_t)64)
#define BLOCK_POSITIONS_MAX ((size_t)1024)
#define SIZE_LIMIT ((int64_t)1 << 31) /* of strides and their kind */

typedef struct {
    size_t images;
    size_t groups;
    size_t group_in;  /* channels of a group */
    size_t group_out; /* its output channels */
    size_t places;    /* of the kernel */
    size_t depth;     /* group_in · places: terms of a sum */
    size_t in_size;   /* elements of an input plane */
    size_t positions; /* elements of an output plane */
    size_t block;     /* positions of a block, at most */
    bool pointwise;
    DdpConvPlane plane;
    DdpShape out;
} ConvSize;

/* A stretch of one image's positions, or all positions of several images. */
typedef struct {
    size_t image;
    size_t images;
    size_t first;
    size_t stretch; /* positions of each image */
    size_t count;   /* images · stretch */
} Block;

DdpConvSpec
ddp_conv_spec_default(void)
{
    return (DdpConvSpec){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
}

/* ---- sizes --------------------------------------------------------------------------- */

static bool fail_shape(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool
fail_shape(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    g_autofree char *text = g_strdup_vprintf(format, arguments);

    va_end(arguments);
    g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE, text);
    return false;
}

static bool
check_spec(const DdpConvSpec *spec, int rank, GError **error)
{
    for (int i = 2 - rank; i < 2; i++) {
        if (spec->stride[i] <= 0)
            return fail_shape(error, "non-positive stride is not supported");
        if (spec->pad_before[i] < 0 || spec->pad_after[i] < 0)
            return fail_shape(error, "negative padding is not supported");
        if (spec->dilation[i] <= 0)
            return fail_shape(error,
                              "dilation should be greater than zero, but got %" G_GINT64_FORMAT,
                              spec->dilation[i]);
        if (spec->stride[i] >= SIZE_LIMIT || spec->pad_before[i] >= SIZE_LIMIT ||
            spec->pad_after[i] >= SIZE_LIMIT || spec->dilation[i] >= SIZE_LIMIT)
            return fail_shape(error, "strides, paddings and dilations of a convolution are below "
                                     "2^31");
    }
    if (spec->groups <= 0)
        return fail_shape(error, "non-positive groups is not supported");
    return true;
}

static bool
check_tensors(int rank, const DdpTensor *x, const DdpTensor *weight, const DdpTensor *bias,
              int64_t groups, GError **error)
{
    g_autofree char *found = ddp_shape_to_string(x->ndim, x->shape);
    g_autofree char *weights = ddp_shape_to_string(weight->ndim, weight->shape);

    if (weight->ndim != rank + 2)
        return fail_shape(error, "expected %dD weight for conv%dd, but got weight of size %s",
                          rank + 2, rank, weights);
    if (x->ndim != rank + 1 && x->ndim != rank + 2)
        return fail_shape(error,
                          "Expected %dD (unbatched) or %dD (batched) input to conv%dd, but got "
                          "input of size: %s",
                          rank + 1, rank + 2, rank, found);
    if (weight->shape[0] == 0 || weight->numel == 0)
        return fail_shape(error, "the weight of a convolution has elements, but its size is %s",
                          weights);
    if (weight->shape[0] % groups != 0)
        return fail_shape(error,
                          "Given groups=%" G_GINT64_FORMAT
                          ", expected weight to be divisible by %" G_GINT64_FORMAT
                          " at dimension 0, but got weight of size %s instead",
                          groups, groups, weights);

    int64_t channels = x->shape[x->ndim - rank - 1];

    if (channels % groups != 0 || channels / groups != weight->shape[1])
        return fail_shape(error,
                          "Given groups=%" G_GINT64_FORMAT ", weight of size %s, expected input%s "
                          "to have %" G_GINT64_FORMAT " channels, but got %" G_GINT64_FORMAT
                          " channels instead",
                          groups, weights, found, weight->shape[1] * groups, channels);
    if (bias != NULL && (bias->ndim != 1 || bias->shape[0] != weight->shape[0])) {
        g_autofree char *biases = ddp_shape_to_string(bias->ndim, bias->shape);

        return fail_shape(error,
                          "Given weight of size %s, expected bias to be 1-dimensional with "
                          "%" G_GINT64_FORMAT " elements, but got bias of size %s instead",
                          weights, weight->shape[0], biases);
    }
    return true;
}

static bool
check_dtypes(const DdpTensor *x, const DdpTensor *weight, const DdpTensor *bias, GError **error)
{
    const DdpTensor *other = weight->dtype != x->dtype                 ? weight
                             : bias != NULL && bias->dtype != x->dtype ? bias
                                                                       : NULL;

    if (other != NULL) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "expected scalar type %s but found %s", ddp_dtype_scalar_name(dtype_of(x)),
                    ddp_dtype_scalar_name(dtype_of(other)));
        return false;
    }
    if (!ddp_dtype_is_float(dtype_of(x))) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "convolutions of torch.%s are not implemented", ddp_dtype_name(dtype_of(x)));
        return false;
    }
    return true;
}

/* Output positions along one dimension, 0 or less where the kernel does not fit. */
static bool
slide(int64_t in, int64_t kernel, const DdpConvSpec *spec, int i, int64_t *padded, int64_t *span,
      int64_t *out)
{
    if (__builtin_add_overflow(in, spec->pad_before[i] + spec->pad_after[i], padded) ||
        __builtin_mul_overflow(kernel - 1, spec->dilation[i], span) ||
        __builtin_add_overflow(*span, 1, span))
        return false;
    *out = *padded >= *span ? (*padded - *span) / spec->stride[i] + 1 : 0;
    return true;
}

static bool
slide_both(const int64_t *in, const int64_t *kernel, const DdpConvSpec *spec, int rank,
           int64_t *out, GError **error)
{
    int64_t padded[2], span[2];

    for (int i = 0; i < 2; i++) {
        if (!slide(in[i], kernel[i], spec, i, &padded[i], &span[i], &out[i]))
            return fail_shape(error, "the padded input or the dilated kernel is too large");
    }
    if (padded[0] >= span[0] && padded[1] >= span[1])
        return true;
    if (rank == 1)
        return fail_shape(error,
                          "Calculated padded input size per channel: (%" G_GINT64_FORMAT
                          "). Kernel size: (%" G_GINT64_FORMAT
                          "). Kernel size can't be greater than actual input size",
                          padded[1], span[1]);
    return fail_shape(error,
                      "Calculated padded input size per channel: (%" G_GINT64_FORMAT
                      " x %" G_GINT64_FORMAT "). Kernel size: (%" G_GINT64_FORMAT
                      " x %" G_GINT64_FORMAT
                      "). Kernel size can't be greater than actual input size",
                      padded[0], padded[1], span[0], span[1]);
}

static size_t
block_positions(const ConvSize *size)
{
    size_t fitting = BLOCK_ELEMENTS / size->depth / BLOCK_POSITIONS_MIN * BLOCK_POSITIONS_MIN;
    size_t block = CLAMP(fitting, BLOCK_POSITIONS_MIN, BLOCK_POSITIONS_MAX);

    return size->positions >= block ? block : block / size->positions * size->positions;
}

/* One spatial dimension (@rank 1) is seen as a height of 1. */
static bool
plan_conv(int rank, const DdpTensor *x, const DdpTensor *weight, const DdpConvSpec *spec,
          ConvSize *size, GError **error)
{
    const int64_t *in = x->shape + x->ndim - rank;
    const int64_t *kernel = weight->shape + 2;
    const int64_t in_hw[2] = {rank == 2 ? in[0] : 1, in[rank - 1]};
    const int64_t kernel_hw[2] = {rank == 2 ? kernel[0] : 1, kernel[rank - 1]};
    bool batched = x->ndim == rank + 2;
    int64_t out[2];

    if (!slide_both(in_hw, kernel_hw, spec, rank, out, error))
        return false;
    *size = (ConvSize){
        .images = batched ? (size_t)x->shape[0] : 1,
        .groups = (size_t)spec->groups,
        .group_in = (size_t)weight->shape[1],
        .group_out = (size_t)(weight->shape[0] / spec->groups),
        .places = (size_t)(kernel_hw[0] * kernel_hw[1]),
        .in_size = (size_t)(in_hw[0] * in_hw[1]),
        .plane =
            {
                .in_h = (size_t)in_hw[0],
                .in_w = (size_t)in_hw[1],
                .out_h = (size_t)out[0],
                .out_w = (size_t)out[1],
                .kernel_h = (size_t)kernel_hw[0],
                .kernel_w = (size_t)kernel_hw[1],
                .stride_h = (size_t)spec->stride[0],
                .stride_w = (size_t)spec->stride[1],
                .pad_h = (size_t)spec->pad_before[0],
                .pad_w = (size_t)spec->pad_before[1],
                .dilation_h = (size_t)spec->dilation[0],
                .dilation_w = (size_t)spec->dilation[1],
            },
    };
    if (batched)
        size->out.shape[size->out.ndim++] = x->shape[0];
    size->out.shape[size->out.ndim++] = weight->shape[0];
    for (int i = 2 - rank; i < 2; i++)
        size->out.shape[size->out.ndim++] = out[i];

    /* An output that is too large is refused here, before anything is multiplied. */
    size_t numel;

    if (!ddp_shape_numel(dtype_of(x), size->out.ndim, size->out.shape, &numel, error))
        return false;
    size->depth = size->group_in * size->places;
    size->positions = size->plane.out_h * size->plane.out_w;
    size->block = block_positions(size);
    size->pointwise = size->places == 1 && size->positions == size->in_size &&
                      size->plane.pad_h == 0 && size->plane.pad_w == 0;
    return true;
}

/* The block behind @block; the first one when its count is 0. */
static bool
next_block(const ConvSize *size, Block *block)
{
    if (block->count > 0) {
        block->first += block->stretch;
        if (block->first >= size->positions) {
            block->first = 0;
            block->image += block->images;
        }
    }
    if (block->image >= size->images)
        return false;

    size_t whole = size->block / size->positions;

    block->stretch = MIN(size->block, size->positions - block->first);
    block->images = whole > 1 ? MIN(whole, size->images - block->image) : 1;
    block->count = block->images * block->stretch;
    return true;
}

/* ---- moving blocks ------------------------------------------------------------------- */

/* Scratch of a walk over the blocks; what is not needed is NULL. */
typedef struct {
    DdpTensor *columns;  /* [depth, block] */
    DdpTensor *gathered; /* [group_out, block]: of several images, brought together */
} Scratch;

static DdpTensor *
scratch_new(DdpTensor *like, size_t rows, size_t columns, GError **error)
{
    int64_t shape[2] = {(int64_t)rows, (int64_t)columns};

    return ddp_tensor_new_uninitialized(like->context, dtype_of(like), 2, shape, error);
}

static void
scratch_clear(Scratch *scratch)
{
    clear_tensor(&scratch->columns);
    clear_tensor(&scratch->gathered);
}

static bool
scratch_make(Scratch *scratch, const ConvSize *size, DdpTensor *like, GError **error)
{
    *scratch = (Scratch){NULL, NULL};
    if (!size->pointwise || size->block > size->positions)
        scratch->columns = scratch_new(like, size->depth, size->block, error);
    else
        scratch->columns = scratch_new(like, 0, 0, error);
    if (scratch->columns != NULL)
        scratch->gathered = scratch_new(like, size->block > size->positions ? size->group_out : 0,
                                        size->block, error);
    if (scratch->gathered != NULL)
        return true;
    scratch_clear(scratch);
    return false;
}

/* A matrix somewhere: its first element and the distance of its rows, in elements. */
typedef struct {
    char *data;
    size_t step;
} Matrix;

static char *
channel_of(const ConvSize *size, const DdpTensor *x, size_t image, size_t group)
{
    size_t channels = size->groups * size->group_in;
    size_t channel = image * channels + group * size->group_in;

    return x->data + channel * size->in_size * ddp_dtype_bytes(dtype_of(x));
}

static char *
output_of(const ConvSize *size, const DdpTensor *out, size_t image, size_t group, size_t first)
{
    size_t channels = size->groups * size->group_out;
    size_t channel = image * channels + group * size->group_out;

    return out->data + (channel * size->positions + first) * ddp_dtype_bytes(dtype_of(out));
}

static void
unfold(const ConvSize *size, DdpDtype dtype, const void *plane, const Block *block, void *rows,
       size_t step)
{
    const DdpConvKernels *kernels = ddp_kernels()->conv;

    if (dtype == DDP_DTYPE_F32)
        kernels->unfold_f32(&size->plane, plane, block->first, block->stretch, rows, step);
    else
        kernels->unfold_f64(&size->plane, plane, block->first, block->stretch, rows, step);
}

static void
fold(const ConvSize *size, DdpDtype dtype, void *plane, const Block *block, void *rows, size_t step)
{
    const DdpConvKernels *kernels = ddp_kernels()->conv;

    if (dtype == DDP_DTYPE_F32)
        kernels->fold_f32(&size->plane, plane, block->first, block->stretch, rows, step);
    else
        kernels->fold_f64(&size->plane, plane, block->first, block->stretch, rows, step);
}

static bool
sees_plainly(const ConvSize *size, const Block *block)
{
    return size->pointwise && block->images == 1;
}

/* What the kernel sees in @block of @group, [depth, count]. */
static Matrix
columns_of(const ConvSize *size, DdpTensor *x, const Block *block, size_t group,
           const Scratch *scratch)
{
    size_t bytes = ddp_dtype_bytes(dtype_of(x));

    if (sees_plainly(size, block))
        return (Matrix){channel_of(size, x, block->image, group) + block->first * bytes,
                        size->positions};
    for (size_t i = 0; i < block->images; i++) {
        const char *channel = channel_of(size, x, block->image + i, group);
        char *rows = scratch->columns->data + i * block->stretch * bytes;

        for (size_t c = 0; c < size->group_in; c++) {
            unfold(size, dtype_of(x), channel, block, rows, block->count);
            channel += size->in_size * bytes;
            rows += size->places * block->count * bytes;
        }
    }
    return (Matrix){scratch->columns->data, block->count};
}

/* Adds columns to the image, in the order of the kernel's places. */
static void
add_columns(const ConvSize *size, DdpTensor *x, const Block *block, size_t group,
            const Scratch *scratch)
{
    size_t bytes = ddp_dtype_bytes(dtype_of(x));

    for (size_t i = 0; i < block->images; i++) {
        char *channel = channel_of(size, x, block->image + i, group);
        char *rows = scratch->columns->data + i * block->stretch * bytes;

        for (size_t c = 0; c < size->group_in; c++) {
            fold(size, dtype_of(x), channel, block, rows, block->count);
            channel += size->in_size * bytes;
            rows += size->places * block->count * bytes;
        }
    }
}

/* Where the [group_out, count] of a block stand: in the output, or gathered, not yet filled. */
static Matrix
outputs_of(const ConvSize *size, const DdpTensor *out, const Block *block, size_t group,
           const Scratch *scratch)
{
    if (block->images == 1)
        return (Matrix){output_of(size, out, block->image, group, block->first), size->positions};
    return (Matrix){scratch->gathered->data, block->count};
}

/* Copies between the outputs of several images and the gathered matrix. */
static void
move_outputs(const ConvSize *size, const DdpTensor *out, const Block *block, size_t group,
             const Scratch *scratch, bool gather)
{
    size_t bytes = block->stretch * ddp_dtype_bytes(dtype_of(out));

    for (size_t i = 0; block->images > 1 && i < block->images; i++) {
        char *channel = output_of(size, out, block->image + i, group, block->first);

        for (size_t o = 0; o < size->group_out; o++, channel += bytes) {
            char *row = scratch->gathered->data + (o * block->images + i) * bytes;

            memcpy(gather ? row : channel, gather ? channel : row, bytes);
        }
    }
}

/* ---- products ------------------------------------------------------------------------ */

typedef struct {
    bool trans_a, trans_b, accumulate;
    size_t m, n, k;
} Product;

static void
run_product(DdpDtype dtype, const Product *p, Matrix a, Matrix b, Matrix c)
{
    const void *left = a.data;
    const void *right = b.data;
    void *result = c.data;

    if (dtype == DDP_DTYPE_F32)
        ddp_gemm_f32(p->trans_a, p->trans_b, p->m, p->n, p->k, left, a.step, right, b.step, result,
                     c.step, p->accumulate);
    else
        ddp_gemm_f64(p->trans_a, p->trans_b, p->m, p->n, p->k, left, a.step, right, b.step, result,
                     c.step, p->accumulate);
}

static Matrix
weight_of(const ConvSize *size, const DdpTensor *weight, size_t group)
{
    size_t bytes = ddp_dtype_bytes(dtype_of(weight));

    return (Matrix){weight->data + group * size->group_out * size->depth * bytes, size->depth};
}

static uint64_t
product_flops(const ConvSize *size)
{
    return ddp_flops_product(size->groups * size->group_out, size->images * size->positions,
                             size->depth);
}

/* Each row of @target starts from the bias of its channel. */
static void
fill_bias(const ConvSize *size, const DdpTensor *bias, size_t group, Matrix target, size_t count)
{
    for (size_t o = 0; o < size->group_out; o++) {
        size_t channel = group * size->group_out + o;

        if (bias->dtype == DDP_DTYPE_F32) {
            float value = ((const float *)(const void *)bias->data)[channel];
            float *row = (float *)(void *)target.data + o * target.step;

            for (size_t i = 0; i < count; i++)
                row[i] = value;
        } else {
            double value = ((const double *)(const void *)bias->data)[channel];
            double *row = (double *)(void *)target.data + o * target.step;

            for (size_t i = 0; i < count; i++)
                row[i] = value;
        }
    }
}

static bool
conv_forward(const ConvSize *size, DdpTensor *x, DdpTensor *weight, DdpTensor *bias, DdpTensor *out,
             GError **error)
{
    Scratch scratch;
    Block block = {0};

    if (out->numel == 0)
        return true;
    if (!scratch_make(&scratch, size, x, error))
        return false;
    while (next_block(size, &block)) {
        Product p = {
            .accumulate = bias != NULL, .m = size->group_out, .n = block.count, .k = size->depth};

        for (size_t g = 0; g < size->groups; g++) {
            Matrix target = outputs_of(size, out, &block, g, &scratch);

            if (bias != NULL)
                fill_bias(size, bias, g, target, block.count);
            run_product(dtype_of(x), &p, weight_of(size, weight, g),
                        columns_of(size, x, &block, g, &scratch), target);
            move_outputs(size, out, &block, g, &scratch, false);
        }
    }
    scratch_clear(&scratch);
    count_flops(x->context, product_flops(size) + (bias != NULL ? DDP_FLOPS_BIAS * out->numel : 0));
    return true;
}

/* ---- derivatives --------------------------------------------------------------------- */

static DdpTensor *
grad_bias(const ConvSize *size, DdpTensor *grad, GError **error)
{
    const DdpReduceKernels *kernels = ddp_kernels()->reduce;
    size_t channels = size->groups * size->group_out;
    int64_t shape[1] = {(int64_t)channels};
    DdpTensor *sums = scratch_new(grad, size->images, channels, error);
    DdpTensor *out =
        sums != NULL ? ddp_tensor_new_uninitialized(grad->context, dtype_of(grad), 1, shape, error)
                     : NULL;

    if (out != NULL && grad->dtype == DDP_DTYPE_F32) {
        const float *runs = (const float *)(const void *)grad->data;
        float *run_sums = (float *)(void *)sums->data;

        for (size_t i = 0; i < size->images * channels; i++)
            run_sums[i] = kernels->sum_f32(size->positions, runs + i * size->positions);
        kernels->sum_rows_f32(size->images, channels, run_sums, (float *)(void *)out->data);
    } else if (out != NULL) {
        const double *runs = (const double *)(const void *)grad->data;
        double *run_sums = (double *)(void *)sums->data;

        for (size_t i = 0; i < size->images * channels; i++)
            run_sums[i] = kernels->sum_f64(size->positions, runs + i * size->positions);
        kernels->sum_rows_f64(size->images, channels, run_sums, (double *)(void *)out->data);
    }
    clear_tensor(&sums);
    count_flops(grad->context, DDP_FLOPS_REDUCE * grad->numel);
    return out;
}

/* The gradient of a block as a matrix, gathered if need be. */
static Matrix
grads_of(const ConvSize *size, DdpTensor *grad, const Block *block, size_t group,
         const Scratch *scratch)
{
    move_outputs(size, grad, block, group, scratch, true);
    return outputs_of(size, grad, block, group, scratch);
}

/* What one block and group brings to the weight; @first is the first block. */
static void
add_weight_part(const ConvSize *size, DdpDtype dtype, Matrix grads, Matrix columns, size_t count,
                bool first, Matrix part, Matrix target)
{
    Product p = {.trans_b = true, .m = size->group_out, .n = size->depth, .k = count};
    size_t elements = size->group_out * size->depth;

    run_product(dtype, &p, grads, columns, first ? target : part);
    if (first)
        return;

    DdpBinaryLoop add = dtype == DDP_DTYPE_F32
                            ? ddp_kernels()->elementwise->binary_f32[DDP_LOOP_ADD]
                            : ddp_kernels()->elementwise->binary_f64[DDP_LOOP_ADD];

    add(elements, target.data, target.data, 1, part.data, 1);
}

static DdpTensor *
grad_weight(const ConvSize *size, DdpTensor *grad, DdpTensor *x, DdpTensor *weight, GError **error)
{
    Scratch scratch;
    Block block = {0};
    DdpTensor *part = scratch_new(grad, size->group_out, size->depth, error);
    DdpTensor *out = part != NULL ? ddp_tensor_new(grad->context, dtype_of(grad), weight->ndim,
                                                   weight->shape, error)
                                  : NULL;

    if (out != NULL && grad->numel > 0 && !scratch_make(&scratch, size, grad, error))
        clear_tensor(&out);
    if (out != NULL && grad->numel > 0) {
        Matrix parts = {part->data, size->depth};

        for (bool first = true; next_block(size, &block); first = false) {
            for (size_t g = 0; g < size->groups; g++)
                add_weight_part(size, dtype_of(grad), grads_of(size, grad, &block, g, &scratch),
                                columns_of(size, x, &block, g, &scratch), block.count, first, parts,
                                weight_of(size, out, g));
        }
        scratch_clear(&scratch);
        count_flops(grad->context, product_flops(size));
    }
    clear_tensor(&part);
    return out;
}

static DdpTensor *
grad_input(const ConvSize *size, DdpTensor *grad, DdpTensor *x, DdpTensor *weight, GError **error)
{
    Scratch scratch;
    Block block = {0};
    DdpTensor *out = ddp_tensor_new(grad->context, dtype_of(grad), x->ndim, x->shape, error);

    if (out == NULL || grad->numel == 0)
        return out;
    if (!scratch_make(&scratch, size, grad, error)) {
        clear_tensor(&out);
        return NULL;
    }
    while (next_block(size, &block)) {
        Product p = {.trans_a = true, .m = size->depth, .n = block.count, .k = size->group_out};
        bool plainly = sees_plainly(size, &block);

        for (size_t g = 0; g < size->groups; g++) {
            Matrix grads = grads_of(size, grad, &block, g, &scratch);
            Matrix target = plainly ? columns_of(size, out, &block, g, &scratch)
                                    : (Matrix){scratch.columns->data, block.count};

            run_product(dtype_of(grad), &p, weight_of(size, weight, g), grads, target);
            if (!plainly)
                add_columns(size, out, &block, g, &scratch);
        }
    }
    scratch_clear(&scratch);
    count_flops(grad->context, product_flops(size));
    return out;
}

/* ---- the operation ------------------------------------------------------------------- */

/* Edges in the order in which torch completes them. saved[0]: x, saved[1]: weight. */
enum {
    EDGE_WEIGHT,
    EDGE_BIAS,
    EDGE_X,
};

/* ints[0]: spatial dimensions; ints[1]: groups; slot 0: the pairs of the spec, one by one. */
static void
remember_spec(DdpNode *node, int rank, const DdpConvSpec *spec)
{
    const int64_t *pairs[4] = {spec->stride, spec->pad_before, spec->pad_after, spec->dilation};

    node->ints[0] = rank;
    node->ints[1] = spec->groups;
    for (int i = 0; i < 8; i++)
        node->input_shape[0][i] = pairs[i / 2][i % 2];
}

static DdpConvSpec
recall_spec(const DdpNode *node)
{
    const int64_t *pairs = node->input_shape[0];

    return (DdpConvSpec){
        .stride = {pairs[0], pairs[1]},
        .pad_before = {pairs[2], pairs[3]},
        .pad_after = {pairs[4], pairs[5]},
        .dilation = {pairs[6], pairs[7]},
        .groups = node->ints[1],
    };
}

G_STATIC_ASSERT(DDP_TENSOR_DIMS_MAX >= 8);

static bool
conv_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *x = node->saved[0];
    DdpTensor *weight = node->saved[1];
    DdpConvSpec spec = recall_spec(node);
    ConvSize size;

    if (!plan_conv((int)node->ints[0], x, weight, &spec, &size, error))
        return false;
    if (node_wants(node, EDGE_WEIGHT)) {
        inputs[EDGE_WEIGHT] = grad_weight(&size, grad, x, weight, error);
        if (inputs[EDGE_WEIGHT] == NULL)
            return false;
    }
    if (node_wants(node, EDGE_BIAS)) {
        inputs[EDGE_BIAS] = grad_bias(&size, grad, error);
        if (inputs[EDGE_BIAS] == NULL)
            return false;
    }
    if (node_wants(node, EDGE_X)) {
        inputs[EDGE_X] = grad_input(&size, grad, x, weight, error);
        if (inputs[EDGE_X] == NULL)
            return false;
    }
    return true;
}

static const DdpGradOp conv_op = {"ConvolutionBackward", conv_backward};

/* Of float32 or float64. */
static DdpTensor *
conv_wide(int rank, DdpTensor *x, DdpTensor *weight, DdpTensor *bias, const DdpConvSpec *spec,
          GError **error)
{
    ConvSize size;

    if (!plan_conv(rank, x, weight, spec, &size, error))
        return NULL;

    DdpTensor *out =
        ddp_tensor_new_uninitialized(x->context, dtype_of(x), size.out.ndim, size.out.shape, error);

    if (out == NULL)
        return NULL;
    if (!conv_forward(&size, x, weight, bias, out, error)) {
        ddp_tensor_unref(out);
        return NULL;
    }
    if (wants_grad(x) || wants_grad(weight) || (bias != NULL && wants_grad(bias))) {
        DdpNode *node = ddp_node_new(out, &conv_op, 3, 2);

        ddp_node_edge(node, EDGE_WEIGHT, weight);
        if (bias != NULL)
            ddp_node_edge(node, EDGE_BIAS, bias);
        ddp_node_edge(node, EDGE_X, x);
        ddp_node_save(node, 0, x);
        ddp_node_save(node, 1, weight);
        remember_spec(node, rank, spec);
    }
    return out;
}

/* Halves compute in float32, and the result is rounded once. */
static DdpTensor *
conv_half(int rank, DdpTensor *x, DdpTensor *weight, DdpTensor *bias, const DdpConvSpec *spec,
          GError **error)
{
    DdpTensor *wide_x = ddp_to(x, DDP_DTYPE_F32, error);
    DdpTensor *wide_weight = wide_x != NULL ? ddp_to(weight, DDP_DTYPE_F32, error) : NULL;
    DdpTensor *wide_bias =
        wide_weight != NULL && bias != NULL ? ddp_to(bias, DDP_DTYPE_F32, error) : NULL;
    DdpTensor *wide = NULL;
    DdpTensor *out = NULL;

    if (wide_weight != NULL && (bias == NULL || wide_bias != NULL))
        wide = conv_wide(rank, wide_x, wide_weight, wide_bias, spec, error);
    if (wide != NULL)
        out = ddp_to(wide, dtype_of(x), error);
    clear_tensor(&wide);
    clear_tensor(&wide_bias);
    clear_tensor(&wide_weight);
    clear_tensor(&wide_x);
    return out;
}

static DdpTensor *
conv_checked(int rank, DdpTensor *x, DdpTensor *weight, DdpTensor *bias, const DdpConvSpec *spec,
             GError **error)
{
    DdpConvSpec own = spec != NULL ? *spec : ddp_conv_spec_default();

    if (!check_spec(&own, rank, error) || !check_dtypes(x, weight, bias, error) ||
        !check_tensors(rank, x, weight, bias, own.groups, error))
        return NULL;
    if (rank == 1) {
        own.stride[0] = own.dilation[0] = 1;
        own.pad_before[0] = own.pad_after[0] = 0;
    }
    return dtype_is_half(dtype_of(x)) ? conv_half(rank, x, weight, bias, &own, error)
                                      : conv_wide(rank, x, weight, bias, &own, error);
}

static DdpTensor *
conv(int rank, DdpTensor *x, DdpTensor *weight, DdpTensor *bias, const DdpConvSpec *spec,
     GError **error)
{
    DdpModelContext *context = x->context;

    if (!context->autocast.enabled)
        return conv_checked(rank, x, weight, bias, spec, error);

    g_autoptr(DdpTensor) half_x = ddp_autocast_input(context, x, error);
    g_autoptr(DdpTensor) half_weight =
        half_x != NULL ? ddp_autocast_input(context, weight, error) : NULL;
    g_autoptr(DdpTensor) half_bias =
        half_weight != NULL ? ddp_autocast_input(context, bias, error) : NULL;

    if (half_weight == NULL || (bias != NULL && half_bias == NULL))
        return NULL;
    return conv_checked(rank, half_x, half_weight, half_bias, spec, error);
}

DdpTensor *
ddp_conv2d(DdpTensor *x, DdpTensor *weight, DdpTensor *bias, const DdpConvSpec *spec,
           GError **error)
{
    return conv(2, x, weight, bias, spec, error);
}

DdpTensor *
ddp_conv1d(DdpTensor *x, DdpTensor *weight, DdpTensor *bias, const DdpConvSpec *spec,
           GError **error)
{
    return conv(1, x, weight, bias, spec, error);
}
