/* SPDX-License-Identifier: MIT */
#include "sim/script/tell.h"
#include "tests/testutil.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/script/play.h"
#include "sim/script/told.h"

/*
 * Ranks are plain forked children here, without a world: each tells what a function of its number
 * says, and the test holds the play of the parent to the same function.
 */

#define RANKS 6
#define NANOS_A_MS 1000000

typedef void (*Child)(int rank);

static DdpPlay *play;
static pid_t children[RANKS];

static DdpPlay *
play_new(DdpRanksKind ranks)
{
    const DdpLimits limits = ddp_limits_default();
    g_autoptr(GError) error = NULL;
    DdpPlay *made = ddp_play_new(&limits, 0, NULL);
    bool ok = ddp_play_prepare(made, ranks, RANKS, &error);

    ck_assert_no_error(error);
    ck_assert(ok);
    made->audit = ddp_audit_new(RANKS);
    return made;
}

static void
set_up(void)
{
    play = play_new(DDP_RANKS_ARE_FORKED);
    memset(children, 0, sizeof children);
}

static void
tear_down(void)
{
    for (int rank = 0; rank < RANKS; rank++) {
        if (children[rank] > 0)
            kill(children[rank], SIGKILL);
    }
    ddp_play_free(play);
}

static void
start(int rank, Child child)
{
    children[rank] = fork();
    ck_assert_int_ge(children[rank], 0);
    if (children[rank] > 0)
        return;
    ddp_tell_enter(play->tell);
    child(rank);
    _exit(0);
}

static void
start_all(Child child)
{
    for (int rank = 0; rank < RANKS; rank++)
        start(rank, child);
}

/* Takes in what is told until the child is gone, and then the rest. Returns its status. */
static int
reap(int rank)
{
    int status = 0;
    struct pollfd told = {ddp_tell_fd(play->tell), POLLIN, 0};

    while (waitpid(children[rank], &status, WNOHANG) == 0) {
        ck_assert_int_ge(poll(&told, 1, 1), 0);
        (void)ddp_tell_pump(play->tell);
    }
    children[rank] = 0;
    while (ddp_tell_pump(play->tell))
        ;
    return status;
}

static void
reap_all(void)
{
    for (int rank = 0; rank < RANKS; rank++) {
        if (children[rank] > 0)
            ck_assert_int_eq(reap(rank), 0);
    }
}

/* ---- the same on each engine ---- */

#define EVALUATIONS 3
#define LINES 400

/* Everything that can be told; what a rank tells depends on nothing but its number. */
static void
tell_all(DdpTell *tell, int rank)
{
    int64_t indices[7];
    g_autoptr(GPtrArray) stack = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *tag = g_strdup_printf("tag%d", rank % 2);

    for (int i = 0; i < LINES; i++) {
        g_autofree char *line = g_strdup_printf("line %d", i);

        ddp_tell_print(tell, rank, line);
    }
    for (int e = 0; e < EVALUATIONS; e++) {
        DdpToldLog log = {rank, e, 10 + e, "csv", "run", tag, "a.lua:7", e, rank + 0.5};

        for (int i = 0; i < 7; i++)
            indices[i] = (rank * 7 + i) % 40;
        ddp_tell_samples(tell, rank, e, 40, indices, G_N_ELEMENTS(indices));
        ddp_tell_samples(tell, rank, e, 40, NULL, 0);
        ddp_tell_merged(tell, rank, e);
        ddp_tell_log(tell, &log);
        if (rank == 0)
            ddp_tell_truth(tell, rank, e, tag, e, 0.25 * e);
    }
    ddp_tell_log(tell, &(DdpToldLog){rank, -1, 0, "text", "", "", "", INT64_MIN, -0.0});
    ddp_tell_finding(tell, rank, "lesson", "no place", NULL);
    ddp_tell_finding(tell, rank, "lesson", "", "a.lua:9");
    for (int64_t step = 0; step < 5; step++)
        ddp_tell_replica(tell, rank, 0, step, step == 3 && rank == 4 ? UINT64_MAX : 17);
    for (int i = 0; i <= rank; i++)
        g_ptr_array_add(stack, g_strdup_printf("a.lua:%d in function 'f'", i));
    ddp_tell_stack(tell, rank, stack);
}

