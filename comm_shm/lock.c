/* SPDX-License-Identifier: MIT */
#include "comm_shm/lock.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLEEPERS UINT32_C(0x80000000)
#define LOCK_SPINS 100
#define LOCK_YIELDS 200

/*
 * A futex wake across cores costs tens of microseconds, a hundred spins' worth: it pays only when
 * nothing has happened for long.
 */
#define LOOKS_AT_ONCE 64 /* a pause may take as long as the whole exchange */
#define SPINS_ALONE 4000
#define YIELDS_ALONE 400
#define YIELDS_CROWDED 400

#define WATCH_NS 2000000

static _Thread_local struct {
    void (*func)(void *user_data);
    void *user_data;
} watch;

static inline void
pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void
ddp_futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    /* Interrupted, or the value has changed: the caller looks again in any case. */
    (void)syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

/* Sleeps while @word is @value, watching meanwhile. */
static void
wait_and_watch(_Atomic uint32_t *word, uint32_t value)
{
    struct timespec moment = {0, WATCH_NS};

    if (watch.func == NULL) {
        ddp_futex_wait(word, value);
        return;
    }
    (void)syscall(SYS_futex, word, FUTEX_WAIT, value, &moment, NULL, 0); /* as above */
    watch.func(watch.user_data);
}

void
ddp_lock_set_watch(void (*func)(void *user_data), void *user_data)
{
    watch.func = func;
    watch.user_data = user_data;
}

void
ddp_futex_wake(_Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

DdpPatience
ddp_patience_new(int ranks)
{
    cpu_set_t cores;
    int count = 1;

    if (sched_getaffinity(0, sizeof cores, &cores) == 0)
        count = CPU_COUNT(&cores);
    if (ranks <= count && count > 1)
        return (DdpPatience){SPINS_ALONE, YIELDS_ALONE};
    return (DdpPatience){0, YIELDS_CROWDED};
}

bool
ddp_patience_relax(const DdpPatience *patience, uint32_t turn)
{
    if (turn < patience->spins) {
        if (turn >= LOOKS_AT_ONCE)
            pause_briefly();
        return true;
    }
    if (turn - patience->spins >= patience->yields)
        return false;
    (void)sched_yield();
    return true;
}

bool
ddp_lock_take(DdpLock *lock, uint32_t self)
{
    if (lock == NULL)
        return true;
    for (uint32_t turn = 0;; turn++) {
        uint32_t seen = 0;

        if (atomic_load_explicit(&lock->broken, memory_order_acquire))
            return false;
        if (atomic_compare_exchange_strong_explicit(
                &lock->word, &seen, turn < LOCK_SPINS + LOCK_YIELDS ? self : self | SLEEPERS,
                memory_order_acquire, memory_order_relaxed)) {
            /* Broken in between: what it guards is not to be touched. */
            if (!atomic_load_explicit(&lock->broken, memory_order_acquire))
                return true;
            ddp_lock_release(lock);
            return false;
        }
        if (turn < LOCK_SPINS) {
            pause_briefly();
        } else if (turn < LOCK_SPINS + LOCK_YIELDS) {
            (void)sched_yield();
        } else if ((seen & SLEEPERS) != 0 || atomic_compare_exchange_strong_explicit(
                                                 &lock->word, &seen, seen | SLEEPERS,
                                                 memory_order_relaxed, memory_order_relaxed)) {
            wait_and_watch(&lock->word, seen | SLEEPERS);
        }
    }
}

void
ddp_lock_release(DdpLock *lock)
{
    if (lock != NULL &&
        (atomic_exchange_explicit(&lock->word, 0, memory_order_release) & SLEEPERS) != 0)
        ddp_futex_wake(&lock->word);
}

bool
ddp_lock_is_held_by(const DdpLock *lock, uint32_t holder)
{
    return (atomic_load_explicit(&lock->word, memory_order_acquire) & ~SLEEPERS) == holder;
}

void
ddp_lock_shatter(DdpLock *lock)
{
    atomic_store_explicit(&lock->broken, true, memory_order_release);
    ddp_futex_wake(&lock->word);
}

bool
ddp_lock_break(DdpLock *lock, uint32_t holder)
{
    if (ddp_lock_is_held_by(lock, holder))
        atomic_store_explicit(&lock->broken, true, memory_order_release);
    return ddp_lock_recover(lock, holder);
}

bool
ddp_lock_recover(DdpLock *lock, uint32_t holder)
{
    uint32_t seen = atomic_load_explicit(&lock->word, memory_order_acquire);
    bool held = false;

    /* Others may set the top bit meanwhile, or recover it too and take it. */
    while ((seen & ~SLEEPERS) == holder && !held)
        held = atomic_compare_exchange_weak_explicit(&lock->word, &seen, 0, memory_order_acq_rel,
                                                     memory_order_acquire);
    /* It may have let go and died before it could wake those who sleep. */
    ddp_futex_wake(&lock->word);
    return held;
}
