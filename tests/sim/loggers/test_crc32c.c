/* SPDX-License-Identifier: MIT */
#include "sim/loggers/crc32c.h"
#include "tests/testutil.h"

/* The checksum as it is defined, bit by bit; both paths are held against it. */
static uint32_t
crc_by_definition(const uint8_t *data, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

START_TEST(test_published_check_values_come_out)
{
    uint8_t zeros[32] = {0};

    ck_assert_uint_eq(ddp_crc32c("123456789", 9), 0xe3069283u);
    ck_assert_uint_eq(ddp_crc32c_masked("123456789", 9), 0xc78ab0e5u);
    ck_assert_uint_eq(ddp_crc32c(zeros, sizeof zeros), 0x8a9136aau); /* RFC 3720, B.4 */
    ck_assert_uint_eq(ddp_crc32c("", 0), 0);
}
END_TEST

START_TEST(test_both_paths_agree_with_the_definition)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    uint8_t data[96];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)g_rand_int(random);

    /* Every length and every alignment within a word. */
    for (size_t start = 0; start < 8; start++) {
        for (size_t size = 0; start + size <= sizeof data; size++) {
            uint32_t expected = crc_by_definition(data + start, size);

            ck_assert_uint_eq(ddp_crc32c(data + start, size), expected);
            ck_assert_uint_eq(ddp_crc32c_by_table(data + start, size), expected);
        }
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("crc32c");
    TCase *all = tcase_create("all");

    tcase_add_test(all, test_published_check_values_come_out);
    tcase_add_test(all, test_both_paths_agree_with_the_definition);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
