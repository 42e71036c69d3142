/* Time: a monotonic clock for waits and durations, the wall clock for what people and rows read.
 *
 * Durations and deadlines inside a process use clock_ms() (CLOCK_BOOTTIME: it goes on while the machine
 * sleeps and never jumps). Text is RFC 3339 in UTC with milliseconds, e.g. "2026-11-21T03:47:43.120Z":
 * texts of this form compare as times do.
 */
#ifndef SS_BASE_CLOCK_H
#define SS_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define TIME_TEXT_SIZE 32
/* After every other time, also where a database sorts by the rules of a language. */
#define TIME_LAST "9999-12-31T23:59:59.999Z"

/* Milliseconds / microseconds since boot. */
int64_t clock_ms(void);
int64_t clock_us(void);

/* Wall clock, milliseconds since 1970 UTC. Never used for measuring. */
int64_t clock_wall_ms(void);

/* Moves what clock_ms/clock_us/clock_wall_ms return, for tests of deadlines and of clock jumps. */
void clock_test_shift(int64_t boot_ms, int64_t wall_ms);

/* RFC 3339 text of a wall time; `text` has TIME_TEXT_SIZE bytes. Returns `text`. */
const char *time_format(int64_t wall_ms, char *text);
/* Text of now. */
const char *time_now(char *text);
/* Parses RFC 3339 (section 5.6; any offset, up to 9 fraction digits). */
bool time_parse(const char *text, int64_t *ret_wall_ms);

#endif
