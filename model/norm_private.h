/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/dtypes.h"
#include "model/internal.h"
#include "model/ops.h"

G_BEGIN_DECLS

/* What batch and layer normalisation share. Used by model/ only. */

static inline const float *
as_f32(const DdpTensor *tensor)
{
    return tensor != NULL ? (const float *)(const void *)tensor->data : NULL;
}

static inline const double *
as_f64(const DdpTensor *tensor)
{
    return tensor != NULL ? (const double *)(const void *)tensor->data : NULL;
}

static inline float *
to_f32(DdpTensor *tensor)
{
    return (float *)(void *)tensor->data;
}

static inline double *
to_f64(DdpTensor *tensor)
{
    return (double *)(void *)tensor->data;
}

static inline DdpTensor *
vector_new(const DdpTensor *like, size_t count, GError **error)
{
    int64_t size = (int64_t)count;

    return ddp_tensor_new_uninitialized(like->context, dtype_of(like), 1, &size, error);
}

/* What is multiplied with @x must have its dtype, or may be float32 where @x is a half. */
bool ddp_norm_check_parameter(const char *verb, const char *name, const DdpTensor *parameter,
                              const DdpTensor *x, GError **error);

bool ddp_norm_check_float(const char *verb, const DdpTensor *x, GError **error);

/*
 * @wide (transfer full) gets @x as float32 if it is a half, else itself; recorded. True as well if
 * @x is NULL.
 */
bool ddp_norm_widen(DdpTensor *x, DdpTensor **wide, GError **error);

G_END_DECLS
