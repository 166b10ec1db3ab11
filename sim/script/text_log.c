/* SPDX-License-Identifier: MIT */
/*
 * logging.open_log(path): a text file that a rank writes line by line, as a careless custom logger
 * does, beside logging.lua.
 *
 * Lines collect in a buffer of 8,192 bytes, which is written when it is full, wherever that cuts a
 * line; or with each line (buffering 1), or at once (0). In mode "a" all writes go to the end of
 * the file; in mode "w" each open truncates and each descriptor has a place of its own, so ranks
 * overwrite each other. What has been written is handed over (text_files.h) and can be read when
 * the run is over. What is still in the buffer is written by flush(), close() or when the rank
 * ends; a rank that is killed loses it.
 *
 * In an oracle pass nothing is written.
 */
#include <lauxlib.h>
#include <string.h>

#include "sim/script/args.h"
#include "sim/script/at_exit.h"
#include "sim/script/error.h"
#include "sim/script/libs.h"
#include "sim/script/play.h"
#include "sim/script/state.h"
#include "sim/world/world.h"

#define TEXT_LOG "TextLog"
#define TEXT_OF_PATH 1 /* user value: the file as the scenario named it */
#define BUFFERING_DEFAULT 8192
#define BUFFERING_MAX (1 << 24)
#define STEPS_PER_LINE 10
#define BYTES_PER_STEP 16

typedef struct {
    GString *buffer; /* owned; NULL when closed */
    char *site;      /* owned, (nullable): of the line that the buffer begins in */
    lua_Integer buffering;
    int64_t offset; /* of a file in mode "w"; -1 in mode "a" */
    int64_t lines;
    bool is_oracle; /* opened in an oracle pass */
} Slot;

static const char open_key = 'o'; /* in the registry: logs that are open, by their address */

static Slot *
check_slot(lua_State *L)
{
    return luaL_checkudata(L, 1, TEXT_LOG);
}

static const char *
path_of(lua_State *L)
{
    lua_getiuservalue(L, 1, TEXT_OF_PATH);

    const char *path = lua_tostring(L, -1);

    lua_pop(L, 1); /* the log keeps it */
    return path;
}

/* ---- writing ---- */

static void
hand_over(lua_State *L, Slot *slot, const char *bytes)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    size_t length = strlen(bytes);

    ddp_script_settle(L);
    if (script->world_rank != NULL && length > 0)
        ddp_rank_log(script->world_rank, length);

    const DdpTextWrite text = {
        .path = path_of(L),
        .site = slot->site,
        .bytes = bytes,
        .time_ns = script->world_rank != NULL ? ddp_rank_now_ns(script->world_rank) : 0,
        .offset = slot->offset,
        .rank = script->rank,
    };

    ddp_tell_text(ddp_script_play(L)->tell, &text);
    if (slot->offset >= 0)
        slot->offset += (int64_t)length;
}

static void
take_site(lua_State *L, Slot *slot)
{
    lua_Debug site;

    g_clear_pointer(&slot->site, g_free);
    if (ddp_args_site(L, &site))
        slot->site = g_strdup_printf("%s:%d", ddp_args_file(&site), site.currentline);
}

/* The first @length bytes of the buffer. */
static void
write_out(lua_State *L, Slot *slot, size_t length)
{
    if (length == 0)
        return;

    char kept = slot->buffer->str[length];

    slot->buffer->str[length] = '\0';
    hand_over(L, slot, slot->buffer->str);
    slot->buffer->str[length] = kept;
    g_string_erase(slot->buffer, 0, (gssize)length);
}

/* As far as the buffering wants it; what is left of the last line is the current line's. */
static void
write_full(lua_State *L, Slot *slot)
{
    if (slot->buffering <= 1) {
        write_out(L, slot, slot->buffer->len);
        return;
    }
    while (slot->buffer->len >= (gsize)slot->buffering) {
        write_out(L, slot, (size_t)slot->buffering);
        take_site(L, slot);
    }
}

static bool
is_silent(lua_State *L, const Slot *slot)
{
    return slot->is_oracle || ddp_script_rank(L)->oracle;
}

/* write(line): adds the line end */
static int
l_write(lua_State *L)
{
    Slot *slot = check_slot(L);
    size_t length;
    const char *line = luaL_checklstring(L, 2, &length);

    if (slot->buffer == NULL)
        return luaL_error(L, "ValueError: write to the log %s, which is closed", path_of(L));
    if (strlen(line) != length)
        return luaL_error(L, "write: a line of text holds a zero byte");
    ddp_script_charge(L, STEPS_PER_LINE + length / BYTES_PER_STEP);
    if (is_silent(L, slot))
        return 0;

    const DdpLogNote note = {
        .logger = "text",
        .path = path_of(L),
        .tag = "line",
        .step = slot->lines + 1,
        .value = (double)length + 1,
    };

    ddp_script_charge_output(L, length + 1);
    ddp_script_note_log(L, &note);
    slot->lines++;
    if (slot->buffer->len == 0)
        take_site(L, slot);
    g_string_append_len(slot->buffer, line, (gssize)length);
    g_string_append_c(slot->buffer, '\n');
    write_full(L, slot);
    return 0;
}

static int
l_flush(lua_State *L)
{
    Slot *slot = check_slot(L);

    if (slot->buffer != NULL && !is_silent(L, slot))
        write_out(L, slot, slot->buffer->len);
    return 0;
}

