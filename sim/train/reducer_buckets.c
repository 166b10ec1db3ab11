/* SPDX-License-Identifier: MIT */
/* The buckets of a reducer: which gradient lies where, and making them anew. */
#include <string.h>

#include "model/autograd.h"
#include "sim/train/buckets.h"
#include "sim/train/reducer_private.h"

#define REBUILD_NAME "DDP: rebuild buckets"

static void
clear_tensor(DdpTensor **tensor)
{
    if (*tensor != NULL)
        ddp_tensor_unref(*tensor);
    *tensor = NULL;
}

/* ---- memory -------------------------------------------------------------------------- */

/* A view of the parameter's place, with writes counted for it alone. */
static DdpTensor *
view_new(DdpReducerSlot *slot, DdpTensor *buffer, GError **error)
{
    const DdpTensor *parameter = slot->parameter;
    DdpTensor *view =
        ddp_tensor_new(slot->reducer->context, ddp_tensor_dtype(parameter),
                       ddp_tensor_ndim(parameter), ddp_tensor_shape(parameter), error);

    if (view != NULL && !ddp_tensor_rebase(view, buffer, slot->offset, error))
        clear_tensor(&view);
    return view;
}

/* Memory and views for a bucket whose slots are known; the old ones stay with who holds them. */
static bool
bucket_place(DdpReducer *reducer, DdpGradBucket *bucket, GError **error)
{
    const DdpReducerSlot *last = &reducer->slots[bucket->slots[bucket->count - 1]];
    int64_t total = (int64_t)(last->offset + ddp_tensor_numel(last->parameter));

    clear_tensor(&bucket->buffer);
    bucket->buffer =
        ddp_tensor_new(reducer->context, ddp_tensor_dtype(last->parameter), 1, &total, error);
    for (size_t i = 0; bucket->buffer != NULL && i < bucket->count; i++) {
        DdpReducerSlot *slot = &reducer->slots[bucket->slots[i]];

        clear_tensor(&slot->view);
        slot->view = view_new(slot, bucket->buffer, error);
        if (slot->view == NULL)
            return false;
    }
    return bucket->buffer != NULL;
}

static bool
is_held(const DdpReducer *reducer, const DdpGradBucket *bucket)
{
    for (size_t i = 0; i < bucket->count; i++) {
        if (ddp_tensor_is_held(reducer->slots[bucket->slots[i]].view))
            return true;
    }
    return false;
}

bool
ddp_reducer_refresh_buckets(DdpReducer *reducer, GError **error)
{
    for (size_t i = 0; i < reducer->bucket_count; i++) {
        if (is_held(reducer, &reducer->buckets[i]) &&
            !bucket_place(reducer, &reducer->buckets[i], error))
            return false;
    }
    return true;
}

/* ---- buckets ------------------------------------------------------------------------- */

void
ddp_reducer_clear_buckets(DdpReducer *reducer)
{
    for (size_t i = 0; i < reducer->bucket_count; i++) {
        DdpGradBucket *bucket = &reducer->buckets[i];

        if (bucket->work != NULL)
            reducer->ops.drop(reducer->ops.user_data, bucket->work);
        clear_tensor(&bucket->buffer);
        g_free(bucket->slots);
        g_free(bucket->name);
    }
    g_clear_pointer(&reducer->buckets, g_free);
    reducer->bucket_count = 0;
}

static void
bucket_fill(DdpReducer *reducer, DdpGradBucket *bucket, const GArray *indices)
{
    size_t offset = 0;

    bucket->reducer = reducer;
    bucket->index = (size_t)(bucket - reducer->buckets);
    bucket->count = bucket->pending = indices->len;
    bucket->slots = g_memdup2(indices->data, indices->len * sizeof(size_t));
    bucket->name =
        g_strdup_printf("DDP: bucket %zu of %zu gradients", bucket->index, reducer->bucket_count);
    for (size_t i = 0; i < bucket->count; i++) {
        DdpReducerSlot *slot = &reducer->slots[bucket->slots[i]];

        slot->bucket = bucket->index;
        slot->offset = offset;
        offset += ddp_tensor_numel(slot->parameter);
    }
}

