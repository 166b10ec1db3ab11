/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "sim/loggers/event.pb-c.h"
#include "sim/loggers/scalar_record.h"

#define BLOCK_BYTES_FIRST ((size_t)1 << 10) /* most writers of a large world write little */
#define BLOCK_BYTES ((size_t)64 << 10)
#define EVENT_BYTES_MAX ((size_t)INT32_MAX) /* protobuf's own limit of a message */
#define SECONDS_MAX 253402300799.0          /* the end of the year 9999 */

#define FILE_VERSION "brain.Event:2"
#define SOURCE_WRITER "tensorboard.summary.writer.event_file_writer"

enum { SESSION_START = 1, DT_STRING = 7 };

struct DdpEventWriter {
    char *path;
    uint8_t *block; /* records that are not in the file yet */
    size_t used;
    size_t capacity;
    uint64_t written;
    bool is_closed;
    GError *failure; /* owned; the first thing that went wrong with the file */
};

G_DEFINE_QUARK(ddp_event_writer_error_quark, ddp_event_writer_error)

static ProtobufCBinaryData
bytes_of(const char *text)
{
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)text};
}

static bool
fail(DdpEventWriter *writer, const char *doing, int code, GError **error)
{
    g_set_error(&writer->failure, G_FILE_ERROR, (int)g_file_error_from_errno(code), "%s: %s: %s",
                writer->path, doing, g_strerror(code));
    g_propagate_error(error, g_error_copy(writer->failure));
    return false;
}

static bool
check_usable(const DdpEventWriter *writer, GError **error)
{
    if (G_UNLIKELY(writer->failure != NULL)) {
        g_propagate_error(error, g_error_copy(writer->failure));
        return false;
    }
    if (G_UNLIKELY(writer->is_closed)) {
        g_set_error(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_CLOSED,
                    "%s: the writer is closed, nothing can be added", writer->path);
        return false;
    }
    return true;
}

static bool
check_text(const char *what, const char *text, size_t length, GError **error)
{
    uint8_t any = 0;

    if (length > EVENT_BYTES_MAX / 2) {
        g_set_error(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE,
                    "a %s of %zu bytes is too long, at most %zu fit into an event", what, length,
                    EVENT_BYTES_MAX / 2);
        return false;
    }

    /* Nearly always ASCII, which is quicker to see than to validate. */
    for (size_t i = 0; i < length; i++)
        any |= (uint8_t)text[i];
    if (G_LIKELY(any < 0x80) || g_utf8_validate(text, (gssize)length, NULL))
        return true;

    g_autofree char *shown = g_utf8_make_valid(text, (gssize)MIN(length, 80));

    g_set_error(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE,
                "the %s \"%s\" is not valid UTF-8, and TensorBoard would stop reading there", what,
                shown);
    return false;
}

static bool
write_fully(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, data, size);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            /* A device that takes nothing and names no reason is full. */
            if (count == 0)
                errno = ENOSPC;
            return false;
        }
        data += count;
        size -= (size_t)count;
    }
    return true;
}

static bool
write_block(DdpEventWriter *writer, int open_flags, GError **error)
{
    int fd = TEMP_FAILURE_RETRY(open(writer->path, O_WRONLY | O_CLOEXEC | open_flags, 0666));

    if (fd < 0)
        return fail(writer, "cannot be opened for writing", errno, error);

    if (!write_fully(fd, writer->block, writer->used)) {
        int code = errno;

        close(fd);
        return fail(writer, "cannot be written", code, error);
    }

    /* A network file system tells of a full disk only here. After EINTR it is closed on Linux. */
    if (close(fd) != 0 && errno != EINTR)
        return fail(writer, "cannot be written", errno, error);

    writer->written += writer->used;
    writer->used = 0;
    return true;
}

static bool
append_block(DdpEventWriter *writer, GError **error)
{
    return writer->used == 0 || write_block(writer, O_APPEND, error);
}

