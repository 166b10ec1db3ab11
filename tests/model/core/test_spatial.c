/* SPDX-License-Identifier: MIT */
#include "model/ops_conv.h"

#include <math.h>
#include <string.h>

#include "model/autocast.h"
#include "model/autograd.h"
#include "model/ops_attention.h"
#include "model/ops_embedding.h"
#include "model/ops_mask.h"
#include "model/ops_pool.h"
#include "tests/model/core/op_cases.h"

/*
 * Convolutions, pools, embeddings, attention and what chooses elements. Each case is held against
 * torch's figures, against differences, in half precision and over the instruction sets; what those
 * cannot show, the order of sums and what is refused, is tested below.
 */

#define CASE(name, expression)                                                                     \
    static DdpTensor *case_##name(DdpTensor **in, GError **error)                                  \
    {                                                                                              \
        return expression;                                                                         \
    }

/* ---- convolutions -------------------------------------------------------------------- */

typedef struct {
    int64_t stride[2], pad_before[2], pad_after[2], dilation[2], groups;
} Way;

static DdpConvSpec
spec_of(Way way)
{
    DdpConvSpec spec = ddp_conv_spec_default();

    for (int i = 0; i < 2; i++) {
        spec.stride[i] = MAX(way.stride[i], 1);
        spec.pad_before[i] = way.pad_before[i];
        spec.pad_after[i] = MAX(way.pad_after[i], way.pad_before[i]);
        spec.dilation[i] = MAX(way.dilation[i], 1);
    }
    spec.groups = MAX(way.groups, 1);
    return spec;
}

static DdpTensor *
conv(int rank, DdpTensor **in, DdpTensor *bias, Way way, GError **error)
{
    DdpConvSpec spec = spec_of(way);

    return rank == 2 ? ddp_conv2d(in[0], in[1], bias, &spec, error)
                     : ddp_conv1d(in[0], in[1], bias, &spec, error);
}

#define CONV(name, ...) CASE(name, conv(2, in, in[2], (Way){__VA_ARGS__}, error))
#define CONV1(name, ...) CASE(name, conv(1, in, in[2], (Way){__VA_ARGS__}, error))

CASE(conv2d, ddp_conv2d(in[0], in[1], in[2], NULL, error))
CASE(conv2d_nobias, ddp_conv2d(in[0], in[1], NULL, NULL, error))
CONV(conv2d_stride, .stride = {2, 3})
CONV(conv2d_stride_padding, .stride = {2, 2}, .pad_before = {1, 1})
CONV(conv2d_padding, .pad_before = {1, 2})
CONV(conv2d_same_width, .pad_before = {1, 1})
CONV(conv2d_dilation, .dilation = {2, 1}, .pad_before = {2, 0})
CONV(conv2d_dilation_same, .dilation = {3, 2}, .pad_before = {3, 2})
CONV(conv2d_groups, .groups = 2)
CONV(conv2d_depthwise, .groups = 4, .pad_before = {1, 1}, .stride = {2, 2})
CONV(conv2d_same_even, .pad_before = {1, 0}, .pad_after = {2, 1})
CONV(conv2d_stride_2, .stride = {2, 2})
CONV(conv2d_large_stride, .stride = {2, 1}, .pad_before = {2, 0})
CONV(conv2d_beyond, .pad_before = {2, 2})
CONV1(conv1d, .stride = {1, 2}, .pad_before = {0, 1}, .dilation = {1, 2})
CONV1(conv1d_same, .pad_before = {0, 1})
CASE(conv1d_unbatched, conv(1, in, NULL, (Way){.groups = 2}, error))

/* ---- pools --------------------------------------------------------------------------- */

static DdpTensor *
max_pool(DdpTensor *x, int64_t h, int64_t w, int64_t stride_h, int64_t stride_w, int64_t padding,
         int64_t dilation, bool ceil_mode, GError **error)
{
    DdpPoolSpec spec = ddp_pool_spec_default(h, w);

    spec.stride[0] = stride_h;
    spec.stride[1] = stride_w;
    spec.padding[0] = spec.padding[1] = padding;
    spec.dilation[0] = spec.dilation[1] = dilation;
    spec.ceil_mode = ceil_mode;
    return ddp_max_pool2d(x, &spec, error);
}

