/* SPDX-License-Identifier: MIT */
#include "model/checkpoint/json_scan.h"

#include <string.h>

/* What may come next. */
typedef enum {
    EXPECT_VALUE,
    EXPECT_FIRST_NAME,  /* or the end of an object that has nothing in it */
    EXPECT_NAME,        /* behind a comma */
    EXPECT_FIRST_VALUE, /* or the end of an empty array */
    EXPECT_COMMA,       /* or the end of what is open */
    EXPECT_END,
    EXPECT_NOTHING, /* broken */
} Expect;

struct DdpJsonScan {
    const char *start;
    const char *at;
    const char *end;
    Expect expect;
    int depth;
    bool is_object[DDP_JSON_DEPTH_MAX];
    GString *text; /* owned */
    bool is_checked;
};

G_DEFINE_QUARK(ddp_json_error_quark, ddp_json_error)

DdpJsonScan *
ddp_json_scan_new(const char *text, size_t length)
{
    DdpJsonScan *scan = g_new0(DdpJsonScan, 1);

    scan->start = scan->at = text;
    scan->end = text + length;
    scan->expect = EXPECT_VALUE;
    scan->text = g_string_new(NULL);
    return scan;
}

void
ddp_json_scan_free(DdpJsonScan *scan)
{
    if (scan == NULL)
        return;
    g_string_free(scan->text, TRUE);
    g_free(scan);
}

const char *
ddp_json_scan_text(const DdpJsonScan *scan)
{
    return scan->text->str;
}

size_t
ddp_json_scan_length(const DdpJsonScan *scan)
{
    return scan->text->len;
}

size_t
ddp_json_scan_offset(const DdpJsonScan *scan)
{
    return (size_t)(scan->at - scan->start);
}

static DdpJsonToken
broken(DdpJsonScan *scan, GError **error, const char *what)
{
    scan->expect = EXPECT_NOTHING;
    g_set_error(error, DDP_JSON_ERROR, DDP_JSON_ERROR_SYNTAX, "byte %zu of the JSON text: %s",
                ddp_json_scan_offset(scan), what);
    return DDP_JSON_BROKEN;
}

/* ---- pieces -------------------------------------------------------------------------- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void
skip_space(DdpJsonScan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

/* The byte at hand, or 0 at the end: a zero byte is never right in JSON either. */
static char
current(const DdpJsonScan *scan)
{
    return scan->at < scan->end ? *scan->at : '\0';
}

static bool
read_hex(DdpJsonScan *scan, gunichar *value)
{
    *value = 0;
    if (scan->end - scan->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(*scan->at);

        if (digit < 0)
            return false;
        *value = *value * 16 + (gunichar)digit;
        scan->at++;
    }
    return true;
}

/* Behind "\u": one unit, or the two of a surrogate pair. */
static const char *
read_unicode(DdpJsonScan *scan)
{
    static const char lonely[] = "half of a surrogate pair stands alone";
    gunichar high, low;

    if (!read_hex(scan, &high))
        return "\\u without four hex digits";
    if (high >= 0xdc00 && high <= 0xdfff)
        return lonely;
    if (high >= 0xd800 && high <= 0xdbff) {
        if (scan->end - scan->at < 2 || scan->at[0] != '\\' || scan->at[1] != 'u')
            return lonely;
        scan->at += 2;
        if (!read_hex(scan, &low) || low < 0xdc00 || low > 0xdfff)
            return lonely;
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
    if (high == 0)
        g_string_append_c(scan->text, '\0'); /* append_unichar would take it for the end */
    else
        g_string_append_unichar(scan->text, high);
    return NULL;
}

/* Behind the backslash. Returns what is wrong, or NULL. */
static const char *
read_escape(DdpJsonScan *scan)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    char c = current(scan);
    const char *found;

    if (c == 'u') {
        scan->at++;
        return read_unicode(scan);
    }
    found = c != '\0' ? strchr(from, c) : NULL;
    if (found == NULL)
        return "an unknown escape in a string";
    g_string_append_c(scan->text, to[found - from]);
    scan->at++;
    return NULL;
}

