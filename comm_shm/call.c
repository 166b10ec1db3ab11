/* SPDX-License-Identifier: MIT */
#include "comm_shm/call.h"

#include <string.h>

#define RANKS_SHOWN 16 /* of those that a new group is made of */

static const char *const kind_names[DDP_CALL_KIND_COUNT] = {
    [DDP_CALL_ALL_REDUCE] = "all_reduce",
    [DDP_CALL_ALL_GATHER] = "all_gather",
    [DDP_CALL_ALL_GATHER_OBJECT] = "all_gather_object",
    [DDP_CALL_BROADCAST] = "broadcast",
    [DDP_CALL_BROADCAST_OBJECT] = "broadcast_object",
    [DDP_CALL_REDUCE] = "reduce",
    [DDP_CALL_GATHER] = "gather",
    [DDP_CALL_SCATTER] = "scatter",
    [DDP_CALL_REDUCE_SCATTER] = "reduce_scatter",
    [DDP_CALL_ALL_TO_ALL] = "all_to_all",
    [DDP_CALL_BARRIER] = "barrier",
    [DDP_CALL_MONITORED_BARRIER] = "monitored_barrier",
    [DDP_CALL_NEW_GROUP] = "new_group",
    [DDP_CALL_SEND] = "send",
    [DDP_CALL_RECV] = "recv",
};

static const char *const op_names[DDP_REDUCE_OP_COUNT] = {
    [DDP_REDUCE_SUM] = "sum", [DDP_REDUCE_AVG] = "avg",   [DDP_REDUCE_PRODUCT] = "product",
    [DDP_REDUCE_MIN] = "min", [DDP_REDUCE_MAX] = "max",   [DDP_REDUCE_BAND] = "band",
    [DDP_REDUCE_BOR] = "bor", [DDP_REDUCE_BXOR] = "bxor",
};

const char *
ddp_call_kind_name(DdpCallKind kind)
{
    return kind_names[kind];
}

const char *
ddp_reduce_op_name(DdpReduceOp op)
{
    return op_names[op];
}

bool
ddp_reduce_op_from_name(const char *name, DdpReduceOp *op)
{
    for (int i = 0; i < DDP_REDUCE_OP_COUNT; i++) {
        if (g_ascii_strcasecmp(op_names[i], name) == 0) {
            *op = (DdpReduceOp)i;
            return true;
        }
    }
    return false;
}

bool
ddp_reduce_op_supports(DdpReduceOp op, DdpDtype dtype)
{
    switch (op) {
    case DDP_REDUCE_SUM:
    case DDP_REDUCE_PRODUCT:
    case DDP_REDUCE_MIN:
    case DDP_REDUCE_MAX:
        return true;
    case DDP_REDUCE_AVG:
        return dtype != DDP_DTYPE_BOOL;
    case DDP_REDUCE_BAND:
    case DDP_REDUCE_BOR:
    case DDP_REDUCE_BXOR:
        return !ddp_dtype_is_float(dtype);
    }
    g_assert_not_reached();
}

/* True if dtype and shape belong to the signature. */
static bool
has_data(DdpCallKind kind)
{
    switch (kind) {
    case DDP_CALL_ALL_REDUCE:
    case DDP_CALL_ALL_GATHER:
    case DDP_CALL_BROADCAST:
    case DDP_CALL_REDUCE:
    case DDP_CALL_GATHER:
    case DDP_CALL_SCATTER:
    case DDP_CALL_REDUCE_SCATTER:
    case DDP_CALL_ALL_TO_ALL:
    case DDP_CALL_SEND:
    case DDP_CALL_RECV:
        return true;
    case DDP_CALL_ALL_GATHER_OBJECT:
    case DDP_CALL_BROADCAST_OBJECT:
    case DDP_CALL_BARRIER:
    case DDP_CALL_MONITORED_BARRIER:
    case DDP_CALL_NEW_GROUP:
        return false;
    }
    g_assert_not_reached();
}

bool
ddp_call_reduces(DdpCallKind kind)
{
    return kind == DDP_CALL_ALL_REDUCE || kind == DDP_CALL_REDUCE ||
           kind == DDP_CALL_REDUCE_SCATTER;
}

/* Dimension by dimension, the first one left out where pieces may have any length. */
static bool
same_shape(const DdpCall *a, const DdpCall *b)
{
    int first = a->in_splits != NULL || b->in_splits != NULL;

    if (a->ndim != b->ndim || (first == 0 && a->count != b->count))
        return false;
    for (int i = first; i < a->ndim; i++) {
        if (a->shape[i] != b->shape[i])
            return false;
    }
    return true;
}

