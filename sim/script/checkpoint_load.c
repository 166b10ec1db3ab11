/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "model/checkpoint/json_scan.h"
#include "model/checkpoint/safetensors_reader.h"
#include "sim/script/args.h"
#include "sim/script/checkpoint.h"
#include "sim/script/prelude.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

#define LOADING "ddpsim.checkpoint_load"
#define BYTES_PER_STEP 64

_Static_assert(DDP_SAFETENSORS_DIMS_MAX <= DDP_TENSOR_DIMS_MAX, "every tensor of a file fits");

typedef struct {
    DdpSafetensorsReader *reader; /* owned */
    DdpJsonScan *scan;            /* owned; over a text of the reader's */
    char *path;                   /* owned; only until the file is open */
    const char *name;             /* of the file, as the scenario wrote it */
} Loading;

/* Stack of ddp_lua_checkpoint_load. */
enum { ARG_PATH = 1, ARG_OPTIONS, SLOT_LOADING, SLOT_TENSORS };

/* What a tensor in the structure is marked with. */
enum { MARK_PARAMETER = 1, MARK_REQUIRES_GRAD = 2, MARKS = 4 };

/* ---- life and errors ----------------------------------------------------------------- */

static int
loading_gc(lua_State *L)
{
    Loading *loading = luaL_checkudata(L, 1, LOADING);

    g_clear_pointer(&loading->scan, ddp_json_scan_free);
    g_clear_pointer(&loading->reader, ddp_safetensors_reader_free);
    g_clear_pointer(&loading->path, g_free);
    return 0;
}

