#include "agent/local/port.h"

#include "agent/local/process.h"
#include "agent/local/sandbox.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int wait_for_answer(int fd, int cancel, int64_t deadline_ms, struct err *err) {
    struct pollfd entries[] = {{.fd = fd, .events = POLLIN}, {.fd = cancel, .events = POLLIN}};
    int ready;
    while ((ready = poll(entries, 2, deadline_left(deadline_ms))) < 0 && errno == EINTR)
        ;
    if (ready < 0)
        return err_errno(err, "cannot wait for the display");
    if (entries[1].revents)
        return err_set(err, ERR_UNAVAILABLE, NULL, "given up");
    return ready > 0 ? 0 : err_set(err, ERR_UNAVAILABLE, NULL, "the display does not answer");
}

/* Through /proc, the socket that was looked at is the one that is connected to; and the path is short. */
static int connect_port(const struct port *port, int *ret, struct err *err) {
    _cleanup_close_ int place = openat(port->run_fd, PORT_SOCKET, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    if (place < 0 || fstat(place, &status) < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "the session has no port");
    if (!S_ISSOCK(status.st_mode))
        return err_set(err, ERR_DENIED, NULL, "the session's port is not a socket");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", place);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, "cannot make a socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        err_errno(err, "the display cannot be reached");
        if (err)
            err->kind = ERR_UNAVAILABLE;
        return -1;
    }
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return err_errno(err, "cannot see who serves the session's port");
    if (peer.uid != port->uid)
        return err_set(err, ERR_DENIED, NULL, "the session's port is not served by the session");
    *ret = steal_fd(&fd);
    return 0;
}

/* Reads up to and with the empty line, not a byte more: raw bytes may follow at once. Every look must show
 * more than the one before, or one byte is waited for. */
static int read_head(int fd, int cancel, char *head, int64_t deadline_ms, struct err *err) {
    size_t have = 0;
    while (have < PORT_ANSWER_MAX - 1) {
        if (wait_for_answer(fd, cancel, deadline_ms, err) < 0)
            return -1;
        ssize_t seen = recv(fd, head + have, PORT_ANSWER_MAX - 1 - have, MSG_PEEK);
        if (seen < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (seen < 0)
            return err_errno(err, "the display broke off");
        if (seen == 0)
            return err_set(err, ERR_UNAVAILABLE, NULL, "the display broke off");
        head[have + (size_t)seen] = '\0';
        char *end = strstr(head, "\r\n\r\n");
        size_t take = end ? (size_t)(end + 4 - (head + have)) : (size_t)seen;
        if (memchr(head + have, '\0', (size_t)seen) && !end)
            return err_set(err, ERR_UNAVAILABLE, NULL, "the display does not speak HTTP");
        if (recv(fd, head + have, take, 0) != (ssize_t)take)
            return err_errno(err, "the display broke off");
        have += take;
        head[have] = '\0';
        if (end)
            return 0;
    }
    return err_set(err, ERR_UNAVAILABLE, NULL, "the display's answer is too long");
}

static int ask(int fd, const struct port *port, const char *path, const char *protocol, int64_t deadline_ms,
               struct err *err) {
    char text[512];
    int length = snprintf(text, sizeof text,
                          "GET %s HTTP/1.1\r\nHost: session\r\nAuthorization: Bearer %s\r\n"
                          "Connection: Upgrade\r\nUpgrade: %s\r\n\r\n",
                          path, port->token, protocol);
    ssize_t sent = send(fd, text, (size_t)length, MSG_NOSIGNAL);
    explicit_bzero(text, sizeof text);
    if (sent != length) /* a fresh socket takes this much at once */
        return err_errno(err, "the display cannot be asked");
    char head[PORT_ANSWER_MAX];
    if (read_head(fd, port->cancel, head, deadline_ms, err) < 0)
        return -1;
    if (str_starts(head, "HTTP/1.1 101 "))
        return 0;
    char code[4] = "";
    if (str_starts(head, "HTTP/1.1 ") && strspn(head + 9, "0123456789") == 3)
        str_copy(code, sizeof code, head + 9);
    return err_set(err, ERR_UNAVAILABLE, NULL, "the display refuses (%s)", *code ? code : "no HTTP");
}

int port_open(const struct port *port, const char *path, const char *protocol, int64_t deadline_ms,
              int *ret_fd, struct err *err) {
    _cleanup_close_ int fd = -1;
    if (connect_port(port, &fd, err) < 0 || ask(fd, port, path, protocol, deadline_ms, err) < 0)
        return -1;
    *ret_fd = steal_fd(&fd);
    return 0;
}
