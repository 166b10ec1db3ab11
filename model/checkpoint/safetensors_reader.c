/* SPDX-License-Identifier: MIT */
#include "model/checkpoint/safetensors_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/checkpoint/json_scan.h"

#define PREFIX_BYTES sizeof(uint64_t)
#define READ_MAX ((size_t)1 << 30)
#define NAME_SHOWN 200

typedef struct {
    DdpSafetensor tensor; /* its name is owned, its shape is the field below */
    int64_t sizes[DDP_SAFETENSORS_DIMS_MAX];
    uint64_t first; /* of its bytes, from the end of the header */
    uint64_t end;
} Entry;

struct DdpSafetensorsReader {
    int fd;
    uint64_t data_start; /* in the file */
    uint64_t data_bytes; /* behind it */
    GPtrArray *entries;  /* of Entry; owned */
    GHashTable *by_name; /* name → index; only asked, never walked */
    GArray *texts;       /* of DdpSafetensorsText; owned, as are its strings */
};

/* ---- life ---------------------------------------------------------------------------- */

static void
entry_free(void *data)
{
    Entry *entry = data;

    g_free((char *)(uintptr_t)entry->tensor.name);
    g_free(entry);
}

static void
text_clear(void *data)
{
    DdpSafetensorsText *text = data;

    g_free((char *)(uintptr_t)text->key);
    g_free((char *)(uintptr_t)text->text);
}

static DdpSafetensorsReader *
reader_new(void)
{
    DdpSafetensorsReader *reader = g_new0(DdpSafetensorsReader, 1);

    reader->fd = -1;
    reader->entries = g_ptr_array_new_with_free_func(entry_free);
    reader->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    reader->texts = g_array_new(FALSE, FALSE, sizeof(DdpSafetensorsText));
    g_array_set_clear_func(reader->texts, text_clear);
    return reader;
}

void
ddp_safetensors_reader_free(DdpSafetensorsReader *reader)
{
    if (reader == NULL)
        return;
    if (reader->fd >= 0)
        close(reader->fd);
    g_hash_table_unref(reader->by_name);
    g_ptr_array_unref(reader->entries);
    g_array_unref(reader->texts);
    g_free(reader);
}

/* ---- errors -------------------------------------------------------------------------- */

/* @name: (nullable): the tensor that it is about. Names of strangers may be long; a part will do.
 */
G_GNUC_PRINTF(4, 5)
static bool
refuse(GError **error, DdpCheckpointError code, const char *name, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    if (name != NULL) {
        g_autofree char *shown = g_utf8_make_valid(name, (gssize)MIN(strlen(name), NAME_SHOWN));

        g_set_error(error, DDP_CHECKPOINT_ERROR, (int)code, "tensor \"%s\" %s", shown, what);
    } else {
        g_set_error_literal(error, DDP_CHECKPOINT_ERROR, (int)code, what);
    }
    return false;
}

#define damaged(name, error, ...) refuse(error, DDP_CHECKPOINT_ERROR_FORMAT, name, __VA_ARGS__)
#define unsupported(name, error, ...)                                                              \
    refuse(error, DDP_CHECKPOINT_ERROR_UNSUPPORTED, name, __VA_ARGS__)

/* ---- bytes --------------------------------------------------------------------------- */

static bool
read_at(DdpSafetensorsReader *reader, uint64_t position, void *out, uint64_t length, GError **error)
{
    char *at = out;

    while (length > 0) {
        ssize_t got = pread(reader->fd, at, (size_t)MIN(length, READ_MAX), (off_t)position);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int number = errno;

            g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(number),
                        "cannot read the file: %s", g_strerror(number));
            return false;
        }
        if (got == 0)
            return damaged(NULL, error,
                           "the file ends at byte %" G_GUINT64_FORMAT " while it is read",
                           position);
        at += got;
        position += (uint64_t)got;
        length -= (uint64_t)got;
    }
    return true;
}

