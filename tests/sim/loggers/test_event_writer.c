/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_writer.h"
#include "tests/testutil.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/sim/loggers/event_files.h"

/*
 * The writer is held byte for byte to files that torch's SummaryWriter wrote under the same clock
 * (tests/reference/tensorboard_record.py), and then to what it says when the world refuses.
 */

#define START 1700000000.25

static DdpEventWriter *
writer_new(uint64_t uid, double wall_time)
{
    g_autoptr(GError) error = NULL;
    DdpEventWriterSpec spec = {.folder = event_files_folder(),
                               .host = "node0",
                               .pid = 4321,
                               .uid = uid,
                               .wall_time = wall_time};
    DdpEventWriter *writer = ddp_event_writer_new(&spec, &error);

    ck_assert_no_error(error);
    return writer;
}

static void
add(DdpEventWriter *writer, const char *tag, double value, int64_t step, double wall_time)
{
    g_autoptr(GError) error = NULL;

    ddp_event_writer_add_scalar(writer, tag, (float)value, step, wall_time, &error);
    ck_assert_no_error(error);
}

static void
close_writer(DdpEventWriter *writer)
{
    g_autoptr(GError) error = NULL;

    ddp_event_writer_close(writer, &error);
    ck_assert_no_error(error);
}

static void
check_equals_recorded(const DdpEventWriter *writer, const char *name)
{
    g_autoptr(GByteArray) ours = event_file_read(ddp_event_writer_path(writer));
    g_autoptr(GByteArray) theirs = event_file_recorded(name);
    g_autofree char *our_name = g_path_get_basename(ddp_event_writer_path(writer));
    g_autofree char *their_name = g_path_get_basename(name);

    ck_assert_str_eq(our_name, their_name);
    ck_assert_uint_eq(ours->len, theirs->len);
    ck_assert_mem_eq(ours->data, theirs->data, theirs->len);
    ck_assert_uint_eq(ddp_event_writer_bytes(writer), theirs->len);
}

START_TEST(test_scalars_are_torchs_bytes)
{
    g_autoptr(DdpEventWriter) writer = writer_new(0, START);
    g_autofree char *long_tag = g_strnfill(200, 't');
    const double values[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 1e300, -0.0, 0.0,
                             1e-42};
    const int64_t steps[] = {127, 128, (1LL << 40) + 5, INT64_MAX, -1};
    double late = START + 100.125;

    for (int step = 0; step < 4; step++) {
        add(writer, "train/loss", 1.0 / (1 + step), step, START + step);
        add(writer, "acc", 0.1 * step, step, START + step);
    }
    add(writer, "no step", 7, 0, late);
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
        add(writer, "steps", (double)(i + 1), steps[i], late);
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
        add(writer, "values", values[i], (int64_t)i, late);
    add(writer, "größe/η", 2.5, 1, late);
    add(writer, long_tag, 2.5, 1, late);
    close_writer(writer);

    check_equals_recorded(writer, "scalars/events.out.tfevents.1700000000.node0.4321.0");
}
END_TEST

START_TEST(test_texts_are_torchs_bytes)
{
    g_autoptr(DdpEventWriter) writer = writer_new(0, START);
    g_autoptr(GError) error = NULL;

    ck_assert(ddp_event_writer_add_text(writer, "note", "first", 0, START, &error) &&
              ddp_event_writer_add_text(writer, "note", "second line\nwith a break, and ü", 3,
                                        START + 1, &error) &&
              ddp_event_writer_add_text(writer, "empty", "", 0, START + 1, &error));
    close_writer(writer);

    check_equals_recorded(writer, "text/events.out.tfevents.1700000000.node0.4321.0");
}
END_TEST

START_TEST(test_restart_is_torchs_bytes)
{
    g_autoptr(DdpEventWriter) writer = writer_new(1, START + 10);
    g_autoptr(GError) error = NULL;

    ddp_event_writer_add_restart(writer, 5, START + 10, &error);
    ck_assert_no_error(error);
    for (int step = 5; step < 7; step++)
        add(writer, "loss", 100 + step, step, START + 10);
    close_writer(writer);

    check_equals_recorded(writer, "restart/events.out.tfevents.1700000010.node0.4321.1");
}
END_TEST

