/* SPDX-License-Identifier: MIT */
#include "sim/loggers/wandb_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "sim/loggers/wandb.pb-c.h"

G_DEFINE_QUARK(ddp - wandb - file - error, ddp_wandb_file_error)

#define BLOCK_BYTES 32768
#define CHUNK_HEADER_BYTES 7
#define RECORD_BYTES_MAX (64u << 20)

/* Kinds of a chunk: a whole record, or its first, middle and last piece. */
enum { CHUNK_FULL = 1, CHUNK_FIRST, CHUNK_MIDDLE, CHUNK_LAST };

struct DdpWandbFile {
    char *path;
    char *run_id, *project, *entity; /* of the run, for its artifacts */
    GError *failure;
    uint64_t written;
    int64_t num; /* of the last record */
};

/* ---- bytes ---- */

static bool
fail(DdpWandbFile *file, const char *what, int code, GError **error)
{
    g_set_error(&file->failure, G_FILE_ERROR, (int)g_file_error_from_errno(code), "%s %s: %s",
                file->path, what, g_strerror(code));
    g_propagate_error(error, g_error_copy(file->failure));
    return false;
}

static bool
is_usable(const DdpWandbFile *file, GError **error)
{
    if (file->failure == NULL)
        return true;
    g_propagate_error(error, g_error_copy(file->failure));
    return false;
}

static bool
write_all(DdpWandbFile *file, const GByteArray *bytes, int flags, GError **error)
{
    int fd = open(file->path, O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0666);
    size_t done = 0;

    if (fd < 0)
        return fail(file, "cannot be opened", errno, error);
    while (done < bytes->len) {
        ssize_t count = write(fd, bytes->data + done, bytes->len - done);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            int code = errno;

            close(fd);
            return fail(file, "cannot be written", code, error);
        }
        done += (size_t)count;
    }
    if (close(fd) != 0)
        return fail(file, "cannot be written", errno, error);
    file->written += bytes->len;
    return true;
}

static void
append_chunk(GByteArray *out, uint8_t kind, const uint8_t *data, size_t length)
{
    uLong sum = crc32(crc32(0, &kind, 1), data, (uInt)length);
    const uint8_t header[CHUNK_HEADER_BYTES] = {
        (uint8_t)sum,
        (uint8_t)(sum >> 8),
        (uint8_t)(sum >> 16),
        (uint8_t)(sum >> 24),
        (uint8_t)length,
        (uint8_t)(length >> 8),
        kind,
    };

    g_byte_array_append(out, header, sizeof header);
    g_byte_array_append(out, data, (guint)length);
}

/* Cut so that no chunk reaches from one block into the next. */
static void
append_framed(GByteArray *out, uint64_t at, const uint8_t *data, size_t length)
{
    static const uint8_t zeros[CHUNK_HEADER_BYTES];
    bool first = true;

    do {
        size_t room = BLOCK_BYTES - (size_t)((at + out->len) % BLOCK_BYTES);

        if (room < CHUNK_HEADER_BYTES) {
            g_byte_array_append(out, zeros, (guint)room);
            room = BLOCK_BYTES;
        }

        size_t count = MIN(length, room - CHUNK_HEADER_BYTES);
        bool last = count == length;

        append_chunk(out,
                     first && last ? CHUNK_FULL
                     : first       ? CHUNK_FIRST
                     : last        ? CHUNK_LAST
                                   : CHUNK_MIDDLE,
                     data, count);
        data += count;
        length -= count;
        first = false;
        if (last)
            return;
    } while (true);
}

static bool
add_record(DdpWandbFile *file, Ddp__Wandb__Record *record, GError **error)
{
    g_autoptr(GByteArray) framed = g_byte_array_new();
    size_t size;

    if (!is_usable(file, error))
        return false;
    record->num = file->num + 1;
    size = ddp__wandb__record__get_packed_size(record);
    if (size > RECORD_BYTES_MAX) {
        g_set_error(error, DDP_WANDB_FILE_ERROR, DDP_WANDB_FILE_ERROR_TOO_LONG,
                    "%s: a record of %zu bytes is too long, at most %u fit", file->path, size,
                    RECORD_BYTES_MAX);
        return false;
    }

    g_autofree uint8_t *packed = g_malloc(size + 1);

    ddp__wandb__record__pack(record, packed);
    append_framed(framed, file->written, packed, size);
    if (!write_all(file, framed, 0, error))
        return false;
    file->num++;
    return true;
}

