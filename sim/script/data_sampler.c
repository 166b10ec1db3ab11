/* SPDX-License-Identifier: MIT */
/*
 * The samplers of the Lua table `data`.
 *
 * A DistributedSampler whose replicas and rank are those of the world, whether they were left out
 * or written down, follows the world: while the oracle plays a single process, it yields the
 * whole data set once. One that was given other numbers keeps them.
 */
#include "sim/script/args.h"
#include "sim/script/data.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

typedef struct {
    DdpSampler sampler;
    DdpSampler base; /* of a wrapped one */
    bool follows_world;
} LuaSampler;

/* User values: what the sampler borrows from, the data set that it was made for, its weights. */
enum { USER_BORROWED = 1, USER_DATASET, USER_WEIGHTS, USER_COUNT = USER_WEIGHTS };

DdpGenerator *
ddp_lua_check_generator(lua_State *L, int index)
{
    DdpGenerator **slot = luaL_checkudata(L, index, "torch.Generator"); /* torch.c */

    luaL_argcheck(L, *slot != NULL, index, "this generator was closed");
    return *slot;
}

static LuaSampler *
push_sampler(lua_State *L, DdpSampler sampler)
{
    LuaSampler *self = lua_newuserdatauv(L, sizeof *self, USER_COUNT);

    self->sampler = sampler;
    self->base = (DdpSampler){.kind = DDP_SAMPLER_SEQUENTIAL};
    self->follows_world = false;
    luaL_setmetatable(L, DDP_LUA_SAMPLER);
    return self;
}

static void
raise_unless_valid(lua_State *L, const DdpSampler *sampler)
{
    GError *error = NULL;

    if (!ddp_sampler_check(sampler, &error))
        ddp_args_raise(L, error);
}

DdpSampler
ddp_lua_check_sampler(lua_State *L, int index)
{
    const LuaSampler *self = luaL_checkudata(L, index, DDP_LUA_SAMPLER);
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpSampler now = self->sampler;

    if (self->follows_world) {
        now.distributed.num_replicas = script->world_size;
        now.distributed.rank = script->rank;
    }
    return now;
}

bool
ddp_lua_push_sampler_generator(lua_State *L, int index)
{
    const LuaSampler *self = luaL_checkudata(L, index, DDP_LUA_SAMPLER);

    lua_getiuservalue(L, index, USER_BORROWED);
    if (self->sampler.kind == DDP_SAMPLER_WRAPPED && lua_isuserdata(L, -1)) {
        /* What it borrows from is the sampler that it picks from. */
        lua_getiuservalue(L, -1, USER_BORROWED);
        lua_remove(L, -2);
    }
    if (luaL_testudata(L, -1, "torch.Generator") != NULL)
        return true;
    lua_pop(L, 1);
    return false;
}

/* Keeps the data set at @dataset_index with the sampler on top of the stack. */
static void
keep_dataset(lua_State *L, int dataset_index)
{
    lua_pushvalue(L, dataset_index);
    lua_setiuservalue(L, -2, USER_DATASET);
}

void
ddp_lua_push_sequential_sampler(lua_State *L, int dataset_index)
{
    DdpSampler sampler = {
        .kind = DDP_SAMPLER_SEQUENTIAL,
        .count = ddp_dataset_size(ddp_lua_check_dataset(L, dataset_index)),
    };

    push_sampler(L, sampler);
    keep_dataset(L, dataset_index);
}

void
ddp_lua_push_random_sampler(lua_State *L, int dataset_index, int generator_index)
{
    DdpSampler sampler = {
        .kind = DDP_SAMPLER_RANDOM,
        .count = ddp_dataset_size(ddp_lua_check_dataset(L, dataset_index)),
    };

    if (generator_index != 0)
        sampler.generator = ddp_lua_check_generator(L, generator_index);
    raise_unless_valid(L, &sampler);
    push_sampler(L, sampler);
    keep_dataset(L, dataset_index);
    if (generator_index != 0) {
        lua_pushvalue(L, generator_index);
        lua_setiuservalue(L, -2, USER_BORROWED);
    }
}

