#include "json/writer.h"

#include <math.h>
#include <stdio.h>

static uint64_t level(const struct json_writer *w) {
    return (uint64_t)1 << w->depth;
}

/* Called before every value: the comma, and whether a value may stand here at all. */
static bool before_value(struct json_writer *w) {
    if (w->failed)
        return false;
    if (w->after_key) {
        w->after_key = false;
        return true;
    }
    if ((w->in_object & level(w)) || (w->depth == 0 && (w->has_items & 1))) {
        w->failed = true;
        return false;
    }
    if (w->depth && (w->has_items & level(w)))
        strbuf_putc(w->out, ',');
    w->has_items |= level(w);
    return true;
}

static void begin(struct json_writer *w, bool object) {
    if (!before_value(w))
        return;
    if (w->depth == JSON_WRITER_DEPTH_MAX) {
        w->failed = true;
        return;
    }
    if (w->depth == 0)
        w->has_items |= 1;
    w->depth++;
    w->has_items &= ~level(w);
    w->in_object = object ? w->in_object | level(w) : w->in_object & ~level(w);
    strbuf_putc(w->out, object ? '{' : '[');
}

static void end(struct json_writer *w, bool object) {
    bool matches = w->depth && ((w->in_object & level(w)) != 0) == object;
    if (w->failed || w->after_key || !matches) {
        w->failed = true;
        return;
    }
    w->depth--;
    strbuf_putc(w->out, object ? '}' : ']');
}

void jsonw_object_begin(struct json_writer *w) {
    begin(w, true);
}

void jsonw_object_end(struct json_writer *w) {
    end(w, true);
}

void jsonw_array_begin(struct json_writer *w) {
    begin(w, false);
}

void jsonw_array_end(struct json_writer *w) {
    end(w, false);
}

/* Length of the UTF-8 character at `text`, 0 when it is not one (or NUL, which our own decoder refuses). */
static size_t character_length(const char *text, size_t left) {
    unsigned char first = (unsigned char)*text;
    size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    return length <= left && str_is_utf8(text, length) ? length : 0;
}

static void escape(struct strbuf *out, unsigned char c) {
    switch (c) {
    case '"':
        strbuf_puts(out, "\\\"");
        break;
    case '\\':
        strbuf_puts(out, "\\\\");
        break;
    case '\n':
        strbuf_puts(out, "\\n");
        break;
    case '\r':
        strbuf_puts(out, "\\r");
        break;
    case '\t':
        strbuf_puts(out, "\\t");
        break;
    default:
        strbuf_printf(out, "\\u%04x", c);
    }
}

static void append_quoted(struct strbuf *out, const char *text, size_t length) {
    strbuf_putc(out, '"');
    size_t start = 0; /* of the run that needs no change */
    for (size_t i = 0; i < length;) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') { /* nearly all there is: no call for it */
            i++;
            continue;
        }
        size_t step = character_length(text + i, length - i);
        if (step && c >= 0x80) {
            i += step;
            continue;
        }
        strbuf_append(out, text + start, i - start);
        if (step)
            escape(out, c);
        else
            strbuf_puts(out, "\xef\xbf\xbd");
        start = ++i;
    }
    strbuf_append(out, text + start, length - start);
    strbuf_putc(out, '"');
}

void jsonw_key(struct json_writer *w, const char *key) {
    if (w->failed || w->after_key || !(w->in_object & level(w)) || !w->depth) {
        w->failed = true;
        return;
    }
    if (w->has_items & level(w))
        strbuf_putc(w->out, ',');
    w->has_items |= level(w);
    append_quoted(w->out, key, strlen(key));
    strbuf_putc(w->out, ':');
    w->after_key = true;
}

void jsonw_string_n(struct json_writer *w, const char *text, size_t length) {
    if (before_value(w))
        append_quoted(w->out, text, length);
}

void jsonw_string(struct json_writer *w, const char *text) {
    jsonw_string_n(w, text, strlen(text));
}

void jsonw_string_or_null(struct json_writer *w, const char *text) {
    if (text)
        jsonw_string(w, text);
    else
        jsonw_null(w);
}

void jsonw_int(struct json_writer *w, int64_t value) {
    if (before_value(w))
        strbuf_printf(w->out, "%lld", (long long)value);
}

void jsonw_bool(struct json_writer *w, bool value) {
    if (before_value(w))
        strbuf_puts(w->out, value ? "true" : "false");
}

void jsonw_null(struct json_writer *w) {
    if (before_value(w))
        strbuf_puts(w->out, "null");
}

void jsonw_double(struct json_writer *w, double value) {
    if (!isfinite(value)) {
        jsonw_null(w);
        return;
    }
    if (!before_value(w))
        return;
    /* 15 digits read better (0.1); 17 are what always reads back as the same number. */
    char text[40];
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof text, "%.17g", value);
    strbuf_puts(w->out, text);
}

void jsonw_raw(struct json_writer *w, const char *json, size_t length) {
    if (before_value(w))
        strbuf_append(w->out, json, length);
}

void jsonw_json(struct json_writer *w, const json_t *value) {
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (text)
        jsonw_raw(w, text, strlen(text));
    else
        jsonw_null(w);
    free(text);
}

void jsonw_strings(struct json_writer *w, const struct strv *list) {
    jsonw_array_begin(w);
    for (size_t i = 0; i < list->count; i++)
        jsonw_string(w, list->items[i]);
    jsonw_array_end(w);
}

void jsonw_put_string(struct json_writer *w, const char *key, const char *text) {
    jsonw_key(w, key);
    jsonw_string_or_null(w, text);
}

void jsonw_put_int(struct json_writer *w, const char *key, int64_t value) {
    jsonw_key(w, key);
    jsonw_int(w, value);
}

void jsonw_put_bool(struct json_writer *w, const char *key, bool value) {
    jsonw_key(w, key);
    jsonw_bool(w, value);
}

void jsonw_put_double(struct json_writer *w, const char *key, double value) {
    jsonw_key(w, key);
    jsonw_double(w, value);
}

void jsonw_put_null(struct json_writer *w, const char *key) {
    jsonw_key(w, key);
    jsonw_null(w);
}

void jsonw_put_raw(struct json_writer *w, const char *key, const char *json) {
    jsonw_key(w, key);
    if (str_empty(json))
        jsonw_null(w);
    else
        jsonw_raw(w, json, strlen(json));
}

void jsonw_put_json(struct json_writer *w, const char *key, const json_t *value) {
    jsonw_key(w, key);
    jsonw_json(w, value);
}

void jsonw_put_object(struct json_writer *w, const char *key) {
    jsonw_key(w, key);
    jsonw_object_begin(w);
}

void jsonw_put_array(struct json_writer *w, const char *key) {
    jsonw_key(w, key);
    jsonw_array_begin(w);
}

bool jsonw_ok(const struct json_writer *w) {
    return !w->failed && !w->after_key && w->depth == 0 && (w->has_items & 1) && !w->out->overflow;
}
