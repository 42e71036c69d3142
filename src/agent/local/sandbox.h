/* What a sandbox consists of: the arguments of bubblewrap, the small files made for it, the display's
 * configuration.
 *
 * All pure: nothing here touches the system but to ask which directories of /etc exist. The launcher
 * (launch.h) makes places under /tmp of a mount namespace of its own, from which bubblewrap takes what it
 * binds: so nothing of the agent's state directory needs to be open to the session's user id.
 */
#ifndef SS_AGENT_LOCAL_SANDBOX_H
#define SS_AGENT_LOCAL_SANDBOX_H

#include "agent/runtime.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Where the launcher puts things, in its own mount namespace. */
#define PLACE_ROOT "/tmp"
#define PLACE_RUN "/tmp/run"         /* the session's private directory: a tmpfs */
#define PLACE_HOME "/tmp/home"       /* a persistent home */
#define PLACE_PROGRAM "/tmp/program" /* the streamspace binary */

/* Where they are in the sandbox. */
#define SANDBOX_RUN "/run/streamspace"
#define SANDBOX_HOME "/home/user"
#define SANDBOX_PROGRAM "/opt/streamspace/streamspace"
#define SANDBOX_UID 1000
#define SANDBOX_RUN_BYTES (16 * 1024 * 1024) /* logs and sockets */

#define PORT_SOCKET "port.sock"
#define SESSION_LOG "session.log"
#define DISPLAY_LOG "display.log" /* what bubblewrap and the display itself say */

/* Descriptors that bubblewrap (and behind it the display) gets, by number. */
enum sandbox_fd {
    SANDBOX_FD_PORT = 3, /* listening socket of the session's port: goes through to the display */
    SANDBOX_FD_INFO,     /* bubblewrap tells the pid of process 1 */
    SANDBOX_FD_CONFIG,   /* a pipe: the display's configuration; bubblewrap waits for its end */
    SANDBOX_FD_SECCOMP,
    SANDBOX_FD_FILES, /* the first of the small files' */
};

#define SANDBOX_FILES_MAX 8
struct sandbox_file {
    const char *path; /* in the sandbox */
    char *text;       /* owned */
};
struct sandbox_files {
    struct sandbox_file items[SANDBOX_FILES_MAX];
    size_t count;
};
/* passwd, group, hosts …, made for one session. `resolv_conf` is borrowed; NULL without network. */
void sandbox_files_make(struct sandbox_files *ret, const char *session_id, const char *resolv_conf);
void sandbox_files_finish(struct sandbox_files *files);

/* Sizes of a session's memory file systems. They count as its memory, so they are shares of its ceiling: a
 * full one says "no space left" before the session is out of memory. */
struct sandbox_sizes {
    int64_t home, tmp, shm, run_user;
};
/* `home_bytes` 0: a quarter of the ceiling; more than half of the ceiling is cut to that. */
struct sandbox_sizes sandbox_sizes_of(int64_t memory_bytes, int64_t home_bytes);

struct sandbox_shape {
    const char *bwrap; /* path of the program */
    const char *session_id;
    const struct sandbox_files *files;
    struct sandbox_sizes sizes;
    bool persistent_home;
    bool own_namespaces; /* the session may make user namespaces */
    const char *command; /* the application: brings its directory of /opt along */
};
/* The whole argument vector, from bubblewrap to the display's. */
void sandbox_arguments(struct strv *ret, const struct sandbox_shape *shape);

/* The display's configuration (JSON, owned, holds the token). NULL when the strings are no UTF-8. */
char *sandbox_display_config(const struct session_spec *spec);

#endif
