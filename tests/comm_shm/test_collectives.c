/* SPDX-License-Identifier: MIT */
#include "sim/world/verbs.h"
#include "sim/world/world.h"
#include "tests/testutil.h"

#include <string.h>

/*
 * Collectives in worlds of every small size, odd ones included, and one of 64, under both kinds of
 * schedule. Rank r contributes r·1000 + i as element i, so the results have closed forms.
 */

static const int sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 64};
static const size_t counts[] = {0, 1, 3, 1000};

typedef struct {
    int size;
    size_t count;
    int checked; /* ranks that found their result right */
} Case;

static double
element(int rank, size_t i)
{
    return rank * 1000.0 + (double)i;
}

/* Check's own macros cost a microsecond each, too much for every element. */
static void
expect(double found, double expected)
{
    if (found != expected)
        ck_abort_msg("found %g, expected %g", found, expected);
}

static void
run(DdpRankFunc func, const char *schedule)
{
    for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
        for (size_t c = 0; c < G_N_ELEMENTS(counts); c++) {
            DdpWorldSpec spec = ddp_world_spec_default();
            g_autoptr(GError) error = NULL;
            Case now = {sizes[s], counts[c], 0};

            spec.size = sizes[s];
            spec.schedule = schedule;

            g_autoptr(DdpWorld) world = ddp_world_new(&spec, &error);

            ck_assert_no_error(error);
            ck_assert_int_eq(ddp_world_run(world, func, &now), DDP_OUTCOME_COMPLETED);
            ck_assert_int_eq(now.checked, sizes[s]);
        }
    }
}

static bool
all_reduce_main(DdpRank *rank, void *user_data, GError **error)
{
    Case *now = user_data;
    int r = ddp_rank_index(rank), p = now->size;
    g_autofree double *data = g_new(double, now->count + 1);

    for (size_t i = 0; i < now->count; i++)
        data[i] = element(r, i);
    if (!ddp_all_reduce(rank, data, now->count, DDP_DTYPE_F64, DDP_REDUCE_SUM, error))
        return false;
    for (size_t i = 0; i < now->count; i++)
        expect(data[i], 1000.0 * p * (p - 1) / 2 + (double)p * (double)i);
    now->checked++;
    return true;
}

static bool
all_gather_main(DdpRank *rank, void *user_data, GError **error)
{
    Case *now = user_data;
    int r = ddp_rank_index(rank), p = now->size;
    g_autofree int32_t *in = g_new(int32_t, now->count + 1);
    g_autofree int32_t *out = g_new(int32_t, now->count * (size_t)p + 1);

    for (size_t i = 0; i < now->count; i++)
        in[i] = (int32_t)element(r, i);
    if (!ddp_all_gather(rank, out, in, now->count, DDP_DTYPE_I32, error))
        return false;
    for (int from = 0; from < p; from++) {
        for (size_t i = 0; i < now->count; i++)
            expect(out[(size_t)from * now->count + i], element(from, i));
    }
    now->checked++;
    return true;
}

/* Every rank is the root once. */
static bool
broadcast_main(DdpRank *rank, void *user_data, GError **error)
{
    Case *now = user_data;
    int r = ddp_rank_index(rank);
    g_autofree float *data = g_new(float, now->count + 1);

    for (int root = 0; root < now->size; root++) {
        for (size_t i = 0; i < now->count; i++)
            data[i] = (float)element(r, i);
        if (!ddp_broadcast(rank, data, now->count, DDP_DTYPE_F32, root, error))
            return false;
        for (size_t i = 0; i < now->count; i++)
            expect((double)data[i], element(root, i));
    }
    now->checked++;
    return true;
}

/* Nobody leaves a barrier before all have come. */
static int arrived;

static bool
barrier_main(DdpRank *rank, void *user_data, GError **error)
{
    Case *now = user_data;

    for (int round = 1; round <= 3; round++) {
        arrived++;
        if (!ddp_barrier(rank, error))
            return false;
        ck_assert_int_eq(arrived, round * now->size);
        if (!ddp_barrier(rank, error))
            return false;
    }
    if (++now->checked == now->size)
        arrived = 0;
    return true;
}

static DdpCall
piece_call(DdpCallKind kind, const Case *now, void *in, void *out)
{
    return (DdpCall){.kind = kind,
                     .dtype = DDP_DTYPE_F64,
                     .root = -1,
                     .count = now->count,
                     .ndim = 1,
                     .shape = {(int64_t)now->count},
                     .in = in,
                     .out = out,
                     .site = DDP_HERE};
}

