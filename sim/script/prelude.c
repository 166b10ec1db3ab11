/* SPDX-License-Identifier: MIT */
#include "sim/script/prelude.h"

#include <glib.h>
#include <lauxlib.h>
#include <pthread.h>
#include <string.h>

#include "sim/script/libs.h"

#include "ddp_modules.h"

typedef struct {
    const char *name;
    const char *source;
    gsize source_length;
    GByteArray *code; /* compiled by the first state that asks; never freed */
} Module;

static Module modules[] = {
#define MODULE(name) {#name, (const char *)lua_##name, sizeof lua_##name, NULL},
    DDP_MODULES(MODULE)
#undef MODULE
};

/* Guards the code of all modules. No GMutex: the thread sanitizer does not see inside GLib. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int
append_code(lua_State *L, const void *bytes, size_t length, void *code)
{
    (void)L;
    g_byte_array_append(code, bytes, (guint)length);
    return 0;
}

/* Compiles in a state of its own: no limit of the asking one can leave it half done. */
static GByteArray *
compile(const Module *module)
{
    GByteArray *code = g_byte_array_new();
    lua_State *L = luaL_newstate();
    g_autofree char *chunk = g_strconcat("=", module->name, NULL);

    if (L == NULL)
        g_error("out of memory");
    if (luaL_loadbufferx(L, module->source, module->source_length, chunk, "t") != LUA_OK)
        g_error("sim/script/lua/%s.lua: %s", module->name, lua_tostring(L, -1));
    lua_dump(L, append_code, code, 1);
    lua_close(L);
    return code;
}

/* Pushes the function that module @name is. */
static void
push_chunk(lua_State *L, const char *name)
{
    Module *module = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(modules); i++) {
        if (strcmp(modules[i].name, name) == 0)
            module = &modules[i];
    }
    if (module == NULL)
        g_error("there is no sim/script/lua/%s.lua among the modules of meson.build", name);
    pthread_mutex_lock(&lock);
    if (module->code == NULL)
        module->code = compile(module);
    pthread_mutex_unlock(&lock);

    if (luaL_loadbufferx(L, (const char *)module->code->data, module->code->len, name, "b") !=
        LUA_OK)
        lua_error(L);
}

void
ddp_prelude_run(lua_State *L, const char *name, int arguments)
{
    push_chunk(L, name);
    lua_insert(L, -arguments - 1);
    lua_call(L, arguments, 1);
}

/* ---- modules that are run when first asked for ---- */

/* The C side of a module: its opener leaves a table of functions. */
static const struct {
    const char *module;
    lua_CFunction open;
} natives[] = {
    {"amp", ddp_luaopen_amp},
    {"data_connector", ddp_luaopen_trainer},
    {"data_sets", ddp_luaopen_data_sets},
    {"evaluation_loop", ddp_luaopen_trainer},
    {"fabric", ddp_luaopen_trainer},
    {"files", ddp_luaopen_files},
    {"fit_loop", ddp_luaopen_trainer},
    {"lightning_module", ddp_luaopen_trainer},
    {"logger_connector", ddp_luaopen_log},
    {"loggers", ddp_luaopen_loggers},
    {"logging", ddp_luaopen_text_log},
    {"metrics", ddp_luaopen_metrics},
    {"lr_scheduler", ddp_luaopen_lr_scheduler},
    {"nn_attention", ddp_luaopen_nn_spatial},
    {"nn_norm", ddp_luaopen_nn_norm},
    {"nn_spatial", ddp_luaopen_nn_spatial},
    {"optimization", ddp_luaopen_trainer},
    {"options", ddp_luaopen_trainer},
    {"precision", ddp_luaopen_trainer},
    {"prediction_loop", ddp_luaopen_trainer},
    {"rank_zero", ddp_luaopen_trainer},
    {"run_state", ddp_luaopen_resume},
    {"seed", ddp_luaopen_trainer},
    {"strategy", ddp_luaopen_trainer},
    {"trainer", ddp_luaopen_trainer},
    {"wandb", ddp_luaopen_wandb},
    {"trainer_setup", ddp_luaopen_trainer},
    {NULL, NULL},
};

