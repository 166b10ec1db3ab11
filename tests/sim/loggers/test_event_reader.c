/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_reader.h"
#include "tests/testutil.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/sim/loggers/event_files.h"

/* Records with right checksums around data that is no event, or too much of one. */

static char *path;

static void
set_up(void)
{
    path = g_build_filename(event_files_folder(), "x.tfevents", NULL);
}

static void
tear_down(void)
{
    g_free(path);
    event_files_tear_down();
}

static void
append_frame(GByteArray *file, const uint8_t *data, size_t size)
{
    g_autoptr(GByteArray) record = event_file_frame(data, size);

    g_byte_array_append(file, record->data, record->len);
}

/* Reads the whole file and counts its events. */
static int
count_events(const GByteArray *file, DdpEventProblems *problems)
{
    int count = 0;

    event_file_write(path, file->data, file->len);

    g_autoptr(DdpEventReader) reader = ddp_event_reader_open(path, 0, problems);

    while (ddp_event_reader_next(reader) != NULL)
        count++;
    ck_assert_uint_eq(ddp_event_reader_offset(reader), file->len);
    return count;
}

START_TEST(test_data_that_is_no_event_is_reported_and_passed)
{
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
    g_autoptr(GByteArray) file = event_file_counting(2);
    guint at = file->len;

    append_frame(file, (const uint8_t *)"\x2a\xff\xff\xff\xff\x0f", 6); /* a summary of 4 GiB */
    append_frame(file, (const uint8_t *)"not an event", 12);

    g_autoptr(GByteArray) more = event_file_counting(2);

    g_byte_array_append(file, more->data, more->len);
    ck_assert_int_eq(count_events(file, problems), 6);
    ck_assert_uint_eq(ddp_event_problems_count(problems), 2);
    ck_assert_uint_eq(ddp_event_problems_get(problems, 0)->offset, at);
    ck_assert_uint_eq(ddp_event_problems_get(problems, 1)->offset, at + 22);
    ck_assert_int_eq(ddp_event_problems_get(problems, 1)->kind, DDP_EVENT_PROBLEM_CORRUPT);
}
END_TEST

START_TEST(test_an_empty_record_is_an_empty_event)
{
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
    g_autoptr(GByteArray) file = g_byte_array_new();

    append_frame(file, (const uint8_t *)"", 0);
    ck_assert_int_eq(count_events(file, problems), 1);
    ck_assert_uint_eq(ddp_event_problems_count(problems), 0);
}
END_TEST

/* Two bytes a value on disk, a hundred in memory: 32 MiB would unpack to gigabytes. */
START_TEST(test_an_event_that_grows_without_measure_is_refused)
{
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
    g_autoptr(GByteArray) file = g_byte_array_new();
    size_t values = (size_t)16 << 20;
    g_autofree uint8_t *data = g_malloc(values * 2 + 6);
    struct rusage usage;

    memcpy(data, "\x2a\x80\x80\x80\x10", 5); /* a summary of 32 MiB */
    for (size_t i = 0; i < values; i++)
        memcpy(data + 5 + 2 * i, "\x0a\x00", 2);
    append_frame(file, data, values * 2 + 5);

    g_autoptr(GByteArray) more = event_file_counting(2);

    g_byte_array_append(file, more->data, more->len);
    ck_assert_int_eq(count_events(file, problems), 3);
    ck_assert_uint_eq(ddp_event_problems_count(problems), 1);
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    ck_assert_int_lt(usage.ru_maxrss, 2 << 20); /* KiB */
}
END_TEST

/*
 * The measure is that of one event, not of a file: ten events of 64 MiB, of zeros that take no room
 * on the disk, are ten events.
 */
START_TEST(test_large_events_one_after_the_other_are_all_read)
{
    static const uint8_t field[] = {0x22, 0xfb, 0xff, 0xff, 0x1f}; /* a graph of 2^26 - 5 bytes */
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
    size_t size = (size_t)64 << 20;
    g_autofree uint8_t *data = g_malloc0(size);
    FILE *file = fopen(path, "wb");
    int count = 0;

    memcpy(data, field, sizeof field);

    g_autoptr(GByteArray) record = event_file_frame(data, size);

    for (int i = 0; i < 10; i++) {
        ck_assert_uint_eq(fwrite(record->data, 1, 12 + sizeof field, file), 12 + sizeof field);
        ck_assert_int_eq(fseek(file, (long)(size - sizeof field), SEEK_CUR), 0);
        ck_assert_uint_eq(fwrite(record->data + 12 + size, 1, 4, file), 4);
    }
    ck_assert_int_eq(fclose(file), 0);

    g_autoptr(DdpEventReader) reader = ddp_event_reader_open(path, 0, problems);

    while (ddp_event_reader_next(reader) != NULL)
        count++;
    ck_assert_int_eq(count, 10);
    ck_assert_uint_eq(ddp_event_problems_count(problems), 0);
}
END_TEST

/* Any data behind a right checksum: whatever it is, reading ends, and the file is read to its end.
 */
START_TEST(test_fuzzed_events_never_crash)
{
    g_autoptr(GByteArray) sound =
        event_file_recorded("kinds/events.out.tfevents.1700000000.node0.4321.0");
    g_autoptr(GArray) records = event_file_records(sound);
    g_autoptr(GRand) random = g_rand_new_with_seed(11);

    for (int round = 0; round < 400; round++) {
        g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
        g_autoptr(GByteArray) file = g_byte_array_new();

        for (guint i = 0; i < records->len; i++) {
            const EventFileRecord *record = &g_array_index(records, EventFileRecord, i);
            size_t size = record->size - 16;
            g_autofree uint8_t *data = g_memdup2(sound->data + record->offset + 12, size);

            for (int change = 0; change < 3; change++)
                data[g_rand_int_range(random, 0, (int)MIN(size, 200))] =
                    (uint8_t)g_rand_int(random);
            append_frame(file, data, size);
        }

        int count = count_events(file, problems);

        ck_assert_int_eq(count + (int)ddp_event_problems_count(problems), (int)records->len);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("event_reader");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, test_data_that_is_no_event_is_reported_and_passed);
    tcase_add_test(all, test_an_empty_record_is_an_empty_event);
    tcase_add_test(all, test_an_event_that_grows_without_measure_is_refused);
    tcase_add_test(all, test_large_events_one_after_the_other_are_all_read);
    tcase_add_test(all, test_fuzzed_events_never_crash);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
