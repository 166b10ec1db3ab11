/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/loggers/crc32c.h"

G_BEGIN_DECLS

/*
 * How a record is laid out, and the one message that is written so often that its bytes are put
 * down by hand: an event with one scalar, as torch's add_scalar writes it (simple_value, no
 * metadata). A test holds it byte for byte against what protobuf-c packs.
 */

#define DDP_RECORD_HEADER_BYTES 12
#define DDP_RECORD_TRAILER_BYTES 4
#define DDP_RECORD_FRAME_BYTES (DDP_RECORD_HEADER_BYTES + DDP_RECORD_TRAILER_BYTES)

/* Everything but the tag is at most this: two numbers, three lengths, field keys, the frame. */
#define DDP_SCALAR_RECORD_EXTRA_BYTES 96

typedef struct {
    double wall_time;
    int64_t step;
    const char *tag;
    size_t tag_length;
    float value;
} DdpScalarEvent;

/* Puts length and checksums around @size bytes of data that stand at @record + header. */
void ddp_record_seal(uint8_t *record, size_t size);

/**
 * ddp_scalar_record_write:
 * @record: room for the tag and DDP_SCALAR_RECORD_EXTRA_BYTES
 *
 * Returns: the size of the whole record
 */
size_t ddp_scalar_record_write(uint8_t *record, const DdpScalarEvent *event);

G_END_DECLS
