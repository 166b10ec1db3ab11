/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <lua.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * What a rank still does when its main is over, as Python's atexit: the last text of an open log
 * is written, a run that was not finished is. Not done by a rank that is killed, that was ended
 * while it waited, or whose limits are used up: a process in that place has no time for it either.
 */

/* Of our own modules: (function); it is called with true if the rank failed, last one first. */
int ddp_lua_at_exit(lua_State *L);

/* Once, by whoever ran the rank's main. Inside, no handler stops those after it. */
bool ddp_script_run_at_exit(lua_State *L, bool has_failed, GError **error);

G_END_DECLS
