/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * How verbs of the Lua face read what they were given.
 *
 * Everything here leaves by longjmp when the scenario is wrong, past any g_free below it. So a
 * verb reads all its arguments first and owns nothing while it does. Messages name the verb and
 * the argument, what was found and what was expected; the place (file:line of the scenario)
 * is put in front of them.
 */

/**
 * ddp_args_site:
 *
 * The innermost line of the scenario that is running. Verbs and our own Lua modules have no line
 * (they are loaded without debug information), so it is the line that called them.
 *
 * Returns: false if no line of a scenario is on the stack
 */
bool ddp_args_site(lua_State *L, lua_Debug *site);

/* (transfer none): the file of a line. Lua's own short_src leaves out what exceeds 59 bytes. */
const char *ddp_args_file(const lua_Debug *site);

/* Room for "file:line" of any file that has a sensible name. */
#define DDP_PLACE_MAX 1024

/* Pushes "file:line: " of that line, or an empty string. */
void ddp_args_where(lua_State *L);

/* Raises @error as a Lua error with the scenario's place in front, and frees it. Never returns. */
int ddp_args_raise(lua_State *L, GError *error) G_GNUC_NORETURN;

/* An optional trailing table of named options, as keyword arguments are in Python. */
typedef struct {
    lua_State *L;
    int index;        /* of the table on the stack; 0 when none was given */
    const char *verb; /* for messages: "DataLoader" */
} DdpOptions;

/**
 * ddp_options_open:
 * @index: where the table may stand; none or nil is no options
 * @names: NULL-terminated list of the names that @verb knows
 *
 * Anything but a table is an error; so is a name that is not in @names, and the nearest
 * right one is named ("DataLoader: unknown option 'bath_size', did you mean 'batch_size'?").
 */
DdpOptions ddp_options_open(lua_State *L, int index, const char *verb, const char *const *names);

/* True if the option was given (and is not nil). */
bool ddp_options_has(const DdpOptions *options, const char *name);

/* The value or the fallback; a wrong type is an error that names verb, option, found, expected. */
lua_Number ddp_options_number(const DdpOptions *options, const char *name, lua_Number fallback);
lua_Integer ddp_options_integer(const DdpOptions *options, const char *name, lua_Integer fallback,
                                lua_Integer min, lua_Integer max);
bool ddp_options_boolean(const DdpOptions *options, const char *name, bool fallback);
/* Borrowed from the options table, which keeps it alive while it is on the stack. */
const char *ddp_options_string(const DdpOptions *options, const char *name, const char *fallback);
/* Pushes the option's value (nil if it was not given) and returns its Lua type. */
int ddp_options_push(const DdpOptions *options, const char *name);

/* The name in @names (NULL-terminated) that a typing slip away from @name, or NULL. */
const char *ddp_args_nearest(const char *name, const char *const *names);

G_END_DECLS
