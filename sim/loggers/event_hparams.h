/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "sim/loggers/event_writer.h"

G_BEGIN_DECLS

/*
 * Hyper-parameters, as TensorBoard's hparams table reads them: three summaries that say which
 * names there are, which values this run has, and that it ended well.
 */

typedef struct {
    const char *name;
    const char *text; /* NULL for a number */
    double number;    /* torch writes a truth value as 1 or 0 */
} DdpHparam;

typedef struct {
    const char *name;
    float value;
} DdpHparamMetric;

typedef struct {
    const DdpHparam *hparams; /* in the order in which they are written */
    size_t hparam_count;
    const DdpHparamMetric *metrics;
    size_t metric_count;
} DdpHparamSet;

/* The three summaries alone; the metrics are named, and not written as scalars. */
bool ddp_event_hparams_add(DdpEventWriter *writer, const DdpHparamSet *set, double wall_time,
                           GError **error);

#define DDP_HPARAMS_RUN_NAME_BYTES 40

/* The folder that torch gives a run without a name: the time as Python prints it. */
void ddp_event_hparams_run_name(double wall_time, char name[DDP_HPARAMS_RUN_NAME_BYTES]);

/**
 * ddp_event_hparams_write_run:
 * @spec: of the file, in the folder of the sub-run
 * @bytes: (out) (optional): the size of the file
 *
 * As add_hparams() of torch: a file of its own in a sub-folder, with the three summaries and
 * the metrics as scalars at step 0.
 */
bool ddp_event_hparams_write_run(const DdpEventWriterSpec *spec, const DdpHparamSet *set,
                                 uint64_t *bytes, GError **error);

G_END_DECLS
