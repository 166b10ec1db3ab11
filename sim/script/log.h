/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "comm_shm/comm.h"
#include "sim/train/metric_dict.h"
#include "sim/train/results.h"

G_BEGIN_DECLS

/*
 * self:log, in C: what lua/logger_connector.lua is made of.
 *
 * log.c reads a call, log_results.c keeps the collection (sim/train/results.h) in a userdata and
 * gives it its way to the other ranks, log_dicts.c holds the three dictionaries and what goes from
 * them to loggers and into the audit.
 */

#define DDP_LUA_RESULTS "ddpsim.Results"
#define DDP_LUA_METRIC_DICTS "ddpsim.MetricDicts"

#define DDP_LOG_KNOWN 64 /* calls whose entry is remembered */

/* A call of self:log that was seen before. The strings are Lua's own, compared by address. */
typedef struct {
    const char *name;
    const char *hook;
    int dataloader_idx; /* -2: of no loader's */
    DdpResultEntry *entry;
} DdpLogKnown;

/* Where an entry was first logged. */
typedef struct {
    const DdpResultFacts *facts;
    DdpSite site;
    int scope;
} DdpLogSite;

/* A collection of results, as a userdata. */
typedef struct {
    DdpResults *results; /* owned */
    lua_State *L;        /* whoever works with it now */
    bool has_batch;      /* its batch stands in the user value DDP_LOG_BATCH */
    bool has_batch_size;
    bool distributed; /* torch.distributed would be initialised */
    DdpNumber batch_size;
    GArray *sites; /* of DdpLogSite */
    DdpLogKnown known[DDP_LOG_KNOWN];
} DdpLogResults;

#define DDP_LOG_BATCH 1 /* the user value that holds the batch that is worked on */

/* The results at @index; a Lua error if there are none. */
DdpLogResults *ddp_log_check_results(lua_State *L, int index);

/* Pushes the table that keeps names and hooks alive, and Metric objects by number and the numbers
 * by them. */
void ddp_log_push_anchors(lua_State *L, DdpLogResults *box);

/* Their entry for the call, with the place of the call if it is new. Raises. */
DdpResultEntry *ddp_log_add_entry(lua_State *L, DdpLogResults *box, const char *hook,
                                  const char *name, const DdpResultMeta *meta, bool is_tensor);

/**
 * ddp_log_weight:
 * @box: at index @results on the stack
 *
 * The number of samples in the batch, which is looked up in it once. Raises if there is none.
 */
DdpNumber ddp_log_weight(lua_State *L, DdpLogResults *box, int results);

/* The single number of a tensor that a Metric gave; raises if it is something else. */
DdpResultValue ddp_log_metric_value(lua_State *L, int index, const char *name);

/* Calls one of the functions that logger_connector.lua handed down; @arguments are on the stack. */
void ddp_log_call_helper(lua_State *L, const char *helper, int arguments, int results);

/* (transfer none) (nullable): where the value was logged that goes to loggers under @key now. */
const char *ddp_log_site_of(lua_State *L, const char *key);

/* One of the three dictionaries at @index: "callback", "logged" or "bar". */
DdpMetricDict *ddp_log_check_dict(lua_State *L, int index, const char *name);

/* Add their functions to the table of the module, which lies on top of the stack. */
void ddp_log_open_results(lua_State *L);
void ddp_log_open_dicts(lua_State *L);

G_END_DECLS