START_TEST(test_entries_are_in_the_file_after_flush_and_not_before)
{
    g_autoptr(DdpEventWriter) writer = writer_new(0, START);
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) at_first = event_file_read(ddp_event_writer_path(writer));

    ck_assert_uint_eq(at_first->len, 88); /* the version record is there at once */
    add(writer, "loss", 1, 1, START);

    g_autoptr(GByteArray) before = event_file_read(ddp_event_writer_path(writer));

    ck_assert_uint_eq(before->len, 88);
    ck_assert_uint_gt(ddp_event_writer_bytes(writer), 88);
    ck_assert(ddp_event_writer_flush(writer, &error));

    g_autoptr(GByteArray) after = event_file_read(ddp_event_writer_path(writer));

    ck_assert_uint_eq(after->len, ddp_event_writer_bytes(writer));
}
END_TEST

/* Many blocks, and records larger than a block between small ones. */
START_TEST(test_large_files_hold_everything_in_order)
{
    g_autoptr(DdpEventWriter) writer = writer_new(0, START);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strnfill(300000, 'x');

    for (int i = 0; i < 10000; i++) {
        add(writer, "t", i, i, START);
        if (i % 2500 == 1250)
            ck_assert(ddp_event_writer_add_text(writer, "long", text, i, START, &error));
    }
    close_writer(writer);

    g_autoptr(GByteArray) file = event_file_read(ddp_event_writer_path(writer));
    g_autoptr(GArray) records = event_file_records(file);
    g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(event_files_folder());

    ck_assert_uint_eq(records->len, 1 + 10000 + 4);
    ck_assert_uint_eq(file->len, ddp_event_writer_bytes(writer));
    ck_assert(ddp_event_accumulator_reload(read, &error));
    ck_assert_uint_eq(ddp_event_problems_count(ddp_event_accumulator_problems(read)), 0);

    const GArray *entries = ddp_event_accumulator_find(read, DDP_EVENT_SCALARS, "t")->entries;
    const GArray *texts =
        ddp_event_accumulator_find(read, DDP_EVENT_TENSORS, "long/text_summary")->entries;

    ck_assert_uint_eq(entries->len, 10000);
    for (guint i = 0; i < entries->len; i++)
        ck_assert_int_eq(g_array_index(entries, DdpEventEntry, i).step, i);
    ck_assert_uint_eq(texts->len, 4);
    for (guint i = 0; i < texts->len; i++)
        ck_assert_str_eq(g_array_index(texts, DdpEventEntry, i).text, text);
}
END_TEST

/* --- when the world refuses --- */

START_TEST(test_folder_that_cannot_be_made_is_named)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *file = g_build_filename(event_files_folder(), "a file", NULL);
    g_autofree char *folder = g_build_filename(file, "below", NULL);

    event_file_write(file, (const uint8_t *)"x", 1);

    DdpEventWriterSpec spec = {.folder = folder, .host = "h", .pid = 1, .wall_time = START};

    ck_assert_ptr_null(ddp_event_writer_new(&spec, &error));
    ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOTDIR));
    ck_assert(g_str_has_prefix(error->message, folder));
    ck_assert_ptr_nonnull(strstr(error->message, "cannot be made"));
}
END_TEST

START_TEST(test_file_that_cannot_be_made_is_named)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path =
        g_build_filename(event_files_folder(), "events.out.tfevents.1700000000.h.1.0", NULL);
    DdpEventWriterSpec spec = {
        .folder = event_files_folder(), .host = "h", .pid = 1, .wall_time = START};

    ck_assert_int_eq(g_mkdir(path, 0777), 0); /* a folder stands where the file should */
    ck_assert_ptr_null(ddp_event_writer_new(&spec, &error));
    ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ISDIR));
    ck_assert(g_str_has_prefix(error->message, path));
}
END_TEST

