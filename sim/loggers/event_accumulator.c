/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_accumulator.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/loggers/event_reader.h"

#define SERIES_BYTES 256 /* of a series without entries: its struct, array and place in a table */

enum { SESSION_START = 1 };
enum { DT_FLOAT = 1, DT_DOUBLE = 2, DT_STRING = 7 };

struct DdpEventAccumulator {
    char *path;
    char *current;                            /* the file being read; NULL before the first */
    uint64_t offset;                          /* how far it was read */
    GPtrArray *files;                         /* of char *, read so far */
    GPtrArray *series;                        /* of DdpEventSeries *, in the order first seen */
    GHashTable *by_tag[DDP_EVENT_KIND_COUNT]; /* tag to series, borrowed from the array */
    GHashTable *plugins;                      /* tag to plugin, of the first metadata seen */
    DdpEventProblems *problems;
    size_t bytes;        /* taken by series and entries, about */
    double file_version; /* 0 until a file names one */
    int64_t step_newest;
};

const char *
ddp_event_kind_name(DdpEventKind kind)
{
    switch (kind) {
    case DDP_EVENT_SCALARS:
        return "scalars";
    case DDP_EVENT_TENSORS:
        return "tensors";
    case DDP_EVENT_HISTOGRAMS:
        return "histograms";
    case DDP_EVENT_IMAGES:
        return "images";
    case DDP_EVENT_AUDIO:
        return "audio";
    }
    g_assert_not_reached();
}

bool
ddp_event_file_name_fits(const char *name)
{
    g_return_val_if_fail(name != NULL, false);

    /* Files ending so are made to hold no summaries. */
    return strstr(name, "tfevents") != NULL && !g_str_has_suffix(name, ".profile-empty");
}

/* --- texts and series --- */

/* A file's bytes as valid UTF-8 without NUL; what is neither is shown as \xNN. */
static char *
text_from_bytes(const ProtobufCBinaryData *bytes)
{
    if (bytes->len == 0)
        return g_strdup("");

    GString *text = g_string_sized_new(bytes->len);
    const char *at = (const char *)bytes->data;
    const char *end = at + bytes->len;

    while (at < end) {
        const char *bad;

        g_utf8_validate(at, end - at, &bad); /* stops at a NUL, too */
        g_string_append_len(text, at, bad - at);
        at = bad;
        if (at < end)
            g_string_append_printf(text, "\\x%02x", (unsigned)(uint8_t)*at++);
    }
    return g_string_free(text, FALSE);
}

static void
clear_entry(void *entry)
{
    g_free(((DdpEventEntry *)entry)->text);
}

static void
free_series(void *data)
{
    DdpEventSeries *series = data;

    g_array_unref(series->entries);
    g_free(series->tag);
    g_free(series->plugin);
    g_free(series);
}

static DdpEventSeries *
series_for(DdpEventAccumulator *accumulator, DdpEventKind kind, const char *tag)
{
    DdpEventSeries *series = g_hash_table_lookup(accumulator->by_tag[kind], tag);

    if (series != NULL)
        return series;

    series = g_new0(DdpEventSeries, 1);
    series->kind = kind;
    series->tag = g_strdup(tag);
    series->plugin = g_strdup(g_hash_table_lookup(accumulator->plugins, tag));
    series->is_numeric = kind == DDP_EVENT_SCALARS;
    series->entries = g_array_new(FALSE, FALSE, sizeof(DdpEventEntry));
    g_array_set_clear_func(series->entries, clear_entry);
    g_ptr_array_add(accumulator->series, series);
    accumulator->bytes += SERIES_BYTES + strlen(tag);
    g_hash_table_insert(accumulator->by_tag[kind], series->tag, series);
    return series;
}

/* --- events --- */

