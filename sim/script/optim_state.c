/* SPDX-License-Identifier: MIT */
/*
 * The state of an optimiser, as torch's state_dict has it:
 *
 *   { state = { [0] = { step = tensor, exp_avg = tensor, … }, … },
 *     param_groups = { { lr = …, params = { 0, 1, … } }, … } }
 *
 * Parameters count from 0 over all groups, as in torch. The tensors are the optimiser's own, and
 * load_state_dict takes over those that it is given where their dtype fits, as in torch: copy what
 * shall stay as it is.
 */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "model/ops.h"
#include "sim/script/args.h"
#include "sim/script/optim.h"
#include "sim/script/tensor.h"

/* ---- out ----------------------------------------------------------------------------- */

/* Pushes { name = tensor, … } of parameter @index, or nothing and false if it has no state. */
static bool
push_state(lua_State *L, DdpLuaOptimizer *self, size_t index)
{
    const char *const *names = self->info->state_names;
    bool any = false;

    for (int i = 0; names[i] != NULL; i++) {
        DdpTensor *value = ddp_optimizer_state(self->optimizer, index, names[i]);

        if (value == NULL)
            continue;
        if (!any)
            lua_createtable(L, 0, 4);
        any = true;

        DdpTensor **slot = ddp_lua_tensor_slot(L);

        *slot = ddp_tensor_ref(value);
        lua_setfield(L, -2, names[i]);
    }
    return any;
}

/* Pushes a copy of a group's value: a list of numbers gets a copy of its own. */
static void
push_copy(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (!lua_istable(L, index)) {
        lua_pushvalue(L, index);
        return;
    }

    lua_Integer count = (lua_Integer)lua_rawlen(L, index);

    lua_createtable(L, (int)MIN(count, 1 << 20), 0);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, index, i);
        lua_rawseti(L, -2, i);
    }
}

/* Pushes a copy of the table at @group without its params. */
static void
push_group_copy(lua_State *L, int group)
{
    lua_createtable(L, 0, 12);

    int copy = lua_gettop(L);

    lua_pushnil(L);
    while (lua_next(L, group) != 0) {
        bool is_params =
            lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), "params") == 0;

        if (!is_params) {
            lua_pushvalue(L, -2);
            push_copy(L, -2);
            lua_rawset(L, copy);
        }
        lua_pop(L, 1);
    }
}

/* How many parameters the group at @group has: lists that a scenario spoiled are refused. */
static lua_Integer
params_length(lua_State *L, int group, const char *whose)
{
    if (!lua_istable(L, group))
        luaL_error(L, "load_state_dict: %s is a %s, expected a table", whose,
                   luaL_typename(L, group));
    if (lua_getfield(L, group, "params") != LUA_TTABLE)
        luaL_error(L, "load_state_dict: 'params' of %s is a %s, expected a list", whose,
                   luaL_typename(L, -1));

    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);

    lua_pop(L, 1);
    return count;
}

int
ddp_lua_optimizer_state_dict(lua_State *L)
{
    DdpLuaOptimizer *self = ddp_lua_check_optimizer(L, 1);
    size_t count = ddp_optimizer_parameter_count(self->optimizer);
    lua_Integer groups = (lua_Integer)ddp_optimizer_group_count(self->optimizer);
    lua_Integer id = 0;

    lua_settop(L, 1);
    lua_createtable(L, 0, 2);
    lua_createtable(L, (int)MIN(count, 1 << 20), 1);
    for (size_t i = 0; i < count; i++) {
        if (push_state(L, self, i))
            lua_rawseti(L, 3, (lua_Integer)i);
    }
    lua_setfield(L, 2, "state");

    lua_getiuservalue(L, 1, DDP_LUA_OPTIMIZER_GROUPS);
    lua_createtable(L, (int)groups, 0);
    for (lua_Integer i = 1; i <= groups; i++) {
        lua_rawgeti(L, 3, i);

        lua_Integer length = params_length(L, 5, "a parameter group");

        push_group_copy(L, 5);
        lua_createtable(L, (int)MIN(length, 1 << 20), 0);
        for (lua_Integer j = 1; j <= length; j++) {
            lua_pushinteger(L, id++);
            lua_rawseti(L, -2, j);
        }
        lua_setfield(L, -2, "params");
        lua_rawseti(L, 4, i);
        lua_settop(L, 4);
    }
    lua_setfield(L, 2, "param_groups");
    lua_settop(L, 2);
    return 1;
}

