/* SPDX-License-Identifier: MIT */
/*
 * `SummaryWriter(dir)`: torch.utils.tensorboard's writer, over sim/loggers.
 *
 * torch hands each entry to a thread, which appends it to the file a moment later. Here it is in
 * the file when the verb returns. So who reads the folder after a barrier sees, on every engine
 * and under every schedule, all that was logged before it; in a real job that is only very likely.
 * It also means that a full disk is an error of the line that logs, and that a writer
 * which is never closed has lost nothing.
 *
 * In an oracle pass (script_rank.h) nothing is written and no file is made.
 */
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/loggers/event_histogram.h"
#include "sim/loggers/event_hparams.h"
#include "sim/loggers/event_writer.h"
#include "sim/script/args.h"
#include "sim/script/libs.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"
#include "sim/world/world.h"

#define SUMMARY_WRITER "SummaryWriter"
#define TEXT_OF_DIR 1    /* user value: the folder as the scenario named it */
#define TEXT_OF_SUFFIX 2 /* user value: what stands behind the file's name */
#define SUB_WRITERS 3    /* user value: of add_scalars, by folder; or nil */
#define USER_VALUES 3

/* What an entry costs a scenario in Lua instructions, and how many bytes cost one more. */
#define STEPS_PER_WRITE 50
#define BYTES_PER_STEP 16

typedef struct {
    DdpEventWriter *writer; /* owned; NULL before the first file and after close() */
    char *folder;           /* owned; only while a file is made */
    bool has_purge_step;    /* the next file begins with a restart */
    int64_t purge_step;
} Slot;

static const char uid_key = 'u'; /* its address names the count of this rank's files */

static Slot *
check_slot(lua_State *L)
{
    return luaL_checkudata(L, 1, SUMMARY_WRITER);
}

/* ---- files ---- */

/* torch counts the writers of a process from 0. */
static uint64_t
take_uid(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &uid_key);

    lua_Integer uid = lua_tointeger(L, -1);

    lua_pop(L, 1);
    lua_pushinteger(L, uid + 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &uid_key);
    return (uint64_t)uid;
}

static DdpEventWriterSpec
spec_for(lua_State *L, const Slot *slot, const char *suffix)
{
    const DdpScriptRank *script = ddp_script_rank(L);

    return (DdpEventWriterSpec){.folder = slot->folder,
                                .host = script->host,
                                .pid = script->pid,
                                .uid = take_uid(L),
                                .suffix = suffix,
                                .wall_time = ddp_script_wall_time(script)};
}

static void
charge(lua_State *L, uint64_t bytes)
{
    const DdpScriptRank *script = ddp_script_rank(L);

    ddp_script_charge(L, STEPS_PER_WRITE + bytes / BYTES_PER_STEP);
    if (script->world_rank != NULL && !script->oracle)
        ddp_rank_log(script->world_rank, bytes);
    ddp_script_charge_output(L, (size_t)bytes);
}

/* Makes the file, as torch does at birth and again when something is added after close(). */
static void
open_file(lua_State *L, Slot *slot, int index)
{
    GError *error = NULL;

    lua_getiuservalue(L, index, TEXT_OF_SUFFIX);
    lua_getiuservalue(L, index, TEXT_OF_DIR);

    const char *suffix = lua_tostring(L, -2);
    const char *dir = lua_tostring(L, -1);

    g_clear_pointer(&slot->folder, g_free);
    slot->folder = ddp_script_output_path(L, dir);

    DdpEventWriterSpec spec = spec_for(L, slot, suffix);

    slot->writer = ddp_event_writer_new(&spec, &error);
    g_clear_pointer(&slot->folder, g_free);
    if (slot->writer == NULL)
        ddp_args_raise(L, error);
    lua_pop(L, 2);
    charge(L, ddp_event_writer_bytes(slot->writer));

    if (slot->has_purge_step) {
        slot->has_purge_step = false;
        if (!ddp_event_writer_add_restart(slot->writer, slot->purge_step, spec.wall_time, &error))
            ddp_args_raise(L, error);
    }
}

/* The writer of @slot, with a file to write to. */
static DdpEventWriter *
ready(lua_State *L, Slot *slot)
{
    if (slot->writer == NULL)
        open_file(L, slot, 1);
    return slot->writer;
}