static Loading *
push_loading(lua_State *L)
{
    Loading *loading = lua_newuserdatauv(L, sizeof *loading, 0);

    *loading = (Loading){0};
    if (luaL_newmetatable(L, LOADING)) {
        lua_pushcfunction(L, loading_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return loading;
}

static int
raise_error(lua_State *L, const Loading *loading, GError *error)
{
    g_prefix_error(&error, "torch.load: %s: ", loading->name);
    return ddp_args_raise(L, error);
}

static int
broken(lua_State *L, const Loading *loading, const char *what)
{
    return luaL_error(L,
                      "torch.load: %s: the structure in its metadata is damaged near byte %I: "
                      "%s",
                      loading->name, (LUAI_UACINT)ddp_json_scan_offset(loading->scan), what);
}

/* ---- tensors ------------------------------------------------------------------------- */

static DdpTensor *
read_tensor(lua_State *L, Loading *loading, size_t index, GError **error)
{
    const DdpSafetensor *entry = ddp_safetensors_reader_tensor(loading->reader, index);
    g_autoptr(DdpTensor) tensor = ddp_tensor_new_uninitialized(
        ddp_script_rank(L)->model, entry->dtype, entry->ndim, entry->shape, error);

    if (tensor == NULL) {
        g_prefix_error(error, "tensor \"%s\": ", entry->name);
        return NULL;
    }
    if (!ddp_safetensors_reader_read(loading->reader, index, ddp_tensor_data(tensor), error))
        return NULL;
    return g_steal_pointer(&tensor);
}

/* Pushes tensor @index of the file as it stands there; read once, however often it is named. */
static DdpTensor *
push_entry(lua_State *L, Loading *loading, size_t index)
{
    GError *error = NULL;

    if (lua_rawgeti(L, SLOT_TENSORS, (lua_Integer)(index * MARKS)) != LUA_TNIL)
        return ddp_lua_check_tensor(L, -1);
    lua_pop(L, 1);

    DdpTensor **slot = ddp_lua_tensor_slot(L);

    *slot = read_tensor(L, loading, index, &error);
    if (*slot == NULL && ddp_lua_out_of_memory(L, &error))
        *slot = read_tensor(L, loading, index, &error);
    if (*slot == NULL)
        raise_error(L, loading, error);
    ddp_script_charge(L, 1 + ddp_tensor_bytes(*slot) / BYTES_PER_STEP);
    lua_pushvalue(L, -1);
    lua_rawseti(L, SLOT_TENSORS, (lua_Integer)(index * MARKS));
    return *slot;
}

/* The same with marks: another tensor over the same memory. */
static void
push_marked(lua_State *L, Loading *loading, size_t index, int marks)
{
    lua_Integer key = (lua_Integer)(index * MARKS) + marks;
    GError *error = NULL;

    if (lua_rawgeti(L, SLOT_TENSORS, key) != LUA_TNIL)
        return;
    lua_pop(L, 1);

    DdpTensor *plain = push_entry(L, loading, index);
    DdpTensor **slot;

    if (marks == 0)
        return;
    slot = ddp_lua_tensor_slot(L);
    *slot = ddp_tensor_share(plain, 0, ddp_tensor_ndim(plain), ddp_tensor_shape(plain), &error);
    if (*slot == NULL)
        raise_error(L, loading, error);
    ddp_tensor_set_parameter(*slot, (marks & MARK_PARAMETER) != 0);
    if ((marks & MARK_REQUIRES_GRAD) != 0 && !ddp_tensor_set_requires_grad(*slot, true, &error))
        raise_error(L, loading, error);
    lua_remove(L, -2);
    lua_pushvalue(L, -1);
    lua_rawseti(L, SLOT_TENSORS, key);
}

/* ---- the structure ------------------------------------------------------------------- */

static void load_value(lua_State *L, Loading *loading, DdpJsonToken token, int depth);

static DdpJsonToken
next(lua_State *L, Loading *loading)
{
    GError *error = NULL;
    DdpJsonToken token = ddp_json_scan_next(loading->scan, &error);

    if (token == DDP_JSON_BROKEN) {
        g_prefix_error(&error, "the structure in its metadata is damaged: ");
        raise_error(L, loading, error);
    }
    return token;
}

static void
expect(lua_State *L, Loading *loading, DdpJsonToken wanted, const char *what)
{
    if (next(L, loading) != wanted)
        broken(L, loading, what);
}

static bool
text_is(const Loading *loading, const char *text)
{
    return strcmp(ddp_json_scan_text(loading->scan), text) == 0;
}

static void
push_text(lua_State *L, const Loading *loading)
{
    lua_pushlstring(L, ddp_json_scan_text(loading->scan), ddp_json_scan_length(loading->scan));
}

static void
load_number(lua_State *L, const Loading *loading)
{
    const char *text = ddp_json_scan_text(loading->scan);
    gint64 integer;

    if (strpbrk(text, ".eE") == NULL &&
        g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &integer, NULL))
        lua_pushinteger(L, integer);
    else
        lua_pushnumber(L, g_ascii_strtod(text, NULL));
}

/* {"float":"inf"}, "-inf", "nan:" and 16 hex digits of its bits */
static void
load_float(lua_State *L, Loading *loading)
{
    const char *text;
    guint64 bits;
    double value;

    expect(L, loading, DDP_JSON_STRING, "a float that is no text");
    text = ddp_json_scan_text(loading->scan);
    if (strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0) {
        lua_pushnumber(L, *text == '-' ? -HUGE_VAL : HUGE_VAL);
        return;
    }
    if (!g_str_has_prefix(text, "nan:") ||
        !g_ascii_string_to_unsigned(text + 4, 16, 0, G_MAXUINT64, &bits, NULL))
        broken(L, loading, "an unknown float");
    memcpy(&value, &bits, sizeof value);
    if (value == value)
        broken(L, loading, "a NaN that is none");
    lua_pushnumber(L, value);
}

/* {"bytes": base64}: decoded where Lua keeps it, so that nothing is lost when memory runs out. */
static void
load_bytes(lua_State *L, Loading *loading)
{
    gint state = 0;
    guint save = 0;
    size_t length;
    luaL_Buffer buffer;
    char *out;

    expect(L, loading, DDP_JSON_STRING, "bytes that are no text");
    length = ddp_json_scan_length(loading->scan);
    out = luaL_buffinitsize(L, &buffer, length / 4 * 3 + 3);
    length = g_base64_decode_step(ddp_json_scan_text(loading->scan), length, (guchar *)out, &state,
                                  &save);
    luaL_pushresultsize(&buffer, length);
}

/* {"tensor": name, "parameter": true, "requires_grad": true}; the end of it is read too. */
static void
load_tensor(lua_State *L, Loading *loading)
{
    DdpJsonToken token;
    size_t index;
    int marks = 0;

    expect(L, loading, DDP_JSON_STRING, "a tensor without a name");
    if (!ddp_safetensors_reader_find(loading->reader, ddp_json_scan_text(loading->scan), &index))
        luaL_error(L,
                   "torch.load: %s: tensor \"%s\" belongs to the value, but the file has none of "
                   "that name",
                   loading->name, ddp_json_scan_text(loading->scan));
    while ((token = next(L, loading)) == DDP_JSON_NAME) {
        if (text_is(loading, "parameter"))
            marks |= MARK_PARAMETER;
        else if (text_is(loading, "requires_grad"))
            marks |= MARK_REQUIRES_GRAD;
        else
            broken(L, loading, "an unknown mark of a tensor");
        expect(L, loading, DDP_JSON_TRUE, "a mark that is not true");
    }
    if (token != DDP_JSON_OBJECT_END)
        broken(L, loading, "a tensor that does not end");
    push_marked(L, loading, index, marks);
}

static void
load_list(lua_State *L, Loading *loading, int depth)
{
    DdpJsonToken token;
    lua_Integer count = 0;

    lua_newtable(L);
    while ((token = next(L, loading)) != DDP_JSON_ARRAY_END) {
        load_value(L, loading, token, depth + 1);
        lua_rawseti(L, -2, ++count);
    }
}

static void
load_names(lua_State *L, Loading *loading, int depth)
{
    expect(L, loading, DDP_JSON_OBJECT_BEGIN, "a table without names");
    lua_newtable(L);
    while (next(L, loading) == DDP_JSON_NAME) {
        push_text(L, loading);
        load_value(L, loading, next(L, loading), depth + 1);
        lua_rawset(L, -3);
    }
}

/* [[key, value], ...] into the table on top of the stack; one that keeps an order is asked to. */
static void
load_pairs(lua_State *L, Loading *loading, int depth)
{
    DdpJsonToken token;

    expect(L, loading, DDP_JSON_ARRAY_BEGIN, "a table without pairs");
    while ((token = next(L, loading)) != DDP_JSON_ARRAY_END) {
        if (token != DDP_JSON_ARRAY_BEGIN)
            broken(L, loading, "a pair that is none");
        load_value(L, loading, next(L, loading), depth + 1);
        if (lua_isnil(L, -1) || lua_istable(L, -1) || lua_isuserdata(L, -1) ||
            (lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) != lua_tonumber(L, -1)))
            broken(L, loading, "a key that no table can have");
        load_value(L, loading, next(L, loading), depth + 1);
        expect(L, loading, DDP_JSON_ARRAY_END, "a pair of more than two");
        lua_settable(L, -3);
    }
}

