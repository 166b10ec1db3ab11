/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/audit/run_record.h"

G_BEGIN_DECLS

/*
 * From evaluations to audit rows: beside each value that a rank logged inside an evaluation
 * stand the value that one process with the whole data set logged under the same key, and how
 * many samples the rank's value rests on.
 *
 * While the ranks run, the caller notes five things, each with the number of the evaluation it
 * belongs to (greater numbers are later evaluations): samples that a rank's loader handed out,
 * a merge, a logged value, a true value, and, if it likes, that an evaluation is over.
 * ddp_audit_finish() turns them into rows and findings.
 *
 * Which samples a value rests on: those that its rank consumed in the evaluation before the log
 * call and, once the rank has merged n times, those that every rank consumed before its own n-th
 * merge. A merge only says that the other ranks' samples *may* stand behind the value from then
 * on; what the program made of the data, the error shows.
 *
 * Promise: rows and findings depend on what each rank did, in the order of its own program,
 * and never on how the ranks' calls were interleaved.
 *
 * Cost: 4 bytes a consumed sample until the evaluation ends; time linear in samples, merges
 * times ranks, and n log n in log calls.
 *
 * Not locked: on engines that run ranks in parallel the caller serialises all calls.
 */

/* A logged value is right if |error| is at most this times |truth| (or times 1e-6 if smaller). */
#define DDP_AUDIT_TOLERANCE 1e-6

typedef struct DdpAudit DdpAudit;

/* (transfer full) */
DdpAudit *ddp_audit_new(int world_size);
void ddp_audit_free(DdpAudit *audit);

/**
 * ddp_audit_samples:
 * @dataset_size: samples in the whole data set; 0 is no data set and is ignored
 * @indices: what the loader hands to @rank now, each from 0 to @dataset_size - 1
 *
 * Data sets of different sizes in one evaluation are taken for different ones, and a value's
 * data set is then all of those that were read before it. Data sets of equal size are taken
 * for the same.
 */
void ddp_audit_samples(DdpAudit *audit, int evaluation, int rank, size_t dataset_size,
                       const int64_t *indices, size_t count);

/* A collective of the whole world that carries data completed on @rank inside the evaluation. */
void ddp_audit_merged(DdpAudit *audit, int evaluation, int rank);

/**
 * ddp_audit_logged:
 * @epoch: -1 if there is none
 * @site: (nullable): "file:line" of the log call
 */
void ddp_audit_logged(DdpAudit *audit, int evaluation, int64_t epoch, int rank, const char *key,
                      int64_t step, double value, const char *site);

/**
 * ddp_audit_truth:
 *
 * The oracle logged @value under @key. It is the truth for a value that a rank logs under
 * the same key at the same step (the n-th such value has the n-th such truth), and also for one
 * at another step if it is the only truth of that key in the evaluation.
 */
void ddp_audit_truth(DdpAudit *audit, int evaluation, const char *key, int64_t step, double value);

/*
 * Nothing more will be noted about the evaluation: its samples can be forgotten. Optional; it
 * keeps memory flat in a run of many evaluations. Later notes about it are ignored.
 */
void ddp_audit_end_evaluation(DdpAudit *audit, int evaluation);

/**
 * ddp_audit_finish:
 *
 * Ends all evaluations, appends their rows to @record->audit, ordered by evaluation, key (as
 * the lowest rank first logged them), rank, and the rank's own order, and appends what
 * they and @record->logs show to @record->findings:
 *
 *   partial_coverage   a value rests on fewer samples than the data set has; not said of a
 *                      key whose values all equal the truth (a learning rate, an epoch)
 *   padded_duplicates  a value rests on all samples, some counted more than once, and is wrong
 *   duplicate_writer   several ranks wrote the same key at the same step into one place
 *
 * Call once; afterwards only ddp_audit_free().
 */
void ddp_audit_finish(DdpAudit *audit, DdpRunRecord *record);

/* The logged value equals the true one within DDP_AUDIT_TOLERANCE. False without a truth. */
bool ddp_audit_row_is_right(const DdpAuditRow *row);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpAudit, ddp_audit_free)

G_END_DECLS
