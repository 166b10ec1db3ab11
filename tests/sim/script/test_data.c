/* SPDX-License-Identifier: MIT */

/*
 * The Lua table `data` is looked at as a scenario sees it: each test runs a few lines of Lua and
 * compares what they print, or the one line of error that they end with. The orders are those that
 * tests/reference/sampler_record.py recorded from torch.
 */
#include <lauxlib.h>
#include <string.h>

#include "sim/script/play.h"
#include "sim/script/run_limits.h"
#include "sim/script/script_rank.h"
#include "sim/script/state_private.h"
#include "tests/testutil.h"

static void
collect_line(const char *line, int rank, void *user_data)
{
    (void)rank;
    g_string_append_printf(user_data, "%s\n", line);
}

/* oracle(f): runs f as the only process there is; what it prints is not heard. */
static int
l_oracle(lua_State *L)
{
    DdpScriptRank *script = ddp_script_rank(L);
    DdpScriptRank kept = *script;

    script->oracle = true;
    script->rank = 0;
    script->world_size = 1;
    lua_call(L, 0, 0);
    script->oracle = false;
    script->rank = kept.rank;
    script->world_size = kept.world_size;
    return 0;
}

/* Helpers for the texts: list(t) is "0 3 6", of a tensor or a table; batches(loader) "0 3|6". */
static const char helpers[] =
    "function list(t) if type(t) ~= 'table' then t = t:tolist() end\n"
    "  local out = {} for i, v in ipairs(t) do out[i] = string.format('%g', v) end\n"
    "  return table.concat(out, ' ') end\n"
    "function batches(loader) local out = {}\n"
    "  for x in loader:iter() do out[#out + 1] = list(x) end\n"
    "  return table.concat(out, '|') end\n"
    "function numbers(n) return data.TensorDataset(torch.arange(n)) end\n";

static bool
run_chunk(lua_State *L, const char *name, const char *text, GError **error)
{
    return ddp_script_load(L, name, text, strlen(text), error) && ddp_script_call(L, 0, 0, error);
}

/* What @text prints on one rank of a world; the error, if one ends it, as a last line. */
static char *
play_on(int rank, int world_size, const char *text)
{
    DdpLimits limits = ddp_limits_default();
    g_autoptr(DdpPlay) play = ddp_play_new(&limits, 0, NULL);
    DdpScriptSpec spec = {.rank = rank, .world_size = world_size, .nproc_per_node = world_size};
    GString *printed = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(ddp_play_prepare(play, DDP_RANKS_TAKE_TURNS, world_size, NULL));
    play->print = collect_line;
    play->print_data = printed;

    lua_State *L = ddp_script_state_new(play, &spec, &error);

    ck_assert_no_error(error);
    lua_register(L, "oracle", l_oracle);
    ck_assert(run_chunk(L, "helpers", helpers, &error));
    if (!run_chunk(L, "lesson.lua", text, &error))
        g_string_append_printf(printed, "%s\n", error->message);
    ddp_script_state_free(L);
    return g_string_free(printed, FALSE);
}

static void
assert_prints_on(int rank, int world_size, const char *text, const char *expected)
{
    g_autofree char *got = play_on(rank, world_size, text);

    ck_assert_str_eq(got, expected);
}

static void
assert_prints(const char *text, const char *expected)
{
    assert_prints_on(0, 1, text, expected);
}

/* ---- data sets ---- */

START_TEST(test_a_tensor_dataset_gives_rows_of_each_tensor)
{
    assert_prints("local x = torch.arange(6):to(torch.float32):reshape(3, 2)\n"
                  "local y = tensor({ 7, 8, 9 }, { dtype = torch.int64 })\n"
                  "local ds = data.TensorDataset(x, y)\n"
                  "x, y = nil, nil collectgarbage() collectgarbage()\n"
                  "print(#ds, ds:size(), ds)\n"
                  "local a, b = ds:get(1)\n"
                  "print(list(a), b:item(), #ds[2], list(ds[2][1]), ds[-1][2]:item())\n",
                  "3\t3\tTensorDataset of 3 samples\n"
                  "2 3\t8\t2\t4 5\t9\n");
}
END_TEST

