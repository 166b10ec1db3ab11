/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/dtype.h"
#include "model/checkpoint/safetensors.h"

G_BEGIN_DECLS

/*
 * Writes a safetensors file.
 *
 * Tensors are laid out as the original library lays them out: larger dtypes first, then by name.
 * So the same tensors give the same bytes, in whatever order they were given, and for tensors
 * without metadata they are the bytes that Python's save_file() writes. Their elements go from
 * where they lie straight into the file.
 */

typedef struct DdpSafetensorsWriter DdpSafetensorsWriter;

/**
 * ddp_safetensors_writer_new:
 * @tensors: @count of them; names are distinct valid UTF-8 other than "__metadata__". The array is
 *   copied, what it points to is borrowed until the writer is freed.
 * @texts: (nullable): @text_count strings for `__metadata__`, in this order; only read here
 *
 * Returns: (transfer full): a writer that has the header ready; NULL with @error set
 */
DdpSafetensorsWriter *ddp_safetensors_writer_new(const DdpSafetensor *tensors, size_t count,
                                                 const DdpSafetensorsText *texts, size_t text_count,
                                                 GError **error);
void ddp_safetensors_writer_free(DdpSafetensorsWriter *writer);

/* Bytes that the file will have. */
uint64_t ddp_safetensors_writer_bytes(const DdpSafetensorsWriter *writer);

/* As often as wanted. The file is there whole, or what was there before is untouched. */
bool ddp_safetensors_writer_write(const DdpSafetensorsWriter *writer, const char *path,
                                  GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpSafetensorsWriter, ddp_safetensors_writer_free)

G_END_DECLS
