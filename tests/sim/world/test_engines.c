/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "sim/world/verbs.h"
#include "sim/world/world.h"
#include "tests/sim/world/brute.h"
#include "tests/sim/world/messages.h"
#include "tests/testutil.h"

/*
 * Every collective, dtype, op and kind of length, on all three engines, bit for bit against a loop
 * over single elements (brute.h). One world plays a long list of calls; how a call is made
 * (blocking or begun, in whose memory, in which of several overlapping groups) rotates from call to
 * call, so that the fast lane, meetings and shared work alternate all the time. At the end clocks,
 * delays and counts must be those of the fibers engine.
 */

#define RANKS_MAX 64
#define TEAMS_MAX 6

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define THINNING 3
#else
#define THINNING 1
#endif

/* What the ranks of one run write down: in memory that processes share, by no means under test. */
typedef struct {
    _Atomic int arrived[TEAMS_MAX]; /* at barriers */
    int checked[RANKS_MAX];
    int64_t clock_ns[RANKS_MAX];
    DdpDelay delay[RANKS_MAX];
    uint64_t calls[DDP_CALL_KIND_COUNT];
    uint64_t bytes[DDP_CALL_KIND_COUNT];
} Notes;

static Notes *notes;

/* ---- the list of calls ---- */

typedef enum { EVEN, UNEVEN, OPEN } Variant;

typedef struct {
    DdpCallKind kind;
    DdpDtype dtype;
    DdpReduceOp op;
    size_t count;
    Variant variant;
} Case;

/* Lengths that look at one limit each: of the lane, of shared work, of waking for it. */
static size_t
length_of(int which, DdpDtype dtype, int size)
{
    size_t row = ddp_dtype_bytes(dtype) * (size_t)size;

    switch (which) {
    case 0:
        return 0;
    case 1:
        return 1;
    case 2:
        return 13;
    case 3:
        return 224 / ddp_dtype_bytes(dtype); /* the longest in the lane */
    case 4:
        return 224 / ddp_dtype_bytes(dtype) + 1;
    case 5:
        return 1001;
    case 6:
        return 32768 / row + 3;
    case 7:
        return 150000 / row + 5;
    default:
        return 1200000 / row + 7;
    }
}

#define LENGTHS 9

static void
add(GArray *cases, int size, int number, Case it)
{
    static const int thinning_by_size[] = {[1] = 1, 1, 2, 2, 4, 4, 5, 5, 7};
    int thinning = THINNING * (size < 10 ? thinning_by_size[size] : 29);
    int length = number % LENGTHS;

    /* A step that has no factor in common with the lengths keeps all of them in the list. */
    if (number / LENGTHS % thinning != number % thinning)
        return;
    /* The longest are slow to check: a few of each kind. */
    if ((length == 7 && number % 5 != 0) || (length == 8 && number % 32 != 0) ||
        (length == 8 && size > 9))
        return;
    it.count = length_of(length, it.dtype, size);
    g_array_append_val(cases, it);
}

static bool
allows(DdpBackend backend, DdpReduceOp op, DdpDtype dtype)
{
    if (!ddp_reduce_op_supports(op, dtype))
        return false;
    return backend == DDP_BACKEND_NCCL ? op < DDP_REDUCE_BAND : op != DDP_REDUCE_AVG;
}

