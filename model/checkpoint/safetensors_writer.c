/* SPDX-License-Identifier: MIT */
#include "model/checkpoint/safetensors_writer.h"

#include <stdlib.h>
#include <string.h>

#include "model/checkpoint/json_scan.h"
#include "model/checkpoint/whole_file.h"

#define HEADER_ALIGN 8

struct DdpSafetensorsWriter {
    DdpSafetensor *tensors; /* owned; in the order of the file */
    size_t count;
    GString *header;     /* owned; with its padding */
    uint64_t data_bytes; /* of all tensors */
};

/* Where a dtype stands in the original's enumeration, by which it lays files out. */
static int
rank_of(DdpDtype dtype)
{
    static const int ranks[DDP_DTYPE_COUNT] = {
        [DDP_DTYPE_BOOL] = 0, [DDP_DTYPE_U8] = 1,  [DDP_DTYPE_F16] = 2, [DDP_DTYPE_BF16] = 3,
        [DDP_DTYPE_I32] = 4,  [DDP_DTYPE_F32] = 5, [DDP_DTYPE_F64] = 6, [DDP_DTYPE_I64] = 7,
    };

    return ranks[dtype];
}

static int
compare(const void *a_, const void *b_)
{
    const DdpSafetensor *a = a_, *b = b_;
    int by_dtype = rank_of(b->dtype) - rank_of(a->dtype);

    return by_dtype != 0 ? by_dtype : strcmp(a->name, b->name);
}

static bool
check_name(const char *name, GError **error)
{
    if (!g_utf8_validate(name, -1, NULL)) {
        g_autofree char *shown = g_strescape(name, NULL);

        g_set_error(error, DDP_CHECKPOINT_ERROR, DDP_CHECKPOINT_ERROR_VALUE,
                    "the name \"%.200s\" is not valid UTF-8", shown);
        return false;
    }
    if (strcmp(name, DDP_SAFETENSORS_METADATA) == 0) {
        g_set_error(error, DDP_CHECKPOINT_ERROR, DDP_CHECKPOINT_ERROR_VALUE,
                    "a tensor cannot have the name \"%s\"", name);
        return false;
    }
    return true;
}

static bool
check_tensor(const DdpSafetensor *tensor, GError **error)
{
    uint64_t bytes;

    if (!check_name(tensor->name, error))
        return false;
    if (tensor->ndim < 0 || tensor->ndim > DDP_SAFETENSORS_DIMS_MAX ||
        !ddp_safetensors_bytes(tensor->dtype, tensor->ndim, tensor->shape, &bytes)) {
        g_set_error(error, DDP_CHECKPOINT_ERROR, DDP_CHECKPOINT_ERROR_VALUE,
                    "tensor \"%s\" has %d dimensions or a size that no file can hold", tensor->name,
                    tensor->ndim);
        return false;
    }
    return true;
}

static bool
append_texts(GString *header, const DdpSafetensorsText *texts, size_t count, GError **error)
{
    g_string_append(header, "\"" DDP_SAFETENSORS_METADATA "\":{");
    for (size_t i = 0; i < count; i++) {
        if (!check_name(texts[i].key, error))
            return false;
        if (!g_utf8_validate(texts[i].text, -1, NULL)) {
            g_set_error(error, DDP_CHECKPOINT_ERROR, DDP_CHECKPOINT_ERROR_VALUE,
                        "the metadata text \"%s\" is not valid UTF-8", texts[i].key);
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(texts[i].key, texts[j].key) == 0) {
                g_set_error(error, DDP_CHECKPOINT_ERROR, DDP_CHECKPOINT_ERROR_VALUE,
                            "the metadata key \"%s\" is given twice", texts[i].key);
                return false;
            }
        }
        if (i > 0)
            g_string_append_c(header, ',');
        ddp_json_append_string(header, texts[i].key, strlen(texts[i].key));
        g_string_append_c(header, ':');
        ddp_json_append_string(header, texts[i].text, strlen(texts[i].text));
    }
    g_string_append_c(header, '}');
    return true;
}

/* Appends the entry of @tensor, whose elements begin at @first; returns where they end. */
static bool
append_tensor(GString *header, const DdpSafetensor *tensor, uint64_t first, uint64_t *end,
              GError **error)
{
    uint64_t bytes = 0;

    ddp_safetensors_bytes(tensor->dtype, tensor->ndim, tensor->shape, &bytes);
    if (!g_uint64_checked_add(end, first, bytes) || *end > INT64_MAX / 2) {
        g_set_error(error, DDP_CHECKPOINT_ERROR, DDP_CHECKPOINT_ERROR_VALUE,
                    "tensor \"%s\": all tensors together are too large for a file", tensor->name);
        return false;
    }
    ddp_json_append_string(header, tensor->name, strlen(tensor->name));
    g_string_append_printf(header, ":{\"dtype\":\"%s\",\"shape\":[",
                           ddp_safetensors_dtype_name(tensor->dtype));
    for (int i = 0; i < tensor->ndim; i++)
        g_string_append_printf(header, "%s%" G_GINT64_FORMAT, i > 0 ? "," : "", tensor->shape[i]);
    g_string_append_printf(
        header, "],\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}", first, *end);
    return true;
}

