/* SPDX-License-Identifier: MIT */
/*
 * A call of self:log: its options, its checks in Lightning's order, its value.
 *
 * What is called for every batch costs little: names, hooks and options are Lua's own strings and
 * compared by address, and the entry of a call that was seen before is found without a look at
 * its text.
 */
#include "sim/script/log.h"

#include <lauxlib.h>
#include <string.h>

#include "sim/script/args.h"
#include "sim/script/libs.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"
#include "sim/train/hook_rules.h"

/* ---- what is kept per state, as the upvalue of log ---- */

typedef enum {
    PROG_BAR,
    LOGGER,
    ON_STEP,
    ON_EPOCH,
    REDUCE_FX,
    ENABLE_GRAPH,
    SYNC_DIST,
    SYNC_DIST_GROUP,
    ADD_DATALOADER_IDX,
    BATCH_SIZE,
    METRIC_ATTRIBUTE,
    RANK_ZERO_ONLY,
    OPTIONS
} Option;

static const char *const option_names[] = {
    [PROG_BAR] = "prog_bar",
    [LOGGER] = "logger",
    [ON_STEP] = "on_step",
    [ON_EPOCH] = "on_epoch",
    [REDUCE_FX] = "reduce_fx",
    [ENABLE_GRAPH] = "enable_graph",
    [SYNC_DIST] = "sync_dist",
    [SYNC_DIST_GROUP] = "sync_dist_group",
    [ADD_DATALOADER_IDX] = "add_dataloader_idx",
    [BATCH_SIZE] = "batch_size",
    [METRIC_ATTRIBUTE] = "metric_attribute",
    [RANK_ZERO_ONLY] = "rank_zero_only",
    [OPTIONS] = NULL,
};

/* Fields that log reads of the tables of the Trainer. */
typedef enum { BAREBONES, ACTIVE_RESULTS, CURRENT_HOOK, FIRST_LOOP_ITER, CURRENT_FX, FIELDS } Field;

static const char *const field_names[] = {
    [BAREBONES] = "barebones",        [ACTIVE_RESULTS] = "_active_results",
    [CURRENT_HOOK] = "_current_hook", [FIRST_LOOP_ITER] = "_first_loop_iter",
    [CURRENT_FX] = "_current_fx",
};

typedef struct {
    const char *option[OPTIONS]; /* the state's own strings */
    const char *rule_hook;       /* (nullable): the hook that was asked about last */
    const DdpHookRule *rule;     /* its rule */
} State;

/*
 * Upvalues of log: the State, then the fields' names. User values of the State: the options' names,
 * and rule_hook.
 */
#define UPVALUES (1 + FIELDS)

/* Arguments of log. */
enum { CONNECTOR = 1, MODULE, TRAINER, NAME, VALUE, GIVEN };

static void
push_field(lua_State *L, int table, Field field)
{
    lua_pushvalue(L, lua_upvalueindex(2 + (int)field));
    lua_rawget(L, table);
}

/* ---- options ---- */

typedef struct {
    DdpResultMeta meta; /* on_step, on_epoch and reduce as they hold unless given */
    DdpLevel on_step;
    DdpLevel on_epoch;
    DdpLevel logger;
    int reduce_fx;  /* index on the stack, 0 if not given */
    int batch_size; /* likewise */
} Options;

static int
raise_option(lua_State *L, Option option, const char *expected)
{
    return luaL_error(L, "TypeError: self:log of '%s': option '%s' is a %s, expected %s",
                      lua_tostring(L, NAME), option_names[option], luaL_typename(L, -1), expected);
}

static bool
read_flag(lua_State *L, Option option)
{
    if (lua_type(L, -1) != LUA_TBOOLEAN)
        raise_option(L, option, "true or false");
    return lua_toboolean(L, -1) != 0;
}

static const void *
read_group(lua_State *L)
{
    DdpGroup **slot = luaL_testudata(L, -1, "dist.ProcessGroup");

    if (slot == NULL)
        raise_option(L, SYNC_DIST_GROUP, "what dist.new_group returned");
    return *slot;
}

static const char *
read_attribute(lua_State *L)
{
    if (lua_type(L, -1) != LUA_TSTRING)
        raise_option(L, METRIC_ATTRIBUTE, "the name of a field");
    return ddp_script_intern(L, lua_tostring(L, -1));
}