static GArray *
list_cases(DdpBackend backend, int size)
{
    static const DdpCallKind reducing[] = {DDP_CALL_ALL_REDUCE, DDP_CALL_REDUCE,
                                           DDP_CALL_REDUCE_SCATTER};
    static const Case moving[] = {
        {.kind = DDP_CALL_ALL_GATHER},
        {.kind = DDP_CALL_BROADCAST},
        {.kind = DDP_CALL_GATHER},
        {.kind = DDP_CALL_SCATTER},
        {.kind = DDP_CALL_SCATTER, .variant = OPEN},
        {.kind = DDP_CALL_ALL_TO_ALL},
        {.kind = DDP_CALL_ALL_TO_ALL, .variant = UNEVEN},
        {.kind = DDP_CALL_ALL_TO_ALL, .variant = OPEN},
        {.kind = DDP_CALL_ALL_GATHER_OBJECT},
        {.kind = DDP_CALL_BROADCAST_OBJECT},
        {.kind = DDP_CALL_BARRIER},
        {.kind = DDP_CALL_MONITORED_BARRIER},
    };
    GArray *cases = g_array_new(FALSE, FALSE, sizeof(Case));
    int number = 0;

    for (int dtype = 0; dtype < DDP_DTYPE_COUNT; dtype++) {
        for (int op = 0; op < DDP_REDUCE_OP_COUNT; op++) {
            for (size_t kind = 0; kind < G_N_ELEMENTS(reducing); kind++) {
                for (int i = 0; i < LENGTHS && allows(backend, (DdpReduceOp)op, (DdpDtype)dtype);
                     i++)
                    add(cases, size, number++,
                        (Case){reducing[kind], (DdpDtype)dtype, (DdpReduceOp)op, 0, EVEN});
            }
        }
        for (size_t kind = 0; kind < G_N_ELEMENTS(moving); kind++) {
            for (int i = 0; i < LENGTHS; i++) {
                Case it = moving[kind];

                it.dtype = (DdpDtype)dtype;
                if (it.kind != DDP_CALL_MONITORED_BARRIER || backend == DDP_BACKEND_GLOO)
                    add(cases, size, number++, it);
            }
        }
    }
    return cases;
}

/* ---- groups ---- */

typedef struct {
    DdpGroup *group;
    int index;
    int size;
    int ranks[RANKS_MAX];
    int barriers; /* this rank has been through */
} Team;

/* Team 0 is the world; the others overlap with it and with each other. */
static void
choose_members(Team *team, int index, int size)
{
    team->index = index;
    team->size = 0;
    for (int rank = 0; rank < size; rank++) {
        bool member = index == 0   ? true
                      : index == 1 ? rank % 2 == 0
                      : index == 2 ? rank > 0 || size == 1
                      : index == 3 ? rank == 0 || rank == size - 1
                      : index == 4 ? rank < 17
                                   : rank / 2 == size / 4;

        if (member)
            team->ranks[team->size++] = rank;
    }
}

static bool
make_teams(DdpRank *rank, Team *teams, GError **error)
{
    DdpWorld *world = ddp_rank_world(rank);

    for (int i = 0; i < TEAMS_MAX; i++) {
        teams[i].barriers = 0;
        choose_members(&teams[i], i, ddp_world_size(world));
        if (i == 0) {
            teams[i].group = ddp_comm_world_group(ddp_world_comm(world));
            continue;
        }

        DdpCall call = {.kind = DDP_CALL_NEW_GROUP,
                        .root = -1,
                        .count = (size_t)teams[i].size,
                        .in = teams[i].ranks,
                        .site = DDP_HERE};

        if (!ddp_rank_call(rank, &call, error))
            return false;
        teams[i].group = call.out;
    }
    return true;
}

static int
member_of(const Team *team, int rank)
{
    for (int i = 0; i < team->size; i++) {
        if (team->ranks[i] == rank)
            return i;
    }
    return -1;
}

/* ---- one call ---- */

typedef struct {
    DdpRank *rank;
    const Team *team;
    int me;
    const Case *it;
    uint64_t seed;
    int root; /* a member */
    DdpCall call;
    size_t *splits[2]; /* to and from each member */
    DdpWork *work;     /* (nullable) */
    char name[16];
} Play;

static bool
is_object(const Play *play)
{
    return play->it->kind == DDP_CALL_ALL_GATHER_OBJECT ||
           play->it->kind == DDP_CALL_BROADCAST_OBJECT;
}

/* Elements of the piece that member @from sends to @to in an uneven all_to_all. */
static size_t
split(const Play *play, int from, int to)
{
    return ddp_brute_hash(play->seed, (uint64_t)from, (uint64_t)to) % (play->it->count / 2 + 3);
}

static size_t
object_bytes(const Play *play, int member)
{
    return (play->it->count + (size_t)member * 7) % 5000;
}

