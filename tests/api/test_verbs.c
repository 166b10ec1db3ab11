/* SPDX-License-Identifier: MIT */
#include <ddpsim.h>
#include <string.h>

#include "tests/testutil.h"

/*
 * The collectives as a C program writes them, on every engine and in worlds of several sizes. What
 * rank r brings as element i is value(r, i), so that every result has a closed form; a rank that
 * finds another number fails, and the world with it.
 */

#define COUNT 5 /* elements of a piece */

static const int sizes[] = {1, 2, 3, 4, 7};

#define LOOPS (3 * (int)G_N_ELEMENTS(sizes))

#define EXPECT(found, expected)                                                                    \
    do {                                                                                           \
        int64_t found_ = (int64_t)(found), expected_ = (int64_t)(expected);                        \
        if (found_ != expected_) {                                                                 \
            g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED,                            \
                        "line %d: found %" G_GINT64_FORMAT ", expected %" G_GINT64_FORMAT,         \
                        __LINE__, found_, expected_);                                              \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

#define TRY(call)                                                                                  \
    do {                                                                                           \
        if (!(call))                                                                               \
            return false;                                                                          \
    } while (0)

static int64_t
value(int rank, size_t i)
{
    return 1000 * (int64_t)rank + (int64_t)i + 1;
}

static int64_t
sum_of(const DdpGroup *group, size_t i)
{
    int64_t sum = 0;

    for (int member = 0; member < ddp_group_size(group); member++)
        sum += value(ddp_group_rank(group, member), i);
    return sum;
}

static void
fill(int64_t *data, int rank, size_t count)
{
    for (size_t i = 0; i < count; i++)
        data[i] = value(rank, i);
}

static DdpGroup *
world_group(DdpRank *rank)
{
    return ddp_comm_world_group(ddp_world_comm(ddp_rank_world(rank)));
}

/* The text of how a world of @size ended; "" if it completed. */
static char *
play(DdpEngine engine, int size, DdpBackend backend, DdpRankFunc func, void *user_data)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpWorld) world = NULL;

    spec.engine = engine;
    spec.size = size;
    spec.backend = backend;
    world = ddp_world_new(&spec, &error);
    ck_assert_no_error(error);
    ddp_world_run(world, func, user_data);
    return ddp_world_verdict_text(world);
}

static void
expect_completed(int loop, DdpBackend backend, DdpRankFunc func)
{
    DdpEngine engine = (DdpEngine)(loop % 3);
    g_autofree char *verdict = play(engine, sizes[loop / 3], backend, func, NULL);

    ck_assert_msg(*verdict == '\0', "%s, %d ranks: %s", ddp_engine_name(engine), sizes[loop / 3],
                  verdict);
}

/* ---- in place ---- */

static bool
in_place_main(DdpRank *rank, void *user_data, GError **error)
{
    DdpGroup *all = world_group(rank);
    int me = ddp_rank_index(rank), last = ddp_group_size(all) - 1;
    int64_t data[COUNT];
    float mean = (float)me;

    (void)user_data;
    fill(data, me, COUNT);
    TRY(ddp_all_reduce(rank, data, COUNT, DDP_DTYPE_I64, DDP_REDUCE_SUM, error));
    for (size_t i = 0; i < COUNT; i++)
        EXPECT(data[i], sum_of(all, i));

    TRY(ddp_all_reduce(rank, &mean, 1, DDP_DTYPE_F32, DDP_REDUCE_AVG, error));
    EXPECT(2.0f * mean, last);

    fill(data, me, COUNT);
    TRY(ddp_reduce(rank, data, COUNT, DDP_DTYPE_I64, DDP_REDUCE_MAX, last, error));
    for (size_t i = 0; i < COUNT; i++)
        EXPECT(data[i], value(me, i)); /* on the last rank the largest is its own */

    TRY(ddp_reduce(rank, data, COUNT, DDP_DTYPE_I64, DDP_REDUCE_SUM, last, error));
    for (size_t i = 0; i < COUNT; i++)
        EXPECT(data[i], me == last ? sum_of(all, i) : value(me, i));

    fill(data, me, COUNT);
    TRY(ddp_broadcast(rank, data, COUNT, DDP_DTYPE_I64, last, error));
    for (size_t i = 0; i < COUNT; i++)
        EXPECT(data[i], value(last, i));

    TRY(ddp_all_reduce(rank, NULL, 0, DDP_DTYPE_F64, DDP_REDUCE_SUM, error));
    return ddp_barrier(rank, error);
}

START_TEST(test_verbs_in_place_give_their_result)
{
    expect_completed(_i, DDP_BACKEND_NCCL, in_place_main);
}
END_TEST

