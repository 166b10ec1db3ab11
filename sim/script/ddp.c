/* SPDX-License-Identifier: MIT */
/*
 * `DistributedDataParallel(module, options)`: a reducer (sim/train/reducer.h) around the parameters
 * of a module, with the world's collectives under it. The wrapper itself is lua/ddp.lua.
 *
 * The weights are noted at every forward that records gradients, so that replicas that drift apart
 * are found; buffers too, where they are not broadcast anyway.
 */
#include "sim/train/reducer.h"

#include <lauxlib.h>

#include "sim/script/args.h"
#include "sim/script/ddp_bucket.h"
#include "sim/script/dist.h"
#include "sim/script/libs.h"
#include "sim/script/prelude.h"
#include "sim/script/state_private.h"
#include "sim/script/tensor.h"
#include "sim/train/rank_ops.h"
#include "sim/world/world.h"

#define REDUCER "ddpsim.Reducer"

static const char reducers_key = 'r'; /* in the registry: a list of all reducers of the state */

typedef struct {
    DdpReducer *reducer;
    lua_State *L;     /* the main thread of the state */
    DdpGroup *group;  /* NULL in an oracle pass */
    int number;       /* of this rank's reducers, from 0 */
    int64_t step;     /* forwards so far that recorded gradients; in a join all, as shadows are */
    bool drifts;      /* its buffers are not broadcast */
    bool joins;       /* in a join, or after one */
    DdpLuaHook *hook; /* (nullable): owned */
} Box;

/* ---- collectives --------------------------------------------------------------------- */

/*
 * The reducer calls from inside backward(), which must be left by its return value and not by a
 * longjmp. So these hand a GError back, and mark that the rank is ended so that no pcall of the
 * scenario keeps it.
 */
static bool
failed(Box *box, const DdpCall *call, GError *own, GError **error)
{
    if (g_error_matches(own, DDP_COMM_ERROR, DDP_COMM_ERROR_ENDED)) {
        ddp_script_rank(box->L)->priv->end = DDP_SCRIPT_END_WORLD;
        g_prefix_error(&own, "%s of %s was never completed, ", ddp_call_kind_name(call->kind),
                       call->name);
    }
    g_propagate_error(error, own);
    return false;
}

static bool
play_call(Box *box, DdpCall *call, const char *name, GError **error)
{
    DdpScriptRank *script = ddp_script_rank(box->L);
    GError *own = NULL;
    DdpCaller caller;

    call->name = name;
    ddp_script_settle(box->L);
    ddp_dist_note_caller(box->L, call, &caller, 0);
    if (!ddp_rank_group_call(script->world_rank, box->group, call, &own))
        return failed(box, call, own, error);
    ddp_script_met(box->L);
    return true;
}

static bool
all_reduce(void *user_data, DdpTensor *tensor, DdpReduceOp op, const char *name, GError **error)
{
    DdpCall call = ddp_rank_ops_call(DDP_CALL_ALL_REDUCE, tensor);

    call.op = op;
    return play_call(user_data, &call, name, error);
}

static bool
broadcast(void *user_data, DdpTensor *tensor, int root, const char *name, GError **error)
{
    Box *box = user_data;
    DdpCall call = ddp_rank_ops_call(DDP_CALL_BROADCAST, tensor);

    call.root = ddp_group_rank(box->group, root);
    return play_call(box, &call, name, error);
}

static bool
all_gather(void *user_data, DdpTensor *own, DdpTensor *all, const char *name, GError **error)
{
    DdpCall call = ddp_rank_ops_call(DDP_CALL_ALL_GATHER, own);

    call.out = ddp_tensor_data(all);
    return play_call(user_data, &call, name, error);
}

static void *
begin(void *user_data, DdpTensor *tensor, const char *name, GError **error)
{
    Box *box = user_data;
    DdpScriptRank *script = ddp_script_rank(box->L);
    DdpCall call = ddp_rank_ops_call(DDP_CALL_ALL_REDUCE, tensor);
    GError *own = NULL;
    DdpCaller caller;
    DdpWork *work;

    call.name = name;
    ddp_script_settle(box->L);
    ddp_dist_note_caller(box->L, &call, &caller, 0);
    work = ddp_rank_begin(script->world_rank, box->group, &call, &own);
    ddp_script_came_back(box->L);
    if (work == NULL)
        failed(box, &call, own, error);
    return work;
}

