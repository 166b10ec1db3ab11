/* SPDX-License-Identifier: MIT */
#include "sim/audit/report.h"
#include "tests/sim/audit/sample_record.h"
#include "tests/testutil.h"

#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the contract ---- */

/*
 * Keys and types of the contract in docs/report.md, as a path and the types that may stand
 * there: o object, a array, s string, i integer, n number, b boolean, 0 null. A "[]" stands for
 * every element.
 */
static const struct {
    const char *path, *types;
} contract[] = {
    {"format", "s"},
    {"version", "i"},
    {"scenario", "s"},
    {"scenario_path", "s"},
    {"title", "s"},
    {"lesson", "s0"},
    {"variant", "s"},
    {"variant_index", "i"},
    {"fixes", "s0"},
    {"seed", "is"},
    {"engine", "s"},
    {"schedule", "s"},
    {"replay", "s0"},
    {"backend", "s"},
    {"debug", "s"},
    {"world", "o"},
    {"world.size", "i"},
    {"world.nodes", "i"},
    {"world.nproc_per_node", "i"},
    {"outcome", "s"},
    {"expected", "o"},
    {"expected.met", "b0"},
    {"expected.failures", "a"},
    {"expected.failures[]", "s"},
    {"digest", "s"},
    {"virtual_time", "n"},
    {"ranks", "a"},
    {"ranks[].rank", "i"},
    {"ranks[].state", "s"},
    {"ranks[].waited", "n"},
    {"ranks[].held_up", "n"},
    {"ranks[].last", "i"},
    {"ranks[].error", "s0"},
    {"diagnosis", "o0"},
    {"diagnosis.class", "s"},
    {"diagnosis.summary", "s"},
    {"diagnosis.root_cause", "s"},
    {"diagnosis.blamed", "a"},
    {"diagnosis.blamed[]", "i"},
    {"diagnosis.ranks", "a"},
    {"diagnosis.ranks[].rank", "i"},
    {"diagnosis.ranks[].state", "s"},
    {"diagnosis.ranks[].collective", "s0"},
    {"diagnosis.ranks[].group", "s0"},
    {"diagnosis.ranks[].seq", "i0"},
    {"diagnosis.ranks[].signature", "s0"},
    {"diagnosis.ranks[].site", "s0"},
    {"diagnosis.ranks[].stack", "a"},
    {"diagnosis.ranks[].stack[]", "s"},
    {"diagnosis.ranks[].last_collective", "s0"},
    {"diagnosis.ranks[].last_site", "s0"},
    {"diagnosis.ranks[].waiting_for", "a"},
    {"diagnosis.ranks[].waiting_for[]", "i"},
    {"diagnosis.ranks[].since", "n0"},
    {"diagnosis.real_job", "s"},
    {"diagnosis.fix", "s0"},
    {"findings", "a"},
    {"findings[].kind", "s"},
    {"findings[].message", "s"},
    {"findings[].class", "s0"},
    {"findings[].ranks", "a"},
    {"findings[].ranks[]", "i"},
    {"findings[].blamed", "a"},
    {"findings[].blamed[]", "i"},
    {"findings[].sites", "a"},
    {"findings[].sites[]", "s"},
    {"logs", "a"},
    {"logs[].logger", "s"},
    {"logs[].path", "s"},
    {"logs[].tag", "s"},
    {"logs[].entries", "a"},
    {"logs[].entries[].step", "i"},
    {"logs[].entries[].value", "n0"},
    {"logs[].entries[].rank", "i"},
    {"logs[].entries[].site", "s0"},
    {"audit", "a"},
    {"audit[].key", "s"},
    {"audit[].epoch", "i"},
    {"audit[].step", "i"},
    {"audit[].rank", "i"},
    {"audit[].logged", "n0"},
    {"audit[].true", "n0"},
    {"audit[].has_truth", "b"},
    {"audit[].error", "n0"},
    {"audit[].samples", "i"},
    {"audit[].of", "i"},
    {"audit[].duplicates", "i"},
    {"audit[].site", "s0"},
    {"decisions", "a"},
    {"decisions[].what", "s"},
    {"decisions[].epoch", "i"},
    {"decisions[].took", "s0"},
    {"decisions[].true_would_take", "s0"},
    {"collectives", "a"},
    {"collectives[].kind", "s"},
    {"collectives[].group", "s"},
    {"collectives[].count", "i"},
    {"collectives[].bytes", "i"},
    {"printed", "a"},
    {"printed[].rank", "i"},
    {"printed[].text", "s"},
};

