/* SPDX-License-Identifier: MIT */
#include "bench/collectives/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS (20.0 * 60e3)
#define GRACE_MS 5000

static double
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

/* ---- memory of a process and all that descend from it ---- */

static double
read_pss_mib(int pid)
{
    char path[64], line[128];
    double kib = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Pss: %lf", &kib) == 1)
            break;
    }
    fclose(file);
    return kib / 1024;
}

static int
read_parent(int pid)
{
    char path[64];
    g_autofree char *text = NULL;
    int parent = -1;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return -1;

    /* The name may hold blanks and brackets: what counts stands behind the last one. */
    const char *end = strrchr(text, ')');

    return end != NULL && sscanf(end, ") %*c %d", &parent) == 1 ? parent : -1;
}

typedef struct {
    int pid, parent;
    bool ours;
} Process;

static double
sample_mib(int root)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(Process));
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *name;
    double sum = 0;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        Process process = {.pid = atoi(name)};

        if (process.pid <= 0)
            continue;
        process.parent = read_parent(process.pid);
        process.ours = process.pid == root;
        g_array_append_val(all, process);
    }
    for (bool grown = true; grown;) {
        grown = false;
        for (guint i = 0; i < all->len; i++) {
            Process *child = &g_array_index(all, Process, i);

            for (guint j = 0; j < all->len && !child->ours; j++) {
                const Process *parent = &g_array_index(all, Process, j);

                if (parent->ours && parent->pid == child->parent)
                    grown = child->ours = true;
            }
        }
    }
    for (guint i = 0; i < all->len; i++) {
        if (g_array_index(all, Process, i).ours)
            sum += read_pss_mib(g_array_index(all, Process, i).pid);
    }
    return sum;
}

/* Densely at first, for programs that are gone in a moment. */
static int
sample_pause_ms(double since_ms)
{
    return since_ms < 100 ? 1 : since_ms < 5000 ? 10 : 50;
}

/* ---- the launch ---- */

static G_GNUC_NORETURN void
become(char *const *argv, int output)
{
    int null = open("/dev/null", O_RDONLY);

    /* A group of its own, so that what it starts can be ended with it. */
    setpgid(0, 0);
    dup2(null, 0);
    dup2(output, 1);
    dup2(output, 2);
    execvp(argv[0], argv);
    fprintf(stderr, "%s: %s\n", argv[0], g_strerror(errno));
    _exit(127);
}

static volatile sig_atomic_t interrupted;

static void
note_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void
launch_catch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool
launch_was_interrupted(void)
{
    return interrupted != 0;
}

/* Asks first: a launcher of ranks that are not of its group wants to end them itself. */
static void
end_group(pid_t child)
{
    siginfo_t info = {0};

    kill(-child, SIGTERM);
    for (int waited_ms = 0; waited_ms < GRACE_MS && info.si_pid == 0; waited_ms += 10) {
        g_usleep(10000);
        if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
            break;
    }
    kill(-child, SIGKILL);
}

/* Reads until all that hold the other end have gone; true if they are to be ended. */
static bool
listen_to(int fd, pid_t child, bool sample, double start_ms, GString *text, double *peak_mib)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char buffer[4096];

    for (;;) {
        double since_ms = now_ms() - start_ms;
        int ready = poll(&poll_fd, 1, sample ? sample_pause_ms(since_ms) : 1000);

        if (since_ms > LIMIT_MS || interrupted)
            return true;
        if (ready > 0) {
            ssize_t got = read(fd, buffer, sizeof buffer);

            if (got <= 0)
                return false;
            g_string_append_len(text, buffer, got);
        } else if (sample) {
            *peak_mib = MAX(*peak_mib, sample_mib(child));
        }
    }
}

void
launch_run(Launch *launch, char *const *argv, bool sample)
{
    GString *text = g_string_new(NULL);
    double start_ms = now_ms();
    struct rusage usage = {0};
    int ends[2], status = -1;

    *launch = (Launch){.status = -1};
    if (pipe2(ends, O_CLOEXEC) != 0)
        g_error("pipe: %s", g_strerror(errno));

    pid_t child = fork();

    if (child < 0)
        g_error("fork: %s", g_strerror(errno));
    if (child == 0)
        become(argv, ends[1]);
    close(ends[1]);
    if (listen_to(ends[0], child, sample, start_ms, text, &launch->peak_mib)) {
        g_string_append(text, interrupted ? "\ninterrupted\n" : "\ntook too long\n");
        end_group(child);
    }
    close(ends[0]);
    while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR)
        ;
    launch->wall_ms = now_ms() - start_ms;
    launch->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    launch->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    launch->peak_mib = MAX(launch->peak_mib, (double)usage.ru_maxrss / 1024);
    launch->output = g_string_free(text, FALSE);
}

void
launch_clear(Launch *launch)
{
    g_clear_pointer(&launch->output, g_free);
}

double
launch_figure(const Launch *launch)
{
    g_autofree char *text = g_strchomp(g_strdup(launch->output));
    const char *line = strrchr(text, '\n');
    char *end;
    double figure;

    line = line != NULL ? line + 1 : text;
    figure = g_ascii_strtod(line, &end);
    return end != line && *end == '\0' ? figure : -1;
}
