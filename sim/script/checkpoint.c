/* SPDX-License-Identifier: MIT */
#include "sim/script/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/checkpoint/json_scan.h"
#include "model/checkpoint/safetensors_writer.h"
#include "sim/script/args.h"
#include "sim/script/play.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"
#include "sim/world/world.h"

#define DUMP "ddpsim.checkpoint_dump"
#define BYTES_PER_STEP 64     /* of a file, for a Lua instruction */
#define TIME_START 1700000000 /* as the clock of a run starts */

/* What a file will hold, while a value is walked. Everything is owned by it, and it by Lua. */
typedef struct {
    GString *structure;
    GString *path;        /* of the value at hand: "callbacks.EarlyStopping.wait_count" */
    GPtrArray *tensors;   /* of DdpTensor */
    GPtrArray *names;     /* of char*, one a tensor */
    GHashTable *by_name;  /* name → nothing; borrowed from `names` */
    GHashTable *by_place; /* char* that tells memory and shape → index of the tensor */
    DdpSafetensorsWriter *writer;
    char *file_path; /* only while the file is written */
} Dump;

/* Stack of ddp_lua_checkpoint_save. */
enum { ARG_VALUE = 1, ARG_PATH, ARG_OPTIONS, SLOT_DUMP, SLOT_ACTIVE };

/* ---- the dump ------------------------------------------------------------------------ */

static int
dump_gc(lua_State *L)
{
    Dump *dump = luaL_checkudata(L, 1, DUMP);

    g_clear_pointer(&dump->writer, ddp_safetensors_writer_free);
    g_clear_pointer(&dump->by_name, g_hash_table_unref);
    g_clear_pointer(&dump->by_place, g_hash_table_unref);
    g_clear_pointer(&dump->names, g_ptr_array_unref);
    g_clear_pointer(&dump->tensors, g_ptr_array_unref);
    g_clear_pointer(&dump->file_path, g_free);
    if (dump->path != NULL)
        g_string_free(g_steal_pointer(&dump->path), TRUE);
    if (dump->structure != NULL)
        g_string_free(g_steal_pointer(&dump->structure), TRUE);
    return 0;
}

static Dump *
push_dump(lua_State *L)
{
    Dump *dump = lua_newuserdatauv(L, sizeof *dump, 0);

    *dump = (Dump){0};
    if (luaL_newmetatable(L, DUMP)) {
        lua_pushcfunction(L, dump_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    dump->structure = g_string_new(NULL);
    dump->path = g_string_new(NULL);
    dump->tensors = g_ptr_array_new_with_free_func((GDestroyNotify)ddp_tensor_unref);
    dump->names = g_ptr_array_new_with_free_func(g_free);
    dump->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    dump->by_place = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return dump;
}

/* What cannot be saved, with the way to it. */
static int
refuse(lua_State *L, const Dump *dump, const char *what)
{
    return luaL_error(L, "torch.save: %s %s", dump->path->len > 0 ? dump->path->str : "the value",
                      what);
}

/* ---- text ---------------------------------------------------------------------------- */

static bool
is_text(const char *bytes, size_t length)
{
    return g_utf8_validate(bytes, (gssize)length, NULL); /* nor does it let a zero byte pass */
}

static void
append_bytes(GString *out, const char *bytes, size_t length)
{
    g_autofree char *encoded = g_base64_encode((const guchar *)bytes, length);

    g_string_append_printf(out, "{\"bytes\":\"%s\"}", encoded);
}

static void
append_string(GString *out, const char *bytes, size_t length)
{
    if (is_text(bytes, length))
        ddp_json_append_string(out, bytes, length);
    else
        append_bytes(out, bytes, length);
}

/* The shortest of the ways to write it that reads back as the same, and never as a whole number. */
static void
append_float(GString *out, double value)
{
    uint64_t bits;
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    memcpy(&bits, &value, sizeof bits);
    if (isnan(value)) {
        g_string_append_printf(out, "{\"float\":\"nan:%016" G_GINT64_MODIFIER "x\"}", bits);
        return;
    }
    if (isinf(value)) {
        g_string_append(out, value > 0 ? "{\"float\":\"inf\"}" : "{\"float\":\"-inf\"}");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        char format[] = "%.15g";

        format[3] = (char)('0' + digits % 10);
        g_ascii_formatd(text, sizeof text, format, value);
        if (g_ascii_strtod(text, NULL) == value)
            break;
    }
    g_string_append(out, text);
    if (strpbrk(text, ".e") == NULL)
        g_string_append(out, ".0");
}

/* A key as a part of a path. Bytes that are no text are shown as %XX. */
static void
append_path(lua_State *L, GString *path, int key)
{
    size_t length;
    const char *bytes;

    if (path->len > 0)
        g_string_append_c(path, '.');
    switch (lua_type(L, key)) {
    case LUA_TSTRING:
        bytes = lua_tolstring(L, key, &length);
        if (is_text(bytes, length)) {
            g_string_append_len(path, bytes, (gssize)length);
            return;
        }
        for (size_t i = 0; i < length; i++) {
            if (bytes[i] > 0 && bytes[i] != '%')
                g_string_append_c(path, bytes[i]);
            else
                g_string_append_printf(path, "%%%02X", (unsigned char)bytes[i]);
        }
        return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, key))
            g_string_append_printf(path, "%" G_GINT64_FORMAT, (gint64)lua_tointeger(L, key));
        else
            append_float(path, lua_tonumber(L, key));
        return;
    case LUA_TBOOLEAN:
        g_string_append(path, lua_toboolean(L, key) ? "true" : "false");
        return;
    default:
        g_string_append_printf(path, "(%s)", luaL_typename(L, key));
    }
}