static bool
open_file(DdpSafetensorsReader *reader, const char *path, uint64_t *length, GError **error)
{
    struct stat info;

    /* Without waiting: a named pipe would keep us here until somebody writes. */
    reader->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (reader->fd < 0 || fstat(reader->fd, &info) != 0) {
        int number = errno;

        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(number),
                    "cannot open the file: %s", g_strerror(number));
        return false;
    }
    if (!S_ISREG(info.st_mode))
        return damaged(NULL, error, "this is no ordinary file");
    *length = (uint64_t)info.st_size;
    return true;
}

/* The text of the header, of which @length says how long it is. */
static char *
read_header(DdpSafetensorsReader *reader, const char *path, uint64_t *header_length, GError **error)
{
    uint64_t file_length = 0;

    if (!open_file(reader, path, &file_length, error))
        return NULL;
    if (file_length < PREFIX_BYTES) {
        damaged(NULL, error,
                "the file has %" G_GUINT64_FORMAT " bytes, too few for a safetensors file",
                file_length);
        return NULL;
    }
    if (!read_at(reader, 0, header_length, PREFIX_BYTES, error))
        return NULL;
    if (*header_length > DDP_SAFETENSORS_HEADER_MAX) {
        damaged(NULL, error,
                "this is no safetensors file: its header would have %" G_GUINT64_FORMAT
                " bytes, expected at most %u",
                *header_length, DDP_SAFETENSORS_HEADER_MAX);
        return NULL;
    }
    if (*header_length > file_length - PREFIX_BYTES) {
        damaged(NULL, error,
                "the file is truncated, or no safetensors file: it has %" G_GUINT64_FORMAT
                " bytes, but its header alone should have %" G_GUINT64_FORMAT,
                file_length, *header_length);
        return NULL;
    }
    reader->data_start = PREFIX_BYTES + *header_length;
    reader->data_bytes = file_length - reader->data_start;

    g_autofree char *header = g_malloc((size_t)*header_length + 1);

    if (!read_at(reader, PREFIX_BYTES, header, *header_length, error))
        return NULL;
    return g_steal_pointer(&header);
}

/* ---- the header ---------------------------------------------------------------------- */

/* The next token, which must be @wanted. */
static bool
expect(DdpJsonScan *scan, DdpJsonToken wanted, const char *name, const char *what, GError **error)
{
    DdpJsonToken token = ddp_json_scan_next(scan, error);

    if (token == wanted)
        return true;
    if (token == DDP_JSON_BROKEN)
        return false;
    return damaged(name, error, "has no sound %s", what);
}

/* Whether a C string can hold the text of the scanner. */
static bool
is_text_plain(const DdpJsonScan *scan)
{
    return strlen(ddp_json_scan_text(scan)) == ddp_json_scan_length(scan);
}

static char *
dup_text(const DdpJsonScan *scan, const char *what, GError **error)
{
    if (!is_text_plain(scan)) {
        damaged(NULL, error, "%s in the header holds a zero byte", what);
        return NULL;
    }
    return g_strdup(ddp_json_scan_text(scan));
}

static bool
read_texts(DdpSafetensorsReader *reader, DdpJsonScan *scan, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    DdpJsonToken token;

    if (!expect(scan, DDP_JSON_OBJECT_BEGIN, DDP_SAFETENSORS_METADATA, "table of strings", error))
        return false;
    while ((token = ddp_json_scan_next(scan, error)) == DDP_JSON_NAME) {
        g_autofree char *key = dup_text(scan, "a key of the metadata", error);

        if (key == NULL)
            return false;
        token = ddp_json_scan_next(scan, error);
        if (token == DDP_JSON_BROKEN)
            return false;
        if (token != DDP_JSON_STRING)
            return damaged(NULL, error, "the metadata \"%s\" is no string", key);

        g_autofree char *text = dup_text(scan, "a text of the metadata", error);

        if (text == NULL)
            return false;
        if (!g_hash_table_add(seen, key))
            return damaged(NULL, error, "the metadata \"%s\" stands there twice", key);

        DdpSafetensorsText entry = {g_steal_pointer(&key), g_steal_pointer(&text)};

        g_array_append_val(reader->texts, entry);
    }
    return token == DDP_JSON_OBJECT_END;
}