static char
type_of(JsonNode *node)
{
    switch (JSON_NODE_TYPE(node)) {
    case JSON_NODE_OBJECT:
        return 'o';
    case JSON_NODE_ARRAY:
        return 'a';
    case JSON_NODE_NULL:
        return '0';
    case JSON_NODE_VALUE:
        break;
    }
    switch (json_node_get_value_type(node)) {
    case G_TYPE_STRING:
        return 's';
    case G_TYPE_INT64:
        return 'i';
    case G_TYPE_DOUBLE:
        return 'n';
    case G_TYPE_BOOLEAN:
        return 'b';
    default:
        return '?';
    }
}

/* Follows @path from @node and checks the types at its end; counts the places it found. */
static int
check_types(JsonNode *node, const char *path, const char *types, const char *whole)
{
    if (*path == '\0') {
        ck_assert_msg(strchr(types, type_of(node)) != NULL, "%s: expected one of '%s', found '%c'",
                      whole, types, type_of(node));
        return 1;
    }

    if (g_str_has_prefix(path, "[]")) {
        JsonArray *array = json_node_get_array(node);
        int found = 0;

        path += path[2] == '.' ? 3 : 2;
        for (guint i = 0; i < json_array_get_length(array); i++)
            found += check_types(json_array_get_element(array, i), path, types, whole);
        return found;
    }

    size_t length = strcspn(path, ".[");
    g_autofree char *name = g_strndup(path, length);

    if (type_of(node) == '0')
        return 0;
    ck_assert_msg(type_of(node) == 'o', "%s: no object at %s", whole, path);

    JsonNode *member = json_object_get_member(json_node_get_object(node), name);

    ck_assert_msg(member != NULL, "%s: %s is not there", whole, name);
    return check_types(member, path + length + (path[length] == '.' ? 1 : 0), types, whole);
}

START_TEST(test_a_full_report_has_every_key_of_the_contract)
{
    g_autoptr(DdpRunRecord) record = sample_with_everything();
    g_autoptr(JsonNode) report = ddp_report_build(record);

    for (size_t i = 0; i < G_N_ELEMENTS(contract); i++)
        ck_assert_msg(check_types(report, contract[i].path, contract[i].types, contract[i].path) >
                          0,
                      "%s is nowhere in the report", contract[i].path);
}
END_TEST

START_TEST(test_a_report_without_a_diagnosis_keeps_the_contract)
{
    g_autoptr(DdpRunRecord) record = sample_validation(SAMPLE_REDUCED);
    g_autoptr(JsonNode) report = ddp_report_build(record);

    for (size_t i = 0; i < G_N_ELEMENTS(contract); i++)
        check_types(report, contract[i].path, contract[i].types, contract[i].path);
}
END_TEST

