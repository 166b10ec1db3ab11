/* SPDX-License-Identifier: MIT */
#include "sim/script/told.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAGIC UINT32_C(0x646f7421)
/* Of one message within one packet; a system's socket buffer holds several of them. */
#define PART_BYTES 16384
#define SOCKET_BYTES (1 << 20)
#define PACKETS_A_CALL 256
#define TEXT_BYTES_MAX ((size_t)256 << 20)
#define MESSAGE_BYTES_MAX ((size_t)G_MAXINT32)
#define NO_TEXT UINT32_MAX
#define RETRY_US 1000

/* In front of each packet. */
typedef struct {
    uint32_t magic;
    int32_t rank;
    uint64_t message; /* number of the message among those of its rank */
    uint32_t total;   /* bytes of the whole message */
    uint32_t offset;  /* of this part within it */
} Head;

/* In front of each message; then come the indices, then the texts. */
typedef struct {
    int64_t step;
    int64_t epoch;
    uint64_t number;
    double value;
    uint64_t index_count;
    uint32_t kind;
    int32_t evaluation;
    uint32_t text_count;
    uint32_t unused;
} Fixed;

G_STATIC_ASSERT(sizeof(Head) % sizeof(int64_t) == 0 && sizeof(Fixed) % sizeof(int64_t) == 0);

/* A long message of one rank, as far as it has come. */
typedef struct {
    GByteArray *bytes; /* (nullable): NULL between messages */
    uint64_t message;
    uint32_t total;
} Partial;

struct DdpToldSocket {
    int reader; /* -1 in a process that only sends */
    int writer;
    int world_size;
    GByteArray *out; /* the message that is being sent */
    uint64_t sent;
    bool abandoned;    /* nobody reads any more */
    Partial *partials; /* by rank */
    uint64_t dropped;
};

DdpToldSocket *
ddp_told_socket_new(int world_size, GError **error)
{
    int fds[2], bytes = SOCKET_BYTES;

    g_return_val_if_fail(world_size > 0, NULL);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "cannot make the socket between the ranks and the run: %s", g_strerror(errno));
        return NULL;
    }
    /* A smaller buffer than asked for only makes ranks wait more often. */
    (void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);

    DdpToldSocket *socket = g_new0(DdpToldSocket, 1);

    socket->reader = fds[0];
    socket->writer = fds[1];
    socket->world_size = world_size;
    socket->out = g_byte_array_new();
    socket->partials = g_new0(Partial, world_size);
    return socket;
}

void
ddp_told_socket_free(DdpToldSocket *socket)
{
    if (socket == NULL)
        return;
    ddp_told_socket_close_reader(socket);
    (void)close(socket->writer); /* nothing is buffered on our side */
    for (int rank = 0; rank < socket->world_size; rank++) {
        if (socket->partials[rank].bytes != NULL)
            g_byte_array_unref(socket->partials[rank].bytes);
    }
    g_free(socket->partials);
    g_byte_array_unref(socket->out);
    g_free(socket);
}

void
ddp_told_socket_close_reader(DdpToldSocket *socket)
{
    if (socket->reader >= 0)
        (void)close(socket->reader); /* only read from */
    socket->reader = -1;
}

int
ddp_told_socket_fd(const DdpToldSocket *socket)
{
    return socket->reader;
}

/* ---- sending ---- */

static void
append(GByteArray *out, const void *bytes, size_t count)
{
    if (count > 0)
        g_byte_array_append(out, bytes, (guint)count);
}

static void
append_text(GByteArray *out, const char *text)
{
    uint32_t length = text != NULL ? (uint32_t)strnlen(text, TEXT_BYTES_MAX) : NO_TEXT;

    append(out, &length, sizeof length);
    if (text == NULL)
        return;
    append(out, text, length);
    append(out, "", 1);
}

static void
encode(const DdpTold *told, GByteArray *out)
{
    const Fixed fixed = {
        .step = told->step,
        .epoch = told->epoch,
        .number = told->number,
        .value = told->value,
        .index_count = told->index_count,
        .kind = (uint32_t)told->kind,
        .evaluation = told->evaluation,
        .text_count = MIN(told->text_count, DDP_TOLD_TEXTS_MAX),
    };

    g_byte_array_set_size(out, 0);
    append(out, &fixed, sizeof fixed);
    append(out, told->indices, told->index_count * sizeof *told->indices);
    for (guint i = 0; i < fixed.text_count; i++)
        append_text(out, told->texts[i]);
}