START_TEST(test_a_tensor_dataset_shows_what_happens_to_its_tensors)
{
    assert_prints("local x = torch.zeros(3) local ds = data.TensorDataset(x)\n"
                  "x:fill_(5)\n"
                  "print(ds:get(0):item())\n",
                  "5.0\n");
}
END_TEST

START_TEST(test_a_subset_holds_what_it_needs)
{
    assert_prints("local s = data.Subset(data.Subset(numbers(10), { 1, 3, 5, 7 }),\n"
                  "                      tensor({ 3, 0, -2 }, { dtype = torch.int64 }))\n"
                  "for i = 1, 50 do data.Subset(numbers(100), torch.randperm(100)) end\n"
                  "collectgarbage() collectgarbage()\n"
                  "print(#s, s[0][1]:item(), s[1][1]:item(), s[2][1]:item())\n",
                  "3\t7\t1\t5\n");
}
END_TEST

START_TEST(test_real_sets_have_the_shapes_of_their_samples)
{
    assert_prints("local function show(ds) local x, y = ds:get(0)\n"
                  "  print(ds, list(x.shape), x.dtype, y.dtype, #y.shape, y:item()) end\n"
                  "show(data.FashionMNIST{ limit = 100 })\n"
                  "show(data.FashionMNIST{ train = false, limit = 100, flatten = true })\n"
                  "show(data.Digits())\n"
                  "show(data.Digits{ train = true, flatten = true })\n"
                  "show(data.Digits{ train = false })\n"
                  "show(data.BreastCancer{ train = true })\n"
                  "show(data.BreastCancer{ train = false, limit = 9, standardize = true })\n",
                  "FashionMNIST of 100 samples\t1 28 28\ttorch.float32\ttorch.int64\t0\t9\n"
                  "FashionMNIST of 100 samples\t784\ttorch.float32\ttorch.int64\t0\t9\n"
                  "Digits of 1797 samples\t1 8 8\ttorch.float32\ttorch.int64\t0\t0\n"
                  "Digits of 1437 samples\t64\ttorch.float32\ttorch.int64\t0\t6\n"
                  "Digits of 360 samples\t1 8 8\ttorch.float32\ttorch.int64\t0\t2\n"
                  "BreastCancer of 455 samples\t30\ttorch.float32\ttorch.int64\t0\t0\n"
                  "BreastCancer of 9 samples\t30\ttorch.float32\ttorch.int64\t0\t0\n");
}
END_TEST

START_TEST(test_normalize_shifts_pixels)
{
    /* The first pixel of all is 0: (0 - 0.25) / 0.5. */
    assert_prints("local ds = data.Digits{ flatten = true, normalize = { 0.25, 0.5 } }\n"
                  "print(ds:get(0):tolist()[1])\n",
                  "-0.5\n");
}
END_TEST

/* ---- loaders ---- */

START_TEST(test_a_loader_hands_out_batches_in_order)
{
    assert_prints("local ds = data.TensorDataset(torch.zeros(10, 3), torch.arange(10))\n"
                  "local loader = data.DataLoader(ds, { batch_size = 4 })\n"
                  "for x, y in loader:iter() do print(list(x.shape), x.dtype, list(y)) end\n"
                  "print(#loader, loader.batch_size, loader.dataset == ds, loader.drop_last)\n"
                  "print(loader, loader.sampler)\n",
                  "4 3\ttorch.float32\t0 1 2 3\n"
                  "4 3\ttorch.float32\t4 5 6 7\n"
                  "2 3\ttorch.float32\t8 9\n"
                  "3\t4\ttrue\tfalse\n"
                  "DataLoader over TensorDataset of 10 samples in batches of 4\t"
                  "SequentialSampler of 10 samples\n");
}
END_TEST

START_TEST(test_drop_last_leaves_out_the_short_batch)
{
    assert_prints(
        "local loader = data.DataLoader(numbers(10), { batch_size = 4, drop_last = true })\n"
        "print(#loader, batches(loader))\n",
        "2\t0 1 2 3|4 5 6 7\n");
}
END_TEST

START_TEST(test_shuffle_has_the_order_of_torch_in_every_pass)
{
    assert_prints("torch.manual_seed(0)\n"
                  "local loader = data.DataLoader(numbers(10), { batch_size = 5, shuffle = true,\n"
                  "                                              num_workers = 4 })\n"
                  "print(batches(loader)) print(batches(loader))\n"
                  "torch.manual_seed(0)\n"
                  "for x in loader:iter() do break end\n"
                  "print(batches(loader))\n",
                  "6 7 1 4 2|0 9 8 3 5\n"
                  "2 4 7 0 8|9 5 3 6 1\n"
                  "2 4 7 0 8|9 5 3 6 1\n");
}
END_TEST