/* The schema is for other people's validators; this holds it to the same list of keys. */
static JsonObject *
schema_at(JsonObject *root, const char *path)
{
    JsonObject *at = root;
    g_auto(GStrv) names = NULL;
    GString *dotted = g_string_new(path);

    g_string_replace(dotted, "[]", ".[]", 0);
    names = g_strsplit(dotted->str, ".", -1);
    g_string_free(dotted, TRUE);

    for (char **name = names; *name != NULL; name++) {
        JsonObject *next;

        if (strcmp(*name, "[]") == 0) {
            next = json_object_get_object_member(at, "items");
        } else {
            JsonArray *required = json_object_get_array_member(at, "required");
            bool listed = false;

            for (guint i = 0; required != NULL && i < json_array_get_length(required); i++)
                if (strcmp(json_array_get_string_element(required, i), *name) == 0)
                    listed = true;
            ck_assert_msg(listed, "%s: %s is not required by the schema", path, *name);
            next = json_object_get_object_member(json_object_get_object_member(at, "properties"),
                                                 *name);
        }
        ck_assert_msg(next != NULL, "%s: the schema does not have %s", path, *name);
        at = next;
    }
    return at;
}

static char
schema_type_letter(const char *type)
{
    static const struct {
        const char *type;
        char letter;
    } letters[] = {{"object", 'o'}, {"array", 'a'},   {"string", 's'}, {"integer", 'i'},
                   {"number", 'n'}, {"boolean", 'b'}, {"null", '0'}};

    for (size_t i = 0; i < G_N_ELEMENTS(letters); i++)
        if (strcmp(letters[i].type, type) == 0)
            return letters[i].letter;
    return '?';
}

START_TEST(test_the_schema_has_the_keys_and_types_of_the_contract)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonParser) parser = json_parser_new();
    const char *docs = g_getenv("DDPSIM_DOCS");
    g_autofree char *path =
        g_build_filename(docs != NULL ? docs : "docs", "report.schema.json", NULL);

    json_parser_load_from_file(parser, path, &error);
    ck_assert_no_error(error);

    JsonObject *root = json_node_get_object(json_parser_get_root(parser));

    for (size_t i = 0; i < G_N_ELEMENTS(contract); i++) {
        JsonNode *type = json_object_get_member(schema_at(root, contract[i].path), "type");
        GString *letters = g_string_new(NULL);

        ck_assert_msg(type != NULL, "%s has no type", contract[i].path);
        if (JSON_NODE_HOLDS_ARRAY(type)) {
            JsonArray *types = json_node_get_array(type);

            for (guint j = 0; j < json_array_get_length(types); j++)
                g_string_append_c(letters,
                                  schema_type_letter(json_array_get_string_element(types, j)));
        } else {
            g_string_append_c(letters, schema_type_letter(json_node_get_string(type)));
        }
        ck_assert_msg(strcmp(letters->str, contract[i].types) == 0,
                      "%s: contract '%s', schema '%s'", contract[i].path, contract[i].types,
                      letters->str);
        g_string_free(letters, TRUE);
    }
}
END_TEST

/* ---- text ---- */

START_TEST(test_line_and_tree_say_the_same)
{
    g_autoptr(DdpRunRecord) record = sample_with_everything();
    g_autoptr(JsonNode) tree = ddp_report_build(record);
    g_autofree char *line = ddp_report_line(record);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) read = json_from_string(line, &error);

    ck_assert_no_error(error);
    ck_assert_ptr_null(strchr(line, '\n'));
    ck_assert(g_utf8_validate(line, -1, NULL));
    ck_assert(json_node_equal(tree, read));
}
END_TEST

START_TEST(test_nonfinite_numbers_are_null_and_say_which)
{
    g_autoptr(DdpRunRecord) record = sample_with_everything();
    g_autofree char *line = ddp_report_line(record);

    ck_assert_ptr_nonnull(strstr(line, "\"value\":null,\"nonfinite\":\"nan\""));
    ck_assert_ptr_nonnull(strstr(line, "\"value\":null,\"nonfinite\":\"inf\""));
    ck_assert_ptr_nonnull(strstr(line, "\"value\":null,\"nonfinite\":\"-inf\""));
    ck_assert_ptr_nonnull(strstr(line, "\"seed\":\"18446744073709551615\""));
}
END_TEST

/* ---- digest ---- */

static char *
digest_of(DdpRunRecord *record)
{
    return ddp_report_digest(record);
}

