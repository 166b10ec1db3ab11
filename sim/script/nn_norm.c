/* SPDX-License-Identifier: MIT */
/*
 * What lua/nn_norm.lua needs from below: the forward functions of normalisation, dropout and
 * activations, and the collectives of SyncBatchNorm.
 *
 * On a CPU torch refuses SyncBatchNorm; the ranks here play GPUs, so it does what it does there. It
 * meets the other ranks only in training and only in a group of more than one; in evaluation, in an
 * oracle pass and while a file is merely read it is a batch normalisation as any other.
 */
#include "model/ops_norm.h"

#include <lauxlib.h>

#include "model/ops_activation.h"
#include "sim/script/dist.h"
#include "sim/script/dist_handles.h"
#include "sim/script/layer.h"
#include "sim/script/libs.h"
#include "sim/script/state_private.h"
#include "sim/script/tensor.h"
#include "sim/world/world.h"

/* ---- fields of modules --------------------------------------------------------------- */

static double
field_number(lua_State *L, int self, const char *name)
{
    int is_number;

    lua_getfield(L, self, name);

    double value = lua_tonumberx(L, -1, &is_number);

    if (!is_number)
        luaL_error(L, "the field '%s' of a module is a %s, expected a number", name,
                   luaL_typename(L, -1));
    lua_pop(L, 1);
    return value;
}

static bool
field_boolean(lua_State *L, int self, const char *name)
{
    lua_getfield(L, self, name);

    bool value = lua_toboolean(L, -1) != 0;

    lua_pop(L, 1);
    return value;
}

/* ---- the collectives of SyncBatchNorm ------------------------------------------------ */

static const char syncs_key = 's'; /* in the registry: Box by group; they live as long as the state,
                                    * since a graph may be the last to know one */

typedef struct {
    DdpNormSync sync;
    lua_State *L; /* the thread whose line makes the call; the main one in backward */
    DdpGroup *group;
} Box;

/*
 * Called from inside an operation, which must be left by its return value and not by a longjmp. So
 * it hands a GError back, and marks that the rank is ended so that no pcall of the scenario keeps
 * it.
 */
static bool
play_call(Box *box, DdpCall *call, GError **error)
{
    DdpScriptRank *script = ddp_script_rank(box->L);
    GError *own = NULL;
    DdpCaller caller;

    ddp_script_settle(box->L);
    ddp_dist_note_caller(box->L, call, &caller, 0);
    if (ddp_rank_group_call(script->world_rank, box->group, call, &own)) {
        ddp_script_met(box->L);
        if (ddp_dist_merges(box->L, box->group, call->kind))
            ddp_script_note_merged(box->L);
        return true;
    }
    if (g_error_matches(own, DDP_COMM_ERROR, DDP_COMM_ERROR_ENDED)) {
        script->priv->end = DDP_SCRIPT_END_WORLD;
        g_prefix_error(&own, "%s of %s was never completed, ", ddp_call_kind_name(call->kind),
                       call->name);
    }
    g_propagate_error(error, own);
    return false;
}

static bool
gather_stats(void *user_data, DdpTensor *own, DdpTensor *all, GError **error)
{
    DdpCall call = ddp_dist_tensor_call(DDP_CALL_ALL_GATHER, own);

    call.out = ddp_tensor_data(all);
    call.name = "SyncBatchNorm: statistics";
    return play_call(user_data, &call, error);
}

static bool
sum_grads(void *user_data, DdpTensor *sums, GError **error)
{
    DdpCall call = ddp_dist_tensor_call(DDP_CALL_ALL_REDUCE, sums);

    call.name = "SyncBatchNorm: gradients";
    return play_call(user_data, &call, error);
}

