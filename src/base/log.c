#include "base/log.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static _Atomic enum log_level threshold = LOG_INFO;
static bool as_json;
static const char *role_name;

static const char *const names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level level, bool json, const char *role) {
    threshold = level;
    as_json = json;
    role_name = role;
}

void log_set_level(enum log_level level) {
    atomic_store_explicit(&threshold, level, memory_order_relaxed);
}

bool log_level_parse(const char *text, enum log_level *ret) {
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(text, names[i])) {
            *ret = (enum log_level)i;
            return true;
        }
    return false;
}

bool log_enabled(enum log_level level) {
    return level >= atomic_load_explicit(&threshold, memory_order_relaxed);
}

/* Quotes as JSON does (RFC 8259 section 7), so that no value can forge a line. */
static void put_quoted(struct strbuf *line, const char *text) {
    strbuf_putc(line, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            strbuf_printf(line, "\\%c", c);
        else if (c == '\n')
            strbuf_puts(line, "\\n");
        else if (c < 0x20 || c == 0x7f)
            strbuf_printf(line, "\\u%04x", c);
        else
            strbuf_putc(line, (char)c);
    }
    strbuf_putc(line, '"');
}

static bool is_plain(const char *text) {
    if (!*text)
        return false;
    for (; *text; text++)
        if ((unsigned char)*text <= 0x20 || *text == '"' || *text == '=' || *text == '\\' || *text == 0x7f)
            return false;
    return true;
}

static void put_pair(struct strbuf *line, const char *key, const char *value) {
    if (as_json) {
        strbuf_putc(line, ',');
        put_quoted(line, key);
        strbuf_putc(line, ':');
        put_quoted(line, value);
        return;
    }
    strbuf_printf(line, " %s=", key);
    if (is_plain(value))
        strbuf_puts(line, value);
    else
        put_quoted(line, value);
}

void log_write(enum log_level level, const char *message, ...) {
    if (!log_enabled(level))
        return;
    char bytes[LOG_LINE_MAX];
    struct strbuf line = {
        .data = bytes, .capacity = sizeof bytes - 3, .max = sizeof bytes - 4, .fixed = true};
    char now[TIME_TEXT_SIZE];
    time_now(now);
    if (as_json) {
        strbuf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", now, names[level]);
        put_quoted(&line, message);
        if (role_name)
            put_pair(&line, "role", role_name);
    } else {
        strbuf_printf(&line, "%s %-5s %s%s%s", now, names[level], role_name ? role_name : "",
                      role_name ? ": " : "", message);
    }
    va_list args;
    va_start(args, message);
    const char *key;
    while ((key = va_arg(args, const char *))) {
        const char *value = va_arg(args, const char *);
        if (value)
            put_pair(&line, key, value);
    }
    va_end(args);
    size_t length = line.length;
    if (as_json)
        bytes[length++] = '}';
    bytes[length++] = '\n';
    (void)!write(STDERR_FILENO, bytes, length);
}
