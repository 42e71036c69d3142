#include "../test.h"

#include "base/cleanup.h"
#include "base/metrics.h"

static void tables_print_as_prometheus_text(void **state) {
    struct metric table[] = {
        {.name = "a_total", .help = "As.", .type = METRIC_COUNTER, .label = "kind=\"x\""},
        {.name = "a_total", .help = "As.", .type = METRIC_COUNTER, .label = "kind=\"y\""},
        {.name = "b", .help = "Bs.", .type = METRIC_GAUGE},
    };
    metric_add(&table[0], 2);
    metric_add(&table[1], 3);
    metric_set(&table[2], -4);
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(4096);
    metrics_print(&text, table, ARRAY_SIZE(table));
    assert_string_equal(strbuf_str(&text), "# HELP a_total As.\n# TYPE a_total counter\n"
                                           "a_total{kind=\"x\"} 2\na_total{kind=\"y\"} 3\n"
                                           "# HELP b Bs.\n# TYPE b gauge\nb -4\n");
}

static void histograms_cumulate(void **state) {
    struct metric metric = {.name = "h_seconds", .help = "Hs.", .type = METRIC_HISTOGRAM};
    metric_observe_us(&metric, 400);
    metric_observe_us(&metric, 1000);
    metric_observe_us(&metric, 120000000);
    metric_observe_us(&metric, -1);
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(4096);
    metrics_print(&text, &metric, 1);
    assert_non_null(strstr(strbuf_str(&text), "h_seconds_bucket{le=\"0.0005\"} 2\n"));
    assert_non_null(strstr(strbuf_str(&text), "h_seconds_bucket{le=\"0.001\"} 3\n"));
    assert_non_null(strstr(strbuf_str(&text), "h_seconds_bucket{le=\"60\"} 3\n"));
    assert_non_null(strstr(strbuf_str(&text), "h_seconds_bucket{le=\"+Inf\"} 4\n"));
    assert_non_null(strstr(strbuf_str(&text), "h_seconds_sum 120.001400\n"));
    assert_non_null(strstr(strbuf_str(&text), "h_seconds_count 4\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_print_as_prometheus_text),
        cmocka_unit_test(histograms_cumulate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
