#include "display/config.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "json/fields.h"

#include <limits.h>
#include <string.h>
#include <sys/un.h>

static bool is_token(const char *text) {
    return id_is_hex(text, DISPLAY_TOKEN_DIGITS);
}

static bool is_absolute(const char *path) {
    return path[0] == '/';
}

/* POSIX names: what a shell would take, too. */
static bool is_variable(const char *name) {
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return *name && !(*name >= '0' && *name <= '9') && strspn(name, rest) == strlen(name);
}

static const char *const on_exit_values[] = {"end", "restart", NULL};

/* The file as it is written, before it is understood. */
struct raw {
    char *token, *listen, *log, *geometry, *on_exit, *protocol, *workdir, *name;
    bool gl, window_manager;
    struct strv command;
    struct json_pairs env;
};

static const struct json_field fields[] = {
    {.name = "token",
     JSON_STRING_AT(struct raw, token),
     .flags = JSON_REQUIRED,
     .valid = is_token,
     .expect = "64 lower-case hex digits"},
    {.name = "listen", JSON_STRING_AT(struct raw, listen), .flags = JSON_REQUIRED, .max = PATH_MAX},
    {.name = "log",
     JSON_STRING_AT(struct raw, log),
     .max = PATH_MAX - 16,
     .valid = is_absolute,
     .expect = "an absolute path"},
    {.name = "geometry", JSON_STRING_AT(struct raw, geometry), .max = 16},
    {.name = "gl", JSON_BOOL_AT(struct raw, gl)},
    {.name = "windowManager", JSON_BOOL_AT(struct raw, window_manager)},
    {.name = "onExit", JSON_STRING_AT(struct raw, on_exit), .values = on_exit_values},
    {.name = "protocol", JSON_STRING_AT(struct raw, protocol)},
    {.name = "command",
     JSON_STRINGS_AT(struct raw, command),
     .flags = JSON_REQUIRED,
     .min = 1,
     .max = DISPLAY_COMMAND_WORDS_MAX,
     .item_max = DISPLAY_WORD_MAX},
    {.name = "env",
     JSON_MAP_AT(struct raw, env),
     .max = DISPLAY_ENV_MAX,
     .item_max = DISPLAY_WORD_MAX,
     .valid = is_variable,
     .expect = "a variable's name"},
    {.name = "workdir",
     JSON_STRING_AT(struct raw, workdir),
     .max = PATH_MAX - 1,
     .valid = is_absolute,
     .expect = "an absolute path"},
    {.name = "name", JSON_STRING_AT(struct raw, name), .max = 128},
};

static int wrong(struct err *err, const char *field, const char *what) {
    return err_set_field(err, ERR_INVALID, "invalid_field", field, "%s: %s", field, what);
}

static int understand_listen(struct display_config *config, const char *listen, struct err *err) {
    int64_t number;
    if (str_starts(listen, "unix:")) {
        config->listen_kind = DISPLAY_LISTEN_UNIX;
        config->listen = str_dup(listen + strlen("unix:"));
        if (config->listen[0] != '/' || strlen(config->listen) >= sizeof((struct sockaddr_un *)0)->sun_path)
            return wrong(err, "listen", "needs an absolute path of at most 107 bytes after unix:");
        return 0;
    }
    if (str_starts(listen, "tcp:")) {
        config->listen_kind = DISPLAY_LISTEN_TCP;
        config->listen = str_dup(listen + strlen("tcp:"));
        const char *colon = strrchr(config->listen, ':');
        if (!colon || colon == config->listen || !str_to_i64(colon + 1, 0, 65535, &number))
            return wrong(err, "listen", "needs host:port after tcp:");
        return 0;
    }
    if (str_starts(listen, "fd:") && str_to_i64(listen + strlen("fd:"), 3, INT_MAX, &number)) {
        config->listen_kind = DISPLAY_LISTEN_FD;
        config->listen_fd = (int)number;
        return 0;
    }
    return wrong(err, "listen", "must be unix:PATH, tcp:HOST:PORT or fd:NUMBER");
}

