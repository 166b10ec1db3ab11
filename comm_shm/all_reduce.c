/* SPDX-License-Identifier: MIT */
/*
 * All-reduce by segments: each share folds its segment of all members' buffers block by block in
 * rank order, and stores the result where each of them lies. Nothing is staged.
 *
 *   Cost = n·p reads to add + n·p writes, in cache-sized blocks, by all who are awake
 *
 * Where ranks take turns on a thread, the last to come does all of it: nobody else could help.
 */
#include "comm_shm/comm_private.h"
#include "comm_shm/reduce.h"

void
ddp_collect_inputs(DdpGroup *group, DdpMeet *meet)
{
    for (int member = 0; member < group->size; member++)
        meet->buffers[member] = ddp_meet_call(meet, member)->in;
}

void
ddp_all_reduce_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count)
{
    const DdpCall *call = ddp_meet_call(meet, 0);

    ddp_reduce_in_place(call->op, call->dtype, meet->buffers, group->size, first, count);
}
