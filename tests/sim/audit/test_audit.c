/* SPDX-License-Identifier: MIT */
#include "sim/audit/audit.h"
#include "sim/audit/report.h"
#include "tests/testutil.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

/*
 * Rows are compared as lines of text. What they should say is either plain to see (a shard of a
 * quarter) or found by brute force: random programs of all ranks, whose sets of samples are
 * computed from the definition in the header, one value at a time.
 */

static char *
rows_as_text(const DdpRunRecord *record)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < record->audit->len; i++) {
        const DdpAuditRow *row = g_ptr_array_index(record->audit, i);

        g_string_append_printf(text,
                               "%s e%" PRId64 " s%" PRId64 " r%d %g true %g samples %" PRId64
                               "/%" PRId64 " twice %" PRId64 "\n",
                               row->key, row->epoch, row->step, row->rank, row->logged, row->truth,
                               row->samples, row->of, row->duplicates);
    }
    return g_string_free(text, FALSE);
}

/* As DistributedSampler hands them out: every size-th, padded from the front. */
static void
consume_shard(DdpAudit *audit, int evaluation, int rank, int size, int64_t of)
{
    int64_t per_rank = (of + size - 1) / size;

    for (int64_t i = 0; i < per_rank; i++) {
        int64_t index = (rank + i * size) % of;

        ddp_audit_samples(audit, evaluation, rank, (size_t)of, &index, 1);
    }
}

START_TEST(test_one_rank_alone_stands_on_its_shard)
{
    g_autoptr(DdpAudit) audit = ddp_audit_new(4);
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    for (int rank = 0; rank < 4; rank++)
        consume_shard(audit, 0, rank, 4, 1000);
    ddp_audit_logged(audit, 0, 2, 0, "val_loss", 7, 0.5, "a.lua:3");
    ddp_audit_truth(audit, 0, "val_loss", 7, 0.75);
    ddp_audit_finish(audit, record);

    g_autofree char *text = rows_as_text(record);
    const DdpAuditRow *row = g_ptr_array_index(record->audit, 0);

    ck_assert_str_eq(text, "val_loss e2 s7 r0 0.5 true 0.75 samples 250/1000 twice 0\n");
    ck_assert_str_eq(row->site, "a.lua:3");
    ck_assert_double_eq(ddp_audit_row_error(row), -0.25);
}
END_TEST

START_TEST(test_a_merge_brings_the_samples_of_all_ranks)
{
    g_autoptr(DdpAudit) audit = ddp_audit_new(4);
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    for (int rank = 0; rank < 4; rank++)
        consume_shard(audit, 0, rank, 4, 10); /* 3 each: two samples are counted twice */
    ddp_audit_logged(audit, 0, 0, 0, "before", 0, 1.0, NULL);
    for (int rank = 0; rank < 4; rank++)
        ddp_audit_merged(audit, 0, rank);
    ddp_audit_logged(audit, 0, 0, 0, "after", 0, 1.0, NULL);
    ddp_audit_finish(audit, record);

    g_autofree char *text = rows_as_text(record);

    ck_assert_str_eq(text, "before e0 s0 r0 1 true nan samples 3/10 twice 0\n"
                           "after e0 s0 r0 1 true nan samples 10/10 twice 2\n");
}
END_TEST

START_TEST(test_rows_come_by_evaluation_key_and_rank)
{
    g_autoptr(DdpAudit) audit = ddp_audit_new(3);
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    /* Late evaluations and high ranks first, as another schedule would have it. */
    for (int evaluation = 5; evaluation >= 4; evaluation--)
        for (int rank = 2; rank >= 0; rank--) {
            ddp_audit_logged(audit, evaluation, evaluation, rank, rank == 2 ? "zeta" : "beta", 0,
                             rank, NULL);
            ddp_audit_logged(audit, evaluation, evaluation, rank, "alpha", 0, rank, NULL);
        }
    ddp_audit_finish(audit, record);

    GString *order = g_string_new(NULL);

    for (guint i = 0; i < record->audit->len; i++) {
        const DdpAuditRow *row = g_ptr_array_index(record->audit, i);

        g_string_append_printf(order, "%" PRId64 "%s%d ", row->epoch, row->key, row->rank);
        ck_assert_int_eq(row->samples, -1);
        ck_assert_int_eq(row->of, -1);
    }
    ck_assert_str_eq(order->str, "4beta0 4beta1 4alpha0 4alpha1 4alpha2 4zeta2 "
                                 "5beta0 5beta1 5alpha0 5alpha1 5alpha2 5zeta2 ");
    g_string_free(order, TRUE);
}
END_TEST

