/* SPDX-License-Identifier: MIT */
#include "sim/script/pattern.h"

#include <lauxlib.h>
#include <string.h>

#include "sim/script/pattern_match.h"

/* ---- captures ---- */

/* Pushes capture @i of the match from @start to @end; without captures the first is all of it. */
static void
push_capture(DdpMatcher *m, int i, const char *start, const char *end)
{
    lua_State *L = m->meter.L;

    if (i >= m->program.capture_count) {
        if (i != 0) {
            ddp_meter_settle(&m->meter);
            luaL_error(L, "invalid capture index %%%d", i + 1);
        }
    } else if ((m->program.open >> i & 1) != 0) {
        ddp_meter_settle(&m->meter);
        luaL_error(L, "unfinished capture");
    } else if ((m->program.positions >> i & 1) != 0) {
        lua_pushinteger(L, m->captures[i].start - m->subject + 1);
        return;
    } else {
        start = m->captures[i].start;
        end = m->captures[i].end;
    }
    ddp_meter_add(&m->meter, (size_t)(end - start) / 8);
    lua_pushlstring(L, start, (size_t)(end - start));
}

/* Pushes all captures, or the whole match if there are none. Returns how many. */
static int
push_captures(DdpMatcher *m, const char *start, const char *end)
{
    int count = m->program.capture_count > 0 ? m->program.capture_count : 1;

    luaL_checkstack(m->meter.L, count, "too many captures");
    for (int i = 0; i < count; i++)
        push_capture(m, i, start, end);
    return count;
}

/* ---- find and match ---- */

/* The offset that position @init means in a string; it may lie behind the end. */
static size_t
offset_of(lua_Integer init, size_t length)
{
    if (init > 0)
        return (size_t)init - 1;
    if (init == 0 || init < -(lua_Integer)length)
        return 0;
    return length - (size_t)-init;
}

static bool
is_plain(const char *pattern, size_t length)
{
    static const DdpByteSet special = {{
        DDP_BYTE_SET_BIT('$') | DDP_BYTE_SET_BIT('%') | DDP_BYTE_SET_BIT('(') |
            DDP_BYTE_SET_BIT('*') | DDP_BYTE_SET_BIT('+') | DDP_BYTE_SET_BIT('-') |
            DDP_BYTE_SET_BIT('.') | DDP_BYTE_SET_BIT('?'),
        DDP_BYTE_SET_BIT('[') | DDP_BYTE_SET_BIT('^'),
    }};

    for (size_t i = 0; i < length; i++) {
        if (ddp_byte_set_has(&special, (unsigned char)pattern[i]))
            return false;
    }
    return true;
}

/* Where @wanted stands in @text, or NULL. */
static const char *
find_plain(DdpMeter *meter, const char *text, size_t length, const char *wanted,
           size_t wanted_length)
{
    if (wanted_length == 0)
        return text;
    if (wanted_length > length)
        return NULL;

    const char *last = text + (length - wanted_length);

    for (const char *s = text; s <= last; s++) {
        const char *found = memchr(s, wanted[0], (size_t)(last - s) + 1);

        ddp_meter_add(meter, (size_t)((found != NULL ? found : last) - s) / 64);
        if (found == NULL)
            return NULL;
        ddp_meter_add(meter, 1 + wanted_length / 64);
        if (memcmp(found, wanted, wanted_length) == 0)
            return found;
        s = found;
    }
    return NULL;
}

static int
push_range(lua_State *L, size_t offset, size_t length)
{
    lua_pushinteger(L, (lua_Integer)(offset + 1));
    lua_pushinteger(L, (lua_Integer)(offset + length));
    return 2;
}

