/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * ddpsim for C programs: a world of ranks that run a function of yours.
 *
 *   static bool
 *   rank_main(DdpRank *rank, void *user_data, GError **error)
 *   {
 *       float loss = 10.0f * ddp_rank_index(rank);
 *
 *       return ddp_all_reduce(rank, &loss, 1, DDP_DTYPE_F32, DDP_REDUCE_AVG, error);
 *   }
 *
 *   DdpWorldSpec spec = ddp_world_spec_default();
 *   spec.size = 4;
 *   spec.engine = DDP_ENGINE_THREADS;
 *   DdpWorld *world = ddp_world_new(&spec, &error);
 *   if (ddp_world_run(world, rank_main, NULL) != DDP_OUTCOME_COMPLETED)
 *       puts(ddp_world_verdict_text(world));
 *
 * What is where:
 *
 *   sim/world/world.h         the world: what it is made of, running it, how it ended; the rank
 *   sim/world/verbs.h         the collectives: shapes, units, ownership, errors
 *   comm_shm/comm.h           groups and works; messages that nobody received
 *   sim/world/diagnosis.h     why no rank could go on, as data
 *   sim/world/verdict_text.h  the same for people
 *   sim/world/trace.h         who did what, when; chrome_trace.h beside it makes a picture of it
 *   sim/world/schedule.h      which rank runs next on fibers, and how to play that again
 *   sim/world/join.h          processes that nobody forked, as one world
 *   sim/world/topology.h      what collectives and compute cost in virtual time
 *   base/dtype.h              element types
 *
 * A collective that the world cannot complete is no bug of the caller: ddp_world_run() returns, and
 * its outcome says so. The same program gives the same numbers and the same verdict on every
 * engine.
 *
 * What the ranks may use: on fibers all share one thread, so a rank that spins stops all, and its
 * stack is spec.stack_bytes; on threads they run at the same time, and what they share besides
 * collectives needs locks of your own; on processes each is a fork of the program as it was at
 * ddp_world_run(): what it writes is its own, but for memory of ddp_world_alloc() and
 * ddp_rank_alloc().
 */

#include "base/dtype.h"
#include "comm_shm/comm.h"
#include "sim/world/chrome_trace.h"
#include "sim/world/diagnosis.h"
#include "sim/world/join.h"
#include "sim/world/schedule.h"
#include "sim/world/trace.h"
#include "sim/world/verbs.h"
#include "sim/world/verdict_text.h"
#include "sim/world/world.h"

/* C++ writes the same differently. */
#ifdef __cplusplus
#undef DDP_HERE
#define DDP_HERE (DdpSite{__FILE__, __LINE__})
#endif
