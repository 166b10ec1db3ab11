/* SPDX-License-Identifier: MIT */
/*
 * Uneven inputs: Join and _DDPJoinHook of torch. Ranks that have inputs say so at each forward;
 * those that have none left shadow every collective of a step until nobody has.
 *
 *   active rank, each forward            joined rank, each round
 *   ---------------------------------    ---------------------------------
 *   all_reduce of 1 (begun)              all_reduce of 0: the sum says who is left
 *   [throw: all_reduce of 0]             [throw: all_reduce of 1, then fail]
 *   rebuild of buckets, if due           the same
 *   [buffers: MAX of own rank,           [buffers: MAX of -1,
 *    broadcast from the highest]          broadcast]
 *   all_reduce of 1, 0 in no_sync        all_reduce of 0: does anybody reduce?
 *   buckets, map of used parameters      the same with zeros
 */
#include "sim/train/reducer_private.h"

#define ACTIVE_NAME "DDP join: ranks with inputs"
#define THROW_NAME "DDP join: early termination"
#define REDUCES_NAME "DDP join: ranks that reduce"
#define ROOT_NAME "DDP join: rank to copy from"

DdpJoinSpec
ddp_join_spec_default(void)
{
    return (DdpJoinSpec){.divide_by_initial_world_size = true, .enable = true};
}

void
ddp_reducer_join(DdpReducer *reducer, const DdpJoinSpec *spec)
{
    reducer->join = *spec;
    reducer->joins = spec->enable;
}

/* ---- notices ------------------------------------------------------------------------- */

static DdpTensor *
number_new(const DdpReducer *reducer, DdpDtype dtype, int64_t value, GError **error)
{
    int64_t one[1] = {1};
    DdpTensor *tensor = ddp_tensor_new(reducer->context, dtype, 1, one, error);

    if (tensor != NULL && dtype == DDP_DTYPE_I64)
        ddp_tensor_set_i64(tensor, 0, value);
    else if (tensor != NULL)
        ddp_tensor_set_f64(tensor, 0, (double)value);
    return tensor;
}

/* The sum, or another reduction, of a number over all ranks. */
static bool
all_reduce_number(DdpReducer *reducer, DdpDtype dtype, DdpReduceOp op, int64_t *value,
                  const char *name, GError **error)
{
    g_autoptr(DdpTensor) tensor = number_new(reducer, dtype, *value, error);

    if (tensor == NULL || !reducer->ops.all_reduce(reducer->ops.user_data, tensor, op, name, error))
        return false;
    *value = (int64_t)ddp_tensor_item_f64(tensor, 0);
    return true;
}

static bool
notice_wait(DdpReducer *reducer, DdpReducerNotice *notice, GError **error)
{
    void *work = g_steal_pointer(&notice->work);

    return work == NULL || reducer->ops.wait(reducer->ops.user_data, work, error);
}

static void
notice_clear(DdpReducer *reducer, DdpReducerNotice *notice)
{
    if (notice->work != NULL)
        reducer->ops.drop(reducer->ops.user_data, g_steal_pointer(&notice->work));
    g_clear_pointer(&notice->tensor, ddp_tensor_unref);
}

/* Begins the sum of a number; one of a forward without a backward is over first. */
static bool
notice_begin(DdpReducer *reducer, DdpReducerNotice *notice, int64_t value, const char *name,
             GError **error)
{
    if (!notice_wait(reducer, notice, error))
        return false;
    notice_clear(reducer, notice);
    notice->tensor = number_new(reducer, DDP_DTYPE_F32, value, error);
    if (notice->tensor == NULL)
        return false;
    if (reducer->ops.begin == NULL)
        return reducer->ops.all_reduce(reducer->ops.user_data, notice->tensor, DDP_REDUCE_SUM, name,
                                       error);
    notice->work = reducer->ops.begin(reducer->ops.user_data, notice->tensor, name, error);
    return notice->work != NULL;
}

void
ddp_join_clear(DdpReducer *reducer)
{
    notice_clear(reducer, &reducer->active);
    notice_clear(reducer, &reducer->will_reduce);
}

bool
ddp_join_settle(DdpReducer *reducer, GError **error)
{
    return notice_wait(reducer, &reducer->active, error) &&
           notice_wait(reducer, &reducer->will_reduce, error);
}

