/* An event loop on epoll: descriptors, timers and tasks posted from other threads.
 *
 * One thread runs a loop; everything but loop_post() and loop_stop() is called on that thread only (or
 * before it runs). Children are watched as pidfds, signals as a signalfd: both are descriptors.
 * A callback may remove its own or any other source: removed sources are not called again.
 */
#ifndef SS_BASE_LOOP_H
#define SS_BASE_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_fd;
struct loop_timer;

typedef void (*loop_fd_fn)(void *arg, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR … */
typedef void (*loop_fn)(void *arg);

int loop_create(struct loop **ret, struct err *err);
/* After loop_run has returned. Sources and timers still registered are freed (descriptors are not closed);
 * tasks posted and not yet run are dropped. Accepts NULL. */
void loop_destroy(struct loop *loop);

/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
/* Handles what is ready, waiting at most `timeout_ms` (-1: without limit): for tests. */
void loop_step(struct loop *loop, int timeout_ms);
/* From any thread, and from a signal handler. Sticky: a loop stopped before it runs returns at once. */
void loop_stop(struct loop *loop);
/* Runs fn(arg) on the loop's thread, in order of posting. From any thread. */
void loop_post(struct loop *loop, loop_fn fn, void *arg);
/* True on the thread that runs the loop. */
bool loop_is_current(const struct loop *loop);

/* Watches `fd` (borrowed; close it only after loop_fd_remove) for epoll `events` (add EPOLLET if wanted). */
int loop_fd_add(struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *arg, struct loop_fd **ret,
                struct err *err);
/* Changes the watched events; cheap when they are the same. */
void loop_fd_set(struct loop_fd *source, uint32_t events);
/* Accepts NULL. */
void loop_fd_remove(struct loop_fd *source);

/* Calls fn(arg) once, `delay_ms` from now. The timer is freed before fn runs. */
struct loop_timer *loop_timer_add(struct loop *loop, int64_t delay_ms, loop_fn fn, void *arg);
/* Accepts NULL. Never cancel a timer that has fired: set your pointer to NULL in fn. */
void loop_timer_cancel(struct loop_timer *timer);

#endif