/* The value lies on top of the stack; those that are looked at later stay there. */
static bool
read_option(lua_State *L, Option option, Options *options)
{
    DdpResultMeta *meta = &options->meta;

    switch (option) {
    case PROG_BAR:
        meta->prog_bar = read_flag(L, option);
        return false;
    case LOGGER:
        options->logger = read_flag(L, option) ? DDP_LEVEL_ON : DDP_LEVEL_OFF;
        return false;
    case ON_STEP:
        options->on_step = read_flag(L, option) ? DDP_LEVEL_ON : DDP_LEVEL_OFF;
        return false;
    case ON_EPOCH:
        options->on_epoch = read_flag(L, option) ? DDP_LEVEL_ON : DDP_LEVEL_OFF;
        return false;
    case REDUCE_FX:
        options->reduce_fx = GIVEN + 1;
        lua_copy(L, -1, options->reduce_fx);
        return false;
    case ENABLE_GRAPH:
        meta->enable_graph = read_flag(L, option);
        return false;
    case SYNC_DIST:
        meta->sync_dist = read_flag(L, option);
        return false;
    case SYNC_DIST_GROUP:
        meta->group = read_group(L);
        return false;
    case ADD_DATALOADER_IDX:
        meta->add_dataloader_idx = read_flag(L, option);
        return false;
    case BATCH_SIZE:
        options->batch_size = GIVEN + 2;
        lua_copy(L, -1, options->batch_size);
        return false;
    case METRIC_ATTRIBUTE:
        meta->metric_attribute = read_attribute(L);
        return false;
    case RANK_ZERO_ONLY:
        meta->rank_zero_only = read_flag(L, option);
        return false;
    case OPTIONS:
        break;
    }
    return true;
}

/* Leaves two more values on the stack, for reduce_fx and batch_size. */
static Options
read_options(lua_State *L, const State *state)
{
    Options options = {
        .meta = {.add_dataloader_idx = true},
        .on_step = DDP_LEVEL_UNSET,
        .on_epoch = DDP_LEVEL_UNSET,
        .logger = DDP_LEVEL_UNSET,
    };

    lua_settop(L, GIVEN + 2);
    if (lua_isnil(L, GIVEN))
        return options;
    if (!lua_istable(L, GIVEN))
        ddp_options_open(L, GIVEN, "log", option_names);

    lua_pushnil(L);
    while (lua_next(L, GIVEN) != 0) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        int option = 0;

        while (option < OPTIONS && state->option[option] != key)
            option++;
        if (read_option(L, (Option)option, &options)) {
            ddp_options_open(L, GIVEN, "log", option_names);
            luaL_error(L, "log: an option's name is a %s, expected a string", luaL_typename(L, -2));
        }
        lua_pop(L, 1);
    }
    return options;
}

static void
read_reduce(lua_State *L, const Options *options, DdpResultMeta *meta)
{
    GError *error = NULL;
    const char *name;

    if (options->reduce_fx == 0) {
        meta->reduce = DDP_RESULT_MEAN;
        return;
    }
    if (lua_type(L, options->reduce_fx) != LUA_TSTRING) {
        /* torch.mean and the like stand for their names. */
        lua_pushvalue(L, options->reduce_fx);
        ddp_log_call_helper(L, "reduce_name", 1, 1);
        lua_replace(L, options->reduce_fx);
    }
    name = lua_tostring(L, options->reduce_fx);
    if (!ddp_result_reduce_from_name(name, &meta->reduce, &error))
        ddp_args_raise(L, error);
}

static DdpNumber
read_batch_size(lua_State *L, int index)
{
    DdpTensor *tensor = ddp_lua_test_tensor(L, index);
    DdpNumber number = ddp_number_int(1);

    if (tensor != NULL && ddp_tensor_numel(tensor) == 1)
        return ddp_dtype_is_float(ddp_tensor_dtype(tensor))
                   ? ddp_number_float(ddp_tensor_item_f64(tensor, 0))
                   : ddp_number_int(ddp_tensor_item_i64(tensor, 0));
    if (lua_type(L, index) != LUA_TNUMBER || !ddp_lua_test_number(L, index, &number))
        luaL_error(L, "TypeError: self:log of '%s': option 'batch_size' is a %s, expected a number",
                   lua_tostring(L, NAME), luaL_typename(L, index));
    return number;
}

/* ---- values ---- */

