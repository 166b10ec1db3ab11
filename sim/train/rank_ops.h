/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/train/reducer.h"
#include "sim/world/world.h"

G_BEGIN_DECLS

/*
 * The collectives of a DdpRank for a reducer, for C programs:
 *
 *   static bool
 *   rank_main(DdpRank *rank, void *user_data, GError **error)
 *   {
 *       DdpRankOps *ops = ddp_rank_ops_new(rank, NULL, DDP_HERE);
 *       DdpReducerSpec spec = ddp_reducer_spec_default();
 *       DdpReducerModule module = {.parameters = parameters, .parameter_count = 4};
 *       DdpReducer *reducer = ddp_reducer_new(context, &module, ddp_rank_index(rank), size, &spec,
 *                                             ddp_rank_ops(ops), error);
 *       ...
 *       ddp_reducer_free(reducer);
 *       ddp_rank_ops_free(ops);
 *
 * where `context` is this rank's DdpModelContext. Before each of its collectives the rank's clock
 * is told what the model has computed.
 */

typedef struct DdpRankOps DdpRankOps;

/**
 * ddp_rank_ops_new:
 * @group: (nullable): NULL for all ranks
 * @site: what traces and verdicts show for the reducer's collectives
 *
 * Returns: (transfer full): outlives the reducers that use it
 */
DdpRankOps *ddp_rank_ops_new(DdpRank *rank, DdpGroup *group, DdpSite site);
void ddp_rank_ops_free(DdpRankOps *ops);

const DdpReducerOps *ddp_rank_ops(const DdpRankOps *ops); /* (transfer none) */

/* A call in place on @tensor, or with @all for its result; without site and name. */
DdpCall ddp_rank_ops_call(DdpCallKind kind, DdpTensor *tensor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpRankOps, ddp_rank_ops_free)

G_END_DECLS
