/* SPDX-License-Identifier: MIT */
/*
 * `data.DataLoader`, and one pass over it:
 *
 *     for x, y in loader:iter() do ... end
 *
 * A pass takes its order when its first batch is asked for, as in torch, so the epoch that counts
 * is the one that was set by then. Its order lies in memory of Lua; a step allocates nothing but
 * the tensors of its batch.
 */
#include "sim/script/args.h"
#include "sim/script/data.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

/* Draws of a permutation in the time of one Lua instruction, about. */
#define DRAWS_PER_STEP 2

typedef struct {
    size_t batch_size;
    bool drop_last;
} LuaLoader;

/* User values of a loader. */
enum { USER_DATASET = 1, USER_SAMPLER, USER_GENERATOR, USER_LOADER_COUNT = USER_GENERATOR };

/* A pass has at most two generators that a scenario made: its loader's and its sampler's. */
#define GENERATORS_MAX 2

typedef struct {
    bool started;
    int64_t batches; /* handed out so far */
    DdpSamplerPass pass;
    int64_t *batch;               /* in USER_ORDER; room for a batch of indices */
    DdpGenerator *default_before; /* owned; (nullable): the rank's own when the order was taken */
    DdpGenerator *own_before;     /* owned; (nullable): likewise the sampler's */
    struct {
        const DdpGenerator *original; /* only compared */
        DdpGenerator *copy;           /* owned */
    } oracle[GENERATORS_MAX];
} LuaPass;

/* User values of a pass. */
enum { USER_LOADER = 1, USER_ORDER, USER_PASS_COUNT = USER_ORDER };

#define PASS "data.Pass"

static LuaLoader *
check_loader(lua_State *L, int index)
{
    return luaL_checkudata(L, index, DDP_LUA_LOADER);
}

/* ---- making one ---- */

/* Pushes the sampler that the options ask for. */
static void
push_sampler(lua_State *L, const DdpOptions *options, int generator_index)
{
    bool shuffle = ddp_options_boolean(options, "shuffle", false);

    if (!ddp_options_has(options, "sampler")) {
        if (shuffle)
            ddp_lua_push_random_sampler(L, 1, generator_index);
        else
            ddp_lua_push_sequential_sampler(L, 1);
        return;
    }
    if (shuffle)
        luaL_error(L, "DataLoader: sampler option is mutually exclusive with shuffle");
    ddp_options_push(options, "sampler");
    if (luaL_testudata(L, -1, DDP_LUA_SAMPLER) == NULL) {
        if (!lua_istable(L, -1))
            luaL_error(L,
                       "DataLoader: option 'sampler' is a %s, expected a sampler or a list of "
                       "indices",
                       luaL_typename(L, -1));
        ddp_lua_push_list_sampler(L, lua_gettop(L), "DataLoader");
    }
}

static size_t
read_batch_size(lua_State *L, const DdpOptions *options)
{
    lua_Integer size =
        ddp_options_integer(options, "batch_size", 1, LUA_MININTEGER, LUA_MAXINTEGER);

    if (size < 1)
        luaL_error(L,
                   "DataLoader: batch_size should be a positive integer value, but got "
                   "batch_size=%I",
                   (LUAI_UACINT)size);
    return (size_t)size;
}

/*
 * DataLoader(ds, {batch_size = 1, shuffle = false, sampler, drop_last = false, generator,
 *                 num_workers = 0, pin_memory = false})
 *
 * Workers and pinned memory change nothing about which samples come when, so they are taken and
 * left alone: a script that was written for torch says them.
 */
static int
l_data_loader(lua_State *L)
{
    static const char *const names[] = {"batch_size", "shuffle",     "sampler",    "drop_last",
                                        "generator",  "num_workers", "pin_memory", NULL};

    ddp_lua_check_dataset(L, 1);

    DdpOptions options = ddp_options_open(L, 2, "DataLoader", names);
    LuaLoader loader = {
        .batch_size = read_batch_size(L, &options),
        .drop_last = ddp_options_boolean(&options, "drop_last", false),
    };
    int generator_index = 0;

    ddp_options_integer(&options, "num_workers", 0, 0, LUA_MAXINTEGER);
    ddp_options_boolean(&options, "pin_memory", false);
    if (ddp_options_has(&options, "generator")) {
        ddp_options_push(&options, "generator");
        generator_index = lua_gettop(L);
        ddp_lua_check_generator(L, generator_index);
    }

    LuaLoader *self = lua_newuserdatauv(L, sizeof *self, USER_LOADER_COUNT);

    *self = loader;
    luaL_setmetatable(L, DDP_LUA_LOADER);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, USER_DATASET);
    if (generator_index != 0) {
        lua_pushvalue(L, generator_index);
        lua_setiuservalue(L, -2, USER_GENERATOR);
    }

    int self_index = lua_gettop(L);

    push_sampler(L, &options, generator_index);
    lua_setiuservalue(L, self_index, USER_SAMPLER);
    lua_settop(L, self_index);
    return 1;
}

