/* SPDX-License-Identifier: MIT */
/*
 * All-to-all: member i's j-th piece becomes member j's i-th piece. Pieces are of one size, or of
 * the sizes that each member's splits say, laid side by side.
 *
 *   Cost = all pieces copied once
 */
#include "comm_shm/comm_private.h"

#include <string.h>

static size_t
sent(const DdpCall *call, int to)
{
    return call->in_splits != NULL ? call->in_splits[to] : call->count;
}

static size_t
expected(const DdpCall *call, int from)
{
    return call->out_splits != NULL ? call->out_splits[from] : call->count;
}

bool
ddp_all_to_all_fits(const DdpGroup *group, const DdpMeet *meet)
{
    for (int from = 0; from < group->size; from++) {
        for (int to = 0; to < group->size; to++) {
            if (!ddp_meet_call(meet, to)->open &&
                sent(ddp_meet_call(meet, from), to) != expected(ddp_meet_call(meet, to), from))
                return false;
        }
    }
    return true;
}

void
ddp_all_to_all_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count)
{
    const DdpCall *call = ddp_meet_call(meet, 0);
    size_t element = ddp_dtype_bytes(call->dtype);
    size_t piece = call->count * element, offset = first * element;

    for (int from = 0; from < group->size; from++) {
        const char *in = (const char *)ddp_meet_call(meet, from)->in + offset;

        for (int to = 0; to < group->size; to++)
            memcpy((char *)ddp_meet_call(meet, to)->out + (size_t)from * piece + offset,
                   in + (size_t)to * piece, count * element);
    }
}

/* Makes the output of a member that learns only now what it gets. */
static void
make_room(const DdpGroup *group, const DdpMeet *meet, int to, size_t element)
{
    DdpCall *call = ddp_meet_call(meet, to);
    size_t all = 0;

    call->counts = ddp_heap_alloc(group->comm->heap, (size_t)group->size * sizeof *call->counts);
    for (int from = 0; from < group->size; from++)
        all += call->counts[from] = sent(ddp_meet_call(meet, from), to);
    call->out = ddp_heap_alloc(group->comm->heap, all * element + 1);
}

void
ddp_uneven_all_to_all_complete(DdpGroup *group, DdpMeet *meet)
{
    size_t element = ddp_dtype_bytes(ddp_meet_call(meet, 0)->dtype);
    g_autofree size_t *offsets = g_new0(size_t, group->size); /* in each member's output */

    for (int to = 0; to < group->size; to++) {
        if (ddp_meet_call(meet, to)->open)
            make_room(group, meet, to, element);
    }
    for (int from = 0; from < group->size; from++) {
        const DdpCall *source = ddp_meet_call(meet, from);
        const char *in = source->in;

        for (int to = 0; to < group->size; to++) {
            size_t bytes = sent(source, to) * element;

            if (bytes > 0)
                memcpy((char *)ddp_meet_call(meet, to)->out + offsets[to], in, bytes);
            in += bytes;
            offsets[to] += bytes;
        }
    }
}
