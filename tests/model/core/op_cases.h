/* SPDX-License-Identifier: MIT */
#pragma once

#include "tests/model/core/recorded.h"

G_BEGIN_DECLS

/*
 * Differentiable operations held against what was recorded of torch, in every way that a gradient
 * can be wrong. A recorded case has inputs NAME.in0, NAME.in1, …, of which the floats are
 * differentiated, constants NAME.const0, …, the gradient NAME.weight of the output, the output
 * NAME.out and the gradients NAME.grad0, ….
 */

#define OP_CASE_INPUTS_MAX 6

/* @in: the inputs, and then the constants. Returns (transfer full) the output. */
typedef DdpTensor *(*OpCaseFunc)(DdpTensor **in, GError **error);

typedef struct {
    const char *name;
    OpCaseFunc func;
    bool kinked; /* at the recorded inputs: no differences can be taken there */
} OpCase;

/* Before and after each test: the recorded figures, and a context that must be empty at the end. */
void op_cases_open(const char *file);
void op_cases_close(void);
DdpModelContext *op_cases_context(void);
Recorded *op_cases_recorded(void);

/* Output and gradients are the recorded ones. */
void op_case_check_recorded(const OpCase *op_case, double relative, double absolute);
/* In float64 the gradients are limits of differences of the operation's own values. */
void op_case_check_differences(const OpCase *op_case);
/* In a half dtype it follows itself in float32, up to @tolerance. */
void op_case_check_half(const OpCase *op_case, DdpDtype dtype, double tolerance);
/* Every set of processor instructions gives the same bits. */
void op_case_check_paths(const OpCase *op_case);

G_END_DECLS
