/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * How much a scenario may use. It is somebody else's code: whatever it does, it ends, and the
 * error says which limit it reached. A scenario may lower a limit (`limits = { steps = 1e6 }`),
 * only the command line may raise one (`--limit memory=8G`).
 */

typedef struct {
    int64_t ranks;        /* in the world */
    int64_t ranks_forked; /* in a world of processes; set together with ranks, and no larger */
    int64_t memory;       /* bytes of Lua memory a rank */
    int64_t world_memory; /* bytes of Lua and tensor memory of the world */
    int64_t tensor;       /* bytes of one tensor */
    int64_t steps;        /* Lua instructions a rank */
    int64_t time;         /* seconds of one rank without a collective */
    int64_t files;        /* made by a run */
    int64_t output;       /* bytes written and printed by a run */
    int64_t entries;      /* log entries of a run */
    int64_t message;      /* bytes of one printed line, error or tag */
} DdpLimits;

DdpLimits ddp_limits_default(void);

/* NULL-terminated names, in the order of the struct. */
const char *const *ddp_limits_names(void);

/* The field of that name, or NULL. */
int64_t *ddp_limits_field(DdpLimits *limits, const char *name);

/**
 * ddp_limits_parse:
 * @assignment: "name=value"; the value may end in K, M, G (powers of 1024) or be 2e8
 *
 * Sets one limit, up or down.
 */
bool ddp_limits_parse(DdpLimits *limits, const char *assignment, GError **error);

G_END_DECLS
