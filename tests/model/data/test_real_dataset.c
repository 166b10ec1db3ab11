/* SPDX-License-Identifier: MIT */

/*
 * The real data sets against figures that scikit-learn, numpy and torch gave for them
 * (tests/reference/data_record.py).
 */
#include <math.h>
#include <string.h>

#include "model/data/real_dataset.h"
#include "tests/testutil.h"

#define FEATURES_MAX 784

/* The words behind "NAME " on its line of data_figures.txt. */
static char **
figures(const char *name)
{
    g_autofree char *text = ddp_test_reference_read("data_figures.txt");
    g_autofree char *start = g_strdup_printf("\n%s ", name);
    const char *found = strstr(text, start);

    ck_assert_msg(found != NULL, "no figures for '%s'", name);
    found += strlen(start);

    g_autofree char *line = g_strndup(found, strcspn(found, "\n"));

    return g_strsplit(line, " ", -1);
}

static DdpDataset *
open_spec(const DdpRealDatasetSpec *spec)
{
    g_autoptr(GError) error = NULL;
    DdpDataset *dataset = ddp_real_dataset_open(spec, &error);

    ck_assert_no_error(error);
    return dataset;
}

static DdpDataset *
open_part(const char *name, DdpPart part)
{
    DdpRealDatasetSpec spec = ddp_real_dataset_spec_default(name);

    spec.part = part;
    return open_spec(&spec);
}

static void
get_sample(const DdpDataset *dataset, int64_t index, float *x, int64_t *y)
{
    ddp_dataset_gather(dataset, 0, &index, 1, x);
    ddp_dataset_gather(dataset, 1, &index, 1, y);
}

static int64_t
label_of(const DdpDataset *dataset, size_t index)
{
    int64_t at = (int64_t)index;
    int64_t label;

    ddp_dataset_gather(dataset, 1, &at, 1, &label);
    return label;
}

/* "178 182 ...": how many samples each class has. */
static char *
class_counts(const DdpDataset *dataset)
{
    int counts[10] = {0};
    int classes = 0;
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < ddp_dataset_size(dataset); i++) {
        int64_t label = label_of(dataset, i);

        ck_assert(label >= 0 && label < 10);
        counts[label]++;
        classes = MAX(classes, (int)label + 1);
    }
    for (int i = 0; i < classes; i++)
        g_string_append_printf(text, "%s%d", i > 0 ? " " : "", counts[i]);
    return g_string_free(text, FALSE);
}

/* Every feature as the file has it, its scale taken back: the sum of all of them. */
static int64_t
pixel_sum(const DdpDataset *dataset, float scale)
{
    float x[FEATURES_MAX];
    size_t width = ddp_column_numel(ddp_dataset_column(dataset, 0));
    int64_t sum = 0;

    for (size_t i = 0; i < ddp_dataset_size(dataset); i++) {
        int64_t at = (int64_t)i;

        ddp_dataset_gather(dataset, 0, &at, 1, x);
        for (size_t j = 0; j < width; j++)
            sum += lrintf(x[j] * scale);
    }
    return sum;
}

static void
assert_rows_as_recorded(const DdpDataset *dataset, const char *name, const int *rows,
                        size_t row_count, float scale)
{
    float x[FEATURES_MAX];
    int64_t label;
    size_t width = ddp_column_numel(ddp_dataset_column(dataset, 0));

    for (size_t r = 0; r < row_count; r++) {
        g_autofree char *key = g_strdup_printf("%s row %d", name, rows[r]);
        g_auto(GStrv) words = figures(key);

        ck_assert_uint_eq(g_strv_length(words), width + 1);
        get_sample(dataset, rows[r], x, &label);
        for (size_t j = 0; j < width; j++) {
            /* One rounding to float32, as torch.tensor(..., dtype=torch.float32) does. */
            float wanted = (float)g_ascii_strtod(words[j], NULL);

            ck_assert_msg(x[j] == wanted / scale, "%s feature %zu: %.9g, expected %.9g", key, j,
                          (double)x[j], (double)(wanted / scale));
        }
        ck_assert_int_eq(label, atoi(words[width]));
    }
}

