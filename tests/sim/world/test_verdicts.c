/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "sim/world/diagnosis.h"
#include "sim/world/verbs.h"
#include "sim/world/world.h"
#include "tests/sim/world/leftovers.h"
#include "tests/testutil.h"

/*
 * Programs that go wrong, each played many times on every engine. All that is said about a run is
 * written down as one text: outcome, each rank's state, place and error, and the diagnosis in full.
 * The text must be the one of the first run on fibers, whoever was fast and whoever was slow. And
 * worlds that end like this, made and freed hundreds of times, leave nothing behind.
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TIMES 5
#define LEAK_TIMES 60
#else
#define TIMES 20
#define LEAK_TIMES 200
#endif

#define SECOND INT64_C(1000000000)

static bool
sum(DdpRank *rank, DdpSite site, size_t count, DdpDtype dtype, DdpReduceOp op, GError **error)
{
    double data[512] = {0};
    DdpCall call = {.kind = DDP_CALL_ALL_REDUCE,
                    .dtype = dtype,
                    .op = op,
                    .root = -1,
                    .count = count,
                    .ndim = 1,
                    .shape = {(int64_t)count},
                    .in = data,
                    .out = data,
                    .site = site};

    return ddp_rank_call(rank, &call, error);
}

/* Small enough for the fast lane, and too long for it. */
#define SMALL(rank, error) sum(rank, DDP_HERE, 4, DDP_DTYPE_F32, DDP_REDUCE_SUM, error)
#define LONG(rank, error) sum(rank, DDP_HERE, 500, DDP_DTYPE_F64, DDP_REDUCE_SUM, error)

static bool
missing_rank(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 1 && !SMALL(rank, error))
        return false;
    return ddp_barrier(rank, error);
}

static bool
missing_from_a_long_one(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) != 0 && !LONG(rank, error))
        return false;
    return SMALL(rank, error);
}

static bool
early_return(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    for (int step = 0; step < 6; step++) {
        if (step == 3 && ddp_rank_index(rank) == 2)
            return true;
        if (!SMALL(rank, error))
            return false;
    }
    return true;
}

static bool
fails(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    for (int step = 0; step < 4; step++) {
        if (step == 2 && ddp_rank_index(rank) == 1) {
            g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "no such file");
            return false;
        }
        if (!LONG(rank, error))
            return false;
    }
    return true;
}

static bool
other_kind(DdpRank *rank, void *user_data, GError **error)
{
    float value = 0;

    (void)user_data;
    if (!ddp_barrier(rank, error))
        return false;
    if (ddp_rank_index(rank) == 2)
        return ddp_broadcast(rank, &value, 1, DDP_DTYPE_F32, 0, error);
    return ddp_all_reduce(rank, &value, 1, DDP_DTYPE_F32, DDP_REDUCE_SUM, error);
}

static bool
other_shape(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    return sum(rank, DDP_HERE, ddp_rank_index(rank) == 1 ? 5 : 4, DDP_DTYPE_F32, DDP_REDUCE_SUM,
               error);
}

static bool
other_long_shape(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    return sum(rank, DDP_HERE, ddp_rank_index(rank) == 1 ? 400 : 401, DDP_DTYPE_F64, DDP_REDUCE_SUM,
               error);
}

static bool
other_dtype(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    return sum(rank, DDP_HERE, 4, ddp_rank_index(rank) == 0 ? DDP_DTYPE_I32 : DDP_DTYPE_F32,
               DDP_REDUCE_SUM, error);
}

static bool
other_op(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    return sum(rank, DDP_HERE, 4, DDP_DTYPE_F32,
               ddp_rank_index(rank) == 2 ? DDP_REDUCE_MAX : DDP_REDUCE_SUM, error);
}

static bool
other_root(DdpRank *rank, void *user_data, GError **error)
{
    float value = 0;

    (void)user_data;
    return ddp_broadcast(rank, &value, 1, DDP_DTYPE_F32, ddp_rank_index(rank) % 2, error);
}

