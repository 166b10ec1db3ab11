/* SPDX-License-Identifier: MIT */
#include "sim/world/schedule.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world/error.h"

#define FNV_BASIS UINT32_C(0x811c9dc5)
#define FNV_PRIME UINT32_C(0x01000193)
#define CHECK_BYTES 4
#define SHOWN_CHARS 24 /* of a token, in messages */

/* A choice that is not the head of the queue. */
typedef struct {
    uint64_t index; /* how many choices come before it */
    uint32_t place;
} Asked;

/* What a token holds. */
typedef struct {
    uint64_t size;
    GArray *start;   /* of int: the ranks named */
    GArray *choices; /* of Asked, in order */
} Token;

struct DdpSchedule {
    DdpScheduleKind kind;
    GArray *asked; /* (nullable): of a replay */
    guint asked_next;
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

/* @named come first, the other ranks follow by number. */
static void
start_with(DdpSchedule *schedule, const int *named, int count, int size)
{
    g_autofree bool *seen = g_new0(bool, size);
    int used = 0;

    for (; used < count; used++) {
        schedule->start_order[used] = named[used];
        seen[named[used]] = true;
    }
    for (int rank = 0; rank < size; rank++) {
        if (!seen[rank])
            schedule->start_order[used++] = rank;
    }
}

/* Reads "2,0,1" into the start order. */
static bool
parse_order(DdpSchedule *schedule, const char *list, int size, GError **error)
{
    g_autofree bool *seen = g_new0(bool, size);
    g_autofree int *named = g_new(int, size);
    g_auto(GStrv) items = g_strsplit(list, ",", -1);
    int count = 0;

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
        named[count++] = (int)rank;
    }
    start_with(schedule, named, count, size);
    return true;
}

/* ---- tokens ---- */

static void
token_clear(Token *token)
{
    g_clear_pointer(&token->start, g_array_unref);
    g_clear_pointer(&token->choices, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Token, token_clear)

static uint32_t
checksum(const guint8 *bytes, gsize count)
{
    uint32_t sum = FNV_BASIS;

    for (gsize i = 0; i < count; i++)
        sum = (sum ^ bytes[i]) * FNV_PRIME;
    return sum;
}

static void
append_number(GByteArray *bytes, uint64_t number)
{
    do {
        guint8 byte = (guint8)((number & 0x7f) | (number > 0x7f ? 0x80 : 0));

        g_byte_array_append(bytes, &byte, 1);
        number >>= 7;
    } while (number > 0);
}

/* False if the bytes end within the number or it does not fit 64 bits. */
static bool
read_number(const guint8 **at, const guint8 *end, uint64_t *number)
{
    *number = 0;
    for (int shift = 0; shift < 63 && *at < end; shift += 7) {
        guint8 byte = *(*at)++;

        *number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* The bytes of @text in base64url, the check bytes behind them; NULL if it is not that. */
static guint8 *
decode(const char *text, gsize *count)
{
    g_autofree char *standard = g_strdup_printf("%s==", text);
    gsize length = strlen(text);

    for (gsize i = 0; i < length; i++) {
        if (text[i] == '-')
            standard[i] = '+';
        else if (text[i] == '_')
            standard[i] = '/';
        else if (!g_ascii_isalnum(text[i]))
            return NULL;
    }
    if (length % 4 == 1)
        return NULL;
    standard[length + (4 - length % 4) % 4] = '\0';

    g_autofree guint8 *bytes = g_base64_decode(standard, count);
    g_autofree char *canonical = g_base64_encode(bytes, *count);

    /* The last letter has bits to spare; they are zero, so that a slip there shows as well. */
    return strcmp(canonical, standard) == 0 ? g_steal_pointer(&bytes) : NULL;
}

static bool
damaged(const char *text, GError **error)
{
    g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                "schedule 'replay:%.*s%s': the token is damaged; expected the whole of one that a "
                "run printed, or random:SEED, order:RANK,RANK,... or round_robin",
                SHOWN_CHARS, text, strlen(text) > SHOWN_CHARS ? "..." : "");
    return false;
}

static bool
read_start(const guint8 **at, const guint8 *end, Token *token)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    uint64_t count, rank;

    if (!read_number(at, end, &count) || count > token->size)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!read_number(at, end, &rank) || rank >= token->size)
            return false;

        int named = (int)rank;

        if (!g_hash_table_add(seen, GINT_TO_POINTER(named)))
            return false;
        g_array_append_val(token->start, named);
    }
    return true;
}

