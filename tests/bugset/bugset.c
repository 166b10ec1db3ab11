/* SPDX-License-Identifier: MIT */
/* From a difference with slots and marks to the text of a scenario file. */
#include "tests/bugset/bugset.h"

#include <string.h>

/* What a small program may need: one that hangs after all does not hold the others up. */
#define STEPS 3000000

struct Bugset {
    GPtrArray *programs; /* of BugsetProgram */
    GStringChunk *texts;
};

static void
program_free(void *program_)
{
    BugsetProgram *program = program_;

    g_free((void *)program->spec);
    g_array_unref(program->lines);
    g_free(program);
}

Bugset *
bugset_new(void)
{
    Bugset *set = g_new0(Bugset, 1);

    set->programs = g_ptr_array_new_with_free_func(program_free);
    set->texts = g_string_chunk_new(64 << 10);
    return set;
}

void
bugset_free(Bugset *set)
{
    if (set == NULL)
        return;
    g_ptr_array_unref(set->programs);
    g_string_chunk_free(set->texts);
    g_free(set);
}

guint
bugset_count(const Bugset *set)
{
    return set->programs->len;
}

const BugsetProgram *
bugset_program(const Bugset *set, guint index)
{
    return set->programs->pdata[index];
}

const char *
bugset_text(Bugset *set, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return g_string_chunk_insert_const(set->texts, text);
}

/* ---- ranks ---- */

uint32_t
bugset_everybody(int size)
{
    return (UINT32_C(1) << size) - 1;
}

uint32_t
bugset_fewer(uint32_t few, int size)
{
    int count = 0;

    for (int rank = 0; rank < size; rank++)
        count += (few >> rank & 1) != 0;
    if (2 * count == size)
        return 0;
    return 2 * count < size ? few : bugset_everybody(size) & ~few;
}

/* ---- calls ---- */

static const char *const kind_names[BUGSET_KIND_COUNT] = {
    "all_reduce", "all_gather", "all_gather_object", "broadcast",  "broadcast_object", "reduce",
    "gather",     "scatter",    "reduce_scatter",    "all_to_all", "barrier",
};

const char *
bugset_kind_name(BugsetKind kind)
{
    return kind_names[kind];
}

bool
bugset_kind_reduces(BugsetKind kind)
{
    return kind == BUGSET_ALL_REDUCE || kind == BUGSET_REDUCE || kind == BUGSET_REDUCE_SCATTER;
}

bool
bugset_kind_has_root(BugsetKind kind)
{
    return kind == BUGSET_BROADCAST || kind == BUGSET_BROADCAST_OBJECT || kind == BUGSET_REDUCE ||
           kind == BUGSET_GATHER || kind == BUGSET_SCATTER;
}

bool
bugset_kind_has_tensor(BugsetKind kind)
{
    return kind != BUGSET_ALL_GATHER_OBJECT && kind != BUGSET_BROADCAST_OBJECT &&
           kind != BUGSET_BARRIER;
}

bool
bugset_kind_can_wait(BugsetKind kind)
{
    return kind != BUGSET_ALL_GATHER_OBJECT && kind != BUGSET_BROADCAST_OBJECT &&
           kind != BUGSET_SCATTER;
}

static void
add_option(GString *options, const char *format, const char *value)
{
    if (value == NULL)
        return;
    g_string_append(options, options->len > 0 ? ", " : "");
    g_string_append_printf(options, format, value);
}

static char *
option_text(const BugsetCall *how)
{
    GString *options = g_string_new(NULL);

    add_option(options, "op = \"%s\"", how->op);
    add_option(options, "group = %s", how->group);
    add_option(options, "name = %s", how->name);
    add_option(options, "async_op = %s", how->async ? "true" : NULL);
    if (options->len > 0) {
        g_string_prepend(options, "{ ");
        g_string_append(options, " }");
    }
    return g_string_free(options, FALSE);
}

/* The list that scatter, reduce_scatter and all_to_all take: a piece for each member. */
static char *
list_text(const BugsetCall *how, const char *tensor)
{
    if (how->list != NULL)
        return g_strdup(how->list);
    if (how->group != NULL)
        return g_strdup_printf("pieces(%s, %s:size())", tensor, how->group);
    return g_strdup_printf("pieces(%s)", tensor);
}

