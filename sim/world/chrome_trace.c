/* SPDX-License-Identifier: MIT */
/*
 * Each rank has a track with its own clock, which only moves forward. "enter" opens a slice on the
 * track and "leave" writes it down, since a complete event (ph X) wants its length.
 *
 * Arrows need to know where the last to come stood. So each collective that somebody is in has a
 * meeting, which keeps when each member came. An arrow is two events that viewers bind to the
 * slice that they find at that time, and they take events of one time in the order of the file:
 * the start is written behind the waiter's slice, and the end behind that of the last to come,
 * which may be closed later; until then the meeting keeps the arrow.
 */
#include "sim/world/chrome_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/world/trace_line.h"

#define ORDERED_STEP_NS 1000

/* When a member came to a meeting. */
typedef struct {
    int rank;
    bool drawn;   /* its slice is in the file */
    int64_t t_ns; /* by the trace */
    int64_t at;   /* on its track */
} Member;

typedef struct {
    int member;
    uint64_t id;
} Arrow;

typedef struct {
    char *key;
    GArray *members; /* of Member, in the order of the trace */
    GArray *arrows;  /* of Arrow: those that wait for the slice of their end */
    guint gone;      /* members that left, or never will */
    int last;        /* index of who came last */
    bool last_told;  /* the trace itself has said so */
} Meeting;

/* A slice that is not written yet. */
typedef struct {
    bool open;
    bool calls;   /* a collective or a message */
    bool waits;   /* for a work that was begun before: "wait all_reduce" */
    int64_t t_ns; /* when it began, by the trace and on the track */
    int64_t at;
    GString *name;    /* as JSON text, without quotes */
    GString *args;    /* members of a JSON object */
    Meeting *meeting; /* (nullable) */
    int member;
} Slice;

/* A collective that was begun and is waited for later. */
typedef struct {
    uint64_t id;
    char *key;
    char *name;
    Meeting *meeting; /* (nullable) */
    int member;
} Work;

typedef struct {
    int64_t clock; /* of the last event on the track; -1 at first */
    Slice slice;
    GArray *works; /* of Work, in order */
} Track;

typedef struct {
    const DdpChromeTraceSpec *spec;
    FILE *out;
    bool ordered; /* no virtual time passed: the order of the trace is the time */
    bool first;
    int64_t line_count;
    int64_t passed_over;
    uint64_t ids;
    Track *tracks;
    GHashTable *meetings; /* by key; owned */
} Chrome;

/* ---- events ---- */

static int
pid_of(const Chrome *chrome, int rank)
{
    return rank / chrome->spec->nproc_per_node * chrome->spec->nproc_per_node + 1;
}

static void
put_time(const Chrome *chrome, const char *key, int64_t ns)
{
    fprintf(chrome->out, ",\"%s\":%" G_GINT64_FORMAT ".%03d", key, ns / 1000, (int)(ns % 1000));
}

/* The beginning of an event; the caller adds what its kind needs and closes the brace. */
static void
put_event(Chrome *chrome, const char *phase, int rank, int64_t at)
{
    fprintf(chrome->out, "%s\n{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d", chrome->first ? "" : ",",
            phase, pid_of(chrome, rank), rank + 1);
    if (at >= 0)
        put_time(chrome, "ts", at);
    chrome->first = false;
}

static void
put_name(const Chrome *chrome, const char *cat, const char *before, const char *name,
         const char *after)
{
    fprintf(chrome->out, ",\"cat\":\"%s\",\"name\":\"%s%s%s\"", cat, before, name, after);
}

static void
put_instant(Chrome *chrome, int rank, int64_t at, const char *cat, const DdpTraceLine *line)
{
    put_event(chrome, "i", rank, at);
    fprintf(chrome->out, ",\"s\":\"%c\",\"cat\":\"%s\",\"name\":\"%.*s\"",
            line->rank < 0 ? 'g' : 't', cat, (int)line->event.length, line->event.at);
    if (line->text.at != NULL)
        fprintf(chrome->out, ",\"args\":{\"text\":\"%.*s\"}", (int)line->text.length,
                line->text.at);
    fputs("}", chrome->out);
}

/* ---- time ---- */

