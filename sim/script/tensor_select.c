/* SPDX-License-Identifier: MIT */
/*
 * Methods of tensors that choose elements or turn dimensions around: masked_fill, where, tril,
 * permute, unflatten, chunk, ...
 */
#include "model/ops_mask.h"
#include "sim/script/args.h"
#include "sim/script/script_rank.h"
#include "sim/script/tensor.h"

/* ---- by a condition ------------------------------------------------------------------ */

/* torch.where(condition, a, b) */
int
ddp_lua_tensor_where(lua_State *L)
{
    DdpTensor *condition = ddp_lua_check_tensor(L, 1);
    DdpOperand a = ddp_lua_check_operand(L, 2);
    DdpOperand b = ddp_lua_check_operand(L, 3);

    DDP_LUA_RETURN_TENSOR(L, ddp_where(condition, a, b, &error));
}

/* t:where(condition, other): t where the condition holds */
static int
l_where(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpTensor *condition = ddp_lua_check_tensor(L, 2);
    DdpOperand other = ddp_lua_check_operand(L, 3);

    DDP_LUA_RETURN_TENSOR(L, ddp_where(condition, ddp_operand_tensor(x), other, &error));
}

/* A number, or a tensor of one element. */
static DdpNumber
check_value(lua_State *L, int index, const char *verb)
{
    DdpOperand operand = ddp_lua_check_operand(L, index);

    if (operand.tensor == NULL)
        return operand.number;
    if (ddp_tensor_ndim(operand.tensor) != 0)
        luaL_error(L,
                   "%s only supports a 0-dimensional value tensor, but got tensor with %d "
                   "dimension(s).",
                   verb, ddp_tensor_ndim(operand.tensor));
    if (ddp_dtype_is_float(ddp_tensor_dtype(operand.tensor)))
        return ddp_number_float(ddp_tensor_item_f64(operand.tensor, 0));
    return ddp_number_int(ddp_tensor_item_i64(operand.tensor, 0));
}

/* masked_fill(mask, value) */
static int
l_masked_fill(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpTensor *mask = ddp_lua_check_tensor(L, 2);
    DdpNumber value = check_value(L, 3, "masked_fill");

    DDP_LUA_RETURN_TENSOR(L, ddp_masked_fill(x, mask, value, &error));
}

/* masked_fill_(mask, value): in place */
static int
l_masked_fill_(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpTensor *mask = ddp_lua_check_tensor(L, 2);
    DdpNumber value = check_value(L, 3, "masked_fill_");
    DdpTensor **slot = ddp_lua_tensor_slot(L);
    GError *error = NULL;

    *slot = ddp_masked_fill(x, mask, value, &error);
    if (*slot == NULL || !ddp_copy_(x, *slot, &error))
        return ddp_args_raise(L, error);
    lua_settop(L, 1);
    return 1;
}

/* ---- triangles ----------------------------------------------------------------------- */

/* tril(diagonal) */
static int
l_tril(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int diagonal = ddp_lua_opt_dim(L, 2, 0);

    DDP_LUA_RETURN_TENSOR(L, ddp_tril(x, diagonal, &error));
}

/* triu(diagonal) */
static int
l_triu(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int diagonal = ddp_lua_opt_dim(L, 2, 0);

    DDP_LUA_RETURN_TENSOR(L, ddp_triu(x, diagonal, &error));
}

/* ---- dimensions ---------------------------------------------------------------------- */

/* permute(0, 2, 1) or permute({0, 2, 1}) */
static int
l_permute(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int dims[DDP_TENSOR_DIMS_MAX];
    bool is_list = lua_istable(L, 2);
    lua_Integer count = is_list ? (lua_Integer)lua_rawlen(L, 2) : lua_gettop(L) - 1;

    if (count > DDP_TENSOR_DIMS_MAX)
        return luaL_error(L, "permute: a tensor has at most %d dimensions", DDP_TENSOR_DIMS_MAX);
    for (int i = 0; i < (int)count; i++) {
        if (is_list)
            lua_rawgeti(L, 2, i + 1);
        else
            lua_pushvalue(L, i + 2);
        luaL_checkinteger(L, -1);
        dims[i] = ddp_lua_opt_dim(L, -1, 0);
        lua_pop(L, 1);
    }
    DDP_LUA_RETURN_TENSOR(L, ddp_permute(x, (int)count, dims, &error));
}

