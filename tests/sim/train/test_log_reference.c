/* SPDX-License-Identifier: MIT */
#include "sim/audit/report.h"
#include "sim/script/scenario.h"
#include "tests/testutil.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * What self.log did in the real Lightning, case by case, against what ours does: each call of a
 * logger, the three dictionaries at the moments that a case names, errors and warnings, on every
 * rank. tests/reference/lightning_log_record.py says how the cases and figures are written.
 */

#define REPORT_MAX 2000 /* bytes; Check cannot carry much more */

static JsonArray *cases;
static char **figures; /* the lines of lightning_log_figures.txt */
static char *player;
static char *folder;

static char *
read_source(const char *name)
{
    g_autofree char *reference = ddp_test_reference_path("..");
    g_autofree char *path = g_build_filename(reference, "sim", "train", name, NULL);
    char *text = NULL;

    ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "cannot read %s", path);
    return text;
}

static void
set_up(void)
{
    g_autofree char *text = ddp_test_reference_read("lightning_log_figures.txt");
    g_autofree char *path = ddp_test_reference_path("lightning_log_cases.json");
    g_autoptr(JsonParser) parser = json_parser_new();

    ck_assert(json_parser_load_from_file(parser, path, NULL));
    cases = json_array_ref(json_node_get_array(json_parser_get_root(parser)));
    figures = g_strsplit(text, "\n", -1);
    player = read_source("log_player.lua");
    folder = ddp_test_tmp_dir();
}

static void
tear_down(void)
{
    json_array_unref(cases);
    g_strfreev(figures);
    g_free(player);
    ddp_test_remove_tree(folder);
    g_free(folder);
}

/* ---- a case as Lua ---- */

static void
append_lua(GString *text, JsonNode *node)
{
    GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_NONE;

    if (JSON_NODE_HOLDS_ARRAY(node)) {
        JsonArray *array = json_node_get_array(node);

        g_string_append_c(text, '{');
        for (guint i = 0; i < json_array_get_length(array); i++) {
            append_lua(text, json_array_get_element(array, i));
            g_string_append_c(text, ',');
        }
        g_string_append_c(text, '}');
    } else if (JSON_NODE_HOLDS_OBJECT(node)) {
        g_autoptr(GList) names = json_object_get_members(json_node_get_object(node));

        g_string_append_c(text, '{');
        for (GList *at = names; at != NULL; at = at->next) {
            g_string_append_printf(text, "['%s']=", (const char *)at->data);
            append_lua(text, json_object_get_member(json_node_get_object(node), at->data));
            g_string_append_c(text, ',');
        }
        g_string_append_c(text, '}');
    } else if (type == G_TYPE_STRING) {
        g_string_append_printf(text, "\"%s\"", json_node_get_string(node));
    } else if (type == G_TYPE_BOOLEAN) {
        g_string_append(text, json_node_get_boolean(node) ? "true" : "false");
    } else if (type == G_TYPE_INT64) {
        g_string_append_printf(text, "%" G_GINT64_FORMAT, json_node_get_int(node));
    } else {
        g_string_append_printf(text, "%.17g", json_node_get_double(node));
    }
}

/* ---- playing it ---- */

typedef struct {
    GString **lines; /* by rank: what the player said, a line each */
    GString *told;   /* what else rank 0 printed */
} Heard;

static void
hear(const char *line, int rank, void *user_data)
{
    Heard *heard = user_data;

    if (g_str_has_prefix(line, "@ "))
        g_string_append_printf(heard->lines[rank], "%s\n", line + 2);
    else if (rank == 0)
        g_string_append_printf(heard->told, "%s\n", line);
}

/* Plays the case; returns the digest. (transfer full) */
static char *
play(JsonNode *one, int world, const char *engine, bool fails, Heard *heard)
{
    g_autofree char *path = g_build_filename(folder, "case.lua", NULL);
    g_autoptr(GString) text = g_string_new("local CASE = ");
    g_autoptr(GError) error = NULL;
    DdpRunSpec spec = ddp_run_spec_default();

    append_lua(text, one);
    g_string_append_printf(
        text,
        "\nCASE.error = %s\n"
        "local play = (function()\n%s\nend)\n"
        "return { world = { size = %d, backend = 'gloo' }, variants = { { name = "
        "'v', main = function() play()() end } } }",
        fails ? "true" : "false", player, world);
    ck_assert(g_file_set_contents(path, text->str, -1, NULL));
    spec.out = folder;
    spec.engine = engine;
    spec.print = hear;
    spec.print_data = heard;

    g_autoptr(DdpScenario) scenario = ddp_scenario_load(path, "case.lua", &spec.limits, &error);

    ck_assert_no_error(error);

    g_autoptr(DdpRunRecord) record = ddp_scenario_run(scenario, 0, &spec, &error);

    ck_assert_no_error(error);
    for (int rank = 0; rank < world; rank++) {
        const DdpRankRecord *end = record->ranks->pdata[rank];

        if (end->error != NULL)
            g_string_append_printf(heard->lines[rank], "FAILED %s\n", end->error);
    }
    return ddp_report_digest(record);
}

