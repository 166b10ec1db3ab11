/* SPDX-License-Identifier: MIT */
/* Circles, in which each rank waits for the next; and messages without their other side. */
#include <string.h>

#include "sim/world/diagnosis_private.h"

#define LINKS_MAX 6
#define SUMMED_UP_MAX 3

char *
ddp_chain_text(const DdpInquiry *inquiry, const GArray *circle)
{
    GString *text = g_string_new(NULL);
    guint shown = circle->len > LINKS_MAX ? LINKS_MAX - 1 : circle->len;

    for (guint i = 0; i < shown; i++) {
        int rank = g_array_index(circle, int, i);
        const DdpRankVerdict *verdict = ddp_verdict_of(inquiry, rank);
        g_autofree char *kind = ddp_is_message(&verdict->call) ? ddp_call_describe(&verdict->call)
                                                               : ddp_kind_text(verdict);
        g_autofree char *place = ddp_site_text(&verdict->call.site);

        if (i == 0)
            g_string_append_printf(text, "rank %d", rank);
        g_string_append_printf(text, " waits in %s at %s for ", kind, place);
        if (i + 1 < shown || shown == circle->len)
            g_string_append_printf(text, "rank %d",
                                   g_array_index(circle, int, (i + 1) % circle->len));
        g_string_append(text, i + 1 < shown ? ", which" : "");
    }
    if (shown < circle->len)
        g_string_append_printf(text, "the next, and so on through %u ranks back to rank %d",
                               circle->len, g_array_index(circle, int, 0));
    return g_string_free(text, FALSE);
}

/* ---- circles of collectives ---- */

/* Only the steps in groups that both ranks are members of: no others can be in the wrong order. */
static void
keep_common(DdpSteps *steps, int rank)
{
    int kept = 0;

    for (int i = 0; i < steps->count; i++) {
        if (ddp_group_member(steps->steps[i].group, rank) >= 0)
            steps->steps[kept++] = steps->steps[i];
    }
    steps->count = kept;
}

static void
forget_groups(DdpSteps *steps)
{
    for (int i = 0; i < steps->count; i++)
        steps->steps[i].group = NULL;
}

/* Each makes the calls of the other, in the same order, but in another group. */
static bool
differ_by_group(const DdpInquiry *inquiry, int rank, int next)
{
    DdpSteps a, b;

    ddp_steps_of(inquiry, rank, &a);
    ddp_steps_of(inquiry, next, &b);
    forget_groups(&a);
    forget_groups(&b);
    if (a.count != b.count && (a.whole || b.whole))
        return false;
    for (int i = 0; i < a.count && i < b.count; i++) {
        if (a.steps[i].kind != b.steps[i].kind || a.steps[i].signature != b.steps[i].signature)
            return false;
    }
    return true;
}

/* Whether @next would come to the call that @rank waits in; true as well if nobody knows. */
static bool
would_come(const DdpInquiry *inquiry, int rank, int next)
{
    const DdpRankVerdict *verdict = ddp_verdict_of(inquiry, rank);
    DdpSteps steps;

    ddp_steps_of(inquiry, next, &steps);
    for (int i = 0; i < steps.count; i++) {
        if (steps.steps[i].group == verdict->in && steps.steps[i].kind == verdict->call.kind)
            return true;
    }
    return !steps.whole;
}

/* (transfer full): those who wait in @stop and also belong to @group. */
static GArray *
waiting_members(const DdpStop *stop, const DdpGroup *group)
{
    GArray *members = ddp_rank_list();

    for (guint i = 0; i < stop->waiting->len; i++) {
        int rank = g_array_index(stop->waiting, int, i);

        if (ddp_group_member(group, rank) >= 0)
            g_array_append_val(members, rank);
    }
    return members;
}

/* Of those who belong to both groups: do more stand where @rank stands, or where @next does? */
static void
blame_crossing(DdpInquiry *inquiry, int rank, int next)
{
    const DdpStop *one = inquiry->stops->pdata[inquiry->stop_of[rank]];
    const DdpStop *other = inquiry->stops->pdata[inquiry->stop_of[next]];
    g_autoptr(GArray) here = waiting_members(one, other->group);
    g_autoptr(GArray) there = waiting_members(other, one->group);

    ddp_blame_fewer(inquiry, here, there);
    ddp_blame_fewer(inquiry, there, here);
}

/* "all_reduce of {0,1} at f:24, barrier at f:25": where those of the circle wait. */
static char *
links_text(const DdpInquiry *inquiry, const GArray *circle)
{
    GString *text = g_string_new(NULL);
    guint shown = MIN(circle->len, SUMMED_UP_MAX);

    for (guint i = 0; i < shown; i++) {
        const DdpRankVerdict *verdict = ddp_verdict_of(inquiry, g_array_index(circle, int, i));
        g_autofree char *kind = ddp_kind_text(verdict);
        g_autofree char *place = ddp_site_text(&verdict->call.site);

        g_string_append_printf(text, "%srank %d in %s at %s", i > 0 ? ", " : "",
                               g_array_index(circle, int, i), kind, place);
    }
    if (shown < circle->len)
        g_string_append(text, ", and so on");
    return g_string_free(text, FALSE);
}

