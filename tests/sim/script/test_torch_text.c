/* SPDX-License-Identifier: MIT */
#include "sim/script/tensor.h"

#include <lauxlib.h>
#include <string.h>

#include "sim/script/script_rank.h"
#include "tests/model/core/recorded.h"
#include "tests/sim/script/torch_lesson.h"

/* tostring(t) against what str(t) gave in torch for the same tensors, character by character. */

static const char *const names[] = {
    "number",
    "whole_number",
    "zero",
    "integer",
    "flag",
    "vector",
    "negative",
    "integers",
    "flags",
    "double",
    "half",
    "bytes",
    "small",
    "large",
    "whole_large",
    "not_finite",
    "not_finite_fraction",
    "only_nan",
    "zeros",
    "matrix",
    "cube",
    "hypercube",
    "long",
    "long_floats",
    "very_long",
    "wide",
    "tall",
    "large_cube",
    "empty",
    "empty_matrix",
    "single",
    "empty_integers",
    "break_before_dtype",
};

START_TEST(test_a_tensor_prints_as_in_torch)
{
    Recorded *recorded = recorded_load("torch_text.txt");
    g_autofree char *text_name = g_strdup_printf("text.%s", names[_i]);
    g_auto(GStrv) lines = g_strsplit(recorded_line(recorded, text_name), "\\n", -1);
    g_autofree char *expected = g_strjoinv("\n", lines);
    TorchLesson lesson;

    torch_lesson_open(&lesson, NULL, NULL);

    DdpTensor **slot = ddp_lua_tensor_slot(lesson.L);

    *slot = recorded_tensor(recorded, ddp_script_rank(lesson.L)->model, names[_i]);
    ck_assert_str_eq(luaL_tolstring(lesson.L, -1, NULL), expected);
    torch_lesson_close(&lesson);
    recorded_free(recorded);
}
END_TEST

START_TEST(test_a_tensor_says_what_autograd_knows_of_it)
{
    Recorded *recorded = recorded_load("torch_text.txt");
    g_autofree char *expected = g_strdup_printf(
        "%s\n%s\n%s\n", recorded_line(recorded, "text.leaf"),
        recorded_line(recorded, "text.computed"), recorded_line(recorded, "text.loss"));

    torch_lesson_prints("local leaf = tensor({ 1.0, 2.0 }, { requires_grad = true })\n"
                        "print(leaf) print(leaf + leaf) print((leaf * leaf):sum())\n",
                        expected);
    recorded_free(recorded);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("torch_text");
    TCase *text = tcase_create("text");

    tcase_add_loop_test(text, test_a_tensor_prints_as_in_torch, 0, G_N_ELEMENTS(names));
    tcase_add_test(text, test_a_tensor_says_what_autograd_knows_of_it);
    suite_add_tcase(suite, text);
    return ddp_test_main(suite);
}
