#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/options.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "cli/watch.h"

#include <spawn.h>
#include <stdio.h>

extern char **environ;

#define LOGS_MAX (8 * 1024 * 1024)
#define WAIT_SECONDS_MAX 3600

struct session_options {
    const char *output, *cpu, *memory, *user, *state, *idle_timeout, *max_duration, *template_name, *agent,
        *search;
    struct strv tags, env;
    bool persistent_home, no_tags, no_wait, open, follow, all;
    int64_t timeout;
};

#define FIELD(name) OPTION_FIELD(struct session_options, name)
static const struct option_spec session_table[] = {
    {"output", NULL, OPTION_CHOICE, FIELD(output), NULL, "table", "table|json", 0, 0, false, "how to print"},
    {"cpu", NULL, OPTION_TEXT, FIELD(cpu), "CPU", NULL, NULL, 0, 0, false,
     "create, set: ceiling, e.g. 500m or 2"},
    {"memory", NULL, OPTION_TEXT, FIELD(memory), "SIZE", NULL, NULL, 0, 0, false,
     "create, set: ceiling, e.g. 1Gi"},
    {"persistent-home", NULL, OPTION_FLAG, FIELD(persistent_home), NULL, NULL, NULL, 0, 0, false,
     "create: keep the home directory"},
    {"tag", NULL, OPTION_LIST, FIELD(tags), "TAG", NULL, NULL, 0, 0, false,
     "create, set: a label, may be repeated; set replaces all; list: only what bears it"},
    {"no-tags", NULL, OPTION_FLAG, FIELD(no_tags), NULL, NULL, NULL, 0, 0, false,
     "set: take all labels away"},
    {"env", NULL, OPTION_LIST, FIELD(env), "NAME=VALUE", NULL, NULL, 0, 0, false,
     "create: a variable for the application; may be repeated"},
    {"idle-timeout", NULL, OPTION_TEXT, FIELD(idle_timeout), "TIME", NULL, NULL, 0, 0, false,
     "create, set: e.g. 30m; set: none"},
    {"max-duration", NULL, OPTION_TEXT, FIELD(max_duration), "TIME", NULL, NULL, 0, 0, false,
     "create, set: e.g. 8h; set: none"},
    {"user", NULL, OPTION_TEXT, FIELD(user), "NAME", NULL, NULL, 0, 0, false,
     "create, list: somebody else's (operators)"},
    {"state", NULL, OPTION_TEXT, FIELD(state), "STATE", NULL, NULL, 0, 0, false,
     "list: only this state; ended ones are listed only so"},
    {"template", NULL, OPTION_TEXT, FIELD(template_name), "NAME", NULL, NULL, 0, 0, false,
     "list: only of this template"},
    {"agent", NULL, OPTION_TEXT, FIELD(agent), "AGENT", NULL, NULL, 0, 0, false, "list: only on this agent"},
    {"search", NULL, OPTION_TEXT, FIELD(search), "TEXT", NULL, NULL, 0, 0, false,
     "list: part of name, template, owner or a tag"},
    {"no-wait", NULL, OPTION_FLAG, FIELD(no_wait), NULL, NULL, NULL, 0, 0, false,
     "create, stop: do not wait for the result"},
    {"timeout", NULL, OPTION_INTEGER, FIELD(timeout), "SECONDS", "120", NULL, 1, WAIT_SECONDS_MAX, false,
     "create, stop: how long to wait"},
    {"open", NULL, OPTION_FLAG, FIELD(open), NULL, NULL, NULL, 0, 0, false, "create: open it in the browser"},
    {"follow", NULL, OPTION_FLAG, FIELD(follow), NULL, NULL, NULL, 0, 0, false, "logs: go on as lines come"},
};

static const struct column list_columns[] = {
    {"NAME", "name"},     {"TEMPLATE", "template"}, {"USER", "user"},      {"STATE", "state"},
    {"AGENT", "agentId"}, {"VIEWERS", "viewers"},   {"AGE", "createdAt@"},
};

static const struct column show_columns[] = {
    {"Name", "name"},
    {"Template", "template"},
    {"User", "user"},
    {"State", "state"},
    {"Message", "status.message"},
    {"Reason", "reason"},
    {"URL", "status.url"},
    {"Agent", "agentId"},
    {"Platform", "platform"},
    {"CPU", "resources.cpu"},
    {"Memory", "resources.memory"},
    {"Kept home", "persistentHome"},
    {"Tags", "tags"},
    {"Viewers", "viewers"},
    {"Created", "createdAt"},
    {"Idle timeout", "idleTimeout"},
    {"Longest", "maxSessionDuration"},
    {"Ends", "endsAt"},
    {"In this state", "stateSince@"},
};

