/* SPDX-License-Identifier: MIT */
#include "model/ops.h"

#include <string.h>

#include "model/broadcast.h"
#include "model/dtypes.h"
#include "model/internal.h"
#include "model/kernels.h"
#include "model/math/gemm.h"

/*
 * Products. Everything becomes calls of one routine, C[m][n] (+)= op(A)·op(B), which for floats
 * is model/math/gemm.h and for integers a plain loop. Halves compute in float32.
 */

typedef struct {
    bool trans_a; /* A is stored [k][m] */
    bool trans_b; /* B is stored [n][k] */
    bool accumulate;
    size_t m, n, k;
} Product;

/* Integers wrap, in 64 bits, of which a narrower dtype keeps the low ones. */
static void
product_int(const Product *p, DdpDtype dtype, const char *a, const char *b, char *c)
{
    size_t bytes = ddp_dtype_bytes(dtype);

    for (size_t i = 0; i < p->m; i++) {
        for (size_t j = 0; j < p->n; j++) {
            uint64_t sum = 0;

            for (size_t l = 0; l < p->k; l++) {
                int64_t x, y;
                size_t ai = p->trans_a ? l * p->m + i : i * p->k + l;
                size_t bi = p->trans_b ? j * p->k + l : l * p->n + j;

                ddp_convert(1, &x, DDP_DTYPE_I64, a + ai * bytes, dtype);
                ddp_convert(1, &y, DDP_DTYPE_I64, b + bi * bytes, dtype);
                sum += (uint64_t)x * (uint64_t)y;
            }

            int64_t result = (int64_t)sum;

            ddp_convert(1, c + (i * p->n + j) * bytes, dtype, &result, DDP_DTYPE_I64);
        }
    }
}

/* One product of contiguous matrices of @dtype, which is no half. */
static void
product_run(DdpModelContext *context, const Product *p, DdpDtype dtype, const void *a,
            const void *b, void *c)
{
    size_t lda = p->trans_a ? p->m : p->k;
    size_t ldb = p->trans_b ? p->k : p->n;

    if (dtype == DDP_DTYPE_F32)
        ddp_gemm_f32(p->trans_a, p->trans_b, p->m, p->n, p->k, a, lda, b, ldb, c, p->n,
                     p->accumulate);
    else if (dtype == DDP_DTYPE_F64)
        ddp_gemm_f64(p->trans_a, p->trans_b, p->m, p->n, p->k, a, lda, b, ldb, c, p->n,
                     p->accumulate);
    else
        product_int(p, dtype, a, b, c);
    count_flops(context, ddp_flops_product(p->m, p->n, p->k));
}

/* A new reference, or a float32 copy of a half; outside of the graph. */
static DdpTensor *
widened(DdpTensor *x, GError **error)
{
    if (x == NULL || !dtype_is_half(dtype_of(x)))
        return x != NULL ? ddp_tensor_ref(x) : NULL;

    DdpTensor *wide = ddp_tensor_new_like(x, DDP_DTYPE_F32, error);

    if (wide != NULL)
        ddp_convert(x->numel, wide->data, DDP_DTYPE_F32, x->data, dtype_of(x));
    return wide;
}

/* Takes @x over: in @dtype, which is its own or the half that it was widened from. */
static DdpTensor *
narrowed(DdpTensor *x, DdpDtype dtype, GError **error)
{
    if (x == NULL || dtype_of(x) == dtype)
        return x;

    DdpTensor *narrow = ddp_tensor_new_like(x, dtype, error);

    if (narrow != NULL)
        ddp_convert(x->numel, narrow->data, dtype, x->data, dtype_of(x));
    ddp_tensor_unref(x);
    return narrow;
}

static DdpDtype
compute_dtype(DdpDtype dtype)
{
    return dtype_is_half(dtype) ? DDP_DTYPE_F32 : dtype;
}

static bool
check_dtypes(const DdpTensor *a, const DdpTensor *b, GError **error)
{
    if (a->dtype == b->dtype && a->dtype != DDP_DTYPE_BOOL)
        return true;
    if (a->dtype == b->dtype)
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                            "matrix products of torch.bool are not implemented");
    else
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "expected m1 and m2 to have the same dtype, but got: %s != %s",
                    ddp_dtype_c_name(dtype_of(a)), ddp_dtype_c_name(dtype_of(b)));
    return false;
}

