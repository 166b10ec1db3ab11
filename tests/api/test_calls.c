/* SPDX-License-Identifier: MIT */
#include <ddpsim.h>
#include <string.h>

#include "tests/testutil.h"

/*
 * What a C program is told: where a call was made, what is wrong with it, how the world ended. The
 * worlds are of two ranks, on every engine; what ranks find they write to the world's memory.
 */

#define ENGINES 3

typedef struct {
    int line;    /* of the call that is looked for */
    int number;  /* of the case */
    int went_on; /* ranks that came to their end */
    char text[256];
} Notes;

static DdpWorld *
world_of(int engine, int size, DdpBackend backend)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GError) error = NULL;
    DdpWorld *world;

    spec.engine = (DdpEngine)engine;
    spec.size = size;
    spec.backend = backend;
    world = ddp_world_new(&spec, &error);
    ck_assert_no_error(error);
    return world;
}

static DdpWorld *
world_new(int engine, int size)
{
    return world_of(engine, size, DDP_BACKEND_NCCL);
}

/* ---- call sites ---- */

static bool
lonely_main(DdpRank *rank, void *notes_, GError **error)
{
    Notes *notes = notes_;
    DdpCallOptions named = {.name = "val_loss"};
    double x = 1.0;

    if (ddp_rank_index(rank) != 0)
        return true;
    notes->line = __LINE__ + 1;
    return ddp_all_reduce_with(rank, &x, 1, DDP_DTYPE_F64, DDP_REDUCE_SUM, &named, error);
}

START_TEST(test_a_verdict_has_the_line_of_the_call_and_its_name)
{
    g_autoptr(DdpWorld) world = world_new(_i, 2);
    Notes *notes = ddp_world_alloc(world, sizeof *notes);
    const DdpRankVerdict *verdict;

    ck_assert_int_eq(ddp_world_run(world, lonely_main, notes), DDP_OUTCOME_DEADLOCK);
    verdict = ddp_world_rank_verdict(world, 0);
    ck_assert(verdict->waits);
    ck_assert_int_eq(verdict->call.kind, DDP_CALL_ALL_REDUCE);
    ck_assert_int_eq(verdict->call.site.line, notes->line);
    ck_assert(g_str_has_suffix(verdict->call.site.file, "test_calls.c"));
    ck_assert_str_eq(verdict->call_name, "val_loss");
    ddp_world_release(world, notes);
}
END_TEST

/* A wrapper hands on where it was called from. */
static bool
my_barrier(DdpRank *rank, DdpSite site, GError **error)
{
    return ddp_rank_barrier(rank, site, NULL, error);
}

static bool
wrapped_main(DdpRank *rank, void *notes_, GError **error)
{
    Notes *notes = notes_;

    if (ddp_rank_index(rank) != 0)
        return true;
    notes->line = __LINE__ + 1;
    return my_barrier(rank, DDP_HERE, error);
}

START_TEST(test_a_wrapper_can_pass_on_its_callers_line)
{
    g_autoptr(DdpWorld) world = world_new(_i, 2);
    Notes *notes = ddp_world_alloc(world, sizeof *notes);

    ck_assert_int_eq(ddp_world_run(world, wrapped_main, notes), DDP_OUTCOME_DEADLOCK);
    ck_assert_int_eq(ddp_world_rank_verdict(world, 0)->call.site.line, notes->line);
    ddp_world_release(world, notes);
}
END_TEST

/* Or stays the place of the call, and says where it was called from. */
static bool
helper_main(DdpRank *rank, void *notes_, GError **error)
{
    Notes *notes = notes_;
    DdpCallOptions options = {.via = {"train.c", 77}};

    if (ddp_rank_index(rank) != 0)
        return true;
    notes->line = __LINE__ + 1;
    return ddp_barrier_with(rank, &options, error);
}

START_TEST(test_a_verdict_shows_where_a_helper_was_called_from)
{
    g_autoptr(DdpWorld) world = world_new(_i, 2);
    Notes *notes = ddp_world_alloc(world, sizeof *notes);
    g_autofree char *text = NULL, *shown = NULL;

    ck_assert_int_eq(ddp_world_run(world, helper_main, notes), DDP_OUTCOME_DEADLOCK);
    text = ddp_world_verdict_text(world);
    shown = g_strdup_printf("test_calls.c:%d\n          called from train.c:77\n", notes->line);
    ck_assert_msg(strstr(text, shown) != NULL, "no \"%s\" in:\n%s", shown, text);
    ddp_world_release(world, notes);
}
END_TEST

/* ---- wrong calls ---- */

