#include "main/flags.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "control/settings/settings.h"
#include "main/config_file.h"

#include <stdio.h>

#define AGENT_ROWS_MAX 40

/* Everything that a command line can fill. */
struct target {
    const char *given[SETTINGS]; /* by flag */
    struct role_flags flags;
};

struct row {
    int roles;
    struct option_spec spec;
};

#define FIELD(name) (offsetof(struct target, flags) + offsetof(struct role_flags, name))
#define ROW(roles, name, env, type, field, metavar, preset, choices, min, max, help)                         \
    {                                                                                                        \
        roles, {                                                                                             \
            name, env, type, FIELD(field), metavar, preset, choices, min, max, false, help                   \
        }                                                                                                    \
    }
#define TEXT(roles, name, env, field, metavar, preset, help)                                                 \
    ROW(roles, name, env, OPTION_TEXT, field, metavar, preset, NULL, 0, 0, help)
#define CHOICE(roles, name, env, field, choices, preset, help)                                               \
    ROW(roles, name, env, OPTION_CHOICE, field, NULL, preset, choices, 0, 0, help)
#define NUMBER(roles, name, env, field, metavar, preset, min, max, help)                                     \
    ROW(roles, name, env, OPTION_INTEGER, field, metavar, preset, NULL, min, max, help)
#define FACTOR(roles, name, env, field, preset, help)                                                        \
    ROW(roles, name, env, OPTION_NUMBER, field, "FACTOR", preset, NULL, 0, 0, help)

#define RUNS (ROLE_UP | ROLE_AGENT)
#define TOOLS (ROLE_BACKUP | ROLE_RESTORE)

/* The agent's. What stands in the table of settings too is the server's under `up`. */
static const struct row rows[] = {
    ROW(ROLE_SERVER, "check", NULL, OPTION_FLAG, check, NULL, NULL, NULL, 0, 0,
        "look whether a start would do, say what it would do, and change nothing"),
    TEXT(ROLE_AGENT, "config", "STREAMSPACE_CONFIG", config, "FILE", NULL,
         "read settings from this file: YAML, or lines of `name = value`"),
    TEXT(ROLE_AGENT, "data-dir", "STREAMSPACE_DATA_DIR", data_dir, "DIRECTORY", NULL,
         "where data is kept ($XDG_STATE_HOME/streamspace; /var/lib/streamspace for root)"),
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
    ROW(ROLE_AGENT, "label", NULL, OPTION_LIST, labels, "KEY=VALUE", NULL, NULL, 0, 0, "may be repeated"),
    TEXT(ROLE_AGENT, "ca-file", "STREAMSPACE_CA_FILE", ca_file, "FILE", NULL,
         "trust the certificates in this PEM file"),
    CHOICE(ROLE_AGENT, "log-level", "STREAMSPACE_LOG_LEVEL", log_level, "debug|info|warn|error", "info",
           "what to log"),
    CHOICE(ROLE_AGENT, "log-format", "STREAMSPACE_LOG_FORMAT", log_format, "text|json", "text", "how to log"),
};

const char *role_name(enum role role) {
    static const struct {
        enum role role;
        const char *name;
    } names[] = {{ROLE_UP, "up"},
                 {ROLE_SERVER, "server"},
                 {ROLE_AGENT, "agent"},
                 {ROLE_BACKUP, "backup"},
                 {ROLE_RESTORE, "restore"}};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].role == role)
            return names[i].name;
    return "";
}

size_t flags_agent_rows(enum role role, struct option_spec *table, size_t max) {
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(rows) && count < max; i++)
        if (rows[i].roles & (int)role)
            table[count++] = rows[i].spec;
    return count;
}

/* --- the file --- */

static bool is_known(const char *name) {
    enum setting setting;
    if (str_eq(name, setting_table[SETTING_CONFIG].name) || str_eq(name, "check")) /* a file names neither */
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (str_eq(rows[i].spec.name, name))
            return true;
    return setting_find(name, strlen(name), &setting);
}

/* For the agent's rows: the settings are pinned one by one, with their source. */
struct lookup {
    const struct config_file *file;
    bool has_settings;
};

static const char *look_up(void *arg, const char *name, char *source) {
    const struct lookup *in = arg;
    enum setting setting;
    if (in->has_settings && setting_find(name, strlen(name), &setting))
        return NULL;
    return config_file_get(in->file, name, source);
}

