/* SPDX-License-Identifier: MIT */
/*
 * The set is only worth what its own two halves are: a program must come out as its difference
 * says, with the lines that were marked, and a report must get the marks that it deserves. Both are
 * shown here on reports made by hand.
 */
#include "tests/bugset/score.h"
#include "tests/testutil.h"

static Bugset *set;
static DdpRunRecord *record;
static BugsetScore score;
static GString *miss;

static const BugsetSpec two_sides = {
    .family = "kind",
    .name = "sample",
    .size = 3,
    .body = "-if r == $odd then\n"
            "-  dist.barrier() @A\n"
            "-else\n"
            "   $call @B\n"
            "-end\n"
            "+print(1)\n",
    .slots = {"odd", "2", "call", "dist.all_reduce(t)"},
    .classes = {"kind"},
    .blamed = 1 << 2,
};

static const char two_sides_text[] =
    "local function pieces(t, n)\n"
    "  local list = {}\n"
    "  for i = 1, n or dist.get_world_size() do list[i] = t:clone() end\n"
    "  return list\n"
    "end\n"
    "return {\n"
    "  title = \"kind/sample\",\n"
    "  world = { size = 3, backend = \"nccl\" },\n"
    "  limits = { steps = 3000000 },\n"
    "  variants = {\n"
    "    { name = \"wrong\",\n"
    "      main = function()\n"
    "        local r, p = dist.get_rank(), dist.get_world_size()\n"
    "        local t = torch.ones(4)\n"
    "        if r == 2 then\n"
    "          dist.barrier()\n"
    "        else\n"
    "          dist.all_reduce(t)\n"
    "        end\n"
    "      end },\n"
    "    { name = \"right\",\n"
    "      main = function()\n"
    "        local r, p = dist.get_rank(), dist.get_world_size()\n"
    "        local t = torch.ones(4)\n"
    "          dist.all_reduce(t)\n"
    "        print(1)\n"
    "      end },\n"
    "  },\n"
    "}\n"
    "-- wrong has to be called: kind; lines: 16 18; blamed: 2\n";

static void
setup(void)
{
    set = bugset_new();
    bugset_add(set, &two_sides);
    record = ddp_run_record_new();
    record->outcome = g_strdup("completed");
    score = (BugsetScore){0};
    miss = g_string_new(NULL);
}

static void
teardown(void)
{
    bugset_free(set);
    ddp_run_record_free(record);
    g_string_free(miss, TRUE);
}

static void
set_outcome(const char *outcome)
{
    g_free(record->outcome);
    record->outcome = g_strdup(outcome);
}

/* A rank that waits at @site, or has finished if that is NULL. */
static void
add_rank(int rank, const char *site)
{
    DdpRankRecord *row = ddp_run_record_add_rank(record, rank);

    row->state = g_strdup(site != NULL ? "blocked" : "finished");
    row->site = g_strdup(site);
}

/* The report that two_sides deserves. */
static void
add_best_report(int blamed)
{
    set_outcome("deadlock");
    add_rank(0, BUGSET_SHOWN ":18");
    add_rank(1, BUGSET_SHOWN ":18");
    add_rank(2, BUGSET_SHOWN ":16");
    g_array_append_val(ddp_run_record_set_diagnosis(record, "kind")->blamed, blamed);
}

static void
score_it(void)
{
    bugset_score_wrong(&score, bugset_program(set, 0), record, miss);
}

START_TEST(test_a_program_is_written_as_its_difference_says)
{
    ck_assert_str_eq(bugset_program(set, 0)->text, two_sides_text);
    ck_assert_str_eq(bugset_program(set, 0)->file, "kind-sample-nccl-3.lua");
}
END_TEST

START_TEST(test_the_best_report_is_perfect)
{
    add_best_report(2);
    score_it();
    ck_assert(bugset_score_is_perfect(&score));
    ck_assert_int_eq(score.wrong, 1);
    ck_assert_str_eq(miss->str, "");
}
END_TEST

START_TEST(test_silence_finds_nothing)
{
    score_it();
    ck_assert_int_eq(score.found + score.classed + score.lined + score.blamed, 0);
    ck_assert_str_eq(miss->str, "kind-sample-nccl-3.lua: expected kind; found outcome completed; "
                                "not shown: line 16 18\n");
}
END_TEST