static bool
read_choices(const guint8 **at, const guint8 *end, Token *token)
{
    uint64_t next = 0; /* index of the first choice that is not described yet */

    while (*at < end) {
        uint64_t head, more = 0;

        if (!read_number(at, end, &head) || ((head & 3) == 3 && !read_number(at, end, &more)))
            return false;

        uint64_t skip = (head & 3) + more;
        Asked asked = {next + skip, (uint32_t)(head >> 2)};

        /* The head of the queue is never written, and no queue is longer than the world. */
        if (head >> 2 == 0 || head >> 2 >= token->size || skip > SIZE_MAX / 2 - next)
            return false;
        g_array_append_val(token->choices, asked);
        next = asked.index + 1;
    }
    return true;
}

/* Reads @text, a token that begins with its version letter, for a world of @size ranks. */
static bool
read_token(const char *text, int size, Token *token, GError **error)
{
    gsize count = 0;
    g_autofree guint8 *bytes = text[0] == 'a' ? decode(text + 1, &count) : NULL;
    g_auto(Token) found = {0};

    if (bytes == NULL || count < CHECK_BYTES)
        return damaged(text, error);

    const guint8 *at = bytes, *end = bytes + count - CHECK_BYTES;
    uint32_t sum = checksum(bytes, count - CHECK_BYTES);

    for (int i = 0; i < CHECK_BYTES; i++) {
        if (end[i] != (guint8)(sum >> (8 * i)))
            return damaged(text, error);
    }
    found.start = g_array_new(FALSE, FALSE, sizeof(int));
    found.choices = g_array_new(FALSE, FALSE, sizeof(Asked));
    if (!read_number(&at, end, &found.size) || found.size < 1 || found.size > INT_MAX)
        return damaged(text, error);
    if (found.size != (uint64_t)size) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                    "the replay was recorded in a world of %d ranks, but this world has %d; play "
                    "it with world size %d",
                    (int)found.size, size, (int)found.size);
        return false;
    }
    if (!read_start(&at, end, &found) || !read_choices(&at, end, &found))
        return damaged(text, error);
    *token = found;
    found = (Token){0};
    return true;
}

static bool parse(DdpSchedule *schedule, const char *text, uint64_t seed, int size, GError **error);

