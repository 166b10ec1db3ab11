/* SPDX-License-Identifier: MIT */
#include "tests/sim/script_pattern/oracle.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "sim/script/charges.h"
#include "sim/script/pattern.h"
#include "tests/testutil.h"

lua_State *oracle_ours;
lua_State *oracle_stock;

static uint64_t charged;
static uint64_t budget = UINT64_MAX;

void
ddp_script_charge(lua_State *L, uint64_t steps)
{
    charged += steps;
    if (charged > budget) {
        lua_pushliteral(L, ORACLE_ENDED);
        lua_error(L);
    }
}

/* As in a rank's state, no pcall swallows the end. */
static int
l_pcall(lua_State *L)
{
    int status;

    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0);
    if (status != LUA_OK && charged > budget)
        return lua_error(L);
    if (status != LUA_OK) {
        lua_pushboolean(L, 0);
        lua_replace(L, 1);
    }
    return lua_gettop(L);
}

void
oracle_set_budget(uint64_t steps)
{
    charged = 0;
    budget = steps;
}

uint64_t
oracle_charged(void)
{
    return charged;
}

void
oracle_setup(void)
{
    oracle_stock = luaL_newstate();
    oracle_ours = luaL_newstate();
    ck_assert_ptr_nonnull(oracle_stock);
    ck_assert_ptr_nonnull(oracle_ours);
    luaL_openlibs(oracle_stock);
    luaL_openlibs(oracle_ours);
    ddp_pattern_open(oracle_ours);
    ddp_charges_open(oracle_ours);
    lua_register(oracle_ours, "pcall", l_pcall);
    ck_assert_int_eq(lua_gettop(oracle_ours), 0);
    oracle_set_budget(UINT64_MAX);
}

void
oracle_teardown(void)
{
    lua_close(oracle_ours);
    lua_close(oracle_stock);
}

char *
oracle_show(lua_State *L, int index)
{
    size_t length;
    const char *text;
    GString *shown;

    switch (lua_type(L, index)) {
    case LUA_TNIL:
        return g_strdup("nil");
    case LUA_TBOOLEAN:
        return g_strdup(lua_toboolean(L, index) ? "true" : "false");
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            return g_strdup_printf("%" PRId64, (int64_t)lua_tointeger(L, index));
        return g_strdup_printf("float %.17g", lua_tonumber(L, index));
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &length);
        shown = g_string_new("\"");
        for (size_t i = 0; i < length; i++) {
            if (g_ascii_isprint(text[i]) && text[i] != '"' && text[i] != '\\')
                g_string_append_c(shown, text[i]);
            else
                g_string_append_printf(shown, "\\%03d", (unsigned char)text[i]);
        }
        return g_string_free(g_string_append_c(shown, '"'), FALSE);
    default:
        return g_strdup(luaL_typename(L, index));
    }
}

char *
oracle_run(lua_State *L, const char *chunk)
{
    GString *shown = g_string_new(NULL);
    int status = luaL_loadbuffer(L, chunk, strlen(chunk), "=case");

    if (status == LUA_OK)
        status = lua_pcall(L, 0, LUA_MULTRET, 0);
    if (status != LUA_OK)
        g_string_append(shown, "error: ");
    for (int i = 1; i <= lua_gettop(L); i++) {
        g_autofree char *value = oracle_show(L, i);

        g_string_append_printf(shown, "%s%s", i > 1 ? ", " : "", value);
    }
    lua_settop(L, 0);
    return g_string_free(shown, FALSE);
}

void
oracle_same(const char *chunk)
{
    g_autofree char *expected = oracle_run(oracle_stock, chunk);
    g_autofree char *got = oracle_run(oracle_ours, chunk);

    ck_assert_msg(strcmp(expected, got) == 0, "%s\n  stock: %s\n  ours:  %s", chunk, expected, got);
}
