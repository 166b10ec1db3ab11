/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/world/join.h"
#include "tests/sim/world/leftovers.h"
#include "tests/testutil.h"

/*
 * Worlds of processes that nobody forked. Each test starts join_program once for each rank, looks
 * at what every one printed and how it ended, and that nothing is left.
 */

#define RANKS_MAX 6

typedef struct {
    pid_t pid;
    int out;       /* what it prints comes here */
    char *printed; /* once it has ended */
    int status;
} Process;

static Process processes[RANKS_MAX];
static char world_name[64];
static int world_number;

static void
setup(void)
{
    (void)g_snprintf(world_name, sizeof world_name, "test-%d-%d", (int)getpid(), world_number++);
    memset(processes, 0, sizeof processes);
}

static void
start(int rank, const char *program, const char *const *variables)
{
    Process *process = &processes[rank];
    const char *path = g_getenv("DDPSIM_JOIN_PROGRAM");
    int ends[2];

    ck_assert_ptr_nonnull(path);
    ck_assert_int_eq(pipe(ends), 0);
    process->pid = fork();
    if (process->pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        for (const char *const *at = variables; *at != NULL; at += 2)
            (void)g_setenv(at[0], at[1], TRUE);
        (void)execl(path, path, program, NULL);
        _exit(127);
    }
    ck_assert_int_gt(process->pid, 0);
    (void)close(ends[1]);
    process->out = ends[0];
}

static void
start_rank(int rank, int size, const char *program)
{
    g_autofree char *rank_text = g_strdup_printf("%d", rank);
    g_autofree char *size_text = g_strdup_printf("%d", size);
    const char *variables[] = {"DDPSIM_WORLD", world_name, "RANK", rank_text,
                               "WORLD_SIZE",   size_text,  NULL};

    start(rank, program, variables);
}

/* Reads up to @count bytes, or all that there is. */
static void
read_some(Process *process, GString *text, size_t count)
{
    char buffer[4096];
    ssize_t got;

    while (text->len < count &&
           (got = read(process->out, buffer, MIN(sizeof buffer, count - text->len))) > 0)
        g_string_append_len(text, buffer, got);
}

static void
finish(int count)
{
    for (int rank = 0; rank < count; rank++) {
        GString *text = g_string_new(NULL);

        read_some(&processes[rank], text, SIZE_MAX);
        processes[rank].printed = g_string_free(text, FALSE);
        (void)close(processes[rank].out);
        ck_assert_int_eq(waitpid(processes[rank].pid, &processes[rank].status, 0),
                         processes[rank].pid);
    }
}

static void
clear(int count)
{
    for (int rank = 0; rank < count; rank++)
        g_free(processes[rank].printed);
}

static void
expect_end(int rank, int status, const char *printed)
{
    const Process *process = &processes[rank];

    ck_assert_msg(WIFEXITED(process->status) && WEXITSTATUS(process->status) == status,
                  "rank %d: ended with %x, expected %d; it printed: %s", rank,
                  (unsigned)process->status, status, process->printed);
    ck_assert_msg(strstr(process->printed, printed) != NULL, "rank %d printed: %s\nexpected: %s",
                  rank, process->printed, printed);
}

START_TEST(test_processes_find_each_other_by_a_name)
{
    DdpLeftovers before = ddp_leftovers_count();

    for (int size = 1; size <= 5; size++) {
        g_autofree char *sum = g_strdup_printf("sum %d\n", size * (size - 1) / 2);

        for (int i = 0; i < size; i++)
            start_rank((i + size / 2) % size, size, "sum");
        finish(size);
        for (int rank = 0; rank < size; rank++)
            expect_end(rank, 0, sum);
        clear(size);
    }
    ddp_leftovers_check(&before, "joined worlds");
}
END_TEST

