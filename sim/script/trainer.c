/* SPDX-License-Identifier: MIT */
/*
 * What the Trainer and the classes around it (lua/trainer.lua and its neighbours) need from below:
 * options, evaluations and their oracle, entry points that are guarded, and the collective that a
 * training loop makes before every batch.
 */
#include <lauxlib.h>
#include <string.h>

#include "model/generator.h"
#include "model/ops_gather.h"
#include "sim/script/args.h"
#include "sim/script/data.h"
#include "sim/script/dist.h"
#include "sim/script/dist_handles.h"
#include "sim/script/evaluation.h"
#include "sim/script/keep.h"
#include "sim/script/libs.h"
#include "sim/script/prelude.h"
#include "sim/script/state_private.h"
#include "sim/script/tensor.h"
#include "sim/script/trainer.h"
#include "sim/world/world.h"

#define NAMES_MAX 96

/* ---- options ---- */

/* The list of strings at @index, in @names; the list keeps them alive. */
static void
read_names(lua_State *L, int index, const char *names[NAMES_MAX + 1])
{
    lua_Integer count = luaL_len(L, index);

    luaL_argcheck(L, count <= NAMES_MAX, index, "too many names");
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, index, i);
        names[i - 1] = luaL_checkstring(L, -1);
        lua_pop(L, 1);
    }
    names[count] = NULL;
}

/* check(options, verb, names): raises where a name is unknown. */
static int
l_check(lua_State *L)
{
    const char *names[NAMES_MAX + 1];
    const char *verb = luaL_checkstring(L, 2);

    if (lua_isnoneornil(L, 1))
        return 0;
    read_names(L, 3, names);
    ddp_options_open(L, 1, verb, names);
    return 0;
}

/* nearest(name, names): the one that is a slip away, or nil. */
static int
l_nearest(lua_State *L)
{
    const char *names[NAMES_MAX + 1];
    const char *name = luaL_checkstring(L, 1);

    read_names(L, 2, names);
    lua_pushstring(L, ddp_args_nearest(name, names));
    return 1;
}

/* names_options(table, names): whether all keys of the table are among the names. */
static int
l_names_options(lua_State *L)
{
    const char *names[NAMES_MAX + 1];
    bool all = true;

    luaL_checktype(L, 1, LUA_TTABLE);
    read_names(L, 2, names);
    lua_pushnil(L);
    while (lua_next(L, 1) != 0) {
        bool known = false;

        lua_pop(L, 1);
        for (size_t i = 0; names[i] != NULL && lua_type(L, -1) == LUA_TSTRING; i++)
            known = known || strcmp(names[i], lua_tostring(L, -1)) == 0;
        all = all && known;
    }
    lua_pushboolean(L, all);
    return 1;
}

static int
l_has_module(lua_State *L)
{
    lua_pushboolean(L, ddp_prelude_has(luaL_checkstring(L, 1)));
    return 1;
}

/* ---- values ---- */

static int
l_is_tensor(lua_State *L)
{
    lua_pushboolean(L, ddp_lua_test_tensor(L, 1) != NULL);
    return 1;
}

static int
l_is_loader(lua_State *L)
{
    lua_pushboolean(L, luaL_testudata(L, 1, DDP_LUA_LOADER) != NULL);
    return 1;
}

/* A key for the tensor behind a value. Never shown to a scenario. */
static int
l_identity(lua_State *L)
{
    lua_pushlightuserdata(L, ddp_lua_check_tensor(L, 1));
    return 1;
}

/* The shortest text that reads back as the same number, as Python writes it. */
static int
l_number_text(lua_State *L)
{
    double value = luaL_checknumber(L, 1);
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    char format[] = "%.15g";

    for (char digits = '5'; digits <= '7'; digits++) {
        format[3] = digits;
        g_ascii_formatd(text, (int)sizeof text, format, value);
        if (g_ascii_strtod(text, NULL) == value)
            break;
    }
    if (strspn(text, "-0123456789") == strlen(text))
        g_strlcat(text, ".0", sizeof text);
    lua_pushstring(L, text);
    return 1;
}

/* root_device(accelerator): where this rank pretends to compute. */
static int
l_root_device(lua_State *L)
{
    const char *accelerator = luaL_checkstring(L, 1);
    bool cuda = strcmp(accelerator, "gpu") == 0 || strcmp(accelerator, "cuda") == 0;

    if (cuda)
        lua_pushfstring(L, "cuda:%d", ddp_script_rank(L)->local_rank);
    else
        lua_pushliteral(L, "cpu");
    return 1;
}

