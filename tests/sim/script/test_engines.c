/* SPDX-License-Identifier: MIT */
#include "sim/script/scenario.h"
#include "tests/testutil.h"

#include <string.h>

#include "sim/audit/report.h"
#include "sim/script/error.h"

/*
 * What a variant's main does is played on fibers, threads and processes, and must leave the same
 * behind: the ends of ranks, what they told, and limits that count over the whole world.
 */

static const char *const engines[] = {"fibers", "threads", "processes"};

static char *folder;
static DdpRunSpec spec;

static void
set_up(void)
{
    folder = ddp_test_tmp_dir();
    spec = ddp_run_spec_default();
    spec.out = folder;
}

static void
tear_down(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
}

/* Plays `main = function() @body end` with @fields beside it; NULL with @error. */
static DdpRunRecord *
try_play(const char *engine, const char *fields, const char *body, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "a.lua", NULL);
    g_autofree char *text = g_strdup_printf(
        "return { %s, variants = { { name = 'v', main = function()\n%s\nend } } }", fields, body);

    ck_assert(g_file_set_contents(path, text, -1, NULL));

    g_autoptr(DdpScenario) scenario = ddp_scenario_load(path, "a.lua", &spec.limits, error);

    if (scenario == NULL)
        return NULL;
    spec.engine = engine;
    return ddp_scenario_run(scenario, 0, &spec, error);
}

static DdpRunRecord *
play(const char *engine, const char *fields, const char *body)
{
    g_autoptr(GError) error = NULL;
    DdpRunRecord *record = try_play(engine, fields, body, &error);

    ck_assert_no_error(error);
    ck_assert_ptr_nonnull(record);
    if (engine != NULL)
        ck_assert_str_eq(record->engine, engine);
    return record;
}

/* Fails unless all engines agree on the digest; returns what fibers gave. */
static DdpRunRecord *
play_on_all(const char *fields, const char *body)
{
    DdpRunRecord *first = play(engines[0], fields, body);
    g_autofree char *digest = ddp_report_digest(first);

    for (size_t i = 1; i < G_N_ELEMENTS(engines); i++) {
        g_autoptr(DdpRunRecord) record = play(engines[i], fields, body);
        g_autofree char *other = ddp_report_digest(record);

        ck_assert_str_eq(record->outcome, first->outcome);
        for (int rank = 0; rank < first->size; rank++) {
            const DdpRankRecord *a = first->ranks->pdata[rank], *b = record->ranks->pdata[rank];

            ck_assert_msg(g_strcmp0(a->state, b->state) == 0 && g_strcmp0(a->error, b->error) == 0,
                          "rank %d is %s (%s) on fibers, %s (%s) on %s", rank, a->state, a->error,
                          b->state, b->error, engines[i]);
            ck_assert_int_eq(a->stack != NULL, b->stack != NULL);
            for (guint j = 0; a->stack != NULL && j < a->stack->len; j++)
                ck_assert_str_eq(a->stack->pdata[j], b->stack->pdata[j]);
        }
        ck_assert_uint_eq(record->findings->len, first->findings->len);
        ck_assert_uint_eq(record->printed->len, first->printed->len);
        ck_assert_str_eq(digest, other);
    }
    return first;
}

static const DdpRankRecord *
rank_of(const DdpRunRecord *record, int rank)
{
    return record->ranks->pdata[rank];
}

/* ---- how ranks end ---- */