/* ---- tensors ------------------------------------------------------------------------- */

/* Two tensors over the same memory, with the same shape, are one entry of the file. */
static char *
place_of(DdpTensor *tensor)
{
    GString *place = g_string_new(NULL);
    const void *where = ddp_tensor_numel(tensor) > 0 ? ddp_tensor_data(tensor) : tensor;

    g_string_append_printf(place, "%p %d", where, (int)ddp_tensor_dtype(tensor));
    for (int i = 0; i < ddp_tensor_ndim(tensor); i++)
        g_string_append_printf(place, " %" G_GINT64_FORMAT, ddp_tensor_shape(tensor)[i]);
    return g_string_free(place, FALSE);
}

/* The path, or with "#2", "#3" behind it where that is taken. */
static char *
free_name(const Dump *dump)
{
    const char *wanted = dump->path->len > 0 ? dump->path->str : "value";
    char *name = g_strdup(wanted);

    for (int i = 2;
         strcmp(name, DDP_SAFETENSORS_METADATA) == 0 || g_hash_table_contains(dump->by_name, name);
         i++) {
        g_free(name);
        name = g_strdup_printf("%s#%d", wanted, i);
    }
    return name;
}

static const char *
name_of_tensor(Dump *dump, DdpTensor *tensor)
{
    g_autofree char *place = place_of(tensor);
    void *index;

    if (g_hash_table_lookup_extended(dump->by_place, place, NULL, &index))
        return g_ptr_array_index(dump->names, GPOINTER_TO_UINT(index));

    char *name = free_name(dump);

    g_hash_table_insert(dump->by_place, g_steal_pointer(&place),
                        GUINT_TO_POINTER(dump->tensors->len));
    g_ptr_array_add(dump->tensors, ddp_tensor_ref(tensor));
    g_ptr_array_add(dump->names, name);
    g_hash_table_add(dump->by_name, name);
    return name;
}

static void
dump_tensor(Dump *dump, DdpTensor *tensor)
{
    const char *name = name_of_tensor(dump, tensor);

    g_string_append(dump->structure, "{\"tensor\":");
    ddp_json_append_string(dump->structure, name, strlen(name));
    if (ddp_tensor_is_parameter(tensor))
        g_string_append(dump->structure, ",\"parameter\":true");
    if (ddp_tensor_requires_grad(tensor))
        g_string_append(dump->structure, ",\"requires_grad\":true");
    g_string_append_c(dump->structure, '}');
}

/* ---- tables -------------------------------------------------------------------------- */

static void dump_value(lua_State *L, Dump *dump, int index, int depth);

typedef struct {
    int type;
    lua_Integer integer;
    double number;
    const char *bytes; /* kept alive by the table */
    size_t length;
} Key;

/* Whole numbers, other numbers, strings, truth values; each rising. */
static int
compare_keys(const void *a_, const void *b_)
{
    const Key *a = a_, *b = b_;

    if (a->type != b->type)
        return a->type - b->type;
    if (a->type == 2) {
        int order = memcmp(a->bytes, b->bytes, MIN(a->length, b->length));

        return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
    }
    if (a->type == 1)
        return (a->number > b->number) - (a->number < b->number);
    return (a->integer > b->integer) - (a->integer < b->integer);
}