/* How long something is that took no time. */
static int64_t
least_ns(const Chrome *chrome)
{
    return chrome->ordered ? ORDERED_STEP_NS : 1;
}

static int64_t
time_of(const Chrome *chrome, const DdpTraceLine *line)
{
    return chrome->ordered ? chrome->line_count * ORDERED_STEP_NS : line->t_ns;
}

/* Where the event of this line stands on the rank's track. */
static int64_t
stamp(const Chrome *chrome, Track *track, const DdpTraceLine *line)
{
    track->clock = MAX(time_of(chrome, line), track->clock + 1);
    return track->clock;
}

/* ---- meetings ---- */

static void
meeting_free(void *meeting_)
{
    Meeting *meeting = meeting_;

    g_free(meeting->key);
    g_array_unref(meeting->members);
    g_array_unref(meeting->arrows);
    g_free(meeting);
}

/* A message has two ends, each with a sequence of its own: no meeting. */
static bool
has_meeting(const DdpTraceLine *line)
{
    static const char *const messages[] = {"send", "recv", "isend", "irecv"};

    for (size_t i = 0; i < G_N_ELEMENTS(messages); i++) {
        if (ddp_trace_text_is(line->call, messages[i]))
            return false;
    }
    return line->call.at != NULL && line->group.at != NULL && line->seq.at != NULL;
}

/* (transfer full): the same for all calls of one collective. No number has a slash in it. */
static char *
key_of(const DdpTraceLine *line)
{
    return g_strdup_printf("%.*s/%.*s/%.*s", (int)line->seq.length,
                           line->seq.at != NULL ? line->seq.at : "", (int)line->call.length,
                           line->call.at != NULL ? line->call.at : "", (int)line->group.length,
                           line->group.at != NULL ? line->group.at : "");
}

static Meeting *
come(Chrome *chrome, const DdpTraceLine *line, int64_t at, int *member)
{
    g_autofree char *key = key_of(line);
    Meeting *meeting = g_hash_table_lookup(chrome->meetings, key);
    const Member came = {.rank = (int)line->rank, .t_ns = line->t_ns, .at = at};

    if (meeting == NULL) {
        meeting = g_new0(Meeting, 1);
        meeting->key = g_steal_pointer(&key);
        meeting->members = g_array_new(FALSE, FALSE, sizeof(Member));
        meeting->arrows = g_array_new(FALSE, FALSE, sizeof(Arrow));
        g_hash_table_insert(chrome->meetings, meeting->key, meeting);
    }
    *member = (int)meeting->members->len;
    g_array_append_val(meeting->members, came);
    if (came.t_ns >= g_array_index(meeting->members, Member, meeting->last).t_ns)
        meeting->last = *member;
    return meeting;
}

static void
find_last(Meeting *meeting, int64_t rank)
{
    if (meeting->last_told || rank < 0)
        return;
    for (guint i = 0; i < meeting->members->len; i++) {
        if (g_array_index(meeting->members, Member, i).rank == rank)
            meeting->last = (int)i;
    }
    meeting->last_told = true;
}

static void
put_arrow(Chrome *chrome, const char *phase, uint64_t id, int rank, int64_t at)
{
    put_event(chrome, phase, rank, at);
    put_name(chrome, "wait", "", "waits for the last", "");
    fprintf(chrome->out, ",\"id\":%" G_GUINT64_FORMAT "%s}", id,
            phase[0] == 'f' ? ",\"bp\":\"e\"" : "");
}

/* The slice of a member is in the file now: arrows may point at it. */
static void
draw_arrows_to(Chrome *chrome, Meeting *meeting, int member)
{
    Member *end = &g_array_index(meeting->members, Member, member);

    end->drawn = true;
    for (guint i = 0; i < meeting->arrows->len;) {
        const Arrow arrow = g_array_index(meeting->arrows, Arrow, i);

        if (arrow.member != member) {
            i++;
            continue;
        }
        put_arrow(chrome, "f", arrow.id, end->rank, end->at);
        g_array_remove_index(meeting->arrows, i);
    }
}

