/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/script/scenario.h"

G_BEGIN_DECLS

/*
 * The check that a run is a function of its scenario and its seed: it is played twice, and nothing
 * may differ.
 *
 * On fibers every choice of the schedule, every line of the trace and every file is compared, byte
 * for byte. On other engines the order is nobody's choice, so the digest and the verdict are.
 */

typedef struct {
    bool same;   /* nothing differed */
    char *told;  /* what was compared, or the first difference: lines, without the last newline */
    char *aside; /* (nullable): where the files of the first run lie, if there is a difference */
} DdpDeterminism;

void ddp_determinism_clear(DdpDeterminism *determinism);

/**
 * ddp_determinism_run:
 * @found: (out)
 *
 * Plays variant @index as ddp_scenario_run() does, and once more, in silence, in the same folder.
 * The files of the first run stand aside meanwhile.
 *
 * Returns: (transfer full): the record of the second run
 */
DdpRunRecord *ddp_determinism_run(DdpScenario *scenario, int index, const DdpRunSpec *spec,
                                  DdpDeterminism *found, GError **error);

/*
 * Compares two runs by their records and what lies in their folders. Returns false with @error set
 * if a file cannot be read.
 */
bool ddp_determinism_compare(const DdpRunRecord *first, const char *first_folder,
                             const DdpRunRecord *second, const char *second_folder,
                             DdpDeterminism *found, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DdpDeterminism, ddp_determinism_clear)

G_END_DECLS
