/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/autocast.h"
#include "model/autograd.h"
#include "model/flops.h"
#include "model/memory.h"
#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * What the files of model/ know of each other's structs. Nobody outside includes this.
 *
 *   DdpTensor --storage--> DdpStorage        memory, shared by views
 *       |
 *       +------node------> DdpNode --edges--> DdpNode of the inputs
 *                             |
 *                             +---saved-----> DdpTensor that backward needs
 *
 * A leaf that requires a gradient stands in the graph as a node of its own, an accumulator,
 * made when the first edge to it is drawn and gone with the last one. The accumulator owns a
 * reference to its leaf; the leaf only borrows it.
 */

typedef struct DdpNode DdpNode;

typedef struct DdpStorage DdpStorage;
struct DdpStorage {
    DdpModelContext *context;
    DdpStorage *whole; /* one reference; this is a part of it, with writes of its own; or NULL */
    char *memory;      /* owned; NULL for a part */
    size_t bytes;      /* as asked for */
    DdpStorage *prev;  /* all storages of the context, for its end */
    DdpStorage *next;
    uint32_t version; /* counts writes in place */
    int refs;
};

struct DdpTensor {
    DdpModelContext *context;
    DdpStorage *storage; /* one reference */
    char *data;
    size_t numel;
    DdpTensor *grad;      /* owned; leaves only */
    DdpNode *node;        /* owned; what made this tensor, NULL for a leaf */
    DdpNode *accumulator; /* borrowed; leaves only */
    DdpGradReadyFunc grad_ready;
    void *grad_ready_data;
    int refs;
    uint8_t dtype;
    uint8_t ndim;
    bool requires_grad; /* for a tensor with a node always true */
    bool is_parameter;
    int64_t shape[DDP_TENSOR_DIMS_MAX];
};

/* What autograd knows of an operation. */
typedef struct {
    const char *name; /* as torch calls it, without the trailing 0 */
    /*
     * Turns @grad, the derivative by the node's output, into derivatives by its inputs: entry
     * i of @inputs (all NULL at first, transfer full) for each i that has an edge. Runs with
     * gradients off. What it has put there when it fails is released by the caller.
     */
    bool (*backward)(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error);
} DdpGradOp;

#define DDP_NODE_INLINE 3

struct DdpNode {
    const DdpGradOp *op;
    DdpModelContext *context;
    DdpNode **edges;   /* one reference each; NULL for an input that needs no gradient */
    DdpTensor **saved; /* one reference each */
    uint32_t *saved_versions;
    DdpTensor *grad;    /* owned; what a walk in progress has gathered so far */
    DdpNode *dead_next; /* list of nodes to take down */
    uint64_t sequence;  /* age: inputs are always older */
    uint64_t walk;      /* the last walk that met this node */
    size_t pending;     /* accumulators: uses not yet walked */
    int refs;
    int edge_count;
    int saved_count;
    bool released; /* saved tensors were given up */
    void *piece;   /* where edges and the rest are when there are more than fit inline */
    /* What the operation wants to remember; each operation says how it uses them. */
    int64_t ints[4];
    double floats[2];
    const void *pointer;
    int input_ndim[2];
    int64_t input_shape[2][DDP_TENSOR_DIMS_MAX];
    DdpNode *edges_inline[DDP_NODE_INLINE];
    DdpTensor *saved_inline[DDP_NODE_INLINE];
    uint32_t versions_inline[DDP_NODE_INLINE];
};

typedef struct {
    DdpBackwardDoneFunc func;
    void *user_data;
} DdpBackwardDone;

struct DdpModelContext {
    DdpMemoryPool pool;
    DdpSlab tensors;
    DdpSlab storages;
    DdpSlab nodes;
    DdpStorage *storages_head;
    size_t tensor_bytes_max;
    size_t total_bytes_max;
    size_t live_bytes;
    size_t peak_bytes; /* the most that was ever live */
    size_t mark_bytes; /* see ddp_model_context_growth() */
    size_t live_tensors;
    uint64_t allocated_bytes;
    uint64_t flops;
    uint64_t allocated_taken;
    uint64_t flops_taken;
    uint64_t node_sequence;
    uint64_t walk;     /* number of the latest walk */
    DdpNode *dead;     /* nodes that wait to be taken down */
    void *node_pieces; /* what nodes of many edges need beside themselves */
    bool taking_down;
    bool walking;
    bool grad_enabled;
    DdpAutocast autocast;
    int autocast_depth;         /* regions that were begun and not yet left */
    GHashTable *autocast_casts; /* owned; leaf to its cast, in these regions; made at first use */
    DdpGenerator *generator;
    GArray *done_calls; /* of DdpBackwardDone; made at first use */
    GPtrArray *order;   /* of the walk in progress; made at first use */
};

