/* SPDX-License-Identifier: MIT */
/*
 * A line is put together on the stack of whoever writes it, and only then handed over: to the
 * block that all threads share, under a lock held for a memcpy, or, in a shared trace, to the file
 * itself, whose append mode makes one write() one line whoever else writes.
 */
#include "sim/world/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK_BYTES 65536
#define LINE_BYTES 512 /* ordinary lines; longer ones move to the heap */

struct DdpTrace {
    char *path;
    int fd;
    _Atomic bool shared;
    _Atomic int *write_errno; /* of the first write that failed; nothing is written after it */
    _Atomic int own_errno;    /* where that is, until several processes must see it */
    pthread_mutex_t lock;     /* of the block; not a GMutex, which ThreadSanitizer cannot see */
    size_t block_length;
    char block[BLOCK_BYTES];
};

typedef struct {
    char *bytes; /* @fixed, or memory of its own */
    size_t length;
    size_t room;
    char fixed[LINE_BYTES];
} Line;

DdpTrace *
ddp_trace_new(const char *path, GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);

    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "cannot write the trace %s: %s", path, g_strerror(errno));
        return NULL;
    }

    DdpTrace *trace = g_new0(DdpTrace, 1);

    trace->path = g_strdup(path);
    trace->fd = fd;
    trace->write_errno = &trace->own_errno;
    pthread_mutex_init(&trace->lock, NULL);
    return trace;
}

static void
write_out(DdpTrace *trace, const char *bytes, size_t length)
{
    while (length > 0 && atomic_load(trace->write_errno) == 0) {
        ssize_t now = write(trace->fd, bytes, length);

        if (now > 0) {
            bytes += now;
            length -= (size_t)now;
        } else if (now == 0 || errno != EINTR) {
            int none = 0;

            atomic_compare_exchange_strong(trace->write_errno, &none, now == 0 ? ENOSPC : errno);
        }
    }
}

static void
flush(DdpTrace *trace)
{
    write_out(trace, trace->block, trace->block_length);
    trace->block_length = 0;
}

void
ddp_trace_share(DdpTrace *trace)
{
    /* A page that survives fork(): a disk that is full for one process is full for the trace. */
    void *page = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    pthread_mutex_lock(&trace->lock);
    flush(trace);
    if (page != MAP_FAILED && trace->write_errno == &trace->own_errno) {
        trace->write_errno = page;
        atomic_store(trace->write_errno, atomic_load(&trace->own_errno));
    } else if (page != MAP_FAILED) {
        (void)munmap(page, sizeof(int)); /* shared already */
    }
    atomic_store(&trace->shared, true);
    pthread_mutex_unlock(&trace->lock);
}

bool
ddp_trace_close(DdpTrace *trace, GError **error)
{
    pthread_mutex_lock(&trace->lock);
    flush(trace);
    pthread_mutex_unlock(&trace->lock);

    int error_number = atomic_load(trace->write_errno);

    if (trace->fd >= 0 && close(trace->fd) != 0 && error_number == 0)
        error_number = errno;
    trace->fd = -1;
    if (error_number == 0)
        return true;
    atomic_store(trace->write_errno, error_number);
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(error_number),
                "cannot write the trace %s: %s", trace->path, g_strerror(error_number));
    return false;
}

void
ddp_trace_free(DdpTrace *trace)
{
    if (trace == NULL)
        return;
    if (trace->fd >= 0)
        (void)close(trace->fd); /* given up: whoever wanted the file has called close */
    if (trace->write_errno != &trace->own_errno)
        (void)munmap(trace->write_errno, sizeof(int));
    pthread_mutex_destroy(&trace->lock);
    g_free(trace->path);
    g_free(trace);
}

/* ---- a line ---- */

static void
line_init(Line *line)
{
    line->bytes = line->fixed;
    line->length = 0;
    line->room = sizeof line->fixed;
}

static void
append_bytes(Line *line, const char *bytes, size_t length)
{
    if (length > line->room - line->length) {
        size_t room = MAX(2 * line->room, line->length + length);
        char *grown = g_malloc(room);

        memcpy(grown, line->bytes, line->length);
        if (line->bytes != line->fixed)
            g_free(line->bytes);
        line->bytes = grown;
        line->room = room;
    }
    memcpy(line->bytes + line->length, bytes, length);
    line->length += length;
}

static void
append_text(Line *line, const char *text)
{
    append_bytes(line, text, strlen(text));
}

static void
append_unsigned(Line *line, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    append_bytes(line, digits + at, sizeof digits - at);
}

