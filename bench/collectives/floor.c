/* SPDX-License-Identifier: MIT */
/*
 * The floor: what a collective must cost on this machine, if nothing is checked.
 *
 *   floor threads [--whole] RANKS BYTES CALLS OP WORKERS
 *     Threads that each play RANKS / WORKERS ranks, each on its own core.
 *   floor processes [--whole] RANKS BYTES CALLS OP
 *     A forked process for each rank, over one shared mapping.
 *   floor fibers [--whole] RANKS BYTES CALLS OP
 *     A stack for each rank, switched to once a call, all on one thread.
 *
 * As many workers as cores or fewer spin; more give way to each other. Small messages that spinning
 * workers exchange ride beside the number that says they are there, so that one cache line crosses
 * once in each direction. Large ones are summed where they lie, each worker its share of the
 * elements. Where workers outnumber the cores and the message is small, the last to come does it
 * for all, so that each is woken once.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/collectives/harness.h"
#include "bench/collectives/sum.h"
#include "sim/world/context.h"

#define CORES 2
#define LINE 64
#define SLOT_BYTES 4096
#define ALONE_BYTES ((size_t)1 << 20) /* what the last to come does alone */
#define HUGE_BYTES ((size_t)1 << 21)
#define STACK_BYTES 16384

typedef struct {
    _Atomic long seq; /* of the call whose message this is */
    float data[(SLOT_BYTES - sizeof(long)) / sizeof(float)];
} Slot;

/* What one worker writes and the others read; two slots, as nobody is ever two calls ahead. */
typedef struct {
    _Alignas(LINE) Slot slots[2];
    _Alignas(LINE) _Atomic long arrived;
} Post;

typedef struct {
    _Alignas(LINE) _Atomic int waiting;
    _Alignas(LINE) _Atomic long generation;
    _Alignas(LINE) Post posts[CORES];
} Meeting;

typedef struct {
    Job job;
    int workers;
    Meeting *meeting;
    float **data; /* of every rank */
    struct Fiber *fibers;
    void *main_context;
    bool failed; /* a fiber saw a wrong number */
} Floor;

typedef struct {
    _Alignas(2 * LINE) Floor *floor; /* what a worker counts is on no other's line */
    int index;
    long calls; /* spinning: that it has made, meetings included */
    bool ok;
} Worker;

/* ---- the work itself ---- */

/* Copies @count floats to all ranks but @from, a chunk at a time while it is in the cache. */
static void
copy_to_others(const Floor *floor, int from, size_t first, size_t count)
{
    const size_t chunk = 2048;

    for (size_t at = first; at < first + count; at += chunk) {
        size_t length = first + count - at < chunk ? first + count - at : chunk;

        for (int rank = 0; rank < floor->job.ranks; rank++) {
            if (rank != from)
                memcpy(floor->data[rank] + at, floor->data[from] + at, length * sizeof(float));
        }
    }
}

/* The part of @count elements that is @worker's, in whole cache lines. */
static void
find_share(size_t count, int worker, int workers, size_t *first, size_t *length)
{
    size_t per_line = LINE / sizeof(float), lines = (count + per_line - 1) / per_line;
    size_t begin = lines * (size_t)worker / (size_t)workers * per_line;
    size_t end = lines * (size_t)(worker + 1) / (size_t)workers * per_line;

    *first = begin < count ? begin : count;
    *length = (end < count ? end : count) - *first;
}

static void
do_share(const Floor *floor, int worker, int workers)
{
    const Job *job = &floor->job;
    const float *const *in = (const float *const *)floor->data;
    size_t piece = job_piece(job), first, length;
    bool pieces = job->op == OP_ALL_GATHER || job->op == OP_REDUCE_SCATTER;

    find_share(pieces ? piece : job_count(job), worker, workers, &first, &length);
    for (int rank = 0; rank < (pieces ? job->ranks : 1); rank++) {
        size_t at = piece * (size_t)rank + first;

        switch (job->op) {
        case OP_ALL_REDUCE:
            sum_ranks(floor->data, job->ranks, in, job->ranks, first, length);
            break;
        case OP_BROADCAST:
            copy_to_others(floor, 0, first, length);
            break;
        case OP_ALL_GATHER:
            copy_to_others(floor, rank, at, length);
            break;
        case OP_REDUCE_SCATTER:
            sum_ranks(floor->data + rank, 1, in, job->ranks, at, length);
            break;
        }
    }
}