void
ddp_lua_push_list_sampler(lua_State *L, int index, const char *verb)
{
    DdpSampler sampler = {.kind = DDP_SAMPLER_LIST};

    sampler.list = ddp_lua_push_indices(L, index, verb, &sampler.count);
    push_sampler(L, sampler);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, USER_BORROWED);
}

/* SequentialSampler(ds) */
static int
l_sequential_sampler(lua_State *L)
{
    ddp_lua_push_sequential_sampler(L, 1);
    return 1;
}

/* Pushes the option and returns where it stands, or 0 if it was not given. */
static int
push_generator(lua_State *L, const DdpOptions *options)
{
    if (!ddp_options_has(options, "generator"))
        return 0;
    ddp_options_push(options, "generator");
    ddp_lua_check_generator(L, -1);
    return lua_gettop(L);
}

/* RandomSampler(ds, {generator}) */
static int
l_random_sampler(lua_State *L)
{
    static const char *const names[] = {"generator", NULL};
    DdpOptions options = ddp_options_open(L, 2, "RandomSampler", names);

    ddp_lua_check_dataset(L, 1);
    ddp_lua_push_random_sampler(L, 1, push_generator(L, &options));
    return 1;
}

/* Pushes a userdata with the numbers of the list or tensor at @index. */
static double *
push_weights(lua_State *L, int index, size_t *count)
{
    DdpTensor *tensor = ddp_lua_test_tensor(L, index);

    if (tensor != NULL) {
        lua_getfield(L, index, "tolist");
        lua_pushvalue(L, index);
        lua_call(L, 1, 1);
        lua_replace(L, index);
    }
    if (!lua_istable(L, index))
        luaL_error(L,
                   "WeightedRandomSampler: weights are a %s, expected a list of numbers or a "
                   "tensor of one dimension",
                   luaL_typename(L, index));
    *count = lua_rawlen(L, index);
    ddp_script_charge(L, 1 + *count / 4);

    double *weights = lua_newuserdatauv(L, MAX(*count, 1) * sizeof *weights, 0);

    for (size_t i = 0; i < *count; i++) {
        if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TNUMBER)
            luaL_error(L, "WeightedRandomSampler: weight %I is a %s, expected a number",
                       (LUAI_UACINT)i + 1, luaL_typename(L, -1));
        weights[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    return weights;
}

/* WeightedRandomSampler(weights, num_samples, {replacement = true, generator}) */
static int
l_weighted_sampler(lua_State *L)
{
    static const char *const names[] = {"replacement", "generator", NULL};
    DdpOptions options = ddp_options_open(L, 3, "WeightedRandomSampler", names);
    DdpSampler sampler = {.kind = DDP_SAMPLER_WEIGHTED};
    lua_Integer count = luaL_checkinteger(L, 2);

    if (count <= 0)
        luaL_error(L, "num_samples should be a positive integer value, but got num_samples=%I",
                   (LUAI_UACINT)count);
    lua_settop(L, 3);

    int generator_index = push_generator(L, &options);

    lua_settop(L, 4);
    sampler.count = (size_t)count;
    sampler.replacement = ddp_options_boolean(&options, "replacement", true);
    sampler.weights = push_weights(L, 1, &sampler.weight_count); /* 5 */
    if (generator_index != 0)
        sampler.generator = ddp_lua_check_generator(L, generator_index);
    raise_unless_valid(L, &sampler);
    push_sampler(L, sampler);
    lua_pushvalue(L, 5);
    lua_setiuservalue(L, -2, USER_WEIGHTS);
    if (generator_index != 0) {
        lua_pushvalue(L, generator_index);
        lua_setiuservalue(L, -2, USER_BORROWED);
    }
    return 1;
}

/* DistributedSampler(ds, {num_replicas, rank, shuffle = true, seed = 0, drop_last = false}) */
static int
l_distributed_sampler(lua_State *L)
{
    static const char *const names[] = {"num_replicas", "rank",      "shuffle",
                                        "seed",         "drop_last", NULL};
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpSampler sampler = {.kind = DDP_SAMPLER_DISTRIBUTED};
    DdpDistributedSampler *distributed = &sampler.distributed;
    size_t size = ddp_dataset_size(ddp_lua_check_dataset(L, 1));
    DdpOptions options = ddp_options_open(L, 2, "DistributedSampler", names);

    *distributed = ddp_distributed_sampler_default(size, 1, 0);
    distributed->num_replicas =
        (int)ddp_options_integer(&options, "num_replicas", script->world_size, 1, G_MAXINT);
    distributed->rank =
        (int)ddp_options_integer(&options, "rank", script->rank, G_MININT, G_MAXINT);
    distributed->shuffle = ddp_options_boolean(&options, "shuffle", true);
    distributed->seed = ddp_options_integer(&options, "seed", 0, LUA_MININTEGER, LUA_MAXINTEGER);
    distributed->drop_last = ddp_options_boolean(&options, "drop_last", false);
    raise_unless_valid(L, &sampler);

    LuaSampler *self = push_sampler(L, sampler);

    self->follows_world =
        distributed->num_replicas == script->world_size && distributed->rank == script->rank;
    keep_dataset(L, 1);
    return 1;
}

/*
 * wrap_sampler(sampler, {num_replicas, rank, shuffle, seed, unrepeated}): this rank's share of its
 * order, as Lightning's DistributedSamplerWrapper and UnrepeatedDistributedSamplerWrapper.
 */
int
ddp_lua_wrap_sampler(lua_State *L)
{
    static const char *const names[] = {"num_replicas", "rank",       "shuffle",
                                        "seed",         "unrepeated", NULL};
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpSampler base = ddp_lua_check_sampler(L, 1);
    DdpOptions options = ddp_options_open(L, 2, "sampler", names);
    DdpSampler sampler = {.kind = DDP_SAMPLER_WRAPPED};
    DdpDistributedSampler *distributed = &sampler.distributed;

    luaL_argcheck(L, base.kind != DDP_SAMPLER_WRAPPED, 1, "is wrapped already");
    *distributed = ddp_distributed_sampler_default(ddp_sampler_size(&base), 1, 0);
    distributed->num_replicas =
        (int)ddp_options_integer(&options, "num_replicas", script->world_size, 1, G_MAXINT);
    distributed->rank =
        (int)ddp_options_integer(&options, "rank", script->rank, G_MININT, G_MAXINT);
    distributed->shuffle = ddp_options_boolean(&options, "shuffle", true);
    distributed->seed = ddp_options_integer(&options, "seed", 0, LUA_MININTEGER, LUA_MAXINTEGER);
    distributed->unrepeated = ddp_options_boolean(&options, "unrepeated", false);
    raise_unless_valid(L, &sampler);

    LuaSampler *self = push_sampler(L, sampler);

    self->base = base;
    self->sampler.base = &self->base;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, USER_BORROWED);
    return 1;
}

