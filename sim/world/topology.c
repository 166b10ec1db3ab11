/* SPDX-License-Identifier: MIT */
#include "sim/world/topology.h"

#include <float.h>

/*
 * Costs by the alpha-beta model of a message, T(n) = α + n·β (Hockney; Thakur, Rabenseifner and
 * Gropp, "Optimization of Collective Communication Operations in MPICH", 2005), with two kinds of
 * link. p members lie on q nodes, at most m on one; within a node a message costs α₁ + n·β₁,
 * between nodes α₂ + n·β₂ on one link. A node whose members all send has min(m, links) links to do
 * it with, and then a byte costs βₙ = β₂ / min(m, links). lg is the logarithm to base 2, rounded
 * up.
 *
 *   ring     over all members in the order of nodes, of its steps only those that cross between
 *            nodes cost α₂, and its slowest link sets the pace: β = max(β₁, βₙ). Steps as in NCCL's
 *            own cost model (src/graph/tuning.cc): 2(p-1) for all_reduce, p-1 for all_gather,
 *            reduce_scatter and the pipelined chain of broadcast and reduce, of which q-1 (twice
 *            for all_reduce) are between nodes.
 *   shards   by level: the members of a node reduce-scatter, then each all-reduces its shard with
 *            its like on the other nodes, then they all-gather; for all_gather the nodes first.
 *   leaders  by level: one member of each node speaks for it, over one link.
 *   tree     binomial: lg p stages of the whole message (gloo's broadcast).
 *   direct   all messages at once: a port is busy with all of its bytes, and latencies overlap
 *            (NCCL's grouped sends; gloo's gather, scatter and alltoall).
 *
 *   all_reduce      min of
 *     ring          2(p-q)·α₁ + 2(q-1)·α₂ + 2(p-1)/p·n·β
 *     shards        2(m-1)·(α₁ + n/m·β₁) + min(2(q-1)·(α₂ + n/q·βₙ), 2·lg q·(α₂ + n·βₙ))
 *     leaders       2·lg m·(α₁ + n·β₁)   + min(2(q-1)·(α₂ + n/q·β₂), 2·lg q·(α₂ + n·β₂))
 *   broadcast, reduce: min of
 *     ring          (p-q)·α₁ + (q-1)·α₂ + n·β
 *     leaders       min((q-1)·α₂ + n·β₂, lg q·(α₂ + n·β₂)) + min((m-1)·α₁ + n·β₁, lg m·(α₁ + n·β₁))
 *   all_gather, reduce_scatter (n bytes a member): min of
 *     ring          (p-q)·α₁ + (q-1)·α₂ + (p-1)·n·β
 *     shards        (q-1)·(α₂ + m·n·βₙ) + (m-1)·(α₁ + q·n·β₁)
 *   gather, scatter: direct, the root on the fullest node, its two ports at the same time
 *                   max(α₁ + (m-1)·n·β₁, α₂ + (p-m)·n·β₂)
 *   all_to_all: direct; what leaves a node shares its links
 *                   max(α₁ + (m-1)·n·β₁, α₂ + m·(p-m)·n·βₙ)
 *   barrier, new_group: min of
 *     dissemination lg p·α, α of the farthest (Hensgen, Finkel and Manber, 1988)
 *     all_reduce of one float32, which is what torch's NCCL backend does
 *   monitored_barrier: all tell the first, and it answers (gloo): 2·α, α of the farthest
 *   objects         the same with 8 bytes, the length, and then with the longest
 *   send, recv      α + n·β₂ or β₁
 */

_Static_assert(FLT_EVAL_METHOD == 0, "costs are defined by float64 without excess precision");

#define NS_PER_S 1e9
#define OBJECT_LENGTH_BYTES 8 /* torch sends the length of an object first, as an int64 */
#define BARRIER_BYTES 4

/* A group on a topology, in the letters of the formulas. */
typedef struct {
    double p, q, m;
    double alpha_intra, alpha_inter;
    double beta_intra, beta_inter; /* ns a byte */
    double beta_node;              /* of all links of a node together */
    double beta_ring;
    double lg_nodes, lg_members; /* of the nodes, and of the members of one */
    double lg_all;
} Group;

