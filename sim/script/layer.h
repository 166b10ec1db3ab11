/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "model/ops.h"

G_BEGIN_DECLS

/*
 * Layers whose forward is a C function of one tensor. A module of such a class is called without
 * a detour, and Sequential runs a chain of them without a Lua value for each result between.
 *
 * Each file of layers keeps a NULL-terminated list of its own, which nn.c joins: a module's
 * `layer_kind` counts only when it stands in one of them.
 */

/**
 * DdpLuaLayerFunc:
 * @self: index of the module
 *
 * Reads what it needs from the fields of the module. May raise, so it owns nothing before.
 *
 * Returns: (transfer full): the result, or NULL with @error set
 */
typedef DdpTensor *(*DdpLuaLayerFunc)(lua_State *L, int self, DdpTensor *x, GError **error);

typedef struct {
    const char *name;
    DdpLuaLayerFunc forward; /* NULL for a layer that is called as any other module is */
} DdpLuaLayer;

/* The layer alone, as a Lua function: forward(self, x). */
int ddp_lua_layer_forward(lua_State *L, const DdpLuaLayer *layer);

/* The tensor in field @name of the module at @self, which keeps it alive; NULL for nil. */
DdpTensor *ddp_lua_layer_tensor(lua_State *L, int self, const char *name);

/* nn_spatial.c: convolutions, pools, embedding. */
extern const DdpLuaLayer *const ddp_lua_spatial_layers[];
/* nn_norm.c: normalisation, dropout, activations. */
extern const DdpLuaLayer *const ddp_lua_norm_layers[];

G_END_DECLS
