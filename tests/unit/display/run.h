/* A real `streamspace display` for tests: started in a directory of its own, spoken to through its port, and
 * ended with a look at what it left behind. Everything waits with a limit. */
#ifndef SS_TESTS_DISPLAY_RUN_H
#define SS_TESTS_DISPLAY_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#define RUN_TOKEN "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define RUN_LIMIT_MS 20000

struct run {
    pid_t pid;
    char dir[64];
    char port[96];   /* path of the Unix socket */
    char config[96]; /* path */
    char log[96];    /* path */
    int errors;      /* its standard error */
    int64_t started; /* clock_ms */
};

struct run_options {
    const char *command;       /* JSON list */
    const char *more;          /* further members of the configuration, beginning with a comma, or NULL */
    const char *listen;        /* instead of a socket that is handed over, or NULL */
    const char *const *prefix; /* words before the program, NULL-terminated, or NULL */
};

/* The program under test, from the test's command line. */
void run_set_program(const char *path);
/* Its name, as the kernel keeps it. */
const char *run_program_name(void);

void run_start(struct run *run, const struct run_options *options);
/* Waits for its end; returns the wait status. Fails when anything is left: processes, sockets, directories.
 */
int run_wait(struct run *run);
/* Kills whatever still runs and removes its directory: after a test that failed. */
void run_abandon(void);
/* SIGTERM, then run_wait; fails when the exit code is not 0. */
void run_stop(struct run *run);

/* Sends a request and returns the answer, head and body; owned. `headers` are whole lines or "". */
char *run_request(struct run *run, const char *method_and_path, const char *headers);
/* Asks for an upgrade with the right token; the socket behind the 101, or -1. `headers` as above. */
int run_upgrade(struct run *run, const char *path, const char *protocol, const char *headers,
                char **ret_head);
/* Exactly `length` bytes from a socket. False when it ended before. */
bool run_read(int fd, void *data, size_t length);

/* A connection to /status. */
int run_listen(struct run *run);
/* The same, -1 when the display ends before it answers. */
int run_try_listen(struct run *run);
/* The next line of it; NULL at its end. Owned. */
json_t *run_next_state(int status);
/* Reads lines until this state; owned. Fails when it ends without. */
json_t *run_await_state(int status, const char *state);
/* Reads to the end of the session and checks how it ended. */
void run_expect_end(int status, bool failed, const char *reason);

/* Waits until the session's log holds the text. */
void run_await_log(struct run *run, const char *text);
bool run_log_has(struct run *run, const char *text);
/* Waits for a descendant of this name; 0 when `limit_ms` passes without. */
pid_t run_find(struct run *run, const char *name, int limit_ms);
/* Waits until a condition holds. */
void run_until(bool (*condition)(void *arg), void *arg, const char *what);

#endif