/* ---- a pass ---- */

static int
l_pass_gc(lua_State *L)
{
    LuaPass *self = luaL_checkudata(L, 1, PASS);

    for (int i = 0; i < GENERATORS_MAX; i++)
        g_clear_pointer(&self->oracle[i].copy, ddp_generator_free);
    g_clear_pointer(&self->default_before, ddp_generator_free);
    g_clear_pointer(&self->own_before, ddp_generator_free);
    return 0;
}

/* Whether the order comes from generators, which a checkpoint then has to know. */
static bool
draws_order(const DdpSampler *sampler)
{
    const DdpSampler *base = sampler->kind == DDP_SAMPLER_WRAPPED ? sampler->base : sampler;

    return base->kind != DDP_SAMPLER_SEQUENTIAL && base->kind != DDP_SAMPLER_LIST &&
           base->kind != DDP_SAMPLER_DISTRIBUTED;
}

static const DdpGenerator *
generator_of(const DdpSampler *sampler)
{
    return sampler->kind == DDP_SAMPLER_WRAPPED ? sampler->base->generator : sampler->generator;
}

/* Keeps what the order is about to be drawn from. */
static void
keep_generators(lua_State *L, LuaPass *self, const DdpSampler *sampler)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    const DdpGenerator *own = generator_of(sampler);

    if (script->oracle || !draws_order(sampler))
        return;
    if (own != NULL)
        self->own_before = ddp_generator_copy(own);
    else
        self->default_before = ddp_generator_copy(ddp_model_context_generator(script->model));
}

/*
 * The generator that this pass may draw from. An oracle pass is no part of the run: it looks at a
 * copy of a generator that the scenario made. (The rank's own is put back after the evaluation.)
 */
static DdpGenerator *
own_generator(lua_State *L, LuaPass *self, DdpGenerator *generator)
{
    if (!ddp_script_rank(L)->oracle)
        return generator;
    for (int i = 0; i < GENERATORS_MAX; i++) {
        if (self->oracle[i].copy == NULL) {
            self->oracle[i].copy = ddp_generator_copy(generator);
            self->oracle[i].original = generator;
        }
        if (self->oracle[i].original == generator)
            return self->oracle[i].copy;
    }
    g_assert_not_reached();
}

/* Takes the order: what a first batch does. */
static void
start(lua_State *L, int pass_index, int loader_index, LuaPass *self)
{
    const LuaLoader *loader = check_loader(L, loader_index);

    lua_getiuservalue(L, loader_index, USER_SAMPLER);

    DdpSampler sampler = ddp_lua_check_sampler(L, -1);
    size_t order_count = ddp_sampler_order_count(&sampler);
    size_t batch_count = MIN(loader->batch_size, ddp_sampler_size(&sampler));

    /* Rows without elements take no memory, so there may be any number of them. */
    if (batch_count > G_MAXSIZE / sizeof(int64_t) - order_count - 1)
        luaL_error(L, "DataLoader: a batch of %I samples is too large", (LUAI_UACINT)batch_count);

    int64_t *memory = lua_newuserdatauv(L, (order_count + MAX(batch_count, 1)) * sizeof *memory, 0);

    lua_setiuservalue(L, pass_index, USER_ORDER);
    if (order_count > 0)
        ddp_script_charge(L, 1 + (sampler.kind == DDP_SAMPLER_DISTRIBUTED
                                      ? sampler.distributed.dataset_size
                                      : order_count) /
                                     DRAWS_PER_STEP);
    self->batch = memory + order_count;
    keep_generators(L, self, &sampler);
    if (sampler.generator != NULL)
        sampler.generator = own_generator(L, self, sampler.generator);
    ddp_sampler_pass_begin(&self->pass, &sampler,
                           ddp_model_context_generator(ddp_script_rank(L)->model),
                           order_count > 0 ? memory : NULL);
    self->started = true;
    lua_pop(L, 1);
}

