/* SPDX-License-Identifier: MIT */
/*
 * Convolutions, pools, embedding and attention: as functions of `F`, as forwards of layers, and
 * what lua/nn_spatial.lua needs to make their parameters.
 *
 * A function finds its numbers in a table of options, a layer in its own fields; they have the
 * same names, so both are read by the same code.
 */
#include "sim/script/nn_spatial.h"

#include <string.h>

#include "model/nn.h"
#include "model/ops_attention.h"
#include "model/ops_conv.h"
#include "model/ops_embedding.h"
#include "model/ops_pool.h"
#include "sim/script/args.h"
#include "sim/script/layer.h"
#include "sim/script/libs.h"
#include "sim/script/script_rank.h"
#include "sim/script/tensor.h"

/* ---- numbers for height and width ---------------------------------------------------- */

static int64_t
check_whole(lua_State *L, int index, const char *verb, const char *name)
{
    int is_whole;
    lua_Integer value = lua_tointegerx(L, index, &is_whole);

    if (!is_whole || lua_type(L, index) != LUA_TNUMBER)
        luaL_error(L, "%s: '%s' is a %s, expected a whole number or a list of them", verb, name,
                   luaL_typename(L, index));
    return value;
}

/*
 * The value on top of the stack, which it takes away: one number for all dimensions or a list with
 * one for each. With one spatial dimension it stands in the second place.
 */
