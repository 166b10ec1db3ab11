/* SPDX-License-Identifier: MIT */
/*
 * Ranks that all came to one collective, with calls that do not agree.
 *
 * Two calls that differ look the same whatever the mistake was. What comes next tells: if each side
 * would go on to make the other's call, the same calls stand in another order; if one side goes on
 * as the other does now, it made a call too many; else the calls themselves are wrong.
 */
#include <string.h>

#include "sim/world/diagnosis_private.h"

#define ROW_MAX 8 /* calls of which the order is told */

/* ---- what comes next ---- */

static bool
same_step(const DdpForeseen *a, const DdpForeseen *b)
{
    return a->kind == b->kind && a->group == b->group &&
           (a->signature == b->signature || a->signature == 0 || b->signature == 0);
}

/* As far as both are known; and if both are known to their ends, to the same length. */
static bool
same_rest(const DdpSteps *a, int from_a, const DdpSteps *b, int from_b)
{
    while (from_a < a->count && from_b < b->count) {
        if (!same_step(&a->steps[from_a++], &b->steps[from_b++]))
            return false;
    }
    return (from_a == a->count || !b->whole) && (from_b == b->count || !a->whole);
}

/* Each of the first @length steps of @a is one of those of @b. */
static bool
same_steps(const DdpSteps *a, const DdpSteps *b, int length)
{
    bool taken[ROW_MAX] = {false};

    for (int i = 0; i < length; i++) {
        int j = 0;

        while (j < length && (taken[j] || !same_step(&a->steps[i], &b->steps[j])))
            j++;
        if (j == length)
            return false;
        taken[j] = true;
    }
    return true;
}

bool
ddp_steps_are_reordered(const DdpSteps *a, const DdpSteps *b, int *length)
{
    for (int n = 2; n <= ROW_MAX && n <= a->count && n <= b->count; n++) {
        if (same_steps(a, b, n) && same_rest(a, n, b, n)) {
            *length = n;
            return true;
        }
    }
    return false;
}

bool
ddp_steps_have_extra(const DdpSteps *a, const DdpSteps *b, int *extra)
{
    /* Two calls from one place are one call with different arguments. */
    if (a->count == 0 || b->count == 0 || ddp_step_same_place(&a->steps[0], &b->steps[0]))
        return false;
    for (int n = 1; n <= ROW_MAX && n < a->count; n++) {
        if (ddp_step_same_place(&a->steps[n], &b->steps[0]) && same_rest(a, n, b, 0)) {
            *extra = n;
            return true;
        }
    }
    return false;
}

/* ---- sides ---- */

typedef struct {
    int first;            /* its lowest rank */
    DdpRankVerdict stand; /* where that one stands, or stood when it came here and went on */
    GArray *ranks;
} Side;

static void
side_free(void *side_)
{
    Side *side = side_;

    g_array_unref(side->ranks);
    g_free(side);
}

static bool
on_one_side(const DdpRankVerdict *a, const DdpRankVerdict *b)
{
    return ddp_call_compare(&a->call, &b->call) == DDP_CALL_SAME;
}

static guint
hash_call(gconstpointer verdict)
{
    return (guint)ddp_call_signature(&((const DdpRankVerdict *)verdict)->call);
}

static gboolean
equal_calls(gconstpointer a, gconstpointer b)
{
    return on_one_side(a, b);
}

static guint
hash_place(gconstpointer verdict)
{
    return (guint)((const DdpRankVerdict *)verdict)->call.site.line;
}

static gboolean
equal_places(gconstpointer a, gconstpointer b)
{
    return ddp_call_same_place(&((const DdpRankVerdict *)a)->call,
                               &((const DdpRankVerdict *)b)->call);
}

static guint
hash_name(gconstpointer verdict)
{
    const char *name = ((const DdpRankVerdict *)verdict)->call_name;

    return name != NULL ? g_str_hash(name) : 0;
}

static gboolean
equal_names(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(((const DdpRankVerdict *)a)->call_name,
                     ((const DdpRankVerdict *)b)->call_name) == 0;
}