static void
tell_all_of_play(int rank)
{
    tell_all(play->tell, rank);
}

static char *
findings_of(const DdpPlay *of, int rank)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < of->record->findings->len; i++) {
        const DdpFinding *finding = of->record->findings->pdata[i];

        if (finding->ranks->len == 1 && g_array_index(finding->ranks, int, 0) == rank)
            g_string_append_printf(text, "%s|%s|%s\n", finding->kind, finding->message,
                                   finding->sites->len > 0 ? (char *)finding->sites->pdata[0]
                                                           : "none");
    }
    return g_string_free(text, FALSE);
}

static void
append_entries(GString *text, const DdpPlay *of, int rank, const char *logger)
{
    for (guint i = 0; i < of->record->logs->len; i++) {
        const DdpLogSeries *series = of->record->logs->pdata[i];

        for (guint j = 0; strcmp(series->logger, logger) == 0 && j < series->entries->len; j++) {
            const DdpLogEntry *entry = series->entries->pdata[j];

            if (entry->rank == rank)
                g_string_append_printf(text, "%s|%s|%s|%" G_GINT64_FORMAT "|%a|%s\n",
                                       series->logger, series->path, series->tag, entry->step,
                                       entry->value, entry->site);
        }
    }
}

/* Series stand in the order of their first entries, whosesoever: so one logger after the other. */
static char *
entries_of(const DdpPlay *of, int rank)
{
    GString *text = g_string_new(NULL);

    append_entries(text, of, rank, "csv");
    append_entries(text, of, rank, "text");
    return g_string_free(text, FALSE);
}

static char *
lines_of(const DdpPlay *of, int rank)
{
    GString *text = g_string_new(NULL);
    g_autofree char *prefix = g_strdup_printf("%d\t", rank);

    for (guint i = 0; i < of->record->printed->len; i++) {
        if (g_str_has_prefix(of->record->printed->pdata[i], prefix))
            g_string_append_printf(text, "%s\n", (char *)of->record->printed->pdata[i]);
    }
    return g_string_free(text, FALSE);
}

static char *
stack_of(const DdpPlay *of, int rank)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; of->stacks[rank] != NULL && i < of->stacks[rank]->len; i++)
        g_string_append_printf(text, "%s\n", (char *)of->stacks[rank]->pdata[i]);
    return g_string_free(text, FALSE);
}

static char *
audit_of(const DdpPlay *of)
{
    GString *text = g_string_new(NULL);

    ddp_audit_finish(of->audit, of->record);
    for (guint i = 0; i < of->record->audit->len; i++) {
        const DdpAuditRow *row = of->record->audit->pdata[i];

        g_string_append_printf(text, "%s|%d|%d|%d|%a|%d|%a|%d|%d|%d|%s\n", row->key,
                               (int)row->epoch, (int)row->step, row->rank, row->logged,
                               row->has_truth, row->has_truth ? row->truth : 0, (int)row->samples,
                               (int)row->of, (int)row->duplicates, row->site);
    }
    return g_string_free(text, FALSE);
}

static char *
divergence_of(const DdpPlay *of)
{
    int64_t step = -1;
    GArray *ranks = NULL;

    if (!ddp_replicas_divergence(of->replicas, NULL, &step, &ranks))
        return g_strdup("none");

    char *text = g_strdup_printf("step %d: %d rank(s), first %d", (int)step, (int)ranks->len,
                                 g_array_index(ranks, int, 0));

    g_array_unref(ranks);
    return text;
}

typedef char *(*OfRank)(const DdpPlay *of, int rank);