/* Out of line: it runs once a block, and reserve() once an entry. */
static G_GNUC_NO_INLINE bool
make_room(DdpEventWriter *writer, size_t size, GError **error)
{
    if (writer->used + size > BLOCK_BYTES && !append_block(writer, error))
        return false;

    size_t capacity = MAX(writer->capacity, BLOCK_BYTES_FIRST);

    while (capacity < BLOCK_BYTES && capacity < writer->used + size)
        capacity *= 2;
    if (capacity > BLOCK_BYTES)
        capacity = BLOCK_BYTES; /* the last record was a large one, its room is given back */
    capacity = MAX(capacity, writer->used + size);

    if (capacity != writer->capacity) {
        writer->block = g_realloc(writer->block, capacity);
        writer->capacity = capacity;
    }
    return true;
}

/* Where the next record of at most @size bytes may stand; NULL if the file takes no more. */
static inline uint8_t *
reserve(DdpEventWriter *writer, size_t size, GError **error)
{
    if (G_UNLIKELY(size > writer->capacity - writer->used) && !make_room(writer, size, error))
        return NULL;
    return writer->block + writer->used;
}

static bool
add_event(DdpEventWriter *writer, const Ddp__Tb__Event *event, GError **error)
{
    size_t size = ddp__tb__event__get_packed_size(event);

    if (size > EVENT_BYTES_MAX) {
        g_set_error(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE,
                    "an event of %zu bytes is too long, the format allows %zu", size,
                    EVENT_BYTES_MAX);
        return false;
    }

    uint8_t *record = reserve(writer, DDP_RECORD_FRAME_BYTES + size, error);

    if (record == NULL)
        return false;
    ddp__tb__event__pack(event, record + DDP_RECORD_HEADER_BYTES);
    ddp_record_seal(record, size);
    writer->used += DDP_RECORD_FRAME_BYTES + size;
    return true;
}

static bool
add_summary(DdpEventWriter *writer, Ddp__Tb__Value *value, int64_t step, double wall_time,
            GError **error)
{
    Ddp__Tb__Summary summary = DDP__TB__SUMMARY__INIT;
    Ddp__Tb__Event event;

    ddp__tb__event__init(&event);
    summary.n_value = 1;
    summary.value = &value;
    event.wall_time = wall_time;
    event.step = step;
    event.what_case = DDP__TB__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    return add_event(writer, &event, error);
}

static void
init_version(Ddp__Tb__Event *event, int64_t step, double wall_time)
{
    ddp__tb__event__init(event);
    event->wall_time = wall_time;
    event->step = step;
    event->what_case = DDP__TB__EVENT__WHAT_FILE_VERSION;
    event->file_version = bytes_of(FILE_VERSION);
}

/*
 * Of an earlier run with the same clock. Not truncated, because some file systems then write the
 * new contents to the disk at once, which takes milliseconds; nor written through a link.
 */
static bool
remove_older(DdpEventWriter *writer, GError **error)
{
    if (unlink(writer->path) == 0 || errno == ENOENT)
        return true;
    return fail(writer, "cannot be replaced", errno, error);
}

static bool
add_first_record(DdpEventWriter *writer, double wall_time, GError **error)
{
    Ddp__Tb__SourceMetadata source = DDP__TB__SOURCE_METADATA__INIT;
    Ddp__Tb__Event event;

    source.writer = bytes_of(SOURCE_WRITER);
    init_version(&event, 0, wall_time);
    event.source_metadata = &source;
    return add_event(writer, &event, error) && remove_older(writer, error) &&
           write_block(writer, O_CREAT | O_EXCL, error);
}

static bool
check_spec(const DdpEventWriterSpec *spec, GError **error)
{
    if (!(spec->wall_time >= 0 && spec->wall_time <= SECONDS_MAX)) {
        g_set_error(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE,
                    "the time %g is no moment between the years 1970 and 9999", spec->wall_time);
        return false;
    }

    const char *parts[] = {spec->host, spec->suffix != NULL ? spec->suffix : ""};

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (strchr(parts[i], '/') == NULL)
            continue;
        g_set_error(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE,
                    "\"%s\" stands for a part of a file name and may not hold a slash", parts[i]);
        return false;
    }
    return true;
}