/* Global names that stand for such modules: the module itself, or a field of what it returns. */
static const struct {
    const char *global;
    const char *module;
    const char *field; /* (nullable) */
} lazy[] = {
    {"Callback", "callback", NULL},
    {"Fabric", "fabric", NULL},
    {"LightningDataModule", "data_module", NULL},
    {"LightningModule", "lightning_module", NULL},
    {"Trainer", "trainer", NULL},
    {"callbacks", "callbacks", NULL},
    {"loggers", "loggers", NULL},
    {"logging", "logging", NULL},
    {"metrics", "metrics", NULL},
    {"rank_zero_info", "rank_zero", "rank_zero_info"},
    {"rank_zero_only", "rank_zero", "rank_zero_only"},
    {"rank_zero_warn", "rank_zero", "rank_zero_warn"},
    {"seed_everything", "seed", "seed_everything"},
    {"wandb", "wandb", NULL},
};

static const char used_key = 'u';    /* in the registry: results by name of module */
static const char globals_key = 'g'; /* in the registry: globals as they were */

static int
l_use(lua_State *L)
{
    ddp_prelude_use(L, luaL_checkstring(L, 1));
    return 1;
}

static int
l_refuse_global(lua_State *L)
{
    return luaL_error(L, "a module of our own assigns the global '%s'", lua_tostring(L, 2));
}

void
ddp_prelude_keep_globals(lua_State *L)
{
    lua_newtable(L);
    lua_pushglobaltable(L);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -5);
    }
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_refuse_global);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &globals_key);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &used_key);
}

static lua_CFunction
native_of(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(natives); i++) {
        if (natives[i].module != NULL && strcmp(natives[i].module, name) == 0)
            return natives[i].open;
    }
    return NULL;
}

void
ddp_prelude_use(lua_State *L, const char *name)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &used_key);
    if (lua_getfield(L, -1, name) != LUA_TNIL) {
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);

    lua_CFunction native = native_of(name);

    push_chunk(L, name);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &globals_key);
    lua_setupvalue(L, -2, 1); /* a chunk's first upvalue is its _ENV */
    lua_pushcfunction(L, l_use);
    if (native != NULL) {
        lua_pushcfunction(L, native);
        lua_call(L, 0, 1);
    } else {
        lua_pushnil(L);
    }
    lua_call(L, 2, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);
    lua_remove(L, -2);
}

bool
ddp_prelude_has(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(modules); i++) {
        if (strcmp(modules[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Marks all values of the table on top of the stack, which is popped. */
static void
mark_values(lua_State *L, int seen)
{
    lua_pushvalue(L, -1);
    lua_pushboolean(L, 1);
    lua_rawset(L, seen);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        int type = lua_type(L, -1);

        if (type == LUA_TTABLE || type == LUA_TFUNCTION) {
            lua_pushvalue(L, -1);
            lua_pushboolean(L, 1);
            lua_rawset(L, seen);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void
ddp_prelude_mark_own(lua_State *L, int seen)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &globals_key);
    lua_pushvalue(L, -1);
    mark_values(L, seen);
    /* The table of globals itself is the scenario's. */
    lua_getfield(L, -1, LUA_GNAME);
    lua_pushnil(L);
    lua_rawset(L, seen);
    lua_pop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &used_key);
    mark_values(L, seen);
}

/* The __index of the globals: (table, name). */
static int
l_lazy(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;

    for (size_t i = 0; name != NULL && i < G_N_ELEMENTS(lazy); i++) {
        if (strcmp(lazy[i].global, name) != 0)
            continue;
        ddp_prelude_use(L, lazy[i].module);
        if (lazy[i].field != NULL)
            lua_getfield(L, -1, lazy[i].field);
        lua_pushvalue(L, 2);
        lua_pushvalue(L, -2);
        lua_rawset(L, 1);
        return 1;
    }
    return 0;
}

void
ddp_prelude_open_lazy(lua_State *L)
{
    lua_pushglobaltable(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_lazy);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}
