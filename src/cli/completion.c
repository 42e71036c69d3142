#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <string.h>

const struct cli_noun cli_nouns[] = {
    {"login", "", "sign in to a server", cli_login},
    {"logout", "", "end the sign-in", cli_logout},
    {"passwd", "", "change your password", cli_passwd},
    {"mfa", "enable codes disable", "one-time codes at your sign-in", cli_mfa},
    {"api-key", "list create delete", "API keys: what programs sign in with", cli_api_key},
    {"session", "create list show open set stop logs", "sessions: applications that run", cli_session},
    {"share", "create list revoke", "shares: others who may see or use a session", cli_share},
    {"template", "list show create edit delete export", "templates: applications that can be started",
     cli_template},
    {"apply", "", "bring files of templates to the server", cli_apply},
    {"user", "list show create set activate deactivate reset-password reset-mfa delete", "users: accounts",
     cli_user},
    {"group", "list show create set delete members add role remove", "groups: users who belong together",
     cli_group},
    {"quota", "show set clear", "what a user or a group may hold at once", cli_quota},
    {"command", "list show", "what agents were told to do", cli_command},
    {"settings", "list get set reset", "how the server is set", cli_settings},
    {"audit", "list export", "what was done and refused", cli_audit},
    {"completion", "bash zsh fish", "print a completion script for your shell", cli_completion},
};
const size_t cli_noun_count = ARRAY_SIZE(cli_nouns);

static const char roles[] = "up server agent display backup restore";
static const char server_words[] = "keys key-rotate";
static const char agent_words[] = "list show enrol tokens revoke drain resume label delete";

static void bash(void) {
    printf("# bash completion for streamspace: source this, or put it in /etc/bash_completion.d\n"
           "_streamspace() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} noun=${COMP_WORDS[1]} verb=${COMP_WORDS[2]}\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        COMPREPLY=($(compgen -W '%s",
           roles);
    for (size_t i = 0; i < cli_noun_count; i++)
        printf(" %s", cli_nouns[i].name);
    printf(" --help --version' -- \"$word\")); return\n"
           "    fi\n"
           "    if [[ $word == --* ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$(streamspace \"$noun\" --help 2>/dev/null | grep -o -- '^  "
           "--[a-z-]*')\" -- "
           "\"$word\")); return\n"
           "    fi\n"
           "    if [ \"$COMP_CWORD\" -eq 2 ]; then case $noun in\n"
           "        agent) COMPREPLY=($(compgen -W '%s' -- \"$word\"));;\n"
           "        server) COMPREPLY=($(compgen -W '%s' -- \"$word\"));;\n",
           agent_words, server_words);
    for (size_t i = 0; i < cli_noun_count; i++)
        if (*cli_nouns[i].verbs)
            printf("        %s) COMPREPLY=($(compgen -W '%s' -- \"$word\"));;\n", cli_nouns[i].name,
                   cli_nouns[i].verbs);
    printf("    esac; return; fi\n"
           "    case $noun/$verb in\n"
           "        session/create|template/show|template/edit|template/delete|template/export) "
           "COMPREPLY=($(compgen -W \"$(streamspace template list "
           "2>/dev/null | "
           "awk 'NR>1{print $1}')\" -- \"$word\"));;\n"
           "        group/show|group/set|group/delete|group/members|group/add|group/role|group/remove) "
           "COMPREPLY=($(compgen -W \"$(streamspace group list 2>/dev/null | awk 'NR>1{print $1}')\" -- "
           "\"$word\"));;\n"
           "        session/*|share/*) COMPREPLY=($(compgen -W \"$(streamspace session list 2>/dev/null | "
           "awk 'NR>1{print $1}')\" -- \"$word\"));;\n"
           "    esac\n"
           "}\n"
           "complete -F _streamspace streamspace\n");
}

static void zsh(void) {
    puts("#compdef streamspace\nautoload -U +X bashcompinit && bashcompinit");
    bash();
}

static void fish(void) {
    printf("# fish completion for streamspace\ncomplete -c streamspace -f\n");
    printf("complete -c streamspace -n __fish_use_subcommand -a '%s'\n", roles);
    for (size_t i = 0; i < cli_noun_count; i++) {
        printf("complete -c streamspace -n __fish_use_subcommand -a %s -d '%s'\n", cli_nouns[i].name,
               cli_nouns[i].help);
        if (*cli_nouns[i].verbs)
            printf("complete -c streamspace -n '__fish_seen_subcommand_from %s' -a '%s'\n", cli_nouns[i].name,
                   cli_nouns[i].verbs);
    }
    printf("complete -c streamspace -n '__fish_seen_subcommand_from agent' -a '%s'\n", agent_words);
    printf("complete -c streamspace -n '__fish_seen_subcommand_from server' -a '%s'\n", server_words);
}

int cli_completion(int argc, char **argv) {
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(shells); i++)
        if (str_eq(argv[1], shells[i].shell)) {
            shells[i].print();
            return 0;
        }
    bool help = argc == 2 && str_eq(argv[1], "--help");
    fputs("usage: streamspace completion bash|zsh|fish\n\nPrints a completion script, for example:\n"
          "  source <(streamspace completion bash)\n",
          help ? stdout : stderr);
    return help ? 0 : 2;
}
