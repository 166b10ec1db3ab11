/* SPDX-License-Identifier: MIT */
#include "sim/world/topology.h"

#include <string.h>

#include "sim/world/error.h"

/* The named topologies, and a topology as text. */

#define KB 1e3
#define MB 1e6
#define GB 1e9
#define TERA 1e12

/*
 * Rates are those of the data sheets, in one direction and without overhead; real programs see
 * something like 70 to 90 percent of them. Latencies of GPUs are those of one step of a ring in
 * NCCL's own cost model (src/graph/tuning.cc, ring with protocol LL128): NVLink 1.9, PCIe 2.5,
 * network 4.0 µs. Those of TCP and of a laptop's memory stand in no data sheet: they are round
 * figures of the right size.
 */
static const struct {
    const char *name;
    DdpTopology topology;
} presets[] = {
    {"none", {.inter_links = 1}},

    /*
     * Eight H100 SXM. NVLink 4: 900 GB/s in both directions together; 67 TFLOP/s of float32 (H100
     * data sheet). A ConnectX-7 of 400 Gbit/s for each GPU (DGX H100 data sheet). Samsung PM9A3 in
     * M.2: 1.8 GB/s and 70,000 random writes a second (its data sheet).
     */
    {"hgx-h100",
     {.intra = {1900, 450 * GB},
      .inter = {4000, 50 * GB},
      .inter_links = 8,
      .flops_per_s = 67 * TERA,
      .disk = {14000, 1.8 * GB}}},

    /*
     * Eight A100. NVLink 3: 600 GB/s in both directions together; 19.5 TFLOP/s of float32 (A100
     * data sheet). A ConnectX-6 of 200 Gbit/s for each GPU (DGX A100 data sheet). The disk as
     * above.
     */
    {"dgx-a100",
     {.intra = {1900, 300 * GB},
      .inter = {4000, 25 * GB},
      .inter_links = 8,
      .flops_per_s = 19.5 * TERA,
      .disk = {14000, 1.8 * GB}}},

    /*
     * A10 cards: 31.2 TFLOP/s of float32, PCIe 4.0 with 16 lanes (A10 data sheet), of which each
     * carries 16 Gbit/s by 128b/130b: 31.5 GB/s. One Ethernet of 100 Gbit/s for all. The disk as
     * above.
     */
    {"pcie",
     {.intra = {2500, 31.5 * GB},
      .inter = {4000, 12.5 * GB},
      .inter_links = 1,
      .flops_per_s = 31.2 * TERA,
      .disk = {14000, 1.8 * GB}}},

    /*
     * A rank is a socket of a Xeon Gold 6148: 20 cores of 2 × 16 multiply-adds at the 1.6 GHz that
     * Intel grants to AVX-512, 2 TFLOP/s. Gloo over TCP: one Ethernet of 10 Gbit/s; within the node
     * through memory, a channel of DDR4-2666 (21.3 GB/s), read once and written once. SATA carries
     * 600 MB/s, of which drives use 500.
     */
    {"ethernet-10g",
     {.intra = {20000, 10 * GB},
      .inter = {50000, 1.25 * GB},
      .inter_links = 1,
      .flops_per_s = 2 * TERA,
      .disk = {50000, 500 * MB}}},

    /*
     * A rank is a core of an i7-1185G7: 16 multiply-adds at 3.0 GHz, 96 GFLOP/s; four share the
     * 68.3 GB/s of LPDDR4X-4267, two channels. Gigabit Ethernet. SATA as above.
     */
    {"laptop",
     {.intra = {1000, 17 * GB},
      .inter = {100000, 125 * MB},
      .inter_links = 1,
      .flops_per_s = 96 * GB,
      .disk = {50000, 500 * MB}}},
};

static const char *const names[] = {"none",         "hgx-h100", "dgx-a100", "pcie",
                                    "ethernet-10g", "laptop",   NULL};

G_STATIC_ASSERT(G_N_ELEMENTS(names) == G_N_ELEMENTS(presets) + 1);

const char *const *
ddp_topology_names(void)
{
    return names;
}

bool
ddp_topology_from_name(const char *name, DdpTopology *topology)
{
    for (size_t i = 0; i < G_N_ELEMENTS(presets); i++) {
        if (strcmp(presets[i].name, name) == 0) {
            *topology = presets[i].topology;
            return true;
        }
    }
    return false;
}

DdpTopology
ddp_topology_none(void)
{
    return presets[0].topology;
}

DdpTopology
ddp_topology_default(void)
{
    DdpTopology topology;
    bool found = ddp_topology_from_name("dgx-a100", &topology);

    g_assert(found);
    return topology;
}

/* ---- messages ------------------------------------------------------------------------ */

static bool fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool
fail(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    g_autofree char *text = g_strdup_vprintf(format, arguments);

    va_end(arguments);
    g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE, "topology: %s", text);
    return false;
}

