/* SPDX-License-Identifier: MIT */
/*
 * The results of a loop as a userdata: their collectives, their Metric objects, their batch.
 */
#include <lauxlib.h>
#include <string.h>

#include "sim/script/dist.h"
#include "sim/script/log.h"
#include "sim/script/state_private.h"
#include "sim/script/tensor.h"
#include "sim/train/hook_rules.h"
#include "sim/world/world.h"

static const char helpers_key = 'h'; /* in the registry: functions of logger_connector.lua */

void
ddp_log_call_helper(lua_State *L, const char *helper, int arguments, int results)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &helpers_key);
    lua_getfield(L, -1, helper);
    lua_remove(L, -2);
    lua_insert(L, -arguments - 1);
    lua_call(L, arguments, results);
}

/* setup(helpers) */
static int
l_setup(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &helpers_key);
    return 0;
}

/* ---- to the other ranks ---- */

static DdpGroup *
group_of(lua_State *L, const DdpResultFacts *facts)
{
    DdpWorld *world = ddp_rank_world(ddp_script_rank(L)->world_rank);

    /* The group came in as a Lua value of this rank and is only stored as const. */
    return facts->meta.group != NULL ? (DdpGroup *)facts->meta.group
                                     : ddp_comm_world_group(ddp_world_comm(world));
}

static int
group_size(void *user_data, const DdpResultFacts *facts)
{
    DdpLogResults *box = user_data;

    if (ddp_script_rank(box->L)->oracle)
        return 1;
    return ddp_group_size(group_of(box->L, facts));
}

/*
 * The line that logs is the call's place, and what runs now, trainer:fit as a rule, is where it is
 * called from: an entry is often reduced long after it was logged.
 */
static void
show_log_line(DdpLogResults *box, const DdpResultFacts *facts, DdpCall *call, DdpCaller *caller)
{
    for (guint i = 0; i < box->sites->len; i++) {
        const DdpLogSite *at = &g_array_index(box->sites, DdpLogSite, i);

        if (at->facts != facts || at->site.line == 0)
            continue;
        if (at->site.line == call->site.line && strcmp(at->site.file, call->site.file) == 0)
            return;
        caller->via = call->site;
        caller->via_scope = caller->scope;
        call->site = at->site;
        caller->scope = at->scope;
        return;
    }
}

static void
play(DdpLogResults *box, const DdpResultFacts *facts, const char *purpose, DdpCall *call)
{
    lua_State *L = box->L;
    DdpScriptRank *script = ddp_script_rank(L);
    GError *error = NULL;
    DdpCaller caller;

    if (script->oracle)
        return;

    DdpGroup *group = group_of(L, facts);

    if (ddp_group_member(group, script->rank) < 0)
        luaL_error(L,
                   "ValueError: self:log of '%s': rank %d is no member of the group in "
                   "sync_dist_group",
                   facts->name, script->rank);
    ddp_dist_note_caller(L, call, &caller, 0);
    show_log_line(box, facts, call, &caller);
    call->name = purpose;
    ddp_script_settle(L);
    if (!ddp_rank_group_call(script->world_rank, group, call, &error)) {
        g_prefix_error(&error, "(%s) ", purpose);
        ddp_dist_raise(L, ddp_call_kind_name(call->kind), error);
    }
    ddp_script_met(L);
    if (ddp_dist_merges(L, group, call->kind))
        ddp_script_note_merged(L);
}

static bool
barrier(void *user_data, const DdpResultFacts *facts, const char *purpose, GError **error)
{
    DdpCall call;

    (void)error;
    ddp_call_init(&call, DDP_CALL_BARRIER, (DdpSite){NULL, 0});
    play(user_data, facts, purpose, &call);
    return true;
}