CASE(max_pool2d, max_pool(in[0], 2, 2, 2, 2, 0, 1, false, error))
CASE(max_pool2d_overlap, max_pool(in[0], 3, 3, 2, 2, 1, 1, false, error))
CASE(max_pool2d_ceil, max_pool(in[0], 2, 4, 2, 3, 0, 1, true, error))
CASE(max_pool2d_dilation, max_pool(in[0], 2, 2, 1, 1, 1, 2, false, error))
CASE(max_pool2d_ties, max_pool(in[0], 2, 3, 1, 1, 0, 1, false, error))

static DdpTensor *
case_avg_pool2d(DdpTensor **in, GError **error)
{
    DdpPoolSpec spec = ddp_pool_spec_default(2, 2);

    return ddp_avg_pool2d(in[0], &spec, error);
}

static DdpTensor *
case_avg_pool2d_overlap(DdpTensor **in, GError **error)
{
    DdpPoolSpec spec = ddp_pool_spec_default(3, 2);

    spec.stride[1] = 1;
    spec.stride[0] = 2;
    spec.padding[0] = spec.padding[1] = 1;
    return ddp_avg_pool2d(in[0], &spec, error);
}

static DdpTensor *
case_avg_pool2d_inside(DdpTensor **in, GError **error)
{
    DdpPoolSpec spec = ddp_pool_spec_default(3, 3);

    spec.stride[0] = spec.stride[1] = 2;
    spec.padding[0] = spec.padding[1] = 1;
    spec.count_include_pad = false;
    return ddp_avg_pool2d(in[0], &spec, error);
}

static DdpTensor *
case_avg_pool2d_ceil(DdpTensor **in, GError **error)
{
    DdpPoolSpec spec = ddp_pool_spec_default(4, 4);

    spec.stride[0] = spec.stride[1] = 3;
    spec.padding[0] = spec.padding[1] = 1;
    spec.ceil_mode = true;
    return ddp_avg_pool2d(in[0], &spec, error);
}

static DdpTensor *
case_avg_pool2d_divisor(DdpTensor **in, GError **error)
{
    DdpPoolSpec spec = ddp_pool_spec_default(2, 2);

    spec.divisor_override = 3;
    return ddp_avg_pool2d(in[0], &spec, error);
}

CASE(adaptive_1, ddp_adaptive_avg_pool2d(in[0], 1, 1, error))
CASE(adaptive_3_2, ddp_adaptive_avg_pool2d(in[0], 3, 2, error))
CASE(adaptive_4_own, ddp_adaptive_avg_pool2d(in[0], 4, -1, error))
CASE(adaptive_larger, ddp_adaptive_avg_pool2d(in[0], 5, 7, error))

/* ---- the others ---------------------------------------------------------------------- */

static DdpTensor *
embedding(DdpTensor **in, int64_t padding_idx, bool scale, GError **error)
{
    DdpEmbeddingSpec spec = {.padding_idx = padding_idx, .scale_grad_by_freq = scale};

    return ddp_embedding(in[0], in[1], &spec, error);
}

CASE(embedding, ddp_embedding(in[0], in[1], NULL, error))
CASE(embedding_padding, embedding(in, 3, false, error))
CASE(embedding_freq, embedding(in, -1, true, error))

CASE(where, ddp_where(in[2], ddp_operand_tensor(in[0]), ddp_operand_tensor(in[1]), error))
CASE(where_number, ddp_where(in[1], ddp_operand_tensor(in[0]), ddp_operand_float(0.5), error))
CASE(masked_fill, ddp_masked_fill(in[0], in[1], ddp_number_float(-1.5), error))
CASE(masked_fill_wider, ddp_masked_fill(in[0], in[1], ddp_number_int(7), error))
CASE(tril, ddp_tril(in[0], 0, error))
CASE(tril_1, ddp_tril(in[0], 1, error))
CASE(triu_1_below, ddp_triu(in[0], -1, error))
CASE(triu_2, ddp_triu(in[0], 2, error))
CASE(permute, ddp_permute(in[0], 4, (const int[]){0, 2, 1, 3}, error))
CASE(permute_turn, ddp_permute(in[0], 3, (const int[]){2, 0, -2}, error))

static DdpTensor *
attend(DdpTensor **in, DdpTensor *mask, double scale, bool is_causal, GError **error)
{
    DdpAttentionSpec spec = {.mask = mask, .scale = scale, .is_causal = is_causal};

    return ddp_scaled_dot_product_attention(in[0], in[1], in[2], &spec, error);
}