/* What member @member brings: how many elements. */
static size_t
brought(const Play *play, int member)
{
    size_t count = play->it->count, size = (size_t)play->team->size, all = 0;

    switch (play->it->kind) {
    case DDP_CALL_SCATTER:
        return member == play->root ? count * size : 0;
    case DDP_CALL_REDUCE_SCATTER:
        return count * size;
    case DDP_CALL_ALL_TO_ALL:
        if (play->it->variant == EVEN)
            return count * size;
        for (int to = 0; to < play->team->size; to++)
            all += split(play, member, to);
        return all;
    case DDP_CALL_ALL_GATHER_OBJECT:
        return object_bytes(play, member);
    case DDP_CALL_BROADCAST_OBJECT:
        return member == play->root ? object_bytes(play, member) : 0;
    case DDP_CALL_BARRIER:
    case DDP_CALL_MONITORED_BARRIER:
        return 0;
    default:
        return count;
    }
}

static DdpBrute
draw(const Play *play, int member, size_t i)
{
    return ddp_brute_draw(is_object(play) ? DDP_DTYPE_U8 : play->it->dtype, play->seed,
                          play->team->ranks[member], i);
}

static DdpBrute
reduced(const Play *play, size_t i)
{
    DdpBrute sum = draw(play, 0, i);

    for (int member = 1; member < play->team->size; member++)
        sum = ddp_brute_fold(play->it->op, play->it->dtype, sum, draw(play, member, i));
    return ddp_brute_finish(play->it->op, play->it->dtype, sum, play->team->size);
}

/* How many elements this rank finds in the end. */
static size_t
found(const Play *play)
{
    size_t count = play->it->count, size = (size_t)play->team->size, all = 0;

    switch (play->it->kind) {
    case DDP_CALL_ALL_GATHER:
        return count * size;
    case DDP_CALL_GATHER:
        return play->me == play->root ? count * size : 0;
    case DDP_CALL_ALL_TO_ALL:
        if (play->it->variant == EVEN)
            return count * size;
        for (int from = 0; from < play->team->size; from++)
            all += split(play, from, play->me);
        return all;
    case DDP_CALL_ALL_GATHER_OBJECT:
        for (int from = 0; from < play->team->size; from++)
            all += object_bytes(play, from);
        return all;
    case DDP_CALL_BROADCAST_OBJECT:
        return object_bytes(play, play->root);
    case DDP_CALL_BARRIER:
    case DDP_CALL_MONITORED_BARRIER:
        return 0;
    default:
        return count;
    }
}

/* What stands side by side: what each member has for this rank. */
static void
expect_pieces(const Play *play, DdpDtype dtype, void *expected)
{
    size_t at = 0;

    for (int from = 0; from < play->team->size; from++) {
        size_t first = 0, count = play->it->count;

        if (is_object(play)) {
            count = object_bytes(play, from);
        } else if (play->it->kind == DDP_CALL_ALL_TO_ALL && play->it->variant == EVEN) {
            first = count * (size_t)play->me;
        } else if (play->it->kind == DDP_CALL_ALL_TO_ALL) {
            for (int to = 0; to < play->me; to++)
                first += split(play, from, to);
            count = split(play, from, play->me);
        }
        for (size_t i = 0; i < count; i++)
            ddp_brute_store(dtype, expected, at++, draw(play, from, first + i));
    }
}

static void
expect(const Play *play, DdpDtype dtype, void *expected)
{
    size_t count = found(play), first = play->it->count * (size_t)play->me;

    for (size_t i = 0; i < count; i++) {
        switch (play->it->kind) {
        case DDP_CALL_ALL_REDUCE:
            ddp_brute_store(dtype, expected, i, reduced(play, i));
            break;
        case DDP_CALL_REDUCE:
            ddp_brute_store(dtype, expected, i,
                            play->me == play->root ? reduced(play, i) : draw(play, play->me, i));
            break;
        case DDP_CALL_REDUCE_SCATTER:
            ddp_brute_store(dtype, expected, i, reduced(play, first + i));
            break;
        case DDP_CALL_BROADCAST:
        case DDP_CALL_BROADCAST_OBJECT:
            ddp_brute_store(dtype, expected, i, draw(play, play->root, i));
            break;
        case DDP_CALL_SCATTER:
            ddp_brute_store(dtype, expected, i, draw(play, play->root, first + i));
            break;
        default:
            expect_pieces(play, dtype, expected);
            return;
        }
    }
}