/* ---- workers that spin ---- */

static void
relax(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

static void
spin_meet(Worker *worker)
{
    Floor *floor = worker->floor;
    Post *posts = floor->meeting->posts;
    long call = posts[worker->index].arrived + 1;

    atomic_store_explicit(&posts[worker->index].arrived, call, memory_order_release);
    for (int other = 0; other < floor->workers; other++) {
        while (atomic_load_explicit(&posts[other].arrived, memory_order_acquire) < call)
            relax();
    }
}

static int
first_rank(const Floor *floor, int worker)
{
    return floor->job.ranks * worker / floor->workers;
}

static bool
fits_slot(const Floor *floor)
{
    size_t ranks = ((size_t)floor->job.ranks + (size_t)floor->workers - 1) / (size_t)floor->workers;

    return floor->job.op == OP_ALL_REDUCE && floor->job.ranks <= 64 &&
           ranks * floor->job.bytes <= sizeof((Slot *)NULL)->data;
}

static void
spin_call_small(Worker *worker)
{
    Floor *floor = worker->floor;
    Post *posts = floor->meeting->posts;
    size_t count = job_count(&floor->job);
    long call = ++worker->calls;
    int begin = first_rank(floor, worker->index), end = first_rank(floor, worker->index + 1);
    Slot *mine = &posts[worker->index].slots[call & 1];
    const float *in[64];

    for (int rank = begin; rank < end; rank++)
        memcpy(mine->data + count * (size_t)(rank - begin), floor->data[rank], floor->job.bytes);
    atomic_store_explicit(&mine->seq, call, memory_order_release);
    for (int other = 0; other < floor->workers; other++) {
        Slot *slot = &posts[other].slots[call & 1];
        int from = first_rank(floor, other);

        while (atomic_load_explicit(&slot->seq, memory_order_acquire) != call)
            relax();
        for (int rank = from; rank < first_rank(floor, other + 1); rank++)
            in[rank] = slot->data + count * (size_t)(rank - from);
    }
    sum_ranks(floor->data + begin, end - begin, in, floor->job.ranks, 0, count);
}

static void
spin_call(Worker *worker)
{
    if (worker->floor->workers == 1) {
        do_share(worker->floor, 0, 1);
    } else if (fits_slot(worker->floor)) {
        spin_call_small(worker);
    } else {
        spin_meet(worker);
        do_share(worker->floor, worker->index, worker->floor->workers);
        spin_meet(worker);
    }
}

/* ---- workers that give way ---- */

static void
yield_meet(Worker *worker, bool alone)
{
    Floor *floor = worker->floor;
    Meeting *meeting = floor->meeting;
    long generation = meeting->generation;

    if (atomic_fetch_add(&meeting->waiting, 1) + 1 == floor->workers) {
        if (alone)
            do_share(floor, 0, 1);
        meeting->waiting = 0;
        meeting->generation = generation + 1;
        return;
    }
    while (atomic_load_explicit(&meeting->generation, memory_order_acquire) == generation)
        sched_yield();
}

static void
yield_call(Worker *worker)
{
    Floor *floor = worker->floor;

    if (floor->job.bytes * (size_t)floor->job.ranks <= ALONE_BYTES) {
        yield_meet(worker, true);
        return;
    }
    yield_meet(worker, false);
    do_share(floor, worker->index, floor->workers);
    yield_meet(worker, false);
}

/* ---- a worker's life ---- */

static bool
check_rank(const Floor *floor, int rank)
{
    size_t at = floor->job.op == OP_REDUCE_SCATTER ? job_piece(&floor->job) * (size_t)rank : 0;

    return check_result(&floor->job, floor->data[rank] + at, rank);
}

static void
pin(int core)
{
    cpu_set_t allowed, one;

    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && core-- == 0)
            CPU_SET(cpu, &one);
    }
    /* With fewer cores than that the worker stays where it is. */
    if (CPU_COUNT(&one) == 1 && sched_setaffinity(0, sizeof one, &one) != 0)
        perror("floor: sched_setaffinity");
}