/* Upvalue 1: the pass. Returns the tensors of the next batch, or nil when the pass is over. */
static int
l_next(lua_State *L)
{
    LuaPass *self = lua_touserdata(L, lua_upvalueindex(1));

    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_getiuservalue(L, 1, USER_LOADER);
    lua_getiuservalue(L, 2, USER_DATASET);
    if (!self->started)
        start(L, 1, 2, self);

    const LuaLoader *loader = lua_touserdata(L, 2);
    const DdpDataset *dataset = ddp_lua_check_dataset(L, 3);
    size_t count =
        ddp_sampler_pass_batch(&self->pass, loader->batch_size, loader->drop_last, self->batch);

    if (count == 0) {
        lua_pushnil(L);
        return 1;
    }

    self->batches++;

    int columns = ddp_lua_push_batch(L, dataset, self->batch, count);

    ddp_script_note_samples(L, ddp_dataset_size(dataset), self->batch, count);
    return columns;
}

/* loader:iter() */
static int
l_iter(lua_State *L)
{
    check_loader(L, 1);

    LuaPass *self = lua_newuserdatauv(L, sizeof *self, USER_PASS_COUNT);

    *self = (LuaPass){.started = false};
    luaL_setmetatable(L, PASS);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, USER_LOADER);
    lua_pushcclosure(L, l_next, 1);

    DdpGenerator *generator = ddp_model_context_generator(ddp_script_rank(L)->model);

    if (lua_getiuservalue(L, 1, USER_GENERATOR) != LUA_TNIL)
        generator = own_generator(L, self, ddp_lua_check_generator(L, -1));
    lua_pop(L, 1);
    ddp_loader_draw_base_seed(generator);
    return 1;
}

/* ---- where a pass stands, for checkpoints ---- */

/* The pass behind an iterator of ours, which is pushed; NULL and nothing pushed for another. */
static LuaPass *
push_pass(lua_State *L, int index)
{
    if (!lua_iscfunction(L, index) || lua_tocfunction(L, index) != l_next ||
        lua_getupvalue(L, index, 1) == NULL)
        return NULL;
    return lua_touserdata(L, -1);
}

static void
set_generator(lua_State *L, const DdpGenerator *generator, const char *name)
{
    static const int64_t shape[] = {DDP_GENERATOR_STATE_BYTES};
    uint8_t bytes[DDP_GENERATOR_STATE_BYTES];
    DdpTensor **slot;
    GError *error = NULL;

    if (generator == NULL)
        return;
    ddp_generator_get_state(generator, bytes);
    slot = ddp_lua_tensor_slot(L);
    *slot = ddp_tensor_new_from(ddp_script_rank(L)->model, DDP_DTYPE_U8, 1, shape, bytes, &error);
    if (*slot == NULL)
        ddp_args_raise(L, error);
    lua_setfield(L, -2, name);
}

int
ddp_lua_pass_state(lua_State *L)
{
    const LuaPass *self = push_pass(L, 1);

    if (self == NULL)
        return 0;
    lua_createtable(L, 0, 4);
    lua_pushboolean(L, self->started);
    lua_setfield(L, -2, "started");
    lua_pushinteger(L, self->batches);
    lua_setfield(L, -2, "batches");
    set_generator(L, self->default_before, "default_generator");
    set_generator(L, self->own_before, "generator");
    return 1;
}

/* Puts the state in field @name of the table at @state, if it is there, into @generator. */
static void
take_generator(lua_State *L, int state, const char *name, DdpGenerator *generator)
{
    GError *error = NULL;

    if (lua_getfield(L, state, name) != LUA_TNIL) {
        DdpTensor *bytes = ddp_lua_check_tensor(L, -1);

        if (generator == NULL || ddp_tensor_dtype(bytes) != DDP_DTYPE_U8)
            luaL_error(L, "the position of a DataLoader belongs to another kind of sampler");
        if (!ddp_generator_set_state(generator, ddp_tensor_data(bytes), ddp_tensor_bytes(bytes),
                                     &error))
            ddp_args_raise(L, error);
    }
    lua_pop(L, 1);
}

