/* SPDX-License-Identifier: MIT */
#include "sim/loggers/crc32c.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define POLYNOMIAL 0x82f63b78u /* reflected */

/* table[k][b]: what byte b does to the checksum when k more bytes follow it in a group of eight. */
static uint32_t table[8][256];

static void
fill_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
        table[0][byte] = crc;
    }

    for (int k = 1; k < 8; k++) {
        for (int byte = 0; byte < 256; byte++)
            table[k][byte] = (table[k - 1][byte] >> 8) ^ table[0][table[k - 1][byte] & 0xff];
    }
}

static inline uint64_t
load_u64(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return GUINT64_FROM_LE(word);
}

uint32_t
ddp_crc32c_by_table(const void *data, size_t size)
{
    static pthread_once_t filled = PTHREAD_ONCE_INIT;
    const uint8_t *at = data;
    uint32_t crc = UINT32_MAX;

    if (pthread_once(&filled, fill_table) != 0)
        g_assert_not_reached();

    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word = load_u64(at) ^ crc;

        crc = 0;
        for (int k = 0; k < 8; k++)
            crc ^= table[7 - k][(word >> (8 * k)) & 0xff];
    }
    for (; size > 0; at++, size--)
        crc = (crc >> 8) ^ table[0][(crc ^ *at) & 0xff];

    return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t
crc_by_instruction(const uint8_t *at, size_t size)
{
    uint64_t crc = UINT32_MAX;

    for (; size >= 8; at += 8, size -= 8)
        crc = _mm_crc32_u64(crc, load_u64(at));
    if ((size & 4) != 0) {
        uint32_t word;

        memcpy(&word, at, sizeof word);
        crc = _mm_crc32_u32((uint32_t)crc, word);
        at += 4;
    }
    if ((size & 2) != 0) {
        uint16_t word;

        memcpy(&word, at, sizeof word);
        crc = _mm_crc32_u16((uint32_t)crc, word);
        at += 2;
    }
    if ((size & 1) != 0)
        crc = _mm_crc32_u8((uint32_t)crc, *at);

    return ~(uint32_t)crc;
}

uint32_t
ddp_crc32c(const void *data, size_t size)
{
    if (__builtin_cpu_supports("sse4.2"))
        return crc_by_instruction(data, size);
    return ddp_crc32c_by_table(data, size);
}

#else

uint32_t
ddp_crc32c(const void *data, size_t size)
{
    return ddp_crc32c_by_table(data, size);
}

#endif
