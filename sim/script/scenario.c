/* SPDX-License-Identifier: MIT */
#include "sim/script/scenario.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "sim/script/args.h"
#include "sim/script/error.h"
#include "sim/script/scenario_private.h"
#include "sim/world/topology.h"

#define FILE_BYTES_MAX (4 << 20)
#define VARIANTS_MAX 256

/* ---- fields of the scenario's table ---- */

static const char *const scenario_keys[] = {"title", "lesson", "why",      "fix",
                                            "real",  "tags",   "world",    "params",
                                            "small", "limits", "variants", NULL};
static const char *const variant_keys[] = {"name", "fixes", "main", "expect", "world", NULL};
static const char *const world_keys[] = {"size", "nodes",    "nproc_per_node", "engine",  "backend",
                                         "seed", "schedule", "topology",       "timeout", "debug",
                                         NULL};
static const char *const topology_keys[] = {"preset", "intra", "inter", "compute", "disk", NULL};

static bool bad_value(GError **error, const DdpScenario *scenario, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static bool
bad_value(GError **error, const DdpScenario *scenario, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    g_autofree char *text = g_strdup_vprintf(format, arguments);

    va_end(arguments);
    g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE, "%s: %s", scenario->path,
                text);
    return false;
}

/*
 * The table is somebody else's: fields are read raw, so no metamethod of it runs here, where no
 * pcall is around us.
 */
static int
push_field(lua_State *L, int index, const char *name)
{
    index = lua_absindex(L, index);
    lua_pushstring(L, name);
    return lua_rawget(L, index);
}

/* Every key of the table at @index must be in @names; of several wrong ones the smallest is told.
 */
static bool
check_keys(const DdpScenario *scenario, lua_State *L, int index, const char *where,
           const char *const *names, GError **error)
{
    const char *wrong = NULL;

    index = lua_absindex(L, index);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING) {
            bad_value(error, scenario, "%s: expected named fields, found a %s as key", where,
                      luaL_typename(L, -1));
            lua_pop(L, 1);
            return false;
        }

        const char *key = lua_tostring(L, -1);

        if (!g_strv_contains(names, key) && (wrong == NULL || strcmp(key, wrong) < 0))
            wrong = key;
    }
    if (wrong == NULL)
        return true;

    const char *nearest = ddp_args_nearest(wrong, names);

    if (nearest != NULL)
        return bad_value(error, scenario, "%s: unknown field '%s', did you mean '%s'?", where,
                         wrong, nearest);

    g_autofree char *all = g_strjoinv(", ", (char **)names);

    return bad_value(error, scenario, "%s: unknown field '%s'; its fields are %s", where, wrong,
                     all);
}

/* Reads a string field; absent leaves NULL. */
static bool
read_string(const DdpScenario *scenario, lua_State *L, int index, const char *where,
            const char *name, char **value, GError **error)
{
    push_field(L, index, name);
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING) {
        bad_value(error, scenario, "%s.%s is a %s, expected a string", where, name,
                  luaL_typename(L, -1));
        lua_pop(L, 1);
        return false;
    }
    if (lua_type(L, -1) == LUA_TSTRING) {
        g_free(*value);
        *value = g_utf8_make_valid(lua_tostring(L, -1), -1);
    }
    lua_pop(L, 1);
    return true;
}

/* Reads a whole number from @min to @max; absent leaves *@value as it is. */
static bool
read_integer(const DdpScenario *scenario, lua_State *L, int index, const char *where,
             const char *name, int64_t min, int64_t max, int64_t *value, bool *found,
             GError **error)
{
    int is_integer = 0;

    push_field(L, index, name);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return true;
    }

    int64_t read = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &is_integer) : 0;

    if (!is_integer || read < min || read > max) {
        if (lua_type(L, -1) == LUA_TNUMBER)
            bad_value(error, scenario,
                      "%s.%s is %s, expected a whole number from %" G_GINT64_FORMAT
                      " to %" G_GINT64_FORMAT,
                      where, name, lua_tostring(L, -1), min, max);
        else
            bad_value(error, scenario, "%s.%s is a %s, expected a whole number", where, name,
                      luaL_typename(L, -1));
        lua_pop(L, 1);
        return false;
    }
    lua_pop(L, 1);
    *value = read;
    if (found != NULL)
        *found = true;
    return true;
}