static bool
other_group(DdpRank *rank, void *user_data, GError **error)
{
    int ranks[2][2] = {{0, 1}, {1, 2}};

    (void)user_data;
    return ddp_new_group(rank, ranks[ddp_rank_index(rank) == 2], 2, error) != NULL;
}

/* 0 waits for 1 in one group, 1 for 2 in the next, 2 for 0 in the third. */
static bool
cycle_over_groups(DdpRank *rank, void *user_data, GError **error)
{
    int r = ddp_rank_index(rank), ranks[3][2] = {{0, 1}, {1, 2}, {0, 2}};
    DdpGroup *groups[3];

    (void)user_data;
    for (int i = 0; i < 3; i++) {
        groups[i] = ddp_new_group(rank, ranks[i], 2, error);
        if (groups[i] == NULL)
            return false;
    }
    if (r > 2)
        return true;

    DdpCallOptions first = {.group = groups[r == 0 ? 0 : r == 1 ? 1 : 2]};
    DdpCallOptions second = {.group = groups[r == 0 ? 2 : r == 1 ? 0 : 1]};

    return ddp_barrier_with(rank, &first, error) && ddp_barrier_with(rank, &second, error);
}

static bool
all_receive(DdpRank *rank, void *user_data, GError **error)
{
    int r = ddp_rank_index(rank), p = ddp_world_size(ddp_rank_world(rank));
    float mine = 0, other;

    (void)user_data;
    return ddp_recv(rank, &other, 1, DDP_DTYPE_F32, (r + 1) % p, error) &&
           ddp_send(rank, &mine, 1, DDP_DTYPE_F32, (r + p - 1) % p, error);
}

static bool
never_received(DdpRank *rank, void *user_data, GError **error)
{
    float value = 0;

    (void)user_data;
    if (ddp_rank_index(rank) == 0 && !ddp_send(rank, &value, 1, DDP_DTYPE_F32, 1, error))
        return false;
    return ddp_barrier(rank, error);
}

static bool
never_sent(DdpRank *rank, void *user_data, GError **error)
{
    float value = 0;

    (void)user_data;
    return ddp_rank_index(rank) != 0 ||
           ddp_recv(rank, &value, 1, DDP_DTYPE_F32, DDP_ANY_SOURCE, error);
}

static bool
other_message(DdpRank *rank, void *user_data, GError **error)
{
    float values[2] = {0};

    (void)user_data;
    if (ddp_rank_index(rank) == 0)
        return ddp_send(rank, values, 2, DDP_DTYPE_F32, 1, error);
    if (ddp_rank_index(rank) == 1)
        return ddp_recv(rank, values, 1, DDP_DTYPE_F32, 0, error);
    return true;
}

/* One rank begins it and never waits for it; the others do not come. */
static bool
never_waited(DdpRank *rank, void *user_data, GError **error)
{
    float value = 0;
    DdpWork *work = NULL;
    DdpCallOptions begun = {.async_op = &work};
    bool ok = true;

    (void)user_data;
    if (ddp_rank_index(rank) == 0)
        ok = ddp_all_reduce_with(rank, &value, 1, DDP_DTYPE_F32, DDP_REDUCE_SUM, &begun, error);
    ok = ok && ddp_barrier(rank, error);
    ddp_work_free(work);
    return ok;
}

static bool
waited_in_vain(DdpRank *rank, void *user_data, GError **error)
{
    float values[4] = {0};
    DdpWork *work = NULL;
    DdpCallOptions begun = {.async_op = &work};
    bool ok;

    (void)user_data;
    if (ddp_rank_index(rank) == 1)
        return SMALL(rank, error) && SMALL(rank, error);
    ok = SMALL(rank, error) &&
         ddp_all_reduce_with(rank, values, 4, DDP_DTYPE_F32, DDP_REDUCE_SUM, &begun, error) &&
         SMALL(rank, error) && ddp_work_wait(work, NULL, error);
    ddp_work_free(work);
    return ok;
}

