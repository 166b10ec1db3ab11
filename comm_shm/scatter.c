/* SPDX-License-Identifier: MIT */
/*
 * Scatter and gather: the pieces of one buffer at the root, one for each member.
 *
 *   Cost = n·p bytes copied, each once
 */
#include "comm_shm/comm_private.h"

#include <string.h>

void
ddp_scatter_complete(DdpGroup *group, DdpMeet *meet)
{
    int root = ddp_group_member(group, ddp_meet_call(meet, 0)->root);
    const DdpCall *source = ddp_meet_call(meet, root);
    size_t bytes = source->count * ddp_dtype_bytes(source->dtype);

    for (int member = 0; member < group->size; member++) {
        DdpCall *call = ddp_meet_call(meet, member);

        if (call->open) {
            call->dtype = source->dtype;
            call->count = source->count;
            call->ndim = source->ndim;
            memcpy(call->shape, source->shape, sizeof call->shape);
            call->out = g_malloc(bytes + 1);
        }
        if (bytes > 0)
            memcpy(call->out, (const char *)source->in + (size_t)member * bytes, bytes);
    }
}

void
ddp_gather_complete(DdpGroup *group, DdpMeet *meet)
{
    const DdpCall *call = ddp_meet_call(meet, 0);
    char *out = ddp_meet_call(meet, ddp_group_member(group, call->root))->out;
    size_t bytes = call->count * ddp_dtype_bytes(call->dtype);

    for (int member = 0; member < group->size && bytes > 0; member++)
        memcpy(out + (size_t)member * bytes, ddp_meet_call(meet, member)->in, bytes);
}
