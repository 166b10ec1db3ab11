/* SPDX-License-Identifier: MIT */
/* The tables of table.h that know what a run is. */
#include "sim/cli/table.h"

#include <math.h>
#include <string.h>

#include "sim/audit/audit.h"
#include "sim/audit/words.h"
#include "sim/cli/straggler.h"

/* So much is shown of each; report.json has the rest. */
#define KINDS_SHOWN_MAX 8
#define SITES_SHOWN_MAX 3
#define SERIES_SHOWN_MAX 12
#define VALUES_SHOWN_MAX 6
#define KEYS_SHOWN_MAX 8
#define RANKS_SHOWN_MAX 8
#define EVALUATIONS_SHOWN_MAX 20

/* ---- numbers ---- */

/* Decimals that show four significant digits of the greatest value; -1 for far too many. */
static int
decimals_for(double magnitude)
{
    if (!isfinite(magnitude) || magnitude == 0.0)
        return 4;

    int exponent = (int)floor(log10(magnitude));

    if (exponent < -4 || exponent > 7)
        return -1;
    return MAX(3 - exponent, 0);
}

static char *
format_value(double value, int decimals)
{
    if (decimals < 0 || !isfinite(value))
        return ddp_words_number(value, 4);

    char format[16], text[64];

    g_snprintf(format, sizeof(format), "%%.%df", decimals);
    g_ascii_formatd(text, sizeof(text), format, value);
    /* A zero with a sign says nothing. */
    return g_strdup(text[0] == '-' && strspn(text + 1, "0.") == strlen(text + 1) ? text + 1 : text);
}

static char *
format_error(const DdpAuditRow *row, int decimals)
{
    double error = ddp_audit_row_error(row);

    if (!row->has_truth)
        return g_strdup("?");
    if (ddp_audit_row_is_right(row))
        return g_strdup("0");

    if (isnan(error))
        return g_strdup("nan");

    g_autofree char *text = format_value(fabs(error), decimals);

    /* Wrong by less than the decimals show. */
    if (strspn(text, "0.") == strlen(text)) {
        g_free(text);
        text = ddp_words_number(fabs(error), 2);
    }
    return g_strconcat(error < 0.0 ? "-" : "+", text, NULL);
}

/* ---- the rows of an audit, by key and evaluation ---- */

/* What one or several ranks logged under one key in one evaluation. */
typedef struct {
    const char *key;
    int64_t epoch, step;
    GPtrArray *rows; /* of DdpAuditRow, borrowed */
} Evaluated;

typedef struct {
    const char *key;
    GPtrArray *evaluations; /* of Evaluated */
    double magnitude;       /* the greatest finite value */
} AuditKey;

static void
evaluated_free(Evaluated *evaluated)
{
    g_ptr_array_unref(evaluated->rows);
    g_free(evaluated);
}

static void
audit_key_free(AuditKey *key)
{
    g_ptr_array_unref(key->evaluations);
    g_free(key);
}

static void
add_to_key(AuditKey *key, DdpAuditRow *row)
{
    Evaluated *last = key->evaluations->len > 0
                          ? g_ptr_array_index(key->evaluations, key->evaluations->len - 1)
                          : NULL;

    if (last == NULL || last->epoch != row->epoch || last->step != row->step) {
        last = g_new0(Evaluated, 1);
        last->key = row->key;
        last->epoch = row->epoch;
        last->step = row->step;
        last->rows = g_ptr_array_new();
        g_ptr_array_add(key->evaluations, last);
    }
    g_ptr_array_add(last->rows, row);
    if (isfinite(row->logged))
        key->magnitude = MAX(key->magnitude, fabs(row->logged));
    if (row->has_truth && isfinite(row->truth))
        key->magnitude = MAX(key->magnitude, fabs(row->truth));
}

