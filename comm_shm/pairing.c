/* SPDX-License-Identifier: MIT */
/*
 * Two collectives in crossed order: the signatures agree, so hardware pairs them in silence and
 * each value becomes the other.
 *
 * That equal calls meet from different places is no mistake by itself. What gives a mistake away:
 *
 *   names      the callers say what travels, and say different things
 *   lines      over a few meetings, two ranks went through the same lines in another order, and
 *              what travels there is not the same
 *   places     the same, of lines together with the lines that called the function they stand in
 *   variables  the same, of the variables that hold what travels
 *
 * The last three need a memory: of each group the last few meetings whose members came from
 * different places. Meetings where all came from one place cost nothing and change nothing; one
 * whose members came from the same places as a few meetings ago, as in the branches of a loop,
 * costs a glance.
 */
#include "comm_shm/comm_private.h"

#include <string.h>

#define PAIRINGS_MAX 64 /* different pairs of places; each counts how often it happened */
#define MEMORY 4        /* meetings; the longest row of calls whose order is told */
#define SPAN_MAX 8      /* how far apart in a group's sequence two calls may be exchanged */
#define ORDERS_MAX 8    /* different orders among the members that are counted */

/* What calls are told apart by. */
typedef enum { BY_LINE, BY_PLACE, BY_VARIABLE, WAY_COUNT } Way;

/* Who came, as far as it matters later. */
typedef struct {
    uint64_t tokens[WAY_COUNT]; /* 0: not known */
    DdpSite site;
    bool is_named;
    DdpCaller caller;
} Comer;

typedef struct {
    uint64_t seq;
    uint64_t places; /* of all members, in a word */
    DdpCallKind kind;
    Comer *comers; /* by member */
} Meeting;

struct DdpCrossing {
    int count; /* of meetings, the oldest first */
    Meeting meetings[MEMORY];
    uint64_t *sums;   /* scratch, by member: of the tokens, in any order ... */
    uint64_t *orders; /* ... and in theirs */
};

static struct DdpCrossing *
crossing_new(DdpHeap *heap, int size)
{
    struct DdpCrossing *crossing = ddp_heap_alloc0(heap, sizeof *crossing);

    for (int i = 0; i < MEMORY; i++)
        crossing->meetings[i].comers = ddp_heap_alloc(heap, (size_t)size * sizeof(Comer));
    crossing->sums = ddp_heap_alloc(heap, (size_t)size * sizeof *crossing->sums);
    crossing->orders = ddp_heap_alloc(heap, (size_t)size * sizeof *crossing->orders);
    return crossing;
}

void
ddp_crossing_free(DdpHeap *heap, struct DdpCrossing *crossing)
{
    if (crossing == NULL)
        return;
    for (int i = 0; i < MEMORY; i++)
        ddp_heap_release(heap, crossing->meetings[i].comers);
    ddp_heap_release(heap, crossing->sums);
    ddp_heap_release(heap, crossing->orders);
    ddp_heap_release(heap, crossing);
}

void
ddp_pairings_free(DdpComm *comm)
{
    for (guint i = 0; i < comm->pairing_count; i++) {
        for (int side = 0; side < 2; side++) {
            ddp_heap_release(comm->heap, comm->pairings[i].names[side]);
            ddp_heap_release(comm->heap, comm->pairings[i].variables[side]);
            ddp_heap_release(comm->heap, comm->pairings[i].signatures[side]);
            ddp_heap_release(comm->heap, comm->pairings[i].ranks[side]);
        }
    }
    ddp_heap_release(comm->heap, comm->pairings);
}

/* ---- what was found ---- */

/* One side of a pairing. */
typedef struct {
    const char *name;
    const char *variable;
    const char *signature; /* (nullable) */
    DdpSite site, via;
} Side;

static bool
is_side(const DdpPairing *pairing, int index, const Side *side)
{
    return ddp_site_equal(&pairing->sites[index], &side->site) &&
           ddp_site_equal(&pairing->vias[index], &side->via) &&
           g_strcmp0(pairing->names[index], side->name) == 0;
}

/* The two values have met before, the other way round or from elsewhere, a few calls ago. */
static bool
is_other_half(const DdpPairing *pairing, uint64_t seq, const Side *one, const Side *other)
{
    if (one->name == NULL || other->name == NULL || seq - pairing->seq > SPAN_MAX)
        return false;
    return g_strcmp0(pairing->names[0], other->name) == 0 &&
           g_strcmp0(pairing->names[1], one->name) == 0;
}

