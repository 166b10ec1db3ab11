/* SPDX-License-Identifier: MIT */
#include "sim/script/pattern_program.h"

/* ---- sets of bytes ---- */

static void
set_add_range(DdpByteSet *set, unsigned char first, unsigned char last)
{
    if (first > last)
        return;
    for (int i = first >> 6; i <= last >> 6; i++) {
        int low = i == first >> 6 ? first & 63 : 0;
        int high = i == last >> 6 ? last & 63 : 63;

        set->words[i] |= UINT64_MAX << low & UINT64_MAX >> (63 - high);
    }
}

static void
set_add_all(DdpByteSet *set, const DdpByteSet *other, bool complement)
{
    for (int i = 0; i < 4; i++)
        set->words[i] |= complement ? ~other->words[i] : other->words[i];
}

/*
 * The set that %letter stands for, or NULL if the character stands for itself. For a capital
 * letter it is the complement of the set. Classes are those of the "C" locale: none holds a byte
 * above 127.
 */
static const DdpByteSet *
class_of(char letter, bool *complement)
{
    static const DdpByteSet alpha = {{0, 0x07fffffe07fffffe}};
    static const DdpByteSet control = {{0x00000000ffffffff, 0x8000000000000000}};
    static const DdpByteSet digit = {{0x03ff000000000000}};
    static const DdpByteSet graphic = {{0xfffffffe00000000, 0x7fffffffffffffff}};
    static const DdpByteSet lower = {{0, 0x07fffffe00000000}};
    static const DdpByteSet punctuation = {{0xfc00fffe00000000, 0x78000001f8000001}};
    static const DdpByteSet space = {{0x0000000100003e00}};
    static const DdpByteSet upper = {{0, 0x0000000007fffffe}};
    static const DdpByteSet alphanumeric = {{0x03ff000000000000, 0x07fffffe07fffffe}};
    static const DdpByteSet hexadecimal = {{0x03ff000000000000, 0x0000007e0000007e}};
    static const DdpByteSet zero = {{1}}; /* no longer in the manual, and still there */

    *complement = letter >= 'A' && letter <= 'Z';
    switch (*complement ? letter - 'A' + 'a' : letter) {
    case 'a':
        return &alpha;
    case 'c':
        return &control;
    case 'd':
        return &digit;
    case 'g':
        return &graphic;
    case 'l':
        return &lower;
    case 'p':
        return &punctuation;
    case 's':
        return &space;
    case 'u':
        return &upper;
    case 'w':
        return &alphanumeric;
    case 'x':
        return &hexadecimal;
    case 'z':
        return &zero;
    default:
        return NULL;
    }
}

/* ---- from pattern to program ---- */

static DdpPatternItem *
add_item(DdpPatternProgram *program, DdpItemOp op)
{
    DdpPatternItem *item = &program->items[program->item_count++];

    item->op = (uint8_t)op;
    item->test = DDP_ITEM_ANY;
    item->byte = 0;
    item->other = 0;
    item->set = NULL;
    return item;
}

static void
add_broken(DdpPatternProgram *program, DdpBroken why)
{
    add_item(program, DDP_ITEM_BROKEN)->other = (uint8_t)why;
}

static DdpByteSet *
add_set(DdpPatternProgram *program)
{
    DdpByteSet *set = &program->sets[program->set_count++];

    *set = (DdpByteSet){{0}};
    return set;
}

/*
 * @p stands behind the '['. A ']' in the first place belongs to the set, and so does one behind
 * a '%'. Returns the closing ']' or NULL.
 */
static const char *
set_end(const char *p, const char *end)
{
    if (p < end && *p == '^')
        p++;
    for (bool first = true; p < end; first = false) {
        if (*p == ']' && !first)
            return p;
        if (*p++ == '%' && p < end)
            p++;
    }
    return NULL;
}

/* Reads the set whose '[' stands before @p. Returns what comes behind it, or NULL. */
static const char *
parse_set(DdpPatternProgram *program, const char *p, const char *end, const DdpByteSet **result)
{
    const char *close = set_end(p, end);

    if (close == NULL)
        return NULL;

    DdpByteSet *set = add_set(program);
    bool complement = *p == '^';

    for (p += complement; p < close; p++) {
        if (*p == '%') {
            bool capital;
            const DdpByteSet *class = class_of(*++p, &capital);

            if (class != NULL)
                set_add_all(set, class, capital);
            else
                set_add_range(set, (unsigned char)*p, (unsigned char)*p);
        } else if (close - p > 2 && p[1] == '-') {
            set_add_range(set, (unsigned char)p[0], (unsigned char)p[2]);
            p += 2;
        } else {
            set_add_range(set, (unsigned char)*p, (unsigned char)*p);
        }
    }
    for (int i = 0; i < 4 && complement; i++)
        set->words[i] = ~set->words[i];
    *result = set;
    return close + 1;
}

/* The set that %letter stands for outside of a set, or NULL. */
static const DdpByteSet *
parse_class(DdpPatternProgram *program, char letter)
{
    bool capital;
    const DdpByteSet *class = class_of(letter, &capital);

    if (class == NULL || !capital)
        return class;

    DdpByteSet *set = add_set(program);

    set_add_all(set, class, true);
    return set;
}

