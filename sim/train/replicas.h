/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Watches that the ranks hold the same weights and buffers, bit for bit, after every step.
 *
 * Each rank notes a hash of its weights with the number of the step; the first step at which two
 * ranks differ is kept. Memory is bounded by how far ranks run apart, which a collective per step
 * bounds to one step. Callers serialise.
 */

typedef struct DdpReplicas DdpReplicas;

DdpReplicas *ddp_replicas_new(int world_size);
void ddp_replicas_free(DdpReplicas *replicas);

/* A hash of @bytes at @data; equal bytes give equal hashes on every machine. */
uint64_t ddp_replicas_hash(const void *data, size_t bytes);

/*
 * @rank holds values of this hash after step @step (0 is: after the first broadcast). @what tells
 * apart what is compared: 2·n are the weights of model n, 2·n + 1 its buffers.
 */
void ddp_replicas_note(DdpReplicas *replicas, int rank, int what, int64_t step, uint64_t hash);

/* How many steps were compared over all ranks. */
int64_t ddp_replicas_compared(const DdpReplicas *replicas);

/**
 * ddp_replicas_divergence:
 * @what: (out) (nullable): what differs; the least of what differs first
 * @step: (out): the first step after which not all ranks held the same
 * @ranks: (out) (transfer full): those that differ from rank 0, of int
 *
 * Returns: false if there was none
 */
bool ddp_replicas_divergence(const DdpReplicas *replicas, int *what, int64_t *step, GArray **ranks);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpReplicas, ddp_replicas_free)

G_END_DECLS
