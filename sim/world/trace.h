/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "comm_shm/call.h"

G_BEGIN_DECLS

/*
 * Who did what, when, in which collective: one JSON document a line.
 *
 *   {"t": ns, "rank": r, "event": "enter", "call": "all_reduce", "group": "world", "seq": 3,
 *    "signature": "all_reduce(float32[4], sum)", "site": "file:line"}
 *
 * Events: start; enter and leave, of a collective; begin, of one that is waited for later, then
 * wait and done where that happens; sleep and wake; compute, with its length as "ns"; log;
 * finish and fail; verdict, of no rank (-1). A reader passes over kinds that it does not know.
 * docs/trace.md describes them one by one. `t` is virtual time. With the fibers engine the file is
 * the same, byte for byte, whenever the seed is.
 *
 * Any thread may write to a trace at any time: lines never mix. Lines are kept back and written by
 * the block, until ddp_trace_share() says that other processes write as well.
 */

#define DDP_TRACE_FILE "trace.jsonl"

typedef struct DdpTrace DdpTrace;

/* (transfer full): a trace into a new file @path. */
DdpTrace *ddp_trace_new(const char *path, GError **error);
/* Writes what is left; false if anything could not be written, by whomever. Does not free. */
bool ddp_trace_close(DdpTrace *trace, GError **error);
void ddp_trace_free(DdpTrace *trace);

/*
 * From now on, and for good, processes that are forked may write to this trace too: each line
 * goes to the end of the file in one write of its own. Of the processes only the one that made the
 * trace closes it, when the others are gone.
 */
void ddp_trace_share(DdpTrace *trace);

/* @event alone, with @text as "text" unless NULL. */
void ddp_trace_event(DdpTrace *trace, int64_t now_ns, int rank, const char *event,
                     const char *text);

/* Something that took @duration_ns of the rank's time, from @start_ns on; @text as above. */
void ddp_trace_span(DdpTrace *trace, int64_t start_ns, int rank, const char *event,
                    int64_t duration_ns, const char *text);

/* How long a rank was in a collective, and for whom it waited there. */
typedef struct {
    int64_t since_ns; /* when it entered */
    int last_rank;    /* who came last of all members, itself perhaps; -1 if unknown */
} DdpTraceWait;

/* @wait: (nullable): of a "leave" or a "done"; written as "waited", in ns, and "last" */
void ddp_trace_call(DdpTrace *trace, int64_t now_ns, int rank, const char *event,
                    const DdpCall *call, const char *group, uint64_t seq, const DdpTraceWait *wait);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpTrace, ddp_trace_free)

G_END_DECLS