/* The entry for these two sides; NULL when there was one, which is counted, or there is no room. */
static DdpPairing *
pairing_of(DdpGroup *group, DdpCallKind kind, DdpCallDifference difference, uint64_t seq,
           const Side sides[2])
{
    DdpComm *comm = group->comm;
    DdpHeap *heap = comm->heap;
    DdpPairing *pairing;

    for (guint i = 0; i < comm->pairing_count; i++) {
        pairing = &comm->pairings[i];
        if (pairing->difference != difference)
            continue;
        if ((is_side(pairing, 0, &sides[0]) && is_side(pairing, 1, &sides[1])) ||
            (is_side(pairing, 0, &sides[1]) && is_side(pairing, 1, &sides[0]))) {
            pairing->times++;
            return NULL;
        }
        if (is_other_half(pairing, seq, &sides[0], &sides[1]))
            return NULL;
    }
    if (comm->pairing_count >= PAIRINGS_MAX)
        return NULL;
    if (comm->pairings == NULL)
        comm->pairings = ddp_heap_alloc0(heap, PAIRINGS_MAX * sizeof *comm->pairings);
    pairing = &comm->pairings[comm->pairing_count++];
    *pairing = (DdpPairing){
        .kind = kind, .difference = difference, .group = group->name, .seq = seq, .times = 1};
    for (int i = 0; i < 2; i++) {
        pairing->names[i] = ddp_heap_strdup(heap, sides[i].name);
        pairing->variables[i] = ddp_heap_strdup(heap, sides[i].variable);
        pairing->signatures[i] = ddp_heap_strdup(heap, sides[i].signature);
        pairing->sites[i] = sides[i].site;
        pairing->vias[i] = sides[i].via;
        pairing->ranks[i] = ddp_heap_alloc(heap, (size_t)group->size * sizeof(int));
    }
    return pairing;
}

#define EXCHANGE(array)                                                                            \
    do {                                                                                           \
        __typeof__(array[0]) held = array[0];                                                      \
        array[0] = array[1];                                                                       \
        array[1] = held;                                                                           \
    } while (0)

/* The larger side first; of two equal ones that with the lowest rank. */
static void
order_sides(DdpPairing *pairing)
{
    if (pairing->rank_count[0] > pairing->rank_count[1] ||
        (pairing->rank_count[0] == pairing->rank_count[1] &&
         pairing->ranks[0][0] < pairing->ranks[1][0]))
        return;
    EXCHANGE(pairing->names);
    EXCHANGE(pairing->variables);
    EXCHANGE(pairing->signatures);
    EXCHANGE(pairing->sites);
    EXCHANGE(pairing->vias);
    EXCHANGE(pairing->ranks);
    EXCHANGE(pairing->rank_count);
}

static Side
side_of(const DdpCall *call, const char *signature)
{
    return (Side){.name = call->name,
                  .variable = call->caller != NULL && call->caller->variable[0] != '\0'
                                  ? call->caller->variable
                                  : NULL,
                  .signature = signature,
                  .site = call->site,
                  .via = call->caller != NULL ? call->caller->via : (DdpSite){0}};
}

/* ---- names ---- */

/* A call that names something else than @one does; NULL if there is none. */
static const DdpCall *
other_name(const DdpGroup *group, const DdpMeet *meet, const DdpCall *one)
{
    for (int member = 0; member < group->size; member++) {
        const DdpCall *call = ddp_meet_call(meet, member);

        if (call->name != NULL && call->name != one->name && strcmp(call->name, one->name) != 0)
            return call;
    }
    return NULL;
}

static void
check_names(DdpGroup *group, const DdpMeet *meet, const DdpCall *one, const DdpCall *other)
{
    const Side sides[2] = {side_of(one, NULL), side_of(other, NULL)};
    DdpPairing *pairing = pairing_of(group, one->kind, DDP_CALL_SAME, meet->seq, sides);

    if (pairing == NULL)
        return;
    for (int member = 0; member < group->size; member++) {
        const char *name = ddp_meet_call(meet, member)->name;
        int rank = ddp_rank_of(group, member);

        for (int side = 0; side < 2; side++) {
            if (name != NULL && strcmp(name, pairing->names[side]) == 0)
                pairing->ranks[side][pairing->rank_count[side]++] = rank;
        }
    }
    order_sides(pairing);
}

/* ---- places and variables ---- */

static uint64_t
scatter(uint64_t token)
{
    token *= UINT64_C(0x9e3779b97f4a7c15);
    return token ^ (token >> 29);
}

static uint64_t
places_of(const DdpGroup *group, const DdpMeet *meet)
{
    uint64_t places = 0;

    for (int member = 0; member < group->size; member++)
        places = scatter(places ^ meet->posts[member]->place);
    return places;
}

/* Moves the meeting at @index behind the others. */
static void
make_last(struct DdpCrossing *crossing, int index)
{
    Meeting meeting = crossing->meetings[index];
    int behind = crossing->count - 1 - index;

    memmove(&crossing->meetings[index], &crossing->meetings[index + 1],
            (size_t)behind * sizeof meeting);
    crossing->meetings[crossing->count - 1] = meeting;
}

