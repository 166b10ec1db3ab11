/* SPDX-License-Identifier: MIT */
#pragma once

#include "comm_shm/call.h"
#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * What DistributedDataParallel does around a module: equal weights at the start, averaged
 * gradients after each backward. It follows Reducer and DistributedDataParallel of torch 2.x.
 *
 * A step of a rank that trains with it:
 *
 *   ddp_reducer_begin_forward(reducer, &error);             // before the module runs
 *   DdpTensor *output = ...;                                // the module itself
 *   ddp_reducer_end_forward(reducer, &output, 1, &error);   // after it
 *   ddp_tensor_backward(loss, &error);                      // reduces as gradients get ready
 *   ddp_optimizer_step(optimizer, &error);
 *
 *   prepared --first gradient--> filling --all buckets launched, end of backward--> finished
 *      ^                                                                               |
 *      +------------------------------- end_forward ------------------------------------+
 *
 * Gradients that get ready in another state than prepared or filling stay local. A gradient is
 * copied into its place in a bucket multiplied by fl(1 / world_size); a full bucket is all-reduced
 * with SUM, strictly in the order of buckets; at the end of backward each parameter's `grad` is
 * the average. In the first pass one bucket holds everything; then buckets are made anew in the
 * order in which gradients arrived.
 *
 * Parameters of one dtype are moved side by side into one block of memory. After a pass `grad` is
 * a view of the bucket, so nothing is copied back; when somebody still holds such a view at the
 * next pass, the bucket moves to other memory first, so that it looks as if each gradient had
 * memory of its own. A step allocates nothing.
 *
 * A reducer is used by its rank alone.
 */

/*
 * How a reducer reaches the other ranks of its group: all of them make the same calls in the same
 * order. All block, but for @begin; they fail when the world was ended. Roots are places in the
 * group. sim/train/rank_ops.h makes one for a DdpRank.
 */
typedef struct {
    bool (*all_reduce)(void *user_data, DdpTensor *tensor, DdpReduceOp op, const char *name,
                       GError **error);
    bool (*broadcast)(void *user_data, DdpTensor *tensor, int root, const char *name,
                      GError **error);
    /* @all has one element more of @own's size for each rank. */
    bool (*all_gather)(void *user_data, DdpTensor *own, DdpTensor *all, const char *name,
                       GError **error);
    /*
     * (nullable, all three): an all_reduce with SUM that goes on while the rank computes. What
     * @begin returns is ended by one call of @wait, which also puts the result into the tensor,
     * or of @drop. Without them each all_reduce blocks where it is launched.
     */
    void *(*begin)(void *user_data, DdpTensor *tensor, const char *name, GError **error);
    bool (*wait)(void *user_data, void *work, GError **error);
    void (*drop)(void *user_data, void *work);
    void *user_data;
} DdpReducerOps;

typedef struct DdpReducer DdpReducer;
typedef struct DdpGradBucket DdpGradBucket;

#define DDP_TRAIN_ERROR ddp_train_error_quark()
GQuark ddp_train_error_quark(void);

typedef enum {
    DDP_TRAIN_ERROR_FAILED,
    DDP_TRAIN_ERROR_UNUSED,    /* a parameter got no gradient */
    DDP_TRAIN_ERROR_TWICE,     /* a parameter was marked ready twice */
    DDP_TRAIN_ERROR_DIFFERS,   /* the ranks have different parameters */
    DDP_TRAIN_ERROR_EXHAUSTED, /* join: some rank has no inputs left, and asked to throw */
} DdpTrainError;

typedef struct {
    size_t bucket_cap_bytes; /* 0: 25 MiB, and the first bucket 1 MiB */
    bool broadcast_buffers;
    bool init_sync;
    bool find_unused_parameters;
    bool gradient_as_bucket_view;
    bool static_graph;
    bool names_in_errors; /* TORCH_DISTRIBUTED_DEBUG is INFO or DETAIL */
} DdpReducerSpec;

/* torch's defaults. */
DdpReducerSpec ddp_reducer_spec_default(void);

/* What is wrapped. Copied, with a reference to each tensor. */
typedef struct {
    DdpTensor *const *parameters; /* those that require a gradient, in module order, each once */
    size_t parameter_count;
    const char *const *names; /* (nullable): of the parameters, for messages */
    DdpTensor *const *others; /* (nullable): parameters that require none */
    size_t other_count;
    DdpTensor *const *buffers; /* (nullable) */
    size_t buffer_count;
} DdpReducerModule;

/**
 * ddp_reducer_new:
 * @rank: this rank's place in the group
 *
 * A collective: verifies that all ranks have the same parameters, and broadcasts rank 0's values.
 *
 * Returns: (transfer full): NULL with @error set
 */
DdpReducer *ddp_reducer_new(DdpModelContext *context, const DdpReducerModule *module, int rank,
                            int size, const DdpReducerSpec *spec, const DdpReducerOps *ops,
                            GError **error);
