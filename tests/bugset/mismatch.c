/* SPDX-License-Identifier: MIT */
/* Ranks that meet in one collective with different calls: kind, dtype, shape, op and root. */
#include "tests/bugset/bugset.h"

static const int sizes[] = BUGSET_ALL_SIZES;

/* The sides stand at two lines ... */
static const char two_lines[] = "-if r == $odd then\n"
                                "-  $few @A\n"
                                "-else\n"
                                "   $most @B\n"
                                "-end\n";
/* ... or at one, to which they came with different values. */
static const char one_line[] = "-local x = r == $odd and $bad or $good\n"
                               "+local x = $good\n"
                               " $callx @A\n";

static void
add_sides(Bugset *set, const char *family, const char *name, const char *backend, int size, int odd,
          const char *few, const char *most)
{
    const BugsetSpec spec = {
        .family = family,
        .name = name,
        .size = size,
        .backend = backend,
        .body = two_lines,
        .slots = {"odd", bugset_text(set, "%d", odd), "few", few, "most", most},
        .classes = {family},
        .blamed = bugset_fewer(UINT32_C(1) << odd, size),
    };

    bugset_add(set, &spec);
}

static void
add_values(Bugset *set, const char *family, const char *name, int size, int odd, const char *bad,
           const char *good, const char *callx)
{
    const BugsetSpec spec = {
        .family = family,
        .name = name,
        .size = size,
        .body = one_line,
        .slots = {"odd", bugset_text(set, "%d", odd), "bad", bad, "good", good, "callx", callx},
        .classes = {family},
        .blamed = bugset_fewer(UINT32_C(1) << odd, size),
    };

    bugset_add(set, &spec);
}

/* ---- kind ---- */

static void
add_halves(Bugset *set, BugsetKind few, BugsetKind most, int size)
{
    const BugsetSpec spec = {
        .family = "kind",
        .name = bugset_text(set, "halves-%s-%s", bugset_kind_name(few), bugset_kind_name(most)),
        .size = size,
        .body = " dist.barrier()\n"
                "-if r % 2 == 0 then\n"
                "-  $few @A\n"
                "-else\n"
                "   $most @B\n"
                "-end\n",
        .slots = {"few", bugset_call(set, few, NULL), "most", bugset_call(set, most, NULL)},
        .classes = {"kind"},
        .blamed = bugset_fewer(UINT32_C(0x55) & bugset_everybody(size), size),
    };

    bugset_add(set, &spec);
}

/* Three different calls: no two of them are the mistake of one rank. */
static void
add_three(Bugset *set, BugsetKind one, int size)
{
    BugsetKind two = (BugsetKind)((one + 1) % BUGSET_KIND_COUNT);
    BugsetKind rest = (BugsetKind)((one + 5) % BUGSET_KIND_COUNT);
    const BugsetSpec spec = {
        .family = "kind",
        .name = bugset_text(set, "three-%s", bugset_kind_name(one)),
        .size = size,
        .body = "-if r == 0 then\n"
                "-  $one @A\n"
                "-elseif r == 1 then\n"
                "-  $two @B\n"
                "-else\n"
                "   $rest @C\n"
                "-end\n",
        .slots = {"one", bugset_call(set, one, NULL), "two", bugset_call(set, two, NULL), "rest",
                  bugset_call(set, rest, NULL)},
        .classes = {"kind"},
        .blamed = size == 3   ? 0
                  : size == 4 ? BUGSET_ANYBODY
                              : 3,
    };

    bugset_add(set, &spec);
}

/* In a group of all but the last rank. */
static void
add_in_group(Bugset *set, BugsetKind few, BugsetKind most)
{
    const BugsetCall in_group = {.group = "g"};
    const BugsetSpec spec = {
        .family = "kind",
        .name = bugset_text(set, "group-%s-%s", bugset_kind_name(few), bugset_kind_name(most)),
        .size = 4,
        .body = " local g = dist.new_group({ 0, 1, 2 })\n"
                "-if r == 2 then\n"
                "-  $few @A\n"
                "-elseif g:rank() >= 0 then\n"
                "+if g:rank() >= 0 then\n"
                "   $most @B\n"
                " end\n",
        .slots = {"few", bugset_call(set, few, &in_group), "most",
                  bugset_call(set, most, &in_group)},
        .classes = {"kind"},
        .blamed = 1 << 2,
    };

    bugset_add(set, &spec);
}

