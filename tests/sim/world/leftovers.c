/* SPDX-License-Identifier: MIT */
#include "tests/sim/world/leftovers.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/testutil.h"

/* The entries of a folder whose names hold @part. */
static int
count_entries(const char *path, const char *part)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    int count = 0;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        count += strstr(name, part) != NULL;
    return count;
}

/* Of all our threads. */
static int
count_children(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/task", 0, NULL);
    const char *name;
    int count = 0;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename("/proc/self/task", name, "children", NULL);
        g_autofree char *text = NULL;

        if (!g_file_get_contents(path, &text, NULL, NULL))
            continue; /* a thread that has ended meanwhile */
        for (const char *at = text; *at != '\0'; at++)
            count += *at == ' ';
    }
    return count;
}

static size_t
resident_bytes(void)
{
    g_autofree char *text = NULL;
    unsigned long all = 0, resident = 0;

    if (g_file_get_contents("/proc/self/statm", &text, NULL, NULL) &&
        sscanf(text, "%lu %lu", &all, &resident) != 2)
        return 0;
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

DdpLeftovers
ddp_leftovers_count(void)
{
    return (DdpLeftovers){count_entries("/proc/self/fd", ""), count_children(),
                          count_entries("/dev/shm", "ddpsim"), resident_bytes()};
}

void
ddp_leftovers_check(const DdpLeftovers *before, const char *what)
{
    DdpLeftovers now = ddp_leftovers_count();

    ck_assert_msg(now.descriptors == before->descriptors, "%s: %d descriptors, %d before", what,
                  now.descriptors, before->descriptors);
    ck_assert_msg(now.children == before->children, "%s: %d children, %d before", what,
                  now.children, before->children);
    ck_assert_msg(now.shared_files == before->shared_files, "%s: %d files in /dev/shm, %d before",
                  what, now.shared_files, before->shared_files);
}

gboolean
ddp_process_is_alive(int pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    const char *state;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    /* "PID (NAME) STATE ...", and the name may hold anything. */
    state = strrchr(text, ')');
    return state != NULL && state[1] != '\0' && state[2] != 'Z' && state[2] != 'X';
}
