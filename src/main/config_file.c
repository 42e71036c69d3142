#include "main/config_file.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/options.h"
#include "base/str.h"

#include <stdlib.h>
#include <yaml.h>

struct entry {
    char *name, *value;
    unsigned line;
};

struct config_file {
    char *path;
    struct entry *entries;
    size_t count;
};

void config_file_free(struct config_file *file) {
    if (!file)
        return;
    for (size_t i = 0; i < file->count; i++) {
        free(file->entries[i].name);
        if (file->entries[i].value)
            explicit_bzero(file->entries[i].value, strlen(file->entries[i].value));
        free(file->entries[i].value);
    }
    free(file->entries);
    free(file->path);
    free(file);
}

static struct entry *find(const struct config_file *file, const char *name) {
    for (size_t i = 0; file && i < file->count; i++)
        if (str_eq(file->entries[i].name, name))
            return &file->entries[i];
    return NULL;
}

const char *config_file_get(const struct config_file *file, const char *name, char *source) {
    const struct entry *entry = find(file, name);
    if (!entry)
        return NULL;
    if (source)
        snprintf(source, OPTION_SOURCE_SIZE, "%.160s:%u: %.60s", file->path, entry->line, name);
    return entry->value;
}

int config_file_check(const struct config_file *file, bool (*known)(const char *name), struct err *err) {
    for (size_t i = 0; file && i < file->count; i++)
        if (!known(file->entries[i].name))
            return err_set(err, ERR_INVALID, "unknown_setting", "%s:%u: there is no setting '%.60s'",
                           file->path, file->entries[i].line, file->entries[i].name);
    return 0;
}

static int refuse(const struct config_file *file, size_t line, const char *what, struct err *err) {
    return err_set(err, ERR_INVALID, "bad_config", "%s:%zu: %s", file->path, line, what);
}

static int add(struct config_file *file, const char *name, const char *value, size_t line, struct err *err) {
    if (!*name)
        return refuse(file, line, "a name is missing", err);
    if (find(file, name))
        return refuse(file, line, "this name stands here a second time", err);
    if (file->count == CONFIG_ENTRIES_MAX)
        return refuse(file, line, "there are too many settings", err);
    if (strlen(value) > CONFIG_VALUE_MAX)
        return refuse(file, line, "the value is too long", err);
    file->entries = mem_realloc(file->entries, (file->count + 1) * sizeof *file->entries);
    file->entries[file->count++] =
        (struct entry){.name = str_dup(name), .value = str_dup(value), .line = (unsigned)line};
    return 0;
}

/* --- name = value --- */

/* Cuts blanks at both ends, in place. */
static char *trim(char *text) {
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length && strchr(" \t\r", text[length - 1]))
        text[--length] = '\0';
    return text;
}

static char *unquote(char *text) {
    size_t length = strlen(text);
    if (length >= 2 && (*text == '"' || *text == '\'') && text[length - 1] == *text) {
        text[length - 1] = '\0';
        return text + 1;
    }
    return text;
}

static int parse_lines(struct config_file *file, char *text, struct err *err) {
    size_t line = 0;
    for (char *next = text; next;) {
        char *begin = next, *end = strchr(begin, '\n');
        next = end ? end + 1 : NULL;
        if (end)
            *end = '\0';
        line++;
        begin = trim(begin);
        if (!*begin || *begin == '#')
            continue;
        char *equals = strchr(begin, '=');
        if (!equals)
            return refuse(file, line, "`name = value` is expected here", err);
        *equals = '\0';
        if (add(file, trim(begin), unquote(trim(equals + 1)), line, err) < 0)
            return -1;
    }
    return 0;
}

/* --- YAML --- */

struct yaml_reader {
    struct config_file *file;
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
};

static void reader_finish(struct yaml_reader *reader) {
    if (reader->has_event)
        yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
}

static size_t line_of(const struct yaml_reader *reader) {
    return reader->event.start_mark.line + 1;
}

static int next_event(struct yaml_reader *reader, struct err *err) {
    if (reader->has_event)
        yaml_event_delete(&reader->event);
    reader->has_event = yaml_parser_parse(&reader->parser, &reader->event);
    if (!reader->has_event)
        return refuse(reader->file, reader->parser.problem_mark.line + 1,
                      reader->parser.problem ? reader->parser.problem : "this is no YAML", err);
    return 0;
}

