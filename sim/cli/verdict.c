/* SPDX-License-Identifier: MIT */
#include "sim/cli/verdict.h"

#include <string.h>

#include "sim/world/diagnosis.h"

#define GROUPS_MAX 8 /* lines about ranks; a world of thousands must still fit a screen */
#define GROUPS_KEPT (8 * GROUPS_MAX)
#define STACK_MAX 4
#define STACKS_MAX 3 /* groups that show a whole stack; of more only the callers */

typedef struct {
    const DdpRankRecord *first;
    GArray *ranks;
    bool is_blamed;
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
           g_strcmp0(a->site, b->site) == 0 && g_strcmp0(a->last_site, b->last_site) == 0 &&
           g_strcmp0(a->error, b->error) == 0 && same_stack(a->stack, b->stack);
}

static bool
is_blamed(const DdpRunRecord *record, int rank)
{
    const GArray *blamed = record->diagnosis != NULL ? record->diagnosis->blamed : NULL;

    for (guint i = 0; blamed != NULL && i < blamed->len; i++) {
        if (g_array_index(blamed, int, i) == rank)
            return true;
    }
    return false;
}

static RankGroup *
add_group(GPtrArray *groups, const DdpRankRecord *rank, bool blamed)
{
    RankGroup *group = g_new0(RankGroup, 1);

    group->first = rank;
    group->ranks = g_array_new(FALSE, FALSE, sizeof(int));
    group->is_blamed = blamed;
    g_ptr_array_add(groups, group);
    return group;
}

/*
 * Ranks that did the same, in the order of their lowest rank; when there are too many to show,
 * those that are blamed come first. @left_out: (out): how many ranks are in no group
 */
static GPtrArray *
group_ranks(const DdpRunRecord *record, guint *left_out)
{
    GPtrArray *groups = g_ptr_array_new_with_free_func(rank_group_free);
    guint first = 0;

    *left_out = 0;
    for (guint i = 0; i < record->ranks->len; i++) {
        const DdpRankRecord *rank = record->ranks->pdata[i];
        RankGroup *group = NULL;

        bool blamed = is_blamed(record, rank->rank);

        for (guint j = 0; j < groups->len && group == NULL; j++) {
            RankGroup *other = groups->pdata[j];

            if (other->is_blamed == blamed && does_the_same(other->first, rank))
                group = other;
        }
        if (group == NULL && groups->len >= GROUPS_KEPT) {
            (*left_out)++;
            continue;
        }
        if (group == NULL)
            group = add_group(groups, rank, blamed);
        g_array_append_val(group->ranks, rank->rank);
    }
    for (guint i = 0; groups->len > GROUPS_MAX && i < groups->len; i++) {
        gpointer group = groups->pdata[i];

        if (!((RankGroup *)group)->is_blamed)
            continue;
        memmove(groups->pdata + first + 1, groups->pdata + first,
                (i - first) * sizeof *groups->pdata);
        groups->pdata[first++] = group;
    }
    return groups;
}

static void
append_escaped(GString *out, const char *text)
{
    g_autofree char *escaped = ddp_terminal_escape(text);

    g_string_append(out, escaped);
}

static void
append_whereabouts(GString *out, const RankGroup *group)
{
    const DdpRankRecord *rank = group->first;

    if (rank->signature != NULL) {
        /* With debug "detail" it was told, and went on or failed of it. */
        if (rank->error != NULL)
            g_string_append(out, "failed in ");
        else if (strcmp(rank->state, "finished") == 0)
            g_string_append(out, "caught the error of ");
        else
            g_string_append(out, group->ranks->len > 1 ? "wait in " : "waits in ");
        append_escaped(out, rank->signature);
        if (g_strcmp0(rank->group, "world") != 0) {
            g_string_append(out, " of ");
            append_escaped(out, rank->group);
        }
        g_string_append(out, " at ");
        append_escaped(out, rank->site);
        return;
    }
    g_string_append(out, rank->state);
    if (rank->error != NULL) {
        g_string_append(out, ": ");
        append_escaped(out, rank->error);
    } else if (rank->last_site != NULL) {
        g_string_append(out, " after ");
        append_escaped(out, rank->last_collective);
        g_string_append(out, " at ");
        append_escaped(out, rank->last_site);
    } else {
        g_string_append(out, ", without any collective");
    }
}

