/* SPDX-License-Identifier: MIT */
/*
 * The type torch.Tensor: its life in Lua, its fields and its operators, and how verbs read
 * tensors and their like from their arguments.
 */
#include "sim/script/tensor.h"

#include <string.h>

#include "model/autograd.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"

/* One step of a scenario's budget buys so much work: about the time of a few Lua instructions. */
#define FLOPS_PER_STEP 512
#define BYTES_PER_STEP 64

/* Below so much growth since the last collection none is due. */
#define GROWTH_BYTES_MIN ((size_t)4 << 20)

static const char metatable_key = 't'; /* in the registry: the metatable of tensors */

/* ---- life ---------------------------------------------------------------------------- */

/*
 * Lua starts a collection when its own memory has doubled, and a tensor is 16 bytes to it. So a
 * collection is due as well when tensors have doubled; but not so often that walking a large heap
 * of other things would cost more than the memory is worth.
 */
static void
pace_collector(lua_State *L, DdpModelContext *model)
{
    size_t growth = ddp_model_context_growth(model);

    if (growth < GROWTH_BYTES_MIN)
        return;

    size_t before = ddp_model_context_bytes(model) - growth;
    size_t heap = (size_t)lua_gc(L, LUA_GCCOUNT) << 10;

    if (growth < before || growth < heap)
        return;
    ddp_script_charge(L, heap / BYTES_PER_STEP);
    lua_gc(L, LUA_GCCOLLECT);
    ddp_model_context_mark(model);
}

/* Work that tensors have done since the last time costs the scenario some of its steps. */
static void
charge_work(lua_State *L, DdpModelContext *model)
{
    uint64_t flops = ddp_model_context_take_flops(model, 64 * FLOPS_PER_STEP);
    uint64_t bytes = ddp_model_context_take_allocated(model, 64 * BYTES_PER_STEP);

    if (flops + bytes > 0)
        ddp_script_charge(L, flops / FLOPS_PER_STEP + bytes / BYTES_PER_STEP);
}

DdpTensor **
ddp_lua_tensor_slot(lua_State *L)
{
    DdpModelContext *model = ddp_script_rank(L)->model;

    charge_work(L, model);
    pace_collector(L, model);

    DdpTensor **slot = lua_newuserdatauv(L, sizeof *slot, 0);

    *slot = NULL;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);
    lua_setmetatable(L, -2);
    return slot;
}

/* Where the tensor at @index is; NULL if the value is no tensor. */
static DdpTensor **
test_slot(lua_State *L, int index)
{
    DdpTensor **slot = lua_touserdata(L, index);

    if (slot == NULL || !lua_getmetatable(L, index))
        return NULL;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);

    bool is_tensor = lua_rawequal(L, -1, -2) != 0;

    lua_pop(L, 2);
    return is_tensor ? slot : NULL;
}

DdpTensor *
ddp_lua_test_tensor(lua_State *L, int index)
{
    DdpTensor **slot = test_slot(L, index);

    return slot != NULL ? *slot : NULL;
}

DdpTensor *
ddp_lua_check_tensor(lua_State *L, int index)
{
    DdpTensor **slot = test_slot(L, index);

    luaL_argexpected(L, slot != NULL, index, DDP_LUA_TENSOR);
    luaL_argcheck(L, *slot != NULL, index, "this tensor was closed");
    return *slot;
}

/* __gc and __close */
static int
l_release(lua_State *L)
{
    DdpTensor **slot = test_slot(L, 1);

    if (slot != NULL && *slot != NULL) {
        DdpTensor *tensor = *slot;

        *slot = NULL;
        ddp_tensor_unref(tensor);
    }
    return 0;
}

bool
ddp_lua_out_of_memory(lua_State *L, GError **error)
{
    if (!g_error_matches(*error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_MEMORY))
        return false;
    g_clear_error(error);
    ddp_script_charge(L, 1000);
    lua_gc(L, LUA_GCCOLLECT);
    return true;
}

/* ---- arguments ----------------------------------------------------------------------- */

