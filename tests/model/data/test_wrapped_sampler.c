/* SPDX-License-Identifier: MIT */
#include "model/data/sampler.h"
#include "tests/testutil.h"

#include <stdio.h>
#include <string.h>

/*
 * Shares of another sampler's order, as tests/reference/lightning_samplers_record.py recorded them
 * of Lightning's wrappers: two passes each, since a random base is drawn anew.
 */

#define COUNT_MAX 16

static void
append_pass(GString *got, const DdpSampler *sampler, DdpGenerator *generator)
{
    int64_t order[3 * COUNT_MAX];
    int64_t index;
    DdpSamplerPass pass;

    ck_assert_uint_le(ddp_sampler_order_count(sampler), G_N_ELEMENTS(order));
    ddp_sampler_pass_begin(&pass, sampler, generator, order);
    while (ddp_sampler_pass_batch(&pass, 1, false, &index) > 0)
        g_string_append_printf(got, " %d", (int)index);
}

static void
check_line(const char *line)
{
    char wrapper[16], base[16];
    int n, replicas, rank, shuffle, seed, epoch;
    int64_t list[COUNT_MAX];
    g_autoptr(DdpGenerator) generator = ddp_generator_new(5);
    g_autoptr(GString) got = g_string_new(NULL);

    ck_assert_int_eq(sscanf(line, "%15s %15s %d %d %d %d %d %d", wrapper, base, &n, &replicas,
                            &rank, &shuffle, &seed, &epoch),
                     8);
    ck_assert_int_le(n, COUNT_MAX);
    for (int i = 0; i < n; i++)
        list[i] = n - 1 - i;

    bool is_list = strcmp(base, "list") == 0;
    DdpSampler inner = {
        .kind = is_list ? DDP_SAMPLER_LIST : DDP_SAMPLER_RANDOM,
        .count = (size_t)n,
        .list = list,
    };
    DdpSampler sampler = {
        .kind = DDP_SAMPLER_WRAPPED,
        .distributed = ddp_distributed_sampler_default((size_t)n, replicas, rank),
        .base = &inner,
    };

    sampler.distributed.shuffle = shuffle != 0;
    sampler.distributed.seed = seed;
    sampler.distributed.epoch = epoch;
    sampler.distributed.unrepeated = strcmp(wrapper, "unrepeated") == 0;
    g_string_append(got, ":");
    append_pass(got, &sampler, generator);
    g_string_append(got, " ;");
    append_pass(got, &sampler, generator);
    ck_assert_msg(strcmp(got->str, strchr(line, ':')) == 0, "%s\ngot %s", line, got->str);
}

START_TEST(test_shares_are_those_of_lightning)
{
    g_autofree char *text = ddp_test_reference_read("lightning_samplers.txt");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    int count = 0;

    for (; lines[count] != NULL && *lines[count] != '\0'; count++)
        check_line(lines[count]);
    ck_assert_int_gt(count, 100);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("wrapped_sampler");
    TCase *recorded = tcase_create("recorded");

    tcase_add_test(recorded, test_shares_are_those_of_lightning);
    suite_add_tcase(suite, recorded);
    return ddp_test_main(suite);
}
