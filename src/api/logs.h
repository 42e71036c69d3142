/* Session logs: text that the session's agent is asked for, once or again and again (?follow=true).
 *
 * An agent answers a log stream with the end of the session's log and closes it. Following asks once a second
 * and passes on what is new. All of it happens on one loop of its own: no request thread waits.
 */
#ifndef SS_API_LOGS_H
#define SS_API_LOGS_H

#include "base/err.h"

#define LOG_STREAMS_MAX 256         /* at once */
#define LOG_BYTES_MAX (1024 * 1024) /* of one answer of an agent */
#define LOG_READ_MS 10000           /* for an agent's answer */
#define LOG_FOLLOW_MS 1000

struct call;
struct log_streams;

int log_streams_create(struct log_streams **ret, struct err *err);
/* Ends those that are followed, answers those that wait; later ones are refused at once. */
void log_streams_stop(struct log_streams *streams);
/* After the last request is answered. Accepts NULL. */
void log_streams_destroy(struct log_streams *streams);

/* GET /sessions/{name}/logs */
void session_logs(struct call *call);

#endif