START_TEST(test_all_kinds_of_calls_work)
{
    for (int rank = 0; rank < 4; rank++)
        start_rank(rank, 4, "many");
    finish(4);
    for (int rank = 0; rank < 4; rank++)
        expect_end(rank, 0, "many well");
    clear(4);
}
END_TEST

START_TEST(test_each_process_can_say_the_verdict)
{
    for (int rank = 0; rank < 3; rank++)
        start_rank(rank, 3, "early");
    finish(3);
    expect_end(0, 1, "deadlock; error: the world was ended: deadlock; ");
    expect_end(1, 1, "deadlock; error: none; ");
    expect_end(2, 1, "deadlock; error: the world was ended: deadlock; ");
    ck_assert_ptr_nonnull(strstr(processes[2].printed, "rank 1"));
    clear(3);
}
END_TEST

START_TEST(test_a_rank_that_fails_is_named)
{
    for (int rank = 0; rank < 3; rank++)
        start_rank(rank, 3, "fails");
    finish(3);
    for (int rank = 0; rank < 3; rank += 2)
        expect_end(rank, 1, "error; error: the world was ended: error: rank 1: no such file; died");
    expect_end(1, 1, "error; error: no such file; died");
    clear(3);
}
END_TEST

START_TEST(test_a_rank_that_ends_without_leaving_has_died)
{
    for (int rank = 0; rank < 3; rank++)
        start_rank(rank, 3, "rude");
    finish(3);
    for (int rank = 0; rank < 3; rank += 2)
        /* Where rank 1 was the host, the words are others. */
        expect_end(rank, 1, "error; error: the world was ended: error: rank 1: its process");
    clear(3);
}
END_TEST

static void
wait_until_ready(int count)
{
    for (int rank = 0; rank < count; rank++) {
        GString *text = g_string_new(NULL);

        read_some(&processes[rank], text, strlen("ready\n"));
        ck_assert_str_eq(text->str, "ready\n");
        g_string_free(text, TRUE);
    }
}

/* Host or guest, at whatever moment. */
START_TEST(test_a_killed_rank_is_named_to_the_others)
{
    DdpLeftovers before = ddp_leftovers_count();

    for (int time = 0; time < 30; time++) {
        int victim = time % 3;
        g_autofree char *named = g_strdup_printf(
            "error; error: the world was ended: error: rank %d: its process", victim);
        gint64 killed_us;

        setup();
        for (int i = 0; i < 3; i++)
            start_rank((i + time / 3) % 3, 3, "for_ever");
        wait_until_ready(3);
        (void)usleep((unsigned)(time * 137 % 1000));
        ck_assert_int_eq(kill(processes[victim].pid, SIGKILL), 0);
        killed_us = g_get_monotonic_time();
        finish(3);
        ck_assert_int_lt(g_get_monotonic_time() - killed_us, 5 * G_USEC_PER_SEC);
        for (int rank = 0; rank < 3; rank++) {
            if (rank != victim)
                expect_end(rank, 1, named);
        }
        clear(3);
    }
    ddp_leftovers_check(&before, "killed ranks of joined worlds");
}
END_TEST

/*
 * Also before all have come, with or without the name; and started once more, as people do. Perhaps
 * all meet then, perhaps it is too late for that: everybody ends, and soon.
 */
START_TEST(test_a_rank_killed_while_joining_holds_up_nobody)
{
    g_setenv("DDPSIM_JOIN_TIMEOUT", "1", TRUE);
    for (int time = 0; time < 12; time++) {
        int victim = time % 3;
        gint64 killed_us;

        setup();
        for (int rank = 0; rank < 3; rank++)
            start_rank(rank, 3, "for_ever");
        (void)usleep((unsigned)time * 500);
        (void)kill(processes[victim].pid, SIGKILL);
        (void)waitpid(processes[victim].pid, NULL, 0);
        (void)close(processes[victim].out);
        start_rank(victim, 3, "for_ever");
        (void)usleep(20000);
        (void)kill(processes[victim].pid, SIGKILL);
        killed_us = g_get_monotonic_time();
        finish(3);
        ck_assert_int_lt(g_get_monotonic_time() - killed_us, 5 * G_USEC_PER_SEC);
        clear(3);
    }
    g_unsetenv("DDPSIM_JOIN_TIMEOUT");
}
END_TEST

