/* SPDX-License-Identifier: MIT */

/*
 * The inner part of the matrix product, for any vector width. Included by one file per
 * instruction set, which defines before:
 *
 *   Vector, Lanes     types; Lanes says which lanes of a vector take part
 *   LANES, VECS_MAX   floats in a vector; how many vectors a tile is wide at most
 *   EACH_TILE(DO)     DO(rows, vecs) for every tile, by the lists TILES_UP_TO_… below
 *   rows_max[vecs]    the highest tile of that width
 *   v_zero() v_load(p) v_store(p, v) v_splat(x) v_fma(a, b, c)
 *   lanes_first(n) v_load_lanes(p, lanes) v_store_lanes(p, lanes, v)
 *
 * A tile is a block of C held in registers while k runs. Per step it loads one row of B, and
 * one number of A per row of the tile, which it spreads over all lanes: so each lane is one
 * chain of fused multiply-adds, in the order of k. The tiles are as large as the registers
 * allow; rows are dealt out evenly, because a small last tile could not hide the latency of
 * the multiply-add.
 *
 * The loops over the tile are written out by macros: a compiler that left one of them
 * standing would keep the accumulators in memory and be four times slower.
 */

#include "model/math/kernels.h"

#define ROWS_LIMIT 14
#define VECS_LIMIT 4

/* A packed row of b costs stores; below this span (in floats) b is near enough as it lies. */
#define SPAN_NEAR 8192

typedef struct {
    size_t depth;
    const float *a;
    size_t a_row;
    size_t a_step;
    const float *b;
    size_t b_step;
    float *packed;
    float *c;
    size_t c_row;
    Lanes last; /* lanes of the last vector that are columns of C */
    bool accumulate;
} Tile;

#define EACH_VEC(DO, i) DO(i, 0) DO(i, 1) DO(i, 2) DO(i, 3)
#define EACH_CELL(DO)                                                                              \
    EACH_VEC(DO, 0)                                                                                \
    EACH_VEC(DO, 1)                                                                                \
    EACH_VEC(DO, 2)                                                                                \
    EACH_VEC(DO, 3)                                                                                \
    EACH_VEC(DO, 4)                                                                                \
    EACH_VEC(DO, 5)                                                                                \
    EACH_VEC(DO, 6)                                                                                \
    EACH_VEC(DO, 7)                                                                                \
    EACH_VEC(DO, 8)                                                                                \
    EACH_VEC(DO, 9)                                                                                \
    EACH_VEC(DO, 10)                                                                               \
    EACH_VEC(DO, 11)                                                                               \
    EACH_VEC(DO, 12)                                                                               \
    EACH_VEC(DO, 13)

#define CELL(i, j) (c + (i)*c_row + (j)*LANES)

#define ZERO(i, j)                                                                                 \
    if ((i) < rows && (j) < vecs)                                                                  \
        sum[i][j] = v_zero();

#define RELOAD(i, j)                                                                               \
    if ((i) < rows && (j) < vecs - 1)                                                              \
        sum[i][j] = v_load(CELL(i, j));                                                            \
    else if ((i) < rows && (j) == vecs - 1)                                                        \
        sum[i][j] = v_load_lanes(CELL(i, j), last);

#define STORE(i, j)                                                                                \
    if ((i) < rows && (j) < vecs - 1)                                                              \
        v_store(CELL(i, j), sum[i][j]);                                                            \
    else if ((i) < rows && (j) == vecs - 1)                                                        \
        v_store_lanes(CELL(i, j), last, sum[i][j]);

/* A packing tile reads b as the caller gave it, where the last vector may run out of the row. */
#define LOAD_B(i, j)                                                                               \
    if (packing && (j) == vecs - 1)                                                                \
        row[j] = v_load_lanes(b + (j)*LANES, last);                                                \
    else if ((j) < vecs)                                                                           \
        row[j] = v_load(b + (j)*LANES);                                                            \
    if (packing && (j) < vecs)                                                                     \
        v_store(packed + (j)*LANES, row[j]);

#define MULTIPLY_ADD(i, j)                                                                         \
    if ((i) < rows && (j) == 0)                                                                    \
        left = v_splat(a[(i)*a_row]);                                                              \
    if ((i) < rows && (j) < vecs)                                                                  \
        sum[i][j] = v_fma(left, row[j], sum[i][j]);

