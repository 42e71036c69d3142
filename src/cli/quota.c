/* Quotas: what a user or a group may hold at once. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "cli/verbs.h"

#include <inttypes.h>

struct quota_options {
    const char *output, *group, *sessions, *cpu, *memory, *storage;
};

#define FIELD(name) OPTION_FIELD(struct quota_options, name)
#define LIMIT(name, field, metavar, help)                                                                    \
    { name, NULL, OPTION_TEXT, FIELD(field), metavar, NULL, NULL, 0, 0, false, help }
static const struct option_spec quota_table[] = {
    {"output", NULL, OPTION_CHOICE, FIELD(output), NULL, "table", "table|json", 0, 0, false, "how to print"},
    {"group", NULL, OPTION_TEXT, FIELD(group), "GROUP", NULL, NULL, 0, 0, false,
     "a group's quota instead of a user's"},
    LIMIT("sessions", sessions, "N|none", "set: sessions at once"),
    LIMIT("cpu", cpu, "CPU|none", "set: sum of their CPU, e.g. 8"),
    LIMIT("memory", memory, "SIZE|none", "set: sum of their memory, e.g. 16Gi"),
    LIMIT("storage", storage, "SIZE|none", "set: sum of persistent homes, e.g. 50Gi"),
};

static const char *const members[] = {"maxSessions", "maxCpu", "maxMemory", "maxStorage"};
static const char *const used_members[] = {"sessions", "cpu", "memory", "storage"};

static const struct column quota_columns[] = {{"RESOURCE", "resource"}, {"LIMIT", "limit"}, {"USED", "used"}};

/* A row of each resource. */
static void print_quota(const json_t *quota, const struct quota_options *options) {
    if (str_eq(options->output, "json")) {
        output_json(quota);
        return;
    }
    _cleanup_json_ json_t *rows = json_array();
    const json_t *used = json_object_get(quota, "used");
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        json_array_append_new(rows, json_pack("{s:s, s:O?, s:O?}", "resource", used_members[i], "limit",
                                              json_object_get(quota, members[i]), "used",
                                              json_object_get(used, used_members[i])));
    output_table(rows, quota_columns, ARRAY_SIZE(quota_columns), "");
}

/* Whose: the user named, the group of --group, or oneself. Owned by the caller; NULL with an error. */
static char *quota_path(const struct quota_options *options, const struct strv *words, struct err *err) {
    const char *user = words->count > 1 ? words->items[1] : NULL;
    if (user && options->group) {
        err_set(err, ERR_INVALID, NULL, "name a user or give --group, not both");
        return NULL;
    }
    const char *name = options->group ? options->group : user ? user : "me";
    if (!id_is_username(name)) {
        err_set(err, ERR_INVALID, NULL, "'%s' is no name of a %s", name, options->group ? "group" : "user");
        return NULL;
    }
    return str_format("/%s/%s/quota", options->group ? "groups" : "users", name);
}

static int show_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_free_ char *path = quota_path(arg, words, err);
    _cleanup_json_ json_t *quota = NULL;
    if (!path || client_call(client, "GET", path, NULL, &quota, err) < 0)
        return -1;
    print_quota(quota, arg);
    return 0;
}

/* The present limits with what was given put over them. */
static int merge(json_t *quota, const struct quota_options *options, struct err *err) {
    const char *const given[] = {options->sessions, options->cpu, options->memory, options->storage};
    bool any = false;
    json_object_del(quota, "used");
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        int64_t number;
        if (!given[i])
            continue;
        any = true;
        json_t *value = str_eq(given[i], "none") ? json_null() : NULL;
        if (!value && i == 0 && str_to_i64(given[i], 0, INT64_MAX, &number))
            value = json_integer(number);
        else if (!value)
            value = json_string(given[i]);
        if (!value)
            return err_set(err, ERR_INVALID, NULL, "a limit is not UTF-8");
        json_object_set_new(quota, members[i], value);
    }
    return any ? 0
               : err_set(err, ERR_INVALID, NULL, "say what to limit: --sessions, --cpu, --memory, --storage");
}

static int set_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_free_ char *path = quota_path(arg, words, err);
    _cleanup_json_ json_t *quota = NULL;
    _cleanup_json_ json_t *answer = NULL;
    if (!path || client_call(client, "GET", path, NULL, &quota, err) < 0 || merge(quota, arg, err) < 0 ||
        client_call(client, "PUT", path, quota, &answer, err) < 0)
        return -1;
    print_quota(answer, arg);
    return 0;
}

static int clear_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_free_ char *path = quota_path(arg, words, err);
    if (!path || client_call(client, "DELETE", path, NULL, NULL, err) < 0)
        return -1;
    puts("there is no quota any more");
    return 0;
}

static const struct verb quota_verbs[] = {
    {"show", "[USER]", 0, "limits and what is used of them; without a user, your own", show_verb,
     .words_max = 1},
    {"set", "[USER]", 0, "change limits (administrators); what is not given stays", set_verb, .words_max = 1},
    {"clear", "[USER]", 0, "no limits any more (administrators)", clear_verb, .words_max = 1},
};

int cli_quota(int argc, char **argv) {
    struct quota_options options = {0};
    return verbs_run(&(struct verb_table){"quota", "Quotas: what a user or a group may hold at once.",
                                          quota_verbs, ARRAY_SIZE(quota_verbs), quota_table,
                                          ARRAY_SIZE(quota_table), &options},
                     argc, argv);
}
