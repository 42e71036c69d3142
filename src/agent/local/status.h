/* What the display says of its session: one JSON object per line on the status connection. The sender is the
 * session, so nothing of it is believed beyond its form: texts are cut and cleaned, lines are bounded in
 * length and in number.
 */
#ifndef SS_AGENT_LOCAL_STATUS_H
#define SS_AGENT_LOCAL_STATUS_H

#include "agent/runtime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATUS_LINE_MAX 2048 /* bytes */
#define STATUS_LINES_MAX 100 /* within STATUS_WINDOW_MS; more is a flood */
#define STATUS_WINDOW_MS 10000

enum status_state { STATUS_STARTING, STATUS_RUNNING, STATUS_ENDED };

struct status {
    enum status_state state;
    bool failed;                     /* of an end */
    char stage[SESSION_STAGE_MAX];   /* or "" */
    char reason[SESSION_REASON_MAX]; /* or "" */
};

/* False when the line is no status. */
bool status_parse(struct status *ret, const char *line, size_t length);

/* Lines from a non-blocking socket. Zero-initialise. */
struct status_reader {
    char buffer[STATUS_LINE_MAX];
    size_t length;
    int64_t window_start;
    unsigned window_lines;
};

enum status_result {
    STATUS_LINE,  /* *ret is a status */
    STATUS_LATER, /* nothing more for now */
    STATUS_CLOSED,
    STATUS_BAD, /* too long, too many, or no status: the connection is of no more use */
};
enum status_result status_read(struct status_reader *reader, int fd, struct status *ret);

#endif
