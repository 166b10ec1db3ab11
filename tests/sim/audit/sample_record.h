/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "sim/audit/run_record.h"

/*
 * Records as real runs leave them, for tests of whatever reads a record: the validation lesson
 * (4 ranks, 3 epochs, val_loss and val_acc) and the guarded gather.
 */

typedef enum {
    SAMPLE_RANK_ZERO,  /* rank 0 logs its quarter */
    SAMPLE_EVERY_RANK, /* all four log theirs, into one folder */
    SAMPLE_REDUCED,    /* rank 0 logs the mean over all, and fixes the first */
} SampleVariant;

/* (transfer full) */
DdpRunRecord *sample_validation(SampleVariant variant);

/* (transfer full): a deadlock with its diagnosis. */
DdpRunRecord *sample_deadlock(void);

/* (transfer full): nothing in it is empty, and some of it is hostile. */
DdpRunRecord *sample_with_everything(void);
