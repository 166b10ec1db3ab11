/* SPDX-License-Identifier: MIT */
/*
 * `EventAccumulator(dir)`: reads back what SummaryWriter wrote, as TensorBoard's does. What it
 * holds lies outside Lua's memory, so it is counted against the world's by hand.
 */
#include <lauxlib.h>
#include <stdatomic.h>
#include <string.h>

#include "sim/loggers/event_accumulator.h"
#include "sim/script/args.h"
#include "sim/script/error.h"
#include "sim/script/libs.h"
#include "sim/script/state.h"

#define EVENT_ACCUMULATOR "EventAccumulator"
#define BYTES_PER_STEP 16 /* read, for one Lua instruction */

typedef struct {
    DdpEventAccumulator *accumulator; /* owned */
    char *path;                       /* owned */
    int64_t memory;                   /* counted against the world */
} Slot;

static Slot *
check_slot(lua_State *L)
{
    return luaL_checkudata(L, 1, EVENT_ACCUMULATOR);
}

/* Pushes the folder as the scenario named it. */
static const char *
push_dir(lua_State *L)
{
    lua_getiuservalue(L, 1, 1);
    return lua_tostring(L, -1);
}

/* ---- memory ---- */

static int64_t
count_memory(lua_State *L, Slot *slot, int64_t memory)
{
    DdpPlay *play = ddp_script_play(L);
    int64_t change = memory - slot->memory;

    slot->memory = memory;
    return atomic_fetch_add(&play->counts->memory, change) + change;
}

static void
drop(lua_State *L, Slot *slot)
{
    g_clear_pointer(&slot->accumulator, ddp_event_accumulator_free);
    count_memory(L, slot, 0);
}

static void
check_memory(lua_State *L, Slot *slot)
{
    const DdpPlay *play = ddp_script_play(L);
    int64_t bytes = (int64_t)ddp_event_accumulator_bytes(slot->accumulator);

    if (count_memory(L, slot, bytes) <= play->limits.world_memory)
        return;

    GError *error = g_error_new(DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_LIMIT,
                                "EventAccumulator: %" G_GINT64_FORMAT
                                " MiB of entries are more than the world's memory has left "
                                "(limit world_memory)",
                                bytes >> 20);

    drop(L, slot);
    ddp_args_raise(L, error);
}

/* ---- verbs ---- */

static int
l_reload(lua_State *L)
{
    Slot *slot = check_slot(L);
    const char *dir = push_dir(L);
    GError *error = NULL;

    if (slot->accumulator == NULL)
        slot->accumulator = ddp_event_accumulator_new(slot->path);

    size_t before = ddp_event_accumulator_bytes(slot->accumulator);

    if (!ddp_event_accumulator_reload(slot->accumulator, &error)) {
        g_clear_error(&error);
        g_set_error(&error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_NOT_FOUND,
                    "EventAccumulator.Reload: there is no log folder \"%s\"", dir);
        ddp_args_raise(L, error);
    }
    check_memory(L, slot);
    ddp_script_charge(L,
                      (ddp_event_accumulator_bytes(slot->accumulator) - before) / BYTES_PER_STEP);
    lua_settop(L, 1);
    return 1;
}

static size_t
series_count(const Slot *slot)
{
    return slot->accumulator != NULL ? ddp_event_accumulator_count(slot->accumulator) : 0;
}

static void
push_tags(lua_State *L, const Slot *slot, DdpEventKind kind)
{
    lua_Integer count = 0;

    lua_newtable(L);
    for (size_t i = 0; i < series_count(slot); i++) {
        const DdpEventSeries *series = ddp_event_accumulator_get(slot->accumulator, i);

        if (series->kind != kind)
            continue;
        lua_pushstring(L, series->tag);
        lua_rawseti(L, -2, ++count);
    }
}

/* Tags(): the names as in Python; what only other writers log is empty or false. */
static int
l_tags(lua_State *L)
{
    const Slot *slot = check_slot(L);

    ddp_script_charge(L, 10 * series_count(slot));
    lua_newtable(L);
    for (int kind = 0; kind < DDP_EVENT_KIND_COUNT; kind++) {
        push_tags(L, slot, (DdpEventKind)kind);
        lua_setfield(L, -2, ddp_event_kind_name((DdpEventKind)kind));
    }
    push_tags(L, slot, DDP_EVENT_HISTOGRAMS);
    lua_setfield(L, -2, "distributions");
    lua_newtable(L);
    lua_setfield(L, -2, "run_metadata");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "graph");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "meta_graph");
    return 1;
}

