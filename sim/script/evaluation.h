/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Evaluations of the audit. What is logged inside one is compared with the truth: when it is over,
 * rank 0 runs an oracle pass, in which it plays a single process with the whole data set and the
 * same weights, and what it would log then is the true value.
 *
 * During that pass the rank's world_size is 1, collectives are those of a world of one, nothing is
 * printed or written, and time stands still. Afterwards the rank's stream of random numbers goes on
 * as if it had not been. With --no-audit there is no pass, and nothing is spent on it.
 */

/**
 * ddp_script_evaluate:
 * @epoch: for the report
 * @arguments: how many values for the function lie above it on the stack
 * @oracle: index of the function of the oracle pass, called with the same arguments
 *
 * Calls the function under the arguments, and after it the oracle's where one is due. Errors pass.
 *
 * Returns: how many results the function left
 */
int ddp_script_evaluate(lua_State *L, int64_t epoch, int arguments, int oracle);

/* True if an evaluation is in progress. */
bool ddp_script_evaluating(lua_State *L);

G_END_DECLS
