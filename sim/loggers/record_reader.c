/* SPDX-License-Identifier: MIT */
#include "sim/loggers/record_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/loggers/crc32c.h"

#define LENGTH_BYTES 8
#define HEADER_BYTES 12 /* the length and its checksum */
#define TRAILER_BYTES 4
#define WINDOW_BYTES ((size_t)64 << 10)

struct DdpRecordReader {
    char *path;
    int fd;
    DdpEventProblems *problems; /* borrowed */
    uint64_t file_size;         /* as last seen */
    uint64_t offset;            /* in the file, of the window's first byte that is not consumed */
    uint8_t *window;            /* bytes of the file, [start, end) of them not consumed */
    size_t capacity;
    size_t start;
    size_t end;
    bool has_failed; /* the system refused to read on */
};

typedef enum { HEADER_GOOD, HEADER_BAD, HEADER_MISSING } Header;

static uint64_t
remaining(const DdpRecordReader *reader)
{
    return reader->file_size > reader->offset ? reader->file_size - reader->offset : 0;
}

static void report(DdpRecordReader *reader, DdpEventProblemKind kind, bool is_tail,
                   const char *format, ...) G_GNUC_PRINTF(4, 5);

static void
report(DdpRecordReader *reader, DdpEventProblemKind kind, bool is_tail, const char *format, ...)
{
    va_list args;

    va_start(args, format);

    g_autofree char *what = g_strdup_vprintf(format, args);

    va_end(args);
    ddp_event_problems_add(reader->problems, &(DdpEventProblem){.kind = kind,
                                                                .path = reader->path,
                                                                .offset = reader->offset,
                                                                .what = what,
                                                                .is_tail = is_tail});
}

/* Room for @want unread bytes at the front of the window. */
static void
make_room(DdpRecordReader *reader, size_t want)
{
    if (reader->start > 0) {
        memmove(reader->window, reader->window + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    if (want > reader->capacity) {
        reader->capacity = MAX(want, WINDOW_BYTES);
        reader->window = g_realloc(reader->window, reader->capacity);
    }
}

/*
 * Brings @want unread bytes into the window. The caller has compared @want with what the file
 * holds. Returns false if the file ends before that or cannot be read.
 */
static bool
fill(DdpRecordReader *reader, size_t want)
{
    if (reader->end - reader->start >= want)
        return true;

    make_room(reader, want);
    while (reader->end < want) {
        ssize_t got = pread(reader->fd, reader->window + reader->end,
                            reader->capacity - reader->end, (off_t)(reader->offset + reader->end));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            reader->has_failed = true;
            report(reader, DDP_EVENT_PROBLEM_UNREADABLE, true, "cannot be read: %s",
                   g_strerror(errno));
            return false;
        }
        if (got == 0)
            return false;
        reader->end += (size_t)got;
    }
    return true;
}

static void
consume(DdpRecordReader *reader, uint64_t count)
{
    size_t held = reader->end - reader->start;

    reader->start += (size_t)MIN(count, (uint64_t)held);
    reader->offset += count;
}

static uint32_t
load_u32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return GUINT32_FROM_LE(value);
}

static bool
header_fits(const uint8_t *at, uint64_t *length)
{
    memcpy(length, at, LENGTH_BYTES);
    *length = GUINT64_FROM_LE(*length);
    return ddp_crc32c_masked(at, LENGTH_BYTES) == load_u32(at + LENGTH_BYTES);
}

static Header
read_header(DdpRecordReader *reader, uint64_t *length)
{
    if (remaining(reader) < HEADER_BYTES || !fill(reader, HEADER_BYTES))
        return HEADER_MISSING;
    return header_fits(reader->window + reader->start, length) ? HEADER_GOOD : HEADER_BAD;
}

/*
 * Looks behind a damaged record for the next place where length and checksum agree: by chance
 * that happens once in four thousand million places, and such a record's data would have to fit
 * too. Returns false if there is none; the reader then stands where it stood.
 */
static bool
resynchronise(DdpRecordReader *reader)
{
    uint64_t damaged_at = reader->offset;

    for (;;) {
        uint64_t length;

        consume(reader, 1);

        bool is_there = remaining(reader) >= HEADER_BYTES && fill(reader, HEADER_BYTES);
        uint64_t found_at = reader->offset;

        if (is_there &&
            !(header_fits(reader->window + reader->start, &length) && length <= remaining(reader)))
            continue;

        reader->offset = damaged_at;
        if (!is_there) {
            report(reader, DDP_EVENT_PROBLEM_CORRUPT, true,
                   "damaged record, and no other can be made out behind it "
                   "(%" PRIu64 " bytes lost)",
                   remaining(reader));
            reader->start = reader->end = 0;
            return false;
        }
        report(reader, DDP_EVENT_PROBLEM_CORRUPT, false,
               "damaged record, %" PRIu64 " bytes skipped", found_at - damaged_at);
        reader->offset = found_at;
        return true;
    }
}