CASE(attention, ddp_scaled_dot_product_attention(in[0], in[1], in[2], NULL, error))
CASE(attention_2d, attend(in, NULL, 0.7, false, error))
CASE(attention_causal, attend(in, NULL, 0.0, true, error))
CASE(attention_mask, attend(in, in[3], 0.0, false, error))

static const OpCase cases[] = {
    {"conv2d", case_conv2d, false},
    {"conv2d_nobias", case_conv2d_nobias, false},
    {"conv2d_stride", case_conv2d_stride, false},
    {"conv2d_stride_padding", case_conv2d_stride_padding, false},
    {"conv2d_padding", case_conv2d_padding, false},
    {"conv2d_same_width", case_conv2d_same_width, false},
    {"conv2d_dilation", case_conv2d_dilation, false},
    {"conv2d_dilation_same", case_conv2d_dilation_same, false},
    {"conv2d_groups", case_conv2d_groups, false},
    {"conv2d_depthwise", case_conv2d_depthwise, false},
    {"conv2d_same_even", case_conv2d_same_even, false},
    {"conv2d_unbatched", case_conv2d_same_width, false},
    {"conv2d_pointwise", case_conv2d, false},
    {"conv2d_pointwise_stride", case_conv2d_stride_2, false},
    {"conv2d_many", case_conv2d_same_width, false},
    {"conv2d_large", case_conv2d_same_width, false},
    {"conv2d_large_stride", case_conv2d_large_stride, false},
    {"conv2d_beyond", case_conv2d_beyond, false},
    {"conv1d", case_conv1d, false},
    {"conv1d_same", case_conv1d_same, false},
    {"conv1d_unbatched", case_conv1d_unbatched, false},
    {"max_pool2d", case_max_pool2d, false},
    {"max_pool2d_overlap", case_max_pool2d_overlap, false},
    {"max_pool2d_ceil", case_max_pool2d_ceil, false},
    {"max_pool2d_dilation", case_max_pool2d_dilation, false},
    {"max_pool2d_ties", case_max_pool2d_ties, true},
    {"max_pool2d_unbatched", case_max_pool2d, false},
    {"avg_pool2d", case_avg_pool2d, false},
    {"avg_pool2d_overlap", case_avg_pool2d_overlap, false},
    {"avg_pool2d_inside", case_avg_pool2d_inside, false},
    {"avg_pool2d_ceil", case_avg_pool2d_ceil, false},
    {"avg_pool2d_divisor", case_avg_pool2d_divisor, false},
    {"adaptive_1", case_adaptive_1, false},
    {"adaptive_3_2", case_adaptive_3_2, false},
    {"adaptive_4_own", case_adaptive_4_own, false},
    {"adaptive_larger", case_adaptive_larger, false},
    {"embedding", case_embedding, false},
    {"embedding_padding", case_embedding_padding, true},
    {"embedding_int32", case_embedding, false},
    {"embedding_freq", case_embedding_freq, true},
    {"where", case_where, false},
    {"where_number", case_where_number, false},
    {"masked_fill", case_masked_fill, false},
    {"masked_fill_wider", case_masked_fill_wider, false},
    {"tril", case_tril, false},
    {"tril_1", case_tril_1, false},
    {"triu_-1", case_triu_1_below, false},
    {"triu_2", case_triu_2, false},
    {"permute", case_permute, false},
    {"permute_turn", case_permute_turn, false},
    {"attention", case_attention, false},
    {"attention_2d", case_attention_2d, false},
    {"attention_causal", case_attention_causal, false},
    {"attention_mask", case_attention_mask, false},
    {"attention_bias", case_attention_mask, false},
};

static void
setup(void)
{
    op_cases_open("torch_spatial.txt");
}

static void
teardown(void)
{
    op_cases_close();
}

START_TEST(test_results_and_gradients_are_torchs)
{
    op_case_check_recorded(&cases[_i], 5e-6, 5e-6);
}
END_TEST

START_TEST(test_gradients_are_limits_of_differences)
{
    op_case_check_differences(&cases[_i]);
}
END_TEST

START_TEST(test_float16_follows_float32)
{
    op_case_check_half(&cases[_i], DDP_DTYPE_F16, 0x1p-9);
}
END_TEST

START_TEST(test_bfloat16_follows_float32)
{
    op_case_check_half(&cases[_i], DDP_DTYPE_BF16, 0x1p-6);
}
END_TEST

