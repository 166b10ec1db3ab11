/* SPDX-License-Identifier: MIT */
#include "sim/cli/terminal.h"
#include "tests/testutil.h"

#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- text ---- */

START_TEST(test_nothing_that_steers_a_terminal_gets_through)
{
    static const struct {
        const char *text, *safe;
    } rows[] = {
        {"plain text, as it is", "plain text, as it is"},
        {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
        {"two\nlines\tand\r", "two\\nlines\\tand\\x0d"},
        {"bell\a del\x7f", "bell\\x07 del\\x7f"},
        {"C1 \xc2\x9b", "C1 \\u{9b}"},
        {"turned \xe2\x80\xae", "turned \\u{202e}"},
        {"isolate \xe2\x81\xa6", "isolate \\u{2066}"},
        {"bytes \xff\xc3", "bytes \\xff\\xc3"},
        {"over\xc0\xaflong", "over\\xc0\\xaflong"},
        {"größe 数 🙂", "größe 数 🙂"},
        {"", ""},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *safe = ddp_terminal_escape(rows[i].text);

        ck_assert_str_eq(safe, rows[i].safe);
    }
}
END_TEST

START_TEST(test_every_byte_string_becomes_one_printable_line)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)_i);
    char text[200];

    for (size_t i = 0; i < sizeof(text) - 1; i++)
        text[i] = (char)g_rand_int_range(rand, 1, 256);
    text[sizeof(text) - 1] = '\0';

    g_autofree char *safe = ddp_terminal_escape(text);

    ck_assert(g_utf8_validate(safe, -1, NULL));
    for (const char *at = safe; *at != '\0'; at = g_utf8_next_char(at))
        ck_assert(!g_unichar_iscntrl(g_utf8_get_char(at)));
}
END_TEST

START_TEST(test_columns_are_not_bytes)
{
    ck_assert_int_eq(ddp_terminal_columns(""), 0);
    ck_assert_int_eq(ddp_terminal_columns("abc"), 3);
    ck_assert_int_eq(ddp_terminal_columns("größe"), 5);
    ck_assert_int_eq(ddp_terminal_columns("数据"), 4);
    ck_assert_int_eq(ddp_terminal_columns("e\xcc\x81"), 1); /* e with a combining acute */
}
END_TEST

static char *
wrapped(const char *text, int columns)
{
    g_autoptr(GPtrArray) lines = ddp_terminal_wrap(text, columns);

    g_ptr_array_add(lines, NULL);
    return g_strjoinv("|", (char **)lines->pdata);
}

