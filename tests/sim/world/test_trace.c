/* SPDX-License-Identifier: MIT */
#include "sim/world/trace.h"
#include "tests/testutil.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The lines of a trace, byte by byte, and whole whoever writes them. */

static char *folder;
static char *path;

static void
setup(void)
{
    folder = ddp_test_tmp_dir();
    path = g_build_filename(folder, "trace.jsonl", NULL);
}

static void
teardown(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
    g_free(path);
}

static DdpTrace *
make(void)
{
    g_autoptr(GError) error = NULL;
    DdpTrace *trace = ddp_trace_new(path, &error);

    ck_assert_no_error(error);
    return trace;
}

static char *
read_back(void)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    ck_assert_no_error(error);
    return text;
}

static char *
close_and_read(DdpTrace *trace)
{
    g_autoptr(GError) error = NULL;

    ddp_trace_close(trace, &error);
    ck_assert_no_error(error);
    return read_back();
}

static DdpCall
call_at(int line)
{
    return (DdpCall){.kind = DDP_CALL_ALL_REDUCE,
                     .dtype = DDP_DTYPE_F32,
                     .op = DDP_REDUCE_SUM,
                     .root = -1,
                     .count = 8,
                     .ndim = 2,
                     .shape = {4, 2},
                     .site = {"train.lua", line}};
}

START_TEST(test_each_kind_of_line_has_its_form)
{
    g_autoptr(DdpTrace) trace = make();
    const DdpTraceWait wait = {.since_ns = 40, .last_rank = 2};
    DdpCall call = call_at(12);

    ddp_trace_event(trace, 0, 1, "start", NULL);
    ddp_trace_event(trace, 5, 1, "log", "val \"loss\"\\\n\x01\xff\xc3\xa9");
    ddp_trace_span(trace, 7, 1, "compute", 1000, NULL);
    ddp_trace_span(trace, 7, 1, "compute", 1000, "forward");
    ddp_trace_call(trace, 40, 1, "enter", &call, "world", 3, NULL);
    call.name = "grad";
    ddp_trace_call(trace, 99, 1, "leave", &call, "world", 3, &wait);
    ddp_trace_event(trace, INT64_MAX, -1, "verdict", "deadlock");

    g_autofree char *text = close_and_read(trace);

    ck_assert_str_eq(
        text,
        "{\"t\":0,\"rank\":1,\"event\":\"start\"}\n"
        "{\"t\":5,\"rank\":1,\"event\":\"log\",\"text\":\"val "
        "\\\"loss\\\"\\\\\\u000a\\u0001\xef\xbf\xbd\xc3\xa9\"}\n"
        "{\"t\":7,\"rank\":1,\"event\":\"compute\",\"ns\":1000}\n"
        "{\"t\":7,\"rank\":1,\"event\":\"compute\",\"ns\":1000,\"text\":\"forward\"}\n"
        "{\"t\":40,\"rank\":1,\"event\":\"enter\",\"call\":\"all_reduce\",\"group\":\"world\","
        "\"seq\":3,\"signature\":\"all_reduce(float32[4, 2], sum)\",\"site\":\"train.lua:12\"}\n"
        "{\"t\":99,\"rank\":1,\"event\":\"leave\",\"call\":\"all_reduce\",\"group\":\"world\","
        "\"seq\":3,\"signature\":\"all_reduce(float32[4, 2], sum)\",\"site\":\"train.lua:12\","
        "\"name\":\"grad\",\"waited\":59,\"last\":2}\n"
        "{\"t\":9223372036854775807,\"rank\":-1,\"event\":\"verdict\",\"text\":\"deadlock\"}\n");
}
END_TEST

/* Texts of every length round the sizes of line and block: nothing is lost or out of order. */
START_TEST(test_long_lines_keep_their_place)
{
    static const int lengths[] = {400, 470, 480, 512, 65000, 65500, 65536, 70000, 200000, 3};
    g_autoptr(DdpTrace) trace = make();
    g_autoptr(GString) expected = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autofree char *text = g_strnfill((gsize)lengths[i], (char)('a' + i));

        ddp_trace_event(trace, (int64_t)i, 0, "log", text);
        g_string_append_printf(
            expected, "{\"t\":%d,\"rank\":0,\"event\":\"log\",\"text\":\"%s\"}\n", (int)i, text);
    }

    g_autofree char *text = close_and_read(trace);

    ck_assert(strcmp(text, expected->str) == 0);
}
END_TEST

#define WRITERS 4
#define LINES 5000

typedef struct {
    DdpTrace *trace;
    int rank;
} Writer;

static gpointer
write_lines(gpointer data)
{
    const Writer *writer = data;
    DdpCall call = call_at(writer->rank);

    for (int i = 0; i < LINES; i++)
        ddp_trace_call(writer->trace, i, writer->rank, "enter", &call, "world", (uint64_t)i, NULL);
    return NULL;
}

