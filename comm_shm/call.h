/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/dtype.h"

G_BEGIN_DECLS

/*
 * One call of a collective as a rank made it: its signature, where it was made, and the
 * memory it concerns.
 *
 * The signature is what all members must agree on: kind, dtype, shape, reduce op and root.
 * Call site and name are for people; they take no part in matching.
 */

typedef enum {
    DDP_CALL_ALL_REDUCE,
    DDP_CALL_ALL_GATHER,
    DDP_CALL_ALL_GATHER_OBJECT,
    DDP_CALL_BROADCAST,
    DDP_CALL_BROADCAST_OBJECT,
    DDP_CALL_REDUCE,
    DDP_CALL_GATHER,
    DDP_CALL_SCATTER,
    DDP_CALL_REDUCE_SCATTER,
    DDP_CALL_ALL_TO_ALL,
    DDP_CALL_BARRIER,
    DDP_CALL_MONITORED_BARRIER,
    DDP_CALL_NEW_GROUP,
    DDP_CALL_SEND,
    DDP_CALL_RECV,
} DdpCallKind;

#define DDP_CALL_KIND_COUNT 15

typedef enum {
    DDP_REDUCE_SUM,
    DDP_REDUCE_AVG,
    DDP_REDUCE_PRODUCT,
    DDP_REDUCE_MIN,
    DDP_REDUCE_MAX,
    DDP_REDUCE_BAND,
    DDP_REDUCE_BOR,
    DDP_REDUCE_BXOR,
} DdpReduceOp;

#define DDP_REDUCE_OP_COUNT 8
#define DDP_CALL_DIMS_MAX 8

/* A place in a source file. The strings must live as long as the world. */
typedef struct {
    const char *file;
    int line;
} DdpSite;

#define DDP_HERE ((DdpSite){__FILE__, __LINE__})

#define DDP_VARIABLE_MAX 40 /* bytes */

/* More about who calls, where the language of the caller can tell. For people, as the site is. */
typedef struct {
    DdpSite via;   /* where the function was called that makes the call; line 0: nowhere */
    int scope;     /* the line on which that function begins, 0 if not known ... */
    int via_scope; /* ... and the one that @via stands in */
    char variable[DDP_VARIABLE_MAX]; /* what travels, as the outermost function calls it; "" */
} DdpCaller;

typedef struct {
    DdpCallKind kind;
    DdpDtype dtype;
    DdpReduceOp op; /* of those that reduce, else DDP_REDUCE_SUM */
    /* Rank in the world: src or dst, the peer of a send or receive; -1 where there is none, and
     * for a receive from any source, which finds the sender here when it is complete. */
    int root;
    int tag; /* of a send or receive; NCCL ignores it */
    /*
     * Elements of one rank's piece: of the input of all_reduce, broadcast, reduce, all_gather and
     * gather, of the output of scatter and reduce_scatter, of each piece of an even all_to_all.
     * Bytes of an object; ranks of a new group.
     */
    size_t count;
    int ndim; /* of @shape, the shape of that piece; 0 with count 1 is a single number */
    int64_t shape[DDP_CALL_DIMS_MAX];

    void *in;  /* borrowed until the call returns; what this rank brings */
    void *out; /* borrowed; where the result goes (may be @in) */
    /*
     * Object collectives: bytes may differ from rank to rank, so @out is made by the meeting and
     * handed to the caller, who frees it with g_free(); @counts likewise (bytes per rank).
     */
    size_t *counts;
    /*
     * This rank does not know what it will get (scatter where it is not the root, all_to_all with
     * uneven pieces): dtype, shape and count are taken from those who do, @out is made by the
     * meeting and handed to the caller as above, and so are @counts (elements from each member) of
     * all_to_all.
     */
    bool open;
    /* all_to_all with uneven pieces: elements to and from each member; borrowed. NULL: even. */
    const size_t *in_splits;
    const size_t *out_splits;
    int64_t timeout_ns;  /* of monitored_barrier, in virtual time */
    bool wait_all_ranks; /* of monitored_barrier: name all who are missing, not only the first */

    DdpSite site;
    const char
        *name; /* (nullable) the variable or metric that travels; lives as long as the call */
    const DdpCaller *caller; /* (nullable) lives as long as the call */
} DdpCall;

/*
 * A call with nothing in it but its kind and place: no root, no data, no dimensions. Field by
 * field, without @shape, because compilers clear a struct of this size with a slow string
 * instruction.
 */
static inline void
ddp_call_init(DdpCall *call, DdpCallKind kind, DdpSite site)
{
    call->kind = kind;
    call->dtype = (DdpDtype)0;
    call->op = DDP_REDUCE_SUM;
    call->root = -1;
    call->tag = 0;
    call->count = 0;
    call->ndim = 0;
    call->in = call->out = NULL;
    call->counts = NULL;
    call->open = false;
    call->in_splits = call->out_splits = NULL;
    call->timeout_ns = 0;
    call->wait_all_ranks = false;
    call->site = site;
    call->name = NULL;
    call->caller = NULL;
}

/* torch's name of the collective: "all_reduce". */
const char *ddp_call_kind_name(DdpCallKind kind);

/* torch's name of the op, in small letters: "sum", "avg", ... */
const char *ddp_reduce_op_name(DdpReduceOp op);
bool ddp_reduce_op_from_name(const char *name, DdpReduceOp *op);

/* False where hardware and torch have no such reduction (band of floats, avg of bool). */
bool ddp_reduce_op_supports(DdpReduceOp op, DdpDtype dtype);

/* True for the collectives that have a reduce op. */
bool ddp_call_reduces(DdpCallKind kind);

/* In what two signatures differ first; the order is that of severity. */
typedef enum {
    DDP_CALL_SAME,
    DDP_CALL_DIFFERS_KIND,
    DDP_CALL_DIFFERS_DTYPE,
    DDP_CALL_DIFFERS_SHAPE,
    DDP_CALL_DIFFERS_OP,
    DDP_CALL_DIFFERS_ROOT,
    DDP_CALL_DIFFERS_GROUP, /* new_group with other ranks */
    DDP_CALL_DIFFERS_NAME,  /* never of signatures: only where names are held against each other */
} DdpCallDifference;

DdpCallDifference ddp_call_compare(const DdpCall *a, const DdpCall *b);

/*
 * Two calls with one fingerprint have one signature; nearly always also the other way round (open
 * and uneven calls that fit may differ: ask ddp_call_compare()).
 */
uint64_t ddp_call_fingerprint(const DdpCall *call);

/*
 * The signature as far as one rank knows it, in a word: of calls that may meet in one collective
 * the words are equal. Unlike the fingerprint it holds nothing that differs from rank to rank.
 */
uint64_t ddp_call_signature(const DdpCall *call);

/* Whether two calls were made from one place: the same line, reached from the same line. */
bool ddp_call_same_place(const DdpCall *a, const DdpCall *b);
bool ddp_site_equal(const DdpSite *a, const DdpSite *b);

/* (transfer full): the signature for people: "all_reduce(float32[4, 2], sum)". */
char *ddp_call_describe(const DdpCall *call);

G_END_DECLS
