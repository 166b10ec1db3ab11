/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * torch's CPU random generator (mt19937 behind at::CPUGeneratorImpl), bit for bit: the same
 * manual_seed gives the same shuffles and the same initial weights as PyTorch.
 *
 * Engine: mt19937 seeded from the low 32 bits of the seed. The transformations follow
 * ATen's DistributionTemplates.h and DistributionsHelper.h on an AVX2 build; figures recorded
 * from torch stand in tests/reference/.
 */

typedef struct DdpGenerator DdpGenerator;

DdpGenerator *ddp_generator_new(uint64_t seed);
void ddp_generator_free(DdpGenerator *generator);

/* (transfer full): one that will draw the same numbers. */
DdpGenerator *ddp_generator_copy(const DdpGenerator *generator);
/* From now on @generator draws what @from would. */
void ddp_generator_assign(DdpGenerator *generator, const DdpGenerator *from);

/* As torch.manual_seed: restarts the stream and forgets the cached normal sample. */
void ddp_generator_seed(DdpGenerator *generator, uint64_t seed);
uint64_t ddp_generator_initial_seed(const DdpGenerator *generator);

/* Bytes of a state as torch.get_rng_state() gives it. */
#define DDP_GENERATOR_STATE_BYTES 5056

/**
 * ddp_generator_get_state:
 * @bytes: room for DDP_GENERATOR_STATE_BYTES
 *
 * The state in torch's legacy layout, byte for byte what torch gives after the same draws.
 */
void ddp_generator_get_state(const DdpGenerator *generator, uint8_t *bytes);

/* Takes such a state on; one that no generator can be in is an error, and changes nothing. */
bool ddp_generator_set_state(DdpGenerator *generator, const uint8_t *bytes, size_t length,
                             GError **error);

uint32_t ddp_generator_draw32(DdpGenerator *generator);
uint64_t ddp_generator_draw64(DdpGenerator *generator); /* first output is the high half */

/*
 * uniform_(low, high): for f32 fmaf((draw32 & 0xffffff) * 2^-24, high - low, low), and low where
 * that rounds up to high, as torch 2.x does.
 */
void ddp_generator_uniform_f32(DdpGenerator *generator, float *out, size_t count, float low,
                               float high);
void ddp_generator_uniform_f64(DdpGenerator *generator, double *out, size_t count, double low,
                               double high);

/* normal_(mean, std): below 16 elements one by one, from 16 on in blocks, as torch does. */
void ddp_generator_normal_f32(DdpGenerator *generator, float *out, size_t count, float mean,
                              float std);
void ddp_generator_normal_f64(DdpGenerator *generator, double *out, size_t count, double mean,
                              double std);

/* randint(low, high), high > low: draw32 below a range of 2^28, draw64 from there on (torch 2.13).
 */
void ddp_generator_randint(DdpGenerator *generator, int64_t *out, size_t count, int64_t low,
                           int64_t high);

/* int64 random_() without arguments: draw64 modulo 2^63. */
int64_t ddp_generator_random_i64(DdpGenerator *generator);

/* randperm(count) as int64; count below 2^31. */
void ddp_generator_randperm(DdpGenerator *generator, int64_t *out, size_t count);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpGenerator, ddp_generator_free)

G_END_DECLS
