/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>
#include <lua.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Holding a run to what its variant expects: docs/expectations.md says what may stand in an
 * `expect`. The run is its report, so whatever can be expected can also be read from report.json.
 *
 * Two kinds of trouble are kept apart. A run that is not as expected is data: texts that say
 * expected and found. An `expect` that cannot be understood (an unknown key, a wrong type, a mark
 * that is not in the file) is a broken scenario: a GError of DDP_SCRIPT_ERROR.
 */

/* The marks of a scenario file: `-- @name` at the end of a line names that line. */
typedef struct DdpMarks DdpMarks;

/* (transfer full): NULL and an error if two lines have the same name. */
DdpMarks *ddp_marks_read(const char *source_text, GError **error);
void ddp_marks_free(DdpMarks *marks);

/* The line, from 1; 0 if there is no such mark. */
int ddp_marks_line(const DdpMarks *marks, const char *name);

/**
 * ddp_expect_check:
 * @expect_index: a table, or a function of the report
 * @report: a whole report (ddp_report_build())
 * @marks: those of the scenario's file
 * @logs_folder: (nullable): where the run's loggers wrote; `files` cannot be checked without
 * @failures: (element-type char*): texts are appended, in the order of docs/expectations.md; none
 *   if all is as expected
 *
 * Runs no code of the scenario but the function, whose errors become failures too; leaves the
 * stack as it was and never raises.
 *
 * Returns: false if the expectation itself is broken
 */
bool ddp_expect_check(lua_State *L, int expect_index, JsonNode *report, const DdpMarks *marks,
                      const char *logs_folder, GPtrArray *failures, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpMarks, ddp_marks_free)

G_END_DECLS