static void
push_ordered_dict(lua_State *L)
{
    ddp_prelude_use(L, "ordered_dict");
    lua_call(L, 0, 1);
}

/* An object: its first name says what it stands for. */
static void
load_object(lua_State *L, Loading *loading, int depth)
{
    expect(L, loading, DDP_JSON_NAME, "an empty object");
    if (text_is(loading, "tensor")) {
        load_tensor(L, loading);
        return;
    }
    if (text_is(loading, "table")) {
        load_names(L, loading, depth);
    } else if (text_is(loading, "ordered")) {
        push_ordered_dict(L);
        load_pairs(L, loading, depth);
    } else if (text_is(loading, "pairs")) {
        lua_newtable(L);
        load_pairs(L, loading, depth);
    } else if (text_is(loading, "float")) {
        load_float(L, loading);
    } else if (text_is(loading, "bytes")) {
        load_bytes(L, loading);
    } else {
        broken(L, loading, "an unknown kind of value");
    }
    expect(L, loading, DDP_JSON_OBJECT_END, "a value that does not end");
}

static void
load_value(lua_State *L, Loading *loading, DdpJsonToken token, int depth)
{
    luaL_checkstack(L, 10, "the value is nested too deep");
    if (depth > DDP_CHECKPOINT_DEPTH_MAX)
        broken(L, loading, "it is nested too deep");
    ddp_script_charge(L, 1);
    switch (token) {
    case DDP_JSON_NULL:
        lua_pushnil(L);
        return;
    case DDP_JSON_TRUE:
    case DDP_JSON_FALSE:
        lua_pushboolean(L, token == DDP_JSON_TRUE);
        return;
    case DDP_JSON_NUMBER:
        load_number(L, loading);
        return;
    case DDP_JSON_STRING:
        push_text(L, loading);
        return;
    case DDP_JSON_ARRAY_BEGIN:
        load_list(L, loading, depth);
        return;
    case DDP_JSON_OBJECT_BEGIN:
        load_object(L, loading, depth);
        return;
    case DDP_JSON_BROKEN:
    case DDP_JSON_END:
    case DDP_JSON_OBJECT_END:
    case DDP_JSON_ARRAY_END:
    case DDP_JSON_NAME:
        break;
    }
    broken(L, loading, "a value is missing");
}