static void *
live(void *data)
{
    Worker *worker = data;
    Floor *floor = worker->floor;
    const Job *job = &floor->job;
    bool spins = floor->workers <= CORES;
    int begin = first_rank(floor, worker->index), end = first_rank(floor, worker->index + 1);
    int calls = job_batch_calls(job);
    Clock clock = {0};

    pin(worker->index % CORES);
    if (!job->whole) {
        for (int rank = begin; rank < end; rank++)
            fill_input(job, floor->data[rank], rank);
        if (spins) {
            spin_meet(worker);
            spin_call(worker);
            spin_meet(worker);
        } else {
            yield_meet(worker, false);
            yield_call(worker);
        }
        for (int rank = begin; rank < end; rank++)
            worker->ok &= check_rank(floor, rank);
    }
    for (int rank = begin; rank < end; rank++)
        memset(floor->data[rank], 0, job->bytes);
    for (int batch = 0; batch < job_batches(job); batch++) {
        clock_start(&clock);
        if (spins) {
            spin_meet(worker);
            for (int i = 0; i < calls; i++)
                spin_call(worker);
        } else {
            yield_meet(worker, false);
            for (int i = 0; i < calls; i++)
                yield_call(worker);
        }
        clock_stop(&clock, calls);
    }
    if (worker->index == 0 && worker->ok)
        clock_print(&clock);
    return NULL;
}

static bool
run_threads(Floor *floor)
{
    pthread_t threads[CORES];
    Worker workers[CORES];
    bool ok = true;

    for (int i = 0; i < floor->workers; i++)
        workers[i] = (Worker){.floor = floor, .index = i, .ok = true};
    for (int i = 1; i < floor->workers; i++) {
        if (pthread_create(&threads[i], NULL, live, &workers[i]) != 0)
            exit(1);
    }
    live(&workers[0]);
    for (int i = 1; i < floor->workers; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < floor->workers; i++)
        ok &= workers[i].ok;
    return ok;
}

static bool
run_processes(Floor *floor)
{
    Worker worker = {.floor = floor, .ok = true};
    int status;

    for (int i = 1; i < floor->workers; i++) {
        pid_t child = fork();

        if (child < 0) {
            perror("floor: fork");
            exit(1);
        }
        if (child == 0) {
            /* Without the others it would wait for ever. */
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            worker.index = i;
            live(&worker);
            _exit(worker.ok ? 0 : 1);
        }
    }
    live(&worker);
    for (int i = 1; i < floor->workers; i++) {
        if (wait(&status) < 0 || status != 0)
            worker.ok = false;
    }
    return worker.ok;
}

/* ---- fibers ---- */

typedef struct Fiber {
    Floor *floor;
    int rank;
    void *context;
} Fiber;

static void
fiber_call(Fiber *fiber, bool meet_only)
{
    Floor *floor = fiber->floor;
    int index = fiber->rank + 1 < floor->job.ranks ? fiber->rank + 1 : 0;
    Fiber *next = &floor->fibers[index];

    if (index == 0 && !meet_only)
        do_share(floor, 0, 1);
    if (next != fiber)
        ddp_context_jump(&fiber->context, next->context, next);
}

