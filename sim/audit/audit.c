/* SPDX-License-Identifier: MIT */
#include "sim/audit/audit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/audit/findings.h"

/* More data sets than this in one evaluation, and its coverage counts as unknown. */
#define SPACES_MAX 32

/* A data set of the evaluation: its samples are numbered base, base + 1, … */
typedef struct {
    uint32_t base;
    uint32_t size;
} Space;

typedef struct {
    guint key; /* index into DdpAudit.keys */
    int64_t step;
    double value;
} Truth;

/* One log call of a rank. */
typedef struct {
    guint key;
    int rank;
    int64_t epoch;
    int64_t step;
    double value;
    const char *site; /* in DdpAudit.strings; (nullable) */
    guint consumed;   /* samples that the rank had consumed before */
    guint merges;     /* merges that it had done before */
    uint32_t spaces;  /* bit i: it had read data set i before */
    guint order;      /* among the rank's notes */
    guint occurrence; /* which of the rank's notes with this key and step it is, from 0 */
    int64_t samples, duplicates, of;
} Note;

/* What one rank did in one evaluation. */
typedef struct {
    GArray *consumed; /* of uint32_t: numbers of samples, in the order consumed */
    GArray *merges;   /* of guint: length of consumed at each merge */
    GArray *notes;    /* of Note */
    uint32_t spaces;
} Part;

typedef struct {
    int number;
    bool ended;
    GArray *spaces; /* of Space */
    uint32_t sample_count;
    bool coverage_unknown; /* more data sets or samples than can be numbered */
    Part **parts;          /* by rank; NULL until it does something */
    GArray *truths;        /* of Truth */
    GPtrArray *rows;       /* of DdpAuditRow, once ended; handed over at the finish */
} Evaluation;

struct DdpAudit {
    int world_size;
    GPtrArray *evaluations;  /* of Evaluation */
    GHashTable *by_number;   /* number -> Evaluation, borrowed */
    Evaluation *latest;      /* the one looked up last */
    GStringChunk *strings;   /* keys and sites */
    GPtrArray *keys;         /* of char*, in strings */
    GHashTable *key_indices; /* char* -> index into keys */
};

/* ---- noting ---- */

static Part *
part_new(void)
{
    Part *part = g_new0(Part, 1);

    part->consumed = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    part->merges = g_array_new(FALSE, FALSE, sizeof(guint));
    part->notes = g_array_new(FALSE, FALSE, sizeof(Note));
    return part;
}

static void
part_free(Part *part)
{
    g_array_unref(part->consumed);
    g_array_unref(part->merges);
    g_array_unref(part->notes);
    g_free(part);
}

static void
evaluation_forget(Evaluation *evaluation, int world_size)
{
    for (int rank = 0; evaluation->parts != NULL && rank < world_size; rank++)
        g_clear_pointer(&evaluation->parts[rank], part_free);
    g_clear_pointer(&evaluation->parts, g_free);
    g_clear_pointer(&evaluation->truths, g_array_unref);
    g_clear_pointer(&evaluation->spaces, g_array_unref);
}

static void
audit_row_free(DdpAuditRow *row)
{
    g_free(row->key);
    g_free(row->site);
    g_free(row);
}

DdpAudit *
ddp_audit_new(int world_size)
{
    g_return_val_if_fail(world_size > 0, NULL);

    DdpAudit *audit = g_new0(DdpAudit, 1);

    audit->world_size = world_size;
    audit->evaluations = g_ptr_array_new();
    audit->by_number = g_hash_table_new(NULL, NULL);
    audit->strings = g_string_chunk_new(1024);
    audit->keys = g_ptr_array_new();
    audit->key_indices = g_hash_table_new(g_str_hash, g_str_equal);
    return audit;
}