static bool
read_dtype(DdpJsonScan *scan, Entry *entry, GError **error)
{
    const char *name = entry->tensor.name;

    if (!expect(scan, DDP_JSON_STRING, name, "dtype", error))
        return false;
    if (is_text_plain(scan) &&
        ddp_safetensors_dtype_from_name(ddp_json_scan_text(scan), &entry->tensor.dtype))
        return true;
    return unsupported(name, error,
                       "has dtype \"%.32s\", expected F64, F32, F16, BF16, I64, I32, U8 or BOOL",
                       ddp_json_scan_text(scan));
}

static bool
read_shape(DdpJsonScan *scan, Entry *entry, GError **error)
{
    const char *name = entry->tensor.name;
    DdpJsonToken token;

    if (!expect(scan, DDP_JSON_ARRAY_BEGIN, name, "shape", error))
        return false;
    entry->tensor.ndim = 0;
    while ((token = ddp_json_scan_next(scan, error)) == DDP_JSON_NUMBER) {
        if (entry->tensor.ndim == DDP_SAFETENSORS_DIMS_MAX)
            return unsupported(name, error, "has more than %d dimensions",
                               DDP_SAFETENSORS_DIMS_MAX);
        if (!ddp_json_scan_count(scan, &entry->sizes[entry->tensor.ndim]))
            return damaged(name, error, "has the size %.40s, expected a whole number from 0 on",
                           ddp_json_scan_text(scan));
        entry->tensor.ndim++;
    }
    if (token == DDP_JSON_ARRAY_END || token == DDP_JSON_BROKEN)
        return token == DDP_JSON_ARRAY_END;
    return damaged(name, error, "has a shape that is not all numbers");
}

static bool
read_offsets(DdpJsonScan *scan, Entry *entry, GError **error)
{
    const char *name = entry->tensor.name;
    int64_t offsets[2];

    if (!expect(scan, DDP_JSON_ARRAY_BEGIN, name, "data_offsets", error))
        return false;
    for (int i = 0; i < 2; i++) {
        if (!expect(scan, DDP_JSON_NUMBER, name, "data_offsets", error))
            return false;
        if (!ddp_json_scan_count(scan, &offsets[i]))
            return damaged(name, error, "has the offset %.40s, expected a whole number from 0 on",
                           ddp_json_scan_text(scan));
    }
    entry->first = (uint64_t)offsets[0];
    entry->end = (uint64_t)offsets[1];
    return expect(scan, DDP_JSON_ARRAY_END, name, "data_offsets", error);
}

/* The three fields, each once, in any order. */
static bool
read_fields(DdpJsonScan *scan, Entry *entry, GError **error)
{
    static const struct {
        const char *name;
        bool (*read)(DdpJsonScan *scan, Entry *entry, GError **error);
    } fields[] = {{"dtype", read_dtype}, {"shape", read_shape}, {"data_offsets", read_offsets}};
    bool seen[G_N_ELEMENTS(fields)] = {false};
    const char *name = entry->tensor.name;
    DdpJsonToken token;

    if (!expect(scan, DDP_JSON_OBJECT_BEGIN, name, "description", error))
        return false;
    while ((token = ddp_json_scan_next(scan, error)) == DDP_JSON_NAME) {
        size_t field = 0;

        while (field < G_N_ELEMENTS(fields) &&
               strcmp(fields[field].name, ddp_json_scan_text(scan)) != 0)
            field++;
        if (field == G_N_ELEMENTS(fields) || !is_text_plain(scan))
            return damaged(name, error,
                           "has the unknown field \"%.40s\", expected dtype, shape, data_offsets",
                           ddp_json_scan_text(scan));
        if (seen[field])
            return damaged(name, error, "has its %s twice", fields[field].name);
        seen[field] = true;
        if (!fields[field].read(scan, entry, error))
            return false;
    }
    for (size_t field = 0; token == DDP_JSON_OBJECT_END && field < G_N_ELEMENTS(fields); field++) {
        if (!seen[field])
            return damaged(name, error, "has no %s", fields[field].name);
    }
    return token == DDP_JSON_OBJECT_END;
}

