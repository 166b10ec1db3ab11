/* SPDX-License-Identifier: MIT */
#include "sim/loggers/record_reader.h"
#include "tests/testutil.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/loggers/crc32c.h"
#include "tests/sim/loggers/event_files.h"

/*
 * A small sound file whose records are known is damaged in every way: cut at every byte, every
 * byte changed, bytes taken out and put in. What the reader then hands out is compared with what
 * lay outside the damage.
 */

#define COUNT 6

static GByteArray *sound;
static GArray *where; /* of EventFileRecord */
static char *path;

static void
set_up(void)
{
    sound = event_file_counting(COUNT);
    where = event_file_records(sound);
    path = g_build_filename(event_files_folder(), "x.tfevents", NULL);
}

static void
tear_down(void)
{
    g_byte_array_unref(sound);
    g_array_unref(where);
    g_free(path);
    event_files_tear_down();
}

/* What a reader makes of a file: the offsets of the records, and then of the problems. */
static char *
read_all(const uint8_t *data, size_t size)
{
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
    GString *seen = g_string_new(NULL);
    DdpRecord record;

    event_file_write(path, data, size);

    g_autoptr(DdpRecordReader) reader = ddp_record_reader_open(path, 0, problems);

    ck_assert_ptr_nonnull(reader);
    while (ddp_record_reader_next(reader, &record))
        g_string_append_printf(seen, "%d ", (int)record.offset);
    for (size_t i = 0; i < ddp_event_problems_count(problems); i++) {
        const DdpEventProblem *problem = ddp_event_problems_get(problems, i);

        ck_assert_str_eq(problem->path, path);
        g_string_append_printf(seen, "%s@%d ",
                               problem->kind == DDP_EVENT_PROBLEM_TRUNCATED ? "half" : "bad",
                               (int)problem->offset);
    }
    return g_string_free(seen, FALSE);
}

static int
offset_of(guint index)
{
    return (int)g_array_index(where, EventFileRecord, index).offset;
}

START_TEST(test_every_prefix_gives_its_whole_records)
{
    for (size_t size = 0; size <= sound->len; size++) {
        g_autofree char *seen = read_all(sound->data, size);
        g_autoptr(GString) expected = g_string_new(NULL);
        size_t end = 0;

        for (guint i = 0; i < where->len; i++) {
            const EventFileRecord *record = &g_array_index(where, EventFileRecord, i);

            if (record->offset + record->size > size)
                break;
            g_string_append_printf(expected, "%d ", offset_of(i));
            end = record->offset + record->size;
        }
        if (end < size)
            g_string_append_printf(expected, "half@%d ", (int)end);
        ck_assert_str_eq(seen, expected->str);
    }
}
END_TEST

START_TEST(test_every_changed_byte_costs_its_own_record_only)
{
    const uint8_t changes[] = {0x01, 0x80, 0xff};

    for (size_t at = 0; at < sound->len; at++) {
        for (size_t c = 0; c < G_N_ELEMENTS(changes); c++) {
            g_autoptr(GString) expected = g_string_new(NULL);
            int damaged = 0;

            sound->data[at] ^= changes[c];

            g_autofree char *seen = read_all(sound->data, sound->len);

            sound->data[at] ^= changes[c];
            for (guint i = 0; i < where->len; i++) {
                const EventFileRecord *record = &g_array_index(where, EventFileRecord, i);

                if (at >= record->offset && at < record->offset + record->size)
                    damaged = offset_of(i);
                else
                    g_string_append_printf(expected, "%d ", offset_of(i));
            }
            g_string_append_printf(expected, "bad@%d ", damaged);
            ck_assert_str_eq(seen, expected->str);
        }
    }
}
END_TEST

