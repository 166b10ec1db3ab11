/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

/*
 * Our own modules that are written in Lua (sim/script/lua). Each is compiled once a process,
 * stripped of its line numbers (so that errors point at the scenario's line), and run in each
 * state with the functions it needs from C as arguments.
 */

/* Runs module @name with the top @arguments values as its arguments; leaves its one result. */
void ddp_prelude_run(lua_State *L, const char *name, int arguments);
