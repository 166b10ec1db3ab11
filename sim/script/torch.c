/* SPDX-License-Identifier: MIT */
/*
 * The Lua table `torch`: dtypes, constructors, the random generator, gradient modes, and the
 * methods of tensors as functions (torch.exp(t) is t:exp()).
 */
#include <string.h>

#include "model/autograd.h"
#include "model/generator.h"
#include "sim/script/amp.h"
#include "sim/script/checkpoint.h"
#include "sim/script/libs.h"
#include "sim/script/modes.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

#define GENERATOR "torch.Generator"
#define GENERATOR_SEED                                                                             \
    UINT64_C(67280421310721) /* of a generator that nobody has seeded, as torch's */

/* ---- torch.Generator ----------------------------------------------------------------- */

static DdpGenerator **
check_generator(lua_State *L, int index)
{
    DdpGenerator **slot = luaL_checkudata(L, index, GENERATOR);

    luaL_argcheck(L, *slot != NULL, index, "this generator was closed");
    return slot;
}

/* A whole number of either sign: negative seeds count from 2^64 down, as torch's do. */
static uint64_t
check_seed(lua_State *L, int index)
{
    return (uint64_t)luaL_checkinteger(L, index);
}

static int
l_generator_new(lua_State *L)
{
    DdpGenerator **slot = lua_newuserdatauv(L, sizeof *slot, 0);

    *slot = NULL;
    luaL_setmetatable(L, GENERATOR);
    *slot = ddp_generator_new(GENERATOR_SEED);
    return 1;
}

static int
l_generator_manual_seed(lua_State *L)
{
    DdpGenerator **slot = check_generator(L, 1);

    ddp_generator_seed(*slot, check_seed(L, 2));
    lua_settop(L, 1);
    return 1;
}

static int
l_generator_initial_seed(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ddp_generator_initial_seed(*check_generator(L, 1)));
    return 1;
}

/* The state as a tensor of bytes, in torch's layout. */
static int
push_state(lua_State *L, const DdpGenerator *generator)
{
    static const int64_t shape[] = {DDP_GENERATOR_STATE_BYTES};
    uint8_t bytes[DDP_GENERATOR_STATE_BYTES];

    ddp_generator_get_state(generator, bytes);
    DDP_LUA_RETURN_TENSOR(
        L, ddp_tensor_new_from(ddp_script_rank(L)->model, DDP_DTYPE_U8, 1, shape, bytes, &error));
}

static void
take_state(lua_State *L, DdpGenerator *generator, int index)
{
    DdpTensor *state = ddp_lua_check_tensor(L, index);
    GError *error = NULL;

    if (ddp_tensor_dtype(state) != DDP_DTYPE_U8)
        luaL_error(L, "RNG state must be a torch.uint8 tensor, found torch.%s",
                   ddp_dtype_name(ddp_tensor_dtype(state)));
    if (!ddp_generator_set_state(generator, ddp_tensor_data(state), ddp_tensor_bytes(state),
                                 &error))
        ddp_args_raise(L, error);
}

static int
l_generator_get_state(lua_State *L)
{
    return push_state(L, *check_generator(L, 1));
}

static int
l_generator_set_state(lua_State *L)
{
    take_state(L, *check_generator(L, 1), 2);
    lua_settop(L, 1);
    return 1;
}

static int
l_generator_gc(lua_State *L)
{
    DdpGenerator **slot = luaL_checkudata(L, 1, GENERATOR);

    g_clear_pointer(slot, ddp_generator_free);
    return 0;
}

static const luaL_Reg generator_methods[] = {
    {"manual_seed", l_generator_manual_seed},
    {"initial_seed", l_generator_initial_seed},
    {"get_state", l_generator_get_state},
    {"set_state", l_generator_set_state},
    {NULL, NULL},
};

static void
open_generator(lua_State *L)
{
    luaL_newmetatable(L, GENERATOR);
    lua_pushcfunction(L, l_generator_gc);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, generator_methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, GENERATOR);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

/* ---- seeds --------------------------------------------------------------------------- */

static int
l_manual_seed(lua_State *L)
{
    ddp_generator_seed(ddp_model_context_generator(ddp_script_rank(L)->model), check_seed(L, 1));
    return 0;
}

static int
l_initial_seed(lua_State *L)
{
    DdpGenerator *generator = ddp_model_context_generator(ddp_script_rank(L)->model);

    lua_pushinteger(L, (lua_Integer)ddp_generator_initial_seed(generator));
    return 1;
}

