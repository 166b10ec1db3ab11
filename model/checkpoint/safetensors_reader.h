/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/checkpoint/safetensors.h"

G_BEGIN_DECLS

/*
 * Reads a safetensors file that anybody may have made, cut short or damaged.
 *
 * Opening reads and checks the header as a whole: its length against the file's, every field of
 * every tensor, that the tensors fill the rest of the file without gap or overlap. Whatever is
 * wrong is an error of domain DDP_CHECKPOINT_ERROR that names the tensor, what was found and what
 * was expected; messages name no path, which callers know. Elements are read when asked for,
 * straight to where they shall lie. The file is read and never mapped, so that one that shrinks
 * meanwhile is an error and no signal.
 */

typedef struct DdpSafetensorsReader DdpSafetensorsReader;

DdpSafetensorsReader *ddp_safetensors_reader_open(const char *path, GError **error);
void ddp_safetensors_reader_free(DdpSafetensorsReader *reader);

size_t ddp_safetensors_reader_count(const DdpSafetensorsReader *reader);
/* Borrowed; in the order in which their elements lie in the file. Its `data` is NULL. */
const DdpSafetensor *ddp_safetensors_reader_tensor(const DdpSafetensorsReader *reader,
                                                   size_t index);
/* The index of the tensor of that name; false if there is none. */
bool ddp_safetensors_reader_find(const DdpSafetensorsReader *reader, const char *name,
                                 size_t *index);

size_t ddp_safetensors_reader_text_count(const DdpSafetensorsReader *reader);
/* Borrowed; an entry of `__metadata__`, in the order of the header. */
const DdpSafetensorsText *ddp_safetensors_reader_text(const DdpSafetensorsReader *reader,
                                                      size_t index);
/* Borrowed; NULL if there is no such key. */
const char *ddp_safetensors_reader_find_text(const DdpSafetensorsReader *reader, const char *key);

/* @out has room for the elements of tensor @index. A truth value other than 0 and 1 is damage. */
bool ddp_safetensors_reader_read(DdpSafetensorsReader *reader, size_t index, void *out,
                                 GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpSafetensorsReader, ddp_safetensors_reader_free)

G_END_DECLS
