/* SPDX-License-Identifier: MIT */
/*
 * The three dictionaries of a Trainer as a userdata: callback_metrics, logged_metrics and
 * progress_bar_metrics. They are filled in C; a Lua table of one is made when it is read, and
 * brought up to date each time.
 */
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "sim/script/log.h"
#include "sim/script/state_private.h"
#include "sim/script/tensor.h"

enum { CALLBACK, LOGGED, BAR, DICTS };

typedef struct {
    DdpMetricDict *dict[DICTS]; /* owned */
    uint64_t shown[DICTS];      /* the changes that its Lua table has seen */
    DdpMetricDict *now;         /* owned: what goes to loggers or out of an evaluation */
} Dicts;

/* User values 1 to DICTS of it: the Lua tables, nil until one is read. */

static const char *const dict_names[] = {"callback", "logged", "bar", NULL};

static const char sites_key = 's'; /* in the registry: the userdata whose `now` is being written */

static Dicts *
check_dicts(lua_State *L, int index)
{
    return luaL_checkudata(L, index, DDP_LUA_METRIC_DICTS);
}

DdpMetricDict *
ddp_log_check_dict(lua_State *L, int index, const char *name)
{
    Dicts *dicts = check_dicts(L, index);

    for (int i = 0; i < DICTS; i++) {
        if (strcmp(dict_names[i], name) == 0)
            return dicts->dict[i];
    }
    g_assert_not_reached();
}

static int
l_gc(lua_State *L)
{
    Dicts *dicts = check_dicts(L, 1);

    for (int i = 0; i < DICTS; i++)
        g_clear_pointer(&dicts->dict[i], ddp_metric_dict_free);
    g_clear_pointer(&dicts->now, ddp_metric_dict_free);
    return 0;
}

/* new_dicts() */
static int
l_new_dicts(lua_State *L)
{
    Dicts *dicts = lua_newuserdatauv(L, sizeof *dicts, DICTS);

    memset(dicts, 0, sizeof *dicts);
    luaL_setmetatable(L, DDP_LUA_METRIC_DICTS);
    for (int i = 0; i < DICTS; i++)
        dicts->dict[i] = ddp_metric_dict_new();
    dicts->now = ddp_metric_dict_new();
    return 1;
}

static void
update(lua_State *L, const DdpMetricDicts *into, int results, bool on_step)
{
    DdpLogResults *box = ddp_log_check_results(L, results);
    GError *error = NULL;

    if (!ddp_metric_dicts_update(into, box->results, on_step ? DDP_RESULT_STEP : DDP_RESULT_EPOCH,
                                 &error))
        ddp_args_raise(L, error);
}

/* update(dicts, results, on_step) */
static int
l_update(lua_State *L)
{
    Dicts *dicts = check_dicts(L, 1);
    const DdpMetricDicts into = {dicts->dict[CALLBACK], dicts->dict[LOGGED], dicts->dict[BAR]};

    update(L, &into, 2, lua_toboolean(L, 3) != 0);
    return 0;
}

static void
push_number(lua_State *L, DdpResultValue value)
{
    lua_pushnumber(L, value.value);
}

static void
push_tensor(lua_State *L, DdpResultValue value)
{
    DdpTensor **slot = ddp_lua_tensor_slot(L);
    GError *error = NULL;

    *slot = ddp_tensor_new_number(ddp_script_rank(L)->model, value.dtype,
                                  ddp_number_float(value.value), &error);
    if (*slot == NULL)
        ddp_args_raise(L, error);
}

/* Sets the table on top of the stack to those that changed after @since. */
static void
fill(lua_State *L, const DdpMetricDict *dict, uint64_t since,
     void (*push)(lua_State *, DdpResultValue))
{
    int count = ddp_metric_dict_count(dict);

    for (int i = 0; i < count; i++) {
        if (ddp_metric_dict_changed_at(dict, i) <= since)
            continue;

        const DdpMetric *metric = ddp_metric_dict_get(dict, i);

        push(L, metric->value);
        lua_setfield(L, -2, metric->name);
    }
}

/* current(dicts, results, on_step): an ordered dict of what goes to loggers now, as numbers */
static int
l_current(lua_State *L)
{
    Dicts *dicts = check_dicts(L, 1);
    const DdpMetricDicts into = {.logged = dicts->now};

    ddp_metric_dict_clear(dicts->now);
    update(L, &into, 2, lua_toboolean(L, 3) != 0);
    if (ddp_metric_dict_count(dicts->now) == 0)
        return 0;
    ddp_log_call_helper(L, "ordered_dict", 0, 1);
    fill(L, dicts->now, 0, push_number);
    return 1;
}

