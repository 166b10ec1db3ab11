/* SPDX-License-Identifier: MIT */
#include "sim/audit/audit.h"
#include "sim/audit/findings.h"
#include "sim/cli/table.h"
#include "tests/sim/audit/sample_record.h"
#include "tests/testutil.h"

#include <math.h>
#include <string.h>

/* A table is compared with the table that a reader should see. */

static char *
print(const DdpTable *table, int width)
{
    DdpTerminal terminal = {.width = width};
    GString *out = g_string_new(NULL);

    ddp_table_print(table, &terminal, 0, out);
    return g_string_free(out, FALSE);
}

static DdpTable *
small_table(void)
{
    DdpTable *table = ddp_table_new();

    ddp_table_add_column(table, "name", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "count", DDP_COLUMN_NUMBER);
    ddp_table_add_column(table, "words", DDP_COLUMN_TEXT);
    ddp_table_add_row(table);
    ddp_table_add_cell(table, DDP_STYLE_PLAIN, "größe");
    ddp_table_add_cell(table, DDP_STYLE_PLAIN, "1,000,000");
    ddp_table_add_cell(table, DDP_STYLE_PLAIN, "some words that can be wrapped at spaces");
    ddp_table_add_row(table);
    ddp_table_add_cell(table, DDP_STYLE_PLAIN, "数");
    ddp_table_add_cellf(table, DDP_STYLE_PLAIN, "%d", 5);
    return table;
}

START_TEST(test_columns_line_up)
{
    g_autoptr(DdpTable) table = small_table();
    g_autofree char *text = print(table, 80);

    ck_assert_str_eq(text, "name       count  words\n"
                           "-----  ---------  ----------------------------------------\n"
                           "größe  1,000,000  some words that can be wrapped at spaces\n"
                           "数             5\n");
}
END_TEST

START_TEST(test_a_narrow_terminal_wraps_the_words_and_never_the_numbers)
{
    g_autoptr(DdpTable) table = small_table();
    g_autofree char *text = print(table, 40);

    ck_assert_str_eq(text, "name       count  words\n"
                           "-----  ---------  ----------------------\n"
                           "größe  1,000,000  some words that can be\n"
                           "                  wrapped at spaces\n"
                           "数             5\n");
}
END_TEST

START_TEST(test_cells_are_escaped_and_coloured_outside_the_padding)
{
    g_autoptr(DdpTable) table = ddp_table_new();
    DdpTerminal terminal = {.color = true, .width = 80};
    g_autoptr(GString) out = g_string_new(NULL);

    ddp_table_add_column(table, "a", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "number", DDP_COLUMN_NUMBER);
    ddp_table_add_row(table);
    ddp_table_add_cell(table, DDP_STYLE_PLAIN, "x\x1b\n");
    ddp_table_add_cell(table, DDP_STYLE_GOOD, "0");
    ddp_table_print(table, &terminal, 2, out);
    ck_assert_str_eq(out->str, "  \033[1ma\033[0m        \033[1mnumber\033[0m\n"
                               "  \033[2m-------\033[0m  \033[2m------\033[0m\n"
                               "  x\\x1b\\n       \033[32m0\033[0m\n");
}
END_TEST

START_TEST(test_a_table_without_rows_is_nothing)
{
    g_autoptr(DdpTable) table = ddp_table_new();

    ddp_table_add_column(table, "a", DDP_COLUMN_TEXT);

    g_autofree char *text = print(table, 80);

    ck_assert_str_eq(text, "");
}
END_TEST

/* Whatever the words, a table of words fits as long as each column may have its ten. */
START_TEST(test_random_tables_keep_to_the_width)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)_i);
    g_autoptr(DdpTable) table = ddp_table_new();
    int columns = g_rand_int_range(rand, 1, 6);
    int width = g_rand_int_range(rand, 12 * columns, 120);

    for (int i = 0; i < columns; i++)
        ddp_table_add_column(table, "title", DDP_COLUMN_TEXT);
    for (int i = 0; i < 5; i++) {
        ddp_table_add_row(table);
        for (int j = 0; j < columns; j++) {
            g_autoptr(GString) words = g_string_new(NULL);

            for (int k = g_rand_int_range(rand, 0, 30); k > 0; k--)
                g_string_append(words, g_rand_boolean(rand)   ? "数"
                                       : g_rand_boolean(rand) ? " "
                                                              : "x");
            ddp_table_add_cell(table, DDP_STYLE_PLAIN, words->str);
        }
    }

    g_autofree char *text = print(table, width);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line != NULL; line++)
        ck_assert_msg(ddp_terminal_columns(*line) <= width, "%d columns in %d: %s",
                      ddp_terminal_columns(*line), width, *line);
}
END_TEST

