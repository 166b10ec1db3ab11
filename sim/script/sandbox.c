/* SPDX-License-Identifier: MIT */
/*
 * Lua's base library as a scenario may have it. Three kinds of things are replaced:
 *
 *   - what reaches outside: dofile, loadfile, require, string.dump, bytecode, finalizers;
 *   - what shows an address or a hash: pairs, next, tostring, string.format's %p, math.random;
 *   - what could swallow the end of a rank: pcall, xpcall, coroutine.resume, coroutine.close.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "sim/script/args.h"
#include "sim/script/charges.h"
#include "sim/script/pattern.h"
#include "sim/script/state_private.h"

static bool
is_ended(lua_State *L)
{
    return ddp_script_rank(L)->priv->end != DDP_SCRIPT_END_NONE;
}

/* ---- tostring without addresses ---- */

static const char object_ids_key = 'i';

/* Pushes the number of the object at @index: 1 for the first that was ever shown, and so on. */
static lua_Integer
object_id(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &object_ids_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_newtable(L);
        lua_pushliteral(L, "k");
        lua_setfield(L, -2, "__mode");
        lua_setmetatable(L, -2);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &object_ids_key);
    }
    lua_pushvalue(L, index);
    if (lua_rawget(L, -2) != LUA_TNUMBER) {
        lua_pop(L, 1);
        lua_pushvalue(L, index);
        lua_pushinteger(L, ++ddp_script_rank(L)->priv->object_ids);
        lua_rawset(L, -3);
        lua_pushvalue(L, index);
        lua_rawget(L, -2);
    }

    lua_Integer id = lua_tointeger(L, -1);

    lua_pop(L, 2);
    return id;
}

/* Pushes the text of the value at @index. */
static void
push_text(lua_State *L, int index)
{
    int type = lua_type(L, index);

    index = lua_absindex(L, index);
    if (type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA ||
        type == LUA_TTHREAD || type == LUA_TLIGHTUSERDATA) {
        if (luaL_getmetafield(L, index, "__tostring") == LUA_TNIL) {
            const char *name = luaL_typename(L, index);

            if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING)
                name = lua_tostring(L, -1);
            lua_pushfstring(L, "%s: #%I", name, (LUAI_UACINT)object_id(L, index));
            return;
        }
        lua_pop(L, 1);
    }
    luaL_tolstring(L, index, NULL);
}

static int
l_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    push_text(L, 1);
    return 1;
}

/* Upvalue 1: the stock string.format. */
static int
l_format(lua_State *L)
{
    const char *format = luaL_checkstring(L, 1);

    for (const char *at = format; (at = strchr(at, '%')) != NULL; at++) {
        at++;
        at += strspn(at, "-+ #0123456789.");
        if (*at == 'p')
            return luaL_error(L,
                              "string.format: %%p would show an address, which no two runs share");
        if (*at == '\0')
            break;
    }
    for (int i = 2; i <= lua_gettop(L); i++) {
        int type = lua_type(L, i);

        if (type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA ||
            type == LUA_TTHREAD) {
            push_text(L, i);
            lua_replace(L, i);
        }
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int
l_print(lua_State *L)
{
    int count = lua_gettop(L);
    luaL_Buffer line;

    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&line, '\t');
        push_text(L, i);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    ddp_script_print(L, lua_tostring(L, -1));
    return 0;
}

/* ---- pairs and next in an order of their own ---- */

typedef struct {
    lua_State *L;
    int index; /* of the key in the list of keys */
    bool is_number;
    lua_Number number;
    const char *text; /* kept alive by the table that is walked */
    size_t length;
} SortKey;

static int
compare_keys(const void *a_, const void *b_)
{
    const SortKey *a = a_, *b = b_;

    if (a->is_number != b->is_number)
        return a->is_number ? -1 : 1;
    if (a->is_number)
        return a->number < b->number ? -1 : a->number > b->number;

    int order = memcmp(a->text, b->text, MIN(a->length, b->length));

    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* Numbers and booleans stand in an order that their values and the history decide; strings not. */
static lua_Integer
count_keys(lua_State *L, int table, bool *sorted_by_lua)
{
    lua_Integer count = 0;

    *sorted_by_lua = true;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        lua_pop(L, 1);
        count++;
        switch (lua_type(L, -1)) {
        case LUA_TNUMBER:
        case LUA_TBOOLEAN:
            break;
        case LUA_TSTRING:
            *sorted_by_lua = false;
            break;
        default:
            luaL_error(L,
                       "pairs: a key is a %s; the order of such keys differs from run to run, keep "
                       "a list beside the table and walk that",
                       luaL_typename(L, -1));
        }
    }
    return count;
}

/* Pushes a list of the table's keys: numbers in rising order, then strings, then booleans. */
static void
push_sorted_keys(lua_State *L, int table, lua_Integer count)
{
    lua_createtable(L, (int)count, 0);

    SortKey *keys = lua_newuserdatauv(L, (size_t)count * sizeof *keys + 1, 0);
    lua_Integer used = 0;
    lua_Integer booleans = 0;

    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TBOOLEAN) {
            booleans |= lua_toboolean(L, -1) ? 2 : 1;
            continue;
        }
        keys[used] = (SortKey){.is_number = lua_type(L, -1) == LUA_TNUMBER};
        if (keys[used].is_number)
            keys[used].number = lua_tonumber(L, -1);
        else
            keys[used].text = lua_tolstring(L, -1, &keys[used].length);
        used++;
    }
    qsort(keys, (size_t)used, sizeof *keys, compare_keys);
    for (lua_Integer i = 0; i < used; i++) {
        if (!keys[i].is_number)
            lua_pushlstring(L, keys[i].text, keys[i].length);
        else if (keys[i].number == (lua_Number)(lua_Integer)keys[i].number)
            lua_pushinteger(L, (lua_Integer)keys[i].number);
        else
            lua_pushnumber(L, keys[i].number);
        lua_rawseti(L, -3, i + 1);
    }
    for (int value = 0; value < 2; value++) {
        if ((booleans & (1 << value)) != 0) {
            lua_pushboolean(L, value);
            lua_rawseti(L, -3, ++used);
        }
    }
    lua_pop(L, 1);
}

