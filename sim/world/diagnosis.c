/* SPDX-License-Identifier: MIT */
#include "sim/world/diagnosis.h"

#include <string.h>

/* Defaults of torch.distributed: 10 minutes for NCCL, 30 for every other backend. */
#define NCCL_TIMEOUT_MIN 10
#define GLOO_TIMEOUT_MIN 30

/* ---- words ---- */

char *
ddp_ranks_text(const GArray *ranks)
{
    GString *text = g_string_new(ranks->len == 1 ? "rank " : "ranks ");

    for (guint i = 0; i < ranks->len;) {
        guint last = i;

        while (last + 1 < ranks->len &&
               g_array_index(ranks, int, last + 1) == g_array_index(ranks, int, last) + 1)
            last++;
        g_string_append_printf(text, "%s%d", i > 0 ? ", " : "", g_array_index(ranks, int, i));
        if (last == i + 1)
            g_string_append_printf(text, ", %d", g_array_index(ranks, int, last));
        else if (last > i)
            g_string_append_printf(text, "-%d", g_array_index(ranks, int, last));
        i = last + 1;
    }
    return g_string_free(text, FALSE);
}

static const char *
is_or_are(const GArray *ranks)
{
    return ranks->len == 1 ? "is" : "are";
}

static char *
site_text(const DdpCall *call)
{
    return g_strdup_printf("%s:%d", call->site.file, call->site.line);
}

/* ---- what the ranks were doing ---- */

static GArray *
rank_list(void)
{
    return g_array_new(FALSE, FALSE, sizeof(int));
}

static GArray *
ranks_where(const DdpWorld *world, bool (*test)(const DdpRankVerdict *verdict))
{
    GArray *ranks = rank_list();

    for (int rank = 0; rank < ddp_world_size(world); rank++) {
        if (test(ddp_world_rank_verdict(world, rank)))
            g_array_append_val(ranks, rank);
    }
    return ranks;
}

static bool
waits(const DdpRankVerdict *verdict)
{
    return verdict->waits;
}

static bool
does_not_wait(const DdpRankVerdict *verdict)
{
    return !verdict->waits;
}

static bool
is_endless(const DdpRankVerdict *verdict)
{
    return verdict->endless;
}

static bool
has_failed(const DdpRankVerdict *verdict)
{
    return verdict->state == DDP_RANK_FAILED && !verdict->endless;
}

static const DdpRankVerdict *
first_of(const DdpWorld *world, const GArray *ranks)
{
    return ddp_world_rank_verdict(world, g_array_index(ranks, int, 0));
}

/* What becomes of the job when nobody explains: it waits for a timeout. */
static char *
hang_text(const DdpWorld *world, DdpBackend backend)
{
    int minutes = backend == DDP_BACKEND_NCCL ? NCCL_TIMEOUT_MIN : GLOO_TIMEOUT_MIN;
    double hours = (double)ddp_world_size(world) * minutes / 60.0;

    if (backend == DDP_BACKEND_NCCL)
        return g_strdup_printf(
            "with NCCL the job would hang until the watchdog's timeout of %d minutes (30 under "
            "Lightning) and then abort: %d GPUs × %d min = %.2f GPU-hours, and no line number",
            minutes, ddp_world_size(world), minutes, hours);
    return g_strdup_printf("with gloo the job would hang until the timeout of %d minutes, or fail "
                           "with \"connection closed by peer\": %d processes × %d min = %.2f "
                           "hours, and no line number",
                           minutes, ddp_world_size(world), minutes, hours);
}

/* A rank that failed is seen by its launcher, if there is one. */
static char *
death_text(const DdpWorld *world, DdpBackend backend)
{
    g_autofree char *hang = hang_text(world, backend);

    return g_strdup_printf("torchrun would stop all workers and show this rank's error; started "
                           "without an agent, %s",
                           hang);
}

/* ---- the kinds of trouble ---- */

/*
 * A loop that goes round more often on some ranks: those that wait have called from this place
 * before, and the others have too, but not as often.
 */
