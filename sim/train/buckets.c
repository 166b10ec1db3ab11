/* SPDX-License-Identifier: MIT */
#include "sim/train/buckets.h"

/* The bucket that tensors of one dtype are put into now. */
typedef struct {
    GArray *indices; /* owned; NULL while it is empty */
    size_t bytes;
    size_t limit;      /* place in the list of limits */
    size_t first_seen; /* the place of the first tensor of this dtype */
} Open;

static void
unref_indices(void *indices)
{
    g_array_unref(indices);
}

static size_t
least(const GArray *indices)
{
    size_t least_index = g_array_index(indices, size_t, 0);

    for (guint i = 1; i < indices->len; i++)
        least_index = MIN(least_index, g_array_index(indices, size_t, i));
    return least_index;
}

static int
compare_least(gconstpointer a, gconstpointer b)
{
    size_t x = least(*(GArray *const *)a);
    size_t y = least(*(GArray *const *)b);

    return (x > y) - (x < y);
}

static void
close_bucket(Open *open, GPtrArray *buckets, size_t limit_count)
{
    g_ptr_array_add(buckets, g_steal_pointer(&open->indices));
    open->bytes = 0;
    if (open->limit + 1 < limit_count)
        open->limit++;
}

/* Those still open, in the order in which their dtypes came up. */
static void
close_rest(Open *opens, GPtrArray *buckets)
{
    for (;;) {
        Open *next = NULL;

        for (size_t i = 0; i < DDP_DTYPE_COUNT; i++) {
            if (opens[i].indices != NULL &&
                (next == NULL || opens[i].first_seen < next->first_seen))
                next = &opens[i];
        }
        if (next == NULL)
            return;
        g_ptr_array_add(buckets, g_steal_pointer(&next->indices));
    }
}

GPtrArray *
ddp_buckets_assign(const DdpBucketItem *items, size_t count, const size_t *limits,
                   size_t limit_count, const size_t *indices)
{
    GPtrArray *buckets = g_ptr_array_new_with_free_func(unref_indices);
    Open opens[DDP_DTYPE_COUNT] = {{NULL, 0, 0, 0}};
    gboolean seen[DDP_DTYPE_COUNT] = {FALSE};

    g_return_val_if_fail(limit_count > 0, buckets);

    for (size_t i = 0; i < count; i++) {
        Open *open = &opens[items[i].dtype];
        size_t index = indices != NULL ? indices[i] : i;

        if (!seen[items[i].dtype]) {
            seen[items[i].dtype] = TRUE;
            open->first_seen = i;
        }
        if (open->indices == NULL)
            open->indices = g_array_new(FALSE, FALSE, sizeof(size_t));
        g_array_append_val(open->indices, index);
        open->bytes += items[i].bytes;
        if (open->bytes >= limits[open->limit])
            close_bucket(open, buckets, limit_count);
    }
    close_rest(opens, buckets);
    if (indices == NULL)
        g_ptr_array_sort(buckets, compare_least);
    return buckets;
}