static void
take_pair(lua_State *L, const char *verb, const char *name, int rank, int64_t pair[2])
{
    if (!lua_istable(L, -1)) {
        int64_t value = check_whole(L, -1, verb, name);

        pair[2 - rank] = pair[1] = value;
        lua_pop(L, 1);
        return;
    }
    if (lua_rawlen(L, -1) != (lua_Unsigned)rank)
        luaL_error(L, "%s: '%s' has %I entries, expected %d", verb, name,
                   (LUAI_UACINT)lua_rawlen(L, -1), rank);
    for (int i = 0; i < rank; i++) {
        lua_rawgeti(L, -1, i + 1);
        pair[2 - rank + i] = check_whole(L, -1, verb, name);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Field @name of the table at @index, 0: no table. False if there is none. */
static bool
read_pair(lua_State *L, int index, const char *verb, const char *name, int rank, int64_t pair[2])
{
    if (index == 0)
        return false;
    if (lua_getfield(L, index, name) == LUA_TNIL) {
        lua_pop(L, 1);
        return false;
    }
    take_pair(L, verb, name, rank, pair);
    return true;
}

static int64_t
read_whole(lua_State *L, int index, const char *verb, const char *name, int64_t fallback)
{
    int64_t value = fallback;

    if (index == 0)
        return fallback;
    if (lua_getfield(L, index, name) != LUA_TNIL)
        value = check_whole(L, -1, verb, name);
    lua_pop(L, 1);
    return value;
}

static bool
read_flag(lua_State *L, int index, const char *name, bool fallback)
{
    bool value = fallback;

    if (index == 0)
        return fallback;
    if (lua_getfield(L, index, name) != LUA_TNIL)
        value = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return value;
}

/* ---- convolutions -------------------------------------------------------------------- */

/* padding = "same": as many zeros as leave the size, the odd one behind. */
static void
pad_same(lua_State *L, const char *verb, int rank, const DdpTensor *weight, DdpConvSpec *spec)
{
    const int64_t *shape = ddp_tensor_shape(weight);
    int ndim = ddp_tensor_ndim(weight);

    for (int i = 2 - rank; i < 2; i++) {
        int place = ndim - 2 + i; /* of the kernel's size in the weight */

        if (spec->stride[i] != 1)
            luaL_error(L, "%s: padding='same' is not supported for strided convolutions", verb);
        if (place < 2)
            continue; /* the model refuses a weight of so few dimensions */

        /* Refused by the model when it is out of range, so it must only not overflow here. */
        int64_t dilation = CLAMP(spec->dilation[i], 0, INT64_C(1) << 31);
        int64_t total = dilation * MIN(shape[place] - 1, INT64_C(1) << 31);

        spec->pad_before[i] = total / 2;
        spec->pad_after[i] = total - total / 2;
    }
}

static void
read_padding(lua_State *L, int index, const char *verb, int rank, const DdpTensor *weight,
             DdpConvSpec *spec)
{
    const char *word = NULL;

    if (index != 0 && lua_getfield(L, index, "padding") == LUA_TSTRING)
        word = lua_tostring(L, -1);
    if (word != NULL && strcmp(word, "same") == 0)
        pad_same(L, verb, rank, weight, spec);
    else if (word != NULL && strcmp(word, "valid") != 0)
        luaL_error(L, "%s: Invalid padding string '%s', should be one of 'same', 'valid'", verb,
                   word);
    else if (word == NULL && index != 0 && !lua_isnil(L, -1)) {
        take_pair(L, verb, "padding", rank, spec->pad_before);
        lua_pushnil(L); /* in its place */
        memcpy(spec->pad_after, spec->pad_before, sizeof spec->pad_after);
    }
    if (index != 0)
        lua_pop(L, 1);
}

static DdpConvSpec
read_conv(lua_State *L, int index, const char *verb, int rank, const DdpTensor *weight)
{
    DdpConvSpec spec = ddp_conv_spec_default();

    read_pair(L, index, verb, "stride", rank, spec.stride);
    read_pair(L, index, verb, "dilation", rank, spec.dilation);
    spec.groups = read_whole(L, index, verb, "groups", 1);
    read_padding(L, index, verb, rank, weight, &spec);
    return spec;
}

static DdpTensor *
convolve(int rank, DdpTensor *x, DdpTensor *weight, DdpTensor *bias, const DdpConvSpec *spec,
         GError **error)
{
    return rank == 2 ? ddp_conv2d(x, weight, bias, spec, error)
                     : ddp_conv1d(x, weight, bias, spec, error);
}

/* conv2d(x, weight, bias, {stride, padding, dilation, groups}); the bias may be left out. */
static int
conv_function(lua_State *L, const char *verb, int rank)
{
    static const char *const names[] = {"stride", "padding", "dilation", "groups", NULL};
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpTensor *weight = ddp_lua_check_tensor(L, 2);
    bool is_options = lua_istable(L, 3);
    DdpTensor *bias = is_options || lua_isnoneornil(L, 3) ? NULL : ddp_lua_check_tensor(L, 3);
    DdpOptions options = ddp_options_open(L, is_options ? 3 : 4, verb, names);
    DdpConvSpec spec = read_conv(L, options.index, verb, rank, weight);

    DDP_LUA_RETURN_TENSOR(L, convolve(rank, x, weight, bias, &spec, &error));
}

static int
l_conv1d(lua_State *L)
{
    return conv_function(L, "conv1d", 1);
}

static int
l_conv2d(lua_State *L)
{
    return conv_function(L, "conv2d", 2);
}

static DdpTensor *
conv_forward(lua_State *L, int self, DdpTensor *x, const char *verb, int rank, GError **error)
{
    DdpTensor *weight = ddp_lua_layer_tensor(L, self, "weight");
    DdpTensor *bias = ddp_lua_layer_tensor(L, self, "bias");

    if (weight == NULL)
        luaL_error(L, "%s: the module has no weight", verb);

    DdpConvSpec spec = read_conv(L, self, verb, rank, weight);

    return convolve(rank, x, weight, bias, &spec, error);
}

static DdpTensor *
conv1d_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    return conv_forward(L, self, x, "Conv1d", 1, error);
}

static DdpTensor *
conv2d_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    return conv_forward(L, self, x, "Conv2d", 2, error);
}

/* conv_parameters({out, in / groups, kernel...}, has_bias): weight, bias */
static int
l_conv_parameters(lua_State *L)
{
    bool has_bias = lua_toboolean(L, 2) != 0;
    GError *error = NULL;

    lua_settop(L, 1);

    DdpLuaShape shape = ddp_lua_check_shape(L, 1, "Conv", false);
    DdpTensor **weight = ddp_lua_tensor_slot(L);
    DdpTensor **bias = ddp_lua_tensor_slot(L);

    if (!ddp_conv_new(ddp_script_rank(L)->model, shape.ndim, shape.sizes, weight,
                      has_bias ? bias : NULL, &error))
        return ddp_args_raise(L, error);
    if (!has_bias) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    return 2;
}

/* ---- pools --------------------------------------------------------------------------- */

