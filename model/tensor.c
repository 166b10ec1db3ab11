/* SPDX-License-Identifier: MIT */
#include "model/tensor.h"

#include <string.h>

#include "model/dtypes.h"
#include "model/internal.h"

G_DEFINE_QUARK(ddp_tensor_error_quark, ddp_tensor_error)

/* Kept for reuse beyond what the fullest moment of the context needed. */
#define KEPT_SLACK_BYTES ((size_t)4 << 20)

/* ---- shapes -------------------------------------------------------------------------- */

char *
ddp_shape_to_string(int ndim, const int64_t *shape)
{
    GString *text = g_string_new("[");

    for (int i = 0; i < ndim; i++)
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "", shape[i]);
    g_string_append_c(text, ']');
    return g_string_free(text, FALSE);
}

static bool
fail_shape(GError **error, int ndim, const int64_t *shape, const char *what)
{
    g_autofree char *text = ddp_shape_to_string(MIN(ndim, DDP_TENSOR_DIMS_MAX), shape);

    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE, "shape %s %s", text, what);
    return false;
}

bool
ddp_shape_numel(DdpDtype dtype, int ndim, const int64_t *shape, size_t *numel, GError **error)
{
    if (ndim < 0 || ndim > DDP_TENSOR_DIMS_MAX) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "a tensor of %d dimensions was asked for, expected at most %d", ndim,
                    DDP_TENSOR_DIMS_MAX);
        return false;
    }

    /* Multiplied with 0 taken as 1 first, so that [2^40, 2^40, 0] is refused as well. */
    size_t product = 1;
    bool empty = false;

    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0)
            return fail_shape(error, ndim, shape, "has a negative size");
        if (shape[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(product, (size_t)shape[i], &product))
            return fail_shape(error, ndim, shape, "has more elements than memory can have");
    }
    if (product > (size_t)PTRDIFF_MAX / ddp_dtype_bytes(dtype))
        return fail_shape(error, ndim, shape, "has more elements than memory can have");
    *numel = empty ? 0 : product;
    return true;
}

bool
ddp_tensor_same_shape(const DdpTensor *a, const DdpTensor *b)
{
    return a->ndim == b->ndim && memcmp(a->shape, b->shape, a->ndim * sizeof a->shape[0]) == 0;
}

bool
ddp_dim_wrap(int dim, int ndim, int *wrapped, GError **error)
{
    int range = MAX(ndim, 1); /* a 0-dimensional tensor takes dim 0 and -1 */

    if (dim < -range || dim >= range) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                    "Dimension out of range (expected to be in range of [%d, %d], but got %d)",
                    -range, range - 1, dim);
        return false;
    }
    *wrapped = dim < 0 ? dim + range : dim;
    return true;
}

/* ---- storage ------------------------------------------------------------------------- */

/* A storage of nothing yet, in the list of all. */
static DdpStorage *
storage_link(DdpModelContext *context)
{
    DdpStorage *storage = ddp_slab_take(&context->storages);

    *storage = (DdpStorage){.context = context, .next = context->storages_head, .refs = 1};
    if (storage->next != NULL)
        storage->next->prev = storage;
    context->storages_head = storage;
    return storage;
}

static DdpStorage *
storage_new(DdpModelContext *context, size_t bytes, GError **error)
{
    size_t chunk = ddp_memory_pool_chunk_bytes(bytes);
    size_t charge = (MAX(bytes, 1u) + 63u) & ~(size_t)63u;

    if (context->tensor_bytes_max != 0 && bytes > context->tensor_bytes_max) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_MEMORY,
                    "a tensor of %" G_GSIZE_FORMAT " bytes was asked for, the limit of one tensor "
                    "is %" G_GSIZE_FORMAT,
                    bytes, context->tensor_bytes_max);
        return NULL;
    }
    if (context->total_bytes_max != 0 &&
        (charge > context->total_bytes_max ||
         context->live_bytes > context->total_bytes_max - charge)) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_MEMORY,
                    "a tensor of %" G_GSIZE_FORMAT " bytes was asked for while tensors hold "
                    "%" G_GSIZE_FORMAT ", the limit of all tensors of a rank is %" G_GSIZE_FORMAT,
                    bytes, context->live_bytes, context->total_bytes_max);
        return NULL;
    }

    void *memory = ddp_memory_pool_take(&context->pool, chunk);

    if (memory == NULL) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_MEMORY,
                    "there is no memory left for a tensor of %" G_GSIZE_FORMAT
                    " bytes (the limit of the world or the machine's is reached)",
                    bytes);
        return NULL;
    }

    DdpStorage *storage = storage_link(context);

    storage->memory = memory;
    storage->bytes = bytes;
    context->live_bytes += charge;
    context->peak_bytes = MAX(context->peak_bytes, context->live_bytes);
    context->allocated_bytes += charge;
    return storage;
}

