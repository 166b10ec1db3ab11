/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_hparams.h"

#include <string.h>

#include "sim/loggers/hparams.pb-c.h"

#define PLUGIN "hparams"

enum { TYPE_STRING = 1, TYPE_FLOAT64 = 3, STATUS_SUCCESS = 1 };

static bool
add_content(DdpEventWriter *writer, const char *tag, const Ddp__Tb__HparamsPluginData *data,
            double wall_time, GError **error)
{
    size_t size = ddp__tb__hparams_plugin_data__get_packed_size(data);
    g_autofree uint8_t *content = g_malloc(size);

    ddp__tb__hparams_plugin_data__pack(data, content);
    return ddp_event_writer_add_plugin_data(writer, tag, PLUGIN, content, size, wall_time, error);
}

static bool
add_experiment(DdpEventWriter *writer, const DdpHparamSet *set, double wall_time, GError **error)
{
    g_autofree Ddp__Tb__HparamInfo *infos = g_new(Ddp__Tb__HparamInfo, set->hparam_count);
    g_autofree Ddp__Tb__HparamInfo **info_list = g_new(Ddp__Tb__HparamInfo *, set->hparam_count);
    g_autofree Ddp__Tb__MetricName *names = g_new(Ddp__Tb__MetricName, set->metric_count);
    g_autofree Ddp__Tb__MetricInfo *metrics = g_new(Ddp__Tb__MetricInfo, set->metric_count);
    g_autofree Ddp__Tb__MetricInfo **metric_list = g_new(Ddp__Tb__MetricInfo *, set->metric_count);

    for (size_t i = 0; i < set->hparam_count; i++) {
        ddp__tb__hparam_info__init(&infos[i]);
        infos[i].name = (char *)set->hparams[i].name;
        infos[i].type = set->hparams[i].text != NULL ? TYPE_STRING : TYPE_FLOAT64;
        info_list[i] = &infos[i];
    }
    for (size_t i = 0; i < set->metric_count; i++) {
        ddp__tb__metric_name__init(&names[i]);
        names[i].tag = (char *)set->metrics[i].name;
        ddp__tb__metric_info__init(&metrics[i]);
        metrics[i].name = &names[i];
        metric_list[i] = &metrics[i];
    }

    Ddp__Tb__Experiment experiment = DDP__TB__EXPERIMENT__INIT;
    Ddp__Tb__HparamsPluginData data = DDP__TB__HPARAMS_PLUGIN_DATA__INIT;

    experiment.n_hparam_infos = set->hparam_count;
    experiment.hparam_infos = info_list;
    experiment.n_metric_infos = set->metric_count;
    experiment.metric_infos = metric_list;
    data.data_case = DDP__TB__HPARAMS_PLUGIN_DATA__DATA_EXPERIMENT;
    data.experiment = &experiment;
    return add_content(writer, "_hparams_/experiment", &data, wall_time, error);
}

static bool
add_session_start(DdpEventWriter *writer, const DdpHparamSet *set, double wall_time, GError **error)
{
    g_autofree Ddp__Tb__HparamValue *values = g_new(Ddp__Tb__HparamValue, set->hparam_count);
    g_autofree Ddp__Tb__HparamEntry *entries = g_new(Ddp__Tb__HparamEntry, set->hparam_count);
    g_autofree Ddp__Tb__HparamEntry **entry_list = g_new(Ddp__Tb__HparamEntry *, set->hparam_count);

    for (size_t i = 0; i < set->hparam_count; i++) {
        const DdpHparam *hparam = &set->hparams[i];

        ddp__tb__hparam_value__init(&values[i]);
        if (hparam->text != NULL) {
            values[i].kind_case = DDP__TB__HPARAM_VALUE__KIND_STRING_VALUE;
            values[i].string_value = (char *)hparam->text;
        } else {
            values[i].kind_case = DDP__TB__HPARAM_VALUE__KIND_NUMBER_VALUE;
            values[i].number_value = hparam->number;
        }
        ddp__tb__hparam_entry__init(&entries[i]);
        entries[i].key = (char *)hparam->name;
        entries[i].value = &values[i];
        entry_list[i] = &entries[i];
    }

    Ddp__Tb__SessionStart start = DDP__TB__SESSION_START__INIT;
    Ddp__Tb__HparamsPluginData data = DDP__TB__HPARAMS_PLUGIN_DATA__INIT;

    start.n_hparams = set->hparam_count;
    start.hparams = entry_list;
    data.data_case = DDP__TB__HPARAMS_PLUGIN_DATA__DATA_SESSION_START;
    data.session_start = &start;
    return add_content(writer, "_hparams_/session_start_info", &data, wall_time, error);
}

