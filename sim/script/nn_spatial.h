/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <lua.h>

G_BEGIN_DECLS

/* Adds conv2d, max_pool2d, embedding and their kind to the table on top: they belong to `F`. */
void ddp_lua_add_spatial_functions(lua_State *L);

G_END_DECLS
