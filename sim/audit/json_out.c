/* SPDX-License-Identifier: MIT */
#include "sim/audit/json_out.h"

#include <math.h>
#include <string.h>

/* A report nests to five; an assertion guards the array. */
#define DEPTH_MAX 16
#define PIECE_BYTES (64 * 1024)

typedef struct {
    bool is_object;
    bool flat;
    bool has_member;
} Level;

struct DdpJsonOut {
    JsonBuilder *builder; /* owned; NULL for a text */

    GString *text; /* owned; what was not written yet; NULL for a tree */
    DdpJsonWriteFunc write;
    void *user_data;
    bool indented;
    bool failed;

    Level levels[DEPTH_MAX];
    int depth;
};

DdpJsonOut *
ddp_json_out_new_text(DdpJsonWriteFunc write, void *user_data, bool indented)
{
    g_return_val_if_fail(write != NULL, NULL);

    DdpJsonOut *out = g_new0(DdpJsonOut, 1);

    out->text = g_string_sized_new(4096);
    out->write = write;
    out->user_data = user_data;
    out->indented = indented;
    return out;
}

DdpJsonOut *
ddp_json_out_new_tree(void)
{
    DdpJsonOut *out = g_new0(DdpJsonOut, 1);

    out->builder = json_builder_new();
    return out;
}

void
ddp_json_out_free(DdpJsonOut *out)
{
    if (out == NULL)
        return;

    g_clear_object(&out->builder);
    if (out->text != NULL)
        g_string_free(out->text, TRUE);
    g_free(out);
}

static void
write_piece(DdpJsonOut *out)
{
    if (!out->failed && !out->write(out->text->str, out->text->len, out->user_data))
        out->failed = true;
    g_string_truncate(out->text, 0);
}

bool
ddp_json_out_flush(DdpJsonOut *out)
{
    g_return_val_if_fail(out != NULL && out->text != NULL, false);
    g_assert(out->depth == 0);

    g_string_append_c(out->text, '\n');
    write_piece(out);
    return !out->failed;
}

JsonNode *
ddp_json_out_take_tree(DdpJsonOut *out)
{
    g_return_val_if_fail(out != NULL && out->builder != NULL, NULL);
    g_assert(out->depth == 0);

    return json_builder_get_root(out->builder);
}

static void
append_quoted(GString *text, const char *value)
{
    static const char hex[] = "0123456789abcdef";
    const char *plain = value; /* begin of what needs no escape */

    g_string_append_c(text, '"');
    for (const char *at = value;; at++) {
        unsigned char c = (unsigned char)*at;

        /* U+0080 to U+009F are control characters too, and terminals may obey them. */
        if (c == 0xc2 && (unsigned char)at[1] < 0xa0) {
            g_string_append_len(text, plain, at - plain);
            g_string_append_printf(text, "\\u%04x", (unsigned char)at[1]);
            at++;
            plain = at + 1;
            continue;
        }
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;

        g_string_append_len(text, plain, at - plain);
        plain = at + 1;
        switch (c) {
        case '\0':
            g_string_append_c(text, '"');
            return;
        case '"':
            g_string_append(text, "\\\"");
            break;
        case '\\':
            g_string_append(text, "\\\\");
            break;
        case '\n':
            g_string_append(text, "\\n");
            break;
        case '\t':
            g_string_append(text, "\\t");
            break;
        default:
            g_string_append(text, "\\u00");
            g_string_append_c(text, hex[c >> 4]);
            g_string_append_c(text, hex[c & 15]);
        }
    }
}

/* Everything that stands before a value: comma, line, name. */
static void
begin_value(DdpJsonOut *out, const char *name)
{
    Level *level = out->depth > 0 ? &out->levels[out->depth - 1] : NULL;

    g_assert((name != NULL) == (level != NULL && level->is_object));

    if (out->builder != NULL) {
        if (name != NULL)
            json_builder_set_member_name(out->builder, name);
        return;
    }

    if (out->text->len >= PIECE_BYTES)
        write_piece(out);
    if (level != NULL && level->has_member)
        g_string_append_c(out->text, ',');
    if (level != NULL && out->indented) {
        if (!level->flat)
            g_string_append_printf(out->text, "\n%*s", 2 * out->depth, "");
        else if (level->has_member)
            g_string_append_c(out->text, ' ');
    }
    if (name != NULL) {
        append_quoted(out->text, name);
        g_string_append(out->text, out->indented ? ": " : ":");
    }
    if (level != NULL)
        level->has_member = true;
}

