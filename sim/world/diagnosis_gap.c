/* SPDX-License-Identifier: MIT */
/*
 * Calls that some ranks made and others did not, or not as often.
 *
 * Where the ranks stand is often behind the mistake: equal calls pair by number, so a later call
 * takes the place of one that was left out, and the ranks part company one call too late. What
 * tells is how often each rank has called from each place: one place that some never called from
 * is a call that is missing; one that they called from less often is a loop with fewer turns.
 */
#include "sim/world/diagnosis_private.h"

typedef enum { GAP_CALL, GAP_LOOP, GAP_TWO_LOOPS } GapKind;

typedef struct {
    GapKind kind;
    const DdpPlaceCount *place; /* where those who wait called more often */
    const DdpPlaceCount *other; /* of GAP_TWO_LOOPS: the loop of those who left */
    uint64_t many, few;
    bool is_here; /* it is the place they wait at */
} Gap;

static uint64_t
calls_at(const DdpInquiry *inquiry, int rank, const DdpPlaceCount *place)
{
    const DdpPlaceCount *found =
        ddp_history_find(ddp_world_history(inquiry->world, rank), &place->site, &place->via);

    return found != NULL ? found->calls : 0;
}

static const DdpPlaceCount *
place_of(const DdpInquiry *inquiry, int rank)
{
    static const DdpSite nowhere;
    const DdpCall *call = &ddp_verdict_of(inquiry, rank)->call;

    return ddp_history_find(ddp_world_history(inquiry->world, rank), &call->site,
                            call->caller != NULL ? &call->caller->via : &nowhere);
}

/* A place that @rank called from more often than @gone did, never where @never. */
static const DdpPlaceCount *
more_often(const DdpInquiry *inquiry, int rank, int gone, bool never)
{
    const DdpHistory *history = ddp_world_history(inquiry->world, rank);

    for (guint i = 0; i < history->place_count; i++) {
        const DdpPlaceCount *place = &history->places[i];
        uint64_t few = calls_at(inquiry, gone, place);

        if (place->calls > few && (few == 0) == never)
            return place;
    }
    return NULL;
}

/* Both went round a loop, each in lines of its own. */
static const DdpPlaceCount *
own_loop(const DdpInquiry *inquiry, int rank, int gone, const DdpPlaceCount *here)
{
    const DdpPlaceCount *last = ddp_history_last(ddp_world_history(inquiry->world, gone));

    if (here->calls < 2 || last == NULL || last->calls < 2 || last->kind != here->kind ||
        calls_at(inquiry, rank, last) > 0)
        return NULL;
    return last;
}

static Gap
find_gap(const DdpInquiry *inquiry, int rank, int gone)
{
    const DdpPlaceCount *here = place_of(inquiry, rank);
    Gap gap = {GAP_CALL, here, NULL, here->calls, calls_at(inquiry, gone, here), true};
    const DdpPlaceCount *place;

    if (gap.few == 0) {
        gap.other = own_loop(inquiry, rank, gone, here);
        if (gap.other != NULL) {
            gap.kind = GAP_TWO_LOOPS;
            gap.few = gap.other->calls;
        }
        return gap;
    }
    if (gap.few < gap.many) {
        gap.kind = GAP_LOOP;
        return gap;
    }
    place = more_often(inquiry, rank, gone, true);
    if (place == NULL) {
        place = more_often(inquiry, rank, gone, false);
        gap.kind = place != NULL ? GAP_LOOP : GAP_CALL;
    }
    if (place == NULL)
        return gap;
    gap.place = place;
    gap.many = place->calls;
    gap.few = calls_at(inquiry, gone, place);
    gap.is_here = false;
    return gap;
}

/* ---- words ---- */

/* "once", "3 times". */
static char *
count_text(uint64_t count)
{
    return count == 1 ? g_strdup("once") : g_strdup_printf("%" G_GUINT64_FORMAT " times", count);
}

static const char fix_loop[] =
    "give every rank the same number of turns (a DistributedSampler pads or drops, so that all "
    "shards are of one length), or let the ranks agree on when to stop";

/* ---- loops ---- */

