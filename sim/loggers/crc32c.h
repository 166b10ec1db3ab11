/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * CRC-32C (Castagnoli), the checksum that frames every record of an event file.
 *
 * One instruction per eight bytes where the processor has it, tables everywhere else; both give
 * the same number, and which one runs is decided at run time.
 */

uint32_t ddp_crc32c(const void *data, size_t size);

/* The path without special instructions, which tests hold against the other one. */
uint32_t ddp_crc32c_by_table(const void *data, size_t size);

/*
 * As it stands in the file: rotated and shifted, because a checksum of data that itself holds
 * checksums is a weak one.
 */
static inline uint32_t
ddp_crc32c_masked(const void *data, size_t size)
{
    uint32_t crc = ddp_crc32c(data, size);

    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

G_END_DECLS