/* Reads the `timeout` field of the table at @index, in seconds; absent leaves it as it is. */
static bool
read_timeout(const DdpScenario *scenario, lua_State *L, int index, const char *where,
             double *seconds, GError **error)
{
    int type = push_field(L, index, "timeout");
    double value = lua_tonumber(L, -1);
    bool ok = type == LUA_TNIL || (type == LUA_TNUMBER && value > 0 && value <= 1e9);

    if (!ok)
        bad_value(error, scenario, "%s.timeout is %s, expected seconds above 0, up to 1e9", where,
                  luaL_tolstring(L, -1, NULL));
    else if (type == LUA_TNUMBER)
        *seconds = value;
    lua_settop(L, index);
    return ok;
}

/* (transfer full): the table on top as ddp_topology_parse() wants it, "preset;intra=...". */
static char *
topology_text(const DdpScenario *scenario, lua_State *L, const char *where, GError **error)
{
    int table = lua_gettop(L);
    g_autoptr(GString) text = g_string_new(NULL);
    bool is_given = false;

    if (!check_keys(scenario, L, table, where, topology_keys, error))
        return NULL;
    for (int i = 0; topology_keys[i] != NULL; i++) {
        g_autofree char *value = NULL;

        if (!read_string(scenario, L, table, where, topology_keys[i], &value, error))
            return NULL;
        if (value == NULL)
            continue;
        if (is_given)
            g_string_append_c(text, ';');
        if (i > 0)
            g_string_append_printf(text, "%s=", topology_keys[i]);
        g_string_append(text, value);
        is_given = true;
    }
    if (is_given)
        return g_strdup(text->str);

    DdpTopology topology = ddp_topology_default();

    return ddp_topology_to_string(&topology);
}

/* Reads the `topology` field of the table at @index, a text or a table of texts; absent leaves
 * *@value. */
static bool
read_topology(const DdpScenario *scenario, lua_State *L, int index, const char *where, char **value,
              GError **error)
{
    g_autofree char *name = g_strconcat(where, ".topology", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) reason = NULL;
    DdpTopology topology;
    int top = lua_gettop(L);
    int type = push_field(L, index, "topology");

    if (type == LUA_TTABLE)
        text = topology_text(scenario, L, name, error);
    else if (type == LUA_TSTRING)
        text = g_utf8_make_valid(lua_tostring(L, -1), -1);
    else if (type != LUA_TNIL)
        bad_value(error, scenario,
                  "%s is a %s, expected a name such as \"pcie\" or a table such as "
                  "{ intra = \"300GB/s,2us\" }",
                  name, lua_typename(L, type));
    lua_settop(L, top);
    if (text == NULL)
        return type == LUA_TNIL;
    if (!ddp_topology_parse(text, &topology, &reason))
        return bad_value(error, scenario, "%s: %s", where, reason->message);
    g_free(*value);
    *value = g_steal_pointer(&text);
    return true;
}

/* Reads the `world` field of the table at @index over what *@fields hold. */
static bool
read_world(const DdpScenario *scenario, lua_State *L, int index, const char *where,
           DdpWorldFields *fields, GError **error)
{
    int64_t size = fields->size, nodes = fields->nodes, per_node = fields->nproc_per_node;
    int64_t seed = (int64_t)fields->seed;
    int64_t ranks_max = scenario->limits.ranks;

    push_field(L, index, "world");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return true;
    }
    if (!lua_istable(L, -1)) {
        bad_value(error, scenario, "%s is a %s, expected a table such as { size = 4 }", where,
                  luaL_typename(L, -1));
        lua_pop(L, 1);
        return false;
    }

    int world = lua_gettop(L);
    bool ok = check_keys(scenario, L, world, where, world_keys, error) &&
              read_integer(scenario, L, world, where, "size", 1, ranks_max, &size, NULL, error) &&
              read_integer(scenario, L, world, where, "nodes", 1, ranks_max, &nodes, NULL, error) &&
              read_integer(scenario, L, world, where, "nproc_per_node", 1, ranks_max, &per_node,
                           NULL, error) &&
              read_integer(scenario, L, world, where, "seed", 0, INT64_MAX, &seed,
                           &fields->has_seed, error) &&
              read_string(scenario, L, world, where, "engine", &fields->engine, error) &&
              read_string(scenario, L, world, where, "backend", &fields->backend, error) &&
              read_string(scenario, L, world, where, "debug", &fields->debug, error) &&
              read_string(scenario, L, world, where, "schedule", &fields->schedule, error) &&
              read_topology(scenario, L, world, where, &fields->topology, error) &&
              read_timeout(scenario, L, world, where, &fields->timeout, error);

    lua_settop(L, world - 1);
    fields->size = (int)size;
    fields->nodes = (int)nodes;
    fields->nproc_per_node = (int)per_node;
    fields->seed = (uint64_t)seed;
    return ok;
}