static bool
uneven_loop(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    for (int step = 0; step < 5 + (ddp_rank_index(rank) == 0); step++) {
        if (!SMALL(rank, error))
            return false;
    }
    return ddp_barrier(rank, error);
}

static bool
swapped(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 0)
        return SMALL(rank, error) && LONG(rank, error);
    return LONG(rank, error) && SMALL(rank, error);
}

/* Only gloo has it. */
static bool
monitored(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 2)
        return SMALL(rank, error);
    return ddp_monitored_barrier(rank, 2 * SECOND, error) && SMALL(rank, error);
}

static bool
slow_and_missing(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (ddp_rank_index(rank) == 1)
        return ddp_rank_sleep_ns(rank, SECOND / 1000, error);
    return ddp_barrier(rank, error);
}

static const struct {
    const char *name;
    DdpRankFunc func;
    DdpBackend backend;
    DdpOutcome outcome;
} programs[] = {
    {"missing rank", missing_rank, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK},
    {"missing from a long one", missing_from_a_long_one, DDP_BACKEND_NCCL, DDP_OUTCOME_MISMATCH},
    {"early return", early_return, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK},
    {"fails", fails, DDP_BACKEND_NCCL, DDP_OUTCOME_ERROR},
    {"other kind", other_kind, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK},
    {"other shape", other_shape, DDP_BACKEND_NCCL, DDP_OUTCOME_MISMATCH},
    {"other long shape", other_long_shape, DDP_BACKEND_NCCL, DDP_OUTCOME_MISMATCH},
    {"other dtype", other_dtype, DDP_BACKEND_NCCL, DDP_OUTCOME_MISMATCH},
    {"other op", other_op, DDP_BACKEND_NCCL, DDP_OUTCOME_MISMATCH},
    {"other root", other_root, DDP_BACKEND_NCCL, DDP_OUTCOME_MISMATCH},
    {"other group", other_group, DDP_BACKEND_NCCL, DDP_OUTCOME_MISMATCH},
    {"cycle over groups", cycle_over_groups, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK},
    {"all receive", all_receive, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK},
    {"all receive, gloo", all_receive, DDP_BACKEND_GLOO, DDP_OUTCOME_DEADLOCK},
    {"never received", never_received, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK},
    {"never sent", never_sent, DDP_BACKEND_GLOO, DDP_OUTCOME_DEADLOCK},
    {"other message", other_message, DDP_BACKEND_NCCL, DDP_OUTCOME_MISMATCH},
    {"never waited", never_waited, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK},
    {"waited in vain", waited_in_vain, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK},
    {"uneven loop", uneven_loop, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK},
    {"swapped", swapped, DDP_BACKEND_NCCL, DDP_OUTCOME_MISMATCH},
    {"monitored", monitored, DDP_BACKEND_GLOO, DDP_OUTCOME_ERROR},
    {"slow and missing", slow_and_missing, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK},
};

/* (transfer full): all that is said about a run. */
static char *
describe(const DdpWorld *world, DdpBackend backend)
{
    GString *text = g_string_new(ddp_outcome_name(ddp_world_outcome(world)));
    g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(world, backend);

    g_string_append_printf(text, ", difference %d\n", (int)ddp_world_difference(world));
    for (int rank = 0; rank < ddp_world_size(world); rank++) {
        const DdpRankVerdict *verdict = ddp_world_rank_verdict(world, rank);

        g_string_append_printf(text, "%d %s %s", rank, ddp_rank_state_name(verdict->state),
                               verdict->error != NULL ? verdict->error : "-");
        if (verdict->waits) {
            g_autofree char *call = ddp_call_describe(&verdict->call);

            g_string_append_printf(text, ": %s of %s number %" PRIu64 " at %s:%d since %" PRId64,
                                   call, verdict->group, verdict->seq, verdict->call.site.file,
                                   verdict->call.site.line, verdict->since_ns);
        }
        g_string_append_c(text, '\n');
    }
    if (diagnosis != NULL)
        g_string_append_printf(text, "%s\n%s\n%s\n%s\n", diagnosis->cls, diagnosis->summary,
                               diagnosis->root_cause, diagnosis->fix);
    return g_string_free(text, FALSE);
}

