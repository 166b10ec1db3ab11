/* SPDX-License-Identifier: MIT */
#include "sim/cli/table.h"

#include <string.h>

#define BETWEEN 2           /* spaces between columns */
#define TEXT_COLUMNS_MIN 10 /* no column of words gets narrower */

typedef struct {
    char *title;
    DdpColumnKind kind;
} Column;

typedef struct {
    char *text; /* escaped */
    DdpStyle style;
} Cell;

typedef struct {
    GArray *cells; /* of Cell; NULL for a gap or a heading */
    char *heading; /* escaped; NULL for all others */
} Row;

struct DdpTable {
    GArray *columns; /* of Column */
    GArray *rows;    /* of Row */
};

static void
column_clear(void *column)
{
    g_free(((Column *)column)->title);
}

static void
cell_clear(void *cell)
{
    g_free(((Cell *)cell)->text);
}

static void
row_clear(void *row)
{
    g_clear_pointer(&((Row *)row)->cells, g_array_unref);
    g_free(((Row *)row)->heading);
}

DdpTable *
ddp_table_new(void)
{
    DdpTable *table = g_new0(DdpTable, 1);

    table->columns = g_array_new(FALSE, FALSE, sizeof(Column));
    table->rows = g_array_new(FALSE, FALSE, sizeof(Row));
    g_array_set_clear_func(table->columns, column_clear);
    g_array_set_clear_func(table->rows, row_clear);
    return table;
}

void
ddp_table_free(DdpTable *table)
{
    if (table == NULL)
        return;

    g_array_unref(table->columns);
    g_array_unref(table->rows);
    g_free(table);
}

void
ddp_table_add_column(DdpTable *table, const char *title, DdpColumnKind kind)
{
    g_return_if_fail(table != NULL && title != NULL && table->rows->len == 0);

    Column column = {ddp_terminal_escape(title), kind};

    g_array_append_val(table->columns, column);
}

void
ddp_table_add_row(DdpTable *table)
{
    g_return_if_fail(table != NULL);

    Row row = {g_array_new(FALSE, FALSE, sizeof(Cell)), NULL};

    g_array_set_clear_func(row.cells, cell_clear);
    g_array_append_val(table->rows, row);
}

void
ddp_table_add_gap(DdpTable *table)
{
    g_return_if_fail(table != NULL);

    Row gap = {NULL, NULL};

    g_array_append_val(table->rows, gap);
}

void
ddp_table_add_heading(DdpTable *table, const char *text)
{
    g_return_if_fail(table != NULL && text != NULL);

    Row heading = {NULL, ddp_terminal_escape(text)};

    g_array_append_val(table->rows, heading);
}

void
ddp_table_add_cell(DdpTable *table, DdpStyle style, const char *text)
{
    g_return_if_fail(table != NULL && table->rows->len > 0 && text != NULL);

    Row *row = &g_array_index(table->rows, Row, table->rows->len - 1);
    Cell cell = {ddp_terminal_escape(text), style};

    g_assert(row->cells != NULL && row->cells->len < table->columns->len);
    g_array_append_val(row->cells, cell);
}

void
ddp_table_add_cellf(DdpTable *table, DdpStyle style, const char *format, ...)
{
    va_list args;

    va_start(args, format);

    g_autofree char *text = g_strdup_vprintf(format, args);

    va_end(args);
    ddp_table_add_cell(table, style, text);
}

/* ---- layout ---- */

static void
measure(const DdpTable *table, int *widths)
{
    for (guint i = 0; i < table->columns->len; i++)
        widths[i] = ddp_terminal_columns(g_array_index(table->columns, Column, i).title);

    for (guint i = 0; i < table->rows->len; i++) {
        const GArray *cells = g_array_index(table->rows, Row, i).cells;

        for (guint j = 0; cells != NULL && j < cells->len; j++) {
            int columns = ddp_terminal_columns(g_array_index(cells, Cell, j).text);

            widths[j] = MAX(widths[j], columns);
        }
    }
}

/* Takes a column at a time from the widest column of words, until the table fits or none is left.
 */
