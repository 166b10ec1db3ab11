/* SPDX-License-Identifier: MIT */
#include "tests/model/core/op_cases.h"

#include <math.h>

#include "model/autograd.h"
#include "model/math/gemm.h"
#include "model/ops.h"

static Recorded *recorded;
static DdpModelContext *context;

void
op_cases_open(const char *file)
{
    recorded = recorded_load(file);
    context = ddp_model_context_new(NULL, 0, 0, 0);
}

void
op_cases_close(void)
{
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    ck_assert_uint_eq(ddp_model_context_bytes(context), 0);
    ddp_model_context_free(context);
    recorded_free(recorded);
}

DdpModelContext *
op_cases_context(void)
{
    return context;
}

Recorded *
op_cases_recorded(void)
{
    return recorded;
}

/* ---- running a case ------------------------------------------------------------------ */

typedef struct {
    const OpCase *op_case;
    DdpTensor *in[OP_CASE_INPUTS_MAX]; /* owned; inputs, then constants */
    int inputs;
    int count;
    DdpTensor *weight; /* owned; what the gradient of the output is */
    DdpTensor *out;    /* owned */
} Run;

static bool
is_float(DdpTensor *tensor)
{
    return ddp_dtype_is_float(ddp_tensor_dtype(tensor));
}

/* (transfer full): the recorded tensor, in @dtype if it is a float; NULL if there is none. */
static DdpTensor *
part(const OpCase *op_case, const char *kind, int index, DdpDtype dtype)
{
    g_autofree char *name = index < 0 ? g_strdup_printf("%s.%s", op_case->name, kind)
                                      : g_strdup_printf("%s.%s%d", op_case->name, kind, index);

    if (!recorded_has(recorded, name))
        return NULL;

    g_autoptr(DdpTensor) tensor = recorded_tensor(recorded, context, name);

    return is_float(tensor) ? ddp_to(tensor, dtype, NULL) : ddp_tensor_ref(tensor);
}

static void
run_open(Run *run, const OpCase *op_case, DdpDtype dtype)
{
    DdpTensor *tensor;

    *run = (Run){.op_case = op_case};
    while ((tensor = part(op_case, "in", run->inputs, dtype)) != NULL)
        run->in[run->inputs++] = tensor;
    ck_assert_msg(run->inputs > 0, "%s was not recorded", op_case->name);
    run->count = run->inputs;
    while ((tensor = part(op_case, "const", run->count - run->inputs, dtype)) != NULL)
        run->in[run->count++] = tensor;
    ck_assert_int_le(run->count, OP_CASE_INPUTS_MAX);
    run->weight = part(op_case, "weight", -1, dtype);
}

static DdpTensor *
run_forward(const Run *run)
{
    DdpTensor *in[OP_CASE_INPUTS_MAX];
    GError *error = NULL;

    for (int i = 0; i < OP_CASE_INPUTS_MAX; i++)
        in[i] = run->in[i];

    DdpTensor *out = run->op_case->func(in, &error);

    ck_assert_msg(out != NULL, "%s: %s", run->op_case->name,
                  error != NULL ? error->message : "no result and no error");
    ck_assert_no_error(error);
    return out;
}

static void
run_forward_and_backward(Run *run)
{
    GError *error = NULL;

    for (int i = 0; i < run->inputs; i++) {
        if (is_float(run->in[i]))
            ck_assert(ddp_tensor_set_requires_grad(run->in[i], true, NULL));
    }
    run->out = run_forward(run);
    ddp_tensor_backward_from(run->out, run->weight, false, &error);
    ck_assert_no_error(error);
}

static void
run_close(Run *run)
{
    for (int i = 0; i < run->count; i++)
        ddp_tensor_unref(run->in[i]);
    ddp_tensor_unref(run->weight);
    ddp_tensor_unref(run->out);
}

/* ---- the checks ---------------------------------------------------------------------- */

void
op_case_check_recorded(const OpCase *op_case, double relative, double absolute)
{
    g_autofree char *out_name = g_strdup_printf("%s.out", op_case->name);
    Run run;

    run_open(&run, op_case, DDP_DTYPE_F32);
    run_forward_and_backward(&run);
    assert_recorded_close(recorded, out_name, run.out, relative, absolute);
    for (int i = 0; i < run.inputs; i++) {
        g_autofree char *name = g_strdup_printf("%s.grad%d", op_case->name, i);

        if (is_float(run.in[i]))
            assert_recorded_close(recorded, name, ddp_tensor_grad(run.in[i]), relative, absolute);
    }
    run_close(&run);
}

