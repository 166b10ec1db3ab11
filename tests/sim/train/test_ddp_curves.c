/* SPDX-License-Identifier: MIT */
#include "sim/script/scenario.h"

#include <math.h>
#include <string.h>

#include "sim/audit/report.h"
#include "tests/testutil.h"

/*
 * tests/scenarios/ddp_curves.lua trains as tests/reference/ddp_record.py did with the real
 * DistributedDataParallel over gloo, and prints the same lines. Each number must be within 1e-5,
 * relative to the larger one, or to LEAST, since gloo adds up in another order of ranks (1e-3 for
 * what went through float16, where other last bits of a sum are other halves); text and counts of
 * numbers must be the same.
 */

#define TOLERANCE 1e-5
#define HALF_TOLERANCE 1e-3
#define LEAST 1e-2

static const int sizes[] = {1, 2, 4};

static char *folder;

static void
set_up(void)
{
    folder = ddp_test_tmp_dir();
}

static void
tear_down(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
}

static DdpScenario *
load(DdpRunSpec *spec)
{
    g_autofree char *path =
        g_build_filename(g_getenv("DDPSIM_TEST_SCENARIOS"), "ddp_curves.lua", NULL);
    g_autoptr(GError) error = NULL;
    DdpScenario *scenario = ddp_scenario_load(path, "ddp_curves.lua", &spec->limits, &error);

    ck_assert_no_error(error);
    return scenario;
}

/* All lines that a world of @size prints for the variant, without "rank\tfigure: ", sorted. */
static GPtrArray *
play(int size, int variant)
{
    DdpRunSpec spec = ddp_run_spec_default();
    g_autoptr(DdpScenario) scenario = load(&spec);
    g_autoptr(GError) error = NULL;
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

    spec.out = folder;
    spec.world_size = size;

    g_autoptr(DdpRunRecord) record = ddp_scenario_run(scenario, variant, &spec, &error);

    ck_assert_no_error(error);
    ck_assert_str_eq(record->outcome, "completed");
    for (guint i = 0; i < record->printed->len; i++) {
        const char *figure = strstr(record->printed->pdata[i], "figure: ");

        if (figure != NULL)
            g_ptr_array_add(lines, g_strdup(figure + strlen("figure: ")));
    }
    return lines;
}

static bool
is_number(const char *word, double *value)
{
    char *end;

    *value = g_ascii_strtod(word, &end);
    return *word != '\0' && *end == '\0';
}

static void
compare_lines(const char *expected, const char *found)
{
    g_auto(GStrv) want = g_strsplit(expected, " ", -1);
    g_auto(GStrv) got = g_strsplit(found, " ", -1);
    double tolerance = strstr(expected, "fp16") != NULL ? HALF_TOLERANCE : TOLERANCE;

    ck_assert_msg(g_strv_length(want) == g_strv_length(got), "expected\n%s\nfound\n%s", expected,
                  found);
    for (guint i = 0; want[i] != NULL; i++) {
        double a, b;

        if (!is_number(want[i], &a) || !is_number(got[i], &b) || strcmp(want[3], "has") == 0)
            ck_assert_str_eq(want[i], got[i]);
        else
            ck_assert_msg(fabs(a - b) <= tolerance * fmax(fmax(fabs(a), fabs(b)), LEAST),
                          "%s %s %s %s, number %u: torch has %s, we have %s", want[0], want[1],
                          want[2], want[3], i - 4, want[i], got[i]);
    }
}

/* "mlp 2 0 loss " */
static char *
key_of(const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 5);

    return g_strdup_printf("%s %s %s %s ", words[0], words[1], words[2], words[3]);
}

static const char *
find_line(const GPtrArray *lines, const char *key)
{
    for (guint i = 0; i < lines->len; i++) {
        if (g_str_has_prefix(lines->pdata[i], key))
            return lines->pdata[i];
    }
    return NULL;
}

/* How many recorded lines of this case and size were compared. */
static int
compare(const char *reference, const char *name, int size, const GPtrArray *lines)
{
    g_autofree char *prefix = g_strdup_printf("%s %d ", name, size);
    g_auto(GStrv) recorded = g_strsplit(reference, "\n", -1);
    int compared = 0;

    for (guint i = 0; recorded[i] != NULL; i++) {
        if (!g_str_has_prefix(recorded[i], prefix))
            continue;

        g_autofree char *key = key_of(recorded[i]);
        const char *found = find_line(lines, key);

        ck_assert_msg(found != NULL, "no line %s", key);
        compare_lines(recorded[i], found);
        compared++;
    }
    return compared;
}

START_TEST(test_training_equals_the_real_library)
{
    g_autofree char *reference = ddp_test_reference_read("ddp_training.txt");
    DdpRunSpec spec = ddp_run_spec_default();
    g_autoptr(DdpScenario) scenario = load(&spec);
    int compared = 0;

    for (int i = 0; i < ddp_scenario_variant_count(scenario); i++) {
        g_autoptr(GPtrArray) lines = play(sizes[_i], i);

        compared += compare(reference, ddp_scenario_variant(scenario, i)->name, sizes[_i], lines);
    }
    /* Every case has a loss for each rank, and rank 0's weights. */
    ck_assert_int_ge(compared, 6 * (sizes[_i] + 1));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ddp_curves");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_loop_test(all, test_training_equals_the_real_library, 0, G_N_ELEMENTS(sizes));
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
