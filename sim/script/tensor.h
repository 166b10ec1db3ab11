/* SPDX-License-Identifier: MIT */
#pragma once

#include <lauxlib.h>
#include <lua.h>

#include "model/ops.h"
#include "sim/script/args.h"

G_BEGIN_DECLS

/*
 * Tensors as Lua sees them: a userdata of type "torch.Tensor" that owns one reference.
 *
 * tensor.c holds the type, its fields, operators and methods; tensor_build.c makes tensors of Lua
 * tables and back; tensor_text.c writes them as torch prints them.
 */

#define DDP_LUA_TENSOR "torch.Tensor"

/**
 * ddp_lua_tensor_slot:
 *
 * Pushes a tensor userdata that is still empty, and returns where to put the tensor. Made
 * before the tensor is, because pushing can raise: so nothing is ever lost. An empty slot that is
 * left on the stack is harmless.
 *
 * Lua's collector does not see what tensors weigh; here it is told, so that garbage stays about
 * as small as what is alive. And the work that tensors have done is charged to the scenario.
 */
DdpTensor **ddp_lua_tensor_slot(lua_State *L);

/* The tensor at @index, borrowed; a Lua error if there is none. */
DdpTensor *ddp_lua_check_tensor(lua_State *L, int index);
/* The tensor at @index, borrowed; NULL if the value is something else. */
DdpTensor *ddp_lua_test_tensor(lua_State *L, int index);

/**
 * ddp_lua_out_of_memory:
 *
 * Whether @error says that a limit on tensor memory was reached. Then garbage has been
 * collected and @error cleared: the same once more may succeed.
 */
bool ddp_lua_out_of_memory(lua_State *L, GError **error);

/*
 * Ends a verb with the tensor that @expression makes, an expression that has `&error` as its
 * last argument. It is evaluated again after a collection if memory was short.
 */
#define DDP_LUA_RETURN_TENSOR(L, expression)                                                       \
    do {                                                                                           \
        DdpTensor **made_slot = ddp_lua_tensor_slot(L);                                            \
        GError *error = NULL;                                                                      \
                                                                                                   \
        *made_slot = (expression);                                                                 \
        if (*made_slot == NULL && ddp_lua_out_of_memory(L, &error))                                \
            *made_slot = (expression);                                                             \
        if (*made_slot == NULL)                                                                    \
            return ddp_args_raise(L, error);                                                       \
        return 1;                                                                                  \
    } while (0)

/* ---- arguments ----------------------------------------------------------------------- */

/* True and @number filled in if the value at @index is a number or a boolean. */
bool ddp_lua_test_number(lua_State *L, int index, DdpNumber *number);

/* A tensor or a number; @verb and the argument are named if it is neither. */
DdpOperand ddp_lua_check_operand(lua_State *L, int index);

/* A whole number that fits an int, or @fallback for none and nil. */
int ddp_lua_opt_dim(lua_State *L, int index, int fallback);

/* torch.float32 and so on are strings of that text. */
void ddp_lua_push_dtype(lua_State *L, DdpDtype dtype);
DdpDtype ddp_lua_check_dtype(lua_State *L, int index, const char *verb);
/* The option `dtype`, or the fallback. */
DdpDtype ddp_lua_option_dtype(const DdpOptions *options, DdpDtype fallback);

/* Sizes given as (2, 3) or ({2, 3}). */
typedef struct {
    int ndim;
    int64_t sizes[DDP_TENSOR_DIMS_MAX];
    int next; /* index of the argument behind them */
} DdpLuaShape;

/**
 * ddp_lua_check_shape:
 * @first: the argument where sizes begin
 * @wildcard: whether a size may be -1
 */
DdpLuaShape ddp_lua_check_shape(lua_State *L, int first, const char *verb, bool wildcard);

/* The list of tensors at @index, in memory that a pushed userdata owns. */
DdpTensor **ddp_lua_push_tensor_list(lua_State *L, int index, const char *verb, size_t *count);

/* ---- the parts of the type ----------------------------------------------------------- */

/* tensor_build.c: torch.tensor(data, options), and t:tolist() */
int ddp_lua_tensor_build(lua_State *L);
int ddp_lua_tensor_tolist(lua_State *L);

/* tensor_select.c: more methods, a list that ends with a NULL name; and torch.where */
const luaL_Reg *ddp_lua_tensor_select_methods(void);
int ddp_lua_tensor_where(lua_State *L);

/* tensor_text.c: tostring(t) */
int ddp_lua_tensor_text(lua_State *L);

/* tensor_methods.c: pushes the table of methods. */
void ddp_lua_push_tensor_methods(lua_State *L);
/* The method that a typing slip away from @name, or NULL. */
const char *ddp_lua_tensor_nearest_method(const char *name);

/* tensor.c: makes the type, with its metatable out of a scenario's reach. */
void ddp_lua_open_tensor(lua_State *L);

G_END_DECLS