/* (transfer full): of AuditKey, in the order in which keys first appear. */
static GPtrArray *
audit_keys(const DdpRunRecord *record)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func((GDestroyNotify)audit_key_free);
    g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < record->audit->len; i++) {
        DdpAuditRow *row = g_ptr_array_index(record->audit, i);
        AuditKey *key = g_hash_table_lookup(by_name, row->key);

        if (key == NULL) {
            key = g_new0(AuditKey, 1);
            key->key = row->key;
            key->evaluations = g_ptr_array_new_with_free_func((GDestroyNotify)evaluated_free);
            g_ptr_array_add(keys, key);
            g_hash_table_insert(by_name, row->key, key);
        }
        add_to_key(key, row);
    }
    return keys;
}

static char *
ranks_of(const Evaluated *evaluated)
{
    g_autoptr(GArray) ranks = g_array_new(FALSE, FALSE, sizeof(int));

    for (guint i = 0; i < evaluated->rows->len; i++) {
        const DdpAuditRow *row = g_ptr_array_index(evaluated->rows, i);

        g_array_append_val(ranks, row->rank);
    }
    return ddp_words_rank_list(ranks);
}

/* Cells logged, true, error, share of a single value. */
static void
add_value_cells(DdpTable *table, const DdpAuditRow *row, int decimals)
{
    bool right = ddp_audit_row_is_right(row);
    g_autofree char *logged = format_value(row->logged, decimals);
    g_autofree char *truth = row->has_truth ? format_value(row->truth, decimals) : g_strdup("?");
    g_autofree char *error = format_error(row, decimals);
    g_autofree char *share = ddp_words_share(row->samples, row->of);

    ddp_table_add_cell(table, DDP_STYLE_PLAIN, logged);
    ddp_table_add_cell(table, DDP_STYLE_PLAIN, truth);
    ddp_table_add_cell(table,
                       !row->has_truth ? DDP_STYLE_PLAIN
                       : right         ? DDP_STYLE_GOOD
                                       : DDP_STYLE_BAD,
                       error);
    ddp_table_add_cell(table, DDP_STYLE_PLAIN, share);
}

/* The same four cells for what several ranks logged: their range, and the worst of the errors. */
static void
add_spread_cells(DdpTable *table, const Evaluated *evaluated, int decimals)
{
    const DdpAuditRow *least = g_ptr_array_index(evaluated->rows, 0), *greatest = least,
                      *worst = least, *fullest = least;

    for (guint i = 1; i < evaluated->rows->len; i++) {
        const DdpAuditRow *row = g_ptr_array_index(evaluated->rows, i);

        least = row->logged < least->logged ? row : least;
        greatest = row->logged > greatest->logged ? row : greatest;
        /* A NAN error is worse than any number. */
        if (!(fabs(ddp_audit_row_error(row)) <= fabs(ddp_audit_row_error(worst))))
            worst = row;
        fullest = row->samples > fullest->samples ? row : fullest;
    }
    if (least->logged == greatest->logged && worst == g_ptr_array_index(evaluated->rows, 0)) {
        add_value_cells(table, fullest, decimals);
        return;
    }

    bool right = ddp_audit_row_is_right(worst);
    g_autofree char *low = format_value(least->logged, decimals);
    g_autofree char *high = format_value(greatest->logged, decimals);
    g_autofree char *truth =
        worst->has_truth ? format_value(worst->truth, decimals) : g_strdup("?");
    g_autofree char *error = format_error(worst, decimals);
    g_autofree char *share = ddp_words_share(fullest->samples, fullest->of);
    const char *size = error[0] == '-' || error[0] == '+' ? error + 1 : error;

    ddp_table_add_cellf(table, DDP_STYLE_PLAIN, "%s to %s", low, high);
    ddp_table_add_cell(table, DDP_STYLE_PLAIN, truth);
    if (!worst->has_truth || right)
        ddp_table_add_cell(table, right ? DDP_STYLE_GOOD : DDP_STYLE_PLAIN, size);
    else
        ddp_table_add_cellf(table, DDP_STYLE_BAD, "up to %s", size);
    ddp_table_add_cellf(table, DDP_STYLE_PLAIN, "%s each", share);
}

