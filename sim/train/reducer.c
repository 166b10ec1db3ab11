/* SPDX-License-Identifier: MIT */
#include "sim/train/reducer.h"

#include <string.h>

#include "model/autograd.h"
#include "model/ops.h"
#include "sim/train/reducer_private.h"

#define USED_NAME "DDP: parameters that some rank used"

/* static_graph learns in the first pass how often each hook runs. */
static bool
learns_graph(const DdpReducer *reducer)
{
    return reducer->spec.static_graph && reducer->iteration == 1;
}

/* ---- into the bucket ----------------------------------------------------------------- */

static void
scale_f32(float *to, const float *from, size_t count, float factor)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from[i] * factor;
}

static void
scale_f64(double *to, const double *from, size_t count, double factor)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from[i] * factor;
}

/* @view = @gradient · fl(1/divisor); the 16-bit types compute in float32 and round once. */
static bool
copy_scaled(DdpTensor *view, DdpTensor *gradient, int divisor, GError **error)
{
    size_t count = ddp_tensor_numel(view);
    double factor = 1.0 / divisor;

    switch (ddp_tensor_dtype(view)) {
    case DDP_DTYPE_F32:
        scale_f32(ddp_tensor_data(view), ddp_tensor_data(gradient), count, (float)factor);
        return true;
    case DDP_DTYPE_F64:
        scale_f64(ddp_tensor_data(view), ddp_tensor_data(gradient), count, factor);
        return true;
    default:
        return ddp_copy_(view, gradient, error) &&
               ddp_binary_(DDP_BINARY_MUL, view, ddp_operand_float(factor), error);
    }
}

/* How many ranks a gradient is divided by; known when the first of a pass is ready. */
static bool
find_divisor(DdpReducer *reducer, GError **error)
{
    if (reducer->divisor != 0)
        return true;
    reducer->divisor = reducer->size;
    if (!reducer->joins || reducer->join.divide_by_initial_world_size)
        return true;
    return ddp_join_active(reducer, &reducer->divisor, error);
}

/* As mark_variable_ready_dense in torch: an aliasing gradient is divided where it lies. */
static bool
take_gradient(DdpReducer *reducer, DdpReducerSlot *slot, GError **error)
{
    DdpTensor *gradient = ddp_tensor_grad(slot->parameter);
    DdpTensor *view = slot->view;

    if (gradient == NULL) {
        if (ddp_tensor_bytes(view) > 0)
            memset(ddp_tensor_data(view), 0, ddp_tensor_bytes(view));
        return true;
    }
    if (gradient == view)
        return reducer->has_hook ||
               ddp_binary_(DDP_BINARY_DIV, view, ddp_operand_float(reducer->divisor), error);
    if (reducer->has_hook)
        memcpy(ddp_tensor_data(view), ddp_tensor_data(gradient), ddp_tensor_bytes(view));
    else if (!copy_scaled(view, gradient, reducer->divisor, error))
        return false;
    return !reducer->spec.gradient_as_bucket_view ||
           ddp_tensor_set_grad(slot->parameter, view, error);
}

/* ---- launching ----------------------------------------------------------------------- */

/*
 * The last bucket is full when the backward pass is about to end, where it would be waited for at
 * once: its all_reduce is left to finish(), which needs no copy of the bucket.
 */
static bool
launch(DdpReducer *reducer, DdpGradBucket *bucket, GError **error)
{
    void *user_data = reducer->ops.user_data;

    bucket->launched = true;
    if (reducer->has_hook)
        return reducer->hook.launch(reducer->hook.user_data, bucket, error);
    if (ddp_grad_bucket_is_last(bucket))
        return true;
    if (reducer->ops.begin == NULL)
        return reducer->ops.all_reduce(user_data, bucket->buffer, DDP_REDUCE_SUM, bucket->name,
                                       error);
    bucket->work = reducer->ops.begin(user_data, bucket->buffer, bucket->name, error);
    return bucket->work != NULL;
}

/* Launches what is full, strictly in the order of buckets. */
static bool
launch_full(DdpReducer *reducer, GError **error)
{
    while (reducer->bucket_next < reducer->bucket_count &&
           reducer->buckets[reducer->bucket_next].pending == 0) {
        if (!launch(reducer, &reducer->buckets[reducer->bucket_next++], error))
            return false;
    }
    return true;
}

