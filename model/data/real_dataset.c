/* SPDX-License-Identifier: MIT */
#include "model/data/real_dataset.h"

#include <math.h>
#include <string.h>

#include "model/data/dataset_kind.h"
#include "model/data/storage.h"

enum { FEATURES, LABELS, COLUMN_COUNT };

typedef struct {
    DdpDataset base;
    DdpStorage *storage;   /* owned reference */
    const int64_t *chosen; /* into the storage, borrowed from it; NULL: the samples as they lie */
    DdpColumn columns[COLUMN_COUNT];
    float divisor; /* of a pixel */
    bool shifted;  /* whether mean and std apply to a pixel */
    float mean;
    float std;
    double *column_scales; /* owned; mean and std of each measurement, or NULL */
} RealDataset;

static const struct {
    const char *name;  /* as asked for */
    const char *title; /* for people */
    DdpStorageId train;
    DdpStorageId test; /* the same as `train` if there is but one file */
    int side;          /* of a square image; 0: measurements */
    float pixel_max;
} catalogue[] = {
    {"fashion_mnist", "FashionMNIST", DDP_STORAGE_FASHION_MNIST_TRAIN,
     DDP_STORAGE_FASHION_MNIST_TEST, 28, 255.0f},
    {"digits", "Digits", DDP_STORAGE_DIGITS, DDP_STORAGE_DIGITS, 8, 16.0f},
    {"breast_cancer", "BreastCancer", DDP_STORAGE_BREAST_CANCER, DDP_STORAGE_BREAST_CANCER, 0,
     0.0f},
};

/* Index into the catalogue, or -1. */
static int
catalogue_find(const char *name)
{
    for (int i = 0; i < (int)G_N_ELEMENTS(catalogue); i++) {
        if (strcmp(catalogue[i].name, name) == 0)
            return i;
    }
    return -1;
}

static bool
is_in_two_files(int entry)
{
    return catalogue[entry].train != catalogue[entry].test;
}

/*
 * The inner loops. A division and not a product with the reciprocal, because torchvision's ToTensor
 * divides; likewise Normalize subtracts and then divides, with a rounding each.
 */

static void
scale_row(float *restrict out, const uint8_t *restrict pixels, size_t count, float divisor)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (float)pixels[i] / divisor;
}

static void
scale_and_shift_row(float *restrict out, const uint8_t *restrict pixels, size_t count,
                    float divisor, float mean, float std)
{
    for (size_t i = 0; i < count; i++)
        out[i] = ((float)pixels[i] / divisor - mean) / std;
}

static void
measure_row(float *restrict out, const double *restrict values, size_t count,
            const double *restrict scales)
{
    for (size_t i = 0; i < count; i++) {
        double value = scales != NULL ? (values[i] - scales[2 * i]) / scales[2 * i + 1] : values[i];

        out[i] = (float)value;
    }
}

/* Shuffled rows lie anywhere in 47 MB: fetching the next one early more than halves the time. */
static void
prefetch_row(const uint8_t *pixels, size_t width)
{
    for (size_t i = 0; i < width; i += 64)
        __builtin_prefetch(pixels + i);
}

static size_t
row_of(const RealDataset *real, int64_t index)
{
    return (size_t)(real->chosen != NULL ? real->chosen[index] : index);
}

static void
gather_pixels(const RealDataset *real, const int64_t *indices, size_t count, float *out)
{
    size_t width = real->storage->feature_count;
    const uint8_t *pixels = real->storage->pixels;

    for (size_t k = 0; k < count; k++, out += width) {
        const uint8_t *row = pixels + row_of(real, indices[k]) * width;

        if (k + 1 < count)
            prefetch_row(pixels + row_of(real, indices[k + 1]) * width, width);
        if (real->shifted)
            scale_and_shift_row(out, row, width, real->divisor, real->mean, real->std);
        else
            scale_row(out, row, width, real->divisor);
    }
}

static void
gather_measurements(const RealDataset *real, const int64_t *indices, size_t count, float *out)
{
    size_t width = real->storage->feature_count;

    for (size_t k = 0; k < count; k++, out += width)
        measure_row(out, real->storage->measurements + row_of(real, indices[k]) * width, width,
                    real->column_scales);
}

static void
real_gather(const DdpDataset *dataset, int column, const int64_t *indices, size_t count, void *out)
{
    const RealDataset *real = (const RealDataset *)dataset;

    int64_t *labels = out;

    if (column == LABELS) {
        for (size_t k = 0; k < count; k++)
            labels[k] = real->storage->labels[row_of(real, indices[k])];
    } else if (real->storage->pixels != NULL) {
        gather_pixels(real, indices, count, out);
    } else {
        gather_measurements(real, indices, count, out);
    }
}

static void
real_destroy(DdpDataset *dataset)
{
    RealDataset *real = (RealDataset *)dataset;

    ddp_storage_unref(real->storage);
    g_free(real->column_scales);
    g_free(real);
}

