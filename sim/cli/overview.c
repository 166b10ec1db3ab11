/* SPDX-License-Identifier: MIT */
/* The last table of a run over several scenarios: a line a variant. */
#include "sim/cli/table.h"

#include <string.h>

#include "sim/audit/audit.h"
#include "sim/audit/words.h"

/* Of the last evaluation the row of the first key that is farthest from the truth. */
static const DdpAuditRow *
worst_last_row(const DdpRunRecord *record)
{
    const DdpAuditRow *first = record->audit->pdata[0], *worst = NULL;
    int64_t epoch = first->epoch;

    for (guint i = 0; i < record->audit->len; i++) {
        const DdpAuditRow *row = record->audit->pdata[i];

        if (strcmp(row->key, first->key) != 0 || row->epoch < epoch)
            continue;
        if (worst == NULL || row->epoch > epoch ||
            ABS(ddp_audit_row_error(row)) > ABS(ddp_audit_row_error(worst)))
            worst = row;
        epoch = row->epoch;
    }
    return worst;
}

/* "0.4336, true 0.4213 (1/4)", "stuck in all_gather, line 15". */
static char *
what_happened(const DdpRunRecord *record)
{
    for (guint i = 0; record->diagnosis != NULL && i < record->ranks->len; i++) {
        const DdpRankRecord *rank = record->ranks->pdata[i];
        const char *line = rank->site != NULL ? strrchr(rank->site, ':') : NULL;

        if (rank->collective != NULL && line != NULL)
            return g_strdup_printf("stuck in %s, line %s", rank->collective, line + 1);
    }
    if (record->audit->len == 0)
        return g_strdup("");

    const DdpAuditRow *row = worst_last_row(record);
    g_autofree char *logged = ddp_words_number(row->logged, 4);
    g_autofree char *truth = row->has_truth ? ddp_words_number(row->truth, 4) : g_strdup("?");
    g_autofree char *share = ddp_words_share(row->samples, row->of);

    return g_strdup_printf("%s, true %s (%s)", logged, truth, share);
}

/* A line over the variants of a scenario. */
static void
add_heading(DdpTable *table, const DdpRunRecord *record)
{
    g_autofree char *text =
        record->audit->len > 0
            ? g_strdup_printf("%s (%s in the last epoch)", record->scenario,
                              ((const DdpAuditRow *)record->audit->pdata[0])->key)
            : g_strdup(record->scenario);

    ddp_table_add_heading(table, text);
}

static void
add_variant(DdpTable *table, const DdpRunRecord *record)
{
    g_autofree char *what = what_happened(record);
    bool completed = strcmp(record->outcome, "completed") == 0;

    ddp_table_add_row(table);
    ddp_table_add_cell(table, DDP_STYLE_PLAIN, record->variant);
    ddp_table_add_cell(table, DDP_STYLE_PLAIN, record->fixes != NULL ? record->fixes : "-");
    if (record->expected_met == 0)
        ddp_table_add_cellf(table, DDP_STYLE_BAD, "%s, NOT as expected", record->outcome);
    else
        ddp_table_add_cell(table, completed ? DDP_STYLE_PLAIN : DDP_STYLE_BAD, record->outcome);
    ddp_table_add_cell(table, DDP_STYLE_PLAIN, what);
}

void
ddp_table_overview(const GPtrArray *records, const DdpTerminal *terminal, GString *out)
{
    g_autoptr(DdpTable) table = ddp_table_new();

    ddp_terminal_append(terminal, out, DDP_STYLE_BOLD, "All of it, pitfall beside fix");
    g_string_append(out, "\n\n");
    ddp_table_add_column(table, "variant", DDP_COLUMN_NAME);
    ddp_table_add_column(table, "fixes", DDP_COLUMN_NAME);
    ddp_table_add_column(table, "outcome", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "logged, or stuck", DDP_COLUMN_TEXT);
    for (guint i = 0; i < records->len; i++) {
        const DdpRunRecord *record = records->pdata[i];
        const DdpRunRecord *before = i > 0 ? records->pdata[i - 1] : NULL;

        if (before != NULL && strcmp(before->scenario, record->scenario) != 0)
            ddp_table_add_gap(table);
        if (before == NULL || strcmp(before->scenario, record->scenario) != 0)
            add_heading(table, record);
        add_variant(table, record);
    }
    ddp_table_print(table, terminal, 0, out);
}
