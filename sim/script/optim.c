/* SPDX-License-Identifier: MIT */
/*
 * The Lua table `optim`: torch.optim.
 *
 * An optimiser shows its groups as plain tables, param_groups, with the options as the scenario
 * gave them. They are read anew at each step, so what a scenario (or a schedule) writes there is
 * what the next step does.
 */
#include "sim/script/optim.h"

#include <stdlib.h>
#include <string.h>

#include "sim/script/libs.h"
#include "sim/script/modes.h"
#include "sim/script/prelude.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

/* More than any kind has: options, what a group says beside them, and NULL. */
#define NAMES_MAX 20

DdpLuaOptimizer *
ddp_lua_check_optimizer(lua_State *L, int index)
{
    DdpLuaOptimizer *self = luaL_checkudata(L, index, DDP_LUA_OPTIMIZER);

    luaL_argcheck(L, self->optimizer != NULL, index, "this optimizer was never finished");
    return self;
}

static int
l_gc(lua_State *L)
{
    DdpLuaOptimizer *self = luaL_checkudata(L, 1, DDP_LUA_OPTIMIZER);

    g_clear_pointer(&self->optimizer, ddp_optimizer_free);
    return 0;
}

/* ---- what a group says --------------------------------------------------------------- */

static double
number_on_top(lua_State *L, const DdpOptimizerInfo *info, const char *name)
{
    if (lua_type(L, -1) != LUA_TNUMBER)
        luaL_error(L, "%s: '%s' of a parameter group is a %s, expected a number", info->name, name,
                   luaL_typename(L, -1));
    return lua_tonumber(L, -1);
}

static void
read_pair(lua_State *L, const DdpOptimizerInfo *info, const char *name, double *pair)
{
    if (!lua_istable(L, -1))
        luaL_error(L, "%s: '%s' of a parameter group is a %s, expected a list of two numbers",
                   info->name, name, luaL_typename(L, -1));
    for (int i = 0; i < 2; i++) {
        lua_rawgeti(L, -1, i + 1);
        pair[i] = number_on_top(L, info, name);
        lua_pop(L, 1);
    }
}

void
ddp_lua_optimizer_read_group(lua_State *L, const DdpOptimizerInfo *info, int group, void *spec)
{
    char *fields = spec;

    for (const DdpOptimizerOption *option = info->options; option->name != NULL; option++) {
        void *field = fields + option->offset;

        if (option->kind == DDP_OPTION_FIXED)
            continue;
        lua_pushstring(L, option->name);
        lua_rawget(L, group);
        if (option->kind == DDP_OPTION_NUMBER)
            *(double *)field = number_on_top(L, info, option->name);
        else if (option->kind == DDP_OPTION_BOOLEAN)
            *(bool *)field = lua_toboolean(L, -1) != 0;
        else
            read_pair(L, info, option->name, field);
        lua_pop(L, 1);
    }
}

/* ---- options ------------------------------------------------------------------------- */

/* Pushes what torch has for an option that nobody gave. */
static void
push_initial(lua_State *L, const DdpOptimizerInfo *info, const DdpOptimizerOption *option)
{
    if (option->kind == DDP_OPTION_NUMBER) {
        if (lua_stringtonumber(L, option->initial) == 0)
            g_assert_not_reached();
    } else if (option->kind == DDP_OPTION_PAIR) {
        double numbers[2];
        char *end;

        /* "(0.9, 0.999)" */
        numbers[0] = g_ascii_strtod(option->initial + 1, &end);
        numbers[1] = g_ascii_strtod(end + 1, NULL);
        lua_createtable(L, 2, 0);
        for (int i = 0; i < 2; i++) {
            lua_pushnumber(L, numbers[i]);
            lua_rawseti(L, -2, i + 1);
        }
    } else if (strcmp(option->initial, "None") == 0) {
        lua_pushnil(L);
    } else {
        lua_pushboolean(L, strcmp(option->initial, "True") == 0);
    }
    (void)info;
}

