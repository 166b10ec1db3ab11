/* SPDX-License-Identifier: MIT */
#include "sim/world/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world/error.h"

struct DdpSchedule {
    DdpScheduleKind kind;
    char *text;
    int *start_order;
    int *ring; /* the queue: a power of two of places */
    uint32_t mask;
    uint32_t head;
    uint32_t count;
    uint64_t random; /* state of the generator */
    uint32_t *choices;
    size_t choice_count;
    size_t choice_room;
};

/* splitmix64: one multiply-xorshift chain a draw, any seed is good. */
static uint64_t
next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform below @bound by multiplication; the bias of 2^-32 · bound is of no account here. */
static uint32_t
random_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)(((next_random(state) >> 32) * bound) >> 32);
}

static bool
parse_seed(const char *digits, uint64_t *seed)
{
    char *end;

    errno = 0;
    *seed = g_ascii_strtoull(digits, &end, 10);
    return g_ascii_isdigit(digits[0]) && *end == '\0' && errno == 0;
}

/* Reads "2,0,1" into the start order; the ranks that are not named follow by number. */
static bool
parse_order(DdpSchedule *schedule, const char *list, int size, GError **error)
{
    g_autofree bool *seen = g_new0(bool, size);
    g_auto(GStrv) items = g_strsplit(list, ",", -1);
    int used = 0;

    if (items[0] == NULL) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                    "schedule 'order:' names no rank, expected 0 to %d", size - 1);
        return false;
    }
    for (int i = 0; items[i] != NULL; i++) {
        uint64_t rank;

        if (!parse_seed(g_strstrip(items[i]), &rank) || rank >= (uint64_t)size) {
            g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                        "schedule 'order:%s': '%s' is no rank, expected 0 to %d", list, items[i],
                        size - 1);
            return false;
        }
        if (seen[rank]) {
            g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                        "schedule 'order:%s': rank %d stands there twice", list, (int)rank);
            return false;
        }
        seen[rank] = true;
        schedule->start_order[used++] = (int)rank;
    }
    for (int rank = 0; rank < size; rank++) {
        if (!seen[rank])
            schedule->start_order[used++] = rank;
    }
    return true;
}

static bool
parse(DdpSchedule *schedule, const char *text, uint64_t seed, int size, GError **error)
{
    for (int rank = 0; rank < size; rank++)
        schedule->start_order[rank] = rank;
    if (text == NULL || strcmp(text, "round_robin") == 0) {
        schedule->kind = DDP_SCHEDULE_ROUND_ROBIN;
        schedule->text = g_strdup("round_robin");
        return true;
    }
    if (g_str_has_prefix(text, "order:")) {
        schedule->kind = DDP_SCHEDULE_ORDER;
        schedule->text = g_strdup(text);
        return parse_order(schedule, text + strlen("order:"), size, error);
    }
    if (strcmp(text, "random") == 0 ||
        (g_str_has_prefix(text, "random:") && parse_seed(text + strlen("random:"), &seed))) {
        schedule->kind = DDP_SCHEDULE_RANDOM;
        schedule->text = g_strdup_printf("random:%" G_GUINT64_FORMAT, seed);
        schedule->random = seed;
        for (int i = size - 1; i > 0; i--) {
            int j = (int)random_below(&schedule->random, (uint32_t)i + 1);
            int swapped = schedule->start_order[i];

            schedule->start_order[i] = schedule->start_order[j];
            schedule->start_order[j] = swapped;
        }
        return true;
    }
    g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                "schedule '%s' is unknown; expected round_robin, random, random:SEED or "
                "order:RANK,RANK,...",
                text);
    return false;
}

DdpSchedule *
ddp_schedule_new(const char *text, uint64_t seed, int size, GError **error)
{
    g_return_val_if_fail(size > 0, NULL);

    DdpSchedule *schedule = g_new0(DdpSchedule, 1);
    uint32_t places = 1;

    while (places < (uint32_t)size)
        places *= 2;
    schedule->start_order = g_new(int, size);
    schedule->ring = g_new(int, places);
    schedule->mask = places - 1;
    if (!parse(schedule, text, seed, size, error)) {
        ddp_schedule_free(schedule);
        return NULL;
    }
    return schedule;
}

void
ddp_schedule_free(DdpSchedule *schedule)
{
    if (schedule == NULL)
        return;
    g_free(schedule->text);
    g_free(schedule->start_order);
    g_free(schedule->ring);
    g_free(schedule->choices);
    g_free(schedule);
}

const char *
ddp_schedule_text(const DdpSchedule *schedule)
{
    return schedule->text;
}

const int *
ddp_schedule_start_order(const DdpSchedule *schedule)
{
    return schedule->start_order;
}

void
ddp_schedule_push(DdpSchedule *schedule, int rank)
{
    g_assert(schedule->count <= schedule->mask);
    schedule->ring[(schedule->head + schedule->count) & schedule->mask] = rank;
    schedule->count++;
}

static void
record(DdpSchedule *schedule, uint32_t choice)
{
    if (schedule->choice_count == schedule->choice_room) {
        schedule->choice_room = MAX(2 * schedule->choice_room, 256);
        schedule->choices = g_renew(uint32_t, schedule->choices, schedule->choice_room);
    }
    schedule->choices[schedule->choice_count++] = choice;
}

int
ddp_schedule_pop(DdpSchedule *schedule)
{
    if (schedule->count == 0)
        return -1;

    int *first = &schedule->ring[schedule->head & schedule->mask];
    int rank = *first;

    if (schedule->kind == DDP_SCHEDULE_RANDOM && schedule->count > 1) {
        uint32_t choice = random_below(&schedule->random, schedule->count);
        int *chosen = &schedule->ring[(schedule->head + choice) & schedule->mask];

        rank = *chosen;
        *chosen = *first;
        record(schedule, choice);
    }
    schedule->head++;
    schedule->count--;
    return rank;
}

const uint32_t *
ddp_schedule_choices(const DdpSchedule *schedule, size_t *count)
{
    *count = schedule->choice_count;
    return schedule->choices;
}
