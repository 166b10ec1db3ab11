/* SPDX-License-Identifier: MIT */
/*
 * Broadcast: the root's buffer is copied to every other member.
 *
 *   Cost = n·(p-1) bytes copied
 */
#include "comm_shm/comm_private.h"

#include <string.h>

void
ddp_broadcast_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count)
{
    int root = ddp_group_member(group, ddp_meet_call(meet, 0)->root);
    const DdpCall *source = ddp_meet_call(meet, root);
    size_t element = ddp_dtype_bytes(source->dtype), offset = first * element;

    for (int member = 0; member < group->size; member++) {
        if (member != root)
            memcpy((char *)ddp_meet_call(meet, member)->in + offset,
                   (const char *)source->in + offset, count * element);
    }
}

void
ddp_broadcast_object_complete(DdpGroup *group, DdpMeet *meet)
{
    int root = ddp_group_member(group, ddp_meet_call(meet, 0)->root);
    const DdpCall *source = ddp_meet_call(meet, root);

    for (int member = 0; member < group->size; member++) {
        DdpCall *call = ddp_meet_call(meet, member);

        call->out = ddp_heap_alloc(group->comm->heap, source->count);
        if (source->count > 0)
            memcpy(call->out, source->in, source->count);
        call->counts = ddp_heap_alloc(group->comm->heap, sizeof *call->counts);
        call->counts[0] = source->count;
    }
}
