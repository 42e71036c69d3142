/* Session logs: text that the session's agent is asked for, once or to be followed (?follow=true).
 *
 * An agent answers a log stream with the end of the session's log and closes it; one that is to be followed
 * it leaves open, and pushes what comes. When it closes that, too (it cannot follow, or it went away), it is
 * asked again after a moment, and what is known already of its answer is left out. All of it happens on one
 * loop of its own: no request thread waits.
 */
#ifndef SS_API_LOGS_H
#define SS_API_LOGS_H

#include "base/err.h"

#define LOG_STREAMS_MAX 256         /* at once */
#define LOG_BYTES_MAX (1024 * 1024) /* of one answer of an agent */
#define LOG_READ_MS 10000           /* for an agent's answer */
#define LOG_CHECK_MS 1000           /* how often a follower's login and session are looked at */
#define LOG_AGAIN_MS 1000           /* until the agent is asked again */
#define LOG_QUIET_MS 300 /* without a word: then the agent has told what it had when it was asked again */
#define LOG_TURNS 64     /* reads for one log before it is another's turn */
#define LOG_MARK 512     /* bytes by which what is known is found again */

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
