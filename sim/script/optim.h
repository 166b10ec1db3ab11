/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "model/optim.h"

/*
 * Optimisers as Lua sees them: a userdata whose groups are plain tables, param_groups.
 *
 * optim.c holds the type, its making and its step; optim_state.c what goes into a checkpoint and
 * comes back; optim_text.c how an optimiser prints; optim_clip.c what is done to gradients.
 */

#define DDP_LUA_OPTIMIZER "optim.Optimizer"

/* User values of an optimiser. */
enum {
    DDP_LUA_OPTIMIZER_GROUPS = 1, /* the list param_groups */
    DDP_LUA_OPTIMIZER_DEFAULTS,   /* name to value, as torch's `defaults` */
    DDP_LUA_OPTIMIZER_USERS = DDP_LUA_OPTIMIZER_DEFAULTS,
};

typedef struct {
    DdpOptimizer *optimizer; /* owned; NULL only while it is being made */
    const DdpOptimizerInfo *info;
} DdpLuaOptimizer;

DdpLuaOptimizer *ddp_lua_check_optimizer(lua_State *L, int index);

/* Copies what the group at @group says into @spec, a struct of the kind. */
void ddp_lua_optimizer_read_group(lua_State *L, const DdpOptimizerInfo *info, int group,
                                  void *spec);

/* optim_state.c: o:state_dict(), o:load_state_dict(state) */
int ddp_lua_optimizer_state_dict(lua_State *L);
int ddp_lua_optimizer_load_state_dict(lua_State *L);

/* optim_text.c: tostring(o) */
int ddp_lua_optimizer_text(lua_State *L);

/* optim_clip.c: adds clip_grad_norm_ and its kin to the table on top of the stack. */
void ddp_lua_add_clip_functions(lua_State *L);

/* The gradients of the parameters in the list at @index, in memory that a pushed userdata owns. */
DdpTensor **ddp_lua_push_gradients(lua_State *L, int index, const char *verb, size_t *count);
