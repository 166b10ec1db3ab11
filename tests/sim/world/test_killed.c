/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/world/world.h"
#include "tests/sim/world/leftovers.h"
#include "tests/testutil.h"

/*
 * A rank of the processes engine is killed with SIGKILL, at any moment of its life. Its own timer
 * does it, armed inside fork(), so the kill may come before the rank's first line and after its
 * last; on x86-64 the rank is also stepped through its collectives and killed at a chosen
 * instruction. Whatever the moment: the run ends, the dead rank is named to all others, and nothing
 * is left behind.
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KILLS 120 /* of each kind of life */
#define SANITIZED 1
#else
#define KILLS 125
#define SANITIZED 0
#endif

#define SIZE_MAX_RANKS 17
#define RUN_US_MAX (10 * G_USEC_PER_SEC)

/* What ranks write down for the parent; shared, and not by the means under test. */
typedef struct {
    bool told[SIZE_MAX_RANKS]; /* the rank's function ended with an error */
    bool ended[SIZE_MAX_RANKS];
    char text[SIZE_MAX_RANKS][200];
} Notes;

static Notes *notes;

/* Which of the next forks are killed when; reset for each world. */
static int forks;
static int victims[2] = {-1, -1};
static int64_t delays_us[2];

static void
arm(void)
{
    for (int i = 0; i < 2; i++) {
        if (victims[i] != forks)
            continue;

        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
        struct itimerspec when = {
            .it_value = {delays_us[i] / 1000000, delays_us[i] % 1000000 * 1000 + 1}};
        timer_t timer;

        if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
            timer_settime(timer, 0, &when, NULL) != 0)
            _exit(99);
    }
}

static void
count_fork(void)
{
    forks++;
}

/* ---- the lives ---- */

#define ROUNDS_MAX 1000000 /* nobody gets there */

static bool
all_reduce(DdpRank *rank, float *data, size_t count, GError **error)
{
    DdpCall call = {.kind = DDP_CALL_ALL_REDUCE,
                    .dtype = DDP_DTYPE_F32,
                    .root = -1,
                    .count = count,
                    .ndim = 1,
                    .shape = {(int64_t)count},
                    .in = data,
                    .out = data,
                    .site = DDP_HERE};

    return ddp_rank_call(rank, &call, error);
}

static bool
computing(DdpRank *rank, GError **error)
{
    volatile float sum = 0;
    float one = 1;

    for (int i = 0; i < 20000; i++)
        sum += (float)i;
    (void)sum;
    return all_reduce(rank, &one, 1, error);
}

static bool
in_the_lane(DdpRank *rank, GError **error)
{
    float few[8] = {0};

    return all_reduce(rank, few, G_N_ELEMENTS(few), error);
}

/* Too long for the lane, too short to be shared out; private memory, so it is staged as well. */
static bool
in_a_meeting(DdpRank *rank, GError **error)
{
    float some[500] = {0};

    return all_reduce(rank, some, G_N_ELEMENTS(some), error);
}

static bool
in_a_big_all_reduce(DdpRank *rank, GError **error)
{
    size_t count = 300000;
    float *many = ddp_rank_alloc(rank, count * sizeof *many);
    bool ok = true;

    memset(many, 0, count * sizeof *many);
    for (int i = 0; ok && i < 20; i++)
        ok = all_reduce(rank, many, count, error);
    ddp_rank_free(rank, many);
    return ok;
}

static bool
message(DdpRank *rank, DdpCallKind kind, int peer, float *value, GError **error)
{
    DdpCall call = {.kind = kind,
                    .dtype = DDP_DTYPE_F32,
                    .root = peer,
                    .count = 1,
                    .in = value,
                    .out = value,
                    .site = DDP_HERE};

    return ddp_rank_call(rank, &call, error);
}

static bool
in_p2p(DdpRank *rank, GError **error)
{
    int r = ddp_rank_index(rank), p = ddp_world_size(ddp_rank_world(rank));
    float mine = (float)r, other = -1;

    if (r == 0)
        return message(rank, DDP_CALL_SEND, 1, &mine, error) &&
               message(rank, DDP_CALL_RECV, p - 1, &other, error);
    return message(rank, DDP_CALL_RECV, r - 1, &other, error) &&
           message(rank, DDP_CALL_SEND, (r + 1) % p, &mine, error);
}

static bool
allocating(DdpRank *rank, GError **error)
{
    void *memory[16];

    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < G_N_ELEMENTS(memory); i++)
            memory[i] = ddp_rank_alloc(rank, (size_t)1 << (i + (size_t)round % 4));
        for (size_t i = 0; i < G_N_ELEMENTS(memory); i++)
            ddp_rank_free(rank, memory[i]);
    }
    return in_the_lane(rank, error);
}