void
ddp_audit_free(DdpAudit *audit)
{
    if (audit == NULL)
        return;

    for (guint i = 0; i < audit->evaluations->len; i++) {
        Evaluation *evaluation = g_ptr_array_index(audit->evaluations, i);

        evaluation_forget(evaluation, audit->world_size);
        g_clear_pointer(&evaluation->rows, g_ptr_array_unref);
        g_free(evaluation);
    }
    g_ptr_array_unref(audit->evaluations);
    g_hash_table_unref(audit->by_number);
    g_string_chunk_free(audit->strings);
    g_ptr_array_unref(audit->keys);
    g_hash_table_unref(audit->key_indices);
    g_free(audit);
}

/* Found or made; NULL if it has ended. */
static Evaluation *
open_evaluation(DdpAudit *audit, int number)
{
    Evaluation *evaluation = audit->latest;

    if (evaluation == NULL || evaluation->number != number)
        evaluation = g_hash_table_lookup(audit->by_number, GINT_TO_POINTER(number));

    if (evaluation == NULL) {
        evaluation = g_new0(Evaluation, 1);
        evaluation->number = number;
        evaluation->spaces = g_array_new(FALSE, FALSE, sizeof(Space));
        evaluation->parts = g_new0(Part *, audit->world_size);
        evaluation->truths = g_array_new(FALSE, FALSE, sizeof(Truth));
        evaluation->rows = g_ptr_array_new_with_free_func((GDestroyNotify)audit_row_free);
        g_ptr_array_add(audit->evaluations, evaluation);
        g_hash_table_insert(audit->by_number, GINT_TO_POINTER(number), evaluation);
    }

    audit->latest = evaluation;
    return evaluation->ended ? NULL : evaluation;
}

static Part *
open_part(Evaluation *evaluation, int rank)
{
    if (evaluation->parts[rank] == NULL)
        evaluation->parts[rank] = part_new();
    return evaluation->parts[rank];
}

/* The index of the data set of that size, or -1 if there are too many to number. */
static int
find_space(Evaluation *evaluation, size_t size)
{
    for (guint i = 0; i < evaluation->spaces->len; i++)
        if (g_array_index(evaluation->spaces, Space, i).size == size)
            return (int)i;

    if (evaluation->spaces->len == SPACES_MAX || size > UINT32_MAX - evaluation->sample_count)
        return -1;

    Space space = {evaluation->sample_count, (uint32_t)size};

    g_array_append_val(evaluation->spaces, space);
    evaluation->sample_count += space.size;
    return (int)evaluation->spaces->len - 1;
}

void
ddp_audit_samples(DdpAudit *audit, int evaluation_number, int rank, size_t dataset_size,
                  const int64_t *indices, size_t count)
{
    g_return_if_fail(audit != NULL && rank >= 0 && rank < audit->world_size);
    g_return_if_fail(indices != NULL || count == 0);

    Evaluation *evaluation = open_evaluation(audit, evaluation_number);

    if (evaluation == NULL || dataset_size == 0 || evaluation->coverage_unknown)
        return;

    Part *part = open_part(evaluation, rank);
    int index = find_space(evaluation, dataset_size);

    if (index < 0 || count > G_MAXUINT32 / sizeof(uint32_t) - part->consumed->len) {
        evaluation->coverage_unknown = true;
        return;
    }

    uint32_t base = g_array_index(evaluation->spaces, Space, index).base;
    guint before = part->consumed->len;

    g_array_set_size(part->consumed, before + (guint)count);

    uint32_t *numbers = (uint32_t *)(void *)part->consumed->data;

    for (size_t i = 0; i < count; i++) {
        g_assert(indices[i] >= 0 && (uint64_t)indices[i] < dataset_size);
        numbers[before + i] = base + (uint32_t)indices[i];
    }
    part->spaces |= UINT32_C(1) << index;
}

void
ddp_audit_merged(DdpAudit *audit, int evaluation_number, int rank)
{
    g_return_if_fail(audit != NULL && rank >= 0 && rank < audit->world_size);

    Evaluation *evaluation = open_evaluation(audit, evaluation_number);

    if (evaluation == NULL)
        return;

    Part *part = open_part(evaluation, rank);

    g_array_append_val(part->merges, part->consumed->len);
}

