/* SPDX-License-Identifier: MIT */
#include "tests/sim/audit/sample_record.h"

#include <math.h>

#include "sim/audit/audit.h"

#define RANKS 4
#define EPOCHS 3
#define IMAGES 10000

static const char *const keys[] = {"val_loss", "val_acc"};
/* What each rank's quarter gives; the whole gives the mean of the four. */
static const double parts[2][EPOCHS][RANKS] = {
    {{0.5071, 0.5236, 0.5402, 0.5128},
     {0.4302, 0.4521, 0.4467, 0.4655},
     {0.3987, 0.4213, 0.4391, 0.4188}},
    {{0.8188, 0.8092, 0.8040, 0.8136},
     {0.8472, 0.8364, 0.8396, 0.8304},
     {0.8596, 0.8500, 0.8416, 0.8520}},
};

static double
whole(int key, int epoch)
{
    double sum = 0.0;

    for (int rank = 0; rank < RANKS; rank++)
        sum += parts[key][epoch][rank];
    return sum / RANKS;
}

static DdpRunRecord *
start_record(const char *scenario, const char *variant, int index)
{
    DdpRunRecord *record = ddp_run_record_new();

    record->scenario = g_strdup(scenario);
    record->scenario_path = g_strconcat("scenarios/", scenario, ".lua", NULL);
    record->variant = g_strdup(variant);
    record->variant_index = index;
    record->seed = 42;
    record->engine = g_strdup("fibers");
    record->schedule = g_strdup("round_robin");
    record->backend = g_strdup("nccl");
    record->debug = g_strdup("verdict");
    record->size = RANKS;
    record->nodes = 1;
    record->nproc_per_node = RANKS;
    return record;
}

static void
log_and_audit(DdpRunRecord *record, DdpAudit *audit, const char *folder, int key, int epoch,
              int rank, double value, const char *site)
{
    DdpLogEntry entry = {epoch, value, rank, (char *)site};

    ddp_run_record_log(record, "tensorboard", folder, keys[key], &entry);
    ddp_audit_logged(audit, epoch, epoch, rank, keys[key], epoch, value, site);
}

static void
play_epoch(DdpRunRecord *record, DdpAudit *audit, SampleVariant variant, int epoch)
{
    for (int rank = 0; rank < RANKS; rank++) {
        for (int64_t image = rank; image < IMAGES; image += RANKS)
            ddp_audit_samples(audit, epoch, rank, IMAGES, &image, 1);
        if (variant == SAMPLE_REDUCED)
            ddp_audit_merged(audit, epoch, rank);
    }

    for (int key = 0; key < 2; key++) {
        ddp_audit_truth(audit, epoch, keys[key], epoch, whole(key, epoch));
        for (int rank = 0; rank < RANKS; rank++) {
            double own = parts[key][epoch][rank];

            if (variant == SAMPLE_EVERY_RANK)
                log_and_audit(record, audit, "every_rank", key, epoch, rank, own,
                              "scenarios/validation_one_over_world_size.lua:71");
            else if (rank == 0)
                log_and_audit(
                    record, audit, variant == SAMPLE_REDUCED ? "reduced" : "rank_zero_only", key,
                    epoch, rank, variant == SAMPLE_REDUCED ? whole(key, epoch) : own,
                    variant == SAMPLE_REDUCED ? "scenarios/validation_one_over_world_size.lua:93"
                                              : "scenarios/validation_one_over_world_size.lua:58");
        }
    }
}

DdpRunRecord *
sample_validation(SampleVariant variant)
{
    static const char *const names[] = {"rank_zero_only", "every_rank", "reduced"};
    DdpRunRecord *record =
        start_record("validation_one_over_world_size", names[variant], (int)variant);
    g_autoptr(DdpAudit) audit = ddp_audit_new(RANKS);

    record->title = g_strdup("Validation loss of one rank is not the validation loss");
    record->lesson = g_strdup("Each rank sees 1/world_size of the validation data. A value that "
                              "one rank logs is the value of its shard; reduce it over the ranks, "
                              "weighted by samples, before it is logged.");
    record->fixes = variant == SAMPLE_REDUCED ? g_strdup("rank_zero_only") : NULL;
    record->outcome = g_strdup("completed");
    record->virtual_time = 12.75;
    record->expected_met = 1;
    for (int rank = 0; rank < RANKS; rank++)
        ddp_run_record_add_rank(record, rank)->state = g_strdup("finished");
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        play_epoch(record, audit, variant, epoch);

    ddp_audit_finish(audit, record);
    return record;
}

