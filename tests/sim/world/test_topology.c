/* SPDX-License-Identifier: MIT */
#include "sim/world/topology.h"

#include <math.h>
#include <string.h>

#include "sim/world/error.h"
#include "tests/testutil.h"

/*
 * The costs against three other derivations: algorithms played out message by message with a clock
 * per rank; the formulas in whole numbers, on links of whole nanoseconds a byte, where no float can
 * be wrong; and a few written down by hand.
 */

static DdpTopology
parse(const char *text)
{
    DdpTopology topology;
    g_autoptr(GError) error = NULL;

    ck_assert_msg(ddp_topology_parse(text, &topology, &error), "%s",
                  error != NULL ? error->message : "");
    return topology;
}

/* A link of @latency ns and @beta whole ns a byte. */
static DdpLink
whole_link(int64_t latency, int64_t beta)
{
    return (DdpLink){.latency_ns = latency, .bytes_per_s = 1e9 / (double)beta};
}

/* ---- played out ---------------------------------------------------------------------- */

#define MEMBERS_MAX 70

/* When each member is ready for its next step, and how many bytes it takes for a message. */
typedef struct {
    int members;
    int64_t alpha, beta;
    int64_t clock[MEMBERS_MAX];
} Play;

static Play
play_new(int members, int64_t alpha, int64_t beta)
{
    return (Play){.members = members, .alpha = alpha, .beta = beta};
}

static int64_t
play_end(const Play *play)
{
    int64_t end = 0;

    for (int i = 0; i < play->members; i++)
        end = MAX(end, play->clock[i]);
    return end;
}

/* Both are busy until the message is over. */
static void
play_message(Play *play, int from, int to, int64_t bytes)
{
    int64_t end = MAX(play->clock[from], play->clock[to]) + play->alpha + bytes * play->beta;

    play->clock[from] = end;
    play->clock[to] = end;
}

/* Every member sends @bytes to the one @distance further on; all at once. */
static void
play_shift(Play *play, int distance, int64_t bytes)
{
    int64_t before[MEMBERS_MAX];

    memcpy(before, play->clock, sizeof before);
    for (int i = 0; i < play->members; i++) {
        int from = (i - distance % play->members + play->members) % play->members;

        play->clock[i] = MAX(before[i], before[from]) + play->alpha + bytes * play->beta;
    }
}

static int64_t
played_ring(int members, int64_t alpha, int64_t beta, int steps, int64_t bytes)
{
    Play play = play_new(members, alpha, beta);

    for (int i = 0; i < steps; i++)
        play_shift(&play, 1, bytes);
    return play_end(&play);
}

/* The binomial tree: who has it passes it on to the next who has not. */
static void
play_tree_broadcast(Play *play, int64_t bytes)
{
    for (int have = 1; have < play->members; have *= 2) {
        for (int i = 0; i < have && have + i < play->members; i++)
            play_message(play, i, have + i, bytes);
    }
}

static int64_t
played_tree(int members, int64_t alpha, int64_t beta, int64_t bytes)
{
    Play play = play_new(members, alpha, beta);

    play_tree_broadcast(&play, bytes);
    return play_end(&play);
}

/* The tree read from the leaves to the root, then as a broadcast. */
static int64_t
played_tree_all_reduce(int members, int64_t alpha, int64_t beta, int64_t bytes)
{
    Play play = play_new(members, alpha, beta);
    int have = 1;

    while (have < members)
        have *= 2;
    for (have /= 2; have >= 1; have /= 2) {
        for (int i = 0; i < have && have + i < members; i++)
            play_message(&play, have + i, i, bytes);
    }
    play_tree_broadcast(&play, bytes);
    return play_end(&play);
}

static int64_t
played_dissemination(int members, int64_t alpha)
{
    Play play = play_new(members, alpha, 0);

    for (int distance = 1; distance < members; distance *= 2)
        play_shift(&play, distance, 0);
    return play_end(&play);
}

/* A port that takes in @count messages of @bytes one after the other, sent at the same time. */
static int64_t
played_port(int count, int64_t alpha, int64_t beta, int64_t bytes)
{
    int64_t arrived = alpha;

    for (int i = 0; i < count; i++)
        arrived += bytes * beta;
    return arrived;
}

static int64_t
min3(int64_t a, int64_t b, int64_t c)
{
    return MIN(a, MIN(b, c));
}

static const struct {
    int64_t alpha, beta;
} played_links[] = {{1000, 1}, {5, 3}, {100000, 2}, {0, 1}, {700, 0}};

