/* SPDX-License-Identifier: MIT */
#include "sim/train/hook_rules.h"
#include "tests/testutil.h"

#include <string.h>

/*
 * Every hook with every pair of levels, as Lightning's own table answers: the lines of
 * lightning_log_hooks.txt, "HOOK ON_STEP ON_EPOCH : STEP EPOCH" or "... : EXCEPTION text".
 */

static DdpLevel
level_of(const char *letter)
{
    if (strcmp(letter, "n") == 0)
        return DDP_LEVEL_UNSET;
    return strcmp(letter, "t") == 0 ? DDP_LEVEL_ON : DDP_LEVEL_OFF;
}

/* As a line says it; of an error only the exception's name. (transfer full) */
static char *
answer(const char *hook, DdpLevel on_step, DdpLevel on_epoch)
{
    const DdpHookRule *rule = ddp_hook_rule(hook);
    g_autoptr(GError) error = NULL;
    bool step, epoch;

    if (ddp_hook_rule_check(rule, hook, &error) &&
        ddp_hook_rule_levels(rule, on_step, on_epoch, &step, &epoch, &error))
        return g_strdup_printf("%c %c", step ? 't' : 'f', epoch ? 't' : 'f');
    ck_assert_msg(strstr(error->message, hook) != NULL, "no hook named in: %s", error->message);
    return g_strndup(error->message, strcspn(error->message, ":"));
}

START_TEST(test_every_hook_answers_as_lightning)
{
    g_autofree char *text = ddp_test_reference_read("lightning_log_hooks.txt");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    int compared = 0;

    for (int i = 0; lines[i] != NULL && *lines[i] != '\0'; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 6);
        g_autofree char *got = answer(words[0], level_of(words[1]), level_of(words[2]));
        g_autofree char *expected =
            strlen(words[4]) == 1 ? g_strdup_printf("%s %s", words[4], words[5]) : NULL;

        ck_assert_msg(strcmp(got, expected != NULL ? expected : words[4]) == 0, "%s: got %s",
                      lines[i], got);
        compared++;
    }
    ck_assert_int_ge(compared, 500);
}
END_TEST

START_TEST(test_a_refusal_says_which_option_and_what_is_possible)
{
    const DdpHookRule *rule = ddp_hook_rule("on_train_epoch_end");
    g_autoptr(GError) error = NULL;
    bool step, epoch;

    ck_assert(!ddp_hook_rule_levels(rule, DDP_LEVEL_UNSET, DDP_LEVEL_OFF, &step, &epoch, &error));
    ck_assert(g_error_matches(error, DDP_LOG_ERROR, DDP_LOG_ERROR_MISCONFIGURATION));
    ck_assert_str_eq(error->message,
                     "MisconfigurationException: self:log with on_epoch = false cannot be used in "
                     "the hook 'on_train_epoch_end', where on_epoch = true is the only value");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("hook_rules");
    TCase *tcase = tcase_create("rules");

    tcase_add_test(tcase, test_every_hook_answers_as_lightning);
    tcase_add_test(tcase, test_a_refusal_says_which_option_and_what_is_possible);
    suite_add_tcase(suite, tcase);
    return ddp_test_main(suite);
}
