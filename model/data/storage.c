/* SPDX-License-Identifier: MIT */
#include "model/data/storage.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "model/data/csv.h"
#include "model/data/data_file.h"
#include "model/data/dataset.h"
#include "model/data/idx.h"
#include "model/generator.h"

#define FASHION_MNIST_SIDE 28
#define CLASS_COUNT 10

#define FASHION_MNIST_ADVICE                                                                       \
    "wanted is the file of the Debian package dataset-fashion-mnist: apt-get install "             \
    "--reinstall dataset-fashion-mnist (DDPSIM_FASHION_MNIST names another folder)"
#define SHIPPED_ADVICE "wanted is the file that ddpsim ships in its folder data"

/* The seed of the permutation that parts the small sets; the header promises it. */
#define PART_SEED 0

static DdpStorage *
storage_new(const char *source)
{
    DdpStorage *storage = g_new0(DdpStorage, 1);

    storage->reference_count = 1;
    storage->source = g_strdup(source);
    return storage;
}

DdpStorage *
ddp_storage_ref(DdpStorage *storage)
{
    g_atomic_int_inc(&storage->reference_count);
    return storage;
}

void
ddp_storage_unref(DdpStorage *storage)
{
    if (!g_atomic_int_dec_and_test(&storage->reference_count))
        return;
    g_free(storage->source);
    g_free(storage->pixels);
    g_free(storage->measurements);
    g_free(storage->labels);
    g_free(storage->shuffled);
    g_free(storage);
}

/* Fashion-MNIST: two gzipped IDX files, one of images and one of labels. */

static bool
check_labels(const char *path, const uint8_t *labels, size_t count, GError **error)
{
    for (size_t i = 0; i < count; i++) {
        if (labels[i] >= CLASS_COUNT) {
            g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_DAMAGED,
                        "%s: label %u of item %zu, expected 0 to %d", path, labels[i], i,
                        CLASS_COUNT - 1);
            return false;
        }
    }
    return true;
}

static DdpStorage *
read_idx_pair(const char *images_path, const char *labels_path, size_t count_wanted, GError **error)
{
    static const uint32_t image_shape[] = {FASHION_MNIST_SIDE, FASHION_MNIST_SIDE};
    g_autoptr(DdpIdxReader) images = ddp_idx_reader_open(images_path, 2, image_shape, error);

    if (images == NULL)
        return NULL;

    g_autoptr(DdpIdxReader) labels = ddp_idx_reader_open(labels_path, 0, NULL, error);

    if (labels == NULL)
        return NULL;

    size_t count = ddp_idx_reader_count(images);

    if (ddp_idx_reader_count(labels) != count) {
        g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_DAMAGED,
                    "%s: holds %zu labels, expected %zu, one for each image of %s", labels_path,
                    ddp_idx_reader_count(labels), count, images_path);
        return NULL;
    }

    g_autoptr(DdpStorage) storage = storage_new(images_path);

    storage->complete = count_wanted == 0 || count_wanted >= count;
    if (!storage->complete)
        count = count_wanted;
    storage->count = count;
    storage->feature_count = (size_t)FASHION_MNIST_SIDE * FASHION_MNIST_SIDE;
    storage->labels = ddp_idx_reader_items(labels, count, error);
    if (storage->labels == NULL || !check_labels(labels_path, storage->labels, count, error))
        return NULL;
    storage->pixels = ddp_idx_reader_items(images, count, error);
    return storage->pixels != NULL ? g_steal_pointer(&storage) : NULL;
}

static DdpStorage *
read_fashion_mnist(const char *images_path, const char *prefix, size_t count_wanted, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(images_path);
    g_autofree char *labels_name = g_strconcat(prefix, "-labels-idx1-ubyte.gz", NULL);
    g_autofree char *labels_path = g_build_filename(folder, labels_name, NULL);
    DdpStorage *storage = read_idx_pair(images_path, labels_path, count_wanted, error);

    if (storage == NULL)
        ddp_data_file_add_advice(error, FASHION_MNIST_ADVICE);
    return storage;
}

/* The shipped sets: a CSV with one column per feature and the label last. */

typedef struct {
    const char *file; /* below a data folder */
    size_t row_count;
    size_t feature_count;
    int label_max;
    int pixel_max; /* features are whole numbers 0 .. pixel_max; 0: any number */
} Shipped;

static const Shipped digits = {"digits/digits.csv", 1797, 64, 9, 16};
static const Shipped breast_cancer = {"breast_cancer/breast_cancer.csv", 569, 30, 1, 0};

static bool
check_whole(const char *path, const DdpCsv *csv, size_t row, size_t column, int max, GError **error)
{
    double value = csv->values[row * csv->column_count + column];

    if (value >= 0.0 && value <= (double)max && value == floor(value))
        return true;
    g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_DAMAGED,
                "%s:%zu: %g in column %s, expected a whole number from 0 to %d", path,
                ddp_csv_line(row), value, csv->column_names[column], max);
    return false;
}

static bool
check_csv(const char *path, const DdpCsv *csv, const Shipped *shipped, GError **error)
{
    if (csv->column_count != shipped->feature_count + 1) {
        g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_DAMAGED,
                    "%s:1: %zu columns, expected %zu", path, csv->column_count,
                    shipped->feature_count + 1);
        return false;
    }
    if (csv->row_count != shipped->row_count) {
        g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_DAMAGED,
                    "%s:%zu: the file ends after %zu rows, expected %zu", path,
                    ddp_csv_line(csv->row_count - 1), csv->row_count, shipped->row_count);
        return false;
    }
    for (size_t row = 0; row < csv->row_count; row++) {
        for (size_t i = 0; shipped->pixel_max > 0 && i < shipped->feature_count; i++) {
            if (!check_whole(path, csv, row, i, shipped->pixel_max, error))
                return false;
        }
        if (!check_whole(path, csv, row, shipped->feature_count, shipped->label_max, error))
            return false;
    }
    return true;
}