/* Which dimension, as a number that counts from the front. */
static int
check_dim(lua_State *L, int index, const DdpTensor *x, int fallback)
{
    int ndim = ddp_tensor_ndim(x);
    int dim = ddp_lua_opt_dim(L, index, fallback);

    if (dim < -ndim || dim >= ndim)
        luaL_error(L, "Dimension out of range (expected to be in range of [%d, %d], but got %d)",
                   -MAX(ndim, 1), MAX(ndim, 1) - 1, dim);
    return dim < 0 ? dim + ndim : dim;
}

/* The sizes that one dimension becomes, with a -1 among them filled in. */
static DdpLuaShape
check_parts(lua_State *L, int64_t whole)
{
    DdpLuaShape parts = ddp_lua_check_shape(L, 3, "unflatten", true);
    int64_t product = 1;
    int unknown = -1;

    if (parts.ndim == 0)
        luaL_error(L, "unflatten: sizes must be non-empty");
    for (int i = 0; i < parts.ndim; i++) {
        if (parts.sizes[i] == -1 && unknown >= 0)
            luaL_error(L, "only one dimension can be inferred");
        if (parts.sizes[i] == -1)
            unknown = i;
        else if (__builtin_mul_overflow(product, parts.sizes[i], &product))
            luaL_error(L, "unflatten: the sizes are too large");
    }
    if (unknown >= 0 && product > 0 && whole % product == 0) {
        parts.sizes[unknown] = whole / product;
        product = whole;
    }
    if (product != whole || (unknown >= 0 && parts.sizes[unknown] == -1))
        luaL_error(L,
                   "unflatten: Provided sizes don't multiply up to the size of dim (%I) in the "
                   "input tensor",
                   (LUAI_UACINT)whole);
    return parts;
}

/* unflatten(dim, {sizes}) */
static int
l_unflatten(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int dim = check_dim(L, 2, x, 0);
    DdpLuaShape parts = check_parts(L, ddp_tensor_shape(x)[dim]);
    int64_t shape[2 * DDP_TENSOR_DIMS_MAX];
    int ndim = 0;

    for (int i = 0; i < ddp_tensor_ndim(x); i++) {
        if (i != dim)
            shape[ndim++] = ddp_tensor_shape(x)[i];
        for (int p = 0; i == dim && p < parts.ndim; p++)
            shape[ndim++] = parts.sizes[p];
    }
    DDP_LUA_RETURN_TENSOR(L, ddp_reshape(x, ndim, shape, &error));
}

/* Pushes the list of parts of @size along @dim; the last one may be smaller. */
static int
push_parts(lua_State *L, DdpTensor *x, int dim, int64_t size)
{
    int64_t whole = ddp_tensor_shape(x)[dim];

    lua_newtable(L);
    for (int64_t start = 0, i = 1; start < whole || i == 1; start += size, i++) {
        DdpTensor **slot = ddp_lua_tensor_slot(L);
        GError *error = NULL;

        *slot = ddp_narrow(x, dim, start, MIN(size, whole - start), &error);
        if (*slot == NULL && ddp_lua_out_of_memory(L, &error))
            *slot = ddp_narrow(x, dim, start, MIN(size, whole - start), &error);
        if (*slot == NULL)
            return ddp_args_raise(L, error);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

/* chunk(chunks, dim): a list of at most so many parts of equal size */
static int
l_chunk(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    lua_Integer chunks = luaL_checkinteger(L, 2);
    int dim = check_dim(L, 3, x, 0);

    if (chunks <= 0)
        return luaL_error(L, "chunk expects `chunks` to be greater than 0, got: %I",
                          (LUAI_UACINT)chunks);

    int64_t whole = ddp_tensor_shape(x)[dim];

    return push_parts(L, x, dim, MAX(whole / chunks + (whole % chunks != 0 ? 1 : 0), 1));
}

/* split(size, dim): a list of parts of that size */
static int
l_split(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    lua_Integer size = luaL_checkinteger(L, 2);
    int dim = check_dim(L, 3, x, 0);

    if (size <= 0)
        return luaL_error(L, "split expects split_size to be positive, got: %I", (LUAI_UACINT)size);
    return push_parts(L, x, dim, size);
}

static const luaL_Reg methods[] = {
    {"chunk", l_chunk},
    {"masked_fill", l_masked_fill},
    {"masked_fill_", l_masked_fill_},
    {"permute", l_permute},
    {"split", l_split},
    {"tril", l_tril},
    {"triu", l_triu},
    {"unflatten", l_unflatten},
    {"where", l_where},
    {NULL, NULL},
};

const luaL_Reg *
ddp_lua_tensor_select_methods(void)
{
    return methods;
}
