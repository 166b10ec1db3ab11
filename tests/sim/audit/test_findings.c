/* SPDX-License-Identifier: MIT */
#include "sim/audit/audit.h"
#include "sim/audit/findings.h"
#include "tests/sim/audit/sample_record.h"
#include "tests/testutil.h"

#include <string.h>

/* Findings are compared as text: kind, ranks, sites, message. */

static char *
findings_as_text(const DdpRunRecord *record)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < record->findings->len; i++) {
        const DdpFinding *finding = g_ptr_array_index(record->findings, i);

        g_string_append_printf(text, "%s [", finding->kind);
        for (guint j = 0; j < finding->ranks->len; j++)
            g_string_append_printf(text, "%d", g_array_index(finding->ranks, int, j));
        g_string_append(text, "]");
        for (guint j = 0; j < finding->sites->len; j++)
            g_string_append_printf(text, " %s", (char *)g_ptr_array_index(finding->sites, j));
        g_string_append_printf(text, "\n  %s\n", finding->message);
    }
    return g_string_free(text, FALSE);
}

START_TEST(test_one_rank_s_value_is_a_partial_coverage)
{
    g_autoptr(DdpRunRecord) record = sample_validation(SAMPLE_RANK_ZERO);
    g_autofree char *text = findings_as_text(record);

    ck_assert_str_eq(
        text, "partial_coverage [0] scenarios/validation_one_over_world_size.lua:58\n"
              "  val_loss: what rank 0 logged rests on 1/4 of the data set (2,500 of 10,000 "
              "samples); the last value is 0.3987, the whole data set gives 0.41948 (error "
              "-0.0208). Reduce it over all ranks, weighted by samples, before it is logged.\n"
              "partial_coverage [0] scenarios/validation_one_over_world_size.lua:58\n"
              "  val_acc: what rank 0 logged rests on 1/4 of the data set (2,500 of 10,000 "
              "samples); the last value is 0.8596, the whole data set gives 0.8508 (error "
              "+0.0088). Reduce it over all ranks, weighted by samples, before it is logged.\n");
}
END_TEST

START_TEST(test_every_rank_s_value_is_also_a_duplicate_writer)
{
    g_autoptr(DdpRunRecord) record = sample_validation(SAMPLE_EVERY_RANK);
    g_autofree char *text = findings_as_text(record);

    ck_assert_str_eq(
        text, "partial_coverage [0123] scenarios/validation_one_over_world_size.lua:71\n"
              "  val_loss: what each of ranks 0-3 logged rests on 1/4 of the data set (2,500 of "
              "10,000 samples); the last values run from 0.3987 to 0.4391, the whole data set "
              "gives 0.41948. Reduce it over all ranks, weighted by samples, before it is logged.\n"
              "partial_coverage [0123] scenarios/validation_one_over_world_size.lua:71\n"
              "  val_acc: what each of ranks 0-3 logged rests on 1/4 of the data set (2,500 of "
              "10,000 samples); the last values run from 0.8416 to 0.8596, the whole data set "
              "gives 0.8508. Reduce it over all ranks, weighted by samples, before it is logged.\n"
              "duplicate_writer [0123] scenarios/validation_one_over_world_size.lua:71\n"
              "  every_rank (tensorboard): ranks 0-3 all write tags val_loss and val_acc, 24 "
              "entries where one writer makes 6. Log from one rank, or give each rank a place of "
              "its own.\n");
}
END_TEST

START_TEST(test_a_right_program_gets_no_finding)
{
    g_autoptr(DdpRunRecord) record = sample_validation(SAMPLE_REDUCED);

    ck_assert_uint_eq(record->findings->len, 0);
}
END_TEST

static DdpAuditRow *
add_row(DdpRunRecord *record, const char *key, int rank, double logged, int64_t samples, int64_t of)
{
    DdpAuditRow *row = ddp_run_record_add_audit(record);

    row->key = g_strdup(key);
    row->rank = rank;
    row->logged = logged;
    row->samples = samples;
    row->of = of;
    return row;
}

static void
set_truth(DdpAuditRow *row, double truth)
{
    row->has_truth = true;
    row->truth = truth;
}

START_TEST(test_a_value_that_does_not_come_from_the_data_is_no_finding)
{
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    for (int rank = 0; rank < 4; rank++)
        set_truth(add_row(record, "lr", rank, 0.1, 25, 100), 0.1);
    ddp_findings_from_audit(record);
    ck_assert_uint_eq(record->findings->len, 0);

    /* One wrong value, and the key is about the data after all. */
    set_truth(add_row(record, "lr", 0, 0.2, 25, 100), 0.1);
    ddp_findings_from_audit(record);
    ck_assert_uint_eq(record->findings->len, 1);
}
END_TEST