static void
report_half_record(DdpRecordReader *reader)
{
    if (remaining(reader) > 0 && !reader->has_failed)
        report(reader, DDP_EVENT_PROBLEM_TRUNCATED, true,
               "the file ends in the middle of a record (%" PRIu64 " bytes of it are there)",
               remaining(reader));
}

/* A record too large to be held: its data is passed unseen. */
static void
skip_oversized(DdpRecordReader *reader, uint64_t length)
{
    report(reader, DDP_EVENT_PROBLEM_CORRUPT, false,
           "a record of %" PRIu64 " bytes is skipped, at most %u are read", length,
           DDP_RECORD_BYTES_MAX);
    consume(reader, HEADER_BYTES + length + TRAILER_BYTES);
}

/*
 * Data and checksum disagree. If a record begins where this one ends, its data was changed and its
 * length can be trusted; otherwise bytes were lost or added, and the next record is searched for.
 * Returns false if there is none.
 */
static bool
pass_bad_data(DdpRecordReader *reader, size_t length)
{
    size_t size = HEADER_BYTES + length + TRAILER_BYTES;
    uint64_t next_length;

    if (remaining(reader) - size >= HEADER_BYTES && fill(reader, size + HEADER_BYTES) &&
        !header_fits(reader->window + reader->start + size, &next_length))
        return resynchronise(reader);

    report(reader, DDP_EVENT_PROBLEM_CORRUPT, false,
           "the data of a record does not match its checksum (%zu bytes skipped)", length);
    consume(reader, size);
    return true;
}

DdpRecordReader *
ddp_record_reader_open(const char *path, uint64_t offset, DdpEventProblems *problems)
{
    g_return_val_if_fail(path != NULL && problems != NULL, NULL);

    g_autoptr(DdpRecordReader) reader = g_new0(DdpRecordReader, 1);
    struct stat info;

    reader->path = g_strdup(path);
    reader->problems = problems;
    reader->offset = offset;

    /* Without O_NONBLOCK a named pipe would hold us here for ever. */
    reader->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (reader->fd < 0 || fstat(reader->fd, &info) != 0) {
        report(reader, DDP_EVENT_PROBLEM_UNREADABLE, true, "cannot be opened: %s",
               g_strerror(errno));
        return NULL;
    }
    if (!S_ISREG(info.st_mode)) {
        report(reader, DDP_EVENT_PROBLEM_UNREADABLE, true, "not a regular file");
        return NULL;
    }
    reader->file_size = (uint64_t)info.st_size;
    return g_steal_pointer(&reader);
}

void
ddp_record_reader_free(DdpRecordReader *reader)
{
    if (reader == NULL)
        return;
    if (reader->fd >= 0)
        close(reader->fd);
    g_free(reader->window);
    g_free(reader->path);
    g_free(reader);
}

bool
ddp_record_reader_next(DdpRecordReader *reader, DdpRecord *record)
{
    g_return_val_if_fail(reader != NULL && record != NULL, false);

    for (;;) {
        uint64_t length;
        Header header = read_header(reader, &length);

        if (header == HEADER_BAD) {
            if (!resynchronise(reader))
                return false;
            continue;
        }

        /* Compared as differences, because a length of 2^64 - 1 must not wrap around. */
        if (header == HEADER_MISSING || remaining(reader) - HEADER_BYTES < TRAILER_BYTES ||
            length > remaining(reader) - HEADER_BYTES - TRAILER_BYTES) {
            report_half_record(reader);
            return false;
        }
        if (length > DDP_RECORD_BYTES_MAX) {
            skip_oversized(reader, length);
            continue;
        }
        if (!fill(reader, HEADER_BYTES + (size_t)length + TRAILER_BYTES)) {
            report_half_record(reader);
            return false;
        }

        const uint8_t *data = reader->window + reader->start + HEADER_BYTES;

        if (ddp_crc32c_masked(data, (size_t)length) == load_u32(data + length)) {
            *record = (DdpRecord){.data = data, .size = (size_t)length, .offset = reader->offset};
            consume(reader, HEADER_BYTES + length + TRAILER_BYTES);
            return true;
        }
        if (!pass_bad_data(reader, (size_t)length))
            return false;
    }
}

uint64_t
ddp_record_reader_offset(const DdpRecordReader *reader)
{
    g_return_val_if_fail(reader != NULL, 0);

    return reader->offset;
}

void
ddp_record_reader_report(DdpRecordReader *reader, const DdpRecord *record, const char *what)
{
    g_return_if_fail(reader != NULL && record != NULL && what != NULL);

    ddp_event_problems_add(reader->problems, &(DdpEventProblem){.kind = DDP_EVENT_PROBLEM_CORRUPT,
                                                                .path = reader->path,
                                                                .offset = record->offset,
                                                                .what = (char *)what});
}