/* ---- stacks of matrices -------------------------------------------------------------- */

/* Both operands seen as stacks: [batch…, m, k] and [batch…, k, n], vectors made matrices. */
typedef struct {
    DdpShape a_batch, b_batch, batch;
    size_t m, n, k;
    DdpShape result; /* with the dimensions of vectors gone */
} MatmulPlan;

static bool
fail_product(GError **error, int64_t m, int64_t k, int64_t k2, int64_t n)
{
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                "mat1 and mat2 shapes cannot be multiplied (%" G_GINT64_FORMAT "x%" G_GINT64_FORMAT
                " and %" G_GINT64_FORMAT "x%" G_GINT64_FORMAT ")",
                m, k, k2, n);
    return false;
}

static bool
plan_matmul(const DdpTensor *a, const DdpTensor *b, MatmulPlan *plan, GError **error)
{
    if (a->ndim == 0 || b->ndim == 0) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "both arguments to matmul need to be at least 1D, but they are %dD and %dD",
                    a->ndim, b->ndim);
        return false;
    }

    int64_t m = a->ndim > 1 ? a->shape[a->ndim - 2] : 1;
    int64_t k = a->shape[a->ndim - 1];
    int64_t k2 = b->ndim > 1 ? b->shape[b->ndim - 2] : b->shape[0];
    int64_t n = b->ndim > 1 ? b->shape[b->ndim - 1] : 1;

    if (k != k2)
        return fail_product(error, m, k, k2, n);

    *plan = (MatmulPlan){.m = (size_t)m, .n = (size_t)n, .k = (size_t)k};
    for (int i = 0; i + 2 < a->ndim; i++)
        plan->a_batch.shape[plan->a_batch.ndim++] = a->shape[i];
    for (int i = 0; i + 2 < b->ndim; i++)
        plan->b_batch.shape[plan->b_batch.ndim++] = b->shape[i];
    if (!ddp_shape_broadcast(&plan->a_batch, &plan->b_batch, &plan->batch, error))
        return false;

    plan->result = plan->batch;
    if (a->ndim > 1)
        plan->result.shape[plan->result.ndim++] = m;
    if (b->ndim > 1)
        plan->result.shape[plan->result.ndim++] = n;
    return true;
}

/* Which matrix of a stack of shape @own belongs to place @index of the stack of @batch. */
static size_t
batch_place(const DdpShape *own, const DdpShape *batch, size_t index)
{
    size_t place = 0;
    size_t step = 1;

    for (int i = 0; i < own->ndim; i++) {
        size_t size = (size_t)own->shape[own->ndim - 1 - i];
        size_t whole = (size_t)batch->shape[batch->ndim - 1 - i];

        if (size > 1)
            place += index % whole * step;
        index /= whole;
        step *= size;
    }
    return place;
}

static DdpTensor *
matmul_compute(const MatmulPlan *plan, DdpTensor *a, DdpTensor *b, GError **error)
{
    Product p = {.m = plan->m, .n = plan->n, .k = plan->k};
    DdpDtype dtype = compute_dtype(dtype_of(a));
    size_t bytes = ddp_dtype_bytes(dtype);
    DdpTensor *wide_a = widened(a, error);
    DdpTensor *wide_b = wide_a != NULL ? widened(b, error) : NULL;
    DdpTensor *out = wide_b != NULL
                         ? ddp_tensor_new_uninitialized(a->context, dtype, plan->result.ndim,
                                                        plan->result.shape, error)
                         : NULL;

    if (out != NULL) {
        size_t count = ddp_shape_count(&plan->batch);

        for (size_t i = 0; i < count; i++) {
            size_t ai = batch_place(&plan->a_batch, &plan->batch, i);
            size_t bi = batch_place(&plan->b_batch, &plan->batch, i);

            product_run(a->context, &p, dtype, wide_a->data + ai * p.m * p.k * bytes,
                        wide_b->data + bi * p.k * p.n * bytes, out->data + i * p.m * p.n * bytes);
        }
    }
    clear_tensor(&wide_a);
    clear_tensor(&wide_b);
    return narrowed(out, dtype_of(a), error);
}

