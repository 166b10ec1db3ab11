/* SPDX-License-Identifier: MIT */
/* The methods of tensors: t:sum(), t:reshape(2, 3), ... Dimensions and indices count from 0. */
#include "model/autograd.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

/* For what looks at elements without an operation of the model, which would be charged. */
static void
charge_look(lua_State *L, const DdpTensor *x)
{
    ddp_script_charge(L, ddp_tensor_numel(x) / 4);
}

/* Ends a verb that works in place with the tensor that it was called on. */
static int
return_self(lua_State *L, bool ok, GError *error)
{
    if (!ok)
        return ddp_args_raise(L, error);
    lua_settop(L, 1);
    return 1;
}

/* ---- elementwise --------------------------------------------------------------------- */

#define UNARY(name, op)                                                                            \
    static int l_##name(lua_State *L)                                                              \
    {                                                                                              \
        DdpTensor *x = ddp_lua_check_tensor(L, 1);                                                 \
                                                                                                   \
        DDP_LUA_RETURN_TENSOR(L, ddp_unary(op, x, &error));                                        \
    }

UNARY(neg, DDP_UNARY_NEG)
UNARY(abs, DDP_UNARY_ABS)
UNARY(relu, DDP_UNARY_RELU)
UNARY(sqrt, DDP_UNARY_SQRT)
UNARY(exp, DDP_UNARY_EXP)
UNARY(log, DDP_UNARY_LOG)
UNARY(tanh, DDP_UNARY_TANH)
UNARY(sigmoid, DDP_UNARY_SIGMOID)

#define BINARY(name, op)                                                                           \
    static int l_##name(lua_State *L)                                                              \
    {                                                                                              \
        DdpOperand a = ddp_operand_tensor(ddp_lua_check_tensor(L, 1));                             \
        DdpOperand b = ddp_lua_check_operand(L, 2);                                                \
                                                                                                   \
        DDP_LUA_RETURN_TENSOR(L, ddp_binary(op, a, b, &error));                                    \
    }

BINARY(mul, DDP_BINARY_MUL)
BINARY(div, DDP_BINARY_DIV)
BINARY(pow, DDP_BINARY_POW)
BINARY(floor_divide, DDP_BINARY_FLOOR_DIV)
BINARY(remainder, DDP_BINARY_REMAINDER)
BINARY(maximum, DDP_BINARY_MAXIMUM)
BINARY(minimum, DDP_BINARY_MINIMUM)
BINARY(eq, DDP_BINARY_EQ)
BINARY(ne, DDP_BINARY_NE)
BINARY(lt, DDP_BINARY_LT)
BINARY(le, DDP_BINARY_LE)
BINARY(gt, DDP_BINARY_GT)
BINARY(ge, DDP_BINARY_GE)

#define BINARY_IN_PLACE(name, op)                                                                  \
    static int l_##name(lua_State *L)                                                              \
    {                                                                                              \
        DdpTensor *target = ddp_lua_check_tensor(L, 1);                                            \
        DdpOperand b = ddp_lua_check_operand(L, 2);                                                \
        GError *error = NULL;                                                                      \
        bool ok = ddp_binary_(op, target, b, &error);                                              \
                                                                                                   \
        return return_self(L, ok, error);                                                          \
    }

BINARY_IN_PLACE(mul_, DDP_BINARY_MUL)
BINARY_IN_PLACE(div_, DDP_BINARY_DIV)
BINARY_IN_PLACE(pow_, DDP_BINARY_POW)

/* The factor of the second operand: add(t, 0.1) or add(t, {alpha = 0.1}). */
static DdpNumber
check_alpha(lua_State *L, int index, const char *verb)
{
    static const char *const names[] = {"alpha", NULL};
    DdpNumber alpha = ddp_number_int(1);

    if (lua_isnoneornil(L, index) || ddp_lua_test_number(L, index, &alpha))
        return alpha;

    DdpOptions options = ddp_options_open(L, index, verb, names);

    if (ddp_options_push(&options, "alpha") != LUA_TNIL && !ddp_lua_test_number(L, -1, &alpha))
        luaL_error(L, "%s: option 'alpha' is a %s, expected a number", verb, luaL_typename(L, -1));
    lua_pop(L, 1);
    return alpha;
}