START_TEST(test_full_disk_is_told_by_flush_and_by_everything_after_it)
{
    g_autoptr(DdpEventWriter) writer = writer_new(0, START);
    g_autoptr(GError) flush_error = NULL;
    g_autoptr(GError) add_error = NULL;
    g_autoptr(GError) close_error = NULL;
    g_autoptr(GError) second_close_error = NULL;

    ck_assert_int_eq(g_remove(ddp_event_writer_path(writer)), 0);
    ck_assert_int_eq(symlink("/dev/full", ddp_event_writer_path(writer)), 0);
    add(writer, "loss", 1, 1, START);

    ck_assert(!ddp_event_writer_flush(writer, &flush_error));
    ck_assert(g_error_matches(flush_error, G_FILE_ERROR, G_FILE_ERROR_NOSPC));
    ck_assert(g_str_has_prefix(flush_error->message, ddp_event_writer_path(writer)));
    ck_assert(!ddp_event_writer_add_scalar(writer, "loss", 2, 2, START, &add_error));
    ck_assert_str_eq(add_error->message, flush_error->message);
    ck_assert(!ddp_event_writer_close(writer, &close_error));
    ck_assert_str_eq(close_error->message, flush_error->message);
    ck_assert(!ddp_event_writer_close(writer, &second_close_error));
    ck_assert(!ddp_event_writer_flush(writer, NULL));
}
END_TEST

START_TEST(test_full_disk_is_told_by_close)
{
    g_autoptr(DdpEventWriter) writer = writer_new(0, START);
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(g_remove(ddp_event_writer_path(writer)), 0);
    ck_assert_int_eq(symlink("/dev/full", ddp_event_writer_path(writer)), 0);
    add(writer, "loss", 1, 1, START);

    ck_assert(!ddp_event_writer_close(writer, &error));
    ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC));
}
END_TEST

START_TEST(test_full_disk_is_told_at_birth)
{
    g_autoptr(GError) error = NULL;
    struct rlimit limit = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
    DdpEventWriterSpec spec = {
        .folder = event_files_folder(), .host = "h", .pid = 1, .wall_time = START};

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);

    const DdpEventWriter *writer = ddp_event_writer_new(&spec, &error);

    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_ptr_null(writer);
    ck_assert_ptr_nonnull(strstr(error->message, g_strerror(EFBIG)));
}
END_TEST

/* As a repeated run finds it; a link is replaced, not written through. */
START_TEST(test_an_older_file_of_the_same_name_is_replaced)
{
    g_autofree char *victim = g_build_filename(event_files_folder(), "victim", NULL);
    g_autofree char *contents = NULL;
    g_autoptr(DdpEventWriter) first = writer_new(0, START);

    add(first, "loss", 1, 1, START);
    close_writer(first);
    g_clear_pointer(&first, ddp_event_writer_free);
    first = writer_new(0, START);

    g_autoptr(GByteArray) file = event_file_read(ddp_event_writer_path(first));

    ck_assert_uint_eq(file->len, 88);

    event_file_write(victim, (const uint8_t *)"precious", 8);
    ck_assert_int_eq(g_remove(ddp_event_writer_path(first)), 0);
    ck_assert_int_eq(symlink("victim", ddp_event_writer_path(first)), 0);
    ddp_event_writer_free(writer_new(0, START));
    ck_assert(g_file_get_contents(victim, &contents, NULL, NULL));
    ck_assert_str_eq(contents, "precious");
}
END_TEST

/* The kernel first takes a part of the block, then refuses: a short write and then EFBIG. */
START_TEST(test_file_size_limit_is_told_by_the_add_that_meets_it)
{
    g_autoptr(DdpEventWriter) writer = writer_new(0, START);
    g_autoptr(GError) error = NULL;
    struct rlimit limit = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
    int added = 0;

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    while (added < 100000 && ddp_event_writer_add_scalar(writer, "t", 1, added, START, &error))
        added++;
    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);

    ck_assert_int_lt(added, 100000);
    ck_assert_ptr_nonnull(error);
    ck_assert_ptr_nonnull(strstr(error->message, g_strerror(EFBIG)));
    ck_assert(!ddp_event_writer_close(writer, NULL));

    /* What fitted can still be read. */
    g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(event_files_folder());

    ck_assert(ddp_event_accumulator_reload(read, NULL));

    const GArray *entries = ddp_event_accumulator_find(read, DDP_EVENT_SCALARS, "t")->entries;

    ck_assert_uint_gt(entries->len, 2000);
    for (guint i = 0; i < entries->len; i++)
        ck_assert_int_eq(g_array_index(entries, DdpEventEntry, i).step, i);
}
END_TEST

