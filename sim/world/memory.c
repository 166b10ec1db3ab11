/* SPDX-License-Identifier: MIT */
/* Memory that the program which runs a world shares with its ranks. */
#include "sim/world/world_private.h"

void *
ddp_world_alloc(DdpWorld *world, size_t bytes)
{
    return ddp_heap_alloc0(world->heap, bytes);
}

void
ddp_world_release(DdpWorld *world, void *memory)
{
    ddp_heap_release(world->heap, memory);
}