/* A part of @whole for one tensor: writes to its neighbours are none of its business. */
static DdpStorage *
storage_part(DdpStorage *whole)
{
    DdpStorage *part = storage_link(whole->context);

    whole->refs++;
    part->whole = whole;
    return part;
}

static void
storage_unref(DdpStorage *storage)
{
    if (--storage->refs > 0)
        return;

    DdpModelContext *context = storage->context;

    if (storage->prev != NULL)
        storage->prev->next = storage->next;
    else
        context->storages_head = storage->next;
    if (storage->next != NULL)
        storage->next->prev = storage->prev;

    if (storage->whole != NULL) {
        storage_unref(storage->whole);
    } else {
        context->live_bytes -= (MAX(storage->bytes, 1u) + 63u) & ~(size_t)63u;
        ddp_memory_pool_give(&context->pool, storage->memory,
                             ddp_memory_pool_chunk_bytes(storage->bytes),
                             context->peak_bytes - context->live_bytes + KEPT_SLACK_BYTES);
    }
    ddp_slab_give(&context->storages, storage);
}

/* ---- tensors ------------------------------------------------------------------------- */

/* Takes over the reference to @storage. */
static DdpTensor *
tensor_over(DdpStorage *storage, char *data, DdpDtype dtype, size_t numel, int ndim,
            const int64_t *shape)
{
    DdpModelContext *context = storage->context;
    DdpTensor *tensor = ddp_slab_take(&context->tensors);

    tensor->context = context;
    tensor->storage = storage;
    tensor->data = data;
    tensor->numel = numel;
    tensor->grad = NULL;
    tensor->node = NULL;
    tensor->accumulator = NULL;
    tensor->grad_ready = NULL;
    tensor->grad_ready_data = NULL;
    tensor->refs = 1;
    tensor->dtype = (uint8_t)dtype;
    tensor->ndim = (uint8_t)ndim;
    tensor->requires_grad = false;
    tensor->is_parameter = false;
    for (int i = 0; i < ndim; i++)
        tensor->shape[i] = shape[i];
    context->live_tensors++;
    return tensor;
}

DdpTensor *
ddp_tensor_new_uninitialized(DdpModelContext *context, DdpDtype dtype, int ndim,
                             const int64_t *shape, GError **error)
{
    size_t numel;

    if (!ddp_shape_numel(dtype, ndim, shape, &numel, error))
        return NULL;

    DdpStorage *storage = storage_new(context, numel * ddp_dtype_bytes(dtype), error);

    if (storage == NULL)
        return NULL;
    return tensor_over(storage, storage->memory, dtype, numel, ndim, shape);
}

DdpTensor *
ddp_tensor_new(DdpModelContext *context, DdpDtype dtype, int ndim, const int64_t *shape,
               GError **error)
{
    DdpTensor *tensor = ddp_tensor_new_uninitialized(context, dtype, ndim, shape, error);

    if (tensor != NULL)
        memset(tensor->data, 0, ddp_tensor_bytes(tensor));
    return tensor;
}

DdpTensor *
ddp_tensor_new_from(DdpModelContext *context, DdpDtype dtype, int ndim, const int64_t *shape,
                    const void *data, GError **error)
{
    DdpTensor *tensor = ddp_tensor_new_uninitialized(context, dtype, ndim, shape, error);

    if (tensor != NULL && tensor->numel > 0)
        memcpy(tensor->data, data, ddp_tensor_bytes(tensor));
    return tensor;
}

DdpTensor *
ddp_tensor_new_number(DdpModelContext *context, DdpDtype dtype, DdpNumber value, GError **error)
{
    DdpTensor *tensor = ddp_tensor_new_uninitialized(context, dtype, 0, NULL, error);

    if (tensor == NULL)
        return NULL;
    ddp_number_store(value, dtype, tensor->data);
    return tensor;
}

DdpTensor *
ddp_tensor_new_like(DdpTensor *like, DdpDtype dtype, GError **error)
{
    DdpStorage *storage = storage_new(like->context, like->numel * ddp_dtype_bytes(dtype), error);

    if (storage == NULL)
        return NULL;
    return tensor_over(storage, storage->memory, dtype, like->numel, like->ndim, like->shape);
}

