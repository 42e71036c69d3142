#include "control/seal.h"

#include "base/id.h"
#include "base/str.h"
#include "control/secret.h"

#include <sodium.h>

#define SEALED "sealed:1:" /* and hex: nonce, then the text (XChaCha20-Poly1305) */
#define SECRET_MIN 32

enum {
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    KEY = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
};

static unsigned char key[KEY];
static bool has_key;

_Static_assert(sizeof SEALED + 2 * (NONCE + SEAL_TEXT_MAX + TAG) <= SEAL_SIZE, "a sealed text fits");

int seal_setup(const char *secret, struct err *err) {
    secret_init();
    has_key = !str_empty(secret);
    if (!has_key)
        return 0;
    if (strlen(secret) < SECRET_MIN)
        return err_set_field(err, ERR_INVALID, "weak_secret", "SECRET_KEY",
                             "SECRET_KEY must have at least %d bytes", SECRET_MIN);
    crypto_generichash(key, sizeof key, (const unsigned char *)secret, strlen(secret), NULL, 0);
    return 0;
}

int seal(const char *purpose, const char *text, char *ret, struct err *err) {
    unsigned char bytes[NONCE + SEAL_TEXT_MAX + TAG];
    unsigned long long length = 0;
    if (strlen(text) > SEAL_TEXT_MAX)
        return err_set(err, ERR_INTERNAL, NULL, "a secret is too long to be sealed");
    if (!has_key) {
        str_copy(ret, SEAL_SIZE, text);
        return 0;
    }
    random_bytes(bytes, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(bytes + NONCE, &length, (const unsigned char *)text,
                                               strlen(text), (const unsigned char *)purpose, strlen(purpose),
                                               NULL, bytes, key);
    str_copy(ret, SEAL_SIZE, SEALED);
    sodium_bin2hex(ret + strlen(SEALED), SEAL_SIZE - strlen(SEALED), bytes, NONCE + (size_t)length);
    return 0;
}

int seal_open(const char *purpose, const char *sealed, char *text, struct err *err) {
    unsigned char bytes[NONCE + SEAL_TEXT_MAX + TAG];
    unsigned long long length = 0;
    size_t size = 0;
    if (!str_starts(sealed, SEALED)) {
        if (!str_copy(text, SEAL_TEXT_MAX + 1, sealed))
            return err_set(err, ERR_INTERNAL, NULL, "a stored secret is too long");
        return 0;
    }
    const char *hex = sealed + strlen(SEALED);
    bool good = has_key && sodium_hex2bin(bytes, sizeof bytes, hex, strlen(hex), NULL, &size, NULL) == 0 &&
                size >= NONCE + TAG &&
                crypto_aead_xchacha20poly1305_ietf_decrypt(
                    (unsigned char *)text, &length, NULL, bytes + NONCE, size - NONCE,
                    (const unsigned char *)purpose, strlen(purpose), bytes, key) == 0;
    if (!good)
        return err_set(err, ERR_INTERNAL, NULL, "a stored secret cannot be opened: SECRET_KEY is %s",
                       has_key ? "not the one that sealed it" : "not set");
    text[length] = '\0';
    return 0;
}
