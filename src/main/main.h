/* The program's roles. This is the only room that wires the others together. */
#ifndef SS_MAIN_MAIN_H
#define SS_MAIN_MAIN_H

#include "base/err.h"

/* Each parses its own words (argv[0] is the role) and returns the exit status: 0, 1 failed, 2 wrong usage. */
int server_main(int argc, char **argv);
int agent_main(int argc, char **argv);
int up_main(int argc, char **argv);
int backup_main(int argc, char **argv);
int restore_main(int argc, char **argv);

/* What `up` tells its children, and they it, beside flags: */
#define READY_FD_VARIABLE                                                                                    \
    "STREAMSPACE_READY_FD" /* the server writes "key value" lines to it, then closes it */

/* $XDG_STATE_HOME/streamspace or ~/.local/state/streamspace; /var/lib/streamspace for root. Owned by the
 * caller. */
char *default_data_dir(void);
/* The running program's own path (for children). Owned by the caller. */
int own_path(char **ret, struct err *err);
/* As many descriptors as the hard limit allows: a server holds two for each stream, an agent three. */
void raise_descriptor_limit(void);
/* "streamspace <role>: message" on standard error; returns `status`. */
int role_failed(const char *role, const struct err *err, int status);

#endif