bool
ddp_lua_test_number(lua_State *L, int index, DdpNumber *number)
{
    if (lua_type(L, index) == LUA_TNUMBER) {
        *number = lua_isinteger(L, index) ? ddp_number_int(lua_tointeger(L, index))
                                          : ddp_number_float(lua_tonumber(L, index));
        return true;
    }
    if (lua_type(L, index) == LUA_TBOOLEAN) {
        *number = ddp_number_bool(lua_toboolean(L, index) != 0);
        return true;
    }
    return false;
}

DdpOperand
ddp_lua_check_operand(lua_State *L, int index)
{
    DdpOperand operand = {.tensor = NULL};

    if (!ddp_lua_test_number(L, index, &operand.number)) {
        DdpTensor **slot = test_slot(L, index);

        luaL_argexpected(L, slot != NULL, index, "tensor or number");
        luaL_argcheck(L, *slot != NULL, index, "this tensor was closed");
        operand.tensor = *slot;
    }
    return operand;
}

int
ddp_lua_opt_dim(lua_State *L, int index, int fallback)
{
    if (lua_isnoneornil(L, index))
        return fallback;

    lua_Integer dim = luaL_checkinteger(L, index);

    /* What is out of every range stays so, and keeps clear of DDP_DIM_ALL. */
    return (int)CLAMP(dim, -1000000, 1000000);
}

void
ddp_lua_push_dtype(lua_State *L, DdpDtype dtype)
{
    lua_pushfstring(L, "torch.%s", ddp_dtype_name(dtype));
}

DdpDtype
ddp_lua_check_dtype(lua_State *L, int index, const char *verb)
{
    DdpDtype dtype = DDP_DTYPE_F32;
    const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : NULL;

    if (text == NULL || !g_str_has_prefix(text, "torch.") ||
        !ddp_dtype_from_name(text + strlen("torch."), &dtype))
        luaL_error(L, "%s: expected a dtype such as torch.float32, found %s", verb,
                   text != NULL ? text : luaL_typename(L, index));
    return dtype;
}

DdpDtype
ddp_lua_option_dtype(const DdpOptions *options, DdpDtype fallback)
{
    lua_State *L = options->L;

    if (ddp_options_push(options, "dtype") != LUA_TNIL)
        fallback = ddp_lua_check_dtype(L, -1, options->verb);
    lua_pop(L, 1);
    return fallback;
}

static int64_t
check_size(lua_State *L, int index, const char *verb, int place, bool wildcard)
{
    int is_integer;
    lua_Integer size = lua_tointegerx(L, index, &is_integer);

    if (!is_integer || lua_type(L, index) != LUA_TNUMBER)
        luaL_error(L, "%s: size %d is %s, expected a whole number", verb, place,
                   lua_type(L, index) == LUA_TNUMBER ? lua_tostring(L, index)
                                                     : luaL_typename(L, index));
    if (size < (wildcard ? -1 : 0))
        luaL_error(L, "%s: size %d is %I, expected %s", verb, place, (LUAI_UACINT)size,
                   wildcard ? "0 or more, or -1 for what fits" : "0 or more");
    return size;
}

static void
add_size(lua_State *L, DdpLuaShape *shape, int index, const char *verb, bool wildcard)
{
    if (shape->ndim == DDP_TENSOR_DIMS_MAX)
        luaL_error(L, "%s: more than %d sizes, a tensor has at most as many dimensions", verb,
                   DDP_TENSOR_DIMS_MAX);

    int64_t size = check_size(L, index, verb, shape->ndim + 1, wildcard);

    shape->sizes[shape->ndim++] = size;
}

/* A table that has entries, but none of them a name, is a list of sizes; so is an empty one. */
static bool
is_size_list(lua_State *L, int index)
{
    if (!lua_istable(L, index))
        return false;
    if (lua_rawlen(L, index) > 0)
        return true;
    lua_pushnil(L);
    if (lua_next(L, index) == 0)
        return true;
    lua_pop(L, 2);
    return false;
}

