#include "base/metrics.h"

#include <inttypes.h>

static const struct {
    int64_t us;
    const char *text;
} bounds[METRIC_BUCKETS] = {
    {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},
    {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},
    {1000000, "1"},   {2500000, "2.5"}, {10000000, "10"}, {60000000, "60"},
};

void metric_observe_us(struct metric *metric, int64_t microseconds) {
    if (microseconds < 0)
        microseconds = 0;
    size_t bucket = 0;
    while (bucket < METRIC_BUCKETS && microseconds > bounds[bucket].us)
        bucket++;
    atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->sum_us, (uint64_t)microseconds, memory_order_relaxed);
}

static void print_head(struct strbuf *text, const struct metric *metric) {
    static const char *const types[] = {"counter", "gauge", "histogram"};
    strbuf_printf(text, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
                  types[metric->type]);
}

static void print_histogram(struct strbuf *text, const struct metric *metric) {
    const char *label = metric->label ? metric->label : "";
    const char *comma = metric->label ? "," : "";
    uint64_t total = 0;
    for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
        total += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        strbuf_printf(text, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", metric->name, label, comma,
                      i < METRIC_BUCKETS ? bounds[i].text : "+Inf", total);
    }
    const char *open = metric->label ? "{" : "", *close = metric->label ? "}" : "";
    double sum = (double)atomic_load_explicit(&metric->sum_us, memory_order_relaxed) / 1e6;
    strbuf_printf(text, "%s_sum%s%s%s %.6f\n", metric->name, open, label, close, sum);
    strbuf_printf(text, "%s_count%s%s%s %" PRIu64 "\n", metric->name, open, label, close, total);
}

void metrics_print(struct strbuf *text, const struct metric *table, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct metric *metric = &table[i];
        if (i == 0 || !str_eq(table[i - 1].name, metric->name))
            print_head(text, metric);
        if (metric->type == METRIC_HISTOGRAM)
            print_histogram(text, metric);
        else if (metric->label)
            strbuf_printf(text, "%s{%s} %" PRId64 "\n", metric->name, metric->label, metric_get(metric));
        else
            strbuf_printf(text, "%s %" PRId64 "\n", metric->name, metric_get(metric));
    }
}