/* Puts what was added since the writer had @before bytes into the file, limits permitting. */
static void
write_through(lua_State *L, DdpEventWriter *writer, uint64_t before)
{
    GError *error = NULL;

    charge(L, ddp_event_writer_bytes(writer) - before);
    if (!ddp_event_writer_flush(writer, &error))
        ddp_args_raise(L, error);
}

/* ---- arguments ---- */

/* A string that a C string can hold and an event file may. */
static const char *
check_text(lua_State *L, int index, const char *verb, const char *what)
{
    size_t length;

    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "%s: %s is a %s, expected a string", verb, what, luaL_typename(L, index));

    const char *text = lua_tolstring(L, index, &length);

    if (!g_utf8_validate(text, (gssize)length, NULL)) /* nor does it let a zero byte pass */
        luaL_error(L,
                   "%s: %s is not valid UTF-8 without zero bytes, and TensorBoard would stop "
                   "reading there",
                   verb, what);
    return text;
}

/* The same of an option; it is "" by default, and stays on the stack. */
static const char *
check_option_text(lua_State *L, const DdpOptions *options, const char *name)
{
    if (ddp_options_push(options, name) == LUA_TNIL)
        lua_pushliteral(L, "");
    return check_text(L, -1, options->verb, name);
}

/* A number, a truth value, or a tensor of one element. */
static double
check_value(lua_State *L, int index, const char *verb, const char *what)
{
    const DdpTensor *tensor = ddp_lua_test_tensor(L, index);

    if (tensor != NULL) {
        if (ddp_tensor_numel(tensor) != 1)
            luaL_error(L, "%s: %s is a tensor of %I elements, expected a number or one element",
                       verb, what, (LUAI_UACINT)ddp_tensor_numel(tensor));
        return ddp_tensor_item_f64(tensor, 0);
    }
    if (lua_type(L, index) == LUA_TBOOLEAN)
        return lua_toboolean(L, index);
    if (lua_type(L, index) != LUA_TNUMBER)
        luaL_error(L, "%s: %s is a %s, expected a number or a tensor of one element", verb, what,
                   luaL_typename(L, index));
    return lua_tonumber(L, index);
}

/* No step is step 0, as in the file. */
static int64_t
check_step(lua_State *L, int index, const char *verb)
{
    int is_integer;

    if (lua_isnoneornil(L, index))
        return 0;
    if (lua_type(L, index) != LUA_TNUMBER)
        luaL_error(L, "%s: step is a %s, expected a whole number", verb, luaL_typename(L, index));

    lua_Integer step = lua_tointegerx(L, index, &is_integer);

    if (!is_integer)
        luaL_error(L, "%s: step is %f, expected a whole number", verb, lua_tonumber(L, index));
    return step;
}

/* ---- verbs ---- */

static int
l_add_scalar(lua_State *L)
{
    Slot *slot = check_slot(L);
    const char *tag = check_text(L, 2, "add_scalar", "tag");
    double value = check_value(L, 3, "add_scalar", "value");
    int64_t step = check_step(L, 4, "add_scalar");
    const DdpScriptRank *script = ddp_script_rank(L);
    GError *error = NULL;

    lua_getiuservalue(L, 1, TEXT_OF_DIR);

    const DdpLogNote note = {.logger = "tensorboard",
                             .path = lua_tostring(L, -1),
                             .tag = tag,
                             .step = step,
                             .value = value};

    if (!ddp_script_note_log(L, &note))
        return 0;

    DdpEventWriter *writer = ready(L, slot);
    uint64_t before = ddp_event_writer_bytes(writer);

    if (!ddp_event_writer_add_scalar(writer, tag, (float)value, step, ddp_script_wall_time(script),
                                     &error))
        ddp_args_raise(L, error);
    write_through(L, writer, before);
    return 0;
}

