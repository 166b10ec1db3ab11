/* SPDX-License-Identifier: MIT */
#include "sim/loggers/scalar_record.h"

#include <string.h>

/* Field keys: number and wire type, as protobuf puts them before a field. */
enum {
    KEY_EVENT_WALL_TIME = 1 << 3 | 1,
    KEY_EVENT_STEP = 2 << 3 | 0,
    KEY_EVENT_SUMMARY = 5 << 3 | 2,
    KEY_SUMMARY_VALUE = 1 << 3 | 2,
    KEY_VALUE_TAG = 1 << 3 | 2,
    KEY_VALUE_SIMPLE_VALUE = 2 << 3 | 5,
};

static inline size_t
varint_size(uint64_t value)
{
    size_t size = 1;

    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

static inline uint8_t *
put_varint(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

static inline uint8_t *
put_u32(uint8_t *at, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static inline uint8_t *
put_u64(uint8_t *at, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static inline uint8_t *
put_double(uint8_t *at, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return put_u64(at, bits);
}

static inline uint8_t *
put_float(uint8_t *at, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return put_u32(at, bits);
}

void
ddp_record_seal(uint8_t *record, size_t size)
{
    uint8_t *data = record + DDP_RECORD_HEADER_BYTES;

    put_u64(record, size);
    put_u32(record + 8, ddp_crc32c_masked(record, 8));
    put_u32(data + size, ddp_crc32c_masked(data, size));
}

/* As in proto3, a number that is zero and a text that is empty are left out. */
size_t
ddp_scalar_record_write(uint8_t *record, const DdpScalarEvent *event)
{
    size_t tag_length = event->tag_length;
    size_t value_size = (tag_length > 0 ? 1 + varint_size(tag_length) + tag_length : 0) + 5;
    size_t summary_size = 1 + varint_size(value_size) + value_size;
    uint8_t *data = record + DDP_RECORD_HEADER_BYTES;
    uint8_t *at = data;

    if (event->wall_time != 0) {
        *at++ = KEY_EVENT_WALL_TIME;
        at = put_double(at, event->wall_time);
    }
    if (event->step != 0) {
        *at++ = KEY_EVENT_STEP;
        at = put_varint(at, (uint64_t)event->step);
    }
    *at++ = KEY_EVENT_SUMMARY;
    at = put_varint(at, summary_size);
    *at++ = KEY_SUMMARY_VALUE;
    at = put_varint(at, value_size);
    if (tag_length > 0) {
        *at++ = KEY_VALUE_TAG;
        at = put_varint(at, tag_length);
        memcpy(at, event->tag, tag_length);
        at += tag_length;
    }
    *at++ = KEY_VALUE_SIMPLE_VALUE;
    at = put_float(at, event->value);

    size_t size = (size_t)(at - data);

    ddp_record_seal(record, size);
    return DDP_RECORD_FRAME_BYTES + size;
}
