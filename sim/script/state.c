/* SPDX-License-Identifier: MIT */
/*
 * The life of a rank's Lua state and the limits around it. Whatever ends a rank for good
 * (instructions, time, the end of the world) is raised as an error that carries a flag in the
 * state; the sandbox's pcall and coroutine.resume raise it again, so a scenario cannot catch it.
 */
#include "sim/script/state.h"

#include <lualib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/script/args.h"
#include "sim/script/error.h"
#include "sim/script/libs.h"
#include "sim/script/prelude.h"
#include "sim/script/state_private.h"
#include "sim/world/world.h"

#define STACK_LEVELS_MAX 32
#define MET_A_PROGRESS 64
#define TIME_MAX ((int64_t)1 << 40) /* seconds */
#define MEMORY_GRAIN (64 << 10)
/* How far a rank may go beyond its last collective when the verdict is certain already. */
#define HURRY_STEPS 1000000
#define KILLED "killed by signal 9 (SIGKILL)"

/* ---- memory ---- */

static void
note_memory_site(DdpScriptPrivate *priv)
{
    lua_Debug site;

    /* Only looks: lua_getinfo with "Sl" allocates nothing. */
    priv->memory_site[0] = '\0';
    if (priv->L != NULL && ddp_args_site(priv->L, &site))
        g_snprintf(priv->memory_site, sizeof priv->memory_site, "%s:%d: ", ddp_args_file(&site),
                   site.currentline);
}

/*
 * What stands in the world's count for @bytes of Lua. On fibers it is exact. Ranks that run side
 * by side would fight for the one cache line of the count with every small table, so they count
 * in steps of MEMORY_GRAIN, and give a step back when two are free.
 */
static int64_t
counted_for(const DdpScriptPrivate *priv, int64_t bytes)
{
    if (priv->play->ranks == DDP_RANKS_TAKE_TURNS)
        return bytes;
    if (bytes <= priv->memory_counted && bytes > priv->memory_counted - 2 * MEMORY_GRAIN)
        return priv->memory_counted;
    return (bytes + MEMORY_GRAIN - 1) & ~(int64_t)(MEMORY_GRAIN - 1);
}

static bool
has_room(const DdpScriptPrivate *priv, int64_t change)
{
    return atomic_load_explicit(&priv->play->counts->memory, memory_order_relaxed) + change <=
           priv->play->limits.world_memory;
}

static void
count(const DdpScriptPrivate *priv, int64_t change)
{
    _Atomic int64_t *memory = &priv->play->counts->memory;

    if (priv->play->ranks != DDP_RANKS_TAKE_TURNS)
        atomic_fetch_add_explicit(memory, change, memory_order_relaxed);
    else /* nobody else counts, so the bus need not be locked */
        atomic_store_explicit(memory, atomic_load_explicit(memory, memory_order_relaxed) + change,
                              memory_order_relaxed);
}

static void *
allocate(void *user_data, void *block, size_t old_size, size_t new_size)
{
    DdpScriptPrivate *priv = user_data;
    int64_t grow = (int64_t)new_size - (block != NULL ? (int64_t)old_size : 0);
    int64_t counted = counted_for(priv, priv->memory + grow);
    int64_t change = counted - priv->memory_counted;

    if (change > 0 && !has_room(priv, change)) {
        counted = priv->memory + grow; /* no room for a whole step, but perhaps for this one */
        change = counted - priv->memory_counted;
    }
    if (new_size == 0) {
        free(block);
    } else {
        if (grow > 0 && !priv->trusted &&
            (priv->memory + grow > priv->memory_max || (change > 0 && !has_room(priv, change)))) {
            note_memory_site(priv);
            return NULL;
        }
        block = realloc(block, new_size);
        if (block == NULL)
            return NULL;
    }
    priv->memory += grow;
    if (change != 0) {
        priv->memory_counted = counted;
        count(priv, change);
    }
    return new_size == 0 ? NULL : block;
}

/* Tensor memory: the C heap, counted against the limit of the world. */
static void *
tensor_allocate(void *user_data, size_t bytes)
{
    DdpPlay *play = user_data;
    void *memory = NULL;

    if (atomic_fetch_add(&play->counts->memory, (int64_t)bytes) + (int64_t)bytes <=
        play->limits.world_memory)
        memory = aligned_alloc(64, bytes);
    if (memory == NULL)
        atomic_fetch_sub(&play->counts->memory, (int64_t)bytes);
    return memory;
}

