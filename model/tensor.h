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

/**
 * ddp_tensor_new:
 * @shape: @ndim sizes, each 0 or more; may be NULL when @ndim is 0
 *
 * Returns: (transfer full): a tensor of zeros, or NULL with @error set
 */
DdpTensor *ddp_tensor_new(DdpModelContext *context, DdpDtype dtype, int ndim,
                          const int64_t *shape, GError **error);

DdpTensor *ddp_tensor_ref(DdpTensor *tensor);
void ddp_tensor_unref(DdpTensor *tensor);

DdpModelContext *ddp_tensor_context(const DdpTensor *tensor);
DdpDtype ddp_tensor_dtype(const DdpTensor *tensor);
int ddp_tensor_ndim(const DdpTensor *tensor);
const int64_t *ddp_tensor_shape(const DdpTensor *tensor); /* borrowed, ndim entries */
size_t ddp_tensor_numel(const DdpTensor *tensor);
size_t ddp_tensor_bytes(const DdpTensor *tensor);
void *ddp_tensor_data(DdpTensor *tensor); /* borrowed; the first element */

bool ddp_tensor_requires_grad(const DdpTensor *tensor);
/* Only leaves of a floating dtype can be asked to require a gradient. */
bool ddp_tensor_set_requires_grad(DdpTensor *tensor, bool requires_grad, GError **error);
DdpTensor *ddp_tensor_grad(const DdpTensor *tensor); /* borrowed; NULL if there is none */

/* A value of any dtype as a double (i64 beyond 2^53 loses bits; see _item_i64). */
double ddp_tensor_item_f64(const DdpTensor *tensor, size_t index);
int64_t ddp_tensor_item_i64(const DdpTensor *tensor, size_t index);
void ddp_tensor_set_f64(DdpTensor *tensor, size_t index, double value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpTensor, ddp_tensor_unref)

G_END_DECLS
