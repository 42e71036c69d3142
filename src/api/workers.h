/* A few threads for work that is too long for a request thread (argon2id: 20–90 ms), behind a short queue. */
#ifndef SS_API_WORKERS_H
#define SS_API_WORKERS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define WORKERS_QUEUE_MAX 128

struct workers;

/* `threads` in [1, 16]. */
int workers_create(struct workers **ret, unsigned threads, struct err *err);
/* Does what is queued and joins the threads; later jobs are refused. Accepts NULL, may be repeated. */
void workers_stop(struct workers *workers);
/* Stops, frees. Accepts NULL. */
void workers_destroy(struct workers *workers);
/* False when the queue is full: the caller says 503. */
bool workers_submit(struct workers *workers, void (*fn)(void *arg), void *arg);

#endif