static bool
check_entry(const DdpSafetensorsReader *reader, const Entry *entry, GError **error)
{
    const char *name = entry->tensor.name;
    g_autoptr(GString) shape = g_string_new("[");
    uint64_t bytes;

    for (int i = 0; i < entry->tensor.ndim; i++)
        g_string_append_printf(shape, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "", entry->sizes[i]);
    g_string_append_c(shape, ']');
    if (!ddp_safetensors_bytes(entry->tensor.dtype, entry->tensor.ndim, entry->sizes, &bytes))
        return damaged(name, error, "has the shape %s, which is too large", shape->str);
    if (entry->end < entry->first)
        return damaged(name, error,
                       "ends at offset %" G_GUINT64_FORMAT
                       ", before it begins at %" G_GUINT64_FORMAT,
                       entry->end, entry->first);
    if (entry->end > reader->data_bytes)
        return damaged(name, error,
                       "should end at offset %" G_GUINT64_FORMAT
                       ", but the file has only %" G_GUINT64_FORMAT
                       " bytes of elements: it is truncated",
                       entry->end, reader->data_bytes);
    if (entry->end - entry->first != bytes)
        return damaged(name, error,
                       "takes %" G_GUINT64_FORMAT " bytes of the file, expected %" G_GUINT64_FORMAT
                       " for %s of shape %s",
                       entry->end - entry->first, bytes,
                       ddp_safetensors_dtype_name(entry->tensor.dtype), shape->str);
    return true;
}

static bool
read_tensor(DdpSafetensorsReader *reader, DdpJsonScan *scan, char *name, GError **error)
{
    Entry *entry = g_new0(Entry, 1);

    entry->tensor.name = name;
    entry->tensor.shape = entry->sizes;
    g_ptr_array_add(reader->entries, entry);
    if (!g_hash_table_insert(reader->by_name, name, NULL))
        return damaged(name, error, "stands in the header twice");
    return read_fields(scan, entry, error) && check_entry(reader, entry, error);
}

static bool
parse_header(DdpSafetensorsReader *reader, const char *text, size_t length, GError **error)
{
    g_autoptr(DdpJsonScan) scan = ddp_json_scan_new(text, length);
    DdpJsonToken token = ddp_json_scan_next(scan, error);
    bool has_texts = false;

    if (token == DDP_JSON_BROKEN)
        return false;
    if (token != DDP_JSON_OBJECT_BEGIN)
        return damaged(NULL, error, "the header is no JSON object");
    while ((token = ddp_json_scan_next(scan, error)) == DDP_JSON_NAME) {
        g_autofree char *name = dup_text(scan, "a tensor's name", error);

        if (name == NULL)
            return false;
        if (strcmp(name, DDP_SAFETENSORS_METADATA) != 0) {
            if (!read_tensor(reader, scan, g_steal_pointer(&name), error))
                return false;
            continue;
        }
        if (has_texts)
            return damaged(NULL, error, "the header has its metadata twice");
        has_texts = true;
        if (!read_texts(reader, scan, error))
            return false;
    }
    return token == DDP_JSON_OBJECT_END && ddp_json_scan_next(scan, error) == DDP_JSON_END;
}

/* ---- the layout ---------------------------------------------------------------------- */

static int
compare_places(const void *a_, const void *b_)
{
    const Entry *a = *(Entry *const *)a_, *b = *(Entry *const *)b_;

    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    return strcmp(a->tensor.name, b->tensor.name);
}