/* Raises unless the value on top of the stack, which is not nil, fits the option. */
static void
check_value(lua_State *L, const DdpOptimizerInfo *info, const DdpOptimizerOption *option)
{
    int type = lua_type(L, -1);
    bool is_flag = option->kind == DDP_OPTION_BOOLEAN || option->kind == DDP_OPTION_FIXED;

    if (option->kind == DDP_OPTION_NUMBER && type != LUA_TNUMBER)
        luaL_error(L, "%s: option '%s' is a %s, expected a number", info->name, option->name,
                   luaL_typename(L, -1));
    if (is_flag && type != LUA_TBOOLEAN)
        luaL_error(L, "%s: option '%s' is a %s, expected true or false", info->name, option->name,
                   luaL_typename(L, -1));
    if (option->kind == DDP_OPTION_PAIR && (type != LUA_TTABLE || lua_rawlen(L, -1) != 2))
        luaL_error(L, "%s: option '%s' is a %s, expected a list of two numbers", info->name,
                   option->name, luaL_typename(L, -1));
    if (strcmp(option->name, "differentiable") == 0 && lua_toboolean(L, -1) != 0)
        luaL_error(L,
                   "%s: option 'differentiable' is true, but steps of an optimizer are not "
                   "recorded for backward here; leave it out",
                   info->name);
}

/* A list of its own, so that two groups never share one. */
static void
copy_pair(lua_State *L)
{
    int from = lua_gettop(L);

    lua_createtable(L, 2, 0);
    for (int i = 1; i <= 2; i++) {
        lua_rawgeti(L, from, i);
        lua_rawseti(L, -2, i);
    }
    lua_remove(L, from);
}

/*
 * Sets the field of the table at @into from the table at @own (0: none), or that at @common (0:
 * none), or to torch's default.
 */
static void
set_option(lua_State *L, const DdpOptimizerInfo *info, const DdpOptimizerOption *option, int into,
           int own, int common)
{
    lua_pushnil(L);
    if (own != 0) {
        lua_pop(L, 1);
        lua_getfield(L, own, option->name);
    }
    if (lua_isnil(L, -1) && common != 0) {
        lua_pop(L, 1);
        lua_getfield(L, common, option->name);
    }
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        push_initial(L, info, option);
    } else {
        check_value(L, info, option);
        if (option->kind == DDP_OPTION_PAIR)
            copy_pair(L);
    }
    lua_setfield(L, into, option->name);
}

/* The names of the options, and what else a group may say. */
static void
list_names(const DdpOptimizerInfo *info, bool of_group, const char **names)
{
    size_t count = 0;

    for (const DdpOptimizerOption *option = info->options; option->name != NULL; option++)
        names[count++] = option->name;
    if (of_group) {
        names[count++] = "params";
        names[count++] = "name";
        names[count++] = "initial_lr";
    }
    g_assert(count < NAMES_MAX);
    names[count] = NULL;
}

/* ---- groups -------------------------------------------------------------------------- */

/* Makes the value on top of the stack, one tensor or a list of them, a list of its own. */
static void
own_list(lua_State *L, const DdpOptimizerInfo *info)
{
    int from = lua_gettop(L);
    bool single = ddp_lua_test_tensor(L, from) != NULL;

    if (!single && !lua_istable(L, from))
        luaL_error(L, "%s: expected a list of parameters, found a %s", info->name,
                   luaL_typename(L, from));

    lua_Integer count = single ? 1 : (lua_Integer)lua_rawlen(L, from);

    lua_createtable(L, (int)MIN(count, 1 << 20), 0);
    for (lua_Integer i = 1; i <= count; i++) {
        if (single)
            lua_pushvalue(L, from);
        else
            lua_rawgeti(L, from, i);
        lua_rawseti(L, -2, i);
    }
    lua_remove(L, from);
}

/*
 * Adds the parameters on top of the stack, one or a list, as a group to the optimiser and to the
 * list at @groups, with the options of the tables at @own and @common; pops them.
 */
static void
add_group(lua_State *L, DdpLuaOptimizer *self, int groups, int own, int common)
{
    const DdpOptimizerInfo *info = self->info;
    int top = lua_gettop(L);
    size_t count;
    GError *error = NULL;

    own_list(L, info);
    lua_createtable(L, 0, NAMES_MAX);

    int group = lua_gettop(L);

    lua_pushvalue(L, top);
    lua_setfield(L, group, "params");
    for (const DdpOptimizerOption *option = info->options; option->name != NULL; option++)
        set_option(L, info, option, group, own, common);
    for (int i = 0; own != 0 && i < 2; i++) {
        static const char *const others[] = {"name", "initial_lr"};

        lua_getfield(L, own, others[i]);
        lua_setfield(L, group, others[i]);
    }

    void *spec = lua_newuserdatauv(L, info->spec_size, 0);

    memset(spec, 0, info->spec_size);
    ddp_lua_optimizer_read_group(L, info, group, spec);

    DdpTensor **parameters = ddp_lua_push_tensor_list(L, top, info->name, &count);

    if (!ddp_optimizer_add_group(self->optimizer, spec, parameters, count, &error))
        ddp_args_raise(L, error);
    lua_pushvalue(L, group);
    lua_rawseti(L, groups, (lua_Integer)lua_rawlen(L, groups) + 1);
    lua_settop(L, top - 1);
}