static bool
read_limits(DdpScenario *scenario, lua_State *L, int index, GError **error)
{
    const char *const *names = ddp_limits_names();
    bool ok = true;

    push_field(L, index, "limits");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return true;
    }
    if (!lua_istable(L, -1)) {
        bad_value(error, scenario, "limits is a %s, expected a table such as { steps = 1e6 }",
                  luaL_typename(L, -1));
        lua_pop(L, 1);
        return false;
    }

    int limits = lua_gettop(L);

    ok = check_keys(scenario, L, limits, "limits", names, error);
    for (int i = 0; ok && names[i] != NULL; i++) {
        int64_t *field = ddp_limits_field(&scenario->limits, names[i]);
        int64_t value = *field;

        ok = read_integer(scenario, L, limits, "limits", names[i], 1, INT64_MAX, &value, NULL,
                          error);
        if (ok && value > *field)
            ok = bad_value(error, scenario,
                           "limits.%s is %" G_GINT64_FORMAT ", above the %" G_GINT64_FORMAT
                           " in force; a scenario may only lower a limit, --limit %s=... raises it",
                           names[i], value, *field, names[i]);
        *field = value;
    }
    scenario->limits.ranks_forked = MIN(scenario->limits.ranks_forked, scenario->limits.ranks);
    lua_settop(L, limits - 1);
    return ok;
}

static void
variant_free(void *variant_)
{
    DdpVariant *variant = variant_;

    g_free(variant->name);
    g_free(variant->folder);
    g_free(variant->fixes);
    g_free(variant);
}

/* A name that somebody else chose, as the name of one folder. */
static char *
folder_name(const char *name)
{
    char *folder = g_strndup(name, 64);

    for (char *at = folder; *at != '\0'; at++) {
        if (!g_ascii_isalnum(*at) && strchr("._-+", *at) == NULL)
            *at = '_';
    }
    if (*folder == '.' || *folder == '-' || *folder == '\0') {
        char *safe = g_strconcat("_", folder, NULL);

        g_free(folder);
        return safe;
    }
    return folder;
}

static bool
read_variant(DdpScenario *scenario, lua_State *L, int index, int number, GError **error)
{
    g_autofree char *where = g_strdup_printf("variants[%d]", number);
    DdpVariant *variant = g_new0(DdpVariant, 1);
    DdpWorldFields unused = scenario->world;
    bool ok;

    g_ptr_array_add(scenario->variants, variant);
    unused.engine = NULL;
    unused.backend = NULL;
    unused.debug = NULL;
    unused.schedule = NULL;
    unused.topology = NULL;
    if (!lua_istable(L, index))
        return bad_value(error, scenario, "%s is a %s, expected a table", where,
                         luaL_typename(L, index));
    ok = check_keys(scenario, L, index, where, variant_keys, error) &&
         read_string(scenario, L, index, where, "name", &variant->name, error) &&
         read_string(scenario, L, index, where, "fixes", &variant->fixes, error) &&
         read_world(scenario, L, index, where, &unused, error);
    ddp_world_fields_clear(&unused);
    if (!ok)
        return false;
    if (variant->name == NULL || *variant->name == '\0')
        return bad_value(error, scenario, "%s has no name", where);
    variant->folder = folder_name(variant->name);

    push_field(L, index, "main");
    if (!lua_isfunction(L, -1)) {
        bad_value(error, scenario, "variant '%s': main is a %s, expected a function", variant->name,
                  luaL_typename(L, -1));
        lua_pop(L, 1);
        return false;
    }
    push_field(L, index, "expect");
    variant->expects = !lua_isnil(L, -1);
    if (variant->expects && !lua_istable(L, -1) && !lua_isfunction(L, -1))
        ok = bad_value(error, scenario,
                       "variant '%s': expect is a %s, expected a table or a function",
                       variant->name, luaL_typename(L, -1));
    lua_pop(L, 2);
    for (guint i = 0; ok && i + 1 < scenario->variants->len; i++) {
        const DdpVariant *other = scenario->variants->pdata[i];

        if (strcmp(other->folder, variant->folder) == 0)
            ok = bad_value(error, scenario, "two variants are called '%s'", variant->name);
    }
    return ok;
}

