/* SPDX-License-Identifier: MIT */
/*
 * The Lua table `data`: torch.utils.data, and the real data sets by name. Here are the data sets;
 * samplers and the loader have files of their own.
 *
 * A data set counts from 0, as in Python: ds:get(i) returns the columns of sample i, ds[i] the same
 * as a list (an index gives one value in Lua).
 */
#include "sim/script/data.h"

#include <limits.h>
#include <string.h>

#include "model/data/real_dataset.h"
#include "sim/script/args.h"
#include "sim/script/libs.h"
#include "sim/script/prelude.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

#define COLUMNS_MAX 16 /* of a TensorDataset */

/* Elements that are gathered in the time of one Lua instruction, about. */
#define ELEMENTS_PER_STEP 16

typedef struct {
    DdpDataset *dataset; /* owned reference; NULL only while it is being made */
} LuaDataset;

/* User values of a data set: what its memory lies in, the whole of a subset, a known truth. */
enum { USER_MEMORY = 1, USER_WHOLE, USER_TRUTH, USER_COUNT = USER_TRUTH };

/* ---- types ---- */

void
ddp_lua_data_type(lua_State *L, const char *name, const luaL_Reg *methods,
                  const luaL_Reg *metamethods, lua_CFunction index)
{
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, metamethods, 0);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_pushcclosure(L, index, 1);
    lua_setfield(L, -2, "__index");
    /* What getmetatable shows: a scenario that could call __gc would pull the ground away. */
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

bool
ddp_lua_data_method(lua_State *L)
{
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return true;
    lua_pop(L, 1);
    return false;
}

DdpDataset *
ddp_lua_check_dataset(lua_State *L, int index)
{
    LuaDataset *self = luaL_checkudata(L, index, DDP_LUA_DATASET);

    luaL_argcheck(L, self->dataset != NULL, index, "this data set was never finished");
    return self->dataset;
}

/* Pushes a data set that is still empty; where to put it. Made first, because pushing can raise. */
static LuaDataset *
push_empty(lua_State *L)
{
    LuaDataset *self = lua_newuserdatauv(L, sizeof *self, USER_COUNT);

    self->dataset = NULL;
    luaL_setmetatable(L, DDP_LUA_DATASET);
    return self;
}

static int
l_gc(lua_State *L)
{
    LuaDataset *self = luaL_checkudata(L, 1, DDP_LUA_DATASET);

    g_clear_pointer(&self->dataset, ddp_dataset_unref);
    return 0;
}

/* ---- samples ---- */

/* Pushes a tensor with the rows of some samples in one column: [count, ...], or of one [...]. */
static void
push_column(lua_State *L, const DdpDataset *dataset, int column, const int64_t *indices,
            size_t count, bool batched)
{
    DdpModelContext *model = ddp_script_rank(L)->model;
    const DdpColumn *item = ddp_dataset_column(dataset, column);
    int64_t shape[DDP_COLUMN_DIMS_MAX + 1];
    int ndim = 0;
    GError *error = NULL;
    DdpTensor **slot = ddp_lua_tensor_slot(L);

    if (batched)
        shape[ndim++] = (int64_t)count;
    for (int i = 0; i < item->ndim; i++)
        shape[ndim++] = item->shape[i];
    ddp_script_charge(L, 1 + count * ddp_column_numel(item) / ELEMENTS_PER_STEP);
    *slot = ddp_tensor_new_uninitialized(model, item->dtype, ndim, shape, &error);
    if (*slot == NULL && ddp_lua_out_of_memory(L, &error))
        *slot = ddp_tensor_new_uninitialized(model, item->dtype, ndim, shape, &error);
    if (*slot == NULL)
        ddp_args_raise(L, error);
    ddp_dataset_gather(dataset, column, indices, count, ddp_tensor_data(*slot));
}

static int
push_samples(lua_State *L, const DdpDataset *dataset, const int64_t *indices, size_t count,
             bool batched)
{
    int columns = ddp_dataset_column_count(dataset);
    GError *error = NULL;

    luaL_checkstack(L, columns, "too many columns");
    if (!ddp_dataset_check_indices(dataset, indices, count, &error))
        ddp_args_raise(L, error);
    for (int i = 0; i < columns; i++)
        push_column(L, dataset, i, indices, count, batched);
    return columns;
}

int
ddp_lua_push_batch(lua_State *L, const DdpDataset *dataset, const int64_t *indices, size_t count)
{
    return push_samples(L, dataset, indices, count, true);
}

/* As in Python, -1 is the last sample. */
static int64_t
from_the_end(const DdpDataset *dataset, lua_Integer index)
{
    int64_t size = (int64_t)ddp_dataset_size(dataset);

    return index < 0 && index >= -size ? index + size : index;
}

