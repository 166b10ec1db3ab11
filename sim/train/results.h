/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/dtype.h"
#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * What self:log keeps until it is shown: Lightning's _ResultCollection, one for training and one
 * for each evaluation loop.
 *
 * An entry stands for a name in a hook ("validation_step" "val_loss", and the loader's index with
 * several loaders); entries stay in the order in which they were first logged, and that is the
 * order in which they are reduced over the ranks. So all ranks must log the same names in the same
 * order.
 *
 *   step value     the last one logged, reduced over the ranks at once where sync_dist is on
 *   epoch value    mean: S / N with S = sum of value * weight and N = sum of weights; sum, min,
 * max; reduced when it is first asked for, and kept until something is logged or reset
 *
 * Promise: the arithmetic is that of torch's tensors, bit for bit where the sums are exact. S is
 * float32, or float64 once a float64 was logged. N is an int64; its mean over the ranks is put back
 * into the int64 and so loses its fraction, and it stays reduced, as the original works in place.
 *
 * How ranks are reached, and Metric objects, are the caller's: a struct of functions. They
 * may leave by longjmp; an entry is then as it was before.
 */

typedef struct DdpResults DdpResults;
typedef struct DdpResultEntry DdpResultEntry;

/* A number as a 0-dimensional tensor holds it. */
typedef struct {
    DdpDtype dtype; /* float32 or float64 */
    double value;
} DdpResultValue;

/* What is done with the values of an epoch, and with those of the ranks. */
typedef enum {
    DDP_RESULT_MEAN,
    DDP_RESULT_SUM,
    DDP_RESULT_MIN,
    DDP_RESULT_MAX,
} DdpResultReduce;

/* "mean", "sum", ...: torch's name of it. */
const char *ddp_result_reduce_name(DdpResultReduce reduce);

/**
 * ddp_result_reduce_from_name:
 *
 * As Lightning reads reduce_fx: letters of either case, and "avg" is a mean. Anything else is
 * refused.
 */
bool ddp_result_reduce_from_name(const char *name, DdpResultReduce *reduce, GError **error);

/* The options of self:log as they hold for an entry; logging it again with others is an error. */
typedef struct {
    bool prog_bar;
    bool logger;
    bool on_step;
    bool on_epoch;
    DdpResultReduce reduce;
    bool enable_graph;
    bool sync_dist; /* asked for, and the strategy is distributed */
    bool rank_zero_only;
    bool add_dataloader_idx;
    const void *group;            /* (nullable): borrowed; sync_dist_group */
    const char *metric_attribute; /* (nullable): equal texts are one pointer */
} DdpResultMeta;

/* What an entry is; valid as long as the results. */
typedef struct {
    const char *hook;   /* "validation_step" */
    const char *name;   /* as it was logged */
    int dataloader_idx; /* -1: there is only one loader */
    bool is_tensor;     /* false: a Metric object */
    DdpResultMeta meta;
    const char *site; /* (nullable): "file:line" where it was first logged */
} DdpResultFacts;

typedef enum {
    DDP_RESULT_OP_SUM,
    DDP_RESULT_OP_AVG,
    DDP_RESULT_OP_MIN,
    DDP_RESULT_OP_MAX,
} DdpResultOp;

/* What results ask of whoever runs the rank. @purpose is "log val_loss: barrier" and the like. */
typedef struct {
    bool has_avg; /* the backend averages by itself (NCCL); else it is a sum, divided here */
    /* How many ranks the group of the entry has. */
    int (*size)(void *user_data, const DdpResultFacts *entry);
    bool (*barrier)(void *user_data, const DdpResultFacts *entry, const char *purpose,
                    GError **error);
    /* In place on one number of @dtype. */
    bool (*all_reduce)(void *user_data, const DdpResultFacts *entry, const char *purpose,
                       DdpResultOp op, DdpDtype dtype, void *number, GError **error);
    /* An epoch value of a tensor is computed without sync_dist. */
    void (*unsynced)(void *user_data, const DdpResultFacts *entry);
    /* Of Metric objects, which are known by a number of the caller's. */
    bool (*metric_compute)(void *user_data, const DdpResultFacts *entry, int64_t metric,
                           DdpResultValue *value, GError **error);
    bool (*metric_reset)(void *user_data, const DdpResultFacts *entry, int64_t metric,
                         GError **error);
    void *user_data;
} DdpResultOps;

