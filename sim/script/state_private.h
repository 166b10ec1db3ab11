/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/script/state.h"

/* What state.c, sandbox.c and notes.c share about one rank's state. */

struct DdpScriptPrivate {
    lua_State *L;   /* the main thread of the state */
    DdpPlay *play;  /* borrowed */
    int64_t memory; /* bytes of Lua in use */
    int64_t memory_max;
    char memory_site[LUA_IDSIZE + 16]; /* "file:line: " where memory ran out last */
    bool trusted;                      /* the memory limit is off */
    uint64_t steps;
    uint64_t steps_max;
    int64_t met_us; /* monotonic time of the last collective, for the time limit only */
    DdpScriptEnd end;
    GPtrArray *error_stack;    /* of char*; (nullable) */
    const char *last_interned; /* (nullable): borrowed from the play */
    int64_t object_ids;        /* handed out by tostring */
    int evaluation;            /* number of the evaluation in progress, -1 outside */
    int evaluation_count;      /* begun so far */
    int64_t evaluation_epoch;
    lua_Integer work_count; /* asynchronous collectives begun so far */
    int works_pending;
};

/* A collective of the world that carries data has completed on this rank. notes.c */
void ddp_script_note_merged(lua_State *L);

/* Compares the replicas once more, after the last step of main. ddp.c */
void ddp_script_note_replicas(lua_State *L);

/* Findings about works that main began and never waited for. dist_handles.c */
void ddp_script_note_works(lua_State *L);

/* Replaces what of Lua's base library would leak addresses, escape limits or swallow an end. */
/* One line of the scenario, without its end: to the record and to whoever listens. notes.c */
void ddp_script_print(lua_State *L, const char *line);

void ddp_sandbox_open(lua_State *L);