/* Ranks may be interleaved in any way, so each is compared by itself. */
static void
check_equal(const DdpPlay *one, const DdpPlay *other)
{
    static const OfRank views[] = {findings_of, entries_of, lines_of, stack_of};

    for (int rank = 0; rank < RANKS; rank++) {
        for (size_t v = 0; v < G_N_ELEMENTS(views); v++) {
            g_autofree char *a = views[v](one, rank), *b = views[v](other, rank);

            ck_assert_int_gt(strlen(a), 0);
            ck_assert_str_eq(a, b);
        }
    }
    ck_assert_uint_eq(one->record->printed->len, other->record->printed->len);

    g_autofree char *a = divergence_of(one), *b = divergence_of(other);
    g_autofree char *rows = audit_of(one), *other_rows = audit_of(other);

    ck_assert_str_eq(a, "step 3: 1 rank(s), first 4");
    ck_assert_str_eq(a, b);
    ck_assert_int_gt(strlen(rows), 0);
    ck_assert_str_eq(rows, other_rows);
}

static DdpPlay *
told_in_process(void)
{
    DdpPlay *made = play_new(DDP_RANKS_TAKE_TURNS);

    for (int rank = 0; rank < RANKS; rank++)
        tell_all(made->tell, rank);
    return made;
}

START_TEST(test_processes_tell_what_fibers_tell)
{
    g_autoptr(DdpPlay) same = told_in_process();

    start_all(tell_all_of_play);
    reap_all();
    check_equal(same, play);
    ck_assert_uint_eq(ddp_tell_dropped(play->tell), 0);
}
END_TEST

static DdpPlay *threads_play;

static void *
tell_in_thread(void *rank)
{
    tell_all(threads_play->tell, GPOINTER_TO_INT(rank));
    return NULL;
}

START_TEST(test_threads_tell_what_fibers_tell)
{
    g_autoptr(DdpPlay) same = told_in_process();
    pthread_t threads[RANKS];

    threads_play = play_new(DDP_RANKS_SHARE_MEMORY);
    ck_assert_int_eq(ddp_tell_fd(threads_play->tell), -1);
    for (int rank = 0; rank < RANKS; rank++)
        ck_assert_int_eq(
            pthread_create(&threads[rank], NULL, tell_in_thread, GINT_TO_POINTER(rank)), 0);
    for (int rank = 0; rank < RANKS; rank++)
        ck_assert_int_eq(pthread_join(threads[rank], NULL), 0);
    check_equal(same, threads_play);
    ddp_play_free(threads_play);
}
END_TEST

/* ---- order ---- */

#define ROUNDS 2000

static int turns[2][2]; /* pipes: whose turn it is */

static void
take_turns(int rank)
{
    char byte = 'x';

    for (int i = 0; i < ROUNDS; i++) {
        if (read(turns[rank][0], &byte, 1) != 1)
            _exit(1);
        ddp_tell_print(play->tell, rank, "mine");
        if (write(turns[1 - rank][1], &byte, 1) != 1)
            _exit(1);
    }
}

/* A pipe stands for the collective that orders the two. */
START_TEST(test_order_across_ranks_is_the_order_of_telling)
{
    ck_assert_int_eq(pipe(turns[0]), 0);
    ck_assert_int_eq(pipe(turns[1]), 0);
    ck_assert_int_eq(write(turns[0][1], "x", 1), 1);
    start(0, take_turns);
    start(1, take_turns);
    reap_all();
    ck_assert_uint_eq(play->record->printed->len, 2 * ROUNDS);
    for (guint i = 0; i < play->record->printed->len; i++)
        ck_assert_str_eq(play->record->printed->pdata[i], i % 2 == 0 ? "0\tmine" : "1\tmine");
}
END_TEST

/* ---- length ---- */

