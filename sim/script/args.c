/* SPDX-License-Identifier: MIT */
#include "sim/script/args.h"

#include <string.h>

#include "sim/script/error.h"

G_DEFINE_QUARK(ddp_script_error_quark, ddp_script_error)

bool
ddp_args_site(lua_State *L, lua_Debug *site)
{
    for (int level = 0; lua_getstack(L, level, site) != 0; level++) {
        lua_getinfo(L, "Sl", site);
        if (site->currentline > 0)
            return true;
    }
    return false;
}

const char *
ddp_args_file(const lua_Debug *site)
{
    return site->source[0] == '@' ? site->source + 1 : site->short_src;
}

void
ddp_args_where(lua_State *L)
{
    lua_Debug site;

    if (ddp_args_site(L, &site))
        lua_pushfstring(L, "%s:%d: ", ddp_args_file(&site), site.currentline);
    else
        lua_pushliteral(L, "");
}

int
ddp_args_raise(lua_State *L, GError *error)
{
    ddp_args_where(L);
    lua_pushstring(L, error->message);
    g_error_free(error);
    lua_concat(L, 2);
    lua_error(L);
    g_assert_not_reached();
}

#define NAME_MAX_NEAREST 63

/*
 * How many slips turn @a into @b: a letter too many, missing, wrong, or two exchanged (the
 * distance of Damerau and Levenshtein, without edits of what was exchanged).
 */
static size_t
edit_distance(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    unsigned char rows[3][NAME_MAX_NEAREST + 1];
    unsigned char *before = rows[0], *last = rows[1], *now = rows[2];

    if (a_len > NAME_MAX_NEAREST || b_len > NAME_MAX_NEAREST)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_len; j++)
        last[j] = (unsigned char)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned char *oldest = before;
        char x = g_ascii_tolower(a[i - 1]);

        now[0] = (unsigned char)i;
        for (size_t j = 1; j <= b_len; j++) {
            char y = g_ascii_tolower(b[j - 1]);
            unsigned wrong = last[j - 1] + (x != y ? 1u : 0u);
            unsigned best = MIN(MIN(last[j], now[j - 1]) + 1u, wrong);

            if (i > 1 && j > 1 && x == g_ascii_tolower(b[j - 2]) && y == g_ascii_tolower(a[i - 2]))
                best = MIN(best, before[j - 2] + 1u);
            now[j] = (unsigned char)best;
        }
        before = last;
        last = now;
        now = oldest;
    }
    return last[b_len];
}