/* A group as a scenario writes it, { params = ..., lr = ... }, at @index. */
static void
add_written_group(lua_State *L, DdpLuaOptimizer *self, int index, int groups, int common)
{
    const char *names[NAMES_MAX];

    list_names(self->info, true, names);
    if (!lua_istable(L, index))
        luaL_error(L, "%s: a parameter group is a %s, expected a table", self->info->name,
                   luaL_typename(L, index));
    ddp_options_open(L, index, self->info->name, names);
    if (lua_getfield(L, index, "params") == LUA_TNIL)
        luaL_error(L, "%s: a parameter group needs 'params', a list of tensors", self->info->name);
    add_group(L, self, groups, index, common);
}

/* ---- making -------------------------------------------------------------------------- */

/* Stack of make(). */
enum { MAKE_PARAMS = 1, MAKE_OPTIONS, MAKE_SELF, MAKE_GROUPS, MAKE_DEFAULTS, MAKE_GROUP };

static void
check_params(lua_State *L, const DdpOptimizerInfo *info)
{
    if (!lua_istable(L, MAKE_PARAMS))
        luaL_error(L,
                   "%s: params argument given to the optimizer should be a list of tensors or of "
                   "tables, found a %s",
                   info->name,
                   ddp_lua_test_tensor(L, MAKE_PARAMS) != NULL ? "tensor"
                                                               : luaL_typename(L, MAKE_PARAMS));
}

/* Upvalue 1: the kind. kind(params, options) */
static int
l_make(lua_State *L)
{
    DdpOptimizerKind kind = (DdpOptimizerKind)lua_tointeger(L, lua_upvalueindex(1));
    const DdpOptimizerInfo *info = ddp_optimizer_info(kind);
    const char *names[NAMES_MAX];

    lua_settop(L, MAKE_OPTIONS);
    check_params(L, info);
    list_names(info, false, names);
    ddp_options_open(L, MAKE_OPTIONS, info->name, names);

    int given = lua_isnil(L, MAKE_OPTIONS) ? 0 : MAKE_OPTIONS;
    DdpLuaOptimizer *self = lua_newuserdatauv(L, sizeof *self, DDP_LUA_OPTIMIZER_USERS);

    *self = (DdpLuaOptimizer){.optimizer = NULL, .info = info};
    luaL_setmetatable(L, DDP_LUA_OPTIMIZER);
    self->optimizer = ddp_optimizer_new(ddp_script_rank(L)->model, kind);
    lua_newtable(L);
    lua_pushvalue(L, MAKE_GROUPS);
    lua_setiuservalue(L, MAKE_SELF, DDP_LUA_OPTIMIZER_GROUPS);
    lua_createtable(L, 0, NAMES_MAX);
    lua_pushvalue(L, MAKE_DEFAULTS);
    lua_setiuservalue(L, MAKE_SELF, DDP_LUA_OPTIMIZER_DEFAULTS);
    for (const DdpOptimizerOption *option = info->options; option->name != NULL; option++)
        set_option(L, info, option, MAKE_DEFAULTS, given, 0);

    bool written_groups = lua_rawgeti(L, MAKE_PARAMS, 1) == LUA_TTABLE;

    lua_pop(L, 1);
    if (written_groups) {
        lua_Integer count = (lua_Integer)lua_rawlen(L, MAKE_PARAMS);

        for (lua_Integer i = 1; i <= count; i++) {
            lua_rawgeti(L, MAKE_PARAMS, i);
            add_written_group(L, self, MAKE_GROUP, MAKE_GROUPS, MAKE_DEFAULTS);
            lua_settop(L, MAKE_DEFAULTS);
        }
    } else {
        lua_pushvalue(L, MAKE_PARAMS);
        add_group(L, self, MAKE_GROUPS, 0, MAKE_DEFAULTS);
    }
    lua_settop(L, MAKE_SELF);
    return 1;
}

/* ---- the optimiser ------------------------------------------------------------------- */