static int
l_add_text(lua_State *L)
{
    Slot *slot = check_slot(L);
    const char *tag = check_text(L, 2, "add_text", "tag");
    const char *text = check_text(L, 3, "add_text", "text");
    int64_t step = check_step(L, 4, "add_text");
    const DdpScriptRank *script = ddp_script_rank(L);
    GError *error = NULL;

    if (script->oracle)
        return 0;

    DdpEventWriter *writer = ready(L, slot);
    uint64_t before = ddp_event_writer_bytes(writer);

    if (!ddp_event_writer_add_text(writer, tag, text, step, ddp_script_wall_time(script), &error))
        ddp_args_raise(L, error);
    write_through(L, writer, before);
    return 0;
}

/* The numbers of a tensor or a list, in memory that stays on the stack. */
static const double *
check_values(lua_State *L, int index, size_t *count)
{
    const DdpTensor *tensor = ddp_lua_test_tensor(L, index);
    double *values;

    if (tensor == NULL && !lua_istable(L, index))
        luaL_error(L, "add_histogram: values is a %s, expected a tensor or a list of numbers",
                   luaL_typename(L, index));
    *count = tensor != NULL ? (size_t)ddp_tensor_numel(tensor) : lua_rawlen(L, index);
    ddp_script_charge(L, STEPS_PER_WRITE + *count);
    values = lua_newuserdatauv(L, (*count + 1) * sizeof *values, 0);
    for (size_t i = 0; i < *count; i++) {
        if (tensor != NULL) {
            values[i] = ddp_tensor_item_f64(tensor, (int64_t)i);
            continue;
        }
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        values[i] = check_value(L, -1, "add_histogram", "a value");
        lua_pop(L, 1);
    }
    return values;
}

/* The option `bins`: "tensorflow", or how many of one width. */
static lua_Integer
check_bins(lua_State *L, const DdpOptions *options)
{
    int type = ddp_options_push(options, "bins");
    const char *name = type == LUA_TSTRING ? lua_tostring(L, -1) : "tensorflow";

    lua_pop(L, 1);
    if (type == LUA_TNUMBER)
        return ddp_options_integer(options, "bins", 0, 1, 1000000);
    if ((type != LUA_TSTRING && type != LUA_TNIL) || strcmp(name, "tensorflow") != 0)
        luaL_error(L, "add_histogram: option 'bins' is %s, expected \"tensorflow\" or how many",
                   type == LUA_TSTRING ? name : lua_typename(L, type));
    return 0;
}

/* add_histogram(tag, values, step, {bins}) */
static int
l_add_histogram(lua_State *L)
{
    static const char *const names[] = {"bins", NULL};
    Slot *slot = check_slot(L);
    const char *tag = check_text(L, 2, "add_histogram", "tag");
    int64_t step = check_step(L, 4, "add_histogram");
    DdpOptions options = ddp_options_open(L, 5, "add_histogram", names);
    lua_Integer bins = check_bins(L, &options);
    size_t count, size;
    const double *values = check_values(L, 3, &count);
    GError *error = NULL;

    if (ddp_script_rank(L)->oracle)
        return 0;

    DdpEventWriter *writer = ready(L, slot);
    uint64_t before = ddp_event_writer_bytes(writer);
    uint8_t *packed = ddp_event_histogram_pack(values, count, (size_t)bins, &size, &error);

    if (packed == NULL)
        return ddp_args_raise(L, error);

    bool is_added = ddp_event_writer_add_histogram(
        writer, tag, packed, size, step, ddp_script_wall_time(ddp_script_rank(L)), &error);

    g_free(packed);
    if (!is_added)
        return ddp_args_raise(L, error);
    write_through(L, writer, before);
    return 0;
}

/* ---- hyper-parameters ---- */

static int
compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/*
 * The keys of the table at @index, sorted, in a list that stays on the stack. A Lua table has no
 * order of its own that would be the same in every run.
 */
static const char **
sorted_names(lua_State *L, int index, const char *what, size_t *count)
{
    *count = 0;
    lua_pushnil(L);
    for (; lua_next(L, index) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "add_hparams: a key of %s is a %s, expected a name", what,
                       luaL_typename(L, -2));
        check_text(L, -2, "add_hparams", "a name");
        ++*count;
    }
    ddp_script_charge(L, 10 * *count);

    const char **names = lua_newuserdatauv(L, (*count + 1) * sizeof *names, 0);
    size_t i = 0;

    lua_pushnil(L);
    for (; lua_next(L, index) != 0; lua_pop(L, 1))
        names[i++] = lua_tostring(L, -2); /* the table keeps it alive */
    qsort(names, *count, sizeof *names, compare_names);
    return names;
}

