/* SPDX-License-Identifier: MIT */
#include "sim/cli/determinism.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/audit/report.h"
#include "sim/cli/cli.h"
#include "sim/world/chrome_trace.h"
#include "sim/world/trace.h"

/* What a run leaves in its folder; pictures are drawn later, and not by it. */
static const char *const left[] = {DDP_REPORT_FILE, DDP_TRACE_FILE, DDP_CHROME_TRACE_FILE, "logs"};

typedef struct {
    const DdpRunRecord *records[2];
    const char *folders[2];
    GString *told; /* differences, a line each */
    size_t choice_count;
    int64_t line_count;
    guint file_count;
} Comparison;

static bool
fail(GError **error, const char *what, const char *path)
{
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot %s %s: %s", what, path,
                g_strerror(errno));
    return false;
}

/* ---- choices ---- */

static void
tell_choice(GString *out, const char *which, const GArray *choices, guint index)
{
    if (index < choices->len)
        g_string_append_printf(out, "%s took place %u", which,
                               g_array_index(choices, uint32_t, index));
    else
        g_string_append_printf(out, "%s made none", which);
}

static void
compare_choices(Comparison *it)
{
    const GArray *first = it->records[0]->choices, *second = it->records[1]->choices;
    guint index = 0;

    it->choice_count = first->len;
    while (index < first->len && index < second->len &&
           g_array_index(first, uint32_t, index) == g_array_index(second, uint32_t, index))
        index++;
    if (index == first->len && index == second->len)
        return;
    g_string_append_printf(it->told, "choice %u: ", index + 1);
    tell_choice(it->told, "the first run", first, index);
    g_string_append(it->told, ", ");
    tell_choice(it->told, "the second", second, index);
    g_string_append_c(it->told, '\n');
}

/* ---- the trace ---- */

typedef struct {
    FILE *file;
    char *line; /* NULL at the end */
    size_t room;
    size_t length;
} Lines;

static void
next_line(Lines *lines)
{
    ssize_t length = getline(&lines->line, &lines->room, lines->file);

    lines->length = length > 0 ? (size_t)length : 0;
}

static void
lines_clear(Lines *lines)
{
    if (lines->file != NULL)
        (void)fclose(lines->file); /* it was only read */
    free(lines->line);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Lines, lines_clear)

/* "trace line 12, first run: ..." */
static void
tell_line(GString *out, const char *what, int64_t number, const char *which, const Lines *lines)
{
    size_t length = lines->length;

    if (length > 0 && lines->line[length - 1] == '\n')
        length--;
    g_string_append_printf(out, "%s line %" G_GINT64_FORMAT ", %s run: ", what, number, which);
    if (lines->length > 0)
        g_string_append_len(out, lines->line, (gssize)length);
    else
        g_string_append(out, "(there is none)");
    g_string_append_c(out, '\n');
}

/* Compares @name, a text, line by line; @count gets the number of lines that are equal. */
static bool
compare_lines(Comparison *it, const char *name, const char *what, int64_t *count, GError **error)
{
    g_auto(Lines) first = {0}, second = {0};
    Lines *both[2] = {&first, &second};
    bool same = true;

    *count = 0;
    for (int i = 0; i < 2; i++) {
        g_autofree char *path = g_build_filename(it->folders[i], name, NULL);

        both[i]->file = fopen(path, "re");
        if (both[i]->file == NULL)
            return fail(error, "read", path);
    }
    while (same) {
        next_line(&first);
        next_line(&second);
        if (first.length == 0 && second.length == 0)
            break;
        same = first.length == second.length && memcmp(first.line, second.line, first.length) == 0;
        if (same) {
            (*count)++;
            continue;
        }
        tell_line(it->told, what, *count + 1, "first", &first);
        tell_line(it->told, what, *count + 1, "second", &second);
    }
    return true;
}

/* ---- files ---- */

