/* SPDX-License-Identifier: MIT */
#include "tests/sim/world/chrome_rules.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

typedef struct {
    guint index; /* in the file */
    char ph;
    gint64 pid, tid;
    gint64 ts, dur; /* ns */
    gint64 id;
    const char *name, *cat;
    JsonObject *object;
} Event;

static gint64
whole(JsonObject *object, const char *key)
{
    JsonNode *node = json_object_get_member(object, key);

    ck_assert_msg(node != NULL && json_node_get_value_type(node) == G_TYPE_INT64, "no number %s",
                  key);
    return json_node_get_int(node);
}

/* µs with three decimals. */
static gint64
nanoseconds(JsonObject *object, const char *key)
{
    JsonNode *node = json_object_get_member(object, key);

    ck_assert_msg(node != NULL && json_node_get_value_type(node) == G_TYPE_DOUBLE,
                  "no number with a point: %s", key);

    double us = json_node_get_double(node);

    ck_assert(us >= 0);
    ck_assert_msg(fabs(us * 1000 - round(us * 1000)) < 1e-3 * MAX(1.0, us * 1e-6), "%s %f", key,
                  us);
    return (gint64)llround(us * 1000);
}

static const char *
text(JsonObject *object, const char *key)
{
    JsonNode *node = json_object_get_member(object, key);

    ck_assert_msg(node != NULL && json_node_get_value_type(node) == G_TYPE_STRING, "no text %s",
                  key);
    return json_node_get_string(node);
}

static Event
read_event(JsonObject *object, guint index)
{
    Event event = {.index = index, .object = object};

    ck_assert_uint_eq(strlen(text(object, "ph")), 1);
    event.ph = text(object, "ph")[0];
    ck_assert_ptr_nonnull(strchr("XisfbeM", event.ph));
    event.pid = whole(object, "pid");
    event.tid = whole(object, "tid");
    ck_assert(event.pid > 0 && event.tid > 0);
    event.name = text(object, "name");
    ck_assert_str_ne(event.name, "");
    if (event.ph == 'M')
        return event;
    event.ts = nanoseconds(object, "ts");
    event.cat = text(object, "cat");
    if (event.ph == 'X') {
        event.dur = nanoseconds(object, "dur");
        ck_assert_int_gt(event.dur, 0);
    }
    if (strchr("sfbe", event.ph) != NULL)
        event.id = whole(object, "id");
    if (event.ph == 'f')
        ck_assert_str_eq(text(object, "bp"), "e");
    if (event.ph == 'i')
        ck_assert(strcmp(text(object, "s"), "g") == 0 || strcmp(text(object, "s"), "t") == 0);
    return event;
}

static GArray *
read_events(JsonNode *document)
{
    JsonArray *list = json_object_get_array_member(json_node_get_object(document), "traceEvents");
    GArray *events = g_array_new(FALSE, FALSE, sizeof(Event));

    for (guint i = 0; i < json_array_get_length(list); i++) {
        Event event = read_event(json_array_get_object_element(list, i), i);

        g_array_append_val(events, event);
    }
    return events;
}

/* By thread, then time, the longer first. */
static gint
by_track(gconstpointer a_, gconstpointer b_)
{
    const Event *a = a_, *b = b_;

    if (a->tid != b->tid)
        return a->tid < b->tid ? -1 : 1;
    if (a->ts != b->ts)
        return a->ts < b->ts ? -1 : 1;
    return a->dur != b->dur ? (a->dur > b->dur ? -1 : 1) : 0;
}

/* The slices of all threads, sorted; they nest or lie apart. */
static GArray *
check_slices(const GArray *events)
{
    GArray *slices = g_array_new(FALSE, FALSE, sizeof(Event));
    g_autoptr(GArray) open = g_array_new(FALSE, FALSE, sizeof(gint64)); /* ends */
    gint64 tid = 0;

    for (guint i = 0; i < events->len; i++) {
        if (g_array_index(events, Event, i).ph == 'X')
            g_array_append_val(slices, g_array_index(events, Event, i));
    }
    g_array_sort(slices, by_track);
    for (guint i = 0; i < slices->len; i++) {
        const Event *slice = &g_array_index(slices, Event, i);
        gint64 end = slice->ts + slice->dur;

        if (slice->tid != tid)
            g_array_set_size(open, 0);
        tid = slice->tid;
        while (open->len > 0 && g_array_index(open, gint64, open->len - 1) <= slice->ts)
            g_array_set_size(open, open->len - 1);
        if (open->len > 0)
            ck_assert_msg(end <= g_array_index(open, gint64, open->len - 1),
                          "slices of thread %d overlap at %d ns", (int)tid, (int)slice->ts);
        g_array_append_val(open, end);
    }
    return slices;
}