static bool
watched_main(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    TRY(ddp_monitored_barrier(rank, 1000000, error));
    return ddp_monitored_barrier_with(rank, 1000000, &(DdpCallOptions){.wait_all_ranks = true},
                                      error);
}

START_TEST(test_a_monitored_barrier_is_passed_when_all_come)
{
    expect_completed(_i, DDP_BACKEND_GLOO, watched_main);
}
END_TEST

/* ---- pieces ---- */

static bool
gather_main(DdpRank *rank, void *user_data, GError **error)
{
    int me = ddp_rank_index(rank), size = ddp_world_size(ddp_rank_world(rank)), last = size - 1;
    g_autofree int64_t *all = g_new0(int64_t, (size_t)size * COUNT);
    int64_t piece[COUNT];

    (void)user_data;
    fill(piece, me, COUNT);
    TRY(ddp_all_gather(rank, all, piece, COUNT, DDP_DTYPE_I64, error));
    for (int i = 0; i < size * COUNT; i++)
        EXPECT(all[i], value(i / COUNT, (size_t)i % COUNT));

    memset(all, 0, (size_t)size * sizeof piece);
    TRY(ddp_gather(rank, me == last ? all : NULL, piece, COUNT, DDP_DTYPE_I64, last, error));
    for (int i = 0; i < size * COUNT && me == last; i++)
        EXPECT(all[i], value(i / COUNT, (size_t)i % COUNT));

    memset(piece, 0, sizeof piece);
    TRY(ddp_scatter(rank, piece, me == last ? all : NULL, COUNT, DDP_DTYPE_I64, last, error));
    for (size_t i = 0; i < COUNT; i++)
        EXPECT(piece[i], value(me, i));
    return true;
}

START_TEST(test_pieces_are_gathered_and_scattered_by_rank)
{
    expect_completed(_i, DDP_BACKEND_NCCL, gather_main);
}
END_TEST

static bool
exchange_main(DdpRank *rank, void *user_data, GError **error)
{
    DdpGroup *all = world_group(rank);
    int me = ddp_rank_index(rank), size = ddp_group_size(all);
    size_t total = (size_t)size * COUNT;
    g_autofree int64_t *in = g_new0(int64_t, total);
    g_autofree int64_t *out = g_new0(int64_t, total);

    (void)user_data;
    fill(in, me, total);
    TRY(ddp_reduce_scatter(rank, out, in, COUNT, DDP_DTYPE_I64, DDP_REDUCE_SUM, error));
    for (size_t i = 0; i < COUNT; i++)
        EXPECT(out[i], sum_of(all, (size_t)me * COUNT + i));

    TRY(ddp_all_to_all(rank, out, in, COUNT, DDP_DTYPE_I64, error));
    for (int from = 0; from < size; from++) {
        for (size_t i = 0; i < COUNT; i++)
            EXPECT(out[(size_t)from * COUNT + i], value(from, (size_t)me * COUNT + i));
    }
    return true;
}

START_TEST(test_pieces_are_exchanged_between_all)
{
    expect_completed(_i, DDP_BACKEND_NCCL, exchange_main);
}
END_TEST

/* How many elements rank @from sends to rank @to; none now and then. */
static size_t
split(int from, int to)
{
    return (size_t)(2 * from + to) % 4;
}

static bool
uneven_main(DdpRank *rank, void *user_data, GError **error)
{
    int me = ddp_rank_index(rank), size = ddp_world_size(ddp_rank_world(rank));
    g_autofree size_t *in_splits = g_new(size_t, size);
    g_autofree size_t *out_splits = g_new(size_t, size);
    g_autofree int64_t *in = g_new0(int64_t, (size_t)size * 4);
    g_autofree int64_t *out = g_new0(int64_t, (size_t)size * 4);
    size_t at = 0;

    (void)user_data;
    for (int other = 0; other < size; other++) {
        in_splits[other] = split(me, other);
        out_splits[other] = split(other, me);
        for (size_t i = 0; i < in_splits[other]; i++)
            in[at++] = 1000000 * (other + 1) + value(me, i);
    }
    TRY(ddp_all_to_all_single(rank, out, in, out_splits, in_splits, DDP_DTYPE_I64, error));
    at = 0;
    for (int from = 0; from < size; from++) {
        for (size_t i = 0; i < out_splits[from]; i++)
            EXPECT(out[at++], 1000000 * (me + 1) + value(from, i));
    }
    return true;
}

START_TEST(test_uneven_pieces_find_their_way)
{
    expect_completed(_i, DDP_BACKEND_NCCL, uneven_main);
}
END_TEST

/* ---- objects ---- */

