/* SPDX-License-Identifier: MIT */
/*
 * `DistributedDataParallel(module)`: a reducer (sim/train/reducer.h) around the parameters of a
 * module, with the world's collectives under it, and a note of the weights' hash at every forward
 * so that replicas that drift apart are found.
 */
#include <lauxlib.h>

#include "sim/script/args.h"
#include "sim/script/dist.h"
#include "sim/script/libs.h"
#include "sim/script/prelude.h"
#include "sim/script/state_private.h"
#include "sim/script/tensor.h"
#include "sim/train/reducer.h"
#include "sim/world/world.h"

#define REDUCER "ddpsim.Reducer"

static const char reducers_key = 'r'; /* in the registry: a list of all reducers of the state */

typedef struct {
    DdpReducer *reducer;
    lua_State *L; /* the main thread of the state */
    int64_t step; /* forwards that recorded gradients so far */
} Box;

/*
 * The reducer calls from inside backward(), which must be left by its return value and not by a
 * longjmp. So these hand a GError back, and mark that the rank is ended so that no pcall of the
 * scenario keeps it.
 */
static bool
play_call(Box *box, DdpCall *call, GError **error)
{
    DdpScriptRank *script = ddp_script_rank(box->L);
    GError *own = NULL;
    DdpCaller caller;

    if (script->oracle)
        return true;
    ddp_script_settle(box->L);
    ddp_dist_note_caller(box->L, call, &caller, 0);
    if (ddp_rank_call(script->world_rank, call, &own)) {
        ddp_script_met(box->L);
        return true;
    }
    if (g_error_matches(own, DDP_COMM_ERROR, DDP_COMM_ERROR_ENDED)) {
        script->priv->end = DDP_SCRIPT_END_WORLD;
        g_prefix_error(&own, "%s of %s was never completed, ", ddp_call_kind_name(call->kind),
                       call->name);
    }
    g_propagate_error(error, own);
    return false;
}

static bool
all_reduce_sum(void *user_data, DdpTensor *tensor, const char *name, GError **error)
{
    DdpCall call = ddp_dist_tensor_call(DDP_CALL_ALL_REDUCE, tensor);

    call.name = name;
    return play_call(user_data, &call, error);
}

static bool
broadcast(void *user_data, DdpTensor *tensor, int root, const char *name, GError **error)
{
    DdpCall call = ddp_dist_tensor_call(DDP_CALL_BROADCAST, tensor);

    call.root = root;
    call.name = name;
    return play_call(user_data, &call, error);
}

static void
note_replica(Box *box)
{
    DdpScriptRank *script = ddp_script_rank(box->L);
    DdpTensor *parameters = ddp_reducer_parameters(box->reducer);
    uint64_t hash = ddp_replicas_hash(ddp_tensor_data(parameters), ddp_tensor_bytes(parameters));

    ddp_tell_replica(script->priv->play->tell, script->rank, box->step, hash);
}

static int
l_gc(lua_State *L)
{
    Box *box = luaL_checkudata(L, 1, REDUCER);

    g_clear_pointer(&box->reducer, ddp_reducer_free);
    return 0;
}

/* Keeps the reducer at @index in the list that ddp_script_note_replicas() walks. */
static void
remember(lua_State *L, int index)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &reducers_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &reducers_key);
    }
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}

/* new_reducer(module, options) */
static int
l_new_reducer(lua_State *L)
{
    static const char *const none[] = {NULL};
    DdpScriptRank *script = ddp_script_rank(L);
    GError *error = NULL;

    luaL_argexpected(L, lua_istable(L, 1), 1, "nn.Module");
    ddp_options_open(L, 2, "DistributedDataParallel", none);
    if (script->world_rank == NULL)
        return luaL_error(L,
                          "DistributedDataParallel: there is no world yet; it belongs inside main");

    Box *box = lua_newuserdatauv(L, sizeof *box, 0);

    *box = (Box){NULL, script->priv->L, 0};
    luaL_setmetatable(L, REDUCER);

    lua_getfield(L, 1, "parameters");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);

    lua_Integer all = luaL_len(L, -1);
    DdpTensor **parameters = lua_newuserdatauv(L, (size_t)all * sizeof *parameters + 1, 0);
    size_t count = 0;

    for (lua_Integer i = 1; i <= all; i++) {
        lua_rawgeti(L, -2, i);
        if (ddp_tensor_requires_grad(ddp_lua_check_tensor(L, -1)))
            parameters[count++] = ddp_lua_check_tensor(L, -1);
        lua_pop(L, 1);
    }

    const DdpReducerOps ops = {all_reduce_sum, broadcast, box};

    box->reducer = ddp_reducer_new(script->model, parameters, count, script->rank,
                                   script->world_size, &ops, &error);
    if (box->reducer == NULL)
        ddp_args_raise(L, error);
    lua_pop(L, 2);
    remember(L, lua_gettop(L));
    return 1;
}

/* prepare_forward(reducer) */
static int
l_prepare_forward(lua_State *L)
{
    Box *box = luaL_checkudata(L, 1, REDUCER);
    DdpScriptRank *script = ddp_script_rank(L);
    GError *error = NULL;

    if (script->oracle || !ddp_model_context_grad_enabled(script->model))
        return 0;
    if (!ddp_reducer_prepare_forward(box->reducer, &error))
        ddp_args_raise(L, error);
    note_replica(box);
    box->step++;
    return 0;
}

void
ddp_script_note_replicas(lua_State *L)
{
    int top = lua_gettop(L);

    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &reducers_key) == LUA_TTABLE) {
        lua_Integer count = (lua_Integer)lua_rawlen(L, -1);

        for (lua_Integer i = 1; i <= count; i++) {
            lua_rawgeti(L, -1, i);

            Box *box = lua_touserdata(L, -1);

            if (count == 1 && box->reducer != NULL)
                note_replica(box);
            lua_pop(L, 1);
        }
    }
    lua_settop(L, top);
}

int
ddp_luaopen_ddp(lua_State *L)
{
    if (luaL_newmetatable(L, REDUCER)) {
        lua_pushcfunction(L, l_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
    lua_getglobal(L, "nn");
    lua_pushcfunction(L, l_new_reducer);
    lua_pushcfunction(L, l_prepare_forward);
    ddp_prelude_run(L, "ddp", 3);
    return 1;
}
