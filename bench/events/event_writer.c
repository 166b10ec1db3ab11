/* SPDX-License-Identifier: MIT */

/*
 * What a scalar costs on its way into an event file: encoded, checksummed, gathered, written.
 *
 * Beside us, in turn in the same run: the floor, a loop that knows the tag and its length
 * beforehand and does the least that gives the same bytes. Both files are compared at the end.
 *
 *   bench-event-writer [FOLDER]     one line with medians and the median ratio; target 100 ns
 */

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#include "sim/loggers/crc32c.h"
#include "sim/loggers/event_writer.h"

#define SCALARS 1000000
#define ROUNDS 9
#define TAG "train/loss"
#define TARGET_NS 100.0
#define START_TIME 1.7e9

static void
stop(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    exit(2);
}

/* --- the floor --- */

#if defined(__x86_64__)
#define FLOOR_TARGET __attribute__((target("sse4.2")))

FLOOR_TARGET static inline uint32_t
floor_crc(const uint8_t *at, size_t size)
{
    uint64_t crc = UINT32_MAX;
    uint64_t word;

    for (; size >= 8; at += 8, size -= 8) {
        memcpy(&word, at, 8);
        crc = _mm_crc32_u64(crc, word);
    }
    for (; size > 0; at++, size--)
        crc = _mm_crc32_u8((uint32_t)crc, *at);

    uint32_t all = ~(uint32_t)crc;

    return ((all >> 15) | (all << 17)) + 0xa282ead8u;
}
#else
#define FLOOR_TARGET
#define floor_crc ddp_crc32c_masked
#endif

FLOOR_TARGET static size_t
floor_record(uint8_t *record, float value, int64_t step, double wall_time)
{
    uint8_t *data = record + 12;
    uint8_t *at = data;

    *at++ = 0x09;
    memcpy(at, &wall_time, 8);
    at += 8;
    if (step != 0) {
        uint64_t rest = (uint64_t)step;

        *at++ = 0x10;
        for (; rest >= 0x80; rest >>= 7)
            *at++ = (uint8_t)(rest | 0x80);
        *at++ = (uint8_t)rest;
    }

    const uint8_t head[] = {0x2a, strlen(TAG) + 9, 0x0a, strlen(TAG) + 7, 0x0a, strlen(TAG)};

    memcpy(at, head, sizeof head);
    at += sizeof head;
    memcpy(at, TAG, strlen(TAG));
    at += strlen(TAG);
    *at++ = 0x15;
    memcpy(at, &value, 4);
    at += 4;

    uint64_t size = (uint64_t)(at - data);
    uint32_t crc;

    memcpy(record, &size, 8);
    crc = floor_crc(record, 8);
    memcpy(record + 8, &crc, 4);
    crc = floor_crc(data, size);
    memcpy(at, &crc, 4);
    return size + 16;
}

static void
floor_flush(const char *path, int fd, const uint8_t *block, size_t used)
{
    if (write(fd, block, used) != (ssize_t)used)
        stop(path, g_strerror(errno));
}

/* @head is the version record, so that both files end up with the same bytes. */
static double
run_floor(const char *path, const uint8_t *head, size_t head_size)
{
    static uint8_t block[64 << 10];
    size_t used = head_size;
    int64_t began_us = g_get_monotonic_time();
    int fd;

    /* As we do: truncating may make the file system write at once. */
    if (unlink(path) != 0 && errno != ENOENT)
        stop(path, g_strerror(errno));
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        stop(path, g_strerror(errno));
    memcpy(block, head, head_size);
    for (int64_t i = 0; i < SCALARS; i++) {
        if (used + 96 > sizeof block) {
            floor_flush(path, fd, block, used);
            used = 0;
        }
        used += floor_record(block + used, (float)i * 0.5f, i, START_TIME + (double)i);
    }
    floor_flush(path, fd, block, used);
    if (close(fd) != 0)
        stop(path, g_strerror(errno));
    return (double)(g_get_monotonic_time() - began_us) * 1e3 / SCALARS;
}

/* --- us --- */

static double
run_ours(const char *folder, char **path)
{
    g_autoptr(GError) error = NULL;
    int64_t began_us = g_get_monotonic_time();
    DdpEventWriterSpec spec = {
        .folder = folder, .host = "bench", .pid = 1, .wall_time = START_TIME};
    g_autoptr(DdpEventWriter) writer = ddp_event_writer_new(&spec, &error);
    bool is_written = writer != NULL;

    for (int64_t i = 0; is_written && i < SCALARS; i++)
        is_written = ddp_event_writer_add_scalar(writer, TAG, (float)i * 0.5f, i,
                                                 START_TIME + (double)i, &error);
    if (!is_written || !ddp_event_writer_close(writer, &error))
        stop(folder, error->message);

    double ns = (double)(g_get_monotonic_time() - began_us) * 1e3 / SCALARS;

    g_free(*path);
    *path = g_strdup(ddp_event_writer_path(writer));
    return ns;
}

static int
compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static double
median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, compare_doubles);
    return values[ROUNDS / 2];
}

static bool
files_are_equal(const char *left, const char *right)
{
    g_autofree char *a = NULL;
    g_autofree char *b = NULL;
    gsize a_size = 0;
    gsize b_size = 0;

    return g_file_get_contents(left, &a, &a_size, NULL) &&
           g_file_get_contents(right, &b, &b_size, NULL) && a_size == b_size &&
           memcmp(a, b, a_size) == 0;
}

int
main(int argc, char **argv)
{
    g_autofree char *made = argc > 1 ? NULL : g_dir_make_tmp("ddpsim-bench-XXXXXX", NULL);
    const char *folder = argc > 1 ? argv[1] : made;

    if (folder == NULL)
        stop("temporary folder", g_strerror(errno));

    g_autofree char *floor_path = g_build_filename(folder, "floor", NULL);
    g_autofree char *our_path = NULL;
    g_autofree char *contents = NULL;
    gsize size = 0;
    double ours[ROUNDS], least[ROUNDS], ratio[ROUNDS];

    run_ours(folder, &our_path); /* warms up, and gives the version record */
    if (!g_file_get_contents(our_path, &contents, &size, NULL))
        stop(our_path, g_strerror(errno));

    size_t head_size = 16 + (uint8_t)contents[0];

    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = run_ours(folder, &our_path);
        least[i] = run_floor(floor_path, (const uint8_t *)contents, head_size);
        ratio[i] = ours[i] / least[i];
    }

    bool is_same = files_are_equal(our_path, floor_path);
    double ours_ns = median(ours);
    double least_ns = median(least);
    double ratio_median = median(ratio);

    printf("scalar into an event file: ours %.1f ns [%.1f-%.1f], floor %.1f ns [%.1f-%.1f], "
           "ratio %.2f, %s 100 ns; files %s\n",
           ours_ns, ours[0], ours[ROUNDS - 1], least_ns, least[0], least[ROUNDS - 1], ratio_median,
           ours_ns < TARGET_NS ? "under" : "NOT under", is_same ? "equal" : "DIFFER");

    if (g_remove(our_path) != 0 || g_remove(floor_path) != 0 ||
        (made != NULL && g_rmdir(made) != 0))
        stop(folder, g_strerror(errno));
    return is_same && ours_ns < TARGET_NS ? EXIT_SUCCESS : EXIT_FAILURE;
}
