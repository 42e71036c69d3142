/* Templates: looked at, and by operators made, edited, removed and exported. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/id.h"
#include "cli/files.h"
#include "cli/verbs.h"

#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define EXPORT_MAX (16 * 1024 * 1024)

struct template_options {
    const char *output, *category, *search, *file;
    bool dry_run;
};

#define FIELD(name) OPTION_FIELD(struct template_options, name)
static const struct option_spec template_table[] = {
    {"output", NULL, OPTION_CHOICE, FIELD(output), NULL, "table", "table|json", 0, 0, false, "how to print"},
    {"category", NULL, OPTION_TEXT, FIELD(category), "NAME", NULL, NULL, 0, 0, false,
     "list: only this category"},
    {"search", NULL, OPTION_TEXT, FIELD(search), "TEXT", NULL, NULL, 0, 0, false, "list: only what matches"},
    {"file", NULL, OPTION_TEXT, FIELD(file), "FILE", NULL, NULL, 0, 0, false,
     "export: write to this file (default: standard output)"},
    {"dry-run", NULL, OPTION_FLAG, FIELD(dry_run), NULL, NULL, NULL, 0, 0, false,
     "create, edit: check only; change nothing"},
};

static const struct column template_columns[] = {
    {"NAME", "name"},         {"TITLE", "displayName"},       {"CATEGORY", "category"},
    {"CPU", "resources.cpu"}, {"MEMORY", "resources.memory"}, {"AVAILABLE", "available"},
    {"ENABLED", "enabled"},
};

static const struct column template_record[] = {
    {"Name", "name"},
    {"Title", "displayName"},
    {"Description", "description"},
    {"Category", "category"},
    {"Protocol", "protocol"},
    {"Command", "command"},
    {"Image", "image"},
    {"CPU", "resources.cpu"},
    {"Memory", "resources.memory"},
    {"Most CPU", "maxResources.cpu"},
    {"Most memory", "maxResources.memory"},
    {"Network", "network"},
    {"Runtimes", "runtimes"},
    {"Tags", "tags"},
    {"Groups", "groups"},
    {"Enabled", "enabled"},
    {"Built in", "builtin"},
    {"Overridden", "overridden"},
    {"Available", "available"},
    {"Why not", "unavailableReason"},
    {"Version", "version"},
    {"Changed", "updatedAt"},
    {"Changed by", "updatedBy"},
};

static const struct column template_agents[] = {
    {"AGENT", "agentId"}, {"PLATFORM", "platform"}, {"AVAILABLE", "available"}, {"WHY NOT", "reason"}};

/* "/templates/NAME" and what follows; NULL and an error when the name can be none. */
static char *template_path(const char *name, const char *rest, struct err *err) {
    if (id_is_template(name))
        return str_format("/templates/%s%s", name, rest);
    err_set(err, ERR_INVALID, NULL, "'%s' is no template name", name);
    return NULL;
}

static int list_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct template_options *options = arg;
    _cleanup_strbuf_ struct strbuf path = STRBUF_MAX(4096);
    strbuf_puts(&path, "/templates?limit=200");
    if (options->category)
        verbs_query(&path, "category", options->category);
    if (options->search)
        verbs_query(&path, "search", options->search);
    return verbs_list(client, strbuf_str(&path), "templates", template_columns, ARRAY_SIZE(template_columns),
                      "No template matches.", options->output, err);
}

static int show_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct template_options *options = arg;
    _cleanup_free_ char *path = template_path(words->items[1], "", err);
    _cleanup_json_ json_t *object = NULL;
    if (!path || client_call(client, "GET", path, NULL, &object, err) < 0)
        return -1;
    if (str_eq(options->output, "json")) {
        output_json(object);
        return 0;
    }
    output_record(object, template_record, ARRAY_SIZE(template_record));
    const json_t *agents = json_object_get(object, "agents");
    if (json_array_size(agents)) {
        putchar('\n');
        output_table(agents, template_agents, ARRAY_SIZE(template_agents), "");
    }
    return 0;
}

/* Sends a file and tells of its faults, where there are some, by line. */
static int send_file(struct client *client, const char *method, const char *path, const char *shown,
                     const char *text, size_t length, json_t **ret, struct err *err) {
    int status = client_send(client, method, path, YAML_TYPE, text, length, ret, err);
    if (status < 0 && print_faults(shown, *ret))
        err_set(err, err->kind, err->code, "%s was not taken", str_eq(shown, "-") ? "standard input" : shown);
    return status;
}

static void print_result(const json_t *answer, bool dry_run, const char *done) {
    const json_t *first = json_array_get(json_object_get(answer, "templates"), 0);
    if (dry_run)
        printf("%s would be %s.\n", json_string_value(json_object_get(first, "name")),
               json_string_value(json_object_get(first, "action")));
    else
        printf("%s is %s.\n", json_string_value(json_object_get(answer, "name")), done);
}