START_TEST(test_every_instruction_set_gives_the_same_bits)
{
    op_case_check_paths(&cases[_i]);
}
END_TEST

/* ---- the order of sums --------------------------------------------------------------- */

static DdpTensor *
drawn(int ndim, const int64_t *shape)
{
    DdpTensor *tensor = ddp_randn(op_cases_context(), NULL, DDP_DTYPE_F32, ndim, shape, NULL);

    ck_assert_ptr_nonnull(tensor);
    ck_assert(ddp_tensor_set_requires_grad(tensor, true, NULL));
    return tensor;
}

/* A convolution of plain loops: batch, channels, size, kernel; padding 1, stride s. */
typedef struct {
    int64_t n, in, out, h, w, kernel, stride;
} Plain;

static const Plain plains[] = {
    {3, 2, 4, 6, 5, 3, 1},
    {70, 1, 2, 4, 4, 3, 1},
    {2, 3, 2, 40, 37, 3, 1},
    {5, 2, 3, 9, 8, 3, 2},
};

/* What @x holds at a place of the padded image. */
static float
padded_at(const Plain *p, const float *x, int64_t n, int64_t c, int64_t y, int64_t column)
{
    if (y < 1 || column < 1 || y > p->h || column > p->w)
        return 0.0f;
    return x[((n * p->in + c) * p->h + y - 1) * p->w + column - 1];
}

static float
chain_of(const Plain *p, const float *x, const float *weight, float bias, int64_t n, int64_t o,
         int64_t row, int64_t column)
{
    float sum = bias;

    for (int64_t c = 0; c < p->in; c++) {
        for (int64_t k = 0; k < p->kernel * p->kernel; k++)
            sum = fmaf(weight[(o * p->in + c) * p->kernel * p->kernel + k],
                       padded_at(p, x, n, c, row * p->stride + k / p->kernel,
                                 column * p->stride + k % p->kernel),
                       sum);
    }
    return sum;
}

START_TEST(test_an_output_is_one_chain_from_the_bias)
{
    const Plain *p = &plains[_i];
    g_autoptr(DdpTensor) x = drawn(4, (int64_t[]){p->n, p->in, p->h, p->w});
    g_autoptr(DdpTensor) weight = drawn(4, (int64_t[]){p->out, p->in, p->kernel, p->kernel});
    g_autoptr(DdpTensor) bias = drawn(1, &p->out);
    DdpConvSpec spec = spec_of((Way){.stride = {p->stride, p->stride}, .pad_before = {1, 1}});
    g_autoptr(DdpTensor) y = ddp_conv2d(x, weight, bias, &spec, NULL);
    const int64_t *shape = ddp_tensor_shape(y);
    const float *got = ddp_tensor_data(y);

    for (int64_t n = 0; n < shape[0]; n++) {
        for (int64_t o = 0; o < shape[1]; o++) {
            for (int64_t i = 0; i < shape[2] * shape[3]; i++) {
                float expected =
                    chain_of(p, ddp_tensor_data(x), ddp_tensor_data(weight),
                             ((float *)ddp_tensor_data(bias))[o], n, o, i / shape[3], i % shape[3]);

                ck_assert_msg(*got == expected, "%d: %.9g, expected %.9g", (int)i, (double)*got,
                              (double)expected);
                got++;
            }
        }
    }
}
END_TEST

/* With one image of few positions there is one block: a chain over them. */
START_TEST(test_a_weights_gradient_is_a_chain_over_the_positions_of_a_block)
{
    g_autoptr(DdpTensor) x = drawn(4, (int64_t[]){2, 1, 5, 6});
    g_autoptr(DdpTensor) weight = drawn(4, (int64_t[]){1, 1, 2, 2});
    g_autoptr(DdpTensor) y = ddp_conv2d(x, weight, NULL, NULL, NULL);
    g_autoptr(DdpTensor) grad = drawn(4, ddp_tensor_shape(y));
    const float *image = ddp_tensor_data(x);
    const float *g = ddp_tensor_data(grad);

    ck_assert(ddp_tensor_backward_from(y, grad, false, NULL));
    for (int k = 0; k < 4; k++) {
        float sum = 0.0f;

        for (int n = 0; n < 2; n++) {
            for (int i = 0; i < 20; i++)
                sum = fmaf(g[n * 20 + i], image[n * 30 + (i / 5 + k / 2) * 6 + i % 5 + k % 2], sum);
        }
        ck_assert(((float *)ddp_tensor_data(ddp_tensor_grad(weight)))[k] == sum);
    }
}
END_TEST

