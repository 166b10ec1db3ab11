/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/world/diagnosis.h"
#include "sim/world/verbs.h"
#include "sim/world/world.h"
#include "tests/sim/world/leftovers.h"
#include "tests/testutil.h"

/*
 * The ways in which the process of a rank can end, and what the others, the verdict and the
 * diagnosis say of each; and what is left of a world whose parent is killed. Killing at any moment
 * is test_killed.c.
 */

#define RANKS_MAX 8

typedef struct {
    _Atomic int pids[RANKS_MAX];
    _Atomic int started;
    char told[RANKS_MAX][200];
} Notes;

static Notes *notes;

static void
setup(void)
{
    notes = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(notes != MAP_FAILED);
}

static void
teardown(void)
{
    munmap(notes, sizeof *notes);
}

/* ---- how a process ends ---- */

typedef enum { END_STATUS, END_SIGNAL, END_ABORT } HowKind;

static const struct {
    HowKind kind;
    int number;
    const char *error; /* NULL: nothing was wrong with it alone */
    DdpOutcome outcome;
    const char *cls;
} ends[] = {
    /* To the others it is a rank whose loop had fewer turns. */
    {END_STATUS, 0, NULL, DDP_OUTCOME_DEADLOCK, "uneven_iterations"},
    {END_STATUS, 3, "exited with status 3", DDP_OUTCOME_ERROR, "died"},
    {END_STATUS, 255, "exited with status 255", DDP_OUTCOME_ERROR, "died"},
    {END_ABORT, 0, "killed by signal 6 (SIGABRT)", DDP_OUTCOME_ERROR, "died"},
    {END_SIGNAL, SIGSEGV, "killed by signal 11 (SIGSEGV)", DDP_OUTCOME_ERROR, "died"},
    {END_SIGNAL, SIGKILL, "killed by signal 9 (SIGKILL)", DDP_OUTCOME_ERROR, "died"},
    {END_SIGNAL, SIGTERM, "killed by signal 15 (SIGTERM)", DDP_OUTCOME_ERROR, "died"},
};

static int current;

static void
end_process(void)
{
    switch (ends[current].kind) {
    case END_STATUS:
        _exit(ends[current].number);
    case END_ABORT:
        (void)signal(SIGABRT, SIG_DFL);
        abort();
    case END_SIGNAL:
        (void)signal(ends[current].number, SIG_DFL); /* a sanitizer may have its own */
        (void)raise(ends[current].number);
        break;
    }
}

/* The last rank ends in the third step, while the others wait for it or are about to. */
static bool
one_ends(DdpRank *rank, void *user_data, GError **error)
{
    int r = ddp_rank_index(rank), p = ddp_world_size(ddp_rank_world(rank));
    bool long_call = user_data != NULL;

    for (int step = 0; step < 5; step++) {
        float data[512] = {0};
        GError *own = NULL;

        if (step == 2 && r == p - 1)
            end_process();
        if (ddp_all_reduce(rank, data, long_call ? 512 : 2, DDP_DTYPE_F32, DDP_REDUCE_SUM, &own))
            continue;
        g_strlcpy(notes->told[r], own->message, sizeof notes->told[r]);
        g_propagate_error(error, own);
        return false;
    }
    return true;
}

static void
check_end(const DdpWorld *world, int size)
{
    const DdpRankVerdict *last = ddp_world_rank_verdict(world, size - 1);
    g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(world, DDP_BACKEND_NCCL);
    g_autofree char *told = ends[current].error != NULL
                                ? g_strdup_printf("the world was ended: error: rank %d: %s",
                                                  size - 1, ends[current].error)
                                : g_strdup("the world was ended: deadlock");

    ck_assert_int_eq(ddp_world_outcome(world), ends[current].outcome);
    ck_assert_int_eq(last->state,
                     ends[current].error != NULL ? DDP_RANK_FAILED : DDP_RANK_FINISHED);
    ck_assert_pstr_eq(last->error, ends[current].error);
    for (int rank = 0; rank < size - 1; rank++) {
        const DdpRankVerdict *verdict = ddp_world_rank_verdict(world, rank);

        ck_assert_str_eq(notes->told[rank], told);
        ck_assert_int_eq(verdict->state, DDP_RANK_BLOCKED);
        ck_assert_uint_eq(verdict->seq, 2);
    }
    ck_assert_ptr_nonnull(diagnosis);
    ck_assert_str_eq(diagnosis->cls, ends[current].cls);
    if (ends[current].error == NULL)
        return; /* one against one: nobody is blamed */
    ck_assert_uint_eq(diagnosis->blamed->len, 1);
    ck_assert_int_eq(g_array_index(diagnosis->blamed, int, 0), size - 1);
}

START_TEST(test_the_others_are_told_how_a_process_ended)
{
    DdpLeftovers before = ddp_leftovers_count();

    current = _i;
    for (int size = 2; size <= 5; size++) {
        for (int long_call = 0; long_call < 2; long_call++) {
            DdpWorldSpec spec = ddp_world_spec_default();
            g_autoptr(GError) error = NULL;

            spec.engine = DDP_ENGINE_PROCESSES;
            spec.size = size;
            memset(notes, 0, sizeof *notes);

            g_autoptr(DdpWorld) world = ddp_world_new(&spec, &error);

            ck_assert_no_error(error);
            ddp_world_run(world, one_ends, long_call ? notes : NULL);
            check_end(world, size);
        }
    }
    ddp_leftovers_check(&before, "a process that ended");
}
END_TEST

