/* SPDX-License-Identifier: MIT */
#include "sim/train/results.h"

#include <math.h>
#include <string.h>

#include "sim/train/hook_rules.h"

struct DdpResultEntry {
    DdpResultFacts facts; /* its strings are owned */
    bool has_loader_key;  /* the loader's index is part of the entry's identity */

    char *shown;        /* owned: the name with the loader's index */
    char *shown_step;   /* owned */
    char *shown_epoch;  /* owned */
    char *barrier_text; /* owned: purposes of its collectives */
    char *step_text;    /* owned */
    char *epoch_text;   /* owned */
    char *weights_text; /* owned */

    /* Of a tensor: what was logged so far in the epoch. */
    DdpResultValue sum; /* S, or the running sum, minimum or maximum */
    int64_t weight;     /* N, unless weight_is_float */
    float weight_f32;
    bool weight_is_float;

    int64_t metric; /* of a Metric */

    bool has_forward, has_computed;
    DdpResultValue forward, computed;
    bool was_reset;
};

struct DdpResults {
    bool training;
    DdpResultOps ops;
    int dataloader_idx;
    GPtrArray *entries;       /* of DdpResultEntry, owned */
    GHashTable *entry_by_key; /* of those entries; keys owned */
    GString *key;             /* scratch */
};

/* ---- reductions by name ---- */

static const char *const reduce_names[] = {
    [DDP_RESULT_MEAN] = "mean",
    [DDP_RESULT_SUM] = "sum",
    [DDP_RESULT_MIN] = "min",
    [DDP_RESULT_MAX] = "max",
};

const char *
ddp_result_reduce_name(DdpResultReduce reduce)
{
    return reduce_names[reduce];
}

bool
ddp_result_reduce_from_name(const char *name, DdpResultReduce *reduce, GError **error)
{
    const char *wanted = g_ascii_strcasecmp(name, "avg") == 0 ? "mean" : name;

    for (size_t i = 0; i < G_N_ELEMENTS(reduce_names); i++) {
        if (g_ascii_strcasecmp(wanted, reduce_names[i]) == 0) {
            *reduce = (DdpResultReduce)i;
            return true;
        }
    }
    g_set_error(error, DDP_LOG_ERROR, DDP_LOG_ERROR_MISCONFIGURATION,
                "MisconfigurationException: self:log with reduce_fx = %s; only mean, sum, min and "
                "max are possible, for anything else log a Metric object",
                name);
    return false;
}

/* ---- arithmetic of 0-dimensional tensors ---- */

static DdpResultValue
number_of(DdpDtype dtype, double value)
{
    if (dtype == DDP_DTYPE_F32)
        value = (double)(float)value;
    return (DdpResultValue){dtype, value};
}

static DdpDtype
wider(DdpDtype a, DdpDtype b)
{
    return a == DDP_DTYPE_F64 || b == DDP_DTYPE_F64 ? DDP_DTYPE_F64 : DDP_DTYPE_F32;
}

/* One rounding to float32 of the exact or double result is what float32 arithmetic gives. */
static DdpResultValue
add(DdpResultValue a, DdpResultValue b)
{
    DdpDtype dtype = wider(a.dtype, b.dtype);

    if (dtype == DDP_DTYPE_F64)
        return number_of(dtype, a.value + b.value);
    return number_of(dtype, (double)((float)a.value + (float)b.value));
}

/* A number that is no tensor takes the tensor's dtype first. */
static DdpResultValue
scale(DdpResultValue a, DdpNumber factor)
{
    double wide = factor.kind == DDP_NUMBER_FLOAT ? factor.f : (double)factor.i;
    float narrow = factor.kind == DDP_NUMBER_FLOAT ? (float)factor.f : (float)factor.i;

    if (a.dtype == DDP_DTYPE_F64)
        return number_of(a.dtype, a.value * wide);
    return number_of(a.dtype, (double)((float)a.value * narrow));
}

static DdpResultValue
divide(DdpResultValue a, double divisor)
{
    if (a.dtype == DDP_DTYPE_F64)
        return number_of(a.dtype, a.value / divisor);
    return number_of(a.dtype, (double)((float)a.value / (float)divisor));
}

