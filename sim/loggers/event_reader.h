/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "sim/loggers/event.pb-c.h"
#include "sim/loggers/event_problem.h"

G_BEGIN_DECLS

/*
 * Reads the events of one event file, from whatever wrote it. A record that is no event is
 * reported and passed, as damaged records are (record_reader.h).
 *
 * What an event takes in memory is bounded by DDP_EVENT_BYTES_MAX: a few bytes on disk can ask
 * for many times as much when they are unpacked.
 */

#define DDP_EVENT_BYTES_MAX ((size_t)256 << 20)

typedef struct DdpEventReader DdpEventReader;

/* As ddp_record_reader_open(). */
DdpEventReader *ddp_event_reader_open(const char *path, uint64_t offset,
                                      DdpEventProblems *problems);
void ddp_event_reader_free(DdpEventReader *reader);

/* Returns: (nullable) (transfer none): the next event, valid until the next call; NULL at the end
 */
const Ddp__Tb__Event *ddp_event_reader_next(DdpEventReader *reader);

/* Where a later reader goes on: everything before was read or is damaged. */
uint64_t ddp_event_reader_offset(const DdpEventReader *reader);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpEventReader, ddp_event_reader_free)

G_END_DECLS
