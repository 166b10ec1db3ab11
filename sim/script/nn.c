/* SPDX-License-Identifier: MIT */
/*
 * The Lua table `nn`: torch.nn. Modules are classes in Lua (lua/nn.lua); here is what they need
 * from below: parameters, and the forward functions of layers.
 */
#include "model/nn.h"

#include <stdlib.h>
#include <string.h>

#include "model/autocast.h"
#include "model/autograd.h"
#include "sim/script/functional.h"
#include "sim/script/layer.h"
#include "sim/script/libs.h"
#include "sim/script/optim.h"
#include "sim/script/prelude.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

/* ---- parameters ---------------------------------------------------------------------- */

static int
l_is_tensor(lua_State *L)
{
    lua_pushboolean(L, ddp_lua_test_tensor(L, 1) != NULL);
    return 1;
}

static int
l_is_parameter(lua_State *L)
{
    const DdpTensor *tensor = ddp_lua_test_tensor(L, 1);

    lua_pushboolean(L, tensor != NULL && ddp_tensor_is_parameter(tensor));
    return 1;
}

/* A key for the tensor behind a value: two values may be one tensor. Never shown to a scenario. */
static int
l_identity(lua_State *L)
{
    lua_pushlightuserdata(L, ddp_lua_check_tensor(L, 1));
    return 1;
}

/* Parameter(tensor, {requires_grad = true}): shares the tensor's memory. */
static int
l_parameter(lua_State *L)
{
    static const char *const names[] = {"requires_grad", NULL};
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1);
    DdpOptions options = ddp_options_open(L, 2, "Parameter", names);
    bool requires_grad = ddp_options_boolean(&options, "requires_grad", true);
    DdpTensor **slot = ddp_lua_tensor_slot(L);
    GError *error = NULL;

    *slot = ddp_tensor_detach(tensor, &error);
    if (*slot == NULL || !ddp_tensor_set_requires_grad(*slot, requires_grad, &error))
        return ddp_args_raise(L, error);
    ddp_tensor_set_parameter(*slot, true);
    return 1;
}

/* linear_parameters(in, out, {bias = true}) */
static int
l_linear_parameters(lua_State *L)
{
    static const char *const names[] = {"bias", NULL};
    DdpLuaShape shape;
    DdpOptions options = ddp_options_open(L, 3, "Linear", names);
    bool has_bias = ddp_options_boolean(&options, "bias", true);
    GError *error = NULL;

    lua_settop(L, 2);
    shape = ddp_lua_check_shape(L, 1, "Linear", false);
    if (shape.ndim != 2)
        return luaL_error(L, "Linear: expected in_features and out_features, found %s",
                          shape.ndim == 0 ? luaL_typename(L, 1) : luaL_typename(L, 2));

    DdpTensor **weight = ddp_lua_tensor_slot(L);
    DdpTensor **bias = ddp_lua_tensor_slot(L);

    if (!ddp_linear_new(ddp_script_rank(L)->model, shape.sizes[0], shape.sizes[1], weight,
                        has_bias ? bias : NULL, &error))
        return ddp_args_raise(L, error);
    if (!has_bias) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    return 2;
}

/* copy(parameter, value): over its elements, which autograd does not see. */
static int
l_copy(lua_State *L)
{
    DdpTensor *target = ddp_lua_check_tensor(L, 1);
    DdpTensor *source = ddp_lua_check_tensor(L, 2);
    DdpModelContext *model = ddp_script_rank(L)->model;
    bool enabled = ddp_model_context_set_grad_enabled(model, false);
    GError *error = NULL;
    bool ok = ddp_copy_(target, source, &error);

    ddp_model_context_set_grad_enabled(model, enabled);
    return ok ? 0 : ddp_args_raise(L, error);
}

/* convert(tensor, dtype): its elements, in place, where they are floats. */
static int
l_convert(lua_State *L)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1);
    DdpDtype dtype = ddp_lua_check_dtype(L, 2, "to");
    GError *error = NULL;

    if (!ddp_dtype_is_float(dtype))
        return luaL_error(L, "to: a module takes floating point dtypes, found torch.%s",
                          ddp_dtype_name(dtype));
    if (ddp_dtype_is_float(ddp_tensor_dtype(tensor)) &&
        !ddp_tensor_convert_(tensor, dtype, &error))
        return ddp_args_raise(L, error);
    return 0;
}

/* ---- fields that were assigned unseen ------------------------------------------------ */

