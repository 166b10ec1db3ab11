/* SPDX-License-Identifier: MIT */
#include "model/ops_attention.h"

#include <math.h>
#include <string.h>

#include "model/autocast.h"
#include "model/broadcast.h"
#include "model/internal.h"
#include "model/math/gemm.h"
#include "model/ops.h"
#include "model/ops_mask.h"

/*
 *   forward     P = softmax(scale · Q Kᵀ + mask),  O = (P ∘ D) V        D: dropout
 *   backward    dV = (P ∘ D)ᵀ dO,  dP = dO Vᵀ ∘ D,  dS = P ∘ (dP - Σ dP ∘ P),
 *               dmask = dS,  dQ = scale · dS K,  dK = scale · dSᵀ Q
 *
 * What the steps between make is no part of the graph.
 */

/* ---- stacks of products -------------------------------------------------------------- */

/*
 * op(A) · op(B) for each matrix of two stacks of equal length, where [m, n] is the shape of a
 * result. Nothing is turned in memory: the product reads either order.
 */
static DdpTensor *
stacked_product(bool trans_a, DdpTensor *a, bool trans_b, DdpTensor *b, GError **error)
{
    DdpShape shape = ddp_shape_of(a);
    size_t m = (size_t)a->shape[a->ndim - (trans_a ? 1 : 2)];
    size_t k = (size_t)a->shape[a->ndim - (trans_a ? 2 : 1)];
    size_t n = (size_t)b->shape[b->ndim - (trans_b ? 2 : 1)];
    size_t lda = (size_t)a->shape[a->ndim - 1];
    size_t ldb = (size_t)b->shape[b->ndim - 1];
    size_t bytes = ddp_dtype_bytes(dtype_of(a));
    size_t count = 1;

    for (int i = 0; i + 2 < shape.ndim; i++)
        count *= (size_t)shape.shape[i];
    shape.shape[shape.ndim - 2] = (int64_t)m;
    shape.shape[shape.ndim - 1] = (int64_t)n;

    DdpTensor *out =
        ddp_tensor_new_uninitialized(a->context, dtype_of(a), shape.ndim, shape.shape, error);

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const void *left = a->data + i * m * k * bytes;
        const void *right = b->data + i * k * n * bytes;
        void *result = out->data + i * m * n * bytes;

        if (a->dtype == DDP_DTYPE_F32)
            ddp_gemm_f32(trans_a, trans_b, m, n, k, left, lda, right, ldb, result, n, false);
        else
            ddp_gemm_f64(trans_a, trans_b, m, n, k, left, lda, right, ldb, result, n, false);
    }
    count_flops(a->context, count * ddp_flops_product(m, n, k));
    return out;
}

static bool
scale_by(DdpTensor *x, double factor, GError **error)
{
    return ddp_binary_(DDP_BINARY_MUL, x, ddp_operand_float(factor), error);
}

/* ---- the weights of attention -------------------------------------------------------- */

/* -inf above the diagonal of each matrix: nobody looks ahead. */
static void
shut_out_future(DdpTensor *scores)
{
    int64_t rows = scores->shape[scores->ndim - 2];
    int64_t columns = scores->shape[scores->ndim - 1];

    for (size_t i = 0; columns > 0 && i < scores->numel / (size_t)columns; i++) {
        int64_t row = (int64_t)i % rows;

        for (int64_t j = row + 1; j < columns; j++)
            ddp_tensor_set_f64(scores, i * (size_t)columns + (size_t)j, -(double)INFINITY);
    }
}

/* Takes @scores over. */
static DdpTensor *
masked_scores(DdpTensor *scores, const DdpAttentionSpec *spec, GError **error)
{
    DdpTensor *mask = spec->mask;

    if (spec->is_causal)
        shut_out_future(scores);
    if (mask == NULL)
        return scores;

    DdpTensor *out = mask->dtype == DDP_DTYPE_BOOL
                         ? ddp_where(mask, ddp_operand_tensor(scores),
                                     ddp_operand_float(-(double)INFINITY), error)
                         : ddp_add(scores, mask, error);

    ddp_tensor_unref(scores);
    return out;
}

/* Softmax of a row of nothing but -inf is not a number; here it becomes zeros. */
static void
clear_empty_rows(const DdpTensor *scores, DdpTensor *weights)
{
    size_t columns = (size_t)scores->shape[scores->ndim - 1];
    size_t bytes = columns * ddp_dtype_bytes(dtype_of(weights));

    for (size_t first = 0; first < scores->numel; first += columns) {
        bool empty = true;

        for (size_t j = 0; empty && j < columns; j++)
            empty = ddp_tensor_item_f64(scores, first + j) == (double)-INFINITY;
        if (empty)
            memset(weights->data + first / columns * bytes, 0, bytes);
    }
}