typedef struct {
    bool (*call)(DdpRank *rank, GError **error);
    const char *says;
} WrongCall;

static int64_t data[4];

static bool
too_many(DdpRank *rank, GError **error)
{
    return ddp_all_reduce(rank, data, SIZE_MAX / 2, DDP_DTYPE_I64, DDP_REDUCE_SUM, error);
}

static bool
too_many_together(DdpRank *rank, GError **error)
{
    return ddp_all_gather(rank, data, data, PTRDIFF_MAX / 8, DDP_DTYPE_I64, error);
}

static bool
no_data(DdpRank *rank, GError **error)
{
    return ddp_broadcast(rank, NULL, 3, DDP_DTYPE_I64, 0, error);
}

static bool
no_room(DdpRank *rank, GError **error)
{
    return ddp_gather(rank, NULL, data, 1, DDP_DTYPE_I64, ddp_rank_index(rank), error);
}

static bool
no_such_op(DdpRank *rank, GError **error)
{
    return ddp_all_reduce(rank, data, 1, DDP_DTYPE_I64, (DdpReduceOp)77, error);
}

static bool
no_such_dtype(DdpRank *rank, GError **error)
{
    return ddp_all_reduce(rank, data, 1, (DdpDtype)77, DDP_REDUCE_SUM, error);
}

static bool
no_such_root(DdpRank *rank, GError **error)
{
    return ddp_broadcast(rank, data, 1, DDP_DTYPE_I64, 2, error);
}

static bool
to_itself(DdpRank *rank, GError **error)
{
    return ddp_send(rank, data, 1, DDP_DTYPE_I64, ddp_rank_index(rank), error);
}

static bool
twice_in_the_group(DdpRank *rank, GError **error)
{
    return ddp_new_group(rank, ((const int[]){1, 1}), 2, error) != NULL;
}

static bool
stranger_in_the_group(DdpRank *rank, GError **error)
{
    return ddp_new_group(rank, ((const int[]){0, 5}), 2, error) != NULL;
}

static bool
empty_group(DdpRank *rank, GError **error)
{
    return ddp_new_group(rank, NULL, 0, error) != NULL;
}

static bool
begun_object(DdpRank *rank, GError **error)
{
    DdpWork *work;
    DdpCallOptions options = {.async_op = &work};
    void *out;
    size_t bytes;
    bool ok = ddp_broadcast_object_with(rank, &out, &bytes, data, 8, 0, &options, error);

    return ok || work != NULL || out != NULL;
}

static bool
timeout_below_zero(DdpRank *rank, GError **error)
{
    return ddp_monitored_barrier(rank, -1, error);
}

static bool
splits_without_end(DdpRank *rank, GError **error)
{
    const size_t splits[2] = {SIZE_MAX, 2};

    return ddp_all_to_all_single(rank, data, data, splits, splits, DDP_DTYPE_U8, error);
}

static bool
no_splits(DdpRank *rank, GError **error)
{
    return ddp_all_to_all_single(rank, data, data, NULL, NULL, DDP_DTYPE_U8, error);
}

static bool
batch_of_a_barrier(DdpRank *rank, GError **error)
{
    const DdpP2pOp op = {.kind = DDP_CALL_BARRIER};
    DdpWork *work;

    return ddp_batch_isend_irecv(rank, &op, 1, &work, error) || work != NULL;
}

/* The second message of the batch is wrong: nothing of it may be under way afterwards. */
static bool
batch_half_wrong(DdpRank *rank, GError **error)
{
    const DdpP2pOp ops[2] = {
        {.kind = DDP_CALL_RECV, .data = data, .count = 1, .dtype = DDP_DTYPE_I64, .peer = 9},
        {.kind = DDP_CALL_SEND, .data = NULL, .count = 1, .dtype = DDP_DTYPE_I64, .peer = 0},
    };
    DdpWork *works[2] = {NULL};

    return ddp_batch_isend_irecv(rank, ops, 2, works, error) || works[0] != NULL;
}

