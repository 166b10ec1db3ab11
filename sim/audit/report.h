/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

#include "sim/audit/run_record.h"

G_BEGIN_DECLS

/*
 * The record of a run as report.json: the contract of docs/report.md, held by
 * docs/report.schema.json, for everything that reads a run.
 *
 * Three promises. The tree, the file and the one-line text say the same, because one function
 * tells all three. A report file is whole or not there. And two runs that ought to be equal on
 * every engine and machine have equal digests.
 *
 * Strings are valid UTF-8 (a wrong byte becomes U+FFFD). JSON knows no NAN and no infinity:
 * such a number is null, and a log entry or an audit row then says which it was
 * ("nonfinite": "nan", "inf" or "-inf").
 */

#define DDP_REPORT_FORMAT "ddpsim-report"
#define DDP_REPORT_VERSION 1
#define DDP_REPORT_FILE "report.json"

#define DDP_REPORT_ERROR ddp_report_error_quark()
GQuark ddp_report_error_quark(void);

typedef enum {
    DDP_REPORT_ERROR_WRITE, /* no folder, no permission, no space */
} DdpReportError;

/* (transfer full): the report as a tree. */
JsonNode *ddp_report_build(const DdpRunRecord *record);

/* (transfer full): the report as one line of text, without the newline. */
char *ddp_report_line(const DdpRunRecord *record);

/**
 * ddp_report_write:
 * @folder: an existing folder
 *
 * Writes @folder/report.json: first under a temporary name beside it, then renamed, so that
 * whoever finds the file finds all of it. After a failure neither a temporary file nor a
 * changed report.json is left. The caller ignores SIGXFSZ if it wants a limit on file sizes to
 * be an error rather than the end of the process.
 */
bool ddp_report_write(const DdpRunRecord *record, const char *folder, GError **error);

/**
 * ddp_report_digest:
 *
 * SHA-256, as 64 lower-case hex digits, over what must be equal on every engine, schedule and
 * machine. What goes in, item by item, each item with a letter in front:
 *
 *   text     's', length in bytes (8 bytes, little-endian), the bytes;  a missing text is '0'
 *   integer  'i', two's complement (8 bytes, little-endian)
 *   real     'd', IEEE-754 binary64 (8 bytes, little-endian); every NAN is 7ff8000000000000
 *   list     'l', count (8 bytes, little-endian), then the elements
 *
 *   text "ddpsim-digest-1"
 *   text outcome
 *   list diagnosis, none or one: text class, text root cause, list of integer blamed (sorted)
 *   list ranks that do not run any more, by rank: integer rank, text collective, text site
 *   list log series, sorted by logger, path, tag (as bytes): these three texts, then
 *     list entries, by rank, those of one rank in the order written:
 *       integer rank, integer step, real value
 *   list audit rows, in the order of the record: text key, integer epoch, step, rank, real
 *     logged, integer has_truth, real truth, integer samples, of, duplicates, text site
 *
 * Entries go in by rank, because the order in which several ranks reach one file is the
 * schedule's choice, while what each rank wrote is not; the report's own list has them in the
 * order written. Texts that name places (sites, root cause) lose the folders of file names.
 * Seed, engine, schedule, virtual time, findings, printed lines and paths stay out.
 *
 * Returns: (transfer full)
 */
char *ddp_report_digest(const DdpRunRecord *record);

G_END_DECLS
