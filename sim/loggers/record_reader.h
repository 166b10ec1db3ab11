/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/loggers/event_problem.h"

G_BEGIN_DECLS

/*
 * Reads the records of an event file one by one, whatever the file holds.
 *
 * A record is: length (u64), checksum of the length, data, checksum of the data. The length is
 * believed only when its checksum fits, and only up to what the file still holds, so memory is
 * bounded by the largest honest record and DDP_RECORD_BYTES_MAX. Damage is reported and passed:
 * bad data is skipped as a record; after a bad length, or one that leads astray, the file is
 * searched for the next place where a length and its checksum agree. Half a record at the end stays
 * unread, so that a later reader may go on there when the file has grown.
 */

#define DDP_RECORD_BYTES_MAX (64u << 20)

typedef struct DdpRecordReader DdpRecordReader;

typedef struct {
    const uint8_t *data; /* valid until the next call on the reader */
    size_t size;
    uint64_t offset; /* of the record's first byte in the file */
} DdpRecord;

/**
 * ddp_record_reader_open:
 * @offset: where to begin; 0, or what ddp_record_reader_offset() gave earlier for this file
 * @problems: (transfer none): gets what was wrong; must outlive the reader
 *
 * Returns: (nullable) (transfer full): NULL if the file cannot be opened or is no regular file,
 *   which is a problem, too
 */
DdpRecordReader *ddp_record_reader_open(const char *path, uint64_t offset,
                                        DdpEventProblems *problems);
void ddp_record_reader_free(DdpRecordReader *reader);

/* Returns: false at the end of what can be read */
bool ddp_record_reader_next(DdpRecordReader *reader, DdpRecord *record);

/* The first byte that was neither handed out nor passed over as damaged. */
uint64_t ddp_record_reader_offset(const DdpRecordReader *reader);

/* Reports damage in the record last handed out, which only its user can see. */
void ddp_record_reader_report(DdpRecordReader *reader, const DdpRecord *record, const char *what);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpRecordReader, ddp_record_reader_free)

G_END_DECLS
