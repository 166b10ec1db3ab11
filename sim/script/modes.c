/* SPDX-License-Identifier: MIT */
#include "sim/script/modes.h"

#include <lauxlib.h>

#include "sim/script/script_rank.h"

#define MODES "ddpsim.modes"

/* A value whose __close puts the modes back: Lua closes it also when an error passes. */
typedef struct {
    bool open;
    bool has_region; /* autocast was entered */
    bool grad_enabled;
    DdpAutocast around;
} Modes;

static int
l_close(lua_State *L)
{
    Modes *modes = lua_touserdata(L, 1);
    DdpModelContext *model = ddp_script_rank(L)->model;

    if (!modes->open)
        return 0;
    modes->open = false;
    if (modes->has_region)
        ddp_autocast_leave(model, modes->around);
    ddp_model_context_set_grad_enabled(model, modes->grad_enabled);
    return 0;
}

/* Puts a guard under the function at @index, which moves up by one. */
static Modes *
insert_guard(lua_State *L, int index)
{
    Modes *modes = lua_newuserdatauv(L, sizeof *modes, 0);

    *modes = (Modes){.open = false};
    if (luaL_newmetatable(L, MODES)) {
        lua_pushcfunction(L, l_close);
        lua_setfield(L, -2, "__close");
        lua_pushliteral(L, MODES);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    lua_insert(L, index);
    lua_toclose(L, index);
    modes->grad_enabled = ddp_model_context_grad_enabled(ddp_script_rank(L)->model);
    modes->open = true;
    return modes;
}

static int
call_guarded(lua_State *L, int index)
{
    lua_call(L, lua_gettop(L) - index - 1, LUA_MULTRET);
    lua_closeslot(L, index);
    lua_remove(L, index);
    return lua_gettop(L) - index + 1;
}

int
ddp_lua_call_with_grad(lua_State *L, int index, bool enabled)
{
    luaL_checktype(L, index, LUA_TFUNCTION);
    insert_guard(L, index);
    ddp_model_context_set_grad_enabled(ddp_script_rank(L)->model, enabled);
    return call_guarded(L, index);
}

int
ddp_lua_call_with_autocast(lua_State *L, int index, DdpAutocast mode)
{
    luaL_checktype(L, index, LUA_TFUNCTION);

    Modes *modes = insert_guard(L, index);

    modes->around = ddp_autocast_enter(ddp_script_rank(L)->model, mode);
    modes->has_region = true;
    return call_guarded(L, index);
}
