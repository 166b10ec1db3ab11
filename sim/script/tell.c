/* SPDX-License-Identifier: MIT */
/*
 * Each thing that can be told becomes a DdpTold; apply() is the only place that puts one into the
 * play, whichever process it came from.
 */
#include "sim/script/tell.h"

#include <string.h>
#include <unistd.h>

#include "sim/script/play.h"
#include "sim/script/told.h"

/* A message of samples is kept to this many, so that no one needs to hold a whole data set. */
#define SAMPLES_A_MESSAGE 16384

struct DdpTell {
    DdpPlay *play;         /* borrowed */
    DdpToldSocket *socket; /* (nullable): only where ranks are forked */
    pid_t parent;          /* who made the socket */
    bool sends;            /* this is a forked rank */
};

DdpTell *
ddp_tell_new(DdpPlay *play)
{
    DdpTell *tell = g_new0(DdpTell, 1);

    tell->play = play;
    return tell;
}

void
ddp_tell_free(DdpTell *tell)
{
    if (tell == NULL)
        return;
    ddp_told_socket_free(tell->socket);
    g_free(tell);
}

bool
ddp_tell_open(DdpTell *tell, GError **error)
{
    g_return_val_if_fail(tell->socket == NULL, false);

    tell->socket = ddp_told_socket_new(tell->play->world_size, error);
    tell->parent = getpid();
    return tell->socket != NULL;
}

void
ddp_tell_enter(DdpTell *tell)
{
    if (tell->socket == NULL || getpid() == tell->parent)
        return;
    tell->sends = true;
    ddp_told_socket_close_reader(tell->socket);
}

int
ddp_tell_fd(const DdpTell *tell)
{
    return tell->socket != NULL ? ddp_told_socket_fd(tell->socket) : -1;
}

uint64_t
ddp_tell_dropped(const DdpTell *tell)
{
    return tell->socket != NULL ? ddp_told_socket_dropped(tell->socket) : 0;
}

/* ---- applying ---- */

static void
apply_print(DdpPlay *play, const DdpTold *told)
{
    g_ptr_array_add(play->record->printed, g_strdup_printf("%d\t%s", told->rank, told->texts[0]));
    if (play->print != NULL)
        play->print(told->texts[0], told->rank, play->print_data);
}

static void
apply_log(DdpPlay *play, const DdpTold *told)
{
    const char *logger = told->texts[0], *path = told->texts[1], *tag = told->texts[2];
    const char *site = told->texts[3];
    const DdpLogEntry entry = {told->step, told->value, told->rank, (char *)site /* only read */};

    ddp_run_record_log(play->record, logger, path, tag, &entry);
    if (play->audit != NULL && told->evaluation >= 0)
        ddp_audit_logged(play->audit, told->evaluation, told->epoch, told->rank, tag, told->step,
                         told->value, site);
}

static void
apply_to_audit(DdpAudit *audit, const DdpTold *told)
{
    if (audit == NULL)
        return;
    if (told->kind == DDP_TOLD_TRUTH)
        ddp_audit_truth(audit, told->evaluation, told->texts[0], told->step, told->value);
    else if (told->kind == DDP_TOLD_SAMPLES)
        ddp_audit_samples(audit, told->evaluation, told->rank, (size_t)told->number, told->indices,
                          told->index_count);
    else
        ddp_audit_merged(audit, told->evaluation, told->rank);
}

static void
apply_finding(DdpPlay *play, const DdpTold *told)
{
    DdpFinding *finding = ddp_run_record_add_finding(play->record, told->texts[0], told->texts[1]);

    g_array_append_val(finding->ranks, told->rank);
    if (told->texts[2] != NULL)
        g_ptr_array_add(finding->sites, g_strdup(told->texts[2]));
}

static void
apply_replica(DdpPlay *play, const DdpTold *told)
{
    if (play->replicas == NULL)
        play->replicas = ddp_replicas_new(play->world_size);
    ddp_replicas_note(play->replicas, told->rank, told->evaluation, told->step, told->number);
}

static void
apply_text(DdpPlay *play, const DdpTold *told)
{
    const DdpTextWrite write = {
        .path = told->texts[0],
        .bytes = told->texts[1],
        .site = told->texts[2],
        .time_ns = told->step,
        .offset = told->epoch,
        .rank = told->rank,
    };

    ddp_text_files_add(play->text_files, &write);
}

static void
apply_stack(DdpPlay *play, const DdpTold *told)
{
    GPtrArray *stack = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < told->text_count; i++)
        g_ptr_array_add(stack, g_strdup(told->texts[i]));
    if (play->stacks[told->rank] != NULL)
        g_ptr_array_unref(play->stacks[told->rank]);
    play->stacks[told->rank] = stack;
}