START_TEST(test_text_wraps_at_spaces_and_long_words_where_they_must)
{
    static const struct {
        const char *text;
        int columns;
        const char *lines;
    } rows[] = {
        {"", 10, ""},
        {"one two three", 20, "one two three"},
        {"one two three", 7, "one two|three"},
        {"one two three", 6, "one|two|three"},
        {"one  two\n\nthree ", 20, "one two three"},
        {"abcdefghij", 4, "abcd|efgh|ij"},
        {"ab abcdefgh cd", 4, "ab|abcd|efgh|cd"},
        {"ab abcdefghi cd", 4, "ab|abcd|efgh|i cd"},
        {"数据集", 4, "数据|集"},
        {"数据集", 1, "数|据|集"}, /* nothing fits; nothing is lost */
        {"x", 1, "x"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *lines = wrapped(rows[i].text, rows[i].columns);

        ck_assert_str_eq(lines, rows[i].lines);
    }
}
END_TEST

START_TEST(test_a_paragraph_is_indented_and_escaped)
{
    DdpTerminal terminal = {.width = 40};
    g_autoptr(GString) out = g_string_new(NULL);

    ddp_terminal_append_paragraph(&terminal, out, 4,
                                  "A lesson in two\nlines with a \x1b escape, longer than a line.");
    ck_assert_str_eq(out->str, "    A lesson in two lines with a \\x1b\n"
                               "    escape, longer than a line.\n");
}
END_TEST

/* ---- detection ---- */

static void
become_a_terminal(int *master, unsigned short columns)
{
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    int slave;

    ck_assert_int_eq(openpty(master, &slave, NULL, NULL, &size), 0);
    ck_assert_int_eq(dup2(slave, STDOUT_FILENO), STDOUT_FILENO);
    close(slave);
    g_unsetenv("NO_COLOR");
    g_unsetenv("COLUMNS");
    g_setenv("TERM", "xterm", TRUE);
}

START_TEST(test_colour_is_for_terminals_that_want_it)
{
    int master, file = open("/dev/null", O_WRONLY);
    int before = dup(STDOUT_FILENO);

    become_a_terminal(&master, 100);

    bool plain = ddp_terminal_detect().color;

    g_setenv("NO_COLOR", "1", TRUE);

    bool no_color = ddp_terminal_detect().color;

    g_unsetenv("NO_COLOR");
    g_setenv("TERM", "dumb", TRUE);

    bool dumb = ddp_terminal_detect().color;

    g_setenv("TERM", "xterm", TRUE);
    dup2(file, STDOUT_FILENO);

    bool not_a_terminal = ddp_terminal_detect().color;

    dup2(before, STDOUT_FILENO);
    ck_assert(plain);
    ck_assert(!no_color);
    ck_assert(!dumb);
    ck_assert(!not_a_terminal);
}
END_TEST

START_TEST(test_width_is_columns_then_terminal_then_eighty)
{
    int master, file = open("/dev/null", O_WRONLY);
    int before = dup(STDOUT_FILENO);
    int widths[6];

    become_a_terminal(&master, 100);
    widths[0] = ddp_terminal_detect().width;
    g_setenv("COLUMNS", "132", TRUE);
    widths[1] = ddp_terminal_detect().width;
    g_setenv("COLUMNS", "nonsense", TRUE);
    widths[2] = ddp_terminal_detect().width;
    g_setenv("COLUMNS", "3", TRUE);
    widths[3] = ddp_terminal_detect().width;
    g_setenv("COLUMNS", "99999999999999999999", TRUE);
    widths[4] = ddp_terminal_detect().width;
    g_unsetenv("COLUMNS");
    dup2(file, STDOUT_FILENO);
    widths[5] = ddp_terminal_detect().width;
    dup2(before, STDOUT_FILENO);

    ck_assert_int_eq(widths[0], 100);
    ck_assert_int_eq(widths[1], 132);
    ck_assert_int_eq(widths[2], 100);
    ck_assert_int_eq(widths[3], 40);
    ck_assert_int_eq(widths[4], 1000);
    ck_assert_int_eq(widths[5], 80);
}
END_TEST

START_TEST(test_a_style_adds_codes_only_in_colour)
{
    for (int color = 0; color < 2; color++) {
        DdpTerminal terminal = {.color = color != 0, .width = 80};
        g_autoptr(GString) out = g_string_new(NULL);

        ddp_terminal_append(&terminal, out, DDP_STYLE_PLAIN, "a");
        ddp_terminal_append(&terminal, out, DDP_STYLE_BAD, "b");
        ck_assert_str_eq(out->str, color != 0 ? "a\033[1;31mb\033[0m" : "ab");
    }
}
END_TEST

/* ---- progress: written into a pipe, against a clock of our own ---- */

static int pipe_ends[2];
static int64_t clock_us;

static int64_t
read_clock(void *unused)
{
    (void)unused;
    return clock_us;
}

static DdpProgressSpec
spec_into_pipe(bool is_terminal)
{
    ck_assert_int_eq(pipe(pipe_ends), 0);
    clock_us = 77;
    return (DdpProgressSpec){
        .fd = pipe_ends[1], .is_terminal = is_terminal, .width = 20, .now_us = read_clock};
}

static void
expect_written(const char *expected)
{
    char seen[500];
    ssize_t length;

    close(pipe_ends[1]);
    length = read(pipe_ends[0], seen, sizeof(seen) - 1);
    ck_assert_int_ge(length, 0);
    seen[length] = '\0';
    ck_assert_str_eq(seen, expected);
    close(pipe_ends[0]);
}

START_TEST(test_progress_waits_a_second_then_comes_ten_times_a_second)
{
    DdpProgressSpec spec = spec_into_pipe(true);
    DdpProgress *progress = ddp_progress_new(&spec);

    for (int step = 0; step <= 150; step++) { /* a step each 10 ms: to 1.5 s */
        g_autofree char *text = g_strdup_printf("%d", step);

        clock_us = 77 + 10000 * (int64_t)step;
        ddp_progress_show(progress, text);
    }
    ddp_progress_free(progress);
    expect_written("\r\033[K100\r\033[K110\r\033[K120\r\033[K130\r\033[K140\r\033[K150\r\033[K");
}
END_TEST

START_TEST(test_a_quick_run_or_no_terminal_shows_nothing)
{
    for (int is_terminal = 0; is_terminal < 2; is_terminal++) {
        DdpProgressSpec spec = spec_into_pipe(is_terminal != 0);
        DdpProgress *progress = ddp_progress_new(&spec);

        clock_us = 77 + (is_terminal != 0 ? 999999 : 5000000);
        ddp_progress_show(progress, "quick");
        ddp_progress_hide(progress);
        ddp_progress_free(progress);
        expect_written("");
    }
}
END_TEST

START_TEST(test_progress_is_cut_to_the_width_and_escaped)
{
    DdpProgressSpec spec = spec_into_pipe(true);
    DdpProgress *progress = ddp_progress_new(&spec);

    clock_us += 2000000;
    ddp_progress_show(progress, "\x1b: 0123456789012345678901234567890");
    ddp_progress_free(progress);
    expect_written("\r\033[K\\x1b: 0123456789012\r\033[K");
}
END_TEST

START_TEST(test_after_hiding_the_next_line_comes_at_once)
{
    DdpProgressSpec spec = spec_into_pipe(true);
    DdpProgress *progress = ddp_progress_new(&spec);

    clock_us += 2000000;
    ddp_progress_show(progress, "a");
    ddp_progress_hide(progress);
    ddp_progress_hide(progress); /* nothing to take away */
    ddp_progress_show(progress, "b");
    ddp_progress_free(progress);
    expect_written("\r\033[Ka\r\033[K\r\033[Kb\r\033[K");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("terminal");
    TCase *text = tcase_create("text");
    TCase *detection = tcase_create("detection");
    TCase *progress = tcase_create("progress");

    tcase_add_test(text, test_nothing_that_steers_a_terminal_gets_through);
    tcase_add_loop_test(text, test_every_byte_string_becomes_one_printable_line, 0, 50);
    tcase_add_test(text, test_columns_are_not_bytes);
    tcase_add_test(text, test_text_wraps_at_spaces_and_long_words_where_they_must);
    tcase_add_test(text, test_a_paragraph_is_indented_and_escaped);
    suite_add_tcase(suite, text);

    tcase_add_test(detection, test_colour_is_for_terminals_that_want_it);
    tcase_add_test(detection, test_width_is_columns_then_terminal_then_eighty);
    tcase_add_test(detection, test_a_style_adds_codes_only_in_colour);
    suite_add_tcase(suite, detection);

    tcase_add_test(progress, test_progress_waits_a_second_then_comes_ten_times_a_second);
    tcase_add_test(progress, test_a_quick_run_or_no_terminal_shows_nothing);
    tcase_add_test(progress, test_progress_is_cut_to_the_width_and_escaped);
    tcase_add_test(progress, test_after_hiding_the_next_line_comes_at_once);
    suite_add_tcase(suite, progress);
    return ddp_test_main(suite);
}
