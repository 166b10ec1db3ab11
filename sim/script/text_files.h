/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/audit/run_record.h"

G_BEGIN_DECLS

/*
 * Text files that several ranks write, each through a descriptor and a buffer of its own.
 *
 * Which rank's bytes come first is a race in a real job. Here ranks only hand over what they
 * write, with the virtual time of the write, and the files are put together when the run is over,
 * in the order of time, then rank. So they are the same on every engine, and so is what is found
 * in them: a line of one rank with another's bytes in the middle.
 */

typedef struct DdpTextFiles DdpTextFiles;

/* One write(2), or the truncation by an open with mode "w". */
typedef struct {
    const char *path;  /* as the scenario named it */
    const char *site;  /* (nullable): of the line whose bytes are the first that are written */
    const char *bytes; /* without a zero byte; "" is an open: mode "w" truncates */
    int64_t time_ns;
    int64_t offset; /* where a file in mode "w" stands; below 0: at the end, as with O_APPEND */
    int rank;
} DdpTextWrite;

DdpTextFiles *ddp_text_files_new(void);
void ddp_text_files_free(DdpTextFiles *files);

/* Copies all of it. */
void ddp_text_files_add(DdpTextFiles *files, const DdpTextWrite *write);

/* Writes the files below @folder and puts a finding `torn_line` for each rank and file it happened
 * to into @record. Once. */
bool ddp_text_files_finish(DdpTextFiles *files, const char *folder, DdpRunRecord *record,
                           GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpTextFiles, ddp_text_files_free)

G_END_DECLS
