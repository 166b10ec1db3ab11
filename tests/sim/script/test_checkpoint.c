/* SPDX-License-Identifier: MIT */

/*
 * torch.save, torch.load and use("files") seen from outside: what lies in the folder afterwards,
 * what limits stop, what damaged files do. What comes back of a value is asserted by
 * tests/scenarios/checkpoint_values.lua.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "model/checkpoint/safetensors_reader.h"
#include "model/checkpoint/safetensors_writer.h"
#include "sim/script/prelude.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "tests/testutil.h"

#define MUTATIONS 4000

static char *folder;
static DdpLimits limits;
static DdpPlay *play;
static lua_State *L;

static void
open_play(void)
{
    g_autoptr(GError) error = NULL;
    const DdpScriptSpec spec = {.rank = 0, .world_size = 1, .nproc_per_node = 1, .pid = 100};

    play = ddp_play_new(&limits, 0, folder);
    L = ddp_script_state_new(play, &spec, &error);
    ck_assert_no_error(error);
    ddp_prelude_use(L, "files");
    lua_setglobal(L, "files");
}

static void
close_play(void)
{
    ddp_script_state_free(L);
    ck_assert_int_eq(atomic_load(&play->counts->memory), 0);
    ddp_play_free(play);
}

static void
set_up(void)
{
    folder = ddp_test_tmp_dir();
    limits = ddp_limits_default();
    open_play();
}

static void
tear_down(void)
{
    close_play();
    ddp_test_remove_tree(folder);
    g_free(folder);
}

/* (transfer full): the error, or NULL. */
static char *
failure_of(const char *code)
{
    g_autoptr(GError) error = NULL;

    if (ddp_script_load(L, "test.lua", code, strlen(code), &error) &&
        ddp_script_call(L, 0, 0, &error))
        return NULL;
    return g_strdup(error->message);
}

static void
run(const char *code)
{
    g_autofree char *failure = failure_of(code);

    ck_assert_msg(failure == NULL, "%s", failure);
}

static void
assert_fails(const char *code, const char *expected)
{
    g_autofree char *failure = failure_of(code);

    ck_assert_msg(failure != NULL && strstr(failure, expected) != NULL, "found: %s\nexpected: %s",
                  failure, expected);
}

