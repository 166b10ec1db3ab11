/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * A gzip file read from front to back, as far as somebody wants it.
 *
 * Nothing is inflated before it is asked for, so the first samples of a large file cost what they
 * are worth. Errors are of DDP_DATA_ERROR and begin with the path.
 */

typedef struct DdpGzipReader DdpGzipReader;

DdpGzipReader *ddp_gzip_reader_open(const char *path, GError **error);
void ddp_gzip_reader_free(DdpGzipReader *reader);

/* The uncompressed length, modulo 2^32, that the last four bytes of the file announce. */
uint32_t ddp_gzip_reader_announced_bytes(const DdpGzipReader *reader);

/* The next @bytes bytes, all of them, or an error. */
bool ddp_gzip_reader_read(DdpGzipReader *reader, void *out, size_t bytes, GError **error);

/* True if everything was read, the checksum is right and nothing follows in the file. */
bool ddp_gzip_reader_finish(DdpGzipReader *reader, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpGzipReader, ddp_gzip_reader_free)

G_END_DECLS
