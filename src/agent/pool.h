/* Worker threads, made when there is work for them, up to a limit. Jobs are taken in order of submission. */
#ifndef SS_AGENT_POOL_H
#define SS_AGENT_POOL_H

#include <stdbool.h>
#include <stdint.h>

#define POOL_THREADS_MAX 64

struct pool;
typedef void (*pool_fn)(void *arg);

struct pool *pool_create(unsigned threads_max); /* at most POOL_THREADS_MAX */
/* From any thread. `arg` belongs to the job; who submits bounds how many there are. */
void pool_submit(struct pool *pool, pool_fn fn, void *arg);
/* Jobs not begun are dropped, those under way waited for, up to `limit_ms`. False: some still run; the pool
 * is left to them and the process is expected to end. Accepts NULL. */
bool pool_destroy(struct pool *pool, int64_t limit_ms);

#endif
