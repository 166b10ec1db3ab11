/* SPDX-License-Identifier: MIT */
#include "sim/cli/terminal.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_MIN 40
#define WIDTH_MAX 1000
#define WIDTH_UNKNOWN 80

/* ---- what there is ---- */

static int
width_of(int fd)
{
    const char *columns = g_getenv("COLUMNS");
    gint64 width = columns != NULL ? g_ascii_strtoll(columns, NULL, 10) : 0;
    struct winsize size;

    if (width <= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    if (width <= 0)
        width = WIDTH_UNKNOWN;
    return (int)CLAMP(width, WIDTH_MIN, WIDTH_MAX);
}

DdpTerminal
ddp_terminal_detect(void)
{
    const char *term = g_getenv("TERM");

    return (DdpTerminal){
        .color = isatty(STDOUT_FILENO) != 0 && g_getenv("NO_COLOR") == NULL &&
                 g_strcmp0(term, "dumb") != 0,
        .width = width_of(STDOUT_FILENO),
    };
}

void
ddp_terminal_append(const DdpTerminal *terminal, GString *out, DdpStyle style, const char *text)
{
    static const char *const codes[] = {
        [DDP_STYLE_PLAIN] = NULL,       [DDP_STYLE_BOLD] = "\033[1m",
        [DDP_STYLE_DIM] = "\033[2m",    [DDP_STYLE_GOOD] = "\033[32m",
        [DDP_STYLE_BAD] = "\033[1;31m", [DDP_STYLE_WARN] = "\033[33m",
    };
    const char *code = terminal->color ? codes[style] : NULL;

    if (code != NULL)
        g_string_append(out, code);
    g_string_append(out, text);
    if (code != NULL)
        g_string_append(out, "\033[0m");
}

/* ---- text ---- */

/* Line and paragraph separators, and whatever turns the reading direction. */
static bool
is_unwelcome(gunichar c)
{
    return g_unichar_iscntrl(c) || c == 0x200e || c == 0x200f || c == 0x061c ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

char *
ddp_terminal_escape(const char *text)
{
    g_return_val_if_fail(text != NULL, NULL);

    GString *safe = g_string_new(NULL);
    size_t left = strlen(text);

    while (left > 0) {
        gunichar c = g_utf8_get_char_validated(text, (gssize)left);
        size_t length = 1;

        if (c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append_printf(safe, "\\x%02x", (unsigned char)*text);
        } else {
            length = (size_t)g_utf8_skip[(unsigned char)*text];
            if (!is_unwelcome(c))
                g_string_append_len(safe, text, (gssize)length);
            else if (c == '\n')
                g_string_append(safe, "\\n");
            else if (c == '\t')
                g_string_append(safe, "\\t");
            else if (c < 0x80)
                g_string_append_printf(safe, "\\x%02x", c);
            else
                g_string_append_printf(safe, "\\u{%x}", c);
        }
        text += length;
        left -= length;
    }
    return g_string_free(safe, FALSE);
}

static int
columns_of(gunichar c)
{
    if (g_unichar_iszerowidth(c))
        return 0;
    return g_unichar_iswide(c) ? 2 : 1;
}

int
ddp_terminal_columns(const char *text)
{
    g_return_val_if_fail(text != NULL, 0);

    int columns = 0;

    for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at))
        columns += columns_of(g_utf8_get_char(at));
    return columns;
}

/* The longest beginning of @text that takes at most @columns, in bytes; at least a character. */
static size_t
fitting_bytes(const char *text, int columns)
{
    const char *at = text;

    for (; *at != '\0'; at = g_utf8_next_char(at)) {
        columns -= columns_of(g_utf8_get_char(at));
        if (columns < 0 && at != text)
            break;
    }
    return (size_t)(at - text);
}

static void
end_line(GPtrArray *lines, GString *line)
{
    g_ptr_array_add(lines, g_strdup(line->str));
    g_string_truncate(line, 0);
}

