/* SPDX-License-Identifier: MIT */
#include "sim/script/pattern_match.h"

#include <lauxlib.h>
#include <string.h>

/* How deep the stock matcher's recursion may go: it decides when a pattern is too complex. */
#define DEPTH_MAX 200

#define BYTES_A_STEP 8

/* ---- making one ---- */

/* @block has room for the program of a pattern of @length bytes. */
static void
use_block(DdpPatternProgram *program, void *block, size_t length)
{
    program->items = block;
    program->sets = (DdpByteSet *)(program->items + DDP_PATTERN_ITEMS_MAX(length));
}

static size_t
block_bytes(size_t length)
{
    return DDP_PATTERN_ITEMS_MAX(length) * sizeof(DdpPatternItem) +
           DDP_PATTERN_SETS_MAX(length) * sizeof(DdpByteSet);
}

static void
begin(DdpMatcher *m, lua_State *L, bool anchors)
{
    size_t subject_length;
    size_t length;
    const char *pattern = lua_tolstring(L, 2, &length);

    m->subject = lua_tolstring(L, 1, &subject_length);
    m->end = m->subject + subject_length;
    m->from = m->subject;
    m->last = NULL;
    m->meter = (DdpMeter){.L = L};
    ddp_meter_add(&m->meter, 1 + length / 2);
    ddp_pattern_compile(&m->program, pattern, length, anchors);
}

void
ddp_matcher_init(DdpMatcher *m, lua_State *L, DdpPatternRoom *room)
{
    size_t length;

    lua_tolstring(L, 2, &length);
    m->program.items = room->items;
    m->program.sets = room->sets;
    if (length > DDP_PATTERN_SMALL)
        use_block(&m->program, lua_newuserdatauv(L, block_bytes(length), 0), length);
    begin(m, L, true);
}

DdpMatcher *
ddp_matcher_push(lua_State *L, bool anchors)
{
    size_t length;

    lua_tolstring(L, 2, &length);

    DdpMatcher *m = lua_newuserdatauv(L, sizeof *m + block_bytes(length), 0);

    use_block(&m->program, m + 1, length);
    begin(m, L, anchors);
    return m;
}

/* ---- matching ---- */

static int
raise_broken(DdpMatcher *m, const DdpPatternItem *item)
{
    lua_State *L = m->meter.L;

    ddp_meter_settle(&m->meter);
    switch ((DdpBroken)item->other) {
    case DDP_BROKEN_ESCAPE:
        return luaL_error(L, "malformed pattern (ends with '%%')");
    case DDP_BROKEN_SET:
        return luaL_error(L, "malformed pattern (missing ']')");
    case DDP_BROKEN_BALANCE:
        return luaL_error(L, "malformed pattern (missing arguments to '%%b')");
    case DDP_BROKEN_FRONTIER:
        return luaL_error(L, "missing '[' after '%%f' in pattern");
    case DDP_BROKEN_CLOSE:
        return luaL_error(L, "invalid pattern capture");
    case DDP_BROKEN_BACK:
        return luaL_error(L, "invalid capture index %%%d", item->byte);
    case DDP_BROKEN_CAPTURES:
        return luaL_error(L, "too many captures");
    }
    g_assert_not_reached();
}

/* One level deeper, counted as the stock matcher's recursion is. */
static inline int
deeper(DdpMatcher *m, int depth)
{
    if (depth >= DEPTH_MAX) {
        ddp_meter_settle(&m->meter);
        luaL_error(m->meter.L, "pattern too complex");
    }
    return depth + 1;
}

static inline bool
item_takes(const DdpPatternItem *item, const char *s, const char *end)
{
    if (s >= end)
        return false;
    switch (item->test) {
    case DDP_ITEM_BYTE:
        return (unsigned char)*s == item->byte;
    case DDP_ITEM_SET:
        return ddp_byte_set_has(item->set, (unsigned char)*s);
    default:
        return true;
    }
}

/* The first place from @s on that the item does not take. */
static const char *
take_all(DdpMatcher *m, const DdpPatternItem *item, const char *s)
{
    const char *end = m->end;
    const char *start = s;

    switch (item->test) {
    case DDP_ITEM_BYTE:
        while (s < end && (unsigned char)*s == item->byte)
            s++;
        break;
    case DDP_ITEM_SET: {
        const DdpByteSet set = *item->set;

        while (s < end && ddp_byte_set_has(&set, (unsigned char)*s))
            s++;
        break;
    }
    default:
        s = end;
        break;
    }
    ddp_meter_add(&m->meter, (size_t)(s - start) / BYTES_A_STEP);
    return s;
}

/* The place behind the balanced text that begins at @s, or NULL. */
static const char *
take_balanced(DdpMatcher *m, const DdpPatternItem *item, const char *s)
{
    const char *start = s;
    size_t nesting = 1;

    if (s >= m->end || (unsigned char)*s != item->byte)
        return NULL;
    while (++s < m->end && nesting > 0) {
        /* With two equal characters the second one closes. */
        if ((unsigned char)*s == item->other)
            nesting--;
        else if ((unsigned char)*s == item->byte)
            nesting++;
    }
    ddp_meter_add(&m->meter, (size_t)(s - start) / BYTES_A_STEP);
    return nesting == 0 ? s : NULL;
}