/* The kernel's size is on top of the stack, and is taken away. */
static DdpPoolSpec
read_pool(lua_State *L, int index, const char *verb)
{
    int64_t kernel[2];

    if (lua_isnil(L, -1))
        luaL_error(L, "%s: expected a kernel_size", verb);
    take_pair(L, verb, "kernel_size", 2, kernel);

    DdpPoolSpec spec = ddp_pool_spec_default(kernel[0], kernel[1]);

    read_pair(L, index, verb, "stride", 2, spec.stride);
    read_pair(L, index, verb, "padding", 2, spec.padding);
    read_pair(L, index, verb, "dilation", 2, spec.dilation);
    spec.ceil_mode = read_flag(L, index, "ceil_mode", false);
    spec.count_include_pad = read_flag(L, index, "count_include_pad", true);
    spec.divisor_override = read_whole(L, index, verb, "divisor_override", 0);
    return spec;
}

/*
 * Stack: x, kernel_size, perhaps a stride by its place, options. The spec, with the stride that
 * stood in its place.
 */
static DdpPoolSpec
pool_arguments(lua_State *L, const char *verb, const char *const *names)
{
    bool has_stride = lua_type(L, 3) == LUA_TNUMBER;

    if (lua_isnoneornil(L, 2))
        luaL_error(L, "%s: expected a kernel_size", verb);
    if (lua_istable(L, 3)) {
        has_stride = lua_rawgeti(L, 3, 1) != LUA_TNIL;
        lua_pop(L, 1);
    }

    DdpOptions options = ddp_options_open(L, has_stride ? 4 : 3, verb, names);

    lua_pushvalue(L, 2);

    DdpPoolSpec spec = read_pool(L, options.index, verb);

    if (has_stride) {
        lua_pushvalue(L, 3);
        take_pair(L, verb, "stride", 2, spec.stride);
    }
    return spec;
}

/* max_pool2d(x, kernel_size, {stride, padding, dilation, ceil_mode}) */
static int
l_max_pool2d(lua_State *L)
{
    static const char *const names[] = {"stride", "padding", "dilation", "ceil_mode", NULL};
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpPoolSpec spec = pool_arguments(L, "max_pool2d", names);

    DDP_LUA_RETURN_TENSOR(L, ddp_max_pool2d(x, &spec, &error));
}

/* avg_pool2d(x, kernel_size, {stride, padding, ceil_mode, count_include_pad, divisor_override}) */
static int
l_avg_pool2d(lua_State *L)
{
    static const char *const names[] = {
        "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override", NULL};
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpPoolSpec spec = pool_arguments(L, "avg_pool2d", names);

    DDP_LUA_RETURN_TENSOR(L, ddp_avg_pool2d(x, &spec, &error));
}

/* The sizes on top of the stack, taken away; `false` (torch's None) in a list is the input's own.
 */
static void
take_output_size(lua_State *L, const char *verb, int64_t out[2])
{
    bool is_list = lua_istable(L, -1);

    for (int i = 0; i < 2; i++) {
        if (is_list)
            lua_rawgeti(L, -1, i + 1);
        else
            lua_pushvalue(L, -1);
        out[i] = -1;
        if (!lua_isnil(L, -1) && !(lua_isboolean(L, -1) && !lua_toboolean(L, -1))) {
            out[i] = check_whole(L, -1, verb, "output_size");
            if (out[i] < 0)
                luaL_error(L, "%s: 'output_size' is %I, expected 0 or more", verb,
                           (LUAI_UACINT)out[i]);
        } else if (!is_list) {
            luaL_error(L, "%s: expected an output_size", verb);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* adaptive_avg_pool2d(x, output_size) */
static int
l_adaptive_avg_pool2d(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int64_t out[2];

    lua_settop(L, 2);
    take_output_size(L, "adaptive_avg_pool2d", out);
    DDP_LUA_RETURN_TENSOR(L, ddp_adaptive_avg_pool2d(x, out[0], out[1], &error));
}

static DdpTensor *
max_pool2d_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    lua_getfield(L, self, "kernel_size");

    DdpPoolSpec spec = read_pool(L, self, "MaxPool2d");

    return ddp_max_pool2d(x, &spec, error);
}

static DdpTensor *
avg_pool2d_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    lua_getfield(L, self, "kernel_size");

    DdpPoolSpec spec = read_pool(L, self, "AvgPool2d");

    return ddp_avg_pool2d(x, &spec, error);
}

static DdpTensor *
adaptive_avg_pool2d_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    int64_t out[2];

    lua_getfield(L, self, "output_size");
    take_output_size(L, "AdaptiveAvgPool2d", out);
    return ddp_adaptive_avg_pool2d(x, out[0], out[1], error);
}

/* ---- embedding ----------------------------------------------------------------------- */

