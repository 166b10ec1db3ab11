/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/world/fiber.h"
#include "sim/world/schedule.h"
#include "sim/world/world.h"

/*
 * What the engines share: the life of a rank, and the verdict.
 *
 *   start ──> running ──wait──> blocked ──> running ──return──> ended: finished or failed
 *
 * An engine is a function that runs all ranks until they have ended, and the functions that
 * comm_shm asks for. World and ranks lie in the world's heap, which the processes share.
 */

typedef enum {
    DDP_LIFE_READY, /* it runs, or could */
    DDP_LIFE_PARKED,
    DDP_LIFE_SLEEPING,
    DDP_LIFE_ENDED,
} DdpLife;

struct DdpRank {
    DdpFiber fiber;
    DdpWorld *world;
    int index;
    int pid;
    DdpLife life;
    bool wake_pending;
    bool endless;
    bool cut_short;
    int64_t due_ns;     /* while it sleeps */
    double flops;       /* computed so far */
    uint64_t sleep_seq; /* ties at the same instant wake in the order they went to sleep */
    char *failure;      /* why it failed */
    DdpHistory history;
    void *data; /* (nullable): borrowed; ddp_rank_data() */
    DdpRankVerdict verdict;
};

struct DdpWorld {
    DdpWorldSpec spec;
    DdpHeap *heap;
    DdpSchedule *schedule;
    DdpComm *comm;
    DdpGroup *all;                           /* borrowed: the group of all ranks */
    int nodes_spanned, members_per_node_max; /* by all ranks */
    DdpTrace *trace;                         /* (nullable): borrowed */
    DdpRank *ranks;
    _Atomic bool hopeless; /* a collective can never complete: the verdict is certain */
    bool has_mismatch; /* ranks were told that their calls differ, and where each stood is noted */
    bool has_verdict;  /* it has been said, and the ranks are being released */
    bool has_run;
    _Atomic bool is_forsaken; /* the host of a joined world is gone, and one has seen to it */
    DdpOutcome outcome;
    DdpCallDifference difference;
    DdpRankFunc func;
    void *user_data;

    /* Of the fibers engine. */
    DdpStacks *stacks;
    DdpFiber main;
    GPtrArray *sleepers; /* of DdpRank*, a binary heap, the earliest first */
    uint64_t sleep_seq;
    int ended_count;
};

/* ---- world.c ---- */

/* The same in a heap that is there already; @heap: (transfer full), also on failure. */
DdpWorld *ddp_world_new_in(DdpHeap *heap, const DdpWorldSpec *spec, GError **error);

/* ---- the engines ---- */

extern const DdpParkOps ddp_fibers_ops, ddp_parallel_ops;

bool ddp_fibers_prepare(DdpWorld *world, GError **error);
void ddp_fibers_run(DdpWorld *world);
void ddp_fibers_sleep(DdpRank *rank);
void ddp_fibers_yield(DdpRank *rank);
void ddp_fibers_clear(DdpWorld *world);

void ddp_threads_run(DdpWorld *world);
void ddp_processes_run(DdpWorld *world);

/* What a call costs once all have come: `cost_ns` of both. world.c */
int64_t ddp_world_cost_ns(void *world, const DdpCall *call, size_t bytes, const int *ranks,
                          int members);

/* ---- rank.c ---- */

/* Runs the world's function on a rank, and notes how it ended. Its last act is to leave. */
void ddp_rank_live(DdpRank *rank);
/* The second half of that. @error: (nullable) (transfer full): with which its program failed. */
void ddp_rank_end(DdpRank *rank, GError *error);
/*
 * The process of a rank is gone without its having left; called by who supervises. @text: how;
 * NULL: as one that has nothing more to do.
 */
void ddp_rank_bury(DdpRank *rank, const char *text);

/* ---- verdict.c ---- */

/* DdpParkOps::mismatched and foresee of all engines. */
void ddp_world_note_mismatch(void *engine);
bool ddp_world_may_foresee(void *engine, int rank);

/* Nothing can go on: notes where each rank is. (transfer full): what those are told who wait. */
char *ddp_world_say_verdict(DdpWorld *world);
/* All ranks have ended: the outcome, and how each did if no verdict was said before. */
void ddp_world_close(DdpWorld *world);
