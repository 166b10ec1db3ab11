/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Writes one TensorBoard event file, byte for byte what torch.utils.tensorboard writes when it is
 * given the same clock, host name and process id. All of these are handed in: a run that is
 * repeated writes the same bytes.
 *
 * Entries are gathered into blocks; ddp_event_writer_flush() puts them into the file, where every
 * process sees them. No descriptor is held in between, since a world may have more writers than
 * a process may have open files. (TensorBoard's own writer opens, appends and closes as well.)
 *
 * Whatever goes wrong is told by the call that meets it, and at the latest by flush or close:
 * from then on the writer is failed, and every call tells the same again. Not to be used by two
 * threads at once.
 */

#define DDP_EVENT_WRITER_ERROR ddp_event_writer_error_quark()
GQuark ddp_event_writer_error_quark(void);

typedef enum {
    DDP_EVENT_WRITER_ERROR_BAD_VALUE, /* a name or text that no event file may hold */
    DDP_EVENT_WRITER_ERROR_CLOSED,
} DdpEventWriterError;

typedef struct DdpEventWriter DdpEventWriter;

/* The file will be FOLDER/events.out.tfevents.SECONDS.HOST.PID.UIDSUFFIX. Strings are copied. */
typedef struct {
    const char *folder; /* made if it is missing */
    const char *host;
    int64_t pid;
    uint64_t uid;       /* counts the writers of a process from 0 */
    const char *suffix; /* NULL for none */
    double wall_time;   /* seconds since 1970; the whole ones stand in the name */
} DdpEventWriterSpec;

/**
 * ddp_event_writer_new:
 *
 * Makes the file and writes its first record, which tells the version of the format. A file
 * that has this name already is replaced.
 */
DdpEventWriter *ddp_event_writer_new(const DdpEventWriterSpec *spec, GError **error);

/* Without a ddp_event_writer_close() before, what was not flushed is dropped. */
void ddp_event_writer_free(DdpEventWriter *writer);

/* @tag must be UTF-8, because TensorBoard reads no further at one that is not. */
bool ddp_event_writer_add_scalar(DdpEventWriter *writer, const char *tag, float value, int64_t step,
                                 double wall_time, GError **error);

/* The tag in the file is @tag with "/text_summary" behind it, as torch does. */
bool ddp_event_writer_add_text(DdpEventWriter *writer, const char *tag, const char *text,
                               int64_t step, double wall_time, GError **error);

/* @histo: a packed message, as ddp_event_histogram_pack() makes it */
bool ddp_event_writer_add_histogram(DdpEventWriter *writer, const char *tag, const uint8_t *histo,
                                    size_t size, int64_t step, double wall_time, GError **error);

/* A summary without a value: what plugins such as hparams keep in the metadata of a tag. */
bool ddp_event_writer_add_plugin_data(DdpEventWriter *writer, const char *tag, const char *plugin,
                                      const uint8_t *content, size_t content_size, double wall_time,
                                      GError **error);

/* Says that a run goes on at @step: a reader drops what earlier files hold from there on. */
bool ddp_event_writer_add_restart(DdpEventWriter *writer, int64_t step, double wall_time,
                                  GError **error);

bool ddp_event_writer_flush(DdpEventWriter *writer, GError **error);

/* Flushes. Closing twice is no error; adding afterwards is. */
bool ddp_event_writer_close(DdpEventWriter *writer, GError **error);

const char *ddp_event_writer_path(const DdpEventWriter *writer);

/* How large the file is when everything added so far has been written. */
uint64_t ddp_event_writer_bytes(const DdpEventWriter *writer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpEventWriter, ddp_event_writer_free)

G_END_DECLS
