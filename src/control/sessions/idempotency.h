/* Requests that may be repeated: the first answer to a key is kept for a day and is the answer to all
 * repeats.
 *
 * The key belongs to a user; key and request are kept as SHA-256. The answer is written in the transaction of
 * what it tells of, so that a crash leaves either both or neither.
 */
#ifndef SS_CONTROL_IDEMPOTENCY_H
#define SS_CONTROL_IDEMPOTENCY_H

#include "base/err.h"
#include "db/db.h"

#include <stdint.h>

#define IDEMPOTENCY_KEY_MAX 128
#define IDEMPOTENCY_HOURS 24

/* Borrowed. */
struct idempotency {
    int64_t user_id;     /* who asks */
    const char *key;     /* 1–IDEMPOTENCY_KEY_MAX bytes */
    const char *request; /* the whole request, as it came */
};

/* 1 and the first answer in *ret (owned); 0 when there is none; -1. ERR_CONFLICT "idempotency_mismatch" when
 * the key came with another request. */
int idempotency_find(struct db_conn *conn, const struct idempotency *of, char **ret, struct err *err);
/* Inside the transaction of the change. ERR_CONFLICT "idempotency_raced" when another request has just used
 * the key: roll back and find. Forgets what is older than a day. */
int idempotency_store(struct db_conn *conn, const struct idempotency *of, const char *answer,
                      struct err *err);

#endif