static bool
wait_for(void *user_data, void *work, GError **error)
{
    Box *box = user_data;
    GError *own = NULL;

    ddp_script_settle(box->L);
    if (!ddp_rank_wait(ddp_script_rank(box->L)->world_rank, work, NULL, &own)) {
        DdpCall call = *ddp_work_call(work);

        ddp_work_free(work);
        call.name = "gradients";
        return failed(box, &call, own, error);
    }
    ddp_work_free(work);
    ddp_script_met(box->L);
    return true;
}

static void
drop(void *user_data, void *work)
{
    (void)user_data;
    ddp_work_free(work);
}

/* ---- the audit of replicas ----------------------------------------------------------- */

static void
note_replica(const Box *box)
{
    DdpScriptRank *script = ddp_script_rank(box->L);
    DdpTell *tell = script->priv->play->tell;

    ddp_tell_replica(tell, script->rank, 2 * box->number, box->step,
                     ddp_reducer_hash_parameters(box->reducer));
    if (box->drifts)
        ddp_tell_replica(tell, script->rank, 2 * box->number + 1, box->step,
                         ddp_reducer_hash_buffers(box->reducer));
}

/* Only of a wrapper over the whole world: others need not agree. */
static bool
is_audited(const Box *box)
{
    return box->reducer != NULL && box->group != NULL &&
           ddp_group_size(box->group) == ddp_script_rank(box->L)->world_size;
}

void
ddp_script_note_replicas(lua_State *L)
{
    int top = lua_gettop(L);

    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &reducers_key) == LUA_TTABLE) {
        lua_Integer count = (lua_Integer)lua_rawlen(L, -1);

        for (lua_Integer i = 1; i <= count; i++) {
            lua_rawgeti(L, -1, i);
            if (is_audited(lua_touserdata(L, -1)))
                note_replica(lua_touserdata(L, -1));
            lua_pop(L, 1);
        }
    }
    lua_settop(L, top);
}

/* Keeps the reducer on top of the stack in the list that is walked there. Returns its number. */
static int
remember(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &reducers_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &reducers_key);
    }

    lua_Integer number = (lua_Integer)lua_rawlen(L, -1);

    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, number + 1);
    lua_pop(L, 1);
    return (int)number;
}

/* ---- making one ---------------------------------------------------------------------- */

static DdpReducerSpec
read_spec(const DdpOptions *options, const DdpPlay *play)
{
    DdpReducerSpec spec = ddp_reducer_spec_default();
    const char *debug = play->record->debug;

    if (ddp_options_has(options, "bucket_cap_mb")) {
        lua_Number cap = ddp_options_number(options, "bucket_cap_mb", 25);

        if (!(cap > 0 && cap <= 1e6))
            luaL_error(options->L,
                       "DistributedDataParallel: option 'bucket_cap_mb' is %f, expected more than "
                       "0 and at most 1000000 MiB",
                       cap);
        spec.bucket_cap_bytes = MAX((size_t)(cap * 1024 * 1024), 1);
    }
    spec.broadcast_buffers = ddp_options_boolean(options, "broadcast_buffers", true);
    spec.init_sync = ddp_options_boolean(options, "init_sync", true);
    spec.find_unused_parameters = ddp_options_boolean(options, "find_unused_parameters", false);
    spec.gradient_as_bucket_view = ddp_options_boolean(options, "gradient_as_bucket_view", false);
    spec.static_graph = ddp_options_boolean(options, "static_graph", false);
    spec.names_in_errors = debug != NULL && g_str_equal(debug, "detail");
    return spec;
}

static DdpGroup *
read_group(const DdpOptions *options)
{
    lua_State *L = options->L;
    DdpRank *rank = ddp_script_rank(L)->world_rank;
    DdpGroup **slot;

    if (ddp_options_push(options, "process_group") == LUA_TNIL) {
        lua_pop(L, 1);
        return ddp_comm_world_group(ddp_world_comm(ddp_rank_world(rank)));
    }
    slot = luaL_testudata(L, -1, "dist.ProcessGroup");
    if (slot == NULL)
        luaL_error(L,
                   "DistributedDataParallel: option 'process_group' is a %s, expected what "
                   "dist.new_group returned",
                   luaL_typename(L, -1));
    if (ddp_group_member(*slot, ddp_rank_index(rank)) < 0)
        luaL_error(L, "DistributedDataParallel: rank %d is no member of group %s",
                   ddp_rank_index(rank), ddp_group_name(*slot));
    lua_pop(L, 1);
    return *slot;
}