/* The only number of a tensor, wherever its writer put it. */
static bool
number_of_tensor(const Ddp__Tb__Tensor *tensor, double *number)
{
    const ProtobufCBinaryData *content = &tensor->tensor_content;

    if (tensor->dtype == DT_FLOAT && tensor->n_float_val == 1 && content->len == 0) {
        *number = (double)tensor->float_val[0];
        return true;
    }
    if (tensor->dtype == DT_DOUBLE && tensor->n_double_val == 1 && content->len == 0) {
        *number = tensor->double_val[0];
        return true;
    }
    if (tensor->dtype == DT_FLOAT && content->len == sizeof(float)) {
        uint32_t bits;
        float value;

        memcpy(&bits, content->data, sizeof bits);
        bits = GUINT32_FROM_LE(bits);
        memcpy(&value, &bits, sizeof value);
        *number = (double)value;
        return true;
    }
    if (tensor->dtype == DT_DOUBLE && content->len == sizeof(double)) {
        uint64_t bits;

        memcpy(&bits, content->data, sizeof bits);
        bits = GUINT64_FROM_LE(bits);
        memcpy(number, &bits, sizeof *number);
        return true;
    }
    return false;
}

static void
add_entry(DdpEventAccumulator *accumulator, const Ddp__Tb__Event *event,
          const Ddp__Tb__Value *value)
{
    DdpEventEntry entry = {
        .wall_time = event->wall_time, .step = event->step, .value = (double)NAN};
    const ProtobufCBinaryData *tag_bytes = &value->tag;
    DdpEventKind kind = DDP_EVENT_SCALARS;
    bool is_number = false;

    switch (value->value_case) {
    case DDP__TB__VALUE__VALUE_SIMPLE_VALUE:
        kind = DDP_EVENT_SCALARS;
        entry.value = (double)value->simple_value;
        break;
    case DDP__TB__VALUE__VALUE_TENSOR:
        kind = DDP_EVENT_TENSORS;
        is_number = number_of_tensor(value->tensor, &entry.value);
        if (value->tensor->dtype == DT_STRING && value->tensor->n_string_val == 1)
            entry.text = text_from_bytes(&value->tensor->string_val[0]);
        /* Very old writers named a tensor by its node. */
        if (tag_bytes->len == 0)
            tag_bytes = &value->node_name;
        break;
    case DDP__TB__VALUE__VALUE_HISTO:
        kind = DDP_EVENT_HISTOGRAMS;
        break;
    case DDP__TB__VALUE__VALUE_IMAGE:
        kind = DDP_EVENT_IMAGES;
        break;
    case DDP__TB__VALUE__VALUE_AUDIO:
        kind = DDP_EVENT_AUDIO;
        break;
    default: /* no value: a tag that carries only metadata, as those of hparams do */
        return;
    }

    g_autofree char *tag = text_from_bytes(tag_bytes);
    DdpEventSeries *series = series_for(accumulator, kind, tag);

    series->is_numeric = series->is_numeric || is_number;
    g_array_append_val(series->entries, entry);
    accumulator->bytes += sizeof entry + (entry.text != NULL ? strlen(entry.text) + 1 : 0);
}

/* Later metadata of a tag is ignored: writers send it once, and a new writer sends it again. */
static void
note_metadata(DdpEventAccumulator *accumulator, const Ddp__Tb__Value *value)
{
    const Ddp__Tb__SummaryMetadata *metadata = value->metadata;

    if (metadata == NULL || metadata->plugin_data == NULL ||
        metadata->plugin_data->plugin_name.len == 0)
        return;

    g_autofree char *tag = text_from_bytes(&value->tag);

    if (!g_hash_table_contains(accumulator->plugins, tag))
        g_hash_table_insert(accumulator->plugins, g_steal_pointer(&tag),
                            text_from_bytes(&metadata->plugin_data->plugin_name));
}

static void
drop_from_step(DdpEventSeries *series, int64_t step)
{
    guint kept = 0;

    for (guint i = 0; i < series->entries->len; i++) {
        DdpEventEntry *entry = &g_array_index(series->entries, DdpEventEntry, i);

        if (entry->step >= step)
            continue;

        DdpEventEntry *slot = &g_array_index(series->entries, DdpEventEntry, kept++);
        DdpEventEntry moved = *entry;

        /* Swapped, so that what is cut off below is exactly what is dropped. */
        *entry = *slot;
        *slot = moved;
    }
    g_array_set_size(series->entries, kept);
}