/* Memory of the rank's own, or where all ranks can reach it. */
static void *
get_memory(const Play *play, size_t bytes, bool shared)
{
    return shared ? ddp_rank_alloc(play->rank, bytes + 1) : g_malloc(bytes + 1);
}

static void
put_memory(const Play *play, void *memory, bool shared)
{
    if (shared)
        ddp_rank_free(play->rank, memory);
    else
        g_free(memory);
}

static bool
shares_in(const Play *play)
{
    return (play->seed + (uint64_t)play->me) % 3 == 0;
}

static bool
shares_out(const Play *play)
{
    return (play->seed / 2 + (uint64_t)play->me) % 3 == 0;
}

static bool
is_in_place(DdpCallKind kind)
{
    return kind == DDP_CALL_ALL_REDUCE || kind == DDP_CALL_REDUCE || kind == DDP_CALL_BROADCAST;
}

/* Makes the call, but for how it is made. */
static Play *
play_new(DdpRank *rank, const Team *team, const Case *it, int number)
{
    Play *play = g_new0(Play, 1);
    DdpDtype dtype = it->dtype;

    *play = (Play){.rank = rank,
                   .team = team,
                   .me = member_of(team, ddp_rank_index(rank)),
                   .it = it,
                   .seed = (uint64_t)number,
                   .root = number / 3 % team->size};
    if (is_object(play))
        dtype = DDP_DTYPE_U8;
    play->call = (DdpCall){.kind = it->kind,
                           .dtype = it->dtype,
                           .op = it->op,
                           .root = -1,
                           .count = it->count,
                           .ndim = 1,
                           .shape = {(int64_t)it->count},
                           .timeout_ns = INT64_C(1000000000000),
                           .site = DDP_HERE};
    switch (it->kind) {
    case DDP_CALL_REDUCE:
    case DDP_CALL_BROADCAST:
    case DDP_CALL_GATHER:
    case DDP_CALL_SCATTER:
    case DDP_CALL_BROADCAST_OBJECT:
        play->call.root = team->ranks[play->root];
        break;
    default:
        break;
    }

    size_t in = brought(play, play->me);
    bool opens = it->variant == OPEN && (it->kind != DDP_CALL_SCATTER || play->me != play->root);

    play->call.in = get_memory(play, in * ddp_dtype_bytes(dtype), shares_in(play));
    for (size_t i = 0; i < in; i++)
        ddp_brute_store(dtype, play->call.in, i, draw(play, play->me, i));
    if (is_object(play))
        play->call.count = in;
    else if (is_in_place(it->kind))
        play->call.out = play->call.in;
    else if (!opens)
        play->call.out = get_memory(play, found(play) * ddp_dtype_bytes(dtype), shares_out(play));
    play->call.open = opens;
    if (it->kind == DDP_CALL_ALL_TO_ALL && it->variant != EVEN) {
        for (int way = 0; way < 2; way++) {
            play->splits[way] = g_new(size_t, team->size);
            for (int i = 0; i < team->size; i++)
                play->splits[way][i] =
                    way == 0 ? split(play, play->me, i) : split(play, i, play->me);
        }
        play->call.count = in;
        play->call.shape[0] = (int64_t)in;
        play->call.in_splits = play->splits[0];
        play->call.out_splits = opens ? NULL : play->splits[1];
    }
    return play;
}

static void
play_free(Play *play)
{
    bool made = is_object(play) || play->call.open;

    if (made)
        g_free(play->call.out);
    else if (!is_in_place(play->it->kind))
        put_memory(play, play->call.out, shares_out(play));
    g_free(play->call.counts);
    put_memory(play, play->call.in, shares_in(play));
    for (int way = 0; way < 2; way++)
        g_free(play->splits[way]);
    ddp_work_free(play->work);
    g_free(play);
}

