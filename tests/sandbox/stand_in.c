/* Stands in for `streamspace display` in tests of the sandbox: the same contract (configuration, port, status
 * lines), no X server. The application's command decides what else it does:
 *
 *   any command         is run; its end ends the session
 *   mode:silent         never says that it runs
 *   mode:nonsense       writes status lines that are none
 *   mode:flood          writes status lines without end
 *   mode:die            exits at once without a word
 *
 * The stream greets with "RFB 003.008\n" and echoes.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS_MAX 64

enum role { ASKING, STREAM, STATUS };
struct client {
    int fd;
    enum role role;
    char head[2048];
    size_t length;
};

static struct client clients[CLIENTS_MAX];
static size_t client_count;
static char status_line[512];
static const char *token;

static void say(int fd, const char *text) {
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void set_status(const char *line) {
    snprintf(status_line, sizeof status_line, "%s\n", line);
    for (size_t i = 0; i < client_count; i++)
        if (clients[i].role == STATUS)
            say(clients[i].fd, status_line);
}

static void drop(size_t index) {
    close(clients[index].fd);
    clients[index] = clients[--client_count];
}

/* False when the client is to be dropped. */
static bool answer(struct client *client) {
    char expected[128];
    snprintf(expected, sizeof expected, "Authorization: Bearer %s\r\n", token);
    if (!strstr(client->head, expected)) {
        say(client->fd, "HTTP/1.1 401 Unauthorized\r\n\r\n");
        return false;
    }
    bool stream = strncmp(client->head, "GET /stream ", 12) == 0;
    client->role = stream ? STREAM : STATUS;
    say(client->fd,
        stream ? "HTTP/1.1 101 Switching Protocols\r\nUpgrade: streamspace-stream\r\n\r\nRFB 003.008\n"
               : "HTTP/1.1 101 Switching Protocols\r\nUpgrade: streamspace-status\r\n\r\n");
    if (!stream)
        say(client->fd, status_line);
    return true;
}

static bool serve(struct client *client) {
    char chunk[1024];
    ssize_t got = read(client->fd, chunk, sizeof chunk - 1);
    if (got <= 0)
        return false;
    if (client->role == STREAM)
        (void)!send(client->fd, chunk, (size_t)got, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (client->role != ASKING)
        return true;
    if (client->length + (size_t)got >= sizeof client->head)
        return false;
    memcpy(client->head + client->length, chunk, (size_t)got);
    client->length += (size_t)got;
    client->head[client->length] = '\0';
    return strstr(client->head, "\r\n\r\n") ? answer(client) : true;
}

static pid_t run_application(json_t *config) {
    json_t *words = json_object_get(config, "command");
    size_t count = json_array_size(words);
    char **arguments = calloc(count + 1, sizeof *arguments);
    for (size_t i = 0; i < count; i++)
        arguments[i] = strdup(json_string_value(json_array_get(words, i)));
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int log = open(json_string_value(json_object_get(config, "log")), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log, 1);
    dup2(log, 2);
    clearenv();
    const char *name;
    json_t *value;
    json_object_foreach (json_object_get(config, "env"), name, value)
        setenv(name, json_string_value(value), 1);
    (void)!chdir(json_string_value(json_object_get(config, "workdir")));
    execvp(arguments[0], arguments);
    dprintf(2, "cannot run %s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

static int finish(int wait_status) {
    int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
    char line[200];
    snprintf(line, sizeof line,
             "{\"state\":\"ended\",\"failed\":%s,\"reason\":\"application exited with code %d\"}",
             code ? "true" : "false", code);
    set_status(line);
    return code ? 1 : 0;
}

/* Runs the session. Returns the exit code. */
static int serve_all(int port, int signals, pid_t application) {
    for (;;) {
        struct pollfd entries[CLIENTS_MAX + 2] = {{.fd = port, .events = POLLIN},
                                                  {.fd = signals, .events = POLLIN}};
        for (size_t i = 0; i < client_count; i++)
            entries[i + 2] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
        poll(entries, client_count + 2, -1);
        for (size_t i = client_count; i > 0; i--)
            if (entries[i + 1].revents && !serve(&clients[i - 1]))
                drop(i - 1);
        if (entries[0].revents && client_count < CLIENTS_MAX)
            clients[client_count++] = (struct client){.fd = accept4(port, NULL, NULL, SOCK_CLOEXEC)};
        struct signalfd_siginfo info;
        if (!entries[1].revents || read(signals, &info, sizeof info) != sizeof info)
            continue;
        if (info.ssi_signo == SIGTERM) {
            kill(application, SIGTERM);
            waitpid(application, NULL, 0);
            set_status("{\"state\":\"ended\",\"failed\":false,\"reason\":\"stopped\"}");
            return 0;
        }
        pid_t pid;
        int status;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == application)
                return finish(status);
    }
}

static int misbehave(const char *mode, int port) {
    if (strcmp(mode, "mode:die") == 0)
        return 3;
    int fd = accept(port, NULL, NULL);
    char drain[2048];
    (void)!read(fd, drain, sizeof drain);
    say(fd, "HTTP/1.1 101 Switching Protocols\r\n\r\n{\"state\":\"starting\",\"stage\":\"misbehaving\"}\n");
    if (strcmp(mode, "mode:nonsense") == 0)
        say(fd, "what?\n");
    while (strcmp(mode, "mode:flood") == 0 &&
           send(fd, "{\"state\":\"starting\",\"stage\":\"flood\"}\n", 38, MSG_NOSIGNAL) > 0)
        ;
    for (;;)
        pause();
}

int main(int argc, char **argv) {
    if (argc < 4 || strcmp(argv[1], "display") != 0 || strcmp(argv[2], "--config") != 0)
        return 2;
    json_error_t error;
    json_t *config = json_load_file(argv[3], 0, &error);
    unlink(argv[3]);
    if (!config) {
        fprintf(stderr, "no configuration: %s\n", error.text);
        return 2;
    }
    int port;
    token = json_string_value(json_object_get(config, "token"));
    if (sscanf(json_string_value(json_object_get(config, "listen")), "fd:%d", &port) != 1)
        return 2;
    fcntl(port, F_SETFD, FD_CLOEXEC);
    const char *first = json_string_value(json_array_get(json_object_get(config, "command"), 0));
    if (strncmp(first, "mode:", 5) == 0 && strcmp(first, "mode:silent") != 0)
        return misbehave(first, port);
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGCHLD);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    int signals = signalfd(-1, &wanted, SFD_CLOEXEC);
    set_status("{\"state\":\"starting\",\"stage\":\"starting application\"}");
    pid_t application = -1;
    if (strcmp(first, "mode:silent") != 0) {
        application = run_application(config);
        set_status("{\"state\":\"running\",\"pid\":2}");
    }
    return serve_all(port, signals, application);
}
