/* SPDX-License-Identifier: MIT */
#include "model/data/weighted_order.h"

#include <math.h>

#include "model/data/dataset.h"

static bool
refuse(GError **error, const char *why)
{
    g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_VALUE, "%s", why);
    return false;
}

bool
ddp_weighted_order_check(const double *weights, size_t weight_count, size_t count, bool replacement,
                         GError **error)
{
    double sum = 0;

    if (count == 0)
        return refuse(error, "num_samples should be a positive integer value, but got "
                             "num_samples=0");
    if (!replacement && count > weight_count)
        return refuse(error, "cannot sample n_sample > prob_dist.size(-1) samples without "
                             "replacement");
    for (size_t i = 0; i < weight_count; i++) {
        if (!isfinite(weights[i]))
            return refuse(error, "invalid multinomial distribution (encountering probability "
                                 "entry = infinity or NaN)");
        if (weights[i] < 0)
            return refuse(error,
                          "invalid multinomial distribution (encountering probability entry < 0)");
        sum += weights[i];
    }
    /* Finite weights may still have no finite sum, of which no share can be taken. */
    if (sum > 0 && isfinite(sum))
        return true;
    return refuse(error, sum > 0 ? "invalid multinomial distribution (sum of probabilities is "
                                   "infinite)"
                                 : "invalid multinomial distribution (sum of probabilities <= 0)");
}

/* The first category whose cumulative share is not below @at. */
static int64_t
find(const double *cumulative, size_t count, double at)
{
    size_t left = 0;
    size_t right = count;

    while (left < right) {
        size_t middle = left + (right - left) / 2;

        if (cumulative[middle] < at)
            left = middle + 1;
        else
            right = middle;
    }
    return (int64_t)left;
}

static void
draw_again_and_again(const double *weights, size_t weight_count, size_t count,
                     DdpGenerator *generator, double *cumulative, int64_t *out)
{
    double sum = 0;

    for (size_t i = 0; i < weight_count; i++) {
        sum += weights[i];
        cumulative[i] = sum;
    }
    for (size_t i = 0; i < weight_count; i++)
        cumulative[i] /= sum;
    cumulative[weight_count - 1] = 1;
    for (size_t i = 0; i < count; i++) {
        double at;

        ddp_generator_uniform_f64(generator, &at, 1, 0, 1);
        out[i] = find(cumulative, weight_count, at);
    }
}

/* True if category @a comes after @b: a smaller score, or the same and a later place. */
static bool
is_after(const double *scores, int64_t a, int64_t b)
{
    return scores[a] < scores[b] || (scores[a] == scores[b] && a > b);
}

/* Restores a heap whose top is the last of all, after the entry at @at was replaced. */
static void
sink(const double *scores, int64_t *heap, size_t count, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && is_after(scores, heap[child + 1], heap[child]))
            child++;
        if (!is_after(scores, heap[child], heap[at]))
            return;

        int64_t other = heap[at];

        heap[at] = heap[child];
        heap[child] = other;
    }
}

/* The @count categories of the largest scores, largest first. */
static void
choose(const double *scores, size_t score_count, int64_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (int64_t)i;
    for (size_t i = count / 2; i > 0; i--)
        sink(scores, out, count, i - 1);
    for (size_t i = count; i < score_count; i++) {
        if (is_after(scores, (int64_t)i, out[0]))
            continue;
        out[0] = (int64_t)i;
        sink(scores, out, count, 0);
    }
    for (size_t end = count; end > 1; end--) {
        int64_t last = out[0];

        out[0] = out[end - 1];
        out[end - 1] = last;
        sink(scores, out, end - 1, 0);
    }
}

void
ddp_weighted_order_draw(const double *weights, size_t weight_count, size_t count, bool replacement,
                        DdpGenerator *generator, double *scratch, int64_t *out)
{
    g_return_if_fail(weight_count > 0 && count > 0);

    if (replacement && count > 1) {
        draw_again_and_again(weights, weight_count, count, generator, scratch, out);
        return;
    }
    ddp_generator_uniform_f64(generator, scratch, weight_count, 0, 1);
    for (size_t i = 0; i < weight_count; i++) {
        double waiting = -log1p(-scratch[i]);

        /* A waiting time of zero beats any other, except for what is never drawn. */
        scratch[i] = weights[i] > 0 ? weights[i] / waiting : 0;
    }
    choose(scratch, weight_count, out, count);
}
