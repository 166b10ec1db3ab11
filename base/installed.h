/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Where the files lie that were installed with the running program.
 *
 * They are looked for from the program's own place, so that an installed tree may be moved, or
 * unpacked somewhere else than it was configured for.
 */

/**
 * ddp_installed_folder:
 * @name: "scenarios", "data"
 *
 * Returns: (transfer full) (nullable): the folder, or NULL if the program was not installed with
 *   one, as in a build folder
 */
char *ddp_installed_folder(const char *name);

G_END_DECLS
