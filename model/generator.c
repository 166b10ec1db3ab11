/* SPDX-License-Identifier: MIT */
#include "model/generator.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "model/kernels.h"
#include "model/math/elementary.h"

#define STATE_WORDS 624u
#define STATE_MIDDLE 397u
#define DRAW_CHUNK 256u
#define NORMAL_BLOCK 16u
#define WIDE_POWER 28 /* ranges from 2^28 on take 64 bits, so that the modulo hardly shows */
#define PI 3.14159265358979323846

struct DdpGenerator {
    uint32_t state[STATE_WORDS];
    unsigned next; /* the word to be handed out next; STATE_WORDS: twist first */
    uint64_t initial_seed;
    bool has_normal; /* the sine half of the last pair of normal numbers waits in `normal` */
    double normal;
};

/* ---- the engine ---------------------------------------------------------------------- */

DdpGenerator *
ddp_generator_new(uint64_t seed)
{
    DdpGenerator *generator = g_new(DdpGenerator, 1);

    ddp_generator_seed(generator, seed);
    return generator;
}

void
ddp_generator_free(DdpGenerator *generator)
{
    g_free(generator);
}

DdpGenerator *
ddp_generator_copy(const DdpGenerator *generator)
{
    return g_memdup2(generator, sizeof *generator);
}

void
ddp_generator_assign(DdpGenerator *generator, const DdpGenerator *from)
{
    *generator = *from;
}

void
ddp_generator_seed(DdpGenerator *generator, uint64_t seed)
{
    uint32_t *state = generator->state;

    state[0] = (uint32_t)seed;
    for (uint32_t j = 1; j < STATE_WORDS; j++)
        state[j] = 1812433253u * (state[j - 1] ^ (state[j - 1] >> 30)) + j;
    generator->next = STATE_WORDS;
    generator->initial_seed = seed;
    generator->has_normal = false;
    generator->normal = 0.0;
}

uint64_t
ddp_generator_initial_seed(const DdpGenerator *generator)
{
    return generator->initial_seed;
}

static inline uint32_t
twist(uint32_t far, uint32_t high, uint32_t low)
{
    uint32_t mixed = (high & 0x80000000u) | (low & 0x7fffffffu);

    return far ^ (mixed >> 1) ^ ((low & 1u) != 0 ? 0x9908b0dfu : 0u);
}

static void
next_state(DdpGenerator *generator)
{
    uint32_t *s = generator->state;
    unsigned shift = STATE_WORDS - STATE_MIDDLE;

    for (unsigned i = 0; i < shift; i++)
        s[i] = twist(s[i + STATE_MIDDLE], s[i], s[i + 1]);
    for (unsigned i = shift; i < STATE_WORDS - 1; i++)
        s[i] = twist(s[i - shift], s[i], s[i + 1]);
    s[STATE_WORDS - 1] = twist(s[STATE_MIDDLE - 1], s[STATE_WORDS - 1], s[0]);
    generator->next = 0;
}