/* ---- an active rank ------------------------------------------------------------------ */

bool
ddp_join_notify(DdpReducer *reducer, GError **error)
{
    int64_t exhausted = 0;

    if (!notice_begin(reducer, &reducer->active, 1, ACTIVE_NAME, error))
        return false;
    if (!reducer->join.throw_on_early_termination)
        return true;
    if (!all_reduce_number(reducer, DDP_DTYPE_F32, DDP_REDUCE_SUM, &exhausted, THROW_NAME, error))
        return false;
    if (exhausted == 0)
        return true;
    g_set_error_literal(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_EXHAUSTED,
                        "Detected at least one rank that exhausted inputs. Throwing across all "
                        "ranks.");
    return false;
}

bool
ddp_join_notify_reduce(DdpReducer *reducer, GError **error)
{
    return notice_begin(reducer, &reducer->will_reduce, reducer->sync ? 1 : 0, REDUCES_NAME, error);
}

bool
ddp_join_active(DdpReducer *reducer, int *count, GError **error)
{
    if (reducer->active.tensor == NULL)
        return true;
    if (!notice_wait(reducer, &reducer->active, error))
        return false;
    *count = (int)ddp_tensor_item_f64(reducer->active.tensor, 0);
    return true;
}

/* The highest rank that is a candidate: its values are those that count. */
bool
ddp_join_root(DdpReducer *reducer, bool candidate, int *root, GError **error)
{
    int64_t rank = candidate ? reducer->rank : -1;

    if (!all_reduce_number(reducer, DDP_DTYPE_I64, DDP_REDUCE_MAX, &rank, ROOT_NAME, error))
        return false;
    if (rank < 0) {
        g_set_error_literal(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_FAILED,
                            "join: no rank has a model to copy from");
        return false;
    }
    *root = (int)rank;
    return true;
}

/* ---- a joined rank ------------------------------------------------------------------- */

static bool
throw_for_all(DdpReducer *reducer, GError **error)
{
    int64_t exhausted = 1;

    if (!all_reduce_number(reducer, DDP_DTYPE_F32, DDP_REDUCE_SUM, &exhausted, THROW_NAME, error))
        return false;
    g_set_error(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_EXHAUSTED, "Rank %d exhausted all inputs.",
                reducer->rank);
    return false;
}

static bool
shadow_buffers(DdpReducer *reducer, GError **error)
{
    int root = 0;

    if (!ddp_reducer_syncs_buffers(reducer))
        return true;
    return ddp_join_root(reducer, false, &root, error) &&
           ddp_reducer_sync_buffers(reducer, root, error);
}

static bool
shadow_step(DdpReducer *reducer, GError **error)
{
    int64_t reduces = 0;

    if (!ddp_reducer_rebuild(reducer, error) || !shadow_buffers(reducer, error) ||
        !all_reduce_number(reducer, DDP_DTYPE_F32, DDP_REDUCE_SUM, &reduces, REDUCES_NAME, error))
        return false;
    reducer->sync_buffers = reduces > 0;
    if (reduces == 0)
        return true;
    return ddp_reducer_shadow_buckets(reducer, error) && ddp_reducer_shadow_used(reducer, error);
}

bool
ddp_reducer_join_exit(DdpReducer *reducer, size_t *rounds, GError **error)
{
    size_t shadowed = 0;
    int root = 0;

    if (rounds != NULL)
        *rounds = 0;
    if (!reducer->joins)
        return true;
    if (!ddp_join_settle(reducer, error))
        return false;
    for (;;) {
        int64_t active = 0;

        if (!all_reduce_number(reducer, DDP_DTYPE_F32, DDP_REDUCE_SUM, &active, ACTIVE_NAME, error))
            return false;
        if (active == 0)
            break;
        if (reducer->join.throw_on_early_termination)
            return throw_for_all(reducer, error);
        if (!shadow_step(reducer, error))
            return false;
        shadowed++;
    }
    if (rounds != NULL)
        *rounds = shadowed;
    return ddp_join_root(reducer, shadowed == 0, &root, error) &&
           ddp_reducer_broadcast_model(reducer, root, error);
}
