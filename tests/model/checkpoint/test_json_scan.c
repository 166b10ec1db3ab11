/* SPDX-License-Identifier: MIT */

/*
 * Each text is read to its end and told as one line of letters: { } [ ] as they stand, n a name,
 * s a string, # a number, T F 0 the words, ! broken, . complete.
 */
#include <string.h>

#include "model/checkpoint/json_scan.h"
#include "tests/testutil.h"

static char *
tell(const char *text, size_t length)
{
    static const char letters[] = "!.{}[]ns#TF0";
    g_autoptr(DdpJsonScan) scan = ddp_json_scan_new(text, length);
    GString *told = g_string_new(NULL);
    DdpJsonToken token;

    do {
        g_autoptr(GError) error = NULL;

        token = ddp_json_scan_next(scan, &error);
        ck_assert_int_eq(token == DDP_JSON_BROKEN, error != NULL);
        g_string_append_c(told, letters[token]);
    } while (token != DDP_JSON_BROKEN && token != DDP_JSON_END);
    return g_string_free(told, FALSE);
}

static const struct {
    const char *text;
    const char *told;
} grammar[] = {
    {"{}", "{}."},
    {" [ ] ", "[]."},
    {"{\"a\":1,\"b\":[true,false,null]}", "{n#n[TF0]}."},
    {"[[[]],{}]", "[[[]]{}]."},
    {"-0.5e+10", "#."},
    {"0", "#."},
    {"\"\"", "s."},
    {"", "!"},
    {"{", "{!"},
    {"[1", "[#!"},
    {"[1,]", "[#!"},
    {"[,1]", "[!"},
    {"{\"a\":1,}", "{n#!"},
    {"{\"a\"}", "{!"},
    {"{\"a\":}", "{n!"},
    {"{a:1}", "{!"},
    {"{1:1}", "{!"},
    {"[1 2]", "[#!"},
    {"[1}", "[#!"},
    {"{\"a\":1]", "{n#!"},
    {"[] []", "[]!"},
    {"01", "#!"},
    {"-", "!"},
    {"1.", "!"},
    {".5", "!"},
    {"1e", "!"},
    {"+1", "!"},
    {"NaN", "!"},
    {"tru", "!"},
    {"truex", "T!"},
    {"'a'", "!"},
    {"\"a", "!"},
    {"\"\\", "!"},
    {"\"\\x\"", "!"},
    {"\"\\u12\"", "!"},
    {"\"\\ud800\"", "!"},
    {"\"\\udc00\"", "!"},
    {"\"\\ud800\\u0041\"", "!"},
    {"\"tab\there\"", "!"},
    {"\"\xff\"", "!"},
    {"\"\xed\xa0\x80\"", "!"}, /* a surrogate as UTF-8 */
    {"[1]\x80", "!"},
};

START_TEST(test_grammar)
{
    g_autofree char *told = tell(grammar[_i].text, strlen(grammar[_i].text));

    ck_assert_msg(strcmp(told, grammar[_i].told) == 0, "%s is told as %s, expected %s",
                  grammar[_i].text, told, grammar[_i].told);
}
END_TEST

START_TEST(test_a_zero_byte_is_no_json)
{
    g_autofree char *told = tell("[1\0]", 4);

    ck_assert_str_eq(told, "!");
}
END_TEST

START_TEST(test_escapes_are_resolved)
{
    static const char text[] =
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u2202\\ud83d\\ude00\\u0000z\"";
    static const char expected[] = "\"\\/\b\f\n\r\tA\xc3\xa4\xe2\x88\x82\xf0\x9f\x98\x80\0z";
    g_autoptr(DdpJsonScan) scan = ddp_json_scan_new(text, strlen(text));

    ck_assert_int_eq(ddp_json_scan_next(scan, NULL), DDP_JSON_STRING);
    ck_assert_uint_eq(ddp_json_scan_length(scan), sizeof expected - 1);
    ck_assert_mem_eq(ddp_json_scan_text(scan), expected, sizeof expected);
}
END_TEST

