/* SPDX-License-Identifier: MIT */
#include "comm_shm/cores.h"

void
ddp_cores_find(DdpCores *cores)
{
    cpu_set_t set;

    cores->count = 0;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        CPU_SET(0, &set);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        cores->index[cpu] = CPU_ISSET(cpu, &set) ? (uint16_t)cores->count++ : 0;
}
