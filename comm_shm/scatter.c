/* SPDX-License-Identifier: MIT */
/*
 * Scatter and gather: the pieces of one buffer at the root, one for each member.
 *
 *   Cost = n·p bytes copied, each once
 */
#include "comm_shm/comm_private.h"

#include <string.h>

/* A member that is no root learns here what it gets. */
void
ddp_scatter_prepare(DdpGroup *group, DdpMeet *meet)
{
    int root = ddp_group_member(group, ddp_meet_call(meet, 0)->root);
    const DdpCall *source = ddp_meet_call(meet, root);

    for (int member = 0; member < group->size; member++) {
        DdpCall *call = ddp_meet_call(meet, member);

        if (!call->open)
            continue;
        call->dtype = source->dtype;
        call->count = source->count;
        call->ndim = source->ndim;
        memcpy(call->shape, source->shape, sizeof call->shape);
        call->out =
            ddp_heap_alloc(group->comm->heap, source->count * ddp_dtype_bytes(source->dtype) + 1);
    }
}

void
ddp_scatter_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count)
{
    int root = ddp_group_member(group, ddp_meet_call(meet, 0)->root);
    const DdpCall *source = ddp_meet_call(meet, root);
    size_t element = ddp_dtype_bytes(source->dtype), offset = first * element;

    for (int member = 0; member < group->size; member++)
        memcpy((char *)ddp_meet_call(meet, member)->out + offset,
               (const char *)source->in + (size_t)member * source->count * element + offset,
               count * element);
}

void
ddp_gather_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count)
{
    const DdpCall *call = ddp_meet_call(meet, 0);
    char *out = ddp_meet_call(meet, ddp_group_member(group, call->root))->out;
    size_t element = ddp_dtype_bytes(call->dtype), offset = first * element;

    for (int member = 0; member < group->size; member++)
        memcpy(out + (size_t)member * call->count * element + offset,
               (const char *)ddp_meet_call(meet, member)->in + offset, count * element);
}