int
ddp_lua_pass_resume(lua_State *L)
{
    const LuaLoader *loader = check_loader(L, 1);
    lua_Integer batches;

    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_pushcfunction(L, l_iter);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1); /* 3 */

    LuaPass *self = push_pass(L, 3); /* 4 */

    lua_getiuservalue(L, 1, USER_SAMPLER); /* 5 */

    DdpSampler sampler = ddp_lua_check_sampler(L, 5);

    lua_getfield(L, 2, "started");
    if (lua_toboolean(L, -1)) {
        take_generator(L, 2, "default_generator",
                       ddp_model_context_generator(ddp_script_rank(L)->model));
        take_generator(L, 2, "generator", (DdpGenerator *)(uintptr_t)generator_of(&sampler));
        start(L, 4, 1, self);
    }
    lua_getfield(L, 2, "batches");
    batches = luaL_checkinteger(L, -1);
    for (; batches > 0 && self->started; batches--) {
        if (ddp_sampler_pass_batch(&self->pass, loader->batch_size, loader->drop_last,
                                   self->batch) == 0)
            break;
        self->batches++;
        ddp_script_charge(L, 1);
    }
    lua_settop(L, 3);
    return 1;
}

int
ddp_lua_loader_generators(lua_State *L)
{
    check_loader(L, 1);
    lua_settop(L, 1);
    lua_createtable(L, 2, 0);
    if (lua_getiuservalue(L, 1, USER_GENERATOR) != LUA_TNIL)
        lua_rawseti(L, 2, 1);
    lua_settop(L, 2);
    lua_getiuservalue(L, 1, USER_SAMPLER);
    if (ddp_lua_push_sampler_generator(L, 3)) {
        lua_rawgeti(L, 2, 1); /* 5: the loader's, or nil; 4 is the sampler's */
        if (!lua_rawequal(L, 4, 5)) {
            lua_pushvalue(L, 4);
            lua_rawseti(L, 2, (lua_Integer)lua_rawlen(L, 2) + 1);
        }
    }
    lua_settop(L, 2);
    return 1;
}

/* ---- what a loader shows ---- */

static int
l_len(lua_State *L)
{
    const LuaLoader *self = check_loader(L, 1);

    lua_getiuservalue(L, 1, USER_SAMPLER);

    DdpSampler sampler = ddp_lua_check_sampler(L, -1);

    lua_pushinteger(L, (lua_Integer)ddp_batch_count(ddp_sampler_size(&sampler), self->batch_size,
                                                    self->drop_last));
    return 1;
}

static int
l_index(lua_State *L)
{
    const LuaLoader *self = check_loader(L, 1);

    if (lua_type(L, 2) != LUA_TSTRING) {
        lua_pushnil(L);
        return 1;
    }

    const char *name = lua_tostring(L, 2);

    if (ddp_lua_data_method(L))
        return 1;
    if (g_str_equal(name, "batch_size"))
        lua_pushinteger(L, (lua_Integer)self->batch_size);
    else if (g_str_equal(name, "drop_last"))
        lua_pushboolean(L, self->drop_last);
    else if (g_str_equal(name, "dataset"))
        lua_getiuservalue(L, 1, USER_DATASET);
    else if (g_str_equal(name, "sampler"))
        lua_getiuservalue(L, 1, USER_SAMPLER);
    else if (g_str_equal(name, "generator"))
        lua_getiuservalue(L, 1, USER_GENERATOR);
    else
        lua_pushnil(L);
    return 1;
}

static int
l_newindex(lua_State *L)
{
    return luaL_error(L, "%s attribute should not be set after DataLoader is initialized",
                      luaL_tolstring(L, 2, NULL));
}

static int
l_tostring(lua_State *L)
{
    const LuaLoader *self = check_loader(L, 1);

    lua_getiuservalue(L, 1, USER_DATASET);
    lua_pushfstring(L, "DataLoader over %s in batches of %I", luaL_tolstring(L, -1, NULL),
                    (LUAI_UACINT)self->batch_size);
    return 1;
}

static const luaL_Reg pass_metamethods[] = {
    {"__gc", l_pass_gc},
    {NULL, NULL},
};

static const luaL_Reg loader_methods[] = {
    {"iter", l_iter},
    {NULL, NULL},
};

static const luaL_Reg loader_metamethods[] = {
    {"__len", l_len},
    {"__newindex", l_newindex},
    {"__tostring", l_tostring},
    {NULL, NULL},
};

void
ddp_lua_open_loader(lua_State *L)
{
    ddp_lua_data_type(L, DDP_LUA_LOADER, loader_methods, loader_metamethods, l_index);
    luaL_newmetatable(L, PASS);
    luaL_setfuncs(L, pass_metamethods, 0);
    lua_pop(L, 1);
    lua_pushcfunction(L, l_data_loader);
    lua_setfield(L, -2, "DataLoader");
}