/* Adds the log at 1 to those that are open, or takes it out. */
static void
set_open(lua_State *L, bool is_open)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &open_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &open_key);
    }
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);

    if (is_open) {
        lua_pushvalue(L, 1);
        lua_rawseti(L, -2, count + 1);
    } else {
        lua_Integer at = 1;

        for (; at <= count; at++) {
            bool is_it = lua_rawgeti(L, -1, at) == LUA_TUSERDATA && lua_rawequal(L, 1, -1);

            lua_pop(L, 1);
            if (is_it)
                break;
        }
        for (; at <= count; at++) {
            lua_rawgeti(L, -1, at + 1);
            lua_rawseti(L, -2, at);
        }
    }
    lua_pop(L, 1);
}

static int
l_close(lua_State *L)
{
    Slot *slot = check_slot(L);

    if (slot->buffer == NULL || (is_silent(L, slot) && !slot->is_oracle))
        return 0;
    l_flush(L);
    g_string_free(slot->buffer, TRUE);
    slot->buffer = NULL;
    if (!slot->is_oracle)
        set_open(L, false);
    return 0;
}

/* Of all that are open, in the order in which they were opened. */
static int
l_close_all(lua_State *L)
{
    lua_settop(L, 0);
    while (lua_rawgetp(L, LUA_REGISTRYINDEX, &open_key) == LUA_TTABLE &&
           lua_rawgeti(L, -1, 1) == LUA_TUSERDATA) {
        lua_replace(L, 1);
        l_close(L);
        lua_settop(L, 1);
        if (check_slot(L)->buffer != NULL)
            break;
    }
    return 0;
}

static int
l_gc(lua_State *L)
{
    Slot *slot = check_slot(L);

    if (slot->buffer != NULL)
        g_string_free(slot->buffer, TRUE);
    slot->buffer = NULL;
    g_clear_pointer(&slot->site, g_free);
    return 0;
}

/* ---- opening ---- */

static bool
truncates(lua_State *L, const DdpOptions *options)
{
    const char *mode = ddp_options_string(options, "mode", "a");

    if (strcmp(mode, "a") != 0 && strcmp(mode, "w") != 0)
        luaL_error(L, "open_log: mode is '%s', expected 'a' (append) or 'w' (overwrite)", mode);
    return *mode == 'w';
}

/* open_log(path, {mode = "a", buffering = 8192}) */
static int
l_open_log(lua_State *L)
{
    static const char *const names[] = {"mode", "buffering", NULL};
    const char *name = luaL_checkstring(L, 1);
    DdpOptions options = ddp_options_open(L, 2, "open_log", names);
    lua_Integer buffering =
        ddp_options_integer(&options, "buffering", BUFFERING_DEFAULT, 0, BUFFERING_MAX);
    int64_t offset = truncates(L, &options) ? 0 : -1;
    Slot *slot;

    if (ddp_script_rank(L)->oracle)
        g_free(ddp_script_logs_path(L, name));
    else
        g_free(ddp_script_output_path(L, name));
    slot = lua_newuserdatauv(L, sizeof *slot, 1);
    *slot = (Slot){.buffering = buffering, .offset = offset};
    luaL_setmetatable(L, TEXT_LOG);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, TEXT_OF_PATH);
    lua_replace(L, 1);
    lua_settop(L, 1);
    slot->is_oracle = ddp_script_rank(L)->oracle;
    slot->buffer = g_string_new(NULL);
    if (!slot->is_oracle) {
        hand_over(L, slot, "");
        set_open(L, true);
    }
    return 1;
}

static const luaL_Reg methods[] = {
    {"write", l_write},
    {"flush", l_flush},
    {"close", l_close},
    {NULL, NULL},
};

/* wall_time(): seconds since 1970 */
static int
l_wall_time(lua_State *L)
{
    ddp_script_settle(L);
    lua_pushnumber(L, ddp_script_wall_time(ddp_script_rank(L)));
    return 1;
}

/* process(): what a record tells of its process: id, milliseconds that it has lived */
static int
l_process(lua_State *L)
{
    const DdpScriptRank *script = ddp_script_rank(L);

    lua_pushinteger(L, script->pid);
    return 1;
}

/* site(): file and line of the scenario that is running */
static int
l_site(lua_State *L)
{
    lua_Debug site;

    if (!ddp_args_site(L, &site)) {
        lua_pushliteral(L, "(unknown file)");
        lua_pushinteger(L, 0);
        lua_pushliteral(L, "(unknown function)");
        return 3;
    }
    lua_pushstring(L, ddp_args_file(&site));
    lua_pushinteger(L, site.currentline);
    lua_getinfo(L, "n", &site);
    lua_pushstring(L, site.name != NULL ? site.name : "<module>");
    return 3;
}

/* date(format, seconds): strftime, in UTC */
static int
l_date(lua_State *L)
{
    const char *format = luaL_checkstring(L, 1);
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc((gint64)luaL_checknumber(L, 2));
    g_autofree char *text = time != NULL ? g_date_time_format(time, format) : NULL;

    lua_pushstring(L, text != NULL ? text : "");
    return 1;
}

static const luaL_Reg functions[] = {
    {"at_exit", ddp_lua_at_exit},
    {"close_all", l_close_all},
    {"date", l_date},
    {"open_log", l_open_log},
    {"process", l_process},
    {"site", l_site},
    {"wall_time", l_wall_time},
    {NULL, NULL},
};

int
ddp_luaopen_text_log(lua_State *L)
{
    luaL_newmetatable(L, TEXT_LOG);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, l_close);
    lua_setfield(L, -2, "__close");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}
