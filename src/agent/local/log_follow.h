/* Following the logs of sessions: what is there and what comes, pushed into a socket.
 *
 * The log lies in the session's private directory, so the session may have made anything of it (sandbox.h):
 * links are not followed, what is no regular file is not read, and neither its size nor the number of its
 * changes costs more than the limits below. inotify(7) says when there may be something new; where it is not
 * to be had, the log is looked at twice a second.
 *
 * All followers live on one loop; the functions may be called from any thread unless they say otherwise.
 */
#ifndef SS_AGENT_LOCAL_LOG_FOLLOW_H
#define SS_AGENT_LOCAL_LOG_FOLLOW_H

#include "base/err.h"
#include "base/loop.h"

#include <stddef.h>

#define LOG_FOLLOWERS_MAX 256               /* at once; one more is closed as soon as it is opened */
#define LOG_FOLLOW_CHUNK (32 * 1024)        /* read at once */
#define LOG_FOLLOW_ROUND 8                  /* chunks for one follower before it is another's turn */
#define LOG_FOLLOW_PAUSE_MS 50              /* between two rounds, however much is written */
#define LOG_FOLLOW_LOOK_MS 500              /* without inotify */
#define LOG_FOLLOW_BEHIND (4 * 1024 * 1024) /* who is further behind goes on at the end, and is told so */

struct log_followers;

/* `loop` is borrowed and must outlive it. */
struct log_followers *log_followers_create(struct loop *loop);
/* On the loop's thread, or when it does not run any more. Closes all sockets. Accepts NULL. */
void log_followers_destroy(struct log_followers *followers);

/* Follows the log in the directory `run_fd` (copied), beginning with its last `tail` bytes. *ret_fd is owned,
 * non-blocking: it gives the text, and its end when log_follow_end was called or the agent goes. A session
 * without a directory (`run_fd` < 0) has nothing to say: its end comes at once. */
int log_follow(struct log_followers *followers, const char *session_id, int run_fd, size_t tail, int *ret_fd,
               struct err *err);
/* The session is over: passes on what came last, and ends all who follow it. */
void log_follow_end(struct log_followers *followers, const char *session_id);

#endif