/* Upvalues: the keys, the position in them. Argument 1: the table. */
static int
next_sorted(lua_State *L)
{
    lua_Integer position = lua_tointeger(L, lua_upvalueindex(2));

    for (;;) {
        lua_settop(L, 1);
        position++;
        if (lua_rawgeti(L, lua_upvalueindex(1), position) == LUA_TNIL)
            return 1;
        lua_pushvalue(L, -1);
        /* A key that was set to nil during the walk is passed over, as next does. */
        if (lua_rawget(L, 1) != LUA_TNIL)
            break;
    }
    lua_pushinteger(L, position);
    lua_replace(L, lua_upvalueindex(2));
    return 2;
}

/* Upvalue 1: the stock next. */
static int
l_pairs(lua_State *L)
{
    bool sorted_by_lua;

    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 3);
        return 3;
    }
    luaL_checktype(L, 1, LUA_TTABLE);

    lua_Integer count = count_keys(L, 1, &sorted_by_lua);

    ddp_script_charge(L, (uint64_t)count);
    if (sorted_by_lua) {
        lua_pushvalue(L, lua_upvalueindex(1));
    } else {
        push_sorted_keys(L, 1, count);
        lua_pushinteger(L, 0);
        lua_pushcclosure(L, next_sorted, 2);
    }
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* Upvalue 1: the stock next. */
static int
l_next(lua_State *L)
{
    bool sorted_by_lua;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);

    lua_Integer count = count_keys(L, 1, &sorted_by_lua);

    ddp_script_charge(L, (uint64_t)count);
    if (sorted_by_lua) {
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_insert(L, 1);
        lua_call(L, 2, LUA_MULTRET);
        return lua_gettop(L);
    }
    push_sorted_keys(L, 1, count);

    lua_Integer position = 0;

    if (!lua_isnil(L, 2)) {
        for (lua_Integer i = 1; i <= count && position == 0; i++) {
            lua_rawgeti(L, 3, i);
            position = lua_rawequal(L, -1, 2) ? i : 0;
            lua_pop(L, 1);
        }
        if (position == 0)
            return luaL_error(L, "invalid key to 'next'");
    }
    if (lua_rawgeti(L, 3, position + 1) == LUA_TNIL)
        return 1;
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    return 2;
}

/* ---- nothing swallows the end of a rank ---- */

static int
after_pcall(lua_State *L, int status, lua_KContext extra)
{
    if (status != LUA_OK && status != LUA_YIELD) {
        if (is_ended(L))
            return lua_error(L);
        lua_pushboolean(L, 0);
        lua_pushvalue(L, -2);
        return 2;
    }
    return lua_gettop(L) - (int)extra;
}

static int
l_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    return after_pcall(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, after_pcall), 0);
}

/* Upvalue 1: the scenario's handler, which has no say when the rank is ended. */
static int
handle_error(lua_State *L)
{
    if (is_ended(L))
        return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int
l_xpcall(lua_State *L)
{
    int count = lua_gettop(L);

    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle_error, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2);
    return after_pcall(L, lua_pcallk(L, count - 2, LUA_MULTRET, 2, 2, after_pcall), 2);
}

