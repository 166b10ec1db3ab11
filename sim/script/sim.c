/* SPDX-License-Identifier: MIT */
/*
 * The Lua table `sim`: what a scenario tells the simulator rather than the world.
 *
 * sim.evaluation(epoch, f) runs f as it stands, and, on rank 0, once more as an oracle pass: the
 * rank plays a single process with the whole data set and the same weights, and what it would log
 * is the true value of what was logged.
 */
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "sim/script/args.h"
#include "sim/script/evaluation.h"
#include "sim/script/libs.h"
#include "sim/script/state_private.h"
#include "sim/world/world.h"

static DdpRank *
check_world(lua_State *L, const char *verb)
{
    DdpRank *rank = ddp_script_rank(L)->world_rank;

    if (rank == NULL)
        luaL_error(L, "sim.%s: there is no world yet; it belongs inside main", verb);
    return rank;
}

static int
l_sleep(lua_State *L)
{
    lua_Number seconds = luaL_checknumber(L, 1);
    DdpRank *rank = check_world(L, "sleep");
    GError *error = NULL;

    if (!(seconds >= 0 && seconds <= 1e9))
        return luaL_error(L, "sim.sleep: %f seconds, expected 0 to 1e9", seconds);
    if (ddp_script_rank(L)->oracle)
        return 0;
    ddp_script_settle(L);
    if (!ddp_rank_sleep_ns(rank, (int64_t)(seconds * 1e9), &error)) {
        ddp_args_where(L);
        lua_pushstring(L, error->message);
        g_error_free(error);
        lua_concat(L, 2);
        ddp_script_end(L, DDP_SCRIPT_END_WORLD);
    }
    ddp_script_met(L);
    return 0;
}

static int
l_compute(lua_State *L)
{
    lua_Number flops = luaL_checknumber(L, 1);
    DdpRank *rank = check_world(L, "compute");

    if (!(flops >= 0 && flops <= 1e30))
        return luaL_error(L, "sim.compute: %f operations, expected 0 to 1e30", flops);
    if (!ddp_script_rank(L)->oracle)
        ddp_rank_compute(rank, flops);
    return 0;
}

static int
l_now(lua_State *L)
{
    DdpRank *rank = check_world(L, "now");

    ddp_script_settle(L);
    lua_pushnumber(L, (lua_Number)ddp_rank_now_ns(rank) * 1e-9);
    return 1;
}

static int
l_fail(lua_State *L)
{
    static const char *const ways[] = {"error", "exit", "kill", NULL};
    int way = luaL_checkoption(L, 1, NULL, ways);
    lua_Integer status = luaL_optinteger(L, 2, 0);

    if (way != 1 && !lua_isnoneornil(L, 2))
        return luaL_error(L, "sim.fail: only 'exit' takes a status");
    if (status < 0 || status > 255)
        return luaL_error(L, "sim.fail: the status is %I, expected 0 to 255", (LUAI_UACINT)status);
    if (way == 1)
        ddp_script_exit(L, (int)status);
    if (way == 2)
        ddp_script_kill(L);
    ddp_args_where(L);
    lua_pushliteral(L, "sim.fail: this rank fails on purpose");
    lua_concat(L, 2);
    return lua_error(L);
}

static int
l_finding(lua_State *L)
{
    const char *kind = luaL_checkstring(L, 1);
    const char *text = luaL_checkstring(L, 2);
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpPlay *play = script->priv->play;
    lua_Debug site;
    char place[DDP_PLACE_MAX] = "";

    check_world(L, "finding");
    if (script->oracle)
        return 0;
    ddp_script_charge_output(L, strlen(kind) + strlen(text));
    if (ddp_args_site(L, &site))
        g_snprintf(place, sizeof place, "%s:%d", ddp_args_file(&site), site.currentline);
    ddp_tell_finding(play->tell, script->rank, kind, text, *place != '\0' ? place : NULL);
    return 0;
}

/* ---- evaluations ---- */

static int
l_evaluation(lua_State *L)
{
    int64_t epoch = luaL_checkinteger(L, 1);

    luaL_checktype(L, 2, LUA_TFUNCTION);
    check_world(L, "evaluation");
    lua_settop(L, 2);
    if (ddp_script_evaluating(L))
        return luaL_error(L, "sim.evaluation: an evaluation is in progress already");
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    return ddp_script_evaluate(L, epoch, 1, 2);
}

static const luaL_Reg verbs[] = {
    {"sleep", l_sleep},     {"compute", l_compute},       {"now", l_now}, {"fail", l_fail},
    {"finding", l_finding}, {"evaluation", l_evaluation}, {NULL, NULL},
};

int
ddp_luaopen_sim(lua_State *L)
{
    luaL_newlib(L, verbs);
    return 1;
}