#define PLAYED_SIZES 5

START_TEST(test_one_node_costs_what_playing_the_messages_gives)
{
    int p = _i;

    for (size_t k = 0; k < G_N_ELEMENTS(played_links); k++) {
        int64_t alpha = played_links[k].alpha;
        int64_t beta = played_links[k].beta;
        DdpTopology t = {.inter = {12345, 1.0}, .inter_links = 3}; /* not used on one node */

        t.intra = beta > 0 ? whole_link(alpha, beta) : (DdpLink){.latency_ns = alpha};
        for (int s = 0; s < PLAYED_SIZES; s++) {
            static const int64_t sizes[PLAYED_SIZES] = {0, 1, 7, 1000, 1000000};
            int64_t n = sizes[s] * p; /* so that a chunk is whole */
            int64_t ring = played_ring(p, alpha, beta, 2 * (p - 1), n / p);
            int64_t tree = played_tree_all_reduce(p, alpha, beta, n);
            int64_t all_gather = played_ring(p, alpha, beta, p - 1, n);
            /* The pipeline of a chain in its limit of small pieces: once through, then the bytes.
             */
            int64_t chain = played_ring(p, alpha, 0, p - 1, 0) + n * beta;
            int64_t broadcast = MIN(chain, played_tree(p, alpha, beta, n));
            int64_t port = played_port(p - 1, alpha, beta, n);
            int64_t barrier =
                min3(played_dissemination(p, alpha), played_tree_all_reduce(p, alpha, beta, 4),
                     2 * (p - 1) * alpha + (2 * (p - 1) * 4 * beta * 2 + p) / (2 * p));
            const struct {
                DdpCallKind kind;
                int64_t expected;
            } kinds[] = {
                {DDP_CALL_ALL_REDUCE, MIN(ring, tree)},
                {DDP_CALL_ALL_GATHER, all_gather},
                {DDP_CALL_REDUCE_SCATTER, all_gather},
                {DDP_CALL_BROADCAST, broadcast},
                {DDP_CALL_REDUCE, broadcast},
                {DDP_CALL_GATHER, port},
                {DDP_CALL_SCATTER, port},
                {DDP_CALL_ALL_TO_ALL, port},
                {DDP_CALL_BARRIER, barrier},
                {DDP_CALL_NEW_GROUP, barrier},
                {DDP_CALL_MONITORED_BARRIER, 2 * alpha},
                {DDP_CALL_ALL_GATHER_OBJECT, played_ring(p, alpha, beta, p - 1, 8) + all_gather},
                {DDP_CALL_BROADCAST_OBJECT,
                 MIN(chain - n * beta + 8 * beta, played_tree(p, alpha, beta, 8)) + broadcast},
            };

            for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
                int64_t cost = ddp_topology_cost_ns(&t, kinds[i].kind, (size_t)n, p, 1, p);

                ck_assert_msg(
                    cost == kinds[i].expected,
                    "%s of %" G_GINT64_FORMAT " bytes, %d members, α=%" G_GINT64_FORMAT
                    " β=%" G_GINT64_FORMAT ": %" G_GINT64_FORMAT ", expected %" G_GINT64_FORMAT,
                    ddp_call_kind_name(kinds[i].kind), n, p, alpha, beta, cost, kinds[i].expected);
            }
        }
    }
}
END_TEST

/* ---- two levels, in whole numbers ---------------------------------------------------- */

typedef struct {
    int p, q, m;
    int links;
    int64_t a1, b1, a2, b2; /* ns, and ns a byte */
} Grid;

static int64_t
whole_lg(int64_t count)
{
    int64_t stages = 0;

    while ((1 << stages) < count)
        stages++;
    return stages;
}

/* Time of @bytes over all of a node's links; the sizes of the tests divide. */
static int64_t
node_time(const Grid *g, int64_t bytes)
{
    int64_t links = MIN(g->links, g->m);

    ck_assert_int_eq(bytes * g->b2 % links, 0);
    return bytes * g->b2 / links;
}

static int64_t
slowest_time(const Grid *g, int64_t bytes)
{
    int64_t inside = g->m > 1 ? bytes * g->b1 : 0;
    int64_t outside = g->q > 1 ? node_time(g, bytes) : 0;

    return MAX(inside, outside);
}

/* Which way was cheapest, over all calls: a test that never meets one proves nothing of it. */
enum {
    WAY_RING,
    WAY_SHARDS_RING,
    WAY_SHARDS_TREE,
    WAY_LEADERS_RING,
    WAY_LEADERS_TREE,
    WAY_COUNT,
};