START_TEST(test_a_truth_is_found_by_step_then_by_turn_then_alone)
{
    g_autoptr(DdpAudit) audit = ddp_audit_new(1);
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    ddp_audit_truth(audit, 0, "a", 1, 11.0);
    ddp_audit_truth(audit, 0, "a", 2, 12.0);
    ddp_audit_truth(audit, 0, "a", 2, 12.5);
    ddp_audit_truth(audit, 0, "b", 90, 20.0);
    ddp_audit_truth(audit, 1, "c", 0, 30.0);
    ddp_audit_logged(audit, 0, 0, 0, "a", 2, 1.0, NULL); /* first at step 2 */
    ddp_audit_logged(audit, 0, 0, 0, "a", 2, 2.0, NULL); /* second at step 2 */
    ddp_audit_logged(audit, 0, 0, 0, "a", 2, 3.0, NULL); /* no third truth: the last */
    ddp_audit_logged(audit, 0, 0, 0, "a", 3, 4.0, NULL); /* two truths elsewhere: none */
    ddp_audit_logged(audit, 0, 0, 0, "b", 3, 5.0, NULL); /* the only truth of b */
    ddp_audit_logged(audit, 0, 0, 0, "c", 0, 6.0, NULL); /* another evaluation's */
    ddp_audit_finish(audit, record);

    g_autofree char *text = rows_as_text(record);

    ck_assert_str_eq(text, "a e0 s2 r0 1 true 12 samples -1/-1 twice 0\n"
                           "a e0 s2 r0 2 true 12.5 samples -1/-1 twice 0\n"
                           "a e0 s2 r0 3 true 12.5 samples -1/-1 twice 0\n"
                           "a e0 s3 r0 4 true nan samples -1/-1 twice 0\n"
                           "b e0 s3 r0 5 true 20 samples -1/-1 twice 0\n"
                           "c e0 s0 r0 6 true nan samples -1/-1 twice 0\n");
}
END_TEST

START_TEST(test_a_true_nan_is_a_truth)
{
    g_autoptr(DdpAudit) audit = ddp_audit_new(1);
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    ddp_audit_truth(audit, 0, "loss", 0, (double)NAN);
    ddp_audit_logged(audit, 0, 0, 0, "loss", 0, (double)NAN, NULL);
    ddp_audit_finish(audit, record);

    const DdpAuditRow *row = g_ptr_array_index(record->audit, 0);

    ck_assert(row->has_truth);
    ck_assert(ddp_audit_row_is_right(row));
}
END_TEST