static bool
with_works(DdpRank *rank, GError **error)
{
    DdpWorld *world = ddp_rank_world(rank);
    float values[2] = {1, 2};
    DdpWork *works[2] = {NULL, NULL};
    bool ok = true;

    for (int i = 0; ok && i < 2; i++) {
        DdpCall call = {.kind = DDP_CALL_ALL_REDUCE,
                        .dtype = DDP_DTYPE_F32,
                        .root = -1,
                        .count = 1,
                        .in = &values[i],
                        .out = &values[i],
                        .site = DDP_HERE};

        works[i] = ddp_rank_begin(rank, ddp_comm_world_group(ddp_world_comm(world)), &call, error);
        ok = works[i] != NULL;
    }
    ok = ok && in_the_lane(rank, error);
    for (int i = 0; i < 2; i++) {
        ok = ok && ddp_work_wait(works[i], NULL, error);
        ddp_work_free(works[i]);
    }
    return ok;
}

static bool
objects(DdpRank *rank, GError **error)
{
    char text[10 * SIZE_MAX_RANKS] = "x";
    DdpCall call = {.kind = DDP_CALL_ALL_GATHER_OBJECT,
                    .root = -1,
                    .count = (size_t)ddp_rank_index(rank) * 10,
                    .in = text,
                    .site = DDP_HERE};

    if (!ddp_rank_call(rank, &call, error))
        return false;
    g_free(call.out);
    g_free(call.counts);
    return true;
}

static const struct {
    const char *name;
    bool (*round)(DdpRank *rank, GError **error);
    int rounds;       /* it ends after so many, if nothing happens */
    int64_t delay_us; /* the latest kill */
} lives[] = {
    {"computing", computing, ROUNDS_MAX, 3000},
    {"in the lane", in_the_lane, ROUNDS_MAX, 3000},
    {"in a meeting", in_a_meeting, ROUNDS_MAX, 3000},
    {"in a big all_reduce", in_a_big_all_reduce, ROUNDS_MAX, 6000},
    {"in p2p", in_p2p, ROUNDS_MAX, 3000},
    {"allocating", allocating, ROUNDS_MAX, 3000},
    {"with works", with_works, ROUNDS_MAX, 3000},
    {"objects", objects, ROUNDS_MAX, 3000},
    {"start and end", in_the_lane, 3, 2500},
    {"the end of a meeting", in_a_meeting, 2, 2500},
};

static int life;

static bool
live(DdpRank *rank, void *user_data, GError **error)
{
    int r = ddp_rank_index(rank);
    bool ok = true;
    GError *own = NULL;

    (void)user_data;
    for (int round = 0; ok && round < lives[life].rounds; round++)
        ok = lives[life].round(rank, &own);
    if (!ok) {
        g_strlcpy(notes->text[r], own->message, sizeof notes->text[r]);
        notes->told[r] = true;
        g_propagate_error(error, own);
    }
    notes->ended[r] = true;
    return ok;
}

/* ---- one run ---- */

static char now_playing[200]; /* for whoever finds that it does not end */

static void
out_of_time(int signal_number)
{
    (void)signal_number;
    if (write(STDERR_FILENO, now_playing, strlen(now_playing)) < 0)
        _exit(3);
    _exit(2);
}

static uint64_t random_state;

static uint64_t
draw(uint64_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (random_state >> 33) % below;
}

/* The rank was killed, and the verdict says so. */
static bool
is_dead(const DdpWorld *world, int rank)
{
    const DdpRankVerdict *verdict = ddp_world_rank_verdict(world, rank);

    return verdict->state == DDP_RANK_FAILED && verdict->error != NULL &&
           strcmp(verdict->error, "killed by signal 9 (SIGKILL)") == 0;
}

/* Everybody else was told of one of the dead, or had nothing to do with them any more. */
static void
check_the_others(const DdpWorld *world, const char *what)
{
    for (int rank = 0; rank < ddp_world_size(world); rank++) {
        const char *text = notes->text[rank];
        bool named = false;

        for (int i = 0; i < 2; i++) {
            g_autofree char *dead = g_strdup_printf(
                "the world was ended: error: rank %d: killed by signal 9 (SIGKILL)", victims[i]);

            named = named || strcmp(text, dead) == 0;
        }
        if (notes->told[rank])
            ck_assert_msg(named, "%s: rank %d was told: %s", what, rank, text);
        else
            ck_assert_msg(notes->ended[rank] || rank == victims[0] || rank == victims[1],
                          "%s: rank %d never ended", what, rank);
    }
}