void
bugset_make_kind(Bugset *set)
{
    for (int few = 0; few < BUGSET_KIND_COUNT; few++) {
        BugsetKind next = (BugsetKind)((few + 1) % BUGSET_KIND_COUNT);

        for (int most = 0; most < BUGSET_KIND_COUNT; most++) {
            const char *name = bugset_text(set, "%s-%s", bugset_kind_name((BugsetKind)few),
                                           bugset_kind_name((BugsetKind)most));

            for (size_t i = 0; few != most && i < G_N_ELEMENTS(sizes); i++)
                add_sides(set, "kind", name, NULL, sizes[i], (few + most) % sizes[i],
                          bugset_call(set, (BugsetKind)few, NULL),
                          bugset_call(set, (BugsetKind)most, NULL));
        }
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
            add_halves(set, (BugsetKind)few, next, sizes[i]);
            if (sizes[i] >= 3)
                add_three(set, (BugsetKind)few, sizes[i]);
        }
        add_in_group(set, (BugsetKind)few, next);
    }
}

/* ---- dtype ---- */

static void
add_dtypes(Bugset *set, BugsetKind kind, const char *bad, const char *good, int size, int odd)
{
    const char *name = bugset_text(set, "%s-%s-%s", bugset_kind_name(kind), bad, good);
    const char *of_bad = bugset_text(set, "torch.ones(4, { dtype = torch.%s })", bad);
    const char *of_good = bugset_text(set, "torch.ones(4, { dtype = torch.%s })", good);
    const BugsetCall few = {.tensor = of_bad}, most = {.tensor = of_good}, on_x = {.tensor = "x"};

    add_sides(set, "dtype", name, NULL, size, odd, bugset_call(set, kind, &few),
              bugset_call(set, kind, &most));
    add_values(set, "dtype", bugset_text(set, "value-%s", name), size, odd, of_bad, of_good,
               bugset_call(set, kind, &on_x));
}

/* A receiver of scatter brings no tensor of its own: nothing there can differ. */
static bool
brings_tensor(int kind)
{
    return bugset_kind_has_tensor((BugsetKind)kind) && kind != BUGSET_SCATTER;
}

void
bugset_make_dtype(Bugset *set)
{
    static const char *const pairs[][2] = {{"float64", "float32"}, {"int32", "float32"},
                                           {"float16", "float32"}, {"float16", "bfloat16"},
                                           {"int64", "int32"},     {"uint8", "int64"}};

    for (int kind = 0; kind < BUGSET_KIND_COUNT; kind++) {
        for (int pair = 0; brings_tensor(kind) && pair < (int)G_N_ELEMENTS(pairs); pair++) {
            for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
                add_dtypes(set, (BugsetKind)kind, pairs[pair][0], pairs[pair][1], sizes[i],
                           (kind + pair) % sizes[i]);
        }
    }
}

/* ---- shape ---- */

static void
add_tensor_shapes(Bugset *set, BugsetKind kind, const char *what, const char *bad, const char *good,
                  int size, int odd)
{
    const char *name = bugset_text(set, "%s-%s", bugset_kind_name(kind), what);
    const BugsetCall few = {.tensor = bad}, most = {.tensor = good}, on_x = {.tensor = "x"};

    add_sides(set, "shape", name, NULL, size, odd, bugset_call(set, kind, &few),
              bugset_call(set, kind, &most));
    add_values(set, "shape", bugset_text(set, "value-%s", name), size, odd, bad, good,
               bugset_call(set, kind, &on_x));
}

