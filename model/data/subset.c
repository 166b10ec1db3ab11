/* SPDX-License-Identifier: MIT */

/* A choice of another data set's samples: torch's Subset. */

#include "model/data/dataset_kind.h"

typedef struct {
    DdpDataset base;
    DdpDataset *whole;      /* owned reference; never a subset itself */
    const int64_t *indices; /* into `whole`; borrowed until `release` */
    GDestroyNotify release;
    void *release_data;
} Subset;

/* Small, because ranks run on small stacks; large enough that the call per chunk is nothing. */
#define CHUNK 128

static void
subset_gather(const DdpDataset *dataset, int column, const int64_t *indices, size_t count,
              void *out)
{
    const Subset *subset = (const Subset *)dataset;
    size_t bytes = ddp_column_bytes(&subset->whole->columns[column]);
    char *target = out;
    int64_t chosen[CHUNK];

    while (count > 0) {
        size_t now = MIN(count, CHUNK);

        for (size_t k = 0; k < now; k++)
            chosen[k] = subset->indices[indices[k]];
        subset->whole->ops->gather(subset->whole, column, chosen, now, target);
        target += now * bytes;
        indices += now;
        count -= now;
    }
}

static void
subset_destroy(DdpDataset *dataset)
{
    Subset *subset = (Subset *)dataset;

    ddp_dataset_unref(subset->whole);
    if (subset->release != NULL)
        subset->release(subset->release_data);
    g_free(subset);
}

static const DdpDatasetOps subset_ops = {subset_gather, subset_destroy};

DdpDataset *
ddp_dataset_new_subset(DdpDataset *base, int64_t *indices, size_t count, GDestroyNotify release,
                       void *release_data, GError **error)
{
    if (!ddp_dataset_check_indices(base, indices, count, error)) {
        if (release != NULL)
            release(release_data);
        return NULL;
    }

    DdpDataset *whole = base;

    if (base->ops == &subset_ops) {
        const Subset *parent = (const Subset *)base;

        whole = parent->whole;
        for (size_t k = 0; k < count; k++)
            indices[k] = parent->indices[indices[k]];
    }

    Subset *subset = g_new0(Subset, 1);

    ddp_dataset_init(&subset->base, &subset_ops, "Subset", count, whole->columns,
                     whole->column_count);
    subset->whole = ddp_dataset_ref(whole);
    subset->indices = indices;
    subset->release = release;
    subset->release_data = release_data;
    return &subset->base;
}