static void
apply(const DdpTold *told, void *user_data)
{
    DdpPlay *play = user_data;

    pthread_mutex_lock(&play->lock);
    switch (told->kind) {
    case DDP_TOLD_PRINT:
        apply_print(play, told);
        break;
    case DDP_TOLD_LOG:
        apply_log(play, told);
        break;
    case DDP_TOLD_TRUTH:
    case DDP_TOLD_SAMPLES:
    case DDP_TOLD_MERGED:
        apply_to_audit(play->audit, told);
        break;
    case DDP_TOLD_FINDING:
        apply_finding(play, told);
        break;
    case DDP_TOLD_REPLICA:
        apply_replica(play, told);
        break;
    case DDP_TOLD_STACK:
        apply_stack(play, told);
        break;
    case DDP_TOLD_PROGRESS:
        if (play->progress != NULL)
            play->progress((int64_t)told->number, play->print_data);
        break;
    case DDP_TOLD_TEXT:
        apply_text(play, told);
        break;
    }
    pthread_mutex_unlock(&play->lock);
}

bool
ddp_tell_pump(DdpTell *tell)
{
    if (tell->socket == NULL || tell->sends)
        return false;
    return ddp_told_socket_receive(tell->socket, apply, tell->play);
}

/* ---- telling ---- */

static void
deliver(DdpTell *tell, const DdpTold *told)
{
    g_return_if_fail(told->rank >= 0 && told->rank < tell->play->world_size);

    if (tell->play->muted[told->rank])
        return;
    if (tell->sends)
        ddp_told_socket_send(tell->socket, told);
    else
        apply(told, tell->play);
}

void
ddp_tell_print(DdpTell *tell, int rank, const char *line)
{
    deliver(tell,
            &(DdpTold){.kind = DDP_TOLD_PRINT, .rank = rank, .texts = &line, .text_count = 1});
}

void
ddp_tell_log(DdpTell *tell, const DdpToldLog *log)
{
    const char *const texts[] = {log->logger, log->path, log->tag, log->site};

    deliver(tell, &(DdpTold){.kind = DDP_TOLD_LOG,
                             .rank = log->rank,
                             .evaluation = log->evaluation,
                             .step = log->step,
                             .epoch = log->epoch,
                             .value = log->value,
                             .texts = texts,
                             .text_count = G_N_ELEMENTS(texts)});
}

void
ddp_tell_truth(DdpTell *tell, int rank, int evaluation, const char *tag, int64_t step, double value)
{
    deliver(tell, &(DdpTold){.kind = DDP_TOLD_TRUTH,
                             .rank = rank,
                             .evaluation = evaluation,
                             .step = step,
                             .value = value,
                             .texts = &tag,
                             .text_count = 1});
}

void
ddp_tell_samples(DdpTell *tell, int rank, int evaluation, size_t dataset_size,
                 const int64_t *indices, size_t count)
{
    size_t most = tell->sends ? SAMPLES_A_MESSAGE : SIZE_MAX;

    do {
        size_t now = MIN(count, most);

        deliver(tell, &(DdpTold){.kind = DDP_TOLD_SAMPLES,
                                 .rank = rank,
                                 .evaluation = evaluation,
                                 .number = dataset_size,
                                 .indices = indices,
                                 .index_count = now});
        count -= now;
        if (count > 0)
            indices += now;
    } while (count > 0);
}

void
ddp_tell_merged(DdpTell *tell, int rank, int evaluation)
{
    deliver(tell, &(DdpTold){.kind = DDP_TOLD_MERGED, .rank = rank, .evaluation = evaluation});
}

void
ddp_tell_finding(DdpTell *tell, int rank, const char *kind, const char *message, const char *site)
{
    const char *const texts[] = {kind, message, site};

    deliver(tell, &(DdpTold){.kind = DDP_TOLD_FINDING,
                             .rank = rank,
                             .texts = texts,
                             .text_count = G_N_ELEMENTS(texts)});
}

void
ddp_tell_replica(DdpTell *tell, int rank, int what, int64_t step, uint64_t hash)
{
    deliver(tell, &(DdpTold){.kind = DDP_TOLD_REPLICA,
                             .rank = rank,
                             .evaluation = what,
                             .step = step,
                             .number = hash});
}

void
ddp_tell_stack(DdpTell *tell, int rank, const GPtrArray *stack)
{
    deliver(tell, &(DdpTold){.kind = DDP_TOLD_STACK,
                             .rank = rank,
                             .texts = (const char *const *)stack->pdata,
                             .text_count = stack->len});
}

void
ddp_tell_text(DdpTell *tell, const DdpTextWrite *write)
{
    const char *const texts[] = {write->path, write->bytes, write->site};

    deliver(tell, &(DdpTold){.kind = DDP_TOLD_TEXT,
                             .rank = write->rank,
                             .step = write->time_ns,
                             .epoch = write->offset,
                             .texts = texts,
                             .text_count = G_N_ELEMENTS(texts)});
}

void
ddp_tell_progress(DdpTell *tell, int rank, int64_t collectives)
{
    deliver(tell,
            &(DdpTold){.kind = DDP_TOLD_PROGRESS, .rank = rank, .number = (uint64_t)collectives});
}