/* The files below @folder/@name, as paths from @folder, into @files. */
static bool
list_files(const char *folder, const char *name, GPtrArray *files, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(GDir) dir = NULL;
    const char *entry;

    if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
        g_ptr_array_add(files, g_strdup(name));
        return true;
    }
    dir = g_dir_open(path, 0, error);
    if (dir == NULL)
        return false;
    while ((entry = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(name, entry, NULL);

        if (!list_files(folder, child, files, error))
            return false;
    }
    return true;
}

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* (transfer full): all but the trace, which has had its turn, sorted. */
static GPtrArray *
files_of(const char *folder, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; i < G_N_ELEMENTS(left); i++) {
        if (strcmp(left[i], DDP_TRACE_FILE) != 0 && !list_files(folder, left[i], files, error))
            return NULL;
    }
    g_ptr_array_sort(files, by_name);
    return g_steal_pointer(&files);
}

static GMappedFile *
map(const char *folder, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    return g_mapped_file_new(path, FALSE, error);
}

/* Compares the file @name of both runs. */
static bool
compare_file(Comparison *it, const char *name, GError **error)
{
    g_autoptr(GMappedFile) first = map(it->folders[0], name, error);
    g_autoptr(GMappedFile) second = first != NULL ? map(it->folders[1], name, error) : NULL;

    if (second == NULL)
        return false;

    size_t first_length = g_mapped_file_get_length(first);
    size_t second_length = g_mapped_file_get_length(second);
    const char *a = g_mapped_file_get_contents(first), *b = g_mapped_file_get_contents(second);
    size_t at = 0;

    while (at < MIN(first_length, second_length) && a[at] == b[at])
        at++;
    if (at == first_length && at == second_length)
        it->file_count++;
    else
        g_string_append_printf(it->told,
                               "file %s: byte %" G_GSIZE_FORMAT " differs (of %" G_GSIZE_FORMAT
                               " in the first run, %" G_GSIZE_FORMAT " in the second)\n",
                               name, at + 1, first_length, second_length);
    return true;
}

static bool
compare_files(Comparison *it, GError **error)
{
    g_autoptr(GPtrArray) first = files_of(it->folders[0], error);
    g_autoptr(GPtrArray) second = first != NULL ? files_of(it->folders[1], error) : NULL;
    guint i = 0, j = 0;

    if (second == NULL)
        return false;
    while (it->told->len == 0 && (i < first->len || j < second->len)) {
        int order = i == first->len    ? 1
                    : j == second->len ? -1
                                       : strcmp(first->pdata[i], second->pdata[j]);

        if (order != 0)
            g_string_append_printf(it->told, "file %s: only the %s run wrote it\n",
                                   (char *)(order < 0 ? first->pdata[i] : second->pdata[j]),
                                   order < 0 ? "first" : "second");
        else if (!compare_file(it, first->pdata[i], error))
            return false;
        i += order <= 0;
        j += order >= 0;
    }
    return true;
}

/* ---- digest and verdict ---- */

static void
compare_texts(Comparison *it, const char *what, const char *first, const char *second)
{
    if (it->told->len == 0 && g_strcmp0(first, second) != 0)
        g_string_append_printf(it->told, "%s, first run: %s\n%s, second run: %s\n", what,
                               first != NULL ? first : "none", what,
                               second != NULL ? second : "none");
}

static void
compare_verdicts(Comparison *it)
{
    const DdpRunRecord *first = it->records[0], *second = it->records[1];
    const DdpDiagnosisRecord *one = first->diagnosis, *other = second->diagnosis;
    g_autofree char *first_digest = ddp_report_digest(first);
    g_autofree char *second_digest = ddp_report_digest(second);

    compare_texts(it, "outcome", first->outcome, second->outcome);
    compare_texts(it, "class", one != NULL ? one->cls : NULL, other != NULL ? other->cls : NULL);
    compare_texts(it, "root cause", one != NULL ? one->root_cause : NULL,
                  other != NULL ? other->root_cause : NULL);
    compare_texts(it, "digest", first_digest, second_digest);
}

