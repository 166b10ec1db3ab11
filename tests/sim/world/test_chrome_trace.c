/* SPDX-License-Identifier: MIT */
#include "sim/world/chrome_trace.h"
#include "sim/world/trace.h"
#include "tests/sim/world/chrome_rules.h"
#include "tests/testutil.h"

#include <glib/gstdio.h>
#include <string.h>

/*
 * A trace goes in as text. What comes out is held to the rules of the format (chrome_rules.h) and,
 * where a test has an opinion, to a list of its events.
 */

static char *folder;
static char *trace_path;
static char *path;

static void
setup(void)
{
    folder = ddp_test_tmp_dir();
    trace_path = g_build_filename(folder, "trace.jsonl", NULL);
    path = g_build_filename(folder, DDP_CHROME_TRACE_FILE, NULL);
}

static void
teardown(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
    g_free(trace_path);
    g_free(path);
}

static char *
convert_bytes(const char *trace, gssize length, int size, int nproc_per_node)
{
    const DdpChromeTraceSpec spec = {.size = size, .nproc_per_node = nproc_per_node};
    g_autoptr(GError) error = NULL;
    char *json = NULL;

    ck_assert(g_file_set_contents(trace_path, trace, length, NULL));
    ddp_chrome_trace_write(trace_path, path, &spec, &error);
    ck_assert_no_error(error);
    ck_assert(g_file_get_contents(path, &json, NULL, NULL));
    return json;
}

/* The events that @trace becomes, a line each; the rules hold. */
static char *
told(const char *trace, int size, int nproc_per_node)
{
    g_autofree char *json = convert_bytes(trace, -1, size, nproc_per_node);
    g_autoptr(JsonNode) document = chrome_rules_check(json);

    return chrome_rules_tell(document);
}

#define CALL(t, rank, event, seq, more)                                                            \
    "{\"t\":" #t ",\"rank\":" #rank ",\"event\":\"" event                                          \
    "\",\"call\":\"all_reduce\",\"group\":\"world\",\"seq\":" #seq                                 \
    ",\"signature\":\"all_reduce(float32[4], sum)\",\"site\":\"a.lua:7\"" more "}\n"
#define EVENT(t, rank, event, more)                                                                \
    "{\"t\":" #t ",\"rank\":" #rank ",\"event\":\"" event "\"" more "}\n"

/* Rank 1 comes last, at 500: an arrow from each of the others, from where they began to wait. */
START_TEST(test_who_waits_points_at_the_last_to_come)
{
    g_autofree char *events =
        told(CALL(100, 0, "enter", 0, "") CALL(200, 2, "enter", 0, "") CALL(500, 1, "enter", 0, "")
                 CALL(600, 0, "leave", 0, ",\"waited\":500,\"last\":1")
                     CALL(600, 1, "leave", 0, ",\"waited\":100,\"last\":1")
                         CALL(600, 2, "leave", 0, ",\"waited\":400,\"last\":1"),
             3, 3);

    ck_assert_str_eq(events, "X rank 0 100+500 all_reduce\n"
                             "s rank 0 100 #1 waits for the last\n"
                             "X rank 1 500+100 all_reduce\n"
                             "f rank 1 500 #1 waits for the last\n"
                             "X rank 2 200+400 all_reduce\n"
                             "s rank 2 200 #2 waits for the last\n"
                             "f rank 1 500 #2 waits for the last\n");
}
END_TEST

/* Ranks that compute have clocks of their own: the last by time may be the first in the file. */
START_TEST(test_the_last_is_the_last_by_time)
{
    g_autofree char *events = told(CALL(900, 0, "enter", 0, "") CALL(100, 1, "enter", 0, "")
                                       CALL(950, 1, "leave", 0, "") CALL(950, 0, "leave", 0, ""),
                                   2, 2);

    ck_assert_str_eq(events, "X rank 1 100+850 all_reduce\n"
                             "s rank 1 100 #1 waits for the last\n"
                             "X rank 0 900+50 all_reduce\n"
                             "f rank 0 900 #1 waits for the last\n");
}
END_TEST

