/* SPDX-License-Identifier: MIT */
#include "sim/script/record.h"

/* Lists of who waits for whom grow with the square of the world: past this they are cut. */
#define WAITING_FOR_MAX 64

static char *
site_text(const DdpSite *site)
{
    return g_strdup_printf("%s:%d", site->file, site->line);
}

/* ---- ranks ---- */

static void
record_wait(DdpRankRecord *row, const DdpRankVerdict *verdict, const GArray *waiting_for)
{
    row->collective = g_strdup(ddp_call_kind_name(verdict->call.kind));
    row->group = g_strdup(verdict->group);
    row->seq = (int64_t)verdict->seq;
    row->site = site_text(&verdict->call.site);
    row->since_ns = verdict->since_ns;
    row->signature = ddp_call_describe(&verdict->call);
    if (verdict->call_name != NULL) {
        g_autofree char *signature = row->signature;

        row->signature = g_strdup_printf("%s for '%s'", signature, verdict->call_name);
    }
    for (guint i = 0; waiting_for != NULL && i < waiting_for->len; i++) {
        int rank = g_array_index(waiting_for, int, i);

        if (row->waiting_for->len == WAITING_FOR_MAX)
            break;
        if (rank != row->rank)
            g_array_append_val(row->waiting_for, rank);
    }
}

static void
record_rank(DdpRankRecord *row, const DdpWorld *world, const DdpDiagnosis *diagnosis,
            GPtrArray *stack)
{
    const DdpRankVerdict *verdict = ddp_world_rank_verdict(world, row->rank);
    const DdpPlaceCount *last = ddp_history_last(ddp_world_history(world, row->rank));
    const DdpDelay delay = ddp_comm_delay(ddp_world_comm((DdpWorld *)world), row->rank);

    row->state = g_strdup(ddp_rank_state_name(verdict->state));
    row->waited_ns = delay.waited_ns;
    row->held_up_ns = delay.cost_ns;
    row->last_count = (int64_t)delay.last;
    row->error = g_strdup(verdict->error);
    row->seq = -1;
    row->since_ns = -1;
    if (stack != NULL) {
        g_clear_pointer(&row->stack, g_ptr_array_unref);
        row->stack = g_ptr_array_ref(stack);
    }
    if (last != NULL) {
        row->last_collective = g_strdup(ddp_call_kind_name(last->kind));
        row->last_site = site_text(&last->site);
    }
    if (verdict->waits)
        record_wait(row, verdict,
                    diagnosis != NULL ? ddp_diagnosis_waiting_for(diagnosis, row->rank) : NULL);
}

void
ddp_record_ranks(DdpRunRecord *record, const DdpWorld *world, const DdpDiagnosis *diagnosis,
                 GPtrArray *const *stacks)
{
    for (int rank = 0; rank < ddp_world_size(world); rank++)
        record_rank(ddp_run_record_add_rank(record, rank), world, diagnosis, stacks[rank]);
}

void
ddp_record_diagnosis(DdpRunRecord *record, const DdpDiagnosis *diagnosis)
{
    DdpDiagnosisRecord *row = ddp_run_record_set_diagnosis(record, diagnosis->cls);

    row->summary = g_strdup(diagnosis->summary);
    row->root_cause = g_strdup(diagnosis->root_cause);
    row->real_job = g_strdup(diagnosis->real_job);
    row->fix = g_strdup(diagnosis->fix);
    g_array_append_vals(row->blamed, diagnosis->blamed->data, diagnosis->blamed->len);
}

/* ---- pairings ---- */

static char *
side_ranks_text(const DdpPairing *pairing, int side)
{
    g_autoptr(GArray) ranks = g_array_new(FALSE, FALSE, sizeof(int));

    g_array_append_vals(ranks, pairing->ranks[side], (guint)pairing->rank_count[side]);
    return ddp_ranks_text(ranks);
}

