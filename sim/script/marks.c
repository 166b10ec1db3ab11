/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "sim/script/error.h"
#include "sim/script/expect.h"

typedef struct {
    char *name;
    int line;
} Mark;

struct DdpMarks {
    GArray *marks; /* of Mark; few, so they are searched one by one */
};

static void
mark_clear(void *mark)
{
    g_free(((Mark *)mark)->name);
}

/* The name in "code -- @name" with @length bytes; NULL if the line ends otherwise. */
static char *
name_of_line(const char *line, size_t length)
{
    while (length > 0 && g_ascii_isspace(line[length - 1]))
        length--;

    size_t begin = length;

    while (begin > 0 && (g_ascii_isalnum(line[begin - 1]) || strchr("_-", line[begin - 1]) != NULL))
        begin--;
    if (begin == length || begin == 0 || line[begin - 1] != '@')
        return NULL;

    size_t dashes = begin - 1;

    while (dashes > 0 && (line[dashes - 1] == ' ' || line[dashes - 1] == '\t'))
        dashes--;
    if (dashes < 2 || line[dashes - 1] != '-' || line[dashes - 2] != '-')
        return NULL;
    return g_strndup(line + begin, length - begin);
}

DdpMarks *
ddp_marks_read(const char *source_text, GError **error)
{
    g_return_val_if_fail(source_text != NULL, NULL);

    g_autoptr(DdpMarks) marks = g_new0(DdpMarks, 1);
    const char *at = source_text;

    marks->marks = g_array_new(FALSE, FALSE, sizeof(Mark));
    g_array_set_clear_func(marks->marks, mark_clear);
    for (int line = 1; *at != '\0'; line++) {
        size_t length = strcspn(at, "\n");
        char *name = name_of_line(at, length);
        int before = name != NULL ? ddp_marks_line(marks, name) : 0;

        if (before > 0) {
            g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                        "line %d: the mark @%s stands at line %d already", line, name, before);
            g_free(name);
            return NULL;
        }
        if (name != NULL) {
            Mark mark = {name, line};

            g_array_append_val(marks->marks, mark);
        }
        at += length + (at[length] == '\n' ? 1 : 0);
    }
    return g_steal_pointer(&marks);
}

void
ddp_marks_free(DdpMarks *marks)
{
    if (marks == NULL)
        return;

    g_array_unref(marks->marks);
    g_free(marks);
}

int
ddp_marks_line(const DdpMarks *marks, const char *name)
{
    g_return_val_if_fail(marks != NULL && name != NULL, 0);

    for (guint i = 0; i < marks->marks->len; i++) {
        const Mark *mark = &g_array_index(marks->marks, Mark, i);

        if (strcmp(mark->name, name) == 0)
            return mark->line;
    }
    return 0;
}
