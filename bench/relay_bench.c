/* The relay alone: a source, the relay and a sink over loopback TCP in one process. Prints a table: MB/s of
 * one stream and CPU seconds per GB, beside websockify (Debian's package) moving the same bytes in the same
 * run.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "relay/relay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEGABYTE (1000.0 * 1000.0)
#define STREAM_BYTES (INT64_C(2) * 1000 * 1000 * 1000)
#define PEER_BYTES (INT64_C(400) * 1000 * 1000)
#define CHUNK (256 * 1024)

extern char **environ;

static void must(bool done, const char *what) {
    if (done)
        return;
    perror(what);
    exit(1);
}

static int listen_on_loopback(uint16_t *ret_port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    must(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8) == 0, "listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    *ret_port = ntohs(address.sin_port);
    return listener;
}

static int try_connect(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close_fd(fd);
    return -1;
}

static void connected_pair(int fds[2]) {
    uint16_t port;
    int listener = listen_on_loopback(&port);
    fds[0] = try_connect(port);
    fds[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    must(fds[0] >= 0 && fds[1] >= 0, "connect");
    close_fd(listener);
}

struct source {
    int fd;
    int64_t bytes;
};

static void *pour(void *arg) {
    struct source *source = arg;
    _cleanup_free_ char *chunk = mem_zalloc(CHUNK);
    for (int64_t left = source->bytes; left > 0;) {
        ssize_t sent = send(source->fd, chunk, left < CHUNK ? (size_t)left : CHUNK, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        left -= sent;
    }
    shutdown(source->fd, SHUT_WR);
    return NULL;
}

/* Reads until `bytes` have come (frame heads count a little too); the kernel throws them away. */
static void swallow(int fd, int64_t bytes) {
    static char waste[1 << 20];
    while (bytes > 0) {
        ssize_t got = recv(fd, waste, sizeof waste, MSG_TRUNC);
        if (got <= 0)
            return;
        bytes -= got;
    }
}

static double cpu_of(int who) {
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double cpu_of_thread(void) {
    return cpu_of(RUSAGE_THREAD);
}

struct figures {
    double rate; /* MB/s */
    double cpu;  /* seconds per GB, of what moves the bytes alone */
};

static double source_cpu;

static void *pour_measured(void *arg) {
    pour(arg);
    source_cpu = cpu_of_thread();
    return NULL;
}

static struct figures measure(int source_fd, int sink_fd, int64_t bytes) {
    pthread_t thread;
    struct source source = {source_fd, bytes};
    double cpu = cpu_of(RUSAGE_SELF), own = cpu_of_thread();
    int64_t begin = clock_us();
    must(pthread_create(&thread, NULL, pour_measured, &source) == 0, "thread");
    swallow(sink_fd, bytes);
    double seconds = (double)(clock_us() - begin) / 1e6;
    pthread_join(thread, NULL);
    double used = cpu_of(RUSAGE_SELF) - cpu - (cpu_of_thread() - own) - source_cpu;
    return (struct figures){(double)bytes / MEGABYTE / seconds, used / ((double)bytes / 1e9)};
}

static struct figures through_relay(enum relay_kind kind) {
    int a[2], b[2];
    struct relay *relay;
    must(relay_create(&relay, 1, NULL) == 0, "relay");
    connected_pair(a);
    connected_pair(b);
    struct relay_end end_a = {.kind = kind, .fd = a[1]}, end_b = {.kind = RELAY_RAW, .fd = b[1]};
    must(relay_pair_start(relay, NULL, &end_a, &end_b, NULL, NULL, NULL) == 0, "pair");
    struct figures figures = measure(b[0], a[0], STREAM_BYTES);
    close_fd(a[0]);
    close_fd(b[0]);
    relay_destroy(relay);
    return figures;
}

static struct figures direct(void) {
    int a[2];
    connected_pair(a);
    must(fcntl(a[1], F_SETFL, 0) == 0, "fcntl");
    struct figures figures = measure(a[1], a[0], STREAM_BYTES);
    close_fd(a[0]);
    close_fd(a[1]);
    return figures;
}

/* websockify between a TCP target of ours and a WebSocket client of ours. False when it is not installed. */
static bool through_websockify(struct figures *ret) {
    uint16_t target_port, port;
    int target = listen_on_loopback(&target_port);
    close_fd(listen_on_loopback(&port)); /* a free one */
    char listen_text[32], target_text[32];
    snprintf(listen_text, sizeof listen_text, "127.0.0.1:%u", port);
    snprintf(target_text, sizeof target_text, "127.0.0.1:%u", target_port);
    char name[] = "websockify";
    char *argv[] = {name, listen_text, target_text, NULL};
    pid_t child;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1, 0);
    if (posix_spawnp(&child, "websockify", &actions, NULL, argv, environ) != 0)
        return false;
    posix_spawn_file_actions_destroy(&actions);
    int client = -1;
    for (int64_t limit = clock_ms() + 10000; client < 0 && clock_ms() < limit;) {
        client = try_connect(port);
        if (client < 0 && waitpid(child, NULL, WNOHANG) == child)
            return false;
    }
    must(client >= 0, "websockify does not answer");
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n"
        "Sec-WebSocket-Protocol: binary\r\n\r\n";
    must(send(client, request, sizeof request - 1, 0) > 0, "handshake");
    int source = accept4(target, NULL, NULL, SOCK_CLOEXEC);
    pthread_t thread;
    struct source pouring = {source, PEER_BYTES};
    int64_t begin = clock_us();
    must(pthread_create(&thread, NULL, pour, &pouring) == 0, "thread");
    swallow(client, PEER_BYTES);
    double seconds = (double)(clock_us() - begin) / 1e6;
    pthread_join(thread, NULL);
    close_fd(client);
    close_fd(source);
    close_fd(target);
    kill(child, SIGINT); /* so that it waits for its own child, whose time counts */
    waitpid(child, NULL, 0);
    ret->rate = (double)PEER_BYTES / MEGABYTE / seconds;
    ret->cpu = cpu_of(RUSAGE_CHILDREN) / ((double)PEER_BYTES / 1e9);
    return true;
}

static void print_row(const char *name, struct figures figures, double peer_rate) {
    char ratio[32] = "-";
    if (peer_rate > 0)
        snprintf(ratio, sizeof ratio, "%.1f", figures.rate / peer_rate);
    printf("| %-38s | %8.0f | %10.2f | %19s |\n", name, figures.rate, figures.cpu, ratio);
}

int main(void) {
    struct figures peer = {0};
    signal(SIGPIPE, SIG_IGN);
    bool has_peer = through_websockify(&peer);
    printf("\n## Relay: one stream over loopback; source and sink share the cores with it\n\n"
           "| path                                   |     MB/s | CPU s/GB   | ratio to websockify |\n"
           "|----------------------------------------|----------|------------|---------------------|\n");
    print_row("no relay: source to sink", direct(), peer.rate);
    print_row("agent: raw to raw", through_relay(RELAY_RAW), peer.rate);
    print_row("control plane: raw to WebSocket frames", through_relay(RELAY_WEBSOCKET), peer.rate);
    if (has_peer)
        print_row("websockify", peer, peer.rate);
    else
        puts("websockify is not installed: no ratio");
    return 0;
}