/* ---- evaluations ---- */

/* True while rank 0 runs an evaluation once more as the only process. */
static int
l_is_oracle(lua_State *L)
{
    lua_pushboolean(L, ddp_script_rank(L)->oracle);
    return 1;
}

/* evaluation(epoch, f, oracle, self): f(self), and oracle(self) where the audit wants it. */
static int
l_evaluation(lua_State *L)
{
    int64_t epoch = luaL_checkinteger(L, 1);

    lua_settop(L, 4);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 4);
    /* Inside an evaluation of the scenario's own that one is what is audited. */
    if (ddp_script_evaluating(L)) {
        lua_call(L, 1, LUA_MULTRET);
        return lua_gettop(L) - 4;
    }
    return ddp_script_evaluate(L, epoch, 1, 3);
}

/* keep(root) */
static int
l_keep(lua_State *L)
{
    ddp_keep(L, 1);
    return 1;
}

/* put_back(state) */
static int
l_put_back(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    ddp_keep_put_back(L, 1);
    return 0;
}

/* ---- random numbers around a sanity check ---- */

#define RANDOM "ddpsim.KeptRandom"

static int
l_random_gc(lua_State *L)
{
    DdpGenerator **slot = luaL_checkudata(L, 1, RANDOM);

    g_clear_pointer(slot, ddp_generator_free);
    return 0;
}

static int
l_keep_random(lua_State *L)
{
    DdpGenerator **slot = lua_newuserdatauv(L, sizeof *slot, 0);

    *slot = NULL;
    luaL_setmetatable(L, RANDOM);
    *slot = ddp_generator_copy(ddp_model_context_generator(ddp_script_rank(L)->model));
    return 1;
}

static int
l_put_back_random(lua_State *L)
{
    DdpGenerator **slot = luaL_checkudata(L, 1, RANDOM);

    ddp_generator_assign(ddp_model_context_generator(ddp_script_rank(L)->model), *slot);
    return 0;
}

/* ---- entry points ---- */

/*
 * guard(f, on_failure): calls f; if it fails, on_failure(message), and the error goes on with the
 * place and the stack of where it was raised. A rank that is ended runs no handler: in a real job
 * its process is gone or hangs.
 */
static int
l_guard(lua_State *L)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;
    int evaluation = priv->evaluation;

    lua_settop(L, 2);
    lua_pushcfunction(L, ddp_script_on_error);
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 0, LUA_MULTRET, 3) == LUA_OK)
        return lua_gettop(L) - 3;
    if (priv->end != DDP_SCRIPT_END_NONE || lua_type(L, -1) != LUA_TSTRING)
        return lua_error(L);
    priv->evaluation = evaluation;
    lua_settop(L, 4);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 4);
    lua_call(L, 1, 0);
    return ddp_script_tell_error(L);
}

/* ---- the flag before every batch ---- */

#define SIGTERM_FLAG "ddpsim.SigtermFlag"

/*
 * Since 2.5 every rank of a DDP training asks rank 0 before each batch whether it was told to stop.
 * Nobody sends signals here, so the flag is always 0, but the collective is real: ranks whose
 * batches differ in number meet in it. Its site is noted once a loop, not once a batch.
 */
typedef struct {
    DdpCall call;
    DdpCaller caller;
    int64_t flag;
} SigtermFlag;

static int
l_new_sigterm(lua_State *L)
{
    SigtermFlag *self = lua_newuserdatauv(L, sizeof *self, 0);

    memset(self, 0, sizeof *self);
    luaL_setmetatable(L, SIGTERM_FLAG);
    self->call = (DdpCall){
        .kind = DDP_CALL_BROADCAST,
        .dtype = DDP_DTYPE_I64,
        .root = 0,
        .count = 1,
        .ndim = 1,
        .shape = {1},
        .name = "sigterm flag",
    };
    ddp_dist_note_caller(L, &self->call, &self->caller, 0);
    return 1;
}

void
ddp_trainer_agree_on_sigterm(lua_State *L, void *flag)
{
    SigtermFlag *self = flag;
    DdpScriptRank *script = ddp_script_rank(L);
    DdpCall call = self->call;
    GError *error = NULL;

    if (script->oracle)
        return;
    call.caller = &self->caller;
    call.in = call.out = &self->flag;
    ddp_script_settle(L);
    if (!ddp_rank_call(script->world_rank, &call, &error))
        ddp_dist_raise(L, ddp_call_kind_name(call.kind), error);
    ddp_script_met(L);
}

