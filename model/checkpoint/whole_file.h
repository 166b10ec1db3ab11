/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

/*
 * A file that appears whole or not at all.
 *
 * Bytes go to a hidden file beside the one that is meant; ddp_whole_file_commit() has the disk
 * take them, gives the file its name in one step, and has the disk take the folder too. Until
 * then, and whenever something fails, what stood under the name before is untouched. A machine
 * that loses power leaves at most a hidden file behind, never half a file under the name.
 */

typedef struct DdpWholeFile DdpWholeFile;

/* Errors are of domain G_FILE_ERROR here and below; messages name no path, which callers know. */
DdpWholeFile *ddp_whole_file_new(const char *path, GError **error);

/* Without a commit before it, the hidden file is removed. */
void ddp_whole_file_free(DdpWholeFile *file);

bool ddp_whole_file_write(DdpWholeFile *file, const void *bytes, size_t length, GError **error);

/* To be called once, as the last. */
bool ddp_whole_file_commit(DdpWholeFile *file, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpWholeFile, ddp_whole_file_free)

G_END_DECLS