/* The group of field `process_group`, or that of the world. */
static DdpGroup *
module_group(lua_State *L, int self)
{
    DdpRank *rank = ddp_script_rank(L)->world_rank;
    DdpGroup *group;

    lua_getfield(L, self, "process_group");
    group = lua_toboolean(L, -1) != 0 ? ddp_dist_check_group(L, -1, "SyncBatchNorm")
                                      : ddp_comm_world_group(ddp_world_comm(ddp_rank_world(rank)));
    lua_pop(L, 1);
    return group;
}

/* The box of the group, made at first use. */
static Box *
box_of(lua_State *L, DdpGroup *group)
{
    Box *box;

    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &syncs_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &syncs_key);
    }
    if (lua_rawgetp(L, -1, group) == LUA_TUSERDATA) {
        box = lua_touserdata(L, -1);
        lua_pop(L, 2);
        return box;
    }
    lua_pop(L, 1);
    box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = (Box){.sync = {ddp_group_size(group), gather_stats, sum_grads, box},
                 .L = ddp_script_rank(L)->priv->L,
                 .group = group};
    lua_rawsetp(L, -2, group);
    lua_pop(L, 1);
    return box;
}

/* NULL where there is nobody to meet. */
static Box *
module_box(lua_State *L, int self)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpGroup *group;

    if (script->oracle || script->world_rank == NULL)
        return NULL;
    group = module_group(L, self);
    return ddp_group_size(group) > 1 ? box_of(L, group) : NULL;
}

/* ---- batch normalisation ------------------------------------------------------------- */

/* The share of this batch: `momentum`, or where that is nil or false an even share of all. */
static double
module_momentum(lua_State *L, int self, const DdpTensor *batches)
{
    double momentum = 0.0;

    lua_getfield(L, self, "momentum");
    if (lua_isnumber(L, -1))
        momentum = lua_tonumber(L, -1);
    else if (lua_toboolean(L, -1) != 0)
        luaL_error(L, "the field 'momentum' of a module is a %s, expected a number or false",
                   luaL_typename(L, -1));
    else if (batches != NULL)
        momentum = 1.0 / ((double)ddp_tensor_item_i64(batches, 0) + 1.0);
    lua_pop(L, 1);
    return momentum;
}

static DdpTensor *
module_batches(lua_State *L, int self)
{
    DdpTensor *batches = ddp_lua_layer_tensor(L, self, "num_batches_tracked");

    if (batches != NULL && ddp_tensor_numel(batches) != 1)
        luaL_error(L, "the field 'num_batches_tracked' of a module has %I elements, expected 1",
                   (LUAI_UACINT)ddp_tensor_numel(batches));
    return batches;
}

static DdpTensor *
batch_norm(lua_State *L, int self, DdpTensor *x, bool synced, GError **error)
{
    bool training = field_boolean(L, self, "training");
    bool tracks = field_boolean(L, self, "track_running_stats");
    DdpBatchNormSpec spec = {
        .running_mean = ddp_lua_layer_tensor(L, self, "running_mean"),
        .running_var = ddp_lua_layer_tensor(L, self, "running_var"),
        .weight = ddp_lua_layer_tensor(L, self, "weight"),
        .bias = ddp_lua_layer_tensor(L, self, "bias"),
        .eps = field_number(L, self, "eps"),
    };
    DdpTensor *batches = training && tracks ? module_batches(L, self) : NULL;
    Box *box = training && synced ? module_box(L, self) : NULL;

    spec.momentum = module_momentum(L, self, batches);
    spec.training = training || (spec.running_mean == NULL && spec.running_var == NULL);
    if (training && !tracks)
        spec.running_mean = spec.running_var = NULL;
    if (box != NULL) {
        spec.sync = &box->sync;
        box->L = L;
    }

    DdpTensor *out = ddp_batch_norm(x, &spec, error);

    if (box != NULL)
        box->L = ddp_script_rank(L)->priv->L;
    /* Last, because what failed for want of memory is tried again. */
    if (out != NULL && batches != NULL) {
        ddp_tensor_set_i64(batches, 0, ddp_tensor_item_i64(batches, 0) + 1);
        ddp_tensor_mark_written(batches);
    }
    return out;
}