/* ---- in ------------------------------------------------------------------------------ */

/* Stack of load_state_dict. */
enum {
    LOAD_SELF = 1,
    LOAD_DICT,
    LOAD_SAVED,  /* its param_groups */
    LOAD_STATE,  /* its state */
    LOAD_GROUPS, /* ours */
    LOAD_FOUND,  /* what will be taken over: a list of tensors, false for none */
    LOAD_NEW,    /* our groups to be */
    LOAD_TOP = LOAD_NEW,
};

static void
check_groups(lua_State *L, lua_Integer count)
{
    if ((lua_Integer)lua_rawlen(L, LOAD_SAVED) != count)
        luaL_error(L,
                   "loaded state dict has a different number of parameter groups: it has %I, the "
                   "optimizer %I",
                   (LUAI_UACINT)lua_rawlen(L, LOAD_SAVED), (LUAI_UACINT)count);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, LOAD_GROUPS, i);
        lua_rawgeti(L, LOAD_SAVED, i);

        lua_Integer own = params_length(L, LOAD_TOP + 1, "a parameter group");
        lua_Integer saved = params_length(L, LOAD_TOP + 2, "a saved parameter group");

        if (own != saved)
            luaL_error(L,
                       "loaded state dict contains a parameter group that doesn't match the size "
                       "of optimizer's group: group %I has %I parameters, the optimizer's %I",
                       (LUAI_UACINT)(i - 1), (LUAI_UACINT)saved, (LUAI_UACINT)own);
        lua_settop(L, LOAD_TOP);
    }
}

static bool
is_state_name(const DdpOptimizerInfo *info, const char *name)
{
    for (int i = 0; info->state_names[i] != NULL; i++) {
        if (strcmp(info->state_names[i], name) == 0)
            return true;
    }
    return false;
}

/* Names in a saved state that this kind of optimiser does not have: the first of them is told. */
static void
check_state_names(lua_State *L, const DdpOptimizerInfo *info, int state, lua_Integer id)
{
    const char *unknown = NULL;

    lua_pushnil(L);
    while (lua_next(L, state) != 0) {
        lua_pop(L, 1);

        const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";

        if (!is_state_name(info, name) && (unknown == NULL || strcmp(name, unknown) < 0))
            unknown = name;
    }
    if (unknown != NULL)
        luaL_error(L, "load_state_dict: the saved state of parameter %I has '%s', which %s has not",
                   (LUAI_UACINT)id, unknown, info->name);
}

/* Pushes the saved value for a parameter, in the dtype that it must have, or false. */
static void
push_found(lua_State *L, DdpLuaOptimizer *self, size_t index, int state, const char *name)
{
    GError *error = NULL;

    if (state == 0 || lua_getfield(L, state, name) == LUA_TNIL) {
        if (state != 0)
            lua_pop(L, 1);
        lua_pushboolean(L, 0);
        return;
    }

    DdpTensor *value = ddp_lua_test_tensor(L, -1);
    bool is_step = strcmp(name, "step") == 0;

    if (value == NULL && !(is_step && lua_type(L, -1) == LUA_TNUMBER))
        luaL_error(L, "load_state_dict: '%s' of parameter %d is a %s, expected a tensor", name,
                   (int)index, luaL_typename(L, -1));

    DdpTensor **slot = ddp_lua_tensor_slot(L);
    DdpDtype dtype =
        is_step ? DDP_DTYPE_F32 : ddp_tensor_dtype(ddp_optimizer_parameter(self->optimizer, index));

    if (value == NULL)
        *slot = ddp_tensor_new_number(
            ddp_tensor_context(ddp_optimizer_parameter(self->optimizer, index)), DDP_DTYPE_F32,
            ddp_number_float(lua_tonumber(L, -2)), &error);
    else
        *slot = ddp_to(value, dtype, &error);
    if (*slot == NULL || !ddp_optimizer_check_state(self->optimizer, index, name, *slot, &error))
        ddp_args_raise(L, error);
    lua_remove(L, -2);
}

