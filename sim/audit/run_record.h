/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Everything that one run of one variant left behind, as plain data: what the report is
 * written from. Filled while the ranks run (sim/script) and after (sim/world's verdict);
 * whoever fills it appends in an order that does not depend on time or address.
 *
 * All strings are owned. Arrays are GPtrArrays with a free function. Numbers that do not
 * exist are NAN (values) or -1 (ranks, counts).
 */

/* One value that reached a logger. */
typedef struct {
    int64_t step;
    double value;
    int rank;
    char *site; /* "file:line" of the log call; (nullable) */
} DdpLogEntry;

/* All values of one tag in one place, in the order written. */
typedef struct {
    char *logger; /* "tensorboard", "csv", "text", "wandb" */
    char *path;   /* as the scenario named it, relative to its logs folder */
    char *tag;
    GPtrArray *entries; /* of DdpLogEntry */
} DdpLogSeries;

/* A logged value beside the true one. */
typedef struct {
    char *key;
    int64_t epoch; /* -1 when the evaluation has no epoch */
    int64_t step;
    int rank; /* who logged it */
    double logged;
    bool has_truth;     /* false when the oracle logged no such key */
    double truth;       /* NAN without has_truth; with it a NAN is what the oracle logged */
    int64_t samples;    /* distinct samples behind the logged value; -1 if unknown */
    int64_t of;         /* samples in the whole data set */
    int64_t duplicates; /* samples counted more than once (sampler padding) */
    char *site;         /* "file:line" of the log call; (nullable) */
} DdpAuditRow;

typedef struct {
    char *kind; /* "partial_coverage", "unsynced_log", "duplicate_writer", … (see the design) */
    char *message;
    char *cls;        /* (nullable): class as in a diagnosis */
    GArray *ranks;    /* of int */
    GArray *blamed;   /* of int */
    GPtrArray *sites; /* of char*, "file:line" */
} DdpFinding;

/* What one rank was doing when the run ended or was ended. */
typedef struct {
    int rank;
    char *state;         /* "finished", "blocked", "failed", "running" */
    char *error;         /* (nullable) one line */
    char *collective;    /* (nullable) "all_gather" */
    char *group;         /* (nullable) "world" */
    int64_t seq;         /* -1 if none */
    char *site;          /* (nullable) "file:line" */
    GPtrArray *stack;    /* (nullable) of char*, innermost first, "file:line in function 'main'" */
    GArray *waiting_for; /* of int, ranks */
    int64_t since_ns;    /* virtual time at which it began to wait; -1 if it does not wait */
    char *signature;     /* (nullable) "float32[4], sum" */
    char *last_collective; /* (nullable) the last that it called, also of one that has left */
    char *last_site;       /* (nullable) where that was */
    int64_t waited_ns;     /* virtual time that it waited for others in collectives */
    int64_t held_up_ns;    /* that others waited, all together, because it came last */
    int64_t last_count;    /* collectives to which it came last while others waited */
} DdpRankRecord;

typedef struct {
    char *cls; /* "missing_rank", "kind", "shape", … */
    char *summary;
    char *root_cause;
    char *real_job;
    char *fix;      /* (nullable) what to change */
    GArray *blamed; /* of int; empty when the sides are even */
} DdpDiagnosisRecord;

typedef struct {
    char *kind;  /* "all_reduce" */
    char *group; /* "world" */
    int64_t count;
    int64_t bytes; /* payload of one rank's input, summed over calls and ranks */
} DdpCollectiveCount;

/* A choice that a logged number made, and what the true one would have chosen. */
typedef struct {
    char *what; /* "checkpoint", "early_stop", "lr" */
    int64_t epoch;
    char *took;
    char *true_would_take;
} DdpDecision;

typedef struct {
    char *scenario; /* title-less short name: file name without folder and .lua */
    char *scenario_path;
    char *title;
    char *lesson;
    char *variant;
    int variant_index; /* place among the scenario's variants, from 0 */
    char *fixes;       /* (nullable) the variant that this one fixes */
    uint64_t seed;
    char *engine;   /* "fibers" */
    char *schedule; /* "round_robin", "random:7", "order:0,2,1,3", "replay:TOKEN" */
    char *replay;   /* (nullable): the schedule that makes the same choices again; on fibers */
    char *backend;  /* "nccl", "gloo" */
    char *debug;    /* "verdict", "detail", "off" */
    int size, nodes, nproc_per_node;

    char *outcome;                 /* "completed", "deadlock", "mismatch", "error", "timeout" */
    double virtual_time;           /* seconds */
    GPtrArray *ranks;              /* of DdpRankRecord, by rank */
    DdpDiagnosisRecord *diagnosis; /* (nullable) */
    GPtrArray *findings;           /* of DdpFinding */
    GPtrArray *logs;               /* of DdpLogSeries, in order of first entry */
    GPtrArray *audit;              /* of DdpAuditRow */
    GPtrArray *decisions;          /* of DdpDecision */
    GPtrArray *collectives;        /* of DdpCollectiveCount, sorted by group then kind */
    GPtrArray *printed; /* of char*: the lines the scenario printed, in order, "rank\ttext" */

    int expected_met;             /* 1, 0, or -1 when nothing was expected */
    GPtrArray *expected_failures; /* of char* */

    GArray *choices; /* (nullable) of uint32_t: the schedule's, for who asked to keep them; not in
                      * the report */

    GHashTable *series_by_name; /* private: the members of logs by their names */
} DdpRunRecord;

DdpRunRecord *ddp_run_record_new(void); /* empty arrays, strings NULL, numbers 0, expected_met -1 */
void ddp_run_record_free(DdpRunRecord *record);

/*
 * Each of these returns what it appended, (transfer none), for the caller to fill in: arrays
 * are there and empty, strings NULL (their memory is taken over), numbers 0, ranks and
 * sequence numbers -1, a truth NAN.
 */
DdpAuditRow *ddp_run_record_add_audit(DdpRunRecord *record);
DdpFinding *ddp_run_record_add_finding(DdpRunRecord *record, const char *kind, const char *message);
DdpRankRecord *ddp_run_record_add_rank(DdpRunRecord *record, int rank); /* in order of rank */
DdpDecision *ddp_run_record_add_decision(DdpRunRecord *record, const char *what);
DdpDiagnosisRecord *ddp_run_record_set_diagnosis(DdpRunRecord *record, const char *cls);

/* (transfer none): found or appended. Takes the same time however many series there are. */
DdpLogSeries *ddp_run_record_series(DdpRunRecord *record, const char *logger, const char *path,
                                    const char *tag);
/* Appends a copy of @entry to its series. */
void ddp_run_record_log(DdpRunRecord *record, const char *logger, const char *path, const char *tag,
                        const DdpLogEntry *entry);

/* logged - truth; 0 if both are the same NAN or infinity; NAN if there is no truth. */
double ddp_audit_row_error(const DdpAuditRow *row);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpRunRecord, ddp_run_record_free)

G_END_DECLS
