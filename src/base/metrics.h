/* Figures of a running process: counters, gauges and histograms in tables, printed as Prometheus text
 * (exposition format 0.0.4).
 *
 *     static struct metric table[] = {
 *         {.name = "streamspace_commands_sent_total", .help = "Commands sent to agents.", .type =
 * METRIC_COUNTER},
 *     };
 *     metric_add(&table[0], 1);
 *
 * Changing and reading is lock-free and may be done from any thread.
 */
#ifndef SS_BASE_METRICS_H
#define SS_BASE_METRICS_H

#include "base/str.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_BUCKETS                                                                                       \
    14 /* 0.5 ms, 1, 2.5, 5, 10, 25, 50, 100, 250, 500 ms, 1, 2.5, 10, 60 s; above: +Inf                     \
        */

struct metric {
    const char *name;
    const char *help;
    enum metric_type type;
    const char *label; /* `method="GET",code="200"` or NULL; rows of one name stand together in the table */
    _Atomic int64_t value;
    /* Histograms: durations. */
    _Atomic uint64_t buckets[METRIC_BUCKETS + 1];
    _Atomic uint64_t sum_us;
};

static inline void metric_add(struct metric *metric, int64_t amount) {
    atomic_fetch_add_explicit(&metric->value, amount, memory_order_relaxed);
}
static inline void metric_set(struct metric *metric, int64_t value) {
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}
static inline int64_t metric_get(const struct metric *metric) {
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}
/* Counts a duration in a histogram. */
void metric_observe_us(struct metric *metric, int64_t microseconds);

/* Appends the table as text: # HELP, # TYPE, samples. */
void metrics_print(struct strbuf *text, const struct metric *table, size_t count);

#endif
