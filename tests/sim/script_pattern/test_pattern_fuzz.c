/* SPDX-License-Identifier: MIT */
#include "sim/script/pattern.h"
#include "tests/sim/script_pattern/oracle.h"
#include "tests/testutil.h"

#include <lauxlib.h>
#include <string.h>

/*
 * Random patterns on random subjects, half of the patterns any string over the special
 * characters, half of them put together from sound items. Whatever stock Lua returns or raises,
 * ours must.
 */
typedef struct {
    GString *subject;
    GString *pattern;
    GString *text; /* replacement */
    lua_Integer init;
    lua_Integer count_max;
} Case;

static uint64_t random_state;

static unsigned
random_below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 11) % limit);
}

static void
set_random(GString *string, const char *alphabet, size_t alphabet_length, unsigned length_max)
{
    unsigned length = random_below(length_max + 1);

    g_string_truncate(string, 0);
    for (unsigned i = 0; i < length; i++)
        g_string_append_c(string, alphabet[random_below((unsigned)alphabet_length)]);
}

/* A pattern put together from whole items, so that most are sound. */
static void
set_sound_pattern(GString *pattern)
{
    static const char *const items[] = {"a",    "b",    ".",     "%a",     "%d",     "%s",   "%W",
                                        "[ab]", "[^a]", "[%w_]", "[a-f1]", "1",      " ",    "%.",
                                        "%b()", "%1",   "%2",    "%f[%w]", "%f[^a]", "()",   "%(",
                                        "[]a]", "$",    "%b1a",  "\\",     "%u",     "[^%s]"};
    static const char *const repeats[] = {"", "", "", "*", "+", "-", "?"};
    unsigned count = random_below(6);
    unsigned open = 0;

    g_string_assign(pattern, random_below(5) == 0 ? "^" : "");
    for (unsigned i = 0; i < count; i++) {
        unsigned bracket = random_below(5);

        if (bracket == 0) {
            g_string_append_c(pattern, '(');
            open++;
        }
        g_string_append(pattern, items[random_below(G_N_ELEMENTS(items))]);
        g_string_append(pattern, repeats[random_below(G_N_ELEMENTS(repeats))]);
        if (bracket >= 3 && open > 0) {
            g_string_append_c(pattern, ')');
            open--;
        }
    }
    while (open-- > 0)
        g_string_append_c(pattern, ')');
    if (random_below(5) == 0)
        g_string_append_c(pattern, '$');
}

static void
set_case(Case *c)
{
    static const char subject_alphabet[] = "aaabbb11f  ()[]^%.$_A\0";
    static const char pattern_alphabet[] = "ab%.*+-?[]^$()1 bf";
    static const char text_alphabet[] = "a%%%0123x";

    /* Short, because the stock matcher takes what time it takes. */
    set_random(c->subject, subject_alphabet, sizeof subject_alphabet - 1, 14);
    if (random_below(2) == 0)
        set_random(c->pattern, pattern_alphabet, sizeof pattern_alphabet - 1, 12);
    else
        set_sound_pattern(c->pattern);
    set_random(c->text, text_alphabet, sizeof text_alphabet - 1, 4);
    c->init = random_below(4) == 0 ? (lua_Integer)random_below(40) - 20 : 1;
    c->count_max = random_below(3) == 0 ? (lua_Integer)random_below(5) : 100;
}

/* The results, or the error, that stand on the stack. */
static char *
show_all(lua_State *L, int status)
{
    GString *shown = g_string_new(status == LUA_OK ? "" : "error:");

    for (int i = 1; i <= lua_gettop(L); i++) {
        g_autofree char *value = oracle_show(L, i);

        g_string_append_printf(shown, " %s", value);
    }
    return g_string_free(shown, FALSE);
}

static bool
same_value(lua_State *a, lua_State *b, int index)
{
    size_t a_length;
    size_t b_length;
    const char *a_text;
    const char *b_text;

    if (lua_type(a, index) != lua_type(b, index))
        return false;
    switch (lua_type(a, index)) {
    case LUA_TNUMBER:
        return lua_isinteger(a, index) == lua_isinteger(b, index) &&
               lua_tonumber(a, index) == lua_tonumber(b, index);
    case LUA_TSTRING:
        a_text = lua_tolstring(a, index, &a_length);
        b_text = lua_tolstring(b, index, &b_length);
        return a_length == b_length && memcmp(a_text, b_text, a_length) == 0;
    default:
        return true;
    }
}

static void
check_same(const Case *c, const char *call, int stock_status, int ours_status)
{
    bool same = stock_status == ours_status && lua_gettop(oracle_stock) == lua_gettop(oracle_ours);

    for (int i = 1; same && i <= lua_gettop(oracle_ours); i++)
        same = same_value(oracle_stock, oracle_ours, i);
    if (same)
        return;

    g_autofree char *subject = g_strescape(c->subject->str, NULL);
    g_autofree char *expected = show_all(oracle_stock, stock_status);
    g_autofree char *got = show_all(oracle_ours, ours_status);

    ck_abort_msg("%s of '%s' (%u bytes), pattern '%s', init %d, text '%s', at most %d\n"
                 "  stock: %s\n  ours:  %s",
                 call, subject, (unsigned)c->subject->len, c->pattern->str, (int)c->init,
                 c->text->str, (int)c->count_max, expected, got);
}