START_TEST(test_digits_are_those_of_scikit_learn)
{
    static const int rows[] = {0, 1, 898, 1796};
    g_autoptr(DdpDataset) digits = open_part("digits", DDP_PART_ALL);
    g_auto(GStrv) counts = figures("digits class_counts");
    g_auto(GStrv) sum = figures("digits pixel_sum");
    g_autofree char *counts_wanted = g_strjoinv(" ", counts);
    g_autofree char *counts_got = class_counts(digits);

    ck_assert_uint_eq(ddp_dataset_size(digits), 1797);
    ck_assert_str_eq(counts_got, counts_wanted);
    ck_assert_int_eq(pixel_sum(digits, 16.0f), atoll(sum[0]));
    assert_rows_as_recorded(digits, "digits", rows, G_N_ELEMENTS(rows), 16.0f);
}
END_TEST

START_TEST(test_breast_cancer_is_that_of_scikit_learn_with_malignant_as_1)
{
    static const int rows[] = {0, 1, 284, 568};
    g_autoptr(DdpDataset) cancer = open_part("breast_cancer", DDP_PART_ALL);
    g_autofree char *counts = class_counts(cancer);

    ck_assert_uint_eq(ddp_dataset_size(cancer), 569);
    ck_assert_str_eq(counts, "357 212");
    ck_assert_int_eq(label_of(cancer, 0), 1); /* the first sample is malignant */
    assert_rows_as_recorded(cancer, "breast_cancer", rows, G_N_ELEMENTS(rows), 1.0f);
}
END_TEST

static void
assert_part(const char *name, DdpPart part, const char *part_name)
{
    g_autofree char *key = g_strdup_printf("%s part %s", name, part_name);
    g_auto(GStrv) words = figures(key); /* size, class counts, first indices */
    g_autoptr(DdpDataset) whole = open_part(name, DDP_PART_ALL);
    g_autoptr(DdpDataset) parted = open_part(name, part);
    g_autofree char *counts = class_counts(parted);
    g_auto(GStrv) count_words = g_strsplit(counts, " ", -1);
    guint classes = g_strv_length(count_words);
    float got[FEATURES_MAX], wanted[FEATURES_MAX];
    int64_t label_got, label_wanted;
    size_t width = ddp_column_numel(ddp_dataset_column(whole, 0));

    ck_assert_uint_eq(ddp_dataset_size(parted), (size_t)atoll(words[0]));
    for (guint i = 0; i < classes; i++)
        ck_assert_str_eq(count_words[i], words[1 + i]);
    for (int i = 0; words[1 + classes + (guint)i] != NULL; i++) {
        get_sample(parted, i, got, &label_got);
        get_sample(whole, atoll(words[1 + classes + (guint)i]), wanted, &label_wanted);
        ck_assert_mem_eq(got, wanted, width * sizeof *got);
        ck_assert_int_eq(label_got, label_wanted);
    }
}

START_TEST(test_small_sets_are_parted_by_the_permutation_of_seed_0)
{
    assert_part("digits", DDP_PART_TRAIN, "train");
    assert_part("digits", DDP_PART_TEST, "test");
    assert_part("breast_cancer", DDP_PART_TRAIN, "train");
    assert_part("breast_cancer", DDP_PART_TEST, "test");
}
END_TEST