static DdpNumber
negated(DdpNumber number)
{
    number.i = (int64_t)(0 - (uint64_t)number.i);
    number.f = -number.f;
    return number;
}

static DdpNumber
product(DdpNumber a, DdpNumber b)
{
    if (a.kind == DDP_NUMBER_FLOAT || b.kind == DDP_NUMBER_FLOAT)
        return ddp_number_float(a.f * b.f);
    return ddp_number_int((int64_t)((uint64_t)a.i * (uint64_t)b.i));
}

/* add_ and sub_ */
static int
add_in_place(lua_State *L, const char *verb, bool subtract)
{
    DdpTensor *target = ddp_lua_check_tensor(L, 1);
    DdpOperand b = ddp_lua_check_operand(L, 2);
    bool scaled = !lua_isnoneornil(L, 3);
    DdpNumber alpha = check_alpha(L, 3, verb);
    GError *error = NULL;
    bool ok;

    if (scaled && b.tensor == NULL) {
        b.number = product(b.number, alpha);
        scaled = false;
    }
    if (scaled)
        ok = ddp_add_scaled_(target, b.tensor, subtract ? negated(alpha) : alpha, &error);
    else
        ok = ddp_binary_(subtract ? DDP_BINARY_SUB : DDP_BINARY_ADD, target, b, &error);
    return return_self(L, ok, error);
}

static int
l_add_(lua_State *L)
{
    return add_in_place(L, "add_", false);
}

static int
l_sub_(lua_State *L)
{
    return add_in_place(L, "sub_", true);
}

/* add and sub */
static int
add(lua_State *L, const char *verb, DdpBinaryOp op)
{
    DdpOperand a = ddp_operand_tensor(ddp_lua_check_tensor(L, 1));
    DdpOperand b = ddp_lua_check_operand(L, 2);

    if (!lua_isnoneornil(L, 3)) {
        DdpNumber alpha = check_alpha(L, 3, verb);

        if (b.tensor == NULL) {
            b.number = product(b.number, alpha);
        } else {
            DdpTensor **scaled = ddp_lua_tensor_slot(L);
            GError *error = NULL;

            *scaled = ddp_binary(DDP_BINARY_MUL, b, ddp_operand_number(alpha), &error);
            if (*scaled == NULL)
                return ddp_args_raise(L, error);
            b.tensor = *scaled;
        }
    }
    DDP_LUA_RETURN_TENSOR(L, ddp_binary(op, a, b, &error));
}

static int
l_add(lua_State *L)
{
    return add(L, "add", DDP_BINARY_ADD);
}

static int
l_sub(lua_State *L)
{
    return add(L, "sub", DDP_BINARY_SUB);
}

static int
l_fill_(lua_State *L)
{
    DdpTensor *target = ddp_lua_check_tensor(L, 1);
    DdpNumber value;
    GError *error = NULL;

    luaL_argexpected(L, ddp_lua_test_number(L, 2, &value), 2, "number");

    bool ok = ddp_fill_(target, value, &error);

    return return_self(L, ok, error);
}

static int
l_zero_(lua_State *L)
{
    GError *error = NULL;
    bool ok = ddp_fill_(ddp_lua_check_tensor(L, 1), ddp_number_int(0), &error);

    return return_self(L, ok, error);
}

static int
l_copy_(lua_State *L)
{
    DdpTensor *target = ddp_lua_check_tensor(L, 1);
    DdpTensor *source = ddp_lua_check_tensor(L, 2);
    GError *error = NULL;
    bool ok = ddp_copy_(target, source, &error);

    return return_self(L, ok, error);
}

static int
l_uniform_(lua_State *L)
{
    DdpTensor *target = ddp_lua_check_tensor(L, 1);
    GError *error = NULL;
    bool ok =
        ddp_uniform_(target, NULL, luaL_optnumber(L, 2, 0.0), luaL_optnumber(L, 3, 1.0), &error);

    return return_self(L, ok, error);
}

static int
l_normal_(lua_State *L)
{
    DdpTensor *target = ddp_lua_check_tensor(L, 1);
    GError *error = NULL;
    bool ok =
        ddp_normal_(target, NULL, luaL_optnumber(L, 2, 0.0), luaL_optnumber(L, 3, 1.0), &error);

    return return_self(L, ok, error);
}

