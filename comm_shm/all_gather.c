/* SPDX-License-Identifier: MIT */
/*
 * All-gather by the last to come: every output is written once, straight from the inputs.
 *
 *   Cost = n·p² bytes copied
 */
#include "comm_shm/comm_private.h"

#include <string.h>

void
ddp_all_gather_complete(DdpGroup *group, DdpMeet *meet)
{
    const DdpCall *call = ddp_meet_call(meet, 0);
    size_t bytes = call->count * ddp_dtype_bytes(call->dtype);

    if (bytes == 0)
        return;
    for (int to = 0; to < group->size; to++) {
        char *out = ddp_meet_call(meet, to)->out;

        for (int from = 0; from < group->size; from++)
            memcpy(out + (size_t)from * bytes, ddp_meet_call(meet, from)->in, bytes);
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
        char *out = g_malloc(total + 1);

        call->out = out;
        call->counts = g_new(size_t, group->size);
        for (int from = 0; from < group->size; from++) {
            const DdpCall *source = ddp_meet_call(meet, from);

            memcpy(out, source->in, source->count);
            out += source->count;
            call->counts[from] = source->count;
        }
    }
}
