#include "http/websocket.h"

#include "base/str.h"
#include "http/server.h"

#include <sodium.h>
#include <strings.h>

/* SHA-1 (RFC 3174) of a short text. Only the WebSocket handshake needs it, where it proves nothing but that
 * the other side speaks WebSocket; nothing that must be secret or authentic may use it. */
#define SHA1_BYTES 20
#define SHA1_TEXT_MAX 119 /* two blocks */

static uint32_t rotate(uint32_t value, unsigned bits) {
    return value << bits | value >> (32 - bits);
}

static void sha1_block(uint32_t h[5], const uint8_t *block) {
    uint32_t w[80];
    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (unsigned i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (unsigned i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20) {
            f = (b & c) | (~b & d);
            k = 0x5a827999;
        } else if (i < 40) {
            f = b ^ c ^ d;
            k = 0x6ed9eba1;
        } else if (i < 60) {
            f = (b & c) | (b & d) | (c & d);
            k = 0x8f1bbcdc;
        } else {
            f = b ^ c ^ d;
            k = 0xca62c1d6;
        }
        uint32_t next = rotate(a, 5) + f + e + k + w[i];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

static void sha1_short(const char *text, size_t length, uint8_t digest[SHA1_BYTES]) {
    uint8_t blocks[128] = {0};
    memcpy(blocks, text, length);
    blocks[length] = 0x80;
    size_t total = length + 9 <= 64 ? 64 : 128;
    blocks[total - 2] = (uint8_t)(length * 8 >> 8);
    blocks[total - 1] = (uint8_t)(length * 8);
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    for (size_t at = 0; at < total; at += 64)
        sha1_block(h, blocks + at);
    for (unsigned i = 0; i < SHA1_BYTES; i++)
        digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

void websocket_accept_value(const char *key, char *accept) {
    char text[SHA1_TEXT_MAX + 1];
    struct strbuf joined = STRBUF_FIXED(text);
    strbuf_puts(&joined, key);
    strbuf_puts(&joined, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    uint8_t digest[SHA1_BYTES];
    sha1_short(text, joined.length, digest);
    sodium_bin2base64(accept, WEBSOCKET_ACCEPT_SIZE, digest, sizeof digest, sodium_base64_VARIANT_ORIGINAL);
}

/* True when a comma-separated header has this word, whatever its case (RFC 9110 section 5.6.1). */
static bool has_word(const char *list, const char *word) {
    size_t word_length = strlen(word);
    while (list && *list) {
        list += strspn(list, " \t,");
        size_t length = strcspn(list, ",");
        size_t trimmed = length;
        while (trimmed && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed == word_length && strncasecmp(list, word, word_length) == 0)
            return true;
        list += length;
    }
    return false;
}

int http_websocket_accept(const struct http_request *request, char *accept, struct err *err) {
    if (!has_word(http_header(request, "Upgrade"), "websocket") ||
        !has_word(http_header(request, "Connection"), "Upgrade"))
        return err_set(err, ERR_INVALID, "websocket_expected", "a WebSocket handshake is expected here");
    const char *version = http_header(request, "Sec-WebSocket-Version");
    if (!str_eq(version, "13"))
        return err_set(err, ERR_INVALID, "websocket_version", "WebSocket version 13 is the only one spoken");
    const char *key = http_header(request, "Sec-WebSocket-Key");
    uint8_t nonce[17];
    size_t length = 0;
    if (!key ||
        sodium_base642bin(nonce, sizeof nonce, key, strlen(key), NULL, &length, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        length != 16)
        return err_set(err, ERR_INVALID, "websocket_key", "Sec-WebSocket-Key must be 16 bytes in base64");
    websocket_accept_value(key, accept);
    return 0;
}