START_TEST(test_without_a_truth_the_share_is_still_said)
{
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    add_row(record, "loss", 0, 0.5, 450, 1797);
    add_row(record, "loss", 1, 0.5, 449, 1797);
    ddp_findings_from_audit(record);

    g_autofree char *text = findings_as_text(record);

    ck_assert_str_eq(text, "partial_coverage [01]\n"
                           "  loss: what each of ranks 0 and 1 logged rests on about 1/4 of the "
                           "data set (449 to 450 of 1,797 samples); the last value is 0.5. Reduce "
                           "it over all ranks, weighted by samples, before it is logged.\n");
}
END_TEST

START_TEST(test_padding_is_a_finding_only_where_it_makes_a_number_wrong)
{
    static const struct {
        double logged, truth;
        bool has_truth;
        int64_t samples, duplicates;
        const char *kind;
    } rows[] = {
        {0.5, 0.4, true, 10, 2, "padded_duplicates"},
        {0.5, 0.5, true, 10, 2, NULL},
        {0.5, 0.4, true, 10, 0, NULL}, /* wrong for another reason */
        {0.5, 0.4, true, 9, 2, "partial_coverage"},
        {0.5, 0.0, false, 10, 2, "padded_duplicates"},
        {0.5, 0.0, false, 10, 10, NULL}, /* every rank evaluates everything */
        {0.5, 0.4, true, -1, 0, NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(DdpRunRecord) record = ddp_run_record_new();
        DdpAuditRow *row = add_row(record, "f1", 0, rows[i].logged, rows[i].samples, 10);

        row->duplicates = rows[i].duplicates;
        if (rows[i].has_truth)
            set_truth(row, rows[i].truth);
        ddp_findings_from_audit(record);

        const DdpFinding *finding =
            record->findings->len > 0 ? g_ptr_array_index(record->findings, 0) : NULL;

        ck_assert_msg(record->findings->len <= 1 &&
                          g_strcmp0(finding != NULL ? finding->kind : NULL, rows[i].kind) == 0,
                      "row %zu: found %s", i, finding != NULL ? finding->kind : "nothing");
    }
}
END_TEST

static void
log_one(DdpRunRecord *record, const char *path, const char *tag, int64_t step, int rank)
{
    DdpLogEntry entry = {step, 1.0, rank, NULL};

    ddp_run_record_log(record, "tensorboard", path, tag, &entry);
}

START_TEST(test_writers_are_found_per_place)
{
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    for (int rank = 3; rank >= 0; rank--) {
        g_autofree char *own = g_strdup_printf("own/rank-%d", rank);

        log_one(record, own, "data", 0, rank);        /* a place each */
        log_one(record, "turns", "data", rank, rank); /* each its own step */
        log_one(record, "tags", rank == 0 ? "zero" : "other", 0, rank == 0 ? 0 : 1);
        log_one(record, "all", "data", 0, rank);
    }
    log_one(record, "all", "data", 1, 2); /* alone at this step */
    ddp_findings_from_logs(record);

    g_autofree char *text = findings_as_text(record);

    ck_assert_str_eq(text, "duplicate_writer [0123]\n"
                           "  all (tensorboard): ranks 0-3 all write tag data, 4 entries where one "
                           "writer makes 1. Log from one rank, or give each rank a place of its "
                           "own.\n");
}
END_TEST

START_TEST(test_many_tags_are_not_all_named)
{
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    for (int tag = 0; tag < 6; tag++) {
        g_autofree char *name = g_strdup_printf("t%d", tag);

        log_one(record, "all", name, 0, 0);
        log_one(record, "all", name, 0, 1);
    }
    ddp_findings_from_logs(record);

    const DdpFinding *finding = g_ptr_array_index(record->findings, 0);

    ck_assert_ptr_nonnull(strstr(finding->message, "write tags t0, t1, t2, t3 and 2 more, 12 "));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("findings");
    TCase *lesson = tcase_create("lesson");
    TCase *rules = tcase_create("rules");

    tcase_add_test(lesson, test_one_rank_s_value_is_a_partial_coverage);
    tcase_add_test(lesson, test_every_rank_s_value_is_also_a_duplicate_writer);
    tcase_add_test(lesson, test_a_right_program_gets_no_finding);
    suite_add_tcase(suite, lesson);

    tcase_add_test(rules, test_a_value_that_does_not_come_from_the_data_is_no_finding);
    tcase_add_test(rules, test_without_a_truth_the_share_is_still_said);
    tcase_add_test(rules, test_padding_is_a_finding_only_where_it_makes_a_number_wrong);
    tcase_add_test(rules, test_writers_are_found_per_place);
    tcase_add_test(rules, test_many_tags_are_not_all_named);
    suite_add_tcase(suite, rules);
    return ddp_test_main(suite);
}
