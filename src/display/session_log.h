/* The session's log: what the X server, the window manager and the application print, line by line, in a file
 * that cannot grow beyond its limit.
 *
 *     2026-11-21T03:47:43.120Z app: cannot open configuration
 *
 * At SESSION_LOG_MAX bytes the file is renamed to `<path>.1` (replacing an older one) and a new one begun. A
 * source that prints more than SESSION_LOG_RATE bytes a second for long is read on but written no more until
 * it calms down; a line says how much was left out. Control characters are replaced, so that a log shown on a
 * terminal stays harmless. One thread (the display's loop). A disk that is full loses lines and nothing else.
 */
#ifndef SS_DISPLAY_SESSION_LOG_H
#define SS_DISPLAY_SESSION_LOG_H

#include "base/err.h"
#include "base/loop.h"

#include <stddef.h>
#include <stdint.h>

#define SESSION_LOG_MAX (1024 * 1024)
#define SESSION_LOG_LINE_MAX 2048      /* bytes of a line; longer ones are broken */
#define SESSION_LOG_RATE (64 * 1024)   /* bytes per second and source … */
#define SESSION_LOG_BURST (512 * 1024) /* … after this many at once */

struct session_log;
struct session_log_source;

/* Appends to `path`, or makes it (0600); links are not followed. */
int session_log_open(struct session_log **ret, const char *path, struct err *err);
/* Writes unfinished lines, closes, frees the sources too. Accepts NULL. */
void session_log_close(struct session_log *log);

/* One who prints; `name` ("app") is borrowed for ever. Owned by the log. */
struct session_log_source *session_log_source(struct session_log *log, const char *name);
/* Bytes as they come, lines put together across calls. */
void session_log_write(struct session_log_source *source, const char *data, size_t length);
/* One whole line of our own, never held back by the rate. */
void session_log_line(struct session_log_source *source, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Gives the source a pipe that the loop reads. Returns its writing end for the children's standard output and
 * error (borrowed, lives as long as the log), or -1. Called once per source. */
int session_log_pipe(struct session_log_source *source, struct loop *loop, struct err *err);
/* Reads what still lies in the pipes, without waiting. */
void session_log_drain(struct session_log *log);

#endif