/* Every writer's lines are all there, whole and in its own order. */
static void
expect_lines_of_all_writers(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    int next[WRITERS] = {0};

    ck_assert_uint_eq(g_strv_length(lines), WRITERS * LINES + 1); /* and what is after the last */
    for (int i = 0; i < WRITERS * LINES; i++) {
        g_autofree char *expected = NULL;
        int rank = -1;

        ck_assert_msg(sscanf(lines[i], "{\"t\":%*d,\"rank\":%d,", &rank) == 1, "line %d: %s", i + 1,
                      lines[i]);
        ck_assert(rank >= 0 && rank < WRITERS);
        expected = g_strdup_printf(
            "{\"t\":%d,\"rank\":%d,\"event\":\"enter\",\"call\":\"all_reduce\",\"group\":\"world\","
            "\"seq\":%d,\"signature\":\"all_reduce(float32[4, 2], "
            "sum)\",\"site\":\"train.lua:%d\"}",
            next[rank], rank, next[rank], rank);
        ck_assert_str_eq(lines[i], expected);
        next[rank]++;
    }
}

START_TEST(test_lines_of_threads_do_not_mix)
{
    g_autoptr(DdpTrace) trace = make();
    Writer writers[WRITERS];
    GThread *threads[WRITERS];

    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (Writer){trace, i};
        threads[i] = g_thread_new("writer", write_lines, &writers[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        g_thread_join(threads[i]);

    g_autofree char *text = close_and_read(trace);

    expect_lines_of_all_writers(text);
}
END_TEST

START_TEST(test_lines_of_processes_do_not_mix)
{
    g_autoptr(DdpTrace) trace = make();

    ddp_trace_share(trace);
    for (int i = 0; i < WRITERS; i++) {
        if (fork() == 0) {
            Writer writer = {trace, i};

            write_lines(&writer);
            _exit(0);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;

        ck_assert_int_gt(wait(&status), 0);
        ck_assert_int_eq(status, 0);
    }

    g_autofree char *text = close_and_read(trace);

    expect_lines_of_all_writers(text);
}
END_TEST

/* What was kept back is there once, before what the others write; and nothing is kept back. */
START_TEST(test_sharing_keeps_the_order_and_writes_at_once)
{
    g_autoptr(DdpTrace) trace = make();
    g_autofree char *before = NULL, *after = NULL;

    ddp_trace_event(trace, 0, 0, "start", NULL);
    before = read_back();
    ddp_trace_share(trace);
    ddp_trace_share(trace);
    if (fork() == 0) {
        ddp_trace_event(trace, 1, 1, "start", NULL);
        _exit(0);
    }
    ck_assert_int_gt(wait(NULL), 0);

    /* Somebody who opened the file anew: the next line goes behind that, not over it. */
    FILE *other = fopen(path, "a");

    ck_assert(other != NULL && fputs("{}\n", other) >= 0 && fclose(other) == 0);
    ddp_trace_event(trace, 2, 0, "finish", NULL);
    after = read_back();
    ck_assert_str_eq(before, "");
    ck_assert_str_eq(after, "{\"t\":0,\"rank\":0,\"event\":\"start\"}\n"
                            "{\"t\":1,\"rank\":1,\"event\":\"start\"}\n"
                            "{}\n"
                            "{\"t\":2,\"rank\":0,\"event\":\"finish\"}\n");
    ck_assert(ddp_trace_close(trace, NULL));
}
END_TEST

/* Also when it was another process whose line did not fit on the disk. */
START_TEST(test_a_trace_that_cannot_be_written_is_an_error)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpTrace) full = ddp_trace_new("/dev/full", NULL);

    ck_assert_ptr_nonnull(full);
    if (_i == 0) {
        ddp_trace_event(full, 0, 0, "start", NULL);
    } else {
        ddp_trace_share(full);
        if (fork() == 0) {
            ddp_trace_event(full, 0, 0, "start", NULL);
            _exit(0);
        }
        ck_assert_int_gt(wait(NULL), 0);
    }
    ck_assert(!ddp_trace_close(full, &error));
    ck_assert_str_eq(error->message, "cannot write the trace /dev/full: No space left on device");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("trace");
    TCase *lines = tcase_create("lines");

    tcase_add_checked_fixture(lines, setup, teardown);
    tcase_add_test(lines, test_each_kind_of_line_has_its_form);
    tcase_add_test(lines, test_long_lines_keep_their_place);
    tcase_add_test(lines, test_lines_of_threads_do_not_mix);
    tcase_add_test(lines, test_lines_of_processes_do_not_mix);
    tcase_add_test(lines, test_sharing_keeps_the_order_and_writes_at_once);
    tcase_add_loop_test(lines, test_a_trace_that_cannot_be_written_is_an_error, 0, 2);
    suite_add_tcase(suite, lines);
    return ddp_test_main(suite);
}