static void
open_level(DdpJsonOut *out, const char *name, bool is_object, bool flat)
{
    begin_value(out, name);
    g_assert(out->depth < DEPTH_MAX);

    bool parent_flat = out->depth > 0 && out->levels[out->depth - 1].flat;

    out->levels[out->depth++] = (Level){.is_object = is_object, .flat = flat || parent_flat};
    if (out->builder == NULL)
        g_string_append_c(out->text, is_object ? '{' : '[');
    else if (is_object)
        json_builder_begin_object(out->builder);
    else
        json_builder_begin_array(out->builder);
}

void
ddp_json_out_open_object(DdpJsonOut *out, const char *name)
{
    open_level(out, name, true, false);
}

void
ddp_json_out_open_array(DdpJsonOut *out, const char *name)
{
    open_level(out, name, false, false);
}

void
ddp_json_out_open_flat_object(DdpJsonOut *out, const char *name)
{
    open_level(out, name, true, true);
}

void
ddp_json_out_open_flat_array(DdpJsonOut *out, const char *name)
{
    open_level(out, name, false, true);
}

void
ddp_json_out_close(DdpJsonOut *out)
{
    g_assert(out->depth > 0);

    Level level = out->levels[--out->depth];

    if (out->builder != NULL) {
        if (level.is_object)
            json_builder_end_object(out->builder);
        else
            json_builder_end_array(out->builder);
        return;
    }

    if (out->indented && !level.flat && level.has_member)
        g_string_append_printf(out->text, "\n%*s", 2 * out->depth, "");
    g_string_append_c(out->text, level.is_object ? '}' : ']');
}

void
ddp_json_out_null(DdpJsonOut *out, const char *name)
{
    begin_value(out, name);
    if (out->builder != NULL)
        json_builder_add_null_value(out->builder);
    else
        g_string_append(out->text, "null");
}

void
ddp_json_out_bool(DdpJsonOut *out, const char *name, bool value)
{
    begin_value(out, name);
    if (out->builder != NULL)
        json_builder_add_boolean_value(out->builder, value);
    else
        g_string_append(out->text, value ? "true" : "false");
}

void
ddp_json_out_int(DdpJsonOut *out, const char *name, int64_t value)
{
    begin_value(out, name);
    if (out->builder != NULL)
        json_builder_add_int_value(out->builder, value);
    else
        g_string_append_printf(out->text, "%" G_GINT64_FORMAT, value);
}

/* The fewest digits that read back as @value; 17 always do. */
static void
append_real(GString *text, double value)
{
    static const char *const formats[] = {"%.15g", "%.16g", "%.17g"};
    char digits[G_ASCII_DTOSTR_BUF_SIZE];

    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_ascii_formatd(digits, sizeof(digits), formats[i], value);
        if (g_ascii_strtod(digits, NULL) == value)
            break;
    }
    g_string_append(text, digits);
    if (strpbrk(digits, ".e") == NULL)
        g_string_append(text, ".0");
}

void
ddp_json_out_real(DdpJsonOut *out, const char *name, double value)
{
    if (!isfinite(value)) {
        ddp_json_out_null(out, name);
        return;
    }

    begin_value(out, name);
    if (out->builder != NULL)
        json_builder_add_double_value(out->builder, value);
    else
        append_real(out->text, value);
}

void
ddp_json_out_string(DdpJsonOut *out, const char *name, const char *value)
{
    if (value == NULL) {
        ddp_json_out_null(out, name);
        return;
    }

    g_autofree char *repaired = NULL;

    if (!g_utf8_validate(value, -1, NULL)) {
        repaired = g_utf8_make_valid(value, -1);
        value = repaired;
    }

    begin_value(out, name);
    if (out->builder != NULL)
        json_builder_add_string_value(out->builder, value);
    else
        append_quoted(out->text, value);
}