const char *
bugset_call(Bugset *set, BugsetKind kind, const BugsetCall *how)
{
    static const BugsetCall usual;

    if (how == NULL)
        how = &usual;

    g_autofree char *options = option_text(how);
    const char *comma = *options != '\0' ? ", " : "";
    const char *tensor = how->tensor != NULL ? how->tensor : "t";
    const char *object = how->object != NULL ? how->object : "{ r, \"state\" }";
    const char *root = how->root != NULL ? how->root : "0";
    const char *name = kind_names[kind];
    g_autofree char *list = list_text(how, tensor);

    switch (kind) {
    case BUGSET_ALL_REDUCE:
    case BUGSET_ALL_GATHER:
        return bugset_text(set, "dist.%s(%s%s%s)", name, tensor, comma, options);
    case BUGSET_ALL_GATHER_OBJECT:
        return bugset_text(set, "dist.%s(%s%s%s)", name, object, comma, options);
    case BUGSET_BROADCAST:
    case BUGSET_REDUCE:
    case BUGSET_GATHER:
        return bugset_text(set, "dist.%s(%s, %s%s%s)", name, tensor, root, comma, options);
    case BUGSET_BROADCAST_OBJECT:
        return bugset_text(set, "dist.%s(%s, %s%s%s)", name, object, root, comma, options);
    case BUGSET_SCATTER:
        return bugset_text(set, "dist.%s(r == %s and %s or nil, %s%s%s)", name, root, list, root,
                           comma, options);
    case BUGSET_REDUCE_SCATTER:
    case BUGSET_ALL_TO_ALL:
        return bugset_text(set, "dist.%s(%s%s%s)", name, list, comma, options);
    case BUGSET_BARRIER:
        return bugset_text(set, "dist.barrier(%s)", options);
    }
    g_assert_not_reached();
}

/* ---- writing ---- */

typedef struct {
    GString *text;
    int line; /* the one being written, from 1 */
} Writer;