typedef enum { FIND, FIND_PLAIN, MATCH, GMATCH, GSUB_TEXT, GSUB_TABLE, GSUB_FUNCTION } Call;

static const char *const call_names[] = {
    [FIND] = "find",      [FIND_PLAIN] = "find", [MATCH] = "match",        [GMATCH] = "gmatch",
    [GSUB_TEXT] = "gsub", [GSUB_TABLE] = "gsub", [GSUB_FUNCTION] = "gsub",
};

/* Runs one call in one state, on an empty stack. */
static int
run_call(lua_State *L, Call call, const Case *c)
{
    int arguments = 2;

    lua_settop(L, 0);
    lua_getglobal(L, "string");
    lua_getfield(L, -1, call_names[call]);
    lua_remove(L, 1);
    lua_pushlstring(L, c->subject->str, c->subject->len);
    lua_pushlstring(L, c->pattern->str, c->pattern->len);
    switch (call) {
    case FIND_PLAIN:
        lua_pushinteger(L, c->init);
        lua_pushboolean(L, 1);
        arguments = 4;
        break;
    case FIND:
    case MATCH:
    case GMATCH:
        lua_pushinteger(L, c->init);
        arguments = 3;
        break;
    case GSUB_TEXT:
        lua_pushlstring(L, c->text->str, c->text->len);
        lua_pushinteger(L, c->count_max);
        arguments = 4;
        break;
    case GSUB_TABLE:
        lua_getglobal(L, "map");
        arguments = 3;
        break;
    case GSUB_FUNCTION:
        lua_getglobal(L, "answer");
        arguments = 3;
        break;
    }
    return lua_pcall(L, arguments, LUA_MULTRET, 0);
}

static void
check_walk(const Case *c)
{
    for (int step = 0; step < 40; step++) {
        int status[2];
        lua_State *states[] = {oracle_stock, oracle_ours};

        /* The iterator stays in a global between the steps. */
        for (int i = 0; i < 2; i++) {
            if (step == 0)
                lua_setglobal(states[i], "walk");
            lua_settop(states[i], 0);
            lua_getglobal(states[i], "walk");
            status[i] = lua_pcall(states[i], 0, LUA_MULTRET, 0);
        }
        check_same(c, "gmatch", status[0], status[1]);
        if (status[0] != LUA_OK || lua_gettop(oracle_ours) == 0)
            return;
    }
}

START_TEST(test_random_patterns_do_what_stock_does)
{
    static const char globals[] = "map = { a = 'A', b = false, ab = 1, ['1'] = 2.5, [1] = 'one', "
                                  "[3] = 'three', [' '] = '' }\n"
                                  "answer = function(a, b)\n"
                                  "  if a == 'a' then return nil end\n"
                                  "  if b then return '<' .. a .. '|' .. b .. '>' end\n"
                                  "  return a ~= 'b' and '<' .. a .. '>'\n"
                                  "end";
    enum { PAIRS = 25000 };
    Case c = {g_string_new(NULL), g_string_new(NULL), g_string_new(NULL), 1, 1};
    int matches = 0;
    int errors = 0;

    ck_assert_int_eq(luaL_dostring(oracle_stock, globals), LUA_OK);
    ck_assert_int_eq(luaL_dostring(oracle_ours, globals), LUA_OK);
    random_state = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(_i + 1);
    for (int i = 0; i < PAIRS; i++) {
        set_case(&c);
        for (Call call = FIND; call <= GSUB_FUNCTION; call++) {
            int stock_status = run_call(oracle_stock, call, &c);
            int ours_status = run_call(oracle_ours, call, &c);

            check_same(&c, call_names[call], stock_status, ours_status);
            if (call == MATCH && stock_status != LUA_OK)
                errors++;
            else if (call == MATCH && !lua_isnil(oracle_stock, 1))
                matches++;
            if (call == GMATCH && stock_status == LUA_OK)
                check_walk(&c);
        }
    }
    /* The fuzz is worth something only if it reaches both ends. */
    ck_assert_int_gt(matches, PAIRS / 5);
    ck_assert_int_gt(errors, PAIRS / 20);
    g_string_free(c.subject, TRUE);
    g_string_free(c.pattern, TRUE);
    g_string_free(c.text, TRUE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("script_pattern_fuzz");
    TCase *fuzz = tcase_create("fuzz");

    tcase_add_checked_fixture(fuzz, oracle_setup, oracle_teardown);
    tcase_add_loop_test(fuzz, test_random_patterns_do_what_stock_does, 0, 12); /* _i is the seed */
    suite_add_tcase(suite, fuzz);
    return ddp_test_main(suite);
}
