/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/train/results.h"

G_BEGIN_DECLS

/*
 * Names and their last values, in the order in which the names first came: what
 * trainer.callback_metrics, logged_metrics and progress_bar_metrics are made from, and what goes
 * to the loggers.
 *
 * A value that was set stands there until the dictionary is cleared, as in Lightning: nothing is
 * ever taken out during a run.
 */

typedef struct DdpMetricDict DdpMetricDict;

typedef struct {
    const char *name;
    DdpResultValue value;
    const char *site; /* (nullable): where it was logged first */
} DdpMetric;

DdpMetricDict *ddp_metric_dict_new(void);
void ddp_metric_dict_free(DdpMetricDict *dict);
void ddp_metric_dict_clear(DdpMetricDict *dict);

int ddp_metric_dict_count(const DdpMetricDict *dict);
/* (transfer none): valid until the next set or clear. */
const DdpMetric *ddp_metric_dict_get(const DdpMetricDict *dict, int index);

/* @name and @site are copied when they are new. */
void ddp_metric_dict_set(DdpMetricDict *dict, const char *name, DdpResultValue value,
                         const char *site);

/* (transfer none) (nullable): where the value under that name was logged first. */
const char *ddp_metric_dict_site(const DdpMetricDict *dict, const char *name);

/* How many values have been set; and of one, how many had been when it was set last. */
uint64_t ddp_metric_dict_changes(const DdpMetricDict *dict);
uint64_t ddp_metric_dict_changed_at(const DdpMetricDict *dict, int index);

typedef struct {
    DdpMetricDict *callback; /* (nullable) */
    DdpMetricDict *logged;   /* (nullable) */
    DdpMetricDict *bar;      /* (nullable) */
} DdpMetricDicts;

/**
 * ddp_metric_dicts_update:
 *
 * Shows the valid entries of @results that have a value in this phase. Each goes to `logged` under
 * its forked name if it has a logger; to `callback` under both names, but from an evaluation only
 * at the epoch's end; to `bar` if it has prog_bar.
 */
bool ddp_metric_dicts_update(const DdpMetricDicts *dicts, DdpResults *results, DdpResultPhase phase,
                             GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpMetricDict, ddp_metric_dict_free)

G_END_DECLS