/* From one byte to many packets, with the packet's own size and its neighbours among them. */
static size_t
length_of(int number)
{
    static const size_t lengths[] = {0,     1,     4095,  4096,   16000,  16300,  16308,
                                     16315, 16383, 16384, 16385,  32768,  100000, 65536,
                                     16319, 16320, 16321, 300000, 1048576};

    return lengths[number % (int)G_N_ELEMENTS(lengths)];
}

static char *
long_line(int rank, int number)
{
    size_t length = length_of(number + rank);
    char *line = g_malloc(length + 1);

    for (size_t i = 0; i < length; i++)
        line[i] = (char)('a' + (i * 7 + (size_t)rank * 3 + (size_t)number + i / 997) % 26);
    line[length] = '\0';
    return line;
}

#define LONG_LINES 38

static void
tell_long_lines(int rank)
{
    for (int i = 0; i < LONG_LINES; i++) {
        g_autofree char *line = long_line(rank, i);

        ddp_tell_print(play->tell, rank, line);
    }
}

START_TEST(test_long_messages_of_many_ranks_do_not_mix)
{
    int seen[RANKS] = {0};

    start_all(tell_long_lines);
    reap_all();
    ck_assert_uint_eq(play->record->printed->len, RANKS * LONG_LINES);
    for (guint i = 0; i < play->record->printed->len; i++) {
        const char *told = play->record->printed->pdata[i];
        int rank = *told - '0';
        g_autofree char *line = long_line(rank, seen[rank]++);

        ck_assert_msg(strcmp(told + 2, line) == 0, "rank %d, line %d of %zu bytes", rank,
                      seen[rank] - 1, strlen(line));
    }
    ck_assert_uint_eq(ddp_tell_dropped(play->tell), 0);
}
END_TEST

static void
tell_many_samples(int rank)
{
    enum { COUNT = 100000 };
    g_autofree int64_t *indices = g_new(int64_t, COUNT);

    for (int i = 0; i < COUNT; i++)
        indices[i] = (int64_t)rank * COUNT + i;
    ddp_tell_samples(play->tell, rank, 0, (size_t)RANKS * COUNT, indices, COUNT);
    ddp_tell_log(play->tell, &(DdpToldLog){rank, 0, 0, "csv", "run", "loss", "a.lua:1", 0, 1.0});
}

START_TEST(test_samples_beyond_a_message_all_count)
{
    start_all(tell_many_samples);
    reap_all();
    ddp_audit_finish(play->audit, play->record);
    ck_assert_uint_eq(play->record->audit->len, RANKS);
    for (guint i = 0; i < RANKS; i++) {
        const DdpAuditRow *row = play->record->audit->pdata[i];

        ck_assert_int_eq(row->samples, 100000);
        ck_assert_int_eq(row->of, RANKS * 100000);
    }
}
END_TEST

/* ---- death ---- */

#define HUGE_BYTES (8 << 20)

static void
tell_huge(int rank)
{
    g_autofree char *line = g_malloc(HUGE_BYTES);

    memset(line, 'h', HUGE_BYTES - 1);
    line[HUGE_BYTES - 1] = '\0';
    ddp_tell_print(play->tell, rank, line);
}

static void
tell_alive(int rank)
{
    ddp_tell_print(play->tell, rank, "alive");
}

/* Until the child sleeps: nobody reads, so it has filled the socket and stands in mid-message. */
static void
wait_until_it_waits(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    const struct timespec moment = {0, NANOS_A_MS};

    for (int tries = 0; tries < 5000; tries++) {
        g_autofree char *stat = NULL;
        const char *state;

        ck_assert(g_file_get_contents(path, &stat, NULL, NULL));
        state = strrchr(stat, ')');
        ck_assert_ptr_nonnull(state);
        if (state[2] == 'S')
            return;
        nanosleep(&moment, NULL);
    }
    ck_abort_msg("the child never waited for the socket");
}