static Key
read_key(lua_State *L, const Dump *dump, int index)
{
    Key key = {0};

    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        key.type = lua_isinteger(L, index) ? 0 : 1;
        key.integer = lua_tointeger(L, index);
        key.number = lua_tonumber(L, index);
        break;
    case LUA_TSTRING:
        key.type = 2;
        key.bytes = lua_tolstring(L, index, &key.length);
        break;
    case LUA_TBOOLEAN:
        key.type = 3;
        key.integer = lua_toboolean(L, index);
        break;
    default:
        lua_pushfstring(L,
                        "has a %s as a key; keys that can be saved are strings, numbers and "
                        "truth values",
                        luaL_typename(L, index));
        refuse(L, dump, lua_tostring(L, -1));
    }
    return key;
}

static void
push_key(lua_State *L, const Key *key)
{
    switch (key->type) {
    case 0:
        lua_pushinteger(L, key->integer);
        return;
    case 1:
        lua_pushnumber(L, key->number);
        return;
    case 2:
        lua_pushlstring(L, key->bytes, key->length);
        return;
    default:
        lua_pushboolean(L, key->integer != 0);
    }
}

/* Pushes memory with the sorted keys of the table, without asking any metamethod. */
static const Key *
push_sorted_keys(lua_State *L, const Dump *dump, int table, size_t *count)
{
    *count = 0;
    lua_pushnil(L);
    for (; lua_next(L, table) != 0; lua_pop(L, 1))
        ++*count;

    Key *keys = lua_newuserdatauv(L, (*count + 1) * sizeof *keys, 0);
    size_t i = 0;

    lua_pushnil(L);
    for (; lua_next(L, table) != 0; lua_pop(L, 1))
        keys[i++] = read_key(L, dump, lua_absindex(L, -2));
    qsort(keys, *count, sizeof *keys, compare_keys);
    ddp_script_charge(L, 1 + *count);
    return keys;
}

static bool
is_list(const Key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (keys[i].type != 0 || keys[i].integer != (lua_Integer)i + 1)
            return false;
    }
    return true;
}

static bool
has_only_names(const Key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (keys[i].type != 2 || !is_text(keys[i].bytes, keys[i].length))
            return false;
    }
    return true;
}

static void
check_size(lua_State *L, const Dump *dump)
{
    if (dump->structure->len > DDP_SAFETENSORS_HEADER_MAX)
        refuse(L, dump,
               "is where the value becomes too large: all but its tensors has to fit in "
               "100 MB");
}

/* The value on top of the stack, which belongs to the key below it. */
static void
dump_field(lua_State *L, Dump *dump, int depth)
{
    size_t length = dump->path->len;

    append_path(L, dump->path, -2);
    dump_value(L, dump, lua_gettop(L), depth + 1);
    g_string_truncate(dump->path, length);
}

typedef enum {
    FORM_LIST,  /* [value, ...] */
    FORM_NAMES, /* {"key": value, ...} */
    FORM_PAIRS, /* [[key, value], ...] */
} Form;

/* Key and value on top of the stack. */
static void
dump_entry(lua_State *L, Dump *dump, Form form, bool is_first, int depth)
{
    size_t length;
    const char *name;

    if (!is_first)
        g_string_append_c(dump->structure, ',');
    switch (form) {
    case FORM_LIST:
        break;
    case FORM_NAMES:
        name = lua_tolstring(L, -2, &length);
        ddp_json_append_string(dump->structure, name, length);
        g_string_append_c(dump->structure, ':');
        break;
    case FORM_PAIRS:
        g_string_append_c(dump->structure, '[');
        dump_value(L, dump, lua_gettop(L) - 1, depth + 1);
        g_string_append_c(dump->structure, ',');
        break;
    }
    dump_field(L, dump, depth);
    if (form == FORM_PAIRS)
        g_string_append_c(dump->structure, ']');
    check_size(L, dump);
}

static void
dump_plain(lua_State *L, Dump *dump, int table, int depth)
{
    static const char *const begin[] = {"[", "{\"table\":{", "{\"pairs\":["};
    static const char *const end[] = {"]", "}}", "]}"};
    size_t count;
    const Key *keys = push_sorted_keys(L, dump, table, &count);
    Form form = is_list(keys, count)          ? FORM_LIST
                : has_only_names(keys, count) ? FORM_NAMES
                                              : FORM_PAIRS;

    g_string_append(dump->structure, begin[form]);
    for (size_t i = 0; i < count; i++) {
        push_key(L, &keys[i]);
        lua_pushvalue(L, -1);
        lua_rawget(L, table);
        dump_entry(L, dump, form, i == 0, depth);
        lua_pop(L, 2);
    }
    g_string_append(dump->structure, end[form]);
    lua_pop(L, 1);
}