/* Every rank is the destination once; the others keep what they brought. */
static bool
reduce_main(DdpRank *rank, void *user_data, GError **error)
{
    Case *now = user_data;
    int r = ddp_rank_index(rank), p = now->size;
    g_autofree double *data = g_new(double, now->count + 1);

    for (int root = 0; root < p; root++) {
        DdpCall call = piece_call(DDP_CALL_REDUCE, now, data, data);

        call.root = root;
        call.op = DDP_REDUCE_MAX;
        for (size_t i = 0; i < now->count; i++)
            data[i] = element(r, i);
        if (!ddp_rank_call(rank, &call, error))
            return false;
        for (size_t i = 0; i < now->count; i++)
            expect(data[i], element(r == root ? p - 1 : r, i));
    }
    now->checked++;
    return true;
}

static bool
gather_main(DdpRank *rank, void *user_data, GError **error)
{
    Case *now = user_data;
    int r = ddp_rank_index(rank), p = now->size, root = p - 1;
    g_autofree double *in = g_new(double, now->count + 1);
    g_autofree double *out = r == root ? g_new(double, now->count *(size_t)p + 1) : NULL;
    DdpCall call = piece_call(DDP_CALL_GATHER, now, in, out);

    call.root = root;
    for (size_t i = 0; i < now->count; i++)
        in[i] = element(r, i);
    if (!ddp_rank_call(rank, &call, error))
        return false;
    for (int from = 0; r == root && from < p; from++) {
        for (size_t i = 0; i < now->count; i++)
            expect(out[(size_t)from * now->count + i], element(from, i));
    }
    now->checked++;
    return true;
}

static bool
scatter_main(DdpRank *rank, void *user_data, GError **error)
{
    Case *now = user_data;
    int r = ddp_rank_index(rank), p = now->size, root = p / 2;
    g_autofree double *in = r == root ? g_new(double, now->count *(size_t)p + 1) : NULL;
    g_autofree double *out = g_new(double, now->count + 1);
    DdpCall call = piece_call(DDP_CALL_SCATTER, now, in, out);

    call.root = root;
    for (size_t i = 0; r == root && i < now->count * (size_t)p; i++)
        in[i] = (double)i;
    if (!ddp_rank_call(rank, &call, error))
        return false;
    for (size_t i = 0; i < now->count; i++)
        expect(out[i], (double)((size_t)r * now->count + i));
    now->checked++;
    return true;
}

static bool
reduce_scatter_main(DdpRank *rank, void *user_data, GError **error)
{
    Case *now = user_data;
    int r = ddp_rank_index(rank), p = now->size;
    g_autofree double *in = g_new(double, now->count *(size_t)p + 1);
    g_autofree double *out = g_new(double, now->count + 1);
    DdpCall call = piece_call(DDP_CALL_REDUCE_SCATTER, now, in, out);

    for (size_t i = 0; i < now->count * (size_t)p; i++)
        in[i] = r + 10.0 * (double)i;
    if (!ddp_rank_call(rank, &call, error))
        return false;
    for (size_t i = 0; i < now->count; i++)
        expect(out[i], p * (p - 1) / 2.0 + 10.0 * p * (double)((size_t)r * now->count + i));
    now->checked++;
    return true;
}

static bool
all_to_all_main(DdpRank *rank, void *user_data, GError **error)
{
    Case *now = user_data;
    int r = ddp_rank_index(rank), p = now->size;
    size_t all = now->count * (size_t)p;
    g_autofree double *in = g_new(double, all + 1);
    g_autofree double *out = g_new(double, all + 1);
    DdpCall call = piece_call(DDP_CALL_ALL_TO_ALL, now, in, out);

    for (size_t i = 0; i < all; i++)
        in[i] = r * 1e6 + (double)i;
    if (!ddp_rank_call(rank, &call, error))
        return false;
    for (int from = 0; from < p; from++) {
        for (size_t i = 0; i < now->count; i++)
            expect(out[(size_t)from * now->count + i],
                   from * 1e6 + (double)((size_t)r * now->count + i));
    }
    now->checked++;
    return true;
}

