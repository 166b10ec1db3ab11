/* SPDX-License-Identifier: MIT */
/*
 * What a checkpoint keeps of a run that goes on, beside weights and optimisers, as Lua tables that
 * torch.save can write: what self:log has gathered, the Trainer's dictionaries, positions of
 * loaders (data_loader.c), and the state of math.random. For lua/resuming.lua.
 */
#include <lauxlib.h>
#include <string.h>

#include "sim/script/args.h"
#include "sim/script/data.h"
#include "sim/script/libs.h"
#include "sim/script/log.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

/* ---- fields of the table on top of the stack ---- */

static void
set_string(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void
set_integer(lua_State *L, const char *name, int64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

static void
set_flag(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

/* A number as a tensor of no dimensions would hold it: { value, is float64 }. */
static void
set_value(lua_State *L, const char *name, DdpResultValue value)
{
    lua_createtable(L, 2, 0);
    lua_pushnumber(L, value.value);
    lua_rawseti(L, -2, 1);
    lua_pushboolean(L, value.dtype == DDP_DTYPE_F64);
    lua_rawseti(L, -2, 2);
    lua_setfield(L, -2, name);
}

static int
raise_field(lua_State *L, const char *name, const char *expected)
{
    return luaL_error(L,
                      "the checkpoint's state of logged values is damaged: '%s' is a %s, expected "
                      "%s",
                      name, luaL_typename(L, -1), expected);
}

/* The string stays on the stack; NULL for nil. */
static const char *
get_string(lua_State *L, int table, const char *name)
{
    int type = lua_getfield(L, table, name);

    if (type != LUA_TSTRING && type != LUA_TNIL)
        raise_field(L, name, "a string");
    return lua_tostring(L, -1);
}

static int64_t
get_integer(lua_State *L, int table, const char *name, int64_t fallback)
{
    int type = lua_getfield(L, table, name);
    int64_t value = fallback;

    if (type != LUA_TNIL) {
        if (!lua_isinteger(L, -1))
            raise_field(L, name, "a whole number");
        value = lua_tointeger(L, -1);
    }
    lua_pop(L, 1);
    return value;
}

static bool
get_flag(lua_State *L, int table, const char *name)
{
    lua_getfield(L, table, name);

    bool value = lua_toboolean(L, -1) != 0;

    lua_pop(L, 1);
    return value;
}

static DdpResultValue
get_value(lua_State *L, int table, const char *name)
{
    DdpResultValue value = {DDP_DTYPE_F32, 0};

    if (lua_getfield(L, table, name) != LUA_TTABLE)
        raise_field(L, name, "a pair");
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    if (lua_type(L, -2) != LUA_TNUMBER)
        raise_field(L, name, "a pair");
    value.value = lua_tonumber(L, -2);
    value.dtype = lua_toboolean(L, -1) ? DDP_DTYPE_F64 : DDP_DTYPE_F32;
    lua_pop(L, 3);
    return value;
}

/* ---- results of self:log ---- */

static const DdpLogSite *
site_of(const DdpLogResults *box, const DdpResultFacts *facts)
{
    for (guint i = 0; i < box->sites->len; i++) {
        const DdpLogSite *site = &g_array_index(box->sites, DdpLogSite, i);

        if (site->facts == facts)
            return site;
    }
    return NULL;
}

static void
push_entry(lua_State *L, const DdpLogResults *box, const DdpResultEntry *entry)
{
    const DdpResultFacts *facts = ddp_result_entry_facts(entry);
    const DdpLogSite *site = site_of(box, facts);
    DdpResultHeld held = ddp_result_entry_held(entry);

    lua_createtable(L, 0, 24);
    set_string(L, "hook", facts->hook);
    set_string(L, "name", facts->name);
    set_integer(L, "dataloader_idx", facts->dataloader_idx);
    set_flag(L, "is_tensor", facts->is_tensor);
    set_flag(L, "prog_bar", facts->meta.prog_bar);
    set_flag(L, "logger", facts->meta.logger);
    set_flag(L, "on_step", facts->meta.on_step);
    set_flag(L, "on_epoch", facts->meta.on_epoch);
    set_string(L, "reduce_fx", ddp_result_reduce_name(facts->meta.reduce));
    set_flag(L, "enable_graph", facts->meta.enable_graph);
    set_flag(L, "sync_dist", facts->meta.sync_dist);
    set_flag(L, "rank_zero_only", facts->meta.rank_zero_only);
    set_flag(L, "add_dataloader_idx", facts->meta.add_dataloader_idx);
    if (facts->meta.metric_attribute != NULL)
        set_string(L, "metric_attribute", facts->meta.metric_attribute);
    if (facts->site != NULL)
        set_string(L, "site", facts->site);
    if (site != NULL && site->site.file != NULL) {
        set_string(L, "file", site->site.file);
        set_integer(L, "line", site->site.line);
        set_integer(L, "scope", site->scope);
    }
    set_value(L, "sum", held.sum);
    set_integer(L, "weight", held.weight);
    if (held.weight_is_float)
        set_value(L, "weight_float", (DdpResultValue){DDP_DTYPE_F32, (double)held.weight_f32});
    if (held.has_forward)
        set_value(L, "forward", held.forward);
    if (held.has_computed)
        set_value(L, "computed", held.computed);
    set_flag(L, "was_reset", held.was_reset);
}

/*
 * results_state(results): a list of what each entry is and holds. One that is reduced over a group
 * is left out: groups have no name by which another run would know them.
 */
static int
l_results_state(lua_State *L)
{
    DdpLogResults *box = ddp_log_check_results(L, 1);
    int count = ddp_results_count(box->results);
    lua_Integer used = 0;

    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        const DdpResultEntry *entry = ddp_results_entry(box->results, i);

        if (ddp_result_entry_facts(entry)->meta.group != NULL)
            continue;
        push_entry(L, box, entry);
        lua_rawseti(L, -2, ++used);
    }
    return 1;
}

/* The number of the Metric that the function at @resolve finds under the attribute; 0 if none. */
static int64_t
number_of_metric(lua_State *L, DdpLogResults *box, int resolve, const char *attribute)
{
    int64_t number;

    lua_pushvalue(L, resolve);
    lua_pushstring(L, attribute);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return 0;
    }

    int metric = lua_gettop(L);

    ddp_log_push_anchors(L, box);
    lua_pushvalue(L, metric);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        number = (int64_t)lua_rawlen(L, metric + 1) + 1;
        lua_pushvalue(L, metric);
        lua_rawseti(L, metric + 1, number);
        lua_pushvalue(L, metric);
        lua_pushinteger(L, number);
        lua_rawset(L, metric + 1);
    } else {
        number = lua_tointeger(L, -1);
    }
    lua_settop(L, metric - 1);
    return number;
}

