/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/context.h"

G_BEGIN_DECLS

/*
 * What the verbs of one rank's Lua state have at hand. A pointer to it stands in the extra
 * space of the state and of all its coroutines.
 *
 * `rank` and `world_size` are what the scenario sees *now*: during an oracle pass
 * (sim/script/evaluation.h) they are 0 and 1, and `oracle` is true. Verbs that depend on the
 * world read them from here at the moment of use and keep no copy.
 */

typedef struct DdpRank DdpRank;                   /* sim/world/world.h */
typedef struct DdpScriptPrivate DdpScriptPrivate; /* sim/script/state.c */

typedef struct {
    int rank;
    int world_size;
    int local_rank;
    int node_rank;
    int nproc_per_node;
    bool oracle;            /* this rank plays a single process with the whole data set */
    DdpModelContext *model; /* owned by the state */
    DdpRank *world_rank;    /* borrowed; the rank of the world that runs this state */
    const char *host;       /* borrowed; pretended host name, "node0" */
    int pid;                /* pretended process id, equal on every engine */
    DdpScriptPrivate *priv;
} DdpScriptRank;

/* (transfer none): never NULL inside a verb. */
static inline DdpScriptRank *
ddp_script_rank(lua_State *L)
{
    return *(DdpScriptRank **)lua_getextraspace(L);
}

/* (transfer none): the pretended host name of a node; lives for ever. */
const char *ddp_script_host(int node_rank);

/* Seconds since 1970 as the scenario's clock shows them: a fixed start plus virtual time. */
double ddp_script_wall_time(const DdpScriptRank *script);

/**
 * ddp_script_output_path:
 * @name: a relative path as the scenario wrote it
 *
 * Where the scenario's file @name lies: under the run's logs folder. A name that is absolute,
 * holds ".." or a control character, or exceeds the limit of files is a Lua error.
 *
 * Returns: (transfer full): the path, its parent folder made; free with g_free(). Nothing
 *   that can raise may happen between this call and the free.
 */
char *ddp_script_output_path(lua_State *L, const char *name);

/* The same of a file or folder to be read: nothing is made and nothing counted. */
char *ddp_script_logs_path(lua_State *L, const char *name);

/* Counts @bytes against the run's limit of output; raises when it is reached. */
void ddp_script_charge_output(lua_State *L, size_t bytes);

/* One entry that reached a logger. Strings are copied. */
typedef struct {
    const char *logger; /* "tensorboard", "csv", "text", ... */
    const char *path;   /* as the scenario named the folder or file */
    const char *tag;
    int64_t step;
    double value;
    const char *site; /* (nullable): "file:line"; NULL: see below */
} DdpLogNote;

/**
 * ddp_script_note_log:
 *
 * Tells the run that the calling line logs a value: it goes into the report and, inside an
 * evaluation, into the audit. The call site, where none is given, is the line that called
 * self:log with that key if a Trainer hands values to its loggers now; else it is taken from the
 * Lua stack.
 *
 * Returns: true if the logger must write it; false in an oracle pass, where the value is only
 *   noted as the true one
 */
bool ddp_script_note_log(lua_State *L, const DdpLogNote *note);

/**
 * ddp_script_note_samples:
 * @dataset_size: the number of samples that the whole data set has
 * @indices: the samples that a loader hands to this rank now
 *
 * Tells an evaluation in progress which samples its values rest on; nothing otherwise.
 */
void ddp_script_note_samples(lua_State *L, size_t dataset_size, const int64_t *indices,
                             size_t count);

G_END_DECLS
