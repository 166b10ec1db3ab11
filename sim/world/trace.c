/* SPDX-License-Identifier: MIT */
#include "sim/world/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BLOCK_BYTES 65536

struct DdpTrace {
    char *path;
    int fd;
    int write_errno; /* of the first write that failed; nothing is written after it */
    GString *buffer;
};

DdpTrace *
ddp_trace_new(const char *path, GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "cannot write the trace %s: %s", path, g_strerror(errno));
        return NULL;
    }

    DdpTrace *trace = g_new0(DdpTrace, 1);

    trace->path = g_strdup(path);
    trace->fd = fd;
    trace->buffer = g_string_sized_new(BLOCK_BYTES);
    return trace;
}

static void
flush(DdpTrace *trace)
{
    gsize done = 0;

    while (done < trace->buffer->len && trace->write_errno == 0) {
        ssize_t now = write(trace->fd, trace->buffer->str + done, trace->buffer->len - done);

        if (now > 0)
            done += (gsize)now;
        else if (now == 0 || errno != EINTR)
            trace->write_errno = now == 0 ? ENOSPC : errno;
    }
    g_string_truncate(trace->buffer, 0);
}

bool
ddp_trace_close(DdpTrace *trace, GError **error)
{
    flush(trace);
    if (trace->fd >= 0 && close(trace->fd) != 0 && trace->write_errno == 0)
        trace->write_errno = errno;
    trace->fd = -1;
    if (trace->write_errno == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(trace->write_errno),
                "cannot write the trace %s: %s", trace->path, g_strerror(trace->write_errno));
    return false;
}

void
ddp_trace_free(DdpTrace *trace)
{
    if (trace == NULL)
        return;
    if (trace->fd >= 0)
        (void)close(trace->fd); /* given up: whoever wanted the file has called close */
    g_string_free(trace->buffer, TRUE);
    g_free(trace->path);
    g_free(trace);
}

static void
append_string(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;

        if (c == '"' || c == '\\')
            g_string_append_printf(out, "\\%c", c);
        else if (c < 0x20)
            g_string_append_printf(out, "\\u%04x", c);
        else
            g_string_append_c(out, (char)c);
    }
    g_string_append_c(out, '"');
}

static void
begin(DdpTrace *trace, int64_t now_ns, int rank, const char *event)
{
    g_string_append_printf(trace->buffer,
                           "{\"t\":%" G_GINT64_FORMAT ",\"rank\":%d,\"event\":\"%s\"", now_ns, rank,
                           event);
}

static void
end(DdpTrace *trace)
{
    g_string_append(trace->buffer, "}\n");
    if (trace->buffer->len >= BLOCK_BYTES - 4096)
        flush(trace);
}

void
ddp_trace_event(DdpTrace *trace, int64_t now_ns, int rank, const char *event, const char *text)
{
    begin(trace, now_ns, rank, event);
    if (text != NULL) {
        g_autofree char *valid = g_utf8_make_valid(text, -1);

        g_string_append(trace->buffer, ",\"text\":");
        append_string(trace->buffer, valid);
    }
    end(trace);
}

void
ddp_trace_call(DdpTrace *trace, int64_t now_ns, int rank, const char *event, const DdpCall *call,
               const char *group, uint64_t seq)
{
    g_autofree char *signature = ddp_call_describe(call);
    g_autofree char *site = g_strdup_printf("%s:%d", call->site.file, call->site.line);
    g_autofree char *valid_site = g_utf8_make_valid(site, -1);

    begin(trace, now_ns, rank, event);
    g_string_append_printf(trace->buffer,
                           ",\"call\":\"%s\",\"group\":\"%s\",\"seq\":%" G_GUINT64_FORMAT
                           ",\"signature\":",
                           ddp_call_kind_name(call->kind), group, seq);
    append_string(trace->buffer, signature);
    g_string_append(trace->buffer, ",\"site\":");
    append_string(trace->buffer, valid_site);
    if (call->name != NULL) {
        g_autofree char *valid_name = g_utf8_make_valid(call->name, -1);

        g_string_append(trace->buffer, ",\"name\":");
        append_string(trace->buffer, valid_name);
    }
    end(trace);
}
