/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "comm_shm/comm.h"
#include "sim/script/args.h"

G_BEGIN_DECLS

/*
 * The two handles that torch.distributed hands out: process groups and works.
 */

/* Registers the types; once a state. */
void ddp_dist_handles_open(lua_State *L);

/* Pushes a handle for @group. Ranks outside of it get one whose use is an error. */
void ddp_dist_push_group(lua_State *L, DdpGroup *group);

/**
 * ddp_dist_option_group:
 *
 * The group of option "group", or that of the world. A group that this rank is no member of is a
 * Lua error.
 */
DdpGroup *ddp_dist_option_group(const DdpOptions *options);

/* The group whose handle stands at @index; an error that names @verb if it is none, or not ours. */
DdpGroup *ddp_dist_check_group(lua_State *L, int index, const char *verb);

/**
 * ddp_dist_begin:
 * @result: index of the value that wait() returns; what @call points into must stay alive with it
 *
 * Begins the call and pushes its work.
 */
void ddp_dist_begin(lua_State *L, DdpGroup *group, DdpCall *call, int result);

G_END_DECLS