DdpTensor *
ddp_tensor_alias(DdpTensor *base, size_t offset, int ndim, const int64_t *shape)
{
    size_t numel = 1;

    for (int i = 0; i < ndim; i++)
        numel *= (size_t)shape[i];

    base->storage->refs++;
    return tensor_over(base->storage, base->data + offset, dtype_of(base), numel, ndim, shape);
}

DdpTensor *
ddp_tensor_ref(DdpTensor *tensor)
{
    tensor->refs++;
    return tensor;
}

void
ddp_tensor_unref(DdpTensor *tensor)
{
    if (tensor == NULL || --tensor->refs > 0)
        return;

    g_assert(tensor->refs == 0);
    g_assert(tensor->accumulator == NULL); /* it would own a reference */

    DdpModelContext *context = tensor->context;
    DdpNode *node = tensor->node;

    clear_tensor(&tensor->grad);
    storage_unref(tensor->storage);
    ddp_slab_give(&context->tensors, tensor);
    context->live_tensors--;
    if (node != NULL)
        ddp_node_unref(node);
}

DdpModelContext *
ddp_tensor_context(const DdpTensor *tensor)
{
    return tensor->context;
}

DdpDtype
ddp_tensor_dtype(const DdpTensor *tensor)
{
    return dtype_of(tensor);
}

int
ddp_tensor_ndim(const DdpTensor *tensor)
{
    return tensor->ndim;
}

const int64_t *
ddp_tensor_shape(const DdpTensor *tensor)
{
    return tensor->shape;
}

size_t
ddp_tensor_numel(const DdpTensor *tensor)
{
    return tensor->numel;
}

size_t
ddp_tensor_bytes(const DdpTensor *tensor)
{
    return tensor->numel * ddp_dtype_bytes(dtype_of(tensor));
}

void *
ddp_tensor_data(DdpTensor *tensor)
{
    return tensor->data;
}

void
ddp_tensor_mark_written(DdpTensor *tensor)
{
    tensor->storage->version++;
}

uint32_t
ddp_tensor_version(const DdpTensor *tensor)
{
    return tensor->storage->version;
}

/* ---- gradients ----------------------------------------------------------------------- */

bool
ddp_tensor_requires_grad(const DdpTensor *tensor)
{
    return tensor->requires_grad;
}

bool
ddp_tensor_is_leaf(const DdpTensor *tensor)
{
    return tensor->node == NULL;
}

bool
ddp_tensor_is_held(const DdpTensor *tensor)
{
    return tensor->refs > 1 || tensor->storage->refs > 1;
}

bool
ddp_tensor_is_parameter(const DdpTensor *tensor)
{
    return tensor->is_parameter;
}

void
ddp_tensor_set_parameter(DdpTensor *tensor, bool is_parameter)
{
    tensor->is_parameter = is_parameter;
}

bool
ddp_tensor_set_requires_grad(DdpTensor *tensor, bool requires_grad, GError **error)
{
    if (tensor->node != NULL && !requires_grad) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD,
                            "you can only change requires_grad flags of leaf variables. If you "
                            "want to use a computed variable in a subgraph that doesn't require "
                            "differentiation use var_no_grad = var.detach().");
        return false;
    }
    if (requires_grad && !ddp_dtype_is_float(dtype_of(tensor))) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "only Tensors of floating point dtype can require gradients, this one is "
                    "torch.%s",
                    ddp_dtype_name(dtype_of(tensor)));
        return false;
    }
    tensor->requires_grad = requires_grad;
    return true;
}

DdpTensor *
ddp_tensor_grad(const DdpTensor *tensor)
{
    return tensor->grad;
}

bool
ddp_tensor_set_grad(DdpTensor *tensor, DdpTensor *grad, GError **error)
{
    if (grad == tensor->grad)
        return true;
    if (grad == tensor) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD,
                            "can't assign Variable as its own grad");
        return false;
    }
    if (grad != NULL && (!ddp_tensor_same_shape(tensor, grad) || grad->dtype != tensor->dtype)) {
        g_autofree char *found = ddp_shape_to_string(grad->ndim, grad->shape);
        g_autofree char *expected = ddp_shape_to_string(tensor->ndim, tensor->shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "assigned grad is torch.%s of size %s, expected torch.%s of size %s",
                    ddp_dtype_name(dtype_of(grad)), found, ddp_dtype_name(dtype_of(tensor)),
                    expected);
        return false;
    }

    DdpTensor *old = tensor->grad;

    /* Without its graph, which may lead back to the tensor: the two would hold each other. */
    if (grad != NULL && grad->requires_grad)
        tensor->grad = ddp_tensor_alias(grad, 0, grad->ndim, grad->shape);
    else
        tensor->grad = grad != NULL ? ddp_tensor_ref(grad) : NULL;
    clear_tensor(&old);
    return true;
}