static int64_t
cheapest(const int64_t *costs, size_t count, int *wins)
{
    size_t best = 0;

    for (size_t i = 1; i < count; i++)
        best = costs[i] < costs[best] ? i : best;
    wins[best]++;
    return costs[best];
}

static int64_t
expected_all_reduce(const Grid *g, int64_t n, int *wins)
{
    int64_t p = g->p, q = g->q, m = g->m;
    int64_t node_ring = 2 * (q - 1) * (g->a2 + node_time(g, n / q));
    int64_t node_tree = 2 * whole_lg(q) * (g->a2 + node_time(g, n));
    int64_t one_ring = 2 * (q - 1) * (g->a2 + n / q * g->b2);
    int64_t one_tree = 2 * whole_lg(q) * (g->a2 + n * g->b2);
    int64_t shards = 2 * (m - 1) * (g->a1 + n / m * g->b1);
    int64_t leaders = 2 * whole_lg(m) * (g->a1 + n * g->b1);
    const int64_t costs[WAY_COUNT] = {
        [WAY_RING] =
            2 * (p - q) * g->a1 + 2 * (q - 1) * g->a2 + 2 * (p - 1) * slowest_time(g, n / p),
        [WAY_SHARDS_RING] = shards + node_ring,
        [WAY_SHARDS_TREE] = shards + node_tree,
        [WAY_LEADERS_RING] = leaders + one_ring,
        [WAY_LEADERS_TREE] = leaders + one_tree,
    };

    return cheapest(costs, WAY_COUNT, wins);
}

static int64_t
expected_all_gather(const Grid *g, int64_t n, int *wins)
{
    int64_t p = g->p, q = g->q, m = g->m;
    const int64_t costs[2] = {
        (p - q) * g->a1 + (q - 1) * g->a2 + (p - 1) * slowest_time(g, n),
        (q - 1) * (g->a2 + node_time(g, m * n)) + (m - 1) * (g->a1 + q * n * g->b1),
    };

    return cheapest(costs, 2, wins);
}

static int64_t
expected_broadcast(const Grid *g, int64_t n, int *wins)
{
    int64_t p = g->p, q = g->q, m = g->m;
    int64_t chain_nodes = q > 1 ? (q - 1) * g->a2 + n * g->b2 : 0;
    int64_t tree_nodes = whole_lg(q) * (g->a2 + n * g->b2);
    int64_t chain = m > 1 ? (m - 1) * g->a1 + n * g->b1 : 0;
    int64_t tree = whole_lg(m) * (g->a1 + n * g->b1);
    const int64_t costs[WAY_COUNT] = {
        (p - q) * g->a1 + (q - 1) * g->a2 + slowest_time(g, n),
        chain_nodes + chain,
        chain_nodes + tree,
        tree_nodes + chain,
        tree_nodes + tree,
    };

    return cheapest(costs, WAY_COUNT, wins);
}

/* p, q, m: even and uneven nodes, one member a node, one node. */
static const int layouts[][3] = {
    {8, 2, 4},   {16, 4, 4},     {6, 6, 1},       {5, 2, 4},
    {12, 1, 12}, {1024, 128, 8}, {4096, 2, 2048}, {9, 3, 5},
};

static const int64_t link_pairs[][4] = {
    /* a1, b1, a2, b2 */
    {1000, 1, 5000, 10}, {1000, 1, 5000, 1},   {2000, 10, 4000, 1},
    {10, 1, 90000, 40},  {50000, 1, 1000, 20}, {1000, 1, 1000000, 1},
};

static void
assert_cost(const Grid *g, DdpCallKind kind, int64_t n, int64_t expected)
{
    DdpTopology t = {
        .intra = whole_link(g->a1, g->b1),
        .inter = whole_link(g->a2, g->b2),
        .inter_links = g->links,
    };
    int64_t cost = ddp_topology_cost_ns(&t, kind, (size_t)n, g->p, g->q, g->m);

    expected = MIN(expected, DDP_TOPOLOGY_NS_MAX);
    /* 1e9 / b of a whole b, and back, and by a chunk, are each rounded: a part in 2^50 may go. */
    ck_assert_msg(ABS(cost - expected) <= 1 + (expected >> 50),
                  "%s of %" G_GINT64_FORMAT " bytes on %d/%d/%d: %" G_GINT64_FORMAT
                  ", expected %" G_GINT64_FORMAT,
                  ddp_call_kind_name(kind), n, g->p, g->q, g->m, cost, expected);
}

