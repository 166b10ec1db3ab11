/* SPDX-License-Identifier: MIT */
/*
 * A rank that waits for a collective that cannot be completed goes on for a few calls, as if it had
 * been, so that the diagnosis sees what the rank would have called next (comm_shm/foresee.c).
 *
 * Nothing that it does may be seen from outside. So it tells nothing any more, and from the moment
 * on that it goes on each function it calls is looked at before it runs: Lua's own and those that
 * only compute may run, any other one ends the rank. A rank that stands inside of such a function,
 * or in a coroutine, does not go on at all.
 */
#include <lauxlib.h>
#include <string.h>

#include "sim/script/state_private.h"
#include "sim/script/tensor.h"

#define DEPTH_MAX 4 /* of tables in tables that hold functions */

/* Tables whose functions have no effect but on values of this rank, and the world's calls. */
static const char *const tables[] = {"dist", "torch", "math",  "string", "table",
                                     "utf8", "F",     "optim", "nn",     "DistributedDataParallel"};

static const char *const functions[] = {
    "assert", "error",    "getmetatable", "ipairs", "next",   "pairs",        "pcall",
    "print",  "rawequal", "rawget",       "rawlen", "rawset", "setmetatable", "select",
    "tensor", "tonumber", "tostring",     "type",   "unpack", "xpcall"};

static const char *const sim_functions[] = {"compute", "now", "sleep"};

static const char *const types[] = {DDP_LUA_TENSOR,    "dist.ProcessGroup", "dist.Work",
                                    "optim.Optimizer", "torch.Generator",   "ddpsim.Reducer"};

/* ---- which functions those are ---- */

static void add_value(lua_State *L, GHashTable *pure, GHashTable *seen, int depth);

static void
add_upvalues(lua_State *L, GHashTable *pure, GHashTable *seen, int depth)
{
    for (int i = 1; lua_getupvalue(L, -1, i) != NULL; i++)
        add_value(L, pure, seen, depth);
}

static void
add_members(lua_State *L, GHashTable *pure, GHashTable *seen, int depth)
{
    lua_pushnil(L);
    while (lua_next(L, -2) != 0)
        add_value(L, pure, seen, depth);
}

/* The functions that the value on top of the stack is or holds; pops it. */
static void
add_value(lua_State *L, GHashTable *pure, GHashTable *seen, int depth)
{
    bool is_function = lua_isfunction(L, -1);

    luaL_checkstack(L, 8, NULL);
    if (depth > 0 && (is_function || lua_istable(L, -1)) &&
        g_hash_table_add(seen, (void *)lua_topointer(L, -1))) {
        if (lua_iscfunction(L, -1))
            g_hash_table_add(pure, (void *)(uintptr_t)lua_tocfunction(L, -1));
        if (is_function)
            add_upvalues(L, pure, seen, depth - 1);
        else
            add_members(L, pure, seen, depth - 1);
    }
    lua_pop(L, 1);
}

/* What iterates over @text, called with a table or a string. */
static void
add_iterator(lua_State *L, GHashTable *pure, GHashTable *seen, const char *text)
{
    if (luaL_loadstring(L, text) != LUA_OK)
        lua_error(L);
    lua_call(L, 0, 1);
    add_value(L, pure, seen, 1);
}

/* Arguments: the two sets, as light userdata. */
static int
collect(lua_State *L)
{
    GHashTable *pure = lua_touserdata(L, 1), *seen = lua_touserdata(L, 2);

    /* Whoever holds the globals holds everything. */
    lua_pushglobaltable(L);
    g_hash_table_add(seen, (void *)lua_topointer(L, -1));
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        lua_getglobal(L, tables[i]);
        add_value(L, pure, seen, DEPTH_MAX);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
        lua_getglobal(L, functions[i]);
        add_value(L, pure, seen, 1);
    }
    lua_getglobal(L, "sim");
    for (size_t i = 0; i < G_N_ELEMENTS(sim_functions); i++) {
        lua_getfield(L, -1, sim_functions[i]);
        add_value(L, pure, seen, 1);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        luaL_getmetatable(L, types[i]);
        add_value(L, pure, seen, DEPTH_MAX);
    }
    add_iterator(L, pure, seen, "return (ipairs{})");
    add_iterator(L, pure, seen, "return (pairs{})");
    add_iterator(L, pure, seen, "return (pairs{a = 1})");
    add_iterator(L, pure, seen, "return (string.gmatch('', ''))");
    return 0;
}

static GHashTable *
pure_functions(lua_State *L)
{
    GHashTable *pure = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    bool ok;

    lua_pushcfunction(L, collect);
    lua_pushlightuserdata(L, pure);
    lua_pushlightuserdata(L, seen);
    ok = lua_pcall(L, 2, 0, 0) == LUA_OK;
    if (!ok)
        lua_pop(L, 1); /* no memory left: then nothing may run */
    if (ok)
        return pure;
    g_hash_table_unref(pure);
    return NULL;
}

/* ---- who may go on ---- */

/* Pops the function that stands on top of the stack. */
static bool
is_pure(lua_State *L, const GHashTable *pure)
{
    lua_CFunction function = lua_tocfunction(L, -1);

    lua_pop(L, 1);
    return function == NULL ||
           g_hash_table_contains((GHashTable *)pure, (void *)(uintptr_t)function);
}

static bool
stack_is_pure(lua_State *L, const GHashTable *pure)
{
    lua_Debug frame;

    for (int level = 0; lua_getstack(L, level, &frame) != 0; level++) {
        lua_getinfo(L, "f", &frame);
        if (!is_pure(L, pure))
            return false;
    }
    return true;
}

static void
look_before_it_runs(lua_State *L, lua_Debug *event)
{
    if (event->event == LUA_HOOKCOUNT) {
        ddp_script_count_hook(L, event);
        return;
    }
    lua_getinfo(L, "f", event);
    if (is_pure(L, ddp_script_rank(L)->priv->pure))
        return;
    lua_pushliteral(L, "what comes next cannot be foreseen");
    ddp_script_end(L, DDP_SCRIPT_END_WORLD);
}

bool
ddp_script_foresee(lua_State *L)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpScriptPrivate *priv = script->priv;
    g_autoptr(GPtrArray) stack = NULL;

    if (!lua_checkstack(L, LUA_MINSTACK))
        return false;
    priv->pure = pure_functions(L);
    if (priv->pure == NULL || !stack_is_pure(L, priv->pure))
        return false;
    /* Where it really is; where it will be when it is ended is nowhere. */
    stack = ddp_script_stack(L);
    ddp_tell_stack(priv->play->tell, script->rank, stack);
    priv->play->muted[script->rank] = true;
    ddp_script_hurry(L);
    lua_sethook(L, look_before_it_runs, LUA_MASKCALL | LUA_MASKCOUNT, DDP_HOOK_STEPS);
    return true;
}