/* ---- the tables of a run ---- */

static GPtrArray *
lesson(void)
{
    GPtrArray *records = g_ptr_array_new_with_free_func((GDestroyNotify)ddp_run_record_free);

    g_ptr_array_add(records, sample_validation(SAMPLE_RANK_ZERO));
    g_ptr_array_add(records, sample_validation(SAMPLE_EVERY_RANK));
    g_ptr_array_add(records, sample_validation(SAMPLE_REDUCED));
    return records;
}

static char *
summary(const GPtrArray *records, int width)
{
    DdpTerminal terminal = {.width = width};
    GString *out = g_string_new(NULL);

    ddp_table_run_summary(records, &terminal, out);
    return g_string_free(out, FALSE);
}

START_TEST(test_the_lesson_at_a_glance)
{
    g_autoptr(GPtrArray) records = lesson();
    g_autofree char *text = summary(records, 80);

    ck_assert_str_eq(
        text, "Validation loss of one rank is not the validation loss\n"
              "validation_one_over_world_size: 4 ranks on 1 node, nccl, fibers, seed 42\n"
              "\n"
              "variant         fixes           outcome    found                     as expected\n"
              "--------------  --------------  ---------  ------------------------  -----------\n"
              "rank_zero_only  -               completed  partial_coverage          yes\n"
              "every_rank      -               completed  partial_coverage,         yes\n"
              "                                           duplicate_writer\n"
              "reduced         rank_zero_only  completed  nothing                   yes\n"
              "\n"
              "Logged in the last epoch (2), beside the true value over the whole data set\n"
              "\n"
              "variant         key       rank            logged    true         error   samples\n"
              "--------------  --------  ----  ----------------  ------  ------------  --------\n"
              "rank_zero_only  val_loss  0               0.3987  0.4195       -0.0208       1/4\n"
              "                val_acc   0               0.8596  0.8508       +0.0088       1/4\n"
              "every_rank      val_loss  0-3   0.3987 to 0.4391  0.4195  up to 0.0208  1/4 each\n"
              "                val_acc   0-3   0.8416 to 0.8596  0.8508  up to 0.0092  1/4 each\n"
              "reduced         val_loss  0               0.4195  0.4195             0       all\n"
              "                val_acc   0               0.8508  0.8508             0       all\n"
              "\n"
              "rank_zero_only\n"
              "  partial_coverage at line 58\n"
              "    val_loss: what rank 0 logged rests on 1/4 of the data set (2,500 of 10,000\n"
              "    samples); the last value is 0.3987, the whole data set gives 0.41948 (error\n"
              "    -0.0208). Reduce it over all ranks, weighted by samples, before it is\n"
              "    logged.\n"
              "  and 1 more of the same kind in report.json\n"
              "\n"
              "every_rank\n"
              "  partial_coverage at line 71\n"
              "    val_loss: what each of ranks 0-3 logged rests on 1/4 of the data set (2,500\n"
              "    of 10,000 samples); the last values run from 0.3987 to 0.4391, the whole\n"
              "    data set gives 0.41948. Reduce it over all ranks, weighted by samples,\n"
              "    before it is logged.\n"
              "  duplicate_writer at line 71\n"
              "    every_rank (tensorboard): ranks 0-3 all write tags val_loss and val_acc, 24\n"
              "    entries where one writer makes 6. Log from one rank, or give each rank a\n"
              "    place of its own.\n"
              "  and 1 more of the same kinds in report.json\n"
              "\n"
              "The lesson\n"
              "  Each rank sees 1/world_size of the validation data. A value that one rank logs\n"
              "  is the value of its shard; reduce it over the ranks, weighted by samples,\n"
              "  before it is logged.\n");
}
END_TEST

START_TEST(test_the_summary_keeps_to_the_width)
{
    g_autoptr(GPtrArray) records = lesson();

    for (int width = 80; width <= 200; width++) {
        g_autofree char *text = summary(records, width);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **line = lines; *line != NULL; line++)
            ck_assert_msg(ddp_terminal_columns(*line) <= width, "in %d: %s", width, *line);
    }
}
END_TEST

