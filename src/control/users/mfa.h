/* The second factor: one-time codes (totp.h), and backup codes for those who lost their device.
 *
 * A code is taken once, and none that is older than the newest that was taken (RFC 6238 section 5.2). Backup
 * codes have 80 random bits, are stored as SHA-256 and used up. Guessing is limited by the caller
 * (api/attempt.h).
 */
#ifndef SS_CONTROL_MFA_H
#define SS_CONTROL_MFA_H

#include "control/users/totp.h"
#include "control/users/user.h"

#define MFA_BACKUP_CODES 10
#define MFA_BACKUP_SIZE 20 /* "abcd-efgh-jkmn-pqrs" and terminator */
#define MFA_OTP_MAX 32     /* bytes of what people type */
#define MFA_URI_SIZE 512

struct mfa_backup_codes {
    char text[MFA_BACKUP_CODES][MFA_BACKUP_SIZE];
};

/* A new secret that waits for its first code; an earlier one that waited is forgotten. `secret` in Base32
 * (TOTP_SECRET_TEXT_SIZE bytes), `uri` otpauth://… for QR codes (MFA_URI_SIZE bytes). ERR_CONFLICT
 * "mfa_enabled". */
int mfa_begin(struct db_conn *conn, const struct user *user, char *secret, char *uri, struct err *err);
/* The first code proves that the app has the secret: from now on codes are asked for. ERR_CONFLICT
 * "mfa_enabled", "mfa_not_begun"; ERR_INVALID "mfa_invalid" for field "otp". Audit "mfa.enable". */
int mfa_confirm(struct db_conn *conn, const struct actor *actor, const struct user *user, const char *otp,
                struct mfa_backup_codes *ret, struct err *err);
/* Is this the user's code, or one of his backup codes? Uses it up. ERR_UNAUTHENTICATED "mfa_required" when
 * `otp` is empty, "mfa_invalid" when it is wrong or was used. */
int mfa_check(struct db_conn *conn, const struct actor *actor, const struct user *user, const char *otp,
              struct err *err);
/* The following ask for a code first: ERR_CONFLICT "mfa_not_enabled", ERR_INVALID "mfa_invalid" for field
 * "otp". Audit "mfa.disable", "mfa.codes". */
int mfa_disable(struct db_conn *conn, const struct actor *actor, const struct user *user, const char *otp,
                struct err *err);
int mfa_new_codes(struct db_conn *conn, const struct actor *actor, const struct user *user, const char *otp,
                  struct mfa_backup_codes *ret, struct err *err);
/* By an administrator, for a user who has lost everything. Audit "mfa.reset". ERR_CONFLICT "mfa_not_enabled".
 */
int mfa_reset(struct db_conn *conn, const struct actor *actor, const struct user *user, struct err *err);

#endif