static int
raise_unknown(lua_State *L, const Slot *slot, const char *tag)
{
    const char *dir = push_dir(L);
    size_t count = series_count(slot);
    const char **tags = lua_newuserdatauv(L, (count + 1) * sizeof *tags, 0);
    size_t scalars = 0;

    for (size_t i = 0; i < count; i++) {
        const DdpEventSeries *series = ddp_event_accumulator_get(slot->accumulator, i);

        if (series->kind == DDP_EVENT_SCALARS)
            tags[scalars++] = series->tag;
    }
    tags[scalars] = NULL;

    const char *nearest = ddp_args_nearest(tag, tags);

    if (slot->accumulator == NULL)
        return luaL_error(L, "EventAccumulator.Scalars: nothing was read yet, call Reload() first");
    if (nearest != NULL)
        return luaL_error(L, "EventAccumulator.Scalars: no '%s' in \"%s\", did you mean '%s'?", tag,
                          dir, nearest);
    if (scalars > 0)
        return luaL_error(L,
                          "EventAccumulator.Scalars: no '%s' in \"%s\"; %I other tags, the first "
                          "is '%s'",
                          tag, dir, (LUAI_UACINT)scalars, tags[0]);
    return luaL_error(L, "EventAccumulator.Scalars: no '%s' in \"%s\"; no scalar was logged there",
                      tag, dir);
}

/* Scalars(tag): a list of { wall_time, step, value }. */
static int
l_scalars(lua_State *L)
{
    const Slot *slot = check_slot(L);
    const char *tag = luaL_checkstring(L, 2);
    const DdpEventSeries *series =
        slot->accumulator != NULL
            ? ddp_event_accumulator_find(slot->accumulator, DDP_EVENT_SCALARS, tag)
            : NULL;

    if (series == NULL)
        return raise_unknown(L, slot, tag);

    ddp_script_charge(L, 10 * (uint64_t)series->entries->len);
    lua_createtable(L, (int)MIN(series->entries->len, (guint)INT_MAX), 0);
    for (guint i = 0; i < series->entries->len; i++) {
        const DdpEventEntry *entry = &g_array_index(series->entries, DdpEventEntry, i);

        lua_createtable(L, 0, 3);
        lua_pushnumber(L, entry->wall_time);
        lua_setfield(L, -2, "wall_time");
        lua_pushinteger(L, entry->step);
        lua_setfield(L, -2, "step");
        lua_pushnumber(L, entry->value);
        lua_setfield(L, -2, "value");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int
l_gc(lua_State *L)
{
    Slot *slot = check_slot(L);

    drop(L, slot);
    g_clear_pointer(&slot->path, g_free);
    return 0;
}

/* Upvalue 1: the verbs. */
static int
l_index(lua_State *L)
{
    static const char *const known[] = {"Reload", "Scalars", "Tags", NULL};

    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL || lua_type(L, 2) != LUA_TSTRING)
        return 1;

    const char *nearest = ddp_args_nearest(lua_tostring(L, 2), known);

    return luaL_error(L, "EventAccumulator has no '%s'; %s%s", lua_tostring(L, 2),
                      nearest != NULL ? "did you mean " : "it has Reload, Scalars, Tags",
                      nearest != NULL ? nearest : "");
}

/* EventAccumulator(dir): reads nothing before Reload(), as in Python. */
static int
l_new(lua_State *L)
{
    static const char *const names[] = {NULL};
    size_t length;
    const char *dir = luaL_checklstring(L, 1, &length);

    if (strlen(dir) != length)
        return luaL_error(L, "EventAccumulator: the folder's name holds a zero byte");
    ddp_options_open(L, 2, EVENT_ACCUMULATOR, names);

    Slot *slot = lua_newuserdatauv(L, sizeof *slot, 1);

    *slot = (Slot){.accumulator = NULL};
    luaL_setmetatable(L, EVENT_ACCUMULATOR);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    slot->path = ddp_script_logs_path(L, dir);
    return 1;
}

static const luaL_Reg verbs[] = {
    {"Reload", l_reload}, {"Scalars", l_scalars}, {"Tags", l_tags}, {NULL, NULL}};

int
ddp_luaopen_event_accumulator(lua_State *L)
{
    luaL_newmetatable(L, EVENT_ACCUMULATOR);
    luaL_newlib(L, verbs);
    lua_pushcclosure(L, l_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_pushcfunction(L, l_new);
    return 1;
}
