/* SPDX-License-Identifier: MIT */
/*
 * Batches of messages: dist.P2POp(dist.isend, tensor, peer, {tag = 1}) notes one, and
 * dist.batch_isend_irecv{...} begins them all and returns their works in the same order.
 */
#include <lauxlib.h>

#include "sim/script/dist.h"

#define P2P_OP "dist.P2POp"

/* dist.isend and dist.irecv are the upvalues 1 and 2. */
static int
l_p2p_op(lua_State *L)
{
    bool sends = lua_rawequal(L, 1, lua_upvalueindex(1));

    if (!sends && !lua_rawequal(L, 1, lua_upvalueindex(2)))
        return luaL_error(L, "dist.P2POp: op is %s, expected dist.isend or dist.irecv",
                          luaL_tolstring(L, 1, NULL));
    lua_settop(L, 4);
    lua_createtable(L, 4, 0);
    for (int i = 1; i <= 4; i++) {
        lua_pushvalue(L, i);
        lua_rawseti(L, 5, i);
    }
    luaL_setmetatable(L, P2P_OP);
    return 1;
}

static int
l_batch_isend_irecv(lua_State *L)
{
    lua_Integer count;

    luaL_checktype(L, 1, LUA_TTABLE);
    count = (lua_Integer)lua_rawlen(L, 1);
    if (count == 0)
        return luaL_error(L, "dist.batch_isend_irecv: the list of dist.P2POp is empty");
    for (lua_Integer i = 1; i <= count; i++) {
        bool is_op;

        lua_rawgeti(L, 1, i);
        is_op = lua_getmetatable(L, -1) && luaL_getmetatable(L, P2P_OP) == LUA_TTABLE &&
                lua_rawequal(L, -1, -2);
        if (!is_op)
            return luaL_error(L, "dist.batch_isend_irecv: element %I is no dist.P2POp",
                              (LUAI_UACINT)i);
        lua_settop(L, 1);
    }
    lua_createtable(L, (int)count, 0);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, 1, i);
        for (int part = 1; part <= 4; part++)
            lua_rawgeti(L, 3, part);
        lua_call(L, 3, 1);
        lua_rawseti(L, 2, i);
        lua_settop(L, 2);
    }
    return 1;
}

void
ddp_dist_p2p_open(lua_State *L)
{
    luaL_newmetatable(L, P2P_OP);
    lua_pop(L, 1);
    lua_getfield(L, -1, "isend");
    lua_getfield(L, -2, "irecv");
    lua_pushcclosure(L, l_p2p_op, 2);
    lua_setfield(L, -2, "P2POp");
    lua_pushcfunction(L, l_batch_isend_irecv);
    lua_setfield(L, -2, "batch_isend_irecv");
}