DdpCallDifference
ddp_call_compare(const DdpCall *a, const DdpCall *b)
{
    if (a->kind != b->kind)
        return DDP_CALL_DIFFERS_KIND;
    if (has_data(a->kind) && !(a->kind == DDP_CALL_SCATTER && (a->open || b->open))) {
        if (a->dtype != b->dtype)
            return DDP_CALL_DIFFERS_DTYPE;
        /* How long the pieces of an all_to_all are is held against each other where they meet. */
        if (!same_shape(a, b))
            return DDP_CALL_DIFFERS_SHAPE;
    }
    if (a->kind == DDP_CALL_NEW_GROUP &&
        (a->count != b->count || memcmp(a->in, b->in, a->count * sizeof(int)) != 0))
        return DDP_CALL_DIFFERS_GROUP;
    if (a->op != b->op)
        return DDP_CALL_DIFFERS_OP;
    if (a->root != b->root)
        return DDP_CALL_DIFFERS_ROOT;
    return DDP_CALL_SAME;
}

static inline uint64_t
mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9fb21c651e98df25);
    return sum ^ (sum >> 32);
}

uint64_t
ddp_call_fingerprint(const DdpCall *call)
{
#ifdef DDP_UNCHECKED /* bench/collectives: to see what the checks cost */
    return call->kind;
#endif
    uint64_t sum =
        mix((uint64_t)call->kind | (uint64_t)call->dtype << 8 | (uint64_t)call->op << 16 |
                (uint64_t)call->ndim << 24 | (uint64_t)(uint32_t)call->root << 32,
            call->count);

    for (int i = 0; i < call->ndim; i++)
        sum = mix(sum, (uint64_t)call->shape[i]);
    /* The rest is not decided by equal words: these calls are always compared as a whole. */
    if (call->kind == DDP_CALL_NEW_GROUP || call->kind == DDP_CALL_ALL_TO_ALL)
        sum = mix(sum, (uintptr_t)call);
    return sum;
}

uint64_t
ddp_call_signature(const DdpCall *call)
{
    uint64_t sum = mix((uint64_t)call->kind | (uint64_t)(uint32_t)call->root << 32, call->op);
    bool uneven = call->kind == DDP_CALL_ALL_TO_ALL;

    if (call->kind == DDP_CALL_NEW_GROUP) {
        for (size_t i = 0; i < call->count; i++)
            sum = mix(sum, (uint64_t)((const int *)call->in)[i]);
    }
    if (!has_data(call->kind) || call->kind == DDP_CALL_SCATTER)
        return sum;
    sum = mix(sum, (uint64_t)call->dtype | (uint64_t)call->ndim << 8);
    for (int i = uneven; i < call->ndim; i++)
        sum = mix(sum, (uint64_t)call->shape[i]);
    return sum;
}

bool
ddp_site_equal(const DdpSite *a, const DdpSite *b)
{
    return a->line == b->line && (a->file == b->file || g_strcmp0(a->file, b->file) == 0);
}

bool
ddp_call_same_place(const DdpCall *a, const DdpCall *b)
{
    static const DdpSite nowhere;

    return ddp_site_equal(&a->site, &b->site) &&
           ddp_site_equal(a->caller != NULL ? &a->caller->via : &nowhere,
                          b->caller != NULL ? &b->caller->via : &nowhere);
}

/* torch's name of the argument that names the root. */
static const char *
root_name(DdpCallKind kind)
{
    return kind == DDP_CALL_REDUCE || kind == DDP_CALL_GATHER || kind == DDP_CALL_SEND ? "dst"
                                                                                       : "src";
}

char *
ddp_call_describe(const DdpCall *call)
{
    GString *text = g_string_new(kind_names[call->kind]);

    if (call->kind == DDP_CALL_NEW_GROUP && call->in != NULL) {
        g_string_append(text, "({");
        for (size_t i = 0; i < call->count && i < RANKS_SHOWN; i++)
            g_string_append_printf(text, "%s%d", i > 0 ? ", " : "", ((const int *)call->in)[i]);
        g_string_append(text, call->count > RANKS_SHOWN ? ", …})" : "})");
    } else if (call->kind == DDP_CALL_SCATTER && call->open) {
        g_string_append_printf(text, "(src=%d)", call->root);
    } else if (has_data(call->kind)) {
        g_string_append_printf(text, "(%s[", ddp_dtype_name(call->dtype));
        for (int i = 0; i < call->ndim; i++)
            g_string_append_printf(text, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "", call->shape[i]);
        g_string_append_c(text, ']');
        if (ddp_call_reduces(call->kind))
            g_string_append_printf(text, ", %s", op_names[call->op]);
        if (call->root >= 0)
            g_string_append_printf(text, ", %s=%d", root_name(call->kind), call->root);
        else if (call->kind == DDP_CALL_RECV)
            g_string_append(text, ", src=any");
        if (call->tag != 0)
            g_string_append_printf(text, ", tag=%d", call->tag);
        g_string_append_c(text, ')');
    } else if (call->root >= 0) {
        g_string_append_printf(text, "(src=%d)", call->root);
    } else {
        g_string_append(text, "()");
    }
    return g_string_free(text, FALSE);
}
