/* SPDX-License-Identifier: MIT */
#include "sim/loggers/scalar_record.h"
#include "tests/testutil.h"

#include <math.h>
#include <string.h>

#include "sim/loggers/event.pb-c.h"
#include "tests/sim/loggers/event_files.h"

/* The record that is written by hand, against protobuf-c's packing of the same message. */
static GByteArray *
packed_by_protobuf(const DdpScalarEvent *event)
{
    Ddp__Tb__Value value;
    Ddp__Tb__Value *values[] = {&value};
    Ddp__Tb__Summary summary;
    Ddp__Tb__Event message;
    uint8_t data[1024];

    ddp__tb__value__init(&value);
    value.tag = (ProtobufCBinaryData){.len = event->tag_length, .data = (uint8_t *)event->tag};
    value.value_case = DDP__TB__VALUE__VALUE_SIMPLE_VALUE;
    value.simple_value = event->value;
    ddp__tb__summary__init(&summary);
    summary.n_value = 1;
    summary.value = values;
    ddp__tb__event__init(&message);
    message.wall_time = event->wall_time;
    message.step = event->step;
    message.what_case = DDP__TB__EVENT__WHAT_SUMMARY;
    message.summary = &summary;
    ck_assert_uint_le(ddp__tb__event__get_packed_size(&message), sizeof data);
    return event_file_frame(data, ddp__tb__event__pack(&message, data));
}

static void
check_equal(const DdpScalarEvent *event)
{
    g_autoptr(GByteArray) expected = packed_by_protobuf(event);
    uint8_t record[1024];
    size_t size = ddp_scalar_record_write(record, event);

    ck_assert_msg(size == expected->len && memcmp(record, expected->data, size) == 0,
                  "tag of %zu bytes, step %" G_GINT64_FORMAT ", wall %g, value %g: %zu bytes, "
                  "expected %u",
                  event->tag_length, event->step, event->wall_time, (double)event->value, size,
                  expected->len);
    ck_assert_uint_le(size, event->tag_length + DDP_SCALAR_RECORD_EXTRA_BYTES);
}

START_TEST(test_hand_written_record_equals_protobufs)
{
    const int64_t steps[] = {0,         1,  127,       128,       16383,     16384,
                             INT32_MAX, -1, INT64_MIN, INT64_MAX, 1LL << 35, (1LL << 56) - 1};
    const double walls[] = {0, 1.7e9, 1700000000.25, 1e-300, INFINITY};
    const float values[] = {0, -0.0f, 1.5f, 1e-42f, INFINITY, NAN};
    const size_t lengths[] = {0, 1, 2, 100, 113, 114, 115, 120, 121, 122, 123, 127, 128, 129, 600};
    char tag[600];

    memset(tag, 'x', sizeof tag);
    for (size_t l = 0; l < G_N_ELEMENTS(lengths); l++)
        for (size_t s = 0; s < G_N_ELEMENTS(steps); s++)
            for (size_t w = 0; w < G_N_ELEMENTS(walls); w++)
                for (size_t v = 0; v < G_N_ELEMENTS(values); v++)
                    check_equal(&(DdpScalarEvent){.wall_time = walls[w],
                                                  .step = steps[s],
                                                  .tag = tag,
                                                  .tag_length = lengths[l],
                                                  .value = values[v]});
}
END_TEST

/* Bytes noted down from TensorBoard: loss = 0.5, step 7, wall time 1700000001.5. */
START_TEST(test_known_record_has_its_known_bytes)
{
    static const uint8_t expected[] = {
        0x1a, 0,    0,    0,    0,    0,    0,    0,    0x12, 0x9b, 0xd8, 0x2d, 0x09, 0x00,
        0x00, 0x60, 0x40, 0xfc, 0x54, 0xd9, 0x41, 0x10, 0x07, 0x2a, 0x0d, 0x0a, 0x0b, 0x0a,
        0x04, 'l',  'o',  's',  's',  0x15, 0x00, 0x00, 0x00, 0x3f, 0x8f, 0xa1, 0xe3, 0x91};
    DdpScalarEvent event = {
        .wall_time = 1700000001.5, .step = 7, .tag = "loss", .tag_length = 4, .value = 0.5f};
    uint8_t record[128];

    ck_assert_uint_eq(ddp_scalar_record_write(record, &event), sizeof expected);
    ck_assert_mem_eq(record, expected, sizeof expected);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("scalar_record");
    TCase *all = tcase_create("all");

    tcase_add_test(all, test_hand_written_record_equals_protobufs);
    tcase_add_test(all, test_known_record_has_its_known_bytes);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