static void
add_evaluated_cells(DdpTable *table, const Evaluated *evaluated, int decimals)
{
    if (evaluated->rows->len == 1)
        add_value_cells(table, g_ptr_array_index(evaluated->rows, 0), decimals);
    else
        add_spread_cells(table, evaluated, decimals);
}

/* ---- headings ---- */

static void
append_heading(const DdpTerminal *terminal, GString *out, const char *text)
{
    g_string_append_c(out, '\n');
    ddp_terminal_append(terminal, out, DDP_STYLE_BOLD, text);
    g_string_append(out, "\n\n");
}

static const char *
text_or(const char *text, const char *fallback)
{
    return text != NULL && *text != '\0' ? text : fallback;
}

/* "line 58" in the scenario's own file, "other.lua:3" elsewhere. */
static char *
place_of(const DdpRunRecord *record, const char *site)
{
    if (site == NULL)
        return g_strdup("-");

    const char *place = ddp_words_site(site);
    const char *colon = strrchr(place, ':');
    g_autofree char *own =
        record->scenario != NULL ? g_strconcat(record->scenario, ".lua", NULL) : g_strdup("");

    if (colon != NULL && (size_t)(colon - place) == strlen(own) &&
        strncmp(place, own, strlen(own)) == 0)
        return g_strdup_printf("line %s", colon + 1);
    return g_strdup(place);
}

static void
append_title(const DdpRunRecord *record, const DdpTerminal *terminal, GString *out)
{
    g_autofree char *title = ddp_terminal_escape(
        text_or(record->title, text_or(record->scenario, "a run without a title")));
    g_autoptr(GPtrArray) lines = ddp_terminal_wrap(title, terminal->width);
    g_autofree char *count = ddp_words_count(record->size);
    g_autofree char *facts =
        g_strdup_printf("%s: %s rank%s on %d node%s, %s, %s, seed %" G_GUINT64_FORMAT,
                        text_or(record->scenario, "-"), count, record->size == 1 ? "" : "s",
                        record->nodes, record->nodes == 1 ? "" : "s", text_or(record->backend, "-"),
                        text_or(record->engine, "-"), record->seed);

    for (guint i = 0; i < lines->len; i++) {
        ddp_terminal_append(terminal, out, DDP_STYLE_BOLD, g_ptr_array_index(lines, i));
        g_string_append_c(out, '\n');
    }
    ddp_terminal_append_paragraph(terminal, out, 0, facts);
}

/* ---- which variant did what ---- */

/* "missing_rank, partial_coverage" */
static char *
what_was_found(const DdpRunRecord *record)
{
    g_autoptr(GPtrArray) kinds = g_ptr_array_new();

    if (record->diagnosis != NULL)
        g_ptr_array_add(kinds, record->diagnosis->cls);
    for (guint i = 0; i < record->findings->len; i++) {
        const DdpFinding *finding = g_ptr_array_index(record->findings, i);

        if (!g_ptr_array_find_with_equal_func(kinds, finding->kind, g_str_equal, NULL))
            g_ptr_array_add(kinds, finding->kind);
    }
    if (kinds->len == 0)
        return g_strdup("nothing");

    g_ptr_array_add(kinds, NULL);
    return g_strjoinv(", ", (char **)kinds->pdata);
}