static bool
explain_iterations(DdpDiagnosis *diagnosis, const DdpWorld *world, const GArray *longer,
                   const GArray *shorter)
{
    const DdpRankVerdict *first = first_of(world, longer);
    const DdpSite *site = &first->call.site;
    uint64_t many = ddp_world_calls_from(world, g_array_index(longer, int, 0), site);
    uint64_t few = many;

    for (guint i = 0; i < shorter->len; i++) {
        uint64_t calls = ddp_world_calls_from(world, g_array_index(shorter, int, i), site);

        if (calls == 0 || calls >= many)
            return false;
        few = MIN(few, calls);
    }

    g_autofree char *who = ddp_ranks_text(longer);
    g_autofree char *others = ddp_ranks_text(shorter);
    g_autofree char *place = site_text(&first->call);
    const DdpRankVerdict *other = first_of(world, shorter);
    const char *kind = ddp_call_kind_name(first->call.kind);
    g_autofree char *other_place = other->waits ? site_text(&other->call) : NULL;
    g_autofree char *where =
        other->waits
            ? g_strdup_printf("wait in %s at %s", ddp_call_kind_name(other->call.kind), other_place)
            : g_strdup("have left the loop");

    diagnosis->cls = "uneven_iterations";
    diagnosis->summary = g_strdup_printf(
        "%s %s in turn %" G_GUINT64_FORMAT
        " of the loop around %s at %s, but %s made only %" G_GUINT64_FORMAT " and %s",
        who, is_or_are(longer), many, kind, place, others, few, where);
    diagnosis->root_cause = g_strdup_printf(
        "the loop around %s at %s runs %" G_GUINT64_FORMAT " times on %s and %" G_GUINT64_FORMAT
        " times on %s: shards of different lengths, or a break that depends on the rank",
        kind, place, many, who, few, others);
    diagnosis->fix = g_strdup("give every rank the same number of batches (a DistributedSampler "
                              "pads or drops), or let ranks join");
    if (longer->len < shorter->len)
        g_array_append_vals(diagnosis->blamed, longer->data, longer->len);
    else if (shorter->len < longer->len)
        g_array_append_vals(diagnosis->blamed, shorter->data, shorter->len);
    return true;
}

/* Some wait in a collective that others will never join. */
static void
explain_missing(DdpDiagnosis *diagnosis, const DdpWorld *world, const GArray *waiting)
{
    const DdpRankVerdict *first = first_of(world, waiting);
    const DdpRankVerdict *absent = first_of(world, diagnosis->missing);
    g_autofree char *who = ddp_ranks_text(waiting);
    g_autofree char *missing = ddp_ranks_text(diagnosis->missing);
    g_autofree char *site = site_text(&first->call);
    const char *kind = ddp_call_kind_name(first->call.kind);
    if (explain_iterations(diagnosis, world, waiting, diagnosis->missing))
        return;

    const char *where =
        absent->state == DDP_RANK_FINISHED ? "finished without calling it" : "will not come";

    diagnosis->cls = "missing_rank";
    diagnosis->summary = g_strdup_printf("%s %s stuck in %s at %s: %s %s", who, is_or_are(waiting),
                                         kind, site, missing, where);
    if (waiting->len < diagnosis->missing->len) {
        diagnosis->root_cause = g_strdup_printf(
            "only %s called %s at %s; a collective must be called on every rank, so the branch "
            "that led there must not depend on the rank",
            who, kind, site);
        diagnosis->fix = g_strdup_printf(
            "call %s on every rank, and put the rank guard around what is done with its result",
            kind);
        g_array_append_vals(diagnosis->blamed, waiting->data, waiting->len);
    } else {
        diagnosis->root_cause =
            g_strdup_printf("%s did not call %s, which %s called at %s", missing, kind, who, site);
        diagnosis->fix = g_strdup_printf("make every rank reach %s at %s: look for an early "
                                         "return, a shorter loop or a rank guard on %s",
                                         kind, site, missing);
        if (diagnosis->missing->len < waiting->len)
            g_array_append_vals(diagnosis->blamed, diagnosis->missing->data,
                                diagnosis->missing->len);
    }
}

/* Some wait for ranks that failed. */
static void
explain_died(DdpDiagnosis *diagnosis, const DdpWorld *world, const GArray *waiting,
             const GArray *culprits, bool endless)
{
    const DdpRankVerdict *first = first_of(world, waiting);
    const DdpRankVerdict *culprit = first_of(world, culprits);
    g_autofree char *who = ddp_ranks_text(waiting);
    g_autofree char *dead = ddp_ranks_text(culprits);
    g_autofree char *site = site_text(&first->call);
    const char *kind = ddp_call_kind_name(first->call.kind);

    diagnosis->cls = endless ? "endless" : "died";
    diagnosis->summary =
        g_strdup_printf("%s %s while %s waited for it in %s at %s", dead,
                        endless ? "never came to an end" : "failed", who, kind, site);
    diagnosis->root_cause = g_strdup_printf("%s: %s", dead, culprit->error);
    diagnosis->fix =
        endless ? g_strdup_printf("end the loop on %s", dead)
                : g_strdup_printf("mend the error on %s; the others are only waiting", dead);
    g_array_append_vals(diagnosis->blamed, culprits->data, culprits->len);
}