/* From the slice of who waited since @at to that of who came last, if that was later. */
static void
draw_arrow(Chrome *chrome, Meeting *meeting, int rank, int64_t t_ns, int64_t at)
{
    const Member *last = &g_array_index(meeting->members, Member, meeting->last);
    bool later = chrome->ordered ? last->at > at : last->t_ns > t_ns && last->at >= at;

    if (last->rank == rank || !later)
        return;

    const Arrow arrow = {meeting->last, ++chrome->ids};

    put_arrow(chrome, "s", arrow.id, rank, at);
    if (last->drawn)
        put_arrow(chrome, "f", arrow.id, last->rank, last->at);
    else
        g_array_append_val(meeting->arrows, arrow);
}

/* One member more will not come back to the meeting; the last one ends it. */
static void
go(Chrome *chrome, Meeting *meeting)
{
    if (++meeting->gone == meeting->members->len)
        g_hash_table_remove(chrome->meetings, meeting->key);
}

/* ---- slices ---- */

static void
set_text(GString *text, DdpTraceText value)
{
    g_string_truncate(text, 0);
    g_string_append_len(text, value.at, (gssize)value.length);
}

static const char *
comma(const GString *args)
{
    return args->len > 0 ? "," : "";
}

static void
add_arg(GString *args, const char *key, DdpTraceText value)
{
    if (value.at == NULL)
        return;
    g_string_append_printf(args, "%s\"%s\":\"", comma(args), key);
    g_string_append_len(args, value.at, (gssize)value.length);
    g_string_append_c(args, '"');
}

static void
add_call_args(GString *args, const DdpTraceLine *line)
{
    add_arg(args, "signature", line->signature);
    add_arg(args, "site", line->site);
    if (line->seq.at != NULL)
        g_string_append_printf(args, "%s\"seq\":%.*s", comma(args), (int)line->seq.length,
                               line->seq.at);
    add_arg(args, "group", line->group);
    add_arg(args, "name", line->name);
    add_arg(args, "text", line->text);
}

static Slice *
open_slice(Chrome *chrome, Track *track, const DdpTraceLine *line, DdpTraceText name)
{
    Slice *slice = &track->slice;

    slice->open = true;
    slice->calls = line->call.at != NULL;
    slice->waits = false;
    slice->t_ns = line->t_ns;
    slice->at = stamp(chrome, track, line);
    slice->meeting = NULL;
    set_text(slice->name, name);
    g_string_truncate(slice->args, 0);
    add_call_args(slice->args, line);
    return slice;
}

static void
put_slice(Chrome *chrome, int rank, const Slice *slice, int64_t end, bool finished)
{
    put_event(chrome, "X", rank, slice->at);
    put_time(chrome, "dur", end - slice->at);
    put_name(chrome, slice->calls ? "collective" : "rank", slice->waits ? "wait " : "",
             slice->name->str, finished ? "" : " (unfinished)");
    fprintf(chrome->out, ",\"args\":{%s%s%s}}", slice->args->str,
            finished ? "" : comma(slice->args), finished ? "" : "\"unfinished\":true");
}

/* Closes what the rank is in, if anything. */
static void
close_slice(Chrome *chrome, Track *track, int rank, int64_t end, bool finished)
{
    Slice *slice = &track->slice;

    if (!slice->open)
        return;
    slice->open = false;
    put_slice(chrome, rank, slice, end, finished);
    if (slice->meeting == NULL)
        return;
    if (!slice->waits)
        draw_arrows_to(chrome, slice->meeting, slice->member);
    if (finished)
        draw_arrow(chrome, slice->meeting, rank, slice->t_ns, slice->at);
    if (!slice->waits)
        go(chrome, slice->meeting);
}

static void
add_wait_args(GString *args, const DdpTraceLine *line)
{
    if (line->waited_ns >= 0)
        g_string_append_printf(args, "%s\"waited_ns\":%" G_GINT64_FORMAT, comma(args),
                               line->waited_ns);
    if (line->last >= 0)
        g_string_append_printf(args, "%s\"last\":\"rank %" G_GINT64_FORMAT "\"", comma(args),
                               line->last);
}

/* ---- works ---- */

static void
work_clear(void *work_)
{
    Work *work = work_;

    g_free(work->key);
    g_free(work->name);
}