static bool
mark_ready(DdpReducer *reducer, DdpReducerSlot *slot, GError **error)
{
    DdpGradBucket *bucket = &reducer->buckets[slot->bucket];

    if (slot->ready)
        return ddp_reducer_fail_twice(reducer, slot, error);
    if (!reducer->started) {
        reducer->started = true;
        if (!reducer->spec.gradient_as_bucket_view && !ddp_reducer_refresh_buckets(reducer, error))
            return false;
        if (!find_divisor(reducer, error))
            return false;
    }
    slot->ready = true;
    reducer->unfinished = true;
    if (!take_gradient(reducer, slot, error))
        return false;
    if (--bucket->pending > 0)
        return true;
    return launch_full(reducer, error);
}

static bool
mark_all_ready(DdpReducer *reducer, GError **error)
{
    for (size_t i = 0; i < reducer->slot_count; i++) {
        if (!reducer->slots[i].ready && !mark_ready(reducer, &reducer->slots[i], error))
            return false;
    }
    return true;
}

/* Parameters that cannot get a gradient in this pass. */
static bool
mark_unused(DdpReducer *reducer, GError **error)
{
    bool searches = ddp_reducer_searches(reducer);

    if (reducer->marked_unused || !(searches || reducer->spec.static_graph))
        return true;
    reducer->marked_unused = true;
    for (size_t i = 0; i < reducer->slot_count; i++) {
        DdpReducerSlot *slot = &reducer->slots[i];
        bool used = searches ? slot->reached : slot->fired > 0;

        if (!used && !mark_ready(reducer, slot, error))
            return false;
    }
    return true;
}

/* ---- the end of a pass --------------------------------------------------------------- */

static bool
share_used(DdpReducer *reducer, GError **error)
{
    memcpy(ddp_tensor_data(reducer->used_sum), ddp_tensor_data(reducer->used),
           ddp_tensor_bytes(reducer->used));
    return reducer->ops.all_reduce(reducer->ops.user_data, reducer->used_sum, DDP_REDUCE_SUM,
                                   USED_NAME, error);
}

static bool
await(DdpReducer *reducer, DdpGradBucket *bucket, GError **error)
{
    void *work = g_steal_pointer(&bucket->work);

    if (reducer->has_hook)
        return reducer->hook.finish(reducer->hook.user_data, bucket, error);
    return work == NULL || reducer->ops.wait(reducer->ops.user_data, work, error);
}

/* The average of a pass becomes `grad`; one that somebody holds gets it as values. */
static bool
hand_back(DdpReducer *reducer, DdpReducerSlot *slot, GError **error)
{
    DdpTensor *gradient = ddp_tensor_grad(slot->parameter);

    if (gradient == slot->view)
        return true;
    if (gradient != NULL && reducer->spec.gradient_as_bucket_view) {
        g_set_error(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_FAILED,
                    "the gradient of parameter %zu is not the expected bucket view with "
                    "gradient_as_bucket_view = true: do not replace `grad` during backward",
                    (size_t)(slot - reducer->slots));
        return false;
    }
    if (gradient == NULL || !ddp_tensor_is_held(gradient))
        return ddp_tensor_set_grad(slot->parameter, slot->view, error);
    memcpy(ddp_tensor_data(gradient), ddp_tensor_data(slot->view), ddp_tensor_bytes(gradient));
    ddp_tensor_mark_written(gradient);
    return true;
}

/* A parameter that no rank used keeps the gradient that it had. */
static bool
is_unused_by_all(const DdpReducer *reducer, size_t index)
{
    return reducer->used_sum != NULL && ddp_tensor_item_i64(reducer->used_sum, index) == 0 &&
           ddp_tensor_item_i64(reducer->used, index) == 0;
}

static void
note_static_arrival(DdpReducer *reducer)
{
    if (!reducer->spec.static_graph || !ddp_reducer_may_rebuild(reducer))
        return;
    for (size_t i = 0; i < reducer->slot_count; i++) {
        if (reducer->slots[i].fired == 0 && reducer->arrival_count < reducer->slot_count)
            reducer->arrival[reducer->arrival_count++] = i;
    }
}

static bool
finish(DdpReducer *reducer, GError **error)
{
    DdpGradBucket *last = &reducer->buckets[reducer->bucket_count - 1];

    reducer->expects = reducer->unfinished = false;
    reducer->divisor = 0;
    if (!reducer->has_hook && !reducer->ops.all_reduce(reducer->ops.user_data, last->buffer,
                                                       DDP_REDUCE_SUM, last->name, error))
        return false;
    if (ddp_reducer_searches(reducer) && !share_used(reducer, error))
        return false;
    for (size_t i = 0; i < reducer->bucket_count; i++) {
        if (!await(reducer, &reducer->buckets[i], error))
            return false;
    }
    if (!ddp_join_settle(reducer, error))
        return false;
    for (size_t i = 0; i < reducer->slot_count; i++) {
        if (!is_unused_by_all(reducer, i) && !hand_back(reducer, &reducer->slots[i], error))
            return false;
    }
    if (ddp_reducer_searches(reducer))
        memset(ddp_tensor_data(reducer->used), 0, ddp_tensor_bytes(reducer->used));
    return true;
}

