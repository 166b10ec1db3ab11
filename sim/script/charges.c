/* SPDX-License-Identifier: MIT */
/*
 * Two ways to make a stock function pay. Where the cost is known from the arguments or the
 * results, a wrapper charges and runs the stock function in its own call frame: errors carry the
 * place and the name that they always had, and the wrapper costs some ten nanoseconds. Where the
 * cost depends on what a metamethod answers (a __len may say 2^62, and something else the next
 * time), the function is written anew here and pays while it works.
 */
#include "sim/script/charges.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

/* A step for so many ... */
#define BYTES_TOUCHED 8   /* bytes that are copied or looked at one by one */
#define BYTES_SCANNED 256 /* bytes that memchr passes over */

/* ---- wrappers: the stock function is upvalue 1 ---- */

/* Runs the stock function. Returns the number of its results, which stand on top of the stack. */
static int
run_stock(lua_State *L)
{
    const int stock = lua_upvalueindex(1);
    lua_CFunction function = lua_tocfunction(L, stock);

    if (function != NULL && lua_getupvalue(L, stock, 1) == NULL)
        return function(L);

    /* One with upvalues of its own, a replacement that somebody else made, needs its own frame. */
    if (function != NULL)
        lua_pop(L, 1);
    lua_pushvalue(L, stock);
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* Bytes of the value at @index if it is a string. Anything else is small or an error. */
static uint64_t
string_bytes(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TSTRING ? lua_rawlen(L, index) : 0;
}

/* Bytes of all strings among the arguments. */
static uint64_t
argument_bytes(lua_State *L)
{
    uint64_t bytes = 0;

    for (int i = lua_gettop(L); i > 0; i--)
        bytes += string_bytes(L, i);
    return bytes;
}

static void
charge_bytes(lua_State *L, uint64_t bytes)
{
    ddp_script_charge(L, 1 + bytes / BYTES_TOUCHED);
}

/* For functions that read all of their first argument. */
static int
pay_for_subject(lua_State *L)
{
    charge_bytes(L, string_bytes(L, 1));
    return run_stock(L);
}

/* For functions that read all of their arguments and make one string of them. */
static int
pay_for_arguments(lua_State *L)
{
    charge_bytes(L, argument_bytes(L));

    int results = run_stock(L);

    /* A width or a padding may have added to it; how much is bounded by memory. */
    charge_bytes(L, string_bytes(L, -1));
    return results;
}

/* For functions that take or return a list of values, one by one. */
static int
pay_for_values(lua_State *L)
{
    ddp_script_charge(L, 1 + (uint64_t)lua_gettop(L));

    int results = run_stock(L);

    ddp_script_charge(L, (uint64_t)results);
    return results;
}

/* For functions that make one string and fail at once or not at all. */
static int
pay_for_result(lua_State *L)
{
    int results = run_stock(L);

    charge_bytes(L, string_bytes(L, -1));
    return results;
}

/*
 * A length beyond the limit of memory is refused by the allocation, so what can be made is cheap
 * enough to be charged afterwards. Only of nothing there would be no end: the stock function
 * copies zero bytes as often as it is told.
 */
static int
pay_for_rep(lua_State *L)
{
    int is_count;
    bool no_text = lua_type(L, 1) == LUA_TSTRING && lua_rawlen(L, 1) == 0;
    bool no_separator =
        lua_isnoneornil(L, 3) || (lua_type(L, 3) == LUA_TSTRING && lua_rawlen(L, 3) == 0);

    lua_tointegerx(L, 2, &is_count);
    if (no_text && no_separator && is_count) {
        ddp_script_charge(L, 1);
        lua_settop(L, 1);
        return 1;
    }
    return pay_for_result(L);
}

/* string.unpack: the format, the values, and for 'z' the way to the next zero. */
static int
pay_for_unpack(lua_State *L)
{
    const char *format = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "";
    uint64_t scanned = strchr(format, 'z') != NULL ? string_bytes(L, 2) / BYTES_SCANNED : 0;

    ddp_script_charge(L, 1 + string_bytes(L, 1) / BYTES_TOUCHED + scanned);

    int results = run_stock(L);

    for (int i = 1; i <= results; i++)
        charge_bytes(L, string_bytes(L, -i));
    return results;
}

/* table.move copies all from argument 2 to argument 3, unless it refuses to at once. */
static int
pay_for_move(lua_State *L)
{
    lua_Integer first = lua_tointeger(L, 2);
    lua_Integer last = lua_tointeger(L, 3);
    lua_Integer to = lua_tointeger(L, 4);
    lua_Unsigned more = (lua_Unsigned)last - (lua_Unsigned)first;
    bool refused =
        last < first || more >= LUA_MAXINTEGER || to > LUA_MAXINTEGER - (lua_Integer)more;

    ddp_script_charge(L, refused ? 1 : 2 + more);
    return run_stock(L);
}

/* ---- utf8 ---- */

/* Position @i of a string as the number of bytes before it; may lie outside. */
static lua_Integer
byte_index(lua_Integer i, lua_Integer length)
{
    if (i > 0)
        return i - 1;
    return i == 0 || i < -length ? -1 : length + i;
}

/* Bytes from position @first to @last of the subject. */
static uint64_t
window_bytes(lua_State *L, lua_Integer first, lua_Integer last)
{
    lua_Integer length = (lua_Integer)string_bytes(L, 1);
    lua_Integer from = CLAMP(byte_index(first, length), 0, length);
    lua_Integer to = CLAMP(byte_index(last, length) + 1, 0, length);

    return to > from ? (uint64_t)(to - from) : 0;
}

/* utf8.len: without argument 3 to the end. */
static int
pay_for_length(lua_State *L)
{
    lua_Integer first = lua_isnoneornil(L, 2) ? 1 : lua_tointeger(L, 2);
    lua_Integer last = lua_isnoneornil(L, 3) ? -1 : lua_tointeger(L, 3);

    charge_bytes(L, window_bytes(L, first, last));
    return run_stock(L);
}

/* utf8.codepoint: without argument 3 one character. */
static int
pay_for_codepoints(lua_State *L)
{
    lua_Integer first = lua_isnoneornil(L, 2) ? 1 : lua_tointeger(L, 2);
    lua_Integer last = lua_isnoneornil(L, 3) ? first : lua_tointeger(L, 3);

    ddp_script_charge(L, 1 + window_bytes(L, first, last));
    return run_stock(L);
}

/* utf8.offset: the way from where it began to what it found. */
static int
pay_for_offset(lua_State *L)
{
    lua_Integer length = (lua_Integer)string_bytes(L, 1);
    lua_Integer start = lua_tointeger(L, 2) > 0 ? 0 : length;
    lua_Integer distance = length;

    if (!lua_isnoneornil(L, 3))
        start = byte_index(lua_tointeger(L, 3), length);

    int results = run_stock(L);

    if (lua_isinteger(L, -1))
        distance = ABS(lua_tointeger(L, -1) - 1 - start);
    charge_bytes(L, (uint64_t)distance);
    return results;
}

/* The iterator that utf8.codes returns: it passes over all that continues a character. */
static int
pay_for_next_code(lua_State *L)
{
    uint64_t length = string_bytes(L, 1);
    uint64_t from = (uint64_t)lua_tointeger(L, 2);
    int results = run_stock(L);
    uint64_t to = results > 1 ? (uint64_t)lua_tointeger(L, -2) : length;

    charge_bytes(L, from < length && to > from ? to - from : 0);
    return results;
}

static int
pay_for_codes(lua_State *L)
{
    int results = run_stock(L);

    ddp_script_charge(L, 1);
    lua_pushvalue(L, -results);
    lua_pushcclosure(L, pay_for_next_code, 1);
    lua_replace(L, -results - 1);
    return results;
}

/* ---- table functions that pay while they work ---- */

/* The length of the list at index 1: a table, or what has the metamethods to pass for one. */
static lua_Integer
list_length(lua_State *L, bool writes)
{
    static const char *const needed[] = {"__len", "__index", "__newindex"};

    for (int i = 0; i < (writes ? 3 : 2) && !lua_istable(L, 1); i++) {
        if (luaL_getmetafield(L, 1, needed[i]) == LUA_TNIL)
            luaL_checktype(L, 1, LUA_TTABLE);
        lua_pop(L, 1);
    }
    return luaL_len(L, 1);
}

/* Moves one element of the list at index 1. */
static void
copy_element(DdpMeter *meter, lua_Integer from, lua_Integer to)
{
    ddp_meter_add(meter, 1);
    lua_geti(meter->L, 1, from);
    lua_seti(meter->L, 1, to);
}

static int
l_insert(lua_State *L)
{
    DdpMeter meter = {.L = L, .steps = 1};
    lua_Integer behind = (lua_Integer)((lua_Unsigned)list_length(L, true) + 1);
    lua_Integer position = behind;
    int arguments = lua_gettop(L);

    if (arguments != 2 && arguments != 3)
        return luaL_error(L, "wrong number of arguments to 'insert'");
    if (arguments == 3) {
        position = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)position - 1 < (lua_Unsigned)behind, 2,
                      "position out of bounds");
        for (lua_Integer i = behind; i > position; i--)
            copy_element(&meter, i - 1, i);
    }
    lua_seti(L, 1, position);
    ddp_meter_settle(&meter);
    return 0;
}

