/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Writes the file of one offline W&B run, run-ID.wandb, as `wandb sync` reads it: a header, then
 * records in the framing of LevelDB's logs with plain CRC-32 sums, each a protobuf message.
 *
 * Records are appended as they are added and are in the file when the call returns; no descriptor
 * is held in between. Clock, host and id are handed in, so a run that is repeated writes the same
 * bytes. All texts are UTF-8. Whatever goes wrong is told by the call that meets it, and from then
 * on every call tells the same again. Not to be used by two threads at once.
 */

#define DDP_WANDB_FILE_ERROR ddp_wandb_file_error_quark()
GQuark ddp_wandb_file_error_quark(void);

typedef enum {
    DDP_WANDB_FILE_ERROR_TOO_LONG, /* a record of more than 64 MiB */
} DdpWandbFileError;

typedef struct DdpWandbFile DdpWandbFile;

/* One entry of a row, of the summary or of the config. */
typedef struct {
    const char *const *path; /* keys, the outermost first; NULL-terminated */
    const char *json;        /* the value as JSON */
} DdpWandbItem;

typedef struct {
    const char *id, *project;
    const char *entity, *group, *job_type, *name, *notes, *host; /* each (nullable) */
    const char *const *tags;                                     /* (nullable): NULL-terminated */
    double start_time;                                           /* seconds since 1970 */
    const DdpWandbItem *config;
    size_t config_count;
} DdpWandbRun;

/* What a run's summary shows of a key: see define_metric() of wandb. */
typedef struct {
    const char *name;        /* ends in "*" for all names that begin so */
    const char *step_metric; /* (nullable) */
    bool step_sync, hidden;
    bool min, max, mean, last, first, none;
} DdpWandbMetric;

typedef struct {
    const char *path;   /* in the artifact */
    const char *local;  /* where the file lies */
    const char *digest; /* base64 of its MD5 sum */
    int64_t size;
} DdpWandbArtifactFile;

typedef struct {
    const char *name, *type, *digest;
    const char *description; /* (nullable) */
    const char *metadata;    /* (nullable): JSON */
    const char *const *aliases;
    const DdpWandbArtifactFile *files;
    size_t file_count;
} DdpWandbArtifact;

/* Makes the file @path anew and writes its header. The folder is there. */
DdpWandbFile *ddp_wandb_file_new(const char *path, GError **error);
void ddp_wandb_file_free(DdpWandbFile *file);

/* The first record, once. Strings are not kept but for those that artifacts repeat. */
bool ddp_wandb_file_add_run(DdpWandbFile *file, const DdpWandbRun *run, GError **error);
/* A row of the history. @step below 0 is none, as in shared mode. */
bool ddp_wandb_file_add_history(DdpWandbFile *file, int64_t step, const DdpWandbItem *items,
                                size_t count, GError **error);
bool ddp_wandb_file_add_summary(DdpWandbFile *file, const DdpWandbItem *items, size_t count,
                                GError **error);
bool ddp_wandb_file_add_config(DdpWandbFile *file, const DdpWandbItem *items, size_t count,
                               GError **error);
bool ddp_wandb_file_add_metric(DdpWandbFile *file, const DdpWandbMetric *metric, GError **error);
bool ddp_wandb_file_add_artifact(DdpWandbFile *file, const DdpWandbArtifact *artifact,
                                 GError **error);
/* The last record: without one `wandb sync` shows the run as failed. @runtime in seconds. */
bool ddp_wandb_file_add_exit(DdpWandbFile *file, int exit_code, int runtime, GError **error);

/* How large the file is. */
uint64_t ddp_wandb_file_bytes(const DdpWandbFile *file);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpWandbFile, ddp_wandb_file_free)

G_END_DECLS
