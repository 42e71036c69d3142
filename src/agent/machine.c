#include "agent/machine.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define PROC_MAX (256 * 1024)

int64_t machine_cpu_millis(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return (count > 0 ? count : 1) * INT64_C(1000);
}

/* "Name:   123 kB" → bytes. */
static int64_t meminfo(const char *text, const char *name) {
    const char *line = text ? strstr(text, name) : NULL;
    long long kilobytes;
    if (!line || sscanf(line + strlen(name), ": %lld", &kilobytes) != 1)
        return 0;
    return kilobytes * 1024;
}

int64_t machine_memory_bytes(void) {
    _cleanup_free_ char *text = NULL;
    file_read("/proc/meminfo", PROC_MAX, &text, NULL, NULL);
    return meminfo(text, "MemTotal");
}

double machine_memory_load(void) {
    _cleanup_free_ char *text = NULL;
    file_read("/proc/meminfo", PROC_MAX, &text, NULL, NULL);
    double total = (double)meminfo(text, "MemTotal"), available = (double)meminfo(text, "MemAvailable");
    return total > 0 && available <= total ? 1 - available / total : 0;
}

double machine_cpu_load(struct machine *machine) {
    _cleanup_free_ char *text = NULL;
    uint64_t f[8] = {0};
    file_read("/proc/stat", 8 * PROC_MAX, &text, NULL, NULL);
    /* proc(5): user nice system idle iowait irq softirq steal */
    if (!text || sscanf(text,
                        "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                        " %" SCNu64,
                        &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &f[7]) != 8)
        return 0;
    uint64_t total = 0;
    for (size_t i = 0; i < ARRAY_SIZE(f); i++)
        total += f[i];
    uint64_t busy = total - f[3] - f[4];
    uint64_t elapsed = total - machine->total;
    double load = machine->total && elapsed && busy >= machine->busy
                      ? (double)(busy - machine->busy) / (double)elapsed
                      : 0;
    machine->busy = busy;
    machine->total = total;
    return load > 1 ? 1 : load;
}