static int
l_remove(lua_State *L)
{
    DdpMeter meter = {.L = L, .steps = 1};
    lua_Integer length = list_length(L, true);
    lua_Integer position = luaL_optinteger(L, 2, length);

    if (!lua_isnoneornil(L, 2) && position != length)
        luaL_argcheck(L, (lua_Unsigned)position - 1 <= (lua_Unsigned)length, 2,
                      "position out of bounds");
    lua_geti(L, 1, position);
    for (; position < length; position++)
        copy_element(&meter, position + 1, position);
    lua_pushnil(L);
    lua_seti(L, 1, position);
    ddp_meter_settle(&meter);
    return 1;
}

static void
add_element(DdpMeter *meter, luaL_Buffer *out, lua_Integer i)
{
    lua_State *L = meter->L;

    lua_geti(L, 1, i);
    if (!lua_isstring(L, -1)) {
        ddp_meter_settle(meter);
        luaL_error(L, "invalid value (%s) at index %I in table for 'concat'", luaL_typename(L, -1),
                   (LUAI_UACINT)i);
    }
    ddp_meter_add(meter, 1 + string_bytes(L, -1) / BYTES_TOUCHED);
    luaL_addvalue(out);
}

static int
l_concat(lua_State *L)
{
    DdpMeter meter = {.L = L, .steps = 1};
    lua_Integer length = list_length(L, false);
    size_t separator_length;
    const char *separator = luaL_optlstring(L, 2, "", &separator_length);
    lua_Integer i = luaL_optinteger(L, 3, 1);
    lua_Integer last = luaL_optinteger(L, 4, length);
    luaL_Buffer out;

    luaL_buffinit(L, &out);
    if (i <= last) {
        /* Compared before it is counted up: `last` may be the largest integer. */
        while (i < last) {
            add_element(&meter, &out, i++);
            ddp_meter_add(&meter, separator_length / BYTES_TOUCHED);
            luaL_addlstring(&out, separator, separator_length);
        }
        add_element(&meter, &out, i);
    }
    luaL_pushresult(&out);
    ddp_meter_settle(&meter);
    return 1;
}