static int
l_find(lua_State *L)
{
    size_t length;
    size_t pattern_length;
    const char *subject = luaL_checklstring(L, 1, &length);
    const char *pattern = luaL_checklstring(L, 2, &pattern_length);
    size_t init = offset_of(luaL_optinteger(L, 3, 1), length);

    if (init > length) {
        luaL_pushfail(L);
        return 1;
    }
    if (lua_toboolean(L, 4) || is_plain(pattern, pattern_length)) {
        DdpMeter meter = {.L = L, .steps = 1 + pattern_length / 8};
        const char *found =
            find_plain(&meter, subject + init, length - init, pattern, pattern_length);

        ddp_meter_settle(&meter);
        if (found != NULL)
            return push_range(L, (size_t)(found - subject), pattern_length);
        luaL_pushfail(L);
        return 1;
    }

    DdpMatcher m;
    DdpPatternRoom room;
    const char *start;

    ddp_matcher_init(&m, L, &room);
    m.from += init;

    const char *end = ddp_matcher_next(&m, &start);

    if (end == NULL) {
        ddp_meter_settle(&m.meter);
        luaL_pushfail(L);
        return 1;
    }

    int count = push_range(L, (size_t)(start - subject), (size_t)(end - start));

    if (m.program.capture_count > 0)
        count += push_captures(&m, start, end);
    ddp_meter_settle(&m.meter);
    return count;
}

static int
l_match(lua_State *L)
{
    size_t length;
    luaL_checklstring(L, 1, &length);
    luaL_checkstring(L, 2);

    size_t init = offset_of(luaL_optinteger(L, 3, 1), length);

    if (init > length) {
        luaL_pushfail(L);
        return 1;
    }

    DdpMatcher m;
    DdpPatternRoom room;
    const char *start;

    ddp_matcher_init(&m, L, &room);
    m.from += init;

    const char *end = ddp_matcher_next(&m, &start);
    int count = 1;

    if (end != NULL)
        count = push_captures(&m, start, end);
    else
        luaL_pushfail(L);
    ddp_meter_settle(&m.meter);
    return count;
}

/* ---- gmatch ---- */

/* Upvalues: the subject; the matcher. */
static int
next_match(lua_State *L)
{
    DdpMatcher *m = lua_touserdata(L, lua_upvalueindex(2));
    const char *start;

    /* Not always the coroutine that made the matcher. */
    m->meter.L = L;

    const char *end = ddp_matcher_next(m, &start);
    int count = end != NULL ? push_captures(m, start, end) : 0;

    ddp_meter_settle(&m->meter);
    return count;
}

static int
l_gmatch(lua_State *L)
{
    size_t length;

    luaL_checklstring(L, 1, &length);
    luaL_checkstring(L, 2);

    size_t init = offset_of(luaL_optinteger(L, 3, 1), length);

    lua_settop(L, 2);

    /* A '^' would end the walk after one step: here it is a character like others. */
    DdpMatcher *m = ddp_matcher_push(L, false);

    m->from += MIN(init, length + 1);
    ddp_meter_settle(&m->meter);
    lua_remove(L, 2);
    lua_pushcclosure(L, next_match, 2);
    return 1;
}

/* ---- gsub ---- */