/* An ordered_dict: as its __pairs walks it. Pairs always, since a key may be of any kind. */
static void
dump_ordered(lua_State *L, Dump *dump, int table, int depth)
{
    bool is_first = true;

    g_string_append(dump->structure, "{\"ordered\":[");
    luaL_getmetafield(L, table, "__pairs");
    lua_pushvalue(L, table);
    lua_call(L, 1, 3);
    for (;;) {
        int function = lua_gettop(L) - 2;

        lua_pushvalue(L, function);
        lua_pushvalue(L, function + 1);
        lua_pushvalue(L, function + 2);
        lua_call(L, 2, 2);
        if (lua_isnil(L, -2))
            break;
        read_key(L, dump, lua_gettop(L) - 1);
        ddp_script_charge(L, 1);
        dump_entry(L, dump, FORM_PAIRS, is_first, depth);
        is_first = false;
        lua_pop(L, 1);
        lua_replace(L, function + 2);
    }
    lua_pop(L, 5);
    g_string_append(dump->structure, "]}");
}

/* Whether the table is an ordered_dict; another metatable than that of one is refused. */
static bool
check_ordered(lua_State *L, const Dump *dump, int table)
{
    bool is_ordered = false;

    if (!lua_getmetatable(L, table))
        return false;
    lua_pushliteral(L, "__name");
    lua_rawget(L, -2);

    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;

    lua_pushliteral(L, "__pairs");
    lua_rawget(L, -3);
    is_ordered = name != NULL && strcmp(name, "OrderedDict") == 0 && lua_isfunction(L, -1);
    if (!is_ordered) {
        lua_pushfstring(L, "is a %s; save its state_dict(), or a plain table of what it holds",
                        name != NULL ? name : "table with a metatable");
        refuse(L, dump, lua_tostring(L, -1));
    }
    lua_pop(L, 3);
    return true;
}

static void
dump_table(lua_State *L, Dump *dump, int table, int depth)
{
    luaL_checkstack(L, 16, "the value is nested too deep");
    lua_pushvalue(L, table);
    if (lua_rawget(L, SLOT_ACTIVE) != LUA_TNIL)
        refuse(L, dump, "is a table that contains itself");
    lua_pop(L, 1);
    if (depth >= DDP_CHECKPOINT_DEPTH_MAX)
        refuse(L, dump, "is nested too deep: tables may be in each other 64 deep");

    lua_pushvalue(L, table);
    lua_pushboolean(L, 1);
    lua_rawset(L, SLOT_ACTIVE);
    if (check_ordered(L, dump, table))
        dump_ordered(L, dump, table, depth);
    else
        dump_plain(L, dump, table, depth);
    lua_pushvalue(L, table);
    lua_pushnil(L);
    lua_rawset(L, SLOT_ACTIVE);
}

static void
dump_value(lua_State *L, Dump *dump, int index, int depth)
{
    GString *out = dump->structure;

    switch (lua_type(L, index)) {
    case LUA_TNIL:
        g_string_append(out, "null");
        return;
    case LUA_TBOOLEAN:
        g_string_append(out, lua_toboolean(L, index) ? "true" : "false");
        return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            g_string_append_printf(out, "%" G_GINT64_FORMAT, (gint64)lua_tointeger(L, index));
        else
            append_float(out, lua_tonumber(L, index));
        return;
    case LUA_TSTRING: {
        size_t length;
        const char *bytes = lua_tolstring(L, index, &length);

        ddp_script_charge(L, 1 + length / BYTES_PER_STEP);
        append_string(out, bytes, length);
        return;
    }
    case LUA_TTABLE:
        dump_table(L, dump, index, depth);
        return;
    case LUA_TUSERDATA:
        if (ddp_lua_test_tensor(L, index) != NULL) {
            dump_tensor(dump, ddp_lua_test_tensor(L, index));
            return;
        }
        if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING) {
            lua_pushfstring(L, "is an object of type %s; save its state_dict()",
                            lua_tostring(L, -1));
            refuse(L, dump, lua_tostring(L, -1));
        }
        break;
    default:
        break;
    }
    lua_pushfstring(L,
                    "is a %s; tensors, numbers, strings, truth values and tables of them can "
                    "be saved",
                    luaL_typename(L, index));
    refuse(L, dump, lua_tostring(L, -1));
}