static void
fiber_live(void *data)
{
    Fiber *fiber = data;
    Floor *floor = fiber->floor;
    const Job *job = &floor->job;
    int calls = job_batch_calls(job);
    Clock clock = {0};

    if (!job->whole) {
        fill_input(job, floor->data[fiber->rank], fiber->rank);
        fiber_call(fiber, false);
        floor->failed |= !check_rank(floor, fiber->rank);
    }
    memset(floor->data[fiber->rank], 0, job->bytes);
    fiber_call(fiber, true);
    for (int batch = 0; batch < job_batches(job); batch++) {
        clock_start(&clock);
        for (int i = 0; i < calls; i++)
            fiber_call(fiber, false);
        fiber_call(fiber, true);
        clock_stop(&clock, calls);
    }
    if (fiber->rank == 0 && !floor->failed)
        clock_print(&clock);
    /* The last one goes home, the others hand on. */
    if (fiber->rank + 1 < job->ranks)
        fiber_call(fiber, true);
    ddp_context_jump(&fiber->context, floor->main_context, NULL);
    abort();
}

static void *
map(size_t bytes, int flags)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        perror("floor: mmap");
        exit(1);
    }
    return memory;
}

static bool
run_fibers(Floor *floor)
{
    size_t ranks = (size_t)floor->job.ranks;
    char *stacks = map(ranks * STACK_BYTES, MAP_PRIVATE | MAP_NORESERVE);

    pin(0);
    floor->fibers = map(ranks * sizeof *floor->fibers, MAP_PRIVATE);
    for (int rank = 0; rank < floor->job.ranks; rank++) {
        char *top = stacks + ((size_t)rank + 1) * STACK_BYTES;

        floor->fibers[rank] = (Fiber){floor, rank, ddp_context_new(top, STACK_BYTES, fiber_live)};
    }
    ddp_context_jump(&floor->main_context, floor->fibers[0].context, &floor->fibers[0]);
    return !floor->failed;
}

/* ---- main ---- */

/* Every tensor begins on a page of its own, and large ones on huge pages where there are such. */
static void
map_tensors(Floor *floor, int flags)
{
    size_t align = floor->job.bytes >= HUGE_BYTES ? HUGE_BYTES : 4096;
    size_t each = (floor->job.bytes + align - 1) / align * align;
    size_t total = each * (size_t)floor->job.ranks + align;
    char *memory = map(total, flags);

    if (align == HUGE_BYTES && madvise(memory, total, MADV_HUGEPAGE) != 0)
        errno = 0; /* a kernel without them: ordinary pages, then */
    memory += (align - (uintptr_t)memory % align) % align;
    floor->data = map(sizeof *floor->data * (size_t)floor->job.ranks, MAP_PRIVATE);
    for (int rank = 0; rank < floor->job.ranks; rank++)
        floor->data[rank] = (float *)(void *)(memory + each * (size_t)rank);
}

int
main(int argc, char **argv)
{
    Floor floor = {0};
    const char *kind = argc > 1 ? argv[1] : "";
    bool threads = strcmp(kind, "threads") == 0, processes = strcmp(kind, "processes") == 0;
    int first = 2;

    floor.job.whole = argc > 2 && strcmp(argv[2], "--whole") == 0;
    first += floor.job.whole;
    if (argc != first + (threads ? 5 : 4) || !job_parse(&floor.job, argv + first) ||
        !(threads || processes || strcmp(kind, "fibers") == 0)) {
        fprintf(stderr, "usage: floor fibers|threads|processes [--whole] RANKS BYTES CALLS OP"
                        " [WORKERS]\n");
        return 2;
    }
    floor.workers = threads ? atoi(argv[first + 4]) : processes ? floor.job.ranks : 1;
    if (threads &&
        (floor.workers < 1 || floor.workers > CORES || floor.workers > floor.job.ranks)) {
        fprintf(stderr, "floor: WORKERS is %d, expected 1 to %d\n", floor.workers, CORES);
        return 2;
    }
    map_tensors(&floor, processes ? MAP_SHARED : MAP_PRIVATE);
    floor.meeting = map(sizeof *floor.meeting, processes ? MAP_SHARED : MAP_PRIVATE);
    return (threads ? run_threads : processes ? run_processes : run_fibers)(&floor) ? 0 : 1;
}