START_TEST(test_equal_runs_have_equal_digests_and_other_runs_have_others)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (int i = 0; i < 2; i++) {
        g_autoptr(DdpRunRecord) a = sample_validation(SAMPLE_RANK_ZERO);
        g_autoptr(DdpRunRecord) b = sample_validation(SAMPLE_EVERY_RANK);
        g_autoptr(DdpRunRecord) c = sample_validation(SAMPLE_REDUCED);
        g_autoptr(DdpRunRecord) d = sample_deadlock();

        g_hash_table_add(seen, digest_of(a));
        g_hash_table_add(seen, digest_of(b));
        g_hash_table_add(seen, digest_of(c));
        g_hash_table_add(seen, digest_of(d));
    }
    ck_assert_uint_eq(g_hash_table_size(seen), 4);
}
END_TEST

/* Computed outside of this program, from the words of report.h (tests/reference/report_digest.py).
 */
START_TEST(test_the_digest_is_the_documented_serialisation)
{
    g_autoptr(DdpRunRecord) record = sample_with_everything();
    g_autofree char *expected = ddp_test_reference_read("report_digest.txt");
    g_autofree char *digest = digest_of(record);

    ck_assert_str_eq(digest, g_strstrip(expected));
}
END_TEST

static void
replace(char **text, const char *by)
{
    g_free(*text);
    *text = g_strdup(by);
}

START_TEST(test_what_may_differ_between_engines_is_not_in_the_digest)
{
    g_autoptr(DdpRunRecord) record = sample_deadlock();
    g_autofree char *before = digest_of(record);

    record->virtual_time = 99.0;
    record->seed = 7;
    replace(&record->engine, "threads");
    replace(&record->schedule, "random:7");
    replace(&record->scenario_path, "/home/me/guarded_all_gather.lua");
    for (guint i = 0; i < record->ranks->len; i++) {
        DdpRankRecord *rank = g_ptr_array_index(record->ranks, i);
        g_autofree char *moved = g_strconcat("/home/me/", strrchr(rank->site, '/') + 1, NULL);

        replace(&rank->site, moved);
        rank->since_ns = 5;
    }
    replace(&record->diagnosis->root_cause,
            "only rank 0 calls all_gather at /home/me/guarded_all_gather.lua:14; ranks 1-3 went "
            "past it to barrier at /home/me/guarded_all_gather.lua:16");

    g_autofree char *after = digest_of(record);

    ck_assert_str_eq(before, after);
}
END_TEST

/* Four ranks reach one file in an order that the schedule chooses. */
START_TEST(test_the_order_of_writers_is_not_in_the_digest_but_each_writers_own_is)
{
    static const int orders[3][4] = {{0, 2, 1, 3}, {3, 1, 0, 2}, {0, 2, 1, 3}};
    char *digests[3];

    for (int run = 0; run < 3; run++) {
        g_autoptr(DdpRunRecord) record = ddp_run_record_new();

        record->outcome = g_strdup("completed");
        for (int i = 0; i < 8; i++) {
            int rank = orders[run][i % 4];
            int value = run == 2 && rank == 1 ? 1 - i / 4 : i / 4;
            DdpLogEntry entry = {0, 10.0 * rank + value, rank, NULL};

            ddp_run_record_log(record, "tensorboard", "no_reduce", "data", &entry);
        }
        digests[run] = digest_of(record);
    }
    ck_assert_str_eq(digests[0], digests[1]);
    ck_assert_str_ne(digests[0], digests[2]);
    for (int run = 0; run < 3; run++)
        g_free(digests[run]);
}
END_TEST