/* A module on one device per process has them; on the CPU they must be left out. */
static void
refuse_devices(const DdpOptions *options)
{
    static const char *const names[] = {"device_ids", "output_device"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        bool given = ddp_options_push(options, names[i]) == LUA_TTABLE
                         ? lua_rawlen(options->L, -1) > 0
                         : !lua_isnil(options->L, -1);

        lua_pop(options->L, 1);
        if (given)
            luaL_error(options->L,
                       "ValueError: DistributedDataParallel: %s only works with GPU modules, and "
                       "the parameters of this module are on the cpu; leave it out",
                       names[i]);
    }
}

/* The list of strings at @index, in memory that a pushed userdata owns; borrowed from the list. */
static const char **
push_names(lua_State *L, int index)
{
    size_t count = lua_rawlen(L, index);
    const char **names = lua_newuserdatauv(L, (count + 1) * sizeof *names, 0);

    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        names[i] = luaL_checkstring(L, -1);
        lua_pop(L, 1);
    }
    names[count] = NULL;
    return names;
}

/* new_reducer(options, parameters, names, others, buffers) */
static int
l_new_reducer(lua_State *L)
{
    static const char *const known[] = {"broadcast_buffers",
                                        "bucket_cap_mb",
                                        "device_ids",
                                        "find_unused_parameters",
                                        "gradient_as_bucket_view",
                                        "init_sync",
                                        "output_device",
                                        "process_group",
                                        "static_graph",
                                        NULL};
    DdpScriptRank *script = ddp_script_rank(L);
    DdpOptions options = ddp_options_open(L, 1, "DistributedDataParallel", known);
    GError *error = NULL;

    lua_settop(L, 5);
    if (script->world_rank == NULL)
        return luaL_error(L,
                          "DistributedDataParallel: there is no world yet; it belongs inside main");
    refuse_devices(&options);

    DdpReducerSpec spec = read_spec(&options, script->priv->play);
    DdpGroup *group = read_group(&options);
    DdpReducerModule module = {0};

    module.parameters =
        ddp_lua_push_tensor_list(L, 2, "DistributedDataParallel", &module.parameter_count);
    module.names = push_names(L, 3);
    module.others = ddp_lua_push_tensor_list(L, 4, "DistributedDataParallel", &module.other_count);
    module.buffers =
        ddp_lua_push_tensor_list(L, 5, "DistributedDataParallel", &module.buffer_count);

    Box *box = lua_newuserdatauv(L, sizeof *box, 0);

    *box = (Box){.L = script->priv->L, .group = group};
    box->drifts = !spec.broadcast_buffers && module.buffer_count > 0;
    luaL_setmetatable(L, REDUCER);

    const DdpReducerOps ops = {all_reduce, broadcast, all_gather, begin, wait_for, drop, box};

    box->reducer = ddp_reducer_new(script->model, &module, ddp_group_member(group, script->rank),
                                   ddp_group_size(group), &spec, &ops, &error);
    if (box->reducer == NULL)
        ddp_args_raise(L, error);
    box->number = remember(L);
    return 1;
}

static int
l_gc(lua_State *L)
{
    Box *box = luaL_checkudata(L, 1, REDUCER);

    g_clear_pointer(&box->reducer, ddp_reducer_free);
    g_clear_pointer(&box->hook, ddp_lua_hook_free);
    return 0;
}

/* ---- a step -------------------------------------------------------------------------- */

static Box *
check_box(lua_State *L)
{
    return luaL_checkudata(L, 1, REDUCER);
}