START_TEST(test_message_of_a_rank_killed_in_the_middle_is_dropped)
{
    start(0, tell_huge);
    wait_until_it_waits(children[0]);
    ck_assert_int_eq(kill(children[0], SIGKILL), 0);
    ck_assert_int_eq(waitpid(children[0], NULL, 0), children[0]);
    children[0] = 0;

    /* The others wait behind what it left in the socket, and come through. */
    for (int rank = 1; rank < RANKS; rank++)
        start(rank, tell_alive);
    reap_all();
    ck_assert_uint_eq(play->record->printed->len, RANKS - 1);
    for (int rank = 1; rank < RANKS; rank++) {
        g_autofree char *lines = lines_of(play, rank);
        g_autofree char *expected = g_strdup_printf("%d\talive\n", rank);

        ck_assert_str_eq(lines, expected);
    }
    ck_assert_uint_eq(ddp_tell_dropped(play->tell), 1);
}
END_TEST

static void
tell_for_ever(int rank)
{
    for (int i = 0;; i++) {
        g_autofree char *line = long_line(rank, i);

        ddp_tell_print(play->tell, rank, line);
    }
}

/* Killed at any moment: what has come is whole, in order, without a gap. */
START_TEST(test_lines_of_killed_ranks_are_whole)
{
    const struct timespec moment = {0, (_i * 37 % 50) * NANOS_A_MS / 10};
    int seen[RANKS] = {0};

    start_all(tell_for_ever);
    nanosleep(&moment, NULL);
    for (int turn = 0; turn < _i % 20; turn++)
        (void)ddp_tell_pump(play->tell);
    for (int rank = 0; rank < RANKS; rank++)
        kill(children[rank], SIGKILL);
    for (int rank = 0; rank < RANKS; rank++)
        ck_assert_int_eq(WTERMSIG(reap(rank)), SIGKILL);
    for (guint i = 0; i < play->record->printed->len; i++) {
        const char *told = play->record->printed->pdata[i];
        int rank = *told - '0';
        g_autofree char *line = long_line(rank, seen[rank]++);

        ck_assert_msg(strcmp(told + 2, line) == 0, "rank %d, line %d", rank, seen[rank] - 1);
    }
    ck_assert_uint_le(ddp_tell_dropped(play->tell), RANKS);
}
END_TEST

static int gone[2]; /* a pipe that ends when the parent has closed its end of the socket */

static void
tell_the_void(int rank)
{
    char byte;

    (void)close(gone[1]);
    if (read(gone[0], &byte, 1) != 0)
        _exit(2);
    for (int i = 0; i < 20; i++)
        tell_huge(rank);
}

START_TEST(test_rank_without_a_parent_ends_by_itself)
{
    int status = -1;

    ck_assert_int_eq(pipe(gone), 0);
    start(0, tell_the_void);
    ddp_tell_free(play->tell);
    play->tell = ddp_tell_new(play);
    (void)close(gone[1]);
    ck_assert_int_eq(waitpid(children[0], &status, 0), children[0]);
    children[0] = 0;
    ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- the parent's side ---- */

START_TEST(test_pump_takes_a_bounded_part_and_never_waits)
{
    ck_assert(!ddp_tell_pump(play->tell));
    start(0, tell_all_of_play);
    ck_assert_int_eq(waitpid(children[0], NULL, 0), children[0]);
    children[0] = 0;
    ck_assert(ddp_tell_pump(play->tell));
    ck_assert_uint_lt(play->record->printed->len, LINES);
    while (ddp_tell_pump(play->tell))
        ;
    ck_assert_uint_eq(play->record->printed->len, LINES);
    ck_assert(!ddp_tell_pump(play->tell));
}
END_TEST

START_TEST(test_parent_tells_at_once)
{
    ddp_tell_enter(play->tell);
    ddp_tell_print(play->tell, 1, "here");
    ck_assert_uint_eq(play->record->printed->len, 1);
}
END_TEST

static int64_t shown;

static void
show(int64_t collectives, void *user_data)
{
    ck_assert_ptr_eq(user_data, &shown);
    shown = collectives;
}

static void
tell_progress(int rank)
{
    ddp_tell_progress(play->tell, rank, 64);
    ddp_tell_progress(play->tell, rank, 128);
}

START_TEST(test_progress_is_shown_by_the_parent)
{
    play->progress = show;
    play->print_data = &shown;
    start(3, tell_progress);
    reap_all();
    ck_assert_int_eq(shown, 128);
}
END_TEST

static void
count_up(int rank)
{
    for (int i = 0; i < 1000; i++)
        atomic_fetch_add(&play->counts->files, rank + 1);
}

START_TEST(test_counts_add_up_over_processes)
{
    start_all(count_up);
    reap_all();
    ck_assert_int_eq(atomic_load(&play->counts->files), 1000 * RANKS * (RANKS + 1) / 2);
}
END_TEST

/* ---- nonsense ---- */

static void
count_told(const DdpTold *told, void *count)
{
    ck_assert_int_ge(told->rank, 0);
    ck_assert_int_lt(told->rank, RANKS);
    ++*(int *)count;
}

static bool
is_taken(const DdpTold *told)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpToldSocket) socket = ddp_told_socket_new(RANKS, &error);
    int count = 0;

    ck_assert_no_error(error);
    ddp_told_socket_send(socket, told);
    while (ddp_told_socket_receive(socket, count_told, &count))
        ;
    ck_assert_int_eq((int)ddp_told_socket_dropped(socket), 1 - count);
    return count == 1;
}

