/* Nouns that are mostly looked at: agents, commands. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "cli/verbs.h"

struct list_options {
    bool force, own;
    const char *output, *agent, *session, *status;
};

#define FIELD(name) OPTION_FIELD(struct list_options, name)
#define OUTPUT_OPTION                                                                                        \
    { "output", NULL, OPTION_CHOICE, FIELD(output), NULL, "table", "table|json", 0, 0, false, "how to print" }

/* GETs one object and prints it. */
static int show(struct client *client, const char *path, const struct column *columns, size_t count,
                const struct list_options *options, struct err *err) {
    _cleanup_json_ json_t *object = NULL;
    if (client_call(client, "GET", path, NULL, &object, err) < 0)
        return -1;
    if (str_eq(options->output, "json"))
        output_json(object);
    else
        output_record(object, columns, count);
    return 0;
}

static const struct option_spec agent_table[] = {
    OUTPUT_OPTION,
    {"force", NULL, OPTION_FLAG, FIELD(force), NULL, NULL, NULL, 0, 0, false,
     "delete: connected or with sessions, too; they fail"},
    {"own", NULL, OPTION_FLAG, FIELD(own), NULL, NULL, NULL, 0, 0, false,
     "label: back to those that the agent registers with"},
};

static const struct column agent_columns[] = {
    {"AGENT", "agentId"},
    {"STATUS", "status"},
    {"PLATFORM", "platform"},
    {"SESSIONS", "activeSessions"},
    {"MAX", "capacity.maxSessions"},
    {"CPU", "capacity.cpu"},
    {"MEMORY", "capacity.memory"},
    {"LAST HEARD", "lastHeartbeat@"},
    {"VERSION", "version"},
};

static int agent_list(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct list_options *options = arg;
    return verbs_list(client, "/agents?limit=200", "agents", agent_columns, ARRAY_SIZE(agent_columns),
                      "No agent has ever registered.", options->output, err);
}

static int agent_show(struct client *client, const struct strv *words, void *arg, struct err *err) {
    if (!id_is_agent(words->items[1]))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no agent id", words->items[1]);
    _cleanup_free_ char *path = str_format("/agents/%s", words->items[1]);
    return show(client, path, agent_columns, ARRAY_SIZE(agent_columns), arg, err);
}

static const struct column agent_record[] = {
    {"Agent", "agentId"},    {"Status", "status"},           {"Platform", "platform"},
    {"Region", "region"},    {"Sessions", "activeSessions"}, {"At most", "capacity.maxSessions"},
    {"CPU", "capacity.cpu"}, {"Memory", "capacity.memory"},  {"Last heard", "lastHeartbeat@"},
    {"Version", "version"},
};

static char *agent_path(const char *id, const char *rest, struct err *err) {
    if (id_is_agent(id))
        return str_format("/agents/%s%s", id, rest);
    err_set(err, ERR_INVALID, NULL, "'%s' is no agent id", id);
    return NULL;
}

static void print_labels(const json_t *labels) {
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)labels, name, value)
        printf("%-14s %s=%s\n", "Label", name, json_string_value(value));
}

static int patch_agent(struct client *client, const char *id, json_t *body,
                       const struct list_options *options, struct err *err) {
    _cleanup_free_ char *path = agent_path(id, "", err);
    _cleanup_json_ json_t *agent = NULL;
    if (!path || client_call(client, "PATCH", path, body, &agent, err) < 0)
        return -1;
    if (str_eq(options->output, "json")) {
        output_json(agent);
        return 0;
    }
    output_record(agent, agent_record, ARRAY_SIZE(agent_record));
    print_labels(json_object_get(agent, "labels"));
    return 0;
}

static int agent_drain(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_json_ json_t *body = json_pack("{s:s}", "status", "draining");
    return patch_agent(client, words->items[1], body, arg, err);
}

static int agent_resume(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_json_ json_t *body = json_pack("{s:s}", "status", "online");
    return patch_agent(client, words->items[1], body, arg, err);
}

/* NAME=VALUE words are all of its labels from now on. */
static int agent_label(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct list_options *options = arg;
    _cleanup_json_ json_t *body = json_object();
    json_t *labels = options->own ? json_null() : json_object();
    json_object_set_new(body, "labels", labels);
    if (options->own && words->count > 2)
        return err_set(err, ERR_INVALID, NULL, "give labels or --own, not both");
    for (size_t i = 2; i < words->count; i++) {
        const char *equals = strchr(words->items[i], '=');
        if (!equals || equals == words->items[i])
            return err_set(err, ERR_INVALID, NULL, "a label is NAME=VALUE, not '%s'", words->items[i]);
        _cleanup_free_ char *name = str_ndup(words->items[i], (size_t)(equals - words->items[i]));
        if (json_object_set_new(labels, name, json_string(equals + 1)) < 0)
            return err_set(err, ERR_INVALID, NULL, "'%s' is not UTF-8", words->items[i]);
    }
    return patch_agent(client, words->items[1], body, arg, err);
}

static int agent_remove(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct list_options *options = arg;
    _cleanup_free_ char *path = agent_path(words->items[1], options->force ? "?force=true" : "", err);
    if (!path || client_call(client, "DELETE", path, NULL, NULL, err) < 0)
        return -1;
    printf("%s is removed\n", words->items[1]);
    return 0;
}

static const struct column token_columns[] = {
    {"TOKEN", "id"},          {"FOR", "agentId"},    {"BY", "createdBy"}, {"MADE", "createdAt@"},
    {"EXPIRES", "expiresAt"}, {"USED BY", "usedBy"}, {"USED", "usedAt@"},
};

