/* SPDX-License-Identifier: MIT */
#include "sim/script/at_exit.h"

#include <lauxlib.h>

#include "sim/script/state.h"

static const char list_key = 'x'; /* in the registry: a list of functions */

int
ddp_lua_at_exit(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key) == LUA_TNIL) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &list_key);
    }
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return 0;
}

static bool
may_act(lua_State *L)
{
    DdpScriptEnd end = ddp_script_ended(L);

    return end == DDP_SCRIPT_END_NONE || end == DDP_SCRIPT_END_EXIT || end == DDP_SCRIPT_END_STATUS;
}

bool
ddp_script_run_at_exit(lua_State *L, bool has_failed, GError **error)
{
    bool ok = true;

    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key) == LUA_TNIL) {
        lua_pop(L, 1);
        return true;
    }
    for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i > 0 && may_act(L); i--) {
        lua_rawgeti(L, -1, i);
        lua_pushboolean(L, has_failed);
        if (!ddp_script_call(L, 1, 0, ok ? error : NULL))
            ok = false;
    }
    lua_pop(L, 1);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &list_key);
    return ok;
}
