/* SPDX-License-Identifier: MIT */
/*
 * The host of a joined world: a thread that lets the others in, hears when they leave or die, and
 * says when all is over. It is what the parent is to forked ranks.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/world/join_private.h"

#define HELLO_PATIENCE_S 2

typedef struct {
    int socket; /* -1: not come yet, or gone */
    pid_t pid;
    bool came;
    bool done; /* has left, or is dead */
} Guest;

typedef struct DdpHost {
    DdpJoined *joined; /* borrowed */
    int listener;
    int bell; /* rung by the host's own rank when it has left, or parts */
    int came, done;
    bool begun;
    Guest *guests;         /* by rank, the host among them */
    struct pollfd *polled; /* listener, bell, guests */
} DdpHost;

/* ---- who comes ---- */

/* (transfer full) (nullable): why not. */
static char *
find_objection(const DdpHost *host, const DdpHello *hello)
{
    const DdpHello *own = &host->joined->hello;

    if (hello->version != own->version)
        return g_strdup("its host runs another version of ddpsim");
    if (hello->size != own->size)
        return g_strdup_printf("WORLD_SIZE is %d, but the host has %d", hello->size, own->size);
    if (hello->nproc_per_node != own->nproc_per_node)
        return g_strdup_printf("LOCAL_WORLD_SIZE is %d, but the host has %d", hello->nproc_per_node,
                               own->nproc_per_node);
    if (hello->backend != own->backend)
        return g_strdup_printf("DDPSIM_BACKEND is \"%s\", but the host has \"%s\"",
                               ddp_backend_name((DdpBackend)hello->backend),
                               ddp_backend_name((DdpBackend)own->backend));
    if (hello->rank < 0 || hello->rank >= own->size)
        return g_strdup_printf("RANK is %d, expected a number from 0 to %d", hello->rank,
                               own->size - 1);
    if (host->guests[hello->rank].came)
        return g_strdup_printf("rank %d is taken", hello->rank);
    return NULL;
}

static bool
welcome(const DdpHost *host, int socket)
{
    DdpAnswer answer = {.word = DDP_JOIN_WELCOME, .host = host->joined->hello.rank};
    int memory = ddp_heap_fd(host->joined->heap);
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {&answer, sizeof answer};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};

    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof memory);
    memcpy(CMSG_DATA(&control.head), &memory, sizeof memory);
    return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)sizeof answer;
}

/* Whether it is this user's; @pid: its process. */
static bool
is_ours(int socket, pid_t *pid)
{
    struct ucred peer;
    socklen_t bytes = sizeof peer;

    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0)
        return false;
    *pid = peer.pid;
    return peer.uid == getuid();
}

static void
let_in(DdpHost *host)
{
    struct timeval patience = {HELLO_PATIENCE_S, 0};
    int socket = accept4(host->listener, NULL, NULL, SOCK_CLOEXEC);
    g_autofree char *objection = NULL;
    DdpHello hello;
    pid_t pid;

    if (socket < 0)
        return;
    /* Who knocks and says nothing does not hold up the others for long. */
    (void)setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!is_ours(socket, &pid) || recv(socket, &hello, sizeof hello, 0) != (ssize_t)sizeof hello) {
        (void)close(socket);
        return;
    }
    objection = find_objection(host, &hello);
    if (objection != NULL || !welcome(host, socket)) {
        if (objection != NULL)
            ddp_join_say(socket, DDP_JOIN_REFUSED, objection);
        (void)close(socket);
        return;
    }
    host->guests[hello.rank] = (Guest){.socket = socket, .pid = pid, .came = true};
    host->came++;
}

/* ---- who goes ---- */

static void
note_done(DdpHost *host, int rank)
{
    if (!host->guests[rank].done)
        host->done++;
    host->guests[rank].done = true;
}

static void
note_closed(DdpHost *host, int rank)
{
    Guest *guest = &host->guests[rank];
    DdpWorld *world = host->joined->world;
    bool has_left = ddp_comm_has_left(world->comm, rank);
    g_autofree char *text = g_strdup_printf("its process (%d) is gone", (int)guest->pid);

    ddp_comm_disarm(world->comm, rank);
    (void)close(guest->socket);
    guest->socket = -1;
    if (!has_left && !guest->done)
        ddp_rank_bury(&world->ranks[rank], text);
    note_done(host, rank);
}

static void
hear(DdpHost *host, int rank)
{
    DdpAnswer answer;
    ssize_t got = recv(host->guests[rank].socket, &answer, sizeof answer, MSG_DONTWAIT);

    if (got == (ssize_t)sizeof answer && answer.word == DDP_JOIN_LEFT)
        note_done(host, rank);
    else if (got >= 0 || (errno != EAGAIN && errno != EINTR))
        note_closed(host, rank);
}

/* While this thread waits for a lock, whoever holds it may have died. */
static void
disarm_the_dead(void *host_)
{
    const DdpHost *host = host_;

    for (int rank = 0; rank < host->joined->hello.size; rank++) {
        struct pollfd end = {host->guests[rank].socket, 0, 0};

        if (end.fd >= 0 && poll(&end, 1, 0) > 0 && (end.revents & (POLLHUP | POLLERR)) != 0)
            ddp_comm_disarm(host->joined->world->comm, rank);
    }
}

/* ---- the thread ---- */

static void
tell_all(const DdpHost *host, DdpJoinWord word, const char *text)
{
    for (int rank = 0; rank < host->joined->hello.size; rank++) {
        if (host->guests[rank].socket >= 0)
            ddp_join_say(host->guests[rank].socket, word, text);
    }
}