/* Whether the value on top of the stack is a parameter, or a module as function 3 says. */
static bool
is_registered_kind(lua_State *L)
{
    const DdpTensor *tensor = ddp_lua_test_tensor(L, -1);

    if (tensor != NULL || !lua_istable(L, -1))
        return tensor != NULL && ddp_tensor_is_parameter(tensor);
    lua_pushvalue(L, 3);
    lua_pushvalue(L, -2);
    lua_call(L, 1, 1);

    bool is_module = lua_toboolean(L, -1) != 0;

    lua_pop(L, 1);
    return is_module;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * unregistered(self, order, is_module): the names of modules and parameters among the fields
 * that `order` does not have, sorted, since the order in which they came is not known.
 */
static int
l_unregistered(lua_State *L)
{
    size_t count = 0;
    size_t room = 0;

    lua_settop(L, 3);
    lua_newtable(L); /* keeps the names alive, as keys */
    lua_pushnil(L);
    while (lua_next(L, 1) != 0) {
        room++;
        if (lua_type(L, -2) == LUA_TSTRING && is_registered_kind(L)) {
            lua_pushvalue(L, -2);
            if (lua_rawget(L, 2) == LUA_TNIL) {
                lua_pushvalue(L, -3);
                lua_pushboolean(L, 1);
                lua_rawset(L, 4);
                count++;
            }
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    ddp_script_charge(L, room);

    const char **names = lua_newuserdatauv(L, count * sizeof *names + 1, 0);

    count = 0;
    lua_pushnil(L);
    while (lua_next(L, 4) != 0) {
        lua_pop(L, 1);
        names[count++] = lua_tostring(L, -1);
    }
    qsort(names, count, sizeof *names, compare_names);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, names[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* ---- layers -------------------------------------------------------------------------- */

DdpTensor *
ddp_lua_layer_tensor(lua_State *L, int self, const char *name)
{
    lua_getfield(L, self, name);

    DdpTensor *tensor = ddp_lua_test_tensor(L, -1);

    if (tensor == NULL && !lua_isnil(L, -1))
        luaL_error(L, "the field '%s' of a module is a %s, expected a tensor", name,
                   luaL_typename(L, -1));
    lua_pop(L, 1);
    return tensor;
}

static DdpTensor *
linear_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    DdpTensor *weight = ddp_lua_layer_tensor(L, self, "weight");
    DdpTensor *bias = ddp_lua_layer_tensor(L, self, "bias");

    if (weight == NULL)
        luaL_error(L, "Linear: the module has no weight");
    return ddp_linear(x, weight, bias, error);
}

static DdpTensor *
relu_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    (void)L;
    (void)self;
    return ddp_unary(DDP_UNARY_RELU, x, error);
}

static DdpTensor *
tanh_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    (void)L;
    (void)self;
    return ddp_unary(DDP_UNARY_TANH, x, error);
}

static DdpTensor *
sigmoid_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    (void)L;
    (void)self;
    return ddp_unary(DDP_UNARY_SIGMOID, x, error);
}

static DdpTensor *
flatten_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    lua_getfield(L, self, "start_dim");
    lua_getfield(L, self, "end_dim");

    int start = ddp_lua_opt_dim(L, -2, 1);
    int end = ddp_lua_opt_dim(L, -1, -1);

    lua_pop(L, 2);
    return ddp_flatten(x, start, end, error);
}

static const DdpLuaLayer linear_layer = {"Linear", linear_forward};
static const DdpLuaLayer relu_layer = {"ReLU", relu_forward};
static const DdpLuaLayer tanh_layer = {"Tanh", tanh_forward};
static const DdpLuaLayer sigmoid_layer = {"Sigmoid", sigmoid_forward};
static const DdpLuaLayer flatten_layer = {"Flatten", flatten_forward};
static const DdpLuaLayer sequential_layer = {"Sequential", NULL}; /* called as any other module */

int
ddp_lua_layer_forward(lua_State *L, const DdpLuaLayer *layer)
{
    luaL_checktype(L, 1, LUA_TTABLE);

    DdpTensor *x = ddp_lua_check_tensor(L, 2);

    DDP_LUA_RETURN_TENSOR(L, layer->forward(L, 1, x, &error));
}

static int
l_linear(lua_State *L)
{
    return ddp_lua_layer_forward(L, &linear_layer);
}

static int
l_relu(lua_State *L)
{
    return ddp_lua_layer_forward(L, &relu_layer);
}

