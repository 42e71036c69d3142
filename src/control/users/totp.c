#include "control/users/totp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHA1_SIZE 20

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* RFC 4226 section 5.3: the mac's last four bits say where the 31 bits are taken from. */
void totp_code(const uint8_t *secret, size_t size, int64_t step, char *text) {
    uint8_t counter[8], mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    for (int i = 0; i < 8; i++)
        counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
    if (!HMAC(EVP_sha1(), secret, (int)size, counter, sizeof counter, mac, &length) || length != SHA1_SIZE)
        abort(); /* no memory, or a library without SHA-1: no code may ever match then */
    unsigned at = mac[SHA1_SIZE - 1] & 15u;
    uint32_t bits = ((uint32_t)(mac[at] & 0x7f) << 24) | ((uint32_t)mac[at + 1] << 16) |
                    ((uint32_t)mac[at + 2] << 8) | mac[at + 3];
    snprintf(text, TOTP_DIGITS + 1, "%06u", bits % 1000000u);
    sodium_memzero(mac, sizeof mac);
}

bool totp_matches(const uint8_t secret[TOTP_SECRET_SIZE], const char *text, int64_t seconds,
                  int64_t last_step, int64_t *ret_step) {
    int64_t now = seconds / TOTP_STEP_SECONDS, found = -1;
    char code[TOTP_DIGITS + 1];
    if (strlen(text) != TOTP_DIGITS)
        return false;
    for (int64_t step = now - TOTP_WINDOW; step <= now + TOTP_WINDOW; step++) {
        totp_code(secret, TOTP_SECRET_SIZE, step, code);
        if (sodium_memcmp(code, text, TOTP_DIGITS) == 0 && step > last_step)
            found = step;
    }
    if (found >= 0)
        *ret_step = found;
    return found >= 0;
}

void totp_secret_format(const uint8_t secret[TOTP_SECRET_SIZE], char *text) {
    size_t length = 0;
    for (size_t i = 0; i < TOTP_SECRET_SIZE; i += 5) {
        uint64_t bits = 0;
        for (size_t k = 0; k < 5; k++)
            bits = bits << 8 | secret[i + k];
        for (int shift = 35; shift >= 0; shift -= 5)
            text[length++] = base32[bits >> shift & 31];
    }
    text[length] = '\0';
}

bool totp_secret_parse(const char *text, uint8_t secret[TOTP_SECRET_SIZE]) {
    if (strlen(text) != TOTP_SECRET_TEXT_SIZE - 1)
        return false;
    for (size_t i = 0; i < TOTP_SECRET_SIZE / 5; i++) {
        uint64_t bits = 0;
        for (size_t k = 0; k < 8; k++) {
            const char *digit = strchr(base32, text[i * 8 + k]);
            if (!digit)
                return false;
            bits = bits << 5 | (uint64_t)(digit - base32);
        }
        for (size_t k = 0; k < 5; k++)
            secret[i * 5 + k] = (uint8_t)(bits >> (32 - 8 * k));
    }
    return true;
}
