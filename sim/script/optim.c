/* SPDX-License-Identifier: MIT */
/*
 * The Lua table `optim`: torch.optim.
 *
 * An optimiser shows its groups as plain tables, param_groups, with the options as the scenario
 * gave them. They are read anew at each step, so what a scenario (or a schedule) writes there is
 * what the next step does.
 */
#include "model/optim.h"

#include <string.h>

#include "sim/script/libs.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

#define OPTIMIZER "optim.Optimizer"

/* User values of an optimiser. */
enum { USER_GROUPS = 1, USER_COUNT = USER_GROUPS };

typedef struct {
    DdpOptimizer *optimizer; /* owned; NULL only while it is being made */
} LuaOptimizer;

static LuaOptimizer *
check_optimizer(lua_State *L, int index)
{
    LuaOptimizer *self = luaL_checkudata(L, index, OPTIMIZER);

    luaL_argcheck(L, self->optimizer != NULL, index, "this optimizer was never finished");
    return self;
}

static int
l_gc(lua_State *L)
{
    LuaOptimizer *self = luaL_checkudata(L, 1, OPTIMIZER);

    g_clear_pointer(&self->optimizer, ddp_optimizer_free);
    return 0;
}

/* ---- SGD's options ------------------------------------------------------------------- */

static const char *const sgd_names[] = {"lr",           "momentum", "dampening",
                                        "weight_decay", "nesterov", NULL};
static const char *const sgd_group_names[] = {"lr",       "momentum", "dampening", "weight_decay",
                                              "nesterov", "params",   NULL};

static double
field_number(lua_State *L, int group, const char *name)
{
    lua_pushstring(L, name);
    if (lua_rawget(L, group) != LUA_TNUMBER)
        luaL_error(L, "SGD: '%s' of a parameter group is a %s, expected a number", name,
                   luaL_typename(L, -1));

    double value = lua_tonumber(L, -1);

    lua_pop(L, 1);
    return value;
}

static DdpSgdSpec
group_spec(lua_State *L, int group)
{
    DdpSgdSpec spec = {
        .lr = field_number(L, group, "lr"),
        .momentum = field_number(L, group, "momentum"),
        .dampening = field_number(L, group, "dampening"),
        .weight_decay = field_number(L, group, "weight_decay"),
    };

    lua_pushliteral(L, "nesterov");
    lua_rawget(L, group);
    spec.nesterov = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return spec;
}

/* Sets a field of the new group from the options of the group, of the optimiser, or the default. */
static void
set_option(lua_State *L, int group, const DdpOptions *own, const DdpOptions *common,
           const char *name)
{
    int type = ddp_options_push(own, name);

    if (type == LUA_TNIL) {
        lua_pop(L, 1);
        type = ddp_options_push(common, name);
    }
    if (strcmp(name, "nesterov") == 0) {
        if (type != LUA_TNIL && type != LUA_TBOOLEAN)
            luaL_error(L, "SGD: option '%s' is a %s, expected true or false", name,
                       luaL_typename(L, -1));
        if (type == LUA_TNIL) {
            lua_pop(L, 1);
            lua_pushboolean(L, 0);
        }
    } else {
        if (type != LUA_TNIL && type != LUA_TNUMBER)
            luaL_error(L, "SGD: option '%s' is a %s, expected a number", name,
                       luaL_typename(L, -1));
        if (type == LUA_TNIL) {
            lua_pop(L, 1);
            if (strcmp(name, "lr") == 0)
                lua_pushnumber(L, ddp_sgd_spec_default().lr);
            else
                lua_pushinteger(L, 0);
        }
    }
    lua_setfield(L, group, name);
}

/* Pushes a group: the options, and a list of its own of the parameters in the list at @params. */
static void
push_group(lua_State *L, int params, const DdpOptions *own, const DdpOptions *common)
{
    if (!lua_istable(L, params))
        luaL_error(L, "SGD: expected a list of parameters, found a %s", luaL_typename(L, params));

    lua_Integer count = (lua_Integer)lua_rawlen(L, params);

    lua_createtable(L, 0, 6);

    int group = lua_gettop(L);

    lua_createtable(L, (int)count, 0);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, params, i);
        lua_rawseti(L, -2, i);
    }
    lua_setfield(L, group, "params");
    for (size_t i = 0; sgd_names[i] != NULL; i++)
        set_option(L, group, own, common, sgd_names[i]);
}