START_TEST(test_standardize_is_that_of_scikit_learn_fitted_on_the_train_part)
{
    static const struct {
        DdpPart part;
        const char *name;
        int rows[3];
    } cases[] = {
        {DDP_PART_ALL, "all", {0, 1, 568}},
        {DDP_PART_TRAIN, "train", {0, 1, 454}},
        {DDP_PART_TEST, "test", {0, 1, 113}},
    };

    for (size_t c = 0; c < G_N_ELEMENTS(cases); c++) {
        DdpRealDatasetSpec spec = ddp_real_dataset_spec_default("breast_cancer");

        spec.part = cases[c].part;
        spec.standardize = true;

        g_autoptr(DdpDataset) dataset = open_spec(&spec);

        for (int r = 0; r < 3; r++) {
            g_autofree char *key =
                g_strdup_printf("breast_cancer scaled %s %d", cases[c].name, cases[c].rows[r]);
            g_auto(GStrv) words = figures(key);
            float x[FEATURES_MAX];
            int64_t label;

            get_sample(dataset, cases[c].rows[r], x, &label);
            for (int j = 0; j < 30; j++) {
                double wanted = g_ascii_strtod(words[j], NULL);

                /* numpy sums in another order: double rounding, then one to float32. */
                ck_assert_msg(fabs((double)x[j] - wanted) <= 1e-7 * MAX(fabs(wanted), 1.0),
                              "%s feature %d: %.9g, expected %.9g", key, j, (double)x[j], wanted);
            }
        }
    }
}
END_TEST

/* The scale of the train part stays the same however few of its samples are shown. */
START_TEST(test_a_limit_does_not_change_the_scale)
{
    DdpRealDatasetSpec spec = ddp_real_dataset_spec_default("breast_cancer");
    float limited[FEATURES_MAX], full[FEATURES_MAX];
    int64_t label;

    spec.part = DDP_PART_TRAIN;
    spec.standardize = true;

    g_autoptr(DdpDataset) all = open_spec(&spec);

    spec.limit = 10;

    g_autoptr(DdpDataset) few = open_spec(&spec);

    ck_assert_uint_eq(ddp_dataset_size(few), 10);
    get_sample(few, 9, limited, &label);
    get_sample(all, 9, full, &label);
    ck_assert_mem_eq(limited, full, 30 * sizeof(float));
}
END_TEST

static void
assert_fashion_mnist(DdpPart part, const char *name, const int *rows)
{
    g_autofree char *sum_key = g_strdup_printf("%s pixel_sum", name);
    g_autofree char *first_key = g_strdup_printf("%s first_labels", name);
    g_autofree char *counts_key = g_strdup_printf("%s class_counts", name);
    g_auto(GStrv) sum = figures(sum_key);
    g_auto(GStrv) first = figures(first_key);
    g_auto(GStrv) counts = figures(counts_key);
    g_autoptr(DdpDataset) dataset = open_part("fashion_mnist", part);
    g_autofree char *counts_got = class_counts(dataset);
    g_autofree char *counts_wanted = g_strjoinv(" ", counts);

    ck_assert_str_eq(counts_got, counts_wanted);
    ck_assert_int_eq(pixel_sum(dataset, 255.0f), atoll(sum[0]));
    for (guint i = 0; first[i] != NULL; i++)
        ck_assert_int_eq(label_of(dataset, i), atoi(first[i]));
    assert_rows_as_recorded(dataset, name, rows, 3, 255.0f);
}

START_TEST(test_fashion_mnist_is_the_one_of_the_package)
{
    static const int train_rows[] = {0, 1, 59999};
    static const int test_rows[] = {0, 1, 9999};

    assert_fashion_mnist(DDP_PART_TRAIN, "fashion_mnist_train", train_rows);
    assert_fashion_mnist(DDP_PART_TEST, "fashion_mnist_test", test_rows);
}
END_TEST

