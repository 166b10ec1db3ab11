/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define DDP_WORLD_ERROR ddp_world_error_quark()
GQuark ddp_world_error_quark(void);

typedef enum {
    DDP_WORLD_ERROR_FAILED,
    DDP_WORLD_ERROR_BAD_VALUE, /* a field of the spec is out of range */
    DDP_WORLD_ERROR_MEMORY,    /* the system gave no memory for so many ranks */
} DdpWorldError;

G_END_DECLS
