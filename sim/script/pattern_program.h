/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A Lua pattern as a list of items: a byte, a set, a repeated set, the opening of a capture ...
 *
 * The list is a straight line: patterns have no alternatives and repeat only single characters.
 * Three things follow, and the matcher rests on them. Which captures are open at an item is known
 * before any matching. An item has at most one choice open at a time, so the stack of choices
 * lives in the items, linked by `below`. And a capture needs no undoing: whoever goes back to a
 * choice passes the later items again and overwrites what they noted.
 *
 * A mistake in the pattern is an item as well (DDP_ITEM_BROKEN), the last one, and is raised when
 * the matcher comes to it, as in stock Lua: find("abc", "x[") is nil, find("x", "x[") an error.
 */

#define DDP_PATTERN_CAPTURES_MAX 32

typedef struct {
    uint64_t words[4];
} DdpByteSet;

#define DDP_BYTE_SET_BIT(byte) (UINT64_C(1) << ((byte)&63))

static inline bool
ddp_byte_set_has(const DdpByteSet *set, unsigned char byte)
{
    return (set->words[byte >> 6] & DDP_BYTE_SET_BIT(byte)) != 0;
}

typedef enum {
    DDP_ITEM_END,      /* the whole pattern has matched */
    DDP_ITEM_BYTE,     /* one character: this byte, */
    DDP_ITEM_SET,      /* one of a set, */
    DDP_ITEM_ANY,      /* or any */
    DDP_ITEM_GREEDY,   /* * and + */
    DDP_ITEM_LAZY,     /* - */
    DDP_ITEM_OPTIONAL, /* ? */
    DDP_ITEM_OPEN,     /* ( */
    DDP_ITEM_CLOSE,    /* ) */
    DDP_ITEM_POSITION, /* () */
    DDP_ITEM_BACK,     /* %1 */
    DDP_ITEM_BALANCE,  /* %bxy */
    DDP_ITEM_FRONTIER, /* %f[set] */
    DDP_ITEM_LAST,     /* $ */
    DDP_ITEM_BROKEN,
} DdpItemOp;

typedef enum {
    DDP_BROKEN_ESCAPE,   /* ends with % */
    DDP_BROKEN_SET,      /* a set without ] */
    DDP_BROKEN_BALANCE,  /* %b without two characters */
    DDP_BROKEN_FRONTIER, /* %f without a set */
    DDP_BROKEN_CLOSE,    /* a ) without ( */
    DDP_BROKEN_BACK,     /* %1 of no finished capture */
    DDP_BROKEN_CAPTURES, /* one capture too many */
} DdpBroken;

typedef struct DdpPatternItem DdpPatternItem;

struct DdpPatternItem {
    uint8_t op;            /* DdpItemOp */
    uint8_t test;          /* of a single or repeated character: DDP_ITEM_BYTE, _SET or _ANY */
    uint8_t byte;          /* to match; of %bxy, x; of DDP_BROKEN_BACK, the digit; or a capture */
    uint8_t other;         /* of %bxy, y; fewest repetitions of DDP_ITEM_GREEDY; DdpBroken */
    int depth;             /* open choice: the depth before the item */
    const DdpByteSet *set; /* borrowed; one of the program's or a constant */
    DdpPatternItem *below; /* open choice: the one to go back to after this one */
    const char *at;        /* open choice: how far the item reaches for now */
    const char *least;     /* open choice of DDP_ITEM_GREEDY: how far it reaches at least */
};

typedef struct {
    DdpPatternItem *items; /* borrowed */
    size_t item_count;
    DdpByteSet *sets; /* borrowed */
    size_t set_count;
    bool anchored;
    const DdpPatternItem *first; /* what any match must begin with; (nullable) */
    int capture_count;
    uint32_t positions; /* bit i: capture i is a position */
    uint32_t open;      /* bit i: capture i is never closed */
} DdpPatternProgram;

/* The most items and sets that a pattern of so many bytes needs. */
#define DDP_PATTERN_ITEMS_MAX(length) ((length) + 1)
#define DDP_PATTERN_SETS_MAX(length) ((length) / 2)

/**
 * ddp_pattern_compile:
 * @program: with room for its items and sets; the rest is filled in
 * @anchors: whether a '^' in front is an anchor
 *
 * Borrows nothing of @pattern.
 */
void ddp_pattern_compile(DdpPatternProgram *program, const char *pattern, size_t length,
                         bool anchors);
