#include "control/users/password.h"

#include "control/secret.h"

#include <sodium.h>
#include <string.h>

#define OPSLIMIT crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMLIMIT (32u * 1024 * 1024)

_Static_assert(crypto_pwhash_STRBYTES <= PASSWORD_HASH_SIZE, "a hash fits");

const char password_nobody[] = "$argon2id$v=19$m=32768,t=2,p=1$h1EUTfO2W6sd5e/"
                               "aZjBNGg$tAikki+XxS0RVuARhRFxZiECo2nh6ppHffwV8uZ52Bw";

int password_hash(const char *password, char *hash, struct err *err) {
    secret_init();
    if (crypto_pwhash_str(hash, password, strlen(password), OPSLIMIT, MEMLIMIT) != 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "no memory to hash a password");
    return 0;
}

bool password_matches(const char *hash, const char *password) {
    secret_init();
    bool known = *hash != '\0';
    bool equal = crypto_pwhash_str_verify(known ? hash : password_nobody, password, strlen(password)) == 0;
    return known && equal;
}