GPtrArray *
ddp_terminal_wrap(const char *text, int columns)
{
    g_return_val_if_fail(text != NULL && columns > 0, NULL);

    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    GString *line = g_string_new(NULL);
    g_auto(GStrv) words = g_strsplit_set(text, " \t\r\n", -1);
    int used = 0;

    for (char **word = words; *word != NULL; word++) {
        const char *rest = *word;
        int width = ddp_terminal_columns(rest);

        if (*rest == '\0')
            continue;
        if (used > 0 && used + 1 + width > columns) {
            end_line(lines, line);
            used = 0;
        }
        if (used > 0) {
            g_string_append_c(line, ' ');
            used++;
        }
        while (used == 0 && width > columns) {
            size_t bytes = fitting_bytes(rest, columns);

            g_string_append_len(line, rest, (gssize)bytes);
            rest += bytes;
            width = ddp_terminal_columns(rest);
            if (width > 0)
                end_line(lines, line);
        }
        g_string_append(line, rest);
        used += width;
    }
    if (line->len > 0 || lines->len == 0)
        end_line(lines, line);
    g_string_free(line, TRUE);
    return lines;
}

void
ddp_terminal_append_paragraph(const DdpTerminal *terminal, GString *out, int indent,
                              const char *text)
{
    /* A newline in a lesson is a place to break, not something to be shown. */
    g_autofree char *spaced = g_strdelimit(g_strdup(text), "\t\r\n", ' ');
    g_autofree char *safe = ddp_terminal_escape(spaced);
    g_autoptr(GPtrArray) lines = ddp_terminal_wrap(safe, MAX(terminal->width - indent, 20));

    for (guint i = 0; i < lines->len; i++)
        g_string_append_printf(out, "%*s%s\n", indent, "", (char *)g_ptr_array_index(lines, i));
}

/* ---- progress ---- */

#define QUIET_US G_USEC_PER_SEC
#define BETWEEN_US (G_USEC_PER_SEC / 10)

struct DdpProgress {
    DdpProgressSpec spec;
    int64_t next_us; /* no line before */
    bool visible;
};

static int64_t
monotonic_us(void *unused)
{
    (void)unused;
    return g_get_monotonic_time();
}

DdpProgressSpec
ddp_progress_spec_default(void)
{
    return (DdpProgressSpec){
        .fd = STDERR_FILENO,
        .is_terminal = isatty(STDERR_FILENO) != 0 && g_strcmp0(g_getenv("TERM"), "dumb") != 0,
        .width = width_of(STDERR_FILENO),
        .now_us = monotonic_us,
    };
}

DdpProgress *
ddp_progress_new(const DdpProgressSpec *spec)
{
    g_return_val_if_fail(spec != NULL && spec->now_us != NULL, NULL);

    DdpProgress *progress = g_new0(DdpProgress, 1);

    progress->spec = *spec;
    progress->next_us = spec->now_us(spec->user_data) + QUIET_US;
    return progress;
}

/* Whether a progress line arrives is nobody's error: what fails to be written is dropped. */
static void
write_to(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        bytes += written;
        length -= (size_t)written;
    }
}

void
ddp_progress_show(DdpProgress *progress, const char *text)
{
    g_return_if_fail(progress != NULL && text != NULL);

    if (!progress->spec.is_terminal)
        return;

    int64_t now = progress->spec.now_us(progress->spec.user_data);

    if (now < progress->next_us)
        return;

    g_autofree char *safe = ddp_terminal_escape(text);

    /* The last column stays free: some terminals go to the next line when it is filled. */
    if (ddp_terminal_columns(safe) > progress->spec.width - 1)
        safe[fitting_bytes(safe, progress->spec.width - 1)] = '\0';

    g_autofree char *line = g_strconcat("\r\033[K", safe, NULL);

    write_to(progress->spec.fd, line, strlen(line));
    progress->visible = true;
    progress->next_us = now + BETWEEN_US;
}

void
ddp_progress_hide(DdpProgress *progress)
{
    g_return_if_fail(progress != NULL);

    if (!progress->visible)
        return;
    write_to(progress->spec.fd, "\r\033[K", 4);
    progress->visible = false;
    /* Whoever hides it has something to say; the next show need not wait. */
    progress->next_us = 0;
}

void
ddp_progress_free(DdpProgress *progress)
{
    if (progress == NULL)
        return;
    ddp_progress_hide(progress);
    g_free(progress);
}