/* sampler_kind(loader): what decides which sampler a Trainer puts in its place. */
int
ddp_lua_sampler_kind(lua_State *L)
{
    luaL_checkudata(L, 1, DDP_LUA_LOADER);
    lua_getfield(L, 1, "sampler");

    DdpSampler sampler = ddp_lua_check_sampler(L, -1);

    switch (sampler.kind) {
    case DDP_SAMPLER_SEQUENTIAL:
        lua_pushliteral(L, "sequential");
        break;
    case DDP_SAMPLER_RANDOM:
        lua_pushliteral(L, "random");
        break;
    case DDP_SAMPLER_LIST:
        lua_pushliteral(L, "list");
        break;
    case DDP_SAMPLER_DISTRIBUTED:
        lua_pushliteral(L, "distributed");
        break;
    case DDP_SAMPLER_WRAPPED:
        lua_pushliteral(L, "wrapped");
        break;
    case DDP_SAMPLER_WEIGHTED:
        lua_pushliteral(L, "weighted");
        break;
    }
    return 1;
}

/* sampler:set_epoch(e) */
static int
l_set_epoch(lua_State *L)
{
    LuaSampler *self = luaL_checkudata(L, 1, DDP_LUA_SAMPLER);
    lua_Integer epoch = luaL_checkinteger(L, 2);

    luaL_argcheck(L,
                  self->sampler.kind == DDP_SAMPLER_DISTRIBUTED ||
                      self->sampler.kind == DDP_SAMPLER_WRAPPED,
                  1, "only a DistributedSampler has epochs");
    self->base.distributed.epoch = epoch;
    self->sampler.distributed.epoch = epoch;
    return 0;
}

