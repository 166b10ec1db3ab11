/* SPDX-License-Identifier: MIT */
#include "tests/bugset/score.h"

#include <string.h>

bool
bugset_score_is_perfect(const BugsetScore *score)
{
    return score->found == score->wrong && score->classed == score->wrong &&
           score->lined == score->wrong && score->blamed == score->wrong && score->noisy == 0;
}

/* ---- what was said ---- */

static bool
is_one_of(const char *const *classes, const char *cls)
{
    for (int i = 0; cls != NULL && i < 4 && classes[i] != NULL; i++) {
        if (strcmp(classes[i], cls) == 0)
            return true;
    }
    return false;
}

/* A finding that tells this bug: of the kind wanted, or a silent pairing of a class wanted. */
static bool
tells(const BugsetSpec *spec, const DdpFinding *finding)
{
    if (spec->finding != NULL)
        return strcmp(finding->kind, spec->finding) == 0;
    return strcmp(finding->kind, "silent_pairing") == 0 && is_one_of(spec->classes, finding->cls);
}

static bool
diagnosis_tells(const BugsetSpec *spec, const DdpRunRecord *record)
{
    return record->diagnosis != NULL && is_one_of(spec->classes, record->diagnosis->cls);
}

/*
 * A rank failed, or was ended, and nobody waited for it: its error is the verdict, and a diagnosis
 * of how the ranks hang together may be absent.
 */
static bool
speaks_for_itself(const BugsetSpec *spec, const DdpRunRecord *record)
{
    if (record->diagnosis != NULL ||
        (!is_one_of(spec->classes, "died") && !is_one_of(spec->classes, "endless")))
        return false;
    for (guint i = 0; i < record->ranks->len; i++) {
        if (strcmp(((DdpRankRecord *)record->ranks->pdata[i])->state, "blocked") == 0)
            return false;
    }
    return spec->outcome != NULL && strcmp(record->outcome, spec->outcome) == 0;
}

static bool
is_classed(const BugsetSpec *spec, const DdpRunRecord *record)
{
    if (spec->outcome != NULL && strcmp(spec->outcome, record->outcome) != 0)
        return false;
    if (diagnosis_tells(spec, record) || speaks_for_itself(spec, record))
        return true;
    for (guint i = 0; i < record->findings->len; i++) {
        if (tells(spec, record->findings->pdata[i]))
            return true;
    }
    return false;
}

/* ---- lines ---- */

/* True if @text names @place, "file:12", and not only "file:123". */
static bool
names_place(const char *text, const char *place)
{
    size_t length = strlen(place);

    for (const char *at = text; at != NULL && (at = strstr(at, place)) != NULL; at++) {
        if (!g_ascii_isdigit(at[length]))
            return true;
    }
    return false;
}

static bool
any_names_place(const GPtrArray *texts, const char *place)
{
    for (guint i = 0; texts != NULL && i < texts->len; i++) {
        if (names_place(texts->pdata[i], place))
            return true;
    }
    return false;
}

/* Somewhere in what a person gets to read. */
static bool
is_shown(const DdpRunRecord *record, const char *place)
{
    for (guint i = 0; i < record->ranks->len; i++) {
        const DdpRankRecord *rank = record->ranks->pdata[i];

        if (names_place(rank->site, place) || names_place(rank->error, place) ||
            any_names_place(rank->stack, place))
            return true;
    }
    for (guint i = 0; i < record->findings->len; i++) {
        const DdpFinding *finding = record->findings->pdata[i];

        if (names_place(finding->message, place) || any_names_place(finding->sites, place))
            return true;
    }
    return record->diagnosis != NULL && (names_place(record->diagnosis->summary, place) ||
                                         names_place(record->diagnosis->root_cause, place));
}

static char *
lines_missing(const BugsetProgram *program, const DdpRunRecord *record)
{
    GString *missing = g_string_new(NULL);

    for (guint i = 0; i < program->lines->len; i++) {
        int line = g_array_index(program->lines, int, i);
        g_autofree char *place = g_strdup_printf("%s:%d", BUGSET_SHOWN, line);

        if (!is_shown(record, place))
            g_string_append_printf(missing, " %d", line);
    }
    return g_string_free(missing, FALSE);
}

/* ---- blame ---- */

static uint32_t
bits_of(const GArray *ranks)
{
    uint32_t bits = 0;

    for (guint i = 0; i < ranks->len; i++)
        bits |= UINT32_C(1) << g_array_index(ranks, int, i);
    return bits;
}

static uint32_t
failed_ranks(const DdpRunRecord *record)
{
    uint32_t bits = 0;

    for (guint i = 0; i < record->ranks->len; i++) {
        if (((DdpRankRecord *)record->ranks->pdata[i])->error != NULL)
            bits |= UINT32_C(1) << i;
    }
    return bits;
}

