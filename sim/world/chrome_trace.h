/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * A trace as Chrome trace JSON, which Perfetto (ui.perfetto.dev) and chrome://tracing open.
 *
 * Made from the file trace.jsonl after the run, line by line: memory grows with the number of ranks
 * and of collectives that are open at a time, not with the trace. The file is whole or not there.
 * It is valid JSON whatever the trace holds; a line that is no line of a trace, as the last one of
 * a run that was cut short, is passed over and counted.
 *
 * A node is a process and a rank a thread of it, by the names "node 1" and "rank 3". Their ids are
 * those of Linux: a node has the id of its first rank, and ranks count from 1, because viewers
 * give process and thread 0 a meaning of their own.
 *
 * Time is virtual time, in µs with three decimals. The events of one rank stand at least 1 ns
 * apart, so that what took no time still has its order and a slice to point at. Where no virtual
 * time passed at all the order of the trace is shown instead, 1 µs a line.
 *
 * docs/trace.md describes slices, arrows and instants.
 */

#define DDP_CHROME_TRACE_FILE "trace.chrome.json"

typedef struct {
    int size;
    int nproc_per_node; /* ranks 0 to this - 1 are on node 0, and so on */
} DdpChromeTraceSpec;

/* Reads the file @trace_path and writes @path: under a name beside it first, then renamed. */
bool ddp_chrome_trace_write(const char *trace_path, const char *path,
                            const DdpChromeTraceSpec *spec, GError **error);

G_END_DECLS