START_TEST(test_right_is_within_a_millionth)
{
    static const struct {
        double logged, truth;
        bool right;
    } rows[] = {
        {1.0, 1.0, true},
        {1.0000009, 1.0, true},
        {1.0000011, 1.0, false},
        {1e6 + 0.9, 1e6, true},
        {1e6 + 1.1, 1e6, false},
        {0.0, 0.0, true},
        {1e-13, 0.0, true},
        {1e-6, 0.0, false},
        {(double)NAN, 1.0, false},
        {1.0, (double)NAN, false},
        {(double)INFINITY, (double)INFINITY, true},
        {(double)INFINITY, 1.0, false},
        {1.0, (double)INFINITY, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        DdpAuditRow row = {.logged = rows[i].logged, .truth = rows[i].truth, .has_truth = true};

        ck_assert_msg(ddp_audit_row_is_right(&row) == rows[i].right, "%.9g against %.9g",
                      rows[i].logged, rows[i].truth);
        row.has_truth = false;
        ck_assert(!ddp_audit_row_is_right(&row));
    }
}
END_TEST

START_TEST(test_data_sets_of_two_sizes_are_two_data_sets)
{
    g_autoptr(DdpAudit) audit = ddp_audit_new(2);
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    consume_shard(audit, 0, 0, 2, 10);
    ddp_audit_logged(audit, 0, 0, 0, "first", 0, 1.0, NULL);
    consume_shard(audit, 0, 0, 2, 20);
    ddp_audit_logged(audit, 0, 0, 0, "second", 0, 1.0, NULL);
    ddp_audit_finish(audit, record);

    g_autofree char *text = rows_as_text(record);

    ck_assert_str_eq(text, "first e0 s0 r0 1 true nan samples 5/10 twice 0\n"
                           "second e0 s0 r0 1 true nan samples 15/30 twice 0\n");
}
END_TEST

START_TEST(test_too_many_data_sets_make_the_coverage_unknown)
{
    g_autoptr(DdpAudit) audit = ddp_audit_new(1);
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();
    int64_t index = 0;

    for (size_t size = 1; size < 100; size++)
        ddp_audit_samples(audit, 0, 0, size, &index, 1);
    ddp_audit_samples(audit, 1, 0, (size_t)1 << 40, &index, 1);
    ddp_audit_logged(audit, 0, 0, 0, "a", 0, 1.0, NULL);
    ddp_audit_logged(audit, 1, 1, 0, "a", 0, 1.0, NULL);
    ddp_audit_finish(audit, record);

    g_autofree char *text = rows_as_text(record);

    ck_assert_str_eq(text, "a e0 s0 r0 1 true nan samples -1/-1 twice 0\n"
                           "a e1 s0 r0 1 true nan samples -1/-1 twice 0\n");
}
END_TEST

START_TEST(test_an_ended_evaluation_takes_no_more_notes)
{
    g_autoptr(DdpAudit) audit = ddp_audit_new(1);
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    for (int evaluation = 0; evaluation < 3; evaluation++) {
        consume_shard(audit, evaluation, 0, 1, 4);
        ddp_audit_logged(audit, evaluation, evaluation, 0, "a", 0, 1.0, NULL);
        if (evaluation != 1)
            ddp_audit_end_evaluation(audit, evaluation);
        ddp_audit_logged(audit, evaluation, evaluation, 0, "late", 0, 1.0, NULL);
    }
    ddp_audit_end_evaluation(audit, 77); /* never heard of */
    ddp_audit_finish(audit, record);

    g_autofree char *text = rows_as_text(record);

    ck_assert_str_eq(text, "a e0 s0 r0 1 true nan samples 4/4 twice 0\n"
                           "a e1 s0 r0 1 true nan samples 4/4 twice 0\n"
                           "late e1 s0 r0 1 true nan samples 4/4 twice 0\n"
                           "a e2 s0 r0 1 true nan samples 4/4 twice 0\n");
}
END_TEST

/* ---- random programs ---- */

enum { CONSUME, MERGE, LOG };

typedef struct {
    int what;
    int sample;                  /* of CONSUME */
    int key;                     /* of LOG */
    int64_t samples, duplicates; /* of LOG, by brute force */
} Act;

#define RANKS_MAX 5
#define ACTS 40
#define SAMPLES 13

typedef struct {
    int size;
    Act acts[RANKS_MAX][ACTS];
} Programs;

static void
make_programs(Programs *programs, GRand *rand)
{
    programs->size = g_rand_int_range(rand, 1, RANKS_MAX + 1);
    for (int rank = 0; rank < programs->size; rank++)
        for (int i = 0; i < ACTS; i++) {
            int draw = g_rand_int_range(rand, 0, 10);

            programs->acts[rank][i] = (Act){
                .what = draw < 6   ? CONSUME
                        : draw < 8 ? MERGE
                                   : LOG,
                .sample = g_rand_int_range(rand, 0, SAMPLES),
                .key = g_rand_int_range(rand, 0, 3),
            };
        }
}

/* How often the value of rank @rank's act @at counts each sample: the words of the header. */
static void
count_by_definition(const Programs *programs, int rank, int at, int counts[SAMPLES])
{
    int merges = 0;

    memset(counts, 0, SAMPLES * sizeof(int));
    for (int i = 0; i < at; i++)
        merges += programs->acts[rank][i].what == MERGE;

    for (int other = 0; other < programs->size; other++) {
        int own_merges = 0;

        for (int i = 0; i < ACTS; i++) {
            const Act *act = &programs->acts[other][i];
            bool before_log = other == rank && i < at;
            bool before_merge = merges > 0 && own_merges < merges;

            if (act->what == CONSUME && (before_log || before_merge))
                counts[act->sample]++;
            own_merges += act->what == MERGE;
        }
    }
}

static void
play(const Programs *programs, DdpAudit *audit, GRand *schedule)
{
    static const char *const keys[] = {"k0", "k1", "k2"};
    int next[RANKS_MAX] = {0};
    int left = programs->size * ACTS;

    while (left > 0) {
        int rank = g_rand_int_range(schedule, 0, programs->size);

        if (next[rank] == ACTS)
            continue;

        const Act *act = &programs->acts[rank][next[rank]++];
        int64_t index = act->sample;

        left--;
        if (act->what == CONSUME)
            ddp_audit_samples(audit, 3, rank, SAMPLES, &index, 1);
        else if (act->what == MERGE)
            ddp_audit_merged(audit, 3, rank);
        else
            ddp_audit_logged(audit, 3, 0, rank, keys[act->key], next[rank] - 1, rank, "x.lua:1");
    }
}

START_TEST(test_samples_are_counted_as_defined_under_every_schedule)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)_i);
    Programs programs;
    g_autofree char *first_digest = NULL;

    make_programs(&programs, rand);
    for (guint32 schedule_seed = 0; schedule_seed < 5; schedule_seed++) {
        g_autoptr(GRand) schedule = g_rand_new_with_seed(schedule_seed);
        g_autoptr(DdpAudit) audit = ddp_audit_new(programs.size);
        g_autoptr(DdpRunRecord) record = ddp_run_record_new();

        play(&programs, audit, schedule);
        ddp_audit_finish(audit, record);

        for (guint i = 0; i < record->audit->len; i++) {
            const DdpAuditRow *row = g_ptr_array_index(record->audit, i);
            int counts[SAMPLES];
            int64_t distinct = 0, repeated = 0;

            count_by_definition(&programs, row->rank, (int)row->step, counts);
            for (int sample = 0; sample < SAMPLES; sample++) {
                distinct += counts[sample] > 0;
                repeated += counts[sample] > 1;
            }
            ck_assert_msg(row->samples == distinct && row->duplicates == repeated,
                          "seed %d, rank %d, act %d: expected %d and %d, found %d and %d", _i,
                          row->rank, (int)row->step, (int)distinct, (int)repeated,
                          (int)row->samples, (int)row->duplicates);
        }

        g_autofree char *digest = ddp_report_digest(record);

        if (first_digest == NULL)
            first_digest = g_strdup(digest);
        ck_assert_str_eq(digest, first_digest);
    }
}
END_TEST