START_TEST(test_a_deadlock_beside_its_fix_and_a_failed_expectation)
{
    g_autoptr(GPtrArray) records =
        g_ptr_array_new_with_free_func((GDestroyNotify)ddp_run_record_free);
    DdpRunRecord *fixed = ddp_run_record_new();

    fixed->variant = g_strdup("fixed");
    fixed->fixes = g_strdup("guarded");
    fixed->outcome = g_strdup("completed");
    fixed->expected_met = 0;
    g_ptr_array_add(fixed->expected_failures,
                    g_strdup("outcome: expected deadlock, found completed"));
    g_ptr_array_add(records, sample_deadlock());
    g_ptr_array_add(records, fixed);

    g_autofree char *text = summary(records, 80);

    ck_assert_str_eq(text,
                     "all_gather behind a rank-0 guard\n"
                     "guarded_all_gather: 4 ranks on 1 node, nccl, fibers, seed 42\n"
                     "\n"
                     "variant  fixes    outcome    found         as expected\n"
                     "-------  -------  ---------  ------------  -----------\n"
                     "guarded  -        deadlock   missing_rank  yes\n"
                     "fixed    guarded  completed  nothing       NO\n"
                     "\n"
                     "fixed\n"
                     "  not as expected\n"
                     "    outcome: expected deadlock, found completed\n"
                     "\n"
                     "The lesson\n"
                     "  A collective must be called on every rank; put the guard around the log "
                     "call.\n");
}
END_TEST

START_TEST(test_a_run_without_audit_shows_what_reached_the_logs)
{
    static const char *const paths[] = {"no_reduce", "reduce", "reduce_rank_zero"};
    static const int order[] = {0, 2, 1, 3};
    g_autoptr(GPtrArray) records =
        g_ptr_array_new_with_free_func((GDestroyNotify)ddp_run_record_free);
    DdpRunRecord *record = ddp_run_record_new();

    record->variant = g_strdup("blog");
    record->outcome = g_strdup("completed");
    record->size = 4;
    record->nodes = 2;
    for (int i = 0; i < 4; i++)
        for (int path = 0; path < 3; path++) {
            DdpLogEntry entry = {0, path == 0 ? 10.0 * order[i] : 15.0, order[i], NULL};

            if (path < 2 || order[i] == 0)
                ddp_run_record_log(record, "tensorboard", paths[path], "data", &entry);
        }
    ddp_findings_from_logs(record);
    g_ptr_array_add(records, record);

    g_autofree char *text = summary(records, 80);

    ck_assert_str_eq(
        text, "a run without a title\n"
              "-: 4 ranks on 2 nodes, -, -, seed 0\n"
              "\n"
              "variant  outcome    found             as expected\n"
              "-------  ---------  ----------------  -----------\n"
              "blog     completed  duplicate_writer  -\n"
              "\n"
              "What reached the logs\n"
              "\n"
              "variant  written to        tag   ranks  entries  values, in order written\n"
              "-------  ----------------  ----  -----  -------  ------------------------\n"
              "blog     no_reduce         data  0-3          4  0, 20, 10, 30\n"
              "         reduce            data  0-3          4  15, 15, 15, 15\n"
              "         reduce_rank_zero  data  0            1  15\n"
              "\n"
              "blog\n"
              "  duplicate_writer\n"
              "    no_reduce (tensorboard): ranks 0-3 all write tag data, 4 entries where one\n"
              "    writer makes 1. Log from one rank, or give each rank a place of its own.\n"
              "  and 1 more of the same kind in report.json\n");
}
END_TEST

static char *
audit_of(const DdpRunRecord *record, int width)
{
    DdpTerminal terminal = {.width = width};
    GString *out = g_string_new(NULL);

    ddp_table_audit(record, &terminal, out);
    return g_string_free(out, FALSE);
}

START_TEST(test_the_audit_has_a_line_per_key_epoch_and_rank)
{
    g_autoptr(DdpRunRecord) record = sample_validation(SAMPLE_RANK_ZERO);
    g_autofree char *text = audit_of(record, 80);

    ck_assert_str_eq(text, "key       epoch  rank  logged    true    error  samples  logged at\n"
                           "--------  -----  ----  ------  ------  -------  -------  ---------\n"
                           "val_loss      0  0     0.5071  0.5209  -0.0138      1/4  line 58\n"
                           "              1  0     0.4302  0.4486  -0.0184      1/4  line 58\n"
                           "              2  0     0.3987  0.4195  -0.0208      1/4  line 58\n"
                           "\n"
                           "val_acc       0  0     0.8188  0.8114  +0.0074      1/4  line 58\n"
                           "              1  0     0.8472  0.8384  +0.0088      1/4  line 58\n"
                           "              2  0     0.8596  0.8508  +0.0088      1/4  line 58\n");
}
END_TEST