static void
say_circle(DdpInquiry *inquiry, const GArray *circle)
{
    DdpDiagnosis *out = inquiry->out;
    g_autofree char *chain = ddp_chain_text(inquiry, circle);
    g_autofree char *links = links_text(inquiry, circle);

    out->cls = "order";
    out->summary =
        g_strdup_printf("%u ranks wait for each other in a circle: %s", circle->len, links);
    out->root_cause = g_strdup_printf(
        "the ranks enter the collectives of several groups in different orders: %s", chain);
    out->fix = g_strdup("enter the groups in one order on every rank that belongs to several of "
                        "them, for instance always the larger one first");
    if (circle->len == 2)
        blame_crossing(inquiry, g_array_index(circle, int, 0), g_array_index(circle, int, 1));
}

static void
say_group(DdpInquiry *inquiry, int rank, int next)
{
    DdpDiagnosis *out = inquiry->out;
    const DdpStop *one = inquiry->stops->pdata[inquiry->stop_of[rank]];
    const DdpStop *other = inquiry->stops->pdata[inquiry->stop_of[next]];
    const DdpRankVerdict *a = ddp_verdict_of(inquiry, rank), *b = ddp_verdict_of(inquiry, next);
    g_autofree char *who = ddp_ranks_text(one->waiting);
    g_autofree char *others = ddp_ranks_text(other->waiting);
    g_autofree char *place = ddp_call_place_text(&a->call);
    g_autofree char *other_place = ddp_call_place_text(&b->call);
    const char *kind = ddp_call_kind_name(a->call.kind);
    bool alike = strcmp(a->group, b->group) == 0;

    out->cls = "group";
    out->summary = g_strdup_printf("%s called %s of group %s at %s, %s of %s %s at %s: the two "
                                   "never meet",
                                   who, kind, a->group, place, others,
                                   alike ? "another group" : "group", b->group, other_place);
    out->root_cause = g_strdup_printf(
        "the same %s was called in different groups: in %s at %s by %s, in %s%s at %s by %s", kind,
        a->group, place, who, alike ? "another " : "", b->group, other_place, others);
    out->fix = g_strdup_printf("give %s the same group on every rank", kind);
    blame_crossing(inquiry, rank, next);
}

/* @next never comes to the call that @rank waits in. */
static void
explain_absence(DdpInquiry *inquiry, int rank, int next)
{
    const DdpStop *stop = inquiry->stops->pdata[inquiry->stop_of[rank]];
    g_autoptr(GArray) gone = ddp_rank_list();

    for (guint i = 0; i < stop->missing->len; i++) {
        int other = g_array_index(stop->missing, int, i);

        if (other == next || !would_come(inquiry, rank, other))
            g_array_append_val(gone, other);
    }
    ddp_explain_missing(inquiry, stop, gone);
}

void
ddp_explain_circle(DdpInquiry *inquiry, const GArray *circle)
{
    for (guint i = 0; i < circle->len; i++) {
        int rank = g_array_index(circle, int, i);
        int next = g_array_index(circle, int, (i + 1) % circle->len);

        if (would_come(inquiry, rank, next))
            continue;
        if (circle->len == 2 && differ_by_group(inquiry, rank, next))
            say_group(inquiry, rank, next);
        else
            explain_absence(inquiry, rank, next);
        return;
    }
    if (circle->len == 2) {
        int rank = g_array_index(circle, int, 0), next = g_array_index(circle, int, 1), length;
        DdpSteps a, b;

        ddp_steps_of(inquiry, rank, &a);
        ddp_steps_of(inquiry, next, &b);
        keep_common(&a, next);
        keep_common(&b, rank);
        if (a.whole && b.whole && !ddp_steps_are_reordered(&a, &b, &length) &&
            differ_by_group(inquiry, rank, next)) {
            say_group(inquiry, rank, next);
            return;
        }
    }
    say_circle(inquiry, circle);
}

/* ---- messages ---- */

/* "rank 1, which waits in ...", "rank 1, which finished after ...". */
static char *
peer_text(const DdpInquiry *inquiry, const DdpRankVerdict *verdict)
{
    g_autofree char *where = NULL;

    if (verdict->call.root < 0)
        return g_strdup("anybody");
    where = ddp_whereabouts_text(inquiry, verdict->call.root);
    return g_strdup_printf("rank %d, which %s", verdict->call.root, where);
}

