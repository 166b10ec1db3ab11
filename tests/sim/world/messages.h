/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/world/world.h"

G_BEGIN_DECLS

/*
 * Exchanges of messages that come to an end whoever is fast, and that check what arrives. All ranks
 * of the world call one at a time; @round makes the contents differ.
 */

/* Round the ring with blocking calls; a tag that gloo looks at. */
bool ddp_play_ring(DdpRank *rank, int round, GError **error);
/* Everybody to everybody, all begun before any is waited for, as batch_isend_irecv does. */
bool ddp_play_batch(DdpRank *rank, int round, GError **error);
/* Rank 0 takes them as they come, and is told who it was. Nothing else may be on its way to it. */
bool ddp_play_from_anybody(DdpRank *rank, int round, GError **error);

G_END_DECLS
