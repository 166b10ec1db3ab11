/* SPDX-License-Identifier: MIT */
#pragma once

#include <lauxlib.h>
#include <lua.h>

#include "model/data/dataset.h"
#include "model/data/sampler.h"

G_BEGIN_DECLS

/*
 * Data sets, samplers and loaders as Lua sees them, for the files that make up the table `data`.
 *
 * Each is a userdata that keeps what it builds on alive through its user values: a loader its data
 * set and sampler, a subset the memory of its indices. That memory is Lua's, so that it counts
 * against the rank's limit and the collector sees it.
 */

#define DDP_LUA_DATASET "data.Dataset"
#define DDP_LUA_SAMPLER "data.Sampler"
#define DDP_LUA_LOADER "data.DataLoader"

/* The data set at @index, borrowed from its userdata; a Lua error if there is none. */
DdpDataset *ddp_lua_check_dataset(lua_State *L, int index);

/* Pushes a tensor [count, ...] for each column of the data set; returns how many. */
int ddp_lua_push_batch(lua_State *L, const DdpDataset *dataset, const int64_t *indices,
                       size_t count);

/**
 * ddp_lua_push_indices:
 * @index: a list of whole numbers, or an int64 tensor of one dimension
 * @verb: for messages
 *
 * Pushes a userdata that holds the numbers.
 *
 * Returns: (transfer none): the numbers, @count of them
 */
int64_t *ddp_lua_push_indices(lua_State *L, int index, const char *verb, size_t *count);

/* The torch.Generator at @index, borrowed from its userdata; a Lua error if there is none. */
DdpGenerator *ddp_lua_check_generator(lua_State *L, int index);

/* The sampler at @index as it stands at this moment; a Lua error if there is none. */
DdpSampler ddp_lua_check_sampler(lua_State *L, int index);

/* Push a sampler over the data set at @dataset_index; @generator_index 0 is none. */
void ddp_lua_push_sequential_sampler(lua_State *L, int dataset_index);
void ddp_lua_push_random_sampler(lua_State *L, int dataset_index, int generator_index);
/* Pushes a sampler that visits the indices at @index (a list or a tensor) as they stand. */
void ddp_lua_push_list_sampler(lua_State *L, int index, const char *verb);

/* Lua functions for the Trainer: wrap_sampler(sampler, options) and sampler_kind(loader). */
int ddp_lua_wrap_sampler(lua_State *L);
int ddp_lua_sampler_kind(lua_State *L);

/*
 * Lua functions for checkpoints. pass_state(iterator): where the pass behind it stands, as a table,
 * or nothing if it is none of ours. pass_resume(loader, state): an iterator that goes on from
 * there; generators are then as after that order was taken, so whoever wants them otherwise sets
 * them afterwards. loader_generators(loader): the list of generators that it and its sampler were
 * given.
 */
int ddp_lua_pass_state(lua_State *L);
int ddp_lua_pass_resume(lua_State *L);
int ddp_lua_loader_generators(lua_State *L);

/* Pushes the generator that the sampler at @index was given; false and nothing without one. */
bool ddp_lua_push_sampler_generator(lua_State *L, int index);

/**
 * ddp_lua_data_type:
 * @index: the type's __index; its upvalue 1 is a table of the methods
 *
 * Makes the metatable of type @name, out of a scenario's reach.
 */
void ddp_lua_data_type(lua_State *L, const char *name, const luaL_Reg *methods,
                       const luaL_Reg *metamethods, lua_CFunction index);

/* For an __index: pushes the method that is named at 2 and returns true, or pushes nothing. */
bool ddp_lua_data_method(lua_State *L);

/* Add types and constructors; the table `data` is on top of the stack. */
void ddp_lua_open_samplers(lua_State *L); /* data_sampler.c */
void ddp_lua_open_loader(lua_State *L);   /* data_loader.c */

G_END_DECLS
