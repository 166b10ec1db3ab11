/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

/* amp.c: adds autocast, amp and cuda.amp to the table `torch` on top of the stack. */
void ddp_lua_add_amp(lua_State *L);
