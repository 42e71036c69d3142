#include "cli/files.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#include <unistd.h>

static int read_input(struct strbuf *text, struct err *err) {
    char part[16384];
    ssize_t count;
    while ((count = read(STDIN_FILENO, part, sizeof part)) > 0)
        strbuf_append(text, part, (size_t)count);
    if (count < 0)
        return err_errno(err, "cannot read standard input");
    return text->overflow ? err_set(err, ERR_TOO_LARGE, NULL, "more than %d bytes", CLI_FILE_MAX) : 0;
}

int file_or_input(const char *path, char **ret, size_t *ret_length, struct err *err) {
    if (!str_eq(path, "-"))
        return file_read(path, CLI_FILE_MAX, ret, ret_length, err);
    struct strbuf text = STRBUF_MAX(CLI_FILE_MAX);
    if (read_input(&text, err) < 0) {
        strbuf_finish(&text);
        return -1;
    }
    *ret_length = text.length;
    *ret = strbuf_steal(&text);
    return 0;
}

bool print_faults(const char *file, const json_t *problem) {
    size_t index;
    json_t *item;
    const json_t *fields = json_object_get(problem, "fields");
    json_array_foreach ((json_t *)(uintptr_t)fields, index, item) {
        const char *field = json_string_value(json_object_get(item, "field"));
        const char *message = json_string_value(json_object_get(item, "message"));
        json_int_t line = json_integer_value(json_object_get(item, "line"));
        fprintf(stderr, "%s:", str_eq(file, "-") ? "standard input" : file);
        if (line)
            fprintf(stderr, "%lld:%lld:", (long long)line,
                    (long long)json_integer_value(json_object_get(item, "column")));
        fprintf(stderr, " %s%s%s\n", str_empty(field) ? "" : field, str_empty(field) ? "" : ": ",
                message ? message : "is wrong");
    }
    return json_array_size(fields) > 0;
}
