/* SPDX-License-Identifier: MIT */
/*
 * Broadcast by the last to come: the root's buffer is copied to every other member.
 *
 *   Cost = n·(p-1) bytes copied
 */
#include "comm_shm/comm_private.h"

#include <string.h>

void
ddp_broadcast_complete(DdpGroup *group, DdpMeet *meet)
{
    int root = ddp_group_member(group, ddp_meet_call(meet, 0)->root);
    const DdpCall *source = ddp_meet_call(meet, root);
    size_t bytes = source->count * ddp_dtype_bytes(source->dtype);

    for (int member = 0; member < group->size && bytes > 0; member++) {
        if (member != root)
            memcpy(ddp_meet_call(meet, member)->in, source->in, bytes);
    }
}

void
ddp_broadcast_object_complete(DdpGroup *group, DdpMeet *meet)
{
    int root = ddp_group_member(group, ddp_meet_call(meet, 0)->root);
    const DdpCall *source = ddp_meet_call(meet, root);

    for (int member = 0; member < group->size; member++) {
        DdpCall *call = ddp_meet_call(meet, member);

        call->out = g_memdup2(source->in, source->count);
        call->counts = g_new(size_t, 1);
        call->counts[0] = source->count;
    }
}