DdpLuaShape
ddp_lua_check_shape(lua_State *L, int first, const char *verb, bool wildcard)
{
    DdpLuaShape shape = {.ndim = 0, .next = first};

    if (is_size_list(L, first)) {
        lua_Unsigned length = lua_rawlen(L, first);

        for (lua_Unsigned i = 1; i <= length; i++) {
            lua_rawgeti(L, first, (lua_Integer)i);
            add_size(L, &shape, -1, verb, wildcard);
            lua_pop(L, 1);
        }
        shape.next = first + 1;
        return shape;
    }
    for (; lua_type(L, shape.next) == LUA_TNUMBER; shape.next++)
        add_size(L, &shape, shape.next, verb, wildcard);
    return shape;
}

DdpTensor **
ddp_lua_push_tensor_list(lua_State *L, int index, const char *verb, size_t *count)
{
    if (!lua_istable(L, index))
        luaL_error(L, "%s: expected a list of tensors, found a %s", verb, luaL_typename(L, index));
    *count = (size_t)lua_rawlen(L, index);
    ddp_script_charge(L, *count);

    DdpTensor **list = lua_newuserdatauv(L, *count * sizeof *list + 1, 0);

    for (size_t i = 0; i < *count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        list[i] = ddp_lua_test_tensor(L, -1);
        if (list[i] == NULL)
            luaL_error(L, "%s: item %d of the list is a %s, expected a tensor", verb, (int)i + 1,
                       luaL_typename(L, -1));
        lua_pop(L, 1); /* the list keeps it alive */
    }
    return list;
}

/* ---- operators ----------------------------------------------------------------------- */

static int
binary(lua_State *L, DdpBinaryOp op)
{
    DdpOperand a = ddp_lua_check_operand(L, 1);
    DdpOperand b = ddp_lua_check_operand(L, 2);

    DDP_LUA_RETURN_TENSOR(L, ddp_binary(op, a, b, &error));
}

static int
l_add(lua_State *L)
{
    return binary(L, DDP_BINARY_ADD);
}

static int
l_sub(lua_State *L)
{
    return binary(L, DDP_BINARY_SUB);
}

static int
l_mul(lua_State *L)
{
    return binary(L, DDP_BINARY_MUL);
}

static int
l_div(lua_State *L)
{
    return binary(L, DDP_BINARY_DIV);
}

static int
l_pow(lua_State *L)
{
    return binary(L, DDP_BINARY_POW);
}

static int
l_idiv(lua_State *L)
{
    return binary(L, DDP_BINARY_FLOOR_DIV);
}

static int
l_mod(lua_State *L)
{
    return binary(L, DDP_BINARY_REMAINDER);
}

static int
l_unm(lua_State *L)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1);

    DDP_LUA_RETURN_TENSOR(L, ddp_unary(DDP_UNARY_NEG, tensor, &error));
}

static int
l_len(lua_State *L)
{
    const DdpTensor *tensor = ddp_lua_check_tensor(L, 1);

    if (ddp_tensor_ndim(tensor) == 0)
        return luaL_error(L, "len() of a 0-d tensor");
    lua_pushinteger(L, ddp_tensor_shape(tensor)[0]);
    return 1;
}

/* Two values are equal if they are the same tensor; for elements there is t:eq(). */
static int
l_eq(lua_State *L)
{
    const DdpTensor *a = ddp_lua_test_tensor(L, 1);

    lua_pushboolean(L, a != NULL && a == ddp_lua_test_tensor(L, 2));
    return 1;
}

/* Lua turns the answer of < into a boolean, so both sides must be single numbers, as in `if`. */
static double
single_number(lua_State *L, int index)
{
    DdpOperand operand = ddp_lua_check_operand(L, index);

    if (operand.tensor == NULL)
        return operand.number.f;
    if (ddp_tensor_numel(operand.tensor) != 1)
        luaL_error(L,
                   "Boolean value of Tensor with more than one value is ambiguous; t:lt(), t:le(), "
                   "t:gt() and t:ge() compare element by element");
    return ddp_tensor_item_f64(operand.tensor, 0);
}

static int
l_lt(lua_State *L)
{
    lua_pushboolean(L, single_number(L, 1) < single_number(L, 2));
    return 1;
}

static int
l_le(lua_State *L)
{
    lua_pushboolean(L, single_number(L, 1) <= single_number(L, 2));
    return 1;
}

/* ---- fields -------------------------------------------------------------------------- */