/* ---- who is not let in ---- */

static const struct {
    const char *rank, *size, *local, *backend, *message;
} refused[] = {
    {"0", "2", NULL, NULL, "cannot join the world: rank 0 is taken"},
    {"1", "3", NULL, NULL, "cannot join the world: WORLD_SIZE is 3, but the host has 2"},
    {"1", "2", "1", NULL, "cannot join the world: LOCAL_WORLD_SIZE is 1, but the host has 2"},
    {"1", "2", NULL, "gloo",
     "cannot join the world: DDPSIM_BACKEND is \"gloo\", but the host has \"nccl\""},
    {"2", "2", NULL, NULL, "RANK is \"2\", expected a number from 0 to 1 in the environment"},
    {"one", "2", NULL, NULL, "RANK is \"one\", expected a number from 0 to 1 in the environment"},
    {"0", NULL, NULL, NULL, "WORLD_SIZE is not set, expected a number from 1 to 4096"},
    {"0", "3", "2", NULL, "LOCAL_WORLD_SIZE is 2, which does not divide the WORLD_SIZE 3"},
    {"0", "2", NULL, "mpi", "DDPSIM_BACKEND is \"mpi\", expected \"nccl\" or \"gloo\""},
};

START_TEST(test_who_does_not_fit_is_told_why)
{
    const char *variables[12] = {"DDPSIM_WORLD", world_name, "RANK", refused[_i].rank};
    int count = 4;

    start_rank(0, 2, "sum");
    (void)usleep(100000); /* it hosts */
    if (refused[_i].size != NULL) {
        variables[count++] = "WORLD_SIZE";
        variables[count++] = refused[_i].size;
    }
    if (refused[_i].local != NULL) {
        variables[count++] = "LOCAL_WORLD_SIZE";
        variables[count++] = refused[_i].local;
    }
    if (refused[_i].backend != NULL) {
        variables[count++] = "DDPSIM_BACKEND";
        variables[count++] = refused[_i].backend;
    }
    start(2, "sum", variables);
    (void)usleep(100000);
    start_rank(1, 2, "sum");
    finish(3);
    expect_end(2, 3, refused[_i].message);
    /* The others are none the worse. */
    expect_end(0, 0, "sum 1");
    expect_end(1, 0, "sum 1");
    clear(3);
}
END_TEST

START_TEST(test_who_does_not_come_in_time_is_named)
{
    const char *variables[] = {"DDPSIM_WORLD",        world_name, "RANK", "1", "WORLD_SIZE", "3",
                               "DDPSIM_JOIN_TIMEOUT", "1",        NULL};

    start(0, "sum", variables);
    finish(1);
    expect_end(0, 3, "cannot join the world: these ranks have not come in time: 0 2");
    clear(1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("join");
    TCase *all = tcase_create("join");

    tcase_add_checked_fixture(all, setup, NULL);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, test_processes_find_each_other_by_a_name);
    tcase_add_test(all, test_all_kinds_of_calls_work);
    tcase_add_test(all, test_each_process_can_say_the_verdict);
    tcase_add_test(all, test_a_rank_that_fails_is_named);
    tcase_add_test(all, test_a_rank_that_ends_without_leaving_has_died);
    tcase_add_test(all, test_a_killed_rank_is_named_to_the_others);
    tcase_add_test(all, test_a_rank_killed_while_joining_holds_up_nobody);
    tcase_add_loop_test(all, test_who_does_not_fit_is_told_why, 0, G_N_ELEMENTS(refused));
    tcase_add_test(all, test_who_does_not_come_in_time_is_named);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
