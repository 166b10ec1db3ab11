/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * A generated set of wrong programs, each with a right twin, that a diagnosis is scored on.
 *
 * A program is written as a difference: lines that begin with '-' stand in the wrong variant only,
 * those with '+' in the right one only, those with a blank in both. A line that ends in "@A"
 * (any capital letter) is one that a good report shows; the generator counts where it comes to
 * stand. So a twin differs from its bug in nothing but what is wrong, and no line number is
 * written down by hand.
 *
 * Nothing here depends on time, address or chance: the same set comes out every time.
 */

typedef struct Bugset Bugset;

/* ---- which ranks ---- */

#define BUGSET_SIZE_MAX 8
#define BUGSET_ALL_SIZES                                                                           \
    {                                                                                              \
        2, 3, 4, 8                                                                                 \
    }
/* Reason does not say whom to blame: nothing is held against the report. */
#define BUGSET_ANYBODY UINT32_MAX

/* Bits of ranks: those of @few or the others, whichever are fewer; none when they are even. */
uint32_t bugset_fewer(uint32_t few, int size);
uint32_t bugset_everybody(int size);

/* ---- calls as Lua text ---- */

typedef enum {
    BUGSET_ALL_REDUCE,
    BUGSET_ALL_GATHER,
    BUGSET_ALL_GATHER_OBJECT,
    BUGSET_BROADCAST,
    BUGSET_BROADCAST_OBJECT,
    BUGSET_REDUCE,
    BUGSET_GATHER,
    BUGSET_SCATTER,
    BUGSET_REDUCE_SCATTER,
    BUGSET_ALL_TO_ALL,
    BUGSET_BARRIER,
} BugsetKind;

#define BUGSET_KIND_COUNT 11

/* What a call is about; NULL leaves the usual: tensor `t`, root 0, the world. */
typedef struct {
    const char *tensor; /* an expression */
    const char *list;   /* an expression for those that take a list; else pieces of the tensor */
    const char *object; /* an expression for those that take an object */
    const char *root;   /* an expression */
    const char *op;
    const char *group; /* a variable that holds one */
    const char *name;  /* an expression: option `name` */
    bool async;
} BugsetCall;

const char *bugset_kind_name(BugsetKind kind);
bool bugset_kind_reduces(BugsetKind kind);
bool bugset_kind_has_root(BugsetKind kind);
bool bugset_kind_has_tensor(BugsetKind kind);
bool bugset_kind_can_wait(BugsetKind kind); /* takes async_op */

/* (transfer none): lives as long as @set. @how (nullable): the usual. */
const char *bugset_call(Bugset *set, BugsetKind kind, const BugsetCall *how);
const char *bugset_text(Bugset *set, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ---- a program ---- */

typedef struct {
    const char *family;
    const char *name;
    int size;
    const char *backend;           /* NULL: nccl */
    int steps;                     /* a limit of Lua steps; 0: enough */
    const char *body;              /* the difference, see above; $key stands for a slot's value */
    const char *slots[2 * 12 + 1]; /* key, value, ..., NULL */
    /*
     * What has to be said about the wrong variant: a diagnosis, or a silent pairing, of one of
     * these classes; or a finding of this kind. With none of them there is no wrong variant: the
     * program is right, and looks as if it was not.
     */
    const char *classes[4];
    const char *finding;
    const char *outcome; /* (nullable) */
    uint32_t blamed;     /* bits of ranks, or BUGSET_ANYBODY */
} BugsetSpec;

void bugset_add(Bugset *set, const BugsetSpec *spec);

/* ---- many programs from few shapes ---- */

/* Who does what most do not, in a shape. */
typedef enum {
    BUGSET_WHO_ODD,    /* rank $odd, another one from program to program */
    BUGSET_WHO_FIRST,  /* rank 0 */
    BUGSET_WHO_LAST,   /* the last rank */
    BUGSET_WHO_EVEN,   /* the ranks 0, 2, 4, ... */
    BUGSET_WHO_NOBODY, /* nobody is to be blamed */
    BUGSET_WHO_ANY,    /* not checked */
    /* These are blamed in a world of two as well. */
    BUGSET_WHO_EXACTLY_ODD,
    BUGSET_WHO_EXACTLY_FIRST,
    BUGSET_WHO_EXACTLY_LAST,
    BUGSET_WHO_EVERYBODY,
} BugsetWho;

typedef struct {
    const char *name;
    const char *body; /* may use $odd, $call, $callx (on x), $callg (in group g), $other,
                       * $begin and $beginx (asynchronously) */
    BugsetWho who;
    const char *classes[4];
    const char *finding;
    const char *outcome;
    const char *backend;
    int steps;
    int size_min; /* 0: 2 */
} BugsetShape;

/* Each shape with each of these kinds in each world size. */
void bugset_add_shapes(Bugset *set, const char *family, const BugsetShape *shapes, int shape_count,
                       const BugsetKind *kinds, int kind_count);

/* ---- the families, a source file for a few of them ---- */

void bugset_make_missing_rank(Bugset *set);
void bugset_make_kind(Bugset *set);
void bugset_make_dtype(Bugset *set);
void bugset_make_shape(Bugset *set);
void bugset_make_op(Bugset *set);
void bugset_make_root(Bugset *set);
void bugset_make_group(Bugset *set);
void bugset_make_order(Bugset *set);
void bugset_make_cycle(Bugset *set);
void bugset_make_swap(Bugset *set);
void bugset_make_p2p(Bugset *set);
void bugset_make_uneven(Bugset *set);
void bugset_make_died(Bugset *set);
void bugset_make_endless(Bugset *set);
void bugset_make_async(Bugset *set);
void bugset_make_hidden(Bugset *set);
void bugset_make_right(Bugset *set);

/* ---- the set ---- */

/* A program written out. */
typedef struct {
    const BugsetSpec *spec;
    const char *file; /* its name, without a folder */
    const char *text;
    GArray *lines; /* of int: those that a report has to show */
} BugsetProgram;

Bugset *bugset_new(void);
void bugset_free(Bugset *set);
guint bugset_count(const Bugset *set);
const BugsetProgram *bugset_program(const Bugset *set, guint index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bugset, bugset_free)

G_END_DECLS
