/* SPDX-License-Identifier: MIT */
/* Normalisation, dropout and activations of the Lua table `F`. */
#include "sim/script/functional.h"

#include <string.h>

#include "model/ops_activation.h"
#include "model/ops_norm.h"
#include "sim/script/tensor.h"

static DdpTensor *
opt_tensor(lua_State *L, int index)
{
    return lua_isnoneornil(L, index) ? NULL : ddp_lua_check_tensor(L, index);
}

/* batch_norm(x, running_mean, running_var, weight, bias, {training = false, momentum, eps}) */
static int
l_batch_norm(lua_State *L)
{
    static const char *const names[] = {"training", "momentum", "eps", NULL};
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpBatchNormSpec spec = ddp_batch_norm_spec_default();
    int last = lua_istable(L, lua_gettop(L)) ? lua_gettop(L) : 6;
    DdpOptions options = ddp_options_open(L, last, "batch_norm", names);

    spec.running_mean = last > 2 ? opt_tensor(L, 2) : NULL;
    spec.running_var = last > 3 ? opt_tensor(L, 3) : NULL;
    spec.weight = last > 4 ? opt_tensor(L, 4) : NULL;
    spec.bias = last > 5 ? opt_tensor(L, 5) : NULL;
    spec.training = ddp_options_boolean(&options, "training", false);
    spec.momentum = ddp_options_number(&options, "momentum", spec.momentum);
    spec.eps = ddp_options_number(&options, "eps", spec.eps);
    DDP_LUA_RETURN_TENSOR(L, ddp_batch_norm(x, &spec, &error));
}

/* layer_norm(x, normalized_shape, weight, bias, {eps = 1e-5}) */
static int
l_layer_norm(lua_State *L)
{
    static const char *const names[] = {"eps", NULL};
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int last = lua_gettop(L) > 2 && lua_istable(L, lua_gettop(L)) ? lua_gettop(L) : 5;
    DdpOptions options = ddp_options_open(L, last, "layer_norm", names);
    double eps = ddp_options_number(&options, "eps", 1e-5);
    DdpTensor *weight = last > 3 ? opt_tensor(L, 3) : NULL;
    DdpTensor *bias = last > 4 ? opt_tensor(L, 4) : NULL;
    int64_t shape[DDP_TENSOR_DIMS_MAX];
    int ndim = 1;

    if (lua_istable(L, 2)) {
        ndim = (int)CLAMP(luaL_len(L, 2), 0, DDP_TENSOR_DIMS_MAX);
        for (int i = 0; i < ndim; i++) {
            lua_geti(L, 2, i + 1);
            shape[i] = luaL_checkinteger(L, -1);
            lua_pop(L, 1);
        }
    } else {
        shape[0] = luaL_checkinteger(L, 2);
    }
    DDP_LUA_RETURN_TENSOR(L, ddp_layer_norm(x, ndim, shape, weight, bias, eps, &error));
}

/* dropout(x, p, {p = 0.5, training = true}) */
static int
l_dropout(lua_State *L)
{
    static const char *const names[] = {"p", "training", NULL};
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    bool named = lua_istable(L, 2) || lua_isnoneornil(L, 2);
    double p = named ? 0.5 : luaL_checknumber(L, 2);
    DdpOptions options = ddp_options_open(L, lua_istable(L, 2) ? 2 : 3, "dropout", names);
    bool training = ddp_options_boolean(&options, "training", true);

    p = ddp_options_number(&options, "p", p);
    DDP_LUA_RETURN_TENSOR(L, ddp_dropout(x, p, training, NULL, &error));
}

/* The one number of an activation: argument 2, or the option @name. */
static double
number_argument(lua_State *L, const char *verb, const char *name, double fallback)
{
    const char *const names[] = {name, NULL};

    if (lua_isnumber(L, 2))
        return lua_tonumber(L, 2);

    DdpOptions options = ddp_options_open(L, 2, verb, names);

    return ddp_options_number(&options, name, fallback);
}

/* gelu(x, {approximate = "none"}) */
static int
l_gelu(lua_State *L)
{
    static const char *const names[] = {"approximate", NULL};
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpOptions options = ddp_options_open(L, 2, "gelu", names);
    const char *approximate = ddp_options_string(&options, "approximate", "none");
    bool by_tanh = strcmp(approximate, "tanh") == 0;

    if (!by_tanh && strcmp(approximate, "none") != 0)
        return luaL_error(L, "gelu: option 'approximate' is '%s', expected 'none' or 'tanh'",
                          approximate);
    DDP_LUA_RETURN_TENSOR(L,
                          ddp_activation(by_tanh ? DDP_ACTIVATION_GELU_TANH : DDP_ACTIVATION_GELU,
                                         x, 0.0, 0.0, &error));
}

static int
l_silu(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);

    DDP_LUA_RETURN_TENSOR(L, ddp_activation(DDP_ACTIVATION_SILU, x, 0.0, 0.0, &error));
}

static int
l_logsigmoid(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);

    DDP_LUA_RETURN_TENSOR(L, ddp_activation(DDP_ACTIVATION_LOG_SIGMOID, x, 0.0, 0.0, &error));
}

static int
l_leaky_relu(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    double slope = number_argument(L, "leaky_relu", "negative_slope", 0.01);

    DDP_LUA_RETURN_TENSOR(L, ddp_activation(DDP_ACTIVATION_LEAKY_RELU, x, slope, 0.0, &error));
}

static int
l_elu(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    double alpha = number_argument(L, "elu", "alpha", 1.0);

    DDP_LUA_RETURN_TENSOR(L, ddp_activation(DDP_ACTIVATION_ELU, x, alpha, 0.0, &error));
}

/* softplus(x, {beta = 1, threshold = 20}) */
static int
l_softplus(lua_State *L)
{
    static const char *const names[] = {"beta", "threshold", NULL};
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpOptions options = ddp_options_open(L, 2, "softplus", names);
    double beta = ddp_options_number(&options, "beta", 1.0);
    double threshold = ddp_options_number(&options, "threshold", 20.0);

    DDP_LUA_RETURN_TENSOR(L, ddp_activation(DDP_ACTIVATION_SOFTPLUS, x, beta, threshold, &error));
}

static const luaL_Reg functions[] = {
    {"batch_norm", l_batch_norm},
    {"dropout", l_dropout},
    {"elu", l_elu},
    {"gelu", l_gelu},
    {"layer_norm", l_layer_norm},
    {"leaky_relu", l_leaky_relu},
    {"logsigmoid", l_logsigmoid},
    {"silu", l_silu},
    {"softplus", l_softplus},
    {NULL, NULL},
};

void
ddp_lua_add_norm_functions(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
