/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/math/double_double.h"

#include <stdint.h>
#include <string.h>

/*
 * Angles taken modulo a quarter turn, for every finite double: x = q pi/2 + r, |r| <= pi/4.
 *
 * Up to ANGLE_SMALL the multiple of pi/2 is subtracted in three parts. Above it nearly all bits
 * of x 2/pi belong to whole turns, so we multiply x by just those bits of 2/pi that decide the
 * fraction of a turn, as an integer of 192 bits.
 */

#define ANGLE_SMALL 0x1p20
#define TWO_OVER_PI 0x1.45f306dc9c883p-1
#define HALF_PI_1 0x1.921fb54442d18p+0
#define HALF_PI_2 0x1.1a62633145c07p-54
#define HALF_PI_3 (-0x1.f1976b7ed8fbcp-110)

__extension__ typedef unsigned __int128 Uint128;

/*
 * The first product is exact under fma, because r and the parts of pi/2 share their lowest
 * bits; the two others are small enough to be kept as pairs.
 */
static inline Twofold
reduce_small_angle(double x, unsigned *quarter)
{
    double n = rint(x * TWO_OVER_PI);
    double first = fma(-n, HALF_PI_1, x);
    Twofold second = twofold_product(-n, HALF_PI_2);
    Twofold r = twofold_sum(first, second.high);

    r.low += second.low - n * HALF_PI_3;
    *quarter = (unsigned)(int)n & 3U;
    return twofold_fast_sum(r.high, r.low);
}

/* 64 bits of 2/pi from bit @first on; bit 0 weighs 2^63, bit 64 weighs 2^-1. */
static inline uint64_t
two_over_pi_bits(unsigned first)
{
    static const uint64_t words[] = {
        0x0000000000000000U, 0xa2f9836e4e441529U, 0xfc2757d1f534ddc0U, 0xdb6295993c439041U,
        0xfe5163abdebbc561U, 0xb7246e3a424dd2e0U, 0x06492eea09d1921cU, 0xfe1deb1cb129a73eU,
        0xe88235f52ebb4484U, 0xe99c7026b45f7e41U, 0x3991d639835339f4U, 0x9c845f8bbdf9283bU,
        0x1ff897ffde05980fU, 0xef2f118b5a0a6d1fU, 0x6d367ecf27cb09b7U, 0x4f463f669e5fea2dU,
        0x7527bac7ebe5f17bU, 0x3d0739f78a5292eaU, 0x6bfb5fb11f8d5d08U, 0x56033046fc7b6babU,
        0xf0cfbc209af4361dU,
    };
    unsigned word = first / 64;
    unsigned shift = first % 64;

    if (shift == 0)
        return words[word];
    return words[word] << shift | words[word + 1] >> (64 - shift);
}

/* The fraction of a quarter turn, as words of falling weight: the first bit weighs 1/2. */
static inline Twofold
twofold_from_fraction(uint64_t high, uint64_t middle, uint64_t low)
{
    const uint64_t words[] = {high, middle, low};
    double weight = 0x1p-32;
    Twofold sum = {0, 0};

    for (int half = 0; half < 6; half++) {
        uint64_t word = half % 2 == 0 ? words[half / 2] >> 32 : words[half / 2] & 0xffffffffU;
        Twofold next = twofold_sum(sum.high, (double)word * weight);

        next.low += sum.low;
        sum = twofold_fast_sum(next.high, next.low);
        weight *= 0x1p-32;
    }
    return sum;
}

/* @x is finite and above ANGLE_SMALL in size. */
static inline Twofold
reduce_large_angle(double x, unsigned *quarter)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);

    uint64_t mantissa = (bits & 0xfffffffffffffU) | 0x10000000000000U;
    unsigned exponent = (unsigned)(bits >> 52) & 0x7ffU; /* |x| = mantissa * 2^(exponent - 1075) */
    /* The bit whose product with the lowest bit of the mantissa weighs two quarter turns. */
    unsigned first = 64 + exponent - 1075 - 2;
    Uint128 high = (Uint128)mantissa * two_over_pi_bits(first);
    Uint128 middle = (Uint128)mantissa * two_over_pi_bits(first + 64);
    Uint128 low = (Uint128)mantissa * two_over_pi_bits(first + 128);
    /* The lowest 192 bits of the product; its two first are whole quarter turns. */
    Uint128 lower = low + (middle << 64);
    uint64_t carry = lower < low;
    uint64_t top = (uint64_t)high + (uint64_t)(middle >> 64) + carry;
    uint64_t next = (uint64_t)(lower >> 64);
    uint64_t last = (uint64_t)lower;
    unsigned q = (unsigned)(top >> 62);
    bool above_half;
    Twofold r;

    top = top << 2 | next >> 62;
    next = next << 2 | last >> 62;
    last = last << 2;
    above_half = top >> 63 != 0;
    if (above_half) { /* 1 - fraction, to a unit in the last place */
        q++;
        top = ~top;
        next = ~next;
        last = ~last;
    }
    r = twofold_multiply(twofold_from_fraction(top, next, last), (Twofold){HALF_PI_1, HALF_PI_2});
    if (above_half != (x < 0))
        r = (Twofold){-r.high, -r.low};
    *quarter = x < 0 ? (4U - q) & 3U : q & 3U;
    return r;
}