#define NAME_BYTES_MAX 32

/*
 * Letters to add, drop, change or swap with the next, capitals apart; SIZE_MAX for what is too long
 * to be a slip.
 */
static size_t
edit_distance(const char *a, const char *b)
{
    size_t table[NAME_BYTES_MAX + 1][NAME_BYTES_MAX + 1];
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);

    if (a_length > NAME_BYTES_MAX || b_length > NAME_BYTES_MAX)
        return SIZE_MAX;
    for (size_t i = 0; i <= a_length; i++) {
        for (size_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                table[i][j] = i + j;
                continue;
            }

            char x = g_ascii_tolower(a[i - 1]);
            char y = g_ascii_tolower(b[j - 1]);
            size_t best = table[i - 1][j - 1] + (x == y ? 0 : 1);

            best = MIN(best, MIN(table[i - 1][j], table[i][j - 1]) + 1);
            if (i > 1 && j > 1 && x == g_ascii_tolower(b[j - 2]) && y == g_ascii_tolower(a[i - 2]))
                best = MIN(best, table[i - 2][j - 2] + 1);
            table[i][j] = best;
        }
    }
    return table[a_length][b_length];
}

/* The first of @known that is nearest to @name, if that may be a slip, else NULL. */
static const char *
nearest(const char *name, const char *const *known)
{
    size_t limit = MAX(strlen(name) / 3, (size_t)1) + 1;
    const char *best = NULL;

    for (size_t i = 0; known[i] != NULL; i++) {
        size_t distance = edit_distance(name, known[i]);

        if (distance < limit && distance < strlen(known[i])) {
            limit = distance;
            best = known[i];
        }
    }
    return best;
}

/* (transfer full): ", did you mean 'x'?", or what there is. */
static char *
advice(const char *name, const char *const *known, const char *otherwise)
{
    const char *near = nearest(name, known);
    g_autofree char *all = g_strjoinv(", ", (char **)known);

    return near != NULL ? g_strdup_printf(", did you mean '%s'?", near)
                        : g_strdup_printf("; %s %s", otherwise, all);
}

/* ---- numbers and units --------------------------------------------------------------- */

typedef struct {
    const char *name;
    double factor;
} Unit;

/* The largest first; ddp_topology_to_string() takes the first that fits. */
static const Unit times[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {NULL, 0}};
static const Unit rates[] = {{"TB/s", TERA}, {"GB/s", GB},       {"MB/s", MB},       {"kB/s", KB},
                             {"B/s", 1},     {"Gbit/s", GB / 8}, {"Mbit/s", MB / 8}, {NULL, 0}};
static const Unit speeds[] = {{"PFLOP/s", 1e15}, {"TFLOP/s", TERA}, {"GFLOP/s", GB},
                              {"MFLOP/s", MB},   {"FLOP/s", 1},     {NULL, 0}};

#define TIME_NS_MAX 1e12 /* 1000 s */
#define RATE_MAX 1e18

static const Unit *
find_unit(const Unit *units, const char *name)
{
    for (; units->name != NULL; units++) {
        if (strcmp(units->name, name) == 0)
            return units;
    }
    return NULL;
}

/* How many bytes of @text are a decimal number: 300, 2.5, 1e9. */
static size_t
number_length(const char *text)
{
    const char *at = text;

    if (!g_ascii_isdigit(*at))
        return 0;
    while (g_ascii_isdigit(*at))
        at++;
    if (at[0] == '.' && g_ascii_isdigit(at[1])) {
        at++;
        while (g_ascii_isdigit(*at))
            at++;
    }
    if ((at[0] == 'e' || at[0] == 'E') &&
        g_ascii_isdigit(at[at[1] == '+' || at[1] == '-' ? 2 : 1])) {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        while (g_ascii_isdigit(*at))
            at++;
    }
    return (size_t)(at - text);
}

/* One number with its unit, and how to speak of it. */
typedef struct {
    const char *field; /* "intra" */
    const char *text;  /* "300GB/s" */
    const char *unit;  /* in @text, what follows the number */
    double number;
} Amount;

static bool
amount_read(Amount *amount, const char *field, const char *text, const char *expected,
            GError **error)
{
    size_t length = number_length(text);

    *amount = (Amount){.field = field, .text = text};
    if (length == 0)
        return fail(error, "%s=%s, expected %s", field, text, expected);

    g_autofree char *number = g_strndup(text, length);

    amount->number = g_ascii_strtod(number, NULL);
    amount->unit = text + length;
    while (*amount->unit == ' ')
        amount->unit++;
    if (*amount->unit == '\0')
        return fail(error, "%s=%s has no unit, expected %s", field, text, expected);
    return true;
}

