/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/loggers/event_accumulator.h"
#include "sim/loggers/event_writer.h"

G_BEGIN_DECLS

/* What the tests of event files share: files as plain bytes, and a small file to damage. */

/* Fails the test if the file cannot be read. */
GByteArray *event_file_read(const char *path);
/* Overwrites @path. */
void event_file_write(const char *path, const uint8_t *data, size_t size);

/* The recorded file tests/reference/tensorboard_logs/@name. */
GByteArray *event_file_recorded(const char *name);
char *event_file_recorded_path(const char *name);

typedef struct {
    size_t offset;
    size_t size; /* with its frame */
} EventFileRecord;

/* Where the records of a sound file lie, by walking its lengths. */
GArray *event_file_records(const GByteArray *file);

/* An event around @size bytes of any data, with right checksums; (transfer full). */
GByteArray *event_file_frame(const uint8_t *data, size_t size);

/*
 * A sound file: the version record, then @count scalars with tag "t" and the values and steps
 * 0, 1, ... So a step says which record it came from.
 */
GByteArray *event_file_counting(int count);

/* The steps of tag "t" in @path, as text: "0 1 2 ". Everything else goes into @accumulator. */
char *event_file_steps(const DdpEventAccumulator *accumulator);

/* Removes that folder again; a fixture of every test that writes. */
void event_files_tear_down(void);
/* A fresh folder for the test. */
const char *event_files_folder(void);

G_END_DECLS