static DdpResultMeta
get_meta(lua_State *L, int entry)
{
    DdpResultMeta meta = {
        .prog_bar = get_flag(L, entry, "prog_bar"),
        .logger = get_flag(L, entry, "logger"),
        .on_step = get_flag(L, entry, "on_step"),
        .on_epoch = get_flag(L, entry, "on_epoch"),
        .enable_graph = get_flag(L, entry, "enable_graph"),
        .sync_dist = get_flag(L, entry, "sync_dist"),
        .rank_zero_only = get_flag(L, entry, "rank_zero_only"),
        .add_dataloader_idx = get_flag(L, entry, "add_dataloader_idx"),
    };
    const char *attribute = get_string(L, entry, "metric_attribute");
    const char *reduce = get_string(L, entry, "reduce_fx");
    GError *error = NULL;

    if (attribute != NULL)
        meta.metric_attribute = ddp_script_intern(L, attribute);
    if (reduce == NULL)
        raise_field(L, "reduce_fx", "a string");
    if (!ddp_result_reduce_from_name(reduce, &meta.reduce, &error))
        ddp_args_raise(L, error);
    lua_pop(L, 2);
    return meta;
}

static DdpResultHeld
get_held(lua_State *L, int entry)
{
    DdpResultHeld held = {
        .sum = get_value(L, entry, "sum"),
        .weight = get_integer(L, entry, "weight", 0),
        .was_reset = get_flag(L, entry, "was_reset"),
        .weight_is_float = get_flag(L, entry, "weight_float"),
        .has_forward = get_flag(L, entry, "forward"),
        .has_computed = get_flag(L, entry, "computed"),
    };

    if (held.weight_is_float)
        held.weight_f32 = (float)get_value(L, entry, "weight_float").value;
    if (held.has_forward)
        held.forward = get_value(L, entry, "forward");
    if (held.has_computed)
        held.computed = get_value(L, entry, "computed");
    return held;
}