/* begin_forward(reducer, sync) */
static int
l_begin_forward(lua_State *L)
{
    Box *box = check_box(L);
    DdpScriptRank *script = ddp_script_rank(L);
    GError *error = NULL;

    if (script->oracle)
        return 0;
    ddp_reducer_set_sync(box->reducer, lua_toboolean(L, 2));
    if (!ddp_reducer_begin_forward(box->reducer, &error))
        ddp_args_raise(L, error);

    bool grad = ddp_model_context_grad_enabled(script->model);

    if (grad && is_audited(box))
        note_replica(box);
    if (grad || box->joins)
        box->step++;
    return 0;
}

typedef struct {
    DdpTensor **list;
    size_t count;
    size_t room;
} Found;

/* The tensors in the value at @index, also those in tables: their order does not matter. */
static void
find_tensors(lua_State *L, int index, int depth, Found *found)
{
    DdpTensor *tensor = ddp_lua_test_tensor(L, index);

    if (tensor != NULL) {
        if (found->list != NULL && found->count < found->room)
            found->list[found->count] = tensor;
        found->count++;
    } else if (lua_istable(L, index) && depth > 0) {
        luaL_checkstack(L, 8, NULL);
        lua_pushnil(L);
        while (lua_next(L, index) != 0) {
            find_tensors(L, lua_gettop(L), depth - 1, found);
            lua_pop(L, 1);
        }
    }
}

#define OUTPUT_DEPTH 8 /* of tables in what a forward returns */

/* The tensors among arguments @first to @last; leaves a userdata that holds the list. */
static Found
push_outputs(lua_State *L, int first, int last)
{
    Found found = {NULL, 0, 0};

    for (int i = first; i <= last; i++)
        find_tensors(L, i, OUTPUT_DEPTH, &found);
    found.room = found.count;
    found.count = 0;
    found.list = lua_newuserdatauv(L, found.room * sizeof *found.list + 1, 0);
    for (int i = first; i <= last; i++)
        find_tensors(L, i, OUTPUT_DEPTH, &found);
    return found;
}

/* end_forward(reducer, ...): true once, if the search for unused parameters is needless */
static int
l_end_forward(lua_State *L)
{
    Box *box = check_box(L);
    Found outputs = {NULL, 0, 0};
    GError *error = NULL;

    if (ddp_script_rank(L)->oracle)
        return 0;
    if (ddp_reducer_wants_outputs(box->reducer))
        outputs = push_outputs(L, 2, lua_gettop(L));
    if (!ddp_reducer_end_forward(box->reducer, outputs.list, outputs.count, &error))
        ddp_args_raise(L, error);
    lua_pushboolean(L, ddp_reducer_take_needless_search(box->reducer));
    return 1;
}

/* prepare_for_backward(reducer, sync, ...): as end_forward, for who runs forward without us */
static int
l_prepare_for_backward(lua_State *L)
{
    Box *box = check_box(L);
    Found outputs = {NULL, 0, 0};
    GError *error = NULL;

    if (ddp_script_rank(L)->oracle)
        return 0;
    ddp_reducer_set_sync(box->reducer, lua_toboolean(L, 2));
    if (ddp_reducer_wants_outputs(box->reducer))
        outputs = push_outputs(L, 3, lua_gettop(L));
    if (!ddp_reducer_prepare_backward(box->reducer, outputs.list, outputs.count, &error))
        ddp_args_raise(L, error);
    return 0;
}

/* set_buffers(reducer, list) */
static int
l_set_buffers(lua_State *L)
{
    Box *box = check_box(L);
    size_t count;
    DdpTensor **buffers = ddp_lua_push_tensor_list(L, 2, "DistributedDataParallel", &count);

    ddp_reducer_set_buffers(box->reducer, buffers, count);
    return 0;
}

/* ---- join ---------------------------------------------------------------------------- */

/* join(reducer, options) */
static int
l_join(lua_State *L)
{
    static const char *const known[] = {"divide_by_initial_world_size", "enable",
                                        "throw_on_early_termination", NULL};
    Box *box = check_box(L);
    DdpOptions options = ddp_options_open(L, 2, "join", known);
    DdpJoinSpec spec = ddp_join_spec_default();

    spec.divide_by_initial_world_size =
        ddp_options_boolean(&options, "divide_by_initial_world_size", true);
    spec.enable = ddp_options_boolean(&options, "enable", true);
    spec.throw_on_early_termination =
        ddp_options_boolean(&options, "throw_on_early_termination", false);
    if (ddp_script_rank(L)->oracle)
        return 0;
    box->joins = spec.enable;
    ddp_reducer_join(box->reducer, &spec);
    return 0;
}

