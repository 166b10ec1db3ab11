/* SPDX-License-Identifier: MIT */
#include "sim/cli/verdict.h"

#include <string.h>

#include "sim/world/diagnosis.h"

#define GROUPS_MAX 8 /* lines about ranks; a world of thousands must still fit a screen */
#define STACK_MAX 4

typedef struct {
    const DdpRankRecord *first;
    GArray *ranks;
} RankGroup;

static void
rank_group_free(void *group_)
{
    RankGroup *group = group_;

    g_array_unref(group->ranks);
    g_free(group);
}

static bool
same_stack(const GPtrArray *a, const GPtrArray *b)
{
    guint a_len = a != NULL ? a->len : 0, b_len = b != NULL ? b->len : 0;

    if (a_len != b_len)
        return false;
    for (guint i = 0; i < a_len; i++) {
        if (strcmp(a->pdata[i], b->pdata[i]) != 0)
            return false;
    }
    return true;
}

static bool
does_the_same(const DdpRankRecord *a, const DdpRankRecord *b)
{
    return g_strcmp0(a->state, b->state) == 0 && g_strcmp0(a->signature, b->signature) == 0 &&
           g_strcmp0(a->site, b->site) == 0 && g_strcmp0(a->error, b->error) == 0 &&
           same_stack(a->stack, b->stack);
}

/* Ranks that did the same, in the order of their lowest rank. */
static GPtrArray *
group_ranks(const DdpRunRecord *record)
{
    GPtrArray *groups = g_ptr_array_new_with_free_func(rank_group_free);

    for (guint i = 0; i < record->ranks->len; i++) {
        const DdpRankRecord *rank = record->ranks->pdata[i];
        RankGroup *group = NULL;

        for (guint j = 0; j < groups->len && group == NULL; j++) {
            if (does_the_same(((RankGroup *)groups->pdata[j])->first, rank))
                group = groups->pdata[j];
        }
        if (group == NULL) {
            group = g_new0(RankGroup, 1);
            group->first = rank;
            group->ranks = g_array_new(FALSE, FALSE, sizeof(int));
            if (groups->len >= 4 * GROUPS_MAX) {
                rank_group_free(group);
                break;
            }
            g_ptr_array_add(groups, group);
        }
        g_array_append_val(group->ranks, rank->rank);
    }
    return groups;
}

static void
append_escaped(GString *out, const char *text)
{
    g_autofree char *escaped = ddp_terminal_escape(text);

    g_string_append(out, escaped);
}

/* "  rank 0      waits in all_gather(float32[1]) at file:12", then the callers of that line. */
static void
append_group(GString *out, const RankGroup *group, int width)
{
    const DdpRankRecord *rank = group->first;
    g_autofree char *who = ddp_ranks_text(group->ranks);

    g_string_append_printf(out, "  %-*s  ", width, who);
    if (rank->signature != NULL) {
        g_string_append(out, group->ranks->len > 1 ? "wait in " : "waits in ");
        append_escaped(out, rank->signature);
        g_string_append(out, " at ");
        append_escaped(out, rank->site);
    } else if (strcmp(rank->state, "finished") == 0) {
        g_string_append(out, "finished");
    } else if (rank->error != NULL) {
        g_string_append_printf(out, "%s: ", rank->state);
        append_escaped(out, rank->error);
    } else {
        g_string_append(out, rank->state);
    }
    g_string_append_c(out, '\n');
    for (guint i = 1; rank->stack != NULL && i < rank->stack->len && i <= STACK_MAX; i++) {
        g_string_append_printf(out, "  %*s  called from ", width, "");
        append_escaped(out, rank->stack->pdata[i]);
        g_string_append_c(out, '\n');
    }
}

static void
append_ranks(const GPtrArray *groups, GString *out)
{
    int width = 0;

    for (guint i = 0; i < groups->len && i < GROUPS_MAX; i++) {
        g_autofree char *who = ddp_ranks_text(((RankGroup *)groups->pdata[i])->ranks);

        width = MAX(width, (int)strlen(who));
    }
    width = MIN(width, 30);
    for (guint i = 0; i < groups->len && i < GROUPS_MAX; i++)
        append_group(out, groups->pdata[i], width);
    if (groups->len > GROUPS_MAX)
        g_string_append(out, "  …           and others; the report has every rank\n");
}

static void
append_labelled(const DdpTerminal *terminal, GString *out, const char *label, const char *text)
{
    g_autofree char *escaped = NULL;

    if (text == NULL)
        return;
    escaped = ddp_terminal_escape(text);

    g_autoptr(GPtrArray) lines = ddp_terminal_wrap(escaped, terminal->width - 12);

    for (guint i = 0; i < lines->len; i++) {
        if (i == 0) {
            g_autofree char *padded = g_strdup_printf("  %-8s  ", label);

            ddp_terminal_append(terminal, out, DDP_STYLE_BOLD, padded);
        } else {
            g_string_append(out, "            ");
        }
        g_string_append_printf(out, "%s\n", (const char *)lines->pdata[i]);
    }
}

/* The first error of a run that has no diagnosis: nobody waited, somebody failed. */
static const DdpRankRecord *
first_failed(const DdpRunRecord *record)
{
    for (guint i = 0; i < record->ranks->len; i++) {
        const DdpRankRecord *rank = record->ranks->pdata[i];

        if (rank->error != NULL)
            return rank;
    }
    return NULL;
}

/* "DEADLOCK: what happened and where", further lines a little in. */
static void
append_headline(const DdpTerminal *terminal, GString *out, const char *outcome, const char *text)
{
    g_autofree char *line = g_strdup_printf("%s: %s", outcome, text);
    g_autofree char *escaped = ddp_terminal_escape(line);
    g_autoptr(GPtrArray) lines = ddp_terminal_wrap(escaped, terminal->width - 2);

    for (guint i = 0; i < lines->len; i++) {
        if (i > 0)
            g_string_append(out, "  ");
        ddp_terminal_append(terminal, out, DDP_STYLE_BAD, lines->pdata[i]);
        g_string_append_c(out, '\n');
    }
}

/* "ranks 0-2 failed: ..." when all did the same, else the first that failed. */
static char *
failure_text(const DdpRankRecord *failed, const GPtrArray *groups)
{
    g_autofree char *who = NULL;

    if (groups->len > 1)
        return g_strdup_printf("rank %d failed: %s", failed->rank, failed->error);
    who = ddp_ranks_text(((const RankGroup *)groups->pdata[0])->ranks);
    return g_strdup_printf("%s failed: %s", who, failed->error);
}

void
ddp_verdict_append(const DdpRunRecord *record, const DdpTerminal *terminal, GString *out)
{
    const DdpDiagnosisRecord *diagnosis = record->diagnosis;
    g_autofree char *headline = g_ascii_strup(record->outcome, -1);
    const DdpRankRecord *failed = first_failed(record);
    g_autoptr(GPtrArray) groups = NULL;

    if (strcmp(record->outcome, "completed") == 0 || (diagnosis == NULL && failed == NULL))
        return;
    groups = group_ranks(record);
    if (diagnosis == NULL) {
        g_autofree char *what = failure_text(failed, groups);

        append_headline(terminal, out, headline, what);
        if (groups->len > 1)
            append_ranks(groups, out);
        return;
    }
    append_headline(terminal, out, headline, diagnosis->summary);
    append_ranks(groups, out);
    append_labelled(terminal, out, "why", diagnosis->root_cause);
    append_labelled(terminal, out, "for real", diagnosis->real_job);
    append_labelled(terminal, out, "fix", diagnosis->fix);
}
