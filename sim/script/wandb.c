/* SPDX-License-Identifier: MIT */
/*
 * What wandb.lua needs of us: ids and clocks that are the same in every run, digests, and the file
 * of an offline run. In an oracle pass it is not called.
 */
#include <fcntl.h>
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "sim/loggers/wandb_file.h"
#include "sim/script/args.h"
#include "sim/script/at_exit.h"
#include "sim/script/error.h"
#include "sim/script/libs.h"
#include "sim/script/state.h"
#include "sim/script/state_private.h"
#include "sim/world/world.h"

#define WANDB_FILE "wandb.file"
#define STEPS_PER_RECORD 50
#define BYTES_PER_STEP 16
#define ID_LENGTH 8

/* ---- ids, clocks ---- */

/* The finaliser of splitmix64: equal inputs, equal ids; near ones share nothing. */
static uint64_t
mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* run_id(count): of this rank's run of that number */
static int
l_run_id(lua_State *L)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    const DdpScriptRank *script = ddp_script_rank(L);
    uint64_t hash = mix(ddp_script_play(L)->seed);
    char id[ID_LENGTH + 1] = "";

    hash = mix(hash ^ (uint64_t)script->rank);
    hash = mix(hash ^ (uint64_t)luaL_checkinteger(L, 1));
    for (int i = 0; i < ID_LENGTH; i++, hash /= sizeof digits - 1)
        id[i] = digits[hash % (sizeof digits - 1)];
    lua_pushstring(L, id);
    return 1;
}

/* clock(): seconds since 1970 */
static int
l_clock(lua_State *L)
{
    ddp_script_settle(L);
    lua_pushnumber(L, ddp_script_wall_time(ddp_script_rank(L)));
    return 1;
}

/* folder_time(seconds): "20231114_221320", in UTC */
static int
l_folder_time(lua_State *L)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc((gint64)luaL_checknumber(L, 1));
    g_autofree char *text = g_date_time_format(time, "%Y%m%d_%H%M%S");

    lua_pushstring(L, text);
    return 1;
}

static int
l_host(lua_State *L)
{
    lua_pushstring(L, ddp_script_rank(L)->host);
    return 1;
}

static int
l_is_oracle(lua_State *L)
{
    lua_pushboolean(L, ddp_script_rank(L)->oracle);
    return 1;
}

/* evaluation(): the number of the one in progress, or -1 */
static int
l_evaluation(lua_State *L)
{
    lua_pushinteger(L, ddp_script_rank(L)->priv->evaluation);
    return 1;
}

/* number_text(float): the fewest digits from 15 on that read back as it, as JSON takes them. */
static int
l_number_text(lua_State *L)
{
    double value = luaL_checknumber(L, 1);
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (value > -1e16 && value < 1e16 && floor(value) == value) {
        g_ascii_formatd(text, sizeof text, "%.1f", value);
    } else {
        static const char *const formats[] = {"%.15g", "%.16g", "%.17g"};

        for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
            g_ascii_formatd(text, sizeof text, formats[i], value);
            if (g_ascii_strtod(text, NULL) == value)
                break;
        }
    }
    lua_pushstring(L, text);
    return 1;
}

/* ---- digests ---- */

/* digest(path): base64 of the MD5 sum of a file, and its size */
static int
l_digest(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    char *path = ddp_script_logs_path(L, name);
    char *data = NULL;
    gsize length, digest_length = 16;
    guint8 digest[16];
    bool is_read = g_file_get_contents(path, &data, &length, NULL);

    g_free(path);
    if (!is_read)
        return luaL_error(L, "add_file: %s cannot be read; was it saved?", name);

    GChecksum *sum = g_checksum_new(G_CHECKSUM_MD5);

    g_checksum_update(sum, (const guchar *)data, (gssize)length);
    g_checksum_get_digest(sum, digest, &digest_length);
    g_checksum_free(sum);
    g_free(data);

    char *text = g_base64_encode(digest, digest_length);

    lua_pushstring(L, text);
    g_free(text);
    lua_pushinteger(L, (lua_Integer)length);
    ddp_script_charge(L, STEPS_PER_RECORD + length / BYTES_PER_STEP);
    return 2;
}

/* md5(text): in hexadecimal digits */
static int
l_md5(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    g_autofree char *sum =
        g_compute_checksum_for_data(G_CHECKSUM_MD5, (const guchar *)text, length);

    lua_pushstring(L, sum);
    return 1;
}

/* ---- the file ---- */

static DdpWandbFile *
check_file(lua_State *L)
{
    DdpWandbFile **slot = luaL_checkudata(L, 1, WANDB_FILE);

    luaL_argcheck(L, *slot != NULL, 1, "the run's file is closed");
    return *slot;
}

static int
l_gc(lua_State *L)
{
    DdpWandbFile **slot = luaL_checkudata(L, 1, WANDB_FILE);

    g_clear_pointer(slot, ddp_wandb_file_free);
    return 0;
}