DdpEventWriter *
ddp_event_writer_new(const DdpEventWriterSpec *spec, GError **error)
{
    g_return_val_if_fail(spec != NULL && spec->folder != NULL && spec->host != NULL, NULL);
    g_return_val_if_fail(error == NULL || *error == NULL, NULL);

    if (!check_spec(spec, error))
        return NULL;
    if (g_mkdir_with_parents(spec->folder, 0777) != 0) {
        int code = errno;

        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(code),
                    "%s: the folder cannot be made: %s", spec->folder, g_strerror(code));
        return NULL;
    }

    g_autofree char *name = g_strdup_printf(
        "events.out.tfevents.%010" PRId64 ".%s.%" PRId64 ".%" PRIu64 "%s", (int64_t)spec->wall_time,
        spec->host, spec->pid, spec->uid, spec->suffix != NULL ? spec->suffix : "");
    g_autoptr(DdpEventWriter) writer = g_new0(DdpEventWriter, 1);

    writer->path = g_build_filename(spec->folder, name, NULL);
    if (!add_first_record(writer, spec->wall_time, error))
        return NULL;
    return g_steal_pointer(&writer);
}

void
ddp_event_writer_free(DdpEventWriter *writer)
{
    if (writer == NULL)
        return;
    g_clear_error(&writer->failure);
    g_free(writer->block);
    g_free(writer->path);
    g_free(writer);
}

bool
ddp_event_writer_add_scalar(DdpEventWriter *writer, const char *tag, float value, int64_t step,
                            double wall_time, GError **error)
{
    g_return_val_if_fail(writer != NULL && tag != NULL, false);
    g_return_val_if_fail(error == NULL || *error == NULL, false);

    DdpScalarEvent event = {.wall_time = wall_time,
                            .step = step,
                            .tag = tag,
                            .tag_length = strlen(tag),
                            .value = value};

    if (!check_usable(writer, error) || !check_text("tag", tag, event.tag_length, error))
        return false;

    uint8_t *record = reserve(writer, event.tag_length + DDP_SCALAR_RECORD_EXTRA_BYTES, error);

    if (record == NULL)
        return false;
    writer->used += ddp_scalar_record_write(record, &event);
    return true;
}

bool
ddp_event_writer_add_text(DdpEventWriter *writer, const char *tag, const char *text, int64_t step,
                          double wall_time, GError **error)
{
    g_return_val_if_fail(writer != NULL && tag != NULL && text != NULL, false);
    g_return_val_if_fail(error == NULL || *error == NULL, false);

    if (!check_usable(writer, error) || !check_text("tag", tag, strlen(tag), error) ||
        !check_text("text", text, strlen(text), error))
        return false;

    g_autofree char *full_tag = g_strconcat(tag, "/text_summary", NULL);
    ProtobufCBinaryData string = bytes_of(text);
    Ddp__Tb__Dim dim = DDP__TB__DIM__INIT;
    Ddp__Tb__Dim *dims[] = {&dim};
    Ddp__Tb__TensorShape shape = DDP__TB__TENSOR_SHAPE__INIT;
    Ddp__Tb__Tensor tensor = DDP__TB__TENSOR__INIT;
    Ddp__Tb__PluginData plugin = DDP__TB__PLUGIN_DATA__INIT;
    Ddp__Tb__SummaryMetadata metadata = DDP__TB__SUMMARY_METADATA__INIT;
    Ddp__Tb__Value value = DDP__TB__VALUE__INIT;

    dim.size = 1;
    shape.n_dim = 1;
    shape.dim = dims;
    tensor.dtype = DT_STRING;
    tensor.tensor_shape = &shape;
    tensor.n_string_val = 1;
    tensor.string_val = &string;
    plugin.plugin_name = bytes_of("text");
    metadata.plugin_data = &plugin;
    value.tag = bytes_of(full_tag);
    value.metadata = &metadata;
    value.value_case = DDP__TB__VALUE__VALUE_TENSOR;
    value.tensor = &tensor;
    return add_summary(writer, &value, step, wall_time, error);
}