/* ds:get(i) */
static int
l_get(lua_State *L)
{
    const DdpDataset *dataset = ddp_lua_check_dataset(L, 1);
    int64_t index = from_the_end(dataset, luaL_checkinteger(L, 2));

    return push_samples(L, dataset, &index, 1, false);
}

/* ds:size() and #ds */
static int
l_size(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ddp_dataset_size(ddp_lua_check_dataset(L, 1)));
    return 1;
}

static int
l_index(lua_State *L)
{
    const DdpDataset *dataset = ddp_lua_check_dataset(L, 1);

    if (lua_type(L, 2) != LUA_TNUMBER) {
        if (ddp_lua_data_method(L))
            return 1;
        if (lua_type(L, 2) == LUA_TSTRING && g_str_equal(lua_tostring(L, 2), "truth"))
            lua_getiuservalue(L, 1, USER_TRUTH);
        else
            lua_pushnil(L);
        return 1;
    }

    int64_t index = from_the_end(dataset, luaL_checkinteger(L, 2));
    int columns = push_samples(L, dataset, &index, 1, false);

    lua_createtable(L, columns, 0);
    lua_insert(L, -columns - 1);
    for (int i = columns; i > 0; i--)
        lua_rawseti(L, -i - 1, i);
    return 1;
}

static int
l_tostring(lua_State *L)
{
    const DdpDataset *dataset = ddp_lua_check_dataset(L, 1);

    lua_pushfstring(L, "%s of %I samples", ddp_dataset_name(dataset),
                    (LUAI_UACINT)ddp_dataset_size(dataset));
    return 1;
}

/* ---- the real ones ---- */

/* normalize = { mean, std } */
static void
read_normalize(lua_State *L, const DdpOptions *options, DdpRealDatasetSpec *spec)
{
    lua_Number numbers[2];

    if (!ddp_options_has(options, "normalize"))
        return;
    if (ddp_options_push(options, "normalize") != LUA_TTABLE || lua_rawlen(L, -1) != 2)
        luaL_error(L, "%s: option 'normalize' is a %s, expected { mean, std }", options->verb,
                   lua_istable(L, -1) ? "table of another length" : luaL_typename(L, -1));
    for (int i = 0; i < 2; i++) {
        if (lua_rawgeti(L, -1, i + 1) != LUA_TNUMBER)
            luaL_error(L, "%s: option 'normalize' holds a %s, expected { mean, std }",
                       options->verb, luaL_typename(L, -1));
        numbers[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    spec->normalize = true;
    spec->mean = (float)numbers[0];
    spec->std = (float)numbers[1];
}

static int
push_real(lua_State *L, const DdpRealDatasetSpec *spec)
{
    GError *error = NULL;
    LuaDataset *self = push_empty(L);

    self->dataset = ddp_real_dataset_open(spec, &error);
    if (self->dataset == NULL)
        ddp_args_raise(L, error);
    return 1;
}

/* Options that all of them have. */
static DdpRealDatasetSpec
read_spec(const DdpOptions *options, const char *name)
{
    DdpRealDatasetSpec spec = ddp_real_dataset_spec_default(name);

    if (ddp_options_has(options, "train"))
        spec.part = ddp_options_boolean(options, "train", true) ? DDP_PART_TRAIN : DDP_PART_TEST;
    spec.limit = (size_t)ddp_options_integer(options, "limit", 0, 1, LUA_MAXINTEGER);
    return spec;
}

static int
l_image_set(lua_State *L, const char *verb, const char *name)
{
    static const char *const names[] = {"train", "limit", "normalize", "flatten", NULL};
    DdpOptions options = ddp_options_open(L, 1, verb, names);
    DdpRealDatasetSpec spec = read_spec(&options, name);

    spec.flatten = ddp_options_boolean(&options, "flatten", false);
    read_normalize(L, &options, &spec);
    return push_real(L, &spec);
}

/* FashionMNIST{train = true, limit, normalize = { mean, std }, flatten = false} */
static int
l_fashion_mnist(lua_State *L)
{
    return l_image_set(L, "FashionMNIST", "fashion_mnist");
}

/* Digits{train, limit, normalize = { mean, std }, flatten = false}; no train: all samples */
static int
l_digits(lua_State *L)
{
    return l_image_set(L, "Digits", "digits");
}

/* BreastCancer{train, limit, standardize = false}; no train: all samples */
static int
l_breast_cancer(lua_State *L)
{
    static const char *const names[] = {"train", "limit", "standardize", NULL};
    DdpOptions options = ddp_options_open(L, 1, "BreastCancer", names);
    DdpRealDatasetSpec spec = read_spec(&options, "breast_cancer");

    spec.standardize = ddp_options_boolean(&options, "standardize", false);
    return push_real(L, &spec);
}

/* ---- TensorDataset and Subset ---- */

/* Pushes a tensor that shares the memory of the one at @index, and keeps it from going away. */
static DdpTensor *
push_shared(lua_State *L, int index)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, index);
    DdpTensor **slot = ddp_lua_tensor_slot(L);
    GError *error = NULL;

    *slot = ddp_tensor_share(tensor, 0, ddp_tensor_ndim(tensor), ddp_tensor_shape(tensor), &error);
    if (*slot == NULL)
        ddp_args_raise(L, error);
    return *slot;
}

