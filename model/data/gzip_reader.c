/* SPDX-License-Identifier: MIT */
#include "model/data/gzip_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <zlib.h>

#include "model/data/dataset.h"

#define INPUT_BYTES 65536
#define OUTPUT_BYTES_MAX ((size_t)1 << 30) /* zlib counts in unsigned int */
#define GZIP_BYTES_MIN 20                  /* header 10, empty deflate stream 2, trailer 8 */

struct DdpGzipReader {
    char *path;
    FILE *file;
    z_stream zlib;
    bool zlib_ready;
    bool stream_ended; /* inflate has seen the end, and the checksum was right */
    uint32_t announced_bytes;
    uint64_t delivered_bytes;
    unsigned char input[INPUT_BYTES];
};

static bool
fail_with_errno(const DdpGzipReader *reader, const char *what, GError **error)
{
    int code =
        errno == ENOENT || errno == ENOTDIR ? DDP_DATA_ERROR_MISSING : DDP_DATA_ERROR_DAMAGED;

    g_set_error(error, DDP_DATA_ERROR, code, "%s: %s: %s", reader->path, what, g_strerror(errno));
    return false;
}

static bool
fail(const DdpGzipReader *reader, GError **error, const char *what)
{
    g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_DAMAGED, "%s: %s", reader->path, what);
    return false;
}

/* A folder opens like a file; its first read then fails, which names it well enough. */
static bool
look_at_both_ends(DdpGzipReader *reader, GError **error)
{
    unsigned char magic[2];
    unsigned char trailer[4];

    errno = 0;
    if (fread(magic, 1, sizeof magic, reader->file) != sizeof magic) {
        if (ferror(reader->file))
            return fail_with_errno(reader, "cannot be read", error);
        return fail(reader, error, "is cut short: not even a gzip header is there");
    }
    if (magic[0] != 0x1f || magic[1] != 0x8b)
        return fail(reader, error, "is no gzip file: it does not begin with the bytes 1f 8b");

    if (fseeko(reader->file, 0, SEEK_END) != 0 || ftello(reader->file) < GZIP_BYTES_MIN)
        return fail(reader, error, "is cut short: it is smaller than an empty gzip file");
    if (fseeko(reader->file, -(off_t)sizeof trailer, SEEK_END) != 0 ||
        fread(trailer, 1, sizeof trailer, reader->file) != sizeof trailer ||
        fseeko(reader->file, 0, SEEK_SET) != 0)
        return fail_with_errno(reader, "cannot be read", error);

    reader->announced_bytes = (uint32_t)trailer[0] | (uint32_t)trailer[1] << 8 |
                              (uint32_t)trailer[2] << 16 | (uint32_t)trailer[3] << 24;
    return true;
}

DdpGzipReader *
ddp_gzip_reader_open(const char *path, GError **error)
{
    g_autoptr(DdpGzipReader) reader = g_new0(DdpGzipReader, 1);

    reader->path = g_strdup(path);
    reader->file = fopen(path, "rbe");
    if (reader->file == NULL) {
        fail_with_errno(reader, "cannot be opened", error);
        return NULL;
    }
    if (!look_at_both_ends(reader, error))
        return NULL;

    int status = inflateInit2(&reader->zlib, 15 + 16); /* 16: a gzip header is required */

    if (status != Z_OK) {
        fail(reader, error, "zlib does not start: not enough memory");
        return NULL;
    }
    reader->zlib_ready = true;
    return g_steal_pointer(&reader);
}

void
ddp_gzip_reader_free(DdpGzipReader *reader)
{
    if (reader->zlib_ready)
        inflateEnd(&reader->zlib);
    if (reader->file != NULL)
        fclose(reader->file);
    g_free(reader->path);
    g_free(reader);
}

uint32_t
ddp_gzip_reader_announced_bytes(const DdpGzipReader *reader)
{
    return reader->announced_bytes;
}

/* False at the end of the file too, and then without an error. */
static bool
refill(DdpGzipReader *reader, GError **error)
{
    errno = 0;

    size_t got = fread(reader->input, 1, sizeof reader->input, reader->file);

    reader->zlib.next_in = reader->input;
    reader->zlib.avail_in = (unsigned int)got;
    if (got == 0 && ferror(reader->file))
        return fail_with_errno(reader, "cannot be read", error);
    return got > 0;
}

static bool
fail_cut_short(const DdpGzipReader *reader, size_t wanted, GError **error)
{
    g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_DAMAGED,
                "%s: is cut short: its data ends after %" PRIu64 " bytes, expected %" PRIu64,
                reader->path, reader->delivered_bytes, reader->delivered_bytes + wanted);
    return false;
}

/* Inflates into next_out / avail_out until that is full or the stream ends. */
static bool
inflate_some(DdpGzipReader *reader, size_t still_wanted, GError **error)
{
    z_stream *zlib = &reader->zlib;

    if (zlib->avail_in == 0) {
        g_autoptr(GError) cause = NULL;

        if (!refill(reader, &cause)) {
            if (cause == NULL)
                return fail_cut_short(reader, still_wanted, error);
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
    }

    unsigned int before = zlib->avail_out;
    int status = inflate(zlib, Z_NO_FLUSH);

    reader->delivered_bytes += before - zlib->avail_out;
    if (status == Z_STREAM_END)
        reader->stream_ended = true;
    else if (status != Z_OK && status != Z_BUF_ERROR) {
        g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_DAMAGED,
                    "%s: is damaged: the gzip data goes wrong after %" PRIu64 " bytes (%s)",
                    reader->path, reader->delivered_bytes,
                    zlib->msg != NULL ? zlib->msg : zError(status));
        return false;
    }
    return true;
}

bool
ddp_gzip_reader_read(DdpGzipReader *reader, void *out, size_t bytes, GError **error)
{
    unsigned char *target = out;

    while (bytes > 0) {
        if (reader->stream_ended)
            return fail_cut_short(reader, bytes, error);

        unsigned int room = (unsigned int)MIN(bytes, OUTPUT_BYTES_MAX);

        reader->zlib.next_out = target;
        reader->zlib.avail_out = room;
        if (!inflate_some(reader, bytes, error))
            return false;

        size_t got = room - reader->zlib.avail_out;

        target += got;
        bytes -= got;
    }
    return true;
}

bool
ddp_gzip_reader_finish(DdpGzipReader *reader, GError **error)
{
    unsigned char beyond;

    /* The end of the stream, with its checksum, comes after the last byte. */
    while (!reader->stream_ended) {
        reader->zlib.next_out = &beyond;
        reader->zlib.avail_out = 1;
        if (!inflate_some(reader, 0, error))
            return false;
        if (reader->zlib.avail_out == 0)
            return fail(reader, error, "is damaged: it holds more data than its header announces");
    }
    if (reader->zlib.avail_in > 0 || refill(reader, NULL))
        return fail(reader, error, "is damaged: something follows behind the gzip data");
    return true;
}
