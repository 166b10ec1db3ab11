/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <lua.h>

G_BEGIN_DECLS

/*
 * What a piece of Lua code changes, put back.
 *
 * An oracle pass runs a scenario's own hooks once more, and these may count, collect and overwrite
 * as they like. So the state that they can reach is kept before and put back after: from a root,
 * all tables (their fields and metatables), the variables of all Lua functions, and the elements
 * of all tensors. Tables and functions that a state had before the scenario's own code ran
 * (torch, string, our own modules) are not entered, nor is what lies in other userdata.
 *
 * Tensors above KEEP_TENSOR_MAX bytes, such as data sets, are not copied: that one of them
 * was written is found when the state is put back, and is an error.
 */

/* Pushes what holds the state that can be reached from the value at @index. */
void ddp_keep(lua_State *L, int index);

/* Puts back the state at @index, which may be used once. */
void ddp_keep_put_back(lua_State *L, int index);

G_END_DECLS
