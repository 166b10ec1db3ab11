/* SPDX-License-Identifier: MIT */
/*
 * All-reduce by the last to come: it folds the buffers of all members block by block in rank
 * order, and stores the result where each of them lies. Nothing is staged.
 *
 *   Cost = n·p reads to add + n·p writes, all by one rank, in cache-sized blocks
 *
 * The right choice where ranks share a thread: nobody else could help.
 */
#include "comm_shm/comm_private.h"
#include "comm_shm/reduce.h"

void
ddp_all_reduce_complete(DdpGroup *group, DdpMeet *meet)
{
    const DdpCall *call = ddp_meet_call(meet, 0);

    for (int member = 0; member < group->size; member++)
        group->buffers[member] = ddp_meet_call(meet, member)->in;
    ddp_reduce_in_place(call->op, call->dtype, group->buffers, group->size, 0, call->count);
}
