/* SPDX-License-Identifier: MIT */
#include "sim/script/expect_lua.h"

#include <lauxlib.h>

#include "sim/script/error.h"
#include "sim/script/state.h"

/* An expectation nests to three; a table that holds itself must still come to an end. */
#define DEPTH_MAX 16
#define VALUES_MAX 100000

/* ---- from Lua ---- */

typedef struct {
    JsonBuilder *builder; /* owned by the caller of lua_pcall */
    GString *path;        /* likewise: "expect.logs[1]" */
    GError **error;
    bool failed;
    int depth;
    int values;
} Reader;

static void fail(Reader *reader, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
fail(Reader *reader, const char *format, ...)
{
    va_list args;

    va_start(args, format);

    g_autofree char *text = g_strdup_vprintf(format, args);

    va_end(args);
    g_set_error(reader->error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE, "%s %s",
                reader->path->str, text);
    reader->failed = true;
}

/* The keys are 1 to n and nothing else; true of an empty table. */
static bool
is_list(lua_State *L, int index)
{
    lua_Unsigned length = lua_rawlen(L, index), keys = 0;

    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 ||
            (lua_Unsigned)lua_tointeger(L, -1) > length) {
            lua_pop(L, 1);
            return false;
        }
        keys++;
    }
    return keys == length;
}

static void read_value(lua_State *L, int index, Reader *reader);

static void
read_list(lua_State *L, int index, Reader *reader)
{
    gsize path_length = reader->path->len;
    lua_Integer length = (lua_Integer)lua_rawlen(L, index);

    json_builder_begin_array(reader->builder);
    for (lua_Integer i = 1; i <= length && !reader->failed; i++) {
        g_string_append_printf(reader->path, "[%" G_GINT64_FORMAT "]", (gint64)i);
        lua_rawgeti(L, index, i);
        read_value(L, lua_gettop(L), reader);
        lua_pop(L, 1);
        if (!reader->failed)
            g_string_truncate(reader->path, path_length);
    }
    json_builder_end_array(reader->builder);
}

static void
read_names(lua_State *L, int index, Reader *reader)
{
    gsize path_length = reader->path->len;

    json_builder_begin_object(reader->builder);
    lua_pushnil(L);
    while (!reader->failed && lua_next(L, index) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            fail(reader, "mixes names and other keys (a %s), expected a list or names only",
                 luaL_typename(L, -2));
            break;
        }

        const char *name = lua_tostring(L, -2);

        if (!g_utf8_validate(name, -1, NULL)) {
            fail(reader, "has a name that is not UTF-8");
            break;
        }
        g_string_append_printf(reader->path, ".%s", name);
        json_builder_set_member_name(reader->builder, name);
        read_value(L, lua_gettop(L), reader);
        if (!reader->failed)
            g_string_truncate(reader->path, path_length);
        lua_pop(L, 1);
    }
    json_builder_end_object(reader->builder);
}

static void
read_value(lua_State *L, int index, Reader *reader)
{
    if (++reader->values > VALUES_MAX || reader->depth == DEPTH_MAX ||
        !lua_checkstack(L, LUA_MINSTACK)) {
        fail(reader, "is too large or holds itself");
        json_builder_add_null_value(reader->builder);
        return;
    }

    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        json_builder_add_boolean_value(reader->builder, lua_toboolean(L, index));
        break;

    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            json_builder_add_int_value(reader->builder, lua_tointeger(L, index));
        else
            json_builder_add_double_value(reader->builder, lua_tonumber(L, index));
        break;

    case LUA_TSTRING:
        json_builder_add_string_value(reader->builder, lua_tostring(L, index));
        break;

    case LUA_TTABLE:
        reader->depth++;
        if (is_list(L, index))
            read_list(L, index, reader);
        else
            read_names(L, index, reader);
        reader->depth--;
        break;

    default:
        fail(reader, "is a %s, expected a number, a string, a boolean or a table",
             luaL_typename(L, index));
        json_builder_add_null_value(reader->builder);
    }
}

static int
l_read(lua_State *L)
{
    read_value(L, 1, lua_touserdata(L, 2));
    return 0;
}