/* Behind the opening quote. Returns what is wrong, or NULL. */
static const char *
read_string(DdpJsonScan *scan)
{
    g_string_truncate(scan->text, 0);
    for (;;) {
        const char *from = scan->at;

        while (scan->at < scan->end && *scan->at != '"' && *scan->at != '\\' &&
               (unsigned char)*scan->at >= 0x20)
            scan->at++;
        g_string_append_len(scan->text, from, scan->at - from);
        if (scan->at == scan->end)
            return "the text ends inside a string";
        if (*scan->at == '"') {
            scan->at++;
            return NULL;
        }
        if (*scan->at != '\\')
            return "a control character in a string";
        scan->at++;

        const char *wrong = read_escape(scan);

        if (wrong != NULL)
            return wrong;
    }
}

static bool
read_digits(DdpJsonScan *scan)
{
    const char *from = scan->at;

    while (is_digit(current(scan)))
        scan->at++;
    return scan->at > from;
}

static bool
read_number(DdpJsonScan *scan)
{
    const char *from = scan->at;

    if (current(scan) == '-')
        scan->at++;
    if (current(scan) == '0')
        scan->at++; /* no digit may follow, and what follows is looked at by whoever is next */
    else if (!read_digits(scan))
        return false;
    if (current(scan) == '.') {
        scan->at++;
        if (!read_digits(scan))
            return false;
    }
    if (current(scan) == 'e' || current(scan) == 'E') {
        scan->at++;
        if (current(scan) == '+' || current(scan) == '-')
            scan->at++;
        if (!read_digits(scan))
            return false;
    }
    g_string_truncate(scan->text, 0);
    g_string_append_len(scan->text, from, scan->at - from);
    return true;
}

static bool
read_word(DdpJsonScan *scan, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
        return false;
    scan->at += length;
    return true;
}

/* ---- the grammar --------------------------------------------------------------------- */

/* A value is complete: what may follow depends on where it stood. */
static void
after_value(DdpJsonScan *scan)
{
    scan->expect = scan->depth == 0 ? EXPECT_END : EXPECT_COMMA;
}

static DdpJsonToken
open_level(DdpJsonScan *scan, bool is_object, GError **error)
{
    if (scan->depth == DDP_JSON_DEPTH_MAX)
        return broken(scan, error, "it is nested too deep");
    scan->at++;
    scan->is_object[scan->depth++] = is_object;
    scan->expect = is_object ? EXPECT_FIRST_NAME : EXPECT_FIRST_VALUE;
    return is_object ? DDP_JSON_OBJECT_BEGIN : DDP_JSON_ARRAY_BEGIN;
}

static DdpJsonToken
close_level(DdpJsonScan *scan)
{
    scan->at++;
    scan->depth--;
    after_value(scan);
    return scan->is_object[scan->depth] ? DDP_JSON_OBJECT_END : DDP_JSON_ARRAY_END;
}

static DdpJsonToken
read_value(DdpJsonScan *scan, GError **error)
{
    static const struct {
        const char *word;
        DdpJsonToken token;
    } words[] = {{"true", DDP_JSON_TRUE}, {"false", DDP_JSON_FALSE}, {"null", DDP_JSON_NULL}};
    char c = current(scan);

    if (c == '{' || c == '[')
        return open_level(scan, c == '{', error);
    if (c == '"') {
        scan->at++;

        const char *wrong = read_string(scan);

        if (wrong != NULL)
            return broken(scan, error, wrong);
        after_value(scan);
        return DDP_JSON_STRING;
    }
    if (c == '-' || is_digit(c)) {
        if (!read_number(scan))
            return broken(scan, error, "a number is not complete");
        after_value(scan);
        return DDP_JSON_NUMBER;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (read_word(scan, words[i].word)) {
            after_value(scan);
            return words[i].token;
        }
    }
    return broken(scan, error,
                  scan->at == scan->end ? "the text ends where a value is expected"
                                        : "a value is expected");
}

