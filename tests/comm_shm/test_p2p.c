/* SPDX-License-Identifier: MIT */
#include "sim/world/diagnosis.h"
#include "sim/world/verbs.h"
#include "sim/world/world.h"
#include "tests/testutil.h"

#include <string.h>

/*
 * Messages between two ranks: what reaches whom in which order, under both backends, and what is
 * said when they do not fit.
 */

static GString *seen;

static void
setup(void)
{
    seen = g_string_new(NULL);
}

static void
teardown(void)
{
    g_string_free(seen, TRUE);
}

static bool
message(DdpRank *rank, DdpSite site, DdpCallKind kind, int peer, int tag, float *value, int *from,
        GError **error)
{
    DdpCall call = {.kind = kind,
                    .dtype = DDP_DTYPE_F32,
                    .root = peer,
                    .tag = tag,
                    .count = 1,
                    .in = value,
                    .out = value,
                    .site = site};
    bool ok = ddp_rank_call(rank, &call, error);

    if (from != NULL)
        *from = call.root;
    return ok;
}

#define SEND(peer, tag, value) message(rank, DDP_HERE, DDP_CALL_SEND, peer, tag, value, NULL, error)
#define RECV(peer, tag, value) message(rank, DDP_HERE, DDP_CALL_RECV, peer, tag, value, NULL, error)

static DdpWorld *
play(int size, DdpBackend backend, const char *schedule, DdpRankFunc func)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GError) error = NULL;
    DdpWorld *world;

    spec.size = size;
    spec.backend = backend;
    spec.schedule = schedule;
    world = ddp_world_new(&spec, &error);
    ck_assert_no_error(error);
    ddp_world_run(world, func, NULL);
    return world;
}

static const char *const schedules[] = {"round_robin", "random:1", "random:2", "order:3,2,1,0"};

/* A ring: each rank sends its number to the next, in an order that does not deadlock. */
static bool
ring(DdpRank *rank, void *user_data, GError **error)
{
    int r = ddp_rank_index(rank), p = ddp_world_size(ddp_rank_world(rank));
    float mine = (float)r, other = -1;
    bool ok;

    (void)user_data;
    if (r == 0)
        ok = SEND((r + 1) % p, 0, &mine) && RECV((r + p - 1) % p, 0, &other);
    else
        ok = RECV((r + p - 1) % p, 0, &other) && SEND((r + 1) % p, 0, &mine);
    ck_assert(!ok || other == (float)((r + p - 1) % p));
    return ok;
}

START_TEST(test_a_ring_goes_round)
{
    for (int size = 2; size <= 7; size++) {
        for (size_t s = 0; s < 3; s++) {
            g_autoptr(DdpWorld) world = play(size, (DdpBackend)_i, schedules[s], ring);

            ck_assert_int_eq(ddp_world_outcome(world), DDP_OUTCOME_COMPLETED);
        }
    }
}
END_TEST

/* Two messages of one sender arrive in the order sent. */
static bool
in_order(DdpRank *rank, void *user_data, GError **error)
{
    float values[] = {1, 2, 3}, got;

    (void)user_data;
    for (int i = 0; i < 3; i++) {
        if (ddp_rank_index(rank) == 0 && !SEND(1, 0, &values[i]))
            return false;
        if (ddp_rank_index(rank) == 1) {
            if (!RECV(0, 0, &got))
                return false;
            g_string_append_printf(seen, "%g ", (double)got);
        }
    }
    return true;
}

START_TEST(test_messages_keep_their_order)
{
    g_autoptr(DdpWorld) world = play(2, (DdpBackend)_i, NULL, in_order);

    ck_assert_str_eq(seen->str, "1 2 3 ");
    ck_assert_int_eq(ddp_world_outcome(world), DDP_OUTCOME_COMPLETED);
}
END_TEST