/* torch.Size([2, 3]); upvalues: none. Made of the list itself, which a scenario may have changed.
 */
static int
l_shape_text(lua_State *L)
{
    luaL_Buffer text;
    lua_Unsigned length = lua_rawlen(L, 1);

    luaL_buffinit(L, &text);
    luaL_addstring(&text, "torch.Size([");
    for (lua_Unsigned i = 1; i <= length; i++) {
        if (i > 1)
            luaL_addstring(&text, ", ");
        lua_rawgeti(L, 1, (lua_Integer)i);
        luaL_tolstring(L, -1, NULL);
        lua_remove(L, -2);
        luaL_addvalue(&text);
    }
    luaL_addstring(&text, "])");
    luaL_pushresult(&text);
    return 1;
}

static const char shape_metatable_key = 's'; /* in the registry: the metatable of shapes */

static int
push_shape(lua_State *L, DdpTensor *tensor)
{
    int ndim = ddp_tensor_ndim(tensor);

    lua_createtable(L, ndim, 0);
    for (int i = 0; i < ndim; i++) {
        lua_pushinteger(L, ddp_tensor_shape(tensor)[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &shape_metatable_key);
    lua_setmetatable(L, -2);
    return 1;
}

static int
push_dtype(lua_State *L, DdpTensor *tensor)
{
    ddp_lua_push_dtype(L, ddp_tensor_dtype(tensor));
    return 1;
}

static int
push_ndim(lua_State *L, DdpTensor *tensor)
{
    lua_pushinteger(L, ddp_tensor_ndim(tensor));
    return 1;
}

static int
push_grad(lua_State *L, DdpTensor *tensor)
{
    DdpTensor *grad = ddp_tensor_grad(tensor);

    if (grad == NULL) {
        lua_pushnil(L);
        return 1;
    }

    DdpTensor **slot = ddp_lua_tensor_slot(L);

    *slot = ddp_tensor_ref(grad);
    return 1;
}

static int
push_requires_grad(lua_State *L, DdpTensor *tensor)
{
    lua_pushboolean(L, ddp_tensor_requires_grad(tensor));
    return 1;
}

static int
push_is_leaf(lua_State *L, DdpTensor *tensor)
{
    lua_pushboolean(L, ddp_tensor_is_leaf(tensor));
    return 1;
}

static int
push_grad_fn(lua_State *L, DdpTensor *tensor)
{
    const char *name = ddp_tensor_grad_fn_name(tensor);

    if (name == NULL)
        lua_pushnil(L);
    else
        lua_pushfstring(L, "<%s0>", name);
    return 1;
}

static int
push_transposed(lua_State *L, DdpTensor *tensor)
{
    DDP_LUA_RETURN_TENSOR(L, ddp_t(tensor, &error));
}

static int
push_data(lua_State *L, DdpTensor *tensor)
{
    DDP_LUA_RETURN_TENSOR(L, ddp_tensor_detach(tensor, &error));
}

static int
push_version(lua_State *L, DdpTensor *tensor)
{
    lua_pushinteger(L, (lua_Integer)ddp_tensor_version(tensor));
    return 1;
}

static const struct {
    const char *name;
    int (*push)(lua_State *L, DdpTensor *tensor);
} fields[] = {
    {"shape", push_shape},     {"dtype", push_dtype},
    {"grad", push_grad},       {"requires_grad", push_requires_grad},
    {"ndim", push_ndim},       {"is_leaf", push_is_leaf},
    {"grad_fn", push_grad_fn}, {"T", push_transposed},
    {"data", push_data},       {"_version", push_version},
};

static const char *const field_names[] = {"shape",   "dtype",   "grad", "requires_grad", "ndim",
                                          "is_leaf", "grad_fn", "T",    "data",          NULL};

/* A part of the tensor: an index from 0 along the first dimension, or a tensor of indices. */
static int
push_part(lua_State *L, DdpTensor *tensor)
{
    DdpTensor *index = ddp_lua_test_tensor(L, 2);

    if (index != NULL)
        DDP_LUA_RETURN_TENSOR(L, ddp_index_select(tensor, 0, index, &error));

    int is_integer;
    lua_Integer place = lua_tointegerx(L, 2, &is_integer);

    if (!is_integer)
        return luaL_error(L,
                          "a tensor is indexed with a whole number or a tensor of them, found %s",
                          luaL_tolstring(L, 2, NULL));
    DDP_LUA_RETURN_TENSOR(L, ddp_select(tensor, 0, place, &error));
}

/* Upvalue 1: the table of methods. */
static int
l_index(lua_State *L)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1);

    if (lua_type(L, 2) != LUA_TSTRING)
        return push_part(L, tensor);

    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;

    const char *name = lua_tostring(L, 2);

    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].push(L, tensor);
    }

    const char *nearest = ddp_args_nearest(name, field_names);

    if (nearest == NULL)
        nearest = ddp_lua_tensor_nearest_method(name);
    if (nearest != NULL)
        return luaL_error(L, "a tensor has no '%s', did you mean '%s'?", name, nearest);
    return luaL_error(L, "a tensor has no '%s'", name);
}

