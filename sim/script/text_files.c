/* SPDX-License-Identifier: MIT */
#include "sim/script/text_files.h"

#include <string.h>

#define SHOWN_MAX 40        /* bytes of a line in a sentence */
#define FILE_MAX (1u << 30) /* bytes; what a GByteArray holds is below twice that */

typedef struct {
    char *path, *site, *bytes; /* owned */
    size_t length;
    int64_t time_ns, offset;
    int rank;
    guint arrived; /* keeps the writes of a rank in their order */
} Write;

struct DdpTextFiles {
    GPtrArray *writes; /* of Write */
};

static void
write_free(gpointer data)
{
    Write *write = data;

    g_free(write->path);
    g_free(write->site);
    g_free(write->bytes);
    g_free(write);
}

DdpTextFiles *
ddp_text_files_new(void)
{
    DdpTextFiles *files = g_new0(DdpTextFiles, 1);

    files->writes = g_ptr_array_new_with_free_func(write_free);
    return files;
}

void
ddp_text_files_free(DdpTextFiles *files)
{
    if (files == NULL)
        return;
    g_ptr_array_unref(files->writes);
    g_free(files);
}

void
ddp_text_files_add(DdpTextFiles *files, const DdpTextWrite *write)
{
    Write *copy = g_new0(Write, 1);

    copy->path = g_strdup(write->path);
    copy->site = g_strdup(write->site);
    copy->bytes = g_strdup(write->bytes);
    copy->length = strlen(write->bytes);
    copy->time_ns = write->time_ns;
    copy->offset = write->offset;
    copy->rank = write->rank;
    copy->arrived = files->writes->len;
    g_ptr_array_add(files->writes, copy);
}

static int
compare_writes(const void *a, const void *b)
{
    const Write *one = *(Write *const *)a, *other = *(Write *const *)b;
    int by_path = strcmp(one->path, other->path);

    if (by_path != 0)
        return by_path;
    if (one->time_ns != other->time_ns)
        return one->time_ns < other->time_ns ? -1 : 1;
    if (one->rank != other->rank)
        return one->rank < other->rank ? -1 : 1;
    return (one->arrived > other->arrived) - (one->arrived < other->arrived);
}

/* ---- torn lines ---- */

/* A rank in one file. */
typedef struct {
    GString *line;    /* what it has written of a line that is not complete */
    const Write *cut; /* (nullable): the first write of another rank after that */
    bool is_told;
} Writer;

static void
writer_free(gpointer data)
{
    Writer *writer = data;

    g_string_free(writer->line, TRUE);
    g_free(writer);
}

static Writer *
writer_of(GHashTable *writers, int rank)
{
    Writer *writer = g_hash_table_lookup(writers, GINT_TO_POINTER(rank));

    if (writer == NULL) {
        writer = g_new0(Writer, 1);
        writer->line = g_string_new(NULL);
        g_hash_table_insert(writers, GINT_TO_POINTER(rank), writer);
    }
    return writer;
}

/* The first bytes of a text, whole characters only, as they may stand in a message. */
static char *
shown(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    size_t length = strcspn(valid, "\n");

    if (length > SHOWN_MAX) {
        const char *end = g_utf8_find_prev_char(valid, valid + SHOWN_MAX + 1);

        length = end != NULL ? (size_t)(end - valid) : 0;
    }
    return g_strndup(valid, length);
}

static void
tell_torn(DdpRunRecord *record, const Writer *writer, const Write *write)
{
    g_autofree char *begun = shown(writer->line->str);
    g_autofree char *between = shown(writer->cut->bytes);
    g_autofree char *rest = shown(write->bytes);
    g_autofree char *message = g_strdup_printf(
        "%s: the line \"%s%s\" of rank %d is torn: rank %d wrote \"%s\" in the middle; each rank "
        "has a buffer of its own, so flush whole lines, write from one rank or to one file a rank",
        write->path, begun, rest, write->rank, writer->cut->rank, between);
    DdpFinding *finding = ddp_run_record_add_finding(record, "torn_line", message);
    int ranks[] = {MIN(write->rank, writer->cut->rank), MAX(write->rank, writer->cut->rank)};

    g_array_append_vals(finding->ranks, ranks, G_N_ELEMENTS(ranks));
    g_array_append_val(finding->blamed, write->rank);
    if (write->site != NULL)
        g_ptr_array_add(finding->sites, g_strdup(write->site));
}

static void
note_write(DdpRunRecord *record, GHashTable *writers, const Write *write)
{
    Writer *writer = writer_of(writers, write->rank);
    const char *last_end = strrchr(write->bytes, '\n');
    GHashTableIter each;
    gpointer key, value;

    if (writer->cut != NULL && !writer->is_told) {
        writer->is_told = true;
        tell_torn(record, writer, write);
    }
    writer->cut = NULL;
    if (last_end != NULL)
        g_string_truncate(writer->line, 0);
    g_string_append(writer->line, last_end != NULL ? last_end + 1 : write->bytes);

    g_hash_table_iter_init(&each, writers);
    while (g_hash_table_iter_next(&each, &key, &value)) {
        Writer *other = value;

        if (other != writer && other->line->len > 0 && other->cut == NULL)
            other->cut = write;
    }
}

/* ---- files ---- */

/* At its offset; what lies between the end and there reads as zeros. */
static void
put(GByteArray *content, const Write *write)
{
    size_t at = write->offset >= 0 ? (size_t)write->offset : content->len;
    guint end = (guint)(at + write->length);

    if (write->length == 0) { /* an open: mode "w" truncates, mode "a" makes the file */
        if (write->offset >= 0)
            g_byte_array_set_size(content, 0);
        return;
    }
    if (end > content->len) {
        guint old = content->len;

        g_byte_array_set_size(content, end);
        memset(content->data + old, 0, end - old);
    }
    memcpy(content->data + at, write->bytes, write->length);
}

/* The writes of one file, from @first on; leaves the index of the next file's. */
static bool
finish_file(const DdpTextFiles *files, guint *first, const char *folder, DdpRunRecord *record,
            GError **error)
{
    const char *path = ((const Write *)files->writes->pdata[*first])->path;
    g_autofree char *full = g_build_filename(folder, path, NULL);
    g_autoptr(GByteArray) content = g_byte_array_new();
    g_autoptr(GHashTable) writers =
        g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, writer_free);

    for (; *first < files->writes->len; ++*first) {
        const Write *write = files->writes->pdata[*first];

        if (strcmp(write->path, path) != 0)
            break;
        if ((write->offset >= 0 ? (uint64_t)write->offset : content->len) + write->length >
            FILE_MAX) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC,
                        "%s would be longer than %u bytes; write less to one file", path, FILE_MAX);
            return false;
        }
        put(content, write);
        if (write->offset < 0 && write->length > 0)
            note_write(record, writers, write);
    }
    return g_file_set_contents(full, (const char *)content->data, (gssize)content->len, error);
}

bool
ddp_text_files_finish(DdpTextFiles *files, const char *folder, DdpRunRecord *record, GError **error)
{
    g_ptr_array_sort(files->writes, compare_writes);
    for (guint i = 0; i < files->writes->len;) {
        if (!finish_file(files, &i, folder, record, error))
            return false;
    }
    g_ptr_array_set_size(files->writes, 0);
    return true;
}