START_TEST(test_rows_of_a_table_are_added_in_the_order_of_the_index)
{
    static const int64_t index[] = {1, 0, 1, 1, 2, 1};
    int64_t count = G_N_ELEMENTS(index);
    g_autoptr(DdpTensor) weight = drawn(2, (int64_t[]){3, 1});
    g_autoptr(DdpTensor) places =
        ddp_tensor_new_from(op_cases_context(), DDP_DTYPE_I64, 1, &count, index, NULL);
    g_autoptr(DdpTensor) y = ddp_embedding(weight, places, NULL, NULL);
    static const float grads[] = {1e8f, 1.0f, 3.0f, -1e8f, 1.0f, 0.5f};
    g_autoptr(DdpTensor) grad =
        ddp_tensor_new_from(op_cases_context(), DDP_DTYPE_F32, 2, ddp_tensor_shape(y), grads, NULL);

    ck_assert(ddp_tensor_backward_from(y, grad, false, NULL));
    ck_assert(ddp_tensor_item_f64(ddp_tensor_grad(weight), 1) ==
              (double)(((1e8f + 3.0f) + -1e8f) + 0.5f));
}
END_TEST

/* ---- what has no number -------------------------------------------------------------- */

START_TEST(test_nan_is_the_greatest_of_a_window)
{
    static const float values[] = {1.0f, NAN, 7.0f, 2.0f};
    g_autoptr(DdpTensor) x = ddp_tensor_new_from(op_cases_context(), DDP_DTYPE_F32, 3,
                                                 (int64_t[]){1, 2, 2}, values, NULL);
    DdpPoolSpec spec = ddp_pool_spec_default(2, 2);

    ck_assert(ddp_tensor_set_requires_grad(x, true, NULL));

    g_autoptr(DdpTensor) y = ddp_max_pool2d(x, &spec, NULL);

    ck_assert(isnan(ddp_tensor_item_f64(y, 0)));
    ck_assert(ddp_tensor_backward_from(y, NULL, false, NULL));
    ck_assert(ddp_tensor_item_f64(ddp_tensor_grad(x), 1) == 1.0);
}
END_TEST

START_TEST(test_a_row_shut_out_altogether_gets_zeros_and_gives_none)
{
    DdpModelContext *context = op_cases_context();
    g_autoptr(DdpTensor) q = drawn(2, (int64_t[]){2, 3});
    g_autoptr(DdpTensor) k = drawn(2, (int64_t[]){2, 3});
    g_autoptr(DdpTensor) v = drawn(2, (int64_t[]){2, 3});
    g_autoptr(DdpTensor) mask = ddp_tensor_new(context, DDP_DTYPE_BOOL, 2, (int64_t[]){2, 2}, NULL);
    DdpAttentionSpec spec = {.mask = mask};
    g_autoptr(DdpTensor) y = ddp_scaled_dot_product_attention(q, k, v, &spec, NULL);
    g_autoptr(DdpTensor) sum = ddp_sum(y, NULL);

    ck_assert(ddp_tensor_backward(sum, NULL));
    for (size_t i = 0; i < 6; i++) {
        ck_assert(ddp_tensor_item_f64(y, i) == 0.0);
        ck_assert(ddp_tensor_item_f64(ddp_tensor_grad(q), i) == 0.0);
        ck_assert(ddp_tensor_item_f64(ddp_tensor_grad(v), i) == 0.0);
    }
}
END_TEST