/* "replay:random:7" is "random:7": what a run prints may be handed back in either form. */
static bool
parse_replay(DdpSchedule *schedule, const char *text, int size, GError **error)
{
    const char *written = text + strlen("replay:");
    Token token = {0};

    if (strcmp(written, "round_robin") == 0 || g_str_has_prefix(written, "order:") ||
        g_str_has_prefix(written, "random:"))
        return parse(schedule, written, 0, size, error);
    if (!read_token(written, size, &token, error))
        return false;
    schedule->kind = DDP_SCHEDULE_REPLAY;
    schedule->text = g_strdup(text);
    schedule->asked = g_steal_pointer(&token.choices);
    start_with(schedule, (const int *)(const void *)token.start->data, (int)token.start->len, size);
    token_clear(&token);
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
    if (g_str_has_prefix(text, "replay:"))
        return parse_replay(schedule, text, size, error);
    g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                "schedule '%s' is unknown; expected round_robin, random, random:SEED, "
                "order:RANK,RANK,... or replay:TOKEN",
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
    if (schedule->asked != NULL)
        g_array_unref(schedule->asked);
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

/* The place that the replay asks for at this choice; 0 where it asks for none. */
static uint32_t
asked_place(DdpSchedule *schedule)
{
    const Asked *asked = schedule->asked_next < schedule->asked->len
                             ? &g_array_index(schedule->asked, Asked, schedule->asked_next)
                             : NULL;

    if (asked == NULL || asked->index != schedule->choice_count)
        return 0;
    schedule->asked_next++;
    return asked->place;
}

/* Chooses between those in the queue, of whom there is more than one, and writes it down. */
static uint32_t
choose(DdpSchedule *schedule)
{
    uint32_t place = schedule->kind == DDP_SCHEDULE_RANDOM
                         ? random_below(&schedule->random, schedule->count)
                         : asked_place(schedule);

    if (place < schedule->count) {
        record(schedule, place);
        return place;
    }
    /* Not the run that was recorded: nothing of the rest is worth following. */
    schedule->asked_next = schedule->asked->len;
    record(schedule, DDP_SCHEDULE_MISFIT | schedule->count);
    return 0;
}

int
ddp_schedule_pop(DdpSchedule *schedule)
{
    if (schedule->count == 0)
        return -1;

    int *first = &schedule->ring[schedule->head & schedule->mask];
    int rank = *first;

    if (schedule->kind >= DDP_SCHEDULE_RANDOM && schedule->count > 1) {
        int *chosen = &schedule->ring[(schedule->head + choose(schedule)) & schedule->mask];

        rank = *chosen;
        *chosen = *first;
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

/* How many ranks must be named so that those behind them follow by number. */
static int
named_count(const int *start_order, int size)
{
    int count = size - 1;

    while (count > 0 && start_order[count - 1] < start_order[count])
        count--;
    return count;
}

char *
ddp_schedule_replay_text(int size, const int *start_order, const uint32_t *choices, size_t count)
{
    g_return_val_if_fail(size > 0, NULL);

    g_autoptr(GByteArray) bytes = g_byte_array_new();
    int named = named_count(start_order, size);
    uint64_t skip = 0;

    append_number(bytes, (uint64_t)size);
    append_number(bytes, (uint64_t)named);
    for (int i = 0; i < named; i++)
        append_number(bytes, (uint64_t)start_order[i]);
    for (size_t i = 0; i < count; i++) {
        if (choices[i] == 0) {
            skip++;
            continue;
        }
        append_number(bytes, (uint64_t)choices[i] << 2 | MIN(skip, 3));
        if (skip >= 3)
            append_number(bytes, skip - 3);
        skip = 0;
    }

    uint32_t sum = checksum(bytes->data, bytes->len);

    for (int i = 0; i < CHECK_BYTES; i++) {
        guint8 byte = (guint8)(sum >> (8 * i));

        g_byte_array_append(bytes, &byte, 1);
    }

    g_autofree char *standard = g_base64_encode(bytes->data, bytes->len);

    standard[strcspn(standard, "=")] = '\0';
    for (char *at = standard; *at != '\0'; at++)
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
    return g_strdup_printf("replay:a%s", standard);
}

bool
ddp_schedule_check_replay(const char *text, int size, const uint32_t *choices, size_t count,
                          GError **error)
{
    static const char why[] = "the scenario, its parameters or ddpsim have changed since it was "
                              "recorded";
    g_autoptr(DdpSchedule) replay = NULL;

    if (text == NULL || !g_str_has_prefix(text, "replay:"))
        return true;
    replay = ddp_schedule_new(text, 0, size, error);
    if (replay == NULL)
        return false;
    for (guint i = 0; replay->asked != NULL && i < replay->asked->len; i++) {
        const Asked *asked = &g_array_index(replay->asked, Asked, i);

        if (asked->index >= count) {
            g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                        "choice %" G_GUINT64_FORMAT " of the replay takes place %u of the queue, "
                        "but the run came to its end after %" G_GSIZE_FORMAT " choices; %s",
                        asked->index + 1, asked->place, count, why);
            return false;
        }
        if ((choices[asked->index] & DDP_SCHEDULE_MISFIT) != 0) {
            g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                        "choice %" G_GUINT64_FORMAT " of the replay takes place %u of the queue, "
                        "but only %u ranks could go on there (places 0 to %u); %s",
                        asked->index + 1, asked->place,
                        choices[asked->index] & ~DDP_SCHEDULE_MISFIT,
                        (choices[asked->index] & ~DDP_SCHEDULE_MISFIT) - 1, why);
            return false;
        }
    }
    return true;
}