void
bugset_make_shape(Bugset *set)
{
    static const struct {
        const char *what, *bad, *good;
    } pairs[] = {
        {"longer", "torch.ones(6)", "torch.ones(4)"},
        {"shorter", "torch.ones(3)", "torch.ones(4)"},
        {"empty", "torch.zeros(0)", "torch.ones(4)"},
        {"inner", "torch.ones(2, 3)", "torch.ones(2, 2)"},
        {"same_count", "torch.ones(2, 2)", "torch.ones(4)"},
        {"turned", "torch.ones(3, 2)", "torch.ones(2, 3)"},
    };

    for (int kind = 0; kind < BUGSET_KIND_COUNT; kind++) {
        for (int pair = 0; brings_tensor(kind) && pair < (int)G_N_ELEMENTS(pairs); pair++) {
            /* Pieces of all_to_all may have any length; the rest of their shape must agree. */
            if (kind == BUGSET_ALL_TO_ALL && pair < 3)
                continue;
            for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
                add_tensor_shapes(set, (BugsetKind)kind, pairs[pair].what, pairs[pair].bad,
                                  pairs[pair].good, sizes[i], (kind + pair) % sizes[i]);
        }
    }
}

/* ---- op ---- */

void
bugset_make_op(Bugset *set)
{
    static const struct {
        const char *bad, *good; /* NULL: not given, which is sum */
        const char *backend;
    } pairs[] = {
        {"max", "sum", "nccl"}, {"max", NULL, "gloo"},     {"avg", "sum", "nccl"},
        {"min", "max", "nccl"}, {"product", NULL, "nccl"}, {"band", "bor", "gloo"},
    };

    for (int kind = 0; kind < BUGSET_KIND_COUNT; kind++) {
        for (int pair = 0; bugset_kind_reduces((BugsetKind)kind) && pair < (int)G_N_ELEMENTS(pairs);
             pair++) {
            const char *tensor = pair == 5 ? "torch.ones(4, { dtype = torch.int32 })" : "t";
            const BugsetCall few = {.tensor = tensor, .op = pairs[pair].bad};
            const BugsetCall most = {.tensor = tensor, .op = pairs[pair].good};
            const char *name =
                bugset_text(set, "%s-%s-%s", bugset_kind_name((BugsetKind)kind), pairs[pair].bad,
                            pairs[pair].good != NULL ? pairs[pair].good : "default");

            for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
                add_sides(set, "op", name, pairs[pair].backend, sizes[i], (kind + pair) % sizes[i],
                          bugset_call(set, (BugsetKind)kind, &few),
                          bugset_call(set, (BugsetKind)kind, &most));
        }
    }
}

/* ---- root ---- */

/* Each rank names itself: nobody is the exception. */
static void
add_own_root(Bugset *set, BugsetKind kind, int size)
{
    const BugsetCall own = {.root = "r"};
    const BugsetSpec spec = {
        .family = "root",
        .name = bugset_text(set, "own-%s", bugset_kind_name(kind)),
        .size = size,
        .body = "-$own @A\n"
                "+$call\n",
        .slots = {"own", bugset_call(set, kind, &own), "call", bugset_call(set, kind, NULL)},
        .classes = {"root"},
        .blamed = 0,
    };

    bugset_add(set, &spec);
}

static void
add_root_value(Bugset *set, BugsetKind kind, int size, int odd)
{
    const BugsetCall by_x = {.root = "x"};
    const char *bad = bugset_text(set, "%d", odd == 0 ? 1 : odd);

    add_values(set, "root", bugset_text(set, "value-%s", bugset_kind_name(kind)), size, odd, bad,
               "0", bugset_call(set, kind, &by_x));
}

void
bugset_make_root(Bugset *set)
{
    for (int kind = 0; kind < BUGSET_KIND_COUNT; kind++) {
        for (size_t i = 0; bugset_kind_has_root((BugsetKind)kind) && i < G_N_ELEMENTS(sizes); i++) {
            for (int odd = 0; odd < 2; odd++) {
                const BugsetCall few = {.root = "1"};

                add_sides(set, "root",
                          bugset_text(set, "%s-%d", bugset_kind_name((BugsetKind)kind), odd), NULL,
                          sizes[i], odd, bugset_call(set, (BugsetKind)kind, &few),
                          bugset_call(set, (BugsetKind)kind, NULL));
            }
            add_root_value(set, (BugsetKind)kind, sizes[i], kind % sizes[i]);
            add_own_root(set, (BugsetKind)kind, sizes[i]);
        }
    }
}
