/* SPDX-License-Identifier: MIT */
/*
 * Where the ranks stand.
 *
 * Ranks that wait in one collective are one stop; who has not come to it, they wait for. Following
 * from a stop to where one of its missing members waits instead leads, step by step, to where the
 * trouble began: a stop whose missing members never come, one where all met but did not agree, or
 * a circle.
 */
#include "sim/world/diagnosis_private.h"

GArray *
ddp_rank_list(void)
{
    return g_array_new(FALSE, FALSE, sizeof(int));
}

int
ddp_first_rank(const GArray *ranks)
{
    return g_array_index(ranks, int, 0);
}

static gint
compare_ints(gconstpointer a, gconstpointer b)
{
    return *(const int *)a - *(const int *)b;
}

void
ddp_blame(DdpInquiry *inquiry, const GArray *ranks)
{
    GArray *blamed = inquiry->out->blamed;

    g_array_append_vals(blamed, ranks->data, ranks->len);
    g_array_sort(blamed, compare_ints);
}

void
ddp_blame_fewer(DdpInquiry *inquiry, const GArray *few, const GArray *others)
{
    if (few->len < others->len)
        ddp_blame(inquiry, few);
}

/* ---- stops ---- */

void
ddp_stop_free(void *stop_)
{
    DdpStop *stop = stop_;

    g_array_unref(stop->waiting);
    g_array_unref(stop->came);
    g_array_unref(stop->missing);
    g_free(stop);
}

static guint
hash_stop(gconstpointer key)
{
    const DdpStop *stop = key;

    return g_direct_hash(stop->group) ^ (guint)(stop->seq * 2654435761u);
}

static gboolean
equal_stops(gconstpointer a_, gconstpointer b_)
{
    const DdpStop *a = a_, *b = b_;

    return a->group == b->group && a->seq == b->seq;
}

static DdpStop *
add_stop(DdpInquiry *inquiry, const DdpRankVerdict *verdict)
{
    DdpStop *stop = g_new0(DdpStop, 1);

    stop->group = verdict->in;
    stop->seq = verdict->seq;
    stop->difference = verdict->difference;
    stop->late = verdict->late;
    stop->waiting = ddp_rank_list();
    stop->came = ddp_rank_list();
    stop->missing = ddp_rank_list();
    g_ptr_array_add(inquiry->stops, stop);
    return stop;
}

static bool
is_gone(const DdpInquiry *inquiry, int rank)
{
    return !ddp_verdict_of(inquiry, rank)->waits;
}

static void
fill_message(DdpInquiry *inquiry, DdpStop *stop, int rank, const DdpCall *call)
{
    stop->is_message = true;
    g_array_append_val(stop->came, rank);
    if (call->root >= 0) {
        g_array_append_val(stop->missing, call->root);
        return;
    }
    stop->is_open = true;
    /* One list for all of them: it also holds the rank itself. */
    if (inquiry->everybody == NULL) {
        inquiry->everybody = ddp_rank_list();
        for (int other = 0; other < inquiry->size; other++)
            g_array_append_val(inquiry->everybody, other);
    }
    g_array_unref(stop->missing);
    stop->missing = g_array_ref(inquiry->everybody);
}

/* A member has come to every call below the number of its next one. */
static void
fill_collective(DdpStop *stop)
{
    for (int member = 0; member < ddp_group_size(stop->group); member++) {
        int rank = ddp_group_rank(stop->group, member);
        bool came = ddp_group_next_seq(stop->group, rank) > stop->seq;

        g_array_append_val(came ? stop->came : stop->missing, rank);
    }
}

void
ddp_inquiry_find_stops(DdpInquiry *inquiry)
{
    g_autoptr(GHashTable) known = g_hash_table_new(hash_stop, equal_stops);

    for (int rank = 0; rank < inquiry->size; rank++) {
        const DdpRankVerdict *verdict = ddp_verdict_of(inquiry, rank);
        bool is_message = ddp_is_message(&verdict->call);
        DdpStop *stop = NULL;

        inquiry->stop_of[rank] = -1;
        if (!verdict->waits)
            continue;
        if (!is_message) {
            const DdpStop key = {.group = verdict->in, .seq = verdict->seq};

            stop = g_hash_table_lookup(known, &key);
        }
        if (stop == NULL) {
            stop = add_stop(inquiry, verdict);
            if (is_message)
                fill_message(inquiry, stop, rank, &verdict->call);
            else
                fill_collective(stop);
            if (!is_message)
                g_hash_table_insert(known, stop, stop);
            inquiry->stop_of[rank] = (int)inquiry->stops->len - 1;
        } else {
            inquiry->stop_of[rank] = inquiry->stop_of[ddp_first_rank(stop->waiting)];
        }
        g_array_append_val(stop->waiting, rank);
    }
}

/* ---- where it began ---- */

GArray *
ddp_stop_gone(const DdpInquiry *inquiry, const DdpStop *stop)
{
    GArray *gone = ddp_rank_list();

    for (guint i = 0; i < stop->missing->len; i++) {
        int rank = g_array_index(stop->missing, int, i);

        if (is_gone(inquiry, rank))
            g_array_append_val(gone, rank);
    }
    return gone;
}

