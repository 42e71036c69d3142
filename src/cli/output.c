#include "cli/output.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define CELL_MAX 256
#define COLUMNS_MAX 16

/* Terminals obey control characters; what a server sends must not reach them. */
static void put_safe(struct strbuf *cell, const char *text) {
    for (; *text; text++)
        strbuf_putc(cell, (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void put_age(struct strbuf *cell, const char *time) {
    int64_t then;
    char text[UNITS_TEXT_SIZE];
    if (!time || !time_parse(time, &then))
        return;
    int64_t seconds = (clock_wall_ms() - then) / 1000;
    if (seconds < 0)
        seconds = 0;
    if (seconds >= 7200)
        seconds -= seconds % (seconds >= 172800 ? 86400 : 3600);
    else if (seconds >= 120)
        seconds -= seconds % 60;
    strbuf_puts(cell, seconds ? duration_format(seconds, text) : "now");
}

static const json_t *at_path(const json_t *object, const char *path, size_t length) {
    while (length && object) {
        size_t part = 0;
        while (part < length && path[part] != '.')
            part++;
        _cleanup_free_ char *key = str_ndup(path, part);
        object = json_object_get(object, key);
        path += part;
        length -= part;
        if (length) {
            path++;
            length--;
        }
    }
    return object;
}

static void put_value(struct strbuf *cell, const json_t *value) {
    size_t index;
    json_t *item;
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_STRING:
        put_safe(cell, json_string_value(value));
        break;
    case JSON_INTEGER:
        strbuf_printf(cell, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        strbuf_printf(cell, "%g", json_real_value(value));
        break;
    case JSON_TRUE:
        strbuf_puts(cell, "yes");
        break;
    case JSON_FALSE:
        strbuf_puts(cell, "no");
        break;
    case JSON_ARRAY:
        json_array_foreach (value, index, item) {
            if (index)
                strbuf_putc(cell, ',');
            put_value(cell, item);
        }
        break;
    case JSON_OBJECT:
    case JSON_NULL:
        strbuf_putc(cell, '-');
        break;
    }
}

static void fill_cell(const json_t *row, const struct column *column, char *text) {
    struct strbuf cell = {.data = text, .capacity = CELL_MAX, .max = CELL_MAX - 1, .fixed = true};
    text[0] = '\0';
    const char *at = strchr(column->path, '@');
    size_t length = at ? (size_t)(at - column->path) : strlen(column->path);
    const json_t *value = at_path(row, column->path, length);
    if (at)
        put_age(&cell, json_string_value(value));
    else
        put_value(&cell, value);
}

/* Characters, not bytes, of UTF-8 text. */
static int width_of(const char *text) {
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_padded(const char *text, int width, bool last) {
    fputs(text, stdout);
    for (int i = width_of(text); !last && i < width + 2; i++)
        fputc(' ', stdout);
}

void output_table(const json_t *rows, const struct column *columns, size_t count, const char *empty) {
    if (!json_array_size(rows)) {
        puts(empty);
        return;
    }
    int widths[COLUMNS_MAX];
    char cell[CELL_MAX];
    size_t index;
    json_t *row;
    for (size_t i = 0; i < count; i++) {
        widths[i] = width_of(columns[i].heading);
        json_array_foreach ((json_t *)(uintptr_t)rows, index, row) {
            fill_cell(row, &columns[i], cell);
            if (width_of(cell) > widths[i])
                widths[i] = width_of(cell);
        }
    }
    for (size_t i = 0; i < count; i++)
        print_padded(columns[i].heading, widths[i], i + 1 == count);
    fputc('\n', stdout);
    json_array_foreach ((json_t *)(uintptr_t)rows, index, row) {
        for (size_t i = 0; i < count; i++) {
            fill_cell(row, &columns[i], cell);
            print_padded(cell, widths[i], i + 1 == count);
        }
        fputc('\n', stdout);
    }
}

void output_record(const json_t *object, const struct column *columns, size_t count) {
    char cell[CELL_MAX];
    for (size_t i = 0; i < count; i++) {
        fill_cell(object, &columns[i], cell);
        printf("%-14s %s\n", columns[i].heading, cell);
    }
}

void output_json(const json_t *value) {
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    fputc('\n', stdout);
}

int output_error(const struct err *err) {
    progress_clear();
    fprintf(stderr, "streamspace: %s\n", err->message);
    return 1;
}

int output_usage(const char *noun, const char *message) {
    fprintf(stderr, "streamspace %s: %s\nTry `streamspace %s --help`.\n", noun, message, noun);
    return 2;
}

static bool progress_visible;

void progress_show(const char *text, int64_t elapsed_ms) {
    if (!isatty(STDERR_FILENO))
        return;
    static const char *const frames[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"};
    fprintf(stderr, "\r\033[K%s %s  %" PRId64 ".%" PRId64 " s",
            frames[(size_t)(elapsed_ms / 120) % ARRAY_SIZE(frames)], text, elapsed_ms / 1000,
            elapsed_ms / 100 % 10);
    fflush(stderr);
    progress_visible = true;
}

void progress_clear(void) {
    if (progress_visible)
        fputs("\r\033[K", stderr);
    progress_visible = false;
}