static bool
check_header_length(size_t length, GError **error)
{
    if (length <= DDP_SAFETENSORS_HEADER_MAX)
        return true;
    g_set_error(error, DDP_CHECKPOINT_ERROR, DDP_CHECKPOINT_ERROR_VALUE,
                "names and metadata take more than %u bytes, which no reader accepts",
                DDP_SAFETENSORS_HEADER_MAX);
    return false;
}

static bool
build_header(DdpSafetensorsWriter *writer, const DdpSafetensorsText *texts, size_t text_count,
             GError **error)
{
    GString *header = writer->header;

    g_string_append_c(header, '{');
    if (text_count > 0 && !append_texts(header, texts, text_count, error))
        return false;
    for (size_t i = 0; i < writer->count; i++) {
        const DdpSafetensor *tensor = &writer->tensors[i];

        if (i > 0 || text_count > 0)
            g_string_append_c(header, ',');
        if (!append_tensor(header, tensor, writer->data_bytes, &writer->data_bytes, error) ||
            !check_header_length(header->len, error))
            return false;
    }
    g_string_append_c(header, '}');
    while (header->len % HEADER_ALIGN != 0)
        g_string_append_c(header, ' ');
    return check_header_length(header->len, error);
}

static bool
check_names_differ(const DdpSafetensorsWriter *writer, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (size_t i = 0; i < writer->count; i++) {
        if (!g_hash_table_add(seen, (char *)(uintptr_t)writer->tensors[i].name)) {
            g_set_error(error, DDP_CHECKPOINT_ERROR, DDP_CHECKPOINT_ERROR_VALUE,
                        "two tensors have the name \"%s\"", writer->tensors[i].name);
            return false;
        }
    }
    return true;
}

DdpSafetensorsWriter *
ddp_safetensors_writer_new(const DdpSafetensor *tensors, size_t count,
                           const DdpSafetensorsText *texts, size_t text_count, GError **error)
{
    g_return_val_if_fail(tensors != NULL || count == 0, NULL);
    g_return_val_if_fail(texts != NULL || text_count == 0, NULL);

    g_autoptr(DdpSafetensorsWriter) writer = g_new0(DdpSafetensorsWriter, 1);

    writer->header = g_string_new(NULL);
    writer->count = count;
    writer->tensors = g_new(DdpSafetensor, count);
    for (size_t i = 0; i < count; i++) {
        if (!check_tensor(&tensors[i], error))
            return NULL;
        writer->tensors[i] = tensors[i];
    }
    if (!check_names_differ(writer, error))
        return NULL;
    if (count > 0)
        qsort(writer->tensors, count, sizeof *tensors, compare);
    return build_header(writer, texts, text_count, error) ? g_steal_pointer(&writer) : NULL;
}

void
ddp_safetensors_writer_free(DdpSafetensorsWriter *writer)
{
    if (writer == NULL)
        return;
    g_string_free(writer->header, TRUE);
    g_free(writer->tensors);
    g_free(writer);
}

uint64_t
ddp_safetensors_writer_bytes(const DdpSafetensorsWriter *writer)
{
    return sizeof(uint64_t) + writer->header->len + writer->data_bytes;
}

bool
ddp_safetensors_writer_write(const DdpSafetensorsWriter *writer, const char *path, GError **error)
{
    g_autoptr(DdpWholeFile) file = ddp_whole_file_new(path, error);
    uint64_t header_length = writer->header->len;

    if (file == NULL || !ddp_whole_file_write(file, &header_length, sizeof header_length, error) ||
        !ddp_whole_file_write(file, writer->header->str, writer->header->len, error))
        return false;
    for (size_t i = 0; i < writer->count; i++) {
        const DdpSafetensor *tensor = &writer->tensors[i];
        uint64_t bytes = 0;

        ddp_safetensors_bytes(tensor->dtype, tensor->ndim, tensor->shape, &bytes);
        if (!ddp_whole_file_write(file, tensor->data, (size_t)bytes, error)) {
            g_prefix_error(error, "tensor \"%s\": ", tensor->name);
            return false;
        }
    }
    return ddp_whole_file_commit(file, error);
}