/* The ranks that the report lays it on. */
static uint32_t
blamed_ranks(const BugsetSpec *spec, const DdpRunRecord *record)
{
    uint32_t bits = 0;

    if (record->diagnosis != NULL)
        return bits_of(record->diagnosis->blamed);
    if (speaks_for_itself(spec, record))
        return failed_ranks(record);
    for (guint i = 0; i < record->findings->len; i++) {
        const DdpFinding *finding = record->findings->pdata[i];

        /* A finding without a class is about the ranks that it names. */
        if (tells(spec, finding))
            bits |= bits_of(spec->finding != NULL ? finding->ranks : finding->blamed);
    }
    return bits;
}

/* ---- both variants ---- */

static void
append_ranks(GString *text, uint32_t bits)
{
    if (bits == 0)
        g_string_append(text, " nobody");
    for (int rank = 0; rank < BUGSET_SIZE_MAX; rank++) {
        if ((bits >> rank & 1) != 0)
            g_string_append_printf(text, " %d", rank);
    }
}

/* "outcome deadlock, class kind, finding never_waited". */
static void
append_found(GString *text, const DdpRunRecord *record)
{
    g_string_append_printf(text, "outcome %s", record->outcome);
    if (record->diagnosis != NULL)
        g_string_append_printf(text, ", class %s", record->diagnosis->cls);
    for (guint i = 0; i < record->findings->len && i < 3; i++) {
        const DdpFinding *finding = record->findings->pdata[i];

        g_string_append_printf(text, ", %s", finding->kind);
        if (finding->cls != NULL)
            g_string_append_printf(text, " of class %s", finding->cls);
    }
}

static void
append_expected(GString *text, const BugsetSpec *spec)
{
    if (spec->outcome != NULL)
        g_string_append_printf(text, "outcome %s, ", spec->outcome);
    if (spec->finding != NULL)
        g_string_append(text, spec->finding);
    for (int i = 0; i < 4 && spec->classes[i] != NULL; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " or " : "", spec->classes[i]);
}

void
bugset_score_wrong(BugsetScore *score, const BugsetProgram *program, const DdpRunRecord *record,
                   GString *miss)
{
    const BugsetSpec *spec = program->spec;
    bool found = record->diagnosis != NULL || record->findings->len > 0 ||
                 strcmp(record->outcome, "completed") != 0;
    bool classed = found && is_classed(spec, record);
    g_autofree char *missing = lines_missing(program, record);
    bool lined = found && *missing == '\0';
    uint32_t bits = blamed_ranks(spec, record);
    bool blamed = classed && (spec->blamed == BUGSET_ANYBODY || spec->blamed == bits);

    score->wrong++;
    score->found += found;
    score->classed += classed;
    score->lined += lined;
    score->blamed += blamed;
    if (classed && lined && blamed)
        return;
    g_string_append_printf(miss, "%s: expected ", program->file);
    append_expected(miss, spec);
    g_string_append(miss, "; found ");
    append_found(miss, record);
    if (!lined)
        g_string_append_printf(miss, "; not shown: line%s", missing);
    if (classed && !blamed) {
        g_string_append(miss, "; blamed");
        append_ranks(miss, bits);
        g_string_append(miss, ", expected");
        append_ranks(miss, spec->blamed);
    }
    g_string_append_c(miss, '\n');
}

void
bugset_score_right(BugsetScore *score, const BugsetProgram *program, const DdpRunRecord *record,
                   GString *miss)
{
    score->right++;
    if (record->diagnosis == NULL && record->findings->len == 0 &&
        strcmp(record->outcome, "completed") == 0)
        return;
    score->noisy++;
    g_string_append_printf(miss, "%s: right, but found ", program->file);
    append_found(miss, record);
    for (guint i = 0; i < record->ranks->len; i++) {
        const DdpRankRecord *rank = record->ranks->pdata[i];

        if (rank->error != NULL) {
            g_string_append_printf(miss, "; rank %u: %s", i, rank->error);
            break;
        }
    }
    g_string_append_c(miss, '\n');
}

void
bugset_score_print(GString *table, const char *family, const BugsetScore *score)
{
    if (score == NULL) {
        g_string_append_printf(table, "%-14s %6s %6s %6s %6s %6s %7s %6s\n", family, "wrong",
                               "found", "class", "lines", "blame", "right", "noise");
        return;
    }
    g_string_append_printf(table, "%-14s %6d %6d %6d %6d %6d %7d %6d\n", family, score->wrong,
                           score->found, score->classed, score->lined, score->blamed, score->right,
                           score->noisy);
}