/* "for 'val_loss' at f:12", "for loss at f:12, called from f:30". */
static char *
side_text(const DdpPairing *pairing, int side)
{
    GString *text = g_string_new(NULL);
    const DdpSite *site = &pairing->sites[side], *via = &pairing->vias[side];
    bool one_line = ddp_site_equal(&pairing->sites[0], &pairing->sites[1]);

    if (pairing->names[side] != NULL)
        g_string_append_printf(text, "for '%s' ", pairing->names[side]);
    else if (pairing->variables[side] != NULL)
        g_string_append_printf(text, "for %s ", pairing->variables[side]);
    g_string_append_printf(text, "at %s:%d", site->file, site->line);
    if (via->line != 0 && one_line && pairing->names[side] == NULL)
        g_string_append_printf(text, " (called from %s:%d)", via->file, via->line);
    return g_string_free(text, FALSE);
}

static const char *
difference_class(DdpCallDifference difference)
{
    switch (difference) {
    case DDP_CALL_SAME:
        return "swap";
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
        break; /* a swap is told by names, but never with a difference of its own */
    }
    g_assert_not_reached();
}

static char *
pairing_text(const DdpPairing *pairing)
{
    g_autofree char *most = side_ranks_text(pairing, 0);
    g_autofree char *few = side_ranks_text(pairing, 1);
    g_autofree char *most_side = side_text(pairing, 0);
    g_autofree char *few_side = side_text(pairing, 1);
    const char *kind = ddp_call_kind_name(pairing->kind);
    g_autofree char *times = pairing->times == 1
                                 ? g_strdup("once")
                                 : g_strdup_printf("%" G_GUINT64_FORMAT " times", pairing->times);

    if (pairing->difference != DDP_CALL_SAME)
        return g_strdup_printf("%s called %s %s where %s called %s %s (%s): the backend does not "
                               "tell these apart, so the run goes on with a wrong result",
                               few, pairing->signatures[1], few_side, most, pairing->signatures[0],
                               most_side, times);
    return g_strdup_printf("%s called %s %s where %s called it %s (%s): the calls look alike, so "
                           "each value was mixed with the other; call them in one order on every "
                           "rank",
                           few, kind, few_side, most, most_side, times);
}

static void
add_site(DdpFinding *finding, const DdpSite *site)
{
    g_autofree char *text = site_text(site);

    for (guint i = 0; i < finding->sites->len; i++) {
        if (g_str_equal(finding->sites->pdata[i], text))
            return;
    }
    g_ptr_array_add(finding->sites, g_steal_pointer(&text));
}

static void
record_pairing(DdpRunRecord *record, const DdpPairing *pairing)
{
    g_autofree char *message = pairing_text(pairing);
    DdpFinding *finding = ddp_run_record_add_finding(record, "silent_pairing", message);

    const DdpSite *vias[2];
    int count = 0;

    finding->cls = g_strdup(difference_class(pairing->difference));
    for (int side = 1; side >= 0; side--) {
        g_array_append_vals(finding->ranks, pairing->ranks[side], (guint)pairing->rank_count[side]);
        add_site(finding, &pairing->sites[side]);
    }
    /* One line called from two places: those are what is crossed. */
    for (int side = 1; side >= 0 && finding->sites->len == 1; side--) {
        if (pairing->vias[side].line != 0)
            vias[count++] = &pairing->vias[side];
    }
    for (int i = 0; i < count; i++)
        add_site(finding, vias[i]);
    if (pairing->rank_count[1] < pairing->rank_count[0])
        g_array_append_vals(finding->blamed, pairing->ranks[1], (guint)pairing->rank_count[1]);
}

void
ddp_record_pairings(DdpRunRecord *record, const DdpComm *comm)
{
    for (guint i = 0; i < ddp_comm_pairing_count(comm); i++)
        record_pairing(record, ddp_comm_pairing(comm, i));
}