static void
append_variants(const GPtrArray *records, const DdpTerminal *terminal, GString *out)
{
    g_autoptr(DdpTable) table = ddp_table_new();
    bool any_fix = false;

    for (guint i = 0; i < records->len; i++)
        any_fix = any_fix || ((DdpRunRecord *)g_ptr_array_index(records, i))->fixes != NULL;

    ddp_table_add_column(table, "variant", DDP_COLUMN_TEXT);
    if (any_fix)
        ddp_table_add_column(table, "fixes", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "outcome", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "found", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "as expected", DDP_COLUMN_TEXT);

    for (guint i = 0; i < records->len; i++) {
        const DdpRunRecord *record = g_ptr_array_index(records, i);
        g_autofree char *found = what_was_found(record);
        bool completed = g_strcmp0(record->outcome, "completed") == 0;
        bool nothing = strcmp(found, "nothing") == 0;

        ddp_table_add_row(table);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, text_or(record->variant, "-"));
        if (any_fix)
            ddp_table_add_cell(table, DDP_STYLE_PLAIN, text_or(record->fixes, "-"));
        ddp_table_add_cell(table, completed ? DDP_STYLE_PLAIN : DDP_STYLE_BAD,
                           text_or(record->outcome, "-"));
        ddp_table_add_cell(table, nothing ? DDP_STYLE_GOOD : DDP_STYLE_WARN, found);
        if (record->expected_met < 0)
            ddp_table_add_cell(table, DDP_STYLE_PLAIN, "-");
        else
            ddp_table_add_cell(table, record->expected_met > 0 ? DDP_STYLE_GOOD : DDP_STYLE_BAD,
                               record->expected_met > 0 ? "yes" : "NO");
    }
    g_string_append_c(out, '\n');
    ddp_table_print(table, terminal, 0, out);
}

/* ---- logged against true, last evaluation of each variant ---- */

static double
magnitude_of(const GPtrArray *keys_of_records, const char *name)
{
    double magnitude = 0.0;

    for (guint i = 0; i < keys_of_records->len; i++) {
        const GPtrArray *keys = g_ptr_array_index(keys_of_records, i);

        for (guint j = 0; j < keys->len; j++) {
            const AuditKey *key = g_ptr_array_index(keys, j);

            if (strcmp(key->key, name) == 0)
                magnitude = MAX(magnitude, key->magnitude);
        }
    }
    return magnitude;
}

static void
add_last_values(DdpTable *table, const DdpRunRecord *record, const GPtrArray *keys,
                const GPtrArray *keys_of_records)
{
    for (guint i = 0; i < keys->len && i < KEYS_SHOWN_MAX; i++) {
        const AuditKey *key = g_ptr_array_index(keys, i);
        const Evaluated *last = g_ptr_array_index(key->evaluations, key->evaluations->len - 1);
        g_autofree char *ranks = ranks_of(last);

        ddp_table_add_row(table);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, i == 0 ? text_or(record->variant, "-") : "");
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, key->key);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, ranks);
        add_evaluated_cells(table, last, decimals_for(magnitude_of(keys_of_records, key->key)));
    }
    if (keys->len > KEYS_SHOWN_MAX) {
        ddp_table_add_row(table);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, "");
        ddp_table_add_cellf(table, DDP_STYLE_DIM, "%u more in report.json",
                            keys->len - KEYS_SHOWN_MAX);
    }
}

static void
add_value_columns(DdpTable *table)
{
    ddp_table_add_column(table, "logged", DDP_COLUMN_NUMBER);
    ddp_table_add_column(table, "true", DDP_COLUMN_NUMBER);
    ddp_table_add_column(table, "error", DDP_COLUMN_NUMBER);
    ddp_table_add_column(table, "samples", DDP_COLUMN_NUMBER);
}

/* The last epoch of any variant, or -1. */
static int64_t
last_epoch(const GPtrArray *records)
{
    int64_t epoch = -1;

    for (guint i = 0; i < records->len; i++) {
        const DdpRunRecord *record = g_ptr_array_index(records, i);

        for (guint j = 0; j < record->audit->len; j++) {
            const DdpAuditRow *row = g_ptr_array_index(record->audit, j);

            epoch = MAX(epoch, row->epoch);
        }
    }
    return epoch;
}