static bool
all_reduce(void *user_data, const DdpResultFacts *facts, const char *purpose, DdpResultOp op,
           DdpDtype dtype, void *number, GError **error)
{
    static const DdpReduceOp ops[] = {
        [DDP_RESULT_OP_SUM] = DDP_REDUCE_SUM,
        [DDP_RESULT_OP_AVG] = DDP_REDUCE_AVG,
        [DDP_RESULT_OP_MIN] = DDP_REDUCE_MIN,
        [DDP_RESULT_OP_MAX] = DDP_REDUCE_MAX,
    };
    DdpCall call;

    (void)error;
    ddp_call_init(&call, DDP_CALL_ALL_REDUCE, (DdpSite){NULL, 0});
    call.dtype = dtype;
    call.op = ops[op];
    call.count = 1;
    call.in = number;
    call.out = number;
    play(user_data, facts, purpose, &call);
    return true;
}

static void
unsynced(void *user_data, const DdpResultFacts *facts)
{
    DdpLogResults *box = user_data;

    if (!box->distributed || ddp_script_rank(box->L)->oracle)
        return;
    lua_pushstring(box->L, facts->name);
    ddp_log_call_helper(box->L, "warn_unsynced", 1, 0);
}

/* ---- Metric objects ---- */

DdpResultValue
ddp_log_metric_value(lua_State *L, int index, const char *name)
{
    DdpTensor *tensor = ddp_lua_test_tensor(L, index);

    if (tensor == NULL)
        luaL_error(L,
                   "ValueError: the Metric logged as '%s' computed a %s, expected a tensor; of "
                   "several values log each by itself",
                   name, luaL_typename(L, index));
    if (ddp_tensor_numel(tensor) != 1)
        luaL_error(L,
                   "ValueError: the Metric logged as '%s' computed a tensor of %d elements, which "
                   "is no single number",
                   name, (int)ddp_tensor_numel(tensor));

    bool is_wide = ddp_tensor_dtype(tensor) == DDP_DTYPE_F64;

    return (DdpResultValue){is_wide ? DDP_DTYPE_F64 : DDP_DTYPE_F32,
                            ddp_tensor_item_f64(tensor, 0)};
}

void
ddp_log_push_anchors(lua_State *L, DdpLogResults *box)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, box);
}

/* Calls a method of the Metric with that number; its result is left. */
static void
call_metric(DdpLogResults *box, int64_t metric, const char *method)
{
    lua_State *L = box->L;

    luaL_checkstack(L, 8, NULL);
    ddp_log_push_anchors(L, box);
    lua_rawgeti(L, -1, metric);
    lua_remove(L, -2);
    lua_getfield(L, -1, method);
    lua_insert(L, -2);
    lua_call(L, 1, 1);
}

static bool
metric_compute(void *user_data, const DdpResultFacts *facts, int64_t metric, DdpResultValue *value,
               GError **error)
{
    DdpLogResults *box = user_data;

    (void)error;
    call_metric(box, metric, "compute");
    *value = ddp_log_metric_value(box->L, -1, facts->name);
    lua_pop(box->L, 1);
    return true;
}

static bool
metric_reset(void *user_data, const DdpResultFacts *facts, int64_t metric, GError **error)
{
    DdpLogResults *box = user_data;

    (void)facts;
    (void)error;
    call_metric(box, metric, "reset");
    lua_pop(box->L, 1);
    return true;
}

/* ---- the userdata ---- */

DdpLogResults *
ddp_log_check_results(lua_State *L, int index)
{
    DdpLogResults *box = luaL_checkudata(L, index, DDP_LUA_RESULTS);

    box->L = L;
    return box;
}

static int
l_gc(lua_State *L)
{
    DdpLogResults *box = luaL_checkudata(L, 1, DDP_LUA_RESULTS);

    g_clear_pointer(&box->results, ddp_results_free);
    g_clear_pointer(&box->sites, g_array_unref);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, box);
    return 0;
}

/* new_results(training) */
static int
l_new_results(lua_State *L)
{
    bool training = lua_toboolean(L, 1) != 0;
    DdpLogResults *box = lua_newuserdatauv(L, sizeof *box, 1);

    memset(box, 0, sizeof *box);
    luaL_setmetatable(L, DDP_LUA_RESULTS);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, box);

    const DdpResultOps ops = {
        .has_avg =
            strcmp(ddp_script_play(L)->record->backend != NULL ? ddp_script_play(L)->record->backend
                                                               : "nccl",
                   "gloo") != 0,
        .size = group_size,
        .barrier = barrier,
        .all_reduce = all_reduce,
        .unsynced = unsynced,
        .metric_compute = metric_compute,
        .metric_reset = metric_reset,
        .user_data = box,
    };

    box->L = L;
    box->sites = g_array_new(FALSE, FALSE, sizeof(DdpLogSite));
    box->results = ddp_results_new(training, &ops);
    return 1;
}

