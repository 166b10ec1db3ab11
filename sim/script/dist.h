/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "comm_shm/comm.h"
#include "model/tensor.h"

G_BEGIN_DECLS

/* What other files of the Lua face use of torch.distributed. */

/* The line of the scenario that is running; its strings live as long as the play. */
DdpSite ddp_dist_site(lua_State *L);

/* A call in place on @tensor, without site, root and name. */
DdpCall ddp_dist_tensor_call(DdpCallKind kind, DdpTensor *tensor);

/* True for a collective of the whole world that carries data: afterwards a rank's values may rest
 * on the samples of all. */
bool ddp_dist_merges(lua_State *L, const DdpGroup *group, DdpCallKind kind);

/* Raises what a collective failed with; the end of the world is uncatchable. Frees @error. */
int ddp_dist_raise(lua_State *L, const char *verb, GError *error) G_GNUC_NORETURN;

G_END_DECLS
