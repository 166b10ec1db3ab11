/* SPDX-License-Identifier: MIT */
/*
 * What the loggers in lua/loggers.lua need of us: to write their files whole or to append to them,
 * and to note what they log. In an oracle pass nothing is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <lauxlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/script/args.h"
#include "sim/script/error.h"
#include "sim/script/libs.h"
#include "sim/script/script_rank.h"
#include "sim/world/world.h"

static bool
write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t count = write(fd, text, length);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        text += count;
        length -= (size_t)count;
    }
    return true;
}

/* Arguments: the name of a file, and a text. */
static int
put(lua_State *L, int flags)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    const char *name = luaL_checkstring(L, 1);
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    GError *error = NULL;

    if (script->oracle)
        return 0;
    ddp_script_charge_output(L, length);
    if (script->world_rank != NULL)
        ddp_rank_log(script->world_rank, length);

    char *path =
        (flags & O_APPEND) != 0 ? ddp_script_logs_path(L, name) : ddp_script_output_path(L, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
    bool ok = fd >= 0 && write_all(fd, text, length);
    int code = errno;

    if (fd >= 0 && close(fd) != 0 && ok) {
        ok = false;
        code = errno;
    }
    if (!ok)
        g_set_error(&error, G_FILE_ERROR, (int)g_file_error_from_errno(code),
                    "%s cannot be written: %s", path, g_strerror(code));
    g_free(path);
    if (!ok)
        return ddp_args_raise(L, error);
    return 0;
}

/* write(path, text): the file anew */
int
ddp_lua_write_text(lua_State *L)
{
    return put(L, O_TRUNC);
}

/* append(path, text): a file that write() has made */
static int
l_append(lua_State *L)
{
    return put(L, O_APPEND);
}

/* note(logger, path, tag, step, value): whether it is to be written */
int
ddp_lua_note_log(lua_State *L)
{
    const DdpLogNote note = {
        .logger = luaL_checkstring(L, 1),
        .path = luaL_checkstring(L, 2),
        .tag = luaL_checkstring(L, 3),
        .step = luaL_checkinteger(L, 4),
        .value = lua_type(L, 5) == LUA_TBOOLEAN ? lua_toboolean(L, 5) : luaL_checknumber(L, 5),
    };

    lua_pushboolean(L, ddp_script_note_log(L, &note));
    return 1;
}

static const luaL_Reg functions[] = {
    {"write", ddp_lua_write_text},
    {"append", l_append},
    {"note", ddp_lua_note_log},
    {"add_hparams", ddp_lua_summary_add_hparams},
    {NULL, NULL},
};

int
ddp_luaopen_loggers(lua_State *L)
{
    luaL_newlib(L, functions);
    return 1;
}