/* Rank i sends i + j elements to rank j. */
static bool
uneven_main(DdpRank *rank, void *user_data, GError **error)
{
    Case *now = user_data;
    int r = ddp_rank_index(rank), p = now->size;
    g_autofree size_t *splits = g_new(size_t, p);
    size_t all = 0;

    for (int j = 0; j < p; j++)
        all += splits[j] = (size_t)(r + j);

    g_autofree double *in = g_new(double, all + 1);
    g_autofree double *out = g_new(double, all + 1);
    DdpCall call = piece_call(DDP_CALL_ALL_TO_ALL, now, in, out);

    call.count = all;
    call.in_splits = call.out_splits = splits;
    for (int j = 0, at = 0; j < p; j++) {
        for (int k = 0; k < r + j; k++)
            in[at++] = r * 1000.0 + j;
    }
    if (!ddp_rank_call(rank, &call, error))
        return false;
    for (int from = 0, at = 0; from < p; from++) {
        for (int k = 0; k < from + r; k++)
            expect(out[at++], from * 1000.0 + r);
    }
    now->checked++;
    return true;
}

/* Even and odd ranks in groups of their own, beside the world, three rounds each. */
static bool
groups_main(DdpRank *rank, void *user_data, GError **error)
{
    Case *now = user_data;
    int r = ddp_rank_index(rank), p = now->size;
    DdpGroup *groups[2];

    for (int parity = 0; parity < 2; parity++) {
        g_autoptr(GArray) ranks = g_array_new(FALSE, FALSE, sizeof(int));

        for (int i = parity; i < p; i += 2)
            g_array_append_val(ranks, i);

        DdpCall call = {.kind = DDP_CALL_NEW_GROUP,
                        .root = -1,
                        .count = ranks->len,
                        .in = ranks->data,
                        .site = DDP_HERE};

        if (!ddp_rank_call(rank, &call, error))
            return false;
        groups[parity] = call.out;
    }
    for (int round = 0; round < 3; round++) {
        double of_group = r, of_world = r;
        DdpCall call = piece_call(DDP_CALL_ALL_REDUCE, now, &of_group, &of_group);
        int members = ddp_group_size(groups[r % 2]);

        call.count = 1;
        call.shape[0] = 1;
        if (!ddp_rank_group_call(rank, groups[r % 2], &call, error) ||
            !ddp_all_reduce(rank, &of_world, 1, DDP_DTYPE_F64, DDP_REDUCE_SUM, error))
            return false;
        expect(of_group, (double)members * (r % 2) + (double)members * (members - 1));
        expect(of_world, p * (p - 1) / 2.0);
    }
    now->checked++;
    return true;
}

/* Works: pending until waited for, in any order, and the result is that of the call's moment. */
static bool
works_main(DdpRank *rank, void *user_data, GError **error)
{
    Case *now = user_data;
    int r = ddp_rank_index(rank), p = now->size;
    DdpComm *comm = ddp_world_comm(ddp_rank_world(rank));
    double values[3];
    DdpWork *works[3];
    bool touched;

    for (int i = 0; i < 3; i++) {
        DdpCall call = piece_call(DDP_CALL_ALL_REDUCE, now, &values[i], &values[i]);

        call.count = 1;
        call.shape[0] = 1;
        values[i] = r + 100 * i;
        works[i] = ddp_comm_begin(comm, r, ddp_comm_world_group(comm), &call, error);
        if (works[i] == NULL)
            return false;
        expect(values[i], r + 100 * i); /* nothing has come back yet */
    }
    if (!ddp_barrier(rank, error))
        return false;
    values[1] = -1; /* touched while in flight */
    for (int i = 2; i >= 0; i--) {
        if (!ddp_work_wait(works[i], &touched, error))
            return false;
        ck_assert(touched == (i == 1));
        expect(values[i], p * (p - 1) / 2.0 + 100.0 * i * p);
        ddp_work_free(works[i]);
    }
    now->checked++;
    return true;
}

static const struct {
    DdpRankFunc func;
    const char *schedule;
} cases[] = {
    {reduce_main, "round_robin"},         {reduce_main, "random:7"},
    {gather_main, "round_robin"},         {gather_main, "random:7"},
    {scatter_main, "round_robin"},        {scatter_main, "random:7"},
    {reduce_scatter_main, "round_robin"}, {reduce_scatter_main, "random:7"},
    {all_to_all_main, "round_robin"},     {all_to_all_main, "random:7"},
    {uneven_main, "round_robin"},         {uneven_main, "random:7"},
    {groups_main, "round_robin"},         {groups_main, "random:7"},
    {works_main, "round_robin"},          {works_main, "random:7"},
    {all_reduce_main, "round_robin"},     {all_reduce_main, "random:7"},
    {all_gather_main, "round_robin"},     {all_gather_main, "random:7"},
    {broadcast_main, "round_robin"},      {broadcast_main, "random:7"},
    {barrier_main, "round_robin"},        {barrier_main, "random:7"},
};

