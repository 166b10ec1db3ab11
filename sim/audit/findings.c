/* SPDX-License-Identifier: MIT */
#include "sim/audit/findings.h"

#include <string.h>

#include "sim/audit/audit.h"
#include "sim/audit/words.h"

/* Significant digits of a value in a sentence. */
#define DIGITS 5
/* A sentence names at most so many tags. */
#define TAGS_NAMED_MAX 4

/* ---- where a finding shows ---- */

static int
compare_int(const void *a, const void *b)
{
    int one = *(const int *)a, other = *(const int *)b;

    return (one > other) - (one < other);
}

static int
compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
sort_ranks_once_each(GArray *ranks)
{
    guint kept = 0;

    g_array_sort(ranks, compare_int);
    for (guint i = 0; i < ranks->len; i++) {
        int rank = g_array_index(ranks, int, i);

        if (kept == 0 || g_array_index(ranks, int, kept - 1) != rank)
            g_array_index(ranks, int, kept++) = rank;
    }
    g_array_set_size(ranks, kept);
}

/* @known: the sites that are in there already, borrowed. */
static void
note_place(DdpFinding *finding, GHashTable *known, int rank, const char *site)
{
    g_array_append_val(finding->ranks, rank);
    if (site != NULL && g_hash_table_add(known, (char *)site))
        g_ptr_array_add(finding->sites, g_strdup(site));
}

static void
sort_places(DdpFinding *finding)
{
    sort_ranks_once_each(finding->ranks);
    g_ptr_array_sort(finding->sites, compare_text);
}

/* ---- from audit rows ---- */

/* All rows of one key that a finding is about. */
typedef struct {
    const char *key;
    GPtrArray *rows; /* of DdpAuditRow, borrowed, in order */
} KeyRows;

static void
key_rows_free(KeyRows *key)
{
    g_ptr_array_unref(key->rows);
    g_free(key);
}

/* Of KeyRows, in the order in which the keys first appear. */
static GPtrArray *
group_by_key(const GPtrArray *audit)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func((GDestroyNotify)key_rows_free);
    g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < audit->len; i++) {
        DdpAuditRow *row = g_ptr_array_index(audit, i);
        KeyRows *key = g_hash_table_lookup(by_name, row->key);

        if (key == NULL) {
            key = g_new0(KeyRows, 1);
            key->key = row->key;
            key->rows = g_ptr_array_new();
            g_ptr_array_add(keys, key);
            g_hash_table_insert(by_name, row->key, key);
        }
        g_ptr_array_add(key->rows, row);
    }
    return keys;
}

static bool
is_partial(const DdpAuditRow *row)
{
    return row->samples >= 0 && row->samples < row->of;
}

/*
 * With a truth to hold it against, padding is no matter as long as the value is right. Without
 * one it is, unless every sample counts more than once, which is how each rank evaluating
 * everything looks.
 */
static bool
is_padded(const DdpAuditRow *row)
{
    if (row->samples < 0 || is_partial(row) || row->duplicates == 0)
        return false;
    return row->has_truth ? !ddp_audit_row_is_right(row) : row->duplicates < row->samples;
}

/*
 * A value that equals the truth on whatever part of the data (a learning rate, the number of
 * the epoch) does not come from the data, or does no harm.
 */
static bool
all_right(const GPtrArray *rows)
{
    for (guint i = 0; i < rows->len; i++)
        if (!ddp_audit_row_is_right(g_ptr_array_index(rows, i)))
            return false;
    return true;
}

/* The rows of the last evaluation among @rows, summed up. */
typedef struct {
    const DdpAuditRow *row; /* the last of them */
    double least, greatest;
    int64_t samples_min, samples_max;
} Last;

static Last
sum_up_last(const GPtrArray *rows)
{
    const DdpAuditRow *last = g_ptr_array_index(rows, rows->len - 1);
    Last sum = {last, last->logged, last->logged, last->samples, last->samples};

    for (guint i = rows->len; i-- > 0;) {
        const DdpAuditRow *row = g_ptr_array_index(rows, i);

        if (row->epoch != last->epoch || row->step != last->step)
            break;
        sum.least = MIN(sum.least, row->logged);
        sum.greatest = MAX(sum.greatest, row->logged);
        sum.samples_min = MIN(sum.samples_min, row->samples);
        sum.samples_max = MAX(sum.samples_max, row->samples);
    }
    return sum;
}

