/* SPDX-License-Identifier: MIT */
#include "sim/script/ddp_bucket.h"

#include <lauxlib.h>

#include "model/ops.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

#define BUCKET "dist.GradBucket"

/* ---- the bucket that a hook gets ----------------------------------------------------- */

/* Good for as long as the hook runs. Its only user value is the buffer that set_buffer() gave. */
typedef struct {
    DdpGradBucket *bucket; /* NULL when that is over */
} Handle;

static DdpGradBucket *
check_bucket(lua_State *L)
{
    const Handle *handle = luaL_checkudata(L, 1, BUCKET);

    if (handle->bucket == NULL)
        luaL_error(L, "the bucket belongs to a backward pass that is over");
    return handle->bucket;
}

static void
push_tensor(lua_State *L, DdpTensor *tensor)
{
    DdpTensor **slot = ddp_lua_tensor_slot(L);

    *slot = ddp_tensor_ref(tensor);
}

static int
l_index(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ddp_grad_bucket_index(check_bucket(L)));
    return 1;
}

static int
l_is_last(lua_State *L)
{
    lua_pushboolean(L, ddp_grad_bucket_is_last(check_bucket(L)));
    return 1;
}

static int
l_name(lua_State *L)
{
    lua_pushstring(L, ddp_grad_bucket_name(check_bucket(L)));
    return 1;
}

static int
l_buffer(lua_State *L)
{
    DdpGradBucket *bucket = check_bucket(L);

    if (lua_getiuservalue(L, 1, 1) == LUA_TNIL)
        push_tensor(L, ddp_grad_bucket_buffer(bucket));
    return 1;
}

static int
l_set_buffer(lua_State *L)
{
    check_bucket(L);
    ddp_lua_check_tensor(L, 2);
    lua_settop(L, 2);
    lua_setiuservalue(L, 1, 1);
    return 0;
}