/* ---- both runs ---- */

/* (transfer full): what is left to say when nothing differed. */
static char *
tell_same(const Comparison *it)
{
    if (it->records[0]->choices == NULL)
        return g_strdup_printf(
            "deterministic: digest and verdict are equal; with %s nobody chooses "
            "the order, so trace and files are not compared",
            it->records[0]->engine);
    return g_strdup_printf("deterministic: %" G_GSIZE_FORMAT " choices, %" G_GINT64_FORMAT
                           " trace lines, %u files equal",
                           it->choice_count, it->line_count, it->file_count);
}

bool
ddp_determinism_compare(const DdpRunRecord *first, const char *first_folder,
                        const DdpRunRecord *second, const char *second_folder,
                        DdpDeterminism *found, GError **error)
{
    g_autoptr(GString) differences = g_string_new(NULL);
    Comparison it = {
        .records = {first, second}, .folders = {first_folder, second_folder}, .told = differences};
    int64_t report_lines;

    if (first->choices == NULL || second->choices == NULL) {
        compare_verdicts(&it);
    } else {
        compare_choices(&it);
        if (!compare_lines(&it, DDP_TRACE_FILE, "trace", &it.line_count, error) ||
            (differences->len == 0 &&
             !compare_lines(&it, DDP_REPORT_FILE, DDP_REPORT_FILE, &report_lines, error)) ||
            (differences->len == 0 && !compare_files(&it, error)))
            return false;
    }
    *found = (DdpDeterminism){.same = differences->len == 0};
    if (found->same) {
        found->told = tell_same(&it);
    } else {
        g_string_truncate(differences, differences->len - 1); /* the last newline */
        found->told = g_strconcat("not deterministic\n", differences->str, NULL);
    }
    return true;
}

/* Moves what a run left from one folder into the other, which is made. */
static bool
move_aside(const char *from, const char *to, GError **error)
{
    if (g_mkdir(to, 0777) != 0)
        return fail(error, "make the folder", to);
    for (size_t i = 0; i < G_N_ELEMENTS(left); i++) {
        g_autofree char *old = g_build_filename(from, left[i], NULL);
        g_autofree char *new = g_build_filename(to, left[i], NULL);

        if (g_rename(old, new) != 0)
            return fail(error, "move away", old);
    }
    return true;
}

void
ddp_determinism_clear(DdpDeterminism *determinism)
{
    g_clear_pointer(&determinism->told, g_free);
    g_clear_pointer(&determinism->aside, g_free);
}

DdpRunRecord *
ddp_determinism_run(DdpScenario *scenario, int index, const DdpRunSpec *spec, DdpDeterminism *found,
                    GError **error)
{
    g_autofree char *folder = ddp_scenario_variant_folder(scenario, index, spec->out);
    g_autofree char *parent = g_path_get_dirname(folder);
    /* No variant's folder begins with a dot. */
    g_autofree char *aside_name =
        g_strdup_printf(".%s.first", ddp_scenario_variant(scenario, index)->folder);
    g_autofree char *aside = g_build_filename(parent, aside_name, NULL);
    g_autoptr(DdpRunRecord) first = NULL;
    g_autoptr(DdpRunRecord) second = NULL;
    DdpRunSpec silent = *spec;

    silent.keep_choices = true;
    first = ddp_scenario_run(scenario, index, &silent, error);
    if (first == NULL)
        return NULL;
    ddp_cli_remove_tree(aside);
    if (!move_aside(folder, aside, error))
        return NULL;
    silent.print = NULL; /* once is enough */
    second = ddp_scenario_run(scenario, index, &silent, error);
    if (second == NULL || !ddp_determinism_compare(first, aside, second, folder, found, error))
        return NULL;
    if (found->same)
        ddp_cli_remove_tree(aside);
    else
        found->aside = g_steal_pointer(&aside);
    return g_steal_pointer(&second);
}
