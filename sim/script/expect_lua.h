/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>
#include <lua.h>

G_BEGIN_DECLS

/*
 * Between Lua values and JSON, for sim/script/expect.c. Neither function raises: the work is
 * done under lua_pcall, and what it makes on the C side is owned outside of it, so a longjmp loses
 * nothing.
 */

/**
 * ddp_expect_read:
 *
 * The table at @index as a tree: a table with the keys 1 to n is an array, one with names an
 * object, an empty one an array. Metamethods are not run; NAN and infinities stay what they are.
 *
 * Returns: (transfer full): NULL with a DDP_SCRIPT_ERROR that names the place if something else is
 *   in there
 */
JsonNode *ddp_expect_read(lua_State *L, int index, GError **error);

/**
 * ddp_expect_call:
 *
 * Calls the function at @index with @report as a table (null is nil).
 *
 * Returns: (transfer full): NULL if it returned a true value, otherwise why not, in words
 */
char *ddp_expect_call(lua_State *L, int index, JsonNode *report);

G_END_DECLS