static const struct {
    const char *body; /* runs on rank 2, after a barrier; the others wait in a second one */
    const char *error;
    bool has_stack;
} ends[] = {
    {"sim.fail('error')", "a.lua:4: sim.fail: this rank fails on purpose", true},
    {"sim.fail('exit', 3)", "exited with status 3", true},
    {"pcall(sim.fail, 'exit', 255)", "exited with status 255", true},
    {"coroutine.wrap(function() sim.fail('exit', 1) end)()", "exited with status 1", true},
    {"sim.fail('kill')", "killed by signal 9 (SIGKILL)", false},
    {"pcall(sim.fail, 'kill') print('alive')", "killed by signal 9 (SIGKILL)", false},
    {"xpcall(sim.fail, print, 'kill')", "killed by signal 9 (SIGKILL)", false},
    {"coroutine.wrap(function() sim.fail('kill') end)()", "killed by signal 9 (SIGKILL)", false},
    {"sim.fail('error', 3)", "a.lua:4: sim.fail: only 'exit' takes a status", true},
    {"sim.fail('exit', 256)", "a.lua:4: sim.fail: the status is 256, expected 0 to 255", true},
};

START_TEST(test_rank_that_fails_says_the_same_on_each_engine)
{
    g_autofree char *body = g_strdup_printf(
        "dist.barrier() if dist.get_rank() == 2 then print('last words')\n\n%s end dist.barrier()",
        ends[_i].body);
    g_autoptr(DdpRunRecord) record = play_on_all("world = { size = 4 }", body);

    ck_assert_str_eq(record->outcome, "error");
    ck_assert_str_eq(rank_of(record, 2)->state, "failed");
    ck_assert_str_eq(rank_of(record, 2)->error, ends[_i].error);
    ck_assert_int_eq(rank_of(record, 2)->stack != NULL, ends[_i].has_stack);
    ck_assert_str_eq(rank_of(record, 1)->state, "blocked");
    ck_assert_uint_eq(record->printed->len, 1);
    ck_assert_str_eq(record->printed->pdata[0], "2\tlast words");
}
END_TEST

START_TEST(test_exit_with_status_0_is_no_failure)
{
    g_autoptr(DdpRunRecord) record = play_on_all(
        "world = { size = 3 }", "dist.barrier() if dist.get_rank() == 1 then sim.fail('exit') end");

    ck_assert_str_eq(record->outcome, "completed");
    ck_assert_str_eq(rank_of(record, 1)->state, "finished");
}
END_TEST

START_TEST(test_killed_rank_runs_nothing_any_more)
{
    g_autoptr(DdpRunRecord) record = play_on_all(
        "world = { size = 2 }",
        "local h <close> = setmetatable({}, { __close = function() print('closed') end })\n"
        "if dist.get_rank() == 1 then sim.fail('kill') end");

    /* Rank 0 comes to the end of its main, and closes. */
    ck_assert_uint_eq(record->printed->len, 1);
    ck_assert_str_eq(record->printed->pdata[0], "0\tclosed");
}
END_TEST

/* A file is read in the parent too: there the rank that is to die is only pretended. */
START_TEST(test_reading_a_file_kills_nobody)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, "b.lua", NULL);

    ck_assert(g_file_set_contents(path, "sim.fail('kill')", -1, NULL));
    ck_assert_ptr_null(ddp_scenario_load(path, "b.lua", &spec.limits, &error));
    ck_assert_str_eq(error->message, "killed by signal 9 (SIGKILL)");
}
END_TEST

/* When nothing can be completed any more, a rank need only come to its next collective. */
START_TEST(test_endless_rank_in_a_hopeless_world_is_cut_short)
{
    g_autoptr(DdpRunRecord) record =
        play_on_all("world = { size = 3 }", "dist.barrier()\n"
                                            "if dist.get_rank() == 0 then return end\n"
                                            "if dist.get_rank() == 1 then\n"
                                            "  sim.sleep(0.2) while true do end\n"
                                            "end dist.barrier()");

    ck_assert_str_eq(record->outcome, "deadlock");
    ck_assert_str_eq(rank_of(record, 1)->state, "running");
    ck_assert_ptr_nonnull(strstr(rank_of(record, 1)->error, "has run 1000000 Lua instructions"));
    ck_assert_str_eq(rank_of(record, 2)->state, "blocked");
}
END_TEST