START_TEST(test_several_nodes_cost_the_least_of_the_formulas)
{
    int all_reduce_wins[WAY_COUNT] = {0};
    int all_gather_wins[WAY_COUNT] = {0};
    int broadcast_wins[WAY_COUNT] = {0};

    for (size_t l = 0; l < G_N_ELEMENTS(layouts); l++) {
        for (size_t k = 0; k < G_N_ELEMENTS(link_pairs); k++) {
            for (int links = 1; links <= 8; links *= 2) {
                const int64_t *pair = link_pairs[k];
                Grid g = {layouts[l][0], layouts[l][1], layouts[l][2], links,
                          pair[0],       pair[1],       pair[2],       pair[3]};
                int64_t whole = (int64_t)g.p * g.q * g.m * MIN(g.links, g.m);

                for (int64_t n = 0; n < INT64_C(1) << 34; n = n == 0 ? whole : 8 * n) {
                    int64_t inside = g.m > 1 ? g.a1 + (g.m - 1) * n * g.b1 : 0;
                    int64_t root = g.q > 1 ? g.a2 + (g.p - g.m) * n * g.b2 : 0;
                    int64_t leaving =
                        g.q > 1 ? g.a2 + node_time(&g, (int64_t)g.m * (g.p - g.m) * n) : 0;

                    assert_cost(&g, DDP_CALL_ALL_REDUCE, n,
                                expected_all_reduce(&g, n, all_reduce_wins));
                    assert_cost(&g, DDP_CALL_ALL_GATHER, n,
                                expected_all_gather(&g, n, all_gather_wins));
                    assert_cost(&g, DDP_CALL_REDUCE_SCATTER, n,
                                expected_all_gather(&g, n, all_gather_wins));
                    assert_cost(&g, DDP_CALL_BROADCAST, n,
                                expected_broadcast(&g, n, broadcast_wins));
                    assert_cost(&g, DDP_CALL_REDUCE, n, expected_broadcast(&g, n, broadcast_wins));
                    assert_cost(&g, DDP_CALL_GATHER, n, MAX(inside, root));
                    assert_cost(&g, DDP_CALL_SCATTER, n, MAX(inside, root));
                    assert_cost(&g, DDP_CALL_ALL_TO_ALL, n, MAX(inside, leaving));
                    assert_cost(&g, DDP_CALL_SEND, n, g.q > 1 ? g.a2 + n * g.b2 : g.a1 + n * g.b1);
                }
            }
        }
    }
    for (int way = 0; way < WAY_COUNT; way++) {
        ck_assert_msg(all_reduce_wins[way] > 0, "no all_reduce went by way %d", way);
        ck_assert_msg(broadcast_wins[way] > 0, "no broadcast went by way %d", way);
    }
    ck_assert(all_gather_wins[0] > 0 && all_gather_wins[1] > 0);
}
END_TEST

/* ---- by hand ------------------------------------------------------------------------- */

#define SLOW "none;intra=1GB/s,1us;inter=100MB/s,10us"

static const struct {
    const char *topology;
    DdpCallKind kind;
    size_t bytes;
    int p, q, m;
    int64_t ns;
} by_hand[] = {
    /* A ring of 4: 6 steps of 1 µs and a thousand bytes. */
    {SLOW, DDP_CALL_ALL_REDUCE, 4000, 4, 1, 4, 12000},
    /* Nothing to carry: up and down a tree of 2 stages. */
    {SLOW, DDP_CALL_ALL_REDUCE, 0, 4, 1, 4, 4000},
    /* One byte: the tree with it, 4 · 1001. */
    {SLOW, DDP_CALL_ALL_REDUCE, 1, 4, 1, 4, 4004},
    /* Dissemination would take 3 stages of 10 µs; up and down the levels, with 4 bytes, it is
     * 4 · 1004 + 2 · (10000 + 2 · 10). */
    {SLOW, DDP_CALL_BARRIER, 0, 8, 2, 4, 24056},
    {SLOW, DDP_CALL_SEND, 1000, 2, 1, 2, 2000},
    {SLOW, DDP_CALL_RECV, 1000, 2, 2, 1, 20000},
    /* 3 pieces from the node, 4 from beyond over one link: 10 µs + 40 µs. */
    {SLOW, DDP_CALL_GATHER, 1000, 8, 2, 4, 50000},
    /* A hundred megabytes on 8 A100: 14 · 1.9 µs + 1.75 · 10⁸ / 300 GB/s. */
    {"dgx-a100", DDP_CALL_ALL_REDUCE, 100000000, 8, 1, 8, 26600 + 583333},
    /* On 16 of them, over 8 links of 25 GB/s: 28·1.9 + 2·4 µs + 1.875 · 10⁸ / 200 GB/s. */
    {"dgx-a100", DDP_CALL_ALL_REDUCE, 100000000, 16, 2, 8, 53200 + 8000 + 937500},
    {"none", DDP_CALL_ALL_REDUCE, 100000000, 16, 2, 8, 0},
};

