/* SPDX-License-Identifier: MIT */
/*
 * What our own Lua modules may do with files: use("files"). Names are as a scenario writes them,
 * and all of it happens below the run's logs folder; what leads out of there is refused as
 * everywhere (ddp_script_logs_path()). In an oracle pass nothing is changed: it looks and goes on.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/script/args.h"
#include "sim/script/libs.h"
#include "sim/script/play.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"

#define NAMES_MAX 100000 /* in one folder that is listed */

/* A verb failed with @number on the file of argument 1. Frees @path, which may be NULL. */
static int
raise_errno(lua_State *L, char *path, const char *verb, int number)
{
    g_free(path);
    return luaL_error(L, "%s: %s: %s", verb, lua_tostring(L, 1), g_strerror(number));
}

static const char *
check_name(lua_State *L, int index)
{
    size_t length;
    const char *name = luaL_checklstring(L, index, &length);

    luaL_argcheck(L, strlen(name) == length, index, "a file name holds a zero byte");
    return name;
}

static bool
is_of_kind(lua_State *L, GFileTest kind)
{
    char *path = ddp_script_logs_path(L, check_name(L, 1));
    bool is_it = g_file_test(path, kind);

    g_free(path);
    return is_it;
}

/* exists(path) */
static int
l_exists(lua_State *L)
{
    lua_pushboolean(L, is_of_kind(L, G_FILE_TEST_EXISTS));
    return 1;
}

/* is_dir(path) */
static int
l_is_dir(lua_State *L)
{
    lua_pushboolean(L, is_of_kind(L, G_FILE_TEST_IS_DIR));
    return 1;
}

static void
check_info(lua_State *L, const char *verb, struct stat *info)
{
    char *path = ddp_script_logs_path(L, check_name(L, 1));

    if (stat(path, info) != 0)
        raise_errno(L, path, verb, errno);
    g_free(path);
}

/* size(path): its bytes */
static int
l_size(lua_State *L)
{
    struct stat info;

    check_info(L, "size", &info);
    lua_pushinteger(L, (lua_Integer)info.st_size);
    return 1;
}

/* modified(path): a number that is larger for what torch.save has written later in this run */
static int
l_modified(lua_State *L)
{
    struct stat info;

    check_info(L, "modified", &info);
    lua_pushinteger(L, (lua_Integer)info.st_mtim.tv_sec * 1000000000 +
                           (lua_Integer)info.st_mtim.tv_nsec);
    return 1;
}

/* ---- listing ---- */

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

#define NAMES "ddpsim.names"

static int
names_gc(lua_State *L)
{
    GPtrArray **names = luaL_checkudata(L, 1, NAMES);

    g_clear_pointer(names, g_ptr_array_unref);
    return 0;
}