static bool
check_dims(const DdpTensor *x, int least, int most, const char *expected, GError **error)
{
    int ndim = ddp_tensor_ndim(x);

    if (ndim >= least && ndim <= most)
        return true;
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                "expected %s input (got %dD input)", expected, ndim);
    return false;
}

static DdpTensor *
batch_norm_1d_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    return check_dims(x, 2, 3, "2D or 3D", error) ? batch_norm(L, self, x, false, error) : NULL;
}

static DdpTensor *
batch_norm_2d_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    return check_dims(x, 4, 4, "4D", error) ? batch_norm(L, self, x, false, error) : NULL;
}

/* What Lightning puts in the place of a SyncBatchNorm at the end: of any dimension. */
static DdpTensor *
batch_norm_xd_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    return batch_norm(L, self, x, false, error);
}

static DdpTensor *
sync_batch_norm_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    if (!check_dims(x, 2, DDP_TENSOR_DIMS_MAX, "at least 2D", error))
        return NULL;
    if (ddp_tensor_shape(x)[1] == 0) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                            "SyncBatchNorm number of input channels should be non-zero");
        return NULL;
    }
    return batch_norm(L, self, x, true, error);
}

/* ---- the other layers ---------------------------------------------------------------- */

static DdpTensor *
layer_norm_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    DdpTensor *weight = ddp_lua_layer_tensor(L, self, "weight");
    DdpTensor *bias = ddp_lua_layer_tensor(L, self, "bias");
    double eps = field_number(L, self, "eps");
    int64_t shape[DDP_TENSOR_DIMS_MAX];
    int ndim = 0;

    if (weight != NULL)
        return ddp_layer_norm(x, ddp_tensor_ndim(weight), ddp_tensor_shape(weight), weight, bias,
                              eps, error);
    if (lua_getfield(L, self, "normalized_shape") != LUA_TTABLE)
        luaL_error(L, "the field 'normalized_shape' of a LayerNorm is a %s, expected a list",
                   luaL_typename(L, -1));
    for (lua_Integer i = 1; i <= luaL_len(L, -1) && ndim < DDP_TENSOR_DIMS_MAX; i++) {
        lua_geti(L, -1, i);
        shape[ndim++] = luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return ddp_layer_norm(x, ndim, shape, NULL, bias, eps, error);
}

static DdpTensor *
dropout_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    double p = field_number(L, self, "p");

    return ddp_dropout(x, p, field_boolean(L, self, "training"), NULL, error);
}

static DdpTensor *
gelu_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    (void)L;
    (void)self;
    return ddp_activation(DDP_ACTIVATION_GELU, x, 0.0, 0.0, error);
}

static DdpTensor *
gelu_tanh_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    (void)L;
    (void)self;
    return ddp_activation(DDP_ACTIVATION_GELU_TANH, x, 0.0, 0.0, error);
}

static DdpTensor *
gelu_either_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    bool by_tanh = field_boolean(L, self, "_by_tanh");

    return (by_tanh ? gelu_tanh_forward : gelu_forward)(L, self, x, error);
}

static DdpTensor *
silu_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    (void)L;
    (void)self;
    return ddp_activation(DDP_ACTIVATION_SILU, x, 0.0, 0.0, error);
}

static DdpTensor *
log_sigmoid_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    (void)L;
    (void)self;
    return ddp_activation(DDP_ACTIVATION_LOG_SIGMOID, x, 0.0, 0.0, error);
}

static DdpTensor *
leaky_relu_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    double slope = field_number(L, self, "negative_slope");

    return ddp_activation(DDP_ACTIVATION_LEAKY_RELU, x, slope, 0.0, error);
}

static DdpTensor *
elu_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    return ddp_activation(DDP_ACTIVATION_ELU, x, field_number(L, self, "alpha"), 0.0, error);
}