/* Lost or added bytes in one record: the ones behind it are found again. */
START_TEST(test_lost_or_added_bytes_cost_no_record_behind_them)
{
    for (guint victim = 0; victim + 1 < where->len; victim++) {
        for (int change = -7; change <= 7; change++) {
            g_autoptr(GByteArray) file = g_byte_array_new();
            uint8_t noise[7] = {1, 2, 3, 4, 5, 6, 7};
            size_t middle = (size_t)offset_of(victim) + 20;

            if (change == 0)
                continue;
            g_byte_array_append(file, sound->data, (guint)middle);
            if (change > 0)
                g_byte_array_append(file, noise, (guint)change);
            if (change < 0)
                middle += (size_t)-change;
            g_byte_array_append(file, sound->data + middle, (guint)(sound->len - middle));

            g_autofree char *seen = read_all(file->data, file->len);
            g_autoptr(GString) expected = g_string_new(NULL);

            for (guint i = 0; i < where->len; i++)
                if (i != victim)
                    g_string_append_printf(expected, "%d ",
                                           offset_of(i) + (i > victim ? change : 0));
            g_string_append_printf(expected, "bad@%d ", offset_of(victim));
            ck_assert_str_eq(seen, expected->str);
        }
    }
}
END_TEST

START_TEST(test_noise_never_crashes_and_gives_no_records)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(7);

    for (int round = 0; round < 300; round++) {
        uint8_t noise[700];
        size_t size = (size_t)g_rand_int_range(random, 1, (int)sizeof noise);

        for (size_t i = 0; i < size; i++)
            noise[i] = (uint8_t)g_rand_int(random);

        g_autofree char *seen = read_all(noise, size);

        ck_assert_str_eq(seen, size < 12 ? "half@0 " : "bad@0 ");
    }
}
END_TEST

/* Crashed machines leave zeros behind: they are no records, and what follows is found. */
START_TEST(test_zeros_in_the_middle_are_passed)
{
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_autoptr(GString) expected = g_string_new(NULL);
    size_t half = (size_t)offset_of(3);
    size_t gap = 200000; /* more than the reader's window */
    g_autofree uint8_t *zeros = g_malloc0(gap);

    g_byte_array_append(file, sound->data, (guint)half);
    g_byte_array_append(file, zeros, (guint)gap);
    g_byte_array_append(file, sound->data + half, (guint)(sound->len - half));
    for (guint i = 0; i < where->len; i++)
        g_string_append_printf(expected, "%d ", offset_of(i) + (i >= 3 ? (int)gap : 0));
    g_string_append_printf(expected, "bad@%d ", (int)half);

    g_autofree char *seen = read_all(file->data, file->len);

    ck_assert_str_eq(seen, expected->str);
}
END_TEST

static void
append_header(GByteArray *file, uint64_t length)
{
    uint32_t crc;

    length = GUINT64_TO_LE(length);
    crc = GUINT32_TO_LE(ddp_crc32c_masked(&length, sizeof length));
    g_byte_array_append(file, (const guint8 *)&length, sizeof length);
    g_byte_array_append(file, (const guint8 *)&crc, sizeof crc);
}

/* The length is sound by its checksum, and still no memory is taken for it. */
START_TEST(test_length_beyond_the_file_is_half_a_record)
{
    const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 15, (uint64_t)1 << 63, 1ull << 40, 100};

    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autoptr(GByteArray) file = g_byte_array_new();
        g_autofree char *expected = g_strdup_printf("half@%d ", 0);

        append_header(file, lengths[i]);
        g_byte_array_append(file, (const guint8 *)"abcdefgh", 8);

        g_autofree char *seen = read_all(file->data, file->len);

        ck_assert_str_eq(seen, expected);
    }
}
END_TEST