static const char *scalar(const struct yaml_reader *reader) {
    return (const char *)reader->event.data.scalar.value;
}

static int expect_scalar(struct yaml_reader *reader, const char *what, struct err *err) {
    if (reader->event.type != YAML_SCALAR_EVENT || reader->event.data.scalar.anchor)
        return refuse(reader->file, line_of(reader), what, err);
    if (strlen(scalar(reader)) != reader->event.data.scalar.length)
        return refuse(reader->file, line_of(reader), "a text with a NUL byte", err);
    return 0;
}

/* The event is the value's first. */
static int read_value(struct yaml_reader *reader, struct strbuf *value, struct err *err) {
    if (reader->event.type != YAML_SEQUENCE_START_EVENT) {
        if (expect_scalar(reader, "a text, a number or a list of them is expected as value", err) < 0)
            return -1;
        bool plain = reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        if (!plain || (!str_eq(scalar(reader), "~") && !str_eq(scalar(reader), "null")))
            strbuf_puts(value, scalar(reader));
        return 0;
    }
    for (bool first = true;; first = false) {
        if (next_event(reader, err) < 0)
            return -1;
        if (reader->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        if (expect_scalar(reader, "a text or a number is expected in a list", err) < 0)
            return -1;
        strbuf_printf(value, "%s%s", first ? "" : ",", scalar(reader));
    }
}

static int read_mapping(struct yaml_reader *reader, struct err *err) {
    for (;;) {
        if (next_event(reader, err) < 0)
            return -1;
        if (reader->event.type == YAML_MAPPING_END_EVENT)
            return 0;
        if (expect_scalar(reader, "a setting's name is expected here", err) < 0)
            return -1;
        size_t line = line_of(reader);
        _cleanup_free_ char *name = str_dup(scalar(reader));
        _cleanup_strbuf_ struct strbuf value = STRBUF_MAX(CONFIG_VALUE_MAX);
        if (next_event(reader, err) < 0 || read_value(reader, &value, err) < 0)
            return -1;
        if (value.overflow)
            return refuse(reader->file, line, "the value is too long", err);
        if (add(reader->file, name, strbuf_str(&value), line, err) < 0)
            return -1;
    }
}

static int parse_yaml(struct config_file *file, const char *text, size_t length, struct err *err) {
    __attribute__((cleanup(reader_finish))) struct yaml_reader reader = {.file = file};
    if (!yaml_parser_initialize(&reader.parser))
        return err_set(err, ERR_INTERNAL, NULL, "libyaml does not start");
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    for (bool seen = false;;) {
        if (next_event(&reader, err) < 0)
            return -1;
        switch (reader.event.type) {
        case YAML_STREAM_END_EVENT:
            return 0;
        case YAML_MAPPING_START_EVENT:
            if (seen)
                return refuse(file, line_of(&reader), "one document is expected", err);
            seen = true;
            if (read_mapping(&reader, err) < 0)
                return -1;
            break;
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
        default:
            return refuse(file, line_of(&reader), "`name: value` is expected here", err);
        }
    }
}

/* --- which of them --- */

/* The first line that says something, `name = value`: a name, blanks, '='. */
static bool is_lines(const char *text) {
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
        text += strspn(text, " \t\r");
        if (*text == '\n' || *text == '#' || !*text)
            continue;
        size_t name = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
        return text[name + strspn(text + name, " \t")] == '=';
    }
    return false;
}

int config_file_parse(struct config_file **ret, const char *name, const char *text, size_t length,
                      struct err *err) {
    _cleanup_config_file_ struct config_file *file = mem_zalloc(sizeof *file);
    file->path = str_dup(name);
    if (!str_is_utf8(text, length))
        return err_set(err, ERR_INVALID, "bad_config", "%s: this is no UTF-8 text", name);
    _cleanup_free_ char *copy = str_ndup(text, length);
    int status = is_lines(copy) ? parse_lines(file, copy, err) : parse_yaml(file, text, length, err);
    explicit_bzero(copy, length); /* it may hold passwords */
    if (status < 0)
        return -1;
    *ret = steal_pointer(&file);
    return 0;
}

int config_file_load(struct config_file **ret, const char *path, struct err *err) {
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    if (file_read(path, CONFIG_FILE_MAX, &text, &length, err) < 0)
        return -1;
    int status = config_file_parse(ret, path, text, length, err);
    explicit_bzero(text, length);
    return status;
}
