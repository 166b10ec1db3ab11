/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * What a world may leave behind in the program that ran it, as the kernel counts it: open
 * descriptors, children (dead ones that nobody waited for too), files in /dev/shm, memory.
 */

typedef struct {
    int descriptors;
    int children;
    int shared_files; /* of ours, by their name */
    size_t resident_bytes;
} DdpLeftovers;

DdpLeftovers ddp_leftovers_count(void);

/* Fails the test unless all but the memory is as it was in @before. @what: said in the message. */
void ddp_leftovers_check(const DdpLeftovers *before, const char *what);

/* Whether process @pid is there and not a zombie. */
gboolean ddp_process_is_alive(int pid);

G_END_DECLS
