/* Listening sockets from text. */
#ifndef SS_HTTP_LISTEN_H
#define SS_HTTP_LISTEN_H

#include "base/err.h"

#include <stdint.h>

/* Binds and listens on "127.0.0.1:8000", "[::1]:0" or "0.0.0.0:80" (numeric addresses, or "localhost"): *ret
 * is close-on-exec. "[::]:80" takes IPv4 as well. ERR_INVALID for malformed text, ERR_CONFLICT
 * "address_in_use" when the port is taken. */
int http_listen(const char *text, int *ret, struct err *err);
/* The port of a bound socket, 0 when it has none. */
uint16_t http_listen_port(int fd);

#endif