static const DdpHparam *
check_hparams(lua_State *L, int index, size_t *count)
{
    const char **names = sorted_names(L, index, "the hyper-parameters", count);
    DdpHparam *hparams = lua_newuserdatauv(L, (*count + 1) * sizeof *hparams, 0);

    for (size_t i = 0; i < *count; i++) {
        hparams[i] = (DdpHparam){.name = names[i]};
        lua_getfield(L, index, names[i]);
        if (lua_type(L, -1) == LUA_TSTRING)
            hparams[i].text = check_text(L, -1, "add_hparams", names[i]);
        else
            hparams[i].number = check_value(L, -1, "add_hparams", names[i]);
        lua_pop(L, 1);
    }
    return hparams;
}

static const DdpHparamMetric *
check_metrics(lua_State *L, int index, size_t *count)
{
    const char **names = sorted_names(L, index, "the metrics", count);
    DdpHparamMetric *metrics = lua_newuserdatauv(L, (*count + 1) * sizeof *metrics, 0);

    for (size_t i = 0; i < *count; i++) {
        lua_getfield(L, index, names[i]);
        metrics[i] = (DdpHparamMetric){.name = names[i],
                                       .value = (float)check_value(L, -1, "add_hparams", names[i])};
        lua_pop(L, 1);
    }
    return metrics;
}

/* Pushes the folder of the sub-run: "logs/x/1700000000.5", or with the name that was given. */
static const char *
push_run_dir(lua_State *L, const char *run_name)
{
    char time_name[DDP_HPARAMS_RUN_NAME_BYTES];

    ddp_event_hparams_run_name(ddp_script_wall_time(ddp_script_rank(L)), time_name);
    lua_getiuservalue(L, 1, TEXT_OF_DIR);
    lua_pushfstring(L, "%s/%s", lua_tostring(L, -1), *run_name != '\0' ? run_name : time_name);
    return lua_tostring(L, -1);
}

static void
note_metrics(lua_State *L, const DdpHparamSet *set, const char *dir)
{
    for (size_t i = 0; i < set->metric_count; i++) {
        const DdpLogNote note = {.logger = "tensorboard",
                                 .path = dir,
                                 .tag = set->metrics[i].name,
                                 .value = (double)set->metrics[i].value};

        ddp_script_note_log(L, &note);
    }
}

/* add_hparams(hparams, metrics, {run_name}): a sub-run of its own, as in torch. */
static int
l_add_hparams(lua_State *L)
{
    static const char *const names[] = {"run_name", NULL};
    Slot *slot = check_slot(L);
    DdpHparamSet set;
    GError *error = NULL;
    uint64_t bytes = 0;

    lua_settop(L, 4);
    for (int i = 2; i <= 3; i++) {
        if (!lua_istable(L, i))
            return luaL_error(L, "add_hparams: argument %d is a %s, expected a table", i - 1,
                              luaL_typename(L, i));
    }

    DdpOptions options = ddp_options_open(L, 4, "add_hparams", names);
    const char *run_name = check_option_text(L, &options, "run_name");

    set.hparams = check_hparams(L, 2, &set.hparam_count);
    set.metrics = check_metrics(L, 3, &set.metric_count);
    if (ddp_script_rank(L)->oracle)
        return 0;
    ready(L, slot); /* torch's own folder has a file, too */

    const char *dir = push_run_dir(L, run_name);

    note_metrics(L, &set, dir);
    g_clear_pointer(&slot->folder, g_free);
    slot->folder = ddp_script_output_path(L, dir);

    DdpEventWriterSpec spec = spec_for(L, slot, NULL);
    bool is_written = ddp_event_hparams_write_run(&spec, &set, &bytes, &error);

    g_clear_pointer(&slot->folder, g_free);
    if (!is_written)
        ddp_args_raise(L, error);
    charge(L, bytes);
    return 0;
}

