/* SPDX-License-Identifier: MIT */
/* Which kind of trouble it is: the questions in the order in which they are asked. */
#include "sim/world/diagnosis.h"

#include <string.h>

#include "sim/world/diagnosis_private.h"

/* ---- ranks that failed ---- */

static GArray *
ranks_where(const DdpInquiry *inquiry, bool (*test)(const DdpRankVerdict *verdict))
{
    GArray *ranks = ddp_rank_list();

    for (int rank = 0; rank < inquiry->size; rank++) {
        if (test(ddp_verdict_of(inquiry, rank)))
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
    /* One that waits and has failed was told that its call does not agree with the others'. */
    return verdict->state == DDP_RANK_FAILED && !verdict->endless && !verdict->waits;
}

/* Ranks failed, or never came to an end, and others may wait for them. */
static void
explain_failure(DdpInquiry *inquiry, const GArray *culprits, bool endless)
{
    DdpDiagnosis *out = inquiry->out;
    g_autoptr(GArray) waiting = ranks_where(inquiry, waits);
    const DdpRankVerdict *culprit = ddp_verdict_of(inquiry, ddp_first_rank(culprits));
    g_autofree char *dead = ddp_ranks_text(culprits);
    const char *what = endless ? "never came to an end" : "failed";

    out->cls = endless ? "endless" : "died";
    if (waiting->len > 0) {
        const DdpRankVerdict *first = ddp_verdict_of(inquiry, ddp_first_rank(waiting));
        g_autofree char *who = ddp_ranks_text(waiting);
        g_autofree char *kind = ddp_kind_text(first);
        g_autofree char *place = ddp_call_place_text(&first->call);

        out->summary =
            g_strdup_printf("%s %s while %s waited in %s at %s", dead, what, who, kind, place);
    } else {
        out->summary = g_strdup_printf("%s %s", dead, what);
    }
    out->root_cause = g_strdup_printf("rank %d: %s", ddp_first_rank(culprits), culprit->error);
    out->fix = endless ? g_strdup_printf("end the loop on %s", dead)
               : waiting->len > 0
                   ? g_strdup_printf("mend the error on %s; the others are only waiting", dead)
                   : g_strdup_printf("mend the error on %s", dead);
    ddp_blame(inquiry, culprits);
}

/* ---- all of it ---- */

static void
explain_stops(DdpInquiry *inquiry)
{
    DdpOrigin origin = ddp_inquiry_origin(inquiry);
    const DdpStop *stop = origin.stop;
    bool has_message = stop->is_message;

    g_array_append_vals(inquiry->out->missing, stop->missing->data, stop->missing->len);
    for (guint i = 0; origin.circle != NULL && i < origin.circle->len; i++)
        has_message =
            has_message ||
            ddp_is_message(&ddp_verdict_of(inquiry, g_array_index(origin.circle, int, i))->call);
    if (origin.circle != NULL && has_message)
        ddp_explain_message_circle(inquiry, origin.circle);
    else if (origin.circle != NULL)
        ddp_explain_circle(inquiry, origin.circle);
    else if (stop->is_message)
        ddp_explain_message(inquiry, stop);
    else if (stop->late)
        ddp_explain_late(inquiry, stop);
    else if (stop->difference != DDP_CALL_SAME)
        ddp_explain_meeting(inquiry, stop);
    else {
        g_autoptr(GArray) gone = ddp_stop_gone(inquiry, stop);

        ddp_explain_missing(inquiry, stop, gone);
    }
    g_clear_pointer(&origin.circle, g_array_unref);
}

DdpDiagnosis *
ddp_diagnosis_new(const DdpWorld *world, DdpBackend backend)
{
    DdpInquiry inquiry = {.world = world, .backend = backend, .size = ddp_world_size(world)};
    g_autoptr(GArray) waiting = ranks_where(&inquiry, waits);
    g_autoptr(GArray) endless = ranks_where(&inquiry, is_endless);
    g_autoptr(GArray) failed = ranks_where(&inquiry, has_failed);
    DdpDiagnosis *out;

    if (waiting->len + endless->len + failed->len == 0)
        return NULL;
    out = g_new0(DdpDiagnosis, 1);
    out->blamed = ddp_rank_list();
    out->missing = ddp_rank_list();
    out->waits = g_ptr_array_new_with_free_func(ddp_stop_free);
    out->stop_of = g_new(int, inquiry.size);
    inquiry.out = out;
    inquiry.stops = out->waits;
    inquiry.stop_of = out->stop_of;
    ddp_inquiry_find_stops(&inquiry);
    if (endless->len + failed->len > 0) {
        g_autoptr(GArray) missing = ranks_where(&inquiry, does_not_wait);

        explain_failure(&inquiry, endless->len > 0 ? endless : failed, endless->len > 0);
        g_array_append_vals(out->missing, missing->data, missing->len);
    } else {
        explain_stops(&inquiry);
    }
    g_clear_pointer(&inquiry.everybody, g_array_unref);
    if (out->real_job == NULL)
        out->real_job =
            strcmp(out->cls, "died") == 0 ? ddp_death_text(&inquiry) : ddp_hang_text(&inquiry);
    return out;
}

const GArray *
ddp_diagnosis_waiting_for(const DdpDiagnosis *diagnosis, int rank)
{
    int stop = diagnosis->stop_of[rank];

    return stop >= 0 ? ((const DdpStop *)diagnosis->waits->pdata[stop])->missing : NULL;
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
    g_ptr_array_unref(diagnosis->waits);
    g_free(diagnosis->stop_of);
    g_free(diagnosis);
}