static DdpWorld *
play(DdpEngine engine, int program, int size)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GError) error = NULL;
    DdpWorld *world;

    spec.engine = engine;
    spec.size = size;
    spec.backend = programs[program].backend;
    world = ddp_world_new(&spec, &error);
    ck_assert_no_error(error);
    ddp_world_run(world, programs[program].func, NULL);
    return world;
}

static char *
verdict_of(DdpEngine engine, int program, int size)
{
    g_autoptr(DdpWorld) world = play(engine, program, size);

    return describe(world, programs[program].backend);
}

START_TEST(test_every_engine_says_the_same)
{
    static const int sizes[] = {3, 5, 17}; /* the last has no fast lane */

    for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
        g_autofree char *expected = verdict_of(DDP_ENGINE_FIBERS, _i, sizes[s]);
        int times = sizes[s] > 16 ? TIMES / 4 : TIMES;

        ck_assert_msg(g_str_has_prefix(expected, ddp_outcome_name(programs[_i].outcome)),
                      "%s, %d ranks: %s", programs[_i].name, sizes[s], expected);
        for (int time = 0; time < 2 * times; time++) {
            DdpEngine engine = time % 2 == 0 ? DDP_ENGINE_THREADS : DDP_ENGINE_PROCESSES;

#ifdef __SANITIZE_THREAD__
            engine = DDP_ENGINE_THREADS;
#endif
            g_autofree char *found = verdict_of(engine, _i, sizes[s]);

            ck_assert_msg(strcmp(found, expected) == 0,
                          "%s, %d ranks, time %d, on %s:\n%son fibers:\n%s", programs[_i].name,
                          sizes[s], time, ddp_engine_name(engine), found, expected);
        }
    }
}
END_TEST

/* ---- nothing is left behind ---- */

START_TEST(test_worlds_that_deadlock_leave_nothing)
{
    DdpLeftovers before = ddp_leftovers_count(), middle = before, after;
    size_t allowed = 1 << 20;
    DdpEngine engine = (DdpEngine)_i;

#ifdef __SANITIZE_THREAD__
    if (engine == DDP_ENGINE_PROCESSES)
        return;
#endif
    for (int time = 0; time < LEAK_TIMES; time++) {
        int program = time % (int)G_N_ELEMENTS(programs);

        ddp_world_free(play(engine, program, 2 + time % 4));
        if (time == LEAK_TIMES / 2)
            middle = ddp_leftovers_count();
    }
    ddp_leftovers_check(&before, ddp_engine_name(engine));
    after = ddp_leftovers_count();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    allowed = 512 << 20; /* they keep what was freed, and look for leaks by themselves */
#endif
    ck_assert_msg(after.resident_bytes <= middle.resident_bytes + allowed,
                  "%s: %zu KiB after %d worlds, %zu KiB after %d", ddp_engine_name(engine),
                  middle.resident_bytes >> 10, LEAK_TIMES / 2, after.resident_bytes >> 10,
                  LEAK_TIMES);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("verdicts");
    TCase *same = tcase_create("same");
    TCase *leaks = tcase_create("leaks");

    /* GLib makes the lock of its error domains at the first error; it is not built with
     * ThreadSanitizer, to which two threads that do so at once look like a race. */
    g_error_free(g_error_new_literal(DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "first"));
    tcase_set_timeout(same, 120);
    tcase_add_loop_test(same, test_every_engine_says_the_same, 0, G_N_ELEMENTS(programs));
    suite_add_tcase(suite, same);
    tcase_set_timeout(leaks, 120);
    tcase_add_loop_test(leaks, test_worlds_that_deadlock_leave_nothing, 0, 3);
    suite_add_tcase(suite, leaks);
    return ddp_test_main(suite);
}