/* As torch, whose hooks run there too and only see whether `grad` is there at all. */
static void
note_old_gradients(DdpReducer *reducer)
{
    for (size_t i = 0; i < reducer->slot_count; i++) {
        const DdpReducerSlot *slot = &reducer->slots[i];

        if (!slot->ready && slot->reached && ddp_tensor_grad(slot->parameter) != NULL)
            ddp_tensor_set_i64(reducer->used, i, 1);
    }
}

/* The end of a backward pass that has met the hook of a parameter. */
static bool
end_walk(void *user_data, GError **error)
{
    DdpReducer *reducer = user_data;

    reducer->end_asked = false;
    if (!reducer->expects)
        return true;
    if (learns_graph(reducer)) {
        /* All reductions of the first pass come at its end, the map of used parameters first. */
        if (!share_used(reducer, error) || !mark_all_ready(reducer, error))
            return false;
    } else if (ddp_reducer_searches(reducer)) {
        /* Behind outputs that the loss did not use: ready, but without a gradient of this pass. */
        note_old_gradients(reducer);
        if (!mark_all_ready(reducer, error))
            return false;
    }
    if (reducer->bucket_next < reducer->bucket_count)
        return true;
    if (!learns_graph(reducer))
        note_static_arrival(reducer);
    return finish(reducer, error);
}

static void
note_used(DdpReducer *reducer, size_t index)
{
    if (ddp_reducer_searches(reducer) || learns_graph(reducer))
        ddp_tensor_set_i64(reducer->used, index, 1);
}

static bool
gradient_ready(DdpTensor *parameter, void *user_data, GError **error)
{
    DdpReducerSlot *slot = user_data;
    DdpReducer *reducer = slot->reducer;
    size_t index = (size_t)(slot - reducer->slots);

    (void)parameter;
    if (reducer->used != NULL)
        note_used(reducer, index);
    if (!reducer->expects)
        return true;
    if (!reducer->end_asked) {
        reducer->end_asked = true;
        ddp_backward_call_at_end(reducer->context, end_walk, reducer);
    }
    if (learns_graph(reducer)) {
        slot->fired++;
        return true;
    }
    if (!mark_unused(reducer, error))
        return false;
    if (reducer->spec.static_graph) {
        if (slot->fired_left == 0)
            return ddp_reducer_fail_changed(error);
        if (--slot->fired_left > 0)
            return true;
    }
    if (ddp_reducer_may_rebuild(reducer) && reducer->arrival_count < reducer->slot_count)
        reducer->arrival[reducer->arrival_count++] = index;
    return mark_ready(reducer, slot, error);
}

/* ---- a step -------------------------------------------------------------------------- */

bool
ddp_reducer_syncs_buffers(const DdpReducer *reducer)
{
    return reducer->sync_buffers && reducer->spec.broadcast_buffers && reducer->buffers->len > 0;
}

void
ddp_reducer_set_syncs_buffers(DdpReducer *reducer, bool syncs)
{
    reducer->sync_buffers = syncs;
}

bool
ddp_reducer_sync_buffers(DdpReducer *reducer, int root, GError **error)
{
    DdpSyncPlace place = ddp_reducer_place(reducer);

    return ddp_sync_broadcast(&place, root, (DdpTensor *const *)(void *)reducer->buffers->pdata,
                              reducer->buffers->len, "DDP: broadcast buffers", error);
}

static bool
forward_buffers(DdpReducer *reducer, GError **error)
{
    int root = 0;

    if (!ddp_reducer_syncs_buffers(reducer))
        return true;
    if (reducer->joins && !ddp_join_root(reducer, true, &root, error))
        return false;
    return ddp_reducer_sync_buffers(reducer, root, error);
}

bool
ddp_reducer_begin_forward(DdpReducer *reducer, GError **error)
{
    bool grad = ddp_model_context_grad_enabled(reducer->context);

    if (grad && reducer->sync)
        reducer->iteration++;
    if (reducer->joins && !ddp_join_notify(reducer, error))
        return false;
    if (grad && reducer->unfinished)
        return ddp_reducer_fail_unfinished(reducer, error);
    if (grad && !ddp_reducer_rebuild(reducer, error))
        return false;
    if (!forward_buffers(reducer, error))
        return false;
    return !reducer->joins || ddp_join_notify_reduce(reducer, error);
}