/* Gradients that are views of buckets stay that when buckets are made anew, as values. */
static bool
move_gradient(DdpReducerSlot *slot, GError **error)
{
    DdpTensor *gradient = ddp_tensor_grad(slot->parameter);

    if (gradient == NULL)
        return true;
    memcpy(ddp_tensor_data(slot->view), ddp_tensor_data(gradient), ddp_tensor_bytes(gradient));
    return ddp_tensor_set_grad(slot->parameter, slot->view, error);
}

/* @lists: of GArray of size_t, in the order in which buckets are launched. */
static bool
set_buckets(DdpReducer *reducer, const GPtrArray *lists, GError **error)
{
    ddp_reducer_clear_buckets(reducer);
    reducer->buckets = g_new0(DdpGradBucket, lists->len);
    reducer->bucket_count = lists->len;
    reducer->bucket_next = 0;
    for (guint i = 0; i < lists->len; i++) {
        bucket_fill(reducer, &reducer->buckets[i], lists->pdata[i]);
        if (!bucket_place(reducer, &reducer->buckets[i], error))
            return false;
    }
    for (size_t i = 0; reducer->spec.gradient_as_bucket_view && i < reducer->slot_count; i++) {
        if (!move_gradient(&reducer->slots[i], error))
            return false;
    }
    return true;
}

static DdpBucketItem
item_of(const DdpReducer *reducer, size_t index)
{
    const DdpTensor *parameter = reducer->slots[index].parameter;

    return (DdpBucketItem){ddp_tensor_dtype(parameter), ddp_tensor_bytes(parameter)};
}

/* The two limits that hold behind the first pass, or one if the user gave it. */
static size_t
limits_of(const DdpReducer *reducer, size_t limits[2])
{
    bool given = reducer->spec.bucket_cap_bytes != 0;

    limits[0] = given ? reducer->spec.bucket_cap_bytes : DDP_BUCKET_FIRST_BYTES;
    limits[1] = given ? reducer->spec.bucket_cap_bytes : DDP_BUCKET_CAP_BYTES;
    return given ? 1 : 2;
}

static void
reverse(GPtrArray *lists)
{
    for (guint i = 0; i < lists->len / 2; i++) {
        void *list = lists->pdata[i];

        lists->pdata[i] = lists->pdata[lists->len - 1 - i];
        lists->pdata[lists->len - 1 - i] = list;
    }
}

bool
ddp_reducer_first_buckets(DdpReducer *reducer, GError **error)
{
    g_autofree DdpBucketItem *items = g_new(DdpBucketItem, reducer->slot_count);
    size_t limits[2];
    size_t limit_count = limits_of(reducer, limits);

    if (!ddp_reducer_searches(reducer)) {
        limits[0] = SIZE_MAX;
        limit_count = 1;
    }
    for (size_t i = 0; i < reducer->slot_count; i++)
        items[i] = item_of(reducer, i);

    g_autoptr(GPtrArray) lists =
        ddp_buckets_assign(items, reducer->slot_count, limits, limit_count, NULL);

    /* Backward runs from the last layer to the first. */
    reverse(lists);
    return set_buckets(reducer, lists, error);
}

/* ---- anew ---------------------------------------------------------------------------- */

static DdpTensor *
ints_new(const DdpReducer *reducer, size_t count, GError **error)
{
    int64_t shape[1] = {(int64_t)count};

    return ddp_tensor_new(reducer->context, DDP_DTYPE_I32, 1, shape, error);
}

static bool
broadcast(const DdpReducer *reducer, DdpTensor *tensor, GError **error)
{
    return reducer->ops.broadcast(reducer->ops.user_data, tensor, 0, REBUILD_NAME, error);
}

