/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_hparams.h"
#include "tests/testutil.h"

#include <string.h>

#include "sim/loggers/event.pb-c.h"
#include "sim/loggers/hparams.pb-c.h"
#include "tests/sim/loggers/event_files.h"

/* Held byte for byte to what torch's add_hparams wrote. */

#define START 1700000000.25

/* Writes a run, and reads it and the recorded one in again. */
static void
write_run(uint64_t uid, double wall_time, const char *run_name, const DdpHparamSet *set,
          const char *recorded, GByteArray **ours, GByteArray **theirs)
{
    g_autoptr(GError) error = NULL;
    uint64_t bytes = 0;
    g_autofree char *folder = g_build_filename(event_files_folder(), run_name, NULL);
    DdpEventWriterSpec spec = {
        .folder = folder, .host = "node0", .pid = 4321, .uid = uid, .wall_time = wall_time};

    ddp_event_hparams_write_run(&spec, set, &bytes, &error);
    ck_assert_no_error(error);

    g_autofree char *path = g_build_filename(event_files_folder(), recorded, NULL);
    g_autofree char *recorded_path = g_build_filename("hparams", recorded, NULL);

    *ours = event_file_read(path);
    *theirs = event_file_recorded(recorded_path);
    ck_assert_uint_eq(bytes, (*theirs)->len);
    ck_assert_uint_eq((*ours)->len, (*theirs)->len);
}

static void
check_run(uint64_t uid, double wall_time, const char *run_name, const DdpHparamSet *set,
          const char *recorded)
{
    g_autoptr(GByteArray) ours = NULL;
    g_autoptr(GByteArray) theirs = NULL;

    write_run(uid, wall_time, run_name, set, recorded, &ours, &theirs);
    ck_assert_mem_eq(ours->data, theirs->data, theirs->len);
}

START_TEST(test_number_with_metric_is_torchs_bytes)
{
    DdpHparam hparam = {.name = "lr", .number = 0.125};
    DdpHparamMetric metric = {.name = "hparam/acc", .value = 0.75f};
    DdpHparamSet set = {
        .hparams = &hparam, .hparam_count = 1, .metrics = &metric, .metric_count = 1};

    check_run(1, START + 2, "one", &set, "one/events.out.tfevents.1700000002.node0.4321.1");
}
END_TEST

START_TEST(test_text_without_metric_goes_to_a_run_named_by_the_time)
{
    char name[DDP_HPARAMS_RUN_NAME_BYTES];
    DdpHparam hparam = {.name = "opt", .text = "sgd"};
    DdpHparamSet set = {.hparams = &hparam, .hparam_count = 1};

    ddp_event_hparams_run_name(START + 3.5, name);
    check_run(2, START + 3.5, name, &set,
              "1700000003.75/events.out.tfevents.1700000003.node0.4321.2");
}
END_TEST

START_TEST(test_truth_value_is_a_number_as_in_torch)
{
    DdpHparam hparam = {.name = "deep", .number = 1};
    DdpHparamMetric metrics[] = {{.name = "a", .value = 1}, {.name = "b", .value = 2}};
    DdpHparamSet set = {
        .hparams = &hparam, .hparam_count = 1, .metrics = metrics, .metric_count = 2};

    check_run(3, START + 3.5, "truth", &set, "truth/events.out.tfevents.1700000003.node0.4321.3");
}
END_TEST