static guint
intern_key(DdpAudit *audit, const char *key)
{
    gpointer index;

    if (g_hash_table_lookup_extended(audit->key_indices, key, NULL, &index))
        return GPOINTER_TO_UINT(index);

    char *kept = g_string_chunk_insert(audit->strings, key);

    g_ptr_array_add(audit->keys, kept);
    g_hash_table_insert(audit->key_indices, kept, GUINT_TO_POINTER(audit->keys->len - 1));
    return audit->keys->len - 1;
}

void
ddp_audit_logged(DdpAudit *audit, int evaluation_number, int64_t epoch, int rank, const char *key,
                 int64_t step, double value, const char *site)
{
    g_return_if_fail(audit != NULL && rank >= 0 && rank < audit->world_size && key != NULL);

    Evaluation *evaluation = open_evaluation(audit, evaluation_number);

    if (evaluation == NULL)
        return;

    Part *part = open_part(evaluation, rank);
    Note note = {
        .key = intern_key(audit, key),
        .rank = rank,
        .epoch = epoch,
        .step = step,
        .value = value,
        .site = site != NULL ? g_string_chunk_insert_const(audit->strings, site) : NULL,
        .consumed = part->consumed->len,
        .merges = part->merges->len,
        .spaces = part->spaces,
        .order = part->notes->len,
    };

    g_array_append_val(part->notes, note);
}

void
ddp_audit_truth(DdpAudit *audit, int evaluation_number, const char *key, int64_t step, double value)
{
    g_return_if_fail(audit != NULL && key != NULL);

    Evaluation *evaluation = open_evaluation(audit, evaluation_number);

    if (evaluation == NULL)
        return;

    Truth truth = {intern_key(audit, key), step, value};

    g_array_append_val(evaluation->truths, truth);
}

/* ---- counting samples ---- */

/* A set of samples that also knows which came more than once. Emptied by a new stamp. */
typedef struct {
    uint32_t *seen, *again; /* by sample: the stamp under which it came, and came again */
    uint32_t stamp;
    int64_t distinct, repeated;
} Tally;

static void
tally_init(Tally *tally, size_t sample_count)
{
    *tally =
        (Tally){.seen = g_new0(uint32_t, sample_count), .again = g_new0(uint32_t, sample_count)};
    tally->stamp = 1;
}

static void
tally_clear(Tally *tally)
{
    g_free(tally->seen);
    g_free(tally->again);
}

static void
tally_restart(Tally *tally)
{
    g_assert(tally->stamp < UINT32_MAX); /* one a note at most */
    tally->stamp++;
    tally->distinct = 0;
    tally->repeated = 0;
}

static void
tally_add(Tally *tally, const GArray *numbers, guint from, guint to)
{
    for (guint i = from; i < to; i++) {
        uint32_t number = g_array_index(numbers, uint32_t, i);

        if (tally->seen[number] != tally->stamp) {
            tally->seen[number] = tally->stamp;
            tally->distinct++;
        } else if (tally->again[number] != tally->stamp) {
            tally->again[number] = tally->stamp;
            tally->repeated++;
        }
    }
}

static int64_t
size_of_spaces(const Evaluation *evaluation, uint32_t mask)
{
    int64_t size = 0;

    /* Before any was read, the data set is whatever the evaluation reads. */
    for (guint i = 0; i < evaluation->spaces->len; i++)
        if (mask == 0 || (mask >> i & 1) != 0)
            size += g_array_index(evaluation->spaces, Space, i).size;
    return size;
}

