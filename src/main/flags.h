/* What the roles up, server and agent are told at start: the server's settings (control/settings, pinned
 * here) and the agent's own flags, from argv, variables and the file of --config.
 *
 * `up` takes both. One file may serve all roles: a key that another role knows is no mistake.
 */
#ifndef SS_MAIN_FLAGS_H
#define SS_MAIN_FLAGS_H

#include "base/options.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum role { ROLE_UP = 1, ROLE_SERVER = 2, ROLE_AGENT = 4, ROLE_BACKUP = 8, ROLE_RESTORE = 16 };
const char *role_name(enum role role);

/* The agent's flags. Texts are borrowed from argv, the environment or the table, or live as long as the
 * process. */
struct role_flags {
    const char *config, *data_dir, *log_level, *log_format;
    const char *agent_id, *control_plane_url, *runtime, *api_key, *on_exit, *region, *ca_file;
    int64_t max_sessions, heartbeat;
    double cpu_overcommit, memory_overcommit;
    struct strv labels;
    bool check;        /* server: look, and do not start */
    struct strv words; /* backup, restore: what is no flag */
};

/* Parses for one role, pins the server's settings (up, server) and sets up logging. False: *ret_status is the
 * exit status (0 after --help, 2 wrong usage). */
bool flags_parse(enum role role, int argc, char **argv, struct role_flags *flags, int *ret_status);
void flags_finish(struct role_flags *flags);

/* The rows that a role takes beside the settings: for help. */
size_t flags_agent_rows(enum role role, struct option_spec *table, size_t max);

/* flags_help.c: what --help prints; --help=markdown and --help=man print the tables of docs/settings.md and
 * of the manual page. */
void flags_print_help(enum role role);
void flags_print_markdown(void);
void flags_print_man(void);

#endif
