/* SPDX-License-Identifier: MIT */
#include "sim/script/dist_handles.h"

#include <lauxlib.h>

#include "sim/script/dist.h"
#include "sim/script/state_private.h"
#include "sim/world/world.h"

#define GROUP "dist.ProcessGroup"
#define WORK "dist.Work"

/* ---- process groups ---- */

static DdpComm *
check_comm(lua_State *L, const char *verb)
{
    DdpRank *rank = ddp_script_rank(L)->world_rank;

    if (rank == NULL)
        luaL_error(L, "dist.%s: there is no world yet; collectives belong inside main", verb);
    return ddp_world_comm(ddp_rank_world(rank));
}

void
ddp_dist_push_group(lua_State *L, DdpGroup *group)
{
    DdpGroup **slot = lua_newuserdatauv(L, sizeof *slot, 0);

    *slot = group;
    luaL_setmetatable(L, GROUP);
}

DdpGroup *
ddp_dist_check_group(lua_State *L, int index, const char *verb)
{
    int rank = ddp_rank_index(ddp_script_rank(L)->world_rank);
    DdpGroup **slot = luaL_testudata(L, index, GROUP);

    if (slot == NULL)
        luaL_error(L, "%s: the group is a %s, expected what dist.new_group returned", verb,
                   luaL_typename(L, index));
    if (ddp_group_member(*slot, rank) < 0)
        luaL_error(L, "%s: rank %d is no member of group %s", verb, rank, ddp_group_name(*slot));
    return *slot;
}

DdpGroup *
ddp_dist_option_group(const DdpOptions *options)
{
    lua_State *L = options->L;
    DdpComm *comm = check_comm(L, options->verb);
    DdpGroup *group;

    if (ddp_options_push(options, "group") == LUA_TNIL) {
        lua_pop(L, 1);
        return ddp_comm_world_group(comm);
    }
    if (luaL_testudata(L, -1, GROUP) == NULL)
        luaL_error(L, "%s: option 'group' is a %s, expected what dist.new_group returned",
                   options->verb, luaL_typename(L, -1));
    group = ddp_dist_check_group(L, -1, options->verb);
    lua_pop(L, 1);
    return group;
}

static int
l_group_size(lua_State *L)
{
    DdpGroup **slot = luaL_checkudata(L, 1, GROUP);

    lua_pushinteger(L, ddp_group_size(*slot));
    return 1;
}

/* As torch: -1 for a rank that is no member. */
static int
l_group_rank(lua_State *L)
{
    DdpGroup **slot = luaL_checkudata(L, 1, GROUP);

    lua_pushinteger(L, ddp_group_member(*slot, ddp_script_rank(L)->rank));
    return 1;
}

static int
l_group_tostring(lua_State *L)
{
    DdpGroup **slot = luaL_checkudata(L, 1, GROUP);

    lua_pushfstring(L, "ProcessGroup%s", ddp_group_name(*slot));
    return 1;
}

/* ---- works ---- */

static const char works_key = 'w'; /* in the registry: works not waited for yet, by number */

#define WORKS_MAX 65536

typedef struct {
    DdpWork *work; /* owned */
    char *site;    /* owned: where it was begun */
    const char *verb;
    lua_Integer number; /* of this rank's works, from 1 */
    bool oracle;        /* done from the start */
    bool merges;        /* see ddp_dist_merges() */
} Handle;

/*
 * Keeps the work on top of the stack until it is waited for, so that one that the scenario drops
 * still takes part, and is found at the end in the order in which works were begun.
 */
static void
keep(lua_State *L, Handle *handle)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;

    if (++priv->works_pending > WORKS_MAX)
        luaL_error(L, "dist.%s: %d works wait to be waited for, which is the most", handle->verb,
                   WORKS_MAX);
    handle->number = ++priv->work_count;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &works_key);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, handle->number);
    lua_pop(L, 1);
}

static void
forget(lua_State *L, Handle *handle)
{
    if (handle->number == 0)
        return;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &works_key);
    lua_pushnil(L);
    lua_rawseti(L, -2, handle->number);
    lua_pop(L, 1);
    handle->number = 0;
    ddp_script_rank(L)->priv->works_pending--;
}

