/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <lua.h>

G_BEGIN_DECLS

/*
 * Lua values as bytes, for the object collectives. nil, booleans, numbers, strings, tensors (their
 * values, not their graph) and tables of these; a table that contains itself, a function or
 * another userdata is an error that says what cannot travel, as pickle's would.
 */

/* Pushes a userdata that holds the value at @index, and returns its bytes (borrowed from it). */
const GByteArray *ddp_pickle_dump(lua_State *L, int index);

/* Pushes the value that @bytes hold; bytes that no dump made are a Lua error. */
void ddp_pickle_load(lua_State *L, const char *bytes, size_t length);

G_END_DECLS
