/* SPDX-License-Identifier: MIT */
#include "sim/train/sync.h"

#include <string.h>

#include "sim/train/buckets.h"

#define VERIFY_NAME "DDP: verify parameters"
#define SHAPE_WORDS (1 + DDP_TENSOR_DIMS_MAX) /* how many dimensions, and their sizes */

/* ---- verify -------------------------------------------------------------------------- */

static DdpTensor *
words_new(const DdpSyncPlace *place, size_t count, GError **error)
{
    int64_t shape[1] = {(int64_t)count};

    return ddp_tensor_new(place->context, DDP_DTYPE_I64, 1, shape, error);
}

static bool
verify_count(const DdpSyncPlace *place, size_t count, GError **error)
{
    g_autoptr(DdpTensor) own = words_new(place, 1, error);
    g_autoptr(DdpTensor) all = own != NULL ? words_new(place, (size_t)place->size, error) : NULL;

    if (all == NULL)
        return false;
    ddp_tensor_set_i64(own, 0, (int64_t)count);
    if (!place->ops->all_gather(place->ops->user_data, own, all, VERIFY_NAME, error))
        return false;
    for (int rank = 0; rank < place->size; rank++) {
        int64_t theirs = ddp_tensor_item_i64(all, (size_t)rank);

        if (theirs == (int64_t)count)
            continue;
        g_set_error(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_DIFFERS,
                    "DDP expects same model across all ranks, but Rank %d has %zu params, while "
                    "rank %d has inconsistent %" G_GINT64_FORMAT " params.",
                    place->rank, count, rank, theirs);
        return false;
    }
    return true;
}

static bool
shape_equals(const DdpTensor *parameter, const int64_t *words)
{
    int ndim = ddp_tensor_ndim(parameter);

    return words[0] == ndim && (ndim == 0 || memcmp(words + 1, ddp_tensor_shape(parameter),
                                                    (size_t)ndim * sizeof *words) == 0);
}

static bool
verify_shapes(const DdpSyncPlace *place, DdpTensor *const *parameters, size_t count, GError **error)
{
    g_autoptr(DdpTensor) shapes = words_new(place, count * SHAPE_WORDS, error);

    if (shapes == NULL)
        return false;

    int64_t *words = ddp_tensor_data(shapes);

    for (size_t i = 0; i < count; i++) {
        int64_t *shape = words + i * SHAPE_WORDS;
        int ndim = ddp_tensor_ndim(parameters[i]);

        shape[0] = ndim;
        if (ndim > 0)
            memcpy(shape + 1, ddp_tensor_shape(parameters[i]), (size_t)ndim * sizeof *shape);
    }
    if (!place->ops->broadcast(place->ops->user_data, shapes, 0, VERIFY_NAME, error))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (shape_equals(parameters[i], words + i * SHAPE_WORDS))
            continue;

        g_autofree char *found =
            ddp_shape_to_string(ddp_tensor_ndim(parameters[i]), ddp_tensor_shape(parameters[i]));

        g_set_error(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_DIFFERS,
                    "[%d]: params[%zu] in this process with sizes %s appears not to match sizes of "
                    "the same param in process 0.",
                    place->rank, i, found);
        return false;
    }
    return true;
}

bool
ddp_sync_verify(const DdpSyncPlace *place, DdpTensor *const *parameters, size_t count,
                GError **error)
{
    return verify_count(place, count, error) && verify_shapes(place, parameters, count, error);
}

/* ---- broadcast ----------------------------------------------------------------------- */

/* Between the tensors of a chunk and one flat tensor. */
static void
chunk_copy(DdpTensor *const *tensors, const GArray *chunk, DdpTensor *flat, bool into_flat)
{
    char *at = ddp_tensor_data(flat);

    for (guint i = 0; i < chunk->len; i++) {
        DdpTensor *tensor = tensors[g_array_index(chunk, size_t, i)];
        size_t bytes = ddp_tensor_bytes(tensor);

        if (bytes > 0 && into_flat)
            memcpy(at, ddp_tensor_data(tensor), bytes);
        else if (bytes > 0)
            memcpy(ddp_tensor_data(tensor), at, bytes);
        at += bytes;
    }
}

static bool
chunk_broadcast(const DdpSyncPlace *place, int root, DdpTensor *const *tensors, const GArray *chunk,
                const char *name, GError **error)
{
    DdpTensor *first = tensors[g_array_index(chunk, size_t, 0)];
    int64_t total = 0;

    if (chunk->len == 1)
        return place->ops->broadcast(place->ops->user_data, first, root, name, error);
    for (guint i = 0; i < chunk->len; i++)
        total += (int64_t)ddp_tensor_numel(tensors[g_array_index(chunk, size_t, i)]);

    g_autoptr(DdpTensor) flat =
        ddp_tensor_new_uninitialized(place->context, ddp_tensor_dtype(first), 1, &total, error);

    if (flat == NULL)
        return false;
    chunk_copy(tensors, chunk, flat, true);
    if (!place->ops->broadcast(place->ops->user_data, flat, root, name, error))
        return false;
    if (place->rank != root)
        chunk_copy(tensors, chunk, flat, false);
    return true;
}

bool
ddp_sync_broadcast(const DdpSyncPlace *place, int root, DdpTensor *const *tensors, size_t count,
                   const char *name, GError **error)
{
    static const size_t limit = DDP_BROADCAST_CAP_BYTES;
    g_autofree DdpBucketItem *items = g_new0(DdpBucketItem, count);

    for (size_t i = 0; i < count; i++)
        items[i] = (DdpBucketItem){ddp_tensor_dtype(tensors[i]), ddp_tensor_bytes(tensors[i])};

    g_autoptr(GPtrArray) chunks = ddp_buckets_assign(items, count, &limit, 1, NULL);

    for (guint i = 0; i < chunks->len; i++) {
        if (!chunk_broadcast(place, root, tensors, chunks->pdata[i], name, error))
            return false;
    }
    return true;
}