void
ddp_dist_begin(lua_State *L, DdpGroup *group, DdpCall *call, int result)
{
    DdpScriptRank *script = ddp_script_rank(L);
    GError *error = NULL;
    DdpCaller caller;
    Handle *handle;

    result = lua_absindex(L, result);

    int top = lua_gettop(L);

    handle = lua_newuserdatauv(L, sizeof *handle, 2);
    *handle = (Handle){.verb = ddp_call_kind_name(call->kind), .oracle = script->oracle};
    luaL_setmetatable(L, WORK);
    lua_pushvalue(L, result);
    lua_setiuservalue(L, -2, 1);
    /* Whatever the call reads from must live until it has been waited for. */
    lua_createtable(L, top, 0);
    for (int i = 1; i <= top; i++) {
        lua_pushvalue(L, i);
        lua_rawseti(L, -2, i);
    }
    lua_setiuservalue(L, -2, 2);
    if (script->oracle)
        return;
    ddp_script_settle(L);
    ddp_dist_note_caller(L, call, &caller, 1);
    handle->site = g_strdup_printf("%s:%d", call->site.file, call->site.line);
    handle->merges = ddp_dist_merges(L, group, call->kind);
    handle->work = ddp_rank_begin(script->world_rank, group, call, &error);
    ddp_script_came_back(L);
    if (handle->work == NULL)
        ddp_dist_raise(L, ddp_call_kind_name(call->kind), error);
    keep(L, handle);
}

static void
add_finding(lua_State *L, const Handle *handle, const char *kind, const char *message)
{
    const DdpScriptRank *script = ddp_script_rank(L);

    ddp_tell_finding(script->priv->play->tell, script->rank, kind, message, handle->site);
}

static int
l_work_wait(lua_State *L)
{
    Handle *handle = luaL_checkudata(L, 1, WORK);
    GError *error = NULL;
    bool touched = false;

    if (handle->work != NULL) {
        ddp_script_settle(L);
        if (!ddp_rank_wait(ddp_script_rank(L)->world_rank, handle->work, &touched, &error))
            ddp_dist_raise(L, handle->verb, error);
        forget(L, handle);
        ddp_script_met(L);
        if (handle->merges)
            ddp_script_note_merged(L);
    }
    if (touched) {
        g_autofree char *message = g_strdup_printf(
            "rank %d wrote into a tensor between the asynchronous %s and its wait(); a real "
            "collective may have read either value",
            ddp_script_rank(L)->rank, handle->verb);

        add_finding(L, handle, "touched_before_wait", message);
    }
    lua_getiuservalue(L, 1, 1);
    return 1;
}

static int
l_work_is_completed(lua_State *L)
{
    Handle *handle = luaL_checkudata(L, 1, WORK);

    bool completed = handle->oracle || ddp_work_is_completed(handle->work);

    /* A loop that asks until it is there must let the others come. */
    if (!completed)
        ddp_rank_poll(ddp_script_rank(L)->world_rank);
    lua_pushboolean(L, completed);
    ddp_script_came_back(L);
    return 1;
}

static int
l_work_gc(lua_State *L)
{
    Handle *handle = luaL_checkudata(L, 1, WORK);

    g_clear_pointer(&handle->work, ddp_work_free);
    g_clear_pointer(&handle->site, g_free);
    return 0;
}

void
ddp_script_note_works(lua_State *L)
{
    lua_Integer count = ddp_script_rank(L)->priv->work_count;

    lua_rawgetp(L, LUA_REGISTRYINDEX, &works_key);
    for (lua_Integer number = 1; number <= count; number++) {
        if (lua_rawgeti(L, -1, number) != LUA_TNIL) {
            const Handle *handle = lua_touserdata(L, -1);
            g_autofree char *message = g_strdup_printf(
                "rank %d began %s asynchronously and never waited for it; its result may be read "
                "before it is there",
                ddp_script_rank(L)->rank, handle->verb);

            add_finding(L, handle, "never_waited", message);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* ---- opening ---- */

static void
new_type(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta)
{
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, meta, 0);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void
ddp_dist_handles_open(lua_State *L)
{
    static const luaL_Reg group_methods[] = {
        {"size", l_group_size}, {"rank", l_group_rank}, {NULL, NULL}};
    static const luaL_Reg group_meta[] = {{"__tostring", l_group_tostring}, {NULL, NULL}};
    static const luaL_Reg work_methods[] = {
        {"wait", l_work_wait}, {"is_completed", l_work_is_completed}, {NULL, NULL}};
    static const luaL_Reg work_meta[] = {{"__gc", l_work_gc}, {NULL, NULL}};

    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &works_key);
    new_type(L, GROUP, group_methods, group_meta);
    new_type(L, WORK, work_methods, work_meta);
}
