/* Files to the server: `apply -f FILE|DIRECTORY|-`. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/options.h"
#include "cli/files.h"
#include "cli/output.h"

#include <dirent.h>
#include <sys/stat.h>

#define APPLY_FILES_MAX 1000

struct apply_options {
    struct strv files;
    bool dry_run;
};

static const struct option_spec apply_table[] = {
    {"filename", NULL, OPTION_LIST, OPTION_FIELD(struct apply_options, files), "PATH", NULL, NULL, 0, 0,
     false,
     "a file, a directory (its *.yaml and *.yml) or - for standard input; also -f, and more than once"},
    {"dry-run", NULL, OPTION_FLAG, OPTION_FIELD(struct apply_options, dry_run), NULL, NULL, NULL, 0, 0, false,
     "check and tell what would be done; change nothing"},
};

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_directory(const char *path, struct strv *files, struct err *err) {
    _cleanup_closedir_ DIR *directory = opendir(path);
    size_t before = files->count;
    const struct dirent *entry;
    if (!directory)
        return err_errno(err, "cannot read %s", path);
    while ((entry = readdir(directory)))
        if (*entry->d_name != '.' && (str_ends(entry->d_name, ".yaml") || str_ends(entry->d_name, ".yml")))
            strv_addf(files, "%s/%s", path, entry->d_name);
    if (files->count > before)
        qsort(files->items + before, files->count - before, sizeof *files->items, compare_texts);
    return files->count > before
               ? 0
               : err_set(err, ERR_NOT_FOUND, NULL, "there is no *.yaml or *.yml in %s", path);
}

static int find_files(const struct strv *given, struct strv *files, struct err *err) {
    for (size_t i = 0; i < given->count; i++) {
        struct stat status;
        const char *path = given->items[i];
        if (!str_eq(path, "-") && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
            if (add_directory(path, files, err) < 0)
                return -1;
        } else
            strv_add(files, path);
    }
    return files->count <= APPLY_FILES_MAX
               ? 0
               : err_set(err, ERR_INVALID, NULL, "more than %d files", APPLY_FILES_MAX);
}

static void print_actions(const json_t *answer, bool dry_run) {
    size_t index;
    json_t *item;
    json_array_foreach (json_object_get(answer, "templates"), index, item)
        printf("template/%s %s%s\n", json_string_value(json_object_get(item, "name")),
               json_string_value(json_object_get(item, "action")), dry_run ? " (dry run)" : "");
}

static int apply_file(struct client *client, const char *file, bool dry_run, struct err *err) {
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *answer = NULL;
    size_t length;
    if (file_or_input(file, &text, &length, err) < 0)
        return err_wrap(err, "%s", file);
    int status = client_send(client, "POST", dry_run ? "/templates/import?dryRun=true" : "/templates/import",
                             YAML_TYPE, text, length, &answer, err);
    progress_clear();
    if (status == 0)
        print_actions(answer, dry_run);
    else if (!print_faults(file, answer))
        err_wrap(err, "%s", file);
    else
        err->message[0] = '\0'; /* all is told */
    return status;
}

static int apply_all(struct client *client, const struct strv *files, bool dry_run) {
    size_t failed = 0;
    int64_t start = clock_ms();
    for (size_t i = 0; i < files->count; i++) {
        struct err err = {0};
        char text[160];
        snprintf(text, sizeof text, "%zu of %zu: %.120s", i + 1, files->count, files->items[i]);
        progress_show(text, clock_ms() - start);
        if (apply_file(client, files->items[i], dry_run, &err) == 0)
            continue;
        failed++;
        if (*err.message)
            output_error(&err);
        if (err.kind == ERR_UNAUTHENTICATED)
            return 1;
    }
    if (failed && files->count > 1)
        fprintf(stderr, "streamspace: %zu of %zu files were not applied\n", failed, files->count);
    return failed > 0;
}

/* -f PATH and -fPATH are --filename; the rest stays as it is. */
static void spell_out(int argc, char **argv, struct strv *ret) {
    for (int i = 0; i < argc; i++) {
        bool is_short = i > 0 && str_starts(argv[i], "-f");
        if (is_short && argv[i][2])
            strv_addf(ret, "--filename=%s", argv[i] + (argv[i][2] == '=' ? 3 : 2));
        else
            strv_add(ret, is_short ? "--filename" : argv[i]);
    }
}

static int run(const struct apply_options *options) {
    struct err err = {0};
    _cleanup_strv_ struct strv files = {0};
    _cleanup_client_ struct client client = {0};
    if (find_files(&options->files, &files, &err) < 0 || client_load(&client, &err) < 0)
        return output_error(&err);
    return apply_all(&client, &files, options->dry_run);
}

int cli_apply(int argc, char **argv) {
    struct apply_options options = {0};
    _cleanup_strv_ struct strv arguments = {0}, words = {0};
    struct err err = {0};
    bool help = false;
    spell_out(argc, argv, &arguments);
    int status = 0;
    if (options_parse(apply_table, ARRAY_SIZE(apply_table), (int)arguments.count, arguments.items, &options,
                      &words, &help, &err) < 0)
        status = output_usage("apply", err.message);
    else if (help) {
        puts("usage: streamspace apply -f PATH [--dry-run]\n\nBrings templates to the server as files have "
             "them: "
             "new ones are created, others replaced. A file is taken whole or\nnot at all; every fault is "
             "told with "
             "file, line and column. For operators.\n");
        options_help(apply_table, ARRAY_SIZE(apply_table), stdout);
    } else if (words.count || !options.files.count)
        status = output_usage("apply", words.count ? "files are given by -f" : "say which file: -f PATH");
    else
        status = run(&options);
    options_finish(apply_table, ARRAY_SIZE(apply_table), &options);
    return status;
}