static DdpWorld *
run(int size, DdpRankFunc func, const char *what)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GError) error = NULL;
    gint64 started_us = g_get_monotonic_time();
    DdpWorld *world;

    memset(notes, 0, sizeof *notes);
    (void)g_snprintf(now_playing, sizeof now_playing, "did not end: %s\n", what);
    forks = 0;
    spec.engine = DDP_ENGINE_PROCESSES;
    spec.size = size;
    world = ddp_world_new(&spec, &error);
    ck_assert_no_error(error);
    (void)alarm(30);
    ddp_world_run(world, func, NULL);
    (void)alarm(0);
    ck_assert_msg(g_get_monotonic_time() - started_us < RUN_US_MAX, "%s: took too long", what);
    return world;
}

static void
setup(void)
{
    notes = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(notes != MAP_FAILED);
    ck_assert_int_eq(pthread_atfork(NULL, count_fork, arm), 0);
    (void)signal(SIGALRM, out_of_time);
    random_state = 1;
    victims[0] = victims[1] = -1;
}

static void
teardown(void)
{
    munmap(notes, sizeof *notes);
}

/* ---- at a random moment ---- */

static void
kill_once(int size, bool two, int *killed)
{
    g_autofree char *what = NULL;

    victims[0] = (int)draw((uint64_t)size);
    delays_us[0] = (int64_t)draw((uint64_t)lives[life].delay_us);
    victims[1] = two ? (victims[0] + 1) % size : -1;
    delays_us[1] = delays_us[0];
    what = g_strdup_printf("%s, %d ranks, rank %d after %d us%s", lives[life].name, size,
                           victims[0], (int)delays_us[0], two ? ", and the next" : "");

    g_autoptr(DdpWorld) world = run(size, live, what);
    int dead = is_dead(world, victims[0]) + (two && is_dead(world, victims[1]));

    *killed += dead;
    check_the_others(world, what);
    if (dead > 0)
        ck_assert_msg(ddp_world_outcome(world) == DDP_OUTCOME_ERROR, "%s: %s", what,
                      ddp_outcome_name(ddp_world_outcome(world)));
    else
        /* It was through, or on its way out when the kill came. */
        ck_assert_msg(lives[life].rounds < ROUNDS_MAX &&
                          ddp_world_outcome(world) == DDP_OUTCOME_COMPLETED,
                      "%s: nobody died, %s", what, ddp_outcome_name(ddp_world_outcome(world)));
}

START_TEST(test_whenever_a_rank_is_killed_the_run_ends)
{
    static const int sizes[] = {4, 2, 3, 5, SIZE_MAX_RANKS};
    DdpLeftovers before = ddp_leftovers_count(), middle = before;
    int killed = 0;

    life = _i;
    for (int i = 0; i < KILLS; i++) {
        int size = sizes[i % 16 == 15 ? 4 : i % 4];

        kill_once(size, i % 5 == 4 && size > 2, &killed);
        ddp_leftovers_check(&before, lives[life].name);
        if (i == KILLS / 2)
            middle = ddp_leftovers_count();
    }
    ck_assert_int_ge(killed, lives[life].rounds == ROUNDS_MAX ? KILLS : 1);
    ck_assert_uint_le(ddp_leftovers_count().resident_bytes, middle.resident_bytes + (4 << 20));
}
END_TEST

/* ---- at a chosen instruction ---- */

#if defined(__x86_64__) && !SANITIZED

static volatile long steps_left;
static long step_stride, step_first;

static void
step(int signal_number)
{
    (void)signal_number;
    if (--steps_left <= 0)
        (void)kill(getpid(), SIGKILL);
}

/* From here on each instruction of this process calls step(). */
static inline void
begin_to_step(void)
{
    (void)signal(SIGTRAP, step);
    /* The trap flag; 128 bytes below the stack pointer belong to this function. */
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n pushfq\n orq $0x100, (%%rsp)\n popfq\n"
                     "leaq 128(%%rsp), %%rsp" ::
                         : "memory", "cc");
}

/* After some rounds that everybody plays, the victim plays the last one step by step. */
static bool
stepped_life(DdpRank *rank, void *user_data, GError **error)
{
    int r = ddp_rank_index(rank);
    bool ok = true, steps = r == victims[0];
    GError *own = NULL;

    (void)user_data;
    for (int round = 0; ok && round < 2; round++)
        ok = lives[life].round(rank, &own);
    if (ok && steps)
        begin_to_step();
    for (int round = 0; ok && round < 2; round++)
        ok = lives[life].round(rank, &own);
    if (!ok) {
        g_strlcpy(notes->text[r], own->message, sizeof notes->text[r]);
        notes->told[r] = true;
        g_propagate_error(error, own);
    }
    notes->ended[r] = true;
    return ok;
}