/* Adds the group on top of the stack to the optimiser, and to the list at @groups; pops it. */
static void
add_group(lua_State *L, LuaOptimizer *self, int groups)
{
    int group = lua_gettop(L);
    DdpSgdSpec spec = group_spec(L, group);
    size_t count;
    GError *error = NULL;

    lua_getfield(L, group, "params");

    DdpTensor **parameters = ddp_lua_push_tensor_list(L, group + 1, "SGD", &count);

    if (!ddp_sgd_add_group(self->optimizer, &spec, parameters, count, &error))
        ddp_args_raise(L, error);
    lua_settop(L, group);
    lua_rawseti(L, groups, (lua_Integer)lua_rawlen(L, groups) + 1);
}

/* A group as a scenario writes it, { params = ..., lr = ... }, at @index. */
static void
add_written_group(lua_State *L, LuaOptimizer *self, int index, const DdpOptions *common, int groups)
{
    DdpOptions own = ddp_options_open(L, index, "SGD", sgd_group_names);
    int top = lua_gettop(L);

    if (ddp_options_push(&own, "params") == LUA_TNIL)
        luaL_error(L, "SGD: a parameter group needs 'params', a list of tensors");
    if (ddp_lua_test_tensor(L, -1) != NULL) {
        /* A single one, as torch allows. */
        lua_createtable(L, 1, 0);
        lua_insert(L, -2);
        lua_rawseti(L, -2, 1);
    }
    push_group(L, top + 1, &own, common);
    add_group(L, self, groups);
    lua_settop(L, top);
}

/* SGD(params, {lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0, nesterov = false}) */
static int
l_sgd(lua_State *L)
{
    lua_settop(L, 2);
    if (!lua_istable(L, 1))
        return luaL_error(L,
                          "SGD: params argument given to the optimizer should be a list of "
                          "tensors or of tables, found a %s",
                          ddp_lua_test_tensor(L, 1) != NULL ? "tensor" : luaL_typename(L, 1));

    DdpOptions common = ddp_options_open(L, 2, "SGD", sgd_names);
    DdpOptions none = {L, 0, "SGD"};
    LuaOptimizer *self = lua_newuserdatauv(L, sizeof *self, USER_COUNT);

    self->optimizer = NULL;
    luaL_setmetatable(L, OPTIMIZER);
    self->optimizer = ddp_sgd_new(ddp_script_rank(L)->model);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 3, USER_GROUPS);

    lua_rawgeti(L, 1, 1);

    bool written_groups = lua_istable(L, -1);

    lua_pop(L, 1);
    if (written_groups) {
        lua_Integer count = (lua_Integer)lua_rawlen(L, 1);

        for (lua_Integer i = 1; i <= count; i++) {
            lua_rawgeti(L, 1, i);
            add_written_group(L, self, 5, &common, 4);
            lua_settop(L, 4);
        }
    } else {
        push_group(L, 1, &none, &common);
        add_group(L, self, 4);
    }
    lua_settop(L, 3);
    return 1;
}

/* ---- the optimiser ------------------------------------------------------------------- */

