/* SPDX-License-Identifier: MIT */
/* Making a reducer, its communication hook, and what others may look at. What a step does is
 * reducer.c. */
#include "model/autograd.h"
#include "model/nn.h"
#include "sim/train/reducer_private.h"
#include "sim/train/replicas.h"

G_DEFINE_QUARK(ddp_train_error_quark, ddp_train_error)

DdpReducerSpec
ddp_reducer_spec_default(void)
{
    return (DdpReducerSpec){.broadcast_buffers = true, .init_sync = true};
}

/* ---- life ---------------------------------------------------------------------------- */

static bool
check_parameters(const DdpReducerModule *module, GError **error)
{
    if (module->parameter_count == 0) {
        g_set_error_literal(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_FAILED,
                            "DistributedDataParallel is not needed when a module doesn't have any "
                            "parameter that requires a gradient.");
        return false;
    }
    return true;
}

static GPtrArray *
tensors_copy(DdpTensor *const *tensors, size_t count)
{
    GPtrArray *copy = g_ptr_array_new_with_free_func((GDestroyNotify)ddp_tensor_unref);

    for (size_t i = 0; i < count; i++)
        g_ptr_array_add(copy, ddp_tensor_ref(tensors[i]));
    return copy;
}

static DdpReducer *
reducer_alloc(DdpModelContext *context, const DdpReducerModule *module, int rank, int size,
              const DdpReducerSpec *spec, const DdpReducerOps *ops)
{
    DdpReducer *reducer = g_new0(DdpReducer, 1);

    reducer->context = context;
    reducer->ops = *ops;
    reducer->spec = *spec;
    reducer->rank = rank;
    reducer->size = size;
    reducer->sync = reducer->sync_buffers = true;
    reducer->slot_count = module->parameter_count;
    reducer->slots = g_new0(DdpReducerSlot, module->parameter_count);
    reducer->arrival = g_new0(size_t, module->parameter_count);
    reducer->others = tensors_copy(module->others, module->other_count);
    reducer->buffers = tensors_copy(module->buffers, module->buffer_count);
    reducer->blocks = g_ptr_array_new_with_free_func((GDestroyNotify)ddp_tensor_unref);
    for (size_t i = 0; i < module->parameter_count; i++) {
        reducer->slots[i].reducer = reducer;
        reducer->slots[i].parameter = ddp_tensor_ref(module->parameters[i]);
    }
    if (module->names != NULL) {
        reducer->names = g_new0(char *, module->parameter_count + 1);
        for (size_t i = 0; i < module->parameter_count; i++)
            reducer->names[i] = g_strdup(module->names[i]);
    }
    return reducer;
}

/* The parameters of each dtype side by side, dtypes in the order in which they come up. */
static bool
flatten(DdpReducer *reducer, GError **error)
{
    g_autofree DdpTensor **same = g_new(DdpTensor *, reducer->slot_count);
    bool done[DDP_DTYPE_COUNT] = {false};

    for (size_t i = 0; i < reducer->slot_count; i++) {
        DdpDtype dtype = ddp_tensor_dtype(reducer->slots[i].parameter);
        size_t count = 0;

        if (done[dtype])
            continue;
        done[dtype] = true;
        for (size_t j = i; j < reducer->slot_count; j++) {
            if (ddp_tensor_dtype(reducer->slots[j].parameter) == dtype)
                same[count++] = reducer->slots[j].parameter;
        }

        DdpTensor *block = ddp_parameters_flatten(same, count, error);

        if (block == NULL)
            return false;
        g_ptr_array_add(reducer->blocks, block);
    }
    return true;
}

bool
ddp_reducer_broadcast_model(DdpReducer *reducer, int root, GError **error)
{
    DdpSyncPlace place = ddp_reducer_place(reducer);
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    for (guint i = 0; i < reducer->blocks->len; i++)
        g_ptr_array_add(all, reducer->blocks->pdata[i]);
    for (guint i = 0; i < reducer->others->len; i++)
        g_ptr_array_add(all, reducer->others->pdata[i]);
    for (guint i = 0; reducer->spec.broadcast_buffers && i < reducer->buffers->len; i++)
        g_ptr_array_add(all, reducer->buffers->pdata[i]);
    if (!ddp_sync_broadcast(&place, root, (DdpTensor *const *)(void *)all->pdata, all->len,
                            "DDP: broadcast parameters", error))
        return false;
    /* Through the block, which does not say so for the tensors in it. */
    for (size_t i = 0; i < reducer->slot_count; i++)
        ddp_tensor_mark_written(reducer->slots[i].parameter);
    return true;
}

static bool
prepare_search(DdpReducer *reducer, GError **error)
{
    int64_t shape[1] = {(int64_t)reducer->slot_count};

    if (!reducer->spec.find_unused_parameters && !reducer->spec.static_graph)
        return true;
    reducer->used = ddp_tensor_new(reducer->context, DDP_DTYPE_I32, 1, shape, error);
    if (reducer->used == NULL)
        return false;
    reducer->used_sum = ddp_tensor_new(reducer->context, DDP_DTYPE_I32, 1, shape, error);
    reducer->slot_of = g_hash_table_new(NULL, NULL);
    for (size_t i = 0; i < reducer->slot_count; i++)
        g_hash_table_insert(reducer->slot_of, reducer->slots[i].parameter, &reducer->slots[i]);
    return reducer->used_sum != NULL;
}

static bool
set_up(DdpReducer *reducer, const DdpReducerModule *module, GError **error)
{
    DdpSyncPlace place = ddp_reducer_place(reducer);

    if (reducer->spec.init_sync &&
        !ddp_sync_verify(&place, module->parameters, module->parameter_count, error))
        return false;
    if (!flatten(reducer, error))
        return false;
    if (reducer->spec.init_sync && !ddp_reducer_broadcast_model(reducer, 0, error))
        return false;
    if (!prepare_search(reducer, error) || !ddp_reducer_first_buckets(reducer, error))
        return false;
    ddp_reducer_attach(reducer);
    return true;
}