/* ---- numbers ------------------------------------------------------------------------- */

static int
l_item(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpDtype dtype = ddp_tensor_dtype(x);

    if (ddp_tensor_numel(x) != 1)
        return luaL_error(L, "a Tensor with %I elements cannot be converted to Scalar",
                          (LUAI_UACINT)ddp_tensor_numel(x));
    if (ddp_dtype_is_float(dtype))
        lua_pushnumber(L, ddp_tensor_item_f64(x, 0));
    else if (dtype == DDP_DTYPE_BOOL)
        lua_pushboolean(L, ddp_tensor_item_i64(x, 0) != 0);
    else
        lua_pushinteger(L, ddp_tensor_item_i64(x, 0));
    return 1;
}

static int
l_numel(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ddp_tensor_numel(ddp_lua_check_tensor(L, 1)));
    return 1;
}

static int
l_dim(lua_State *L)
{
    lua_pushinteger(L, ddp_tensor_ndim(ddp_lua_check_tensor(L, 1)));
    return 1;
}

static int
l_size(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int ndim = ddp_tensor_ndim(x);

    if (lua_isnoneornil(L, 2)) {
        lua_getfield(L, 1, "shape");
        return 1;
    }

    int dim = ddp_lua_opt_dim(L, 2, 0);

    if (dim < -ndim || dim >= ndim)
        return luaL_error(L,
                          "Dimension out of range (expected to be in range of [%d, %d], but got "
                          "%d)",
                          -MAX(ndim, 1), MAX(ndim, 1) - 1, dim);
    lua_pushinteger(L, ddp_tensor_shape(x)[dim < 0 ? dim + ndim : dim]);
    return 1;
}

static int
l_is_floating_point(lua_State *L)
{
    lua_pushboolean(L, ddp_dtype_is_float(ddp_tensor_dtype(ddp_lua_check_tensor(L, 1))));
    return 1;
}

/* Whether every element of two tensors of one shape is within @rtol·|b| + @atol. */
static bool
all_close(const DdpTensor *a, const DdpTensor *b, double rtol, double atol)
{
    if (ddp_tensor_ndim(a) != ddp_tensor_ndim(b))
        return false;
    for (int i = 0; i < ddp_tensor_ndim(a); i++) {
        if (ddp_tensor_shape(a)[i] != ddp_tensor_shape(b)[i])
            return false;
    }
    for (size_t i = 0; i < ddp_tensor_numel(a); i++) {
        double x = ddp_tensor_item_f64(a, i);
        double y = ddp_tensor_item_f64(b, i);
        double distance = x > y ? x - y : y - x;

        if (x != y && !(distance <= atol + rtol * (y < 0 ? -y : y)))
            return false;
    }
    return true;
}

static int
l_equal(lua_State *L)
{
    DdpTensor *a = ddp_lua_check_tensor(L, 1);
    DdpTensor *b = ddp_lua_check_tensor(L, 2);

    charge_look(L, a);
    lua_pushboolean(L, all_close(a, b, 0.0, 0.0));
    return 1;
}

/* allclose(other, {rtol = 1e-5, atol = 1e-8}) */
static int
l_allclose(lua_State *L)
{
    static const char *const names[] = {"rtol", "atol", NULL};
    DdpTensor *a = ddp_lua_check_tensor(L, 1);
    DdpTensor *b = ddp_lua_check_tensor(L, 2);
    DdpOptions options = ddp_options_open(L, 3, "allclose", names);

    charge_look(L, a);
    lua_pushboolean(L, all_close(a, b, ddp_options_number(&options, "rtol", 1e-5),
                                 ddp_options_number(&options, "atol", 1e-8)));
    return 1;
}

/* ---- reductions: sum(dim, keepdim) --------------------------------------------------- */

static int
reduce(lua_State *L, DdpFold op)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int dim = ddp_lua_opt_dim(L, 2, DDP_DIM_ALL);
    bool keepdim = lua_toboolean(L, 3) != 0;

    DDP_LUA_RETURN_TENSOR(L, ddp_reduce(op, x, dim, keepdim, &error));
}

static int
l_sum(lua_State *L)
{
    return reduce(L, DDP_FOLD_SUM);
}

static int
l_mean(lua_State *L)
{
    return reduce(L, DDP_FOLD_MEAN);
}

