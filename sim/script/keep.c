/* SPDX-License-Identifier: MIT */
/*
 * The walk keeps a list of what is still to be entered instead of calling itself, since a list that
 * a scenario builds may be a million links long. What was kept is a list of records,
 *
 *     table,    copy of its fields, metatable or false
 *     function, list of its variables, false
 *     tensor,   its elements as a userdata (false: too many), its version
 *
 * three values each, so that no table is made for a record.
 */
#include "sim/script/keep.h"

#include <lauxlib.h>
#include <string.h>

#include "sim/script/args.h"
#include "sim/script/prelude.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

#define KEEP_TENSOR_MAX ((size_t)4 << 20)
#define UPVALUES_MAX 255

/* Where the walk's tables lie on the stack. */
typedef struct {
    lua_State *L;
    int seen;    /* what was met, as keys */
    int pending; /* a list: what was met and is to be entered */
    int records; /* the list of records */
    lua_Integer pending_count;
    lua_Integer record_count;
} Walk;

/* Pops the value on top; notes it if it holds state and was not met before. */
static void
meet(Walk *walk)
{
    lua_State *L = walk->L;
    int type = lua_type(L, -1);
    bool holds = type == LUA_TTABLE || (type == LUA_TFUNCTION && !lua_iscfunction(L, -1)) ||
                 (type == LUA_TUSERDATA && ddp_lua_test_tensor(L, -1) != NULL);

    if (!holds) {
        lua_pop(L, 1);
        return;
    }
    lua_pushvalue(L, -1);
    if (lua_rawget(L, walk->seen) != LUA_TNIL) {
        lua_pop(L, 2);
        return;
    }
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushboolean(L, 1);
    lua_rawset(L, walk->seen);
    lua_rawseti(L, walk->pending, ++walk->pending_count);
}

/* Adds the value on top, which is popped, to the records. */
static void
record(Walk *walk)
{
    lua_rawseti(walk->L, walk->records, ++walk->record_count);
}

static void
enter_table(Walk *walk, int table)
{
    lua_State *L = walk->L;
    uint64_t fields = 0;

    lua_newtable(L);

    int copy = lua_gettop(L);

    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        fields++;
        lua_pushvalue(L, -2);
        meet(walk);
        lua_pushvalue(L, -1);
        meet(walk);
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, copy);
    }
    ddp_script_charge(L, 1 + fields / 4);
    lua_pushvalue(L, table);
    record(walk);
    record(walk); /* the copy */
    if (lua_getmetatable(L, table) == 0) {
        lua_pushboolean(L, 0);
    } else {
        lua_pushvalue(L, -1);
        meet(walk);
    }
    record(walk);
}

static void
enter_function(Walk *walk, int function)
{
    lua_State *L = walk->L;

    lua_newtable(L);

    int list = lua_gettop(L);

    for (int i = 1; i <= UPVALUES_MAX && lua_getupvalue(L, function, i) != NULL; i++) {
        lua_pushvalue(L, -1);
        meet(walk);
        /* A list cannot hold nil: that a variable is nil shows as no entry. */
        lua_rawseti(L, list, i);
    }
    lua_pushvalue(L, function);
    record(walk);
    record(walk); /* the list */
    lua_pushboolean(L, 0);
    record(walk);
}

static void
enter_tensor(Walk *walk, int index)
{
    lua_State *L = walk->L;
    DdpTensor *tensor = ddp_lua_check_tensor(L, index);
    size_t bytes = ddp_tensor_bytes(tensor);

    lua_pushvalue(L, index);
    record(walk);
    if (ddp_tensor_is_parameter(tensor) || bytes > KEEP_TENSOR_MAX) {
        lua_pushboolean(L, 0);
    } else {
        void *copy = lua_newuserdatauv(L, bytes + 1, 0);

        if (bytes > 0)
            memcpy(copy, ddp_tensor_data(tensor), bytes);
    }
    record(walk);
    lua_pushinteger(L, ddp_tensor_version(tensor));
    record(walk);
}

void
ddp_keep(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, 20, "keep");
    lua_newtable(L); /* the records, which stay */

    Walk walk = {.L = L, .records = lua_gettop(L)};

    lua_newtable(L);
    walk.seen = lua_gettop(L);
    lua_newtable(L);
    walk.pending = lua_gettop(L);
    ddp_prelude_mark_own(L, walk.seen);
    lua_pushvalue(L, walk.records);
    lua_pushboolean(L, 1);
    lua_rawset(L, walk.seen);
    lua_pushvalue(L, index);
    meet(&walk);
    while (walk.pending_count > 0) {
        lua_rawgeti(L, walk.pending, walk.pending_count);
        lua_pushnil(L);
        lua_rawseti(L, walk.pending, walk.pending_count--);

        int value = lua_gettop(L);

        if (lua_istable(L, value))
            enter_table(&walk, value);
        else if (lua_isfunction(L, value))
            enter_function(&walk, value);
        else
            enter_tensor(&walk, value);
        lua_settop(L, value - 1);
    }
    lua_settop(L, walk.records);
}

/* ---- putting back ---- */

/* Fields that came are removed, those that changed or went are set. */
static void
put_back_table(lua_State *L, int table, int copy)
{
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, copy) == LUA_TNIL) {
            lua_pushvalue(L, -2);
            lua_pushnil(L);
            lua_rawset(L, table); /* clearing a field that is there is allowed in a walk */
        }
        lua_pop(L, 1);
    }
    lua_pushnil(L);
    while (lua_next(L, copy) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, table);
    }
}

static void
put_back_function(lua_State *L, int function, int list)
{
    for (int i = 1; i <= UPVALUES_MAX; i++) {
        lua_rawgeti(L, list, i);
        if (lua_setupvalue(L, function, i) == NULL) {
            lua_pop(L, 1);
            break;
        }
    }
}

static void
put_back_tensor(lua_State *L, int index, int copy, lua_Integer version)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, index);

    if (lua_isuserdata(L, copy)) {
        size_t bytes = ddp_tensor_bytes(tensor);

        if (bytes > 0 && memcmp(ddp_tensor_data(tensor), lua_touserdata(L, copy), bytes) != 0) {
            memcpy(ddp_tensor_data(tensor), lua_touserdata(L, copy), bytes);
            ddp_tensor_mark_written(tensor);
        }
        return;
    }
    if ((lua_Integer)ddp_tensor_version(tensor) == version)
        return;
    luaL_error(L,
               "an evaluation writes over the elements of a %s of %I bytes, which cannot be put "
               "back; write to a copy, or run with --no-audit",
               ddp_tensor_is_parameter(tensor) ? "parameter" : "tensor",
               (LUAI_UACINT)ddp_tensor_bytes(tensor));
}

void
ddp_keep_put_back(lua_State *L, int index)
{
    index = lua_absindex(L, index);

    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    int top = lua_gettop(L);

    luaL_checkstack(L, 12, "put back");
    for (lua_Integer i = 1; i + 2 <= count; i += 3) {
        int value = top + 1, what = top + 2, extra = top + 3;

        lua_rawgeti(L, index, i);
        lua_rawgeti(L, index, i + 1);
        lua_rawgeti(L, index, i + 2);
        if (lua_istable(L, value)) {
            put_back_table(L, value, what);
            if (!lua_istable(L, extra))
                lua_pushnil(L);
            else
                lua_pushvalue(L, extra);
            lua_setmetatable(L, value);
        } else if (lua_isfunction(L, value)) {
            put_back_function(L, value, what);
        } else {
            put_back_tensor(L, value, what, lua_tointeger(L, extra));
        }
        lua_settop(L, top);
    }
}