START_TEST(test_depth_is_bounded)
{
    g_autofree char *fits = g_malloc0(2 * DDP_JSON_DEPTH_MAX + 1);
    g_autofree char *deep = g_strnfill(1000000, '[');
    g_autofree char *told = NULL;
    g_autofree char *told_deep = tell(deep, 1000000);

    memset(fits, '[', DDP_JSON_DEPTH_MAX);
    memset(fits + DDP_JSON_DEPTH_MAX, ']', DDP_JSON_DEPTH_MAX);
    told = tell(fits, 2 * DDP_JSON_DEPTH_MAX);
    ck_assert(g_str_has_suffix(told, "]."));
    ck_assert_uint_eq(strlen(told_deep), DDP_JSON_DEPTH_MAX + 1);
    ck_assert(g_str_has_suffix(told_deep, "!"));
}
END_TEST

START_TEST(test_whole_numbers)
{
    static const struct {
        const char *text;
        int64_t value; /* -1: none */
    } cases[] = {
        {"0", 0},
        {"17", 17},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", -1},
        {"-1", -1},
        {"-0", -1},
        {"1.0", -1},
        {"1e3", -1},
        {"99999999999999999999999999999999", -1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(DdpJsonScan) scan = ddp_json_scan_new(cases[i].text, strlen(cases[i].text));
        int64_t value = -2;

        ck_assert_int_eq(ddp_json_scan_next(scan, NULL), DDP_JSON_NUMBER);
        ck_assert_int_eq(ddp_json_scan_count(scan, &value), cases[i].value >= 0);
        if (cases[i].value >= 0)
            ck_assert_int_eq(value, cases[i].value);
    }
}
END_TEST

START_TEST(test_a_value_can_be_skipped)
{
    static const char text[] = "{\"a\":{\"x\":[1,{\"y\":2}]},\"b\":3}";
    g_autoptr(DdpJsonScan) scan = ddp_json_scan_new(text, strlen(text));

    ck_assert_int_eq(ddp_json_scan_next(scan, NULL), DDP_JSON_OBJECT_BEGIN);
    ck_assert_int_eq(ddp_json_scan_next(scan, NULL), DDP_JSON_NAME);
    ck_assert(ddp_json_scan_skip(scan, DDP_JSON_NAME, NULL));
    ck_assert_int_eq(ddp_json_scan_next(scan, NULL), DDP_JSON_NAME);
    ck_assert_str_eq(ddp_json_scan_text(scan), "b");
    ck_assert(ddp_json_scan_skip(scan, DDP_JSON_NAME, NULL));
    ck_assert_int_eq(ddp_json_scan_next(scan, NULL), DDP_JSON_OBJECT_END);
}
END_TEST

/* Every byte that UTF-8 text can begin with, there and back. */
START_TEST(test_written_strings_are_read_back)
{
    for (gunichar c = 0; c < 0x3000; c++) {
        g_autoptr(GString) text = g_string_new(NULL);
        char bytes[8];
        size_t length = c == 0 ? 1 : (size_t)g_unichar_to_utf8(c, bytes);

        if (c == 0)
            bytes[0] = '\0';
        ddp_json_append_string(text, bytes, length);

        g_autoptr(DdpJsonScan) scan = ddp_json_scan_new(text->str, text->len);

        ck_assert_int_eq(ddp_json_scan_next(scan, NULL), DDP_JSON_STRING);
        ck_assert_uint_eq(ddp_json_scan_length(scan), length);
        ck_assert_mem_eq(ddp_json_scan_text(scan), bytes, length);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("json_scan");
    TCase *all = tcase_create("all");

    tcase_add_loop_test(all, test_grammar, 0, G_N_ELEMENTS(grammar));
    tcase_add_test(all, test_a_zero_byte_is_no_json);
    tcase_add_test(all, test_escapes_are_resolved);
    tcase_add_test(all, test_depth_is_bounded);
    tcase_add_test(all, test_whole_numbers);
    tcase_add_test(all, test_a_value_can_be_skipped);
    tcase_add_test(all, test_written_strings_are_read_back);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
