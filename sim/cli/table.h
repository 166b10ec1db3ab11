/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "sim/audit/run_record.h"
#include "sim/cli/terminal.h"

G_BEGIN_DECLS

/*
 * Tables for people: columns aligned, numbers to the right, two spaces between. A table takes the
 * width that its words need; if the terminal has less, the widest columns of words are
 * wrapped, numbers never are. Cells are escaped.
 */

typedef enum {
    DDP_COLUMN_TEXT,   /* left, may be wrapped */
    DDP_COLUMN_NUMBER, /* right, never wrapped */
    DDP_COLUMN_NAME,   /* left, never wrapped */
} DdpColumnKind;

typedef struct DdpTable DdpTable;

/* (transfer full) */
DdpTable *ddp_table_new(void);
void ddp_table_free(DdpTable *table);

/* All columns come before the first row. */
void ddp_table_add_column(DdpTable *table, const char *title, DdpColumnKind kind);

/* Starts a row; its cells follow from left to right, and those left out are empty. */
void ddp_table_add_row(DdpTable *table);
void ddp_table_add_cell(DdpTable *table, DdpStyle style, const char *text);
void ddp_table_add_cellf(DdpTable *table, DdpStyle style, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* A blank line between the rows before and after. */
void ddp_table_add_gap(DdpTable *table);
/* A line of its own between rows, over all columns. */
void ddp_table_add_heading(DdpTable *table, const char *text);

/* Appends title line, rule and rows, each line @indent spaces in. A table without rows is nothing.
 */
void ddp_table_print(const DdpTable *table, const DdpTerminal *terminal, int indent, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpTable, ddp_table_free)

/*
 * The tables of a run (run_tables.c). They fit 80 columns as long as names are short, say in words
 * what they say in colour, and show numbers of one key with the same decimals. A value that is
 * right (DDP_AUDIT_TOLERANCE) has the error 0.
 */

/**
 * ddp_table_run_summary:
 * @records: of DdpRunRecord, the variants of one scenario in the order played
 *
 * Pitfall beside fix: the title; each variant with what it fixes, its outcome, what was found and
 * whether that was expected; for each key the last logged values beside the true one, with the
 * share of the samples behind them (or, in a run without an audit, what reached the logs); findings
 * and failed expectations in words; the lesson.
 */
void ddp_table_run_summary(const GPtrArray *records, const DdpTerminal *terminal, GString *out);

/* One table over the variants of several scenarios: what happened, and the last value of each key
 * beside the true one. */
void ddp_table_overview(const GPtrArray *records, const DdpTerminal *terminal, GString *out);

/* Logged against true, per key, epoch and rank. Nothing if the record has no audit rows. */
void ddp_table_audit(const DdpRunRecord *record, const DdpTerminal *terminal, GString *out);

G_END_DECLS
