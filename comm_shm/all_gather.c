/* SPDX-License-Identifier: MIT */
/*
 * All-gather: every output is written once, straight from the inputs.
 *
 *   Cost = n·p² bytes copied
 */
#include "comm_shm/comm_private.h"

#include <string.h>

void
ddp_all_gather_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count)
{
    const DdpCall *call = ddp_meet_call(meet, 0);
    size_t element = ddp_dtype_bytes(call->dtype);
    size_t piece = call->count * element, offset = first * element;

    /* A segment of one input stays in the cache while it goes to every output. */
    for (int from = 0; from < group->size; from++) {
        const char *in = (const char *)ddp_meet_call(meet, from)->in + offset;

        for (int to = 0; to < group->size; to++) {
            char *out = (char *)ddp_meet_call(meet, to)->out + (size_t)from * piece + offset;

            if (out != in) /* a member's input may be its own piece of its output */
                memcpy(out, in, count * element);
        }
    }
}

void
ddp_all_gather_object_complete(DdpGroup *group, DdpMeet *meet)
{
    size_t total = 0;

    for (int from = 0; from < group->size; from++)
        total += ddp_meet_call(meet, from)->count;
    for (int to = 0; to < group->size; to++) {
        DdpCall *call = ddp_meet_call(meet, to);
        char *out = ddp_heap_alloc(group->comm->heap, total + 1);

        call->out = out;
        call->counts =
            ddp_heap_alloc(group->comm->heap, (size_t)group->size * sizeof *call->counts);
        for (int from = 0; from < group->size; from++) {
            const DdpCall *source = ddp_meet_call(meet, from);

            if (source->count > 0)
                memcpy(out, source->in, source->count);
            out += source->count;
            call->counts[from] = source->count;
        }
    }
}