START_TEST(test_a_generator_of_its_own_has_the_order_of_torch)
{
    assert_prints("local g = torch.Generator():manual_seed(1000)\n"
                  "local loader = data.DataLoader(numbers(10), { batch_size = 5, shuffle = true,\n"
                  "                                              generator = g })\n"
                  "print(batches(loader)) print(batches(loader))\n"
                  "g:manual_seed(1000)\n"
                  "for x in loader:iter() do break end\n"
                  "print(batches(loader))\n",
                  "7 3 5 4 8|0 2 9 6 1\n"
                  "5 8 6 3 1|7 2 4 0 9\n"
                  "3 7 5 9 4|1 0 8 2 6\n");
}
END_TEST

START_TEST(test_a_random_sampler_draws_from_the_generator_it_was_given)
{
    assert_prints(
        "local ds = numbers(10)\n"
        "local s = data.RandomSampler(ds, { generator = torch.Generator():manual_seed(1000) })\n"
        "collectgarbage() collectgarbage()\n"
        "local loader = data.DataLoader(ds, { batch_size = 10, sampler = s })\n"
        "torch.manual_seed(0)\n"
        "print(batches(loader)) print(batches(loader))\n"
        "s = data.RandomSampler(ds)\n"
        "print(#s, batches(data.DataLoader(ds, { batch_size = 10, sampler = s })))\n",
        "7 6 9 0 5 2 1 4 3 8\n7 0 4 9 3 5 6 8 1 2\n10\t2 4 7 0 8 9 5 3 6 1\n");
}
END_TEST

/* The oracle must leave no trace in the run that it looks at. */
START_TEST(test_an_oracle_pass_does_not_advance_a_generator)
{
    assert_prints("local g = torch.Generator():manual_seed(1000)\n"
                  "local loader = data.DataLoader(numbers(10), { batch_size = 5, shuffle = true,\n"
                  "                                              generator = g })\n"
                  "local seen oracle(function() seen = batches(loader) end)\n"
                  "print(seen) print(batches(loader))\n",
                  "7 3 5 4 8|0 2 9 6 1\n"
                  "7 3 5 4 8|0 2 9 6 1\n");
}
END_TEST

START_TEST(test_a_list_can_be_the_sampler)
{
    assert_prints("local ds = numbers(10)\n"
                  "local loader = data.DataLoader(ds, { batch_size = 2, sampler = { 9, 0, 9 } })\n"
                  "collectgarbage() collectgarbage()\n"
                  "print(batches(loader), loader.sampler)\n"
                  "print(batches(data.DataLoader(ds, { batch_size = 2,\n"
                  "                                    sampler = data.SequentialSampler(ds) })))\n",
                  "9 0|9\ta list of 3 indices\n"
                  "0 1|2 3|4 5|6 7|8 9\n");
}
END_TEST

START_TEST(test_two_passes_at_once_do_not_disturb_each_other)
{
    assert_prints("local loader = data.DataLoader(numbers(4), { batch_size = 2 })\n"
                  "for a in loader:iter() do for b in loader:iter() do\n"
                  "  collectgarbage() print(list(a), list(b)) end end\n",
                  "0 1\t0 1\n0 1\t2 3\n2 3\t0 1\n2 3\t2 3\n");
}
END_TEST

START_TEST(test_a_pass_over_nothing_ends_at_once)
{
    assert_prints(
        "local loader = data.DataLoader(data.Subset(numbers(4), {}), { batch_size = 2 })\n"
        "print(#loader, batches(loader) == '')\n",
        "0\ttrue\n");
}
END_TEST

/* ---- DistributedSampler ---- */

START_TEST(test_a_distributed_sampler_takes_rank_and_world_by_itself)
{
    static const char text[] =
        "local s = data.DistributedSampler(numbers(10), { shuffle = false })\n"
        "print(#s, s.num_replicas, s.rank, s.total_size,\n"
        "      batches(data.DataLoader(s.dataset, { sampler = s })))\n";

    assert_prints_on(0, 4, text, "3\t4\t0\t12\t0|4|8\n");
    assert_prints_on(2, 4, text, "3\t4\t2\t12\t2|6|0\n");
    assert_prints_on(3, 4, text, "3\t4\t3\t12\t3|7|1\n");
}
END_TEST

