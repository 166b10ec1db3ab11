/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/world/world.h"

G_BEGIN_DECLS

/*
 * Why no rank could go on, in words and in data.
 *
 * Works on the verdicts of all ranks (sim/world/world.h) after the run. Blame is reasoned: where
 * most ranks did one thing and few another, the few are named; where the sides are even, nobody
 * is. A rank that failed is blamed whoever waits for it.
 */

typedef struct {
    const char *cls; /* "missing_rank", "kind", "shape", "dtype", "op", "root", "died", "endless" */
    char *summary;   /* one line: what happened and where */
    char *root_cause; /* one sentence: why */
    char *real_job;   /* what the real job would have done, and what it would have cost */
    char *fix;        /* what to change */
    GArray *blamed;   /* of int, rising; empty when the sides are even */
    GArray *missing;  /* of int, rising: the ranks that those in the collective wait for */
} DdpDiagnosis;

/**
 * ddp_diagnosis_new:
 * @world: one that has run
 *
 * Returns: (transfer full) (nullable): NULL if nobody waited in vain
 */
DdpDiagnosis *ddp_diagnosis_new(const DdpWorld *world, DdpBackend backend);
void ddp_diagnosis_free(DdpDiagnosis *diagnosis);

/* (transfer full): ranks for people: "rank 0", "ranks 1-3, 7". */
char *ddp_ranks_text(const GArray *ranks);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpDiagnosis, ddp_diagnosis_free)

G_END_DECLS
