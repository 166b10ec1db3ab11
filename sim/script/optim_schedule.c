/* SPDX-License-Identifier: MIT */
/* What lua/lr_scheduler.lua needs from below: functions whose bits do not depend on the libm. */
#include <lauxlib.h>
#include <math.h>

#include "model/math/elementary.h"
#include "model/optim_power.h"
#include "sim/script/libs.h"

static int
l_cos(lua_State *L)
{
    lua_pushnumber(L, ddp_cosine(luaL_checknumber(L, 1)));
    return 1;
}

static int
l_log(lua_State *L)
{
    lua_pushnumber(L, ddp_log(luaL_checknumber(L, 1)));
    return 1;
}

/* power(x, y): a whole y gives the nearest double. */
static int
l_power(lua_State *L)
{
    double x = luaL_checknumber(L, 1);
    double y = luaL_checknumber(L, 2);

    if (fabs(y) < 0x1p52 && y == nearbyint(y))
        lua_pushnumber(L, ddp_power_of(x, (int64_t)y));
    else
        lua_pushnumber(L, ddp_pow(x, y));
    return 1;
}

int
ddp_luaopen_lr_scheduler(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"cos", l_cos},
        {"log", l_log},
        {"power", l_power},
        {NULL, NULL},
    };

    luaL_newlib(L, functions);
    return 1;
}