START_TEST(test_a_cost_is_what_the_hand_reckons)
{
    DdpTopology t = parse(by_hand[_i].topology);

    ck_assert_int_eq(ddp_topology_cost_ns(&t, by_hand[_i].kind, by_hand[_i].bytes, by_hand[_i].p,
                                          by_hand[_i].q, by_hand[_i].m),
                     by_hand[_i].ns);
}
END_TEST

START_TEST(test_one_member_pays_nothing)
{
    DdpTopology t = ddp_topology_default();

    for (int kind = 0; kind < DDP_CALL_KIND_COUNT; kind++)
        ck_assert_int_eq(ddp_topology_cost_ns(&t, (DdpCallKind)kind, 1 << 20, 1, 1, 1), 0);
}
END_TEST

START_TEST(test_where_all_is_free_nothing_takes_time)
{
    const DdpTopology nothing[] = {{.inter_links = 0}, ddp_topology_none(), parse("none")};

    for (size_t i = 0; i < G_N_ELEMENTS(nothing); i++) {
        for (int kind = 0; kind < DDP_CALL_KIND_COUNT; kind++)
            ck_assert_int_eq(
                ddp_topology_cost_ns(&nothing[i], (DdpCallKind)kind, SIZE_MAX, 9, 3, 4), 0);
        ck_assert_int_eq(ddp_topology_p2p_ns(&nothing[i], SIZE_MAX, false), 0);
        ck_assert_int_eq(ddp_topology_compute_ns(&nothing[i], 1e30), 0);
        ck_assert_int_eq(ddp_topology_log_ns(&nothing[i], SIZE_MAX), 0);
    }
}
END_TEST

START_TEST(test_more_bytes_never_take_less)
{
    for (const char *const *name = ddp_topology_names(); *name != NULL; name++) {
        DdpTopology t = parse(*name);

        for (size_t l = 0; l < G_N_ELEMENTS(layouts); l++) {
            for (int kind = 0; kind < DDP_CALL_KIND_COUNT; kind++) {
                int64_t before = 0;

                for (size_t n = 0; n < (size_t)1 << 40; n = n + n / 3 + 1) {
                    int64_t cost = ddp_topology_cost_ns(&t, (DdpCallKind)kind, n, layouts[l][0],
                                                        layouts[l][1], layouts[l][2]);

                    ck_assert_int_ge(cost, before);
                    before = cost;
                }
            }
        }
    }
}
END_TEST

START_TEST(test_halves_of_a_nanosecond_round_up)
{
    DdpTopology t = parse("none;intra=2GB/s;inter=1GB/s;compute=4GFLOP/s;disk=400MB/s,3us");

    ck_assert_int_eq(ddp_topology_p2p_ns(&t, 0, true), 0);
    ck_assert_int_eq(ddp_topology_p2p_ns(&t, 1, true), 1);
    ck_assert_int_eq(ddp_topology_p2p_ns(&t, 2, true), 1);
    ck_assert_int_eq(ddp_topology_p2p_ns(&t, 3, true), 2);
    ck_assert_int_eq(ddp_topology_p2p_ns(&t, 3, false), 3);
    ck_assert_int_eq(ddp_topology_compute_ns(&t, 1), 0);
    ck_assert_int_eq(ddp_topology_compute_ns(&t, 2), 1);
    ck_assert_int_eq(ddp_topology_compute_ns(&t, 4e9), 1000000000);
    ck_assert_int_eq(ddp_topology_compute_ns(&t, -4e9), 0);
    ck_assert_int_eq(ddp_topology_log_ns(&t, 0), 3000);
    ck_assert_int_eq(ddp_topology_log_ns(&t, 4000), 13000);
}
END_TEST