static int
l_unpack(lua_State *L)
{
    lua_Integer first = luaL_optinteger(L, 2, 1);
    lua_Integer last = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);
    lua_Unsigned more = (lua_Unsigned)last - (lua_Unsigned)first;

    if (first > last) {
        ddp_script_charge(L, 1);
        return 0;
    }
    if (more >= INT_MAX || lua_checkstack(L, (int)more + 1) == 0)
        return luaL_error(L, "too many results to unpack");
    ddp_script_charge(L, 2 + more);
    for (lua_Unsigned i = 0; i <= more; i++)
        lua_geti(L, 1, (lua_Integer)((lua_Unsigned)first + i));
    return (int)more + 1;
}

/* ---- table.sort ---- */

/*
 * A merge sort on a copy of the list, written back when all is done: n log n comparisons
 * whatever the order function answers, and an order function that raises leaves the list alone.
 */
enum {
    SORT_LIST = 1,
    SORT_FUNCTION, /* or nil */
    SORT_VALUES,   /* a plain table: what is being sorted */
    SORT_LEFT,     /* a plain table: the left half of what is being merged */
};

/* Whether the value at stack index @a must stand before the one at @b. */
static bool
goes_before(DdpMeter *meter, int a, int b)
{
    lua_State *L = meter->L;

    if (lua_type(L, SORT_FUNCTION) == LUA_TFUNCTION) {
        lua_pushvalue(L, SORT_FUNCTION);
        lua_pushvalue(L, a);
        lua_pushvalue(L, b);
        ddp_script_charge(L, 1);
        lua_call(L, 2, 1);

        bool before = lua_toboolean(L, -1) != 0;

        lua_pop(L, 1);
        return before;
    }
    /* Of two strings no more than the shorter one is read. */
    ddp_meter_add(meter, 1);
    if (lua_type(L, a) == LUA_TSTRING) {
        uint64_t a_bytes = lua_rawlen(L, a);
        uint64_t b_bytes = string_bytes(L, b);

        ddp_meter_add(meter, MIN(a_bytes, b_bytes) / BYTES_TOUCHED);
    }
    return lua_compare(L, a, b, LUA_OPLT) != 0;
}

/*
 * Both halves, first to middle and the rest to last, are in order. The next value of the left half
 * lies below the next one of the right half on top of the stack.
 */