static DdpTensor *
attention_weights(DdpTensor *query, DdpTensor *key, double scale, const DdpAttentionSpec *spec,
                  GError **error)
{
    DdpTensor *scores = stacked_product(false, query, true, key, error);

    if (scores != NULL && !scale_by(scores, scale, error))
        clear_tensor(&scores);
    if (scores != NULL)
        scores = masked_scores(scores, spec, error);

    DdpTensor *weights = scores != NULL ? ddp_softmax(scores, -1, error) : NULL;

    if (weights != NULL && spec->mask != NULL)
        clear_empty_rows(scores, weights);
    clear_tensor(&scores);
    return weights;
}

/* What dropout multiplies each weight by: 0 or 1 / (1 - p). */
static DdpTensor *
dropout_factors(DdpTensor *weights, double p, GError **error)
{
    DdpTensor *ones = ddp_full(weights->context, dtype_of(weights), weights->ndim, weights->shape,
                               ddp_number_int(1), error);
    DdpTensor *factors = ones != NULL ? ddp_dropout(ones, p, true, NULL, error) : NULL;

    clear_tensor(&ones);
    return factors;
}

/* @weights with dropout, if there is any. */
static DdpTensor *
dropped(DdpTensor *weights, DdpTensor *factors, GError **error)
{
    return factors != NULL ? ddp_mul(weights, factors, error) : ddp_tensor_ref(weights);
}

/* ---- the derivative ------------------------------------------------------------------ */

/* saved: query, key, value, weights, factors (NULL without dropout); floats[0]: the scale */
enum {
    SAVED_QUERY,
    SAVED_KEY,
    SAVED_VALUE,
    SAVED_WEIGHTS,
    SAVED_FACTORS,
    SAVED_COUNT,
};

enum {
    EDGE_QUERY,
    EDGE_KEY,
    EDGE_VALUE,
    EDGE_MASK,
    EDGE_COUNT,
};

/* P ∘ (dP - Σ dP ∘ P): by the scores, from @grad by the output. */
static DdpTensor *
grad_scores(DdpNode *node, DdpTensor *grad, GError **error)
{
    DdpTensor *weights = node->saved[SAVED_WEIGHTS];
    DdpTensor *factors = node->saved[SAVED_FACTORS];
    DdpTensor *slope = stacked_product(false, grad, true, node->saved[SAVED_VALUE], error);
    bool ok = slope != NULL && (factors == NULL || ddp_binary_(DDP_BINARY_MUL, slope,
                                                               ddp_operand_tensor(factors), error));
    DdpTensor *product = ok ? ddp_mul(slope, weights, error) : NULL;
    DdpTensor *sums = product != NULL ? ddp_reduce(DDP_FOLD_SUM, product, -1, true, error) : NULL;

    ok = sums != NULL && ddp_binary_(DDP_BINARY_SUB, slope, ddp_operand_tensor(sums), error) &&
         ddp_binary_(DDP_BINARY_MUL, slope, ddp_operand_tensor(weights), error);
    clear_tensor(&sums);
    clear_tensor(&product);
    if (!ok)
        clear_tensor(&slope);
    return slope;
}

/* By query and key, from @slope by the scores, which is scaled on the way. */
static bool
grad_operands(DdpNode *node, DdpTensor *slope, DdpTensor **inputs, GError **error)
{
    if (!scale_by(slope, node->floats[0], error))
        return false;
    if (node_wants(node, EDGE_QUERY)) {
        inputs[EDGE_QUERY] = stacked_product(false, slope, false, node->saved[SAVED_KEY], error);
        if (inputs[EDGE_QUERY] == NULL)
            return false;
    }
    if (node_wants(node, EDGE_KEY)) {
        inputs[EDGE_KEY] = stacked_product(true, slope, false, node->saved[SAVED_QUERY], error);
        if (inputs[EDGE_KEY] == NULL)
            return false;
    }
    return true;
}

/* slot 0: the shape of the mask */
static bool
attention_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    bool ok = true;

    if (node_wants(node, EDGE_VALUE)) {
        DdpTensor *weights = dropped(node->saved[SAVED_WEIGHTS], node->saved[SAVED_FACTORS], error);

        if (weights != NULL)
            inputs[EDGE_VALUE] = stacked_product(true, weights, false, grad, error);
        clear_tensor(&weights);
        ok = inputs[EDGE_VALUE] != NULL;
    }
    if (!ok || (!node_wants(node, EDGE_QUERY) && !node_wants(node, EDGE_KEY) &&
                !node_wants(node, EDGE_MASK)))
        return ok;

    DdpTensor *slope = grad_scores(node, grad, error);

    ok = slope != NULL;
    if (ok && node_wants(node, EDGE_MASK)) {
        DdpTensor *own = ddp_clone(slope, error);

        if (own != NULL)
            inputs[EDGE_MASK] =
                ddp_grad_to_shape(own, node->input_ndim[0], node->input_shape[0], error);
        clear_tensor(&own);
        ok = inputs[EDGE_MASK] != NULL;
    }
    ok = ok && grad_operands(node, slope, inputs, error);
    clear_tensor(&slope);
    return ok;
}