/* Factors are drawn once: where a weight was dropped, no gradient comes back through it. */
START_TEST(test_dropout_of_attention_is_the_same_in_both_directions)
{
    DdpModelContext *context = op_cases_context();
    g_autoptr(DdpTensor) q = drawn(2, (int64_t[]){6, 3});
    g_autoptr(DdpTensor) k = drawn(2, (int64_t[]){6, 3});
    g_autoptr(DdpTensor) eye = ddp_tensor_new(context, DDP_DTYPE_F32, 2, (int64_t[]){6, 6}, NULL);
    DdpAttentionSpec spec = {.dropout_p = 0.5};

    for (size_t i = 0; i < 6; i++)
        ddp_tensor_set_f64(eye, i * 7, 1.0);
    ck_assert(ddp_tensor_set_requires_grad(eye, true, NULL));

    g_autoptr(DdpTensor) whole = ddp_scaled_dot_product_attention(q, k, eye, NULL, NULL);
    g_autoptr(DdpTensor) y = ddp_scaled_dot_product_attention(q, k, eye, &spec, NULL);
    g_autoptr(DdpTensor) sum = ddp_sum(y, NULL);
    int dropped = 0;

    ck_assert(ddp_tensor_backward(sum, NULL));
    for (size_t j = 0; j < 6; j++) {
        double column = 0.0;

        for (size_t i = 0; i < 6; i++) {
            double weight = ddp_tensor_item_f64(y, i * 6 + j);

            ck_assert(weight == 0.0 ||
                      fabs(weight - 2.0 * ddp_tensor_item_f64(whole, i * 6 + j)) < 1e-6);
            dropped += weight == 0.0;
            column += weight;
        }
        /* With a sum as the loss each row of the value gets the weights of its column. */
        ck_assert(fabs(ddp_tensor_item_f64(ddp_tensor_grad(eye), j * 6) - column) < 1e-5);
    }
    ck_assert_int_gt(dropped, 0);
    ck_assert_int_lt(dropped, 36);
}
END_TEST

/* ---- mixed precision ----------------------------------------------------------------- */

/* Products are of the 16-bit list; a float32 parameter gets a float32 gradient. */
START_TEST(test_autocast_takes_products_in_sixteen_bits)
{
    DdpModelContext *context = op_cases_context();
    g_autoptr(DdpTensor) x = drawn(4, (int64_t[]){2, 1, 6, 4});
    g_autoptr(DdpTensor) weight = drawn(4, (int64_t[]){3, 1, 3, 3});
    g_autoptr(DdpTensor) bias = drawn(1, (int64_t[]){3});
    DdpAutocast mode = {.enabled = true, .dtype = DDP_DTYPE_BF16};
    DdpAutocast around = ddp_autocast_enter(context, mode);
    g_autoptr(DdpTensor) y = ddp_conv2d(x, weight, bias, NULL, NULL);
    g_autoptr(DdpTensor) z = ddp_scaled_dot_product_attention(y, y, y, NULL, NULL);

    ddp_autocast_leave(context, around);
    ck_assert_int_eq(ddp_tensor_dtype(y), DDP_DTYPE_BF16);
    ck_assert_int_eq(ddp_tensor_dtype(z), DDP_DTYPE_BF16);
    ck_assert(ddp_tensor_backward_from(z, z, false, NULL));
    ck_assert_int_eq(ddp_tensor_dtype(ddp_tensor_grad(weight)), DDP_DTYPE_F32);
    ck_assert_int_eq(ddp_tensor_dtype(ddp_tensor_grad(bias)), DDP_DTYPE_F32);
}
END_TEST

/* ---- empty --------------------------------------------------------------------------- */

START_TEST(test_a_batch_of_none_gives_none_and_zero_gradients)
{
    g_autoptr(DdpTensor) x = drawn(4, (int64_t[]){0, 2, 5, 5});
    g_autoptr(DdpTensor) weight = drawn(4, (int64_t[]){3, 2, 3, 3});
    g_autoptr(DdpTensor) bias = drawn(1, (int64_t[]){3});
    DdpPoolSpec spec = ddp_pool_spec_default(2, 2);
    g_autoptr(DdpTensor) y = ddp_conv2d(x, weight, bias, NULL, NULL);
    g_autoptr(DdpTensor) pooled = ddp_max_pool2d(y, &spec, NULL);
    g_autoptr(DdpTensor) mean = ddp_avg_pool2d(y, &spec, NULL);
    g_autoptr(DdpTensor) both = ddp_add(pooled, mean, NULL);
    g_autoptr(DdpTensor) sum = ddp_sum(both, NULL);

    ck_assert_ptr_nonnull(sum);
    ck_assert(ddp_tensor_backward(sum, NULL));
    for (size_t i = 0; i < 54; i++)
        ck_assert(ddp_tensor_item_f64(ddp_tensor_grad(weight), i) == 0.0);
    ck_assert(ddp_tensor_item_f64(ddp_tensor_grad(bias), 2) == 0.0);
}
END_TEST

/* ---- limits -------------------------------------------------------------------------- */