/* How @rank came to @stop; false if that is not known. */
static bool
stand_at(const DdpInquiry *inquiry, const DdpStop *stop, int rank, DdpRankVerdict *stand)
{
    const DdpRankVerdict *verdict = ddp_verdict_of(inquiry, rank);

    if (verdict->waits && verdict->in == stop->group && verdict->seq == stop->seq) {
        *stand = *verdict;
        return true;
    }
    if (!verdict->has_begun || verdict->begun_in != stop->group || verdict->begun_seq != stop->seq)
        return false;
    *stand = (DdpRankVerdict){.call = verdict->begun,
                              .group = ddp_group_name(stop->group),
                              .in = stop->group,
                              .seq = stop->seq};
    return true;
}

static GPtrArray *
sides_by(const DdpInquiry *inquiry, const DdpStop *stop, GHashFunc hash, GEqualFunc equal)
{
    GPtrArray *sides = g_ptr_array_new_with_free_func(side_free);
    g_autoptr(GHashTable) known = g_hash_table_new(hash, equal);

    for (guint i = 0; i < stop->came->len; i++) {
        int rank = g_array_index(stop->came, int, i);
        DdpRankVerdict stand;
        Side *side;

        if (!stand_at(inquiry, stop, rank, &stand))
            continue;
        side = g_hash_table_lookup(known, &stand);
        if (side == NULL) {
            side = g_new0(Side, 1);
            side->first = rank;
            side->stand = stand;
            side->ranks = ddp_rank_list();
            g_ptr_array_add(sides, side);
            g_hash_table_insert(known, &side->stand, side);
        }
        g_array_append_val(side->ranks, rank);
    }
    return sides;
}

/* The ranks grouped by equal calls, the largest group first, then by their lowest ranks. */
static GPtrArray *
sides_of(const DdpInquiry *inquiry, const DdpStop *stop)
{
    GPtrArray *sides = sides_by(inquiry, stop, hash_call, equal_calls);
    guint largest = 0;

    if (sides->len == 1) {
        g_ptr_array_unref(sides);
        sides = sides_by(inquiry, stop, hash_name, equal_names);
    }
    /* The pieces of an all_to_all do not fit, which no single call shows. */
    if (sides->len == 1) {
        g_ptr_array_unref(sides);
        sides = sides_by(inquiry, stop, hash_place, equal_places);
    }
    for (guint i = 1; i < sides->len; i++) {
        if (((Side *)sides->pdata[i])->ranks->len > ((Side *)sides->pdata[largest])->ranks->len)
            largest = i;
    }
    if (largest > 0) {
        gpointer side = sides->pdata[largest];

        memmove(sides->pdata + 1, sides->pdata, largest * sizeof *sides->pdata);
        sides->pdata[0] = side;
    }
    return sides;
}

static void
blame_the_few(DdpInquiry *inquiry, const GPtrArray *sides)
{
    const Side *most = sides->pdata[0];

    for (guint i = 1; i < sides->len; i++) {
        if (((const Side *)sides->pdata[i])->ranks->len == most->ranks->len)
            return;
    }
    for (guint i = 1; i < sides->len; i++)
        ddp_blame(inquiry, ((const Side *)sides->pdata[i])->ranks);
}

/* ---- words ---- */

static const char *
difference_class(DdpCallDifference difference)
{
    switch (difference) {
    case DDP_CALL_DIFFERS_KIND:
        return "kind";
    case DDP_CALL_DIFFERS_DTYPE:
        return "dtype";
    case DDP_CALL_DIFFERS_SHAPE:
        return "shape";
    case DDP_CALL_DIFFERS_OP:
        return "op";
    case DDP_CALL_DIFFERS_ROOT:
        return "root";
    case DDP_CALL_DIFFERS_GROUP:
        return "group";
    case DDP_CALL_DIFFERS_NAME:
        return "swap";
    case DDP_CALL_SAME:
        break;
    }
    g_assert_not_reached();
}

static const char *
difference_words(DdpCallDifference difference)
{
    switch (difference) {
    case DDP_CALL_DIFFERS_DTYPE:
        return "dtype";
    case DDP_CALL_DIFFERS_SHAPE:
        return "shape";
    case DDP_CALL_DIFFERS_OP:
        return "reduce op";
    case DDP_CALL_DIFFERS_ROOT:
        return "root (src or dst)";
    case DDP_CALL_DIFFERS_GROUP:
        return "list of ranks";
    case DDP_CALL_DIFFERS_NAME:
        return "name";
    case DDP_CALL_DIFFERS_KIND:
    case DDP_CALL_SAME:
        break;
    }
    g_assert_not_reached();
}

