/* SPDX-License-Identifier: MIT */
#include "sim/audit/json_out.h"
#include "tests/testutil.h"

#include <math.h>
#include <string.h>

/*
 * The text is held against json-glib's own reader, which knows nothing of our writer; the tree
 * is held against what that reader makes of the text.
 */

static bool
append(const char *bytes, size_t length, void *text)
{
    g_string_append_len(text, bytes, (gssize)length);
    return true;
}

typedef void (*Teller)(DdpJsonOut *out);

static char *
text_of(Teller tell, bool indented)
{
    GString *text = g_string_new(NULL);
    g_autoptr(DdpJsonOut) out = ddp_json_out_new_text(append, text, indented);

    tell(out);
    ck_assert(ddp_json_out_flush(out));
    return g_string_free(text, FALSE);
}

static JsonNode *
read_back(const char *text)
{
    g_autoptr(GError) error = NULL;
    JsonNode *node = json_from_string(text, &error);

    ck_assert_no_error(error);
    return node;
}

static void
tell_all_kinds(DdpJsonOut *out)
{
    ddp_json_out_open_object(out, NULL);
    ddp_json_out_null(out, "null");
    ddp_json_out_bool(out, "yes", true);
    ddp_json_out_bool(out, "no", false);
    ddp_json_out_int(out, "least", INT64_MIN);
    ddp_json_out_real(out, "real", 0.5);
    ddp_json_out_string(out, "text", "a\"b\\c/\n\t\x01\x7f é");
    ddp_json_out_string(out, "no text", NULL);
    ddp_json_out_open_array(out, "empty");
    ddp_json_out_close(out);
    ddp_json_out_open_array(out, "rows");
    for (int i = 0; i < 2; i++) {
        ddp_json_out_open_flat_object(out, NULL);
        ddp_json_out_int(out, "i", i);
        ddp_json_out_open_array(out, "list");
        ddp_json_out_int(out, NULL, 1);
        ddp_json_out_int(out, NULL, 2);
        ddp_json_out_close(out);
        ddp_json_out_close(out);
    }
    ddp_json_out_close(out);
    ddp_json_out_close(out);
}

START_TEST(test_text_on_one_line)
{
    g_autofree char *text = text_of(tell_all_kinds, false);

    ck_assert_str_eq(text, "{\"null\":null,\"yes\":true,\"no\":false,"
                           "\"least\":-9223372036854775808,\"real\":0.5,"
                           "\"text\":\"a\\\"b\\\\c/\\n\\t\\u0001\\u007f é\",\"no text\":null,"
                           "\"empty\":[],\"rows\":[{\"i\":0,\"list\":[1,2]},"
                           "{\"i\":1,\"list\":[1,2]}]}\n");
}
END_TEST

START_TEST(test_indented_text_keeps_flat_objects_on_a_line)
{
    g_autofree char *text = text_of(tell_all_kinds, true);

    ck_assert_str_eq(text, "{\n"
                           "  \"null\": null,\n"
                           "  \"yes\": true,\n"
                           "  \"no\": false,\n"
                           "  \"least\": -9223372036854775808,\n"
                           "  \"real\": 0.5,\n"
                           "  \"text\": \"a\\\"b\\\\c/\\n\\t\\u0001\\u007f é\",\n"
                           "  \"no text\": null,\n"
                           "  \"empty\": [],\n"
                           "  \"rows\": [\n"
                           "    {\"i\": 0, \"list\": [1, 2]},\n"
                           "    {\"i\": 1, \"list\": [1, 2]}\n"
                           "  ]\n"
                           "}\n");
}
END_TEST

START_TEST(test_tree_and_text_say_the_same)
{
    g_autoptr(DdpJsonOut) out = ddp_json_out_new_tree();

    tell_all_kinds(out);

    g_autoptr(JsonNode) tree = ddp_json_out_take_tree(out);

    for (int indented = 0; indented < 2; indented++) {
        g_autofree char *text = text_of(tell_all_kinds, indented != 0);
        g_autoptr(JsonNode) node = read_back(text);

        ck_assert(json_node_equal(node, tree));
    }
}
END_TEST

static char *
text_of_real(double value)
{
    GString *text = g_string_new(NULL);
    g_autoptr(DdpJsonOut) out = ddp_json_out_new_text(append, text, false);

    ddp_json_out_real(out, NULL, value);
    ck_assert(ddp_json_out_flush(out));
    g_string_truncate(text, text->len - 1);
    return g_string_free(text, FALSE);
}

/* A generator of our own, so that the figures are the same everywhere: xorshift64. */
START_TEST(test_every_real_reads_back_bit_for_bit)
{
    uint64_t state = 88172645463325252ull + (uint64_t)_i;

    for (int i = 0; i < 2000; i++) {
        double value;

        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(&value, &state, sizeof(value));
        if (i % 2 == 0)
            value = (double)(float)value; /* as most logged values are */
        if (!isfinite(value))
            continue;

        g_autofree char *text = text_of_real(value);
        double back = g_ascii_strtod(text, NULL);

        ck_assert_msg(memcmp(&back, &value, sizeof(value)) == 0, "%a became %s", value, text);
        ck_assert_msg(strpbrk(text, ".e") != NULL, "%s looks like an integer", text);
    }
}
END_TEST

START_TEST(test_reals_are_short_where_they_can_be)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0.1, "0.1"},
                {15.0, "15.0"},
                {-0.0, "-0.0"},
                {1e22, "1e+22"},
                {1.0 / 3, "0.3333333333333333"},
                {0.1 + 0.2, "0.30000000000000004"},
                {(double)NAN, "null"},
                {(double)INFINITY, "null"}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = text_of_real(rows[i].value);

        ck_assert_str_eq(text, rows[i].text);
    }
}
END_TEST

static void
tell_wrong_bytes(DdpJsonOut *out)
{
    ddp_json_out_string(out, NULL,
                        "a\xff"
                        "b\xc3(\xe2\x82 c \xc2\x9b"
                        "31m");
}

START_TEST(test_wrong_bytes_become_replacement_characters)
{
    g_autofree char *text = text_of(tell_wrong_bytes, false);

    ck_assert_str_eq(text, "\"a\uFFFDb\uFFFD(\uFFFD\uFFFD c \\u009b31m\"\n");
}
END_TEST

static bool
refuse(const char *bytes, size_t length, void *calls)
{
    (void)bytes;
    (void)length;
    ++*(int *)calls;
    return false;
}

START_TEST(test_a_refused_piece_ends_the_writing)
{
    int calls = 0;
    g_autoptr(DdpJsonOut) out = ddp_json_out_new_text(refuse, &calls, true);

    ddp_json_out_open_array(out, NULL);
    for (int i = 0; i < 200000; i++)
        ddp_json_out_int(out, NULL, i);
    ddp_json_out_close(out);

    ck_assert(!ddp_json_out_flush(out));
    ck_assert_int_eq(calls, 1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("json_out");
    TCase *text = tcase_create("text");

    tcase_add_test(text, test_text_on_one_line);
    tcase_add_test(text, test_indented_text_keeps_flat_objects_on_a_line);
    tcase_add_test(text, test_tree_and_text_say_the_same);
    tcase_add_loop_test(text, test_every_real_reads_back_bit_for_bit, 0, 8);
    tcase_add_test(text, test_reals_are_short_where_they_can_be);
    tcase_add_test(text, test_wrong_bytes_become_replacement_characters);
    tcase_add_test(text, test_a_refused_piece_ends_the_writing);
    suite_add_tcase(suite, text);
    return ddp_test_main(suite);
}
