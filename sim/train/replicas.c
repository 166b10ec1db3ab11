/* SPDX-License-Identifier: MIT */
#include "sim/train/replicas.h"

#include <string.h>

typedef struct {
    int what;
    int64_t step;
    int noted;
    uint64_t *hashes; /* by rank */
} Step;

struct DdpReplicas {
    int world_size;
    GQueue open;    /* of Step, not yet noted by all, in the order of before() */
    Step *diverged; /* the first, or NULL */
    int64_t compared;
};

DdpReplicas *
ddp_replicas_new(int world_size)
{
    DdpReplicas *replicas = g_new0(DdpReplicas, 1);

    replicas->world_size = world_size;
    g_queue_init(&replicas->open);
    return replicas;
}

static void
step_free(void *step_)
{
    Step *step = step_;

    g_free(step->hashes);
    g_free(step);
}

void
ddp_replicas_free(DdpReplicas *replicas)
{
    if (replicas == NULL)
        return;
    g_queue_clear_full(&replicas->open, step_free);
    if (replicas->diverged != NULL)
        step_free(replicas->diverged);
    g_free(replicas);
}

static uint64_t
mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
    return hash ^ (hash >> 29);
}

/* Four independent lanes, so that the multiplications overlap; words are read little-endian. */
uint64_t
ddp_replicas_hash(const void *data, size_t bytes)
{
    uint64_t lanes[4] = {1, 2, 3, 4};
    const char *at = data;
    size_t left = bytes;

    for (; left >= 32; left -= 32, at += 32) {
        for (int lane = 0; lane < 4; lane++) {
            uint64_t word;

            memcpy(&word, at + 8 * lane, 8);
            lanes[lane] = mix(lanes[lane], GUINT64_FROM_LE(word));
        }
    }

    uint64_t hash = bytes;

    for (; left > 0; left--)
        hash = mix(hash, (unsigned char)*at++);
    for (int lane = 0; lane < 4; lane++)
        hash = mix(hash, lanes[lane]);
    return hash;
}

static bool
differs(const DdpReplicas *replicas, const Step *step)
{
    for (int rank = 1; rank < replicas->world_size; rank++) {
        if (step->hashes[rank] != step->hashes[0])
            return true;
    }
    return false;
}

static bool
before(const Step *a, const Step *b)
{
    return a->step != b->step ? a->step < b->step : a->what < b->what;
}

/* The open entry of a step, made and put into its place if there is none. */
static GList *
find_open(DdpReplicas *replicas, int what, int64_t number)
{
    const Step wanted = {.what = what, .step = number};
    GList *link = replicas->open.head;

    while (link != NULL && before(link->data, &wanted))
        link = link->next;
    if (link != NULL && !before(&wanted, link->data))
        return link;

    Step *step = g_new0(Step, 1);

    step->what = what;
    step->step = number;
    step->hashes = g_new0(uint64_t, replicas->world_size);
    g_queue_insert_before(&replicas->open, link, step);
    return link != NULL ? link->prev : replicas->open.tail;
}

/* Ranks run apart, so of two that diverge a later one may be complete first. */
static void
keep_first(DdpReplicas *replicas, Step *step)
{
    if (replicas->diverged == NULL || before(step, replicas->diverged)) {
        Step *former = replicas->diverged;

        replicas->diverged = step;
        step = former;
    }
    if (step != NULL)
        step_free(step);
}

void
ddp_replicas_note(DdpReplicas *replicas, int rank, int what, int64_t number, uint64_t hash)
{
    GList *link = find_open(replicas, what, number);
    Step *step = link->data;

    step->hashes[rank] = hash;
    if (++step->noted < replicas->world_size)
        return;
    replicas->compared++;
    g_queue_delete_link(&replicas->open, link);
    if (differs(replicas, step))
        keep_first(replicas, step);
    else
        step_free(step);
}

int64_t
ddp_replicas_compared(const DdpReplicas *replicas)
{
    return replicas->compared;
}

bool
ddp_replicas_divergence(const DdpReplicas *replicas, int *what, int64_t *step, GArray **ranks)
{
    if (replicas->diverged == NULL)
        return false;
    if (what != NULL)
        *what = replicas->diverged->what;
    *step = replicas->diverged->step;
    *ranks = g_array_new(FALSE, FALSE, sizeof(int));
    for (int rank = 1; rank < replicas->world_size; rank++) {
        if (replicas->diverged->hashes[rank] != replicas->diverged->hashes[0])
            g_array_append_val(*ranks, rank);
    }
    return true;
}