static int create_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct template_options *options = arg;
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *answer = NULL;
    size_t length;
    if (file_or_input(words->items[1], &text, &length, err) < 0 ||
        send_file(client, "POST", options->dry_run ? "/templates?dryRun=true" : "/templates", words->items[1],
                  text, length, &answer, err) < 0)
        return -1;
    print_result(answer, options->dry_run, "created");
    return 0;
}

/* --- edit --- */

/* The editor may be a command with options of its own, as sh takes it. */
static int run_editor(const char *path, struct err *err) {
    const char *editor = getenv("VISUAL");
    if (str_empty(editor))
        editor = getenv("EDITOR");
    if (str_empty(editor))
        editor = path_exists("/usr/bin/sensible-editor") ? "sensible-editor" : "vi";
    _cleanup_free_ char *command = str_format("%s \"$@\"", editor), *file = str_dup(path);
    char shell[] = "sh", option[] = "-c";
    char *argv[] = {shell, option, command, shell, file, NULL};
    pid_t pid;
    int status;
    if ((errno = posix_spawnp(&pid, "sh", NULL, NULL, argv, environ)))
        return err_errno(err, "cannot start %s", editor);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_errno(err, "cannot wait for %s", editor);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(err, ERR_CONFLICT, NULL, "%s failed; nothing is changed", editor);
    return 0;
}

/* `path`: a template for mkstemps(3). */
static int write_copy(char *path, const struct strbuf *text, struct err *err) {
    _cleanup_close_ int fd = mkstemps(path, 5);
    if (fd < 0)
        return err_errno(err, "cannot make %s", path);
    return fd_write_all(fd, text->data, text->length, err);
}

static int edit_copy(struct client *client, const char *path, const struct strbuf *before, const char *url,
                     bool dry_run, struct err *err) {
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *answer = NULL;
    size_t length;
    if (run_editor(path, err) < 0 || file_read(path, CLI_FILE_MAX, &text, &length, err) < 0)
        return -1;
    if (str_eq(text, strbuf_str(before))) {
        puts("Nothing is changed.");
        return 0;
    }
    if (send_file(client, "PUT", url, path, text, length, &answer, err) < 0)
        return err_wrap(err, "your text stays in %s", path);
    print_result(answer, dry_run, "changed");
    return 0;
}

static int edit_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct template_options *options = arg;
    _cleanup_free_ char *file_url = template_path(words->items[1], "?format=yaml", err);
    _cleanup_free_ char *url = template_path(words->items[1], options->dry_run ? "?dryRun=true" : "", err);
    const char *directory = getenv("TMPDIR");
    _cleanup_free_ char *path = str_format("%s/streamspace-%s-XXXXXX.yaml",
                                           str_empty(directory) ? "/tmp" : directory, words->items[1]);
    _cleanup_strbuf_ struct strbuf before = STRBUF_MAX(CLI_FILE_MAX);
    if (!url || client_get_text(client, file_url, &before, err) < 0 || write_copy(path, &before, err) < 0)
        return -1;
    int status = edit_copy(client, path, &before, url, options->dry_run, err);
    if (status == 0)
        (void)unlink(path);
    return status;
}

/* --- delete, export --- */

static int delete_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    struct err gone = {0};
    _cleanup_free_ char *path = template_path(words->items[1], "", err);
    if (!path || client_call(client, "DELETE", path, NULL, NULL, err) < 0)
        return -1;
    bool is_there = client_call(client, "GET", path, NULL, NULL, &gone) == 0;
    printf(is_there ? "%s is as it was delivered.\n" : "%s is deleted.\n", words->items[1]);
    return 0;
}

static int export_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct template_options *options = arg;
    _cleanup_free_ char *path = words->count > 1 ? template_path(words->items[1], "?format=yaml", err)
                                                 : str_dup("/templates?format=yaml");
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(EXPORT_MAX);
    if (!path || client_get_text(client, path, &text, err) < 0)
        return -1;
    if (options->file)
        return file_write_atomic(options->file, text.data, text.length, 0644, err);
    return fwrite(strbuf_str(&text), 1, text.length, stdout) == text.length && fflush(stdout) == 0
               ? 0
               : err_errno(err, "cannot write");
}

static const struct verb template_verbs[] = {
    {"list", "", 0, "what can be started", list_verb},
    {"show", "NAME", 1, "everything about one, and which agents can run it", show_verb},
    {"create", "FILE", 1, "a new one from a file, - for standard input (operators)", create_verb},
    {"edit", "NAME", 1, "change one in your editor (operators)", edit_verb},
    {"delete", "NAME", 1, "remove one, or reset a built-in one (operators)", delete_verb},
    {"export", "[NAME]", 0, "print files that can be applied: of one or of all (operators)", export_verb, 1},
};

int cli_template(int argc, char **argv) {
    struct template_options options = {0};
    return verbs_run(&(struct verb_table){"template", "Templates: applications that can be started.",
                                          template_verbs, ARRAY_SIZE(template_verbs), template_table,
                                          ARRAY_SIZE(template_table), &options},
                     argc, argv);
}