static bool
object_main(DdpRank *rank, void *user_data, GError **error)
{
    int me = ddp_rank_index(rank), size = ddp_world_size(ddp_rank_world(rank)), last = size - 1;
    g_autofree char *object = g_strnfill((gsize)me, (char)('a' + me)); /* rank 0 has none */
    g_autofree void *out = NULL, *same = NULL;
    g_autofree size_t *counts = NULL;
    size_t bytes, at = 0;

    (void)user_data;
    TRY(ddp_all_gather_object(rank, &out, &counts, object, (size_t)me, error));
    for (int from = 0; from < size; from++) {
        EXPECT(counts[from], from);
        for (int i = 0; i < from; i++)
            EXPECT(((const char *)out)[at++], 'a' + from);
    }
    TRY(ddp_broadcast_object(rank, &same, &bytes, object, (size_t)me, last, error));
    EXPECT(bytes, last);
    for (int i = 0; i < last; i++)
        EXPECT(((const char *)same)[i], 'a' + last);
    return true;
}

START_TEST(test_objects_travel_with_their_lengths)
{
    expect_completed(_i, DDP_BACKEND_NCCL, object_main);
}
END_TEST

/* ---- messages ---- */

static bool
ring_main(DdpRank *rank, void *user_data, GError **error)
{
    int me = ddp_rank_index(rank), size = ddp_world_size(ddp_rank_world(rank));
    int next = (me + 1) % size, before = (me + size - 1) % size;
    int64_t mine[COUNT], theirs[COUNT] = {0};
    DdpWork *works[2];

    (void)user_data;
    if (size == 1)
        return true;
    fill(mine, me, COUNT);

    g_autoptr(DdpWork) out = ddp_isend(rank, mine, COUNT, DDP_DTYPE_I64, next, error);

    TRY(out != NULL);

    g_autoptr(DdpWork) in = ddp_irecv(rank, theirs, COUNT, DDP_DTYPE_I64, DDP_ANY_SOURCE, error);

    TRY(in != NULL);
    TRY(ddp_work_wait(in, NULL, error));
    TRY(ddp_work_wait(out, NULL, error));
    EXPECT(ddp_work_call(in)->root, before);
    for (size_t i = 0; i < COUNT; i++)
        EXPECT(theirs[i], value(before, i));

    /* The other way round, as a batch. */
    memset(theirs, 0, sizeof theirs);

    const DdpP2pOp ops[2] = {
        {.kind = DDP_CALL_RECV, .data = theirs, .count = 2, .dtype = DDP_DTYPE_I64, .peer = next},
        {.kind = DDP_CALL_SEND, .data = mine, .count = 2, .dtype = DDP_DTYPE_I64, .peer = before},
    };

    TRY(ddp_batch_isend_irecv(rank, ops, 2, works, error));
    for (int i = 0; i < 2; i++) {
        g_autoptr(DdpWork) work = works[i];
        bool ok = ddp_work_wait(work, NULL, error);

        EXPECT(ok, true);
    }
    EXPECT(theirs[1], value(next, 1));
    EXPECT(theirs[2], 0);
    return true;
}

START_TEST(test_messages_go_round_a_ring)
{
    expect_completed(_i, DDP_BACKEND_NCCL, ring_main);
}
END_TEST

/* All others send two messages with tags; rank 0 takes them by tag, and learns who sent them. */
static bool
tags_main(DdpRank *rank, void *user_data, GError **error)
{
    int me = ddp_rank_index(rank), size = ddp_world_size(ddp_rank_world(rank));
    int seen = 0;

    (void)user_data;
    for (int tag = 1; me > 0 && tag <= 2; tag++) {
        int64_t number = 10 * me + tag;

        TRY(ddp_send_with(rank, &number, 1, DDP_DTYPE_I64, 0, &(DdpCallOptions){.tag = tag},
                          error));
    }
    for (int i = 0; me == 0 && i < 2 * (size - 1); i++) {
        int tag = i < size - 1 ? 2 : 1, sender = -1;
        DdpCallOptions options = {.tag = tag, .sender = &sender, .name = "number"};
        int64_t number;

        TRY(ddp_recv_with(rank, &number, 1, DDP_DTYPE_I64, DDP_ANY_SOURCE, &options, error));
        EXPECT(number, 10 * sender + tag);
        seen += sender;
    }
    EXPECT(seen, me == 0 ? size * (size - 1) : 0);
    return true;
}

START_TEST(test_messages_are_told_apart_by_tag)
{
    expect_completed(_i, DDP_BACKEND_GLOO, tags_main);
}
END_TEST

/* ---- groups ---- */