START_TEST(test_time_without_a_collective_is_limited_on_each_engine)
{
    spec.limits.time = 1;
    spec.limits.steps = (int64_t)1 << 50;
    for (size_t i = 0; i < G_N_ELEMENTS(engines); i++) {
        gint64 begin = g_get_monotonic_time();
        g_autoptr(DdpRunRecord) record =
            play(engines[i], "world = { size = 2 }",
                 "if dist.get_rank() == 0 then while true do end end dist.barrier()");

        ck_assert_str_eq(record->outcome, "timeout");
        ck_assert_ptr_nonnull(
            strstr(rank_of(record, 0)->error, "has computed for 1 s without a collective"));
        ck_assert_int_ge(g_get_monotonic_time() - begin, G_USEC_PER_SEC);
    }
}
END_TEST

START_TEST(test_sleep_moves_the_clock_of_the_rank)
{
    g_autoptr(DdpRunRecord) record =
        play_on_all("world = { size = 2 }", "local before = sim.now() sim.sleep(0.02 + "
                                            "dist.get_rank()) print(sim.now() - before >= 0.02 "
                                            "+ dist.get_rank())");

    ck_assert_uint_eq(record->printed->len, 2);
    for (guint i = 0; i < 2; i++)
        ck_assert(g_str_has_suffix(record->printed->pdata[i], "\ttrue"));
}
END_TEST

/* ---- what ranks tell ---- */

#define TELLING                                                                                    \
    "local set = data.TensorDataset(torch.arange(10))\n"                                           \
    "local loader = data.DataLoader(set, { batch_size = 2,\n"                                      \
    "  sampler = data.DistributedSampler(set, { shuffle = false }) })\n"                           \
    "local model = DistributedDataParallel(nn.Linear(3, 2))\n"                                     \
    "for epoch = 0, 2 do\n"                                                                        \
    "  model(torch.ones(1, 3)):sum():backward()\n"                                                 \
    "  sim.evaluation(epoch, function()\n"                                                         \
    "    local sum = torch.zeros(1)\n"                                                             \
    "    for x in loader:iter() do sum:add_(x:sum()) end\n"                                        \
    "    if epoch == 1 then dist.all_reduce(sum) end\n"                                            \
    "    if dist.get_rank() == 0 then SummaryWriter('run'):add_scalar('sum', sum, epoch) end\n"    \
    "  end)\n"                                                                                     \
    "end\n"                                                                                        \
    "sim.finding('lesson', 'of rank ' .. dist.get_rank())\n"                                       \
    "dist.all_reduce(torch.ones(1), { async_op = true })\n"                                        \
    "for i = 1, 50 do print(i) end dist.barrier()"

static gint
compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *
findings_text(const DdpRunRecord *record)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < record->findings->len; i++) {
        const DdpFinding *finding = record->findings->pdata[i];

        g_ptr_array_add(
            texts,
            g_strdup_printf("%s|%s|%s", finding->kind, finding->message,
                            finding->sites->len > 0 ? (char *)finding->sites->pdata[0] : ""));
    }
    g_ptr_array_sort(texts, compare_texts);
    g_ptr_array_add(texts, NULL);
    return g_strjoinv("\n", (char **)texts->pdata);
}

START_TEST(test_everything_told_reaches_the_record_on_each_engine)
{
    g_autoptr(DdpRunRecord) first = play(engines[0], "world = { size = 4 }", TELLING);
    g_autofree char *findings = findings_text(first);

    ck_assert_uint_eq(first->printed->len, 200);
    ck_assert_uint_gt(first->audit->len, 0);
    ck_assert_ptr_nonnull(strstr(findings, "lesson|of rank 3"));
    ck_assert_ptr_nonnull(strstr(findings, "never_waited"));
    ck_assert_ptr_nonnull(strstr(findings, "partial_coverage"));
    for (size_t i = 1; i < G_N_ELEMENTS(engines); i++) {
        g_autoptr(DdpRunRecord) record = play(engines[i], "world = { size = 4 }", TELLING);
        g_autofree char *others = findings_text(record);
        g_autofree char *a = ddp_report_digest(first), *b = ddp_report_digest(record);

        ck_assert_str_eq(findings, others);
        ck_assert_uint_eq(record->printed->len, 200);
        ck_assert_str_eq(a, b);
    }
}
END_TEST

