/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/audit/run_record.h"
#include "tests/bugset/bugset.h"

G_BEGIN_DECLS

/*
 * What a report is worth: whether the bug was found at all, called by its right name, shown with
 * all its lines and laid at the right rank's door; and whether anything was said of a right
 * program.
 */

/* What a report calls a program's file: short, for Lua cuts long names of chunks. */
#define BUGSET_SHOWN "bug.lua"

typedef struct {
    int wrong; /* programs with a bug */
    int found, classed, lined, blamed;
    int right; /* programs without one */
    int noisy;
} BugsetScore;

bool bugset_score_is_perfect(const BugsetScore *score);

/* Each scores one run of one variant; @miss: a line is appended for what the report lacks. */
void bugset_score_wrong(BugsetScore *score, const BugsetProgram *program,
                        const DdpRunRecord *record, GString *miss);
void bugset_score_right(BugsetScore *score, const BugsetProgram *program,
                        const DdpRunRecord *record, GString *miss);

/* A line of the table; NULL for its head. Ends in a newline. */
void bugset_score_print(GString *table, const char *family, const BugsetScore *score);

G_END_DECLS