static int
l_tanh(lua_State *L)
{
    return ddp_lua_layer_forward(L, &tanh_layer);
}

static int
l_sigmoid(lua_State *L)
{
    return ddp_lua_layer_forward(L, &sigmoid_layer);
}

static int
l_flatten(lua_State *L)
{
    return ddp_lua_layer_forward(L, &flatten_layer);
}

/* ---- Sequential ---------------------------------------------------------------------- */

/* Stack of l_sequential. */
enum {
    SEQUENTIAL_SELF = 1,
    SEQUENTIAL_VALUE, /* the input, and then each result that Lua sees */
    SEQUENTIAL_ORDER,
    SEQUENTIAL_SLOT, /* a tensor value for results that Lua does not see; or nil */
    SEQUENTIAL_CHILD,
};

static const DdpLuaLayer *const basic_layers[] = {&linear_layer,  &relu_layer,    &tanh_layer,
                                                  &sigmoid_layer, &flatten_layer, NULL};

/* The layer of that address, if there is one; @kind may be anything. */
static const DdpLuaLayer *
find_layer(const void *kind)
{
    static const DdpLuaLayer *const *const lists[] = {basic_layers, ddp_lua_spatial_layers,
                                                       ddp_lua_norm_layers};

    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (size_t j = 0; lists[i][j] != NULL; j++) {
            if (lists[i][j] == kind)
                return lists[i][j];
        }
    }
    return NULL;
}

/* The layer that the module at SEQUENTIAL_CHILD is, if it is one of ours as we made it. */
static const DdpLuaLayer *
child_layer(lua_State *L)
{
    const void *kind = NULL;

    if (!lua_getmetatable(L, SEQUENTIAL_CHILD))
        return NULL;
    lua_pushliteral(L, "layer_kind");
    lua_rawget(L, -2);
    kind = lua_touserdata(L, -1);
    lua_pop(L, 2);
    if (kind == NULL)
        return NULL;

    /* Somebody may have given this one a forward of its own. */
    lua_pushliteral(L, "forward");
    lua_rawget(L, SEQUENTIAL_CHILD);

    bool own = !lua_isnil(L, -1);

    lua_pop(L, 1);
    return own ? NULL : find_layer(kind);
}

/* Runs the child in Lua: its result takes the place of the value. */
static void
call_child(lua_State *L)
{
    lua_pushvalue(L, SEQUENTIAL_CHILD);
    lua_pushvalue(L, SEQUENTIAL_VALUE);
    lua_call(L, 1, 1);
    lua_replace(L, SEQUENTIAL_VALUE);
}

/* Runs the child in C. The slot holds the result before, unless that is the value. */
static void
run_child(lua_State *L, const DdpLuaLayer *layer)
{
    DdpTensor **slot;
    DdpTensor *x;
    DdpTensor *result;
    GError *error = NULL;

    if (lua_isnil(L, SEQUENTIAL_SLOT)) {
        ddp_lua_tensor_slot(L);
        lua_replace(L, SEQUENTIAL_SLOT);
    }
    slot = lua_touserdata(L, SEQUENTIAL_SLOT);
    x = *slot != NULL ? *slot : ddp_lua_check_tensor(L, SEQUENTIAL_VALUE);
    result = layer->forward(L, SEQUENTIAL_CHILD, x, &error);
    if (result == NULL && ddp_lua_out_of_memory(L, &error))
        result = layer->forward(L, SEQUENTIAL_CHILD, x, &error);
    if (result == NULL)
        ddp_args_raise(L, error);
    if (*slot != NULL)
        ddp_tensor_unref(*slot);
    *slot = result;
}

/* What is in the slot becomes a value that Lua may see; the next slot will be a new one. */
static void
show_slot(lua_State *L)
{
    DdpTensor **slot = lua_touserdata(L, SEQUENTIAL_SLOT);

    if (slot == NULL || *slot == NULL)
        return;
    lua_pushvalue(L, SEQUENTIAL_SLOT);
    lua_replace(L, SEQUENTIAL_VALUE);
    lua_pushnil(L);
    lua_replace(L, SEQUENTIAL_SLOT);
}