START_TEST(test_removed_file_is_told_and_not_made_anew)
{
    g_autoptr(DdpEventWriter) writer = writer_new(0, START);
    g_autoptr(GError) error = NULL;

    add(writer, "loss", 1, 1, START);
    ck_assert_int_eq(g_remove(ddp_event_writer_path(writer)), 0);
    ck_assert(!ddp_event_writer_flush(writer, &error));
    ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT));
    ck_assert(!g_file_test(ddp_event_writer_path(writer), G_FILE_TEST_EXISTS));
}
END_TEST

static volatile sig_atomic_t alarms;

static void
count_alarm(G_GNUC_UNUSED int signal_number)
{
    alarms++;
}

typedef struct {
    const char *path;
    GByteArray *got;
    int stop; /* atomic */
} Drain;

/* Comes late and reads slowly, so that signals find the writer waiting, in open() and in write().
 */
static void *
drain(void *data)
{
    Drain *state = data;
    sigset_t alarm_set;
    uint8_t bytes[32768];

    sigemptyset(&alarm_set);
    sigaddset(&alarm_set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm_set, NULL);
    g_usleep(10000);

    int fd = open(state->path, O_RDWR | O_NONBLOCK);

    for (;;) {
        ssize_t count = read(fd, bytes, sizeof bytes);

        if (count > 0)
            g_byte_array_append(state->got, bytes, (guint)count);
        else if (g_atomic_int_get(&state->stop))
            break;
        g_usleep(2000);
    }
    close(fd);
    return NULL;
}

START_TEST(test_signals_and_short_writes_lose_nothing)
{
    g_autoptr(DdpEventWriter) writer = writer_new(0, START);
    g_autoptr(GByteArray) first = event_file_read(ddp_event_writer_path(writer));
    g_autoptr(GByteArray) got = g_byte_array_new();
    struct sigaction action = {.sa_handler = count_alarm}; /* no SA_RESTART: calls return */
    struct itimerval often = {.it_interval = {.tv_usec = 300}, .it_value = {.tv_usec = 300}};
    struct itimerval never = {{0, 0}, {0, 0}};
    Drain state = {.path = ddp_event_writer_path(writer), .got = got};

    ck_assert_int_eq(g_remove(ddp_event_writer_path(writer)), 0);
    ck_assert_int_eq(mkfifo(ddp_event_writer_path(writer), 0600), 0);
    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);

    GThread *thread = g_thread_new("drain", drain, &state);

    ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
    for (int i = 0; i < 10000; i++)
        add(writer, "t", i, i, START);
    close_writer(writer);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
    g_atomic_int_set(&state.stop, 1);
    g_thread_join(thread);

    ck_assert_int_gt(alarms, 0);
    ck_assert_uint_eq(first->len + got->len, ddp_event_writer_bytes(writer));
    g_byte_array_append(first, got->data, got->len);

    g_autoptr(GArray) records = event_file_records(first);

    ck_assert_uint_eq(records->len, 10001);
}
END_TEST

/* --- bad values --- */

START_TEST(test_tag_that_is_no_utf8_is_refused_and_the_writer_goes_on)
{
    g_autoptr(DdpEventWriter) writer = writer_new(0, START);
    g_autoptr(GError) error = NULL;
    uint64_t bytes = ddp_event_writer_bytes(writer);

    ck_assert(!ddp_event_writer_add_scalar(writer, "bad \xff tag", 1, 1, START, &error));
    ck_assert(g_error_matches(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE));
    ck_assert_ptr_nonnull(strstr(error->message, "UTF-8"));
    ck_assert(!ddp_event_writer_add_text(writer, "note", "\xc3", 1, START, NULL));
    ck_assert_uint_eq(ddp_event_writer_bytes(writer), bytes);
    add(writer, "good", 1, 1, START);
    close_writer(writer);
}
END_TEST

