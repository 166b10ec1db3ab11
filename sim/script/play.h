/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "sim/audit/audit.h"
#include "sim/audit/run_record.h"
#include "sim/script/run_limits.h"
#include "sim/script/tell.h"
#include "sim/train/replicas.h"
#include "sim/world/trace.h"

G_BEGIN_DECLS

/*
 * One run of one variant, as all its ranks share it: where files go, what is left of the limits,
 * and the record that the report is made of.
 *
 * What a rank may do with it is the same on every engine. It reads what was there before the
 * ranks began; it counts in `counts`, which ranks in other processes see as well; and everything
 * else it tells through the one door `tell`. Record, audit, replicas and stacks are never
 * touched by a rank itself but for what is fixed before it begins.
 */

/* What is counted over the whole world; each on a cache line of its own. */
typedef struct {
    alignas(64) _Atomic int64_t memory; /* bytes of Lua and tensors, all ranks */
    alignas(64) _Atomic int64_t files;
    alignas(64) _Atomic int64_t output;
    alignas(64) _Atomic int64_t entries;
    alignas(64) _Atomic int64_t met; /* collectives that ranks have come out of */
} DdpPlayCounts;

/* What the ranks of a play share, whatever engine carries them. */
typedef enum {
    DDP_RANKS_TAKE_TURNS,   /* a thread */
    DDP_RANKS_SHARE_MEMORY, /* they run side by side */
    DDP_RANKS_ARE_FORKED,   /* each has a memory of its own */
} DdpRanksKind;

struct DdpPlay {
    DdpLimits limits;
    uint64_t seed;
    DdpRanksKind ranks;
    int world_size;
    char *logs_folder;     /* owned; everything that a scenario writes lies below it */
    DdpPlayCounts *counts; /* owned; in memory that forked ranks share */
    DdpTell *tell;         /* owned */
    DdpAudit *audit;       /* (nullable): NULL with --no-audit */
    void (*print)(const char *line, int rank, void *user_data); /* (nullable): under the lock */
    void (*progress)(int64_t collectives, void *user_data);     /* (nullable): under the lock */
    void *print_data;
    DdpTrace *trace; /* (nullable): borrowed; any rank may write to it */

    /* Guards all that follows, and what `audit` points to. No GMutex: the thread sanitizer does not
     * see inside GLib. */
    pthread_mutex_t lock;
    DdpRunRecord *record;  /* owned */
    DdpReplicas *replicas; /* (nullable): made by the first DistributedDataParallel */
    DdpTextFiles *text_files; /* owned: what ranks wrote to files of plain text */
    GHashTable *interned;  /* of char*: file names that call sites point to */
    bool *muted;           /* by rank, its own: what it tells is not heard any more */
    GPtrArray **stacks;    /* by rank, each (nullable): where it was when it failed or was ended */
};

/* Of a world of one, for reading a file; @logs_folder may be NULL where nothing can be written. */
DdpPlay *ddp_play_new(const DdpLimits *limits, uint64_t seed, const char *logs_folder);
void ddp_play_free(DdpPlay *play);

/**
 * ddp_play_prepare:
 *
 * Before the world is made: so many ranks will play. Once a play.
 */
bool ddp_play_prepare(DdpPlay *play, DdpRanksKind ranks, int world_size, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpPlay, ddp_play_free)

G_END_DECLS