/* ---- comparing ---- */

/* Words of a line are equal, or both are NAME=NUMBER with numbers that are as good as equal. */
static bool
same_word(const char *got, const char *expected)
{
    const char *number = strrchr(expected, '=');
    size_t name = number != NULL ? (size_t)(number - expected) + 1 : 0;

    if (strcmp(got, expected) == 0)
        return true;
    if (number == NULL || strncmp(got, expected, name) != 0)
        return false;

    double a = g_ascii_strtod(got + name, NULL), b = g_ascii_strtod(expected + name, NULL);

    return fabs(a - b) <= 1e-6 * MAX(fabs(b), 1.0) || (isnan(a) && isnan(b));
}

static bool
same_line(const char *got, const char *expected)
{
    g_auto(GStrv) a = g_strsplit(got, " ", -1), b = g_strsplit(expected, " ", -1);

    /* Of an error, what exception it is; the words are our own. */
    if (strcmp(a[0], "error") == 0 && strcmp(b[0], "error") == 0)
        return strstr(got, b[1]) != NULL;
    if (g_strv_length(a) != g_strv_length(b))
        return false;
    for (int i = 0; a[i] != NULL; i++) {
        if (!same_word(a[i], b[i]))
            return false;
    }
    return true;
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
add_once(GPtrArray *texts, char *text)
{
    if (g_ptr_array_find_with_equal_func(texts, text, g_str_equal, NULL))
        g_free(text);
    else
        g_ptr_array_add(texts, text);
}

/* Warnings that rank 0 printed, as the recording words them, sorted. (transfer full) */
static GPtrArray *
warnings_of(const char *told)
{
    static const struct {
        const char *kind;
        const char *text;
        const char *begin; /* of the name; (nullable) */
    } kinds[] = {
        {"ambiguous", "Trying to infer the `batch_size` from an ambiguous collection", NULL},
        {"floating", "but the value needs to be floating", "self:log('"},
        {"no_logger", "but have no logger configured", "self:log('"},
        {"sync", "It is recommended to use `self:log(", "self:log('"},
    };
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) lines = g_strsplit(told, "\n", -1);

    for (int i = 0; lines[i] != NULL; i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
            const char *name = kinds[k].begin != NULL ? strstr(lines[i], kinds[k].begin) : NULL;
            GString *text;

            if (strstr(lines[i], kinds[k].text) == NULL)
                continue;
            text = g_string_new("warning ");
            g_string_append(text, kinds[k].kind);
            if (name != NULL) {
                name += strlen(kinds[k].begin);
                g_string_append_c(text, ' ');
                g_string_append_len(text, name, (gssize)strcspn(name, "'"));
            }
            add_once(found, g_string_free(text, FALSE));
        }
    }
    g_ptr_array_sort(found, compare_texts);
    return found;
}

/* The index of the first figure of a case on a rank. */
static int
find_figures(const char *name, int world, int rank)
{
    g_autofree char *head = g_strdup_printf("case %s %d %d", name, world, rank);

    for (int i = 0; figures[i] != NULL; i++) {
        if (strcmp(figures[i], head) == 0)
            return i + 1;
    }
    ck_abort_msg("no figures of: %s", head);
    return 0;
}

static bool
is_end(const char *figure)
{
    return figure == NULL || *figure == '\0' || g_str_has_prefix(figure, "case ");
}

static bool
case_fails(const char *name, int world)
{
    for (int i = find_figures(name, world, 0); !is_end(figures[i]); i++) {
        if (g_str_has_prefix(figures[i], "error "))
            return true;
    }
    return false;
}