/* It ends while nobody needs it any more. */
static bool
ends_alone(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    if (!ddp_barrier(rank, error))
        return false;
    if (ddp_rank_index(rank) == 1)
        end_process();
    return true;
}

START_TEST(test_an_end_that_nobody_waits_for_is_judged_alone)
{
    DdpWorldSpec spec = ddp_world_spec_default();

    current = _i;
    spec.engine = DDP_ENGINE_PROCESSES;
    spec.size = 3;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ddp_world_run(world, ends_alone, NULL);
    ck_assert_int_eq(ddp_world_outcome(world),
                     ends[current].error != NULL ? DDP_OUTCOME_ERROR : DDP_OUTCOME_COMPLETED);
    ck_assert_pstr_eq(ddp_world_rank_verdict(world, 1)->error, ends[current].error);
    ck_assert_int_eq(ddp_world_rank_verdict(world, 0)->state, DDP_RANK_FINISHED);
}
END_TEST

/* A program that lets the system wait for its children cannot be told how a rank ended. */
START_TEST(test_a_death_of_unknown_cause_is_a_death)
{
    DdpWorldSpec spec = ddp_world_spec_default();

    current = G_N_ELEMENTS(ends) - 1;
    spec.engine = DDP_ENGINE_PROCESSES;
    spec.size = 3;
    (void)signal(SIGCHLD, SIG_IGN);

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ddp_world_run(world, one_ends, NULL);
    (void)signal(SIGCHLD, SIG_DFL);
    ck_assert_int_eq(ddp_world_outcome(world), DDP_OUTCOME_ERROR);
    ck_assert_int_eq(ddp_world_rank_verdict(world, 2)->state, DDP_RANK_FAILED);
    ck_assert(g_str_has_prefix(ddp_world_rank_verdict(world, 2)->error, "its process is gone"));
}
END_TEST

/* Each has its own memory: what one writes no other sees. */
static int private_number;

static bool
write_private(DdpRank *rank, void *user_data, GError **error)
{
    int32_t value;

    (void)user_data;
    private_number += 1 + ddp_rank_index(rank);
    if (!ddp_barrier(rank, error))
        return false;
    value = private_number;
    return ddp_all_reduce(rank, &value, 1, DDP_DTYPE_I32, DDP_REDUCE_SUM, error) && value == 6;
}

START_TEST(test_ranks_have_address_spaces_of_their_own)
{
    DdpWorldSpec spec = ddp_world_spec_default();

    spec.engine = DDP_ENGINE_PROCESSES;
    spec.size = 3;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ck_assert_int_eq(ddp_world_run(world, write_private, NULL), DDP_OUTCOME_COMPLETED);
    ck_assert_int_eq(private_number, 0);
}
END_TEST

/* ---- the parent is killed ---- */

static void
note_child(void)
{
    int at = atomic_fetch_add(&notes->started, 1);

    if (at < RANKS_MAX)
        atomic_store(&notes->pids[at], getpid());
}

static bool
for_ever(DdpRank *rank, void *user_data, GError **error)
{
    float data[512] = {0};

    (void)user_data;
    for (;;) {
        if (!ddp_all_reduce(rank, data, ddp_rank_index(rank) >= 0 ? 512 : 1, DDP_DTYPE_F32,
                            DDP_REDUCE_SUM, error))
            return false;
    }
}

/* Rank 0 waits for one that computes for ever. */
static bool
asleep(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    while (ddp_rank_index(rank) == 1)
        (void)usleep(1000);
    return ddp_barrier(rank, error);
}

static void
supervise_for_ever(DdpRankFunc func)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    DdpWorld *world;

    (void)pthread_atfork(NULL, NULL, note_child);
    spec.engine = DDP_ENGINE_PROCESSES;
    spec.size = 4;
    world = ddp_world_new(&spec, NULL);
    ddp_world_run(world, func, NULL);
    _exit(0);
}

static int
count_alive(void)
{
    int alive = 0;

    for (int i = 0; i < RANKS_MAX; i++) {
        int pid = atomic_load(&notes->pids[i]);

        alive += pid != 0 && ddp_process_is_alive(pid);
    }
    return alive;
}

START_TEST(test_no_rank_outlives_the_parent)
{
    DdpLeftovers before = ddp_leftovers_count();

    for (int time = 0; time < 20; time++) {
        gint64 killed_us;
        pid_t pid;

        memset(notes, 0, sizeof *notes);
        pid = fork();
        if (pid == 0)
            supervise_for_ever(time % 2 == 0 ? for_ever : asleep);
        ck_assert_int_gt(pid, 0);
        (void)usleep((unsigned)time * 1500); /* from before the first fork to well after the last */
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        killed_us = g_get_monotonic_time();
        while (count_alive() > 0 && g_get_monotonic_time() - killed_us < 5 * G_USEC_PER_SEC)
            (void)usleep(1000);
        ck_assert_msg(count_alive() == 0, "time %d: %d ranks live on", time, count_alive());
        ck_assert_int_lt(g_get_monotonic_time() - killed_us, G_USEC_PER_SEC);
    }
    ddp_leftovers_check(&before, "a killed parent");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("processes");
    TCase *all = tcase_create("ends");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, test_the_others_are_told_how_a_process_ended, 0, G_N_ELEMENTS(ends));
    tcase_add_loop_test(all, test_an_end_that_nobody_waits_for_is_judged_alone, 0,
                        G_N_ELEMENTS(ends));
    tcase_add_test(all, test_a_death_of_unknown_cause_is_a_death);
    tcase_add_test(all, test_ranks_have_address_spaces_of_their_own);
    tcase_add_test(all, test_no_rank_outlives_the_parent);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
