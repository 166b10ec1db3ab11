/* SPDX-License-Identifier: MIT */
/* Losses of the Lua table `F` beyond cross_entropy and mse_loss: (input, target, options). */
#include "model/losses.h"
#include "sim/script/functional.h"
#include "sim/script/tensor.h"

static const char *const reduction_names[] = {"reduction", NULL};

DdpTensor *
ddp_lua_option_tensor(const DdpOptions *options, const char *name)
{
    lua_State *L = options->L;

    if (ddp_options_push(options, name) == LUA_TNIL) {
        lua_pop(L, 1);
        return NULL;
    }

    DdpTensor *tensor = ddp_lua_test_tensor(L, -1);

    if (tensor == NULL)
        luaL_error(L, "%s: option '%s' is a %s, expected a tensor", options->verb, name,
                   luaL_typename(L, -1));
    lua_pop(L, 1);
    return tensor;
}

/* nll_loss(log_probabilities, target, {weight, ignore_index = -100, reduction = "mean"}) */
static int
l_nll_loss(lua_State *L)
{
    static const char *const names[] = {"weight", "ignore_index", "reduction", NULL};
    DdpTensor *input = ddp_lua_check_tensor(L, 1);
    DdpTensor *target = ddp_lua_check_tensor(L, 2);
    DdpOptions options = ddp_options_open(L, 3, "nll_loss", names);
    DdpCrossEntropySpec spec = ddp_cross_entropy_spec_default();

    spec.reduction = ddp_lua_option_reduction(&options);
    spec.ignore_index = ddp_options_integer(&options, "ignore_index", spec.ignore_index,
                                            LUA_MININTEGER, LUA_MAXINTEGER);
    spec.weight = ddp_lua_option_tensor(&options, "weight");
    DDP_LUA_RETURN_TENSOR(L, ddp_nll_loss(input, target, &spec, &error));
}

/* binary_cross_entropy(input, target, {weight, reduction = "mean"}) */
static int
l_binary_cross_entropy(lua_State *L)
{
    static const char *const names[] = {"weight", "reduction", NULL};
    DdpTensor *input = ddp_lua_check_tensor(L, 1);
    DdpTensor *target = ddp_lua_check_tensor(L, 2);
    DdpOptions options = ddp_options_open(L, 3, "binary_cross_entropy", names);
    DdpTensor *weight = ddp_lua_option_tensor(&options, "weight");
    DdpReduction reduction = ddp_lua_option_reduction(&options);

    DDP_LUA_RETURN_TENSOR(L, ddp_binary_cross_entropy(input, target, weight, reduction, &error));
}

/* binary_cross_entropy_with_logits(input, target, {weight, pos_weight, reduction = "mean"}) */
static int
l_binary_cross_entropy_with_logits(lua_State *L)
{
    static const char *const names[] = {"weight", "pos_weight", "reduction", NULL};
    DdpTensor *input = ddp_lua_check_tensor(L, 1);
    DdpTensor *target = ddp_lua_check_tensor(L, 2);
    DdpOptions options = ddp_options_open(L, 3, "binary_cross_entropy_with_logits", names);
    DdpTensor *weight = ddp_lua_option_tensor(&options, "weight");
    DdpTensor *pos_weight = ddp_lua_option_tensor(&options, "pos_weight");
    DdpReduction reduction = ddp_lua_option_reduction(&options);

    DDP_LUA_RETURN_TENSOR(L, ddp_binary_cross_entropy_with_logits(input, target, weight, pos_weight,
                                                                  reduction, &error));
}

static int
l_l1_loss(lua_State *L)
{
    DdpTensor *input = ddp_lua_check_tensor(L, 1);
    DdpTensor *target = ddp_lua_check_tensor(L, 2);
    DdpOptions options = ddp_options_open(L, 3, "l1_loss", reduction_names);
    DdpReduction reduction = ddp_lua_option_reduction(&options);

    DDP_LUA_RETURN_TENSOR(L, ddp_l1_loss(input, target, reduction, &error));
}

/* smooth_l1_loss(input, target, {beta = 1, reduction = "mean"}) */
static int
l_smooth_l1_loss(lua_State *L)
{
    static const char *const names[] = {"beta", "reduction", NULL};
    DdpTensor *input = ddp_lua_check_tensor(L, 1);
    DdpTensor *target = ddp_lua_check_tensor(L, 2);
    DdpOptions options = ddp_options_open(L, 3, "smooth_l1_loss", names);
    DdpReduction reduction = ddp_lua_option_reduction(&options);
    double beta = ddp_options_number(&options, "beta", 1.0);

    DDP_LUA_RETURN_TENSOR(L, ddp_smooth_l1_loss(input, target, beta, reduction, &error));
}

/* huber_loss(input, target, {delta = 1, reduction = "mean"}) */
static int
l_huber_loss(lua_State *L)
{
    static const char *const names[] = {"delta", "reduction", NULL};
    DdpTensor *input = ddp_lua_check_tensor(L, 1);
    DdpTensor *target = ddp_lua_check_tensor(L, 2);
    DdpOptions options = ddp_options_open(L, 3, "huber_loss", names);
    DdpReduction reduction = ddp_lua_option_reduction(&options);
    double delta = ddp_options_number(&options, "delta", 1.0);

    DDP_LUA_RETURN_TENSOR(L, ddp_huber_loss(input, target, delta, reduction, &error));
}

static const luaL_Reg functions[] = {
    {"binary_cross_entropy", l_binary_cross_entropy},
    {"binary_cross_entropy_with_logits", l_binary_cross_entropy_with_logits},
    {"huber_loss", l_huber_loss},
    {"l1_loss", l_l1_loss},
    {"nll_loss", l_nll_loss},
    {"smooth_l1_loss", l_smooth_l1_loss},
    {NULL, NULL},
};

void
ddp_lua_add_loss_functions(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