/* Where the file is must be known before anything else is read. */
static const char *config_path(int argc, char **argv) {
    const char *path = getenv("STREAMSPACE_CONFIG");
    for (int i = 1; i < argc && !str_eq(argv[i], "--"); i++) {
        if (str_starts(argv[i], "--config="))
            path = argv[i] + strlen("--config=");
        else if (str_eq(argv[i], "--config") && i + 1 < argc)
            path = argv[i + 1];
    }
    return path;
}

/* --- the settings --- */

static size_t setting_specs(struct option_spec *table) {
    size_t count = 0;
    for (int i = 0; i < SETTINGS; i++) {
        const struct setting_row *row = &setting_table[i];
        if (!(row->flags & SETTING_SECRET))
            table[count++] = (struct option_spec){
                .name = row->name,
                .type = row->type == SETTING_BOOLEAN ? OPTION_SWITCH : OPTION_TEXT,
                .offset = offsetof(struct target, given) + (size_t)i * sizeof(const char *),
                .metavar = row->metavar ? row->metavar : "VALUE",
                .help = row->help};
    }
    return count;
}

static int pin_one(enum setting setting, const char *flag, const struct config_file *file, struct err *err) {
    char variable[SETTING_VARIABLE_SIZE], place[OPTION_SOURCE_SIZE];
    const char *name = setting_variable(setting, variable), *text = flag;
    enum setting_source source = SETTING_FROM_FLAG;
    if (text)
        snprintf(place, sizeof place, "--%s", setting_table[setting].name);
    if (!text && !str_empty(text = getenv(name))) {
        source = SETTING_FROM_VARIABLE;
        snprintf(place, sizeof place, "%s", name);
    } else if (!flag) {
        source = SETTING_FROM_FILE;
        text = config_file_get(file, setting_table[setting].name, place);
    }
    if (!text)
        return 0;
    if (setting_pin(setting, text, source, err) < 0)
        return err_wrap(err, "%s", place);
    return 0;
}

static int pin_all(const struct target *target, const struct config_file *file, struct err *err) {
    for (int i = 0; i < SETTINGS; i++)
        if (pin_one((enum setting)i, target->given[i], file, err) < 0)
            return -1;
    return 0;
}

/* --- all of it --- */

/* The file's texts are kept: options point into them. */
static int parse(enum role role, int argc, char **argv, struct target *target, bool *ret_help,
                 struct err *err) {
    static struct config_file *file;
    struct option_spec table[SETTINGS + AGENT_ROWS_MAX];
    _Static_assert(ARRAY_SIZE(rows) <= AGENT_ROWS_MAX, "more rows than room");
    size_t count = role == ROLE_AGENT ? 0 : setting_specs(table);
    count += flags_agent_rows(role, table + count, AGENT_ROWS_MAX);
    const char *path = config_path(argc, argv);
    if (!str_empty(path) &&
        (config_file_load(&file, path, err) < 0 || config_file_check(file, is_known, err) < 0))
        return -1;
    struct lookup in = {file, role != ROLE_AGENT};
    struct option_file source = {look_up, &in};
    if (options_parse_file(table, count, argc, argv, target, (int)role & TOOLS ? &target->flags.words : NULL,
                           &source, ret_help, err) < 0)
        return -1;
    return role == ROLE_AGENT || *ret_help ? 0 : pin_all(target, file, err);
}

static bool wants_document(int argc, char **argv) {
    if (argc == 2 && str_eq(argv[1], "--help=markdown"))
        flags_print_markdown();
    else if (argc == 2 && str_eq(argv[1], "--help=man"))
        flags_print_man();
    else
        return false;
    return true;
}

bool flags_parse(enum role role, int argc, char **argv, struct role_flags *flags, int *ret_status) {
    struct target target = {0};
    struct err err = {0};
    bool help = false;
    *ret_status = 0;
    if (wants_document(argc, argv))
        return false;
    if (parse(role, argc, argv, &target, &help, &err) < 0) {
        fprintf(stderr, "streamspace %s: %s\nTry `streamspace %s --help`.\n", role_name(role), err.message,
                role_name(role));
        *ret_status = 2;
        return false;
    }
    if (help) {
        flags_print_help(role);
        return false;
    }
    *flags = target.flags;
    if (role != ROLE_AGENT) {
        flags->data_dir = setting_start_text(SETTING_DATA_DIR);
        flags->log_level = setting_start_text(SETTING_LOG_LEVEL);
        flags->log_format = setting_start_text(SETTING_LOG_FORMAT);
    }
    enum log_level level = LOG_INFO;
    log_level_parse(flags->log_level, &level);
    log_setup(level, str_eq(flags->log_format, "json"), role_name(role));
    return true;
}

void flags_finish(struct role_flags *flags) {
    strv_finish(&flags->labels);
    strv_finish(&flags->words);
}