void ddp_reducer_free(DdpReducer *reducer);

/* ---- a step -------------------------------------------------------------------------- */

/*
 * Before the module runs: fails if the last pass left buckets incomplete, makes buckets anew when
 * that is due, broadcasts buffers.
 */
bool ddp_reducer_begin_forward(DdpReducer *reducer, GError **error);

/*
 * After it: from now on gradients are reduced as they get ready, or are left alone if gradients
 * are off or sync was. @outputs: what the module returned; only find_unused_parameters looks.
 */
bool ddp_reducer_end_forward(DdpReducer *reducer, DdpTensor *const *outputs, size_t count,
                             GError **error);

/* Whether it does: find_unused_parameters without static_graph, and the forward records gradients.
 */
bool ddp_reducer_wants_outputs(const DdpReducer *reducer);

/* For who runs the module without begin_forward: makes buckets anew when due, and then as
 * end_forward. */
bool ddp_reducer_prepare_backward(DdpReducer *reducer, DdpTensor *const *outputs, size_t count,
                                  GError **error);

/* no_sync(): false lets gradients stay local; forward and backward both belong inside. Returns
 * what it was before. */
bool ddp_reducer_set_sync(DdpReducer *reducer, bool sync);

/* Whether begin_forward would broadcast buffers now. */
bool ddp_reducer_syncs_buffers(const DdpReducer *reducer);
/* As it was in a run that goes on: a forward without gradients or inside no_sync turned it off. */
void ddp_reducer_set_syncs_buffers(DdpReducer *reducer, bool syncs);
/* The module has put other tensors into the places of its buffers. */
void ddp_reducer_set_buffers(DdpReducer *reducer, DdpTensor *const *buffers, size_t count);

/* ---- join ---------------------------------------------------------------------------- */

/* Ranks may have different numbers of steps between ddp_reducer_join() and _join_exit(). */
typedef struct {
    bool divide_by_initial_world_size;
    bool enable;
    bool throw_on_early_termination;
} DdpJoinSpec;

DdpJoinSpec ddp_join_spec_default(void); /* true, true, false */

void ddp_reducer_join(DdpReducer *reducer, const DdpJoinSpec *spec);

/**
 * ddp_reducer_join_exit:
 * @rounds: (out) (nullable): how many steps of others this rank has shadowed
 *
 * This rank has no inputs left: takes part in the collectives of those that have, until nobody
 * has, and then takes over the model of the last one. Not to be called after a failure.
 */
bool ddp_reducer_join_exit(DdpReducer *reducer, size_t *rounds, GError **error);

/* ---- communication hooks --------------------------------------------------------------- */

/*
 * What reduces a bucket instead of an all_reduce. The bucket then holds plain sums of this rank:
 * the hook has to average. @launch is called when the bucket is full, in order; @finish at the end
 * of backward, and leaves the result in ddp_grad_bucket_buffer().
 */
typedef struct {
    bool (*launch)(void *user_data, DdpGradBucket *bucket, GError **error);
    bool (*finish)(void *user_data, DdpGradBucket *bucket, GError **error);
    void *user_data;
} DdpCommHook;

/* Once per reducer. */
bool ddp_reducer_set_comm_hook(DdpReducer *reducer, const DdpCommHook *hook, GError **error);

size_t ddp_grad_bucket_index(const DdpGradBucket *bucket);
bool ddp_grad_bucket_is_last(const DdpGradBucket *bucket);
const char *ddp_grad_bucket_name(const DdpGradBucket *bucket); /* "DDP: bucket 0 of 3 gradients" */
DdpTensor *ddp_grad_bucket_buffer(DdpGradBucket *bucket);      /* (transfer none): flat */
size_t ddp_grad_bucket_count(const DdpGradBucket *bucket);     /* of parameters */
/* (transfer none) */
DdpTensor *ddp_grad_bucket_parameter(DdpGradBucket *bucket, size_t place);
DdpTensor *ddp_grad_bucket_gradient(DdpGradBucket *bucket, size_t place); /* a view of the buffer */

/* ---- looking at it --------------------------------------------------------------------- */

size_t ddp_reducer_bucket_count(const DdpReducer *reducer);
DdpGradBucket *ddp_reducer_bucket(DdpReducer *reducer, size_t index); /* (transfer none) */
bool ddp_reducer_has_rebuilt(const DdpReducer *reducer);
/* find_unused_parameters was asked for, and the first pass found none. True once. */
bool ddp_reducer_take_needless_search(DdpReducer *reducer);

/* A hash of all parameters that require a gradient; it costs nothing when they were not written. */
uint64_t ddp_reducer_hash_parameters(DdpReducer *reducer);
uint64_t ddp_reducer_hash_buffers(DdpReducer *reducer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpReducer, ddp_reducer_free)

G_END_DECLS
