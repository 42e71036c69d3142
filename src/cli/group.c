/* Groups and who is in them. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "cli/verbs.h"

struct group_options {
    const char *output, *search, *display_name, *description, *role;
};

#define FIELD(name) OPTION_FIELD(struct group_options, name)
static const struct option_spec group_table[] = {
    {"output", NULL, OPTION_CHOICE, FIELD(output), NULL, "table", "table|json", 0, 0, false, "how to print"},
    {"search", NULL, OPTION_TEXT, FIELD(search), "TEXT", NULL, NULL, 0, 0, false, "list: only what matches"},
    {"display-name", NULL, OPTION_TEXT, FIELD(display_name), "TEXT", NULL, NULL, 0, 0, false,
     "create, set: what people call it"},
    {"description", NULL, OPTION_TEXT, FIELD(description), "TEXT", NULL, NULL, 0, 0, false,
     "create, set: what it is for"},
    {"role", NULL, OPTION_CHOICE, FIELD(role), NULL, NULL, "member|manager", 0, 0, false,
     "add, role: what somebody is in it (default member)"},
};

static const struct column group_columns[] = {
    {"GROUP", "name"}, {"TITLE", "displayName"}, {"MEMBERS", "memberCount"}, {"DESCRIPTION", "description"}};
static const struct column group_record[] = {
    {"Group", "name"},          {"Title", "displayName"}, {"Description", "description"},
    {"Members", "memberCount"}, {"Created", "createdAt"}, {"Changed", "updatedAt"},
};
static const struct column member_columns[] = {
    {"USER", "username"}, {"NAME", "fullName"}, {"ROLE", "role"}, {"SINCE", "since@"}};

/* Prints the answer and gives it up. */
static int print(json_t *object, const struct column *columns, size_t count,
                 const struct group_options *options) {
    if (str_eq(options->output, "json"))
        output_json(object);
    else
        output_record(object, columns, count);
    json_decref(object);
    return 0;
}

/* "/groups/NAME" and what follows; NULL and an error when the name can be none. Owned by the caller. */
static char *group_path(const char *name, const char *rest, struct err *err) {
    if (id_is_username(name))
        return str_format("/groups/%s%s", name, rest);
    err_set(err, ERR_INVALID, NULL, "'%s' is no group name", name);
    return NULL;
}

static char *member_path(const char *group, const char *username, struct err *err) {
    if (!id_is_username(username)) {
        err_set(err, ERR_INVALID, NULL, "'%s' is no username", username);
        return NULL;
    }
    _cleanup_free_ char *rest = str_format("/members/%s", username);
    return group_path(group, rest, err);
}

static int call_record(struct client *client, const char *method, const char *path, json_t *body,
                       const struct group_options *options, struct err *err) {
    json_t *answer = NULL;
    if (!path || client_call(client, method, path, body, &answer, err) < 0)
        return -1;
    return print(answer, group_record, ARRAY_SIZE(group_record), options);
}

static int list_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct group_options *options = arg;
    _cleanup_strbuf_ struct strbuf path = STRBUF_MAX(4096);
    strbuf_puts(&path, "/groups?limit=200");
    if (options->search)
        verbs_query(&path, "search", options->search);
    return verbs_list(client, strbuf_str(&path), "groups", group_columns, ARRAY_SIZE(group_columns),
                      "No groups.", options->output, err);
}

static int show_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_free_ char *path = group_path(words->items[1], "", err);
    return call_record(client, "GET", path, NULL, arg, err);
}

static json_t *texts(const struct group_options *options, const char *name, struct err *err) {
    json_t *body = json_pack("{s:s*, s:s*, s:s*}", "name", name, "displayName", options->display_name,
                             "description", options->description);
    if (!body)
        err_set(err, ERR_INVALID, NULL, "a text is not UTF-8");
    return body;
}

static int create_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_json_ json_t *body = texts(arg, words->items[1], err);
    return body ? call_record(client, "POST", "/groups", body, arg, err) : -1;
}

static int set_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_free_ char *path = group_path(words->items[1], "", err);
    _cleanup_json_ json_t *body = path ? texts(arg, NULL, err) : NULL;
    return body ? call_record(client, "PATCH", path, body, arg, err) : -1;
}

static int delete_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_free_ char *path = group_path(words->items[1], "", err);
    if (!path || client_call(client, "DELETE", path, NULL, NULL, err) < 0)
        return -1;
    printf("%s is removed\n", words->items[1]);
    return 0;
}

static int members_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct group_options *options = arg;
    _cleanup_free_ char *path = group_path(words->items[1], "/members?limit=200", err);
    return path ? verbs_list(client, path, "members", member_columns, ARRAY_SIZE(member_columns),
                             "Nobody is in it.", options->output, err)
                : -1;
}

static int tell_member(struct client *client, const char *method, const char *path, json_t *body,
                       const struct strv *words, const struct group_options *options, struct err *err) {
    _cleanup_json_ json_t *answer = NULL;
    if (client_call(client, method, path, body, &answer, err) < 0)
        return -1;
    if (str_eq(options->output, "json"))
        output_json(answer);
    else
        printf("%s is %s of %s\n", words->items[2], json_string_value(json_object_get(answer, "role")),
               words->items[1]);
    return 0;
}

static int add_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct group_options *options = arg;
    _cleanup_free_ char *path = group_path(words->items[1], "/members", err);
    _cleanup_json_ json_t *body =
        json_pack("{s:s, s:s*}", "username", words->items[2], "role", options->role);
    if (!body)
        return err_set(err, ERR_INVALID, NULL, "the username is not UTF-8");
    return path ? tell_member(client, "POST", path, body, words, options, err) : -1;
}

static int role_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct group_options *options = arg;
    _cleanup_free_ char *path = member_path(words->items[1], words->items[2], err);
    _cleanup_json_ json_t *body = json_pack("{s:s}", "role", options->role ? options->role : "member");
    return path ? tell_member(client, "PATCH", path, body, words, options, err) : -1;
}

static int remove_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_free_ char *path = member_path(words->items[1], words->items[2], err);
    if (!path || client_call(client, "DELETE", path, NULL, NULL, err) < 0)
        return -1;
    printf("%s is not in %s any more\n", words->items[2], words->items[1]);
    return 0;
}

static const struct verb group_verbs[] = {
    {"list", "", 0, "groups; those that you manage, if you are no administrator", list_verb},
    {"show", "GROUP", 1, "one group", show_verb},
    {"create", "GROUP", 1, "make one", create_verb},
    {"set", "GROUP", 1, "change its title or description", set_verb},
    {"delete", "GROUP", 1, "remove it with its memberships and quota", delete_verb},
    {"members", "GROUP", 1, "who is in it", members_verb},
    {"add", "GROUP USER", 2, "add somebody", add_verb},
    {"role", "GROUP USER", 2, "make somebody --role manager or member", role_verb},
    {"remove", "GROUP USER", 2, "take somebody out", remove_verb},
};

int cli_group(int argc, char **argv) {
    struct group_options options = {0};
    return verbs_run(&(struct verb_table){"group", "Groups: users who belong together.", group_verbs,
                                          ARRAY_SIZE(group_verbs), group_table, ARRAY_SIZE(group_table),
                                          &options},
                     argc, argv);
}