/* join_exit(reducer): how many steps of others were shadowed */
static int
l_join_exit(lua_State *L)
{
    Box *box = check_box(L);
    GError *error = NULL;
    size_t rounds = 0;

    if (!ddp_script_rank(L)->oracle && !ddp_reducer_join_exit(box->reducer, &rounds, &error))
        ddp_args_raise(L, error);
    box->step += (int64_t)rounds; /* so that the steps of all ranks have the same numbers again */
    lua_pushinteger(L, (lua_Integer)rounds);
    return 1;
}

/* ---- communication hooks --------------------------------------------------------------- */

/* set_hook(reducer, launch, resolve): see lua/ddp.lua */
static int
l_set_hook(lua_State *L)
{
    Box *box = check_box(L);
    GError *error = NULL;
    DdpLuaHook *hook = ddp_lua_hook_new(L, box->L, 2, 3);
    const DdpCommHook comm_hook = ddp_lua_hook_ops(hook);

    if (!ddp_reducer_set_comm_hook(box->reducer, &comm_hook, &error)) {
        ddp_lua_hook_free(hook);
        ddp_args_raise(L, error);
    }
    box->hook = hook;
    return 0;
}

/* buckets(reducer): for each bucket the list of its parameters' sizes in elements */
static int
l_buckets(lua_State *L)
{
    Box *box = check_box(L);
    size_t count = ddp_reducer_bucket_count(box->reducer);

    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        DdpGradBucket *bucket = ddp_reducer_bucket(box->reducer, i);

        lua_createtable(L, (int)ddp_grad_bucket_count(bucket), 0);
        for (size_t j = 0; j < ddp_grad_bucket_count(bucket); j++) {
            lua_pushinteger(L, (lua_Integer)ddp_tensor_numel(ddp_grad_bucket_parameter(bucket, j)));
            lua_rawseti(L, -2, (lua_Integer)j + 1);
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* syncs_buffers(reducer, flag): whether the next forward broadcasts them; a flag sets it */
static int
l_syncs_buffers(lua_State *L)
{
    Box *box = check_box(L);

    if (!lua_isnoneornil(L, 2))
        ddp_reducer_set_syncs_buffers(box->reducer, lua_toboolean(L, 2) != 0);
    lua_pushboolean(L, ddp_reducer_syncs_buffers(box->reducer));
    return 1;
}

/* ---- opening ------------------------------------------------------------------------- */

static int
l_use(lua_State *L)
{
    ddp_prelude_use(L, luaL_checkstring(L, 1));
    return 1;
}

static const luaL_Reg functions[] = {
    {"begin_forward", l_begin_forward},
    {"buckets", l_buckets},
    {"syncs_buffers", l_syncs_buffers},
    {"end_forward", l_end_forward},
    {"join", l_join},
    {"join_exit", l_join_exit},
    {"new_reducer", l_new_reducer},
    {"prepare_for_backward", l_prepare_for_backward},
    {"set_buffers", l_set_buffers},
    {"set_hook", l_set_hook},
    {"use", l_use},
    {NULL, NULL},
};

/* What dist gains: dist.ddp_comm_hooks, and futures of works. The module is on top. */
static void
add_to_dist(lua_State *L)
{
    lua_getfield(L, -1, "_comm_hooks");
    lua_getglobal(L, "dist");
    lua_insert(L, -2);
    lua_setfield(L, -2, "ddp_comm_hooks");
    lua_pop(L, 1);
    if (luaL_getmetatable(L, "dist.Work") == LUA_TTABLE) {
        lua_getfield(L, -1, "__index");
        lua_getfield(L, -3, "_get_future");
        lua_setfield(L, -2, "get_future");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

int
ddp_luaopen_ddp(lua_State *L)
{
    if (luaL_newmetatable(L, REDUCER)) {
        lua_pushcfunction(L, l_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
    ddp_lua_bucket_open(L);
    lua_getglobal(L, "nn");
    luaL_newlib(L, functions);
    lua_getglobal(L, "dist");
    ddp_prelude_run(L, "ddp", 3);
    add_to_dist(L);
    return 1;
}