/* What stands in param_groups now is what the step does. */
static void
read_groups(lua_State *L, LuaOptimizer *self)
{
    size_t count = ddp_optimizer_group_count(self->optimizer);

    lua_getiuservalue(L, 1, USER_GROUPS);

    int groups = lua_gettop(L);

    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, groups, (lua_Integer)i + 1) != LUA_TTABLE)
            luaL_error(L, "SGD: param_groups[%d] is a %s, expected a table", (int)i + 1,
                       luaL_typename(L, -1));
        *ddp_sgd_group_spec(self->optimizer, i) = group_spec(L, groups + 1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int
l_step(lua_State *L)
{
    LuaOptimizer *self = check_optimizer(L, 1);
    GError *error = NULL;

    read_groups(L, self);
    if (!ddp_optimizer_step(self->optimizer, &error))
        return ddp_args_raise(L, error);
    return 0;
}

static int
l_zero_grad(lua_State *L)
{
    ddp_optimizer_zero_grad(check_optimizer(L, 1)->optimizer);
    return 0;
}

static int
l_add_param_group(lua_State *L)
{
    LuaOptimizer *self = check_optimizer(L, 1);
    DdpOptions none = {L, 0, "SGD"};

    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_getiuservalue(L, 1, USER_GROUPS);
    add_written_group(L, self, 2, &none, 3);
    return 0;
}

/* ---- text ---------------------------------------------------------------------------- */

/* A number as Python writes it: the shortest text that reads back as the same. */
static void
number_text(lua_State *L, int index, char *text, size_t size)
{
    if (lua_isinteger(L, index)) {
        g_snprintf(text, size, "%" G_GINT64_FORMAT, (gint64)lua_tointeger(L, index));
        return;
    }

    double value = lua_tonumber(L, index);
    char format[] = "%.15g";

    for (char digits = '5'; digits <= '7'; digits++) {
        format[3] = digits;
        g_ascii_formatd(text, (int)size, format, value);
        if (g_ascii_strtod(text, NULL) == value)
            break;
    }
    if (strspn(text, "-0123456789") == strlen(text))
        g_strlcat(text, ".0", size);
}

/* The options of a group in the order in which torch sorts them, with those that are always so. */
static const struct {
    const char *name;
    const char *fixed;
} printed[] = {
    {"dampening", NULL},    {"differentiable", "False"}, {"foreach", "None"}, {"fused", "None"},
    {"lr", NULL},           {"maximize", "False"},       {"momentum", NULL},  {"nesterov", NULL},
    {"weight_decay", NULL},
};

static void
add_option_text(lua_State *L, luaL_Buffer *text, int groups, lua_Integer group, size_t option)
{
    char value[64] = "";

    if (printed[option].fixed != NULL) {
        g_strlcpy(value, printed[option].fixed, sizeof value);
    } else {
        lua_rawgeti(L, groups, group);
        lua_pushstring(L, printed[option].name);
        lua_rawget(L, -2);
        if (lua_type(L, -1) == LUA_TNUMBER)
            number_text(L, -1, value, sizeof value);
        else
            g_strlcpy(value, lua_toboolean(L, -1) ? "True" : "False", sizeof value);
        lua_pop(L, 2);
    }
    luaL_addstring(text, "    ");
    luaL_addstring(text, printed[option].name);
    luaL_addstring(text, ": ");
    luaL_addstring(text, value);
    luaL_addstring(text, "\n");
}

static int
l_tostring(lua_State *L)
{
    LuaOptimizer *self = check_optimizer(L, 1);
    lua_Integer count = (lua_Integer)ddp_optimizer_group_count(self->optimizer);

    /* Lines are gathered on the stack's own terms: a string for each group, joined at the end. */
    lua_getiuservalue(L, 1, USER_GROUPS);
    lua_pushliteral(L, "SGD (");
    for (lua_Integer i = 1; i <= count; i++) {
        luaL_Buffer text;

        if (lua_rawgeti(L, 2, i) != LUA_TTABLE)
            return luaL_error(L, "SGD: param_groups[%I] is no table", (LUAI_UACINT)i);
        lua_pop(L, 1);
        luaL_buffinit(L, &text);
        for (size_t option = 0; option < G_N_ELEMENTS(printed); option++)
            add_option_text(L, &text, 2, i, option);
        luaL_pushresult(&text);
        lua_pushfstring(L, "\nParameter Group %d\n", (int)i - 1);
        lua_insert(L, -2);
        lua_concat(L, 3);
    }
    lua_pushliteral(L, ")");
    lua_concat(L, 2);
    return 1;
}

/* ---- opening ------------------------------------------------------------------------- */

/* Upvalue 1: the methods. */
static int
l_index(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";

    check_optimizer(L, 1);
    if (strcmp(name, "param_groups") == 0) {
        lua_getiuservalue(L, 1, USER_GROUPS);
        return 1;
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    return 1;
}

static const luaL_Reg methods[] = {
    {"step", l_step},
    {"zero_grad", l_zero_grad},
    {"add_param_group", l_add_param_group},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"SGD", l_sgd},
    {NULL, NULL},
};

int
ddp_luaopen_optim(lua_State *L)
{
    luaL_newmetatable(L, OPTIMIZER);
    lua_pushcfunction(L, l_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, l_tostring);
    lua_setfield(L, -2, "__tostring");
    luaL_newlib(L, methods);
    lua_pushcclosure(L, l_index, 1);
    lua_setfield(L, -2, "__index");
    /* What getmetatable shows: a scenario that could call __gc would pull the ground away. */
    lua_pushliteral(L, OPTIMIZER);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);

    luaL_newlib(L, functions);
    return 1;
}