/* False if nobody will ever read it. */
static bool
send_packet(int writer, Head *head, uint8_t *part, size_t bytes)
{
    struct iovec pieces[] = {{head, sizeof *head}, {part, bytes}};
    const struct msghdr packet = {.msg_iov = pieces, .msg_iovlen = G_N_ELEMENTS(pieces)};

    while (sendmsg(writer, &packet, MSG_NOSIGNAL) < 0) {
        if (errno == ENOBUFS || errno == ENOMEM)
            g_usleep(RETRY_US); /* the kernel is short of memory for a moment */
        else if (errno != EINTR)
            return false;
    }
    return true;
}

void
ddp_told_socket_send(DdpToldSocket *socket, const DdpTold *told)
{
    if (socket->abandoned)
        return;
    encode(told, socket->out);

    Head head = {MAGIC, told->rank, socket->sent++, socket->out->len, 0};

    while (head.offset < head.total && !socket->abandoned) {
        size_t bytes = MIN(head.total - head.offset, PART_BYTES);

        socket->abandoned =
            !send_packet(socket->writer, &head, socket->out->data + head.offset, bytes);
        head.offset += (uint32_t)bytes;
    }
    if (socket->out->len > 16 * PART_BYTES) {
        g_byte_array_unref(socket->out);
        socket->out = g_byte_array_new();
    }
}

/* ---- receiving ---- */

typedef struct {
    const uint8_t *at;
    size_t left;
} Cursor;

static const uint8_t *
take(Cursor *cursor, size_t bytes)
{
    const uint8_t *taken = cursor->at;

    if (bytes > cursor->left)
        return NULL;
    cursor->at += bytes;
    cursor->left -= bytes;
    return taken;
}

static bool
take_text(Cursor *cursor, const char **text)
{
    const uint8_t *bytes = take(cursor, sizeof(uint32_t));
    uint32_t length;

    if (bytes == NULL)
        return false;
    memcpy(&length, bytes, sizeof length);
    *text = NULL;
    if (length == NO_TEXT)
        return true;
    *text = (const char *)take(cursor, (size_t)length + 1);
    return *text != NULL && strnlen(*text, (size_t)length + 1) == length;
}

static bool
take_indices(Cursor *cursor, const Fixed *fixed, DdpTold *told)
{
    if (fixed->index_count > cursor->left / sizeof(int64_t))
        return false;
    told->index_count = (size_t)fixed->index_count;
    /* Aligned: what stands before is a multiple of eight bytes long. */
    told->indices = (const void *)take(cursor, told->index_count * sizeof(int64_t));
    for (size_t i = 0; i < told->index_count; i++) {
        if (told->indices[i] < 0 || (uint64_t)told->indices[i] >= fixed->number)
            return false;
    }
    return true;
}

/* What applying a message of each kind relies on. */
static bool
makes_sense(const DdpTold *told)
{
    static const struct {
        guint texts; /* at least so many, none of them NULL */
        bool of_evaluation;
    } needs[] = {
        [DDP_TOLD_PRINT] = {1, false},    [DDP_TOLD_LOG] = {4, false},
        [DDP_TOLD_TRUTH] = {1, true},     [DDP_TOLD_SAMPLES] = {0, true},
        [DDP_TOLD_MERGED] = {0, true},    [DDP_TOLD_FINDING] = {2, false},
        [DDP_TOLD_REPLICA] = {0, false},  [DDP_TOLD_STACK] = {0, false},
        [DDP_TOLD_PROGRESS] = {0, false}, [DDP_TOLD_TEXT] = {2, false},
    };
    guint texts = told->kind == DDP_TOLD_STACK ? told->text_count : needs[told->kind].texts;

    if (told->text_count < texts || told->evaluation < (needs[told->kind].of_evaluation ? 0 : -1))
        return false;
    if ((told->kind == DDP_TOLD_FINDING || told->kind == DDP_TOLD_TEXT) && told->text_count != 3)
        return false;
    for (guint i = 0; i < texts; i++) {
        if (told->texts[i] == NULL)
            return false;
    }
    return true;
}

