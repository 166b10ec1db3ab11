/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stddef.h>

#include "base/dtype.h"

G_BEGIN_DECLS

/*
 * Which gradients travel together.
 *
 * Tensors are taken in the given order into an open bucket, one for each dtype. A bucket is closed
 * as soon as it holds at least its limit, so it may hold more. Each dtype goes through the list of
 * limits by itself: its first bucket closes at the first limit, the next one at the second, and
 * all later ones at the last.
 */

#define DDP_BUCKET_FIRST_BYTES ((size_t)1 << 20)    /* torch's kDefaultFirstBucketBytes */
#define DDP_BUCKET_CAP_BYTES ((size_t)25 << 20)     /* bucket_cap_mb's default */
#define DDP_BROADCAST_CAP_BYTES ((size_t)250 << 20) /* of the coalesced broadcasts */

typedef struct {
    DdpDtype dtype;
    size_t bytes;
} DdpBucketItem;

/**
 * ddp_buckets_assign:
 * @limits: @limit_count of them, at least one
 * @indices: (nullable): what the items are called, NULL for their places in @items. Without it the
 *   buckets are sorted by the least index that they hold; with it they stay in the order in which
 *   they were closed, the ones still open at the end behind.
 *
 * Returns: (transfer full): of GArray of size_t, each the indices in a bucket; free with
 *   g_ptr_array_unref()
 */
GPtrArray *ddp_buckets_assign(const DdpBucketItem *items, size_t count, const size_t *limits,
                              size_t limit_count, const size_t *indices);

G_END_DECLS
