/* SPDX-License-Identifier: MIT */
#include "sim/cli/event_tables.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "sim/cli/table.h"

#define FILES_SHOWN 8
#define SECONDS_MAX 253402300799.0 /* the end of the year 9999 */
#define INDENT 2

/* ---- what is shown ---- */

bool
ddp_event_view_shows(const DdpEventView *view, const DdpEventSeries *series)
{
    GMatchInfo *match = NULL;
    bool matches = false;

    if (view->tag == NULL || g_str_equal(view->tag, series->tag))
        return true;
    if (view->pattern == NULL)
        return false;

    g_regex_match(view->pattern, series->tag, 0, &match);
    matches = g_match_info_matches(match);
    g_match_info_unref(match);
    return matches;
}

static const char *
kind_text(const DdpEventSeries *series)
{
    if (series->kind != DDP_EVENT_TENSORS || series->plugin == NULL)
        return ddp_event_kind_name(series->kind);
    if (g_str_equal(series->plugin, "scalars"))
        return "scalars (tensor)";
    if (g_str_equal(series->plugin, "text"))
        return "text";
    return "tensors";
}

static const DdpEventEntry *
entry_at(const DdpEventSeries *series, guint index)
{
    return &g_array_index(series->entries, DdpEventEntry, index);
}

/* True if the entries themselves can be shown, and not only that they are there. */
static bool
has_values(const DdpEventSeries *series)
{
    if (series->is_numeric)
        return true;
    for (guint i = 0; i < series->entries->len; i++) {
        if (entry_at(series, i)->text != NULL)
            return true;
    }
    return false;
}

char *
ddp_event_time_text(double wall_time)
{
    if (!(wall_time >= -SECONDS_MAX && wall_time <= SECONDS_MAX))
        return g_strdup_printf("%g s", wall_time);

    int64_t milliseconds = llround(wall_time * 1000);
    int64_t seconds = milliseconds / 1000 - (milliseconds % 1000 < 0 ? 1 : 0);
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);

    if (time == NULL)
        return g_strdup_printf("%g s", wall_time);

    g_autofree char *text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");

    return g_strdup_printf("%s.%03dZ", text, (int)(milliseconds - seconds * 1000));
}

char *
ddp_event_value_text(double value)
{
    bool is_float = (double)(float)value == value;
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    for (int digits = is_float ? 6 : 15; digits <= 17; digits++) {
        char format[8];

        g_snprintf(format, sizeof format, "%%.%dg", digits);
        g_ascii_formatd(text, sizeof text, format, value);

        double back = g_ascii_strtod(text, NULL);

        if (is_float ? (double)(float)back == value : back == value)
            break;
    }
    return g_strdup(text);
}

/* ---- for people ---- */