typedef struct {
    const DdpCall *call;
    GArray *ranks;
} Side;

static void
side_free(void *side_)
{
    Side *side = side_;

    g_array_unref(side->ranks);
    g_free(side);
}

/* The ranks grouped by equal calls, the largest group first, ties by lowest rank. */
static GPtrArray *
sides_of(const DdpWorld *world, const GArray *waiting)
{
    GPtrArray *sides = g_ptr_array_new_with_free_func(side_free);
    guint largest = 0;

    for (guint i = 0; i < waiting->len; i++) {
        int rank = g_array_index(waiting, int, i);
        const DdpCall *call = &ddp_world_rank_verdict(world, rank)->call;
        Side *side = NULL;

        for (guint j = 0; j < sides->len && side == NULL; j++) {
            if (ddp_call_compare(((Side *)sides->pdata[j])->call, call) == DDP_CALL_SAME)
                side = sides->pdata[j];
        }
        if (side == NULL) {
            side = g_new0(Side, 1);
            side->call = call;
            side->ranks = rank_list();
            g_ptr_array_add(sides, side);
        }
        g_array_append_val(side->ranks, rank);
    }
    for (guint j = 1; j < sides->len; j++) {
        if (((Side *)sides->pdata[j])->ranks->len > ((Side *)sides->pdata[largest])->ranks->len)
            largest = j;
    }
    if (largest > 0) {
        gpointer side = sides->pdata[largest];

        sides->pdata[largest] = sides->pdata[0];
        sides->pdata[0] = side;
    }
    return sides;
}

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
    case DDP_CALL_SAME:
        break;
    }
    g_assert_not_reached();
}

static gint
compare_ints(gconstpointer a, gconstpointer b)
{
    return *(const int *)a - *(const int *)b;
}

/* All members came to one collective, but not with the same call. */
static void
explain_difference(DdpDiagnosis *diagnosis, const DdpWorld *world, const GArray *waiting)
{
    g_autoptr(GPtrArray) sides = sides_of(world, waiting);
    const Side *most = sides->pdata[0];
    const Side *other = sides->pdata[1];
    DdpCallDifference difference = ddp_world_difference(world);
    g_autofree char *most_ranks = ddp_ranks_text(most->ranks);
    g_autofree char *other_ranks = ddp_ranks_text(other->ranks);
    g_autofree char *most_call = ddp_call_describe(most->call);
    g_autofree char *other_call = ddp_call_describe(other->call);
    g_autofree char *most_site = site_text(most->call);
    g_autofree char *other_site = site_text(other->call);

    if (difference == DDP_CALL_DIFFERS_KIND && sides->len == 2 &&
        (explain_iterations(diagnosis, world, most->ranks, other->ranks) ||
         explain_iterations(diagnosis, world, other->ranks, most->ranks)))
        return;
    diagnosis->cls = difference_class(difference);
    diagnosis->summary =
        g_strdup_printf("ranks met in different calls: %s in %s at %s, %s in %s at %s", other_ranks,
                        other_call, other_site, most_ranks, most_call, most_site);
    if (difference == DDP_CALL_DIFFERS_KIND) {
        diagnosis->root_cause = g_strdup_printf(
            "%s called %s at %s where %s called %s at %s; all ranks must call the same "
            "collectives in the same order",
            other_ranks, ddp_call_kind_name(other->call->kind), other_site, most_ranks,
            ddp_call_kind_name(most->call->kind), most_site);
        diagnosis->fix =
            g_strdup_printf("take the rank guard away from %s, or give every rank the same call",
                            ddp_call_kind_name(other->call->kind));
    } else {
        diagnosis->root_cause = g_strdup_printf(
            "the same collective was called with a different %s: %s at %s, %s at %s",
            diagnosis->cls, other_call, other_site, most_call, most_site);
        diagnosis->fix = g_strdup_printf("give %s the same %s on every rank",
                                         ddp_call_kind_name(other->call->kind), diagnosis->cls);
    }

    bool majority = true;

    for (guint i = 1; i < sides->len; i++)
        majority = majority && ((Side *)sides->pdata[i])->ranks->len < most->ranks->len;
    for (guint i = 1; majority && i < sides->len; i++) {
        const GArray *few = ((Side *)sides->pdata[i])->ranks;

        g_array_append_vals(diagnosis->blamed, few->data, few->len);
    }
    g_array_sort(diagnosis->blamed, compare_ints);
}

/* ---- messages ---- */

static bool
is_message(const DdpCall *call)
{
    return call->kind == DDP_CALL_SEND || call->kind == DDP_CALL_RECV;
}