/* What stands in param_groups now is what the step does. */
static void
read_groups(lua_State *L, DdpLuaOptimizer *self)
{
    size_t count = ddp_optimizer_group_count(self->optimizer);

    lua_getiuservalue(L, 1, DDP_LUA_OPTIMIZER_GROUPS);

    int groups = lua_gettop(L);

    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, groups, (lua_Integer)i + 1) != LUA_TTABLE)
            luaL_error(L, "%s: param_groups[%d] is a %s, expected a table", self->info->name,
                       (int)i + 1, luaL_typename(L, -1));
        ddp_lua_optimizer_read_group(L, self->info, groups + 1,
                                     ddp_optimizer_group_spec(self->optimizer, i));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* step(closure): the closure, which computes the loss anew, runs first; its result is returned. */
static int
l_step(lua_State *L)
{
    DdpLuaOptimizer *self = ddp_lua_check_optimizer(L, 1);
    int results = 0;
    GError *error = NULL;

    if (!lua_isnoneornil(L, 2)) {
        lua_settop(L, 2);
        results = ddp_lua_call_with_grad(L, 2, true);
    }
    read_groups(L, self);
    if (!ddp_optimizer_step(self->optimizer, &error)) {
        if (!ddp_lua_out_of_memory(L, &error) || !ddp_optimizer_step(self->optimizer, &error))
            return ddp_args_raise(L, error);
    }
    return results;
}

/* zero_grad({set_to_none = true}) */
static int
l_zero_grad(lua_State *L)
{
    static const char *const names[] = {"set_to_none", NULL};
    DdpLuaOptimizer *self = ddp_lua_check_optimizer(L, 1);
    DdpOptions options = ddp_options_open(L, 2, "zero_grad", names);

    if (ddp_options_boolean(&options, "set_to_none", true))
        ddp_optimizer_zero_grad(self->optimizer);
    else
        ddp_optimizer_zero_grad_in_place(self->optimizer);
    return 0;
}

static int
l_add_param_group(lua_State *L)
{
    DdpLuaOptimizer *self = ddp_lua_check_optimizer(L, 1);

    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_getiuservalue(L, 1, DDP_LUA_OPTIMIZER_GROUPS);
    lua_getiuservalue(L, 1, DDP_LUA_OPTIMIZER_DEFAULTS);
    add_written_group(L, self, 2, 3, 4);
    return 0;
}

/* ---- opening ------------------------------------------------------------------------- */

/* Upvalue 1: the methods. */
static int
l_index(lua_State *L)
{
    DdpLuaOptimizer *self = ddp_lua_check_optimizer(L, 1);
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";

    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    if (strcmp(name, "param_groups") == 0)
        lua_getiuservalue(L, 1, DDP_LUA_OPTIMIZER_GROUPS);
    else if (strcmp(name, "defaults") == 0)
        lua_getiuservalue(L, 1, DDP_LUA_OPTIMIZER_DEFAULTS);
    else if (strcmp(name, "_name") == 0)
        lua_pushstring(L, self->info->name);
    else if (strcmp(name, "_opt_called") == 0)
        lua_pushboolean(L, ddp_optimizer_has_stepped(self->optimizer));
    else
        lua_pushnil(L);
    return 1;
}

static const luaL_Reg methods[] = {
    {"step", l_step},
    {"zero_grad", l_zero_grad},
    {"add_param_group", l_add_param_group},
    {"state_dict", ddp_lua_optimizer_state_dict},
    {"load_state_dict", ddp_lua_optimizer_load_state_dict},
    {NULL, NULL},
};

/* __index of `optim`: schedules are opened when they are first asked for. */
static int
l_lazy(lua_State *L)
{
    if (lua_type(L, 2) != LUA_TSTRING || strcmp(lua_tostring(L, 2), "lr_scheduler") != 0)
        return 0;
    ddp_prelude_use(L, "lr_scheduler");
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

int
ddp_luaopen_optim(lua_State *L)
{
    luaL_newmetatable(L, DDP_LUA_OPTIMIZER);
    lua_pushcfunction(L, l_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, ddp_lua_optimizer_text);
    lua_setfield(L, -2, "__tostring");
    luaL_newlib(L, methods);
    lua_pushcclosure(L, l_index, 1);
    lua_setfield(L, -2, "__index");
    /* What getmetatable shows: a scenario that could call __gc would pull the ground away. */
    lua_pushliteral(L, DDP_LUA_OPTIMIZER);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);

    lua_createtable(L, 0, DDP_OPTIMIZER_COUNT + 1);
    for (int kind = 0; kind < DDP_OPTIMIZER_COUNT; kind++) {
        lua_pushinteger(L, kind);
        lua_pushcclosure(L, l_make, 1);
        lua_setfield(L, -2, ddp_optimizer_info((DdpOptimizerKind)kind)->name);
    }
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_lazy);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    return 1;
}
