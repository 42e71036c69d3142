/* Flags and variables of the roles up, server and agent: one table, from which parsing, --help and the manual
 * page are made. A role takes the rows that name it.
 */
#ifndef SS_MAIN_FLAGS_H
#define SS_MAIN_FLAGS_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum role { ROLE_UP = 1, ROLE_SERVER = 2, ROLE_AGENT = 4 };

struct role_flags {
    const char *listen, *data_dir, *database, *public_url, *advertise;
    const char *log_level, *log_format;
    const char *agent_id, *control_plane_url, *runtime, *api_key, *on_exit, *region, *ca_file, *ready_agent;
    int64_t max_sessions, heartbeat, threads;
    double cpu_overcommit, memory_overcommit;
    struct strv labels;
};

/* Parses for one role and sets up logging. False: *ret_status is the exit status (0 after --help, 2 wrong
 * usage). */
bool flags_parse(enum role role, int argc, char **argv, struct role_flags *flags, int *ret_status);
void flags_finish(struct role_flags *flags);

#endif