JsonNode *
ddp_expect_read(lua_State *L, int index, GError **error)
{
    g_return_val_if_fail(L != NULL, NULL);

    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(GString) path = g_string_new("expect");
    Reader reader = {.builder = builder, .path = path, .error = error};

    index = lua_absindex(L, index);
    if (!lua_checkstack(L, 5)) {
        fail(&reader, "cannot be read: Lua's stack is full");
        return NULL;
    }
    lua_pushcfunction(L, l_read);
    lua_pushvalue(L, index);
    lua_pushlightuserdata(L, &reader);

    int status = lua_pcall(L, 2, 0, 0);

    if (status != LUA_OK) {
        if (!reader.failed)
            fail(&reader, "cannot be read: %s",
                 lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error without words");
        lua_pop(L, 1);
    }
    return reader.failed ? NULL : json_builder_get_root(builder);
}

/* ---- to Lua ---- */

static void push_node(lua_State *L, JsonNode *node);

static void
push_array(lua_State *L, JsonArray *array)
{
    guint length = json_array_get_length(array);

    lua_createtable(L, (int)MIN(length, G_MAXINT), 0);
    for (guint i = 0; i < length; i++) {
        push_node(L, json_array_get_element(array, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void
push_object(lua_State *L, JsonObject *object)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;

    lua_createtable(L, 0, (int)json_object_get_size(object));
    json_object_iter_init_ordered(&iter, object);
    while (json_object_iter_next_ordered(&iter, &name, &member)) {
        lua_pushstring(L, name);
        push_node(L, member);
        lua_rawset(L, -3);
    }
}

static void
push_node(lua_State *L, JsonNode *node)
{
    luaL_checkstack(L, LUA_MINSTACK, "a report");

    switch (JSON_NODE_TYPE(node)) {
    case JSON_NODE_ARRAY:
        push_array(L, json_node_get_array(node));
        return;
    case JSON_NODE_OBJECT:
        push_object(L, json_node_get_object(node));
        return;
    case JSON_NODE_NULL:
        lua_pushnil(L);
        return;
    case JSON_NODE_VALUE:
        break;
    }

    switch (json_node_get_value_type(node)) {
    case G_TYPE_BOOLEAN:
        lua_pushboolean(L, json_node_get_boolean(node));
        break;
    case G_TYPE_INT64:
        lua_pushinteger(L, json_node_get_int(node));
        break;
    case G_TYPE_DOUBLE:
        lua_pushnumber(L, json_node_get_double(node));
        break;
    default:
        lua_pushstring(L, json_node_get_string(node));
    }
}

static int
l_push(lua_State *L)
{
    push_node(L, lua_touserdata(L, 1));
    return 1;
}

/* What the function returned: its two results are on top of the stack. */
static char *
judge(lua_State *L)
{
    if (lua_toboolean(L, -2))
        return NULL;
    if (lua_type(L, -1) == LUA_TSTRING)
        return g_strdup_printf("expect: %s", lua_tostring(L, -1));
    if (lua_isnil(L, -2))
        return g_strdup("expect: the function returned nothing, expected true, or false and why");
    return g_strdup("expect: the function returned false and no reason");
}

char *
ddp_expect_call(lua_State *L, int index, JsonNode *report)
{
    g_return_val_if_fail(L != NULL && report != NULL, NULL);

    g_autoptr(GError) error = NULL;
    int top = lua_gettop(L);
    char *failure;

    index = lua_absindex(L, index);
    if (!lua_checkstack(L, 5))
        return g_strdup("expect: Lua's stack is full");

    lua_pushvalue(L, index);
    lua_pushcfunction(L, l_push);
    lua_pushlightuserdata(L, report);
    /* Our own code builds the table; the scenario's runs under the limits of its state. */
    if (lua_pcall(L, 1, 1, 0) != LUA_OK)
        failure = g_strdup("expect: the report does not fit into Lua's memory");
    else if (ddp_script_call(L, 1, 2, &error))
        failure = judge(L);
    else
        failure = g_strdup_printf("expect: %s", error->message);
    lua_settop(L, top);
    return failure;
}
