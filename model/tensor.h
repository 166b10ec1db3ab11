/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/dtype.h"
#include "model/context.h"

G_BEGIN_DECLS

/*
 * A tensor: a shape over contiguous, row-major elements.
 *
 * Tensors are reference counted (not atomically: a tensor belongs to one rank) and always
 * contiguous; several may share one storage at different offsets (a row of a matrix is a
 * view, a transpose is a copy). A 0-dimensional tensor holds one number, as in torch.
 *
 * Functions that can fail for reasons of the caller's data (shapes that do not fit, a dtype
 * that has no such operation, memory limits) return NULL or false and set a GError of domain
 * DDP_TENSOR_ERROR, with torch's words where torch has well-known ones.
 *
 * Here are the tensor itself, its memory and its constructors; model/ops.h computes,
 * model/autograd.h differentiates.
 */

#define DDP_TENSOR_DIMS_MAX 8

#define DDP_TENSOR_ERROR ddp_tensor_error_quark()
GQuark ddp_tensor_error_quark(void);

typedef enum {
    DDP_TENSOR_ERROR_FAILED,
    DDP_TENSOR_ERROR_SHAPE,  /* shapes do not fit */
    DDP_TENSOR_ERROR_DTYPE,  /* no such operation for this dtype */
    DDP_TENSOR_ERROR_INDEX,  /* index or dimension out of range */
    DDP_TENSOR_ERROR_MEMORY, /* a limit of the context was reached */
    DDP_TENSOR_ERROR_GRAD,   /* backward where none is possible */
} DdpTensorError;

typedef struct DdpTensor DdpTensor;

/* A number that is no tensor: a literal of a scenario, an lr. Its kind takes part in dtypes. */
typedef enum {
    DDP_NUMBER_BOOL,
    DDP_NUMBER_INT,
    DDP_NUMBER_FLOAT,
} DdpNumberKind;

typedef struct {
    DdpNumberKind kind;
    int64_t i; /* of BOOL and INT */
    double f;  /* the value, of all kinds */
} DdpNumber;

static inline DdpNumber
ddp_number_float(double value)
{
    return (DdpNumber){.kind = DDP_NUMBER_FLOAT, .i = 0, .f = value};
}

static inline DdpNumber
ddp_number_int(int64_t value)
{
    return (DdpNumber){.kind = DDP_NUMBER_INT, .i = value, .f = (double)value};
}

static inline DdpNumber
ddp_number_bool(bool value)
{
    return (DdpNumber){.kind = DDP_NUMBER_BOOL, .i = value, .f = value ? 1.0 : 0.0};
}

/**
 * ddp_tensor_new:
 * @shape: @ndim sizes, each 0 or more; may be NULL when @ndim is 0
 *
 * Returns: (transfer full): a tensor of zeros, or NULL with @error set
 */
DdpTensor *ddp_tensor_new(DdpModelContext *context, DdpDtype dtype, int ndim, const int64_t *shape,
                          GError **error);

/* The same with elements of no particular value: every one must be written. */
DdpTensor *ddp_tensor_new_uninitialized(DdpModelContext *context, DdpDtype dtype, int ndim,
                                        const int64_t *shape, GError **error);

/* A tensor that holds a copy of the elements at @data, which are of @dtype. */
DdpTensor *ddp_tensor_new_from(DdpModelContext *context, DdpDtype dtype, int ndim,
                               const int64_t *shape, const void *data, GError **error);

/* A 0-dimensional tensor. */
DdpTensor *ddp_tensor_new_number(DdpModelContext *context, DdpDtype dtype, DdpNumber value,
                                 GError **error);

DdpTensor *ddp_tensor_ref(DdpTensor *tensor);
void ddp_tensor_unref(DdpTensor *tensor);

DdpModelContext *ddp_tensor_context(const DdpTensor *tensor);
DdpDtype ddp_tensor_dtype(const DdpTensor *tensor);
int ddp_tensor_ndim(const DdpTensor *tensor);
const int64_t *ddp_tensor_shape(const DdpTensor *tensor); /* borrowed, ndim entries */
size_t ddp_tensor_numel(const DdpTensor *tensor);
size_t ddp_tensor_bytes(const DdpTensor *tensor);
void *ddp_tensor_data(DdpTensor *tensor); /* borrowed; the first element */

/*
 * Says that the elements were written through ddp_tensor_data(). What autograd has saved of
 * this storage is then known to be stale, and backward refuses it as torch does.
 */
void ddp_tensor_mark_written(DdpTensor *tensor);
/* How often that was said of the storage, torch's `_version`. */
uint32_t ddp_tensor_version(const DdpTensor *tensor);

bool ddp_tensor_requires_grad(const DdpTensor *tensor);
/* Only leaves of a floating dtype can be asked to require a gradient. */
bool ddp_tensor_set_requires_grad(DdpTensor *tensor, bool requires_grad, GError **error);
DdpTensor *ddp_tensor_grad(const DdpTensor *tensor); /* borrowed; NULL if there is none */
/* @grad (nullable, transfer none) must have the tensor's shape and dtype; its graph is left. */
bool ddp_tensor_set_grad(DdpTensor *tensor, DdpTensor *grad, GError **error);
bool ddp_tensor_is_leaf(const DdpTensor *tensor);
/* Whether anybody but one owner of @tensor would see a write to its elements. Of a tensor that was
 * moved into a block, those that look at the block itself do not count. */
bool ddp_tensor_is_held(const DdpTensor *tensor);

/* A mark for modules: the tensor is one of a module's parameters, as torch.nn.Parameter is. */
bool ddp_tensor_is_parameter(const DdpTensor *tensor);
void ddp_tensor_set_parameter(DdpTensor *tensor, bool is_parameter);

/* A value of any dtype as a double (i64 beyond 2^53 loses bits; see _item_i64). */
double ddp_tensor_item_f64(const DdpTensor *tensor, size_t index);
int64_t ddp_tensor_item_i64(const DdpTensor *tensor, size_t index);
void ddp_tensor_set_f64(DdpTensor *tensor, size_t index, double value);
void ddp_tensor_set_i64(DdpTensor *tensor, size_t index, int64_t value);

/**
 * ddp_tensor_share:
 * @first: index of the first element of the view in @tensor
 *
 * Returns: (transfer full): a tensor over the same memory that stands outside of autograd;
 *   NULL with @error set when the view would reach beyond the end
 */
DdpTensor *ddp_tensor_share(DdpTensor *tensor, size_t first, int ndim, const int64_t *shape,
                            GError **error);

/**
 * ddp_tensor_rebase:
 * @flat: of the same dtype, at least @first + numel elements long
 *
 * Moves the elements of @tensor into @flat: from now on @tensor is a view there and its old
 * memory is given up. All parameters of a model in one block is one call per parameter.
 * Anything that autograd has saved of the old memory keeps the old memory. Writes are still
 * counted for @tensor alone: one through @flat does not mark it.
 */
bool ddp_tensor_rebase(DdpTensor *tensor, DdpTensor *flat, size_t first, GError **error);

/* Text for messages, "[2, 3]": (transfer full). */
char *ddp_shape_to_string(int ndim, const int64_t *shape);

/* Names as torch's messages spell them: "Float", "Long"; and "float", "long". */
const char *ddp_dtype_scalar_name(DdpDtype dtype);
const char *ddp_dtype_c_name(DdpDtype dtype);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpTensor, ddp_tensor_unref)

G_END_DECLS