static bool
fail_unit(const Amount *amount, const Unit *units, const Unit *more, GError **error)
{
    const char *known[16];
    size_t count = 0;

    for (; units->name != NULL; units++)
        known[count++] = units->name;
    for (; more != NULL && more->name != NULL; more++)
        known[count++] = more->name;
    known[count] = NULL;

    g_autofree char *hint = advice(amount->unit, known, "expected one of");

    return fail(error, "%s=%s: unit '%s' is unknown%s", amount->field, amount->text, amount->unit,
                hint);
}

/* A rate or a speed in units of one a second. */
static bool
amount_rate(const Amount *amount, const Unit *unit, double *rate, GError **error)
{
    double value = amount->number * unit->factor;

    if (!(value >= 1.0 && value <= RATE_MAX))
        return fail(error, "%s=%s is out of range, expected 1 to 1e18 a second, or free",
                    amount->field, amount->text);
    *rate = value;
    return true;
}

static bool
amount_time(const Amount *amount, const Unit *unit, int64_t *time_ns, GError **error)
{
    double value = amount->number * unit->factor;

    if (!(value <= TIME_NS_MAX))
        return fail(error, "%s=%s is out of range, expected 0 to 1000s", amount->field,
                    amount->text);
    *time_ns = (int64_t)(value + 0.5);
    return true;
}

/* ---- fields -------------------------------------------------------------------------- */

#define LINKS_MAX 1024

/* The "8x" of "8x25GB/s": moves *@text behind it. Without one *@links stays as it is. */
static bool
read_links(const char *field, const char **text, int *links, GError **error)
{
    const char *at = *text;
    int64_t count = 0;

    for (; g_ascii_isdigit(*at); at++) {
        if (count <= LINKS_MAX)
            count = 10 * count + (*at - '0');
    }
    if (at == *text || *at != 'x' || !g_ascii_isdigit(at[1]))
        return true;
    if (count < 1 || count > LINKS_MAX)
        return fail(error, "%s=%s: the number of links is out of range, expected 1 to %d", field,
                    *text, LINKS_MAX);
    *links = (int)count;
    *text = at + 1;
    return true;
}

/* "300GB/s,2us"; @links (nullable) is where a count of links may go. */
static bool
read_link(const char *field, const char *value, DdpLink *link, int *links, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    bool has_rate = false;
    bool has_latency = false;

    for (int i = 0; parts[i] != NULL; i++) {
        const char *text = g_strstrip(parts[i]);
        int count = 1;
        Amount amount;

        if (links != NULL && !read_links(field, &text, &count, error))
            return false;
        if (!amount_read(&amount, field, text,
                         "a rate such as 300GB/s, a latency such as 2us, or "
                         "both",
                         error))
            return false;

        const Unit *rate = find_unit(rates, amount.unit);
        const Unit *time = find_unit(times, amount.unit);

        if (rate == NULL && time == NULL)
            return fail_unit(&amount, rates, times, error);
        if (rate != NULL ? has_rate : has_latency)
            return fail(error, "%s=%s gives two %s", field, value,
                        rate != NULL ? "rates" : "latencies");
        if (rate == NULL) {
            has_latency = true;
            if (text != parts[i])
                return fail(error,
                            "%s=%s: a number of links stands before the rate, as in 8x25GB/s",
                            field, value);
            if (!amount_time(&amount, time, &link->latency_ns, error))
                return false;
            continue;
        }
        has_rate = true;
        if (!amount_rate(&amount, rate, &link->bytes_per_s, error))
            return false;
        if (links != NULL)
            *links = count;
    }
    return true;
}

static bool
read_speed(const char *field, const char *value, double *speed, GError **error)
{
    Amount amount;

    if (!amount_read(&amount, field, value, "a speed such as 60TFLOP/s", error))
        return false;

    const Unit *unit = find_unit(speeds, amount.unit);

    return unit != NULL ? amount_rate(&amount, unit, speed, error)
                        : fail_unit(&amount, speeds, NULL, error);
}

static const char *const fields[] = {"intra", "inter", "compute", "disk", NULL};

enum {
    FIELD_INTRA,
    FIELD_INTER,
    FIELD_COMPUTE,
    FIELD_DISK,
    FIELD_COUNT,
};

static bool
read_field(DdpTopology *topology, int field, const char *value, GError **error)
{
    const char *name = fields[field];
    bool is_free = strcmp(value, "free") == 0;

    if (*value == '\0')
        return fail(error, "%s has no value", name);
    if (field == FIELD_COMPUTE) {
        topology->flops_per_s = 0.0;
        return is_free || read_speed(name, value, &topology->flops_per_s, error);
    }

    DdpLink *link = field == FIELD_INTRA   ? &topology->intra
                    : field == FIELD_INTER ? &topology->inter
                                           : &topology->disk;

    if (is_free) {
        *link = (DdpLink){0};
        return true;
    }
    return read_link(name, value, link, field == FIELD_INTER ? &topology->inter_links : NULL,
                     error);
}

