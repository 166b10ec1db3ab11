/* SPDX-License-Identifier: MIT */
#pragma once

#include "comm_shm/comm.h"
#include "sim/world/error.h"
#include "sim/world/trace.h"

G_BEGIN_DECLS

/*
 * A world of ranks on one thread.
 *
 * Each rank is a fiber that runs the same function. Which rank goes on is the schedule's choice
 * and nothing else's; time is virtual and moves only when every rank waits or sleeps. When no rank
 * can go on, or as soon as a collective can never complete, the world ends with a verdict.
 *
 * Thread rules: a world belongs to the thread that runs it; several worlds may live on several
 * threads.
 */

typedef struct DdpWorld DdpWorld;
typedef struct DdpRank DdpRank;

/**
 * DdpRankFunc: what a rank runs
 *
 * Returns: false with @error set if the rank fails
 */
typedef bool (*DdpRankFunc)(DdpRank *rank, void *user_data, GError **error);

typedef struct {
    int size;
    int nodes;
    int nproc_per_node; /* 0: size / nodes */
    DdpBackend backend;
    uint64_t seed;        /* of the schedule */
    const char *schedule; /* (nullable): see sim/world/schedule.h */
    size_t stack_bytes;   /* of each rank */
    /* (nullable): called once a verdict is certain, for each rank that still runs: it need not
     * come to an end by itself, only to its next collective. */
    void (*hurry)(DdpRank *rank, void *user_data);
} DdpWorldSpec;

/* One rank, one node, NCCL, round-robin, stacks of 64 KiB. */
DdpWorldSpec ddp_world_spec_default(void);

/* (transfer full): a world that has not run yet, or NULL with @error set. Copies @spec. */
DdpWorld *ddp_world_new(const DdpWorldSpec *spec, GError **error);
void ddp_world_free(DdpWorld *world);

/* Before it runs: what its ranks do is written to @trace, which is borrowed. */
void ddp_world_set_trace(DdpWorld *world, DdpTrace *trace);

typedef enum {
    DDP_OUTCOME_COMPLETED,
    DDP_OUTCOME_DEADLOCK,
    DDP_OUTCOME_MISMATCH,
    DDP_OUTCOME_ERROR,
    DDP_OUTCOME_TIMEOUT,
} DdpOutcome;

const char *ddp_outcome_name(DdpOutcome outcome);

/* Runs @func on every rank until all have ended; once per world. */
DdpOutcome ddp_world_run(DdpWorld *world, DdpRankFunc func, void *user_data);

DdpOutcome ddp_world_outcome(const DdpWorld *world);
/* True from the moment a collective can never complete. */
bool ddp_world_is_hopeless(const DdpWorld *world);
int ddp_world_size(const DdpWorld *world);
int64_t ddp_world_now_ns(const DdpWorld *world);
DdpComm *ddp_world_comm(DdpWorld *world);                   /* (transfer none) */
const char *ddp_world_schedule_text(const DdpWorld *world); /* (transfer none): "random:7" */
const uint32_t *ddp_world_choices(const DdpWorld *world, size_t *count);

typedef enum {
    DDP_RANK_RUNNING, /* it can go on, or sleeps */
    DDP_RANK_BLOCKED,
    DDP_RANK_FINISHED,
    DDP_RANK_FAILED,
} DdpRankState;

const char *ddp_rank_state_name(DdpRankState state);

/* What a rank was doing when the verdict fell, or at its end. Owned by the world. */
typedef struct {
    DdpRankState state;
    char *error;     /* (nullable): of a rank that failed */
    bool endless;    /* it failed because its budget ran out */
    bool waits;      /* the fields below hold */
    DdpCall call;    /* its buffers are gone */
    char *call_name; /* (nullable): what call.name said */
    const char *group;
    uint64_t seq;
    int64_t since_ns;
} DdpRankVerdict;

const DdpRankVerdict *ddp_world_rank_verdict(const DdpWorld *world, int rank);
/* How often a rank has called a collective from that place, the call it waits in included. */
uint64_t ddp_world_calls_from(const DdpWorld *world, int rank, const DdpSite *site);
/* What differed where members met; DDP_CALL_SAME if that was not the trouble. */
DdpCallDifference ddp_world_difference(const DdpWorld *world);

/* ---- a rank, from inside its function ---- */

DdpWorld *ddp_rank_world(const DdpRank *rank);
int ddp_rank_index(const DdpRank *rank);
int ddp_rank_node(const DdpRank *rank);
int ddp_rank_local(const DdpRank *rank);
int64_t ddp_rank_now_ns(const DdpRank *rank);
/* A pretended process id: ranks have rising ones in the order in which they were started. */
int ddp_rank_pid(const DdpRank *rank);

/* Lets @duration_ns of virtual time pass for this rank. False if the world was ended. */
bool ddp_rank_sleep_ns(DdpRank *rank, int64_t duration_ns, GError **error);

/* Lets the others that can go on run first. */
void ddp_rank_yield(DdpRank *rank);

/* Marks that the failure about to be returned is that of a rank that would never have ended. */
void ddp_rank_set_endless(DdpRank *rank);

/* Marks that the failure about to be returned only cut short a rank that was told to hurry. */
void ddp_rank_set_cut_short(DdpRank *rank);

/* Any collective; see ddp_comm_call(). The second is of the group of all ranks. */
bool ddp_rank_group_call(DdpRank *rank, DdpGroup *group, DdpCall *call, GError **error);
bool ddp_rank_call(DdpRank *rank, DdpCall *call, GError **error);
/* (transfer full): a collective that is waited for later; see ddp_comm_begin(). */
DdpWork *ddp_rank_begin(DdpRank *rank, DdpGroup *group, const DdpCall *call, GError **error);

/* The collectives for C programs. Each notes the line that calls it. */
#define ddp_all_reduce(rank, data, count, dtype, op, error)                                        \
    ddp_rank_all_reduce((rank), DDP_HERE, (data), (count), (dtype), (op), (error))
#define ddp_all_gather(rank, out, in, count, dtype, error)                                         \
    ddp_rank_all_gather((rank), DDP_HERE, (out), (in), (count), (dtype), (error))
#define ddp_broadcast(rank, data, count, dtype, root, error)                                       \
    ddp_rank_broadcast((rank), DDP_HERE, (data), (count), (dtype), (root), (error))
#define ddp_barrier(rank, error) ddp_rank_barrier((rank), DDP_HERE, (error))

bool ddp_rank_all_reduce(DdpRank *rank, DdpSite site, void *data, size_t count, DdpDtype dtype,
                         DdpReduceOp op, GError **error);
bool ddp_rank_all_gather(DdpRank *rank, DdpSite site, void *out, const void *in, size_t count,
                         DdpDtype dtype, GError **error);
bool ddp_rank_broadcast(DdpRank *rank, DdpSite site, void *data, size_t count, DdpDtype dtype,
                        int root, GError **error);
bool ddp_rank_barrier(DdpRank *rank, DdpSite site, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpWorld, ddp_world_free)

G_END_DECLS