/* Every value that a byte can take appears in the test part; its float must have torch's bits. */
static void
assert_scaling(const char *set, DdpPart part, int scale, bool normalize, float mean, float std,
               const char *key)
{
    g_auto(GStrv) words = figures(key);
    DdpRealDatasetSpec spec = ddp_real_dataset_spec_default(set);
    bool seen[256] = {false};
    float plain[FEATURES_MAX], scaled[FEATURES_MAX];

    ck_assert_uint_eq(g_strv_length(words), (guint)scale + 1);
    spec.part = part;

    g_autoptr(DdpDataset) before = open_spec(&spec);

    spec.normalize = normalize;
    spec.mean = mean;
    spec.std = std;

    g_autoptr(DdpDataset) after = open_spec(&spec);
    size_t width = ddp_column_numel(ddp_dataset_column(before, 0));

    for (int64_t i = 0; i < 1000 && i < (int64_t)ddp_dataset_size(before); i++) {
        ddp_dataset_gather(before, 0, &i, 1, plain);
        ddp_dataset_gather(after, 0, &i, 1, scaled);
        for (size_t j = 0; j < width; j++) {
            int byte = (int)lrintf(plain[j] * (float)scale);
            uint32_t bits;

            memcpy(&bits, &scaled[j], sizeof bits);
            ck_assert_msg(bits == strtoul(words[byte], NULL, 16), "byte %d: %08x, expected %s",
                          byte, bits, words[byte]);
            seen[byte] = true;
        }
    }
    for (int i = 0; i <= scale; i++)
        ck_assert_msg(seen[i], "no pixel has the value %d", i);
}

START_TEST(test_pixels_become_the_floats_of_torchvision)
{
    assert_scaling("fashion_mnist", DDP_PART_TEST, 255, false, 0.0f, 1.0f, "bytes scaling 255 0 0");
    assert_scaling("fashion_mnist", DDP_PART_TEST, 255, true, 0.2860f, 0.3530f,
                   "bytes scaling 255 0.286 0.353");
    assert_scaling("digits", DDP_PART_ALL, 16, false, 0.0f, 1.0f, "bytes scaling 16 0 0");
    assert_scaling("digits", DDP_PART_ALL, 16, true, 0.5f, 0.25f, "bytes scaling 16 0.5 0.25");
}
END_TEST

START_TEST(test_flatten_changes_the_shape_only)
{
    DdpRealDatasetSpec spec = ddp_real_dataset_spec_default("fashion_mnist");

    spec.limit = 3;

    g_autoptr(DdpDataset) square = open_spec(&spec);

    spec.flatten = true;

    g_autoptr(DdpDataset) flat = open_spec(&spec);
    const DdpColumn *shaped = ddp_dataset_column(square, 0);
    const DdpColumn *flattened = ddp_dataset_column(flat, 0);
    float a[FEATURES_MAX], b[FEATURES_MAX];
    int64_t label;

    ck_assert_int_eq(shaped->ndim, 3);
    ck_assert_int_eq(shaped->shape[0], 1);
    ck_assert_int_eq(shaped->shape[1], 28);
    ck_assert_int_eq(shaped->shape[2], 28);
    ck_assert_int_eq(flattened->ndim, 1);
    ck_assert_int_eq(flattened->shape[0], 784);
    get_sample(square, 2, a, &label);
    get_sample(flat, 2, b, &label);
    ck_assert_mem_eq(a, b, sizeof a);
}
END_TEST

START_TEST(test_files_are_read_once_however_many_sets_are_made)
{
    DdpRealDatasetSpec spec = ddp_real_dataset_spec_default("fashion_mnist");
    unsigned before = ddp_real_dataset_reads();

    spec.limit = 64;

    g_autoptr(DdpDataset) first = open_spec(&spec);

    spec.limit = 32;
    spec.flatten = true;

    g_autoptr(DdpDataset) smaller = open_spec(&spec);

    ck_assert_uint_eq(ddp_real_dataset_reads(), before + 1);
    spec.limit = 65;

    g_autoptr(DdpDataset) larger = open_spec(&spec);
    g_autoptr(DdpDataset) again = open_spec(&spec);

    ck_assert_uint_eq(ddp_real_dataset_reads(), before + 2);
    ck_assert_uint_eq(ddp_dataset_size(first), 64);
    ck_assert_uint_eq(ddp_dataset_size(smaller), 32);
    ck_assert_uint_eq(ddp_dataset_size(larger), 65);
    ck_assert_int_eq(label_of(first, 63), label_of(larger, 63));
    ck_assert_int_eq(label_of(again, 64), label_of(larger, 64));
}
END_TEST

