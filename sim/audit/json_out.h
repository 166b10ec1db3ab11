/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Where a JSON document goes while it is being told: into text, or into a tree of json-glib.
 * The teller is the same for both, so the file and the tree cannot differ.
 *
 * The text is our own and not json-glib's, for three reasons. It is written piece by piece, so
 * ten million log entries need no tree of ten million objects. A real number is written with the
 * fewest digits that read back as the same number, and always with a point or an exponent, so
 * that 15.0 stays a real number. And small flat objects stand on one line, so that a person can
 * read a report and a line-by-line comparison means something.
 *
 * What does not fit into JSON is made to fit here, for both: bytes that are not UTF-8 become
 * U+FFFD, a NAN or an infinity becomes null.
 */

typedef struct DdpJsonOut DdpJsonOut;

/* Takes @length bytes; false ends the writing, and later pieces are dropped. */
typedef bool (*DdpJsonWriteFunc)(const char *bytes, size_t length, void *user_data);

/* (transfer full): text in pieces of some 64 KiB; @indented puts it on many lines. */
DdpJsonOut *ddp_json_out_new_text(DdpJsonWriteFunc write, void *user_data, bool indented);
/* (transfer full): a tree, fetched with ddp_json_out_take_tree(). */
DdpJsonOut *ddp_json_out_new_tree(void);

/*
 * Flushes the rest of a text. The document must be complete.
 *
 * Returns: false if a write failed
 */
bool ddp_json_out_flush(DdpJsonOut *out);
/* (transfer full): the complete document. */
JsonNode *ddp_json_out_take_tree(DdpJsonOut *out);
void ddp_json_out_free(DdpJsonOut *out);

/* @name is the member's name inside an object, NULL inside an array and at the root. */
void ddp_json_out_open_object(DdpJsonOut *out, const char *name);
void ddp_json_out_open_array(DdpJsonOut *out, const char *name);
/* As above, but in an indented text everything inside stands on one line. */
void ddp_json_out_open_flat_object(DdpJsonOut *out, const char *name);
void ddp_json_out_open_flat_array(DdpJsonOut *out, const char *name);
/* Closes the innermost object or array. */
void ddp_json_out_close(DdpJsonOut *out);

void ddp_json_out_null(DdpJsonOut *out, const char *name);
void ddp_json_out_bool(DdpJsonOut *out, const char *name, bool value);
void ddp_json_out_int(DdpJsonOut *out, const char *name, int64_t value);
void ddp_json_out_real(DdpJsonOut *out, const char *name, double value);
/* NULL becomes null. */
void ddp_json_out_string(DdpJsonOut *out, const char *name, const char *value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpJsonOut, ddp_json_out_free)

G_END_DECLS
