/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * Which dtype a result has, and how elements change theirs. Used by model/ only.
 *
 * Conversions are C's where C defines them. A float that an int64 or int32 cannot hold gives its
 * least value, on every CPU; a uint8 keeps the low bits; anything but 0 is true. Half precision
 * goes through float32.
 */

/* torch.promote_types */
DdpDtype ddp_dtype_promote(DdpDtype a, DdpDtype b);

/* What torch.result_type looks at: gather operands in any order, then ask. */
typedef struct {
    int with_dims; /* a DdpDtype, or -1 for none yet */
    int without_dims;
    int number;
} DdpResultType;

DdpResultType ddp_result_type_none(void);
void ddp_result_type_add_tensor(DdpResultType *type, const DdpTensor *tensor);
void ddp_result_type_add_number(DdpResultType *type, DdpNumber number);
DdpDtype ddp_result_type_get(const DdpResultType *type);

/* torch.can_cast: a float never becomes an int, nor a number a bool, by an operation in place. */
bool ddp_dtype_can_cast(DdpDtype from, DdpDtype to);

/* @out and @in do not overlap, unless they are equal and the dtypes are. */
void ddp_convert(size_t count, void *out, DdpDtype to, const void *in, DdpDtype from);

/* Writes @number as one element of @dtype. */
void ddp_number_store(DdpNumber number, DdpDtype dtype, void *out);

G_END_DECLS