/* A padding_idx that counts from the end is brought to the front; -1: none was given. */
static DdpEmbeddingSpec
read_embedding(lua_State *L, int index, const char *verb, DdpTensor *weight)
{
    DdpEmbeddingSpec spec = ddp_embedding_spec_default();
    int64_t rows = ddp_tensor_ndim(weight) > 0 ? ddp_tensor_shape(weight)[0] : 0;

    if (index == 0)
        return spec;
    if (lua_getfield(L, index, "padding_idx") != LUA_TNIL) {
        int64_t place = check_whole(L, -1, verb, "padding_idx");

        if (place < -rows || place >= rows)
            luaL_error(L, "%s: Padding_idx must be within num_embeddings, found %I of %I", verb,
                       (LUAI_UACINT)place, (LUAI_UACINT)rows);
        spec.padding_idx = place < 0 ? place + rows : place;
    }
    lua_pop(L, 1);
    spec.scale_grad_by_freq = read_flag(L, index, "scale_grad_by_freq", false);
    return spec;
}

/* embedding(index, weight, {padding_idx, scale_grad_by_freq}) */
static int
l_embedding(lua_State *L)
{
    static const char *const names[] = {"padding_idx", "scale_grad_by_freq", NULL};
    DdpTensor *index = ddp_lua_check_tensor(L, 1);
    DdpTensor *weight = ddp_lua_check_tensor(L, 2);
    DdpOptions options = ddp_options_open(L, 3, "embedding", names);
    DdpEmbeddingSpec spec = read_embedding(L, options.index, "embedding", weight);

    DDP_LUA_RETURN_TENSOR(L, ddp_embedding(weight, index, &spec, &error));
}

static DdpTensor *
embedding_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    DdpTensor *weight = ddp_lua_layer_tensor(L, self, "weight");

    if (weight == NULL)
        luaL_error(L, "Embedding: the module has no weight");

    DdpEmbeddingSpec spec = read_embedding(L, self, "Embedding", weight);

    return ddp_embedding(weight, x, &spec, error);
}

/* embedding_parameter(rows, width, padding_idx): padding_idx -1 is none */
static int
l_embedding_parameter(lua_State *L)
{
    lua_Integer padding_idx = luaL_checkinteger(L, 3);

    lua_settop(L, 2);

    DdpLuaShape shape = ddp_lua_check_shape(L, 1, "Embedding", false);

    if (shape.ndim != 2)
        return luaL_error(L, "Embedding: expected num_embeddings and embedding_dim, found %s",
                          luaL_typename(L, shape.ndim == 0 ? 1 : 2));
    DDP_LUA_RETURN_TENSOR(L, ddp_embedding_new(ddp_script_rank(L)->model, shape.sizes[0],
                                               shape.sizes[1], padding_idx, &error));
}

/* ---- attention ----------------------------------------------------------------------- */

/* scaled_dot_product_attention(query, key, value, {attn_mask, dropout_p, is_causal, scale}) */
static int
l_attention(lua_State *L)
{
    static const char *const names[] = {"attn_mask", "dropout_p", "is_causal", "scale", NULL};
    const char *verb = "scaled_dot_product_attention";
    DdpTensor *query = ddp_lua_check_tensor(L, 1);
    DdpTensor *key = ddp_lua_check_tensor(L, 2);
    DdpTensor *value = ddp_lua_check_tensor(L, 3);
    int index = 4;

    /* torch has the mask as the fourth argument, too. */
    DdpAttentionSpec spec = {.mask = ddp_lua_test_tensor(L, 4)};

    if (spec.mask != NULL)
        index = 5;

    DdpOptions options = ddp_options_open(L, index, verb, names);

    if (ddp_options_push(&options, "attn_mask") != LUA_TNIL)
        spec.mask = ddp_lua_check_tensor(L, -1); /* the options keep it alive */
    lua_pop(L, 1);
    spec.dropout_p = ddp_options_number(&options, "dropout_p", 0.0);
    spec.is_causal = ddp_options_boolean(&options, "is_causal", false);
    spec.scale = ddp_options_number(&options, "scale", 0.0);
    if (!(spec.dropout_p >= 0.0 && spec.dropout_p <= 1.0))
        return luaL_error(L, "%s: dropout probability has to be between 0 and 1, but got %f", verb,
                          spec.dropout_p);
    DDP_LUA_RETURN_TENSOR(L, ddp_scaled_dot_product_attention(query, key, value, &spec, &error));
}

/* ---- initial values ------------------------------------------------------------------ */

