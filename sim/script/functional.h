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

/* The tensor of option @name, which the options table keeps alive; NULL if it was not given. */
DdpTensor *ddp_lua_option_tensor(const DdpOptions *options, const char *name);

/* Add their functions to the table on top of the stack: functional_norm.c, functional_losses.c */
void ddp_lua_add_norm_functions(lua_State *L);
void ddp_lua_add_loss_functions(lua_State *L);

/* The losses as Lua functions: (input, target, options). */
int ddp_lua_cross_entropy(lua_State *L);
int ddp_lua_mse_loss(lua_State *L);

G_END_DECLS
