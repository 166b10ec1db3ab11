/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <sched.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * The cores that ranks may run on, numbered from 0 without gaps: so that a share of work can be
 * given to the core that had it the last time. Where a rank runs decides only who does what,
 * never what comes out.
 */

typedef struct {
    int count;
    uint16_t index[CPU_SETSIZE]; /* by the system's number of the core */
} DdpCores;

/* Those of the calling thread. */
void ddp_cores_find(DdpCores *cores);

/* The number of the core that the caller runs on, as far as one can know. */
static inline int
ddp_cores_here(const DdpCores *cores)
{
    int cpu = sched_getcpu();

    return cpu >= 0 && cpu < CPU_SETSIZE ? cores->index[cpu] : 0;
}

G_END_DECLS