/* Appends the replacement text at stack index 3, with its %0 to %9 filled in. */
static void
add_text(DdpMatcher *m, luaL_Buffer *out, const char *start, const char *end)
{
    lua_State *L = m->meter.L;
    size_t length;
    const char *text = lua_tolstring(L, 3, &length);
    const char *text_end = text + length;
    const char *escape;

    ddp_meter_add(&m->meter, length / 8);
    while ((escape = memchr(text, '%', (size_t)(text_end - text))) != NULL) {
        /* A string has a zero behind its end. */
        char what = escape[1];

        luaL_addlstring(out, text, (size_t)(escape - text));
        text = escape + 2;
        if (what == '%') {
            luaL_addchar(out, '%');
        } else if (what == '0') {
            ddp_meter_add(&m->meter, (size_t)(end - start) / 8);
            luaL_addlstring(out, start, (size_t)(end - start));
        } else if (what >= '1' && what <= '9') {
            push_capture(m, what - '1', start, end);
            luaL_addvalue(out);
        } else {
            ddp_meter_settle(&m->meter);
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
    }
    luaL_addlstring(out, text, (size_t)(text_end - text));
}

/* Appends what the match is replaced by. Returns false if that is the match itself. */
static bool
add_replacement(DdpMatcher *m, luaL_Buffer *out, int type, const char *start, const char *end)
{
    lua_State *L = m->meter.L;

    if (type == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);

        int count = push_captures(m, start, end);

        ddp_meter_settle(&m->meter);
        lua_call(L, count, 1);
    } else if (type == LUA_TTABLE) {
        push_capture(m, 0, start, end);
        ddp_meter_settle(&m->meter);
        lua_gettable(L, 3);
    } else {
        add_text(m, out, start, end);
        return true;
    }

    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        ddp_meter_add(&m->meter, (size_t)(end - start) / 8);
        luaL_addlstring(out, start, (size_t)(end - start));
        return false;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    if (lua_type(L, -1) == LUA_TSTRING)
        ddp_meter_add(&m->meter, lua_rawlen(L, -1) / 8);
    luaL_addvalue(out);
    return true;
}

/* Replaces up to @count_max matches of @m, which may lie on the C stack or in a userdata. */
static int
substitute(DdpMatcher *m, int type, lua_Integer count_max)
{
    lua_State *L = m->meter.L;
    const char *copied = m->subject; /* so far the subject is in `out` */
    const char *start;
    lua_Integer count = 0;
    bool changed = false;
    luaL_Buffer out;

    luaL_buffinit(L, &out);
    while (count < count_max) {
        const char *end = ddp_matcher_next(m, &start);

        if (end == NULL)
            break;
        count++;
        ddp_meter_add(&m->meter, (size_t)(start - copied) / 8);
        luaL_addlstring(&out, copied, (size_t)(start - copied));
        if (add_replacement(m, &out, type, start, end))
            changed = true;
        copied = end;
        if (m->program.anchored)
            break;
    }
    if (changed) {
        ddp_meter_add(&m->meter, (size_t)(m->end - copied) / 8);
        luaL_addlstring(&out, copied, (size_t)(m->end - copied));
        luaL_pushresult(&out);
    } else {
        lua_pushvalue(L, 1);
    }
    ddp_meter_settle(&m->meter);
    lua_pushinteger(L, count);
    return 2;
}

static G_GNUC_NO_INLINE int
substitute_text(lua_State *L, int type, lua_Integer count_max)
{
    DdpMatcher m;
    DdpPatternRoom room;

    ddp_matcher_init(&m, L, &room);
    return substitute(&m, type, count_max);
}

/*
 * A callback may call gsub again, some 200 levels deep, on the small stack of a rank. So here the
 * matcher is kept off the C stack.
 */
static G_GNUC_NO_INLINE int
substitute_answers(lua_State *L, int type, lua_Integer count_max)
{
    return substitute(ddp_matcher_push(L, true), type, count_max);
}

static int
l_gsub(lua_State *L)
{
    size_t length;

    luaL_checklstring(L, 1, &length);
    luaL_checkstring(L, 2);

    int type = lua_type(L, 3);
    lua_Integer count_max = luaL_optinteger(L, 4, (lua_Integer)length + 1);

    switch (type) {
    case LUA_TNUMBER:
    case LUA_TSTRING:
        return substitute_text(L, type, count_max);
    case LUA_TTABLE:
    case LUA_TFUNCTION:
        return substitute_answers(L, type, count_max);
    default:
        return luaL_typeerror(L, 3, "string/function/table");
    }
}

void
ddp_pattern_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"find", l_find}, {"match", l_match}, {"gmatch", l_gmatch}, {"gsub", l_gsub}, {NULL, NULL},
    };

    lua_getglobal(L, "string");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