static int
l_argmax(lua_State *L)
{
    return reduce(L, DDP_FOLD_ARGMAX);
}

static int
l_argmin(lua_State *L)
{
    return reduce(L, DDP_FOLD_ARGMIN);
}

/* max() is one tensor; max(dim) two: the values and their places; max(other) is elementwise. */
static int
extremum(lua_State *L, DdpFold op, DdpBinaryOp elementwise)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpTensor *other = ddp_lua_test_tensor(L, 2);

    if (other != NULL)
        DDP_LUA_RETURN_TENSOR(
            L, ddp_binary(elementwise, ddp_operand_tensor(x), ddp_operand_tensor(other), &error));
    if (lua_isnoneornil(L, 2))
        return reduce(L, op);

    int dim = ddp_lua_opt_dim(L, 2, 0);
    bool keepdim = lua_toboolean(L, 3) != 0;
    DdpTensor **values = ddp_lua_tensor_slot(L);
    DdpTensor **places = ddp_lua_tensor_slot(L);
    GError *error = NULL;

    if (!ddp_reduce_with_indices(op, x, dim, keepdim, values, places, &error))
        return ddp_args_raise(L, error);
    return 2;
}

static int
l_max(lua_State *L)
{
    return extremum(L, DDP_FOLD_MAX, DDP_BINARY_MAXIMUM);
}

static int
l_min(lua_State *L)
{
    return extremum(L, DDP_FOLD_MIN, DDP_BINARY_MINIMUM);
}

static size_t
count_true(lua_State *L, const DdpTensor *x)
{
    size_t count = 0;

    charge_look(L, x);
    for (size_t i = 0; i < ddp_tensor_numel(x); i++)
        count += ddp_tensor_item_f64(x, i) != 0.0;
    return count;
}

static int
push_truth(lua_State *L, bool truth)
{
    DdpTensor **slot = ddp_lua_tensor_slot(L);
    GError *error = NULL;

    *slot = ddp_tensor_new_number(ddp_script_rank(L)->model, DDP_DTYPE_BOOL, ddp_number_bool(truth),
                                  &error);
    if (*slot == NULL)
        return ddp_args_raise(L, error);
    return 1;
}

static int
l_any(lua_State *L)
{
    return push_truth(L, count_true(L, ddp_lua_check_tensor(L, 1)) > 0);
}

static int
l_all(lua_State *L)
{
    const DdpTensor *x = ddp_lua_check_tensor(L, 1);

    return push_truth(L, count_true(L, x) == ddp_tensor_numel(x));
}

static int
l_softmax(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int dim = ddp_lua_opt_dim(L, 2, -1);

    DDP_LUA_RETURN_TENSOR(L, ddp_softmax(x, dim, &error));
}

static int
l_log_softmax(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int dim = ddp_lua_opt_dim(L, 2, -1);

    DDP_LUA_RETURN_TENSOR(L, ddp_log_softmax(x, dim, &error));
}

static int
l_matmul(lua_State *L)
{
    DdpTensor *a = ddp_lua_check_tensor(L, 1);
    DdpTensor *b = ddp_lua_check_tensor(L, 2);

    DDP_LUA_RETURN_TENSOR(L, ddp_matmul(a, b, &error));
}

/* ---- shape --------------------------------------------------------------------------- */

static int
l_reshape(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpLuaShape shape = ddp_lua_check_shape(L, 2, "reshape", true);

    DDP_LUA_RETURN_TENSOR(L, ddp_reshape(x, shape.ndim, shape.sizes, &error));
}

static int
l_expand(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpLuaShape shape = ddp_lua_check_shape(L, 2, "expand", true);

    DDP_LUA_RETURN_TENSOR(L, ddp_expand(x, shape.ndim, shape.sizes, &error));
}

static int
l_flatten(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int start = ddp_lua_opt_dim(L, 2, 0);
    int end = ddp_lua_opt_dim(L, 3, -1);

    DDP_LUA_RETURN_TENSOR(L, ddp_flatten(x, start, end, &error));
}

static int
l_unsqueeze(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int dim = ddp_lua_opt_dim(L, 2, 0);

    luaL_checkinteger(L, 2);
    DDP_LUA_RETURN_TENSOR(L, ddp_unsqueeze(x, dim, &error));
}

