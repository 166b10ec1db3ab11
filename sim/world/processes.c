/* SPDX-License-Identifier: MIT */
/*
 * The processes engine: a forked process for each rank. The parent supervises: it hears of each
 * child's end through a pidfd, so a rank that was killed leaves the world at once and the others
 * learn of it. A child dies with its parent, and the memory they share has no name: nothing is
 * left, whoever is killed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "comm_shm/lock.h"
#include "sim/world/world_private.h"

typedef struct {
    pid_t pid; /* 0: none, or gone */
    int pidfd;
} Child;

typedef struct {
    DdpWorld *world;
    const Child *children;
} Supervisor;

static void
child_main(DdpRank *rank, pid_t parent)
{
    /* With the parent gone nobody would ever end this process. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1);
    ddp_heap_set_holder(DDP_LOCK_RANK(rank->index));
    ddp_lock_set_watch(NULL, NULL);
    ddp_rank_live(rank);
    (void)fflush(NULL); /* what cannot be written is told by whoever reads it */
    _exit(0);
}

/* @status: as of waitpid(); NULL if somebody else in this program has waited for all children. */
static void
note_end(DdpRank *rank, const int *status)
{
    g_autofree char *text = NULL;

    bool has_left = ddp_comm_has_left(rank->world->comm, rank->index);

    /* Before anything else, since all that follows needs the locks. */
    ddp_comm_disarm(rank->world->comm, rank->index);
    if (has_left)
        return;
    if (status == NULL)
        text = g_strdup("its process is gone; how it ended, another part of this program was told");
    else if (WIFSIGNALED(*status))
        text = g_strdup_printf("killed by signal %d (SIG%s)", WTERMSIG(*status),
                               sigabbrev_np(WTERMSIG(*status)));
    else if (WEXITSTATUS(*status) != 0)
        text = g_strdup_printf("exited with status %d", WEXITSTATUS(*status));
    ddp_rank_bury(rank, text);
}

static bool
start(DdpRank *rank, Child *child)
{
    pid_t parent = getpid();
    g_autofree char *text = NULL;

    child->pid = fork();
    if (child->pid == 0)
        child_main(rank, parent);
    if (child->pid > 0) {
        child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
        if (child->pidfd >= 0)
            return true;
        text = g_strdup_printf("its process cannot be watched: %s", g_strerror(errno));
        (void)kill(child->pid, SIGKILL);
        (void)waitpid(child->pid, NULL, 0);
        child->pid = 0;
    } else {
        text = g_strdup_printf("its process could not be started: %s", g_strerror(errno));
        child->pid = 0;
    }
    ddp_rank_bury(rank, text);
    return false;
}

static void
reap(DdpWorld *world, Child *children, int rank)
{
    int status;
    pid_t pid;

    do
        pid = waitpid(children[rank].pid, &status, 0);
    while (pid < 0 && errno == EINTR);
    (void)close(children[rank].pidfd);
    children[rank].pid = 0;
    note_end(&world->ranks[rank], pid > 0 ? &status : NULL);
}

/* While the supervisor waits for a lock: its holder may be dead, and not reaped yet. */
static void
disarm_the_dead(void *supervisor_)
{
    const Supervisor *supervisor = supervisor_;
    DdpWorld *world = supervisor->world;

    for (int rank = 0; rank < world->spec.size; rank++) {
        struct pollfd end = {supervisor->children[rank].pidfd, POLLIN, 0};

        if (supervisor->children[rank].pid > 0 && poll(&end, 1, 0) > 0)
            ddp_comm_disarm(world->comm, rank);
    }
}

/* Waits for whatever comes next: the end of a child, or something to watch. */
static void
supervise(DdpWorld *world, Child *children, struct pollfd *polled)
{
    int count = 0, size = world->spec.size;

    for (int rank = 0; rank < size; rank++)
        polled[rank] =
            (struct pollfd){children[rank].pid > 0 ? children[rank].pidfd : -1, POLLIN, 0};
    polled[size] = (struct pollfd){world->spec.watch_fd, POLLIN, 0};
    count = poll(polled, (nfds_t)size + 1, -1);
    if (count <= 0)
        return;
    if (polled[size].revents != 0)
        world->spec.watch(world->user_data);
    for (int rank = 0; rank < size; rank++) {
        if (polled[rank].revents != 0)
            reap(world, children, rank);
    }
}

void
ddp_processes_run(DdpWorld *world)
{
    const int *order = ddp_schedule_start_order(world->schedule);
    g_autofree Child *children = g_new0(Child, world->spec.size);
    g_autofree struct pollfd *polled = g_new0(struct pollfd, world->spec.size + 1);
    Supervisor supervisor = {world, children};
    int running = 0;

    (void)fflush(NULL); /* or the children would write it once more */
    ddp_lock_set_watch(disarm_the_dead, &supervisor);
    for (int i = 0; i < world->spec.size; i++)
        (void)start(&world->ranks[order[i]], &children[order[i]]);
    do {
        running = 0;
        for (int rank = 0; rank < world->spec.size; rank++)
            running += children[rank].pid > 0;
        if (running > 0)
            supervise(world, children, polled);
    } while (running > 0);
    ddp_lock_set_watch(NULL, NULL);
    if (world->spec.watch_fd >= 0)
        world->spec.watch(world->user_data);
}