START_TEST(test_each_number_of_a_run_is_in_the_digest)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (int change = 0; change < 12; change++) {
        g_autoptr(DdpRunRecord) record = sample_with_everything();
        DdpLogSeries *series = g_ptr_array_index(record->logs, 0);
        DdpLogEntry *entry = g_ptr_array_index(series->entries, 2); /* -0.0 */
        DdpAuditRow *row = g_ptr_array_index(record->audit, 0);
        DdpRankRecord *rank = g_ptr_array_index(record->ranks, 1);

        switch (change) {
        case 1:
            entry->value = 0.0;
            break;
        case 2:
            entry->step++;
            break;
        case 3:
            entry->rank++;
            break;
        case 4:
            row->samples++;
            break;
        case 5:
            row->duplicates++;
            break;
        case 6:
            row->has_truth = true;
            break;
        case 7:
            replace(&rank->site, "guarded_all_gather.lua:17");
            break;
        case 8:
            replace(&rank->collective, "all_gather");
            break;
        case 9:
            replace(&series->tag, "loss2");
            break;
        case 10:
            replace(&record->outcome, "error");
            break;
        case 11:
            g_array_set_size(record->diagnosis->blamed, 0);
            break;
        default:
            break;
        }
        ck_assert_msg(g_hash_table_add(seen, digest_of(record)), "change %d is not seen", change);
    }
}
END_TEST

START_TEST(test_every_nan_is_the_same_nan)
{
    char *digests[2];

    for (int i = 0; i < 2; i++) {
        g_autoptr(DdpRunRecord) record = ddp_run_record_new();
        DdpLogEntry entry = {0, i == 0 ? (double)NAN : -(double)NAN, 0, NULL};

        ddp_run_record_log(record, "csv", "m", "x", &entry);
        digests[i] = digest_of(record);
    }
    ck_assert_str_eq(digests[0], digests[1]);
    g_free(digests[0]);
    g_free(digests[1]);
}
END_TEST

/* ---- file ---- */

static char *folder;

static void
make_folder(void)
{
    folder = ddp_test_tmp_dir();
}

static void
remove_folder(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
}

static guint
count_files(void)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    guint count = 0;

    while (g_dir_read_name(dir) != NULL)
        count++;
    return count;
}

