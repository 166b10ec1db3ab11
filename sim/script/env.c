/* SPDX-License-Identifier: MIT */
/* The Lua table `env`: the environment variables that torchrun sets for each worker. */
#include <glib.h>
#include <lauxlib.h>

#include "sim/script/libs.h"
#include "sim/script/script_rank.h"

static int
l_index(lua_State *L)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    const char *name = luaL_checkstring(L, 2);
    int local_size = script->oracle ? 1 : script->nproc_per_node;

    if (g_str_equal(name, "RANK"))
        lua_pushinteger(L, script->rank);
    else if (g_str_equal(name, "LOCAL_RANK"))
        lua_pushinteger(L, script->local_rank);
    else if (g_str_equal(name, "WORLD_SIZE"))
        lua_pushinteger(L, script->world_size);
    else if (g_str_equal(name, "LOCAL_WORLD_SIZE"))
        lua_pushinteger(L, local_size);
    else if (g_str_equal(name, "NODE_RANK") || g_str_equal(name, "GROUP_RANK"))
        lua_pushinteger(L, script->node_rank);
    else if (g_str_equal(name, "MASTER_ADDR"))
        lua_pushstring(L, script->world_size > script->nproc_per_node ? ddp_script_host(0)
                                                                      : "127.0.0.1");
    else if (g_str_equal(name, "MASTER_PORT"))
        lua_pushliteral(L, "29500");
    else
        lua_pushnil(L);
    return 1;
}

int
ddp_luaopen_env(lua_State *L)
{
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_index);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    return 1;
}