START_TEST(test_what_takes_for_ever_stays_in_range)
{
    DdpTopology t = parse("none;intra=1B/s,1000s;inter=1B/s,1000s;compute=1FLOP/s;disk=1B/s");

    for (int kind = 0; kind < DDP_CALL_KIND_COUNT; kind++) {
        int64_t cost =
            ddp_topology_cost_ns(&t, (DdpCallKind)kind, SIZE_MAX, 1 << 30, 1 << 20, 1 << 10);

        ck_assert_int_gt(cost, 0);
        ck_assert_int_le(cost, DDP_TOPOLOGY_NS_MAX);
    }
    ck_assert_int_eq(ddp_topology_p2p_ns(&t, SIZE_MAX, true), DDP_TOPOLOGY_NS_MAX);
    ck_assert_int_eq(ddp_topology_log_ns(&t, SIZE_MAX), DDP_TOPOLOGY_NS_MAX);
    ck_assert_int_eq(ddp_topology_compute_ns(&t, 1e300), DDP_TOPOLOGY_NS_MAX);
    /* Rates that only a C program can set. */
    t.intra.bytes_per_s = 1e-320;
    ck_assert_int_eq(ddp_topology_p2p_ns(&t, 0, true), DDP_TOPOLOGY_NS_MAX);
    ck_assert_int_eq(ddp_topology_compute_ns(&t, (double)NAN), 0);
}
END_TEST

/*
 * The bits of some thousand costs in one number, so that a machine, compiler or option that
 * computes one of them otherwise is seen. The number comes from the same operations in Python.
 */
START_TEST(test_costs_are_the_same_numbers_on_every_machine)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (const char *const *name = ddp_topology_names(); *name != NULL; name++) {
        DdpTopology t = parse(*name);

        for (size_t l = 0; l < G_N_ELEMENTS(layouts); l++) {
            for (int kind = 0; kind < DDP_CALL_KIND_COUNT; kind++) {
                for (size_t n = 1; n < (size_t)1 << 40; n *= 7) {
                    int64_t cost = ddp_topology_cost_ns(&t, (DdpCallKind)kind, n, layouts[l][0],
                                                        layouts[l][1], layouts[l][2]);

                    hash = (hash ^ (uint64_t)cost) * UINT64_C(0x100000001b3);
                }
            }
        }
    }
    ck_assert_msg(hash == UINT64_C(0xadbec017b198ecb2), "the hash is %016" G_GINT64_MODIFIER "x",
                  hash);
}
END_TEST

/* ---- where a group lies -------------------------------------------------------------- */

START_TEST(test_a_group_is_counted_by_node)
{
    static const struct {
        int ranks[6], count, per_node, nodes, most;
    } groups[] = {
        {{0, 1, 2, 3}, 4, 4, 1, 4},       {{0, 1, 2, 3}, 4, 2, 2, 2}, {{0, 4}, 2, 4, 2, 1},
        {{5, 0, 6, 1, 7, 3}, 6, 4, 2, 3}, {{9}, 1, 1, 1, 1},          {{7, 0, 1, 2, 8}, 5, 4, 3, 3},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
        int nodes = 0, fullest = 0;

        ddp_topology_spread(groups[i].ranks, groups[i].count, groups[i].per_node, &nodes, &fullest);
        ck_assert_int_eq(nodes, groups[i].nodes);
        ck_assert_int_eq(fullest, groups[i].most);
    }
}
END_TEST

/* ---- text ---------------------------------------------------------------------------- */

static void
assert_link(const DdpLink *link, int64_t latency_ns, double bytes_per_s)
{
    ck_assert_int_eq(link->latency_ns, latency_ns);
    ck_assert_double_eq(link->bytes_per_s, bytes_per_s);
}

START_TEST(test_fields_are_read)
{
    DdpTopology t = parse("intra=300GB/s,2us;inter=25GB/s,5us;compute=60TFLOP/s;disk=500MB/s,50us");

    assert_link(&t.intra, 2000, 300e9);
    assert_link(&t.inter, 5000, 25e9);
    ck_assert_int_eq(t.inter_links, 1);
    ck_assert_double_eq(t.flops_per_s, 60e12);
    assert_link(&t.disk, 50000, 500e6);

    t = parse(" pcie ; inter = 1.5us , 8x10Gbit/s ; compute = free ");
    assert_link(&t.intra, 2500, 31.5e9);
    assert_link(&t.inter, 1500, 1.25e9);
    ck_assert_int_eq(t.inter_links, 8);
    ck_assert_double_eq(t.flops_per_s, 0.0);
    assert_link(&t.disk, 14000, 1.8e9);
}
END_TEST