static char *
path_of(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static bool
exists(const char *name)
{
    g_autofree char *path = path_of(name);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void
copy_reference(const char *name)
{
    g_autofree char *file = g_strdup_printf("safetensors/%s.safetensors", name);
    g_autofree char *from = ddp_test_reference_path(file);
    g_autofree char *to = path_of("theirs.safetensors");
    g_autofree char *bytes = NULL;
    gsize length;

    ck_assert(g_file_get_contents(from, &bytes, &length, NULL));
    ck_assert(g_file_set_contents(to, bytes, (gssize)length, NULL));
}

/* ---- files of other tools ------------------------------------------------------------ */

START_TEST(test_python_files_are_flat_tables)
{
    copy_reference("state_dict");
    run("local tensors, metadata = torch.load('theirs.safetensors')\n"
        "local names = {}\n"
        "for name, t in pairs(tensors) do names[#names + 1] = name .. tostring(t.shape) end\n"
        "local text = table.concat(names, ' ')\n"
        "assert(text == '1.num_batches_tracked' .. tostring(torch.tensor(1).shape) .. ' ' ..\n"
        "  '0.biastorch.Size([2]) 0.weighttorch.Size([2, 3]) 1.biastorch.Size([2]) ' ..\n"
        "  '1.running_meantorch.Size([2]) 1.running_vartorch.Size([2]) 1.weighttorch.Size([2])',\n"
        "  text)\n"
        "assert(metadata.format == 'pt' and tensors['1.running_var']:sum():item() == 2)\n"
        "local net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))\n"
        "net:load_state_dict(tensors)\n"
        "assert(torch.equal(net[0].weight:detach(), tensors['0.weight']))");
    copy_reference("all_dtypes");
    run("local tensors, metadata = torch.load('theirs.safetensors')\n"
        "for _, pair in ipairs{ {'F64', 'float64'}, {'BF16', 'bfloat16'}, {'BOOL', 'bool'} } do\n"
        "  assert(tensors['of.' .. pair[1]].dtype == torch[pair[2]])\n"
        "end\n"
        "assert(next(metadata) == nil)");
}
END_TEST

/* ---- limits and the oracle ----------------------------------------------------------- */

START_TEST(test_the_limit_of_output_stops_a_file_before_it_is_there)
{
    close_play();
    limits.output = 100000;
    open_play();
    assert_fails("torch.save(torch.zeros(30000), 'large.ckpt')", "the limit output=100000");
    ck_assert(!exists("large.ckpt"));
}
END_TEST

START_TEST(test_a_file_that_is_written_again_is_still_one_file)
{
    close_play();
    limits.files = 2;
    open_play();
    run("for i = 1, 10 do torch.save(i, 'again.ckpt') end torch.save(1, 'second.ckpt')");
    assert_fails("torch.save(1, 'third.ckpt')", "the limit files=2");
}
END_TEST

START_TEST(test_a_removed_file_makes_room_for_another)
{
    close_play();
    limits.files = 2;
    open_play();
    run("for i = 1, 10 do torch.save(i, 'f' .. i) assert(files.remove('f' .. i)) end");
}
END_TEST

START_TEST(test_an_oracle_pass_writes_nothing)
{
    run("torch.save(1, 'before.ckpt')");
    ddp_script_rank(L)->oracle = true;
    run("torch.save(2, 'after.ckpt') torch.save(3, 'before.ckpt')\n"
        "files.remove('before.ckpt') files.makedirs('folder') files.rename('before.ckpt', 'x')\n"
        "files.link('before.ckpt', 'link') files.remove_tree('.')");
    ddp_script_rank(L)->oracle = false;
    ck_assert(!exists("after.ckpt"));
    ck_assert(!exists("folder"));
    run("assert(torch.load('before.ckpt') == 1)");
}
END_TEST

START_TEST(test_equal_values_give_equal_bytes)
{
    static const char make[] = "torch.manual_seed(1)\n"
                               "local v = { b = 1, a = { 2.5, 'x' }, t = torch.randn(4), s = "
                               "nn.Linear(2, 2):state_dict() }\n"
                               "torch.save(v, '%s')";
    g_autofree char *one_code = g_strdup_printf(make, "one");
    g_autofree char *two_code = g_strdup_printf(make, "two");
    g_autofree char *one_path = path_of("one");
    g_autofree char *two_path = path_of("two");
    g_autofree char *one = NULL, *two = NULL;
    gsize one_length, two_length;

    run(one_code);
    close_play();
    open_play();
    run("local waste = {} for i = 1, 999 do waste[i] = {} end");
    run(two_code);
    ck_assert(g_file_get_contents(one_path, &one, &one_length, NULL));
    ck_assert(g_file_get_contents(two_path, &two, &two_length, NULL));
    ck_assert_uint_eq(one_length, two_length);
    ck_assert_mem_eq(one, two, one_length);
}
END_TEST

/* ---- damage -------------------------------------------------------------------------- */

static const struct {
    const char *structure;
    const char *message;
} wrong[] = {
    {"", "is damaged: byte 0 of the JSON text: the text ends"},
    {"[]", "it is no object"},
    {"{}", "it has no version"},
    {"{\"value\":1}", "it does not begin with its version"},
    {"{\"version\":2,\"value\":1}", "its structure has version 2, expected 1"},
    {"{\"version\":1}", "it has no value"},
    {"{\"version\":1,\"value\":1}}", "something stands behind the value"},
    {"{\"version\":1,\"value\":1,\"more\":1}", "something stands behind its value"},
    {"{\"version\":1,\"value\":{}}", "an empty object"},
    {"{\"version\":1,\"value\":{\"set\":[]}}", "an unknown kind of value"},
    {"{\"version\":1,\"value\":{\"table\":[]}}", "a table without names"},
    {"{\"version\":1,\"value\":{\"table\":{},\"x\":1}}", "a value that does not end"},
    {"{\"version\":1,\"value\":{\"pairs\":[1]}}", "a pair that is none"},
    {"{\"version\":1,\"value\":{\"pairs\":[[1]]}}", "a value is missing"},
    {"{\"version\":1,\"value\":{\"pairs\":[[1,2,3]]}}", "a pair of more than two"},
    {"{\"version\":1,\"value\":{\"pairs\":[[null,2]]}}", "a key that no table can have"},
    {"{\"version\":1,\"value\":{\"pairs\":[[{\"float\":\"nan:7ff8000000000000\"},2]]}}",
     "a key that no table can have"},
    {"{\"version\":1,\"value\":{\"float\":\"infinity\"}}", "an unknown float"},
    {"{\"version\":1,\"value\":{\"float\":\"nan:3ff0000000000000\"}}", "a NaN that is none"},
    {"{\"version\":1,\"value\":{\"tensor\":\"nobody\"}}",
     "tensor \"nobody\" belongs to the value, but the file has none of that name"},
    {"{\"version\":1,\"value\":{\"tensor\":\"w\",\"pinned\":true}}", "an unknown mark of a tensor"},
    {"{\"version\":1,\"value\":{\"tensor\":\"i\",\"requires_grad\":true}}", "floating point"},
};

START_TEST(test_each_damage_of_the_structure_is_named)
{
    static const int64_t shape[] = {2};
    static const float values[] = {1, 2};
    static const int32_t integers[] = {1, 2};
    const DdpSafetensor tensors[] = {{"w", DDP_DTYPE_F32, 1, shape, values},
                                     {"i", DDP_DTYPE_I32, 1, shape, integers}};
    const DdpSafetensorsText text = {"ddpsim.structure", wrong[_i].structure};
    g_autoptr(DdpSafetensorsWriter) writer = ddp_safetensors_writer_new(tensors, 2, &text, 1, NULL);
    g_autofree char *path = path_of("wrong.ckpt");

    ck_assert(ddp_safetensors_writer_write(writer, path, NULL));
    assert_fails("torch.load('wrong.ckpt')", wrong[_i].message);
    assert_fails("torch.load('wrong.ckpt')", "torch.load: wrong.ckpt: ");
}
END_TEST

START_TEST(test_a_truncated_checkpoint_names_its_tensor)
{
    g_autofree char *path = path_of("net.ckpt");
    g_autofree char *bytes = NULL;
    gsize length;

    run("torch.save({ state_dict = { ['layer.weight'] = torch.ones(4, 4) } }, 'net.ckpt')");
    ck_assert(g_file_get_contents(path, &bytes, &length, NULL));
    ck_assert(g_file_set_contents(path, bytes, (gssize)length - 1, NULL));
    assert_fails(
        "torch.load('net.ckpt')",
        "torch.load: net.ckpt: tensor \"state_dict.layer.weight\" should end at offset 64, "
        "but the file has only 63 bytes of elements: it is truncated");
}
END_TEST

/* A sound file with a few bytes changed is either read or refused. */
START_TEST(test_random_damage_is_an_error_or_a_value)
{
    g_autofree char *path = path_of("net.ckpt");
    g_autofree char *original = NULL;
    GRand *random = g_rand_new_with_seed(7);
    gsize length;
    int loaded = 0;

    close_play();
    limits.steps = INT64_MAX / 2;
    limits.time = 10000;
    open_play();
    run("torch.save({ a = torch.ones(2), b = { 1, 2.5, 'text', '\\0\\xff', true, 1/0, 0/0 },\n"
        "  [3] = nn.Linear(2, 1):state_dict(), d = { { { x = -1 } } } }, 'net.ckpt')");
    ck_assert(g_file_get_contents(path, &original, &length, NULL));
    for (int i = 0; i < MUTATIONS; i++) {
        g_autofree char *bytes = g_memdup2(original, length);
        int changes = g_rand_int_range(random, 1, 5);
        FILE *file;

        for (int change = 0; change < changes; change++) {
            static const char telling[] = "{}[]\",:0123456789.eE-\\truefalsn";
            guint at = (guint)g_rand_int_range(random, 8, (gint32)length);

            bytes[at] = telling[g_rand_int_range(random, 0, sizeof telling - 1)];
        }
        file = g_fopen(path, "wb");
        ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
        ck_assert_int_eq(fclose(file), 0);

        g_autofree char *failure = failure_of("torch.load('net.ckpt')");

        loaded += failure == NULL;
        ck_assert(failure == NULL || strstr(failure, "torch.load: net.ckpt: ") != NULL);
    }
    g_rand_free(random);
    ck_assert_int_gt(loaded, 0);
    ck_assert_int_lt(loaded, MUTATIONS);
}
END_TEST

/* ---- use("files") -------------------------------------------------------------------- */

START_TEST(test_files_does_what_it_says)
{
    run("assert(not files.exists('a/b') and not files.is_dir('a'))\n"
        "files.makedirs('a/b/c') files.makedirs('a/b/c')\n"
        "assert(files.is_dir('a/b/c') and files.exists('a/b'))\n"
        "torch.save(1, 'a/two') torch.save(2, 'a/one')\n"
        "assert(table.concat(files.list('a'), ' ') == 'b one two')\n"
        "assert(files.size('a/one') > 8 and files.modified('a/two') < files.modified('a/one'))\n"
        "files.rename('a/one', 'z/moved')\n"
        "assert(torch.load('z/moved') == 2 and not files.exists('a/one'))\n"
        "files.link('z/moved', 'a/b/link') files.link('z/moved', 'a/b/link')\n"
        "assert(torch.load('a/b/link') == 2)\n"
        "assert(files.remove('a/b/link') and not files.remove('a/b/link'))\n"
        "assert(files.exists('z/moved') and files.remove_tree('a') and not files.exists('a'))\n"
        "assert(not files.remove_tree('a'))");
    assert_fails("files.list('nowhere')", "list: nowhere: No such file or directory");
    assert_fails("files.size('nowhere')", "size: nowhere: No such file or directory");
    assert_fails("files.rename('nowhere', 'x')", "rename: nowhere: No such file or directory");
    assert_fails("files.makedirs('d/e') files.remove('d')", "remove: d: Directory not empty");
}
END_TEST

/* A link that leads out is never followed by what removes. */
START_TEST(test_a_tree_is_removed_without_following_links)
{
    g_autofree char *outside = ddp_test_tmp_dir();
    g_autofree char *kept = g_build_filename(outside, "kept", NULL);
    g_autofree char *link = path_of("a/link");

    ck_assert(g_file_set_contents(kept, "x", 1, NULL));
    run("files.makedirs('a')");
    ck_assert_int_eq(symlink(outside, link), 0);
    run("files.remove_tree('a')");
    ck_assert(!exists("a"));
    ck_assert(g_file_test(kept, G_FILE_TEST_EXISTS));
    ddp_test_remove_tree(outside);
}
END_TEST

START_TEST(test_names_that_lead_out_are_refused)
{
    static const char *const verbs[] = {"exists", "is_dir", "list",        "makedirs", "modified",
                                        "remove", "size",   "remove_tree", "link",     "rename"};
    static const char *const names[] = {"../x", "/etc/passwd", "a/../../x", "", "a\\nb", "a\\0b"};

    for (size_t v = 0; v < G_N_ELEMENTS(verbs); v++) {
        for (size_t n = 0; n < G_N_ELEMENTS(names); n++) {
            g_autofree char *first = g_strdup_printf("files.%s('%s', 'b')", verbs[v], names[n]);
            g_autofree char *second = g_strdup_printf("files.%s('b', '%s')", verbs[v], names[n]);

            assert_fails(first, n < 5 ? "the file name" : "zero byte");
            if (v >= 8)
                assert_fails(second, n < 5 ? "the file name" : "zero byte");
        }
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, test_python_files_are_flat_tables);
    tcase_add_test(all, test_the_limit_of_output_stops_a_file_before_it_is_there);
    tcase_add_test(all, test_a_file_that_is_written_again_is_still_one_file);
    tcase_add_test(all, test_a_removed_file_makes_room_for_another);
    tcase_add_test(all, test_an_oracle_pass_writes_nothing);
    tcase_add_test(all, test_equal_values_give_equal_bytes);
    tcase_add_loop_test(all, test_each_damage_of_the_structure_is_named, 0, G_N_ELEMENTS(wrong));
    tcase_add_test(all, test_a_truncated_checkpoint_names_its_tensor);
    tcase_add_test(all, test_random_damage_is_an_error_or_a_value);
    tcase_add_test(all, test_files_does_what_it_says);
    tcase_add_test(all, test_a_tree_is_removed_without_following_links);
    tcase_add_test(all, test_names_that_lead_out_are_refused);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