static int
load_structure(lua_State *L, Loading *loading, const char *text)
{
    int64_t version = 0;

    loading->scan = ddp_json_scan_new(text, strlen(text));
    expect(L, loading, DDP_JSON_OBJECT_BEGIN, "it is no object");
    expect(L, loading, DDP_JSON_NAME, "it has no version");
    if (!text_is(loading, "version") || next(L, loading) != DDP_JSON_NUMBER ||
        !ddp_json_scan_count(loading->scan, &version))
        broken(L, loading, "it does not begin with its version");
    if (version != DDP_CHECKPOINT_VERSION)
        return luaL_error(L,
                          "torch.load: %s: its structure has version %I, expected %d; a newer "
                          "ddpsim has written it",
                          loading->name, (LUAI_UACINT)version, DDP_CHECKPOINT_VERSION);
    expect(L, loading, DDP_JSON_NAME, "it has no value");
    if (!text_is(loading, "value"))
        broken(L, loading, "it has no value");
    load_value(L, loading, next(L, loading), 0);
    expect(L, loading, DDP_JSON_OBJECT_END, "something stands behind its value");
    expect(L, loading, DDP_JSON_END, "something stands behind its value");
    return 1;
}

/* ---- files of other tools ------------------------------------------------------------ */

/* Returns an ordered_dict of all tensors, and one of the metadata. */
static int
load_flat(lua_State *L, Loading *loading)
{
    const DdpSafetensorsReader *reader = loading->reader;

    push_ordered_dict(L);
    for (size_t i = 0; i < ddp_safetensors_reader_count(reader); i++) {
        lua_pushstring(L, ddp_safetensors_reader_tensor(reader, i)->name);
        push_entry(L, loading, i);
        lua_settable(L, -3);
    }
    push_ordered_dict(L);
    for (size_t i = 0; i < ddp_safetensors_reader_text_count(reader); i++) {
        const DdpSafetensorsText *text = ddp_safetensors_reader_text(reader, i);

        lua_pushstring(L, text->key);
        lua_pushstring(L, text->text);
        lua_settable(L, -3);
    }
    return 2;
}

/* load(path, {map_location, weights_only = true}) */
int
ddp_lua_checkpoint_load(lua_State *L)
{
    static const char *const names[] = {"map_location", "weights_only", NULL};
    GError *error = NULL;

    lua_settop(L, ARG_OPTIONS);
    if (lua_type(L, ARG_PATH) != LUA_TSTRING)
        return luaL_error(L, "torch.load: the path is a %s, expected a string",
                          luaL_typename(L, ARG_PATH));

    /* Nothing but data is in such a file, and devices are pretended: both change nothing. */
    DdpOptions options = ddp_options_open(L, ARG_OPTIONS, "torch.load", names);

    ddp_options_boolean(&options, "weights_only", true);

    Loading *loading = push_loading(L);

    lua_newtable(L); /* SLOT_TENSORS: by index in the file and marks */
    loading->name = lua_tostring(L, ARG_PATH);
    loading->path = ddp_script_logs_path(L, loading->name);
    loading->reader = ddp_safetensors_reader_open(loading->path, &error);
    if (loading->reader == NULL)
        return raise_error(L, loading, error);

    const char *text = ddp_safetensors_reader_find_text(loading->reader, DDP_CHECKPOINT_STRUCTURE);
    int results = text != NULL ? load_structure(L, loading, text) : load_flat(L, loading);

    /* The header may be large, and Lua's collector does not know. */
    lua_pushcfunction(L, loading_gc);
    lua_pushvalue(L, SLOT_LOADING);
    lua_call(L, 1, 0);
    return results;
}