/* "  rank 0      waits in all_gather(float32[1]) at file:12", then the callers of that line. */
static void
append_group(const DdpTerminal *terminal, GString *out, const RankGroup *group, int width,
             guint stack_max)
{
    const GPtrArray *stack = group->first->stack;
    g_autofree char *who = ddp_ranks_text(group->ranks);

    g_string_append_printf(out, "  %-*s  ", width, who);
    append_whereabouts(out, group);
    if (group->is_blamed)
        ddp_terminal_append(terminal, out, DDP_STYLE_BAD, "  <-- look here");
    g_string_append_c(out, '\n');
    for (guint i = 1; stack != NULL && i < stack->len && i <= stack_max; i++) {
        g_string_append_printf(out, "  %*s  called from ", width, "");
        append_escaped(out, stack->pdata[i]);
        g_string_append_c(out, '\n');
    }
}

static void
append_ranks(const DdpTerminal *terminal, GString *out, const GPtrArray *groups, guint left_out)
{
    guint shown = MIN(groups->len, GROUPS_MAX);
    int width = 0;

    for (guint i = 0; i < shown; i++) {
        g_autofree char *who = ddp_ranks_text(((RankGroup *)groups->pdata[i])->ranks);

        width = MAX(width, (int)strlen(who));
    }
    width = MIN(width, 30);
    for (guint i = 0; i < shown; i++)
        append_group(terminal, out, groups->pdata[i], width,
                     groups->len <= STACKS_MAX ? STACK_MAX : 1);
    for (guint i = shown; i < groups->len; i++)
        left_out += ((RankGroup *)groups->pdata[i])->ranks->len;
    if (left_out > 0)
        g_string_append_printf(out, "  %-*s  %u more ranks stand elsewhere; the report has all\n",
                               width, "...", left_out);
}

/* (transfer full): @text without the folder of the scenario, which the reader knows. */
static char *
without_folder(const DdpRunRecord *record, const char *text)
{
    const char *path = record->scenario_path, *slash = path != NULL ? strrchr(path, '/') : NULL;
    g_autofree char *folder = slash != NULL ? g_strndup(path, (gsize)(slash - path) + 1) : NULL;
    g_auto(GStrv) parts = NULL;

    if (folder == NULL || text == NULL)
        return g_strdup(text);
    parts = g_strsplit(text, folder, -1);
    return g_strjoinv("", parts);
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

/* The errors say it all. */
static bool
nobody_waits(const DdpRunRecord *record)
{
    for (guint i = 0; i < record->ranks->len; i++) {
        if (((const DdpRankRecord *)record->ranks->pdata[i])->signature != NULL)
            return false;
    }
    return true;
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
    guint left_out;

    if (strcmp(record->outcome, "completed") == 0 || (diagnosis == NULL && failed == NULL))
        return;
    groups = group_ranks(record, &left_out);
    if (diagnosis == NULL || nobody_waits(record)) {
        g_autofree char *what = failure_text(failed, groups);

        append_headline(terminal, out, headline, what);
        if (groups->len > 1)
            append_ranks(terminal, out, groups, left_out);
        return;
    }

    g_autofree char *summary = without_folder(record, diagnosis->summary);
    g_autofree char *cause = without_folder(record, diagnosis->root_cause);
    g_autofree char *fix = without_folder(record, diagnosis->fix);

    append_headline(terminal, out, headline, summary);
    append_ranks(terminal, out, groups, left_out);
    append_labelled(terminal, out, "why", cause);
    append_labelled(terminal, out, "for real", diagnosis->real_job);
    append_labelled(terminal, out, "fix", fix);
}
