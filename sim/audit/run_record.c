/* SPDX-License-Identifier: MIT */
#include "sim/audit/run_record.h"

#include <math.h>
#include <string.h>

static void
log_entry_free(DdpLogEntry *entry)
{
    g_free(entry->site);
    g_free(entry);
}

static void
log_series_free(DdpLogSeries *series)
{
    g_free(series->logger);
    g_free(series->path);
    g_free(series->tag);
    g_ptr_array_unref(series->entries);
    g_free(series);
}

static void
audit_row_free(DdpAuditRow *row)
{
    g_free(row->key);
    g_free(row->site);
    g_free(row);
}

static void
finding_free(DdpFinding *finding)
{
    g_free(finding->kind);
    g_free(finding->message);
    g_free(finding->cls);
    g_array_unref(finding->ranks);
    g_array_unref(finding->blamed);
    g_ptr_array_unref(finding->sites);
    g_free(finding);
}

static void
rank_record_free(DdpRankRecord *rank)
{
    g_free(rank->state);
    g_free(rank->error);
    g_free(rank->collective);
    g_free(rank->group);
    g_free(rank->site);
    g_clear_pointer(&rank->stack, g_ptr_array_unref);
    g_array_unref(rank->waiting_for);
    g_free(rank->signature);
    g_free(rank->last_collective);
    g_free(rank->last_site);
    g_free(rank);
}

static void
decision_free(DdpDecision *decision)
{
    g_free(decision->what);
    g_free(decision->took);
    g_free(decision->true_would_take);
    g_free(decision);
}

static void
diagnosis_free(DdpDiagnosisRecord *diagnosis)
{
    g_free(diagnosis->cls);
    g_free(diagnosis->summary);
    g_free(diagnosis->root_cause);
    g_free(diagnosis->real_job);
    g_free(diagnosis->fix);
    g_array_unref(diagnosis->blamed);
    g_free(diagnosis);
}

static void
collective_count_free(DdpCollectiveCount *count)
{
    g_free(count->kind);
    g_free(count->group);
    g_free(count);
}

static guint
series_hash(gconstpointer data)
{
    const DdpLogSeries *series = data;

    return g_str_hash(series->tag) * 31 + g_str_hash(series->path) * 7 + g_str_hash(series->logger);
}

static gboolean
series_equal(gconstpointer a, gconstpointer b)
{
    const DdpLogSeries *one = a, *other = b;

    return strcmp(one->tag, other->tag) == 0 && strcmp(one->path, other->path) == 0 &&
           strcmp(one->logger, other->logger) == 0;
}

DdpRunRecord *
ddp_run_record_new(void)
{
    DdpRunRecord *record = g_new0(DdpRunRecord, 1);

    record->ranks = g_ptr_array_new_with_free_func((GDestroyNotify)rank_record_free);
    record->findings = g_ptr_array_new_with_free_func((GDestroyNotify)finding_free);
    record->logs = g_ptr_array_new_with_free_func((GDestroyNotify)log_series_free);
    record->audit = g_ptr_array_new_with_free_func((GDestroyNotify)audit_row_free);
    record->decisions = g_ptr_array_new_with_free_func((GDestroyNotify)decision_free);
    record->collectives = g_ptr_array_new_with_free_func((GDestroyNotify)collective_count_free);
    record->printed = g_ptr_array_new_with_free_func(g_free);
    record->expected_met = -1;
    record->expected_failures = g_ptr_array_new_with_free_func(g_free);
    record->series_by_name = g_hash_table_new(series_hash, series_equal);
    return record;
}

void
ddp_run_record_free(DdpRunRecord *record)
{
    if (record == NULL)
        return;

    g_free(record->scenario);
    g_free(record->scenario_path);
    g_free(record->title);
    g_free(record->lesson);
    g_free(record->variant);
    g_free(record->fixes);
    g_free(record->engine);
    g_free(record->schedule);
    g_free(record->replay);
    g_clear_pointer(&record->choices, g_array_unref);
    g_free(record->backend);
    g_free(record->debug);
    g_free(record->outcome);
    g_clear_pointer(&record->diagnosis, diagnosis_free);
    g_hash_table_unref(record->series_by_name);
    g_ptr_array_unref(record->ranks);
    g_ptr_array_unref(record->findings);
    g_ptr_array_unref(record->logs);
    g_ptr_array_unref(record->audit);
    g_ptr_array_unref(record->decisions);
    g_ptr_array_unref(record->collectives);
    g_ptr_array_unref(record->printed);
    g_ptr_array_unref(record->expected_failures);
    g_free(record);
}