static int agent_tokens(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct list_options *options = arg;
    return verbs_list(client, "/admin/agent-tokens?limit=200", "agentTokens", token_columns,
                      ARRAY_SIZE(token_columns), "No enrolment tokens.", options->output, err);
}

static int agent_revoke(struct client *client, const struct strv *words, void *arg, struct err *err) {
    if (!id_is_hex(words->items[1], 16))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no token's id: see `agent tokens`", words->items[1]);
    _cleanup_free_ char *path = str_format("/admin/agent-tokens/%s", words->items[1]);
    if (client_call(client, "DELETE", path, NULL, NULL, err) < 0)
        return -1;
    printf("%s enrols nobody any more\n", words->items[1]);
    return 0;
}

static int agent_enrol(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct list_options *options = arg;
    _cleanup_json_ json_t *body = json_pack("{s:s}", "agentId", words->items[1]);
    _cleanup_json_ json_t *answer = NULL;
    if (!body)
        return err_set(err, ERR_INVALID, NULL, "the agent id is not UTF-8");
    if (client_call(client, "POST", "/admin/agent-tokens", body, &answer, err) < 0)
        return -1;
    if (str_eq(options->output, "json")) {
        output_json(answer);
        return 0;
    }
    printf("Run this on the agent's machine within the hour:\n\n  streamspace agent --agent-id %s "
           "--control-plane-url %s "
           "--api-key %s\n",
           words->items[1], client->url, json_string_value(json_object_get(answer, "token")));
    return 0;
}

static const struct verb agent_verbs[] = {
    {"list", "", 0, "agents and how they are", agent_list},
    {"show", "AGENT", 1, "one agent", agent_show},
    {"enrol", "AGENT", 1, "make a one-time token and print the command that enrols it (administrators)",
     agent_enrol},
    {"tokens", "", 0, "enrolment tokens, used and not (administrators)", agent_tokens},
    {"revoke", "TOKEN", 1, "take an enrolment token back (administrators)", agent_revoke},
    {"drain", "AGENT", 1, "no new sessions for it (administrators)", agent_drain},
    {"resume", "AGENT", 1, "new sessions again (administrators)", agent_resume},
    {"label", "AGENT [NAME=VALUE …]", 1, "give it these labels and no others (administrators)", agent_label,
     .words_max = 65},
    {"delete", "AGENT", 1, "remove it (administrators)", agent_remove},
};

int cli_agent_admin(int argc, char **argv) {
    struct list_options options = {0};
    return verbs_run(&(struct verb_table){"agent", "Agents: machines that run sessions.", agent_verbs,
                                          ARRAY_SIZE(agent_verbs), agent_table, ARRAY_SIZE(agent_table),
                                          &options},
                     argc, argv);
}

static const struct option_spec command_table[] = {
    OUTPUT_OPTION,
    {"agent", NULL, OPTION_TEXT, FIELD(agent), "AGENT", NULL, NULL, 0, 0, false, "list: only this agent's"},
    {"session", NULL, OPTION_TEXT, FIELD(session), "NAME", NULL, NULL, 0, 0, false,
     "list: only this session's"},
    {"status", NULL, OPTION_TEXT, FIELD(status), "STATUS", NULL, NULL, 0, 0, false,
     "list: pending, sent, acknowledged, completed or failed"},
};

static const struct column command_columns[] = {
    {"COMMAND", "commandId"}, {"ACTION", "action"},  {"SESSION", "sessionId"}, {"AGENT", "agentId"},
    {"STATUS", "status"},     {"TRIES", "attempts"}, {"AGE", "createdAt@"},    {"ERROR", "errorMessage"},
};

static const struct column command_record[] = {
    {"Command", "commandId"},     {"Action", "action"},
    {"Session", "sessionId"},     {"Agent", "agentId"},
    {"Status", "status"},         {"Error", "errorMessage"},
    {"Attempts", "attempts"},     {"Created", "createdAt"},
    {"Sent", "sentAt"},           {"Acknowledged", "acknowledgedAt"},
    {"Completed", "completedAt"},
};

static int command_list(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct list_options *options = arg;
    _cleanup_strbuf_ struct strbuf path = STRBUF_MAX(4096);
    strbuf_puts(&path, "/commands?limit=200");
    if (options->agent)
        verbs_query(&path, "agent", options->agent);
    if (options->session)
        verbs_query(&path, "session", options->session);
    if (options->status)
        verbs_query(&path, "status", options->status);
    return verbs_list(client, strbuf_str(&path), "commands", command_columns, ARRAY_SIZE(command_columns),
                      "No commands.", options->output, err);
}

static int command_show(struct client *client, const struct strv *words, void *arg, struct err *err) {
    if (!id_is_command(words->items[1]))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no command id", words->items[1]);
    _cleanup_free_ char *path = str_format("/commands/%s", words->items[1]);
    return show(client, path, command_record, ARRAY_SIZE(command_record), arg, err);
}

static const struct verb command_verbs[] = {
    {"list", "", 0, "what agents were told, newest first", command_list},
    {"show", "COMMAND", 1, "one command with every stage and its time", command_show},
};

int cli_command(int argc, char **argv) {
    struct list_options options = {0};
    return verbs_run(&(struct verb_table){"command", "Commands: what agents were told to do.", command_verbs,
                                          ARRAY_SIZE(command_verbs), command_table, ARRAY_SIZE(command_table),
                                          &options},
                     argc, argv);
}
