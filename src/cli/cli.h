/* The command line for people: a thin client of the REST API.
 *
 * Every verb is one function, `int cli_<noun>(int argc, char **argv)` with argv[0] the noun; the result is
 * the process's exit status: 0 done, 1 failed (with one line on standard error), 2 wrong usage.
 */
#ifndef SS_CLI_CLI_H
#define SS_CLI_CLI_H

#include <stdio.h>

int cli_login(int argc, char **argv);
int cli_logout(int argc, char **argv);
int cli_session(int argc, char **argv);
int cli_template(int argc, char **argv);
int cli_apply(int argc, char **argv);
int cli_agent_admin(int argc, char **argv); /* agent list|show: `agent` without a verb runs one (main/) */
int cli_command(int argc, char **argv);
int cli_user(int argc, char **argv);
int cli_api_key(int argc, char **argv);
int cli_passwd(int argc, char **argv);
int cli_mfa(int argc, char **argv);
int cli_server_admin(int argc,
                     char **argv); /* server keys|key-rotate: `server` without a verb is one (main/) */
int cli_share(int argc, char **argv);
int cli_group(int argc, char **argv);
int cli_quota(int argc, char **argv);
int cli_settings(int argc, char **argv);
int cli_audit(int argc, char **argv);

/* A noun as help, completion and the manual page show it. */
struct cli_noun {
    const char *name;
    const char *verbs; /* "create list show", or "" */
    const char *help;
    int (*run)(int argc, char **argv);
};
extern const struct cli_noun cli_nouns[];
extern const size_t cli_noun_count;

/* Writes the completion script for bash, zsh or fish. 2 when the shell is unknown. */
int cli_completion(int argc, char **argv);

#endif
