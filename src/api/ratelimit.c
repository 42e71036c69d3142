#include "api/ratelimit.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/str.h"

#include <pthread.h>
#include <sodium.h>

struct bucket {
    uint64_t key;     /* 0: free */
    int64_t level_ms; /* what is left, in milliseconds of refill time */
    int64_t at;       /* when it was so */
};

struct rate_limit {
    pthread_mutex_t lock;
    int64_t full_ms, refill_ms;
    unsigned char secret[crypto_shorthash_KEYBYTES];
    struct bucket rows[RATE_LIMIT_ROWS][RATE_LIMIT_WAYS];
};

struct rate_limit *rate_limit_create(unsigned burst, int64_t refill_ms) {
    struct rate_limit *limit = mem_zalloc(sizeof *limit);
    pthread_mutex_init(&limit->lock, NULL);
    limit->refill_ms = refill_ms;
    limit->full_ms = (int64_t)burst * refill_ms;
    random_bytes(limit->secret, sizeof limit->secret);
    return limit;
}

void rate_limit_adjust(struct rate_limit *limit, unsigned burst, int64_t refill_ms) {
    pthread_mutex_lock(&limit->lock);
    limit->refill_ms = refill_ms;
    limit->full_ms = (int64_t)burst * refill_ms;
    pthread_mutex_unlock(&limit->lock);
}

void rate_limit_destroy(struct rate_limit *limit) {
    if (!limit)
        return;
    pthread_mutex_destroy(&limit->lock);
    free(limit);
}

static int64_t level_now(const struct rate_limit *limit, const struct bucket *bucket, int64_t now) {
    int64_t level = bucket->level_ms + (now - bucket->at);
    return level > limit->full_ms ? limit->full_ms : level;
}

/* The key's bucket, brought up to date; made when it is not there. Under the lock. */
static struct bucket *find(struct rate_limit *limit, const char *key) {
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key, strlen(key), limit->secret);
    hash |= 1; /* never 0 */
    int64_t now = clock_ms();
    struct bucket *row = limit->rows[(hash >> 1) % RATE_LIMIT_ROWS], *best = &row[0];
    int64_t best_level = -1;
    for (size_t i = 0; i < RATE_LIMIT_WAYS; i++) {
        int64_t level = row[i].key ? level_now(limit, &row[i], now) : INT64_MAX;
        if (row[i].key == hash) {
            row[i].level_ms = level;
            row[i].at = now;
            return &row[i];
        }
        if (level > best_level) {
            best_level = level;
            best = &row[i];
        }
    }
    *best = (struct bucket){.key = hash, .level_ms = limit->full_ms, .at = now};
    return best;
}

bool rate_limit_take(struct rate_limit *limit, const char *key, int64_t *ret_wait_ms) {
    pthread_mutex_lock(&limit->lock);
    struct bucket *bucket = find(limit, key);
    bool taken = bucket->level_ms >= limit->refill_ms;
    if (taken)
        bucket->level_ms -= limit->refill_ms;
    else if (ret_wait_ms)
        *ret_wait_ms = limit->refill_ms - bucket->level_ms;
    pthread_mutex_unlock(&limit->lock);
    return taken;
}

void rate_limit_give_back(struct rate_limit *limit, const char *key) {
    pthread_mutex_lock(&limit->lock);
    struct bucket *bucket = find(limit, key);
    bucket->level_ms += limit->refill_ms;
    if (bucket->level_ms > limit->full_ms)
        bucket->level_ms = limit->full_ms;
    pthread_mutex_unlock(&limit->lock);
}
