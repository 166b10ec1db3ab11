/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"
#include "tests/testutil.h"

G_BEGIN_DECLS

/*
 * Tensors that tests/reference/torch_record.py has written down, found by name. A name that is
 * not there fails the test.
 */

typedef struct Recorded Recorded;

Recorded *recorded_load(const char *file);
void recorded_free(Recorded *recorded);

bool recorded_has(const Recorded *recorded, const char *name);

/* (transfer none): what stands behind the name, as it is. */
const char *recorded_line(const Recorded *recorded, const char *name);

/* (transfer full) */
DdpTensor *recorded_tensor(const Recorded *recorded, DdpModelContext *context, const char *name);

/* The dtype, the shape and every bit. */
void assert_same_bits(DdpTensor *got, DdpTensor *expected, const char *what);

/* The dtype, the shape, and |got - expected| <= relative · |expected| + absolute. */
void assert_close(DdpTensor *got, DdpTensor *expected, double relative, double absolute,
                  const char *what);

/* The two together with recorded_tensor(). */
void assert_recorded_bits(const Recorded *recorded, const char *name, DdpTensor *got);
void assert_recorded_close(const Recorded *recorded, const char *name, DdpTensor *got,
                           double relative, double absolute);

G_END_DECLS
