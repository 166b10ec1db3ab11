/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "sim/script/play.h"
#include "sim/script/script_rank.h"

G_BEGIN_DECLS

/*
 * A rank's Lua state: the tables that a scenario sees, and the sandbox around them.
 *
 * No os, io, package or debug; `load` takes text only; no finalizers of the scenario's own; a
 * memory limit, an instruction count and a time limit that pcall cannot catch; `pairs`, `next`,
 * `tostring` and `math.random` do not depend on addresses or hashes.
 */

typedef struct {
    int rank;
    int world_size;
    int nproc_per_node;
    DdpRank *world_rank; /* (nullable): borrowed; NULL while a file is only read */
    int pid;
} DdpScriptSpec;

/**
 * ddp_script_state_new:
 * @play: borrowed; outlives the state
 *
 * Returns: (transfer full): a state with all tables open, or NULL if memory or a limit forbids
 */
lua_State *ddp_script_state_new(DdpPlay *play, const DdpScriptSpec *spec, GError **error);
void ddp_script_state_free(lua_State *L);

/**
 * ddp_script_call:
 * @arguments: how many values stand on the stack above the function
 * @results: how many it shall leave
 *
 * Calls a function of the scenario, protected. On failure the stack is as it was without the
 * function and its arguments, and @error holds one line that begins with the place.
 */
bool ddp_script_call(lua_State *L, int arguments, int results, GError **error);

/* Loads @text as a chunk called @path, leaving the function on the stack. Text only. */
bool ddp_script_load(lua_State *L, const char *path, const char *text, gsize length,
                     GError **error);

/* How a run of this state was ended, when not by an ordinary error. */
typedef enum {
    DDP_SCRIPT_END_NONE,
    DDP_SCRIPT_END_STEPS,  /* its instructions or time ran out: it would never have ended */
    DDP_SCRIPT_END_MEMORY, /* its memory ran out */
    DDP_SCRIPT_END_WORLD,  /* the world was ended while it waited */
    DDP_SCRIPT_END_EXIT,   /* it left with status 0 */
    DDP_SCRIPT_END_STATUS, /* it left with another status */
    DDP_SCRIPT_END_KILL,   /* it was killed */
} DdpScriptEnd;

DdpScriptEnd ddp_script_ended(lua_State *L);

/* From now on no memory limit: the state is read by us and runs no more code of the scenario but
 * through ddp_script_call(), which puts the limit back while it runs. */
void ddp_script_trust(lua_State *L);

/* Charges work done inside C, in Lua instructions; raises when the budget is used up. */
void ddp_script_charge(lua_State *L, uint64_t steps);

/* Raises the string on top of the stack as an error that pcall does not catch. */
int ddp_script_end(lua_State *L, DdpScriptEnd end) G_GNUC_NORETURN;

/* Ends the rank as a process ends with @status; one other than 0 is a failure with that text. */
int ddp_script_exit(lua_State *L, int status) G_GNUC_NORETURN;

/**
 * ddp_script_kill:
 *
 * The rank dies as of kill -9. On processes it really does; elsewhere it fails with the same
 * text, and none of its Lua code runs any more.
 */
int ddp_script_kill(lua_State *L) G_GNUC_NORETURN;

/* The time limit counts from here again: this rank met others. */
void ddp_script_met(lua_State *L);

/* (transfer full): the stack from the scenario's point of view, innermost first, of char*. */
GPtrArray *ddp_script_stack(lua_State *L);

/* (transfer none): the stack at the moment of the last error of ddp_script_call(); or NULL. */
GPtrArray *ddp_script_error_stack(lua_State *L);

/* (transfer none): the play of this state. */
DdpPlay *ddp_script_play(lua_State *L);

/* (transfer none): a copy of @text that lives as long as the play, one per distinct text. */
const char *ddp_script_intern(lua_State *L, const char *text);

/*
 * Lets the clock of the rank know what the model has computed since the last time: before a
 * collective, a log entry, or whenever the time is asked. An oracle pass takes no time.
 */
void ddp_script_settle(lua_State *L);

G_END_DECLS
