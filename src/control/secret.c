#include "control/secret.h"

#include "base/log.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

static void init(void) {
    if (sodium_init() < 0) {
        log_error("libsodium cannot be used");
        abort();
    }
}

void secret_init(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init);
}

void secret_hash(const char *text, char hash[KEY_HEX_SIZE]) {
    unsigned char digest[crypto_hash_sha256_BYTES];
    secret_init();
    crypto_hash_sha256(digest, (const unsigned char *)text, strlen(text));
    sodium_bin2hex(hash, KEY_HEX_SIZE, digest, sizeof digest);
}

bool secret_equal(const char *a, const char *b) {
    if (!a || !b || !id_is_hex(a, KEY_HEX_SIZE - 1) || !id_is_hex(b, KEY_HEX_SIZE - 1))
        return false;
    return sodium_memcmp(a, b, KEY_HEX_SIZE - 1) == 0;
}