/*
 * The slope of Σ weight · out, in which every output counts differently, at one element.
 * Differences are taken first and added then: of the sums themselves more would be lost.
 */
static double
difference(const Run *run, DdpTensor *input, size_t element)
{
    const double step = 1e-5;
    double start = ddp_tensor_item_f64(input, element);
    double slope = 0.0;

    ddp_tensor_set_f64(input, element, start + step);

    g_autoptr(DdpTensor) above = run_forward(run);

    ddp_tensor_set_f64(input, element, start - step);

    g_autoptr(DdpTensor) below = run_forward(run);

    ddp_tensor_set_f64(input, element, start);
    for (size_t i = 0; i < ddp_tensor_numel(above); i++)
        slope += (ddp_tensor_item_f64(above, i) - ddp_tensor_item_f64(below, i)) *
                 ddp_tensor_item_f64(run->weight, i);
    return slope / (2.0 * step);
}

void
op_case_check_differences(const OpCase *op_case)
{
    Run run;

    if (op_case->kinked)
        return;
    run_open(&run, op_case, DDP_DTYPE_F64);
    run_forward_and_backward(&run);

    ddp_model_context_set_grad_enabled(context, false);
    for (int i = 0; i < run.inputs; i++) {
        if (!is_float(run.in[i]))
            continue;

        /* Of a long input a few elements will do. */
        size_t numel = ddp_tensor_numel(run.in[i]);
        size_t stride = MAX(numel / 40, 1);

        for (size_t e = 0; e < numel; e += stride) {
            double expected = difference(&run, run.in[i], e);
            double got = ddp_tensor_item_f64(ddp_tensor_grad(run.in[i]), e);

            ck_assert_msg(fabs(got - expected) <= 1e-7 * fabs(expected) + 1e-7,
                          "%s: gradient %" G_GSIZE_FORMAT " of input %d is %.12g, differences "
                          "give %.12g",
                          op_case->name, e, i, got, expected);
        }
    }
    ddp_model_context_set_grad_enabled(context, true);
    run_close(&run);
}

void
op_case_check_half(const OpCase *op_case, DdpDtype dtype, double tolerance)
{
    Run wide, half;

    run_open(&half, op_case, dtype);
    run_open(&wide, op_case, DDP_DTYPE_F32);
    /* Both start from the same numbers: the halves. */
    for (int i = 0; i < wide.count; i++)
        ck_assert(ddp_copy_(wide.in[i], half.in[i], NULL));
    ck_assert(ddp_copy_(wide.weight, half.weight, NULL));
    run_forward_and_backward(&wide);
    run_forward_and_backward(&half);
    ck_assert_int_eq(ddp_tensor_dtype(half.out), dtype);

    g_autoptr(DdpTensor) out = ddp_to(half.out, DDP_DTYPE_F32, NULL);

    assert_close(out, wide.out, tolerance, tolerance, op_case->name);
    for (int i = 0; i < wide.inputs; i++) {
        if (!is_float(wide.in[i]))
            continue;
        ck_assert_int_eq(ddp_tensor_dtype(ddp_tensor_grad(half.in[i])), dtype);

        g_autoptr(DdpTensor) grad = ddp_to(ddp_tensor_grad(half.in[i]), DDP_DTYPE_F32, NULL);

        assert_close(grad, ddp_tensor_grad(wide.in[i]), 4 * tolerance, 4 * tolerance,
                     op_case->name);
    }
    run_close(&wide);
    run_close(&half);
}

void
op_case_check_paths(const OpCase *op_case)
{
    DdpMathPath best = ddp_math_path();
    Run expected;

    ddp_math_path_force(DDP_MATH_PATH_SCALAR);
    run_open(&expected, op_case, DDP_DTYPE_F32);
    run_forward_and_backward(&expected);
    for (int path = DDP_MATH_PATH_AVX2; path <= DDP_MATH_PATH_AVX512; path++) {
        Run run;

        if (!ddp_math_path_available((DdpMathPath)path))
            continue;
        ddp_math_path_force((DdpMathPath)path);
        run_open(&run, op_case, DDP_DTYPE_F32);
        run_forward_and_backward(&run);
        assert_same_bits(run.out, expected.out, op_case->name);
        for (int i = 0; i < run.inputs; i++) {
            if (is_float(run.in[i]))
                assert_same_bits(ddp_tensor_grad(run.in[i]), ddp_tensor_grad(expected.in[i]),
                                 op_case->name);
        }
        run_close(&run);
    }
    ddp_math_path_force(best);
    run_close(&expected);
}