static bool
add_session_end(DdpEventWriter *writer, double wall_time, GError **error)
{
    Ddp__Tb__SessionEnd end = DDP__TB__SESSION_END__INIT;
    Ddp__Tb__HparamsPluginData data = DDP__TB__HPARAMS_PLUGIN_DATA__INIT;

    end.status = STATUS_SUCCESS;
    data.data_case = DDP__TB__HPARAMS_PLUGIN_DATA__DATA_SESSION_END;
    data.session_end = &end;
    return add_content(writer, "_hparams_/session_end_info", &data, wall_time, error);
}

static bool
check_utf8(const char *text, GError **error)
{
    if (text == NULL || g_utf8_validate(text, -1, NULL))
        return true;

    g_autofree char *shown = g_utf8_make_valid(text, (gssize)MIN(strlen(text), 80));

    g_set_error(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE,
                "the hyper-parameter text \"%s\" is not valid UTF-8", shown);
    return false;
}

static bool
check_set(const DdpHparamSet *set, GError **error)
{
    for (size_t i = 0; i < set->hparam_count; i++) {
        if (!check_utf8(set->hparams[i].name, error) || !check_utf8(set->hparams[i].text, error))
            return false;
    }
    for (size_t i = 0; i < set->metric_count; i++) {
        if (!check_utf8(set->metrics[i].name, error))
            return false;
    }
    return true;
}

/* Python's repr() of a float: the fewest digits that give it back, and a point at any rate. */
void
ddp_event_hparams_run_name(double wall_time, char name[DDP_HPARAMS_RUN_NAME_BYTES])
{
    for (int digits = 12; digits <= 17; digits++) {
        char format[8];

        g_snprintf(format, sizeof format, "%%.%dg", digits);
        g_ascii_formatd(name, DDP_HPARAMS_RUN_NAME_BYTES, format, wall_time);
        if (g_ascii_strtod(name, NULL) == wall_time)
            break;
    }
    if (strpbrk(name, ".e") == NULL)
        g_strlcat(name, ".0", DDP_HPARAMS_RUN_NAME_BYTES);
}

bool
ddp_event_hparams_add(DdpEventWriter *writer, const DdpHparamSet *set, double wall_time,
                      GError **error)
{
    g_return_val_if_fail(writer != NULL && set != NULL, false);
    g_return_val_if_fail(error == NULL || *error == NULL, false);

    return check_set(set, error) && add_experiment(writer, set, wall_time, error) &&
           add_session_start(writer, set, wall_time, error) &&
           add_session_end(writer, wall_time, error);
}

bool
ddp_event_hparams_write_run(const DdpEventWriterSpec *spec, const DdpHparamSet *set,
                            uint64_t *bytes, GError **error)
{
    g_return_val_if_fail(spec != NULL && set != NULL, false);
    g_return_val_if_fail(error == NULL || *error == NULL, false);

    if (!check_set(set, error))
        return false;

    g_autoptr(DdpEventWriter) writer = ddp_event_writer_new(spec, error);

    if (writer == NULL || !ddp_event_hparams_add(writer, set, spec->wall_time, error))
        return false;
    for (size_t i = 0; i < set->metric_count; i++) {
        const DdpHparamMetric *metric = &set->metrics[i];

        if (!ddp_event_writer_add_scalar(writer, metric->name, metric->value, 0, spec->wall_time,
                                         error))
            return false;
    }
    if (!ddp_event_writer_close(writer, error))
        return false;
    if (bytes != NULL)
        *bytes = ddp_event_writer_bytes(writer);
    return true;
}