#define SIDES_SHOWN 4

typedef enum { SHOW_PLACE, SHOW_KIND, SHOW_CALL } Show;

/* "rank 2 in broadcast(...) at f:14, ranks 0, 1 in all_reduce(...) at f:10", the few first. */
static char *
sides_text(const GPtrArray *sides, Show show)
{
    GString *text = g_string_new(NULL);
    guint shown = MIN(sides->len, SIDES_SHOWN);

    for (guint i = 1; i <= shown; i++) {
        const Side *side = sides->pdata[i < shown ? i : 0];
        const DdpRankVerdict *verdict = &side->stand;
        g_autofree char *who = ddp_ranks_text(side->ranks);
        g_autofree char *call = show == SHOW_CALL ? ddp_call_text(verdict) : ddp_kind_text(verdict);
        g_autofree char *place = ddp_call_place_text(&verdict->call);

        g_string_append_printf(text, "%s%s%s%s at %s", i > 1 ? ", " : "", who,
                               show == SHOW_PLACE ? "" : " in ", show == SHOW_PLACE ? "" : call,
                               place);
    }
    if (shown < sides->len)
        g_string_append_printf(text, ", and %u more different calls", sides->len - shown);
    return g_string_free(text, FALSE);
}

/* "broadcast (f:14), then all_reduce (f:15)". */
static char *
row_text(const DdpSteps *steps, int length)
{
    GString *text = g_string_new(NULL);

    for (int i = 0; i < length; i++) {
        g_autofree char *place = ddp_place_text(&steps->steps[i].site, &steps->steps[i].via);

        g_string_append_printf(text, "%s%s at %s", i > 0 ? ", then " : "",
                               ddp_call_kind_name(steps->steps[i].kind), place);
    }
    return g_string_free(text, FALSE);
}

/* ---- the kinds of trouble ---- */

static void
say_order(DdpInquiry *inquiry, const GPtrArray *sides, const DdpSteps *most, const DdpSteps *other,
          int length)
{
    DdpDiagnosis *out = inquiry->out;
    g_autofree char *who = ddp_ranks_text(((const Side *)sides->pdata[1])->ranks);
    g_autofree char *others = ddp_ranks_text(((const Side *)sides->pdata[0])->ranks);
    g_autofree char *row = row_text(other, length);
    g_autofree char *most_row = row_text(most, length);
    g_autofree char *all = sides_text(sides, SHOW_KIND);

    out->cls = "order";
    out->summary = g_strdup_printf("the same collectives in another order: %s", all);
    out->root_cause = g_strdup_printf("%s would call %s; %s would call %s. Collectives pair in the "
                                      "order in which each rank makes them",
                                      who, row, others, most_row);
    out->fix = g_strdup_printf("make these %d calls in one order on every rank", length);
}

/* One side made a call that the other did not make, and would go on as the other does. */
static bool
say_extra(DdpInquiry *inquiry, const GPtrArray *sides, const DdpSteps *most, const DdpSteps *other)
{
    DdpDiagnosis *out = inquiry->out;
    const Side *few_side = sides->pdata[sides->len > 1], *most_side = sides->pdata[0];
    const DdpRankVerdict *few = &few_side->stand, *many = &most_side->stand;
    g_autofree char *who = ddp_ranks_text(few_side->ranks);
    g_autofree char *others = ddp_ranks_text(most_side->ranks);
    g_autofree char *place = ddp_call_place_text(&few->call);
    g_autofree char *most_place = ddp_call_place_text(&many->call);
    const char *kind = ddp_call_kind_name(few->call.kind);
    const char *most_kind = ddp_call_kind_name(many->call.kind);
    int extra;

    if (ddp_steps_have_extra(other, most, &extra)) {
        out->root_cause = g_strdup_printf(
            "only %s called %s at %s; without that call the next one, %s at %s, would be the same "
            "on %s: a branch that depends on the rank",
            who, kind, place, most_kind, most_place, others);
        out->fix = g_strdup_printf("take the rank guard away from %s at %s", kind, place);
        return true;
    }
    if (ddp_steps_have_extra(most, other, &extra)) {
        out->root_cause = g_strdup_printf(
            "%s left out %s at %s, which %s called, and went on to %s at %s: a branch that depends "
            "on the rank",
            who, most_kind, most_place, others, kind, place);
        out->fix = g_strdup_printf("call %s at %s on every rank", most_kind, most_place);
        return true;
    }
    return false;
}