static inline uint32_t
temper(uint32_t y)
{
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint32_t
ddp_generator_draw32(DdpGenerator *generator)
{
    if (generator->next == STATE_WORDS)
        next_state(generator);
    return temper(generator->state[generator->next++]);
}

uint64_t
ddp_generator_draw64(DdpGenerator *generator)
{
    uint64_t high = ddp_generator_draw32(generator);

    return high << 32 | ddp_generator_draw32(generator);
}

/* ---- states in torch's layout -------------------------------------------------------- */

/* CPUGeneratorImplState of ATen: the struct of old, and the sample of float normals that is no
 * longer used. `left` counts down to the next twist; `next` is the word that comes. */
typedef struct {
    uint64_t initial_seed;
    int32_t left;
    int32_t seeded;
    uint64_t next;
    uint64_t state[STATE_WORDS];
    double normal_x;
    double normal_y;
    double normal_rho;
    int32_t normal_is_valid;
    int32_t padding;
    float float_normal;
    uint8_t float_normal_is_valid;
    uint8_t more_padding[3];
} TorchState;

static_assert(sizeof(TorchState) == DDP_GENERATOR_STATE_BYTES, "torch's layout");

void
ddp_generator_get_state(const DdpGenerator *generator, uint8_t *bytes)
{
    TorchState out = {.initial_seed = generator->initial_seed, .seeded = 1};
    /* Words run out after a seed as after 624 draws, but torch then counts from the other end. */
    bool is_fresh =
        generator->next == STATE_WORDS && generator->state[0] == (uint32_t)generator->initial_seed;

    out.next = is_fresh ? 0 : generator->next;
    out.left = is_fresh ? 1 : (int32_t)(STATE_WORDS + 1 - generator->next);
    for (unsigned i = 0; i < STATE_WORDS; i++)
        out.state[i] = generator->state[i];
    if (generator->has_normal) {
        out.normal_is_valid = 1;
        out.normal_y = generator->normal;
    }
    memcpy(bytes, &out, sizeof out);
}

/* What no generator can be in, or NULL. */
static const char *
find_fault(const TorchState *in)
{
    if (in->seeded != 1 || in->left < 1 || in->left > (int32_t)STATE_WORDS ||
        in->next > STATE_WORDS)
        return "its counters are out of range";
    if (in->left != 1 && in->next + (uint64_t)in->left != STATE_WORDS + 1)
        return "its counters contradict each other";
    for (unsigned i = 0; i < STATE_WORDS; i++) {
        if (in->state[i] > UINT32_MAX)
            return "a word has more than 32 bits";
    }
    return NULL;
}

bool
ddp_generator_set_state(DdpGenerator *generator, const uint8_t *bytes, size_t length,
                        GError **error)
{
    TorchState in;
    const char *fault = NULL;

    if (length == sizeof in) {
        memcpy(&in, bytes, sizeof in);
        fault = find_fault(&in);
    }
    if (length != sizeof in || fault != NULL) {
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_ILLEGAL_SEQUENCE,
                    "this is no state of a CPU generator: it has %zu bytes, expected %zu%s%s",
                    length, sizeof in, fault != NULL ? "; " : "", fault != NULL ? fault : "");
        return false;
    }
    for (unsigned i = 0; i < STATE_WORDS; i++)
        generator->state[i] = (uint32_t)in.state[i];
    generator->next = in.left == 1 ? STATE_WORDS : (unsigned)in.next;
    generator->initial_seed = in.initial_seed;
    generator->has_normal = in.normal_is_valid != 0;
    generator->normal = in.normal_is_valid != 0 ? in.normal_y : 0.0;
    return true;
}

/* ---- uniform ------------------------------------------------------------------------- */

void
ddp_generator_uniform_f32(DdpGenerator *generator, float *out, size_t count, float low, float high)
{
    uint32_t draws[DRAW_CHUNK];
    const DdpRandomKernels *kernels = ddp_kernels()->random;

    for (size_t done = 0; done < count; done += DRAW_CHUNK) {
        size_t n = MIN(DRAW_CHUNK, count - done);

        for (size_t i = 0; i < n; i++)
            draws[i] = ddp_generator_draw32(generator);
        kernels->uniform_f32(n, out + done, draws, low, high);
    }
}