static bool
read_variants(DdpScenario *scenario, lua_State *L, int index, GError **error)
{
    push_field(L, index, "variants");
    if (!lua_istable(L, -1)) {
        bad_value(error, scenario,
                  "variants is a %s, expected a list of { name = ..., main = ... }",
                  luaL_typename(L, -1));
        lua_pop(L, 1);
        return false;
    }

    int list = lua_gettop(L);
    int64_t count = (int64_t)lua_rawlen(L, list);

    if (count == 0 || count > VARIANTS_MAX) {
        lua_pop(L, 1);
        return bad_value(error, scenario,
                         "there are %" G_GINT64_FORMAT " variants, expected 1 to %d", count,
                         VARIANTS_MAX);
    }
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, list, i);
        if (!read_variant(scenario, L, lua_gettop(L), i, error)) {
            lua_settop(L, list - 1);
            return false;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    for (guint i = 0; i < scenario->variants->len; i++) {
        const DdpVariant *variant = scenario->variants->pdata[i];

        if (variant->fixes != NULL && ddp_scenario_find_variant(scenario, variant->fixes, NULL) < 0)
            return bad_value(error, scenario,
                             "variant '%s' fixes '%s', but there is no such variant", variant->name,
                             variant->fixes);
    }
    return true;
}

/* ---- loading ---- */

bool
ddp_scenario_load_into(const DdpScenario *scenario, lua_State *L, GError **error)
{
    if (!ddp_script_load(L, scenario->path, scenario->text, scenario->text_length, error) ||
        !ddp_script_call(L, 0, 1, error))
        return false;
    if (lua_istable(L, -1))
        return true;
    bad_value(error, scenario, "the file returns a %s, expected the scenario's table",
              luaL_typename(L, -1));
    lua_pop(L, 1);
    return false;
}

static bool
read_text(DdpScenario *scenario, GError **error)
{
    g_autoptr(GError) reason = NULL;

    if (!g_file_get_contents(scenario->file, &scenario->text, &scenario->text_length, &reason)) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_NOT_FOUND, "%s", reason->message);
        return false;
    }
    if (scenario->text_length > FILE_BYTES_MAX)
        return bad_value(error, scenario, "the file is larger than %d MiB", FILE_BYTES_MAX >> 20);
    return true;
}

static bool
check_params(const DdpScenario *scenario, lua_State *L, GError **error)
{
    bool ok = ddp_scenario_push_params(scenario, L, true, NULL, error);

    if (ok)
        lua_pop(L, 1);
    return ok;
}

/* As people would write it: below the working folder without the folder's name in front. */
static char *
short_path(const char *path)
{
    g_autofree char *here = g_get_current_dir();
    g_autofree char *prefix = g_strconcat(here, "/", NULL);

    return g_strdup(g_str_has_prefix(path, prefix) ? path + strlen(prefix) : path);
}

DdpScenario *
ddp_scenario_load(const char *path, const char *shown, const DdpLimits *limits, GError **error)
{
    g_autoptr(DdpScenario) scenario = g_new0(DdpScenario, 1);
    const DdpScriptSpec spec = {.rank = 0, .world_size = 1, .nproc_per_node = 1};

    scenario->file = g_strdup(path);
    scenario->path = shown != NULL ? g_strdup(shown) : short_path(path);
    scenario->name = g_path_get_basename(path);
    if (g_str_has_suffix(scenario->name, ".lua"))
        scenario->name[strlen(scenario->name) - 4] = '\0';
    scenario->limits = *limits;
    scenario->variants = g_ptr_array_new_with_free_func(variant_free);
    if (!read_text(scenario, error))
        return NULL;

    scenario->play = ddp_play_new(limits, 0, NULL);
    scenario->L = ddp_script_state_new(scenario->play, &spec, error);
    if (scenario->L == NULL || !ddp_scenario_load_into(scenario, scenario->L, error))
        return NULL;

    lua_State *L = scenario->L;

    ddp_script_trust(L);
    if (!check_keys(scenario, L, 1, "scenario", scenario_keys, error) ||
        !read_string(scenario, L, 1, "scenario", "title", &scenario->title, error) ||
        !read_string(scenario, L, 1, "scenario", "lesson", &scenario->lesson, error) ||
        !read_limits(scenario, L, 1, error) ||
        !read_world(scenario, L, 1, "world", &scenario->world, error) ||
        !read_variants(scenario, L, 1, error) || !check_params(scenario, L, error))
        return NULL;
    if (scenario->title == NULL)
        scenario->title = g_strdup(scenario->name);
    return g_steal_pointer(&scenario);
}

