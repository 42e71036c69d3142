/* Starting a program as a child in a session and process group of its own, and saying how it ended.
 *
 * Children are reaped by whoever calls waitpid(-1) (the supervisor, which also reaps orphans), not here.
 */
#ifndef SS_DISPLAY_CHILD_H
#define SS_DISPLAY_CHILD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CHILD_FDS_MAX 4
#define CHILD_EXEC_LIMIT_MS 5000 /* from fork to exec: a disk or home that hangs must not hang us */

struct child_fd {
    int from; /* ours, borrowed */
    int to;   /* its number in the child, 3 or more */
};

struct child_spec {
    const char *path;    /* of the executable */
    char *const *argv;   /* NULL-terminated */
    char *const *env;    /* NULL-terminated; the whole environment */
    const char *workdir; /* or NULL: "/" . A directory that cannot be entered is replaced by "/" */
    int output;          /* becomes standard output and error */
    struct child_fd fds[CHILD_FDS_MAX];
    size_t fd_count;
    /* Where to write the child's own pid in decimal before it executes: inside a string of `env` with room
     * for 11 bytes ("LISTEN_PID=" wants it), or NULL. Only the child's copy changes. */
    char *pid_text;
};

/* Forks and executes; returns when the program has taken over. Standard input is /dev/null, every signal is
 * at its default and unblocked, no other descriptor is inherited. The child is killed should this process
 * die. Errors: code "exec_failed" with err.sys the errno of execve; "exec_timeout"; or that of fork. */
int child_spawn(pid_t *ret, const struct child_spec *spec, struct err *err);

/* Finds an executable as execvp would, in `search` ("/a:/b"); a name with a slash is taken as it is.
 * *ret is owned. False when there is none. */
bool child_find(const char *name, const char *search, char **ret);

#define CHILD_END_MAX 64
/* "exited with code 3" or "killed by signal SIGSEGV"; `text` has CHILD_END_MAX bytes. Returns `text`. */
const char *child_end_text(int wait_status, char *text);
/* True for exit code 0. */
bool child_end_is_clean(int wait_status);

#endif