/* Nobody waited for anybody: no arrow. */
START_TEST(test_who_comes_at_the_same_time_does_not_wait)
{
    g_autofree char *events = told(CALL(100, 0, "enter", 0, "") CALL(100, 1, "enter", 0, "")
                                       CALL(200, 0, "leave", 0, "") CALL(200, 1, "leave", 0, ""),
                                   2, 2);

    ck_assert_str_eq(events, "X rank 0 100+100 all_reduce\n"
                             "X rank 1 100+100 all_reduce\n");
}
END_TEST

/* No time passes: a line is 1 µs, and arrows follow the order. */
START_TEST(test_without_time_the_order_is_shown)
{
    g_autofree char *events =
        told(EVENT(0, 0, "start", "") CALL(0, 0, "enter", 0, "") EVENT(0, 1, "start", "")
                 CALL(0, 1, "enter", 0, "") CALL(0, 1, "leave", 0, "") EVENT(0, 1, "finish", "")
                     CALL(0, 0, "leave", 0, "") EVENT(0, 0, "log", ",\"text\":\"loss\""),
             2, 1);

    ck_assert_str_eq(events, "i rank 0 0 start\n"
                             "i rank 1 2000 start\n"
                             "X rank 1 3000+1000 all_reduce\n"
                             "i rank 1 5000 finish\n"
                             "X rank 0 1000+5000 all_reduce\n"
                             "s rank 0 1000 #1 waits for the last\n"
                             "f rank 1 3000 #1 waits for the last\n"
                             "i rank 0 7000 log\n");
}
END_TEST

/* Time passes, but not here: the events of a rank keep their order, 1 ns apart. */
START_TEST(test_what_takes_no_time_has_a_slice)
{
    g_autofree char *events =
        told(CALL(50, 0, "enter", 0, "") CALL(50, 0, "leave", 0, "") CALL(50, 0, "enter", 1, "")
                 CALL(50, 0, "leave", 1, "") EVENT(50, 0, "compute", ",\"ns\":0")
                     EVENT(53, 0, "compute", ",\"ns\":40") EVENT(93, 0, "sleep", "")
                         EVENT(200, 0, "wake", ""),
             1, 1);

    ck_assert_str_eq(events, "X rank 0 50+1 all_reduce\n"
                             "X rank 0 52+1 all_reduce\n"
                             "X rank 0 54+1 compute\n"
                             "X rank 0 56+40 compute\n"
                             "X rank 0 97+103 sleep\n");
}
END_TEST

/* Ranks 0 and 2 hang, rank 1 has left; what the verdict does to them comes after it. */
START_TEST(test_what_never_ends_ends_at_the_verdict_and_says_so)
{
    static const char trace[] = CALL(100, 0, "enter", 4, "") EVENT(150, 1, "finish", "")
        CALL(200, 2, "enter", 4, "") EVENT(300, -1, "verdict", ",\"text\":\"deadlock\"")
            EVENT(300, 0, "fail", ",\"text\":\"the world was ended\"");
    g_autofree char *json = convert_bytes(trace, -1, 3, 3);
    g_autoptr(JsonNode) document = chrome_rules_check(json);
    g_autofree char *events = chrome_rules_tell(document);

    ck_assert_str_eq(events, "i rank 1 150 finish\n"
                             "X rank 0 100+200 all_reduce (unfinished)\n"
                             "X rank 2 200+100 all_reduce (unfinished)\n"
                             "i rank 0 300 verdict\n"
                             "i rank 0 301 fail\n");
    ck_assert_ptr_nonnull(strstr(json,
                                 "\"s\":\"g\",\"cat\":\"verdict\",\"name\":\"verdict\",\"args\":"
                                 "{\"text\":\"deadlock\"}}"));
    ck_assert_ptr_nonnull(
        strstr(json, "\"args\":{\"signature\":\"all_reduce(float32[4], sum)\",\"site\":\"a.lua:7\","
                     "\"seq\":4,\"group\":\"world\",\"unfinished\":true}}"));
}
END_TEST