static void
say_loop(DdpInquiry *inquiry, const GArray *longer, const GArray *shorter,
         const DdpPlaceCount *place, uint64_t many, uint64_t few)
{
    DdpDiagnosis *out = inquiry->out;
    g_autofree char *who = ddp_ranks_text(longer);
    g_autofree char *others = ddp_ranks_text(shorter);
    g_autofree char *at = ddp_place_text(&place->site, &place->via);
    g_autofree char *where = ddp_whereabouts_text(inquiry, ddp_first_rank(shorter));
    const DdpCall *call = &ddp_verdict_of(inquiry, ddp_first_rank(longer))->call;
    bool is_here = ddp_site_equal(&call->site, &place->site);
    g_autofree char *here = ddp_call_place_text(call);
    g_autofree char *more = count_text(many);
    g_autofree char *less = count_text(few);
    const char *kind = ddp_call_kind_name(place->kind);

    out->cls = "uneven_iterations";
    out->summary = g_strdup_printf("the loop around %s at %s is in turn %" G_GUINT64_FORMAT
                                   " on %s, but ended after %" G_GUINT64_FORMAT " on %s, which %s",
                                   kind, at, many, who, few, others, where);
    out->root_cause =
        g_strdup_printf("%s called %s at %s %s, %s only %s: shards of different lengths, or a "
                        "break that depends on "
                        "the rank%s%s",
                        who, kind, at, more, others, less,
                        is_here ? "" : ". It shows now, where they wait at ", is_here ? "" : here);
    out->fix = g_strdup(fix_loop);
}

static void
say_two_loops(DdpInquiry *inquiry, const GArray *longer, const GArray *shorter, const Gap *gap)
{
    DdpDiagnosis *out = inquiry->out;
    g_autofree char *who = ddp_ranks_text(longer);
    g_autofree char *others = ddp_ranks_text(shorter);
    g_autofree char *at = ddp_place_text(&gap->place->site, &gap->place->via);
    g_autofree char *other_at = ddp_place_text(&gap->other->site, &gap->other->via);
    const char *kind = ddp_call_kind_name(gap->place->kind);

    out->cls = "uneven_iterations";
    out->summary =
        g_strdup_printf("the loop around %s at %s is in turn %" G_GUINT64_FORMAT
                        " on %s, and the one at %s ended after %" G_GUINT64_FORMAT " on %s",
                        kind, at, gap->many, who, other_at, gap->few, others);
    out->root_cause = g_strdup_printf(
        "the turns of two loops met each other, %" G_GUINT64_FORMAT
        " at %s on %s and more than that at %s on %s: shards of different lengths, or a break that "
        "depends on the rank",
        gap->few, other_at, others, at, who);
    out->fix = g_strdup(fix_loop);
}

/* The calls on the way from where @longer stands to where @shorter stands, all of a loop of both.
 */
static bool
leads_on(const DdpInquiry *inquiry, const DdpSteps *longer, const DdpSteps *shorter, int rank)
{
    const DdpHistory *history = ddp_world_history(inquiry->world, rank);

    for (int i = 1; i < longer->count; i++) {
        if (ddp_step_same_place(&longer->steps[i], &shorter->steps[0]))
            return true;
        if (ddp_history_find(history, &longer->steps[i].site, &longer->steps[i].via) == NULL)
            return false;
    }
    return false;
}

static bool
comes_to(const DdpSteps *steps, const DdpPlaceCount *place)
{
    for (int i = 1; i < steps->count; i++) {
        if (ddp_site_equal(&steps->steps[i].site, &place->site) &&
            ddp_site_equal(&steps->steps[i].via, &place->via))
            return true;
    }
    return false;
}

bool
ddp_explain_loop(DdpInquiry *inquiry, const GArray *longer, const GArray *shorter)
{
    int rank = ddp_first_rank(longer), other = ddp_first_rank(shorter);
    const DdpPlaceCount *place = place_of(inquiry, rank);
    const DdpPlaceCount *beyond = place_of(inquiry, other);
    DdpSteps steps, other_steps;
    uint64_t few = UINT64_MAX;

    for (guint i = 0; i < shorter->len; i++)
        few = MIN(few, calls_at(inquiry, g_array_index(shorter, int, i), place));
    if (few == 0 || few >= place->calls)
        return false;
    ddp_steps_of(inquiry, rank, &steps);
    ddp_steps_of(inquiry, other, &other_steps);
    /* Where it is not known what comes: those who have more turns to go were never beyond, and
     * those who are beyond do not come back. */
    if (!leads_on(inquiry, &steps, &other_steps, other) &&
        (steps.whole || beyond == NULL || calls_at(inquiry, rank, beyond) > 0 ||
         comes_to(&other_steps, place)))
        return false;
    say_loop(inquiry, longer, shorter, place, place->calls, few);
    if (longer->len < shorter->len)
        ddp_blame(inquiry, longer);
    else
        ddp_blame_fewer(inquiry, shorter, longer);
    return true;
}