static void
append_last_values(const GPtrArray *records, const DdpTerminal *terminal, GString *out)
{
    g_autoptr(GPtrArray) keys_of_records =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    g_autoptr(DdpTable) table = ddp_table_new();
    int64_t epoch = last_epoch(records);
    bool any = false;

    ddp_table_add_column(table, "variant", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "key", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "rank", DDP_COLUMN_TEXT);
    add_value_columns(table);
    for (guint i = 0; i < records->len; i++)
        g_ptr_array_add(keys_of_records, audit_keys(g_ptr_array_index(records, i)));
    for (guint i = 0; i < records->len; i++) {
        const GPtrArray *keys = g_ptr_array_index(keys_of_records, i);

        any = any || keys->len > 0;
        add_last_values(table, g_ptr_array_index(records, i), keys, keys_of_records);
    }
    if (!any)
        return;

    g_autofree char *heading =
        epoch >= 0 ? g_strdup_printf("Logged in the last epoch (%" G_GINT64_FORMAT
                                     "), beside the true value over the whole data set",
                                     epoch)
                   : g_strdup("Logged last, beside the true value over the whole data set");

    append_heading(terminal, out, heading);
    ddp_table_print(table, terminal, 0, out);
}

/* ---- what reached the logs, where there is no audit ---- */

static char *
values_of(const DdpLogSeries *series)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < series->entries->len && i < VALUES_SHOWN_MAX; i++) {
        const DdpLogEntry *entry = g_ptr_array_index(series->entries, i);
        g_autofree char *value = ddp_words_number(entry->value, 6);

        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", value);
    }
    if (series->entries->len > VALUES_SHOWN_MAX)
        g_string_append(text, ", ...");
    return g_string_free(text, FALSE);
}

static char *
writers_of(const DdpLogSeries *series)
{
    g_autoptr(GArray) ranks = g_array_new(FALSE, FALSE, sizeof(int));

    for (guint i = 0; i < series->entries->len; i++) {
        const DdpLogEntry *entry = g_ptr_array_index(series->entries, i);

        g_array_append_val(ranks, entry->rank);
    }
    return ddp_words_rank_list(ranks);
}

static void
add_series(DdpTable *table, const DdpRunRecord *record)
{
    for (guint i = 0; i < record->logs->len && i < SERIES_SHOWN_MAX; i++) {
        const DdpLogSeries *series = g_ptr_array_index(record->logs, i);
        g_autofree char *writers = writers_of(series);
        g_autofree char *values = values_of(series);
        g_autofree char *count = ddp_words_count(series->entries->len);

        ddp_table_add_row(table);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, i == 0 ? text_or(record->variant, "-") : "");
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, series->path);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, series->tag);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, writers);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, count);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, values);
    }
    if (record->logs->len > SERIES_SHOWN_MAX) {
        ddp_table_add_row(table);
        ddp_table_add_cell(table, DDP_STYLE_PLAIN, "");
        ddp_table_add_cellf(table, DDP_STYLE_DIM, "%u more in report.json",
                            record->logs->len - SERIES_SHOWN_MAX);
    }
}

static void
append_logs(const GPtrArray *records, const DdpTerminal *terminal, GString *out)
{
    g_autoptr(DdpTable) table = ddp_table_new();
    bool any_log = false;

    ddp_table_add_column(table, "variant", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "written to", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "tag", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "ranks", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "entries", DDP_COLUMN_NUMBER);
    ddp_table_add_column(table, "values, in order written", DDP_COLUMN_TEXT);
    for (guint i = 0; i < records->len; i++) {
        const DdpRunRecord *record = g_ptr_array_index(records, i);

        if (record->audit->len > 0)
            return;
        any_log = any_log || record->logs->len > 0;
        add_series(table, record);
    }
    if (!any_log)
        return;

    append_heading(terminal, out, "What reached the logs");
    ddp_table_print(table, terminal, 0, out);
}

/* ---- in words ---- */

