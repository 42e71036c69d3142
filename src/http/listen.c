#include "http/listen.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define BACKLOG 1024

static int resolve(const char *text, struct addrinfo **ret, struct err *err) {
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (!colon || colon == text || !str_to_i64(colon + 1, 0, 65535, &port))
        return err_set(err, ERR_INVALID, NULL, "\"%s\" is no address: 127.0.0.1:8000 or [::1]:8000 is meant",
                       text);
    size_t length = (size_t)(colon - text);
    bool bracketed = text[0] == '[' && text[length - 1] == ']' && length > 2;
    _cleanup_free_ char *host = bracketed ? str_ndup(text + 1, length - 2) : str_ndup(text, length);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    if (!str_eq(host, "localhost"))
        hints.ai_flags |= AI_NUMERICHOST;
    int code = getaddrinfo(host, colon + 1, &hints, ret);
    if (code != 0)
        return err_set(err, ERR_INVALID, NULL, "\"%s\" is no address: %s", text, gai_strerror(code));
    return 0;
}

int http_listen(const char *text, int *ret, struct err *err) {
    struct addrinfo *address;
    if (resolve(text, &address, err) < 0)
        return -1;
    _cleanup_close_ int fd =
        socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol);
    int bound = -1;
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        if (address->ai_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
        bound = bind(fd, address->ai_addr, address->ai_addrlen);
        if (bound == 0)
            bound = listen(fd, BACKLOG);
    }
    int number = errno;
    freeaddrinfo(address);
    errno = number;
    if (bound == 0) {
        *ret = steal_fd(&fd);
        return 0;
    }
    if (number == EADDRINUSE)
        return err_set(err, ERR_CONFLICT, "address_in_use", "%s is in use by another program", text);
    return err_errno(err, "cannot listen on %s", text);
}

uint16_t http_listen_port(int fd) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
    if (address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port);
    return 0;
}