int
ddp_lua_summary_add_hparams(lua_State *L)
{
    Slot *slot = check_slot(L);
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpHparamSet set;
    GError *error = NULL;

    set.hparams = check_hparams(L, 2, &set.hparam_count);
    set.metrics = check_metrics(L, 3, &set.metric_count);
    if (script->oracle)
        return 0;

    DdpEventWriter *writer = ready(L, slot);
    uint64_t before = ddp_event_writer_bytes(writer);

    if (!ddp_event_hparams_add(writer, &set, ddp_script_wall_time(script), &error))
        ddp_args_raise(L, error);
    write_through(L, writer, before);
    return 0;
}

static int l_new(lua_State *L);

/* Pushes the writer of folder @dir, the one at the top, made when first asked for. */
static void
push_sub_writer(lua_State *L)
{
    int dir = lua_gettop(L);

    if (lua_getiuservalue(L, 1, SUB_WRITERS) == LUA_TNIL) {
        lua_newtable(L);
        lua_replace(L, -2);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, SUB_WRITERS);
    }
    lua_pushvalue(L, dir);
    if (lua_rawget(L, -2) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    lua_pushcfunction(L, l_new);
    lua_pushvalue(L, dir);
    lua_createtable(L, 0, 1);
    lua_getiuservalue(L, 1, TEXT_OF_SUFFIX);
    lua_setfield(L, -2, "filename_suffix");
    lua_call(L, 2, 1);
    lua_pushvalue(L, dir);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
}

/* add_scalars(main_tag, {name = value}, step): a sub-run for each name */
static int
l_add_scalars(lua_State *L)
{
    const char *tag;
    size_t count;

    lua_settop(L, 4);
    check_slot(L);
    tag = check_text(L, 2, "add_scalars", "main_tag");
    if (!lua_istable(L, 3))
        return luaL_error(L, "add_scalars: values is a %s, expected a table of numbers by name",
                          luaL_typename(L, 3));

    const char **names = sorted_names(L, 3, "the scalars", &count);
    char *folder = g_strdelimit(g_strdup(tag), "/", '_');

    lua_pushstring(L, folder);
    g_free(folder);

    int part = lua_gettop(L);

    for (size_t i = 0; i < count; i++) {
        lua_getiuservalue(L, 1, TEXT_OF_DIR);
        lua_pushfstring(L, "%s/%s_%s", lua_tostring(L, -1), lua_tostring(L, part), names[i]);
        push_sub_writer(L);
        lua_pushcfunction(L, l_add_scalar);
        lua_insert(L, -2);
        lua_pushvalue(L, 2);
        lua_getfield(L, 3, names[i]);
        lua_pushvalue(L, 4);
        lua_call(L, 4, 0);
        lua_settop(L, part);
    }
    return 0;
}

static int
l_flush(lua_State *L)
{
    const Slot *slot = check_slot(L);
    GError *error = NULL;

    if (slot->writer != NULL && !ddp_event_writer_flush(slot->writer, &error))
        ddp_args_raise(L, error);
    return 0;
}

static int
l_close(lua_State *L)
{
    Slot *slot = check_slot(L);
    DdpEventWriter *writer = g_steal_pointer(&slot->writer);
    GError *error = NULL;

    lua_pushnil(L); /* each sub-run's file is complete as it is */
    lua_setiuservalue(L, 1, SUB_WRITERS);
    if (writer == NULL)
        return 0;

    bool is_closed = ddp_event_writer_close(writer, &error);

    ddp_event_writer_free(writer);
    if (!is_closed)
        ddp_args_raise(L, error);
    return 0;
}

/* Everything added was written through; what a limit or an error kept back stays out. */
static int
l_gc(lua_State *L)
{
    Slot *slot = check_slot(L);

    g_clear_pointer(&slot->writer, ddp_event_writer_free);
    g_clear_pointer(&slot->folder, g_free);
    return 0;
}

static int
l_get_logdir(lua_State *L)
{
    check_slot(L);
    lua_getiuservalue(L, 1, TEXT_OF_DIR);
    return 1;
}

