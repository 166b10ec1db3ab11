/* SPDX-License-Identifier: MIT */
#include "sim/world/verdict_text.h"

#include <string.h>

#include "sim/world/diagnosis.h"
#include "sim/world/world_private.h"

#define WIDTH 80
#define GROUPS_MAX 8 /* lines about ranks; a world of thousands must still fit a screen */
#define LABEL_WIDTH 12

/* Ranks that did the same, and the line that says what. */
typedef struct {
    char *text;
    GArray *ranks; /* of int */
} Group;

static void
group_free(void *group_)
{
    Group *group = group_;

    g_free(group->text);
    g_array_unref(group->ranks);
    g_free(group);
}

/* " in all_gather(float32[1]) at file:12", and on a line of its own where that was called from. */
static char *
rank_text(const DdpRankVerdict *verdict)
{
    if (verdict->waits) {
        const DdpCaller *caller = verdict->call.caller;
        g_autofree char *call = ddp_call_describe(&verdict->call);
        g_autofree char *via =
            caller != NULL && caller->via.line > 0
                ? g_strdup_printf("\ncalled from %s:%d", caller->via.file, caller->via.line)
                : NULL;

        return g_strdup_printf(" in %s at %s:%d%s", call, verdict->call.site.file,
                               verdict->call.site.line, via != NULL ? via : "");
    }
    if (verdict->error != NULL)
        return g_strdup_printf("%s: %s", ddp_rank_state_name(verdict->state), verdict->error);
    return g_strdup(ddp_rank_state_name(verdict->state));
}

/* In the order of their lowest rank; ranks beyond many groups are left out. */
static GPtrArray *
group_ranks(const DdpWorld *world)
{
    GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);

    for (int rank = 0; rank < ddp_world_size(world); rank++) {
        g_autofree char *text = rank_text(ddp_world_rank_verdict(world, rank));
        Group *group = NULL;

        for (guint i = 0; i < groups->len && group == NULL; i++) {
            if (strcmp(((Group *)groups->pdata[i])->text, text) == 0)
                group = groups->pdata[i];
        }
        if (group == NULL && groups->len > GROUPS_MAX)
            continue;
        if (group == NULL) {
            group = g_new0(Group, 1);
            group->text = g_steal_pointer(&text);
            group->ranks = g_array_new(FALSE, FALSE, sizeof(int));
            g_ptr_array_add(groups, group);
        }
        g_array_append_val(group->ranks, rank);
    }
    return groups;
}

/* @text word by word, with lines that begin at column @indent; the first begins where it stands. */
static void
append_wrapped(GString *out, const char *text, int indent, int column)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \n", -1);

    for (int i = 0; words[i] != NULL; i++) {
        int length = (int)g_utf8_strlen(words[i], -1);

        if (i > 0 && column + 1 + length > WIDTH) {
            g_string_append_printf(out, "\n%*s", indent, "");
            column = indent;
        } else if (i > 0) {
            g_string_append_c(out, ' ');
            column++;
        }
        g_string_append(out, words[i]);
        column += length;
    }
    g_string_append_c(out, '\n');
}

static void
append_groups(GString *out, const GPtrArray *groups)
{
    int width = 0;

    for (guint i = 0; i < groups->len && i < GROUPS_MAX; i++) {
        g_autofree char *who = ddp_ranks_text(((const Group *)groups->pdata[i])->ranks);

        width = MAX(width, (int)strlen(who));
    }
    width = MIN(width, 30);
    for (guint i = 0; i < groups->len && i < GROUPS_MAX; i++) {
        const Group *group = groups->pdata[i];
        g_autofree char *who = ddp_ranks_text(group->ranks);
        const char *verb = group->text[0] != ' ' ? "" : group->ranks->len > 1 ? "wait" : "waits";

        g_auto(GStrv) lines = g_strsplit(group->text, "\n", -1);

        g_string_append_printf(out, "  %-*s  %s%s\n", width, who, verb, lines[0]);
        for (int line = 1; lines[line] != NULL; line++)
            g_string_append_printf(out, "  %*s  %s\n", width, "", lines[line]);
    }
    if (groups->len > GROUPS_MAX)
        g_string_append_printf(out, "  %-*s  and others\n", width, "...");
}

static void
append_labelled(GString *out, const char *label, const char *text)
{
    if (text == NULL)
        return;
    g_string_append_printf(out, "  %-*s", LABEL_WIDTH - 2, label);
    append_wrapped(out, text, LABEL_WIDTH, LABEL_WIDTH);
}

static void
append_headline(GString *out, DdpOutcome outcome, const char *text)
{
    g_autofree char *name = g_ascii_strup(ddp_outcome_name(outcome), -1);

    g_string_append_printf(out, "%s: ", name);
    append_wrapped(out, text, 2, (int)strlen(name) + 2);
}

/* Nobody waited, somebody failed: the first of them speaks for all that did the same. */
static char *
failure_text(const DdpWorld *world, const GPtrArray *groups)
{
    for (guint i = 0; i < groups->len; i++) {
        const Group *group = groups->pdata[i];
        const DdpRankVerdict *verdict =
            ddp_world_rank_verdict(world, g_array_index(group->ranks, int, 0));

        if (verdict->error != NULL) {
            g_autofree char *who = ddp_ranks_text(group->ranks);

            return g_strdup_printf("%s failed: %s", who, verdict->error);
        }
    }
    return g_strdup("no rank says why");
}

char *
ddp_world_verdict_text(const DdpWorld *world)
{
    DdpOutcome outcome = ddp_world_outcome(world);
    GString *out = g_string_new(NULL);

    if (outcome != DDP_OUTCOME_COMPLETED) {
        g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(world, world->spec.backend);
        g_autoptr(GPtrArray) groups = group_ranks(world);
        g_autofree char *failure = diagnosis == NULL ? failure_text(world, groups) : NULL;

        append_headline(out, outcome, diagnosis != NULL ? diagnosis->summary : failure);
        if (diagnosis != NULL || groups->len > 1)
            append_groups(out, groups);
        if (diagnosis != NULL) {
            append_labelled(out, "why", diagnosis->root_cause);
            append_labelled(out, "for real", diagnosis->real_job);
            append_labelled(out, "fix", diagnosis->fix);
        }
    }
    return g_string_free(out, FALSE);
}