/* The session's page, for people. */
static char *page_url(const struct client *client, const char *name) {
    return str_format("%s/sessions/%s", client->url, name);
}

static void open_in_browser(const char *url) {
    _cleanup_free_ char *program = NULL;
    bool has_display = getenv("DISPLAY") || getenv("WAYLAND_DISPLAY");
    if (has_display && program_find("xdg-open", &program)) {
        char *argv[] = {program, (char *)(uintptr_t)url, NULL};
        pid_t child;
        if (posix_spawn(&child, program, NULL, NULL, argv, environ) == 0)
            return;
    }
    printf("Open this in a browser: %s\n", url);
}

static json_t *list_of(const struct strv *list) {
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_string(list->items[i]));
    return array;
}

static int create_body(const char *template_name, const struct session_options *options, json_t **ret,
                       struct err *err) {
    _cleanup_json_ json_t *body =
        json_pack("{s:s, s:b, s:s*, s:s*, s:s*}", "template", template_name, "persistentHome",
                  options->persistent_home, "user", options->user, "idleTimeout", options->idle_timeout,
                  "maxSessionDuration", options->max_duration);
    if (!body)
        return err_set(err, ERR_INVALID, NULL, "a value is not UTF-8");
    if (options->cpu || options->memory)
        json_object_set_new(body, "resources",
                            json_pack("{s:s*, s:s*}", "cpu", options->cpu, "memory", options->memory));
    if (options->tags.count)
        json_object_set_new(body, "tags", list_of(&options->tags));
    if (options->env.count) {
        json_t *env = json_object();
        json_object_set_new(body, "env", env);
        for (size_t i = 0; i < options->env.count; i++) {
            const char *pair = options->env.items[i];
            const char *equals = strchr(pair, '=');
            if (!equals || equals == pair)
                return err_set(err, ERR_INVALID, NULL, "--env wants NAME=VALUE, not '%s'", pair);
            _cleanup_free_ char *name = str_ndup(pair, (size_t)(equals - pair));
            json_object_set_new(env, name, json_string(equals + 1));
        }
    }
    *ret = steal_pointer(&body);
    return 0;
}

static void print_session(const json_t *session, const struct session_options *options) {
    if (str_eq(options->output, "json"))
        output_json(session);
    else
        output_record(session, show_columns, ARRAY_SIZE(show_columns));
}

static int session_create_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct session_options *options = arg;
    _cleanup_json_ json_t *body = NULL;
    _cleanup_json_ json_t *session = NULL;
    if (create_body(words->items[1], options, &body, err) < 0 ||
        client_call(client, "POST", "/sessions", body, &session, err) < 0)
        return -1;
    const char *name = json_string_value(json_object_get(session, "name"));
    if (!id_is_session(name))
        return err_set(err, ERR_INTERNAL, NULL, "the server's answer names no session");
    if (!options->no_wait) {
        json_t *running = NULL;
        if (watch_session(client, name, "running", options->timeout * 1000, &running, err) < 0)
            return -1;
        json_decref(session);
        session = running;
        name = json_string_value(json_object_get(session, "name"));
    }
    _cleanup_free_ char *url = page_url(client, name);
    if (str_eq(options->output, "json")) {
        output_json(session);
    } else {
        printf("%s\n%s\n", name, url);
    }
    if (options->open)
        open_in_browser(url);
    return 0;
}

static int session_list_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct session_options *options = arg;
    _cleanup_strbuf_ struct strbuf path = STRBUF_MAX(4096);
    if (options->tags.count > 1)
        return err_set(err, ERR_INVALID, NULL, "list takes one --tag");
    strbuf_puts(&path, "/sessions?limit=200");
    if (options->user)
        verbs_query(&path, "user", options->user);
    if (options->state)
        verbs_query(&path, "state", options->state);
    if (options->tags.count)
        verbs_query(&path, "tag", options->tags.items[0]);
    if (options->template_name)
        verbs_query(&path, "template", options->template_name);
    if (options->agent)
        verbs_query(&path, "agent", options->agent);
    if (options->search)
        verbs_query(&path, "search", options->search);
    return verbs_list(client, strbuf_str(&path), "sessions", list_columns, ARRAY_SIZE(list_columns),
                      "No sessions. Start one with `streamspace session create terminal`.", options->output,
                      err);
}

static int get_session(struct client *client, const char *name, json_t **ret, struct err *err) {
    if (!id_is_session(name))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no session name", name);
    _cleanup_free_ char *path = str_format("/sessions/%s", name);
    return client_call(client, "GET", path, NULL, ret, err);
}

static int session_show_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_json_ json_t *session = NULL;
    if (get_session(client, words->items[1], &session, err) < 0)
        return -1;
    print_session(session, arg);
    return 0;
}

