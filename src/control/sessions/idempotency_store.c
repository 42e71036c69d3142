#include "control/sessions/idempotency.h"

#include "base/clock.h"
#include "base/str.h"
#include "control/secret.h"

#define KEEP_MS ((int64_t)IDEMPOTENCY_HOURS * 3600 * 1000)

static void hash_both(const struct idempotency *of, char key[KEY_HEX_SIZE], char request[KEY_HEX_SIZE]) {
    secret_hash(of->key, key);
    secret_hash(of->request, request);
}

int idempotency_find(struct db_conn *conn, const struct idempotency *of, char **ret, struct err *err) {
    char key[KEY_HEX_SIZE], request[KEY_HEX_SIZE], since[TIME_TEXT_SIZE];
    hash_both(of, key, request);
    time_format(clock_wall_ms() - KEEP_MS, since);
    _cleanup_rows_ struct db_rows *rows = NULL;
    int found =
        db_row(conn, &rows, err,
               "SELECT request_hash, answer FROM idempotency_keys WHERE user_id = $1 AND key_hash = $2 AND "
               "created_at > $3",
               "iss", of->user_id, key, since);
    if (found <= 0)
        return found;
    if (!str_eq(db_text(rows, 0), request))
        return err_set(err, ERR_CONFLICT, "idempotency_mismatch",
                       "this Idempotency-Key came with another request before");
    *ret = str_dup(db_text(rows, 1));
    return 1;
}

int idempotency_store(struct db_conn *conn, const struct idempotency *of, const char *answer,
                      struct err *err) {
    char key[KEY_HEX_SIZE], request[KEY_HEX_SIZE], now[TIME_TEXT_SIZE], since[TIME_TEXT_SIZE];
    int64_t wall = clock_wall_ms(), changes = 0;
    hash_both(of, key, request);
    time_format(wall, now);
    time_format(wall - KEEP_MS, since);
    if (db_exec(conn, NULL, err, "DELETE FROM idempotency_keys WHERE created_at <= $1", "s", since) < 0 ||
        db_exec(conn, &changes, err,
                "INSERT INTO idempotency_keys (user_id, key_hash, request_hash, answer, created_at) "
                "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                "issss", of->user_id, key, request, answer, now) < 0)
        return -1;
    if (changes == 0)
        return err_set(err, ERR_CONFLICT, "idempotency_raced", "another request has just used this key");
    return 0;
}