/* Scratch is bounded: columns of the whole image would need nine times its memory. */
START_TEST(test_a_convolution_needs_little_beside_its_tensors)
{
    const size_t image = (size_t)4 * 256 * 256 * 4;
    DdpModelContext *context = ddp_model_context_new(NULL, 0, 5 * image, 0);
    DdpTensor *x = ddp_tensor_new(context, DDP_DTYPE_F32, 4, (int64_t[]){1, 4, 256, 256}, NULL);
    DdpTensor *weight = ddp_tensor_new(context, DDP_DTYPE_F32, 4, (int64_t[]){4, 4, 3, 3}, NULL);
    DdpConvSpec spec = spec_of((Way){.pad_before = {1, 1}});
    GError *error = NULL;

    ck_assert(ddp_tensor_set_requires_grad(x, true, NULL));
    ck_assert(ddp_tensor_set_requires_grad(weight, true, NULL));

    DdpTensor *y = ddp_conv2d(x, weight, NULL, &spec, &error);

    ck_assert_no_error(error);
    ck_assert(ddp_tensor_backward_from(y, y, false, &error));
    ck_assert_no_error(error);
    ddp_tensor_unref(y);
    ddp_tensor_unref(weight);
    ddp_tensor_unref(x);
    ddp_model_context_free(context);
}
END_TEST

static const struct {
    Way way;
    int64_t x[5], weight[5]; /* the first number: how many follow */
    const char *message;
} refused[] = {
    {{.groups = 1},
     {4, 1, 3, 5, 5},
     {4, 2, 4, 3, 3},
     "Given groups=1, weight of size [2, 4, 3, 3], expected input[1, 3, 5, 5] to have 4 channels, "
     "but got 3 channels instead"},
    {{.groups = 2},
     {4, 1, 4, 5, 5},
     {4, 3, 2, 3, 3},
     "Given groups=2, expected weight to be divisible by 2 at dimension 0"},
    {{.groups = 1},
     {4, 1, 3, 2, 2},
     {4, 2, 3, 3, 3},
     "Calculated padded input size per channel: (2 x 2). Kernel size: (3 x 3). Kernel size can't "
     "be greater than actual input size"},
    {{.groups = 1},
     {2, 3, 2},
     {4, 2, 3, 3, 3},
     "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [3, 2]"},
    {{.pad_before = {-1, 0}},
     {4, 1, 1, 5, 5},
     {4, 1, 1, 3, 3},
     "negative padding is not supported"},
    {{.pad_before = {INT64_C(1) << 40, 0}},
     {4, 1, 1, 5, 5},
     {4, 1, 1, 3, 3},
     "strides, paddings and dilations of a convolution are below 2^31"},
    {{.pad_before = {INT32_MAX, INT32_MAX}}, {4, 1, 1, 5, 5}, {4, 1, 1, 3, 3}, ""},
};

START_TEST(test_what_does_not_fit_is_refused)
{
    DdpModelContext *context = ddp_model_context_new(NULL, (size_t)1 << 30, 0, 0);
    DdpTensor *x =
        ddp_tensor_new(context, DDP_DTYPE_F32, (int)refused[_i].x[0], refused[_i].x + 1, NULL);
    DdpTensor *weight = ddp_tensor_new(context, DDP_DTYPE_F32, (int)refused[_i].weight[0],
                                       refused[_i].weight + 1, NULL);
    DdpConvSpec spec = spec_of(refused[_i].way);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_conv2d(x, weight, NULL, &spec, &error));
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(g_str_has_prefix(error->message, refused[_i].message), "found: %s",
                  error->message);
    ddp_tensor_unref(weight);
    ddp_tensor_unref(x);
    ddp_model_context_free(context);
}
END_TEST

START_TEST(test_rows_that_are_not_in_the_table_are_refused)
{
    static const int64_t beside[] = {5, -1};

    for (size_t i = 0; i < G_N_ELEMENTS(beside); i++) {
        g_autoptr(DdpTensor) weight = drawn(2, (int64_t[]){5, 2});
        g_autoptr(DdpTensor) index = ddp_tensor_new_number(op_cases_context(), DDP_DTYPE_I64,
                                                           ddp_number_int(beside[i]), NULL);
        g_autoptr(GError) error = NULL;

        ck_assert_ptr_null(ddp_embedding(weight, index, NULL, &error));
        ck_assert(g_error_matches(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX));
        ck_assert(g_str_has_prefix(error->message, "index out of range in self"));
    }
}
END_TEST

/* ---- work ---------------------------------------------------------------------------- */

