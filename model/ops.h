/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * What can be computed with tensors. All of it is differentiable where mathematics allows;
 * results are (transfer full), and NULL comes with @error set. Operands of one call must live
 * in one context.
 *
 * Broadcasting and the dtypes of results are torch's: of a tensor with dimensions, a
 * 0-dimensional tensor and a number, the later ones decide only when their kind (bool, int,
 * float) is higher. Integers are exact and wrap; float16 and bfloat16 compute in float32 and
 * round each result.
 *
 * Bits: each element is one IEEE operation, or a function of model/math/elementary.h.
 * Sums have one order, whatever the CPU:
 *
 *   - a run of neighbours: blocks of 2,048; in a block, 16 lanes, lane l adding elements l,
 *     l + 16, l + 32, … in turn from 0; lanes are added as l + (l+8), l + (l+4), l + (l+2),
 *     l + (l+1). Blocks are added pairwise: of m blocks the first p, p the largest power of
 *     two below m, plus the rest.
 *   - along an outer dimension: blocks of 64 rows, each added in turn from 0; blocks pairwise
 *     in the same way.
 *   - products: model/math/gemm.h.
 */

/* ---- elementwise, of two ------------------------------------------------------------- */

typedef enum {
    DDP_BINARY_ADD,
    DDP_BINARY_SUB,
    DDP_BINARY_MUL,
    DDP_BINARY_DIV, /* true division: ints give float32 */
    DDP_BINARY_POW,
    DDP_BINARY_FLOOR_DIV,
    DDP_BINARY_REMAINDER, /* the sign of the divisor, as Lua and Python do */
    DDP_BINARY_MAXIMUM,   /* NaN wins */
    DDP_BINARY_MINIMUM,
    DDP_BINARY_EQ, /* from here on: results are bool, and no gradient */
    DDP_BINARY_NE,
    DDP_BINARY_LT,
    DDP_BINARY_LE,
    DDP_BINARY_GT,
    DDP_BINARY_GE,
} DdpBinaryOp;

#define DDP_BINARY_COUNT 15

/* One side of an operation: a tensor, or a number when @tensor is NULL. */
typedef struct {
    DdpTensor *tensor; /* borrowed */
    DdpNumber number;
} DdpOperand;

static inline DdpOperand
ddp_operand_tensor(DdpTensor *tensor)
{
    return (DdpOperand){.tensor = tensor};
}

static inline DdpOperand
ddp_operand_number(DdpNumber number)
{
    return (DdpOperand){.tensor = NULL, .number = number};
}

static inline DdpOperand
ddp_operand_float(double value)
{
    return ddp_operand_number(ddp_number_float(value));
}

/* At least one side is a tensor. */
DdpTensor *ddp_binary(DdpBinaryOp op, DdpOperand a, DdpOperand b, GError **error);

DdpTensor *ddp_add(DdpTensor *a, DdpTensor *b, GError **error);
DdpTensor *ddp_sub(DdpTensor *a, DdpTensor *b, GError **error);
DdpTensor *ddp_mul(DdpTensor *a, DdpTensor *b, GError **error);
DdpTensor *ddp_div(DdpTensor *a, DdpTensor *b, GError **error);

/**
 * ddp_binary_:
 *
 * In place, as torch's add_, mul_, …: @target = @target op @b. The shape and the dtype of
 * @target stay. A leaf that requires a gradient is refused unless gradients are off.
 */
bool ddp_binary_(DdpBinaryOp op, DdpTensor *target, DdpOperand b, GError **error);

/* @target += @alpha · @b, one fused multiply-add per element for floats. */
bool ddp_add_scaled_(DdpTensor *target, DdpTensor *b, DdpNumber alpha, GError **error);

bool ddp_fill_(DdpTensor *target, DdpNumber value, GError **error);
/* @source is broadcast to the shape of @target and converted to its dtype. */
bool ddp_copy_(DdpTensor *target, DdpTensor *source, GError **error);

/* ---- elementwise, of one ------------------------------------------------------------- */

typedef enum {
    DDP_UNARY_NEG,
    DDP_UNARY_ABS,
    DDP_UNARY_RELU,
    DDP_UNARY_SQRT,
    DDP_UNARY_EXP, /* from here on: ints give float32 (SQRT too) */
    DDP_UNARY_LOG,
    DDP_UNARY_TANH,
    DDP_UNARY_SIGMOID,
} DdpUnaryOp;