/* torch.min and torch.max: a NaN wins. */
static DdpResultValue
extreme(DdpResultValue a, DdpResultValue b, bool largest)
{
    DdpDtype dtype = wider(a.dtype, b.dtype);

    if (isnan(a.value) || isnan(b.value))
        return number_of(dtype, (double)NAN);
    if (largest)
        return number_of(dtype, a.value > b.value ? a.value : b.value);
    return number_of(dtype, a.value < b.value ? a.value : b.value);
}

/* ---- entries ---- */

static void
clear_state(DdpResultEntry *entry)
{
    double start = 0;

    if (entry->facts.meta.reduce == DDP_RESULT_MIN)
        start = (double)INFINITY;
    else if (entry->facts.meta.reduce == DDP_RESULT_MAX)
        start = (double)-INFINITY;
    entry->sum = (DdpResultValue){DDP_DTYPE_F32, start};
    entry->weight = 0;
    entry->weight_is_float = false;
    entry->has_forward = entry->has_computed = false;
}

static DdpResultEntry *
entry_new(const char *hook, const char *name, int dataloader_idx, const DdpResultMeta *meta,
          bool is_tensor, const char *site)
{
    DdpResultEntry *entry = g_new0(DdpResultEntry, 1);
    bool forked = meta->on_step && meta->on_epoch;
    g_autofree char *suffix = dataloader_idx >= 0 && meta->add_dataloader_idx
                                  ? g_strdup_printf("/dataloader_idx_%d", dataloader_idx)
                                  : g_strdup("");

    entry->facts = (DdpResultFacts){
        .hook = g_strdup(hook),
        .name = g_strdup(name),
        .dataloader_idx = dataloader_idx,
        .is_tensor = is_tensor,
        .meta = *meta,
        .site = g_strdup(site),
    };
    entry->has_loader_key = dataloader_idx >= 0 && meta->add_dataloader_idx;
    entry->shown = g_strconcat(name, suffix, NULL);
    entry->shown_step = g_strconcat(name, forked ? "_step" : "", suffix, NULL);
    entry->shown_epoch = g_strconcat(name, forked ? "_epoch" : "", suffix, NULL);
    entry->barrier_text = g_strdup_printf("log %s: barrier", entry->shown);
    entry->step_text = g_strdup_printf("log %s: reduce on step", entry->shown);
    entry->epoch_text = g_strdup_printf("log %s: reduce at epoch end", entry->shown);
    entry->weights_text =
        g_strdup_printf("log %s: reduce of batch sizes at epoch end", entry->shown);
    clear_state(entry);
    return entry;
}

static void
entry_free(void *data)
{
    DdpResultEntry *entry = data;

    g_free((char *)entry->facts.hook);
    g_free((char *)entry->facts.name);
    g_free((char *)entry->facts.site);
    g_free(entry->shown);
    g_free(entry->shown_step);
    g_free(entry->shown_epoch);
    g_free(entry->barrier_text);
    g_free(entry->step_text);
    g_free(entry->epoch_text);
    g_free(entry->weights_text);
    g_free(entry);
}

const DdpResultFacts *
ddp_result_entry_facts(const DdpResultEntry *entry)
{
    return &entry->facts;
}

bool
ddp_result_entry_is_weighted(const DdpResultEntry *entry)
{
    return entry->facts.is_tensor && entry->facts.meta.on_epoch &&
           entry->facts.meta.reduce == DDP_RESULT_MEAN;
}

const char *
ddp_result_entry_name(const DdpResultEntry *entry)
{
    return entry->shown;
}

const char *
ddp_result_entry_forked_name(const DdpResultEntry *entry, DdpResultPhase phase)
{
    return phase == DDP_RESULT_STEP ? entry->shown_step : entry->shown_epoch;
}

bool
ddp_result_entry_is_valid(const DdpResults *results, const DdpResultEntry *entry)
{
    return !entry->was_reset && entry->facts.dataloader_idx == results->dataloader_idx;
}

/* ---- the collection ---- */

DdpResults *
ddp_results_new(bool training, const DdpResultOps *ops)
{
    DdpResults *results = g_new0(DdpResults, 1);

    results->training = training;
    results->ops = *ops;
    results->dataloader_idx = -1;
    results->entries = g_ptr_array_new_with_free_func(entry_free);
    results->entry_by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    results->key = g_string_new(NULL);
    return results;
}

void
ddp_results_free(DdpResults *results)
{
    if (results == NULL)
        return;
    g_hash_table_unref(results->entry_by_key);
    g_ptr_array_unref(results->entries);
    g_string_free(results->key, TRUE);
    g_free(results);
}