/* The three first arguments are constants at every call: each call is a function of its own. */
static inline __attribute__((always_inline)) void
run_tile(const int rows, const int vecs, const bool packing, const Tile *tile)
{
    Vector sum[ROWS_LIMIT][VECS_LIMIT];
    Vector row[VECS_LIMIT];
    Vector left = v_zero();
    const size_t a_row = tile->a_row;
    const size_t a_step = tile->a_step;
    const size_t b_step = tile->b_step;
    const size_t c_row = tile->c_row;
    const Lanes last = tile->last;
    const float *a = tile->a;
    const float *b = tile->b;
    float *packed = tile->packed;
    float *c = tile->c;

    if (tile->accumulate) {
        EACH_CELL(RELOAD)
    } else {
        EACH_CELL(ZERO)
    }

#pragma GCC unroll 2
    for (size_t l = tile->depth; l > 0; l--) {
        EACH_VEC(LOAD_B, 0)
        EACH_CELL(MULTIPLY_ADD)
        a += a_step;
        b += b_step;
        if (packing)
            packed += vecs * LANES;
    }

    EACH_CELL(STORE)
}

typedef void TileFunc(const Tile *tile);

#define TILE(rows, vecs)                                                                           \
    static void tile_##rows##_##vecs(const Tile *tile)                                             \
    {                                                                                              \
        run_tile(rows, vecs, false, tile);                                                         \
    }                                                                                              \
    static void tile_##rows##_##vecs##_packing(const Tile *tile)                                   \
    {                                                                                              \
        run_tile(rows, vecs, true, tile);                                                          \
    }

#define ENTRY(rows, vecs) [vecs][rows] = {tile_##rows##_##vecs, tile_##rows##_##vecs##_packing},

#define TILES_UP_TO_3(DO, vecs) DO(1, vecs) DO(2, vecs) DO(3, vecs)
#define TILES_UP_TO_4(DO, vecs) TILES_UP_TO_3(DO, vecs) DO(4, vecs)
#define TILES_UP_TO_6(DO, vecs) TILES_UP_TO_4(DO, vecs) DO(5, vecs) DO(6, vecs)
#define TILES_UP_TO_9(DO, vecs) TILES_UP_TO_6(DO, vecs) DO(7, vecs) DO(8, vecs) DO(9, vecs)
#define TILES_UP_TO_12(DO, vecs) TILES_UP_TO_9(DO, vecs) DO(10, vecs) DO(11, vecs) DO(12, vecs)
#define TILES_UP_TO_14(DO, vecs) TILES_UP_TO_12(DO, vecs) DO(13, vecs) DO(14, vecs)

EACH_TILE(TILE)

static TileFunc *const tiles[VECS_LIMIT + 1][ROWS_LIMIT + 1][2] = {EACH_TILE(ENTRY)};

/* Tiles of nearly equal height, one below the other. */
static void
run_panel(const DdpGemmPanel *panel)
{
    const unsigned vecs = (unsigned)((panel->cols + LANES - 1) / LANES);
    const unsigned last = (unsigned)(panel->cols - (vecs - 1) * LANES);
    const unsigned rows = (unsigned)panel->rows;
    const unsigned tile_count = (rows + rows_max[vecs] - 1) / rows_max[vecs];
    const unsigned tile_rows = rows / tile_count;
    unsigned higher = rows - tile_count * tile_rows; /* so many tiles have a row more */
    /* The first tile packs b for the others while it works: the copy is nearly free. */
    bool packing = !panel->b_is_packed &&
                   (last < LANES || (tile_count > 2 && panel->depth * panel->b_step > SPAN_NEAR));
    Tile tile = {
        .depth = panel->depth,
        .a = panel->a,
        .a_row = panel->a_row,
        .a_step = panel->a_step,
        .b = panel->b,
        .b_step = panel->b_step,
        .packed = panel->packed,
        .c = panel->c,
        .c_row = panel->c_row,
        .last = lanes_first(last),
        .accumulate = panel->accumulate,
    };

    for (unsigned t = 0; t < tile_count; t++) {
        unsigned height = tile_rows + (higher > 0);

        tiles[vecs][height][packing](&tile);
        if (packing) {
            tile.b = panel->packed;
            tile.b_step = vecs * LANES;
            packing = false;
        }
        tile.a += height * panel->a_row;
        tile.c += height * panel->c_row;
        higher -= higher > 0;
    }
}