/* "none" takes a time away. */
static json_t *time_value(const char *text) {
    return str_eq(text, "none") ? json_null() : json_string(text);
}

static int set_body(const struct session_options *options, json_t **ret, struct err *err) {
    _cleanup_json_ json_t *body = json_object();
    if (options->cpu || options->memory)
        json_object_set_new(body, "resources",
                            json_pack("{s:s*, s:s*}", "cpu", options->cpu, "memory", options->memory));
    if (options->tags.count || options->no_tags)
        json_object_set_new(body, "tags", list_of(&options->tags));
    if (options->idle_timeout)
        json_object_set_new(body, "idleTimeout", time_value(options->idle_timeout));
    if (options->max_duration)
        json_object_set_new(body, "maxSessionDuration", time_value(options->max_duration));
    if (!json_object_size(body))
        return err_set(
            err, ERR_INVALID, NULL,
            "say what to change: --cpu, --memory, --tag, --no-tags, --idle-timeout, --max-duration");
    *ret = steal_pointer(&body);
    return 0;
}

static int session_set_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_json_ json_t *body = NULL;
    _cleanup_json_ json_t *session = NULL;
    if (!id_is_session(words->items[1]))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no session name", words->items[1]);
    _cleanup_free_ char *path = str_format("/sessions/%s", words->items[1]);
    if (set_body(arg, &body, err) < 0 || client_call(client, "PATCH", path, body, &session, err) < 0)
        return -1;
    print_session(session, arg);
    return 0;
}

static int session_open_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_json_ json_t *session = NULL;
    if (get_session(client, words->items[1], &session, err) < 0)
        return -1;
    _cleanup_free_ char *url = page_url(client, words->items[1]);
    open_in_browser(url);
    return 0;
}

static int session_stop_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct session_options *options = arg;
    const char *name = words->items[1];
    if (!id_is_session(name))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no session name", name);
    _cleanup_free_ char *path = str_format("/sessions/%s", name);
    _cleanup_json_ json_t *answer = NULL;
    if (client_call(client, "DELETE", path, NULL, &answer, err) < 0)
        return -1;
    _cleanup_json_ json_t *ended = NULL;
    if (!options->no_wait &&
        watch_session(client, name, "terminated", options->timeout * 1000, &ended, err) < 0)
        return -1;
    if (str_eq(options->output, "json"))
        output_json(ended ? ended : answer);
    else
        printf("%s %s\n", name, options->no_wait ? "is being ended" : "has ended");
    return 0;
}

static bool print_chunk(void *arg, int status, const char *data, size_t length) {
    int *seen = arg;
    *seen = status;
    if (status != 200)
        return false;
    fwrite(data, 1, length, stdout);
    fflush(stdout);
    return true;
}

static int session_logs_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct session_options *options = arg;
    if (!id_is_session(words->items[1]))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no session name", words->items[1]);
    _cleanup_free_ char *path = str_format("/sessions/%s/logs", words->items[1]);
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(LOGS_MAX);
    if (!options->follow) {
        if (client_get_text(client, path, &text, err) < 0)
            return -1;
        fwrite(strbuf_str(&text), 1, text.length, stdout);
        return 0;
    }
    _cleanup_json_ json_t *session = NULL; /* refreshes the token and gives the clear error */
    if (get_session(client, words->items[1], &session, err) < 0)
        return -1;
    _cleanup_free_ char *follow = str_format("%s?follow=true", path);
    int status = 0;
    if (client_stream(client, follow, print_chunk, &status, err) < 0)
        return -1;
    if (status != 200 && status != 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "the server answered with status %d", status);
    return 0;
}

static const struct verb session_verbs[] = {
    {"create", "TEMPLATE", 1, "start an application and wait until it runs", session_create_verb},
    {"list", "", 0, "your sessions", session_list_verb},
    {"show", "NAME", 1, "everything about one", session_show_verb},
    {"open", "NAME", 1, "open it in the browser", session_open_verb},
    {"set", "NAME", 1, "change what it may use, its labels and times", session_set_verb},
    {"stop", "NAME", 1, "end it and wait until nothing is left", session_stop_verb},
    {"logs", "NAME", 1, "what the application printed", session_logs_verb},
};

int cli_session(int argc, char **argv) {
    struct session_options options = {0};
    int status = verbs_run(&(struct verb_table){"session", "Sessions: applications that run.", session_verbs,
                                                ARRAY_SIZE(session_verbs), session_table,
                                                ARRAY_SIZE(session_table), &options},
                           argc, argv);
    options_finish(session_table, ARRAY_SIZE(session_table), &options);
    return status;
}
