/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "model/autocast.h"

/*
 * Modes of a rank's model that hold while a function runs: whether gradients are recorded, and
 * autocast. They come back whatever way the function is left.
 */

/*
 * Calls the function at @index with all values above it as arguments; leaves its results in their
 * place and returns how many there are.
 */
int ddp_lua_call_with_grad(lua_State *L, int index, bool enabled);
int ddp_lua_call_with_autocast(lua_State *L, int index, DdpAutocast mode);