START_TEST(test_what_is_not_given_stays)
{
    DdpTopology t = parse("inter=7us");

    assert_link(&t.intra, 1900, 300e9);
    assert_link(&t.inter, 7000, 25e9);
    ck_assert_int_eq(t.inter_links, 8);
    t = parse("hgx-h100;inter=10GB/s");
    assert_link(&t.inter, 4000, 10e9);
    ck_assert_int_eq(t.inter_links, 1);
    t = parse("hgx-h100;inter=free");
    assert_link(&t.inter, 0, 0.0);
    assert_link(&t.intra, 1900, 450e9);
}
END_TEST

static const char *const round_trips[] = {
    "none",
    "hgx-h100",
    "laptop",
    "none;inter=3ms",
    "none;intra=1.2345GB/s",
    "none;compute=1e17FLOP/s",
    "none;intra=0.3GB/s,1ns;inter=123456789B/s,1500ns;compute=7MFLOP/s;disk=1TB/s,999s",
    "pcie;inter=3x100Mbit/s;compute=123.456GFLOP/s",
    "dgx-a100;intra=1234567890123.4567B/s",
};

START_TEST(test_a_topology_survives_as_text)
{
    DdpTopology t = parse(round_trips[_i]);
    g_autofree char *text = ddp_topology_to_string(&t);
    DdpTopology again = parse(text);

    assert_link(&again.intra, t.intra.latency_ns, t.intra.bytes_per_s);
    assert_link(&again.inter, t.inter.latency_ns, t.inter.bytes_per_s);
    assert_link(&again.disk, t.disk.latency_ns, t.disk.bytes_per_s);
    ck_assert_double_eq(again.flops_per_s, t.flops_per_s);
    ck_assert_int_eq(again.inter_links, t.inter_links);
}
END_TEST