static DdpTensor *
softplus_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    double beta = field_number(L, self, "beta");

    return ddp_activation(DDP_ACTIVATION_SOFTPLUS, x, beta, field_number(L, self, "threshold"),
                          error);
}

/* Where none is given, torch takes dimension 0 of 0, 1 and 3 dimensions, else 1. */
static int
module_dim(lua_State *L, int self, const DdpTensor *x)
{
    int ndim = ddp_tensor_ndim(x);

    lua_getfield(L, self, "dim");

    int dim = ddp_lua_opt_dim(L, -1, ndim < 2 || ndim == 3 ? 0 : 1);

    lua_pop(L, 1);
    return dim;
}

static DdpTensor *
softmax_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    return ddp_softmax(x, module_dim(L, self, x), error);
}

static DdpTensor *
log_softmax_forward(lua_State *L, int self, DdpTensor *x, GError **error)
{
    return ddp_log_softmax(x, module_dim(L, self, x), error);
}

/* ---- the list ------------------------------------------------------------------------ */

#define LAYER(name, title)                                                                         \
    static const DdpLuaLayer name##_layer = {title, name##_forward};                               \
                                                                                                   \
    static int l_##name(lua_State *L)                                                              \
    {                                                                                              \
        return ddp_lua_layer_forward(L, &name##_layer);                                            \
    }

LAYER(batch_norm_1d, "BatchNorm1d")
LAYER(batch_norm_2d, "BatchNorm2d")
LAYER(batch_norm_xd, "_BatchNormXd")
LAYER(sync_batch_norm, "SyncBatchNorm")
LAYER(layer_norm, "LayerNorm")
LAYER(dropout, "Dropout")
LAYER(gelu_either, "GELU")
LAYER(silu, "SiLU")
LAYER(log_sigmoid, "LogSigmoid")
LAYER(leaky_relu, "LeakyReLU")
LAYER(elu, "ELU")
LAYER(softplus, "Softplus")
LAYER(softmax, "Softmax")
LAYER(log_softmax, "LogSoftmax")

const DdpLuaLayer *const ddp_lua_norm_layers[] = {
    &batch_norm_1d_layer,   &batch_norm_2d_layer, &batch_norm_xd_layer,
    &sync_batch_norm_layer, &layer_norm_layer,    &dropout_layer,
    &gelu_either_layer,     &silu_layer,          &log_sigmoid_layer,
    &leaky_relu_layer,      &elu_layer,           &softplus_layer,
    &softmax_layer,         &log_softmax_layer,   NULL,
};

/* By the name of the class, a table { forward, kind } as `layer` of nn.lua wants them. */
static const struct {
    const DdpLuaLayer *layer;
    lua_CFunction forward;
} classes[] = {
    {&batch_norm_1d_layer, l_batch_norm_1d},
    {&batch_norm_2d_layer, l_batch_norm_2d},
    {&batch_norm_xd_layer, l_batch_norm_xd},
    {&sync_batch_norm_layer, l_sync_batch_norm},
    {&layer_norm_layer, l_layer_norm},
    {&dropout_layer, l_dropout},
    {&gelu_either_layer, l_gelu_either},
    {&silu_layer, l_silu},
    {&log_sigmoid_layer, l_log_sigmoid},
    {&leaky_relu_layer, l_leaky_relu},
    {&elu_layer, l_elu},
    {&softplus_layer, l_softplus},
    {&softmax_layer, l_softmax},
    {&log_softmax_layer, l_log_softmax},
};

int
ddp_luaopen_nn_norm(lua_State *L)
{
    lua_createtable(L, 0, G_N_ELEMENTS(classes));
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
        lua_createtable(L, 2, 0);
        lua_pushcfunction(L, classes[i].forward);
        lua_rawseti(L, -2, 1);
        lua_pushlightuserdata(L, (void *)(uintptr_t)classes[i].layer);
        lua_rawseti(L, -2, 2);
        lua_setfield(L, -2, classes[i].layer->name);
    }
    return 1;
}