static void
tensor_release(void *user_data, void *memory, size_t bytes)
{
    DdpPlay *play = user_data;

    free(memory);
    atomic_fetch_sub(&play->counts->memory, (int64_t)bytes);
}

/* ---- ending a rank ---- */

int
ddp_script_end(lua_State *L, DdpScriptEnd end)
{
    ddp_script_rank(L)->priv->end = end;
    lua_error(L);
    g_assert_not_reached();
}

DdpScriptEnd
ddp_script_ended(lua_State *L)
{
    return ddp_script_rank(L)->priv->end;
}

int
ddp_script_exit(lua_State *L, int status)
{
    ddp_script_rank(L)->priv->exit_status = status;
    lua_pushfstring(L, "exited with status %d", status);
    ddp_script_end(L, status == 0 ? DDP_SCRIPT_END_EXIT : DDP_SCRIPT_END_STATUS);
}

/* A process that is gone runs nothing any more: no <close> handler of the scenario either. */
static void
refuse(lua_State *L, lua_Debug *called)
{
    lua_getinfo(L, "S", called);
    if (*called->what == 'C')
        return;
    lua_pushliteral(L, KILLED);
    lua_error(L);
}

int
ddp_script_kill(lua_State *L)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;

    if (priv->play->ranks == DDP_RANKS_ARE_FORKED && priv->world != NULL)
        (void)raise(SIGKILL);
    lua_sethook(L, refuse, LUA_MASKCALL, 0);
    lua_sethook(priv->L, refuse, LUA_MASKCALL, 0);
    lua_pushliteral(L, KILLED);
    ddp_script_end(L, DDP_SCRIPT_END_KILL);
}

static void
end_steps(lua_State *L, const DdpScriptPrivate *priv)
{
    ddp_args_where(L);
    lua_pushfstring(L,
                    "rank %d has run %I Lua instructions without coming to an end (limit steps); "
                    "if this is no endless loop, raise it with --limit steps=...",
                    ddp_script_rank(L)->rank, (LUAI_UACINT)priv->steps_max);
    lua_concat(L, 2);
    ddp_script_end(L, DDP_SCRIPT_END_STEPS);
}

/*
 * The verdict is in: this rank need not come to an end by itself, only to its next collective.
 * Counted from the last one, so that it does not matter when a rank gets to know.
 */
static void
hurry(DdpScriptPrivate *priv)
{
    priv->hurries = true;
    priv->steps_max = MIN(priv->steps_max, priv->met_steps + HURRY_STEPS);
}

/*
 * A rank that computes on and on would keep the others of its thread from failing, leaving or being
 * stuck, which other engines would see. So now and then they have their turn.
 */
static void
give_way(lua_State *L, DdpScriptPrivate *priv)
{
    DdpRank *rank = ddp_script_rank(L)->world_rank;

    priv->gave_way = priv->steps;
    if (rank != NULL && priv->world != NULL && ddp_world_engine(priv->world) == DDP_ENGINE_FIBERS)
        ddp_rank_yield(rank);
}

void
ddp_script_charge(lua_State *L, uint64_t steps)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;

    if (priv->steps - MAX(priv->met_steps, priv->gave_way) > HURRY_STEPS)
        give_way(L, priv);
    if (!priv->hurries && priv->world != NULL && ddp_world_is_hopeless(priv->world))
        hurry(priv);
    priv->steps += steps;
    /* Each time again: a <close> handler that runs while the rank ends must end as well. */
    if (priv->steps > priv->steps_max)
        end_steps(L, priv);
}

