/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * A lock that lives in memory which several processes share, and that outlives its holder.
 *
 * The word holds the number of who holds it, so a holder that was killed is known: whoever
 * supervises breaks the lock, and from then on nobody gets it, because what it guarded may be half
 * written. Waiting is spin, then yield, then a futex.
 *
 * A zeroed lock is free.
 */

typedef struct {
    _Atomic uint32_t word; /* 0: free; else the holder's number, with the top bit if some sleep */
    _Atomic bool broken;
} DdpLock;

/* The holder's number of a rank, and of whoever supervises the ranks. */
#define DDP_LOCK_RANK(rank) ((uint32_t)(rank) + 1)
#define DDP_LOCK_SUPERVISOR UINT32_C(0x7fffffff)

/* False, and not taken, when the lock is broken. @lock may be NULL: nobody shares anything. */
bool ddp_lock_take(DdpLock *lock, uint32_t self);
void ddp_lock_release(DdpLock *lock);

/*
 * @holder is dead. If it held the lock, that is broken now, or with ddp_lock_recover() free again:
 * for what is whole after each single store. True if it did.
 */
bool ddp_lock_break(DdpLock *lock, uint32_t holder);
bool ddp_lock_recover(DdpLock *lock, uint32_t holder);

/* Whether @holder has it. */
bool ddp_lock_is_held_by(const DdpLock *lock, uint32_t holder);
/* Nobody gets it any more, whoever has it now. */
void ddp_lock_shatter(DdpLock *lock);

/*
 * Whoever supervises must not wait for the dead: while this thread waits for a lock, @watch is
 * called every few milliseconds and may break or recover any lock. It may take none. NULL: nobody
 * is.
 */
void ddp_lock_set_watch(void (*watch)(void *user_data), void *user_data);

/* ---- waiting ---- */

/* How often to look before giving way, and before sleeping: none on more ranks than cores. */
typedef struct {
    uint32_t spins;
    uint32_t yields;
} DdpPatience;

/* For @ranks that run at the same time on the cores this process may use. */
DdpPatience ddp_patience_new(int ranks);

/* One look was in vain, the @turn-th from 0. False when it is time to sleep. */
bool ddp_patience_relax(const DdpPatience *patience, uint32_t turn);

/* Sleeps while @word is @value; may return early. */
void ddp_futex_wait(_Atomic uint32_t *word, uint32_t value);
void ddp_futex_wake(_Atomic uint32_t *word);

G_END_DECLS