static void
squeeze(const DdpTable *table, int *widths, int available)
{
    int total = BETWEEN * (int)(table->columns->len - 1);

    for (guint i = 0; i < table->columns->len; i++)
        total += widths[i];

    while (total > available) {
        int widest = -1;

        for (guint i = 0; i < table->columns->len; i++)
            if (g_array_index(table->columns, Column, i).kind == DDP_COLUMN_TEXT &&
                widths[i] > TEXT_COLUMNS_MIN && (widest < 0 || widths[i] > widths[widest]))
                widest = (int)i;
        if (widest < 0)
            return;
        widths[widest]--;
        total--;
    }
}

/* ---- printing ---- */

typedef struct {
    const DdpTable *table;
    const DdpTerminal *terminal;
    const int *widths;
    int indent;
    GString *out;
} Printer;

static void
end_line(GString *out)
{
    while (out->len > 0 && out->str[out->len - 1] == ' ')
        g_string_truncate(out, out->len - 1);
    g_string_append_c(out, '\n');
}

/* One of the lines of a row; @text may be NULL where a cell has no more lines. */
static void
print_piece(const Printer *printer, guint index, DdpStyle style, const char *text)
{
    const Column *column = &g_array_index(printer->table->columns, Column, index);
    int spaces = printer->widths[index] - (text != NULL ? ddp_terminal_columns(text) : 0);

    if (index > 0)
        g_string_append_printf(printer->out, "%*s", BETWEEN, "");
    if (column->kind == DDP_COLUMN_NUMBER)
        g_string_append_printf(printer->out, "%*s", MAX(spaces, 0), "");
    if (text != NULL && *text != '\0')
        ddp_terminal_append(printer->terminal, printer->out, style, text);
    if (column->kind != DDP_COLUMN_NUMBER)
        g_string_append_printf(printer->out, "%*s", MAX(spaces, 0), "");
}

/* @cells: as many as there are columns, or fewer. */
static void
print_cells(const Printer *printer, const Cell *cells, guint count)
{
    g_autoptr(GPtrArray) wrapped =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    guint height = 1;

    for (guint i = 0; i < count; i++) {
        int width = g_array_index(printer->table->columns, Column, i).kind == DDP_COLUMN_TEXT
                        ? MAX(printer->widths[i], 1)
                        : G_MAXINT;
        GPtrArray *lines = ddp_terminal_wrap(cells[i].text, width);

        g_ptr_array_add(wrapped, lines);
        height = MAX(height, lines->len);
    }

    for (guint line = 0; line < height; line++) {
        g_string_append_printf(printer->out, "%*s", printer->indent, "");
        for (guint i = 0; i < printer->table->columns->len; i++) {
            const GPtrArray *lines = i < count ? g_ptr_array_index(wrapped, i) : NULL;

            print_piece(printer, i, i < count ? cells[i].style : DDP_STYLE_PLAIN,
                        lines != NULL && line < lines->len ? g_ptr_array_index(lines, line) : NULL);
        }
        end_line(printer->out);
    }
}

static void
print_head(const Printer *printer)
{
    guint count = printer->table->columns->len;
    g_autofree Cell *titles = g_new(Cell, count);
    g_autofree Cell *rules = g_new(Cell, count);

    for (guint i = 0; i < count; i++) {
        titles[i] = (Cell){g_array_index(printer->table->columns, Column, i).title, DDP_STYLE_BOLD};
        rules[i] = (Cell){g_strnfill((gsize)printer->widths[i], '-'), DDP_STYLE_DIM};
    }
    print_cells(printer, titles, count);
    print_cells(printer, rules, count);
    for (guint i = 0; i < count; i++)
        g_free(rules[i].text);
}

void
ddp_table_print(const DdpTable *table, const DdpTerminal *terminal, int indent, GString *out)
{
    g_return_if_fail(table != NULL && terminal != NULL && out != NULL);

    if (table->rows->len == 0 || table->columns->len == 0)
        return;

    g_autofree int *widths = g_new0(int, table->columns->len);

    measure(table, widths);
    squeeze(table, widths, terminal->width - indent);

    Printer printer = {table, terminal, widths, indent, out};

    print_head(&printer);
    for (guint i = 0; i < table->rows->len; i++) {
        const Row *row = &g_array_index(table->rows, Row, i);

        if (row->cells != NULL) {
            print_cells(&printer, (const Cell *)(const void *)row->cells->data, row->cells->len);
            continue;
        }
        if (row->heading != NULL) {
            g_string_append_printf(out, "%*s", indent, "");
            ddp_terminal_append(terminal, out, DDP_STYLE_BOLD, row->heading);
        }
        g_string_append_c(out, '\n');
    }
}
