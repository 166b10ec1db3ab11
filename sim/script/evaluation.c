/* SPDX-License-Identifier: MIT */
#include "sim/script/evaluation.h"

#include <lauxlib.h>

#include "model/generator.h"
#include "sim/script/state_private.h"

/* Calls the @arguments + 1 values on top of the stack, a function below its arguments. */
static void
oracle_pass(lua_State *L, int arguments)
{
    DdpScriptRank *script = ddp_script_rank(L);
    DdpScriptRank kept = *script;
    DdpGenerator *generator = ddp_model_context_generator(script->model);
    g_autoptr(DdpGenerator) saved = ddp_generator_copy(generator);

    ddp_script_settle(L);
    script->oracle = true;
    script->world_size = 1;
    script->local_rank = 0;
    script->node_rank = 0;

    int status = lua_pcall(L, arguments, 0, 0);

    ddp_script_settle(L);
    script->oracle = false;
    script->world_size = kept.world_size;
    script->local_rank = kept.local_rank;
    script->node_rank = kept.node_rank;
    ddp_generator_assign(generator, saved);
    g_clear_pointer(&saved, ddp_generator_free);
    if (status == LUA_OK)
        return;
    lua_pushfstring(L,
                    "%s (while rank 0 ran the evaluation once more as the only process, for the "
                    "true values; --no-audit leaves that out)",
                    lua_tostring(L, -1));
    lua_error(L);
}

bool
ddp_script_evaluating(lua_State *L)
{
    return ddp_script_rank(L)->priv->evaluation >= 0;
}

int
ddp_script_evaluate(lua_State *L, int64_t epoch, int arguments, int oracle)
{
    DdpScriptRank *script = ddp_script_rank(L);
    DdpScriptPrivate *priv = script->priv;
    int function = lua_gettop(L) - arguments;
    bool audited = priv->play->audit != NULL && script->rank == 0;

    g_assert(priv->evaluation < 0);
    oracle = lua_absindex(L, oracle);
    luaL_checkstack(L, arguments + 4, "evaluation");
    priv->evaluation = priv->evaluation_count++;
    priv->evaluation_epoch = epoch;

    /* What the oracle will be called with lies below, where the call leaves it alone. */
    lua_pushvalue(L, oracle);
    for (int i = 1; i <= arguments; i++)
        lua_pushvalue(L, function + i);
    lua_rotate(L, function, arguments + 1);

    int called = function + arguments + 1;

    lua_call(L, arguments, LUA_MULTRET);

    int results = lua_gettop(L) - called + 1;

    if (audited) {
        for (int i = 0; i <= arguments; i++)
            lua_pushvalue(L, function + i);
        oracle_pass(L, arguments);
    }
    for (int i = 0; i <= arguments; i++)
        lua_remove(L, function);
    priv->evaluation = -1;
    return results;
}
