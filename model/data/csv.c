/* SPDX-License-Identifier: MIT */
#include "model/data/csv.h"

#include <math.h>
#include <string.h>

#include "model/data/dataset.h"

#define FIELD_BYTES_MAX 64

typedef struct {
    const char *path;
    size_t line; /* from 1 */
} Place;

G_GNUC_PRINTF(3, 4)
static bool
fail(const Place *place, GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    g_autofree char *what = g_strdup_vprintf(format, arguments);

    va_end(arguments);
    g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_DAMAGED, "%s:%zu: %s", place->path,
                place->line, what);
    return false;
}

/* One field of a data line, from @field up to @end. */
static bool
parse_field(const Place *place, const char *name, const char *field, const char *end, double *value,
            GError **error)
{
    char text[FIELD_BYTES_MAX];
    size_t length = (size_t)(end - field);
    char *rest = text;

    if (length < sizeof text) {
        memcpy(text, field, length);
        text[length] = '\0';
        *value = g_ascii_strtod(text, &rest);
        if (rest != text && *rest == '\0' && rest == text + length && isfinite(*value))
            return true;
    }

    g_autofree char *shown = g_strndup(field, MIN(length, 20));
    g_autofree char *escaped = g_strescape(shown, NULL);

    return fail(place, error, "'%s' in column %s is not a number", escaped, name);
}

static bool
parse_row(const Place *place, const DdpCsv *csv, const char *line, const char *end, double *row,
          GError **error)
{
    size_t found = 1;

    for (const char *c = line; c < end; c++)
        found += *c == ',';
    if (found != csv->column_count)
        return fail(place, error, "%zu values, expected %zu", found, csv->column_count);

    for (size_t i = 0; i < csv->column_count; i++) {
        const char *comma = memchr(line, ',', (size_t)(end - line));
        const char *field_end = comma != NULL ? comma : end;

        if (!parse_field(place, csv->column_names[i], line, field_end, &row[i], error))
            return false;
        line = field_end + 1;
    }
    return true;
}

/* The end of the line without its newline, and where the next one starts. */
static const char *
line_end(const char *line, const char *text_end, const char **next)
{
    const char *newline = memchr(line, '\n', (size_t)(text_end - line));
    const char *end = newline != NULL ? newline : text_end;

    *next = newline != NULL ? newline + 1 : text_end;
    if (end > line && end[-1] == '\r')
        end--;
    return end;
}

static bool
parse(DdpCsv *csv, const char *path, const char *text, size_t length, GError **error)
{
    const char *text_end = text + length;
    const char *next;
    Place place = {path, 1};
    const char *end = line_end(text, text_end, &next);

    if (end == text)
        return fail(&place, error, "the line of column names is missing");
    for (const char *c = text; c < end; c++) {
        if (!g_ascii_isprint(*c))
            return fail(&place, error, "the line of column names is damaged");
    }

    g_autofree char *names = g_strndup(text, (size_t)(end - text));
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));

    csv->column_names = g_strsplit(names, ",", -1);
    csv->column_count = g_strv_length(csv->column_names);
    while (next < text_end) {
        const char *line = next;
        size_t used = csv->row_count * csv->column_count;

        if (used + csv->column_count > G_MAXUINT / sizeof(double))
            return fail(&place, error, "the file is too large");
        end = line_end(line, text_end, &next);
        place.line++;
        g_array_set_size(values, (guint)(used + csv->column_count));
        if (!parse_row(&place, csv, line, end, &g_array_index(values, double, used), error))
            return false;
        csv->row_count++;
    }
    if (csv->row_count == 0)
        return fail(&place, error, "no rows follow the column names");
    if (text_end[-1] != '\n')
        return fail(&place, error, "the file is cut short: its last line has no end");

    csv->values = (double *)(void *)g_array_free(g_steal_pointer(&values), FALSE);
    return true;
}

DdpCsv *
ddp_csv_read(const char *path, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *text = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, &cause)) {
        bool missing = g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT);

        g_set_error(error, DDP_DATA_ERROR,
                    missing ? DDP_DATA_ERROR_MISSING : DDP_DATA_ERROR_DAMAGED, "%s",
                    cause->message); /* which names the path */
        return NULL;
    }

    g_autoptr(DdpCsv) csv = g_new0(DdpCsv, 1);

    if (!parse(csv, path, text, length, error))
        return NULL;
    return g_steal_pointer(&csv);
}

void
ddp_csv_free(DdpCsv *csv)
{
    g_strfreev(csv->column_names);
    g_free(csv->values);
    g_free(csv);
}

size_t
ddp_csv_line(size_t row)
{
    return row + 2; /* lines count from 1, and the first one holds the names */
}