bool
ddp_results_is_training(const DdpResults *results)
{
    return results->training;
}

void
ddp_results_set_dataloader(DdpResults *results, int dataloader_idx)
{
    results->dataloader_idx = dataloader_idx;
}

int
ddp_results_dataloader(const DdpResults *results)
{
    return results->dataloader_idx;
}

int
ddp_results_count(const DdpResults *results)
{
    return (int)results->entries->len;
}

DdpResultEntry *
ddp_results_entry(DdpResults *results, int index)
{
    g_return_val_if_fail(index >= 0 && (guint)index < results->entries->len, NULL);

    return results->entries->pdata[index];
}

DdpResultEntry *
ddp_results_find(DdpResults *results, const char *hook, const char *name, bool add_dataloader_idx)
{
    g_string_assign(results->key, hook);
    g_string_append_c(results->key, '.');
    g_string_append(results->key, name);
    if (add_dataloader_idx && results->dataloader_idx >= 0)
        g_string_append_printf(results->key, ".%d", results->dataloader_idx);
    return g_hash_table_lookup(results->entry_by_key, results->key->str);
}

static bool
same_meta(const DdpResultMeta *a, const DdpResultMeta *b)
{
    return a->prog_bar == b->prog_bar && a->logger == b->logger && a->on_step == b->on_step &&
           a->on_epoch == b->on_epoch && a->reduce == b->reduce &&
           a->enable_graph == b->enable_graph && a->sync_dist == b->sync_dist &&
           a->rank_zero_only == b->rank_zero_only &&
           a->add_dataloader_idx == b->add_dataloader_idx && a->group == b->group &&
           a->metric_attribute == b->metric_attribute;
}

/* The option by which the two differ, in the original's order. */
static const char *
difference(const DdpResultMeta *a, const DdpResultMeta *b)
{
    if (a->prog_bar != b->prog_bar)
        return "prog_bar";
    if (a->logger != b->logger)
        return "logger";
    if (a->on_step != b->on_step)
        return "on_step";
    if (a->on_epoch != b->on_epoch)
        return "on_epoch";
    if (a->reduce != b->reduce)
        return "reduce_fx";
    if (a->enable_graph != b->enable_graph)
        return "enable_graph";
    if (a->add_dataloader_idx != b->add_dataloader_idx)
        return "add_dataloader_idx";
    if (a->metric_attribute != b->metric_attribute)
        return "metric_attribute";
    if (a->sync_dist != b->sync_dist)
        return "sync_dist";
    if (a->rank_zero_only != b->rank_zero_only)
        return "rank_zero_only";
    return a->group != b->group ? "sync_dist_group" : "dataloader";
}

DdpResultEntry *
ddp_results_log(DdpResults *results, DdpResultEntry *known, const char *hook, const char *name,
                const DdpResultMeta *meta, bool is_tensor, const char *site, GError **error)
{
    if (!meta->on_step && !meta->on_epoch) {
        g_set_error(error, DDP_LOG_ERROR, DDP_LOG_ERROR_MISCONFIGURATION,
                    "MisconfigurationException: self:log of '%s' with on_step = false and "
                    "on_epoch = false would log nothing",
                    name);
        return NULL;
    }

    DdpResultEntry *entry =
        known != NULL ? known : ddp_results_find(results, hook, name, meta->add_dataloader_idx);

    if (entry == NULL) {
        entry = entry_new(hook, name, results->dataloader_idx, meta, is_tensor, site);
        g_ptr_array_add(results->entries, entry);
        g_hash_table_insert(results->entry_by_key, g_strdup(results->key->str), entry);
        return entry;
    }
    /* The loader belongs to the settings: without the index in the key it tells calls apart. */
    if (same_meta(&entry->facts.meta, meta) && entry->facts.is_tensor == is_tensor &&
        entry->facts.dataloader_idx == results->dataloader_idx)
        return entry;

    g_set_error(error, DDP_LOG_ERROR, DDP_LOG_ERROR_MISCONFIGURATION,
                "MisconfigurationException: self:log of '%s' was called twice in '%s' with "
                "different arguments (%s); the first time at %s",
                name, hook, difference(&entry->facts.meta, meta),
                entry->facts.site != NULL ? entry->facts.site : "an unknown line");
    return NULL;
}

