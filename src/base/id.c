#include "base/id.h"

#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *bytes, size_t count) {
    uint8_t *p = bytes;
    while (count) {
        ssize_t got = getrandom(p, count, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            abort();
        }
        p += got;
        count -= (size_t)got;
    }
}

char *random_hex(char *text, size_t digits) {
    static const char alphabet[] = "0123456789abcdef";
    uint8_t bytes[64];
    size_t done = 0;
    while (done < digits) {
        random_bytes(bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes && done < digits; i++)
            text[done++] = alphabet[bytes[i] & 15];
    }
    text[digits] = '\0';
    return text;
}

static uint64_t serial_start;

static void serial_seed(void) {
    random_bytes(&serial_start, sizeof serial_start);
}

/* A counter from a random start through the finalizer of MurmurHash3, which maps 64 bits one to one. */
char *serial_hex(char *text) {
    static _Atomic uint64_t counter;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const char alphabet[] = "0123456789abcdef";
    pthread_once(&once, serial_seed);
    uint64_t bits = serial_start + atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed);
    bits = (bits ^ bits >> 33) * UINT64_C(0xff51afd7ed558ccd);
    bits = (bits ^ bits >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    bits ^= bits >> 33;
    for (int i = 0; i < SERIAL_HEX_DIGITS; i++)
        text[i] = alphabet[bits >> (60 - 4 * i) & 15];
    text[SERIAL_HEX_DIGITS] = '\0';
    return text;
}

static bool lower_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool all_of(const char *text, size_t min, size_t max, const char *extra) {
    size_t length = text ? strnlen(text, max + 1) : 0;
    if (length < min || length > max)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!lower_alnum(text[i]) && !strchr(extra, text[i]))
            return false;
    return true;
}

bool id_is_dns_label(const char *text) {
    return all_of(text, 1, 63, "-") && text[0] != '-' && text[strlen(text) - 1] != '-';
}

bool id_is_agent(const char *text) {
    return all_of(text, 3, AGENT_ID_MAX, "-") && id_is_dns_label(text);
}

bool id_is_session(const char *text) {
    return id_is_dns_label(text);
}

bool id_is_template(const char *text) {
    return id_is_dns_label(text);
}

bool id_is_username(const char *text) {
    return all_of(text, 1, USERNAME_MAX, "._-") && lower_alnum(text[0]);
}

bool id_is_hex(const char *text, size_t digits) {
    if (!text || strnlen(text, digits + 1) != digits)
        return false;
    for (size_t i = 0; i < digits; i++)
        if (!isxdigit((unsigned char)text[i]) || isupper((unsigned char)text[i]))
            return false;
    return true;
}

bool id_is_command(const char *text) {
    if (!text || strncmp(text, "cmd-", 4) != 0)
        return false;
    size_t length = strnlen(text + 4, 33);
    return length >= 8 && length <= 32 && id_is_hex(text + 4, length);
}

/* Copies at most `max` characters of `from`, made fit for a DNS label, without '-' at the ends. */
static void label_part(char *to, const char *from, size_t max) {
    size_t used = 0;
    for (; *from && used < max; from++) {
        char c = (char)tolower((unsigned char)*from);
        if (lower_alnum(c))
            to[used++] = c;
        else if (used)
            to[used++] = '-';
    }
    while (used && to[used - 1] == '-')
        used--;
    if (!used)
        to[used++] = 'x';
    to[used] = '\0';
}

void id_make_session_name(char *name, const char *user, const char *template_name) {
    char user_part[28], template_part[28], suffix[9];
    label_part(user_part, user, 26);
    label_part(template_part, template_name, 26);
    snprintf(name, SESSION_NAME_MAX + 1, "%s-%s-%s", user_part, template_part, random_hex(suffix, 8));
}

void id_make_command(char *id) {
    char suffix[17];
    snprintf(id, COMMAND_ID_MAX + 1, "cmd-%s", random_hex(suffix, 16));
}