/* ---- tensors ------------------------------------------------------------------------- */

/* The product of sizes; false when one is negative, or the bytes of it overflow. */
bool ddp_shape_numel(DdpDtype dtype, int ndim, const int64_t *shape, size_t *numel, GError **error);

/* A tensor over the storage of @base, from byte @offset of its data on; no checks. */
DdpTensor *ddp_tensor_alias(DdpTensor *base, size_t offset, int ndim, const int64_t *shape);

/* An uninitialised tensor in the shape of @like. */
DdpTensor *ddp_tensor_new_like(DdpTensor *like, DdpDtype dtype, GError **error);

bool ddp_tensor_same_shape(const DdpTensor *a, const DdpTensor *b);

/* Wraps a negative dimension; torch's message when it is out of range. */
bool ddp_dim_wrap(int dim, int ndim, int *wrapped, GError **error);

static inline DdpDtype
dtype_of(const DdpTensor *tensor)
{
    return (DdpDtype)tensor->dtype;
}

static inline bool
dtype_is_half(DdpDtype dtype)
{
    return dtype == DDP_DTYPE_F16 || dtype == DDP_DTYPE_BF16;
}

static inline bool
dtype_is_int(DdpDtype dtype)
{
    return dtype >= DDP_DTYPE_I64 && dtype <= DDP_DTYPE_U8;
}

/* By the table of model/flops.h. */
static inline void
count_flops(DdpModelContext *context, uint64_t count)
{
    context->flops += count;
}

/* Replaces what @slot owns by NULL. */
static inline void
clear_tensor(DdpTensor **slot)
{
    DdpTensor *tensor = *slot;

    *slot = NULL;
    if (tensor != NULL)
        ddp_tensor_unref(tensor);
}

/* ---- graph --------------------------------------------------------------------------- */

/* Whether an operation on @tensor must leave a node. */
static inline bool
wants_grad(const DdpTensor *tensor)
{
    return tensor->requires_grad && tensor->context->grad_enabled;
}

/*
 * Makes @output the result of a new node with @count edges, none drawn yet. The caller then
 * draws edges and saves tensors; neither can fail.
 */
DdpNode *ddp_node_new(DdpTensor *output, const DdpGradOp *op, int edge_count, int saved_count);
void ddp_node_edge(DdpNode *node, int index, DdpTensor *input);
void ddp_node_save(DdpNode *node, int index, DdpTensor *tensor);
/* For a node's own output: saved without the node, or the two would hold each other. */
void ddp_node_save_output(DdpNode *node, int index, DdpTensor *output);
void ddp_node_remember_shape(DdpNode *node, int slot, const DdpTensor *input);
void ddp_node_unref(DdpNode *node);

static inline bool
node_wants(const DdpNode *node, int index)
{
    return node->edges[index] != NULL;
}

/* @grad summed over the dimensions that broadcasting had added: (transfer full). */
DdpTensor *ddp_grad_to_shape(DdpTensor *grad, int ndim, const int64_t *shape, GError **error);

/* Whether @target may be written in place now, with torch's messages. */
bool ddp_tensor_check_writable(DdpTensor *target, GError **error);

/*
 * An operation in place that the graph must know of computes its result aside, from the tensor
 * as it was before (the same memory, in the same place in the graph), and then lets @target
 * adopt the result: its elements, and its place in the graph. @former is NULL where the old
 * value took no part.
 */
DdpTensor *ddp_tensor_former(DdpTensor *target);
bool ddp_tensor_adopt(DdpTensor *target, DdpTensor *result, DdpTensor *former, GError **error);

G_END_DECLS