/* ---- single elements ----------------------------------------------------------------- */

static void *
element(const DdpTensor *tensor, size_t index)
{
    return tensor->data + index * ddp_dtype_bytes(dtype_of(tensor));
}

double
ddp_tensor_item_f64(const DdpTensor *tensor, size_t index)
{
    double value;

    g_return_val_if_fail(index < tensor->numel, 0.0);

    ddp_convert(1, &value, DDP_DTYPE_F64, element(tensor, index), dtype_of(tensor));
    return value;
}

int64_t
ddp_tensor_item_i64(const DdpTensor *tensor, size_t index)
{
    int64_t value;

    g_return_val_if_fail(index < tensor->numel, 0);

    ddp_convert(1, &value, DDP_DTYPE_I64, element(tensor, index), dtype_of(tensor));
    return value;
}

void
ddp_tensor_set_f64(DdpTensor *tensor, size_t index, double value)
{
    g_return_if_fail(index < tensor->numel);

    ddp_convert(1, element(tensor, index), dtype_of(tensor), &value, DDP_DTYPE_F64);
}

void
ddp_tensor_set_i64(DdpTensor *tensor, size_t index, int64_t value)
{
    g_return_if_fail(index < tensor->numel);

    ddp_convert(1, element(tensor, index), dtype_of(tensor), &value, DDP_DTYPE_I64);
}

/* ---- sharing ------------------------------------------------------------------------- */

static bool
check_inside(const DdpTensor *whole, size_t first, size_t numel, GError **error)
{
    if (first <= whole->numel && numel <= whole->numel - first)
        return true;

    g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_INDEX,
                "a view of %" G_GSIZE_FORMAT " elements from element %" G_GSIZE_FORMAT
                " on reaches beyond the %" G_GSIZE_FORMAT " elements that are there",
                numel, first, whole->numel);
    return false;
}

DdpTensor *
ddp_tensor_share(DdpTensor *tensor, size_t first, int ndim, const int64_t *shape, GError **error)
{
    size_t numel;

    if (!ddp_shape_numel(dtype_of(tensor), ndim, shape, &numel, error) ||
        !check_inside(tensor, first, numel, error))
        return NULL;
    return ddp_tensor_alias(tensor, first * ddp_dtype_bytes(dtype_of(tensor)), ndim, shape);
}

bool
ddp_tensor_rebase(DdpTensor *tensor, DdpTensor *flat, size_t first, GError **error)
{
    if (tensor->dtype != flat->dtype) {
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                    "a tensor of torch.%s cannot move into a block of torch.%s",
                    ddp_dtype_name(dtype_of(tensor)), ddp_dtype_name(dtype_of(flat)));
        return false;
    }
    if (!check_inside(flat, first, tensor->numel, error))
        return false;

    DdpStorage *old = tensor->storage;
    char *data = flat->data + first * ddp_dtype_bytes(dtype_of(flat));

    memmove(data, tensor->data, ddp_tensor_bytes(tensor));
    ddp_tensor_mark_written(flat);
    tensor->storage = storage_part(flat->storage);
    tensor->data = data;
    storage_unref(old);
    return true;
}

/* ---- names --------------------------------------------------------------------------- */

const char *
ddp_dtype_scalar_name(DdpDtype dtype)
{
    static const char *const names[DDP_DTYPE_COUNT] = {
        [DDP_DTYPE_F64] = "Double",    [DDP_DTYPE_F32] = "Float", [DDP_DTYPE_F16] = "Half",
        [DDP_DTYPE_BF16] = "BFloat16", [DDP_DTYPE_I64] = "Long",  [DDP_DTYPE_I32] = "Int",
        [DDP_DTYPE_U8] = "Byte",       [DDP_DTYPE_BOOL] = "Bool",
    };

    return names[dtype];
}

const char *
ddp_dtype_c_name(DdpDtype dtype)
{
    static const char *const names[DDP_DTYPE_COUNT] = {
        [DDP_DTYPE_F64] = "double",       [DDP_DTYPE_F32] = "float",
        [DDP_DTYPE_F16] = "c10::Half",    [DDP_DTYPE_BF16] = "c10::BFloat16",
        [DDP_DTYPE_I64] = "long",         [DDP_DTYPE_I32] = "int",
        [DDP_DTYPE_U8] = "unsigned char", [DDP_DTYPE_BOOL] = "bool",
    };

    return names[dtype];
}