#define DDP_UNARY_COUNT 8

DdpTensor *ddp_unary(DdpUnaryOp op, DdpTensor *x, GError **error);

static inline DdpTensor *
ddp_relu(DdpTensor *x, GError **error)
{
    return ddp_unary(DDP_UNARY_RELU, x, error);
}

/* The same tensor (a new reference) when it already has @dtype, as torch's to(). */
DdpTensor *ddp_to(DdpTensor *x, DdpDtype dtype, GError **error);
DdpTensor *ddp_clone(DdpTensor *x, GError **error);

/* ---- reductions ---------------------------------------------------------------------- */

typedef enum {
    DDP_FOLD_SUM,  /* ints and bool give int64 */
    DDP_FOLD_MEAN, /* floats only */
    DDP_FOLD_MAX,  /* NaN wins; an empty input is an error */
    DDP_FOLD_MIN,
    DDP_FOLD_ARGMAX, /* int64; the first one of equals */
    DDP_FOLD_ARGMIN,
} DdpFold;

#define DDP_DIM_ALL INT32_MIN /* reduce everything to one number */

/**
 * ddp_reduce:
 * @dim: a dimension, negative from the end, or DDP_DIM_ALL
 * @keepdim: leave the dimension there with size 1 (with DDP_DIM_ALL: all of them)
 */
DdpTensor *ddp_reduce(DdpFold op, DdpTensor *x, int dim, bool keepdim, GError **error);

/* MAX or MIN along @dim together with where it stands; both (transfer full). */
bool ddp_reduce_with_indices(DdpFold op, DdpTensor *x, int dim, bool keepdim, DdpTensor **values,
                             DdpTensor **indices, GError **error);

static inline DdpTensor *
ddp_sum(DdpTensor *x, GError **error)
{
    return ddp_reduce(DDP_FOLD_SUM, x, DDP_DIM_ALL, false, error);
}

static inline DdpTensor *
ddp_mean(DdpTensor *x, GError **error)
{
    return ddp_reduce(DDP_FOLD_MEAN, x, DDP_DIM_ALL, false, error);
}

/* ---- products ------------------------------------------------------------------------ */

/* As torch.matmul: 1-D with 1-D, 2-D, and stacks of matrices with broadcasting. */
DdpTensor *ddp_matmul(DdpTensor *a, DdpTensor *b, GError **error);

/* x·Wᵀ + bias over the last dimension; @weight is [out, in], @bias (nullable) [out]. */
DdpTensor *ddp_linear(DdpTensor *x, DdpTensor *weight, DdpTensor *bias, GError **error);

/* ---- shape --------------------------------------------------------------------------- */

/* One size may be -1. Shares the memory, as every contiguous reshape does in torch. */
DdpTensor *ddp_reshape(DdpTensor *x, int ndim, const int64_t *shape, GError **error);
DdpTensor *ddp_flatten(DdpTensor *x, int start_dim, int end_dim, GError **error);
DdpTensor *ddp_unsqueeze(DdpTensor *x, int dim, GError **error);
/* @dim or, with DDP_DIM_ALL, every dimension of size 1. */
DdpTensor *ddp_squeeze(DdpTensor *x, int dim, GError **error);
/* A copy. */
DdpTensor *ddp_transpose(DdpTensor *x, int dim0, int dim1, GError **error);
/* Transposes 2-D, leaves 1-D and 0-D. */
DdpTensor *ddp_t(DdpTensor *x, GError **error);
/* Sizes of 1 (and missing ones in front) are repeated: a copy. -1 keeps a size. */
DdpTensor *ddp_expand(DdpTensor *x, int ndim, const int64_t *shape, GError **error);

/* ---- parts --------------------------------------------------------------------------- */