START_TEST(test_a_topology_is_written_shortly)
{
    static const char *const texts[][2] = {
        {"dgx-a100;inter=8x25GB/s", "dgx-a100"},
        {"pcie;intra=free;disk=free;compute=free", "none;inter=12.5GB/s,4us"},
        {"none;inter=2x1500MB/s;compute=2500GFLOP/s", "none;inter=2x1.5GB/s;compute=2.5TFLOP/s"},
        {"none;intra=0.25us;disk=80Mbit/s,1000us", "none;intra=250ns;disk=10MB/s,1ms"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        DdpTopology t = parse(texts[i][0]);
        g_autofree char *text = ddp_topology_to_string(&t);

        ck_assert_str_eq(text, texts[i][1]);
    }
}
END_TEST

#define LINK_EXPECTED "expected a rate such as 300GB/s, a latency such as 2us, or both"
#define LINK_UNITS "; expected one of TB/s, GB/s, MB/s, kB/s, B/s, Gbit/s, Mbit/s, s, ms, us, ns"

static const struct {
    const char *text, *message;
} wrong[] = {
    {"", "a part is empty; expected none, a preset's name or a field such as intra=300GB/s,2us"},
    {"pcie;;intra=2us",
     "a part is empty; expected none, a preset's name or a field such as intra=300GB/s,2us"},
    {"hgx-h10", "'hgx-h10' is unknown, did you mean 'hgx-h100'?"},
    {"cray", "'cray' is unknown; expected a field such as intra=300GB/s,2us, or one of none, "
             "hgx-h100, dgx-a100, pcie, ethernet-10g, laptop"},
    {"intra=2us;pcie", "'pcie' is no field; only the first part is a preset's name"},
    {"intar=2us", "unknown field 'intar', did you mean 'intra'?"},
    {"network=2us", "unknown field 'network'; its fields are intra, inter, compute, disk"},
    {"intra=2us;intra=3us", "intra is given twice"},
    {"intra=", "intra has no value"},
    {"intra=fast", "intra=fast, " LINK_EXPECTED},
    {"intra=-2us", "intra=-2us, " LINK_EXPECTED},
    {"intra=nan", "intra=nan, " LINK_EXPECTED},
    {"intra=300", "intra=300 has no unit, " LINK_EXPECTED},
    {"intra=2us,", "intra=, " LINK_EXPECTED},
    {"intra=300gb/s", "intra=300gb/s: unit 'gb/s' is unknown, did you mean 'GB/s'?"},
    {"intra=0x10GB/s", "intra=0x10GB/s: unit 'x10GB/s' is unknown" LINK_UNITS},
    {"intra=300parsec", "intra=300parsec: unit 'parsec' is unknown" LINK_UNITS},
    {"intra=8x25GB/s", "intra=8x25GB/s: unit 'x25GB/s' is unknown" LINK_UNITS},
    {"intra=2us,3us", "intra=2us,3us gives two latencies"},
    {"inter=2GB/s,3GB/s,2us", "inter=2GB/s,3GB/s,2us gives two rates"},
    {"inter=0x1GB/s", "inter=0x1GB/s: the number of links is out of range, expected 1 to 1024"},
    {"inter=9999999999999999999x1GB/s",
     "inter=9999999999999999999x1GB/s: the number of links is out of range, expected 1 to 1024"},
    {"inter=8x2us", "inter=8x2us: a number of links stands before the rate, as in 8x25GB/s"},
    {"intra=0GB/s", "intra=0GB/s is out of range, expected 1 to 1e18 a second, or free"},
    {"intra=1e400GB/s", "intra=1e400GB/s is out of range, expected 1 to 1e18 a second, or free"},
    {"intra=1001s", "intra=1001s is out of range, expected 0 to 1000s"},
    {"compute=60", "compute=60 has no unit, expected a speed such as 60TFLOP/s"},
    {"compute=60TFLOPS", "compute=60TFLOPS: unit 'TFLOPS' is unknown, did you mean 'TFLOP/s'?"},
    {"compute=60GB/s", "compute=60GB/s: unit 'GB/s' is unknown; expected one of PFLOP/s, TFLOP/s, "
                       "GFLOP/s, MFLOP/s, FLOP/s"},
};

START_TEST(test_a_wrong_text_is_explained)
{
    DdpTopology t = {.flops_per_s = 42.0};
    g_autoptr(GError) error = NULL;
    g_autofree char *expected = g_strconcat("topology: ", wrong[_i].message, NULL);

    ck_assert(!ddp_topology_parse(wrong[_i].text, &t, &error));
    ck_assert(g_error_matches(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE));
    ck_assert_str_eq(error->message, expected);
    ck_assert_double_eq(t.flops_per_s, 42.0);
    ck_assert(!ddp_topology_parse(wrong[_i].text, &t, NULL));
}
END_TEST

START_TEST(test_every_preset_has_all_its_speeds)
{
    DdpTopology by_default = ddp_topology_default();
    g_autofree char *name_of_default = ddp_topology_to_string(&by_default);

    ck_assert_str_eq(name_of_default, "dgx-a100");
    for (const char *const *name = ddp_topology_names(); *name != NULL; name++) {
        DdpTopology t = parse(*name);
        g_autofree char *text = ddp_topology_to_string(&t);

        ck_assert_str_eq(text, *name);
        if (strcmp(*name, "none") == 0)
            continue;
        ck_assert(t.intra.latency_ns > 0 && t.intra.bytes_per_s > 0);
        ck_assert(t.inter.latency_ns > t.intra.latency_ns);
        ck_assert(t.inter.bytes_per_s < t.intra.bytes_per_s || t.inter_links > 1);
        ck_assert(t.flops_per_s > 0 && t.disk.latency_ns > 0 && t.disk.bytes_per_s > 0);
    }
    ck_assert(!ddp_topology_from_name("pci", &by_default));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("topology");
    TCase *costs = tcase_create("costs");
    TCase *text = tcase_create("text");

    tcase_add_loop_test(costs, test_one_node_costs_what_playing_the_messages_gives, 2, MEMBERS_MAX);
    tcase_add_test(costs, test_several_nodes_cost_the_least_of_the_formulas);
    tcase_add_loop_test(costs, test_a_cost_is_what_the_hand_reckons, 0, G_N_ELEMENTS(by_hand));
    tcase_add_test(costs, test_one_member_pays_nothing);
    tcase_add_test(costs, test_where_all_is_free_nothing_takes_time);
    tcase_add_test(costs, test_more_bytes_never_take_less);
    tcase_add_test(costs, test_halves_of_a_nanosecond_round_up);
    tcase_add_test(costs, test_what_takes_for_ever_stays_in_range);
    tcase_add_test(costs, test_costs_are_the_same_numbers_on_every_machine);
    tcase_add_test(costs, test_a_group_is_counted_by_node);
    suite_add_tcase(suite, costs);
    tcase_add_test(text, test_fields_are_read);
    tcase_add_test(text, test_what_is_not_given_stays);
    tcase_add_loop_test(text, test_a_topology_survives_as_text, 0, G_N_ELEMENTS(round_trips));
    tcase_add_test(text, test_a_topology_is_written_shortly);
    tcase_add_loop_test(text, test_a_wrong_text_is_explained, 0, G_N_ELEMENTS(wrong));
    tcase_add_test(text, test_every_preset_has_all_its_speeds);
    suite_add_tcase(suite, text);
    return ddp_test_main(suite);
}