/* The tensors fill what is behind the header, each byte belonging to one. */
static bool
check_layout(DdpSafetensorsReader *reader, GError **error)
{
    uint64_t at = 0;

    g_ptr_array_sort(reader->entries, compare_places);
    for (guint i = 0; i < reader->entries->len; i++) {
        const Entry *entry = g_ptr_array_index(reader->entries, i);

        if (entry->first != at)
            return damaged(
                entry->tensor.name, error,
                "begins at offset %" G_GUINT64_FORMAT ", %s; expected %" G_GUINT64_FORMAT,
                entry->first, entry->first < at ? "inside another one" : "behind a gap", at);
        at = entry->end;
        g_hash_table_insert(reader->by_name, (char *)(uintptr_t)entry->tensor.name,
                            GUINT_TO_POINTER(i));
    }
    if (at != reader->data_bytes)
        return damaged(NULL, error,
                       "%" G_GUINT64_FORMAT " bytes behind the last tensor belong to none",
                       reader->data_bytes - at);
    return true;
}

DdpSafetensorsReader *
ddp_safetensors_reader_open(const char *path, GError **error)
{
    g_return_val_if_fail(path != NULL, NULL);

    g_autoptr(DdpSafetensorsReader) reader = reader_new();
    uint64_t length;
    g_autofree char *header = read_header(reader, path, &length, error);
    GError *cause = NULL;

    if (header == NULL)
        return NULL;
    if (parse_header(reader, header, (size_t)length, &cause) && check_layout(reader, &cause))
        return g_steal_pointer(&reader);
    if (g_error_matches(cause, DDP_JSON_ERROR, DDP_JSON_ERROR_SYNTAX)) {
        damaged(NULL, error, "the header is damaged, or this is no safetensors file: %s",
                cause->message);
        g_error_free(cause);
    } else {
        g_propagate_error(error, cause);
    }
    return NULL;
}

/* ---- what was found ------------------------------------------------------------------ */

size_t
ddp_safetensors_reader_count(const DdpSafetensorsReader *reader)
{
    return reader->entries->len;
}

const DdpSafetensor *
ddp_safetensors_reader_tensor(const DdpSafetensorsReader *reader, size_t index)
{
    g_return_val_if_fail(index < reader->entries->len, NULL);

    return &((Entry *)g_ptr_array_index(reader->entries, (guint)index))->tensor;
}

bool
ddp_safetensors_reader_find(const DdpSafetensorsReader *reader, const char *name, size_t *index)
{
    void *value;

    if (!g_hash_table_lookup_extended(reader->by_name, name, NULL, &value))
        return false;
    *index = GPOINTER_TO_UINT(value);
    return true;
}

size_t
ddp_safetensors_reader_text_count(const DdpSafetensorsReader *reader)
{
    return reader->texts->len;
}

const DdpSafetensorsText *
ddp_safetensors_reader_text(const DdpSafetensorsReader *reader, size_t index)
{
    g_return_val_if_fail(index < reader->texts->len, NULL);

    return &g_array_index(reader->texts, DdpSafetensorsText, (guint)index);
}

const char *
ddp_safetensors_reader_find_text(const DdpSafetensorsReader *reader, const char *key)
{
    for (guint i = 0; i < reader->texts->len; i++) {
        const DdpSafetensorsText *text = &g_array_index(reader->texts, DdpSafetensorsText, i);

        if (strcmp(text->key, key) == 0)
            return text->text;
    }
    return NULL;
}

bool
ddp_safetensors_reader_read(DdpSafetensorsReader *reader, size_t index, void *out, GError **error)
{
    g_return_val_if_fail(index < reader->entries->len, false);

    const Entry *entry = g_ptr_array_index(reader->entries, (guint)index);
    const char *name = entry->tensor.name;
    uint64_t bytes = entry->end - entry->first;
    const uint8_t *truths = out;

    if (!read_at(reader, reader->data_start + entry->first, out, bytes, error)) {
        g_prefix_error(error, "tensor \"%s\": ", name);
        return false;
    }
    for (uint64_t i = 0; entry->tensor.dtype == DDP_DTYPE_BOOL && i < bytes; i++) {
        if (truths[i] > 1)
            return damaged(name, error,
                           "holds the truth value %d at element %" G_GUINT64_FORMAT
                           ", expected 0 or 1",
                           truths[i], i);
    }
    return true;
}