/* One index along @dim, which goes away. A view on dim 0, a copy elsewhere. */
DdpTensor *ddp_select(DdpTensor *x, int dim, int64_t index, GError **error);
/* A range along @dim. A view on dim 0, a copy elsewhere. */
DdpTensor *ddp_narrow(DdpTensor *x, int dim, int64_t start, int64_t length, GError **error);
/* The entries of @dim that @index (int64, 1-D) names, in its order. */
DdpTensor *ddp_index_select(DdpTensor *x, int dim, DdpTensor *index, GError **error);
/* torch.gather: out[i][j] = x[i][index[i][j]] for dim 1, and so on. */
DdpTensor *ddp_gather(DdpTensor *x, int dim, DdpTensor *index, GError **error);
/* All of equal shape; a new dimension at @dim. */
DdpTensor *ddp_stack(DdpTensor *const *tensors, size_t count, int dim, GError **error);
/* Equal but for @dim. */
DdpTensor *ddp_cat(DdpTensor *const *tensors, size_t count, int dim, GError **error);

/* ---- classes and losses -------------------------------------------------------------- */

DdpTensor *ddp_softmax(DdpTensor *x, int dim, GError **error);
DdpTensor *ddp_log_softmax(DdpTensor *x, int dim, GError **error);

typedef enum {
    DDP_REDUCTION_MEAN,
    DDP_REDUCTION_SUM,
    DDP_REDUCTION_NONE,
} DdpReduction;

typedef struct {
    DdpReduction reduction;
    int64_t ignore_index; /* samples of this class count for nothing */
    DdpTensor *weight;    /* (nullable): borrowed; of each class, [C], in the dtype of the logits */
    double label_smoothing; /* what each target gives to all classes alike, 0 to 1 */
} DdpCrossEntropySpec;

DdpCrossEntropySpec ddp_cross_entropy_spec_default(void); /* mean, -100, no weight, 0 */

/*
 * @logits [N, C] with @target [N], [C] with a 0-dimensional target, or [N, C, d1, …] with
 * [N, d1, …]; targets are int64. Or targets are probabilities, in the shape of the logits. More
 * losses: model/losses.h.
 */
DdpTensor *ddp_cross_entropy(DdpTensor *logits, DdpTensor *target, const DdpCrossEntropySpec *spec,
                             GError **error);

DdpTensor *ddp_mse_loss(DdpTensor *input, DdpTensor *target, DdpReduction reduction,
                        GError **error);

/* ---- filled tensors ------------------------------------------------------------------ */

DdpTensor *ddp_full(DdpModelContext *context, DdpDtype dtype, int ndim, const int64_t *shape,
                    DdpNumber value, GError **error);

/* start, start + step, … below @end (above, when @step is negative). */
DdpTensor *ddp_arange(DdpModelContext *context, DdpDtype dtype, DdpNumber start, DdpNumber end,
                      DdpNumber step, GError **error);

/* Drawn from @generator (NULL: the context's), as torch's functions of these names. */
DdpTensor *ddp_rand(DdpModelContext *context, DdpGenerator *generator, DdpDtype dtype, int ndim,
                    const int64_t *shape, GError **error);
DdpTensor *ddp_randn(DdpModelContext *context, DdpGenerator *generator, DdpDtype dtype, int ndim,
                     const int64_t *shape, GError **error);
DdpTensor *ddp_randint(DdpModelContext *context, DdpGenerator *generator, DdpDtype dtype,
                       int64_t low, int64_t high, int ndim, const int64_t *shape, GError **error);
DdpTensor *ddp_randperm(DdpModelContext *context, DdpGenerator *generator, int64_t count,
                        GError **error);

/* In place: uniform_(low, high) and normal_(mean, std). */
bool ddp_uniform_(DdpTensor *target, DdpGenerator *generator, double low, double high,
                  GError **error);
bool ddp_normal_(DdpTensor *target, DdpGenerator *generator, double mean, double std,
                 GError **error);

/**
 * ddp_dropout:
 * @p: the probability of an element to be zeroed; the others are divided by 1 - @p
 * @generator: (nullable): NULL for the context's
 *
 * Evaluation and a @p of 0 hand back @x itself (a new reference), a @p of 1 gives zeros; neither
 * draws anything. Otherwise each element costs one 64-bit draw, in order, and stays where that
 * number, as a double in [0, 1), is below 1 - @p: so do builds of torch without MKL. Those with it
 * (the x86 wheels) draw their masks from a stream of MKL's own, which is not followed here.
 */
DdpTensor *ddp_dropout(DdpTensor *x, double p, bool training, DdpGenerator *generator,
                       GError **error);

G_END_DECLS
