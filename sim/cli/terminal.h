/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * What standard output can show, and text made fit for it.
 *
 * Text that came from a scenario is escaped before it reaches a terminal: no title can move
 * the cursor, change a colour or turn the reading direction. Widths are counted in columns, not in
 * bytes or characters.
 */

typedef struct {
    bool color; /* standard output is a terminal, NO_COLOR is unset, TERM is not "dumb" */
    int width;  /* columns: COLUMNS, else what the terminal says, else 80; at least 40 */
} DdpTerminal;

DdpTerminal ddp_terminal_detect(void);

typedef enum {
    DDP_STYLE_PLAIN,
    DDP_STYLE_BOLD,
    DDP_STYLE_DIM,
    DDP_STYLE_GOOD, /* green */
    DDP_STYLE_BAD,  /* bold red */
    DDP_STYLE_WARN, /* yellow */
} DdpStyle;

/* Appends @text as it is, in @style if @terminal shows colours. Words must do without them. */
void ddp_terminal_append(const DdpTerminal *terminal, GString *out, DdpStyle style,
                         const char *text);

/**
 * ddp_terminal_escape:
 *
 * One line, valid UTF-8, no control character: "\n", "\t" and "\x1b" for those below U+0020, U+007F
 * and bytes that are no UTF-8; "\u{202e}" for other control characters and those that turn
 * the reading direction.
 *
 * Returns: (transfer full)
 */
char *ddp_terminal_escape(const char *text);

/* Columns that valid UTF-8 takes: wide characters two, combining marks none. */
int ddp_terminal_columns(const char *text);

/**
 * ddp_terminal_wrap:
 * @text: valid UTF-8; runs of white space, newlines included, are one space
 *
 * Lines of at most @columns, broken at spaces, and inside a word only if it alone is too wide.
 *
 * Returns: (transfer full) (element-type char*): at least one line, which may be empty
 */
GPtrArray *ddp_terminal_wrap(const char *text, int columns);

/* Appends @text (escaped, wrapped) with @indent spaces in front of every line. */
void ddp_terminal_append_paragraph(const DdpTerminal *terminal, GString *out, int indent,
                                   const char *text);

/*
 * A line on standard error that says how far a long run is. It shows only if standard error is a
 * terminal, and only once a second has passed, so that quick runs stay quiet; it is rewritten in
 * place at most ten times a second and leaves no trace.
 */
typedef struct DdpProgress DdpProgress;

typedef struct {
    int fd;
    bool is_terminal;
    int width;
    int64_t (*now_us)(void *user_data);
    void *user_data;
} DdpProgressSpec;

/* Standard error, its terminal and the monotonic clock. */
DdpProgressSpec ddp_progress_spec_default(void);

/* (transfer full): the second begins now. */
DdpProgress *ddp_progress_new(const DdpProgressSpec *spec);

/* @text is escaped and cut to the width. Cheap to call often. */
void ddp_progress_show(DdpProgress *progress, const char *text);

/* Takes the line away, for instance before other output; the next show brings it back. */
void ddp_progress_hide(DdpProgress *progress);

/* Hides, then frees. */
void ddp_progress_free(DdpProgress *progress);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpProgress, ddp_progress_free)

G_END_DECLS
