/* A client of bytes for tests of the server: what is sent and what comes back, with a limit on every wait. */
#ifndef SS_TESTS_HTTP_WIRE_H
#define SS_TESTS_HTTP_WIRE_H

#include "base/clock.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define WIRE_WAIT_MS 10000

static inline int wire_connect(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        abort();
    return fd;
}

/* False when the other side has closed. */
static inline bool wire_send(int fd, const void *data, size_t length) {
    const char *at = data;
    while (length) {
        ssize_t n = send(fd, at, length, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        length -= (size_t)n;
    }
    return true;
}

static inline bool wire_puts(int fd, const char *text) {
    return wire_send(fd, text, strlen(text));
}

/* Reads once: bytes, 0 at the end, -1 when nothing came in time, -2 on a reset. */
static inline ssize_t wire_read(int fd, char *data, size_t max, int wait_ms) {
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    if (poll(&waiting, 1, wait_ms) <= 0)
        return -1;
    ssize_t n = recv(fd, data, max, 0);
    return n < 0 ? -2 : n;
}

/* Appends to `text` until it has `needle`, or the connection ends (needle NULL: until then). */
static inline bool wire_until(int fd, struct strbuf *text, const char *needle) {
    int64_t limit = clock_ms() + WIRE_WAIT_MS;
    while (!needle || !text->data || !memmem(text->data, text->length, needle, strlen(needle))) {
        char block[65536];
        int64_t left = limit - clock_ms();
        ssize_t n = wire_read(fd, block, sizeof block, left > 0 ? (int)left : 0);
        if (n == 0 || n == -2)
            return !needle;
        if (n < 0)
            return false;
        strbuf_append(text, block, (size_t)n);
    }
    return true;
}

/* Sends a request on a connection of its own and returns all that comes back until the end, owned. The
 * request must ask for "Connection: close", or be one that the server closes after. */
static inline char *wire_exchange_bytes(uint16_t port, const void *request, size_t length) {
    int fd = wire_connect(port);
    wire_send(fd, request, length);
    struct strbuf answer = STRBUF_MAX(16 * 1024 * 1024);
    if (!wire_until(fd, &answer, NULL)) {
        strbuf_clear(&answer);
        strbuf_puts(&answer, "(no end)");
    }
    close(fd);
    return strbuf_steal(&answer);
}

static inline char *wire_exchange(uint16_t port, const char *request) {
    return wire_exchange_bytes(port, request, strlen(request));
}

#endif
