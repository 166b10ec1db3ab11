/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/train/reducer.h"
#include "sim/train/sync.h"

G_BEGIN_DECLS

/* What the files of a reducer share: reducer.c, reducer_life.c,
 * reducer_buckets.c, reducer_text.c, join.c. */

/* A parameter and its place in a bucket. */
typedef struct {
    DdpReducer *reducer; /* back pointer for the hook */
    DdpTensor *parameter;
    DdpTensor *view; /* where its gradient lies in the bucket */
    size_t bucket;
    size_t offset;       /* in the bucket, in elements */
    uint32_t fired;      /* static_graph: how often the hook ran in the first pass */
    uint32_t fired_left; /* static_graph: and how often it still must in this one */
    bool ready;          /* its gradient of this pass lies in the bucket */
    bool reached;        /* find_unused_parameters: some output depends on it */
} DdpReducerSlot;

struct DdpGradBucket {
    DdpReducer *reducer;
    size_t index;
    DdpTensor *buffer; /* the gradients side by side */
    size_t *slots;     /* places in reducer->slots */
    size_t count;
    size_t pending; /* gradients that are not ready yet */
    bool launched;  /* its collective is on its way, or done */
    void *work;     /* of DdpReducerOps.begin */
    char *name;
};

/* A small tensor whose all_reduce is waited for later. */
typedef struct {
    DdpTensor *tensor;
    void *work;
} DdpReducerNotice;

struct DdpReducer {
    DdpModelContext *context;
    DdpReducerOps ops;
    DdpReducerSpec spec;
    int rank;
    int size;

    DdpReducerSlot *slots; /* by index of the parameter */
    size_t slot_count;
    char **names;      /* (nullable), by index of the parameter */
    GPtrArray *blocks; /* of DdpTensor: the parameters of each dtype side by side */
    GPtrArray *others;
    GPtrArray *buffers;

    DdpGradBucket *buckets;
    size_t bucket_count;
    size_t bucket_next; /* the first that was not launched in this pass */

    bool sync;          /* require_backward_grad_sync */
    bool sync_buffers;  /* require_forward_param_sync */
    bool expects;       /* gradients that get ready are to be reduced */
    bool unfinished;    /* some are in buckets, and the pass has not been finished */
    bool end_asked;     /* the walk in progress calls back at its end */
    bool marked_unused; /* those that cannot get one in this pass were marked ready */
    bool started;       /* this pass has put something into a bucket */
    uint64_t iteration; /* synchronised forwards so far */
    int divisor;        /* of this pass; 0 before it is known */

    size_t *arrival; /* parameters in the order of their first gradients */
    size_t arrival_count;
    bool has_rebuilt;

    DdpTensor *used;      /* int32: which parameters got a gradient, by this rank ... */
    DdpTensor *used_sum;  /* ... and by how many */
    GHashTable *slot_of;  /* from parameter to slot; only looked up */
    bool needless_search; /* see ddp_reducer_take_needless_search() */
    bool searched;

    DdpJoinSpec join;
    bool joins;                   /* in a join, or after one, as torch's _join_config */
    DdpReducerNotice active;      /* how many ranks are active */
    DdpReducerNotice will_reduce; /* how many will reduce in this backward */

    bool has_hook;
    DdpCommHook hook;

    uint64_t written; /* versions of all parameters together when @hash was made */
    uint64_t hash;
};

static inline DdpSyncPlace
ddp_reducer_place(const DdpReducer *reducer)
{
    return (DdpSyncPlace){reducer->context, &reducer->ops, reducer->rank, reducer->size};
}

/* Whether outputs are searched for parameters that they do not depend on. */
static inline bool
ddp_reducer_searches(const DdpReducer *reducer)
{
    return reducer->spec.find_unused_parameters && !reducer->spec.static_graph;
}

static inline bool
ddp_reducer_may_rebuild(const DdpReducer *reducer)
{
    return (reducer->spec.static_graph || !reducer->spec.find_unused_parameters) &&
           !reducer->has_rebuilt;
}

/* ---- reducer_buckets.c ---- */

bool ddp_reducer_first_buckets(DdpReducer *reducer, GError **error);
/* Makes buckets anew if that is due; a collective then. */
bool ddp_reducer_rebuild(DdpReducer *reducer, GError **error);
void ddp_reducer_clear_buckets(DdpReducer *reducer);
/* Memory that nobody else looks at, for what comes into the buckets now. */
bool ddp_reducer_refresh_buckets(DdpReducer *reducer, GError **error);

/* ---- reducer_text.c ---- */

/* Sets @error and returns false: the last pass is unfinished. */
bool ddp_reducer_fail_unfinished(const DdpReducer *reducer, GError **error);
bool ddp_reducer_fail_twice(const DdpReducer *reducer, const DdpReducerSlot *slot, GError **error);
bool ddp_reducer_fail_changed(GError **error);

/* ---- reducer.c ---- */

/* From now on gradients that get ready are looked at. */
void ddp_reducer_attach(DdpReducer *reducer);

bool ddp_reducer_sync_buffers(DdpReducer *reducer, int root, GError **error);
/* One collective per bucket in order, of zeros. */
bool ddp_reducer_shadow_buckets(DdpReducer *reducer, GError **error);
bool ddp_reducer_shadow_used(DdpReducer *reducer, GError **error);

/* ---- reducer_life.c ---- */

/* All parameters and buffers of @root, for everyone. */
bool ddp_reducer_broadcast_model(DdpReducer *reducer, int root, GError **error);

/* ---- join.c ---- */

/* What an active rank says at its forward, before and after its buffers. */
bool ddp_join_notify(DdpReducer *reducer, GError **error);
bool ddp_join_notify_reduce(DdpReducer *reducer, GError **error);
bool ddp_join_root(DdpReducer *reducer, bool candidate, int *root, GError **error);
/* The number of active ranks at this forward. */
bool ddp_join_active(DdpReducer *reducer, int *count, GError **error);
bool ddp_join_settle(DdpReducer *reducer, GError **error);
void ddp_join_clear(DdpReducer *reducer);

G_END_DECLS