START_TEST(test_set_epoch_changes_the_order_as_in_torch)
{
    assert_prints_on(1, 4,
                     "local ds = numbers(10)\n"
                     "local s = data.DistributedSampler(ds)\n"
                     "local loader = data.DataLoader(ds, { batch_size = 3, sampler = s })\n"
                     "print(batches(loader)) print(batches(loader))\n"
                     "s:set_epoch(1) print(batches(loader), s.epoch)\n"
                     "loader.sampler:set_epoch(0)\n"
                     "local pass = loader:iter()\n"
                     "s:set_epoch(1) print(list(pass()))\n" /* what counts is the first batch */
                     "s = data.DistributedSampler(ds, { drop_last = true })\n"
                     "print(#s, batches(data.DataLoader(ds, { sampler = s })))\n",
                     "1 9 2\n1 9 2\n6 8 4\t1\n6 8 4\n2\t1|9\n");
}
END_TEST

START_TEST(test_numbers_given_by_hand_are_kept)
{
    assert_prints_on(
        0, 4,
        "local s = data.DistributedSampler(numbers(10), { num_replicas = 2, rank = 1,\n"
        "                                                 shuffle = false })\n"
        "local loader = data.DataLoader(numbers(10), { batch_size = 9, sampler = s })\n"
        "local seen oracle(function() seen = batches(loader) end)\n"
        "print(batches(loader)) print(seen)\n",
        "1 3 5 7 9\n1 3 5 7 9\n");
}
END_TEST

START_TEST(test_the_oracle_sees_the_whole_data_set_once)
{
    static const char *const ways[] = {"", "num_replicas = dist.get_world_size(), "
                                           "rank = dist.get_rank(), "};

    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autofree char *text = g_strdup_printf(
            "local s = data.DistributedSampler(numbers(10), { %s shuffle = false })\n"
            "local loader = data.DataLoader(numbers(10), { batch_size = 6, sampler = s })\n"
            "local function look() return { #loader, #s, s.rank, batches(loader) } end\n"
            "local seen oracle(function() seen = look() end)\n"
            "print(table.unpack(seen)) print(table.unpack(look()))\n",
            ways[i]);

        assert_prints_on(3, 4, text, "2\t10\t0\t0 1 2 3 4 5|6 7 8 9\n1\t3\t3\t3 7 1\n");
    }
}
END_TEST

/* ---- the audit ---- */

START_TEST(test_every_batch_is_noted_with_the_size_of_its_data_set)
{
    DdpLimits limits = ddp_limits_default();
    g_autoptr(DdpPlay) play = ddp_play_new(&limits, 0, NULL);
    DdpScriptSpec spec = {.rank = 0, .world_size = 1, .nproc_per_node = 1};
    g_autoptr(GError) error = NULL;
    lua_State *L = ddp_script_state_new(play, &spec, &error);

    ck_assert_no_error(error);
    play->audit = ddp_audit_new(1);
    ddp_script_rank(L)->priv->evaluation = 0;
    ck_assert(run_chunk(L, "lesson.lua",
                        "local ds = data.Subset(data.TensorDataset(torch.arange(10)),\n"
                        "                       { 9, 8, 7, 6, 5, 4, 3 })\n"
                        "local loader = data.DataLoader(ds, { batch_size = 2,\n"
                        "                                     sampler = { 0, 6, 2, 0, 2 } })\n"
                        "for x in loader:iter() do end\n",
                        &error));
    ck_assert_no_error(error);
    ddp_audit_logged(play->audit, 0, 0, 0, "loss", 0, 1.0, NULL);
    ddp_audit_finish(play->audit, play->record);

    const DdpAuditRow *row = g_ptr_array_index(play->record->audit, 0);

    ck_assert_int_eq(row->samples, 3);
    ck_assert_int_eq(row->of, 7);
    ck_assert_int_eq(row->duplicates, 2);
    ddp_script_state_free(L);
}
END_TEST

/* ---- misuse ---- */

