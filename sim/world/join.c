/* SPDX-License-Identifier: MIT */
/* Joining a world by its name: finding the host or becoming it, and the life of a guest. */
#include "sim/world/join.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sim/world/join_private.h"

#define NAME_MAX_BYTES 80
#define TIMEOUT_S 300
#define RETRY_US 2000

static DdpJoined *current; /* the world that this process is in */

/* ---- what both sides use ---- */

/* Memory is shared as it is: only the same build of the same program part can read it. */
uint64_t
ddp_join_version(void)
{
    static const char text[] = "ddpsim " DDP_VERSION;
    uint64_t version = sizeof(DdpWorld) << 40 ^ sizeof(DdpRank) << 20;

    for (const char *at = text; *at != '\0'; at++)
        version = version * 31 + (unsigned char)*at;
    return version;
}

void
ddp_join_say(int socket, DdpJoinWord word, const char *text)
{
    DdpAnswer answer = {.word = (int32_t)word};

    if (text != NULL)
        g_strlcpy(answer.text, text, sizeof answer.text);
    while (send(socket, &answer, sizeof answer, MSG_NOSIGNAL) < 0 && errno == EINTR)
        continue;
}

void
ddp_joined_note(DdpJoined *joined, bool over, const char *given_up)
{
    g_mutex_lock(&joined->lock);
    if (given_up != NULL && !joined->all_here)
        joined->given_up = g_strdup(given_up);
    joined->all_here = true;
    joined->over = joined->over || over || given_up != NULL;
    g_cond_broadcast(&joined->changed);
    g_mutex_unlock(&joined->lock);
}

/* ---- the environment ---- */

/* A number in a variable, from @least to @most; @fallback (if not negative) if it is not set. */
static bool
get_number(const char *name, int least, int most, int fallback, int *number, GError **error)
{
    const char *text = g_getenv(name);
    gint64 value = 0;

    if (text == NULL && fallback >= 0) {
        *number = fallback;
        return true;
    }
    if (text == NULL || !g_ascii_string_to_signed(text, 10, least, most, &value, NULL)) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                    "%s is %s%s%s, expected a number from %d to %d in the environment", name,
                    text != NULL ? "\"" : "", text != NULL ? text : "not set",
                    text != NULL ? "\"" : "", least, most);
        return false;
    }
    *number = (int)value;
    return true;
}

static bool
read_environment(DdpJoined *joined, GError **error)
{
    const char *backend = g_getenv("DDPSIM_BACKEND");
    DdpBackend known = DDP_BACKEND_NCCL;
    int size, rank, local, timeout_s;

    if (!get_number("WORLD_SIZE", 1, 4096, -1, &size, error) ||
        !get_number("RANK", 0, size - 1, -1, &rank, error) ||
        !get_number("LOCAL_WORLD_SIZE", 1, size, size, &local, error) ||
        !get_number("DDPSIM_JOIN_TIMEOUT", 1, 1000000, TIMEOUT_S, &timeout_s, error))
        return false;
    if (size % local != 0) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                    "LOCAL_WORLD_SIZE is %d, which does not divide the WORLD_SIZE %d", local, size);
        return false;
    }
    if (backend != NULL && !ddp_backend_from_name(backend, &known)) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                    "DDPSIM_BACKEND is \"%s\", expected \"nccl\" or \"gloo\"", backend);
        return false;
    }
    joined->hello = (DdpHello){ddp_join_version(), rank, size, local, (int32_t)known};
    joined->deadline_us = g_get_monotonic_time() + (int64_t)timeout_s * G_USEC_PER_SEC;
    return true;
}

/* An abstract name: it goes when the socket goes. */
static bool
get_address(struct sockaddr_un *address, socklen_t *bytes, GError **error)
{
    const char *name = g_getenv("DDPSIM_WORLD");
    int length;

    if (name == NULL || *name == '\0' || strlen(name) > NAME_MAX_BYTES) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                    "DDPSIM_WORLD is %s, expected the name of a world, of 1 to %d bytes",
                    name == NULL    ? "not set"
                    : *name == '\0' ? "empty"
                                    : "too long",
                    NAME_MAX_BYTES);
        return false;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    length = g_snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "ddpsim-%u-%s",
                        (unsigned)getuid(), name);
    *bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    return true;
}

/* ---- a guest ---- */