static int
l_len(lua_State *L)
{
    DdpSampler sampler = ddp_lua_check_sampler(L, 1);

    lua_pushinteger(L, (lua_Integer)ddp_sampler_size(&sampler));
    return 1;
}

static void
push_distributed_field(lua_State *L, const DdpDistributedSampler *sampler, const char *name)
{
    if (g_str_equal(name, "num_replicas"))
        lua_pushinteger(L, sampler->num_replicas);
    else if (g_str_equal(name, "rank"))
        lua_pushinteger(L, sampler->rank);
    else if (g_str_equal(name, "shuffle"))
        lua_pushboolean(L, sampler->shuffle);
    else if (g_str_equal(name, "seed"))
        lua_pushinteger(L, sampler->seed);
    else if (g_str_equal(name, "drop_last"))
        lua_pushboolean(L, sampler->drop_last);
    else if (g_str_equal(name, "epoch"))
        lua_pushinteger(L, sampler->epoch);
    else if (g_str_equal(name, "num_samples"))
        lua_pushinteger(L, (lua_Integer)ddp_distributed_sampler_size(sampler));
    else if (g_str_equal(name, "total_size"))
        lua_pushinteger(L, (lua_Integer)ddp_distributed_sampler_total_size(sampler));
    else
        lua_pushnil(L);
}

static int
l_index(lua_State *L)
{
    DdpSampler sampler = ddp_lua_check_sampler(L, 1);

    if (lua_type(L, 2) != LUA_TSTRING) {
        lua_pushnil(L);
        return 1;
    }

    const char *name = lua_tostring(L, 2);

    if (ddp_lua_data_method(L))
        return 1;
    if (g_str_equal(name, "dataset"))
        lua_getiuservalue(L, 1, USER_DATASET);
    else if (sampler.kind == DDP_SAMPLER_DISTRIBUTED || sampler.kind == DDP_SAMPLER_WRAPPED)
        push_distributed_field(L, &sampler.distributed, name);
    else if (g_str_equal(name, "num_samples"))
        lua_pushinteger(L, (lua_Integer)sampler.count);
    else
        lua_pushnil(L);
    return 1;
}

static int
l_tostring(lua_State *L)
{
    DdpSampler sampler = ddp_lua_check_sampler(L, 1);
    LUAI_UACINT size = (LUAI_UACINT)ddp_sampler_size(&sampler);

    switch (sampler.kind) {
    case DDP_SAMPLER_SEQUENTIAL:
        lua_pushfstring(L, "SequentialSampler of %I samples", size);
        break;
    case DDP_SAMPLER_RANDOM:
        lua_pushfstring(L, "RandomSampler of %I samples", size);
        break;
    case DDP_SAMPLER_LIST:
        lua_pushfstring(L, "a list of %I indices", size);
        break;
    case DDP_SAMPLER_WEIGHTED:
        lua_pushfstring(L, "WeightedRandomSampler of %I samples", size);
        break;
    case DDP_SAMPLER_DISTRIBUTED:
        lua_pushfstring(L, "DistributedSampler of %I samples for rank %d of %d", size,
                        sampler.distributed.rank, sampler.distributed.num_replicas);
        break;
    case DDP_SAMPLER_WRAPPED:
        lua_pushfstring(L, "the %I samples of another sampler for rank %d of %d", size,
                        sampler.distributed.rank, sampler.distributed.num_replicas);
        break;
    }
    return 1;
}

static const luaL_Reg sampler_methods[] = {
    {"set_epoch", l_set_epoch},
    {NULL, NULL},
};

static const luaL_Reg sampler_metamethods[] = {
    {"__len", l_len},
    {"__tostring", l_tostring},
    {NULL, NULL},
};

static const luaL_Reg sampler_verbs[] = {
    {"DistributedSampler", l_distributed_sampler},
    {"RandomSampler", l_random_sampler},
    {"SequentialSampler", l_sequential_sampler},
    {"WeightedRandomSampler", l_weighted_sampler},
    {NULL, NULL},
};

void
ddp_lua_open_samplers(lua_State *L)
{
    ddp_lua_data_type(L, DDP_LUA_SAMPLER, sampler_methods, sampler_metamethods, l_index);
    luaL_setfuncs(L, sampler_verbs, 0);
}
