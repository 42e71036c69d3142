/* Token buckets by key (an account, an address), in a table of fixed size.
 *
 * Each key may take `burst` times at once and gains one every `refill_ms`. The table holds a keyed hash of
 * the key only; when a place is wanted for a new key, the bucket that is fullest in its row is forgotten: it
 * is the one whose loss matters least. Thread-safe.
 */
#ifndef SS_API_RATELIMIT_H
#define SS_API_RATELIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATE_LIMIT_ROWS 1024
#define RATE_LIMIT_WAYS 8

struct rate_limit;

/* `burst` >= 1, `refill_ms` >= 1. */
struct rate_limit *rate_limit_create(unsigned burst, int64_t refill_ms);
/* Other bounds from now on, for buckets that exist, too. */
void rate_limit_adjust(struct rate_limit *limit, unsigned burst, int64_t refill_ms);
void rate_limit_destroy(struct rate_limit *limit); /* accepts NULL */

/* Takes one. False when the bucket is empty: *ret_wait_ms is the time until it is not (may be NULL). */
bool rate_limit_take(struct rate_limit *limit, const char *key, int64_t *ret_wait_ms);
/* Puts one back: what it was taken for turned out well. */
void rate_limit_give_back(struct rate_limit *limit, const char *key);

#endif