static int
l_squeeze(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int dim = ddp_lua_opt_dim(L, 2, DDP_DIM_ALL);

    DDP_LUA_RETURN_TENSOR(L, ddp_squeeze(x, dim, &error));
}

static int
l_t(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);

    DDP_LUA_RETURN_TENSOR(L, ddp_t(x, &error));
}

static int
l_transpose(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int a = (luaL_checkinteger(L, 2), ddp_lua_opt_dim(L, 2, 0));
    int b = (luaL_checkinteger(L, 3), ddp_lua_opt_dim(L, 3, 0));

    DDP_LUA_RETURN_TENSOR(L, ddp_transpose(x, a, b, &error));
}

/* ---- parts --------------------------------------------------------------------------- */

static int
l_select(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    lua_Integer index = luaL_checkinteger(L, 3);
    int dim = (luaL_checkinteger(L, 2), ddp_lua_opt_dim(L, 2, 0));

    DDP_LUA_RETURN_TENSOR(L, ddp_select(x, dim, index, &error));
}

static int
l_narrow(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int dim = (luaL_checkinteger(L, 2), ddp_lua_opt_dim(L, 2, 0));
    lua_Integer start = luaL_checkinteger(L, 3);
    lua_Integer length = luaL_checkinteger(L, 4);

    DDP_LUA_RETURN_TENSOR(L, ddp_narrow(x, dim, start, length, &error));
}

static int
l_index_select(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int dim = (luaL_checkinteger(L, 2), ddp_lua_opt_dim(L, 2, 0));
    DdpTensor *index = ddp_lua_check_tensor(L, 3);

    DDP_LUA_RETURN_TENSOR(L, ddp_index_select(x, dim, index, &error));
}

static int
l_gather(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    int dim = (luaL_checkinteger(L, 2), ddp_lua_opt_dim(L, 2, 0));
    DdpTensor *index = ddp_lua_check_tensor(L, 3);

    DDP_LUA_RETURN_TENSOR(L, ddp_gather(x, dim, index, &error));
}

/* ---- copies and dtypes --------------------------------------------------------------- */

static int
l_clone(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);

    DDP_LUA_RETURN_TENSOR(L, ddp_clone(x, &error));
}

static int
l_detach(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);

    DDP_LUA_RETURN_TENSOR(L, ddp_tensor_detach(x, &error));
}

/* What is already as asked for is returned as it is, the same value. */
static int
converted(lua_State *L, DdpDtype dtype)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);

    if (ddp_tensor_dtype(x) == dtype) {
        lua_settop(L, 1);
        return 1;
    }
    DDP_LUA_RETURN_TENSOR(L, ddp_to(x, dtype, &error));
}

static int
l_to(lua_State *L)
{
    ddp_lua_check_tensor(L, 1);
    return converted(L, ddp_lua_check_dtype(L, 2, "to"));
}

static int
l_type_as(lua_State *L)
{
    return converted(L, ddp_tensor_dtype(ddp_lua_check_tensor(L, 2)));
}

#define CONVERSION(name, dtype)                                                                    \
    static int l_##name(lua_State *L)                                                              \
    {                                                                                              \
        return converted(L, dtype);                                                                \
    }

CONVERSION(float, DDP_DTYPE_F32)
CONVERSION(double, DDP_DTYPE_F64)
CONVERSION(half, DDP_DTYPE_F16)
CONVERSION(bfloat16, DDP_DTYPE_BF16)
CONVERSION(long, DDP_DTYPE_I64)
CONVERSION(int, DDP_DTYPE_I32)
CONVERSION(bool, DDP_DTYPE_BOOL)

/* There is one device and one layout: cpu() and contiguous() have nothing to do. */
static int
l_same(lua_State *L)
{
    ddp_lua_check_tensor(L, 1);
    lua_settop(L, 1);
    return 1;
}

/* ---- gradients ----------------------------------------------------------------------- */

static int
l_requires_grad_(lua_State *L)
{
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    bool requires_grad = lua_isnoneornil(L, 2) || lua_toboolean(L, 2) != 0;
    GError *error = NULL;
    bool ok = ddp_tensor_set_requires_grad(x, requires_grad, &error);

    return return_self(L, ok, error);
}

