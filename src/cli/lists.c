/* Nouns that are mostly looked at: templates, agents, commands. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "cli/verbs.h"

struct list_options {
    const char *output, *category, *search, *agent, *session, *status;
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

static const struct option_spec template_table[] = {
    OUTPUT_OPTION,
    {"category", NULL, OPTION_TEXT, FIELD(category), "NAME", NULL, NULL, 0, 0, false,
     "list: only this category"},
    {"search", NULL, OPTION_TEXT, FIELD(search), "TEXT", NULL, NULL, 0, 0, false, "list: only what matches"},
};

static const struct column template_columns[] = {
    {"NAME", "name"},         {"TITLE", "displayName"},       {"CATEGORY", "category"},
    {"CPU", "resources.cpu"}, {"MEMORY", "resources.memory"}, {"AVAILABLE", "available"},
};

static const struct column template_record[] = {
    {"Name", "name"},
    {"Title", "displayName"},
    {"Description", "description"},
    {"Category", "category"},
    {"Protocol", "protocol"},
    {"CPU", "resources.cpu"},
    {"Memory", "resources.memory"},
    {"Tags", "tags"},
    {"Available", "available"},
    {"Why not", "unavailableReason"},
};

static int template_list(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct list_options *options = arg;
    _cleanup_strbuf_ struct strbuf path = STRBUF_MAX(4096);
    strbuf_puts(&path, "/templates?limit=200");
    if (options->category)
        verbs_query(&path, "category", options->category);
    if (options->search)
        verbs_query(&path, "search", options->search);
    return verbs_list(client, strbuf_str(&path), "templates", template_columns, ARRAY_SIZE(template_columns),
                      "No template matches.", options->output, err);
}

static int template_show(struct client *client, const struct strv *words, void *arg, struct err *err) {
    if (!id_is_template(words->items[1]))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no template name", words->items[1]);
    _cleanup_free_ char *path = str_format("/templates/%s", words->items[1]);
    return show(client, path, template_record, ARRAY_SIZE(template_record), arg, err);
}

static const struct verb template_verbs[] = {
    {"list", "", 0, "what can be started", template_list},
    {"show", "NAME", 1, "everything about one", template_show},
};

int cli_template(int argc, char **argv) {
    struct list_options options = {0};
    return verbs_run(&(struct verb_table){"template", "Templates: applications that can be started.",
                                          template_verbs, ARRAY_SIZE(template_verbs), template_table,
                                          ARRAY_SIZE(template_table), &options},
                     argc, argv);
}

static const struct option_spec agent_table[] = {OUTPUT_OPTION};

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