/* Appends what differs on a rank to @report. */
static void
compare(const char *name, int world, int rank, const char *heard, GPtrArray *warnings,
        GString *report)
{
    g_auto(GStrv) lines = g_strsplit(heard, "\n", -1);
    g_autoptr(GPtrArray) got = g_ptr_array_new();
    int first = find_figures(name, world, rank);
    guint count = 0;

    for (int i = 0; lines[i] != NULL; i++) {
        if (*lines[i] != '\0')
            g_ptr_array_add(got, lines[i]);
    }
    for (guint i = 0; i < warnings->len; i++)
        g_ptr_array_add(got, warnings->pdata[i]);
    while (!is_end(figures[first + (int)count]))
        count++;

    for (guint i = 0; i < MAX(count, got->len); i++) {
        const char *expected = i < count ? figures[first + (int)i] : "(nothing)";
        const char *line = i < got->len ? got->pdata[i] : "(nothing)";

        if (same_line(line, expected) || report->len > REPORT_MAX)
            continue;
        g_string_append_printf(report,
                               "%s, world %d, rank %d, line %u\n  Lightning: %s\n  ours:"
                               "      %s\n",
                               name, world, rank, i + 1, expected, line);
        return;
    }
}

static bool
is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* The digest of a case that completes. (transfer full) */
static char *
play_quietly(JsonNode *one, int world, const char *engine)
{
    Heard heard = {g_new0(GString *, world), g_string_new(NULL)};
    char *digest;

    for (int rank = 0; rank < world; rank++)
        heard.lines[rank] = g_string_new(NULL);
    digest = play(one, world, engine, false, &heard);
    for (int rank = 0; rank < world; rank++) {
        ck_assert_msg(strstr(heard.lines[rank]->str, "FAILED") == NULL, "%s",
                      heard.lines[rank]->str);
        g_string_free(heard.lines[rank], TRUE);
    }
    g_string_free(heard.told, TRUE);
    g_free(heard.lines);
    return digest;
}

static int
play_all(int world, const char *engine, GString *report)
{
    const char *only = g_getenv("DDPSIM_LOG_CASE"); /* to look at one case alone */
    int played = 0;

    for (guint i = 0; i < json_array_get_length(cases); i++) {
        JsonNode *one = json_array_get_element(cases, i);
        const char *name = json_object_get_string_member(json_node_get_object(one), "name");
        g_autoptr(GPtrArray) no_warnings = g_ptr_array_new();
        Heard heard = {g_new0(GString *, world), g_string_new(NULL)};

        if (only != NULL && strcmp(only, name) != 0)
            continue;
        for (int rank = 0; rank < world; rank++)
            heard.lines[rank] = g_string_new(NULL);
        g_free(play(one, world, engine, case_fails(name, world), &heard));

        g_autoptr(GPtrArray) warnings = warnings_of(heard.told->str);

        for (int rank = 0; rank < world; rank++)
            compare(name, world, rank, heard.lines[rank]->str, rank == 0 ? warnings : no_warnings,
                    report);
        for (int rank = 0; rank < world; rank++)
            g_string_free(heard.lines[rank], TRUE);
        g_string_free(heard.told, TRUE);
        g_free(heard.lines);
        played++;
    }
    return played;
}

/* All figures of one case on all ranks, from every engine. */
START_TEST(test_engines_agree_on_every_case)
{
    static const char *const engines[] = {"fibers", "threads", "processes"};
    static const char *const names[] = {"batch_hooks_epoch", "mean_uneven", "two_loaders",
                                        "rank_zero_only_True"};

    for (guint i = 0; i < json_array_get_length(cases); i++) {
        JsonNode *one = json_array_get_element(cases, i);
        const char *name = json_object_get_string_member(json_node_get_object(one), "name");
        g_autofree char *first = NULL;

        if (!is_one_of(name, names, G_N_ELEMENTS(names)))
            continue;
        for (size_t e = 0; e < G_N_ELEMENTS(engines); e++) {
            g_autofree char *digest = play_quietly(one, _i, engines[e]);

            if (first == NULL)
                first = g_steal_pointer(&digest);
            else
                ck_assert_msg(strcmp(digest, first) == 0, "%s, world %d: %s differs", name, _i,
                              engines[e]);
        }
    }
}
END_TEST

START_TEST(test_every_case_logs_what_lightning_logs)
{
    g_autoptr(GString) report = g_string_new(NULL);
    int played = play_all(_i, "fibers", report);

    ck_assert_msg(report->len == 0, "%s", report->str);
    ck_assert_int_ge(played, g_getenv("DDPSIM_LOG_CASE") != NULL ? 0 : 70);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log_reference");
    TCase *tcase = tcase_create("cases");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_every_case_logs_what_lightning_logs, 1, 4);
    tcase_add_loop_test(tcase, test_engines_agree_on_every_case, 1, 8);
    suite_add_tcase(suite, tcase);
    return ddp_test_main(suite);
}