DdpAuditRow *
ddp_run_record_add_audit(DdpRunRecord *record)
{
    g_return_val_if_fail(record != NULL, NULL);

    DdpAuditRow *row = g_new0(DdpAuditRow, 1);

    row->truth = (double)NAN;
    g_ptr_array_add(record->audit, row);
    return row;
}

DdpFinding *
ddp_run_record_add_finding(DdpRunRecord *record, const char *kind, const char *message)
{
    g_return_val_if_fail(record != NULL && kind != NULL && message != NULL, NULL);

    DdpFinding *finding = g_new0(DdpFinding, 1);

    finding->kind = g_strdup(kind);
    finding->message = g_strdup(message);
    finding->ranks = g_array_new(FALSE, FALSE, sizeof(int));
    finding->blamed = g_array_new(FALSE, FALSE, sizeof(int));
    finding->sites = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(record->findings, finding);
    return finding;
}

DdpRankRecord *
ddp_run_record_add_rank(DdpRunRecord *record, int rank)
{
    g_return_val_if_fail(record != NULL, NULL);

    DdpRankRecord *added = g_new0(DdpRankRecord, 1);

    added->rank = rank;
    added->seq = -1;
    added->since_ns = -1;
    added->waiting_for = g_array_new(FALSE, FALSE, sizeof(int));
    g_ptr_array_add(record->ranks, added);
    return added;
}

DdpDecision *
ddp_run_record_add_decision(DdpRunRecord *record, const char *what)
{
    g_return_val_if_fail(record != NULL && what != NULL, NULL);

    DdpDecision *decision = g_new0(DdpDecision, 1);

    decision->what = g_strdup(what);
    decision->epoch = -1;
    g_ptr_array_add(record->decisions, decision);
    return decision;
}

DdpDiagnosisRecord *
ddp_run_record_set_diagnosis(DdpRunRecord *record, const char *cls)
{
    g_return_val_if_fail(record != NULL && cls != NULL, NULL);

    g_clear_pointer(&record->diagnosis, diagnosis_free);
    record->diagnosis = g_new0(DdpDiagnosisRecord, 1);
    record->diagnosis->cls = g_strdup(cls);
    record->diagnosis->blamed = g_array_new(FALSE, FALSE, sizeof(int));
    return record->diagnosis;
}

DdpLogSeries *
ddp_run_record_series(DdpRunRecord *record, const char *logger, const char *path, const char *tag)
{
    g_return_val_if_fail(record != NULL && logger != NULL && path != NULL && tag != NULL, NULL);

    /* Only looked at: a name to search with. */
    const DdpLogSeries wanted = {(char *)logger, (char *)path, (char *)tag, NULL};
    DdpLogSeries *series = g_hash_table_lookup(record->series_by_name, &wanted);

    if (series != NULL)
        return series;

    series = g_new0(DdpLogSeries, 1);
    series->logger = g_strdup(logger);
    series->path = g_strdup(path);
    series->tag = g_strdup(tag);
    series->entries = g_ptr_array_new_with_free_func((GDestroyNotify)log_entry_free);
    g_ptr_array_add(record->logs, series);
    g_hash_table_add(record->series_by_name, series);
    return series;
}

void
ddp_run_record_log(DdpRunRecord *record, const char *logger, const char *path, const char *tag,
                   const DdpLogEntry *entry)
{
    g_return_if_fail(entry != NULL);

    DdpLogSeries *series = ddp_run_record_series(record, logger, path, tag);
    DdpLogEntry *copy = g_new(DdpLogEntry, 1);

    g_return_if_fail(series != NULL);
    *copy = *entry;
    copy->site = g_strdup(entry->site);
    g_ptr_array_add(series->entries, copy);
}

double
ddp_audit_row_error(const DdpAuditRow *row)
{
    g_return_val_if_fail(row != NULL, (double)NAN);

    if (!row->has_truth)
        return (double)NAN;
    if ((isnan(row->logged) && isnan(row->truth)) || row->logged == row->truth)
        return 0.0;
    return row->logged - row->truth;
}
