/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/world/world.h"

G_BEGIN_DECLS

/*
 * Why no rank could go on, in words and in data.
 *
 * Works on what the world knows of its ranks after the run: where each stood when the verdict fell,
 * from which places it had called, and, where the world could find out, what it would have called
 * next. The cause is the first difference between the ranks' calls, not where they stand at last.
 * Blame is reasoned: where most ranks did one thing and few another, the few are named; where the
 * sides are even, nobody is. A rank that failed is blamed whoever waits for it.
 *
 *   diagnosis.c        which kind of trouble it is
 *   diagnosis_stops.c  where the ranks stand, who waits for whom, and where that began
 *   diagnosis_gap.c    who made a call that others did not make, or more often
 *   diagnosis_meet.c   ranks that met with different calls, or in another order
 *   diagnosis_chain.c  circles of waits; messages
 *   diagnosis_words.c  words
 */

typedef struct {
    const char *cls;  /* "missing_rank", "order", "kind", ...: docs/diagnosis.md has them all */
    char *summary;    /* one line: what happened and where */
    char *root_cause; /* a sentence or two: why */
    char *real_job;   /* what the real job would have done, and what it would have cost */
    char *fix;        /* what to change */
    GArray *blamed;   /* of int, rising; empty when the sides are even */
    GArray *missing;  /* of int, rising: who did not come to the place where it began */
    GPtrArray *waits; /* private: see ddp_diagnosis_waiting_for() */
    int *stop_of;     /* private */
} DdpDiagnosis;

/**
 * ddp_diagnosis_new:
 * @world: one that has run, and outlives the result
 *
 * Returns: (transfer full) (nullable): NULL if nobody waited in vain and nobody failed
 */
DdpDiagnosis *ddp_diagnosis_new(const DdpWorld *world, DdpBackend backend);
void ddp_diagnosis_free(DdpDiagnosis *diagnosis);

/* (transfer none) (nullable): of int, rising: whom @rank waits for; all ranks, itself included,
 * where any other would do. NULL if it waits for nobody. */
const GArray *ddp_diagnosis_waiting_for(const DdpDiagnosis *diagnosis, int rank);

/* (transfer full): ranks for people: "rank 0", "ranks 1-3, 7". */
char *ddp_ranks_text(const GArray *ranks);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpDiagnosis, ddp_diagnosis_free)

G_END_DECLS
