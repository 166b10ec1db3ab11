/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * The few phrases that findings, tables and diagnoses share, so that a share of the data or a
 * set of ranks reads the same wherever it stands. Plain ASCII; all results are (transfer full).
 */

/* "rank 2", "ranks 0 and 3", "ranks 1-3", "ranks 0, 2-5 and 9", "no rank"; sorts a copy. */
char *ddp_words_ranks(const GArray *ranks /* of int */);

/* The same without the word in front: "2", "0, 3", "1-3"; "-" for none. */
char *ddp_words_rank_list(const GArray *ranks /* of int */);

/*
 * How much of @of @samples is: "1/4", "all", "none", "about 1/4" (a shard that does not divide
 * evenly, off by less than 1 %), "37.5 %". "?" if either is unknown (negative, or @of is 0).
 */
char *ddp_words_share(int64_t samples, int64_t of);

/* "10,000". */
char *ddp_words_count(int64_t count);

/* A number for people, @digits significant: "0.4512", "15", "1.2e-09", "nan", "inf". */
char *ddp_words_number(double value, int digits);

/* The file name of "path/to/file.lua:12" without its folders: "file.lua:12". Borrowed. */
const char *ddp_words_site(const char *site);

G_END_DECLS
