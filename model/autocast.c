/* SPDX-License-Identifier: MIT */
#include "model/autocast.h"

#include "model/dtypes.h"
#include "model/internal.h"
#include "model/ops.h"

DdpAutocast
ddp_autocast_get(const DdpModelContext *context)
{
    return context->autocast;
}

static void
forget_casts(DdpModelContext *context)
{
    /* Emptied only after it was taken off: a cast that goes may take a graph along. */
    GHashTable *casts = context->autocast_casts;

    context->autocast_casts = NULL;
    g_clear_pointer(&casts, g_hash_table_unref);
}

DdpAutocast
ddp_autocast_enter(DdpModelContext *context, DdpAutocast mode)
{
    DdpAutocast around = context->autocast;

    g_return_val_if_fail(!mode.enabled || dtype_is_half(mode.dtype), around);

    context->autocast = mode;
    context->autocast_depth++;
    return around;
}

void
ddp_autocast_leave(DdpModelContext *context, DdpAutocast around)
{
    g_return_if_fail(context->autocast_depth > 0);

    context->autocast = around;
    context->autocast_depth--;
    if (context->autocast_depth == 0)
        forget_casts(context);
}

static void
release(void *tensor)
{
    ddp_tensor_unref(tensor);
}

/* The cast of a leaf, made once in a region. */
static DdpTensor *
cast_of_leaf(DdpModelContext *context, DdpTensor *leaf, GError **error)
{
    DdpTensor *cast = NULL;

    if (context->autocast_casts != NULL)
        cast = g_hash_table_lookup(context->autocast_casts, leaf);
    if (cast != NULL && dtype_of(cast) == context->autocast.dtype)
        return ddp_tensor_ref(cast);

    cast = ddp_to(leaf, context->autocast.dtype, error);
    if (cast == NULL)
        return NULL;
    if (context->autocast_casts == NULL)
        context->autocast_casts = g_hash_table_new_full(NULL, NULL, release, release);
    g_hash_table_insert(context->autocast_casts, ddp_tensor_ref(leaf), ddp_tensor_ref(cast));
    return cast;
}

DdpTensor *
ddp_autocast_input(DdpModelContext *context, DdpTensor *x, GError **error)
{
    const DdpAutocast *mode = &context->autocast;

    if (x == NULL)
        return NULL;
    if (!mode->enabled || !ddp_dtype_is_float(dtype_of(x)) || dtype_of(x) == DDP_DTYPE_F64)
        return ddp_tensor_ref(x);
    if (mode->cache_enabled && dtype_of(x) == DDP_DTYPE_F32 && x->node == NULL && wants_grad(x))
        return cast_of_leaf(context, x, error);
    return ddp_to(x, mode->dtype, error);
}

bool
ddp_autocast_widens(const DdpTensor *x)
{
    return x->context->autocast.enabled && dtype_is_half(dtype_of(x));
}

/* ---- true 16 bits -------------------------------------------------------------------- */

/* @tensor takes the elements of @from, an equal one of another dtype, and lets go of its own. */
static void
take_elements(DdpTensor *tensor, DdpTensor *from)
{
    DdpStorage *storage = tensor->storage;
    char *data = tensor->data;
    uint8_t dtype = tensor->dtype;

    /* A graph that has saved the tensor must not take the new elements for those it saw. */
    from->storage->version = storage->version + 1;
    tensor->storage = from->storage;
    tensor->data = from->data;
    tensor->dtype = from->dtype;
    from->storage = storage;
    from->data = data;
    from->dtype = dtype;
}

static DdpTensor *
converted(DdpTensor *tensor, DdpDtype dtype, GError **error)
{
    DdpTensor *made = ddp_tensor_new_like(tensor, dtype, error);

    if (made != NULL)
        ddp_convert(tensor->numel, made->data, dtype, tensor->data, dtype_of(tensor));
    return made;
}

bool
ddp_tensor_convert_(DdpTensor *tensor, DdpDtype dtype, GError **error)
{
    if (dtype_of(tensor) == dtype)
        return true;
    if (tensor->node != NULL) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD,
                    "the dtype of a tensor that was computed cannot become torch.%s in place; only "
                    "leaves can change theirs",
                    ddp_dtype_name(dtype));
        return false;
    }
    if (tensor->requires_grad && !ddp_dtype_is_float(dtype)) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "a tensor that requires a gradient cannot become torch.%s",
                    ddp_dtype_name(dtype));
        return false;
    }

    g_autoptr(DdpTensor) elements = converted(tensor, dtype, error);
    g_autoptr(DdpTensor) gradient = NULL;

    if (elements == NULL)
        return false;
    if (tensor->grad != NULL) {
        gradient = converted(tensor->grad, dtype, error);
        if (gradient == NULL)
            return false;
        take_elements(tensor->grad, gradient);
    }
    take_elements(tensor, elements);
    return true;
}