/* The slice of a work stands in a row of its own, from its beginning to where it was waited for. */
static void
put_work(Chrome *chrome, const char *phase, int rank, const Work *work, int64_t at,
         const char *args)
{
    put_event(chrome, phase, rank, at);
    put_name(chrome, "work", "", work->name, "");
    fprintf(chrome->out, ",\"id\":%" G_GUINT64_FORMAT ",\"args\":{%s}}", work->id, args);
}

static void
begin_work(Chrome *chrome, Track *track, const DdpTraceLine *line)
{
    int rank = (int)line->rank;
    Slice *call = open_slice(chrome, track, line, line->call);
    Work work = {.id = ++chrome->ids, .key = key_of(line)};
    int64_t end = call->at + least_ns(chrome);

    work.name = g_strdup(call->name->str);
    g_string_prepend(call->name, "begin ");
    call->open = false;
    if (has_meeting(line))
        work.meeting = call->meeting = come(chrome, line, call->at, &work.member);
    put_slice(chrome, rank, call, end, true);
    put_work(chrome, "b", rank, &work, call->at, call->args->str);
    if (work.meeting != NULL)
        draw_arrows_to(chrome, work.meeting, work.member);
    track->clock = end;
    g_array_append_val(track->works, work);
}

static Work *
find_work(const Track *track, const DdpTraceLine *line)
{
    g_autofree char *key = track->works->len > 0 ? key_of(line) : NULL;

    for (guint i = 0; i < track->works->len; i++) {
        Work *work = &g_array_index(track->works, Work, i);

        if (strcmp(work->key, key) == 0)
            return work;
    }
    return NULL;
}

static void
end_work(Chrome *chrome, Track *track, int rank, Work *work, int64_t at, bool finished)
{
    put_work(chrome, "e", rank, work, at, finished ? "" : "\"waited_for\":false");
    if (work->meeting != NULL)
        go(chrome, work->meeting);
    g_array_remove_index(track->works, (guint)(work - &g_array_index(track->works, Work, 0)));
}

/* ---- lines ---- */

/* Whatever the rank is in ends here without having come to its end. */
static void
abandon(Chrome *chrome, Track *track, int rank, int64_t at)
{
    close_slice(chrome, track, rank, at, false);
    while (track->works->len > 0)
        end_work(chrome, track, rank, &g_array_index(track->works, Work, 0), at, false);
}

static void
enter(Chrome *chrome, Track *track, const DdpTraceLine *line)
{
    Slice *slice = open_slice(chrome, track, line, line->call);

    if (has_meeting(line))
        slice->meeting = come(chrome, line, slice->at, &slice->member);
}

static void
wait_for_work(Chrome *chrome, Track *track, const DdpTraceLine *line)
{
    Slice *slice = open_slice(chrome, track, line, line->call);
    const Work *work = find_work(track, line);

    slice->waits = true;
    slice->meeting = work != NULL ? work->meeting : NULL;
}

/* "leave" and "done": the end of what the rank is in, and of the work that it waited for. */
static void
leave(Chrome *chrome, Track *track, const DdpTraceLine *line)
{
    int rank = (int)line->rank;
    Work *work = find_work(track, line);
    int64_t at = stamp(chrome, track, line);

    if (track->slice.open) {
        add_wait_args(track->slice.args, line);
        if (track->slice.meeting != NULL)
            find_last(track->slice.meeting, line->last);
        close_slice(chrome, track, rank, at, true);
    }
    if (work != NULL)
        end_work(chrome, track, rank, work, at, true);
}

static void
fall_asleep(Chrome *chrome, Track *track, const DdpTraceLine *line)
{
    (void)open_slice(chrome, track, line, line->event);
}

static void
wake_up(Chrome *chrome, Track *track, const DdpTraceLine *line)
{
    int64_t at = stamp(chrome, track, line);

    close_slice(chrome, track, (int)line->rank, at, true);
}

static void
put_span(Chrome *chrome, Track *track, const DdpTraceLine *line)
{
    Slice *slice = open_slice(chrome, track, line, line->event);
    int64_t end = slice->at + MAX(line->ns, least_ns(chrome));

    slice->open = false;
    put_slice(chrome, (int)line->rank, slice, end, true);
    track->clock = end;
}