/* The place behind a repetition of the item's capture at @s, or NULL. */
static const char *
take_again(DdpMatcher *m, const DdpPatternItem *item, const char *s)
{
    const DdpCapture *capture = &m->captures[item->byte];
    size_t length;

    if ((m->program.positions >> item->byte & 1) != 0)
        return NULL;
    length = (size_t)(capture->end - capture->start);
    if ((size_t)(m->end - s) < length)
        return NULL;
    ddp_meter_add(&m->meter, length / BYTES_A_STEP);
    return memcmp(s, capture->start, length) == 0 ? s + length : NULL;
}

static bool
is_frontier(const DdpMatcher *m, const DdpPatternItem *item, const char *s)
{
    unsigned char before = s > m->subject ? (unsigned char)s[-1] : 0;
    unsigned char here = s < m->end ? (unsigned char)*s : 0;

    return !ddp_byte_set_has(item->set, before) && ddp_byte_set_has(item->set, here);
}

/*
 * Runs the program at @s. Returns the end of the match, or NULL.
 *
 * An item either takes something and lets the next one go on, or fails; then the youngest open
 * choice is tried another way.
 */
static const char *
match_at(DdpMatcher *m, const char *s)
{
    const char *const end = m->end;
    DdpPatternItem *item = m->program.items;
    DdpPatternItem *choice = NULL; /* the youngest open one */
    int depth = 1;
    const char *next;

    for (;; item++) {
        ddp_meter_add(&m->meter, 1);
        switch ((DdpItemOp)item->op) {
        case DDP_ITEM_END:
            return s;

        case DDP_ITEM_BYTE:
            if (s < end && (unsigned char)*s == item->byte) {
                s++;
                continue;
            }
            break;

        case DDP_ITEM_SET:
            if (s < end && ddp_byte_set_has(item->set, (unsigned char)*s)) {
                s++;
                continue;
            }
            break;

        case DDP_ITEM_ANY:
            if (s < end) {
                s++;
                continue;
            }
            break;

        case DDP_ITEM_GREEDY:
            next = take_all(m, item, s);
            if (next == s) {
                if (item->other == 0)
                    continue;
                break;
            }
            item->depth = depth;
            depth = deeper(m, depth);
            item->least = s + item->other;
            item->at = next;
            if (next > item->least) {
                item->below = choice;
                choice = item;
            }
            s = next;
            continue;

        case DDP_ITEM_LAZY:
        case DDP_ITEM_OPTIONAL:
            if (!item_takes(item, s, end))
                continue;
            item->depth = depth;
            depth = deeper(m, depth);
            item->at = s;
            item->below = choice;
            choice = item;
            s += item->op == DDP_ITEM_OPTIONAL;
            continue;

        case DDP_ITEM_OPEN:
        case DDP_ITEM_POSITION:
            depth = deeper(m, depth);
            m->captures[item->byte].start = s;
            continue;

        case DDP_ITEM_CLOSE:
            depth = deeper(m, depth);
            m->captures[item->byte].end = s;
            continue;

        case DDP_ITEM_BACK:
            next = take_again(m, item, s);
            if (next == NULL)
                break;
            s = next;
            continue;

        case DDP_ITEM_BALANCE:
            next = take_balanced(m, item, s);
            if (next == NULL)
                break;
            s = next;
            continue;

        case DDP_ITEM_FRONTIER:
            if (is_frontier(m, item, s))
                continue;
            break;

        case DDP_ITEM_LAST:
            if (s == end)
                continue;
            break;

        case DDP_ITEM_BROKEN:
            raise_broken(m, item);
        }

        /* Failed. A lazy item that can take no more closes its choice and fails in turn. */
        while (choice != NULL && choice->op == DDP_ITEM_LAZY &&
               !item_takes(choice, choice->at, end))
            choice = choice->below;
        if (choice == NULL)
            return NULL;
        item = choice;
        depth = item->depth + 1;
        if (item->op == DDP_ITEM_LAZY) {
            s = ++item->at;
        } else if (item->op == DDP_ITEM_GREEDY) {
            s = --item->at;
            if (s == item->least)
                choice = item->below;
        } else {
            /* Without the optional character, the stock matcher is back from its recursion. */
            s = item->at;
            depth = item->depth;
            choice = item->below;
        }
    }
}

/* The next place from @s on where a match may begin, or NULL. */
static const char *
skip_to_first(DdpMatcher *m, const char *s)
{
    const DdpPatternItem *first = m->program.first;
    const char *start = s;

    if (first->test == DDP_ITEM_BYTE) {
        s = s < m->end ? memchr(s, first->byte, (size_t)(m->end - s)) : NULL;
    } else {
        const DdpByteSet set = *first->set;

        while (s < m->end && !ddp_byte_set_has(&set, (unsigned char)*s))
            s++;
        s = s < m->end ? s : NULL;
    }
    ddp_meter_add(&m->meter, (size_t)((s != NULL ? s : m->end) - start) / BYTES_A_STEP);
    return s;
}

const char *
ddp_matcher_next(DdpMatcher *m, const char **start)
{
    ddp_meter_add(&m->meter, 1);
    for (const char *s = m->from; s <= m->end; s++) {
        if (m->program.first != NULL && (s = skip_to_first(m, s)) == NULL)
            return NULL;

        const char *end = match_at(m, s);

        if (end != NULL && end != m->last) {
            m->from = m->last = end;
            *start = s;
            return end;
        }
        if (m->program.anchored)
            return NULL;
    }
    return NULL;
}
