/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_reader.h"

#include <stdlib.h>

#include "sim/loggers/record_reader.h"

#define ARENA_BYTES ((size_t)16 << 10)

/*
 * Where one event is unpacked. Most events fit into the fixed block and cost no allocation; what
 * does not fit is taken piece by piece and given back before the next event.
 */
typedef struct {
    uint8_t *block;
    size_t used;
    GPtrArray *pieces;
    size_t piece_bytes;
} Arena;

struct DdpEventReader {
    DdpRecordReader *records;
    Arena arena;
    ProtobufCAllocator allocator;
};

static void *
arena_alloc(void *user_data, size_t size)
{
    Arena *arena = user_data;

    if (size > DDP_EVENT_BYTES_MAX - arena->piece_bytes)
        return NULL;

    size_t aligned = (size + 15) & ~(size_t)15;

    if (aligned <= ARENA_BYTES - arena->used) {
        void *place = arena->block + arena->used;

        arena->used += aligned;
        return place;
    }

    void *piece = malloc(MAX(size, 1));

    if (piece != NULL) {
        arena->piece_bytes += size;
        g_ptr_array_add(arena->pieces, piece);
    }
    return piece;
}

/* Nothing is given back one by one. */
static void
arena_free(G_GNUC_UNUSED void *user_data, G_GNUC_UNUSED void *place)
{
}

static void
arena_reset(Arena *arena)
{
    g_ptr_array_set_size(arena->pieces, 0);
    arena->piece_bytes = 0;
    arena->used = 0;
}

DdpEventReader *
ddp_event_reader_open(const char *path, uint64_t offset, DdpEventProblems *problems)
{
    DdpRecordReader *records = ddp_record_reader_open(path, offset, problems);

    if (records == NULL)
        return NULL;

    DdpEventReader *reader = g_new0(DdpEventReader, 1);

    reader->records = records;
    reader->arena.block = g_malloc(ARENA_BYTES);
    reader->arena.pieces = g_ptr_array_new_with_free_func(free);
    reader->allocator = (ProtobufCAllocator){
        .alloc = arena_alloc, .free = arena_free, .allocator_data = &reader->arena};
    return reader;
}

void
ddp_event_reader_free(DdpEventReader *reader)
{
    if (reader == NULL)
        return;
    g_ptr_array_unref(reader->arena.pieces);
    g_free(reader->arena.block);
    ddp_record_reader_free(reader->records);
    g_free(reader);
}

const Ddp__Tb__Event *
ddp_event_reader_next(DdpEventReader *reader)
{
    DdpRecord record;

    g_return_val_if_fail(reader != NULL, NULL);

    while (ddp_record_reader_next(reader->records, &record)) {
        arena_reset(&reader->arena);

        const Ddp__Tb__Event *event =
            ddp__tb__event__unpack(&reader->allocator, record.size, record.data);

        if (event != NULL)
            return event;
        ddp_record_reader_report(reader->records, &record,
                                 "the data of a record is no event (skipped)");
    }
    return NULL;
}

uint64_t
ddp_event_reader_offset(const DdpEventReader *reader)
{
    g_return_val_if_fail(reader != NULL, 0);

    return ddp_record_reader_offset(reader->records);
}
