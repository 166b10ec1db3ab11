/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"

G_BEGIN_DECLS

/*
 * What reader and writer of safetensors files share.
 *
 * Such a file is a little-endian u64 with the length of a JSON header, the header, and the elements
 * of all tensors without a gap between them:
 *
 *   { "__metadata__": { "key": "text" },
 *     "layer.weight": { "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] } }
 */

#if G_BYTE_ORDER != G_LITTLE_ENDIAN
#error "elements go into the file as they lie in memory, which has to be little-endian"
#endif

#define DDP_CHECKPOINT_ERROR ddp_checkpoint_error_quark()
GQuark ddp_checkpoint_error_quark(void);

typedef enum {
    DDP_CHECKPOINT_ERROR_FORMAT,      /* truncated, damaged, or no such file at all */
    DDP_CHECKPOINT_ERROR_UNSUPPORTED, /* a sound file with something that we have not */
    DDP_CHECKPOINT_ERROR_VALUE,       /* what is to be written cannot be */
} DdpCheckpointError;

#define DDP_SAFETENSORS_HEADER_MAX 100000000u /* bytes; the original refuses more as well */
#define DDP_SAFETENSORS_DIMS_MAX 8
#define DDP_SAFETENSORS_METADATA "__metadata__" /* a name that no tensor may have */

typedef struct {
    const char *name;
    DdpDtype dtype;
    int ndim;
    const int64_t *shape; /* @ndim sizes, each 0 or more */
    const void *data;     /* NULL where a reader hands this out */
} DdpSafetensor;

typedef struct {
    const char *key;
    const char *text;
} DdpSafetensorsText;

/* "F32", "BOOL", ... */
const char *ddp_safetensors_dtype_name(DdpDtype dtype);
bool ddp_safetensors_dtype_from_name(const char *name, DdpDtype *dtype);

/* dtype × shape; false if that exceeds 2^63 - 1. */
bool ddp_safetensors_bytes(DdpDtype dtype, int ndim, const int64_t *shape, uint64_t *bytes);

G_END_DECLS
