/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/world/world.h"

G_BEGIN_DECLS

/*
 * A world of processes that nobody forked: each finds the world by its name and joins it, as the
 * processes of torchrun find their rendezvous.
 *
 *   DDPSIM_WORLD       the name; of this user on this machine
 *   RANK, WORLD_SIZE   as torchrun sets them
 *   LOCAL_WORLD_SIZE   (optional) ranks on a node; all on one if it is not set
 *   DDPSIM_BACKEND     (optional) "nccl" or "gloo"
 *   DDPSIM_JOIN_TIMEOUT (optional) seconds to wait for the others, 300 by default
 *
 * The first to come hosts the world: it makes the shared memory, hands it to the others and watches
 * over them. A process that ends without ddp_world_leave() has died, and the others are told; with
 * the host the whole world ends. Nothing has a name in a file system: when all are gone, however
 * they ended, nothing is left.
 *
 *     DdpRank *rank = ddp_world_join(&error);
 *     ... collectives on @rank ...
 *     outcome = ddp_world_leave(rank, error);
 *     ... the verdict, ddp_diagnosis_new(ddp_rank_world(rank), ...) ...
 *     ddp_world_part(rank);
 *
 * A process is in one such world at a time.
 */

/* (transfer full): a rank of a world whose ranks have all come; NULL with @error set. */
DdpRank *ddp_world_join(GError **error);

/**
 * ddp_world_leave:
 * @failure: (nullable) (transfer none): the error with which the rank failed
 *
 * The rank makes no further calls. Waits until all others have left too, or are dead.
 *
 * Returns: the outcome; what is known of the ranks can be asked until ddp_world_part()
 */
DdpOutcome ddp_world_leave(DdpRank *rank, const GError *failure);

/* Done with the world. Of a rank that has not left it is as if the process had ended. */
void ddp_world_part(DdpRank *rank);

G_END_DECLS