static const struct {
    const char *text;
    const char *message;
} mistakes[] = {
    {"data.DataLoader(numbers(3), { bath_size = 2 })",
     "DataLoader: unknown option 'bath_size', did you mean 'batch_size'?"},
    {"data.DataLoader(numbers(3), { batch_size = 0 })",
     "DataLoader: batch_size should be a positive integer value, but got batch_size=0"},
    {"data.DataLoader(numbers(3), { shuffle = true, sampler = { 1 } })",
     "DataLoader: sampler option is mutually exclusive with shuffle"},
    {"data.DataLoader(numbers(3), { sampler = 5 })",
     "DataLoader: option 'sampler' is a number, expected a sampler or a list of indices"},
    {"data.DataLoader(data.Subset(numbers(3), {}), { shuffle = true })",
     "num_samples should be a positive integer value, but got num_samples=0"},
    {"data.DataLoader(7)", "bad argument #1 to 'DataLoader' (data.Dataset expected, got number)"},
    {"local l = data.DataLoader(numbers(3)) l.batch_size = 7",
     "batch_size attribute should not be set after DataLoader is initialized"},
    {"for x in data.DataLoader(numbers(3), { sampler = { 1, 3 }, batch_size = 2 }):iter() do end",
     "index 3 is out of range for TensorDataset with 3 samples, expected 0 to 2"},
    {"data.DistributedSampler(numbers(3), { num_replicas = 4, rank = 4 })",
     "Invalid rank 4, rank should be in the interval [0, 3]"},
    {"data.DistributedSampler(numbers(3), { num_replicas = 0 })",
     "DistributedSampler: option 'num_replicas' is 0, expected 1 to 2147483647"},
    {"data.SequentialSampler(numbers(3)):set_epoch(1)", "only a DistributedSampler has epochs"},
    {"data.TensorDataset()", "TensorDataset: 0 tensors, expected 1 to 16"},
    {"data.TensorDataset(torch.zeros(3), torch.zeros(4))",
     "TensorDataset: Size mismatch between tensors: tensor #2 has 4 rows, the first one 3"},
    {"data.TensorDataset(tensor(3))",
     "TensorDataset: tensor #1 has no dimensions, expected one row a sample"},
    {"data.Subset(numbers(3), { 0, 'x' })",
     "Subset: entry 2 of the indices is a string, expected a whole number"},
    {"data.Subset(numbers(3), { 0.5 })",
     "Subset: entry 1 of the indices is a fraction, expected a whole number"},
    {"data.Subset(numbers(3), 3)",
     "Subset: indices are a number, expected a list of whole numbers or an int64 tensor"},
    {"data.Subset(numbers(3), { -4 })",
     "index -4 is out of range for TensorDataset with 3 samples, expected 0 to 2"},
    {"numbers(3):get(3)",
     "index 3 is out of range for TensorDataset with 3 samples, expected 0 to 2"},
    {"local x = numbers(3)[7]",
     "index 7 is out of range for TensorDataset with 3 samples, expected 0 to 2"},
    {"data.FashionMNIST{ normalise = { 0, 1 } }",
     "FashionMNIST: unknown option 'normalise', did you mean 'normalize'?"},
    {"data.FashionMNIST{ limit = 0 }", "FashionMNIST: option 'limit' is 0, expected at least 1"},
    {"data.Digits{ normalize = 0.5 }",
     "Digits: option 'normalize' is a number, expected { mean, std }"},
    {"data.Digits{ normalize = { 0.5, 0 } }",
     "Digits: normalize needs a finite mean and a std above 0"},
    {"data.Digits{ standardize = true }",
     "Digits: unknown option 'standardize'; its options are train, limit, normalize, flatten"},
};

START_TEST(test_a_mistake_is_one_line_with_its_place)
{
    g_autofree char *text = g_strdup_printf("\n%s\n", mistakes[_i].text);
    g_autofree char *got = play_on(0, 1, text);

    ck_assert_msg(g_str_has_prefix(got, "lesson.lua:2: "), "'%s' has no place", got);
    ck_assert_msg(strstr(got, mistakes[_i].message) != NULL, "'%s', expected '%s'", got,
                  mistakes[_i].message);
    ck_assert_ptr_eq(strchr(got, '\n'), got + strlen(got) - 1);
}
END_TEST