/* ---- calls ---- */

/* How to say that a rank went away without the call. */
static char *
absence_text(const DdpInquiry *inquiry, const GArray *gone)
{
    const DdpRankVerdict *verdict = ddp_verdict_of(inquiry, ddp_first_rank(gone));

    if (verdict->state != DDP_RANK_FINISHED)
        return g_strdup(gone->len == 1 ? "does not come" : "do not come");

    const DdpPlaceCount *last =
        ddp_history_last(ddp_world_history(inquiry->world, ddp_first_rank(gone)));

    if (last == NULL)
        return g_strdup("finished without calling it");

    g_autofree char *place = ddp_site_text(&last->site);

    return g_strdup_printf("finished without calling it, after %s at %s",
                           ddp_call_kind_name(last->kind), place);
}

static void
say_missing(DdpInquiry *inquiry, const DdpStop *stop, const GArray *gone, const Gap *gap)
{
    DdpDiagnosis *out = inquiry->out;
    const DdpRankVerdict *first = ddp_verdict_of(inquiry, ddp_first_rank(stop->waiting));
    g_autofree char *who = ddp_ranks_text(stop->waiting);
    g_autofree char *missing = ddp_ranks_text(gone);
    g_autofree char *kind = ddp_kind_text(first);
    g_autofree char *at = ddp_call_place_text(&first->call);
    g_autofree char *absence = absence_text(inquiry, gone);
    g_autofree char *gap_at = ddp_place_text(&gap->place->site, &gap->place->via);
    const char *gap_kind = ddp_call_kind_name(gap->place->kind);

    out->cls = "missing_rank";
    out->summary =
        g_strdup_printf("%s %s stuck in %s at %s: %s %s", who, ddp_is_or_are(stop->waiting), kind,
                        at, missing, gap->is_here ? absence : "left out a call before it");
    if (!gap->is_here) {
        out->root_cause = g_strdup_printf("%s did not call %s at %s. Equal calls pair by their "
                                          "number, so the next one of %s took "
                                          "its place, and %s %s one call too many at %s",
                                          missing, gap_kind, gap_at, missing, who,
                                          stop->waiting->len == 1 ? "has" : "have", at);
        out->fix = g_strdup_printf("call %s at %s on every rank: look for a rank guard around it",
                                   gap_kind, gap_at);
    } else if (stop->came->len < stop->missing->len) {
        out->root_cause = g_strdup_printf(
            "only %s called %s at %s; a collective must be called on every rank of its group, so "
            "the branch that led there must not depend on the rank",
            who, kind, at);
        out->fix = g_strdup_printf("call %s on every rank, and put the rank guard around what is "
                                   "done with its result",
                                   gap_kind);
    } else {
        out->root_cause =
            g_strdup_printf("%s did not call %s, which %s called at %s", missing, kind, who, at);
        out->fix = g_strdup_printf("make every rank reach %s at %s: look for an early return, a "
                                   "shorter loop or a rank guard on %s",
                                   kind, at, missing);
    }
}

void
ddp_explain_missing(DdpInquiry *inquiry, const DdpStop *stop, const GArray *gone)
{
    Gap gap = find_gap(inquiry, ddp_first_rank(stop->waiting), ddp_first_rank(gone));

    switch (gap.kind) {
    case GAP_LOOP:
        say_loop(inquiry, stop->waiting, gone, gap.place, gap.many, gap.few);
        break;
    case GAP_TWO_LOOPS:
        say_two_loops(inquiry, stop->waiting, gone, &gap);
        break;
    case GAP_CALL:
        say_missing(inquiry, stop, gone, &gap);
        break;
    }
    if (stop->came->len < stop->missing->len)
        ddp_blame(inquiry, stop->came);
    else
        ddp_blame_fewer(inquiry, stop->missing, stop->came);
}
