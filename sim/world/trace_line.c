/* SPDX-License-Identifier: MIT */
#include "sim/world/trace_line.h"

#include <string.h>

typedef struct {
    const char *at;
    const char *end;
} Cursor;

static bool
take(Cursor *cursor, char wanted)
{
    if (cursor->at == cursor->end || *cursor->at != wanted)
        return false;
    cursor->at++;
    return true;
}

/* What stands behind a backslash. */
static bool
take_escape(Cursor *cursor)
{
    if (take(cursor, 'u')) {
        for (int i = 0; i < 4; i++, cursor->at++) {
            if (cursor->at == cursor->end || !g_ascii_isxdigit(*cursor->at))
                return false;
        }
        return true;
    }
    if (cursor->at == cursor->end || *cursor->at == '\0' ||
        strchr("\"\\/bfnrt", *cursor->at) == NULL)
        return false;
    cursor->at++;
    return true;
}

static bool
take_string(Cursor *cursor, DdpTraceText *text)
{
    if (!take(cursor, '"'))
        return false;
    text->at = cursor->at;
    while (cursor->at < cursor->end && *cursor->at != '"') {
        if ((unsigned char)*cursor->at < 0x20)
            return false;
        if (*cursor->at++ == '\\' && !take_escape(cursor))
            return false;
    }
    text->length = (size_t)(cursor->at - text->at);
    return take(cursor, '"');
}

/* A whole number, as JSON writes it: no leading zero. */
static bool
take_number(Cursor *cursor, DdpTraceText *text)
{
    text->at = cursor->at;
    (void)take(cursor, '-');

    const char *digits = cursor->at;

    while (cursor->at < cursor->end && g_ascii_isdigit(*cursor->at))
        cursor->at++;
    text->length = (size_t)(cursor->at - text->at);
    return cursor->at > digits && (digits[0] != '0' || cursor->at == digits + 1);
}

static bool
to_int(DdpTraceText text, int64_t *number)
{
    char digits[24];

    if (text.length >= sizeof digits)
        return false;
    memcpy(digits, text.at, text.length);
    digits[text.length] = '\0';
    return g_ascii_string_to_signed(digits, 10, INT64_MIN, INT64_MAX, number, NULL);
}

bool
ddp_trace_text_is(DdpTraceText text, const char *word)
{
    return text.at != NULL && strlen(word) == text.length &&
           memcmp(text.at, word, text.length) == 0;
}

/* One key and its value; what is not known is passed over. */
static bool
take_field(Cursor *cursor, DdpTraceLine *line)
{
    const struct {
        const char *key;
        DdpTraceText *text;
    } texts[] = {
        {"event", &line->event}, {"call", &line->call},           {"group", &line->group},
        {"site", &line->site},   {"signature", &line->signature}, {"name", &line->name},
        {"text", &line->text},
    };
    const struct {
        const char *key;
        int64_t *number;
    } numbers[] = {
        {"t", &line->t_ns},           {"rank", &line->rank}, {"ns", &line->ns},
        {"waited", &line->waited_ns}, {"last", &line->last},
    };
    DdpTraceText key, value;

    if (!take_string(cursor, &key) || !take(cursor, ':'))
        return false;
    if (cursor->at < cursor->end && *cursor->at == '"') {
        if (!take_string(cursor, &value))
            return false;
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
            if (ddp_trace_text_is(key, texts[i].key))
                *texts[i].text = value;
        }
        return true;
    }
    if (!take_number(cursor, &value))
        return false;
    if (ddp_trace_text_is(key, "seq"))
        line->seq = value;
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (ddp_trace_text_is(key, numbers[i].key))
            return to_int(value, numbers[i].number);
    }
    return true;
}

bool
ddp_trace_line_read(const char *bytes, size_t length, DdpTraceLine *line)
{
    Cursor cursor = {bytes, bytes + length};

    *line = (DdpTraceLine){.t_ns = -1, .rank = -1, .ns = -1, .waited_ns = -1, .last = -1};
    if (!g_utf8_validate_len(bytes, length, NULL) || !take(&cursor, '{'))
        return false;
    do {
        if (!take_field(&cursor, line))
            return false;
    } while (take(&cursor, ','));
    return take(&cursor, '}') && cursor.at == cursor.end && line->event.at != NULL &&
           line->t_ns >= 0;
}