/* One part between semicolons. @seen: the fields that there were before. */
static bool
read_part(DdpTopology *topology, char *part, bool is_first, bool *seen, GError **error)
{
    char *equals = strchr(part, '=');

    if (equals == NULL) {
        if (is_first && ddp_topology_from_name(part, topology))
            return true;
        if (*part == '\0')
            return fail(error, "a part is empty; expected none, a preset's name or a field such as "
                               "intra=300GB/s,2us");
        if (!is_first)
            return fail(error, "'%s' is no field; only the first part is a preset's name", part);

        g_autofree char *hint =
            advice(part, names, "expected a field such as intra=300GB/s,2us, or one of");

        return fail(error, "'%s' is unknown%s", part, hint);
    }

    *equals = '\0';

    const char *name = g_strchomp(part);
    int field = 0;

    while (field < FIELD_COUNT && strcmp(fields[field], name) != 0)
        field++;
    if (field == FIELD_COUNT) {
        g_autofree char *hint = advice(name, fields, "its fields are");

        return fail(error, "unknown field '%s'%s", name, hint);
    }
    if (seen[field])
        return fail(error, "%s is given twice", name);
    seen[field] = true;
    return read_field(topology, field, g_strchug(equals + 1), error);
}

bool
ddp_topology_parse(const char *text, DdpTopology *topology, GError **error)
{
    DdpTopology read = ddp_topology_default();
    g_auto(GStrv) parts = g_strsplit(*text != '\0' ? text : " ", ";", -1);
    bool seen[FIELD_COUNT] = {false};

    for (int i = 0; parts[i] != NULL; i++) {
        if (!read_part(&read, g_strstrip(parts[i]), i == 0, seen, error))
            return false;
    }
    *topology = read;
    return true;
}

/* ---- writing ------------------------------------------------------------------------- */

static void
write_time(GString *text, int64_t time_ns)
{
    const Unit *unit = times;

    while (time_ns % (int64_t)unit->factor != 0)
        unit++;
    g_string_append_printf(text, "%" G_GINT64_FORMAT "%s", time_ns / (int64_t)unit->factor,
                           unit->name);
}

/* In the largest unit in which a short number says it exactly; in the last one it always does. */
static void
write_rate(GString *text, double rate, const Unit *units)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    for (; units->factor > 1.0; units++) {
        g_ascii_formatd(number, sizeof number, "%.15g", rate / units->factor);
        if (rate >= units->factor && number_length(number) == strlen(number) &&
            g_ascii_strtod(number, NULL) * units->factor == rate)
            break;
    }
    if (!(units->factor > 1.0))
        g_ascii_formatd(number, sizeof number, "%.17g", rate);
    g_string_append_printf(text, "%s%s", number, units->name);
}

static void
write_link(GString *text, const char *field, const DdpLink *link, int links)
{
    if (link->latency_ns == 0 && !(link->bytes_per_s > 0.0))
        return;
    g_string_append_printf(text, ";%s=", field);
    if (link->bytes_per_s > 0.0) {
        if (links > 1)
            g_string_append_printf(text, "%dx", links);
        write_rate(text, link->bytes_per_s, rates);
        if (link->latency_ns != 0)
            g_string_append_c(text, ',');
    }
    if (link->latency_ns != 0)
        write_time(text, link->latency_ns);
}

static bool
link_equal(const DdpLink *a, const DdpLink *b)
{
    return a->latency_ns == b->latency_ns && a->bytes_per_s == b->bytes_per_s;
}

static bool
topology_equal(const DdpTopology *a, const DdpTopology *b)
{
    return link_equal(&a->intra, &b->intra) && link_equal(&a->inter, &b->inter) &&
           link_equal(&a->disk, &b->disk) && a->flops_per_s == b->flops_per_s &&
           (MAX(a->inter_links, 1) == MAX(b->inter_links, 1) || !(a->inter.bytes_per_s > 0.0));
}

char *
ddp_topology_to_string(const DdpTopology *topology)
{
    for (size_t i = 0; i < G_N_ELEMENTS(presets); i++) {
        if (topology_equal(topology, &presets[i].topology))
            return g_strdup(presets[i].name);
    }

    GString *text = g_string_new("none");

    write_link(text, fields[FIELD_INTRA], &topology->intra, 1);
    write_link(text, fields[FIELD_INTER], &topology->inter, topology->inter_links);
    if (topology->flops_per_s > 0.0) {
        g_string_append_printf(text, ";%s=", fields[FIELD_COMPUTE]);
        write_rate(text, topology->flops_per_s, speeds);
    }
    write_link(text, fields[FIELD_DISK], &topology->disk, 1);
    return g_string_free(text, FALSE);
}