/* @tag NULL: of all tags. Tensors are never dropped, as in EventAccumulator. */
static void
purge(DdpEventAccumulator *accumulator, const char *tag, int64_t step)
{
    for (guint i = 0; i < accumulator->series->len; i++) {
        DdpEventSeries *series = g_ptr_array_index(accumulator->series, i);

        if (series->kind != DDP_EVENT_TENSORS && (tag == NULL || g_str_equal(tag, series->tag)))
            drop_from_step(series, step);
    }
}

static void
purge_if_restarted(DdpEventAccumulator *accumulator, const Ddp__Tb__Event *event)
{
    bool is_summary = event->what_case == DDP__TB__EVENT__WHAT_SUMMARY;

    if (accumulator->file_version >= 2) {
        if (event->what_case == DDP__TB__EVENT__WHAT_SESSION_LOG &&
            event->session_log->status == SESSION_START)
            purge(accumulator, NULL, event->step);
        return;
    }

    /* Before version 2 nobody said that a run began anew: a step back means it. */
    if (!is_summary || event->step >= accumulator->step_newest) {
        accumulator->step_newest = event->step;
        return;
    }
    for (size_t i = 0; i < event->summary->n_value; i++) {
        g_autofree char *tag = text_from_bytes(&event->summary->value[i]->tag);

        purge(accumulator, *tag != '\0' ? tag : NULL, event->step);
    }
}

/* "brain.Event:2" is 2; what cannot be read is older than everything. */
static double
parse_file_version(const ProtobufCBinaryData *bytes)
{
    static const char prefix[] = "brain.Event:";
    g_autofree char *text = text_from_bytes(bytes);
    const char *number = g_strrstr(text, prefix);
    char *end;

    number = number != NULL ? number + strlen(prefix) : text;

    double version = g_ascii_strtod(number, &end);

    return end != number && *end == '\0' ? version : -1;
}

static void
take_event(DdpEventAccumulator *accumulator, const Ddp__Tb__Event *event)
{
    if (event->what_case == DDP__TB__EVENT__WHAT_FILE_VERSION)
        accumulator->file_version = parse_file_version(&event->file_version);

    purge_if_restarted(accumulator, event);

    if (event->what_case != DDP__TB__EVENT__WHAT_SUMMARY)
        return;
    for (size_t i = 0; i < event->summary->n_value; i++) {
        note_metadata(accumulator, event->summary->value[i]);
        add_entry(accumulator, event, event->summary->value[i]);
    }
}

/* --- files --- */

static void
read_current_file(DdpEventAccumulator *accumulator)
{
    ddp_event_problems_forget_tail(accumulator->problems, accumulator->current);

    g_autoptr(DdpEventReader) reader =
        ddp_event_reader_open(accumulator->current, accumulator->offset, accumulator->problems);
    const Ddp__Tb__Event *event;

    if (reader == NULL)
        return;
    while ((event = ddp_event_reader_next(reader)) != NULL)
        take_event(accumulator, event);
    accumulator->offset = ddp_event_reader_offset(reader);
}

static void
go_to_file(DdpEventAccumulator *accumulator, const char *path)
{
    g_free(accumulator->current);
    accumulator->current = g_strdup(path);
    accumulator->offset = 0;
    g_ptr_array_add(accumulator->files, g_strdup(path));
}

static int
compare_paths(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Paths of the event files that come after the current one, sorted. */
static GPtrArray *
list_next_files(const DdpEventAccumulator *accumulator, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(accumulator->path, 0, error);
    const char *name;

    if (dir == NULL)
        return NULL;

    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);

    while ((name = g_dir_read_name(dir)) != NULL) {
        if (!ddp_event_file_name_fits(name))
            continue;

        g_autofree char *path = g_build_filename(accumulator->path, name, NULL);

        if (accumulator->current != NULL && strcmp(path, accumulator->current) <= 0)
            continue;
        if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
            g_ptr_array_add(paths, g_steal_pointer(&path));
    }
    g_ptr_array_sort(paths, compare_paths);
    return paths;
}