/* What was written since the file had @before bytes costs time and counts against the limit. */
static void
charge(lua_State *L, const DdpWandbFile *file, uint64_t before)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    uint64_t bytes = ddp_wandb_file_bytes(file) - before;

    ddp_script_charge(L, STEPS_PER_RECORD + bytes / BYTES_PER_STEP);
    if (script->world_rank != NULL)
        ddp_rank_log(script->world_rank, bytes);
    ddp_script_charge_output(L, bytes);
}

static int
finish(lua_State *L, const DdpWandbFile *file, uint64_t before, bool ok, GError *error)
{
    if (!ok)
        return ddp_args_raise(L, error);
    charge(L, file, before);
    return 0;
}

/* open(path) */
static int
l_open(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    DdpWandbFile **slot = lua_newuserdatauv(L, sizeof *slot, 0);
    GError *error = NULL;
    char *path;

    *slot = NULL;
    if (luaL_newmetatable(L, WANDB_FILE)) {
        lua_pushcfunction(L, l_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    path = ddp_script_output_path(L, name);
    *slot = ddp_wandb_file_new(path, &error);
    g_free(path);
    if (*slot == NULL)
        return ddp_args_raise(L, error);
    charge(L, *slot, 0);
    return 1;
}

/* Text that protobuf takes and that ends at its end. */
static const char *
check_text(lua_State *L, int index)
{
    size_t length;
    const char *text = luaL_checklstring(L, index, &length);

    if (!g_utf8_validate(text, (gssize)length, NULL))
        luaL_error(L, "wandb: a text is not valid UTF-8 without zero bytes");
    return text;
}

/* A field of the table at @index, or NULL; the table keeps it alive. */
static const char *
field_text(lua_State *L, int index, const char *name)
{
    const char *text = NULL;

    if (lua_getfield(L, index, name) != LUA_TNIL)
        text = check_text(L, -1);
    lua_pop(L, 1);
    return text;
}

static bool
field_flag(lua_State *L, int index, const char *name)
{
    bool is_set;

    lua_getfield(L, index, name);
    is_set = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is_set;
}

/* The strings of a list, NULL-terminated, in memory that stays on the stack. Nil is none. */
static const char *const *
list_texts(lua_State *L, int index)
{
    lua_Integer count = lua_istable(L, index) ? (lua_Integer)lua_rawlen(L, index) : 0;
    const char **texts = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *texts, 0);

    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(L, index, i + 1);
        texts[i] = check_text(L, -1);
        lua_pop(L, 1);
    }
    texts[count] = NULL;
    return texts;
}

static int
push_field_list(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    return lua_gettop(L);
}

/*
 * Items as Lua hands them over: a list that holds of each a list of its keys and its value as
 * JSON, one after the other. They stay valid while what this leaves on the stack is there.
 */
static const DdpWandbItem *
check_items(lua_State *L, int index, size_t *count)
{
    luaL_checktype(L, index, LUA_TTABLE);
    *count = lua_rawlen(L, index) / 2;

    DdpWandbItem *items = lua_newuserdatauv(L, (*count + 1) * sizeof *items, 0);

    lua_createtable(L, (int)*count, 0); /* keeps the lists of keys */

    int kept = lua_gettop(L);

    for (size_t i = 0; i < *count; i++) {
        lua_rawgeti(L, index, (lua_Integer)(2 * i + 1));
        items[i].path = list_texts(L, kept + 1);
        lua_rawseti(L, kept, (lua_Integer)i + 1);
        lua_rawgeti(L, index, (lua_Integer)(2 * i + 2));
        items[i].json = check_text(L, -1);
        lua_settop(L, kept);
    }
    return items;
}

/* add_run(file, fields, config) */
static int
l_add_run(lua_State *L)
{
    DdpWandbFile *file = check_file(L);
    uint64_t before = ddp_wandb_file_bytes(file);
    DdpWandbRun run = {0};
    GError *error = NULL;

    luaL_checktype(L, 2, LUA_TTABLE);
    run.id = field_text(L, 2, "id");
    run.project = field_text(L, 2, "project");
    run.entity = field_text(L, 2, "entity");
    run.group = field_text(L, 2, "group");
    run.job_type = field_text(L, 2, "job_type");
    run.name = field_text(L, 2, "name");
    run.notes = field_text(L, 2, "notes");
    run.host = field_text(L, 2, "host");
    run.tags = list_texts(L, push_field_list(L, 2, "tags"));
    lua_getfield(L, 2, "start_time");
    run.start_time = luaL_checknumber(L, -1);
    run.config = check_items(L, 3, &run.config_count);
    return finish(L, file, before, ddp_wandb_file_add_run(file, &run, &error), error);
}

/* add_history(file, step, items) */
static int
l_add_history(lua_State *L)
{
    DdpWandbFile *file = check_file(L);
    uint64_t before = ddp_wandb_file_bytes(file);
    lua_Integer step = luaL_checkinteger(L, 2);
    GError *error = NULL;
    size_t count;
    const DdpWandbItem *items = check_items(L, 3, &count);

    return finish(L, file, before, ddp_wandb_file_add_history(file, step, items, count, &error),
                  error);
}

