/* SPDX-License-Identifier: MIT */
/* `Fabric{...}`: written in Lua (lua/fabric.lua) over the tables it builds on. */
#include <lauxlib.h>

#include "sim/script/args.h"
#include "sim/script/libs.h"
#include "sim/script/prelude.h"
#include "sim/script/tensor.h"

/* test_tensor(value) */
static int
l_test_tensor(lua_State *L)
{
    lua_pushboolean(L, ddp_lua_test_tensor(L, 1) != NULL);
    return 1;
}

/* check_options(table, verb, name, ...): raises where a name is unknown. */
static int
l_check_options(lua_State *L)
{
    int count = lua_gettop(L);
    const char *names[16];
    const char *verb = luaL_checkstring(L, 2);

    luaL_argcheck(L, count - 2 < (int)G_N_ELEMENTS(names), 3, "too many names");
    for (int i = 3; i <= count; i++)
        names[i - 3] = luaL_checkstring(L, i);
    names[count - 2] = NULL;
    ddp_options_open(L, 1, verb, names);
    return 0;
}

int
ddp_luaopen_fabric(lua_State *L)
{
    lua_getglobal(L, "dist");
    lua_getglobal(L, "env");
    lua_getglobal(L, "torch");
    lua_getglobal(L, "DistributedDataParallel");
    lua_pushcfunction(L, l_test_tensor);
    lua_pushcfunction(L, l_check_options);
    ddp_prelude_run(L, "fabric", 6);
    return 1;
}