static void
say_kind(DdpInquiry *inquiry, const GPtrArray *sides)
{
    DdpDiagnosis *out = inquiry->out;
    const Side *few_side = sides->pdata[sides->len > 1], *most_side = sides->pdata[0];
    const DdpRankVerdict *few = &few_side->stand, *many = &most_side->stand;
    g_autofree char *who = ddp_ranks_text(few_side->ranks);
    g_autofree char *others = ddp_ranks_text(most_side->ranks);
    g_autofree char *place = ddp_call_place_text(&few->call);
    g_autofree char *most_place = ddp_call_place_text(&many->call);
    const char *kind = ddp_call_kind_name(few->call.kind);
    const char *most_kind = ddp_call_kind_name(many->call.kind);

    out->root_cause = g_strdup_printf(
        "%s called %s at %s where %s called %s at %s; all ranks must call the same collectives in "
        "the same order",
        who, kind, place, others, most_kind, most_place);
    out->fix =
        g_strdup_printf("give every rank the same call: %s here, or %s there", kind, most_kind);
}

/* What the ranks brought differs, and the class of it. */
static void
say_difference(DdpInquiry *inquiry, const GPtrArray *sides, DdpCallDifference difference)
{
    DdpDiagnosis *out = inquiry->out;
    const DdpRankVerdict *few = &((const Side *)sides->pdata[sides->len > 1])->stand;
    g_autofree char *all = sides_text(sides, SHOW_CALL);
    const char *what = difference_words(difference);
    const char *kind = ddp_call_kind_name(few->call.kind);

    out->root_cause =
        g_strdup_printf("the same collective was called with a different %s: %s", what, all);
    out->fix = g_strdup_printf("give %s the same %s on every rank", kind, what);
}

/* How many of the first @length steps of @a stand on a line that one of @b's stands on. */
static int
same_lines(const DdpSteps *a, const DdpSteps *b, int length)
{
    int count = 0;

    for (int i = 0; i < length; i++) {
        int j = 0;

        while (j < length && !ddp_site_equal(&a->steps[i].site, &b->steps[j].site))
            j++;
        count += j < length;
    }
    return count;
}

/* How many steps of @b are made from the very places where @a makes them, @extra calls later. */
static int
same_later(const DdpSteps *a, const DdpSteps *b, int extra)
{
    int count = 0;

    for (int i = 0; i < b->count && i + extra < a->count; i++)
        count += ddp_step_same_place(&a->steps[i + extra], &b->steps[i]);
    return count;
}

/*
 * With neither end in sight, one call too many and two exchanged ones can look alike: then it is
 * the one that more calls speak for.
 */
static bool
is_rather_extra(const DdpSteps *most, const DdpSteps *other, int length)
{
    int extra, count = 0;

    if (most->whole || other->whole)
        return false;
    if (ddp_steps_have_extra(most, other, &extra))
        count = same_later(most, other, extra);
    else if (ddp_steps_have_extra(other, most, &extra))
        count = same_later(other, most, extra);
    return count > 0 && count >= same_lines(most, other, length);
}

static bool
explain_order(DdpInquiry *inquiry, const GPtrArray *sides, const DdpSteps *most,
              const DdpSteps *other)
{
    int length;

    if (!ddp_steps_are_reordered(most, other, &length) || is_rather_extra(most, other, length))
        return false;
    say_order(inquiry, sides, most, other, length);
    return true;
}

/* Each root that a rank names takes itself for the root as well, so that nobody waits for it. */
static bool
roots_send(const DdpInquiry *inquiry, const GArray *ranks)
{
    for (guint i = 0; i < ranks->len; i++) {
        int root = ddp_verdict_of(inquiry, g_array_index(ranks, int, i))->call.root;

        if (root < 0 || ddp_verdict_of(inquiry, root)->call.root != root)
            return false;
    }
    return true;
}

static bool
stands_there(const DdpInquiry *inquiry, const DdpStop *stop, const Side *side)
{
    const DdpRankVerdict *verdict = ddp_verdict_of(inquiry, side->first);

    return verdict->waits && verdict->in == stop->group && verdict->seq == stop->seq;
}