START_TEST(test_a_written_report_reads_back_as_built)
{
    g_autoptr(DdpRunRecord) record = sample_with_everything();
    g_autoptr(JsonNode) tree = ddp_report_build(record);
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autofree char *path = g_build_filename(folder, "report.json", NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(ddp_report_write(record, folder, &error));
    ck_assert_no_error(error);
    json_parser_load_from_file(parser, path, &error);
    ck_assert_no_error(error);
    ck_assert(json_node_equal(json_parser_get_root(parser), tree));
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

START_TEST(test_the_same_record_gives_the_same_bytes_over_an_older_report)
{
    g_autofree char *path = g_build_filename(folder, "report.json", NULL);
    char *texts[2];

    for (int i = 0; i < 2; i++) {
        g_autoptr(DdpRunRecord) record = sample_validation(SAMPLE_EVERY_RANK);

        ck_assert(ddp_report_write(record, folder, NULL));
        ck_assert(g_file_get_contents(path, &texts[i], NULL, NULL));
    }
    ck_assert_str_eq(texts[0], texts[1]);
    g_free(texts[0]);
    g_free(texts[1]);
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

START_TEST(test_a_missing_folder_is_one_clear_error)
{
    g_autoptr(DdpRunRecord) record = sample_deadlock();
    g_autofree char *missing = g_build_filename(folder, "nowhere", NULL);
    g_autofree char *expected = g_strdup_printf(
        "cannot write the report %s/report.json: No such file or directory", missing);
    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_report_write(record, missing, &error));
    ck_assert(g_error_matches(error, DDP_REPORT_ERROR, DDP_REPORT_ERROR_WRITE));
    ck_assert_str_eq(error->message, expected);
}
END_TEST

START_TEST(test_an_unwritable_folder_is_one_clear_error)
{
    g_autoptr(DdpRunRecord) record = sample_deadlock();
    g_autoptr(GError) error = NULL;

    /* Root may write anywhere, but not into a folder of /proc. */
    ck_assert(!ddp_report_write(record, "/proc/self", &error));
    ck_assert(g_str_has_prefix(error->message, "cannot write the report /proc/self/report.json: "));
}
END_TEST

/* A full disk, played by a limit on the size of files. */
START_TEST(test_a_full_disk_leaves_the_old_report_and_nothing_else)
{
    g_autoptr(DdpRunRecord) small = ddp_run_record_new();
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();
    g_autofree char *path = g_build_filename(folder, "report.json", NULL);
    g_autofree char *before = NULL, *after = NULL;
    g_autoptr(GError) error = NULL;
    const rlim_t limits[] = {0, 100, 70000};

    for (int i = 0; i < 5000; i++) {
        DdpLogEntry entry = {i, i / 3.0, 0, NULL};

        ddp_run_record_log(record, "csv", "m", "x", &entry);
    }
    ck_assert(ddp_report_write(small, folder, NULL));
    ck_assert(g_file_get_contents(path, &before, NULL, NULL));

    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        struct rlimit limit = {limits[i], RLIM_INFINITY};

        g_clear_error(&error);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);

        bool written = ddp_report_write(record, folder, &error);

        limit.rlim_cur = RLIM_INFINITY;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        ck_assert(!written);
        ck_assert(g_str_has_suffix(error->message, "report.json: File too large"));
        ck_assert_uint_eq(count_files(), 1);
    }
    ck_assert(g_file_get_contents(path, &after, NULL, NULL));
    ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(test_a_report_may_be_read_by_whom_the_umask_lets)
{
    g_autoptr(DdpRunRecord) record = ddp_run_record_new();
    g_autofree char *path = g_build_filename(folder, "report.json", NULL);
    GStatBuf info;

    umask(0027);
    ck_assert(ddp_report_write(record, folder, NULL));
    ck_assert_int_eq(g_stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0640);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("report");
    TCase *shape = tcase_create("contract");
    TCase *text = tcase_create("text");
    TCase *digest = tcase_create("digest");
    TCase *file = tcase_create("file");

    tcase_add_test(shape, test_a_full_report_has_every_key_of_the_contract);
    tcase_add_test(shape, test_a_report_without_a_diagnosis_keeps_the_contract);
    tcase_add_test(shape, test_the_schema_has_the_keys_and_types_of_the_contract);
    suite_add_tcase(suite, shape);

    tcase_add_test(text, test_line_and_tree_say_the_same);
    tcase_add_test(text, test_nonfinite_numbers_are_null_and_say_which);
    suite_add_tcase(suite, text);

    tcase_add_test(digest, test_equal_runs_have_equal_digests_and_other_runs_have_others);
    tcase_add_test(digest, test_the_digest_is_the_documented_serialisation);
    tcase_add_test(digest, test_what_may_differ_between_engines_is_not_in_the_digest);
    tcase_add_test(digest, test_the_order_of_writers_is_not_in_the_digest_but_each_writers_own_is);
    tcase_add_test(digest, test_each_number_of_a_run_is_in_the_digest);
    tcase_add_test(digest, test_every_nan_is_the_same_nan);
    suite_add_tcase(suite, digest);

    tcase_add_checked_fixture(file, make_folder, remove_folder);
    tcase_add_test(file, test_a_written_report_reads_back_as_built);
    tcase_add_test(file, test_the_same_record_gives_the_same_bytes_over_an_older_report);
    tcase_add_test(file, test_a_missing_folder_is_one_clear_error);
    tcase_add_test(file, test_an_unwritable_folder_is_one_clear_error);
    tcase_add_test(file, test_a_full_disk_leaves_the_old_report_and_nothing_else);
    tcase_add_test(file, test_a_report_may_be_read_by_whom_the_umask_lets);
    suite_add_tcase(suite, file);
    return ddp_test_main(suite);
}