/* Everything ends at the verdict, which stands behind all that led to it. */
static void
verdict(Chrome *chrome, const DdpTraceLine *line)
{
    Track whole = {.clock = -1};

    for (int rank = 0; rank < chrome->spec->size; rank++)
        whole.clock = MAX(whole.clock, chrome->tracks[rank].clock);

    int64_t at = stamp(chrome, &whole, line);

    for (int rank = 0; rank < chrome->spec->size; rank++) {
        if (chrome->tracks[rank].slice.open || chrome->tracks[rank].works->len > 0) {
            abandon(chrome, &chrome->tracks[rank], rank, at);
            chrome->tracks[rank].clock = at;
        }
    }
    put_instant(chrome, 0, at, "verdict", line);
}

/*
 * A call that failed leaves no line of its own: where the program went on from there, it ended just
 * before.
 */
static void
close_failed(Chrome *chrome, Track *track, const DdpTraceLine *line)
{
    if (!track->slice.open)
        return;
    track->clock = MAX(time_of(chrome, line) - 1, track->clock + 1);
    close_slice(chrome, track, (int)line->rank, track->clock, false);
}

static void
put_rank_instant(Chrome *chrome, Track *track, const DdpTraceLine *line)
{
    bool ends = ddp_trace_text_is(line->event, "finish") || ddp_trace_text_is(line->event, "fail");
    bool logs = ddp_trace_text_is(line->event, "log");
    int64_t at = stamp(chrome, track, line);

    if (ends)
        abandon(chrome, track, (int)line->rank, at);
    put_instant(chrome, (int)line->rank, at, logs ? "log" : "rank", line);
}

/* What each kind of line becomes; a kind that is not known is an instant. */
static void
tell_rank(Chrome *chrome, const DdpTraceLine *line)
{
    static const struct {
        const char *event;
        bool goes_on; /* nobody says this from inside a collective */
        void (*tell)(Chrome *chrome, Track *track, const DdpTraceLine *line);
    } kinds[] = {
        {"enter", true, enter},      {"leave", false, leave},
        {"begin", true, begin_work}, {"wait", true, wait_for_work},
        {"done", false, leave},      {"sleep", true, fall_asleep},
        {"wake", false, wake_up},    {"log", true, put_rank_instant},
    };
    Track *track = &chrome->tracks[line->rank];

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (!ddp_trace_text_is(line->event, kinds[i].event))
            continue;
        if (kinds[i].goes_on)
            close_failed(chrome, track, line);
        kinds[i].tell(chrome, track, line);
        return;
    }
    if (line->ns >= 0) {
        close_failed(chrome, track, line);
        put_span(chrome, track, line);
    } else {
        put_rank_instant(chrome, track, line);
    }
}

/* ---- the file ---- */

static void
tell(Chrome *chrome, const char *bytes, size_t length)
{
    DdpTraceLine line;
    bool whole =
        length > 0 && bytes[length - 1] == '\n' && ddp_trace_line_read(bytes, length - 1, &line);

    if (whole && line.rank >= 0 && line.rank < chrome->spec->size)
        tell_rank(chrome, &line);
    else if (whole && line.rank < 0 && ddp_trace_text_is(line.event, "verdict"))
        verdict(chrome, &line);
    else
        chrome->passed_over++;
    chrome->line_count++;
}

static void
put_metadata(Chrome *chrome, int rank, const char *what, const char *which, int number)
{
    put_event(chrome, "M", rank, -1);
    fprintf(chrome->out, ",\"name\":\"%s_name\",\"args\":{\"name\":\"%s %d\"}}", what, which,
            number);
    put_event(chrome, "M", rank, -1);
    fprintf(chrome->out, ",\"name\":\"%s_sort_index\",\"args\":{\"sort_index\":%d}}", what, number);
}

static void
put_names(Chrome *chrome)
{
    for (int rank = 0; rank < chrome->spec->size; rank++) {
        if (rank % chrome->spec->nproc_per_node == 0)
            put_metadata(chrome, rank, "process", "node", rank / chrome->spec->nproc_per_node);
        put_metadata(chrome, rank, "thread", "rank", rank);
    }
}

