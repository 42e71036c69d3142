/* Accounts: other people's, for administrators. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "cli/prompt.h"
#include "cli/verbs.h"

struct user_options {
    const char *output, *search, *role, *active, *email, *full_name;
};

#define FIELD(name) OPTION_FIELD(struct user_options, name)
static const struct option_spec user_table[] = {
    {"output", NULL, OPTION_CHOICE, FIELD(output), NULL, "table", "table|json", 0, 0, false, "how to print"},
    {"search", NULL, OPTION_TEXT, FIELD(search), "TEXT", NULL, NULL, 0, 0, false,
     "list: only whose name or address has this in it"},
    {"active", NULL, OPTION_CHOICE, FIELD(active), NULL, NULL, "true|false", 0, 0, false,
     "list: only those who may sign in, or may not"},
    {"role", NULL, OPTION_CHOICE, FIELD(role), NULL, NULL, "user|operator|admin", 0, 0, false,
     "list: only this role; create, set: what he may (default user)"},
    {"email", NULL, OPTION_TEXT, FIELD(email), "ADDRESS", NULL, NULL, 0, 0, false, "create, set"},
    {"full-name", NULL, OPTION_TEXT, FIELD(full_name), "TEXT", NULL, NULL, 0, 0, false, "create, set"},
};

static const struct column user_columns[] = {
    {"USER", "username"},    {"ROLE", "role"},     {"ACTIVE", "active"},          {"NAME", "fullName"},
    {"CODES", "mfaEnabled"}, {"GROUPS", "groups"}, {"SIGNED IN", "lastLoginAt@"},
};
static const struct column user_record[] = {
    {"User", "username"},
    {"Role", "role"},
    {"Active", "active"},
    {"Full name", "fullName"},
    {"E-mail", "email"},
    {"Groups", "groups"},
    {"One-time codes", "mfaEnabled"},
    {"Last sign-in", "lastLoginAt"},
    {"Created", "createdAt"},
    {"Changed", "updatedAt"},
};

/* "/users/NAME" and what follows; NULL and an error when the name can be none. Owned by the caller. */
static char *user_path(const char *name, const char *rest, struct err *err) {
    if (id_is_username(name))
        return str_format("/users/%s%s", name, rest);
    err_set(err, ERR_INVALID, NULL, "'%s' is no username", name);
    return NULL;
}

static int call_record(struct client *client, const char *method, const char *path, json_t *body,
                       const struct user_options *options, struct err *err) {
    _cleanup_json_ json_t *answer = NULL;
    if (!path || client_call(client, method, path, body, &answer, err) < 0)
        return -1;
    if (str_eq(options->output, "json"))
        output_json(answer);
    else
        output_record(answer, user_record, ARRAY_SIZE(user_record));
    return 0;
}

static int list_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct user_options *options = arg;
    const struct {
        const char *name, *value;
    } filters[] = {{"search", options->search}, {"role", options->role}, {"active", options->active}};
    _cleanup_strbuf_ struct strbuf path = STRBUF_MAX(4096);
    strbuf_puts(&path, "/users?limit=200");
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
        if (filters[i].value)
            verbs_query(&path, filters[i].name, filters[i].value);
    return verbs_list(client, strbuf_str(&path), "users", user_columns, ARRAY_SIZE(user_columns), "No users.",
                      options->output, err);
}

static int show_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_free_ char *path = user_path(words->items[1], "", err);
    return call_record(client, "GET", path, NULL, arg, err);
}

static json_t *fields(const struct user_options *options, const char *name, const char *password,
                      struct err *err) {
    json_t *body = json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*}", "username", name, "password", password, "role",
                             options->role, "email", options->email, "fullName", options->full_name);
    if (!body)
        err_set(err, ERR_INVALID, NULL, "a text is not UTF-8");
    return body;
}

static int create_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    char password[PROMPT_MAX];
    if (!id_is_username(words->items[1]))
        return err_set(err, ERR_INVALID, NULL, "'%s' can be no username: a-z 0-9 . _ -", words->items[1]);
    if (prompt_new_password("Password of the new user", password, err) < 0)
        return -1;
    _cleanup_json_ json_t *body = fields(arg, words->items[1], password, err);
    explicit_bzero(password, sizeof password);
    return body ? call_record(client, "POST", "/users", body, arg, err) : -1;
}

static int set_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    _cleanup_free_ char *path = user_path(words->items[1], "", err);
    _cleanup_json_ json_t *body = path ? fields(arg, NULL, NULL, err) : NULL;
    return body ? call_record(client, "PATCH", path, body, arg, err) : -1;
}

static int set_active(struct client *client, const char *name, bool active, struct err *err) {
    _cleanup_free_ char *path = user_path(name, "", err);
    _cleanup_json_ json_t *body = json_pack("{s:b}", "active", active);
    if (!path || client_call(client, "PATCH", path, body, NULL, err) < 0)
        return -1;
    printf(active ? "%s may sign in again\n" : "%s is signed out and may not sign in\n", name);
    return 0;
}

static int activate_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    return set_active(client, words->items[1], true, err);
}

static int deactivate_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    return set_active(client, words->items[1], false, err);
}

static int reset_password_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    char password[PROMPT_MAX];
    _cleanup_free_ char *path = user_path(words->items[1], "", err);
    if (!path || prompt_new_password("New password", password, err) < 0)
        return -1;
    _cleanup_json_ json_t *body = json_pack("{s:s}", "password", password);
    explicit_bzero(password, sizeof password);
    if (!body)
        return err_set(err, ERR_INVALID, NULL, "the password is not UTF-8");
    if (client_call(client, "PATCH", path, body, NULL, err) < 0)
        return -1;
    printf("%s has a new password and is signed out everywhere\n", words->items[1]);
    return 0;
}

static int remove_at(struct client *client, const char *name, const char *rest, const char *said,
                     struct err *err) {
    _cleanup_free_ char *path = user_path(name, rest, err);
    if (!path || client_call(client, "DELETE", path, NULL, NULL, err) < 0)
        return -1;
    printf("%s %s\n", name, said);
    return 0;
}

static int reset_mfa_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    return remove_at(client, words->items[1], "/mfa", "is asked for no code any more", err);
}

static int delete_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    return remove_at(client, words->items[1], "", "is removed", err);
}

static const struct verb user_verbs[] = {
    {"list", "", 0, "who there is", list_verb},
    {"show", "USER", 1, "one user; `me` is oneself", show_verb},
    {"create", "USER", 1, "make one; the password is asked for", create_verb},
    {"set", "USER", 1, "change role, e-mail address or full name", set_verb},
    {"activate", "USER", 1, "let somebody sign in again", activate_verb},
    {"deactivate", "USER", 1, "sign somebody out for good", deactivate_verb},
    {"reset-password", "USER", 1, "give somebody a new password, which is asked for", reset_password_verb},
    {"reset-mfa", "USER", 1, "ask somebody for no one-time codes, who has lost them", reset_mfa_verb},
    {"delete", "USER", 1, "remove an account", delete_verb},
};

int cli_user(int argc, char **argv) {
    struct user_options options = {0};
    return verbs_run(&(struct verb_table){"user", "Users: accounts.", user_verbs, ARRAY_SIZE(user_verbs),
                                          user_table, ARRAY_SIZE(user_table), &options},
                     argc, argv);
}
