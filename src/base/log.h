/* Structured log lines on standard error: a message and key/value pairs, as text or JSON.
 *
 *     log_info("session started", "session", name, "agent", agent_id);
 *
 * Keys and values are C strings in pairs; a NULL value is left out. Each line is one write(2), so lines of
 * several threads never mix. Secrets (tokens, passwords, keys) must never be passed.
 */
#ifndef SS_BASE_LOG_H
#define SS_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

#define LOG_LINE_MAX 4096

/* Set once at start, before threads. `role` names the process ("server", "agent") and is borrowed for ever.
 */
void log_setup(enum log_level level, bool json, const char *role);
/* From any thread, at any time. */
void log_set_level(enum log_level level);
/* "debug" … "error". False when unknown. */
bool log_level_parse(const char *text, enum log_level *ret);
bool log_enabled(enum log_level level);

/* The pairs end with NULL; use the macros, which add it. */
void log_write(enum log_level level, const char *message, ...) __attribute__((sentinel));

#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__, (char *)0)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__, (char *)0)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__, (char *)0)
#define log_at(level, ...)                                                                                   \
    do {                                                                                                     \
        if (log_enabled(level))                                                                              \
            log_write(level, __VA_ARGS__, (char *)0);                                                        \
    } while (0)

#endif
