/* SPDX-License-Identifier: MIT */
#pragma once

/* What every test program shares: a main, and paths to the figures recorded from real libraries. */

#include <check.h>
#include <glib.h>

G_BEGIN_DECLS

/* Runs the suite, takes it over and returns the exit status for main(). */
int ddp_test_main(Suite *suite);

/* (transfer full): tests/reference/@name. */
char *ddp_test_reference_path(const char *name);

/* (transfer full): the whole of tests/reference/@name; fails the test if it is not there. */
char *ddp_test_reference_read(const char *name);

/* (transfer full): a fresh temporary folder. Remove with ddp_test_remove_tree(). */
char *ddp_test_tmp_dir(void);
void ddp_test_remove_tree(const char *path);

/* Fails the test with the message of @error if it is set. */
#define ck_assert_no_error(error)                                                                  \
    ck_assert_msg((error) == NULL, "unexpected error: %s", (error) != NULL ? (error)->message : "")

G_END_DECLS