static bool
reload_folder(DdpEventAccumulator *accumulator, GError **error)
{
    if (accumulator->current != NULL)
        read_current_file(accumulator);

    g_autoptr(GPtrArray) paths = list_next_files(accumulator, error);

    if (paths == NULL)
        return false;
    for (guint i = 0; i < paths->len; i++) {
        go_to_file(accumulator, g_ptr_array_index(paths, i));
        read_current_file(accumulator);
    }
    return true;
}

DdpEventAccumulator *
ddp_event_accumulator_new(const char *path)
{
    g_return_val_if_fail(path != NULL, NULL);

    DdpEventAccumulator *accumulator = g_new0(DdpEventAccumulator, 1);

    accumulator->path = g_strdup(path);
    accumulator->files = g_ptr_array_new_with_free_func(g_free);
    accumulator->series = g_ptr_array_new_with_free_func(free_series);
    for (int kind = 0; kind < DDP_EVENT_KIND_COUNT; kind++)
        accumulator->by_tag[kind] = g_hash_table_new(g_str_hash, g_str_equal);
    accumulator->plugins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    accumulator->problems = ddp_event_problems_new();
    accumulator->step_newest = -1;
    return accumulator;
}

void
ddp_event_accumulator_free(DdpEventAccumulator *accumulator)
{
    if (accumulator == NULL)
        return;
    for (int kind = 0; kind < DDP_EVENT_KIND_COUNT; kind++)
        g_hash_table_unref(accumulator->by_tag[kind]);
    g_hash_table_unref(accumulator->plugins);
    g_ptr_array_unref(accumulator->series);
    g_ptr_array_unref(accumulator->files);
    ddp_event_problems_free(accumulator->problems);
    g_free(accumulator->current);
    g_free(accumulator->path);
    g_free(accumulator);
}

bool
ddp_event_accumulator_reload(DdpEventAccumulator *accumulator, GError **error)
{
    struct stat info;

    g_return_val_if_fail(accumulator != NULL, false);
    g_return_val_if_fail(error == NULL || *error == NULL, false);

    if (stat(accumulator->path, &info) != 0) {
        int code = errno;

        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(code), "%s: %s",
                    accumulator->path, g_strerror(code));
        return false;
    }
    if (S_ISDIR(info.st_mode))
        return reload_folder(accumulator, error);

    if (accumulator->current == NULL)
        go_to_file(accumulator, accumulator->path);
    read_current_file(accumulator);
    return true;
}

size_t
ddp_event_accumulator_count(const DdpEventAccumulator *accumulator)
{
    g_return_val_if_fail(accumulator != NULL, 0);

    return accumulator->series->len;
}

const DdpEventSeries *
ddp_event_accumulator_get(const DdpEventAccumulator *accumulator, size_t index)
{
    g_return_val_if_fail(accumulator != NULL && index < accumulator->series->len, NULL);

    return g_ptr_array_index(accumulator->series, index);
}

const DdpEventSeries *
ddp_event_accumulator_find(const DdpEventAccumulator *accumulator, DdpEventKind kind,
                           const char *tag)
{
    g_return_val_if_fail(accumulator != NULL && tag != NULL, NULL);
    g_return_val_if_fail((int)kind >= 0 && (int)kind < DDP_EVENT_KIND_COUNT, NULL);

    return g_hash_table_lookup(accumulator->by_tag[kind], tag);
}

size_t
ddp_event_accumulator_bytes(const DdpEventAccumulator *accumulator)
{
    g_return_val_if_fail(accumulator != NULL, 0);

    return accumulator->bytes;
}

const GPtrArray *
ddp_event_accumulator_files(const DdpEventAccumulator *accumulator)
{
    g_return_val_if_fail(accumulator != NULL, NULL);

    return accumulator->files;
}

const DdpEventProblems *
ddp_event_accumulator_problems(const DdpEventAccumulator *accumulator)
{
    g_return_val_if_fail(accumulator != NULL, NULL);

    return accumulator->problems;
}
