/* SQL of second factors; for mfa.c. */
#ifndef SS_CONTROL_MFA_STORE_H
#define SS_CONTROL_MFA_STORE_H

#include "control/seal.h"
#include "db/db.h"

struct totp_row {
    char secret[SEAL_SIZE];
    int64_t last_step;
    bool confirmed;
};

/* Puts a secret in the place of one that waits; a confirmed one stays. */
int mfa_store_begin(struct db_conn *conn, int64_t user_id, const char *secret, struct err *err);
/* 1, 0, -1. */
int mfa_store_find(struct db_conn *conn, int64_t user_id, struct totp_row *ret, struct err *err);
/* Takes the step unless it, or a newer one, was taken: 1, 0, -1. */
int mfa_store_take_step(struct db_conn *conn, int64_t user_id, int64_t step, struct err *err);
/* The same for a backup code. */
int mfa_store_take_code(struct db_conn *conn, int64_t user_id, const char *hash, struct err *err);
/* Marks the secret confirmed and the user as one who is asked for codes. */
int mfa_store_confirm(struct db_conn *conn, int64_t user_id, struct err *err);
/* Forgets secret and codes. */
int mfa_store_remove(struct db_conn *conn, int64_t user_id, struct err *err);
int mfa_store_clear_codes(struct db_conn *conn, int64_t user_id, struct err *err);
int mfa_store_add_code(struct db_conn *conn, int64_t user_id, const char *hash, struct err *err);

#endif
