/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * A message of a rank to its run, and the socket that carries messages between processes.
 *
 * The socket keeps packets apart (SOCK_SEQPACKET): the kernel takes a packet whole or not at all,
 * whatever happens to its writer, so there is no lock that a killed rank could hold and no place
 * where a reader could lose its step. A message longer than a packet goes in parts, which carry
 * rank, number and offset; the reader puts them together per rank, and what stays incomplete is
 * dropped. Bytes never leave the machine, so numbers stand in host order.
 */

typedef enum {
    DDP_TOLD_PRINT,
    DDP_TOLD_LOG,
    DDP_TOLD_TRUTH,
    DDP_TOLD_SAMPLES,
    DDP_TOLD_MERGED,
    DDP_TOLD_FINDING,
    DDP_TOLD_REPLICA,
    DDP_TOLD_STACK,
    DDP_TOLD_PROGRESS,
    DDP_TOLD_TEXT,
} DdpToldKind;

#define DDP_TOLD_TEXTS_MAX 64

/* One message; what its kind does not need is zero. Everything it points to is borrowed. */
typedef struct {
    DdpToldKind kind;
    int rank;
    int evaluation;
    int64_t step;
    int64_t epoch;
    uint64_t number; /* a hash, the size of a data set, a count */
    double value;
    const char *const *texts; /* each (nullable) */
    guint text_count;
    const int64_t *indices;
    size_t index_count;
} DdpTold;

typedef struct DdpToldSocket DdpToldSocket;
typedef void (*DdpToldFunc)(const DdpTold *told, void *user_data);

/* (transfer full): for messages of ranks from 0 to @world_size - 1. */
DdpToldSocket *ddp_told_socket_new(int world_size, GError **error);
void ddp_told_socket_free(DdpToldSocket *socket);

/* In a forked process: it will only send, and notices when nobody reads any more. */
void ddp_told_socket_close_reader(DdpToldSocket *socket);

/* Waits while the socket is full. Dropped when nobody can read it any more. */
void ddp_told_socket_send(DdpToldSocket *socket, const DdpTold *told);

int ddp_told_socket_fd(const DdpToldSocket *socket); /* to read from */

/* Hands each message that is there to @func, up to a bound; true if there may be more. */
bool ddp_told_socket_receive(DdpToldSocket *socket, DdpToldFunc func, void *user_data);

/* Packets that made no sense, and messages that stayed incomplete. */
uint64_t ddp_told_socket_dropped(const DdpToldSocket *socket);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpToldSocket, ddp_told_socket_free)

G_END_DECLS