START_TEST(test_another_class_is_found_but_not_classed)
{
    add_best_report(2);
    g_free(record->diagnosis->cls);
    record->diagnosis->cls = g_strdup("shape");
    score_it();
    ck_assert_int_eq(score.found, 1);
    ck_assert_int_eq(score.classed, 0);
    ck_assert_int_eq(score.lined, 1);
}
END_TEST

START_TEST(test_line_160_is_not_line_16)
{
    add_best_report(2);
    g_free(((DdpRankRecord *)record->ranks->pdata[2])->site);
    ((DdpRankRecord *)record->ranks->pdata[2])->site = g_strdup(BUGSET_SHOWN ":160");
    score_it();
    ck_assert_int_eq(score.lined, 0);
    ck_assert_int_eq(score.classed, 1);
}
END_TEST

START_TEST(test_the_wrong_rank_is_the_wrong_blame)
{
    add_best_report(1);
    score_it();
    ck_assert_int_eq(score.classed, 1);
    ck_assert_int_eq(score.blamed, 0);
    ck_assert_str_eq(miss->str, "kind-sample-nccl-3.lua: expected kind; found outcome deadlock, "
                                "class kind; blamed 1, expected 2\n");
}
END_TEST

START_TEST(test_a_silent_pairing_is_as_good_as_a_diagnosis)
{
    DdpFinding *finding = ddp_run_record_add_finding(record, "silent_pairing", "mixed");
    int blamed = 2;

    finding->cls = g_strdup("kind");
    g_array_append_val(finding->blamed, blamed);
    g_ptr_array_add(finding->sites, g_strdup(BUGSET_SHOWN ":16"));
    g_ptr_array_add(finding->sites, g_strdup(BUGSET_SHOWN ":18"));
    score_it();
    ck_assert(bugset_score_is_perfect(&score));
}
END_TEST

START_TEST(test_other_findings_class_nothing)
{
    ddp_run_record_add_finding(record, "never_waited", "dropped")->cls = g_strdup("kind");
    score_it();
    ck_assert_int_eq(score.found, 1);
    ck_assert_int_eq(score.classed, 0);
}
END_TEST

START_TEST(test_anything_said_of_a_right_program_is_noise)
{
    bugset_score_right(&score, bugset_program(set, 0), record, miss);
    ck_assert_int_eq(score.noisy, 0);
    ddp_run_record_add_finding(record, "never_waited", "dropped");
    bugset_score_right(&score, bugset_program(set, 0), record, miss);
    ck_assert_int_eq(score.noisy, 1);
    ck_assert(!bugset_score_is_perfect(&score));
}
END_TEST

START_TEST(test_the_fewer_are_blamed_and_nobody_when_even)
{
    ck_assert_uint_eq(bugset_fewer(1, 2), 0);
    ck_assert_uint_eq(bugset_fewer(1, 3), 1);
    ck_assert_uint_eq(bugset_fewer(6, 3), 1);
    ck_assert_uint_eq(bugset_fewer(5, 4), 0);
    ck_assert_uint_eq(bugset_fewer(0x7f, 8), 0x80);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("bugset_score");
    TCase *core = tcase_create("core");

    tcase_add_checked_fixture(core, setup, teardown);
    tcase_add_test(core, test_a_program_is_written_as_its_difference_says);
    tcase_add_test(core, test_the_best_report_is_perfect);
    tcase_add_test(core, test_silence_finds_nothing);
    tcase_add_test(core, test_another_class_is_found_but_not_classed);
    tcase_add_test(core, test_line_160_is_not_line_16);
    tcase_add_test(core, test_the_wrong_rank_is_the_wrong_blame);
    tcase_add_test(core, test_a_silent_pairing_is_as_good_as_a_diagnosis);
    tcase_add_test(core, test_other_findings_class_nothing);
    tcase_add_test(core, test_anything_said_of_a_right_program_is_noise);
    tcase_add_test(core, test_the_fewer_are_blamed_and_nobody_when_even);
    suite_add_tcase(suite, core);
    return ddp_test_main(suite);
}
