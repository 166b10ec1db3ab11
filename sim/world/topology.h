/* SPDX-License-Identifier: MIT */
#pragma once

#include "comm_shm/call.h"

G_BEGIN_DECLS

/*
 * What the simulated machine is made of, and how long it takes for what ranks do.
 *
 * A topology is four speeds: the link of a rank to the others on its node, the links between nodes,
 * the rank's arithmetic, and the disk under the logs. The cost of a collective follows from them by
 * the usual model of a message, latency + bytes / bandwidth, for the cheapest of the ways in which
 * NCCL or gloo do it (the formulas stand in topology.c and, in words, in docs/virtual_time.md).
 *
 * The promise: a cost is a function of its arguments alone and the same int64 on every machine. It
 * is computed in float64 by +, -, ·, / and comparisons only, each rounded by IEEE 754 and none
 * fused, in the order in which the source has them; the sum of nanoseconds is rounded once, to the
 * nearest whole one, halves up. A cost never decreases when there are more bytes, and never exceeds
 * DDP_TOPOLOGY_NS_MAX.
 */

#define DDP_TOPOLOGY_NS_MAX ((int64_t)1 << 62) /* 146 years */

typedef struct {
    int64_t latency_ns; /* of a message, however small */
    double bytes_per_s; /* in one direction; 0: bytes take no time */
} DdpLink;

/* All zeros is "none": nothing takes time. */
typedef struct {
    DdpLink intra;      /* of each rank, to the others on its node */
    DdpLink inter;      /* one of the links of a node, to the other nodes */
    int inter_links;    /* how many of those a node has; 0 counts as 1 */
    double flops_per_s; /* of a rank; 0: compute takes no time */
    DdpLink disk;       /* where logs are written */
} DdpTopology;

/* ---- presets and text ---------------------------------------------------------------- */

DdpTopology ddp_topology_default(void); /* "dgx-a100" */
DdpTopology ddp_topology_none(void);    /* nothing takes time; a clock moves by sleep only */

/* "none" and what else ddp_topology_from_name() knows; NULL-terminated. */
const char *const *ddp_topology_names(void);
bool ddp_topology_from_name(const char *name, DdpTopology *topology);

/**
 * ddp_topology_parse:
 * @text: a preset's name; or fields, as in "intra=300GB/s,2us;inter=8x25GB/s,5us;
 *   compute=60TFLOP/s;disk=500MB/s,50us"; or a preset's name and then fields that override it.
 *   What is not given stays as in the preset, or as in ddp_topology_default().
 *
 * A link's rate and its latency come in any order, and one may be missing; "free" is a link or a
 * speed that takes no time. "8x" before the rate of `inter` is how many such links a node has; a
 * rate without it is that of one.
 *
 * Returns: false with @error set (of DDP_WORLD_ERROR) and *@topology as it was if the text is wrong
 */
bool ddp_topology_parse(const char *text, DdpTopology *topology, GError **error);

/* (transfer full): a text from which ddp_topology_parse() makes the same topology again. */
char *ddp_topology_to_string(const DdpTopology *topology);

/* ---- costs --------------------------------------------------------------------------- */

/**
 * ddp_topology_cost_ns:
 * @bytes: of one rank's piece, as DdpCall.count has it: of the input of all_reduce, broadcast,
 *   reduce, all_gather and gather, of the output of scatter and reduce_scatter, of each piece of
 *   all_to_all (uneven: the most that a member sends, divided by the members), of the largest
 * object
 * @members: of the group; one alone pays nothing
 * @nodes_spanned: on how many nodes they are
 * @members_per_node_max: how many are on the node that has most
 *
 * What a collective takes once all members have come; for a send or receive, the transfer.
 */
int64_t ddp_topology_cost_ns(const DdpTopology *topology, DdpCallKind kind, size_t bytes,
                             int members, int nodes_spanned, int members_per_node_max);

/* One message between two ranks. */
int64_t ddp_topology_p2p_ns(const DdpTopology *topology, size_t bytes, bool same_node);

/*
 * @flops operations of one rank; 0 for what is not above 0. To charge a running count, take the
 * difference of the times of its two readings, so that no rounding adds up.
 */
int64_t ddp_topology_compute_ns(const DdpTopology *topology, double flops);

/* One write to a log. */
int64_t ddp_topology_log_ns(const DdpTopology *topology, size_t bytes);

/**
 * ddp_topology_spread:
 * @ranks: @count different ranks, in any order
 *
 * Where a group lies in a world whose ranks fill the nodes in turn: what ddp_topology_cost_ns()
 * wants to know, once per group.
 */
void ddp_topology_spread(const int *ranks, int count, int nproc_per_node, int *nodes_spanned,
                         int *members_per_node_max);

G_END_DECLS