/* backward(gradient, {retain_graph = false}) */
static int
l_backward(lua_State *L)
{
    static const char *const names[] = {"retain_graph", NULL};
    DdpTensor *x = ddp_lua_check_tensor(L, 1);
    DdpTensor *gradient = ddp_lua_test_tensor(L, 2);
    int options_index = 3;
    GError *error = NULL;

    if (gradient == NULL && lua_istable(L, 2))
        options_index = 2;
    else if (gradient == NULL && !lua_isnoneornil(L, 2))
        ddp_lua_check_tensor(L, 2);

    DdpOptions options = ddp_options_open(L, options_index, "backward", names);
    bool retain = ddp_options_boolean(&options, "retain_graph", false);

    if (!ddp_tensor_backward_from(x, gradient, retain, &error))
        return ddp_args_raise(L, error);
    return 0;
}

static const luaL_Reg methods[] = {
    {"abs", l_abs},
    {"add", l_add},
    {"add_", l_add_},
    {"all", l_all},
    {"allclose", l_allclose},
    {"any", l_any},
    {"argmax", l_argmax},
    {"argmin", l_argmin},
    {"backward", l_backward},
    {"bfloat16", l_bfloat16},
    {"bmm", l_matmul},
    {"bool", l_bool},
    {"clone", l_clone},
    {"contiguous", l_same},
    {"copy_", l_copy_},
    {"cpu", l_same},
    {"detach", l_detach},
    {"dim", l_dim},
    {"div", l_div},
    {"div_", l_div_},
    {"double", l_double},
    {"eq", l_eq},
    {"equal", l_equal},
    {"exp", l_exp},
    {"expand", l_expand},
    {"fill_", l_fill_},
    {"flatten", l_flatten},
    {"float", l_float},
    {"floor_divide", l_floor_divide},
    {"gather", l_gather},
    {"ge", l_ge},
    {"gt", l_gt},
    {"half", l_half},
    {"index_select", l_index_select},
    {"int", l_int},
    {"is_floating_point", l_is_floating_point},
    {"item", l_item},
    {"le", l_le},
    {"log", l_log},
    {"log_softmax", l_log_softmax},
    {"long", l_long},
    {"lt", l_lt},
    {"matmul", l_matmul},
    {"max", l_max},
    {"maximum", l_maximum},
    {"mean", l_mean},
    {"min", l_min},
    {"minimum", l_minimum},
    {"mm", l_matmul},
    {"mul", l_mul},
    {"mul_", l_mul_},
    {"narrow", l_narrow},
    {"ne", l_ne},
    {"neg", l_neg},
    {"nelement", l_numel},
    {"normal_", l_normal_},
    {"numel", l_numel},
    {"pow", l_pow},
    {"pow_", l_pow_},
    {"relu", l_relu},
    {"remainder", l_remainder},
    {"requires_grad_", l_requires_grad_},
    {"reshape", l_reshape},
    {"select", l_select},
    {"sigmoid", l_sigmoid},
    {"size", l_size},
    {"softmax", l_softmax},
    {"sqrt", l_sqrt},
    {"squeeze", l_squeeze},
    {"sub", l_sub},
    {"sub_", l_sub_},
    {"sum", l_sum},
    {"t", l_t},
    {"tanh", l_tanh},
    {"to", l_to},
    {"tolist", ddp_lua_tensor_tolist},
    {"transpose", l_transpose},
    {"type_as", l_type_as},
    {"uniform_", l_uniform_},
    {"unsqueeze", l_unsqueeze},
    {"view", l_reshape},
    {"zero_", l_zero_},
    {NULL, NULL},
};

const char *
ddp_lua_tensor_nearest_method(const char *name)
{
    const luaL_Reg *const lists[] = {methods, ddp_lua_tensor_select_methods()};
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (size_t j = 0; lists[i][j].name != NULL; j++)
            g_ptr_array_add(names, (gpointer)lists[i][j].name);
    }
    g_ptr_array_add(names, NULL);
    return ddp_args_nearest(name, (const char *const *)names->pdata);
}

void
ddp_lua_push_tensor_methods(lua_State *L)
{
    /* One table for all who ask: the type, torch and F. */
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, methods) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    luaL_newlib(L, methods);
    luaL_setfuncs(L, ddp_lua_tensor_select_methods(), 0);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, methods);
}