bool
ddp_event_writer_add_histogram(DdpEventWriter *writer, const char *tag, const uint8_t *histo,
                               size_t size, int64_t step, double wall_time, GError **error)
{
    g_return_val_if_fail(writer != NULL && tag != NULL && histo != NULL, false);
    g_return_val_if_fail(error == NULL || *error == NULL, false);

    if (!check_usable(writer, error) || !check_text("tag", tag, strlen(tag), error))
        return false;

    Ddp__Tb__Value value = DDP__TB__VALUE__INIT;

    value.tag = bytes_of(tag);
    value.value_case = DDP__TB__VALUE__VALUE_HISTO;
    value.histo = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)histo};
    return add_summary(writer, &value, step, wall_time, error);
}

bool
ddp_event_writer_add_plugin_data(DdpEventWriter *writer, const char *tag, const char *plugin,
                                 const uint8_t *content, size_t content_size, double wall_time,
                                 GError **error)
{
    g_return_val_if_fail(writer != NULL && tag != NULL && plugin != NULL, false);
    g_return_val_if_fail(content != NULL || content_size == 0, false);
    g_return_val_if_fail(error == NULL || *error == NULL, false);

    if (!check_usable(writer, error) || !check_text("tag", tag, strlen(tag), error))
        return false;

    Ddp__Tb__PluginData data = DDP__TB__PLUGIN_DATA__INIT;
    Ddp__Tb__SummaryMetadata metadata = DDP__TB__SUMMARY_METADATA__INIT;
    Ddp__Tb__Value value = DDP__TB__VALUE__INIT;

    data.plugin_name = bytes_of(plugin);
    data.content = (ProtobufCBinaryData){.len = content_size, .data = (uint8_t *)content};
    metadata.plugin_data = &data;
    value.tag = bytes_of(tag);
    value.metadata = &metadata;
    return add_summary(writer, &value, 0, wall_time, error);
}

bool
ddp_event_writer_add_restart(DdpEventWriter *writer, int64_t step, double wall_time, GError **error)
{
    g_return_val_if_fail(writer != NULL, false);
    g_return_val_if_fail(error == NULL || *error == NULL, false);

    if (!check_usable(writer, error))
        return false;

    Ddp__Tb__Event version;
    Ddp__Tb__Event start;
    Ddp__Tb__SessionLog session = DDP__TB__SESSION_LOG__INIT;

    init_version(&version, step, wall_time);
    ddp__tb__event__init(&start);
    session.status = SESSION_START;
    start.wall_time = wall_time;
    start.step = step;
    start.what_case = DDP__TB__EVENT__WHAT_SESSION_LOG;
    start.session_log = &session;
    return add_event(writer, &version, error) && add_event(writer, &start, error);
}

bool
ddp_event_writer_flush(DdpEventWriter *writer, GError **error)
{
    g_return_val_if_fail(writer != NULL, false);
    g_return_val_if_fail(error == NULL || *error == NULL, false);

    return check_usable(writer, error) && append_block(writer, error);
}

bool
ddp_event_writer_close(DdpEventWriter *writer, GError **error)
{
    g_return_val_if_fail(writer != NULL, false);
    g_return_val_if_fail(error == NULL || *error == NULL, false);

    if (writer->is_closed && writer->failure == NULL)
        return true;
    writer->is_closed = true;
    if (writer->failure != NULL)
        return check_usable(writer, error);
    return append_block(writer, error);
}

const char *
ddp_event_writer_path(const DdpEventWriter *writer)
{
    g_return_val_if_fail(writer != NULL, NULL);

    return writer->path;
}

uint64_t
ddp_event_writer_bytes(const DdpEventWriter *writer)
{
    g_return_val_if_fail(writer != NULL, 0);

    return writer->written + writer->used;
}