/* The host is gone, and everybody who is left does this. */
static void
mourn_host(DdpJoined *joined)
{
    DdpWorld *world = joined->world;
    DdpRank *host = &world->ranks[joined->host_rank];
    g_autofree char *message = NULL;

    ddp_comm_disarm(world->comm, joined->host_rank);
    if (!atomic_exchange(&world->is_forsaken, true) && !ddp_comm_has_ended(world->comm, NULL)) {
        host->failure =
            ddp_heap_strdup(world->heap, "its process, which hosted the world, is gone");
        host->life = DDP_LIFE_ENDED;
        message = ddp_world_say_verdict(world);
    } else {
        message = g_strdup_printf("the world was ended: error: rank %d: its process, which hosted "
                                  "the world, is gone",
                                  joined->host_rank);
    }
    ddp_comm_abandon(world->comm, message);
}

static gpointer
listen_to_host(gpointer joined_)
{
    DdpJoined *joined = joined_;

    for (;;) {
        DdpAnswer answer;
        ssize_t got = recv(joined->socket, &answer, sizeof answer, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got == (ssize_t)sizeof answer && answer.word == DDP_JOIN_GO) {
            ddp_joined_note(joined, false, NULL);
        } else if (got == (ssize_t)sizeof answer && answer.word == DDP_JOIN_LATE) {
            answer.text[sizeof answer.text - 1] = '\0';
            ddp_joined_note(joined, true, answer.text);
            return NULL;
        } else if (got == (ssize_t)sizeof answer && answer.word == DDP_JOIN_OVER) {
            ddp_joined_note(joined, true, NULL);
            return NULL;
        } else {
            if (atomic_load(&joined->parts))
                return NULL;
            mourn_host(joined);
            ddp_joined_note(joined, true, "the process that hosted the world is gone");
            return NULL;
        }
    }
}

/* The answer to the hello, and the memory file that may come with it, or -1. */
static bool
receive_answer(int socket, DdpAnswer *answer, int *memory)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {answer, sizeof *answer};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;

    *memory = -1;
    do
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof *answer)
        return false;
    answer->text[sizeof answer->text - 1] = '\0';

    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
        memcpy(memory, CMSG_DATA(head), sizeof *memory);
    return true;
}

static bool
attach(DdpJoined *joined, int memory, GError **error)
{
    joined->heap = ddp_heap_attach(memory, error);
    if (joined->heap == NULL)
        return false;
    joined->world = ddp_heap_root(joined->heap);
    joined->rank = &joined->world->ranks[joined->hello.rank];
    ddp_heap_set_holder(DDP_LOCK_RANK(joined->hello.rank));
    ddp_comm_adopt(joined->world->comm, &ddp_parallel_ops, joined->world);
    joined->thread = g_thread_new("ddpsim-join", listen_to_host, joined);
    return true;
}

static bool
wrong_host(GError **error)
{
    g_set_error_literal(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED,
                        "the world of this name is hosted by another user");
    return false;
}

/* Abstract names are anybody's to take. */
static bool
is_ours(int socket)
{
    struct ucred peer;
    socklen_t bytes = sizeof peer;

    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 && peer.uid == getuid();
}

typedef enum { VISIT_DONE, VISIT_FAILED, VISIT_AGAIN } Visit;

/* Asks the host at the other end of the socket to be let in. */
static Visit
visit(DdpJoined *joined, GError **error)
{
    struct timeval patience = {10, 0};
    DdpAnswer answer;
    int memory;
    Visit result = VISIT_FAILED;

    if (!is_ours(joined->socket)) {
        (void)wrong_host(error);
        return VISIT_FAILED;
    }
    (void)setsockopt(joined->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (send(joined->socket, &joined->hello, sizeof joined->hello, MSG_NOSIGNAL) < 0 ||
        !receive_answer(joined->socket, &answer, &memory))
        return VISIT_AGAIN; /* a host that was about to go */
    patience.tv_sec = 0;
    (void)setsockopt(joined->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    joined->host_rank = answer.host;
    if (answer.word != DDP_JOIN_WELCOME || memory < 0)
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "cannot join the world: %s",
                    answer.text);
    else if (attach(joined, memory, error))
        result = VISIT_DONE;
    if (memory >= 0)
        (void)close(memory); /* the mapping stays */
    return result;
}

static bool
system_error(const char *what, GError **error)
{
    g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "cannot join the world: %s: %s",
                what, g_strerror(errno));
    return false;
}