/* Pushes an empty list of char* that the collector frees whatever happens next. */
static GPtrArray *
push_names(lua_State *L)
{
    GPtrArray **slot = lua_newuserdatauv(L, sizeof *slot, 0);

    *slot = NULL;
    if (luaL_newmetatable(L, NAMES)) {
        lua_pushcfunction(L, names_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    *slot = g_ptr_array_new_with_free_func(g_free);
    return *slot;
}

/* The names in folder @path, but for hidden ones: files that are being written are among those. */
static bool
read_names(const char *path, GPtrArray *names, GError **error)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, error);
    const char *name;

    if (folder == NULL)
        return false;
    while (names->len < NAMES_MAX && (name = g_dir_read_name(folder)) != NULL) {
        if (*name != '.')
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    return true;
}

/* list(folder): a sorted list of the names in it */
static int
l_list(lua_State *L)
{
    const char *name = check_name(L, 1);
    GPtrArray *names = push_names(L);
    GError *error = NULL;
    char *path = ddp_script_logs_path(L, name);
    bool is_read = read_names(path, names, &error);

    g_free(path);
    if (!is_read) {
        /* GLib's message would show where on this machine it lies. */
        int is_missing = g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);

        g_error_free(error);
        return raise_errno(L, NULL, "list", is_missing ? ENOENT : ENOTDIR);
    }
    ddp_script_charge(L, 10 + names->len);
    lua_createtable(L, (int)names->len, 0);
    for (guint i = 0; i < names->len; i++) {
        lua_pushstring(L, g_ptr_array_index(names, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* ---- changing ---- */

static bool
may_change(lua_State *L)
{
    ddp_script_charge(L, 50);
    return !ddp_script_rank(L)->oracle;
}

/* A file less counts against the limit of files. */
static void
give_back(lua_State *L)
{
    atomic_fetch_sub(&ddp_script_play(L)->counts->files, 1);
}

/* remove(path): of a file or an empty folder; true if there was one */
static int
l_remove(lua_State *L)
{
    const char *name = check_name(L, 1);

    if (!may_change(L))
        return 0;

    char *path = ddp_script_logs_path(L, name);
    bool is_file =
        !g_file_test(path, G_FILE_TEST_IS_DIR) || g_file_test(path, G_FILE_TEST_IS_SYMLINK);

    if (remove(path) != 0) {
        if (errno != ENOENT)
            return raise_errno(L, path, "remove", errno);
        g_free(path);
        lua_pushboolean(L, 0);
        return 1;
    }
    g_free(path);
    if (is_file)
        give_back(L);
    lua_pushboolean(L, 1);
    return 1;
}

/* Removes @path and all below it; follows no links. Returns 0 or an errno. */
static int
remove_all(const char *path, int *files)
{
    GDir *folder = NULL;
    const char *name;
    int number = 0;

    if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK))
        folder = g_dir_open(path, 0, NULL);
    if (folder == NULL) {
        *files += 1;
        return g_unlink(path) == 0 ? 0 : errno;
    }
    while (number == 0 && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        number = remove_all(child, files);
    }
    g_dir_close(folder);
    return number != 0 || g_rmdir(path) == 0 ? number : errno;
}

/* remove_tree(path): of a folder with all that is in it; true if there was one */
static int
l_remove_tree(lua_State *L)
{
    const char *name = check_name(L, 1);
    int files = 0;

    if (!may_change(L))
        return 0;

    char *path = ddp_script_logs_path(L, name);
    int number = remove_all(path, &files);

    for (; number == 0 && files > 0; files--)
        give_back(L);
    if (number != 0 && number != ENOENT)
        return raise_errno(L, path, "remove_tree", number);
    g_free(path);
    lua_pushboolean(L, number == 0);
    return 1;
}

/* makedirs(path): the folder and all above it; none is wrong that is there already */
static int
l_makedirs(lua_State *L)
{
    const char *name = check_name(L, 1);

    if (!may_change(L) || is_of_kind(L, G_FILE_TEST_IS_DIR))
        return 0;

    char *path = ddp_script_output_path(L, name);

    if (mkdir(path, 0777) != 0 && !(errno == EEXIST && g_file_test(path, G_FILE_TEST_IS_DIR)))
        return raise_errno(L, path, "makedirs", errno);
    g_free(path);
    return 0;
}

/* Both ends of a verb with two names; the folder of the second is made. */
typedef struct {
    char *from;
    char *to;
} Ends;

static Ends
check_ends(lua_State *L)
{
    const char *from = check_name(L, 1), *to = check_name(L, 2);
    Ends ends;

    g_free(ddp_script_logs_path(L, from)); /* raises while nothing is owned yet */
    ends.to = ddp_script_output_path(L, to);
    ends.from = g_build_filename(ddp_script_play(L)->logs_folder, from, NULL);
    return ends;
}

static int
finish_ends(lua_State *L, Ends ends, const char *verb, int number)
{
    g_free(ends.from);
    g_free(ends.to);
    if (number != 0)
        return raise_errno(L, NULL, verb, number);
    return 0;
}

/* rename(from, to): in one step; what stood under the new name is replaced */
static int
l_rename(lua_State *L)
{
    if (!may_change(L))
        return 0;

    Ends ends = check_ends(L);
    int number = rename(ends.from, ends.to) == 0 ? 0 : errno;

    give_back(L); /* it was counted again */
    return finish_ends(L, ends, "rename", number);
}

/* As many "../" as @name has folders, so that a link made there leads back up. */
static void
append_way_up(GString *out, const char *name)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);

    for (int i = 0; parts[i] != NULL && parts[i + 1] != NULL; i++) {
        if (*parts[i] != '\0' && strcmp(parts[i], ".") != 0)
            g_string_append(out, "../");
    }
}

/* link(from, to): makes `to` a symbolic link to `from`; what stood there is replaced */
static int
l_link(lua_State *L)
{
    if (!may_change(L))
        return 0;

    Ends ends = check_ends(L);
    GString *target = g_string_new(NULL);
    int number = 0;

    append_way_up(target, lua_tostring(L, 2));
    g_string_append(target, lua_tostring(L, 1));
    if (g_file_test(ends.to, G_FILE_TEST_IS_DIR) && !g_file_test(ends.to, G_FILE_TEST_IS_SYMLINK))
        number = EISDIR;
    else if ((g_unlink(ends.to) != 0 && errno != ENOENT) || symlink(target->str, ends.to) != 0)
        number = errno;
    g_string_free(target, TRUE);
    return finish_ends(L, ends, "link", number);
}

static const luaL_Reg verbs[] = {
    {"exists", l_exists},
    {"is_dir", l_is_dir},
    {"link", l_link},
    {"list", l_list},
    {"makedirs", l_makedirs},
    {"modified", l_modified},
    {"remove", l_remove},
    {"remove_tree", l_remove_tree},
    {"rename", l_rename},
    {"size", l_size},
    {NULL, NULL},
};

int
ddp_luaopen_files(lua_State *L)
{
    luaL_newlib(L, verbs);
    return 1;
}