static int
l_agree_on_sigterm(lua_State *L)
{
    ddp_trainer_agree_on_sigterm(L, luaL_checkudata(L, 1, SIGTERM_FLAG));
    return 0;
}

/* ---- a gather that gradients flow through ---- */

static const char syncs_key = 'g'; /* in the registry: a Sync by group */

typedef struct {
    DdpGatherSync sync;
    lua_State *L; /* the main thread of the state */
    DdpGroup *group;
} Sync;

/*
 * Called from inside backward(), which must be left by its return value and not by a longjmp. So it
 * hands a GError back, and marks that the rank is ended so that no pcall of the scenario keeps it.
 */
static bool
sum_grads(void *user_data, DdpTensor *grads, GError **error)
{
    Sync *self = user_data;
    DdpScriptRank *script = ddp_script_rank(self->L);
    DdpCall call = ddp_dist_tensor_call(DDP_CALL_ALL_REDUCE, grads);
    DdpCaller caller;
    GError *own = NULL;

    if (script->oracle)
        return true;
    ddp_script_settle(self->L);
    ddp_dist_note_caller(self->L, &call, &caller, 0);
    call.name = "all_gather: gradients";
    if (ddp_rank_group_call(script->world_rank, self->group, &call, &own)) {
        ddp_script_met(self->L);
        return true;
    }
    if (g_error_matches(own, DDP_COMM_ERROR, DDP_COMM_ERROR_ENDED)) {
        script->priv->end = DDP_SCRIPT_END_WORLD;
        g_prefix_error(&own, "%s of %s was never completed, ", ddp_call_kind_name(call.kind),
                       call.name);
    }
    g_propagate_error(error, own);
    return false;
}

static Sync *
sync_of(lua_State *L, DdpGroup *group)
{
    Sync *self;

    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &syncs_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &syncs_key);
    }
    if (lua_rawgetp(L, -1, group) != LUA_TUSERDATA) {
        lua_pop(L, 1);
        self = lua_newuserdatauv(L, sizeof *self, 0);
        *self = (Sync){{sum_grads, self}, ddp_script_rank(L)->priv->L, group};
        lua_pushvalue(L, -1);
        lua_rawsetp(L, -3, group);
    }
    self = lua_touserdata(L, -1);
    lua_pop(L, 2);
    return self;
}

/* with_grad(own, all, group): @all, which was gathered of @own and others, behind it in the graph.
 */
static int
l_with_grad(lua_State *L)
{
    DdpTensor *own = ddp_lua_check_tensor(L, 1);
    DdpTensor *all = ddp_lua_check_tensor(L, 2);
    DdpScriptRank *script = ddp_script_rank(L);

    lua_settop(L, 3);
    if (!script->oracle) {
        DdpGroup *group =
            lua_isnil(L, 3)
                ? ddp_comm_world_group(ddp_world_comm(ddp_rank_world(script->world_rank)))
                : ddp_dist_check_group(L, 3, "all_gather");

        ddp_gathered(own, all, ddp_group_member(group, script->rank), &sync_of(L, group)->sync);
    }
    lua_pushvalue(L, 2);
    return 1;
}

/* ---- the table ---- */

static const luaL_Reg verbs[] = {
    {"agree_on_sigterm", l_agree_on_sigterm},
    {"check", l_check},
    {"evaluation", l_evaluation},
    {"guard", l_guard},
    {"has_module", l_has_module},
    {"identity", l_identity},
    {"is_loader", l_is_loader},
    {"is_oracle", l_is_oracle},
    {"is_tensor", l_is_tensor},
    {"keep", l_keep},
    {"keep_random", l_keep_random},
    {"names_options", l_names_options},
    {"nearest", l_nearest},
    {"new_sigterm", l_new_sigterm},
    {"number_text", l_number_text},
    {"put_back", l_put_back},
    {"put_back_random", l_put_back_random},
    {"root_device", l_root_device},
    {"run_batches", ddp_trainer_run_batches},
    {"sampler_kind", ddp_lua_sampler_kind},
    {"with_grad", l_with_grad},
    {"wrap_sampler", ddp_lua_wrap_sampler},
    {NULL, NULL},
};

int
ddp_luaopen_trainer(lua_State *L)
{
    if (luaL_newmetatable(L, RANDOM)) {
        lua_pushcfunction(L, l_random_gc);
        lua_setfield(L, -2, "__gc");
    }
    luaL_newmetatable(L, SIGTERM_FLAG);
    lua_pop(L, 2);
    luaL_newlib(L, verbs);
    return 1;
}