static char *
missing_text(const DdpHost *host)
{
    GString *text = g_string_new("these ranks have not come in time:");

    for (int rank = 0; rank < host->joined->hello.size; rank++) {
        if (!host->guests[rank].came)
            g_string_append_printf(text, " %d", rank);
    }
    return g_string_free(text, FALSE);
}

/* In milliseconds; -1 once all have come. */
static int
time_left_ms(const DdpHost *host)
{
    int64_t left_us = host->joined->deadline_us - g_get_monotonic_time();

    if (host->begun)
        return -1;
    return left_us > 0 ? (int)MIN(left_us / 1000 + 1, G_MAXINT) : 0;
}

static void
wait_for_anything(DdpHost *host)
{
    int size = host->joined->hello.size;

    host->polled[0] = (struct pollfd){host->listener, POLLIN, 0};
    host->polled[1] = (struct pollfd){host->bell, POLLIN, 0};
    for (int rank = 0; rank < size; rank++)
        host->polled[2 + rank] = (struct pollfd){host->guests[rank].socket, POLLIN, 0};
    if (poll(host->polled, (nfds_t)size + 2, time_left_ms(host)) <= 0)
        return;
    if (host->polled[1].revents != 0) {
        uint64_t rings;

        if (read(host->bell, &rings, sizeof rings) == (ssize_t)sizeof rings)
            note_done(host, host->joined->hello.rank);
    }
    for (int rank = 0; rank < size; rank++) {
        if (host->polled[2 + rank].revents != 0)
            hear(host, rank);
    }
    if (host->polled[0].revents != 0)
        let_in(host);
}

static gpointer
keep_the_door(gpointer host_)
{
    DdpHost *host = host_;
    DdpJoined *joined = host->joined;

    ddp_lock_set_watch(disarm_the_dead, host);
    while (host->done < joined->hello.size) {
        if (!host->begun && host->came == joined->hello.size) {
            host->begun = true;
            tell_all(host, DDP_JOIN_GO, NULL);
            ddp_joined_note(joined, false, NULL);
        }
        if (!host->begun && time_left_ms(host) == 0) {
            g_autofree char *text = missing_text(host);

            tell_all(host, DDP_JOIN_LATE, text);
            ddp_joined_note(joined, true, text);
            return NULL;
        }
        wait_for_anything(host);
        if (atomic_load(&joined->parts))
            return NULL;
    }
    /* The name is free again before anybody hears that it is over. */
    (void)close(host->listener);
    host->listener = -1;
    ddp_world_close(joined->world);
    tell_all(host, DDP_JOIN_OVER, NULL);
    ddp_joined_note(joined, true, NULL);
    return NULL;
}

/* ---- the host's own process ---- */

static bool
make_world(DdpJoined *joined, GError **error)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    DdpHeap *heap = ddp_heap_new_shared(true, error);

    if (heap == NULL)
        return false;
    spec.engine = DDP_ENGINE_PROCESSES;
    spec.size = joined->hello.size;
    spec.nproc_per_node = joined->hello.nproc_per_node;
    spec.nodes = spec.size / spec.nproc_per_node;
    spec.backend = (DdpBackend)joined->hello.backend;
    joined->world = ddp_world_new_in(heap, &spec, error);
    if (joined->world == NULL)
        return false;
    joined->heap = heap;
    joined->world->has_run = true;
    joined->rank = &joined->world->ranks[joined->hello.rank];
    joined->host_rank = joined->hello.rank;
    ddp_heap_set_root(heap, joined->world);
    ddp_heap_set_holder(DDP_LOCK_RANK(joined->hello.rank));
    return true;
}

static bool
open_failed(int listener, const char *what, GError **error)
{
    g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "cannot host the world: %s: %s",
                what, g_strerror(errno));
    (void)close(listener);
    return false;
}

bool
ddp_host_open(DdpJoined *joined, int listener, GError **error)
{
    int size = joined->hello.size;
    DdpHost *host;
    int bell;

    if (!make_world(joined, error)) {
        (void)close(listener);
        return false;
    }
    bell = eventfd(0, EFD_CLOEXEC);
    if (bell < 0)
        return open_failed(listener, "eventfd", error);
    if (listen(listener, SOMAXCONN) != 0) {
        (void)close(bell);
        return open_failed(listener, "listen", error);
    }
    host = g_new0(DdpHost, 1);
    host->joined = joined;
    host->listener = listener;
    host->bell = bell;
    host->guests = g_new0(Guest, size);
    host->polled = g_new0(struct pollfd, (gsize)size + 2);
    for (int rank = 0; rank < size; rank++)
        host->guests[rank].socket = -1;
    host->guests[joined->hello.rank].came = true;
    host->came = 1;
    joined->host = host;
    joined->thread = g_thread_new("ddpsim-host", keep_the_door, host);
    return true;
}

void
ddp_host_ring(DdpJoined *joined)
{
    uint64_t one = 1;

    if (write(joined->host->bell, &one, sizeof one) != (ssize_t)sizeof one)
        g_assert_not_reached(); /* a counter that is never near its end */
}

void
ddp_host_close(DdpJoined *joined)
{
    DdpHost *host = joined->host;

    ddp_host_ring(joined);
    g_thread_join(joined->thread);
    for (int rank = 0; rank < joined->hello.size; rank++) {
        if (host->guests[rank].socket >= 0)
            (void)close(host->guests[rank].socket);
    }
    if (host->listener >= 0)
        (void)close(host->listener);
    (void)close(host->bell);
    g_free(host->guests);
    g_free(host->polled);
    g_clear_pointer(&joined->host, g_free);
}