static const WrongCall wrong_calls[] = {
    {too_many, "all_reduce: 9223372036854775807 elements of int64"},
    {too_many_together, "for each of 2 ranks are more than memory can hold"},
    {no_data, "broadcast: data is NULL, expected memory for 3 elements"},
    {no_room, "gather: out is NULL, expected memory for 1 element"},
    {no_such_op, "all_reduce: op is 77, expected one of DdpReduceOp"},
    {no_such_dtype, "all_reduce: dtype is 77, expected one of DdpDtype"},
    {no_such_root, "broadcast: src is 2, expected a rank from 0 to 1"},
    {to_itself, "a rank cannot send to itself"},
    {twice_in_the_group, "new_group: rank 1 stands in the list twice"},
    {stranger_in_the_group, "new_group: rank 5 is in the list, expected ranks from 0 to 1"},
    {empty_group, "new_group: a list of 0 ranks, expected 1 to 2"},
    {begun_object, "broadcast_object: it cannot be begun with async_op"},
    {timeout_below_zero, "monitored_barrier: timeout_ns is -1, expected at least 0"},
    {splits_without_end, "all_to_all: the numbers of in_splits add up"},
    {no_splits, "all_to_all: in_splits is NULL, expected 2 numbers"},
    {batch_of_a_barrier, "batch_isend_irecv: the kind of operation 0 is 10, expected"},
    {batch_half_wrong, "send: data is NULL"},
};

static bool
wrong_main(DdpRank *rank, void *notes_, GError **error)
{
    Notes *notes = notes_;
    g_autoptr(GError) told = NULL;
    const WrongCall *wrong = &wrong_calls[notes->number];
    bool ok = wrong->call(rank, &told);

    if (ddp_rank_index(rank) == 0) {
        if (ok || !g_error_matches(told, DDP_COMM_ERROR, DDP_COMM_ERROR_BAD_CALL))
            g_strlcpy(notes->text, ok ? "it was taken" : told->message, sizeof notes->text);
        else if (strstr(told->message, wrong->says) == NULL)
            g_strlcpy(notes->text, told->message, sizeof notes->text);
    }
    return ddp_barrier(rank, error); /* nobody else has suffered */
}

START_TEST(test_a_wrong_call_says_what_was_expected_and_harms_nobody)
{
    for (int number = 0; number < (int)G_N_ELEMENTS(wrong_calls); number++) {
        g_autoptr(DdpWorld) world = world_new(_i, 2);
        Notes *notes = ddp_world_alloc(world, sizeof *notes);

        notes->number = number;
        ck_assert_int_eq(ddp_world_run(world, wrong_main, notes), DDP_OUTCOME_COMPLETED);
        ck_assert_msg(notes->text[0] == '\0', "expected \"%s\", found \"%s\"",
                      wrong_calls[number].says, notes->text);
        ddp_world_release(world, notes);
    }
}
END_TEST

/* ---- a barrier that is watched ---- */

static bool
watched_main(DdpRank *rank, void *notes_, GError **error)
{
    Notes *notes = notes_;
    g_autoptr(GError) told = NULL;

    (void)error;
    if (ddp_rank_index(rank) != 0)
        return true;
    if (ddp_monitored_barrier(rank, 30 * INT64_C(1000000000), &told))
        return true;
    g_strlcpy(notes->text, told->message, sizeof notes->text);
    notes->number = g_error_matches(told, DDP_COMM_ERROR, DDP_COMM_ERROR_FAILED);
    return true;
}

START_TEST(test_a_monitored_barrier_names_who_is_missing_and_the_world_goes_on)
{
    g_autoptr(DdpWorld) world = world_of(_i, 2, DDP_BACKEND_GLOO);
    Notes *notes = ddp_world_alloc(world, sizeof *notes);

    ck_assert_int_eq(ddp_world_run(world, watched_main, notes), DDP_OUTCOME_COMPLETED);
    ck_assert_int_eq(notes->number, 1);
    ck_assert_msg(strstr(notes->text, "1") != NULL, "%s", notes->text);
    ddp_world_release(world, notes);
}
END_TEST

/* ---- memory ---- */

static bool
memory_main(DdpRank *rank, void *shared_, GError **error)
{
    int *shared = shared_;
    int *mine = ddp_rank_alloc(rank, 4096 * sizeof *mine);
    bool ok;

    for (int i = 0; i < 4096; i++)
        mine[i] = ddp_rank_index(rank) + 1;
    ok = ddp_all_reduce(rank, mine, 4096, DDP_DTYPE_I32, DDP_REDUCE_SUM, error);
    shared[ddp_rank_index(rank)] = mine[4095];
    ddp_rank_free(rank, mine);
    return ok;
}

START_TEST(test_results_come_out_through_the_worlds_memory)
{
    g_autoptr(DdpWorld) world = world_new(_i, 3);
    int *shared = ddp_world_alloc(world, 3 * sizeof *shared);

    ck_assert_int_eq(shared[0] + shared[1] + shared[2], 0);
    ck_assert_int_eq(ddp_world_run(world, memory_main, shared), DDP_OUTCOME_COMPLETED);
    for (int rank = 0; rank < 3; rank++)
        ck_assert_int_eq(shared[rank], 1 + 2 + 3);
    ddp_world_release(world, shared);
}
END_TEST

