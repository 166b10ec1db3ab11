/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/script/args.h"
#include "sim/script/state.h"

/* What state.c, sandbox.c and notes.c share about one rank's state. */

typedef struct DdpWorld DdpWorld; /* sim/world/world.h */

struct DdpScriptPrivate {
    lua_State *L;           /* the main thread of the state */
    DdpPlay *play;          /* borrowed */
    DdpWorld *world;        /* (nullable): borrowed */
    int64_t memory;         /* bytes of Lua in use */
    int64_t memory_counted; /* of them as they stand in the count of the world */
    int64_t memory_max;
    char memory_site[DDP_PLACE_MAX]; /* "file:line: " where memory ran out last */
    bool trusted;                    /* the memory limit is off */
    uint64_t steps;
    uint64_t steps_max;
    uint64_t gave_way;  /* steps when it last let the others of its thread go on */
    uint64_t met_steps; /* when a call into the world came back last */
    bool hurries;       /* steps_max was lowered because the world is hopeless */
    int64_t met_us;     /* monotonic time of the last collective, for the time limit only */
    int64_t busy_us;    /* of CPU time when half of the time limit was over; -1 before */
    DdpScriptEnd end;
    int exit_status;           /* with DDP_SCRIPT_END_STATUS */
    GPtrArray *error_stack;    /* of char*; (nullable) */
    char *told_error;          /* (nullable): one whose place and stack are known already */
    const char *last_interned; /* (nullable): borrowed from the play */
    int64_t object_ids;        /* handed out by tostring */
    int evaluation;            /* number of the evaluation in progress, -1 outside */
    int evaluation_count;      /* begun so far */
    int64_t evaluation_epoch;
    uint64_t noted;         /* log entries so far, true values too */
    uint64_t flops_settled; /* of the model's count: what the rank's clock knows of */
    lua_Integer work_count; /* asynchronous collectives begun so far */
    int works_pending;
    GHashTable *pure; /* (nullable): C functions that a rank may still call, see foresee.c */
};

/*
 * A message handler: puts the scenario's place in front of the error and keeps the stack. Runs
 * where the error was raised. state.c
 */
int ddp_script_on_error(lua_State *L);

/* Raises the string on top of the stack, which went through that handler, once more. state.c */
int ddp_script_tell_error(lua_State *L);

#define DDP_HOOK_STEPS 1000 /* instructions between two looks at the limits */

/* Counts instructions: the hook of every state. state.c */
void ddp_script_count_hook(lua_State *L, lua_Debug *event);

/* From now on the rank may run so many instructions as one whose world is hopeless. state.c */
void ddp_script_hurry(lua_State *L);

/**
 * ddp_script_foresee: foresee.c
 * @L: the main thread of a rank that waits, and whose world has ended
 *
 * Returns: true if it may go on; nothing that it does from then on is seen from outside
 */
bool ddp_script_foresee(lua_State *L);

/* A call into the world came back without having waited for anybody. */
static inline void
ddp_script_came_back(lua_State *L)
{
    DdpScriptPrivate *priv = ddp_script_rank(L)->priv;

    priv->met_steps = priv->steps;
}

/* A collective of the world that carries data has completed on this rank. notes.c */
void ddp_script_note_merged(lua_State *L);

/* Compares the replicas once more, after the last step of main. ddp.c */
void ddp_script_note_replicas(lua_State *L);

/* Findings about works that main began and never waited for. dist_handles.c */
void ddp_script_note_works(lua_State *L);

/* One line of the scenario, without its end: to the record and to whoever listens. notes.c */
void ddp_script_print(lua_State *L, const char *line);

/* Replaces what of Lua's base library would leak addresses, escape limits or swallow an end.
 * sandbox.c */
void ddp_sandbox_open(lua_State *L);
