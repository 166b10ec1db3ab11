/* SPDX-License-Identifier: MIT */
#include "sim/script/prelude.h"

#include <glib.h>
#include <lauxlib.h>
#include <pthread.h>
#include <string.h>

#include "ddp_modules.h"

typedef struct {
    const char *name;
    const char *source;
    gsize source_length;
    GByteArray *code; /* compiled by the first state that asks; never freed */
} Module;

static Module modules[] = {
#define MODULE(name) {#name, lua_##name, sizeof lua_##name, NULL},
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

void
ddp_prelude_run(lua_State *L, const char *name, int arguments)
{
    Module *module = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(modules); i++) {
        if (strcmp(modules[i].name, name) == 0)
            module = &modules[i];
    }
    g_assert(module != NULL);
    pthread_mutex_lock(&lock);
    if (module->code == NULL)
        module->code = compile(module);
    pthread_mutex_unlock(&lock);

    if (luaL_loadbufferx(L, (const char *)module->code->data, module->code->len, name, "b") !=
        LUA_OK)
        lua_error(L);
    lua_insert(L, -arguments - 1);
    lua_call(L, arguments, 1);
}