static bool
waits_for_a_message(const DdpRankVerdict *verdict)
{
    return verdict->waits && is_message(&verdict->call);
}

/* "rank 1, which waits in send(...) at f:3", "rank 1, which has finished". */
static char *
peer_text(const DdpWorld *world, int peer)
{
    const DdpRankVerdict *verdict;

    if (peer < 0)
        return g_strdup("a message from anybody");
    verdict = ddp_world_rank_verdict(world, peer);
    if (verdict->waits) {
        g_autofree char *call = ddp_call_describe(&verdict->call);
        g_autofree char *site = site_text(&verdict->call);

        return g_strdup_printf("rank %d, which waits in %s at %s", peer, call, site);
    }
    return g_strdup_printf("rank %d, which has %s", peer,
                           verdict->state == DDP_RANK_FINISHED ? "finished" : "not come");
}

/* Follows who waits for whom from @rank; true if that comes back to it. */
static bool
is_cycle(const DdpWorld *world, int rank)
{
    int at = rank;

    for (int steps = 0; steps < ddp_world_size(world); steps++) {
        const DdpRankVerdict *verdict = ddp_world_rank_verdict(world, at);

        if (!waits_for_a_message(verdict) || verdict->call.root < 0)
            return false;
        at = verdict->call.root;
        if (at == rank)
            return true;
    }
    return false;
}

static void
explain_message(DdpDiagnosis *diagnosis, const DdpWorld *world, const GArray *messages)
{
    int rank = g_array_index(messages, int, 0);
    const DdpRankVerdict *first = ddp_world_rank_verdict(world, rank);
    g_autofree char *call = ddp_call_describe(&first->call);
    g_autofree char *site = site_text(&first->call);
    g_autofree char *peer = peer_text(world, first->call.root);
    const char *kind = ddp_call_kind_name(first->call.kind);

    diagnosis->cls = "p2p";
    diagnosis->summary =
        g_strdup_printf("rank %d is stuck in %s at %s, waiting for %s", rank, call, site, peer);
    if (ddp_world_difference(world) != DDP_CALL_SAME) {
        diagnosis->root_cause = g_strdup_printf("a message and its receiver differ: rank %d in %s "
                                                "at %s meets %s",
                                                rank, call, site, peer);
        diagnosis->fix = g_strdup("give both sides a tensor of the same shape and dtype");
    } else if (is_cycle(world, rank)) {
        diagnosis->root_cause = g_strdup_printf(
            "every rank of a circle waits for the next one's %s first: rank %d at %s waits for %s",
            kind, rank, site, peer);
        diagnosis->fix =
            g_strdup("let one rank of the circle receive before it sends, or use isend "
                     "and irecv");
    } else {
        diagnosis->root_cause = g_strdup_printf(
            "the %s of rank %d at %s has no partner: it waits for %s", kind, rank, site, peer);
        diagnosis->fix = g_strdup_printf("give it a matching %s (peer and tag), or take it away",
                                         first->call.kind == DDP_CALL_SEND ? "recv" : "send");
    }
}

DdpDiagnosis *
ddp_diagnosis_new(const DdpWorld *world, DdpBackend backend)
{
    g_autoptr(GArray) waiting = ranks_where(world, waits);
    g_autoptr(GArray) endless = ranks_where(world, is_endless);
    g_autoptr(GArray) failed = ranks_where(world, has_failed);
    g_autoptr(GArray) messages = ranks_where(world, waits_for_a_message);

    if (waiting->len == 0)
        return NULL;

    DdpDiagnosis *diagnosis = g_new0(DdpDiagnosis, 1);

    diagnosis->blamed = rank_list();
    diagnosis->missing = ranks_where(world, does_not_wait);
    if (endless->len > 0)
        explain_died(diagnosis, world, waiting, endless, true);
    else if (failed->len > 0)
        explain_died(diagnosis, world, waiting, failed, false);
    else if (messages->len > 0)
        explain_message(diagnosis, world, messages);
    else if (diagnosis->missing->len > 0)
        explain_missing(diagnosis, world, waiting);
    else
        explain_difference(diagnosis, world, waiting);
    diagnosis->real_job = strcmp(diagnosis->cls, "died") == 0 ? death_text(world, backend)
                                                              : hang_text(world, backend);
    return diagnosis;
}

void
ddp_diagnosis_free(DdpDiagnosis *diagnosis)
{
    if (diagnosis == NULL)
        return;
    g_free(diagnosis->summary);
    g_free(diagnosis->root_cause);
    g_free(diagnosis->real_job);
    g_free(diagnosis->fix);
    g_array_unref(diagnosis->blamed);
    g_array_unref(diagnosis->missing);
    g_free(diagnosis);
}
