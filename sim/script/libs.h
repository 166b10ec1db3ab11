/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

/* The openers of the tables that a scenario sees; each leaves its value on the stack. */

int ddp_luaopen_torch(lua_State *L);      /* torch.c */
int ddp_luaopen_nn(lua_State *L);         /* nn.c */
int ddp_luaopen_functional(lua_State *L); /* functional.c: F */
int ddp_luaopen_optim(lua_State *L);      /* optim.c */
int ddp_luaopen_data(lua_State *L);       /* data.c */
int ddp_luaopen_dist(lua_State *L);       /* dist.c */
int ddp_luaopen_env(lua_State *L);        /* env.c */
int ddp_luaopen_fabric(lua_State *L);     /* fabric.c */
int ddp_luaopen_ddp(lua_State *L);        /* ddp.c: DistributedDataParallel */
int ddp_luaopen_summary_writer(lua_State *L);
int ddp_luaopen_event_accumulator(lua_State *L);
int ddp_luaopen_sim(lua_State *L); /* sim.c */