/* forward(self, x): one module after the other, in the order of registration. */
static int
l_sequential(lua_State *L)
{
    luaL_checktype(L, SEQUENTIAL_SELF, LUA_TTABLE);
    luaL_checkany(L, SEQUENTIAL_VALUE);
    lua_settop(L, SEQUENTIAL_VALUE);
    lua_getfield(L, SEQUENTIAL_SELF, "_order");
    luaL_checktype(L, SEQUENTIAL_ORDER, LUA_TTABLE);
    lua_pushnil(L);

    lua_Integer count = (lua_Integer)lua_rawlen(L, SEQUENTIAL_ORDER);

    for (lua_Integer i = 1; i <= count; i++) {
        const DdpLuaLayer *layer;

        if (lua_rawgeti(L, SEQUENTIAL_ORDER, i) != LUA_TSTRING) {
            lua_pop(L, 1);
            continue;
        }
        lua_rawget(L, SEQUENTIAL_SELF);
        if (!lua_istable(L, SEQUENTIAL_CHILD)) {
            lua_pop(L, 1);
            continue;
        }
        layer = child_layer(L);
        if (layer != NULL) {
            run_child(L, layer);
        } else {
            show_slot(L);
            call_child(L);
        }
        lua_settop(L, SEQUENTIAL_SLOT);
    }
    show_slot(L);
    lua_settop(L, SEQUENTIAL_VALUE);
    return 1;
}

/* ---- calls --------------------------------------------------------------------------- */

/* __call of a layer; upvalue 1: its forward, a C function. An instance may have one of its own. */
static int
l_call(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushliteral(L, "forward");
    if (lua_rawget(L, 1) == LUA_TNIL) {
        lua_pop(L, 1);
        return lua_tocfunction(L, lua_upvalueindex(1))(L);
    }
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* caller(forward) */
static int
l_caller(lua_State *L)
{
    luaL_argcheck(L, lua_iscfunction(L, 1), 1, "expected a C function");
    lua_settop(L, 1);
    lua_pushcclosure(L, l_call, 1);
    return 1;
}

/* ---- opening ------------------------------------------------------------------------- */

/* check_options(table, verb, name, ...): raises where a name is unknown. */
static int
l_check_options(lua_State *L)
{
    const char *names[8];
    int count = lua_gettop(L) - 2;

    g_assert(count < (int)G_N_ELEMENTS(names));
    for (int i = 0; i < count; i++)
        names[i] = luaL_checkstring(L, i + 3);
    names[count] = NULL;
    ddp_options_open(L, 1, luaL_checkstring(L, 2), names);
    return 0;
}

/* use(name): a module of our own. */
static int
l_use(lua_State *L)
{
    ddp_prelude_use(L, luaL_checkstring(L, 1));
    return 1;
}

static int
l_check_cross_entropy(lua_State *L)
{
    ddp_lua_check_cross_entropy(L, 1, "CrossEntropyLoss");
    return 0;
}

static const luaL_Reg functions[] = {
    {"caller", l_caller},
    {"check_cross_entropy", l_check_cross_entropy},
    {"check_options", l_check_options},
    {"convert", l_convert},
    {"copy", l_copy},
    {"flatten", l_flatten},
    {"identity", l_identity},
    {"is_parameter", l_is_parameter},
    {"is_tensor", l_is_tensor},
    {"linear", l_linear},
    {"linear_parameters", l_linear_parameters},
    {"parameter", l_parameter},
    {"relu", l_relu},
    {"sequential", l_sequential},
    {"sigmoid", l_sigmoid},
    {"tanh", l_tanh},
    {"unregistered", l_unregistered},
    {"use", l_use},
    {NULL, NULL},
};

static const struct {
    const char *name;
    const DdpLuaLayer *layer;
} kinds[] = {
    {"flatten", &flatten_layer}, {"linear", &linear_layer},         {"relu", &relu_layer},
    {"tanh", &tanh_layer},       {"sequential", &sequential_layer}, {"sigmoid", &sigmoid_layer},
};

int
ddp_luaopen_nn(lua_State *L)
{
    luaL_newlib(L, functions);
    ddp_lua_add_clip_functions(L);
    lua_pushcfunction(L, ddp_lua_cross_entropy);
    lua_setfield(L, -2, "cross_entropy");
    lua_pushcfunction(L, ddp_lua_mse_loss);
    lua_setfield(L, -2, "mse_loss");
    lua_createtable(L, 0, G_N_ELEMENTS(kinds));
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)kinds[i].layer);
        lua_setfield(L, -2, kinds[i].name);
    }
    lua_setfield(L, -2, "kinds");
    ddp_prelude_run(L, "ordered_dict", 0);
    ddp_prelude_run(L, "nn", 2);
    return 1;
}
