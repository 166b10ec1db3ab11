/* SPDX-License-Identifier: MIT */
#include "sim/audit/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/audit/words.h"

/* The serialisation is written down in report.h; each function here is one line of it. */

static void
feed_word(GChecksum *sum, char letter, uint64_t word)
{
    guchar bytes[9] = {(guchar)letter};

    for (int i = 0; i < 8; i++)
        bytes[1 + i] = (guchar)(word >> (8 * i));
    g_checksum_update(sum, bytes, sizeof(bytes));
}

static void
feed_list(GChecksum *sum, size_t count)
{
    feed_word(sum, 'l', count);
}

static void
feed_int(GChecksum *sum, int64_t value)
{
    feed_word(sum, 'i', (uint64_t)value);
}

static void
feed_real(GChecksum *sum, double value)
{
    uint64_t bits = UINT64_C(0x7ff8000000000000);

    if (!isnan(value))
        memcpy(&bits, &value, sizeof(bits));
    feed_word(sum, 'd', bits);
}

static void
feed_text(GChecksum *sum, const char *text)
{
    if (text == NULL) {
        g_checksum_update(sum, (const guchar *)"0", 1);
        return;
    }

    size_t length = strlen(text);

    feed_word(sum, 's', length);
    if (length > 0)
        g_checksum_update(sum, (const guchar *)text, (gssize)length);
}

static void
feed_site(GChecksum *sum, const char *site)
{
    feed_text(sum, site != NULL ? ddp_words_site(site) : NULL);
}

static bool
ends_a_file_name(char c)
{
    return strchr(" \t\n'\"`()[]{}<>,;=", c) != NULL;
}

/*
 * "a.lua:3" for each "/home/me/a.lua:3" in a sentence. A share such as "1/4" loses its 1,
 * which costs a digest nothing.
 */
static char *
without_folders(const char *text)
{
    GString *result = g_string_new(NULL);
    size_t word = 0; /* where the word began in the result */

    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '/') {
            g_string_truncate(result, word);
            continue;
        }
        g_string_append_c(result, *at);
        if (ends_a_file_name(*at))
            word = result->len;
    }
    return g_string_free(result, FALSE);
}

static int
compare_int(const void *a, const void *b)
{
    int one = *(const int *)a, other = *(const int *)b;

    return (one > other) - (one < other);
}

static void
feed_diagnosis(GChecksum *sum, const DdpDiagnosisRecord *diagnosis)
{
    feed_list(sum, diagnosis != NULL ? 1 : 0);
    if (diagnosis == NULL)
        return;

    feed_text(sum, diagnosis->cls);
    if (diagnosis->root_cause != NULL) {
        g_autofree char *cause = without_folders(diagnosis->root_cause);

        feed_text(sum, cause);
    } else {
        feed_text(sum, NULL);
    }

    guint count = diagnosis->blamed->len;
    g_autofree int *blamed = g_memdup2(diagnosis->blamed->data, count * sizeof(int));

    feed_list(sum, count);
    if (count > 0)
        qsort(blamed, count, sizeof(int), compare_int);
    for (guint i = 0; i < count; i++)
        feed_int(sum, blamed[i]);
}

/* Where a rank is that still computes depends on the schedule. */
static bool
is_at_rest(const DdpRankRecord *rank)
{
    return g_strcmp0(rank->state, "running") != 0;
}

static void
feed_ranks(GChecksum *sum, const GPtrArray *ranks)
{
    size_t count = 0;

    for (guint i = 0; i < ranks->len; i++)
        if (is_at_rest(g_ptr_array_index(ranks, i)))
            count++;

    feed_list(sum, count);
    for (guint i = 0; i < ranks->len; i++) {
        const DdpRankRecord *rank = g_ptr_array_index(ranks, i);

        if (!is_at_rest(rank))
            continue;
        feed_int(sum, rank->rank);
        feed_text(sum, rank->collective);
        feed_site(sum, rank->site);
    }
}

typedef struct {
    const DdpLogEntry *entry;
    guint index;
} Placed;

static int
compare_by_rank(const void *a, const void *b)
{
    const Placed *one = a, *other = b;

    if (one->entry->rank != other->entry->rank)
        return one->entry->rank < other->entry->rank ? -1 : 1;
    return (one->index > other->index) - (one->index < other->index);
}

static void
feed_series(GChecksum *sum, const DdpLogSeries *series)
{
    guint count = series->entries->len;
    g_autofree Placed *placed = g_new(Placed, count);

    for (guint i = 0; i < count; i++)
        placed[i] = (Placed){g_ptr_array_index(series->entries, i), i};
    if (count > 1)
        qsort(placed, count, sizeof(Placed), compare_by_rank);

    feed_text(sum, series->logger);
    feed_text(sum, series->path);
    feed_text(sum, series->tag);
    feed_list(sum, count);
    for (guint i = 0; i < count; i++) {
        feed_int(sum, placed[i].entry->rank);
        feed_int(sum, placed[i].entry->step);
        feed_real(sum, placed[i].entry->value);
    }
}

static int
compare_series(const void *a, const void *b)
{
    const DdpLogSeries *one = *(DdpLogSeries *const *)a, *other = *(DdpLogSeries *const *)b;
    int order = strcmp(one->logger, other->logger);

    if (order == 0)
        order = strcmp(one->path, other->path);
    return order != 0 ? order : strcmp(one->tag, other->tag);
}

static void
feed_logs(GChecksum *sum, const GPtrArray *logs)
{
    g_autofree DdpLogSeries **sorted = g_new(DdpLogSeries *, logs->len);

    for (guint i = 0; i < logs->len; i++)
        sorted[i] = g_ptr_array_index(logs, i);
    if (logs->len > 1)
        qsort(sorted, logs->len, sizeof(DdpLogSeries *), compare_series);

    feed_list(sum, logs->len);
    for (guint i = 0; i < logs->len; i++)
        feed_series(sum, sorted[i]);
}

static void
feed_audit(GChecksum *sum, const GPtrArray *audit)
{
    feed_list(sum, audit->len);
    for (guint i = 0; i < audit->len; i++) {
        const DdpAuditRow *row = g_ptr_array_index(audit, i);

        feed_text(sum, row->key);
        feed_int(sum, row->epoch);
        feed_int(sum, row->step);
        feed_int(sum, row->rank);
        feed_real(sum, row->logged);
        feed_int(sum, row->has_truth);
        feed_real(sum, row->truth);
        feed_int(sum, row->samples);
        feed_int(sum, row->of);
        feed_int(sum, row->duplicates);
        feed_site(sum, row->site);
    }
}

char *
ddp_report_digest(const DdpRunRecord *record)
{
    g_return_val_if_fail(record != NULL, NULL);

    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);

    feed_text(sum, "ddpsim-digest-1");
    feed_text(sum, record->outcome);
    feed_diagnosis(sum, record->diagnosis);
    feed_ranks(sum, record->ranks);
    feed_logs(sum, record->logs);
    feed_audit(sum, record->audit);

    char *digest = g_strdup(g_checksum_get_string(sum));

    g_checksum_free(sum);
    return digest;
}
