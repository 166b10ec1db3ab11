/* SPDX-License-Identifier: MIT */
/*
 * Messages: without a partner, to the wrong one, with another tag or payload, in circles. A send
 * is a rendezvous on nccl and buffered on gloo, so some programs hang on one and not on the other.
 */
#include "tests/bugset/bugset.h"

/* What goes wrong on both backends. */
static const BugsetShape both[] = {
    {.name = "recv_without_send",
     .body = " if r == 0 then dist.recv(t, 1) end @A\n"
             "+if r == 1 then dist.send(t, 0) end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "recv_then_barrier",
     .body = " if r == 0 then dist.recv(t, 1) end @A\n"
             "+if r == 1 then dist.send(t, 0) end\n"
             " dist.barrier() @B\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "both_receive_first",
     .body = " local buffer = torch.zeros(4)\n"
             " if r == 0 then\n"
             "   dist.recv(buffer, 1) @A\n"
             "   dist.send(t, 1)\n"
             " elseif r == 1 then\n"
             "-  dist.recv(buffer, 0) @B\n"
             "-  dist.send(t, 0)\n"
             "+  dist.send(t, 0)\n"
             "+  dist.recv(buffer, 0)\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "ring_receives_first",
     .body = " local buffer = torch.zeros(4)\n"
             " local nxt, before = (r + 1) % p, (r + p - 1) % p\n"
             "+local work = dist.isend(t, nxt)\n"
             " dist.recv(buffer, before) @A\n"
             "-dist.send(t, nxt)\n"
             "+work:wait()\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "line_without_a_head",
     .body = " local buffer = torch.zeros(4)\n"
             "-dist.recv(buffer, (r + p - 1) % p) @A\n"
             "+if r > 0 then dist.recv(buffer, r - 1) end\n"
             " if r + 1 < p then dist.send(t, r + 1) end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "other_dtype",
     .body = " if r == 0 then dist.send(t, 1) end @A\n"
             "-local buffer = torch.zeros(4, { dtype = torch.int32 })\n"
             "+local buffer = torch.zeros(4)\n"
             " if r == 1 then dist.recv(buffer, 0) end @B\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p", "dtype"}},

    {.name = "other_shape",
     .body = " if r == 0 then dist.send(t, 1) end @A\n"
             "-local buffer = torch.zeros(3)\n"
             "+local buffer = torch.zeros(4)\n"
             " if r == 1 then dist.recv(buffer, 0) end @B\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p", "shape"}},

    {.name = "receives_in_other_order",
     .body = " local few, many = torch.zeros(2), torch.zeros(3)\n"
             " if r == 0 then\n"
             "   dist.send(few, 1) @A\n"
             "   dist.send(many, 1)\n"
             " elseif r == 1 then\n"
             "-  dist.recv(many, 0) @B\n"
             "-  dist.recv(few, 0)\n"
             "+  dist.recv(few, 0)\n"
             "+  dist.recv(many, 0)\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p", "shape", "order"}},

    {.name = "one_receive_too_many",
     .body = " for i = 1, 3 do\n"
             "   if r == 0 then dist.recv(t, 1) end @A\n"
             "-  if r == 1 and i < 3 then dist.send(t, 0) end\n"
             "+  if r == 1 then dist.send(t, 0) end\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "receive_from_the_wrong_one",
     .body = "-if r == 0 then dist.recv(t, 2) end @A\n"
             "+if r == 0 then dist.recv(t, 1) end\n"
             " if r == 1 then dist.send(t, 0) end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"},
     .size_min = 3},

    {.name = "any_source_too_few",
     .body = " if r == 0 then\n"
             "   for _ = 1, p - 1 do\n"
             "     dist.recv(t) @A\n"
             "   end\n"
             "-elseif r < p - 1 then\n"
             "+else\n"
             "   dist.send(t, 0)\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "any_source_then_barrier",
     .body = " if r == 0 then\n"
             "   for _ = 1, p - 1 do\n"
             "     dist.recv(t) @A\n"
             "   end\n"
             "-elseif r < p - 1 then\n"
             "+else\n"
             "   dist.send(t, 0)\n"
             " end\n"
             " dist.barrier() @B\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "irecv_without_send",
     .body = " if r == 0 then\n"
             "   local work = dist.irecv(t, 1) @A\n"
             "   work:wait()\n"
             "+elseif r == 1 then\n"
             "+  dist.send(t, 0)\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    /* A batch of an isend and an irecv on each rank; one rank leaves its isend out. */
    {.name = "batch_misses_a_send",
     .body = " local buffer = torch.zeros(4)\n"
             " local works = {}\n"
             "-if r ~= $odd then\n"
             "   works[#works + 1] = dist.isend(t, (r + 1) % p)\n"
             "-end\n"
             " works[#works + 1] = dist.irecv(buffer, (r + p - 1) % p) @A\n"
             " for _, work in ipairs(works) do work:wait() end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    /* The open receive takes the message that the next one wants: rank 2 sends after rank 1. */
    {.name = "any_source_race",
     .body = " if r == 0 then\n"
             "-  dist.recv(t)\n"
             "   dist.recv(t, 1) @A\n"
             "+  dist.recv(t)\n"
             " elseif r == 1 then\n"
             "   dist.send(t, 0)\n"
             "   dist.send(t, 2)\n"
             " elseif r == 2 then\n"
             "   dist.recv(t, 1)\n"
             "   dist.send(t, 0) @B\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"},
     .size_min = 3},

    /* The one whom rank 0 waits for waits for rank 0 in a collective. */
    {.name = "collective_before_send",
     .body = " if r == 0 then dist.recv(t, 1) end @A\n"
             "+if r == 1 then dist.send(t, 0) end\n"
             " dist.all_reduce(t) @B\n"
             "-if r == 1 then dist.send(t, 0) end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p", "order"}},
};

