/* SPDX-License-Identifier: MIT */
#pragma once

#include "comm_shm/comm.h"
#include "sim/world/error.h"
#include "sim/world/history.h"
#include "sim/world/topology.h"
#include "sim/world/trace.h"

G_BEGIN_DECLS

/*
 * A world of ranks, which all run the same function.
 *
 * They are carried by fibers, threads or processes. On fibers, which rank goes on is the schedule's
 * choice and nothing else's. Time is virtual: each rank has a clock, which moves when it sleeps,
 * computes or waits for others. When no rank can go on, or as soon as a collective can never
 * complete, the world ends with a verdict, the same on every engine.
 *
 * Thread rules: a world belongs to the thread that runs it; several worlds may live on several
 * threads. A rank's functions are for that rank alone.
 */

typedef struct DdpWorld DdpWorld;
typedef struct DdpRank DdpRank;

/* Who carries the ranks; the numbers, the digest and the verdict are the same on all of them. */
typedef enum {
    DDP_ENGINE_FIBERS,    /* stacks that take turns on one thread: every choice is recorded */
    DDP_ENGINE_THREADS,   /* a pthread each */
    DDP_ENGINE_PROCESSES, /* a forked process each, over one shared mapping */
} DdpEngine;

const char *ddp_engine_name(DdpEngine engine);
bool ddp_engine_from_name(const char *name, DdpEngine *engine);

/**
 * DdpRankFunc: what a rank runs
 *
 * Returns: false with @error set if the rank fails
 */
typedef bool (*DdpRankFunc)(DdpRank *rank, void *user_data, GError **error);

typedef struct {
    DdpEngine engine;
    int size;
    int nodes;
    int nproc_per_node; /* 0: size / nodes */
    DdpBackend backend;
    DdpDebug debug;
    uint64_t seed;        /* of the schedule */
    const char *schedule; /* (nullable): see sim/world/schedule.h */
    DdpTopology topology; /* what collectives, messages and compute cost on the ranks' clocks */
    int64_t timeout_ns; /* on the same clocks: how late a member may come; 0: as late as it likes */
    size_t stack_bytes; /* of each rank */
    /* (nullable): called on a rank that waited when the verdict fell; whether it may go on for a
     * few calls, as if its own had been completed, for the diagnosis to see what it would do next.
     * From then on nothing that it does may be seen from outside, and what it returns is ignored.
     */
    bool (*foresee)(DdpRank *rank, void *user_data);
    /* processes: while the ranks run, @watch is called in the parent, with the user data of the
     * run, whenever @watch_fd can be read. @watch_fd is -1 for none. */
    int watch_fd;
    void (*watch)(void *user_data);
} DdpWorldSpec;

/*
 * One rank as a fiber, one node, NCCL, round-robin, stacks of 64 KiB; nothing but sleep takes time,
 * and there is no timeout.
 */
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

/*
 * (transfer full): zeroed memory that the caller and all ranks can reach, also those in other
 * processes: the way of results out of the ranks. Never NULL. Release it before the world is freed.
 */
void *ddp_world_alloc(DdpWorld *world, size_t bytes);
void ddp_world_release(DdpWorld *world, void *memory);

DdpOutcome ddp_world_outcome(const DdpWorld *world);
/*
 * True from the moment a collective can never complete. A rank that computes for long asks now and
 * then: it need not come to an end by itself any more, only to its next collective.
 */
bool ddp_world_is_hopeless(const DdpWorld *world);
int ddp_world_size(const DdpWorld *world);
DdpEngine ddp_world_engine(const DdpWorld *world);
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
    char *error;      /* (nullable): of a rank that failed */
    bool endless;     /* it failed because its budget ran out */
    bool waits;       /* the fields below hold */
    DdpCall call;     /* its buffers are gone, but for the ranks of a new group */
    DdpCaller caller; /* call.caller, if there was one */
    char *call_name;  /* (nullable): what call.name said */
    const char *group;
    const DdpGroup *in;           /* the same group */
    DdpCallDifference difference; /* among those that met there */
    uint64_t seq;
    int64_t since_ns;
    bool late; /* all came to its collective and agree, but rank @last after the timeout */
    int last;
    bool has_against; /* it waits for a message that came with another dtype or shape: */
    int against_rank;
    DdpCall against; /* its buffers are gone */
    bool
        has_begun; /* it began a call whose meeting is full and cannot be completed, and went on: */
    const DdpGroup *begun_in;
    uint64_t begun_seq;
    DdpCall begun; /* its buffers and its name are gone */
} DdpRankVerdict;

const DdpRankVerdict *ddp_world_rank_verdict(const DdpWorld *world, int rank);
/* What a rank has called, up to the verdict and with the call it waits in. */
const DdpHistory *ddp_world_history(const DdpWorld *world, int rank);
/* How late a member of a collective may come, on the ranks' clocks; 0: as late as it likes. */
int64_t ddp_world_timeout_ns(const DdpWorld *world);
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

/*
 * Lets @duration_ns of virtual time pass for this rank. False if the world was ended. On threads
 * and processes it also really sleeps, for a second at most.
 */
bool ddp_rank_sleep_ns(DdpRank *rank, int64_t duration_ns, GError **error);

/* Virtual work: the rank's clock advances by what @flops operations take. It does not sleep. */
void ddp_rank_compute(DdpRank *rank, double flops);
/* The same for @bytes written to a log. */
void ddp_rank_log(DdpRank *rank, size_t bytes);

/*
 * (transfer full): memory that all ranks can reach, also those in other processes: collectives work
 * on it in place. Of the rank that asked; free with ddp_rank_free(). Never NULL.
 */
void *ddp_rank_alloc(DdpRank *rank, size_t bytes);
void ddp_rank_free(DdpRank *rank, void *memory);

/* Looks in vain for something that others must do: takes a moment, in which they go on. */
void ddp_rank_poll(DdpRank *rank);

/* Lets the others that can go on run first. */
void ddp_rank_yield(DdpRank *rank);

/* Marks that the failure about to be returned is that of a rank that would never have ended. */
void ddp_rank_set_endless(DdpRank *rank);

/* Marks that the failure about to be returned only cut short a rank that was told to hurry. */
void ddp_rank_set_cut_short(DdpRank *rank);

/* Whatever the rank's function wants to find again by its rank; NULL at first. */
void ddp_rank_set_data(DdpRank *rank, void *data);
void *ddp_rank_data(const DdpRank *rank);

/* Any collective; see ddp_comm_call(). The second is of the group of all ranks. */
bool ddp_rank_group_call(DdpRank *rank, DdpGroup *group, DdpCall *call, GError **error);
bool ddp_rank_call(DdpRank *rank, DdpCall *call, GError **error);
/* (transfer full): a collective that is waited for later; see ddp_comm_begin(). */
DdpWork *ddp_rank_begin(DdpRank *rank, DdpGroup *group, const DdpCall *call, GError **error);
/* Waits for a work of its own, as ddp_work_wait() does, and traces it. */
bool ddp_rank_wait(DdpRank *rank, DdpWork *work, bool *touched, GError **error);
/* Each collective by its name, for C programs: sim/world/verbs.h. */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpWorld, ddp_world_free)

G_END_DECLS
