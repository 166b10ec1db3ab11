/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>
#include <stdbool.h>

/*
 * Our own modules that are written in Lua (sim/script/lua). Each is compiled once a process,
 * stripped of its line numbers (so that errors point at the scenario's line), and run in each
 * state that asks for it.
 *
 * Some are run when a state is made, with what they need as arguments (ddp_prelude_run()). The
 * others are run when they are first asked for, once a state (ddp_prelude_use()): their chunk gets
 *
 *     local use, c = ...
 *
 * where `use(name)` gives another such module and `c` is the table that the C opener of that name
 * made (nil without one). Their globals are the ones that a state had before the scenario's own
 * code ran, so nothing that a scenario does to its globals reaches them; they may not be assigned.
 */

/* Runs module @name with the top @arguments values as its arguments; leaves its one result. */
void ddp_prelude_run(lua_State *L, const char *name, int arguments);

/* Pushes what module @name returned, run now if this state has not used it yet. */
void ddp_prelude_use(lua_State *L, const char *name);

/* Whether there is a module of that name. */
bool ddp_prelude_has(const char *name);

/* Sets seen[value] for all tables and functions that are ours: globals and modules. */
void ddp_prelude_mark_own(lua_State *L, int seen);

/* Keeps the globals as they are now for the modules that will be used; once a state. */
void ddp_prelude_keep_globals(lua_State *L);

/* Makes the lazy ones of the global names (Trainer, metrics, ...) appear when first read. */
void ddp_prelude_open_lazy(lua_State *L);