/* Reads @in to its end and tells each line; false if it could not be read. */
static bool
tell_all(Chrome *chrome, FILE *in)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", chrome->out);
    put_names(chrome);
    while ((length = getline(&line, &room, in)) > 0)
        tell(chrome, line, (size_t)length);
    free(line);

    /* Without a verdict whatever is open ends behind the last event of its rank. */
    for (int rank = 0; rank < chrome->spec->size; rank++) {
        Track *track = &chrome->tracks[rank];

        abandon(chrome, track, rank, track->clock + least_ns(chrome));
    }
    fprintf(chrome->out,
            "\n],\"otherData\":{\"time\":\"%s\",\"lines_passed_over\":\"%" G_GINT64_FORMAT "\"}}\n",
            chrome->ordered ? "1 us per line of the trace: no virtual time passed" : "virtual time",
            chrome->passed_over);
    return !ferror(in);
}

/* Has every line of @in the time 0? Reads up to the first that has not, and goes back. */
static bool
has_no_time(FILE *in)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    bool none = true;

    while (none && (length = getline(&line, &room, in)) > 0) {
        DdpTraceLine read;

        none = !ddp_trace_line_read(line, (size_t)length - 1, &read) ||
               (read.t_ns == 0 && read.ns <= 0);
    }
    free(line);
    rewind(in);
    return none;
}

static void
chrome_init(Chrome *chrome)
{
    chrome->first = true;
    chrome->meetings = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, meeting_free);
    chrome->tracks = g_new0(Track, chrome->spec->size);
    for (int rank = 0; rank < chrome->spec->size; rank++) {
        Track *track = &chrome->tracks[rank];

        track->clock = -1;
        track->slice.name = g_string_new(NULL);
        track->slice.args = g_string_new(NULL);
        track->works = g_array_new(FALSE, FALSE, sizeof(Work));
        g_array_set_clear_func(track->works, work_clear);
    }
}

static void
chrome_clear(Chrome *chrome)
{
    for (int rank = 0; rank < chrome->spec->size; rank++) {
        Track *track = &chrome->tracks[rank];

        g_string_free(track->slice.name, TRUE);
        g_string_free(track->slice.args, TRUE);
        g_array_unref(track->works);
    }
    g_free(chrome->tracks);
    g_hash_table_unref(chrome->meetings);
}

static bool
fail_with(GError **error, const char *what, const char *path, int error_number)
{
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(error_number), "cannot %s %s: %s",
                what, path, g_strerror(error_number));
    return false;
}

/* Writes all of it to @out, which it closes. */
static bool
convert(FILE *in, FILE *out, const char *trace_path, const char *path,
        const DdpChromeTraceSpec *spec, GError **error)
{
    Chrome chrome = {.spec = spec, .out = out};

    chrome_init(&chrome);
    chrome.ordered = has_no_time(in);
    errno = 0;

    bool read = tell_all(&chrome, in);
    int read_errno = errno;

    chrome_clear(&chrome);
    errno = 0;

    bool written = !ferror(out) && fflush(out) == 0;

    /* A full disk may show itself only here. */
    if (fclose(out) != 0)
        written = false;
    if (!read)
        return fail_with(error, "read the trace", trace_path, read_errno);
    return written || fail_with(error, "write", path, errno != 0 ? errno : EIO);
}

bool
ddp_chrome_trace_write(const char *trace_path, const char *path, const DdpChromeTraceSpec *spec,
                       GError **error)
{
    g_return_val_if_fail(spec->size > 0 && spec->nproc_per_node > 0, false);

    g_autofree char *temporary = g_strdup_printf("%s.XXXXXX", path);
    FILE *in = fopen(trace_path, "re");

    if (in == NULL)
        return fail_with(error, "read the trace", trace_path, errno);

    int fd = g_mkstemp_full(temporary, O_WRONLY | O_CLOEXEC, 0666);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool ok = false;

    if (out != NULL) {
        ok = convert(in, out, trace_path, path, spec, error);
    } else {
        fail_with(error, "write", path, errno);
        if (fd >= 0)
            (void)close(fd); /* the reason is told already */
    }
    (void)fclose(in); /* it was only read */
    if (ok && g_rename(temporary, path) != 0)
        ok = fail_with(error, "write", path, errno);
    if (!ok && fd >= 0)
        (void)g_unlink(temporary); /* what cannot be removed does not look like a trace */
    return ok;
}