/* (transfer full); @ops is copied. */
DdpResults *ddp_results_new(bool training, const DdpResultOps *ops);
void ddp_results_free(DdpResults *results);

bool ddp_results_is_training(const DdpResults *results);

/* The loader whose batches come now, -1 if there is only one or none. */
void ddp_results_set_dataloader(DdpResults *results, int dataloader_idx);
int ddp_results_dataloader(const DdpResults *results);

int ddp_results_count(const DdpResults *results);
/* (transfer none): in the order in which they were first logged. */
DdpResultEntry *ddp_results_entry(DdpResults *results, int index);

/* (transfer none) (nullable): that of the current loader, if @add_dataloader_idx. */
DdpResultEntry *ddp_results_find(DdpResults *results, const char *hook, const char *name,
                                 bool add_dataloader_idx);

/**
 * ddp_results_log:
 * @known: (nullable): the entry, if the caller knows it
 * @meta: its options
 * @site: (nullable): of the call
 *
 * Returns: (transfer none): the entry, made if there is none; NULL with @error set if the options
 *   make no sense or differ from those of the first time
 */
DdpResultEntry *ddp_results_log(DdpResults *results, DdpResultEntry *known, const char *hook,
                                const char *name, const DdpResultMeta *meta, bool is_tensor,
                                const char *site, GError **error);

/* Whether the weight of what is logged counts: the mean over an epoch, of tensors. */
bool ddp_result_entry_is_weighted(const DdpResultEntry *entry);

/**
 * ddp_result_entry_observe:
 * @weight: of the mean, a whole number or not; torch's sums of weights differ accordingly
 */
bool ddp_result_entry_observe(DdpResults *results, DdpResultEntry *entry, DdpResultValue value,
                              DdpNumber weight, GError **error);

/**
 * ddp_result_entry_observe_metric:
 * @metric: its number
 * @forward: (nullable): what its forward() gave last
 */
void ddp_result_entry_observe_metric(DdpResultEntry *entry, int64_t metric,
                                     const DdpResultValue *forward);

const DdpResultFacts *ddp_result_entry_facts(const DdpResultEntry *entry);

typedef enum {
    DDP_RESULT_STEP,
    DDP_RESULT_EPOCH,
} DdpResultPhase;

/* Under which name it is shown: with the loader's index, and plain or as "_step" or "_epoch". */
const char *ddp_result_entry_name(const DdpResultEntry *entry);
const char *ddp_result_entry_forked_name(const DdpResultEntry *entry, DdpResultPhase phase);

/* Whether it was logged since the last reset, and under the current loader. */
bool ddp_result_entry_is_valid(const DdpResults *results, const DdpResultEntry *entry);

/**
 * ddp_result_entry_value:
 * @has: (out): false if it has no value in this phase
 *
 * In the epoch phase this reduces over the ranks: a collective.
 */
bool ddp_result_entry_value(DdpResults *results, DdpResultEntry *entry, DdpResultPhase phase,
                            DdpResultValue *value, bool *has, GError **error);

typedef enum {
    DDP_RESET_ALL,
    DDP_RESET_TENSORS,
    DDP_RESET_METRICS,
} DdpResetKind;

/**
 * ddp_results_reset:
 * @hook: (nullable): only entries of that hook; those of one of several loaders never match, as
 *   they carry its index in the original
 */
bool ddp_results_reset(DdpResults *results, DdpResetKind kind, const char *hook, GError **error);

/* What an entry holds, for a checkpoint. */
typedef struct {
    DdpResultValue sum;
    int64_t weight;
    float weight_f32;
    bool weight_is_float;
    bool has_forward;
    bool has_computed;
    bool was_reset;
    DdpResultValue forward;
    DdpResultValue computed;
} DdpResultHeld;

DdpResultHeld ddp_result_entry_held(const DdpResultEntry *entry);
/* @metric: the number of its Metric object, for an entry of one. */
void ddp_result_entry_hold(DdpResultEntry *entry, const DdpResultHeld *held, int64_t metric);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpResults, ddp_results_free)

G_END_DECLS
