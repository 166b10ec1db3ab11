/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/audit/run_record.h"
#include "sim/world/diagnosis.h"

G_BEGIN_DECLS

/* From what a world knows after its run to the plain data that a report is made of. */

/* @stacks: by rank, each (nullable): of char*, innermost first */
void ddp_record_ranks(DdpRunRecord *record, const DdpWorld *world, const DdpDiagnosis *diagnosis,
                      GPtrArray *const *stacks);
void ddp_record_diagnosis(DdpRunRecord *record, const DdpDiagnosis *diagnosis);

/* A finding for each pair of calls that were paired in silence and do not belong together. */
void ddp_record_pairings(DdpRunRecord *record, const DdpComm *comm);

G_END_DECLS
