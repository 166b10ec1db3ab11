/* SPDX-License-Identifier: MIT */
#include "model/checkpoint/safetensors.h"

#include <string.h>

static const char *const names[DDP_DTYPE_COUNT] = {
    [DDP_DTYPE_F64] = "F64",   [DDP_DTYPE_F32] = "F32",   [DDP_DTYPE_F16] = "F16",
    [DDP_DTYPE_BF16] = "BF16", [DDP_DTYPE_I64] = "I64",   [DDP_DTYPE_I32] = "I32",
    [DDP_DTYPE_U8] = "U8",     [DDP_DTYPE_BOOL] = "BOOL",
};

G_DEFINE_QUARK(ddp_checkpoint_error_quark, ddp_checkpoint_error)

const char *
ddp_safetensors_dtype_name(DdpDtype dtype)
{
    return names[dtype];
}

bool
ddp_safetensors_dtype_from_name(const char *name, DdpDtype *dtype)
{
    for (int i = 0; i < DDP_DTYPE_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *dtype = (DdpDtype)i;
            return true;
        }
    }
    return false;
}

bool
ddp_safetensors_bytes(DdpDtype dtype, int ndim, const int64_t *shape, uint64_t *bytes)
{
    uint64_t total = ddp_dtype_bytes(dtype);
    bool is_empty = false;

    for (int i = 0; i < ndim; i++) {
        if (shape[i] == 0)
            is_empty = true;
        else if (!g_uint64_checked_mul(&total, total, (uint64_t)shape[i]) || total > INT64_MAX)
            return false;
    }
    *bytes = is_empty ? 0 : total;
    return true;
}