/* ---- both ---- */

/* Whoever can take the name is the host; the others knock until they are heard. */
static bool
find_or_found(DdpJoined *joined, GError **error)
{
    struct sockaddr_un address;
    socklen_t bytes;

    if (!get_address(&address, &bytes, error))
        return false;
    for (;;) {
        int end = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        if (end < 0)
            return system_error("socket", error);
        if (bind(end, (const struct sockaddr *)&address, bytes) == 0)
            return ddp_host_open(joined, end, error);
        if (errno != EADDRINUSE) {
            (void)system_error("bind", error);
            (void)close(end);
            return false;
        }
        (void)close(end);
        joined->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (joined->socket < 0)
            return system_error("socket", error);
        if (connect(joined->socket, (const struct sockaddr *)&address, bytes) == 0) {
            switch (visit(joined, error)) {
            case VISIT_DONE:
                return true;
            case VISIT_FAILED:
                return false;
            case VISIT_AGAIN:
                break;
            }
        }
        (void)close(joined->socket);
        joined->socket = -1;
        if (g_get_monotonic_time() > joined->deadline_us) {
            g_set_error_literal(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED,
                                "cannot join the world: its host does not answer");
            return false;
        }
        g_usleep(RETRY_US);
    }
}

static void
joined_free(DdpJoined *joined)
{
    atomic_store(&joined->parts, true);
    if (joined->socket >= 0)
        (void)shutdown(joined->socket, SHUT_RDWR);
    if (joined->host != NULL)
        ddp_host_close(joined);
    else if (joined->thread != NULL)
        g_thread_join(joined->thread);
    if (joined->socket >= 0)
        (void)close(joined->socket);
    if (joined->world != NULL) {
        ddp_comm_forget(joined->world->comm);
        /* It is its maker's own; all else lies in the mapping, where others may still read it. */
        if (joined->host_rank == joined->hello.rank)
            ddp_schedule_free(joined->world->schedule);
        ddp_heap_set_holder(DDP_LOCK_SUPERVISOR);
    }
    ddp_heap_free(joined->heap);
    g_mutex_clear(&joined->lock);
    g_cond_clear(&joined->changed);
    g_free(joined->given_up);
    g_free(joined);
}

DdpRank *
ddp_world_join(GError **error)
{
    g_return_val_if_fail(current == NULL, NULL);

    DdpJoined *joined = g_new0(DdpJoined, 1);

    /* Registered before there are threads. */
    (void)ddp_world_error_quark();
    (void)ddp_comm_error_quark();
    joined->socket = -1;
    g_mutex_init(&joined->lock);
    g_cond_init(&joined->changed);
    if (!read_environment(joined, error) || !find_or_found(joined, error)) {
        joined_free(joined);
        return NULL;
    }
    g_mutex_lock(&joined->lock);
    while (!joined->all_here)
        g_cond_wait(&joined->changed, &joined->lock);
    g_mutex_unlock(&joined->lock);
    if (joined->given_up != NULL) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED, "cannot join the world: %s",
                    joined->given_up);
        joined_free(joined);
        return NULL;
    }
    current = joined;
    return joined->rank;
}

DdpOutcome
ddp_world_leave(DdpRank *rank, const GError *failure)
{
    g_return_val_if_fail(current != NULL && rank == current->rank, DDP_OUTCOME_ERROR);
    g_return_val_if_fail(rank->life != DDP_LIFE_ENDED, DDP_OUTCOME_ERROR);

    DdpJoined *joined = current;

    ddp_rank_end(rank, failure != NULL ? g_error_copy(failure) : NULL);
    if (joined->host != NULL)
        ddp_host_ring(joined);
    else
        ddp_join_say(joined->socket, DDP_JOIN_LEFT, NULL);
    g_mutex_lock(&joined->lock);
    while (!joined->over)
        g_cond_wait(&joined->changed, &joined->lock);
    g_mutex_unlock(&joined->lock);
    return joined->world->outcome;
}

void
ddp_world_part(DdpRank *rank)
{
    g_return_if_fail(current != NULL && rank == current->rank);

    g_clear_pointer(&current, joined_free);
}