/* gloo matches tags; what nobody asked for yet waits in the mailbox. */
static bool
by_tag(DdpRank *rank, void *user_data, GError **error)
{
    float values[] = {10, 20}, got;

    (void)user_data;
    if (ddp_rank_index(rank) == 0)
        return SEND(1, 1, &values[0]) && SEND(1, 2, &values[1]);
    for (int tag = 2; tag >= 1; tag--) {
        if (!RECV(0, tag, &got))
            return false;
        g_string_append_printf(seen, "%d=%g ", tag, (double)got);
    }
    return true;
}

START_TEST(test_gloo_matches_tags)
{
    g_autoptr(DdpWorld) world = play(2, DDP_BACKEND_GLOO, schedules[_i % 3], by_tag);

    ck_assert_int_eq(ddp_world_outcome(world), DDP_OUTCOME_COMPLETED);
    ck_assert_str_eq(seen->str, "2=20 1=10 ");
}
END_TEST

/* A receive from anybody says who it was. */
static bool
any_source(DdpRank *rank, void *user_data, GError **error)
{
    float mine = (float)ddp_rank_index(rank), got;

    (void)user_data;
    if (ddp_rank_index(rank) != 0)
        return SEND(0, 0, &mine);
    for (int i = 0; i < 3; i++) {
        int from;

        if (!message(rank, DDP_HERE, DDP_CALL_RECV, -1, 0, &got, &from, error))
            return false;
        ck_assert_float_eq(got, (float)from);
        g_string_append_printf(seen, "%d ", from);
    }
    return true;
}

START_TEST(test_any_source_takes_them_as_they_come)
{
    g_autoptr(DdpWorld) first = play(4, DDP_BACKEND_GLOO, "order:1,2,3,0", any_source);
    g_autoptr(DdpWorld) second = play(4, DDP_BACKEND_GLOO, "order:3,1,2,0", any_source);

    (void)first;
    (void)second;
    ck_assert_str_eq(seen->str, "1 2 3 3 1 2 ");
}
END_TEST

static bool
unreceived(DdpRank *rank, void *user_data, GError **error)
{
    float value = 1;

    (void)user_data;
    return ddp_rank_index(rank) != 0 || SEND(1, 0, &value);
}

START_TEST(test_gloo_keeps_what_nobody_received)
{
    g_autoptr(DdpWorld) world = play(2, DDP_BACKEND_GLOO, NULL, unreceived);
    const DdpCall *call;
    int src, dst;

    ck_assert_int_eq(ddp_world_outcome(world), DDP_OUTCOME_COMPLETED);
    ck_assert_uint_eq(ddp_comm_unreceived(ddp_world_comm(world)), 1);
    ddp_comm_unreceived_at(ddp_world_comm(world), 0, &src, &dst, &call);
    ck_assert_int_eq(src, 0);
    ck_assert_int_eq(dst, 1);
    ck_assert(g_str_has_suffix(call->site.file, "test_p2p.c"));
}
END_TEST

/* ---- what goes wrong ---- */

static int lines[2];

/* Both send first: NCCL waits for the receiver, gloo does not. */
static bool
both_send(DdpRank *rank, void *user_data, GError **error)
{
    int r = ddp_rank_index(rank);
    float mine = (float)r, other;

    (void)user_data;
    lines[0] = lines[1] = __LINE__ + 1;
    return SEND(1 - r, 0, &mine) && RECV(1 - r, 0, &other);
}

static bool
both_receive(DdpRank *rank, void *user_data, GError **error)
{
    int r = ddp_rank_index(rank);
    float mine = (float)r, other;

    (void)user_data;
    lines[0] = lines[1] = __LINE__ + 1;
    return RECV(1 - r, 0, &other) && SEND(1 - r, 0, &mine);
}

/* Rank 0 waits for a message that rank 1 never sends: it waits in a barrier. */
static bool
receive_against_barrier(DdpRank *rank, void *user_data, GError **error)
{
    float other;

    (void)user_data;
    if (ddp_rank_index(rank) == 0) {
        lines[0] = __LINE__ + 1;
        return RECV(1, 0, &other);
    }
    lines[1] = __LINE__ + 1;
    return ddp_barrier(rank, error);
}