static void
merge(DdpMeter *meter, lua_Integer first, lua_Integer middle, lua_Integer last)
{
    lua_State *L = meter->L;
    lua_Integer left_count = middle - first + 1;
    lua_Integer left = 1;
    lua_Integer right = middle + 1;
    int left_value = lua_gettop(L) + 1;
    int right_value = left_value + 1;

    lua_rawgeti(L, SORT_VALUES, middle);
    lua_rawgeti(L, SORT_VALUES, right);
    if (!goes_before(meter, right_value, left_value)) {
        lua_pop(L, 2);
        return;
    }
    if (last - first == 1) {
        lua_rawseti(L, SORT_VALUES, first);
        lua_rawseti(L, SORT_VALUES, last);
        return;
    }
    for (lua_Integer i = 1; i <= left_count; i++) {
        lua_rawgeti(L, SORT_VALUES, first + i - 1);
        lua_rawseti(L, SORT_LEFT, i);
    }
    lua_rawgeti(L, SORT_LEFT, left);
    lua_replace(L, left_value);
    /* When the left half is used up, the rest of the right one is where it belongs. */
    for (lua_Integer i = first; left <= left_count; i++) {
        if (right <= last && goes_before(meter, right_value, left_value)) {
            lua_rawseti(L, SORT_VALUES, i);
            right++;
            lua_rawgeti(L, SORT_VALUES, MIN(right, last));
        } else {
            lua_pushvalue(L, left_value);
            lua_rawseti(L, SORT_VALUES, i);
            left++;
            lua_rawgeti(L, SORT_LEFT, MIN(left, left_count));
            lua_replace(L, left_value);
        }
    }
    lua_pop(L, 2);
}

static void
sort_range(DdpMeter *meter, lua_Integer first, lua_Integer last)
{
    if (first >= last)
        return;

    lua_Integer middle = first + (last - first) / 2;

    sort_range(meter, first, middle);
    sort_range(meter, middle + 1, last);
    merge(meter, first, middle, last);
}

static int
l_sort(lua_State *L)
{
    DdpMeter meter = {.L = L, .steps = 1};
    lua_Integer count = list_length(L, true);

    ddp_meter_settle(&meter);
    if (count < 2)
        return 0;
    luaL_argcheck(L, count < INT_MAX, 1, "array too big");
    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, SORT_FUNCTION);

    /* A __len may promise more than there is: no memory is set aside on its word. */
    bool real = lua_rawlen(L, SORT_LIST) >= (lua_Unsigned)count;

    lua_createtable(L, real ? (int)count : 0, 0);
    lua_createtable(L, real ? (int)(count / 2 + 1) : 0, 0);
    for (lua_Integer i = 1; i <= count; i++) {
        ddp_meter_add(&meter, 1);
        lua_geti(L, SORT_LIST, i);
        lua_rawseti(L, SORT_VALUES, i);
    }
    sort_range(&meter, 1, count);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, SORT_VALUES, i);
        lua_seti(L, SORT_LIST, i);
    }
    ddp_meter_settle(&meter);
    return 0;
}

/* ---- opening ---- */

static const struct {
    const char *library;
    const char *name;
    lua_CFunction function;
} wrappers[] = {
    {"string", "byte", pay_for_values},
    {"string", "char", pay_for_values},
    {"string", "format", pay_for_arguments},
    {"string", "lower", pay_for_subject},
    {"string", "pack", pay_for_arguments},
    {"string", "packsize", pay_for_subject},
    {"string", "rep", pay_for_rep},
    {"string", "reverse", pay_for_subject},
    {"string", "sub", pay_for_result},
    {"string", "unpack", pay_for_unpack},
    {"string", "upper", pay_for_subject},
    {"table", "move", pay_for_move},
    {"table", "pack", pay_for_values},
    {"utf8", "char", pay_for_values},
    {"utf8", "codepoint", pay_for_codepoints},
    {"utf8", "codes", pay_for_codes},
    {"utf8", "len", pay_for_length},
    {"utf8", "offset", pay_for_offset},
    {LUA_GNAME, "tonumber", pay_for_subject},
};

static const luaL_Reg rewritten[] = {
    {"concat", l_concat}, {"insert", l_insert}, {"remove", l_remove},
    {"sort", l_sort},     {"unpack", l_unpack}, {NULL, NULL},
};

void
ddp_charges_open(lua_State *L)
{
    for (size_t i = 0; i < G_N_ELEMENTS(wrappers); i++) {
        lua_getglobal(L, wrappers[i].library);
        if (lua_getfield(L, -1, wrappers[i].name) == LUA_TFUNCTION) {
            lua_pushcclosure(L, wrappers[i].function, 1);
            lua_setfield(L, -2, wrappers[i].name);
            lua_pop(L, 1);
        } else {
            lua_pop(L, 2);
        }
    }
    lua_getglobal(L, "table");
    luaL_setfuncs(L, rewritten, 0);
    lua_pop(L, 1);
}