static const DdpGradOp attention_op = {"ScaledDotProductAttentionBackward", attention_backward};

/* ---- the operation ------------------------------------------------------------------- */

static bool
fail_shape(GError **error, const char *what, const DdpTensor *query, const DdpTensor *key,
           const DdpTensor *value)
{
    g_autofree char *q = ddp_shape_to_string(query->ndim, query->shape);
    g_autofree char *k = ddp_shape_to_string(key->ndim, key->shape);
    g_autofree char *v = ddp_shape_to_string(value->ndim, value->shape);

    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                "scaled_dot_product_attention: %s; found query %s, key %s, value %s", what, q, k,
                v);
    return false;
}

static bool
check_shapes(const DdpTensor *query, const DdpTensor *key, const DdpTensor *value, GError **error)
{
    int ndim = query->ndim;

    if (ndim < 2 || key->ndim != ndim || value->ndim != ndim)
        return fail_shape(error,
                          "query, key and value have the same number of dimensions, two at least",
                          query, key, value);
    for (int i = 0; i + 2 < ndim; i++) {
        if (key->shape[i] != query->shape[i] || value->shape[i] != query->shape[i])
            return fail_shape(error, "the dimensions in front of the last two are equal", query,
                              key, value);
    }
    if (key->shape[ndim - 1] != query->shape[ndim - 1])
        return fail_shape(error, "query and key have the same last dimension", query, key, value);
    if (key->shape[ndim - 2] != value->shape[ndim - 2])
        return fail_shape(error, "key and value have the same length", query, key, value);
    return true;
}

static bool
check_attention(const DdpTensor *query, const DdpTensor *key, const DdpTensor *value,
                const DdpAttentionSpec *spec, GError **error)
{
    if (query->dtype != key->dtype || query->dtype != value->dtype ||
        !ddp_dtype_is_float(dtype_of(query))) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "Expected query, key, and value to have the same floating dtype, but got "
                    "query.dtype: %s key.dtype: %s and value.dtype: %s instead.",
                    ddp_dtype_c_name(dtype_of(query)), ddp_dtype_c_name(dtype_of(key)),
                    ddp_dtype_c_name(dtype_of(value)));
        return false;
    }
    if (spec->mask != NULL && spec->is_causal) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED,
                            "scaled_dot_product_attention: Explicit attn_mask should not be set "
                            "when is_causal=True");
        return false;
    }
    if (spec->mask != NULL && spec->mask->dtype != DDP_DTYPE_BOOL &&
        spec->mask->dtype != query->dtype) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "Expected attn_mask dtype to be bool or to match query dtype, but got "
                    "attn_mask.dtype: %s and query.dtype: %s instead.",
                    ddp_dtype_c_name(dtype_of(spec->mask)), ddp_dtype_c_name(dtype_of(query)));
        return false;
    }
    return check_shapes(query, key, value, error);
}

/* The mask must not make the scores larger. */
static bool
check_mask(const DdpTensor *weights, const DdpTensor *query, const DdpTensor *key, GError **error)
{
    g_autofree char *found = NULL;

    if (weights->ndim == query->ndim &&
        weights->shape[weights->ndim - 2] == query->shape[query->ndim - 2] &&
        weights->shape[weights->ndim - 1] == key->shape[key->ndim - 2]) {
        bool equal = true;

        for (int i = 0; i + 2 < query->ndim; i++)
            equal = equal && weights->shape[i] == query->shape[i];
        if (equal)
            return true;
    }
    found = ddp_shape_to_string(weights->ndim, weights->shape);
    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                "scaled_dot_product_attention: with the mask the scores would have the shape %s",
                found);
    return false;
}

static void
record(DdpTensor *out, DdpTensor *query, DdpTensor *key, DdpTensor *value,
       const DdpAttentionSpec *spec, double scale, DdpTensor *weights, DdpTensor *factors)
{
    bool mask_wants = spec->mask != NULL && wants_grad(spec->mask);

    if (!wants_grad(query) && !wants_grad(key) && !wants_grad(value) && !mask_wants)
        return;

    DdpNode *node = ddp_node_new(out, &attention_op, EDGE_COUNT, SAVED_COUNT);

    ddp_node_edge(node, EDGE_QUERY, query);
    ddp_node_edge(node, EDGE_KEY, key);
    ddp_node_edge(node, EDGE_VALUE, value);
    if (mask_wants) {
        ddp_node_edge(node, EDGE_MASK, spec->mask);
        ddp_node_remember_shape(node, 0, spec->mask);
    }
    ddp_node_save(node, SAVED_QUERY, query);
    ddp_node_save(node, SAVED_KEY, key);
    ddp_node_save(node, SAVED_VALUE, value);
    ddp_node_save(node, SAVED_WEIGHTS, weights);
    if (factors != NULL)
        ddp_node_save(node, SAVED_FACTORS, factors);
    node->floats[0] = scale;
}