static void
append_finding(const DdpRunRecord *record, const DdpFinding *finding, const DdpTerminal *terminal,
               GString *out)
{
    g_autofree char *kind = ddp_terminal_escape(finding->kind);

    g_string_append(out, "  ");
    ddp_terminal_append(terminal, out, DDP_STYLE_WARN, kind);
    for (guint i = 0; i < finding->sites->len && i < SITES_SHOWN_MAX; i++) {
        g_autofree char *place = place_of(record, g_ptr_array_index(finding->sites, i));
        g_autofree char *safe = ddp_terminal_escape(place);

        g_string_append_printf(out, "%s%s", i == 0 ? " at " : ", ", safe);
    }
    g_string_append_c(out, '\n');
    ddp_terminal_append_paragraph(terminal, out, 4, finding->message);
}

/* The first of each kind; the tables above have shown what the others would repeat. */
static void
append_findings(const DdpRunRecord *record, const DdpTerminal *terminal, GString *out)
{
    g_autoptr(GPtrArray) kinds = g_ptr_array_new();

    for (guint i = 0; i < record->findings->len && kinds->len < KINDS_SHOWN_MAX; i++) {
        const DdpFinding *finding = g_ptr_array_index(record->findings, i);

        if (g_ptr_array_find_with_equal_func(kinds, finding->kind, g_str_equal, NULL))
            continue;
        g_ptr_array_add(kinds, finding->kind);
        append_finding(record, finding, terminal, out);
    }
    if (record->findings->len > kinds->len)
        g_string_append_printf(out, "  and %u more of the same kind%s in report.json\n",
                               record->findings->len - kinds->len, kinds->len == 1 ? "" : "s");
}

static void
append_decisions(const DdpRunRecord *record, const DdpTerminal *terminal, GString *out)
{
    for (guint i = 0; i < record->decisions->len; i++) {
        const DdpDecision *decision = g_ptr_array_index(record->decisions, i);

        if (g_strcmp0(decision->took, decision->true_would_take) == 0)
            continue;

        g_autofree char *text = g_strdup_printf(
            "%s: took %s, with the true values it would have been %s", decision->what,
            text_or(decision->took, "nothing"), text_or(decision->true_would_take, "nothing"));

        ddp_terminal_append_paragraph(terminal, out, 2, text);
    }
}

static void
append_failures(const DdpRunRecord *record, const DdpTerminal *terminal, GString *out)
{
    for (guint i = 0; i < record->expected_failures->len; i++) {
        g_string_append(out, "  ");
        ddp_terminal_append(terminal, out, DDP_STYLE_BAD, "not as expected");
        g_string_append_c(out, '\n');
        ddp_terminal_append_paragraph(terminal, out, 4,
                                      g_ptr_array_index(record->expected_failures, i));
    }
}

static void
append_words(const DdpRunRecord *record, const DdpTerminal *terminal, GString *out)
{
    const DdpRankRecord *straggler = ddp_cli_straggler(record);

    if (record->findings->len + record->decisions->len + record->expected_failures->len == 0 &&
        straggler == NULL)
        return;

    g_autofree char *variant = ddp_terminal_escape(text_or(record->variant, "-"));

    g_string_append_c(out, '\n');
    ddp_terminal_append(terminal, out, DDP_STYLE_BOLD, variant);
    g_string_append_c(out, '\n');
    append_findings(record, terminal, out);
    append_decisions(record, terminal, out);
    if (straggler != NULL)
        ddp_cli_append_straggler(record, straggler, terminal, out);
    append_failures(record, terminal, out);
}

void
ddp_table_run_summary(const GPtrArray *records, const DdpTerminal *terminal, GString *out)
{
    g_return_if_fail(records != NULL && terminal != NULL && out != NULL);

    if (records->len == 0)
        return;

    const DdpRunRecord *first = g_ptr_array_index(records, 0);

    append_title(first, terminal, out);
    append_variants(records, terminal, out);
    append_last_values(records, terminal, out);
    append_logs(records, terminal, out);
    for (guint i = 0; i < records->len; i++)
        append_words(g_ptr_array_index(records, i), terminal, out);

    if (first->lesson != NULL && *first->lesson != '\0') {
        g_string_append_c(out, '\n');
        ddp_terminal_append(terminal, out, DDP_STYLE_BOLD, "The lesson");
        g_string_append_c(out, '\n');
        ddp_terminal_append_paragraph(terminal, out, 2, first->lesson);
    }
}