/* The one place where durations become whole. What is not a number counts as for ever. */
static int64_t
whole_ns(double ns)
{
    return ns < (double)DDP_TOPOLOGY_NS_MAX ? (int64_t)(ns + 0.5) : DDP_TOPOLOGY_NS_MAX;
}

static double
ns_per_byte(const DdpLink *link)
{
    return link->bytes_per_s > 0.0 ? NS_PER_S / link->bytes_per_s : 0.0;
}

static double
lg(int count)
{
    return count > 1 ? (double)(32 - __builtin_clz((unsigned)count - 1)) : 0.0;
}

static double
least(double a, double b)
{
    return a < b ? a : b;
}

static double
most(double a, double b)
{
    return a > b ? a : b;
}

static Group
group_on(const DdpTopology *topology, int members, int nodes, int fullest)
{
    int links = CLAMP(topology->inter_links, 1, fullest);
    Group g = {
        .p = members,
        .q = nodes,
        .m = fullest,
        .alpha_intra = (double)topology->intra.latency_ns,
        .alpha_inter = (double)topology->inter.latency_ns,
        .beta_intra = ns_per_byte(&topology->intra),
        .beta_inter = ns_per_byte(&topology->inter),
        .lg_nodes = lg(nodes),
        .lg_members = lg(fullest),
        .lg_all = lg(members),
    };

    g.beta_node = links == 1 ? g.beta_inter : g.beta_inter / links;
    if (nodes == 1)
        g.beta_ring = g.beta_intra;
    else
        g.beta_ring = fullest == 1 ? g.beta_node : most(g.beta_intra, g.beta_node);
    return g;
}

/* The latencies of a ring once round. */
static double
ring_alpha(const Group *g)
{
    return (g->p - g->q) * g->alpha_intra + (g->q - 1.0) * g->alpha_inter;
}

static double
farthest_alpha(const Group *g)
{
    return g->q > 1.0 ? g->alpha_inter : g->alpha_intra;
}

/* All nodes reduce what each has to offer over links of @beta: by a ring or by a tree. */
static double
all_reduce_nodes(const Group *g, double n, double beta)
{
    return least(2.0 * (g->q - 1.0) * (g->alpha_inter + n / g->q * beta),
                 2.0 * g->lg_nodes * (g->alpha_inter + n * beta));
}

static double
all_reduce(const Group *g, double n)
{
    double ring = 2.0 * ring_alpha(g) + 2.0 * (g->p - 1.0) / g->p * n * g->beta_ring;
    double shards = 2.0 * (g->m - 1.0) * (g->alpha_intra + n / g->m * g->beta_intra) +
                    all_reduce_nodes(g, n, g->beta_node);
    double leaders = 2.0 * g->lg_members * (g->alpha_intra + n * g->beta_intra) +
                     all_reduce_nodes(g, n, g->beta_inter);

    return least(ring, least(shards, leaders));
}

/* Also of reduce, which is the same with the arrows turned round. */
static double
broadcast(const Group *g, double n)
{
    double ring = ring_alpha(g) + n * g->beta_ring;
    double nodes = least((g->q - 1.0) * g->alpha_inter + n * g->beta_inter,
                         g->lg_nodes * (g->alpha_inter + n * g->beta_inter));
    double members = least((g->m - 1.0) * g->alpha_intra + n * g->beta_intra,
                           g->lg_members * (g->alpha_intra + n * g->beta_intra));

    return least(ring, nodes + members);
}

/* Also of reduce_scatter. */
static double
all_gather(const Group *g, double n)
{
    double ring = ring_alpha(g) + (g->p - 1.0) * n * g->beta_ring;
    double shards = (g->q - 1.0) * (g->alpha_inter + g->m * n * g->beta_node) +
                    (g->m - 1.0) * (g->alpha_intra + g->q * n * g->beta_intra);

    return least(ring, shards);
}

/* @inside and @outside bytes through the two ports, at the same time. */
static double
direct(const Group *g, double inside, double outside, double beta_outside)
{
    double intra = g->m > 1.0 ? g->alpha_intra + inside * g->beta_intra : 0.0;
    double inter = g->q > 1.0 ? g->alpha_inter + outside * beta_outside : 0.0;

    return most(intra, inter);
}

