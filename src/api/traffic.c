#include "api/traffic.h"

#include "base/cleanup.h"
#include "base/metrics.h"

#define CLASSES 5 /* 1xx … 5xx */

struct traffic {
    size_t rows;
    struct metric *requests;  /* rows * CLASSES */
    struct metric *durations; /* rows */
    struct strv labels;       /* owns what the metrics' labels point to */
};

static const char *keep(struct traffic *traffic, char *text) {
    _cleanup_free_ char *owned = text;
    strv_add(&traffic->labels, owned);
    return traffic->labels.items[traffic->labels.count - 1];
}

static void add_row(struct traffic *traffic, size_t row, const char *method, const char *pattern) {
    traffic->durations[row] = (struct metric){
        .name = "streamspace_http_request_duration_seconds",
        .help = "Time from a request's arrival to its answer, by route.",
        .type = METRIC_HISTOGRAM,
        .label = keep(traffic, str_format("method=\"%s\",route=\"%s\"", method, pattern)),
    };
    for (size_t i = 0; i < CLASSES; i++)
        traffic->requests[row * CLASSES + i] = (struct metric){
            .name = "streamspace_http_requests_total",
            .help = "Requests answered, by route and class of status.",
            .type = METRIC_COUNTER,
            .label = keep(traffic,
                          str_format("method=\"%s\",route=\"%s\",code=\"%zuxx\"", method, pattern, i + 1)),
        };
}

struct traffic *traffic_create(const struct route *table, size_t count, const char *const *extra) {
    struct traffic *traffic = mem_zalloc(sizeof *traffic);
    size_t extras = 0;
    while (extra[extras])
        extras++;
    traffic->rows = count + extras;
    traffic->requests = mem_zalloc(traffic->rows * CLASSES * sizeof *traffic->requests);
    traffic->durations = mem_zalloc(traffic->rows * sizeof *traffic->durations);
    for (size_t i = 0; i < count; i++)
        add_row(traffic, i, table[i].method, table[i].pattern);
    for (size_t i = 0; i < extras; i++)
        add_row(traffic, count + i, "", extra[i]);
    return traffic;
}

void traffic_destroy(struct traffic *traffic) {
    if (!traffic)
        return;
    free(traffic->requests);
    free(traffic->durations);
    strv_finish(&traffic->labels);
    free(traffic);
}

void traffic_count(struct traffic *traffic, size_t row, int status, int64_t microseconds) {
    if (row >= traffic->rows || status < 100 || status > 599)
        return;
    metric_add(&traffic->requests[row * CLASSES + (size_t)(status / 100 - 1)], 1);
    metric_observe_us(&traffic->durations[row], microseconds);
}

void traffic_print(const struct traffic *traffic, struct strbuf *text) {
    metrics_print(text, traffic->requests, traffic->rows * CLASSES);
    metrics_print(text, traffic->durations, traffic->rows);
}