DdpResultEntry *
ddp_log_add_entry(lua_State *L, DdpLogResults *box, const char *hook, const char *name,
                  const DdpResultMeta *meta, bool is_tensor)
{
    int before = ddp_results_count(box->results);
    char place[DDP_PLACE_MAX] = "";
    DdpLogSite at = {.site = {NULL, 0}};
    GError *error = NULL;
    lua_Debug line;

    if (ddp_args_site(L, &line)) {
        at.site = (DdpSite){ddp_script_intern(L, ddp_args_file(&line)), line.currentline};
        at.scope = line.linedefined;
        g_snprintf(place, sizeof place, "%s:%d", at.site.file, at.site.line);
    }

    DdpResultEntry *entry = ddp_results_log(box->results, NULL, hook, name, meta, is_tensor,
                                            *place != '\0' ? place : NULL, &error);

    if (entry == NULL)
        ddp_args_raise(L, error);
    if (ddp_results_count(box->results) > before) {
        at.facts = ddp_result_entry_facts(entry);
        g_array_append_val(box->sites, at);
    }
    return entry;
}

/* reset(results, kind, hook): kind is nil, "tensors" or "metrics" */
static int
l_reset(lua_State *L)
{
    static const char *const kinds[] = {"all", "tensors", "metrics", NULL};
    DdpLogResults *box = ddp_log_check_results(L, 1);
    int kind = luaL_checkoption(L, 2, "all", kinds);
    const char *hook = luaL_optstring(L, 3, NULL);
    GError *error = NULL;

    if (!ddp_results_reset(box->results, (DdpResetKind)kind, hook, &error))
        ddp_args_raise(L, error);
    return 0;
}

/* ---- the batch ---- */

/* attach_batch(results, batch, dataloader_idx) */
static int
l_attach_batch(lua_State *L)
{
    DdpLogResults *box = ddp_log_check_results(L, 1);
    lua_Integer loader = luaL_optinteger(L, 3, -1);

    box->has_batch = !lua_isnoneornil(L, 2);
    box->has_batch_size = false;
    lua_settop(L, 2);
    lua_setiuservalue(L, 1, DDP_LOG_BATCH);
    ddp_results_set_dataloader(box->results, (int)loader);
    return 0;
}

static int
l_detach_batch(lua_State *L)
{
    DdpLogResults *box = ddp_log_check_results(L, 1);

    if (box->has_batch) {
        lua_pushnil(L);
        lua_setiuservalue(L, 1, DDP_LOG_BATCH);
    }
    box->has_batch = box->has_batch_size = false;
    return 0;
}

/* set_dataloader(results, dataloader_idx): nil for none */
static int
l_set_dataloader(lua_State *L)
{
    DdpLogResults *box = ddp_log_check_results(L, 1);

    ddp_results_set_dataloader(box->results, (int)luaL_optinteger(L, 2, -1));
    return 0;
}

#define BATCH_DEPTH_MAX 100

typedef struct {
    bool found;     /* a size, in `size` */
    bool ambiguous; /* something else followed */
    int64_t size;
} Extraction;