static void *
open_from_thread(void *unused)
{
    (void)unused;
    return open_part("digits", DDP_PART_TRAIN);
}

START_TEST(test_threads_that_ask_at_once_share_one_reading)
{
    GThread *threads[8];
    unsigned before = ddp_real_dataset_reads();

    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("rank", open_from_thread, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
        DdpDataset *dataset = g_thread_join(threads[i]);

        ck_assert_uint_eq(ddp_dataset_size(dataset), 1437);
        ddp_dataset_unref(dataset);
    }
    ck_assert_uint_eq(ddp_real_dataset_reads(), before + 1);
}
END_TEST

START_TEST(test_a_set_in_use_survives_being_forgotten)
{
    g_autoptr(DdpDataset) digits = open_part("digits", DDP_PART_ALL);

    ddp_real_dataset_forget();
    ck_assert_int_eq(label_of(digits, 1796), 8);
}
END_TEST

START_TEST(test_options_that_make_no_sense_are_refused)
{
    static const struct {
        DdpRealDatasetSpec spec;
        const char *message;
    } cases[] = {
        {{.name = "mnist"}, "no data set 'mnist', expected fashion_mnist, digits or breast_cancer"},
        {{.name = "fashion_mnist", .part = DDP_PART_ALL},
         "FashionMNIST: comes as a train and a test part, choose one"},
        {{.name = "breast_cancer", .normalize = true, .std = 1.0f},
         "BreastCancer: holds measurements, not pixels: use standardize instead of normalize"},
        {{.name = "digits", .standardize = true},
         "Digits: holds pixels, not measurements: use normalize instead of standardize"},
        {{.name = "digits", .normalize = true, .std = 0.0f},
         "Digits: normalize needs a finite mean and a std above 0"},
        {{.name = "digits", .normalize = true, .std = 1.0f, .mean = NAN},
         "Digits: normalize needs a finite mean and a std above 0"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        ck_assert_ptr_null(ddp_real_dataset_open(&cases[i].spec, &error));
        ck_assert(g_error_matches(error, DDP_DATA_ERROR, DDP_DATA_ERROR_VALUE));
        ck_assert_str_eq(error->message, cases[i].message);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("real_dataset");
    TCase *recorded = tcase_create("recorded");
    TCase *sharing = tcase_create("sharing");
    TCase *misuse = tcase_create("misuse");

    tcase_add_test(recorded, test_digits_are_those_of_scikit_learn);
    tcase_add_test(recorded, test_breast_cancer_is_that_of_scikit_learn_with_malignant_as_1);
    tcase_add_test(recorded, test_small_sets_are_parted_by_the_permutation_of_seed_0);
    tcase_add_test(recorded, test_standardize_is_that_of_scikit_learn_fitted_on_the_train_part);
    tcase_add_test(recorded, test_a_limit_does_not_change_the_scale);
    tcase_add_test(recorded, test_fashion_mnist_is_the_one_of_the_package);
    tcase_add_test(recorded, test_pixels_become_the_floats_of_torchvision);
    tcase_add_test(recorded, test_flatten_changes_the_shape_only);
    suite_add_tcase(suite, recorded);

    tcase_add_test(sharing, test_files_are_read_once_however_many_sets_are_made);
    tcase_add_test(sharing, test_threads_that_ask_at_once_share_one_reading);
    tcase_add_test(sharing, test_a_set_in_use_survives_being_forgotten);
    suite_add_tcase(suite, sharing);

    tcase_add_test(misuse, test_options_that_make_no_sense_are_refused);
    suite_add_tcase(suite, misuse);

    return ddp_test_main(suite);
}