/* A message that lies in a mailbox and is nearly the one: from the same sender, or to another. */
static char *
stray_text(const DdpInquiry *inquiry, int rank, const DdpCall *receive)
{
    const DdpComm *comm = ddp_world_comm((DdpWorld *)inquiry->world);
    size_t count = ddp_comm_unreceived(comm);

    for (size_t i = 0; i < count && receive->kind == DDP_CALL_RECV; i++) {
        const DdpCall *call;
        int src, dst;

        ddp_comm_unreceived_at(comm, i, &src, &dst, &call);
        if (src != receive->root && dst != rank)
            continue;

        g_autofree char *place = ddp_site_text(&call->site);

        if (src == receive->root && dst == rank)
            return g_strdup_printf("; rank %d has sent one with tag %d at %s, but tag %d is asked "
                                   "for",
                                   src, call->tag, place, receive->tag);
        return dst == rank
                   ? g_strdup_printf("; rank %d has sent one to rank %d at %s", src, dst, place)
                   : g_strdup_printf("; rank %d has sent one at %s, but to rank %d", src, place,
                                     dst);
    }
    return g_strdup("");
}

static void
say_stray(DdpInquiry *inquiry, int rank, const DdpRankVerdict *verdict)
{
    DdpDiagnosis *out = inquiry->out;
    const char *kind = ddp_call_kind_name(verdict->call.kind);
    g_autofree char *call = ddp_call_describe(&verdict->call);
    g_autofree char *place = ddp_call_place_text(&verdict->call);
    g_autofree char *peer = peer_text(inquiry, verdict);
    g_autofree char *stray = stray_text(inquiry, rank, &verdict->call);

    out->summary =
        g_strdup_printf("rank %d is stuck in %s at %s, waiting for %s", rank, call, place, peer);
    out->root_cause = g_strdup_printf("the %s of rank %d at %s has no partner: it waits for %s%s",
                                      kind, rank, place, peer, stray);
    out->fix = g_strdup_printf("give it a matching %s (peer and tag), or take it away",
                               verdict->call.kind == DDP_CALL_SEND ? "recv" : "send");
}

static void
say_payload(DdpInquiry *inquiry, int rank, const DdpRankVerdict *verdict)
{
    DdpDiagnosis *out = inquiry->out;
    const char *what = verdict->difference == DDP_CALL_DIFFERS_DTYPE ? "dtype" : "shape";
    g_autofree char *call = ddp_call_describe(&verdict->call);
    g_autofree char *place = ddp_call_place_text(&verdict->call);
    g_autofree char *other = ddp_call_describe(&verdict->against);
    g_autofree char *other_place = ddp_site_text(&verdict->against.site);

    out->summary =
        g_strdup_printf("a message and its receiver differ in %s: rank %d in %s at %s, "
                        "rank %d in %s at %s",
                        what, rank, call, place, verdict->against_rank, other, other_place);
    out->root_cause =
        g_strdup_printf("rank %d and rank %d give the message a different %s: %s at %s, %s at %s",
                        rank, verdict->against_rank, what, call, place, other, other_place);
    out->fix = g_strdup_printf("give both sides a tensor of the same %s", what);
}

void
ddp_explain_message(DdpInquiry *inquiry, const DdpStop *stop)
{
    int rank = ddp_first_rank(stop->waiting);
    const DdpRankVerdict *verdict = ddp_verdict_of(inquiry, rank);

    inquiry->out->cls = "p2p";
    if (verdict->has_against)
        say_payload(inquiry, rank, verdict);
    else
        say_stray(inquiry, rank, verdict);
}

void
ddp_explain_message_circle(DdpInquiry *inquiry, const GArray *circle)
{
    DdpDiagnosis *out = inquiry->out;
    g_autofree char *chain = ddp_chain_text(inquiry, circle);
    g_autofree char *links = links_text(inquiry, circle);
    int first = -1, messages = 0;
    bool one_kind = true;

    for (guint i = 0; i < circle->len; i++) {
        const DdpCall *call = &ddp_verdict_of(inquiry, g_array_index(circle, int, i))->call;

        if (!ddp_is_message(call))
            continue;
        if (first < 0)
            first = g_array_index(circle, int, i);
        messages++;
        one_kind = one_kind && call->kind == ddp_verdict_of(inquiry, first)->call.kind;
    }

    const DdpRankVerdict *verdict = ddp_verdict_of(inquiry, first);
    g_autofree char *place = ddp_call_place_text(&verdict->call);
    g_autofree char *stray = stray_text(inquiry, first, &verdict->call);
    const char *kind = ddp_call_kind_name(verdict->call.kind);

    out->cls = "p2p";
    out->summary =
        g_strdup_printf("%u ranks wait for each other in a circle: %s", circle->len, links);
    if (messages == (int)circle->len && one_kind) {
        out->root_cause = g_strdup_printf("every rank of the circle waits in its %s before it does "
                                          "anything for the next one: %s%s",
                                          kind, chain, stray);
        out->fix = g_strdup_printf("let one rank of the circle %s first, or use isend and irecv",
                                   verdict->call.kind == DDP_CALL_SEND ? "receive" : "send");
    } else {
        out->root_cause =
            g_strdup_printf("the %s of rank %d at %s finds its partner elsewhere: %s%s", kind,
                            first, place, chain, stray);
        out->fix = g_strdup_printf("give it a matching %s before the two ranks part, or use isend "
                                   "and irecv",
                                   verdict->call.kind == DDP_CALL_SEND ? "recv" : "send");
    }
}
