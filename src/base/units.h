/* Sizes and durations as people write them.
 *
 * Sizes are Kubernetes quantities ("500m" CPU, "1Gi" memory); CPU is kept in thousandths of a core, memory
 * in bytes. Durations are "90s", "30m", "8h", "1h30m", "7d", kept in seconds.
 */
#ifndef SS_BASE_UNITS_H
#define SS_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#define UNITS_TEXT_SIZE 32

/* "500m", "2", "1.5" → thousandths of a core, rounded up. False when malformed, negative or over 1e6 cores.
 */
bool cpu_parse(const char *text, int64_t *ret_millis);
/* "500m" or "2"; `text` has UNITS_TEXT_SIZE bytes. Returns `text`. */
const char *cpu_format(int64_t millis, char *text);

/* "1Gi", "256Mi", "1.5G", "1000" → bytes. Suffixes Ki Mi Gi Ti Pi k M G T P. False as above. */
bool bytes_parse(const char *text, int64_t *ret_bytes);
/* The largest binary suffix that divides it: "256Mi", "1Gi", "1000". */
const char *bytes_format(int64_t bytes, char *text);

/* "1h30m" → seconds, > 0 and at most ten years. "0" is 0. */
bool duration_parse(const char *text, int64_t *ret_seconds);
const char *duration_format(int64_t seconds, char *text);

#endif