void
ddp_world_fields_clear(DdpWorldFields *fields)
{
    g_clear_pointer(&fields->engine, g_free);
    g_clear_pointer(&fields->backend, g_free);
    g_clear_pointer(&fields->debug, g_free);
    g_clear_pointer(&fields->schedule, g_free);
    g_clear_pointer(&fields->topology, g_free);
}

void
ddp_scenario_free(DdpScenario *scenario)
{
    if (scenario == NULL)
        return;
    ddp_script_state_free(scenario->L);
    ddp_play_free(scenario->play);
    ddp_world_fields_clear(&scenario->world);
    if (scenario->variants != NULL)
        g_ptr_array_unref(scenario->variants);
    g_free(scenario->file);
    g_free(scenario->path);
    g_free(scenario->name);
    g_free(scenario->title);
    g_free(scenario->lesson);
    g_free(scenario->text);
    g_free(scenario);
}

void
ddp_scenario_push_variant(lua_State *L, int table, int index)
{
    push_field(L, table, "variants");
    lua_rawgeti(L, -1, index + 1);
    lua_remove(L, -2);
}

bool
ddp_scenario_variant_world(DdpScenario *scenario, int index, DdpWorldFields *fields, GError **error)
{
    lua_State *L = scenario->L;
    const DdpVariant *variant = scenario->variants->pdata[index];
    g_autofree char *where = g_strdup_printf("variant '%s': world", variant->name);

    *fields = scenario->world;
    fields->engine = g_strdup(scenario->world.engine);
    fields->backend = g_strdup(scenario->world.backend);
    fields->debug = g_strdup(scenario->world.debug);
    fields->schedule = g_strdup(scenario->world.schedule);
    fields->topology = g_strdup(scenario->world.topology);
    ddp_scenario_push_variant(L, 1, index);

    bool ok = read_world(scenario, L, lua_gettop(L), where, fields, error);

    lua_pop(L, 1);
    return ok;
}

/* ---- parameters ---- */

/* Copies the fields of table @from over those of the table on top, which must know them. */
static bool
override_params(const DdpScenario *scenario, lua_State *L, const char *from, bool must_exist,
                GError **error)
{
    int params = lua_gettop(L);
    bool ok = true;

    push_field(L, 1, from);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return true;
    }
    if (!lua_istable(L, -1)) {
        bad_value(error, scenario, "%s is a %s, expected a table of named values", from,
                  luaL_typename(L, -1));
        lua_settop(L, params);
        return false;
    }
    lua_pushnil(L);
    while (ok && lua_next(L, -2) != 0) {
        int type = lua_type(L, -1);

        if (lua_type(L, -2) != LUA_TSTRING ||
            (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TBOOLEAN)) {
            ok = bad_value(error, scenario,
                           "%s: expected names with numbers, strings or booleans, found a %s", from,
                           luaL_typename(L, lua_type(L, -2) != LUA_TSTRING ? -2 : -1));
            break;
        }
        lua_pushvalue(L, -2);
        if (lua_rawget(L, params) == LUA_TNIL && must_exist)
            ok = bad_value(error, scenario, "%s.%s: there is no params.%s", from,
                           lua_tostring(L, -3), lua_tostring(L, -3));
        lua_pop(L, 1);
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, params);
    }
    lua_settop(L, params);
    return ok;
}

static gint
compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of the parameters in the table on top, sorted, for messages. */
static char **
param_names(lua_State *L)
{
    GPtrArray *names = g_ptr_array_new();

    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        g_ptr_array_add(names, g_strdup(lua_tostring(L, -1)));
    }
    g_ptr_array_sort(names, compare_texts);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