static const BugsetShape nccl[] = {
    {.name = "send_without_recv",
     .body = " if r == 0 then dist.send(t, 1) end @A\n"
             "+if r == 1 then dist.recv(t, 0) end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "send_then_barrier",
     .body = " if r == 0 then dist.send(t, 1) end @A\n"
             "+if r == 1 then dist.recv(t, 0) end\n"
             " dist.barrier() @B\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "both_send_first",
     .body = " local buffer = torch.zeros(4)\n"
             " if r == 0 then\n"
             "   dist.send(t, 1) @A\n"
             "   dist.recv(buffer, 1)\n"
             " elseif r == 1 then\n"
             "-  dist.send(t, 0) @B\n"
             "-  dist.recv(buffer, 0)\n"
             "+  dist.recv(buffer, 0)\n"
             "+  dist.send(t, 0)\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "ring_of_sends",
     .body = " local buffer = torch.zeros(4)\n"
             " local nxt, before = (r + 1) % p, (r + p - 1) % p\n"
             "-dist.send(t, nxt) @A\n"
             "+local work = dist.isend(t, nxt)\n"
             " dist.recv(buffer, before)\n"
             "+work:wait()\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "wrong_peer",
     .body = "-if r == 0 then dist.send(t, 2) end @A\n"
             "+if r == 0 then dist.send(t, 1) end\n"
             " if r == 1 then dist.recv(t, 0) end @B\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"},
     .size_min = 3},

    {.name = "one_send_too_many",
     .body = " for i = 1, 3 do\n"
             "   if r == 0 then dist.send(t, 1) end @A\n"
             "-  if r == 1 and i < 3 then dist.recv(t, 0) end\n"
             "+  if r == 1 then dist.recv(t, 0) end\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "isend_without_recv",
     .body = " if r == 0 then\n"
             "   local work = dist.isend(t, 1) @A\n"
             "   work:wait()\n"
             "+elseif r == 1 then\n"
             "+  dist.recv(t, 0)\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "batch_misses_a_receive",
     .body = " local buffer = torch.zeros(4)\n"
             " local works = { dist.isend(t, (r + 1) % p) } @A\n"
             "-if r ~= $odd then\n"
             "   works[2] = dist.irecv(buffer, (r + p - 1) % p)\n"
             "-end\n"
             " for _, work in ipairs(works) do work:wait() end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "send_before_collective",
     .body = "-if r == 0 then dist.send(t, 1) end @A\n"
             " dist.barrier() @B\n"
             "+if r == 0 then dist.send(t, 1) end\n"
             " if r == 1 then dist.recv(t, 0) end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p", "order"}},
};

