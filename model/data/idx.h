/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Gzipped IDX files, in which the MNIST family comes: a magic number (two zero bytes, element
 * type, number of dimensions), the sizes as big-endian 32-bit words, then the elements.
 *
 * Opening reads the header and holds it against the length that the gzip trailer announces, so
 * that no size is believed, and no memory asked for, before it was checked.
 */

typedef struct DdpIdxReader DdpIdxReader;

/**
 * ddp_idx_reader_open:
 * @item_shape: @item_ndim sizes that each item must have (28, 28 for an image; none for a label)
 *
 * Elements must be unsigned bytes.
 */
DdpIdxReader *ddp_idx_reader_open(const char *path, int item_ndim, const uint32_t *item_shape,
                                  GError **error);
void ddp_idx_reader_free(DdpIdxReader *reader);

/* Items in the file; at least one. */
size_t ddp_idx_reader_count(const DdpIdxReader *reader);

/**
 * ddp_idx_reader_items:
 * @count: how many from the start, at most ddp_idx_reader_count()
 *
 * Reads the items; to be called once. When these are all, the end of the file is checked as well.
 *
 * Returns: (transfer full): @count items, free with g_free(); or NULL with @error set
 */
uint8_t *ddp_idx_reader_items(DdpIdxReader *reader, size_t count, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpIdxReader, ddp_idx_reader_free)

G_END_DECLS