static void
note_reached(DdpTensor *leaf, void *user_data)
{
    DdpReducer *reducer = user_data;
    DdpReducerSlot *slot = g_hash_table_lookup(reducer->slot_of, leaf);

    if (slot != NULL)
        slot->reached = true;
}

static void
search(DdpReducer *reducer, DdpTensor *const *outputs, size_t count)
{
    bool all = true;

    for (size_t i = 0; i < reducer->slot_count; i++)
        reducer->slots[i].reached = false;
    for (size_t i = 0; i < count; i++)
        ddp_tensor_visit_leaves(outputs[i], note_reached, reducer);
    for (size_t i = 0; i < reducer->slot_count; i++)
        all = all && reducer->slots[i].reached;
    if (!reducer->searched)
        reducer->needless_search = all;
    reducer->searched = true;
}

bool
ddp_reducer_end_forward(DdpReducer *reducer, DdpTensor *const *outputs, size_t count,
                        GError **error)
{
    (void)error;
    if (!ddp_model_context_grad_enabled(reducer->context) || !reducer->sync) {
        reducer->sync_buffers = false;
        return true;
    }
    reducer->sync_buffers = true;
    reducer->expects = true;
    reducer->marked_unused = reducer->started = reducer->end_asked = false;
    reducer->divisor = 0;
    reducer->bucket_next = 0;
    for (size_t i = 0; i < reducer->bucket_count; i++) {
        reducer->buckets[i].pending = reducer->buckets[i].count;
        reducer->buckets[i].launched = false;
    }
    for (size_t i = 0; i < reducer->slot_count; i++) {
        reducer->slots[i].ready = false;
        reducer->slots[i].fired_left = reducer->slots[i].fired;
    }
    if (ddp_reducer_searches(reducer))
        search(reducer, outputs, count);
    return true;
}

bool
ddp_reducer_wants_outputs(const DdpReducer *reducer)
{
    return ddp_reducer_searches(reducer) && reducer->sync &&
           ddp_model_context_grad_enabled(reducer->context);
}

bool
ddp_reducer_prepare_backward(DdpReducer *reducer, DdpTensor *const *outputs, size_t count,
                             GError **error)
{
    if (ddp_model_context_grad_enabled(reducer->context) && reducer->sync) {
        if (reducer->unfinished)
            return ddp_reducer_fail_unfinished(reducer, error);
        if (!ddp_reducer_rebuild(reducer, error))
            return false;
    }
    return ddp_reducer_end_forward(reducer, outputs, count, error);
}

bool
ddp_reducer_set_sync(DdpReducer *reducer, bool sync)
{
    bool before = reducer->sync;

    reducer->sync = sync;
    return before;
}

/* ---- shadows of a joined rank -------------------------------------------------------- */

bool
ddp_reducer_shadow_buckets(DdpReducer *reducer, GError **error)
{
    void *user_data = reducer->ops.user_data;

    /* Not into what others still hold as a gradient. */
    if (!ddp_reducer_refresh_buckets(reducer, error))
        return false;
    for (size_t i = 0; i < reducer->bucket_count; i++) {
        DdpGradBucket *bucket = &reducer->buckets[i];

        memset(ddp_tensor_data(bucket->buffer), 0, ddp_tensor_bytes(bucket->buffer));
        if (reducer->has_hook) {
            if (!reducer->hook.launch(reducer->hook.user_data, bucket, error))
                return false;
        } else if (!reducer->ops.all_reduce(user_data, bucket->buffer, DDP_REDUCE_SUM, bucket->name,
                                            error)) {
            return false;
        }
    }
    for (size_t i = 0; reducer->has_hook && i < reducer->bucket_count; i++) {
        if (!reducer->hook.finish(reducer->hook.user_data, &reducer->buckets[i], error))
            return false;
    }
    for (size_t i = 0; i < reducer->slot_count && ddp_reducer_may_rebuild(reducer); i++) {
        if (reducer->arrival_count < reducer->slot_count)
            reducer->arrival[reducer->arrival_count++] = i;
    }
    return true;
}

bool
ddp_reducer_shadow_used(DdpReducer *reducer, GError **error)
{
    return reducer->used == NULL || !reducer->spec.find_unused_parameters ||
           share_used(reducer, error);
}

/* ---- hooks --------------------------------------------------------------------------- */

void
ddp_reducer_attach(DdpReducer *reducer)
{
    for (size_t i = 0; i < reducer->slot_count; i++)
        ddp_tensor_set_grad_ready(reducer->slots[i].parameter, gradient_ready, &reducer->slots[i]);
}