DdpReducer *
ddp_reducer_new(DdpModelContext *context, const DdpReducerModule *module, int rank, int size,
                const DdpReducerSpec *spec, const DdpReducerOps *ops, GError **error)
{
    g_return_val_if_fail(rank >= 0 && rank < size, NULL);

    if (!check_parameters(module, error))
        return NULL;

    g_autoptr(DdpReducer) reducer = reducer_alloc(context, module, rank, size, spec, ops);

    if (!set_up(reducer, module, error))
        return NULL;
    return g_steal_pointer(&reducer);
}

void
ddp_reducer_free(DdpReducer *reducer)
{
    if (reducer == NULL)
        return;
    ddp_join_clear(reducer);
    ddp_reducer_clear_buckets(reducer);
    for (size_t i = 0; i < reducer->slot_count; i++) {
        ddp_tensor_set_grad_ready(reducer->slots[i].parameter, NULL, NULL);
        g_clear_pointer(&reducer->slots[i].view, ddp_tensor_unref);
        ddp_tensor_unref(reducer->slots[i].parameter);
    }
    g_clear_pointer(&reducer->used, ddp_tensor_unref);
    g_clear_pointer(&reducer->used_sum, ddp_tensor_unref);
    g_clear_pointer(&reducer->slot_of, g_hash_table_unref);
    g_ptr_array_unref(reducer->blocks);
    g_ptr_array_unref(reducer->others);
    g_ptr_array_unref(reducer->buffers);
    g_strfreev(reducer->names);
    g_free(reducer->arrival);
    g_free(reducer->slots);
    g_free(reducer);
}

void
ddp_reducer_set_buffers(DdpReducer *reducer, DdpTensor *const *buffers, size_t count)
{
    bool same = count == reducer->buffers->len;

    for (size_t i = 0; same && i < count; i++)
        same = buffers[i] == reducer->buffers->pdata[i];
    if (same)
        return;
    g_ptr_array_unref(reducer->buffers);
    reducer->buffers = tensors_copy(buffers, count);
}

/* ---- communication hooks ------------------------------------------------------------- */

bool
ddp_reducer_set_comm_hook(DdpReducer *reducer, const DdpCommHook *hook, GError **error)
{
    if (reducer->has_hook) {
        g_set_error_literal(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_FAILED,
                            "register_comm_hook or register_builtin_comm_hook can only be called "
                            "once.");
        return false;
    }
    reducer->has_hook = true;
    reducer->hook = *hook;
    return true;
}

size_t
ddp_grad_bucket_index(const DdpGradBucket *bucket)
{
    return bucket->index;
}

bool
ddp_grad_bucket_is_last(const DdpGradBucket *bucket)
{
    return bucket->index + 1 == bucket->reducer->bucket_count;
}

const char *
ddp_grad_bucket_name(const DdpGradBucket *bucket)
{
    return bucket->name;
}

DdpTensor *
ddp_grad_bucket_buffer(DdpGradBucket *bucket)
{
    return bucket->buffer;
}

size_t
ddp_grad_bucket_count(const DdpGradBucket *bucket)
{
    return bucket->count;
}

DdpTensor *
ddp_grad_bucket_parameter(DdpGradBucket *bucket, size_t place)
{
    g_return_val_if_fail(place < bucket->count, NULL);
    return bucket->reducer->slots[bucket->slots[place]].parameter;
}

DdpTensor *
ddp_grad_bucket_gradient(DdpGradBucket *bucket, size_t place)
{
    g_return_val_if_fail(place < bucket->count, NULL);
    return bucket->reducer->slots[bucket->slots[place]].view;
}

/* ---- looking at it ------------------------------------------------------------------- */

size_t
ddp_reducer_bucket_count(const DdpReducer *reducer)
{
    return reducer->bucket_count;
}

DdpGradBucket *
ddp_reducer_bucket(DdpReducer *reducer, size_t index)
{
    g_return_val_if_fail(index < reducer->bucket_count, NULL);
    return &reducer->buckets[index];
}

bool
ddp_reducer_has_rebuilt(const DdpReducer *reducer)
{
    return reducer->has_rebuilt;
}

bool
ddp_reducer_take_needless_search(DdpReducer *reducer)
{
    bool needless = reducer->needless_search;

    reducer->needless_search = false;
    return needless;
}

/* Order matters: the hash of the hashes. */
static uint64_t
hash_all(const GPtrArray *tensors)
{
    uint64_t hashes[2] = {0, 0};

    for (guint i = 0; i < tensors->len; i++) {
        DdpTensor *tensor = tensors->pdata[i];

        hashes[1] = ddp_replicas_hash(ddp_tensor_data(tensor), ddp_tensor_bytes(tensor));
        if (tensors->len == 1)
            return hashes[1];
        hashes[0] = ddp_replicas_hash(hashes, sizeof hashes);
    }
    return hashes[0];
}

uint64_t
ddp_reducer_hash_parameters(DdpReducer *reducer)
{
    uint64_t written = 1;

    for (size_t i = 0; i < reducer->slot_count; i++)
        written += ddp_tensor_version(reducer->slots[i].parameter);
    if (written != reducer->written) {
        reducer->written = written;
        reducer->hash = hash_all(reducer->blocks);
    }
    return reducer->hash;
}

uint64_t
ddp_reducer_hash_buffers(DdpReducer *reducer)
{
    return hash_all(reducer->buffers);
}
