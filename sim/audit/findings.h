/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "sim/audit/run_record.h"

G_BEGIN_DECLS

/*
 * What the audit rows and the log entries of a finished run show, in sentences. Each function
 * appends to record->findings, in the order in which keys and places first appear in the record.
 */

/* partial_coverage and padded_duplicates, at most one of each per key. */
void ddp_findings_from_audit(DdpRunRecord *record);

/* duplicate_writer, at most one per logger and path. */
void ddp_findings_from_logs(DdpRunRecord *record);

G_END_DECLS
