/* SPDX-License-Identifier: MIT */
/*
 * Mixed precision as torch has it: torch.autocast, and what torch.amp.GradScaler (lua/amp.lua)
 * needs from below. Devices are pretended here, so "cuda" differs from "cpu" only in its default
 * dtype; the lists of operations are CUDA's.
 */
#include "sim/script/amp.h"

#include <lauxlib.h>
#include <string.h>

#include "model/optim_gradients.h"
#include "sim/script/args.h"
#include "sim/script/libs.h"
#include "sim/script/modes.h"
#include "sim/script/optim.h"
#include "sim/script/prelude.h"
#include "sim/script/script_rank.h"
#include "sim/script/tensor.h"

/* ---- autocast ------------------------------------------------------------------------ */

/* The device type at 1, "cuda" or "cpu"; nothing stands for "cuda". */
static DdpDtype
take_device(lua_State *L)
{
    DdpDtype dtype = DDP_DTYPE_F16;
    const char *device;

    if (lua_type(L, 1) != LUA_TSTRING)
        return dtype;
    device = lua_tostring(L, 1);
    if (strcmp(device, "cpu") == 0)
        dtype = DDP_DTYPE_BF16;
    else if (strcmp(device, "cuda") != 0)
        luaL_error(L, "autocast: the device type is '%s', expected 'cuda' or 'cpu'", device);
    lua_remove(L, 1);
    return dtype;
}

/* autocast(device, {dtype, enabled = true, cache_enabled = true}, f, ...): what f returns. */
static int
l_autocast(lua_State *L)
{
    static const char *const names[] = {"dtype", "enabled", "cache_enabled", NULL};
    DdpDtype dtype = take_device(L);
    int function = lua_isfunction(L, 1) ? 1 : 2;
    DdpOptions options = {L, 0, "autocast"};

    if (function == 2)
        options = ddp_options_open(L, 1, "autocast", names);

    DdpAutocast mode = {
        .enabled = ddp_options_boolean(&options, "enabled", true),
        .dtype = ddp_lua_option_dtype(&options, dtype),
        .cache_enabled = ddp_options_boolean(&options, "cache_enabled", true),
    };

    if (mode.dtype != DDP_DTYPE_F16 && mode.dtype != DDP_DTYPE_BF16)
        return luaL_error(L,
                          "autocast: the dtype is torch.%s, expected torch.float16 or "
                          "torch.bfloat16",
                          ddp_dtype_name(mode.dtype));
    if (!lua_isfunction(L, function))
        return luaL_error(L,
                          "autocast: expected a function to run under it, found a %s; write "
                          "torch.autocast(\"cuda\", { dtype = torch.float16 }, f)",
                          luaL_typename(L, function));
    return ddp_lua_call_with_autocast(L, function, mode);
}

static int
l_is_autocast_enabled(lua_State *L)
{
    lua_pushboolean(L, ddp_autocast_get(ddp_script_rank(L)->model).enabled);
    return 1;
}

/* get_autocast_dtype(device): that of the region, or the device's default outside of one. */
static int
l_get_autocast_dtype(lua_State *L)
{
    DdpAutocast mode = ddp_autocast_get(ddp_script_rank(L)->model);
    DdpDtype fallback = take_device(L);

    ddp_lua_push_dtype(L, mode.enabled ? mode.dtype : fallback);
    return 1;
}

/* ---- for GradScaler ------------------------------------------------------------------ */

/*
 * unscale(params, inverse): multiplies the gradients of the list, and returns whether one of them
 * was not finite, and how many there are.
 */
static int
l_unscale(lua_State *L)
{
    float inverse = (float)luaL_checknumber(L, 2);
    size_t count;
    bool found = false;
    GError *error = NULL;
    DdpTensor **gradients = ddp_lua_push_gradients(L, 1, "unscale_", &count);

    if (!ddp_gradients_unscale_(gradients, count, inverse, &found, &error))
        return ddp_args_raise(L, error);
    lua_pushboolean(L, found);
    lua_pushinteger(L, (lua_Integer)count);
    return 2;
}

/* inverse(scale): 1 / scale in double, as float32. */
static int
l_inverse(lua_State *L)
{
    lua_pushnumber(L, (double)(float)(1.0 / luaL_checknumber(L, 1)));
    return 1;
}

/* scaled(scale, factor): the product in double, as float32; the scale where that is not finite. */
static int
l_scaled(lua_State *L)
{
    double scale = luaL_checknumber(L, 1);
    float product = (float)(scale * luaL_checknumber(L, 2));

    lua_pushnumber(L, product - product == 0.0f ? (double)product : scale);
    return 1;
}

static int
l_is_tensor(lua_State *L)
{
    lua_pushboolean(L, ddp_lua_test_tensor(L, 1) != NULL);
    return 1;
}

static const luaL_Reg natives[] = {
    {"inverse", l_inverse}, {"is_tensor", l_is_tensor},
    {"scaled", l_scaled},   {"unscale", l_unscale},
    {NULL, NULL},
};

int
ddp_luaopen_amp(lua_State *L)
{
    luaL_newlib(L, natives);
    return 1;
}

/* ---- the tables ---------------------------------------------------------------------- */

/* __index of torch.amp: what lua/amp.lua returns. */
static int
l_lazy(lua_State *L)
{
    ddp_prelude_use(L, "amp");
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    return 1;
}

static const luaL_Reg functions[] = {
    {"autocast", l_autocast},
    {"get_autocast_dtype", l_get_autocast_dtype},
    {"is_autocast_enabled", l_is_autocast_enabled},
    {NULL, NULL},
};

void
ddp_lua_add_amp(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);

    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_autocast);
    lua_setfield(L, -2, "autocast");
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_lazy);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);

    /* torch.cuda.amp is the same. */
    if (lua_getfield(L, -2, "cuda") != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 1);
        lua_pushvalue(L, -1);
        lua_setfield(L, -4, "cuda");
    }
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "amp");
    lua_pop(L, 1);
    lua_setfield(L, -2, "amp");
}
