/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench/collectives/rows.h"

G_BEGIN_DECLS

/*
 * The programs behind the entrants: ours and the floor lie beside this one; the peers are compiled
 * into a folder of their own, by their own compilers, when and where those are installed.
 */

typedef struct Programs Programs;

/* (transfer full): @folder is that of this program. Compiles every peer that it can. */
Programs *programs_new(const char *folder);
void programs_free(Programs *programs);

/* Why @entrant cannot take part here; NULL if it can. */
const char *programs_missing(const Programs *programs, Entrant entrant);

/* (transfer full): the command line by which @entrant does the job of @row; files that it needs are
 * written anew. */
GStrv programs_command(const Programs *programs, const Row *row, Entrant entrant);

/* Whether that is how @entrant is to end, by its exit status and its output. */
bool programs_succeeded(const Row *row, Entrant entrant, int status, const char *output);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Programs, programs_free)

G_END_DECLS