/* A file with a hole may claim anything: what is too large is passed without being held. */
START_TEST(test_oversized_record_is_skipped_unread)
{
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
    g_autoptr(GByteArray) head = g_byte_array_new();
    uint64_t length = 3ull << 30;
    DdpRecord record;

    append_header(head, length);
    event_file_write(path, head->data, head->len);
    ck_assert_int_eq(truncate(path, (off_t)(length + 16)), 0);

    FILE *file = fopen(path, "ab");

    ck_assert_uint_eq(fwrite(sound->data, 1, sound->len, file), sound->len);
    ck_assert_int_eq(fclose(file), 0);

    g_autoptr(DdpRecordReader) reader = ddp_record_reader_open(path, 0, problems);
    int count = 0;

    while (ddp_record_reader_next(reader, &record))
        count++;
    ck_assert_int_eq(count, COUNT + 1);
    ck_assert_uint_eq(ddp_event_problems_count(problems), 1);
    ck_assert_ptr_nonnull(strstr(ddp_event_problems_get(problems, 0)->what, "is skipped"));

    struct rusage usage;

    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    ck_assert_int_lt(usage.ru_maxrss, 1 << 20); /* KiB */
}
END_TEST

START_TEST(test_reading_goes_on_where_it_stopped)
{
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
    size_t cut = (size_t)offset_of(3) + 5;
    DdpRecord record;
    int count = 0;

    event_file_write(path, sound->data, cut);

    g_autoptr(DdpRecordReader) first = ddp_record_reader_open(path, 0, problems);

    while (ddp_record_reader_next(first, &record))
        count++;
    ck_assert_int_eq(count, 3);
    ck_assert_uint_eq(ddp_record_reader_offset(first), (size_t)offset_of(3));

    event_file_write(path, sound->data, sound->len);

    g_autoptr(DdpRecordReader) second =
        ddp_record_reader_open(path, ddp_record_reader_offset(first), problems);

    while (ddp_record_reader_next(second, &record))
        count++;
    ck_assert_int_eq(count, COUNT + 1);
}
END_TEST

START_TEST(test_what_is_no_file_is_a_problem_and_no_hang)
{
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();

    ck_assert_ptr_null(ddp_record_reader_open("/nonexistent/x.tfevents", 0, problems));
    ck_assert_ptr_null(ddp_record_reader_open(event_files_folder(), 0, problems));
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_ptr_null(ddp_record_reader_open(path, 0, problems));
    ck_assert_uint_eq(ddp_event_problems_count(problems), 3);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(ddp_event_problems_get(problems, i)->kind, DDP_EVENT_PROBLEM_UNREADABLE);
}
END_TEST

START_TEST(test_a_file_of_damage_does_not_fill_the_memory_with_complaints)
{
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
    g_autoptr(GByteArray) file = g_byte_array_new();
    DdpRecord record;

    for (int i = 0; i < 2000; i++) {
        append_header(file, 4);
        g_byte_array_append(file, (const guint8 *)"abcd\0\0\0\0", 8);
    }
    event_file_write(path, file->data, file->len);

    g_autoptr(DdpRecordReader) reader = ddp_record_reader_open(path, 0, problems);

    ck_assert(!ddp_record_reader_next(reader, &record));
    ck_assert_uint_eq(ddp_event_problems_count(problems), DDP_EVENT_PROBLEMS_MAX);
    ck_assert_uint_eq(ddp_event_problems_omitted(problems), 2000 - DDP_EVENT_PROBLEMS_MAX);
    ck_assert(ddp_event_problems_has_damage(problems));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("record_reader");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, test_every_prefix_gives_its_whole_records);
    tcase_add_test(all, test_every_changed_byte_costs_its_own_record_only);
    tcase_add_test(all, test_lost_or_added_bytes_cost_no_record_behind_them);
    tcase_add_test(all, test_noise_never_crashes_and_gives_no_records);
    tcase_add_test(all, test_zeros_in_the_middle_are_passed);
    tcase_add_test(all, test_length_beyond_the_file_is_half_a_record);
    tcase_add_test(all, test_oversized_record_is_skipped_unread);
    tcase_add_test(all, test_reading_goes_on_where_it_stopped);
    tcase_add_test(all, test_what_is_no_file_is_a_problem_and_no_hang);
    tcase_add_test(all, test_a_file_of_damage_does_not_fill_the_memory_with_complaints);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
