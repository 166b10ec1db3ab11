/* SPDX-License-Identifier: MIT */

/*
 * tests/reference/generator_states.txt holds digests of torch's own states after a number of draws.
 * Ours must be the same bytes, and a generator that takes such bytes on must go on as the first
 * one.
 */
#include <math.h>
#include <string.h>

#include "model/generator.h"
#include "tests/testutil.h"

#define CACHED 5024 /* where a state has its cached normal number */

static void
draw(DdpGenerator *generator, size_t uniforms, size_t normals)
{
    float out[2048];

    ck_assert_uint_le(MAX(uniforms, normals), G_N_ELEMENTS(out));
    ddp_generator_uniform_f32(generator, out, uniforms, 0, 1);
    ddp_generator_normal_f32(generator, out, normals, 0, 1);
}

static void
assert_same_future(DdpGenerator *one, DdpGenerator *other)
{
    for (int i = 0; i < 3; i++) {
        float a[3], b[3];

        ddp_generator_normal_f32(one, a, 3, 0, 1); /* odd, so that one is cached each other time */
        ddp_generator_normal_f32(other, b, 3, 0, 1);
        ck_assert_mem_eq(a, b, sizeof a);
    }
    for (int i = 0; i < 2000; i++)
        ck_assert_uint_eq(ddp_generator_draw32(one), ddp_generator_draw32(other));
}

/* The cached number, up to its last bit; then zeros take its place. */
static void
check_cached(uint8_t *state, const char *hex, const char *line)
{
    uint64_t bits = g_ascii_strtoull(hex, NULL, 16);
    double ours, torchs;

    memcpy(&ours, state + CACHED, sizeof ours);
    memcpy(&torchs, &bits, sizeof torchs);
    ck_assert_msg(fabs(ours - torchs) <= 1e-15 * fabs(torchs), "%s: %.17g", line, ours);
    memset(state + CACHED, 0, sizeof ours);
}

START_TEST(test_states_are_torchs)
{
    g_autofree char *text = ddp_test_reference_read("generator_states.txt");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    int cases = 0;

    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) words = g_strsplit(*line, " ", -1);
        uint8_t state[DDP_GENERATOR_STATE_BYTES];

        if (**line == '#' || **line == '\0')
            continue;

        g_autoptr(DdpGenerator) generator = ddp_generator_new(g_ascii_strtoull(words[0], NULL, 10));

        draw(generator, (size_t)g_ascii_strtoull(words[1], NULL, 10),
             (size_t)g_ascii_strtoull(words[2], NULL, 10));
        ddp_generator_get_state(generator, state);
        check_cached(state, words[3], *line);

        g_autofree char *digest =
            g_compute_checksum_for_data(G_CHECKSUM_SHA256, state, sizeof state);

        ck_assert_msg(strcmp(digest, words[4]) == 0, "%s", *line);

        ddp_generator_get_state(generator, state);

        g_autoptr(DdpGenerator) other = ddp_generator_new(999);

        ck_assert(ddp_generator_set_state(other, state, sizeof state, NULL));
        ck_assert_uint_eq(ddp_generator_initial_seed(other), ddp_generator_initial_seed(generator));
        assert_same_future(generator, other);
        cases++;
    }
    ck_assert_int_gt(cases, 100);
}
END_TEST

/* Offsets of fields in torch's layout, and values that no state has there. */
START_TEST(test_impossible_states_are_refused)
{
    static const struct {
        size_t offset;
        int32_t value;
        const char *message;
    } wrong[] = {
        {8, 0, "its counters are out of range"},         /* left */
        {8, -1, "its counters are out of range"},        /* left */
        {8, 625, "its counters are out of range"},       /* left */
        {12, 0, "its counters are out of range"},        /* seeded */
        {20, 1, "its counters are out of range"},        /* next, upper half */
        {16, 200, "its counters contradict each other"}, /* next */
        {28, 1, "a word has more than 32 bits"},         /* state[0], upper half */
    };
    g_autoptr(DdpGenerator) generator = ddp_generator_new(5);
    uint8_t good[DDP_GENERATOR_STATE_BYTES], after[DDP_GENERATOR_STATE_BYTES];

    draw(generator, 7, 0);
    ddp_generator_get_state(generator, good);
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        uint8_t bad[DDP_GENERATOR_STATE_BYTES];
        g_autoptr(GError) error = NULL;

        memcpy(bad, good, sizeof bad);
        memcpy(bad + wrong[i].offset, &wrong[i].value, sizeof wrong[i].value);
        ck_assert(!ddp_generator_set_state(generator, bad, sizeof bad, &error));
        ck_assert_msg(g_str_has_suffix(error->message, wrong[i].message), "%s", error->message);
        ddp_generator_get_state(generator, after);
        ck_assert_mem_eq(after, good, sizeof good);
    }

    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_generator_set_state(generator, good, sizeof good - 1, &error));
    ck_assert_str_eq(error->message,
                     "this is no state of a CPU generator: it has 5055 bytes, expected 5056");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("generator_state");
    TCase *all = tcase_create("all");

    tcase_add_test(all, test_states_are_torchs);
    tcase_add_test(all, test_impossible_states_are_refused);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