/* Ends a filling of the parameter at 1, which autograd does not see. */
typedef bool (*FillFunc)(DdpTensor *target, DdpGenerator *generator, double a, double b,
                         GError **error);

static int
fill_parameter(lua_State *L, FillFunc fill)
{
    DdpTensor *target = ddp_lua_check_tensor(L, 1);
    double a = luaL_checknumber(L, 2);
    double b = luaL_checknumber(L, 3);
    DdpModelContext *model = ddp_script_rank(L)->model;
    bool enabled = ddp_model_context_set_grad_enabled(model, false);
    GError *error = NULL;
    bool ok = fill(target, NULL, a, b, &error);

    ddp_model_context_set_grad_enabled(model, enabled);
    return ok ? 0 : ddp_args_raise(L, error);
}

/* fill_uniform(parameter, low, high) */
static int
l_fill_uniform(lua_State *L)
{
    return fill_parameter(L, ddp_uniform_);
}

/* fill_normal(parameter, mean, std) */
static int
l_fill_normal(lua_State *L)
{
    return fill_parameter(L, ddp_normal_);
}

/* dropout(x, p): of a module in training */
static int
l_dropout(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    double p = luaL_checknumber(L, 2);

    DDP_LUA_RETURN_TENSOR(L, ddp_dropout(x, p, true, NULL, &error));
}

/* ---- layers -------------------------------------------------------------------------- */

static DdpTensor *
identity_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    (void)L;
    (void)self;
    (void)error;
    return ddp_tensor_ref(x);
}

#define LAYERS(LAYER)                                                                              \
    LAYER(Conv1d, conv1d)                                                                          \
    LAYER(Conv2d, conv2d)                                                                          \
    LAYER(MaxPool2d, max_pool2d)                                                                   \
    LAYER(AvgPool2d, avg_pool2d)                                                                   \
    LAYER(AdaptiveAvgPool2d, adaptive_avg_pool2d)                                                  \
    LAYER(Embedding, embedding)                                                                    \
    LAYER(Identity, identity)

#define DEFINE(class, name)                                                                        \
    static const DdpLuaLayer name##_layer = {#class, name##_forward};                              \
                                                                                                   \
    static int l_##name##_layer(lua_State *L)                                                      \
    {                                                                                              \
        return ddp_lua_layer_forward(L, &name##_layer);                                            \
    }

LAYERS(DEFINE)

#define ADDRESS(class, name) &name##_layer,

const DdpLuaLayer *const ddp_lua_spatial_layers[] = {LAYERS(ADDRESS) NULL};

#define ENTRY(class, name) {#class, l_##name##_layer, &name##_layer},

static const struct {
    const char *name;
    lua_CFunction forward;
    const DdpLuaLayer *layer;
} layers[] = {LAYERS(ENTRY)};

/* ---- opening ------------------------------------------------------------------------- */

static const luaL_Reg functions[] = {
    {"adaptive_avg_pool2d", l_adaptive_avg_pool2d},
    {"avg_pool2d", l_avg_pool2d},
    {"conv1d", l_conv1d},
    {"conv2d", l_conv2d},
    {"embedding", l_embedding},
    {"max_pool2d", l_max_pool2d},
    {"scaled_dot_product_attention", l_attention},
    {NULL, NULL},
};

static const luaL_Reg makers[] = {
    {"conv_parameters", l_conv_parameters},
    {"dropout", l_dropout},
    {"embedding_parameter", l_embedding_parameter},
    {"fill_normal", l_fill_normal},
    {"fill_uniform", l_fill_uniform},
    {NULL, NULL},
};

void
ddp_lua_add_spatial_functions(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}

/* The functions, the makers, and by the name of its class each layer's forward and kind. */
int
ddp_luaopen_nn_spatial(lua_State *L)
{
    luaL_newlib(L, functions);
    luaL_setfuncs(L, makers, 0);
    lua_createtable(L, 0, G_N_ELEMENTS(layers));
    lua_createtable(L, 0, G_N_ELEMENTS(layers));
    for (size_t i = 0; i < G_N_ELEMENTS(layers); i++) {
        lua_pushcfunction(L, layers[i].forward);
        lua_setfield(L, -3, layers[i].name);
        lua_pushlightuserdata(L, (void *)(uintptr_t)layers[i].layer);
        lua_setfield(L, -2, layers[i].name);
    }
    lua_setfield(L, -3, "kinds");
    lua_setfield(L, -2, "forwards");
    return 1;
}