DdpWandbFile *
ddp_wandb_file_new(const char *path, GError **error)
{
    static const uint8_t magic[] = {':', 'W', '&', 'B', 0xe1, 0xbe, 0};
    g_autoptr(DdpWandbFile) file = g_new0(DdpWandbFile, 1);
    g_autoptr(GByteArray) header = g_byte_array_new();
    Ddp__Wandb__Record record = DDP__WANDB__RECORD__INIT;
    Ddp__Wandb__Header first = DDP__WANDB__HEADER__INIT;
    Ddp__Wandb__VersionInfo version = DDP__WANDB__VERSION_INFO__INIT;

    file->path = g_strdup(path);
    g_byte_array_append(header, magic, sizeof magic);
    if (unlink(path) != 0 && errno != ENOENT) {
        fail(file, "cannot be replaced", errno, error);
        return NULL;
    }
    version.producer = (char *)"0.0.0+ddpsim";
    version.min_consumer = (char *)"0.40.0";
    first.version_info = &version;
    record.what_case = DDP__WANDB__RECORD__WHAT_HEADER;
    record.header = &first;
    if (!write_all(file, header, O_CREAT | O_EXCL, error) || !add_record(file, &record, error))
        return NULL;
    return g_steal_pointer(&file);
}

void
ddp_wandb_file_free(DdpWandbFile *file)
{
    if (file == NULL)
        return;
    g_clear_error(&file->failure);
    g_free(file->path);
    g_free(file->run_id);
    g_free(file->project);
    g_free(file->entity);
    g_free(file);
}

uint64_t
ddp_wandb_file_bytes(const DdpWandbFile *file)
{
    return file->written;
}

/* ---- records ---- */

/* The empty string is how proto3 says: none. */
static char *
text(const char *string)
{
    return (char *)(string != NULL ? string : "");
}

/* Messages of @items, as the generated code wants them: an array, and pointers into it. */
typedef struct {
    Ddp__Wandb__Item *items;
    Ddp__Wandb__Item **pointers;
} PackedItems;

static PackedItems
pack_items(const DdpWandbItem *items, size_t count)
{
    PackedItems packed = {g_new(Ddp__Wandb__Item, count + 1), g_new(Ddp__Wandb__Item *, count + 1)};

    for (size_t i = 0; i < count; i++) {
        Ddp__Wandb__Item *item = &packed.items[i];
        size_t depth = g_strv_length((char **)items[i].path);

        ddp__wandb__item__init(item);
        item->value_json = (char *)items[i].json;
        item->n_nested_key = depth;
        item->nested_key = (char **)items[i].path;
        packed.pointers[i] = item;
    }
    return packed;
}

static void
free_items(PackedItems *packed)
{
    g_free(packed->items);
    g_free(packed->pointers);
}

bool
ddp_wandb_file_add_run(DdpWandbFile *file, const DdpWandbRun *run, GError **error)
{
    Ddp__Wandb__Record record = DDP__WANDB__RECORD__INIT;
    Ddp__Wandb__Run message = DDP__WANDB__RUN__INIT;
    Ddp__Wandb__Items config = DDP__WANDB__ITEMS__INIT;
    Ddp__Wandb__Timestamp start = DDP__WANDB__TIMESTAMP__INIT;
    PackedItems items = pack_items(run->config, run->config_count);
    bool ok;

    g_free(file->run_id);
    g_free(file->project);
    g_free(file->entity);
    file->run_id = g_strdup(run->id);
    file->project = g_strdup(run->project);
    file->entity = g_strdup(run->entity);
    /* The run's config has plain keys: nested values are JSON. */
    for (size_t i = 0; i < run->config_count; i++) {
        items.items[i].key = text(run->config[i].path[0]);
        items.items[i].n_nested_key = 0;
    }
    config.n_update = run->config_count;
    config.update = items.pointers;
    start.seconds = (int64_t)run->start_time;
    start.nanos = (int32_t)((run->start_time - (double)start.seconds) * 1e9);
    message.run_id = text(run->id);
    message.entity = text(run->entity);
    message.project = text(run->project);
    message.config = &config;
    message.run_group = text(run->group);
    message.job_type = text(run->job_type);
    message.display_name = text(run->name);
    message.notes = text(run->notes);
    message.n_tags = run->tags != NULL ? g_strv_length((char **)run->tags) : 0;
    message.tags = (char **)run->tags;
    message.host = text(run->host);
    message.start_time = &start;
    record.what_case = DDP__WANDB__RECORD__WHAT_RUN;
    record.run = &message;
    ok = add_record(file, &record, error);
    free_items(&items);
    return ok;
}

bool
ddp_wandb_file_add_history(DdpWandbFile *file, int64_t step, const DdpWandbItem *items,
                           size_t count, GError **error)
{
    Ddp__Wandb__Record record = DDP__WANDB__RECORD__INIT;
    Ddp__Wandb__History message = DDP__WANDB__HISTORY__INIT;
    Ddp__Wandb__Step at = DDP__WANDB__STEP__INIT;
    PackedItems packed = pack_items(items, count);
    bool ok;

    at.num = step;
    message.n_item = count;
    message.item = packed.pointers;
    message.step = step >= 0 ? &at : NULL;
    record.what_case = DDP__WANDB__RECORD__WHAT_HISTORY;
    record.history = &message;
    ok = add_record(file, &record, error);
    free_items(&packed);
    return ok;
}

