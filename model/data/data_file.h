/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Where the files of the data sets lie.
 *
 * What ships with the program is looked for in the folders of $DDPSIM_DATA (separated by ":"),
 * then where it was installed with the running program, then in the folders that were compiled in:
 * the source tree and the prefix's share folder.
 * Fashion-MNIST is in the folder $DDPSIM_FASHION_MNIST if that is set, and where the Debian package
 * dataset-fashion-mnist puts it if not.
 */

/**
 * ddp_data_file_find:
 * @name: below a data folder, "digits/digits.csv"
 *
 * Returns: (transfer full): the first one that exists, or NULL with an error that lists the
 *   folders
 */
char *ddp_data_file_find(const char *name, GError **error);

/* (transfer full): the folder where Fashion-MNIST is expected, existing or not. */
char *ddp_data_file_fashion_mnist_folder(void);

/* Appends "; " and what to do about it to the message, which is on one line. */
void ddp_data_file_add_advice(GError **error, const char *advice);

G_END_DECLS