/* ---- over the ranks ---- */

static bool
is_synced(const DdpResultEntry *entry)
{
    return entry->facts.meta.sync_dist && !entry->facts.meta.rank_zero_only;
}

static DdpResultOp
op_of(const DdpResults *results, DdpResultReduce reduce)
{
    switch (reduce) {
    case DDP_RESULT_MEAN:
        return results->ops.has_avg ? DDP_RESULT_OP_AVG : DDP_RESULT_OP_SUM;
    case DDP_RESULT_SUM:
        return DDP_RESULT_OP_SUM;
    case DDP_RESULT_MIN:
        return DDP_RESULT_OP_MIN;
    case DDP_RESULT_MAX:
        return DDP_RESULT_OP_MAX;
    }
    g_assert_not_reached();
}

/* A barrier, then an all_reduce: as Lightning's _sync_ddp. */
static bool
reduce_number(DdpResults *results, const DdpResultEntry *entry, const char *purpose, DdpDtype dtype,
              void *number, GError **error)
{
    const DdpResultOps *ops = &results->ops;

    return ops->barrier(ops->user_data, &entry->facts, entry->barrier_text, error) &&
           ops->all_reduce(ops->user_data, &entry->facts, purpose,
                           op_of(results, entry->facts.meta.reduce), dtype, number, error);
}

/* Whether what comes back is still a sum that stands for a mean. */
static bool
must_divide(const DdpResults *results, const DdpResultEntry *entry)
{
    return entry->facts.meta.reduce == DDP_RESULT_MEAN && !results->ops.has_avg;
}

static bool
sync_value(DdpResults *results, const DdpResultEntry *entry, const char *purpose,
           DdpResultValue *value, GError **error)
{
    double wide = value->value;
    float narrow = (float)value->value;
    bool is_wide = value->dtype == DDP_DTYPE_F64;

    if (!is_synced(entry))
        return true;
    if (!reduce_number(results, entry, purpose, value->dtype,
                       is_wide ? (void *)&wide : (void *)&narrow, error))
        return false;
    value->value = is_wide ? wide : (double)narrow;
    if (must_divide(results, entry))
        *value = divide(*value, results->ops.size(results->ops.user_data, &entry->facts));
    return true;
}

/* N, in place. Its mean is a float32 that is cut off when it goes back into the int64. */
static bool
sync_weight(DdpResults *results, DdpResultEntry *entry, GError **error)
{
    if (!is_synced(entry))
        return true;
    if (entry->weight_is_float) {
        DdpResultValue weight = {DDP_DTYPE_F32, (double)entry->weight_f32};

        if (!sync_value(results, entry, entry->weights_text, &weight, error))
            return false;
        entry->weight_f32 = (float)weight.value;
        return true;
    }

    int64_t weight = entry->weight;

    if (!reduce_number(results, entry, entry->weights_text, DDP_DTYPE_I64, &weight, error))
        return false;
    if (must_divide(results, entry)) {
        int size = results->ops.size(results->ops.user_data, &entry->facts);

        weight = (int64_t)((float)weight / (float)size);
    }
    entry->weight = weight;
    return true;
}

/* ---- observing ---- */

static void
add_weight(DdpResultEntry *entry, DdpNumber weight)
{
    if (weight.kind == DDP_NUMBER_FLOAT && !entry->weight_is_float) {
        entry->weight_is_float = true;
        entry->weight_f32 = (float)entry->weight;
    }
    if (entry->weight_is_float)
        entry->weight_f32 += weight.kind == DDP_NUMBER_FLOAT ? (float)weight.f : (float)weight.i;
    else
        entry->weight = (int64_t)((uint64_t)entry->weight + (uint64_t)weight.i);
}

bool
ddp_result_entry_observe(DdpResults *results, DdpResultEntry *entry, DdpResultValue value,
                         DdpNumber weight, GError **error)
{
    const DdpResultMeta *meta = &entry->facts.meta;

    g_assert(entry->facts.is_tensor);
    if (meta->on_step) {
        DdpResultValue step = value;

        if (!sync_value(results, entry, entry->step_text, &step, error))
            return false;
        entry->forward = step;
        entry->has_forward = true;
    }
    entry->has_computed = false;
    entry->was_reset = false;
    if (!meta->on_epoch)
        return true;

    switch (meta->reduce) {
    case DDP_RESULT_MEAN:
        entry->sum = add(entry->sum, scale(value, weight));
        add_weight(entry, weight);
        break;
    case DDP_RESULT_SUM:
        entry->sum = add(entry->sum, value);
        break;
    case DDP_RESULT_MIN:
    case DDP_RESULT_MAX:
        entry->sum = extreme(entry->sum, value, meta->reduce == DDP_RESULT_MAX);
        break;
    }
    return true;
}