/* Takes the columns of a checked table apart. */
static void
fill_from_csv(DdpStorage *storage, const DdpCsv *csv, const Shipped *shipped)
{
    size_t features = shipped->feature_count;

    storage->count = csv->row_count;
    storage->complete = true;
    storage->feature_count = features;
    storage->labels = g_new(uint8_t, csv->row_count);
    if (shipped->pixel_max > 0)
        storage->pixels = g_new(uint8_t, csv->row_count * features);
    else
        storage->measurements = g_new(double, csv->row_count *features);

    for (size_t row = 0; row < csv->row_count; row++) {
        const double *values = csv->values + row * csv->column_count;

        storage->labels[row] = (uint8_t)values[features];
        if (storage->measurements != NULL)
            memcpy(storage->measurements + row * features, values, features * sizeof *values);
        for (size_t i = 0; storage->pixels != NULL && i < features; i++)
            storage->pixels[row * features + i] = (uint8_t)values[i];
    }
}

static DdpStorage *
read_shipped(const char *path, const Shipped *shipped, GError **error)
{
    g_autoptr(DdpCsv) csv = ddp_csv_read(path, error);

    if (csv == NULL || !check_csv(path, csv, shipped, error)) {
        ddp_data_file_add_advice(error, SHIPPED_ADVICE);
        return NULL;
    }

    g_autoptr(DdpGenerator) generator = ddp_generator_new(PART_SEED);
    DdpStorage *storage = storage_new(path);

    fill_from_csv(storage, csv, shipped);
    storage->shuffled = g_new(int64_t, storage->count);
    ddp_generator_randperm(generator, storage->shuffled, storage->count);
    return storage;
}

/* Which file an id stands for now: the environment may have changed. */

static char *
find_source(DdpStorageId id, GError **error)
{
    g_autofree char *folder = ddp_data_file_fashion_mnist_folder();

    switch (id) {
    case DDP_STORAGE_FASHION_MNIST_TRAIN:
        return g_build_filename(folder, "train-images-idx3-ubyte.gz", NULL);
    case DDP_STORAGE_FASHION_MNIST_TEST:
        return g_build_filename(folder, "t10k-images-idx3-ubyte.gz", NULL);
    case DDP_STORAGE_DIGITS:
        return ddp_data_file_find(digits.file, error);
    case DDP_STORAGE_BREAST_CANCER:
        return ddp_data_file_find(breast_cancer.file, error);
    }
    g_assert_not_reached();
}

static DdpStorage *
read_source(DdpStorageId id, const char *source, size_t count_wanted, GError **error)
{
    switch (id) {
    case DDP_STORAGE_FASHION_MNIST_TRAIN:
        return read_fashion_mnist(source, "train", count_wanted, error);
    case DDP_STORAGE_FASHION_MNIST_TEST:
        return read_fashion_mnist(source, "t10k", count_wanted, error);
    case DDP_STORAGE_DIGITS:
        return read_shipped(source, &digits, error);
    case DDP_STORAGE_BREAST_CANCER:
        return read_shipped(source, &breast_cancer, error);
    }
    g_assert_not_reached();
}

/*
 * The cache: one storage per id, the largest that was asked for. A smaller request is served from
 * it; a larger one, or another source, reads anew and takes its place.
 */

static struct {
    pthread_mutex_t lock; /* not a GMutex: the thread sanitizer does not see inside GLib */
    DdpStorage *slots[DDP_STORAGE_COUNT]; /* owned references, or NULL */
    unsigned reads;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool
slot_serves(DdpStorageId id, const char *source, size_t count_wanted)
{
    const DdpStorage *storage = cache.slots[id];

    return storage != NULL && strcmp(storage->source, source) == 0 &&
           (storage->complete || (count_wanted > 0 && count_wanted <= storage->count));
}

/* Under the lock. (transfer none) */
static DdpStorage *
look_up(DdpStorageId id, const char *source, size_t count_wanted, GError **error)
{
    if (slot_serves(id, source, count_wanted))
        return cache.slots[id];

    DdpStorage *storage = read_source(id, source, count_wanted, error);

    if (storage == NULL)
        return NULL;
    cache.reads++;
    g_clear_pointer(&cache.slots[id], ddp_storage_unref);
    cache.slots[id] = storage;
    return storage;
}

DdpStorage *
ddp_storage_get(DdpStorageId id, size_t count_wanted, GError **error)
{
    g_autofree char *source = find_source(id, error);

    if (source == NULL)
        return NULL;

    /* Held while reading, so that whoever asks meanwhile finds the result. */
    pthread_mutex_lock(&cache.lock);

    DdpStorage *storage = look_up(id, source, count_wanted, error);

    if (storage != NULL)
        ddp_storage_ref(storage);
    pthread_mutex_unlock(&cache.lock);
    return storage;
}

unsigned
ddp_storage_reads(void)
{
    pthread_mutex_lock(&cache.lock);

    unsigned reads = cache.reads;

    pthread_mutex_unlock(&cache.lock);
    return reads;
}

void
ddp_storage_forget(void)
{
    pthread_mutex_lock(&cache.lock);
    for (int i = 0; i < DDP_STORAGE_COUNT; i++)
        g_clear_pointer(&cache.slots[i], ddp_storage_unref);
    pthread_mutex_unlock(&cache.lock);
}