/* The members came from these places before, and nothing was wrong with it: it is now that late. */
static bool
is_known(struct DdpCrossing *crossing, const DdpMeet *meet, uint64_t places)
{
    for (int i = crossing->count - 1; i >= 0; i--) {
        if (crossing->meetings[i].places == places) {
            make_last(crossing, i);
            crossing->meetings[crossing->count - 1].seq = meet->seq;
            return true;
        }
    }
    return false;
}

static void
remember(DdpGroup *group, const DdpMeet *meet, uint64_t places)
{
    struct DdpCrossing *crossing = group->crossing;
    Meeting *meeting;

    if (crossing->count < MEMORY)
        crossing->count++;
    else
        make_last(crossing, 0);
    meeting = &crossing->meetings[crossing->count - 1];
    meeting->seq = meet->seq;
    meeting->places = places;
    meeting->kind = ddp_meet_call(meet, 0)->kind;
    for (int member = 0; member < group->size; member++) {
        const DdpPost *post = meet->posts[member];
        Comer *comer = &meeting->comers[member];

        comer->tokens[BY_LINE] = (uint64_t)(uint32_t)post->call->site.line + 1;
        comer->tokens[BY_PLACE] = post->place + 1;
        comer->tokens[BY_VARIABLE] = 0;
        comer->site = post->call->site;
        comer->is_named = post->call->name != NULL;
        if (post->call->caller != NULL) {
            comer->caller = *post->call->caller;
            if (comer->caller.variable[0] != '\0')
                comer->tokens[BY_VARIABLE] = g_str_hash(comer->caller.variable) | UINT64_C(1) << 32;
        } else {
            comer->caller.via.line = comer->caller.scope = comer->caller.via_scope = 0;
            comer->caller.variable[0] = '\0';
        }
    }
}

/* Sums up each member's last @length tokens; false if one is not known. */
static bool
sum_up(const DdpGroup *group, int length, Way way)
{
    struct DdpCrossing *crossing = group->crossing;

    for (int member = 0; member < group->size; member++) {
        uint64_t sum = 0, order = 0;

        for (int i = crossing->count - length; i < crossing->count; i++) {
            uint64_t token = crossing->meetings[i].comers[member].tokens[way];

            if (token == 0)
                return false;
            sum += scatter(token);
            order = scatter(order ^ token);
        }
        crossing->sums[member] = sum;
        crossing->orders[member] = order;
    }
    return true;
}

/* A member that went the way that most went; ties for the lowest. */
static int
most_common(const DdpGroup *group)
{
    const uint64_t *orders = group->crossing->orders;
    int first[ORDERS_MAX] = {0}, counts[ORDERS_MAX] = {0}, known = 0, most = 0;

    for (int member = 0; member < group->size; member++) {
        int i = 0;

        while (i < known && orders[first[i]] != orders[member])
            i++;
        if (i == ORDERS_MAX)
            continue;
        if (i == known) {
            first[known] = member;
            counts[known++] = 0;
        }
        counts[i]++;
    }
    for (int i = 1; i < known; i++) {
        if (counts[i] > counts[most])
            most = i;
    }
    return first[most];
}

/* Whether what @one and @other send is known, or likely, to be two different things. */
static bool
sends_another(const Comer *one, const Comer *other)
{
    const DdpCaller *a = &one->caller, *b = &other->caller;

    if (one->is_named && other->is_named)
        return false; /* the names say what belongs together, and they agree */
    if (one->tokens[BY_VARIABLE] != 0 && other->tokens[BY_VARIABLE] != 0)
        return one->tokens[BY_VARIABLE] != other->tokens[BY_VARIABLE];
    /* One function that goes through its lines in turns is not two that are called in turns. */
    if (ddp_site_equal(&one->site, &other->site))
        return a->via_scope == 0 || a->via_scope != b->via_scope;
    return a->scope == 0 || a->scope != b->scope;
}

static Side
side_of_comer(const Comer *comer)
{
    return (Side){.variable = comer->caller.variable[0] != '\0' ? comer->caller.variable : NULL,
                  .site = comer->site,
                  .via = comer->caller.via.line != 0 ? comer->caller.via : (DdpSite){0}};
}

static void
note_crossing(DdpGroup *group, int at, int most, int other)
{
    const struct DdpCrossing *crossing = group->crossing;
    const Meeting *meeting = &crossing->meetings[at];
    const Side sides[2] = {side_of_comer(&meeting->comers[most]),
                           side_of_comer(&meeting->comers[other])};
    DdpPairing *pairing = pairing_of(group, meeting->kind, DDP_CALL_SAME, meeting->seq, sides);

    if (pairing == NULL)
        return;
    for (int member = 0; member < group->size; member++) {
        int side = crossing->orders[member] == crossing->orders[most]    ? 0
                   : crossing->orders[member] == crossing->orders[other] ? 1
                                                                         : -1;

        if (side >= 0)
            pairing->ranks[side][pairing->rank_count[side]++] = ddp_rank_of(group, member);
    }
    order_sides(pairing);
}