static void append_line(GString *out, int indent, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
append_line(GString *out, int indent, const char *format, ...)
{
    va_list args;

    g_string_append_printf(out, "%*s", indent, "");
    va_start(args, format);
    g_string_append_vprintf(out, format, args);
    va_end(args);
    g_string_append_c(out, '\n');
}

static void
append_heading(const DdpTerminal *terminal, GString *out, int indent, const char *before,
               const char *name)
{
    g_autofree char *escaped = ddp_terminal_escape(name);

    g_string_append_printf(out, "%*s%s", indent, "", before);
    ddp_terminal_append(terminal, out, DDP_STYLE_BOLD, escaped);
    g_string_append_c(out, '\n');
}

static void
append_files(const GPtrArray *files, GString *out)
{
    append_line(out, INDENT, "%u %s", files->len, files->len == 1 ? "file" : "files");
    for (guint i = 0; i < MIN(files->len, FILES_SHOWN); i++) {
        g_autofree char *name = g_path_get_basename(files->pdata[i]);
        g_autofree char *escaped = ddp_terminal_escape(name);

        append_line(out, 2 * INDENT, "%s", escaped);
    }
    if (files->len > FILES_SHOWN)
        append_line(out, 2 * INDENT, "... and %u more", files->len - FILES_SHOWN);
}

static void
append_tags(const DdpEventAccumulator *read, const DdpEventView *view, const DdpTerminal *terminal,
            GString *out)
{
    g_autoptr(DdpTable) table = ddp_table_new();
    guint shown = 0;

    ddp_table_add_column(table, "tag", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "kind", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "entries", DDP_COLUMN_NUMBER);
    ddp_table_add_column(table, "first step", DDP_COLUMN_NUMBER);
    ddp_table_add_column(table, "last step", DDP_COLUMN_NUMBER);
    for (size_t i = 0; i < ddp_event_accumulator_count(read); i++) {
        const DdpEventSeries *series = ddp_event_accumulator_get(read, i);
        guint count = series->entries->len;

        if (!ddp_event_view_shows(view, series))
            continue;
        shown++;
        ddp_table_add_row(table);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, series->tag);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, kind_text(series));
        ddp_table_add_cellf(table, DDP_STYLE_PLAIN, "%u", count);
        if (count == 0) /* a restart dropped them all */
            continue;
        ddp_table_add_cellf(table, DDP_STYLE_PLAIN, "%" PRId64, entry_at(series, 0)->step);
        ddp_table_add_cellf(table, DDP_STYLE_PLAIN, "%" PRId64, entry_at(series, count - 1)->step);
    }
    if (shown == 0) {
        append_line(out, INDENT, "%s", view->tag != NULL ? "no such tag" : "nothing was logged");
        return;
    }
    g_string_append_c(out, '\n');
    ddp_table_print(table, terminal, INDENT, out);
}

/* The width of a column, over the entries that will be shown. */
static int
widest(const DdpEventSeries *series, guint head, guint tail_from, bool is_step)
{
    size_t width = strlen(is_step ? "step" : "value");

    for (guint i = 0; i < series->entries->len; i = i + 1 == head ? tail_from : i + 1) {
        const DdpEventEntry *entry = entry_at(series, i);
        g_autofree char *text =
            is_step ? g_strdup_printf("%" PRId64, entry->step) : ddp_event_value_text(entry->value);

        width = MAX(width, strlen(text));
    }
    return (int)width;
}

static void
append_entry(const DdpEventSeries *series, guint index, int step_width, int value_width,
             GString *out)
{
    const DdpEventEntry *entry = entry_at(series, index);
    g_autofree char *time = ddp_event_time_text(entry->wall_time);
    g_autofree char *value = series->is_numeric ? ddp_event_value_text(entry->value) : NULL;

    if (value != NULL) {
        append_line(out, 2 * INDENT, "%*" PRId64 "  %*s  %s", step_width, entry->step, value_width,
                    value, time);
        return;
    }

    g_autofree char *text = entry->text != NULL ? ddp_terminal_escape(entry->text) : NULL;

    append_line(out, 2 * INDENT, "%*" PRId64 "  %s  %s", step_width, entry->step, time,
                text != NULL ? text : "-");
}

static void
append_entries(const DdpEventSeries *series, bool all, const DdpTerminal *terminal, GString *out)
{
    guint count = series->entries->len;
    bool is_cut = !all && count > DDP_EVENT_TABLES_ROWS;
    guint head = is_cut ? DDP_EVENT_TABLES_ROWS / 2 : count;
    guint tail_from = is_cut ? count - DDP_EVENT_TABLES_ROWS / 2 : count;
    int step_width = widest(series, head, tail_from, true);
    int value_width = series->is_numeric ? widest(series, head, tail_from, false) : 0;

    g_string_append_c(out, '\n');
    append_heading(terminal, out, INDENT, "", series->tag);
    if (series->is_numeric)
        append_line(out, 2 * INDENT, "%*s  %*s  wall time", step_width, "step", value_width,
                    "value");
    else
        append_line(out, 2 * INDENT, "%*s  %-24s  text", step_width, "step", "wall time");
    for (guint i = 0; i < head; i++)
        append_entry(series, i, step_width, value_width, out);
    if (is_cut)
        append_line(out, 2 * INDENT, "... %u more (--all shows them)", tail_from - head);
    for (guint i = tail_from; i < count; i++)
        append_entry(series, i, step_width, value_width, out);
}

