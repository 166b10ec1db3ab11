/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>
#include <stdint.h>

#include "sim/script/state.h"

G_BEGIN_DECLS

/*
 * What work inside C functions costs a scenario.
 *
 * Lua counts its own instructions, but a single call of string.rep or table.concat can do the
 * work of a million of them. So each stock function whose cost grows with its input charges
 * ddp_script_charge() in proportion: about a step for eight bytes, or for one element. Whatever a
 * scenario calls, however often, its budget of steps bounds the time.
 */

/* Steps spent inside one C call, handed over in batches. Lives on the stack of that call. */
typedef struct {
    lua_State *L;
    uint64_t steps; /* not handed over yet */
} DdpMeter;

#define DDP_METER_BATCH 1000

/* Hands over what is left. Before a call ends, and before anything in it may raise or call Lua. */
static inline void
ddp_meter_settle(DdpMeter *meter)
{
    uint64_t steps = meter->steps;

    meter->steps = 0;
    ddp_script_charge(meter->L, steps);
}

static inline void
ddp_meter_add(DdpMeter *meter, uint64_t steps)
{
    meter->steps += steps;
    if (meter->steps >= DDP_METER_BATCH)
        ddp_meter_settle(meter);
}

/**
 * ddp_charges_open:
 *
 * Replaces, in the globals `string`, `table` and `utf8` and for `tonumber`, the functions whose
 * cost grows with their input. Results and errors are those of the stock functions, but for
 * table.sort: ours is stable, and its order depends on nothing but the values (the stock one asks
 * the clock for a pivot). Works on whatever stands in those tables, so it may be called before or
 * after other replacements.
 */
void ddp_charges_open(lua_State *L);

G_END_DECLS