static int64_t
thread_time_us(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
        return g_get_monotonic_time();
    return (int64_t)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/*
 * The only look at a real clock: it can end a run, never change a number. A rank that shares its
 * core with many others may be slow without being at fault, so half of the time must also have
 * been spent computing; the clock of that is only read when the other half is over.
 */
static bool
is_out_of_time(DdpScriptPrivate *priv)
{
    int64_t limit_us = MIN(priv->play->limits.time, TIME_MAX) * G_USEC_PER_SEC;
    int64_t passed_us = g_get_monotonic_time() - priv->met_us;

    if (passed_us <= limit_us / 2)
        return false;
    if (priv->busy_us < 0)
        priv->busy_us = thread_time_us();
    return passed_us > limit_us && thread_time_us() - priv->busy_us > limit_us / 2;
}

void
ddp_script_hurry(lua_State *L)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;

    priv->met_steps = priv->steps;
    hurry(priv);
}

void
ddp_script_count_hook(lua_State *L, lua_Debug *unused)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;

    (void)unused;
    ddp_script_charge(L, DDP_HOOK_STEPS);
    if (is_out_of_time(priv)) {
        ddp_args_where(L);
        lua_pushfstring(L,
                        "rank %d has computed for %I s without a collective (limit time); raise it "
                        "with --limit time=...",
                        ddp_script_rank(L)->rank, (LUAI_UACINT)priv->play->limits.time);
        lua_concat(L, 2);
        ddp_script_end(L, DDP_SCRIPT_END_STEPS);
    }
}

void
ddp_script_met(lua_State *L)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;
    DdpPlay *play = priv->play;

    priv->met_us = g_get_monotonic_time();
    priv->met_steps = priv->steps;
    priv->busy_us = -1;
    if (play->progress == NULL)
        return;

    int64_t met = atomic_fetch_add(&play->counts->met, 1);

    if (met % MET_A_PROGRESS == 0)
        ddp_tell_progress(play->tell, ddp_script_rank(L)->rank, met / play->world_size);
}

void
ddp_script_trust(lua_State *L)
{
    ddp_script_rank(L)->priv->trusted = true;
}

/* ---- calling ---- */

GPtrArray *
ddp_script_stack(lua_State *L)
{
    GPtrArray *stack = g_ptr_array_new_with_free_func(g_free);
    lua_Debug frame;

    for (int level = 0; lua_getstack(L, level, &frame) != 0 && stack->len < STACK_LEVELS_MAX;
         level++) {
        lua_getinfo(L, "Sln", &frame);
        if (frame.currentline <= 0)
            continue;
        if (frame.name != NULL && *frame.what != 'm')
            g_ptr_array_add(
                stack,
                g_strdup_printf("%s:%d in %s '%s'", ddp_args_file(&frame), frame.currentline,
                                *frame.namewhat != '\0' ? frame.namewhat : "function", frame.name));
        else
            g_ptr_array_add(stack,
                            g_strdup_printf("%s:%d", ddp_args_file(&frame), frame.currentline));
    }
    return stack;
}

int
ddp_script_on_error(lua_State *L)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;
    lua_Debug site;

    if (priv->told_error != NULL && lua_type(L, 1) == LUA_TSTRING &&
        strcmp(priv->told_error, lua_tostring(L, 1)) == 0)
        return 1;
    g_clear_pointer(&priv->error_stack, g_ptr_array_unref);
    priv->error_stack = ddp_script_stack(L);
    if (!lua_isstring(L, 1)) {
        ddp_args_where(L);
        if (luaL_callmeta(L, 1, "__tostring") == 0)
            lua_pushfstring(L, "an error object that is a %s", luaL_typename(L, 1));
        lua_concat(L, 2);
        return 1;
    }

    /* Our own Lua modules carry no lines: put the scenario's in front. */
    lua_settop(L, 1);
    if (ddp_args_site(L, &site)) {
        const char *message = lua_tostring(L, 1);

        const char *file = ddp_args_file(&site);

        if (g_str_has_prefix(message, file))
            return 1;
        /* Lua's own messages begin with the name cut short. */
        if (g_str_has_prefix(message, site.short_src))
            lua_pushfstring(L, "%s%s", file, message + strlen(site.short_src));
        else
            lua_pushfstring(L, "%s:%d: %s", file, site.currentline, message);
        return 1;
    }
    return 1;
}