static bool
inside_a_slice(const Event *event, const GArray *slices)
{
    for (guint i = 0; i < slices->len; i++) {
        const Event *slice = &g_array_index(slices, Event, i);

        if (slice->tid == event->tid && slice->pid == event->pid && slice->ts <= event->ts &&
            event->ts < slice->ts + slice->dur &&
            (slice->ts < event->ts || slice->index < event->index))
            return true;
    }
    return false;
}

/* Each @first has one @second with its id behind it, and there are no others. */
static void
check_pairs(const GArray *events, char first, char second)
{
    g_autoptr(GHashTable) open = g_hash_table_new(g_int64_hash, g_int64_equal);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_int64_hash, g_int64_equal);

    for (guint i = 0; i < events->len; i++) {
        const Event *event = &g_array_index(events, Event, i);

        if (event->ph == first) {
            ck_assert_msg(g_hash_table_add(seen, (gpointer)&event->id), "id %d twice",
                          (int)event->id);
            g_hash_table_insert(open, (gpointer)&event->id, (gpointer)event);
        } else if (event->ph == second) {
            const Event *start = g_hash_table_lookup(open, &event->id);

            ck_assert_msg(start != NULL, "%c %d has no %c before it", second, (int)event->id,
                          first);
            ck_assert_str_eq(start->name, event->name);
            ck_assert_str_eq(start->cat, event->cat);
            ck_assert_int_le(start->ts, event->ts);
            if (first == 'b')
                ck_assert_int_eq(start->pid, event->pid);
            g_hash_table_remove(open, &event->id);
        }
    }
    ck_assert_msg(g_hash_table_size(open) == 0, "a %c has no %c", first, second);
}

static void
check_names(const GArray *events)
{
    g_autoptr(GHashTable) named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (int pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < events->len; i++) {
            const Event *event = &g_array_index(events, Event, i);
            g_autofree char *process = g_strdup_printf("%d", (int)event->pid);
            g_autofree char *thread = g_strdup_printf("%d/%d", (int)event->pid, (int)event->tid);

            if (pass == 1) {
                ck_assert(g_hash_table_contains(named, process));
                ck_assert(g_hash_table_contains(named, thread));
            } else if (event->ph == 'M' && g_str_has_suffix(event->name, "_name")) {
                JsonObject *args = json_object_get_object_member(event->object, "args");
                bool is_process = strcmp(event->name, "process_name") == 0;

                ck_assert(g_str_has_prefix(text(args, "name"), is_process ? "node " : "rank "));
                ck_assert(g_hash_table_add(named, g_strdup(is_process ? process : thread)));
            }
        }
    }
}

JsonNode *
chrome_rules_check(const char *json)
{
    g_autoptr(GError) error = NULL;
    JsonNode *document = json_from_string(json, &error);

    ck_assert_msg(error == NULL, "%s in\n%s", error != NULL ? error->message : "", json);

    g_autoptr(GArray) events = read_events(document);
    g_autoptr(GArray) slices = check_slices(events);

    for (guint i = 0; i < events->len; i++) {
        const Event *event = &g_array_index(events, Event, i);

        if (event->ph == 's' || event->ph == 'f')
            ck_assert_msg(inside_a_slice(event, slices), "flow %d %c hangs in the air",
                          (int)event->id, event->ph);
    }
    check_pairs(events, 's', 'f');
    check_pairs(events, 'b', 'e');
    check_names(events);
    return document;
}

char *
chrome_rules_tell(JsonNode *document)
{
    g_autoptr(GArray) events = read_events(document);
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < events->len; i++) {
        const Event *event = &g_array_index(events, Event, i);

        if (event->ph == 'M')
            continue;
        g_string_append_printf(out, "%c rank %d %" G_GINT64_FORMAT, event->ph, (int)event->tid - 1,
                               event->ts);
        if (event->ph == 'X')
            g_string_append_printf(out, "+%" G_GINT64_FORMAT, event->dur);
        if (event->id != 0)
            g_string_append_printf(out, " #%d", (int)event->id);
        g_string_append_printf(out, " %s\n", event->name);
    }
    return g_string_free(out, FALSE);
}
