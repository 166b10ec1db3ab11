/* SPDX-License-Identifier: MIT */
/*
 * Functions belong to a process, a communicator in a shared heap to several. Each process keeps
 * its own functions beside it, in a list that is read without a lock.
 */
#include "comm_shm/comm_private.h"

#include <pthread.h>

typedef struct Adopted Adopted;

struct Adopted {
    _Atomic(const DdpComm *) comm; /* NULL: the entry may be used again */
    DdpParkOps ops;
    void *engine;
    Adopted *next;
};

static pthread_mutex_t adopt_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(Adopted *) adopted_list;

void
ddp_comm_adopt(DdpComm *comm, const DdpParkOps *ops, void *engine)
{
    Adopted *entry;

    if (!comm->parallel) {
        comm->ops = *ops;
        comm->engine = engine;
        return;
    }
    pthread_mutex_lock(&adopt_lock);
    entry = atomic_load(&adopted_list);
    while (entry != NULL && atomic_load(&entry->comm) != NULL)
        entry = entry->next;
    if (entry == NULL) {
        entry = g_new0(Adopted, 1);
        entry->next = atomic_load(&adopted_list);
        atomic_store(&adopted_list, entry);
    }
    entry->ops = *ops;
    entry->engine = engine;
    atomic_store(&entry->comm, comm);
    pthread_mutex_unlock(&adopt_lock);
}

const DdpParkOps *
ddp_comm_adopted_ops(const DdpComm *comm, void **engine)
{
    static const DdpParkOps none = {0};

    for (const Adopted *entry = atomic_load(&adopted_list); entry != NULL; entry = entry->next) {
        if (atomic_load_explicit(&entry->comm, memory_order_acquire) == comm) {
            *engine = entry->engine;
            return &entry->ops;
        }
    }
    *engine = NULL;
    return &none;
}

void
ddp_comm_forget(DdpComm *comm)
{
    pthread_mutex_lock(&adopt_lock);
    for (Adopted *entry = atomic_load(&adopted_list); entry != NULL; entry = entry->next) {
        if (atomic_load(&entry->comm) == comm)
            atomic_store(&entry->comm, NULL);
    }
    pthread_mutex_unlock(&adopt_lock);
}