static int
l_get_rng_state(lua_State *L)
{
    return push_state(L, ddp_model_context_generator(ddp_script_rank(L)->model));
}

static int
l_set_rng_state(lua_State *L)
{
    take_state(L, ddp_model_context_generator(ddp_script_rank(L)->model), 1);
    return 0;
}

/* ---- constructors -------------------------------------------------------------------- */

/* What the trailing table of a constructor says. */
typedef struct {
    DdpModelContext *model;
    DdpDtype dtype;
    bool requires_grad;
    DdpGenerator *generator; /* borrowed; NULL: the rank's own */
} Making;

static Making
check_making(lua_State *L, int index, const char *verb, DdpDtype fallback, bool draws)
{
    static const char *const names[] = {"dtype", "requires_grad", NULL};
    static const char *const names_drawn[] = {"dtype", "requires_grad", "generator", NULL};
    DdpOptions options = ddp_options_open(L, index, verb, draws ? names_drawn : names);
    Making making = {
        .model = ddp_script_rank(L)->model,
        .dtype = ddp_lua_option_dtype(&options, fallback),
        .requires_grad = ddp_options_boolean(&options, "requires_grad", false),
    };

    if (draws && ddp_options_has(&options, "generator")) {
        ddp_options_push(&options, "generator");
        making.generator = *check_generator(L, -1);
        lua_pop(L, 1); /* the options keep it alive */
    }
    return making;
}

/* Takes the requirement of a gradient along; @tensor may be NULL with @error set. */
static DdpTensor *
finish(const Making *making, DdpTensor *tensor, GError **error)
{
    if (tensor == NULL || !making->requires_grad)
        return tensor;
    if (ddp_tensor_set_requires_grad(tensor, true, error))
        return tensor;
    ddp_tensor_unref(tensor);
    return NULL;
}

static int
filled(lua_State *L, const char *verb, DdpNumber value)
{
    DdpLuaShape shape = ddp_lua_check_shape(L, 1, verb, false);
    Making making = check_making(L, shape.next, verb, DDP_DTYPE_F32, false);

    DDP_LUA_RETURN_TENSOR(
        L, finish(&making,
                  ddp_full(making.model, making.dtype, shape.ndim, shape.sizes, value, &error),
                  &error));
}

static int
l_zeros(lua_State *L)
{
    return filled(L, "zeros", ddp_number_int(0));
}

static int
l_ones(lua_State *L)
{
    return filled(L, "ones", ddp_number_int(1));
}

/* Not to be read before it is written; zeros, so that it is the same everywhere. */
static int
l_empty(lua_State *L)
{
    return filled(L, "empty", ddp_number_int(0));
}

static DdpDtype
dtype_of_number(DdpNumber number)
{
    return number.kind == DDP_NUMBER_FLOAT ? DDP_DTYPE_F32
           : number.kind == DDP_NUMBER_INT ? DDP_DTYPE_I64
                                           : DDP_DTYPE_BOOL;
}

/* full({2, 3}, value, options) */
static int
l_full(lua_State *L)
{
    DdpNumber value;

    luaL_checktype(L, 1, LUA_TTABLE);

    DdpLuaShape shape = ddp_lua_check_shape(L, 1, "full", false);

    luaL_argexpected(L, ddp_lua_test_number(L, 2, &value), 2, "number");

    Making making = check_making(L, 3, "full", dtype_of_number(value), false);

    DDP_LUA_RETURN_TENSOR(
        L, finish(&making,
                  ddp_full(making.model, making.dtype, shape.ndim, shape.sizes, value, &error),
                  &error));
}

static int
filled_like(lua_State *L, const char *verb, DdpNumber value, int options_index)
{
    DdpTensor *like = ddp_lua_check_tensor(L, 1);
    Making making = check_making(L, options_index, verb, ddp_tensor_dtype(like), false);

    DDP_LUA_RETURN_TENSOR(L, finish(&making,
                                    ddp_full(making.model, making.dtype, ddp_tensor_ndim(like),
                                             ddp_tensor_shape(like), value, &error),
                                    &error));
}

static int
l_zeros_like(lua_State *L)
{
    return filled_like(L, "zeros_like", ddp_number_int(0), 2);
}

static int
l_ones_like(lua_State *L)
{
    return filled_like(L, "ones_like", ddp_number_int(1), 2);
}

