/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "sim/audit/audit.h"
#include "sim/audit/run_record.h"
#include "sim/script/run_limits.h"
#include "sim/train/replicas.h"
#include "sim/world/trace.h"

G_BEGIN_DECLS

/*
 * One run of one variant, as all its ranks share it: where files go, what is left of the limits,
 * and the record that the report is made of. Locked by `lock` where it says so; counters are
 * atomic.
 */

typedef struct {
    DdpLimits limits;
    uint64_t seed;
    char *logs_folder;     /* owned; everything that a scenario writes lies below it */
    GMutex lock;           /* guards record, audit, replicas, interned */
    GHashTable *interned;  /* of char*: file names that call sites point to */
    DdpRunRecord *record;  /* owned */
    DdpAudit *audit;       /* (nullable): NULL with --no-audit */
    DdpReplicas *replicas; /* (nullable): made by the first DistributedDataParallel */
    DdpTrace *trace;       /* (nullable): borrowed */
    void (*print)(const char *line, int rank, void *user_data); /* under the lock */
    void (*progress)(int64_t collectives, void *user_data);     /* (nullable) */
    void *print_data;
    _Atomic int64_t met; /* collectives that ranks have come out of */

    _Atomic int64_t memory; /* bytes of Lua and tensors, all ranks */
    _Atomic int64_t files;
    _Atomic int64_t output;
    _Atomic int64_t entries;
} DdpPlay;

/* Not started yet; @logs_folder may be NULL where nothing can be written (tests, probing). */
DdpPlay *ddp_play_new(const DdpLimits *limits, uint64_t seed, const char *logs_folder);
void ddp_play_free(DdpPlay *play);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpPlay, ddp_play_free)

G_END_DECLS