/* Where it was logged in the run before: a collective of it is shown at that line. */
static void
add_site(lua_State *L, DdpLogResults *box, int entry, const DdpResultFacts *facts)
{
    const char *file = get_string(L, entry, "file");

    if (file != NULL) {
        DdpLogSite site = {
            .facts = facts,
            .site = {ddp_script_intern(L, file), (int)get_integer(L, entry, "line", 0)},
            .scope = (int)get_integer(L, entry, "scope", 0),
        };

        g_array_append_val(box->sites, site);
    }
    lua_pop(L, 1);
}

static void
load_entry(lua_State *L, DdpLogResults *box, int entry, int resolve)
{
    DdpResultMeta meta = get_meta(L, entry);
    DdpResultHeld held = get_held(L, entry);
    bool is_tensor = get_flag(L, entry, "is_tensor");
    int top = lua_gettop(L);
    const char *hook = get_string(L, entry, "hook");
    const char *name = get_string(L, entry, "name");
    const char *site = get_string(L, entry, "site");
    int64_t metric = 0;
    GError *error = NULL;

    if (hook == NULL || name == NULL)
        luaL_error(L, "the checkpoint's state of logged values is damaged: an entry has no name");
    if (!is_tensor)
        metric = number_of_metric(L, box, resolve,
                                  meta.metric_attribute != NULL ? meta.metric_attribute : "");
    if (is_tensor || metric != 0) {
        ddp_results_set_dataloader(box->results, (int)get_integer(L, entry, "dataloader_idx", -1));

        DdpResultEntry *made =
            ddp_results_log(box->results, NULL, hook, name, &meta, is_tensor, site, &error);

        if (made == NULL)
            ddp_args_raise(L, error);
        ddp_result_entry_hold(made, &held, metric);
        add_site(L, box, entry, ddp_result_entry_facts(made));
    }
    lua_settop(L, top);
}

/* load_results(results, state, resolve): resolve(attribute) gives the Metric of that name */
static int
l_load_results(lua_State *L)
{
    DdpLogResults *box = ddp_log_check_results(L, 1);
    lua_Integer count;

    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    lua_settop(L, 3);
    if (ddp_results_count(box->results) > 0)
        return luaL_error(L, "values were logged before their state was loaded");
    count = (lua_Integer)lua_rawlen(L, 2);
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_rawgeti(L, 2, i) != LUA_TTABLE)
            raise_field(L, "an entry", "a table");
        load_entry(L, box, 4, 3);
        lua_settop(L, 3);
    }
    ddp_results_set_dataloader(box->results, -1);
    return 0;
}

/* ---- the Trainer's dictionaries ---- */

static const char *const dict_names[] = {"callback", "logged", "bar"};