void
ddp_result_entry_observe_metric(DdpResultEntry *entry, int64_t metric,
                                const DdpResultValue *forward)
{
    g_assert(!entry->facts.is_tensor);
    entry->metric = metric;
    entry->has_forward = forward != NULL;
    if (forward != NULL)
        entry->forward = *forward;
    entry->has_computed = false;
    entry->was_reset = false;
}

/* ---- values ---- */

static bool
compute(DdpResults *results, DdpResultEntry *entry, DdpResultValue *value, GError **error)
{
    const DdpResultOps *ops = &results->ops;

    if (!entry->facts.is_tensor)
        return ops->metric_compute(ops->user_data, &entry->facts, entry->metric, value, error);

    if (!entry->facts.meta.sync_dist && ops->unsynced != NULL)
        ops->unsynced(ops->user_data, &entry->facts);
    *value = entry->sum;
    if (!sync_value(results, entry, entry->epoch_text, value, error))
        return false;
    if (entry->facts.meta.reduce != DDP_RESULT_MEAN)
        return true;
    if (!sync_weight(results, entry, error))
        return false;
    if (entry->weight_is_float)
        *value = divide(*value, (double)entry->weight_f32);
    else if (value->dtype == DDP_DTYPE_F64)
        *value = divide(*value, (double)entry->weight);
    else
        *value = divide(*value, (double)(float)entry->weight);
    return true;
}

bool
ddp_result_entry_value(DdpResults *results, DdpResultEntry *entry, DdpResultPhase phase,
                       DdpResultValue *value, bool *has, GError **error)
{
    const DdpResultMeta *meta = &entry->facts.meta;

    *has = false;
    if (phase == DDP_RESULT_STEP) {
        *has = meta->on_step && entry->has_forward;
        if (*has)
            *value = entry->forward;
        return true;
    }
    if (!meta->on_epoch)
        return true;
    if (!entry->has_computed) {
        DdpResultValue computed;

        if (!compute(results, entry, &computed, error))
            return false;
        entry->computed = computed;
        entry->has_computed = true;
    }
    *value = entry->computed;
    *has = true;
    return true;
}

/* ---- resets ---- */

bool
ddp_results_reset(DdpResults *results, DdpResetKind kind, const char *hook, GError **error)
{
    const DdpResultOps *ops = &results->ops;

    for (guint i = 0; i < results->entries->len; i++) {
        DdpResultEntry *entry = results->entries->pdata[i];

        if (kind != DDP_RESET_ALL && entry->facts.is_tensor != (kind == DDP_RESET_TENSORS))
            continue;
        if (hook != NULL && (entry->has_loader_key || strcmp(hook, entry->facts.hook) != 0))
            continue;
        if (entry->facts.is_tensor)
            clear_state(entry);
        else if (!ops->metric_reset(ops->user_data, &entry->facts, entry->metric, error))
            return false;
        entry->was_reset = true;
    }
    return true;
}

/* ---- checkpoints ---- */

DdpResultHeld
ddp_result_entry_held(const DdpResultEntry *entry)
{
    return (DdpResultHeld){
        .sum = entry->sum,
        .weight = entry->weight,
        .weight_f32 = entry->weight_f32,
        .weight_is_float = entry->weight_is_float,
        .has_forward = entry->has_forward,
        .has_computed = entry->has_computed,
        .was_reset = entry->was_reset,
        .forward = entry->forward,
        .computed = entry->computed,
    };
}

void
ddp_result_entry_hold(DdpResultEntry *entry, const DdpResultHeld *held, int64_t metric)
{
    entry->sum = held->sum;
    entry->weight = held->weight;
    entry->weight_f32 = held->weight_f32;
    entry->weight_is_float = held->weight_is_float;
    entry->has_forward = held->has_forward;
    entry->has_computed = held->has_computed;
    entry->was_reset = held->was_reset;
    entry->forward = held->forward;
    entry->computed = held->computed;
    entry->metric = metric;
}