/* "2,500 of 10,000 samples" */
static void
append_samples(GString *text, int64_t least, int64_t greatest, int64_t of)
{
    g_autofree char *low = ddp_words_count(least);
    g_autofree char *high = ddp_words_count(greatest);
    g_autofree char *whole = ddp_words_count(of);

    if (least != greatest)
        g_string_append_printf(text, "%s to ", low);
    g_string_append_printf(text, "%s of %s samples", high, whole);
}

/* "the last value is 0.4512, the whole data set gives 0.4698 (error -0.0186)" */
static void
append_values(GString *text, const Last *last, const char *truth_words)
{
    g_autofree char *low = ddp_words_number(last->least, DIGITS);
    g_autofree char *high = ddp_words_number(last->greatest, DIGITS);
    g_autofree char *truth = ddp_words_number(last->row->truth, DIGITS);
    bool one = strcmp(low, high) == 0;

    if (one)
        g_string_append_printf(text, "the last value is %s", low);
    else
        g_string_append_printf(text, "the last values run from %s to %s", low, high);
    if (!last->row->has_truth)
        return;

    g_string_append_printf(text, ", %s %s", truth_words, truth);
    if (one) {
        double error = ddp_audit_row_error(last->row);
        g_autofree char *words = ddp_words_number(error, 3);

        g_string_append_printf(text, " (error %s%s)", error > 0 ? "+" : "", words);
    }
}

typedef struct {
    const char *kind;
    bool (*applies)(const DdpAuditRow *row);
    void (*describe)(GString *text, const char *who, const Last *last);
} AuditRule;

static void
describe_partial(GString *text, const char *who, const Last *last)
{
    g_autofree char *share = ddp_words_share(last->samples_max, last->row->of);

    g_string_append_printf(text, "what %s logged rests on %s of the data set (", who, share);
    append_samples(text, last->samples_min, last->samples_max, last->row->of);
    g_string_append(text, "); ");
    append_values(text, last, "the whole data set gives");
    g_string_append(text, ". Reduce it over all ranks, weighted by samples, before it is logged.");
}

static void
describe_padded(GString *text, const char *who, const Last *last)
{
    g_string_append_printf(text, "what %s logged counts ", who);
    append_samples(text, last->row->duplicates, last->row->duplicates, last->row->of);
    g_string_append(text, " more than once, as a sampler does that pads its shards; ");
    append_values(text, last, "each sample counted once gives");
    g_string_append(text, ". Evaluate without padding, or leave the repeated samples out.");
}

static void
apply_rule(DdpRunRecord *record, const AuditRule *rule, const KeyRows *key)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();

    for (guint i = 0; i < key->rows->len; i++)
        if (rule->applies(g_ptr_array_index(key->rows, i)))
            g_ptr_array_add(rows, g_ptr_array_index(key->rows, i));
    if (rows->len == 0)
        return;

    DdpFinding *finding = ddp_run_record_add_finding(record, rule->kind, "");
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < rows->len; i++) {
        const DdpAuditRow *row = g_ptr_array_index(rows, i);

        note_place(finding, known, row->rank, row->site);
    }
    sort_places(finding);

    Last last = sum_up_last(rows);
    GString *text = g_string_new(NULL);
    g_autofree char *ranks = ddp_words_ranks(finding->ranks);
    g_autofree char *who =
        finding->ranks->len == 1 ? g_strdup(ranks) : g_strconcat("each of ", ranks, NULL);

    g_string_append_printf(text, "%s: ", key->key);
    rule->describe(text, who, &last);
    g_free(finding->message);
    finding->message = g_string_free(text, FALSE);
}

void
ddp_findings_from_audit(DdpRunRecord *record)
{
    static const AuditRule rules[] = {
        {"partial_coverage", is_partial, describe_partial},
        {"padded_duplicates", is_padded, describe_padded},
    };
    g_autoptr(GPtrArray) keys = group_by_key(record->audit);

    for (guint i = 0; i < keys->len; i++) {
        const KeyRows *key = g_ptr_array_index(keys, i);

        if (all_right(key->rows))
            continue;
        for (size_t rule = 0; rule < G_N_ELEMENTS(rules); rule++)
            apply_rule(record, &rules[rule], key);
    }
}

/* ---- from log entries ---- */

static int
compare_by_step_and_rank(const void *a, const void *b)
{
    const DdpLogEntry *one = *(DdpLogEntry *const *)a, *other = *(DdpLogEntry *const *)b;

    if (one->step != other->step)
        return one->step < other->step ? -1 : 1;
    return (one->rank > other->rank) - (one->rank < other->rank);
}