/* Values logged before any merge: their rank's own samples, up to the log call. */
static void
count_own_samples(Evaluation *evaluation, Part *part, Tally *tally)
{
    guint counted = 0;

    tally_restart(tally);
    for (guint i = 0; i < part->notes->len; i++) {
        Note *note = &g_array_index(part->notes, Note, i);

        if (note->merges > 0)
            break;
        tally_add(tally, part->consumed, counted, note->consumed);
        counted = note->consumed;
        note->samples = tally->distinct;
        note->duplicates = tally->repeated;
        note->of = size_of_spaces(evaluation, note->spaces);
    }
}

/* What a rank consumed before its merge @merge (from 0) and after the one before. */
static void
add_before_merge(Tally *all, const Part *part, guint merge)
{
    if (merge > part->merges->len)
        return;

    guint from = merge == 0 ? 0 : g_array_index(part->merges, guint, merge - 1);
    guint to = merge == part->merges->len ? part->consumed->len
                                          : g_array_index(part->merges, guint, merge);

    tally_add(all, part->consumed, from, to);
}

/* A merged value rests on @all, and on what its rank consumed between merge and log call. */
static void
count_merged_samples(const Tally *all, Tally *late, const Part *part, Note *note)
{
    int64_t repeated = 0; /* samples of @all that came once, and came late once more */

    tally_restart(late);
    for (guint i = g_array_index(part->merges, guint, note->merges - 1); i < note->consumed; i++) {
        uint32_t number = g_array_index(part->consumed, uint32_t, i);

        if (all->seen[number] != all->stamp) {
            tally_add(late, part->consumed, i, i + 1);
        } else if (all->again[number] != all->stamp && late->again[number] != late->stamp) {
            late->again[number] = late->stamp;
            repeated++;
        }
    }
    note->samples = all->distinct + late->distinct;
    note->duplicates = all->repeated + late->repeated + repeated;
}

static int
compare_by_merges(const void *a, const void *b)
{
    const Note *one = *(Note *const *)a, *other = *(Note *const *)b;

    if (one->merges != other->merges)
        return one->merges < other->merges ? -1 : 1;
    if (one->rank != other->rank)
        return one->rank < other->rank ? -1 : 1;
    return (one->order > other->order) - (one->order < other->order);
}

/* @merged: of Note*, in order of merges. */
static void
count_all_merged(Evaluation *evaluation, int world_size, GPtrArray *merged, Tally *late)
{
    Tally all;
    guint done = 0;
    uint32_t spaces = 0;

    for (int rank = 0; rank < world_size; rank++)
        if (evaluation->parts[rank] != NULL)
            spaces |= evaluation->parts[rank]->spaces;

    tally_init(&all, evaluation->sample_count);
    for (guint i = 0; i < merged->len; i++) {
        Note *note = g_ptr_array_index(merged, i);

        for (; done < note->merges; done++)
            for (int rank = 0; rank < world_size; rank++)
                if (evaluation->parts[rank] != NULL)
                    add_before_merge(&all, evaluation->parts[rank], done);

        count_merged_samples(&all, late, evaluation->parts[note->rank], note);
        note->of = size_of_spaces(evaluation, spaces);
    }
    tally_clear(&all);
}

/* @notes: of Note*, all of the evaluation. */
static void
count_samples(Evaluation *evaluation, int world_size, GPtrArray *notes)
{
    if (evaluation->spaces->len == 0 || evaluation->coverage_unknown) {
        for (guint i = 0; i < notes->len; i++) {
            Note *note = g_ptr_array_index(notes, i);

            note->samples = note->of = -1;
            note->duplicates = 0;
        }
        return;
    }

    Tally tally;
    g_autoptr(GPtrArray) merged = g_ptr_array_new();

    tally_init(&tally, evaluation->sample_count);
    for (int rank = 0; rank < world_size; rank++)
        if (evaluation->parts[rank] != NULL)
            count_own_samples(evaluation, evaluation->parts[rank], &tally);

    for (guint i = 0; i < notes->len; i++) {
        Note *note = g_ptr_array_index(notes, i);

        if (note->merges > 0)
            g_ptr_array_add(merged, note);
    }
    g_ptr_array_sort(merged, compare_by_merges);
    count_all_merged(evaluation, world_size, merged, &tally);
    tally_clear(&tally);
}

