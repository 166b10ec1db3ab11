/* SPDX-License-Identifier: MIT */
#include "sim/cli/straggler.h"

#define SHARE_MIN 0.2
#define COST_NS_MIN 1e6

/* What the others could have done while they waited: a share of all their time. */
static double
share_of(const DdpRunRecord *record, const DdpRankRecord *rank)
{
    double others_ns = record->virtual_time * 1e9 * (record->size - 1);

    return others_ns > 0 ? (double)rank->held_up_ns / others_ns : 0;
}

const DdpRankRecord *
ddp_cli_straggler(const DdpRunRecord *record)
{
    const DdpRankRecord *worst = NULL;

    for (guint i = 0; i < record->ranks->len; i++) {
        const DdpRankRecord *rank = record->ranks->pdata[i];

        if (worst == NULL || rank->held_up_ns > worst->held_up_ns)
            worst = rank;
    }
    if (worst == NULL || (double)worst->held_up_ns < COST_NS_MIN ||
        share_of(record, worst) < SHARE_MIN)
        return NULL;
    return worst;
}

void
ddp_cli_append_straggler(const DdpRunRecord *record, const DdpRankRecord *straggler,
                         const DdpTerminal *terminal, GString *out)
{
    double each = (double)straggler->held_up_ns / 1e9 / (record->size - 1);
    g_autofree char *text = g_strdup_printf(
        "rank %d came last to %" G_GINT64_FORMAT " collective%s: each other rank waited %.3g s for "
        "it on average, %.0f %% of the run",
        straggler->rank, straggler->last_count, straggler->last_count == 1 ? "" : "s", each,
        100 * share_of(record, straggler));

    g_string_append(out, "  ");
    ddp_terminal_append(terminal, out, DDP_STYLE_WARN, "straggler");
    g_string_append_c(out, '\n');
    ddp_terminal_append_paragraph(terminal, out, 4, text);
}
