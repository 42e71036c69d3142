#include "main/flags.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/options.h"

#include <stdio.h>

#define ROWS_MAX 40

struct row {
    int roles;
    struct option_spec spec;
};

#define FIELD(name) OPTION_FIELD(struct role_flags, name)
#define TEXT(roles, name, env, field, metavar, preset, help)                                                 \
    {                                                                                                        \
        roles, {                                                                                             \
            name, env, OPTION_TEXT, FIELD(field), metavar, preset, NULL, 0, 0, false, help                   \
        }                                                                                                    \
    }
#define CHOICE(roles, name, env, field, choices, preset, help)                                               \
    {                                                                                                        \
        roles, {                                                                                             \
            name, env, OPTION_CHOICE, FIELD(field), NULL, preset, choices, 0, 0, false, help                 \
        }                                                                                                    \
    }
#define NUMBER(roles, name, env, field, metavar, preset, min, max, help)                                     \
    {                                                                                                        \
        roles, {                                                                                             \
            name, env, OPTION_INTEGER, FIELD(field), metavar, preset, NULL, min, max, false, help            \
        }                                                                                                    \
    }
#define FACTOR(roles, name, env, field, preset, help)                                                        \
    {                                                                                                        \
        roles, {                                                                                             \
            name, env, OPTION_NUMBER, FIELD(field), "FACTOR", preset, NULL, 0, 0, false, help                \
        }                                                                                                    \
    }

#define BOTH (ROLE_UP | ROLE_SERVER)
#define RUNS (ROLE_UP | ROLE_AGENT)
#define ALL (ROLE_UP | ROLE_SERVER | ROLE_AGENT)

static const struct row rows[] = {
    TEXT(BOTH, "listen", "STREAMSPACE_LISTEN", listen, "ADDRESS:PORT", "127.0.0.1:8000",
         "where to serve; port 0 takes a free one"),
    TEXT(ALL, "data-dir", "STREAMSPACE_DATA_DIR", data_dir, "DIRECTORY", NULL,
         "where data is kept ($XDG_STATE_HOME/streamspace; /var/lib/streamspace for root)"),
    TEXT(BOTH, "database", "STREAMSPACE_DATABASE", database, "URL", NULL,
         "sqlite:///path (default: streamspace.db in the data directory)"),
    TEXT(BOTH, "public-url", "STREAMSPACE_PUBLIC_URL", public_url, "URL", NULL,
         "how browsers reach this server, when not by --listen"),
    TEXT(ROLE_SERVER, "advertise", "STREAMSPACE_ADVERTISE", advertise, "URL", NULL,
         "how other servers reach this one"),
    NUMBER(ROLE_SERVER, "threads", "STREAMSPACE_THREADS", threads, "N", "0", 0, 256,
           "request threads; 0: one per core"),
    TEXT(ROLE_SERVER, "ready-agent", "STREAMSPACE_READY_AGENT", ready_agent, "AGENT", NULL,
         "/readyz waits for this agent to be online"),
    TEXT(ROLE_AGENT, "control-plane-url", "STREAMSPACE_CONTROL_PLANE_URL", control_plane_url, "URL[,URL]",
         "http://127.0.0.1:8000", "the server; several are tried in turn"),
    TEXT(ROLE_AGENT, "api-key", "STREAMSPACE_API_KEY", api_key, "KEY", NULL,
         "enrolment token or the agent's own key; the variable keeps it out of process lists"),
    TEXT(RUNS, "agent-id", "STREAMSPACE_AGENT_ID", agent_id, "NAME", NULL,
         "this agent's name: 3-63 of a-z 0-9 - (made up and kept when not given)"),
    CHOICE(RUNS, "runtime", "STREAMSPACE_RUNTIME", runtime, "local|null", "local",
           "what runs sessions: sandboxes on this machine, or nothing (load tests)"),
    NUMBER(RUNS, "max-sessions", "STREAMSPACE_MAX_SESSIONS", max_sessions, "N", "100", 1, 100000,
           "sessions at once"),
    NUMBER(RUNS, "heartbeat", "STREAMSPACE_HEARTBEAT", heartbeat, "SECONDS", "8", 1, 20, "heartbeat period"),
    CHOICE(RUNS, "on-exit", "STREAMSPACE_ON_EXIT", on_exit, "keep|stop", NULL,
           "sessions at the end of this process: stop them (up) or keep them for the next start (agent)"),
    FACTOR(RUNS, "cpu-overcommit", "STREAMSPACE_CPU_OVERCOMMIT", cpu_overcommit, "10",
           "CPU that may be promised, times the cores"),
    FACTOR(RUNS, "memory-overcommit", "STREAMSPACE_MEMORY_OVERCOMMIT", memory_overcommit, "2",
           "memory that may be promised, times what there is"),
    TEXT(ROLE_AGENT, "region", "STREAMSPACE_REGION", region, "NAME", "default", "where this agent is"),
    {ROLE_AGENT,
     {"label", NULL, OPTION_LIST, FIELD(labels), "KEY=VALUE", NULL, NULL, 0, 0, false, "may be repeated"}},
    TEXT(ROLE_AGENT, "ca-file", "STREAMSPACE_CA_FILE", ca_file, "FILE", NULL,
         "trust the certificates in this PEM file"),
    CHOICE(ALL, "log-level", "STREAMSPACE_LOG_LEVEL", log_level, "debug|info|warn|error", "info",
           "what to log"),
    CHOICE(ALL, "log-format", "STREAMSPACE_LOG_FORMAT", log_format, "text|json", "text", "how to log"),
};