/* Ranks that make one folder, and files in it, at one moment. */
START_TEST(test_files_of_all_ranks_lie_side_by_side)
{
    for (size_t i = 0; i < G_N_ELEMENTS(engines); i++) {
        g_autoptr(DdpRunRecord) record =
            play(engines[i], "world = { size = 8 }",
                 "for i = 1, 10 do dist.barrier()\n"
                 "  SummaryWriter('deep/down/in' .. i):add_scalar('a', dist.get_rank(), i) end");

        ck_assert_str_eq(record->outcome, "completed");
        for (int n = 1; n <= 10; n++) {
            g_autofree char *name = g_strdup_printf("a/v/logs/deep/down/in%d", n);
            g_autofree char *path = g_build_filename(folder, name, NULL);
            GDir *dir = g_dir_open(path, 0, NULL);
            int files = 0;

            ck_assert_ptr_nonnull(dir);
            while (g_dir_read_name(dir) != NULL)
                files++;
            g_dir_close(dir);
            ck_assert_int_eq(files, 8);
        }
    }
}
END_TEST

/* ---- limits over the whole world ---- */

static const struct {
    const char *fields;
    const char *body;
    const char *error; /* a part of it */
} limits[] = {
    {"world = { size = 4 }, limits = { files = 10 }",
     "for i = 1, 3 do SummaryWriter('w' .. dist.get_rank() .. '-' .. i) end",
     "the number of files reached the limit files=10"},
    {"world = { size = 4 }, limits = { output = 1000 }", "for i = 1, 30 do print('ten bytes') end",
     "the run's output reached the limit output=1000"},
    {"world = { size = 4 }, limits = { entries = 100 }",
     "local w = SummaryWriter('w') for i = 1, 30 do w:add_scalar('a', i, i) end",
     "the number of log entries reached the limit entries=100"},
    {"world = { size = 4 }, limits = { world_memory = 40000000 }",
     "local kept = {} for i = 1, 12 do kept[i] = torch.zeros(250000) end dist.barrier()", "emory"},
    {"world = { size = 4 }, limits = { world_memory = 40000000 }",
     "local kept = {} for i = 1, 120000 do kept[i] = { i } end dist.barrier()", "out of memory"},
};

START_TEST(test_limits_count_over_all_ranks_on_each_engine)
{
    for (size_t i = 0; i < G_N_ELEMENTS(engines); i++) {
        g_autoptr(DdpRunRecord) record = play(engines[i], limits[_i].fields, limits[_i].body);
        bool found = false;

        ck_assert_str_eq(record->outcome, "error");
        for (int rank = 0; rank < 4; rank++) {
            const char *error = rank_of(record, rank)->error;

            found |= error != NULL && strstr(error, limits[_i].error) != NULL;
        }
        ck_assert_msg(found, "on %s no rank says '%s', rank 0 says '%s'", engines[i],
                      limits[_i].error, rank_of(record, 0)->error);
    }
}
END_TEST

/* A quarter of that is within each limit: it is the sum that is over. */
START_TEST(test_one_rank_alone_stays_within_those_limits)
{
    g_autofree char *alone = g_strdup(limits[_i].fields);
    char *size = strstr(alone, "size = 4");

    ck_assert_ptr_nonnull(size);
    size[strlen("size = ")] = '1';

    g_autoptr(DdpRunRecord) record = play_on_all(alone, limits[_i].body);

    ck_assert_str_eq(record->outcome, "completed");
}
END_TEST

/* ---- choosing ---- */