static void
set_grad(lua_State *L, DdpTensor *tensor)
{
    DdpTensor *grad = lua_isnil(L, 3) ? NULL : ddp_lua_check_tensor(L, 3);
    GError *error = NULL;

    if (!ddp_tensor_set_grad(tensor, grad, &error))
        ddp_args_raise(L, error);
}

static void
set_requires_grad(lua_State *L, DdpTensor *tensor)
{
    GError *error = NULL;

    luaL_checktype(L, 3, LUA_TBOOLEAN);
    if (!ddp_tensor_set_requires_grad(tensor, lua_toboolean(L, 3) != 0, &error))
        ddp_args_raise(L, error);
}

/* t[i] = number or tensor */
static void
set_part(lua_State *L, DdpTensor *tensor)
{
    DdpOperand value = ddp_lua_check_operand(L, 3);
    DdpTensor **slot = ddp_lua_tensor_slot(L);
    lua_Integer place = luaL_checkinteger(L, 2);
    GError *error = NULL;

    *slot = ddp_select(tensor, 0, place, &error);
    if (*slot == NULL)
        ddp_args_raise(L, error);

    bool ok = value.tensor != NULL ? ddp_copy_(*slot, value.tensor, &error)
                                   : ddp_fill_(*slot, value.number, &error);

    if (!ok)
        ddp_args_raise(L, error);
}

static int
l_newindex(lua_State *L)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1);
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;

    if (name == NULL)
        set_part(L, tensor);
    else if (strcmp(name, "grad") == 0)
        set_grad(L, tensor);
    else if (strcmp(name, "requires_grad") == 0)
        set_requires_grad(L, tensor);
    else
        return luaL_error(L,
                          "the field '%s' of a tensor cannot be set; 'grad' and "
                          "'requires_grad' can, and t[i]",
                          name);
    return 0;
}

/* ---- opening ------------------------------------------------------------------------- */

static const luaL_Reg metamethods[] = {
    {"__gc", l_release},
    {"__close", l_release},
    {"__add", l_add},
    {"__sub", l_sub},
    {"__mul", l_mul},
    {"__div", l_div},
    {"__pow", l_pow},
    {"__idiv", l_idiv},
    {"__mod", l_mod},
    {"__unm", l_unm},
    {"__len", l_len},
    {"__eq", l_eq},
    {"__lt", l_lt},
    {"__le", l_le},
    {"__tostring", ddp_lua_tensor_text},
    {"__newindex", l_newindex},
    {NULL, NULL},
};

void
ddp_lua_open_tensor(lua_State *L)
{
    luaL_newmetatable(L, DDP_LUA_TENSOR);
    luaL_setfuncs(L, metamethods, 0);
    ddp_lua_push_tensor_methods(L);
    lua_pushcclosure(L, l_index, 1);
    lua_setfield(L, -2, "__index");
    /* What getmetatable shows: a scenario that could call __gc would pull the ground away. */
    lua_pushliteral(L, DDP_LUA_TENSOR);
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_key);

    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, l_shape_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "torch.Size");
    lua_setfield(L, -2, "__name");
    lua_pushliteral(L, "torch.Size");
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &shape_metatable_key);
}
