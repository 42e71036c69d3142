/* One's own account: password, one-time codes, API keys, logins; and the server's signing keys. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "cli/prompt.h"
#include "cli/verbs.h"

struct account_options {
    const char *output, *user, *lasts, *until;
    struct strv scopes;
};

#define FIELD(name) OPTION_FIELD(struct account_options, name)
#define OUTPUT_OPTION                                                                                        \
    { "output", NULL, OPTION_CHOICE, FIELD(output), NULL, "table", "table|json", 0, 0, false, "how to print" }

/* --- API keys --- */

static const struct option_spec key_table[] = {
    OUTPUT_OPTION,
    {"user", NULL, OPTION_TEXT, FIELD(user), "USER", NULL, NULL, 0, 0, false,
     "list: somebody else's (administrators)"},
    {"scope", NULL, OPTION_LIST, FIELD(scopes), "AREA:read|write", NULL, NULL, 0, 0, false,
     "create: what it may do, of sessions, templates, agents, users, groups, audit, settings; may be "
     "repeated "
     "(default: all that you may)"},
    {"for", NULL, OPTION_TEXT, FIELD(lasts), "DURATION", NULL, NULL, 0, 0, false,
     "create: ends after this long, such as 720h (default: never)"},
    {"until", NULL, OPTION_TEXT, FIELD(until), "TIME", NULL, NULL, 0, 0, false,
     "create: ends at this time, such as 2030-01-31T18:00:00Z"},
};

static const struct column key_columns[] = {
    {"ID", "id"},         {"NAME", "name"},       {"KEY", "prefix"},       {"USER", "user"},
    {"SCOPES", "scopes"}, {"UNTIL", "expiresAt"}, {"USED", "lastUsedAt@"}, {"AGE", "createdAt@"},
};

static int key_list(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct account_options *options = arg;
    _cleanup_strbuf_ struct strbuf path = STRBUF_MAX(4096);
    strbuf_puts(&path, "/api-keys?limit=200");
    if (options->user)
        verbs_query(&path, "user", options->user);
    return verbs_list(client, strbuf_str(&path), "apiKeys", key_columns, ARRAY_SIZE(key_columns),
                      "No API keys.", options->output, err);
}

static int read_end(const struct account_options *options, char *ret, struct err *err) {
    int64_t seconds;
    *ret = '\0';
    if (options->lasts && options->until)
        return err_set(err, ERR_INVALID, NULL, "--for or --until, not both");
    if (options->lasts) {
        if (!duration_parse(options->lasts, &seconds) || seconds <= 0)
            return err_set(err, ERR_INVALID, NULL, "--for wants a duration such as 8h or 720h");
        time_format(clock_wall_ms() + seconds * 1000, ret);
    } else if (options->until && !str_copy(ret, TIME_TEXT_SIZE, options->until)) {
        return err_set(err, ERR_INVALID, NULL, "--until wants a time such as 2030-01-31T18:00:00Z");
    }
    return 0;
}

static int key_create(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct account_options *options = arg;
    char until[TIME_TEXT_SIZE];
    if (read_end(options, until, err) < 0)
        return -1;
    json_t *scopes = json_array();
    for (size_t i = 0; i < options->scopes.count; i++)
        json_array_append_new(scopes, json_string(options->scopes.items[i]));
    _cleanup_json_ json_t *body = json_pack("{s:s, s:o, s:s*}", "name", words->items[1], "scopes", scopes,
                                            "expiresAt", *until ? until : NULL);
    _cleanup_json_ json_t *answer = NULL;
    if (!body)
        return err_set(err, ERR_INVALID, NULL, "a text is not UTF-8");
    if (client_call(client, "POST", "/api-keys", body, &answer, err) < 0)
        return -1;
    if (str_eq(options->output, "json")) {
        output_json(answer);
        return 0;
    }
    fputs("It is shown this once:\n", stderr);
    puts(json_string_value(json_object_get(answer, "key")));
    return 0;
}

static int key_delete(struct client *client, const struct strv *words, void *arg, struct err *err) {
    int64_t id;
    if (!str_to_i64(words->items[1], 1, INT64_MAX, &id))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no number of a key: see `api-key list`",
                       words->items[1]);
    _cleanup_free_ char *path = str_format("/api-keys/%s", words->items[1]);
    if (client_call(client, "DELETE", path, NULL, NULL, err) < 0)
        return -1;
    puts("It works no more.");
    return 0;
}

static const struct verb key_verbs[] = {
    {"list", "", 0, "your keys", key_list},
    {"create", "NAME", 1, "make one, and print it", key_create},
    {"delete", "ID", 1, "end one", key_delete},
};

int cli_api_key(int argc, char **argv) {
    struct account_options options = {0};
    int status =
        verbs_run(&(struct verb_table){"api-key", "API keys: what programs sign in with.", key_verbs,
                                       ARRAY_SIZE(key_verbs), key_table, ARRAY_SIZE(key_table), &options},
                  argc, argv);
    strv_finish(&options.scopes);
    return status;
}

/* --- one-time codes --- */

static const struct option_spec plain_table[] = {OUTPUT_OPTION};