/* One --set over the table on top; the value takes the type that the parameter has. */
static bool
set_param(const DdpScenario *scenario, lua_State *L, const char *set, GError **error)
{
    const char *equals = strchr(set, '=');
    g_autofree char *name = equals != NULL ? g_strndup(set, (gsize)(equals - set)) : g_strdup(set);
    const char *text = equals != NULL ? equals + 1 : NULL;
    int type = push_field(L, -1, name);

    lua_pop(L, 1);
    if (type == LUA_TNIL) {
        g_auto(GStrv) names = param_names(L);
        const char *nearest = ddp_args_nearest(name, (const char *const *)names);
        g_autofree char *all = g_strjoinv(", ", names);

        return bad_value(error, scenario, "--set %s: the scenario has no parameter '%s'%s%s%s", set,
                         name, nearest != NULL ? ", did you mean '" : "; it has ",
                         nearest != NULL ? nearest : (*all != '\0' ? all : "none"),
                         nearest != NULL ? "'?" : "");
    }
    if (text == NULL)
        return bad_value(error, scenario, "--set %s: expected key=value", set);
    if (type == LUA_TNUMBER) {
        if (lua_stringtonumber(L, text) != strlen(text) + 1)
            return bad_value(error, scenario, "--set %s: '%s' is not a number", set, text);
    } else if (type == LUA_TBOOLEAN) {
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return bad_value(error, scenario, "--set %s: '%s' is neither true nor false", set,
                             text);
        lua_pushboolean(L, strcmp(text, "true") == 0);
    } else {
        lua_pushstring(L, text);
    }
    lua_pushstring(L, name);
    lua_insert(L, -2);
    lua_rawset(L, -3);
    return true;
}

bool
ddp_scenario_push_params(const DdpScenario *scenario, lua_State *L, bool small,
                         const char *const *sets, GError **error)
{
    bool ok;

    lua_newtable(L);
    ok = override_params(scenario, L, "params", false, error) &&
         (!small || override_params(scenario, L, "small", true, error));
    for (int i = 0; ok && sets != NULL && sets[i] != NULL; i++)
        ok = set_param(scenario, L, sets[i], error);
    if (!ok)
        lua_pop(L, 1);
    return ok;
}

/* ---- asking ---- */

const char *
ddp_scenario_path(const DdpScenario *scenario)
{
    return scenario->path;
}

const char *
ddp_scenario_name(const DdpScenario *scenario)
{
    return scenario->name;
}

const char *
ddp_scenario_title(const DdpScenario *scenario)
{
    return scenario->title;
}

int
ddp_scenario_variant_count(const DdpScenario *scenario)
{
    return (int)scenario->variants->len;
}

const DdpVariant *
ddp_scenario_variant(const DdpScenario *scenario, int index)
{
    g_return_val_if_fail(index >= 0 && index < (int)scenario->variants->len, NULL);

    return scenario->variants->pdata[index];
}

int
ddp_scenario_find_variant(const DdpScenario *scenario, const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < scenario->variants->len; i++) {
        const DdpVariant *variant = scenario->variants->pdata[i];

        if (strcmp(variant->name, name) == 0)
            return (int)i;
        g_ptr_array_add(names, variant->name);
    }
    g_ptr_array_add(names, NULL);

    const char *nearest = ddp_args_nearest(name, (const char *const *)names->pdata);
    g_autofree char *all = g_strjoinv(", ", (char **)names->pdata);

    g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_NOT_FOUND,
                "%s: there is no variant '%s'%s%s%s", scenario->path, name,
                nearest != NULL ? ", did you mean '" : "; it has ", nearest != NULL ? nearest : all,
                nearest != NULL ? "'?" : "");
    return -1;
}

char *
ddp_scenario_folder(const DdpScenario *scenario, const char *out)
{
    g_autofree char *name = folder_name(scenario->name);

    return g_build_filename(out, name, NULL);
}

char *
ddp_scenario_variant_folder(const DdpScenario *scenario, int index, const char *out)
{
    g_autofree char *folder = ddp_scenario_folder(scenario, out);

    return g_build_filename(folder, ddp_scenario_variant(scenario, index)->folder, NULL);
}