START_TEST(test_messages_that_make_no_sense_are_dropped)
{
    const char *const texts[] = {"a", "b", NULL, "d"};
    const int64_t indices[] = {0, 39};
    const DdpTold good[] = {
        {.kind = DDP_TOLD_PRINT, .texts = texts, .text_count = 1},
        {.kind = DDP_TOLD_PRINT, .rank = RANKS - 1, .texts = texts, .text_count = 1},
        {.kind = DDP_TOLD_FINDING, .texts = texts, .text_count = 3},
        {.kind = DDP_TOLD_SAMPLES, .number = 40, .indices = indices, .index_count = 2},
        {.kind = DDP_TOLD_STACK, .texts = texts, .text_count = 2},
    };
    const DdpTold bad[] = {
        {.kind = DDP_TOLD_PRINT},
        {.kind = DDP_TOLD_PRINT, .texts = texts + 2, .text_count = 1},
        {.kind = DDP_TOLD_PRINT, .rank = RANKS, .texts = texts, .text_count = 1},
        {.kind = DDP_TOLD_PRINT, .rank = -1, .texts = texts, .text_count = 1},
        {.kind = DDP_TOLD_PRINT, .evaluation = -2, .texts = texts, .text_count = 1},
        {.kind = DDP_TOLD_LOG, .texts = texts, .text_count = 4},
        {.kind = DDP_TOLD_FINDING, .texts = texts, .text_count = 2},
        {.kind = DDP_TOLD_FINDING, .texts = texts + 1, .text_count = 3},
        {.kind = DDP_TOLD_STACK, .texts = texts, .text_count = 3},
        {.kind = DDP_TOLD_MERGED, .evaluation = -1},
        {.kind = DDP_TOLD_TRUTH, .evaluation = -1, .texts = texts, .text_count = 1},
        {.kind = DDP_TOLD_SAMPLES, .number = 39, .indices = indices, .index_count = 2},
        {.kind = (DdpToldKind)77, .texts = texts, .text_count = 1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
        ck_assert_msg(is_taken(&good[i]), "good %zu", i);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        ck_assert_msg(!is_taken(&bad[i]), "bad %zu", i);
}
END_TEST

/* The sending end, which the header rightly hides. */
static int
writer_of(DdpToldSocket *socket)
{
    for (int fd = 3; fd < 64; fd++) {
        int type = 0;
        socklen_t size = sizeof type;

        if (fd != ddp_told_socket_fd(socket) &&
            getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET)
            return fd;
    }
    ck_abort_msg("no sending end");
}

/* A good packet with a few bytes changed, or cut, or any bytes at all: read without a fault, and
 * what is good afterwards still comes through. */
START_TEST(test_packets_that_make_no_sense_are_dropped)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpToldSocket) socket = ddp_told_socket_new(RANKS, &error);
    g_autoptr(GRand) random = g_rand_new_with_seed((guint32)_i + 1);
    const char *const texts[] = {"csv", "run", "loss", "a.lua:3"};
    const DdpTold log = {.kind = DDP_TOLD_LOG, .rank = 2, .texts = texts, .text_count = 4};
    uint8_t packet[20000], good[512];
    ssize_t length;
    int count = 0, writer;

    ck_assert_no_error(error);
    writer = writer_of(socket);
    ddp_told_socket_send(socket, &log);
    length = recv(ddp_told_socket_fd(socket), good, sizeof good, 0);
    ck_assert_int_gt(length, 24);
    for (int i = 0; i < 3000; i++) {
        size_t bytes = (size_t)length;

        memcpy(packet, good, bytes);
        if (i % 3 == 0)
            bytes = (size_t)g_rand_int_range(random, 1, (gint32)length);
        for (int change = i % 4; change > 0; change--)
            packet[g_rand_int_range(random, 0, (gint32)length)] ^=
                (uint8_t)(1 << g_rand_int_range(random, 0, 8));
        if (i % 50 == 0) {
            bytes = (size_t)g_rand_int_range(random, 1, sizeof packet);
            for (size_t b = 0; b < bytes; b++)
                packet[b] = (uint8_t)g_rand_int_range(random, 0, 256);
        }
        ck_assert_int_eq(send(writer, packet, bytes, 0), (ssize_t)bytes);
        (void)ddp_told_socket_receive(socket, count_told, &count);
    }
    count = 0;
    ddp_told_socket_send(socket, &log);
    ck_assert(!ddp_told_socket_receive(socket, count_told, &count));
    ck_assert_int_eq(count, 1);
    ck_assert_uint_gt(ddp_told_socket_dropped(socket), 1000);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("tell");
    TCase *same = tcase_create("the same on each engine");
    TCase *death = tcase_create("death");
    TCase *parent = tcase_create("the parent's side");
    TCase *nonsense = tcase_create("nonsense");

    tcase_add_checked_fixture(same, set_up, tear_down);
    tcase_add_test(same, test_processes_tell_what_fibers_tell);
    tcase_add_test(same, test_threads_tell_what_fibers_tell);
    tcase_add_test(same, test_order_across_ranks_is_the_order_of_telling);
    tcase_add_test(same, test_long_messages_of_many_ranks_do_not_mix);
    tcase_add_test(same, test_samples_beyond_a_message_all_count);
    suite_add_tcase(suite, same);

    tcase_add_checked_fixture(death, set_up, tear_down);
    tcase_add_test(death, test_message_of_a_rank_killed_in_the_middle_is_dropped);
    tcase_add_loop_test(death, test_lines_of_killed_ranks_are_whole, 0, 40);
    tcase_add_test(death, test_rank_without_a_parent_ends_by_itself);
    suite_add_tcase(suite, death);

    tcase_add_checked_fixture(parent, set_up, tear_down);
    tcase_add_test(parent, test_pump_takes_a_bounded_part_and_never_waits);
    tcase_add_test(parent, test_parent_tells_at_once);
    tcase_add_test(parent, test_progress_is_shown_by_the_parent);
    tcase_add_test(parent, test_counts_add_up_over_processes);
    suite_add_tcase(suite, parent);

    tcase_add_test(nonsense, test_messages_that_make_no_sense_are_dropped);
    tcase_add_loop_test(nonsense, test_packets_that_make_no_sense_are_dropped, 0, 4);
    suite_add_tcase(suite, nonsense);
    return ddp_test_main(suite);
}