/* Nodes are processes; ids begin at 1, a node has that of its first rank. */
START_TEST(test_nodes_and_ranks_have_names)
{
    g_autofree char *json = convert_bytes(EVENT(1, 3, "start", ""), -1, 4, 2);
    g_autoptr(JsonNode) document = chrome_rules_check(json);
    static const char *const parts[] = {
        "{\"ph\":\"M\",\"pid\":1,\"tid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"node "
        "0\"}}",
        "{\"ph\":\"M\",\"pid\":3,\"tid\":3,\"name\":\"process_name\",\"args\":{\"name\":\"node "
        "1\"}}",
        "{\"ph\":\"M\",\"pid\":3,\"tid\":4,\"name\":\"thread_name\",\"args\":{\"name\":\"rank "
        "3\"}}",
        "{\"ph\":\"i\",\"pid\":3,\"tid\":4,\"ts\":0.001,",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        ck_assert_msg(strstr(json, parts[i]) != NULL, "no %s in\n%s", parts[i], json);
    ck_assert_ptr_nonnull(document);
}
END_TEST

/* A work stands in a row of its own; the wait for it points at the last to begin. */
START_TEST(test_a_work_lasts_from_begin_to_done)
{
    g_autofree char *events =
        told(CALL(100, 0, "begin", 0, "") CALL(150, 0, "begin", 1, "") CALL(200, 0, "wait", 0, "")
                 CALL(400, 1, "begin", 0, "") CALL(500, 0, "done", 0, ",\"waited\":300,\"last\":1")
                     CALL(500, 1, "wait", 0, "") CALL(510, 1, "done", 0, ",\"last\":1")
                         EVENT(600, 0, "finish", ""),
             2, 2);

    ck_assert_str_eq(events, "X rank 0 100+1 begin all_reduce\n"
                             "b rank 0 100 #1 all_reduce\n"
                             "X rank 0 150+1 begin all_reduce\n"
                             "b rank 0 150 #2 all_reduce\n"
                             "X rank 1 400+1 begin all_reduce\n"
                             "b rank 1 400 #3 all_reduce\n"
                             "X rank 0 200+300 wait all_reduce\n"
                             "s rank 0 200 #4 waits for the last\n"
                             "f rank 1 400 #4 waits for the last\n"
                             "e rank 0 500 #1 all_reduce\n"
                             "X rank 1 500+10 wait all_reduce\n"
                             "e rank 1 510 #3 all_reduce\n"
                             "e rank 0 600 #2 all_reduce\n"
                             "i rank 0 600 finish\n");
}
END_TEST

/* The program caught the error of a collective and went on. */
START_TEST(test_a_call_that_failed_ends_where_the_program_goes_on)
{
    g_autofree char *events = told(CALL(100, 0, "enter", 0, "") EVENT(200, 0, "log", "")
                                       CALL(300, 0, "enter", 1, "") CALL(310, 0, "leave", 1, ""),
                                   1, 1);

    ck_assert_str_eq(events, "X rank 0 100+99 all_reduce (unfinished)\n"
                             "i rank 0 200 log\n"
                             "X rank 0 300+10 all_reduce\n");
}
END_TEST

START_TEST(test_messages_are_slices_without_a_meeting)
{
#define MESSAGE(t, rank, event, kind)                                                              \
    "{\"t\":" #t ",\"rank\":" #rank ",\"event\":\"" event "\",\"call\":\"" kind                    \
    "\",\"group\":\"world\",\"seq\":0}\n"
    g_autofree char *events =
        told(MESSAGE(10, 0, "enter", "send") MESSAGE(50, 1, "enter", "recv")
                 MESSAGE(60, 0, "leave", "send") MESSAGE(60, 1, "leave", "recv"),
             2, 2);

    ck_assert_str_eq(events, "X rank 0 10+50 send\n"
                             "X rank 1 50+10 recv\n");
}
END_TEST

/* Texts of a scenario reach the page as they were, quotes and all. */
START_TEST(test_texts_stay_what_they_were)
{
    g_autofree char *json = convert_bytes(
        "{\"t\":1,\"rank\":0,\"event\":\"log\",\"text\":\"a \\\"b\\\" \\\\ \\u0001 %s é\"}\n", -1,
        1, 1);
    g_autoptr(JsonNode) document = chrome_rules_check(json);
    JsonArray *events = json_object_get_array_member(json_node_get_object(document), "traceEvents");
    JsonObject *log = json_array_get_object_element(events, json_array_get_length(events) - 1);

    ck_assert_str_eq(
        json_object_get_string_member(json_object_get_object_member(log, "args"), "text"),
        "a \"b\" \\ \x01 %s é");
}
END_TEST

/* ---- any trace ---- */

typedef struct {
    int64_t t_ns;
    int seq; /* of the next collective */
} Player;

static void
add_call(DdpTrace *trace, const Player *player, int rank, const char *event, int seq)
{
    const DdpTraceWait wait = {.since_ns = player->t_ns / 2, .last_rank = seq % 3 - 1};
    const DdpCall call = {.kind = seq % 7 == 3 ? DDP_CALL_BARRIER : DDP_CALL_ALL_REDUCE,
                          .root = -1,
                          .count = 1,
                          .ndim = 1,
                          .shape = {1},
                          .site = {"a \"b\".lua", seq},
                          .name = seq % 2 == 0 ? "x\\y" : NULL};

    ddp_trace_call(trace, player->t_ns, rank, event, &call, "world", (uint64_t)seq,
                   event[0] == 'l' || event[0] == 'd' ? &wait : NULL);
}

/* One more line by one rank, possible or not. */
static void
add_line(DdpTrace *trace, GRand *random, Player *player, int rank, bool time_passes)
{
    if (time_passes)
        player->t_ns += g_rand_int_range(random, 0, 3);
    switch (g_rand_int_range(random, 0, 9)) {
    case 0:
        add_call(trace, player, rank, "begin", player->seq++);
        break;
    case 1:
        add_call(trace, player, rank, "wait", g_rand_int_range(random, 0, player->seq + 1));
        break;
    case 2:
        add_call(trace, player, rank, "done", g_rand_int_range(random, 0, player->seq + 1));
        break;
    case 3:
        ddp_trace_event(trace, player->t_ns, rank, g_rand_boolean(random) ? "sleep" : "wake", NULL);
        break;
    case 4:
        ddp_trace_span(trace, player->t_ns, rank, "compute", g_rand_int_range(random, 0, 5), NULL);
        break;
    case 5:
        ddp_trace_event(trace, player->t_ns, rank, "log", "val/\"loss\"");
        break;
    case 6:
        ddp_trace_event(trace, player->t_ns, rank,
                        g_rand_int_range(random, 0, 10) == 0 ? "finish" : "some day", NULL);
        break;
    case 7:
        add_call(trace, player, rank, "enter", player->seq++);
        break;
    default:
        add_call(trace, player, rank, "leave", player->seq - 1);
    }
    if (g_rand_int_range(random, 0, 60) == 0)
        ddp_trace_event(trace, player->t_ns, -1, "verdict", "deadlock");
}

/* Whatever order the lines come in, and wherever the file is cut: the rules hold. */
START_TEST(test_the_rules_hold_for_any_trace)
{
    g_autoptr(GRand) random = g_rand_new_with_seed((guint32)_i);
    int size = 1 + _i % 5;
    Player players[5] = {{0}};
    g_autoptr(DdpTrace) trace = ddp_trace_new(trace_path, NULL);
    g_autofree char *text = NULL;
    gsize length;

    for (int i = 0; i < 120; i++) {
        int rank =
            g_rand_int_range(random, 0, size + (i % 50 == 49)); /* now and then of no world */

        add_line(trace, random, &players[rank % size], rank, _i % 3 > 0);
    }
    ck_assert(ddp_trace_close(trace, NULL));
    ck_assert(g_file_get_contents(trace_path, &text, &length, NULL));

    for (gsize cut = length; cut <= length; cut -= 1 + length / 20) {
        g_autofree char *json = convert_bytes(text, (gssize)cut, size, 1 + _i % 2);
        g_autoptr(JsonNode) document = chrome_rules_check(json);

        ck_assert_ptr_nonnull(document);
    }
    /* A slip of the disk. */
    for (int i = 0; i < 20; i++) {
        text[g_rand_int_range(random, 0, (gint32)length)] = (char)g_rand_int_range(random, 0, 256);

        g_autofree char *json = convert_bytes(text, (gssize)length, size, 1 + _i % 2);
        g_autoptr(JsonNode) document = chrome_rules_check(json);

        ck_assert_ptr_nonnull(document);
    }
}
END_TEST

START_TEST(test_lines_that_are_none_are_counted)
{
    g_autofree char *json = convert_bytes(
        EVENT(1, 0, "start", "") "nonsense\n" EVENT(1, 9, "start", "") "{\"t\":2,\"rank\":0,\"eve",
        -1, 1, 1);
    g_autoptr(JsonNode) document = chrome_rules_check(json);

    ck_assert_ptr_nonnull(document);

    ck_assert_ptr_nonnull(strstr(json, "\"lines_passed_over\":\"3\""));
}
END_TEST

START_TEST(test_what_cannot_be_read_or_written_is_an_error)
{
    const DdpChromeTraceSpec spec = {.size = 1, .nproc_per_node = 1};
    g_autofree char *read =
        g_strdup_printf("cannot read the trace %s: No such file or directory", trace_path);
    g_autoptr(GError) no_trace = NULL, no_folder = NULL, taken = NULL;
    g_autoptr(GDir) dir = NULL;

    ck_assert(!ddp_chrome_trace_write(trace_path, path, &spec, &no_trace));
    ck_assert_str_eq(no_trace->message, read);

    ck_assert(g_file_set_contents(trace_path, "", 0, NULL));
    ck_assert(!ddp_chrome_trace_write(trace_path, "/nonexistent/x.json", &spec, &no_folder));
    ck_assert_str_eq(no_folder->message,
                     "cannot write /nonexistent/x.json: No such file or directory");

    /* The name is taken by a folder: nothing half done stays behind. */
    ck_assert_int_eq(g_mkdir(path, 0777), 0);
    ck_assert(!ddp_chrome_trace_write(trace_path, path, &spec, &taken));
    ck_assert(g_str_has_prefix(taken->message, "cannot write "));
    dir = g_dir_open(folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;)
        ck_assert(strcmp(name, "trace.jsonl") == 0 || strcmp(name, DDP_CHROME_TRACE_FILE) == 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("chrome_trace");
    TCase *events = tcase_create("events");
    TCase *any = tcase_create("any");

    tcase_add_checked_fixture(events, setup, teardown);
    tcase_add_test(events, test_who_waits_points_at_the_last_to_come);
    tcase_add_test(events, test_the_last_is_the_last_by_time);
    tcase_add_test(events, test_who_comes_at_the_same_time_does_not_wait);
    tcase_add_test(events, test_without_time_the_order_is_shown);
    tcase_add_test(events, test_what_takes_no_time_has_a_slice);
    tcase_add_test(events, test_what_never_ends_ends_at_the_verdict_and_says_so);
    tcase_add_test(events, test_nodes_and_ranks_have_names);
    tcase_add_test(events, test_a_work_lasts_from_begin_to_done);
    tcase_add_test(events, test_a_call_that_failed_ends_where_the_program_goes_on);
    tcase_add_test(events, test_messages_are_slices_without_a_meeting);
    tcase_add_test(events, test_texts_stay_what_they_were);
    suite_add_tcase(suite, events);

    tcase_add_checked_fixture(any, setup, teardown);
    tcase_add_loop_test(any, test_the_rules_hold_for_any_trace, 0, 60);
    tcase_add_test(any, test_lines_that_are_none_are_counted);
    tcase_add_test(any, test_what_cannot_be_read_or_written_is_an_error);
    suite_add_tcase(suite, any);
    return ddp_test_main(suite);
}