/* @bytes begin at a multiple of eight; @texts has room for DDP_TOLD_TEXTS_MAX. */
static bool
decode(const uint8_t *bytes, size_t length, const char **texts, DdpTold *told)
{
    Cursor cursor = {bytes, length};
    const uint8_t *front = take(&cursor, sizeof(Fixed));
    Fixed fixed;

    if (front == NULL)
        return false;
    memcpy(&fixed, front, sizeof fixed);
    if (fixed.kind > DDP_TOLD_TEXT || fixed.text_count > DDP_TOLD_TEXTS_MAX)
        return false;
    *told = (DdpTold){
        .kind = (DdpToldKind)fixed.kind,
        .evaluation = fixed.evaluation,
        .step = fixed.step,
        .epoch = fixed.epoch,
        .number = fixed.number,
        .value = fixed.value,
        .texts = texts,
        .text_count = fixed.text_count,
    };
    if (!take_indices(&cursor, &fixed, told))
        return false;
    for (guint i = 0; i < fixed.text_count; i++) {
        if (!take_text(&cursor, &texts[i]))
            return false;
    }
    return cursor.left == 0 && makes_sense(told);
}

static void
drop_partial(DdpToldSocket *socket, Partial *partial)
{
    if (partial->bytes == NULL)
        return;
    g_clear_pointer(&partial->bytes, g_byte_array_unref);
    socket->dropped++;
}

static void
hand_over(DdpToldSocket *socket, const Head *head, const uint8_t *bytes, DdpToldFunc func,
          void *user_data)
{
    const char *texts[DDP_TOLD_TEXTS_MAX];
    DdpTold told;

    if (!decode(bytes, head->total, texts, &told)) {
        socket->dropped++;
        return;
    }
    told.rank = head->rank;
    func(&told, user_data);
}

/* The next part of a message that is longer than a packet. */
static void
add_part(DdpToldSocket *socket, const Head *head, const uint8_t *part, size_t bytes,
         DdpToldFunc func, void *user_data)
{
    Partial *partial = &socket->partials[head->rank];

    if (head->offset == 0) {
        drop_partial(socket, partial);
        *partial = (Partial){g_byte_array_new(), head->message, head->total};
    }
    if (partial->bytes == NULL || partial->message != head->message ||
        partial->total != head->total || partial->bytes->len != head->offset) {
        drop_partial(socket, partial);
        return;
    }
    g_byte_array_append(partial->bytes, part, (guint)bytes);
    if (partial->bytes->len < partial->total)
        return;
    hand_over(socket, head, partial->bytes->data, func, user_data);
    g_clear_pointer(&partial->bytes, g_byte_array_unref);
}

static void
take_packet(DdpToldSocket *socket, const uint8_t *packet, size_t length, DdpToldFunc func,
            void *user_data)
{
    Head head = {0};
    size_t bytes = length - sizeof head;

    if (length > sizeof head && length <= sizeof head + PART_BYTES)
        memcpy(&head, packet, sizeof head);
    if (head.magic != MAGIC || head.rank < 0 || head.rank >= socket->world_size ||
        head.total > MESSAGE_BYTES_MAX || head.offset > head.total ||
        bytes > head.total - head.offset) {
        socket->dropped++;
        return;
    }
    if (bytes < head.total) {
        add_part(socket, &head, packet + sizeof head, bytes, func, user_data);
        return;
    }
    drop_partial(socket, &socket->partials[head.rank]);
    hand_over(socket, &head, packet + sizeof head, func, user_data);
}

bool
ddp_told_socket_receive(DdpToldSocket *socket, DdpToldFunc func, void *user_data)
{
    int64_t packet[(sizeof(Head) + PART_BYTES) / sizeof(int64_t) + 1];

    for (int i = 0; i < PACKETS_A_CALL; i++) {
        ssize_t length;

        do
            length = recv(socket->reader, packet, sizeof packet, MSG_DONTWAIT | MSG_TRUNC);
        while (length < 0 && errno == EINTR);
        if (length <= 0) /* nothing is there, or nobody is left to write */
            return false;
        take_packet(socket, (const uint8_t *)packet, (size_t)length, func, user_data);
    }
    return true;
}

uint64_t
ddp_told_socket_dropped(const DdpToldSocket *socket)
{
    uint64_t dropped = socket->dropped;

    for (int rank = 0; rank < socket->world_size; rank++)
        dropped += socket->partials[rank].bytes != NULL ? 1 : 0;
    return dropped;
}
