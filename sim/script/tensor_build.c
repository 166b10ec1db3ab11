/* SPDX-License-Identifier: MIT */
/*
 * torch.tensor(data, options): a tensor of nested Lua lists; and t:tolist(), the way back.
 *
 * The dtype follows from the numbers as in torch: one float makes all float32, else integers make
 * int64, and booleans alone bool.
 */
#include <string.h>

#include "model/autograd.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

#define ELEMENTS_PER_CHARGE 1024

/* What a first walk over the data has found out. */
typedef struct {
    lua_State *L;
    int ndim;
    int64_t shape[DDP_TENSOR_DIMS_MAX];
    bool has_bool, has_int, has_float;
    uint64_t elements;
    uint64_t charged;
} Survey;

/* A tensor of a single number may stand for the number. */
static DdpTensor *
test_single(lua_State *L, int index)
{
    DdpTensor *tensor = ddp_lua_test_tensor(L, index);

    return tensor != NULL && ddp_tensor_numel(tensor) == 1 ? tensor : NULL;
}

/* The shape is that of the first list of every depth. */
static void
survey_shape(Survey *s, int index)
{
    lua_State *L = s->L;
    int top = lua_gettop(L);

    lua_pushvalue(L, index);
    while (lua_istable(L, -1)) {
        if (s->ndim == DDP_TENSOR_DIMS_MAX)
            luaL_error(L, "tensor: lists are nested more than %d deep", DDP_TENSOR_DIMS_MAX);
        s->shape[s->ndim] = (int64_t)lua_rawlen(L, -1);
        if (s->shape[s->ndim++] == 0)
            break;
        luaL_checkstack(L, 2, NULL);
        lua_rawgeti(L, -1, 1);
    }
    lua_settop(L, top);
}

static void
note_kind(Survey *s, DdpNumberKind kind)
{
    s->has_bool = s->has_bool || kind == DDP_NUMBER_BOOL;
    s->has_int = s->has_int || kind == DDP_NUMBER_INT;
    s->has_float = s->has_float || kind == DDP_NUMBER_FLOAT;
}

static void
note_element(Survey *s)
{
    lua_State *L = s->L;
    DdpTensor *tensor;
    DdpNumber number;

    if (ddp_lua_test_number(L, -1, &number)) {
        note_kind(s, number.kind);
    } else if ((tensor = test_single(L, -1)) != NULL) {
        DdpDtype dtype = ddp_tensor_dtype(tensor);

        note_kind(s, ddp_dtype_is_float(dtype) ? DDP_NUMBER_FLOAT
                     : dtype == DDP_DTYPE_BOOL ? DDP_NUMBER_BOOL
                                               : DDP_NUMBER_INT);
    } else {
        luaL_error(L, "tensor: element %I is a %s, expected a number or a boolean",
                   (LUAI_UACINT)s->elements + 1, luaL_typename(L, -1));
    }
    if (++s->elements % ELEMENTS_PER_CHARGE == 0)
        ddp_script_charge(L, ELEMENTS_PER_CHARGE / 4);
}

/* The value on top of the stack stands at depth @dim. */
static void
survey_values(Survey *s, int dim)
{
    lua_State *L = s->L;

    if (dim == s->ndim) {
        note_element(s);
        return;
    }
    if (!lua_istable(L, -1))
        luaL_error(L, "tensor: expected a list of length %I at dim %d (found a %s)",
                   (LUAI_UACINT)s->shape[dim], dim, luaL_typename(L, -1));
    if ((int64_t)lua_rawlen(L, -1) != s->shape[dim])
        luaL_error(L, "expected sequence of length %I at dim %d (got %I)",
                   (LUAI_UACINT)s->shape[dim], dim, (LUAI_UACINT)lua_rawlen(L, -1));
    luaL_checkstack(L, 3, NULL);
    for (int64_t i = 1; i <= s->shape[dim]; i++) {
        lua_rawgeti(L, -1, i);
        survey_values(s, dim + 1);
        lua_pop(L, 1);
    }
}

/* A name among the keys is a slip: options do not belong into the data. */
static void
refuse_names(lua_State *L, int index)
{
    if (!lua_istable(L, index) || lua_rawlen(L, index) > 0)
        return;
    lua_pushnil(L);
    if (lua_next(L, index) != 0)
        luaL_error(L,
                   "tensor: the data is a table with a %s as key, expected a list; options go "
                   "into a second table, as in tensor({1, 2}, {dtype = torch.float64})",
                   luaL_typename(L, -2));
}