START_TEST(test_the_inside_of_a_data_set_is_out_of_reach)
{
    assert_prints("print(getmetatable(numbers(3)), pcall(setmetatable, numbers(3), {}))\n",
                  "data.Dataset\tfalse\tbad argument #1 to 'setmetatable' (table expected, got "
                  "data.Dataset)\n");
}
END_TEST

/* A million samples that take no memory would need 8 TB of indices: refused, not tried. */
START_TEST(test_sizes_without_memory_behind_them_are_bounded)
{
    g_autofree char *got =
        play_on(0, 1,
                "local ds = data.TensorDataset(torch.zeros(1 << 40, 0))\n"
                "print(pcall(data.DataLoader, ds, { shuffle = true }))\n"
                "print(pcall(data.DistributedSampler, ds))\n"
                "for x in data.DataLoader(ds, { batch_size = 1 << 40 }):iter() do end\n");

    ck_assert_msg(strstr(got, "false\tlesson.lua:2: 1099511627776 samples are too many to shuffle, "
                              "expected at most 134217728\n") != NULL,
                  "%s", got);
    ck_assert_msg(strstr(got, "false\tlesson.lua:3: 1099511627776 samples") != NULL, "%s", got);
    ck_assert_msg(strstr(got, "out of memory") != NULL, "%s", got);
}
END_TEST

/* 2,000 subsets of 100,000 indices are 1.6 GB; only a collector that sees them keeps within 256
 * MiB. */
START_TEST(test_indices_count_as_memory_of_lua)
{
    assert_prints("local order = torch.randperm(100000) local ds = numbers(100000)\n"
                  "for i = 1, 2000 do data.Subset(ds, order) end\n"
                  "print('done')\n",
                  "done\n");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("data");
    TCase *datasets = tcase_create("datasets");
    TCase *loaders = tcase_create("loaders");
    TCase *distributed = tcase_create("distributed");
    TCase *audit = tcase_create("audit");
    TCase *misuse = tcase_create("misuse");

    tcase_add_test(datasets, test_a_tensor_dataset_gives_rows_of_each_tensor);
    tcase_add_test(datasets, test_a_tensor_dataset_shows_what_happens_to_its_tensors);
    tcase_add_test(datasets, test_a_subset_holds_what_it_needs);
    tcase_add_test(datasets, test_real_sets_have_the_shapes_of_their_samples);
    tcase_add_test(datasets, test_normalize_shifts_pixels);
    suite_add_tcase(suite, datasets);

    tcase_add_test(loaders, test_a_loader_hands_out_batches_in_order);
    tcase_add_test(loaders, test_drop_last_leaves_out_the_short_batch);
    tcase_add_test(loaders, test_shuffle_has_the_order_of_torch_in_every_pass);
    tcase_add_test(loaders, test_a_generator_of_its_own_has_the_order_of_torch);
    tcase_add_test(loaders, test_a_random_sampler_draws_from_the_generator_it_was_given);
    tcase_add_test(loaders, test_an_oracle_pass_does_not_advance_a_generator);
    tcase_add_test(loaders, test_a_list_can_be_the_sampler);
    tcase_add_test(loaders, test_two_passes_at_once_do_not_disturb_each_other);
    tcase_add_test(loaders, test_a_pass_over_nothing_ends_at_once);
    suite_add_tcase(suite, loaders);

    tcase_add_test(distributed, test_a_distributed_sampler_takes_rank_and_world_by_itself);
    tcase_add_test(distributed, test_set_epoch_changes_the_order_as_in_torch);
    tcase_add_test(distributed, test_numbers_given_by_hand_are_kept);
    tcase_add_test(distributed, test_the_oracle_sees_the_whole_data_set_once);
    suite_add_tcase(suite, distributed);

    tcase_add_test(audit, test_every_batch_is_noted_with_the_size_of_its_data_set);
    suite_add_tcase(suite, audit);

    tcase_add_loop_test(misuse, test_a_mistake_is_one_line_with_its_place, 0,
                        (int)G_N_ELEMENTS(mistakes));
    tcase_add_test(misuse, test_the_inside_of_a_data_set_is_out_of_reach);
    tcase_add_test(misuse, test_sizes_without_memory_behind_them_are_bounded);
    tcase_add_test(misuse, test_indices_count_as_memory_of_lua);
    suite_add_tcase(suite, misuse);

    return ddp_test_main(suite);
}