static void
check_rows(lua_State *L, int index, int64_t *size)
{
    const DdpTensor *tensor = ddp_lua_check_tensor(L, index);

    if (ddp_tensor_ndim(tensor) == 0)
        luaL_error(L, "TensorDataset: tensor #%d has no dimensions, expected one row a sample",
                   index);
    if (index == 1)
        *size = ddp_tensor_shape(tensor)[0];
    if (ddp_tensor_shape(tensor)[0] != *size)
        luaL_error(L,
                   "TensorDataset: Size mismatch between tensors: tensor #%d has %I rows, the "
                   "first one %I",
                   index, (LUAI_UACINT)ddp_tensor_shape(tensor)[0], (LUAI_UACINT)*size);
}

/* TensorDataset(x, y, ...) */
static int
l_tensor_dataset(lua_State *L)
{
    int count = lua_gettop(L);
    int64_t size = 0;
    DdpMemoryColumn columns[COLUMNS_MAX];

    if (count < 1 || count > COLUMNS_MAX)
        return luaL_error(L, "TensorDataset: %d tensors, expected 1 to %d", count, COLUMNS_MAX);
    for (int i = 1; i <= count; i++)
        check_rows(L, i, &size);
    luaL_checkstack(L, 4, "TensorDataset");

    LuaDataset *self = push_empty(L);

    lua_createtable(L, count, 0);
    for (int i = 1; i <= count; i++) {
        DdpTensor *tensor = push_shared(L, i);
        DdpColumn *column = &columns[i - 1].column;

        columns[i - 1].rows = ddp_tensor_data(tensor);
        column->dtype = ddp_tensor_dtype(tensor);
        column->ndim = ddp_tensor_ndim(tensor) - 1;
        memcpy(column->shape, ddp_tensor_shape(tensor) + 1,
               (size_t)column->ndim * sizeof column->shape[0]);
        lua_rawseti(L, -2, i);
    }
    lua_setiuservalue(L, -2, USER_MEMORY);
    self->dataset = ddp_dataset_new_memory((size_t)size, columns, count, NULL, NULL);
    return 1;
}

static int64_t *
push_numbers(lua_State *L, size_t count)
{
    if (count > G_MAXSIZE / sizeof(int64_t) - 1)
        luaL_error(L, "too many indices");
    ddp_script_charge(L, 1 + count / 4);
    return lua_newuserdatauv(L, MAX(count, 1) * sizeof(int64_t), 0);
}

static int64_t *
push_tensor_indices(lua_State *L, DdpTensor *tensor, const char *verb, size_t *count)
{
    if (ddp_tensor_ndim(tensor) != 1 || ddp_tensor_dtype(tensor) != DDP_DTYPE_I64)
        luaL_error(L, "%s: indices are a %s tensor of %d dimensions, expected int64 and one", verb,
                   ddp_dtype_name(ddp_tensor_dtype(tensor)), ddp_tensor_ndim(tensor));
    *count = ddp_tensor_numel(tensor);

    int64_t *numbers = push_numbers(L, *count);

    memcpy(numbers, ddp_tensor_data(tensor), *count * sizeof *numbers);
    return numbers;
}

int64_t *
ddp_lua_push_indices(lua_State *L, int index, const char *verb, size_t *count)
{
    DdpTensor *tensor = ddp_lua_test_tensor(L, index);

    if (tensor != NULL)
        return push_tensor_indices(L, tensor, verb, count);
    if (!lua_istable(L, index))
        luaL_error(L, "%s: indices are a %s, expected a list of whole numbers or an int64 tensor",
                   verb, luaL_typename(L, index));
    *count = lua_rawlen(L, index);

    int64_t *numbers = push_numbers(L, *count);

    for (size_t i = 0; i < *count; i++) {
        int is_integer;

        lua_rawgeti(L, index, (lua_Integer)i + 1);
        numbers[i] = lua_tointegerx(L, -1, &is_integer);
        if (!is_integer || lua_type(L, -1) != LUA_TNUMBER)
            luaL_error(L, "%s: entry %I of the indices is a %s, expected a whole number", verb,
                       (LUAI_UACINT)i + 1,
                       lua_type(L, -1) == LUA_TNUMBER ? "fraction" : luaL_typename(L, -1));
        lua_pop(L, 1);
    }
    return numbers;
}