/* read(dicts, name): the Lua table of "callback", "logged" or "bar" */
static int
l_read(lua_State *L)
{
    Dicts *dicts = check_dicts(L, 1);
    int which = luaL_checkoption(L, 2, NULL, dict_names);
    uint64_t changes = ddp_metric_dict_changes(dicts->dict[which]);

    if (lua_getiuservalue(L, 1, which + 1) == LUA_TNIL) {
        ddp_log_call_helper(L, "ordered_dict", 0, 1);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, which + 1);
        dicts->shown[which] = 0;
    }
    if (dicts->shown[which] != changes)
        fill(L, dicts->dict[which], dicts->shown[which], which == BAR ? push_number : push_tensor);
    dicts->shown[which] = changes;
    return 1;
}

/* A number that was a float32 is one again. */
static DdpResultValue
number_value(double number)
{
    bool is_narrow = (double)(float)number == number || isnan(number);

    return (DdpResultValue){is_narrow ? DDP_DTYPE_F32 : DDP_DTYPE_F64, number};
}

/* remember(dicts, metrics): names and numbers go into "logged", as they were written */
static int
l_remember(lua_State *L)
{
    Dicts *dicts = check_dicts(L, 1);

    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    ddp_log_call_helper(L, "pairs", 1, 3);
    for (;;) {
        lua_pushvalue(L, 3);
        lua_pushvalue(L, 4);
        lua_pushvalue(L, 5);
        lua_call(L, 2, 2);
        if (lua_type(L, -2) != LUA_TSTRING)
            return 0;

        DdpTensor *tensor = ddp_lua_test_tensor(L, -1);
        DdpResultValue value = {DDP_DTYPE_F32, 0};

        if (tensor != NULL && ddp_tensor_numel(tensor) == 1)
            value = ddp_log_metric_value(L, -1, lua_tostring(L, -2));
        else
            value = number_value(lua_tonumber(L, -1));
        ddp_metric_dict_set(dicts->dict[LOGGED], lua_tostring(L, -2), value, NULL);
        lua_settop(L, 6);
        lua_replace(L, 5);
    }
}

/* ---- the audit ---- */

const char *
ddp_log_site_of(lua_State *L, const char *key)
{
    const char *site = NULL;

    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &sites_key) == LUA_TUSERDATA) {
        const Dicts *dicts = lua_touserdata(L, -1);

        for (int i = 0; i < DICTS && site == NULL; i++)
            site = ddp_metric_dict_site(dicts->dict[i], key);
        if (site == NULL)
            site = ddp_metric_dict_site(dicts->now, key);
    }
    lua_pop(L, 1);
    return site;
}

/* show_sites(dicts): from now on entries that loggers note stand at the line that logged their key;
 * nil ends that. */
static int
l_show_sites(lua_State *L)
{
    if (!lua_isnoneornil(L, 1))
        check_dicts(L, 1);
    lua_settop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &sites_key);
    return 0;
}

/* noted(): how many entries this rank has noted */
static int
l_noted(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ddp_script_rank(L)->priv->noted);
    return 1;
}

/* note(name, value, step): where there is no logger to do it */
static int
l_note(lua_State *L)
{
    const DdpLogNote note = {
        .logger = "callback_metrics",
        .path = "",
        .tag = luaL_checkstring(L, 1),
        .value = luaL_checknumber(L, 2),
        .step = luaL_checkinteger(L, 3),
    };

    if (ddp_script_rank(L)->rank == 0)
        ddp_script_note_log(L, &note);
    return 0;
}

static const luaL_Reg verbs[] = {
    {"new_dicts", l_new_dicts}, {"update", l_update},         {"current", l_current},
    {"read", l_read},           {"remember", l_remember},     {"note", l_note},
    {"noted", l_noted},         {"show_sites", l_show_sites}, {NULL, NULL},
};

void
ddp_log_open_dicts(lua_State *L)
{
    if (luaL_newmetatable(L, DDP_LUA_METRIC_DICTS)) {
        lua_pushcfunction(L, l_gc);
        lua_setfield(L, -2, "__gc");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
    luaL_setfuncs(L, verbs, 0);
}
