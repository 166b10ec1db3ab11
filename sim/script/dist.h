/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "comm_shm/comm.h"
#include "model/tensor.h"

G_BEGIN_DECLS

/* What other files of the Lua face use of torch.distributed. */

/**
 * ddp_dist_note_caller:
 * @call: gets its site, and @caller
 * @value: the index of what travels; 0 if that is no value of the scenario
 *
 * Who makes the call, as far as Lua can tell. @caller must live as long as the call; file names
 * live as long as the play.
 */
void ddp_dist_note_caller(lua_State *L, DdpCall *call, DdpCaller *caller, int value);

/* A call in place on @tensor, without site, root and name. */
DdpCall ddp_dist_tensor_call(DdpCallKind kind, DdpTensor *tensor);

/* True for a collective of the whole world that carries data: afterwards a rank's values may rest
 * on the samples of all. */
bool ddp_dist_merges(lua_State *L, const DdpGroup *group, DdpCallKind kind);

/* Adds P2POp and batch_isend_irecv to the table dist, which lies on top of the stack. */
void ddp_dist_p2p_open(lua_State *L);

/* Raises what a collective failed with; the end of the world is uncatchable. Frees @error. */
int ddp_dist_raise(lua_State *L, const char *verb, GError *error) G_GNUC_NORETURN;

G_END_DECLS
