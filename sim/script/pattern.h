/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

/*
 * Lua's patterns (manual, section 6.4.1) with a meter.
 *
 * Matching can take exponential time, and no hook interrupts a C function. This matcher counts its
 * steps and charges them, so string.find, match, gmatch and gsub end with the scenario's budget.
 * It uses no recursion: the stack it needs does not depend on pattern or subject. Results and
 * error messages are those of Lua 5.4; character classes are those of the "C" locale, whatever
 * the locale of the process is.
 */

/* Replaces find, match, gmatch and gsub in the global table `string`. */
void ddp_pattern_open(lua_State *L);