static DdpJsonToken
read_name(DdpJsonScan *scan, GError **error)
{
    if (current(scan) != '"')
        return broken(scan, error, "a name in quotes is expected");
    scan->at++;

    const char *wrong = read_string(scan);

    if (wrong != NULL)
        return broken(scan, error, wrong);
    skip_space(scan);
    if (current(scan) != ':')
        return broken(scan, error, "':' is expected");
    scan->at++;
    scan->expect = EXPECT_VALUE;
    return DDP_JSON_NAME;
}

DdpJsonToken
ddp_json_scan_next(DdpJsonScan *scan, GError **error)
{
    if (!scan->is_checked) {
        const char *wrong;

        scan->is_checked = true;
        if (!g_utf8_validate(scan->start, scan->end - scan->start, &wrong)) {
            scan->at = wrong;
            return broken(scan, error, "it is not UTF-8");
        }
    }
    skip_space(scan);
    if (scan->expect == EXPECT_COMMA) {
        bool is_object = scan->is_object[scan->depth - 1];

        if (current(scan) == (is_object ? '}' : ']'))
            return close_level(scan);
        if (current(scan) != ',')
            return broken(scan, error,
                          is_object ? "',' or '}' is expected" : "',' or ']' is expected");
        scan->at++;
        skip_space(scan);
        scan->expect = is_object ? EXPECT_NAME : EXPECT_VALUE;
    }
    switch (scan->expect) {
    case EXPECT_VALUE:
        return read_value(scan, error);
    case EXPECT_FIRST_VALUE:
        return current(scan) == ']' ? close_level(scan) : read_value(scan, error);
    case EXPECT_FIRST_NAME:
        return current(scan) == '}' ? close_level(scan) : read_name(scan, error);
    case EXPECT_NAME:
        return read_name(scan, error);
    case EXPECT_END:
        if (scan->at < scan->end)
            return broken(scan, error, "something stands behind the value");
        return DDP_JSON_END;
    case EXPECT_NOTHING:
        return broken(scan, error, "it was found broken before");
    case EXPECT_COMMA:
        break;
    }
    g_assert_not_reached();
}

bool
ddp_json_scan_skip(DdpJsonScan *scan, DdpJsonToken token, GError **error)
{
    int depth = scan->depth;

    if (token == DDP_JSON_NAME) {
        token = ddp_json_scan_next(scan, error);
        depth = scan->depth;
    }
    if (token == DDP_JSON_BROKEN)
        return false;
    if (token != DDP_JSON_OBJECT_BEGIN && token != DDP_JSON_ARRAY_BEGIN)
        return true;
    while (scan->depth >= depth) {
        if (ddp_json_scan_next(scan, error) == DDP_JSON_BROKEN)
            return false;
    }
    return true;
}

bool
ddp_json_scan_count(const DdpJsonScan *scan, int64_t *value)
{
    const char *text = scan->text->str;
    guint64 parsed;

    return is_digit(*text) && g_ascii_string_to_unsigned(text, 10, 0, INT64_MAX, &parsed, NULL) &&
           (*value = (int64_t)parsed, true);
}

void
ddp_json_append_string(GString *out, const char *text, size_t length)
{
    static const char names[] = "btn?fr"; /* of 8 to 13 */

    g_string_append_c(out, '"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\') {
            g_string_append_c(out, '\\');
            g_string_append_c(out, (char)c);
        } else if (c >= 8 && c <= 13 && c != 11) {
            g_string_append_c(out, '\\');
            g_string_append_c(out, names[c - 8]);
        } else if (c < 0x20) {
            g_string_append_printf(out, "\\u%04x", c);
        } else {
            g_string_append_c(out, (char)c);
        }
    }
    g_string_append_c(out, '"');
}
