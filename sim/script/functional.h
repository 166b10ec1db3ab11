/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "model/ops.h"
#include "sim/script/args.h"

G_BEGIN_DECLS

/* Losses, as `F` has them and the modules of `nn` use them. */

/* The option `reduction`: "mean", "sum" or "none". */
DdpReduction ddp_lua_option_reduction(const DdpOptions *options);

/* The trailing table of cross_entropy at @index. */
DdpCrossEntropySpec ddp_lua_check_cross_entropy(lua_State *L, int index, const char *verb);

/* The losses as Lua functions: (input, target, options). */
int ddp_lua_cross_entropy(lua_State *L);
int ddp_lua_mse_loss(lua_State *L);

G_END_DECLS