/* Mean and population std of every measurement over the given samples, in their order. */
static double *
measure_scales(const DdpStorage *storage, const int64_t *chosen, size_t count)
{
    size_t width = storage->feature_count;
    double *scales = g_new0(double, 2 * width);

    for (size_t i = 0; i < width; i++) {
        double sum = 0.0;
        double square_sum = 0.0;

        for (size_t k = 0; k < count; k++)
            sum += storage->measurements[(chosen != NULL ? (size_t)chosen[k] : k) * width + i];

        double mean = sum / (double)count;

        for (size_t k = 0; k < count; k++) {
            size_t row = chosen != NULL ? (size_t)chosen[k] : k;
            double distance = storage->measurements[row * width + i] - mean;

            square_sum += distance * distance;
        }
        scales[2 * i] = mean;
        scales[2 * i + 1] = sqrt(square_sum / (double)count);
        if (scales[2 * i + 1] == 0.0) /* a constant column stays at 0, as in sklearn */
            scales[2 * i + 1] = 1.0;
    }
    return scales;
}

static void
set_columns(RealDataset *real, int side, bool flatten)
{
    DdpColumn *features = &real->columns[FEATURES];

    features->dtype = DDP_DTYPE_F32;
    if (side == 0 || flatten) {
        features->ndim = 1;
        features->shape[0] = (int64_t)real->storage->feature_count;
    } else {
        features->ndim = 3; /* channels, height, width */
        features->shape[0] = 1;
        features->shape[1] = side;
        features->shape[2] = side;
    }
    real->columns[LABELS].dtype = DDP_DTYPE_I64;
    real->columns[LABELS].ndim = 0;
}

static bool
check_spec(const DdpRealDatasetSpec *spec, int entry, GError **error)
{
    const char *wrong = NULL;

    if (entry < 0) {
        g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_VALUE,
                    "no data set '%s', expected fashion_mnist, digits or breast_cancer",
                    spec->name);
        return false;
    }
    if (spec->part == DDP_PART_ALL && is_in_two_files(entry))
        wrong = "comes as a train and a test part, choose one";
    else if (spec->normalize && catalogue[entry].side == 0)
        wrong = "holds measurements, not pixels: use standardize instead of normalize";
    else if (spec->standardize && catalogue[entry].side > 0)
        wrong = "holds pixels, not measurements: use normalize instead of standardize";
    else if (spec->normalize && !(isfinite(spec->mean) && isfinite(spec->std) && spec->std > 0.0f))
        wrong = "normalize needs a finite mean and a std above 0";
    if (wrong == NULL)
        return true;
    g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_VALUE, "%s: %s", catalogue[entry].title,
                wrong);
    return false;
}

/* Which samples of the storage make up the part; returns how many. */
static size_t
choose_part(RealDataset *real, DdpPart part, bool in_two_files)
{
    const DdpStorage *storage = real->storage;
    size_t train_count = storage->count * 4 / 5; /* rounded down */

    if (in_two_files || part == DDP_PART_ALL)
        return storage->count;
    if (part == DDP_PART_TRAIN) {
        real->chosen = storage->shuffled;
        return train_count;
    }
    real->chosen = storage->shuffled + train_count;
    return storage->count - train_count;
}

DdpRealDatasetSpec
ddp_real_dataset_spec_default(const char *name)
{
    int entry = catalogue_find(name);

    return (DdpRealDatasetSpec){
        .name = name,
        .part = entry >= 0 && is_in_two_files(entry) ? DDP_PART_TRAIN : DDP_PART_ALL,
        .std = 1.0f,
    };
}

DdpDataset *
ddp_real_dataset_open(const DdpRealDatasetSpec *spec, GError **error)
{
    static const DdpDatasetOps ops = {real_gather, real_destroy};
    int entry = catalogue_find(spec->name);

    if (!check_spec(spec, entry, error))
        return NULL;

    DdpStorageId id = spec->part == DDP_PART_TEST ? catalogue[entry].test : catalogue[entry].train;
    DdpStorage *storage = ddp_storage_get(id, spec->limit, error);

    if (storage == NULL)
        return NULL;

    RealDataset *real = g_new0(RealDataset, 1);

    real->storage = storage;
    real->divisor = catalogue[entry].pixel_max;
    real->shifted = spec->normalize;
    real->mean = spec->mean;
    real->std = spec->std;
    set_columns(real, catalogue[entry].side, spec->flatten);

    size_t size = choose_part(real, spec->part, is_in_two_files(entry));

    if (spec->standardize) {
        bool all = spec->part == DDP_PART_ALL;
        /* The train part comes first in the permutation; a test part is measured with its scale. */
        size_t train_count = spec->part == DDP_PART_TEST ? storage->count - size : size;

        real->column_scales = measure_scales(storage, all ? NULL : storage->shuffled, train_count);
    }
    if (spec->limit > 0)
        size = MIN(size, spec->limit);
    ddp_dataset_init(&real->base, &ops, catalogue[entry].title, size, real->columns, COLUMN_COUNT);
    return &real->base;
}

unsigned
ddp_real_dataset_reads(void)
{
    return ddp_storage_reads();
}

void
ddp_real_dataset_forget(void)
{
    ddp_storage_forget();
}