/* Upvalue 1: the stock coroutine.resume or coroutine.close. */
static int
l_resume(lua_State *L)
{
    ddp_script_charge(L, 100); /* its count of instructions starts anew */
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    if (!lua_toboolean(L, 1) && is_ended(L)) {
        lua_settop(L, 2);
        return lua_error(L);
    }
    return lua_gettop(L);
}

/* Upvalue 1: what coroutine.wrap returned. */
static int
call_wrapped(lua_State *L)
{
    ddp_script_charge(L, 100);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* Upvalue 1: the stock coroutine.wrap. */
static int
l_wrap(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

/* ---- nothing reaches outside ---- */

/* Upvalue 1: the stock load, which is only ever told to take text. */
static int
l_load(lua_State *L)
{
    bool has_env = !lua_isnone(L, 4);
    const char *mode = luaL_optstring(L, 3, "t");

    if (lua_type(L, 1) == LUA_TSTRING)
        ddp_script_charge(L, lua_rawlen(L, 1));
    if (strchr(mode, 't') == NULL)
        return luaL_error(L, "load: mode is '%s', but a scenario can load text only", mode);
    lua_settop(L, has_env ? 4 : 2);
    if (lua_isnil(L, 2) && lua_isstring(L, 1)) {
        lua_pushliteral(L, "=(load)");
        lua_replace(L, 2);
    }
    if (has_env) {
        lua_pushliteral(L, "t");
        lua_replace(L, 3);
    } else {
        lua_pushliteral(L, "t");
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* Upvalue 1: the stock setmetatable. */
static int
l_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "setmetatable: finalizers (__gc) run at times that differ from "
                                 "run to run; use <close> variables");
        lua_pop(L, 1);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* Upvalue 1: the stock math.randomseed, which without arguments seeds from time and address. */
static int
l_randomseed(lua_State *L)
{
    luaL_checknumber(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 0);
    return 0;
}

/* "collect" and "step" may be asked for; counts would show how memory lies. */
static int
l_collectgarbage(lua_State *L)
{
    static const char *const options[] = {"collect", "step", NULL};
    int option = luaL_checkoption(L, 1, "collect", options);

    ddp_script_charge(L, 1000 + (uint64_t)ddp_script_rank(L)->priv->memory / 64);
    lua_gc(L, option == 0 ? LUA_GCCOLLECT : LUA_GCSTEP, 0);
    lua_pushinteger(L, 0);
    return 1;
}

/* ---- opening ---- */

/* Replaces field @name of the table at @table by @function with the old value as upvalue. */
static void
wrap(lua_State *L, int table, const char *name, lua_CFunction function)
{
    table = lua_absindex(L, table);
    lua_getfield(L, table, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, table, name);
}

static void
remove_field(lua_State *L, int table, const char *name)
{
    table = lua_absindex(L, table);
    lua_pushnil(L);
    lua_setfield(L, table, name);
}

void
ddp_sandbox_open(lua_State *L)
{
    static const char *const outside[] = {"dofile", "loadfile", "warn"};

    lua_pushglobaltable(L);
    for (size_t i = 0; i < G_N_ELEMENTS(outside); i++)
        remove_field(L, -1, outside[i]);
    wrap(L, -1, "load", l_load);
    wrap(L, -1, "setmetatable", l_setmetatable);
    wrap(L, -1, "collectgarbage", l_collectgarbage);
    wrap(L, -1, "tostring", l_tostring);
    wrap(L, -1, "print", l_print);
    wrap(L, -1, "pcall", l_pcall);
    wrap(L, -1, "xpcall", l_xpcall);

    /* pairs needs the stock next as well, so next goes last. */
    lua_getfield(L, -1, "next");
    lua_pushcclosure(L, l_pairs, 1);
    lua_setfield(L, -2, "pairs");
    wrap(L, -1, "next", l_next);

    lua_getfield(L, -1, "string");
    remove_field(L, -1, "dump");
    wrap(L, -1, "format", l_format);
    lua_pop(L, 1);

    lua_getfield(L, -1, "coroutine");
    wrap(L, -1, "resume", l_resume);
    wrap(L, -1, "close", l_resume);
    wrap(L, -1, "wrap", l_wrap);
    lua_pop(L, 1);

    lua_getfield(L, -1, "math");
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, (lua_Integer)ddp_script_rank(L)->priv->play->seed);
    lua_pushinteger(L, ddp_script_rank(L)->rank);
    lua_call(L, 2, 0);
    wrap(L, -1, "randomseed", l_randomseed);
    lua_pop(L, 2);

    ddp_pattern_open(L);
    ddp_charges_open(L);
}