START_TEST(test_scenario_may_choose_the_engine)
{
    g_autoptr(DdpRunRecord) record = play(NULL, "world = { size = 2, engine = 'threads' }", "");
    g_autoptr(DdpRunRecord) other =
        play("processes", "world = { size = 2, engine = 'threads' }", "");
    g_autoptr(DdpRunRecord) usual = play(NULL, "world = { size = 2 }", "");

    ck_assert_str_eq(record->engine, "threads");
    ck_assert_str_eq(other->engine, "processes");
    ck_assert_str_eq(usual->engine, "fibers");
}
END_TEST

static void
refused(const char *fields, const char *engine, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpRunRecord) record = try_play(engine, fields, "", &error);

    ck_assert_ptr_null(record);
    ck_assert_ptr_nonnull(error);
    ck_assert_str_eq(error->message, message);
}

START_TEST(test_unknown_engine_is_refused)
{
    refused("world = { engine = 'gpus' }", NULL,
            "a.lua: engine is 'gpus', expected fibers, threads or processes");
}
END_TEST

START_TEST(test_worlds_of_many_processes_must_be_asked_for)
{
    g_autoptr(GError) error = NULL;

    refused("world = { size = 257 }", "processes",
            "a.lua: a world of 257 processes is above the limit ranks=256; raise it with --limit "
            "ranks=257");
    refused("world = { size = 8 }, limits = { ranks = 8 }, lesson = 3", "processes",
            "a.lua: scenario.lesson is a number, expected a string");

    g_autoptr(DdpRunRecord) fibers = play("fibers", "world = { size = 257 }", "");

    ck_assert_str_eq(fibers->outcome, "completed");
    ck_assert(ddp_limits_parse(&spec.limits, "ranks=300", &error));

    g_autoptr(DdpRunRecord) asked = play("processes", "world = { size = 257 }", "");

    ck_assert_str_eq(asked->outcome, "completed");
    spec.world_size = 9;
    refused("world = { size = 8 }, limits = { ranks = 8 }", "processes",
            "a.lua: a world of 9 processes is above the limit ranks=8; raise it with --limit "
            "ranks=9");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("engines");
    TCase *ending = tcase_create("how ranks end");
    TCase *telling = tcase_create("what ranks tell");
    TCase *limit = tcase_create("limits over the world");
    TCase *choosing = tcase_create("choosing");

    tcase_add_checked_fixture(ending, set_up, tear_down);
    tcase_add_loop_test(ending, test_rank_that_fails_says_the_same_on_each_engine, 0,
                        G_N_ELEMENTS(ends));
    tcase_add_test(ending, test_exit_with_status_0_is_no_failure);
    tcase_add_test(ending, test_killed_rank_runs_nothing_any_more);
    tcase_add_test(ending, test_reading_a_file_kills_nobody);
    tcase_add_test(ending, test_endless_rank_in_a_hopeless_world_is_cut_short);
    tcase_add_test(ending, test_time_without_a_collective_is_limited_on_each_engine);
    tcase_add_test(ending, test_sleep_moves_the_clock_of_the_rank);
    suite_add_tcase(suite, ending);

    tcase_add_checked_fixture(telling, set_up, tear_down);
    tcase_add_test(telling, test_everything_told_reaches_the_record_on_each_engine);
    tcase_add_test(telling, test_files_of_all_ranks_lie_side_by_side);
    suite_add_tcase(suite, telling);

    tcase_add_checked_fixture(limit, set_up, tear_down);
    tcase_add_loop_test(limit, test_limits_count_over_all_ranks_on_each_engine, 0,
                        G_N_ELEMENTS(limits));
    tcase_add_loop_test(limit, test_one_rank_alone_stays_within_those_limits, 0,
                        G_N_ELEMENTS(limits));
    suite_add_tcase(suite, limit);

    tcase_add_checked_fixture(choosing, set_up, tear_down);
    tcase_add_test(choosing, test_scenario_may_choose_the_engine);
    tcase_add_test(choosing, test_unknown_engine_is_refused);
    tcase_add_test(choosing, test_worlds_of_many_processes_must_be_asked_for);
    suite_add_tcase(suite, choosing);
    return ddp_test_main(suite);
}
