/* SPDX-License-Identifier: MIT */
#include "sim/script/scenario.h"
#include "sim/script/scenario_private.h"
#include "sim/world/topology.h"
#include "tests/testutil.h"

#include <string.h>

/* What a scenario file says about time: the world's topology, and work that nobody does. */

static char *folder;

static void
setup(void)
{
    folder = ddp_test_tmp_dir();
}

static void
teardown(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
}

/* A scenario of one variant `a`; @world and @more are what stands in the two `world` tables. */
static DdpScenario *
load(const char *world, const char *more, const char *main, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "time.lua", NULL);
    g_autofree char *text = g_strdup_printf(
        "return { world = { %s }, variants = { { name = 'a', world = { %s }, main = %s } } }",
        world, more, main);
    DdpLimits limits = ddp_limits_default();

    ck_assert(g_file_set_contents(path, text, -1, NULL));
    return ddp_scenario_load(path, "time.lua", &limits, error);
}

static const struct {
    const char *world, *more;
    const char *topology; /* NULL: nothing is said */
} right[] = {
    {"size = 2", "size = 3", NULL},
    {"topology = 'pcie'", "", "pcie"},
    {"topology = 'pcie'", "topology = 'laptop'", "laptop"},
    {"topology = 'hgx-h100;inter=8x50GB/s'", "size = 2", "hgx-h100"},
    {"topology = { preset = 'none', inter = '2x1GB/s, 5us', disk = 'free' }", "",
     "none;inter=2x1GB/s,5us"},
    {"topology = { preset = 'none' }", "topology = { intra = '300GB/s,1.9us' }", "dgx-a100"},
    {"", "topology = {}", "dgx-a100"},
    {"topology = { compute = '3GFLOP/s' }", "topology = { preset = 'none', compute = '1TFLOP/s' }",
     "none;compute=1TFLOP/s"},
};

START_TEST(test_a_variants_topology_takes_the_place_of_the_scenarios)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpScenario) scenario = load(right[_i].world, right[_i].more, "print", &error);
    DdpWorldFields fields;
    DdpTopology topology;

    ck_assert_no_error(error);
    ck_assert(ddp_scenario_variant_world(scenario, 0, &fields, &error));
    if (right[_i].topology == NULL) {
        ck_assert_ptr_null(fields.topology);
    } else {
        ck_assert(ddp_topology_parse(fields.topology, &topology, &error));

        g_autofree char *text = ddp_topology_to_string(&topology);

        ck_assert_str_eq(text, right[_i].topology);
    }
    ddp_world_fields_clear(&fields);
}
END_TEST

static const struct {
    const char *world, *more, *message;
} wrong[] = {
    {"topology = 5", "",
     "time.lua: world.topology is a number, expected a name such as \"pcie\" or a table such as "
     "{ intra = \"300GB/s,2us\" }"},
    {"topology = 'pci'", "", "time.lua: world: topology: 'pci' is unknown, did you mean 'pcie'?"},
    {"", "topology = 'pci'",
     "time.lua: variants[1]: topology: 'pci' is unknown, did you mean 'pcie'?"},
    {"topology = { intar = '2us' }", "",
     "time.lua: world.topology: unknown field 'intar', did you mean 'intra'?"},
    {"topology = { '2us' }", "",
     "time.lua: world.topology: expected named fields, found a number as key"},
    {"topology = { compute = 60e12 }", "",
     "time.lua: world.topology.compute is a number, expected a string"},
    {"topology = { preset = '' }", "",
     "time.lua: world: topology: a part is empty; expected none, a preset's name or a field such "
     "as intra=300GB/s,2us"},
    {"topology = { intra = '300' }", "",
     "time.lua: world: topology: intra=300 has no unit, expected a rate such as 300GB/s, a latency "
     "such as 2us, or both"},
};

START_TEST(test_a_wrong_topology_is_explained_before_anything_runs)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(load(wrong[_i].world, wrong[_i].more, "print", &error));
    ck_assert_ptr_nonnull(error);
    ck_assert_str_eq(error->message, wrong[_i].message);
}
END_TEST

static const struct {
    const char *main, *message;
} computes[] = {
    {"function() sim.compute(-1) end", "sim.compute: -1.0 operations, expected 0 to 1e30"},
    {"function() sim.compute(2e30) end", "sim.compute: 2e+30 operations, expected 0 to 1e30"},
    {"function() sim.compute(1 / 0) end", "sim.compute: inf operations, expected 0 to 1e30"},
    {"function() sim.compute('much') end",
     "bad argument #1 to 'compute' (number expected, got string)"},
    {"function() sim.compute() end",
     "bad argument #1 to 'compute' (number expected, got no value)"},
};

START_TEST(test_wrong_work_is_explained)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpScenario) scenario = load("", "", computes[_i].main, &error);
    DdpRunSpec spec = ddp_run_spec_default();
    g_autofree char *message = g_strconcat("time.lua:1: ", computes[_i].message, NULL);

    ck_assert_no_error(error);
    spec.out = folder;

    g_autoptr(DdpRunRecord) record = ddp_scenario_run(scenario, 0, &spec, &error);

    ck_assert_no_error(error);

    const DdpRankRecord *rank = record->ranks->pdata[0];

    ck_assert_str_eq(rank->error, message);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("virtual_time");
    TCase *files = tcase_create("files");

    tcase_add_checked_fixture(files, setup, teardown);
    tcase_add_loop_test(files, test_a_variants_topology_takes_the_place_of_the_scenarios, 0,
                        G_N_ELEMENTS(right));
    tcase_add_loop_test(files, test_a_wrong_topology_is_explained_before_anything_runs, 0,
                        G_N_ELEMENTS(wrong));
    tcase_add_loop_test(files, test_wrong_work_is_explained, 0, G_N_ELEMENTS(computes));
    suite_add_tcase(suite, files);
    return ddp_test_main(suite);
}