/* Writes the value on top of the stack, at depth @dim, from element *@next on. */
static void
fill_values(Survey *s, DdpTensor *tensor, int dim, size_t *next)
{
    lua_State *L = s->L;
    DdpNumber number;

    if (dim < s->ndim) {
        for (int64_t i = 1; i <= s->shape[dim]; i++) {
            lua_rawgeti(L, -1, i);
            fill_values(s, tensor, dim + 1, next);
            lua_pop(L, 1);
        }
        return;
    }
    if (!ddp_lua_test_number(L, -1, &number)) {
        DdpTensor *single = test_single(L, -1);

        if (ddp_tensor_dtype(single) == DDP_DTYPE_I64)
            number = ddp_number_int(ddp_tensor_item_i64(single, 0));
        else
            number = ddp_number_float(ddp_tensor_item_f64(single, 0));
    }
    if (number.kind == DDP_NUMBER_FLOAT)
        ddp_tensor_set_f64(tensor, *next, number.f);
    else
        ddp_tensor_set_i64(tensor, *next, number.i);
    ++*next;
}

static DdpDtype
infer_dtype(const Survey *s)
{
    if (s->has_float)
        return DDP_DTYPE_F32;
    if (s->has_int)
        return DDP_DTYPE_I64;
    return s->has_bool ? DDP_DTYPE_BOOL : DDP_DTYPE_F32;
}

/* Pushes a copy of the tensor at 1, outside of the graph. */
static DdpTensor **
copy_tensor(lua_State *L, DdpTensor *source, const DdpOptions *options)
{
    DdpDtype dtype = ddp_lua_option_dtype(options, ddp_tensor_dtype(source));
    DdpTensor **alias = ddp_lua_tensor_slot(L);
    DdpTensor **slot = ddp_lua_tensor_slot(L);
    GError *error = NULL;

    *alias = ddp_tensor_detach(source, &error);
    if (*alias != NULL)
        *slot = ddp_tensor_dtype(source) == dtype ? ddp_clone(*alias, &error)
                                                  : ddp_to(*alias, dtype, &error);
    if (*slot == NULL)
        ddp_args_raise(L, error);
    return slot;
}

static DdpTensor **
build_tensor(lua_State *L, const DdpOptions *options)
{
    Survey s = {.L = L};
    GError *error = NULL;
    size_t next = 0;

    refuse_names(L, 1);
    survey_shape(&s, 1);
    lua_pushvalue(L, 1);
    survey_values(&s, 0);
    lua_pop(L, 1);

    DdpDtype dtype = ddp_lua_option_dtype(options, infer_dtype(&s));
    DdpModelContext *model = ddp_script_rank(L)->model;
    DdpTensor **slot = ddp_lua_tensor_slot(L);

    *slot = ddp_tensor_new(model, dtype, s.ndim, s.shape, &error);
    if (*slot == NULL && ddp_lua_out_of_memory(L, &error))
        *slot = ddp_tensor_new(model, dtype, s.ndim, s.shape, &error);
    if (*slot == NULL)
        ddp_args_raise(L, error);
    lua_pushvalue(L, 1);
    fill_values(&s, *slot, 0, &next);
    lua_pop(L, 1);
    return slot;
}

int
ddp_lua_tensor_build(lua_State *L)
{
    static const char *const names[] = {"dtype", "requires_grad", NULL};

    luaL_checkany(L, 1);
    lua_settop(L, 2);

    DdpOptions options = ddp_options_open(L, 2, "tensor", names);
    bool requires_grad = ddp_options_boolean(&options, "requires_grad", false);
    DdpTensor *source = ddp_lua_test_tensor(L, 1);
    DdpTensor **slot =
        source != NULL ? copy_tensor(L, source, &options) : build_tensor(L, &options);
    GError *error = NULL;

    if (requires_grad && !ddp_tensor_set_requires_grad(*slot, true, &error))
        return ddp_args_raise(L, error);
    return 1;
}

/* ---- and back ------------------------------------------------------------------------ */

static void
push_element(lua_State *L, DdpTensor *tensor, size_t index)
{
    DdpDtype dtype = ddp_tensor_dtype(tensor);

    if (ddp_dtype_is_float(dtype))
        lua_pushnumber(L, ddp_tensor_item_f64(tensor, index));
    else if (dtype == DDP_DTYPE_BOOL)
        lua_pushboolean(L, ddp_tensor_item_i64(tensor, index) != 0);
    else
        lua_pushinteger(L, ddp_tensor_item_i64(tensor, index));
}

/* The result of item(): the one number of a tensor. */
static int
push_lists(lua_State *L, DdpTensor *tensor, int dim, size_t *next)
{
    if (dim == ddp_tensor_ndim(tensor)) {
        push_element(L, tensor, (*next)++);
        return 1;
    }

    int64_t size = ddp_tensor_shape(tensor)[dim];

    luaL_checkstack(L, 3, NULL);
    lua_createtable(L, (int)MIN(size, INT32_MAX), 0);
    for (int64_t i = 1; i <= size; i++) {
        push_lists(L, tensor, dim + 1, next);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

int
ddp_lua_tensor_tolist(lua_State *L)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1);
    size_t next = 0;

    ddp_script_charge(L, ddp_tensor_numel(tensor) / 4);
    return push_lists(L, tensor, 0, &next);
}