const char *
ddp_args_nearest(const char *name, const char *const *names)
{
    /* A third of the letters may be wrong, but of a short name not all. */
    size_t limit = MAX(strlen(name) / 3, (size_t)1) + 1;
    const char *nearest = NULL;

    for (size_t i = 0; names[i] != NULL; i++) {
        size_t distance = edit_distance(name, names[i]);

        if (distance < limit && distance < strlen(names[i])) {
            limit = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

static int
raise_unknown(lua_State *L, const char *verb, const char *name, const char *const *names)
{
    const char *nearest = ddp_args_nearest(name, names);
    luaL_Buffer all;

    if (nearest != NULL)
        return luaL_error(L, "%s: unknown option '%s', did you mean '%s'?", verb, name, nearest);
    if (names[0] == NULL)
        return luaL_error(L, "%s: unknown option '%s'; it has no options", verb, name);

    luaL_buffinit(L, &all);
    for (size_t i = 0; names[i] != NULL; i++) {
        luaL_addstring(&all, i > 0 ? ", " : "");
        luaL_addstring(&all, names[i]);
    }
    luaL_pushresult(&all);
    return luaL_error(L, "%s: unknown option '%s'; its options are %s", verb, name,
                      lua_tostring(L, -1));
}

/*
 * Of several unknown names the smallest is reported: the order of a Lua table is not to be seen.
 */
static const char *
first_unknown(lua_State *L, int index, const char *verb, const char *const *names)
{
    const char *first = NULL;

    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "%s: options are named, as in { name = value }; found a %s as key", verb,
                       luaL_typename(L, -1));

        const char *key = lua_tostring(L, -1);
        bool known = false;

        for (size_t i = 0; names[i] != NULL && !known; i++)
            known = strcmp(names[i], key) == 0;
        if (!known && (first == NULL || strcmp(key, first) < 0))
            first = key; /* the table keeps it alive */
    }
    return first;
}

DdpOptions
ddp_options_open(lua_State *L, int index, const char *verb, const char *const *names)
{
    DdpOptions options = {L, 0, verb};

    if (lua_isnoneornil(L, index))
        return options;
    index = lua_absindex(L, index);
    if (!lua_istable(L, index))
        luaL_error(L, "%s: expected a table of options as argument #%d, found a %s", verb, index,
                   luaL_typename(L, index));

    const char *unknown = first_unknown(L, index, verb, names);

    if (unknown != NULL)
        raise_unknown(L, verb, unknown, names);
    options.index = index;
    return options;
}

int
ddp_options_push(const DdpOptions *options, const char *name)
{
    if (options->index == 0) {
        lua_pushnil(options->L);
        return LUA_TNIL;
    }
    lua_pushstring(options->L, name);
    return lua_rawget(options->L, options->index);
}

bool
ddp_options_has(const DdpOptions *options, const char *name)
{
    bool has = ddp_options_push(options, name) != LUA_TNIL;

    lua_pop(options->L, 1);
    return has;
}

static int
raise_type(const DdpOptions *options, const char *name, const char *expected)
{
    return luaL_error(options->L, "%s: option '%s' is a %s, expected %s", options->verb, name,
                      luaL_typename(options->L, -1), expected);
}

lua_Number
ddp_options_number(const DdpOptions *options, const char *name, lua_Number fallback)
{
    int type = ddp_options_push(options, name);

    if (type != LUA_TNIL && type != LUA_TNUMBER)
        raise_type(options, name, "a number");

    lua_Number value = type == LUA_TNIL ? fallback : lua_tonumber(options->L, -1);

    lua_pop(options->L, 1);
    return value;
}

lua_Integer
ddp_options_integer(const DdpOptions *options, const char *name, lua_Integer fallback,
                    lua_Integer min, lua_Integer max)
{
    lua_State *L = options->L;
    int type = ddp_options_push(options, name);
    int is_integer = 1;

    if (type != LUA_TNIL && type != LUA_TNUMBER)
        raise_type(options, name, "a whole number");

    lua_Integer value = type == LUA_TNIL ? fallback : lua_tointegerx(L, -1, &is_integer);

    if (!is_integer)
        luaL_error(L, "%s: option '%s' is %s, expected a whole number", options->verb, name,
                   lua_tostring(L, -1));
    if (type != LUA_TNIL && (value < min || value > max)) {
        if (max == LUA_MAXINTEGER)
            luaL_error(L, "%s: option '%s' is %I, expected at least %I", options->verb, name,
                       (LUAI_UACINT)value, (LUAI_UACINT)min);
        luaL_error(L, "%s: option '%s' is %I, expected %I to %I", options->verb, name,
                   (LUAI_UACINT)value, (LUAI_UACINT)min, (LUAI_UACINT)max);
    }
    lua_pop(L, 1);
    return value;
}

bool
ddp_options_boolean(const DdpOptions *options, const char *name, bool fallback)
{
    int type = ddp_options_push(options, name);

    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        raise_type(options, name, "true or false");

    bool value = type == LUA_TNIL ? fallback : lua_toboolean(options->L, -1) != 0;

    lua_pop(options->L, 1);
    return value;
}

const char *
ddp_options_string(const DdpOptions *options, const char *name, const char *fallback)
{
    int type = ddp_options_push(options, name);

    if (type != LUA_TNIL && type != LUA_TSTRING)
        raise_type(options, name, "a string");

    const char *value = type == LUA_TNIL ? fallback : lua_tostring(options->L, -1);

    lua_pop(options->L, 1);
    return value;
}
