#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/options.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/prompt.h"

#include <stdio.h>

struct login_options {
    const char *username;
    const char *ca_file, *otp, *api_key;
    bool password_stdin;
};

static const struct option_spec login_table[] = {
    {"username", "STREAMSPACE_USERNAME", OPTION_TEXT, OPTION_FIELD(struct login_options, username), "NAME",
     "admin", NULL, 0, 0, false, "who signs in"},
    {"ca-file", "STREAMSPACE_CA_FILE", OPTION_TEXT, OPTION_FIELD(struct login_options, ca_file), "FILE", NULL,
     NULL, 0, 0, false, "trust the certificates in this PEM file"},
    {"password-stdin", NULL, OPTION_FLAG, OPTION_FIELD(struct login_options, password_stdin), NULL, NULL,
     NULL, 0, 0, false,
     "read the password from standard input, and a code from its next line where one is needed"},
    {"otp", NULL, OPTION_TEXT, OPTION_FIELD(struct login_options, otp), "CODE", NULL, NULL, 0, 0, false,
     "a one-time code or backup code; asked for when it is needed"},
    {"api-key", NULL, OPTION_TEXT, OPTION_FIELD(struct login_options, api_key), "KEY", NULL, NULL, 0, 0,
     false, "use this API key instead of a password; - reads it from standard input"},
};

/* The answer is kept: tokens for next time. */
static int keep_tokens(struct client *client, const json_t *answer, struct err *err) {
    const char *token = json_string_value(json_object_get(answer, "token"));
    const char *refresh = json_string_value(json_object_get(answer, "refreshToken"));
    if (!token || !refresh)
        return err_set(err, ERR_INTERNAL, NULL, "the server's answer holds no token");
    client->token = str_dup(token);
    client->refresh_token = str_dup(refresh);
    return client_save(client, err);
}

static int try_sign_in(struct client *client, const char *username, const char *password, const char *otp,
                       struct err *err) {
    _cleanup_json_ json_t *body =
        json_pack("{s:s, s:s, s:s*}", "username", username, "password", password, "otp", otp);
    if (!body)
        return err_set(err, ERR_INVALID, NULL, "username, password or code is not UTF-8");
    _cleanup_json_ json_t *answer = NULL;
    if (client_call(client, "POST", "/auth/login", body, &answer, err) < 0)
        return -1;
    return keep_tokens(client, answer, err);
}

/* The second step is asked for when the server wants it. */
static int sign_in(struct client *client, const struct login_options *options, struct err *err) {
    char password[PROMPT_MAX], code[PROMPT_MAX];
    if (prompt_secret("Password", password, err) < 0)
        return -1;
    int result = try_sign_in(client, options->username, password, options->otp, err);
    if (result < 0 && err_is(err, "mfa_required")) {
        err_clear(err);
        result = prompt_secret("One-time code", code, err);
        if (result == 0)
            result = try_sign_in(client, options->username, password, code, err);
        explicit_bzero(code, sizeof code);
    }
    explicit_bzero(password, sizeof password);
    return result;
}

/* With a key there is nothing to ask the server for but whose it is. */
static int sign_in_by_key(struct client *client, const struct login_options *options, char **ret_name,
                          struct err *err) {
    char key[PROMPT_MAX];
    _cleanup_json_ json_t *answer = NULL;
    if (str_eq(options->api_key, "-") && prompt_secret("API key", key, err) < 0)
        return -1;
    client->token = str_dup(str_eq(options->api_key, "-") ? key : options->api_key);
    explicit_bzero(key, sizeof key);
    if (client_call(client, "GET", "/auth/me", NULL, &answer, err) < 0)
        return -1;
    *ret_name = str_dup(json_string_value(json_object_get(answer, "username")));
    return client_save(client, err);
}

int cli_login(int argc, char **argv) {
    struct login_options options = {0};
    _cleanup_strv_ struct strv words = {0};
    struct err err = {0};
    bool help;
    if (options_parse(login_table, ARRAY_SIZE(login_table), argc, argv, &options, &words, &help, &err) < 0)
        return output_usage("login", err.message);
    if (help) {
        puts("usage: streamspace login URL [options]\n\nSigns in and keeps the tokens in a file that only "
             "you can read.\n");
        options_help(login_table, ARRAY_SIZE(login_table), stdout);
        return 0;
    }
    if (words.count != 1 ||
        (!str_starts(words.items[0], "http://") && !str_starts(words.items[0], "https://")))
        return output_usage("login", "say which server, for example http://127.0.0.1:8000");
    _cleanup_client_ struct client client = {.url = str_dup(words.items[0]),
                                             .ca_file = str_dup(options.ca_file)};
    while (str_ends(client.url, "/"))
        client.url[strlen(client.url) - 1] = '\0';
    _cleanup_free_ char *name = options.api_key ? NULL : str_dup(options.username);
    if ((options.api_key ? sign_in_by_key(&client, &options, &name, &err)
                         : sign_in(&client, &options, &err)) < 0)
        return output_error(&err);
    printf("Signed in to %s as %s.\n", client.url, name);
    return 0;
}

int cli_logout(int argc, char **argv) {
    if (argc > 1) {
        puts("usage: streamspace logout\n\nEnds the sign-in on the server and forgets the tokens.");
        return str_eq(argv[1], "--help") || str_eq(argv[1], "-h") ? 0 : 2;
    }
    _cleanup_client_ struct client client = {0};
    struct err err = {0};
    if (client_load(&client, &err) < 0)
        return output_error(&err);
    /* An API key is merely forgotten: it ends when it is deleted. */
    if (client.refresh_token && client_call(&client, "POST", "/auth/logout", NULL, NULL, &err) < 0 &&
        err.kind != ERR_UNAUTHENTICATED)
        return output_error(&err);
    err_clear(&err);
    if (client_forget(&err) < 0)
        return output_error(&err);
    puts("Signed out.");
    return 0;
}
