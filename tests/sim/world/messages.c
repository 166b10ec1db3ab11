/* SPDX-License-Identifier: MIT */
#include "tests/sim/world/messages.h"

#include <string.h>

#define MESSAGE_COUNT 40 /* elements */

static DdpCall
message_call(DdpCallKind kind, int peer, int tag, void *data)
{
    return (DdpCall){.kind = kind,
                     .dtype = DDP_DTYPE_I32,
                     .root = peer,
                     .tag = tag,
                     .count = MESSAGE_COUNT,
                     .ndim = 1,
                     .shape = {MESSAGE_COUNT},
                     .in = data,
                     .out = data,
                     .site = DDP_HERE};
}

static void
fill_message(int32_t *data, int round, int from, int to)
{
    for (int i = 0; i < MESSAGE_COUNT; i++)
        data[i] = round * 1000000 + from * 1000 + to * 7 + i;
}

static bool
check_message(const int32_t *data, int round, int from, int to, GError **error)
{
    int32_t expected[MESSAGE_COUNT];

    fill_message(expected, round, from, to);
    if (memcmp(data, expected, sizeof expected) == 0)
        return true;
    g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED,
                "round %d: the message from %d to %d reads %d, expected %d", round, from, to,
                data[0], expected[0]);
    return false;
}

bool
ddp_play_ring(DdpRank *rank, int round, GError **error)
{
    int r = ddp_rank_index(rank), p = ddp_world_size(ddp_rank_world(rank));
    int next = (r + 1) % p, before = (r + p - 1) % p;
    int32_t mine[MESSAGE_COUNT], other[MESSAGE_COUNT];
    DdpCall send = message_call(DDP_CALL_SEND, next, round, mine);
    DdpCall receive = message_call(DDP_CALL_RECV, before, round, other);

    fill_message(mine, round, r, next);
    if (!ddp_rank_call(rank, r % 2 == 0 && r != p - 1 ? &send : &receive, error) ||
        !ddp_rank_call(rank, r % 2 == 0 && r != p - 1 ? &receive : &send, error))
        return false;
    return check_message(other, round, before, r, error);
}

bool
ddp_play_batch(DdpRank *rank, int round, GError **error)
{
    DdpWorld *world = ddp_rank_world(rank);
    DdpGroup *group = ddp_comm_world_group(ddp_world_comm(world));
    int r = ddp_rank_index(rank), p = ddp_world_size(world);
    g_autofree int32_t *data = g_new0(int32_t, 2 * (size_t)p * MESSAGE_COUNT);
    g_autofree DdpWork **works = g_new0(DdpWork *, 2 * (size_t)p);
    bool ok = true;

    for (int i = 0; ok && i < 2 * p; i++) {
        int peer = i / 2;
        int32_t *at = data + (size_t)i * MESSAGE_COUNT;
        DdpCall call = message_call(i % 2 == 0 ? DDP_CALL_SEND : DDP_CALL_RECV, peer, 5, at);

        if (peer == r)
            continue;
        if (i % 2 == 0)
            fill_message(at, round, r, peer);
        works[i] = ddp_rank_begin(rank, group, &call, error);
        ok = works[i] != NULL;
    }
    for (int i = 2 * p - 1; i >= 0; i--) {
        if (works[i] != NULL)
            ok = ok && ddp_work_wait(works[i], NULL, error);
        if (ok && works[i] != NULL && i % 2 == 1)
            ok = check_message(data + (size_t)i * MESSAGE_COUNT, round, i / 2, r, error);
        ddp_work_free(works[i]);
    }
    return ok;
}

bool
ddp_play_from_anybody(DdpRank *rank, int round, GError **error)
{
    int r = ddp_rank_index(rank), p = ddp_world_size(ddp_rank_world(rank));
    int32_t data[MESSAGE_COUNT];
    g_autofree bool *seen = g_new0(bool, p);

    if (r != 0) {
        DdpCall send = message_call(DDP_CALL_SEND, 0, 3, data);

        fill_message(data, round, r, 0);
        return ddp_rank_call(rank, &send, error);
    }
    for (int i = 1; i < p; i++) {
        DdpCall receive = message_call(DDP_CALL_RECV, -1, 3, data);

        if (!ddp_rank_call(rank, &receive, error))
            return false;
        if (receive.root < 1 || receive.root >= p || seen[receive.root]) {
            g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_FAILED,
                        "round %d: a message from rank %d", round, receive.root);
            return false;
        }
        seen[receive.root] = true;
        if (!check_message(data, round, receive.root, 0, error))
            return false;
    }
    return true;
}
