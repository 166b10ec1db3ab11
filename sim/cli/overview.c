/* SPDX-License-Identifier: MIT */
/* The last table of a run over several scenarios: a line a variant. */
#include "sim/cli/table.h"

#include <string.h>

#include "sim/audit/audit.h"
#include "sim/audit/words.h"

/* The last value that was logged under the first key, beside the true one. */
static char *
last_value(const DdpRunRecord *record)
{
    const DdpAuditRow *first = g_ptr_array_index(record->audit, 0);
    const DdpAuditRow *last = first, *worst = NULL;

    for (guint i = 0; i < record->audit->len; i++) {
        const DdpAuditRow *row = g_ptr_array_index(record->audit, i);

        if (strcmp(row->key, first->key) == 0 && row->epoch >= last->epoch)
            last = row;
    }
    /* Of what several ranks logged the worst is told. */
    for (guint i = 0; i < record->audit->len; i++) {
        const DdpAuditRow *row = g_ptr_array_index(record->audit, i);

        if (strcmp(row->key, first->key) == 0 && row->epoch == last->epoch &&
            (worst == NULL || ABS(row->logged - row->truth) > ABS(worst->logged - worst->truth)))
            worst = row;
    }

    g_autofree char *logged = ddp_words_number(worst->logged, 4);
    g_autofree char *truth = ddp_words_number(worst->truth, 4);
    g_autofree char *share = ddp_words_share(worst->samples, worst->of);

    return g_strdup_printf("%s %s, true %s (%s)", worst->key, logged, truth, share);
}

static char *
what_happened(const DdpRunRecord *record)
{
    if (record->diagnosis != NULL) {
        for (guint i = 0; i < record->ranks->len; i++) {
            const DdpRankRecord *rank = g_ptr_array_index(record->ranks, i);

            if (rank->collective != NULL)
                return g_strdup_printf("in %s at %s", rank->collective,
                                       ddp_words_site(rank->site));
        }
        return g_strdup(record->diagnosis->cls);
    }
    if (record->audit->len > 0)
        return last_value(record);
    return g_strdup("");
}

void
ddp_table_overview(const GPtrArray *records, const DdpTerminal *terminal, GString *out)
{
    g_autoptr(DdpTable) table = ddp_table_new();

    ddp_terminal_append(terminal, out, DDP_STYLE_BOLD, "All of it");
    g_string_append(out, "\n\n");
    ddp_table_add_column(table, "scenario", DDP_COLUMN_NAME);
    ddp_table_add_column(table, "variant", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "fixes", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "outcome", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "logged, or stuck", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "expected", DDP_COLUMN_TEXT);
    for (guint i = 0; i < records->len; i++) {
        const DdpRunRecord *record = g_ptr_array_index(records, i);
        const DdpRunRecord *before = i > 0 ? g_ptr_array_index(records, i - 1) : NULL;
        g_autofree char *what = what_happened(record);
        bool completed = strcmp(record->outcome, "completed") == 0;

        bool first = before == NULL || strcmp(before->scenario, record->scenario) != 0;

        if (before != NULL && first)
            ddp_table_add_gap(table);
        ddp_table_add_row(table);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, first ? record->scenario : "");
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, record->variant);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, record->fixes != NULL ? record->fixes : "-");
        ddp_table_add_cell(table, completed ? DDP_STYLE_PLAIN : DDP_STYLE_BAD, record->outcome);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, what);
        ddp_table_add_cell(table,
                           record->expected_met == 0  ? DDP_STYLE_BAD
                           : record->expected_met > 0 ? DDP_STYLE_GOOD
                                                      : DDP_STYLE_PLAIN,
                           record->expected_met == 0  ? "NO"
                           : record->expected_met > 0 ? "yes"
                                                      : "-");
    }
    ddp_table_print(table, terminal, 0, out);
}