/* Gathers in LOAD_FOUND, parameter by parameter, what there is for each name of state. */
static void
find_states(lua_State *L, DdpLuaOptimizer *self)
{
    const DdpOptimizerInfo *info = self->info;
    lua_Integer groups = (lua_Integer)lua_rawlen(L, LOAD_SAVED);
    lua_Integer found = 0;
    size_t index = 0;

    for (lua_Integer i = 1; i <= groups; i++) {
        lua_rawgeti(L, LOAD_SAVED, i);
        lua_getfield(L, -1, "params");

        int ids = lua_gettop(L);
        lua_Integer count = (lua_Integer)lua_rawlen(L, ids);

        for (lua_Integer j = 1; j <= count; j++, index++) {
            lua_rawgeti(L, ids, j);
            lua_pushvalue(L, -1);

            bool has_state = lua_gettable(L, LOAD_STATE) == LUA_TTABLE;
            int state = has_state ? lua_gettop(L) : 0;

            if (has_state)
                check_state_names(L, info, state, (lua_Integer)index);
            for (int k = 0; info->state_names[k] != NULL; k++) {
                push_found(L, self, index, state, info->state_names[k]);
                lua_rawseti(L, LOAD_FOUND, ++found);
            }
            lua_settop(L, ids);
        }
        lua_settop(L, LOAD_TOP);
    }
}

/* The saved groups with our parameters. */
static void
make_groups(lua_State *L, const DdpOptimizerInfo *info)
{
    lua_Integer count = (lua_Integer)lua_rawlen(L, LOAD_SAVED);
    void *spec = lua_newuserdatauv(L, info->spec_size, 0);

    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, LOAD_SAVED, i);
        push_group_copy(L, lua_gettop(L));
        lua_rawgeti(L, LOAD_GROUPS, i);
        lua_getfield(L, -1, "params");
        lua_setfield(L, -3, "params");
        lua_pop(L, 1);
        ddp_lua_optimizer_read_group(L, info, lua_gettop(L), spec); /* or it raises */
        lua_rawseti(L, LOAD_NEW, i);
        lua_pop(L, 1);
    }
    lua_settop(L, LOAD_TOP);
}

/* Everything was checked: from here on nothing fails. */
static void
take_over(lua_State *L, DdpLuaOptimizer *self)
{
    const char *const *names = self->info->state_names;
    size_t count = ddp_optimizer_parameter_count(self->optimizer);
    lua_Integer place = 0;

    for (size_t index = 0; index < count; index++) {
        for (int k = 0; names[k] != NULL; k++) {
            lua_rawgeti(L, LOAD_FOUND, ++place);
            if (!ddp_optimizer_set_state(self->optimizer, index, names[k],
                                         ddp_lua_test_tensor(L, -1), NULL))
                g_assert_not_reached();
            lua_pop(L, 1);
        }
    }
    lua_setiuservalue(L, LOAD_SELF, DDP_LUA_OPTIMIZER_GROUPS);
}

int
ddp_lua_optimizer_load_state_dict(lua_State *L)
{
    DdpLuaOptimizer *self = ddp_lua_check_optimizer(L, LOAD_SELF);

    lua_settop(L, LOAD_DICT);
    if (!lua_istable(L, LOAD_DICT))
        return luaL_error(L, "load_state_dict: expected a table, found a %s",
                          luaL_typename(L, LOAD_DICT));
    if (lua_getfield(L, LOAD_DICT, "param_groups") != LUA_TTABLE)
        return luaL_error(L, "load_state_dict: 'param_groups' is a %s, expected a list",
                          luaL_typename(L, LOAD_SAVED));
    if (lua_getfield(L, LOAD_DICT, "state") != LUA_TTABLE)
        return luaL_error(L, "load_state_dict: 'state' is a %s, expected a table",
                          luaL_typename(L, LOAD_STATE));
    lua_getiuservalue(L, LOAD_SELF, DDP_LUA_OPTIMIZER_GROUPS);
    lua_newtable(L);
    lua_newtable(L);
    check_groups(L, (lua_Integer)ddp_optimizer_group_count(self->optimizer));
    find_states(L, self);
    make_groups(L, self->info);
    take_over(L, self);
    return 0;
}