/* All indices in their order, and behind them the number of buckets. */
static void
write_lists(const GPtrArray *lists, DdpTensor *indices, DdpTensor *sizes)
{
    size_t at = 0;

    for (guint i = 0; i < lists->len; i++) {
        const GArray *list = lists->pdata[i];

        for (guint j = 0; j < list->len; j++)
            ddp_tensor_set_i64(indices, at++, (int64_t)g_array_index(list, size_t, j));
        ddp_tensor_set_i64(sizes, i, list->len);
    }
    ddp_tensor_set_i64(indices, at, lists->len);
}

static void
unref_list(void *list)
{
    g_array_unref(list);
}

/* (transfer full): what was broadcast; NULL with @error set if it makes no sense. */
static GPtrArray *
read_lists(const DdpReducer *reducer, const DdpTensor *indices, const DdpTensor *sizes,
           GError **error)
{
    g_autoptr(GPtrArray) lists = g_ptr_array_new_with_free_func(unref_list);
    size_t at = 0;

    for (size_t i = 0; i < ddp_tensor_numel(sizes); i++) {
        GArray *list = g_array_new(FALSE, FALSE, sizeof(size_t));
        int64_t size = ddp_tensor_item_i64(sizes, i);

        g_ptr_array_add(lists, list);
        for (int64_t j = 0; j < size && at < reducer->slot_count; j++) {
            size_t index = (size_t)ddp_tensor_item_i64(indices, at++);

            if (index < reducer->slot_count)
                g_array_append_val(list, index);
        }
        if (size < 1 || list->len != (guint)size)
            break;
    }
    if (lists->len != ddp_tensor_numel(sizes) || at != reducer->slot_count) {
        g_set_error(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_DIFFERS,
                    "rank 0 sent the buckets of another model than rank %d has", reducer->rank);
        return NULL;
    }
    return g_steal_pointer(&lists);
}

/* As Reducer::sync_bucket_indices in torch: rank 0's buckets for everyone, in two broadcasts. */
static GPtrArray *
agree(const DdpReducer *reducer, const GPtrArray *own, GError **error)
{
    g_autoptr(DdpTensor) indices = ints_new(reducer, reducer->slot_count + 1, error);
    g_autoptr(DdpTensor) room = indices != NULL ? ints_new(reducer, own->len, error) : NULL;

    if (room == NULL)
        return NULL;
    write_lists(own, indices, room);
    if (!broadcast(reducer, indices, error))
        return NULL;

    int64_t theirs = ddp_tensor_item_i64(indices, reducer->slot_count);

    if (theirs < 1 || theirs > (int64_t)reducer->slot_count) {
        g_set_error(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_DIFFERS,
                    "rank 0 sent %" G_GINT64_FORMAT " buckets for %zu parameters", theirs,
                    reducer->slot_count);
        return NULL;
    }

    g_autoptr(DdpTensor) sizes = ints_new(reducer, (size_t)theirs, error);

    if (sizes == NULL)
        return NULL;
    memcpy(ddp_tensor_data(sizes), ddp_tensor_data(room),
           MIN(ddp_tensor_bytes(sizes), ddp_tensor_bytes(room)));
    if (!broadcast(reducer, sizes, error))
        return NULL;
    return read_lists(reducer, indices, sizes, error);
}

bool
ddp_reducer_rebuild(DdpReducer *reducer, GError **error)
{
    if (!ddp_reducer_may_rebuild(reducer) || reducer->arrival_count < reducer->slot_count)
        return true;

    g_autofree DdpBucketItem *items = g_new(DdpBucketItem, reducer->slot_count);
    size_t limits[2];
    size_t limit_count = limits_of(reducer, limits);

    for (size_t i = 0; i < reducer->slot_count; i++)
        items[i] = item_of(reducer, reducer->arrival[i]);

    g_autoptr(GPtrArray) own =
        ddp_buckets_assign(items, reducer->slot_count, limits, limit_count, reducer->arrival);
    g_autoptr(GPtrArray) lists = agree(reducer, own, error);

    if (lists == NULL)
        return false;
    reducer->has_rebuilt = true;
    return set_buckets(reducer, lists, error);
}