static int
compare_lines(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The parameters in the session start record of a file, in the order of their names. */
static char *
session_of(const GByteArray *file, const EventFileRecord *record)
{
    Ddp__Tb__Event *event =
        ddp__tb__event__unpack(NULL, record->size - 16, file->data + record->offset + 12);
    const ProtobufCBinaryData *content = &event->summary->value[0]->metadata->plugin_data->content;
    Ddp__Tb__HparamsPluginData *data =
        ddp__tb__hparams_plugin_data__unpack(NULL, content->len, content->data);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    ck_assert_int_eq(data->data_case, DDP__TB__HPARAMS_PLUGIN_DATA__DATA_SESSION_START);
    for (size_t i = 0; i < data->session_start->n_hparams; i++) {
        const Ddp__Tb__HparamEntry *entry = data->session_start->hparams[i];

        if (entry->value->kind_case == DDP__TB__HPARAM_VALUE__KIND_STRING_VALUE)
            g_ptr_array_add(lines,
                            g_strdup_printf("%s '%s'", entry->key, entry->value->string_value));
        else
            g_ptr_array_add(lines,
                            g_strdup_printf("%s %g", entry->key, entry->value->number_value));
    }
    g_ptr_array_sort(lines, compare_lines);
    g_ptr_array_add(lines, NULL);
    ddp__tb__hparams_plugin_data__free_unpacked(data, NULL);
    ddp__tb__event__free_unpacked(event, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

/* The map of a session may stand in any order on the wire; everything else is held to the byte. */
START_TEST(test_several_are_torchs_but_for_the_order_of_a_map)
{
    DdpHparam hparams[] = {{.name = "lr", .number = 3}, {.name = "opt", .text = "sgd"}};
    DdpHparamMetric metric = {.name = "a", .value = 1};
    DdpHparamSet set = {
        .hparams = hparams, .hparam_count = 2, .metrics = &metric, .metric_count = 1};
    g_autoptr(GByteArray) ours = NULL;
    g_autoptr(GByteArray) theirs = NULL;

    write_run(4, START + 3.5, "many", &set, "many/events.out.tfevents.1700000003.node0.4321.4",
              &ours, &theirs);

    g_autoptr(GArray) records = event_file_records(ours);

    for (guint i = 0; i < records->len; i++) {
        const EventFileRecord *record = &g_array_index(records, EventFileRecord, i);

        if (i == 2) { /* after the version and the experiment */
            g_autofree char *our_session = session_of(ours, record);
            g_autofree char *their_session = session_of(theirs, record);

            ck_assert_str_eq(our_session, "lr 3\nopt 'sgd'");
            ck_assert_str_eq(their_session, our_session);
        } else {
            ck_assert_mem_eq(ours->data + record->offset, theirs->data + record->offset,
                             record->size);
        }
    }
}
END_TEST

/* Python: str(1700000000.0), str(1700000000.1), str(1700000000 + 2**-20) */
START_TEST(test_time_is_printed_as_python_does)
{
    const struct {
        double time;
        const char *name;
    } cases[] = {{1700000000.0, "1700000000.0"},
                 {1700000000.1, "1700000000.1"},
                 {1700000000.0 + 1.0 / 1048576, "1700000000.000001"}};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char name[DDP_HPARAMS_RUN_NAME_BYTES];

        ddp_event_hparams_run_name(cases[i].time, name);
        ck_assert_str_eq(name, cases[i].name);
    }
}
END_TEST

START_TEST(test_name_that_is_no_utf8_is_refused_before_a_file_is_made)
{
    DdpHparam hparam = {.name = "l\xff", .number = 1};
    DdpHparamSet set = {.hparams = &hparam, .hparam_count = 1};
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(event_files_folder(), "run", NULL);
    DdpEventWriterSpec spec = {.folder = path, .host = "h", .wall_time = START};

    ck_assert(!ddp_event_hparams_write_run(&spec, &set, NULL, &error));
    ck_assert(g_error_matches(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE));
    ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("event_hparams");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, NULL, event_files_tear_down);
    tcase_add_test(all, test_number_with_metric_is_torchs_bytes);
    tcase_add_test(all, test_text_without_metric_goes_to_a_run_named_by_the_time);
    tcase_add_test(all, test_truth_value_is_a_number_as_in_torch);
    tcase_add_test(all, test_several_are_torchs_but_for_the_order_of_a_map);
    tcase_add_test(all, test_time_is_printed_as_python_does);
    tcase_add_test(all, test_name_that_is_no_utf8_is_refused_before_a_file_is_made);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