static void
append_int(Line *line, int64_t number)
{
    if (number < 0)
        append_bytes(line, "-", 1);
    append_unsigned(line, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

static bool
is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

/* The inside of a JSON string: runs of plain bytes as they are, the others escaped. */
static void
append_escaped(Line *line, const char *text)
{
    for (const char *at = text; *at != '\0';) {
        const char *run = at;

        while (*at != '\0' && is_plain((unsigned char)*at))
            at++;
        append_bytes(line, run, (size_t)(at - run));
        if (*at == '"' || *at == '\\') {
            const char pair[2] = {'\\', *at++};

            append_bytes(line, pair, 2);
        } else if (*at != '\0') {
            char code[8];

            g_snprintf(code, sizeof code, "\\u%04x", (unsigned)(unsigned char)*at++);
            append_bytes(line, code, 6);
        }
    }
}

/* As append_escaped(); bytes that are no UTF-8 become U+FFFD. */
static void
append_foreign(Line *line, const char *text)
{
    if (g_utf8_validate(text, -1, NULL)) {
        append_escaped(line, text);
    } else {
        g_autofree char *valid = g_utf8_make_valid(text, -1);

        append_escaped(line, valid);
    }
}

static void
line_begin(Line *line, int64_t now_ns, int rank, const char *event)
{
    line_init(line);
    append_text(line, "{\"t\":");
    append_int(line, now_ns);
    append_text(line, ",\"rank\":");
    append_int(line, rank);
    append_text(line, ",\"event\":\"");
    append_text(line, event);
    append_text(line, "\"");
}

static void
line_add_text(Line *line, const char *text)
{
    if (text == NULL)
        return;
    append_text(line, ",\"text\":\"");
    append_foreign(line, text);
    append_text(line, "\"");
}

static void
line_end(Line *line, DdpTrace *trace)
{
    append_text(line, "}\n");
    if (atomic_load_explicit(&trace->shared, memory_order_relaxed)) {
        write_out(trace, line->bytes, line->length);
    } else {
        pthread_mutex_lock(&trace->lock);
        if (line->length > BLOCK_BYTES - trace->block_length)
            flush(trace);
        if (line->length > BLOCK_BYTES) {
            write_out(trace, line->bytes, line->length);
        } else {
            memcpy(trace->block + trace->block_length, line->bytes, line->length);
            trace->block_length += line->length;
        }
        pthread_mutex_unlock(&trace->lock);
    }
    if (line->bytes != line->fixed)
        g_free(line->bytes);
}

/* ---- what is written ---- */

void
ddp_trace_event(DdpTrace *trace, int64_t now_ns, int rank, const char *event, const char *text)
{
    Line line;

    line_begin(&line, now_ns, rank, event);
    line_add_text(&line, text);
    line_end(&line, trace);
}

void
ddp_trace_span(DdpTrace *trace, int64_t start_ns, int rank, const char *event, int64_t duration_ns,
               const char *text)
{
    Line line;

    line_begin(&line, start_ns, rank, event);
    append_text(&line, ",\"ns\":");
    append_int(&line, duration_ns);
    line_add_text(&line, text);
    line_end(&line, trace);
}

void
ddp_trace_call(DdpTrace *trace, int64_t now_ns, int rank, const char *event, const DdpCall *call,
               const char *group, uint64_t seq, const DdpTraceWait *wait)
{
    g_autofree char *signature = ddp_call_describe(call);
    Line line;

    line_begin(&line, now_ns, rank, event);
    append_text(&line, ",\"call\":\"");
    append_text(&line, ddp_call_kind_name(call->kind));
    append_text(&line, "\",\"group\":\"");
    append_foreign(&line, group);
    append_text(&line, "\",\"seq\":");
    append_unsigned(&line, seq);
    append_text(&line, ",\"signature\":\"");
    append_escaped(&line, signature);
    append_text(&line, "\",\"site\":\"");
    append_foreign(&line, call->site.file);
    append_text(&line, ":");
    append_int(&line, call->site.line);
    append_text(&line, "\"");
    if (call->name != NULL) {
        append_text(&line, ",\"name\":\"");
        append_foreign(&line, call->name);
        append_text(&line, "\"");
    }
    if (wait != NULL) {
        append_text(&line, ",\"waited\":");
        append_int(&line, MAX(now_ns - wait->since_ns, 0));
        append_text(&line, ",\"last\":");
        append_int(&line, wait->last_rank);
    }
    line_end(&line, trace);
}