static void
set_error(lua_State *L, int status, GError **error)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;

    if (priv->end == DDP_SCRIPT_END_KILL || priv->end == DDP_SCRIPT_END_STATUS) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_FAILED,
                    priv->end == DDP_SCRIPT_END_KILL ? KILLED : "exited with status %d",
                    priv->exit_status);
        return;
    }
    if (status == LUA_ERRMEM) {
        if (priv->end == DDP_SCRIPT_END_NONE)
            priv->end = DDP_SCRIPT_END_MEMORY;
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_LIMIT,
                    "%srank %d is out of memory: %" G_GINT64_FORMAT
                    " MiB of Lua a rank, %" G_GINT64_FORMAT
                    " MiB a world (limits memory, world_memory)",
                    priv->memory_site, ddp_script_rank(L)->rank, priv->memory_max >> 20,
                    priv->play->limits.world_memory >> 20);
        return;
    }

    const char *message = lua_tostring(L, -1);
    g_autofree char *line = g_strdup(message != NULL ? message : "unknown error");
    bool limit = priv->end == DDP_SCRIPT_END_STEPS;

    g_strdelimit(line, "\r\n", ' ');
    if ((int64_t)strlen(line) > priv->play->limits.message)
        line[priv->play->limits.message] = '\0';
    g_set_error_literal(error, DDP_SCRIPT_ERROR,
                        limit ? DDP_SCRIPT_ERROR_LIMIT : DDP_SCRIPT_ERROR_FAILED, line);
}

bool
ddp_script_call(lua_State *L, int arguments, int results, GError **error)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;
    int function = lua_gettop(L) - arguments;

    bool trusted = priv->trusted;

    priv->met_us = g_get_monotonic_time();
    priv->busy_us = -1;
    lua_pushcfunction(L, ddp_script_on_error);
    lua_insert(L, function);
    priv->trusted = false;

    int status = lua_pcall(L, arguments, results, function);

    priv->trusted = trusted;
    lua_remove(L, function);
    if (status == LUA_OK)
        return true;
    set_error(L, status, error);
    lua_pop(L, 1);
    return false;
}

bool
ddp_script_load(lua_State *L, const char *path, const char *text, gsize length, GError **error)
{
    g_autofree char *chunk = g_strconcat("@", path, NULL);
    /* A shell's first line is for the shell. */
    gsize skip = g_str_has_prefix(text, "#") ? strcspn(text, "\n") : 0;
    int status = luaL_loadbufferx(L, text + skip, length - skip, chunk, "t");

    if (status == LUA_OK)
        return true;
    if (status == LUA_ERRMEM) {
        set_error(L, status, error);
    } else {
        g_autofree char *line = g_strdup(lua_tostring(L, -1));

        g_strdelimit(line, "\r\n", ' ');
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_SYNTAX, "%s%s%s",
                    length > skip && text[skip] == LUA_SIGNATURE[0] ? path : "",
                    length > skip && text[skip] == LUA_SIGNATURE[0] ? ": " : "", line);
    }
    lua_pop(L, 1);
    return false;
}

GPtrArray *
ddp_script_error_stack(lua_State *L)
{
    return ddp_script_rank(L)->priv->error_stack;
}

DdpPlay *
ddp_script_play(lua_State *L)
{
    return ddp_script_rank(L)->priv->play;
}

const char *
ddp_script_intern(lua_State *L, const char *text)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;
    DdpPlay *play = priv->play;

    /* Nearly always it is the scenario's own file, as it was the last time. */
    if (priv->last_interned != NULL && strcmp(priv->last_interned, text) == 0)
        return priv->last_interned;
    pthread_mutex_lock(&play->lock);

    char *known = g_hash_table_lookup(play->interned, text);

    if (known == NULL) {
        known = g_strdup(text);
        g_hash_table_add(play->interned, known);
    }
    pthread_mutex_unlock(&play->lock);
    priv->last_interned = known;
    return known;
}

int
ddp_script_tell_error(lua_State *L)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;

    g_free(priv->told_error);
    priv->told_error = g_strdup(lua_tostring(L, -1));
    return lua_error(L);
}

/* ---- life ---- */