static uint64_t
flops_of(DdpTensor *y)
{
    DdpModelContext *context = op_cases_context();
    uint64_t before = ddp_model_context_flops(context);

    ck_assert(ddp_tensor_backward_from(y, y, false, NULL));
    return ddp_model_context_flops(context) - before;
}

/* 2 for each multiply-add, of each of three products; one for each bias that is added. */
START_TEST(test_a_convolution_counts_its_products)
{
    g_autoptr(DdpTensor) x = drawn(4, (int64_t[]){5, 4, 7, 6});
    g_autoptr(DdpTensor) weight = drawn(4, (int64_t[]){6, 2, 3, 3});
    g_autoptr(DdpTensor) bias = drawn(1, (int64_t[]){6});
    DdpConvSpec spec = spec_of((Way){.groups = 2, .pad_before = {1, 1}});
    uint64_t before = ddp_model_context_flops(op_cases_context());
    g_autoptr(DdpTensor) y = ddp_conv2d(x, weight, bias, &spec, NULL);
    const uint64_t product = 2 * 5 * 6 * 42 * (2 * 9);
    const uint64_t outputs = 5 * 6 * 42;

    ck_assert_uint_eq(ddp_model_context_flops(op_cases_context()) - before, product + outputs);
    ck_assert_uint_eq(flops_of(y), 2 * product + outputs);
}
END_TEST

START_TEST(test_a_mean_counts_what_its_windows_read)
{
    g_autoptr(DdpTensor) x = drawn(3, (int64_t[]){2, 5, 5});
    DdpPoolSpec spec = ddp_pool_spec_default(3, 3);

    spec.stride[0] = spec.stride[1] = 2;
    spec.padding[0] = spec.padding[1] = 1;

    uint64_t before = ddp_model_context_flops(op_cases_context());
    g_autoptr(DdpTensor) y = ddp_avg_pool2d(x, &spec, NULL);
    /* Along each dimension windows of 2, 3 and 2; a division for each of 9 results. */
    const uint64_t work = 2 * (7 * 7 + 9);

    ck_assert_uint_eq(ddp_model_context_flops(op_cases_context()) - before, work);
    ck_assert_uint_eq(flops_of(y), work);
}
END_TEST

int
main(void)
{
    const int count = (int)G_N_ELEMENTS(cases);
    Suite *suite = suite_create("spatial");
    TCase *each = tcase_create("cases");
    TCase *others = tcase_create("others");

    tcase_add_checked_fixture(each, setup, teardown);
    tcase_set_timeout(each, 60);
    tcase_add_loop_test(each, test_results_and_gradients_are_torchs, 0, count);
    tcase_add_loop_test(each, test_gradients_are_limits_of_differences, 0, count);
    tcase_add_loop_test(each, test_float16_follows_float32, 0, count);
    tcase_add_loop_test(each, test_bfloat16_follows_float32, 0, count);
    tcase_add_loop_test(each, test_every_instruction_set_gives_the_same_bits, 0, count);
    suite_add_tcase(suite, each);

    tcase_add_checked_fixture(others, setup, teardown);
    tcase_add_loop_test(others, test_an_output_is_one_chain_from_the_bias, 0,
                        (int)G_N_ELEMENTS(plains));
    tcase_add_test(others, test_a_weights_gradient_is_a_chain_over_the_positions_of_a_block);
    tcase_add_test(others, test_rows_of_a_table_are_added_in_the_order_of_the_index);
    tcase_add_test(others, test_nan_is_the_greatest_of_a_window);
    tcase_add_test(others, test_a_row_shut_out_altogether_gets_zeros_and_gives_none);
    tcase_add_test(others, test_dropout_of_attention_is_the_same_in_both_directions);
    tcase_add_test(others, test_autocast_takes_products_in_sixteen_bits);
    tcase_add_test(others, test_a_batch_of_none_gives_none_and_zero_gradients);
    tcase_add_test(others, test_a_convolution_needs_little_beside_its_tensors);
    tcase_add_loop_test(others, test_what_does_not_fit_is_refused, 0, (int)G_N_ELEMENTS(refused));
    tcase_add_test(others, test_rows_that_are_not_in_the_table_are_refused);
    tcase_add_test(others, test_a_convolution_counts_its_products);
    tcase_add_test(others, test_a_mean_counts_what_its_windows_read);
    suite_add_tcase(suite, others);
    return ddp_test_main(suite);
}