START_TEST(test_result_is_the_closed_form)
{
    run(cases[_i].func, cases[_i].schedule);
}
END_TEST

/* ---- what a call alone can do wrong ---- */

typedef struct {
    DdpCall call;
    const char *message;
} BadCall;

static bool
bad_call_main(DdpRank *rank, void *user_data, GError **error)
{
    BadCall *bad = user_data;
    GError *own = NULL;
    float value = 0;
    DdpCall call = bad->call;

    (void)error;
    call.in = call.out = &value;
    call.site = DDP_HERE;
    ck_assert(!ddp_rank_call(rank, &call, &own));
    ck_assert(g_error_matches(own, DDP_COMM_ERROR, DDP_COMM_ERROR_BAD_CALL));
    ck_assert_str_eq(own->message, bad->message);
    g_error_free(own);
    return true; /* nobody waited: the world goes on */
}

static const struct {
    DdpBackend backend;
    BadCall bad;
} bad_calls[] = {
    {DDP_BACKEND_NCCL,
     {{.kind = DDP_CALL_BROADCAST, .dtype = DDP_DTYPE_F32, .root = 2, .count = 1},
      "broadcast: src is 2, expected a rank from 0 to 1"}},
    {DDP_BACKEND_NCCL,
     {{.kind = DDP_CALL_ALL_REDUCE,
       .dtype = DDP_DTYPE_F32,
       .op = DDP_REDUCE_BAND,
       .root = -1,
       .count = 1},
      "all_reduce: band is not defined for float32"}},
    {DDP_BACKEND_GLOO,
     {{.kind = DDP_CALL_ALL_REDUCE,
       .dtype = DDP_DTYPE_F32,
       .op = DDP_REDUCE_AVG,
       .root = -1,
       .count = 1},
      "all_reduce: Cannot use ReduceOp.AVG with Gloo; use SUM and divide by the world size"}},
    {DDP_BACKEND_NCCL,
     {{.kind = DDP_CALL_ALL_REDUCE,
       .dtype = DDP_DTYPE_I32,
       .op = DDP_REDUCE_BXOR,
       .root = -1,
       .count = 1},
      "all_reduce: Cannot use ReduceOp.BXOR with NCCL; the gloo backend has it"}},
};

START_TEST(test_a_wrong_call_says_what_was_expected)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    BadCall bad = bad_calls[_i].bad;

    spec.size = 2;
    spec.backend = bad_calls[_i].backend;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ck_assert_int_eq(ddp_world_run(world, bad_call_main, &bad), DDP_OUTCOME_COMPLETED);
}
END_TEST

/* Objects differ in length from rank to rank; every rank gets all of them, in rank order. */
static bool
objects_main(DdpRank *rank, void *user_data, GError **error)
{
    int r = ddp_rank_index(rank), *checked = user_data;
    char text[] = "abcdefgh";
    DdpCall call = {.kind = DDP_CALL_ALL_GATHER_OBJECT,
                    .root = -1,
                    .count = (size_t)r + 1,
                    .in = text + r,
                    .site = DDP_HERE};

    if (!ddp_rank_call(rank, &call, error))
        return false;

    const char *at = call.out;

    for (int from = 0; from < 3; from++) {
        ck_assert_uint_eq(call.counts[from], (size_t)from + 1);
        ck_assert(memcmp(at, text + from, call.counts[from]) == 0);
        at += call.counts[from];
    }
    g_free(call.out);
    g_free(call.counts);
    (*checked)++;
    return true;
}

START_TEST(test_objects_of_any_length_are_gathered)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    int checked = 0;

    spec.size = 3;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);

    ck_assert_int_eq(ddp_world_run(world, objects_main, &checked), DDP_OUTCOME_COMPLETED);
    ck_assert_int_eq(checked, 3);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("collectives");
    TCase *results = tcase_create("results");
    TCase *misuse = tcase_create("misuse");

    tcase_add_loop_test(results, test_result_is_the_closed_form, 0, G_N_ELEMENTS(cases));
    tcase_add_test(results, test_objects_of_any_length_are_gathered);
    suite_add_tcase(suite, results);
    tcase_add_loop_test(misuse, test_a_wrong_call_says_what_was_expected, 0,
                        G_N_ELEMENTS(bad_calls));
    suite_add_tcase(suite, misuse);
    return ddp_test_main(suite);
}