static void
add_stuck_rank(DdpRunRecord *record, int rank, const char *collective, int line, int64_t seq)
{
    DdpRankRecord *stuck = ddp_run_record_add_rank(record, rank);

    stuck->state = g_strdup("blocked");
    stuck->collective = g_strdup(collective);
    stuck->group = g_strdup("world");
    stuck->seq = seq;
    stuck->site = g_strdup_printf("scenarios/guarded_all_gather.lua:%d", line);
    stuck->stack = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(stuck->stack, g_strdup_printf("%s in function 'main'", stuck->site));
    stuck->since_ns = 12000;
    stuck->signature = g_strdup(rank == 0 ? "float32[1]" : "");
    for (int other = 0; other < RANKS; other++)
        if ((rank == 0) == (other != 0))
            g_array_append_val(stuck->waiting_for, other);
}

DdpRunRecord *
sample_deadlock(void)
{
    DdpRunRecord *record = start_record("guarded_all_gather", "guarded", 0);

    record->title = g_strdup("all_gather behind a rank-0 guard");
    record->lesson = g_strdup("A collective must be called on every rank; put the guard around the "
                              "log call.");
    record->outcome = g_strdup("deadlock");
    record->virtual_time = 1.2e-5;
    record->expected_met = 1;
    add_stuck_rank(record, 0, "all_gather", 14, 0);
    for (int rank = 1; rank < RANKS; rank++)
        add_stuck_rank(record, rank, "barrier", 16, 0);

    DdpDiagnosisRecord *diagnosis = ddp_run_record_set_diagnosis(record, "missing_rank");
    int guilty = 0;

    diagnosis->summary = g_strdup("rank 0 waits in all_gather, ranks 1-3 wait in barrier");
    diagnosis->root_cause =
        g_strdup("only rank 0 calls all_gather at scenarios/guarded_all_gather.lua:14; ranks 1-3 "
                 "went past it to barrier at scenarios/guarded_all_gather.lua:16");
    diagnosis->real_job =
        g_strdup("With NCCL all 4 GPUs would hang until the watchdog's timeout of "
                 "10 minutes: 0.67 GPU-hours.");
    diagnosis->fix = g_strdup("Call all_gather on every rank and guard only the log call.");
    g_array_append_val(diagnosis->blamed, guilty);
    return record;
}

DdpRunRecord *
sample_with_everything(void)
{
    DdpRunRecord *record = sample_deadlock();

    g_free(record->title);
    record->title = g_strdup("hostile \"title\" \\ `id` $(id)\n@x {a^b} \x1b[31mred \xff\xfe end");
    record->fixes = g_strdup("broken");
    record->seed = UINT64_MAX;

    static const double values[] = {0.1,
                                    1e-300,
                                    -0.0,
                                    15.0,
                                    0.333333343267440796,
                                    (double)NAN,
                                    (double)INFINITY,
                                    -(double)INFINITY,
                                    1e22};

    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        DdpLogEntry entry = {(int64_t)i, values[i], (int)i % RANKS, (char *)"a.lua:1"};

        ddp_run_record_log(record, "csv", "logs/metrics.csv", "loss", &entry);
    }

    DdpAuditRow *row = ddp_run_record_add_audit(record);

    row->key = g_strdup("val_f1");
    row->epoch = -1;
    row->step = 300;
    row->logged = (double)NAN;
    row->samples = 450;
    row->of = 1797;
    row->duplicates = 3;
    row->site = g_strdup("a.lua:9");

    DdpFinding *finding = ddp_run_record_add_finding(record, "silent_pairing", "two calls met");
    int guilty = 2;

    finding->cls = g_strdup("swap");
    g_array_append_val(finding->ranks, guilty);
    g_array_append_val(finding->blamed, guilty);
    g_ptr_array_add(finding->sites, g_strdup("a.lua:3"));

    DdpDecision *decision = ddp_run_record_add_decision(record, "checkpoint");

    decision->epoch = 2;
    decision->took = g_strdup("epoch=2.ckpt");
    decision->true_would_take = g_strdup("epoch=1.ckpt");

    DdpCollectiveCount *count = g_new0(DdpCollectiveCount, 1);

    count->kind = g_strdup("all_gather");
    count->group = g_strdup("world");
    count->count = 3;
    count->bytes = 4096;
    g_ptr_array_add(record->collectives, count);
    g_ptr_array_add(record->printed, g_strdup("0\tStrategy: no_reduce"));
    g_ptr_array_add(record->printed, g_strdup("said by nobody"));
    g_ptr_array_add(record->expected_failures, g_strdup("outcome: expected deadlock, found x"));
    record->expected_met = 0;
    return record;
}