/* The lowest missing member that waits elsewhere; -1 if one of them, or all it needs, is gone. */
static int
next_rank(const DdpInquiry *inquiry, const DdpStop *stop)
{
    int next = -1;

    for (guint i = 0; i < stop->missing->len; i++) {
        int rank = g_array_index(stop->missing, int, i);

        if (stop->is_open && rank == ddp_first_rank(stop->waiting))
            continue;
        if (!is_gone(inquiry, rank) && next < 0)
            next = rank;
        else if (is_gone(inquiry, rank) && !stop->is_open)
            return -1;
    }
    return next;
}

static const DdpStop *
stop_at(const DdpInquiry *inquiry, int rank)
{
    return inquiry->stops->pdata[inquiry->stop_of[rank]];
}

/* All came, and yet it cannot be completed. */
static const DdpStop *
full_stop(const DdpInquiry *inquiry)
{
    for (guint i = 0; i < inquiry->stops->len; i++) {
        const DdpStop *stop = inquiry->stops->pdata[i];

        if (stop->difference != DDP_CALL_SAME || stop->late)
            return stop;
    }
    return NULL;
}

DdpOrigin
ddp_inquiry_origin(const DdpInquiry *inquiry)
{
    DdpOrigin origin = {full_stop(inquiry), NULL};
    g_autofree int *entered = NULL; /* by stop: where in the path, plus 1 */
    g_autoptr(GArray) path = NULL;
    int rank, next;

    if (origin.stop != NULL)
        return origin;
    entered = g_new0(int, inquiry->stops->len);
    path = ddp_rank_list();
    origin.stop = inquiry->stops->pdata[0];
    rank = ddp_first_rank(origin.stop->waiting);
    while (entered[inquiry->stop_of[rank]] == 0) {
        g_array_append_val(path, rank);
        entered[inquiry->stop_of[rank]] = (int)path->len;
        origin.stop = stop_at(inquiry, rank);
        next = next_rank(inquiry, origin.stop);
        if (next < 0)
            return origin;
        rank = next;
    }
    /* Whoever the circle was entered by, it is the one that is waited for who belongs to it. */
    guint from = (guint)entered[inquiry->stop_of[rank]] - 1;

    g_array_index(path, int, from) = rank;
    g_array_remove_range(path, 0, from);
    origin.circle = g_steal_pointer(&path);
    origin.stop = stop_at(inquiry, rank);
    return origin;
}

/* ---- steps ---- */

uint64_t
ddp_calls_from(const DdpInquiry *inquiry, int rank, const DdpCall *call)
{
    static const DdpSite nowhere;
    const DdpPlaceCount *place =
        ddp_history_find(ddp_world_history(inquiry->world, rank), &call->site,
                         call->caller != NULL ? &call->caller->via : &nowhere);

    return place != NULL ? place->calls : 0;
}

bool
ddp_step_same_place(const DdpForeseen *a, const DdpForeseen *b)
{
    return ddp_site_equal(&a->site, &b->site) && ddp_site_equal(&a->via, &b->via);
}

/* Calls that were begun behind the one that is waited in: of these only the place is known. */
static void
add_begun(const DdpInquiry *inquiry, int rank, const DdpRankVerdict *verdict, DdpSteps *steps)
{
    const DdpHistory *history = ddp_world_history(inquiry->world, rank);
    uint64_t behind = ddp_group_next_seq(verdict->in, rank) - verdict->seq - 1;
    int first = steps->count;
    DdpPastCall past;

    for (uint64_t back = 0; behind > 0 && ddp_history_past(history, back, &past); back++) {
        const DdpPlaceCount *place;

        if (past.group != verdict->in || past.place == DDP_PLACE_MANY ||
            past.kind == DDP_CALL_SEND || past.kind == DDP_CALL_RECV)
            continue;
        place = &history->places[past.place];
        steps->steps[steps->count++] = (DdpForeseen){.kind = (DdpCallKind)past.kind,
                                                     .group = past.group,
                                                     .site = place->site,
                                                     .via = place->via};
        behind--;
    }
    for (int i = first, j = steps->count - 1; i < j; i++, j--) {
        DdpForeseen held = steps->steps[i];

        steps->steps[i] = steps->steps[j];
        steps->steps[j] = held;
    }
}

void
ddp_steps_of(const DdpInquiry *inquiry, int rank, DdpSteps *steps)
{
    const DdpRankVerdict *verdict = ddp_verdict_of(inquiry, rank);
    const DdpForeseen *foreseen;
    int count;

    steps->count = 0;
    if (verdict->waits) {
        steps->steps[steps->count++] = (DdpForeseen){
            .kind = verdict->call.kind,
            .signature = ddp_call_signature(&verdict->call),
            .group = verdict->in,
            .site = verdict->call.site,
            .via = verdict->call.caller != NULL ? verdict->call.caller->via : (DdpSite){0}};
        if (!ddp_is_message(&verdict->call))
            add_begun(inquiry, rank, verdict, steps);
    }
    foreseen =
        ddp_comm_foreseen(ddp_world_comm((DdpWorld *)inquiry->world), rank, &count, &steps->whole);
    for (int i = 0; i < count && steps->count < DDP_STEPS_MAX; i++)
        steps->steps[steps->count++] = foreseen[i];
}
