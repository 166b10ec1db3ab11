/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "sim/world/diagnosis_private.h"

#define NS_PER_MIN INT64_C(60000000000)
/* Defaults of torch.distributed: 10 minutes for NCCL, 30 for every other backend. */
#define NCCL_TIMEOUT_MIN 10
#define GLOO_TIMEOUT_MIN 30

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

const char *
ddp_is_or_are(const GArray *ranks)
{
    return ranks->len == 1 ? "is" : "are";
}

/* ---- places and calls ---- */

char *
ddp_site_text(const DdpSite *site)
{
    return g_strdup_printf("%s:%d", site->file, site->line);
}

char *
ddp_place_text(const DdpSite *site, const DdpSite *via)
{
    if (via->line == 0 || ddp_site_equal(site, via))
        return ddp_site_text(site);
    return g_strdup_printf("%s:%d (called from %s:%d)", site->file, site->line, via->file,
                           via->line);
}

char *
ddp_call_place_text(const DdpCall *call)
{
    static const DdpSite nowhere;

    return ddp_place_text(&call->site, call->caller != NULL ? &call->caller->via : &nowhere);
}

static bool
is_of_world(const DdpRankVerdict *verdict)
{
    return strcmp(verdict->group, "world") == 0;
}

char *
ddp_kind_text(const DdpRankVerdict *verdict)
{
    const char *kind = ddp_call_kind_name(verdict->call.kind);

    return is_of_world(verdict) ? g_strdup(kind)
                                : g_strdup_printf("%s of %s", kind, verdict->group);
}

char *
ddp_call_text(const DdpRankVerdict *verdict)
{
    g_autofree char *signature = ddp_call_describe(&verdict->call);
    g_autofree char *call = verdict->call_name == NULL
                                ? g_steal_pointer(&signature)
                                : g_strdup_printf("%s for '%s'", signature, verdict->call_name);

    return is_of_world(verdict) ? g_steal_pointer(&call)
                                : g_strdup_printf("%s of %s", call, verdict->group);
}

char *
ddp_whereabouts_text(const DdpInquiry *inquiry, int rank)
{
    const DdpRankVerdict *verdict = ddp_verdict_of(inquiry, rank);
    const DdpPlaceCount *last = ddp_history_last(ddp_world_history(inquiry->world, rank));

    if (verdict->waits) {
        g_autofree char *call = ddp_call_text(verdict);
        g_autofree char *place = ddp_site_text(&verdict->call.site);

        return g_strdup_printf("waits in %s at %s", call, place);
    }
    if (verdict->state == DDP_RANK_FAILED)
        return g_strdup("has failed");
    if (verdict->state == DDP_RANK_RUNNING)
        return g_strdup("still runs");
    if (last == NULL)
        return g_strdup("finished without any collective");

    g_autofree char *place = ddp_site_text(&last->site);

    return g_strdup_printf("finished after %s at %s", ddp_call_kind_name(last->kind), place);
}

/* ---- the real job ---- */

static int
timeout_minutes(const DdpInquiry *inquiry)
{
    int64_t timeout_ns = ddp_world_timeout_ns(inquiry->world);

    if (timeout_ns >= NS_PER_MIN && timeout_ns < 100000 * NS_PER_MIN)
        return (int)(timeout_ns / NS_PER_MIN);
    return inquiry->backend == DDP_BACKEND_NCCL ? NCCL_TIMEOUT_MIN : GLOO_TIMEOUT_MIN;
}

char *
ddp_hang_text(const DdpInquiry *inquiry)
{
    int minutes = timeout_minutes(inquiry);
    double hours = (double)inquiry->size * minutes / 60.0;

    if (inquiry->backend == DDP_BACKEND_NCCL)
        return g_strdup_printf(
            "with NCCL the job would hang until the watchdog's timeout of %d minutes%s and then "
            "abort: %d GPUs × %d min = %.2f GPU-hours, and no line number",
            minutes, minutes == NCCL_TIMEOUT_MIN ? " (30 under Lightning)" : "", inquiry->size,
            minutes, hours);
    return g_strdup_printf("with gloo the job would hang until the timeout of %d minutes, or fail "
                           "with \"connection closed by peer\": %d processes × %d min = %.2f "
                           "hours, and no line number",
                           minutes, inquiry->size, minutes, hours);
}

char *
ddp_death_text(const DdpInquiry *inquiry)
{
    g_autofree char *hang = ddp_hang_text(inquiry);

    return g_strdup_printf("torchrun would stop all workers and show this rank's error; started "
                           "without an agent, %s",
                           hang);
}

static const char *
detail_words(DdpCallDifference difference)
{
    switch (difference) {
    case DDP_CALL_DIFFERS_OP:
    case DDP_CALL_DIFFERS_ROOT:
    case DDP_CALL_DIFFERS_NAME:
    case DDP_CALL_SAME:
        return "not even TORCH_DISTRIBUTED_DEBUG=DETAIL compares this";
    case DDP_CALL_DIFFERS_KIND:
    case DDP_CALL_DIFFERS_DTYPE:
    case DDP_CALL_DIFFERS_SHAPE:
    case DDP_CALL_DIFFERS_GROUP:
        return "TORCH_DISTRIBUTED_DEBUG=DETAIL would raise on every rank";
    }
    g_assert_not_reached();
}

char *
ddp_mismatch_text(const DdpInquiry *inquiry, const DdpCall *a, const DdpCall *b,
                  DdpCallDifference difference)
{
    bool is_gloo = inquiry->backend == DDP_BACKEND_GLOO;
    g_autofree char *hang = NULL;

    if (difference == DDP_CALL_DIFFERS_NAME || ddp_backend_pairs(inquiry->backend, a, b))
        return g_strdup_printf("with %s nobody would notice: the calls are paired in silence, and "
                               "the numbers are wrong from here on; %s",
                               is_gloo ? "gloo" : "NCCL", detail_words(difference));
    if (is_gloo && (difference == DDP_CALL_DIFFERS_SHAPE || difference == DDP_CALL_DIFFERS_DTYPE))
        return g_strdup_printf("with gloo the receiver of the longer message aborts its process "
                               "(SIGABRT), and the others fail with \"connection reset by peer\"; "
                               "%s",
                               detail_words(difference));
    hang = ddp_hang_text(inquiry);
    return g_strdup_printf("%s; %s", hang, detail_words(difference));
}