/* Subset(ds, indices) */
static int
l_subset(lua_State *L)
{
    DdpDataset *whole = ddp_lua_check_dataset(L, 1);
    LuaDataset *self = push_empty(L);
    GError *error = NULL;
    size_t count;

    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, USER_WHOLE);

    int64_t *numbers = ddp_lua_push_indices(L, 2, "Subset", &count);

    lua_setiuservalue(L, -2, USER_MEMORY);
    for (size_t i = 0; i < count; i++)
        numbers[i] = from_the_end(whole, numbers[i]);
    self->dataset = ddp_dataset_new_subset(whole, numbers, count, NULL, NULL, &error);
    if (self->dataset == NULL)
        ddp_args_raise(L, error);
    return 1;
}

/* ConcatDataset{ds, ...} */
static int
l_concat(lua_State *L)
{
    LuaDataset *self;
    GError *error = NULL;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);

    size_t count = lua_rawlen(L, 1);

    if (count == 0)
        return luaL_error(L, "ConcatDataset: datasets should not be an empty iterable");
    ddp_script_charge(L, 1 + count);
    self = push_empty(L); /* 2 */

    DdpDataset **parts = lua_newuserdatauv(L, count * sizeof *parts, 0); /* 3 */

    /* A list of its own: the scenario may change the one it gave. */
    lua_createtable(L, (int)MIN(count, INT_MAX), 0); /* 4 */
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        if (luaL_testudata(L, -1, DDP_LUA_DATASET) == NULL)
            return luaL_error(L, "ConcatDataset: entry %I is a %s, expected a data set",
                              (LUAI_UACINT)i + 1, luaL_typename(L, -1));
        parts[i] = ddp_lua_check_dataset(L, -1);
        lua_rawseti(L, 4, (lua_Integer)i + 1);
    }
    lua_setiuservalue(L, 2, USER_WHOLE);
    self->dataset = ddp_dataset_new_concat(parts, count, &error);
    if (self->dataset == NULL)
        ddp_args_raise(L, error);
    lua_settop(L, 2);
    return 1;
}

/* ---- what is written in Lua (lua/data_sets.lua) ---- */

/* with_truth(ds, tensor): the data set, whose field `truth` is the tensor from now on. */
static int
l_with_truth(lua_State *L)
{
    ddp_lua_check_dataset(L, 1);
    ddp_lua_check_tensor(L, 2);
    lua_settop(L, 2);
    lua_setiuservalue(L, 1, USER_TRUTH);
    return 1;
}

int
ddp_luaopen_data_sets(lua_State *L)
{
    static const luaL_Reg functions[] = {{"with_truth", l_with_truth}, {NULL, NULL}};

    luaL_newlib(L, functions);
    return 1;
}

/* Calls function @name of the module with all arguments; a rank that never asks never loads it. */
static int
call_lua(lua_State *L, const char *name)
{
    ddp_prelude_use(L, "data_sets");
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* random_split(ds, lengths, {generator}) */
static int
l_random_split(lua_State *L)
{
    ddp_lua_check_dataset(L, 1);
    return call_lua(L, "random_split");
}

/* Synthetic{samples = 1000, features = 10, classes or noise, seed = 0} */
static int
l_synthetic(lua_State *L)
{
    return call_lua(L, "Synthetic");
}

/* ---- the table ---- */

static const luaL_Reg dataset_methods[] = {
    {"get", l_get},
    {"size", l_size},
    {NULL, NULL},
};

static const luaL_Reg dataset_metamethods[] = {
    {"__gc", l_gc},
    {"__len", l_size},
    {"__tostring", l_tostring},
    {NULL, NULL},
};

static const luaL_Reg data_verbs[] = {
    {"BreastCancer", l_breast_cancer},
    {"ConcatDataset", l_concat},
    {"Digits", l_digits},
    {"FashionMNIST", l_fashion_mnist},
    {"Subset", l_subset},
    {"Synthetic", l_synthetic},
    {"TensorDataset", l_tensor_dataset},
    {"random_split", l_random_split},
    {NULL, NULL},
};

int
ddp_luaopen_data(lua_State *L)
{
    ddp_lua_data_type(L, DDP_LUA_DATASET, dataset_methods, dataset_metamethods, l_index);
    luaL_newlib(L, data_verbs);
    ddp_lua_open_samplers(L);
    ddp_lua_open_loader(L);
    return 1;
}
