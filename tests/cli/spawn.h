/* SPDX-License-Identifier: MIT */
#pragma once

/* Runs the command ddpsim ($DDPSIM) and keeps what it printed. */

#include <glib.h>

typedef struct {
    int status; /* exit status; 256 + the signal when it died of one */
    char *out;
    char *err;
} Spawned;

/**
 * spawn:
 * @folder: (nullable): the working directory
 * @environment: (nullable): NULL-terminated "NAME=value" over the inherited ones; "NAME" unsets
 * @file_bytes_max: RLIMIT_FSIZE, or 0
 * @arguments: NULL-terminated, without the command's own name
 */
Spawned spawn(const char *folder, const char *const *environment, long file_bytes_max,
              const char *const *arguments);
void spawned_clear(Spawned *spawned);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Spawned, spawned_clear)

/* Writes @text to @folder/@name. */
void write_file(const char *folder, const char *name, const char *text);