typedef enum { NUMBER, TENSOR, METRIC } ValueKind;

static bool
is_metric(lua_State *L, int index)
{
    if (!lua_istable(L, index) || lua_getmetatable(L, index) == 0)
        return false;
    lua_pop(L, 1);
    lua_getfield(L, index, "is_metric");

    bool is = lua_toboolean(L, -1) != 0;

    lua_pop(L, 1);
    return is;
}

static bool
holds_a_table(lua_State *L, int index)
{
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        if (lua_istable(L, -1)) {
            lua_pop(L, 2);
            return true;
        }
        lua_pop(L, 1);
    }
    return false;
}

static ValueKind
check_value(lua_State *L, const char *name)
{
    int type = lua_type(L, VALUE);

    if (type == LUA_TNUMBER || type == LUA_TBOOLEAN)
        return NUMBER;
    if (type == LUA_TUSERDATA && ddp_lua_test_tensor(L, VALUE) != NULL)
        return TENSOR;
    if (type == LUA_TTABLE && is_metric(L, VALUE))
        return METRIC;
    if (type == LUA_TTABLE && holds_a_table(L, VALUE))
        luaL_error(L,
                   "ValueError: self:log of '%s' was given a table of tables, expected a "
                   "number, a tensor or a Metric",
                   name);
    luaL_error(L,
               "ValueError: self:log of '%s' was given a %s, expected a number, a tensor or a "
               "Metric",
               name, luaL_typename(L, VALUE));
    return NUMBER;
}

/* As a tensor of the default dtype, or of the tensor's own if that is float64. */
static DdpResultValue
value_of(lua_State *L, ValueKind kind, const char *name)
{
    DdpNumber number;

    if (kind == TENSOR) {
        DdpTensor *tensor = ddp_lua_check_tensor(L, VALUE);

        if (ddp_tensor_numel(tensor) != 1) {
            lua_getfield(L, VALUE, "shape");
            luaL_error(L,
                       "ValueError: self:log of '%s' was given a tensor of shape %s, expected a "
                       "single element; log its mean()",
                       name, luaL_tolstring(L, -1, NULL));
        }
        if (ddp_tensor_dtype(tensor) == DDP_DTYPE_F64)
            return (DdpResultValue){DDP_DTYPE_F64, ddp_tensor_item_f64(tensor, 0)};
        if (ddp_tensor_dtype(tensor) == DDP_DTYPE_I64)
            return (DdpResultValue){DDP_DTYPE_F32, (double)(float)ddp_tensor_item_i64(tensor, 0)};
        return (DdpResultValue){DDP_DTYPE_F32, (double)(float)ddp_tensor_item_f64(tensor, 0)};
    }
    ddp_lua_test_number(L, VALUE, &number);
    return (DdpResultValue){DDP_DTYPE_F32, number.kind == DDP_NUMBER_FLOAT
                                               ? (double)(float)number.f
                                               : (double)(float)number.i};
}

/* The number of the Metric among those of the results. */
static int64_t
metric_number(lua_State *L, DdpLogResults *box)
{
    int64_t number;

    ddp_log_push_anchors(L, box);
    lua_pushvalue(L, VALUE);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        number = (int64_t)lua_rawlen(L, -2) + 1;
        lua_pushvalue(L, VALUE);
        lua_rawseti(L, -3, number);
        lua_pushvalue(L, VALUE);
        lua_pushinteger(L, number);
        lua_rawset(L, -4);
    } else {
        number = lua_tointeger(L, -1);
    }
    lua_pop(L, 2);
    return number;
}

/* ---- the entry ---- */

static DdpLogKnown *
known_slot(DdpLogResults *box, const char *name, const char *hook, int loader)
{
    /* Addresses only say where to look first; what is found does not depend on them. */
    uintptr_t mixed = ((uintptr_t)name >> 4) * 31 + ((uintptr_t)hook >> 4) + (uintptr_t)loader;

    return &box->known[mixed % DDP_LOG_KNOWN];
}

