/* SPDX-License-Identifier: MIT */
#include "sim/audit/words.h"
#include "tests/testutil.h"

#include <math.h>

/* What is promised are phrases, so each test writes the phrase down. */

static GArray *
ranks_from(const char *text)
{
    GArray *ranks = g_array_new(FALSE, FALSE, sizeof(int));
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (char **word = words; *word != NULL; word++) {
        int rank = (int)g_ascii_strtoll(*word, NULL, 10);

        if (**word != '\0')
            g_array_append_val(ranks, rank);
    }
    return ranks;
}

START_TEST(test_ranks_read_as_a_sentence_would_say_them)
{
    static const struct {
        const char *ranks, *phrase, *list;
    } rows[] = {
        {"", "no rank", "-"},
        {"2", "rank 2", "2"},
        {"3 0", "ranks 0 and 3", "0, 3"},
        {"0 1", "ranks 0 and 1", "0, 1"},
        {"1 2 3", "ranks 1-3", "1-3"},
        {"9 0 2 5 3 4", "ranks 0, 2-5 and 9", "0, 2-5, 9"},
        {"1 1 1", "rank 1", "1"},
        {"0 1 2 2 3 7", "ranks 0-3 and 7", "0-3, 7"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GArray) ranks = ranks_from(rows[i].ranks);
        g_autofree char *phrase = ddp_words_ranks(ranks);
        g_autofree char *list = ddp_words_rank_list(ranks);

        ck_assert_str_eq(phrase, rows[i].phrase);
        ck_assert_str_eq(list, rows[i].list);
    }
}
END_TEST

START_TEST(test_a_share_is_a_fraction_that_a_reader_knows)
{
    static const struct {
        int64_t samples, of;
        const char *share;
    } rows[] = {
        {2500, 10000, "1/4"},
        {10000, 10000, "all"},
        {0, 10000, "none"},
        {7500, 10000, "3/4"},
        {450, 1797, "about 1/4"},
        {449, 1797, "about 1/4"},
        {1, 3, "1/3"},
        {1, 1000, "1/1000"},
        {6667, 10000, "66.7 %"},
        {-1, 10, "?"},
        {1, 0, "?"},
        {5, 1000000000, "1/200000000"},
        {INT64_MAX / 2, INT64_MAX, "about 1/2"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *share = ddp_words_share(rows[i].samples, rows[i].of);

        ck_assert_str_eq(share, rows[i].share);
    }
}
END_TEST

START_TEST(test_counts_are_grouped_by_thousands)
{
    static const struct {
        int64_t count;
        const char *text;
    } rows[] = {{0, "0"},          {999, "999"},  {1000, "1,000"}, {1234567, "1,234,567"},
                {-1000, "-1,000"}, {-100, "-100"}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = ddp_words_count(rows[i].count);

        ck_assert_str_eq(text, rows[i].text);
    }
}
END_TEST

START_TEST(test_numbers_that_are_none_have_names)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0.45123456, "0.4512"},    {15.0, "15"},
                {1e-9, "1e-09"},           {(double)NAN, "nan"},
                {(double)INFINITY, "inf"}, {-(double)INFINITY, "-inf"}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = ddp_words_number(rows[i].value, 4);

        ck_assert_str_eq(text, rows[i].text);
    }
}
END_TEST

START_TEST(test_a_site_loses_its_folders)
{
    ck_assert_str_eq(ddp_words_site("/home/me/a.lua:12"), "a.lua:12");
    ck_assert_str_eq(ddp_words_site("a.lua:12"), "a.lua:12");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("words");
    TCase *phrases = tcase_create("phrases");

    tcase_add_test(phrases, test_ranks_read_as_a_sentence_would_say_them);
    tcase_add_test(phrases, test_a_share_is_a_fraction_that_a_reader_knows);
    tcase_add_test(phrases, test_counts_are_grouped_by_thousands);
    tcase_add_test(phrases, test_numbers_that_are_none_have_names);
    tcase_add_test(phrases, test_a_site_loses_its_folders);
    suite_add_tcase(suite, phrases);
    return ddp_test_main(suite);
}