void
ddp_event_tables_append(const DdpEventRun *run, const DdpEventAccumulator *read,
                        const DdpEventView *view, const DdpTerminal *terminal, GString *out)
{
    append_heading(terminal, out, 0, "run ", run->name);
    append_files(ddp_event_accumulator_files(read), out);
    append_tags(read, view, terminal, out);
    for (size_t i = 0; i < ddp_event_accumulator_count(read); i++) {
        const DdpEventSeries *series = ddp_event_accumulator_get(read, i);

        if (ddp_event_view_shows(view, series) && series->entries->len > 0 && has_values(series))
            append_entries(series, view->all, terminal, out);
    }
}

/* ---- as JSON ---- */

static const char *
problem_kind_name(DdpEventProblemKind kind)
{
    switch (kind) {
    case DDP_EVENT_PROBLEM_TRUNCATED:
        return "truncated";
    case DDP_EVENT_PROBLEM_CORRUPT:
        return "corrupt";
    case DDP_EVENT_PROBLEM_UNREADABLE:
        return "unreadable";
    }
    g_assert_not_reached();
}

static void
tell_series(const DdpEventSeries *series, DdpJsonOut *out)
{
    ddp_json_out_open_object(out, NULL);
    ddp_json_out_string(out, "tag", series->tag);
    ddp_json_out_string(out, "kind", ddp_event_kind_name(series->kind));
    ddp_json_out_string(out, "plugin", series->plugin);
    ddp_json_out_open_array(out, "entries");
    for (guint i = 0; i < series->entries->len; i++) {
        const DdpEventEntry *entry = entry_at(series, i);

        ddp_json_out_open_flat_object(out, NULL);
        ddp_json_out_int(out, "step", entry->step);
        ddp_json_out_real(out, "wall_time", entry->wall_time);
        if (series->is_numeric)
            ddp_json_out_real(out, "value", entry->value);
        if (entry->text != NULL)
            ddp_json_out_string(out, "text", entry->text);
        ddp_json_out_close(out);
    }
    ddp_json_out_close(out);
    ddp_json_out_close(out);
}

static void
tell_problems(const DdpEventProblems *problems, DdpJsonOut *out)
{
    ddp_json_out_open_array(out, "problems");
    for (size_t i = 0; i < ddp_event_problems_count(problems); i++) {
        const DdpEventProblem *problem = ddp_event_problems_get(problems, i);

        ddp_json_out_open_flat_object(out, NULL);
        ddp_json_out_string(out, "path", problem->path);
        ddp_json_out_int(out, "offset", (int64_t)problem->offset);
        ddp_json_out_string(out, "kind", problem_kind_name(problem->kind));
        ddp_json_out_string(out, "what", problem->what);
        ddp_json_out_close(out);
    }
    ddp_json_out_close(out);
    ddp_json_out_int(out, "problems_omitted", (int64_t)ddp_event_problems_omitted(problems));
}

void
ddp_event_tables_tell(const DdpEventRun *run, const DdpEventAccumulator *read,
                      const DdpEventView *view, DdpJsonOut *out)
{
    const GPtrArray *files = ddp_event_accumulator_files(read);

    ddp_json_out_open_object(out, NULL);
    ddp_json_out_string(out, "run", run->name);
    ddp_json_out_string(out, "path", run->path);
    ddp_json_out_open_array(out, "files");
    for (guint i = 0; i < files->len; i++)
        ddp_json_out_string(out, NULL, files->pdata[i]);
    ddp_json_out_close(out);
    ddp_json_out_open_array(out, "tags");
    for (size_t i = 0; i < ddp_event_accumulator_count(read); i++) {
        const DdpEventSeries *series = ddp_event_accumulator_get(read, i);

        if (ddp_event_view_shows(view, series))
            tell_series(series, out);
    }
    ddp_json_out_close(out);
    tell_problems(ddp_event_accumulator_problems(read), out);
    ddp_json_out_close(out);
}
