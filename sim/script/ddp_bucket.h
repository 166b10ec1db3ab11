/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "sim/train/reducer.h"

G_BEGIN_DECLS

/*
 * Communication hooks that are functions of a scenario, and the GradBucket that they get.
 */

typedef struct DdpLuaHook DdpLuaHook;

/**
 * ddp_lua_hook_new:
 * @main: the main thread of the state, on which the hook runs
 * @launch: index of a function: launch(bucket) begins the reduction and returns anything
 * @resolve: index of a function: resolve(what launch returned) waits and returns a tensor
 *
 * Returns: (transfer full): outlives the reducer that has it
 */
DdpLuaHook *ddp_lua_hook_new(lua_State *L, lua_State *main, int launch, int resolve);
void ddp_lua_hook_free(DdpLuaHook *hook);

DdpCommHook ddp_lua_hook_ops(DdpLuaHook *hook);

/* Makes the type; once a state. */
void ddp_lua_bucket_open(lua_State *L);

G_END_DECLS
