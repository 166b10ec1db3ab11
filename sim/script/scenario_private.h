/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "sim/script/scenario.h"
#include "sim/script/state.h"

/* What scenario.c (reading) and run.c (playing) share. */

typedef struct {
    int size; /* 0: not given */
    int nodes;
    int nproc_per_node;
    char *engine;   /* (nullable) */
    char *backend;  /* (nullable) */
    char *debug;    /* (nullable) */
    char *schedule; /* (nullable) */
    char *topology; /* (nullable): a text that ddp_topology_parse() takes */
    bool has_seed;
    uint64_t seed;
    double timeout; /* seconds; 0: the backend's */
} DdpWorldFields;

struct DdpScenario {
    char *file; /* where it lies */
    char *path; /* how it is shown, and the name of its chunk */
    char *name;
    char *title;
    char *lesson;
    char *text;
    gsize text_length;
    DdpWorldFields world;
    DdpLimits limits;    /* the caller's, lowered by the scenario */
    GPtrArray *variants; /* of DdpVariant */
    DdpPlay *play;       /* of the state that only reads */
    lua_State *L;        /* the scenario's table lies at index 1 */
};

/* Loads the text into @L and runs it; leaves the scenario's table on the stack. */
bool ddp_scenario_load_into(const DdpScenario *scenario, lua_State *L, GError **error);

/* Pushes variant @index of the scenario's table at stack index @table. */
void ddp_scenario_push_variant(lua_State *L, int table, int index);

/* The world of a variant: the scenario's, overridden by the variant's own. */
bool ddp_scenario_variant_world(DdpScenario *scenario, int index, DdpWorldFields *fields,
                                GError **error);
void ddp_world_fields_clear(DdpWorldFields *fields);

/* Pushes a table of parameters onto @L, which must be a state of this scenario with its table at
 * index 1: `params`, overridden by `small` if wanted, overridden by @sets. */
bool ddp_scenario_push_params(const DdpScenario *scenario, lua_State *L, bool small,
                              const char *const *sets, GError **error);
