/* SPDX-License-Identifier: MIT */
#include "sim/audit/report.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "sim/audit/json_out.h"

G_DEFINE_QUARK(ddp_report_error_quark, ddp_report_error)

/* ---- telling the record ---- */

static void
tell_ints(DdpJsonOut *out, const char *name, const GArray *ints)
{
    ddp_json_out_open_flat_array(out, name);
    for (guint i = 0; i < ints->len; i++)
        ddp_json_out_int(out, NULL, g_array_index(ints, int, i));
    ddp_json_out_close(out);
}

static void
tell_strings(DdpJsonOut *out, const char *name, const GPtrArray *strings)
{
    ddp_json_out_open_array(out, name);
    for (guint i = 0; strings != NULL && i < strings->len; i++)
        ddp_json_out_string(out, NULL, g_ptr_array_index(strings, i));
    ddp_json_out_close(out);
}

/* What null stands for, where a number would have been. */
static void
tell_nonfinite(DdpJsonOut *out, double value)
{
    if (isfinite(value))
        return;
    ddp_json_out_string(out, "nonfinite", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
}

/*
 * A seed fills 64 bits without a sign, and readers of JSON have 63 of them: a greater seed is
 * written as a string of digits.
 */
static void
tell_seed(DdpJsonOut *out, uint64_t seed)
{
    if (seed <= INT64_MAX) {
        ddp_json_out_int(out, "seed", (int64_t)seed);
        return;
    }

    g_autofree char *digits = g_strdup_printf("%" G_GUINT64_FORMAT, seed);

    ddp_json_out_string(out, "seed", digits);
}

static void
tell_expected(DdpJsonOut *out, const DdpRunRecord *record)
{
    ddp_json_out_open_object(out, "expected");
    if (record->expected_met < 0)
        ddp_json_out_null(out, "met");
    else
        ddp_json_out_bool(out, "met", record->expected_met != 0);
    tell_strings(out, "failures", record->expected_failures);
    ddp_json_out_close(out);
}

static void
tell_ranks(DdpJsonOut *out, const GPtrArray *ranks)
{
    ddp_json_out_open_array(out, "ranks");
    for (guint i = 0; i < ranks->len; i++) {
        const DdpRankRecord *rank = g_ptr_array_index(ranks, i);

        ddp_json_out_open_flat_object(out, NULL);
        ddp_json_out_int(out, "rank", rank->rank);
        ddp_json_out_string(out, "state", rank->state);
        ddp_json_out_string(out, "error", rank->error);
        ddp_json_out_real(out, "waited", (double)rank->waited_ns / 1e9);
        ddp_json_out_real(out, "held_up", (double)rank->held_up_ns / 1e9);
        ddp_json_out_int(out, "last", rank->last_count);
        ddp_json_out_close(out);
    }
    ddp_json_out_close(out);
}

static void
tell_stuck_rank(DdpJsonOut *out, const DdpRankRecord *rank)
{
    ddp_json_out_open_object(out, NULL);
    ddp_json_out_int(out, "rank", rank->rank);
    ddp_json_out_string(out, "state", rank->state);
    ddp_json_out_string(out, "collective", rank->collective);
    ddp_json_out_string(out, "group", rank->group);
    if (rank->seq < 0)
        ddp_json_out_null(out, "seq");
    else
        ddp_json_out_int(out, "seq", rank->seq);
    ddp_json_out_string(out, "signature", rank->signature);
    ddp_json_out_string(out, "site", rank->site);
    tell_strings(out, "stack", rank->stack);
    ddp_json_out_string(out, "last_collective", rank->last_collective);
    ddp_json_out_string(out, "last_site", rank->last_site);
    tell_ints(out, "waiting_for", rank->waiting_for);
    ddp_json_out_real(out, "since",
                      rank->since_ns < 0 ? (double)NAN : (double)rank->since_ns / 1e9);
    ddp_json_out_close(out);
}

static void
tell_diagnosis(DdpJsonOut *out, const DdpRunRecord *record)
{
    const DdpDiagnosisRecord *diagnosis = record->diagnosis;

    if (diagnosis == NULL) {
        ddp_json_out_null(out, "diagnosis");
        return;
    }

    ddp_json_out_open_object(out, "diagnosis");
    ddp_json_out_string(out, "class", diagnosis->cls);
    ddp_json_out_string(out, "summary", diagnosis->summary);
    ddp_json_out_string(out, "root_cause", diagnosis->root_cause);
    tell_ints(out, "blamed", diagnosis->blamed);
    ddp_json_out_open_array(out, "ranks");
    for (guint i = 0; i < record->ranks->len; i++)
        tell_stuck_rank(out, g_ptr_array_index(record->ranks, i));
    ddp_json_out_close(out);
    ddp_json_out_string(out, "real_job", diagnosis->real_job);
    ddp_json_out_string(out, "fix", diagnosis->fix);
    ddp_json_out_close(out);
}

static void
tell_findings(DdpJsonOut *out, const GPtrArray *findings)
{
    ddp_json_out_open_array(out, "findings");
    for (guint i = 0; i < findings->len; i++) {
        const DdpFinding *finding = g_ptr_array_index(findings, i);

        ddp_json_out_open_object(out, NULL);
        ddp_json_out_string(out, "kind", finding->kind);
        ddp_json_out_string(out, "message", finding->message);
        ddp_json_out_string(out, "class", finding->cls);
        tell_ints(out, "ranks", finding->ranks);
        tell_ints(out, "blamed", finding->blamed);
        tell_strings(out, "sites", finding->sites);
        ddp_json_out_close(out);
    }
    ddp_json_out_close(out);
}

static void
tell_log_entry(DdpJsonOut *out, const DdpLogEntry *entry)
{
    ddp_json_out_open_flat_object(out, NULL);
    ddp_json_out_int(out, "step", entry->step);
    ddp_json_out_real(out, "value", entry->value);
    tell_nonfinite(out, entry->value);
    ddp_json_out_int(out, "rank", entry->rank);
    ddp_json_out_string(out, "site", entry->site);
    ddp_json_out_close(out);
}

static void
tell_logs(DdpJsonOut *out, const GPtrArray *logs)
{
    ddp_json_out_open_array(out, "logs");
    for (guint i = 0; i < logs->len; i++) {
        const DdpLogSeries *series = g_ptr_array_index(logs, i);

        ddp_json_out_open_object(out, NULL);
        ddp_json_out_string(out, "logger", series->logger);
        ddp_json_out_string(out, "path", series->path);
        ddp_json_out_string(out, "tag", series->tag);
        ddp_json_out_open_array(out, "entries");
        for (guint j = 0; j < series->entries->len; j++)
            tell_log_entry(out, g_ptr_array_index(series->entries, j));
        ddp_json_out_close(out);
        ddp_json_out_close(out);
    }
    ddp_json_out_close(out);
}

static void
tell_audit_row(DdpJsonOut *out, const DdpAuditRow *row)
{
    ddp_json_out_open_flat_object(out, NULL);
    ddp_json_out_string(out, "key", row->key);
    ddp_json_out_int(out, "epoch", row->epoch);
    ddp_json_out_int(out, "step", row->step);
    ddp_json_out_int(out, "rank", row->rank);
    ddp_json_out_real(out, "logged", row->logged);
    tell_nonfinite(out, row->logged);
    ddp_json_out_real(out, "true", row->has_truth ? row->truth : (double)NAN);
    ddp_json_out_bool(out, "has_truth", row->has_truth);
    ddp_json_out_real(out, "error", ddp_audit_row_error(row));
    ddp_json_out_int(out, "samples", row->samples);
    ddp_json_out_int(out, "of", row->of);
    ddp_json_out_int(out, "duplicates", row->duplicates);
    ddp_json_out_string(out, "site", row->site);
    ddp_json_out_close(out);
}

static void
tell_audit(DdpJsonOut *out, const GPtrArray *audit)
{
    ddp_json_out_open_array(out, "audit");
    for (guint i = 0; i < audit->len; i++)
        tell_audit_row(out, g_ptr_array_index(audit, i));
    ddp_json_out_close(out);
}

static void
tell_decisions(DdpJsonOut *out, const GPtrArray *decisions)
{
    ddp_json_out_open_array(out, "decisions");
    for (guint i = 0; i < decisions->len; i++) {
        const DdpDecision *decision = g_ptr_array_index(decisions, i);

        ddp_json_out_open_flat_object(out, NULL);
        ddp_json_out_string(out, "what", decision->what);
        ddp_json_out_int(out, "epoch", decision->epoch);
        ddp_json_out_string(out, "took", decision->took);
        ddp_json_out_string(out, "true_would_take", decision->true_would_take);
        ddp_json_out_close(out);
    }
    ddp_json_out_close(out);
}

static void
tell_collectives(DdpJsonOut *out, const GPtrArray *collectives)
{
    ddp_json_out_open_array(out, "collectives");
    for (guint i = 0; i < collectives->len; i++) {
        const DdpCollectiveCount *count = g_ptr_array_index(collectives, i);

        ddp_json_out_open_flat_object(out, NULL);
        ddp_json_out_string(out, "kind", count->kind);
        ddp_json_out_string(out, "group", count->group);
        ddp_json_out_int(out, "count", count->count);
        ddp_json_out_int(out, "bytes", count->bytes);
        ddp_json_out_close(out);
    }
    ddp_json_out_close(out);
}

/* A line is "rank\ttext"; one without a rank in front came from none. */
static void
tell_printed(DdpJsonOut *out, const GPtrArray *printed)
{
    ddp_json_out_open_array(out, "printed");
    for (guint i = 0; i < printed->len; i++) {
        const char *line = g_ptr_array_index(printed, i);
        char *end = NULL;
        gint64 rank = g_ascii_strtoll(line, &end, 10);
        bool has_rank = end != line && *end == '\t';

        ddp_json_out_open_flat_object(out, NULL);
        ddp_json_out_int(out, "rank", has_rank ? rank : -1);
        ddp_json_out_string(out, "text", has_rank ? end + 1 : line);
        ddp_json_out_close(out);
    }
    ddp_json_out_close(out);
}

static void
tell_report(DdpJsonOut *out, const DdpRunRecord *record)
{
    g_autofree char *digest = ddp_report_digest(record);

    ddp_json_out_open_object(out, NULL);
    ddp_json_out_string(out, "format", DDP_REPORT_FORMAT);
    ddp_json_out_int(out, "version", DDP_REPORT_VERSION);
    ddp_json_out_string(out, "scenario", record->scenario);
    ddp_json_out_string(out, "scenario_path", record->scenario_path);
    ddp_json_out_string(out, "title", record->title);
    ddp_json_out_string(out, "lesson", record->lesson);
    ddp_json_out_string(out, "variant", record->variant);
    ddp_json_out_int(out, "variant_index", record->variant_index);
    ddp_json_out_string(out, "fixes", record->fixes);
    tell_seed(out, record->seed);
    ddp_json_out_string(out, "engine", record->engine);
    ddp_json_out_string(out, "schedule", record->schedule);
    ddp_json_out_string(out, "replay", record->replay);
    ddp_json_out_string(out, "backend", record->backend);
    ddp_json_out_string(out, "debug", record->debug);
    ddp_json_out_open_flat_object(out, "world");
    ddp_json_out_int(out, "size", record->size);
    ddp_json_out_int(out, "nodes", record->nodes);
    ddp_json_out_int(out, "nproc_per_node", record->nproc_per_node);
    ddp_json_out_close(out);
    ddp_json_out_string(out, "outcome", record->outcome);
    tell_expected(out, record);
    ddp_json_out_string(out, "digest", digest);
    ddp_json_out_real(out, "virtual_time", record->virtual_time);
    tell_ranks(out, record->ranks);
    tell_diagnosis(out, record);
    tell_findings(out, record->findings);
    tell_logs(out, record->logs);
    tell_audit(out, record->audit);
    tell_decisions(out, record->decisions);
    tell_collectives(out, record->collectives);
    tell_printed(out, record->printed);
    ddp_json_out_close(out);
}

/* ---- to a tree and to a line ---- */

JsonNode *
ddp_report_build(const DdpRunRecord *record)
{
    g_return_val_if_fail(record != NULL, NULL);

    g_autoptr(DdpJsonOut) out = ddp_json_out_new_tree();

    tell_report(out, record);
    return ddp_json_out_take_tree(out);
}

static bool
append_to_string(const char *bytes, size_t length, void *text)
{
    g_string_append_len(text, bytes, (gssize)length);
    return true;
}

char *
ddp_report_line(const DdpRunRecord *record)
{
    g_return_val_if_fail(record != NULL, NULL);

    GString *text = g_string_new(NULL);
    g_autoptr(DdpJsonOut) out = ddp_json_out_new_text(append_to_string, text, false);

    tell_report(out, record);
    ddp_json_out_flush(out);
    g_string_truncate(text, text->len - 1); /* the newline */
    return g_string_free(text, FALSE);
}

/* ---- to a file ---- */

typedef struct {
    int fd;
    int error_number; /* of the first write that failed; 0 */
} Target;

static bool
write_all(const char *bytes, size_t length, void *user_data)
{
    Target *target = user_data;

    while (length > 0) {
        ssize_t written = write(target->fd, bytes, length);

        if (written < 0) {
            if (errno == EINTR)
                continue;
            target->error_number = errno;
            return false;
        }
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

static bool
set_write_error(GError **error, const char *path, int error_number)
{
    g_set_error(error, DDP_REPORT_ERROR, DDP_REPORT_ERROR_WRITE, "cannot write the report %s: %s",
                path, g_strerror(error_number));
    return false;
}

/* Returns 0 or the errno of what failed. */
static int
write_and_close(const DdpRunRecord *record, int fd)
{
    Target target = {.fd = fd};
    g_autoptr(DdpJsonOut) out = ddp_json_out_new_text(write_all, &target, true);

    tell_report(out, record);
    ddp_json_out_flush(out);
    /* A full disk may show itself only here. */
    if (close(fd) != 0 && target.error_number == 0)
        target.error_number = errno;
    return target.error_number;
}

bool
ddp_report_write(const DdpRunRecord *record, const char *folder, GError **error)
{
    g_return_val_if_fail(record != NULL && folder != NULL, false);

    g_autofree char *path = g_build_filename(folder, DDP_REPORT_FILE, NULL);
    g_autofree char *temporary = g_build_filename(folder, "." DDP_REPORT_FILE ".XXXXXX", NULL);
    int fd = g_mkstemp_full(temporary, O_WRONLY | O_CLOEXEC, 0666);

    if (fd < 0)
        return set_write_error(error, path, errno);

    int error_number = write_and_close(record, fd);

    if (error_number == 0 && g_rename(temporary, path) != 0)
        error_number = errno;
    if (error_number == 0)
        return true;

    g_unlink(temporary);
    return set_write_error(error, path, error_number);
}
