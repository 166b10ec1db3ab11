/* SPDX-License-Identifier: MIT */
/* How an optimiser prints: as torch prints it, the options of each group sorted by name. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "sim/script/optim.h"
#include "sim/script/state.h"

/* A number as Python writes it: the shortest text that reads back as the same. */
static void
number_text(lua_State *L, int index, char *text, size_t size)
{
    if (lua_isinteger(L, index)) {
        g_snprintf(text, size, "%" G_GINT64_FORMAT, (gint64)lua_tointeger(L, index));
        return;
    }

    double value = lua_tonumber(L, index);
    char format[] = "%.15g";

    for (char digits = '5'; digits <= '7'; digits++) {
        format[3] = digits;
        g_ascii_formatd(text, (int)size, format, value);
        if (g_ascii_strtod(text, NULL) == value)
            break;
    }
    if (strspn(text, "-0123456789") == strlen(text))
        g_strlcat(text, ".0", size);
}

/* Adds the value on top of the stack to the text; pops it. */
static void
add_value(lua_State *L, GString *text)
{
    char number[64];

    switch (lua_type(L, -1)) {
    case LUA_TNUMBER:
        number_text(L, -1, number, sizeof number);
        g_string_append(text, number);
        break;
    case LUA_TBOOLEAN:
        g_string_append(text, lua_toboolean(L, -1) ? "True" : "False");
        break;
    case LUA_TTABLE: {
        size_t count = lua_rawlen(L, -1);

        g_string_append_c(text, '(');
        for (size_t i = 1; i <= MIN(count, 2); i++) {
            lua_rawgeti(L, -1, (lua_Integer)i);
            if (lua_type(L, -1) == LUA_TNUMBER) {
                number_text(L, -1, number, sizeof number);
                g_string_append_printf(text, "%s%s", i > 1 ? ", " : "", number);
            }
            lua_pop(L, 1);
        }
        g_string_append_c(text, ')');
        break;
    }
    case LUA_TSTRING:
        g_string_append(text, lua_tostring(L, -1));
        break;
    default:
        g_string_append(text, "None");
    }
    lua_pop(L, 1);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Pushes the sorted names of what the group at @index says, and of options that are nil. */
static const char **
push_names(lua_State *L, int index, const DdpOptimizerInfo *info, size_t *count)
{
    size_t room = 0;
    const char **names;

    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        room++;
    }
    for (const DdpOptimizerOption *option = info->options; option->name != NULL; option++)
        room++;
    ddp_script_charge(L, room);
    names = lua_newuserdatauv(L, room * sizeof *names, 0);
    *count = 0;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "params") != 0)
            names[(*count)++] = lua_tostring(L, -1); /* the group keeps it alive */
    }
    for (const DdpOptimizerOption *option = info->options; option->name != NULL; option++) {
        lua_pushstring(L, option->name);
        if (lua_rawget(L, index) == LUA_TNIL)
            names[(*count)++] = option->name;
        lua_pop(L, 1);
    }
    qsort(names, *count, sizeof *names, compare_names);
    return names;
}

static void
add_group(lua_State *L, GString *text, int group, const DdpOptimizerInfo *info)
{
    size_t count;
    const char **names = push_names(L, group, info, &count);

    for (size_t i = 0; i < count; i++) {
        g_string_append_printf(text, "    %s: ", names[i]);
        lua_pushstring(L, names[i]);
        lua_rawget(L, group);
        add_value(L, text);
        g_string_append_c(text, '\n');
    }
    lua_pop(L, 1);
}

static int
l_free_text(lua_State *L)
{
    GString **text = lua_touserdata(L, 1);

    if (*text != NULL)
        g_string_free(*text, TRUE);
    *text = NULL;
    return 0;
}

/* A text that Lua frees, since what is done meanwhile may raise. */
static GString *
push_text(lua_State *L)
{
    GString **text = lua_newuserdatauv(L, sizeof *text, 0);

    *text = NULL;
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, l_free_text);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    *text = g_string_new(NULL);
    return *text;
}

int
ddp_lua_optimizer_text(lua_State *L)
{
    DdpLuaOptimizer *self = ddp_lua_check_optimizer(L, 1);

    lua_settop(L, 1);
    lua_getiuservalue(L, 1, DDP_LUA_OPTIMIZER_GROUPS);

    GString *text = push_text(L);
    lua_Integer count = (lua_Integer)ddp_optimizer_group_count(self->optimizer);

    g_string_append_printf(text, "%s (", self->info->name);
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_rawgeti(L, 2, i) != LUA_TTABLE)
            return luaL_error(L, "%s: param_groups[%I] is no table", self->info->name,
                              (LUAI_UACINT)i);
        g_string_append_printf(text, "\nParameter Group %d\n", (int)i - 1);
        add_group(L, text, 4, self->info);
        lua_settop(L, 3);
    }
    g_string_append_c(text, ')');
    ddp_script_charge(L, text->len / 8);
    lua_pushlstring(L, text->str, text->len);
    return 1;
}