/* add_summary(file, items) */
static int
l_add_summary(lua_State *L)
{
    DdpWandbFile *file = check_file(L);
    uint64_t before = ddp_wandb_file_bytes(file);
    GError *error = NULL;
    size_t count;
    const DdpWandbItem *items = check_items(L, 2, &count);

    return finish(L, file, before, ddp_wandb_file_add_summary(file, items, count, &error), error);
}

/* add_config(file, items) */
static int
l_add_config(lua_State *L)
{
    DdpWandbFile *file = check_file(L);
    uint64_t before = ddp_wandb_file_bytes(file);
    GError *error = NULL;
    size_t count;
    const DdpWandbItem *items = check_items(L, 2, &count);

    return finish(L, file, before, ddp_wandb_file_add_config(file, items, count, &error), error);
}

/* add_metric(file, fields) */
static int
l_add_metric(lua_State *L)
{
    DdpWandbFile *file = check_file(L);
    uint64_t before = ddp_wandb_file_bytes(file);
    GError *error = NULL;

    luaL_checktype(L, 2, LUA_TTABLE);

    const DdpWandbMetric metric = {
        .name = field_text(L, 2, "name"),
        .step_metric = field_text(L, 2, "step_metric"),
        .step_sync = field_flag(L, 2, "step_sync"),
        .hidden = field_flag(L, 2, "hidden"),
        .min = field_flag(L, 2, "min"),
        .max = field_flag(L, 2, "max"),
        .mean = field_flag(L, 2, "mean"),
        .last = field_flag(L, 2, "last"),
        .first = field_flag(L, 2, "first"),
        .none = field_flag(L, 2, "none"),
    };

    return finish(L, file, before, ddp_wandb_file_add_metric(file, &metric, &error), error);
}

/* The entries of an artifact: a list of {path, local, digest, size}. */
static const DdpWandbArtifactFile *
check_entries(lua_State *L, int index, size_t *count)
{
    luaL_checktype(L, index, LUA_TTABLE);
    *count = lua_rawlen(L, index);

    DdpWandbArtifactFile *entries = lua_newuserdatauv(L, (*count + 1) * sizeof *entries, 0);

    for (size_t i = 0; i < *count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);

        int entry = lua_gettop(L);

        entries[i].path = field_text(L, entry, "path");
        entries[i].local = field_text(L, entry, "local_path");
        entries[i].digest = field_text(L, entry, "digest");
        lua_getfield(L, entry, "size");
        entries[i].size = luaL_checkinteger(L, -1);
        lua_settop(L, entry - 1);
    }
    return entries;
}

/* add_artifact(file, fields) */
static int
l_add_artifact(lua_State *L)
{
    DdpWandbFile *file = check_file(L);
    uint64_t before = ddp_wandb_file_bytes(file);
    DdpWandbArtifact artifact = {0};
    GError *error = NULL;

    luaL_checktype(L, 2, LUA_TTABLE);
    artifact.name = field_text(L, 2, "name");
    artifact.type = field_text(L, 2, "type");
    artifact.digest = field_text(L, 2, "digest");
    artifact.description = field_text(L, 2, "description");
    artifact.metadata = field_text(L, 2, "metadata");
    artifact.aliases = list_texts(L, push_field_list(L, 2, "aliases"));
    artifact.files = check_entries(L, push_field_list(L, 2, "entries"), &artifact.file_count);
    return finish(L, file, before, ddp_wandb_file_add_artifact(file, &artifact, &error), error);
}

/* close(file, exit_code, runtime): the last record */
static int
l_close(lua_State *L)
{
    DdpWandbFile *file = check_file(L);
    uint64_t before = ddp_wandb_file_bytes(file);
    int code = (int)luaL_checkinteger(L, 2);
    int runtime = (int)luaL_checknumber(L, 3);
    GError *error = NULL;

    finish(L, file, before, ddp_wandb_file_add_exit(file, code, runtime, &error), error);
    return l_gc(L);
}

static const luaL_Reg functions[] = {
    {"add_artifact", l_add_artifact},
    {"add_config", l_add_config},
    {"add_history", l_add_history},
    {"add_metric", l_add_metric},
    {"add_run", l_add_run},
    {"add_summary", l_add_summary},
    {"at_exit", ddp_lua_at_exit},
    {"clock", l_clock},
    {"close", l_close},
    {"digest", l_digest},
    {"evaluation", l_evaluation},
    {"folder_time", l_folder_time},
    {"host", l_host},
    {"is_oracle", l_is_oracle},
    {"md5", l_md5},
    {"note", ddp_lua_note_log},
    {"number_text", l_number_text},
    {"open", l_open},
    {"run_id", l_run_id},
    {"write", ddp_lua_write_text},
    {NULL, NULL},
};

int
ddp_luaopen_wandb(lua_State *L)
{
    luaL_newlib(L, functions);
    return 1;
}
