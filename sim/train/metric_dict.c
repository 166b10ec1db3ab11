/* SPDX-License-Identifier: MIT */
#include "sim/train/metric_dict.h"

#include <string.h>

typedef struct {
    DdpMetric metric; /* its strings are owned */
    uint64_t changed_at;
} Item;

struct DdpMetricDict {
    GArray *items;        /* of Item */
    GHashTable *index_of; /* by name, which the item owns: its index + 1 */
    uint64_t changes;
};

static void
item_clear(void *data)
{
    Item *item = data;

    g_free((char *)item->metric.name);
    g_free((char *)item->metric.site);
}

DdpMetricDict *
ddp_metric_dict_new(void)
{
    DdpMetricDict *dict = g_new0(DdpMetricDict, 1);

    dict->items = g_array_new(FALSE, TRUE, sizeof(Item));
    g_array_set_clear_func(dict->items, item_clear);
    dict->index_of = g_hash_table_new(g_str_hash, g_str_equal);
    return dict;
}

void
ddp_metric_dict_free(DdpMetricDict *dict)
{
    if (dict == NULL)
        return;
    g_hash_table_unref(dict->index_of);
    g_array_unref(dict->items);
    g_free(dict);
}

void
ddp_metric_dict_clear(DdpMetricDict *dict)
{
    g_hash_table_remove_all(dict->index_of);
    g_array_set_size(dict->items, 0);
    dict->changes++;
}

int
ddp_metric_dict_count(const DdpMetricDict *dict)
{
    return (int)dict->items->len;
}

const DdpMetric *
ddp_metric_dict_get(const DdpMetricDict *dict, int index)
{
    g_return_val_if_fail(index >= 0 && (guint)index < dict->items->len, NULL);

    return &g_array_index(dict->items, Item, index).metric;
}

/* The index of a name; names mostly come in the order of last time, so @hint is looked at first. */
static int
find(const DdpMetricDict *dict, const char *name, guint hint)
{
    if (hint < dict->items->len &&
        strcmp(g_array_index(dict->items, Item, hint).metric.name, name) == 0)
        return (int)hint;
    return GPOINTER_TO_INT(g_hash_table_lookup(dict->index_of, name)) - 1;
}

/* Returns the index behind that of @name. */
static guint
set(DdpMetricDict *dict, const char *name, DdpResultValue value, const char *site, guint hint)
{
    int index = find(dict, name, hint);

    dict->changes++;
    if (index < 0) {
        Item item = {.metric.name = g_strdup(name), .metric.site = g_strdup(site)};

        g_array_append_val(dict->items, item);
        index = (int)dict->items->len - 1;
        g_hash_table_insert(dict->index_of, (char *)item.metric.name, GINT_TO_POINTER(index + 1));
    }

    Item *item = &g_array_index(dict->items, Item, index);

    item->metric.value = value;
    item->changed_at = dict->changes;
    return (guint)index + 1;
}

void
ddp_metric_dict_set(DdpMetricDict *dict, const char *name, DdpResultValue value, const char *site)
{
    set(dict, name, value, site, 0);
}

const char *
ddp_metric_dict_site(const DdpMetricDict *dict, const char *name)
{
    int index = find(dict, name, 0);

    return index < 0 ? NULL : g_array_index(dict->items, Item, index).metric.site;
}

uint64_t
ddp_metric_dict_changes(const DdpMetricDict *dict)
{
    return dict->changes;
}

uint64_t
ddp_metric_dict_changed_at(const DdpMetricDict *dict, int index)
{
    g_return_val_if_fail(index >= 0 && (guint)index < dict->items->len, 0);

    return g_array_index(dict->items, Item, index).changed_at;
}

bool
ddp_metric_dicts_update(const DdpMetricDicts *dicts, DdpResults *results, DdpResultPhase phase,
                        GError **error)
{
    guint next_logged = 0, next_callback = 0, next_bar = 0;
    int count = ddp_results_count(results);

    for (int i = 0; i < count; i++) {
        DdpResultEntry *entry = ddp_results_entry(results, i);
        const DdpResultFacts *facts = ddp_result_entry_facts(entry);
        DdpResultValue value;
        bool has;

        if (!ddp_result_entry_is_valid(results, entry))
            continue;
        if (!ddp_result_entry_value(results, entry, phase, &value, &has, error))
            return false;
        if (!has)
            continue;

        const char *forked = ddp_result_entry_forked_name(entry, phase);
        bool shows =
            ddp_results_is_training(results) || (facts->meta.on_epoch && phase == DDP_RESULT_EPOCH);

        if (facts->meta.logger && dicts->logged != NULL)
            next_logged = set(dicts->logged, forked, value, facts->site, next_logged);
        if (shows && dicts->callback != NULL) {
            next_callback = set(dicts->callback, ddp_result_entry_name(entry), value, facts->site,
                                next_callback);
            if (facts->meta.on_step && facts->meta.on_epoch)
                next_callback = set(dicts->callback, forked, value, facts->site, next_callback);
        }
        if (facts->meta.prog_bar && dicts->bar != NULL)
            next_bar = set(dicts->bar, forked, value, facts->site, next_bar);
    }
    return true;
}