/* A single character or set and, behind it, how often. NULL if the rest cannot be read. */
static const char *
parse_single(DdpPatternProgram *program, const char *p, const char *end)
{
    const DdpByteSet *set = NULL;
    char byte = *p++;
    DdpItemOp test = DDP_ITEM_BYTE;

    if (byte == '.') {
        test = DDP_ITEM_ANY;
    } else if (byte == '[') {
        p = parse_set(program, p, end, &set);
        if (p == NULL) {
            add_broken(program, DDP_BROKEN_SET);
            return NULL;
        }
        test = DDP_ITEM_SET;
    } else if (byte == '%') {
        if (p == end) {
            add_broken(program, DDP_BROKEN_ESCAPE);
            return NULL;
        }
        byte = *p++;
        set = parse_class(program, byte);
        test = set != NULL ? DDP_ITEM_SET : DDP_ITEM_BYTE;
    }

    DdpPatternItem *item = add_item(program, test);

    item->test = (uint8_t)test;
    item->byte = (uint8_t)byte;
    item->set = set;
    if (p == end)
        return p;
    switch (*p) {
    case '*':
    case '+':
        item->op = DDP_ITEM_GREEDY;
        item->other = *p == '+';
        return p + 1;
    case '-':
        item->op = DDP_ITEM_LAZY;
        return p + 1;
    case '?':
        item->op = DDP_ITEM_OPTIONAL;
        return p + 1;
    default:
        return p;
    }
}

static const char *
parse_open(DdpPatternProgram *program, const char *p, const char *end)
{
    bool position = end - p > 1 && p[1] == ')';

    if (program->capture_count == DDP_PATTERN_CAPTURES_MAX) {
        add_broken(program, DDP_BROKEN_CAPTURES);
        return NULL;
    }

    int capture = program->capture_count++;

    add_item(program, position ? DDP_ITEM_POSITION : DDP_ITEM_OPEN)->byte = (uint8_t)capture;
    if (position)
        program->positions |= UINT32_C(1) << capture;
    else
        program->open |= UINT32_C(1) << capture;
    return p + (position ? 2 : 1);
}

static const char *
parse_close(DdpPatternProgram *program, const char *p)
{
    int capture = program->capture_count - 1;

    while (capture >= 0 && (program->open >> capture & 1) == 0)
        capture--;
    if (capture < 0) {
        add_broken(program, DDP_BROKEN_CLOSE);
        return NULL;
    }
    add_item(program, DDP_ITEM_CLOSE)->byte = (uint8_t)capture;
    program->open &= ~(UINT32_C(1) << capture);
    return p + 1;
}

static const char *
parse_balance(DdpPatternProgram *program, const char *p, const char *end)
{
    if (end - p < 4) {
        add_broken(program, DDP_BROKEN_BALANCE);
        return NULL;
    }

    DdpPatternItem *item = add_item(program, DDP_ITEM_BALANCE);

    item->byte = (uint8_t)p[2];
    item->other = (uint8_t)p[3];
    return p + 4;
}

static const char *
parse_frontier(DdpPatternProgram *program, const char *p, const char *end)
{
    const DdpByteSet *set;

    if (end - p < 3 || p[2] != '[') {
        add_broken(program, DDP_BROKEN_FRONTIER);
        return NULL;
    }
    p = parse_set(program, p + 3, end, &set);
    if (p == NULL)
        add_broken(program, DDP_BROKEN_SET);
    else
        add_item(program, DDP_ITEM_FRONTIER)->set = set;
    return p;
}

static const char *
parse_back(DdpPatternProgram *program, const char *p)
{
    int capture = p[1] - '1';

    if (capture < 0 || capture >= program->capture_count || (program->open >> capture & 1) != 0) {
        DdpPatternItem *item = add_item(program, DDP_ITEM_BROKEN);

        item->other = DDP_BROKEN_BACK;
        item->byte = (uint8_t)(p[1] - '0');
        return NULL;
    }
    add_item(program, DDP_ITEM_BACK)->byte = (uint8_t)capture;
    return p + 2;
}

/* Returns what comes behind the item at @p, or NULL if there is nothing to be reached behind it. */
static const char *
parse_item(DdpPatternProgram *program, const char *p, const char *end)
{
    switch (*p) {
    case '(':
        return parse_open(program, p, end);
    case ')':
        return parse_close(program, p);
    case '$':
        if (end - p > 1)
            return parse_single(program, p, end);
        add_item(program, DDP_ITEM_LAST);
        return end;
    case '%':
        if (end - p > 1 && p[1] == 'b')
            return parse_balance(program, p, end);
        if (end - p > 1 && p[1] == 'f')
            return parse_frontier(program, p, end);
        if (end - p > 1 && p[1] >= '0' && p[1] <= '9')
            return parse_back(program, p);
        return parse_single(program, p, end);
    default:
        return parse_single(program, p, end);
    }
}

/* Finds the item that lets the search pass over most starts at a glance, if there is one. */
static void
note_first(DdpPatternProgram *program)
{
    const DdpPatternItem *item = program->items;

    program->first = NULL;
    while (item->op == DDP_ITEM_OPEN || item->op == DDP_ITEM_POSITION)
        item++;
    if (program->anchored || item->test == DDP_ITEM_ANY)
        return;
    if (item->op == DDP_ITEM_BYTE || item->op == DDP_ITEM_SET ||
        (item->op == DDP_ITEM_GREEDY && item->other > 0))
        program->first = item;
}

void
ddp_pattern_compile(DdpPatternProgram *program, const char *pattern, size_t length, bool anchors)
{
    const char *end = pattern + length;

    program->item_count = 0;
    program->set_count = 0;
    program->capture_count = 0;
    program->positions = 0;
    program->open = 0;
    program->anchored = anchors && length > 0 && *pattern == '^';
    for (const char *p = pattern + program->anchored; p != NULL && p < end;)
        p = parse_item(program, p, end);
    add_item(program, DDP_ITEM_END);
    note_first(program);
}
