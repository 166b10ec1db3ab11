/* SPDX-License-Identifier: MIT */
/* The Lua table `F`: torch.nn.functional. */
#include "sim/script/functional.h"

#include <string.h>

#include "sim/script/libs.h"
#include "sim/script/nn_spatial.h"
#include "sim/script/tensor.h"

DdpReduction
ddp_lua_option_reduction(const DdpOptions *options)
{
    const char *text = ddp_options_string(options, "reduction", "mean");

    if (strcmp(text, "mean") == 0)
        return DDP_REDUCTION_MEAN;
    if (strcmp(text, "sum") == 0)
        return DDP_REDUCTION_SUM;
    if (strcmp(text, "none") != 0)
        luaL_error(options->L, "%s: option 'reduction' is '%s', expected 'mean', 'sum' or 'none'",
                   options->verb, text);
    return DDP_REDUCTION_NONE;
}

DdpCrossEntropySpec
ddp_lua_check_cross_entropy(lua_State *L, int index, const char *verb)
{
    static const char *const names[] = {"weight", "label_smoothing", "reduction", "ignore_index",
                                        NULL};
    DdpOptions options = ddp_options_open(L, index, verb, names);
    DdpCrossEntropySpec spec = ddp_cross_entropy_spec_default();

    spec.reduction = ddp_lua_option_reduction(&options);
    spec.ignore_index = ddp_options_integer(&options, "ignore_index", spec.ignore_index,
                                            LUA_MININTEGER, LUA_MAXINTEGER);
    spec.weight = ddp_lua_option_tensor(&options, "weight");
    spec.label_smoothing = ddp_options_number(&options, "label_smoothing", spec.label_smoothing);
    return spec;
}

/* cross_entropy(logits, target, {weight, label_smoothing = 0, reduction = "mean", ignore_index}) */
int
ddp_lua_cross_entropy(lua_State *L)
{
    DdpTensor *logits = ddp_lua_check_tensor(L, 1);
    DdpTensor *target = ddp_lua_check_tensor(L, 2);
    DdpCrossEntropySpec spec = ddp_lua_check_cross_entropy(L, 3, "cross_entropy");

    DDP_LUA_RETURN_TENSOR(L, ddp_cross_entropy(logits, target, &spec, &error));
}

/* mse_loss(input, target, {reduction = "mean"}) */
int
ddp_lua_mse_loss(lua_State *L)
{
    static const char *const names[] = {"reduction", NULL};
    DdpTensor *input = ddp_lua_check_tensor(L, 1);
    DdpTensor *target = ddp_lua_check_tensor(L, 2);
    DdpOptions options = ddp_options_open(L, 3, "mse_loss", names);
    DdpReduction reduction = ddp_lua_option_reduction(&options);

    DDP_LUA_RETURN_TENSOR(L, ddp_mse_loss(input, target, reduction, &error));
}

/* linear(x, weight, bias) */
static int
l_linear(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpTensor *weight = ddp_lua_check_tensor(L, 2);
    DdpTensor *bias = lua_isnoneornil(L, 3) ? NULL : ddp_lua_check_tensor(L, 3);

    DDP_LUA_RETURN_TENSOR(L, ddp_linear(x, weight, bias, &error));
}

static const luaL_Reg functions[] = {
    {"cross_entropy", ddp_lua_cross_entropy},
    {"mse_loss", ddp_lua_mse_loss},
    {"linear", l_linear},
    {NULL, NULL},
};

/* The same as the methods of these names. */
static const char *const shared_with_methods[] = {"relu",    "tanh",        "sigmoid",
                                                  "softmax", "log_softmax", NULL};

int
ddp_luaopen_functional(lua_State *L)
{
    luaL_newlib(L, functions);
    ddp_lua_add_norm_functions(L);
    ddp_lua_add_loss_functions(L);
    ddp_lua_add_spatial_functions(L);
    ddp_lua_push_tensor_methods(L);
    for (size_t i = 0; shared_with_methods[i] != NULL; i++) {
        lua_getfield(L, -1, shared_with_methods[i]);
        lua_setfield(L, -3, shared_with_methods[i]);
    }
    lua_pop(L, 1);
    return 1;
}
