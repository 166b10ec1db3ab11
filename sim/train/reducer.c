/* SPDX-License-Identifier: MIT */
#include "sim/train/reducer.h"

#include <string.h>

#include "model/autograd.h"
#include "model/nn.h"

typedef struct {
    DdpReducer *reducer; /* back pointer for the hook */
    DdpTensor *parameter;
    size_t offset; /* of its gradient in the bucket, in elements */
    bool ready;    /* its gradient of this pass lies in the bucket */
} Slot;

struct DdpReducer {
    DdpModelContext *context;
    DdpReducerOps ops;
    int rank;
    int world_size;
    DdpTensor *parameters; /* one block, shared with the module's own tensors */
    DdpTensor *bucket;     /* the gradients side by side */
    Slot *slots;
    size_t slot_count;
    size_t ready_count;
    bool in_pass;    /* between the first gradient of a pass and its end */
    bool incomplete; /* the last pass left the bucket incomplete */
};

G_DEFINE_QUARK(ddp_train_error_quark, ddp_train_error)

static void
scale_into(DdpTensor *bucket, size_t offset, DdpTensor *gradient, int world_size)
{
    size_t count = ddp_tensor_numel(gradient);

    if (ddp_tensor_dtype(bucket) == DDP_DTYPE_F32) {
        float *restrict to = (float *)ddp_tensor_data(bucket) + offset;
        const float *restrict from = ddp_tensor_data(gradient);
        float factor = (float)(1.0 / world_size);

        for (size_t i = 0; i < count; i++)
            to[i] = from[i] * factor;
    } else {
        double *restrict to = (double *)ddp_tensor_data(bucket) + offset;
        const double *restrict from = ddp_tensor_data(gradient);
        double factor = 1.0 / world_size;

        for (size_t i = 0; i < count; i++)
            to[i] = from[i] * factor;
    }
}

/* The end of a backward pass: a full bucket is reduced and handed back to the gradients. */
static bool
end_pass(void *user_data, GError **error)
{
    DdpReducer *reducer = user_data;
    size_t element_bytes = ddp_dtype_bytes(ddp_tensor_dtype(reducer->bucket));
    bool full = reducer->ready_count == reducer->slot_count;

    reducer->in_pass = false;
    reducer->incomplete = !full;
    if (!full)
        return true;
    for (size_t i = 0; i < reducer->slot_count; i++)
        reducer->slots[i].ready = false;
    reducer->ready_count = 0;
    if (!reducer->ops.all_reduce_sum(reducer->ops.user_data, reducer->bucket, "gradients", error))
        return false;
    for (size_t i = 0; i < reducer->slot_count; i++) {
        DdpTensor *gradient = ddp_tensor_grad(reducer->slots[i].parameter);

        memcpy(ddp_tensor_data(gradient),
               (char *)ddp_tensor_data(reducer->bucket) + reducer->slots[i].offset * element_bytes,
               ddp_tensor_bytes(gradient));
    }
    return true;
}

static bool
gradient_ready(DdpTensor *parameter, void *user_data, GError **error)
{
    Slot *slot = user_data;
    DdpReducer *reducer = slot->reducer;

    if (slot->ready) {
        g_set_error_literal(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_FAILED,
                            "Expected to mark a variable ready only once: a parameter took part in "
                            "two backward passes of one forward; add the losses up and call "
                            "backward once");
        return false;
    }
    if (!reducer->in_pass) {
        reducer->in_pass = true;
        ddp_backward_call_at_end(reducer->context, end_pass, reducer);
    }
    scale_into(reducer->bucket, slot->offset, ddp_tensor_grad(parameter), reducer->world_size);
    slot->ready = true;
    reducer->ready_count++;
    return true;
}

static bool
check_parameters(DdpTensor *const *parameters, size_t count, GError **error)
{
    if (count == 0) {
        g_set_error_literal(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_FAILED,
                            "DistributedDataParallel is not needed when a module doesn't have any "
                            "parameters that require a gradient");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        DdpDtype dtype = ddp_tensor_dtype(parameters[i]);

        if ((dtype != DDP_DTYPE_F32 && dtype != DDP_DTYPE_F64) ||
            dtype != ddp_tensor_dtype(parameters[0])) {
            g_set_error(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_FAILED,
                        "DistributedDataParallel: parameter %zu is %s; all parameters must be "
                        "float32, or all float64",
                        i, ddp_dtype_name(dtype));
            return false;
        }
    }
    return true;
}

DdpReducer *
ddp_reducer_new(DdpModelContext *context, DdpTensor *const *parameters, size_t count, int rank,
                int world_size, const DdpReducerOps *ops, GError **error)
{
    if (!check_parameters(parameters, count, error))
        return NULL;

    g_autoptr(DdpTensor) block = ddp_parameters_flatten(parameters, count, error);

    if (block == NULL)
        return NULL;

    g_autoptr(DdpTensor) bucket = ddp_tensor_new(
        context, ddp_tensor_dtype(block), ddp_tensor_ndim(block), ddp_tensor_shape(block), error);

    if (bucket == NULL || !ops->broadcast(ops->user_data, block, 0, "parameters", error))
        return NULL;

    DdpReducer *reducer = g_new0(DdpReducer, 1);
    size_t offset = 0;

    reducer->context = context;
    reducer->ops = *ops;
    reducer->rank = rank;
    reducer->world_size = world_size;
    reducer->parameters = g_steal_pointer(&block);
    reducer->bucket = g_steal_pointer(&bucket);
    reducer->slots = g_new0(Slot, count);
    reducer->slot_count = count;
    for (size_t i = 0; i < count; i++) {
        reducer->slots[i] = (Slot){reducer, ddp_tensor_ref(parameters[i]), offset, false};
        offset += ddp_tensor_numel(parameters[i]);
        ddp_tensor_set_grad_ready(parameters[i], gradient_ready, &reducer->slots[i]);
    }
    return reducer;
}

void
ddp_reducer_free(DdpReducer *reducer)
{
    if (reducer == NULL)
        return;
    for (size_t i = 0; i < reducer->slot_count; i++) {
        ddp_tensor_set_grad_ready(reducer->slots[i].parameter, NULL, NULL);
        ddp_tensor_unref(reducer->slots[i].parameter);
    }
    g_free(reducer->slots);
    ddp_tensor_unref(reducer->parameters);
    ddp_tensor_unref(reducer->bucket);
    g_free(reducer);
}

bool
ddp_reducer_prepare_forward(DdpReducer *reducer, GError **error)
{
    if (!reducer->incomplete)
        return true;

    GString *unused = g_string_new(NULL);

    for (size_t i = 0; i < reducer->slot_count; i++) {
        if (!reducer->slots[i].ready)
            g_string_append_printf(unused, " %zu", i);
    }
    g_set_error(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_UNUSED,
                "Expected to have finished reduction in the prior iteration before starting a new "
                "one. This error indicates that your module has parameters that were not used in "
                "producing loss. Parameter indices which did not receive grad for rank %d:%s",
                reducer->rank, unused->str);
    g_string_free(unused, TRUE);
    return false;
}

DdpTensor *
ddp_reducer_parameters(DdpReducer *reducer)
{
    return reducer->parameters;
}