static bool
receive_from_the_gone(DdpRank *rank, void *user_data, GError **error)
{
    float other;

    (void)user_data;
    lines[0] = lines[1] = __LINE__ + 1;
    return ddp_rank_index(rank) == 1 || RECV(1, 0, &other);
}

static bool
other_shape(DdpRank *rank, void *user_data, GError **error)
{
    float values[2] = {1, 2};
    DdpCall call = {.kind = DDP_CALL_SEND,
                    .dtype = DDP_DTYPE_F32,
                    .root = 1,
                    .count = 2,
                    .ndim = 1,
                    .shape = {2},
                    .in = values};

    (void)user_data;
    if (ddp_rank_index(rank) == 0) {
        lines[0] = __LINE__ + 1;
        call.site = DDP_HERE;
        return ddp_rank_call(rank, &call, error);
    }
    lines[1] = __LINE__ + 1;
    return RECV(0, 0, values);
}

static const struct {
    DdpRankFunc func;
    DdpBackend backend;
    DdpOutcome outcome;
    bool both_lines;
} wrong[] = {
    {both_send, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK, true},
    {both_receive, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK, true},
    {both_receive, DDP_BACKEND_GLOO, DDP_OUTCOME_DEADLOCK, true},
    {receive_against_barrier, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK, true},
    {receive_from_the_gone, DDP_BACKEND_GLOO, DDP_OUTCOME_DEADLOCK, false},
    {unreceived, DDP_BACKEND_NCCL, DDP_OUTCOME_DEADLOCK, false},
    {other_shape, DDP_BACKEND_NCCL, DDP_OUTCOME_MISMATCH, true},
};

START_TEST(test_a_wrong_pair_is_explained)
{
    for (size_t s = 0; s < 3; s++) {
        g_autoptr(DdpWorld) world = play(2, wrong[_i].backend, schedules[s], wrong[_i].func);
        g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(world, wrong[_i].backend);

        ck_assert_int_eq(ddp_world_outcome(world), wrong[_i].outcome);
        ck_assert_str_eq(diagnosis->cls, "p2p");
        for (int side = 0; wrong[_i].both_lines && side < 2; side++) {
            g_autofree char *line = g_strdup_printf("test_p2p.c:%d", lines[side]);

            ck_assert_msg(strstr(diagnosis->summary, line) != NULL, "no %s in %s", line,
                          diagnosis->summary);
        }
    }
}
END_TEST

START_TEST(test_gloo_lets_both_send_first)
{
    g_autoptr(DdpWorld) world = play(2, DDP_BACKEND_GLOO, NULL, both_send);

    ck_assert_int_eq(ddp_world_outcome(world), DDP_OUTCOME_COMPLETED);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("p2p");
    TCase *right = tcase_create("right");
    TCase *wrong_case = tcase_create("wrong");

    tcase_add_checked_fixture(right, setup, teardown);
    tcase_add_loop_test(right, test_a_ring_goes_round, 0, 2);
    tcase_add_loop_test(right, test_messages_keep_their_order, 0, 2);
    tcase_add_loop_test(right, test_gloo_matches_tags, 0, 3);
    tcase_add_test(right, test_any_source_takes_them_as_they_come);
    tcase_add_test(right, test_gloo_keeps_what_nobody_received);
    suite_add_tcase(suite, right);
    tcase_add_checked_fixture(wrong_case, setup, teardown);
    tcase_add_loop_test(wrong_case, test_a_wrong_pair_is_explained, 0, G_N_ELEMENTS(wrong));
    tcase_add_test(wrong_case, test_gloo_lets_both_send_first);
    suite_add_tcase(suite, wrong_case);
    return ddp_test_main(suite);
}
