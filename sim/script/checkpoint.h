/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <lua.h>

G_BEGIN_DECLS

/*
 * torch.save and torch.load: Lua values in safetensors files.
 *
 * Tensors become entries of the file under the path by which they hang in the value, so that a
 * state_dict opens in other people's tools as one; all else is a JSON text in the metadata (see
 * docs/checkpoint.md). Numbers come back bit for bit, tables in their order, a tensor that hung in
 * two places as one tensor. A file that no torch.save of ours wrote is a flat table of tensors.
 */

#define DDP_CHECKPOINT_STRUCTURE "ddpsim.structure" /* the key of the JSON text */
#define DDP_CHECKPOINT_VERSION 1
#define DDP_CHECKPOINT_DEPTH_MAX 64 /* tables within tables */

/* Adds `save` and `load` to the table on top of the stack. */
void ddp_lua_open_checkpoint(lua_State *L);

int ddp_lua_checkpoint_save(lua_State *L); /* checkpoint.c */
int ddp_lua_checkpoint_load(lua_State *L); /* checkpoint_load.c */

G_END_DECLS