static void write_line(Writer *writer, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
write_line(Writer *writer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_string_append_vprintf(writer->text, format, arguments);
    va_end(arguments);
    g_string_append_c(writer->text, '\n');
    writer->line++;
}

static const char *
slot_value(const BugsetSpec *spec, const char *key, size_t length)
{
    for (int i = 0; spec->slots[i] != NULL; i += 2) {
        if (strlen(spec->slots[i]) == length && strncmp(spec->slots[i], key, length) == 0)
            return spec->slots[i + 1];
    }
    g_error("%s/%s: there is no slot $%.*s", spec->family, spec->name, (int)length, key);
}

/* (transfer full): @text with the values of its slots. */
static char *
fill_slots(const BugsetSpec *spec, const char *text)
{
    GString *filled = g_string_new(NULL);

    while (*text != '\0') {
        size_t length = 0;

        if (*text != '$') {
            g_string_append_c(filled, *text++);
            continue;
        }
        text++;
        while (g_ascii_isalnum(text[length]))
            length++;
        g_string_append(filled, slot_value(spec, text, length));
        text += length;
    }
    return g_string_free(filled, FALSE);
}

/* Cuts the mark off the end of @line; true if there was one. */
static bool
cut_mark(char *line)
{
    size_t length = strlen(line);

    if (length < 3 || !g_ascii_isupper(line[length - 1]) || line[length - 2] != '@' ||
        line[length - 3] != ' ')
        return false;
    line[length - 3] = '\0';
    return true;
}

/* One variant: the lines of @body without those of the sign of the other one. */
static void
write_variant(Writer *writer, const BugsetSpec *spec, bool right, GArray *lines)
{
    g_auto(GStrv) body = g_strsplit(spec->body, "\n", -1);

    write_line(writer, "    { name = \"%s\",", right ? "right" : "wrong");
    write_line(writer, "      main = function()");
    write_line(writer, "        local r, p = dist.get_rank(), dist.get_world_size()");
    write_line(writer, "        local t = torch.ones(4)");
    for (int i = 0; body[i] != NULL; i++) {
        char sign = body[i][0];

        if (sign == '\0' || sign == (right ? '-' : '+'))
            continue;
        g_assert(strchr(" +-", sign) != NULL);
        if (cut_mark(body[i]) && lines != NULL)
            g_array_append_val(lines, writer->line);

        g_autofree char *code = fill_slots(spec, body[i] + 1);

        write_line(writer, "        %s", code);
    }
    write_line(writer, "      end },");
}

static bool
is_wrong(const BugsetSpec *spec)
{
    return spec->classes[0] != NULL || spec->finding != NULL;
}

static void
write_expectation(Writer *writer, const BugsetSpec *spec, const GArray *lines)
{
    GString *text = g_string_new("-- ");

    if (!is_wrong(spec)) {
        g_string_append(text, "right: nothing may be said");
    } else {
        g_string_append(text, "wrong has to be called:");
        for (int i = 0; i < (int)G_N_ELEMENTS(spec->classes) && spec->classes[i] != NULL; i++)
            g_string_append_printf(text, " %s", spec->classes[i]);
        if (spec->finding != NULL)
            g_string_append_printf(text, " %s", spec->finding);
        g_string_append(text, "; lines:");
        for (guint i = 0; i < lines->len; i++)
            g_string_append_printf(text, " %d", g_array_index(lines, int, i));
        g_string_append(text, "; blamed:");
        if (spec->blamed == BUGSET_ANYBODY)
            g_string_append(text, " open");
        else if (spec->blamed == 0)
            g_string_append(text, " nobody");
        for (int rank = 0; spec->blamed != BUGSET_ANYBODY && rank < spec->size; rank++) {
            if ((spec->blamed >> rank & 1) != 0)
                g_string_append_printf(text, " %d", rank);
        }
    }
    write_line(writer, "%s", text->str);
    g_string_free(text, TRUE);
}

static char *
write_file(const BugsetSpec *spec, GArray *lines)
{
    Writer writer = {g_string_new(NULL), 1};
    const char *backend = spec->backend != NULL ? spec->backend : "nccl";

    write_line(&writer, "local function pieces(t, n)");
    write_line(&writer, "  local list = {}");
    write_line(&writer, "  for i = 1, n or dist.get_world_size() do list[i] = t:clone() end");
    write_line(&writer, "  return list");
    write_line(&writer, "end");
    write_line(&writer, "return {");
    write_line(&writer, "  title = \"%s/%s\",", spec->family, spec->name);
    write_line(&writer, "  world = { size = %d, backend = \"%s\" },", spec->size, backend);
    write_line(&writer, "  limits = { steps = %d },", spec->steps > 0 ? spec->steps : STEPS);
    write_line(&writer, "  variants = {");
    if (is_wrong(spec))
        write_variant(&writer, spec, false, lines);
    write_variant(&writer, spec, true, NULL);
    write_line(&writer, "  },");
    write_line(&writer, "}");
    write_expectation(&writer, spec, lines);
    return g_string_free(writer.text, FALSE);
}

void
bugset_add(Bugset *set, const BugsetSpec *spec)
{
    BugsetProgram *program = g_new0(BugsetProgram, 1);
    g_autofree char *text = NULL;

    g_assert(spec->size <= BUGSET_SIZE_MAX);
    program->spec = g_memdup2(spec, sizeof *spec);
    program->file = bugset_text(set, "%s-%s-%s-%d.lua", spec->family, spec->name,
                                spec->backend != NULL ? spec->backend : "nccl", spec->size);
    program->lines = g_array_new(FALSE, FALSE, sizeof(int));
    text = write_file(spec, program->lines);
    program->text = g_string_chunk_insert(set->texts, text);
    g_ptr_array_add(set->programs, program);
}

/* ---- shapes ---- */

static uint32_t
blame(BugsetWho who, int odd, int size)
{
    switch (who) {
    case BUGSET_WHO_ODD:
        return bugset_fewer(UINT32_C(1) << odd, size);
    case BUGSET_WHO_FIRST:
        return bugset_fewer(1, size);
    case BUGSET_WHO_LAST:
        return bugset_fewer(UINT32_C(1) << (size - 1), size);
    case BUGSET_WHO_EVEN:
        return bugset_fewer(UINT32_C(0x55) & bugset_everybody(size), size);
    case BUGSET_WHO_NOBODY:
        return 0;
    case BUGSET_WHO_ANY:
        return BUGSET_ANYBODY;
    case BUGSET_WHO_EXACTLY_ODD:
        return UINT32_C(1) << odd;
    case BUGSET_WHO_EXACTLY_FIRST:
        return 1;
    case BUGSET_WHO_EXACTLY_LAST:
        return UINT32_C(1) << (size - 1);
    case BUGSET_WHO_EVERYBODY:
        return bugset_everybody(size);
    }
    g_assert_not_reached();
}

static void
add_shape(Bugset *set, const char *family, const BugsetShape *shape, BugsetKind kind, bool plain,
          int size, int odd)
{
    const BugsetCall on_x = {.tensor = "x"}, in_group = {.group = "g"}, begun = {.async = true};
    const BugsetCall begun_on_x = {.tensor = "x", .async = true};
    BugsetKind other = kind == BUGSET_BARRIER ? BUGSET_ALL_REDUCE : BUGSET_BARRIER;
    BugsetSpec spec = {
        .family = family,
        .name =
            plain ? shape->name : bugset_text(set, "%s-%s", shape->name, bugset_kind_name(kind)),
        .size = size,
        .backend = shape->backend,
        .steps = shape->steps,
        .body = shape->body,
        .slots = {"odd", bugset_text(set, "%d", odd), "call", bugset_call(set, kind, NULL), "callx",
                  bugset_call(set, kind, &on_x), "callg", bugset_call(set, kind, &in_group),
                  "begin", bugset_call(set, kind, &begun), "beginx",
                  bugset_call(set, kind, &begun_on_x), "other", bugset_call(set, other, NULL)},
        .finding = shape->finding,
        .outcome = shape->outcome,
        .blamed = blame(shape->who, odd, size),
    };

    memcpy(spec.classes, shape->classes, sizeof spec.classes);
    bugset_add(set, &spec);
}

void
bugset_add_shapes(Bugset *set, const char *family, const BugsetShape *shapes, int shape_count,
                  const BugsetKind *kinds, int kind_count)
{
    static const int sizes[] = BUGSET_ALL_SIZES;

    for (int s = 0; s < shape_count; s++) {
        for (int k = 0; k < kind_count; k++) {
            for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
                if (sizes[i] >= shapes[s].size_min)
                    add_shape(set, family, &shapes[s], kinds[k], kind_count == 1, sizes[i],
                              (s + k) % sizes[i]);
            }
        }
    }
}
