/* SPDX-License-Identifier: MIT */
#include "model/data/idx.h"

#include <inttypes.h>

#include "model/data/dataset.h"
#include "model/data/gzip_reader.h"

#define IDX_UNSIGNED_BYTE 0x08
#define IDX_DIMS_MAX 4
#define IDX_BYTES_MAX ((uint64_t)1 << 31) /* far above every file of the family */

struct DdpIdxReader {
    DdpGzipReader *gzip; /* owned */
    char *path;
    size_t count;
    size_t item_bytes;
};

G_GNUC_PRINTF(3, 4)
static bool
fail(const DdpIdxReader *reader, GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    g_autofree char *what = g_strdup_vprintf(format, arguments);

    va_end(arguments);
    g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_DAMAGED, "%s: %s", reader->path, what);
    return false;
}

static uint32_t
big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool
check_header(DdpIdxReader *reader, const uint8_t *header, int item_ndim, const uint32_t *item_shape,
             GError **error)
{
    uint32_t magic = big_endian(header);
    uint32_t magic_wanted = IDX_UNSIGNED_BYTE << 8 | (uint32_t)(1 + item_ndim);

    if (magic != magic_wanted)
        return fail(reader, error,
                    "is not the IDX file it should be: magic number %08" PRIx32
                    ", expected %08" PRIx32,
                    magic, magic_wanted);

    uint64_t item_bytes = 1;

    for (int i = 0; i < item_ndim; i++) {
        uint32_t size = big_endian(header + 8 + 4 * (size_t)i);

        if (size != item_shape[i])
            return fail(reader, error, "size %" PRIu32 " in dimension %d, expected %" PRIu32, size,
                        i + 1, item_shape[i]);
        item_bytes *= size;
    }

    uint64_t count = big_endian(header + 4);
    uint64_t bytes = 4 + 4 * (1 + (uint64_t)item_ndim) + count * item_bytes;

    if (count == 0)
        return fail(reader, error, "holds no items");
    if (bytes > IDX_BYTES_MAX)
        return fail(reader, error,
                    "its header announces %" PRIu64 " items, more than any such file holds", count);
    if (bytes != ddp_gzip_reader_announced_bytes(reader->gzip))
        return fail(reader, error,
                    "is damaged or cut short: its header announces %" PRIu64
                    " items, which take %" PRIu64 " bytes, but its gzip trailer says %" PRIu32,
                    count, bytes, ddp_gzip_reader_announced_bytes(reader->gzip));

    reader->count = (size_t)count;
    reader->item_bytes = (size_t)item_bytes;
    return true;
}

DdpIdxReader *
ddp_idx_reader_open(const char *path, int item_ndim, const uint32_t *item_shape, GError **error)
{
    uint8_t header[4 + 4 * IDX_DIMS_MAX];

    g_return_val_if_fail(item_ndim >= 0 && item_ndim < IDX_DIMS_MAX, NULL);

    g_autoptr(DdpGzipReader) gzip = ddp_gzip_reader_open(path, error);

    if (gzip == NULL || !ddp_gzip_reader_read(gzip, header, 4 + 4 * (1 + (size_t)item_ndim), error))
        return NULL;

    g_autoptr(DdpIdxReader) reader = g_new0(DdpIdxReader, 1);

    reader->path = g_strdup(path);
    reader->gzip = g_steal_pointer(&gzip);
    if (!check_header(reader, header, item_ndim, item_shape, error))
        return NULL;
    return g_steal_pointer(&reader);
}

void
ddp_idx_reader_free(DdpIdxReader *reader)
{
    ddp_gzip_reader_free(reader->gzip);
    g_free(reader->path);
    g_free(reader);
}

size_t
ddp_idx_reader_count(const DdpIdxReader *reader)
{
    return reader->count;
}

uint8_t *
ddp_idx_reader_items(DdpIdxReader *reader, size_t count, GError **error)
{
    g_return_val_if_fail(count <= reader->count, NULL);

    /* No overflow: the product is at most what check_header() has bounded. */
    g_autofree uint8_t *items = g_try_malloc(MAX(count * reader->item_bytes, 1));

    if (items == NULL) {
        fail(reader, error, "no memory for %zu items of %zu bytes", count, reader->item_bytes);
        return NULL;
    }
    if (!ddp_gzip_reader_read(reader->gzip, items, count * reader->item_bytes, error))
        return NULL;
    if (count == reader->count && !ddp_gzip_reader_finish(reader->gzip, error))
        return NULL;
    return g_steal_pointer(&items);
}
