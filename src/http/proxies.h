/* Whose word is taken for where a request comes from: reverse proxies, by address.
 *
 * A proxy that is trusted says in a header for whom it asks: X-Forwarded-For and X-Forwarded-Proto, or
 * Forwarded (RFC 7239). Only one of the two kinds is read, since a proxy that writes the one passes the other
 * on as the client made it up. The chain is followed from its end, where the nearest proxy wrote, as long as
 * its members are trusted themselves: the first that is not is the client.
 */
#ifndef SS_HTTP_PROXIES_H
#define SS_HTTP_PROXIES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define HTTP_PROXIES_MAX 64
#define HTTP_FORWARDED_MAX (8 * 1024) /* bytes of the header; more is as none */

struct http_proxies {
    struct {
        unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
        unsigned bits;             /* of the 128 that must agree */
    } ranges[HTTP_PROXIES_MAX];
    size_t count;
    bool rfc7239; /* read Forwarded, not X-Forwarded-… */
};

/* "10.0.0.0/8, 192.168.1.7,fd00::/8". ERR_INVALID naming the part that is none. */
int http_proxies_parse(struct http_proxies *proxies, const char *text, struct err *err);
/* `address` as text ("10.1.2.3"); false for what is no address. */
bool http_proxies_trust(const struct http_proxies *proxies, const char *address);

/* What the headers (joined by ", " where there were several; NULL: none) say of a request whose peer is
 * trusted. `address` (INET6_ADDRSTRLEN) holds the peer and becomes the client; *secure becomes true when the
 * client came by https. */
void http_proxies_x_forwarded(const struct http_proxies *proxies, const char *forwarded_for,
                              const char *forwarded_proto, char *address, bool *secure);
void http_proxies_forwarded(const struct http_proxies *proxies, const char *forwarded, char *address,
                            bool *secure);

#endif
