#include "main/main.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/cli.h"
#include "display/display.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} roles[] = {
    {"up", up_main, "everything on one machine: server and local agent"},
    {"server", server_main, "the control plane: REST, WebSocket, web page, streams"},
    {"agent", agent_main, "runs sessions for a control plane; `agent list` asks one about its agents"},
    {"display", display_main, "inside every session: X server, window manager, application"},
    {"backup", backup_main, "a copy of the SQLite database, whether or not a server runs on it"},
    {"restore", restore_main, "put such a copy in the database's place"},
};

char *default_data_dir(void) {
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (geteuid() == 0 && str_empty(state))
        return str_dup("/var/lib/streamspace");
    if (!str_empty(state))
        return str_format("%s/streamspace", state);
    return str_format("%s/.local/state/streamspace", str_empty(home) ? "." : home);
}

int own_path(char **ret, struct err *err) {
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0)
        return err_errno(err, "cannot find my own program");
    path[length] = '\0';
    *ret = str_dup(path);
    return 0;
}

void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int role_failed(const char *role, const struct err *err, int status) {
    fprintf(stderr, "streamspace %s: %s\n", role, err->message);
    return status;
}

static void print_help(FILE *out) {
    fputs("StreamSpace streams Linux applications to the browser.\n\n"
          "usage: streamspace COMMAND [words] [options]\n\nroles:\n",
          out);
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
        fprintf(out, "  %-12s %s\n", roles[i].name, roles[i].help);
    fputs("\nfor people:\n", out);
    for (size_t i = 0; i < cli_noun_count; i++)
        fprintf(out, "  %-12s %s\n", cli_nouns[i].name, cli_nouns[i].help);
    fputs("\nEvery command has --help. `streamspace --version` prints the version.\n", out);
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    if (str_eq(name, "--version") || str_eq(name, "version")) {
        puts("streamspace " STREAMSPACE_VERSION);
        return 0;
    }
    bool help = str_eq(name, "--help") || str_eq(name, "-h") || str_eq(name, "help");
    if (help || !*name) {
        print_help(help ? stdout : stderr);
        return help ? 0 : 2;
    }
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
        if (str_eq(name, roles[i].name))
            return roles[i].run(argc - 1, argv + 1);
    for (size_t i = 0; i < cli_noun_count; i++)
        if (str_eq(name, cli_nouns[i].name))
            return cli_nouns[i].run(argc - 1, argv + 1);
    fprintf(stderr, "streamspace: there is no command '%s'. Try `streamspace --help`.\n", name);
    return 2;
}