/* Asks for a code, sends it, and prints the backup codes of the answer. */
static int with_code(struct client *client, const char *method, const char *path, const char *label,
                     struct err *err) {
    char code[PROMPT_MAX];
    if (prompt_secret(label, code, err) < 0)
        return -1;
    _cleanup_json_ json_t *body = json_pack("{s:s}", "otp", code);
    _cleanup_json_ json_t *answer = NULL;
    if (!body)
        return err_set(err, ERR_INVALID, NULL, "the code is not UTF-8");
    if (client_call(client, method, path, body, &answer, err) < 0)
        return -1;
    json_t *codes = json_object_get(answer, "backupCodes");
    if (!json_array_size(codes))
        return 0;
    fputs("Backup codes, each good for one sign-in, shown this once:\n", stderr);
    for (size_t i = 0; i < json_array_size(codes); i++)
        puts(json_string_value(json_array_get(codes, i)));
    return 0;
}

static int mfa_enable(struct client *client, const struct strv *words, void *arg, struct err *err) {
    char password[PROMPT_MAX];
    if (prompt_secret("Password", password, err) < 0)
        return -1;
    _cleanup_json_ json_t *body = json_pack("{s:s}", "password", password);
    _cleanup_json_ json_t *answer = NULL;
    explicit_bzero(password, sizeof password);
    if (!body)
        return err_set(err, ERR_INVALID, NULL, "the password is not UTF-8");
    if (client_call(client, "POST", "/auth/mfa/totp", body, &answer, err) < 0)
        return -1;
    fprintf(stderr, "Put this into your authenticator app:\n  %s\n  %s\n",
            json_string_value(json_object_get(answer, "secret")),
            json_string_value(json_object_get(answer, "uri")));
    return with_code(client, "POST", "/auth/mfa/totp/verify", "The code that it shows", err);
}

static int mfa_disable(struct client *client, const struct strv *words, void *arg, struct err *err) {
    if (with_code(client, "DELETE", "/auth/mfa/totp", "One-time code, or a backup code", err) < 0)
        return -1;
    puts("No code is asked for any more.");
    return 0;
}

static int mfa_codes(struct client *client, const struct strv *words, void *arg, struct err *err) {
    return with_code(client, "POST", "/auth/mfa/backup-codes", "One-time code, or a backup code", err);
}

static const struct verb mfa_verbs[] = {
    {"enable", "", 0, "ask me for a code when I sign in", mfa_enable},
    {"codes", "", 0, "new backup codes; the old ones end", mfa_codes},
    {"disable", "", 0, "ask me for no code", mfa_disable},
};

int cli_mfa(int argc, char **argv) {
    struct account_options options = {0};
    return verbs_run(&(struct verb_table){"mfa", "One-time codes at your sign-in.", mfa_verbs,
                                          ARRAY_SIZE(mfa_verbs), plain_table, ARRAY_SIZE(plain_table),
                                          &options},
                     argc, argv);
}

/* --- password --- */

static int change_password(struct client *client, struct err *err) {
    char present[PROMPT_MAX], wanted[PROMPT_MAX];
    if (client_load(client, err) < 0 || prompt_secret("Present password", present, err) < 0 ||
        prompt_new_password("New password", wanted, err) < 0)
        return -1;
    _cleanup_json_ json_t *body = json_pack("{s:s, s:s}", "currentPassword", present, "newPassword", wanted);
    explicit_bzero(present, sizeof present);
    explicit_bzero(wanted, sizeof wanted);
    if (!body)
        return err_set(err, ERR_INVALID, NULL, "a password is not UTF-8");
    return client_call(client, "POST", "/auth/change-password", body, NULL, err);
}

int cli_passwd(int argc, char **argv) {
    if (argc > 1) {
        puts("usage: streamspace passwd\n\nChanges your password. Asks for the present one and a new one, or "
             "reads "
             "two lines of\nstandard input. You are signed out everywhere else.");
        return str_eq(argv[1], "--help") || str_eq(argv[1], "-h") ? 0 : 2;
    }
    _cleanup_client_ struct client client = {0};
    struct err err = {0};
    if (change_password(&client, &err) < 0)
        return output_error(&err);
    puts("Your password is changed; other sign-ins have ended.");
    return 0;
}

/* --- signing keys --- */

static const struct column signing_columns[] = {
    {"KEY", "kid"}, {"SIGNS", "signs"}, {"MADE", "createdAt"}, {"FORGOTTEN", "retiredAt"}};

static int signing_list(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct account_options *options = arg;
    return verbs_list(client, "/admin/signing-keys?", "signingKeys", signing_columns,
                      ARRAY_SIZE(signing_columns), "No keys.", options->output, err);
}

static int signing_rotate(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct account_options *options = arg;
    _cleanup_json_ json_t *answer = NULL;
    if (client_call(client, "POST", "/admin/signing-keys", NULL, &answer, err) < 0)
        return -1;
    if (str_eq(options->output, "json"))
        output_json(answer);
    else
        printf("Access tokens are signed with key %s from now on; nobody is signed out.\n",
               json_string_value(json_object_get(answer, "kid")));
    return 0;
}

static const struct verb server_verbs[] = {
    {"keys", "", 0, "the keys that sign access tokens", signing_list},
    {"key-rotate", "", 0, "sign with a new key from now on", signing_rotate},
};

int cli_server_admin(int argc, char **argv) {
    struct account_options options = {0};
    return verbs_run(&(struct verb_table){"server", "Signing keys of a running server (administrators).",
                                          server_verbs, ARRAY_SIZE(server_verbs), plain_table,
                                          ARRAY_SIZE(plain_table), &options},
                     argc, argv);
}