START_TEST(test_at_whatever_instruction_a_rank_is_killed_the_run_ends)
{
    DdpLeftovers before = ddp_leftovers_count();
    int killed = 0;

    life = _i;
    victims[1] = -1;
    for (long at = step_first + 1; at < 12000; at += step_stride) {
        g_autofree char *what =
            g_strdup_printf("%s, killed at instruction %ld", lives[life].name, at);
        int size = 2 + (int)(at % 2);

        victims[0] = (int)(at / 2 % size);
        delays_us[0] = RUN_US_MAX;
        steps_left = at;

        g_autoptr(DdpWorld) world = run(size, stepped_life, what);
        bool dead = is_dead(world, victims[0]);

        killed += dead;
        check_the_others(world, what);
        ck_assert_msg(ddp_world_outcome(world) ==
                          (dead ? DDP_OUTCOME_ERROR : DDP_OUTCOME_COMPLETED),
                      "%s: %s", what, ddp_outcome_name(ddp_world_outcome(world)));
        if (!dead)
            break; /* it was through before: there are no more instructions */
    }
    ddp_leftovers_check(&before, lives[life].name);
    ck_assert_int_gt(killed, 0);
}
END_TEST

/* The victim returns early, and from then on every instruction may be its last. */
static bool
leaving_life(DdpRank *rank, void *user_data, GError **error)
{
    int r = ddp_rank_index(rank);
    GError *own = NULL;

    (void)user_data;
    if (!in_the_lane(rank, error))
        return false;
    if (r == victims[0]) {
        begin_to_step();
        return true;
    }
    if (in_the_lane(rank, &own))
        return true;
    g_strlcpy(notes->text[r], own->message, sizeof notes->text[r]);
    g_propagate_error(error, own);
    return false;
}

START_TEST(test_at_whatever_instruction_a_leaving_rank_is_killed_the_run_ends)
{
    DdpLeftovers before = ddp_leftovers_count();
    int killed = 0, left = 0;

    victims[0] = 1;
    delays_us[0] = RUN_US_MAX;
    for (long at = 1; at < 3000 && left<20; at += step_stride> 100 ? 3 : 1) {
        g_autofree char *what = g_strdup_printf("killed at instruction %ld after its end", at);

        steps_left = at;

        g_autoptr(DdpWorld) world = run(3, leaving_life, what);
        bool dead = is_dead(world, 1);

        killed += dead;
        left += !dead;
        ck_assert_msg(ddp_world_outcome(world) == (dead ? DDP_OUTCOME_ERROR : DDP_OUTCOME_DEADLOCK),
                      "%s: %s", what, ddp_outcome_name(ddp_world_outcome(world)));
        for (int rank = 0; rank < 3; rank += 2)
            ck_assert_msg(strcmp(notes->text[rank],
                                 dead ? "the world was ended: error: rank 1: killed by signal 9 "
                                        "(SIGKILL)"
                                      : "the world was ended: deadlock") == 0,
                          "%s: rank %d was told: %s", what, rank, notes->text[rank]);
    }
    ddp_leftovers_check(&before, "leaving");
    ck_assert_int_gt(killed, 0);
    ck_assert_int_gt(left, 0);
}
END_TEST

static void
choose_steps(void)
{
    const char *stride = g_getenv("DDPSIM_TEST_STEP_STRIDE");

    step_stride = stride != NULL ? atol(stride) : 701;
    step_first = 0;
}
#endif

int
main(void)
{
    Suite *suite = suite_create("killed");
    TCase *moments = tcase_create("moments");

    tcase_add_checked_fixture(moments, setup, teardown);
    tcase_set_timeout(moments, 120);
    tcase_add_loop_test(moments, test_whenever_a_rank_is_killed_the_run_ends, 0,
                        G_N_ELEMENTS(lives));
    suite_add_tcase(suite, moments);
#if defined(__x86_64__) && !SANITIZED
    TCase *steps = tcase_create("steps");

    choose_steps();
    tcase_add_checked_fixture(steps, setup, teardown);
    tcase_set_timeout(steps, 1200);
    tcase_add_loop_test(steps, test_at_whatever_instruction_a_rank_is_killed_the_run_ends, 0,
                        G_N_ELEMENTS(lives));
    tcase_add_test(steps, test_at_whatever_instruction_a_leaving_rank_is_killed_the_run_ends);
    suite_add_tcase(suite, steps);
#endif
    return ddp_test_main(suite);
}