static bool
wrong(const Play *play, GError **error, const char *what)
{
    g_autofree char *call = ddp_call_describe(&play->call);

    g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED,
                "call %d, member %d of %s: %s, variant %d%s: %s", (int)play->seed, play->me,
                ddp_group_name(play->team->group), call, play->it->variant,
                play->work != NULL ? ", begun" : "", what);
    return false;
}

static bool
check_counts(const Play *play)
{
    for (int from = 0; play->call.counts != NULL && from < play->team->size; from++) {
        size_t expected = is_object(play) ? object_bytes(play, from) : split(play, from, play->me);

        if (play->it->kind == DDP_CALL_BROADCAST_OBJECT)
            return play->call.counts[0] == object_bytes(play, play->root);
        if (play->call.counts[from] != expected)
            return false;
    }
    return true;
}

/* The result stands in the caller's memory. */
static bool
check(const Play *play, GError **error)
{
    DdpDtype dtype = is_object(play) ? DDP_DTYPE_U8 : play->it->dtype;
    size_t bytes = found(play) * ddp_dtype_bytes(dtype);
    g_autofree void *expected = g_malloc0(bytes + 1);
    bool made = is_object(play) || (play->it->kind == DDP_CALL_ALL_TO_ALL && play->call.open);

    expect(play, dtype, expected);
    if (bytes > 0 && memcmp(expected, play->call.out, bytes) != 0)
        return wrong(play, error, "other bits than expected");
    if (made && play->call.counts == NULL)
        return wrong(play, error, "no counts");
    if (!check_counts(play))
        return wrong(play, error, "other counts than expected");
    if (play->it->kind == DDP_CALL_SCATTER && play->call.count != play->it->count)
        return wrong(play, error, "other length than expected");
    notes->checked[ddp_rank_index(play->rank)]++;
    return true;
}

static bool
finish(Play *play, GError **error)
{
    bool ok = play->work == NULL || ddp_work_wait(play->work, NULL, error);

    ok = ok && check(play, error);
    play_free(play);
    return ok;
}

/* ---- how it is made ---- */

typedef enum {
    ALL_BLOCK,
    ONE_BEGINS,  /* and waits at once */
    ALL_BEGIN,   /* and wait some calls later */
    OTHER_LINES, /* and other names: no fast lane */
    HOWS,
} How;

static bool
can_begin(const Play *play)
{
    return !is_object(play) && play->it->variant != OPEN;
}

#define LATE_EVERY 25 /* calls; not in step with how they are made */
#define LATE_US 2000

/* Now and then one member comes so late that the others have gone to sleep. */
static bool
is_late(const Play *play)
{
    return play->seed % LATE_EVERY == 0 &&
           play->me == (int)(play->seed % (uint64_t)play->team->size) &&
           ddp_world_engine(ddp_rank_world(play->rank)) != DDP_ENGINE_FIBERS;
}

static bool
make_call(Play *play, How how, GError **error)
{
    int rank = ddp_rank_index(play->rank);
    DdpComm *comm = ddp_world_comm(ddp_rank_world(play->rank));

    if (how == OTHER_LINES) {
        play->call.site.line += play->me % 3;
        (void)g_snprintf(play->name, sizeof play->name, "name %d", play->me % 2);
        play->call.name = play->name;
    }
    if (is_late(play))
        g_usleep(LATE_US);
    if (can_begin(play) &&
        (how == ALL_BEGIN ||
         (how == ONE_BEGINS && play->me == (int)(play->seed % (uint64_t)play->team->size)))) {
        play->work = ddp_rank_begin(play->rank, play->team->group, &play->call, error);
        return play->work != NULL;
    }
    /* Everyone's clock has moved by something else. */
    ddp_comm_set_clock(comm, rank,
                       ddp_comm_clock(comm, rank) +
                           (int64_t)(ddp_brute_hash(play->seed, (uint64_t)rank, 9) % 1000));
    return ddp_rank_group_call(play->rank, play->team->group, &play->call, error);
}

