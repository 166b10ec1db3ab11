/* SPDX-License-Identifier: MIT */
/* torch.nn.utils: what is done to gradients before a step. */
#include <lauxlib.h>
#include <math.h>

#include "model/optim_gradients.h"
#include "sim/script/args.h"
#include "sim/script/optim.h"
#include "sim/script/script_rank.h"
#include "sim/script/tensor.h"

static const char *const norm_names[] = {"norm_type", "error_if_nonfinite", "foreach", NULL};

/* A list of tensors, or one: @index is then the list. */
static void
make_list(lua_State *L, int index)
{
    if (ddp_lua_test_tensor(L, index) == NULL)
        return;
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, 1);
    lua_replace(L, index);
}

DdpTensor **
ddp_lua_push_gradients(lua_State *L, int index, const char *verb, size_t *count)
{
    size_t parameters;
    DdpTensor **list = ddp_lua_push_tensor_list(L, index, verb, &parameters);

    *count = 0;
    for (size_t i = 0; i < parameters; i++) {
        DdpTensor *gradient = ddp_tensor_grad(list[i]);

        if (gradient != NULL)
            list[(*count)++] = gradient;
    }
    return list;
}

/* "inf" and math.huge are the same, as float("inf") is in Python. */
static double
option_norm_type(lua_State *L, const DdpOptions *options)
{
    double value = 2.0;

    if (ddp_options_push(options, "norm_type") == LUA_TSTRING) {
        if (g_strcmp0(lua_tostring(L, -1), "inf") != 0)
            luaL_error(L, "%s: option 'norm_type' is '%s', expected a number or 'inf'",
                       options->verb, lua_tostring(L, -1));
        value = (double)INFINITY;
    } else if (!lua_isnil(L, -1)) {
        value = ddp_options_number(options, "norm_type", 2.0);
    }
    lua_pop(L, 1);
    return value;
}

/* Pushes the total norm of @gradients. */
static DdpTensor *
push_norm(lua_State *L, DdpTensor *const *gradients, size_t count, double norm_type, bool strict)
{
    DdpTensor **slot = ddp_lua_tensor_slot(L);
    GError *error = NULL;

    *slot =
        ddp_gradients_total_norm(ddp_script_rank(L)->model, gradients, count, norm_type, &error);
    if (*slot == NULL)
        ddp_args_raise(L, error);
    if (strict && !isfinite(ddp_tensor_item_f64(*slot, 0)))
        luaL_error(L,
                   "The total norm of order %f for gradients from `parameters` is non-finite, so "
                   "it cannot be clipped; without error_if_nonfinite the gradients are scaled by "
                   "it all the same",
                   norm_type);
    return *slot;
}

/* get_total_norm(tensors, {norm_type = 2, error_if_nonfinite = false}) */
static int
l_get_total_norm(lua_State *L)
{
    DdpOptions options = ddp_options_open(L, 2, "get_total_norm", norm_names);
    double norm_type = option_norm_type(L, &options);
    bool strict = ddp_options_boolean(&options, "error_if_nonfinite", false);
    size_t count;

    make_list(L, 1);

    DdpTensor **list = ddp_lua_push_tensor_list(L, 1, "get_total_norm", &count);

    push_norm(L, list, count, norm_type, strict);
    return 1;
}

/* clip_grad_norm_(parameters, max_norm, {norm_type = 2, error_if_nonfinite = false}) → norm */
static int
l_clip_grad_norm_(lua_State *L)
{
    double max_norm = luaL_checknumber(L, 2);
    DdpOptions options = ddp_options_open(L, 3, "clip_grad_norm_", norm_names);
    double norm_type = option_norm_type(L, &options);
    bool strict = ddp_options_boolean(&options, "error_if_nonfinite", false);
    size_t count;
    GError *error = NULL;

    make_list(L, 1);

    DdpTensor **gradients = ddp_lua_push_gradients(L, 1, "clip_grad_norm_", &count);
    DdpTensor *total = push_norm(L, gradients, count, norm_type, strict);

    if (!ddp_gradients_clip_norm_(gradients, count, max_norm, total, &error))
        return ddp_args_raise(L, error);
    return 1;
}

/* clip_grads_with_norm_(parameters, max_norm, total_norm) */
static int
l_clip_grads_with_norm_(lua_State *L)
{
    double max_norm = luaL_checknumber(L, 2);
    DdpTensor *total = ddp_lua_check_tensor(L, 3);
    size_t count;
    GError *error = NULL;

    make_list(L, 1);

    DdpTensor **gradients = ddp_lua_push_gradients(L, 1, "clip_grads_with_norm_", &count);

    if (!ddp_gradients_clip_norm_(gradients, count, max_norm, total, &error))
        return ddp_args_raise(L, error);
    return 0;
}

/* clip_grad_value_(parameters, clip_value) */
static int
l_clip_grad_value_(lua_State *L)
{
    static const char *const names[] = {"foreach", NULL};
    double limit = luaL_checknumber(L, 2);
    size_t count;

    ddp_options_open(L, 3, "clip_grad_value_", names);
    make_list(L, 1);

    DdpTensor **gradients = ddp_lua_push_gradients(L, 1, "clip_grad_value_", &count);

    ddp_gradients_clip_value_(gradients, count, limit);
    return 0;
}

static const luaL_Reg functions[] = {
    {"clip_grad_norm_", l_clip_grad_norm_},
    {"clip_grad_value_", l_clip_grad_value_},
    {"clip_grads_with_norm_", l_clip_grads_with_norm_},
    {"get_total_norm", l_get_total_norm},
    {NULL, NULL},
};

void
ddp_lua_add_clip_functions(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
