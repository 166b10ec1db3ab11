/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

#include "sim/script/expect.h"

G_BEGIN_DECLS

/*
 * What the parts of sim/script/expect.c share. Both sides are JSON: the expectation, read from
 * Lua, and the report. Names are walked in sorted order or in that of a list of ours, because Lua
 * gives the names of a table in no order.
 */

/* So many numbers or names of a list stand in a failure. */
#define DDP_EXPECT_SHOWN_MAX 12

/* What a check has at hand. All borrowed. */
typedef struct {
    JsonObject *report;
    const DdpMarks *marks;
    const char *logs_folder; /* (nullable) */
    GPtrArray *failures;     /* of char*, owned by the array */
    JsonObject *no_names;    /* empty: what {} is where names are wanted */
    GError **error;
} DdpExpect;

/*
 * Holds the report to the expectation at @where ("audit"), and adds failures.
 *
 * Returns: false with an error if the expectation is broken
 */
typedef bool (*DdpExpectFunc)(const DdpExpect *expect, JsonNode *wanted, const char *where);

bool ddp_expect_diagnosis(const DdpExpect *expect, JsonNode *wanted, const char *where);
bool ddp_expect_logs(const DdpExpect *expect, JsonNode *wanted, const char *where);
bool ddp_expect_audit(const DdpExpect *expect, JsonNode *wanted, const char *where);

/* ---- saying what is wrong (expect_tools.c) ---- */

/* The run is not as expected: one text. */
void ddp_expect_fail(const DdpExpect *expect, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The expectation itself is wrong: sets the error, "expect." in front. Always false. */
bool ddp_expect_broken(const DdpExpect *expect, const char *format, ...) G_GNUC_PRINTF(2, 3);
bool ddp_expect_wrong_type(const DdpExpect *expect, const char *where, JsonNode *node,
                           const char *wanted);

/* ---- reading an expectation (expect_tools.c) ---- */

typedef bool (*DdpExpectKind)(JsonNode *node);

bool ddp_expect_is_number(JsonNode *node);
bool ddp_expect_is_string(JsonNode *node);
bool ddp_expect_is_boolean(JsonNode *node);
bool ddp_expect_is_table(JsonNode *node); /* of names, or empty */

/*
 * The table of names that must stand at @where, each one of @known (NULL-terminated).
 *
 * Returns: NULL with an error that names the nearest known one
 */
JsonObject *ddp_expect_names(const DdpExpect *expect, JsonNode *node, const char *where,
                             const char *const *known);

/* The names in @object, sorted. (transfer container) */
GPtrArray *ddp_expect_sorted_names(JsonObject *object);

/* The list that must stand at @where; NULL with an error. @of_what ends "expected a list of". */
JsonArray *ddp_expect_list(const DdpExpect *expect, JsonNode *node, const char *where,
                           DdpExpectKind fits, const char *of_what);

/* A member that may be missing: *@node or *@list is NULL then. */
bool ddp_expect_member(const DdpExpect *expect, JsonObject *object, const char *where,
                       const char *name, DdpExpectKind fits, const char *wanted, JsonNode **node);
bool ddp_expect_member_list(const DdpExpect *expect, JsonObject *object, const char *where,
                            const char *name, DdpExpectKind fits, const char *of_what,
                            JsonArray **list);

/* ---- numbers (expect_tools.c) ---- */

/* A number that is expected, exactly or within a tolerance. */
typedef struct {
    double value;
    double tolerance; /* negative: none was given */
} DdpWanted;

/*
 * Logs keep float32, and Lua writes float64: 0.1 is what a log holds as 0.100000001. So without a
 * tolerance two numbers are equal if they are the same float32.
 */
bool ddp_expect_is_close(double found, const DdpWanted *wanted);

/* 15, or { 15, 1e-6 }, or { value = 15, tolerance = 1e-6 } */
bool ddp_expect_wanted(const DdpExpect *expect, JsonNode *node, const char *where,
                       DdpWanted *wanted);

/* (transfer full): "15", "0.1 (within 1e-06)"; twelve digits at most. */
char *ddp_expect_number_text(double value);
char *ddp_expect_wanted_text(const DdpWanted *wanted);

/* A real of the report; null is a NAN, or what "nonfinite" says of a value that was logged. */
double ddp_expect_real(JsonObject *object, const char *name);

G_END_DECLS