/*
 * The gradient of one operand, in its shape: dA = dC·Bᵀ (@first) or dB = Aᵀ·dC, where matrices
 * that were repeated gather the gradients of all their uses.
 */
static DdpTensor *
matmul_gradient(bool first, DdpTensor *grad, DdpTensor *a, DdpTensor *b, GError **error)
{
    MatmulPlan plan;
    DdpTensor *own = first ? a : b;
    DdpTensor *other = first ? b : a;

    if (!plan_matmul(a, b, &plan, error))
        return NULL;

    Product p = first ? (Product){.trans_b = true, .m = plan.m, .n = plan.k, .k = plan.n}
                      : (Product){.trans_a = true, .m = plan.k, .n = plan.n, .k = plan.m};
    const DdpShape *own_batch = first ? &plan.a_batch : &plan.b_batch;
    const DdpShape *other_batch = first ? &plan.b_batch : &plan.a_batch;
    size_t other_count = first ? plan.k * plan.n : plan.m * plan.k; /* of one matrix */
    DdpDtype dtype = compute_dtype(dtype_of(own));
    size_t bytes = ddp_dtype_bytes(dtype);
    size_t other_bytes = other_count * bytes;
    DdpTensor *wide_grad = widened(grad, error);
    DdpTensor *wide_other = wide_grad != NULL ? widened(other, error) : NULL;
    DdpTensor *out = wide_other != NULL
                         ? ddp_tensor_new(own->context, dtype, own->ndim, own->shape, error)
                         : NULL;

    p.accumulate = true;
    if (out != NULL) {
        size_t count = ddp_shape_count(&plan.batch);

        for (size_t i = 0; i < count; i++) {
            const void *g = wide_grad->data + i * plan.m * plan.n * bytes;
            const void *o =
                wide_other->data + batch_place(other_batch, &plan.batch, i) * other_bytes;
            void *c = out->data + batch_place(own_batch, &plan.batch, i) * p.m * p.n * bytes;

            product_run(own->context, &p, dtype, first ? g : o, first ? o : g, c);
        }
    }
    clear_tensor(&wide_grad);
    clear_tensor(&wide_other);
    return narrowed(out, dtype_of(own), error);
}

/* saved[0], saved[1]: a and b. Edges: a, b. */
static bool
matmul_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    for (int i = 0; i < 2; i++) {
        if (!node_wants(node, i))
            continue;
        inputs[i] = matmul_gradient(i == 0, grad, node->saved[0], node->saved[1], error);
        if (inputs[i] == NULL)
            return false;
    }
    return true;
}

static const DdpGradOp matmul_op = {"MmBackward", matmul_backward};

static DdpTensor *
matmul(DdpTensor *a, DdpTensor *b, GError **error)
{
    MatmulPlan plan;

    if (!plan_matmul(a, b, &plan, error) || !check_dtypes(a, b, error))
        return NULL;

    DdpTensor *out = matmul_compute(&plan, a, b, error);

    if (out != NULL && (wants_grad(a) || wants_grad(b))) {
        DdpNode *node = ddp_node_new(out, &matmul_op, 2, 2);

        ddp_node_edge(node, 0, a);
        ddp_node_edge(node, 1, b);
        ddp_node_save(node, 0, a);
        ddp_node_save(node, 1, b);
    }
    return out;
}

DdpTensor *
ddp_matmul(DdpTensor *a, DdpTensor *b, GError **error)
{
    if (!a->context->autocast.enabled)
        return matmul(a, b, error);

    g_autoptr(DdpTensor) half_a = ddp_autocast_input(a->context, a, error);
    g_autoptr(DdpTensor) half_b = half_a != NULL ? ddp_autocast_input(a->context, b, error) : NULL;

    return half_b != NULL ? matmul(half_a, half_b, error) : NULL;
}

/* ---- linear layers ------------------------------------------------------------------- */

