/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * Tensors as Lua sees them: a userdata of type "torch.Tensor" that owns one reference.
 */

#define DDP_LUA_TENSOR "torch.Tensor"

/**
 * ddp_lua_tensor_slot:
 *
 * Pushes a tensor userdata that is still empty, and returns where to put the tensor. Made
 * before the tensor is, because pushing can raise: so nothing is ever lost. An empty slot that is
 * left on the stack is harmless.
 */
DdpTensor **ddp_lua_tensor_slot(lua_State *L);

/* The tensor at @index, borrowed; a Lua error if there is none. */
DdpTensor *ddp_lua_check_tensor(lua_State *L, int index);
/* The tensor at @index, borrowed; NULL if the value is something else. */
DdpTensor *ddp_lua_test_tensor(lua_State *L, int index);

G_END_DECLS
