#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/options.h"
#include "cli/client.h"
#include "cli/output.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_MAX 1024

struct login_options {
    const char *username;
    const char *ca_file;
    bool password_stdin;
};

static const struct option_spec login_table[] = {
    {"username", "STREAMSPACE_USERNAME", OPTION_TEXT, OPTION_FIELD(struct login_options, username), "NAME",
     "admin", NULL, 0, 0, false, "who signs in"},
    {"ca-file", "STREAMSPACE_CA_FILE", OPTION_TEXT, OPTION_FIELD(struct login_options, ca_file), "FILE", NULL,
     NULL, 0, 0, false, "trust the certificates in this PEM file"},
    {"password-stdin", NULL, OPTION_FLAG, OPTION_FIELD(struct login_options, password_stdin), NULL, NULL,
     NULL, 0, 0, false, "read the password from standard input without asking"},
};

/* Asks without echo where there is a terminal. `password` has PASSWORD_MAX bytes. */
static int ask_password(bool from_stdin, char *password, struct err *err) {
    struct termios saved;
    bool quiet = !from_stdin && tcgetattr(STDIN_FILENO, &saved) == 0;
    if (quiet) {
        struct termios silent = saved;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
        fputs("Password: ", stderr);
    }
    char *line = fgets(password, PASSWORD_MAX, stdin);
    if (quiet) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
        fputc('\n', stderr);
    }
    if (!line)
        return err_set(err, ERR_INVALID, NULL, "no password was given");
    password[strcspn(password, "\r\n")] = '\0';
    return 0;
}

static int sign_in(struct client *client, const struct login_options *options, struct err *err) {
    char password[PASSWORD_MAX];
    if (ask_password(options->password_stdin, password, err) < 0)
        return -1;
    _cleanup_json_ json_t *body =
        json_pack("{s:s, s:s}", "username", options->username, "password", password);
    explicit_bzero(password, sizeof password);
    if (!body)
        return err_set(err, ERR_INVALID, NULL, "username or password is not UTF-8");
    _cleanup_json_ json_t *answer = NULL;
    if (client_call(client, "POST", "/auth/login", body, &answer, err) < 0)
        return -1;
    const char *token = json_string_value(json_object_get(answer, "token"));
    const char *refresh = json_string_value(json_object_get(answer, "refreshToken"));
    if (!token || !refresh)
        return err_set(err, ERR_INTERNAL, NULL, "the server's answer holds no token");
    client->token = str_dup(token);
    client->refresh_token = str_dup(refresh);
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
    if (sign_in(&client, &options, &err) < 0)
        return output_error(&err);
    printf("Signed in to %s as %s.\n", client.url, options.username);
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
    if (client_call(&client, "POST", "/auth/logout", NULL, NULL, &err) < 0 && err.kind != ERR_UNAUTHENTICATED)
        return output_error(&err);
    err_clear(&err);
    if (client_forget(&err) < 0)
        return output_error(&err);
    puts("Signed out.");
    return 0;
}