/* Depth first; stops at the first leaf that does not agree with the size found. */
static void
extract(lua_State *L, int value, int depth, Extraction *got)
{
    DdpTensor *tensor = ddp_lua_test_tensor(L, value);

    if (tensor != NULL) {
        int64_t size = ddp_tensor_ndim(tensor) == 0 ? 1 : ddp_tensor_shape(tensor)[0];

        if (!got->found)
            *got = (Extraction){.found = true, .size = size};
        else if (size != got->size)
            got->ambiguous = true;
        return;
    }
    if (!lua_istable(L, value)) {
        got->ambiguous = got->found;
        return;
    }
    if (depth > BATCH_DEPTH_MAX)
        luaL_error(L,
                   "RecursionError: the batch is nested more than %d deep; give its size with "
                   "self:log(..., { batch_size = n })",
                   BATCH_DEPTH_MAX);
    luaL_checkstack(L, 8, NULL);

    /* In the order of pairs(), the scenario's. */
    lua_pushvalue(L, value);
    ddp_log_call_helper(L, "pairs", 1, 3);
    for (;;) {
        int base = lua_gettop(L);

        lua_pushvalue(L, base - 2);
        lua_pushvalue(L, base - 1);
        lua_pushvalue(L, base);
        lua_call(L, 2, 2);
        if (lua_isnil(L, -2)) {
            lua_settop(L, base - 3);
            return;
        }
        extract(L, base + 2, depth + 1, got);
        if (got->ambiguous) {
            lua_settop(L, base - 3);
            return;
        }
        lua_settop(L, base + 1);
        lua_replace(L, base);
    }
}

DdpNumber
ddp_log_weight(lua_State *L, DdpLogResults *box, int results)
{
    Extraction got = {.found = false};

    lua_getiuservalue(L, results, DDP_LOG_BATCH);
    extract(L, lua_gettop(L), 0, &got);
    lua_pop(L, 1);
    if (!got.found)
        luaL_error(L, "MisconfigurationException: no tensor in the batch tells its size; give it "
                      "with self:log(..., { batch_size = n })");
    if (got.ambiguous) {
        lua_pushinteger(L, (lua_Integer)got.size);
        ddp_log_call_helper(L, "warn_ambiguous", 1, 0);
    }
    box->batch_size = ddp_number_int(got.size);
    box->has_batch_size = true;
    return box->batch_size;
}

/* ---- what others may ask ---- */

static void
set_flag(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

/* entries(results): a list of what is known about each entry, in their order */
static int
l_entries(lua_State *L)
{
    DdpLogResults *box = ddp_log_check_results(L, 1);
    int count = ddp_results_count(box->results);

    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        const DdpResultFacts *facts = ddp_result_entry_facts(ddp_results_entry(box->results, i));

        lua_createtable(L, 0, 12);
        lua_pushstring(L, facts->hook);
        lua_setfield(L, -2, "hook");
        lua_pushstring(L, facts->name);
        lua_setfield(L, -2, "name");
        if (facts->dataloader_idx >= 0) {
            lua_pushinteger(L, facts->dataloader_idx);
            lua_setfield(L, -2, "dataloader_idx");
        }
        lua_pushstring(L, ddp_result_reduce_name(facts->meta.reduce));
        lua_setfield(L, -2, "reduce_fx");
        lua_pushstring(L, facts->site);
        lua_setfield(L, -2, "site");
        set_flag(L, "is_tensor", facts->is_tensor);
        set_flag(L, "on_step", facts->meta.on_step);
        set_flag(L, "on_epoch", facts->meta.on_epoch);
        set_flag(L, "logger", facts->meta.logger);
        set_flag(L, "prog_bar", facts->meta.prog_bar);
        set_flag(L, "sync_dist", facts->meta.sync_dist);
        set_flag(L, "rank_zero_only", facts->meta.rank_zero_only);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int
l_is_empty(lua_State *L)
{
    DdpLogResults *box = ddp_log_check_results(L, 1);

    lua_pushboolean(L, ddp_results_count(box->results) == 0);
    return 1;
}

static const luaL_Reg verbs[] = {
    {"setup", l_setup},
    {"new_results", l_new_results},
    {"reset", l_reset},
    {"attach_batch", l_attach_batch},
    {"detach_batch", l_detach_batch},
    {"set_dataloader", l_set_dataloader},
    {"entries", l_entries},
    {"is_empty", l_is_empty},
    {NULL, NULL},
};

void
ddp_log_open_results(lua_State *L)
{
    if (luaL_newmetatable(L, DDP_LUA_RESULTS)) {
        lua_pushcfunction(L, l_gc);
        lua_setfield(L, -2, "__gc");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
    luaL_setfuncs(L, verbs, 0);
}