/* One place that a logger writes, and what was found there. */
typedef struct {
    const char *logger, *path;
    GPtrArray *tags;    /* of char*, borrowed: those with several writers at a step */
    GPtrArray *entries; /* of DdpLogEntry, borrowed: the entries of those tags at those steps */
    guint step_count;   /* how many values one writer would have written instead */
} Writers;

static void
writers_free(Writers *writers)
{
    g_ptr_array_unref(writers->tags);
    g_ptr_array_unref(writers->entries);
    g_free(writers);
}

static bool
has_one_rank(const GPtrArray *entries)
{
    for (guint i = 1; i < entries->len; i++) {
        const DdpLogEntry *entry = g_ptr_array_index(entries, i);
        const DdpLogEntry *first = g_ptr_array_index(entries, 0);

        if (entry->rank != first->rank)
            return false;
    }
    return true;
}

static void
look_for_writers(Writers *writers, const DdpLogSeries *series)
{
    if (has_one_rank(series->entries))
        return;

    g_autoptr(GPtrArray) sorted = g_ptr_array_copy(series->entries, NULL, NULL);
    guint entries_before = writers->entries->len;

    g_ptr_array_set_free_func(sorted, NULL);
    g_ptr_array_sort(sorted, compare_by_step_and_rank);
    for (guint first = 0, end; first < sorted->len; first = end) {
        const DdpLogEntry *entry = g_ptr_array_index(sorted, first);
        const DdpLogEntry *last = entry;

        for (end = first; end < sorted->len; end++) {
            const DdpLogEntry *at = g_ptr_array_index(sorted, end);

            if (at->step != entry->step)
                break;
            last = at;
        }
        if (last->rank == entry->rank)
            continue;
        writers->step_count++;
        for (guint i = first; i < end; i++)
            g_ptr_array_add(writers->entries, g_ptr_array_index(sorted, i));
    }
    if (writers->entries->len > entries_before)
        g_ptr_array_add(writers->tags, series->tag);
}

static void
append_tags(GString *text, const GPtrArray *tags)
{
    g_string_append(text, tags->len == 1 ? "tag " : "tags ");
    for (guint i = 0; i < tags->len && i < TAGS_NAMED_MAX; i++) {
        if (i > 0)
            g_string_append(text, i + 1 == tags->len ? " and " : ", ");
        g_string_append(text, g_ptr_array_index(tags, i));
    }
    if (tags->len > TAGS_NAMED_MAX)
        g_string_append_printf(text, " and %u more", tags->len - TAGS_NAMED_MAX);
}

static void
report_writers(DdpRunRecord *record, const Writers *writers)
{
    DdpFinding *finding = ddp_run_record_add_finding(record, "duplicate_writer", "");
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < writers->entries->len; i++) {
        const DdpLogEntry *entry = g_ptr_array_index(writers->entries, i);

        note_place(finding, known, entry->rank, entry->site);
    }
    sort_places(finding);

    GString *text = g_string_new(NULL);
    g_autofree char *ranks = ddp_words_ranks(finding->ranks);
    g_autofree char *count = ddp_words_count(writers->entries->len);
    g_autofree char *once = ddp_words_count(writers->step_count);

    g_string_append_printf(text, "%s (%s): %s all write ", writers->path, writers->logger, ranks);
    append_tags(text, writers->tags);
    g_string_append_printf(
        text,
        ", %s entries where one writer makes %s. Log from one rank, or give each "
        "rank a place of its own.",
        count, once);
    g_free(finding->message);
    finding->message = g_string_free(text, FALSE);
}

void
ddp_findings_from_logs(DdpRunRecord *record)
{
    g_autoptr(GPtrArray) places = g_ptr_array_new_with_free_func((GDestroyNotify)writers_free);
    g_autoptr(GHashTable) by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < record->logs->len; i++) {
        const DdpLogSeries *series = g_ptr_array_index(record->logs, i);
        /* A tab is in no logger's name. */
        char *name = g_strconcat(series->logger, "\t", series->path, NULL);
        Writers *writers = g_hash_table_lookup(by_name, name);

        if (writers == NULL) {
            writers = g_new0(Writers, 1);
            writers->logger = series->logger;
            writers->path = series->path;
            writers->tags = g_ptr_array_new();
            writers->entries = g_ptr_array_new();
            g_ptr_array_add(places, writers);
            g_hash_table_insert(by_name, name, writers);
        } else {
            g_free(name);
        }
        look_for_writers(writers, series);
    }

    for (guint i = 0; i < places->len; i++) {
        const Writers *writers = g_ptr_array_index(places, i);

        if (writers->tags->len > 0)
            report_writers(record, writers);
    }
}
