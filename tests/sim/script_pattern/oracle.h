/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Stock Lua beside ours.
 *
 * Two plain states, `stock` as Lua opens it and `ours` with the patterns and charges of
 * sim/script put in. The same chunk runs in both, and what it returns or raises is written
 * as text, so that a difference shows itself.
 *
 * The tests bring their own ddp_script_charge(): it adds up what is charged and raises
 * ORACLE_ENDED beyond the budget.
 */

#define ORACLE_ENDED "the budget is used up"

extern lua_State *oracle_ours;
extern lua_State *oracle_stock;

void oracle_setup(void);
void oracle_teardown(void);

/* Sets the budget, and what is charged so far to nothing. */
void oracle_set_budget(uint64_t steps);
uint64_t oracle_charged(void);

/* (transfer full): what the chunk returns or raises; it is called "case" in messages. */
char *oracle_run(lua_State *L, const char *chunk);

/* (transfer full): the value at @index as text; strings are quoted. */
char *oracle_show(lua_State *L, int index);

/* Fails the test if the chunk returns or raises something else in `ours`. */
void oracle_same(const char *chunk);