START_TEST(test_closed_writer_takes_nothing_more)
{
    g_autoptr(DdpEventWriter) writer = writer_new(0, START);
    g_autoptr(GError) error = NULL;

    close_writer(writer);
    close_writer(writer);
    ck_assert(!ddp_event_writer_add_scalar(writer, "loss", 1, 1, START, &error));
    ck_assert(g_error_matches(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_CLOSED));
}
END_TEST

START_TEST(test_nonsense_names_and_times_are_refused)
{
    const DdpEventWriterSpec specs[] = {
        {.folder = event_files_folder(), .host = "a/b", .wall_time = START},
        {.folder = event_files_folder(), .host = "h", .suffix = "/../x", .wall_time = START},
        {.folder = event_files_folder(), .host = "h", .wall_time = -1},
        {.folder = event_files_folder(), .host = "h", .wall_time = (double)NAN},
        {.folder = event_files_folder(), .host = "h", .wall_time = (double)INFINITY},
        {.folder = event_files_folder(), .host = "h", .wall_time = 1e18},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(specs); i++) {
        g_autoptr(GError) error = NULL;

        ck_assert_ptr_null(ddp_event_writer_new(&specs[i], &error));
        ck_assert(g_error_matches(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE));
    }
}
END_TEST

START_TEST(test_name_follows_the_scheme_with_suffix)
{
    DdpEventWriterSpec spec = {.folder = event_files_folder(),
                               .host = "node1",
                               .pid = 77,
                               .uid = 3,
                               .suffix = ".v2",
                               .wall_time = 5.9};
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpEventWriter) writer = ddp_event_writer_new(&spec, &error);

    ck_assert_no_error(error);

    g_autofree char *name = g_path_get_basename(ddp_event_writer_path(writer));

    ck_assert_str_eq(name, "events.out.tfevents.0000000005.node1.77.3.v2");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("event_writer");
    TCase *bytes = tcase_create("bytes");
    TCase *refusals = tcase_create("refusals");

    tcase_add_checked_fixture(bytes, NULL, event_files_tear_down);
    tcase_add_test(bytes, test_scalars_are_torchs_bytes);
    tcase_add_test(bytes, test_texts_are_torchs_bytes);
    tcase_add_test(bytes, test_restart_is_torchs_bytes);
    tcase_add_test(bytes, test_entries_are_in_the_file_after_flush_and_not_before);
    tcase_add_test(bytes, test_large_files_hold_everything_in_order);
    tcase_add_test(bytes, test_name_follows_the_scheme_with_suffix);
    suite_add_tcase(suite, bytes);

    tcase_add_checked_fixture(refusals, NULL, event_files_tear_down);
    tcase_add_test(refusals, test_folder_that_cannot_be_made_is_named);
    tcase_add_test(refusals, test_file_that_cannot_be_made_is_named);
    tcase_add_test(refusals, test_full_disk_is_told_by_flush_and_by_everything_after_it);
    tcase_add_test(refusals, test_full_disk_is_told_by_close);
    tcase_add_test(refusals, test_full_disk_is_told_at_birth);
    tcase_add_test(refusals, test_an_older_file_of_the_same_name_is_replaced);
    tcase_add_test(refusals, test_file_size_limit_is_told_by_the_add_that_meets_it);
    tcase_add_test(refusals, test_removed_file_is_told_and_not_made_anew);
    tcase_add_test(refusals, test_signals_and_short_writes_lose_nothing);
    tcase_add_test(refusals, test_tag_that_is_no_utf8_is_refused_and_the_writer_goes_on);
    tcase_add_test(refusals, test_closed_writer_takes_nothing_more);
    tcase_add_test(refusals, test_nonsense_names_and_times_are_refused);
    suite_add_tcase(suite, refusals);
    return ddp_test_main(suite);
}