/* Upvalue 1: the verbs. */
static int
l_index(lua_State *L)
{
    static const char *const known[] = {"add_scalar",  "add_scalars", "add_histogram", "add_text",
                                        "add_hparams", "flush",       "close",         "log_dir",
                                        "get_logdir",  NULL};

    check_slot(L);
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "log_dir") == 0)
        return l_get_logdir(L);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    if (lua_type(L, 2) != LUA_TSTRING)
        return 1;

    const char *nearest = ddp_args_nearest(lua_tostring(L, 2), known);

    if (nearest != NULL)
        return luaL_error(L, "SummaryWriter has no '%s', did you mean '%s'?", lua_tostring(L, 2),
                          nearest);
    return luaL_error(L,
                      "SummaryWriter has no '%s'; it has add_scalar, add_scalars, add_histogram, "
                      "add_text, add_hparams, flush, close, log_dir",
                      lua_tostring(L, 2));
}

/* ---- making one ---- */

/* torch's default: runs/Nov14_22-13-20_node0 and the comment. Local time is UTC here. */
static void
push_default_dir(lua_State *L, const char *comment)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const DdpScriptRank *script = ddp_script_rank(L);
    GDateTime *time = g_date_time_new_from_unix_utc((gint64)ddp_script_wall_time(script));
    char text[32];

    g_snprintf(text, sizeof text, "%s%02d_%02d-%02d-%02d", months[g_date_time_get_month(time) - 1],
               g_date_time_get_day_of_month(time), g_date_time_get_hour(time),
               g_date_time_get_minute(time), g_date_time_get_second(time));
    g_date_time_unref(time);
    lua_pushfstring(L, "runs/%s_%s%s", text, script->host, comment);
}

/*
 * SummaryWriter(dir, {comment, purge_step, filename_suffix, max_queue, flush_secs}). There is no
 * queue here, so the last two are taken and change nothing.
 */
static int
l_new(lua_State *L)
{
    static const char *const names[] = {"comment",   "purge_step", "filename_suffix",
                                        "max_queue", "flush_secs", NULL};

    lua_settop(L, 2);
    if (!lua_isnil(L, 1))
        check_text(L, 1, SUMMARY_WRITER, "dir");

    DdpOptions options = ddp_options_open(L, 2, SUMMARY_WRITER, names);
    const char *comment = check_option_text(L, &options, "comment");
    const char *suffix = check_option_text(L, &options, "filename_suffix");
    bool has_purge_step = ddp_options_has(&options, "purge_step");
    int64_t purge_step =
        ddp_options_integer(&options, "purge_step", 0, LUA_MININTEGER, LUA_MAXINTEGER);

    ddp_options_integer(&options, "max_queue", 10, 0, LUA_MAXINTEGER);
    ddp_options_number(&options, "flush_secs", 120);

    for (const char *at = suffix; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f || *at == '/')
            return luaL_error(L, "SummaryWriter: filename_suffix holds a slash or a control "
                                 "character, expected a part of a file name");
    }

    Slot *slot = lua_newuserdatauv(L, sizeof *slot, USER_VALUES);
    int index = lua_gettop(L);

    *slot = (Slot){.has_purge_step = has_purge_step, .purge_step = purge_step};
    luaL_setmetatable(L, SUMMARY_WRITER);
    if (lua_isnil(L, 1) || *lua_tostring(L, 1) == '\0')
        push_default_dir(L, comment);
    else
        lua_pushvalue(L, 1);
    lua_setiuservalue(L, index, TEXT_OF_DIR);
    lua_pushstring(L, suffix);
    lua_setiuservalue(L, index, TEXT_OF_SUFFIX);

    if (!ddp_script_rank(L)->oracle)
        open_file(L, slot, index);
    return 1;
}

static const luaL_Reg verbs[] = {
    {"add_scalar", l_add_scalar},
    {"add_scalars", l_add_scalars},
    {"add_histogram", l_add_histogram},
    {"add_text", l_add_text},
    {"add_hparams", l_add_hparams},
    {"flush", l_flush},
    {"close", l_close},
    {"get_logdir", l_get_logdir},
    {NULL, NULL},
};

int
ddp_luaopen_summary_writer(lua_State *L)
{
    luaL_newmetatable(L, SUMMARY_WRITER);
    luaL_newlib(L, verbs);
    lua_pushcclosure(L, l_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, l_close);
    lua_setfield(L, -2, "__close");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_pushcfunction(L, l_new);
    return 1;
}