/* ---- finding truths ---- */

typedef struct {
    Truth truth;
    guint order;
} PlacedTruth;

static int
compare_key_and_step(guint key, int64_t step, guint other_key, int64_t other_step)
{
    if (key != other_key)
        return key < other_key ? -1 : 1;
    return (step > other_step) - (step < other_step);
}

static int
compare_truths(const void *a, const void *b)
{
    const PlacedTruth *one = a, *other = b;
    int order =
        compare_key_and_step(one->truth.key, one->truth.step, other->truth.key, other->truth.step);

    return order != 0 ? order : (one->order > other->order) - (one->order < other->order);
}

static GArray *
sort_truths(const GArray *truths)
{
    GArray *sorted = g_array_new(FALSE, FALSE, sizeof(PlacedTruth));

    for (guint i = 0; i < truths->len; i++) {
        PlacedTruth placed = {g_array_index(truths, Truth, i), i};

        g_array_append_val(sorted, placed);
    }
    g_array_sort(sorted, compare_truths);
    return sorted;
}

/* The first place in @truths that is not before (key, step). */
static guint
truths_lower_bound(const GArray *truths, guint key, int64_t step)
{
    guint low = 0, high = truths->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        const Truth *truth = &g_array_index(truths, PlacedTruth, middle).truth;

        if (compare_key_and_step(truth->key, truth->step, key, step) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
find_truth(const GArray *truths, const Note *note, double *value)
{
    guint first = truths_lower_bound(truths, note->key, note->step);
    guint end = first;

    while (end < truths->len && end - first <= note->occurrence) {
        const Truth *truth = &g_array_index(truths, PlacedTruth, end).truth;

        if (truth->key != note->key || truth->step != note->step)
            break;
        end++;
    }

    if (end == first) {
        first = truths_lower_bound(truths, note->key, INT64_MIN);
        end = first + 1;

        bool only =
            first < truths->len &&
            g_array_index(truths, PlacedTruth, first).truth.key == note->key &&
            (end == truths->len || g_array_index(truths, PlacedTruth, end).truth.key != note->key);

        if (!only)
            return false;
    }
    *value = g_array_index(truths, PlacedTruth, end - 1).truth.value;
    return true;
}

static int
compare_notes_by_step(const void *a, const void *b)
{
    const Note *one = *(Note *const *)a, *other = *(Note *const *)b;
    int order;

    if (one->rank != other->rank)
        return one->rank < other->rank ? -1 : 1;
    order = compare_key_and_step(one->key, one->step, other->key, other->step);
    return order != 0 ? order : (one->order > other->order) - (one->order < other->order);
}

/* @notes: of Note*. Leaves their order alone. */
static void
number_occurrences(const GPtrArray *notes)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_copy((GPtrArray *)notes, NULL, NULL);

    g_ptr_array_sort(sorted, compare_notes_by_step);
    for (guint i = 1; i < sorted->len; i++) {
        Note *note = g_ptr_array_index(sorted, i);
        const Note *before = g_ptr_array_index(sorted, i - 1);

        if (before->rank == note->rank && before->key == note->key && before->step == note->step)
            note->occurrence = before->occurrence + 1;
    }
}

/* ---- rows ---- */

/* By rank, and as each rank did them: an order that no schedule changes. */
static GPtrArray *
collect_notes(Evaluation *evaluation, int world_size)
{
    GPtrArray *notes = g_ptr_array_new();

    for (int rank = 0; rank < world_size; rank++) {
        Part *part = evaluation->parts[rank];

        for (guint i = 0; part != NULL && i < part->notes->len; i++)
            g_ptr_array_add(notes, &g_array_index(part->notes, Note, i));
    }
    return notes;
}

static int
compare_in_key_order(const void *a, const void *b, void *places)
{
    const Note *one = *(Note *const *)a, *other = *(Note *const *)b;
    const guint *place = places;

    if (one->key != other->key)
        return place[one->key] < place[other->key] ? -1 : 1;
    if (one->rank != other->rank)
        return one->rank < other->rank ? -1 : 1;
    return (one->order > other->order) - (one->order < other->order);
}

static void
sort_into_row_order(const DdpAudit *audit, GPtrArray *notes)
{
    g_autofree guint *places = g_new0(guint, audit->keys->len); /* by key, from 1 */
    guint next = 1;

    for (guint i = 0; i < notes->len; i++) {
        const Note *note = g_ptr_array_index(notes, i);

        if (places[note->key] == 0)
            places[note->key] = next++;
    }
    g_ptr_array_sort_with_data(notes, compare_in_key_order, places);
}

static DdpAuditRow *
row_new(const DdpAudit *audit, const Note *note, const GArray *truths)
{
    DdpAuditRow *row = g_new0(DdpAuditRow, 1);

    row->key = g_strdup(g_ptr_array_index(audit->keys, note->key));
    row->epoch = note->epoch;
    row->step = note->step;
    row->rank = note->rank;
    row->logged = note->value;
    row->truth = (double)NAN;
    row->has_truth = find_truth(truths, note, &row->truth);
    row->samples = note->samples;
    row->of = note->of;
    row->duplicates = note->duplicates;
    row->site = g_strdup(note->site);
    return row;
}

static void
end_evaluation(DdpAudit *audit, Evaluation *evaluation)
{
    g_autoptr(GPtrArray) notes = collect_notes(evaluation, audit->world_size);
    g_autoptr(GArray) truths = sort_truths(evaluation->truths);

    count_samples(evaluation, audit->world_size, notes);
    number_occurrences(notes);
    sort_into_row_order(audit, notes);
    for (guint i = 0; i < notes->len; i++)
        g_ptr_array_add(evaluation->rows, row_new(audit, g_ptr_array_index(notes, i), truths));

    evaluation->ended = true;
    g_ptr_array_set_size(notes, 0); /* they lie in what is forgotten now */
    evaluation_forget(evaluation, audit->world_size);
}

void
ddp_audit_end_evaluation(DdpAudit *audit, int evaluation_number)
{
    g_return_if_fail(audit != NULL);

    Evaluation *evaluation =
        g_hash_table_lookup(audit->by_number, GINT_TO_POINTER(evaluation_number));

    if (evaluation != NULL && !evaluation->ended)
        end_evaluation(audit, evaluation);
}

static int
compare_evaluations(const void *a, const void *b)
{
    const Evaluation *one = *(Evaluation *const *)a, *other = *(Evaluation *const *)b;

    return (one->number > other->number) - (one->number < other->number);
}

void
ddp_audit_finish(DdpAudit *audit, DdpRunRecord *record)
{
    g_return_if_fail(audit != NULL && record != NULL);

    g_ptr_array_sort(audit->evaluations, compare_evaluations);
    for (guint i = 0; i < audit->evaluations->len; i++) {
        Evaluation *evaluation = g_ptr_array_index(audit->evaluations, i);

        if (!evaluation->ended)
            end_evaluation(audit, evaluation);
        g_ptr_array_extend_and_steal(record->audit, g_steal_pointer(&evaluation->rows));
    }

    ddp_findings_from_audit(record);
    ddp_findings_from_logs(record);
}

bool
ddp_audit_row_is_right(const DdpAuditRow *row)
{
    g_return_val_if_fail(row != NULL, false);

    double error = ddp_audit_row_error(row);

    if (error == 0.0)
        return true;
    /* An infinite truth would allow any error. */
    return isfinite(error) && fabs(error) <= DDP_AUDIT_TOLERANCE * fmax(fabs(row->truth), 1e-6);
}