/* ---- the whole audit ---- */

typedef struct {
    DdpTable *table;
    const DdpRunRecord *record;
    bool by_step;        /* the evaluations have no epoch */
    bool any_duplicates; /* a column tells of them */
} AuditTable;

static void
add_audit_row(const AuditTable *audit, const Evaluated *evaluated, bool first, int decimals)
{
    const DdpAuditRow *row = g_ptr_array_index(evaluated->rows, 0);
    g_autofree char *ranks = ranks_of(evaluated);
    g_autofree char *place = place_of(audit->record, row->site);

    ddp_table_add_row(audit->table);
    ddp_table_add_cell(audit->table, DDP_STYLE_PLAIN, first ? evaluated->key : "");
    ddp_table_add_cellf(audit->table, DDP_STYLE_PLAIN, "%" G_GINT64_FORMAT,
                        audit->by_step ? evaluated->step : evaluated->epoch);
    ddp_table_add_cell(audit->table, DDP_STYLE_PLAIN, ranks);
    add_evaluated_cells(audit->table, evaluated, decimals);
    if (audit->any_duplicates)
        ddp_table_add_cellf(audit->table, DDP_STYLE_PLAIN, "%" G_GINT64_FORMAT, row->duplicates);
    ddp_table_add_cell(audit->table, DDP_STYLE_DIM, place);
}

static void
add_audit_rows(const AuditTable *audit, const Evaluated *evaluated, bool first, int decimals)
{
    if (evaluated->rows->len > RANKS_SHOWN_MAX) {
        add_audit_row(audit, evaluated, first, decimals);
        return;
    }

    for (guint i = 0; i < evaluated->rows->len; i++) {
        g_autoptr(GPtrArray) one = g_ptr_array_new();
        Evaluated single = *evaluated;

        g_ptr_array_add(one, g_ptr_array_index(evaluated->rows, i));
        single.rows = one;
        add_audit_row(audit, &single, first && i == 0, decimals);
    }
}

void
ddp_table_audit(const DdpRunRecord *record, const DdpTerminal *terminal, GString *out)
{
    g_return_if_fail(record != NULL && terminal != NULL && out != NULL);

    g_autoptr(GPtrArray) keys = audit_keys(record);
    g_autoptr(DdpTable) table = ddp_table_new();
    AuditTable audit = {.table = table, .record = record, .by_step = true};

    for (guint i = 0; i < record->audit->len; i++) {
        const DdpAuditRow *row = g_ptr_array_index(record->audit, i);

        audit.by_step = audit.by_step && row->epoch < 0;
        audit.any_duplicates = audit.any_duplicates || row->duplicates > 0;
    }

    ddp_table_add_column(table, "key", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, audit.by_step ? "step" : "epoch", DDP_COLUMN_NUMBER);
    ddp_table_add_column(table, "rank", DDP_COLUMN_TEXT);
    add_value_columns(table);
    if (audit.any_duplicates)
        ddp_table_add_column(table, "twice", DDP_COLUMN_NUMBER);
    ddp_table_add_column(table, "logged at", DDP_COLUMN_TEXT);

    for (guint i = 0; i < keys->len; i++) {
        const AuditKey *key = g_ptr_array_index(keys, i);
        guint count = key->evaluations->len;
        guint from = count > EVALUATIONS_SHOWN_MAX ? count - EVALUATIONS_SHOWN_MAX : 0;

        if (i > 0)
            ddp_table_add_gap(table);
        for (guint j = from; j < count; j++)
            add_audit_rows(&audit, g_ptr_array_index(key->evaluations, j), j == from,
                           decimals_for(key->magnitude));
        if (from > 0) {
            ddp_table_add_row(table);
            ddp_table_add_cellf(table, DDP_STYLE_DIM, "%u earlier in report.json", from);
        }
    }
    ddp_table_print(table, terminal, 0, out);
}
