/* SPDX-License-Identifier: MIT */
#include "tests/sim/loggers/event_files.h"

#include <stdio.h>
#include <string.h>

#include "sim/loggers/crc32c.h"
#include "tests/testutil.h"

static char *test_folder;

const char *
event_files_folder(void)
{
    if (test_folder == NULL)
        test_folder = ddp_test_tmp_dir();
    return test_folder;
}

void
event_files_tear_down(void)
{
    if (test_folder != NULL)
        ddp_test_remove_tree(test_folder);
    g_clear_pointer(&test_folder, g_free);
}

GByteArray *
event_file_read(const char *path)
{
    g_autoptr(GError) error = NULL;
    char *contents = NULL;
    gsize size = 0;

    g_file_get_contents(path, &contents, &size, &error);
    ck_assert_no_error(error);
    return g_byte_array_new_take((guint8 *)contents, size);
}

void
event_file_write(const char *path, const uint8_t *data, size_t size)
{
    /* Not truncated: some file systems would then write the new contents out at once. */
    remove(path);

    FILE *file = fopen(path, "wb");

    ck_assert_msg(file != NULL, "%s cannot be made", path);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

char *
event_file_recorded_path(const char *name)
{
    g_autofree char *logs = ddp_test_reference_path("tensorboard_logs");

    return g_build_filename(logs, name, NULL);
}

GByteArray *
event_file_recorded(const char *name)
{
    g_autofree char *path = event_file_recorded_path(name);

    return event_file_read(path);
}

GArray *
event_file_records(const GByteArray *file)
{
    GArray *records = g_array_new(FALSE, FALSE, sizeof(EventFileRecord));

    for (size_t at = 0; at < file->len;) {
        uint64_t length;

        memcpy(&length, file->data + at, sizeof length);

        EventFileRecord record = {.offset = at, .size = 16 + GUINT64_FROM_LE(length)};

        g_array_append_val(records, record);
        at += record.size;
        ck_assert_uint_le(at, file->len);
    }
    return records;
}

GByteArray *
event_file_frame(const uint8_t *data, size_t size)
{
    GByteArray *record = g_byte_array_new();
    uint64_t length = GUINT64_TO_LE((uint64_t)size);
    uint32_t length_crc = GUINT32_TO_LE(ddp_crc32c_masked(&length, sizeof length));
    uint32_t data_crc = GUINT32_TO_LE(ddp_crc32c_masked(data, size));

    g_byte_array_append(record, (const guint8 *)&length, sizeof length);
    g_byte_array_append(record, (const guint8 *)&length_crc, sizeof length_crc);
    g_byte_array_append(record, data, (guint)size);
    g_byte_array_append(record, (const guint8 *)&data_crc, sizeof data_crc);
    return record;
}

GByteArray *
event_file_counting(int count)
{
    g_autoptr(GError) error = NULL;
    DdpEventWriterSpec spec = {
        .folder = event_files_folder(), .host = "counting", .pid = 1, .wall_time = 1.7e9};
    g_autoptr(DdpEventWriter) writer = ddp_event_writer_new(&spec, &error);

    ck_assert_no_error(error);
    for (int i = 0; i < count; i++) {
        ddp_event_writer_add_scalar(writer, "t", (float)i, i, 1.7e9, &error);
        ck_assert_no_error(error);
    }
    ddp_event_writer_close(writer, &error);
    ck_assert_no_error(error);

    GByteArray *file = event_file_read(ddp_event_writer_path(writer));

    remove(ddp_event_writer_path(writer));
    return file;
}

char *
event_file_steps(const DdpEventAccumulator *accumulator)
{
    const DdpEventSeries *series = ddp_event_accumulator_find(accumulator, DDP_EVENT_SCALARS, "t");
    GString *steps = g_string_new(NULL);

    for (guint i = 0; series != NULL && i < series->entries->len; i++) {
        const DdpEventEntry *entry = &g_array_index(series->entries, DdpEventEntry, i);

        ck_assert_double_eq(entry->value, (double)entry->step);
        g_string_append_printf(steps, "%" G_GINT64_FORMAT " ", entry->step);
    }
    return g_string_free(steps, FALSE);
}
