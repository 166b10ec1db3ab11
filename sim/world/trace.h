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
 *    "site": "file:line", "signature": "all_reduce(float32[4], sum)"}
 *
 * Events: start, enter, leave, begin (a collective that is waited for later), sleep, wake, log,
 * finish, fail, verdict. `t` is virtual time. With the fibers engine the file is the same, byte for
 * byte, whenever the seed is.
 */

typedef struct DdpTrace DdpTrace;

/* (transfer full): a trace into a new file @path. */
DdpTrace *ddp_trace_new(const char *path, GError **error);
/* Writes what is left; false if anything could not be written. Does not free. */
bool ddp_trace_close(DdpTrace *trace, GError **error);
void ddp_trace_free(DdpTrace *trace);

/* @event alone, with @text as "text" unless NULL. */
void ddp_trace_event(DdpTrace *trace, int64_t now_ns, int rank, const char *event,
                     const char *text);
void ddp_trace_call(DdpTrace *trace, int64_t now_ns, int rank, const char *event,
                    const DdpCall *call, const char *group, uint64_t seq);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpTrace, ddp_trace_free)

G_END_DECLS