/* ---- the file ------------------------------------------------------------------------ */

static bool
make_writer(Dump *dump, GError **error)
{
    const DdpSafetensorsText text = {DDP_CHECKPOINT_STRUCTURE, dump->structure->str};
    size_t count = dump->tensors->len;
    g_autofree DdpSafetensor *tensors = g_new0(DdpSafetensor, count);

    for (size_t i = 0; i < count; i++) {
        DdpTensor *tensor = g_ptr_array_index(dump->tensors, (guint)i);

        tensors[i] = (DdpSafetensor){
            .name = g_ptr_array_index(dump->names, (guint)i),
            .dtype = ddp_tensor_dtype(tensor),
            .ndim = ddp_tensor_ndim(tensor),
            .shape = ddp_tensor_shape(tensor),
            .data = ddp_tensor_data(tensor),
        };
    }
    dump->writer = ddp_safetensors_writer_new(tensors, count, &text, 1, error);
    return dump->writer != NULL;
}

static int
raise_error(lua_State *L, const char *name, GError *error)
{
    g_prefix_error(&error, "torch.save: %s: ", name);
    return ddp_args_raise(L, error);
}

/* A file that is written again takes no more of the limit of files than before. */
static char *
make_path(lua_State *L, const char *name)
{
    char *path = ddp_script_logs_path(L, name);

    if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return path;
    g_free(path);
    return ddp_script_output_path(L, name);
}

/*
 * The time of the file: not that of the wall, but one that grows with what the run has written, so
 * that which checkpoint is the newest is the same in every run. A file that somebody has replaced
 * or removed meanwhile keeps the time it has.
 */
static void
set_time(lua_State *L, const char *path)
{
    int64_t written = atomic_load(&ddp_script_play(L)->counts->output);
    struct timespec time = {
        .tv_sec = TIME_START + (time_t)(written / 1000000),
        .tv_nsec = (long)(written % 1000000) * 1000,
    };
    struct timespec times[2] = {time, time};

    if (utimensat(AT_FDCWD, path, times, 0) != 0)
        g_debug("%s: %s", path, g_strerror(errno));
}

static void
write_file(lua_State *L, Dump *dump, const char *name)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    uint64_t bytes = ddp_safetensors_writer_bytes(dump->writer);
    GError *error = NULL;

    ddp_script_charge(L, 1 + bytes / BYTES_PER_STEP);
    if (script->oracle)
        return;
    ddp_script_charge_output(L, (size_t)bytes);
    if (script->world_rank != NULL)
        ddp_rank_log(script->world_rank, bytes);
    dump->file_path = make_path(L, name);
    if (!ddp_safetensors_writer_write(dump->writer, dump->file_path, &error))
        raise_error(L, name, error);
    set_time(L, dump->file_path);
}

/* save(value, path) */
int
ddp_lua_checkpoint_save(lua_State *L)
{
    static const char *const options[] = {NULL};
    GError *error = NULL;

    lua_settop(L, ARG_OPTIONS);
    if (lua_type(L, ARG_PATH) != LUA_TSTRING)
        return luaL_error(L, "torch.save: the path is a %s, expected a string",
                          luaL_typename(L, ARG_PATH));
    ddp_options_open(L, ARG_OPTIONS, "torch.save", options);

    const char *name = lua_tostring(L, ARG_PATH);
    Dump *dump = push_dump(L);

    lua_newtable(L); /* SLOT_ACTIVE: the tables on the way to the value at hand */
    g_string_printf(dump->structure, "{\"version\":%d,\"value\":", DDP_CHECKPOINT_VERSION);
    dump_value(L, dump, ARG_VALUE, 0);
    g_string_append_c(dump->structure, '}');
    if (!make_writer(dump, &error))
        return raise_error(L, name, error);
    write_file(L, dump, name);

    /* What it holds may be large, and Lua's collector does not know. */
    lua_pushcfunction(L, dump_gc);
    lua_pushvalue(L, SLOT_DUMP);
    lua_call(L, 1, 0);
    return 0;
}

void
ddp_lua_open_checkpoint(lua_State *L)
{
    lua_pushcfunction(L, ddp_lua_checkpoint_save);
    lua_setfield(L, -2, "save");
    lua_pushcfunction(L, ddp_lua_checkpoint_load);
    lua_setfield(L, -2, "load");
}
