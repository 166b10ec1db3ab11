/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

/*
 * A table of numbers from a CSV file: one line of column names, then one line a row.
 *
 * The dialect is that of the shipped data: commas, no quotes, "." as decimal point in every
 * locale. Errors are of DDP_DATA_ERROR and begin with "path:line: ".
 */

typedef struct {
    size_t row_count;
    size_t column_count;
    char **column_names; /* owned, NULL-terminated */
    double *values;      /* owned, row_count × column_count, all finite */
} DdpCsv;

/* Returns: (transfer full): the table with at least one row, or NULL with @error set */
DdpCsv *ddp_csv_read(const char *path, GError **error);
void ddp_csv_free(DdpCsv *csv);

/* The line of the file on which row @row stands, for messages. */
size_t ddp_csv_line(size_t row);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpCsv, ddp_csv_free)

G_END_DECLS