/* ---- the verdict in words ---- */

/* Ten ranks wait at ten places, the last is gone. */
static bool
many_main(DdpRank *rank, void *user_data, GError **error)
{
    double x = 0.0;
    int index = ddp_rank_index(rank);

    (void)user_data;
    if (index == 12)
        return true;
    return ddp_rank_all_reduce(rank, (DdpSite){"train.c", 100 + index / 2 * 2}, NULL, &x, 1,
                               DDP_DTYPE_F64, DDP_REDUCE_SUM, error);
}

START_TEST(test_a_verdict_fits_a_screen_and_is_the_same_on_every_engine)
{
    g_autofree char *first = NULL;

    for (int engine = 0; engine < ENGINES; engine++) {
        g_autoptr(DdpWorld) world = world_new(engine, 40);
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;

        ck_assert_int_eq(ddp_world_run(world, many_main, NULL), DDP_OUTCOME_DEADLOCK);
        text = ddp_world_verdict_text(world);
        lines = g_strsplit(text, "\n", -1);
        ck_assert(g_str_has_prefix(text, "DEADLOCK: "));
        ck_assert_uint_le(g_strv_length(lines), 25);
        for (int i = 0; lines[i] != NULL; i++)
            ck_assert_int_le(g_utf8_strlen(lines[i], -1), 80);
        ck_assert_ptr_nonnull(strstr(text, "ranks 0, 1    wait in all_reduce(float64[1], sum) at "
                                           "train.c:100\n"));
        ck_assert_ptr_nonnull(strstr(text, "and others\n"));
        ck_assert_ptr_nonnull(strstr(text, "\n  why       "));
        ck_assert_ptr_nonnull(strstr(text, "\n  fix       "));
        if (engine == 0)
            first = g_steal_pointer(&text);
        else
            ck_assert_str_eq(text, first);
    }
}
END_TEST

static bool
fail_main(DdpRank *rank, void *user_data, GError **error)
{
    (void)rank;
    (void)user_data;
    g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "no data");
    return false;
}

static bool
fine_main(DdpRank *rank, void *user_data, GError **error)
{
    (void)user_data;
    return ddp_barrier(rank, error);
}

START_TEST(test_a_verdict_says_what_all_ranks_failed_of)
{
    g_autoptr(DdpWorld) world = world_new(_i, 3);
    g_autofree char *text = NULL;

    ck_assert_int_eq(ddp_world_run(world, fail_main, NULL), DDP_OUTCOME_ERROR);
    text = ddp_world_verdict_text(world);
    ck_assert_msg(g_str_has_prefix(text, "ERROR: ") && strstr(text, "ranks 0-2") != NULL, "%s",
                  text);
    ck_assert_ptr_nonnull(strstr(text, "no data"));
}
END_TEST

START_TEST(test_a_world_that_completed_has_no_verdict)
{
    g_autoptr(DdpWorld) world = world_new(_i, 3);
    g_autofree char *text = NULL;

    ck_assert_int_eq(ddp_world_run(world, fine_main, NULL), DDP_OUTCOME_COMPLETED);
    text = ddp_world_verdict_text(world);
    ck_assert_str_eq(text, "");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("calls");
    TCase *calls = tcase_create("calls");

    tcase_add_loop_test(calls, test_a_verdict_has_the_line_of_the_call_and_its_name, 0, ENGINES);
    tcase_add_loop_test(calls, test_a_wrapper_can_pass_on_its_callers_line, 0, ENGINES);
    tcase_add_loop_test(calls, test_a_verdict_shows_where_a_helper_was_called_from, 0, ENGINES);
    tcase_add_loop_test(calls, test_a_wrong_call_says_what_was_expected_and_harms_nobody, 0,
                        ENGINES);
    tcase_add_loop_test(calls, test_a_monitored_barrier_names_who_is_missing_and_the_world_goes_on,
                        0, ENGINES);
    tcase_add_loop_test(calls, test_results_come_out_through_the_worlds_memory, 0, ENGINES);
    tcase_add_test(calls, test_a_verdict_fits_a_screen_and_is_the_same_on_every_engine);
    tcase_add_loop_test(calls, test_a_verdict_says_what_all_ranks_failed_of, 0, ENGINES);
    tcase_add_loop_test(calls, test_a_world_that_completed_has_no_verdict, 0, ENGINES);
    suite_add_tcase(suite, calls);
    return ddp_test_main(suite);
}