static int understand_geometry(struct display_config *config, const char *text, struct err *err) {
    char width_text[17];
    str_copy(width_text, sizeof width_text, text);
    char *cross = strchr(width_text, 'x');
    if (cross)
        *cross = '\0';
    int64_t width, height;
    if (!cross || !str_to_i64(width_text, DISPLAY_SIDE_MIN, DISPLAY_SIDE_MAX, &width) ||
        !str_to_i64(cross + 1, DISPLAY_SIDE_MIN, DISPLAY_SIDE_MAX, &height))
        return wrong(err, "geometry", "must be WIDTHxHEIGHT with sides of 64 to 8192");
    config->width = (int)width;
    config->height = (int)height;
    return 0;
}

static int check_protocol(const char *protocol, struct err *err) {
    if (!protocol || str_eq(protocol, "vnc"))
        return 0;
    if (str_eq(protocol, "http"))
        return wrong(err, "protocol",
                     "\"http\" (applications that serve their own page) is not run by this display");
    return wrong(err, "protocol", "must be \"vnc\"");
}

static char *first_of(const char *given, const char *second, const char *otherwise) {
    return str_dup(!str_empty(given) ? given : !str_empty(second) ? second : otherwise);
}

static int understand(struct display_config *config, struct raw *raw, struct err *err) {
    if (check_protocol(raw->protocol, err) < 0 || understand_listen(config, raw->listen, err) < 0 ||
        understand_geometry(config, raw->geometry ? raw->geometry : "1280x800", err) < 0)
        return -1;
    if (str_empty(raw->command.items[0]))
        return wrong(err, "command", "begins with an empty word");
    str_copy(config->token, sizeof config->token, raw->token);
    config->gl = raw->gl;
    config->window_manager = raw->window_manager;
    config->restart = str_eq(raw->on_exit, "restart");
    config->log = first_of(raw->log, NULL, "/run/streamspace/session.log");
    config->name = first_of(raw->name, NULL, "StreamSpace");
    const char *home = json_pairs_get(&raw->env, "HOME");
    config->workdir = first_of(raw->workdir, home && is_absolute(home) ? home : NULL, "/");
    for (size_t i = 0; i < raw->env.count; i++)
        strv_addf(&config->env, "%s=%s", raw->env.items[i].name, raw->env.items[i].value);
    config->command = raw->command;
    raw->command = (struct strv){0};
    return 0;
}

int display_config_parse(struct display_config *config, const char *text, size_t length, struct err *err) {
    *config = (struct display_config){.listen_fd = -1};
    if (length > DISPLAY_CONFIG_MAX)
        return err_set(err, ERR_TOO_LARGE, NULL, "configuration is over %d bytes", DISPLAY_CONFIG_MAX);
    struct raw raw = {.window_manager = true};
    int result =
        json_fields_parse(text, length, fields, ARRAY_SIZE(fields), JSON_IGNORE_UNKNOWN, &raw, NULL, err);
    if (result == 0)
        result = understand(config, &raw, err);
    else if (err && err_is(err, "malformed_json"))
        /* The parser quotes what it stumbled over, and that may be the token. */
        err_set(err, ERR_INVALID, "malformed_json", "not valid JSON");
    if (raw.token)
        explicit_bzero(raw.token, strlen(raw.token));
    json_fields_finish(fields, ARRAY_SIZE(fields), &raw);
    if (result < 0)
        display_config_finish(config);
    return result;
}

void display_config_finish(struct display_config *config) {
    explicit_bzero(config->token, sizeof config->token);
    free(config->listen);
    free(config->log);
    free(config->workdir);
    free(config->name);
    strv_finish(&config->command);
    strv_finish(&config->env);
    *config = (struct display_config){.listen_fd = -1};
}