void
ddp_explain_meeting(DdpInquiry *inquiry, const DdpStop *stop)
{
    g_autoptr(GPtrArray) sides = sides_of(inquiry, stop);
    DdpDiagnosis *out = inquiry->out;
    const Side *most = sides->pdata[0], *other = sides->pdata[sides->len > 1];
    DdpSteps most_steps = {.count = 0}, other_steps = {.count = 0};
    g_autofree char *all = NULL;
    bool both_wait;

    both_wait = stands_there(inquiry, stop, most) && stands_there(inquiry, stop, other);
    if (both_wait) {
        ddp_steps_of(inquiry, most->first, &most_steps);
        ddp_steps_of(inquiry, other->first, &other_steps);
    }
    if (both_wait && sides->len == 2 &&
        (ddp_explain_loop(inquiry, most->ranks, other->ranks) ||
         ddp_explain_loop(inquiry, other->ranks, most->ranks)))
        return;
    blame_the_few(inquiry, sides);
    if (stop->difference != DDP_CALL_DIFFERS_ROOT || roots_send(inquiry, stop->came))
        out->real_job =
            ddp_mismatch_text(inquiry, &most->stand.call, &other->stand.call, stop->difference);
    if (sides->len > 1 && both_wait && explain_order(inquiry, sides, &most_steps, &other_steps))
        return;
    all = sides_text(sides, stop->difference == DDP_CALL_DIFFERS_KIND ? SHOW_KIND : SHOW_PLACE);
    out->cls = difference_class(stop->difference);
    if (stop->difference == DDP_CALL_DIFFERS_KIND) {
        out->summary = g_strdup_printf("ranks met in different collectives: %s", all);
    } else {
        out->summary = g_strdup_printf("ranks met in one %s with a different %s: %s",
                                       ddp_call_kind_name(most->stand.call.kind),
                                       difference_words(stop->difference), all);
    }
    if (sides->len == 2 && say_extra(inquiry, sides, &most_steps, &other_steps))
        return;
    if (stop->difference == DDP_CALL_DIFFERS_KIND)
        say_kind(inquiry, sides);
    else
        say_difference(inquiry, sides, stop->difference);
}

void
ddp_explain_late(DdpInquiry *inquiry, const DdpStop *stop)
{
    DdpDiagnosis *out = inquiry->out;
    int last = ddp_verdict_of(inquiry, ddp_first_rank(stop->waiting))->last, first = last;
    const DdpRankVerdict *verdict = ddp_verdict_of(inquiry, last);
    int64_t early_ns = INT64_MAX;

    for (guint i = 0; i < stop->waiting->len; i++) {
        int rank = g_array_index(stop->waiting, int, i);
        int64_t since_ns = ddp_verdict_of(inquiry, rank)->since_ns;

        if (rank != last && since_ns < early_ns) {
            early_ns = since_ns;
            first = rank;
        }
    }

    double limit = (double)ddp_world_timeout_ns(inquiry->world) / 1e9;
    double late = first != last ? (double)(verdict->since_ns - early_ns) / 1e9 : limit;
    g_autofree char *kind = ddp_kind_text(ddp_verdict_of(inquiry, first));
    g_autofree char *place = ddp_call_place_text(&ddp_verdict_of(inquiry, first)->call);
    g_autofree char *own = ddp_call_place_text(&verdict->call);

    out->cls = "late";
    out->summary =
        g_strdup_printf("rank %d came to %s at %s %.6g s after rank %d, which waited for it at %s; "
                        "the timeout is %.6g s",
                        last, kind, own, late, first, place, limit);
    out->root_cause = g_strdup_printf(
        "rank %d is a straggler: all ranks make the same calls, but it is slower by more than the "
        "timeout of %.6g s",
        last, limit);
    out->real_job = g_strdup_printf("the watchdog would abort the whole job once the others had "
                                    "waited for %.6g s, and show their "
                                    "stacks, not that of rank %d",
                                    limit, last);
    out->fix = g_strdup_printf("give rank %d less to do before %s, let the others do the same, or "
                               "raise the timeout of the group",
                               last, kind);
    g_array_append_val(out->blamed, last);
}
