/* SPDX-License-Identifier: MIT */
/*
 * Two collectives in crossed order: the signatures agree, so hardware pairs them in silence and
 * each value becomes the other. Only the names that callers give can tell.
 */
#include "comm_shm/comm_private.h"

#include <string.h>

#define PAIRINGS_MAX 64 /* different pairs of places; each counts how often it happened */

void
ddp_pairing_free(void *pairing_)
{
    DdpPairing *pairing = pairing_;

    for (int side = 0; side < 2; side++) {
        g_free(pairing->names[side]);
        g_array_unref(pairing->ranks[side]);
    }
    g_free(pairing);
}

static bool
is_site(const DdpSite *a, const DdpSite *b)
{
    return a->line == b->line && strcmp(a->file, b->file) == 0;
}

/* The entry for these two places, new or counted once more; NULL when there is no room. */
static DdpPairing *
pairing_of(DdpGroup *group, uint64_t seq, const DdpCall *one, const DdpCall *other)
{
    GPtrArray *pairings = group->comm->pairings;
    DdpPairing *pairing;

    for (guint i = 0; i < pairings->len; i++) {
        pairing = pairings->pdata[i];
        if ((is_site(&pairing->sites[0], &one->site) &&
             is_site(&pairing->sites[1], &other->site)) ||
            (is_site(&pairing->sites[1], &one->site) &&
             is_site(&pairing->sites[0], &other->site))) {
            pairing->times++;
            return NULL;
        }
    }
    if (pairings->len >= PAIRINGS_MAX)
        return NULL;
    pairing = g_new0(DdpPairing, 1);
    *pairing = (DdpPairing){
        .kind = one->kind,
        .group = group->name,
        .seq = seq,
        .times = 1,
        .names = {g_strdup(one->name), g_strdup(other->name)},
        .sites = {one->site, other->site},
        .ranks = {g_array_new(FALSE, FALSE, sizeof(int)), g_array_new(FALSE, FALSE, sizeof(int))},
    };
    g_ptr_array_add(pairings, pairing);
    return pairing;
}

static void
swap_sides(DdpPairing *pairing)
{
    char *name = pairing->names[0];
    DdpSite site = pairing->sites[0];
    GArray *ranks = pairing->ranks[0];

    pairing->names[0] = pairing->names[1];
    pairing->sites[0] = pairing->sites[1];
    pairing->ranks[0] = pairing->ranks[1];
    pairing->names[1] = name;
    pairing->sites[1] = site;
    pairing->ranks[1] = ranks;
}

void
ddp_pairing_check(DdpGroup *group, const DdpMeet *meet)
{
    const DdpCall *one = ddp_meet_call(meet, 0), *other = NULL;
    DdpPairing *pairing;

    for (int member = 1; one->name != NULL && other == NULL && member < group->size; member++) {
        const DdpCall *call = ddp_meet_call(meet, member);

        if (call->name != NULL && call->name != one->name && strcmp(call->name, one->name) != 0)
            other = call;
    }
    pairing = other != NULL ? pairing_of(group, meet->seq, one, other) : NULL;
    if (pairing == NULL)
        return;
    for (int member = 0; member < group->size; member++) {
        const char *name = ddp_meet_call(meet, member)->name;
        int rank = ddp_group_rank(group, member);

        for (int side = 0; side < 2; side++) {
            if (name != NULL && strcmp(name, pairing->names[side]) == 0)
                g_array_append_val(pairing->ranks[side], rank);
        }
    }
    if (pairing->ranks[1]->len > pairing->ranks[0]->len)
        swap_sides(pairing);
}

guint
ddp_comm_pairing_count(const DdpComm *comm)
{
    return comm->pairings->len;
}

const DdpPairing *
ddp_comm_pairing(const DdpComm *comm, guint index)
{
    g_return_val_if_fail(index < comm->pairings->len, NULL);

    return comm->pairings->pdata[index];
}