static double
cost(const Group *g, DdpCallKind kind, double n)
{
    switch (kind) {
    case DDP_CALL_ALL_REDUCE:
        return all_reduce(g, n);
    case DDP_CALL_ALL_GATHER:
    case DDP_CALL_REDUCE_SCATTER:
        return all_gather(g, n);
    case DDP_CALL_ALL_GATHER_OBJECT:
        return all_gather(g, OBJECT_LENGTH_BYTES) + all_gather(g, n);
    case DDP_CALL_BROADCAST:
    case DDP_CALL_REDUCE:
        return broadcast(g, n);
    case DDP_CALL_BROADCAST_OBJECT:
        return broadcast(g, OBJECT_LENGTH_BYTES) + broadcast(g, n);
    case DDP_CALL_GATHER:
    case DDP_CALL_SCATTER:
        return direct(g, (g->m - 1.0) * n, (g->p - g->m) * n, g->beta_inter);
    case DDP_CALL_ALL_TO_ALL:
        return direct(g, (g->m - 1.0) * n, g->m * (g->p - g->m) * n, g->beta_node);
    case DDP_CALL_BARRIER:
    case DDP_CALL_NEW_GROUP:
        return least(g->lg_all * farthest_alpha(g), all_reduce(g, BARRIER_BYTES));
    case DDP_CALL_MONITORED_BARRIER:
        return 2.0 * farthest_alpha(g);
    case DDP_CALL_SEND:
    case DDP_CALL_RECV:
        return farthest_alpha(g) + n * (g->q > 1.0 ? g->beta_inter : g->beta_intra);
    }
    g_assert_not_reached();
}

int64_t
ddp_topology_cost_ns(const DdpTopology *topology, DdpCallKind kind, size_t bytes, int members,
                     int nodes_spanned, int members_per_node_max)
{
    g_return_val_if_fail(nodes_spanned >= 1 && nodes_spanned <= members, 0);
    g_return_val_if_fail(members_per_node_max >= 1 && members_per_node_max <= members, 0);

    if (members == 1)
        return 0;

    Group g = group_on(topology, members, nodes_spanned, members_per_node_max);

    return whole_ns(cost(&g, kind, (double)bytes));
}

static int64_t
link_ns(const DdpLink *link, size_t bytes)
{
    return whole_ns((double)link->latency_ns + (double)bytes * ns_per_byte(link));
}

int64_t
ddp_topology_p2p_ns(const DdpTopology *topology, size_t bytes, bool same_node)
{
    return link_ns(same_node ? &topology->intra : &topology->inter, bytes);
}

int64_t
ddp_topology_compute_ns(const DdpTopology *topology, double flops)
{
    if (!(topology->flops_per_s > 0.0) || !(flops > 0.0))
        return 0;
    return whole_ns(flops * (NS_PER_S / topology->flops_per_s));
}

int64_t
ddp_topology_log_ns(const DdpTopology *topology, size_t bytes)
{
    return link_ns(&topology->disk, bytes);
}

/* For ranks in rising order, the usual ones: false, with nothing said, where they are not. */
static bool
spread_in_order(const int *ranks, int count, int nproc_per_node, int *nodes, int *fullest)
{
    int here = 0;
    int last = -1;

    *nodes = 0;
    *fullest = 0;
    for (int i = 0; i < count; i++) {
        int node = ranks[i] / nproc_per_node;

        if (node < last)
            return false;
        here = node == last ? here + 1 : 1;
        *nodes += node != last;
        *fullest = MAX(*fullest, here);
        last = node;
    }
    return true;
}

static void
spread_by_table(const int *ranks, int count, int nproc_per_node, int *nodes, int *fullest)
{
    int last = 0;

    for (int i = 0; i < count; i++)
        last = MAX(last, ranks[i] / nproc_per_node);

    g_autofree int *members = g_new0(int, (gsize)last + 1);

    *nodes = 0;
    *fullest = 0;
    for (int i = 0; i < count; i++) {
        int here = ++members[ranks[i] / nproc_per_node];

        *nodes += here == 1;
        *fullest = MAX(*fullest, here);
    }
}

void
ddp_topology_spread(const int *ranks, int count, int nproc_per_node, int *nodes_spanned,
                    int *members_per_node_max)
{
    g_return_if_fail(nproc_per_node > 0);

    if (!spread_in_order(ranks, count, nproc_per_node, nodes_spanned, members_per_node_max))
        spread_by_table(ranks, count, nproc_per_node, nodes_spanned, members_per_node_max);
}
