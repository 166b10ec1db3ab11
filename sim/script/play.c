/* SPDX-License-Identifier: MIT */
#include "sim/script/play.h"

#include <errno.h>
#include <sys/mman.h>

/* Shared with whatever is forked from here on, whether ranks are forked or not: one code. */
static DdpPlayCounts *
counts_new(void)
{
    void *memory = mmap(NULL, sizeof(DdpPlayCounts), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        g_error("out of memory: %s", g_strerror(errno));
    return memory; /* all zero */
}

DdpPlay *
ddp_play_new(const DdpLimits *limits, uint64_t seed, const char *logs_folder)
{
    DdpPlay *play = g_new0(DdpPlay, 1);

    play->limits = *limits;
    play->seed = seed;
    play->ranks = DDP_RANKS_TAKE_TURNS;
    play->world_size = 1;
    play->logs_folder = g_strdup(logs_folder);
    play->counts = counts_new();
    play->tell = ddp_tell_new(play);
    play->record = ddp_run_record_new();
    play->text_files = ddp_text_files_new();
    play->interned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    play->stacks = g_new0(GPtrArray *, 1);
    play->muted = g_new0(bool, 1);
    pthread_mutex_init(&play->lock, NULL);
    return play;
}

bool
ddp_play_prepare(DdpPlay *play, DdpRanksKind ranks, int world_size, GError **error)
{
    g_return_val_if_fail(world_size > 0 && play->world_size == 1, false);

    play->ranks = ranks;
    play->world_size = world_size;
    play->stacks = g_renew(GPtrArray *, play->stacks, world_size);
    for (int rank = 0; rank < world_size; rank++)
        play->stacks[rank] = NULL;
    g_free(play->muted);
    play->muted = g_new0(bool, world_size);
    return ranks != DDP_RANKS_ARE_FORKED || ddp_tell_open(play->tell, error);
}

void
ddp_play_free(DdpPlay *play)
{
    if (play == NULL)
        return;
    ddp_tell_free(play->tell);
    g_free(play->logs_folder);
    ddp_run_record_free(play->record);
    ddp_audit_free(play->audit);
    ddp_replicas_free(play->replicas);
    ddp_text_files_free(play->text_files);
    g_hash_table_unref(play->interned);
    for (int rank = 0; rank < play->world_size; rank++) {
        if (play->stacks[rank] != NULL)
            g_ptr_array_unref(play->stacks[rank]);
    }
    g_free(play->stacks);
    g_free(play->muted);
    pthread_mutex_destroy(&play->lock);
    (void)munmap(play->counts, sizeof *play->counts); /* ours: cannot fail */
    g_free(play);
}