static bool
play_case(DdpRank *rank, Team *team, const Case *it, int number, GQueue *pending, GError **error)
{
    Play *play = play_new(rank, team, it, number);
    How how = (How)(number % HOWS);
    bool counts = it->kind == DDP_CALL_BARRIER || it->kind == DDP_CALL_MONITORED_BARRIER;

    if (counts)
        atomic_fetch_add(&notes->arrived[team->index], 1);
    if (!make_call(play, how, error)) {
        play_free(play);
        return false;
    }
    if (play->work != NULL && how == ALL_BEGIN) {
        g_queue_push_tail(pending, play);
        if (counts)
            team->barriers++;
    } else {
        if (!finish(play, error))
            return false;
        if (counts && atomic_load(&notes->arrived[team->index]) < ++team->barriers * team->size) {
            g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED,
                        "call %d: past the barrier before all had come", number);
            return false;
        }
    }
    /* The newest first, or the oldest. */
    if (g_queue_get_length(pending) > 3)
        return finish(number % 8 < 4 ? g_queue_pop_tail(pending) : g_queue_pop_head(pending),
                      error);
    return true;
}

/* ---- a run ---- */

typedef struct {
    GArray *cases;
    int size;
} Run;

#define MESSAGES_EVERY 150 /* calls */

static bool
play_all(DdpRank *rank, Run *run, Team *teams, GQueue *pending, GError **error)
{
    for (guint i = 0; i < run->cases->len; i++) {
        /* Not in step with how it is made. */
        Team *team = &teams[i / HOWS % 2 == 0 ? 0 : i / HOWS / 2 % TEAMS_MAX];
        bool messages = i % MESSAGES_EVERY == MESSAGES_EVERY - 1 && run->size > 1;

        if (member_of(team, ddp_rank_index(rank)) >= 0 &&
            !play_case(rank, team, &g_array_index(run->cases, Case, i), (int)i, pending, error))
            return false;
        if (messages && (!ddp_play_ring(rank, (int)i, error) ||
                         (run->size <= 9 && !ddp_play_batch(rank, (int)i, error))))
            return false;
        /* From anybody: nothing else may be on its way to rank 0 then. */
        if (messages && (!ddp_barrier(rank, error) || !ddp_play_from_anybody(rank, (int)i, error) ||
                         !ddp_barrier(rank, error)))
            return false;
    }
    while (!g_queue_is_empty(pending)) {
        if (!finish(g_queue_pop_head(pending), error))
            return false;
    }
    return true;
}

static bool
rank_main(DdpRank *rank, void *user_data, GError **error)
{
    Run *run = user_data;
    DdpComm *comm = ddp_world_comm(ddp_rank_world(rank));
    int r = ddp_rank_index(rank);
    g_autofree Team *teams = g_new0(Team, TEAMS_MAX);
    g_autoptr(GQueue) pending = g_queue_new();

    if (!make_teams(rank, teams, error) || !play_all(rank, run, teams, pending, error))
        return false;
    notes->clock_ns[r] = ddp_comm_clock(comm, r);
    return true;
}

