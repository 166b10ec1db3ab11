/* SPDX-License-Identifier: MIT */
/*
 * Whole programs, from exec to exit, with the memory they held: "4 ranks gather one number and log
 * it three ways" as a scenario, against the floor of a program that only forks four processes which
 * write a file each. And worlds of a thousand Lua ranks. Nine rounds in turn.
 */
#include <fcntl.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 9

static char folder[] = "/tmp/ddpsim-bench-XXXXXX";

static double
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

typedef struct {
    double ms[ROUNDS];
    long kib; /* greatest resident size */
} Timing;

static void
run(Timing *timing, int round, char *const *argv)
{
    double start = now_ms();
    pid_t child = fork();
    struct rusage usage;
    int status;

    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);

        dup2(null, 1);
        execv(argv[0], argv);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        fprintf(stderr, "%s failed\n", argv[0]);
        exit(1);
    }
    timing->ms[round] = now_ms() - start;
    timing->kib = MAX(timing->kib, usage.ru_maxrss);
}

/* The floor: this program, started anew, forks four that write a file each. */
static int
floor_main(const char *out)
{
    for (int rank = 0; rank < 4; rank++) {
        if (fork() == 0) {
            g_autofree char *path = g_strdup_printf("%s/floor-%d", out, rank);
            int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
            bool ok = fd >= 0 && write(fd, "15.0\n", 5) == 5 && close(fd) == 0;

            _exit(ok ? 0 : 1);
        }
    }
    for (int rank = 0; rank < 4; rank++)
        wait(NULL);
    return 0;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void
print_row(const char *name, const Timing *timing)
{
    double sorted[ROUNDS];

    memcpy(sorted, timing->ms, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof sorted[0], compare);
    printf("  %-46s %8.2f ms  [%.2f - %.2f]  %6.1f MiB\n", name, sorted[ROUNDS / 2], sorted[0],
           sorted[ROUNDS - 1], (double)timing->kib / 1024);
}

int
main(int argc, char **argv)
{
    Timing floor_timing = {0}, fabric = {0}, deadlock = {0}, thousand = {0};
    g_autofree char *scenario = NULL;

    if (argc == 3 && strcmp(argv[1], "--floor") == 0)
        return floor_main(argv[2]);
    if (mkdtemp(folder) == NULL)
        return 1;
    scenario = g_build_filename(folder, "thousand.lua", NULL);
    if (!g_file_set_contents(scenario,
                             "return { world = { size = 1000 }, variants = { { name = 'v', main = "
                             "function() dist.all_reduce(tensor(1.0)) end } } }",
                             -1, NULL))
        return 1;
    for (int round = 0; round < ROUNDS; round++) {
        run(&floor_timing, round, (char *[]){argv[0], "--floor", folder, NULL});
        run(&fabric, round,
            (char *[]){DDPSIM, "run", SCENARIOS "/fabric_logging_strategies.lua", "--out", folder,
                       NULL});
        run(&deadlock, round,
            (char *[]){DDPSIM, "run", SCENARIOS "/guarded_all_gather.lua", "--variant", "guarded",
                       "--out", folder, NULL});
        run(&thousand, round, (char *[]){DDPSIM, "run", scenario, "--out", folder, NULL});
    }
    printf("whole programs\n");
    print_row("floor: four forked processes, a file each", &floor_timing);
    print_row("fabric_logging_strategies", &fabric);
    print_row("a deadlock named, 4 ranks", &deadlock);
    print_row("1,000 Lua ranks, one all_reduce", &thousand);

    g_autofree char *remove = g_strdup_printf("rm -rf '%s'", folder);

    return system(remove) == 0 ? 0 : 1;
}
