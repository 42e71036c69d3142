#include "control/users/mfa.h"

#include "base/str.h"
#include "control/secret.h"
#include "control/users/mfa_store.h"

#include <sodium.h>

#define PURPOSE "totp"
#define ISSUER "StreamSpace"
#define GROUP 4 /* letters between dashes */

/* Usernames need no escaping in URIs (RFC 3986 section 2.3). */
static void write_uri(const struct user *user, const char *secret, char *uri) {
    snprintf(uri, MFA_URI_SIZE,
             "otpauth://totp/" ISSUER ":%s?secret=%s&issuer=" ISSUER "&algorithm=SHA1&digits=%d&period=%d",
             user->username, secret, TOTP_DIGITS, TOTP_STEP_SECONDS);
}

int mfa_begin(struct db_conn *conn, const struct user *user, char *secret, char *uri, struct err *err) {
    uint8_t bytes[TOTP_SECRET_SIZE];
    char text[TOTP_SECRET_TEXT_SIZE], sealed[SEAL_SIZE];
    if (user->mfa)
        return err_set(err, ERR_CONFLICT, "mfa_enabled", "one-time codes are in use already");
    random_bytes(bytes, sizeof bytes);
    totp_secret_format(bytes, text);
    sodium_memzero(bytes, sizeof bytes);
    if (seal(PURPOSE, text, sealed, err) < 0 || mfa_store_begin(conn, user->id, sealed, err) < 0)
        return -1;
    memcpy(secret, text, sizeof text);
    write_uri(user, text, uri);
    sodium_memzero(text, sizeof text);
    return 0;
}

/* 1: this code, and it was not taken before. */
static int take_totp(struct db_conn *conn, int64_t user_id, const struct totp_row *row, const char *otp,
                     struct err *err) {
    char text[SEAL_TEXT_MAX + 1];
    uint8_t secret[TOTP_SECRET_SIZE];
    int64_t step;
    if (seal_open(PURPOSE, row->secret, text, err) < 0)
        return -1;
    bool readable = totp_secret_parse(text, secret);
    sodium_memzero(text, sizeof text);
    if (!readable)
        return err_set(err, ERR_INTERNAL, NULL, "a stored one-time secret cannot be read");
    bool matches = totp_matches(secret, otp, clock_wall_ms() / 1000, row->last_step, &step);
    sodium_memzero(secret, sizeof secret);
    return matches ? mfa_store_take_step(conn, user_id, step, err) : 0;
}

/* Codes as people copy them: blanks, dashes and capitals do not count. False when it is too long. */
static bool clean(const char *otp, char text[MFA_OTP_MAX + 1]) {
    size_t length = 0;
    for (; *otp; otp++) {
        if (*otp == ' ' || *otp == '-')
            continue;
        if (length == MFA_OTP_MAX)
            return false;
        text[length++] = *otp >= 'A' && *otp <= 'Z' ? (char)(*otp + 32) : *otp;
    }
    text[length] = '\0';
    return true;
}

/* 1 taken (*ret_backup: it was a backup code), 0 wrong. */
static int take(struct db_conn *conn, const struct user *user, const char *otp, bool *ret_backup,
                struct err *err) {
    char text[MFA_OTP_MAX + 1], hash[KEY_HEX_SIZE];
    struct totp_row row;
    *ret_backup = false;
    int found = mfa_store_find(conn, user->id, &row, err);
    if (found <= 0 || !row.confirmed || !clean(otp, text))
        return found < 0 ? -1 : 0;
    int taken = take_totp(conn, user->id, &row, text, err);
    if (taken != 0)
        return taken;
    secret_hash(text, hash);
    *ret_backup = true;
    return mfa_store_take_code(conn, user->id, hash, err);
}

int mfa_check(struct db_conn *conn, const struct actor *actor, const struct user *user, const char *otp,
              struct err *err) {
    bool backup;
    if (str_empty(otp))
        return err_set(err, ERR_UNAUTHENTICATED, "mfa_required", "a one-time code is asked for");
    if (db_begin(conn, err) < 0)
        return -1;
    int taken = take(conn, user, otp, &backup, err);
    if (taken > 0 && backup &&
        audit_write(conn, actor, "mfa.backup_code", user->username, AUDIT_ALLOWED, NULL, err) < 0)
        taken = -1;
    taken = db_end(conn, taken, err);
    if (taken == 0)
        return err_set(err, ERR_UNAUTHENTICATED, "mfa_invalid", "the code is wrong, or was used before");
    return taken < 0 ? -1 : 0;
}

