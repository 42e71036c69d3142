#include "http/proxies.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>

/* Both families in one: IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). */
static bool parse_address(const char *text, unsigned char address[16], bool *ret_v4) {
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    *ret_v4 = inet_pton(AF_INET, text, address + 12) == 1;
    if (*ret_v4)
        memcpy(address, mapped, sizeof mapped);
    return *ret_v4 || inet_pton(AF_INET6, text, address) == 1;
}

static int parse_range(struct http_proxies *proxies, const char *text, struct err *err) {
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    _cleanup_free_ char *address = str_ndup(text, length);
    bool v4;
    int64_t bits = 0;
    if (proxies->count == HTTP_PROXIES_MAX)
        return err_set(err, ERR_INVALID, "bad_proxies", "more than %d addresses", HTTP_PROXIES_MAX);
    if (!parse_address(address, proxies->ranges[proxies->count].address, &v4) ||
        (slash && !str_to_i64(slash + 1, 0, v4 ? 32 : 128, &bits)))
        return err_set(err, ERR_INVALID, "bad_proxies",
                       "\"%.80s\" is neither an address nor a range such as 10.0.0.0/8", text);
    if (!slash)
        bits = v4 ? 32 : 128;
    proxies->ranges[proxies->count++].bits = (unsigned)bits + (v4 ? 96 : 0);
    return 0;
}

int http_proxies_parse(struct http_proxies *proxies, const char *text, struct err *err) {
    _cleanup_strv_ struct strv parts = {0};
    strv_split(&parts, text, ',');
    proxies->count = 0;
    for (size_t i = 0; i < parts.count; i++)
        if (parse_range(proxies, parts.items[i], err) < 0)
            return -1;
    return 0;
}

static bool agrees(const unsigned char *a, const unsigned char *b, unsigned bits) {
    unsigned rest = bits % 8;
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    return !rest || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

bool http_proxies_trust(const struct http_proxies *proxies, const char *text) {
    unsigned char address[16];
    bool v4;
    if (!proxies->count || !parse_address(text, address, &v4))
        return false;
    for (size_t i = 0; i < proxies->count; i++)
        if (agrees(address, proxies->ranges[i].address, proxies->ranges[i].bits))
            return true;
    return false;
}

/* "1.2.3.4", "1.2.3.4:5", "::1", "[::1]", "[::1]:5" → the address in its usual form. False for what is none
 * ("unknown", "_hidden"). */
static bool node_address(const char *text, char *address) {
    _cleanup_free_ char *copy = str_dup(text);
    char *begin = copy;
    if (*begin == '[') {
        char *end = strchr(++begin, ']');
        if (!end)
            return false;
        *end = '\0';
    } else if (strchr(begin, ':') && strchr(begin, ':') == strrchr(begin, ':')) {
        *strchr(begin, ':') = '\0';
    }
    unsigned char bytes[16];
    bool v4;
    if (!parse_address(begin, bytes, &v4))
        return false;
    if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)bytes))
        inet_ntop(AF_INET, bytes + 12, address, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, bytes, address, INET6_ADDRSTRLEN);
    return true;
}

void http_proxies_x_forwarded(const struct http_proxies *proxies, const char *forwarded_for,
                              const char *forwarded_proto, char *address, bool *secure) {
    _cleanup_strv_ struct strv hops = {0}, schemes = {0};
    if (forwarded_for && strlen(forwarded_for) <= HTTP_FORWARDED_MAX)
        strv_split(&hops, forwarded_for, ',');
    for (size_t i = hops.count; i--;) {
        char hop[INET6_ADDRSTRLEN];
        if (!node_address(hops.items[i], hop))
            break;
        str_copy(address, INET6_ADDRSTRLEN, hop);
        if (!http_proxies_trust(proxies, hop))
            break;
    }
    if (forwarded_proto && strlen(forwarded_proto) <= HTTP_FORWARDED_MAX)
        strv_split(&schemes, forwarded_proto, ',');
    if (schemes.count) /* the nearest proxy's: what stands before it may be the client's invention */
        *secure = strcasecmp(schemes.items[schemes.count - 1], "https") == 0;
}

/* One parameter of an element of Forwarded: `for="[::1]:80"`. Owned text without quotes, or NULL. */
static char *parameter(const char *element, const char *name) {
    _cleanup_strv_ struct strv pairs = {0};
    strv_split(&pairs, element, ';');
    for (size_t i = 0; i < pairs.count; i++) {
        char *equals = strchr(pairs.items[i], '=');
        if (!equals || (size_t)(equals - pairs.items[i]) != strlen(name) ||
            strncasecmp(pairs.items[i], name, strlen(name)) != 0)
            continue;
        size_t length = strlen(++equals);
        if (length >= 2 && *equals == '"' && equals[length - 1] == '"')
            return str_ndup(equals + 1, length - 2);
        return str_dup(equals);
    }
    return NULL;
}

void http_proxies_forwarded(const struct http_proxies *proxies, const char *forwarded, char *address,
                            bool *secure) {
    _cleanup_strv_ struct strv elements = {0};
    /* A comma inside quotes would be cut in two: none of what is read here has one. */
    if (forwarded && strlen(forwarded) <= HTTP_FORWARDED_MAX)
        strv_split(&elements, forwarded, ',');
    for (size_t i = elements.count; i--;) {
        char hop[INET6_ADDRSTRLEN];
        _cleanup_free_ char *node = parameter(elements.items[i], "for");
        _cleanup_free_ char *scheme = parameter(elements.items[i], "proto");
        if (scheme)
            *secure = strcasecmp(scheme, "https") == 0;
        if (!node || !node_address(node, hop))
            break;
        str_copy(address, INET6_ADDRSTRLEN, hop);
        if (!http_proxies_trust(proxies, hop))
            break;
    }
}