START_TEST(test_an_audit_of_nothing_is_nothing)
{
    g_autoptr(DdpRunRecord) record = sample_deadlock();
    g_autofree char *text = audit_of(record, 80);

    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(test_many_ranks_are_one_line_and_odd_numbers_are_shown)
{
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();

    for (int rank = 0; rank < 1000; rank++) {
        DdpAuditRow *row = ddp_run_record_add_audit(record);

        row->key = g_strdup("loss");
        row->epoch = -1;
        row->step = 3;
        row->rank = rank;
        row->logged = 1.0 + rank / 1000.0;
        row->has_truth = true;
        row->truth = 1.25;
        row->samples = 10;
        row->of = 10000;
    }

    static const struct {
        const char *key;
        double logged, truth;
        bool has_truth;
        int64_t samples, of, duplicates;
    } odd[] = {
        {"nan", (double)NAN, 0.5, true, 10, 10, 0},
        {"untold", 0.5, 0.0, false, -1, -1, 0},
        {"padded", 0.500004, 0.5, true, 1797, 1797, 3},
        {"tiny", 1.5e-9, 1e-9, true, 1797, 1797, 0},
        {"right", 0.50000001, 0.5, true, 1797, 1797, 3},
        {"minus", -0.00001, 0.5, true, 1, 3, 0},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(odd); i++) {
        DdpAuditRow *row = ddp_run_record_add_audit(record);

        row->key = g_strdup(odd[i].key);
        row->epoch = -1;
        row->step = 7;
        row->logged = odd[i].logged;
        row->has_truth = odd[i].has_truth;
        row->truth = odd[i].truth;
        row->samples = odd[i].samples;
        row->of = odd[i].of;
        row->duplicates = odd[i].duplicates;
    }

    g_autofree char *text = audit_of(record, 120);

    ck_assert_str_eq(
        text,
        "key     step  rank           logged    true        error      samples  twice  logged at\n"
        "------  ----  -----  --------------  ------  -----------  -----------  -----  ---------\n"
        "loss       3  0-999  1.000 to 1.999   1.250  up to 0.749  1/1000 each      0  -\n"
        "\n"
        "nan        7  0                 nan  0.5000          nan          all      0  -\n"
        "\n"
        "untold     7  0              0.5000       ?            ?            ?      0  -\n"
        "\n"
        "padded     7  0              0.5000  0.5000       +4e-06          all      3  -\n"
        "\n"
        "tiny       7  0             1.5e-09   1e-09       +5e-10          all      0  -\n"
        "\n"
        "right      7  0              0.5000  0.5000            0          all      3  -\n"
        "\n"
        "minus      7  0              0.0000  0.5000      -0.5000          1/3      0  -\n");
}
END_TEST

START_TEST(test_hostile_words_reach_the_terminal_as_words)
{
    g_autoptr(GPtrArray) records =
        g_ptr_array_new_with_free_func((GDestroyNotify)ddp_run_record_free);
    DdpTerminal terminal = {.width = 80};
    g_autoptr(GString) out = g_string_new(NULL);

    g_ptr_array_add(records, sample_with_everything());
    ddp_table_run_summary(records, &terminal, out);
    ddp_table_audit(g_ptr_array_index(records, 0), &terminal, out);
    ck_assert(g_utf8_validate(out->str, -1, NULL));
    for (const char *at = out->str; *at != '\0'; at++)
        ck_assert_msg(*at == '\n' || (unsigned char)*at >= 0x20, "byte %02x", *at);
    ck_assert_ptr_nonnull(strstr(out->str, "`id` $(id)\\n@x {a^b} \\x1b[31mred \\xff\\xfe end"));
    ck_assert_ptr_nonnull(strstr(out->str, "checkpoint: took epoch=2.ckpt, with the true values it "
                                           "would have been"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("table");
    TCase *layout = tcase_create("layout");
    TCase *run = tcase_create("run");

    tcase_add_test(layout, test_columns_line_up);
    tcase_add_test(layout, test_a_narrow_terminal_wraps_the_words_and_never_the_numbers);
    tcase_add_test(layout, test_cells_are_escaped_and_coloured_outside_the_padding);
    tcase_add_test(layout, test_a_table_without_rows_is_nothing);
    tcase_add_loop_test(layout, test_random_tables_keep_to_the_width, 0, 100);
    suite_add_tcase(suite, layout);

    tcase_add_test(run, test_the_lesson_at_a_glance);
    tcase_add_test(run, test_the_summary_keeps_to_the_width);
    tcase_add_test(run, test_a_deadlock_beside_its_fix_and_a_failed_expectation);
    tcase_add_test(run, test_a_run_without_audit_shows_what_reached_the_logs);
    tcase_add_test(run, test_the_audit_has_a_line_per_key_epoch_and_rank);
    tcase_add_test(run, test_an_audit_of_nothing_is_nothing);
    tcase_add_test(run, test_many_ranks_are_one_line_and_odd_numbers_are_shown);
    tcase_add_test(run, test_hostile_words_reach_the_terminal_as_words);
    suite_add_tcase(suite, run);
    return ddp_test_main(suite);
}