/* Of float32 or float64. */
static DdpTensor *
attention_wide(DdpTensor *query, DdpTensor *key, DdpTensor *value, const DdpAttentionSpec *spec,
               GError **error)
{
    DdpModelContext *context = query->context;
    double width = (double)query->shape[query->ndim - 1];
    double scale = spec->scale != 0.0 ? spec->scale : 1.0 / sqrt(width);
    bool grad_enabled = ddp_model_context_set_grad_enabled(context, false);
    DdpTensor *weights = attention_weights(query, key, scale, spec, error);
    DdpTensor *factors = NULL;
    DdpTensor *out = NULL;
    bool ok = weights != NULL && check_mask(weights, query, key, error);

    if (ok && spec->dropout_p > 0.0) {
        factors = dropout_factors(weights, spec->dropout_p, error);
        ok = factors != NULL;
    }

    DdpTensor *applied = ok ? dropped(weights, factors, error) : NULL;

    if (applied != NULL)
        out = stacked_product(false, applied, false, value, error);
    clear_tensor(&applied);
    ddp_model_context_set_grad_enabled(context, grad_enabled);
    if (out != NULL)
        record(out, query, key, value, spec, scale, weights, factors);
    clear_tensor(&factors);
    clear_tensor(&weights);
    return out;
}

/* Halves compute in float32, and the result is rounded once. */
static DdpTensor *
attention_half(DdpTensor *query, DdpTensor *key, DdpTensor *value, const DdpAttentionSpec *spec,
               GError **error)
{
    DdpAttentionSpec wide_spec = *spec;
    bool widens_mask = spec->mask != NULL && spec->mask->dtype != DDP_DTYPE_BOOL;
    DdpTensor *mask = widens_mask ? ddp_to(spec->mask, DDP_DTYPE_F32, error) : NULL;
    DdpTensor *q = !widens_mask || mask != NULL ? ddp_to(query, DDP_DTYPE_F32, error) : NULL;
    DdpTensor *k = q != NULL ? ddp_to(key, DDP_DTYPE_F32, error) : NULL;
    DdpTensor *v = k != NULL ? ddp_to(value, DDP_DTYPE_F32, error) : NULL;
    DdpTensor *wide = NULL;
    DdpTensor *out = NULL;

    if (widens_mask)
        wide_spec.mask = mask;
    if (v != NULL)
        wide = attention_wide(q, k, v, &wide_spec, error);
    if (wide != NULL)
        out = ddp_to(wide, dtype_of(query), error);
    clear_tensor(&wide);
    clear_tensor(&v);
    clear_tensor(&k);
    clear_tensor(&q);
    clear_tensor(&mask);
    return out;
}

static DdpTensor *
attention_checked(DdpTensor *query, DdpTensor *key, DdpTensor *value, const DdpAttentionSpec *spec,
                  GError **error)
{
    if (!check_attention(query, key, value, spec, error))
        return NULL;
    return dtype_is_half(dtype_of(query)) ? attention_half(query, key, value, spec, error)
                                          : attention_wide(query, key, value, spec, error);
}

DdpTensor *
ddp_scaled_dot_product_attention(DdpTensor *query, DdpTensor *key, DdpTensor *value,
                                 const DdpAttentionSpec *spec, GError **error)
{
    DdpModelContext *context = query->context;
    DdpAttentionSpec own = spec != NULL ? *spec : (DdpAttentionSpec){.mask = NULL};

    if (!context->autocast.enabled)
        return attention_checked(query, key, value, &own, error);

    bool is_added = own.mask != NULL && own.mask->dtype != DDP_DTYPE_BOOL;
    g_autoptr(DdpTensor) q = ddp_autocast_input(context, query, error);
    g_autoptr(DdpTensor) k = q != NULL ? ddp_autocast_input(context, key, error) : NULL;
    g_autoptr(DdpTensor) v = k != NULL ? ddp_autocast_input(context, value, error) : NULL;
    g_autoptr(DdpTensor) mask =
        v != NULL && is_added ? ddp_autocast_input(context, own.mask, error) : NULL;

    if (v == NULL || (is_added && mask == NULL))
        return NULL;
    if (is_added)
        own.mask = mask;
    return attention_checked(q, k, v, &own, error);
}