/* For those who are signed in: it is the field that is wrong. */
static int check_field(struct db_conn *conn, const struct user *user, const char *otp, struct err *err) {
    bool backup;
    if (!user->mfa)
        return err_set(err, ERR_CONFLICT, "mfa_not_enabled", "no one-time codes are in use");
    int taken = take(conn, user, otp, &backup, err);
    if (taken == 0)
        return err_set_field(err, ERR_INVALID, "mfa_invalid", "otp", "is wrong, or was used before");
    return taken < 0 ? -1 : 0;
}

/* 16 of 32 letters without those that look alike: 80 bits. */
static void make_code(char *text) {
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    unsigned char bytes[4 * GROUP];
    size_t length = 0;
    random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i && i % GROUP == 0)
            text[length++] = '-';
        text[length++] = letters[bytes[i] & 31];
    }
    text[length] = '\0';
}

static int replace_codes(struct db_conn *conn, const struct user *user, struct mfa_backup_codes *ret,
                         struct err *err) {
    if (mfa_store_clear_codes(conn, user->id, err) < 0)
        return -1;
    for (size_t i = 0; i < MFA_BACKUP_CODES; i++) {
        char text[MFA_OTP_MAX + 1], hash[KEY_HEX_SIZE];
        make_code(ret->text[i]);
        clean(ret->text[i], text);
        secret_hash(text, hash);
        if (mfa_store_add_code(conn, user->id, hash, err) < 0)
            return -1;
    }
    return 0;
}

static int confirm(struct db_conn *conn, const struct actor *actor, const struct user *user, const char *otp,
                   struct mfa_backup_codes *ret, struct err *err) {
    struct totp_row row;
    char text[MFA_OTP_MAX + 1];
    int found = mfa_store_find(conn, user->id, &row, err);
    if (found < 0)
        return -1;
    if (found > 0 && row.confirmed)
        return err_set(err, ERR_CONFLICT, "mfa_enabled", "one-time codes are in use already");
    if (found == 0)
        return err_set(err, ERR_CONFLICT, "mfa_not_begun", "ask for a secret first: POST /auth/mfa/totp");
    int taken = clean(otp, text) ? take_totp(conn, user->id, &row, text, err) : 0;
    if (taken == 0)
        return err_set_field(err, ERR_INVALID, "mfa_invalid", "otp", "is not the code of this moment");
    if (taken < 0 || mfa_store_confirm(conn, user->id, err) < 0 || replace_codes(conn, user, ret, err) < 0)
        return -1;
    return audit_write(conn, actor, "mfa.enable", user->username, AUDIT_ALLOWED, NULL, err);
}

int mfa_confirm(struct db_conn *conn, const struct actor *actor, const struct user *user, const char *otp,
                struct mfa_backup_codes *ret, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, confirm(conn, actor, user, otp, ret, err), err);
}

static int disable(struct db_conn *conn, const struct actor *actor, const struct user *user, const char *otp,
                   struct err *err) {
    if (check_field(conn, user, otp, err) < 0 || mfa_store_remove(conn, user->id, err) < 0)
        return -1;
    return audit_write(conn, actor, "mfa.disable", user->username, AUDIT_ALLOWED, NULL, err);
}

int mfa_disable(struct db_conn *conn, const struct actor *actor, const struct user *user, const char *otp,
                struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, disable(conn, actor, user, otp, err), err);
}

static int new_codes(struct db_conn *conn, const struct actor *actor, const struct user *user,
                     const char *otp, struct mfa_backup_codes *ret, struct err *err) {
    if (check_field(conn, user, otp, err) < 0 || replace_codes(conn, user, ret, err) < 0)
        return -1;
    return audit_write(conn, actor, "mfa.codes", user->username, AUDIT_ALLOWED, NULL, err);
}

int mfa_new_codes(struct db_conn *conn, const struct actor *actor, const struct user *user, const char *otp,
                  struct mfa_backup_codes *ret, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, new_codes(conn, actor, user, otp, ret, err), err);
}

static int reset(struct db_conn *conn, const struct actor *actor, const struct user *user, struct err *err) {
    struct totp_row row;
    int found = mfa_store_find(conn, user->id, &row, err);
    if (found < 0)
        return -1;
    if (found == 0 || !row.confirmed)
        return err_set(err, ERR_CONFLICT, "mfa_not_enabled", "%s uses no one-time codes", user->username);
    if (mfa_store_remove(conn, user->id, err) < 0)
        return -1;
    return audit_write(conn, actor, "mfa.reset", user->username, AUDIT_ALLOWED, NULL, err);
}

int mfa_reset(struct db_conn *conn, const struct actor *actor, const struct user *user, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, reset(conn, actor, user, err), err);
}