static const struct {
    const char *name; /* of the global; NULL where the opener sets its globals itself */
    lua_CFunction open;
} tables[] = {
    {"torch", ddp_luaopen_torch},
    {"nn", ddp_luaopen_nn},
    {"F", ddp_luaopen_functional},
    {"optim", ddp_luaopen_optim},
    {"data", ddp_luaopen_data},
    {"dist", ddp_luaopen_dist},
    {"env", ddp_luaopen_env},
    {"DistributedDataParallel", ddp_luaopen_ddp},
    {"SummaryWriter", ddp_luaopen_summary_writer},
    {"EventAccumulator", ddp_luaopen_event_accumulator},
    {"sim", ddp_luaopen_sim},
};

static const luaL_Reg standard[] = {
    {LUA_GNAME, luaopen_base},        {LUA_TABLIBNAME, luaopen_table},
    {LUA_STRLIBNAME, luaopen_string}, {LUA_MATHLIBNAME, luaopen_math},
    {LUA_UTF8LIBNAME, luaopen_utf8},  {LUA_COLIBNAME, luaopen_coroutine},
};

static int
open_all(lua_State *L)
{
    for (size_t i = 0; i < G_N_ELEMENTS(standard); i++) {
        luaL_requiref(L, standard[i].name, standard[i].func, 1);
        lua_pop(L, 1);
    }
    ddp_sandbox_open(L);
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        lua_pushcfunction(L, tables[i].open);
        lua_call(L, 0, 1);
        lua_setglobal(L, tables[i].name);
    }
    lua_getglobal(L, "torch");
    lua_getfield(L, -1, "tensor");
    lua_setglobal(L, "tensor");
    ddp_prelude_keep_globals(L);
    ddp_prelude_open_lazy(L);
    return 0;
}

lua_State *
ddp_script_state_new(DdpPlay *play, const DdpScriptSpec *spec, GError **error)
{
    DdpScriptPrivate *priv = g_new0(DdpScriptPrivate, 1);
    DdpScriptRank *script = g_new0(DdpScriptRank, 1);
    const DdpMemoryOps tensor_memory = {tensor_allocate, tensor_release, play};

    priv->play = play;
    priv->memory_max = play->limits.memory;
    priv->steps_max = (uint64_t)play->limits.steps;
    priv->evaluation = -1;
    priv->busy_us = -1;
    priv->world = spec->world_rank != NULL ? ddp_rank_world(spec->world_rank) : NULL;
    script->priv = priv;
    script->rank = spec->rank;
    script->world_size = spec->world_size;
    script->local_rank = spec->rank % spec->nproc_per_node;
    script->node_rank = spec->rank / spec->nproc_per_node;
    script->nproc_per_node = spec->nproc_per_node;
    script->world_rank = spec->world_rank;
    script->pid = spec->pid;
    script->host = ddp_script_host(script->node_rank);
    script->model =
        ddp_model_context_new(&tensor_memory, (size_t)play->limits.tensor, 0, play->seed);

    lua_State *L = lua_newstate(allocate, priv);

    if (L == NULL) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_LIMIT,
                    "rank %d: no memory for its Lua state (limits memory, world_memory)",
                    spec->rank);
        atomic_fetch_sub(&play->counts->memory, priv->memory_counted);
        ddp_model_context_free(script->model);
        g_free(priv);
        g_free(script);
        return NULL;
    }
    *(DdpScriptRank **)lua_getextraspace(L) = script;
    priv->L = L;

    lua_pushcfunction(L, open_all);
    if (!ddp_script_call(L, 0, 0, error)) {
        ddp_script_state_free(L);
        return NULL;
    }
    /* From here on instructions count: opening our own tables is not the scenario's work. */
    priv->met_steps = priv->steps;
    lua_sethook(L, ddp_script_count_hook, LUA_MASKCOUNT, DDP_HOOK_STEPS);
    return L;
}

void
ddp_script_state_free(lua_State *L)
{
    if (L == NULL)
        return;

    DdpScriptRank *script = ddp_script_rank(L);
    DdpScriptPrivate *priv = script->priv;

    lua_close(L);
    atomic_fetch_sub(&priv->play->counts->memory, priv->memory_counted);
    ddp_model_context_free(script->model);
    g_clear_pointer(&priv->error_stack, g_ptr_array_unref);
    g_clear_pointer(&priv->told_error, g_free);
    g_clear_pointer(&priv->pure, g_hash_table_unref);
    g_free(priv);
    g_free(script);
}