static int
push_list(lua_State *L, DdpTensor *(*get)(DdpGradBucket *bucket, size_t place))
{
    DdpGradBucket *bucket = check_bucket(L);
    size_t count = ddp_grad_bucket_count(bucket);

    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        push_tensor(L, get(bucket, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int
l_gradients(lua_State *L)
{
    return push_list(L, ddp_grad_bucket_gradient);
}

static int
l_parameters(lua_State *L)
{
    return push_list(L, ddp_grad_bucket_parameter);
}

/* ---- the hook ------------------------------------------------------------------------ */

struct DdpLuaHook {
    lua_State *L; /* the main thread */
    int launch;   /* references in the registry */
    int resolve;
    int pending; /* a table: by index of the bucket, what launch returned and the handle */
};

DdpLuaHook *
ddp_lua_hook_new(lua_State *L, lua_State *main, int launch, int resolve)
{
    lua_pushvalue(L, launch);

    int launch_ref = luaL_ref(L, LUA_REGISTRYINDEX);

    lua_pushvalue(L, resolve);

    int resolve_ref = luaL_ref(L, LUA_REGISTRYINDEX);

    lua_newtable(L);

    int pending_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    DdpLuaHook *hook = g_new(DdpLuaHook, 1);

    *hook = (DdpLuaHook){main, launch_ref, resolve_ref, pending_ref};
    return hook;
}

void
ddp_lua_hook_free(DdpLuaHook *hook)
{
    if (hook == NULL)
        return;
    luaL_unref(hook->L, LUA_REGISTRYINDEX, hook->launch);
    luaL_unref(hook->L, LUA_REGISTRYINDEX, hook->resolve);
    luaL_unref(hook->L, LUA_REGISTRYINDEX, hook->pending);
    g_free(hook);
}

/* (launch, pending, bucket as light userdata): makes the handle and keeps what launch returns. */
static int
l_launch(lua_State *L)
{
    DdpGradBucket *bucket = lua_touserdata(L, 3);
    lua_Integer key = 2 * (lua_Integer)ddp_grad_bucket_index(bucket) + 1;

    lua_pushvalue(L, 1);

    Handle *handle = lua_newuserdatauv(L, sizeof *handle, 1);

    handle->bucket = bucket;
    luaL_setmetatable(L, BUCKET);
    lua_pushvalue(L, -1);
    lua_rawseti(L, 2, key + 1);
    lua_call(L, 1, 1);
    lua_rawseti(L, 2, key);
    return 0;
}

/* (resolve, pending, bucket): the result becomes what the bucket holds. */
static int
l_finish(lua_State *L)
{
    DdpGradBucket *bucket = lua_touserdata(L, 3);
    lua_Integer key = 2 * (lua_Integer)ddp_grad_bucket_index(bucket) + 1;
    DdpTensor *buffer = ddp_grad_bucket_buffer(bucket);
    GError *error = NULL;
    Handle *handle;
    DdpTensor *result;

    lua_pushvalue(L, 1);
    lua_rawgeti(L, 2, key);
    lua_call(L, 1, 1);
    result = ddp_lua_test_tensor(L, -1);
    if (result == NULL)
        return luaL_error(L,
                          "a communication hook must return a tensor, a work or a future of a "
                          "tensor, found a %s",
                          luaL_typename(L, -1));
    if (ddp_tensor_numel(result) != ddp_tensor_numel(buffer))
        return luaL_error(
            L, "a communication hook returned a tensor of %d elements for a bucket of %d",
            (int)ddp_tensor_numel(result), (int)ddp_tensor_numel(buffer));
    lua_rawgeti(L, 2, key + 1);
    handle = lua_touserdata(L, -1);
    handle->bucket = NULL;
    lua_pushnil(L);
    lua_rawseti(L, 2, key);
    lua_pushnil(L);
    lua_rawseti(L, 2, key + 1);
    if (ddp_tensor_data(result) != ddp_tensor_data(buffer) && !ddp_copy_(buffer, result, &error))
        ddp_args_raise(L, error);
    return 0;
}

/* In protected mode: this is inside of backward(), which must be left by its return value. */
static bool
run(const DdpLuaHook *hook, lua_CFunction step, int function, DdpGradBucket *bucket, GError **error)
{
    lua_State *L = hook->L;
    GError *own = NULL;

    if (!lua_checkstack(L, 16)) {
        g_set_error_literal(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_FAILED,
                            "communication hook: the stack of Lua is full");
        return false;
    }
    lua_pushcfunction(L, step);
    lua_rawgeti(L, LUA_REGISTRYINDEX, function);
    lua_rawgeti(L, LUA_REGISTRYINDEX, hook->pending);
    lua_pushlightuserdata(L, bucket);
    if (ddp_script_call(L, 3, 0, &own))
        return true;
    g_set_error(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_FAILED, "communication hook: %s",
                own->message);
    g_error_free(own);
    return false;
}

static bool
launch(void *user_data, DdpGradBucket *bucket, GError **error)
{
    const DdpLuaHook *hook = user_data;

    return run(hook, l_launch, hook->launch, bucket, error);
}

static bool
finish(void *user_data, DdpGradBucket *bucket, GError **error)
{
    const DdpLuaHook *hook = user_data;

    return run(hook, l_finish, hook->resolve, bucket, error);
}

DdpCommHook
ddp_lua_hook_ops(DdpLuaHook *hook)
{
    return (DdpCommHook){launch, finish, hook};
}

/* ---- opening ------------------------------------------------------------------------- */

void
ddp_lua_bucket_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"buffer", l_buffer},
        {"gradients", l_gradients},
        {"index", l_index},
        {"is_last", l_is_last},
        {"name", l_name},
        {"parameters", l_parameters},
        {"set_buffer", l_set_buffer},
        {NULL, NULL},
    };

    if (luaL_newmetatable(L, BUCKET)) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
}