static void
play_run(DdpEngine engine, DdpBackend backend, int size, const char *schedule, Notes *result)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GArray) cases = list_cases(backend, size);
    g_autoptr(GError) error = NULL;
    Run run = {cases, size};

    memset(notes, 0, sizeof *notes);
    spec.engine = engine;
    spec.backend = backend;
    spec.size = size;
    spec.schedule = schedule;
    spec.stack_bytes = 256 << 10;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, &error);

    ck_assert_no_error(error);
    ddp_world_run(world, rank_main, &run);
    for (int rank = 0; rank < size; rank++) {
        const DdpRankVerdict *verdict = ddp_world_rank_verdict(world, rank);

        ck_assert_msg(verdict->state == DDP_RANK_FINISHED, "%s, %d ranks, rank %d %s: %s",
                      ddp_engine_name(engine), size, rank, ddp_rank_state_name(verdict->state),
                      verdict->error != NULL ? verdict->error : "");
        notes->delay[rank] = ddp_comm_delay(ddp_world_comm(world), rank);
    }
    ck_assert_int_eq(ddp_world_outcome(world), DDP_OUTCOME_COMPLETED);
    for (int i = 0; i < ddp_comm_group_count(ddp_world_comm(world)); i++) {
        const DdpGroup *group = ddp_comm_group(ddp_world_comm(world), i);

        for (int kind = 0; kind < DDP_CALL_KIND_COUNT; kind++) {
            notes->calls[kind] += ddp_group_call_count(group, (DdpCallKind)kind);
            notes->bytes[kind] += ddp_group_call_bytes(group, (DdpCallKind)kind);
        }
    }
    *result = *notes;
}

static void
compare(const Notes *fibers, const Notes *other, int size, const char *engine)
{
    for (int rank = 0; rank < size; rank++) {
        const DdpDelay *a = &fibers->delay[rank], *b = &other->delay[rank];

        ck_assert_int_gt(fibers->checked[rank], 0);
        ck_assert_msg(fibers->checked[rank] == other->checked[rank] &&
                          fibers->clock_ns[rank] == other->clock_ns[rank],
                      "%s, %d ranks: rank %d has checked %d results at %" PRId64
                      " ns, on fibers %d at %" PRId64 " ns",
                      engine, size, rank, other->checked[rank], other->clock_ns[rank],
                      fibers->checked[rank], fibers->clock_ns[rank]);
        ck_assert_msg(
            a->waited_ns == b->waited_ns && a->cost_ns == b->cost_ns && a->last == b->last,
            "%s, %d ranks: rank %d waited %" PRId64 " ns, cost %" PRId64 " ns, was last %" PRIu64
            " times; on fibers %" PRId64 ", %" PRId64 ", %" PRIu64,
            engine, size, rank, b->waited_ns, b->cost_ns, b->last, a->waited_ns, a->cost_ns,
            a->last);
    }
    ck_assert_mem_eq(fibers->calls, other->calls, sizeof fibers->calls);
    ck_assert_mem_eq(fibers->bytes, other->bytes, sizeof fibers->bytes);
}

static const int sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 64};

static void
setup(void)
{
    notes = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(notes != MAP_FAILED);
}

static void
teardown(void)
{
    munmap(notes, sizeof *notes);
}

START_TEST(test_every_collective_gives_the_same_bits_on_every_engine)
{
    int size = sizes[_i / 2];
    DdpBackend backend = _i % 2 == 0 ? DDP_BACKEND_NCCL : DDP_BACKEND_GLOO;
    g_autofree Notes *fibers = g_new(Notes, 1);
    g_autofree Notes *other = g_new(Notes, 1);

    play_run(DDP_ENGINE_FIBERS, backend, size, NULL, fibers);
    play_run(DDP_ENGINE_THREADS, backend, size, NULL, other);
    compare(fibers, other, size, "threads");
#ifndef __SANITIZE_THREAD__ /* which knows nothing of other processes */
    play_run(DDP_ENGINE_PROCESSES, backend, size, NULL, other);
    compare(fibers, other, size, "processes");
#endif
    if (size <= 5) {
        play_run(DDP_ENGINE_FIBERS, backend, size, "random:7", other);
        compare(fibers, other, size, "fibers, random:7");
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("engines");
    TCase *bits = tcase_create("bits");

    /* GLib makes the lock of its error domains at the first error; it is not built with
     * ThreadSanitizer, to which two threads that do so at once look like a race. */
    g_error_free(g_error_new_literal(DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "first"));
    tcase_add_checked_fixture(bits, setup, teardown);
    tcase_set_timeout(bits, 120);
    tcase_add_loop_test(bits, test_every_collective_gives_the_same_bits_on_every_engine, 0,
                        2 * G_N_ELEMENTS(sizes));
    suite_add_tcase(suite, bits);
    return ddp_test_main(suite);
}
