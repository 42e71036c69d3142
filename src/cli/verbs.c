#include "cli/verbs.h"

#include "base/cleanup.h"
#include "http/client.h"

#define PAGES_MAX 500

static void print_help(const struct verb_table *table) {
    printf("usage: streamspace %s VERB [words] [options]\n\n%s\n\n", table->noun, table->about);
    for (size_t i = 0; i < table->verb_count; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", table->verbs[i].name, table->verbs[i].usage);
        printf("  %-34s %s\n", left, table->verbs[i].help);
    }
    puts("\noptions:");
    options_help(table->options, table->option_count, stdout);
}

static const struct verb *find_verb(const struct verb_table *table, const char *name) {
    for (size_t i = 0; i < table->verb_count; i++)
        if (str_eq(table->verbs[i].name, name))
            return &table->verbs[i];
    return NULL;
}

int verbs_run(const struct verb_table *table, int argc, char **argv) {
    _cleanup_strv_ struct strv words = {0};
    struct err err = {0};
    bool help;
    if (options_parse(table->options, table->option_count, argc, argv, table->target, &words, &help, &err) <
        0)
        return output_usage(table->noun, err.message);
    if (help || !words.count) {
        print_help(table);
        return help ? 0 : 2;
    }
    const struct verb *verb = find_verb(table, words.items[0]);
    char message[128];
    if (!verb) {
        snprintf(message, sizeof message, "there is no verb '%.60s'", words.items[0]);
        return output_usage(table->noun, message);
    }
    size_t most = verb->words_max > verb->words ? verb->words_max : verb->words;
    if (words.count - 1 < verb->words || words.count - 1 > most) {
        snprintf(message, sizeof message, "usage: %s %s", verb->name, verb->usage);
        return output_usage(table->noun, message);
    }
    _cleanup_client_ struct client client = {0};
    if (client_load(&client, &err) < 0 || verb->run(&client, &words, table->target, &err) < 0)
        return output_error(&err);
    return 0;
}

void verbs_query(struct strbuf *path, const char *name, const char *value) {
    strbuf_printf(path, "&%s=", name);
    http_encode(path, value);
}

int verbs_list(struct client *client, const char *path, const char *plural, const struct column *columns,
               size_t column_count, const char *empty, const char *output, struct err *err) {
    _cleanup_json_ json_t *all = json_array();
    _cleanup_free_ char *cursor = NULL;
    for (int page = 0; page < PAGES_MAX; page++) {
        _cleanup_strbuf_ struct strbuf full = STRBUF_MAX(4096);
        strbuf_puts(&full, path);
        if (cursor)
            verbs_query(&full, "cursor", cursor);
        _cleanup_json_ json_t *answer = NULL;
        if (client_call(client, "GET", strbuf_str(&full), NULL, &answer, err) < 0)
            return -1;
        json_array_extend(all, json_object_get(answer, plural));
        const char *next = json_string_value(json_object_get(answer, "nextCursor"));
        free(cursor);
        cursor = str_dup(next);
        if (!cursor)
            break;
    }
    if (str_eq(output, "json"))
        output_json(all);
    else
        output_table(all, columns, column_count, empty);
    return 0;
}