static bool
group_main(DdpRank *rank, void *user_data, GError **error)
{
    int me = ddp_rank_index(rank), size = ddp_world_size(ddp_rank_world(rank));
    int even[8], count = 0;
    int64_t data = value(me, 0), all[8] = {0};

    (void)user_data;
    for (int r = size - 1; r >= 0; r--) { /* falling: the order in the list is no matter */
        if (r % 2 == 0)
            even[count++] = r;
    }

    DdpGroup *group = ddp_new_group(rank, even, (size_t)count, error);
    DdpCallOptions options = {.group = group, .name = "of the even"};

    TRY(group != NULL);
    EXPECT(ddp_group_size(group), count);
    EXPECT(ddp_group_member(group, me), me % 2 == 0 ? me / 2 : -1);
    if (me % 2 != 0) {
        g_autoptr(GError) refused = NULL;

        EXPECT(ddp_barrier_with(rank, &options, &refused), false);
        EXPECT(g_error_matches(refused, DDP_COMM_ERROR, DDP_COMM_ERROR_BAD_CALL), true);
    } else {
        /* Roots are ranks of the world. */
        int root = 2 * (count - 1);

        TRY(ddp_all_gather_with(rank, all, &data, 1, DDP_DTYPE_I64, &options, error));
        for (int i = 0; i < count; i++)
            EXPECT(all[i], value(2 * i, 0));
        TRY(ddp_all_reduce_with(rank, &data, 1, DDP_DTYPE_I64, DDP_REDUCE_SUM, &options, error));
        EXPECT(data, sum_of(group, 0));
        data = me;
        TRY(ddp_broadcast_with(rank, &data, 1, DDP_DTYPE_I64, root, &options, error));
        EXPECT(data, root);
    }
    return ddp_barrier(rank, error);
}

START_TEST(test_groups_have_collectives_of_their_own)
{
    expect_completed(_i, DDP_BACKEND_NCCL, group_main);
}
END_TEST

/* ---- works ---- */

static bool
async_main(DdpRank *rank, void *user_data, GError **error)
{
    DdpGroup *all = world_group(rank);
    int me = ddp_rank_index(rank), size = ddp_group_size(all);
    int64_t sum = value(me, 0), touched_sum = value(me, 1), gathered[8] = {0};
    g_autoptr(DdpWork) first = NULL, second = NULL, third = NULL;
    bool touched;

    (void)user_data;
    TRY(ddp_all_reduce_with(rank, &sum, 1, DDP_DTYPE_I64, DDP_REDUCE_SUM,
                            &(DdpCallOptions){.async_op = &first}, error));
    TRY(ddp_all_gather_with(rank, gathered, &touched_sum, 1, DDP_DTYPE_I64,
                            &(DdpCallOptions){.async_op = &second}, error));
    TRY(ddp_all_reduce_with(rank, &touched_sum, 1, DDP_DTYPE_I64, DDP_REDUCE_SUM,
                            &(DdpCallOptions){.async_op = &third}, error));

    EXPECT(sum, value(me, 0)); /* nothing is there before the wait */
    touched_sum = -1;
    TRY(ddp_work_wait(third, &touched, error));
    EXPECT(touched, true);
    EXPECT(touched_sum, sum_of(all, 1));
    TRY(ddp_work_wait(first, &touched, error));
    EXPECT(touched, false);
    EXPECT(sum, sum_of(all, 0));
    TRY(ddp_work_wait(second, NULL, error));
    EXPECT(ddp_work_is_completed(second), true);
    for (int i = 0; i < size; i++)
        EXPECT(gathered[i], value(i, 1));
    return true;
}

START_TEST(test_a_begun_call_has_its_result_after_the_wait)
{
    expect_completed(_i, DDP_BACKEND_NCCL, async_main);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("verbs");
    TCase *verbs = tcase_create("verbs");

    tcase_add_loop_test(verbs, test_verbs_in_place_give_their_result, 0, LOOPS);
    tcase_add_loop_test(verbs, test_a_monitored_barrier_is_passed_when_all_come, 0, LOOPS);
    tcase_add_loop_test(verbs, test_pieces_are_gathered_and_scattered_by_rank, 0, LOOPS);
    tcase_add_loop_test(verbs, test_pieces_are_exchanged_between_all, 0, LOOPS);
    tcase_add_loop_test(verbs, test_uneven_pieces_find_their_way, 0, LOOPS);
    tcase_add_loop_test(verbs, test_objects_travel_with_their_lengths, 0, LOOPS);
    tcase_add_loop_test(verbs, test_messages_go_round_a_ring, 0, LOOPS);
    tcase_add_loop_test(verbs, test_messages_are_told_apart_by_tag, 0, LOOPS);
    tcase_add_loop_test(verbs, test_groups_have_collectives_of_their_own, 0, LOOPS);
    tcase_add_loop_test(verbs, test_a_begun_call_has_its_result_after_the_wait, 0, LOOPS);
    suite_add_tcase(suite, verbs);
    return ddp_test_main(suite);
}