static bool
add_items(DdpWandbFile *file, Ddp__Wandb__Record__WhatCase what, const DdpWandbItem *items,
          size_t count, GError **error)
{
    Ddp__Wandb__Record record = DDP__WANDB__RECORD__INIT;
    Ddp__Wandb__Items message = DDP__WANDB__ITEMS__INIT;
    PackedItems packed = pack_items(items, count);
    bool ok;

    message.n_update = count;
    message.update = packed.pointers;
    record.what_case = what;
    record.summary = &message; /* the same place, whichever it is */
    ok = add_record(file, &record, error);
    free_items(&packed);
    return ok;
}

bool
ddp_wandb_file_add_summary(DdpWandbFile *file, const DdpWandbItem *items, size_t count,
                           GError **error)
{
    return add_items(file, DDP__WANDB__RECORD__WHAT_SUMMARY, items, count, error);
}

bool
ddp_wandb_file_add_config(DdpWandbFile *file, const DdpWandbItem *items, size_t count,
                          GError **error)
{
    return add_items(file, DDP__WANDB__RECORD__WHAT_CONFIG, items, count, error);
}

bool
ddp_wandb_file_add_metric(DdpWandbFile *file, const DdpWandbMetric *metric, GError **error)
{
    Ddp__Wandb__Record record = DDP__WANDB__RECORD__INIT;
    Ddp__Wandb__Metric message = DDP__WANDB__METRIC__INIT;
    Ddp__Wandb__MetricOptions options = DDP__WANDB__METRIC_OPTIONS__INIT;
    Ddp__Wandb__MetricSummary summary = DDP__WANDB__METRIC_SUMMARY__INIT;

    if (g_str_has_suffix(metric->name, "*"))
        message.glob_name = text(metric->name);
    else
        message.name = text(metric->name);
    message.step_metric = text(metric->step_metric);
    options.step_sync = metric->step_sync;
    options.hidden = metric->hidden;
    options.defined = true;
    summary.min = metric->min;
    summary.max = metric->max;
    summary.mean = metric->mean;
    summary.last = metric->last;
    summary.first = metric->first;
    summary.none = metric->none;
    message.options = &options;
    message.summary = &summary;
    record.what_case = DDP__WANDB__RECORD__WHAT_METRIC;
    record.metric = &message;
    return add_record(file, &record, error);
}

bool
ddp_wandb_file_add_artifact(DdpWandbFile *file, const DdpWandbArtifact *artifact, GError **error)
{
    Ddp__Wandb__Record record = DDP__WANDB__RECORD__INIT;
    Ddp__Wandb__Artifact message = DDP__WANDB__ARTIFACT__INIT;
    Ddp__Wandb__Manifest manifest = DDP__WANDB__MANIFEST__INIT;
    g_autofree Ddp__Wandb__ManifestEntry *entries =
        g_new(Ddp__Wandb__ManifestEntry, artifact->file_count + 1);
    g_autofree Ddp__Wandb__ManifestEntry **pointers =
        g_new(Ddp__Wandb__ManifestEntry *, artifact->file_count + 1);

    for (size_t i = 0; i < artifact->file_count; i++) {
        ddp__wandb__manifest_entry__init(&entries[i]);
        entries[i].path = text(artifact->files[i].path);
        entries[i].digest = text(artifact->files[i].digest);
        entries[i].size = artifact->files[i].size;
        entries[i].local_path = text(artifact->files[i].local);
        pointers[i] = &entries[i];
    }
    manifest.version = 1;
    manifest.storage_policy = (char *)"wandb-storage-policy-v1";
    manifest.n_contents = artifact->file_count;
    manifest.contents = pointers;
    message.run_id = text(file->run_id);
    message.project = text(file->project);
    message.entity = text(file->entity);
    message.type = text(artifact->type);
    message.name = text(artifact->name);
    message.digest = text(artifact->digest);
    message.description = text(artifact->description);
    message.metadata = text(artifact->metadata);
    message.user_created = true;
    message.finalize = true;
    message.n_aliases = artifact->aliases != NULL ? g_strv_length((char **)artifact->aliases) : 0;
    message.aliases = (char **)artifact->aliases;
    message.manifest = &manifest;
    record.what_case = DDP__WANDB__RECORD__WHAT_ARTIFACT;
    record.artifact = &message;
    return add_record(file, &record, error);
}

bool
ddp_wandb_file_add_exit(DdpWandbFile *file, int exit_code, int runtime, GError **error)
{
    Ddp__Wandb__Record record = DDP__WANDB__RECORD__INIT;
    Ddp__Wandb__Exit message = DDP__WANDB__EXIT__INIT;

    message.exit_code = exit_code;
    message.runtime = runtime;
    record.what_case = DDP__WANDB__RECORD__WHAT_EXIT;
    record.exit = &message;
    return add_record(file, &record, error);
}