static double
uniform_unit_f64(DdpGenerator *generator)
{
    return (double)(ddp_generator_draw64(generator) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53;
}

void
ddp_generator_uniform_f64(DdpGenerator *generator, double *out, size_t count, double low,
                          double high)
{
    for (size_t i = 0; i < count; i++) {
        double value = fma(uniform_unit_f64(generator), high - low, low);

        out[i] = value == high ? low : value;
    }
}

/* ---- normal -------------------------------------------------------------------------- */

/* Box-Muller in double: a pair at a time, of which the second number waits for the next call. */
static double
normal_one(DdpGenerator *generator)
{
    if (generator->has_normal) {
        generator->has_normal = false;
        return generator->normal;
    }

    double u1 = uniform_unit_f64(generator);
    double u2 = uniform_unit_f64(generator);
    double radius = sqrt(-2.0 * ddp_log1p(-u2));
    double angle = 2.0 * PI * u1;

    generator->normal = radius * ddp_sin(angle);
    generator->has_normal = true;
    return radius * ddp_cos(angle);
}

void
ddp_generator_normal_f32(DdpGenerator *generator, float *out, size_t count, float mean, float std)
{
    if (count < NORMAL_BLOCK) {
        for (size_t i = 0; i < count; i++)
            out[i] = (float)(normal_one(generator) * (double)std + (double)mean);
        return;
    }

    const DdpRandomKernels *kernels = ddp_kernels()->random;

    ddp_generator_uniform_f32(generator, out, count, 0.0f, 1.0f);
    for (size_t i = 0; i + NORMAL_BLOCK <= count; i += NORMAL_BLOCK)
        kernels->normal_block_f32(out + i, mean, std);
    if (count % NORMAL_BLOCK != 0) {
        /* The tail gets a block of its own, which reaches back over what was there. */
        float *tail = out + count - NORMAL_BLOCK;

        ddp_generator_uniform_f32(generator, tail, NORMAL_BLOCK, 0.0f, 1.0f);
        kernels->normal_block_f32(tail, mean, std);
    }
}

static void
normal_block_f64(double *block, double mean, double std)
{
    for (unsigned i = 0; i < NORMAL_BLOCK / 2; i++) {
        double radius = sqrt(-2.0 * ddp_log(1.0 - block[i]));
        double angle = 2.0 * PI * block[i + NORMAL_BLOCK / 2];

        block[i] = radius * ddp_cos(angle) * std + mean;
        block[i + NORMAL_BLOCK / 2] = radius * ddp_sin(angle) * std + mean;
    }
}

void
ddp_generator_normal_f64(DdpGenerator *generator, double *out, size_t count, double mean,
                         double std)
{
    if (count < NORMAL_BLOCK) {
        for (size_t i = 0; i < count; i++)
            out[i] = normal_one(generator) * std + mean;
        return;
    }

    ddp_generator_uniform_f64(generator, out, count, 0.0, 1.0);
    for (size_t i = 0; i + NORMAL_BLOCK <= count; i += NORMAL_BLOCK)
        normal_block_f64(out + i, mean, std);
    if (count % NORMAL_BLOCK != 0) {
        double *tail = out + count - NORMAL_BLOCK;

        ddp_generator_uniform_f64(generator, tail, NORMAL_BLOCK, 0.0, 1.0);
        normal_block_f64(tail, mean, std);
    }
}

/* ---- integers ------------------------------------------------------------------------ */

void
ddp_generator_randint(DdpGenerator *generator, int64_t *out, size_t count, int64_t low,
                      int64_t high)
{
    g_return_if_fail(high > low);

    uint64_t range = (uint64_t)high - (uint64_t)low;

    for (size_t i = 0; i < count; i++) {
        uint64_t draw = range >= UINT64_C(1) << WIDE_POWER ? ddp_generator_draw64(generator)
                                                           : ddp_generator_draw32(generator);

        out[i] = (int64_t)(draw % range + (uint64_t)low);
    }
}

int64_t
ddp_generator_random_i64(DdpGenerator *generator)
{
    return (int64_t)(ddp_generator_draw64(generator) & (uint64_t)INT64_MAX);
}

void
ddp_generator_randperm(DdpGenerator *generator, int64_t *out, size_t count)
{
    /* The modulo bias is torch's, which accepts it up to this length. */
    bool small = count < UINT32_MAX / 20;

    for (size_t i = 0; i < count; i++)
        out[i] = (int64_t)i;
    if (small) {
        for (size_t i = 0; i + 1 < count; i++) {
            size_t other = i + ddp_generator_draw32(generator) % (uint32_t)(count - i);
            int64_t held = out[i];

            out[i] = out[other];
            out[other] = held;
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t other = (size_t)(ddp_generator_draw64(generator) % (i + 1));

        out[i] = other == i ? (int64_t)i : out[other];
        out[other] = (int64_t)i;
    }
}