static int
l_full_like(lua_State *L)
{
    DdpNumber value;

    luaL_argexpected(L, ddp_lua_test_number(L, 2, &value), 2, "number");
    return filled_like(L, "full_like", value, 3);
}

/* arange(end), arange(start, end), arange(start, end, step), each with options behind */
static int
l_arange(lua_State *L)
{
    DdpNumber numbers[3];
    int count = 0;

    while (count < 3 && lua_type(L, count + 1) == LUA_TNUMBER) {
        ddp_lua_test_number(L, count + 1, &numbers[count]);
        count++;
    }
    luaL_argexpected(L, count > 0, 1, "number");

    DdpNumber start = count > 1 ? numbers[0] : ddp_number_int(0);
    DdpNumber end = numbers[count > 1 ? 1 : 0];
    DdpNumber step = count > 2 ? numbers[2] : ddp_number_int(1);
    bool has_float = start.kind == DDP_NUMBER_FLOAT || end.kind == DDP_NUMBER_FLOAT ||
                     step.kind == DDP_NUMBER_FLOAT;
    Making making =
        check_making(L, count + 1, "arange", has_float ? DDP_DTYPE_F32 : DDP_DTYPE_I64, false);

    DDP_LUA_RETURN_TENSOR(
        L,
        finish(&making, ddp_arange(making.model, making.dtype, start, end, step, &error), &error));
}

static int
l_rand(lua_State *L)
{
    DdpLuaShape shape = ddp_lua_check_shape(L, 1, "rand", false);
    Making making = check_making(L, shape.next, "rand", DDP_DTYPE_F32, true);

    DDP_LUA_RETURN_TENSOR(L, finish(&making,
                                    ddp_rand(making.model, making.generator, making.dtype,
                                             shape.ndim, shape.sizes, &error),
                                    &error));
}

static int
l_randn(lua_State *L)
{
    DdpLuaShape shape = ddp_lua_check_shape(L, 1, "randn", false);
    Making making = check_making(L, shape.next, "randn", DDP_DTYPE_F32, true);

    DDP_LUA_RETURN_TENSOR(L, finish(&making,
                                    ddp_randn(making.model, making.generator, making.dtype,
                                              shape.ndim, shape.sizes, &error),
                                    &error));
}

/* randint(high, {sizes}, options) or randint(low, high, {sizes}, options) */
static int
l_randint(lua_State *L)
{
    bool has_low = lua_type(L, 2) == LUA_TNUMBER;
    lua_Integer low = has_low ? luaL_checkinteger(L, 1) : 0;
    lua_Integer high = luaL_checkinteger(L, has_low ? 2 : 1);
    int sizes = has_low ? 3 : 2;

    luaL_checktype(L, sizes, LUA_TTABLE);

    DdpLuaShape shape = ddp_lua_check_shape(L, sizes, "randint", false);
    Making making = check_making(L, sizes + 1, "randint", DDP_DTYPE_I64, true);

    DDP_LUA_RETURN_TENSOR(L, finish(&making,
                                    ddp_randint(making.model, making.generator, making.dtype, low,
                                                high, shape.ndim, shape.sizes, &error),
                                    &error));
}

static int
l_randperm(lua_State *L)
{
    lua_Integer count = luaL_checkinteger(L, 1);
    Making making = check_making(L, 2, "randperm", DDP_DTYPE_I64, true);

    DDP_LUA_RETURN_TENSOR(
        L, finish(&making, ddp_randperm(making.model, making.generator, count, &error), &error));
}

/* ---- together ------------------------------------------------------------------------ */

static int
l_stack(lua_State *L)
{
    int dim = ddp_lua_opt_dim(L, 2, 0);
    size_t count;
    DdpTensor **list = ddp_lua_push_tensor_list(L, 1, "stack", &count);

    DDP_LUA_RETURN_TENSOR(L, ddp_stack(list, count, dim, &error));
}

static int
l_cat(lua_State *L)
{
    int dim = ddp_lua_opt_dim(L, 2, 0);
    size_t count;
    DdpTensor **list = ddp_lua_push_tensor_list(L, 1, "cat", &count);

    DDP_LUA_RETURN_TENSOR(L, ddp_cat(list, count, dim, &error));
}

/* ---- gradient modes ------------------------------------------------------------------ */

static int
l_no_grad(lua_State *L)
{
    return ddp_lua_call_with_grad(L, 1, false);
}

