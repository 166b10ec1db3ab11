/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * JSON from strangers, a token at a time.
 *
 * The scanner checks the whole grammar as it goes (commas, colons, balance, escapes, numbers) and
 * builds no tree, so memory is bounded by the longest string and the depth by a constant. What it
 * hands out is what the text says, in its order, duplicate names included: the caller decides
 * about those.
 */

#define DDP_JSON_DEPTH_MAX 256

#define DDP_JSON_ERROR ddp_json_error_quark()
GQuark ddp_json_error_quark(void);

typedef enum {
    DDP_JSON_ERROR_SYNTAX, /* no JSON, not UTF-8, or nested too deep */
} DdpJsonError;

typedef enum {
    DDP_JSON_BROKEN, /* @error is set; nothing more comes */
    DDP_JSON_END,    /* the text is over, and was complete */
    DDP_JSON_OBJECT_BEGIN,
    DDP_JSON_OBJECT_END,
    DDP_JSON_ARRAY_BEGIN,
    DDP_JSON_ARRAY_END,
    DDP_JSON_NAME, /* of the value that comes next in an object */
    DDP_JSON_STRING,
    DDP_JSON_NUMBER, /* text() as it was written */
    DDP_JSON_TRUE,
    DDP_JSON_FALSE,
    DDP_JSON_NULL,
} DdpJsonToken;

typedef struct DdpJsonScan DdpJsonScan;

/* @text: borrowed, @length bytes, of any content. */
DdpJsonScan *ddp_json_scan_new(const char *text, size_t length);
void ddp_json_scan_free(DdpJsonScan *scan);

DdpJsonToken ddp_json_scan_next(DdpJsonScan *scan, GError **error);

/* Of the last NAME, STRING (escapes resolved; zero bytes are possible) or NUMBER; borrowed. */
const char *ddp_json_scan_text(const DdpJsonScan *scan);
size_t ddp_json_scan_length(const DdpJsonScan *scan);
/* Bytes of the text that were read so far, for messages. */
size_t ddp_json_scan_offset(const DdpJsonScan *scan);

/* Reads on to the end of the value that @token began; false with @error set if it is broken. */
bool ddp_json_scan_skip(DdpJsonScan *scan, DdpJsonToken token, GError **error);

/* The last NUMBER as a whole number from 0 to 2^63 - 1; false if it is no such number. */
bool ddp_json_scan_count(const DdpJsonScan *scan, int64_t *value);

/* Appends @length bytes of valid UTF-8 as a JSON string with its quotes. */
void ddp_json_append_string(GString *out, const char *text, size_t length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpJsonScan, ddp_json_scan_free)

G_END_DECLS