static const struct {
    enum role role;
    const char *name;
    const char *about;
    const char *variables;
} abouts[] = {
    {ROLE_UP, "up",
     "Runs everything on one machine: a server and a local agent, with a database in the data directory.",
     "  ADMIN_PASSWORD                     the first administrator's password, at least 12 characters (else "
     "made up)\n"
     "  AGENT_BOOTSTRAP_KEY                a standing key that enrols unknown agents (else made up and "
     "kept)\n"
     "  JWT_SECRET                         the first signing key (else random, in the database)\n"},
    {ROLE_SERVER, "server", "Runs the control plane: REST, WebSocket, web page, streams, dispatcher.",
     "  ADMIN_PASSWORD                     the first administrator's password, at least 12 characters (else "
     "made up)\n"
     "  AGENT_BOOTSTRAP_KEY                a standing key that enrols unknown agents\n"
     "  JWT_SECRET                         the first signing key (else random, in the database)\n"},
    {ROLE_AGENT, "agent",
     "Runs sessions on this machine for a control plane. It dials out; nothing dials in.", ""},
};

static void print_help(enum role role, const struct option_spec *table, size_t count) {
    for (size_t i = 0; i < ARRAY_SIZE(abouts); i++) {
        if (abouts[i].role != role)
            continue;
        printf("usage: streamspace %s [options]\n\n%s\n\noptions [default] ($VARIABLE):\n", abouts[i].name,
               abouts[i].about);
        options_help(table, count, stdout);
        if (*abouts[i].variables)
            printf("\nvariables:\n%s", abouts[i].variables);
        if (role == ROLE_AGENT)
            puts("\nAsking a server about its agents (after `streamspace login URL`):\n  streamspace agent "
                 "list|show|enrol --help");
    }
}

static const char *role_name(enum role role) {
    return role == ROLE_UP ? "up" : role == ROLE_SERVER ? "server" : "agent";
}

bool flags_parse(enum role role, int argc, char **argv, struct role_flags *flags, int *ret_status) {
    static struct option_spec table[ROWS_MAX];
    _Static_assert(ARRAY_SIZE(rows) <= ROWS_MAX, "more rows than room");
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].roles & (int)role)
            table[count++] = rows[i].spec;
    struct err err = {0};
    bool help;
    if (options_parse(table, count, argc, argv, flags, NULL, &help, &err) < 0) {
        fprintf(stderr, "streamspace %s: %s\nTry `streamspace %s --help`.\n", role_name(role), err.message,
                role_name(role));
        *ret_status = 2;
        return false;
    }
    if (help) {
        print_help(role, table, count);
        *ret_status = 0;
        return false;
    }
    enum log_level level = LOG_INFO;
    log_level_parse(flags->log_level, &level);
    log_setup(level, str_eq(flags->log_format, "json"), role_name(role));
    return true;
}

void flags_finish(struct role_flags *flags) {
    strv_finish(&flags->labels);
}