static int
l_enable_grad(lua_State *L)
{
    return ddp_lua_call_with_grad(L, 1, true);
}

static int
l_is_grad_enabled(lua_State *L)
{
    lua_pushboolean(L, ddp_model_context_grad_enabled(ddp_script_rank(L)->model));
    return 1;
}

static int
l_set_grad_enabled(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TBOOLEAN);
    ddp_model_context_set_grad_enabled(ddp_script_rank(L)->model, lua_toboolean(L, 1) != 0);
    return 0;
}

static int
l_is_tensor(lua_State *L)
{
    lua_pushboolean(L, ddp_lua_test_tensor(L, 1) != NULL);
    return 1;
}

/* ---- opening ------------------------------------------------------------------------- */

static const luaL_Reg functions[] = {
    {"Generator", l_generator_new},
    {"arange", l_arange},
    {"cat", l_cat},
    {"empty", l_empty},
    {"enable_grad", l_enable_grad},
    {"full", l_full},
    {"full_like", l_full_like},
    {"get_rng_state", l_get_rng_state},
    {"inference_mode", l_no_grad},
    {"initial_seed", l_initial_seed},
    {"is_grad_enabled", l_is_grad_enabled},
    {"is_tensor", l_is_tensor},
    {"manual_seed", l_manual_seed},
    {"no_grad", l_no_grad},
    {"ones", l_ones},
    {"ones_like", l_ones_like},
    {"rand", l_rand},
    {"randint", l_randint},
    {"randn", l_randn},
    {"randperm", l_randperm},
    {"set_grad_enabled", l_set_grad_enabled},
    {"set_rng_state", l_set_rng_state},
    {"stack", l_stack},
    {"tensor", ddp_lua_tensor_build},
    {"where", ddp_lua_tensor_where},
    {"zeros", l_zeros},
    {"zeros_like", l_zeros_like},
    {NULL, NULL},
};

/* Methods that torch has as functions as well. */
static const char *const shared_with_methods[] = {
    "abs",       "add",         "all",     "allclose",  "any",       "argmax",       "argmin",
    "clone",     "div",         "eq",      "equal",     "exp",       "flatten",      "floor_divide",
    "gather",    "ge",          "gt",      "le",        "log",       "log_softmax",  "lt",
    "matmul",    "max",         "maximum", "mean",      "min",       "minimum",      "mul",
    "narrow",    "ne",          "neg",     "numel",     "pow",       "relu",         "remainder",
    "reshape",   "select",      "sigmoid", "softmax",   "sqrt",      "squeeze",      "sub",
    "sum",       "t",           "tanh",    "transpose", "unsqueeze", "index_select", "bmm",
    "chunk",     "masked_fill", "mm",      "permute",   "split",     "tril",         "triu",
    "unflatten", NULL,
};

static const struct {
    const char *name;
    DdpDtype dtype;
} dtype_names[] = {
    {"float64", DDP_DTYPE_F64},   {"double", DDP_DTYPE_F64},  {"float32", DDP_DTYPE_F32},
    {"float", DDP_DTYPE_F32},     {"float16", DDP_DTYPE_F16}, {"half", DDP_DTYPE_F16},
    {"bfloat16", DDP_DTYPE_BF16}, {"int64", DDP_DTYPE_I64},   {"long", DDP_DTYPE_I64},
    {"int32", DDP_DTYPE_I32},     {"int", DDP_DTYPE_I32},     {"uint8", DDP_DTYPE_U8},
    {"bool", DDP_DTYPE_BOOL},
};

int
ddp_luaopen_torch(lua_State *L)
{
    ddp_lua_open_tensor(L);
    open_generator(L);

    lua_createtable(L, 0, 96);
    luaL_setfuncs(L, functions, 0);
    ddp_lua_open_checkpoint(L);
    for (size_t i = 0; i < G_N_ELEMENTS(dtype_names); i++) {
        ddp_lua_push_dtype(L, dtype_names[i].dtype);
        lua_setfield(L, -2, dtype_names[i].name);
    }
    ddp_lua_add_amp(L);
    ddp_lua_push_tensor_methods(L);
    for (size_t i = 0; shared_with_methods[i] != NULL; i++) {
        lua_getfield(L, -1, shared_with_methods[i]);
        lua_setfield(L, -3, shared_with_methods[i]);
    }
    lua_pop(L, 1);
    return 1;
}
