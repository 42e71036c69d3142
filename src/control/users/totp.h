/* One-time codes by time: TOTP (RFC 6238) over HOTP (RFC 4226), HMAC-SHA-1, 6 digits, steps of 30 s: what
 * every authenticator app takes. Pure functions.
 */
#ifndef SS_CONTROL_TOTP_H
#define SS_CONTROL_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOTP_SECRET_SIZE 20      /* bytes: RFC 4226 section 4, R6 */
#define TOTP_SECRET_TEXT_SIZE 33 /* in Base32, with terminator */
#define TOTP_DIGITS 6
#define TOTP_STEP_SECONDS 30
#define TOTP_WINDOW 1 /* steps before and after the present one that are taken: clocks differ */

/* The code of a step; `text` has TOTP_DIGITS + 1 bytes. */
void totp_code(const uint8_t *secret, size_t size, int64_t step, char *text);
/* Is `text` the code of a step near `seconds` (since 1970) and after `last_step`? *ret_step is that step.
 * Takes the same time for every wrong code. */
bool totp_matches(const uint8_t secret[TOTP_SECRET_SIZE], const char *text, int64_t seconds,
                  int64_t last_step, int64_t *ret_step);

/* Base32 (RFC 4648 section 6) without padding; `text` has TOTP_SECRET_TEXT_SIZE bytes. */
void totp_secret_format(const uint8_t secret[TOTP_SECRET_SIZE], char *text);
/* False when it is no Base32 of that size. */
bool totp_secret_parse(const char *text, uint8_t secret[TOTP_SECRET_SIZE]);

#endif