/* Two members went through the last @length calls, the same ones, in different orders. */
static bool
is_crossed(DdpGroup *group, int length, Way way)
{
    struct DdpCrossing *crossing = group->crossing;
    int most, other, at = crossing->count - length;
    const Comer *comers;

    if (!sum_up(group, length, way))
        return false;
    most = most_common(group);
    for (other = 0; other < group->size; other++) {
        if (crossing->orders[other] != crossing->orders[most] &&
            crossing->sums[other] == crossing->sums[most])
            break;
    }
    if (other == group->size)
        return false;
    for (;; at++) {
        comers = crossing->meetings[at].comers;
        if (comers[most].tokens[way] != comers[other].tokens[way])
            break;
    }
    if (!sends_another(&comers[most], &comers[other]))
        return false;
    note_crossing(group, at, most, other);
    return true;
}

static void
check_order(DdpGroup *group, const DdpMeet *meet)
{
    struct DdpCrossing *crossing;
    uint64_t places = places_of(group, meet);

    if (group->crossing == NULL)
        group->crossing = crossing_new(group->comm->heap, group->size);
    crossing = group->crossing;
    if (is_known(crossing, meet, places))
        return;
    remember(group, meet, places);
    for (int length = 2; length <= crossing->count; length++) {
        if (meet->seq - crossing->meetings[crossing->count - length].seq > SPAN_MAX)
            break;
        for (Way way = BY_LINE; way < WAY_COUNT; way++) {
            if (is_crossed(group, length, way)) {
                crossing->count = 0;
                return;
            }
        }
    }
}

static bool
carries_nothing(DdpCallKind kind)
{
    return kind == DDP_CALL_BARRIER || kind == DDP_CALL_MONITORED_BARRIER ||
           kind == DDP_CALL_NEW_GROUP;
}

/* The first call that has a name; NULL if none has one. */
static const DdpCall *
first_named(const DdpGroup *group, const DdpMeet *meet)
{
    for (int member = 0; member < group->size; member++) {
        if (ddp_meet_call(meet, member)->name != NULL)
            return ddp_meet_call(meet, member);
    }
    return NULL;
}

bool
ddp_pairing_names_differ(const DdpGroup *group, const DdpMeet *meet)
{
    const DdpCall *one = first_named(group, meet);

    return one != NULL && !carries_nothing(one->kind) && other_name(group, meet, one) != NULL;
}

void
ddp_pairing_check(DdpGroup *group, const DdpMeet *meet)
{
    const DdpCall *one = first_named(group, meet), *other = NULL;

    if (carries_nothing(ddp_meet_call(meet, 0)->kind))
        return;
    if (one != NULL)
        other = other_name(group, meet, one);
    if (other != NULL)
        check_names(group, meet, one, other);
    else
        check_order(group, meet);
}

/* ---- calls that differ ---- */

/* The members on the side of @call, by their signatures. */
static void
add_side(DdpPairing *pairing, int side, const DdpGroup *group, const DdpMeet *meet,
         const DdpCall *call)
{
    for (int member = 0; member < group->size; member++) {
        if (ddp_call_compare(call, ddp_meet_call(meet, member)) == DDP_CALL_SAME)
            pairing->ranks[side][pairing->rank_count[side]++] = ddp_rank_of(group, member);
    }
}

void
ddp_pairing_note(DdpGroup *group, const DdpMeet *meet)
{
    const DdpCall *one = ddp_meet_call(meet, 0), *other = NULL;
    DdpPairing *pairing;

    for (int member = 1; member < group->size && other == NULL; member++) {
        if (ddp_call_compare(one, ddp_meet_call(meet, member)) != DDP_CALL_SAME)
            other = ddp_meet_call(meet, member);
    }
    if (other == NULL)
        return;

    g_autofree char *signature = ddp_call_describe(one);
    g_autofree char *other_signature = ddp_call_describe(other);
    const Side sides[2] = {side_of(one, signature), side_of(other, other_signature)};

    pairing = pairing_of(group, one->kind, meet->difference, meet->seq, sides);
    if (pairing == NULL)
        return;
    add_side(pairing, 0, group, meet, one);
    add_side(pairing, 1, group, meet, other);
    order_sides(pairing);
}

guint
ddp_comm_pairing_count(const DdpComm *comm)
{
    return comm->pairing_count;
}

const DdpPairing *
ddp_comm_pairing(const DdpComm *comm, guint index)
{
    g_return_val_if_fail(index < comm->pairing_count, NULL);

    return &comm->pairings[index];
}