/* x as [rows, in], weight [out, in]. */
typedef struct {
    size_t rows;
    size_t in;
    size_t out;
} LinearSize;

static LinearSize
linear_size(const DdpTensor *x, const DdpTensor *weight)
{
    LinearSize size = {
        .rows = 1,
        .in = (size_t)weight->shape[1],
        .out = (size_t)weight->shape[0],
    };

    for (int i = 0; i + 1 < x->ndim; i++)
        size.rows *= (size_t)x->shape[i];
    return size;
}

/* The bias stands in every row of the result before the product is added to it. */
static void
fill_rows(const LinearSize *size, const DdpTensor *bias, DdpTensor *out)
{
    size_t bytes = size->out * ddp_dtype_bytes(dtype_of(out));

    for (size_t i = 0; i < size->rows; i++)
        memcpy(out->data + i * bytes, bias->data, bytes);
}

static DdpTensor *
linear_compute(DdpTensor *x, DdpTensor *weight, DdpTensor *bias, GError **error)
{
    LinearSize size = linear_size(x, weight);
    Product p = {
        .trans_b = true, .accumulate = bias != NULL, .m = size.rows, .n = size.out, .k = size.in};
    DdpShape shape = ddp_shape_of(x);
    DdpDtype dtype = compute_dtype(dtype_of(x));
    DdpTensor *wide_x = widened(x, error);
    DdpTensor *wide_weight = wide_x != NULL ? widened(weight, error) : NULL;
    DdpTensor *wide_bias = wide_weight != NULL && bias != NULL ? widened(bias, error) : NULL;
    DdpTensor *out = NULL;

    shape.shape[shape.ndim - 1] = weight->shape[0];
    if (wide_weight != NULL && (bias == NULL || wide_bias != NULL))
        out = ddp_tensor_new_uninitialized(x->context, dtype, shape.ndim, shape.shape, error);
    if (out != NULL) {
        if (bias != NULL) {
            fill_rows(&size, wide_bias, out);
            count_flops(x->context, DDP_FLOPS_BIAS * out->numel);
        }
        product_run(x->context, &p, dtype, wide_x->data, wide_weight->data, out->data);
    }
    clear_tensor(&wide_x);
    clear_tensor(&wide_weight);
    clear_tensor(&wide_bias);
    return narrowed(out, dtype_of(x), error);
}

/*
 * Edges: bias, weight, x, in the order in which torch completes them; saved[0]: x, saved[1]:
 * weight.
 */
enum {
    EDGE_BIAS,
    EDGE_WEIGHT,
    EDGE_X,
};

static DdpTensor *
linear_grad_bias(const LinearSize *size, DdpTensor *grad, GError **error)
{
    int64_t shape[1] = {(int64_t)size->out};
    DdpTensor *out = ddp_tensor_new_uninitialized(grad->context, dtype_of(grad), 1, shape, error);

    if (out == NULL)
        return NULL;

    const DdpReduceKernels *kernels = ddp_kernels()->reduce;
    const void *g = grad->data;
    void *result = out->data;

    if (grad->dtype == DDP_DTYPE_F32)
        kernels->sum_rows_f32(size->rows, size->out, g, result);
    else
        kernels->sum_rows_f64(size->rows, size->out, g, result);
    count_flops(grad->context, DDP_FLOPS_REDUCE * grad->numel);
    return out;
}

static DdpTensor *
linear_grad_product(const Product *p, DdpTensor *a, DdpTensor *b, const DdpTensor *like,
                    GError **error)
{
    DdpTensor *out =
        ddp_tensor_new_uninitialized(a->context, dtype_of(a), like->ndim, like->shape, error);

    if (out != NULL)
        product_run(a->context, p, dtype_of(a), a->data, b->data, out->data);
    return out;
}