/* dicts_state(dicts): for each dictionary a list of { name, value, is float64, site } */
static int
l_dicts_state(lua_State *L)
{
    lua_settop(L, 1);
    lua_createtable(L, 0, G_N_ELEMENTS(dict_names));
    for (size_t d = 0; d < G_N_ELEMENTS(dict_names); d++) {
        const DdpMetricDict *dict = ddp_log_check_dict(L, 1, dict_names[d]);
        int count = ddp_metric_dict_count(dict);

        lua_createtable(L, count, 0);
        for (int i = 0; i < count; i++) {
            const DdpMetric *metric = ddp_metric_dict_get(dict, i);

            lua_createtable(L, 0, 3);
            set_string(L, "name", metric->name);
            set_value(L, "value", metric->value);
            if (metric->site != NULL)
                set_string(L, "site", metric->site);
            lua_rawseti(L, -2, i + 1);
        }
        lua_setfield(L, -2, dict_names[d]);
    }
    return 1;
}

/* load_dicts(dicts, state) */
static int
l_load_dicts(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    for (size_t d = 0; d < G_N_ELEMENTS(dict_names); d++) {
        DdpMetricDict *dict = ddp_log_check_dict(L, 1, dict_names[d]);

        if (lua_getfield(L, 2, dict_names[d]) != LUA_TTABLE)
            raise_field(L, dict_names[d], "a list");
        for (lua_Integer i = 1; lua_rawgeti(L, 3, i) == LUA_TTABLE; i++) {
            const char *name = get_string(L, 4, "name");
            const char *site = get_string(L, 4, "site");

            if (name == NULL)
                raise_field(L, "name", "a string");
            ddp_metric_dict_set(dict, name, get_value(L, 4, "value"), site);
            lua_settop(L, 3);
        }
        lua_settop(L, 2);
    }
    return 0;
}

/* ---- math.random ---- */

#define MATH_STATE_BYTES 32 /* of xoshiro256**, as Lua 5.4 has it */

/* The state behind math.random, or NULL where this Lua keeps it otherwise. Leaves nothing. */
static void *
math_state(lua_State *L)
{
    void *state = NULL;

    lua_getglobal(L, "math");
    if (lua_istable(L, -1)) {
        lua_pushliteral(L, "random");
        lua_rawget(L, -2);
        if (lua_iscfunction(L, -1) && lua_getupvalue(L, -1, 1) != NULL) {
            if (lua_type(L, -1) == LUA_TUSERDATA && lua_rawlen(L, -1) == MATH_STATE_BYTES)
                state = lua_touserdata(L, -1);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return state;
}

/* math_random_state(): its bytes; nothing if they cannot be had */
static int
l_math_random_state(lua_State *L)
{
    const void *state = math_state(L);

    if (state == NULL)
        return 0;
    lua_pushlstring(L, state, MATH_STATE_BYTES);
    return 1;
}

/* set_math_random_state(bytes) */
static int
l_set_math_random_state(lua_State *L)
{
    size_t length;
    const char *bytes = luaL_checklstring(L, 1, &length);
    void *state = math_state(L);

    if (length != MATH_STATE_BYTES)
        return luaL_error(L, "the state of math.random has %d bytes, expected %d", (int)length,
                          MATH_STATE_BYTES);
    if (state != NULL)
        memcpy(state, bytes, MATH_STATE_BYTES);
    return 0;
}

static int
l_is_oracle(lua_State *L)
{
    lua_pushboolean(L, ddp_script_rank(L)->oracle);
    return 1;
}

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

static const luaL_Reg verbs[] = {
    {"dicts_state", l_dicts_state},
    {"is_loader", l_is_loader},
    {"is_oracle", l_is_oracle},
    {"is_tensor", l_is_tensor},
    {"load_dicts", l_load_dicts},
    {"load_results", l_load_results},
    {"loader_generators", ddp_lua_loader_generators},
    {"math_random_state", l_math_random_state},
    {"pass_resume", ddp_lua_pass_resume},
    {"pass_state", ddp_lua_pass_state},
    {"results_state", l_results_state},
    {"set_math_random_state", l_set_math_random_state},
    {NULL, NULL},
};

int
ddp_luaopen_resume(lua_State *L)
{
    luaL_newlib(L, verbs);
    return 1;
}
