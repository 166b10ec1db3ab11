/* SPDX-License-Identifier: MIT */
/* One tag byte, then the payload in host order: the bytes never leave the machine. */
#include "sim/script/pickle.h"

#include <lauxlib.h>
#include <string.h>

#include "sim/script/args.h"
#include "sim/script/script_rank.h"
#include "sim/script/tensor.h"

#define DEPTH_MAX 64
#define BYTES "ddpsim.bytes"

/* ---- dumping ---- */

static int
bytes_gc(lua_State *L)
{
    GByteArray **bytes = luaL_checkudata(L, 1, BYTES);

    g_clear_pointer(bytes, g_byte_array_unref);
    return 0;
}

/* Pushes an empty buffer that the collector frees whatever happens next. */
static GByteArray *
push_bytes(lua_State *L)
{
    GByteArray **slot = lua_newuserdatauv(L, sizeof *slot, 0);

    *slot = NULL;
    if (luaL_newmetatable(L, BYTES)) {
        lua_pushcfunction(L, bytes_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    *slot = g_byte_array_new();
    return *slot;
}

static void
append(GByteArray *out, const void *bytes, size_t length)
{
    if (length > 0)
        g_byte_array_append(out, bytes, (guint)length);
}

static void
append_tag(GByteArray *out, char tag)
{
    append(out, &tag, 1);
}

static void
dump_tensor(GByteArray *out, DdpTensor *tensor)
{
    int32_t header[2] = {(int32_t)ddp_tensor_dtype(tensor), ddp_tensor_ndim(tensor)};

    append_tag(out, 'T');
    append(out, header, sizeof header);
    append(out, ddp_tensor_shape(tensor), (size_t)header[1] * sizeof(int64_t));
    append(out, ddp_tensor_data(tensor), ddp_tensor_bytes(tensor));
}

static void
dump_value(lua_State *L, GByteArray *out, int index, int depth)
{
    if (out->len > G_MAXINT32)
        luaL_error(L, "the object is larger than 2 GiB");
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        append_tag(out, '0');
        return;
    case LUA_TBOOLEAN:
        append_tag(out, lua_toboolean(L, index) ? 't' : 'f');
        return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            lua_Integer value = lua_tointeger(L, index);

            append_tag(out, 'i');
            append(out, &value, sizeof value);
        } else {
            lua_Number value = lua_tonumber(L, index);

            append_tag(out, 'n');
            append(out, &value, sizeof value);
        }
        return;
    case LUA_TSTRING: {
        size_t length;
        const char *text = lua_tolstring(L, index, &length);

        append_tag(out, 's');
        append(out, &length, sizeof length);
        append(out, text, length);
        return;
    }
    case LUA_TTABLE:
        if (depth >= DEPTH_MAX)
            luaL_error(L, "the object is nested more than %d deep, or contains itself", DEPTH_MAX);
        luaL_checkstack(L, 4, "the object is nested too deep");
        append_tag(out, '{');
        lua_pushnil(L);
        while (lua_next(L, index) != 0) {
            dump_value(L, out, lua_gettop(L) - 1, depth + 1);
            dump_value(L, out, lua_gettop(L), depth + 1);
            lua_pop(L, 1);
        }
        append_tag(out, '}');
        return;
    default:
        if (ddp_lua_test_tensor(L, index) != NULL) {
            dump_tensor(out, ddp_lua_test_tensor(L, index));
            return;
        }
        luaL_error(L, "cannot pickle a %s; send numbers, strings, tensors and tables of these",
                   luaL_typename(L, index));
    }
}

const GByteArray *
ddp_pickle_dump(lua_State *L, int index)
{
    index = lua_absindex(L, index);

    GByteArray *out = push_bytes(L);

    dump_value(L, out, index, 0);
    return out;
}

/* ---- loading ---- */

typedef struct {
    const char *at;
    size_t left;
} Input;

static void
take(lua_State *L, Input *in, void *to, size_t length)
{
    if (length > in->left)
        luaL_error(L, "the bytes of an object end too early");
    if (length > 0)
        memcpy(to, in->at, length);
    in->at += length;
    in->left -= length;
}

static void
load_tensor(lua_State *L, Input *in)
{
    DdpTensor **slot = ddp_lua_tensor_slot(L);
    GError *error = NULL;
    int32_t header[2];
    int64_t shape[DDP_TENSOR_DIMS_MAX];

    take(L, in, header, sizeof header);
    if (header[0] < 0 || header[0] >= DDP_DTYPE_COUNT || header[1] < 0 ||
        header[1] > DDP_TENSOR_DIMS_MAX)
        luaL_error(L, "the bytes of an object hold no tensor");
    take(L, in, shape, (size_t)header[1] * sizeof shape[0]);
    *slot =
        ddp_tensor_new(ddp_script_rank(L)->model, (DdpDtype)header[0], header[1], shape, &error);
    if (*slot == NULL)
        ddp_args_raise(L, error);
    take(L, in, ddp_tensor_data(*slot), ddp_tensor_bytes(*slot));
}

static void
load_value(lua_State *L, Input *in, int depth)
{
    char tag;

    luaL_checkstack(L, 4, "the object is nested too deep");
    if (depth > DEPTH_MAX)
        luaL_error(L, "the bytes of an object nest too deep");
    take(L, in, &tag, 1);
    switch (tag) {
    case '0':
        lua_pushnil(L);
        return;
    case 't':
    case 'f':
        lua_pushboolean(L, tag == 't');
        return;
    case 'i': {
        lua_Integer value;

        take(L, in, &value, sizeof value);
        lua_pushinteger(L, value);
        return;
    }
    case 'n': {
        lua_Number value;

        take(L, in, &value, sizeof value);
        lua_pushnumber(L, value);
        return;
    }
    case 's': {
        size_t length;

        take(L, in, &length, sizeof length);
        if (length > in->left)
            luaL_error(L, "the bytes of an object end too early");
        lua_pushlstring(L, in->at, length);
        in->at += length;
        in->left -= length;
        return;
    }
    case '{':
        lua_newtable(L);
        while (in->left > 0 && *in->at != '}') {
            load_value(L, in, depth + 1);
            load_value(L, in, depth + 1);
            if (lua_isnil(L, -2))
                luaL_error(L, "the bytes of an object hold a nil key");
            lua_rawset(L, -3);
        }
        take(L, in, &tag, 1);
        return;
    case 'T':
        load_tensor(L, in);
        return;
    default:
        luaL_error(L, "the bytes of an object begin with the unknown tag %d", tag);
    }
}

void
ddp_pickle_load(lua_State *L, const char *bytes, size_t length)
{
    Input in = {bytes, length};

    load_value(L, &in, 0);
}
