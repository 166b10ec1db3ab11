/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * One line of a trace file, read back.
 *
 * Texts stay as they stand in the file, escapes and all, and point into the line: whoever writes
 * JSON again copies them. What is read is therefore checked to be what may stand in a JSON string.
 */

typedef struct {
    const char *at; /* NULL: the line has no such key */
    size_t length;
} DdpTraceText;

typedef struct {
    int64_t t_ns;
    int64_t rank;      /* -1: of no rank */
    int64_t ns;        /* of a span, else -1 */
    int64_t waited_ns; /* -1: not said */
    int64_t last;      /* -1: not said */
    DdpTraceText event, call, group, seq, signature, site, name, text;
} DdpTraceLine;

/**
 * ddp_trace_line_read:
 * @bytes: borrowed by @line
 * @length: without the newline
 *
 * Returns: false if this is no whole line of a trace, as the last one of a run that was cut short
 */
bool ddp_trace_line_read(const char *bytes, size_t length, DdpTraceLine *line);

bool ddp_trace_text_is(DdpTraceText text, const char *word);

G_END_DECLS