static void
anchor(lua_State *L, DdpLogResults *box, int index)
{
    ddp_log_push_anchors(L, box);
    lua_pushvalue(L, index);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* @hook lies at @hook_index. */
static DdpResultEntry *
entry_of(lua_State *L, DdpLogResults *box, const char *name, const char *hook, int hook_index,
         const DdpResultMeta *meta, bool is_tensor)
{
    int loader = meta->add_dataloader_idx ? ddp_results_dataloader(box->results) : -2;
    DdpLogKnown *slot = known_slot(box, name, hook, loader);
    GError *error = NULL;

    if (slot->name == name && slot->hook == hook && slot->dataloader_idx == loader) {
        DdpResultEntry *entry =
            ddp_results_log(box->results, slot->entry, hook, name, meta, is_tensor, NULL, &error);

        if (entry == NULL)
            ddp_args_raise(L, error);
        return entry;
    }

    DdpResultEntry *entry = ddp_log_add_entry(L, box, hook, name, meta, is_tensor);

    /* Kept alive, so that no other string can come to lie at their addresses. */
    anchor(L, box, NAME);
    anchor(L, box, hook_index);
    *slot = (DdpLogKnown){name, hook, loader, entry};
    return entry;
}

/* ---- log ---- */

static void
check_rule(lua_State *L, State *state, const char *hook, int hook_index)
{
    GError *error = NULL;

    if (state->rule_hook == hook)
        return;
    state->rule_hook = NULL;
    state->rule = ddp_hook_rule(hook);
    if (!ddp_hook_rule_check(state->rule, hook, &error))
        ddp_args_raise(L, error);
    lua_pushvalue(L, hook_index);
    lua_setiuservalue(L, lua_upvalueindex(1), 2);
    state->rule_hook = hook;
}

/* If a new epoch has begun, what the hook logged in the last one is forgotten. */
static void
reset_tensors(lua_State *L, DdpLogResults *box, const char *hook, int hook_index)
{
    GError *error = NULL;

    push_field(L, CONNECTOR, CURRENT_FX);
    if (lua_rawequal(L, -1, hook_index)) {
        lua_pop(L, 1);
        return;
    }
    push_field(L, CONNECTOR, FIRST_LOOP_ITER);

    bool is_later_batch = lua_isboolean(L, -1) && !lua_toboolean(L, -1);

    lua_pop(L, 2);
    if (!is_later_batch && !ddp_results_reset(box->results, DDP_RESET_TENSORS, hook, &error))
        ddp_args_raise(L, error);
}

/* strategy.is_distributed of the Trainer */
static bool
is_distributed(lua_State *L)
{
    lua_getfield(L, TRAINER, "strategy");
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    lua_getfield(L, -1, "is_distributed");

    bool is = lua_toboolean(L, -1) != 0;

    lua_pop(L, 2);
    return is;
}

static void
observe(lua_State *L, DdpLogResults *box, int results, DdpResultEntry *entry,
        const Options *options, DdpResultValue value)
{
    DdpNumber weight = ddp_number_int(1);
    GError *error = NULL;

    if (options->batch_size != 0)
        weight = read_batch_size(L, options->batch_size);
    else if (box->has_batch_size)
        weight = box->batch_size;
    else if (box->has_batch && ddp_result_entry_is_weighted(entry))
        weight = ddp_log_weight(L, box, results);

    if (!ddp_result_entry_observe(box->results, entry, value, weight, &error))
        ddp_args_raise(L, error);
}

static void
observe_metric(lua_State *L, DdpLogResults *box, DdpResultEntry *entry, const char *name)
{
    DdpResultValue forward;
    bool has = false;

    if (ddp_result_entry_facts(entry)->meta.on_step) {
        lua_getfield(L, VALUE, "_forward_cache");
        has = !lua_isnil(L, -1);
        if (has)
            forward = ddp_log_metric_value(L, -1, name);
        lua_pop(L, 1);
    }
    ddp_result_entry_observe_metric(entry, metric_number(L, box), has ? &forward : NULL);
}

/* A value that is no float is converted, and that is said once. */
static void
warn_floating(lua_State *L, const char *name, const char *hook)
{
    if (ddp_dtype_is_float(ddp_tensor_dtype(ddp_lua_check_tensor(L, VALUE))))
        return;
    lua_pushstring(L, name);
    lua_pushstring(L, hook);
    ddp_log_call_helper(L, "warn_floating", 2, 0);
}

/* log(connector, module, trainer, name, value, options) */
static int
l_log(lua_State *L)
{
    State *state = lua_touserdata(L, lua_upvalueindex(1));
    size_t length;

    luaL_checktype(L, CONNECTOR, LUA_TTABLE);
    luaL_checktype(L, TRAINER, LUA_TTABLE);
    if (lua_type(L, NAME) != LUA_TSTRING)
        return luaL_error(L, "TypeError: self:log: the name is a %s, expected a string",
                          luaL_typename(L, NAME));

    Options options = read_options(L, state);
    const char *name = lua_tolstring(L, NAME, &length);
    ValueKind kind = check_value(L, name);
    GError *error = NULL;

    if (strlen(name) != length)
        return luaL_error(L, "self:log: the name \"%s\" goes on behind a NUL", name);

    push_field(L, TRAINER, BAREBONES);
    if (lua_toboolean(L, -1)) {
        ddp_log_call_helper(L, "warn_barebones", 0, 0);
        return 0;
    }
    push_field(L, TRAINER, ACTIVE_RESULTS);

    int results = lua_gettop(L);

    if (lua_isnil(L, results))
        return luaL_error(L,
                          "MisconfigurationException: self:log of '%s': there is no loop that "
                          "collects results now; predict hooks cannot log",
                          name);

    DdpLogResults *box = ddp_log_check_results(L, results);

    push_field(L, TRAINER, CURRENT_HOOK);

    int hook_index = lua_gettop(L);
    const char *hook = lua_tostring(L, hook_index);

    if (hook == NULL)
        return luaL_error(L,
                          "MisconfigurationException: self:log of '%s' was called outside of "
                          "the hooks that the Trainer runs",
                          name);
    check_rule(L, state, hook, hook_index);
    if (!ddp_hook_rule_levels(state->rule, options.on_step, options.on_epoch, &options.meta.on_step,
                              &options.meta.on_epoch, &error))
        ddp_args_raise(L, error);
    if (options.meta.add_dataloader_idx && strstr(name, "/dataloader_idx_") != NULL)
        return luaL_error(L,
                          "MisconfigurationException: self:log of '%s': the name says which "
                          "dataloader, which add_dataloader_idx = true does by itself",
                          name);

    DdpResultValue value = {DDP_DTYPE_F32, 0};

    if (kind != METRIC)
        value = value_of(L, kind, name);
    reset_tensors(L, box, hook, hook_index);
    if (kind == METRIC && options.meta.metric_attribute == NULL) {
        lua_pushvalue(L, MODULE);
        lua_pushvalue(L, VALUE);
        lua_pushvalue(L, NAME);
        ddp_log_call_helper(L, "find_metric", 3, 1);
        options.meta.metric_attribute = ddp_script_intern(L, luaL_checkstring(L, -1));
        lua_pop(L, 1);
    }
    if (options.logger == DDP_LEVEL_ON) {
        lua_pushvalue(L, TRAINER);
        lua_pushvalue(L, NAME);
        ddp_log_call_helper(L, "warn_no_logger", 2, 0);
    }
    options.meta.logger = options.logger != DDP_LEVEL_OFF;
    if (options.meta.sync_dist || ddp_results_count(box->results) == 0)
        box->distributed = is_distributed(L);
    options.meta.sync_dist = options.meta.sync_dist && box->distributed;
    read_reduce(L, &options, &options.meta);

    DdpResultEntry *entry = entry_of(L, box, name, hook, hook_index, &options.meta, kind != METRIC);

    if (kind == TENSOR)
        warn_floating(L, name, hook);
    if (kind == METRIC)
        observe_metric(L, box, entry, name);
    else
        observe(L, box, results, entry, &options, value);

    lua_pushvalue(L, lua_upvalueindex(2 + CURRENT_FX));
    lua_pushvalue(L, hook_index);
    lua_rawset(L, CONNECTOR);
    return 0;
}

static void
push_log(lua_State *L)
{
    State *state = lua_newuserdatauv(L, sizeof *state, 2);

    *state = (State){.rule_hook = NULL};
    lua_createtable(L, OPTIONS, 0);
    for (int i = 0; i < OPTIONS; i++) {
        state->option[i] = lua_pushstring(L, option_names[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setiuservalue(L, -2, 1);
    for (int i = 0; i < FIELDS; i++)
        lua_pushstring(L, field_names[i]);
    lua_pushcclosure(L, l_log, UPVALUES);
}

int
ddp_luaopen_log(lua_State *L)
{
    lua_newtable(L);
    push_log(L);
    lua_setfield(L, -2, "log");
    ddp_log_open_results(L);
    ddp_log_open_dicts(L);
    return 1;
}