/* ---- many ranks ---- */

static double
seconds_for_world(int size)
{
    struct timespec start, end;
    g_autoptr(DdpAudit) audit = ddp_audit_new(size);
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int evaluation = 0; evaluation < 3; evaluation++) {
        for (int rank = 0; rank < size; rank++) {
            consume_shard(audit, evaluation, rank, size, 20000);
            if (evaluation == 2)
                ddp_audit_merged(audit, evaluation, rank);
        }
        for (int rank = 0; rank < size; rank++)
            ddp_audit_logged(audit, evaluation, evaluation, rank, "loss", 0, rank, "a.lua:1");
        ddp_audit_truth(audit, evaluation, "loss", 0, 0.5);
    }
    ddp_audit_finish(audit, record);
    clock_gettime(CLOCK_MONOTONIC, &end);
    ck_assert_uint_eq(record->audit->len, 3 * (guint)size);
    return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
}

/* 100 times the ranks in at most 100 times the time would already pass; quadratic is 10,000. */
START_TEST(test_ten_thousand_ranks_take_no_quadratic_time)
{
    double small = seconds_for_world(100), large = seconds_for_world(10000);

    ck_assert_msg(large < 100.0 * small + 1.0, "100 ranks: %.4f s, 10,000 ranks: %.4f s", small,
                  large);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("audit");
    TCase *rows = tcase_create("rows");
    TCase *random = tcase_create("random");
    TCase *many = tcase_create("many");

    tcase_add_test(rows, test_one_rank_alone_stands_on_its_shard);
    tcase_add_test(rows, test_a_merge_brings_the_samples_of_all_ranks);
    tcase_add_test(rows, test_rows_come_by_evaluation_key_and_rank);
    tcase_add_test(rows, test_a_truth_is_found_by_step_then_by_turn_then_alone);
    tcase_add_test(rows, test_a_true_nan_is_a_truth);
    tcase_add_test(rows, test_right_is_within_a_millionth);
    tcase_add_test(rows, test_data_sets_of_two_sizes_are_two_data_sets);
    tcase_add_test(rows, test_too_many_data_sets_make_the_coverage_unknown);
    tcase_add_test(rows, test_an_ended_evaluation_takes_no_more_notes);
    suite_add_tcase(suite, rows);

    tcase_add_loop_test(random, test_samples_are_counted_as_defined_under_every_schedule, 0, 200);
    suite_add_tcase(suite, random);

    tcase_add_test(many, test_ten_thousand_ranks_take_no_quadratic_time);
    suite_add_tcase(suite, many);
    return ddp_test_main(suite);
}