static bool
linear_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    DdpTensor *x = node->saved[0];
    DdpTensor *weight = node->saved[1];
    LinearSize size = linear_size(x, weight);
    DdpTensor *wide_grad = widened(grad, error);
    DdpTensor *wide_x = widened(x, error);
    DdpTensor *wide_weight = widened(weight, error);
    bool ok = wide_grad != NULL && wide_x != NULL && wide_weight != NULL;

    if (ok && node_wants(node, EDGE_BIAS)) {
        inputs[EDGE_BIAS] =
            narrowed(linear_grad_bias(&size, wide_grad, error), dtype_of(grad), error);
        ok = inputs[EDGE_BIAS] != NULL;
    }
    if (ok && node_wants(node, EDGE_WEIGHT)) {
        Product p = {.trans_a = true, .m = size.out, .n = size.in, .k = size.rows};

        inputs[EDGE_WEIGHT] = narrowed(linear_grad_product(&p, wide_grad, wide_x, weight, error),
                                       dtype_of(grad), error);
        ok = inputs[EDGE_WEIGHT] != NULL;
    }
    if (ok && node_wants(node, EDGE_X)) {
        Product p = {.m = size.rows, .n = size.in, .k = size.out};

        inputs[EDGE_X] = narrowed(linear_grad_product(&p, wide_grad, wide_weight, x, error),
                                  dtype_of(grad), error);
        ok = inputs[EDGE_X] != NULL;
    }
    clear_tensor(&wide_grad);
    clear_tensor(&wide_x);
    clear_tensor(&wide_weight);
    return ok;
}

static const DdpGradOp linear_op = {"AddmmBackward", linear_backward};

static bool
check_linear(const DdpTensor *x, const DdpTensor *weight, const DdpTensor *bias, GError **error)
{
    if (x->ndim == 0 || weight->ndim != 2) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "linear needs an input of at least 1 dimension and a weight of 2, found %d and "
                    "%d",
                    x->ndim, weight->ndim);
        return false;
    }
    if (x->shape[x->ndim - 1] != weight->shape[1])
        return fail_product(error, (int64_t)linear_size(x, weight).rows, x->shape[x->ndim - 1],
                            weight->shape[1], weight->shape[0]);
    if (!check_dtypes(x, weight, error))
        return false;
    if (!ddp_dtype_is_float(dtype_of(x))) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "linear is not implemented for torch.%s", ddp_dtype_name(dtype_of(x)));
        return false;
    }
    if (bias != NULL && !check_dtypes(x, bias, error))
        return false;
    if (bias != NULL && (bias->ndim != 1 || bias->shape[0] != weight->shape[0])) {
        g_autofree char *found = ddp_shape_to_string(bias->ndim, bias->shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "the bias of a linear layer has shape %s, expected [%" G_GINT64_FORMAT "]",
                    found, weight->shape[0]);
        return false;
    }
    return true;
}

static DdpTensor *
linear(DdpTensor *x, DdpTensor *weight, DdpTensor *bias, GError **error)
{
    if (!check_linear(x, weight, bias, error))
        return NULL;

    DdpTensor *out = linear_compute(x, weight, bias, error);

    if (out != NULL &&
        (wants_grad(x) || wants_grad(weight) || (bias != NULL && wants_grad(bias)))) {
        DdpNode *node = ddp_node_new(out, &linear_op, 3, 2);

        if (bias != NULL)
            ddp_node_edge(node, EDGE_BIAS, bias);
        ddp_node_edge(node, EDGE_WEIGHT, weight);
        ddp_node_edge(node, EDGE_X, x);
        ddp_node_save(node, 0, x);
        ddp_node_save(node, 1, weight);
    }
    return out;
}

DdpTensor *
ddp_linear(DdpTensor *x, DdpTensor *weight, DdpTensor *bias, GError **error)
{
    if (!x->context->autocast.enabled)
        return linear(x, weight, bias, error);

    g_autoptr(DdpTensor) half_x = ddp_autocast_input(x->context, x, error);
    g_autoptr(DdpTensor) half_weight =
        half_x != NULL ? ddp_autocast_input(x->context, weight, error) : NULL;
    g_autoptr(DdpTensor) half_bias =
        half_weight != NULL ? ddp_autocast_input(x->context, bias, error) : NULL;

    if (half_weight == NULL || (bias != NULL && half_bias == NULL))
        return NULL;
    return linear(half_x, half_weight, half_bias, error);
}