/* Only gloo looks at tags; and there a send that nobody receives goes unnoticed. */
static const BugsetShape gloo[] = {
    {.name = "other_tag",
     .body = " if r == 0 then dist.send(t, 1, { tag = 1 }) end @A\n"
             "-if r == 1 then dist.recv(t, 0, { tag = 2 }) end @B\n"
             "+if r == 1 then dist.recv(t, 0, { tag = 1 }) end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "wrong_peer",
     .body = "-if r == 0 then dist.send(t, 2) end @A\n"
             "+if r == 0 then dist.send(t, 1) end\n"
             " if r == 1 then dist.recv(t, 0) end @B\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"},
     .size_min = 3},

    {.name = "batch_with_other_tag",
     .body = " local buffer = torch.zeros(4)\n"
             "-local tag = r == $odd and 7 or 0\n"
             "+local tag = 0\n"
             " local works = { dist.isend(t, (r + 1) % p, { tag = tag }) } @A\n"
             " works[2] = dist.irecv(buffer, (r + p - 1) % p) @B\n"
             " for _, work in ipairs(works) do work:wait() end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"p2p"}},

    {.name = "send_without_recv",
     .body = " if r == 0 then dist.send(t, 1) end @A\n"
             "+if r == 1 then dist.recv(t, 0) end\n",
     .who = BUGSET_WHO_ANY,
     .finding = "unmatched_send",
     .outcome = "completed"},

    {.name = "send_then_collective",
     .body = " if r == 0 then dist.send(t, 1) end @A\n"
             "+if r == 1 then dist.recv(t, 0) end\n"
             " dist.all_reduce(t)\n",
     .who = BUGSET_WHO_ANY,
     .finding = "unmatched_send",
     .outcome = "completed"},

    {.name = "one_send_too_many",
     .body = " for i = 1, 3 do\n"
             "   if r == 0 then dist.send(t, 1) end @A\n"
             "-  if r == 1 and i < 3 then dist.recv(t, 0) end\n"
             "+  if r == 1 then dist.recv(t, 0) end\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .finding = "unmatched_send",
     .outcome = "completed"},

    {.name = "isend_without_recv",
     .body = " if r == 0 then\n"
             "   local work = dist.isend(t, 1) @A\n"
             "   work:wait()\n"
             "+elseif r == 1 then\n"
             "+  dist.recv(t, 0)\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .finding = "unmatched_send",
     .outcome = "completed"},
};

static void
add_all(Bugset *set, const BugsetShape *shapes, int count, const char *backend)
{
    static const int sizes[] = BUGSET_ALL_SIZES;

    for (int s = 0; s < count; s++) {
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
            int odd = s % sizes[i];
            BugsetSpec spec = {
                .family = "p2p",
                .name = shapes[s].name,
                .size = sizes[i],
                .backend = backend,
                .body = shapes[s].body,
                .slots = {"odd", bugset_text(set, "%d", odd)},
                .finding = shapes[s].finding,
                .outcome = shapes[s].outcome,
                .blamed = BUGSET_ANYBODY,
            };

            for (size_t c = 0; c < G_N_ELEMENTS(spec.classes); c++)
                spec.classes[c] = shapes[s].classes[c];
            if (sizes[i] >= shapes[s].size_min)
                bugset_add(set, &spec);
        }
    }
}

void
bugset_make_p2p(Bugset *set)
{
    add_all(set, both, G_N_ELEMENTS(both), "nccl");
    add_all(set, both, G_N_ELEMENTS(both), "gloo");
    add_all(set, nccl, G_N_ELEMENTS(nccl), "nccl");
    add_all(set, gloo, G_N_ELEMENTS(gloo), "gloo");
}
